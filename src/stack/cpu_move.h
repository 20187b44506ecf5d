/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A CPU plan and the stack's VPorts: what there is to place, and moving it. Each move is the request that `vport.set
 * cpu` makes: the rings go to another worker under traffic, and no frame is lost. Control thread.
 */
#ifndef VMQ_STACK_CPU_MOVE_H
#define VMQ_STACK_CPU_MOVE_H

#include "stack/cpu_plan.h"

/* The VPorts of an adapter as items, those made by somebody else's requests included; load, device_node and memory_node
 * are left for the caller (0, -1, -1). Appended to (*items)[*n], which is grown; free() it. */
int cpu_items(struct stack_adapter *a, struct cpu_item **items, size_t *n, struct stack_error *e);

/* Moves every item whose `to` is another CPU than its `cpu`: all, or (when one is refused) none. What it moved first
 * remembers where it came from, for cpu_undo. */
int cpu_apply(const struct cpu_plan *p, struct stack_error *e);

/* Sets the `to` of the items that plans have moved to where they were before the first of them. */
void cpu_undo_plan(struct cpu_plan *p);

#endif
