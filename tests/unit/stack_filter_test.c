/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the stack keeps of filters beside the contract, over the real keeper and a driver that only takes notes: which MAC filters
 * count on which broadcast filter, through refusals, moves and numbers given again, and who is told of what.
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

static struct stack_vport *add(const char *name)
{
	struct stack_vport_want w = { .queue_pairs = 1, .moderation = 1 };
	struct stack_vport *v = NULL;

	(void)snprintf(w.name, sizeof w.name, "%s", name);
	(void)snprintf(w.socket, sizeof w.socket, "/run/%s.sock", name);
	if (stack_vport_add(s.adapter, &w, &v, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	return v;
}

#define OWN 0xff /* ff:ff:ff:ff:ff:ff, asked for by its own address */

static int try(struct stack_vport *v, uint8_t last, uint16_t vlan, bool broadcast, uint32_t id)
{
	struct stack_filter_want f = { .mac = { 2, 0, 0, 0, 0, last }, .broadcast = broadcast, .vlan = { STACK_VLAN_ID, vlan }, .id = id };
	struct stack_filter_info made[STACK_FILTERS_MADE];
	unsigned n;

	if (last == OWN)
		memset(f.mac, 0xff, sizeof f.mac);
	return stack_filter_add(v, &f, made, &n, &e);
}

static void filter(struct stack_vport *v, uint8_t last, uint16_t vlan, bool broadcast)
{
	if (try(v, last, vlan, broadcast, 0) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
}

/* All filters as "VPORT:ID:LAST-BYTE/VLAN" in order of ids: a + brings a broadcast filter, a * is brought. */
static const char *filters(void)
{
	static char line[1024];
	struct stack_filter_info *f;
	size_t n, len = 0;

	assert_int_equal(stack_filter_list(s.adapter, NULL, &f, &n, &e), 0);
	line[0] = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(line + len, sizeof line - len, "%s%u:%u:%02x/%u%s%s", i ? " " : "", f[i].vport, f[i].id,
					f[i].mac[5], f[i].vlan.id, f[i].broadcast ? "+" : "", f[i].companion ? "*" : "");
	free(f);
	return line;
}

static int del(uint32_t id)
{
	s.log[0] = s.events[0] = s.changed[0] = '\0';
	return stack_filter_del(s.adapter, id, &e);
}

static int move(uint32_t id, struct stack_vport *to)
{
	struct stack_filter_info f;

	s.log[0] = s.events[0] = s.changed[0] = '\0';
	return stack_filter_move(s.adapter, id, to, &f, &e);
}

/* The filter that stands already is found among others, of the same address and of the same VLAN. */
static void which_stands_already(void **state)
{
	struct stack_vport *a = add("a"), *b = add("b");

	(void)state;
	filter(a, 1, 7, false);
	filter(a, 2, 8, false);
	filter(a, 2, 7, false);
	assert_int_equal(try(b, 2, 7, false, 0), -1);
	assert_string_equal(e.err.text, "is taken with this VLAN: filter 3 of VPort a; delete or move that one");
	assert_int_equal(e.oid, OID_RECEIVE_FILTER_SET_FILTER);
	assert_int_equal(e.status, NDIS_STATUS_INVALID_PARAMETER);
	/* refused for another reason: in the adapter's words */
	s.refuse_at = 1;
	assert_int_equal(try(b, 3, 7, false, 0), -1);
	assert_string_equal(e.err.text, "the stub says no");
	assert_int_equal(e.code, STACK_REFUSED);
}

/* A number that is given again has nothing of the filter that had it. */
static void numbers_given_again(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	filter(a, 1, 7, true);
	assert_string_equal(filters(), "1:1:01/7+ 1:2:ff/7*");
	assert_int_equal(del(1), 0);
	assert_int_equal(try(a, 2, 7, false, 1), 0);
	assert_string_equal(filters(), "1:1:02/7");
	filter(a, 3, 7, true);
	assert_int_equal(stack_vport_del(a, &e), 0);
	a = add("a");
	assert_int_equal(try(a, 4, 7, false, 2), 0);
	assert_int_equal(try(a, 5, 7, false, 3), 0);
	assert_non_null(strstr(filters(), ":2:04/7 "));
	assert_non_null(strstr(filters(), ":3:05/7"));
	assert_null(strchr(filters(), '+'));
}

/* What counted on a broadcast filter that is deleted counts on none; what counts on another one still does. */
static void uncounted(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	filter(a, 1, 7, true);
	filter(a, 1, 8, true);
	assert_string_equal(filters(), "1:1:01/7+ 1:2:ff/7* 1:3:01/8+ 1:4:ff/8*");
	assert_int_equal(del(2), 0);
	assert_string_equal(s.events, "filter_cleared(2)");
	assert_string_equal(filters(), "1:1:01/7 1:3:01/8+ 1:4:ff/8*");
	assert_int_equal(del(1), 0);
	assert_string_equal(s.events, "filter_cleared(1)");
	assert_int_equal(del(3), 0);
	assert_string_equal(s.events, "filter_cleared(3) filter_cleared(4)");
	assert_string_equal(filters(), "");
	/* all of them */
	filter(a, 1, 7, true);
	filter(a, 2, 7, true);
	filter(a, 3, 7, true);
	assert_string_equal(filters(), "1:5:01/7+ 1:6:ff/7* 1:7:02/7+ 1:8:03/7+");
	assert_int_equal(del(6), 0);
	assert_string_equal(filters(), "1:5:01/7 1:7:02/7 1:8:03/7");
}

/* Refused after the broadcast filter was given up: it has its users, and only them, again. */
static void refused_and_counted(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	filter(a, 1, 7, true);
	filter(a, 2, 7, true);
	filter(a, 3, 7, false);
	s.refuse_at = 1;
	assert_int_equal(del(1), -1);
	s.refuse_at = 1;
	assert_int_equal(del(4), -1); /* counts on none */
	assert_string_equal(filters(), "1:1:01/7+ 1:2:ff/7* 1:3:02/7+ 1:4:03/7");
	assert_int_equal(del(1), 0);
	assert_string_equal(s.events, "filter_cleared(1)");
	s.refuse_at = 2;
	assert_int_equal(del(3), -1);
	assert_string_equal(s.events, "");
	assert_string_equal(filters(), "1:2:ff/7* 1:3:02/7+ 1:4:03/7");
	assert_int_equal(del(3), 0);
	assert_string_equal(s.events, "filter_cleared(3) filter_cleared(2)");
	assert_string_equal(filters(), "1:4:03/7");
}

/* A VPort's deletion is refused at each of its requests: each filter counts as before, and the last still takes its broadcast filter along. */
static void deletion_refused(void **state)
{
	struct stack_vport *a;

	(void)state;
	for (unsigned at = 1; at <= 5; at++) {
		a = add("a");
		filter(a, 1, 7, true);
		filter(a, 2, 7, true);
		filter(a, 3, 7, false);
		s.refuse_at = at;
		assert_int_equal(stack_vport_del(a, &e), -1);
		assert_string_equal(filters(), "1:1:01/7+ 1:2:ff/7* 1:3:02/7+ 1:4:03/7");
		assert_int_equal(del(1), 0);
		assert_string_equal(filters(), "1:2:ff/7* 1:3:02/7+ 1:4:03/7");
		assert_int_equal(del(3), 0);
		assert_string_equal(filters(), "1:4:03/7");
		stub_stop(&s);
		stub_start(&s);
	}
}

/* The VPort stays: each filter has the number it had, also the one that others brought. */
static void numbers_stay(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	filter(a, 1, 7, false);
	filter(a, 2, 7, true);
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, true, &e), 0);
	s.refuse_at = 4; /* DELETE_VPORT */
	assert_int_equal(stack_vport_del(a, &e), -1);
	assert_string_equal(filters(), "1:1:01/7+ 1:2:02/7+ 1:3:ff/7*");
}

/* Who is told of a deletion: of each filter, then of the VPort. */
static void deletion_told(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	filter(a, 1, 7, true);
	filter(a, OWN, 8, false);
	filter(a, 2, 7, true);
	s.log[0] = s.events[0] = '\0';
	assert_int_equal(stack_vport_del(a, &e), 0);
	/* what counts on others before them */
	assert_string_equal(s.log, "CLEAR_FILTER(1) CLEAR_FILTER(4) CLEAR_FILTER(2) CLEAR_FILTER(3) DELETE_VPORT(1)");
	assert_string_equal(s.events, "filter_cleared(1) filter_cleared(4) filter_cleared(2) filter_cleared(3) vport_deleted(1)");
}

/* A broadcast filter of its own moves alone, and belongs to where it is then. */
static void broadcast_moves(void **state)
{
	struct stack_vport *a = add("a"), *b = add("b");

	(void)state;
	filter(a, OWN, 7, false);
	assert_string_equal(filters(), "1:1:ff/7");
	s.refuse_at = 1;
	assert_int_equal(move(1, b), -1);
	assert_string_equal(filters(), "1:1:ff/7");
	assert_int_equal(move(1, b), 0);
	assert_string_equal(s.log, "MOVE_FILTER(1)");
	assert_string_equal(s.events, "filter_moved(1)");
	assert_string_equal(s.changed, "changed(1) changed(2)");
	filter(b, 2, 7, true); /* finds it there */
	filter(a, 1, 7, true); /* finds none */
	assert_string_equal(filters(), "2:1:ff/7 2:2:02/7+ 1:3:01/7+ 1:4:ff/7*");
	assert_int_equal(del(2), 0);
	assert_int_equal(move(1, a), -1); /* there is one */
	assert_int_equal(e.code, STACK_EXISTS);
	assert_string_equal(e.field, "to");
	assert_string_equal(e.err.text, "a has this filter already: 4");
	assert_int_equal(del(3), 0);
	assert_int_equal(move(1, a), 0);
	assert_string_equal(filters(), "1:1:ff/7");
	assert_int_equal(del(1), 0);
	assert_string_equal(filters(), "");
	/* short of filters: it is not there, and nothing says it were */
	s.refuse_at = 1;
	assert_int_equal(try(a, OWN, 7, false, 0), -1);
	assert_string_equal(filters(), "");
	filter(a, OWN, 7, false);
}

/* An address that is broadcast's but for its last byte is a group's like any other. */
static void nearly_broadcast(void **state)
{
	struct stack_filter_want f = { .mac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe }, .broadcast = true };
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_vport *a = add("a");
	unsigned n;

