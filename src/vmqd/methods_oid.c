/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * oid.request (docs/rpc.md): a request of the contract with its exact bytes. It is made as a driver of its own, apart
 * from the stack: what it creates is its own, and the stack's objects are not its to change.
 */
#include <stdlib.h>
#include <string.h>
#include <vmq/ndis.h>

#include "base/hex.h"
#include "vmqd/methods.h"

#define MAX_OUT (15u << 20) /* in hexadecimal it fits an answer */

struct oid_result {
	uint32_t read, written, needed;
	struct vmq_err said;
};

static void read_oid(struct params *p, NDIS_OID *oid)
{
	const json_t *v = params_any(p, "oid", true);

	if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= UINT32_MAX)
		*oid = (NDIS_OID)json_integer_value(v);
	else if (v && !(json_is_string(v) && ndis_oid_by_name(json_string_value(v), oid)))
		(void)params_fault(p, "oid", "is neither an OID's number nor its name");
}

/* The request's buffer: `in` at its beginning, room for the larger of both lengths, zero. NULL with the fault noted. */
static uint8_t *read_buffer(struct params *p, uint32_t *in_len, uint32_t *out_len)
{
	const json_t *v = params_any(p, "in", false);
	const char *hex = json_string_value(v); /* NULL: there is none, or no text */
	size_t digits = json_string_length(v), room;
	uint8_t *buf;

	*out_len = 0;
	(void)params_uint(p, "out_len", false, 0, MAX_OUT, out_len);
	if ((v && !hex) || digits % 2)
		(void)params_fault(p, "in", "is not text of pairs of hexadecimal digits");
	if (!params_ok(p))
		return NULL;
	*in_len = (uint32_t)(digits / 2);
	room = *in_len > *out_len ? *in_len : *out_len;
	buf = calloc(1, room ? room : 1);
	if (!buf) {
		(void)stack_fail(p->e, STACK_FAILED, NULL, "out of memory");
	} else if (hex && hex_decode(hex, digits, buf, room) < 0) {
		(void)params_fault(p, "in", "is not text of pairs of hexadecimal digits");
		free(buf);
		buf = NULL;
	}
	return buf;
}

/* What stands beside the buffer: `type` and the members that say whom the request is about. */
static void read_head(struct params *p, NDIS_OID_REQUEST *req)
{
	static const char *const names[] = { "query", "set", "method", "statistics", NULL };
	static const NDIS_REQUEST_TYPE types[] = { NdisRequestQueryInformation, NdisRequestSetInformation,
						   NdisRequestMethod, NdisRequestQueryStatistics };
	bool vport = params_has(p, "vport_id");
	unsigned type = 0;

	if (params_has(p, "type"))
		(void)params_choice(p, "type", names, &type);
	else
		(void)params_any(p, "type", true);
	req->RequestType = types[type];
	(void)params_uint(p, "port_number", false, 0, UINT32_MAX, &req->PortNumber);
	(void)params_uint(p, "switch_id", false, 0, UINT32_MAX, &req->SwitchId);
	(void)params_uint(p, "vport_id", false, 0, UINT32_MAX, &req->VPortId);
	if (!params_uint(p, "flags", false, 0, UINT32_MAX, &req->Flags) && vport)
		req->Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
}

/* Where an NDIS_OID_REQUEST of each type has its lengths. */
static NDIS_STATUS make(struct adapter *a, NDIS_OID_REQUEST *req, NDIS_OID oid, void *buf, uint32_t lengths[2],
			struct oid_result *r)
{
	NDIS_STATUS status;

	req->DATA.QUERY_INFORMATION.Oid = oid; /* Oid and InformationBuffer lie at the same place in all of DATA */
	req->DATA.QUERY_INFORMATION.InformationBuffer = buf;
	a->raw_request = true;
	switch (req->RequestType) {
	case NdisRequestSetInformation:
		req->DATA.SET_INFORMATION.InformationBufferLength = lengths[0];
		status = ndis_oid_request(a->ndis, a->raw, req, &r->said);
		r->read = req->DATA.SET_INFORMATION.BytesRead;
		r->needed = req->DATA.SET_INFORMATION.BytesNeeded;
		break;
	case NdisRequestMethod:
		req->DATA.METHOD_INFORMATION.InputBufferLength = lengths[0];
		req->DATA.METHOD_INFORMATION.OutputBufferLength = lengths[1];
		status = ndis_oid_request(a->ndis, a->raw, req, &r->said);
		r->read = req->DATA.METHOD_INFORMATION.BytesRead;
		r->written = req->DATA.METHOD_INFORMATION.BytesWritten;
		r->needed = req->DATA.METHOD_INFORMATION.BytesNeeded;
		break;
	default:
		req->DATA.QUERY_INFORMATION.InformationBufferLength = lengths[1];
		status = ndis_oid_request(a->ndis, a->raw, req, &r->said);
		r->written = req->DATA.QUERY_INFORMATION.BytesWritten;
		r->needed = req->DATA.QUERY_INFORMATION.BytesNeeded;
		break;
	}
	a->raw_request = false;
	/* The lengths mean something with one status each. */
	if (status != NDIS_STATUS_SUCCESS)
		r->read = r->written = 0;
	if (status != NDIS_STATUS_INVALID_LENGTH)
		r->needed = 0;
	if (r->written > lengths[1])
		r->written = lengths[1];
	return status;
}

int method_oid_request(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct adapter *a = select_adapter(ctx, p, e);
	NDIS_OID_REQUEST req = { .Header = { NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_2,
					     NDIS_SIZEOF_OID_REQUEST_REVISION_2 } };
	struct oid_result r = { .read = 0 };
	uint32_t lengths[2] = { 0, 0 }; /* of the input and of the output */
	NDIS_STATUS status;
	NDIS_OID oid = 0;
	uint8_t *buf;
	char *out;

	(void)client;
	read_head(p, &req);
	read_oid(p, &oid);
	buf = read_buffer(p, &lengths[0], &lengths[1]);
	if (params_close(p) < 0 || !buf) {
		free(buf);
		return -1;
	}
	status = make(a, &req, oid, buf, lengths, &r);
	out = hex_encode(buf, r.written);
	*result = json_pack("{s:I, s:s, s:I, s:I, s:I, s:i, s:s}", "status", (json_int_t)(uint32_t)status,
			    "status_name", ndis_status_name(status), "bytes_read", (json_int_t)r.read, "bytes_written",
			    (json_int_t)r.written, "bytes_needed", (json_int_t)r.needed, "supported_revision",
			    status == NDIS_STATUS_SUCCESS ? req.SupportedRevision : 0, "out", out ? out : "");
	free(out);
	if (r.said.text[0])
		(void)json_object_set_new(*result, "message", json_string(r.said.text));
	free(buf);
	return 0;
}
