/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack over the real keeper and a driver that only takes notes: which requests a wish becomes, that nothing is
 * left when one of them is refused, and what becomes of the broadcast filters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <vmq/ndis_vmq.h>

#include "stack/cpu_move.h"
#include "stack_stub.h"

static struct stub s;

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

static struct stack_filter_want want_filter(uint8_t last, enum stack_vlan_kind kind, uint16_t vlan)
{
	return (struct stack_filter_want){ .mac = { 0x52, 0x54, 0, 0, 0, last },
					   .broadcast = true,
					   .vlan = { kind, vlan } };
}

static struct stack_vport_want want_vport(const char *name)
{
	struct stack_vport_want w = { .queue_pairs = 1, .moderation = 1, .policy = { .vlan_check = true, .all_multicast = true } };

	(void)snprintf(w.name, sizeof w.name, "%s", name);
	(void)snprintf(w.socket, sizeof w.socket, "/run/%s.sock", name);
	return w;
}

static struct stack_vport *add(const char *name, uint8_t last, uint16_t vlan)
{
	struct stack_filter_want f = want_filter(last, vlan ? STACK_VLAN_ID : STACK_VLAN_UNTAGGED, vlan);
	struct stack_vport_want w = want_vport(name);
	struct stack_vport *v = NULL;
	struct stack_error e;

