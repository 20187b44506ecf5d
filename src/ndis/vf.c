/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual functions (spec/10 §5.10 to §5.12, spec/30 §4): allocated by a driver, numbered by the adapter's driver,
 * never changed, freed when no VPort is on them. Control thread only.
 */
#include "ndis/keeper.h"

#include <stdlib.h>

static const struct ndis_layout vf_layout = {
	"NDIS_NIC_SWITCH_VF_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1 },
};
static const struct ndis_layout free_layout = {
	"NDIS_NIC_SWITCH_FREE_VF_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1 },
};
static const struct ndis_layout enum_layout = {
	"NDIS_NIC_SWITCH_VF_INFO_ARRAY",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_NIC_SWITCH_VF_INFO_ARRAY_REVISION_1 },
};

_Static_assert(sizeof(NDIS_NIC_SWITCH_VF_INFO) == sizeof(NDIS_NIC_SWITCH_VF_PARAMETERS) &&
		   offsetof(NDIS_NIC_SWITCH_VF_INFO, RequestorId) ==
		       offsetof(NDIS_NIC_SWITCH_VF_PARAMETERS, RequestorId),
	       "ENUM_VFS copies one as the other");

struct ndis_vf *vf_find(const struct ndis_adapter *a, uint32_t id)
{
	struct ndis_node *n = ndis_map_find(&a->vf_map, id, 0);

	return n ? ndis_container(n, struct ndis_vf, by_id) : NULL;
}

void vf_remove(struct ndis_adapter *a, struct ndis_vf *vf)
{
	ndis_map_remove(&a->vf_map, &vf->by_id);
	ndis_list_remove(&vf->link);
	a->num_vfs--;
	vf->owner->vfs--;
	free(vf);
}

/* An address a guest's adapter can have. */
static bool address_ok(const UCHAR mac[NDIS_MAX_PHYS_ADDRESS_LENGTH])
{
	static const UCHAR zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof zero) != 0;
}

static NDIS_STATUS need_sriov(const struct ndis_call *c)
{
	NDIS_STATUS status = ndis_need_switch_caps(c);

	if (status == NDIS_STATUS_SUCCESS && !c->a->has_cur_sriov)
		status = refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: SR-IOV is not enabled (%s)", ndis_oid_name(c->oid),
				c->a->mode_reason);
	return status;
}

/* ---- OID_NIC_SWITCH_ALLOCATE_VF ---- */

static NDIS_STATUS check_allocate(const struct ndis_call *c, NDIS_NIC_SWITCH_VF_PARAMETERS *p)
{
	const char *name = vf_layout.name;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_sriov(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &vf_layout, p, sizeof *p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, vf_layout.size[0], name);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, p->SwitchId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p->VFId != NDIS_INVALID_VF_FUNCTION_ID || p->RequestorId != NDIS_INVALID_RID)
		return refuse(
		    c, NDIS_STATUS_INVALID_PARAMETER,
		    "%s: VFId is 0x%X and RequestorId 0x%X; 0xFFFF and 0xFFFFFFFF are right, the adapter chooses them",
		    name, p->VFId, p->RequestorId);
	if (!ndis_string_ok(&p->VMName) || !ndis_string_ok(&p->VMFriendlyName) || !ndis_string_ok(&p->NicName))
		return refuse(
		    c, NDIS_STATUS_INVALID_PARAMETER,
		    "%s: the Lengths of VMName, VMFriendlyName and NicName are %u, %u and %u; even numbers up to 512 "
		    "are right",
		    name, p->VMName.Length, p->VMFriendlyName.Length, p->NicName.Length);
	if (p->MacAddressLength != 6)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: MacAddressLength is %u; 6 is right", name,
			      p->MacAddressLength);
	if (!address_ok(p->PermanentMacAddress) || !address_ok(p->CurrentMacAddress))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: PermanentMacAddress and CurrentMacAddress must be unicast and not all zero", name);
	if (c->a->num_vfs >= c->a->switch_p.NumVFs)
		return refuse(c, NDIS_STATUS_RESOURCES, "no VF is left: the switch has %u (NumVFs)",
			      c->a->switch_p.NumVFs);
	p->Flags = 0;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vf_allocate_prepare(struct ndis_op *op)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p, *down;
	NDIS_STATUS status = check_allocate(&op->c, &p);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	down = ndis_op_down(op, sizeof *down);
	op->vf = calloc(1, sizeof *op->vf);
	if (!down || !op->vf) {
		free(op->vf);
		return ndis_op_no_memory(op);
	}
	*down = p;
	op->vf->p = p;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vf_allocate_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;
	struct ndis_vf *vf = op->vf;

	if (status == NDIS_STATUS_SUCCESS) {
		const NDIS_NIC_SWITCH_VF_PARAMETERS *down = op->buf;

		vf->p.VFId = down->VFId;
		vf->p.RequestorId = down->RequestorId;
		if (vf->p.VFId >= a->switch_p.NumVFs || vf_find(a, vf->p.VFId)) {
			ndis_fault(a, "the adapter's driver %s allocated VF %u, which %s", a->ops->name, vf->p.VFId,
				   vf->p.VFId >= a->switch_p.NumVFs ? "there is not" : "is allocated already");
			status = refuse(&op->c, NDIS_STATUS_FAILURE, "%s", a->last_fault);
		}
	}
	if (status != NDIS_STATUS_SUCCESS) {
		free(vf);
		return status;
	}
	vf->owner = op->c.d;
	vf->owner->vfs++;
	ndis_map_insert(&a->vf_map, &vf->by_id, vf->p.VFId, 0);
	ndis_list_append(&a->vfs, &vf->link);
	a->num_vfs++;
	ndis_put(&op->c, 0, &vf->p, vf_layout.size[0]);
	ndis_set_done(&op->c, vf_layout.size[0], vf_layout.size[0]);
	return status;
}

