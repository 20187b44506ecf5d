/* SPDX-License-Identifier: BSD-3-Clause */
/* From what runs to what a configuration says (plan.h). */
#include "vmqd/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqd/describe.h"
#include "vmqd/diff.h"
#include "vmqd/document.h"
#include "vmqd/text.h"

#define KEY_SIZE 160

static int no_memory(struct stack_error *e)
{
	return stack_fail(e, STACK_FAILED, NULL, "out of memory");
}

/* ---- what runs ---- */

static int running_vports(struct adapter *a, json_t *out, struct stack_error *e)
{
	json_t *vports = json_array();

	for (uint32_t id = 0; id < NIC_MAX_VPORTS; id++) {
		struct stack_vport *v = stack_vport_by_id(a->stack, id);
		struct wish_vport w;

		if (!v)
			continue;
		if (document_wish(v, &w, e) < 0) {
			json_decref(vports);
			return -1;
		}
		if (id == 0)
			(void)json_object_set_new(out, "host", describe_host(&a->cfg->host, &w));
		else
			(void)json_array_append_new(vports, describe_vport(&w));
		wish_free(&w);
	}
	(void)json_object_set_new(out, "vports", vports);
	return 0;
}

static int running_adapter(struct adapter *a, json_t *out, struct stack_error *e)
{
	struct ndis_adapter_info n;

	ndis_adapter_info(a->ndis, &n);
	if (n.mode == MINIPORT_MODE_VMQ)
		(void)json_object_set_new(out, "create_switch", json_boolean(n.switch_present));
	return running_vports(a, out, e);
}

