/* SPDX-License-Identifier: BSD-3-Clause */
/* Rate limits with a clock of the test's own: 1,000 cycles a microsecond. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "nic/limit.h"

#define US 1000ull
#define SECOND (1000000u * US)
#define START (77 * SECOND)

static struct limit made(uint64_t frames, uint64_t frames_burst, uint64_t bytes, uint64_t bytes_burst)
{
	struct limit l = { 0 };

	bucket_set(&l.frames, frames, frames_burst, US);
	bucket_set(&l.bytes, bytes, bytes_burst, US);
	return l;
}

/* Frames of `len` bytes that pass when one is tried every `step` cycles from `from` to `to`. */
static uint64_t passed(struct limit *l, uint64_t from, uint64_t to, uint64_t step, uint32_t len)
{
	uint64_t n = 0;

	for (uint64_t now = from; now < to; now += step)
		n += limit_pass(l, now, len);
	return n;
}

static void test_off_lets_all_through(void **s)
{
	struct limit l = { 0 };

	(void)s;
	assert_int_equal(passed(&l, START, START + 1000, 1, 9000), 1000);
	assert_int_equal(limit_room(&l, START).frames, UINT32_MAX);
	assert_int_equal(limit_room(&l, START).bytes, INT32_MAX);
	assert_int_equal(l.frames.full_at, 0); /* and nothing is written */
}

static void test_burst_of_frames_exactly(void **s)
{
	static const uint64_t rate[] = { 1, 3, 7, 999, 1000000 }, burst[] = { 1, 2, 63, 1000 };

	(void)s;
	for (unsigned r = 0; r < 5; r++) {
		for (unsigned b = 0; b < 4; b++) {
			struct limit l = made(rate[r], burst[b], 0, 0);

			assert_int_equal(limit_room(&l, START).frames, burst[b]);
			for (unsigned i = 0; i < 2000; i++)
				assert_int_equal(limit_pass(&l, START, 1500), i < burst[b]);
			assert_int_equal(limit_room(&l, START).frames, 0);
		}
	}
}

static void test_rate_of_frames(void **s)
{
	struct limit l = made(1000, 10, 0, 0);

	(void)s;
	assert_int_equal(passed(&l, START, START + SECOND, US, 64), 10 + 999);
	/* what a pause brings is the burst and no more */
	assert_int_equal(limit_room(&l, START + 3600 * SECOND).frames, 10);
	l = made(3, 1, 0, 0);
	assert_in_range(passed(&l, START, START + 100 * SECOND, 100 * US, 64), 300, 301);
}

static void test_rate_of_bytes(void **s)
{
	/* 100 Gbit/s in full frames, 1 Gbit/s in short ones: within a percent */
	struct limit l = made(0, 0, 12500000000, 65536);

	(void)s;
	assert_in_range(passed(&l, START, START + SECOND / 100, 50, 1514) * 1514, 125000000 * 0.99, 125000000 * 1.01);
	l = made(0, 0, 125000000, 65536);
	assert_in_range(passed(&l, START, START + SECOND / 10, 100, 64) * 64, 12500000 * 0.99, 12500000 * 1.01);
}

static void test_frames_longer_than_the_burst_pass_and_are_paid_for(void **s)
{
	struct limit l = made(0, 0, 1000, 1);

	(void)s;
	assert_true(limit_pass(&l, START, 9000));
	assert_int_equal(limit_room(&l, START).bytes, 0);
	assert_false(limit_pass(&l, START + 8 * SECOND, 9000));
	assert_true(limit_pass(&l, START + 9 * SECOND + US, 9000));
}

static void test_both_buckets_must_have_some(void **s)
{
	struct limit l = made(1, 5, 1, 3000);

	(void)s;
	assert_true(limit_pass(&l, START, 1500));
	assert_true(limit_pass(&l, START, 1500));
	assert_false(limit_pass(&l, START, 1500));
	assert_int_equal(limit_room(&l, START).frames, 3); /* what did not pass did not pay */
	l = made(1, 1, 1, 3000);
	assert_true(limit_pass(&l, START, 1500));
	assert_false(limit_pass(&l, START, 1500));
	assert_int_equal(limit_room(&l, START).bytes, 1500);
}

static void test_whoever_waits_comes_back_in_time(void **s)
{
	struct limit l = made(1000, 100, 0, 0);

	(void)s;
	limit_take(&l, START, 100, 0);
	/* the next frame in a millisecond; there is something then and not before */
	assert_in_range(limit_due(&l, START, 250 * US), START + 1000 * US, START + 1000 * US + 2);
	assert_int_equal(limit_room(&l, START + 1000 * US - 2).frames, 0);
	assert_int_equal(limit_room(&l, limit_due(&l, START, 250 * US)).frames, 1);
	/* a fast rate: not for each frame, but for as many as the time holds */
	l = made(1000000, 10000, 0, 0);
	limit_take(&l, START, 10000, 0);
	assert_int_equal(limit_room(&l, limit_due(&l, START, 250 * US)).frames, 250);
	/* unless the bucket is full before */
	l = made(1000000, 20, 0, 0);
	limit_take(&l, START, 20, 0);
	assert_in_range(limit_due(&l, START, 250 * US), START + 20 * US, START + 20 * US + 2);
	/* of two buckets the later one */
	l = made(1000, 10, 1000, 1000);
	limit_take(&l, START, 10, 3000);
	assert_in_range(limit_due(&l, START, 0), START + 2 * SECOND, START + 2 * SECOND + 2 * SECOND / 1000);
}

static void test_a_change_begins_full(void **s)
{
	struct limit l = made(1, 10, 0, 0);

	(void)s;
	limit_take(&l, START, 10, 0);
	assert_false(limit_pass(&l, START, 64));
	bucket_set(&l.frames, 1000, 4, US);
	assert_int_equal(passed(&l, START, START + 8, 1, 64), 4);
	bucket_set(&l.frames, 0, 0, US);
	assert_int_equal(passed(&l, START, START + 1000, 1, 64), 1000);
}

static void test_extremes(void **s)
{
	struct limit l = made(LIMIT_MAX_PER_S, LIMIT_MAX_PER_S, LIMIT_MAX_PER_S, LIMIT_MAX_PER_S);

	(void)s;
	assert_int_equal(passed(&l, START, START + 1000, 1, 9216), 1000);
	l = made(1, LIMIT_MAX_PER_S, 1, LIMIT_MAX_PER_S); /* a burst of 31,000 years is cut, and is still long */
	assert_int_equal(passed(&l, START, START + 1000, 1, 9216), 1000);
	assert_int_equal(limit_default_burst(1, LIMIT_BURST_FRAMES), 64);
	assert_int_equal(limit_default_burst(1000000, LIMIT_BURST_FRAMES), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off_lets_all_through),
		cmocka_unit_test(test_burst_of_frames_exactly),
		cmocka_unit_test(test_rate_of_frames),
		cmocka_unit_test(test_rate_of_bytes),
		cmocka_unit_test(test_frames_longer_than_the_burst_pass_and_are_paid_for),
		cmocka_unit_test(test_both_buckets_must_have_some),
		cmocka_unit_test(test_whoever_waits_comes_back_in_time),
		cmocka_unit_test(test_a_change_begins_full),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
