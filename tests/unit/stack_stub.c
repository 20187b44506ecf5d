/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver that moves no frames, and the stack's callbacks (stack_stub.h). */
#include "stack_stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <vmq/ndis_vmq.h>

static void note(char *log, size_t size, const char *what, unsigned a)
{
	size_t len = strlen(log);

	(void)snprintf(log + len, size - len, "%s%s(%u)", len ? " " : "", what, a);
}

static int initialize(void *ctx, const struct miniport_init *init, struct miniport_attributes *out, struct vmq_err *err)
{
	struct stub *s = ctx;
	static NDIS_RECEIVE_FILTER_CAPABILITIES filter = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2, sizeof filter },
		.EnabledFilterTypes = NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
		.SupportedQueueProperties = NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED |
					    NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED |
					    NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED |
					    NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED,
		.SupportedFilterTests = NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
		.SupportedHeaders = NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
		.SupportedMacHeaderFields = NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED |
					    NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED,
		.MaxMacHeaderFilters = STUB_MAX_FILTERS,
	};
	static const NDIS_NIC_SWITCH_CAPABILITIES sw = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_CAPABILITIES_REVISION_2,
			    NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2 },
		.NicSwitchCapabilities = NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL |
					 NDIS_NIC_SWITCH_CAPS_NIC_SWITCH_WITHOUT_IOV_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED,
		.MaxNumSwitches = 1,
		.MaxNumVPorts = STUB_MAX_VPORTS,
		.MaxNumVFs = STUB_MAX_VFS,
		.MaxNumQueuePairs = STUB_MAX_VPORTS,
		.MaxNumQueuePairsPerNonDefaultVPort = 1,
		.MaxNumMacAddresses = STUB_MAX_FILTERS,
	};
	static const NDIS_NIC_SWITCH_CAPABILITIES vmmq = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3, sizeof vmmq },
		.NicSwitchCapabilities = NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL |
					 NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED,
		.MaxNumSwitches = 1,
		.MaxNumVPorts = STUB_MAX_VPORTS,
		.MaxNumQueuePairs = 2 * STUB_MAX_VPORTS,
		.MaxNumQueuePairsPerNonDefaultVPort = 2,
		.MaxNumMacAddresses = STUB_MAX_FILTERS,
		.MaxNumRssCapableNonDefaultPFVPorts = STUB_MAX_VPORTS - 1,
		.NumberOfIndirectionTableEntriesForDefaultVPort = 1,
		.NumberOfIndirectionTableEntriesPerNonDefaultPFVPort = 64,
		.MaxNumQueuePairsForDefaultVPort = 1,
	};
	static const NDIS_RECEIVE_SCALE_CAPABILITIES rss = {
		.Header = { NDIS_OBJECT_TYPE_RSS_CAPABILITIES, NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
			    NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2 },
		.CapabilitiesFlags = NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4 | NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6 |
				     NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV4 | NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6,
	};
	static const NDIS_SRIOV_CAPABILITIES sriov = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, NDIS_SRIOV_CAPABILITIES_REVISION_1, sizeof sriov },
		.SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_PF_MINIPORT,
	};

	bool queues = init->mode == MINIPORT_MODE_VMQ, sriov_on = init->mode == MINIPORT_MODE_SRIOV;

	(void)err;
	s->up = init->up;
	s->up_adapter = init->adapter;
	filter.EnabledQueueTypes = queues ? NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED : 0;
	filter.NumQueues = queues ? STUB_MAX_QUEUES : 0;
	*out = (struct miniport_attributes){ .hardware_filter = &filter,
					     .current_filter = queues || sriov_on ? &filter : NULL,
					     .rss = s->vmmq ? &rss : NULL,
					     .hardware_switch = s->vmmq ? &vmmq : &sw,
					     .current_switch = s->vmmq ? &vmmq : queues || sriov_on ? &sw : NULL,
					     .hardware_sriov = &sriov,
					     .current_sriov = sriov_on ? &sriov : NULL };
	return 0;
}

