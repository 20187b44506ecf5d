/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests: one function each, which fills the contract's structure, makes the request as the stack's own driver, and
 * turns a refusal into a stack_error. No policy here, and no state. Control thread.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/stack_priv.h"

#define HEADER(object, rev)                                                                                           \
	(NDIS_OBJECT_HEADER){ .Type = NDIS_OBJECT_TYPE_DEFAULT, .Revision = (rev), .Size = sizeof(object) }

/* 0 for SUCCESS; else -1 and what was refused, why, in the keeper's words if it had any. */
static int done(NDIS_STATUS status, NDIS_OID oid, const struct vmq_err *said, struct stack_error *e)
{
	enum stack_code code = STACK_REFUSED;

	if (status == NDIS_STATUS_SUCCESS)
		return 0;
	if (status == NDIS_STATUS_RESOURCES)
		code = STACK_LIMIT;
	else if (status == NDIS_STATUS_FILE_NOT_FOUND)
		code = STACK_NOT_FOUND;
	(void)stack_fail(e, code, NULL, "%s", said->text[0] ? said->text : "the adapter refused it");
	e->oid = oid;
	e->status = status;
	return -1;
}

static int set(struct stack_adapter *a, NDIS_OID oid, const void *buf, uint32_t len, struct stack_error *e)
{
	struct vmq_err said = { "" };

	return done(ndis_set(a->driver, oid, buf, len, NULL, &said), oid, &said, e);
}

static int method(struct stack_adapter *a, NDIS_OID oid, void *buf, uint32_t in, uint32_t out, struct stack_error *e)
{
	struct vmq_err said = { "" };

	return done(ndis_method(a->driver, oid, buf, in, out, NULL, &said), oid, &said, e);
}

static int query(struct stack_adapter *a, NDIS_OID oid, void *buf, uint32_t len, struct stack_error *e)
{
	struct vmq_err said = { "" };

	return done(ndis_query(a->driver, oid, buf, len, NULL, &said), oid, &said, e);
}

/* A method whose answer is as long as it is: asked once with the header alone for the length, then with room. */
static int enumerate(struct stack_adapter *a, NDIS_OID oid, const void *header, uint32_t len, void **out,
		     struct stack_error *e)
{
	uint32_t room = len;

	for (unsigned try = 0; try < 2; try++) {
		struct vmq_err said = { "" };
		uint32_t needed = 0;
		NDIS_STATUS status;
		void *buf = calloc(1, room);

		if (!buf)
			return stack_fail(e, STACK_FAILED, NULL, "out of memory");
		memcpy(buf, header, len);
		status = ndis_method(a->driver, oid, buf, len, room, &needed, &said);
		if (status == NDIS_STATUS_SUCCESS) {
			*out = buf;
			return 0;
		}
		free(buf);
		if (status != NDIS_STATUS_INVALID_LENGTH || needed <= room || try > 0)
			return done(status, oid, &said, e);
		room = needed;
	}
	return -1;
}

void stack_affinity(unsigned cpu, GROUP_AFFINITY *out)
{
	*out = (GROUP_AFFINITY){ .Mask = (ULONG_PTR)1 << (cpu % 64), .Group = (USHORT)(cpu / 64) };
}

unsigned stack_affinity_cpu(const GROUP_AFFINITY *a)
{
	return a->Mask ? a->Group * 64u + (unsigned)__builtin_ctzll(a->Mask) : 0;
}

int stack_req_create_vport(struct stack_adapter *a, const struct stack_vport_want *want, uint16_t function,
			   const GROUP_AFFINITY *cpus, uint32_t *id, struct stack_error *e)
{
	bool on_pf = function == NDIS_PF_FUNCTION_ID;
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = {
		.Header = HEADER(p, NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1),
		.SwitchId = NDIS_DEFAULT_SWITCH_ID,
		.VPortId = NDIS_DEFAULT_VPORT_ID,
		.AttachedFunctionId = function,
		.NumQueuePairs = want->queue_pairs,
		.InterruptModeration = (NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION)want->moderation,
		.VPortState = on_pf ? NdisNicSwitchVPortStateDeactivated : NdisNicSwitchVPortStateActivated,
	};

	if (on_pf)
		p.ProcessorAffinity = *cpus;

	(void)ndis_string_set(&p.VPortName, want->name);
	if (method(a, OID_NIC_SWITCH_CREATE_VPORT, &p, sizeof p, sizeof p, e) < 0)
		return -1;
	*id = p.VPortId;
	return 0;
}

