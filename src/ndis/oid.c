/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests: the table of (OID, type), the checks common to all, the way down to the adapter's driver and back, one at
 * a time. Control thread only.
 */
#include "ndis/keeper.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <vmq/ndis_vmq.h>

static NDIS_STATUS vendor_prepare(struct ndis_op *op);
static NDIS_STATUS vendor_done(struct ndis_op *op, NDIS_STATUS status);

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

static const struct ndis_row vendor_row = { 0, Q, 0, NULL, vendor_prepare, vendor_done };

#undef Q
#undef S
#undef M
#undef NO
#undef U
#undef REL

/* ---- reading and writing the requester's buffer ---- */

void ndis_set_needed(const struct ndis_call *c, uint32_t need)
{
	if (!c->req)
		return;
	switch (c->type) {
	case NdisRequestSetInformation:
		c->req->DATA.SET_INFORMATION.BytesNeeded = need;
		break;
	case NdisRequestMethod:
		c->req->DATA.METHOD_INFORMATION.BytesNeeded = need;
		break;
	default:
		c->req->DATA.QUERY_INFORMATION.BytesNeeded = need;
		break;
	}
}

void ndis_set_done(const struct ndis_call *c, uint32_t read, uint32_t written)
{
	if (!c->req)
		return;
	switch (c->type) {
	case NdisRequestSetInformation:
		c->req->DATA.SET_INFORMATION.BytesRead = read;
		break;
	case NdisRequestMethod:
		c->req->DATA.METHOD_INFORMATION.BytesRead = read;
		c->req->DATA.METHOD_INFORMATION.BytesWritten = written;
		break;
	default:
		c->req->DATA.QUERY_INFORMATION.BytesWritten = written;
		break;
	}
}

void ndis_put(const struct ndis_call *c, uint32_t offset, const void *src, uint32_t len)
{
	if (c->req && len)
		memcpy(c->buf + offset, src, len);
}

static NDIS_STATUS too_short(const struct ndis_call *c, uint32_t have, uint32_t need, const char *what)
{
	ndis_set_needed(c, need);
	return refuse(c, NDIS_STATUS_INVALID_LENGTH, "%s: the buffer has %u bytes, %u are needed", what, have, need);
}

NDIS_STATUS ndis_need_out(const struct ndis_call *c, uint32_t need, const char *what)
{
	return c->out_len < need ? too_short(c, c->out_len, need, what) : NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_need_in(const struct ndis_call *c, uint32_t need, const char *what)
{
	return c->in_len < need ? too_short(c, c->in_len, need, what) : NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_check_header(const struct ndis_call *c, const struct ndis_layout *l, const NDIS_OBJECT_HEADER *h)
{
	uint8_t rev = h->Revision < l->revisions ? h->Revision : l->revisions;

	if (h->Type != l->type)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: Header.Type is 0x%02X, 0x%02X is right", l->name,
			      h->Type, l->type);
	if (h->Revision == 0)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: Header.Revision is 0, 1 to %u are known", l->name,
			      l->revisions);
	if (h->Size < l->size[rev - 1])
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: Header.Size is %u, revision %u has at least %u bytes", l->name, h->Size, h->Revision,
			      l->size[rev - 1]);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_check_element(const struct ndis_call *c, const struct ndis_layout *l, const NDIS_OBJECT_HEADER *h,
			       uint32_t step)
{
	NDIS_STATUS status = ndis_check_header(c, l, h);

	if (status == NDIS_STATUS_SUCCESS && h->Size > step)
		status = refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: Header.Size is %u, an element has %u bytes",
				l->name, h->Size, step);
	return status;
}

