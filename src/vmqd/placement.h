/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is on which CPU: what is measured of it, the plans made of that (stack/cpu_plan.h), the moves and the reason of
 * each. It measures with the look a second at all counters (look.h), and decides then whether a VPort moves. Control thread.
 */
#ifndef VMQ_VMQD_PLACEMENT_H
#define VMQ_VMQD_PLACEMENT_H

#include <stdbool.h>
#include <time.h>

#include "nic/nic.h"
#include "stack/cpu_auto.h"
#include "stack/cpu_move.h"

struct daemon;
struct placement;

/* Reads the host: the sandbox comes later, and then nothing can be read. 0, or -1 with the sentence. */
int placement_create(struct daemon *d, struct placement **out, struct vmq_err *err);
void placement_destroy(struct placement *p); /* NULL is allowed */

/* Says in the log what is wrong with the places that the configuration gives. */
void placement_warn(struct placement *p);

/* What the workers have done, all `n` of them, once a second. True: one of them has something to do, so that it is worth to go
 * on with placement_count for every VPort and wire, and then placement_decide. */
bool placement_look(struct placement *p, const struct nic_worker_stats *w, unsigned n);
/* What VPort `id` of this adapter has counted since it was made, or (NIC_MAX_VPORTS) the wire. */
void placement_count(struct placement *p, size_t adapter, uint32_t id, const struct nic_vport_counters *c);
/* One step of automatic placement, if it is on. */
void placement_decide(struct placement *p);

bool placement_auto(const struct placement *p);
void placement_set_auto(struct placement *p, bool on);

/* ---- a plan over everything there is ---- */

struct placement_plan {
	struct cpu_plan plan;
	struct host_topology *host; /* another one than vmqd read; NULL: that */
	struct cpu_item *items;
	struct cpu_vcpu *vcpus;
	size_t nvcpus;
};

/* Everything where it is, with what was measured in the last seconds. `host` and `vcpus` are the plan's from now on,
 * also on failure: placement_plan_free. */
int placement_plan(struct placement *p, struct placement_plan *out, struct stack_error *e);
void placement_plan_free(struct placement_plan *pp);
/* One step of automatic placement on it, at once: at most one item has a `to` then. */
void placement_step(struct placement *p, struct placement_plan *pp);

/* ---- moves ---- */

/* One row a cause: enum, name in events and answers. */
#define PLACEMENT_CAUSES(X)                                                                                           \
	X(AUTO, "auto") /* automatic placement */                                                                     \
	X(BACK, "back") /* automatic placement takes back what did not pay */                                         \
	X(PLAN, "plan") /* a plan that a person applied */                                                            \
	X(UNDO, "undo")

enum placement_cause {
#define X(id, name) PLACEMENT_##id,
	PLACEMENT_CAUSES(X)
#undef X
};

struct placement_move {
	struct timespec time;
	enum placement_cause cause;
	char vport[STACK_NAME_SIZE], adapter[STACK_NAME_SIZE];
	unsigned from, to;
	char reason[200];
};

const char *placement_cause_name(enum placement_cause c);
/* Why item `i` of a plan moves, when that is the cause: a sentence. */
void placement_reason(const struct cpu_plan *p, size_t i, enum placement_cause cause, char *out, size_t size);

/* Carries the plan out, all or nothing; each move is remembered, logged and told to monitors. */
int placement_apply(struct placement *p, const struct placement_plan *pp, enum placement_cause cause,
		    struct stack_error *e);
/* The moves, the oldest that is still known first; NULL: no more. */
const struct placement_move *placement_moves(const struct placement *p, unsigned i);

#endif
