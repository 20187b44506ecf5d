/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts to VMs: at the end of a turn, for the rings in which something was published, if moderation says that it
 * is time and their drivers want one. One full fence serves all of them. Worker only.
 */
#include <unistd.h>

#include "nic/moderate.h"

void notify_later(struct worker *w, struct nic_queue *q)
{
	if (q->to_notify)
		return;
	q->to_notify = true;
	w->notify[w->nnotify++] = q;
}

static bool call(int fd)
{
	const uint64_t one = 1;

	/* an eventfd that is full has been signalled already, and one that is gone has no listener */
	return fd >= 0 && write(fd, &one, sizeof one) == sizeof one;
}

static bool due(struct worker *w, struct nic_queue *q)
{
	return q->mod.frames == 0 || moderate_due(&q->mod, __atomic_load_n(&q->vport->moderation, __ATOMIC_RELAXED), w->now,
						  w->engine->cycles_per_us);
}

void notify_flush(struct worker *w, bool all)
{
	unsigned held = 0;

	if (w->nnotify == 0)
		return;
	for (unsigned i = 0; i < w->nnotify; i++)
		virtqueue_publish(&w->notify[i]->tx); /* what came home from other workers */
	/* our used indexes before the drivers' wishes: pairs with the barrier between their wish and their look */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < w->nnotify; i++) {
		struct nic_queue *q = w->notify[i];

		if (!q->tx.broken && virtqueue_wants_call(&q->tx))
			(void)call(q->tx.call_fd);
		if (!all && !q->rx.broken && !due(w, q)) {
			w->notify[held++] = q;
			continue;
		}
		q->to_notify = false;
		q->mod.frames = 0;
		if (!q->rx.broken && virtqueue_wants_call(&q->rx) && call(q->rx.call_fd))
			count(&q->cnt->c.rx_notifications, 1);
	}
	w->nnotify = held;
}
