/* SPDX-License-Identifier: BSD-3-Clause */
/* Adapters and their switches, as the stack sees them (stack.h). Control thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stack/stack_priv.h"

int stack_adapter_add(struct stack *s, const char *name, struct ndis_adapter *na, void *user,
		      struct stack_adapter **out, struct stack_error *e)
{
	struct ndis_driver_config driver = { .name = "virtualization stack" };
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p;
	struct stack_adapter *a = calloc(1, sizeof *a);
	int i;

	if (!a)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	a->stack = s;
	a->ndis = na;
	a->user = user;
	TAILQ_INIT(&a->vports);
	(void)snprintf(a->name, sizeof a->name, "%s", name);
	a->driver = ndis_driver_open(na, &driver);
	if (!a->driver) {
		free(a);
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	if (stack_req_get_vport(a, NDIS_DEFAULT_VPORT_ID, &p, e) < 0)
		goto undo;
	i = p.ProcessorAffinity.Mask ? stack_cpu_index(s, stack_affinity_cpu(&p.ProcessorAffinity)) : 0;
	if (!stack_vport_default_new(a, s->cpus[i < 0 ? 0 : i])) {
		(void)stack_fail(e, STACK_FAILED, NULL, "out of memory");
		goto undo;
	}
	TAILQ_INSERT_TAIL(&s->adapters, a, link);
	*out = a;
	return 0;
undo:
	(void)ndis_driver_close(a->driver, NULL);
	free(a);
	return -1;
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
		if (stack_req_delete_vport(v->adapter, v->id, &e) < 0)
			log_error("VPort %s is not deleted: %s", v->name, e.err.text);
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

int stack_switch_info(struct stack_adapter *a, struct stack_switch_info *out, struct stack_error *e)
{
	NDIS_RECEIVE_FILTER_CAPABILITIES fc;
	NDIS_RECEIVE_FILTER_INFO_ARRAY *filters;
	NDIS_NIC_SWITCH_CAPABILITIES sc;
	char text[NDIS_STRING_UTF8_SIZE];
	NDIS_NIC_SWITCH_INFO sw;

	if (stack_req_switch(a, &sw, e) < 0 || stack_req_capabilities(a, &sc, &fc, e) < 0 ||
	    stack_req_enum_filters(a, true, 0, &filters, e) < 0)
		return -1;
	*out = (struct stack_switch_info){
		.id = sw.SwitchId,
		.num_vports = sw.NumActiveVPorts,
		.max_vports = sw.NumVPorts,
		.num_filters = filters->NumElements,
		.max_filters = fc.MaxMacHeaderFilters,
		.queue_pairs = sw.NumQueuePairsForDefaultVPort + sw.NumQueuePairsForNonDefaultVPorts,
		.max_queue_pairs = sc.MaxNumQueuePairs,
	};
	free(filters);
	(void)snprintf(out->name, sizeof out->name, "%s",
		       ndis_string_get(&sw.SwitchFriendlyName, text, sizeof text));
	return 0;
}
