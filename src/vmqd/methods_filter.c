/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.add, filter.del, filter.move, filter.show (docs/rpc.md). */
#include <stdlib.h>

#include "vmqd/methods.h"
#include "vmqd/text.h"

static json_t *filter_json(const struct adapter *a, const char *vport, const struct stack_filter_info *f)
{
	const char *target = stack_adapter_model(a->stack) == STACK_MODEL_SWITCH ? "vport_id" : "queue_id";

	return json_pack("{s:i, s:s, s:i, s:s, s:o, s:o, s:b}", "id", (int)f->id, "vport", vport, target,
			 (int)f->vport, "adapter", a->cfg->name, "mac", mac_json(f->mac), "vlan", vlan_json(&f->vlan),
			 "companion", f->companion);
}

int method_filter_add(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct stack_vport *v = select_vport(ctx, p, "vport", e);
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_filter_want want;
	json_t *list;
	unsigned n;

	(void)client;
	wish_filter_read(p, true, &want);
	if (params_close(p) < 0 || stack_filter_add(v, &want, made, &n, e) < 0)
		return -1;
	list = json_array();
	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(list, filter_json(adapter_of(v), stack_vport_name(v), &made[i]));
	*result = json_pack("{s:o}", "filters", list);
	return 0;
}

int method_filter_del(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct adapter *a = select_adapter(ctx, p, e);
	uint32_t id = 0;

	(void)client;
	(void)result;
	(void)params_uint(p, "id", true, 1, NIC_MAX_FILTERS, &id);
	return params_close(p) < 0 ? -1 : stack_filter_del(a->stack, id, e);
}

int method_filter_move(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct stack_vport *to = select_vport(ctx, p, "to", e);
	struct stack_filter_info f;
	uint32_t id = 0;

	(void)client;
	(void)params_uint(p, "id", true, 1, NIC_MAX_FILTERS, &id);
	if (params_close(p) < 0 || stack_filter_move(stack_vport_adapter(to), id, to, &f, e) < 0)
		return -1;
	*result = filter_json(adapter_of(to), stack_vport_name(to), &f);
	return 0;
}

int method_filter_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct selection sel;
	json_t *list;

	(void)client;
	if (select_shown(d, p, "vport", &sel, e) < 0)
		return -1;
	list = json_array();
	for (size_t i = 0; i < d->nadapters; i++) {
		struct adapter *a = &d->adapters[i];
		struct stack_filter_info *f;
		size_t n;

		if (!selection_has(&sel, a))
			continue;
		if (stack_filter_list(a->stack, sel.one ? stack_vport_by_id(a->stack, sel.id) : NULL, &f, &n, e) < 0) {
			json_decref(list);
			return -1;
		}
		for (size_t k = 0; k < n; k++)
			(void)json_array_append_new(list, filter_json(a, vport_name_of(a, f[k].vport), &f[k]));
		free(f);
	}
	*result = json_pack("{s:o}", "filters", list);
	return 0;
}
