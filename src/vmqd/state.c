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
#include "vmqd/store.h"
#include "vmqd/text.h"
#include "vmqd/undo.h"

/* A VPort as the store has it. */
struct kept {
	uint32_t id;
	char declared[STACK_NAME_SIZE]; /* in the file; empty: added at run time */
	bool changed;
	bool running; /* it is, or was when it was last looked at, on the adapter; else it could not be made again */
	json_t *doc;  /* NULL: made in this request */
};

struct state {
	struct kept *kept;
	size_t nkept, room;
	json_t *gone;   /* declared names deleted at run time, an object used as a set */
	uint32_t *dirty; /* ids that changed since the last commit */
	size_t ndirty, dirty_room;
	bool restoring;
	uint32_t top_filter; /* filter ids above it were never given out */
};

/* ---- records ---- */

static struct kept *find(const struct state *s, uint32_t id)
{
	for (size_t i = 0; i < s->nkept; i++)
		if (s->kept[i].id == id)
			return &s->kept[i];
	return NULL;
}

static struct kept *find_declared(const struct state *s, const char *name)
{
	for (size_t i = 0; i < s->nkept; i++)
		if (strcmp(s->kept[i].declared, name) == 0)
			return &s->kept[i];
	return NULL;
}

static struct kept *add(struct state *s, uint32_t id)
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

static void drop(struct state *s, struct kept *k)
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
	const struct kept *k = find(adapter_of(v)->state, stack_vport_id(v));

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

static const struct wish_vport *declaration(const struct adapter *a, const char *name)
{
	return declaration_in(a->daemon->declared, a, name);
}

/* ---- commit ---- */

/* What becomes of one VPort's record. */
struct update {
	uint32_t id;
	json_t *doc; /* as it is now; NULL: it is gone */
	bool changed;
	char declared[STACK_NAME_SIZE];
};

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
	const struct kept *k = find(a->state, id);

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
	if (!k && declaration(a, stack_vport_name(v)) && !find_declared(a->state, stack_vport_name(v)))
		(void)snprintf(u->declared, sizeof u->declared, "%s", stack_vport_name(v));
	u->changed = u->changed || !k || !k->doc || !document_same(k->doc, u->doc);
	return 0;
}

static int write_one(struct daemon *d, const struct adapter *a, const struct update *u, struct vmq_err *err)
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
			if (write_one(d, parts[i].adapter, &parts[i].u[k], err) < 0)
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
	struct kept *k = find(s, u->id);

	if (!u->doc) {
		if (u->declared[0] && !proposed)
			(void)json_object_set_new(s->gone, u->declared, json_true());
		if (k)
			drop(s, k);
		return;
	}
	(void)json_object_del(s->gone, u->declared);
	if (!k)
		k = add(s, u->id);
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
	const struct kept *k = find(a->state, id);
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

/* How many steps of it failed. */
static unsigned undo(struct adapter *a)
{
	struct state *s = a->state;
	struct stack_error e;
	unsigned failed = 0;

	s->restoring = true;
	for (int step = 0; step < STEPS; step++)
		for (size_t i = 0; i < s->ndirty; i++)
			if (go_back(a, (enum step)step, s->dirty[i], &e) < 0) {
				failed++;
				log_error("adapter %s: a refused change of VPort %u could not be undone: %s", a->cfg->name,
					  s->dirty[i], e.err.text);
			}
	s->restoring = false;
	s->ndirty = 0;
	return failed;
}

unsigned state_undo(struct daemon *d)
{
	unsigned failed = 0;

	for (size_t i = 0; i < d->nadapters; i++)
		failed += d->adapters[i].state ? undo(&d->adapters[i]) : 0;
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
	if (rc == 0 && d->proposed)
		daemon_declare(d, d->proposed);
	else
		config_free(d->proposed);
	d->proposed = NULL;
	return rc;
}

/* ---- at the start ---- */

