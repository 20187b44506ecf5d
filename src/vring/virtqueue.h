/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue, device side: the positions, what was negotiated, and the memory it lies in. One worker owns it from
 * start to stop; nobody else touches it. Everything the guest can write is read once into a local and checked; a
 * violation leaves a reason in `broken` and the ring is not touched again.
 *
 * Split and packed rings (virtio 1.2 §2.7, §2.8) differ in vring/split.h and vring/packed.h; here is what both have.
 * A position names an entry: for a split ring the free-running index of the available ring, for a packed ring the
 * descriptor's number with the wrap counter in bit 15, as GET_VRING_BASE gives it.
 *
 * Transmit ring, in bursts: virtqueue_fetch and virtqueue_chain, virtqueue_taken, then virtqueue_done for each buffer in
 * any order, then virtqueue_publish. Receive ring, rows of buffers: virtqueue_take, virtqueue_slots and virtqueue_used_row; or one
 * by one, the slow way: virtqueue_chain and virtqueue_used. Then virtqueue_publish. After publishing: virtqueue_wants_call.
 */
#ifndef VMQ_VRING_VIRTQUEUE_H
#define VMQ_VRING_VIRTQUEUE_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vring/guest_mem.h"
#include "vring/inflight.h"

#define VQ_MAX_SEGS 256u /* pieces of one frame; longer chains are within virtio's rules, but no driver needs them */

struct vq_seg {
	uint8_t *ptr;
	uint32_t len;
};

/* A buffer of one piece, as nearly all are. */
struct vq_buf {
	uint8_t *ptr; /* NULL: not of one piece; virtqueue_chain has to look */
	uint64_t gpa;
	uint32_t len;
	uint16_t id;  /* to give it back with */
};

/* A buffer of any layout. seg, gpa (may be NULL) and max are the caller's; the rest is filled. */
struct vq_chain {
	struct vq_seg *seg;
	uint64_t *gpa;
	unsigned max;
	uint32_t total; /* bytes of all pieces */
	uint16_t id;
	uint16_t ndesc; /* ring entries it takes */
	uint16_t next;  /* position behind it */
};

/* With VIRTIO_F_IN_ORDER buffers go back in the order in which they were taken, whatever order they are done in. */
struct vq_order {
	uint32_t head, count; /* the oldest buffer not given back, and how many there are */
	struct vq_order_entry {
		uint16_t id, ndesc;
		bool done;
	} *entry;             /* a ring's size of them */
	uint16_t *entry_of;   /* by buffer id */
};

struct virtqueue {
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *packed_desc;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device_event;
	};
	struct guest_mem_near near; /* where the last buffer lay */
	uint16_t size;
	uint16_t mask;        /* split */
	uint16_t last_avail;  /* position to take next */
	uint16_t avail_idx;   /* split: the guest's index when it was last read */
	uint16_t used_idx;    /* position to give back next */
	uint16_t used_public; /* what the guest was told */
	uint16_t call_idx;    /* used position at the last decision about an interrupt */
	uint8_t hdr_len;      /* of struct virtio_net_hdr as negotiated: 10 or 12 */
	bool packed;          /* the last of the first line: what is above is all that a plain burst needs */
	const char *broken;   /* static text, or NULL */
	const struct guest_mem *mem;
	uint8_t *log;         /* dirty log, or NULL */
	uint64_t log_size;
	struct vq_order *order; /* NULL: any order will do */
	struct vq_inflight *inflight; /* NULL: what is in hand is noted nowhere */
	uint32_t mem_hint;
	uint16_t nbatch;      /* entries of inflight's batch */
	uint16_t since_call;  /* packed: entries published since call_idx */
	uint16_t first_flags; /* packed: flags of the first entry not published: written last */
	bool event_idx;
	bool mergeable;
	bool indirect;
	bool tracked;         /* order or inflight: taken buffers are noted */
	uint64_t used_gpa;    /* split: of the used ring; packed: of the descriptor ring, which is what we write */
	uint64_t event_gpa;   /* packed: of the device's event area */
	int kick_fd, call_fd, err_fd;
};

struct virtqueue_config {
	void *desc, *avail, *used;
	uint16_t size;
	uint16_t last_avail;
	const struct guest_mem *mem;
	uint64_t features;
	uint8_t *log;
	uint64_t log_size;
	uint64_t used_gpa;
	uint64_t event_gpa;
	int kick_fd, call_fd, err_fd;
};

/* Fills the queue from cfg; 0, or -EINVAL when the size is 0 or above 32,768, for a split ring no power of two, or the
 * position is none. A split ring's used index goes on from what the ring holds (virtio: the device owns it), so that a
 * restart of this side does not repeat entries; a packed ring's goes on at last_avail: all taken was given back. */
int virtqueue_init(struct virtqueue *vq, const struct virtqueue_config *cfg);

/* After virtqueue_init: what is in hand is noted in this part of an in-flight region (inflight.h), and what it holds about
 * the ring is made good (virtqueue_recover). The number of buffers given back for that. A split receive ring needs none:
 * it is left as it is. */
