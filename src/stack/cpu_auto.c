/* SPDX-License-Identifier: BSD-3-Clause */
/* When a VPort is to be moved (cpu_auto.h). One thread at a time. */
#include "stack/cpu_auto.h"

#include <string.h>

#include "stack/cpu_plan_priv.h"

unsigned cpu_auto_hold(unsigned moves)
{
	unsigned hold = CPU_AUTO_HOLD;

	while (moves-- > 1 && hold < CPU_AUTO_HOLD_MAX)
		hold *= 2;
	return hold < CPU_AUTO_HOLD_MAX ? hold : CPU_AUTO_HOLD_MAX;
}

/* The busiest of the workers that have been busy long enough; -1: none. */
static int hottest(struct cpu_auto *a, const struct cpu_plan *p, bool at_once)
{
	int found = -1;

	for (unsigned w = 0; w < p->nworkers; w++) {
		a->hot[w] = p->worker[w].load >= CPU_AUTO_HIGH ? a->hot[w] + 1 : 0;
		if (a->hot[w] < (at_once ? 1 : CPU_AUTO_STEPS))
			continue;
		if (found < 0 || p->worker[w].load > p->worker[found].load)
			found = (int)w;
	}
	return found;
}

/* The least that the busier of the two can be afterwards, and where the item must go for it. */
static unsigned best_place(const struct cpu_plan *p, const struct cpu_item *item, unsigned from, unsigned *to)
{
	unsigned load[STACK_MAX_CPUS], best = CPU_UNUSABLE;

	for (unsigned w = 0; w < p->nworkers; w++)
		load[w] = p->worker[w].load;
	load[from] -= item->load < load[from] ? item->load : load[from];
	for (unsigned w = 0; w < p->nworkers; w++) {
		unsigned then;

		if (w == from)
			continue;
		then = cpu_cost_at(p, item, p->worker[w].cpu, load) + item->load;
		if (then < load[from])
			then = load[from];
		if (then < best) {
			best = then;
			*to = p->worker[w].cpu;
		}
	}
	return best;
}

static struct cpu_item *on_trial(const struct cpu_auto *a, const struct cpu_plan *p)
{
	for (size_t i = 0; i < p->nitems; i++) {
		struct cpu_item *item = &p->items[i];

		if (item->owner == a->trial.owner && item->id == a->trial.id && item->serial == a->trial.serial &&
		    item->kind == CPU_ITEM_VPORT)
			return item;
	}
	return NULL;
}

/* The end of a trial: the item's index when it goes back, else -1. */
static int judge(const struct cpu_auto *a, const struct cpu_plan *p)
{
	struct cpu_item *item = on_trial(a, p);
	int from = cpu_worker_index(p, a->trial.from);

	if (!item || !item->vport || item->chosen || item->cpu != a->trial.to || from < 0)
		return -1; /* gone, or somebody placed it meanwhile */
	if (p->worker[from].load < CPU_AUTO_HIGH || item->frames * 1000 >= a->trial.frames * CPU_AUTO_LESS)
		return -1; /* the worker is relieved, or the VPort not worse off */
	item->to = a->trial.from;
	return (int)(item - p->items);
}

static void begin_trial(struct cpu_auto *a, const struct cpu_item *item)
{
	a->trial.steps = CPU_AUTO_TRIAL;
	a->trial.owner = item->owner;
	a->trial.id = item->id;
	a->trial.serial = item->serial;
	a->trial.from = item->cpu;
	a->trial.to = item->to;
	a->trial.frames = item->frames;
}

bool cpu_auto_due(struct cpu_auto *a, const unsigned *load, unsigned nworkers)
{
	bool due = a->trial.steps > 0;

	for (unsigned w = 0; w < nworkers; w++)
		due = due || load[w] >= CPU_AUTO_HIGH;
	if (!due)
		memset(a->hot, 0, sizeof a->hot);
	return due;
}

int cpu_auto_step(struct cpu_auto *a, struct cpu_plan *p, bool (*held)(void *ctx, size_t i), void *ctx, bool at_once)
{
	unsigned best = CPU_UNUSABLE, then, to = 0, place = 0;
	int hot, found = -1;

	a->back = false;
	if (a->trial.steps) {
		found = --a->trial.steps ? -1 : judge(a, p);
		a->back = found >= 0;
		return found;
	}
	hot = hottest(a, p, at_once);
	if (hot < 0)
		return -1;
	cpu_plan_prepare(p);
	for (size_t i = 0; i < p->nitems; i++) {
		const struct cpu_item *item = &p->items[i];

		/* Several queue pairs are on several CPUs already: moving them all is the plan's affair. */
		if (!item->vport || item->chosen || !item->load || item->queue_pairs > 1 ||
		    item->cpu != p->worker[hot].cpu || (!at_once && held(ctx, i)))
			continue;
		then = best_place(p, item, (unsigned)hot, &to);
		if (then < best) {
			best = then;
			place = to;
			found = (int)i;
		}
	}
	if (found < 0 || best + CPU_AUTO_GAIN > p->worker[hot].load)
		return -1;
	p->items[found].to = place;
	memset(a->hot, 0, sizeof a->hot);
	if (!at_once)
		begin_trial(a, &p->items[found]);
	return found;
}
