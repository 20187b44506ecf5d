/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What holds for every request (spec/10 §2, §3, spec/70 Q4, Q5, Q10): one table of requests, one of checks, and a
 * case for each pair that fits.
 */
#include "contract.h"

/* ---- the requests ---- */

static uint32_t put(struct fix *f, const void *p, uint32_t len)
{
	memset(f->buf, 0, 4096);
	memcpy(f->buf, p, len);
	return len;
}

static uint32_t ready_allocate_queue(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	return put(f, &p, 1092);
}

static uint32_t ready_complete(struct fix *f)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e;
	} p = {
		.a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
		       .FirstElementOffset = 20,
		       .NumElements = 1,
		       .ElementSize = 16 },
		.e = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 }, .QueueId = make_queue(f) },
	};

	return put(f, &p, sizeof p);
}

static uint32_t ready_free_queue(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = free_queue_params(make_queue(f));

	return put(f, &p, sizeof p);
}

static uint32_t ready_queue_params(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	p.QueueId = make_queue(f);
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED;
	p.NumSuggestedReceiveBuffers = 512;
	return put(f, &p, 1092);
}

static uint32_t ready_set_filter(struct fix *f)
{
	return filter_params(f->buf, make_vport(f), 0, mac(1), 0);
}

static uint32_t ready_clear_filter(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = clear_params(0, make_filter(f, make_vport(f), 0, mac(1), 0));

	return put(f, &p, sizeof p);
}

static uint32_t ready_move_filter(struct fix *f)
{
	uint32_t from = make_vport(f), to = make_vport(f);
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p = move_params(make_filter(f, from, 0, mac(1), 0), from, to);

	return put(f, &p, sizeof p);
}

static uint32_t ready_enum_filters(struct fix *f)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 } };

	(void)make_filter(f, make_vport(f), 0, mac(1), 0);
	return put(f, &p, sizeof p);
}

static uint32_t ready_filter_params(struct fix *f)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 44 },
					     .FilterId = make_filter(f, make_vport(f), 0, mac(1), 0) };

	return put(f, &p, sizeof p);
}

static uint32_t ready_switch(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 552 },
					 .SwitchType = NdisNicSwitchTypeExternal,
					 .NumQueuePairsForDefaultVPort = 1,
					 .Flags = NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED };

	return put(f, &p, sizeof p);
}

static uint32_t ready_delete_switch(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 } };

	return put(f, &p, sizeof p);
}

static uint32_t ready_create_vport(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	return put(f, &p, 572);
}

static uint32_t ready_vport_params(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.VPortId = make_vport(f);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	return put(f, &p, 572);
}

static uint32_t ready_enum_vports(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 } };

	return put(f, &p, sizeof p);
}

static uint32_t ready_delete_vport(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = delete_params(make_vport(f));

	return put(f, &p, sizeof p);
}

static uint32_t ready_allocate_vf(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

	return put(f, &p, sizeof p);
}

static uint32_t ready_free_vf(struct fix *f)
{
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS p = free_vf_params(make_vf(f));

	return put(f, &p, sizeof p);
}

static uint32_t ready_vf_params(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 1632 } };

	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	return put(f, &p, sizeof p);
}

static uint32_t ready_enum_vfs(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 24 } };

	return put(f, &p, sizeof p);
}

static uint32_t ready_config(struct fix *f)
{
	NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS p = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 }, .Offset = 0, .Length = 16, .BufferOffset = 24
	};

	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	(void)put(f, &p, sizeof p);
	return 40;
}

static uint32_t ready_reset_vf(struct fix *f)
{
	NDIS_SRIOV_RESET_VF_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 6 } };

	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	return put(f, &p, sizeof p);
}

static uint32_t ready_power(struct fix *f)
{
	NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 13 },
						       .PowerState = NdisDeviceStateD3,
						       .WakeEnable = 1 };

	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	return put(f, &p, 13);
}

static uint32_t ready_vendor(struct fix *f)
{
	NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 10 } };

	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	return put(f, &p, sizeof p);
}

static uint32_t ready_bar(struct fix *f)
{
	NDIS_SRIOV_BAR_RESOURCES_INFO p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 } };

	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	return put(f, &p, sizeof p);
}

static uint32_t ready_queue_query(struct fix *f)
{
	(void)make_queue(f);
	return 0;
}

static uint32_t ready_query(struct fix *f)
{
	(void)f;
	return 0;
}

