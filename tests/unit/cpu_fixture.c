/* SPDX-License-Identifier: BSD-3-Clause */
/* A host that does not exist (cpu_fixture.h). */
#include "cpu_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct host_topology host;
struct cpu_item items[16];
struct cpu_plan plan;
static struct cpu_vcpu vcpus[4];
char somebody;

int cpu_setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof host);
	memset(items, 0, sizeof items);
	memset(vcpus, 0, sizeof vcpus);
	host.ncpus = 8;
	host.nnodes = 2;
	for (unsigned c = 0; c < 8; c++)
		host.cpu[c] = (struct host_cpu){ .present = true, .online = true, .core = (uint16_t)(c % 4),
						 .node = (uint16_t)(c % 4 / 2) };
	host.distance[0][0] = host.distance[1][1] = 10;
	host.distance[0][1] = host.distance[1][0] = 21;
	plan = (struct cpu_plan){ .host = &host, .items = items, .vcpus = vcpus };
	return 0;
}

int cpu_teardown(void **state)
{
	(void)state;
	cpu_plan_free(&plan);
	return 0;
}

void worker(unsigned cpu, unsigned load)
{
	plan.worker[plan.nworkers++] = (struct cpu_plan_worker){ .cpu = (uint16_t)cpu, .load = load };
}

struct cpu_item *item(const char *name, unsigned cpu, unsigned load)
{
	struct cpu_item *i = &items[plan.nitems++];

	*i = (struct cpu_item){ .kind = CPU_ITEM_VPORT, .vport = (struct stack_vport *)&somebody, .queue_pairs = 1,
				.load = load, .device_node = -1, .memory_node = -1, .cpu = cpu, .to = cpu };
	(void)snprintf(i->name, sizeof i->name, "%s", name);
	(void)snprintf(i->adapter, sizeof i->adapter, "ext0");
	return i;
}

struct cpu_item *wire(const char *adapter, unsigned cpu, unsigned load)
{
	struct cpu_item *i = item("eth1", cpu, load);

	i->kind = CPU_ITEM_WIRE;
	i->vport = NULL;
	i->chosen = true;
	(void)snprintf(i->adapter, sizeof i->adapter, "%s", adapter);
	return i;
}

void vcpu(const char *cpus)
{
	struct cpu_vcpu *v = &vcpus[plan.nvcpus++];

	*v = (struct cpu_vcpu){ .vport = "vm", .vcpu = 3 };
	assert_true(host_cpus_parse(cpus, &v->cpus));
}
