/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests: the table of (OID, type), what is checked of each, and how requesters ask. From there on it is op.c's.
 * Control thread only.
 */
#include "ndis/keeper.h"

#include <stdlib.h>

#include <vmq/ndis_vmq.h>

#define Q   NdisRequestQueryInformation
#define S   NdisRequestSetInformation
#define M   NdisRequestMethod
#define NO  ROW_NDIS_ONLY
#define U   ROW_USER
#define REL ROW_RELEASE

/* spec/10 §3. QueryStatistics is the query of user mode and shares its rows. */
static const struct ndis_row rows[] = {
	{ OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, Q, U, caps_filter_hardware, NULL, NULL },
	{ OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, Q, U, caps_filter_current, NULL, NULL },
	{ OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, Q, U, caps_filter_global, NULL, NULL },
	{ OID_RECEIVE_FILTER_ALLOCATE_QUEUE, M, 0, NULL, queue_allocate_prepare, queue_allocate_done },
	{ OID_RECEIVE_FILTER_FREE_QUEUE, S, REL, NULL, queue_free_prepare, queue_free_done },
	{ OID_RECEIVE_FILTER_ENUM_QUEUES, Q, U, queue_enum, NULL, NULL },
	{ OID_RECEIVE_FILTER_QUEUE_PARAMETERS, M, U, queue_parameters, NULL, NULL },
	{ OID_RECEIVE_FILTER_QUEUE_PARAMETERS, S, 0, NULL, queue_set_prepare, queue_set_done },
	{ OID_RECEIVE_FILTER_SET_FILTER, M, 0, NULL, filter_set_prepare, filter_set_done },
	{ OID_RECEIVE_FILTER_CLEAR_FILTER, S, REL, NULL, filter_clear_prepare, filter_clear_done },
	{ OID_RECEIVE_FILTER_ENUM_FILTERS, M, U, filter_enum, NULL, NULL },
	{ OID_RECEIVE_FILTER_PARAMETERS, M, U, filter_parameters, NULL, NULL },
	{ OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, M, 0, NULL, queue_complete_prepare, queue_complete_done },
	{ OID_RECEIVE_FILTER_MOVE_FILTER, S, 0, NULL, filter_move_prepare, filter_move_done },
	{ OID_NIC_SWITCH_HARDWARE_CAPABILITIES, Q, 0, caps_switch_hardware, NULL, NULL },
	{ OID_NIC_SWITCH_CURRENT_CAPABILITIES, Q, 0, caps_switch_current, NULL, NULL },
	{ OID_NIC_SWITCH_CREATE_SWITCH, M, NO, NULL, switch_create_prepare, switch_create_done },
	{ OID_NIC_SWITCH_PARAMETERS, M, 0, switch_parameters, NULL, NULL },
	{ OID_NIC_SWITCH_PARAMETERS, S, 0, NULL, switch_set_prepare, switch_set_done },
	{ OID_NIC_SWITCH_DELETE_SWITCH, S, NO | REL, NULL, switch_delete_prepare, switch_delete_done },
	{ OID_NIC_SWITCH_ENUM_SWITCHES, Q, U, switch_enum, NULL, NULL },
	{ OID_NIC_SWITCH_CREATE_VPORT, M, 0, NULL, vport_create_prepare, vport_create_done },
	{ OID_NIC_SWITCH_VPORT_PARAMETERS, M, 0, vport_parameters, NULL, NULL },
	{ OID_NIC_SWITCH_VPORT_PARAMETERS, S, 0, NULL, vport_set_prepare, vport_set_done },
	{ OID_NIC_SWITCH_ENUM_VPORTS, M, U, vport_enum, NULL, NULL },
	{ OID_NIC_SWITCH_DELETE_VPORT, S, 0, NULL, vport_delete_prepare, vport_delete_done },
	{ OID_NIC_SWITCH_ALLOCATE_VF, M, 0, NULL, vf_allocate_prepare, vf_allocate_done },
	{ OID_NIC_SWITCH_FREE_VF, S, REL, NULL, vf_free_prepare, vf_free_done },
	{ OID_NIC_SWITCH_VF_PARAMETERS, M, U, vf_parameters, NULL, NULL },
	{ OID_NIC_SWITCH_ENUM_VFS, M, U, vf_enum, NULL, NULL },
	{ OID_SRIOV_HARDWARE_CAPABILITIES, Q, 0, caps_sriov_hardware, NULL, NULL },
	{ OID_SRIOV_CURRENT_CAPABILITIES, Q, 0, caps_sriov_current, NULL, NULL },
	{ OID_SRIOV_READ_VF_CONFIG_SPACE, M, 0, NULL, sriov_config_read_prepare, sriov_config_read_done },
	{ OID_SRIOV_WRITE_VF_CONFIG_SPACE, S, 0, NULL, sriov_config_write_prepare, sriov_config_write_done },
	{ OID_SRIOV_READ_VF_CONFIG_BLOCK, M, 0, NULL, sriov_config_read_prepare, sriov_config_read_done },
	{ OID_SRIOV_WRITE_VF_CONFIG_BLOCK, S, 0, NULL, sriov_config_write_prepare, sriov_config_write_done },
	{ OID_SRIOV_RESET_VF, S, 0, NULL, sriov_reset_prepare, sriov_set_done },
	{ OID_SRIOV_SET_VF_POWER_STATE, S, 0, NULL, sriov_power_prepare, sriov_set_done },
	{ OID_SRIOV_VF_VENDOR_DEVICE_ID, M, 0, NULL, sriov_vendor_prepare, sriov_vendor_done },
	{ OID_SRIOV_PROBED_BARS, Q, NO, NULL, sriov_probed_bars_prepare, sriov_probed_bars_done },
	{ OID_SRIOV_BAR_RESOURCES, M, NO, NULL, sriov_bar_prepare, sriov_bar_done },
	{ OID_SRIOV_PF_LUID, Q, 0, sriov_pf_luid, NULL, NULL },
	{ OID_SRIOV_VF_SERIAL_NUMBER, Q, 0, sriov_serial_number, NULL, NULL },
	{ OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, M, NO, NULL, sriov_invalidate_prepare, sriov_set_done },
	{ OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, S, NO, NULL, sriov_invalidate_prepare, sriov_set_done },
	{ OID_GEN_RECEIVE_SCALE_CAPABILITIES, Q, U, rss_capabilities, NULL, NULL },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS, Q, U, rss_parameters, NULL, NULL },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS, S, 0, NULL, rss_set_prepare, rss_set_done },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, S, 0, rss_v2_set, NULL, NULL },
	{ OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, Q, U, rss_v2_query, NULL, NULL },
	{ OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, M, 0, rss_v2_entries, NULL, NULL },
};

