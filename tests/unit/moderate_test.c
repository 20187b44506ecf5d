/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupt moderation with a clock of the test's own: 1,000 cycles a microsecond. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "nic/moderate.h"

#define US 1000ull

/* Frames at `rate` a second for 10 ms; returns the greatest delay of a frame in µs and counts the interrupts. */
static uint64_t run(enum nic_moderation level, unsigned rate, unsigned *calls)
{
	struct moderation m = { 0 };
	uint64_t worst = 0, step = 1000000000ull / rate, next = 0;

	*calls = 0;
	for (uint64_t now = 0; now < 10000 * US; now += US / 2) { /* a turn each half microsecond */
		for (; next <= now; next += step)
			moderate_published(&m, 1, now);
		if (m.frames && moderate_due(&m, level, now, US)) {
			uint64_t waited = (now - m.first) / US;

			if (now > 1000 * US && waited > worst) /* the rate is known by then */
				worst = waited;
			m.frames = 0;
			(*calls)++;
		}
	}
	return worst;
}

static void test_levels(void **s)
{
	unsigned calls;

	(void)s;
	assert_int_equal(run(NIC_MODERATION_OFF, 100000, &calls), 0);
	assert_in_range(calls, 999, 1001); /* one a frame */
	assert_int_equal(run(NIC_MODERATION_LOW, 100000, &calls), 20);
	assert_in_range(calls, 300, 345);
	assert_int_equal(run(NIC_MODERATION_MEDIUM, 100000, &calls), 50);
	assert_in_range(calls, 160, 175);
	assert_int_equal(run(NIC_MODERATION_HIGH, 100000, &calls), 100);
	assert_in_range(calls, 90, 95);
}

static void test_frames_end_the_wait(void **s)
{
	unsigned calls;

	(void)s;
	assert_in_range(run(NIC_MODERATION_HIGH, 10000000, &calls), 15, 16); /* 160 frames at 10 a microsecond */
	assert_in_range(run(NIC_MODERATION_LOW, 10000000, &calls), 3, 4);
}

static void test_adaptive_has_offs_latency_and_highs_interrupts(void **s)
{
	unsigned calls, off;

	(void)s;
	assert_int_equal(run(NIC_MODERATION_ADAPTIVE, 20000, &calls), 0);
	(void)run(NIC_MODERATION_OFF, 20000, &off);
	assert_int_equal(calls, off);
	assert_int_equal(run(NIC_MODERATION_ADAPTIVE, 200000, &calls), 20);
	assert_int_equal(run(NIC_MODERATION_ADAPTIVE, 1000000, &calls), 50);
	(void)run(NIC_MODERATION_OFF, 1000000, &off);
	assert_true(calls * 25 < off);
	assert_int_equal(run(NIC_MODERATION_UNDEFINED, 20000, &calls), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_frames_end_the_wait),
		cmocka_unit_test(test_adaptive_has_offs_latency_and_highs_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
