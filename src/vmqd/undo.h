/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort becomes what a wish says, in steps, because what several VPorts give up may be what others need: first every
 * VPort lets go what is in the way, then each is set, then each gets the filters it lacks. Control thread. 0, or -1 with
 * the sentence in *e.
 */
#ifndef VMQ_VMQD_UNDO_H
#define VMQ_VMQD_UNDO_H

#include "stack/stack.h"
#include "vmqd/wish.h"

/* Filters that the wish does not have go, a name that is not its, and queue pairs beyond it; or the whole VPort, when it can become the wish only by being made anew. */
int undo_take(struct stack_vport *v, const struct wish_vport *w, struct stack_error *e);
/* All but the filters. */
int undo_set(struct stack_vport *v, const struct wish_vport *w, struct stack_error *e);
int undo_give(struct stack_vport *v, const struct wish_vport *w, struct stack_error *e);

#endif
