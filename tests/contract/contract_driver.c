/* SPDX-License-Identifier: BSD-3-Clause */
/* Drivers that pend, fail and misbehave, resets, indications, bindings: spec/10 §2, §8, miniport/miniport.h. */
#include "contract.h"

#include <errno.h>

#include <vmq/ndis_vmq.h>

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

static void one_at_a_time(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p[3];
	NDIS_OID_REQUEST req[3];
	unsigned requests;

	start_sriov(f);
	requests = f->m.requests;
	f->m.pend = true;
	for (int i = 0; i < 3; i++) {
		p[i] = vport_params();
		assert_int_equal(post(f, &req[i], NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p[i], 572),
				 NDIS_STATUS_PENDING);
	}
	assert_int_equal(f->m.requests, requests + 1);
	/* queries do not wait */
	assert_int_equal(vport_info(f, 0).VPortId, 0);
	test_miniport_finish(&f->m, OK, NULL);
	assert_int_equal(f->completions, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(p[i].VPortId, i + 1);
}

/* What waits is checked when its turn comes. */
static void checked_in_turn(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p;
	NDIS_OID_REQUEST req[2];

	start_sriov(f);
	p = delete_params(make_vport(f));
	f->m.pend = true;
	(void)post(f, &req[0], NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &p, 12);
	assert_int_equal(post(f, &req[1], NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &p, 12),
			 NDIS_STATUS_PENDING);
	test_miniport_finish(&f->m, OK, NULL);
	assert_int_equal(f->completions, 2);
	assert_int_equal(f->completed_with, BAD);
	assert_non_null(strstr(f->sentence, "no VPort 1"));
}

static void completes_inside(struct fix *f)
{
	start_sriov(f);
	f->m.complete_inside = true;
	assert_int_equal(make_vport(f), 1);
	assert_int_equal(info(f).faults, 0);
	f->m.complete_and_answer = true;
	assert_int_equal(make_vport(f), 2);
	assert_int_equal(info(f).faults, 1);
}

static void completes_twice(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_OID_REQUEST req, *down;

	start_sriov(f);
	f->m.pend = true;
	(void)post(f, &req, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p, 572);
	down = f->m.pending;
	test_miniport_finish(&f->m, OK, NULL);
	f->m.up->complete(f->a, down, OK, NULL);
	assert_int_equal(f->completions, 1);
	assert_int_equal(info(f).faults, 1);
}

static void completes_with_pending(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_OID_REQUEST req, *down;

	start_sriov(f);
	f->m.pend = true;
	(void)post(f, &req, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p, 572);
	down = f->m.pending;
	f->m.pending = NULL;
	f->m.up->complete(f->a, down, NDIS_STATUS_PENDING, NULL);
	assert_int_equal(f->completed_with, NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
}

static void cannot_flush(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_sriov(f);
	f->m.pend = f->m.cannot_flush = true;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_FAILURE);
	assert_non_null(strstr(f->err.text, "cannot be flushed"));
	/* a second one cannot even begin, and leaves nothing behind */
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_FAILURE);
	memset(f->buf, 0x55, sizeof p);
	test_miniport_finish(&f->m, OK, NULL);
	/* the change came late; nothing was written into the buffer given back long ago */
	assert_int_equal(f->buf[12], 0x55);
	assert_int_equal(vport_info(f, 1).VPortId, 1);
}

static void strange_status(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_sriov(f);
	f->m.answer = (NDIS_STATUS)0xC0DE0001;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(info(f).num_vports, 1);
}

/* Lengths that a driver writes beside its answer: of a vendor request they are checked, of others nobody asks it. */
static void wrong_lengths(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_sriov(f);
	f->m.says_written = f->m.says_read = 0xFFFFFFF0;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), OK);
	assert_int_equal(f->done, 572);
	assert_int_equal(info(f).faults, 0);
	f->m.says_read = 0;
	f->m.says_written = 1;
	memset(f->buf, 1, 100);
	assert_status(f, method(f, f->d, 0xFF012345, 10, 20), NDIS_STATUS_FAILURE);
	assert_int_equal(f->buf[0], 1); /* nothing of it reached the requester */
	f->m.says_written = 0;
	f->m.says_read = 1;
	assert_status(f, method(f, f->d, 0xFF012345, 10, 20), NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 2);
}

