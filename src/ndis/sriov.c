/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SR-IOV family (spec/10 §6): what concerns one VF goes to the adapter's driver after its VF, lengths and members
 * were checked; the LUID and a VF's serial number are answered here. Control thread only.
 */
#include "ndis/keeper.h"

#include <stdlib.h>

#define PCI_CONFIG_SPACE 4096u
#define DATA_AT		 24u /* where data lies in buffers written here: 8-aligned behind 20 bytes */
#define BAR_DESCRIPTOR                                                                                                 \
	20u /* CM_PARTIAL_RESOURCE_DESCRIPTOR of type Memory: Type, ShareDisposition, Flags, Start, Length */
#define BAR_VALUES_LENGTH (PCI_TYPE0_ADDRESSES * 4u)

/* read and write, space and block share one shape: VFId, Offset or BlockId, Length, BufferOffset */
static const struct ndis_layout config_layouts[4] = {
	{ "NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS",
	  NDIS_OBJECT_TYPE_DEFAULT,
	  1,
	  { NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS_REVISION_1 } },
	{ "NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS",
	  NDIS_OBJECT_TYPE_DEFAULT,
	  1,
	  { NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1 } },
	{ "NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS",
	  NDIS_OBJECT_TYPE_DEFAULT,
	  1,
	  { NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1 } },
	{ "NDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS",
	  NDIS_OBJECT_TYPE_DEFAULT,
	  1,
	  { NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1 } },
};
static const struct ndis_layout reset_layout = { "NDIS_SRIOV_RESET_VF_PARAMETERS",
						 NDIS_OBJECT_TYPE_DEFAULT,
						 1,
						 { NDIS_SIZEOF_SRIOV_RESET_VF_PARAMETERS_REVISION_1 } };
static const struct ndis_layout power_layout = { "NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS",
						 NDIS_OBJECT_TYPE_DEFAULT,
						 1,
						 { NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1 } };
static const struct ndis_layout vendor_layout = { "NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO",
						  NDIS_OBJECT_TYPE_DEFAULT,
						  1,
						  { NDIS_SIZEOF_SRIOV_VF_VENDOR_DEVICE_ID_INFO_REVISION_1 } };
static const struct ndis_layout bar_layout = { "NDIS_SRIOV_BAR_RESOURCES_INFO",
					       NDIS_OBJECT_TYPE_DEFAULT,
					       1,
					       { NDIS_SIZEOF_SRIOV_BAR_RESOURCES_INFO_REVISION_1 } };
static const struct ndis_layout invalidate_layout = {
	"NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1 }
};

_Static_assert(offsetof(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS, Offset) ==
		       offsetof(NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS, BlockId) &&
		   sizeof(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS) ==
		       sizeof(NDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS),
	       "one shape");

static NDIS_STATUS need_role(const struct ndis_call *c, uint32_t role, const char *what)
{
	if (c->a->has_cur_sriov && (c->a->cur_sriov.SriovCapabilities & role))
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: %s (%s)", ndis_oid_name(c->oid), what, c->a->mode_reason);
}

static NDIS_STATUS need_pf(const struct ndis_call *c)
{
	return need_role(c, NDIS_SRIOV_CAPS_PF_MINIPORT, "SR-IOV is not enabled on this adapter");
}

static NDIS_STATUS need_vf(const struct ndis_call *c, const char *name, uint32_t id)
{
	if (vf_find(c->a, id))
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VFId: VF %u is not allocated", name, id);
}

/* ---- READ_/WRITE_VF_CONFIG_SPACE, …_BLOCK ---- */