static void load_row(void *ctx, const struct store_row *row)
{
	struct adapter *a = ctx;
	struct kept *k = add(a->state, row->id);

	if (!k)
		return;
	(void)snprintf(k->declared, sizeof k->declared, "%s", row->declared ? row->declared : "");
	k->changed = row->changed;
	k->doc = json_loads(row->doc, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(k->doc)) {
		log_error("adapter %s: the stored document of VPort %u is none; it is left out", a->cfg->name, row->id);
		drop(a->state, k);
	}
}

static void load_gone(void *ctx, const char *declared)
{
	struct adapter *a = ctx;

	(void)json_object_set_new(a->state->gone, declared, json_true());
}

/* The identifiers that a declared VPort and its filters had; filters that are new get ids that nobody had. */
static void old_ids(struct state *s, const struct kept *k, struct wish_vport *w)
{
	struct wish_vport was = { 0 };
	struct stack_error e;

	if (k && document_read(k->doc, "/", &was, &e) == 0)
		w->want.id = k->id;
	for (size_t i = 0; i < w->want.nfilters; i++) {
		struct stack_filter_want *f = &w->filters[i];

		for (size_t j = 0; j < was.want.nfilters; j++) {
			const struct stack_filter_want *o = &was.filters[j];

			if (memcmp(f->mac, o->mac, 6) == 0 && f->vlan.kind == o->vlan.kind && f->vlan.id == o->vlan.id) {
				f->id = o->id;
				f->broadcast_id = o->broadcast_id;
			}
		}
		if (!f->id && s->top_filter)
			f->id = ++s->top_filter;
		if (!f->broadcast_id && s->top_filter)
			f->broadcast_id = ++s->top_filter;
	}
	wish_free(&was);
}

static void find_top(struct state *s)
{
	for (size_t i = 0; i < s->nkept; i++) {
		const json_t *f;
		size_t j;

		json_array_foreach(json_object_get(s->kept[i].doc, "filters"), j, f) {
			json_int_t id = json_integer_value(json_object_get(f, "id"));
			json_int_t b = json_integer_value(json_object_get(f, "broadcast_id"));

			id = id > b ? id : b;
			if (id > s->top_filter && id < UINT32_MAX)
				s->top_filter = (uint32_t)id;
		}
	}
}

/* A worker's CPU that the configuration does not list any more is nobody's wish. */
static void check_cpu(const struct adapter *a, struct wish_vport *w)
{
	if (!w->want.cpu_given || nic_engine_has_cpu(a->daemon->engine, w->want.cpu))
		return;
	log_warn("VPort %s: CPU %u, where it was, has no worker now; it gets another one", w->want.name, w->want.cpu);
	w->want.cpu_given = false;
}

/* Makes what run time added or changed; a failure of it is no reason not to start. */
static void make_kept(struct adapter *a, struct kept *k)
{
	struct stack_vport *v = stack_vport_by_id(a->stack, 0);
	struct stack_error e = { .code = STACK_OK };
	struct wish_vport w;
	int rc = document_read(k->doc, a->daemon->cfg->run_dir, &w, &e);

	if (rc == 0) {
		check_cpu(a, &w);
		if (k->id == 0)
			rc = undo_set(v, &w, &e) < 0 || undo_give(v, &w, &e) < 0 ? -1 : 0;
		else
			rc = stack_vport_add(a->stack, &w.want, &v, &e);
		wish_free(&w);
	}
	k->running = rc == 0;
	if (rc < 0)
		log_error("adapter %s: VPort %u could not be made again as it was: %s%s%s; it stays in the store",
			  a->cfg->name, k->id, e.field, e.field[0] ? ": " : "", e.err.text);
}

