/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.show (docs/rpc.md): counters, drops by reason, and what the workers did with their time. */
#include "vmqd/endpoint.h"
#include "vmqd/lately.h"
#include "vmqd/look.h"
#include "vmqd/methods.h"

/* Upper bounds in µs, and how many interrupts waited so long. */
static json_t *delays_json(const struct nic_vport_counters *c)
{
	json_t *out = json_object();

#define X(i, us) (void)json_object_set_new(out, #us, json_integer((json_int_t)c->notify_delay[i]));
	NIC_DELAY_BOUNDS(X)
#undef X
	(void)json_object_set_new(out, "more", json_integer((json_int_t)c->notify_delay[NIC_DELAY_CLASSES - 1]));
	return out;
}

json_t *drops_json(void)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
		(void)json_array_append_new(list, json_pack("{s:s, s:s}", "drop", nic_drop_name(i), "reason", nic_drop_text(i)));
	return list;
}

static void counters_describe(const struct nic_vport_counters *c, json_t *out)
{
	json_t *drops = json_object();

#define X(member) (void)json_object_set_new(out, #member, json_integer((json_int_t)c->member));
	X(rx_frames)
	X(rx_bytes)
	X(rx_batches)
	X(rx_notifications)
	X(rx_spurious_notifications)
	X(tx_frames)
	X(tx_bytes)
	X(tx_kicks)
	X(tx_spurious_kicks)
	X(tx_notifications)
	X(bypass_frames)
	X(sw_checksums)
	X(sw_segmented)
	X(sw_segments)
#undef X
	(void)json_object_set_new(out, "notify_delay", delays_json(c));
	for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
		(void)json_object_set_new(drops, nic_drop_name(i), json_integer((json_int_t)c->drops[i]));
	(void)json_object_set_new(out, "drops", drops);
}

static void describe_lately(const struct adapter *a, uint32_t id, json_t *out)
{
	json_t *lately = lately_json(a->lately, id);

	if (lately)
		(void)json_object_set_new(out, "lately", lately);
}

static int vport_stats(struct adapter *a, const struct selection *sel, json_t *list, struct stack_error *e)
{
	struct snapshot s;

	if (snapshot_take(a, sel, &s, e) < 0)
		return -1;
	for (size_t k = 0; k < s.nvports; k++) {
		struct nic_vport_counters c;
		json_t *v = json_pack("{s:s, s:i, s:s, s:s}", "name", s.vports[k].name, "id", (int)s.vports[k].id, "object",
				      object_name(&s.vports[k]), "adapter", a->cfg->name);

		look_at_vport(a, s.vports[k].id, &c);
		counters_describe(&c, v);
		endpoint_counters(stack_vport_by_id(a->stack, s.vports[k].id), v);
		describe_lately(a, s.vports[k].id, v);
		(void)json_array_append_new(list, v);
	}
	snapshot_free(&s);
	return 0;
}

static json_t *wire_stats(const struct adapter *a)
{
	json_t *w = json_pack("{s:s}", "adapter", a->cfg->name);
	struct nic_vport_counters c;
	struct port_counters pc;
	json_t *port = json_object();

	look_at_wire(a, &c, &pc);
	counters_describe(&c, w);
#define X(name) (void)json_object_set_new(port, #name, json_integer((json_int_t)pc.name));
	PORT_COUNTERS(X)
#undef X
	(void)json_object_set_new(w, "port", port);
	describe_lately(a, LATELY_WIRE, w);
	return w;
}

int method_stats_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	json_t *vports, *wires;
	struct selection sel;

	(void)client;
	if (select_shown(d, p, "vport", &sel, e) < 0)
		return -1;
	vports = json_array();
	wires = json_array();
	for (size_t i = 0; i < d->nadapters; i++) {
		struct adapter *a = &d->adapters[i];

		if (!selection_has(&sel, a))
			continue;
		if (vport_stats(a, &sel, vports, e) < 0) {
			json_decref(vports);
			json_decref(wires);
			return -1;
		}
		(void)json_array_append_new(wires, wire_stats(a));
	}
	*result = json_pack("{s:o, s:o, s:o}", "vports", vports, "wires", wires, "workers", workers_json(d));
	return 0;
}