static void completes_nobodys(struct fix *f)
{
	NDIS_OID_REQUEST nobodys = { 0 };

	start_sriov(f);
	f->m.up->complete(f->a, &nobodys, OK, NULL);
	f->m.up->complete(f->a, NULL, OK, "what?");
	assert_int_equal(info(f).faults, 2);
	assert_int_equal(f->completions, 0);
	assert_int_equal(make_vport(f), 1);
}

/* A request that a reset did not get back: its requester has its answer, the driver may hold it as long as it likes, and
 * when it comes back it is taken for no other. */
static void keeps_it_over_a_reset(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p[2] = { vport_params(), vport_params() };
	NDIS_OID_REQUEST req[2], *kept;

	start_sriov(f);
	f->m.pend = f->m.keeps_it = true;
	(void)post(f, &req[0], NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p[0], 572);
	kept = f->m.pending;
	assert_int_equal(ndis_adapter_reset(f->a, &f->err), 0);
	assert_int_equal(f->completions, 1);
	assert_int_equal(f->completed_with, NDIS_STATUS_REQUEST_ABORTED);
	assert_int_equal(info(f).faults, 1);
	assert_non_null(strstr(f->fault, "still holds a request"));
	/* the next one goes to the driver, and only it is completed */
	f->m.pend = true;
	assert_int_equal(post(f, &req[1], NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p[1], 572),
			 NDIS_STATUS_PENDING);
	assert_ptr_not_equal(f->m.pending, kept);
	memset(kept->DATA.METHOD_INFORMATION.InformationBuffer, 0xAA, kept->DATA.METHOD_INFORMATION.OutputBufferLength);
	f->m.up->complete(f->a, kept, OK, NULL);
	assert_int_equal(f->completions, 1);
	assert_int_equal(info(f).faults, 2);
	assert_int_equal(info(f).num_vports, 1);
	test_miniport_finish(&f->m, OK, NULL);
	assert_int_equal(f->completions, 2);
	assert_int_equal(f->completed_with, OK);
	assert_int_equal(info(f).num_vports, 2);
}

/* One it never gives back, not even when it is halted; it writes to it there. */
static void keeps_it_to_the_end(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_OID_REQUEST req;

	start_sriov(f);
	f->m.pend = f->m.keeps_it = f->m.cannot_flush = true;
	(void)post(f, &req, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p, 572);
	ndis_adapter_destroy(f->a);
	f->a = NULL;
	assert_int_equal(f->completions, 1);
	assert_int_equal(f->completed_with, NDIS_STATUS_ADAPTER_REMOVED);
	assert_int_equal(p.VPortId, 0); /* nothing was written to the requester */
	assert_non_null(strstr(f->fault, "that it does not have"));
}

/* The request that makes the switch, never completed: the adapter does not start, and the driver is halted. */
static void never_starts(struct fix *f)
{
	fix_init(f);
	f->m.pend = f->m.keeps_it = f->m.cannot_flush = true;
	assert_int_equal(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err), -EIO);
	assert_non_null(strstr(f->err.text, "cannot be flushed"));
	assert_int_equal(f->m.halted, 1);
	f->a = NULL;
}

/* Each fault is told when it happens, with the sentence that ndis_adapter_info remembers of the last. */
static void faults_are_told(struct fix *f)
{
	static const uint8_t nonsense[40] = { 0x80, 9, 40 };

	start_sriov(f);
	assert_int_equal(f->faults, 0);
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_QUEUE_STATE, nonsense, sizeof nonsense);
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, nonsense, sizeof nonsense);
	f->m.up->indicate(f->a, (NDIS_STATUS)0, nonsense, 0);
	assert_int_equal(f->faults, 3);
	assert_int_equal(info(f).faults, 3);
	assert_string_equal(f->fault, info(f).last_fault);
	assert_non_null(strstr(f->fault, "0x00000000"));
	assert_int_equal(f->indications, 0);
	assert_int_equal(make_vport(f), 1);
}