	w.filters = &f;
	w.nfilters = last ? 1 : 0;
	if (stack_vport_add(s.adapter, &w, &v, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	return v;
}

static uint32_t add_filter(struct stack_vport *v, struct stack_filter_want f, unsigned expect)
{
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_error e;
	unsigned n;

	if (stack_filter_add(v, &f, made, &n, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	assert_int_equal(n, expect);
	return made[0].id;
}

/* All filters as one line: "VPORT:LAST-BYTE/VLAN" in order of ids, broadcast as ff, companions with a star. */
static const char *filters(const struct stack_vport *v)
{
	static char line[1024];
	struct stack_filter_info *f;
	struct stack_error e;
	size_t n, len = 0;

	assert_int_equal(stack_filter_list(s.adapter, v, &f, &n, &e), 0);
	line[0] = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(line + len, sizeof line - len, "%s%u:%02x/%s%s", i ? " " : "", f[i].vport,
					f[i].mac[5],
					f[i].vlan.kind == STACK_VLAN_ANY  ? "any"
					: f[i].vlan.kind == STACK_VLAN_ID ? (f[i].vlan.id == 7 ? "7" : "8")
									  : "u",
					f[i].companion ? "*" : "");
	free(f);
	return line;
}

static size_t vports(void)
{
	struct stack_vport_info *v;
	struct stack_error e;
	size_t n;

	assert_int_equal(stack_vport_list(s.adapter, &v, &n, &e), 0);
	free(v);
	return n;
}

/* ---- VPorts ---- */

static void add_is_these_requests(void **state)
{
	struct stack_filter_want f[] = { want_filter(1, STACK_VLAN_ID, 7), want_filter(2, STACK_VLAN_ANY, 0) };
	struct stack_vport_want w = want_vport("web1");
	struct stack_vport_info info;
	struct stack_policy policy;
	struct stack_vport *v;
	struct stack_error e;
	char name[NDIS_STRING_UTF8_SIZE];

	(void)state;
	w.cpu_given = true;
	w.cpu = 70;
	w.moderation = 200;
	w.filters = f;
	w.nfilters = 2;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_string_equal(s.log, "CREATE_VPORT(1) POLICY(1) TUNING(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) "
				   "VPORT_PARAMETERS(1)");
	assert_string_equal(s.events, "vport_added(1) filter_set(1) filter_set(2) filter_set(3) filter_set(4)");
	assert_string_equal(filters(v), "1:01/7 1:ff/7* 1:02/any 1:ff/any*");
	assert_int_equal(s.endpoints, 1);
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_string_equal(info.name, "web1");
	assert_true(info.active && info.on_pf);
	assert_int_equal(info.cpu, 70);
	assert_int_equal(info.moderation, 200);
	assert_int_equal(info.num_filters, 4);
	assert_int_equal(stack_vport_policy(v, &policy, &e), 0);
	assert_true(!policy.source_check && policy.vlan_check && policy.all_multicast);
	/* CPU 70 is bit 6 of group 1; a VPort on the PF is born deactivated */
	assert_string_equal(ndis_string_get(&s.created.VPortName, name, sizeof name), "web1");
	assert_int_equal(s.created.ProcessorAffinity.Group, 1);
	assert_int_equal(s.created.ProcessorAffinity.Mask, 1 << 6);
	assert_int_equal(s.created.AttachedFunctionId, NDIS_PF_FUNCTION_ID);
	assert_int_equal(s.created.NumQueuePairs, 1);
	assert_int_equal(s.created.InterruptModeration, NdisNicSwitchVPortInterruptModerationMedium);
	assert_int_equal(s.created.VPortState, NdisNicSwitchVPortStateDeactivated);
}

/* Its filters are there and it is not activated; it may be changed meanwhile. */
static void awaits_its_vm(void **state)
{
	static const struct stack_vport_change here = { .set_active = true }, elsewhere = { .set_cpu = true, .cpu = 3 };
	struct stack_filter_want f = want_filter(1, STACK_VLAN_ID, 7);
	struct stack_vport_want w = want_vport("web1");
	struct stack_vport_info info;
	struct stack_vport *v;
	struct stack_error e;

	(void)state;
	w.cpu_given = w.awaits_vm = true;
	w.cpu = 2;
	w.filters = &f;
	w.nfilters = 1;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_string_equal(s.log, "CREATE_VPORT(1) POLICY(1) TUNING(1) SET_FILTER(1) SET_FILTER(1)");
	assert_int_equal(s.endpoints, 1);
	assert_true(stack_vport_awaits_vm(v));
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_false(info.active);
	assert_int_equal(stack_vport_set(v, &elsewhere, &e), 0);
	assert_true(stack_vport_awaits_vm(v));
	s.log[0] = '\0';
	assert_int_equal(stack_vport_set(v, &here, &e), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1)");
	assert_false(stack_vport_awaits_vm(v));
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_true(info.active);
}

/* Whichever step is refused: no VPort, no filter, no endpoint, and the same wish succeeds afterwards. */
static void add_undone(void **state)
{
	struct stack_filter_want f[] = { want_filter(1, STACK_VLAN_ID, 7), want_filter(2, STACK_VLAN_ID, 7) };
	struct stack_vport_want w = want_vport("web1");
	struct stack_vport *v;
	struct stack_error e;

	(void)state;
	w.filters = f;
	w.nfilters = 2;
	for (unsigned at = 1; at <= 7; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
		assert_int_equal(s.refuse_at, 0);
		assert_int_equal(e.code, STACK_REFUSED);
		assert_int_equal(e.status, NDIS_STATUS_FAILURE);
		assert_non_null(strstr(e.err.text, "the stub says no"));
		assert_int_equal(vports(), 1);
		assert_string_equal(filters(NULL), "");
		assert_int_equal(s.endpoints, 0);
		assert_string_equal(s.events, "");
	}
	s.refuse_endpoint = true;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.field, "socket");
	assert_int_equal(vports(), 1);
	s.refuse_endpoint = false;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
}

static void add_refused(void **state)
{
	struct stack_filter_want f = want_filter(1, STACK_VLAN_UNTAGGED, 0);
	struct stack_vport_want w = want_vport("web1");
	struct stack_vport *v;
	struct stack_error e;

	(void)state;
	(void)add("web1", 1, 0);
	s.log[0] = '\0';
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.code, STACK_EXISTS);
	assert_string_equal(e.field, "name");
	w = want_vport("default");
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.code, STACK_EXISTS);
	w = want_vport("web2");
	memcpy(w.socket, "/run/web1.sock", 15);
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.field, "socket");
	w = want_vport("web2");
	w.cpu_given = true;
	w.cpu = 1;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.err.text, "1 is no worker's CPU; the workers run on 2, 3, 70");
	assert_string_equal(s.log, "");
	w = want_vport("web2");
	w.filters = &f;
	w.nfilters = 1;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.code, STACK_EXISTS);
	assert_string_equal(e.field, "mac");
	assert_string_equal(e.err.text, "is taken with this VLAN: filter 1 of VPort web1; delete or move that one");
	assert_int_equal(vports(), 2);
}

