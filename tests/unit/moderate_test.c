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
static uint64_t run_own(enum nic_moderation which, uint64_t own, unsigned rate, unsigned *calls)
{
	const struct moderate_level level = { which, own };
	struct moderation m = { 0 };
	uint64_t worst = 0, step = 1000000000ull / rate, next = 0, due = 0;

	*calls = 0;
	for (uint64_t now = 0; now < 10000 * US; now += US / 2) { /* a turn each half microsecond */
		for (; next <= now; next += step)
			due = moderate_published(&m, &level, 1, now, US);
		if (m.frames && due <= now) {
			uint64_t waited = (now - m.first) / US;

			if (now > 1000 * US && waited > worst) /* the rate is known by then */
				worst = waited;
			moderate_decided(&m, true);
			(*calls)++;
		}
	}
	return worst;
}

static uint64_t run(enum nic_moderation level, unsigned rate, unsigned *calls)
{
	return run_own(level, 0, rate, calls);
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
	unsigned calls, other;

	(void)s;
	assert_int_equal(run(NIC_MODERATION_ADAPTIVE, 20000, &calls), 0);
	(void)run(NIC_MODERATION_OFF, 20000, &other);
	assert_int_equal(calls, other); /* each at once */
	assert_int_equal(run(NIC_MODERATION_ADAPTIVE, 200000, &calls), 20);
	assert_int_equal(run(NIC_MODERATION_ADAPTIVE, 800000, &calls), 50);
	(void)run(NIC_MODERATION_ADAPTIVE, 2000000, &calls);
	(void)run(NIC_MODERATION_HIGH, 2000000, &other);
	assert_in_range(calls, other, other + 200); /* a window passes until the rate is known */
	(void)run(NIC_MODERATION_OFF, 2000000, &other);
	assert_true(calls * 50 < other);
	assert_int_equal(run(NIC_MODERATION_UNDEFINED, 20000, &calls), 0);
}

static void test_numbers_of_its_own(void **s)
{
	unsigned calls;

	(void)s;
	assert_int_equal(run_own(NIC_MODERATION_OFF, 70, 100000, &calls), 70); /* whatever the level */
	assert_int_equal(run_own(NIC_MODERATION_HIGH, 70, 100000, &calls), 70);
	assert_in_range(run_own(NIC_MODERATION_LOW, 5ull << 32 | 1000, 1000000, &calls), 4, 5); /* five frames */
	assert_in_range(calls, 1990, 2001);
}

/* How many µs a frame may wait while the rate asks for `by_rate`, after the driver declined so many times. */
static uint64_t declined(unsigned times, enum nic_moderation which, uint64_t own, uint16_t by_rate)
{
	const struct moderate_level level = { which, own };
	struct moderation m = { .delay_us = by_rate, .window = 1000 * US };

	moderate_decided(&m, true);
	for (unsigned i = 0; i < times; i++)
		moderate_decided(&m, false);
	return (moderate_published(&m, &level, 1, m.window, US) - m.first) / US;
}

static void test_who_polls_is_asked_less_often(void **s)
{
	struct moderation m = { 0 };

	(void)s;
	assert_int_equal(declined(7, NIC_MODERATION_ADAPTIVE, 0, 20), 20);
	assert_int_equal(declined(8, NIC_MODERATION_ADAPTIVE, 0, 20), 100);
	assert_int_equal(declined(8, NIC_MODERATION_UNDEFINED, 0, 50), 100);
	assert_int_equal(declined(100000, NIC_MODERATION_ADAPTIVE, 0, 20), 100);
	/* not who gets few frames, nor what was chosen for it */
	assert_int_equal(declined(100000, NIC_MODERATION_ADAPTIVE, 0, 0), 0);
	assert_int_equal(declined(8, NIC_MODERATION_LOW, 0, 20), 20);
	assert_int_equal(declined(8, NIC_MODERATION_ADAPTIVE, 70, 20), 70);
	for (unsigned i = 0; i < 8; i++)
		moderate_decided(&m, false);
	moderate_decided(&m, true);
	assert_int_equal(m.declined, 0); /* it wanted one */
}

/* To a frame: what the rate of the last window makes of adaptive, and how long a window is. */
static void test_adaptive_by_the_window(void **s)
{
	static const struct {
		uint32_t frames;
		uint64_t us;
		uint32_t delay;
	} rows[] = {
		{ 49, 1000, 0 },
		{ 50, 1000, MODERATE_LOW_US },
		{ 399, 1000, MODERATE_LOW_US },
		{ 400, 1000, MODERATE_MEDIUM_US },
		{ 999, 1000, MODERATE_MEDIUM_US },
		{ 1000, 1000, MODERATE_HIGH_US },
		{ 1000, MODERATE_WINDOW_US - 1, 77 }, /* not a whole one */
		{ 1000, MODERATE_WINDOW_US, MODERATE_HIGH_US },
		{ 0, 1000000, 0 },
	};

	(void)s;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct moderation m = { .window = 5 * US, .window_frames = rows[r].frames, .delay_us = 77 };
		const uint64_t now = (5 + rows[r].us) * US;

		moderate_measure(&m, now, US);
		assert_int_equal(m.delay_us, rows[r].delay);
		assert_int_equal(m.window, rows[r].delay == 77 ? 5 * US : now);
		assert_int_equal(m.window_frames, rows[r].delay == 77 ? rows[r].frames : 0);
	}
}

static void test_delays_are_sorted_by_length(void **s)
{
	const struct moderation m = { .first = 1000 * US };

	(void)s;
	assert_int_equal(moderate_class(&m, 1000 * US, US), 0);
	assert_int_equal(moderate_class(&m, 1010 * US, US), 1);
	assert_int_equal(moderate_class(&m, 1010 * US + 1, US), 2);
	assert_int_equal(moderate_class(&m, 1100 * US, US), 4);
	assert_int_equal(moderate_class(&m, 1500 * US, US), 6);
	assert_int_equal(moderate_class(&m, 1501 * US, US), NIC_DELAY_CLASSES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_frames_end_the_wait),
		cmocka_unit_test(test_adaptive_has_offs_latency_and_highs_interrupts),
		cmocka_unit_test(test_numbers_of_its_own),
		cmocka_unit_test(test_who_polls_is_asked_less_often),
		cmocka_unit_test(test_adaptive_by_the_window),
		cmocka_unit_test(test_delays_are_sorted_by_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
