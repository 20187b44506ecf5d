/* SPDX-License-Identifier: BSD-3-Clause */
/* A CPU plan carried out (cpu_move.h). Control thread. */
#include "stack/cpu_move.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stack/stack_priv.h"

int cpu_items(struct stack_adapter *a, struct cpu_item **items, size_t *n, struct stack_error *e)
{
	struct stack_vport_info *list;
	struct cpu_item *more;
	size_t count;

	if (stack_vport_list(a, &list, &count, e) < 0)
		return -1;
	more = reallocarray(*items, *n + count + 1, sizeof *more);
	if (!more) {
		free(list);
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	*items = more;
	for (size_t i = 0; i < count; i++) {
		bool fixed = list[i].is_queue && list[i].id == NDIS_DEFAULT_RECEIVE_QUEUE_ID; /* nobody's to change */
		struct stack_vport *v = fixed ? NULL : stack_vport_by_id(a, list[i].id);
		struct cpu_item *item = &more[(*n)++];

		*item = (struct cpu_item){
			.kind = CPU_ITEM_VPORT,
			.vport = v,
			.id = list[i].id,
			.chosen = !v || v->cpu_chosen || v->rss.ncpus,
			.queue_pairs = list[i].queue_pairs && !(v && v->rss.off) ? list[i].queue_pairs : 1,
			.list = v ? v->rss.cpus : NULL,
			.nlist = v ? v->rss.ncpus : 0,
			.device_node = -1,
			.memory_node = -1,
			.cpu = list[i].cpu,
			.to = list[i].cpu,
		};
		memcpy(item->name, list[i].name, sizeof item->name);
		memcpy(item->adapter, a->name, sizeof item->adapter);
	}
	free(list);
	return 0;
}

static int move(struct stack_vport *v, unsigned cpu, struct stack_error *e)
{
	struct stack_vport_change c = { .set_cpu = true, .cpu = cpu, .by_plan = true };

	return stack_vport_set(v, &c, e);
}

/* The first `n` items go back. */
static void take_back(const struct cpu_plan *p, size_t n)
{
	struct stack_error e;

	while (n--) {
		const struct cpu_item *i = &p->items[n];

		if (i->to != i->cpu && move(i->vport, i->cpu, &e) < 0)
			log_error("VPort %s stays on CPU %u: %s", i->name, i->to, e.err.text);
	}
}

/* Where it came from; and whose choice the new place is. */
static void note(const struct cpu_item *i)
{
	struct stack_vport *v = i->vport;

	if (!v->moved) {
		v->home = i->cpu;
		v->home_chosen = v->cpu_chosen;
	}
	v->moved = v->home != i->to;
	v->cpu_chosen = v->moved ? v->cpu_chosen || i->asked : v->home_chosen;
}

int cpu_apply(const struct cpu_plan *p, struct stack_error *e)
{
	for (size_t i = 0; i < p->nitems; i++) {
		const struct cpu_item *item = &p->items[i];

		if (item->to != item->cpu && move(item->vport, item->to, e) < 0) {
			vmq_err_prefix(&e->err, "VPort %s: ", item->name);
			take_back(p, i);
			return -1;
		}
	}
	for (size_t i = 0; i < p->nitems; i++) {
		const struct cpu_item *item = &p->items[i];

		if (item->to != item->cpu)
			note(item);
	}
	return 0;
}

void cpu_undo_plan(struct cpu_plan *p)
{
	for (size_t i = 0; i < p->nitems; i++) {
		const struct stack_vport *v = p->items[i].vport;

		if (v && v->moved)
			p->items[i].to = v->home;
	}
}
