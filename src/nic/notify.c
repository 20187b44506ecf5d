/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts to VMs: at the end of a turn, for the rings in which something was published, if moderation says that it
 * is time and their drivers want one. One full fence serves all of them. Worker only.
 */
#include <errno.h>
#include <unistd.h>

#include "nic/moderate.h"
#include "nic/tap.h"

void notify_tx(struct worker *w, struct nic_queue *q)
{
	if (q->tx_noted)
		return;
	q->tx_noted = true;
	w->tx_notify[w->ntx_notify++] = q;
}

void notify_rx(struct worker *w, struct nic_queue *q, uint64_t due)
{
	if (!q->rx_noted) {
		w->rx_notify[w->nrx_notify++].q = q;
		q->rx_noted = w->nrx_notify;
	}
	w->rx_notify[q->rx_noted - 1].due = due;
	if (due < w->rx_due)
		w->rx_due = due;
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

static void flush_tx(struct worker *w)
{
	for (unsigned i = 0; i < w->ntx_notify; i++) {
		struct nic_queue *q = w->tx_notify[i];

		q->tx_noted = false;
		if (!q->tx.broken && virtqueue_wants_call(&q->tx) && call(&q->tx))
			count(&q->cnt->c.tx_notifications, 1);
		if (__builtin_expect(q->tx.broken != NULL, 0))
			engine_report_broken(w, q);
	}
	w->ntx_notify = 0;
}

static void flush_rx(struct worker *w, bool all)
{
	w->rx_due = SLEEP_FOR_EVER;
	for (unsigned i = 0; i < w->nrx_notify;) {
		struct rx_notify *n = &w->rx_notify[i];
		struct nic_queue *q = n->q;
		bool called;

		if (!all && n->due > w->now) {
			if (n->due < w->rx_due)
				w->rx_due = n->due;
			i++;
			continue;
		}
		*n = w->rx_notify[--w->nrx_notify]; /* those that wait are not touched, but for one */
		n->q->rx_noted = i + 1;
		q->rx_noted = 0;
		called = !q->rx.broken && virtqueue_wants_call(&q->rx) && call(&q->rx);
		if (called)
			count_call(w, q);
		moderate_decided(&q->mod, called);
		if (__builtin_expect(q->traced, 0))
			tap_notified(w, q, called);
		if (__builtin_expect(q->rx.broken != NULL, 0))
			engine_report_broken(w, q);
	}
}

void notify_flush(struct worker *w, bool all)
{
	const bool rx = w->nrx_notify && (all || w->rx_due <= w->now);

	if (w->ntx_notify == 0 && !rx)
		return;
	for (unsigned i = 0; i < w->ntx_notify; i++)
		virtqueue_publish(&w->tx_notify[i]->tx); /* what came home from other workers */
	/* our used indexes before the drivers' wishes: pairs with the barrier between their wish and their look */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flush_tx(w);
	if (rx)
		flush_rx(w, all);
}
