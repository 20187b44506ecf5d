/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software adapter's driver: virtual functions. A VF is an identity (VFId, requester id), a PCI configuration
 * space, configuration blocks and a power state; its frames move on the VPort that is created on it, whose rings come
 * from whoever serves the VF's socket (struct softnic_ops). The keeper has checked that the VF is allocated. Control
 * thread only.
 */
#include "miniport/softnic/softnic_priv.h"

#include <stdlib.h>
#include <string.h>

#include <vmq/ndis_vmq.h>

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

/* ---- the VPort on a VF ---- */

static void default_cpus(const struct softnic *s, struct softnic_vf *vf, unsigned id, unsigned queue_pairs)
{
	uint16_t cpus[NIC_MAX_WORKERS];
	unsigned n = nic_engine_cpus(s->engine, cpus);

	vf->ncpus = queue_pairs < n ? queue_pairs : n;
	for (unsigned i = 0; i < vf->ncpus; i++)
		vf->cpu[i] = cpus[(id + i) % n];
}

/* A VF spreads what it receives by itself: the contract's RSS parameters are for VPorts on the PF. The key is the
 * customary one of the field, so that hashes can be compared. */
static int spread(struct softnic *s, uint32_t vport, unsigned pairs, const uint16_t *cpu, unsigned n,
		  struct vmq_err *err)
{
	struct nic_rss_config cfg = {
		.types = NIC_RSS_IPV4 | NIC_RSS_TCP_IPV4 | NIC_RSS_UDP_IPV4 | NIC_RSS_IPV6 | NIC_RSS_TCP_IPV6 |
			 NIC_RSS_UDP_IPV6,
		.key = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
			 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
			 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa },
		.entries = NIC_RSS_MAX_ENTRIES,
		.default_cpu = cpu[0],
	};
	int rc;

	for (unsigned i = 0; i < cfg.entries; i++)
		cfg.cpu[i] = cpu[i % n];
	rc = nic_vport_set_rss(s->nic, vport, pairs > 1 ? &cfg : NULL, err);
	return rc ? rc : nic_vport_set_cpu(s->nic, vport, cpu[0], err);
}

NDIS_STATUS softnic_vf_attach(struct softnic *s, unsigned id, struct nic_vport_config *cfg, struct vmq_err *err)
{
	struct softnic_vf *vf = s->vf[id];
	NDIS_STATUS status;
	int rc;

	default_cpus(s, vf, id, cfg->queue_pairs);
	cfg->cpu = vf->cpu[0];
	status = softnic_vport(s, cfg, err);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	s->vf_of[cfg->id] = (uint16_t)(id + 1);
	vf->vport = cfg->id;
	vf->queue_pairs = cfg->queue_pairs;
	rc = spread(s, cfg->id, vf->queue_pairs, vf->cpu, vf->ncpus, err);
	if (rc == 0 && s->cfg.ops)
		rc = s->cfg.ops->vf_attached(s->cfg.ctx, id, cfg->id, err);
	if (rc) {
		(void)softnic_vport_gone(s, cfg->id, NULL);
		s->vf_of[cfg->id] = 0;
		vf->vport = 0;
	}
	return rc ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_vf_detach(struct softnic *s, uint32_t vport, struct vmq_err *err)
{
	unsigned id = s->vf_of[vport] - 1u;
	NDIS_STATUS status;

	if (s->cfg.ops)
		s->cfg.ops->vf_detached(s->cfg.ctx, id, vport);
	status = softnic_vport_gone(s, vport, err);
	if (status == NDIS_STATUS_SUCCESS) {
		s->vf[id]->vport = 0;
		s->vf_of[vport] = 0;
	}
	return status;
}

static NDIS_STATUS check_cpus(const struct softnic *s, const struct softnic_vf *vf, const VMQ_VF_CPUS *p,
			      struct vmq_err *err)
{
	if (p->NumCpus == 0 || p->NumCpus > vf->queue_pairs)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
					    "VMQ_VF_CPUS: NumCpus is %u; 1 to %u, the VPort's queue pairs, is right",
					    p->NumCpus, vf->queue_pairs);
	for (unsigned i = 0; i < p->NumCpus; i++) {
		if (!nic_engine_has_cpu(s->engine, p->Cpu[i]))
			return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
						    "VMQ_VF_CPUS: CPU %u has no worker", p->Cpu[i]);
		for (unsigned k = 0; k < i; k++)
			if (p->Cpu[k] == p->Cpu[i])
				return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
							    "VMQ_VF_CPUS: CPU %u is named twice", p->Cpu[i]);
	}
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_vf_cpus(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const uint32_t size = VMQ_SIZEOF_VF_CPUS_REVISION_1;
	struct softnic_vf *vf;
	VMQ_VF_CPUS p = { 0 };
	NDIS_STATUS status = softnic_vendor_read(req, &p, size, "VMQ_VF_CPUS", err);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.VPortId >= NIC_MAX_VPORTS || !s->vf_of[p.VPortId])
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
					    "VMQ_VF_CPUS: VPort %u is not on a VF", p.VPortId);
	vf = s->vf[s->vf_of[p.VPortId] - 1];
	if (req->RequestType == NdisRequestMethod) {
		p.NumCpus = vf->ncpus;
		memset(p.Cpu, 0, sizeof p.Cpu);
		memcpy(p.Cpu, vf->cpu, vf->ncpus * sizeof p.Cpu[0]);
		memcpy(softnic_buffer(req), &p, size);
		req->DATA.METHOD_INFORMATION.BytesRead = req->DATA.METHOD_INFORMATION.BytesWritten = size;
		return NDIS_STATUS_SUCCESS;
	}
	status = check_cpus(s, vf, &p, err);
	if (status == NDIS_STATUS_SUCCESS)
		status = softnic_status(spread(s, p.VPortId, vf->queue_pairs, p.Cpu, p.NumCpus, err));
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	vf->ncpus = p.NumCpus;
	memcpy(vf->cpu, p.Cpu, p.NumCpus * sizeof p.Cpu[0]);
	req->DATA.SET_INFORMATION.BytesRead = size;
	return NDIS_STATUS_SUCCESS;
}

