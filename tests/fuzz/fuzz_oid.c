/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any requests, on the real sources of src/ndis over the test driver of tests/contract, which pends and misbehaves when
 * the input says so.
 *
 * The input: one byte for the mode (0 SR-IOV, 1 VM queues, 2 neutral, 3 off), then records. A record is an operation
 * byte and what belongs to it:
 *   0  oid, who, type, in (2), out (2), bytes     a request with these bytes
 *   1  oid, who, type, in (2), out (2), bytes     the same, behind a correct header of that structure
 *   2                                             the driver pends the next request
 *   3  status                                     … and completes it
 *   4  flags                                      it misbehaves: 1 strange status, 2 no DMA-stopped, 4 same VF again,
 *                                                 8 completes inside the call, 16 element fails, 32 no flush
 *   5                                             the adapter is reset
 *   6  code, len, bytes                           a status indication
 *   7  vf, mask                                   configuration blocks are invalidated
 *   8                                             NDIS makes or deletes the switch
 * `oid` indexes the table of OIDs (beyond it: a vendor's), `who` the requesters. A refused request must leave the
 * keeper's numbers as they were, and a well-behaved driver must end with nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ndis/ndis_adapter.h"
#include "test_miniport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                  \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#define OID_ROW(name, value) value,
static const NDIS_OID oids[] = { NDIS_OID_TABLE(OID_ROW) };
#define OIDS (sizeof oids / sizeof oids[0])

/* The header each OID's structure begins with: type, revision, size. */
static NDIS_OBJECT_HEADER header_of(NDIS_OID oid)
{
	NDIS_OBJECT_HEADER h = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 };

	switch (oid) {
	case OID_RECEIVE_FILTER_ALLOCATE_QUEUE:
	case OID_RECEIVE_FILTER_QUEUE_PARAMETERS:
		h.Revision = 2;
		h.Size = 1092;
		break;
	case OID_RECEIVE_FILTER_SET_FILTER:
	case OID_RECEIVE_FILTER_PARAMETERS:
		h.Revision = 2;
		h.Size = 44;
		break;
	case OID_RECEIVE_FILTER_ENUM_FILTERS:
		h.Revision = 2;
		h.Size = 28;
		break;
	case OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE:
	case OID_SRIOV_READ_VF_CONFIG_SPACE:
	case OID_SRIOV_WRITE_VF_CONFIG_SPACE:
	case OID_SRIOV_READ_VF_CONFIG_BLOCK:
	case OID_SRIOV_WRITE_VF_CONFIG_BLOCK:
		h.Size = 20;
		break;
	case OID_RECEIVE_FILTER_CLEAR_FILTER:
		h.Size = 16;
		break;
	case OID_RECEIVE_FILTER_MOVE_FILTER:
	case OID_NIC_SWITCH_ENUM_VFS:
		h.Size = 24;
		break;
	case OID_NIC_SWITCH_CREATE_SWITCH:
	case OID_NIC_SWITCH_PARAMETERS:
		h.Revision = 2;
		h.Size = 552;
		break;
	case OID_NIC_SWITCH_CREATE_VPORT:
	case OID_NIC_SWITCH_VPORT_PARAMETERS:
		h.Size = 572;
		break;
	case OID_NIC_SWITCH_ENUM_VPORTS:
		h.Size = 28;
		break;
	case OID_NIC_SWITCH_ALLOCATE_VF:
	case OID_NIC_SWITCH_VF_PARAMETERS:
		h.Size = 1632;
		break;
	case OID_NIC_SWITCH_FREE_VF:
	case OID_SRIOV_VF_VENDOR_DEVICE_ID:
		h.Size = 10;
		break;
	case OID_SRIOV_RESET_VF:
		h.Size = 6;
		break;
	case OID_SRIOV_SET_VF_POWER_STATE:
		h.Size = 13;
		break;
	case OID_GEN_RECEIVE_SCALE_PARAMETERS:
		h.Type = NDIS_OBJECT_TYPE_RSS_PARAMETERS;
		h.Revision = 3;
		h.Size = 44;
		break;
	case OID_GEN_RECEIVE_SCALE_PARAMETERS_V2:
		h.Type = NDIS_OBJECT_TYPE_RSS_PARAMETERS_V2;
		h.Size = 28;
		break;
	case OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES:
		h.Type = NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES;
		h.Size = 20;
		break;
	default:
		break;
	}
	return h;
}

