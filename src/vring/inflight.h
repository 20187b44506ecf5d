/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which buffers of a ring the device has in hand, in memory that outlives the process: when it was killed, whoever comes
 * after it gives each of them back exactly once. The memory is a shared file that the front-end keeps
 * (VHOST_USER_GET_INFLIGHT_FD) or the service manager; both may write anything there, so all of it is checked when it is
 * read again. Buffers that were in hand go back unsent: whether their frames had arrived, nobody knows any more.
 *
 * Used for transmit rings, and for packed receive rings, whose position stands nowhere else. A split receive ring needs
 * none: its used index is in the guest's memory, and its buffers are taken and used in one order.
 *
 * Owned by the ring's worker while the ring runs; virtqueue_recover runs before that, on the control thread.
 */
#ifndef VMQ_VRING_INFLIGHT_H
#define VMQ_VRING_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#define VQ_INFLIGHT_MAGIC  0x51464e49u /* "INFQ" */
#define VQ_INFLIGHT_FORMAT 1u
#define VQ_INFLIGHT_STRIDE (256u << 10) /* bytes a ring has in the region; pages that are never touched cost nothing */

/*
 * One ring's part. Only what a killed process leaves behind counts, so the stores need their order in the program and
 * nothing more. A publication is three steps: `word` says from where to where, the ring is published, `word` says that
 * it is done. Whether the middle one was reached can be seen in the ring.
 */
struct vq_inflight {
	uint32_t magic;
	uint16_t format;
	uint16_t size; /* of the ring; 0: nothing is in hand */
	uint64_t word; /* used position | position after the publication under way << 16 | entries of `batch` << 32 */
	uint16_t taken[UINT16_MAX + 1]; /* by buffer id: ring entries it takes, 0: not in hand */
	uint16_t batch[32768];		/* ids given back since the last publication */
};

_Static_assert(sizeof(struct vq_inflight) <= VQ_INFLIGHT_STRIDE, "a ring's part of the in-flight region");

struct virtqueue;

/*
 * After virtqueue_init, with vq->inflight set: goes on where the region and the ring say that it stopped. Buffers that
 * were in hand are given back and published. How many; 0 also when the region holds nothing about this ring.
 */
unsigned virtqueue_recover(struct virtqueue *vq);

/* The ring was stopped in order: nothing is in hand. */
void virtqueue_settle(struct virtqueue *vq);

/* A buffer was taken; will be given back at the next publication; the publication itself. */
void virtqueue_note_taken(struct virtqueue *vq, uint16_t id, uint16_t ndesc);
void virtqueue_note_used(struct virtqueue *vq, uint16_t id, uint16_t ndesc);
void virtqueue_publish_noted(struct virtqueue *vq);

#endif
