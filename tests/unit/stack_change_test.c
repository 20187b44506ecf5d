/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of VPorts, by the stack over the real keeper and a driver that only takes notes: that each says what is to be another
 * and nothing else, who is told of it, whose choice a CPU is, and names and numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack/cpu_move.h"
#include "stack_stub.h"

static struct stub s;
static struct stack_error e;

static int setup(void **state)
{
	(void)state;
	stub_start(&s);
	return 0;
}

static int setup_vmmq(void **state)
{
	(void)state;
	stub_start_vmmq(&s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stub_stop(&s);
	return 0;
}

static struct stack_vport_want want(const char *name)
{
	struct stack_vport_want w = { .queue_pairs = 1, .moderation = 1 };

	(void)snprintf(w.name, sizeof w.name, "%s", name);
	(void)snprintf(w.socket, sizeof w.socket, "/run/%s.sock", name);
	return w;
}

static struct stack_vport *add(const struct stack_vport_want *w)
{
	struct stack_vport *v = NULL;

	if (stack_vport_add(s.adapter, w, &v, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	s.log[0] = s.events[0] = s.changed[0] = '\0';
	return v;
}

static struct stack_vport *add_named(const char *name)
{
	struct stack_vport_want w = want(name);

	return add(&w);
}

static int set(struct stack_vport *v, struct stack_vport_change c)
{
	s.log[0] = s.events[0] = s.changed[0] = '\0';
	memset(&s.set, 0, sizeof s.set);
	return stack_vport_set(v, &c, &e);
}

/* What is not asked for stays; the requests are those, the parameters' flags these, and who is told is told once. */
static void only_what_is_asked(void **state)
{
	static const struct {
		struct stack_vport_change c;
		const char *log;
		uint32_t flags;
		bool event;
	} rows[] = {
		{ { .cpu = 3, .moderation = 200, .queue_pairs = 1, .name = "c", .rss = { .ncpus = 1, .cpus = { 9 } } }, "", 0, false },
		{ { .set_name = true, .name = "b" }, "VPORT_PARAMETERS(1)", NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED, true },
		{ { .set_moderation = true, .moderation = 200 }, "VPORT_PARAMETERS(1)", NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED, true },
		{ { .set_cpu = true, .cpu = 70 }, "VPORT_PARAMETERS(1)", NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED, true },
		{ { .set_active = true }, "", 0, true }, /* so it is: the keeper's driver is not asked */
		{ { .set_source_check = true }, "POLICY(1)", 0, true },
		{ { .set_tuning = true }, "TUNING(1)", 0, true },
		{ { .let_plan = true }, "", 0, true },
		{ { .set_moderation = true, .moderation = 100, .set_trunk = true, .set_tuning = true }, "POLICY(1) TUNING(1) VPORT_PARAMETERS(1)",
		  NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED, true },
	};
	struct stack_vport *v = add_named("a");

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		assert_int_equal(set(v, rows[r].c), 0);
		assert_string_equal(s.log, rows[r].log);
		assert_int_equal(s.set.Flags, rows[r].flags);
		assert_string_equal(s.events, rows[r].event ? "vport_changed(1)" : "");
		assert_string_equal(s.changed, rows[r].event ? "changed(1)" : "");
		assert_ptr_equal(stack_vport_find(s.stack, NULL, r ? "b" : "a", &e), v);
	}
	/* the default one is active for life */
	assert_int_equal(set(stack_vport_by_id(s.adapter, 0), (struct stack_vport_change){ .set_active = true }), 0);
	assert_string_equal(s.log, "");
	assert_string_equal(s.events, "");
}

/* Each policy by itself, both ways; the others stay, all on or all off. */
static void one_policy(void **state)
{
	struct stack_vport_want w = want("a");
	struct stack_vport *v;

	(void)state;
	for (unsigned all = 0; all <= 15; all += 15) {
		for (unsigned one = 1; one <= 8; one <<= 1) {
			const unsigned to = all ^ one;
			struct stack_policy p = { all & 1, all & 2, all & 4, all & 8 }, q = { to & 1, to & 2, to & 4, to & 8 }, is;
			struct stack_vport_change c = { .set_source_check = one == 1, .set_vlan_check = one == 2,
							.set_all_multicast = one == 4, .set_trunk = one == 8, .policy = q };

			w.policy = p;
			v = add(&w);
			c.policy.source_check ^= one != 1; /* not looked at without their flags */
			c.policy.vlan_check ^= one != 2;
			c.policy.all_multicast ^= one != 4;
			c.policy.trunk ^= one != 8;
			assert_int_equal(set(v, c), 0);
			assert_int_equal(stack_vport_policy(v, &is, &e), 0);
			assert_memory_equal(&is, &q, sizeof is);
			assert_int_equal(stack_vport_del(v, &e), 0);
			stub_stop(&s); /* the stub has few numbers */
			stub_start(&s);
		}
	}
}

/* Both requests of the adapter's own are put back, in the opposite order, when the contract's is refused. */
static void taken_back(void **state)
{
	struct stack_vport *v = add_named("a");
	struct stack_vport_change c = { .set_source_check = true, .policy.source_check = true, .set_tuning = true,
					.tuning.tx_frames = { 10, 5 }, .set_moderation = true, .moderation = 200 };
	struct stack_tuning t;

	(void)state;
	s.refuse_at = 3;
	assert_int_equal(set(v, c), -1);
	assert_string_equal(s.log, "POLICY(1) TUNING(1) refused(7) TUNING(1) POLICY(1)");
	assert_string_equal(s.events, "");
	assert_int_equal(stack_vport_tuning(v, &t, &e), 0);
	assert_int_equal(t.tx_frames.per_s, 0);
	/* nor is anything changed of what cannot be read */
	s.refuse_reads = true;
	assert_int_equal(set(v, (struct stack_vport_change){ .set_trunk = true, .set_moderation = true, .moderation = 2 }), -1);
	assert_string_equal(s.log, "");
	assert_int_equal(set(v, (struct stack_vport_change){ .set_tuning = true, .set_moderation = true, .moderation = 2 }), -1);
	assert_string_equal(s.log, "");
	s.refuse_reads = false;
	/* what was not done is not undone */
	s.refuse_at = 1;
	assert_int_equal(set(v, (struct stack_vport_change){ .set_moderation = true, .moderation = 200 }), -1);
	assert_string_equal(s.log, "refused(10)");
	s.refuse_at = 1;
	assert_int_equal(set(v, (struct stack_vport_change){ .set_tuning = true, .set_moderation = true, .moderation = 2 }), -1);
	assert_string_equal(s.log, "refused(11)");
}

static void whose_choice(void **state)
{
	static const struct {
		struct stack_vport_change c;
		bool chosen;
	} rows[] = {
		{ { .set_cpu = true, .cpu = 70, .by_plan = true }, false },
		{ { .set_moderation = true, .moderation = 2 }, false },
		{ { .set_cpu = true, .cpu = 70 }, true }, /* where it is, and from now on by choice */
		{ { .set_cpu = true, .cpu = 3, .by_plan = true }, true },
		{ { .let_plan = true }, false },
		{ { .set_cpu = true, .cpu = 2, .let_plan = true }, false },
	};
	struct stack_vport_want given = want("g"), plan = want("p");
	struct stack_vport *v = add_named("a");

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		assert_int_equal(set(v, rows[r].c), 0);
		assert_int_equal(stack_vport_cpu_chosen(v), rows[r].chosen);
	}
	given.cpu_given = plan.cpu_given = plan.cpu_by_plan = true;
	given.cpu = plan.cpu = 3;
	assert_true(stack_vport_cpu_chosen(add(&given)));
	assert_false(stack_vport_cpu_chosen(add(&plan)));
}

/* All of an adapter go by plan, the default VPort too, and back. */
static void all_by_plan(void **state)
{
	struct stack_vport_want w = want("a");
	struct cpu_plan p = { .nitems = 0 };
	struct stack_vport_info info;

	(void)state;
	w.cpu_given = w.cpu_by_plan = true;
	w.cpu = 3;
	(void)add(&w);
	assert_int_equal(set(stack_vport_by_id(s.adapter, 0), (struct stack_vport_change){ .set_cpu = true, .cpu = 2, .by_plan = true }), 0);
	assert_int_equal(cpu_items(s.adapter, &p.items, &p.nitems, &e), 0);
	for (unsigned back = 0; back < 2; back++) {
		p.items[0].to = p.items[1].to = 70;
		if (back)
			cpu_undo_plan(&p);
		assert_int_equal(p.items[0].to, back ? 2 : 70);
		assert_int_equal(p.items[1].to, back ? 3 : 70);
		assert_int_equal(cpu_apply(&p, &e), 0);
		for (uint32_t id = 0; id < 2; id++) {
			assert_int_equal(stack_vport_info(stack_vport_by_id(s.adapter, id), &info, &e), 0);
			assert_int_equal(info.cpu, p.items[id].to);
			assert_false(stack_vport_cpu_chosen(stack_vport_by_id(s.adapter, id)));
			p.items[id].cpu = p.items[id].to;
		}
	}
	p.items[0].to = 70;
	cpu_undo_plan(&p); /* where they were: nothing is to be taken back */
	assert_int_equal(p.items[0].to, 70);
	free(p.items);
}

static unsigned cpu_of(struct stack_vport *v)
{
	struct stack_vport_info info;

	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	return info.cpu;
}

/* One that is gone, and one that went elsewhere, leave their place to the next. */
static void places_are_counted(void **state)
{
	struct stack_vport *a, *b;

	(void)state;
	a = add_named("a"); /* the default one is on CPU 2 */
	b = add_named("b");
	assert_int_equal(cpu_of(a), 3);
	assert_int_equal(cpu_of(b), 70);
	assert_int_equal(stack_vport_del(b, &e), 0);
	assert_int_equal(cpu_of(add_named("c")), 70);
	assert_int_equal(set(a, (struct stack_vport_change){ .set_cpu = true, .cpu = 70 }), 0);
	assert_int_equal(cpu_of(add_named("d")), 3);
	assert_int_equal(cpu_of(add_named("e")), 2);
	assert_int_equal(cpu_of(add_named("f")), 3); /* 2, 1 and 2 */
	assert_int_equal(cpu_of(add_named("g")), 2); /* 2 each */
}

/* Coming and going, or being put where it is, again and again: each counts once. */
static void counted_once(void **state)
{
	struct stack_vport *a;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		a = add_named("a");
		assert_int_equal(cpu_of(a), 3);
		assert_int_equal(stack_vport_del(a, &e), 0);
	}
	a = add_named("a");
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(set(a, (struct stack_vport_change){ .set_cpu = true, .cpu = 3 }), 0);
	assert_int_equal(cpu_of(add_named("b")), 70);
	assert_int_equal(cpu_of(add_named("c")), 2);
	assert_int_equal(cpu_of(add_named("d")), 3);
}

