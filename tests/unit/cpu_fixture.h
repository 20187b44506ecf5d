/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host that does not exist, and what is placed on it: eight CPUs on two nodes with hyper-threads. CPU n and n + 4 are one core;
 * CPUs 0, 1, 4, 5 are on node 0.
 */
#ifndef VMQ_TEST_CPU_FIXTURE_H
#define VMQ_TEST_CPU_FIXTURE_H

#include "stack/cpu_auto.h"

extern struct host_topology host;
extern struct cpu_item items[16];
extern struct cpu_plan plan; /* of that host, with `items` */
extern char somebody;        /* stands for a VPort of the stack */

/* All begins anew; and its end. For cmocka. */
int cpu_setup(void **state);
int cpu_teardown(void **state);

/* One more of each. */
void worker(unsigned cpu, unsigned load);
struct cpu_item *item(const char *name, unsigned cpu, unsigned load);
struct cpu_item *wire(const char *adapter, unsigned cpu, unsigned load);
/* Virtual processor 3 of VPort "vm", on one of these CPUs. */
void vcpu(const char *cpus);

#endif
