/* SPDX-License-Identifier: BSD-3-Clause */
/* switch.show (docs/rpc.md). */
#include "vmqd/methods.h"
#include "vmqd/text.h"

static json_t *port_json(const struct config_port *cfg, const struct port *p)
{
	unsigned mtu = 0;
	uint8_t mac[6];
	json_t *out;

	out = json_pack("{s:s, s:s, s:s, s:b}", "driver", p->ops->name, "device", cfg->device, "describe",
			p->ops->describe(p), "link", p->ops->link_up(p));
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

static json_t *switch_json(struct adapter *a, struct stack_error *e)
{
	struct stack_switch_info s;
	struct ndis_adapter_info n;

	if (stack_switch_info(a->stack, &s, e) < 0)
		return NULL;
	ndis_adapter_info(a->ndis, &n);
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i}", "id", (int)s.id,
			 "name", s.name, "adapter", a->cfg->name, "mode", ndis_mode_name(n.mode), "mode_reason", n.mode_reason,
			 "port", port_json(&a->cfg->port, a->wire), "host_device", a->cfg->host.device, "host",
			 host_json(link_watch_state(a->host_watch)), "num_vports", (int)s.num_vports, "max_vports",
			 (int)s.max_vports, "num_filters", (int)s.num_filters, "max_filters", (int)s.max_filters,
			 "queue_pairs", (int)s.queue_pairs, "max_queue_pairs", (int)s.max_queue_pairs);
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
