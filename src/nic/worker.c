/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One worker: a thread on one CPU that owns rings and ports. Each turn it takes what other workers and control sent,
 * polls the sources that have had work lately, and finishes the burst. A source that has been silent for a while is
 * armed: the guest is asked to kick, and the source costs nothing until it does. With nothing to poll the worker sleeps
 * on descriptors.
 */
#include "nic/nic_priv.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"

#define MAX_EVENTS 64

/* ---- the list of rings: the first nactive are polled ---- */

static void swap_queues(struct worker *w, unsigned a, unsigned b)
{
	struct nic_queue *q = w->queues[a];

	w->queues[a] = w->queues[b];
	w->queues[b] = q;
	w->queues[a]->slot = a;
	w->queues[b]->slot = b;
}

static void publish_ring_counts(struct worker *w)
{
	__atomic_store_n(&w->rings, w->nqueues, __ATOMIC_RELAXED);
	__atomic_store_n(&w->rings_armed, w->nqueues - w->nactive - w->nheld, __ATOMIC_RELAXED);
	__atomic_store_n(&w->rings_held, w->nheld, __ATOMIC_RELAXED);
}

void worker_activate_queue(struct worker *w, struct nic_queue *q)
{
	if (q->active || q->held || q->stopping || q->tx.broken)
		return;
	q->active = true;
	q->last_work = w->now;
	virtqueue_kicks_off(&q->tx);
	swap_queues(w, q->slot, w->nactive++);
	publish_ring_counts(w);
}

static void deactivate_queue(struct worker *w, struct nic_queue *q)
{
	q->active = false;
	swap_queues(w, q->slot, --w->nactive);
	publish_ring_counts(w);
}

/* ---- rings that wait for tokens: neither polled nor armed, their VMs need not kick ---- */

static void find_held_due(struct worker *w)
{
	w->held_due = SLEEP_FOR_EVER;
	for (unsigned i = 0; i < w->nheld; i++)
		if (w->held[i].due < w->held_due)
			w->held_due = w->held[i].due;
}

void worker_hold_queue(struct worker *w, struct nic_queue *q, uint64_t due)
{
	if (!q->active || q->held)
		return;
	w->held[w->nheld++] = (struct held_queue){ q, due };
	__atomic_store_n(&q->held, w->nheld, __ATOMIC_RELAXED);
	if (due < w->held_due)
		w->held_due = due;
	deactivate_queue(w, q);
}

/* The last one takes the place. */
static void let_go_held(struct worker *w, struct nic_queue *q)
{
	unsigned at = q->held - 1;

	w->held[at] = w->held[--w->nheld];
	__atomic_store_n(&w->held[at].q->held, at + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&q->held, 0, __ATOMIC_RELAXED);
}

void worker_release_queue(struct worker *w, struct nic_queue *q)
{
	if (!q->held)
		return;
	let_go_held(w, q);
	find_held_due(w);
	worker_activate_queue(w, q);
	publish_ring_counts(w);
}

static void release_due_queues(struct worker *w)
{
	for (unsigned i = w->nheld; i-- > 0;) {
		struct nic_queue *q = w->held[i].q;

		if (w->held[i].due > w->now)
			continue;
		let_go_held(w, q);
		worker_activate_queue(w, q);
	}
	find_held_due(w);
	publish_ring_counts(w);
}

void worker_add_queue(struct worker *w, struct nic_queue *q)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = &q->wait };

	q->slot = w->nqueues;
	w->queues[w->nqueues++] = q;
	q->active = false;
	q->stopping = false;
	/* edge-triggered: a kick wakes us once and need not be read */
	if (q->tx.kick_fd >= 0 && epoll_ctl(w->epfd, EPOLL_CTL_ADD, q->tx.kick_fd, &ev) < 0)
		log_error("CPU %u: the kick descriptor of VPort %u can't be watched (%d): its ring is polled", w->cpu,
			  q->vport->id, errno);
	worker_activate_queue(w, q);
}

