/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON written as text (json_text.h). */
#include "vmqd/json_text.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096u

void json_text_add(struct json_text *t, const char *s, size_t len)
{
	if (t->room - t->len < len) {
		size_t room = t->room ? t->room : FIRST_ROOM;
		char *more;

		while (room - t->len < len)
			room *= 2;
		more = t->failed ? NULL : realloc(t->s, room);
		if (!more) {
			t->failed = true;
			return;
		}
		t->s = more;
		t->room = room;
	}
	memcpy(t->s + t->len, s, len);
	t->len += len;
}

void json_text_number(struct json_text *t, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	json_text_add(t, digits + at, sizeof digits - at);
}

static int add(const char *s, size_t len, void *t)
{
	json_text_add(t, s, len);
	return 0;
}

void json_text_value(struct json_text *t, json_t *v)
{
	if (!v || json_dump_callback(v, add, t, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) < 0)
		t->failed = true;
	json_decref(v);
}

void json_text_open(struct json_text *t, json_t *object)
{
	json_text_value(t, object);
	if (!t->failed)
		t->len--;
}

json_t *json_text_result(struct json_text *t)
{
	json_t *v = t->failed ? NULL : json_stringn_nocheck(t->s, t->len);

	free(t->s);
	*t = (struct json_text){ 0 };
	return v;
}
