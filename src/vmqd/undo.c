/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqd/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqd/document.h"

static bool has_filter(const struct wish_vport *w, const struct stack_filter_info *f)
{
	for (size_t i = 0; i < w->want.nfilters; i++) {
		const struct stack_filter_want *x = &w->filters[i];

		if (memcmp(x->mac, f->mac, 6) == 0 && x->vlan.kind == f->vlan.kind && x->vlan.id == f->vlan.id &&
		    x->broadcast == f->broadcast)
			return true;
	}
	return false;
}

/* The VPort's filters that the wish does not have go. */
static int take_filters(struct stack_vport *v, const struct wish_vport *w, struct stack_error *e)
{
	struct stack_filter_info *f;
	size_t n;
	int rc = 0;

	if (stack_filter_list(stack_vport_adapter(v), v, &f, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!f[i].companion && !has_filter(w, &f[i]))
			rc = stack_filter_del(stack_vport_adapter(v), f[i].id, e);
	free(f);
	return rc;
}

int undo_give(struct stack_vport *v, const struct wish_vport *w, struct stack_error *e)
{
	struct stack_filter_info made[STACK_FILTERS_MADE], *f;
	int rc = 0;
	unsigned k;
	size_t n;

	if (stack_filter_list(stack_vport_adapter(v), v, &f, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < w->want.nfilters && rc == 0; i++) {
		const struct stack_filter_want *x = &w->filters[i];
		bool there = false;

		for (size_t j = 0; j < n && !there; j++)
			there = memcmp(x->mac, f[j].mac, 6) == 0 && x->vlan.kind == f[j].vlan.kind &&
				x->vlan.id == f[j].vlan.id && !f[j].companion;
		if (!there)
			rc = stack_filter_add(v, x, made, &k, e);
	}
	free(f);
	return rc;
}

int undo_set(struct stack_vport *v, const struct wish_vport *w, struct stack_error *e)
{
	const struct stack_vport_want *x = &w->want;
	struct stack_vport_info now;
	struct stack_vport_change c = {
		.set_cpu = x->cpu_given,
		.cpu = x->cpu,
		.by_plan = x->cpu_by_plan,
		.let_plan = x->cpu_by_plan,
		.set_moderation = true,
		.moderation = x->moderation,
		.set_source_check = true,
		.set_vlan_check = true,
		.set_all_multicast = true,
		.set_trunk = true,
		.policy = x->policy,
		.set_tuning = true,
		.tuning = x->tuning,
		.set_rss = true,
		.rss = x->rss,
		.set_name = stack_vport_id(v) != 0,
	};

	if (stack_vport_info(v, &now, e) < 0)
		return -1;
	c.set_queue_pairs = c.set_name && now.queue_pairs != x->queue_pairs;
	c.queue_pairs = x->queue_pairs;
	memcpy(c.name, x->name, sizeof c.name);
	return stack_vport_set(v, &c, e);
}

/* A name that is not the wish's may be another's, and so may be queue pairs beyond it. */
static int let_go(struct stack_vport *v, const struct stack_vport_want *now, const struct stack_vport_want *w, struct stack_error *e)
{
	struct stack_vport_change c = {
		.set_queue_pairs = now->queue_pairs > w->queue_pairs,
		.queue_pairs = w->queue_pairs,
		.set_name = strcmp(now->name, w->name) != 0,
	};
	unsigned n = 0;
	int rc = 0;

	if (stack_vport_id(v) == 0 || (!c.set_queue_pairs && !c.set_name))
		return 0;
	do {
		(void)snprintf(c.name, sizeof c.name, "%u-%u", stack_vport_id(v), n++);
		rc = stack_vport_set(v, &c, e);
	} while (rc < 0 && e->code == STACK_EXISTS); /* somebody may be called so */
	return rc;
}

int undo_take(struct stack_vport *v, const struct wish_vport *w, struct stack_error *e)
{
	struct wish_vport now;
	int rc;

	if (document_wish(v, &now, e) < 0)
		return -1;
	if (stack_vport_id(v) != 0 && wish_needs_renewal(&now, w))
		rc = stack_vport_del(v, e);
	else if (take_filters(v, w, e) < 0)
		rc = -1;
	else
		rc = let_go(v, &now.want, &w->want, e);
	wish_free(&now);
	return rc;
}
