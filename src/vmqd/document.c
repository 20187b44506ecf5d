/* SPDX-License-Identifier: BSD-3-Clause */
/* A VPort as a document (document.h). */
#include "vmqd/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqd/rss.h"
#include "vmqd/text.h"
#include "vmqd/tuning.h"

static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* The broadcast filter of the VLAN test; 0: none. */
static uint32_t broadcast_of(const struct stack_filter_info *f, size_t n, const struct stack_vlan *vlan)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(f[i].mac, broadcast_mac, 6) == 0 && f[i].vlan.kind == vlan->kind && f[i].vlan.id == vlan->id)
			return f[i].id;
	return 0;
}

static json_t *filters_json(const struct wish_vport *w, bool here)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->want.nfilters; i++) {
		const struct stack_filter_want *f = &w->filters[i];
		json_t *one = json_pack("{s:o, s:o, s:b}", "mac", mac_json(f->mac), "vlan", vlan_json(&f->vlan), "broadcast",
					f->broadcast);

		if (here && f->id)
			(void)json_object_set_new(one, "id", json_integer(f->id));
		if (here && f->broadcast_id)
			(void)json_object_set_new(one, "broadcast_id", json_integer(f->broadcast_id));
		(void)json_array_append_new(list, one);
	}
	return list;
}

json_t *document_of(const struct wish_vport *wish, bool here)
{
	const struct stack_vport_want *w = &wish->want;
	json_t *doc = json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:b, s:b, s:o}", "name", w->name, "function",
				w->on_vf ? "vf" : "pf", "cpu", (int)w->cpu, "queue_pairs", (int)w->queue_pairs, "moderation",
				moderation_name(w->moderation), "source_check", w->policy.source_check, "vlan_check",
				w->policy.vlan_check, "all_multicast", w->policy.all_multicast, "filters",
				filters_json(wish, here));

	if (!doc)
		return NULL;
	(void)json_object_set_new(doc, "trunk", json_boolean(w->policy.trunk));
	rss_describe(&w->rss, here, doc);
	tuning_describe(&w->tuning, doc);
	if (!here)
		return doc;
	if (w->id)
		(void)json_object_set_new(doc, "id", json_integer(w->id));
	(void)json_object_set_new(doc, "cpu_auto", json_boolean(!w->cpu_given || w->cpu_by_plan));
	if (w->awaits_vm)
		(void)json_object_set_new(doc, "awaits_vm", json_true());
	if (w->socket[0]) {
		(void)json_object_set_new(doc, "socket", json_string(w->socket));
		(void)json_object_set_new(doc, "socket_mode",
					  json_string(w->socket_mode == STACK_SOCKET_CLIENT ? "client" : "server"));
	}
	return doc;
}

/* Those that somebody asked for: the broadcast filters that others brought come with them again. */
static void wish_filters(const struct stack_filter_info *f, size_t n, struct wish_vport *out)
{
	for (size_t i = 0; i < n; i++) {
		struct stack_filter_want *w = &out->filters[out->want.nfilters];

		if (f[i].companion)
			continue;
		*w = (struct stack_filter_want){ .broadcast = f[i].broadcast, .vlan = f[i].vlan, .id = f[i].id };
		memcpy(w->mac, f[i].mac, sizeof w->mac);
		if (f[i].broadcast)
			w->broadcast_id = broadcast_of(f, n, &f[i].vlan);
		out->want.nfilters++;
	}
}

