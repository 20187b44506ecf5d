/* SPDX-License-Identifier: BSD-3-Clause */
/* VM queues: spec/10 §4.3 to §4.7, spec/30 §1, spec/70 Q1 to Q3, Q7, Q13, Q16, Q18, Q40. */
#include "contract.h"

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

static NDIS_STATUS allocate(struct fix *f, const NDIS_RECEIVE_QUEUE_PARAMETERS *p)
{
	return method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, p, p->Header.Size);
}

static void allocate_members(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p;

	start_vmq(f);
#define REFUSE(status, changes)                                                                                        \
	do {                                                                                                           \
		p = queue_params();                                                                                    \
		changes;                                                                                               \
		assert_status(f, allocate(f, &p), status);                                                             \
	} while (0)
	REFUSE(BAD, p.QueueType = NdisReceiveQueueTypeUnspecified);
	REFUSE(BAD, p.QueueId = 1);
	REFUSE(BAD, p.ProcessorAffinity.Mask = 0);
	REFUSE(BAD, p.LookaheadSize = 128);
	REFUSE(BAD, (p.LookaheadSize = 128, p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED));
	REFUSE(BAD, p.VmName.Length = 999);
	REFUSE(BAD, p.QueueName.Length = 1);
	REFUSE(NDIS_STATUS_NOT_SUPPORTED, (p.Header.Revision = 3, p.Header.Size = 1096, p.QosSqId = 1));
	assert_int_equal(info(f).num_queues, 0);
	assert_int_equal(f->m.queues, 0);
}

static void allocate_result(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();
	NDIS_RECEIVE_QUEUE_INFO i;

	start_vmq(f);
	p.MSIXTableEntry = 5; /* ignored on input (spec/70 Q18) */
	p.PortId = 42;
	assert_true(ndis_string_set(&p.VmName, "vm7"));
	assert_status(f, allocate(f, &p), OK);
	memcpy(&p, f->buf, 1092);
	assert_int_equal(p.QueueId, 1);
	assert_int_equal(p.MSIXTableEntry, 77);
	i = queue_info(f, 1);
	assert_int_equal(i.QueueState, NdisReceiveQueueOperationalStatePaused);
	assert_int_equal(i.MSIXTableEntry, 77);
	assert_int_equal(i.NumFilters, 0);
	assert_memory_equal(&i.VmName, &p.VmName, sizeof p.VmName);
}

static void exhausted(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	start_vmq(f);
	for (int i = 0; i < 8; i++)
		(void)make_queue(f);
	assert_status(f, allocate(f, &p), NDIS_STATUS_RESOURCES);
	assert_non_null(strstr(f->err.text, "NumQueues"));
}

/* ---- spec/30 §1: state × event ---- */

enum state { UNDEFINED, ALLOCATED, SET, RUNNING, PAUSED, STOP_DMA, FREEING, STATES };

static NDIS_OID_REQUEST free_req;
static NDIS_RECEIVE_QUEUE_FREE_PARAMETERS free_buf;
static uint32_t its_filter;

/* A queue in the state; for the last two FREE_QUEUE is with the driver. */
static uint32_t queue_in(struct fix *f, enum state s)
{
	uint32_t q;

	if (s == UNDEFINED)
		return 7;
	q = make_queue(f);
	if (s == SET || s == RUNNING)
		its_filter = make_filter(f, 0, q, mac(q), 0);
	if (s == RUNNING || s == PAUSED)
		complete_queue(f, q);
	if (s == STOP_DMA || s == FREEING) {
		free_buf = free_queue_params(q);
		f->m.no_dma_stop = s == STOP_DMA;
		f->m.pend = true;
		assert_int_equal(
		    post(f, &free_req, NdisRequestSetInformation, OID_RECEIVE_FILTER_FREE_QUEUE, &free_buf, 12),
		    NDIS_STATUS_PENDING);
	}
	return q;
}

static enum state shown(struct fix *f, uint32_t q, bool has_filters)
{
	NDIS_RECEIVE_QUEUE_INFO i = queue_info(f, q);