static void limit(void **state)
{
	struct stack_vport_want w = want_vport("one-more");
	struct stack_vport *v;
	struct stack_error e;
	char name[8];

	(void)state;
	for (unsigned i = 1; i < STUB_MAX_VPORTS; i++) {
		(void)snprintf(name, sizeof name, "v%u", i);
		(void)add(name, 0, 0);
	}
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.code, STACK_LIMIT);
	assert_int_equal(e.oid, OID_NIC_SWITCH_CREATE_VPORT);
	assert_int_equal(e.status, NDIS_STATUS_RESOURCES);
}

static unsigned cpu_of(struct stack_vport *v)
{
	struct stack_vport_info info;
	struct stack_error e;

	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	return info.cpu;
}

/* The default VPort is on the first CPU; new ones go where the fewest are. */
static void least_loaded(void **state)
{
	struct stack_vport_change c = { .set_cpu = true, .cpu = 2 };
	struct stack_vport *a, *b, *d;
	struct stack_error e;

	(void)state;
	a = add("a", 0, 0);
	b = add("b", 0, 0);
	assert_int_equal(cpu_of(a), 3);
	assert_int_equal(cpu_of(b), 70);
	assert_int_equal(cpu_of(add("c", 0, 0)), 2);
	d = add("d", 0, 0);
	assert_int_equal(cpu_of(d), 3);
	assert_int_equal(stack_vport_del(b, &e), 0);
	assert_int_equal(cpu_of(add("e", 0, 0)), 70);
	assert_int_equal(stack_vport_set(d, &c, &e), 0);
	assert_int_equal(cpu_of(d), 2);
	assert_int_equal(cpu_of(add("f", 0, 0)), 3);
}

static void set_all_or_nothing(void **state)
{
	struct stack_vport_change c = { .set_cpu = true,
					.cpu = 70,
					.set_moderation = true,
					.moderation = 2,
					.set_name = true,
					.name = "db1",
					.set_source_check = true,
					.policy.source_check = true };
	struct stack_vport *v = add("web1", 1, 0);
	struct stack_vport_info info;
	struct stack_policy policy;
	struct stack_error e;

	(void)state;
	for (unsigned at = 1; at <= 2; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_vport_set(v, &c, &e), -1);
		assert_int_equal(stack_vport_info(v, &info, &e), 0);
		assert_string_equal(info.name, "web1");
		assert_int_equal(info.moderation, 1);
		assert_int_equal(stack_vport_policy(v, &policy, &e), 0);
		assert_false(policy.source_check);
		assert_ptr_equal(stack_vport_find(s.stack, NULL, "web1", &e), v);
	}
	assert_int_equal(stack_vport_set(v, &c, &e), 0);
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_string_equal(info.name, "db1");
	assert_int_equal(info.cpu, 70);
	assert_int_equal(info.moderation, 2);
	assert_int_equal(stack_vport_policy(v, &policy, &e), 0);
	assert_true(policy.source_check && policy.vlan_check);
	assert_ptr_equal(stack_vport_find(s.stack, NULL, "db1", &e), v);
	assert_null(stack_vport_find(s.stack, NULL, "web1", &e));
	assert_int_equal(e.code, STACK_NOT_FOUND);
	c = (struct stack_vport_change){ .set_cpu = true, .cpu = 9 };
	assert_int_equal(stack_vport_set(v, &c, &e), -1);
	assert_string_equal(e.field, "cpu");
	c = (struct stack_vport_change){ .set_name = true, .name = "x" };
	assert_int_equal(stack_vport_set(stack_vport_by_id(s.adapter, 0), &c, &e), -1);
	assert_string_equal(e.field, "new_name");
}

