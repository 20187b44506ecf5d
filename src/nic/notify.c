/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts to VMs: at the end of a turn, for the rings in which something was published, if moderation says that it
 * is time and their drivers want one. One full fence serves all of them. Worker only.
 */
#include <errno.h>
#include <unistd.h>

#include "nic/moderate.h"
#include "nic/tap.h"

void notify_later(struct worker *w, struct nic_queue *q)
{
	if (q->to_notify)
		return;
	q->to_notify = true;
	w->notify[w->nnotify++] = q;
}

static bool call(struct virtqueue *vq)
{
	const uint64_t one = 1;

	/* an eventfd that is full has been signalled already, and one that is gone has no listener */
	if (vq->call_fd < 0)
		return false;
	if (write(vq->call_fd, &one, sizeof one) == sizeof one)
		return true;
	if (errno == EINTR) /* only a descriptor made blocking and filled up gets here (nic_engine_watch) */
		virtqueue_break(vq, "its interrupt descriptor blocks");
	return false;
}

static struct moderate_level level_of(const struct nic_queue *q)
{
	return (struct moderate_level){
		.level = __atomic_load_n(&q->vport->moderation, __ATOMIC_RELAXED),
		.own = __atomic_load_n(&q->vport->moderation_own, __ATOMIC_RELAXED),
	};
}

static bool due(struct worker *w, struct nic_queue *q)
{
	const struct moderate_level level = level_of(q);

	return q->mod.frames == 0 || moderate_due(&q->mod, &level, w->now, w->engine->cycles_per_us);
}

uint64_t notify_due(const struct worker *w)
{
	uint64_t first = SLEEP_FOR_EVER;

	for (unsigned i = 0; i < w->nnotify; i++) {
		const struct moderate_level level = level_of(w->notify[i]);
		uint64_t t = moderate_due_at(&w->notify[i]->mod, &level, w->engine->cycles_per_us);

		if (t < first)
			first = t;
	}
	return first;
}

/* The VM was interrupted for received frames. */
static void count_call(struct worker *w, struct nic_queue *q)
{
	count(&q->cnt->c.rx_notifications, 1);
	count(&q->cnt->c.notify_delay[moderate_class(&q->mod, w->now, w->engine->cycles_per_us)], 1);
	if (!q->rx.packed) {
		uint32_t seen = split_progress(&q->rx);

		count(&q->cnt->c.rx_spurious_notifications, seen == q->call_seen);
		q->call_seen = seen;
	}
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
		bool called;

		if (!q->tx.broken && virtqueue_wants_call(&q->tx) && call(&q->tx))
			count(&q->cnt->c.tx_notifications, 1);
		if (!all && !q->rx.broken && !due(w, q)) {
			w->notify[held++] = q;
			continue;
		}
		q->to_notify = false;
		called = !q->rx.broken && virtqueue_wants_call(&q->rx) && call(&q->rx);
		if (called)
			count_call(w, q);
		q->mod.frames = 0;
		if (__builtin_expect(q->traced, 0))
			tap_notified(w, q, called);
		if (__builtin_expect(q->rx.broken || q->tx.broken, 0))
			engine_report_broken(w, q);
	}
	w->nnotify = held;
}
