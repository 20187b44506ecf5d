/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the driver sees of requests and what requesters are answered, member by member and element by element; whose something
 * is; what a refusal, a reset or a switch that is gone leaves behind (spec/10 §2, §4 to §8, spec/20 §5, §6, spec/70 Q3, Q6).
 */
#include "contract.h"

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

/* ---- what the driver sees, and what is answered from copies ---- */

struct filter_answer {
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint32_t pad;
	NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t[2];
};

static void check_filter(const struct filter_answer *a, uint32_t id, uint32_t vport, uint32_t queue, const uint8_t address[6],
			 unsigned vlan)
{
	static const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS none;
	bool two = vlan && vlan != 0xFFFF;

	assert_int_equal(a->p.Header.Revision, 2);
	assert_int_equal(a->p.Header.Size, 44);
	assert_int_equal(a->p.FilterType, NdisReceiveFilterTypeVMQueue);
	assert_int_equal(a->p.Flags, 0);
	assert_int_equal(a->p.FilterId, id);
	assert_int_equal(a->p.VPortId, vport);
	assert_int_equal(a->p.QueueId, queue);
	assert_int_equal(a->p.FieldParametersArrayOffset, 48);
	assert_int_equal(a->p.FieldParametersArrayElementSize, 56);
	assert_int_equal(a->p.FieldParametersArrayNumElements, two ? 2 : 1);
	assert_int_equal(a->p.RequestedFilterIdBitCount, 0);
	for (int i = 0; i < (two ? 2 : 1); i++) {
		assert_int_equal(a->t[i].Header.Type, NDIS_OBJECT_TYPE_DEFAULT);
		assert_int_equal(a->t[i].Header.Revision, 2);
		assert_int_equal(a->t[i].Header.Size, 56);
		assert_int_equal(a->t[i].FrameHeader, NdisFrameHeaderMac);
		assert_int_equal(a->t[i].ReceiveFilterTest, NdisReceiveFilterTestEqual);
		assert_int_equal(a->t[i].Flags, vlan ? 0 : NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO);
	}
	assert_int_equal(a->t[0].HeaderField.MacHeaderField, NdisMacHeaderFieldDestinationAddress);
	assert_memory_equal(a->t[0].FieldValue.FieldByteArrayValue, address, 6);
	if (!two)
		return;
	assert_int_equal(a->t[1].HeaderField.MacHeaderField, NdisMacHeaderFieldVlanId);
	assert_int_equal(a->t[1].FieldValue.FieldByteArrayValue[0] << 8 | a->t[1].FieldValue.FieldByteArrayValue[1], vlan);
	assert_memory_equal(&a->t[1].ResultValue, &none.ResultValue, sizeof none.ResultValue);
}

/* A filter of each kind, as the driver gets it and as PARAMETERS tells it, on VPorts and on queues. */
static void filter_answers(struct fix *f)
{
	static const unsigned vlans[] = { 0, 0xFFFF, 1, 0x234, 4094 };

	for (int queues = 0; queues < 2; queues++) {
		uint32_t on[2] = { 0, 0 };

		memset(f, 0, sizeof *f);
		if (queues)
			start_vmq(f);
		else
			start_sriov(f);
		on[1] = queues ? make_queue(f) : make_vport(f);
		for (size_t i = 0; i < 10; i++) {
			NDIS_RECEIVE_FILTER_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 44 } };
			uint32_t v = queues ? 0 : on[i % 2], q = queues ? on[i % 2] : 0;
			struct filter_answer a;

			p.FilterId = make_filter(f, v, q, mac((unsigned)i), vlans[i / 2]);
			memcpy(&a, f->m.last, sizeof a);
			check_filter(&a, p.FilterId, v, q, mac((unsigned)i), vlans[i / 2]);
			memcpy(f->buf, &p, sizeof p);
			assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_PARAMETERS, 44, 160), OK);
			memcpy(&a, f->buf, sizeof a);
			check_filter(&a, p.FilterId, v, q, mac((unsigned)i), vlans[i / 2]);
		}
		if (!queues)
			ndis_adapter_destroy(f->a);
	}
}

/* The members of a set that change, with their flags; the others as they are. */
static void sets_seen(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS s = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 548 },
					 .Flags = NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED | 1,
					 .NumVFs = 99 },
				   *switch_seen = (void *)f->m.last;
	NDIS_NIC_SWITCH_VPORT_PARAMETERS v = vport_params(), *vport_seen = (void *)f->m.last;

	start_sriov(f);
	assert_true(ndis_string_set(&s.SwitchFriendlyName, "blue"));
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &s, 548), OK);
	assert_int_equal(f->done, 548);
	assert_int_equal(switch_seen->Flags, NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED);
	assert_int_equal(switch_seen->NumVFs, 16);
	assert_int_equal(switch_seen->SwitchType, NdisNicSwitchTypeExternal);
	assert_memory_equal(&switch_seen->SwitchFriendlyName, &s.SwitchFriendlyName, 10);
	assert_int_equal(switch_info(f).SwitchType, NdisNicSwitchTypeExternal);
	v.NumQueuePairs = 3;
	assert_true(ndis_string_set(&v.VPortName, "one"));
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &v, 572), OK);
	assert_int_equal(vport_seen->VPortId, 1);
	assert_int_equal(vport_seen->AttachedFunctionId, 0xFFFF);
	assert_int_equal(vport_seen->NumQueuePairs, 3);
	assert_int_equal(vport_seen->VPortState, NdisNicSwitchVPortStateDeactivated);
	assert_int_equal(vport_seen->InterruptModeration, NdisNicSwitchVPortInterruptModerationAdaptive);
	assert_int_equal(vport_seen->ProcessorAffinity.Mask, 2);
	memcpy(&v, f->buf, 572);
	v.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED;
	v.InterruptModeration = NdisNicSwitchVPortInterruptModerationOff;
	v.NumQueuePairs = 1;
	v.VPortName.Length = 0;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), OK);
	assert_int_equal(vport_seen->Flags, NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED);
	assert_int_equal(vport_seen->InterruptModeration, NdisNicSwitchVPortInterruptModerationOff);
	assert_int_equal(vport_seen->NumQueuePairs, 3);
	assert_int_equal(vport_seen->VPortName.Length, 6);
	/* a name that is none */
	v.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED;
	v.VPortName.Length = 5;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), BAD);
	v.VPortName.Length = 514;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), BAD);
	v.VPortName.Length = 512;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), OK);
}

