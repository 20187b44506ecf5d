/* SPDX-License-Identifier: BSD-3-Clause */
/* vport.add, vport.set, vport.del, vport.show (docs/rpc.md). */
#include <stdlib.h>
#include <string.h>

#include "vmqd/endpoint.h"
#include "vmqd/methods.h"
#include "vmqd/state.h"
#include "vmqd/rss.h"
#include "vmqd/text.h"
#include "vmqd/trunk.h"
#include "vmqd/tuning.h"

void mac_vlan_text(struct json_text *t, const struct stack_filter_info *f)
{
	char mac[MAC_TEXT_SIZE];

	mac_format(f->mac, mac);
	JSON_TEXT(t, "\"mac\":\"");
	json_text_add(t, mac, MAC_TEXT_SIZE - 1);
	JSON_TEXT(t, "\",\"vlan\":");
	if (f->vlan.kind == STACK_VLAN_ID)
		json_text_number(t, f->vlan.id);
	else if (f->vlan.kind == STACK_VLAN_ANY)
		JSON_TEXT(t, "\"any\"");
	else
		JSON_TEXT(t, "\"untagged\"");
}

void macs_text(struct json_text *t, const struct snapshot *s, const struct stack_filter_info *f, size_t n)
{
	uint32_t written = 0;

	JSON_TEXT(t, "[");
	for (size_t i = 0; i < n && written < s->macs_max; i++) {
		if (f[i].companion)
			continue;
		written++;
		json_text_element(t);
		JSON_TEXT(t, "{");
		mac_vlan_text(t, &f[i]);
		JSON_TEXT(t, ",\"id\":");
		json_text_number(t, f[i].id);
		JSON_TEXT(t, "}");
	}
	JSON_TEXT(t, "]");
}

/* What the stack and the endpoint know; nothing of a VPort that was made by raw requests. */
static int describe_own(struct adapter *a, struct stack_vport *v, json_t *out, struct stack_error *e)
{
	struct stack_policy policy;
	struct stack_tuning tuning;
	struct stack_rss rss;

	if (stack_vport_policy(v, &policy, e) < 0 || stack_vport_tuning(v, &tuning, e) < 0)
		return -1;
	(void)json_object_set_new(out, "origin", json_string(state_origin(v)));
	(void)json_object_set_new(out, "cpu_auto", json_boolean(!stack_vport_cpu_chosen(v)));
	if (stack_vport_awaits_vm(v))
		(void)json_object_set_new(out, "awaits_vm", json_true());
	(void)json_object_set_new(out, "source_check", json_boolean(policy.source_check));
	(void)json_object_set_new(out, "vlan_check", json_boolean(policy.vlan_check));
	(void)json_object_set_new(out, "all_multicast", json_boolean(policy.all_multicast));
	(void)json_object_set_new(out, "trunk", json_boolean(policy.trunk));
	(void)json_object_set_new(out, "bypass", json_boolean(nic_vport_bypassed(a->nic, stack_vport_id(v))));
	stack_vport_rss(v, &rss);
	rss_describe(&rss, true, out);
	tuning_describe(&tuning, out);
	if (stack_vport_id(v) == 0) {
		(void)json_object_set_new(out, "host_device", json_string(a->cfg->host.device));
	} else {
		bool client = stack_vport_socket_mode(v) == STACK_SOCKET_CLIENT;

		(void)json_object_set_new(out, "socket", json_string(stack_vport_socket(v)));
		(void)json_object_set_new(out, "socket_mode", json_string(client ? "client" : "server"));
	}
	endpoint_describe(v, out);
	return 0;
}

const char *object_name(const struct stack_vport_info *i)
{
	if (i->is_queue)
		return i->id == 0 ? "default queue" : "VM queue";
	return "VPort";
}

/* A VPort is activated or not, a VM queue runs or not: the contract's words. */
static const char *state_word(const struct stack_vport_info *i)
{
	if (i->is_queue)
		return i->active ? "running" : "paused";
	return i->active ? "activated" : "deactivated";
}

/* One VPort of a snapshot, written; -1 with the error filled. */
static int vport_text(struct adapter *a, const struct stack_vport_info *i, const struct snapshot *s,
		      struct json_text *t, struct stack_error *e)
{
	struct stack_vport *v = stack_vport_by_id(a->stack, i->id);
	const struct stack_filter_info *filters;
	json_t *out;
	size_t n;

	filters = snapshot_filters(s, i->id, &n);
	out = json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:i, s:s, s:i}", "name", i->name, "id", (int)i->id, "object",
			object_name(i), "adapter", a->cfg->name, "state", state_word(i), "cpu",
			(int)i->cpu, "queue_pairs", (int)i->queue_pairs, "moderation", moderation_name(i->moderation),
			"filters", (int)n);
	if (out && !i->is_queue)
		(void)json_object_set_new(out, "function", i->on_pf ? json_string("PF") : json_integer(i->vf));
	if (out && v && describe_own(a, v, out, e) < 0) {
		json_decref(out);
		return -1;
	}
	json_text_open(t, out);
	JSON_TEXT(t, ",\"macs\":");
	macs_text(t, s, filters, n);
	JSON_TEXT(t, "}");
	return 0;
}

int vport_answer(struct stack_vport *v, json_t **result, struct stack_error *e)
{
	struct selection sel = { adapter_of(v), true, stack_vport_id(v) };
	struct json_text t = { 0 };
	struct snapshot s;
	int rc;

	if (snapshot_take(sel.adapter, &sel, &s, e) < 0)
		return -1;
	rc = vport_text(sel.adapter, &s.vports[0], &s, &t, e);
	snapshot_free(&s);
	*result = json_text_result(&t);
	if (rc == 0 && !*result)
		rc = stack_fail(e, STACK_FAILED, NULL, "out of memory");
	return rc;
}