void worker_remove_queue(struct worker *w, struct nic_queue *q)
{
	if (q->tx.kick_fd >= 0)
		(void)epoll_ctl(w->epfd, EPOLL_CTL_DEL, q->tx.kick_fd, NULL);
	if (q->active)
		deactivate_queue(w, q);
	if (q->held) {
		let_go_held(w, q);
		find_held_due(w);
	}
	swap_queues(w, q->slot, --w->nqueues);
	q->slot = QUEUE_LET_GO;
	publish_ring_counts(w);
}

/*
 * A port's descriptor is watched while the port is silent. While frames flow it is polled, and nobody is to be told: the
 * kernel would go through the watchers for each frame received and, for a socket, for each frame sent.
 */
static void watch_port(struct worker *w, struct port_source *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &s->wait };

	if (s->watched)
		return;
	s->watched = true;
	if (epoll_ctl(w->epfd, EPOLL_CTL_ADD, s->port->ops->rx_fd(s->port), &ev) < 0)
		log_error("CPU %u: the descriptor of port %s can't be watched: %d", w->cpu, s->port->ops->name, errno);
}

static void unwatch_port(struct worker *w, struct port_source *s)
{
	if (s->watched)
		(void)epoll_ctl(w->epfd, EPOLL_CTL_DEL, s->port->ops->rx_fd(s->port), NULL);
	s->watched = false;
}

/* How long it may be without frames (cycles) and is polled still. A worker that never sleeps polls what costs it a look at
 * memory; what costs a system call it asks the descriptors for, with those of armed rings. */
static uint64_t port_silent(const struct worker *w, const struct port_source *s)
{
	return w->silent == SLEEP_FOR_EVER && s->port->asks_kernel ? RING_SILENT_US * w->engine->cycles_per_us : w->silent;
}

static void unwatch_busy_ports(struct worker *w)
{
	for (unsigned i = 0; i < w->nports; i++)
		if (w->ports[i]->active && w->now - w->ports[i]->last_work <= port_silent(w, w->ports[i]))
			unwatch_port(w, w->ports[i]);
}

void worker_add_port(struct worker *w, struct port_source *s)
{
	w->ports[w->nports++] = s;
	s->active = true;
	s->adopted = true;
	s->stopping = s->let_go = s->watched = false;
	s->last_work = w->now;
}

void worker_remove_port(struct worker *w, struct port_source *s)
{
	unwatch_port(w, s);
	for (unsigned i = 0; i < w->nports; i++)
		if (w->ports[i] == s)
			w->ports[i] = w->ports[--w->nports];
	s->adopted = false;
	s->let_go = true;
}

/* ---- waiting ---- */

void worker_wake(struct worker *w)
{
	const uint64_t one = 1;

	/* what was pushed before the look at `asleep`: pairs with the fence in go_to_sleep */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->asleep, __ATOMIC_RELAXED) && write(w->wakefd, &one, sizeof one) < 0 && errno != EAGAIN)
		log_error("CPU %u can't be woken: %d", w->cpu, errno);
}

static void handle_event(struct worker *w, struct waitable *wait)
{
	switch (wait->kind) {
	case WAIT_QUEUE: {
		struct nic_queue *q = (struct nic_queue *)wait;
		bool awake = q->active || q->held;

		count(&q->cnt->c.tx_kicks, 1);
		worker_activate_queue(w, q); /* before the look: a ring that breaks is reported when it is polled */
		if (awake || !virtqueue_ready(&q->tx, q->tx.last_avail))
			count(&q->cnt->c.tx_spurious_kicks, 1);
		break;
	}
	case WAIT_PORT: {
		struct port_source *s = (struct port_source *)wait;

		if (!s->active) {
			s->active = true;
			s->last_work = w->now;
		}
		break;
	}
	case WAIT_INBOX: {
		uint64_t n;

		if (read(w->wakefd, &n, sizeof n) < 0 && errno != EAGAIN)
			log_error("CPU %u: wake descriptor: %d", w->cpu, errno);
		break;
	}
	}
}

static void look_for_kicks(struct worker *w)
{
	struct epoll_event ev[MAX_EVENTS];
	int n = epoll_wait(w->epfd, ev, MAX_EVENTS, 0);

	for (int i = 0; i < n; i++)
		handle_event(w, ev[i].data.ptr);
}

static bool inboxes_empty(const struct worker *w)
{
	for (unsigned i = 0; i < w->engine->nworkers; i++)
		if (!spsc_empty(&w->inbox[i].ends) || !spsc_empty(&w->returns[i]))
			return false;
	return spsc_empty(&w->commands);
}

