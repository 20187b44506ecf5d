/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capabilities: what the adapter's driver registers is checked and copied here (spec/50 §6, spec/20 §9), and the
 * capability queries are answered from it (spec/10 §4.1, §4.2, §5.1, §6). Control thread only.
 */
#include "ndis/keeper.h"

#include <errno.h>

/* Says what is wrong; false. */
#define bad(err, ...) (vmq_err((err), -EINVAL, __VA_ARGS__) >= 0)

static bool power_of_2(uint32_t n)
{
	return n && (n & (n - 1)) == 0;
}

void ndis_copy_revision(void *dst, size_t size, const void *src)
{
	NDIS_OBJECT_HEADER h;

	memcpy(&h, src, sizeof h);
	memset(dst, 0, size);
	memcpy(dst, src, h.Size < size ? h.Size : size);
}

static bool header_ok(const NDIS_OBJECT_HEADER *h, uint8_t type, uint8_t revision, size_t size, const char *name,
		      struct vmq_err *err)
{
	if (h->Type == type && h->Revision == revision && h->Size >= size)
		return true;
	return bad(err, "%s: Header is type 0x%02X, revision %u, size %u; 0x%02X, %u and at least %zu are right", name,
		   h->Type, h->Revision, h->Size, type, revision, size);
}

bool ndis_filter_caps_ok(const struct ndis_adapter *a, const NDIS_RECEIVE_FILTER_CAPABILITIES *c, bool current,
			 struct vmq_err *err)
{
	const char *name = "NDIS_RECEIVE_FILTER_CAPABILITIES";
	const uint32_t queue_props = NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED | NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED |
				     NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED |
				     NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED;

	if (!header_ok(&c->Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2,
		       NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2, name, err))
		return false;
	if ((c->SupportedQueueProperties & queue_props) != queue_props)
		return bad(
		    err,
		    "%s: SupportedQueueProperties is 0x%X; MSI_X, VM_QUEUE, DYNAMIC_PROCESSOR_AFFINITY_CHANGE and "
		    "INTERRUPT_VECTOR_COALESCING are mandatory",
		    name, c->SupportedQueueProperties);
	if ((c->SupportedQueueProperties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED) || c->MinLookaheadSplitSize ||
	    c->MaxLookaheadSplitSize)
		return bad(err, "%s: lookahead split is not allowed from NDIS 6.30", name);
	if (!(c->SupportedFilterTests & NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED) ||
	    !(c->SupportedHeaders & NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED) ||
	    !(c->SupportedMacHeaderFields & NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED))
		return bad(err, "%s: the test Equal on the MAC header's destination address is mandatory", name);
	if (!c->MaxMacHeaderFilters || c->MaxMacHeaderFilters < c->NumQueues || c->MaxMacHeaderFilters > (1u << 24))
		return bad(err, "%s: MaxMacHeaderFilters is %u; at least 1 and NumQueues (%u), at most 2^24", name,
			   c->MaxMacHeaderFilters, c->NumQueues);
	if (c->NumQueues > 0xFFFE)
		return bad(err, "%s: NumQueues is %u; a QueueId has 16 bits beside a frame", name, c->NumQueues);
	if ((c->MaxFieldTestsPerPacketCoalescingFilter && c->MaxFieldTestsPerPacketCoalescingFilter < 5) ||
	    (c->MaxPacketCoalescingFilters && c->MaxPacketCoalescingFilters < 10))
		return bad(err,
			   "%s: MaxFieldTestsPerPacketCoalescingFilter is %u and MaxPacketCoalescingFilters %u; 0, or at "
			   "least 5 and 10 are right",
			   name, c->MaxFieldTestsPerPacketCoalescingFilter, c->MaxPacketCoalescingFilters);
	if (!current)
		return true;
	if (!(c->EnabledFilterTypes & NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED))
		return bad(err, "%s: EnabledFilterTypes lacks VMQ_FILTERS_ENABLED", name);
	if (a->mode == MINIPORT_MODE_SRIOV && c->NumQueues)
		return bad(err, "%s: NumQueues is %u; 0 is right when SR-IOV is on", name, c->NumQueues);
	if (!(c->EnabledQueueTypes & NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED) != !c->NumQueues)
		return bad(err,
			   "%s: VM_QUEUES_ENABLED in EnabledQueueTypes and NumQueues above 0 go together; they are "
			   "0x%X and %u",
			   name, c->EnabledQueueTypes, c->NumQueues);
	return true;
}

