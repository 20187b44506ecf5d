/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed rings (virtio 1.2 §2.8). Included by vring/virtqueue.h only; worker only.
 *
 * A batch is published by the flags of its first entry, written last: the driver reads in order, so it sees all or none.
 */
#ifndef VMQ_VRING_PACKED_H
#define VMQ_VRING_PACKED_H

#define PACKED_WRAP 0x8000u
#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1u << VRING_PACKED_DESC_F_USED)

/* The position n entries on; n is at most the ring's size. */
static inline uint16_t packed_step(const struct virtqueue *vq, uint16_t pos, uint16_t n)
{
	uint32_t i = (pos & 0x7FFFu) + n;

	if (i < vq->size)
		return (uint16_t)(i | (pos & PACKED_WRAP));
	return (uint16_t)((i - vq->size) | (~pos & PACKED_WRAP));
}

/* The next position. */
static inline uint16_t packed_next(const struct virtqueue *vq, uint16_t pos)
{
	uint16_t next = (uint16_t)(pos + 1);

	return (next & 0x7FFFu) < vq->size ? next : (uint16_t)(~pos & PACKED_WRAP);
}

/* Of n entries from `pos` on, those that lie before the ring's end: they have one wrap counter. */
static inline unsigned packed_run(const struct virtqueue *vq, uint16_t pos, unsigned n)
{
	unsigned left = vq->size - (pos & 0x7FFFu);

	return n < left ? n : left;
}

static inline struct vring_packed_desc *packed_at(const struct virtqueue *vq, uint16_t pos)
{
	return &vq->packed_desc[pos & 0x7FFFu];
}

/* A descriptor as it is now. The half with the flags is read first; acquire: pairs with the driver's barrier before it
 * writes them (virtio 1.2 §2.8.21.1). */
static inline struct vring_packed_desc packed_desc(const struct vring_packed_desc *d)
{
	const uint64_t *p = (const uint64_t *)(const void *)d;
	union {
		uint64_t w[2];
		struct vring_packed_desc d;
	} v;

	v.w[1] = __atomic_load_n(&p[1], __ATOMIC_ACQUIRE);
	v.w[0] = __atomic_load_n(&p[0], __ATOMIC_RELAXED);
	return v.d;
}

/* The two bits of an entry that is available in this lap: the avail bit equals our wrap counter and the used bit does not. */
static inline uint16_t packed_available(uint16_t pos)
{
	return pos & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED;
}

static inline bool packed_is_available(uint16_t flags, uint16_t pos)
{
	return (flags & (PACKED_AVAIL | PACKED_USED)) == packed_available(pos);
}

static inline bool packed_ready(const struct virtqueue *vq, uint16_t pos)
{
	return packed_is_available(__atomic_load_n(&packed_at(vq, pos)->flags, __ATOMIC_ACQUIRE), pos);
}

/* Whether there are so many is seen when they are read. */
static inline unsigned packed_take(struct virtqueue *vq, unsigned n)
{
	for (unsigned done = 0; done < n;) {
		unsigned run = packed_run(vq, vq->last_avail, n - done);
		const struct vring_packed_desc *d = packed_at(vq, vq->last_avail);

		for (unsigned i = 0; i < run; i += 4) /* a line holds four */
			__builtin_prefetch(&d[i], 1);
		__builtin_prefetch(&d[run - 1], 1);
		vq->last_avail = packed_step(vq, vq->last_avail, (uint16_t)run);
		done += run;
	}
	return n;
}

/* available: packed_available of its position. */
static inline bool packed_is_buffer(const struct vring_packed_desc *at, uint16_t available, struct vq_buf *b)
{
	struct vring_packed_desc d = packed_desc(at);

	b->gpa = d.addr;
	b->id = d.id;
	return d.flags == (available | VRING_DESC_F_WRITE) && d.len >= b->len;
}

/* What makes entry `pos` used in this lap, beside the flags of a chain. */
static inline uint16_t packed_used_flags(uint16_t pos, uint32_t len)
{
	return (uint16_t)((pos & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED : 0) | (len ? VRING_DESC_F_WRITE : 0));
}

/* The half of a descriptor that says what became of its buffer, written whole. */
static inline void packed_store_used(struct vring_packed_desc *d, uint16_t id, uint32_t len, uint16_t flags)
{
	union {
		uint64_t w[2];
		struct vring_packed_desc d;
	} v = { .d = { .len = len, .id = id, .flags = flags } };

	__atomic_store_n(&((uint64_t *)(void *)d)[1], v.w[1], __ATOMIC_RELAXED);
}

