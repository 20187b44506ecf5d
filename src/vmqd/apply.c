/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plan carried out (plan.h). A step that a limit forbids for the moment (an address more on a VPort that is to give one
 * away) waits until others are done; two filters that wait for each other are broken up by taking one away and setting it
 * again, which is the only case in which an address that stays is without a filter. What fails is undone by the state's
 * record of how everything was (state_undo).
 */
#include <stdlib.h>
#include <string.h>

#include "vmqd/plan.h"
#include "vmqd/state.h"
#include "vmqd/tuning.h"

static struct stack_vport *vport_of(const struct plan_vport *v, struct stack_error *e)
{
	return stack_vport_find(v->adapter->daemon->stack, v->adapter->stack, v->name, e);
}

/* ---- single steps ---- */

static int move(const struct plan_step *s, struct stack_error *e)
{
	struct stack_vport *to = vport_of(s->v, e);
	struct stack_filter_info info;

	return to ? stack_filter_move(s->v->adapter->stack, s->f.id, to, &info, e) : -1;
}

static int set_filter(const struct plan_step *s, struct stack_error *e)
{
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_vport *v = vport_of(s->v, e);
	unsigned n;

	return v ? stack_filter_add(v, &s->f, made, &n, e) : -1;
}

/* Is the filter to be moved to the VPort that is made? */
static bool moves_there(const struct plan *p, const struct plan_vport *v, const struct stack_filter_want *f)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		const struct plan_step *s = &p->steps[i];

		if (s->kind == PLAN_MOVE_LATE && s->v == v && memcmp(s->f.mac, f->mac, 6) == 0 &&
		    s->f.vlan.kind == f->vlan.kind && s->f.vlan.id == f->vlan.id)
			return true;
	}
	return false;
}

/* With the filters that do not come from elsewhere. */
static int add(const struct plan *p, const struct plan_step *s, struct stack_error *e)
{
	struct stack_vport_want want = s->v->want->want;
	struct stack_filter_want *filters = calloc(want.nfilters + 1, sizeof *filters);
	struct stack_vport *v;
	size_t n = 0;
	int rc;

	if (!filters)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	for (size_t i = 0; i < want.nfilters; i++)
		if (!moves_there(p, s->v, &want.filters[i]))
			filters[n++] = want.filters[i];
	want.filters = filters;
	want.nfilters = n;
	want.id = s->v->there ? s->v->id : 0; /* made anew it is the same one, */
	want.awaits_vm = s->v->there && s->v->now.want.awaits_vm; /* and waits for its VM if it did */
	rc = stack_vport_add(s->v->adapter->stack, &want, &v, e);
	free(filters);
	return rc;
}

static int change(const struct plan_step *s, struct stack_error *e)
{
	const struct stack_vport_want *w = &s->v->want->want;
	struct stack_vport *v = vport_of(s->v, e);
	struct stack_vport_change c = { .cpu = w->cpu, .queue_pairs = w->queue_pairs, .moderation = w->moderation,
					.policy = w->policy, .tuning = w->tuning, .rss = w->rss };
	const json_t *m;
	size_t i;

	json_array_foreach(s->members, i, m) {
		const char *key = json_string_value(m);

		c.set_cpu |= strcmp(key, "cpu") == 0 && w->cpu_given;
		c.let_plan |= strcmp(key, "cpu") == 0 && !w->cpu_given;
		c.set_queue_pairs |= strcmp(key, "queue_pairs") == 0;
		c.set_moderation |= strcmp(key, "moderation") == 0;
		c.set_source_check |= strcmp(key, "source_check") == 0;
		c.set_vlan_check |= strcmp(key, "vlan_check") == 0;
		c.set_all_multicast |= strcmp(key, "all_multicast") == 0;
		c.set_trunk |= strcmp(key, "trunk") == 0;
		c.set_rss |= strncmp(key, "rss", 3) == 0;
#define X(name, member) c.set_tuning |= strcmp(key, #name) == 0;
		TUNING_KEYS(X)
#undef X
	}
	return v ? stack_vport_set(v, &c, e) : -1;
}

static int set_worker(const struct plan *p, const struct plan_step *s, struct stack_error *e)
{
	if (nic_engine_set_policy(p->d->engine, s->cpu, (enum nic_policy)s->policy) == 0 &&
	    nic_engine_set_light_sleep(p->d->engine, s->cpu, (enum nic_light_sleep)s->light_sleep) == 0)
		return 0;
	return stack_fail(e, STACK_FAILED, "cpus", "the worker of CPU %u did not answer in %d ms", s->cpu, NIC_WAIT_MS);
}

