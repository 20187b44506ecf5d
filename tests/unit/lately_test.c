/* SPDX-License-Identifier: BSD-3-Clause */
/* What happened lately, by a clock and counters of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmqd/lately.h"

#define START 1000000u

static void note(struct lately *l, uint32_t id, uint64_t serial, const struct nic_vport_counters *c, const struct port_counters *p)
{
	lately_note(l, id, c ? &(struct lately_counted){ .serial = serial, .c = c, .port = p } : NULL);
}

static json_int_t number(json_t *o, const char *list, const char *name, const char *member)
{
	json_t *row = json_object_get(json_object_get(o, list), name);

	return row ? json_integer_value(json_object_get(row, member)) : -1;
}

/* {frames, last_s} of a reason of VPort 3. */
static void assert_lost(const struct lately *l, const char *reason, json_int_t frames, json_int_t last)
{
	json_t *o = lately_json(l, 3);

	assert_int_equal(number(o, "drops", reason, "frames"), frames);
	assert_int_equal(number(o, "drops", reason, "last_s"), last);
	json_decref(o);
}

static void assert_window(const struct lately *l, json_int_t seconds, json_int_t rx, json_int_t tx)
{
	json_t *o = lately_json(l, 3);

	assert_int_equal(json_integer_value(json_object_get(o, "seconds")), seconds);
	assert_int_equal(json_integer_value(json_object_get(o, "rx_frames")), rx);
	assert_int_equal(json_integer_value(json_object_get(o, "tx_frames")), tx);
	json_decref(o);
}

/* VPort 3 sends a frame a second from `from` on up to `to`, and loses those of `lose`; then the time is `to`. */
static void run(struct lately *l, struct nic_vport_counters *c, uint64_t from, uint64_t to, enum nic_drop lose)
{
	for (uint64_t t = from; t <= to; t++) {
		lately_time(l, t);
		c->tx_frames++;
		if (lose < NIC_DROP_COUNT)
			c->drops[lose]++;
		note(l, 3, 7, c, NULL);
	}
}

static void test_goes_on_and_is_past(void **s)
{
	struct nic_vport_counters c = { .rx_frames = 0 };
	struct lately *l = lately_create();

	(void)s;
	run(l, &c, START, START + 99, NIC_DROP_TX_VLAN);
	assert_lost(l, "tx_vlan", 40, 0); /* of the 100: since the window before this one began, 39 s ago */
	assert_window(l, 39, 0, 40);
	/* mended: more is sent, nothing is lost */
	run(l, &c, START + 100, START + 120, NIC_DROP_COUNT);
	assert_lost(l, "tx_vlan", 10, 21);
	run(l, &c, START + 121, START + 200, NIC_DROP_COUNT);
	assert_lost(l, "tx_vlan", 0, 101);
	/* what was never lost is not there, and what is lost anew is new */
	assert_lost(l, "tx_storm", -1, -1);
	run(l, &c, START + 201, START + 203, NIC_DROP_TX_VLAN);
	assert_lost(l, "tx_vlan", 3, 0);
	lately_destroy(l);
}

/* Nobody looks at counters while all workers sleep; the time goes on. */
static void test_idle(void **s)
{
	struct nic_vport_counters c = { .rx_frames = 5, .drops = { [NIC_DROP_RX_NO_BUFFER] = 7 } };
	struct lately *l = lately_create();

	(void)s;
	lately_time(l, START);
	note(l, 3, 7, &c, NULL);
	assert_lost(l, "rx_no_buffer", 7, 0);
	for (unsigned t = 1; t <= 3600; t++)
		lately_time(l, START + t);
	assert_lost(l, "rx_no_buffer", 0, 3600);
	note(l, 3, 7, &c, NULL); /* somebody asks: nothing has changed */
	assert_lost(l, "rx_no_buffer", 0, 3600);
	assert_window(l, 30, 0, 0);
	c.drops[NIC_DROP_RX_NO_BUFFER] += 2;
	note(l, 3, 7, &c, NULL);
	assert_lost(l, "rx_no_buffer", 2, 0);
	lately_destroy(l);
}