/* Calls from initialize come before there is anything they could be about. */
static void indicates_early(struct fix *f)
{
	fix_init(f);
	f->m.indicates_early = true;
	fix_start(f);
	assert_int_equal(info(f).faults, 3);
	assert_int_equal(make_vport(f), 1);
}

static void reset_adapter(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p[3];
	NDIS_OID_REQUEST req[3];

	start_sriov(f);
	(void)make_vport(f);
	f->m.pend = true;
	for (int i = 0; i < 3; i++) {
		p[i] = vport_params();
		(void)post(f, &req[i], NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p[i], 572);
	}
	assert_int_equal(ndis_adapter_reset(f->a, &f->err), 0);
	assert_int_equal(f->m.resets, 1);
	assert_int_equal(f->completions, 3);
	assert_int_equal(f->completed_with, NDIS_STATUS_REQUEST_ABORTED);
	/* objects stay, and it goes on */
	assert_int_equal(info(f).num_vports, 2);
	(void)make_vport(f);
	f->m.reset_rc = -EIO;
	assert_int_equal(ndis_adapter_reset(f->a, &f->err), -EIO);
}

static void destroy_with_pending(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_OID_REQUEST req[2];

	start_sriov(f);
	f->m.pend = f->m.cannot_flush = true;
	(void)post(f, &req[0], NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p, 572);
	(void)post(f, &req[1], NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p, 572);
	ndis_adapter_destroy(f->a);
	f->a = NULL;
	assert_int_equal(f->completions, 2);
	assert_int_equal(f->completed_with, NDIS_STATUS_ADAPTER_REMOVED);
}

static void destroy_takes_all_down(struct fix *f)
{
	uint32_t v, vf;

	start_sriov(f);
	v = make_vport(f);
	vf = make_vf(f);
	(void)make_filter(f, v, 0, mac(1), 0);
	(void)make_filter(f, make_vf_vport(f, vf), 0, mac(2), 3);
	(void)make_filter(f, 0, 0, mac(3), 0);
	/* end() finds the driver with nothing left */
}

static void destroy_vmq(struct fix *f)
{
	uint32_t q;

	start_vmq(f);
	q = make_queue(f);
	(void)make_filter(f, 0, q, mac(1), 0);
	(void)make_filter(f, 0, 0, mac(2), 0);
	complete_queue(f, q);
}

static void close_driver(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p;

	start_sriov(f);
	p = delete_params(make_vport(f));
	assert_int_equal(ndis_driver_close(f->d, &f->err), -EBUSY);
	assert_non_null(strstr(f->err.text, "1 VPorts"));
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, 12), OK);
	assert_int_equal(ndis_driver_close(f->d, &f->err), 0);
}

static void bad_indications(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_STATE s = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 },
				       .QueueId = 1,
				       .QueueState = NdisReceiveQueueOperationalStateDmaStopped };
	uint64_t faults = 0;

	start_vmq(f);
	s.QueueId = make_queue(f);
#define FAULT(code, buf, len)                                                                                          \
	do {                                                                                                           \
		f->m.up->indicate(f->a, code, buf, len);                                                               \
		assert_int_equal(info(f).faults, ++faults);                                                            \
		assert_int_equal(f->indications, 0);                                                                   \
	} while (0)
	FAULT(NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, 16); /* it is not being freed */
	FAULT(NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, 15);
	FAULT(NDIS_STATUS_RECEIVE_QUEUE_STATE, NULL, 0);
	s.QueueId = 6;
	FAULT(NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, 16);
	FAULT(NDIS_STATUS_VF_CONFIG_STATE, &s, 16);
	FAULT((NDIS_STATUS)0x12345678, &s, 16);
	f->m.filter.MaxMacHeaderFilters = 0;
	FAULT(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &f->m.filter, sizeof f->m.filter);
	s.QueueId = 1;
	s.QueueState = NdisReceiveQueueOperationalStateRunning; /* allowed, though needless */
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, 16);
	assert_int_equal(f->indications, 1);
}

