/* SPDX-License-Identifier: BSD-3-Clause */
/* switch.show, and switch.add and switch.del for an adapter whose mode leaves it open (docs/rpc.md). */
#include "vmqd/methods.h"
#include "vmqd/text.h"

static json_t *port_json(const struct config_port *cfg, struct port *p)
{
	const char *no_thread = p->ops->no_napi_thread ? p->ops->no_napi_thread(p) : NULL;
	unsigned mtu = 0;
	uint8_t mac[6];
	json_t *out;

	out = json_pack("{s:s, s:s, s:s, s:b}", "driver", p->ops->name, "device", cfg->device, "describe",
			p->ops->describe(p), "link", p->ops->link_up(p));
	if (p->fallback[0])
		(void)json_object_set_new(out, "fallback", json_string(p->fallback));
	if (p->rx_queues)
		(void)json_object_set_new(out, "rx_queues", json_integer(p->rx_queues));
	if (p->mtu_max)
		(void)json_object_set_new(out, "mtu_max", json_integer(p->mtu_max));
	if (no_thread)
		(void)json_object_set_new(out, "no_napi_thread", json_string(no_thread));
	if (p->ops->address(p, mac, &mtu)) {
		(void)json_object_set_new(out, "mac", mac_json(mac));
		(void)json_object_set_new(out, "mtu", json_integer(mtu));
	}
	return out;
}

static json_t *host_json(const struct link_state *s)
{
	json_t *out = json_pack("{s:b, s:b}", "link", s->up, "promiscuous", s->promiscuous);

	if (s->present)
		(void)json_object_set_new(out, "mac", mac_json(s->mac));
	return out;
}

static void add_use(json_t *out, const char *used_key, uint32_t used, const char *max_key, uint32_t max)
{
	(void)json_object_set_new(out, used_key, json_integer(used));
	(void)json_object_set_new(out, max_key, json_integer(max));
}

static json_t *switch_json(struct adapter *a, struct stack_error *e)
{
	struct stack_switch_info s;
	struct ndis_adapter_info n;
	json_t *out;

	if (stack_switch_info(a->stack, &s, e) < 0)
		return NULL;
	ndis_adapter_info(a->ndis, &n);
	out = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "adapter", a->cfg->name, "mode", ndis_mode_name(n.mode),
			"mode_reason", n.mode_reason, "holds", n.now, "port", port_json(&a->cfg->port, a->wire),
			"host_device", a->cfg->host.device, "host", host_json(link_watch_state(a->host_watch)));
	if (s.model == STACK_MODEL_SWITCH) {
		(void)json_object_set_new(out, "id", json_integer(s.id));
		(void)json_object_set_new(out, "name", json_string(s.name));
		add_use(out, "num_vports", s.num_vports, "max_vports", s.max_vports);
		add_use(out, "queue_pairs", s.queue_pairs, "max_queue_pairs", s.max_queue_pairs);
		add_use(out, "num_vfs", s.num_vfs, "max_vfs", s.max_vfs);
	} else if (s.model == STACK_MODEL_QUEUES) {
		add_use(out, "num_queues", s.num_queues, "max_queues", s.max_queues);
	}
	if (s.model != STACK_MODEL_NONE)
		add_use(out, "num_filters", s.num_filters, "max_filters", s.max_filters);
	(void)json_object_set_new(out, "driver_faults", json_integer((json_int_t)n.faults));
	if (n.last_fault[0])
		(void)json_object_set_new(out, "last_driver_fault", json_string(n.last_fault));
	return out;
}

static int answer(struct adapter *a, json_t **result, struct stack_error *e)
{
	*result = switch_json(a, e);
	return *result ? 0 : -1;
}

int method_switch_add(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct adapter *a = select_adapter(ctx, p, e);

	(void)client;
	return params_close(p) < 0 || stack_switch_add(a->stack, e) < 0 ? -1 : answer(a, result, e);
}

int method_switch_del(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct adapter *a = select_adapter(ctx, p, e);

	(void)client;
	return params_close(p) < 0 || stack_switch_del(a->stack, e) < 0 ? -1 : answer(a, result, e);
}

int method_switch_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct selection sel;
	json_t *list;

	(void)client;
	if (select_shown(d, p, NULL, &sel, e) < 0)
		return -1;
	list = json_array();
	for (size_t i = 0; i < d->nadapters; i++) {
		json_t *s;

		if (!selection_has(&sel, &d->adapters[i]))
			continue;
		s = switch_json(&d->adapters[i], e);
		if (!s) {
			json_decref(list);
			return -1;
		}
		(void)json_array_append_new(list, s);
	}
	*result = json_pack("{s:o}", "switches", list);
	return 0;
}
