/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.plan.* and cpu.auto.* (docs/rpc.md). */
#include <stdlib.h>
#include <string.h>

#include "vmqd/host_json.h"
#include "vmqd/methods.h"
#include "vmqd/state.h"

#define PLAN_MARGIN 15u /* thousandths of a CPU: more than one silent VPort more, less than two */

/* ---- answers ---- */

static json_t *finding_json(const struct cpu_plan *p, const struct cpu_finding *f)
{
	json_t *out = json_pack("{s:s, s:s, s:s}", "check", cpu_check_name(f->check), "verdict",
				f->refused ? "refused" : "warning", "text", f->text);

	if (f->item >= 0) {
		const struct cpu_item *i = &p->items[f->item];

		(void)json_object_set_new(out, "adapter", json_string(i->adapter));
		if (i->kind == CPU_ITEM_VPORT)
			(void)json_object_set_new(out, "vport", json_string(i->name));
	}
	if (f->cpu >= 0)
		(void)json_object_set_new(out, "cpu", json_integer(f->cpu));
	return out;
}

static json_t *findings_json(const struct cpu_plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nfindings; i++)
		(void)json_array_append_new(list, finding_json(p, &p->findings[i]));
	return list;
}

static json_t *moves_json(const struct cpu_plan *p, enum placement_cause cause)
{
	json_t *list = json_array();
	char reason[200];

	for (size_t i = 0; i < p->nitems; i++) {
		const struct cpu_item *item = &p->items[i];

		if (item->to == item->cpu)
			continue;
		placement_reason(p, i, cause, reason, sizeof reason);
		(void)json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:s}", "vport", item->name, "adapter",
							    item->adapter, "from", (int)item->cpu, "to",
							    (int)item->to, "reason", reason));
	}
	return list;
}

static double percent(unsigned thousandths)
{
	return (double)thousandths / 10.0;
}

static json_t *worker_json(const struct cpu_plan *p, unsigned w)
{
	unsigned cpu = p->worker[w].cpu;
	bool known = cpu < p->host->ncpus && p->host->cpu[cpu].present;
	struct host_cpu c = known ? p->host->cpu[cpu] : (struct host_cpu){ .core = (uint16_t)cpu };

	return json_pack("{s:i, s:i, s:i, s:b, s:b, s:b, s:f}", "cpu", (int)cpu, "node", c.node, "core", c.core,
			 "online", c.online, "isolated", c.isolated, "nohz_full", c.nohz_full, "busy_pct",
			 percent(p->worker[w].load));
}

static json_t *place_json(const struct cpu_plan *p, const struct cpu_item *i)
{
	uint16_t workers[STACK_MAX_CPUS], cpus[CPU_MAX_QUEUES];
	json_t *list = json_array(), *out;
	unsigned n;

	for (unsigned w = 0; w < p->nworkers; w++)
		workers[w] = p->worker[w].cpu;
	n = cpu_spread(workers, p->nworkers, i->cpu, i->queue_pairs, cpus);
	for (unsigned k = 0; k < n; k++)
		(void)json_array_append_new(list, json_integer(cpus[k]));
	out = json_pack("{s:s, s:s, s:s, s:i, s:o, s:b, s:f}", "kind", i->kind == CPU_ITEM_WIRE ? "wire" : "vport",
			"name", i->name, "adapter", i->adapter, "cpu", (int)i->cpu, "cpus", list, "cpu_auto",
			i->vport && !i->chosen, "load_pct", percent(i->load));
	return out;
}

static json_t *plan_json(const struct placement *placement, const struct cpu_plan *p)
{
	json_t *workers = json_array(), *places = json_array();

	for (unsigned w = 0; w < p->nworkers; w++)
		(void)json_array_append_new(workers, worker_json(p, w));
	for (size_t i = 0; i < p->nitems; i++)
		(void)json_array_append_new(places, place_json(p, &p->items[i]));
	return json_pack("{s:b, s:o, s:o, s:o}", "auto", placement_auto(placement), "workers", workers, "places",
			 places, "findings", findings_json(p));
}

/* ---- wishes ---- */

static struct cpu_item *item_of(const struct cpu_plan *p, const struct stack_vport *v)
{
	for (size_t i = 0; i < p->nitems; i++)
		if (p->items[i].vport == v)
			return &p->items[i];
	return NULL;
}

/* moves: [{vport, adapter?, cpu}]. A CPU without a worker is the check's to refuse. */
static int read_move(struct daemon *d, struct params *p, struct cpu_plan *plan)
{
	struct stack_vport *v = select_vport(d, p, "vport", p->e);
	struct cpu_item *item = v ? item_of(plan, v) : NULL;
	uint32_t cpu;

	if (v && !item)
		return params_fault(p, "vport", "%s is nobody's to move", stack_vport_name(v));
	if (!params_uint(p, "cpu", true, 0, UINT16_MAX, &cpu) || params_close(p) < 0)
		return -1;
	if (item->to != item->cpu)
		return params_fault(p, "vport", "%s is moved twice", item->name);
	item->to = cpu;
	item->asked = true;
	return 0;
}

static int read_moves(struct daemon *d, const json_t *list, struct cpu_plan *plan, struct stack_error *e)
{
	const json_t *v;
	char path[48];
	size_t i;

	if (!json_is_array(list) || json_array_size(list) == 0)
		return stack_fail(e, STACK_PARAM, "moves", "is not a list of objects with vport and cpu");
	json_array_foreach (list, i, v) {
		struct params p;

		(void)snprintf(path, sizeof path, "moves[%zu]", i);
		params_open(&p, v, path, e);
		if (read_move(d, &p, plan) < 0)
			return -1;
	}
	return 0;
}

