/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software adapter's driver: VM queues. Queue n is VPort n of the nic, with one queue pair; it moves frames from
 * QUEUE_ALLOCATION_COMPLETE on. Control thread only.
 */
#include "miniport/softnic/softnic_priv.h"

#include <string.h>

NDIS_STATUS softnic_allocate_queue(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS *p = softnic_buffer(req);
	struct nic_vport_config cfg = { .id = p->QueueId, .queue_pairs = 1, .moderation = NIC_MODERATION_ADAPTIVE };
	NDIS_STATUS status = softnic_cpu(s, &p->ProcessorAffinity, &cfg.cpu, err);

	if (status == NDIS_STATUS_SUCCESS)
		status = softnic_vport(s, &cfg, err);
	p->MSIXTableEntry = p->QueueId; /* each queue has a notification of its own */
	return status;
}

NDIS_STATUS softnic_complete_queues(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	uint8_t *buf = softnic_buffer(req);
	const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *a = softnic_buffer(req);

	(void)err;
	for (uint32_t i = 0; i < a->NumElements; i++) {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *e =
		    (void *)(buf + a->FirstElementOffset + i * a->ElementSize);

		e->CompletionStatus = softnic_status(nic_vport_set_active(s->nic, e->QueueId, true));
	}
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_set_queue(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_RECEIVE_QUEUE_PARAMETERS *p = softnic_buffer(req);
	NDIS_STATUS status;
	unsigned cpu;

	if (!(p->Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED))
		return NDIS_STATUS_SUCCESS;
	status = softnic_cpu(s, &p->ProcessorAffinity, &cpu, err);
	return status == NDIS_STATUS_SUCCESS ? softnic_status(nic_vport_set_cpu(s->nic, p->QueueId, cpu, err)) : status;
}

/* Deleting the VPort ends with every frame given back, so that the indication and the completion follow each other. */
NDIS_STATUS softnic_free_queue(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_RECEIVE_QUEUE_FREE_PARAMETERS *p = softnic_buffer(req);
	NDIS_RECEIVE_QUEUE_STATE state = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_STATE_REVISION_1, sizeof state },
		.QueueId = p->QueueId,
		.QueueState = NdisReceiveQueueOperationalStateDmaStopped,
	};

	if (softnic_vport_gone(s, p->QueueId, err) != NDIS_STATUS_SUCCESS)
		return NDIS_STATUS_NOT_ACCEPTED;
	s->up->indicate(s->adapter, NDIS_STATUS_RECEIVE_QUEUE_STATE, &state, sizeof state);
	return NDIS_STATUS_SUCCESS;
}
