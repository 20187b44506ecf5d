/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VM queues (spec/10 §4.3 to §4.7, spec/30 §1): the seven states, batches, and the way a queue is freed. Queue 0, the
 * default one, is outside all of this: always there, nobody's. Control thread only.
 */
#include "ndis/keeper.h"

#include <stdlib.h>

static const struct ndis_layout queue_layout = {
	"NDIS_RECEIVE_QUEUE_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	3,
	{ NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2,
	  NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3 },
};
static const struct ndis_layout free_layout = {
	"NDIS_RECEIVE_QUEUE_FREE_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1 },
};
static const struct ndis_layout complete_layout = {
	"NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1 },
};
static const struct ndis_layout element_layout = {
	"NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1 },
};

/* ---- the tables ---- */

struct ndis_queue *queue_find(const struct ndis_adapter *a, uint32_t id)
{
	struct ndis_node *n = ndis_map_find(&a->queue_map, id, 0);

	return n ? ndis_container(n, struct ndis_queue, by_id) : NULL;
}

enum ndis_queue_state queue_state(const struct ndis_queue *q)
{
	if (q->freeing)
		return NDIS_QUEUE_FREEING;
	if (q->stop_dma)
		return NDIS_QUEUE_STOP_DMA;
	if (q->completed)
		return q->target.num_filters ? NDIS_QUEUE_RUNNING : NDIS_QUEUE_PAUSED;
	return q->target.num_filters ? NDIS_QUEUE_SET : NDIS_QUEUE_ALLOCATED;
}

void queue_remove(struct ndis_adapter *a, struct ndis_queue *q)
{
	ndis_map_remove(&a->queue_map, &q->by_id);
	ndis_list_remove(&q->link);
	ndis_ids_put(&a->queue_ids, q->p.QueueId);
	a->num_queues--;
	q->owner->queues--;
	free(q);
}

static NDIS_STATUS need_filtering(const struct ndis_call *c)
{
	if (c->a->has_cur_filter)
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: receive filtering is not enabled (%s)", ndis_oid_name(c->oid),
		      c->a->mode_reason);
}

/* VM queues can be now, or the refusal (spec/70 Q40). Requests about one queue do without: they find none. */
static NDIS_STATUS need_queues(const struct ndis_call *c)
{
	const struct ndis_adapter *a = c->a;
	NDIS_STATUS status = need_filtering(c);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!a->cur_filter.NumQueues || ndis_switch_model(a))
		return refuse(c, NDIS_STATUS_FAILURE, "%s: there are no VM queues while the NIC switch is on (%s)",
			      ndis_oid_name(c->oid), a->mode_reason);
	return NDIS_STATUS_SUCCESS;
}

/* The queue for a request on it, or NULL with the refusal said. */
static struct ndis_queue *own_queue(const struct ndis_call *c, uint32_t id)
{
	struct ndis_queue *q = queue_find(c->a, id);

	if (id == NDIS_DEFAULT_RECEIVE_QUEUE_ID)
		(void)refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: QueueId is 0; the default queue is nobody's",
			     ndis_oid_name(c->oid));
	else if (!q)
		(void)refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: there is no queue %u", ndis_oid_name(c->oid), id);
	else if (ndis_foreign(c->d, q->owner))
		(void)refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: queue %u belongs to %s", ndis_oid_name(c->oid), id,
			     q->owner->name);
	else if (q->stop_dma)
		(void)refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: queue %u is being freed", ndis_oid_name(c->oid),
			     id);
	else
		return q;
	return NULL;
}

static NDIS_STATUS check_name(const struct ndis_call *c, const char *member, const NDIS_IF_COUNTED_STRING *s)
{
	if (ndis_string_ok(s))
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: %s.Length is %u; an even number up to 512 is right",
		      queue_layout.name, member, s->Length);
}

/* ---- OID_RECEIVE_FILTER_ALLOCATE_QUEUE ---- */

