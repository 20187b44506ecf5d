/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NDIS requests with their exact binary buffers, carried as hexadecimal by the method `oid.request` (docs/rpc.md). What
 * the buffer means is the contract's business; here only lengths are checked, so that nothing the daemon answers is
 * ever written beyond the caller's buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/client.h"

static const char *type_name(uint32_t type)
{
	switch (type) {
	case VMQ_OID_QUERY:
		return "query";
	case VMQ_OID_SET:
		return "set";
	case VMQ_OID_STATISTICS:
		return "statistics";
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
		return error_set(err, -EINVAL, "type: %u is none of query (0), set (1), statistics (2), method (12)", r->type);
	if (r->input_length > VMQ_OID_INPUT_MAX)
		return error_set(err, -EINVAL, "input_length: at most %d bytes", VMQ_OID_INPUT_MAX);
	if (r->output_length > VMQ_OID_OUTPUT_MAX)
		return error_set(err, -EINVAL, "output_length: at most %d bytes", VMQ_OID_OUTPUT_MAX);
	if (!r->buffer && (r->input_length || r->output_length))
		return error_set(err, -EINVAL, "buffer: NULL, with a length");
	return 0;
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
	uint32_t revision;

	if (!status(result, &r->status) || !json_u32(result, "bytes_read", &r->bytes_read) ||
	    !json_u32(result, "bytes_written", &r->bytes_written) || !json_u32(result, "bytes_needed", &r->bytes_needed) ||
	    !json_u32(result, "supported_revision", &revision) || revision > UINT8_MAX || !json_is_string(out))
		return error_set(err, -EPROTO, "vmqd answered oid.request without status, lengths and out");
	if (r->bytes_written > r->output_length ||
	    hex_decode(json_string_value(out), json_string_length(out), r->buffer, r->output_length) != r->bytes_written)
		return error_set(err, -EPROTO, "vmqd answered oid.request with bytes that don't fit their length");
	r->supported_revision = (uint8_t)revision;
	if (r->status)
		error_from_status(err, result);
	return 0;
}

/* Whom the request is about, where it is not what it is anyway. */
static int set_about(json_t *params, const struct vmq_oid_request *r)
{
	const struct {
		const char *name;
		uint32_t value;
	} members[] = { { "port_number", r->port_number },
			{ "switch_id", r->switch_id },
			{ "vport_id", r->vport_id },
			{ "flags", r->flags } };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if ((members[i].value || (r->vport_id && i == 3)) &&
		    json_object_set_new(params, members[i].name, json_integer(members[i].value)) < 0)
			return -1;
	return 0;
}

int vmq_oid_request(struct vmq_client *client, struct vmq_oid_request *request, struct vmq_error *err)
{
	json_t *params, *result;
	char *hex;
	int rc = check(request, err);

	if (rc)
		return rc;
	hex = hex_encode(request->buffer, request->input_length);
	params =
	    hex ? json_pack("{s:s*, s:s, s:I, s:s, s:I}", "adapter", request->adapter, "type", type_name(request->type),
			    "oid", (json_int_t)request->oid, "in", hex, "out_len", (json_int_t)request->output_length)
		: NULL;
	free(hex);
	if (!params || set_about(params, request) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	rc = client_call(client, "oid.request", params, &result, err);
	if (!rc)
		rc = read_answer(request, result, err);
	json_decref(result);
	return rc;
}