static NDIS_STATUS check_config(struct ndis_op *op, NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *p, bool read,
				bool space)
{
	const struct ndis_call *c = &op->c;
	const struct ndis_layout *l = &config_layouts[(space ? 0 : 2) + (read ? 0 : 1)];
	NDIS_STATUS status;
	uint64_t end;
	uint8_t rev;

	status = need_pf(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, l, p, sizeof *p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = need_vf(c, l->name, p->VFId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!p->Length)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: Length is 0; at least 1 is right", l->name);
	if (space && (uint64_t)p->Offset + p->Length > PCI_CONFIG_SPACE)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: Offset is %u and Length %u; configuration space ends at %u", l->name, p->Offset,
			      p->Length, PCI_CONFIG_SPACE);
	if (p->BufferOffset < l->size[0])
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: BufferOffset is %u; at least %u is right", l->name,
			      p->BufferOffset, l->size[0]);
	end = (uint64_t)p->BufferOffset + p->Length;
	if (end > NDIS_REQUEST_MAX_BYTES)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: BufferOffset is %u and Length %u; together at most %u", l->name, p->BufferOffset,
			      p->Length, NDIS_REQUEST_MAX_BYTES);
	return read ? ndis_need_out(c, (uint32_t)end, l->name) : ndis_need_in(c, (uint32_t)end, l->name);
}

static NDIS_STATUS config_prepare(struct ndis_op *op, bool read)
{
	bool space = op->c.oid == OID_SRIOV_READ_VF_CONFIG_SPACE || op->c.oid == OID_SRIOV_WRITE_VF_CONFIG_SPACE;
	NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS p;
	NDIS_STATUS status = check_config(op, &p, read, space);
	uint8_t *down;

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	op->count = p.Length;
	op->at = p.BufferOffset;
	down = ndis_op_down(op, DATA_AT + p.Length);
	if (!down)
		return ndis_op_no_memory(op);
	if (!read)
		memcpy(down + DATA_AT, op->c.buf + p.BufferOffset, p.Length);
	p.BufferOffset = DATA_AT;
	memcpy(down, &p, sizeof p);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS sriov_config_read_prepare(struct ndis_op *op)
{
	return config_prepare(op, true);
}

NDIS_STATUS sriov_config_write_prepare(struct ndis_op *op)
{
	return config_prepare(op, false);
}

NDIS_STATUS sriov_config_read_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_put(&op->c, op->at, (const uint8_t *)op->buf + DATA_AT, op->count);
	ndis_set_done(&op->c, config_layouts[0].size[0], op->at + op->count);
	return status;
}

NDIS_STATUS sriov_config_write_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status == NDIS_STATUS_SUCCESS)
		ndis_set_done(&op->c, op->at + op->count, 0);
	return status;
}

/* ---- RESET_VF, SET_VF_POWER_STATE ---- */