bool ndis_switch_caps_ok(const NDIS_NIC_SWITCH_CAPABILITIES *c, struct vmq_err *err)
{
	const char *name = "NDIS_NIC_SWITCH_CAPABILITIES";
	const uint32_t hash_flags = NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_FUNCTION_SUPPORTED |
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_TYPE_SUPPORTED |
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_KEY_SUPPORTED;
	const uint32_t vmmq_needs =
	    NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL | NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED;
	uint32_t f = c->NicSwitchCapabilities;
	bool rev3 = c->Header.Revision >= NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3;

	if (!header_ok(&c->Header, NDIS_OBJECT_TYPE_DEFAULT,
		       rev3 ? NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3 : NDIS_NIC_SWITCH_CAPABILITIES_REVISION_2,
		       rev3 ? NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3
			    : NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2,
		       name, err))
		return false;
	if (c->MaxNumSwitches != 1)
		return bad(err, "%s: MaxNumSwitches is %u; 1 is right", name, c->MaxNumSwitches);
	if (c->NumTotalMacAddresses || c->NumMacAddressesPerPort || c->NumVlansPerPort)
		return bad(err,
			   "%s: NumTotalMacAddresses, NumMacAddressesPerPort and NumVlansPerPort must "
			   "be 0 from revision 2",
			   name);
	if (c->MaxNumVPorts > 0xFFFF || c->MaxNumVFs >= 0xFFFF || c->MaxNumVPorts < c->MaxNumVFs + 1)
		return bad(err, "%s: MaxNumVPorts is %u with %u VFs; MaxNumVFs + 1 to 65535 are right", name,
			   c->MaxNumVPorts, c->MaxNumVFs);
	if (c->MaxNumQueuePairs < c->MaxNumVPorts)
		return bad(err, "%s: MaxNumQueuePairs is %u; at least MaxNumVPorts (%u) is right", name,
			   c->MaxNumQueuePairs, c->MaxNumVPorts);
	if (!power_of_2(c->MaxNumQueuePairsPerNonDefaultVPort))
		return bad(err, "%s: MaxNumQueuePairsPerNonDefaultVPort is %u; a power of 2 is right", name,
			   c->MaxNumQueuePairsPerNonDefaultVPort);
	if (c->MaxNumMacAddresses < c->MaxNumVPorts)
		return bad(err, "%s: MaxNumMacAddresses is %u; at least MaxNumVPorts (%u) is right", name,
			   c->MaxNumMacAddresses, c->MaxNumVPorts);
	if ((f & hash_flags) != 0 && (f & hash_flags) != hash_flags)
		return bad(err, "%s: the hash function, type and key flags go together", name);
	if (f & NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED) {
		if ((f & vmmq_needs) != vmmq_needs || !rev3)
			return bad(err,
				   "%s: RSS_ON_PF_VPORTS needs revision 3, SINGLE_VPORT_POOL and "
				   "RSS_PER_PF_VPORT_INDIRECTION_TABLE",
				   name);
		if (!c->MaxNumRssCapableNonDefaultPFVPorts)
			return bad(err, "%s: RSS_ON_PF_VPORTS, and MaxNumRssCapableNonDefaultPFVPorts is 0", name);
		if (!power_of_2(c->MaxNumQueuePairsForDefaultVPort))
			return bad(err, "%s: MaxNumQueuePairsForDefaultVPort is %u; a power of 2 is right", name,
				   c->MaxNumQueuePairsForDefaultVPort);
	}
	return true;
}

/* PF and VF alike say that there is SR-IOV (spec/70 Q46). */
static bool sriov_caps_ok(const NDIS_SRIOV_CAPABILITIES *c, struct vmq_err *err)
{
	const char *name = "NDIS_SRIOV_CAPABILITIES";

	if (!header_ok(&c->Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SRIOV_CAPABILITIES_REVISION_1,
		       NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1, name, err))
		return false;
	if (!(c->SriovCapabilities & NDIS_SRIOV_CAPS_SRIOV_SUPPORTED))
		return bad(err, "%s: SriovCapabilities is 0x%X; SRIOV_SUPPORTED is mandatory", name, c->SriovCapabilities);
	return true;
}

