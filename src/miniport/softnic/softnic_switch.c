/* SPDX-License-Identifier: BSD-3-Clause */
/* The software adapter's driver: the switch, VPorts and their policies. Control thread only. */
#include "miniport/softnic/softnic_priv.h"

#include <string.h>

#include <vmq/ndis_vmq.h>

NDIS_STATUS softnic_create_switch(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_NIC_SWITCH_PARAMETERS *p = softnic_buffer(req);
	NDIS_STATUS status;

	if (s->mode != MINIPORT_MODE_SRIOV)
		return NDIS_STATUS_SUCCESS; /* VPort 0 is there since initialize */
	status = s->up->enable_virtualization(s->adapter, (USHORT)p->NumVFs, 0, 0, 1);
	if (status != NDIS_STATUS_SUCCESS)
		return (NDIS_STATUS)vmq_err(err, status, "virtualization with %u VFs: %s", p->NumVFs,
					    ndis_status_name(status));
	status = softnic_vport(s,
			       &(struct nic_vport_config){ .id = NDIS_DEFAULT_VPORT_ID,
							   .cpu = s->cfg.default_cpu,
							   .queue_pairs = p->NumQueuePairsForDefaultVPort,
							   .moderation = NIC_MODERATION_ADAPTIVE,
							   .active = true },
			       err);
	if (status != NDIS_STATUS_SUCCESS)
		(void)s->up->enable_virtualization(s->adapter, 0, 0, 0, 0);
	return status;
}

NDIS_STATUS softnic_delete_switch(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	(void)req;
	if (s->mode != MINIPORT_MODE_SRIOV) /* it goes on as the default queue, which has no moderation of its own */
		return softnic_status(nic_vport_set_moderation(s->nic, NDIS_DEFAULT_VPORT_ID, NIC_MODERATION_ADAPTIVE));
	if (softnic_vport_gone(s, NDIS_DEFAULT_VPORT_ID, err) != NDIS_STATUS_SUCCESS)
		return NDIS_STATUS_NOT_ACCEPTED;
	return s->up->enable_virtualization(s->adapter, 0, 0, 0, 0);
}

NDIS_STATUS softnic_create_vport(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_NIC_SWITCH_VPORT_PARAMETERS *p = softnic_buffer(req);
	struct nic_vport_config cfg = {
		.id = p->VPortId,
		.cpu = s->cfg.default_cpu,
		.queue_pairs = p->NumQueuePairs,
		.moderation = (enum nic_moderation)p->InterruptModeration,
		.active = p->VPortState == NdisNicSwitchVPortStateActivated,
	};
	NDIS_STATUS status;

	if (p->AttachedFunctionId != NDIS_PF_FUNCTION_ID)
		return softnic_vf_attach(s, p->AttachedFunctionId, &cfg, err);
	status = softnic_cpu(s, &p->ProcessorAffinity, &cfg.cpu, err);
	return status == NDIS_STATUS_SUCCESS ? softnic_vport(s, &cfg, err) : status;
}

/* More queue pairs are there for the VM when it connects next; fewer only while it is not connected. */
static NDIS_STATUS set_queue_pairs(struct softnic *s, uint32_t vport, unsigned n, struct vmq_err *err)
{
	int rc = 0;

	if (s->cfg.ops)
		rc = s->cfg.ops->queue_pairs(s->cfg.ctx, vport, n, err);
	if (rc == 0)
		rc = nic_vport_set_queue_pairs(s->nic, vport, n, err);
	return softnic_status(rc);
}

NDIS_STATUS softnic_set_vport(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_NIC_SWITCH_VPORT_PARAMETERS *p = softnic_buffer(req);
	bool affinity = p->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED;
	NDIS_STATUS status = NDIS_STATUS_SUCCESS;
	unsigned cpu = 0;

	/* what can fail comes first; the rest is refused only for a VPort that is not there, which the keeper excludes */
	if (affinity)
		status = softnic_cpu(s, &p->ProcessorAffinity, &cpu, err);
	if (status == NDIS_STATUS_SUCCESS && p->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED)
		status = set_queue_pairs(s, p->VPortId, p->NumQueuePairs, err);
	if (status == NDIS_STATUS_SUCCESS && affinity)
		status = softnic_status(nic_vport_set_cpu(s->nic, p->VPortId, cpu, err));
	if (status == NDIS_STATUS_SUCCESS && p->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED)
		status = softnic_status(
		    nic_vport_set_moderation(s->nic, p->VPortId, (enum nic_moderation)p->InterruptModeration));
	if (status == NDIS_STATUS_SUCCESS && p->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED)
		status = softnic_status(nic_vport_set_active(s->nic, p->VPortId, true));
	return status;
}

NDIS_STATUS softnic_delete_vport(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS *p = softnic_buffer(req);

	return s->vf_of[p->VPortId] ? softnic_vf_detach(s, p->VPortId, err) : softnic_vport_gone(s, p->VPortId, err);
}

/* ---- OID_GEN_RECEIVE_SCALE_PARAMETERS: the keeper hands down all parameters as they shall be ---- */

