/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON written as text, for lists of tens of thousands of elements: building values of them first costs several times
 * as much. Running out of memory is noted and told at the end. Owned by the caller; control thread.
 */
#ifndef VMQ_VMQD_JSON_TEXT_H
#define VMQ_VMQD_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
	char *s;
	size_t len, room;
	bool failed; /* out of memory: what is added from then on is lost */
};

/* Text that is JSON as it stands. */
void json_text_add(struct json_text *t, const char *s, size_t len);
#define JSON_TEXT(t, literal) json_text_add((t), literal, sizeof(literal) - 1)
void json_text_number(struct json_text *t, uint64_t n);
/* A value; takes the reference. */
void json_text_value(struct json_text *t, json_t *v);
/* The members of an object, the last "}" left off, so that others can follow; takes the reference. */
void json_text_open(struct json_text *t, json_t *object);

/* What was written, as a method's result (rpc.h), and frees it; NULL: out of memory. */
json_t *json_text_result(struct json_text *t);

#endif