NDIS_STATUS sriov_reset_prepare(struct ndis_op *op)
{
	NDIS_SRIOV_RESET_VF_PARAMETERS p, *down;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_pf(&op->c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(&op->c, &reset_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = need_vf(&op->c, reset_layout.name, p.VFId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	op->count = reset_layout.size[0];
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS sriov_power_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS p, *down;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_pf(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &power_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = need_vf(c, power_layout.name, p.VFId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.PowerState < NdisDeviceStateD0 || p.PowerState > NdisDeviceStateD3)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: PowerState is %d; D0 (1) to D3 (4) is right",
			      power_layout.name, (int)p.PowerState);
	if (p.WakeEnable && p.PowerState == NdisDeviceStateD0)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: WakeEnable is set; 0 is right for D0",
			      power_layout.name);
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	down->WakeEnable = p.WakeEnable != 0;
	op->count = power_layout.size[0];
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS sriov_set_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status == NDIS_STATUS_SUCCESS)
		ndis_set_done(&op->c, op->count, 0);
	return status;
}

/* ---- VF_VENDOR_DEVICE_ID ---- */

NDIS_STATUS sriov_vendor_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO p, *down;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_pf(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &vendor_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, vendor_layout.size[0], vendor_layout.name);
	if (status == NDIS_STATUS_SUCCESS)
		status = need_vf(c, vendor_layout.name, p.VFId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	down->VendorId = down->DeviceId = 0;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS sriov_vendor_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_put(&op->c, 0, op->buf, vendor_layout.size[0]);
	ndis_set_done(&op->c, vendor_layout.size[0], vendor_layout.size[0]);
	return status;
}

/* ---- PROBED_BARS, BAR_RESOURCES ---- */

NDIS_STATUS sriov_probed_bars_prepare(struct ndis_op *op)
{
	const uint32_t size = NDIS_SIZEOF_SRIOV_PROBED_BARS_INFO_REVISION_1 + BAR_VALUES_LENGTH;
	NDIS_SRIOV_PROBED_BARS_INFO *down;
	NDIS_STATUS status;

	status = need_pf(&op->c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(&op->c, size, "NDIS_SRIOV_PROBED_BARS_INFO");
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	down = ndis_op_down(op, size);
	if (!down)
		return ndis_op_no_memory(op);
	ndis_header(&down->Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SRIOV_PROBED_BARS_INFO_REVISION_1, sizeof *down);
	down->BaseRegisterValuesOffset = sizeof *down;
	op->count = size;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS sriov_probed_bars_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_put(&op->c, 0, op->buf, op->count);
	ndis_set_done(&op->c, 0, op->count);
	return status;
}

NDIS_STATUS sriov_bar_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_SRIOV_BAR_RESOURCES_INFO p;
	NDIS_STATUS status;
	uint8_t rev;
	uint8_t *down;

	status = need_pf(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &bar_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, bar_layout.size[0] + BAR_DESCRIPTOR, bar_layout.name);
	if (status == NDIS_STATUS_SUCCESS)
		status = need_vf(c, bar_layout.name, p.VFId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.BarIndex >= PCI_TYPE0_ADDRESSES)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: BarIndex is %u; 0 to %d is right", bar_layout.name,
			      p.BarIndex, PCI_TYPE0_ADDRESSES - 1);
	down = ndis_op_down(op, bar_layout.size[0] + BAR_DESCRIPTOR);
	if (!down)
		return ndis_op_no_memory(op);
	p.BarResourcesOffset = bar_layout.size[0];
	memcpy(down, &p, sizeof p);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS sriov_bar_done(struct ndis_op *op, NDIS_STATUS status)
{
	const uint32_t size = bar_layout.size[0] + BAR_DESCRIPTOR;

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_put(&op->c, 0, op->buf, size);
	ndis_set_done(&op->c, bar_layout.size[0], size);
	return status;
}

/* ---- PF_LUID, VF_SERIAL_NUMBER ---- */

NDIS_STATUS sriov_pf_luid(const struct ndis_call *c)
{
	NDIS_SRIOV_PF_LUID_INFO info = { .Luid = c->a->pf_luid };
	NDIS_STATUS status = need_pf(c);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_header(&info.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SRIOV_PF_LUID_INFO_REVISION_1, sizeof info);
	return ndis_answer(c, 0, &info, sizeof info, "NDIS_SRIOV_PF_LUID_INFO");
}

NDIS_STATUS sriov_serial_number(const struct ndis_call *c)
{
	NDIS_SRIOV_VF_SERIAL_NUMBER_INFO info = { .SerialNumber = c->a->cfg.vf_serial_number };
	NDIS_STATUS status = need_role(c, NDIS_SRIOV_CAPS_VF_MINIPORT, "this adapter is not a VF");

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_header(&info.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SRIOV_VF_SERIAL_NUMBER_INFO_REVISION_1, sizeof info);
	return ndis_answer(c, 0, &info, sizeof info, "NDIS_SRIOV_VF_SERIAL_NUMBER_INFO");
}

/* ---- VF_INVALIDATE_CONFIG_BLOCK: to a VF's driver ---- */

NDIS_STATUS sriov_invalidate_prepare(struct ndis_op *op)
{
	NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO p, *down;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_role(&op->c, NDIS_SRIOV_CAPS_VF_MINIPORT, "this adapter is not a VF");
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(&op->c, &invalidate_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	op->count = invalidate_layout.size[0];
	return NDIS_STATUS_SUCCESS;
}