/* ---- OID_NIC_SWITCH_FREE_VF ---- */

NDIS_STATUS vf_free_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS p, *down;
	struct ndis_vf *vf;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_sriov(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &free_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	vf = vf_find(c->a, p.VFId);
	if (!vf)
		return refuse(c, NDIS_STATUS_FILE_NOT_FOUND, "VF %u is not allocated", p.VFId);
	if (ndis_foreign(c->d, vf->owner))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VF %u was allocated by %s, who alone may free it",
			      p.VFId, vf->owner->name);
	if (vf->vport)
		return refuse(c, NDIS_STATUS_FILE_NOT_FOUND, "VF %u has VPort %u, which must be deleted first", p.VFId,
			      vf->vport->p.VPortId);
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	down->Flags = 0;
	op->vf = vf;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vf_free_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	vf_remove(op->c.a, op->vf);
	ndis_set_done(&op->c, free_layout.size[0], 0);
	return status;
}

/* ---- OID_NIC_SWITCH_VF_PARAMETERS, OID_NIC_SWITCH_ENUM_VFS ---- */

NDIS_STATUS vf_parameters(const struct ndis_call *c)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p;
	const struct ndis_vf *vf;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_sriov(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &vf_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, p.SwitchId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	vf = vf_find(c->a, p.VFId);
	if (!vf)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VFId: VF %u is not allocated", vf_layout.name,
			      p.VFId);
	return ndis_answer(c, vf_layout.size[0], &vf->p, vf_layout.size[0], vf_layout.name);
}

NDIS_STATUS vf_enum(const struct ndis_call *c)
{
	const struct ndis_adapter *a = c->a;
	NDIS_NIC_SWITCH_VF_INFO_ARRAY p;
	NDIS_STATUS status;
	uint32_t at, total;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &enum_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.SwitchId != NDIS_DEFAULT_SWITCH_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: SwitchId is %u; 0 is right", enum_layout.name,
			      p.SwitchId);
	status =
	    ndis_array_room(c, sizeof p, a->num_vfs, sizeof(NDIS_NIC_SWITCH_VF_INFO), &at, &total, enum_layout.name);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p.FirstElementOffset = at;
	p.NumElements = a->num_vfs;
	p.ElementSize = sizeof(NDIS_NIC_SWITCH_VF_INFO);
	ndis_put(c, 0, &p, sizeof p);
	ndis_list_each (l, &a->vfs) {
		const struct ndis_vf *vf = ndis_container(l, struct ndis_vf, link);

		ndis_put(c, at, &vf->p, sizeof vf->p);
		at += (uint32_t)sizeof vf->p;
	}
	ndis_set_done(c, enum_layout.size[0], total);
	return NDIS_STATUS_SUCCESS;
}
