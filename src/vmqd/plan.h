/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what runs to what a configuration says: which VPorts go, come, or are made anew, which filters move, and what is
 * changed of the rest, in an order that disturbs as little as possible. A plan looks at everything and changes nothing;
 * apply.c carries it out.
 *
 * Owned by the request that makes it; control thread. Nothing else may change VPorts or filters while it lives.
 */
#ifndef VMQ_VMQD_PLAN_H
#define VMQ_VMQD_PLAN_H

#include "vmqd/daemon.h"

/* X(id, word on the control socket), in the order in which they are done */
#define PLAN_STEPS(X)                                                                                                  \
	X(MOVE, "filter_move")             /* between VPorts that stay */                                             \
	X(REMOVE_EARLY, "vport_del")       /* what is in the way of what comes */                                     \
	X(CLEAR_EARLY, "filter_del")       /* filters that cannot move, and come with a VPort that is made */         \
	X(SHRINK, "vport_set")             /* fewer queue pairs: others may need them */                              \
	X(ADD, "vport_add")                                                                                           \
	X(MOVE_LATE, "filter_move")        /* to VPorts that were made */                                             \
	X(REMOVE, "vport_del")                                                                                        \
	X(SET_FILTER, "filter_add")                                                                                   \
	X(CLEAR, "filter_del")                                                                                        \
	X(BROADCAST, "filter_broadcast")   /* a filter brings one for broadcast, or no more */                        \
	X(CHANGE, "vport_set")                                                                                        \
	X(WORKER, "worker_set")                                                                                       \
	X(AUTO, "cpu_auto_set")

enum plan_kind {
#define X(id, word) PLAN_##id,
	PLAN_STEPS(X)
#undef X
	PLAN_KINDS
};

/* A VPort that is there, or shall be, or both. */
struct plan_vport {
	struct adapter *adapter;
	const char *name;
	uint32_t id;                  /* of what is there */
	bool there;
	bool renew;                   /* there and wanted, but made anew */
	bool early;                   /* it goes before others come */
	const struct wish_vport *want; /* NULL: it goes */
	struct wish_vport now;        /* what is there */
};

struct plan_step {
	enum plan_kind kind;
	struct plan_vport *v;        /* whose it is; of a filter where it is or comes to */
	struct plan_vport *from;     /* of a move */
	struct stack_filter_want f;  /* of a filter; its id where it is there */
	size_t serial;               /* order within the kind */
	unsigned cpu, policy, light_sleep;
	bool on;
	json_t *members; /* of a VPort that is changed: names; new reference */
	bool done;
};

struct plan {
	struct daemon *d;
	const struct config *wanted;
	json_t *changes; /* diff_configs */
	struct plan_vport *vports;
	size_t nvports;
	struct plan_step *steps; /* by kind */
	size_t nsteps, room;
};

/* What runs, as describe_config has it; NULL with the error filled. */
json_t *plan_running(struct daemon *d, struct stack_error *e);
/* The differences between what runs and `wanted`, or NULL with the error filled. */
json_t *plan_changes(struct daemon *d, const struct config *wanted, struct stack_error *e);

/* 0: free with plan_free. -1 with the error filled: it cannot be done while vmqd runs, or there is no room for it. `wanted`
 * must outlive the plan. */
int plan_make(struct daemon *d, const struct config *wanted, struct plan *out, struct stack_error *e);
void plan_free(struct plan *p);
/* A list of {"step", "text", "adapter"?, "vport"?}. */
json_t *plan_json(const struct plan *p);

/* apply.c: all of it, or what was done is undone and the error says so. What was done before is committed. */
int plan_carry_out(struct plan *p, struct stack_error *e);

#endif