	(void)state;
	assert_int_equal(stack_filter_add(a, &f, made, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_memory_equal(made[0].mac, f.mac, 6);
	assert_string_equal(filters(), "1:1:fe/0");
}

/* The broadcast filter that a filter brings is refused: there is neither. */
static void brings_none(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	s.refuse_at = 2;
	assert_int_equal(try(a, 1, 7, true, 0), -1);
	assert_string_equal(filters(), "");
	filter(a, 1, 7, true);
}

/* Who adds one is told of what was made, the broadcast filter included; of a refused one, that nothing was. */
static void what_was_made(void **state)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct stack_filter_want f = { .mac = { 2, 1, 3, 1, 4, 1 }, .broadcast = true, .vlan = { STACK_VLAN_ID, 7 } };
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_vport *a = add("a");
	unsigned n = 9;

	(void)state;
	for (unsigned at = 1; at <= 2; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_filter_add(a, &f, made, &n, &e), -1);
		assert_int_equal(n, 0);
	}
	s.events[0] = '\0';
	assert_int_equal(stack_filter_add(a, &f, made, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_true(made[0].broadcast && !made[0].companion && !made[1].broadcast && made[1].companion);
	assert_memory_equal(made[0].mac, f.mac, 6);
	assert_memory_equal(made[1].mac, everybody, 6);
	assert_true(made[0].vlan.id == 7 && made[1].vlan.id == 7);
	assert_true(made[0].vport == 1 && made[1].vport == 1);
	assert_string_equal(s.events, "filter_set(4) filter_set(5)"); /* numbers of what was refused are not given again at once */
}

/* What counts on none moves alone, whatever else is there. */
static void counts_on_none(void **state)
{
	struct stack_vport *a = add("a"), *b = add("b");

	(void)state;
	filter(a, 1, 7, false);
	assert_int_equal(move(1, b), 0);
	assert_string_equal(s.log, "MOVE_FILTER(1)");
	filter(a, 2, 7, true);
	filter(a, 3, 7, false);
	assert_string_equal(filters(), "2:1:01/7 1:2:02/7+ 1:3:ff/7* 1:4:03/7");
	assert_int_equal(move(4, b), 0);
	assert_string_equal(s.log, "MOVE_FILTER(4)");
	assert_int_equal(del(2), 0);
	assert_string_equal(filters(), "2:1:01/7 2:4:03/7");
}

/* The broadcast filter is given up, then all else is refused, that it be set again, too: what had it counts on none from then on. */
static void refused_again_and_again(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	filter(a, 1, 7, true);
	s.refuse_at = 2;
	s.refuse_more = 1;
	assert_int_equal(del(1), -1);
	assert_int_equal(s.refuse_at, 0);
	assert_string_equal(filters(), "1:1:01/7");
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, false, &e), 0); /* so it is */
	filter(a, 2, 7, true);
	assert_int_equal(del(1), 0); /* takes nobody's along */
	assert_string_equal(filters(), "1:3:02/7+ 1:4:ff/7*");
}