json_t *plan_running(struct daemon *d, struct stack_error *e)
{
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	unsigned n = nic_engine_stats(d->engine, w, NIC_MAX_WORKERS);
	json_t *out = describe_config(d->cfg), *cpus = json_array();

	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(cpus, describe_worker(w[i].cpu, (unsigned)w[i].policy, (unsigned)w[i].light_sleep));
	if (!out || json_object_set_new(out, "cpus", cpus) < 0) {
		(void)no_memory(e);
		json_decref(out);
		return NULL;
	}
	(void)json_object_set_new(out, "cpu_auto", json_boolean(placement_auto(d->placement)));
	for (size_t i = 0; i < d->nadapters; i++) {
		json_t *a = json_array_get(json_object_get(out, "adapters"), i);

		if (running_adapter(&d->adapters[i], a, e) < 0) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

static struct adapter *adapter_named(struct daemon *d, const char *name)
{
	for (size_t i = 0; i < d->nadapters; i++)
		if (strcmp(d->adapters[i].cfg->name, name) == 0)
			return &d->adapters[i];
	return NULL;
}

/* A VM queue's moderation is adaptive, whether or not somebody says so. */
static void settle_queues(struct daemon *d, json_t *wanted)
{
	json_t *a, *v;
	size_t i, k;

	json_array_foreach(json_object_get(wanted, "adapters"), i, a) {
		const struct adapter *it = adapter_named(d, json_string_value(json_object_get(a, "name")));

		if (!it || stack_adapter_model(it->stack) != STACK_MODEL_QUEUES)
			continue;
		json_array_foreach(json_object_get(a, "vports"), k, v)
			if (strcmp(json_string_value(json_object_get(v, "moderation")), "undefined") == 0)
				(void)json_object_set_new(v, "moderation", json_string("adaptive"));
	}
}

json_t *plan_changes(struct daemon *d, const struct config *wanted, struct stack_error *e)
{
	json_t *running = plan_running(d, e), *want, *changes = NULL;

	if (!running)
		return NULL;
	want = describe_config(wanted);
	settle_queues(d, want);
	changes = diff_configs(running, want);
	json_decref(running);
	json_decref(want);
	if (!changes)
		(void)no_memory(e);
	return changes;
}

/* ---- VPorts ---- */

static const struct config_adapter *wanted_of(const struct plan *p, const struct adapter *a)
{
	for (size_t i = 0; i < p->wanted->nadapters; i++)
		if (strcmp(p->wanted->adapters[i].name, a->cfg->name) == 0)
			return &p->wanted->adapters[i];
	return NULL;
}

static const struct wish_vport *wish_named(const struct config_adapter *c, const char *name)
{
	for (size_t i = 0; i < c->nvports; i++)
		if (strcmp(c->vports[i].want.name, name) == 0)
			return &c->vports[i];
	return NULL;
}

static struct plan_vport *find_vport(const struct plan *p, const struct adapter *a, const char *name)
{
	for (size_t i = 0; i < p->nvports; i++)
		if (p->vports[i].adapter == a && strcmp(p->vports[i].name, name) == 0)
			return &p->vports[i];
	return NULL;
}

static int list_adapter(struct plan *p, struct adapter *a, struct stack_error *e)
{
	const struct config_adapter *c = wanted_of(p, a);

	for (uint32_t id = 0; id < NIC_MAX_VPORTS; id++) {
		struct stack_vport *v = stack_vport_by_id(a->stack, id);
		struct plan_vport *it = &p->vports[p->nvports];

		if (!v)
			continue;
		*it = (struct plan_vport){ .adapter = a, .id = id, .there = true };
		if (document_wish(v, &it->now, e) < 0)
			return -1;
		it->name = it->now.want.name;
		it->want = id == 0 ? &c->host_wish : wish_named(c, it->name);
		it->renew = id != 0 && it->want && wish_needs_renewal(&it->now, it->want);
		p->nvports++;
	}
	for (size_t i = 0; i < c->nvports; i++) {
		const char *name = c->vports[i].want.name;

		if (!find_vport(p, a, name))
			p->vports[p->nvports++] = (struct plan_vport){ .adapter = a, .name = name, .want = &c->vports[i] };
	}
	return 0;
}

static int list_vports(struct plan *p, struct stack_error *e)
{
	size_t most = 0;

	for (size_t i = 0; i < p->wanted->nadapters; i++)
		most += p->wanted->adapters[i].nvports + NIC_MAX_VPORTS;
	p->vports = calloc(most, sizeof *p->vports);
	if (!p->vports)
		return no_memory(e);
	for (size_t i = 0; i < p->d->nadapters; i++)
		if (list_adapter(p, &p->d->adapters[i], e) < 0)
			return -1;
	return 0;
}

static bool goes(const struct plan_vport *v)
{
	return v->there && (!v->want || v->renew);
}

static bool comes(const struct plan_vport *v)
{
	return v->want && (!v->there || v->renew);
}

/* ---- room ---- */

struct use {
	size_t vports, pairs, vfs, filters;
};

/* Filters, and one for broadcast for each VLAN test that wants one. */
static size_t filters_of(const struct wish_vport *w)
{
	bool brought[4096] = { false }; /* by VLAN id; 0: untagged, 4095: any */
	size_t n = w->want.nfilters;

	for (size_t i = 0; i < w->want.nfilters; i++) {
		const struct stack_filter_want *f = &w->filters[i];
		bool *b = &brought[f->vlan.kind == STACK_VLAN_ID ? f->vlan.id : f->vlan.kind == STACK_VLAN_ANY ? 4095 : 0];

		if (!f->broadcast || f->mac[0] & 1 || *b)
			continue;
		*b = true;
		n++;
	}
	return n;
}

static void use_add(struct use *u, uint32_t id, const struct wish_vport *w)
{
	u->vports++;
	u->pairs += w->want.queue_pairs;
	u->vfs += w->want.on_vf;
	u->filters += filters_of(w);
	if (id == 0)
		u->pairs -= w->want.queue_pairs; /* the default VPort's is always there */
}

/* *now: what is there; *then: what shall be; *both: what there is while all that comes is there and nothing has gone but what is
 * made anew. */
static void count_use(const struct plan *p, const struct adapter *a, struct use *now, struct use *then, struct use *both)
{
	*now = *then = *both = (struct use){ 0 };
	for (size_t i = 0; i < p->nvports; i++) {
		const struct plan_vport *v = &p->vports[i];

		if (v->adapter != a)
			continue;
		if (v->there)
			use_add(now, v->id, &v->now);
		if (v->want)
			use_add(then, v->there && !v->renew ? v->id : 1, v->want);
		if (comes(v))
			use_add(both, 1, v->want);
		else
			use_add(both, v->id, &v->now);
	}
}

static bool too_many(size_t used, size_t now, size_t then, size_t max)
{
	return used - (now < used ? now : used) + then > max;
}

static int no_room(const struct adapter *a, const char *what, size_t then, size_t now, size_t used, size_t max,
		   struct stack_error *e)
{
	if (!too_many(used, now, then, max) || then <= now)
		return 0;
	return stack_fail(e, STACK_LIMIT, "adapters", "adapter %s has room for %zu %s, %zu of them taken by others; %zu are wanted",
			  a->cfg->name, max, what, used - (now < used ? now : used), then);
}

/* What an adapter's model cannot give its VPorts. */
static int check_model(const struct plan_vport *v, enum stack_model model, struct stack_error *e)
{
	const struct stack_vport_want *w = &v->want->want;

	if (v->id == 0 && v->there)
		return 0;
	if (model == STACK_MODEL_NONE)
		return stack_fail(e, STACK_REFUSED, "adapters", "adapter %s has neither VPorts nor VM queues; VPort %s cannot be",
				  v->adapter->cfg->name, v->name);
	if (model == STACK_MODEL_QUEUES &&
	    (w->queue_pairs != 1 || w->on_vf || (w->moderation != moderation_values[0] &&
						 w->moderation != NdisNicSwitchVPortInterruptModerationUndefined)))
		return stack_fail(e, STACK_REFUSED, "adapters",
				  "VPort %s: adapter %s gives VM queues, which have one queue pair, no VF and moderation adaptive",
				  v->name, v->adapter->cfg->name);
	return 0;
}

static int check_limits(const struct plan_vport *v, struct stack_error *e)
{
	const struct softnic_limits *l = &v->adapter->cfg->mode.limits;
	size_t macs = 0;

	for (size_t i = 0; i < v->want->want.nfilters; i++)
		macs += !(v->want->filters[i].mac[0] & 1);
	if (v->want->want.queue_pairs > l->queue_pairs_per_vport && !(v->there && v->id == 0))
		return stack_fail(e, STACK_LIMIT, "adapters", "VPort %s: %u queue pairs; the adapter's limit is %u", v->name,
				  v->want->want.queue_pairs, l->queue_pairs_per_vport);
	if (macs > l->mac_addresses_per_vport)
		return stack_fail(e, STACK_LIMIT, "adapters", "VPort %s: %zu addresses; the adapter's limit is %u", v->name, macs,
				  l->mac_addresses_per_vport);
	return 0;
}

/* Is there room at the end; and who goes early because there is none on the way. */
static int check_adapter(struct plan *p, struct adapter *a, struct stack_error *e)
{
	struct use now, then, both;
	struct stack_switch_info s;
	bool queues;

	if (stack_switch_info(a->stack, &s, e) < 0)
		return -1;
	queues = s.model == STACK_MODEL_QUEUES;
	for (size_t i = 0; i < p->nvports; i++)
		if (p->vports[i].adapter == a && p->vports[i].want &&
		    (check_model(&p->vports[i], s.model, e) < 0 || check_limits(&p->vports[i], e) < 0))
			return -1;
	count_use(p, a, &now, &then, &both);
	if (queues ? no_room(a, "VM queues", then.vports - 1, now.vports - 1, s.num_queues, s.max_queues, e) < 0
		   : s.model == STACK_MODEL_SWITCH &&
			     (no_room(a, "VPorts", then.vports, now.vports, s.num_vports, s.max_vports, e) < 0 ||
			      no_room(a, "queue pairs", then.pairs, now.pairs, s.queue_pairs, s.max_queue_pairs, e) < 0))
		return -1;
	if (no_room(a, "VFs", then.vfs, now.vfs, s.num_vfs, s.max_vfs, e) < 0 ||
	    no_room(a, "filters", then.filters, now.filters, s.num_filters, s.max_filters, e) < 0)
		return -1;
	for (size_t i = 0; i < p->nvports; i++) {
		struct plan_vport *v = &p->vports[i];

		if (v->adapter == a && goes(v))
			v->early = v->renew ||
				   (queues ? too_many(s.num_queues, now.vports - 1, both.vports - 1, s.max_queues)
					   : too_many(s.num_vports, now.vports, both.vports, s.max_vports) ||
						     too_many(s.queue_pairs, now.pairs, both.pairs, s.max_queue_pairs)) ||
				   too_many(s.num_vfs, now.vfs, both.vfs, s.max_vfs) ||
				   too_many(s.num_filters, now.filters, both.filters, s.max_filters);
	}
	return 0;
}

/* A name or a socket that something else is to have. */
static void make_way(struct plan *p)
{
	for (size_t i = 0; i < p->nvports; i++) {
		struct plan_vport *v = &p->vports[i];

		for (size_t k = 0; k < p->nvports && goes(v) && !v->early; k++) {
			const struct plan_vport *o = &p->vports[k];

			v->early = o != v && comes(o) &&
				   (strcmp(o->name, v->name) == 0 || strcmp(o->want->want.socket, v->now.want.socket) == 0);
		}
	}
}

/* ---- steps ---- */

static struct plan_step *add_step(struct plan *p, enum plan_kind kind, struct plan_vport *v)
{
	if (p->nsteps == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct plan_step *more = reallocarray(p->steps, room, sizeof *more);

		if (!more)
			return NULL;
		p->steps = more;
		p->room = room;
	}
	p->steps[p->nsteps] = (struct plan_step){ .kind = kind, .v = v, .serial = p->nsteps };
	return &p->steps[p->nsteps++];
}

static int add_filter_step(struct plan *p, enum plan_kind kind, struct plan_vport *v, struct plan_vport *from,
			   const struct stack_filter_want *f, uint32_t id)
{
	struct plan_step *s = add_step(p, kind, v);

	if (!s)
		return -1;
	s->from = from;
	s->f = *f;
	s->f.id = id;
	s->f.broadcast_id = 0;
	s->on = f->broadcast;
	return 0;
}

/* What tells filters apart; a group's address may be on several VPorts. */
static void filter_key(const struct plan_vport *v, const struct stack_filter_want *f, char key[KEY_SIZE])
{
	char mac[MAC_TEXT_SIZE];

	mac_format(f->mac, mac);
	(void)snprintf(key, KEY_SIZE, "%s %d %u %s", mac, f->vlan.kind, f->vlan.id, f->mac[0] & 1 ? v->name : "");
}

/* key -> [index of the VPort, index of the filter], of what is there or of what is wanted. */
static json_t *filter_map(const struct plan *p, const struct adapter *a, bool wanted)
{
	json_t *map = json_object();
	char key[KEY_SIZE];

	for (size_t i = 0; i < p->nvports; i++) {
		const struct plan_vport *v = &p->vports[i];
		const struct wish_vport *w = wanted ? v->want : v->there ? &v->now : NULL;

		for (size_t k = 0; v->adapter == a && w && k < w->want.nfilters; k++) {
			filter_key(v, &w->filters[k], key);
			(void)json_object_set_new(map, key, json_pack("[i, i]", (int)i, (int)k));
		}
	}
	return map;
}

/* A filter that is there, and what becomes of it. */
static int place_filter(struct plan *p, struct plan_vport *v, const struct stack_filter_want *f, const json_t *at)
{
	struct plan_vport *to = at ? &p->vports[json_integer_value(json_array_get(at, 0))] : NULL;
	const struct stack_filter_want *want = to ? &to->want->filters[json_integer_value(json_array_get(at, 1))] : NULL;
	bool queues = stack_adapter_model(v->adapter->stack) == STACK_MODEL_QUEUES;

	if (!to)
		return goes(v) ? 0 : add_filter_step(p, PLAN_CLEAR, v, NULL, f, f->id);
	if (to == v) {
		if (goes(v) || f->broadcast == want->broadcast || f->mac[0] & 1)
			return 0;
		return add_filter_step(p, PLAN_BROADCAST, v, NULL, want, f->id);
	}
	if (goes(v) && v->early && comes(to))
		return 0; /* it goes with its VPort and comes with the other */
	if (queues || (comes(to) && to->want->want.on_vf)) /* does not move; a VF is born with its address */
		return goes(v) && v->early ? 0 : add_filter_step(p, PLAN_CLEAR_EARLY, v, NULL, f, f->id);
	if (add_filter_step(p, comes(to) ? PLAN_MOVE_LATE : PLAN_MOVE, to, v, f, f->id) < 0)
		return -1;
	return f->broadcast == want->broadcast ? 0 : add_filter_step(p, PLAN_BROADCAST, to, NULL, want, f->id);
}

/* Filters that are wanted on a VPort that stays, and that nothing brings there. */
static int missing_filter(struct plan *p, struct plan_vport *v, const struct stack_filter_want *f, const json_t *at)
{
	const struct plan_vport *from = at ? &p->vports[json_integer_value(json_array_get(at, 0))] : NULL;

	if (from && (from == v || stack_adapter_model(v->adapter->stack) == STACK_MODEL_SWITCH))
		return 0; /* there, or it moves */
	return add_filter_step(p, PLAN_SET_FILTER, v, NULL, f, 0);
}

static int plan_filters(struct plan *p, const struct adapter *a)
{
	json_t *there = filter_map(p, a, false), *wanted = filter_map(p, a, true);
	char key[KEY_SIZE];
	int rc = 0;

	for (size_t i = 0; i < p->nvports && rc == 0; i++) {
		struct plan_vport *v = &p->vports[i];

		for (size_t k = 0; v->adapter == a && v->there && k < v->now.want.nfilters && rc == 0; k++) {
			filter_key(v, &v->now.filters[k], key);
			rc = place_filter(p, v, &v->now.filters[k], json_object_get(wanted, key));
		}
		for (size_t k = 0; v->adapter == a && v->want && !comes(v) && k < v->want->want.nfilters && rc == 0; k++) {
			filter_key(v, &v->want->filters[k], key);
			rc = missing_filter(p, v, &v->want->filters[k], json_object_get(there, key));
		}
	}
	json_decref(there);
	json_decref(wanted);
	return rc;
}

static void vport_key(const char *adapter, const char *vport, char key[KEY_SIZE])
{
	(void)snprintf(key, KEY_SIZE, "%s %s", adapter, vport);
}

/* The members that are to be changed of VPorts, their filters aside: key -> list. Made once: there may be a change for each
 * filter. */
static json_t *changed_members(const struct plan *p)
{
	json_t *out = json_object(), *c, *list;
	char key[KEY_SIZE];
	size_t i;

	json_array_foreach(p->changes, i, c) {
		const char *adapter = json_string_value(json_object_get(c, "adapter"));
		const char *vport = json_string_value(json_object_get(c, "vport"));

		if (!adapter || !vport || strstr(json_string_value(json_object_get(c, "path")), ".filters["))
			continue;
		vport_key(adapter, vport, key);
		list = json_object_get(out, key);
		if (!list && json_object_set_new(out, key, list = json_array()) < 0)
			break;
		(void)json_array_append(list, json_object_get(c, "member"));
	}
	return out;
}

static int plan_change(struct plan *p, struct plan_vport *v, const json_t *changed)
{
	char key[KEY_SIZE];
	struct plan_step *s;
	json_t *members;

	vport_key(v->adapter->cfg->name, v->name, key);
	members = json_object_get(changed, key);
	if (!members)
		return 0;
	s = add_step(p, v->want->want.queue_pairs < v->now.want.queue_pairs ? PLAN_SHRINK : PLAN_CHANGE, v);
	if (s)
		s->members = json_incref(members);
	return s ? 0 : -1;
}

static int plan_vports(struct plan *p)
{
	json_t *changed = changed_members(p);
	int rc = 0;

	for (size_t i = 0; i < p->nvports && rc == 0; i++) {
		struct plan_vport *v = &p->vports[i];

		if ((goes(v) && !add_step(p, v->early ? PLAN_REMOVE_EARLY : PLAN_REMOVE, v)) ||
		    (comes(v) && !add_step(p, PLAN_ADD, v)) || (!goes(v) && !comes(v) && plan_change(p, v, changed) < 0))
			rc = -1;
	}
	json_decref(changed);
	return rc;
}

/* Of the daemon: how workers sleep, automatic placement. */
static int plan_settings(struct plan *p)
{
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	unsigned n = nic_engine_stats(p->d->engine, w, NIC_MAX_WORKERS);
	struct plan_step *s;

	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < p->wanted->ncpus; k++) {
			if (p->wanted->cpus[k] != w[i].cpu || (p->wanted->policies[k] == (unsigned)w[i].policy &&
							       p->wanted->light_sleeps[k] == (unsigned)w[i].light_sleep))
				continue;
			s = add_step(p, PLAN_WORKER, NULL);
			if (!s)
				return -1;
			s->cpu = w[i].cpu;
			s->policy = p->wanted->policies[k];
			s->light_sleep = p->wanted->light_sleeps[k];
		}
	}
	if (p->wanted->cpu_auto == placement_auto(p->d->placement))
		return 0;
	s = add_step(p, PLAN_AUTO, NULL);
	if (s)
		s->on = p->wanted->cpu_auto;
	return s ? 0 : -1;
}

