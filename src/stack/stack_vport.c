/* SPDX-License-Identifier: BSD-3-Clause */
/* VPorts: added, changed and deleted (stack.h). Control thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stack/stack_priv.h"

static int check_name(const struct stack *s, const char *field, const char *name, struct stack_error *e)
{
	const struct stack_vport *v = stack_by_name(s, NULL, name);

	if (!stack_name_ok(name))
		return stack_fail(e, STACK_PARAM, field, "is not a name; 1 to 64 characters of A-Z a-z 0-9 _ . -");
	if (stack_name_taken(name))
		return stack_fail(e, STACK_EXISTS, field, "%s", stack_name_taken(name));
	if (v)
		return stack_fail(e, STACK_EXISTS, field, "there is a VPort %s already, on adapter %s", name,
				  v->adapter->name);
	return 0;
}

static int check_want(const struct stack_adapter *a, const struct stack_vport_want *want, struct stack_error *e)
{
	const struct stack *s = a->stack;
	const struct stack_vport *other;

	if (check_name(s, "name", want->name, e) < 0)
		return -1;
	if (want->cpu_given && stack_check_cpu(s, want->cpu, e) < 0)
		return -1;
	if (stack_rss_check(a, want->on_vf, &want->rss, e) < 0)
		return -1;
	other = stack_by_socket(s, want->socket);
	if (other)
		return stack_fail(e, STACK_EXISTS, "socket", "%s is VPort %s's socket", want->socket, other->name);
	return 0;
}

static void load(struct stack *s, unsigned cpu, int by)
{
	int i = stack_cpu_index(s, cpu);

	if (i >= 0)
		s->load[i] += (unsigned)by;
}

/* ---- VPort or VM queue ---- */

static int create(struct stack_vport *v, const struct stack_vport_want *want, const GROUP_AFFINITY *cpus,
		  struct stack_error *e)
{
	uint16_t function = v->on_vf ? v->vf : NDIS_PF_FUNCTION_ID;
	enum ndis_id_kind kind = stack_adapter_model(v->adapter) == STACK_MODEL_SWITCH ? NDIS_ID_VPORT : NDIS_ID_QUEUE;

	ndis_adapter_next_id(v->adapter->ndis, kind, want->id);
	return stack_adapter_model(v->adapter) == STACK_MODEL_SWITCH
		   ? stack_req_create_vport(v->adapter, want, function, cpus, &v->id, e)
		   : stack_queue_allocate(v->adapter, want, cpus, &v->id, e);
}

int stack_vport_release(struct stack_vport *v, struct stack_error *e)
{
	return stack_adapter_model(v->adapter) == STACK_MODEL_SWITCH ? stack_req_delete_vport(v->adapter, v->id, e)
								     : stack_req_free_queue(v->adapter, v->id, e);
}

static int activate(struct stack_vport *v, struct stack_error *e)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = {
		.VPortId = v->id,
		.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED,
		.VPortState = NdisNicSwitchVPortStateActivated,
	};

	return stack_adapter_model(v->adapter) == STACK_MODEL_SWITCH ? stack_req_set_vport(v->adapter, &p, e)
								     : stack_req_complete_queue(v->adapter, v->id, e);
}

/* From here on it moves frames. */
static int begin(struct stack_vport *v, struct stack_error *e)
{
	if (!v->on_vf && activate(v, e) < 0)
		return -1;
	if (!stack_rss_default(&v->rss))
		return stack_rss_apply(v, &v->rss, v->cpu, v->queue_pairs, e);
	stack_rss_try(v);
	return 0;
}

/* From here on it is found by name and id. */
static void enlist(struct stack_vport *v)
{
	struct stack_adapter *a = v->adapter;

	TAILQ_INSERT_TAIL(&a->vports, v, link);
	stack_index_add(v);
	a->by_id[v->id] = v;
	load(a->stack, v->cpu, 1);
}