	assert_int_equal(i.NumFilters > 0, has_filters);
	return i.QueueId == 0						    ? UNDEFINED
	       : i.QueueState == NdisReceiveQueueOperationalStateRunning    ? RUNNING
	       : i.QueueState == NdisReceiveQueueOperationalStateDmaStopped ? FREEING
									    : PAUSED;
}

/* For each state one adapter: the event, then the state that must be shown. */
static void cells(struct fix *f, NDIS_STATUS (*event)(struct fix *f, uint32_t q), const NDIS_STATUS want[STATES],
		  const enum state next[STATES], const bool filters_then[STATES])
{
	/* far away there is no driver that keeps a queue in the last two */
	for (enum state s = UNDEFINED; s < (remote ? STOP_DMA : STATES); s++) {
		struct fix *g = calloc(1, sizeof *g);
		uint32_t q;

		(void)f;
		assert_non_null(g);
		start_vmq(g);
		q = queue_in(g, s);
		assert_status(g, event(g, q), want[s]);
		if (shown(g, q, filters_then[s]) != next[s])
			fail_msg("state %d: then %d, %d expected", s, shown(g, q, filters_then[s]), next[s]);
		if (remote)
			clean_up(g);
		else
			ndis_adapter_destroy(g->a);
		assert_int_equal(g->m.queues, 0);
		free(g);
	}
}

static const enum state same[STATES] = { UNDEFINED, PAUSED, PAUSED, RUNNING, PAUSED, FREEING, FREEING };
static const bool filters_same[STATES] = { false, false, true, true, false, false, false };

static NDIS_STATUS ev_parameters(struct fix *f, uint32_t q)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	p.QueueId = q;
	return method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092);
}

static void st_parameters(struct fix *f)
{
	cells(f, ev_parameters, (const NDIS_STATUS[]){ BAD, OK, OK, OK, OK, BAD, BAD }, same, filters_same);
}

static NDIS_STATUS ev_set(struct fix *f, uint32_t q)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	p.QueueId = q;
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED;
	if (!remote)
		p.ProcessorAffinity.Mask = 4;
	return set(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092);
}

static void st_set(struct fix *f)
{
	/* a set waits behind the pended FREE_QUEUE, which the flush completes: then the queue is gone */
	static const enum state next[STATES] = { UNDEFINED, PAUSED, PAUSED, RUNNING, PAUSED, UNDEFINED, UNDEFINED };

	cells(f, ev_set, (const NDIS_STATUS[]){ BAD, OK, OK, OK, OK, BAD, BAD }, next, filters_same);
}

static NDIS_STATUS ev_set_filter(struct fix *f, uint32_t q)
{
	uint32_t len = filter_params(f->buf, 0, q, mac(500), 0);

	return method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len);
}

static void st_set_filter(struct fix *f)
{
	static const enum state next[STATES] = { UNDEFINED, PAUSED, PAUSED, RUNNING, RUNNING, UNDEFINED, UNDEFINED };
	static const bool filters[STATES] = { false, true, true, true, true, false, false };

	cells(f, ev_set_filter, (const NDIS_STATUS[]){ BAD, OK, OK, OK, OK, BAD, BAD }, next, filters);
}

static NDIS_STATUS ev_clear_last(struct fix *f, uint32_t q)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = clear_params(q, its_filter ? its_filter : 99);
	NDIS_STATUS status = set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16);

	its_filter = 0;
	return status;
}

static void st_clear_last(struct fix *f)
{
	static const enum state next[STATES] = { UNDEFINED, PAUSED, PAUSED, PAUSED, PAUSED, UNDEFINED, UNDEFINED };
	static const bool none[STATES];
	const NDIS_STATUS nf = NDIS_STATUS_FILE_NOT_FOUND;

	cells(f, ev_clear_last, (const NDIS_STATUS[]){ nf, nf, OK, OK, nf, nf, nf }, next, none);
}

static NDIS_STATUS ev_clear_one(struct fix *f, uint32_t q)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = clear_params(q, make_filter(f, 0, q, mac(501), 0));

	return set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16);
}