static NDIS_STATUS check_allocate(struct ndis_op *op, NDIS_RECEIVE_QUEUE_PARAMETERS *p)
{
	const struct ndis_call *c = &op->c;
	const char *name = queue_layout.name;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_queues(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &queue_layout, p, sizeof *p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, queue_layout.size[rev - 1], name);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p->QueueType != NdisReceiveQueueTypeVMQueue)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: QueueType is %d; NdisReceiveQueueTypeVMQueue (1) is right", name, (int)p->QueueType);
	if (p->QueueId != NDIS_DEFAULT_RECEIVE_QUEUE_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: QueueId is %u; 0 is right, NDIS chooses it", name,
			      p->QueueId);
	if (!p->ProcessorAffinity.Mask)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: ProcessorAffinity.Mask is 0; a queue needs a CPU",
			      name);
	if (p->LookaheadSize)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: LookaheadSize is %u; 0 is right", name,
			      p->LookaheadSize);
	if (p->QosSqId)
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED,
			      "%s: QosSqId is %u; this adapter has no hardware QoS, 0 is right", name, p->QosSqId);
	status = check_name(c, "VmName", &p->VmName);
	if (status == NDIS_STATUS_SUCCESS)
		status = check_name(c, "QueueName", &p->QueueName);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p->Flags &= NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
	p->MSIXTableEntry = 0;
	p->QueueGroupId = 0;
	memset(p->ProcessorAffinity.Reserved, 0, sizeof p->ProcessorAffinity.Reserved);
	op->count = rev;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS queue_allocate_prepare(struct ndis_op *op)
{
	struct ndis_adapter *a = op->c.a;
	NDIS_RECEIVE_QUEUE_PARAMETERS p, *down;
	struct ndis_queue *q;
	NDIS_STATUS status = check_allocate(op, &p);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (a->num_queues < a->cur_filter.NumQueues)
		p.QueueId = ndis_ids_take(&a->queue_ids);
	if (!p.QueueId)
		return refuse(&op->c, NDIS_STATUS_RESOURCES, "no queue is left: NumQueues is %u",
			      a->cur_filter.NumQueues);
	q = calloc(1, sizeof *q);
	down = ndis_op_down(op, sizeof *down);
	if (!q || !down) {
		ndis_ids_put(&a->queue_ids, p.QueueId);
		free(q);
		return ndis_op_no_memory(op);
	}
	ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3,
		    NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3);
	*down = p;
	q->p = p;
	op->queue = q;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS queue_allocate_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;
	struct ndis_queue *q = op->queue;
	NDIS_RECEIVE_QUEUE_PARAMETERS out;

	if (status != NDIS_STATUS_SUCCESS) {
		ndis_ids_put(&a->queue_ids, q->p.QueueId);
		free(q);
		return status;
	}
	q->p.MSIXTableEntry = ((const NDIS_RECEIVE_QUEUE_PARAMETERS *)op->buf)->MSIXTableEntry;
	q->owner = op->c.d;
	q->owner->queues++;
	target_init(&q->target, q->p.QueueId);
	ndis_map_insert(&a->queue_map, &q->by_id, q->p.QueueId, 0);
	ndis_list_append(&a->queues, &q->link);
	a->num_queues++;
	out = q->p;
	ndis_header(&out.Header, NDIS_OBJECT_TYPE_DEFAULT, (uint8_t)op->count, queue_layout.size[op->count - 1]);
	ndis_put(&op->c, 0, &out, queue_layout.size[op->count - 1]);
	ndis_set_done(&op->c, queue_layout.size[op->count - 1], queue_layout.size[op->count - 1]);
	return status;
}

/* ---- OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE ---- */

/* What each element of the requester's array comes to. */
struct batch {
	uint32_t first, step, n;
	struct {
		struct ndis_queue *queue; /* handed to the driver, or NULL: status is known */
		NDIS_STATUS status;
	} element[];
};