/* VLAN filters are counted where they are, and no more when they are not. */
static void vlan_counters(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS m;
	uint32_t v, a, b;

	start_sriov(f);
	v = make_vport(f);
	a = make_filter(f, v, 0, mac(1), 5);
	b = make_filter(f, v, 0, mac(2), 0xFFFF);
	m = move_params(a, v, 0);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), OK);
	assert_int_equal(switch_info(f).NumActiveDefaultVPortVlanIds, 1);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortVlanIds, 0);
	assert_int_equal(switch_info(f).NumActiveDefaultVPortMacAddresses, 1);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortMacAddresses, 1);
	m = move_params(a, 0, v);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), OK);
	assert_int_equal(switch_info(f).NumActiveDefaultVPortVlanIds, 0);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortVlanIds, 1);
	clear_filter(f, 0, a);
	clear_filter(f, 0, b);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortVlanIds, 0);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortMacAddresses, 0);
}

/* The field array lies behind the structure, also where the structure has nothing that anybody looks at. */
static void field_array_inside(struct fix *f)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint8_t field[56];
	uint32_t len;

	start_sriov(f);
	(void)filter_params(f->buf, 0, 0, mac(1), 0xFFFF);
	memcpy(&p, f->buf, sizeof p);
	memcpy(field, f->buf + 48, sizeof field);
	p.FieldParametersArrayOffset = 36; /* MaxCoalescingDelay, which means nothing here, and VPortId */
	memcpy(f->buf, &p, sizeof p);
	memcpy(f->buf + 36, field, sizeof field);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, 120, 120), BAD);
	/* revision 1 ends there */
	len = filter_params(f->buf, 0, 0, mac(1), 0);
	memcpy(field, f->buf + 48, sizeof field);
	p.Header.Revision = 1;
	p.Header.Size = 36;
	memcpy(f->buf, &p, 36);
	memcpy(f->buf + 36, field, sizeof field);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), OK);
}

/* What a driver refused has taken no identifier and no place. */
static void refused_gives_back(struct fix *f)
{
	fix_init(f);
	f->m.filter.MaxMacHeaderFilters = 3;
	f->m.nic_switch.MaxNumVPorts = 4;
	f->m.nic_switch.MaxNumVFs = 3;
	fix_start(f);
	for (unsigned i = 0; i < 9; i++) {
		NDIS_NIC_SWITCH_VPORT_PARAMETERS v = vport_params();
		NDIS_NIC_SWITCH_VF_PARAMETERS vf = vf_params();
		uint32_t len;

		f->m.answer = NDIS_STATUS_FAILURE;
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &v, 572), NDIS_STATUS_FAILURE);
		f->m.answer = NDIS_STATUS_FAILURE;
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &vf, 1632), NDIS_STATUS_FAILURE);
		f->m.answer = NDIS_STATUS_FAILURE;
		len = filter_params(f->buf, 0, 0, mac(i), 0);
		assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), NDIS_STATUS_FAILURE);
	}
	for (unsigned i = 0; i < 3; i++) {
		(void)make_vport(f);
		(void)make_vf(f);
		(void)make_filter(f, 0, 0, mac(i), 0);
	}
}

static void refused_gives_back_queues(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	start_vmq(f);
	for (int i = 0; i < 20; i++) {
		f->m.answer = NDIS_STATUS_RESOURCES;
		assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), NDIS_STATUS_RESOURCES);
	}
	for (int i = 0; i < 8; i++)
		(void)make_queue(f);
}

/* An element left PENDING is none that was completed. */
static void completion_pending(struct fix *f)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e;
	} p = { .a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
		       .FirstElementOffset = 20,
		       .NumElements = 1,
		       .ElementSize = 16 },
		.e = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 } } };

	start_vmq(f);
	p.e.QueueId = make_queue(f);
	(void)make_filter(f, 0, p.e.QueueId, mac(1), 0);
	f->m.completes_pending = true;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, sizeof p), OK);
	assert_int_equal(((NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *)(void *)(f->buf + 20))->CompletionStatus,
			 NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(queue_info(f, p.e.QueueId).QueueState, NdisReceiveQueueOperationalStatePaused);
	f->m.completes_pending = false;
	complete_queue(f, p.e.QueueId);
	assert_int_equal(queue_info(f, p.e.QueueId).QueueState, NdisReceiveQueueOperationalStateRunning);
}