/* ---- the input ---- */

struct input {
	const uint8_t *p;
	size_t left;
};

static unsigned u8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static unsigned u16(struct input *in)
{
	unsigned lo = u8(in);

	return lo | u8(in) << 8;
}

static void bytes(struct input *in, uint8_t *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	if (have)
		memcpy(to, in->p, have);
	memset(to + have, 0, n - have);
	in->p += have;
	in->left -= have;
}

/* ---- the adapter ---- */

static struct test_miniport m;
static struct ndis_adapter *a;
static struct ndis_driver *who[4];
static bool misbehaved;

/* An asynchronous requester's request, with its buffer: freed when it is done. */
static void on_complete(void *ctx, NDIS_OID_REQUEST *req, NDIS_STATUS status, const struct vmq_err *err)
{
	(void)ctx;
	MUST(status != NDIS_STATUS_PENDING);
	MUST((status == NDIS_STATUS_SUCCESS) == !err->text[0]);
	free(req->RequestId);
	free(req);
}

static void on_indicate(void *ctx, NDIS_STATUS code, const void *buf, uint32_t len)
{
	(void)ctx;
	(void)code;
	MUST(buf && len);
}

/* Everything but the faults. */
static bool same_numbers(const struct ndis_adapter_info *x, const struct ndis_adapter_info *y)
{
	return x->switch_present == y->switch_present && x->num_vports == y->num_vports &&
	       x->num_queues == y->num_queues && x->num_filters == y->num_filters &&
	       x->num_unicast_filters == y->num_unicast_filters && x->num_queue_pairs == y->num_queue_pairs &&
	       x->num_vfs == y->num_vfs;
}

static void request(struct input *in, bool with_header)
{
	unsigned index = u8(in), d = u8(in) % 4, t = u8(in), in_len = u16(in) % 4096, out_len = u16(in) % 8192;
	static const NDIS_REQUEST_TYPE types[] = { NdisRequestMethod, NdisRequestSetInformation,
						   NdisRequestQueryInformation, NdisRequestQueryStatistics,
						   (NDIS_REQUEST_TYPE)7 };
	NDIS_OID_REQUEST *req = calloc(1, sizeof *req);
	struct ndis_adapter_info before, after;
	struct vmq_err err = { "" };
	uint8_t *buf;
	size_t room;
	NDIS_STATUS status;
	bool idle = !m.pending;

	MUST(req);
	*req = (NDIS_OID_REQUEST){
		.Header = { NDIS_OBJECT_TYPE_OID_REQUEST, 2, NDIS_SIZEOF_OID_REQUEST_REVISION_2 },
		.RequestType = types[t % 5],
		.VPortId = t / 5 % 8,
		.SwitchId = t / 5 % 8 == 7 ? 1 : 0,
		.PortNumber = t == 255 ? 1 : 0,
		.Flags = t >= 128,
	};
	req->DATA.QUERY_INFORMATION.Oid = index < OIDS ? oids[index] : 0xFF000000u + index;
	room = req->RequestType == NdisRequestMethod && out_len > in_len				? out_len
	       : req->RequestType == NdisRequestMethod || req->RequestType == NdisRequestSetInformation ? in_len
													: out_len;
	/* exactly as long as said, so that a byte beyond is seen */
	buf = malloc(room ? room : 1);
	MUST(buf);
	memset(buf, 0, room);
	if (with_header && in_len >= 4 && room >= 4) {
		NDIS_OBJECT_HEADER h = header_of(req->DATA.QUERY_INFORMATION.Oid);

		memcpy(buf, &h, sizeof h);
		bytes(in, buf + 4, (in_len < room ? in_len : room) - 4);
	} else {
		bytes(in, buf, in_len < room ? in_len : room);
	}
	req->RequestId = buf;
	req->DATA.SET_INFORMATION.InformationBuffer = buf;
	if (req->RequestType == NdisRequestMethod) {
		req->DATA.METHOD_INFORMATION.InputBufferLength = in_len;
		req->DATA.METHOD_INFORMATION.OutputBufferLength = out_len;
	} else {
		req->DATA.SET_INFORMATION.InformationBufferLength = (UINT)room;
	}
	ndis_adapter_info(a, &before);
	status = ndis_oid_request(a, who[d], req, &err);
	ndis_adapter_info(a, &after);
	if (status == NDIS_STATUS_PENDING) {
		MUST(d == 3);
		return;
	}
	MUST((status == NDIS_STATUS_SUCCESS) == !err.text[0]);
	if (status != NDIS_STATUS_SUCCESS && idle && !misbehaved)
		MUST(same_numbers(&before, &after));
	if (status == NDIS_STATUS_SUCCESS && req->RequestType == NdisRequestMethod)
		MUST(req->DATA.METHOD_INFORMATION.BytesWritten <= out_len &&
		     req->DATA.METHOD_INFORMATION.BytesRead <= in_len);
	free(buf);
	free(req);
}