int document_wish(struct stack_vport *v, struct wish_vport *out, struct stack_error *e)
{
	struct stack_vport_want *w = &out->want;
	struct stack_vport_info info;
	struct stack_filter_info *f;
	size_t n;

	*out = (struct wish_vport){ 0 };
	if (stack_vport_info(v, &info, e) < 0 || stack_vport_policy(v, &w->policy, e) < 0 ||
	    stack_vport_tuning(v, &w->tuning, e) < 0 || stack_filter_list(stack_vport_adapter(v), v, &f, &n, e) < 0)
		return -1;
	out->filters = calloc(n + 1, sizeof *out->filters);
	if (!out->filters) {
		free(f);
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	(void)snprintf(w->name, sizeof w->name, "%s", info.name);
	(void)snprintf(w->socket, sizeof w->socket, "%s", stack_vport_socket(v));
	w->socket_mode = stack_vport_socket_mode(v);
	w->id = info.id;
	w->on_vf = !info.is_queue && !info.on_pf;
	w->awaits_vm = stack_vport_awaits_vm(v);
	w->cpu_given = true;
	w->cpu_by_plan = !stack_vport_cpu_chosen(v);
	w->cpu = info.cpu;
	w->queue_pairs = info.queue_pairs;
	w->moderation = info.moderation;
	stack_vport_rss(v, &w->rss);
	w->filters = out->filters;
	wish_filters(f, n, out);
	free(f);
	return 0;
}

json_t *document_new(struct stack_vport *v, bool here, struct stack_error *e)
{
	struct wish_vport w;
	json_t *doc;

	if (document_wish(v, &w, e) < 0)
		return NULL;
	doc = document_of(&w, here);
	if (!doc)
		(void)stack_fail(e, STACK_FAILED, NULL, "out of memory");
	else if (here)
		(void)json_object_set_new(doc, "id", json_integer(w.want.id)); /* the default VPort's, too */
	wish_free(&w);
	return doc;
}

void document_read_filters(const json_t *list, const char *path, bool here, struct wish_vport *w, struct stack_error *e)
{
	for (size_t i = 0; i < json_array_size(list) && e->code == STACK_OK; i++) {
		struct stack_filter_want *f = &w->filters[w->want.nfilters];
		char sub[96];
		struct params p;

		(void)snprintf(sub, sizeof sub, "%s.filters[%zu]", path, i);
		params_open(&p, json_array_get(list, i), sub, e);
		wish_filter_read(&p, true, f);
		if (here) {
			(void)params_uint(&p, "id", false, 0, UINT32_MAX, &f->id);
			(void)params_uint(&p, "broadcast_id", false, 0, UINT32_MAX, &f->broadcast_id);
		}
		if (params_close(&p) == 0)
			w->want.nfilters++;
	}
}

int document_read(const json_t *doc, const char *run_dir, struct wish_vport *out, struct stack_error *e)
{
	const json_t *filters;
	struct params p;
	uint32_t id = 0;

	*e = (struct stack_error){ .code = STACK_OK };
	params_open(&p, doc, "", e);
	filters = params_any(&p, "filters", false);
	if (filters && !json_is_array(filters))
		(void)params_fault(&p, "filters", "is not a list of filters");
	(void)params_uint(&p, "id", false, 0, UINT32_MAX, &id);
	if (wish_vport_read(&p, run_dir, json_array_size(filters), out) < 0)
		return -1;
	(void)params_bool(&p, "cpu_auto", &out->want.cpu_by_plan);
	(void)params_bool(&p, "awaits_vm", &out->want.awaits_vm);
	out->want.id = id;
	document_read_filters(filters, "", true, out, e);
	if (params_close(&p) == 0)
		return 0;
	wish_free(out);
	return -1;
}

static int by_test(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	const json_t *vx = json_object_get(x, "vlan"), *vy = json_object_get(y, "vlan");
	int c = strcasecmp(json_string_value(json_object_get(x, "mac")), json_string_value(json_object_get(y, "mac")));

	if (c != 0)
		return c;
	if (json_is_string(vx) && json_is_string(vy))
		return strcmp(json_string_value(vx), json_string_value(vy));
	return json_integer_value(vx) < json_integer_value(vy) ? -1 : json_integer_value(vx) > json_integer_value(vy);
}

/* In one order, however they came to be; without identifiers. A group's filter brings none for broadcast, whatever is said. */
static json_t *bare_filters(const json_t *list)
{
	size_t n = json_array_size(list);
	json_t **f = calloc(n + 1, sizeof(json_t *)), *out = json_array();
	uint8_t mac[6];

	for (size_t i = 0; f && i < n; i++)
		f[i] = json_deep_copy(json_array_get(list, i));
	if (f)
		qsort(f, n, sizeof(json_t *), by_test);
	for (size_t i = 0; f && i < n; i++) {
		(void)json_object_del(f[i], "id");
		(void)json_object_del(f[i], "broadcast_id");
		if (mac_parse(json_string_value(json_object_get(f[i], "mac")), mac) && mac[0] & 1)
			(void)json_object_del(f[i], "broadcast");
		(void)json_array_append_new(out, f[i]);
	}
	free(f);
	return out;
}

/* Without what belongs to no wish. */
static json_t *bare(const json_t *doc)
{
	json_t *copy = json_copy((json_t *)doc);

	(void)json_object_del(copy, "id");
	(void)json_object_del(copy, "awaits_vm");
	if (json_is_true(json_object_get(copy, "cpu_auto")))
		(void)json_object_del(copy, "cpu");
	(void)json_object_set_new(copy, "filters", bare_filters(json_object_get(doc, "filters")));
	return copy;
}

bool document_same(const json_t *a, const json_t *b)
{
	json_t *x = bare(a), *y = bare(b);
	bool same = json_equal(x, y);

	json_decref(x);
	json_decref(y);
	return same;
}