/* ---- the request's own structure, vendors' requests ---- */

static void request_members(struct fix *f)
{
	static uint8_t big[NDIS_REQUEST_MAX_BYTES + 1];
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p;
	NDIS_OID_REQUEST req;

	start_sriov(f);
	p = delete_params(make_vport(f));
	memcpy(big, &p, sizeof p);
	(void)post(f, &req, NdisRequestQueryInformation, OID_SRIOV_PF_LUID, f->buf, 12);
	req.PortNumber = 1;
	req.RequestType = NdisRequestSetInformation;
	req.DATA.SET_INFORMATION.Oid = OID_NIC_SWITCH_DELETE_VPORT;
	req.DATA.SET_INFORMATION.InformationBuffer = big;
	req.DATA.SET_INFORMATION.InformationBufferLength = sizeof big;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), NDIS_STATUS_INVALID_PORT);
	req.PortNumber = 0;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), BAD);
	assert_int_equal(info(f).num_vports, 2);
	req.DATA.SET_INFORMATION.InformationBufferLength = sizeof big - 1;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), OK);
}

static void vendor_lengths(struct fix *f)
{
	static const NDIS_REQUEST_TYPE types[] = { NdisRequestQueryInformation, NdisRequestSetInformation, NdisRequestMethod };

	start_sriov(f);
	for (size_t i = 0; i < 3; i++) {
		NDIS_OID_REQUEST req;

		memset(f->buf, 1, 100);
		assert_status(f, post(f, &req, types[i], 0xFF000001, f->buf, 40), OK);
		if (types[i] == NdisRequestSetInformation)
			assert_int_equal(req.DATA.SET_INFORMATION.BytesRead, 40);
		else if (types[i] == NdisRequestMethod)
			assert_int_equal(req.DATA.METHOD_INFORMATION.BytesWritten, 40);
		else
			assert_int_equal(req.DATA.QUERY_INFORMATION.BytesWritten, 40);
		assert_int_equal(f->buf[39], types[i] == NdisRequestMethod ? 0x5A : types[i] == NdisRequestQueryInformation ? 0x5B : 1);
		assert_int_equal(f->buf[40], 1);
		f->m.answer = NDIS_STATUS_INVALID_LENGTH;
		f->m.says_needed = 77;
		assert_status(f, post(f, &req, types[i], 0xFF000001, f->buf, 40), NDIS_STATUS_INVALID_LENGTH);
		if (types[i] == NdisRequestMethod)
			assert_int_equal(req.DATA.METHOD_INFORMATION.BytesNeeded, 77);
		else
			assert_int_equal(req.DATA.SET_INFORMATION.BytesNeeded, 77);
		f->m.answer = NDIS_STATUS_FAILURE;
		req.DATA.METHOD_INFORMATION.BytesNeeded = req.DATA.SET_INFORMATION.BytesNeeded = 5;
		assert_status(f, ndis_oid_request(f->a, f->async, &req, &f->err), NDIS_STATUS_FAILURE);
		assert_int_equal(types[i] == NdisRequestMethod ? req.DATA.METHOD_INFORMATION.BytesNeeded
							       : req.DATA.SET_INFORMATION.BytesNeeded,
				 5);
	}
}

/* Configuration space ends at 4,096 bytes, blocks where their vendor says; data lie right behind the structure. */
static void config_limits(struct fix *f)
{
	NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
							 .Offset = 4092,
							 .Length = 4,
							 .BufferOffset = 20 },
						   *space = (void *)f->m.last;

	start_sriov(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	memcpy(f->buf, &p, 20);
	assert_status(f, method(f, f->d, OID_SRIOV_READ_VF_CONFIG_SPACE, 20, 24), OK);
	assert_int_equal(space->VFId, p.VFId);
	assert_int_equal(space->Offset, 4092);
	assert_int_equal(space->Length, 4);
	assert_int_equal(f->buf[20], 0xFC);
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_SPACE, f->buf, 24), OK);
	p.Offset = 4093;
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_SPACE, f->buf, 24), BAD);
	p.Offset = 0xFFFFFFFF; /* here a BlockId */
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, f->buf, 24), OK);
	assert_int_equal(space->Offset, 0xFFFFFFFF);
	memcpy(f->buf, &p, 20);
	assert_status(f, method(f, f->d, OID_SRIOV_READ_VF_CONFIG_BLOCK, 20, 24), OK);
	p.BufferOffset = 19;
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, f->buf, 24), BAD);
}

/* ---- enumerations ---- */

static const NDIS_OBJECT_HEADER *element(const struct fix *f, uint32_t at)
{
	return (const void *)(f->buf + at);
}