int ndis_register(struct ndis_adapter *a, const struct miniport_attributes *at, struct vmq_err *err)
{
	const char *sriov = "NDIS_SRIOV_CAPABILITIES";

	if ((at->current_filter && !at->hardware_filter) || (at->current_switch && !at->hardware_switch) ||
	    (at->current_sriov && !at->hardware_sriov))
		return vmq_err(err, -EINVAL, "capabilities: a current pointer is set and its hardware pointer is not");
	if ((at->current_sriov && (at->current_sriov->SriovCapabilities & NDIS_SRIOV_CAPS_PF_MINIPORT) &&
	     !at->current_switch) ||
	    (at->hardware_sriov && (at->hardware_sriov->SriovCapabilities & NDIS_SRIOV_CAPS_PF_MINIPORT) &&
	     !at->hardware_switch))
		return vmq_err(err, -EINVAL, "%s: a PF driver with SR-IOV needs switch capabilities", sriov);
	if (a->mode != MINIPORT_MODE_SRIOV && at->current_sriov &&
	    !(at->current_sriov->SriovCapabilities & NDIS_SRIOV_CAPS_VF_MINIPORT))
		return vmq_err(err, -EINVAL, "%s: current must be NULL in mode %s", sriov, ndis_mode_name(a->mode));
	if (at->current_switch && a->mode != MINIPORT_MODE_SRIOV &&
	    !(a->mode == MINIPORT_MODE_VMQ &&
	      (at->current_switch->NicSwitchCapabilities & NDIS_NIC_SWITCH_CAPS_NIC_SWITCH_WITHOUT_IOV_SUPPORTED)))
		return vmq_err(err, -EINVAL,
			       "NDIS_NIC_SWITCH_CAPABILITIES: current must be NULL in mode %s without "
			       "NIC_SWITCH_WITHOUT_IOV",
			       ndis_mode_name(a->mode));
	if (at->hardware_filter) {
		if (!ndis_filter_caps_ok(a, at->hardware_filter, false, err))
			return -EINVAL;
		ndis_copy_revision(&a->hw_filter, sizeof a->hw_filter, at->hardware_filter);
		a->has_hw_filter = true;
	}
	if (at->current_filter) {
		if (!ndis_filter_caps_ok(a, at->current_filter, true, err))
			return -EINVAL;
		ndis_copy_revision(&a->cur_filter, sizeof a->cur_filter, at->current_filter);
		a->has_cur_filter = true;
	}
	if (at->hardware_switch) {
		if (!ndis_switch_caps_ok(at->hardware_switch, err))
			return -EINVAL;
		ndis_copy_revision(&a->hw_switch, sizeof a->hw_switch, at->hardware_switch);
		a->has_hw_switch = true;
	}
	if (at->current_switch) {
		if (!ndis_switch_caps_ok(at->current_switch, err))
			return -EINVAL;
		ndis_copy_revision(&a->cur_switch, sizeof a->cur_switch, at->current_switch);
		a->has_cur_switch = true;
	}
	if (at->hardware_sriov) {
		if (!sriov_caps_ok(at->hardware_sriov, err))
			return -EINVAL;
		ndis_copy_revision(&a->hw_sriov, sizeof a->hw_sriov, at->hardware_sriov);
		a->has_hw_sriov = true;
	}
	if (at->current_sriov) {
		if (!sriov_caps_ok(at->current_sriov, err))
			return -EINVAL;
		ndis_copy_revision(&a->cur_sriov, sizeof a->cur_sriov, at->current_sriov);
		a->has_cur_sriov = true;
	}
	a->mac_addresses_per_target = at->mac_addresses_per_target;
	a->vlans_per_target = at->vlans_per_target;
	if (at->rss) {
		if (!header_ok(
			&at->rss->Header, NDIS_OBJECT_TYPE_RSS_CAPABILITIES, NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
			NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2, "NDIS_RECEIVE_SCALE_CAPABILITIES", err))
			return -EINVAL;
		ndis_copy_revision(&a->rss, sizeof a->rss, at->rss);
		a->has_rss = true;
	}
	if (a->mode == MINIPORT_MODE_SRIOV && (!a->has_cur_switch || !a->has_cur_filter))
		return vmq_err(err, -EINVAL,
			       "mode SR-IOV, but the adapter's driver registered no current %s capabilities",
			       a->has_cur_switch ? "receive-filter" : "switch");
	if (a->mode == MINIPORT_MODE_VMQ && !a->has_cur_filter)
		return vmq_err(err, -EINVAL,
			       "mode VMQ, but the adapter's driver registered no current receive-filter "
			       "capabilities");
	return 0;
}

