/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vendor's requests: what is in the buffers is between requester and driver, that it stays within them is checked here.
 * Control thread only.
 */
#include "ndis/keeper.h"

#include <vmq/ndis_vmq.h>

NDIS_STATUS vendor_prepare(struct ndis_op *op)
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

NDIS_STATUS vendor_done(struct ndis_op *op, NDIS_STATUS status)
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
