/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the adapter's driver sends up without being asked (spec/10 §8): status indications are checked, change what the
 * keeper knows, and go to every driver that listens; invalidated configuration blocks are collected for each VF.
 * Control thread only.
 */
#include "ndis/keeper.h"

void ndis_broadcast(struct ndis_adapter *a, NDIS_STATUS code, const void *buf, uint32_t len)
{
	ndis_list_each_safe (l, &a->drivers) {
		struct ndis_driver *d = ndis_container(l, struct ndis_driver, link);

		if (d->cfg.indicate)
			d->cfg.indicate(d->cfg.ctx, code, buf, len);
	}
}

static bool header_is(const void *buf, uint32_t len, uint8_t least_revision, size_t size)
{
	NDIS_OBJECT_HEADER h;

	if (len < size)
		return false;
	memcpy(&h, buf, sizeof h);
	return h.Type == NDIS_OBJECT_TYPE_DEFAULT && h.Revision >= least_revision && h.Size >= size && h.Size <= len;
}

static bool queue_state_ok(struct ndis_adapter *a, const void *buf, uint32_t len)
{
	NDIS_RECEIVE_QUEUE_STATE s;
	struct ndis_queue *q;

	if (!header_is(buf, len, 1, sizeof s))
		return false;
	memcpy(&s, buf, sizeof s);
	q = queue_find(a, s.QueueId);
	if (!q || s.QueueState <= NdisReceiveQueueOperationalStateUndefined ||
	    s.QueueState >= NdisReceiveQueueOperationalStateMaximum)
		return false;
	if (s.QueueState != NdisReceiveQueueOperationalStateDmaStopped)
		return true;
	/* DMA stops once, and only because the queue is being freed */
	if (!q->stop_dma || q->freeing)
		return false;
	q->freeing = true;
	return true;
}

static bool queue_parameters_ok(struct ndis_adapter *a, const void *buf, uint32_t len)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p;
	struct ndis_queue *q;

	if (!header_is(buf, len, 2, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2))
		return false;
	memcpy(&p, buf, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2);
	q = queue_find(a, p.QueueId);
	/* since 6.30 only this member may be reported */
	if (!q || (p.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK) !=
		      NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED)
		return false;
	q->p.InterruptCoalescingDomainId = p.InterruptCoalescingDomainId;
	return true;
}

static bool filter_caps_ok(struct ndis_adapter *a, const void *buf, uint32_t len, bool current)
{
	NDIS_RECEIVE_FILTER_CAPABILITIES c;

	if (!header_is(buf, len, 2, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2) ||
	    !(current ? a->has_cur_filter : a->has_hw_filter))
		return false;
	memcpy(&c, buf, sizeof c);
	/* limits below what exists, or of identifiers, would make objects that are there impossible */
	if (!ndis_filter_caps_ok(a, &c, current, NULL) ||
	    (current && (c.NumQueues > a->queue_ids.max || c.NumQueues < a->num_queues ||
			 c.MaxMacHeaderFilters > a->filter_ids.max || c.MaxMacHeaderFilters < a->num_filters)))
		return false;
	if (current)
		a->cur_filter = c;
	else
		a->hw_filter = c;
	return true;
}

static bool switch_caps_ok(struct ndis_adapter *a, const void *buf, uint32_t len, bool current)
{
	NDIS_NIC_SWITCH_CAPABILITIES c = { 0 };

	if (!header_is(buf, len, 2, NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2) ||
	    !(current ? a->has_cur_switch : a->has_hw_switch))
		return false;
	memcpy(&c, buf, len < sizeof c ? len : sizeof c);
	if (c.Header.Revision >= 3 && len < NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3)
		return false;
	if (!ndis_switch_caps_ok(&c, NULL) ||
	    (current && (c.MaxNumVPorts > a->vport_ids.max + 1 || c.MaxNumVPorts < a->num_vports ||
			 c.MaxNumVFs < a->switch_p.NumVFs || c.MaxNumQueuePairs < a->num_queue_pairs ||
			 c.MaxNumMacAddresses < a->num_unicast)))
		return false;
	if (current)
		a->cur_switch = c;
	else
		a->hw_switch = c;
	return true;
}

void ndis_up_indicate(struct ndis_adapter *a, NDIS_STATUS code, const void *buf, uint32_t len)
{
	bool ok;

	switch ((uint32_t)code) {
	case (uint32_t)NDIS_STATUS_RECEIVE_QUEUE_STATE:
		ok = queue_state_ok(a, buf, len);
		break;
	case (uint32_t)NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS:
		ok = queue_parameters_ok(a, buf, len);
		break;
	case (uint32_t)NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES:
	case (uint32_t)NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES:
		ok = filter_caps_ok(a, buf, len, code == NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES);
		break;
	case (uint32_t)NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES:
	case (uint32_t)NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES:
		ok = switch_caps_ok(a, buf, len, code == NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES);
		break;
	default: /* VF_CONFIG_STATE, QUEUE_STATE_CHANGE: the sources define no buffer */
		ok = false;
		break;
	}
	if (ok)
		ndis_broadcast(a, code, buf, len);
	else
		ndis_fault(
		    a,
		    "the adapter's driver %s made the indication %s (0x%08X) with a buffer of %u bytes that is not "
		    "right",
		    a->ops->name, ndis_status_name(code), (unsigned)code, len);
}

NDIS_STATUS ndis_up_invalidate(struct ndis_adapter *a, NDIS_SRIOV_FUNCTION_ID vf_id, ULONG64 mask)
{
	struct ndis_vf *vf = vf_find(a, vf_id);

	if (!vf)
		return NDIS_STATUS_INVALID_PARAMETER;
	vf->invalidated |= mask;
	ndis_list_each_safe (l, &a->drivers) {
		struct ndis_driver *d = ndis_container(l, struct ndis_driver, link);

		if (d->cfg.invalidated)
			d->cfg.invalidated(d->cfg.ctx, vf_id, vf->invalidated);
	}
	return NDIS_STATUS_SUCCESS;
}

ULONG64 ndis_vf_take_invalidated(struct ndis_adapter *a, NDIS_SRIOV_FUNCTION_ID vf_id)
{
	struct ndis_vf *vf = vf_find(a, vf_id);
	ULONG64 mask = vf ? vf->invalidated : 0;

	if (vf)
		vf->invalidated = 0;
	return mask;
}

NDIS_STATUS ndis_up_virtualization(struct ndis_adapter *a, USHORT num_vfs, BOOLEAN vf_migration,
				   BOOLEAN migration_interrupt, BOOLEAN enable)
{
	if (!(a->has_cur_sriov && (a->cur_sriov.SriovCapabilities & NDIS_SRIOV_CAPS_PF_MINIPORT)))
		return NDIS_STATUS_NOT_SUPPORTED;
	if (vf_migration || migration_interrupt || (!enable && num_vfs) ||
	    (enable && num_vfs > a->cur_switch.MaxNumVFs))
		return NDIS_STATUS_INVALID_PARAMETER;
	if (enable && a->virtualization)
		return NDIS_STATUS_FAILURE;
	a->virtualization = enable;
	return NDIS_STATUS_SUCCESS;
}