static void capability_indications(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CAPABILITIES c;
	NDIS_NIC_SWITCH_CAPABILITIES s;

	start_sriov(f);
	c = f->m.filter;
	c.MaxMacHeaderFilters = 2;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(f->indicated, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES);
	assert_int_equal(info(f).max_filters, 2);
	s = f->m.nic_switch;
	s.MaxNumVPorts = 20;
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s);
	assert_int_equal(info(f).max_vports, 20);
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES, &s, sizeof s);
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, &c, sizeof c);
	assert_int_equal(f->indications, 4);
	assert_int_equal(info(f).faults, 0);
	/* more than at start: identifiers are not there for it */
	s.MaxNumVPorts = 65;
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s);
	assert_int_equal(info(f).faults, 1);
}

static void queue_parameters_indication(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	start_vmq(f);
	p.QueueId = make_queue(f);
	p.InterruptCoalescingDomainId = 3;
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092);
	assert_int_equal(queue_info(f, p.QueueId).InterruptCoalescingDomainId, 3);
	p.Flags |= NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092);
	assert_int_equal(info(f).faults, 1);
}

static void vendor(struct fix *f)
{
	start_sriov(f);
	memset(f->buf, 1, 100);
	assert_status(f, method(f, f->d, 0xFF012345, 10, 20), OK);
	assert_int_equal(f->done, 20);
	assert_int_equal(f->buf[19], 0x5A);
	assert_int_equal(f->buf[20], 1);
	assert_status(f, set(f, f->d, 0xFFFFFFFF, f->buf, 33), OK);
	assert_int_equal(f->m.last_len, 33);
	assert_status(f, set(f, f->d, 0xFF000000, NULL, 0), OK);
	assert_status(f, set(f, f->d, 0xFF000000, f->buf, VMQ_VENDOR_OID_MAX_LENGTH + 1), BAD);
	f->m.answer = (NDIS_STATUS)0xC0DE0001; /* its own statuses pass */
	assert_status(f, set(f, f->d, 0xFF000000, f->buf, 4), (NDIS_STATUS)0xC0DE0001);
}

static void unknown_oid(struct fix *f)
{
	start_sriov(f);
	assert_status(f, query(f, f->d, 0x00010106, 4), NDIS_STATUS_INVALID_OID);
	assert_status(f, query(f, f->d, OID_SRIOV_CONFIG_STATE, 12), NDIS_STATUS_INVALID_OID);
}

static void bad_request(struct fix *f)
{
	NDIS_OID_REQUEST req;

	start_sriov(f);
	memset(&req, 0, sizeof req);
	req.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_OID_REQUEST, 2, NDIS_SIZEOF_OID_REQUEST_REVISION_2 - 1 };
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), BAD);
	req.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_OID_REQUEST_REVISION_2 };
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), BAD);
	req.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_OID_REQUEST, 0, NDIS_SIZEOF_OID_REQUEST_REVISION_2 };
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), BAD);
	req.Header.Revision = 1;
	req.RequestType = (NDIS_REQUEST_TYPE)3;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), NDIS_STATUS_NOT_SUPPORTED);
	req.RequestType = NdisRequestSetInformation;
	req.DATA.SET_INFORMATION.Oid = OID_NIC_SWITCH_DELETE_VPORT;
	req.DATA.SET_INFORMATION.InformationBuffer = f->buf;
	req.DATA.SET_INFORMATION.InformationBufferLength = NDIS_REQUEST_MAX_BYTES + 1;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), BAD);
}

static void supported_revision(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS c;
	NDIS_OID_REQUEST req;

	start_sriov(f);
	p.VPortId = make_vport(f);
	p.Header.Revision = 7;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED;
	assert_int_equal(post(f, &req, NdisRequestSetInformation, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 576), OK);
	assert_int_equal(req.SupportedRevision, 1);
	c = clear_params(0, make_filter(f, 0, 0, mac(1), 0));
	c.Header.Revision = 200;
	assert_int_equal(post(f, &req, NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), OK);
	assert_int_equal(req.SupportedRevision, 1);
}