static inline void packed_write_used(struct virtqueue *vq, uint16_t id, uint32_t len, uint16_t ndesc)
{
	struct vring_packed_desc *d = packed_at(vq, vq->used_idx);
	uint16_t flags = packed_used_flags(vq->used_idx, len);

	if (vq->used_idx == vq->used_public) {
		__atomic_store_n(&d->id, id, __ATOMIC_RELAXED);
		__atomic_store_n(&d->len, len, __ATOMIC_RELAXED);
		vq->first_flags = flags;
	} else {
		packed_store_used(d, id, len, flags);
	}
	vq->used_idx = packed_step(vq, vq->used_idx, ndesc);
	vq->since_call = (uint16_t)(vq->since_call + ndesc);
}

static inline void packed_used(struct virtqueue *vq, uint16_t id, uint32_t len, uint16_t ndesc)
{
	if (__builtin_expect(vq->inflight != NULL, 0)) /* before its descriptor is written over */
		virtqueue_note_used(vq, id, ndesc);
	packed_write_used(vq, id, len, ndesc);
}

/* n buffers of one entry each: b[], b[].len bytes written into them, or (b NULL) id[], nothing. */
static inline __attribute__((always_inline)) void packed_store_row(struct virtqueue *vq, const struct vq_buf *b, const uint16_t *id, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		const uint16_t flags = packed_used_flags(vq->used_idx, b != NULL);
		struct vring_packed_desc *d = packed_at(vq, vq->used_idx);
		unsigned run = packed_run(vq, vq->used_idx, n - i);

		for (unsigned k = 0; k < run; k++)
			packed_store_used(&d[k], b ? b[i + k].id : id[i + k], b ? b[i + k].len : 0, flags);
		vq->used_idx = packed_step(vq, vq->used_idx, (uint16_t)run);
		i += run;
	}
}

/* n buffers of one entry each, b[].len bytes written into them. */
static inline void packed_used_row(struct virtqueue *vq, const struct vq_buf *b, unsigned n)
{
	unsigned i = 0;

	if (__builtin_expect(vq->inflight != NULL, 0)) {
		for (; i < n; i++)
			packed_used(vq, b[i].id, b[i].len, 1);
		return;
	}
	if (n && vq->used_idx == vq->used_public) { /* its flags are written last */
		packed_write_used(vq, b[0].id, b[0].len, 1);
		i = 1;
	}
	vq->since_call = (uint16_t)(vq->since_call + n - i);
	packed_store_row(vq, b + i, NULL, n - i);
}

/* n buffers that nothing was written into. */
static inline void packed_done_row(struct virtqueue *vq, const uint16_t *id, const uint16_t *ndesc, unsigned n)
{
	unsigned entries = 0;

	if (n == 0)
		return;
	packed_write_used(vq, id[0], 0, ndesc[0]);
	for (unsigned i = 1; i < n; i++)
		entries += ndesc[i];
	if (__builtin_expect(entries == n - 1, 1)) {
		packed_store_row(vq, NULL, id + 1, n - 1);
	} else {
		for (unsigned i = 1; i < n; i++) {
			packed_store_used(packed_at(vq, vq->used_idx), id[i], 0, packed_used_flags(vq->used_idx, 0));
			vq->used_idx = packed_step(vq, vq->used_idx, ndesc[i]);
		}
	}
	vq->since_call = (uint16_t)(vq->since_call + entries);
}

static inline void packed_publish(struct virtqueue *vq)
{
	uint16_t first = vq->used_public & 0x7FFFu, end = vq->used_idx & 0x7FFFu;

	/* release: the other entries and the buffers before the flags of the first */
	__atomic_store_n(&vq->packed_desc[first].flags, vq->first_flags, __ATOMIC_RELEASE);
	if (__builtin_expect(vq->log != NULL, 0)) {
		uint64_t size = sizeof(struct vring_packed_desc), at = vq->used_gpa + first * size;

		if (end > first) {
			virtqueue_log(vq, at, (uint64_t)(end - first) * size);
		} else {
			virtqueue_log(vq, at, (uint64_t)(vq->size - first) * size);
			virtqueue_log(vq, vq->used_gpa, end * size);
		}
	}
}

static inline bool packed_wants_call(const struct virtqueue *vq)
{
	uint16_t flags = __atomic_load_n(&vq->driver_event->flags, __ATOMIC_ACQUIRE), event, off;

	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !vq->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	event = __atomic_load_n(&vq->driver_event->off_wrap, __ATOMIC_RELAXED);
	off = event & 0x7FFFu;
	if ((event ^ vq->used_public) & PACKED_WRAP) /* a place of the lap before */
		off = (uint16_t)(off - vq->size);
	return vring_need_event(off, vq->used_public & 0x7FFFu,
				(uint16_t)((vq->used_public & 0x7FFFu) - vq->since_call));
}

#endif
