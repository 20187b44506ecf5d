/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VLANs of a trunk, by the stack over the real keeper and a driver that only takes notes: which filters a VPort's addresses
 * get and lose, in which order, and that all are what they were when one step of it is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack_stub.h"

static struct stub s;
static struct stack_error e;

static int setup(void **state)
{
	(void)state;
	stub_start(&s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stub_stop(&s);
	return 0;
}

static struct stack_vlan vlan(const char *text)
{
	if (*text == 'u')
		return (struct stack_vlan){ STACK_VLAN_UNTAGGED, 0 };
	if (*text == 'a')
		return (struct stack_vlan){ STACK_VLAN_ANY, 0 };
	return (struct stack_vlan){ STACK_VLAN_ID, (uint16_t)atoi(text) };
}

static const char *vlan_text(const struct stack_vlan *v)
{
	static char text[8];

	(void)snprintf(text, sizeof text, "%u", v->id);
	return v->kind == STACK_VLAN_UNTAGGED ? "u" : v->kind == STACK_VLAN_ANY ? "any" : text;
}

/* A set from words: "u 7 any". */
static struct stack_vlans set_of(const char *words)
{
	struct stack_vlans set = { .any = false };
	char text[64], *rest = text;

	(void)snprintf(text, sizeof text, "%s", words);
	for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
		struct stack_vlan v = vlan(word);

		stack_vlans_put(&set, &v);
	}
	return set;
}

static void sets(void **state)
{
	static const struct {
		const char *put, *has;
	} rows[] = {
		{ "", "" },
		{ "u", "u" },
		{ "any", "any" },
		{ "any 4094 64 63 1 u", "u 1 63 64 4094 any" },
		{ "7 7 7", "7" },
	};
	static struct stack_vlan list[STACK_VLANS];
	struct stack_vlans all = set_of("u any");

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct stack_vlans set = set_of(rows[r].put);
		size_t n = stack_vlans_list(&set, list), len = 0;
		char text[64] = "";

		for (size_t i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", vlan_text(&list[i]));
		assert_string_equal(text, rows[r].has);
		assert_int_equal(stack_vlans_list(&set, NULL), n);
	}
	for (uint16_t id = 1; id < 4095; id++)
		stack_vlans_put(&all, &(struct stack_vlan){ STACK_VLAN_ID, id });
	assert_int_equal(stack_vlans_list(&all, list), STACK_VLANS);
	assert_int_equal(list[STACK_VLANS - 2].id, 4094);
}

/* ---- a VPort's filters ---- */

