/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0: one line in, one line (or nothing) out. Knows no sockets; server.h has those. Control thread.
 */
#ifndef VMQ_VMQD_RPC_H
#define VMQ_VMQD_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "stack/stack_error.h"
#include "vmqd/params.h"

#define RPC_MAX_REQUEST (16u << 20) /* bytes of a line, its newline included: a configuration file as long as one may be */
#define RPC_MAX_VALUES	1000000u    /* in a line, likewise */
#define RPC_MAX_ANSWER  (32u << 20) /* likewise; of a batch in all */
#define RPC_MAX_BATCH	4096u	    /* requests of a batch: all of it is one turn of the control thread, in which others wait */
#define RPC_MAX_ID	128u	    /* bytes of an id, which each answer repeats */

struct rpc_client; /* who asks; opaque here */

/* A method takes its parameters out of `p` and must see params_close() succeed before it does anything. On success it
 * returns 0 and a new reference in *result (NULL stands for {}; a string is the result's JSON text, already written);
 * on failure -1 with the error filled. */
struct rpc_method {
	const char *name;
	int (*fn)(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e);
	bool alone; /* not in a batch: when it fails it takes back what changed since the last commit, which was others' there */
};

struct rpc {
	const struct rpc_method *methods; /* ends with a NULL name */
	/* Called when a method has ended, before its answer is given: what it changed is kept for good, or undone and the
	 * request refused (-1, the error filled). Of a batch once, at its end: all of it, or all is refused. May be NULL. */
	int (*commit)(void *ctx, struct stack_error *e);
	void *ctx;
};

/* The answer to a line, with its newline, or NULL when nothing is to be said (a notification) or memory ran out.
 * free() it. */
char *rpc_answer(const struct rpc *rpc, struct rpc_client *client, const char *line, size_t len, size_t *out_len);

/* A whole answer that is an error, for what is no request at all: code, sentence; free() it. */
char *rpc_error_line(int code, const char *sentence, size_t *out_len);

/* A notification: {"jsonrpc","method":"event","params"}; takes the reference of `params`; free() it. */
char *rpc_event_line(json_t *params, size_t *out_len);

#endif