int stack_req_delete_vport(struct stack_adapter *a, uint32_t id, struct stack_error *e)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = {
		.Header = HEADER(p, NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1),
		.VPortId = id,
	};

	return set(a, OID_NIC_SWITCH_DELETE_VPORT, &p, sizeof p, e);
}

#define SPREAD_ENTRIES 64u

int stack_req_spread(struct stack_adapter *a, uint32_t id, const struct stack_rss *r, const uint16_t *cpus, unsigned n,
		     struct stack_error *e)
{
	struct {
		NDIS_RECEIVE_SCALE_PARAMETERS p;
		PROCESSOR_NUMBER table[SPREAD_ENTRIES];
		uint8_t key[STACK_RSS_KEY];
	} b = { .p.Header = { NDIS_OBJECT_TYPE_RSS_PARAMETERS, NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_3,
			      NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_3 } };
	NDIS_OID_REQUEST req = { .Header = { NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_2, sizeof req },
				 .RequestType = NdisRequestSetInformation,
				 .VPortId = id,
				 .Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID };
	struct vmq_err said = { "" };

	if (n == 0) {
		b.p.Flags = NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	} else {
		b.p.HashInformation = NdisHashFunctionToeplitz | stack_rss_types(r);
		b.p.IndirectionTableSize = sizeof b.table;
		b.p.IndirectionTableOffset = (uint32_t)((uint8_t *)b.table - (uint8_t *)&b);
		b.p.HashSecretKeySize = sizeof b.key;
		b.p.HashSecretKeyOffset = (uint32_t)(b.key - (uint8_t *)&b);
		memcpy(b.key, stack_rss_key(r), sizeof b.key);
		for (unsigned i = 0; i < SPREAD_ENTRIES; i++)
			b.table[i] = (PROCESSOR_NUMBER){ .Group = (USHORT)(cpus[i % n] / 64), .Number = (UCHAR)(cpus[i % n] % 64) };
		b.p.DefaultProcessorNumber = b.table[0];
	}
	req.DATA.SET_INFORMATION.Oid = OID_GEN_RECEIVE_SCALE_PARAMETERS;
	req.DATA.SET_INFORMATION.InformationBuffer = &b;
	req.DATA.SET_INFORMATION.InformationBufferLength = sizeof b;
	return done(ndis_oid_request(a->ndis, a->driver, &req, &said), OID_GEN_RECEIVE_SCALE_PARAMETERS, &said, e);
}

int stack_req_set_vport(struct stack_adapter *a, NDIS_NIC_SWITCH_VPORT_PARAMETERS *p, struct stack_error *e)
{
	p->Header = HEADER(*p, NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
	p->SwitchId = NDIS_DEFAULT_SWITCH_ID;
	return set(a, OID_NIC_SWITCH_VPORT_PARAMETERS, p, sizeof *p, e);
}

int stack_req_get_vport(struct stack_adapter *a, uint32_t id, NDIS_NIC_SWITCH_VPORT_PARAMETERS *p,
			struct stack_error *e)
{
	*p = (NDIS_NIC_SWITCH_VPORT_PARAMETERS){
		.Header = HEADER(*p, NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1),
		.SwitchId = NDIS_DEFAULT_SWITCH_ID,
		.VPortId = id,
	};
	return method(a, OID_NIC_SWITCH_VPORT_PARAMETERS, p, sizeof *p, sizeof *p, e);
}

int stack_req_enum_vports(struct stack_adapter *a, NDIS_NIC_SWITCH_VPORT_INFO_ARRAY **out, struct stack_error *e)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY h = {
		.Header = HEADER(h, NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1),
		.SwitchId = NDIS_DEFAULT_SWITCH_ID,
	};

	return enumerate(a, OID_NIC_SWITCH_ENUM_VPORTS, &h, sizeof h, (void **)out, e);
}

