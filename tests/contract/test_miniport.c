/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_miniport.h"

#include <string.h>

#include <vmq/ndis_vmq.h>

void test_miniport_init(struct test_miniport *m)
{
	memset(m, 0, sizeof *m);
	m->filter = (NDIS_RECEIVE_FILTER_CAPABILITIES){
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2 },
		.EnabledFilterTypes = NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
		.EnabledQueueTypes = NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED,
		.NumQueues = 8,
		.SupportedQueueProperties = 0x1B, /* MSI-X, VM queue, dynamic affinity, vector coalescing */
		.SupportedFilterTests = 1,
		.SupportedHeaders = 1,
		.SupportedMacHeaderFields = 9, /* destination, VLAN id */
		.MaxMacHeaderFilters = 256,
	};
	m->nic_switch = (NDIS_NIC_SWITCH_CAPABILITIES){
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 3, NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3 },
		.NicSwitchCapabilities = NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL |
					 NDIS_NIC_SWITCH_CAPS_NIC_SWITCH_WITHOUT_IOV_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED |
					 NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED,
		.MaxNumSwitches = 1,
		.MaxNumVPorts = 64,
		.MaxNumVFs = 16,
		.MaxNumQueuePairs = 128,
		.MaxNumQueuePairsPerNonDefaultVPort = 4,
		.MaxNumMacAddresses = 128,
		.MaxNumRssCapableNonDefaultPFVPorts = 63,
		.NumberOfIndirectionTableEntriesForDefaultVPort = 128,
		.NumberOfIndirectionTableEntriesPerNonDefaultPFVPort = 128,
		.MaxNumQueuePairsForDefaultVPort = 8,
	};
	m->sriov = (NDIS_SRIOV_CAPABILITIES){
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1 },
		.SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_PF_MINIPORT,
	};
	m->rss = (NDIS_RECEIVE_SCALE_CAPABILITIES){
		.Header = { NDIS_OBJECT_TYPE_RSS_CAPABILITIES, 2, NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2 },
		.CapabilitiesFlags = NDIS_RSS_CAPS_SUPPORTS_INDEPENDENT_ENTRY_MOVE | NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4 | NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6,
		.NumberOfReceiveQueues = 128,
		.NumberOfIndirectionTableEntries = 128,
	};
}

static int initialize(void *ctx, const struct miniport_init *init, struct miniport_attributes *out, struct vmq_err *err)
{
	struct test_miniport *m = ctx;

	m->initialized++;
	if (m->initialize_rc)
		return vmq_err(err, m->initialize_rc, "told to fail");
	m->up = init->up;
	m->adapter = init->adapter;
	m->mode = init->mode;
	if (m->indicates_early) {
		m->up->indicate(m->adapter, NDIS_STATUS_RECEIVE_QUEUE_STATE, &m->filter, sizeof m->filter);
		m->up->indicate(m->adapter, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &m->nic_switch,
				sizeof m->nic_switch);
		m->up->complete(m->adapter, NULL, NDIS_STATUS_SUCCESS, NULL);
	}
	if (init->mode == MINIPORT_MODE_SRIOV) {
		m->filter.NumQueues = 0;
		m->filter.EnabledQueueTypes = 0;
	}
	if (!init->keywords->vmq_vlan_filtering)
		m->filter.SupportedMacHeaderFields &= ~(ULONG)NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED;
	out->hardware_filter = m->no_filter ? NULL : &m->filter;
	out->hardware_switch = m->no_switch ? NULL : &m->nic_switch;
	out->hardware_sriov = m->no_switch && !m->sriov_alone ? NULL : &m->sriov;
	out->rss = m->no_rss ? NULL : &m->rss;
	out->mac_addresses_per_target = m->mac_addresses_per_target;
	out->vlans_per_target = m->vlans_per_target;
	if (init->mode == MINIPORT_MODE_VMQ || init->mode == MINIPORT_MODE_SRIOV) {
		out->current_filter = out->hardware_filter;
		out->current_switch = m->switch_off ? NULL : out->hardware_switch;
	}
	if (init->mode == MINIPORT_MODE_SRIOV || m->sriov_on || (m->sriov.SriovCapabilities & NDIS_SRIOV_CAPS_VF_MINIPORT))
		out->current_sriov = &m->sriov;
	if (m->no_hardware & 1)
		out->hardware_filter = NULL;
	if (m->no_hardware & 2)
		out->hardware_switch = NULL;
	if (m->no_hardware & 4)
		out->hardware_sriov = NULL;
	return 0;
}