static void names(void **state)
{
	static const struct {
		const char *name;
		enum stack_code code; /* of the refusal; STACK_OK: none */
	} rows[] = {
		{ "b", STACK_EXISTS },	  { "wire", STACK_EXISTS }, { "default", STACK_EXISTS }, { "", STACK_PARAM },
		{ ".", STACK_PARAM },	  { "..", STACK_PARAM },    { "a b", STACK_PARAM },	 { "a", STACK_OK },
		{ "x.y_z-9", STACK_OK },
	};
	struct stack_vport_change c = { .set_name = true };
	struct stack_vport *a = add_named("a"), *v;

	(void)state;
	(void)add_named("b");
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		(void)snprintf(c.name, sizeof c.name, "%s", rows[r].name);
		assert_int_equal(set(a, c), rows[r].code == STACK_OK ? 0 : -1);
		if (rows[r].code == STACK_OK)
			continue;
		assert_int_equal(e.code, rows[r].code);
		assert_string_equal(e.field, "new_name");
		assert_string_equal(s.log, "");
	}
	assert_string_equal(stack_vport_name(a), "x.y_z-9");
	/* there and back, and gone: neither name is found */
	(void)snprintf(c.name, sizeof c.name, "a");
	assert_int_equal(set(a, c), 0);
	assert_ptr_equal(stack_vport_find(s.stack, s.adapter, "a", &e), a);
	assert_int_equal(stack_vport_del(a, &e), 0);
	assert_null(stack_vport_find(s.stack, s.adapter, "a", &e));
	assert_null(stack_vport_find(s.stack, NULL, "x.y_z-9", &e));
	assert_string_equal(e.err.text, "there is no VPort x.y_z-9");
	v = add_named("a");
	assert_ptr_equal(stack_vport_find(s.stack, s.adapter, "a", &e), v);
	assert_int_equal(stack_vport_set(stack_vport_by_id(s.adapter, 0), &c, &e), -1);
	assert_string_equal(e.err.text, "the default VPort keeps its name");
}