int stack_req_set_policy(struct stack_adapter *a, uint32_t id, const struct stack_policy *p, struct stack_error *e)
{
	VMQ_VPORT_POLICY q = {
		.Header = HEADER(q, VMQ_VPORT_POLICY_REVISION_1),
		.VPortId = id,
		.Policies = (p->source_check ? VMQ_VPORT_POLICY_SOURCE_CHECK : 0u) |
			    (p->vlan_check ? VMQ_VPORT_POLICY_VLAN_CHECK : 0u) |
			    (p->all_multicast ? VMQ_VPORT_POLICY_ALL_MULTICAST : 0u) |
			    (p->trunk ? VMQ_VPORT_POLICY_TRUNK : 0u),
	};

	return set(a, OID_VMQ_VPORT_POLICY, &q, sizeof q, e);
}

int stack_req_get_policy(struct stack_adapter *a, uint32_t id, struct stack_policy *p, struct stack_error *e)
{
	VMQ_VPORT_POLICY q = { .Header = HEADER(q, VMQ_VPORT_POLICY_REVISION_1), .VPortId = id };

	if (method(a, OID_VMQ_VPORT_POLICY, &q, sizeof q, sizeof q, e) < 0)
		return -1;
	p->source_check = q.Policies & VMQ_VPORT_POLICY_SOURCE_CHECK;
	p->vlan_check = q.Policies & VMQ_VPORT_POLICY_VLAN_CHECK;
	p->all_multicast = q.Policies & VMQ_VPORT_POLICY_ALL_MULTICAST;
	p->trunk = q.Policies & VMQ_VPORT_POLICY_TRUNK;
	return 0;
}

int stack_req_set_tuning(struct stack_adapter *a, uint32_t id, const struct stack_tuning *t, struct stack_error *e)
{
	VMQ_VPORT_TUNING q = {
		.Header = HEADER(q, VMQ_VPORT_TUNING_REVISION_1),
		.VPortId = id,
#define X(rate, burst_member, ours) .rate = t->ours.per_s, .burst_member = t->ours.burst,
		VMQ_VPORT_TUNING_RATES(X)
#undef X
		.ModerationMicroseconds = t->moderation_us,
		.ModerationFrames = t->moderation_frames,
	};

	return set(a, OID_VMQ_VPORT_TUNING, &q, sizeof q, e);
}

int stack_req_get_tuning(struct stack_adapter *a, uint32_t id, struct stack_tuning *t, struct stack_error *e)
{
	VMQ_VPORT_TUNING q = { .Header = HEADER(q, VMQ_VPORT_TUNING_REVISION_1), .VPortId = id };

	if (method(a, OID_VMQ_VPORT_TUNING, &q, sizeof q, sizeof q, e) < 0)
		return -1;
	*t = (struct stack_tuning){
#define X(rate, burst_member, ours) .ours = { q.rate, q.burst_member },
		VMQ_VPORT_TUNING_RATES(X)
#undef X
		.moderation_us = q.ModerationMicroseconds,
		.moderation_frames = q.ModerationFrames,
	};
	return 0;
}

/* The parameters and room for two tests, 8-aligned behind them (spec/20-structures.md §5). */
struct filter_buffer {
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	_Alignas(8) NDIS_RECEIVE_FILTER_FIELD_PARAMETERS field[2];
};

