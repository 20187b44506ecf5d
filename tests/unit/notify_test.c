/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts that are held back: some forty rings' in any order, against a list of when each is due. Time is set by hand, so that one that
 * comes too early is seen, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine_stub.h"
#include "nic/nic_priv.h"

#define RINGS 40u
#define STEPS 20000u
#define LONGEST 30u /* that an interrupt waits, in steps */

static struct ring {
	struct nic_queue q;
	uint64_t due;      /* 0: nothing is to be told */
	uint16_t avail[2]; /* the driver's flags and index */
} ring[RINGS];

static struct counters cnt;

static void begin(void)
{
	for (unsigned i = 0; i < RINGS; i++) {
		struct nic_queue *q = &ring[i].q;

		q->cnt = &cnt;
		q->rx.avail = (struct vring_avail *)(void *)ring[i].avail;
		q->rx.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_true(q->rx.call_fd >= 0);
	}
}

static void end(void)
{
	for (unsigned i = 0; i < RINGS; i++)
		(void)close(ring[i].q.rx.call_fd);
}

static uint64_t told; /* interrupts of all rings */

static uint64_t calls(const struct ring *r)
{
	uint64_t n;

	if (read(r->q.rx.call_fd, &n, sizeof n) != sizeof n)
		return 0;
	told += n;
	return n;
}

/* Each was counted, and by how long its frames had waited. */
static void check_counts(void)
{
	uint64_t delays = 0;

	for (unsigned i = 0; i < NIC_DELAY_CLASSES; i++)
		delays += cnt.c.notify_delay[i];
	assert_int_equal(cnt.c.rx_notifications, told);
	assert_int_equal(delays, told);
}

/* Those that are due, or all, have had one interrupt, the others none; the worker knows when the next is due. */
static void check(const struct worker *w, bool all)
{
	uint64_t next = SLEEP_FOR_EVER;
	unsigned wait = 0;

	for (unsigned i = 0; i < RINGS; i++) {
		struct ring *r = &ring[i];
		const bool now = r->due && (all || r->due <= w->now);

		assert_int_equal(calls(r), now);
		if (now)
			r->due = 0;
		if (r->due && r->due < next)
			next = r->due;
		wait += r->due != 0;
	}
	assert_true(w->rx_due == next);
	assert_int_equal(w->nrx_notify, wait);
}

static void test_each_in_its_time(void **state)
{
	struct worker *w = stub_engine()->w[0];

	(void)state;
	begin();
	w->now = 1;
	for (unsigned step = 0; step < STEPS; step++, w->now++) {
		for (unsigned n = (unsigned)random() % 4; n; n--) {
			struct ring *r = &ring[(unsigned)random() % RINGS];
			const uint64_t due = w->now + (unsigned)random() % LONGEST;

			if (r->due && r->due < due)
				continue; /* more frames never put it off (moderate.h) */
			r->due = due;
			r->q.rx.used_public++;
			notify_rx(w, &r->q, due);
		}
		notify_flush(w, step % 997 == 0);
		check(w, step % 997 == 0);
	}
	notify_flush(w, true);
	check(w, true);
	check_counts();
	end();
}

/* What a driver wanted is noted for the next time (moderate.h). */
static void test_declined(void **state)
{
	struct worker *w = stub_engine()->w[0];
	struct ring *r = &ring[0];

	(void)state;
	begin();
	r->avail[0] = VRING_AVAIL_F_NO_INTERRUPT;
	for (unsigned i = 1; i <= 3; i++) {
		r->q.rx.used_public++;
		notify_rx(w, &r->q, w->now);
		notify_flush(w, false);
		assert_int_equal(calls(r), 0);
		assert_int_equal(r->q.mod.declined, i);
	}
	r->avail[0] = 0;
	r->q.rx.used_public++;
	notify_rx(w, &r->q, w->now);
	notify_flush(w, false);
	assert_int_equal(calls(r), 1);
	assert_int_equal(r->q.mod.declined, 0);
	check_counts();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_in_its_time), cmocka_unit_test(test_declined) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
