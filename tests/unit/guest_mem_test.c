/* SPDX-License-Identifier: BSD-3-Clause */
/* A VM's memory as a table of slots: which tables there can be, and that nothing before, between or behind the slots is given. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vring/guest_mem.h"

#define SIZE 0x1000u
#define TOP  (UINT64_MAX - SIZE + 1) /* SIZE bytes before the end of all addresses */

static uint8_t host[4 * SIZE];

static struct guest_mem_slot slot(uint64_t gpa, uint64_t size, unsigned at)
{
	return (struct guest_mem_slot){ .gpa = gpa, .size = size, .uva = 0x70000000 + gpa, .host = host + at * SIZE };
}

static void tables(void **state)
{
	static const struct {
		struct guest_mem_slot slot[3];
		uint32_t n;
		bool refused;
	} rows[] = {
		{ { { 0 } }, 0, false },
		{ { { .gpa = 0, .size = 0 } }, 1, true },
		{ { { .gpa = 0, .size = 1 } }, 1, false },
		{ { { .gpa = SIZE, .size = UINT64_MAX - SIZE } }, 1, false },
		{ { { .gpa = TOP, .size = SIZE } }, 1, true }, /* ends where addresses end: gpa + size wraps */
		{ { { .gpa = TOP, .size = SIZE - 1 } }, 1, false },
		{ { { .gpa = 0, .size = SIZE }, { .gpa = SIZE, .size = SIZE } }, 2, false },
		{ { { .gpa = 0, .size = SIZE + 1 }, { .gpa = SIZE, .size = SIZE } }, 2, true },
		{ { { .gpa = SIZE, .size = SIZE }, { .gpa = SIZE, .size = SIZE } }, 2, true },
		{ { { .gpa = 2 * SIZE, .size = SIZE }, { .gpa = 0, .size = SIZE }, { .gpa = SIZE, .size = SIZE } }, 3, false },
		{ { { .gpa = 2 * SIZE, .size = SIZE }, { .gpa = 0, .size = SIZE }, { .gpa = SIZE, .size = SIZE + 1 } }, 3, true },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct guest_mem *m;

		errno = 0;
		m = guest_mem_new(rows[r].slot, rows[r].n);
		assert_int_equal(m == NULL, rows[r].refused);
		assert_int_equal(errno == EINVAL, rows[r].refused);
		for (uint32_t i = 0; m && i < rows[r].n; i++)
			assert_true(i == 0 || m->slot[i].gpa > m->slot[i - 1].gpa);
		free(m);
	}
}

static void as_many_as_there_may_be(void **state)
{
	struct guest_mem_slot *s = calloc(GUEST_MEM_MAX_SLOTS + 1, sizeof *s);
	struct guest_mem *m;
	uint32_t hint = 0;

	(void)state;
	assert_non_null(s);
	for (uint32_t i = 0; i <= GUEST_MEM_MAX_SLOTS; i++)
		s[i] = (struct guest_mem_slot){ .gpa = (uint64_t)i << 32, .size = 16 + i, .host = host + i };
	assert_null(guest_mem_new(s, GUEST_MEM_MAX_SLOTS + 1));
	assert_int_equal(errno, E2BIG);
	m = guest_mem_new(s, GUEST_MEM_MAX_SLOTS);
	assert_non_null(m);
	assert_int_equal(m->nslots, GUEST_MEM_MAX_SLOTS);
	for (uint32_t i = 0; i < GUEST_MEM_MAX_SLOTS; i++) {
		assert_ptr_equal(guest_mem_find(m, s[i].gpa, &hint), &m->slot[i]);
		assert_int_equal(hint, i);
		assert_ptr_equal(guest_mem_find(m, s[i].gpa + 15 + i, &hint), &m->slot[i]);
		assert_null(guest_mem_find(m, s[i].gpa + 16 + i, &hint));
		assert_null(guest_mem_find(m, s[i].gpa - 1, &hint));
		hint = UINT32_MAX - i; /* a slot of a larger table */
	}
	free(m);
	free(s);
}