static void dma_stopped(struct stub *s, ULONG queue)
{
	NDIS_RECEIVE_QUEUE_STATE state = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_STATE_REVISION_1, sizeof state },
		.QueueId = queue,
		.QueueState = NdisReceiveQueueOperationalStateDmaStopped,
	};

	s->up->indicate(s->up_adapter, NDIS_STATUS_RECEIVE_QUEUE_STATE, &state, sizeof state);
}

/* Of a batch of one. */
static void complete(struct stub *s, void *buf)
{
	const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *a = buf;
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *e = (void *)((char *)buf + a->FirstElementOffset);

	assert_int_equal(a->NumElements, 1);
	note(s->log, sizeof s->log, "COMPLETE", e->QueueId);
	e->CompletionStatus = s->element_status;
}

/* The words of the log, and which member is the number. */
static NDIS_STATUS handle(struct stub *s, NDIS_OID oid, void *buf)
{
	const NDIS_RECEIVE_FILTER_PARAMETERS *set = buf;
	const NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS *clear = buf;
	const NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS *move = buf;
	const NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS *del = buf;
	const NDIS_NIC_SWITCH_VPORT_PARAMETERS *vport = buf;
	const NDIS_RECEIVE_QUEUE_PARAMETERS *queue = buf;
	const NDIS_RECEIVE_QUEUE_FREE_PARAMETERS *gone = buf;
	const NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *free_vf = buf;
	const NDIS_SRIOV_RESET_VF_PARAMETERS *reset = buf;
	const VMQ_VPORT_POLICY *policy = buf;
	const VMQ_VPORT_TUNING *tuning = buf;
	const VMQ_VF_CPUS *cpus = buf;
	NDIS_NIC_SWITCH_VF_PARAMETERS *vf = buf;

	switch (oid) {
	case OID_RECEIVE_FILTER_ALLOCATE_QUEUE:
		note(s->log, sizeof s->log, "ALLOCATE_QUEUE", queue->QueueId);
		s->allocated = *queue;
		break;
	case OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE:
		complete(s, buf);
		break;
	case OID_RECEIVE_FILTER_QUEUE_PARAMETERS:
		note(s->log, sizeof s->log, "QUEUE_PARAMETERS", queue->QueueId);
		break;
	case OID_RECEIVE_FILTER_FREE_QUEUE:
		note(s->log, sizeof s->log, "FREE_QUEUE", gone->QueueId);
		dma_stopped(s, gone->QueueId);
		break;
	case OID_NIC_SWITCH_CREATE_VPORT:
		note(s->log, sizeof s->log, "CREATE_VPORT", vport->VPortId);
		s->created = *vport;
		break;
	case OID_NIC_SWITCH_ALLOCATE_VF:
		for (vf->VFId = 0; s->vf[vf->VFId]; vf->VFId++)
			;
		s->vf[vf->VFId] = true;
		vf->RequestorId = NDIS_MAKE_RID(1, 2, vf->VFId);
		note(s->log, sizeof s->log, "ALLOCATE_VF", vf->VFId);
		s->allocated_vf = *vf;
		break;
	case OID_NIC_SWITCH_FREE_VF:
		note(s->log, sizeof s->log, "FREE_VF", free_vf->VFId);
		s->vf[free_vf->VFId] = false;
		break;
	case OID_SRIOV_RESET_VF:
		note(s->log, sizeof s->log, "RESET_VF", reset->VFId);
		break;
	case OID_NIC_SWITCH_VPORT_PARAMETERS:
		note(s->log, sizeof s->log, "VPORT_PARAMETERS", vport->VPortId);
		s->set = *vport;
		break;
	case OID_GEN_RECEIVE_SCALE_PARAMETERS:
		memcpy(s->rss, buf, sizeof(NDIS_RECEIVE_SCALE_PARAMETERS));
		memcpy(s->rss, buf, ((const NDIS_RECEIVE_SCALE_PARAMETERS *)(void *)s->rss)->HashSecretKeyOffset + 40);
		note(s->log, sizeof s->log, "RSS", ((const NDIS_RECEIVE_SCALE_PARAMETERS *)(void *)s->rss)->Flags);
		break;
	case OID_NIC_SWITCH_DELETE_VPORT:
		note(s->log, sizeof s->log, "DELETE_VPORT", del->VPortId);
		break;
	case OID_RECEIVE_FILTER_SET_FILTER:
		note(s->log, sizeof s->log, "SET_FILTER", set->VPortId | set->QueueId);
		break;
	case OID_RECEIVE_FILTER_CLEAR_FILTER:
		note(s->log, sizeof s->log, "CLEAR_FILTER", clear->FilterId);
		break;
	case OID_RECEIVE_FILTER_MOVE_FILTER:
		note(s->log, sizeof s->log, "MOVE_FILTER", move->FilterId);
		break;
	default:
		if (oid == OID_VMQ_VPORT_POLICY) {
			note(s->log, sizeof s->log, "POLICY", policy->VPortId);
			s->policy[policy->VPortId] = policy->Policies;
		} else if (oid == OID_VMQ_VF_CPUS) {
			note(s->log, sizeof s->log, "VF_CPUS", cpus->VPortId);
			s->cpus = *cpus;
		}
		if (oid == OID_VMQ_VPORT_TUNING) {
			note(s->log, sizeof s->log, "TUNING", tuning->VPortId);
			s->tuning[tuning->VPortId] = *tuning;
		}
		break;
	}
	return NDIS_STATUS_SUCCESS;
}

