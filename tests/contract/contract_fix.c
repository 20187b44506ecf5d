/* SPDX-License-Identifier: BSD-3-Clause */
#include "contract.h"

const struct remote_ops *remote;

/* ---- set-ups ---- */

static void on_complete(void *ctx, NDIS_OID_REQUEST *req, NDIS_STATUS status, const struct vmq_err *err)
{
	struct fix *f = ctx;

	f->completions++;
	f->completed = req;
	f->completed_with = status;
	(void)snprintf(f->sentence, sizeof f->sentence, "%s", err->text);
	if (f->then)
		f->then(f);
}

static void on_indicate(void *ctx, NDIS_STATUS code, const void *buf, uint32_t len)
{
	struct fix *f = ctx;

	f->indications++;
	f->indicated = code;
	memcpy(f->indication, buf, len < sizeof f->indication ? len : sizeof f->indication);
}

static void on_invalidated(void *ctx, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask)
{
	struct fix *f = ctx;

	(void)vf;
	f->invalidations++;
	f->mask = mask;
}

static void on_fault(void *ctx, const char *sentence)
{
	struct fix *f = ctx;

	f->faults++;
	(void)snprintf(f->fault, sizeof f->fault, "%s", sentence);
}

void fix_init(struct fix *f)
{
	f->cfg.fault = on_fault;
	f->cfg.ctx = f;
	test_miniport_init(&f->m);
	ndis_keywords_for_switch(&f->cfg.keywords);
}

void fix_start(struct fix *f)
{
	struct ndis_driver_config d = { .name = "stack" }, other = { .name = "other" },
				  user = { .name = "user", .user_mode = true },
				  ndis = { .name = "bus", .ndis_role = true },
				  async = { .name = "async",
					    .ndis_role = true,
					    .complete = on_complete,
					    .indicate = on_indicate,
					    .invalidated = on_invalidated,
					    .ctx = f };
	int rc = ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err);

	if (rc)
		fail_msg("ndis_adapter_create: %d, %s", rc, f->err.text);
	f->d = ndis_driver_open(f->a, &d);
	f->other = ndis_driver_open(f->a, &other);
	f->user = ndis_driver_open(f->a, &user);
	f->ndis = ndis_driver_open(f->a, &ndis);
	f->async = ndis_driver_open(f->a, &async);
	assert_true(f->d && f->other && f->user && f->ndis && f->async);
}

void start_sriov(struct fix *f)
{
	if (remote)
		return;
	fix_init(f);
	fix_start(f);
}

void start_vmq(struct fix *f)
{
	if (remote)
		return;
	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->m.switch_off = true;
	fix_start(f);
}

void start_neutral(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.sriov = 0;
	fix_start(f);
}

void start_off(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->cfg.keywords.vmq = 0;
	fix_start(f);
}

/* ---- requests ---- */

NDIS_STATUS query(struct fix *f, struct ndis_driver *d, NDIS_OID oid, uint32_t len)
{
	if (remote)
		return remote->request(NdisRequestQueryInformation, oid, f->buf, 0, len, &f->done, &f->err);
	return ndis_query(d, oid, f->buf, len, &f->done, &f->err);
}

NDIS_STATUS set(struct fix *f, struct ndis_driver *d, NDIS_OID oid, const void *p, uint32_t len)
{
	if (remote)
		return remote->request(NdisRequestSetInformation, oid, (void *)(uintptr_t)p, len, 0, &f->done, &f->err);
	return ndis_set(d, oid, p, len, &f->done, &f->err);
}

NDIS_STATUS method(struct fix *f, struct ndis_driver *d, NDIS_OID oid, uint32_t in, uint32_t out)
{
	if (remote)
		return remote->request(NdisRequestMethod, oid, f->buf, in, out, &f->done, &f->err);
	return ndis_method(d, oid, f->buf, in, out, &f->done, &f->err);
}

NDIS_STATUS method_on(struct fix *f, struct ndis_driver *d, NDIS_OID oid, const void *p, uint32_t len)
{
	memcpy(f->buf, p, len);
	return method(f, d, oid, len, len);
}