/* The default VPort is there already. */
static int make_default(struct adapter *a, struct vmq_err *err)
{
	struct wish_vport w = a->cfg->host_wish;
	struct stack_vport *v = stack_vport_by_id(a->stack, 0);
	struct stack_error e;

	old_ids(a->state, find(a->state, 0), &w);
	if (stack_adapter_model(a->stack) == STACK_MODEL_NONE || (undo_set(v, &w, &e) == 0 && undo_give(v, &w, &e) == 0))
		return 0;
	*err = e.err;
	config_blame(a->daemon->cfg, err, "adapters[%zu].host%s%s", (size_t)(a - a->daemon->adapters), e.field[0] ? "." : "",
		     e.field);
	return -1;
}

static int make_declared(struct adapter *a, size_t i, struct vmq_err *err)
{
	struct wish_vport *w = &a->cfg->vports[i];
	struct stack_error e;
	struct stack_vport *v;
	struct kept *k;

	old_ids(a->state, find_declared(a->state, w->want.name), w);
	if (stack_vport_add(a->stack, &w->want, &v, &e) < 0) {
		*err = e.err;
		config_blame(a->daemon->cfg, err, "adapters[%zu].vports[%zu]%s%s", (size_t)(a - a->daemon->adapters), i,
			     e.field[0] ? "." : "", e.field);
		return -1;
	}
	k = find_declared(a->state, w->want.name);
	if (!k)
		k = add(a->state, stack_vport_id(v));
	if (!k)
		return vmq_err(err, -1, "out of memory");
	k->id = stack_vport_id(v);
	k->running = true;
	memcpy(k->declared, w->want.name, sizeof k->declared);
	return 0;
}

/* What was of the file and is in it no more goes, with what was changed of it. */
static void forget_undeclared(struct adapter *a)
{
	struct state *s = a->state;
	const char *name;
	json_t *value;
	void *next;

	for (size_t i = s->nkept; i-- > 0;) {
		const struct kept *k = &s->kept[i];

		if (k->id != 0 && k->declared[0] && !declaration(a, k->declared)) {
			if (k->changed)
				log_warn("VPort %s is not in the configuration any more: gone, with what was changed of it",
					 k->declared);
			drop(s, &s->kept[i]);
		}
	}
	json_object_foreach_safe(s->gone, next, name, value)
		if (!declaration(a, name))
			(void)json_object_del(s->gone, name);
}

