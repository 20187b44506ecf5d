/* SPDX-License-Identifier: BSD-3-Clause */
/* The software adapter's driver: what it can do, and which file handles which request. Control thread only. */
#include "miniport/softnic/softnic_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmq/ndis_vmq.h>

static const struct {
	NDIS_OID oid;
	NDIS_STATUS (*handle)(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
} handlers[] = {
	{ OID_NIC_SWITCH_CREATE_SWITCH, softnic_create_switch },
	{ OID_NIC_SWITCH_DELETE_SWITCH, softnic_delete_switch },
	{ OID_NIC_SWITCH_CREATE_VPORT, softnic_create_vport },
	{ OID_NIC_SWITCH_VPORT_PARAMETERS, softnic_set_vport },
	{ OID_NIC_SWITCH_DELETE_VPORT, softnic_delete_vport },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS, softnic_vport_rss },
	{ OID_VMQ_VPORT_POLICY, softnic_vport_policy },
	{ OID_VMQ_VF_CPUS, softnic_vf_cpus },
	{ OID_VMQ_VPORT_TUNING, softnic_vport_tuning },
	{ OID_RECEIVE_FILTER_SET_FILTER, softnic_set_filter },
	{ OID_RECEIVE_FILTER_CLEAR_FILTER, softnic_clear_filter },
	{ OID_RECEIVE_FILTER_MOVE_FILTER, softnic_move_filter },
	{ OID_RECEIVE_FILTER_ALLOCATE_QUEUE, softnic_allocate_queue },
	{ OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, softnic_complete_queues },
	{ OID_RECEIVE_FILTER_QUEUE_PARAMETERS, softnic_set_queue },
	{ OID_RECEIVE_FILTER_FREE_QUEUE, softnic_free_queue },
	{ OID_NIC_SWITCH_ALLOCATE_VF, softnic_allocate_vf },
	{ OID_NIC_SWITCH_FREE_VF, softnic_free_vf },
	{ OID_SRIOV_READ_VF_CONFIG_SPACE, softnic_config_space },
	{ OID_SRIOV_WRITE_VF_CONFIG_SPACE, softnic_config_space },
	{ OID_SRIOV_READ_VF_CONFIG_BLOCK, softnic_config_block },
	{ OID_SRIOV_WRITE_VF_CONFIG_BLOCK, softnic_config_block },
	{ OID_SRIOV_RESET_VF, softnic_reset_vf },
	{ OID_SRIOV_SET_VF_POWER_STATE, softnic_vf_power },
	{ OID_SRIOV_VF_VENDOR_DEVICE_ID, softnic_vf_ids },
	{ OID_SRIOV_PROBED_BARS, softnic_probed_bars },
	{ OID_SRIOV_BAR_RESOURCES, softnic_bar_resources },
};

NDIS_STATUS softnic_status(int rc)
{
	switch (rc) {
	case 0:
		return NDIS_STATUS_SUCCESS;
	case -EINVAL:
	case -ENOENT:
	case -EEXIST:
		return NDIS_STATUS_INVALID_PARAMETER;
	case -ENOSPC:
	case -ENOMEM:
		return NDIS_STATUS_RESOURCES;
	default:
		return NDIS_STATUS_FAILURE;
	}
}

NDIS_STATUS softnic_cpu(const struct softnic *s, const GROUP_AFFINITY *a, unsigned *cpu, struct vmq_err *err)
{
	uint16_t cpus[NIC_MAX_WORKERS];
	char list[VMQ_ERR_TEXT / 2] = "";
	unsigned n;
	size_t len = 0;

	*cpu = a->Group * 64u + (unsigned)__builtin_ctzll(a->Mask);
	if (nic_engine_has_cpu(s->engine, *cpu))
		return NDIS_STATUS_SUCCESS;
	n = nic_engine_cpus(s->engine, cpus);
	for (unsigned i = 0; i < n && len < sizeof list; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%u", i ? ", " : "", cpus[i]);
	return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_INVALID_PARAMETER,
				    "ProcessorAffinity: CPU %u (bit %u of group %u) has no worker; these have: %s",
				    *cpu, *cpu % 64, a->Group, list);
}

NDIS_STATUS softnic_vport(struct softnic *s, const struct nic_vport_config *cfg, struct vmq_err *err)
{
	NDIS_STATUS status = softnic_status(nic_vport_create(s->nic, cfg, err));

	if (status == NDIS_STATUS_SUCCESS) {
		s->policies[cfg->id] = 0;
		s->vf_of[cfg->id] = 0;
	}
	return status;
}

