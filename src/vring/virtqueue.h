/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue, device side: the positions, what was negotiated, and the memory it lies in. One worker owns it from
 * start to stop; nobody else touches it. Everything the guest can write is read once into a local and checked; a
 * violation leaves a reason in `broken` and the ring is not touched again.
 *
 * A ring is worked in bursts. Transmit ring: virtqueue_tx_take, then virtqueue_tx_done for each head, in any order,
 * then virtqueue_publish. Receive ring: virtqueue_rx_ready, then for each frame in order one of the slots (or the
 * slow way of vring/rx.c), then virtqueue_publish. After publishing: virtqueue_wants_call.
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

#define VQ_MAX_SEGS 256u /* pieces of one frame; longer chains are within virtio's rules, but no driver needs them */

struct vq_seg {
	uint8_t *ptr;
	uint32_t len;
};

/* A receive buffer that the fast way can use: one writable piece. */
struct vq_slot {
	uint8_t *ptr;
	uint32_t len;
	uint16_t head;
	uint64_t gpa;
};

struct virtqueue {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	const struct guest_mem *mem;
	uint32_t mem_hint;
	uint16_t size;
	uint16_t mask;
	uint16_t last_avail;  /* next entry of the available ring to take */
	uint16_t avail_idx;   /* the guest's index when it was last read */
	uint16_t used_idx;    /* next entry of the used ring to fill */
	uint16_t used_public; /* what the guest was told */
	uint16_t call_idx;    /* used index at the last decision about an interrupt */
	uint8_t hdr_len;      /* of struct virtio_net_hdr as negotiated: 10 or 12 */
	bool event_idx;
	bool mergeable;
	bool indirect;
	bool kicks_on;        /* the guest was asked for notifications */
	const char *broken;   /* static text, or NULL */
	uint8_t *log;         /* dirty log, or NULL */
	uint64_t log_size;
	uint64_t used_gpa;
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
	int kick_fd, call_fd, err_fd;
};

/* Fills the queue from cfg; 0, or -EINVAL when the size is 0, not a power of two or above 32,768. The used index goes on
 * from what the ring holds (virtio: the device owns it), so that a restart of this side does not repeat entries. */
int virtqueue_init(struct virtqueue *vq, const struct virtqueue_config *cfg);

/* Marks the queue broken for good (until it is started again) and signals err_fd. The first reason stays. */
void virtqueue_break(struct virtqueue *vq, const char *reason);

/* ---- dirty log ---- */

/* Marks the guest's bytes [gpa, gpa + len) as written: a bit a 4 KiB page, atomically, as the migrating side clears. */
void virtqueue_log(const struct virtqueue *vq, uint64_t gpa, uint64_t len);

/* ---- reading what the guest offers ---- */

/* How many entries the guest has made available and we have not taken; 0 when broken. Reads the guest's index once. */
static inline uint16_t virtqueue_available(struct virtqueue *vq)
{
	uint16_t n = (uint16_t)(vq->avail_idx - vq->last_avail);

	if (n)
		return n;
	/* acquire: pairs with the guest's write barrier between ring entry and index (virtio 1.2 §2.7.13.3) */
	vq->avail_idx = __atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE);
	n = (uint16_t)(vq->avail_idx - vq->last_avail);
	if (__builtin_expect(n > vq->size, 0)) {
		vq->avail_idx = vq->last_avail;
		virtqueue_break(vq, "the available index jumped by more than the ring's size");
		return 0;
	}
	return n;
}

/* The same, but looks at the guest's index again even when entries are left of the last look. */
static inline uint16_t virtqueue_available_now(struct virtqueue *vq)
{
	uint16_t left = (uint16_t)(vq->avail_idx - vq->last_avail);
	uint16_t idx = __atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE);

	if (__builtin_expect((uint16_t)(idx - vq->last_avail) > vq->size, 0)) {
		virtqueue_break(vq, "the available index jumped by more than the ring's size");
		return 0;
	}
	if ((uint16_t)(idx - vq->last_avail) < left) /* went back: what was promised stays promised */
		return left;
	vq->avail_idx = idx;
	return (uint16_t)(idx - vq->last_avail);
}

/* A descriptor as it is now: two loads, so that it cannot change between check and use. */
static inline struct vring_desc virtqueue_desc(const struct vring_desc *d)
{
	union {
		uint64_t w[2];
		struct vring_desc d;
	} v;

	v.w[0] = __atomic_load_n(&((const uint64_t *)(const void *)d)[0], __ATOMIC_RELAXED);
	v.w[1] = __atomic_load_n(&((const uint64_t *)(const void *)d)[1], __ATOMIC_RELAXED);
	return v.d;
}

/* The head in entry `pos` of the available ring, below size; or -1 with the queue broken. */
static inline int virtqueue_head(struct virtqueue *vq, uint16_t pos)
{
	uint16_t head = __atomic_load_n(&vq->avail->ring[pos & vq->mask], __ATOMIC_RELAXED);

	if (__builtin_expect(head >= vq->size, 0)) {
		virtqueue_break(vq, "an available entry names a descriptor beyond the ring");
		return -1;
	}
	return head;
}

/*
 * The chain that begins at `head`, any layout, indirect or not, as pieces of host memory: of the device-readable
 * descriptors when `writable` is false, of the device-writable ones when it is true (a chain for the other direction is
 * a violation). Returns the number of pieces and the sum in *total; 0 when the queue broke; -E2BIG when it has more
 * than `max` pieces or 4 GiB: legal, but not for us. gpa[] (may be NULL) gets the pieces' guest addresses.
 */
int virtqueue_chain(struct virtqueue *vq, uint16_t head, bool writable, struct vq_seg *seg, uint64_t *gpa, unsigned max,
		    uint32_t *total);

/* ---- giving back ---- */

/* Entry for `head` into the used ring; seen by the guest from virtqueue_publish on. len: bytes written for it. */
static inline void virtqueue_used(struct virtqueue *vq, uint16_t head, uint32_t len)
{
	union {
		uint64_t w;
		struct vring_used_elem e;
	} v = { .e = { head, len } };

	__atomic_store_n((uint64_t *)(void *)&vq->used->ring[vq->used_idx & vq->mask], v.w, __ATOMIC_RELAXED);
	vq->used_idx++;
}

/* Makes the entries since the last time visible: the one publication of a burst. */
static inline void virtqueue_publish(struct virtqueue *vq)
{
	if (vq->used_public == vq->used_idx)
		return;
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
	vq->used_public = vq->used_idx;
}

/* ---- notifications ---- */

/* Does the guest want an interrupt for what was published since the last time it was asked? The caller has put a full
 * fence between virtqueue_publish and this (one for many queues). */
static inline bool virtqueue_wants_call(struct virtqueue *vq)
{
	uint16_t old = vq->call_idx, new = vq->used_public;

	if (old == new)
		return false;
	vq->call_idx = new;
	if (vq->event_idx) /* used_event lies behind the available ring (virtio 1.2 §2.7.7) */
		return vring_need_event(__atomic_load_n(&vq->avail->ring[vq->size], __ATOMIC_RELAXED), new, old);
	return !(__atomic_load_n(&vq->avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT);
}

/* Asks the guest not to kick: the ring is polled. A stale event index may let one kick in 65,536 through; harmless. */
void virtqueue_kicks_off(struct virtqueue *vq);

/* Asks the guest to kick and looks once more: false when there is work already, and kicks stay off. */
bool virtqueue_kicks_on(struct virtqueue *vq);

#endif