static int by_kind(const void *a, const void *b)
{
	const struct plan_step *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->serial < y->serial ? -1 : 1;
}

/* ---- all of it ---- */

static int refuse_restarts(const json_t *changes, struct stack_error *e)
{
	const char *first = NULL;
	size_t i, n = 0;
	json_t *c;

	json_array_foreach(changes, i, c) {
		if (strcmp(json_string_value(json_object_get(c, "change")), "restart") != 0)
			continue;
		if (n++ == 0)
			first = json_string_value(json_object_get(c, "path"));
	}
	if (n == 0)
		return 0;
	return stack_fail(e, STACK_REFUSED, first,
			  n == 1 ? "is read at start only: restart vmqd with the file, or take this change back"
				 : "is read at start only (and %zu more are; vmqctl config diff says which): restart vmqd with "
				   "the file, or take these changes back",
			  n - 1);
}

int plan_make(struct daemon *d, const struct config *wanted, struct plan *out, struct stack_error *e)
{
	struct plan *p = out;
	int rc;

	*p = (struct plan){ .d = d, .wanted = wanted, .changes = plan_changes(d, wanted, e) };
	if (!p->changes)
		return -1;
	rc = refuse_restarts(p->changes, e);
	if (rc == 0)
		rc = list_vports(p, e);
	for (size_t i = 0; i < d->nadapters && rc == 0; i++)
		rc = check_adapter(p, &d->adapters[i], e);
	if (rc == 0) {
		make_way(p);
		for (size_t i = 0; i < d->nadapters && rc == 0; i++)
			rc = plan_filters(p, &d->adapters[i]);
		if (rc < 0 || plan_vports(p) < 0 || plan_settings(p) < 0)
			rc = no_memory(e);
	}
	if (rc < 0)
		plan_free(p);
	else if (p->nsteps)
		qsort(p->steps, p->nsteps, sizeof *p->steps, by_kind);
	return rc;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->nvports; i++)
		wish_free(&p->vports[i].now);
	for (size_t i = 0; i < p->nsteps; i++)
		json_decref(p->steps[i].members);
	free(p->vports);
	free(p->steps);
	json_decref(p->changes);
	*p = (struct plan){ 0 };
}

