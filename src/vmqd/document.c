/* SPDX-License-Identifier: BSD-3-Clause */
/* A VPort as a document (document.h). */
#include "vmqd/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static json_t *filters_json(const struct stack_filter_info *f, size_t n, bool here)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *one;

		if (f[i].companion)
			continue;
		one = json_pack("{s:o, s:o, s:b}", "mac", mac_json(f[i].mac), "vlan", vlan_json(&f[i].vlan), "broadcast",
				f[i].broadcast);
		if (here)
			(void)json_object_set_new(one, "id", json_integer(f[i].id));
		if (here && f[i].broadcast)
			(void)json_object_set_new(one, "broadcast_id", json_integer(broadcast_of(f, n, &f[i].vlan)));
		(void)json_array_append_new(list, one);
	}
	return list;
}

json_t *document_new(struct stack_vport *v, bool here, struct stack_error *e)
{
	struct stack_vport_info info;
	struct stack_filter_info *f;
	struct stack_policy policy;
	struct stack_tuning tuning;
	json_t *doc;
	size_t n;

	if (stack_vport_info(v, &info, e) < 0 || stack_vport_policy(v, &policy, e) < 0 || stack_vport_tuning(v, &tuning, e) < 0 ||
	    stack_filter_list(stack_vport_adapter(v), v, &f, &n, e) < 0)
		return NULL;
	doc = json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:b, s:b, s:o}", "name", info.name, "function",
			info.is_queue || info.on_pf ? "pf" : "vf", "cpu", (int)info.cpu, "queue_pairs", (int)info.queue_pairs, "moderation", moderation_name(info.moderation), "source_check",
			policy.source_check, "vlan_check", policy.vlan_check, "all_multicast", policy.all_multicast, "filters",
			filters_json(f, n, here));
	free(f);
	if (!doc) {
		(void)stack_fail(e, STACK_FAILED, NULL, "out of memory");
		return NULL;
	}
	tuning_describe(&tuning, doc);
	if (here) {
		(void)json_object_set_new(doc, "id", json_integer(info.id));
		(void)json_object_set_new(doc, "cpu_auto", json_boolean(!stack_vport_cpu_chosen(v)));
		if (stack_vport_socket(v)[0]) {
			(void)json_object_set_new(doc, "socket", json_string(stack_vport_socket(v)));
			(void)json_object_set_new(doc, "socket_mode", json_string(stack_vport_socket_mode(v) == STACK_SOCKET_CLIENT
											  ? "client" : "server"));
		}
	}
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
	out->want.id = id;
	document_read_filters(filters, "", true, out, e);
	if (params_close(&p) == 0)
		return 0;
	wish_free(out);
	return -1;
}

/* Without what belongs to no wish. */
static json_t *bare(const json_t *doc)
{
	json_t *copy = json_deep_copy(doc);
	json_t *f;
	size_t i;

	(void)json_object_del(copy, "id");
	if (json_is_true(json_object_get(copy, "cpu_auto")))
		(void)json_object_del(copy, "cpu");
	json_array_foreach(json_object_get(copy, "filters"), i, f) {
		(void)json_object_del(f, "id");
		(void)json_object_del(f, "broadcast_id");
	}
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
