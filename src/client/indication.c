/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Status indications with their exact bytes, out of the events that carry them (docs/rpc.md). The daemon's text is
 * checked like any answer: nothing is written beyond the caller's buffer. No state; any thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "client/client.h"

static int bad(struct vmq_error *err)
{
	return error_set(err, -EPROTO, "not an event of vmqd's, or an indication without its numbers and buffer");
}

static int fill(struct vmq_indication *out, const json_t *event, bool of_vf, struct vmq_error *err)
{
	const json_t *buffer = json_object_get(event, "buffer");
	const char *adapter = json_string_value(json_object_get(event, "adapter"));
	size_t digits = json_string_length(buffer);
	uint32_t code = 0, vf = 0;

	if (!json_u32(event, of_vf ? "oid" : "status", &code) || (of_vf && !json_u32(event, "vf", &vf)) ||
	    !json_is_string(buffer) || !adapter || digits > 2 * VMQ_INDICATION_MAX || digits % 2)
		return bad(err);
	out->status = of_vf ? 0 : (int32_t)code;
	out->oid = of_vf ? code : 0;
	out->vf_id = vf;
	out->length = (uint32_t)(digits / 2);
	(void)snprintf(out->adapter, sizeof out->adapter, "%s", adapter);
	if (out->length > out->room)
		return error_set(err, -EMSGSIZE, "the indication has %u bytes, the buffer has %u", out->length, out->room);
	return hex_decode(json_string_value(buffer), digits, out->buffer, out->room) < 0 ? bad(err) : 0;
}

int vmq_event_indication(const char *event, struct vmq_indication *indication, struct vmq_error *err)
{
	json_t *value;
	const char *name;
	int rc;

	if (indication->size < sizeof *indication || (!indication->buffer && indication->room))
		return error_set(err, -EINVAL, indication->buffer ? "size: must be sizeof(struct vmq_indication)"
								   : "buffer: NULL, with room");
	value = json_loads(event, JSON_REJECT_DUPLICATES, NULL);
	name = json_string_value(json_object_get(value, "event"));
	if (!name)
		rc = bad(err);
	else if (strcmp(name, "status_indication") == 0)
		rc = fill(indication, value, false, err);
	else if (strcmp(name, "vf_config_invalidated") == 0)
		rc = fill(indication, value, true, err);
	else
		rc = error_set(err, -ENOMSG, "the event %.60s is no indication", name);
	json_decref(value);
	if (!rc)
		error_clear(err);
	return rc;
}