/* Limits and policy are two requests of the adapter's own, the rest is the contract's: all three or none. */
static void tuning(void **state)
{
	const struct stack_tuning had = { .group_frames = { 7, 8 } };
	struct stack_vport_change c = { .set_tuning = true,
					.tuning = { .tx_bytes = { 1000, 0 }, .moderation_us = 9 },
					.set_source_check = true,
					.policy.source_check = true,
					.set_moderation = true,
					.moderation = 2 };
	struct stack_vport_want w = want_vport("web1");
	struct stack_vport *v;
	struct stack_policy policy;
	struct stack_tuning is;
	struct stack_error e;

	(void)state;
	w.tuning = had;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	for (unsigned at = 1; at <= 3; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_vport_set(v, &c, &e), -1);
		assert_int_equal(stack_vport_tuning(v, &is, &e), 0);
		assert_memory_equal(&is, &had, sizeof is);
		assert_int_equal(stack_vport_policy(v, &policy, &e), 0);
		assert_false(policy.source_check);
	}
	s.events[0] = '\0';
	assert_int_equal(stack_vport_set(v, &c, &e), 0);
	assert_int_equal(stack_vport_tuning(v, &is, &e), 0);
	assert_memory_equal(&is, &c.tuning, sizeof is);
	assert_string_equal(s.events, "vport_changed(1)");
}

static void del(void **state)
{
	struct stack_vport *v = add("web1", 1, 7);
	struct stack_error e;

	(void)state;
	(void)add_filter(v, want_filter(2, STACK_VLAN_ID, 7), 1);
	s.log[0] = s.events[0] = '\0';
	/* refused while the adapter resets: all is there again */
	for (unsigned at = 1; at <= 4; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_vport_del(v, &e), -1);
		assert_int_equal(vports(), 2);
		assert_non_null(strstr(filters(v), "01/7"));
		assert_non_null(strstr(filters(v), "02/7"));
		assert_non_null(strstr(filters(v), "ff/7*"));
		assert_int_equal(s.endpoints, 1);
		assert_string_equal(s.events, "");
	}
	s.log[0] = '\0';
	assert_int_equal(stack_vport_del(v, &e), 0);
	assert_int_equal(vports(), 1);
	assert_string_equal(filters(NULL), "");
	assert_int_equal(s.endpoints, 0);
	assert_non_null(strstr(s.log, "DELETE_VPORT(1)"));
	assert_non_null(strstr(s.events, "vport_deleted(1)"));
	assert_int_equal(stack_vport_del(stack_vport_by_id(s.adapter, 0), &e), -1);
	assert_int_equal(e.code, STACK_REFUSED);
}

/* ---- filters ---- */

static void one_broadcast_a_vlan_test(void **state)
{
	struct stack_vport *v = add("web1", 1, 7);
	struct stack_error e;
	uint32_t two, other;

	(void)state;
	two = add_filter(v, want_filter(2, STACK_VLAN_ID, 7), 1);
	other = add_filter(v, want_filter(2, STACK_VLAN_ID, 8), 2);
	assert_string_equal(filters(v), "1:01/7 1:ff/7* 1:02/7 1:02/8 1:ff/8*");
	assert_int_equal(stack_filter_del(s.adapter, other, &e), 0);
	assert_string_equal(filters(v), "1:01/7 1:ff/7* 1:02/7");
	assert_int_equal(stack_filter_del(s.adapter, 1, &e), 0);
	assert_string_equal(filters(v), "1:ff/7* 1:02/7");
	assert_int_equal(stack_filter_del(s.adapter, two, &e), 0);
	assert_string_equal(filters(v), "");
	assert_int_equal(stack_filter_del(s.adapter, two, &e), -1);
	assert_int_equal(e.code, STACK_NOT_FOUND);
	assert_string_equal(e.field, "id");
}

static void no_broadcast(void **state)
{
	struct stack_vport *v = add("web1", 0, 0);
	struct stack_filter_want f = want_filter(1, STACK_VLAN_UNTAGGED, 0), group = f;

	(void)state;
	f.broadcast = false;
	(void)add_filter(v, f, 1);
	group.mac[0] = 0x01;
	(void)add_filter(v, group, 1); /* a group address brings none */
	assert_string_equal(filters(v), "1:01/u 1:01/u");
}