bool softnic_vport_asleep(const struct softnic *s, uint32_t vport)
{
	return vport < NIC_MAX_VPORTS && s->vf_of[vport] && s->vf[s->vf_of[vport] - 1]->power != NdisDeviceStateD0;
}

unsigned softnic_vport_queue_pairs(const struct softnic *s, uint32_t vport)
{
	return vport < NIC_MAX_VPORTS && s->vf_of[vport] ? s->vf[s->vf_of[vport] - 1]->queue_pairs : 0;
}

bool softnic_vf_info(const struct softnic *s, unsigned vf, struct softnic_vf_info *out)
{
	if (vf >= s->cfg.limits.vfs || !s->vf[vf])
		return false;
	*out = (struct softnic_vf_info){ .power = s->vf[vf]->power,
					 .vendor = SOFTNIC_VENDOR_ID,
					 .device = SOFTNIC_DEVICE_ID };
	return true;
}

/* ---- what is asked of the function itself ---- */

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

/* A function-level reset: the rings stop, then the registers are as at power-on, and it is in D0. The blocks are a
 * mailbox between host and guest, no registers: they stay. */
NDIS_STATUS softnic_reset_vf(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_SRIOV_RESET_VF_PARAMETERS *p = softnic_buffer(req);
	struct softnic_vf *vf = s->vf[p->VFId];
	int rc = 0;

	if (vf->vport && s->cfg.ops) {
		rc = s->cfg.ops->vf_reset(s->cfg.ctx, vf->vport);
		if (rc == 0 && vf->power != NdisDeviceStateD0)
			rc = s->cfg.ops->vf_sleep(s->cfg.ctx, vf->vport, false);
	}
	if (rc)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_FAILURE, "VF %u: its rings did not stop: %s", p->VFId,
					    strerror(-rc));
	vf->power = NdisDeviceStateD0;
	clean_space(vf);
	return NDIS_STATUS_SUCCESS;
}

/* A VF that sleeps moves no frames; its VPort stays active (it never is anything else, spec/30 §3), so what arrives for
 * it is not given to the host. */
NDIS_STATUS softnic_vf_power(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *p = softnic_buffer(req);
	struct softnic_vf *vf = s->vf[p->VFId];
	bool asleep = p->PowerState != NdisDeviceStateD0;
	int rc = 0;

	if (vf->vport && s->cfg.ops && asleep != (vf->power != NdisDeviceStateD0))
		rc = s->cfg.ops->vf_sleep(s->cfg.ctx, vf->vport, asleep);
	if (rc)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_FAILURE, "VF %u: its rings did not stop: %s", p->VFId,
					    strerror(-rc));
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