NDIS_STATUS request_on_vport(struct fix *f, struct ndis_driver *d, NDIS_OID_REQUEST *req, NDIS_REQUEST_TYPE type, NDIS_OID oid,
			     uint32_t vport, uint32_t len)
{
	*req = (NDIS_OID_REQUEST){ .Header = { NDIS_OBJECT_TYPE_OID_REQUEST, 2, NDIS_SIZEOF_OID_REQUEST_REVISION_2 },
				   .RequestType = type,
				   .VPortId = vport,
				   .Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID };
	req->DATA.SET_INFORMATION.Oid = oid;
	req->DATA.SET_INFORMATION.InformationBuffer = f->buf;
	req->DATA.SET_INFORMATION.InformationBufferLength = len;
	return ndis_oid_request(f->a, d, req, &f->err);
}

NDIS_STATUS post(struct fix *f, NDIS_OID_REQUEST *req, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *p, uint32_t len)
{
	memset(req, 0, sizeof *req);
	req->Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_OID_REQUEST, 2, NDIS_SIZEOF_OID_REQUEST_REVISION_2 };
	req->RequestType = type;
	req->DATA.SET_INFORMATION.Oid = oid;
	req->DATA.SET_INFORMATION.InformationBuffer = p;
	if (type == NdisRequestMethod)
		req->DATA.METHOD_INFORMATION.InputBufferLength = req->DATA.METHOD_INFORMATION.OutputBufferLength = len;
	else
		req->DATA.SET_INFORMATION.InformationBufferLength = len;
	return ndis_oid_request(f->a, f->async, req, &f->err);
}

void assert_status_at(const struct fix *f, NDIS_STATUS got, NDIS_STATUS want, const char *file, int line)
{
	if (got != want) {
		print_error("%s:%d: %s where %s was expected; said: %s\n", file, line, ndis_status_name(got),
			    ndis_status_name(want), f->err.text);
		_fail(file, line);
	}
	/* every refusal has its sentence, and only refusals */
	if (got != NDIS_STATUS_PENDING && (got == NDIS_STATUS_SUCCESS) == (f->err.text[0] != 0)) {
		print_error("%s:%d: %s and the sentence \"%s\"\n", file, line, ndis_status_name(got), f->err.text);
		_fail(file, line);
	}
}

/* ---- structures ---- */

NDIS_NIC_SWITCH_VPORT_PARAMETERS vport_params(void)
{
	return (NDIS_NIC_SWITCH_VPORT_PARAMETERS){
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1 },
		.AttachedFunctionId = NDIS_PF_FUNCTION_ID,
		.NumQueuePairs = 1,
		.InterruptModeration = NdisNicSwitchVPortInterruptModerationAdaptive,
		.VPortState = NdisNicSwitchVPortStateDeactivated,
		.ProcessorAffinity = { .Mask = remote ? 1ull << remote->cpu % 64 : 2,
				       .Group = (USHORT)(remote ? remote->cpu / 64 : 0) },
	};
}

NDIS_NIC_SWITCH_VF_PARAMETERS vf_params(void)
{
	return (NDIS_NIC_SWITCH_VF_PARAMETERS){
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1 },
		.MacAddressLength = 6,
		.PermanentMacAddress = { 2, 0, 0, 0, 0, 1 },
		.CurrentMacAddress = { 2, 0, 0, 0, 0, 1 },
		.VFId = NDIS_INVALID_VF_FUNCTION_ID,
		.RequestorId = NDIS_INVALID_RID,
	};
}

NDIS_RECEIVE_QUEUE_PARAMETERS queue_params(void)
{
	return (NDIS_RECEIVE_QUEUE_PARAMETERS){
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2 },
		.QueueType = NdisReceiveQueueTypeVMQueue,
		.ProcessorAffinity = { .Mask = remote ? 1ull << remote->cpu % 64 : 1,
				       .Group = (USHORT)(remote ? remote->cpu / 64 : 0) },
	};
}

