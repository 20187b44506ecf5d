/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compares vmq/ndis.h, number by number, with what mingw-w64's ntddndis.h says (a file of numbers given as the
 * argument) and, for what that lacks, with spec/20-structures.md (layout_own.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <vmq/ndis.h>

#include "layout_numbers.h"
#include "layout_own.h"

static const struct layout_number ours[] = LAYOUT_NUMBERS;

#define NAME_S(s)    "sizeof and alignment of " #s,
#define NAME_M(s, m) "offset and size of " #s "." #m,
#define NAME_C(c)    #c,
static const char *const names[] = { LAYOUT_STRUCTURES(NAME_S) LAYOUT_MEMBERS(NAME_M)
					 LAYOUT_CONSTANTS(NAME_C) "the end" };

#define COUNT (sizeof ours / sizeof ours[0])

static const char *numbers_file;

static void same_as_mingw(void **state)
{
	static struct layout_number theirs[COUNT];
	FILE *f = fopen(numbers_file, "rb");
	unsigned bad = 0;
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(theirs, sizeof theirs[0], COUNT, f);
	(void)fclose(f);
	assert_int_equal(n, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		if (theirs[i].first == ours[i].first && theirs[i].second == ours[i].second)
			continue;
		bad++;
		print_error("%s: mingw 0x%llx %llu, ours 0x%llx %llu\n", names[i], (unsigned long long)theirs[i].first,
			    (unsigned long long)theirs[i].second, (unsigned long long)ours[i].first,
			    (unsigned long long)ours[i].second);
	}
	assert_int_equal(bad, 0);
	print_message("%zu structures, members and constants agree with mingw-w64\n", COUNT - 1);
}

static void same_as_spec(void **state)
{
	(void)state;
#define CHECK_S(s, size) assert_int_equal(sizeof(s), size);
#define CHECK_M(s, m, offset, size)                                                                                    \
	assert_int_equal(offsetof(s, m), offset);                                                                      \
	assert_int_equal(sizeof(((s *)0)->m), size);
#define CHECK_C(c, value) assert_int_equal((uint32_t)(c), (uint32_t)(value));
	LAYOUT_OWN_STRUCTURES(CHECK_S)
	LAYOUT_OWN_MEMBERS(CHECK_M)
	LAYOUT_OWN_CONSTANTS(CHECK_C)
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_mingw),
		cmocka_unit_test(same_as_spec),
	};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s NUMBERS\n", argv[0]);
		return 2;
	}
	numbers_file = argv[1];
	return cmocka_run_group_tests_name("spec20_layout", tests, NULL, NULL);
}