/* A filter brings a broadcast filter from now on, or no more; the last that does takes it away. */
static void broadcast_set(void **state)
{
	struct stack_vport *v = add("web1", 1, 7);
	struct stack_filter_want group = want_filter(9, STACK_VLAN_ID, 8);
	struct stack_error e;
	uint32_t two;

	(void)state;
	two = add_filter(v, want_filter(2, STACK_VLAN_ID, 7), 1);
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, false, &e), 0);
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, false, &e), 0); /* so it is */
	assert_string_equal(filters(v), "1:01/7 1:ff/7* 1:02/7");
	assert_int_equal(stack_filter_set_broadcast(s.adapter, two, false, &e), 0);
	assert_string_equal(filters(v), "1:01/7 1:02/7");
	s.refuse_at = 1;
	assert_int_equal(stack_filter_set_broadcast(s.adapter, two, true, &e), -1);
	assert_string_equal(filters(v), "1:01/7 1:02/7");
	assert_int_equal(stack_filter_set_broadcast(s.adapter, two, true, &e), 0);
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 1, true, &e), 0);
	assert_int_equal(stack_filter_del(s.adapter, two, &e), 0);
	assert_non_null(strstr(filters(v), "ff/7*")); /* the other one needs it */
	group.mac[0] = 0x01;
	(void)add_filter(v, group, 1);
	for (uint32_t id = 1; id < 9; id++)
		(void)stack_filter_set_broadcast(s.adapter, id, true, &e);
	assert_null(strstr(filters(v), "ff/8")); /* a group's never does */
	assert_int_equal(stack_filter_set_broadcast(s.adapter, 77, true, &e), -1);
	assert_int_equal(e.code, STACK_NOT_FOUND);
}

static void del_undone(void **state)
{
	struct stack_vport *v = add("web1", 1, 7);
	struct stack_error e;

	(void)state;
	for (unsigned at = 1; at <= 2; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_filter_del(s.adapter, 1, &e), -1);
		assert_non_null(strstr(filters(v), "01/7"));
		assert_non_null(strstr(filters(v), "ff/7*"));
	}
	assert_int_equal(stack_filter_del(s.adapter, 1, &e), 0);
	assert_string_equal(filters(v), "");
}

/* A broadcast filter asked for by its own address stays without MAC filters; asked for twice it is there already. */
static void wanted_broadcast(void **state)
{
	struct stack_filter_want f = { .mac = { 255, 255, 255, 255, 255, 255 }, .broadcast = true,
				       .vlan = { STACK_VLAN_ID, 7 } };
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_vport *v = add("web1", 1, 7);
	struct stack_error e;
	unsigned n;

	(void)state;
	s.log[0] = '\0';
	assert_int_equal(add_filter(v, f, 1), 2);
	assert_string_equal(s.log, "");
	assert_string_equal(filters(v), "1:01/7 1:ff/7");
	assert_int_equal(stack_filter_add(v, &f, made, &n, &e), -1);
	assert_int_equal(e.code, STACK_EXISTS);
	assert_int_equal(stack_filter_del(s.adapter, 1, &e), 0);
	assert_string_equal(filters(v), "1:ff/7");
	assert_int_equal(stack_filter_del(s.adapter, 2, &e), 0);
	assert_string_equal(filters(v), "");
}

/* The broadcast filter deleted by hand: the MAC filters go on without, a new one brings one for itself. */
static void broadcast_deleted(void **state)
{
	struct stack_vport *v = add("web1", 1, 7);
	struct stack_error e;
	uint32_t two;

	(void)state;
	assert_int_equal(stack_filter_del(s.adapter, 2, &e), 0);
	assert_string_equal(filters(v), "1:01/7");
	two = add_filter(v, want_filter(2, STACK_VLAN_ID, 7), 2);
	assert_int_equal(stack_filter_del(s.adapter, 1, &e), 0);
	assert_non_null(strstr(filters(v), "ff/7*"));
	assert_int_equal(stack_filter_del(s.adapter, two, &e), 0);
	assert_string_equal(filters(v), "");
}