static void add_filter(struct stack_vport *v, uint8_t first, uint8_t last, const char *vlans, bool broadcast)
{
	struct stack_filter_want f = { .mac = { first, 0, 0, 0, 0, last }, .broadcast = broadcast, .vlan = vlan(vlans) };
	struct stack_filter_info made[STACK_FILTERS_MADE];
	unsigned n;

	if (stack_filter_add(v, &f, made, &n, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
}

static struct stack_vport *add_vport(void)
{
	struct stack_vport_want w = { .name = "a", .socket = "/run/a.sock", .queue_pairs = 1, .moderation = 1, .cpu_given = true, .cpu = 2 };
	struct stack_vport *v = NULL;

	if (stack_vport_add(s.adapter, &w, &v, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	return v;
}

/* One of each kind: an address with its broadcast filter, one without, a group's. */
static struct stack_vport *with_three(void)
{
	struct stack_vport *v = add_vport();

	add_filter(v, 2, 1, "7", true);
	add_filter(v, 2, 2, "7", false);
	add_filter(v, 1, 9, "8", false);
	s.log[0] = s.events[0] = '\0';
	return v;
}

/* Those that others bring last, by VLAN: which numbers they have is nobody's affair. */
static int for_reading(const void *a, const void *b)
{
	const struct stack_filter_info *x = a, *y = b;

	if (x->companion != y->companion)
		return x->companion - y->companion;
	if (!x->companion)
		return (int)x->id - (int)y->id;
	return x->vlan.kind != y->vlan.kind ? (int)x->vlan.kind - (int)y->vlan.kind : (int)x->vlan.id - (int)y->vlan.id;
}

/* All filters as "ID:LAST-BYTE/VLAN", with a + that bring a broadcast filter; "ff/VLAN" those that are brought. */
static const char *filters(struct stack_vport *v)
{
	static char line[1024];
	struct stack_filter_info *f;
	size_t n, len = 0;

	assert_int_equal(stack_filter_list(s.adapter, v, &f, &n, &e), 0);
	qsort(f, n, sizeof *f, for_reading);
	line[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (f[i].companion)
			len += (size_t)snprintf(line + len, sizeof line - len, "%sff/%s", i ? " " : "", vlan_text(&f[i].vlan));
		else
			len += (size_t)snprintf(line + len, sizeof line - len, "%s%u:%02x/%s%s", i ? " " : "", f[i].id,
						f[i].mac[5], vlan_text(&f[i].vlan), f[i].broadcast ? "+" : "");
	}
	free(f);
	return line;
}

static int turn(struct stack_vport *v, const char *vlans)
{
	struct stack_vport_change c = { .set_vlans = true, .vlans = set_of(vlans) };

	return stack_vport_set(v, &c, &e);
}

#define THREE "1:01/7+ 3:02/7 4:09/8 ff/7"

/* Each address once in each VLAN; what stays is not touched, and what is missing is there before anything is cleared. */
static void turns(void **state)
{
	static const struct {
		const char *to, *filters, *log;
	} rows[] = {
		{ "7 8", "1:01/7+ 3:02/7 4:09/8 5:09/7 6:01/8+ 8:02/8 ff/7 ff/8",
		  "SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1)" },
		{ "8", "4:09/8 5:01/8+ 7:02/8 ff/8",
		  "SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) CLEAR_FILTER(2) CLEAR_FILTER(1) CLEAR_FILTER(3)" },
		{ "u any", "5:09/u 6:09/any 7:01/u+ 9:01/any+ 11:02/u 12:02/any ff/u ff/any",
		  "SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) "
		  "CLEAR_FILTER(4) CLEAR_FILTER(2) CLEAR_FILTER(1) CLEAR_FILTER(3)" },
	};
	struct stack_vport *v;

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		if (r)
			stub_stop(&s), stub_start(&s);
		v = with_three();
		assert_string_equal(filters(v), THREE);
		assert_int_equal(turn(v, rows[r].to), 0);
		assert_string_equal(filters(v), rows[r].filters);
		assert_string_equal(s.log, rows[r].log);
		s.log[0] = '\0';
		assert_int_equal(turn(v, rows[r].to), 0); /* so it is */
		assert_string_equal(s.log, "");
	}
}

/* A VPort of one address, from one VLAN test to another: each is another, any and untagged, too. */
static void one_address(void **state)
{
	static const char *const turns[] = { "any", "u", "4094", "any", "u any", "any", "7" };
	struct stack_vport *v = add_vport();

	(void)state;
	add_filter(v, 2, 1, "u", true);
	for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
		struct stack_filter_info *f;
		struct stack_vlans is = { .any = false }, to = set_of(turns[i]);
		size_t n;

		assert_int_equal(turn(v, turns[i]), 0);
		assert_int_equal(stack_filter_list(s.adapter, v, &f, &n, &e), 0);
		assert_int_equal(n, 2 * stack_vlans_list(&to, NULL)); /* each with its broadcast filter */
		for (size_t k = 0; k < n; k++)
			stack_vlans_put(&is, &f[k].vlan);
		assert_memory_equal(&is, &to, sizeof is);
		free(f);
	}
}

/* Whichever request is refused, the last of them (another one's) included: all is as it was, the numbers, too. */
static void turned_back(void **state)
{
	struct stack_vport_change c = { .set_vlans = true, .vlans = set_of("u 8"), .set_moderation = true, .moderation = 200 };
	struct stack_vport *v = with_three();
	struct stack_vport_info info;
	unsigned at;

	(void)state;
	for (at = 1;; at++) {
		s.refuse_at = at;
		if (stack_vport_set(v, &c, &e) == 0)
			break;
		assert_int_equal(s.refuse_at, 0);
		assert_int_equal(e.code, STACK_REFUSED);
		assert_string_equal(filters(v), THREE);
		assert_int_equal(stack_vport_info(v, &info, &e), 0);
		assert_int_equal(info.moderation, 1);
		assert_in_range(at, 1, 20);
	}
	s.refuse_at = 0;
	assert_int_equal(at, 12); /* seven filters set, three cleared, VPORT_PARAMETERS */
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_int_equal(info.moderation, 200);
}

static void refused(void **state)
{
	struct stack_vport *v = add_vport();
	struct stack_vlans all = set_of("u");
	struct stack_vport_change c = { .set_vlans = true };

	(void)state;
	s.log[0] = '\0';
	assert_int_equal(turn(v, "7"), -1); /* no address that would get it */
	assert_string_equal(e.field, "trunk");
	assert_int_equal(e.code, STACK_PARAM);
	for (uint8_t i = 1; i <= 17; i++)
		add_filter(v, 2, i, "u", false);
	s.log[0] = '\0';
	for (uint16_t id = 1; id < 4095; id++)
		stack_vlans_put(&all, &(struct stack_vlan){ STACK_VLAN_ID, id });
	all.any = true;
	c.vlans = all;
	assert_int_equal(stack_vport_set(v, &c, &e), -1); /* 17 * 4096: more than there are numbers for */
	assert_int_equal(e.code, STACK_PARAM);
	assert_string_equal(e.field, "trunk");
	assert_string_equal(s.log, "");
	assert_int_equal(stack_filter_del(s.adapter, 17, &e), 0);
	assert_int_equal(stack_vport_set(v, &c, &e), -1); /* 16 * 4096: as many as there are numbers, and more than this adapter has */
	assert_int_equal(e.code, STACK_LIMIT);
	assert_string_equal(filters(v), "1:01/u 2:02/u 3:03/u 4:04/u 5:05/u 6:06/u 7:07/u 8:08/u 9:09/u 10:0a/u 11:0b/u 12:0c/u 13:0d/u "
					"14:0e/u 15:0f/u 16:10/u");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets), T(turns), T(one_address), T(turned_back), T(refused),
	};
#undef T

	return cmocka_run_group_tests_name("stack_trunk", tests, NULL, NULL);
}