NDIS_STATUS softnic_vport_gone(struct softnic *s, uint32_t id, struct vmq_err *err)
{
	int rc = nic_vport_delete(s->nic, id);

	if (rc == -EBUSY)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_FAILURE,
					    "VPort %u is in use: its VM or host port must be disconnected first", id);
	return rc ? (NDIS_STATUS)vmq_err(err, NDIS_STATUS_FAILURE, "VPort %u: %s", id, strerror(-rc))
		  : NDIS_STATUS_SUCCESS;
}

/* ---- capabilities ---- */

static void fill_filter_caps(const struct softnic *s, NDIS_RECEIVE_FILTER_CAPABILITIES *c, bool vlan, bool queues)
{
	memset(c, 0, sizeof *c);
	c->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	c->Header.Revision = NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2;
	c->Header.Size = NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2;
	c->EnabledFilterTypes = NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED;
	c->EnabledQueueTypes = queues ? NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED : 0;
	c->NumQueues = queues ? s->cfg.limits.vm_queues : 0;
	c->SupportedQueueProperties = NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED | NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED |
				      NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED |
				      NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED;
	c->SupportedFilterTests = NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED;
	c->SupportedHeaders = NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED;
	c->SupportedMacHeaderFields = NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED |
				      (vlan ? NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED : 0);
	c->MaxMacHeaderFilters = s->cfg.limits.filters;
}

/* VMMQ needs the single pool (spec/50 §7), and may be switched off. */
static uint32_t switch_flags(const struct softnic_limits *l, bool vlan, bool vmmq)
{
	const uint32_t vmmq_flags = NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED |
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED |
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_FUNCTION_SUPPORTED |
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_TYPE_SUPPORTED |
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_KEY_SUPPORTED;
	uint32_t f = NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED;

	if (vlan)
		f |= NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED;
	if (l->single_vport_pool)
		f |= NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL | (vmmq ? vmmq_flags : 0);
	if (l->asymmetric_queue_pairs)
		f |= NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED;
	if (l->switch_without_sriov)
		f |= NDIS_NIC_SWITCH_CAPS_NIC_SWITCH_WITHOUT_IOV_SUPPORTED;
	return f;
}

static void fill_switch_caps(const struct softnic *s, NDIS_NIC_SWITCH_CAPABILITIES *c, uint32_t flags, bool vfs)
{
	const struct softnic_limits *l = &s->cfg.limits;

	memset(c, 0, sizeof *c);
	c->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	c->Header.Revision = NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3;
	c->Header.Size = NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3;
	c->NicSwitchCapabilities = flags;
	c->MaxNumSwitches = 1;
	c->MaxNumVPorts = l->vports;
	c->MaxNumVFs = vfs ? l->vfs : 0;
	c->MaxNumQueuePairs = l->queue_pairs;
	c->MaxNumQueuePairsPerNonDefaultVPort = l->queue_pairs_per_vport;
	c->MaxNumMacAddresses = l->mac_addresses;
	if (!(flags & NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED))
		return;
	c->MaxNumRssCapableNonDefaultPFVPorts = l->vports - 1;
	c->NumberOfIndirectionTableEntriesForDefaultVPort = 1; /* it is the host's device: one queue pair */
	c->NumberOfIndirectionTableEntriesPerNonDefaultPFVPort = NIC_RSS_MAX_ENTRIES;
	c->MaxNumQueuePairsForDefaultVPort = 1;
}

static void fill_rss_caps(const struct softnic *s, NDIS_RECEIVE_SCALE_CAPABILITIES *c)
{
	uint16_t cpus[NIC_MAX_WORKERS];

	memset(c, 0, sizeof *c);
	c->Header.Type = NDIS_OBJECT_TYPE_RSS_CAPABILITIES;
	c->Header.Revision = NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2;
	c->Header.Size = NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2;
	c->CapabilitiesFlags = NDIS_RSS_CAPS_MESSAGE_SIGNALED_INTERRUPTS |
			       NDIS_RSS_CAPS_SUPPORTS_INDEPENDENT_ENTRY_MOVE | NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4 |
			       NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6 | NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV4 |
			       NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6;
	c->NumberOfInterruptMessages = nic_engine_cpus(s->engine, cpus);
	c->NumberOfReceiveQueues = s->cfg.limits.queue_pairs;
	c->NumberOfIndirectionTableEntries = NIC_RSS_MAX_ENTRIES;
}