void stack_vport_forget(struct stack_vport *v)
{
	struct stack_adapter *a = v->adapter;

	stack_filters_forget(v);
	load(a->stack, v->cpu, -1);
	a->by_id[v->id] = NULL;
	TAILQ_REMOVE(&a->vports, v, link);
	stack_index_remove(v);
	free(v);
}

struct stack_vport *stack_vport_default_new(struct stack_adapter *a, unsigned cpu)
{
	struct stack_vport *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	*v = (struct stack_vport){ .adapter = a, .cpu = cpu, .name = STACK_DEFAULT_NAME };
	LIST_INIT(&v->broadcasts);
	enlist(v);
	return v;
}

static int set_filters(struct stack_vport *v, const struct stack_vport_want *want, struct stack_filter_info *made,
		       size_t *nmade, struct stack_error *e)
{
	unsigned n;

	for (size_t i = 0; i < want->nfilters; i++) {
		if (stack_filter_make(v, &want->filters[i], made + *nmade, &n, e) < 0)
			return -1;
		*nmade += n;
	}
	return 0;
}

/* What of a VPort was made, undone in the opposite order; what cannot be undone is said. */
static void undo_add(struct stack_vport *v, bool endpoint, const struct stack_error *why)
{
	struct stack *s = v->adapter->stack;
	struct stack_filter_info *kept;
	struct stack_error e;
	size_t n;

	if (endpoint)
		s->ops->close_endpoint(s->ctx, v);
	if (stack_filters_clear_all(v, &kept, &n, &e) == 0)
		free(kept);
	if (stack_vport_release(v, &e) < 0)
		log_error("VPort %s is left behind after \"%s\": %s", v->name, why->err.text, e.err.text);
	else
		stack_vf_release(v);
	stack_vport_forget(v);
}

int stack_vport_add(struct stack_adapter *a, const struct stack_vport_want *want, struct stack_vport **out,
		    struct stack_error *e)
{
	struct stack *s = a->stack;
	struct stack_filter_info *made;
	struct stack_vport *v;
	GROUP_AFFINITY cpus;
	bool endpoint = false;
	size_t nmade = 0;

