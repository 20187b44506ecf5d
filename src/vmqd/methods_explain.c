/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain (docs/rpc.md): what would become of a frame. The data path's own classifier answers; here its answer gets
 * names and words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqd/methods.h"
#include "vmqd/text.h"

#define MAX_DESTINATIONS (NIC_MAX_VPORTS + 2u)

struct question {
	struct adapter *adapter;
	const char *from; /* "wire" or the VPort's name */
	struct nic_explain_in in;
};

/* The sender's own address, as far as it has one; group addresses are nobody's. */
static int default_source(struct stack_vport *v, uint8_t src[6], struct stack_error *e)
{
	struct stack_filter_info *f;
	size_t n;

	if (stack_filter_list(stack_vport_adapter(v), v, &f, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!(f[i].mac[0] & 1)) {
			memcpy(src, f[i].mac, 6);
			break;
		}
	}
	free(f);
	return 0;
}

static void read_tag(struct params *p, struct nic_explain_in *in)
{
	uint32_t vlan = 0, priority = 0;

	in->tagged = params_uint(p, "vlan", false, 0, 4094, &vlan);
	if (params_uint(p, "priority", false, 0, 7, &priority) && !in->tagged)
		(void)params_fault(p, "priority", "needs vlan beside it (0: a priority tag): it is part of the tag");
	in->tci = (uint16_t)(priority << 13 | vlan);
}

static int read_question(struct daemon *d, struct params *p, struct question *q, struct stack_error *e)
{
	static const uint8_t somebody[6] = { 0x02, 0, 0, 0, 0, 0x01 };
	struct stack_vport *v = NULL;
	bool src;

	*q = (struct question){ 0 };
	memcpy(q->in.src, somebody, 6);
	if (params_str(p, "from", true, &q->from) && strcmp(q->from, "wire") == 0) {
		q->in.from_wire = true;
		q->adapter = select_adapter(d, p, e);
	} else if (params_ok(p) && (v = select_vport(d, p, "from", e)) != NULL) {
		q->in.vport = stack_vport_id(v);
		q->adapter = adapter_of(v);
	}
	(void)params_mac(p, "dst", true, q->in.dst);
	src = params_mac(p, "src", false, q->in.src);
	read_tag(p, &q->in);
	if (params_close(p) < 0)
		return -1;
	return v && !src ? default_source(v, q->in.src, e) : 0;
}

static const char *tag_word(const struct question *q, const struct nic_explain_dest *d)
{
	if (d->fate == NIC_FATE_DROP)
		return "none";
	return d->tag_stripped ? "stripped" : d->tag_inserted ? "inserted" : q->in.tagged ? "kept" : "none";
}

/* The destinations are VM queues, not VPorts. */
static bool has_queues(const struct question *q)
{
	return stack_adapter_model(q->adapter->stack) != STACK_MODEL_SWITCH;
}

static json_t *dest_json(const struct question *q, const struct nic_explain_dest *d)
{
	static const char *const fate[] = {
		[NIC_FATE_DELIVER] = "deliver", [NIC_FATE_WIRE] = "wire", [NIC_FATE_DROP] = "drop"
	};
	json_t *out = json_pack("{s:s, s:s}", "fate", fate[d->fate], "tag", tag_word(q, d));
	bool at_vport = d->fate == NIC_FATE_DELIVER || d->filter;

	if (at_vport) {
		(void)json_object_set_new(out, "vport", json_string(vport_name_of(q->adapter, d->vport)));
		if (d->filter)
			(void)json_object_set_new(out, "filter", json_integer(d->filter));
		(void)json_object_set_new(out, "queue", json_integer(has_queues(q) ? d->vport : d->qp));
	}
	if (at_vport || d->fate == NIC_FATE_WIRE)
		(void)json_object_set_new(out, "cpu", json_integer(d->cpu));
	if (d->fate == NIC_FATE_DROP) {
		(void)json_object_set_new(out, "drop", json_string(nic_drop_name(d->drop)));
		(void)json_object_set_new(out, "reason", json_string(nic_drop_text(d->drop)));
	}
	return out;
}

static json_t *frame_line(const struct question *q)
{
	char src[MAC_TEXT_SIZE], dst[MAC_TEXT_SIZE], tag[48] = "untagged";

	mac_format(q->in.src, src);
	mac_format(q->in.dst, dst);
	if (q->in.tagged)
		(void)snprintf(tag, sizeof tag, "tagged for VLAN %u, priority %u", q->in.tci & 0xfffu, q->in.tci >> 13);
	return json_sprintf("a frame from %s, %s to %s, %s", q->from, src, dst, tag);
}

static json_t *dest_line(const struct question *q, const struct nic_explain_dest *d)
{
	const char *vport = vport_name_of(q->adapter, d->vport), *tag = tag_word(q, d);
	char why[64], object[STACK_NAME_SIZE + 32], pair[24] = "";
	char tagged[48] = "";

	if (has_queues(q) && d->vport == 0) {
		(void)snprintf(object, sizeof object, "the default queue");
	} else if (has_queues(q)) {
		(void)snprintf(object, sizeof object, "VM queue %u, of %s", d->vport, vport);
	} else {
		(void)snprintf(object, sizeof object, "VPort %s", vport);
		(void)snprintf(pair, sizeof pair, ", queue %u", d->qp);
	}
	if (d->filter)
		(void)snprintf(why, sizeof why, "filter %u claims it", d->filter);
	else
		(void)snprintf(why, sizeof why, "the default %s takes it without a filter", has_queues(q) ? "queue" : "VPort");
	if (strcmp(tag, "none") != 0)
		(void)snprintf(tagged, sizeof tagged, ", its tag is %s", tag);
	switch (d->fate) {
	case NIC_FATE_DELIVER:
		return json_sprintf("%s: to %s%s, on CPU %u%s", why, object, pair, d->cpu, tagged);
	case NIC_FATE_WIRE:
		return json_sprintf("out by the physical port, on CPU %u%s", d->cpu, tagged);
	default:
		return d->filter
			   ? json_sprintf("%s for %s, but it is dropped: %s (%s)", why, object,
					  nic_drop_text(d->drop), nic_drop_name(d->drop))
			   : json_sprintf("it is dropped: %s (%s)", nic_drop_text(d->drop), nic_drop_name(d->drop));
	}
}

int method_explain(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct nic_explain_dest *dest;
	json_t *list, *text;
	struct question q;
	unsigned n;

	(void)client;
	if (read_question(ctx, p, &q, e) < 0)
		return -1;
	dest = calloc(MAX_DESTINATIONS, sizeof *dest);
	if (!dest)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	n = nic_explain(q.adapter->nic, &q.in, dest, MAX_DESTINATIONS);
	list = json_array();
	text = json_array();
	(void)json_array_append_new(text, frame_line(&q));
	for (unsigned i = 0; i < n && i < MAX_DESTINATIONS; i++) {
		(void)json_array_append_new(list, dest_json(&q, &dest[i]));
		(void)json_array_append_new(text, dest_line(&q, &dest[i]));
	}
	if (n == 0)
		(void)json_array_append_new(text, json_string("it goes nowhere: nothing claims it"));
	free(dest);
	*result = json_pack("{s:o, s:o}", "destinations", list, "text", text);
	return 0;
}
