/* SPDX-License-Identifier: BSD-3-Clause */
/* Split rings (virtio 1.2 §2.7). Included by vring/virtqueue.h only; worker only. */
#ifndef VMQ_VRING_SPLIT_H
#define VMQ_VRING_SPLIT_H

/* How many entries from `pos` on the guest has made available, looking at its index (once) only when fewer than `want`
 * are left of the last look; 0 when the ring breaks. */
static inline uint16_t split_available(struct virtqueue *vq, uint16_t pos, unsigned want)
{
	uint16_t n = (uint16_t)(vq->avail_idx - pos);
	uint16_t idx;

	if (n >= want)
		return n;
	/* acquire: pairs with the guest's write barrier between ring entry and index (virtio 1.2 §2.7.13.3) */
	idx = __atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE);
	if (__builtin_expect((uint16_t)(idx - vq->last_avail) > vq->size ||
			     (uint16_t)(idx - vq->last_avail) < (uint16_t)(vq->avail_idx - vq->last_avail), 0)) {
		virtqueue_break(vq, "the available index jumped by more than the ring's size");
		return 0;
	}
	vq->avail_idx = idx;
	return (uint16_t)(idx - pos);
}

static inline bool split_ready(struct virtqueue *vq, uint16_t pos)
{
	return split_available(vq, pos, 1) > 0;
}

/* A descriptor as it is now: two loads, so that it cannot change between check and use. */
static inline struct vring_desc split_desc(const struct vring_desc *d)
{
	union {
		uint64_t w[2];
		struct vring_desc d;
	} v;

	v.w[0] = __atomic_load_n(&((const uint64_t *)(const void *)d)[0], __ATOMIC_RELAXED);
	v.w[1] = __atomic_load_n(&((const uint64_t *)(const void *)d)[1], __ATOMIC_RELAXED);
	return v.d;
}

/* The head at place `at` of a ring of mask + 1; its descriptor is on the way from then on. False: there is no such descriptor. */
static inline bool split_head(const uint16_t *avail, const struct vring_desc *desc, unsigned mask, unsigned at, struct vq_buf *b)
{
	const uint16_t head = __atomic_load_n(&avail[at & mask], __ATOMIC_RELAXED);

	if (__builtin_expect(head > mask, 0))
		return false;
	b->id = head;
	__builtin_prefetch(&desc[head]);
	return true;
}

/* The head of the one buffer at `pos`, which is available. */
static inline bool split_peek(const struct virtqueue *vq, uint16_t pos, struct vq_buf *b)
{
	return split_head(vq->avail->ring, vq->desc, vq->mask, pos, b);
}

/* The lines of the used ring where n buffers, one line's or little more, will be given back are on the way from now on. */
static inline void split_prefetch_used(const struct virtqueue *vq, unsigned n)
{
	__builtin_prefetch(&vq->used->ring[vq->used_idx & vq->mask], 1);
	__builtin_prefetch(&vq->used->ring[(vq->used_idx + n - 1) & vq->mask], 1);
}

/* The heads of n available buffers from `pos` on; their descriptors, and the lines of the used ring where the buffers will
 * be given back, are on the way from then on. Returns how many: fewer when the ring breaks. */
static inline unsigned split_heads(struct virtqueue *vq, uint16_t pos, struct vq_buf *b, unsigned n)
{
	const struct vring_desc *desc = vq->desc;
	const uint16_t *avail = vq->avail->ring;
	const struct vring_used_elem *used = vq->used->ring;
	const unsigned mask = vq->mask, used_idx = vq->used_idx;

	for (unsigned i = 0; i < n; i += 8) /* a line of the used ring holds eight entries */
		__builtin_prefetch(&used[(used_idx + i) & mask], 1);
	for (unsigned i = 0; i < n; i++) {
		if (__builtin_expect(!split_head(avail, desc, mask, pos + i, &b[i]), 0)) {
			virtqueue_break(vq, "an available entry names a descriptor beyond the ring");
			return i;
		}
	}
	return n;
}