/* What check and apply have in common: the plan that is meant, checked. Free it, also after -1. */
static int wished(struct daemon *d, struct params *p, struct placement_plan *pp, struct stack_error *e)
{
	const json_t *moves = params_any(p, "moves", false);
	struct host_json rest;
	bool all = false;

	host_json_read(p, pp, &rest);
	if (params_bool(p, "all", &all) && moves)
		(void)params_fault(p, "all", "is of a plan that vmqd makes; moves says what to move");
	if (params_close(p) < 0 || placement_plan(d->placement, pp, e) < 0)
		return -1;
	host_json_nodes(&rest, pp);
	if (moves && read_moves(d, moves, &pp->plan, e) < 0)
		return -1;
	if (!moves)
		cpu_plan_compute(&pp->plan, PLAN_MARGIN, all);
	return cpu_plan_check(&pp->plan) < 0 ? stack_fail(e, STACK_FAILED, NULL, "out of memory") : 0;
}

int method_cpu_plan_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct placement_plan pp = { 0 };
	struct host_json rest;
	int rc = -1;

	(void)client;
	host_json_read(p, &pp, &rest);
	if (params_close(p) == 0 && placement_plan(d->placement, &pp, e) == 0) {
		host_json_nodes(&rest, &pp);
		rc = cpu_plan_check(&pp.plan) < 0 ? stack_fail(e, STACK_FAILED, NULL, "out of memory") : 0;
	}
	if (rc == 0)
		*result = plan_json(d->placement, &pp.plan);
	placement_plan_free(&pp);
	return rc;
}

int method_cpu_plan_check(void *ctx, struct rpc_client *client, struct params *p, json_t **result,
			  struct stack_error *e)
{
	struct placement_plan pp = { 0 };
	int rc = wished(ctx, p, &pp, e);

	(void)client;
	if (rc == 0)
		*result = json_pack("{s:b, s:o, s:o}", "refused", pp.plan.refused, "moves",
				    moves_json(&pp.plan, PLACEMENT_PLAN),
				    "findings", findings_json(&pp.plan));
	placement_plan_free(&pp);
	return rc;
}

/* The first refusal's sentence. */
static int refuse(const struct cpu_plan *p, struct stack_error *e)
{
	for (size_t i = 0; i < p->nfindings; i++)
		if (p->findings[i].refused)
			return stack_fail(e, STACK_REFUSED, cpu_check_name(p->findings[i].check), "%s",
					  p->findings[i].text);
	return 0;
}

static int apply(struct daemon *d, struct placement_plan *pp, enum placement_cause cause, json_t **result,
		 struct stack_error *e)
{
	if ((cause != PLACEMENT_UNDO && refuse(&pp->plan, e) < 0) || placement_apply(d->placement, pp, cause, e) < 0)
		return -1;
	*result = json_pack("{s:o, s:o}", "moves", moves_json(&pp->plan, cause), "findings", findings_json(&pp->plan));
	return 0;
}

int method_cpu_plan_apply(void *ctx, struct rpc_client *client, struct params *p, json_t **result,
			  struct stack_error *e)
{
	struct placement_plan pp = { 0 };
	int rc = wished(ctx, p, &pp, e);

	(void)client;
	if (rc == 0)
		rc = apply(ctx, &pp, PLACEMENT_PLAN, result, e);
	placement_plan_free(&pp);
	return rc;
}

/* ---- automatic placement ---- */

static json_t *move_json(const struct placement_move *m)
{
	return json_pack("{s:f, s:s, s:s, s:i, s:i, s:s, s:s}", "time",
			 (double)m->time.tv_sec + (double)m->time.tv_nsec / 1e9, "vport", m->vport, "adapter",
			 m->adapter, "from", (int)m->from, "to", (int)m->to, "cause", placement_cause_name(m->cause),
			 "reason", m->reason);
}

static json_t *auto_json(const struct placement *p)
{
	const struct placement_move *m;
	json_t *list = json_array();

	for (unsigned i = 0; (m = placement_moves(p, i)) != NULL; i++)
		(void)json_array_append_new(list, move_json(m));
	return json_pack("{s:b, s:o}", "auto", placement_auto(p), "moves", list);
}

int method_cpu_auto_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	const struct daemon *d = ctx;

	(void)client;
	(void)e;
	if (params_close(p) < 0)
		return -1;
	*result = auto_json(d->placement);
	return 0;
}

int method_cpu_auto_set(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	bool on = false;

	(void)client;
	if (!params_has(p, "on"))
		(void)params_fault(p, "on", "is missing");
	(void)params_bool(p, "on", &on);
	if (params_close(p) < 0 || state_settings(d, e) < 0)
		return -1;
	placement_set_auto(d->placement, on);
	*result = auto_json(d->placement);
	return 0;
}

static int carry_out(struct daemon *d, struct params *p, bool undo, json_t **result, struct stack_error *e)
{
	struct placement_plan pp = { 0 };
	int rc = params_close(p);

	if (rc == 0)
		rc = placement_plan(d->placement, &pp, e);
	if (rc == 0) {
		if (undo)
			cpu_undo_plan(&pp.plan);
		else
			placement_step(d->placement, &pp);
		rc = cpu_plan_check(&pp.plan) < 0 ? stack_fail(e, STACK_FAILED, NULL, "out of memory") : 0;
	}
	if (rc == 0)
		rc = apply(d, &pp, undo ? PLACEMENT_UNDO : PLACEMENT_AUTO, result, e);
	placement_plan_free(&pp);
	return rc;
}

int method_cpu_auto_once(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)client;
	return carry_out(ctx, p, false, result, e);
}

int method_cpu_auto_undo(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)client;
	return carry_out(ctx, p, true, result, e);
}
