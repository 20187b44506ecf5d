/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where workers show frames to captures and traces (include/vmq/tap.h has what is written). While nobody looks,
 * worker.taps is NULL and that is all that is read, once a burst. Worker only, but for tap_control.c.
 */
#ifndef VMQ_NIC_TAP_H
#define VMQ_NIC_TAP_H

#include <vmq/tap.h>

#include "nic/nic_priv.h"

#define TAP_MAX		4u /* captures and traces at a time */
#define TAP_WATCH_SHIFT 48 /* of a frame's watch: the trace above, worker and number below */

struct tap_writer { /* one worker's end of a ring */
	struct vmq_tap_ring *ring;
	uint8_t *data;
	uint64_t tail, lost;
	uint64_t number; /* of the last frame traced */
} __attribute__((aligned(64)));

/* Made and freed by control; read by workers, each of which writes its own writer, and `left` with atomic operations.
 */
struct nic_tap {
	struct nic_tap_config cfg;
	const struct nic *nic;
	uint64_t mask;	/* ring_size - 1 */
	int64_t left;	/* frames still wanted; only with cfg.limit */
	uint64_t watch; /* what the watch of its frames begins with: no two traces share it */
	int fd;
	uint8_t *memory;
	size_t memory_size;
	struct tap_writer writer[];
};

/* What workers look at: immutable, replaced whole by control, freed after a quiescent point. */
struct tap_set {
	unsigned n;
	struct nic_tap *tap[TAP_MAX];
};

static inline const struct tap_set *taps_of(const struct worker *w)
{
	return __atomic_load_n(&w->taps, __ATOMIC_ACQUIRE); /* pairs with the release store in tap_control.c */
}

static inline bool tapped(const struct worker *w)
{
	return __builtin_expect(taps_of(w) != NULL, 0);
}

/* The burst before it is dispatched. */
void tap_entered(struct worker *w);
/* Frames that came to their receiver's worker. */
void tap_arrived(struct worker *w, const struct frame *f, unsigned n);
/* A frame of a bypassed VPort passes the default queue. */
void tap_bypassed(struct worker *w, const struct frame *f);
/* What the rows of w->deliver hold has been published. */
void tap_delivered(struct worker *w);
/* The first n of s->tx have gone out. */
void tap_sent(struct worker *w, const struct port_source *s, unsigned n);
/* The receive ring of a queue that a traced frame went to was served. */
void tap_notified(struct worker *w, struct nic_queue *q, bool interrupted);
/* Called by drop_frame. v: the VPort at which it is counted, NULL: the wire. */
void tap_dropped(struct worker *w, const struct nic *n, const struct nic_vport *v, const struct frame *f,
		 enum nic_drop why);
/* A frame that was refused before it was one: `len` bytes that VPort v's VM sent. */
void tap_refused(struct worker *w, const struct nic *n, const struct nic_vport *v, uint32_t len, enum nic_drop why);

/* A frame goes nowhere: counted, and shown to whom it may concern. v NULL: the wire. */
static inline void drop_frame(struct worker *w, const struct nic *n, struct nic_vport *v, const struct frame *f,
			      enum nic_drop why)
{
	count_drop(v ? vport_counters(v, w) : &n->wire_cnt[w->index], why);
	if (tapped(w))
		tap_dropped(w, n, v, f, why);
}

#endif