/* A driver whose device is gone answers everything so, until it is halted. */
static void surprise_removal(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS c;

	start_sriov(f);
	c = clear_params(0, make_filter(f, 0, 0, mac(1), 0));
	f->m.answer = NDIS_STATUS_NOT_ACCEPTED;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_NOT_ACCEPTED);
	f->m.answer = NDIS_STATUS_NOT_ACCEPTED;
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), NDIS_STATUS_NOT_ACCEPTED);
	assert_int_equal(info(f).num_filters, 1);
	assert_int_equal(info(f).faults, 0);
}

/* spec/70 Q4: a wrong element is the request's fault, not the buffer's length. */
static void bytes_needed_untouched(struct fix *f)
{
	NDIS_OID_REQUEST req;
	uint32_t len;

	start_sriov(f);
	len = filter_params(f->buf, 0, 0, mac(1), 0);
	f->buf[48 + 2] = 57; /* the test's Header.Size: longer than its element */
	(void)post(f, &req, NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, f->buf, len);
	req.DATA.METHOD_INFORMATION.BytesNeeded = 4711;
	assert_status(f, ndis_oid_request(f->a, f->async, &req, &f->err), BAD);
	assert_int_equal(req.DATA.METHOD_INFORMATION.BytesNeeded, 4711);
}

static void plain_driver(struct fix *f)
{
	struct ndis_driver_config d = { .name = "d" };

	fix_init(f);
	assert_int_equal(ndis_adapter_create(&test_miniport_plain_ops, &f->m, &f->cfg, &f->a, &f->err), 0);
	f->d = ndis_driver_open(f->a, &d);
	assert_int_equal(make_vport(f), 1);
	assert_int_equal(ndis_adapter_reset(f->a, &f->err), 0);
}

const struct contract_case driver_cases[] = {
	{ "spec10_2_one_request_at_a_time", one_at_a_time },
	{ "spec10_2_waiting_request_checked_in_turn", checked_in_turn },
	{ "driver_completes_inside_the_call", completes_inside },
	{ "driver_completes_twice", completes_twice },
	{ "driver_completes_with_pending", completes_with_pending },
	{ "driver_cannot_be_flushed", cannot_flush },
	{ "driver_answers_a_strange_status", strange_status },
	{ "driver_says_wrong_lengths", wrong_lengths },
	{ "driver_completes_nobodys_request", completes_nobodys },
	{ "driver_keeps_a_request_over_a_reset", keeps_it_over_a_reset },
	{ "driver_keeps_a_request_to_the_end", keeps_it_to_the_end },
	{ "driver_never_makes_the_switch", never_starts },
	{ "driver_faults_are_told", faults_are_told },
	{ "driver_calls_from_initialize", indicates_early },
	{ "reset_aborts_requests_and_keeps_objects", reset_adapter },
	{ "destroy_completes_pending_requests", destroy_with_pending },
	{ "spec30_7_stop_order_switch", destroy_takes_all_down },
	{ "spec30_7_stop_order_queues", destroy_vmq },
	{ "spec10_2_leaving_driver", close_driver },
	{ "spec10_8_receive_queue_state_bad", bad_indications },
	{ "spec10_8_capabilities", capability_indications },
	{ "spec10_8_queue_parameters", queue_parameters_indication },
	{ "vendor_oids", vendor },
	{ "spec10_1_invalid_oid", unknown_oid },
	{ "spec10_2_oid_request_structure", bad_request },
	{ "spec10_2_supported_revision", supported_revision },
	{ "spec10_2_surprise_removal", surprise_removal },
	{ "spec70_Q4_bytes_needed_only_with_invalid_length", bytes_needed_untouched },
	{ "driver_without_flush_and_reset", plain_driver },
};
const size_t driver_count = sizeof driver_cases / sizeof driver_cases[0];