/* Elements have headers of their own, in the order they were made; what is empty is a header. */
static void elements(struct fix *f)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY filters = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 } };
	NDIS_NIC_SWITCH_VF_INFO_ARRAY vfs = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 24 } };
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY vports = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 } };
	NDIS_NIC_SWITCH_VPORT_INFO v[3];
	NDIS_NIC_SWITCH_VF_INFO vf[2];
	uint32_t id, vf0;

	start_sriov(f);
	memset(f->buf, 0xEE, 4096);
	memcpy(f->buf, &filters, 28);
	assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_ENUM_FILTERS, 28, 28), OK);
	assert_int_equal(f->done, 28);
	memcpy(f->buf, &vfs, 24);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VFS, 24, 24), OK);
	assert_int_equal(f->done, 24);
	memcpy(&vfs, f->buf, 24);
	assert_int_equal(vfs.NumElements, 0);
	assert_int_equal(vfs.ElementSize, 1632);
	id = make_filter(f, make_vport(f), 0, mac(1), 0);
	memcpy(f->buf, &filters, 28);
	assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_ENUM_FILTERS, 28, 48), OK);
	assert_memory_equal(element(f, 32), "\x80\x01\x10\x00", 4);
	assert_int_equal(((const NDIS_RECEIVE_FILTER_INFO *)(const void *)element(f, 32))->FilterId, id);
	assert_int_equal(((const NDIS_RECEIVE_FILTER_INFO *)(const void *)element(f, 32))->Flags, 0);
	vf0 = make_vf(f);
	(void)make_vf(f);
	(void)make_vf_vport(f, vf0);
	memcpy(f->buf, &vfs, 24);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VFS, 24, 4096), OK);
	memcpy(vf, f->buf + 24, sizeof vf);
	for (unsigned i = 0; i < 2; i++) {
		assert_memory_equal(&vf[i].Header, "\x80\x01\x60\x06", 4);
		assert_int_equal(vf[i].VFId, vf0 + i);
		assert_int_equal(vf[i].RequestorId, NDIS_MAKE_RID(0, 3, vf0 + i));
	}
	memcpy(f->buf, &vports, 28);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, 28, 4096), OK);
	assert_int_equal(((const NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *)(const void *)f->buf)->FirstElementOffset, 32);
	assert_int_equal(((const NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *)(const void *)f->buf)->ElementSize, 576);
	memcpy(v, f->buf + 32, sizeof v);
	for (unsigned i = 0; i < 3; i++) {
		assert_memory_equal(&v[i].Header, "\x80\x01\x40\x02", 4);
		assert_int_equal(v[i].VPortId, i);
		assert_int_equal(v[i].SwitchId, 0);
		assert_int_equal(v[i].LookaheadSize, 0);
	}
	/* of one function alone */
	vports.Flags = NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION;
	vports.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)vf0;
	memcpy(f->buf, &vports, 28);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, 28, 32 + 576), OK);
	memcpy(v, f->buf + 32, 576);
	assert_int_equal(v[0].VPortId, 2);
	assert_int_equal(v[0].AttachedFunctionId, vf0);
	vports.AttachedFunctionId = NDIS_PF_FUNCTION_ID;
	memcpy(f->buf, &vports, 28);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, 28, 32 + 2 * 576), OK);
	memcpy(v, f->buf + 32, 2 * 576);
	assert_int_equal(v[0].VPortId, 0);
	assert_int_equal(v[1].VPortId, 1);
	assert_int_equal(make_vport(f), 3); /* behind the VF's */
	memcpy(f->buf, &vports, 28);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, 28, 32 + 3 * 576), OK);
	memcpy(v, f->buf + 32, sizeof v);
	assert_int_equal(v[2].VPortId, 3);
	assert_int_equal(v[2].AttachedFunctionId, NDIS_PF_FUNCTION_ID);
	assert_status(f, query(f, f->user, OID_NIC_SWITCH_ENUM_SWITCHES, 4096), OK);
	assert_memory_equal(f->buf, "\x80\x01\x10\x00", 4);
	assert_memory_equal(element(f, 16), "\x80\x01\x3C\x02", 4);
}

/* Each driver's queues, in their order, between another's. */
static void queue_elements(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();
	NDIS_RECEIVE_QUEUE_INFO i[3];

	start_vmq(f);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_ENUM_QUEUES, 16), OK);
	assert_int_equal(f->done, 16);
	(void)make_queue(f);
	assert_status(f, method_on(f, f->other, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), OK);
	(void)make_queue(f);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 2 * 1096 - 1), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 16 + 2 * 1096);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 2 * 1096), OK);
	memcpy(i, f->buf + 16, 2 * 1096);
	assert_memory_equal(&i[0].Header, "\x80\x02\x44\x04", 4);
	assert_int_equal(i[0].QueueId, 1);
	assert_int_equal(i[1].QueueId, 3);
	assert_int_equal(i[0].QueueType, NdisReceiveQueueTypeVMQueue);
	assert_int_equal(i[0].Flags, 0);
	assert_status(f, query(f, f->user, OID_RECEIVE_FILTER_ENUM_QUEUES, 4096), OK);
	memcpy(i, f->buf + 16, sizeof i);
	assert_int_equal(i[1].QueueId, 2);
	assert_int_equal(i[2].QueueId, 3);
}

/* ---- more of what must not be forgotten ---- */

/* The pool of a new switch is whole. */
static void new_switch(struct fix *f)
{
	fix_init(f);
	f->m.nic_switch.MaxNumVPorts = 3;
	f->m.nic_switch.MaxNumVFs = 1;
	fix_start(f);
	for (int round = 0; round < 3; round++) {
		NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del;

		for (int i = 0; i < 2; i++) {
			del = delete_params(make_vport(f));
			if (i)
				assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
		}
		del.VPortId = del.VPortId == 1 ? 2 : 1;
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
		assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
		assert_status(f, ndis_switch_create(f->a, &f->err), OK);
		assert_int_equal(info(f).num_queue_pairs, 1);
	}
}

