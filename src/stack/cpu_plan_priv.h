/* SPDX-License-Identifier: BSD-3-Clause */
/* What the plan's computation (cpu_plan.c) and its checks (cpu_check.c) share. Only for those two files. */
#ifndef VMQ_STACK_CPU_PLAN_PRIV_H
#define VMQ_STACK_CPU_PLAN_PRIV_H

#include "stack/cpu_plan.h"

/* How a VM's virtual processors use a CPU. */
enum cpu_vcpu_use { CPU_VCPU_NONE, CPU_VCPU_SHARED, CPU_VCPU_PINNED };

int cpu_worker_index(const struct cpu_plan *p, unsigned cpu);
/* The CPUs item `i` is on with its first queue pair on `cpu`; how many. */
unsigned cpu_item_cpus(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu,
		       uint16_t out[CPU_MAX_QUEUES]);
/* *which gets the virtual processor that has it, when the answer is not CPU_VCPU_NONE. */
enum cpu_vcpu_use cpu_vcpu_use(const struct cpu_plan *p, unsigned cpu, const struct cpu_vcpu **which);
/* The lowest CPU, where the kernel does its own work, unless it is the only one. */
bool cpu_is_housekeeping(const struct cpu_plan *p, unsigned cpu);
/* There are isolated CPUs that this process may use, and this is none of them. */
bool cpu_is_not_isolated(const struct cpu_plan *p, unsigned cpu);
/* Expected load of every worker with everything at its `to`, thousandths of a CPU, by index. */
void cpu_expected(const struct cpu_plan *p, unsigned load[STACK_MAX_CPUS]);
/* What item `i` would wait behind with its first queue pair on a CPU, given the load of each worker without it, in
 * thousandths of a CPU; CPU_UNUSABLE: it cannot be there. */
#define CPU_UNUSABLE 1000000u
unsigned cpu_cost_at(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu, const unsigned *load);

#endif
