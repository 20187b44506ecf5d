/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long it takes from asleep to delivered: one frame after a silence long enough for the switch to fall asleep,
 * again and again, timed from before it is made available to when it lies in the receiver's ring. With opt.peer_core in
 * turn with the machine's own share of that: after the same silence a thread of ours on that CPU, asleep in epoll as
 * the switch is, is woken by an event descriptor as the switch is, and answers through memory at once. Prints one line
 * of key=value words.
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

struct times {
	double *took; /* seconds; room for opt.wake */
	unsigned n, lost;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct times times(void)
{
	struct times t = { calloc(opt.wake, sizeof *t.took), 0, 0 };

	if (!t.took)
		die("no memory for the times of", opt.label);
	return t;
}

/* Seconds, or a negative number: nothing came. */
static void add(struct times *t, double took)
{
	if (took >= 0)
		t->took[t->n++] = took;
	else
		t->lost++;
}

static void print_times(const char *name, struct times *t)
{
	qsort(t->took, t->n, sizeof *t->took, by_value);
	(void)printf(" %s_lost=%u", name, t->lost);
	if (t->n)
		(void)printf(" %s_min_us=%.2f %s_p50_us=%.2f %s_p90_us=%.2f %s_p99_us=%.2f %s_max_us=%.2f", name,
			     t->took[0] * 1e6, name, t->took[t->n / 2] * 1e6, name, t->took[t->n * 9 / 10] * 1e6, name,
			     t->took[t->n * 99 / 100] * 1e6, name, t->took[t->n - 1] * 1e6);
	free(t->took);
}

/* ---- through the switch ---- */

static double wake_switch(struct port *from, struct port *to)
{
	uint64_t begin = cycles(), limit = (uint64_t)(LOST_S * cycles_per_s);

	if (!tx_burst(from, 1))
		fail(from->front.path, "the switch does not give sent buffers back");
	do {
		if (rx_turn(&to, 1))
			return (double)(cycles() - begin) / cycles_per_s;
		relax();
	} while (!stopped() && cycles() - begin < limit);
	return -1;
}

/* ---- the machine alone ---- */

struct sleeper {
	pthread_t thread;
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

static double wake_thread(struct sleeper *s)
{
	uint64_t begin = cycles(), limit = (uint64_t)(LOST_S * cycles_per_s);
	unsigned answers = atomic_load_explicit(&s->answers, memory_order_relaxed);

	wake(s);
	while (!stopped() && cycles() - begin < limit) {
		if (atomic_load_explicit(&s->answers, memory_order_acquire) != answers)
			return (double)(cycles() - begin) / cycles_per_s;
		relax();
	}
	return -1;
}

static void start(struct sleeper *s)
{
	struct epoll_event e = { .events = EPOLLIN };

	*s = (struct sleeper){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
			       .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (s->epoll_fd < 0 || s->event_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->event_fd, &e) < 0)
		die("can't make", "a descriptor to sleep on");
	errno = pthread_create(&s->thread, NULL, sleep_and_answer, s);
	if (errno)
		die("can't start", "a thread");
}

static void finish(struct sleeper *s)
{
	atomic_store(&s->over, true);
	wake(s);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->event_fd);
	(void)close(s->epoll_fd);
}

/* ---- both ---- */

void measure_wake(void)
{
	struct port *from = gen.tx[0], *to = gen.rx[0] == from && gen.nrx > 1 ? gen.rx[1] : gen.rx[0];
	struct times through = times(), alone = times();
	const bool both = opt.peer_core >= 0;
	struct sleeper s;
	unsigned kicks = 0;

	if (both)
		start(&s);
	(void)rx_turn(gen.vm_rx, gen.nvm_rx);
	for (unsigned i = 0; i < opt.wake && !stopped(); i++) {
		(void)usleep((useconds_t)opt.gap_us);
		kicks += ring_wants_kick(&from->front.q[TX]);
		add(&through, wake_switch(from, to));
		if (!both)
			continue;
		(void)usleep((useconds_t)opt.gap_us);
		add(&alone, wake_thread(&s));
	}
	if (both)
		finish(&s);
	(void)printf("vugen label=%s size=%u wakes=%u gap_us=%.0f kicked_pct=%.1f", opt.label, opt.size, opt.wake,
		     opt.gap_us, 100.0 * kicks / opt.wake);
	print_times("wake", &through);
	print_times("alone", &alone);
	(void)printf("\n");
	(void)fflush(stdout);
}
