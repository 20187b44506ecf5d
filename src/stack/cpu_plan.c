/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Better places for VPorts (cpu_plan.h). One at a time, the heaviest first, each where it would wait least: behind the
 * load that is there already, and behind what makes a CPU worse (the penalties). Pure functions; any one thread.
 */
#include "stack/cpu_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/cpu_plan_priv.h"

/* A VPort that is silent now counts as much, so that silent ones are spread, too. Thousandths of a CPU, like all below.
 */
#define IDLE_WEIGHT 10u

/* As if so much load were there already. */
#define PENALTY_VCPU_PINNED 2000u    /* a VM's virtual processor has no other place */
#define PENALTY_VCPU_SHARED 200u     /* it has others */
#define PENALTY_HOUSEKEEP   50u
#define PENALTY_ISOLATED    100u
#define PENALTY_FAR_DEVICE  10u /* for each unit of distance beyond the same node's: 100 for a usual neighbour */
#define PENALTY_FAR_MEMORY  15u /* the one copy goes there and reads from there */

#define PASSES 4 /* a move may make another one worth while; in practice two passes settle */

unsigned cpu_spread(const uint16_t *workers, unsigned nworkers, unsigned cpu, unsigned n, uint16_t out[CPU_MAX_QUEUES])
{
	unsigned first = 0, count = 0;

	while (first < nworkers && workers[first] != cpu)
		first++;
	for (unsigned i = 0; i < nworkers && count < n && count < CPU_MAX_QUEUES; i++) {
		uint16_t c = workers[(first + i) % nworkers];

		if (c / 64 == cpu / 64)
			out[count++] = c;
	}
	return count;
}

int cpu_worker_index(const struct cpu_plan *p, unsigned cpu)
{
	for (unsigned i = 0; i < p->nworkers; i++)
		if (p->worker[i].cpu == cpu)
			return (int)i;
	return -1;
}

unsigned cpu_item_cpus(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu, uint16_t out[CPU_MAX_QUEUES])
{
	uint16_t workers[STACK_MAX_CPUS];

	if (i->queue_pairs <= 1 || cpu_worker_index(p, cpu) < 0) {
		out[0] = (uint16_t)cpu;
		return 1;
	}
	if (i->nlist)
		return cpu_spread(i->list, i->nlist, cpu, i->queue_pairs, out);
	for (unsigned w = 0; w < p->nworkers; w++)
		workers[w] = p->worker[w].cpu;
	return cpu_spread(workers, p->nworkers, cpu, i->queue_pairs, out);
}

static void find_vcpu(const struct cpu_plan *p, struct cpu_plan_worker *w, unsigned online)
{
	w->vcpu = NULL;
	w->vcpu_only = false;
	for (size_t i = 0; i < p->nvcpus && !w->vcpu_only; i++) {
		unsigned places;

		if (!host_cpus_has(&p->vcpus[i].cpus, w->cpu))
			continue;
		places = host_cpus_count(&p->vcpus[i].cpus);
		if (places >= online)
			continue; /* nobody pinned it */
		w->vcpu = &p->vcpus[i];
		w->vcpu_only = places == 1;
	}
}

void cpu_plan_prepare(struct cpu_plan *p)
{
	const struct host_topology *h = p->host;
	unsigned online = 0, isolated = 0;

	for (unsigned c = 0; c < h->ncpus; c++) {
		online += h->cpu[c].online;
		isolated += h->cpu[c].isolated && (!h->allowed_known || host_cpus_has(&h->allowed, c));
	}
	for (unsigned i = 0; i < p->nworkers; i++) {
		struct cpu_plan_worker *w = &p->worker[i];

		find_vcpu(p, w, online);
		w->not_isolated = isolated && w->cpu < h->ncpus && !h->cpu[w->cpu].isolated;
	}
}

bool cpu_is_housekeeping(const struct cpu_plan *p, unsigned cpu)
{
	return cpu == 0 && p->host->ncpus > 1 && !p->host->cpu[0].isolated;
}

static unsigned weight(const struct cpu_item *i)
{
	return i->load + IDLE_WEIGHT;
}

/* Adds (or takes away) the item's weight on the workers it is on. */
static void put(const struct cpu_plan *p, const struct cpu_item *i, bool there, unsigned load[STACK_MAX_CPUS])
{
	uint16_t cpus[CPU_MAX_QUEUES];
	unsigned n = cpu_item_cpus(p, i, i->to, cpus);

	for (unsigned k = 0; k < n; k++) {
		int w = cpu_worker_index(p, cpus[k]);

		if (w >= 0)
			load[w] += there ? weight(i) / n : -(weight(i) / n);
	}
}

void cpu_expected(const struct cpu_plan *p, unsigned load[STACK_MAX_CPUS])
{
	memset(load, 0, STACK_MAX_CPUS * sizeof *load);
	for (size_t i = 0; i < p->nitems; i++)
		put(p, &p->items[i], true, load);
}