unsigned virtqueue_keep_inflight(struct virtqueue *vq, struct vq_inflight *region, bool receive);

/* For a transmit ring with VIRTIO_F_IN_ORDER, after virtqueue_init: remembers the order. 0 or -ENOMEM. */
int virtqueue_keep_order(struct virtqueue *vq);
void virtqueue_fini(struct virtqueue *vq);

/* Marks the queue broken for good (until it is started again) and signals err_fd. The first reason stays. */
void virtqueue_break(struct virtqueue *vq, const char *reason);

/* Dirty log: marks the guest's bytes [gpa, gpa + len) as written, a bit a 4 KiB page, atomically, as the migrating side
 * clears. */
void virtqueue_log(const struct virtqueue *vq, uint64_t gpa, uint64_t len);

/* guest_mem_at, and where that was is looked at first from now on. */
static inline void *virtqueue_at(struct virtqueue *vq, uint64_t gpa, uint32_t *len)
{
	void *p = guest_mem_at(vq->mem, gpa, len, &vq->mem_hint);

	if (p)
		vq->near = guest_mem_near(vq->mem, vq->mem_hint);
	return p;
}

#include "vring/packed.h"
#include "vring/split.h"

/* ---- reading what the guest offers ---- */

/* The position n buffers of one entry each behind `pos`; n is at most the ring's size. */
static inline uint16_t virtqueue_step(const struct virtqueue *vq, uint16_t pos, unsigned n)
{
	return vq->packed ? packed_step(vq, pos, (uint16_t)n) : (uint16_t)(pos + n);
}

/* Is there a buffer at this position, at or behind last_avail? False also when the ring breaks. */
static inline bool virtqueue_ready(struct virtqueue *vq, uint16_t pos)
{
	return vq->packed ? packed_ready(vq, pos) : split_ready(vq, pos);
}

/*
 * Transmit ring: up to n buffers from last_avail on into buf[], without taking them; returns how many. A buffer that
 * is not one readable piece of min … max bytes has ptr NULL; for a packed ring it is the last one returned. 0 also when
 * the ring breaks.
 */
unsigned virtqueue_fetch(struct virtqueue *vq, struct vq_buf *buf, unsigned n, uint32_t min, uint32_t max);

/* Receive ring, before the first step: its own lines are on the way from now on. */
static inline void virtqueue_prefetch(const struct virtqueue *vq)
{
	if (vq->packed)
		return; /* its descriptors are all there is, and the first step fetches them */
	__builtin_prefetch(&vq->avail->ring[vq->last_avail & vq->mask]);
	if (vq->avail_idx == vq->last_avail)
		__builtin_prefetch(&vq->avail->idx);
}

/* Shortly before virtqueue_publish: the line with the used index. */
static inline void virtqueue_prefetch_used(const struct virtqueue *vq)
{
	if (!vq->packed)
		__builtin_prefetch(&vq->used->idx, 1);
}

/*
 * Receive ring, first step: takes positions for n frames and prefetches what the second step reads. Returns for how many
 * there are buffers (fewer also when the ring breaks). A packed ring learns only in the second step whether there are.
 */
static inline unsigned virtqueue_take(struct virtqueue *vq, struct vq_buf *b, unsigned n)
{
	return vq->packed ? packed_take(vq, n) : split_take(vq, b, n);
}

/* The memory of a writable piece, not found in the slot found last; false when it is not in one piece. */
bool virtqueue_find_slot(struct virtqueue *vq, struct vq_buf *b);

/* The memory of a writable piece, looked for where the last one was first: near is vq->near, or the caller's copy of it. */
static inline __attribute__((always_inline)) bool virtqueue_slot_near(struct virtqueue *vq, struct guest_mem_near *near, struct vq_buf *b)
{
	b->ptr = guest_mem_in(near, b->gpa, b->len);
	if (__builtin_expect(b->ptr != NULL, 1))
		return true;
	if (!virtqueue_find_slot(vq, b))
		return false;
	*near = vq->near;
	return true;
}

/* The first lines of a buffer are on the way for writing from now on. */
static inline void virtqueue_prefetch_slot(const struct vq_buf *b)
{
	__builtin_prefetch(b->ptr, 1);
	__builtin_prefetch(b->ptr + 64, 1);
}

/* n buffers of one entry each; packed: from `at` on, with the bits of an available entry there. */
static inline __attribute__((always_inline)) unsigned virtqueue_slots_of(struct virtqueue *vq, const struct vring_packed_desc *at,
									uint16_t available, struct vq_buf *b, unsigned n)
{
	const struct vring_desc *desc = vq->desc;
	struct guest_mem_near near = vq->near;

	for (unsigned i = 0; i < n; i++) {
		if (__builtin_expect(!(at ? packed_is_buffer(&at[i], available, &b[i]) : split_is_buffer(desc, &b[i])), 0) ||
		    !virtqueue_slot_near(vq, &near, &b[i]))
			return i;
		virtqueue_prefetch_slot(&b[i]);
	}
	return n;
}

