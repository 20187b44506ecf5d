/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.show (docs/rpc.md): counters, drops by reason, and what the workers did with their time. */
#include "vmqd/endpoint.h"
#include "vmqd/methods.h"

static void counters_describe(const struct nic_vport_counters *c, json_t *out)
{
	json_t *drops = json_object();

#define X(member) (void)json_object_set_new(out, #member, json_integer((json_int_t)c->member));
	X(rx_frames)
	X(rx_bytes)
	X(rx_batches)
	X(rx_notifications)
	X(tx_frames)
	X(tx_bytes)
	X(tx_kicks)
	X(bypass_frames)
	X(sw_checksums)
	X(sw_segmented)
	X(sw_segments)
#undef X
	for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
		(void)json_object_set_new(drops, nic_drop_name(i), json_integer((json_int_t)c->drops[i]));
	(void)json_object_set_new(out, "drops", drops);
}

static int vport_stats(struct adapter *a, const struct selection *sel, json_t *list, struct stack_error *e)
{
	struct snapshot s;

	if (snapshot_take(a, sel, &s, e) < 0)
		return -1;
	for (size_t k = 0; k < s.nvports; k++) {
		struct nic_vport_counters c = { 0 };
		json_t *v = json_pack("{s:s, s:i, s:s, s:s}", "name", s.vports[k].name, "id", (int)s.vports[k].id, "object",
				      object_name(&s.vports[k]), "adapter", a->cfg->name);

		(void)nic_vport_counters(a->nic, s.vports[k].id, &c);
		counters_describe(&c, v);
		endpoint_counters(stack_vport_by_id(a->stack, s.vports[k].id), v);
		(void)json_array_append_new(list, v);
	}
	snapshot_free(&s);
	return 0;
}

static json_t *wire_stats(const struct adapter *a)
{
	json_t *w = json_pack("{s:s}", "adapter", a->cfg->name);
	struct nic_vport_counters c = { 0 };
	struct port_counters pc = { 0 };

	nic_wire_counters(a->nic, &c);
	counters_describe(&c, w);
	a->wire->ops->counters(a->wire, &pc);
	(void)json_object_set_new(w, "port",
				  json_pack("{s:I, s:I, s:I, s:I}", "rx_runt", (json_int_t)pc.rx_runt, "rx_too_long",
					    (json_int_t)pc.rx_too_long, "rx_no_buffer", (json_int_t)pc.rx_no_buffer,
					    "tx_error", (json_int_t)pc.tx_error));
	return w;
}

/* Percent with one digit behind the point. */
static double percent(uint64_t part, uint64_t whole)
{
	return whole ? (double)(part * 1000 / whole) / 10.0 : 0.0;
}

static json_t *worker_stats(const struct nic_worker_stats *w)
{
	uint64_t all = w->busy_ns + w->poll_ns + w->sleep_ns;

	return json_pack("{s:i, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "cpu", (int)w->cpu, "frames",
			 (json_int_t)w->frames, "busy_pct", percent(w->busy_ns, all), "poll_pct",
			 percent(w->poll_ns, all), "sleep_pct", percent(w->sleep_ns, all), "busy_ns",
			 (json_int_t)w->busy_ns, "poll_ns", (json_int_t)w->poll_ns, "sleep_ns", (json_int_t)w->sleep_ns,
			 "turns", (json_int_t)w->turns, "sleeps", (json_int_t)w->sleeps, "rings", (int)w->rings,
			 "rings_armed", (int)w->rings_armed);
}

int method_stats_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	json_t *vports, *wires, *workers;
	struct selection sel;
	unsigned n;

	(void)client;
	if (select_shown(d, p, "vport", &sel, e) < 0)
		return -1;
	vports = json_array();
	wires = json_array();
	workers = json_array();
	for (size_t i = 0; i < d->nadapters; i++) {
		struct adapter *a = &d->adapters[i];

		if (!selection_has(&sel, a))
			continue;
		if (vport_stats(a, &sel, vports, e) < 0) {
			json_decref(vports);
			json_decref(wires);
			json_decref(workers);
			return -1;
		}
		(void)json_array_append_new(wires, wire_stats(a));
	}
	n = nic_engine_stats(d->engine, w, NIC_MAX_WORKERS);
	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(workers, worker_stats(&w[i]));
	*result = json_pack("{s:o, s:o, s:o}", "vports", vports, "wires", wires, "workers", workers);
	return 0;
}