NDIS_STATUS softnic_vport_rss(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const uint8_t *buf = softnic_buffer(req);
	const NDIS_RECEIVE_SCALE_PARAMETERS *p = softnic_buffer(req);
	const PROCESSOR_NUMBER *table = (const void *)(buf + p->IndirectionTableOffset);
	struct nic_rss_config cfg = {
		.types = p->HashInformation & NDIS_HASH_TYPE_MASK,
		.entries = p->IndirectionTableSize / (unsigned)sizeof *table,
		.default_cpu = (uint16_t)(p->DefaultProcessorNumber.Group * 64 + p->DefaultProcessorNumber.Number),
	};

	if (p->Flags & NDIS_RSS_PARAM_FLAG_DISABLE_RSS) {
		GROUP_AFFINITY cpu = { .Mask = 1ull << (p->DefaultProcessorNumber.Number & 63),
				       .Group = p->DefaultProcessorNumber.Group };
		NDIS_STATUS status;
		unsigned n;

		status = softnic_cpu(s, &cpu, &n, err);
		if (status == NDIS_STATUS_SUCCESS)
			status = softnic_status(nic_vport_set_rss(s->nic, req->VPortId, NULL, err));
		return status == NDIS_STATUS_SUCCESS ? softnic_status(nic_vport_set_cpu(s->nic, req->VPortId, n, err))
						     : status;
	}
	memcpy(cfg.key, buf + p->HashSecretKeyOffset, sizeof cfg.key);
	for (unsigned i = 0; i < cfg.entries; i++)
		cfg.cpu[i] = (uint16_t)(table[i].Group * 64 + table[i].Number);
	return softnic_status(nic_vport_set_rss(s->nic, req->VPortId, &cfg, err));
}

/* ---- requests of our own: the keeper has bounded the lengths and nothing more ---- */

NDIS_STATUS softnic_vendor_read(NDIS_OID_REQUEST *req, void *out, uint32_t size, const char *name, struct vmq_err *err)
{
	bool method = req->RequestType == NdisRequestMethod;
	uint32_t len =
	    method ? req->DATA.METHOD_INFORMATION.InputBufferLength : req->DATA.SET_INFORMATION.InformationBufferLength;
	NDIS_OBJECT_HEADER h;

	if (!method && req->RequestType != NdisRequestSetInformation)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_NOT_SUPPORTED, "%s belongs to a set or method request", name);
	if (len < size || (method && req->DATA.METHOD_INFORMATION.OutputBufferLength < size)) {
		if (method)
			req->DATA.METHOD_INFORMATION.BytesNeeded = size;
		else
			req->DATA.SET_INFORMATION.BytesNeeded = size;
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_LENGTH, "%s: %u bytes are needed", name, size);
	}
	memcpy(out, softnic_buffer(req), size);
	memcpy(&h, out, sizeof h);
	if (h.Type == NDIS_OBJECT_TYPE_DEFAULT && h.Revision && h.Size >= size)
		return NDIS_STATUS_SUCCESS;
	return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
				    "%s: Header is type 0x%02X, revision %u, size %u; 0x80, 1 and %u are right", name,
				    h.Type, h.Revision, h.Size, size);
}

NDIS_STATUS softnic_vport_policy(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const uint32_t size = VMQ_SIZEOF_VPORT_POLICY_REVISION_1;
	bool method = req->RequestType == NdisRequestMethod;
	struct nic_vport_policy policy;
	VMQ_VPORT_POLICY p = { .VPortId = 0 };
	NDIS_STATUS status = softnic_vendor_read(req, &p, size, "VMQ_VPORT_POLICY", err);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.VPortId >= NIC_MAX_VPORTS)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
					    "VMQ_VPORT_POLICY: there is no VPort %u", p.VPortId);
	if (method) {
		struct nic_vport_counters there;

		if (nic_vport_counters(s->nic, p.VPortId, &there))
			return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
						    "VMQ_VPORT_POLICY: there is no VPort %u", p.VPortId);
		p.Policies = s->policies[p.VPortId];
		memcpy(softnic_buffer(req), &p, sizeof p);
		req->DATA.METHOD_INFORMATION.BytesRead = req->DATA.METHOD_INFORMATION.BytesWritten = size;
		return NDIS_STATUS_SUCCESS;
	}
	if (p.Policies & ~(ULONG)VMQ_VPORT_POLICY_MASK)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
					    "VMQ_VPORT_POLICY: Policies is 0x%X; bits of 0x%X are right", p.Policies,
					    VMQ_VPORT_POLICY_MASK);
	policy = (struct nic_vport_policy){
		.source_check = p.Policies & VMQ_VPORT_POLICY_SOURCE_CHECK,
		.vlan_check = p.Policies & VMQ_VPORT_POLICY_VLAN_CHECK,
		.all_multicast = p.Policies & VMQ_VPORT_POLICY_ALL_MULTICAST,
		.trunk = p.Policies & VMQ_VPORT_POLICY_TRUNK,
	};
	if (nic_vport_set_policy(s->nic, p.VPortId, &policy))
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
					    "VMQ_VPORT_POLICY: there is no VPort %u", p.VPortId);
	s->policies[p.VPortId] = (uint8_t)p.Policies;
	req->DATA.SET_INFORMATION.BytesRead = size;
	return NDIS_STATUS_SUCCESS;
}