/* A move half done is refused, and so is the way back: nothing counts on what is elsewhere, and what others count on stays. */
static void way_back_refused(void **state)
{
	struct stack_vport *a = add("a"), *b = add("b");

	(void)state;
	filter(a, 1, 7, true);
	s.refuse_at = 2; /* the broadcast filter has moved */
	s.refuse_more = 1;
	assert_int_equal(move(1, b), -1);
	assert_string_equal(s.log, "MOVE_FILTER(2) refused(12) refused(13)");
	assert_string_equal(filters(), "1:1:01/7 2:2:ff/7*");
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, false, &e), 0); /* so it is */
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, true, &e), 0);
	filter(b, 2, 7, true); /* counts on the one that is there */
	assert_string_equal(filters(), "1:1:01/7+ 2:2:ff/7* 1:3:ff/7* 2:4:02/7+");
	s.refuse_at = 2; /* the filter has moved, and the broadcast filter it left should go */
	s.refuse_more = 1;
	assert_int_equal(move(1, b), -1);
	assert_string_equal(filters(), "2:1:01/7 2:2:ff/7* 1:3:ff/7* 2:4:02/7+");
	assert_int_equal(del(1), 0);
	filter(a, 3, 7, true);
	assert_int_equal(del(5), 0);
	assert_string_equal(filters(), "2:2:ff/7* 2:4:02/7+");
	assert_int_equal(del(4), 0);
	assert_string_equal(filters(), "");
}