/* ---- queries ---- */

static NDIS_STATUS no_filters(const struct ndis_call *c)
{
	return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: the adapter has no receive filtering %s",
		      ndis_oid_name(c->oid), c->a->has_hw_filter ? "enabled" : "at all");
}

NDIS_STATUS caps_filter_hardware(const struct ndis_call *c)
{
	if (!c->a->has_hw_filter)
		return no_filters(c);
	return ndis_answer(c, 0, &c->a->hw_filter, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2,
			   "NDIS_RECEIVE_FILTER_CAPABILITIES");
}

NDIS_STATUS caps_filter_current(const struct ndis_call *c)
{
	if (!c->a->has_cur_filter)
		return no_filters(c);
	return ndis_answer(c, 0, &c->a->cur_filter, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2,
			   "NDIS_RECEIVE_FILTER_CAPABILITIES");
}

NDIS_STATUS caps_filter_global(const struct ndis_call *c)
{
	NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS g = { 0 };

	if (!c->a->has_hw_filter)
		return no_filters(c);
	ndis_header(&g.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1,
		    NDIS_SIZEOF_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1);
	if (c->a->has_cur_filter) {
		g.EnabledFilterTypes = c->a->cur_filter.EnabledFilterTypes;
		g.EnabledQueueTypes = c->a->cur_filter.EnabledQueueTypes;
	}
	return ndis_answer(c, 0, &g, sizeof g, "NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS");
}

NDIS_STATUS ndis_need_switch_caps(const struct ndis_call *c)
{
	if (c->a->has_cur_switch)
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: the NIC switch is not %s (%s)", ndis_oid_name(c->oid),
		      c->a->has_hw_switch ? "enabled" : "supported by this adapter", c->a->mode_reason);
}

NDIS_STATUS ndis_need_switch(const struct ndis_call *c, uint32_t switch_id)
{
	NDIS_STATUS status = ndis_need_switch_caps(c);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!c->a->switch_present && c->a->mode != MINIPORT_MODE_SRIOV)
		return refuse(
		    c, NDIS_STATUS_NOT_SUPPORTED,
		    "%s: the NIC switch is not enabled: none was created, and the adapter can hold VM queues instead",
		    ndis_oid_name(c->oid));
	if (switch_id != NDIS_DEFAULT_SWITCH_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: SwitchId is %u; NDIS_DEFAULT_SWITCH_ID (0) is right", ndis_oid_name(c->oid),
			      switch_id);
	if (!c->a->switch_present)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: SwitchId 0: the switch has not been created",
			      ndis_oid_name(c->oid));
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS switch_answer(const struct ndis_call *c, const NDIS_NIC_SWITCH_CAPABILITIES *caps)
{
	return ndis_answer(c, 0, caps,
			   caps->Header.Revision >= NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3
			       ? NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3
			       : NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2,
			   "NDIS_NIC_SWITCH_CAPABILITIES");
}

NDIS_STATUS caps_switch_hardware(const struct ndis_call *c)
{
	if (!c->a->has_hw_switch)
		return ndis_need_switch_caps(c);
	return switch_answer(c, &c->a->hw_switch);
}

NDIS_STATUS caps_switch_current(const struct ndis_call *c)
{
	NDIS_STATUS status = ndis_need_switch_caps(c);

	return status == NDIS_STATUS_SUCCESS ? switch_answer(c, &c->a->cur_switch) : status;
}

static NDIS_STATUS sriov_answer(const struct ndis_call *c, bool has, const NDIS_SRIOV_CAPABILITIES *caps)
{
	if (!has)
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: SR-IOV is not %s (%s)", ndis_oid_name(c->oid),
			      c->a->has_hw_sriov ? "enabled" : "supported by this adapter", c->a->mode_reason);
	return ndis_answer(c, 0, caps, NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1, "NDIS_SRIOV_CAPABILITIES");
}

NDIS_STATUS caps_sriov_hardware(const struct ndis_call *c)
{
	return sriov_answer(c, c->a->has_hw_sriov, &c->a->hw_sriov);
}

NDIS_STATUS caps_sriov_current(const struct ndis_call *c)
{
	return sriov_answer(c, c->a->has_cur_sriov, &c->a->cur_sriov);
}
