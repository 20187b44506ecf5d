/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NDIS requests with their exact binary buffers, carried as hexadecimal by the method `oid.request` (docs/rpc.md). What
 * the buffer means is the contract's business; here only lengths are checked, so that nothing the daemon answers is
 * ever written beyond the caller's buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"

static char *to_hex(const unsigned char *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	char *hex = malloc(2 * len + 1);

	if (!hex)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digit[data[i] >> 4];
		hex[2 * i + 1] = digit[data[i] & 0xf];
	}
	hex[2 * len] = '\0';
	return hex;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Writes the bytes into data, at most `max`; returns how many, or -1 when it is not hexadecimal or too long. */
static ssize_t from_hex(const char *hex, size_t len, unsigned char *data, size_t max)
{
	if (len % 2 || len / 2 > max)
		return -1;
	for (size_t i = 0; i < len; i += 2) {
		int high = nibble(hex[i]), low = nibble(hex[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		data[i / 2] = (unsigned char)(high << 4 | low);
	}
	return (ssize_t)(len / 2);
}

static const char *type_name(uint32_t type)
{
	switch (type) {
	case VMQ_OID_QUERY:
		return "query";
	case VMQ_OID_SET:
		return "set";
	case VMQ_OID_METHOD:
		return "method";
	default:
		return NULL;
	}
}

static int check(const struct vmq_oid_request *r, struct vmq_error *err)
{
	if (r->size < sizeof *r)
		return error_set(err, -EINVAL, "size: must be sizeof(struct vmq_oid_request)");
	if (!type_name(r->type))
		return error_set(err, -EINVAL, "type: %u is none of query (0), set (1), method (12)", r->type);
	if (r->input_length > VMQ_OID_INPUT_MAX)
		return error_set(err, -EINVAL, "input_length: at most %d bytes", VMQ_OID_INPUT_MAX);
	if (r->output_length > VMQ_OID_OUTPUT_MAX)
		return error_set(err, -EINVAL, "output_length: at most %d bytes", VMQ_OID_OUTPUT_MAX);
	if (!r->buffer && (r->input_length || r->output_length))
		return error_set(err, -EINVAL, "buffer: NULL, with a length");
	return 0;
}

/* A 32-bit number of the answer; false when it is not there or not one. */
static bool number(const json_t *result, const char *key, uint32_t *out)
{
	const json_t *v = json_object_get(result, key);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* An NDIS_STATUS is a signed number whose upper half reads better unsigned: taken either way. */
static bool status(const json_t *result, int32_t *out)
{
	const json_t *v = json_object_get(result, "status");
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < INT32_MIN || n > UINT32_MAX)
		return false;
	*out = (int32_t)(uint32_t)n;
	return true;
}

static int read_answer(struct vmq_oid_request *r, const json_t *result, struct vmq_error *err)
{
	const json_t *out = json_object_get(result, "out");

	if (!status(result, &r->status) || !number(result, "bytes_read", &r->bytes_read) ||
	    !number(result, "bytes_written", &r->bytes_written) || !number(result, "bytes_needed", &r->bytes_needed) ||
	    !json_is_string(out))
		return error_set(err, -EPROTO, "vmqd answered oid.request without status, lengths and out");
	if (r->bytes_written > r->output_length ||
	    from_hex(json_string_value(out), json_string_length(out), r->buffer, r->output_length) != r->bytes_written)
		return error_set(err, -EPROTO, "vmqd answered oid.request with bytes that don't fit their length");
	if (r->status)
		error_from_status(err, result);
	return 0;
}

int vmq_oid_request(struct vmq_client *client, struct vmq_oid_request *request, struct vmq_error *err)
{
	json_t *params, *result;
	char *hex;
	int rc = check(request, err);

	if (rc)
		return rc;
	hex = to_hex(request->buffer, request->input_length);
	params =
	    hex ? json_pack("{s:s*, s:s, s:I, s:s, s:I}", "adapter", request->adapter, "type", type_name(request->type),
			    "oid", (json_int_t)request->oid, "in", hex, "out_len", (json_int_t)request->output_length)
		: NULL;
	free(hex);
	if (!params)
		return error_set(err, -ENOMEM, "out of memory");
	rc = client_call(client, "oid.request", params, &result, err);
	if (!rc)
		rc = read_answer(request, result, err);
	json_decref(result);
	return rc;
}
