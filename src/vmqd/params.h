/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strict reading of a JSON object: the parameters of a request, or a mapping of the configuration file (yamldoc.h
 * turns YAML into the same JSON). Each function takes one member by name and checks its type and range; the first
 * fault is kept with the member's path and a sentence that says what would be right, and everything after it does
 * nothing. params_close() refuses members nobody asked for, by name: nothing may be done before it returned 0.
 *
 * The object is the caller's and is only read. Control thread.
 */
#ifndef VMQ_VMQD_PARAMS_H
#define VMQ_VMQD_PARAMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/stack.h"

#define PARAMS_MAX 64u

struct params {
	const json_t *obj;
	const char *path;       /* of the object: "" or "adapters[0]"; not copied */
	struct stack_error *e;  /* e->code is STACK_OK until a fault */
	const char *taken[PARAMS_MAX];
	unsigned ntaken;
};

/* `obj` may be NULL (no parameters given): then every member is absent. */
void params_open(struct params *p, const json_t *obj, const char *path, struct stack_error *e);
/* 0 when all was right and nothing is left over, else -1. */
int params_close(struct params *p);
bool params_ok(const struct params *p);
/* Notes a fault of member `key` (NULL: of the object) unless there is one already; returns -1. */
int params_fault(struct params *p, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The member of any type, marked as known; NULL when absent, or (with `required`) noted as missing. */
const json_t *params_any(struct params *p, const char *key, bool required);
bool params_has(const struct params *p, const char *key);

/* Each returns true when the member is there and right, and only then writes *out. */
bool params_str(struct params *p, const char *key, bool required, const char **out); /* not empty, no control bytes */
bool params_bool(struct params *p, const char *key, bool *out);
bool params_uint(struct params *p, const char *key, bool required, uint32_t min, uint32_t max, uint32_t *out);
/* 0 … max. */
bool params_u64(struct params *p, const char *key, uint64_t max, uint64_t *out);
bool params_name(struct params *p, const char *key, bool required, char out[STACK_NAME_SIZE]);
/* An absolute path that fits `size` bytes with its NUL. */
bool params_path(struct params *p, const char *key, bool required, char *out, size_t size);
bool params_mac(struct params *p, const char *key, bool required, uint8_t out[6]);
bool params_vlan(struct params *p, const char *key, struct stack_vlan *out);
bool params_moderation(struct params *p, const char *key, uint32_t *out);
/* Index of the member's string in `names` (NULL-terminated). */
bool params_choice(struct params *p, const char *key, const char *const *names, unsigned *out);
/* A file mode: a string of octal digits, "0660" (YAML: 0660, which yamldoc keeps as such). */
bool params_mode(struct params *p, const char *key, unsigned *out);

/* The path of member `key` as faults name it. */
void params_member_path(const struct params *p, const char *key, char *out, size_t size);

#endif