static NDIS_STATUS check_batch(const struct ndis_call *c, const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *p)
{
	uint64_t end;
	NDIS_STATUS status;

	if (!p->NumElements)
		return ndis_need_out(c, complete_layout.size[0], complete_layout.name);
	if (p->ElementSize < element_layout.size[0])
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: ElementSize is %u; at least %u is right",
			      complete_layout.name, p->ElementSize, element_layout.size[0]);
	if (p->FirstElementOffset < complete_layout.size[0])
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: FirstElementOffset is %u; at least %u is right",
			      complete_layout.name, p->FirstElementOffset, complete_layout.size[0]);
	end = p->FirstElementOffset + (uint64_t)p->NumElements * p->ElementSize;
	if (end > NDIS_REQUEST_MAX_BYTES)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: %u elements of %u bytes at %u are too many",
			      complete_layout.name, p->NumElements, p->ElementSize, p->FirstElementOffset);
	status = ndis_need_in(c, (uint32_t)end, "the elements");
	return status == NDIS_STATUS_SUCCESS ? ndis_need_out(c, (uint32_t)end, "the elements") : status;
}

NDIS_STATUS queue_complete_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY p, *head;
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e;
	struct batch *b;
	NDIS_STATUS status;
	uint32_t good = 0;
	uint8_t rev;
	uint8_t *down;

	status = need_queues(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &complete_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = check_batch(c, &p);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	b = calloc(1, sizeof *b + p.NumElements * sizeof b->element[0]);
	if (!b)
		return ndis_op_no_memory(op);
	op->extra = b;
	b->n = p.NumElements;
	b->first = p.FirstElementOffset;
	b->step = p.ElementSize;
	for (uint32_t i = 0; i < b->n && status == NDIS_STATUS_SUCCESS; i++) {
		struct ndis_queue *q;

		memcpy(&e, c->buf + b->first + (size_t)i * b->step, sizeof e);
		status = ndis_check_element(c, &element_layout, &e.Header, b->step);
		q = queue_find(c->a, e.QueueId);
		if (q && !ndis_foreign(c->d, q->owner) && !q->completed && !q->stop_dma && !q->in_batch) {
			b->element[i].queue = q;
			q->in_batch = true;
			good++;
		} else {
			b->element[i].status = NDIS_STATUS_INVALID_PARAMETER;
		}
	}
	for (uint32_t i = 0; i < b->n; i++)
		if (b->element[i].queue)
			b->element[i].queue->in_batch = false;
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!good) {
		op->skip = true;
		return NDIS_STATUS_SUCCESS;
	}
	down = ndis_op_down(op, 24 + good * (uint32_t)sizeof e);
	if (!down)
		return ndis_op_no_memory(op);
	head = (void *)down;
	ndis_header(&head->Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1,
		    sizeof *head);
	head->FirstElementOffset = 24;
	head->NumElements = good;
	head->ElementSize = sizeof e;
	down += 24;
	for (uint32_t i = 0; i < b->n; i++) {
		if (!b->element[i].queue)
			continue;
		memset(&e, 0, sizeof e);
		ndis_header(&e.Header, NDIS_OBJECT_TYPE_DEFAULT,
			    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1, sizeof e);
		e.QueueId = b->element[i].queue->p.QueueId;
		e.CompletionStatus = NDIS_STATUS_SUCCESS;
		memcpy(down, &e, sizeof e);
		down += sizeof e;
	}
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS queue_complete_done(struct ndis_op *op, NDIS_STATUS status)
{
	const struct ndis_call *c = &op->c;
	struct batch *b = op->extra;
	const uint8_t *down = op->buf ? (const uint8_t *)op->buf + 24 : NULL;

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	for (uint32_t i = 0; i < b->n; i++) {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e;
		struct ndis_queue *q = b->element[i].queue;

		if (q) {
			memcpy(&e, down, sizeof e);
			down += sizeof e;
			b->element[i].status = e.CompletionStatus;
			if (e.CompletionStatus == NDIS_STATUS_PENDING) {
				ndis_fault(c->a, "queue %u: CompletionStatus is NDIS_STATUS_PENDING", q->p.QueueId);
				b->element[i].status = NDIS_STATUS_FAILURE;
			}
			q->completed = b->element[i].status == NDIS_STATUS_SUCCESS;
		}
		ndis_put(c,
			 b->first + i * b->step +
			     (uint32_t)offsetof(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, CompletionStatus),
			 &b->element[i].status, sizeof b->element[i].status);
	}
	ndis_set_done(c, b->n ? b->first + b->n * b->step : complete_layout.size[0],
		      b->n ? b->first + b->n * b->step : complete_layout.size[0]);
	return status;
}