static uint32_t move(uint32_t id, struct stack_vport *to)
{
	struct stack_filter_info f;
	struct stack_error e;

	if (stack_filter_move(s.adapter, id, to, &f, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	assert_int_equal(f.vport, stack_vport_id(to));
	return f.id;
}

static void move_carries_broadcast(void **state)
{
	struct stack_vport *a = add("a", 1, 7), *b = add("b", 0, 0);

	(void)state;
	s.log[0] = '\0';
	assert_int_equal(move(1, b), 1);
	assert_string_equal(s.log, "MOVE_FILTER(2) MOVE_FILTER(1)");
	assert_string_equal(filters(NULL), "2:01/7 2:ff/7*");
	s.log[0] = '\0';
	(void)move(1, b); /* is there */
	assert_string_equal(s.log, "");
	(void)move(1, a);
	assert_string_equal(filters(NULL), "1:01/7 1:ff/7*");
}

static void move_makes_and_leaves_broadcast(void **state)
{
	struct stack_vport *a = add("a", 1, 7), *b = add("b", 0, 0);

	(void)state;
	(void)add_filter(a, want_filter(2, STACK_VLAN_ID, 7), 1);
	(void)move(1, b);
	assert_string_equal(filters(NULL), "2:01/7 1:ff/7* 1:02/7 2:ff/7*");
	(void)move(3, b); /* the last: the source's broadcast filter is needed no more */
	assert_string_equal(filters(NULL), "2:01/7 2:02/7 2:ff/7*");
	(void)a;
}

static void move_to_default(void **state)
{
	struct stack_vport *a = add("a", 1, 7), *d = stack_vport_by_id(s.adapter, 0);
	struct stack_error e;

	(void)state;
	(void)move(1, d);
	assert_string_equal(filters(NULL), "0:01/7 0:ff/7*");
	assert_int_equal(stack_vport_del(a, &e), 0);
	assert_int_equal(stack_filter_del(s.adapter, 1, &e), 0);
	assert_string_equal(filters(NULL), "");
}

static void move_undone(void **state)
{
	struct stack_vport *a = add("a", 1, 7), *b = add("b", 0, 0);
	struct stack_filter_info f;
	struct stack_error e;

	(void)state;
	/* carried along: two requests */
	for (unsigned at = 1; at <= 2; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_filter_move(s.adapter, 1, b, &f, &e), -1);
		assert_string_equal(filters(NULL), "1:01/7 1:ff/7*");
	}
	/* the destination has a broadcast filter: move, and clear the source's */
	(void)add_filter(b, want_filter(3, STACK_VLAN_ID, 7), 2);
	for (unsigned at = 1; at <= 2; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_filter_move(s.adapter, 1, b, &f, &e), -1);
		assert_string_equal(filters(NULL), "1:01/7 1:ff/7* 2:03/7 2:ff/7*");
	}
	(void)move(1, b);
	assert_string_equal(filters(NULL), "2:01/7 2:03/7 2:ff/7*");
	assert_int_equal(stack_filter_move(s.adapter, 2, a, &f, &e), -1);
	assert_int_equal(e.code, STACK_NOT_FOUND);
	/* a broadcast filter does not go alone */
	assert_int_equal(stack_filter_move(s.adapter, 4, a, &f, &e), -1);
	assert_int_equal(e.code, STACK_REFUSED);
	assert_string_equal(e.field, "id");
}

static void other_drivers_objects(void **state)
{
	struct ndis_driver_config cfg = { .name = "somebody else" };
	struct ndis_driver *d = ndis_driver_open(s.ndis, &cfg);
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof p },
		.AttachedFunctionId = NDIS_PF_FUNCTION_ID,
		.NumQueuePairs = 1,
		.InterruptModeration = NdisNicSwitchVPortInterruptModerationAdaptive,
		.VPortState = NdisNicSwitchVPortStateDeactivated,
		.ProcessorAffinity = { .Mask = 4 },
	};

	(void)state;
	assert_int_equal(ndis_method(d, OID_NIC_SWITCH_CREATE_VPORT, &p, sizeof p, sizeof p, NULL, NULL),
			 NDIS_STATUS_SUCCESS);
	assert_int_equal(vports(), 2);
	assert_null(stack_vport_by_id(s.adapter, p.VPortId));
	(void)add("web1", 1, 0);
	assert_int_equal(vports(), 3);
}

static void the_switch(void **state)
{
	struct stack_switch_info i;
	struct stack_error e;

	(void)state;
	(void)add("web1", 1, 0);
	assert_int_equal(stack_switch_info(s.adapter, &i, &e), 0);
	assert_string_equal(i.name, "Test Switch");
	assert_int_equal(i.num_vports, 2);
	assert_int_equal(i.max_vports, STUB_MAX_VPORTS);
	assert_int_equal(i.num_filters, 2);
	assert_int_equal(i.max_filters, STUB_MAX_FILTERS);
	assert_int_equal(i.queue_pairs, 2);
	assert_int_equal(i.max_queue_pairs, STUB_MAX_VPORTS);
}

