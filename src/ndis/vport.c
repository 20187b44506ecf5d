/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPorts (spec/10 §5.6 to §5.9, spec/30 §3, spec/50 §1, §3 to §5): the pool, their parameters, their states.
 * VPort 0 comes and goes with the switch. Control thread only.
 */
#include "ndis/rss.h"

#include <stdlib.h>

static const struct ndis_layout vport_layout = {
	"NDIS_NIC_SWITCH_VPORT_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1 },
};
static const struct ndis_layout delete_layout = {
	"NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1 },
};
static const struct ndis_layout enum_layout = {
	"NDIS_NIC_SWITCH_VPORT_INFO_ARRAY",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1 },
};

/* ---- the tables ---- */

struct ndis_vport *vport_find(const struct ndis_adapter *a, uint32_t id)
{
	struct ndis_node *n = ndis_map_find(&a->vport_map, id, 0);

	return n ? ndis_container(n, struct ndis_vport, by_id) : NULL;
}

struct ndis_vport *vport_new(void)
{
	struct ndis_vport *v = calloc(1, sizeof *v);

	if (v)
		ndis_header(&v->p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1,
			    NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
	return v;
}

void vport_insert(struct ndis_adapter *a, struct ndis_vport *v)
{
	target_init(&v->target, v->p.VPortId);
	ndis_map_insert(&a->vport_map, &v->by_id, v->p.VPortId, 0);
	ndis_list_append(&a->vports, &v->link);
	a->num_vports++;
	a->num_queue_pairs += v->p.NumQueuePairs;
	if (v->vf) {
		v->vf->vport = v;
		a->num_vf_vports++;
	} else if (v->p.VPortId != NDIS_DEFAULT_VPORT_ID) {
		a->num_pf_vports++;
	}
	if (v->owner)
		v->owner->vports++;
}

void vport_remove(struct ndis_adapter *a, struct ndis_vport *v)
{
	ndis_map_remove(&a->vport_map, &v->by_id);
	ndis_list_remove(&v->link);
	a->num_vports--;
	a->num_queue_pairs -= v->p.NumQueuePairs;
	if (v->vf) {
		v->vf->vport = NULL;
		a->num_vf_vports--;
	} else if (v->p.VPortId != NDIS_DEFAULT_VPORT_ID) {
		a->num_pf_vports--;
	}
	if (v->owner)
		v->owner->vports--;
	if (v->p.VPortId != NDIS_DEFAULT_VPORT_ID)
		ndis_ids_put(&a->vport_ids, v->p.VPortId);
	free(v->rss);
	free(v);
}

/* ---- checks shared by CREATE_VPORT and VPORT_PARAMETERS ---- */

static NDIS_STATUS check_name(const struct ndis_call *c, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	if (ndis_string_ok(&p->VPortName))
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VPortName.Length is %u; an even number up to 512 is right",
		      vport_layout.name, p->VPortName.Length);
}

static bool moderation_of_each(const struct ndis_adapter *a)
{
	return a->cur_switch.NicSwitchCapabilities & NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED;
}

/* `self` has what *p asks for, or the refusal. Without the capability of one for each VPort the default VPort's is
 * everybody's (spec/70 Q50): it may change, and who asks for nothing has that one. */
static NDIS_STATUS check_moderation(const struct ndis_call *c, const struct ndis_vport *self,
				    NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	const struct ndis_vport *v0 = vport_find(c->a, NDIS_DEFAULT_VPORT_ID);
	bool each = moderation_of_each(c->a);

	switch (p->InterruptModeration) {
	case NdisNicSwitchVPortInterruptModerationUndefined:
		if (!each)
			p->InterruptModeration = v0->p.InterruptModeration;
		break;
	case NdisNicSwitchVPortInterruptModerationAdaptive:
	case NdisNicSwitchVPortInterruptModerationOff:
	case NdisNicSwitchVPortInterruptModerationLow:
	case NdisNicSwitchVPortInterruptModerationMedium:
	case NdisNicSwitchVPortInterruptModerationHigh:
		break;
	default:
		return refuse(
		    c, NDIS_STATUS_INVALID_PARAMETER,
		    "%s: InterruptModeration is %d; 0, 1 (adaptive), 2 (off), 100 (low), 200 (medium) or 300 (high) is "
		    "right",
		    vport_layout.name, (int)p->InterruptModeration);
	}
	if (!each && self != v0 && p->InterruptModeration != v0->p.InterruptModeration)
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED,
			      "%s: InterruptModeration is %d; this adapter has one for all VPorts, %d",
			      vport_layout.name, (int)p->InterruptModeration, (int)v0->p.InterruptModeration);
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS check_affinity(const struct ndis_call *c, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	if (p->ProcessorAffinity.Mask)
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
		      "%s: ProcessorAffinity.Mask is 0; a VPort on the PF needs a CPU", vport_layout.name);
}