static void st_clear_one(struct fix *f)
{
	enum state s[2] = { SET, RUNNING };

	for (int i = 0; i < 2; i++) {
		uint32_t q;

		if (i && !remote)
			ndis_adapter_destroy(f->a), memset(f, 0, sizeof *f);
		if (i && remote)
			clean_up(f);
		start_vmq(f);
		q = queue_in(f, s[i]);
		assert_status(f, ev_clear_one(f, q), OK);
		assert_int_equal(shown(f, q, true), i ? RUNNING : PAUSED);
	}
}

static NDIS_STATUS ev_enum_filters(struct fix *f, uint32_t q)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 }, .QueueId = q };

	memcpy(f->buf, &p, sizeof p);
	return method(f, f->d, OID_RECEIVE_FILTER_ENUM_FILTERS, 28, 4096);
}

static void st_enum_filters(struct fix *f)
{
	cells(f, ev_enum_filters, (const NDIS_STATUS[]){ BAD, OK, OK, OK, OK, BAD, BAD }, same, filters_same);
}

static NDIS_STATUS ev_filter_parameters(struct fix *f, uint32_t q)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 44 }, .FilterId = its_filter };

	(void)q;
	its_filter = 0;
	memcpy(f->buf, &p, sizeof p);
	return method(f, f->d, OID_RECEIVE_FILTER_PARAMETERS, 44, 4096);
}

static void st_filter_parameters(struct fix *f)
{
	cells(f, ev_filter_parameters, (const NDIS_STATUS[]){ BAD, BAD, OK, OK, BAD, BAD, BAD }, same, filters_same);
}

/* The status of the element; the request itself succeeds. */
static NDIS_STATUS ev_complete(struct fix *f, uint32_t q)
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
		       .QueueId = q,
		       .CompletionStatus = NDIS_STATUS_PENDING },
	};

	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, sizeof p), OK);
	memcpy(&p, f->buf, sizeof p);
	(void)snprintf(f->err.text, sizeof f->err.text, "%s", p.e.CompletionStatus ? "of the element" : "");
	return p.e.CompletionStatus;
}

static void st_complete(struct fix *f)
{
	static const enum state next[STATES] = { UNDEFINED, PAUSED, RUNNING, RUNNING, PAUSED, UNDEFINED, UNDEFINED };

	cells(f, ev_complete, (const NDIS_STATUS[]){ BAD, OK, OK, BAD, BAD, BAD, BAD }, next, filters_same);
}

static void st_complete_fails(struct fix *f)
{
	enum state s[2] = { ALLOCATED, SET };

	for (int i = 0; i < 2; i++) {
		uint32_t q;

		if (i)
			ndis_adapter_destroy(f->a), memset(f, 0, sizeof *f);
		start_vmq(f);
		q = queue_in(f, s[i]);
		f->m.element_status = NDIS_STATUS_RESOURCES;
		assert_status(f, ev_complete(f, q), NDIS_STATUS_RESOURCES);
		assert_int_equal(shown(f, q, i), PAUSED);
		/* it can be completed again */
		f->m.element_status = OK;
		assert_status(f, ev_complete(f, q), OK);
		assert_int_equal(shown(f, q, i), i ? RUNNING : PAUSED);
	}
}

static NDIS_STATUS ev_free(struct fix *f, uint32_t q)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = free_queue_params(q);

	return set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12);
}

static void st_free(struct fix *f)
{
	static const enum state next[STATES] = {
		UNDEFINED, UNDEFINED, PAUSED, RUNNING, UNDEFINED, UNDEFINED, UNDEFINED
	};

	cells(f, ev_free, (const NDIS_STATUS[]){ BAD, OK, BAD, BAD, OK, BAD, BAD }, next, filters_same);
}