static void count(struct test_miniport *m, NDIS_OID oid)
{
	m->filters += (oid == OID_RECEIVE_FILTER_SET_FILTER) - (oid == OID_RECEIVE_FILTER_CLEAR_FILTER);
	m->vports += (oid == OID_NIC_SWITCH_CREATE_VPORT) - (oid == OID_NIC_SWITCH_DELETE_VPORT);
	m->queues += (oid == OID_RECEIVE_FILTER_ALLOCATE_QUEUE) - (oid == OID_RECEIVE_FILTER_FREE_QUEUE);
	m->vfs += (oid == OID_NIC_SWITCH_ALLOCATE_VF) - (oid == OID_NIC_SWITCH_FREE_VF);
	m->switches += (oid == OID_NIC_SWITCH_CREATE_SWITCH) - (oid == OID_NIC_SWITCH_DELETE_SWITCH);
}

static void indicate_dma_stopped(struct test_miniport *m, ULONG queue)
{
	NDIS_RECEIVE_QUEUE_STATE s = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof s },
		.QueueId = queue,
		.QueueState = NdisReceiveQueueOperationalStateDmaStopped,
	};

	m->up->indicate(m->adapter, NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, sizeof s);
}

/* What a driver would write into the buffer. */
static void do_it(struct test_miniport *m, NDIS_OID_REQUEST *req)
{
	uint8_t *buf = req->RequestType == NdisRequestMethod ? req->DATA.METHOD_INFORMATION.InformationBuffer
							     : req->DATA.SET_INFORMATION.InformationBuffer;
	NDIS_OID oid = req->DATA.QUERY_INFORMATION.Oid;

	count(m, oid);
	switch (oid) {
	case OID_NIC_SWITCH_ALLOCATE_VF: {
		NDIS_NIC_SWITCH_VF_PARAMETERS *p = (void *)buf;

		p->VFId = m->same_vf ? (NDIS_SRIOV_FUNCTION_ID)(m->next_vf - 1) : m->next_vf++;
		p->RequestorId = NDIS_MAKE_RID(0, 3, p->VFId);
		break;
	}
	case OID_RECEIVE_FILTER_ALLOCATE_QUEUE:
		((NDIS_RECEIVE_QUEUE_PARAMETERS *)(void *)buf)->MSIXTableEntry = 77;
		break;
	case OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE: {
		const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *a = (void *)buf;

		for (ULONG i = 0; i < a->NumElements; i++) {
			NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *e =
			    (void *)(buf + a->FirstElementOffset + i * a->ElementSize);

			e->CompletionStatus = m->completes_pending			   ? NDIS_STATUS_PENDING
					      : m->failing_queue && e->QueueId == m->failing_queue ? NDIS_STATUS_RESOURCES
												   : m->element_status;
		}
		break;
	}
	case OID_RECEIVE_FILTER_FREE_QUEUE:
		if (!m->no_dma_stop)
			indicate_dma_stopped(m, ((const NDIS_RECEIVE_QUEUE_FREE_PARAMETERS *)(void *)buf)->QueueId);
		break;
	case OID_SRIOV_READ_VF_CONFIG_SPACE:
	case OID_SRIOV_READ_VF_CONFIG_BLOCK: {
		const NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *p = (void *)buf;

		for (ULONG i = 0; i < p->Length; i++)
			buf[p->BufferOffset + i] = (uint8_t)(p->Offset + i);
		break;
	}
	case OID_SRIOV_VF_VENDOR_DEVICE_ID: {
		NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO *p = (void *)buf;

		p->VendorId = 0x1AF4;
		p->DeviceId = 0x1041;
		break;
	}
	default:
		break;
	}
	if (VMQ_IS_VENDOR_OID(oid) && req->RequestType == NdisRequestMethod) {
		ULONG n = req->DATA.METHOD_INFORMATION.OutputBufferLength;

		memset(buf, 0x5A, n);
		req->DATA.METHOD_INFORMATION.BytesRead = req->DATA.METHOD_INFORMATION.InputBufferLength + m->says_read;
		req->DATA.METHOD_INFORMATION.BytesWritten = n + m->says_written;
	} else if (VMQ_IS_VENDOR_OID(oid) && req->RequestType == NdisRequestQueryInformation) {
		ULONG n = req->DATA.QUERY_INFORMATION.InformationBufferLength;

		memset(buf, 0x5B, n);
		req->DATA.QUERY_INFORMATION.BytesWritten = n + m->says_written;
	} else if (VMQ_IS_VENDOR_OID(oid)) {
		req->DATA.SET_INFORMATION.BytesRead = req->DATA.SET_INFORMATION.InformationBufferLength + m->says_read;
	} else if (req->RequestType == NdisRequestMethod) { /* these are the keeper's to know */
		req->DATA.METHOD_INFORMATION.BytesRead = m->says_read;
		req->DATA.METHOD_INFORMATION.BytesWritten = m->says_written;
	}
}