int stack_req_set_filter(struct stack_adapter *a, uint32_t vport, const uint8_t mac[6], const struct stack_vlan *vlan,
			 uint32_t *id, struct stack_error *e)
{
	struct filter_buffer b;
	uint32_t len;

	memset(&b, 0, sizeof b);
	b.p.Header = HEADER(b.p, NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2);
	b.p.FilterType = NdisReceiveFilterTypeVMQueue;
	if (stack_adapter_model(a) == STACK_MODEL_SWITCH)
		b.p.VPortId = vport;
	else
		b.p.QueueId = vport;
	b.p.FieldParametersArrayOffset = offsetof(struct filter_buffer, field);
	b.p.FieldParametersArrayNumElements = vlan->kind == STACK_VLAN_ID ? 2 : 1;
	b.p.FieldParametersArrayElementSize = sizeof b.field[0];
	for (unsigned i = 0; i < b.p.FieldParametersArrayNumElements; i++) {
		b.field[i].Header = HEADER(b.field[i], NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2);
		b.field[i].FrameHeader = NdisFrameHeaderMac;
		b.field[i].ReceiveFilterTest = NdisReceiveFilterTestEqual;
	}
	b.field[0].HeaderField.MacHeaderField = NdisMacHeaderFieldDestinationAddress;
	memcpy(b.field[0].FieldValue.FieldByteArrayValue, mac, 6);
	if (vlan->kind == STACK_VLAN_UNTAGGED)
		b.field[0].Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO;
	b.field[1].HeaderField.MacHeaderField = NdisMacHeaderFieldVlanId;
	b.field[1].FieldValue.FieldShortValue = htobe16(vlan->id);
	len = (uint32_t)(offsetof(struct filter_buffer, field) +
			 b.p.FieldParametersArrayNumElements * sizeof b.field[0]);
	if (method(a, OID_RECEIVE_FILTER_SET_FILTER, &b, len, len, e) < 0)
		return -1;
	*id = b.p.FilterId;
	return 0;
}

int stack_req_clear_filter(struct stack_adapter *a, uint32_t id, struct stack_error *e)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = {
		.Header = HEADER(p, NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1),
		.FilterId = id,
	};
	struct stack_filter_info f;

	if (stack_adapter_model(a) != STACK_MODEL_SWITCH) {
		if (stack_req_get_filter(a, id, &f, e) < 0)
			return -1;
		p.QueueId = f.vport;
	}
	return set(a, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof p, e);
}

int stack_req_move_filter(struct stack_adapter *a, uint32_t id, uint32_t from, uint32_t to, struct stack_error *e)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p = {
		.Header = HEADER(p, NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1),
		.FilterId = id,
		.SourceVPortId = from,
		.DestVPortId = to,
	};

	return set(a, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p, e);
}

int stack_req_get_filter(struct stack_adapter *a, uint32_t id, struct stack_filter_info *out, struct stack_error *e)
{
	union {
		NDIS_RECEIVE_FILTER_PARAMETERS p;
		uint8_t bytes[512];
	} b;

	memset(&b, 0, sizeof b);
	b.p.Header = HEADER(b.p, NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2);
	b.p.FilterId = id;
	if (method(a, OID_RECEIVE_FILTER_PARAMETERS, &b, sizeof b.p, sizeof b, e) < 0)
		return -1;
	/* one of both is 0 (spec/70 Q20) */
	*out = (struct stack_filter_info){ .id = id, .vport = b.p.VPortId | b.p.QueueId, .vlan.kind = STACK_VLAN_ANY };
	for (unsigned i = 0; i < b.p.FieldParametersArrayNumElements; i++) {
		size_t at = b.p.FieldParametersArrayOffset + (size_t)i * b.p.FieldParametersArrayElementSize;
		NDIS_RECEIVE_FILTER_FIELD_PARAMETERS f;

		if (at + sizeof f > sizeof b)
			break;
		memcpy(&f, b.bytes + at, sizeof f);
		if (f.HeaderField.MacHeaderField == NdisMacHeaderFieldDestinationAddress) {
			memcpy(out->mac, f.FieldValue.FieldByteArrayValue, 6);
			if (f.Flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO)
				out->vlan.kind = STACK_VLAN_UNTAGGED;
		} else if (f.HeaderField.MacHeaderField == NdisMacHeaderFieldVlanId) {
			out->vlan = (struct stack_vlan){ STACK_VLAN_ID, be16toh(f.FieldValue.FieldShortValue) };
		}
	}
	return 0;
}