/* Whether it counted less or more than the one before. */
static void test_another_with_the_same_number(void **s)
{
	struct nic_vport_counters c = { .rx_frames = 500, .drops = { [NIC_DROP_RX_LIMIT] = 70, [NIC_DROP_TX_STORM] = 1 } };
	struct nic_vport_counters others[] = { { .rx_frames = 1, .drops = { [NIC_DROP_RX_LIMIT] = 2 } },
					       { .rx_frames = 501, .drops = { [NIC_DROP_RX_LIMIT] = 70 } },
					       { .rx_frames = 9000, .drops = { [NIC_DROP_RX_LIMIT] = 700 } } };

	(void)s;
	for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
		struct nic_vport_counters other = others[i];
		struct lately *l = lately_create();

		lately_time(l, START);
		assert_null(lately_json(l, 3));
		note(l, 3, 7, &c, NULL);
		lately_time(l, START + 40);
		note(l, 3, 8, &other, NULL);
		assert_window(l, 40, (json_int_t)other.rx_frames, 0);
		assert_lost(l, "rx_limit", (json_int_t)other.drops[NIC_DROP_RX_LIMIT], 0);
		assert_lost(l, "tx_storm", -1, -1);
		note(l, 3, 0, NULL, NULL);
		assert_null(lately_json(l, 3));
		lately_destroy(l);
	}
}

static void test_a_wire_has_its_ports(void **s)
{
	struct nic_vport_counters c = { .drops = { [NIC_DROP_RX_TOO_LONG] = 1 } };
	struct port_counters p = { .rx_too_long = 9, .tx_error = 4 };
	struct lately *l = lately_create();
	json_t *o;

	(void)s;
	lately_time(l, START);
	note(l, LATELY_WIRE, 0, &c, &p);
	lately_time(l, START + 7);
	p.tx_error = 5;
	note(l, LATELY_WIRE, 0, &c, &p);
	o = lately_json(l, LATELY_WIRE);
	assert_int_equal(number(o, "drops", "rx_too_long", "frames"), 1);
	assert_int_equal(number(o, "port", "rx_too_long", "frames"), 9);
	assert_int_equal(number(o, "port", "rx_too_long", "last_s"), 7);
	assert_int_equal(number(o, "port", "tx_error", "frames"), 5);
	assert_int_equal(number(o, "port", "tx_error", "last_s"), 0);
	assert_int_equal(number(o, "port", "rx_runt", "frames"), -1);
	json_decref(o);
	lately_destroy(l);
}

static void test_when_a_frame_came_last(void **s)
{
	struct nic_vport_counters c = { .tx_frames = 4 };
	struct lately *l = lately_create();
	json_t *o;

	(void)s;
	lately_time(l, START);
	note(l, 3, 7, &c, NULL);
	o = lately_json(l, 3);
	assert_null(json_object_get(o, "rx_last_s"));
	json_decref(o);
	c.rx_frames = 1;
	note(l, 3, 7, &c, NULL);
	lately_time(l, START + 100);
	c.tx_frames = 9;
	note(l, 3, 7, &c, NULL);
	o = lately_json(l, 3);
	assert_int_equal(json_integer_value(json_object_get(o, "rx_last_s")), 100);
	json_decref(o);
	lately_destroy(l);
}

/* ---- states ---- */

enum { GONE = -1, PAST = 0, NOW = 1 };

static void assert_state(const struct lately *l, uint32_t id, const char *name, int now, json_int_t last)
{
	json_t *o = lately_json(l, id), *row = json_object_get(json_object_get(o, "states"), name);

	assert_int_equal(row ? json_is_true(json_object_get(row, "now")) : GONE, now);
	if (row)
		assert_int_equal(json_integer_value(json_object_get(row, "last_s")), last);
	json_decref(o);
}