/* The PF's LUID: not 0, not another's, and the same as long as the adapter lives. */
static void luids(struct fix *f)
{
	NDIS_SRIOV_PF_LUID_INFO i[3];
	struct fix *g = calloc(1, sizeof *g);

	assert_non_null(g);
	start_sriov(f);
	start_sriov(g);
	for (unsigned k = 0; k < 3; k++) {
		struct fix *of = k == 1 ? g : f;

		assert_status(of, query(of, of->d, OID_SRIOV_PF_LUID, 12), OK);
		memcpy(&i[k], of->buf, 12);
		assert_memory_equal(&i[k].Header, "\x80\x01\x0C\x00", 4);
	}
	assert_memory_equal(&i[0], &i[2], 12);
	assert_memory_not_equal(&i[0], &i[1], 12);
	assert_true(i[0].Luid.LowPart || i[0].Luid.HighPart);
	ndis_adapter_destroy(g->a);
	free(g);
}

static void vendor_device(struct fix *f)
{
	NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 10 } };

	start_sriov(f);
	(void)make_vf(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	assert_status(f, method_on(f, f->d, OID_SRIOV_VF_VENDOR_DEVICE_ID, &p, 10), OK);
	assert_int_equal(((const NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO *)(const void *)f->m.last)->VFId, p.VFId);
	memcpy(&p, f->buf, 10);
	assert_int_equal(p.VendorId, 0x1AF4);
	assert_int_equal(p.DeviceId, 0x1041);
}

/* What the adapter could do says nothing of what exists; fewer queues than there were is a limit for the next. */
static void indicated_queues(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CAPABILITIES c;
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	start_vmq(f);
	for (int i = 0; i < 2; i++)
		(void)make_queue(f);
	c = f->m.filter;
	c.NumQueues = 1;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 0);
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 1);
	c.NumQueues = 2;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(info(f).max_queues, 2);
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), NDIS_STATUS_RESOURCES);
	c.NumQueues = 9;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 2);
	/* headers that are none */
	c.NumQueues = 2;
	c.Header.Type = 0x81;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	c.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT, 1, 84 };
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	c.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT, 2, 85 };
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	c.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT, 2, 83 };
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 6);
	assert_int_equal(f->indications, 2);
}

/* ---- batches ---- */

struct complete {
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e[4];
};

static struct complete completion(struct fix *f, ULONG n)
{
	struct complete p = { .a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
				     .FirstElementOffset = 20,
				     .NumElements = n,
				     .ElementSize = 16 } };

	for (ULONG i = 0; i < n; i++)
		p.e[i] = (NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 },
									      .QueueId = make_queue(f) };
	return p;
}

/* The driver gets those that can be completed, each once, and each has its own end. */
static void batch_elements(struct fix *f)
{
	struct complete p, *seen = (void *)f->m.last;
	const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *down = (void *)(f->m.last + 24);

	start_vmq(f);
	p = completion(f, 4);
	complete_queue(f, p.e[1].QueueId);
	f->m.failing_queue = p.e[2].QueueId;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, 84), OK);
	assert_int_equal(seen->a.NumElements, 3);
	assert_int_equal(seen->a.FirstElementOffset, 24);
	assert_int_equal(seen->a.ElementSize, 16);
	assert_int_equal(down[0].QueueId, p.e[0].QueueId);
	assert_int_equal(down[1].QueueId, p.e[2].QueueId);
	assert_int_equal(down[2].QueueId, p.e[3].QueueId);
	memcpy(&p, f->buf, 84);
	assert_int_equal(p.e[0].CompletionStatus, OK);
	assert_int_equal(p.e[1].CompletionStatus, BAD);
	assert_int_equal(p.e[2].CompletionStatus, NDIS_STATUS_RESOURCES);
	assert_int_equal(p.e[3].CompletionStatus, OK);
	/* the one that failed can be completed yet, the others not again */
	f->m.failing_queue = 0;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, 84), OK);
	memcpy(&p, f->buf, 84);
	for (int i = 0; i < 4; i++)
		assert_int_equal(p.e[i].CompletionStatus, i == 2 ? OK : BAD);
}

/* Offset and size mean nothing without elements; with some the array lies behind its header. */
static void batch_offsets(struct fix *f)
{
	struct complete p;

	start_vmq(f);
	p = completion(f, 1);
	p.a.NumElements = 0;
	p.a.FirstElementOffset = p.a.ElementSize = 0;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, 20), OK);
	assert_int_equal(f->done, 20);
	/* Flags, offset, number and size read as an element: its header, flags, queue 1 and a status */
	p.a.Flags = 0x00100180;
	p.a.FirstElementOffset = 4;
	p.a.NumElements = 1;
	p.a.ElementSize = 16;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, 36), BAD);
}

/* ---- RSS: what is whose ---- */

static NDIS_STATUS rss_request(struct fix *f, struct ndis_driver *d, NDIS_REQUEST_TYPE type, NDIS_OID oid, uint32_t vport,
			       uint32_t len, uint32_t *read)
{
	NDIS_OID_REQUEST req;
	NDIS_STATUS status = request_on_vport(f, d, &req, type, oid, vport, len);

	if (read)
		*read = req.DATA.SET_INFORMATION.BytesRead;
	return status;
}

