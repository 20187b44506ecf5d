/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain (docs/rpc.md): what would become of a frame. The data path's own classifier answers; here its answer gets
 * names and words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "vmqd/methods.h"
#include "vmqd/text.h"

#define MAX_DESTINATIONS (NIC_MAX_VPORTS + 2u)
#define MAX_STEPS 64u
#define MAX_FRAME 64u /* bytes of it that matter */

struct question {
	struct adapter *adapter;
	const char *from; /* "wire" or the VPort's name */
	struct nic_explain_in in;
	uint8_t frame[MAX_FRAME];
	char elsewhere[STACK_NAME_SIZE + 64]; /* said behind "no filter claims it" */
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

/* `frame`: its bytes, instead of its members one by one. */
static bool read_frame(struct params *p, struct question *q)
{
	static const char *const members[] = { "dst", "src", "vlan", "priority" };
	uint32_t len = 0;
	const char *hex;
	size_t n;

	if (!params_str(p, "frame", false, &hex)) {
		if (params_uint(p, "len", false, 14, 65535, &len))
			(void)params_fault(p, "len", "is the length of frame, which is not there");
		return false;
	}
	n = strlen(hex) / 2;
	if (n < 14 || strlen(hex) % 2 || strspn(hex, "0123456789abcdefABCDEF") != 2 * n ||
	    hex_decode(hex, 2 * (n < MAX_FRAME ? n : MAX_FRAME), q->frame, MAX_FRAME) < 0)
		(void)params_fault(p, "frame", "must be the frame's bytes in hexadecimal, 14 at least");
	len = (uint32_t)(n < 65535 ? n : 65535);
	(void)params_uint(p, "len", false, len < 65535 ? len : 65535, 65535, &len);
	for (unsigned i = 0; i < sizeof members / sizeof members[0]; i++)
		if (params_has(p, members[i]))
			(void)params_fault(p, members[i], "is in the frame already");
	q->in.bytes = q->frame;
	memcpy(q->in.dst, q->frame, 6);
	memcpy(q->in.src, q->frame + 6, 6);
	q->in.tagged = n >= 18 && q->frame[12] == 0x81 && q->frame[13] == 0;
	q->in.tci = (uint16_t)(q->in.tagged ? q->frame[14] << 8 | q->frame[15] : 0);
	q->in.captured = (uint32_t)(n < MAX_FRAME ? n : MAX_FRAME);
	q->in.len = len;
	return true;
}

static int read_question(struct daemon *d, struct params *p, struct question *q, struct stack_error *e)
{
	static const uint8_t somebody[6] = { 0x02, 0, 0, 0, 0, 0x01 };
	struct stack_vport *v = NULL;
	bool src = true, whole;

	*q = (struct question){ 0 };
	memcpy(q->in.src, somebody, 6);
	if (params_str(p, "from", true, &q->from) && strcmp(q->from, "wire") == 0) {
		q->in.from_wire = true;
		q->adapter = select_adapter(d, p, e);
	} else if (params_ok(p) && (v = select_vport(d, p, "from", e)) != NULL) {
		q->in.vport = stack_vport_id(v);
		q->adapter = adapter_of(v);
	}
	whole = read_frame(p, q);
	if (!whole) {
		(void)params_mac(p, "dst", true, q->in.dst);
		src = params_mac(p, "src", false, q->in.src);
		read_tag(p, &q->in);
	}
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
	if (d->at_vport) {
		(void)json_object_set_new(out, "vport", json_string(vport_name_of(q->adapter, d->vport)));
		if (d->filter)
			(void)json_object_set_new(out, "filter", json_integer(d->filter));
		(void)json_object_set_new(out, "queue", json_integer(has_queues(q) ? d->vport : d->qp));
	}
	if (d->at_vport || d->fate == NIC_FATE_WIRE)
		(void)json_object_set_new(out, "cpu", json_integer(d->cpu));
	if (d->fate == NIC_FATE_DROP) {
		(void)json_object_set_new(out, "drop", json_string(nic_drop_name(d->drop)));
		(void)json_object_set_new(out, "reason", json_string(nic_drop_text(d->drop)));
	}
	return out;
}

/* "VLAN 100", "no VLAN" */
static void vlan_words(char out[16], unsigned vlan)
{
	(void)snprintf(out, 16, vlan ? "VLAN %u" : "no VLAN", vlan);
}

static void filter_words(const struct question *q, const struct nic_explain_step *s, char *out, size_t size)
{
	static const char *const tests[] = { [NIC_VLAN_UNTAGGED_OR_ZERO] = "untagged", [NIC_VLAN_ANY] = "any VLAN" };
	char vlan[16], found[128];

	vlan_words(vlan, s->vlan);
	if (s->result == NIC_STEP_FAIL)
		(void)snprintf(found, sizeof found, "none");
	else if (s->members)
		(void)snprintf(found, sizeof found, "%u VPort%s", s->members, s->members == 1 ? "" : "s");
	else
		(void)snprintf(found, sizeof found, "filter %u of %s%s", s->filter, vport_name_of(q->adapter, s->vport),
			       s->result == NIC_STEP_OFF ? ", which is not active" : "");
	(void)snprintf(out, size, "%s, %s: %s", s->all_groups ? "VPorts that take every group address" : "filters for the address",
		       s->test == NIC_VLAN_EQUAL ? vlan : tests[s->test], found);
}

static const char *rule_words(const struct nic_explain_step *s)
{
	if (s->outside)
		return s->result == NIC_STEP_PASS ? "no filter claims it: outside, and to the default VPort, whose device takes it" :
						    "no filter claims it: outside";
	return s->result == NIC_STEP_PASS ? "no filter claims it: the default VPort, whose device takes it" :
					    "no filter claims it, and the default VPort's device does not take it";
}

/* Is it a filter for the frame's address, and not for its VLAN? */
static bool is_of_another_vlan(const struct question *q, const struct stack_filter_info *f, unsigned vlan)
{
	return memcmp(f->mac, q->in.dst, sizeof f->mac) == 0 && f->vlan.kind != STACK_VLAN_ANY &&
	       (f->vlan.kind == STACK_VLAN_ID ? f->vlan.id : 0u) != vlan;
}

/* No filter claims the frame: is its address a VPort's in another VLAN? That two talk past each other is seen nowhere else. */
static int look_elsewhere(struct question *q, const struct nic_explain_step *step, unsigned n, struct stack_error *e)
{
	const struct nic_explain_step *look = NULL, *rule = NULL;
	struct stack_filter_info *f;
	size_t nfilters, found = 0;
	char vlan[20];

	for (unsigned i = 0; i < n && !rule; i++) {
		look = look || step[i].what != NIC_STEP_FILTER ? look : &step[i];
		rule = step[i].what == NIC_STEP_RULE ? &step[i] : NULL;
	}
	if (!look || !rule)
		return 0;
	if (stack_filter_list(q->adapter->stack, NULL, &f, &nfilters, e) < 0)
		return -1;
	for (size_t i = 0; i < nfilters; i++) {
		if (!is_of_another_vlan(q, &f[i], look->vlan) || found++)
			continue;
		(void)snprintf(vlan, sizeof vlan, f[i].vlan.kind == STACK_VLAN_ID ? "in VLAN %u" : "untagged", f[i].vlan.id);
		(void)snprintf(q->elsewhere, sizeof q->elsewhere, "; its address is %s's, %s (filter %u)",
			       vport_name_of(q->adapter, f[i].vport), vlan, f[i].id);
	}
	free(f);
	return 0;
}

static json_t *step_json(const struct question *q, const struct nic_explain_step *s)
{
	static const char *const names[] = {
		[NIC_STEP_SENDER] = "sender", [NIC_STEP_VLAN_GIVEN] = "vlan", [NIC_STEP_VLAN_CHECK] = "vlan_check",
		[NIC_STEP_SOURCE_CHECK] = "source_check", [NIC_STEP_FILTER] = "filter", [NIC_STEP_RULE] = "rule", [NIC_STEP_STORM] = "storm_limit",
		[NIC_STEP_HASH] = "hash", [NIC_STEP_BYPASS] = "bypass", [NIC_STEP_RATE] = "rate_limit", [NIC_STEP_OFFLOAD] = "offload",
	};
	static const char *const results[] = { [NIC_STEP_PASS] = "pass", [NIC_STEP_FAIL] = "fail", [NIC_STEP_OFF] = "off" };
	static const char *const said[] = { "passed", "not passed", "off" };
	const char *vport = vport_name_of(q->adapter, s->vport);
	char text[256], vlan[16];

	vlan_words(vlan, s->vlan);
	switch (s->what) {
	case NIC_STEP_SENDER:
		(void)snprintf(text, sizeof text, "%s may send: %s", vport, s->result == NIC_STEP_PASS ? "it is active and has a filter" : "no");
		break;
	case NIC_STEP_VLAN_GIVEN:
		(void)snprintf(text, sizeof text, "%s sends into %s", vport, vlan);
		break;
	case NIC_STEP_VLAN_CHECK:
		if (s->result == NIC_STEP_PASS && s->test == NIC_VLAN_ANY)
			(void)snprintf(text, sizeof text, "VLAN check, %s: passed, as %s has a filter for any VLAN", vlan, vport);
		else
			(void)snprintf(text, sizeof text, "VLAN check, %s: %s", vlan, said[s->result]);
		break;
	case NIC_STEP_SOURCE_CHECK:
		(void)snprintf(text, sizeof text, "source check: %s", said[s->result]);
		break;
	case NIC_STEP_FILTER:
		filter_words(q, s, text, sizeof text);
		break;
	case NIC_STEP_RULE:
		(void)snprintf(text, sizeof text, "%s%s", rule_words(s), q->elsewhere);
		break;
	case NIC_STEP_STORM:
		(void)snprintf(text, sizeof text, "%s has a limit for broadcast and multicast: beyond it they are dropped", vport);
		break;
	case NIC_STEP_HASH:
		if (s->result == NIC_STEP_PASS)
			(void)snprintf(text, sizeof text, "hash 0x%08x: queue %u of %s", s->hash, s->qp, vport);
		else
			(void)snprintf(text, sizeof text, "nothing to hash: queue %u of %s", s->qp, vport);
		break;
	case NIC_STEP_BYPASS:
		(void)snprintf(text, sizeof text, "%s is bypassed: through the default queue first", vport);
		break;
	case NIC_STEP_RATE:
		(void)snprintf(text, sizeof text, "%s has a receive limit: beyond it frames are dropped", vport);
		break;
	case NIC_STEP_OFFLOAD:
		(void)snprintf(text, sizeof text, "checksums and segments that the sender leaves open: %s",
			       s->result == NIC_STEP_PASS ? "none, or as they are" : "finished here");
		break;
	}
	return json_pack("{s:s, s:s, s:s}", "step", names[s->what], "result", results[s->result], "text", text);
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
	char why[128], object[STACK_NAME_SIZE + 32], pair[24] = "";
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
	else if (d->vport)
		(void)snprintf(why, sizeof why, "%s takes every group address of its VLANs", vport);
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
		return d->at_vport
			   ? json_sprintf("%s for %s, but it is dropped: %s (%s)", why, object,
					  nic_drop_text(d->drop), nic_drop_name(d->drop))
			   : json_sprintf("it is dropped: %s (%s)", nic_drop_text(d->drop), nic_drop_name(d->drop));
	}
}

