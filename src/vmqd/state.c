/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was asked at run time (state.h). Of each VPort the last committed document is in memory beside the store: what a
 * request changed is the difference to it, and undoing a request is going back to it.
 */
#include "vmqd/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmqd/daemon.h"
#include "vmqd/document.h"
#include "vmqd/state_priv.h"
#include "vmqd/store.h"
#include "vmqd/undo.h"

/* ---- records ---- */

struct kept *kept_find(const struct state *s, uint32_t id)
{
	for (size_t i = 0; i < s->nkept; i++)
		if (s->kept[i].id == id)
			return &s->kept[i];
	return NULL;
}

struct kept *kept_find_declared(const struct state *s, const char *name)
{
	for (size_t i = 0; i < s->nkept; i++)
		if (strcmp(s->kept[i].declared, name) == 0)
			return &s->kept[i];
	return NULL;
}

struct kept *kept_add(struct state *s, uint32_t id)
{
	if (s->nkept == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct kept *more = reallocarray(s->kept, room, sizeof *more);

		if (!more)
			return NULL;
		s->kept = more;
		s->room = room;
	}
	s->kept[s->nkept] = (struct kept){ .id = id };
	return &s->kept[s->nkept++];
}

void kept_drop(struct state *s, struct kept *k)
{
	json_decref(k->doc);
	*k = s->kept[--s->nkept];
}

/* -1: out of memory. */
static int touch(struct state *s, uint32_t id)
{
	for (size_t i = 0; i < s->ndirty; i++)
		if (s->dirty[i] == id)
			return 0;
	if (s->ndirty == s->dirty_room) {
		size_t room = s->dirty_room ? 2 * s->dirty_room : 16;
		uint32_t *more = reallocarray(s->dirty, room, sizeof *more);

		if (!more)
			return -1;
		s->dirty = more;
		s->dirty_room = room;
	}
	s->dirty[s->ndirty++] = id;
	return 0;
}

void state_changed(void *ctx, struct stack_vport *v)
{
	struct state *s = adapter_of(v)->state;

	(void)ctx;
	if (s && !s->restoring && touch(s, stack_vport_id(v)) < 0)
		log_error("VPort %s: its change is not noted: out of memory", stack_vport_name(v));
}

const char *state_origin(const struct stack_vport *v)
{
	const struct kept *k = kept_find(adapter_of(v)->state, stack_vport_id(v));

	if (!k || !k->declared[0])
		return "runtime";
	return k->changed ? "changed" : "file";
}

/* What the configuration declares under the name, or NULL. */
static const struct wish_vport *declaration_in(const struct config *c, const struct adapter *a, const char *name)
{
	for (size_t i = 0; i < c->nadapters; i++) {
		const struct config_adapter *ca = &c->adapters[i];

		if (strcmp(ca->name, a->cfg->name) != 0)
			continue;
		if (strcmp(name, STACK_DEFAULT_NAME) == 0)
			return &ca->host_wish;
		for (size_t k = 0; k < ca->nvports; k++)
			if (strcmp(ca->vports[k].want.name, name) == 0)
				return &ca->vports[k];
	}
	return NULL;
}

const struct wish_vport *state_declaration(const struct adapter *a, const char *name)
{
	return declaration_in(a->daemon->declared, a, name);
}

/* ---- commit ---- */

/* With a configuration that is to be the declared one: what of it the VPort is. */
static int compare(const struct adapter *a, const struct stack_vport *v, struct update *u, struct stack_error *e)
{
	const struct wish_vport *w = declaration_in(a->daemon->proposed, a, stack_vport_name(v));
	json_t *doc = w ? document_of(w, true) : NULL;

	if (w && !doc)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	(void)snprintf(u->declared, sizeof u->declared, "%s", w ? stack_vport_name(v) : "");
	u->changed = w && !document_same(doc, u->doc);
	json_decref(doc);
	return 0;
}

static int describe(struct adapter *a, uint32_t id, struct update *u, struct stack_error *e)
{
	struct stack_vport *v = stack_vport_by_id(a->stack, id);
	const struct kept *k = kept_find(a->state, id);

	*u = (struct update){ .id = id };
	if (k) {
		memcpy(u->declared, k->declared, sizeof u->declared);
		u->changed = k->changed;
	}
	if (!v)
		return 0;
	u->doc = document_new(v, true, e);
	if (!u->doc)
		return -1;
	if (a->daemon->proposed)
		return compare(a, v, u, e);
	/* deleted, and there again: the declared one, changed */
	if (!k && state_declaration(a, stack_vport_name(v)) && !kept_find_declared(a->state, stack_vport_name(v)))
		(void)snprintf(u->declared, sizeof u->declared, "%s", stack_vport_name(v));
	u->changed = u->changed || !k || !k->doc || !document_same(k->doc, u->doc);
	return 0;
}

