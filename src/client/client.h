/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of libvmq share: the connection, and one request with its answer as jansson values. Nothing here is
 * exported (libvmq.map); the owner of a client is the caller's thread (<vmq/vmq.h>).
 */
#ifndef VMQ_CLIENT_CLIENT_H
#define VMQ_CLIENT_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <vmq/vmq.h>

#include "client/line.h"

struct vmq_client {
	struct line_io io;
	json_int_t next_id;
	unsigned int timeout_ms; /* 0: no limit */
	bool monitor;
};

/* Fills err (NULL allowed) with the library's own sentence and returns rc. */
int error_set(struct vmq_error *err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void error_clear(struct vmq_error *err);
/* Fills err from the `error` member of an answer; -EPROTO when it is not one, else VMQ_REFUSED. */
int error_from_json(struct vmq_error *err, const json_t *error);
/* Adds the sentence and the status's name of an oid.request that was carried out and ended without success. */
void error_from_status(struct vmq_error *err, const json_t *result);

/* A member that is a 32-bit number; false: it is not there, or none. */
static inline bool json_u32(const json_t *object, const char *key, uint32_t *out)
{
	const json_t *v = json_object_get(object, key);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* As vmq_call, with values: takes over the reference to params (NULL: none), also when it fails; *result is a new one.
 */
int client_call(struct vmq_client *c, const char *method, json_t *params, json_t **result, struct vmq_error *err);

#endif