/* The numbers asked for, if they are free; what the stack keeps of a VPort itself. */
static void as_wished(void **state)
{
	struct stack_filter_want f = { .mac = { 2 }, .broadcast = true, .id = 9, .broadcast_id = 12 };
	struct stack_vport_want w = want("a");
	struct stack_vport_info *list;
	struct stack_vport *v;
	size_t n;

	(void)state;
	w.id = 5;
	w.socket_mode = STACK_SOCKET_CLIENT;
	w.filters = &f;
	w.nfilters = 1;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_int_equal(stack_vport_id(v), 5);
	assert_ptr_equal(stack_vport_by_id(s.adapter, 5), v);
	assert_string_equal(s.events, "vport_added(5) filter_set(9) filter_set(12)");
	assert_int_equal(stack_vport_socket_mode(v), STACK_SOCKET_CLIENT);
	assert_string_equal(stack_vport_socket(v), "/run/a.sock");
	assert_ptr_equal(stack_vport_adapter(v), s.adapter);
	w = want("c");
	w.id = 3;
	assert_int_equal(stack_vport_id(add(&w)), 3);
	assert_int_equal(stack_vport_list(s.adapter, &list, &n, &e), 0); /* by number, whoever was first */
	assert_int_equal(n, 3);
	assert_true(list[1].id == 3 && list[2].id == 5);
	free(list);
	w = want("b");
	w.id = 5;
	assert_int_not_equal(stack_vport_id(add(&w)), 5);
	assert_int_equal(stack_vport_socket_mode(stack_vport_find(s.stack, NULL, "b", &e)), STACK_SOCKET_SERVER);
	assert_null(stack_vport_by_id(s.adapter, 65535));
	assert_null(stack_vport_by_id(s.adapter, 65536));
}