static const struct ndis_row vendor_row = { 0, Q, ROW_VENDOR, NULL, vendor_prepare, vendor_done };

#undef Q
#undef S
#undef M
#undef NO
#undef U
#undef REL

/* ---- the way in ---- */

/* The request's own structure. */
static NDIS_STATUS take_apart(struct ndis_call *c)
{
	NDIS_OID_REQUEST *req = c->req;
	const NDIS_OBJECT_HEADER *h = &req->Header;

	if (h->Type != NDIS_OBJECT_TYPE_OID_REQUEST || h->Revision == 0 ||
	    h->Size < (h->Revision == 1 ? NDIS_SIZEOF_OID_REQUEST_REVISION_1 : NDIS_SIZEOF_OID_REQUEST_REVISION_2))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "NDIS_OID_REQUEST: Header has type 0x%02X, revision %u, size "
			      "%u; 0x%02X, 1 or 2 and at least %zu or %zu are right",
			      h->Type, h->Revision, h->Size, NDIS_OBJECT_TYPE_OID_REQUEST,
			      NDIS_SIZEOF_OID_REQUEST_REVISION_1, NDIS_SIZEOF_OID_REQUEST_REVISION_2);
	if (req->PortNumber)
		return refuse(c, NDIS_STATUS_INVALID_PORT, "NDIS_OID_REQUEST: PortNumber is %u, there is only port 0",
			      req->PortNumber);
	c->type = req->RequestType;
	switch (c->type) {
	case NdisRequestQueryInformation:
	case NdisRequestQueryStatistics:
		c->oid = req->DATA.QUERY_INFORMATION.Oid;
		c->buf = req->DATA.QUERY_INFORMATION.InformationBuffer;
		c->out_len = req->DATA.QUERY_INFORMATION.InformationBufferLength;
		break;
	case NdisRequestSetInformation:
		c->oid = req->DATA.SET_INFORMATION.Oid;
		c->buf = req->DATA.SET_INFORMATION.InformationBuffer;
		c->in_len = req->DATA.SET_INFORMATION.InformationBufferLength;
		break;
	case NdisRequestMethod:
		c->oid = req->DATA.METHOD_INFORMATION.Oid;
		c->buf = req->DATA.METHOD_INFORMATION.InformationBuffer;
		c->in_len = req->DATA.METHOD_INFORMATION.InputBufferLength;
		c->out_len = req->DATA.METHOD_INFORMATION.OutputBufferLength;
		break;
	default:
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED,
			      "RequestType is %d; query (0), set (1), query statistics (2) and method (12) are served",
			      (int)c->type);
	}
	if (!c->buf && (c->in_len || c->out_len))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "InformationBuffer is NULL and its length is not 0");
	if (c->in_len > NDIS_REQUEST_MAX_BYTES)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "the input buffer has %u bytes, at most %u are taken",
			      c->in_len, NDIS_REQUEST_MAX_BYTES);
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS find_row(const struct ndis_call *c, const struct ndis_row **out)
{
	NDIS_REQUEST_TYPE type = c->type == NdisRequestQueryStatistics ? NdisRequestQueryInformation : c->type;
	bool known = false;

	if (VMQ_IS_VENDOR_OID(c->oid)) {
		*out = &vendor_row;
		return NDIS_STATUS_SUCCESS;
	}
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct ndis_row *r = &rows[i];

		if (r->oid != c->oid)
			continue;
		known = true;
		if (r->type != type)
			continue;
		if ((r->flags & ROW_NDIS_ONLY) && !c->d->is_ndis)
			return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s is issued by NDIS only", ndis_oid_name(c->oid));
		if (c->d->cfg.user_mode && !(r->flags & ROW_USER))
			return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s is not for user mode", ndis_oid_name(c->oid));
		*out = r;
		return NDIS_STATUS_SUCCESS;
	}
	if (known)
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s is not served as a %s request", ndis_oid_name(c->oid),
			      type == NdisRequestMethod		  ? "method"
			      : type == NdisRequestSetInformation ? "set"
								  : "query");
	return refuse(c, NDIS_STATUS_INVALID_OID, "OID 0x%08X is not known", c->oid);
}