/* What one queue pair would wait behind on a CPU, the item's own load apart. */
static unsigned cpu_cost(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu, const unsigned *load)
{
	const struct host_topology *h = p->host;
	int w = cpu_worker_index(p, cpu);
	unsigned cost, far;

	if (w < 0 || !host_online(h, cpu) || (h->allowed_known && !host_cpus_has(&h->allowed, cpu)))
		return CPU_UNUSABLE;
	cost = load[w];
	if (p->worker[w].vcpu)
		cost += p->worker[w].vcpu_only ? PENALTY_VCPU_PINNED : PENALTY_VCPU_SHARED;
	for (unsigned s = 0; s < p->nworkers; s++)
		if (s != (unsigned)w && p->worker[s].cpu < h->ncpus &&
		    h->cpu[p->worker[s].cpu].core == h->cpu[cpu].core)
			cost += load[s] / 2; /* hyper-threads share one core's units */
	if (cpu_is_housekeeping(p, cpu))
		cost += PENALTY_HOUSEKEEP;
	if (p->worker[w].not_isolated)
		cost += PENALTY_ISOLATED;
	far = host_distance(h, i->device_node, h->cpu[cpu].node);
	cost += far > 10 ? (far - 10) * PENALTY_FAR_DEVICE : 0;
	far = host_distance(h, i->memory_node, h->cpu[cpu].node);
	cost += far > 10 ? (far - 10) * PENALTY_FAR_MEMORY : 0;
	return cost;
}

unsigned cpu_cost_at(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu, const unsigned *load)
{
	uint16_t cpus[CPU_MAX_QUEUES];
	unsigned n = cpu_item_cpus(p, i, cpu, cpus), sum = 0;

	for (unsigned k = 0; k < n; k++)
		sum += cpu_cost(p, i, cpus[k], load);
	return n ? sum / n : CPU_UNUSABLE;
}

static bool replace(const struct cpu_plan *p, struct cpu_item *i, unsigned margin, unsigned load[STACK_MAX_CPUS])
{
	unsigned now, best = CPU_UNUSABLE, to = i->to;

	put(p, i, false, load);
	now = cpu_cost_at(p, i, i->to, load);
	for (unsigned w = 0; w < p->nworkers; w++) {
		unsigned cost = cpu_cost_at(p, i, p->worker[w].cpu, load);

		if (cost < best) {
			best = cost;
			to = p->worker[w].cpu;
		}
	}
	if (to == i->to || now < best + margin)
		to = i->to;
	now = i->to;
	i->to = to;
	put(p, i, true, load);
	return to != now;
}

struct order {
	unsigned weight;
	size_t item;
};

static int heaviest_first(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

void cpu_plan_compute(struct cpu_plan *p, unsigned margin, bool all)
{
	struct order *order = calloc(p->nitems ? p->nitems : 1, sizeof *order);
	unsigned load[STACK_MAX_CPUS];
	bool moved = true;
	size_t n = 0;

	if (!order)
		return; /* nothing moves */
	cpu_plan_prepare(p);
	for (size_t i = 0; i < p->nitems; i++)
		if (p->items[i].vport && (all || !p->items[i].chosen))
			order[n++] = (struct order){ weight(&p->items[i]), i };
	qsort(order, n, sizeof *order, heaviest_first);
	cpu_expected(p, load);
	for (int pass = 0; pass < PASSES && moved; pass++) {
		moved = false;
		for (size_t k = 0; k < n; k++)
			moved |= replace(p, &p->items[order[k].item], margin, load);
	}
	free(order);
}

static unsigned percent(unsigned load)
{
	return (load + 5) / 10;
}

void cpu_plan_reason(const struct cpu_plan *p, size_t i, char *out, size_t size)
{
	const struct cpu_item *item = &p->items[i];
	int from = cpu_worker_index(p, item->cpu), to = cpu_worker_index(p, item->to);
	unsigned here = from < 0 ? 0 : percent(p->worker[from].load), there = to < 0 ? 0 : percent(p->worker[to].load);
	unsigned now[STACK_MAX_CPUS] = { 0 }, then[STACK_MAX_CPUS];

	for (size_t k = 0; k < p->nitems; k++) {
		struct cpu_item as_is = p->items[k];

		as_is.to = as_is.cpu;
		put(p, &as_is, true, now);
	}
	cpu_expected(p, then);
	if (item->asked)
		(void)snprintf(out, size, "somebody asked for it");
	else if (from < 0 || to < 0)
		(void)snprintf(out, size, "CPU %u has no worker", from < 0 ? item->cpu : item->to);
	else if (!host_online(p->host, item->cpu))
		(void)snprintf(out, size, "CPU %u is offline", item->cpu);
	else if (p->worker[from].vcpu_only)
		(void)snprintf(out, size, "virtual processor %u of %s's VM is pinned to CPU %u", p->worker[from].vcpu->vcpu,
			       p->worker[from].vcpu->vport, item->cpu);
	else if (here > there)
		(void)snprintf(out, size, "CPU %u is busy %u %% of its time, %u %% with this VPort; CPU %u %u %%",
			       item->cpu, here, percent(item->load), item->to, there);
	else if (now[from] > then[from] && now[from] > now[to])
		(void)snprintf(out, size, "more VPorts share CPU %u than CPU %u", item->cpu, item->to);
	else
		(void)snprintf(out, size, "CPU %u suits it better: nearer, quieter, or a core of its own", item->to);
}
