/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VM queues as the places of VMs (stack.h): what is wanted of a VPort, turned into what a queue can be, and what is known of
 * a queue, told as of a VPort. No state of its own. Control thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/stack_priv.h"

#define MODERATION NdisNicSwitchVPortInterruptModerationAdaptive /* what the adapter does with every queue */

static int check_moderation(uint32_t moderation, struct stack_error *e)
{
	return moderation == MODERATION || moderation == NdisNicSwitchVPortInterruptModerationUndefined
		   ? 0
		   : stack_fail(e, STACK_REFUSED, "moderation",
				"a VM queue has no interrupt moderation of its own; it is adaptive for all of them (that "
				"takes a VPort, mode SR-IOV)");
}

int stack_queue_allocate(struct stack_adapter *a, const struct stack_vport_want *want, const GROUP_AFFINITY *cpus,
			 uint32_t *id, struct stack_error *e)
{
	if (want->queue_pairs != 1)
		return stack_fail(e, STACK_REFUSED, "queue_pairs",
				  "%u are asked for; a VM queue is one receive queue (several take a VPort, mode SR-IOV)",
				  want->queue_pairs);
	if (check_moderation(want->moderation, e) < 0)
		return -1;
	return stack_req_allocate_queue(a, want->name, cpus, id, e);
}

int stack_queue_set(const struct stack_vport *v, const struct stack_vport_change *c, bool *asked, struct stack_error *e)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = { .QueueId = v->id };

	if (c->set_moderation && check_moderation(c->moderation, e) < 0)
		return -1;
	if (c->set_queue_pairs && c->queue_pairs != 1)
		return stack_fail(e, STACK_REFUSED, "queue_pairs", "a VM queue is one receive queue");
	if (v->id == NDIS_DEFAULT_RECEIVE_QUEUE_ID) {
		if (c->set_cpu && c->cpu != v->cpu)
			return stack_fail(e, STACK_REFUSED, "cpu",
					  "the default queue is nobody's to change; it stays on the CPU its host device "
					  "was configured with, %u", v->cpu);
		return 0;
	}
	if (c->set_name) {
		p.Flags |= NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;
		(void)ndis_string_set(&p.QueueName, c->name);
	}
	if (c->set_cpu) {
		p.Flags |= NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED;
		stack_affinity(c->cpu, &p.ProcessorAffinity);
	}
	*asked = p.Flags != 0;
	return *asked ? stack_req_set_queue(v->adapter, &p, e) : 0;
}

static void set_name(struct stack_vport_info *out, const NDIS_QUEUE_NAME *name)
{
	(void)ndis_string_get(name, out->name, sizeof out->name);
}

static int count_filters(struct stack_adapter *a, uint32_t id, uint32_t *n, struct stack_error *e)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY *filters;

	*n = 0;
	if (stack_adapter_model(a) == STACK_MODEL_NONE)
		return 0;
	if (stack_req_enum_filters(a, false, id, &filters, e) < 0)
		return -1;
	*n = filters->NumElements;
	free(filters);
	return 0;
}

int stack_queue_info(const struct stack_vport *v, struct stack_vport_info *out, struct stack_error *e)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p;

	*out = (struct stack_vport_info){
		.id = v->id,
		.is_queue = true,
		.active = true, /* the default queue: it always runs */
		.name = STACK_DEFAULT_NAME,
		.cpu = v->cpu,
		.queue_pairs = 1,
		.moderation = MODERATION,
	};
	if (count_filters(v->adapter, v->id, &out->num_filters, e) < 0)
		return -1;
	if (v->id == NDIS_DEFAULT_RECEIVE_QUEUE_ID)
		return 0;
	if (stack_req_get_queue(v->adapter, v->id, &p, e) < 0)
		return -1;
	out->active = out->num_filters > 0; /* its allocation was completed when it was made */
	out->cpu = stack_affinity_cpu(&p.ProcessorAffinity);
	set_name(out, &p.QueueName);
	return 0;
}

int stack_queue_list(struct stack_adapter *a, struct stack_vport_info **out, size_t *n, struct stack_error *e)
{
	NDIS_RECEIVE_QUEUE_INFO_ARRAY *h = NULL;
	struct stack_vport_info *list;
	ULONG num = 0;

	if (stack_adapter_model(a) != STACK_MODEL_NONE) {
		if (stack_req_enum_queues(a, &h, e) < 0)
			return -1;
		num = h->NumElements;
	}
	list = calloc(num + 1, sizeof *list);
	if (!list || stack_queue_info(stack_vport_by_id(a, NDIS_DEFAULT_RECEIVE_QUEUE_ID), list, e) < 0) {
		free(h);
		free(list);
		return list ? -1 : stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	for (ULONG i = 0; i < num; i++) {
		NDIS_RECEIVE_QUEUE_INFO q;

		memcpy(&q, (const char *)h + h->FirstElementOffset + (size_t)i * h->ElementSize, sizeof q);
		list[i + 1] = (struct stack_vport_info){
			.id = q.QueueId,
			.is_queue = true,
			.active = q.QueueState == NdisReceiveQueueOperationalStateRunning,
			.cpu = stack_affinity_cpu(&q.ProcessorAffinity),
			.queue_pairs = 1,
			.moderation = MODERATION,
			.num_filters = q.NumFilters,
		};
		set_name(&list[i + 1], &q.QueueName);
	}
	free(h);
	*n = num + 1;
	*out = list;
	return 0;
}