/* What becomes of broadcast filters is told, too: it moves along, goes to where one is, or comes to be. */
static void move_events(void **state)
{
	struct stack_vport *a = add("a"), *b = add("b");

	(void)state;
	filter(a, 1, 7, true);
	assert_int_equal(move(1, b), 0);
	assert_string_equal(filters(), "2:1:01/7+ 2:2:ff/7*");
	assert_string_equal(s.events, "filter_moved(2) filter_moved(1)");
	filter(a, 2, 7, true);
	assert_string_equal(filters(), "2:1:01/7+ 2:2:ff/7* 1:3:02/7+ 1:4:ff/7*");
	assert_int_equal(move(3, b), 0);
	assert_string_equal(filters(), "2:1:01/7+ 2:2:ff/7* 2:3:02/7+");
	assert_string_equal(s.events, "filter_cleared(4) filter_moved(3)");
	assert_int_equal(move(3, a), 0);
	assert_string_equal(filters(), "2:1:01/7+ 2:2:ff/7* 1:3:02/7+ 1:5:ff/7*");
	assert_string_equal(s.events, "filter_set(5) filter_moved(3)");
}

/* Where others count on the broadcast filter the destination gets one of its own, or nothing moves; refused later, it is gone again. */
static void move_refused(void **state)
{
	struct stack_vport *a = add("a"), *b = add("b");

	(void)state;
	filter(a, 1, 7, true);
	filter(a, 2, 7, true);
	for (unsigned at = 1; at <= 2; at++) {
		s.refuse_at = at;
		assert_int_equal(move(1, b), -1);
		assert_string_equal(filters(), "1:1:01/7+ 1:2:ff/7* 1:3:02/7+");
		assert_string_equal(s.events, "");
		assert_string_equal(s.changed, "");
	}
	assert_int_equal(move(1, b), 0);
	assert_string_equal(s.changed, "changed(2) changed(1) changed(2)");
	assert_string_equal(s.events, "filter_set(6) filter_moved(1)");
	/* each side's is counted by its own */
	assert_int_equal(del(1), 0);
	assert_string_equal(filters(), "1:2:ff/7* 1:3:02/7+");
	assert_int_equal(del(3), 0);
	assert_string_equal(filters(), "");
}

