/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring between two workers, at its edges; two threads meet in it in nic_cpu_test. */
#include "nic/spsc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SIZE 8u

static char thing[64];

static struct spsc ring(unsigned from)
{
	struct spsc r;

	assert_true(spsc_init(&r, SIZE));
	r.head = r.tail = r.put = r.head_seen = from;
	return r;
}

/* The numbers of the things taken must go on from *next. */
static void take(struct spsc *r, unsigned max, unsigned want, unsigned *next)
{
	void *out[SIZE];

	assert_int_equal(spsc_pop(r, out, max), want);
	for (unsigned i = 0; i < want; i++)
		assert_ptr_equal(out[i], &thing[(*next)++]);
}

static void unseen_until_published(void **state)
{
	struct spsc r = ring(0);
	unsigned next = 0;

	(void)state;
	assert_true(spsc_put(&r, &thing[0]));
	assert_true(spsc_put(&r, &thing[1]));
	assert_true(spsc_empty(&r));
	take(&r, SIZE, 0, &next);
	spsc_publish(&r);
	assert_false(spsc_empty(&r));
	take(&r, 1, 1, &next);
	take(&r, SIZE, 1, &next);
	assert_true(spsc_empty(&r));
	spsc_fini(&r);
}

static void push_publishes_what_was_put(void **state)
{
	struct spsc r = ring(0);
	unsigned next = 0;

	(void)state;
	assert_true(spsc_put(&r, &thing[0]));
	assert_true(spsc_push(&r, &thing[1]));
	take(&r, SIZE, 2, &next);
	spsc_fini(&r);
}

/* What was put in takes room before it is seen; what was taken gives it back. */
static void full_is_full(void **state)
{
	struct spsc r = ring(UINT32_MAX - 2);
	unsigned next = 0;

	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		assert_true(spsc_put(&r, &thing[i]));
	assert_false(spsc_put(&r, &thing[SIZE]));
	assert_false(spsc_push(&r, &thing[SIZE]));
	assert_int_equal(spsc_room(&r, 4), 0);
	spsc_publish(&r);
	take(&r, 3, 3, &next);
	assert_int_equal(spsc_room(&r, 2), 2);
	assert_int_equal(spsc_room(&r, 4), 3);
	assert_true(spsc_push(&r, &thing[SIZE]));
	take(&r, SIZE, 6, &next);
	spsc_fini(&r);
}

/* From each place of the ring on, each number: over the end of the slots and over the end of the counters. */
static void rows_wrap(void **state)
{
	(void)state;
	for (unsigned from = 0; from < 2 * SIZE; from++)
		for (unsigned n = 0; n <= SIZE; n++) {
			struct spsc r = ring(UINT32_MAX - SIZE + from);
			unsigned next = 0;

			assert_int_equal(spsc_room(&r, n), n);
			for (unsigned i = 0; i < n; i++)
				assert_true(spsc_put(&r, &thing[i]));
			assert_true(spsc_empty(&r));
			spsc_publish(&r);
			take(&r, n / 2, n / 2, &next);
			take(&r, SIZE, n - n / 2, &next);
			spsc_fini(&r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unseen_until_published),
		cmocka_unit_test(push_publishes_what_was_put),
		cmocka_unit_test(full_is_full),
		cmocka_unit_test(rows_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