static void arm_silent_queues(struct worker *w, uint64_t silent)
{
	for (unsigned i = w->nactive; i-- > 0;) {
		struct nic_queue *q = w->queues[i];

		if (q->tx.kick_fd >= 0 && w->now - q->last_work > silent && virtqueue_kicks_on(&q->tx))
			deactivate_queue(w, q);
	}
}

/* Waits for descriptors, or until `due` (cycles). */
static int wait_until(struct worker *w, uint64_t due, struct epoll_event *ev)
{
	uint64_t now = cycles(), us = due > now ? (due - now) / w->engine->cycles_per_us + 1 : 0;
	struct timespec t = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };
	int n = epoll_pwait2(w->epfd, ev, MAX_EVENTS, due == SLEEP_FOR_EVER ? NULL : &t, NULL);

	if (n < 0 && errno == ENOSYS) { /* Linux before 5.11: whole milliseconds */
		int ms = us / 1000 < 3600000 ? (int)(us / 1000 + 1) : 3600000;

		n = epoll_wait(w->epfd, ev, MAX_EVENTS, due == SLEEP_FOR_EVER ? -1 : ms);
	}
	if (n == 0)
		count(&w->timed_sleeps, 1);
	return n;
}

/* Sleeps until there is something to do. Sources without a descriptor keep the worker awake; interrupts that moderation
 * holds back, rings that wait for tokens and light sleep set a timer. */
static void go_to_sleep(struct worker *w)
{
	uint64_t begin, due, look;

	notify_flush(w, false);
	due = w->held_due < w->rx_due ? w->held_due : w->rx_due;
	arm_silent_queues(w, 0);
	if ((w->nactive && !w->hold) || w->npending || w->drain)
		return;
	light_sleep_settle(&w->light, w->now);
	look = light_sleep_due(&w->light);
	due = look < due ? look : due;
	for (unsigned i = 0; i < w->nports; i++) {
		w->ports[i]->active = false;
		watch_port(w, w->ports[i]);
	}
	/* release: what was read of shared tables is done with (pairs with the acquire load in nic_quiesce) */
	__atomic_store_n(&w->asleep, true, __ATOMIC_RELEASE);
	/* our going to sleep before the look at the inboxes: pairs with the fences in worker_wake and nic_quiesce */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	begin = cycles();
	__atomic_store_n(&w->sleep_begin, begin, __ATOMIC_RELAXED);
	if (inboxes_empty(w)) {
		struct epoll_event ev[MAX_EVENTS];
		int n = wait_until(w, due, ev);

		__atomic_store_n(&w->asleep, false, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* awake before anything shared is read */
		w->now = cycles();
		for (int i = 0; i < n; i++)
			handle_event(w, ev[i].data.ptr);
		light_sleep_woken(&w->light, w->now, n > 0);
		count(&w->sleeps, 1);
	} else {
		__atomic_store_n(&w->asleep, false, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		w->now = cycles();
	}
	count(&w->sleep_cycles, w->now - begin);
}

/* ---- a turn ---- */

static unsigned run_commands(struct worker *w)
{
	void *got[8];
	unsigned room = sizeof w->pending / sizeof w->pending[0] - w->npending, n, done = 0;

	n = spsc_pop(&w->commands, got, room < 8 ? room : 8);
	for (unsigned i = 0; i < n; i++)
		w->pending[w->npending++] = got[i];
	for (unsigned i = 0; i < w->npending;) {
		struct command *c = w->pending[i];

		if (!c->run(w, c)) {
			i++;
			continue;
		}
		w->pending[i] = w->pending[--w->npending];
		__atomic_store_n(&c->finished, true, __ATOMIC_RELEASE);
		(void)sem_post(&c->done); /* c belongs to control again */
		done++;
	}
	return done;
}

static unsigned poll_queues(struct worker *w)
{
	unsigned total = 0;

	if (__builtin_expect(w->now >= w->held_due, 0))
		release_due_queues(w);
	for (unsigned i = w->nactive; i-- > 0;) {
		struct nic_queue *q = w->queues[i];
		unsigned n;

		burst_make_room(w);
		n = q->stopping ? 0 : ingress_queue(w, q);
		if (n) {
			q->last_work = w->now;
			total += n;
		} else if (__builtin_expect(q->tx.broken != NULL, 0)) {
			burst_finish(w); /* may still name it */
			deactivate_queue(w, q);
			engine_report_broken(w, q);
		}
	}
	return total;
}

static unsigned poll_ports(struct worker *w)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->nports; i++) {
		struct port_source *s = w->ports[i];
		unsigned n;

		if (!s->active || s->stopping)
			continue;
		burst_make_room(w);
		n = ingress_port(w, s);
		if (n) {
			s->last_work = w->now;
			total += n;
		} else if (w->now - s->last_work > port_silent(w, s)) {
			s->active = false;
			watch_port(w, s);
		}
	}
	return total;
}

