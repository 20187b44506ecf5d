/* SPDX-License-Identifier: BSD-3-Clause */
/* Adapters and their switches, as the stack sees them (stack.h). Control thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stack/stack_priv.h"

int stack_adapter_add(struct stack *s, const char *name, struct ndis_adapter *na, unsigned default_cpu, void *user,
		      struct stack_adapter **out, struct stack_error *e)
{
	struct ndis_driver_config driver = { .name = "virtualization stack" };
	struct stack_adapter *a;

	if (stack_check_cpu(s, default_cpu, e) < 0)
		return -1;
	a = calloc(1, sizeof *a);
	if (!a)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	a->stack = s;
	a->ndis = na;
	a->user = user;
	TAILQ_INIT(&a->vports);
	(void)snprintf(a->name, sizeof a->name, "%s", name);
	a->driver = ndis_driver_open(na, &driver);
	if (!a->driver || !stack_vport_default_new(a, default_cpu)) {
		if (a->driver)
			(void)ndis_driver_close(a->driver, NULL);
		free(a);
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	TAILQ_INSERT_TAIL(&s->adapters, a, link);
	*out = a;
	return 0;
}

/* Filters, endpoint, VPort; the default one only loses its filters. */
static void end_vport(struct stack_vport *v)
{
	struct stack *s = v->adapter->stack;
	struct stack_filter_info *kept;
	struct stack_error e;
	size_t n;

	if (stack_filters_clear_all(v, &kept, &n, &e) == 0)
		free(kept);
	else
		log_error("VPort %s: its filters stay: %s", v->name, e.err.text);
	if (v->id != NDIS_DEFAULT_VPORT_ID) {
		s->ops->close_endpoint(s->ctx, v);
		if (stack_vport_release(v, &e) < 0)
			log_error("VPort %s is not deleted: %s", v->name, e.err.text);
		else
			stack_vf_release(v);
	}
	stack_vport_forget(v);
}

void stack_adapter_remove(struct stack_adapter *a)
{
	struct vmq_err err = { "" };
	struct stack_vport *v;

	while ((v = TAILQ_FIRST(&a->vports)) != NULL)
		end_vport(v);
	if (ndis_driver_close(a->driver, &err) < 0)
		log_error("adapter %s: %s", a->name, err.text);
	TAILQ_REMOVE(&a->stack->adapters, a, link);
	free(a);
}

const char *stack_adapter_name(const struct stack_adapter *a)
{
	return a->name;
}

void *stack_adapter_user(const struct stack_adapter *a)
{
	return a->user;
}

struct stack_adapter *stack_adapter_find(const struct stack *s, const char *name, struct stack_error *e)
{
	struct stack_adapter *a = TAILQ_FIRST(&s->adapters);

	if (!name && a && TAILQ_NEXT(a, link)) {
		(void)stack_fail(e, STACK_PARAM, "adapter", "is missing: there are several");
		return NULL;
	}
	while (a && name && strcmp(a->name, name) != 0)
		a = TAILQ_NEXT(a, link);
	if (!a)
		(void)stack_fail(e, STACK_NOT_FOUND, "adapter", "there is no adapter %.64s", name ? name : "");
	return a;
}

enum stack_model stack_adapter_model(const struct stack_adapter *a)
{
	struct ndis_adapter_info i;

	ndis_adapter_info(a->ndis, &i);
	if (i.switch_present || i.mode == MINIPORT_MODE_SRIOV)
		return STACK_MODEL_SWITCH;
	return i.mode == MINIPORT_MODE_VMQ ? STACK_MODEL_QUEUES : STACK_MODEL_NONE;
}

int stack_switch_info(struct stack_adapter *a, struct stack_switch_info *out, struct stack_error *e)
{
	struct ndis_adapter_info i;
	NDIS_NIC_SWITCH_INFO sw;

	ndis_adapter_info(a->ndis, &i);
	*out = (struct stack_switch_info){
		.model = stack_adapter_model(a),
		.num_queues = i.num_queues,
		.max_queues = i.max_queues,
		.num_filters = i.num_filters,
		.max_filters = i.max_filters,
		.num_vfs = i.num_vfs,
		.max_vfs = i.max_vfs,
	};
	if (out->model != STACK_MODEL_SWITCH)
		return 0;
	if (stack_req_switch(a, &sw, e) < 0)
		return -1;
	out->id = sw.SwitchId;
	out->num_vports = sw.NumActiveVPorts;
	out->max_vports = sw.NumVPorts;
	out->queue_pairs = sw.NumQueuePairsForDefaultVPort + sw.NumQueuePairsForNonDefaultVPorts;
	out->max_queue_pairs = i.max_queue_pairs;
	(void)ndis_string_get(&sw.SwitchFriendlyName, out->name, sizeof out->name);
	return 0;
}

/* ---- the switch of a neutral adapter ---- */

static int check_neutral(const struct stack_adapter *a, struct stack_error *e)
{
	struct ndis_adapter_info i;

	ndis_adapter_info(a->ndis, &i);
	if (i.mode == MINIPORT_MODE_VMQ && i.switch_possible)
		return 0;
	return stack_fail(e, STACK_REFUSED, "adapter", "%s: the mode decides whether there is a switch: %s%s", a->name,
			  i.mode_reason, i.mode == MINIPORT_MODE_VMQ ? ", and there is none without SR-IOV" : "");
}

static int refused(NDIS_STATUS status, NDIS_OID oid, const struct vmq_err *said, struct stack_error *e)
{
	(void)stack_fail(e, STACK_REFUSED, "adapter", "%s", said->text);
	e->oid = oid;
	e->status = status;
	return -1;
}

int stack_switch_add(struct stack_adapter *a, struct stack_error *e)
{
	struct stack_vport *v = stack_vport_by_id(a, NDIS_DEFAULT_VPORT_ID);
	struct stack_vport_change cpu = { .set_cpu = true, .cpu = v->cpu, .by_plan = true };
	struct vmq_err said = { "" };
	NDIS_STATUS status;

	if (check_neutral(a, e) < 0)
		return -1;
	status = ndis_switch_create(a->ndis, &said);
	if (status != NDIS_STATUS_SUCCESS)
		return refused(status, OID_NIC_SWITCH_CREATE_SWITCH, &said, e);
	if (stack_vport_set(v, &cpu, e) == 0) /* as the default queue was */
		return 0;
	(void)ndis_switch_delete(a->ndis, NULL);
	return -1;
}

int stack_switch_del(struct stack_adapter *a, struct stack_error *e)
{
	struct vmq_err said = { "" };
	NDIS_STATUS status;

	if (check_neutral(a, e) < 0)
		return -1;
	status = ndis_switch_delete(a->ndis, &said);
	return status == NDIS_STATUS_SUCCESS ? 0 : refused(status, OID_NIC_SWITCH_DELETE_SWITCH, &said, e);
}