#define Q NdisRequestQueryInformation
#define S NdisRequestSetInformation
#define M NdisRequestMethod
#define D COMMON_DOWN
#define R COMMON_RELEASE
#define U COMMON_USER
#define N COMMON_NDIS
#define A COMMON_ANYWHERE
#define W COMMON_WHOLE
#define C COMMON_SAME

const struct common_row common_rows[] = {
	{ "spec10_4.1_filter_hardware_capabilities",
	  OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
	  Q,
	  U | A,
	  start_sriov,
	  ready_query,
	  84,
	  { 0 } },
	{ "spec10_4.1_filter_current_capabilities",
	  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
	  Q,
	  U,
	  start_sriov,
	  ready_query,
	  84,
	  { 0 } },
	{ "spec10_4.2_global_parameters",
	  OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
	  Q,
	  U | A,
	  start_sriov,
	  ready_query,
	  16,
	  { 0 } },
	{ "spec10_4.3_allocate_queue",
	  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
	  M,
	  D,
	  start_vmq,
	  ready_allocate_queue,
	  1092,
	  { 1084, 1092, 1096 } },
	{ "spec10_4.4_allocation_complete",
	  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
	  M,
	  D | W,
	  start_vmq,
	  ready_complete,
	  36,
	  { 20 } },
	{ "spec10_4.5_free_queue", OID_RECEIVE_FILTER_FREE_QUEUE, S, D | C | R, start_vmq, ready_free_queue, 0, { 12 } },
	{ "spec10_4.6_enum_queues",
	  OID_RECEIVE_FILTER_ENUM_QUEUES,
	  Q,
	  U,
	  start_vmq,
	  ready_queue_query,
	  16 + 1096,
	  { 0 } },
	{ "spec10_4.7_queue_parameters_method",
	  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
	  M,
	  U,
	  start_vmq,
	  ready_queue_params,
	  1092,
	  { 1084, 1092, 1096 } },
	{ "spec10_4.7_queue_parameters_set",
	  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
	  S,
	  D,
	  start_vmq,
	  ready_queue_params,
	  0,
	  { 1084, 1092, 1096 } },
	{ "spec10_4.8_set_filter", OID_RECEIVE_FILTER_SET_FILTER, M, D | W, start_sriov, ready_set_filter, 44, { 36, 44 } },
	{ "spec10_4.9_clear_filter",
	  OID_RECEIVE_FILTER_CLEAR_FILTER,
	  S,
	  D | C | R,
	  start_sriov,
	  ready_clear_filter,
	  0,
	  { 16 } },
	{ "spec10_4.10_move_filter", OID_RECEIVE_FILTER_MOVE_FILTER, S, D | C, start_sriov, ready_move_filter, 0, { 24 } },
	{ "spec10_4.11_enum_filters",
	  OID_RECEIVE_FILTER_ENUM_FILTERS,
	  M,
	  U,
	  start_sriov,
	  ready_enum_filters,
	  32 + 16,
	  { 20, 28 } },
	{ "spec10_4.12_filter_parameters",
	  OID_RECEIVE_FILTER_PARAMETERS,
	  M,
	  U,
	  start_sriov,
	  ready_filter_params,
	  48 + 56,
	  { 36, 44 } },
	{ "spec10_5.1_switch_hardware_capabilities",
	  OID_NIC_SWITCH_HARDWARE_CAPABILITIES,
	  Q,
	  A,
	  start_sriov,
	  ready_query,
	  132,
	  { 0 } },
	{ "spec10_5.1_switch_current_capabilities",
	  OID_NIC_SWITCH_CURRENT_CAPABILITIES,
	  Q,
	  0,
	  start_sriov,
	  ready_query,
	  132,
	  { 0 } },
	{ "spec10_5.2_create_switch",
	  OID_NIC_SWITCH_CREATE_SWITCH,
	  M,
	  D | C | N,
	  start_neutral,
	  ready_switch,
	  552,
	  { 548, 552 } },
	{ "spec10_5.3_switch_parameters_method",
	  OID_NIC_SWITCH_PARAMETERS,
	  M,
	  0,
	  start_sriov,
	  ready_switch,
	  552,
	  { 548, 552 } },
	{ "spec10_5.3_switch_parameters_set",
	  OID_NIC_SWITCH_PARAMETERS,
	  S,
	  D,
	  start_sriov,
	  ready_switch,
	  0,
	  { 548, 552 } },
	{ "spec10_5.4_delete_switch",
	  OID_NIC_SWITCH_DELETE_SWITCH,
	  S,
	  D | C | R | N,
	  start_sriov,
	  ready_delete_switch,
	  0,
	  { 12 } },
	{ "spec10_5.5_enum_switches", OID_NIC_SWITCH_ENUM_SWITCHES, Q, U, start_sriov, ready_query, 16 + 572, { 0 } },
	{ "spec10_5.6_create_vport", OID_NIC_SWITCH_CREATE_VPORT, M, D, start_sriov, ready_create_vport, 572, { 572 } },
	{ "spec10_5.7_vport_parameters_method",
	  OID_NIC_SWITCH_VPORT_PARAMETERS,
	  M,
	  0,
	  start_sriov,
	  ready_vport_params,
	  572,
	  { 572 } },
	{ "spec10_5.7_vport_parameters_set",
	  OID_NIC_SWITCH_VPORT_PARAMETERS,
	  S,
	  D,
	  start_sriov,
	  ready_vport_params,
	  0,
	  { 572 } },
	{ "spec10_5.8_enum_vports",
	  OID_NIC_SWITCH_ENUM_VPORTS,
	  M,
	  U,
	  start_sriov,
	  ready_enum_vports,
	  32 + 576,
	  { 28 } },
	{ "spec10_5.9_delete_vport", OID_NIC_SWITCH_DELETE_VPORT, S, D | C, start_sriov, ready_delete_vport, 0, { 12 } },
	{ "spec10_5.10_allocate_vf", OID_NIC_SWITCH_ALLOCATE_VF, M, D | C, start_sriov, ready_allocate_vf, 1632, { 1632 } },
	{ "spec10_5.11_free_vf", OID_NIC_SWITCH_FREE_VF, S, D | C | R, start_sriov, ready_free_vf, 0, { 10 } },
	{ "spec10_5.12_vf_parameters",
	  OID_NIC_SWITCH_VF_PARAMETERS,
	  M,
	  U,
	  start_sriov,
	  ready_vf_params,
	  1632,
	  { 1632 } },
	{ "spec10_5.12_enum_vfs", OID_NIC_SWITCH_ENUM_VFS, M, U, start_sriov, ready_enum_vfs, 24, { 24 } },
	{ "spec10_6_sriov_hardware_capabilities",
	  OID_SRIOV_HARDWARE_CAPABILITIES,
	  Q,
	  A,
	  start_sriov,
	  ready_query,
	  12,
	  { 0 } },
	{ "spec10_6_sriov_current_capabilities",
	  OID_SRIOV_CURRENT_CAPABILITIES,
	  Q,
	  0,
	  start_sriov,
	  ready_query,
	  12,
	  { 0 } },
	{ "spec10_6_read_vf_config_space",
	  OID_SRIOV_READ_VF_CONFIG_SPACE,
	  M,
	  D,
	  start_sriov,
	  ready_config,
	  40,
	  { 20 } },
	{ "spec10_6_write_vf_config_space",
	  OID_SRIOV_WRITE_VF_CONFIG_SPACE,
	  S,
	  D | W,
	  start_sriov,
	  ready_config,
	  0,
	  { 20 } },
	{ "spec10_6_read_vf_config_block",
	  OID_SRIOV_READ_VF_CONFIG_BLOCK,
	  M,
	  D,
	  start_sriov,
	  ready_config,
	  40,
	  { 20 } },
	{ "spec10_6_write_vf_config_block",
	  OID_SRIOV_WRITE_VF_CONFIG_BLOCK,
	  S,
	  D | W,
	  start_sriov,
	  ready_config,
	  0,
	  { 20 } },
	{ "spec10_6_reset_vf", OID_SRIOV_RESET_VF, S, D | C, start_sriov, ready_reset_vf, 0, { 6 } },
	{ "spec10_6_set_vf_power_state", OID_SRIOV_SET_VF_POWER_STATE, S, D | C, start_sriov, ready_power, 0, { 13 } },
	{ "spec10_6_vf_vendor_device_id", OID_SRIOV_VF_VENDOR_DEVICE_ID, M, D | C, start_sriov, ready_vendor, 10, { 10 } },
	{ "spec10_6_probed_bars", OID_SRIOV_PROBED_BARS, Q, D | N, start_sriov, ready_query, 32, { 0 } },
	{ "spec10_6_bar_resources", OID_SRIOV_BAR_RESOURCES, M, D | N, start_sriov, ready_bar, 32, { 12 } },
	{ "spec10_6_pf_luid", OID_SRIOV_PF_LUID, Q, 0, start_sriov, ready_query, 12, { 0 } },
};

