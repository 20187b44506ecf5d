/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `struct vmq_error`: filled from an answer of the daemon's or with a sentence of the library's own. The structure is
 * the caller's and may be an older, smaller one: only whole members that lie within its `size` are written.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"

#define HAS(err, member) ((err)->size >= offsetof(struct vmq_error, member) + sizeof((err)->member))

void error_clear(struct vmq_error *err)
{
	if (!err || !HAS(err, oid))
		return;
	err->code = VMQ_ERROR_NONE;
	err->message[0] = err->field[0] = err->status[0] = err->oid[0] = '\0';
}

int error_set(struct vmq_error *err, int rc, const char *fmt, ...)
{
	va_list ap;

	error_clear(err);
	if (!err || !HAS(err, oid))
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	return rc;
}

/* Cut between characters, not inside one: a continuation byte of UTF-8 is 10xxxxxx. */
static void copy(char *to, size_t size, const json_t *from)
{
	const char *text = json_string_value(from);
	size_t len;

	if (!text)
		return;
	len = strlen(text);
	if (len >= size) {
		len = size - 1;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(to, text, len);
	to[len] = '\0';
}

int error_from_json(struct vmq_error *err, const json_t *error)
{
	const json_t *code = json_object_get(error, "code");
	const json_t *message = json_object_get(error, "message");
	const json_t *data = json_object_get(error, "data");
	json_int_t number = json_integer_value(code);

	if (!json_is_integer(code) || !json_is_string(message) || number < INT32_MIN || number > INT32_MAX)
		return error_set(err, -EPROTO, "vmqd answered with an error that has no code and message");
	error_clear(err);
	if (!err || !HAS(err, oid))
		return VMQ_REFUSED;
	err->code = (int)number;
	copy(err->message, sizeof err->message, message);
	copy(err->field, sizeof err->field, json_object_get(data, "field"));
	copy(err->status, sizeof err->status, json_object_get(data, "status"));
	copy(err->oid, sizeof err->oid, json_object_get(data, "oid"));
	return VMQ_REFUSED;
}

void error_from_status(struct vmq_error *err, const json_t *result)
{
	if (!err || !HAS(err, oid))
		return;
	copy(err->message, sizeof err->message, json_object_get(result, "message"));
	copy(err->status, sizeof err->status, json_object_get(result, "status_name"));
}