static void st_free_sequence(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_STATE s;
	uint32_t q;

	start_vmq(f);
	q = queue_in(f, FREEING);
	/* DMA stopped is known before the request is complete */
	assert_int_equal(f->indications, 1);
	assert_int_equal(f->indicated, NDIS_STATUS_RECEIVE_QUEUE_STATE);
	memcpy(&s, f->indication, sizeof s);
	assert_int_equal(s.QueueId, q);
	assert_int_equal(s.QueueState, NdisReceiveQueueOperationalStateDmaStopped);
	assert_int_equal(f->completions, 0);
	assert_int_equal(queue_info(f, q).QueueState, NdisReceiveQueueOperationalStateDmaStopped);
	test_miniport_finish(&f->m, OK, NULL);
	assert_int_equal(f->completions, 1);
	assert_int_equal(f->completed_with, OK);
	assert_int_equal(f->indications, 1);
	assert_int_equal(queue_info(f, q).QueueId, 0);
}

static void free_without_indication(struct fix *f)
{
	start_vmq(f);
	f->m.no_dma_stop = true;
	assert_status(f, ev_free(f, make_queue(f)), OK);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(f->indications, 1); /* the keeper makes up for it */
	assert_memory_equal(f->indication, "\x80\x01\x10\x00\0\0\0\0\1\0\0\0\3\0\0\0", 16);
	assert_int_equal(ndis_driver_close(f->d, &f->err), 0); /* and nothing of it is left */
}

static void free_default(struct fix *f)
{
	start_vmq(f);
	assert_status(f, ev_free(f, 0), BAD);
}

static void foreign(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p;
	NDIS_RECEIVE_QUEUE_PARAMETERS c = queue_params();
	uint32_t q, len;

	start_vmq(f);
	q = make_queue(f);
	p = free_queue_params(q);
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12), BAD);
	c.QueueId = q;
	c.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &c, 1092), BAD);
	len = filter_params(f->buf, 0, q, mac(1), 0);
	assert_status(f, method(f, f->other, OID_RECEIVE_FILTER_SET_FILTER, len, len), BAD);
	len = filter_params(f->buf, 0, 0, mac(1), 0);
	assert_status(f, method(f, f->other, OID_RECEIVE_FILTER_SET_FILTER, len, len), OK);
	/* a driver sees its own, user mode all, the default queue is in neither */
	assert_status(f, query(f, f->other, OID_RECEIVE_FILTER_ENUM_QUEUES, 16), OK);
	assert_int_equal(((NDIS_RECEIVE_QUEUE_INFO_ARRAY *)(void *)f->buf)->NumElements, 0);
	assert_status(f, query(f, f->user, OID_RECEIVE_FILTER_ENUM_QUEUES, 4096), OK);
	assert_int_equal(((NDIS_RECEIVE_QUEUE_INFO_ARRAY *)(void *)f->buf)->NumElements, 1);
}

static void batch(struct fix *f)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
		struct {
			NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS p;
			uint32_t more;
		} e[5];
	} p = { .a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
		       .FirstElementOffset = 20,
		       .NumElements = 5,
		       .ElementSize = 20 } };
	const uint32_t id[5] = { 1, 2, 2, 0, 6 };
	const NDIS_STATUS want[5] = { OK, OK, BAD, BAD, BAD };

	start_vmq(f);
	(void)make_queue(f);
	(void)make_queue(f);
	for (int i = 0; i < 5; i++)
		p.e[i].p =
		    (NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 },
									 .QueueId = id[i],
									 .CompletionStatus = NDIS_STATUS_PENDING };
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, sizeof p), OK);
	assert_int_equal(f->done, 20 + 5 * 20);
	memcpy(&p, f->buf, sizeof p);
	for (int i = 0; i < 5; i++)
		assert_int_equal(p.e[i].p.CompletionStatus, want[i]);
	assert_int_equal(((NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *)(void *)f->m.last)->NumElements, 2);
}

static void batch_array(struct fix *f)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e[2];
	} good = { .a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
			  .FirstElementOffset = 20,
			  .NumElements = 2,
			  .ElementSize = 16 } },
	  p;

	start_vmq(f);
	for (int i = 0; i < 2; i++)
		good.e[i] =
		    (NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 },
									 .QueueId = make_queue(f) };
