/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Survives memory that is taken away: a front-end owns the files we map and may truncate them at any time, and then
 * each touch raises SIGBUS in whatever thread touches. The handler puts zero pages over the whole range concerned, so
 * that the thread goes on, and tells the control thread, which calls the range's `lost`.
 *
 * The table of ranges is written by the control thread and read by the handler in any thread: no lock, entries are
 * never freed. vhost_guard_start and _stop are in vhost.h.
 */
#ifndef VMQ_VHOST_GUARD_H
#define VMQ_VHOST_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct vhost_guard_range;

/* Protects [addr, addr + len), a mapping of its own. `lost(arg)` is called once, on the control thread, after the range
 * was replaced. NULL: no memory. */
struct vhost_guard_range *vhost_guard_add(void *addr, size_t len, void (*lost)(void *arg), void *arg);
/* Ends that; before the range is unmapped and when no other thread touches it. */
void vhost_guard_remove(struct vhost_guard_range *r);
/* Keeps the protection, but `lost` is not called any more: its `arg` goes away while a worker may still touch. */
void vhost_guard_orphan(struct vhost_guard_range *r);
/* The range was replaced: what is read there is not the front-end's any more. */
bool vhost_guard_lost(const struct vhost_guard_range *r);

#endif