uint32_t filter_params(void *buf, uint32_t vport, uint32_t queue, const uint8_t mac_address[6], unsigned vlan)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2 },
		.FilterType = NdisReceiveFilterTypeVMQueue,
		.QueueId = queue,
		.VPortId = vport,
		.FieldParametersArrayOffset = 48,
		.FieldParametersArrayNumElements = vlan && vlan != 0xFFFF ? 2 : 1,
		.FieldParametersArrayElementSize = sizeof(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS),
	};
	NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, sizeof t },
		.Flags = vlan == 0 ? NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO : 0,
		.FrameHeader = NdisFrameHeaderMac,
		.ReceiveFilterTest = NdisReceiveFilterTestEqual,
		.HeaderField.MacHeaderField = NdisMacHeaderFieldDestinationAddress,
	};
	uint8_t *b = buf;

	memset(b, 0, 48);
	memcpy(b, &p, sizeof p);
	memcpy(t.FieldValue.FieldByteArrayValue, mac_address, 6);
	memcpy(b + 48, &t, sizeof t);
	if (p.FieldParametersArrayNumElements == 2) {
		memset(&t.FieldValue, 0, sizeof t.FieldValue);
		t.HeaderField.MacHeaderField = NdisMacHeaderFieldVlanId;
		t.FieldValue.FieldByteArrayValue[0] = (UCHAR)(vlan >> 8);
		t.FieldValue.FieldByteArrayValue[1] = (UCHAR)vlan;
		memcpy(b + 48 + sizeof t, &t, sizeof t);
	}
	return 48 + p.FieldParametersArrayNumElements * (uint32_t)sizeof t;
}

NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS clear_params(uint32_t queue, uint32_t filter)
{
	return (NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 },
						       .QueueId = queue,
						       .FilterId = filter };
}

NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS move_params(uint32_t filter, uint32_t from, uint32_t to)
{
	return (NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 24 },
							     .FilterId = filter,
							     .SourceVPortId = from,
							     .DestVPortId = to };
}

NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS delete_params(uint32_t vport)
{
	return (NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 },
							  .VPortId = vport };
}

NDIS_NIC_SWITCH_FREE_VF_PARAMETERS free_vf_params(unsigned vf)
{
	return (NDIS_NIC_SWITCH_FREE_VF_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 10 },
						     .VFId = (NDIS_SRIOV_FUNCTION_ID)vf };
}

NDIS_RECEIVE_QUEUE_FREE_PARAMETERS free_queue_params(uint32_t queue)
{
	return (NDIS_RECEIVE_QUEUE_FREE_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 }, .QueueId = queue };
}

/* ---- steps ---- */

const uint8_t *mac(unsigned n)
{
	static uint8_t ring[4][6];
	static unsigned next;
	uint8_t *m = ring[next++ % 4];

	m[0] = 2;
	m[4] = (uint8_t)(n >> 8);
	m[5] = (uint8_t)n;
	return m;
}

uint32_t make_vport(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_SUCCESS);
	memcpy(&p, f->buf, 572);
	return p.VPortId;
}

uint32_t make_vf(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p), NDIS_STATUS_SUCCESS);
	memcpy(&p, f->buf, sizeof p);
	return p.VFId;
}

uint32_t make_vf_vport(struct fix *f, uint32_t vf)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)vf;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_SUCCESS);
	memcpy(&p, f->buf, 572);
	return p.VPortId;
}

uint32_t make_queue(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), NDIS_STATUS_SUCCESS);
	memcpy(&p, f->buf, 1092);
	return p.QueueId;
}

uint32_t make_filter(struct fix *f, uint32_t vport, uint32_t queue, const uint8_t mac_address[6], unsigned vlan)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint32_t len = filter_params(f->buf, vport, queue, mac_address, vlan);

	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), NDIS_STATUS_SUCCESS);
	memcpy(&p, f->buf, sizeof p);
	return p.FilterId;
}

void clear_filter(struct fix *f, uint32_t queue, uint32_t filter)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = clear_params(queue, filter);

	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof p), NDIS_STATUS_SUCCESS);
}

void complete_queue(struct fix *f, uint32_t queue)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e;
	} p = {
		.a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
		       .FirstElementOffset = 20,
		       .NumElements = 1,
		       .ElementSize = 16 },
		.e = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 },
		       .QueueId = queue,
		       .CompletionStatus = NDIS_STATUS_PENDING },
	};

	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, sizeof p),
		      NDIS_STATUS_SUCCESS);
	memcpy(&p, f->buf, sizeof p);
	assert_int_equal(p.e.CompletionStatus, NDIS_STATUS_SUCCESS);
}

