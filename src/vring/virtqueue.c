/* SPDX-License-Identifier: BSD-3-Clause */
#include "vring/virtqueue.h"

#include <errno.h>
#include <unistd.h>

int virtqueue_init(struct virtqueue *vq, const struct virtqueue_config *cfg)
{
	bool packed = cfg->features & 1ull << VIRTIO_F_RING_PACKED;

	if (cfg->size == 0 || cfg->size > 32768 || (!packed && (cfg->size & (cfg->size - 1))) ||
	    (packed && (cfg->last_avail & 0x7FFFu) >= cfg->size))
		return -EINVAL;
	*vq = (struct virtqueue){
		.desc = cfg->desc,
		.avail = cfg->avail,
		.used = cfg->used,
		.mem = cfg->mem,
		.size = cfg->size,
		.mask = (uint16_t)(cfg->size - 1),
		.last_avail = cfg->last_avail,
		.avail_idx = cfg->last_avail,
		.hdr_len = cfg->features & (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF)
				   ? sizeof(struct virtio_net_hdr_v1)
				   : sizeof(struct virtio_net_hdr),
		.packed = packed,
		.event_idx = cfg->features & 1ull << VIRTIO_RING_F_EVENT_IDX,
		.mergeable = cfg->features & 1ull << VIRTIO_NET_F_MRG_RXBUF,
		.indirect = cfg->features & 1ull << VIRTIO_RING_F_INDIRECT_DESC,
		.log = cfg->log,
		.log_size = cfg->log_size,
		.used_gpa = cfg->used_gpa,
		.event_gpa = cfg->event_gpa,
		.kick_fd = cfg->kick_fd,
		.call_fd = cfg->call_fd,
		.err_fd = cfg->err_fd,
	};
	vq->used_idx = packed ? cfg->last_avail : __atomic_load_n(&vq->used->idx, __ATOMIC_RELAXED);
	vq->used_public = vq->call_idx = vq->used_idx;
	return 0;
}

void virtqueue_break(struct virtqueue *vq, const char *reason)
{
	const uint64_t one = 1;

	if (vq->broken)
		return;
	__atomic_store_n(&vq->broken, reason, __ATOMIC_RELEASE); /* control reads it (nic_queue_info) */
	if (vq->err_fd >= 0 && write(vq->err_fd, &one, sizeof one) < 0)
		vq->err_fd = -1; /* nobody listens there; the daemon reports the reason itself */
}

void virtqueue_log(const struct virtqueue *vq, uint64_t gpa, uint64_t len)
{
	if (len == 0)
		return;
	for (uint64_t page = gpa >> 12; page <= (gpa + len - 1) >> 12; page++)
		if (page / 8 < vq->log_size)
			__atomic_fetch_or(&vq->log[page / 8], (uint8_t)(1u << (page % 8)), __ATOMIC_RELAXED);
}

/* ---- notifications from the guest ---- */

static void log_event(const struct virtqueue *vq)
{
	if (vq->log)
		virtqueue_log(vq, vq->event_gpa, sizeof *vq->device_event);
}

void virtqueue_kicks_off(struct virtqueue *vq)
{
	if (vq->packed) {
		__atomic_store_n(&vq->device_event->flags, VRING_PACKED_EVENT_FLAG_DISABLE, __ATOMIC_RELAXED);
		log_event(vq);
		return;
	}
	if (vq->event_idx)
		return;
	__atomic_store_n(&vq->used->flags, VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
	if (vq->log)
		virtqueue_log(vq, vq->used_gpa, sizeof vq->used->flags);
}

static void ask_for_kicks(struct virtqueue *vq)
{
	if (!vq->packed) {
		if (vq->event_idx) /* avail_event lies behind the used ring (virtio 1.2 §2.7.10) */
			__atomic_store_n((uint16_t *)(void *)&vq->used->ring[vq->size], vq->last_avail, __ATOMIC_RELAXED);
		else
			__atomic_store_n(&vq->used->flags, 0, __ATOMIC_RELAXED);
		if (vq->log)
			virtqueue_log(vq, vq->used_gpa,
				      sizeof(struct vring_used) + vq->size * sizeof(struct vring_used_elem) + 2);
		return;
	}
	if (!vq->event_idx) {
		__atomic_store_n(&vq->device_event->flags, VRING_PACKED_EVENT_FLAG_ENABLE, __ATOMIC_RELAXED);
	} else {
		__atomic_store_n(&vq->device_event->off_wrap, vq->last_avail, __ATOMIC_RELAXED);
		__atomic_store_n(&vq->device_event->flags, VRING_PACKED_EVENT_FLAG_DESC, __ATOMIC_RELEASE);
	}
	log_event(vq);
}

bool virtqueue_kicks_on(struct virtqueue *vq)
{
	ask_for_kicks(vq);
	/* the guest writes its index, then reads our wish; we write our wish, then read its index */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (virtqueue_ready(vq, vq->last_avail)) {
		virtqueue_kicks_off(vq);
		return false;
	}
	return true;
}

/* ---- bursts of the transmit ring ---- */

bool virtqueue_find_slot(struct virtqueue *vq, struct vq_buf *b)
{
	uint32_t len = b->len;

	b->ptr = virtqueue_at(vq, b->gpa, &len);
	return b->ptr && len == b->len;
}

/* The memory of a buffer of one piece, not found in the slot found last; true unless the ring broke. */
static bool find_piece(struct virtqueue *vq, struct vq_buf *b)
{
	if (virtqueue_find_slot(vq, b))
		return true;
	if (!b->ptr) {
		virtqueue_break(vq, "a descriptor points outside the VM's memory");
		return false;
	}
	b->ptr = NULL; /* lies in two slots */
	return true;
}

static unsigned split_fetch(struct virtqueue *vq, struct vq_buf *buf, unsigned n, uint32_t min, uint32_t max)
{
	struct guest_mem_near near = vq->near;
	const struct vring_desc *desc = vq->desc;
	const uint16_t pos = vq->last_avail, have = split_available(vq, pos, 1);

	if (n > have)
		n = have;
	if (split_heads(vq, pos, buf, n) < n)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct vring_desc d = split_desc(&desc[buf[i].id]);

		buf[i].ptr = NULL;
		buf[i].gpa = d.addr;
		buf[i].len = d.len;
		if (__builtin_expect(d.flags != 0 || d.len - min > max - min, 0))
			continue;
		buf[i].ptr = guest_mem_in(&near, d.addr, d.len);
		if (__builtin_expect(!buf[i].ptr, 0)) {
			if (!find_piece(vq, &buf[i]))
				return 0;
			near = vq->near;
		}
	}
	return n;
}

