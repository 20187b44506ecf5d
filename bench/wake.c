/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long it takes from asleep to delivered. Through the switch: one frame after a silence long enough for the switch
 * to fall asleep, again and again, timed from before it is made available to when it lies in the receiver's ring. And
 * the machine's own share of that: the same silence, then a thread of ours on the switch's CPU, asleep in epoll as the
 * switch is, woken by an event descriptor as the switch is, answers through memory at once. Each prints one line of
 * key=value words.
 */
#include "vugen.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOST_S 1.0

/* One wake; returns the seconds it took, or a negative number when nothing came. *kicked: the sleeper had to be told.
 */
typedef double wake_fn(void *who, bool *kicked);

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(wake_fn *once, void *who)
{
	double *took = calloc(opt.wake, sizeof *took);
	unsigned n = 0, kicks = 0, lost = 0;

	if (!took)
		die("no memory for the times of", opt.label);
	for (unsigned i = 0; i < opt.wake && !stopped(); i++) {
		bool kicked;
		double t;

		(void)usleep((useconds_t)opt.gap_us);
		t = once(who, &kicked);
		kicks += kicked;
		if (t >= 0)
			took[n++] = t;
		else
			lost++;
	}
	qsort(took, n, sizeof *took, by_value);
	if (n)
		(void)printf("vugen label=%s size=%u wakes=%u gap_us=%.0f lost=%u kicked_pct=%.1f wake_min_us=%.2f "
			     "wake_p50_us=%.2f wake_p90_us=%.2f wake_p99_us=%.2f wake_max_us=%.2f\n",
			     opt.label, opt.size, n, opt.gap_us, lost, 100.0 * kicks / (n + lost), took[0] * 1e6,
			     took[n / 2] * 1e6, took[n * 9 / 10] * 1e6, took[n * 99 / 100] * 1e6, took[n - 1] * 1e6);
	(void)fflush(stdout);
	free(took);
}

/* ---- through the switch ---- */

struct way {
	struct port *from, *to;
};

static double frame_once(void *who, bool *kicked)
{
	const struct way *w = who;
	uint64_t begin, limit = (uint64_t)(LOST_S * cycles_per_s);

	*kicked = ring_wants_kick(&w->from->q[TX]);
	begin = cycles();
	if (!tx_burst(w->from, 1))
		fail(w->from, "the switch does not give sent buffers back");
	do {
		if (rx_turn(&w->to, 1))
			return (double)(cycles() - begin) / cycles_per_s;
		relax();
	} while (!stopped() && cycles() - begin < limit);
	return -1;
}

void measure_wake(void)
{
	struct way w = { gen.tx[0], gen.rx[0] };

	if (w.to == w.from && gen.nrx > 1)
		w.to = gen.rx[1];
	(void)rx_turn(gen.vm_rx, gen.nvm_rx);
	measure(frame_once, &w);
}

/* ---- the machine alone ---- */

struct sleeper {
	int epoll_fd, event_fd;
	atomic_uint answers; /* release by the sleeper, acquire by who waits for it */
	atomic_bool over;    /* written before an event, read after it */
};

static void *sleep_and_answer(void *arg)
{
	struct sleeper *s = arg;
	struct epoll_event e;
	uint64_t n;

	pin(opt.peer_core);
	while (!atomic_load(&s->over)) {
		if (epoll_wait(s->epoll_fd, &e, 1, -1) < 1 || read(s->event_fd, &n, sizeof n) < 0)
			continue;
		atomic_fetch_add_explicit(&s->answers, 1, memory_order_release);
	}
	return NULL;
}

static void wake(const struct sleeper *s)
{
	const uint64_t one = 1;

	if (write(s->event_fd, &one, sizeof one) < 0)
		die("can't wake", "a thread");
}

static double thread_once(void *who, bool *kicked)
{
	struct sleeper *s = who;
	uint64_t begin = cycles(), limit = (uint64_t)(LOST_S * cycles_per_s);
	unsigned answers = atomic_load_explicit(&s->answers, memory_order_relaxed);

	*kicked = true;
	wake(s);
	while (!stopped() && cycles() - begin < limit) {
		if (atomic_load_explicit(&s->answers, memory_order_acquire) != answers)
			return (double)(cycles() - begin) / cycles_per_s;
		relax();
	}
	return -1;
}

void measure_floor(void)
{
	struct sleeper s = { epoll_create1(EPOLL_CLOEXEC), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 0, false };
	struct epoll_event e = { .events = EPOLLIN };
	pthread_t thread;

	if (s.epoll_fd < 0 || s.event_fd < 0 || epoll_ctl(s.epoll_fd, EPOLL_CTL_ADD, s.event_fd, &e) < 0)
		die("can't make", "a descriptor to sleep on");
	errno = pthread_create(&thread, NULL, sleep_and_answer, &s);
	if (errno)
		die("can't start", "a thread");
	measure(thread_once, &s);
	atomic_store(&s.over, true);
	wake(&s);
	(void)pthread_join(thread, NULL);
	(void)close(s.event_fd);
	(void)close(s.epoll_fd);
}
