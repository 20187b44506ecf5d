/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a wish was not granted: a code for programs, the name of the field that is wrong, the contract's status when
 * the contract said no, and the sentence. One object, owned by whoever made the call.
 */
#ifndef VMQ_STACK_STACK_ERROR_H
#define VMQ_STACK_STACK_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* One row a code: enum, number on the control socket (docs/rpc.md). */
#define STACK_CODES(X)                                                                                                \
	X(PARAM, -32602) /* a parameter is wrong */                                                                   \
	X(REFUSED, 1)    /* the contract or the data path said no */                                                  \
	X(NOT_FOUND, 2)                                                                                               \
	X(EXISTS, 3)                                                                                                  \
	X(LIMIT, 4)                                                                                                   \
	X(FAILED, 5) /* a system error */

enum stack_code {
	STACK_OK = 0,
#define X(id, number) STACK_##id = number,
	STACK_CODES(X)
#undef X
};

struct stack_error {
	enum stack_code code; /* STACK_OK: nothing is wrong */
	char field[128];      /* path of the parameter at fault ("filters[0].mac"), or empty */
	uint32_t oid;         /* the request that was refused, or 0 */
	int32_t status;       /* its NDIS_STATUS; valid when oid is not 0 */
	struct vmq_err err;   /* the sentence, without the field's name */
};

/* Fills `e` and returns -1, so that `return stack_fail(e, STACK_LIMIT, "name", "…")` reads as one step. `field` may
 * be NULL. What `e` held before is overwritten. */
int stack_fail(struct stack_error *e, enum stack_code code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