static void misbehave(unsigned flags)
{
	if (flags & 1) {
		m.answer = (NDIS_STATUS)0xC0DE0000;
		misbehaved = true;
	}
	if (flags & 2)
		m.no_dma_stop = true;
	if (flags & 4) {
		m.same_vf = m.next_vf > 0;
		misbehaved = true;
	}
	if (flags & 8)
		m.complete_inside = true;
	m.element_status = flags & 16 ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
	m.cannot_flush = flags & 32;
	misbehaved = misbehaved || m.cannot_flush;
}

static void indicate(struct input *in)
{
	static const NDIS_STATUS codes[] = { NDIS_STATUS_RECEIVE_QUEUE_STATE,
					     NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
					     NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
					     NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS,
					     NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES,
					     NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES,
					     NDIS_STATUS_VF_CONFIG_STATE };
	unsigned code = u8(in) % 7, len = u8(in);
	uint8_t *buf = malloc(len ? len : 1);

	MUST(buf);
	bytes(in, buf, len);
	m.up->indicate(a, codes[code], buf, len);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct ndis_adapter_config cfg;
	struct ndis_driver_config d[4] = {
		{ .name = "a" },
		{ .name = "b" },
		{ .name = "user", .user_mode = true },
		{ .name = "async", .ndis_role = true, .complete = on_complete, .indicate = on_indicate }
	};
	unsigned mode = u8(&in) % 4;

	memset(&cfg, 0, sizeof cfg);
	test_miniport_init(&m);
	ndis_keywords_for_switch(&cfg.keywords);
	cfg.keywords.sriov = mode == 0;
	cfg.keywords.vmq = mode != 3;
	m.switch_off = mode == 1;
	misbehaved = false;
	MUST(ndis_adapter_create(&test_miniport_ops, &m, &cfg, &a, NULL) == 0);
	for (int i = 0; i < 4; i++)
		MUST((who[i] = ndis_driver_open(a, &d[i])));
	while (in.left) {
		switch (u8(&in) % 9) {
		case 0:
			request(&in, false);
			break;
		case 1:
			request(&in, true);
			break;
		case 2:
			m.pend = true;
			break;
		case 3: {
			static const NDIS_STATUS statuses[] = { NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES,
								NDIS_STATUS_REQUEST_ABORTED, (NDIS_STATUS)0xC0DE0001 };
			unsigned s = u8(&in) % 4;

			if (s)
				misbehaved = true; /* a release may be among those it fails */
			if (m.pending)
				test_miniport_finish(&m, statuses[s], NULL);
			break;
		}
		case 4:
			misbehave(u8(&in));
			break;
		case 5:
			(void)ndis_adapter_reset(a, NULL);
			break;
		case 6:
			indicate(&in);
			break;
		case 7: {
			unsigned vf = u8(&in);

			(void)m.up->invalidate_config_block(a, (NDIS_SRIOV_FUNCTION_ID)vf, u8(&in));
			break;
		}
		case 8: {
			struct vmq_err err;

			(void)(m.switches ? ndis_switch_delete(a, &err) : ndis_switch_create(a, &err));
			break;
		}
		}
	}
	m.cannot_flush = false;
	ndis_adapter_destroy(a);
	MUST(m.halted == 1);
	if (!misbehaved)
		MUST(!m.filters && !m.vports && !m.queues && !m.vfs && !m.switches);
	return 0;
}
