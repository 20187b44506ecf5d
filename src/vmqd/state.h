/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was asked at run time, kept over a restart. The configuration file declares; what run time changed, added or
 * deleted is kept over what it declares, VPort by VPort, and shown as a VPort's `origin`. Each request that changed
 * something is in the store when it is answered; when the store cannot take it, what it did is undone and it is refused.
 *
 * Without a store (`state: none`) the same is known, and forgotten with the process. Owned by the daemon; control thread.
 */
#ifndef VMQ_VMQD_STATE_H
#define VMQ_VMQD_STATE_H

#include "stack/stack.h"

struct adapter;
struct config;
struct daemon;

/* Before the first adapter. 0, or -1 with the sentence. */
int state_open(struct daemon *d, struct vmq_err *err);
void state_close(struct daemon *d);

/* Makes the adapter's VPorts: those of the file that were not deleted at run time, as they were changed, and those that
 * were added; all under the identifiers they had. What the file declares is made or it is a failure; what cannot be made
 * of what run time added is logged and stays in the store. 0, or -1 with the sentence. */
int state_restore(struct adapter *a, struct vmq_err *err);
void state_forget(struct adapter *a);

/* For struct stack_ops; the context is the daemon. */
void state_changed(void *ctx, struct stack_vport *v);

/* A request is done: all that changed is in the store now. -1 with the error filled: it is undone. */
int state_commit(void *ctx, struct stack_error *e);

/* Before settings are changed that are no VPort's (how workers sleep, automatic placement): how they are is what state_undo goes
 * back to, until the next commit. -1 with the error filled: out of memory. */
int state_settings(struct daemon *d, struct stack_error *e);

/* What changed since the last commit is as it was then. How many steps of it failed; each is logged. */
unsigned state_undo(struct daemon *d);

/* With the next commit the configuration is the declared one, as if vmqd had been started with it, and taken over; when the
 * commit fails, or another is proposed, it is freed. NULL: none. */
void state_propose(struct daemon *d, struct config *c);

/* "file": as it is declared; "changed": declared, and changed at run time; "runtime": added at run time. */
const char *state_origin(const struct stack_vport *v);

#endif