static unsigned packed_fetch(struct virtqueue *vq, struct vq_buf *buf, unsigned n, uint32_t min, uint32_t max)
{
	struct guest_mem_near near = vq->near;
	uint16_t pos = vq->last_avail;
	unsigned i = 0;

	while (i < n) {
		const struct vring_packed_desc *at = packed_at(vq, pos);
		const uint16_t available = packed_available(pos);
		const unsigned run = packed_run(vq, pos, n - i);

		for (unsigned end = i + run; i < end; i++, at++) {
			struct vring_packed_desc d = packed_desc(at);

			buf[i].ptr = NULL;
			buf[i].gpa = d.addr;
			buf[i].len = d.len;
			buf[i].id = d.id;
			if (__builtin_expect(d.flags != available || d.len - min > max - min, 0))
				return packed_is_available(d.flags, pos) ? i + 1 : i;
			buf[i].ptr = guest_mem_in(&near, d.addr, d.len);
			if (__builtin_expect(!buf[i].ptr, 0)) {
				if (!find_piece(vq, &buf[i]))
					return 0;
				if (!buf[i].ptr)
					return i + 1;
				near = vq->near;
			}
		}
		pos = packed_step(vq, pos, (uint16_t)run);
	}
	return n;
}

unsigned virtqueue_fetch(struct virtqueue *vq, struct vq_buf *buf, unsigned n, uint32_t min, uint32_t max)
{
	return vq->packed ? packed_fetch(vq, buf, n, min, max) : split_fetch(vq, buf, n, min, max);
}

/* ---- any layout ---- */

/* A descriptor of either kind. */
struct piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags; /* NEXT, WRITE, INDIRECT only */
	uint16_t next;  /* split tables */
};

/* One descriptor's bytes as pieces; a buffer may cross from one slot into the next. Returns how many there are now. */
static int add_piece(struct virtqueue *vq, const struct piece *p, bool writable, struct vq_chain *c, int n)
{
	uint64_t addr = p->addr;
	uint32_t left = p->len;

	if (!(p->flags & VRING_DESC_F_WRITE) == writable) {
		virtqueue_break(vq, writable ? "a read-only buffer on a receive ring" : "a writable buffer on a transmit ring");
		return 0;
	}
	if (left > UINT32_MAX - c->total)
		return -E2BIG;
	c->total += left;
	while (left) {
		uint32_t len = left;
		void *ptr = virtqueue_at(vq, addr, &len);

		if (!ptr) {
			virtqueue_break(vq, "a descriptor points outside the VM's memory");
			return 0;
		}
		if ((unsigned)n == c->max)
			return -E2BIG;
		c->seg[n] = (struct vq_seg){ ptr, len };
		if (c->gpa)
			c->gpa[n] = addr;
		n++;
		addr += len;
		left -= len;
	}
	return n;
}