int method_explain(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct nic_explain_dest *dest;
	struct nic_explain_step step[MAX_STEPS];
	json_t *list, *text, *steps;
	unsigned n, nsteps;
	struct question q;

	(void)client;
	if (read_question(ctx, p, &q, e) < 0)
		return -1;
	dest = calloc(MAX_DESTINATIONS, sizeof *dest);
	if (!dest)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	n = nic_explain(q.adapter->nic, &q.in, dest, MAX_DESTINATIONS);
	nsteps = nic_explain_steps(q.adapter->nic, &q.in, dest, n, step, MAX_STEPS);
	if (look_elsewhere(&q, step, nsteps, e) < 0) {
		free(dest);
		return -1;
	}
	list = json_array();
	text = json_array();
	steps = json_array();
	for (unsigned i = 0; i < nsteps; i++)
		(void)json_array_append_new(steps, step_json(&q, &step[i]));
	(void)json_array_append_new(text, frame_line(&q));
	for (unsigned i = 0; i < n && i < MAX_DESTINATIONS; i++) {
		(void)json_array_append_new(list, dest_json(&q, &dest[i]));
		(void)json_array_append_new(text, dest_line(&q, &dest[i]));
	}
	if (n == 0)
		(void)json_array_append_new(text, json_string("it goes nowhere: nothing claims it"));
	free(dest);
	*result = json_pack("{s:o, s:o, s:o}", "destinations", list, "steps", steps, "text", text);
	return 0;
}