	if (check_want(a, want, e) < 0)
		return -1;
	v = calloc(1, sizeof *v);
	made = calloc(want->nfilters * STACK_FILTERS_MADE + 1, sizeof *made);
	if (!v || !made) {
		free(v);
		free(made);
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	v->adapter = a;
	v->cpu = want->cpu_given ? want->cpu : stack_least_loaded(s);
	v->cpu_chosen = want->cpu_given && !want->cpu_by_plan;
	v->queue_pairs = want->queue_pairs;
	v->rss = want->rss;
	v->awaits_vm = want->awaits_vm && !want->on_vf && stack_adapter_model(a) == STACK_MODEL_SWITCH;
	if (stack_rss_cpu(&v->rss, v->cpu_chosen, &v->cpu, e) < 0)
		goto none;
	stack_rss_affinity(s, &v->rss, v->cpu, v->queue_pairs, &cpus);
	v->socket_mode = want->socket_mode;
	memcpy(v->name, want->name, sizeof v->name);
	memcpy(v->socket, want->socket, sizeof v->socket);
	LIST_INIT(&v->broadcasts);
	if (want->on_vf && stack_vf_allocate(v, want, e) < 0)
		goto none;
	if (create(v, want, &cpus, e) < 0 || v->id > STACK_MAX_VPORT_ID) {
		stack_vf_release(v);
		goto none;
	}
	enlist(v);
	if (stack_req_set_policy(a, v->id, &want->policy, e) < 0 || stack_req_set_tuning(a, v->id, &want->tuning, e) < 0 ||
	    set_filters(v, want, made, &nmade, e) < 0)
		goto undo;
	if (s->ops->open_endpoint(s->ctx, v, e) < 0)
		goto undo;
	endpoint = true;
	if (!v->awaits_vm && begin(v, e) < 0)
		goto undo;
	stack_event(v, "vport_added", NULL);
	for (size_t i = 0; i < nmade; i++)
		stack_event(v, "filter_set", &made[i]);
	free(made);
	*out = v;
	return 0;
none:
	free(v);
	free(made);
	return -1;
undo:
	free(made);
	undo_add(v, endpoint, e);
	return -1;
}

static int check_change(const struct stack_vport *v, const struct stack_vport_change *c, struct stack_error *e)
{
	if (c->set_name && v->id == NDIS_DEFAULT_VPORT_ID)
		return stack_fail(e, STACK_PARAM, "new_name", "the default VPort keeps its name");
	if (c->set_name && strcmp(c->name, v->name) != 0 && check_name(v->adapter->stack, "new_name", c->name, e) < 0)
		return -1;
	if (c->set_cpu && stack_check_cpu(v->adapter->stack, c->cpu, e) < 0)
		return -1;
	if (c->set_queue_pairs && v->on_vf)
		return stack_fail(e, STACK_PARAM, "queue_pairs", "VPort %s is on VF %u, which keeps its queue pairs", v->name,
				  v->vf);
	return c->set_rss ? stack_rss_check(v->adapter, v->on_vf, &c->rss, e) : 0;
}

/* What shall be of what the CPUs follow from. */
struct place {
	unsigned cpu, queue_pairs;
	bool moves;   /* something of it is another than it was */
	bool spreads; /* rss is */
	struct stack_rss rss;
};

static int place_of(const struct stack_vport *v, const struct stack_vport_change *c, struct place *out, struct stack_error *e)
{
	int moved;

	out->cpu = c->set_cpu ? c->cpu : v->cpu;
	out->queue_pairs = c->set_queue_pairs ? c->queue_pairs : v->queue_pairs;
	out->rss = c->set_rss ? c->rss : v->rss;
	moved = stack_rss_cpu(&out->rss, c->set_cpu, &out->cpu, e);
	out->spreads = c->set_rss && !stack_rss_same(&c->rss, &v->rss);
	out->moves = c->set_cpu || c->set_queue_pairs || out->spreads || moved > 0;
	return moved < 0 ? -1 : 0;
}

/* The contract's part of a change. *asked: something was changed. */
static int change(const struct stack_vport *v, const struct stack_vport_change *c, const struct place *to, bool *asked,
		  struct stack_error *e)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS all, *p = &all;

	*asked = false;
	if (stack_adapter_model(v->adapter) != STACK_MODEL_SWITCH)
		return stack_queue_set(v, c, asked, e);
	*p = (NDIS_NIC_SWITCH_VPORT_PARAMETERS){ .VPortId = v->id };
	if (c->set_name) {
		p->Flags |= NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED;
		(void)ndis_string_set(&p->VPortName, c->name);
	}
	if (c->set_moderation) {
		p->Flags |= NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED;
		p->InterruptModeration = (NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION)c->moderation;
	}
	if (to->moves && !v->on_vf) {
		p->Flags |= NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED;
		stack_rss_affinity(v->adapter->stack, &to->rss, to->cpu, to->queue_pairs, &p->ProcessorAffinity);
	}
	if (c->set_queue_pairs) {
		p->Flags |= NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
		p->NumQueuePairs = to->queue_pairs;
	}
	if (c->set_active && v->id != NDIS_DEFAULT_VPORT_ID) { /* the default one is active for life */
		p->Flags |= NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
		p->VPortState = NdisNicSwitchVPortStateActivated;
	}
	*asked = p->Flags != 0;
	return *asked ? stack_req_set_vport(v->adapter, p, e) : 0;
}

/* What the adapter's own requests change, as it was before. */
struct own {
	bool policy, tuning;
	struct stack_policy old_policy;
	struct stack_tuning old_tuning;
	struct stack_filter_info *old_filters; /* NULL: they stay */
	size_t nfilters;
};

