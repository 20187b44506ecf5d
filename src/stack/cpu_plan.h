/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPU plan: who is on which CPU, of all adapters and VPorts together, what is wrong with that, and what would be
 * better. Plain arithmetic over a description of the host (host/host.h) and of what there is to place: it reads no
 * file, moves nothing and measures nothing, so that any host can be given to it. cpu_move.h carries a plan out.
 *
 * Owned by whoever makes it; one thread at a time; nothing here is kept between two plans.
 */
#ifndef VMQ_STACK_CPU_PLAN_H
#define VMQ_STACK_CPU_PLAN_H

#include "host/host.h"
#include "stack/stack.h"

#define CPU_MAX_QUEUES 16u /* queue pairs of a VPort */

/* ---- what is given ---- */

enum cpu_item_kind {
	CPU_ITEM_WIRE,  /* an adapter's physical port: stays where the configuration put it */
	CPU_ITEM_VPORT, /* a VPort with all its queue pairs; the default one with the host's device */
};

struct cpu_item {
	enum cpu_item_kind kind;
	char name[STACK_NAME_SIZE];    /* of the VPort, or of the wire's device; of a wire without one, the adapter's */
	char adapter[STACK_NAME_SIZE];
	struct stack_vport
		*vport; /* NULL: not the stack's (a wire, or made by requests of somebody else): never moved */
	uint32_t id;               /* of the VPort */
	uint64_t serial;           /* the caller's: which of those that had the number one after the other */
	unsigned owner;            /* the caller's: which adapter */
	bool chosen;               /* a person said which CPU: moved only when `all` is asked for */
	unsigned queue_pairs;      /* 1 … CPU_MAX_QUEUES; that what it receives is spread over */
	const uint16_t *list;      /* a person's list of CPUs for them (`nlist` of them), the VPort's; nlist 0: the workers */
	unsigned nlist;
	uint64_t frames;           /* lately: what the CPUs' loads are divided by */
	unsigned load;             /* thousandths of one CPU, measured; of all queue pairs together */
	int device_node;           /* of its adapter's device; -1: none */
	int memory_node;           /* of its VM's memory; -1: not known */
	unsigned cpu;              /* where it is */
	bool asked;                /* a person asks for the move */
	unsigned to;               /* where it shall be: the same at first */
};

/* A VM's virtual processor and where its thread may run. */
struct cpu_vcpu {
	char vport[STACK_NAME_SIZE]; /* the VM's VPort */
	unsigned vcpu;
	struct host_cpus cpus;
};

/* ---- what is found ---- */

/* One row a finding: enum, name, what it is about. */
#define CPU_FINDINGS(X)                                                                                               \
	X(NO_WORKER, "no_worker", "the CPU has no worker")                                                            \
	X(OFFLINE, "offline", "the CPU is offline")                                                                   \
	X(NOT_ALLOWED, "not_allowed", "the process may not run on the CPU")                                           \
	X(VCPU, "vcpu", "a virtual processor of a VM is pinned to the CPU")                                           \
	X(OVERLAP, "overlap", "adapters or busy VPorts share a worker while another has nothing to do")               \
	X(QUEUES, "queues", "a VPort has more queue pairs than there are workers for them")                           \
	X(SIBLINGS, "siblings", "two workers run on one core")                                                        \
	X(NUMA_DEVICE, "numa_device", "the CPU is far from the network device")                                       \
	X(NUMA_MEMORY, "numa_memory", "the CPU is far from the VM's memory")                                          \
	X(HOUSEKEEPING, "housekeeping", "the CPU is the one that the kernel's own work is done on")                   \
	X(NOT_ISOLATED, "not_isolated", "there are isolated CPUs, and this is none of them")                          \
	X(QUOTA, "quota", "the cgroup may use less than the workers can")

enum cpu_check {
#define X(id, name, text) CPU_CHECK_##id,
	CPU_FINDINGS(X)
#undef X
	CPU_CHECK_COUNT
};

const char *cpu_check_name(enum cpu_check c);

struct cpu_finding {
	enum cpu_check check;
	bool refused; /* a move that must not be made; else a warning */
	int item;     /* -1: of the worker, or of all */
	int cpu;      /* -1: of all */
	char text[320];
};

struct cpu_plan_worker {
	uint16_t cpu;
	unsigned load; /* thousandths of its time that it was busy, measured */
	/* found out once, by what works on the plan: */
	const struct cpu_vcpu *vcpu; /* a VM's virtual processor that may run there and is pinned, NULL: none */
	bool vcpu_only;              /* it may run nowhere else */
	bool not_isolated;           /* other CPUs that the process may use are */
};

struct cpu_plan {
	const struct host_topology *host; /* the caller's */
	unsigned nworkers;
	struct cpu_plan_worker worker[STACK_MAX_CPUS];
	struct cpu_item *items; /* the caller's */
	size_t nitems;
	const struct cpu_vcpu *vcpus; /* the caller's */
	size_t nvcpus;
	/* cpu_plan_check's; cpu_plan_free */
	struct cpu_finding *findings;
	size_t nfindings, room;
	bool refused; /* one of the findings is a refusal */
};

/* ---- what is done ---- */

/* Sets `to` of the items that gain by a move; the others' stay. `margin`: by how many thousandths of a CPU the new
 * place must be less taken than the old one, so that small differences move nothing. `all`: also those a person placed.
 */
void cpu_plan_compute(struct cpu_plan *p, unsigned margin, bool all);

/* What is wrong with everything at its `to`. Refusals are only of items that move: what stands wrong already is a
 * warning, so that a plan which mends half of it can be carried out. 0, or -ENOMEM. */
int cpu_plan_check(struct cpu_plan *p);
void cpu_plan_free(struct cpu_plan *p);

/* Why item `i` is better at `to`: a sentence. */
void cpu_plan_reason(const struct cpu_plan *p, size_t i, char *out, size_t size);

/* The CPUs that `n` queue pairs are on when the first is on `cpu`: `cpu`, then the workers listed behind it, in its
 * group of 64. How many different ones there are (1 … n). */
unsigned cpu_spread(const uint16_t *workers, unsigned nworkers, unsigned cpu, unsigned n, uint16_t out[CPU_MAX_QUEUES]);

#endif