/* Of a split ring the memory of one buffer, whose head is b->id; b->len is what will be written into it. False: it is not one
 * writable piece of that length. Prefetches nothing (virtqueue_prefetch_slot). */
static inline bool virtqueue_slot(struct virtqueue *vq, struct vq_buf *b)
{
	return __builtin_expect(split_is_buffer(vq->desc, b), 1) && virtqueue_slot_near(vq, &vq->near, b);
}

/*
 * Receive ring, second step: the memory of the n buffers taken at `pos`; b[].len is what will be written into each.
 * Prefetches its first lines for writing. Returns for how many, from the first on, it is one writable piece of that length;
 * for the others the caller puts last_avail back and goes the slow way, which also says what is wrong.
 */
static inline unsigned virtqueue_slots(struct virtqueue *vq, uint16_t pos, struct vq_buf *b, unsigned n)
{
	unsigned done = 0;

	if (!vq->packed)
		return virtqueue_slots_of(vq, NULL, 0, b, n);
	while (done < n) {
		unsigned run = packed_run(vq, pos, n - done);
		unsigned got = virtqueue_slots_of(vq, packed_at(vq, pos), packed_available(pos), b + done, run);

		done += got;
		if (got < run)
			break;
		pos = packed_step(vq, pos, (uint16_t)run);
	}
	return done;
}

/*
 * The buffer at `pos`, any layout, indirect or not, as pieces of host memory: device-readable when `writable` is false,
 * device-writable when it is true (the other kind is a violation). Returns the number of pieces; 0 when the queue
 * broke; -E2BIG when it has more than c->max pieces or 4 GiB: legal, but not for us; id, ndesc and next are then right
 * all the same. The caller has seen virtqueue_ready(pos).
 */
int virtqueue_chain(struct virtqueue *vq, uint16_t pos, bool writable, struct vq_chain *c);

/* ---- giving back ---- */

void virtqueue_taken_tracked(struct virtqueue *vq, uint16_t id, uint16_t ndesc);
void virtqueue_done_tracked(struct virtqueue *vq, uint16_t id, uint16_t ndesc);

/* A buffer of ndesc entries is done; seen by the guest from virtqueue_publish on. len: bytes written into it. */
static inline void virtqueue_used(struct virtqueue *vq, uint16_t id, uint32_t len, uint16_t ndesc)
{
	if (vq->packed)
		packed_used(vq, id, len, ndesc);
	else
		split_used(vq, id, len);
}

/* n buffers of one entry each, b[].len bytes written into them. */
static inline void virtqueue_used_row(struct virtqueue *vq, const struct vq_buf *b, unsigned n)
{
	if (vq->packed)
		packed_used_row(vq, b, n);
	else
		split_used_row(vq, b, n);
}

/* Transmit ring: a buffer was taken; it will be given back with virtqueue_done. */
static inline void virtqueue_taken(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	if (__builtin_expect(vq->tracked, 0))
		virtqueue_taken_tracked(vq, id, ndesc);
}

/* Transmit ring: a taken buffer is not needed any more. */
static inline void virtqueue_done(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	if (__builtin_expect(vq->tracked, 0))
		virtqueue_done_tracked(vq, id, ndesc);
	else
		virtqueue_used(vq, id, 0, ndesc);
}

/* Transmit ring: n taken buffers, likewise; id[] and ndesc[] as they were taken. */
static inline void virtqueue_done_row(struct virtqueue *vq, const uint16_t *id, const uint16_t *ndesc, unsigned n)
{
	if (__builtin_expect(vq->tracked, 0)) {
		for (unsigned i = 0; i < n; i++)
			virtqueue_done_tracked(vq, id[i], ndesc[i]);
	} else if (vq->packed) {
		packed_done_row(vq, id, ndesc, n);
	} else {
		split_done_row(vq, id, n);
	}
}

/* Makes the entries since the last time visible: the one publication of a burst. */
static inline void virtqueue_publish(struct virtqueue *vq)
{
	if (vq->used_public == vq->used_idx)
		return;
	if (__builtin_expect(vq->inflight != NULL, 0))
		virtqueue_publish_noted(vq);
	else if (vq->packed)
		packed_publish(vq);
	else
		split_publish(vq);
	vq->used_public = vq->used_idx;
}

/* ---- notifications ---- */

/* Does the guest want an interrupt for what was published since the last time it was asked? The caller has put a full
 * fence between virtqueue_publish and this (one for many queues). */
static inline bool virtqueue_wants_call(struct virtqueue *vq)
{
	bool wants;

	if (vq->call_idx == vq->used_public)
		return false;
	wants = vq->packed ? packed_wants_call(vq) : split_wants_call(vq);
	vq->call_idx = vq->used_public;
	vq->since_call = 0;
	return wants;
}

/* Asks the guest not to kick: the ring is polled. A stale event index may let one kick in 65,536 through; harmless. */
void virtqueue_kicks_off(struct virtqueue *vq);

/* Asks the guest to kick and looks once more: false when there is work already, and kicks stay off. */
bool virtqueue_kicks_on(struct virtqueue *vq);

#endif