static void undo_own(struct stack_vport *v, const struct own *o)
{
	struct stack_error e;

	if (o->old_filters)
		stack_trunk_undo(v, o->old_filters, o->nfilters);
	if (o->tuning)
		(void)stack_req_set_tuning(v->adapter, v->id, &o->old_tuning, &e);
	if (o->policy)
		(void)stack_req_set_policy(v->adapter, v->id, &o->old_policy, &e);
}

static int change_policy(const struct stack_vport *v, const struct stack_vport_change *c, struct own *o, struct stack_error *e)
{
	struct stack_policy new;

	if (!c->set_source_check && !c->set_vlan_check && !c->set_all_multicast && !c->set_trunk)
		return 0;
	if (stack_req_get_policy(v->adapter, v->id, &o->old_policy, e) < 0)
		return -1;
	new = o->old_policy;
	if (c->set_source_check)
		new.source_check = c->policy.source_check;
	if (c->set_vlan_check)
		new.vlan_check = c->policy.vlan_check;
	if (c->set_all_multicast)
		new.all_multicast = c->policy.all_multicast;
	if (c->set_trunk)
		new.trunk = c->policy.trunk;
	o->policy = stack_req_set_policy(v->adapter, v->id, &new, e) == 0;
	return o->policy ? 0 : -1;
}

static int change_tuning(const struct stack_vport *v, const struct stack_vport_change *c, struct own *o, struct stack_error *e)
{
	if (!c->set_tuning)
		return 0;
	if (stack_req_get_tuning(v->adapter, v->id, &o->old_tuning, e) == 0)
		o->tuning = stack_req_set_tuning(v->adapter, v->id, &c->tuning, e) == 0;
	return o->tuning ? 0 : -1;
}

static int change_own(struct stack_vport *v, const struct stack_vport_change *c, struct own *o, struct stack_error *e)
{
	*o = (struct own){ 0 };
	if (change_policy(v, c, o, e) == 0 && change_tuning(v, c, o, e) == 0 &&
	    (!c->set_vlans || stack_trunk_set(v, &c->vlans, &o->old_filters, &o->nfilters, e) == 0))
		return 0;
	undo_own(v, o);
	return -1;
}

/* RSS shrinks before the queue pairs do, and a hash or key that cannot be is refused before anything else is done (spec/50 §8);
 * a VF's CPUs are not among the VPort's parameters. *early: something was done, to be taken back by stack_rss_try. */
static int prepare_rss(struct stack_vport *v, const struct place *to, bool *early, struct stack_error *e)
{
	struct stack_rss now = to->rss;
	int rc = 0;

	*early = false;
	/* whoever had another one off would find out only when he has it on again */
	if ((to->rss.off || to->queue_pairs < 2) && !stack_rss_same_hash(&to->rss, &v->rss) && !stack_rss_keeps_hash(v, &to->rss))
		return stack_rss_for_life(v, &to->rss, STACK_REFUSED, e);
	*early = !v->awaits_vm && ((v->on_vf && to->cpu != v->cpu) || to->queue_pairs < v->queue_pairs || (to->spreads && !to->rss.off && to->queue_pairs > 1));
	if (!*early)
		return 0;
	/* the VPort's affinity is still that of the CPUs it had: its own alone while RSS was off */
	now.ncpus = v->rss.off ? 1 : v->rss.ncpus;
	memcpy(now.cpus, v->rss.cpus, sizeof now.cpus);
	if (v->rss.off)
		now.cpus[0] = (uint16_t)v->cpu;
	rc = stack_rss_apply(v, &now, v->on_vf ? to->cpu : v->cpu, to->queue_pairs, e);
	if (rc < 0 && !stack_rss_same_hash(&to->rss, &v->rss)) {
		struct stack_error said = *e;

		(void)stack_rss_for_life(v, &to->rss, said.code, e);
		e->oid = said.oid;
		e->status = said.status;
	}
	return rc;
}

