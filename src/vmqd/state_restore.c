/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter's VPorts at the start (state_restore in state.h): what the file declares, under the identifiers it had, with
 * what run time changed, added and deleted over it; then the store is written anew from what there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmqd/daemon.h"
#include "vmqd/document.h"
#include "vmqd/state_priv.h"
#include "vmqd/store.h"
#include "vmqd/undo.h"

static void load_row(void *ctx, const struct store_row *row)
{
	struct adapter *a = ctx;
	struct kept *k = kept_add(a->state, row->id);

	if (!k)
		return;
	(void)snprintf(k->declared, sizeof k->declared, "%s", row->declared ? row->declared : "");
	k->changed = row->changed;
	k->doc = json_loads(row->doc, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(k->doc)) {
		log_error("adapter %s: the stored document of VPort %u is none; it is left out", a->cfg->name, row->id);
		kept_drop(a->state, k);
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

	old_ids(a->state, kept_find(a->state, 0), &w);
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
	struct stack_vport_want want;
	struct stack_error e;
	struct stack_vport *v;
	struct kept *k;

	k = kept_find_declared(a->state, w->want.name);
	old_ids(a->state, k, w);
	want = w->want;
	want.awaits_vm = k && json_is_true(json_object_get(k->doc, "awaits_vm")); /* no file says so: imported, and saved into it */
	if (stack_vport_add(a->stack, &want, &v, &e) < 0) {
		*err = e.err;
		config_blame(a->daemon->cfg, err, "adapters[%zu].vports[%zu]%s%s", (size_t)(a - a->daemon->adapters), i,
			     e.field[0] ? "." : "", e.field);
		return -1;
	}
	if (!k)
		k = kept_add(a->state, stack_vport_id(v));
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

		if (k->id != 0 && k->declared[0] && !state_declaration(a, k->declared)) {
			if (k->changed)
				log_warn("VPort %s is not in the configuration any more: gone, with what was changed of it",
					 k->declared);
			kept_drop(s, &s->kept[i]);
		}
	}
	json_object_foreach_safe(s->gone, next, name, value)
		if (!state_declaration(a, name))
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
		const struct wish_vport *w = s->kept[i].changed ? NULL : state_declaration(a, s->kept[i].declared);

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
			log_info("VPort %s of the configuration was deleted at run time: it is not made (vmqctl config apply makes it)", name);
			continue;
		}
		if (!kept_find_declared(s, name) && make_declared(a, i, err) < 0)
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

		if (k->declared[0] || k->id == 0 || !name || !state_declaration(a, name) || kept_find_declared(s, name))
			continue;
		(void)snprintf(k->declared, sizeof k->declared, "%s", name);
		k->changed = true;
		(void)json_object_del(s->gone, name);
	}
}

/* The default VPort is always declared. */
static int keep_default(struct adapter *a, struct vmq_err *err)
{
	struct kept *k = kept_find(a->state, 0);

	if (!k)
		k = kept_add(a->state, 0);
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
		if (state_write(a->daemon, a, &u, err) < 0)
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
