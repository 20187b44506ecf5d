/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack itself: its life, CPUs, and small helpers (stack.h). Control thread. */
#include "stack/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/stack_priv.h"

int stack_create(const struct stack_config *cfg, struct stack **out, struct stack_error *e)
{
	struct stack *s;

	if (cfg->ncpus == 0 || cfg->ncpus > STACK_MAX_CPUS)
		return stack_fail(e, STACK_PARAM, "cpus", "%u CPUs; 1 to %u are possible", cfg->ncpus, STACK_MAX_CPUS);
	s = calloc(1, sizeof *s);
	if (!s)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	memcpy(s->cpus, cfg->cpus, cfg->ncpus * sizeof *s->cpus);
	s->ncpus = cfg->ncpus;
	s->ops = cfg->ops;
	s->ctx = cfg->ctx;
	TAILQ_INIT(&s->adapters);
	*out = s;
	return 0;
}

void stack_destroy(struct stack *s)
{
	struct stack_adapter *a;

	if (!s)
		return;
	while ((a = TAILQ_FIRST(&s->adapters)) != NULL)
		stack_adapter_remove(a);
	free(s);
}

int stack_cpu_index(const struct stack *s, unsigned cpu)
{
	for (unsigned i = 0; i < s->ncpus; i++) {
		if (s->cpus[i] == cpu)
			return (int)i;
	}
	return -1;
}

unsigned stack_least_loaded(const struct stack *s)
{
	unsigned best = 0;

	for (unsigned i = 1; i < s->ncpus; i++) {
		if (s->load[i] < s->load[best])
			best = i;
	}
	return s->cpus[best];
}

int stack_check_cpu(const struct stack *s, unsigned cpu, struct stack_error *e)
{
	char list[96] = "";
	size_t len = 0;

	if (stack_cpu_index(s, cpu) >= 0)
		return 0;
	for (unsigned i = 0; i < s->ncpus && len < sizeof list; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%u", i ? ", " : "", s->cpus[i]);
	return stack_fail(e, STACK_PARAM, "cpu", "%u is no worker's CPU; the workers run on %s", cpu, list);
}

bool stack_vlan_equal(const struct stack_vlan *a, const struct stack_vlan *b)
{
	return a->kind == b->kind && a->id == b->id;
}

bool stack_mac_is_broadcast(const uint8_t mac[6])
{
	return memcmp(mac, "\xff\xff\xff\xff\xff\xff", 6) == 0;
}