int method_vport_add(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct stack_vport *v;
	struct wish_vport w;
	struct adapter *a;
	int rc;

	(void)client;
	if (wish_vport_read(p, d->cfg->run_dir, 0, &w) < 0)
		return -1;
	a = select_adapter(d, p, e);
	rc = params_close(p) < 0 ? -1 : stack_vport_add(a->stack, &w.want, &v, e);
	wish_free(&w);
	return rc < 0 ? -1 : vport_answer(v, result, e);
}

/* The CPU that vmqd thinks best, from now on. */
static bool is_auto(const json_t *cpu)
{
	return json_is_string(cpu) && strcmp(json_string_value(cpu), "auto") == 0;
}

/* c->tuning and c->rss hold what there is. */
static void read_change(struct params *p, struct stack_vport_change *c)
{
	bool active = true;
	uint32_t cpu = 0, pairs = 0;

	c->let_plan = is_auto(params_any(p, "cpu", false));
	c->set_cpu = !c->let_plan && params_uint(p, "cpu", false, 0, UINT16_MAX, &cpu);
	c->cpu = cpu;
	c->set_queue_pairs = params_uint(p, "queue_pairs", false, 1, NIC_MAX_QUEUE_PAIRS, &pairs);
	c->queue_pairs = pairs;
	c->set_moderation = params_moderation(p, "moderation", &c->moderation);
	c->set_name = params_name(p, "new_name", false, c->name);
	c->set_source_check = params_bool(p, "source_check", &c->policy.source_check);
	c->set_vlan_check = params_bool(p, "vlan_check", &c->policy.vlan_check);
	c->set_all_multicast = params_bool(p, "all_multicast", &c->policy.all_multicast);
	c->set_trunk = trunk_read(p, SCHEMA(VPORT, trunk), &c->policy.trunk, &c->set_vlans, &c->vlans);
	c->set_rss = rss_read(p, &c->rss);
	c->set_tuning = tuning_read(p, &c->tuning);
	c->set_active = params_bool(p, "active", &active);
	if (!active)
		(void)params_fault(p, "active", "false is not possible: a VPort is deactivated only by its deletion");
}

/* A bypass that lasts no longer than its client. */
struct held_bypass {
	struct nic *nic;
	uint32_t id;
};

static void end_bypass(void *arg)
{
	struct held_bypass *h = arg;

	(void)nic_vport_set_bypass(h->nic, h->id, false, NULL); /* the VPort may be gone */
	free(h);
}

static bool same_bypass(const void *arg, const void *what)
{
	const struct held_bypass *a = arg, *b = what;

	return a->nic == b->nic && a->id == b->id;
}

/* Not of the contract, so the stack has no part in it. */
static int set_bypass(struct stack_vport *v, bool on, struct stack_error *e)
{
	struct vmq_err err = { "" };

	return nic_vport_set_bypass(adapter_of(v)->nic, stack_vport_id(v), on, &err) < 0 ? stack_fail(e, STACK_FAILED, "bypass", "%s", err.text) : 0;
}

static void check_bypass(struct params *p, const char *key, const struct stack_vport *v)
{
	if (v && stack_vport_id(v) == 0)
		(void)params_fault(p, key, "is not possible for the default VPort: others' frames would go through its queue");
}

int method_bypass_hold(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct stack_vport *v = select_vport(ctx, p, "vport", e);
	struct held_bypass its, *h;
	bool on = true;

	(void)result;
	(void)params_bool(p, "on", &on);
	check_bypass(p, "vport", v);
	if (params_close(p) < 0)
		return -1;
	its = (struct held_bypass){ adapter_of(v)->nic, stack_vport_id(v) };
	(void)server_release(client, end_bypass, same_bypass, &its);
	if (!on)
		return set_bypass(v, false, e);
	h = malloc(sizeof *h);
	if (!h || !server_hold(client, end_bypass, h)) {
		free(h);
		return stack_fail(e, STACK_LIMIT, "vport", "this connection has too many things that end with it");
	}
	*h = its;
	return set_bypass(v, true, e);
}

int method_vport_set(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct stack_vport *v = select_vport(ctx, p, "name", e);
	struct stack_vport_change c = { 0 };
	bool bypass = false, set;

	(void)client;
	if (v && stack_vport_tuning(v, &c.tuning, e) < 0)
		return -1;
	if (v)
		stack_vport_rss(v, &c.rss);
	read_change(p, &c);
	set = params_bool(p, "bypass", &bypass);
	if (set)
		check_bypass(p, "bypass", v);
	if (params_close(p) < 0 || stack_vport_set(v, &c, e) < 0 || (set && set_bypass(v, bypass, e) < 0))
		return -1;
	return vport_answer(v, result, e);
}

int method_vport_del(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct stack_vport *v = select_vport(ctx, p, "name", e);

	(void)client;
	(void)result;
	return params_close(p) < 0 ? -1 : stack_vport_del(v, e);
}

static int show_vports(struct adapter *a, const struct snapshot *s, struct json_text *t, struct stack_error *e)
{
	for (size_t i = 0; i < s->nvports; i++) {
		json_text_element(t);
		if (vport_text(a, &s->vports[i], s, t, e) < 0)
			return -1;
	}
	return 0;
}

int method_vport_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)client;
	return show_list(ctx, p, "name", "vports", true, show_vports, result, e);
}