/* What the list says of each is what is said of it alone. */
static void listed(void **state)
{
	struct stack_filter_want f = { .mac = { 2 }, .broadcast = true };
	struct stack_vport_want w = want("a");
	struct stack_vport_info *list, one;
	size_t n;

	(void)state;
	w.cpu_given = w.awaits_vm = true;
	w.cpu = 70;
	w.moderation = 200;
	w.filters = &f;
	w.nfilters = 1;
	(void)add(&w);
	(void)add_named("b");
	assert_int_equal(stack_vport_list(s.adapter, &list, &n, &e), 0);
	assert_int_equal(n, 3);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(list[i].id, i);
		assert_int_equal(stack_vport_info(stack_vport_by_id(s.adapter, i), &one, &e), 0);
		assert_memory_equal(&list[i], &one, sizeof one);
	}
	assert_string_equal(list[0].name, "default");
	assert_true(list[0].active && !list[1].active && list[2].active);
	assert_true(list[1].on_pf && !list[1].is_queue);
	assert_int_equal(list[1].cpu, 70);
	assert_int_equal(list[1].moderation, 200);
	assert_int_equal(list[1].num_filters, 2);
	assert_int_equal(list[1].queue_pairs, 1);
	free(list);
}

/* How many queue pairs it has is the contract's parameter; each is on a CPU. */
static void queue_pairs(void **state)
{
	struct stack_vport *v = add_named("a");
	struct stack_vport_info info;

	(void)state;
	assert_int_equal(set(v, (struct stack_vport_change){ .set_cpu = true, .cpu = 3 }), 0);
	assert_int_equal(set(v, (struct stack_vport_change){ .set_queue_pairs = true, .queue_pairs = 2 }), 0);
	assert_int_equal(s.set.Flags, NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED |
					     NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED);
	assert_int_equal(s.set.NumQueuePairs, 2);
	assert_int_equal(s.set.ProcessorAffinity.Mask, 0xC);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1) RSS(0)");
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_int_equal(info.queue_pairs, 2);
	assert_int_equal(info.cpu, 3); /* the first pair's, not the lowest */
	/* another thing refused: nobody is asked for RSS */
	s.refuse_at = 1;
	assert_int_equal(set(v, (struct stack_vport_change){ .set_name = true, .name = "b" }), -1);
	assert_null(strstr(s.log, "RSS"));
	assert_int_equal(set(v, (struct stack_vport_change){ .set_name = true, .name = "b" }), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1)");
	assert_int_equal(set(v, (struct stack_vport_change){ .set_cpu = true, .cpu = 2 }), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1) RSS(0)");
	assert_int_equal(set(v, (struct stack_vport_change){ .set_cpu = true, .cpu = 3 }), 0);
	/* refused: RSS, which was narrowed first, is as wide as before */
	s.refuse_at = 2;
	assert_int_equal(set(v, (struct stack_vport_change){ .set_queue_pairs = true, .queue_pairs = 1 }), -1);
	assert_string_equal(strstr(s.log, " refused"), " refused(15) RSS(0)");
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_int_equal(info.queue_pairs, 2);
}