static int by_id(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Those known, under their old ids and in that order, then what is new in the file. */
static int make_all(struct adapter *a, struct vmq_err *err)
{
	struct state *s = a->state;
	size_t known = s->nkept;

	qsort(s->kept, s->nkept, sizeof *s->kept, by_id);
	for (size_t i = 0; i < known; i++) {
		const struct wish_vport *w = s->kept[i].changed ? NULL : declaration(a, s->kept[i].declared);

		if (w && s->kept[i].id == 0) {
			if (make_default(a, err) < 0)
				return -1;
			continue;
		}
		if (w && make_declared(a, (size_t)(w - a->cfg->vports), err) < 0)
			return -1;
		if (!w && (s->kept[i].changed || !s->kept[i].declared[0]))
			make_kept(a, &s->kept[i]);
	}
	for (size_t i = 0; i < a->cfg->nvports; i++) {
		const char *name = a->cfg->vports[i].want.name;

		if (json_object_get(s->gone, name)) {
			log_info("VPort %s of the configuration was deleted at run time: it is not made", name);
			continue;
		}
		if (!find_declared(s, name) && make_declared(a, i, err) < 0)
			return -1;
	}
	return 0;
}

/* A VPort that run time added, and that the file declares meanwhile, too, is the declared one, changed. */
static void adopt(struct adapter *a)
{
	struct state *s = a->state;

	for (size_t i = 0; i < s->nkept; i++) {
		struct kept *k = &s->kept[i];
		const char *name = json_string_value(json_object_get(k->doc, "name"));

		if (k->declared[0] || k->id == 0 || !name || !declaration(a, name) || find_declared(s, name))
			continue;
		(void)snprintf(k->declared, sizeof k->declared, "%s", name);
		k->changed = true;
		(void)json_object_del(s->gone, name);
	}
}

/* The default VPort is always declared. */
static int keep_default(struct adapter *a, struct vmq_err *err)
{
	struct kept *k = find(a->state, 0);

	if (!k)
		k = add(a->state, 0);
	if (!k)
		return vmq_err(err, -1, "out of memory");
	(void)snprintf(k->declared, sizeof k->declared, STACK_DEFAULT_NAME);
	k->running = true;
	return 0;
}

/* Every VPort's document as it came to be. What could not be made keeps the one it has. */
static int document_all(struct adapter *a, struct vmq_err *err)
{
	struct stack_error e;

	for (size_t i = 0; i < a->state->nkept; i++) {
		struct kept *k = &a->state->kept[i];
		struct stack_vport *v = stack_vport_by_id(a->stack, k->id);
		json_t *doc = v && k->running ? document_new(v, true, &e) : json_incref(k->doc);

		if (!doc)
			return vmq_err(err, -1, "VPort %u: %s", k->id, v ? e.err.text : "gone");
		json_decref(k->doc);
		k->doc = doc;
	}
	return 0;
}

static void stale_row(void *ctx, const struct store_row *row)
{
	json_t *list = ctx;

	(void)json_array_append_new(list, json_integer(row->id));
}

static void stale_gone(void *ctx, const char *declared)
{
	json_t *list = ctx;

	(void)json_array_append_new(list, json_string(declared));
}

/* Replaces the adapter's rows by what there is now. */
static int write_anew(struct adapter *a, struct vmq_err *err)
{
	struct store *s = a->daemon->store;
	const char *adapter = a->cfg->name;
	json_t *ids = json_array(), *names = json_array(), *v;
	int rc = -1;
	size_t i;

	if (!s || store_each(s, adapter, stale_row, ids, err) < 0 || store_each_gone(s, adapter, stale_gone, names, err) < 0 ||
	    store_begin(s, err) < 0) {
		rc = s ? -1 : 0;
		goto out;
	}
	json_array_foreach(ids, i, v)
		if (store_del(s, adapter, (uint32_t)json_integer_value(v), err) < 0)
			goto out;
	json_array_foreach(names, i, v)
		if (!json_object_get(a->state->gone, json_string_value(v)) &&
		    store_set_gone(s, adapter, json_string_value(v), false, err) < 0)
			goto out;
	for (i = 0; i < a->state->nkept; i++) {
		const struct kept *k = &a->state->kept[i];
		struct update u = { .id = k->id, .doc = k->doc, .changed = k->changed };

		memcpy(u.declared, k->declared, sizeof u.declared);
		if (write_one(a->daemon, a, &u, err) < 0)
			goto out;
	}
	rc = store_commit(s, err);
out:
	if (rc < 0 && s)
		store_rollback(s);
	json_decref(ids);
	json_decref(names);
	return rc;
}

int state_restore(struct adapter *a, struct vmq_err *err)
{
	struct store *store = a->daemon->store;
	struct state *s = calloc(1, sizeof *s);
	int rc;

	a->state = s;
	if (!s || !(s->gone = json_object()))
		return vmq_err(err, -1, "out of memory");
	s->restoring = true;
	if (store && (store_each(store, a->cfg->name, load_row, a, err) < 0 ||
		      store_each_gone(store, a->cfg->name, load_gone, a, err) < 0))
		return -1;
	forget_undeclared(a);
	adopt(a);
	find_top(s);
	rc = keep_default(a, err) < 0 || make_all(a, err) < 0 || document_all(a, err) < 0 ? -1 : write_anew(a, err);
	s->restoring = false;
	return rc;
}

void state_forget(struct adapter *a)
{
	struct state *s = a->state;

	if (!s)
		return;
	while (s->nkept)
		drop(s, &s->kept[s->nkept - 1]);
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
	store_close(d->store);
	d->store = NULL;
}