#undef Q
#undef S
#undef M
#undef D
#undef R
#undef U
#undef N
#undef A
#undef W
#undef C

const size_t common_row_count = sizeof common_rows / sizeof common_rows[0];

/* ---- the checks ---- */

static struct ndis_driver *issuer(const struct fix *f, const struct common_row *r)
{
	return r->flags & COMMON_NDIS ? f->ndis : f->d;
}

static NDIS_STATUS go(struct fix *f, const struct common_row *r, struct ndis_driver *d, uint32_t in, uint32_t out)
{
	switch (r->type) {
	case NdisRequestMethod:
		return method(f, d, r->oid, in, out);
	case NdisRequestSetInformation:
		return set(f, d, r->oid, f->buf, in);
	default:
		return query(f, d, r->oid, out);
	}
}

/* A refusal that must leave no trace: neither the driver nor the keeper's numbers move. */
static void refused(struct fix *f, const struct common_row *r, struct ndis_driver *d, uint32_t in, uint32_t out,
		    NDIS_STATUS want)
{
	struct ndis_adapter_info before = info(f), after;
	unsigned requests = f->m.requests;
	NDIS_STATUS status = go(f, r, d, in, out);

	after = info(f);
	assert_status(f, status, want);
	assert_int_equal(f->m.requests, requests);
	assert_memory_equal(&before, &after, sizeof before);
}

