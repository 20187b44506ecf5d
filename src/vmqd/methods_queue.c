/* SPDX-License-Identifier: BSD-3-Clause */
/* queue.show (docs/rpc.md): one a queue pair, or a VM queue, with what the data path knows of it. */
#include "vmqd/endpoint.h"
#include "vmqd/methods.h"

/* A broken pair is stopped, so that the data path knows it no more: the endpoint does. */
static json_t *state_json(const struct adapter *a, const struct stack_vport_info *v, unsigned qp,
			  const struct nic_queue_info *q, size_t nfilters)
{
	const struct stack_vport *own = stack_vport_by_id(a->stack, v->id);
	const char *broken = own ? endpoint_broken_reason(own, qp) : NULL;

	if (broken || q->broken)
		return json_sprintf("broken: %s", broken ? broken : q->broken_reason);
	if (v->id == 0)
		return json_string("running"); /* the host device's; it needs no filter */
	if (!q->started)
		return json_string("no VM");
	return json_string(nfilters && v->active ? "running" : "paused");
}

/* What the default VPort's device has is counted for the VPort only. */
static struct nic_queue_counters counters_of(const struct adapter *a, uint32_t vport, const struct nic_queue_info *q)
{
	struct nic_vport_counters c;

	if (vport != 0)
		return q->count;
	(void)nic_vport_counters(a->nic, vport, &c);
	return (struct nic_queue_counters){ c.rx_frames, c.rx_bytes, c.tx_frames, c.tx_bytes };
}

static void add_frames(const struct nic_queue_counters *c, json_t *out)
{
	(void)json_object_set_new(out, "rx_frames", json_integer((json_int_t)c->rx_frames));
	(void)json_object_set_new(out, "tx_frames", json_integer((json_int_t)c->tx_frames));
	(void)json_object_set_new(out, "rx_bytes", json_integer((json_int_t)c->rx_bytes));
	(void)json_object_set_new(out, "tx_bytes", json_integer((json_int_t)c->tx_bytes));
}

static void queue_text(const struct adapter *a, const struct stack_vport_info *v, const struct snapshot *s,
		       unsigned qp, struct json_text *t)
{
	struct nic_queue_info q = { 0 };
	const struct stack_filter_info *filters;
	struct nic_queue_counters count;
	json_t *out;
	size_t n;

	filters = snapshot_filters(s, v->id, &n);
	if (nic_queue_info(a->nic, v->id, qp, &q) < 0)
		q.cpu = v->cpu;
	out = json_pack("{s:i, s:s, s:s, s:i, s:o, s:i, s:i, s:I}", "queue", (int)(v->is_queue ? v->id : qp), "vport",
			v->name, "adapter", a->cfg->name, "cpu", (int)q.cpu, "state", state_json(a, v, qp, &q, n), "rx_ring",
			(int)q.rx_size, "tx_ring", (int)q.tx_size, "rx_free", (json_int_t)q.rx_free);
	if (!v->is_queue)
		(void)json_object_set_new(out, "vport_id", json_integer(v->id));
	(void)json_object_set_new(out, "held", json_boolean(q.held));
	count = counters_of(a, v->id, &q);
	add_frames(&count, out);
	json_text_open(t, out);
	JSON_TEXT(t, ",\"macs\":");
	macs_text(t, s, filters, n);
	JSON_TEXT(t, "}");
}

static int show_queues(struct adapter *a, const struct snapshot *s, struct json_text *t, struct stack_error *e)
{
	(void)e;
	for (size_t i = 0; i < s->nvports; i++) {
		for (unsigned qp = 0; qp < s->vports[i].queue_pairs; qp++) {
			json_text_element(t);
			queue_text(a, &s->vports[i], s, qp, t);
		}
	}
	return 0;
}

int method_queue_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)client;
	return show_list(ctx, p, "vport", "queues", true, show_queues, result, e);
}