/* A second in which VPort 3 has received so much more. */
static void second(struct lately *l, uint64_t *t, struct nic_vport_counters *c, uint64_t rx, uint64_t interrupts, uint64_t sums)
{
	lately_time(l, ++*t);
	c->rx_frames += rx;
	c->rx_notifications += interrupts;
	c->sw_checksums += sums / 2;
	c->sw_segmented += sums - sums / 2;
	note(l, 3, 7, c, NULL);
}

static void test_finished_in_software(void **s)
{
	struct nic_vport_counters c = { .rx_frames = 0 };
	struct lately *l = lately_create();
	uint64_t t = START;
	json_t *o;

	(void)s;
	lately_time(l, t);
	note(l, 3, 7, &c, NULL);
	second(l, &t, &c, LATELY_SAMPLE - 1, 100, 999); /* too few to judge yet */
	assert_state(l, 3, "finished", GONE, 0);
	second(l, &t, &c, 1, 0, 0);
	assert_state(l, 3, "finished", NOW, 0);
	second(l, &t, &c, 100000, 100, 10000);
	assert_state(l, 3, "finished", NOW, 0);
	second(l, &t, &c, 100000, 100, 9999); /* less than a tenth: mended, and at once */
	assert_state(l, 3, "finished", PAST, 1);
	for (unsigned i = 0; i < 7200; i++)
		second(l, &t, &c, 100000, 100, 0);
	assert_state(l, 3, "finished", PAST, 7201);
	o = lately_json(l, 3);
	assert_int_equal(json_integer_value(json_object_get(o, "sw_checksums")), 0);
	assert_null(json_object_get(o, "rx_by_pair"));
	json_decref(o);
	second(l, &t, &c, 1000, 100, 1000);
	assert_state(l, 3, "finished", NOW, 0);
	o = lately_json(l, 3);
	assert_int_equal(json_integer_value(json_object_get(o, "sw_checksums")), 500);
	assert_int_equal(json_integer_value(json_object_get(o, "sw_segmented")), 500);
	json_decref(o);
	assert_state(l, 3, "one_pair", GONE, 0);
	lately_destroy(l);
}

/* The traffic ends: nobody looks while all sleep, or there is too little of it to judge. */
static void test_a_state_ends_without_frames(void **s)
{
	(void)s;
	for (int trickle = 0; trickle < 2; trickle++) {
		struct nic_vport_counters c = { .rx_frames = 0 };
		struct lately *l = lately_create();
		uint64_t t = START;

		lately_time(l, t);
		note(l, 3, 7, &c, NULL);
		second(l, &t, &c, 5000, 0, 5000);
		for (unsigned i = 0; i < LATELY_S - 1; i++) {
			lately_time(l, ++t);
			if (trickle)
				second(l, &(uint64_t){ t - 1 }, &c, 1, 0, 1);
		}
		assert_state(l, 3, "finished", NOW, LATELY_S - 1);
		lately_time(l, ++t);
		if (trickle)
			second(l, &(uint64_t){ t - 1 }, &c, 1, 0, 1);
		assert_state(l, 3, "finished", PAST, LATELY_S);
		lately_time(l, t + 86400);
		assert_state(l, 3, "finished", PAST, LATELY_S + 86400);
		lately_destroy(l);
	}
}