/* All of it was done. */
static void settle(struct stack_vport *v, const struct stack_vport_change *c, const struct place *to)
{
	v->queue_pairs = to->queue_pairs;
	v->rss = to->rss;
	if (to->cpu != v->cpu || c->set_cpu) {
		load(v->adapter->stack, v->cpu, -1);
		v->cpu = to->cpu;
		load(v->adapter->stack, v->cpu, 1);
		v->cpu_chosen = v->cpu_chosen || (c->set_cpu && !c->by_plan);
		v->moved = v->moved && c->by_plan; /* a person's choice is nothing to be undone */
	}
	if ((to->moves && !v->on_vf && !v->awaits_vm) || (c->set_active && v->awaits_vm))
		stack_rss_try(v);
	v->awaits_vm = v->awaits_vm && !c->set_active;
	if (c->let_plan)
		v->cpu_chosen = false;
	if (c->set_name) {
		stack_index_remove(v);
		memcpy(v->name, c->name, sizeof v->name);
		stack_index_add(v);
	}
}

int stack_vport_set(struct stack_vport *v, const struct stack_vport_change *c, struct stack_error *e)
{
	bool early = false, asked;
	struct place to;
	struct own own;

	if (check_change(v, c, e) < 0 || place_of(v, c, &to, e) < 0 || change_own(v, c, &own, e) < 0)
		return -1;
	if (prepare_rss(v, &to, &early, e) < 0)
		goto undo;
	if (change(v, c, &to, &asked, e) < 0) {
		if (early)
			stack_rss_try(v);
		goto undo;
	}
	settle(v, c, &to);
	if (asked || own.policy || own.tuning || early || c->let_plan)
		stack_event(v, "vport_changed", NULL);
	free(own.old_filters);
	return 0;
undo:
	undo_own(v, &own);
	free(own.old_filters);
	return -1;
}