static inline unsigned split_take(struct virtqueue *vq, struct vq_buf *b, unsigned n)
{
	const uint16_t pos = vq->last_avail, have = split_available(vq, pos, n);

	n = split_heads(vq, pos, b, n < have ? n : have);
	vq->last_avail = (uint16_t)(pos + n);
	return n;
}

static inline bool split_is_buffer(const struct vring_desc *desc, struct vq_buf *b)
{
	struct vring_desc d = split_desc(&desc[b->id]);

	b->gpa = d.addr;
	return d.flags == VRING_DESC_F_WRITE && d.len >= b->len;
}

/* An entry of the used ring as one word: written whole. */
static inline uint64_t split_used_word(uint16_t head, uint32_t len)
{
	union {
		struct vring_used_elem e;
		uint64_t w;
	} v = { .e = { head, len } };

	return v.w;
}

static inline void split_used(struct virtqueue *vq, uint16_t head, uint32_t len)
{
	uint64_t *ring = (uint64_t *)(void *)vq->used->ring;

	__atomic_store_n(&ring[vq->used_idx & vq->mask], split_used_word(head, len), __ATOMIC_RELAXED);
	vq->used_idx++;
}

/* n buffers of one entry each, b[].len bytes written into them. */
static inline void split_used_row(struct virtqueue *vq, const struct vq_buf *b, unsigned n)
{
	uint64_t *ring = (uint64_t *)(void *)vq->used->ring;
	const unsigned at = vq->used_idx, mask = vq->mask;

	for (unsigned i = 0; i < n; i++)
		__atomic_store_n(&ring[(at + i) & mask], split_used_word(b[i].id, b[i].len), __ATOMIC_RELAXED);
	vq->used_idx = (uint16_t)(at + n);
}

/* n buffers that nothing was written into. */
static inline void split_done_row(struct virtqueue *vq, const uint16_t *id, unsigned n)
{
	uint64_t *ring = (uint64_t *)(void *)vq->used->ring;
	const unsigned at = vq->used_idx, mask = vq->mask;

	for (unsigned i = 0; i < n; i++)
		__atomic_store_n(&ring[(at + i) & mask], split_used_word(id[i], 0), __ATOMIC_RELAXED);
	vq->used_idx = (uint16_t)(at + n);
}

static inline void split_publish(struct virtqueue *vq)
{
	/* release: the entries and the buffers before the index (virtio 1.2 §2.7.8.2) */
	__atomic_store_n(&vq->used->idx, vq->used_idx, __ATOMIC_RELEASE);
	if (__builtin_expect(vq->log != NULL, 0)) {
		uint16_t first = vq->used_public & vq->mask, n = (uint16_t)(vq->used_idx - vq->used_public);
		uint64_t ring = vq->used_gpa + offsetof(struct vring_used, ring);
		uint16_t run = n < vq->size - first ? n : (uint16_t)(vq->size - first);

		virtqueue_log(vq, vq->used_gpa, sizeof(struct vring_used));
		virtqueue_log(vq, ring + first * sizeof(struct vring_used_elem), run * sizeof(struct vring_used_elem));
		virtqueue_log(vq, ring, (uint64_t)(n - run) * sizeof(struct vring_used_elem));
	}
}

/* Changes with what the driver posts and with the interrupt it asks for: the same as before means it has not moved. */
static inline uint32_t split_progress(const struct virtqueue *vq)
{
	uint32_t event = vq->event_idx ? __atomic_load_n(&vq->avail->ring[vq->size], __ATOMIC_RELAXED) : 0u;

	return event << 16 | __atomic_load_n(&vq->avail->idx, __ATOMIC_RELAXED);
}

static inline bool split_wants_call(const struct virtqueue *vq)
{
	if (vq->event_idx) /* used_event lies behind the available ring (virtio 1.2 §2.7.7) */
		return vring_need_event(__atomic_load_n(&vq->avail->ring[vq->size], __ATOMIC_RELAXED), vq->used_public,
					vq->call_idx);
	return !(__atomic_load_n(&vq->avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT);
}

#endif