static int initialize(void *ctx, const struct miniport_init *init, struct miniport_attributes *out, struct vmq_err *err)
{
	struct softnic *s = ctx;
	bool vlan = init->keywords->vmq_vlan_filtering;
	bool sriov = init->mode == MINIPORT_MODE_SRIOV;

	s->adapter = init->adapter;
	s->up = init->up;
	s->mode = init->mode;
	fill_filter_caps(s, &s->hw_filter, true, true);
	fill_filter_caps(s, &s->cur_filter, vlan, init->mode == MINIPORT_MODE_VMQ);
	fill_switch_caps(s, &s->hw_switch, switch_flags(&s->cfg.limits, true, true), true);
	fill_switch_caps(s, &s->cur_switch, switch_flags(&s->cfg.limits, vlan, init->keywords->rss_on_host_vports),
			 sriov);
	fill_rss_caps(s, &s->rss);
	s->sriov.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	s->sriov.Header.Revision = NDIS_SRIOV_CAPABILITIES_REVISION_1;
	s->sriov.Header.Size = NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1;
	s->sriov.SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_PF_MINIPORT;
	out->hardware_filter = &s->hw_filter;
	out->hardware_switch = &s->hw_switch;
	out->hardware_sriov = &s->sriov;
	out->rss = &s->rss;
	out->mac_addresses_per_target = s->cfg.limits.mac_addresses_per_vport;
	out->vlans_per_target = s->cfg.limits.vlans_per_vport;
	if (init->mode == MINIPORT_MODE_VMQ || sriov)
		out->current_filter = &s->cur_filter;
	if (sriov || (init->mode == MINIPORT_MODE_VMQ && s->cfg.limits.switch_without_sriov))
		out->current_switch = &s->cur_switch;
	if (sriov) {
		out->current_sriov = &s->sriov;
		return 0; /* VPort 0 comes with the switch */
	}
	/* the bare adapter, and VM queues' default one */
	return softnic_vport(s,
			     &(struct nic_vport_config){ .id = 0,
							 .cpu = s->cfg.default_cpu,
							 .queue_pairs = 1,
							 .moderation = NIC_MODERATION_ADAPTIVE,
							 .active = true },
			     err) == NDIS_STATUS_SUCCESS
		   ? 0
		   : -EIO;
}

static NDIS_STATUS oid_request(void *ctx, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	NDIS_OID oid = req->DATA.QUERY_INFORMATION.Oid; /* at the same place in all members of DATA */

	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		if (handlers[i].oid == oid)
			return handlers[i].handle(ctx, req, err);
	if (oid == OID_NIC_SWITCH_PARAMETERS) /* a name, which the keeper holds */
		return NDIS_STATUS_SUCCESS;
	return (NDIS_STATUS)vmq_err(err, VMQ_IS_VENDOR_OID(oid) ? NDIS_STATUS_INVALID_OID : NDIS_STATUS_NOT_SUPPORTED,
				    "OID 0x%08X is not one of the software adapter's", oid);
}

static void halt(void *ctx)
{
	struct softnic *s = ctx;

	if (s->mode != MINIPORT_MODE_SRIOV)
		(void)softnic_vport_gone(s, 0, NULL);
	s->adapter = NULL;
}

const struct miniport_ops softnic_ops = {
	.name = "softnic",
	.initialize = initialize,
	.oid_request = oid_request,
	.halt = halt,
};

/* ---- the object ---- */

void softnic_config_default(const struct nic_engine *e, struct softnic_config *cfg)
{
	uint16_t cpus[NIC_MAX_WORKERS] = { 0 };

	(void)nic_engine_cpus(e, cpus);
	cfg->default_cpu = cpus[0];
	softnic_limits_default(&cfg->limits, NIC_MAX_VPORTS);
}

static int check(const struct nic_engine *e, const struct softnic_config *c, struct vmq_err *err)
{
	if (softnic_limits_check(&c->limits, err) < 0)
		return -EINVAL;
	if (!nic_engine_has_cpu(e, c->default_cpu))
		return vmq_err(err, -EINVAL, "default_cpu: CPU %u has no worker", c->default_cpu);
	return 0;
}

int softnic_create(struct nic_engine *e, struct nic *n, const struct softnic_config *cfg, struct softnic **out,
		   struct vmq_err *err)
{
	struct softnic *s;
	int rc = check(e, cfg, err);

	if (rc)
		return rc;
	s = calloc(1, sizeof *s);
	if (!s)
		return vmq_err(err, -ENOMEM, "out of memory");
	s->engine = e;
	s->nic = n;
	s->cfg = *cfg;
	*out = s;
	return 0;
}

void softnic_destroy(struct softnic *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->cfg.limits.vfs; i++)
		free(s->vf[i]);
	free(s);
}
