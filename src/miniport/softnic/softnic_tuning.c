/* SPDX-License-Identifier: BSD-3-Clause */
/* The software adapter's driver: OID_VMQ_VPORT_TUNING, rate limits and moderation by numbers. Control thread only. */
#include "miniport/softnic/softnic_priv.h"

#include <string.h>

#include <vmq/ndis_vmq.h>

NDIS_STATUS softnic_vport_tuning(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const uint32_t size = VMQ_SIZEOF_VPORT_TUNING_REVISION_1;
	struct nic_vport_tuning t = { 0 };
	VMQ_VPORT_TUNING p;
	NDIS_STATUS status = softnic_vendor_read(req, &p, size, "VMQ_VPORT_TUNING", err);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.VPortId >= NIC_MAX_VPORTS || nic_vport_tuning(s->nic, p.VPortId, &t))
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
					    "VMQ_VPORT_TUNING: there is no VPort %u", p.VPortId);
	if (req->RequestType == NdisRequestMethod) {
#define X(rate, burst_member, ours)      \
	p.rate = t.ours.per_s;           \
	p.burst_member = t.ours.burst;
		VMQ_VPORT_TUNING_RATES(X)
#undef X
		p.ModerationMicroseconds = t.moderation_us;
		p.ModerationFrames = t.moderation_frames;
		memcpy(softnic_buffer(req), &p, size);
		req->DATA.METHOD_INFORMATION.BytesRead = req->DATA.METHOD_INFORMATION.BytesWritten = size;
		return NDIS_STATUS_SUCCESS;
	}
#define X(rate, burst_member, ours) t.ours = (struct nic_rate){ p.rate, p.burst_member };
	VMQ_VPORT_TUNING_RATES(X)
#undef X
	t.moderation_us = p.ModerationMicroseconds;
	t.moderation_frames = p.ModerationFrames;
	status = softnic_status(nic_vport_set_tuning(s->nic, p.VPortId, &t, err));
	if (status == NDIS_STATUS_SUCCESS)
		req->DATA.SET_INFORMATION.BytesRead = size;
	return status;
}