/* ---- OID_RECEIVE_FILTER_FREE_QUEUE ---- */

NDIS_STATUS queue_free_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p, *down;
	struct ndis_queue *q;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_filtering(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &free_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	q = own_queue(c, p.QueueId);
	if (!q)
		return NDIS_STATUS_INVALID_PARAMETER;
	if (q->target.num_filters)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "queue %u has %u filters, which must be cleared first",
			      p.QueueId, q->target.num_filters);
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	down->Flags = 0;
	q->stop_dma = true;
	op->queue = q;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS queue_free_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;
	struct ndis_queue *q = op->queue;

	if (status != NDIS_STATUS_SUCCESS) {
		/* not freed (reset): it lives on as it was */
		q->stop_dma = q->freeing = false;
		return status;
	}
	if (!q->freeing) {
		NDIS_RECEIVE_QUEUE_STATE s = { .QueueId = q->p.QueueId,
					       .QueueState = NdisReceiveQueueOperationalStateDmaStopped };

		ndis_fault(a, "the adapter's driver %s freed queue %u without indicating that DMA has stopped",
			   a->ops->name, q->p.QueueId);
		ndis_header(&s.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_STATE_REVISION_1, sizeof s);
		ndis_broadcast(a, NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, sizeof s);
	}
	queue_remove(a, q);
	ndis_set_done(&op->c, free_layout.size[0], 0);
	return status;
}

/* ---- OID_RECEIVE_FILTER_QUEUE_PARAMETERS ---- */

NDIS_STATUS queue_parameters(const struct ndis_call *c)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p;
	const struct ndis_queue *q;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_filtering(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &queue_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	q = queue_find(c->a, p.QueueId);
	if (!q || q->stop_dma)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: there is no queue %u%s", queue_layout.name,
			      p.QueueId, q ? " any more, it is being freed" : "");
	p = q->p;
	ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, rev, queue_layout.size[rev - 1]);
	return ndis_answer(c, queue_layout.size[rev - 1], &p, queue_layout.size[rev - 1], queue_layout.name);
}

/* Checks every member whose flag is set and puts it into `want`. */
static NDIS_STATUS check_changes(const struct ndis_call *c, const NDIS_RECEIVE_QUEUE_PARAMETERS *p, uint8_t rev,
				 NDIS_RECEIVE_QUEUE_PARAMETERS *want, uint32_t *changed)
{
	const char *name = queue_layout.name;
	uint32_t known = NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED |
			 NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED |
			 NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED |
			 NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;

	/* a flag is as old as its member */
	if (rev >= NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2)
		known |= NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED;
	if (rev >= NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3)
		known |= NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED;
	*changed = p->Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK;
	if (*changed & ~known)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s revision %u: Flags is 0x%08X; the CHANGED flags are 0x%08X", name, rev, p->Flags, known);
	if (*changed & NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED)
		want->Flags = p->Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
	if (*changed & NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED) {
		if (!p->ProcessorAffinity.Mask)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: ProcessorAffinity.Mask is 0; a queue needs a CPU", name);
		want->ProcessorAffinity = p->ProcessorAffinity;
		memset(want->ProcessorAffinity.Reserved, 0, sizeof want->ProcessorAffinity.Reserved);
	}
	if (*changed & NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED)
		want->NumSuggestedReceiveBuffers = p->NumSuggestedReceiveBuffers;
	if (*changed & NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED) {
		if (check_name(c, "QueueName", &p->QueueName) != NDIS_STATUS_SUCCESS)
			return NDIS_STATUS_INVALID_PARAMETER;
		want->QueueName = p->QueueName;
	}
	if (*changed & NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED)
		want->InterruptCoalescingDomainId = p->InterruptCoalescingDomainId;
	if (*changed & NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED && p->QosSqId)
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED,
			      "%s: QosSqId is %u; this adapter has no hardware QoS, 0 is right", name, p->QosSqId);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS queue_set_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_RECEIVE_QUEUE_PARAMETERS p, want, *down;
	NDIS_STATUS status;
	uint32_t changed;
	uint8_t rev;

	status = need_filtering(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &queue_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	op->count = rev;
	op->queue = own_queue(c, p.QueueId);
	if (!op->queue)
		return NDIS_STATUS_INVALID_PARAMETER;
	want = op->queue->p;
	status = check_changes(c, &p, rev, &want, &changed);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!changed) {
		op->skip = true;
		return NDIS_STATUS_SUCCESS;
	}
	down = ndis_op_down(op, sizeof *down);
	op->extra = malloc(sizeof want);
	if (!down || !op->extra)
		return ndis_op_no_memory(op);
	memcpy(op->extra, &want, sizeof want);
	*down = want;
	down->Flags |= changed;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS queue_set_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!op->skip)
		memcpy(&op->queue->p, op->extra, sizeof op->queue->p);
	ndis_set_done(&op->c, queue_layout.size[op->count - 1], 0);
	return status;
}