/* `n` queue pairs for a VPort that has `had` now (spec/50 §4). */
static NDIS_STATUS check_queue_pairs(const struct ndis_call *c, const struct ndis_vport *self, uint32_t n, uint32_t had)
{
	const struct ndis_adapter *a = c->a;
	const NDIS_NIC_SWITCH_CAPABILITIES *caps = &a->cur_switch;
	bool is_default = self && self->p.VPortId == NDIS_DEFAULT_VPORT_ID;
	uint32_t most = is_default ? caps->MaxNumQueuePairsForDefaultVPort : caps->MaxNumQueuePairsPerNonDefaultVPort;

	if (n == 0 || n > most)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: NumQueuePairs is %u; 1 to %u is right",
			      vport_layout.name, n, most);
	if (!is_default && !(caps->NicSwitchCapabilities &
			     NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED)) {
		/* all nondefault VPorts have the same number, so one other tells it */
		ndis_list_each (l, &a->vports) {
			const struct ndis_vport *v = ndis_container(l, struct ndis_vport, link);

			if (v == self || v->p.VPortId == NDIS_DEFAULT_VPORT_ID)
				continue;
			if (v->p.NumQueuePairs != n)
				return refuse(
				    c, NDIS_STATUS_INVALID_PARAMETER,
				    "%s: NumQueuePairs is %u; %u is right, as the other VPorts have, since this "
				    "adapter has no asymmetric queue pairs",
				    vport_layout.name, n, v->p.NumQueuePairs);
			break;
		}
	}
	if (a->num_queue_pairs - had + n > caps->MaxNumQueuePairs)
		return refuse(c, NDIS_STATUS_RESOURCES,
			      "%u queue pairs are asked for, %u of MaxNumQueuePairs (%u) are left", n,
			      caps->MaxNumQueuePairs - (a->num_queue_pairs - had), caps->MaxNumQueuePairs);
	return NDIS_STATUS_SUCCESS;
}

/* ---- OID_NIC_SWITCH_CREATE_VPORT ---- */

/* spec/50 §5 */
static NDIS_STATUS check_pool(const struct ndis_call *c, bool on_vf)
{
	const struct ndis_adapter *a = c->a;
	const NDIS_NIC_SWITCH_CAPABILITIES *caps = &a->cur_switch;
	uint32_t nondefault = caps->MaxNumVPorts - 1;
	uint32_t reserved = caps->NicSwitchCapabilities & NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL ? 0 : caps->MaxNumVFs;

	if (a->num_pf_vports + a->num_vf_vports >= nondefault)
		return refuse(c, NDIS_STATUS_RESOURCES,
			      "no VPort is left: MaxNumVPorts is %u, the default one included", caps->MaxNumVPorts);
	if (!on_vf && a->num_pf_vports >= nondefault - reserved)
		return refuse(
		    c, NDIS_STATUS_RESOURCES,
		    "no VPort is left for the PF: of MaxNumVPorts (%u) one is the default VPort and %u are reserved "
		    "for VFs",
		    caps->MaxNumVPorts, reserved);
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS check_create(struct ndis_op *op, NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	const struct ndis_call *c = &op->c;
	const char *name = vport_layout.name;
	NDIS_NIC_SWITCH_VPORT_STATE state;
	NDIS_STATUS status;
	bool on_vf;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &vport_layout, p, sizeof *p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, vport_layout.size[0], name);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, p->SwitchId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p->VPortId != NDIS_DEFAULT_VPORT_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VPortId is %u; 0 is right, NDIS chooses it", name,
			      p->VPortId);
	on_vf = p->AttachedFunctionId != NDIS_PF_FUNCTION_ID;
	if (on_vf) {
		op->vf = vf_find(c->a, p->AttachedFunctionId);
		if (!op->vf)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: AttachedFunctionId is %u; 0xFFFF (the PF) or an allocated VF is right", name,
				      p->AttachedFunctionId);
		if (op->vf->vport)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: AttachedFunctionId: VF %u has VPort %u; a VF has only one", name,
				      p->AttachedFunctionId, op->vf->vport->p.VPortId);
	}
	state = on_vf ? NdisNicSwitchVPortStateActivated : NdisNicSwitchVPortStateDeactivated;
	if (p->VPortState != state)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VPortState is %d; %s is right for a VPort on %s",
			      name, (int)p->VPortState, on_vf ? "Activated (1)" : "Deactivated (2)",
			      on_vf ? "a VF" : "the PF");
	if (p->LookaheadSize)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: LookaheadSize is %u; 0 is right", name,
			      p->LookaheadSize);
	status = check_name(c, p);
	if (status == NDIS_STATUS_SUCCESS)
		status = check_moderation(c, NULL, p);
	if (status == NDIS_STATUS_SUCCESS && !on_vf)
		status = check_affinity(c, p);
	if (status == NDIS_STATUS_SUCCESS)
		status = check_pool(c, on_vf);
	if (status == NDIS_STATUS_SUCCESS)
		status = check_queue_pairs(c, NULL, p->NumQueuePairs, 0);
	if (on_vf)
		memset(&p->ProcessorAffinity, 0, sizeof p->ProcessorAffinity);
	p->Flags = 0;
	return status;
}

