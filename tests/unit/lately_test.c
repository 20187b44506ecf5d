/* SPDX-License-Identifier: BSD-3-Clause */
/* What was lost lately, by a clock and counters of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmqd/lately.h"

#define START 1000000u

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
		lately_note(l, 3, 7, c, NULL);
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
	lately_note(l, 3, 7, &c, NULL);
	assert_lost(l, "rx_no_buffer", 7, 0);
	for (unsigned t = 1; t <= 3600; t++)
		lately_time(l, START + t);
	assert_lost(l, "rx_no_buffer", 0, 3600);
	lately_note(l, 3, 7, &c, NULL); /* somebody asks: nothing has changed */
	assert_lost(l, "rx_no_buffer", 0, 3600);
	assert_window(l, 30, 0, 0);
	c.drops[NIC_DROP_RX_NO_BUFFER] += 2;
	lately_note(l, 3, 7, &c, NULL);
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
		lately_note(l, 3, 7, &c, NULL);
		lately_time(l, START + 40);
		lately_note(l, 3, 8, &other, NULL);
		assert_window(l, 40, (json_int_t)other.rx_frames, 0);
		assert_lost(l, "rx_limit", (json_int_t)other.drops[NIC_DROP_RX_LIMIT], 0);
		assert_lost(l, "tx_storm", -1, -1);
		lately_note(l, 3, 0, NULL, NULL);
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
	lately_note(l, LATELY_WIRE, 0, &c, &p);
	lately_time(l, START + 7);
	p.tx_error = 5;
	lately_note(l, LATELY_WIRE, 0, &c, &p);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on_and_is_past),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_another_with_the_same_number),
		cmocka_unit_test(test_a_wire_has_its_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
