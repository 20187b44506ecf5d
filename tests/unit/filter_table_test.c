/* SPDX-License-Identifier: BSD-3-Clause */
/* The filter table against a list that is searched from end to end: whatever comes and goes, both find the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nic/filter.h"

#define KEYS 300u

static uint64_t keys[KEYS], values[KEYS]; /* value 0: not in the table */

/* MACs close to each other and far apart; each third key has any VLAN. */
static void begin(void)
{
	for (unsigned i = 0; i < KEYS; i++) {
		keys[i] = filter_key((i % 2 ? 0x525400000000ull : 0x02ull) + (uint64_t)(i / 2) * (i % 5 + 1) * 0x010000ull + i,
				     i % 3 == 0 ? FILTER_VLAN_ANY : i % 4094 + 1);
		values[i] = 0;
	}
}

static void check(const struct filter_table *t)
{
	uint32_t used = 0, tombs = 0, anys = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		uint64_t value = 0;

		assert_int_equal(filter_lookup(t, keys[i], &value), values[i] != 0);
		assert_int_equal(value, values[i]);
		used += values[i] != 0;
		anys += values[i] && i % 3 == 0;
	}
	assert_int_equal(t->used, used);
	assert_int_equal(t->anys, anys);
	used = 0;
	for (uint64_t i = 0; i <= t->mask; i++) {
		used += t->e[i].key & FILTER_KEY_USED ? 1 : 0;
		tombs += t->e[i].key == FILTER_KEY_TOMB;
	}
	assert_int_equal(t->used, used);
	assert_int_equal(t->tombs, tombs);
	assert_int_equal(filter_table_has_room(t), 2 * (used + tombs + 1) <= t->mask + 1);
}

/* A table has twice the entries asked for, a power of two and at least 64, and begins at a line. */
static void sizes(void **state)
{
	static const struct {
		uint32_t capacity;
		uint64_t entries;
	} rows[] = { { 0, 64 }, { 32, 64 }, { 33, 128 }, { 64, 128 }, { 65, 256 }, { 100000, 262144 } };

	(void)state;
	begin();
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct filter_table *t = filter_table_new(rows[r].capacity);

		assert_non_null(t);
		assert_int_equal(t->mask + 1, rows[r].entries);
		assert_int_equal((uint64_t)1 << (64 - t->shift), rows[r].entries);
		assert_int_equal((uintptr_t)t->e % 64, 0);
		check(t);
		free(t);
	}
}

/* Each that is put in is found, to half the table's size; then there is no room, and a larger copy has all. */
static void filled(void **state)
{
	struct filter_table *t = filter_table_new(32), *copy;

	(void)state;
	begin();
	for (unsigned i = 0; i < 32; i++) {
		assert_true(filter_table_has_room(t));
		filter_table_put(t, keys[i], values[i] = i + 1);
		check(t);
	}
	assert_false(filter_table_has_room(t));
	filter_table_put(t, keys[7], values[7] = 77); /* another value takes no room */
	check(t);
	filter_table_remove(t, keys[9]);
	values[9] = 0;
	check(t);
	copy = filter_table_copy(t, 64);
	assert_int_equal(copy->mask, 127);
	assert_int_equal(copy->tombs, 0);
	check(copy);
	free(copy);
	free(t);
}

/* Many come and go, some of them given back at once and some later or never; a fixed order of chance. */
static void to_and_fro(void **state)
{
	uint64_t slot[KEYS];
	unsigned nslots = 0;
	uint32_t chance = 1;
	struct filter_table *t = filter_table_new(KEYS);

	(void)state;
	begin();
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i;

		chance = chance * 1664525u + 1013904223u;
		i = (chance >> 8) % KEYS;
		if (values[i]) {
			slot[nslots++] = filter_table_remove(t, keys[i]);
			values[i] = 0;
		} else if (filter_table_has_room(t)) {
			filter_table_put(t, keys[i], values[i] = step + 1);
		}
		if (nslots && (chance >> 20) % 4 == 0)
			filter_table_reclaim(t, slot[--nslots]);
		if (nslots == KEYS || !filter_table_has_room(t)) { /* as when it is made anew */
			struct filter_table *copy = filter_table_copy(t, KEYS);

			free(t);
			t = copy;
			nslots = 0;
		}
		if (step % 16 == 0)
			check(t);
	}
	free(t);
}

/* What was taken out last and given back leaves nothing behind: the table is as new. */
static void emptied(void **state)
{
	struct filter_table *t = filter_table_new(KEYS);
	uint64_t slot[KEYS];

	(void)state;
	begin();
	for (unsigned i = 0; i < KEYS; i++)
		filter_table_put(t, keys[i], i + 1);
	for (unsigned i = 0; i < KEYS; i++)
		slot[i] = filter_table_remove(t, keys[i]);
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < KEYS; i++)
			filter_table_reclaim(t, slot[i]);
	check(t);
	assert_int_equal(t->tombs, 0);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(filled),
		cmocka_unit_test(to_and_fro),
		cmocka_unit_test(emptied),
	};

	return cmocka_run_group_tests_name("filter_table", tests, NULL, NULL);
}
