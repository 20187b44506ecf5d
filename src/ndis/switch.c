/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NIC switch (spec/10 §5.2 to §5.5, spec/30 §2): one at most, made and deleted by NDIS's own requests, with the
 * default VPort. While it exists there are no VM queues, and the other way round. Control thread only.
 */
#include "ndis/keeper.h"

#include <stdlib.h>

static const struct ndis_layout switch_layout = {
	"NDIS_NIC_SWITCH_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	2,
	{ NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_2 },
};
static const struct ndis_layout delete_layout = {
	"NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1 },
};

static uint32_t max_default_queue_pairs(const struct ndis_adapter *a)
{
	const NDIS_NIC_SWITCH_CAPABILITIES *c = &a->cur_switch;
	uint32_t most = ndis_vmmq(a) ? c->MaxNumQueuePairsForDefaultVPort : 1;

	return most < c->MaxNumQueuePairs ? most : c->MaxNumQueuePairs;
}

static NDIS_STATUS check_create(struct ndis_op *op, NDIS_NIC_SWITCH_PARAMETERS *p)
{
	const struct ndis_call *c = &op->c;
	const struct ndis_adapter *a = c->a;
	const char *name = switch_layout.name;
	const uint32_t vfs = a->has_cur_sriov ? a->cur_switch.MaxNumVFs : 0;
	NDIS_STATUS status;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &switch_layout, p, sizeof *p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, switch_layout.size[rev - 1], name);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (a->num_queues || (!a->switch_present && a->num_filters))
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED,
			      "the adapter holds %u VM queues and %u filters; a switch can be made when all are gone",
			      a->num_queues, a->num_filters);
	if (a->switch_present)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "the switch exists; an adapter has only one");
	if (p->SwitchType != NdisNicSwitchTypeExternal)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: SwitchType is %d; NdisNicSwitchTypeExternal (1) is right", name, (int)p->SwitchType);
	if (p->SwitchId != NDIS_DEFAULT_SWITCH_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: SwitchId is %u; 0 is right", name, p->SwitchId);
	if (!ndis_string_ok(&p->SwitchFriendlyName))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: SwitchFriendlyName.Length is %u; an even number up to 512 "
			      "is right",
			      name, p->SwitchFriendlyName.Length);
	if (p->NumVFs > vfs)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: NumVFs is %u; at most %u is right, %s", name,
			      p->NumVFs, vfs, a->has_cur_sriov ? "MaxNumVFs" : "without SR-IOV");
	if (rev == NDIS_NIC_SWITCH_PARAMETERS_REVISION_1)
		p->NumQueuePairsForDefaultVPort =
		    NDIS_NIC_SWITCH_PARAMETERS_DEFAULT_NUMBER_OF_QUEUE_PAIRS_FOR_DEFAULT_VPORT;
	if (!p->NumQueuePairsForDefaultVPort || p->NumQueuePairsForDefaultVPort > max_default_queue_pairs(a))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: NumQueuePairsForDefaultVPort is %u; 1 to %u is right on this adapter", name,
			      p->NumQueuePairsForDefaultVPort, max_default_queue_pairs(a));
	op->count = rev;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS switch_create_prepare(struct ndis_op *op)
{
	NDIS_NIC_SWITCH_PARAMETERS p, *down;
	struct ndis_vport *v;
	NDIS_STATUS status = check_create(op, &p);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	v = vport_new();
	down = ndis_op_down(op, sizeof *down);
	if (!v || !down) {
		free(v);
		return ndis_op_no_memory(op);
	}
	*down = p;
	ndis_header(&down->Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_PARAMETERS_REVISION_2,
		    NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_2);
	down->Flags = 0;
	v->p.AttachedFunctionId = NDIS_PF_FUNCTION_ID;
	v->p.NumQueuePairs = p.NumQueuePairsForDefaultVPort;
	v->p.VPortState = NdisNicSwitchVPortStateActivated;
	v->p.InterruptModeration = NdisNicSwitchVPortInterruptModerationAdaptive;
	(void)ndis_string_set(&v->p.VPortName, "default");
	op->vport = v;
	op->extra = malloc(sizeof p);
	if (!op->extra) {
		free(v);
		return ndis_op_no_memory(op);
	}
	memcpy(op->extra, down, sizeof p);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS switch_create_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;
	const uint16_t size = switch_layout.size[op->count - 1];
	NDIS_NIC_SWITCH_PARAMETERS out;

	if (status != NDIS_STATUS_SUCCESS) {
		free(op->vport);
		return status;
	}
	memcpy(&a->switch_p, op->extra, sizeof a->switch_p);
	a->switch_present = true;
	vport_insert(a, op->vport);
	out = a->switch_p;
	ndis_header(&out.Header, NDIS_OBJECT_TYPE_DEFAULT, (uint8_t)op->count, size);
	ndis_put(&op->c, 0, &out, size);
	ndis_set_done(&op->c, size, size);
	return status;
}

NDIS_STATUS switch_parameters(const struct ndis_call *c)
{
	NDIS_NIC_SWITCH_PARAMETERS p;
	NDIS_STATUS status;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &switch_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, p.SwitchId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p = c->a->switch_p;
	ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, rev, switch_layout.size[rev - 1]);
	return ndis_answer(c, switch_layout.size[rev - 1], &p, switch_layout.size[rev - 1], switch_layout.name);
}