/* An indirect table: copied out whole first, as the guest may change it meanwhile. */
static int walk_indirect(struct virtqueue *vq, const struct piece *p, bool writable, struct vq_chain *c, int n)
{
	struct vring_desc table[VQ_MAX_SEGS];
	uint32_t entries = p->len / sizeof table[0], got = 0, i = 0;

	if (!vq->indirect) {
		virtqueue_break(vq, "an indirect descriptor without the feature");
		return 0;
	}
	if (p->len == 0 || p->len % sizeof table[0]) {
		virtqueue_break(vq, "an indirect table whose length is no multiple of 16");
		return 0;
	}
	if (entries > VQ_MAX_SEGS)
		return -E2BIG;
	while (got < p->len) {
		uint32_t len = p->len - got;
		const void *ptr = virtqueue_at(vq, p->addr + got, &len);

		if (!ptr) {
			virtqueue_break(vq, "an indirect table outside the VM's memory");
			return 0;
		}
		memcpy((uint8_t *)table + got, ptr, len);
		got += len;
	}
	for (uint32_t seen = 0;; seen++) {
		struct piece d;
		uint16_t flags;

		if (i >= entries) {
			virtqueue_break(vq, "a descriptor's next field points beyond its table");
			return 0;
		}
		if (seen == entries) {
			virtqueue_break(vq, "a descriptor chain loops");
			return 0;
		}
		if (vq->packed) { /* in order, flags but WRITE reserved (virtio 1.2 §2.8.8) */
			const struct vring_packed_desc *t = (const struct vring_packed_desc *)(const void *)table;

			flags = t[i].flags;
			d = (struct piece){ t[i].addr, t[i].len, flags & VRING_DESC_F_WRITE, 0 };
			if (i + 1 < entries)
				d.flags |= VRING_DESC_F_NEXT;
			d.next = (uint16_t)(i + 1);
		} else {
			flags = table[i].flags;
			d = (struct piece){ table[i].addr, table[i].len, flags, table[i].next };
		}
		if (flags & VRING_DESC_F_INDIRECT) {
			virtqueue_break(vq, "an indirect descriptor inside an indirect table");
			return 0;
		}
		n = add_piece(vq, &d, writable, c, n);
		if (vq->broken || n < 0)
			return n;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return n;
		i = d.next;
	}
}

static int split_chain(struct virtqueue *vq, uint16_t pos, bool writable, struct vq_chain *c)
{
	struct vq_buf head;
	uint32_t i;
	int n = 0;

	if (split_heads(vq, pos, &head, 1) == 0)
		return 0;
	c->id = head.id;
	i = head.id;
	c->ndesc = 1;
	c->next = (uint16_t)(pos + 1);
	for (uint32_t seen = 0;; seen++) {
		struct vring_desc d;
		struct piece p;

		if (i >= vq->size) {
			virtqueue_break(vq, "a descriptor's next field points beyond its table");
			return 0;
		}
		if (seen == vq->size) {
			virtqueue_break(vq, "a descriptor chain loops");
			return 0;
		}
		d = split_desc(&vq->desc[i]);
		p = (struct piece){ d.addr, d.len, d.flags, d.next };
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (d.flags & VRING_DESC_F_NEXT) {
				virtqueue_break(vq, "an indirect descriptor with a next field");
				return 0;
			}
			return walk_indirect(vq, &p, writable, c, n);
		}
		n = add_piece(vq, &p, writable, c, n);
		if (vq->broken || n < 0 || !(d.flags & VRING_DESC_F_NEXT))
			return n;
		i = d.next;
	}
}

static int packed_chain(struct virtqueue *vq, uint16_t pos, bool writable, struct vq_chain *c)
{
	bool too_big = false;
	int n = 0;

	for (c->ndesc = 1;; c->ndesc++) {
		struct vring_packed_desc d = packed_desc(packed_at(vq, pos));
		struct piece p = { d.addr, d.len, d.flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT), 0 };

		if (c->ndesc > vq->size || !packed_is_available(d.flags, pos)) {
			virtqueue_break(vq, "a descriptor chain runs into entries that are not available");
			return 0;
		}
		pos = packed_next(vq, pos);
		c->id = d.id;
		c->next = pos;
		if ((d.flags & VRING_DESC_F_INDIRECT) && (d.flags & VRING_DESC_F_NEXT || c->ndesc > 1)) {
			virtqueue_break(vq, "an indirect descriptor with a next field");
			return 0;
		}
		if (!too_big) {
			n = d.flags & VRING_DESC_F_INDIRECT ? walk_indirect(vq, &p, writable, c, n)
							    : add_piece(vq, &p, writable, c, n);
			if (vq->broken)
				return 0;
			too_big = n < 0; /* go on: the driver gets the whole chain back */
		}
		if (!(d.flags & VRING_DESC_F_NEXT))
			return n;
	}
}

int virtqueue_chain(struct virtqueue *vq, uint16_t pos, bool writable, struct vq_chain *c)
{
	int n;

	c->total = 0;
	n = vq->packed ? packed_chain(vq, pos, writable, c) : split_chain(vq, pos, writable, c);
	if (vq->broken)
		return 0;
	if (n == 0)
		virtqueue_break(vq, "an empty descriptor chain");
	return n;
}