/* ---- told ---- */

static void filter_text(const struct stack_filter_want *f, char out[64])
{
	char mac[MAC_TEXT_SIZE];

	mac_format(f->mac, mac);
	if (f->vlan.kind == STACK_VLAN_ID)
		(void)snprintf(out, 64, "%s vlan %u", mac, f->vlan.id);
	else
		(void)snprintf(out, 64, "%s vlan %s", mac, f->vlan.kind == STACK_VLAN_ANY ? "any" : "untagged");
}

static void members_text(const json_t *members, char *out, size_t size)
{
	json_t *m;
	size_t i;

	*out = '\0';
	json_array_foreach(members, i, m)
		(void)snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? ", " : "", json_string_value(m));
}

static const char *goes_why(const struct plan_vport *v)
{
	return v->renew ? ", to make it anew: its VM is disconnected" :
	       v->now.want.awaits_vm ? ", which waits for a VM that moves here: one that comes all the same has no network" : "";
}

static json_t *step_text(const struct plan_step *s)
{
	const char *name = s->v ? s->v->name : "";
	char filter[64], members[512];

	filter_text(&s->f, filter);
	switch (s->kind) {
	case PLAN_MOVE:
	case PLAN_MOVE_LATE:
		return json_sprintf("move filter %s from %s to %s", filter, s->from->name, name);
	case PLAN_REMOVE_EARLY:
	case PLAN_REMOVE:
		return json_sprintf("remove VPort %s%s", name, goes_why(s->v));
	case PLAN_CLEAR_EARLY:
	case PLAN_CLEAR:
		return json_sprintf("remove filter %s of %s", filter, name);
	case PLAN_ADD:
		return json_sprintf("add VPort %s", name);
	case PLAN_SET_FILTER:
		return json_sprintf("add filter %s to %s", filter, name);
	case PLAN_BROADCAST:
		return json_sprintf("filter %s of %s: broadcast %s", filter, name, s->on ? "on" : "off");
	case PLAN_SHRINK:
	case PLAN_CHANGE:
		members_text(s->members, members, sizeof members);
		return json_sprintf("change VPort %s: %s", name, members);
	case PLAN_WORKER:
		return json_sprintf("the worker of CPU %u: policy %s, light_sleep %s", s->cpu, policy_names[s->policy],
				    light_sleep_names[s->light_sleep]);
	default:
		return json_sprintf("cpu_auto %s", s->on ? "on" : "off");
	}
}

json_t *plan_json(const struct plan *p)
{
	static const char *const words[] = {
#define X(id, word) word,
		PLAN_STEPS(X)
#undef X
	};
	json_t *list = json_array();

	for (size_t i = 0; i < p->nsteps; i++) {
		const struct plan_step *s = &p->steps[i];
		json_t *one = json_pack("{s:s, s:o}", "step", words[s->kind], "text", step_text(s));

		if (s->v) {
			(void)json_object_set_new(one, "adapter", json_string(s->v->adapter->cfg->name));
			(void)json_object_set_new(one, "vport", json_string(s->v->name));
		}
		(void)json_array_append_new(list, one);
	}
	return list;
}
