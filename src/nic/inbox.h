/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An inbox: what one worker has for another, in the order in which it was put in. Frames of a run that lie in one piece each
 * are tickets behind the run's item: half a cache line a frame, and so much travels between the CPUs. The worker that opens
 * a ticket reads the frame's bytes where the sender put them; those that decided where it goes are in the ticket and are
 * not read again. One producer thread, one consumer thread.
 */
#ifndef VMQ_NIC_INBOX_H
#define VMQ_NIC_INBOX_H

#include "nic/frame.h"
#include "nic/nic.h"
#include "nic/spsc.h"

#define INBOX_SLOTS 2048u

enum inbox_kind {
	INBOX_REF,   /* a frame */
	INBOX_RUN,   /* n frames: their tickets follow */
	INBOX_COPY,  /* a frame of a bypassed VPort */
	INBOX_QUEUE, /* a ring, which is the other worker's from now on */
	INBOX_PORT,  /* a port, likewise */
};

struct inbox_item {
	void *from;            /* of a run: where its frames came from, a nic_queue or (of_port) a port_source */
	const struct nic *nic; /* of a run */
	void *what;            /* the ring or port; else the frame_ref, which of a run stands for all its frames */
	uint8_t kind, n, origin; /* origin: of a run, index of the worker that the reference goes back to */
	bool of_port : 1;
	uint8_t qp : 7;        /* of a run: the queue pair of dst */
	uint16_t dst, src; /* of a run: VPortId or FRAME_TO_WIRE; VPortId or INBOX_FROM_WIRE */
};

#define INBOX_FROM_WIRE UINT16_MAX

struct ticket {
	uint8_t hdr[16]; /* addresses and outer tag */
	uint8_t *data;   /* the frame; where `what` is in an item, so that either can be fetched ahead */
	uint16_t len, tci;
	uint8_t tag, offload; /* as in struct frame */
	uint8_t before;       /* so many bytes before the frame lies its virtio header, if there is something in `offload` */
};

union inbox_slot {
	struct inbox_item item;
	struct ticket ticket;
};

_Static_assert(sizeof(union inbox_slot) == 32, "two in a line");
_Static_assert(offsetof(struct inbox_item, what) == offsetof(struct ticket, data), "fetched ahead alike");
_Static_assert(NIC_MAX_QUEUE_PAIRS <= 128, "a number in qp");
_Static_assert(PORT_MAX_FRAME <= UINT16_MAX, "the length of a frame in one piece");

struct inbox {
	struct spsc ends; /* its pointers are not used */
	union inbox_slot *slot;
};

/* False when memory is short. */
static inline bool inbox_init(struct inbox *in)
{
	in->ends = (struct spsc){ .mask = INBOX_SLOTS - 1 };
	in->slot = aligned_alloc(64, INBOX_SLOTS * sizeof in->slot[0]);
	return in->slot != NULL;
}

static inline void inbox_fini(struct inbox *in)
{
	free(in->slot);
	in->slot = NULL;
}

/* Producer: the k-th slot behind what was put in. It belongs to the producer when there is room for it (spsc_room), and is in the
 * inbox when `put` has passed it. */
static inline union inbox_slot *inbox_free_slot(struct inbox *in, unsigned k)
{
	return &in->slot[(in->ends.put + k) & in->ends.mask];
}

/* Consumer: the k-th of those that wait (spsc_waiting), until spsc_done. */
static inline const union inbox_slot *inbox_slot(const struct inbox *in, unsigned k)
{
	return &in->slot[(in->ends.head + k) & in->ends.mask];
}

/* Producer: the consumer sees it when it is published. False: full. */
static inline bool inbox_put(struct inbox *in, const struct inbox_item *item)
{
	if (spsc_room(&in->ends, 1) == 0)
		return false;
	inbox_free_slot(in, 0)->item = *item;
	in->ends.put++;
	return true;
}

/* What lies in the ring of references that come home: one, for n of its frames. */
static inline void *inbox_homing(const struct frame_ref *r, unsigned n)
{
	return (void *)((uintptr_t)r | n);
}

static inline struct frame_ref *inbox_homing_ref(const void *p)
{
	return (struct frame_ref *)((uintptr_t)p & ~(uintptr_t)63);
}

static inline unsigned inbox_homing_frames(const void *p)
{
	return (uintptr_t)p & 63;
}

_Static_assert(RUN_MAX <= 63 && _Alignof(struct frame_ref) == 64, "a number of frames in the low bits of a reference");

#endif