/* RSSv1 with a table of n entries, all of that CPU. */
static uint32_t put_rss(struct fix *f, unsigned n, unsigned group, unsigned cpu)
{
	NDIS_RECEIVE_SCALE_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_RSS_PARAMETERS, 3, 44 },
					    .HashInformation = 0x301,
					    .IndirectionTableSize = (USHORT)(n * 4),
					    .IndirectionTableOffset = 44,
					    .HashSecretKeySize = 40,
					    .HashSecretKeyOffset = 44 + n * 4 };

	memset(f->buf, 0, 4096);
	p.DefaultProcessorNumber = (PROCESSOR_NUMBER){ .Group = (USHORT)group, .Number = (UCHAR)cpu, .Reserved = 9 };
	memcpy(f->buf, &p, 44);
	for (unsigned i = 0; i < n; i++)
		memcpy(f->buf + 44 + i * 4, &p.DefaultProcessorNumber, 4);
	return 44 + n * 4 + 40;
}

static void rss_owners(struct fix *f)
{
	NDIS_RECEIVE_SCALE_PARAMETERS_V2 v2 = { .Header = { NDIS_OBJECT_TYPE_RSS_PARAMETERS_V2, 1, 28 } };
	struct {
		NDIS_RSS_SET_INDIRECTION_ENTRIES p;
		NDIS_RSS_SET_INDIRECTION_ENTRY e;
	} b = { .p = { .Header = { NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES, 1, 20 },
		       .RssEntrySize = 24,
		       .RssEntryTableOffset = 20,
		       .NumberOfRssEntries = 1 } };
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	uint32_t v, vf, len, read;

	start_sriov(f);
	p.VPortId = v = make_vport(f);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	len = put_rss(f, 4, 0, 1);
	assert_status(f, rss_request(f, f->other, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, v, len, NULL), BAD);
	assert_status(f, rss_request(f, f->d, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, v, len, &read), OK);
	assert_int_equal(read, len);
	assert_int_equal(f->m.vport, v);
	assert_int_equal(f->m.request_flags, NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID);
	assert_memory_equal(f->m.last + 48, "\0\0\1\0\0\0\1\0", 8); /* Reserved is 0 */
	memcpy(f->buf, &v2, 28);
	assert_status(f, rss_request(f, f->other, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, v, 28, NULL), BAD);
	b.e = (NDIS_RSS_SET_INDIRECTION_ENTRY){ .VPortId = v, .TargetProcessorNumber = { .Number = 1 } };
	assert_status(f, method_on(f, f->other, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, &b, 44), OK);
	memcpy(&b, f->buf, 44);
	assert_int_equal(b.e.EntryStatus, BAD);
	/* everybody may look */
	assert_status(f, rss_request(f, f->other, NdisRequestQueryInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, v, 4096, NULL), OK);
	assert_status(f, rss_request(f, f->other, NdisRequestQueryInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, v, 4096, NULL), OK);
	/* on a VF it is the guest's, even off */
	vf = make_vf_vport(f, make_vf(f));
	len = put_rss(f, 4, 0, 1);
	f->buf[4] = NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	assert_status(f, rss_request(f, f->d, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, vf, len, NULL), BAD);
	assert_status(f, rss_request(f, f->d, NdisRequestQueryInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, vf, 4096, NULL), BAD);
	assert_status(f, rss_request(f, f->d, NdisRequestQueryInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, vf, 4096, NULL),
		      NDIS_STATUS_INVALID_PORT);
}

/* Each kind of VPort has its own largest table; CPUs are of the affinity's group. */
static void rss_bounds(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	uint32_t v;

	fix_init(f);
	f->m.nic_switch.NumberOfIndirectionTableEntriesForDefaultVPort = 2;
	f->m.nic_switch.NumberOfIndirectionTableEntriesPerNonDefaultPFVPort = 8;
	fix_start(f);
	p.ProcessorAffinity.Group = 1;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), OK);
	memcpy(&p, f->buf, 572);
	v = p.VPortId;
	p.VPortId = 0;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	/* off: its CPU, group and all */
	assert_status(f, rss_request(f, f->d, NdisRequestQueryInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, v, 4096, NULL), OK);
	assert_memory_equal(f->buf + 40, "\1\0\1\0", 4);
	for (int i = 0; i < 2; i++) {
		uint32_t id = i ? v : 0;
		unsigned most = i ? 8 : 2;

		assert_status(f, rss_request(f, f->d, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, id,
					     put_rss(f, most * 2, 1, 1), NULL), BAD);
		assert_status(f, rss_request(f, f->d, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, id,
					     put_rss(f, most, 0, 1), NULL), BAD);
		assert_status(f, rss_request(f, f->d, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, id,
					     put_rss(f, most, 1, 1), NULL), OK);
	}
}

/* ---- the rest ---- */

/* A request while the adapter is being reset waits for nothing; what waited is aborted, what was under way likewise. */
static void during_reset(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	assert_int_equal(f->completed_with, NDIS_STATUS_REQUEST_ABORTED);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_RESET_IN_PROGRESS);
	assert_int_equal(vport_info(f, 0).VPortId, 0); /* a query is answered */
}

static void reset_in_progress(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p[3] = { vport_params(), vport_params(), vport_params() };
	NDIS_OID_REQUEST req[3];

	start_sriov(f);
	f->m.pend = true;
	for (int i = 0; i < 3; i++)
		(void)post(f, &req[i], NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p[i], 572);
	f->then = during_reset;
	assert_int_equal(ndis_adapter_reset(f->a, &f->err), 0);
	assert_int_equal(f->completions, 3);
	assert_int_equal(info(f).num_vports, 1);
	(void)make_vport(f);
}