int stack_req_enum_filters(struct stack_adapter *a, bool all, uint32_t vport, NDIS_RECEIVE_FILTER_INFO_ARRAY **out,
			   struct stack_error *e)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY h = {
		.Header = HEADER(h, NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_2),
	};

	if (stack_adapter_model(a) != STACK_MODEL_SWITCH) {
		h.QueueId = vport;
	} else if (!all) {
		h.Flags = NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED;
		h.VPortId = vport;
	}
	return enumerate(a, OID_RECEIVE_FILTER_ENUM_FILTERS, &h, sizeof h, (void **)out, e);
}

/* ---- VM queues ---- */

int stack_req_allocate_queue(struct stack_adapter *a, const char *name, const GROUP_AFFINITY *cpus, uint32_t *id,
			     struct stack_error *e)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = {
		.Header = HEADER(p, NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3),
		.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION,
		.QueueType = NdisReceiveQueueTypeVMQueue,
		.ProcessorAffinity = *cpus,
	};

	(void)ndis_string_set(&p.VmName, name);
	(void)ndis_string_set(&p.QueueName, name);
	if (method(a, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, sizeof p, sizeof p, e) < 0)
		return -1;
	*id = p.QueueId;
	return 0;
}

int stack_req_complete_queue(struct stack_adapter *a, uint32_t id, struct stack_error *e)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY h;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS q;
	} b = {
		.h = { .Header = HEADER(b.h, NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1),
		       .FirstElementOffset = (uint32_t)((uint8_t *)&b.q - (uint8_t *)&b),
		       .NumElements = 1,
		       .ElementSize = sizeof b.q },
		.q = { .Header = HEADER(b.q, NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1), .QueueId = id },
	};
	struct vmq_err said = { "" };

	if (method(a, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &b, sizeof b, sizeof b, e) < 0)
		return -1;
	/* the request succeeds whatever became of its elements (spec/70 Q3) */
	return done(b.q.CompletionStatus, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &said, e);
}

int stack_req_set_queue(struct stack_adapter *a, NDIS_RECEIVE_QUEUE_PARAMETERS *p, struct stack_error *e)
{
	p->Header = HEADER(*p, NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3);
	return set(a, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, p, sizeof *p, e);
}

int stack_req_get_queue(struct stack_adapter *a, uint32_t id, NDIS_RECEIVE_QUEUE_PARAMETERS *p, struct stack_error *e)
{
	*p = (NDIS_RECEIVE_QUEUE_PARAMETERS){
		.Header = HEADER(*p, NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3),
		.QueueId = id,
	};
	return method(a, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, p, sizeof *p, sizeof *p, e);
}

int stack_req_free_queue(struct stack_adapter *a, uint32_t id, struct stack_error *e)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = {
		.Header = HEADER(p, NDIS_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1),
		.QueueId = id,
	};

	return set(a, OID_RECEIVE_FILTER_FREE_QUEUE, &p, sizeof p, e);
}

/* A query as user mode makes it: it tells of every driver's queues (spec/10 §4.6). Asked twice, for the length first. */
int stack_req_enum_queues(struct stack_adapter *a, NDIS_RECEIVE_QUEUE_INFO_ARRAY **out, struct stack_error *e)
{
	const NDIS_OID oid = OID_RECEIVE_FILTER_ENUM_QUEUES;
	NDIS_OID_REQUEST req = {
		.Header = { NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1, NDIS_SIZEOF_OID_REQUEST_REVISION_1 },
		.RequestType = NdisRequestQueryStatistics,
		.DATA.QUERY_INFORMATION.Oid = oid,
	};
	struct vmq_err said = { "" };
	NDIS_STATUS status = ndis_oid_request(a->ndis, a->driver, &req, &said);
	uint32_t room = req.DATA.QUERY_INFORMATION.BytesNeeded;

	if (status != NDIS_STATUS_INVALID_LENGTH)
		return done(status, oid, &said, e);
	*out = calloc(1, room);
	if (!*out)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	req.DATA.QUERY_INFORMATION.InformationBuffer = *out;
	req.DATA.QUERY_INFORMATION.InformationBufferLength = room;
	status = ndis_oid_request(a->ndis, a->driver, &req, &said);
	if (status != NDIS_STATUS_SUCCESS)
		free(*out);
	return done(status, oid, &said, e);
}