NDIS_STATUS vport_create_prepare(struct ndis_op *op)
{
	struct ndis_adapter *a = op->c.a;
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p, *down;
	struct ndis_vport *v;
	NDIS_STATUS status = check_create(op, &p);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p.VPortId = ndis_ids_take(&a->vport_ids);
	if (!p.VPortId)
		return refuse(&op->c, NDIS_STATUS_RESOURCES, "no VPortId is left");
	v = vport_new();
	down = ndis_op_down(op, sizeof *down);
	if (!v || !down) {
		ndis_ids_put(&a->vport_ids, p.VPortId);
		free(v);
		return ndis_op_no_memory(op);
	}
	*down = p;
	v->p = p;
	v->vf = op->vf;
	op->vport = v;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vport_create_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;
	struct ndis_vport *v = op->vport;

	if (status != NDIS_STATUS_SUCCESS) {
		ndis_ids_put(&a->vport_ids, v->p.VPortId);
		free(v);
		return status;
	}
	v->owner = op->c.d;
	vport_insert(a, v);
	ndis_put(&op->c, 0, &v->p, vport_layout.size[0]);
	ndis_set_done(&op->c, vport_layout.size[0], vport_layout.size[0]);
	return status;
}

/* ---- OID_NIC_SWITCH_VPORT_PARAMETERS ---- */

/* Reads the structure and finds its VPort. */
static NDIS_STATUS read_vport(const struct ndis_call *c, NDIS_NIC_SWITCH_VPORT_PARAMETERS *p, struct ndis_vport **v)
{
	NDIS_STATUS status;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &vport_layout, p, sizeof *p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, p->SwitchId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	*v = vport_find(c->a, p->VPortId);
	if (!*v)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: there is no VPort %u", vport_layout.name,
			      p->VPortId);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vport_parameters(const struct ndis_call *c)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p;
	struct ndis_vport *v;
	NDIS_STATUS status = read_vport(c, &p, &v);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	return ndis_answer(c, vport_layout.size[0], &v->p, vport_layout.size[0], vport_layout.name);
}