/* Three VPorts on CPU 2, as a plan's items: the default one first. */
static struct cpu_plan plan_of_three(void)
{
	static const struct stack_vport_change to2 = { .set_cpu = true, .cpu = 2, .by_plan = true };
	struct cpu_plan p = { .nitems = 0 };
	struct stack_error e = { .code = STACK_OK };

	(void)add("a", 1, 0);
	(void)add("b", 2, 0);
	(void)add("c", 3, 0);
	for (uint32_t id = 0; id < 4; id++)
		assert_int_equal(stack_vport_set(stack_vport_by_id(s.adapter, id), &to2, &e), 0);
	assert_int_equal(cpu_items(s.adapter, &p.items, &p.nitems, &e), 0);
	assert_int_equal(p.nitems, 4);
	assert_false(p.items[1].chosen);
	return p;
}

static void plan_all_or_nothing(void **state)
{
	struct cpu_plan p = plan_of_three();
	struct stack_error e;

	(void)state;
	for (int i = 1; i < 4; i++)
		p.items[i].to = 3;
	s.refuse_at = 3; /* the last of them */
	assert_int_equal(cpu_apply(&p, &e), -1);
	assert_non_null(strstr(e.err.text, "VPort c"));
	for (uint32_t id = 1; id < 4; id++)
		assert_int_equal(cpu_of(stack_vport_by_id(s.adapter, id)), 2);
	s.refuse_at = 0;
	cpu_undo_plan(&p); /* nothing was done */
	for (int i = 1; i < 4; i++)
		assert_int_equal(p.items[i].to, 3);
	assert_int_equal(cpu_apply(&p, &e), 0);
	for (uint32_t id = 1; id < 4; id++)
		assert_int_equal(cpu_of(stack_vport_by_id(s.adapter, id)), 3);
	free(p.items);
}

static void plan_undone(void **state)
{
	static const struct stack_vport_change by_hand = { .set_cpu = true, .cpu = 3 }, another = { .set_moderation = true, .moderation = 2 };
	struct cpu_plan p = plan_of_three(), now = { .nitems = 0 };
	struct stack_error e;

	(void)state;
	p.items[1].to = p.items[2].to = 3;
	p.items[2].asked = true;
	assert_int_equal(cpu_apply(&p, &e), 0);
	assert_int_equal(stack_vport_set(stack_vport_by_id(s.adapter, 1), &by_hand, &e), 0);
	assert_int_equal(stack_vport_set(stack_vport_by_id(s.adapter, 2), &another, &e), 0); /* no matter */
	assert_int_equal(cpu_items(s.adapter, &now.items, &now.nitems, &e), 0);
	assert_true(now.items[1].chosen); /* by hand: it stays */
	assert_true(now.items[2].chosen);
	cpu_undo_plan(&now);
	assert_int_equal(now.items[1].to, 3);
	assert_int_equal(now.items[2].to, 2);
	assert_int_equal(now.items[3].to, 2);
	assert_int_equal(cpu_apply(&now, &e), 0);
	assert_int_equal(cpu_of(stack_vport_by_id(s.adapter, 2)), 2);
	assert_false(stack_vport_cpu_chosen(stack_vport_by_id(s.adapter, 2)));
	free(p.items);
	free(now.items);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(add_is_these_requests),
		T(awaits_its_vm),
		T(add_undone),
		T(add_refused),
		T(limit),
		T(least_loaded),
		T(set_all_or_nothing), T(tuning),
		T(del),
		T(one_broadcast_a_vlan_test),
		T(no_broadcast),
		T(broadcast_set),
		T(del_undone),
		T(wanted_broadcast),
		T(broadcast_deleted),
		T(move_carries_broadcast),
		T(move_makes_and_leaves_broadcast),
		T(move_to_default),
		T(move_undone),
		T(other_drivers_objects),
		T(the_switch),
		T(plan_all_or_nothing),
		T(plan_undone),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