int stack_req_switch(struct stack_adapter *a, NDIS_NIC_SWITCH_INFO *out, struct stack_error *e)
{
	union {
		NDIS_NIC_SWITCH_INFO_ARRAY h;
		uint8_t bytes[1024];
	} b;

	memset(&b, 0, sizeof b);
	if (query(a, OID_NIC_SWITCH_ENUM_SWITCHES, &b, sizeof b, e) < 0)
		return -1;
	if (b.h.NumElements == 0 || b.h.FirstElementOffset + sizeof *out > sizeof b)
		return stack_fail(e, STACK_NOT_FOUND, "adapter", "%s has no NIC switch", a->name);
	memcpy(out, b.bytes + b.h.FirstElementOffset, sizeof *out);
	return 0;
}

/* ---- VFs ---- */

int stack_req_allocate_vf(struct stack_adapter *a, const char *name, const uint8_t mac[6], uint16_t *vf,
			  struct stack_error *e)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = {
		.Header = HEADER(p, NDIS_NIC_SWITCH_VF_PARAMETERS_REVISION_1),
		.SwitchId = NDIS_DEFAULT_SWITCH_ID,
		.VFId = NDIS_INVALID_VF_FUNCTION_ID,
		.RequestorId = NDIS_INVALID_RID,
		.MacAddressLength = 6,
	};

	(void)ndis_string_set(&p.VMName, name);
	(void)ndis_string_set(&p.VMFriendlyName, name);
	(void)ndis_string_set(&p.NicName, name);
	memcpy(p.PermanentMacAddress, mac, 6);
	memcpy(p.CurrentMacAddress, mac, 6);
	if (method(a, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p, sizeof p, e) < 0)
		return -1;
	*vf = p.VFId;
	return 0;
}

int stack_req_reset_vf(struct stack_adapter *a, uint16_t vf, struct stack_error *e)
{
	NDIS_SRIOV_RESET_VF_PARAMETERS p = { .Header = HEADER(p, NDIS_SRIOV_RESET_VF_PARAMETERS_REVISION_1), .VFId = vf };

	return set(a, OID_SRIOV_RESET_VF, &p, sizeof p, e);
}

int stack_req_free_vf(struct stack_adapter *a, uint16_t vf, struct stack_error *e)
{
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS p = { .Header = HEADER(p, NDIS_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1),
						 .VFId = vf };

	return set(a, OID_NIC_SWITCH_FREE_VF, &p, sizeof p, e);
}

int stack_req_enum_vfs(struct stack_adapter *a, NDIS_NIC_SWITCH_VF_INFO_ARRAY **out, struct stack_error *e)
{
	NDIS_NIC_SWITCH_VF_INFO_ARRAY h = {
		.Header = HEADER(h, NDIS_NIC_SWITCH_VF_INFO_ARRAY_REVISION_1),
		.SwitchId = NDIS_DEFAULT_SWITCH_ID,
	};

	return enumerate(a, OID_NIC_SWITCH_ENUM_VFS, &h, sizeof h, (void **)out, e);
}

int stack_req_set_vf_cpus(struct stack_adapter *a, uint32_t vport, const uint16_t *cpus, unsigned n,
			  struct stack_error *e)
{
	VMQ_VF_CPUS p = { .Header = HEADER(p, VMQ_VF_CPUS_REVISION_1), .VPortId = vport, .NumCpus = n };

	memcpy(p.Cpu, cpus, n * sizeof *cpus);
	return set(a, OID_VMQ_VF_CPUS, &p, sizeof p, e);
}

int stack_req_get_vf_cpu(struct stack_adapter *a, uint32_t vport, unsigned *cpu, struct stack_error *e)
{
	VMQ_VF_CPUS p = { .Header = HEADER(p, VMQ_VF_CPUS_REVISION_1), .VPortId = vport };

	if (method(a, OID_VMQ_VF_CPUS, &p, sizeof p, sizeof p, e) < 0)
		return -1;
	*cpu = p.Cpu[0];
	return 0;
}