/* One that was asked for stays behind when a MAC filter that found it goes, and the destination gets its own. */
static void wanted_stays(void **state)
{
	struct stack_vport *a = add("a"), *b = add("b");

	(void)state;
	filter(a, OWN, 7, false);
	filter(a, 1, 7, true);
	assert_int_equal(move(2, b), 0);
	assert_string_equal(s.log, "SET_FILTER(2) MOVE_FILTER(2)");
	assert_string_equal(filters(), "1:1:ff/7 2:2:01/7+ 2:3:ff/7*");
	assert_int_equal(move(2, b), 0); /* it is there */
	assert_string_equal(s.log, "");
	assert_string_equal(s.events, "");
}

static void broadcast_events(void **state)
{
	struct stack_vport *a = add("a");

	(void)state;
	filter(a, 1, 7, false);
	filter(a, 2, 7, false);
	s.events[0] = s.changed[0] = '\0';
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, true, &e), 0);
	assert_string_equal(s.events, "filter_set(3)");
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 2, true, &e), 0);
	assert_string_equal(s.events, "filter_set(3)"); /* it was there */
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, false, &e), 0);
	assert_string_equal(s.events, "filter_set(3)"); /* the other one's still */
	assert_string_equal(filters(), "1:1:01/7 1:2:02/7+ 1:3:ff/7*");
	s.refuse_at = 1;
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 2, false, &e), -1);
	assert_string_equal(filters(), "1:1:01/7 1:2:02/7+ 1:3:ff/7*");
	s.changed[0] = '\0';
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 2, false, &e), 0);
	assert_string_equal(s.events, "filter_set(3) filter_cleared(3)");
	assert_string_equal(s.changed, "changed(1) changed(1)");
	assert_string_equal(filters(), "1:1:01/7 1:2:02/7");
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 0, true, &e), -1);
	assert_int_equal(e.code, STACK_NOT_FOUND);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(which_stands_already), T(numbers_given_again), T(uncounted), T(refused_and_counted), T(deletion_refused), T(numbers_stay), T(deletion_told),
		T(broadcast_moves), T(what_was_made), T(nearly_broadcast), T(brings_none), T(counts_on_none), T(refused_again_and_again), T(way_back_refused), T(move_events), T(move_refused), T(wanted_stays), T(broadcast_events),
	};
#undef T

	return cmocka_run_group_tests_name("stack_filter", tests, NULL, NULL);
}