/* Each first and last byte, from either hint; two slots that touch, one apart, one whose memory is elsewhere. */
static void bytes(void **state)
{
	const struct guest_mem_slot s[] = { slot(0x10000, SIZE, 2), slot(0x11000, SIZE, 0), slot(0x20000, 8, 3) };
	static const struct {
		uint64_t gpa;
		uint32_t len, got;
		int at; /* in host memory; -1: nowhere */
	} rows[] = {
		{ 0x10000, 1, 1, 2 * SIZE },
		{ 0x10000, SIZE, SIZE, 2 * SIZE },
		{ 0x10000, SIZE + 1, SIZE, 2 * SIZE },
		{ 0x10FFF, 1, 1, 3 * SIZE - 1 },
		{ 0x10FFF, 2, 1, 3 * SIZE - 1 },
		{ 0x11000, 2, 2, 0 },
		{ 0x11FFF, UINT32_MAX, 1, SIZE - 1 },
		{ 0x0FFFF, 1, 0, -1 },
		{ 0x12000, 1, 0, -1 },
		{ 0x1FFFF, 2, 0, -1 },
		{ 0x20007, 1, 1, 3 * SIZE + 7 },
		{ 0x20008, 1, 0, -1 },
		{ 0x10000, 0, 0, -1 },
		{ UINT64_MAX, 2, 0, -1 },
		{ 0, 1, 0, -1 },
	};
	struct guest_mem *m = guest_mem_new(s, 3);

	(void)state;
	assert_non_null(m);
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
		for (uint32_t first = 0; first <= 3; first++) {
			uint32_t len = rows[r].len, hint = first;
			struct guest_mem_near near = guest_mem_near(m, first % 3);
			void *p = guest_mem_at(m, rows[r].gpa, &len, &hint);
			const bool whole = rows[r].at >= 0 && rows[r].got == rows[r].len, in = rows[r].gpa - near.gpa < near.size;

			assert_ptr_equal(p, rows[r].at < 0 ? NULL : host + rows[r].at);
			if (p)
				assert_int_equal(len, rows[r].got);
			if (rows[r].len) /* in one slot, or not at all */
				assert_ptr_equal(guest_mem_in(&near, rows[r].gpa, rows[r].len), whole && in ? p : NULL);
		}
	free(m);
}

/* By the front-end's own addresses: all of it in one slot. */
static void front_ends_bytes(void **state)
{
	const struct guest_mem_slot s[] = { slot(0x10000, SIZE, 0), slot(0x11000, SIZE, 1), slot(0x20000, 8, 3) };
	static const struct {
		uint64_t gpa, len;
		int at;
	} rows[] = {
		{ 0x10000, SIZE, 0 },	   { 0x10001, SIZE, -1 },	 { 0x11000, 1, SIZE },	 { 0x11FFF, 1, 2 * SIZE - 1 },
		{ 0x12000, 1, -1 },	   { 0x0FFFF, 1, -1 },		 { 0x20000, 8, 3 * SIZE }, { 0x20000, 9, -1 },
		{ 0x20007, 1, 3 * SIZE + 7 }, { 0x20004, UINT64_MAX, -1 }, { 0x20004, 5, -1 },	 { 0x20004, 4, 3 * SIZE + 4 },
	};
	struct guest_mem *m = guest_mem_new(s, 3);

	(void)state;
	assert_non_null(m);
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
		assert_ptr_equal(guest_mem_at_uva(m, 0x70000000 + rows[r].gpa, rows[r].len), rows[r].at < 0 ? NULL : host + rows[r].at);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(as_many_as_there_may_be),
		cmocka_unit_test(bytes),
		cmocka_unit_test(front_ends_bytes),
	};

	return cmocka_run_group_tests_name("guest_mem", tests, NULL, NULL);
}