static unsigned revisions(const struct common_row *r)
{
	unsigned n = 0;

	while (n < 3 && r->size[n])
		n++;
	return n;
}

static bool all(const struct common_row *r)
{
	(void)r;
	return true;
}

static bool has_input(const struct common_row *r)
{
	return r->size[0] != 0;
}

static bool has_output(const struct common_row *r)
{
	return r->out != 0;
}

static bool goes_down(const struct common_row *r)
{
	return r->flags & COMMON_DOWN;
}

static bool can_refuse(const struct common_row *r)
{
	return (r->flags & (COMMON_DOWN | COMMON_RELEASE)) == COMMON_DOWN;
}

static bool cannot_refuse(const struct common_row *r)
{
	return r->flags & COMMON_RELEASE;
}

static bool ndis_only(const struct common_row *r)
{
	return r->flags & COMMON_NDIS;
}

static bool not_anywhere(const struct common_row *r)
{
	return !(r->flags & COMMON_ANYWHERE);
}

static void success(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_SUCCESS);
	if (r->type == NdisRequestSetInformation)
		assert_true(f->done >= r->size[0] && f->done <= in);
	else
		assert_true(f->done > 0 && f->done <= r->out);
}

static void header_at(struct fix *f, unsigned revision, unsigned size)
{
	f->buf[1] = (uint8_t)revision;
	f->buf[2] = (uint8_t)size;
	f->buf[3] = (uint8_t)(size >> 8);
}

/* The numbers beside a success: exactly what the structures have, whatever lies behind them in the buffers. */
static void lengths(struct fix *f, const struct common_row *r)
{
	const bool whole = r->flags & COMMON_WHOLE;
	NDIS_OID_REQUEST req;
	uint32_t in, len;

	r->start(f);
	in = r->ready(f);
	len = (in > r->out ? in : r->out) + 9;
	memset(f->buf + in, 0xEE, 4096);
	memset(&req, 0xEE, sizeof req);
	assert_status(f, post(f, &req, r->type, r->oid, f->buf, len), NDIS_STATUS_SUCCESS);
	if (r->type == NdisRequestSetInformation) {
		assert_int_equal(req.DATA.SET_INFORMATION.BytesRead, whole ? in : r->size[f->buf[1] - 1]);
		return;
	}
	if (r->type != NdisRequestMethod) {
		assert_int_equal(req.DATA.QUERY_INFORMATION.BytesWritten, r->out);
	} else {
		assert_int_equal(req.DATA.METHOD_INFORMATION.BytesRead, whole ? in : r->size[f->buf[1] - 1]);
		assert_int_equal(req.DATA.METHOD_INFORMATION.BytesWritten, r->out);
	}
	for (uint32_t i = in > r->out ? in : r->out; i < len; i++)
		assert_int_equal(f->buf[i], 0xEE);
}