/* ---- what is there ---- */

NDIS_NIC_SWITCH_VPORT_INFO vport_info(struct fix *f, uint32_t vport)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY head = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 } };
	NDIS_NIC_SWITCH_VPORT_INFO i, none = { .VPortId = UINT32_MAX };

	memcpy(f->buf, &head, sizeof head);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, sizeof head, sizeof f->buf),
		      NDIS_STATUS_SUCCESS);
	memcpy(&head, f->buf, sizeof head);
	for (ULONG n = 0; n < head.NumElements; n++) {
		memcpy(&i, f->buf + head.FirstElementOffset + n * head.ElementSize, sizeof i);
		if (i.VPortId == vport)
			return i;
	}
	return none;
}

NDIS_RECEIVE_QUEUE_INFO queue_info(struct fix *f, uint32_t queue)
{
	NDIS_RECEIVE_QUEUE_INFO_ARRAY head;
	NDIS_RECEIVE_QUEUE_INFO i, none = { .QueueId = 0 };

	assert_status(f, query(f, f->user, OID_RECEIVE_FILTER_ENUM_QUEUES, sizeof f->buf), NDIS_STATUS_SUCCESS);
	memcpy(&head, f->buf, sizeof head);
	for (ULONG n = 0; n < head.NumElements; n++) {
		memcpy(&i, f->buf + head.FirstElementOffset + n * head.ElementSize, sizeof i);
		if (i.QueueId == queue)
			return i;
	}
	return none;
}

NDIS_NIC_SWITCH_INFO switch_info(struct fix *f)
{
	NDIS_NIC_SWITCH_INFO_ARRAY head;
	NDIS_NIC_SWITCH_INFO i;

	assert_status(f, query(f, f->user, OID_NIC_SWITCH_ENUM_SWITCHES, sizeof f->buf), NDIS_STATUS_SUCCESS);
	memcpy(&head, f->buf, sizeof head);
	assert_int_equal(head.NumElements, 1);
	assert_int_equal(head.ElementSize, sizeof i);
	memcpy(&i, f->buf + head.FirstElementOffset, sizeof i);
	return i;
}

uint32_t count_filters(struct fix *f, uint32_t vport, uint32_t queue)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY head = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 },
						.QueueId = queue,
						.Flags = NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED,
						.VPortId = vport };

	memcpy(f->buf, &head, sizeof head);
	assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_ENUM_FILTERS, sizeof head, sizeof f->buf),
		      NDIS_STATUS_SUCCESS);
	memcpy(&head, f->buf, sizeof head);
	return head.NumElements;
}

/* The numbers as a requester far away can see them, with a buffer of its own. */
static void info_remote(struct ndis_adapter_info *i)
{
	static uint8_t buf[1u << 20];
	NDIS_RECEIVE_FILTER_INFO_ARRAY all = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 } };
	NDIS_RECEIVE_QUEUE_INFO_ARRAY queues;
	NDIS_NIC_SWITCH_INFO_ARRAY head;
	NDIS_NIC_SWITCH_INFO s;
	struct vmq_err err;
	uint32_t done;

	if (remote->queues) {
		assert_int_equal(remote->request(NdisRequestQueryInformation, OID_RECEIVE_FILTER_ENUM_QUEUES, buf, 0,
						 sizeof buf, &done, &err),
				 NDIS_STATUS_SUCCESS);
		memcpy(&queues, buf, sizeof queues);
		i->num_queues = queues.NumElements;
	} else {
		assert_int_equal(remote->request(NdisRequestQueryInformation, OID_NIC_SWITCH_ENUM_SWITCHES, buf, 0,
						 sizeof buf, &done, &err),
				 NDIS_STATUS_SUCCESS);
		memcpy(&head, buf, sizeof head);
		memcpy(&s, buf + head.FirstElementOffset, sizeof s);
		i->switch_present = head.NumElements != 0;
		i->num_vports = s.NumActiveVPorts;
		i->num_vfs = s.NumAllocatedVFs;
		i->num_queue_pairs = s.NumQueuePairsForDefaultVPort + s.NumQueuePairsForNonDefaultVPorts;
		i->num_unicast_filters = s.NumActiveDefaultVPortMacAddresses + s.NumActiveNonDefaultVPortMacAddresses;
	}
	memcpy(buf, &all, sizeof all);
	assert_int_equal(remote->request(NdisRequestMethod, OID_RECEIVE_FILTER_ENUM_FILTERS, buf, sizeof all,
					 sizeof buf, &done, &err),
			 NDIS_STATUS_SUCCESS);
	memcpy(&all, buf, sizeof all);
	i->num_filters = all.NumElements;
}