int stack_vport_del(struct stack_vport *v, struct stack_error *e)
{
	struct stack_adapter *a = v->adapter;
	struct stack *s = a->stack;
	struct stack_filter_info *kept;
	struct stack_error again;
	size_t n;

	if (v->id == NDIS_DEFAULT_VPORT_ID)
		return stack_fail(e, STACK_REFUSED, NULL,
				  stack_adapter_model(a) == STACK_MODEL_SWITCH ? "the default VPort stays as long as its switch"
									       : "the default queue stays as long as its adapter");
	if (stack_filters_clear_all(v, &kept, &n, e) < 0)
		return -1;
	s->ops->close_endpoint(s->ctx, v);
	if (stack_vport_release(v, e) < 0) {
		if (s->ops->open_endpoint(s->ctx, v, &again) < 0)
			log_error("VPort %s: its socket could not be opened again: %s", v->name, again.err.text);
		stack_filters_restore(v, kept, n);
		free(kept);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		stack_event(v, "filter_cleared", &kept[i]);
	free(kept);
	stack_event(v, "vport_deleted", NULL);
	stack_vf_release(v);
	stack_vport_forget(v);
	return 0;
}

bool stack_vport_awaits_vm(const struct stack_vport *v)
{
	return v->awaits_vm;
}

struct stack_vport *stack_vport_by_id(const struct stack_adapter *a, uint32_t id)
{
	return id <= STACK_MAX_VPORT_ID ? a->by_id[id] : NULL;
}

static void common_info(struct stack_adapter *a, const NDIS_VPORT_NAME *name, uint16_t function,
			const GROUP_AFFINITY *affinity, struct stack_vport_info *out)
{
	const struct stack_vport *v = stack_vport_by_id(a, out->id);
	struct stack_error none;

	if (out->id == NDIS_DEFAULT_VPORT_ID)
		(void)snprintf(out->name, sizeof out->name, "%s", STACK_DEFAULT_NAME);
	else /* whoever made it by raw requests may have called it anything: cut between characters */
		(void)ndis_string_get(name, out->name, sizeof out->name);
	out->on_pf = function == NDIS_PF_FUNCTION_ID;
	out->vf = function;
	/* with several CPUs the first queue pair's; of a VF they are not among the parameters */
	if (!out->on_pf && v)
		out->cpu = v->cpu;
	else if (!out->on_pf)
		(void)stack_req_get_vf_cpu(a, out->id, &out->cpu, &none);
	else
		out->cpu = v && v->cpu / 64 == affinity->Group && (affinity->Mask >> (v->cpu % 64) & 1) ? v->cpu : stack_affinity_cpu(affinity);
}

int stack_vport_info(struct stack_vport *v, struct stack_vport_info *out, struct stack_error *e)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY *filters;
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p;

	if (stack_adapter_model(v->adapter) != STACK_MODEL_SWITCH)
		return stack_queue_info(v, out, e);
	if (stack_req_get_vport(v->adapter, v->id, &p, e) < 0 ||
	    stack_req_enum_filters(v->adapter, false, v->id, &filters, e) < 0)
		return -1;
	*out = (struct stack_vport_info){
		.id = v->id,
		.active = p.VPortState == NdisNicSwitchVPortStateActivated,
		.queue_pairs = p.NumQueuePairs,
		.moderation = p.InterruptModeration,
		.num_filters = filters->NumElements,
	};
	common_info(v->adapter, &p.VPortName, p.AttachedFunctionId, &p.ProcessorAffinity, out);
	free(filters);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	const struct stack_vport_info *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int stack_vport_list(struct stack_adapter *a, struct stack_vport_info **out, size_t *n, struct stack_error *e)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *h;
	struct stack_vport_info *list;

	if (stack_adapter_model(a) != STACK_MODEL_SWITCH) {
		if (stack_queue_list(a, out, n, e) < 0)
			return -1;
		qsort(*out, *n, sizeof **out, ascending);
		return 0;
	}
	if (stack_req_enum_vports(a, &h, e) < 0)
		return -1;
	list = calloc(h->NumElements ? h->NumElements : 1, sizeof *list);
	if (!list) {
		free(h);
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	for (ULONG i = 0; i < h->NumElements; i++) {
		NDIS_NIC_SWITCH_VPORT_INFO v;

		memcpy(&v, (const char *)h + h->FirstElementOffset + (size_t)i * h->ElementSize, sizeof v);
		list[i] = (struct stack_vport_info){
			.id = v.VPortId,
			.active = v.VPortState == NdisNicSwitchVPortStateActivated,
			.queue_pairs = v.NumQueuePairs,
			.moderation = v.InterruptModeration,
			.num_filters = v.NumFilters,
		};
		common_info(a, &v.VPortName, v.AttachedFunctionId, &v.ProcessorAffinity, &list[i]);
	}
	*n = h->NumElements;
	free(h);
	qsort(list, *n, sizeof *list, ascending);
	*out = list;
	return 0;
}

uint32_t stack_vport_id(const struct stack_vport *v)
{
	return v->id;
}

const char *stack_vport_name(const struct stack_vport *v)
{
	return v->name;
}

struct stack_adapter *stack_vport_adapter(const struct stack_vport *v)
{
	return v->adapter;
}

bool stack_vport_is_queue(const struct stack_vport *v)
{
	return stack_adapter_model(v->adapter) != STACK_MODEL_SWITCH;
}

const char *stack_vport_socket(const struct stack_vport *v)
{
	return v->socket;
}

enum stack_socket_mode stack_vport_socket_mode(const struct stack_vport *v)
{
	return v->socket_mode;
}

int stack_vport_policy(struct stack_vport *v, struct stack_policy *out, struct stack_error *e)
{
	return stack_req_get_policy(v->adapter, v->id, out, e);
}

bool stack_vport_cpu_chosen(const struct stack_vport *v)
{
	return v->cpu_chosen;
}

int stack_vport_tuning(struct stack_vport *v, struct stack_tuning *out, struct stack_error *e)
{
	return stack_req_get_tuning(v->adapter, v->id, out, e);
}

void stack_vport_set_endpoint(struct stack_vport *v, void *endpoint)
{
	v->endpoint = endpoint;
}

void *stack_vport_endpoint(const struct stack_vport *v)
{
	return v->endpoint;
}