static int do_step(const struct plan *p, const struct plan_step *s, struct stack_error *e)
{
	struct stack_vport *v;

	switch (s->kind) {
	case PLAN_MOVE:
	case PLAN_MOVE_LATE:
		return move(s, e);
	case PLAN_REMOVE_EARLY:
	case PLAN_REMOVE:
		v = vport_of(s->v, e);
		return v ? stack_vport_del(v, e) : -1;
	case PLAN_CLEAR_EARLY:
	case PLAN_CLEAR:
		return stack_filter_del(s->v->adapter->stack, s->f.id, e);
	case PLAN_ADD:
		return add(p, s, e);
	case PLAN_SET_FILTER:
		return set_filter(s, e);
	case PLAN_BROADCAST:
		return stack_filter_set_broadcast(s->v->adapter->stack, s->f.id, s->on, e);
	case PLAN_SHRINK:
	case PLAN_CHANGE:
		return change(s, e);
	case PLAN_WORKER:
		return set_worker(p, s, e);
	default:
		placement_set_auto(p->d->placement, s->on);
		return 0;
	}
}

/* ---- in order ---- */

static bool is_move(const struct plan_step *s)
{
	return s->kind == PLAN_MOVE || s->kind == PLAN_MOVE_LATE;
}

/* What may have to wait for others. */
static bool may_wait(const struct plan_step *s)
{
	return is_move(s) || s->kind == PLAN_SET_FILTER;
}

/* Moves that wait while the VPort goes that has the filter: it goes with it, and is set anew. */
static void set_instead(struct plan *p, const struct plan_vport *gone)
{
	for (size_t i = 0; i < p->nsteps; i++)
		if (!p->steps[i].done && is_move(&p->steps[i]) && p->steps[i].from == gone)
			p->steps[i].kind = PLAN_SET_FILTER;
}

/* Those that waited, until none is left or none can be done. -1 with the last one's error. */
static int do_waiting(struct plan *p, struct stack_error *e)
{
	bool some = true, left = true;

	while (some && left) {
		some = left = false;
		for (size_t i = 0; i < p->nsteps; i++) {
			struct plan_step *s = &p->steps[i];

			if (s->done || !may_wait(s))
				continue;
			s->done = do_step(p, s, e) == 0;
			some |= s->done;
			left |= !s->done;
		}
	}
	return left ? -1 : 0;
}

/* Moves that wait for each other: one filter is taken away, and set when there is room. */
static int break_up(struct plan *p, struct stack_error *e)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		struct plan_step *s = &p->steps[i];

		if (s->done || !is_move(s))
			continue;
		if (stack_filter_del(s->v->adapter->stack, s->f.id, e) < 0)
			return -1;
		s->kind = PLAN_SET_FILTER;
		return 0;
	}
	return -1; /* no move is left: e says what is wrong */
}

static int settle(struct plan *p, struct stack_error *e)
{
	while (do_waiting(p, e) < 0)
		if (break_up(p, e) < 0)
			return -1;
	return 0;
}

/* Steps of one kind. */
static int do_kind(struct plan *p, enum plan_kind kind, struct stack_error *e)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		struct plan_step *s = &p->steps[i];

		if (s->done || s->kind != kind)
			continue;
		if (kind == PLAN_REMOVE_EARLY || kind == PLAN_REMOVE)
			set_instead(p, s->v);
		s->done = do_step(p, s, e) == 0;
		if (!s->done && !may_wait(s))
			return -1;
	}
	return 0;
}

int plan_carry_out(struct plan *p, struct stack_error *e)
{
	struct stack_error why;
	unsigned failed;
	int rc = 0;

	/* what is done already, by automatic placement, is not undone with it */
	if (state_commit(p->d, e) < 0 || state_settings(p->d, e) < 0)
		return -1;
	for (int kind = 0; kind < PLAN_KINDS && rc == 0; kind++) {
		rc = do_kind(p, (enum plan_kind)kind, e);
		if (rc == 0 && kind == PLAN_CLEAR)
			rc = settle(p, e); /* nothing more becomes free */
	}
	if (rc == 0)
		return 0;
	why = *e;
	failed = state_undo(p->d);
	if (failed)
		(void)stack_fail(e, why.code, why.field, "%s; of what had been done, %u steps could not be undone: the log says which",
				 why.err.text, failed);
	else
		(void)stack_fail(e, why.code, why.field,
				 "%s; what had been done is undone (a VM whose VPort was removed on the way has to connect again)",
				 why.err.text);
	e->oid = why.oid;
	e->status = why.status;
	return -1;
}