static bool seen_as_it_came(const struct common_row *r)
{
	return r->flags & COMMON_SAME;
}

/* The driver sees what the requester wrote, but for flags that mean nothing, in the highest revision. */
static void seen(struct fix *f, const struct common_row *r)
{
	uint8_t valid[4096];
	uint16_t size = r->size[revisions(r) - 1];
	uint32_t in;
	bool flags;

	r->start(f);
	in = r->ready(f);
	memcpy(valid, f->buf, sizeof valid);
	flags = f->buf[1] && strstr(r->row, "spec10_6_") == NULL && r->oid != OID_RECEIVE_FILTER_MOVE_FILTER;
	if (flags)
		memset(f->buf + 4, 0xFF, 4);
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_SUCCESS);
	assert_int_equal(f->m.oid, r->oid);
	assert_int_equal(f->m.type, r->type);
	assert_int_equal(f->m.last[0], r->size[0] ? NDIS_OBJECT_TYPE_DEFAULT : 0);
	assert_int_equal(f->m.last[1], revisions(r));
	assert_int_equal(f->m.last[2] | f->m.last[3] << 8, size);
	if (flags)
		memset(valid + 4, 0, 4);
	assert_memory_equal(f->m.last + 4, valid + 4, size - 4u);
}

/* A lower revision is read as such, and answered as such. */
static void lower_revision(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	if (in == r->size[f->buf[1] - 1])
		in = r->size[0];
	header_at(f, 1, r->size[0]);
	assert_status(f, go(f, r, issuer(f, r), in, 4096), NDIS_STATUS_SUCCESS);
	if (r->type == NdisRequestSetInformation) {
		assert_int_equal(f->done, r->size[0]);
		return;
	}
	assert_int_equal(f->buf[1], 1);
	assert_int_equal(f->buf[2] | f->buf[3] << 8, r->size[0]);
	if (r->out == r->size[revisions(r) - 1])
		assert_int_equal(f->done, r->size[0]);
}

static void one_short(struct fix *f, const struct common_row *r)
{
	r->start(f);
	(void)r->ready(f);
	for (unsigned v = 0; v < revisions(r); v++) {
		header_at(f, v + 1, r->size[v]);
		refused(f, r, issuer(f, r), r->size[v] - 1u, 4096, NDIS_STATUS_INVALID_LENGTH);
		assert_int_equal(f->done, r->size[v]);
	}
}

static void empty(struct fix *f, const struct common_row *r)
{
	r->start(f);
	(void)r->ready(f);
	for (uint32_t len = 0; len < 4; len++) {
		refused(f, r, issuer(f, r), len, 4096, NDIS_STATUS_INVALID_LENGTH);
		assert_int_equal(f->done, r->size[0]);
	}
}

static void size_beyond(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	header_at(f, f->buf[1], in + 1);
	refused(f, r, issuer(f, r), in, 4096, NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, in + 1);
}

static void short_output(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	refused(f, r, issuer(f, r), in, r->out - 1, NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, r->out);
	refused(f, r, issuer(f, r), in, 0, NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, r->out);
}

static void header_type(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	f->buf[0] ^= 1;
	refused(f, r, issuer(f, r), in, 4096, NDIS_STATUS_INVALID_PARAMETER);
}

static void revision_0(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	f->buf[1] = 0;
	refused(f, r, issuer(f, r), in, 4096, NDIS_STATUS_INVALID_PARAMETER);
}

static void header_size(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	header_at(f, f->buf[1], r->size[f->buf[1] - 1] - 1u);
	refused(f, r, issuer(f, r), in, 4096, NDIS_STATUS_INVALID_PARAMETER);
}

static void revision_above(struct fix *f, const struct common_row *r)
{
	unsigned last = revisions(r);
	uint32_t in, most = r->size[last - 1];

	r->start(f);
	in = r->ready(f);
	if (in < most) { /* later members are zero in the requester's buffer */
		in = most;
	}
	header_at(f, 200, most);
	assert_status(f, go(f, r, issuer(f, r), in, 4096), NDIS_STATUS_SUCCESS);
	/* what is answered is of the revision that was understood; two are only added to */
	if (r->type == NdisRequestMethod && r->oid != OID_RECEIVE_FILTER_SET_FILTER &&
	    r->oid != OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE && strncmp(r->row, "spec10_6_read", 13) != 0)
		assert_int_equal(f->buf[1], last);
}