/* Checks every member whose flag is set and puts it into `want`; *changed loses what is no change. */
static NDIS_STATUS check_changes(const struct ndis_call *c, const struct ndis_vport *v,
				 NDIS_NIC_SWITCH_VPORT_PARAMETERS *p, NDIS_NIC_SWITCH_VPORT_PARAMETERS *want,
				 uint32_t *changed)
{
	const char *name = vport_layout.name;
	NDIS_STATUS status = NDIS_STATUS_SUCCESS;
	const uint32_t known = NDIS_NIC_SWITCH_VPORT_PARAMS_FLAGS_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED |
			       NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED |
			       NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED |
			       NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED |
			       NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;

	*changed = p->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_CHANGE_MASK;
	if (*changed & ~known)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: Flags is 0x%08X; the CHANGED flags of this adapter are 0x%08X", name, p->Flags,
			      known);
	/* the flags there are must be ignored (spec/10 §5.7), so there is nothing to change */
	*changed &= ~(uint32_t)NDIS_NIC_SWITCH_VPORT_PARAMS_FLAGS_CHANGED;
	if (*changed & NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED) {
		status = check_name(c, p);
		want->VPortName = p->VPortName;
	}
	if (status == NDIS_STATUS_SUCCESS && *changed & NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED) {
		status = check_moderation(c, v, p);
		want->InterruptModeration = p->InterruptModeration;
	}
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (*changed & NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED) {
		if (p->VPortState != NdisNicSwitchVPortStateActivated &&
		    p->VPortState != NdisNicSwitchVPortStateDeactivated)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VPortState is %d; Activated (1) is right",
				      name, (int)p->VPortState);
		if (p->VPortState == NdisNicSwitchVPortStateDeactivated &&
		    v->p.VPortState == NdisNicSwitchVPortStateActivated)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: VPortState: VPort %u is activated and can only be deleted, not deactivated",
				      name, v->p.VPortId);
		want->VPortState = p->VPortState;
		if (p->VPortState == v->p.VPortState)
			*changed &= ~(uint32_t)NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	}
	if (*changed & NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED) {
		if (v->vf)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: ProcessorAffinity: VPort %u is on VF %u; its CPUs are the guest's", name,
				      v->p.VPortId, v->p.AttachedFunctionId);
		status = check_affinity(c, p);
		want->ProcessorAffinity = p->ProcessorAffinity;
		memset(want->ProcessorAffinity.Reserved, 0, sizeof want->ProcessorAffinity.Reserved);
	}
	if (status == NDIS_STATUS_SUCCESS && *changed & NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED) {
		if (v->vf || !ndis_vmmq(c->a))
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: NumQueuePairs can change only on the PF with RSS on PF VPorts (VMMQ)", name);
		if (v->rss && v->rss->enabled && rss_cpus(v->rss) > p->NumQueuePairs)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: NumQueuePairs is %u; the RSS table uses %u CPUs and shrinks first", name,
				      p->NumQueuePairs, rss_cpus(v->rss));
		status = check_queue_pairs(c, v, p->NumQueuePairs, v->p.NumQueuePairs);
		want->NumQueuePairs = p->NumQueuePairs;
	}
	return status;
}

NDIS_STATUS vport_set_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p, want, *down;
	uint32_t changed;
	NDIS_STATUS status = read_vport(c, &p, &op->vport);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (ndis_foreign(c->d, op->vport->owner))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VPort %u belongs to %s, who alone may change it",
			      p.VPortId, op->vport->owner->name);
	want = op->vport->p;
	status = check_changes(c, op->vport, &p, &want, &changed);
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
	*down = want;
	down->Flags = changed;
	memcpy(op->extra, &want, sizeof want);
	return NDIS_STATUS_SUCCESS;
}

/* What the default VPort has of others: an adapter's one moderation, the number of queue pairs the switch tells of. */
static void follow_default(struct ndis_adapter *a, const struct ndis_vport *v)
{
	if (v->p.VPortId != NDIS_DEFAULT_VPORT_ID)
		return;
	a->switch_p.NumQueuePairsForDefaultVPort = v->p.NumQueuePairs;
	if (moderation_of_each(a))
		return;
	ndis_list_each (l, &a->vports)
		ndis_container(l, struct ndis_vport, link)->p.InterruptModeration = v->p.InterruptModeration;
}

/* The adapter's driver repeats a table that must be as large as there are queue pairs by itself (spec/50 §7). */
static void follow_queue_pairs(const struct ndis_adapter *a, struct ndis_vport *v)
{
	uint32_t n = 1;

	if (!v->rss || !v->rss->entries ||
	    !(a->cur_switch.NicSwitchCapabilities &
	      NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SIZE_RESTRICTED))
		return;
	while (n < v->p.NumQueuePairs)
		n *= 2;
	if (n > v->rss->entries && n <= RSS_MAX_ENTRIES)
		rss_repeat(v->rss, n);
}

NDIS_STATUS vport_set_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_vport *v = op->vport;

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!op->skip) {
		const NDIS_NIC_SWITCH_VPORT_PARAMETERS *down = op->buf;

		op->c.a->num_queue_pairs -= v->p.NumQueuePairs;
		memcpy(&v->p, op->extra, sizeof v->p);
		op->c.a->num_queue_pairs += v->p.NumQueuePairs;
		follow_queue_pairs(op->c.a, v);
		follow_default(op->c.a, v);
		/* the primary processor goes with it, the table and the default one do not (spec/50 §9) */
		if (v->rss && (down->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED))
			v->rss->primary =
			    (PROCESSOR_NUMBER){ .Group = v->p.ProcessorAffinity.Group,
						.Number = (UCHAR)__builtin_ctzll(v->p.ProcessorAffinity.Mask) };
	}
	ndis_set_done(&op->c, vport_layout.size[0], 0);
	return status;
}