/* Only the name can change. */
NDIS_STATUS switch_set_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_NIC_SWITCH_PARAMETERS p, *down;
	NDIS_STATUS status;
	uint32_t changed;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &switch_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, p.SwitchId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	op->count = rev;
	changed = p.Flags & NDIS_NIC_SWITCH_PARAMETERS_CHANGE_MASK;
	if (changed & ~(uint32_t)NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: Flags is 0x%08X; of the CHANGED flags only SWITCH_NAME_CHANGED (0x10000) is known",
			      switch_layout.name, p.Flags);
	if (!changed) {
		op->skip = true;
		return NDIS_STATUS_SUCCESS;
	}
	if (!ndis_string_ok(&p.SwitchFriendlyName))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: SwitchFriendlyName.Length is %u; an even number up to 512 "
			      "is right",
			      switch_layout.name, p.SwitchFriendlyName.Length);
	down = ndis_op_down(op, sizeof *down);
	op->extra = malloc(sizeof p.SwitchFriendlyName);
	if (!down || !op->extra)
		return ndis_op_no_memory(op);
	*down = c->a->switch_p;
	down->SwitchFriendlyName = p.SwitchFriendlyName;
	down->Flags = changed;
	memcpy(op->extra, &p.SwitchFriendlyName, sizeof p.SwitchFriendlyName);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS switch_set_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;

	/* REINIT_REQUIRED: stored, and in force after the next initialization (spec/10 §5.3) */
	if (status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_REINIT_REQUIRED)
		return status;
	if (!op->skip) {
		memcpy(&a->switch_p.SwitchFriendlyName, op->extra, sizeof a->switch_p.SwitchFriendlyName);
		a->switch_name = a->switch_p.SwitchFriendlyName;
	}
	ndis_set_done(&op->c, switch_layout.size[op->count - 1], 0);
	return status;
}

NDIS_STATUS switch_delete_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	const struct ndis_adapter *a = c->a;
	NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS p, *down;
	NDIS_STATUS status;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &delete_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!a->switch_present || p.SwitchId != NDIS_DEFAULT_SWITCH_ID)
		return refuse(c, NDIS_STATUS_FILE_NOT_FOUND, "there is no switch %u", p.SwitchId);
	/* what NDIS guarantees the driver before (spec/10 §5.4) */
	if (a->num_vports > 1 || a->num_filters || a->num_vfs)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "the switch has %u nondefault VPorts, %u filters and %u VFs, which go first",
			      a->num_vports - 1, a->num_filters, a->num_vfs);
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	down->Flags = 0;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS switch_delete_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	vport_remove(a, vport_find(a, NDIS_DEFAULT_VPORT_ID));
	a->switch_present = false;
	memset(&a->switch_p, 0, sizeof a->switch_p);
	ndis_set_done(&op->c, delete_layout.size[0], 0);
	return status;
}

NDIS_STATUS switch_enum(const struct ndis_call *c)
{
	const struct ndis_adapter *a = c->a;
	NDIS_NIC_SWITCH_INFO_ARRAY head = { 0 };
	NDIS_NIC_SWITCH_INFO info;
	NDIS_STATUS status;
	uint32_t total;

	status = ndis_need_switch_caps(c);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_header(&head.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_INFO_ARRAY_REVISION_1, sizeof head);
	head.NumElements = a->switch_present;
	head.ElementSize = sizeof info;
	status = ndis_array_room(c, sizeof head, head.NumElements, sizeof info, &head.FirstElementOffset, &total,
				 "NDIS_NIC_SWITCH_INFO_ARRAY");
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	ndis_put(c, 0, &head, sizeof head);
	if (a->switch_present) {
		const struct ndis_vport *v = vport_find(a, NDIS_DEFAULT_VPORT_ID);

		memset(&info, 0, sizeof info);
		ndis_header(&info.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_INFO_REVISION_1, sizeof info);
		info.SwitchType = a->switch_p.SwitchType;
		info.SwitchId = NDIS_DEFAULT_SWITCH_ID;
		info.SwitchFriendlyName = a->switch_p.SwitchFriendlyName;
		info.NumVFs = a->switch_p.NumVFs;
		info.NumAllocatedVFs = a->num_vfs;
		info.NumVPorts = a->cur_switch.MaxNumVPorts;
		info.NumActiveVPorts = a->num_vports;
		info.NumQueuePairsForDefaultVPort = v->p.NumQueuePairs;
		info.NumQueuePairsForNonDefaultVPorts = a->num_queue_pairs - v->p.NumQueuePairs;
		info.NumActiveDefaultVPortMacAddresses = v->target.num_unicast;
		info.NumActiveNonDefaultVPortMacAddresses = a->num_unicast - v->target.num_unicast;
		info.NumActiveDefaultVPortVlanIds = v->target.num_vlan;
		ndis_list_each (l, &a->vports)
			info.NumActiveNonDefaultVPortVlanIds +=
			    ndis_container(l, struct ndis_vport, link)->target.num_vlan;
		info.NumActiveNonDefaultVPortVlanIds -= v->target.num_vlan;
		ndis_put(c, head.FirstElementOffset, &info, sizeof info);
	}
	ndis_set_done(c, 0, total);
	return NDIS_STATUS_SUCCESS;
}