/* Of a buffer too short for any revision the header still tells which was meant. */
static void needed_of_revision(struct fix *f, const struct common_row *r)
{
	unsigned last = revisions(r);

	r->start(f);
	(void)r->ready(f);
	for (unsigned v = 1; v <= last + 1; v++) {
		header_at(f, v, r->size[v > last ? last - 1 : v - 1]);
		refused(f, r, issuer(f, r), 5, 4096, NDIS_STATUS_INVALID_LENGTH);
		assert_int_equal(f->done, r->size[v > last ? last - 1 : v - 1]);
	}
	header_at(f, 0, 0);
	refused(f, r, issuer(f, r), 5, 4096, NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, r->size[0]);
	header_at(f, last, r->size[last - 1]);
	f->buf[0] ^= 1;
	refused(f, r, issuer(f, r), 5, 4096, NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, r->size[0]);
}

static bool has_row(NDIS_OID oid, NDIS_REQUEST_TYPE type)
{
	for (size_t i = 0; i < common_row_count; i++)
		if (common_rows[i].oid == oid && common_rows[i].type == type)
			return true;
	return false;
}

/* Every type that the OID does not have. */
static void wrong_type(struct fix *f, const struct common_row *r)
{
	static const NDIS_REQUEST_TYPE types[] = { NdisRequestQueryInformation, NdisRequestSetInformation, NdisRequestMethod };
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	for (size_t i = 0; i < 3; i++) {
		struct common_row other = *r;

		other.type = types[i];
		if (!has_row(r->oid, types[i]))
			refused(f, &other, issuer(f, r), in ? in : 64, 4096, NDIS_STATUS_NOT_SUPPORTED);
	}
}

static void not_enabled(struct fix *f, const struct common_row *r)
{
	start_off(f);
	memset(f->buf, 0, 4096);
	refused(f, r, issuer(f, r), 4096, 4096, NDIS_STATUS_NOT_SUPPORTED);
}

static void user_mode(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	if (r->flags & COMMON_USER)
		assert_status(f, go(f, r, f->user, in, r->out), NDIS_STATUS_SUCCESS);
	else
		refused(f, r, f->user, in, r->out, NDIS_STATUS_NOT_SUPPORTED);
}

static void not_ndis(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	refused(f, r, f->d, in, r->out, NDIS_STATUS_NOT_SUPPORTED);
}

static void null_buffer(struct fix *f, const struct common_row *r)
{
	NDIS_OID_REQUEST req;

	r->start(f);
	(void)r->ready(f);
	assert_status(f, post(f, &req, r->type, r->oid, NULL, 64), NDIS_STATUS_INVALID_PARAMETER);
}

/* Whatever the driver may answer reaches the requester, and nothing has changed. */
static void driver_refuses(struct fix *f, const struct common_row *r)
{
	static const NDIS_STATUS answers[] = { NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES,
					       NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED };
	struct ndis_adapter_info before, after;
	uint8_t valid[4096];
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	memcpy(valid, f->buf, sizeof valid);
	before = info(f);
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		f->m.answer = answers[i];
		assert_status(f, go(f, r, issuer(f, r), in, r->out), answers[i]);
		after = info(f);
		assert_memory_equal(&before, &after, sizeof before);
		assert_memory_equal(valid, f->buf, sizeof valid);
	}
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_SUCCESS);
}

/* A release the driver refuses all the same: a fault, FAILURE, and the object stays. */
static void driver_misbehaves(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	f->m.answer = NDIS_STATUS_RESOURCES;
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_SUCCESS);
}

static void not_accepted(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	f->m.answer = NDIS_STATUS_NOT_ACCEPTED;
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_NOT_ACCEPTED);
	f->m.answer = NDIS_STATUS_REQUEST_ABORTED;
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_REQUEST_ABORTED);
	assert_int_equal(info(f).faults, 0);
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_SUCCESS);
}

static void pending(struct fix *f, const struct common_row *r)
{
	NDIS_OID_REQUEST req;
	uint32_t len;

	r->start(f);
	len = r->ready(f);
	if (r->out > len)
		len = r->out;
	f->m.pend = true;
	assert_int_equal(post(f, &req, r->type, r->oid, f->buf, len), NDIS_STATUS_PENDING);
	assert_int_equal(f->completions, 0);
	test_miniport_finish(&f->m, NDIS_STATUS_SUCCESS, NULL);
	assert_int_equal(f->completions, 1);
	assert_ptr_equal(f->completed, &req);
	assert_int_equal(f->completed_with, NDIS_STATUS_SUCCESS);
	assert_int_equal(info(f).faults, 0);
}