NDIS_STATUS ndis_read(const struct ndis_call *c, const struct ndis_layout *l, void *dst, size_t size, uint8_t *rev)
{
	NDIS_OBJECT_HEADER h;
	NDIS_STATUS status;
	uint8_t r;

	memset(dst, 0, size);
	if (c->in_len < sizeof h)
		return too_short(c, c->in_len, l->size[0], l->name);
	memcpy(&h, c->buf, sizeof h);
	if (c->in_len < l->size[0]) {
		/* too short for any revision, whatever the header says; it still tells which was meant */
		r = h.Type == l->type && h.Revision >= 1 && h.Revision <= l->revisions ? h.Revision : 1;
		return too_short(c, c->in_len, l->size[r - 1], l->name);
	}
	r = h.Revision < l->revisions ? h.Revision : l->revisions;
	/* of a header that is right, the buffer's length comes before the header's own size */
	if (h.Type == l->type && r && c->in_len < l->size[r - 1])
		return too_short(c, c->in_len, l->size[r - 1], l->name);
	status = ndis_check_header(c, l, &h);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (h.Size > c->in_len)
		return too_short(c, c->in_len, h.Size, l->name);
	memcpy(dst, c->buf, l->size[r - 1]);
	ndis_header(dst, l->type, r, l->size[r - 1]);
	*rev = r;
	if (c->type == NdisRequestSetInformation)
		c->req->SupportedRevision = r; /* counts when the request succeeds */
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_answer(const struct ndis_call *c, const void *src, uint32_t size, const char *what)
{
	NDIS_STATUS status = ndis_need_out(c, size, what);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	memcpy(c->buf, src, size);
	ndis_set_done(c, c->in_len, size);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_array_room(const struct ndis_call *c, uint32_t head_size, uint64_t n, uint32_t element_size,
			    uint32_t *first, uint32_t *total, const char *what)
{
	uint64_t need;

	*first = n ? (head_size + 7) & ~7u : head_size;
	need = *first + n * element_size;
	if (need > UINT32_MAX)
		return refuse(c, NDIS_STATUS_RESOURCES, "%s: %llu elements do not fit a buffer", what,
			      (unsigned long long)n);
	*total = (uint32_t)need;
	return ndis_need_out(c, *total, what);
}

/* ---- the way down ---- */

void ndis_fault(struct ndis_adapter *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(a->last_fault, sizeof a->last_fault, fmt, ap);
	va_end(ap);
	a->faults++;
	if (a->cfg.fault)
		a->cfg.fault(a->cfg.ctx, a->last_fault);
}

NDIS_STATUS ndis_op_no_memory(struct ndis_op *op)
{
	return refuse(&op->c, NDIS_STATUS_RESOURCES, "out of memory");
}

void *ndis_op_down(struct ndis_op *op, uint32_t size)
{
	op->buf = calloc(1, size);
	if (!op->buf)
		return NULL;
	switch (op->c.type) {
	case NdisRequestSetInformation:
		op->down.DATA.SET_INFORMATION.InformationBuffer = op->buf;
		op->down.DATA.SET_INFORMATION.InformationBufferLength = size;
		break;
	case NdisRequestMethod:
		op->down.DATA.METHOD_INFORMATION.InformationBuffer = op->buf;
		op->down.DATA.METHOD_INFORMATION.InputBufferLength = size;
		op->down.DATA.METHOD_INFORMATION.OutputBufferLength = size;
		break;
	default:
		op->down.DATA.QUERY_INFORMATION.InformationBuffer = op->buf;
		op->down.DATA.QUERY_INFORMATION.InformationBufferLength = size;
		break;
	}
	return op->buf;
}

static void op_free(struct ndis_op *op)
{
	free(op->extra);
	free(op->buf);
	free(op);
}

/* What the driver answered, as the contract allows it. */
static NDIS_STATUS op_status(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;
	const char *oid = ndis_oid_name(op->c.oid);

	if (op->row == &vendor_row || status == NDIS_STATUS_SUCCESS)
		return status;
	if (op->row->flags & ROW_RELEASE) {
		if (status == NDIS_STATUS_NOT_ACCEPTED || status == NDIS_STATUS_REQUEST_ABORTED)
			return status;
	} else if (status == NDIS_STATUS_INVALID_PARAMETER || status == NDIS_STATUS_RESOURCES ||
		   status == NDIS_STATUS_NOT_SUPPORTED || status == NDIS_STATUS_FAILURE ||
		   status == NDIS_STATUS_NOT_ACCEPTED || status == NDIS_STATUS_REQUEST_ABORTED ||
		   status == NDIS_STATUS_REINIT_REQUIRED) {
		return status;
	}
	ndis_fault(a, "%s: the adapter's driver %s answered %s (0x%08X), which is not allowed here", oid ? oid : "?",
		   a->ops->name, ndis_status_name(status), (unsigned)status);
	return refuse(&op->c, NDIS_STATUS_FAILURE, "%s", a->last_fault);
}

/* The driver is through with it: the keeper's state follows, and the requester's results. */
static NDIS_STATUS op_finish(struct ndis_op *op, NDIS_STATUS status)
{
	status = op_status(op, status);
	status = op->row->done(op, status);
	if (status == NDIS_STATUS_SUCCESS) {
		op->err.text[0] = 0;
	} else if (!op->err.text[0]) {
		const char *oid = ndis_oid_name(op->c.oid);

		(void)refuse(&op->c, status, "%s: the adapter's driver %s answered %s", oid ? oid : "vendor OID",
			     op->c.a->ops->name, ndis_status_name(status));
	}
	return status;
}

/* Checks it and hands it to the driver. */
static NDIS_STATUS op_start(struct ndis_op *op)
{
	struct ndis_adapter *a = op->c.a;
	NDIS_STATUS status;

	op->down.RequestType = op->c.type;
	ndis_header(&op->down.Header, NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_2,
		    NDIS_SIZEOF_OID_REQUEST_REVISION_2);
	/* Oid lies at the same place in all members of DATA */
	op->down.DATA.QUERY_INFORMATION.Oid = op->c.oid;
	status = op->row->prepare(op);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (op->skip)
		return op_finish(op, NDIS_STATUS_SUCCESS);

	a->pending = op;
	op->in_call = true;
	status = a->ops->oid_request(a->ctx, &op->down, &op->err);
	op->in_call = false;
	if (op->completed) {
		if (status != NDIS_STATUS_PENDING)
			ndis_fault(a, "the adapter's driver %s completed a request and answered it too", a->ops->name);
		status = op->result;
		op->completed = false;
	} else if (status == NDIS_STATUS_PENDING) {
		return status;
	}
	a->pending = NULL;
	return op_finish(op, status);
}

/* Gives a result to a requester that was told PENDING, and forgets the request. */
static void op_deliver(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_driver *d = op->c.d;

	d->pending--;
	if (op->sync) { /* its requester is below us on the stack, waiting */
		op->completed = true;
		op->result = status;
		return;
	}
	if (op->c.req && d->cfg.complete)
		d->cfg.complete(d->cfg.ctx, op->c.req, status, &op->err);
	if (!op->lost)
		op_free(op);
}

/* Starts what waits, as long as the driver pends nothing. A requester's callback may come back here. */
static void drain(struct ndis_adapter *a)
{
	while (!a->pending && !ndis_list_empty(&a->waiting)) {
		struct ndis_op *op = ndis_container(a->waiting.next, struct ndis_op, link);
		NDIS_STATUS status;

		ndis_list_remove(&op->link);
		status = op_start(op);
		if (status != NDIS_STATUS_PENDING)
			op_deliver(op, status);
	}
}

void ndis_up_complete(struct ndis_adapter *a, NDIS_OID_REQUEST *req, NDIS_STATUS status, const char *sentence)
{
	struct ndis_op *op = a->pending;

	if (!op || &op->down != req || op->completed) {
		ndis_fault(a, "the adapter's driver %s completed a request that it does not have", a->ops->name);
		return;
	}
	if (status == NDIS_STATUS_PENDING) {
		ndis_fault(a, "the adapter's driver %s completed a request with NDIS_STATUS_PENDING", a->ops->name);
		status = NDIS_STATUS_FAILURE;
	}
	if (sentence)
		(void)refuse(&op->c, status, "%s", sentence);
	if (op->in_call) {
		op->completed = true;
		op->result = status;
		return;
	}
	a->pending = NULL;
	op_deliver(op, op_finish(op, status));
	drain(a);
}

void ndis_flush(struct ndis_adapter *a)
{
	while (a->pending && a->ops->flush) {
		struct ndis_op *before = a->pending;

		a->ops->flush(a->ctx);
		if (a->pending == before)
			break;
	}
}

void ndis_abort_requests(struct ndis_adapter *a, NDIS_STATUS status, bool pending_too)
{
	struct ndis_link all;

	/* those that wait now; a callback may add more, which are not ours to stop */
	ndis_list_init(&all);
	while (!ndis_list_empty(&a->waiting)) {
		struct ndis_link *l = a->waiting.next;

		ndis_list_remove(l);
		ndis_list_append(&all, l);
	}
	if (pending_too && a->pending) {
		struct ndis_op *op = a->pending;

		a->pending = NULL;
		op->lost = true;
		ndis_list_append(&a->lost, &op->link);
		(void)refuse(&op->c, status, "the adapter was reset or is going away; its driver %s did not finish the request",
			     a->ops->name);
		op_deliver(op, op->row->done(op, status));
	}
	while (!ndis_list_empty(&all)) {
		struct ndis_op *op = ndis_container(all.next, struct ndis_op, link);

		ndis_list_remove(&op->link);
		(void)refuse(&op->c, status, "the adapter was reset or is going away; the request was not begun");
		op_deliver(op, status);
	}
}

void ndis_forget_lost(struct ndis_adapter *a)
{
	while (!ndis_list_empty(&a->lost)) {
		struct ndis_op *op = ndis_container(a->lost.next, struct ndis_op, link);

		ndis_list_remove(&op->link);
		op_free(op);
	}
}

/* ---- vendor requests ---- */

static NDIS_STATUS vendor_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	uint32_t len = c->in_len > c->out_len ? c->in_len : c->out_len;
	uint8_t *buf;

	if (len > VMQ_VENDOR_OID_MAX_LENGTH)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "vendor OID 0x%08X: %u bytes are more than the %u allowed", c->oid, len,
			      VMQ_VENDOR_OID_MAX_LENGTH);
	buf = ndis_op_down(op, len ? len : 1);
	if (!buf)
		return ndis_op_no_memory(op);
	if (c->in_len)
		memcpy(buf, c->buf, c->in_len);
	switch (c->type) {
	case NdisRequestSetInformation:
		op->down.DATA.SET_INFORMATION.InformationBufferLength = c->in_len;
		break;
	case NdisRequestMethod:
		op->down.DATA.METHOD_INFORMATION.InputBufferLength = c->in_len;
		op->down.DATA.METHOD_INFORMATION.OutputBufferLength = c->out_len;
		break;
	default:
		op->down.DATA.QUERY_INFORMATION.InformationBufferLength = c->out_len;
		break;
	}
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS vendor_done(struct ndis_op *op, NDIS_STATUS status)
{
	const struct ndis_call *c = &op->c;
	uint32_t written = 0, read = 0, needed;

	switch (c->type) {
	case NdisRequestSetInformation:
		read = op->down.DATA.SET_INFORMATION.BytesRead;
		needed = op->down.DATA.SET_INFORMATION.BytesNeeded;
		break;
	case NdisRequestMethod:
		read = op->down.DATA.METHOD_INFORMATION.BytesRead;
		written = op->down.DATA.METHOD_INFORMATION.BytesWritten;
		needed = op->down.DATA.METHOD_INFORMATION.BytesNeeded;
		break;
	default:
		written = op->down.DATA.QUERY_INFORMATION.BytesWritten;
		needed = op->down.DATA.QUERY_INFORMATION.BytesNeeded;
		break;
	}
	if (status == NDIS_STATUS_INVALID_LENGTH)
		ndis_set_needed(c, needed);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (written > c->out_len || read > c->in_len) {
		ndis_fault(c->a, "vendor OID 0x%08X: the adapter's driver %s says it used more than the buffer has",
			   c->oid, c->a->ops->name);
		return refuse(c, NDIS_STATUS_FAILURE, "%s", c->a->last_fault);
	}
	ndis_put(c, 0, op->buf, written);
	ndis_set_done(c, read, written);
	return NDIS_STATUS_SUCCESS;
}

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
		status = op_start(op);
	}
	if (status == NDIS_STATUS_PENDING && sync) {
		drain(a);
		ndis_flush(a);
		if (!op->completed) {
			/* cannot be waited for: when the driver has it the change may still come, its results go nowhere */
			if (a->pending == op) {
				op->c.req = NULL;
				op->sync = false;
			} else {
				ndis_list_remove(&op->link);
				d->pending--;
				op_free(op);
			}
			return refuse(&c, NDIS_STATUS_FAILURE,
				      "the adapter's driver %s pends a request and cannot be flushed", a->ops->name);
		}
		status = op->result;
		if (err)
			*err = op->err;
		op_free(op);
		return status;
	}
	if (status != NDIS_STATUS_PENDING) {
		d->pending--;
		if (err)
			*err = op->err;
		op_free(op);
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