static NDIS_STATUS request(struct ndis_adapter *a, struct ndis_driver *d, NDIS_OID_REQUEST *req, struct vmq_err *err,
			   bool sync)
{
	struct ndis_call c = { .a = a, .d = d, .req = req, .err = err };
	const struct ndis_row *row = NULL;
	struct ndis_op *op;
	NDIS_STATUS status;

	if (err)
		err->text[0] = 0;
	status = take_apart(&c);
	if (status == NDIS_STATUS_SUCCESS)
		status = find_row(&c, &row);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (row->answer)
		return row->answer(&c);
	if (a->resetting)
		return refuse(&c, NDIS_STATUS_RESET_IN_PROGRESS, "the adapter is being reset");

	op = calloc(1, sizeof *op);
	if (!op)
		return refuse(&c, NDIS_STATUS_RESOURCES, "out of memory");
	ndis_list_init(&op->link);
	op->c = c;
	op->c.err = &op->err;
	op->row = row;
	op->sync = sync;
	d->pending++;
	if (a->pending || !ndis_list_empty(&a->waiting)) {
		ndis_list_append(&a->waiting, &op->link);
		status = NDIS_STATUS_PENDING;
	} else {
		status = ndis_op_start(op);
	}
	if (status == NDIS_STATUS_PENDING && sync) {
		ndis_op_drain(a);
		ndis_flush(a);
		if (!op->completed) {
			/* cannot be waited for: when the driver has it the change may still come, its results go
			 * nowhere */
			if (a->pending == op) {
				op->c.req = NULL;
				op->sync = false;
			} else {
				ndis_list_remove(&op->link);
				d->pending--;
				ndis_op_free(op);
			}
			return refuse(&c, NDIS_STATUS_FAILURE,
				      "the adapter's driver %s pends a request and cannot be flushed", a->ops->name);
		}
		status = op->result;
		if (err)
			*err = op->err;
		ndis_op_free(op);
		return status;
	}
	if (status != NDIS_STATUS_PENDING) {
		d->pending--;
		if (err)
			*err = op->err;
		ndis_op_free(op);
	}
	return status;
}

