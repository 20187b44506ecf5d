/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * oid.request (docs/rpc.md): a request of the contract with its exact bytes. It is made as a driver of its own, apart
 * from the stack: what it creates is its own, and the stack's objects are not its to change.
 */
#include <stdlib.h>
#include <string.h>
#include <vmq/ndis.h>

#include "vmqd/methods.h"

#define MAX_OUT (15u << 20) /* in hexadecimal it fits an answer */

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *s, size_t len, uint8_t *out)
{
	for (size_t i = 0; i < len; i++) {
		int hi = nibble(s[2 * i]), lo = nibble(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static json_t *hex_json(const uint8_t *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	char *s = malloc(2 * len + 1);
	json_t *v;

	if (!s)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		s[2 * i] = digit[data[i] >> 4];
		s[2 * i + 1] = digit[data[i] & 15];
	}
	v = json_stringn(s, 2 * len);
	free(s);
	return v;
}

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
	const char *hex = v && json_is_string(v) ? json_string_value(v) : "";
	size_t digits = strlen(hex), room;
	uint8_t *buf;

	*out_len = 0;
	(void)params_uint(p, "out_len", false, 0, MAX_OUT, out_len);
	if ((v && !json_is_string(v)) || digits % 2)
		(void)params_fault(p, "in", "is not text of pairs of hexadecimal digits");
	if (!params_ok(p))
		return NULL;
	*in_len = (uint32_t)(digits / 2);
	room = *in_len > *out_len ? *in_len : *out_len;
	buf = calloc(1, room ? room : 1);
	if (!buf) {
		(void)stack_fail(p->e, STACK_FAILED, NULL, "out of memory");
	} else if (!unhex(hex, *in_len, buf)) {
		(void)params_fault(p, "in", "is not text of pairs of hexadecimal digits");
		free(buf);
		buf = NULL;
	}
	return buf;
}

static json_t *answer(NDIS_STATUS status, uint32_t read, uint32_t written, uint32_t needed, const uint8_t *buf)
{
	return json_pack("{s:I, s:s, s:I, s:I, s:I, s:o}", "status", (json_int_t)(uint32_t)status, "status_name",
			 ndis_status_name(status), "bytes_read", (json_int_t)read, "bytes_written", (json_int_t)written,
			 "bytes_needed", (json_int_t)needed, "out", hex_json(buf, written));
}

int method_oid_request(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	static const char *const types[] = { "query", "set", "method", NULL };
	struct adapter *a = select_adapter(ctx, p, e);
	uint32_t in_len = 0, out_len = 0, read = 0, written = 0, needed = 0;
	NDIS_OID_REQUEST req = { .Header = { NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
					     NDIS_SIZEOF_OID_REQUEST_REVISION_1 } };
	struct vmq_err said = { "" };
	unsigned type = 0;
	NDIS_STATUS status;
	NDIS_OID oid = 0;
	uint8_t *buf;

	(void)client;
	if (params_has(p, "type"))
		(void)params_choice(p, "type", types, &type);
	else
		(void)params_any(p, "type", true);
	read_oid(p, &oid);
	buf = read_buffer(p, &in_len, &out_len);
	if (params_close(p) < 0 || !buf) {
		free(buf);
		return -1;
	}
	switch (type) {
	case 0:
		req.RequestType = NdisRequestQueryInformation;
		req.DATA.QUERY_INFORMATION.Oid = oid;
		req.DATA.QUERY_INFORMATION.InformationBuffer = buf;
		req.DATA.QUERY_INFORMATION.InformationBufferLength = out_len;
		status = ndis_oid_request(a->ndis, a->raw, &req, &said);
		written = req.DATA.QUERY_INFORMATION.BytesWritten;
		needed = req.DATA.QUERY_INFORMATION.BytesNeeded;
		break;
	case 1:
		req.RequestType = NdisRequestSetInformation;
		req.DATA.SET_INFORMATION.Oid = oid;
		req.DATA.SET_INFORMATION.InformationBuffer = buf;
		req.DATA.SET_INFORMATION.InformationBufferLength = in_len;
		status = ndis_oid_request(a->ndis, a->raw, &req, &said);
		read = req.DATA.SET_INFORMATION.BytesRead;
		needed = req.DATA.SET_INFORMATION.BytesNeeded;
		break;
	default:
		req.RequestType = NdisRequestMethod;
		req.DATA.METHOD_INFORMATION.Oid = oid;
		req.DATA.METHOD_INFORMATION.InformationBuffer = buf;
		req.DATA.METHOD_INFORMATION.InputBufferLength = in_len;
		req.DATA.METHOD_INFORMATION.OutputBufferLength = out_len;
		status = ndis_oid_request(a->ndis, a->raw, &req, &said);
		read = req.DATA.METHOD_INFORMATION.BytesRead;
		written = req.DATA.METHOD_INFORMATION.BytesWritten;
		needed = req.DATA.METHOD_INFORMATION.BytesNeeded;
		break;
	}
	/* The three lengths mean something with one status each. */
	if (status != NDIS_STATUS_SUCCESS)
		read = written = 0;
	if (status != NDIS_STATUS_INVALID_LENGTH)
		needed = 0;
	*result = answer(status, read, written > out_len ? out_len : written, needed, buf);
	if (said.text[0])
		(void)json_object_set_new(*result, "message", json_string(said.text));
	free(buf);
	return 0;
}