/* What a driver may answer where it may refuse (miniport.h). */
static NDIS_STATUS refusal(NDIS_OID oid)
{
	return oid == OID_NIC_SWITCH_DELETE_VPORT || oid == OID_RECEIVE_FILTER_CLEAR_FILTER ||
		       oid == OID_RECEIVE_FILTER_FREE_QUEUE || oid == OID_NIC_SWITCH_FREE_VF
		   ? NDIS_STATUS_NOT_ACCEPTED
		   : NDIS_STATUS_FAILURE;
}

static NDIS_STATUS oid_request(void *ctx, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	struct stub *s = ctx;
	NDIS_OID oid = req->DATA.SET_INFORMATION.Oid; /* the same place for all types */
	void *buf = req->DATA.SET_INFORMATION.InformationBuffer;

	if (oid == OID_NIC_SWITCH_CREATE_SWITCH || oid == OID_NIC_SWITCH_DELETE_SWITCH)
		return NDIS_STATUS_SUCCESS;
	if (s->refuse_reads && (oid == OID_VMQ_VPORT_POLICY || oid == OID_VMQ_VPORT_TUNING) && req->RequestType == NdisRequestMethod)
		return refusal(oid);
	if (oid == OID_VMQ_VPORT_POLICY && req->RequestType == NdisRequestMethod) {
		VMQ_VPORT_POLICY *p = buf;

		p->Policies = s->policy[p->VPortId];
		req->DATA.METHOD_INFORMATION.BytesWritten = sizeof *p;
		req->DATA.METHOD_INFORMATION.BytesRead = sizeof *p;
		return NDIS_STATUS_SUCCESS;
	}
	if (oid == OID_VMQ_VPORT_TUNING && req->RequestType == NdisRequestMethod) {
		VMQ_VPORT_TUNING *t = buf;
		uint32_t id = t->VPortId;

		*t = s->tuning[id];
		t->VPortId = id;
		req->DATA.METHOD_INFORMATION.BytesWritten = sizeof *t;
		req->DATA.METHOD_INFORMATION.BytesRead = sizeof *t;
		return NDIS_STATUS_SUCCESS;
	}
	if (oid == OID_VMQ_VF_CPUS && req->RequestType == NdisRequestMethod) {
		VMQ_VF_CPUS *c = buf;

		c->NumCpus = 1;
		c->Cpu[0] = 70;
		req->DATA.METHOD_INFORMATION.BytesWritten = sizeof *c;
		req->DATA.METHOD_INFORMATION.BytesRead = sizeof *c;
		return NDIS_STATUS_SUCCESS;
	}
	s->requests++;
	if (s->refuse_at && --s->refuse_at == 0) {
		s->refuse_at = s->refuse_more ? 1 : 0;
		s->refuse_more -= s->refuse_at;
		note(s->log, sizeof s->log, "refused", s->requests);
		(void)vmq_err(err, 0, "the stub says no");
		return refusal(oid);
	}
	if (req->RequestType == NdisRequestSetInformation)
		req->DATA.SET_INFORMATION.BytesRead = req->DATA.SET_INFORMATION.InformationBufferLength;
	return handle(s, oid, buf);
}