NDIS_STATUS vport_set_queue_pairs(const struct ndis_call *c, const struct ndis_vport *v, uint32_t n)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = v->p;

	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	p.NumQueuePairs = n;
	return ndis_self_request(c->a, NdisRequestSetInformation, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, sizeof p,
				 c->err);
}

/* ---- OID_NIC_SWITCH_ENUM_VPORTS ---- */

static void put_vport(const struct ndis_call *c, uint32_t at, const struct ndis_vport *v)
{
	NDIS_NIC_SWITCH_VPORT_INFO info;

	memset(&info, 0, sizeof info);
	ndis_header(&info.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_VPORT_INFO_REVISION_1, sizeof info);
	info.VPortId = v->p.VPortId;
	info.SwitchId = NDIS_DEFAULT_SWITCH_ID;
	info.VPortName = v->p.VPortName;
	info.AttachedFunctionId = v->p.AttachedFunctionId;
	info.NumQueuePairs = v->p.NumQueuePairs;
	info.InterruptModeration = v->p.InterruptModeration;
	info.VPortState = v->p.VPortState;
	info.ProcessorAffinity = v->p.ProcessorAffinity;
	info.NumFilters = v->target.num_filters;
	ndis_put(c, at, &info, sizeof info);
}

NDIS_STATUS vport_enum(const struct ndis_call *c)
{
	const struct ndis_adapter *a = c->a;
	const uint32_t both = NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION |
			      NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_SWITCH;
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY p;
	const struct ndis_vf *vf = NULL;
	NDIS_STATUS status;
	uint32_t at, total, n = a->num_vports;
	bool on_function;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &enum_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if ((p.Flags & both) == both)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: Flags is 0x%X; ON_SPECIFIC_FUNCTION and ON_SPECIFIC_SWITCH exclude each other",
			      enum_layout.name, p.Flags);
	if (p.SwitchId != NDIS_DEFAULT_SWITCH_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: SwitchId is %u; 0 is right", enum_layout.name,
			      p.SwitchId);
	on_function = p.Flags & NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION;
	if (on_function && p.AttachedFunctionId != NDIS_PF_FUNCTION_ID) {
		vf = vf_find(a, p.AttachedFunctionId);
		if (!vf)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: AttachedFunctionId is %u; 0xFFFF (the PF) or an allocated VF is right",
				      enum_layout.name, p.AttachedFunctionId);
		n = vf->vport != NULL;
	} else if (on_function) {
		n = a->num_vports - a->num_vf_vports;
	}
	status = ndis_array_room(c, sizeof p, n, sizeof(NDIS_NIC_SWITCH_VPORT_INFO), &at, &total, enum_layout.name);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p.FirstElementOffset = at;
	p.NumElements = n;
	p.ElementSize = sizeof(NDIS_NIC_SWITCH_VPORT_INFO);
	ndis_put(c, 0, &p, sizeof p);
	if (vf && n) {
		put_vport(c, at, vf->vport);
	} else if (n) {
		ndis_list_each (l, &a->vports) {
			const struct ndis_vport *v = ndis_container(l, struct ndis_vport, link);

			if (on_function && v->vf)
				continue;
			put_vport(c, at, v);
			at += (uint32_t)sizeof(NDIS_NIC_SWITCH_VPORT_INFO);
		}
	}
	ndis_set_done(c, enum_layout.size[0], total);
	return NDIS_STATUS_SUCCESS;
}

/* ---- OID_NIC_SWITCH_DELETE_VPORT ---- */

NDIS_STATUS vport_delete_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p, *down;
	struct ndis_vport *v;
	NDIS_STATUS status;
	uint8_t rev;

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &delete_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, NDIS_DEFAULT_SWITCH_ID);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.VPortId == NDIS_DEFAULT_VPORT_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VPort 0 is the default one; it goes with the switch");
	v = vport_find(c->a, p.VPortId);
	if (!v)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "there is no VPort %u", p.VPortId);
	if (ndis_foreign(c->d, v->owner))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VPort %u belongs to %s, who alone may delete it",
			      p.VPortId, v->owner->name);
	if (v->target.num_filters)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "VPort %u has %u filters, which must be cleared or moved first", p.VPortId,
			      v->target.num_filters);
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	down->Flags = 0;
	op->vport = v;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS vport_delete_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	vport_remove(op->c.a, op->vport);
	ndis_set_done(&op->c, delete_layout.size[0], 0);
	return status;
}