NDIS_STATUS ndis_oid_request(struct ndis_adapter *a, struct ndis_driver *requester, NDIS_OID_REQUEST *req,
			     struct vmq_err *err)
{
	return request(a, requester, req, err, requester->cfg.complete == NULL);
}

static void fill(NDIS_OID_REQUEST *req, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buf, uint32_t in_len,
		 uint32_t out_len)
{
	memset(req, 0, sizeof *req);
	ndis_header(&req->Header, NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_2,
		    NDIS_SIZEOF_OID_REQUEST_REVISION_2);
	req->RequestType = type;
	req->DATA.METHOD_INFORMATION.Oid = oid;
	switch (type) {
	case NdisRequestMethod:
		req->DATA.METHOD_INFORMATION.InformationBuffer = buf;
		req->DATA.METHOD_INFORMATION.InputBufferLength = in_len;
		req->DATA.METHOD_INFORMATION.OutputBufferLength = out_len;
		break;
	case NdisRequestSetInformation:
		req->DATA.SET_INFORMATION.InformationBuffer = buf;
		req->DATA.SET_INFORMATION.InformationBufferLength = in_len;
		break;
	default:
		req->DATA.QUERY_INFORMATION.InformationBuffer = buf;
		req->DATA.QUERY_INFORMATION.InformationBufferLength = out_len;
		break;
	}
}

NDIS_STATUS ndis_query(struct ndis_driver *d, NDIS_OID oid, void *buf, uint32_t len, uint32_t *done,
		       struct vmq_err *err)
{
	NDIS_OID_REQUEST req;
	NDIS_STATUS status;

	fill(&req, d->cfg.user_mode ? NdisRequestQueryStatistics : NdisRequestQueryInformation, oid, buf, 0, len);
	status = request(d->adapter, d, &req, err, true);
	if (done)
		*done = status == NDIS_STATUS_SUCCESS	       ? req.DATA.QUERY_INFORMATION.BytesWritten
			: status == NDIS_STATUS_INVALID_LENGTH ? req.DATA.QUERY_INFORMATION.BytesNeeded
							       : 0;
	return status;
}

NDIS_STATUS ndis_set(struct ndis_driver *d, NDIS_OID oid, const void *buf, uint32_t len, uint32_t *done,
		     struct vmq_err *err)
{
	NDIS_OID_REQUEST req;
	NDIS_STATUS status;

	/* a set never writes to the requester's buffer */
	fill(&req, NdisRequestSetInformation, oid, (void *)(uintptr_t)buf, len, 0);
	status = request(d->adapter, d, &req, err, true);
	if (done)
		*done = status == NDIS_STATUS_SUCCESS	       ? req.DATA.SET_INFORMATION.BytesRead
			: status == NDIS_STATUS_INVALID_LENGTH ? req.DATA.SET_INFORMATION.BytesNeeded
							       : 0;
	return status;
}

NDIS_STATUS ndis_method(struct ndis_driver *d, NDIS_OID oid, void *buf, uint32_t in_len, uint32_t out_len,
			uint32_t *done, struct vmq_err *err)
{
	NDIS_OID_REQUEST req;
	NDIS_STATUS status;

	fill(&req, NdisRequestMethod, oid, buf, in_len, out_len);
	status = request(d->adapter, d, &req, err, true);
	if (done)
		*done = status == NDIS_STATUS_SUCCESS	       ? req.DATA.METHOD_INFORMATION.BytesWritten
			: status == NDIS_STATUS_INVALID_LENGTH ? req.DATA.METHOD_INFORMATION.BytesNeeded
							       : 0;
	return status;
}

NDIS_STATUS ndis_self_request_on(struct ndis_adapter *a, uint32_t vport, NDIS_OID oid, void *buf, uint32_t len,
				 struct vmq_err *err)
{
	NDIS_OID_REQUEST req;

	fill(&req, NdisRequestSetInformation, oid, buf, len, 0);
	req.VPortId = vport;
	req.Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
	return request(a, &a->self, &req, err, true);
}

NDIS_STATUS ndis_self_request(struct ndis_adapter *a, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buf, uint32_t len,
			      struct vmq_err *err)
{
	NDIS_OID_REQUEST req;

	fill(&req, type, oid, buf, len, len);
	return request(a, &a->self, &req, err, true);
}