/* A VPort that awaits its VM: RSS is for active ones, and what is asked for along with its activation is done, too. */
static void activated(void **state)
{
	struct stack_vport_want w = want("a");
	struct stack_vport_info info;
	struct stack_vport *v;

	(void)state;
	w.queue_pairs = 2;
	w.awaits_vm = w.cpu_given = true;
	w.cpu = 2;
	v = add(&w);
	assert_int_equal(set(v, (struct stack_vport_change){ .set_name = true, .name = "b" }), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1)");
	assert_int_equal(set(v, (struct stack_vport_change){ .set_cpu = true, .cpu = 3 }), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1)");
	assert_true(stack_vport_awaits_vm(v));
	assert_int_equal(set(v, (struct stack_vport_change){ .set_active = true, .set_name = true, .name = "c" }), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1) RSS(0)");
	assert_int_equal(s.set.Flags, NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED);
	assert_false(stack_vport_awaits_vm(v));
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_true(info.active);
	assert_string_equal(info.name, "c");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(only_what_is_asked), T(one_policy), T(taken_back), T(whose_choice), T(all_by_plan), T(places_are_counted), T(counted_once), T(names), T(as_wished), T(listed),
		cmocka_unit_test_setup_teardown(queue_pairs, setup_vmmq, teardown),
		cmocka_unit_test_setup_teardown(activated, setup_vmmq, teardown),
	};
#undef T

	return cmocka_run_group_tests_name("stack_change", tests, NULL, NULL);
}