#define REFUSE_BATCH(status, changes)                                                                                  \
	do {                                                                                                           \
		p = good;                                                                                              \
		changes;                                                                                               \
		f->m.oid = 0;                                                                                          \
		assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, sizeof p),       \
			      status);                                                                                 \
		assert_int_equal(f->m.oid, 0);                                                                         \
	} while (0)
	REFUSE_BATCH(BAD, p.a.ElementSize = 15);
	REFUSE_BATCH(BAD, p.a.ElementSize = 0xFFFFFFF0);
	REFUSE_BATCH(BAD, p.a.FirstElementOffset = 19);
	REFUSE_BATCH(BAD, p.a.NumElements = 0xFFFFFFFF);
	REFUSE_BATCH(NDIS_STATUS_INVALID_LENGTH, p.a.NumElements = 3);
	REFUSE_BATCH(BAD, p.e[1].Header.Type = 1);
	REFUSE_BATCH(BAD, p.e[1].Header.Size = 15);
	/* still not completed */
	assert_status(f, ev_complete(f, 1), OK);
	good.a.NumElements = 0;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &good, 20), OK);
}

static void set_parameters(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();
	NDIS_RECEIVE_QUEUE_INFO i;

	start_vmq(f);
	p.QueueId = make_queue(f);
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED | NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;
	p.ProcessorAffinity.Mask = 0x10;
	p.NumSuggestedReceiveBuffers = 9; /* without its flag */
	assert_true(ndis_string_set(&p.QueueName, "q"));
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092), OK);
	i = queue_info(f, p.QueueId);
	assert_int_equal(i.ProcessorAffinity.Mask, 0x10);
	assert_int_equal(i.NumSuggestedReceiveBuffers, 0);
	assert_int_equal(i.QueueName.Length, 2);
	p.ProcessorAffinity.Mask = 0;
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092), BAD);
	p.Flags = 0x400000;
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092), BAD);
	f->m.oid = 0;
	p.Flags = 0;
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092), OK);
	assert_int_equal(f->m.oid, 0);
}

static void clear_wrong_queue(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p;
	uint32_t q, id;

	start_vmq(f);
	q = make_queue(f);
	id = make_filter(f, 0, q, mac(1), 0);
	p = clear_params(q + 1, id);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16), BAD);
	p = clear_params(q, id);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16), OK);
}

static void filter_vport_in_vmq(struct fix *f)
{
	uint32_t len;

	start_vmq(f);
	len = filter_params(f->buf, 1, 0, mac(1), 0);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), BAD);
	(void)make_filter(f, 0, 0, mac(1), 0); /* the default queue */
}

const struct contract_case queue_cases[] = {
	{ "spec10_4.3_allocate_queue_invalid_parameter_members", allocate_members },
	{ "spec10_4.3_allocate_queue_result", allocate_result },
	{ "spec70_Q6_queues_exhausted", exhausted },
	{ "spec30_1_queue_parameters_method", st_parameters },
	{ "spec30_1_queue_parameters_set", st_set },
	{ "spec30_1_set_filter", st_set_filter },
	{ "spec30_1_clear_filter_not_last", st_clear_one },
	{ "spec30_1_clear_filter_last", st_clear_last },
	{ "spec30_1_enum_filters", st_enum_filters },
	{ "spec30_1_filter_parameters", st_filter_parameters },
	{ "spec30_1_allocation_complete_succeeds", st_complete },
	{ "spec30_1_allocation_complete_fails", st_complete_fails },
	{ "spec30_1_free_queue", st_free },
	{ "spec30_1_dma_stopped_and_freed", st_free_sequence },
	{ "spec10_8_receive_queue_state_missing", free_without_indication },
	{ "spec10_4.5_free_queue_invalid_parameter_default", free_default },
	{ "spec10_2_ownership_queue", foreign },
	{ "spec70_Q3_batch_status_each", batch },
	{ "spec70_Q3_batch_array_checked_first", batch_array },
	{ "spec10_4.7_queue_parameters_set_invalid_parameter_members", set_parameters },
	{ "spec10_4.9_clear_filter_wrong_queue", clear_wrong_queue },
	{ "spec10_4.8_set_filter_invalid_parameter_vport_in_vmq", filter_vport_in_vmq },
};
const size_t queue_count = sizeof queue_cases / sizeof queue_cases[0];