static NDIS_STATUS oid_request(void *ctx, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	struct test_miniport *m = ctx;
	bool meant = !m->answer_oid || m->answer_oid == req->DATA.QUERY_INFORMATION.Oid;
	NDIS_STATUS status = meant ? m->answer : NDIS_STATUS_SUCCESS;
	const void *buf;

	m->requests++;
	m->oid = req->DATA.QUERY_INFORMATION.Oid;
	m->type = req->RequestType;
	m->vport = req->VPortId;
	m->request_flags = req->Flags;
	buf = req->DATA.QUERY_INFORMATION.InformationBuffer; /* at the same place in all members of DATA */
	m->last_len = req->DATA.QUERY_INFORMATION.InformationBufferLength;
	memcpy(m->last, buf, m->last_len < sizeof m->last ? m->last_len : sizeof m->last);
	if (meant) {
		m->answer = NDIS_STATUS_SUCCESS;
		m->answer_oid = 0;
	}
	if (m->pend) {
		m->pend = false;
		m->pending = req;
		if (status == NDIS_STATUS_SUCCESS && req->DATA.QUERY_INFORMATION.Oid == OID_RECEIVE_FILTER_FREE_QUEUE &&
		    !m->no_dma_stop) {
			indicate_dma_stopped(m, ((const NDIS_RECEIVE_QUEUE_FREE_PARAMETERS *)buf)->QueueId);
			m->no_dma_stop = true; /* once is enough */
		}
		return NDIS_STATUS_PENDING;
	}
	if (m->complete_inside || m->complete_and_answer) {
		bool both = m->complete_and_answer;

		m->complete_inside = m->complete_and_answer = false;
		if (status == NDIS_STATUS_SUCCESS)
			do_it(m, req);
		m->up->complete(m->adapter, req, status, status == NDIS_STATUS_SUCCESS ? NULL : "told to");
		return both ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING;
	}
	if (status == NDIS_STATUS_SUCCESS) {
		do_it(m, req);
		return status;
	}
	if (req->RequestType == NdisRequestMethod)
		req->DATA.METHOD_INFORMATION.BytesNeeded = m->says_needed;
	else
		req->DATA.SET_INFORMATION.BytesNeeded = m->says_needed; /* a query's lies at the same place */
	return (NDIS_STATUS)vmq_err(err, status, "told to answer %s", ndis_status_name(status));
}

void test_miniport_finish(struct test_miniport *m, NDIS_STATUS status, const char *sentence)
{
	NDIS_OID_REQUEST *req = m->pending;

	m->pending = NULL;
	if (status == NDIS_STATUS_SUCCESS)
		do_it(m, req);
	m->no_dma_stop = false;
	m->up->complete(m->adapter, req, status, sentence);
}

static void flush(void *ctx)
{
	struct test_miniport *m = ctx;

	if (m->pending && !m->cannot_flush)
		test_miniport_finish(m, NDIS_STATUS_SUCCESS, NULL);
}

static int reset(void *ctx, struct vmq_err *err)
{
	struct test_miniport *m = ctx;

	m->resets++;
	if (m->reset_rc)
		return vmq_err(err, m->reset_rc, "told to fail");
	if (m->pending && !m->keeps_it)
		test_miniport_finish(m, NDIS_STATUS_REQUEST_ABORTED, "reset");
	return 0;
}

static void halt(void *ctx)
{
	struct test_miniport *m = ctx;

	m->halted++;
	if (m->pending && m->keeps_it) {
		memset(m->pending->DATA.METHOD_INFORMATION.InformationBuffer, 0xAA,
		       m->pending->DATA.METHOD_INFORMATION.OutputBufferLength);
		m->up->complete(m->adapter, m->pending, NDIS_STATUS_SUCCESS, "at last");
	}
}

const struct miniport_ops test_miniport_ops = { "test", initialize, oid_request, flush, reset, halt };
const struct miniport_ops test_miniport_plain_ops = { "plain", initialize, oid_request, NULL, NULL, halt };