struct ndis_adapter_info info(const struct fix *f)
{
	struct ndis_adapter_info i;

	memset(&i, 0, sizeof i);
	if (remote)
		info_remote(&i);
	else
		ndis_adapter_info(f->a, &i);
	return i;
}

/* Clears the filters of a VM queue, or (0) of the default queue or all VPorts. */
static void clean_filters(struct fix *f, uint32_t queue)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY filters = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 }, .QueueId = queue };
	static uint8_t list[sizeof f->buf];

	memcpy(f->buf, &filters, sizeof filters);
	(void)method(f, f->d, OID_RECEIVE_FILTER_ENUM_FILTERS, sizeof filters, sizeof f->buf);
	memcpy(list, f->buf, sizeof list);
	memcpy(&filters, list, sizeof filters);
	for (ULONG i = 0; i < filters.NumElements; i++) {
		NDIS_RECEIVE_FILTER_INFO e;
		NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p;

		memcpy(&e, list + filters.FirstElementOffset + i * filters.ElementSize, sizeof e);
		p = clear_params(queue, e.FilterId);
		(void)set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof p);
	}
}

static void clean_queues(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_INFO_ARRAY queues;
	static uint8_t list[sizeof f->buf];

	(void)query(f, f->d, OID_RECEIVE_FILTER_ENUM_QUEUES, sizeof f->buf);
	memcpy(list, f->buf, sizeof list);
	memcpy(&queues, list, sizeof queues);
	for (ULONG i = 0; i < queues.NumElements; i++) {
		NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p;
		NDIS_RECEIVE_QUEUE_INFO e;

		memcpy(&e, list + queues.FirstElementOffset + i * queues.ElementSize, sizeof e);
		clean_filters(f, e.QueueId);
		p = free_queue_params(e.QueueId);
		(void)set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, sizeof p);
	}
}

void clean_up(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY vports = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 } };
	NDIS_NIC_SWITCH_VF_INFO_ARRAY vfs = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 24 } };
	static uint8_t list[sizeof f->buf];

	clean_filters(f, 0);
	if (remote->queues) {
		clean_queues(f);
		return;
	}
	memcpy(f->buf, &vports, sizeof vports);
	(void)method(f, f->d, OID_NIC_SWITCH_ENUM_VPORTS, sizeof vports, sizeof f->buf);
	memcpy(list, f->buf, sizeof list);
	memcpy(&vports, list, sizeof vports);
	for (ULONG i = 0; i < vports.NumElements; i++) {
		NDIS_NIC_SWITCH_VPORT_INFO e;
		NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p;

		memcpy(&e, list + vports.FirstElementOffset + i * vports.ElementSize, sizeof e);
		p = delete_params(e.VPortId);
		(void)set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, sizeof p);
	}
	memcpy(f->buf, &vfs, sizeof vfs);
	(void)method(f, f->d, OID_NIC_SWITCH_ENUM_VFS, sizeof vfs, sizeof f->buf);
	memcpy(list, f->buf, sizeof list);
	memcpy(&vfs, list, sizeof vfs);
	for (ULONG i = 0; i < vfs.NumElements; i++) {
		NDIS_NIC_SWITCH_VF_INFO e;
		NDIS_NIC_SWITCH_FREE_VF_PARAMETERS p;

		memcpy(&e, list + vfs.FirstElementOffset + i * vfs.ElementSize, sizeof e);
		p = free_vf_params(e.VFId);
		(void)set(f, f->d, OID_NIC_SWITCH_FREE_VF, &p, 10);
	}
}