static void halt(void *ctx)
{
	(void)ctx;
}

static const struct miniport_ops ops = {
	.name = "stub", .initialize = initialize, .oid_request = oid_request, .halt = halt
};

static int open_endpoint(void *ctx, struct stack_vport *v, struct stack_error *e)
{
	struct stub *s = ctx;

	if (s->refuse_endpoint)
		return stack_fail(e, STACK_FAILED, "socket", "the stub opens none");
	s->endpoints++;
	stack_vport_set_endpoint(v, s);
	return 0;
}

static void close_endpoint(void *ctx, struct stack_vport *v)
{
	struct stub *s = ctx;

	assert_ptr_equal(stack_vport_endpoint(v), s);
	stack_vport_set_endpoint(v, NULL);
	s->endpoints--;
}

static void event(void *ctx, const char *name, struct stack_vport *v, const struct stack_filter_info *f)
{
	struct stub *s = ctx;

	note(s->events, sizeof s->events, name, f ? f->id : stack_vport_id(v));
}

static void changed(void *ctx, struct stack_vport *v)
{
	struct stub *s = ctx;

	note(s->changed, sizeof s->changed, "changed", stack_vport_id(v));
}

void stub_start(struct stub *s)
{
	struct miniport_keywords kw;

	ndis_keywords_for_switch(&kw);
	stub_start_with(s, &kw);
}

static void start(struct stub *s, const struct miniport_keywords *kw, bool vmmq);

void stub_start_with(struct stub *s, const struct miniport_keywords *kw)
{
	start(s, kw, false);
}

void stub_start_vmmq(struct stub *s)
{
	struct miniport_keywords kw;

	ndis_keywords_for_switch(&kw);
	start(s, &kw, true);
}

/* The keeper over the driver above. */
static void create(struct stub *s, const struct miniport_keywords *kw, bool vmmq)
{
	struct ndis_adapter_config ac = { .switch_name = "Test Switch" };
	struct vmq_err err = { "" };

	memset(s, 0, sizeof *s);
	s->vmmq = vmmq;
	ac.keywords = *kw;
	if (ndis_adapter_create(&ops, s, &ac, &s->ndis, &err) < 0)
		fail_msg("%s", err.text);
}

static void start(struct stub *s, const struct miniport_keywords *kw, bool vmmq)
{
	static const struct stack_ops stack_ops = {
		.open_endpoint = open_endpoint, .close_endpoint = close_endpoint, .event = event, .changed = changed
	};
	static const uint16_t cpus[] = { 2, 3, 70, 127, 128 };
	struct stack_config cfg = { .cpus = cpus, .ncpus = vmmq ? 5 : 3, .ops = &stack_ops, .ctx = s };
	struct stack_error e;

	create(s, kw, vmmq);
	assert_int_equal(stack_create(&cfg, &s->stack, &e), 0);
	if (stack_adapter_add(s->stack, "ext0", s->ndis, cpus[0], s, &s->adapter, &e) < 0)
		fail_msg("%s", e.err.text);
	s->log[0] = '\0';
}

void stub_join(struct stub *s, struct stub *with, const char *name)
{
	struct miniport_keywords kw;
	struct stack_error e;

	ndis_keywords_for_switch(&kw);
	create(s, &kw, false);
	s->stack = with->stack;
	if (stack_adapter_add(s->stack, name, s->ndis, 3, s, &s->adapter, &e) < 0)
		fail_msg("%s", e.err.text);
	s->log[0] = '\0';
}

void stub_part(struct stub *s)
{
	stack_adapter_remove(s->adapter);
	ndis_adapter_destroy(s->ndis);
}

void stub_stop(struct stub *s)
{
	stack_destroy(s->stack);
	assert_int_equal(s->endpoints, 0);
	ndis_adapter_destroy(s->ndis);
}