/* ---- OID_RECEIVE_FILTER_ENUM_QUEUES ---- */

static NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE shown_state(const struct ndis_queue *q)
{
	switch (queue_state(q)) {
	case NDIS_QUEUE_RUNNING:
		return NdisReceiveQueueOperationalStateRunning;
	case NDIS_QUEUE_STOP_DMA:
	case NDIS_QUEUE_FREEING:
		return NdisReceiveQueueOperationalStateDmaStopped;
	case NDIS_QUEUE_ALLOCATED: /* these two have no value of their own (spec/70 Q1) */
	case NDIS_QUEUE_SET:
	case NDIS_QUEUE_PAUSED:
		break;
	}
	return NdisReceiveQueueOperationalStatePaused;
}

NDIS_STATUS queue_enum(const struct ndis_call *c)
{
	const struct ndis_adapter *a = c->a;
	NDIS_RECEIVE_QUEUE_INFO_ARRAY head = { 0 };
	NDIS_STATUS status;
	bool all = c->type == NdisRequestQueryStatistics || c->d->is_ndis;
	uint32_t at, total;

	status = need_filtering(c);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_header(&head.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1, sizeof head);
	head.NumElements = all ? a->num_queues : c->d->queues;
	head.ElementSize = sizeof(NDIS_RECEIVE_QUEUE_INFO);
	status = ndis_array_room(c, sizeof head, head.NumElements, head.ElementSize, &head.FirstElementOffset, &total,
				 "NDIS_RECEIVE_QUEUE_INFO_ARRAY");
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_put(c, 0, &head, sizeof head);
	at = head.FirstElementOffset;
	ndis_list_each (l, &a->queues) {
		const struct ndis_queue *q = ndis_container(l, struct ndis_queue, link);
		NDIS_RECEIVE_QUEUE_INFO info;

		if (!all && q->owner != c->d)
			continue;
		memset(&info, 0, sizeof info);
		ndis_header(&info.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_INFO_REVISION_2,
			    NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_2);
		info.QueueType = q->p.QueueType;
		info.QueueId = q->p.QueueId;
		info.QueueState = shown_state(q);
		info.ProcessorAffinity = q->p.ProcessorAffinity;
		info.NumSuggestedReceiveBuffers = q->p.NumSuggestedReceiveBuffers;
		info.MSIXTableEntry = q->p.MSIXTableEntry;
		info.VmName = q->p.VmName;
		info.QueueName = q->p.QueueName;
		info.NumFilters = q->target.num_filters;
		info.InterruptCoalescingDomainId = q->p.InterruptCoalescingDomainId;
		ndis_put(c, at, &info, sizeof info);
		at += (uint32_t)sizeof info;
	}
	ndis_set_done(c, 0, total);
	return NDIS_STATUS_SUCCESS;
}