/* The queue pairs that a VPort has are given back before it gets others. */
static void pairs_change_at_the_limit(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	fix_init(f);
	f->m.nic_switch.MaxNumVPorts = 3;
	f->m.nic_switch.MaxNumVFs = 0;
	f->m.nic_switch.MaxNumQueuePairs = 5;
	fix_start(f);
	(void)make_vport(f);
	p.VPortId = make_vport(f);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	for (ULONG n = 1; n <= 4; n++) {
		p.NumQueuePairs = n;
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), n <= 3 ? OK : NDIS_STATUS_RESOURCES);
	}
	p.NumQueuePairs = 2;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	assert_int_equal(info(f).num_queue_pairs, 4);
}

static void global_parameters(struct fix *f)
{
	static const struct {
		void (*start)(struct fix *f);
		ULONG filters, queues;
	} rows[] = { { start_sriov, 1, 0 }, { start_vmq, 1, 1 }, { start_off, 0, 0 } };

	for (size_t i = 0; i < 3; i++) {
		NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS g;

		memset(f, 0, sizeof *f);
		rows[i].start(f);
		assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, 16), OK);
		memcpy(&g, f->buf, 16);
		assert_memory_equal(&g.Header, "\x80\x01\x10\x00", 4);
		assert_int_equal(g.Flags, 0);
		assert_int_equal(g.EnabledFilterTypes, rows[i].filters);
		assert_int_equal(g.EnabledQueueTypes, rows[i].queues);
		if (i < 2)
			ndis_adapter_destroy(f->a);
	}
}

/* Several filters on several VPorts, of all and of one. */
static void filter_lists(struct fix *f)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 } };
	uint32_t v[3] = { 0 }, id[6], seen = 0;
	NDIS_RECEIVE_FILTER_INFO e[6];

	start_sriov(f);
	v[1] = make_vport(f);
	v[2] = make_vport(f);
	for (unsigned i = 0; i < 6; i++)
		id[i] = make_filter(f, v[i % 3], 0, mac(i), 0);
	memcpy(f->buf, &p, 28);
	assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_ENUM_FILTERS, 28, 32 + 6 * 16), OK);
	memcpy(e, f->buf + 32, sizeof e);
	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = 0; k < 6; k++)
			seen |= e[i].FilterId == id[k] ? 1u << k : 0;
	assert_int_equal(seen, 0x3F);
	p.Flags = NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED;
	p.VPortId = v[2];
	memcpy(f->buf, &p, 28);
	assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_ENUM_FILTERS, 28, 32 + 2 * 16), OK);
	memcpy(e, f->buf + 32, 2 * sizeof e[0]);
	assert_int_equal(e[0].FilterId, id[2]);
	assert_int_equal(e[1].FilterId, id[5]);
}

static void filter_list_vmq(struct fix *f)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 },
					     .Flags = NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED,
					     .VPortId = 1 };

	start_vmq(f);
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ENUM_FILTERS, &p, 28), BAD);
}

/* A VF of a number that there is not; a VF of another switch. */
static void vf_numbers(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

	start_sriov(f);
	f->m.next_vf = 16;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &p, 1632), NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
	f->m.vfs--; /* the driver thinks it has one */
	f->m.next_vf = 15;
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	assert_int_equal(p.VFId, 15);
	p.SwitchId = 1;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_VF_PARAMETERS, &p, 1632), BAD);
	p.SwitchId = 0;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_VF_PARAMETERS, &p, 1632), OK);
	/* as many as there are can be enabled */
	assert_int_equal(f->m.up->enable_virtualization(f->a, 16, 0, 0, 1), OK);
}

static void queue_state_values(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_STATE s = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 } };

	start_vmq(f);
	s.QueueId = make_queue(f);
	for (int v = -1; v < 6; v++) {
		uint64_t before = info(f).faults;

		s.QueueState = (NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE)v;
		f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, 16);
		assert_int_equal(info(f).faults - before, v == 1 || v == 2 ? 0 : 1);
	}
}

/* A vendor's request reaches the driver byte for byte. */
static void vendor_bytes(struct fix *f)
{
	start_sriov(f);
	for (unsigned i = 0; i < 40; i++)
		f->buf[i] = (uint8_t)(i * 7);
	assert_status(f, method(f, f->d, 0xFF000001, 40, 30), OK);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(f->m.last[i], (uint8_t)(i * 7));
	assert_int_equal(f->done, 30);
	assert_status(f, query(f, f->d, 0xFF000001, 50), OK);
	assert_int_equal(f->m.last_len, 50);
}

/* Identifiers: one given back is found among many, and one that is wished for is given if it can be. */
static void identifiers(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = delete_params(150);

	fix_init(f);
	f->m.nic_switch.MaxNumVPorts = 200;
	f->m.nic_switch.MaxNumQueuePairs = 200;
	f->m.nic_switch.MaxNumMacAddresses = 200;
	fix_start(f);
	ndis_adapter_next_id(f->a, NDIS_ID_VPORT, 0);
	ndis_adapter_next_id(f->a, NDIS_ID_VPORT, 200); /* the last is 199 */
	for (uint32_t i = 1; i < 200; i++)
		assert_int_equal(make_vport(f), i);
	for (int round = 0; round < 2; round++) {
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, 12), OK);
		assert_int_equal(make_vport(f), 150);
	}
	for (p.VPortId = 20; p.VPortId < 30; p.VPortId += 3)
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, 12), OK);
	ndis_adapter_next_id(f->a, NDIS_ID_VPORT, 26);
	assert_int_equal(make_vport(f), 26);
	ndis_adapter_next_id(f->a, NDIS_ID_VPORT, 21);
	assert_int_equal(make_vport(f), 23); /* the first free one behind */
	ndis_adapter_next_id(f->a, NDIS_ID_VPORT, 199);
	assert_int_equal(make_vport(f), 20); /* and round */
	assert_int_equal(make_vport(f), 29);
}