/* The same for a requester without a callback: the driver is flushed. */
static void pending_flushed(struct fix *f, const struct common_row *r)
{
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	f->m.pend = true;
	assert_status(f, go(f, r, issuer(f, r), in, r->out), NDIS_STATUS_SUCCESS);
	assert_null(f->m.pending);
}

static void pending_fails(struct fix *f, const struct common_row *r)
{
	struct ndis_adapter_info before, after;
	NDIS_OID_REQUEST req;
	uint32_t len;

	r->start(f);
	len = r->ready(f);
	if (r->out > len)
		len = r->out;
	before = info(f);
	f->m.pend = true;
	assert_int_equal(post(f, &req, r->type, r->oid, f->buf, len), NDIS_STATUS_PENDING);
	test_miniport_finish(&f->m, NDIS_STATUS_FAILURE, "the cable is out");
	assert_int_equal(f->completed_with, NDIS_STATUS_FAILURE);
	assert_string_equal(f->sentence, "the cable is out");
	after = info(f);
	assert_memory_equal(&before, &after, sizeof before);
}

/* Every length from 0 to the full one, in and out: no byte behind the given lengths is read or written (the sanitizers
 * watch, the buffers are exactly as long), and only the full ones succeed. */
static void every_length(struct fix *f, const struct common_row *r)
{
	uint8_t valid[4096];
	uint32_t in;

	r->start(f);
	in = r->ready(f);
	memcpy(valid, f->buf, sizeof valid);
	for (uint32_t len = 0; len < in; len++) {
		uint8_t *b = malloc(len ? len : 1);
		NDIS_STATUS status;

		assert_non_null(b);
		memcpy(b, valid, len);
		if (r->type == NdisRequestSetInformation)
			status = ndis_set(issuer(f, r), r->oid, b, len, &f->done, &f->err);
		else
			status = ndis_method(issuer(f, r), r->oid, b, len, len, &f->done, &f->err);
		free(b);
		if (status == NDIS_STATUS_SUCCESS) { /* an enumeration needs less input than its valid buffer has */
			assert_true(len >= r->size[0]);
			break;
		}
		assert_true(status == NDIS_STATUS_INVALID_LENGTH || status == NDIS_STATUS_INVALID_PARAMETER);
	}
}

static bool has_revisions(const struct common_row *r)
{
	return r->size[1] != 0;
}

const struct common_check common_checks[] = {
	{ "success", all, success },
	{ "success_lengths", all, lengths },
	{ "success_lower_revision", has_revisions, lower_revision },
	{ "success_seen_by_the_driver", seen_as_it_came, seen },
	{ "success_revision_above_ours", has_input, revision_above },
	{ "invalid_length_one_byte_short", has_input, one_short },
	{ "invalid_length_no_header", has_input, empty },
	{ "invalid_length_needed_of_revision", has_input, needed_of_revision },
	{ "invalid_length_header_size_beyond_buffer", has_input, size_beyond },
	{ "invalid_length_output", has_output, short_output },
	{ "invalid_length_every_length", has_input, every_length },
	{ "invalid_parameter_header_type", has_input, header_type },
	{ "invalid_parameter_revision_0", has_input, revision_0 },
	{ "invalid_parameter_header_size", has_input, header_size },
	{ "invalid_parameter_null_buffer", all, null_buffer },
	{ "not_supported_request_type", all, wrong_type },
	{ "not_supported_not_enabled", not_anywhere, not_enabled },
	{ "issuer_user_mode", all, user_mode },
	{ "issuer_ndis_only", ndis_only, not_ndis },
	{ "failure_driver", can_refuse, driver_refuses },
	{ "failure_driver_must_not", cannot_refuse, driver_misbehaves },
	{ "not_accepted_driver", cannot_refuse, not_accepted },
	{ "pending_driver", goes_down, pending },
	{ "pending_driver_flushed", goes_down, pending_flushed },
	{ "pending_driver_then_failure", can_refuse, pending_fails },
};

const size_t common_check_count = sizeof common_checks / sizeof common_checks[0];