static void test_interrupts(void **s)
{
	static const struct {
		uint64_t rx, interrupts;
		int interrupted, polled;
	} rows[] = {
		{ 100000, 50001, NOW, GONE }, { 100000, 50000, GONE, GONE }, { 5000, 5000, NOW, GONE },
		{ 5000, 4999, GONE, GONE }, /* as many as frames, and yet not many */
		{ 100000, 1, GONE, GONE },    { 1000, 0, GONE, NOW },	     { 999, 0, GONE, GONE },
	};

	(void)s;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct nic_vport_counters c = { .rx_frames = 0 };
		struct lately *l = lately_create();
		uint64_t t = START;

		lately_time(l, t);
		note(l, 3, 7, &c, NULL);
		second(l, &t, &c, rows[i].rx, rows[i].interrupts, 0);
		assert_state(l, 3, "interrupted", rows[i].interrupted, 0);
		assert_state(l, 3, "polled", rows[i].polled, 0);
		note(l, 3, 7, &c, NULL); /* somebody asks in the same second: nothing is judged anew */
		assert_state(l, 3, "interrupted", rows[i].interrupted, 0);
		second(l, &t, &c, 100000, 100, 0);
		assert_state(l, 3, "interrupted", rows[i].interrupted == NOW ? PAST : GONE, 1);
		assert_state(l, 3, "polled", rows[i].polled == NOW ? PAST : GONE, 1);
		note(l, 3, 8, &c, NULL); /* another VPort has the number */
		assert_state(l, 3, "interrupted", GONE, 0);
		lately_destroy(l);
	}
}

static void test_one_of_several_pairs(void **s)
{
	struct nic_vport_counters c = { .rx_frames = 0 };
	struct lately_counted now = { .serial = 7, .c = &c, .npairs = 4 };
	struct lately *l = lately_create();
	json_t *o, *pairs;

	(void)s;
	lately_time(l, START);
	lately_note(l, 3, &now);
	for (unsigned i = 1; i <= 100; i++) {
		lately_time(l, START + i);
		c.rx_frames += 10000;
		now.rx_by_pair[2] += 9900;
		now.rx_by_pair[0] += 100;
		lately_note(l, 3, &now);
	}
	assert_state(l, 3, "one_pair", NOW, 0);
	lately_time(l, START + 101); /* its traffic is spread now */
	c.rx_frames += 2000;
	now.rx_by_pair[2] += 1979;
	now.rx_by_pair[3] += 21;
	lately_note(l, 3, &now);
	assert_state(l, 3, "one_pair", PAST, 1);
	o = lately_json(l, 3);
	pairs = json_object_get(o, "rx_by_pair");
	assert_int_equal(json_array_size(pairs), 4);
	assert_int_equal(json_integer_value(json_array_get(pairs, 3)), 21);
	assert_int_equal(json_integer_value(json_array_get(pairs, 2)), 41 * 9900 + 1979); /* since second 60 */
	json_decref(o);
	now.npairs = 1;
	lately_time(l, START + 102);
	c.rx_frames += 2000;
	now.rx_by_pair[0] += 2000;
	lately_note(l, 3, &now);
	assert_state(l, 3, "one_pair", PAST, 2);
	lately_destroy(l);
}

/* A wire is judged by what it sends, and has neither interrupts nor queue pairs. */
static void test_states_of_a_wire(void **s)
{
	struct nic_vport_counters c = { .rx_frames = 0 };
	struct port_counters p = { 0 };
	struct lately *l = lately_create();

	(void)s;
	lately_time(l, START);
	note(l, LATELY_WIRE, 0, &c, &p);
	lately_time(l, START + 1);
	c.rx_frames = c.sw_checksums = 5000;
	note(l, LATELY_WIRE, 0, &c, &p);
	assert_state(l, LATELY_WIRE, "finished", GONE, 0);
	c.tx_frames = 5000;
	note(l, LATELY_WIRE, 0, &c, &p);
	assert_state(l, LATELY_WIRE, "finished", NOW, 0);
	assert_state(l, LATELY_WIRE, "polled", GONE, 0);
	lately_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on_and_is_past),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_another_with_the_same_number),
		cmocka_unit_test(test_a_wire_has_its_ports),
		cmocka_unit_test(test_when_a_frame_came_last),
		cmocka_unit_test(test_finished_in_software),
		cmocka_unit_test(test_a_state_ends_without_frames),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_one_of_several_pairs),
		cmocka_unit_test(test_states_of_a_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
