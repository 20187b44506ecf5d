/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort's vhost-user endpoint: opened and closed for the stack, its events told to monitors, its state put in words.
 * The endpoint object itself hangs on the stack's VPort. Control thread.
 */
#ifndef VMQ_VMQD_ENDPOINT_H
#define VMQ_VMQD_ENDPOINT_H

#include <jansson.h>

#include "stack/stack.h"
#include "vhost/vhost.h"
#include "vmqd/loop.h"

/* vhost's view of the loop. */
void endpoint_loop(struct loop *loop, struct vhost_loop *out);

/* For struct stack_ops; the context is the daemon. */
int endpoint_open(void *ctx, struct stack_vport *v, struct stack_error *e);
void endpoint_close(void *ctx, struct stack_vport *v);

/* What the process before this one left; NULL, or nothing left: no effect. */
void endpoint_resume(struct stack_vport *v);

/* The data path broke a queue pair of the VPort. */
void endpoint_broken(struct stack_vport *v, unsigned qp, const char *reason);

/* Why queue pair `qp` is broken, or NULL; valid until the control thread's next turn. */
const char *endpoint_broken_reason(const struct stack_vport *v, unsigned qp);

/* Adds connected, status and features to a VPort's description. */
void endpoint_describe(const struct stack_vport *v, json_t *out);

/* The same of an endpoint that need not be a stack's VPort's. */
void endpoint_state(const struct vhost_endpoint *ep, json_t *out);

/* The features its VM negotiated, by name: a new list. */
json_t *endpoint_features(const struct stack_vport *v);
/* The features a VPort of so many queue pairs offers its VM. */
uint64_t endpoint_offered(unsigned queue_pairs);

/* Adds what the endpoint counts to a VPort's counters; nothing where there is none. `v` may be NULL. */
void endpoint_counters(const struct stack_vport *v, json_t *out);

#endif
