/* SPDX-License-Identifier: BSD-3-Clause */
/* What the plan's computation (cpu_plan.c) and its checks (cpu_check.c) share. Only for those two files. */
#ifndef VMQ_STACK_CPU_PLAN_PRIV_H
#define VMQ_STACK_CPU_PLAN_PRIV_H

#include "stack/cpu_plan.h"

int cpu_worker_index(const struct cpu_plan *p, unsigned cpu);
/* The CPUs item `i` is on with its first queue pair on `cpu`; how many. */
unsigned cpu_item_cpus(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu,
		       uint16_t out[CPU_MAX_QUEUES]);
/* Finds out, once a worker, what is asked of it again and again. First of all. */
void cpu_plan_prepare(struct cpu_plan *p);
/* The lowest CPU, where the kernel does its own work, unless it is the only one. */
bool cpu_is_housekeeping(const struct cpu_plan *p, unsigned cpu);
/* Expected load of every worker with everything at its `to`, thousandths of a CPU, by index. */
void cpu_expected(const struct cpu_plan *p, unsigned load[STACK_MAX_CPUS]);
/* What item `i` would wait behind with its first queue pair on a CPU, given the load of each worker without it, in
 * thousandths of a CPU; CPU_UNUSABLE: it cannot be there. */
#define CPU_UNUSABLE 1000000u
unsigned cpu_cost_at(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu, const unsigned *load);

#endif