/* What the hardware could do is indicated and asked for apart from what is on. */
static void indicated_hardware(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CAPABILITIES c;
	NDIS_NIC_SWITCH_CAPABILITIES s;

	start_sriov(f);
	(void)make_filter(f, make_vport(f), 0, mac(1), 0);
	(void)make_filter(f, 0, 0, mac(2), 0);
	c = f->m.filter;
	s = f->m.nic_switch;
	c.MaxMacHeaderFilters = 1; /* below what exists, which is no matter here */
	s.MaxNumVPorts = 1;
	s.MaxNumVFs = 0;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, &c, 84);
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES, &s, 132);
	assert_int_equal(info(f).faults, 0);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 84), OK);
	assert_memory_equal(f->buf, &c, 84);
	assert_status(f, query(f, f->d, OID_NIC_SWITCH_HARDWARE_CAPABILITIES, 132), OK);
	assert_memory_equal(f->buf, &s, 132);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 84), OK);
	assert_memory_equal(f->buf, &f->m.filter, 84);
	assert_status(f, query(f, f->d, OID_NIC_SWITCH_CURRENT_CAPABILITIES, 132), OK);
	assert_memory_equal(f->buf, &f->m.nic_switch, 132);
}

static void spoil_name(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->VPortName.Length = 1;
}

static void spoil_moderation(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->InterruptModeration = 99;
}

static void spoil_state(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->VPortState = NdisNicSwitchVPortStateUndefined;
}

static void spoil_affinity(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->ProcessorAffinity.Mask = 0;
}

static void spoil_pairs(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->NumQueuePairs = 0;
}

/* A member that is wrong is refused whatever else is right, and not looked at without its flag. */
static void one_wrong_of_many(struct fix *f)
{
	static const struct {
		ULONG flag;
		void (*spoil)(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p);
	} rows[] = { { NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED, spoil_name },
		     { NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED, spoil_moderation },
		     { NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED, spoil_state },
		     { NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED, spoil_affinity },
		     { NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED, spoil_pairs } };
	const ULONG all = 0x9E0000;
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

		p.VPortId = v;
		p.VPortState = NdisNicSwitchVPortStateActivated;
		rows[i].spoil(&p);
		for (ULONG flags = 0; flags <= all; flags += 0x20000) {
			if ((flags & all) != flags)
				continue;
			p.Flags = flags;
			assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), flags & rows[i].flag ? BAD : OK);
		}
	}
}

const struct contract_case answer_cases[] = {
	{ "spec10_4.12_filter_parameters_success_kinds", filter_answers },
	{ "spec10_5.7_vport_parameters_set_success_seen", sets_seen },
	{ "spec20_6_switch_info_vlan_counters", vlan_counters },
	{ "spec10_4.8_set_filter_invalid_parameter_array_inside", field_array_inside },
	{ "spec70_Q6_refused_gives_back", refused_gives_back },
	{ "spec70_Q6_refused_gives_back_queues", refused_gives_back_queues },
	{ "spec70_Q3_completion_status_pending", completion_pending },
	{ "spec10_2_oid_request_structure_members", request_members },
	{ "vendor_oids_lengths", vendor_lengths },
	{ "spec10_6_config_space_limits", config_limits },
	{ "spec20_5_elements", elements },
	{ "spec10_4.6_enum_queues_success_elements", queue_elements },
	{ "spec50_5_new_switch", new_switch },
	{ "spec10_6_pf_luid_success_unique", luids },
	{ "spec10_6_vf_vendor_device_id_success_ids", vendor_device },
	{ "spec10_8_capabilities_queues", indicated_queues },
	{ "spec70_Q3_batch_elements", batch_elements },
	{ "spec70_Q3_batch_offsets", batch_offsets },
	{ "spec10_2_ownership_vport_rss", rss_owners },
	{ "spec20_6_rss_table_entries", rss_bounds },
	{ "reset_in_progress", reset_in_progress },
	{ "spec50_4_pairs_change_at_the_limit", pairs_change_at_the_limit },
	{ "spec10_4.2_global_parameters_success_types", global_parameters },
	{ "spec10_4.11_enum_filters_success_lists", filter_lists },
	{ "spec10_4.11_enum_filters_vport_in_vmq", filter_list_vmq },
	{ "spec10_5.10_allocate_vf_failure_number", vf_numbers },
	{ "spec10_8_receive_queue_state_values", queue_state_values },
	{ "vendor_oids_bytes", vendor_bytes },
	{ "spec70_Q53_identifiers", identifiers },
	{ "spec10_8_capabilities_hardware", indicated_hardware },
	{ "spec70_Q56_one_wrong_of_many", one_wrong_of_many },
};
const size_t answer_count = sizeof answer_cases / sizeof answer_cases[0];