int state_write(struct daemon *d, const struct adapter *a, const struct update *u, struct vmq_err *err)
{
	char *text;
	int rc;

	if (!u->doc) {
		if (u->declared[0] && !d->proposed && store_set_gone(d->store, a->cfg->name, u->declared, true, err) < 0)
			return -1;
		return store_del(d->store, a->cfg->name, u->id, err);
	}
	if (u->declared[0] && store_set_gone(d->store, a->cfg->name, u->declared, false, err) < 0)
		return -1;
	text = json_dumps(u->doc, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		return vmq_err(err, -1, "out of memory");
	rc = store_put(d->store,
		       &(struct store_row){ a->cfg->name, u->id, u->declared[0] ? u->declared : NULL, u->changed, text },
		       err);
	free(text);
	return rc;
}

/* An adapter's part of a commit. */
struct part {
	struct adapter *adapter;
	struct update *u;
	size_t n;
};

/* What the proposed configuration declares is not gone. */
static int write_declared(struct daemon *d, const struct adapter *a, struct vmq_err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(a->state->gone, name, value)
		if (store_set_gone(d->store, a->cfg->name, name, false, err) < 0)
			return -1;
	return 0;
}

/* All of it as one transaction. */
static int write_all(struct daemon *d, const struct part *parts, size_t n, struct vmq_err *err)
{
	if (!d->store)
		return 0;
	if (store_begin(d->store, err) < 0)
		goto undo;
	for (size_t i = 0; i < n; i++) {
		if (d->proposed && write_declared(d, parts[i].adapter, err) < 0)
			goto undo;
		for (size_t k = 0; k < parts[i].n; k++)
			if (state_write(d, parts[i].adapter, &parts[i].u[k], err) < 0)
				goto undo;
	}
	if (store_commit(d->store, err) == 0)
		return 0;
undo:
	store_rollback(d->store);
	return -1;
}

static void remember(struct state *s, bool proposed, struct update *u)
{
	struct kept *k = kept_find(s, u->id);

	if (!u->doc) {
		if (u->declared[0] && !proposed)
			(void)json_object_set_new(s->gone, u->declared, json_true());
		if (k)
			kept_drop(s, k);
		return;
	}
	(void)json_object_del(s->gone, u->declared);
	if (!k)
		k = kept_add(s, u->id);
	if (!k)
		return; /* out of memory: it is taken for new by the next commit */
	json_decref(k->doc);
	k->doc = u->doc;
	u->doc = NULL;
	k->changed = u->changed;
	k->running = true;
	memcpy(k->declared, u->declared, sizeof k->declared);
}

/* ---- going back to what is in the store (undo.h) ---- */

enum step { TAKE, MAKE, GIVE, STEPS };

static int go_back(struct adapter *a, enum step step, uint32_t id, struct stack_error *e)
{
	const struct kept *k = kept_find(a->state, id);
	struct stack_vport *v = stack_vport_by_id(a->stack, id);
	struct wish_vport w;
	int rc = 0;

	if (!k)
		return v && step == TAKE ? stack_vport_del(v, e) : 0;
	if (document_read(k->doc, a->daemon->cfg->run_dir, &w, e) < 0)
		return -1;
	if (step == TAKE && v)
		rc = undo_take(v, &w, e);
	else if (step == MAKE)
		rc = v ? undo_set(v, &w, e) : stack_vport_add(a->stack, &w.want, &v, e);
	else if (step == GIVE && v)
		rc = undo_give(v, &w, e);
	wish_free(&w);
	return rc;
}

/* How many of the adapter's VPorts failed. */
static unsigned undo(struct adapter *a, enum step step)
{
	struct state *s = a->state;
	struct stack_error e;
	unsigned failed = 0;

	s->restoring = true;
	for (size_t i = 0; i < s->ndirty; i++)
		if (go_back(a, step, s->dirty[i], &e) < 0) {
			failed++;
			log_error("adapter %s: a refused change of VPort %u could not be undone: %s", a->cfg->name, s->dirty[i],
				  e.err.text);
		}
	s->restoring = false;
	if (step == STEPS - 1)
		s->ndirty = 0;
	return failed;
}

/* ---- settings that are no VPort's ---- */

struct settings {
	bool cpu_auto;
	unsigned n;
	struct {
		enum nic_policy policy;
		enum nic_light_sleep light_sleep;
	} worker[NIC_MAX_WORKERS]; /* in the order of nic_engine_stats */
};

int state_settings(struct daemon *d, struct stack_error *e)
{
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	struct settings *s;

	if (d->settings)
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	s->cpu_auto = placement_auto(d->placement);
	s->n = nic_engine_stats(d->engine, w, NIC_MAX_WORKERS);
	for (unsigned i = 0; i < s->n; i++) {
		s->worker[i].policy = w[i].policy;
		s->worker[i].light_sleep = w[i].light_sleep;
	}
	d->settings = s;
	return 0;
}

static void forget_settings(struct daemon *d)
{
	free(d->settings);
	d->settings = NULL;
}

/* Those that are otherwise now: a worker that does not answer is waited for. */
static unsigned undo_settings(struct daemon *d)
{
	const struct settings *s = d->settings;
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	unsigned failed = 0, n = nic_engine_stats(d->engine, w, NIC_MAX_WORKERS);

	if (!s)
		return 0;
	placement_set_auto(d->placement, s->cpu_auto);
	for (unsigned i = 0; i < n && i < s->n; i++) {
		int rc = w[i].policy == s->worker[i].policy ? 0 : nic_engine_set_policy(d->engine, w[i].cpu, s->worker[i].policy);

		if (rc == 0 && w[i].light_sleep != s->worker[i].light_sleep)
			rc = nic_engine_set_light_sleep(d->engine, w[i].cpu, s->worker[i].light_sleep);
		if (rc == 0)
			continue;
		failed++;
		log_error("the worker of CPU %u: a refused change could not be undone: it did not answer", w[i].cpu);
	}
	forget_settings(d);
	return failed;
}

/* Step by step, because a name or a socket may have gone from one adapter to another. */
unsigned state_undo(struct daemon *d)
{
	unsigned failed = undo_settings(d);

	for (int step = 0; step < STEPS; step++)
		for (size_t i = 0; i < d->nadapters; i++)
			failed += d->adapters[i].state ? undo(&d->adapters[i], (enum step)step) : 0;
	return failed;
}

/* All of the adapter's VPorts, and what could not be made again, are looked at. */
static void touch_all(struct adapter *a)
{
	struct state *s = a->state;

	for (uint32_t id = 0; id < NIC_MAX_VPORTS; id++) {
		struct stack_vport *v = stack_vport_by_id(a->stack, id);

		if (v)
			state_changed(NULL, v);
	}
	for (size_t i = 0; i < s->nkept; i++)
		touch(s, s->kept[i].id);
}

void state_propose(struct daemon *d, struct config *c)
{
	config_free(d->proposed);
	d->proposed = c;
	for (size_t i = 0; i < d->nadapters; i++)
		touch_all(&d->adapters[i]);
}

static int describe_all(struct part *p, struct stack_error *e)
{
	const struct state *s = p->adapter->state;

	p->u = calloc(s->ndirty + 1, sizeof *p->u);
	if (!p->u)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	for (p->n = 0; p->n < s->ndirty; p->n++)
		if (describe(p->adapter, s->dirty[p->n], &p->u[p->n], e) < 0)
			return -1;
	return 0;
}

static void keep(struct part *p, bool proposed)
{
	struct state *s = p->adapter->state;

	if (proposed)
		(void)json_object_clear(s->gone);
	for (size_t i = 0; i < p->n; i++)
		remember(s, proposed, &p->u[i]);
	s->ndirty = 0;
}

int state_commit(void *ctx, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct part *parts = calloc(d->nadapters + 1, sizeof *parts);
	struct vmq_err err = { "" };
	size_t n = 0;
	int rc = parts ? 0 : stack_fail(e, STACK_FAILED, NULL, "out of memory");

	for (size_t i = 0; i < d->nadapters && rc == 0; i++) {
		if (!d->adapters[i].state || !d->adapters[i].state->ndirty)
			continue;
		parts[n].adapter = &d->adapters[i];
		rc = describe_all(&parts[n++], e);
	}
	if (rc == 0 && n && write_all(d, parts, n, &err) < 0)
		rc = stack_fail(e, STACK_FAILED, NULL, "nothing was changed, because it could not be stored: %s", err.text);
	if (rc < 0) {
		log_error("%s", e->err.text);
		(void)state_undo(d);
	}
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			keep(&parts[i], d->proposed != NULL);
		for (size_t k = 0; parts[i].u && k < parts[i].n; k++)
			json_decref(parts[i].u[k].doc);
		free(parts[i].u);
	}
	free(parts);
	forget_settings(d);
	if (rc == 0 && d->proposed)
		daemon_declare(d, d->proposed);
	else
		config_free(d->proposed);
	d->proposed = NULL;
	return rc;
}

/* ---- the end ---- */

void state_forget(struct adapter *a)
{
	struct state *s = a->state;

	if (!s)
		return;
	while (s->nkept)
		kept_drop(s, &s->kept[s->nkept - 1]);
	json_decref(s->gone);
	free(s->kept);
	free(s->dirty);
	free(s);
	a->state = NULL;
}

int state_open(struct daemon *d, struct vmq_err *err)
{
	if (!d->cfg->state[0] || store_open(d->cfg->state, &d->store, err) == 0)
		return 0;
	config_blame(d->cfg, err, "state");
	return -1;
}

void state_close(struct daemon *d)
{
	forget_settings(d);
	store_close(d->store);
	d->store = NULL;
}
