/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way down to the adapter's driver and back, one request at a time: started, pended, completed, aborted, given up.
 * Control thread only.
 */
#include "ndis/keeper.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

void ndis_op_free(struct ndis_op *op)
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

	if ((op->row->flags & ROW_VENDOR) || status == NDIS_STATUS_SUCCESS)
		return status;
	if (op->row->flags & ROW_RELEASE) {
		if (status == NDIS_STATUS_NOT_ACCEPTED || status == NDIS_STATUS_REQUEST_ABORTED)
			return status;
	} else if (status == NDIS_STATUS_INVALID_PARAMETER || status == NDIS_STATUS_RESOURCES ||
		   status == NDIS_STATUS_NOT_SUPPORTED || status == NDIS_STATUS_FAILURE ||
		   status == NDIS_STATUS_NOT_ACCEPTED || status == NDIS_STATUS_REQUEST_ABORTED ||
		   (status == NDIS_STATUS_REINIT_REQUIRED && op->c.oid == OID_NIC_SWITCH_PARAMETERS)) {
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

NDIS_STATUS ndis_op_start(struct ndis_op *op)
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
		ndis_op_free(op);
}

void ndis_op_drain(struct ndis_adapter *a)
{
	while (!a->pending && !ndis_list_empty(&a->waiting)) {
		struct ndis_op *op = ndis_container(a->waiting.next, struct ndis_op, link);
		NDIS_STATUS status;

		ndis_list_remove(&op->link);
		status = ndis_op_start(op);
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
	ndis_op_drain(a);
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

NDIS_STATUS ndis_settle(const struct ndis_call *c)
{
	struct ndis_adapter *a = c->a;

	ndis_op_drain(a);
	ndis_flush(a);
	if (!a->pending && ndis_list_empty(&a->waiting))
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_FAILURE, "%s: the adapter's driver %s pends a request and cannot be flushed",
		      ndis_oid_name(c->oid), a->ops->name);
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
		(void)refuse(&op->c, status,
			     "the adapter was reset or is going away; its driver %s did not finish the request",
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
		ndis_op_free(op);
	}
}