static void wake_others(struct worker *w)
{
	handover_publish(w);
	while (w->wake_mask) {
		worker_wake(w->engine->w[__builtin_ctzll(w->wake_mask)]);
		w->wake_mask &= w->wake_mask - 1;
	}
}

static unsigned turn(struct worker *w)
{
	unsigned work = run_commands(w);

	work += arrive_inboxes(w);
	work += handover_returns(w);
	if (__builtin_expect(w->drain, 0) && w->nfree_refs == WORKER_REFS)
		w->drain = false;
	if (__builtin_expect(!w->drain, 1)) {
		do {
			work += poll_ports(w);
			if (__builtin_expect(!w->hold, 1))
				work += poll_queues(w);
		} while (burst_room(w) == 0 && burst_goes_on(w));
	}
	burst_finish(w);
	notify_flush(w, false);
	wake_others(w);
	return work;
}

void worker_set_policy(struct worker *w, enum nic_policy policy)
{
	const uint64_t us = w->engine->cycles_per_us;

	__atomic_store_n(&w->policy, policy, __ATOMIC_RELAXED);
	w->spin = policy == NIC_POLICY_POLL ? SLEEP_FOR_EVER : policy == NIC_POLICY_INTERRUPT ? 0 : WORKER_SPIN_US * us;
	w->silent = policy == NIC_POLICY_POLL ? SLEEP_FOR_EVER : policy == NIC_POLICY_INTERRUPT ? 0 : RING_SILENT_US * us;
	light_sleep_set(&w->light, w->light.mode, policy != NIC_POLICY_POLL);
	if (policy != NIC_POLICY_POLL)
		return;
	for (unsigned i = w->nactive; i < w->nqueues; i++)
		worker_activate_queue(w, w->queues[i]); /* changes places with one that was looked at already */
	for (unsigned i = 0; i < w->nports; i++)
		w->ports[i]->active = true;
}

static void pin(const struct worker *w)
{
	char name[16];
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof set, &set))
		log_warn("CPU %u: the worker can't be pinned", w->cpu);
	(void)snprintf(name, sizeof name, "vmq-cpu%u", w->cpu);
	(void)pthread_setname_np(pthread_self(), name);
}

void *worker_main(void *arg)
{
	struct worker *w = arg;
	const uint64_t look = KICK_LOOK_US * w->engine->cycles_per_us;
	uint64_t last_work;

	pin(w);
	w->now = last_work = cycles();
	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		unsigned work = turn(w);
		uint64_t t;

		/* the quiescent point: what was read of shared tables before is not used after it (pairs with nic_quiesce) */
		__atomic_store_n(&w->turn, w->turn + 1, __ATOMIC_SEQ_CST);
		t = cycles();
		count(work ? &w->busy_cycles : &w->poll_cycles, t - w->now);
		count(&w->polls, 1);
		count(&w->turns, work > 0);
		w->now = t;
		if (work)
			last_work = t;
		else
			cpu_relax();
		if (t >= w->next_look) {
			arm_silent_queues(w, w->silent);
			unwatch_busy_ports(w);
			if (w->nactive < w->nqueues || w->nports)
				look_for_kicks(w);
			w->next_look = t + look;
		}
		if (t - last_work > w->spin) {
			go_to_sleep(w);
			last_work = w->now;
		}
	}
	light_sleep_set(&w->light, NIC_LIGHT_SLEEP_OFF, false);
	return NULL;
}
