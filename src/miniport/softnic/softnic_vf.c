/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software adapter's driver: virtual functions. A VF is an identity (VFId, requester id), a PCI configuration
 * space, configuration blocks and a power state; its frames move on the VPort that is created on it. The keeper has
 * checked that the VF is allocated. Control thread only.
 */
#include "miniport/softnic/softnic_priv.h"

#include <stdlib.h>
#include <string.h>

#define PCI_COMMAND    0x04u   /* 2 bytes, writable */
#define PCI_CACHE_LINE 0x0Cu   /* writable */
#define PCI_INTERRUPT  0x3Cu   /* writable */
#define RID_SEGMENT    0xFFF0u /* no host has a PCI segment of this number */
#define BAR_0_SIZE     0x4000u
#define CM_TYPE_MEMORY 3u

static void clean_space(struct softnic_vf *vf)
{
	uint8_t *s = vf->space;

	memset(s, 0, sizeof vf->space);
	s[0] = SOFTNIC_VENDOR_ID & 0xFF;
	s[1] = SOFTNIC_VENDOR_ID >> 8;
	s[2] = SOFTNIC_DEVICE_ID & 0xFF;
	s[3] = SOFTNIC_DEVICE_ID >> 8;
	s[8] = 1;			/* revision: a virtio 1 device */
	s[11] = 2;			/* class: network, Ethernet */
	s[0x2C] = s[0], s[0x2D] = s[1]; /* subsystem */
	s[0x2E] = 0x40;
}

NDIS_STATUS softnic_allocate_vf(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS *p = softnic_buffer(req);
	struct softnic_vf *vf;
	uint32_t id = 0;

	while (id < s->cfg.limits.vfs && s->vf[id])
		id++;
	if (id == s->cfg.limits.vfs)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_RESOURCES, "no VF is left of %u", s->cfg.limits.vfs);
	vf = calloc(1, sizeof *vf);
	if (!vf)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_RESOURCES, "out of memory");
	vf->rid = NDIS_MAKE_RID(RID_SEGMENT, id >> 8, id & 0xFF);
	vf->power = NdisDeviceStateD0;
	clean_space(vf);
	memcpy(vf->block[0], p->CurrentMacAddress, 6); /* block 0 begins with the address the guest shall have */
	s->vf[id] = vf;
	p->VFId = (NDIS_SRIOV_FUNCTION_ID)id;
	p->RequestorId = vf->rid;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_free_vf(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *p = softnic_buffer(req);

	(void)err;
	free(s->vf[p->VFId]);
	s->vf[p->VFId] = NULL;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_config_space(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	uint8_t *buf = softnic_buffer(req);
	const NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *p = softnic_buffer(req);
	struct softnic_vf *vf = s->vf[p->VFId];

	(void)err;
	for (uint32_t i = 0; i < p->Length; i++) {
		uint32_t at = p->Offset + i;
		bool writable =
		    at == PCI_COMMAND || at == PCI_COMMAND + 1 || at == PCI_CACHE_LINE || at == PCI_INTERRUPT;

		if (req->RequestType == NdisRequestMethod)
			buf[p->BufferOffset + i] = at < sizeof vf->space ? vf->space[at] : 0;
		else if (writable)
			vf->space[at] = buf[p->BufferOffset + i];
	}
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_config_block(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	uint8_t *buf = softnic_buffer(req);
	const NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS *p = softnic_buffer(req);
	struct softnic_vf *vf = s->vf[p->VFId];

	if (p->BlockId >= SOFTNIC_BLOCKS || p->Length > SOFTNIC_BLOCK_SIZE)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
					    "BlockId is %u and Length %u; blocks 0 to %u have %u bytes each",
					    p->BlockId, p->Length, SOFTNIC_BLOCKS - 1, SOFTNIC_BLOCK_SIZE);
	if (req->RequestType == NdisRequestMethod) {
		memcpy(buf + p->BufferOffset, vf->block[p->BlockId], p->Length);
		return NDIS_STATUS_SUCCESS;
	}
	memcpy(vf->block[p->BlockId], buf + p->BufferOffset, p->Length);
	return s->up->invalidate_config_block(s->adapter, p->VFId, 1ull << p->BlockId);
}

NDIS_STATUS softnic_reset_vf(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_SRIOV_RESET_VF_PARAMETERS *p = softnic_buffer(req);

	(void)err;
	clean_space(s->vf[p->VFId]);
	return NDIS_STATUS_SUCCESS;
}

/* A VF that sleeps moves no frames. */
NDIS_STATUS softnic_vf_power(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *p = softnic_buffer(req);
	struct softnic_vf *vf = s->vf[p->VFId];
	int rc = 0;

	if (vf->vport)
		rc = nic_vport_set_active(s->nic, vf->vport, p->PowerState == NdisDeviceStateD0);
	if (rc)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_FAILURE, "VPort %u: %s", vf->vport, strerror(-rc));
	vf->power = p->PowerState;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_vf_ids(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO *p = softnic_buffer(req);

	(void)s;
	(void)err;
	p->VendorId = SOFTNIC_VENDOR_ID;
	p->DeviceId = SOFTNIC_DEVICE_ID;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_probed_bars(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	uint8_t *buf = req->DATA.QUERY_INFORMATION.InformationBuffer;
	const NDIS_SRIOV_PROBED_BARS_INFO *p = req->DATA.QUERY_INFORMATION.InformationBuffer;
	ULONG bars[PCI_TYPE0_ADDRESSES] = { ~(BAR_0_SIZE - 1) }; /* what a size probe of a 32-bit memory BAR reads */

	(void)s;
	(void)err;
	memcpy(buf + p->BaseRegisterValuesOffset, bars, sizeof bars);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_bar_resources(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	uint8_t *buf = softnic_buffer(req);
	const NDIS_SRIOV_BAR_RESOURCES_INFO *p = softnic_buffer(req);
	uint8_t *d = buf + p->BarResourcesOffset; /* Type, ShareDisposition, Flags (2), Start (8), Length (4), packed */
	const ULONG64 start = (ULONG64)p->VFId * BAR_0_SIZE;
	const ULONG length = BAR_0_SIZE;

	(void)s;
	if (p->BarIndex != 0)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER, "BarIndex is %u; a VF has BAR 0 only",
					    p->BarIndex);
	memset(d, 0, 20);
	d[0] = CM_TYPE_MEMORY;
	d[1] = 1; /* exclusive to the device */
	memcpy(d + 4, &start, sizeof start);
	memcpy(d + 12, &length, sizeof length);
	return NDIS_STATUS_SUCCESS;
}
