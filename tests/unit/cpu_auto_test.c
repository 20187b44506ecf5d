/* SPDX-License-Identifier: BSD-3-Clause */
/* Automatic placement over hosts that don't exist (cpu_fixture.h): when a VPort moves, which, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu_fixture.h"

static bool hold_all, hold_none;

static bool held(void *ctx, size_t i)
{
	(void)i;
	return *(const bool *)ctx;
}

static void moves_after_a_while(void **state)
{
	struct cpu_auto a = { .back = false };

	(void)state;
	worker(1, 950);
	worker(2, 100);
	item("a", 1, 600);
	item("b", 1, 300);
	for (unsigned i = 1; i < CPU_AUTO_STEPS; i++)
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	/* b, because 650 and 400 are better than 350 and 700 */
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), 1);
	assert_int_equal(items[1].to, 2);
	items[1].to = 1;
	for (unsigned i = 0; i < CPU_AUTO_TRIAL + CPU_AUTO_STEPS - 1; i++) /* the trial, and all begins anew */
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), 1);
}

/* A step is worth its plan only while somebody is busy or a move is on trial; being busy begins anew after a rest. */
static void no_plan_without_need(void **state)
{
	struct cpu_auto a = { .back = false };
	unsigned load[2] = { CPU_AUTO_HIGH, 0 };

	(void)state;
	worker(1, 950);
	worker(2, 100);
	item("a", 1, 600);
	item("b", 1, 300);
	for (unsigned i = 1; i < CPU_AUTO_STEPS; i++) {
		assert_true(cpu_auto_due(&a, load, 2));
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	}
	load[0]--;
	assert_false(cpu_auto_due(&a, load, 2));
	for (unsigned i = 1; i < CPU_AUTO_STEPS; i++)
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), 1);
	assert_true(cpu_auto_due(&a, load, 2)); /* on trial */
	a.trial.steps = 1;
	assert_true(cpu_auto_due(&a, load, 2));
	a.trial.steps = 0;
	assert_false(cpu_auto_due(&a, load, 2));
	load[1] = CPU_AUTO_HIGH; /* any of them */
	for (unsigned i = 1; i < CPU_AUTO_STEPS; i++) {
		assert_true(cpu_auto_due(&a, load, 2));
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	}
	assert_true(cpu_auto_due(&a, load, 2)); /* what was counted stays */
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), 1);
}

/* A VPort that was moved, with so many frames of a thousand and the worker it left this busy; what becomes of it. */
static int tried(uint64_t frames, unsigned load, bool chosen)
{
	struct cpu_auto a = { .back = false };
	int moved = -1;

	plan.nworkers = 0;
	plan.nitems = 0;
	worker(1, 950);
	worker(2, 100);
	item("a", 1, 600)->id = 1;
	item("b", 1, 300)->id = 2;
	items[1].frames = 1000;
	for (unsigned i = 0; i < CPU_AUTO_STEPS; i++)
		moved = cpu_auto_step(&a, &plan, held, &hold_none, false);
	assert_int_equal(moved, 1);
	assert_false(a.back);
	items[1].cpu = items[1].to;
	items[1].frames = frames;
	items[1].chosen = chosen;
	plan.worker[0].load = load;
	for (unsigned i = 0; i < CPU_AUTO_TRIAL - 1; i++)
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	moved = cpu_auto_step(&a, &plan, held, &hold_none, false);
	assert_int_equal(a.back, moved >= 0);
	return moved;
}

static void what_does_not_pay_goes_back(void **state)
{
	(void)state;
	assert_int_equal(tried(500, 950, false), 1);
	assert_int_equal(items[1].to, 1);
	assert_int_equal(tried(500, 950, true), -1); /* somebody chose its CPU meanwhile */
	assert_int_equal(tried(900, 950, false), -1); /* about as many */
	assert_int_equal(tried(500, 400, false), -1); /* less traffic: the worker is relieved */
}

static void a_short_burst_moves_nothing(void **state)
{
	struct cpu_auto a = { .back = false };

	(void)state;
	worker(1, 950);
	worker(2, 100);
	item("a", 1, 600);
	item("b", 1, 300);
	for (unsigned i = 0; i < 100; i++) {
		plan.worker[0].load = i % CPU_AUTO_STEPS ? 950 : 700;
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	}
}

static void what_gains_little_stays(void **state)
{
	struct cpu_auto a = { .back = false };

	(void)state;
	worker(1, 900);
	worker(2, 500);
	item("a", 1, 850); /* alone: elsewhere it is as busy */
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, true), -1);
	item("b", 1, 60);
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, true), -1);
	plan.worker[1].load = 100;
	items[0].load = 500;
	items[1].load = 400;
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, true), 1);
}

static void not_all_may_be_moved(void **state)
{
	struct cpu_auto a = { .back = false };

	(void)state;
	worker(1, 950);
	worker(2, 0);
	item("chosen", 1, 300)->chosen = true;
	item("several", 1, 300)->queue_pairs = 2;
	item("silent", 1, 0);
	wire("ext0", 1, 300);
	for (unsigned i = 0; i < 2 * CPU_AUTO_STEPS; i++)
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), -1);
	item("held", 1, 300);
	hold_all = true;
	for (unsigned i = 0; i < 2 * CPU_AUTO_STEPS; i++)
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_all, false), -1);
	vcpu("2"); /* the only other place is a VM's own */
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, true), -1);
	plan.nvcpus = 0;
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), 4);
}

/* Two equal VPorts and a worker that reports what its VPorts need: however long it runs, one move settles it. */
static void it_does_not_flap(void **state)
{
	struct cpu_auto a = { .back = false };
	unsigned moves = 0;

	(void)state;
	worker(1, 0);
	worker(2, 0);
	for (int i = 0; i < 3; i++)
		item("x", 1, 0);
	for (unsigned second = 0; second < 600; second++) {
		unsigned need[3] = { 600, 500, 400 + second % 7 * 50 }; /* together more than one CPU, nearly two */
		int moved;

		for (unsigned w = 0; w < 2; w++) {
			unsigned sum = 0;

			for (int i = 0; i < 3; i++)
				sum += items[i].cpu == plan.worker[w].cpu ? need[i] : 0;
			plan.worker[w].load = sum < 1000 ? sum : 1000;
			for (int i = 0; i < 3; i++)
				if (items[i].cpu == plan.worker[w].cpu)
					items[i].load = sum ? plan.worker[w].load * need[i] / sum : 0;
		}
		moved = cpu_auto_step(&a, &plan, held, &hold_none, false);
		if (moved >= 0) {
			items[moved].cpu = items[moved].to;
			moves++;
		}
	}
	assert_in_range(moves, 1, 2);
}

/* To a thousandth: how busy a worker is, how much the move gains, and the busiest of all. */
static void just_busy_enough(void **state)
{
	static const struct {
		unsigned load[3];
		int moved;
		unsigned to;
	} rows[] = {
		{ { CPU_AUTO_HIGH, 0, 0 }, 0, 2 },
		{ { CPU_AUTO_HIGH - 1, 0, 0 }, -1, 0 },
		{ { 850, 300, 790 }, 0, 2 },  /* of 300: 600 there, 550 here: gains 250 */
		{ { 850, 400, 790 }, 0, 2 },  /* just enough */
		{ { 850, 401, 790 }, -1, 0 },
		{ { 900, 100, 850 }, 0, 2 },
		{ { 850, 100, 900 }, 2, 2 },  /* the busier one's */
		{ { 100, 790, 850 }, 2, 1 },
		{ { 850, 100, 850 }, 0, 2 },  /* of two as busy the first */
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct cpu_auto a = { .back = true };

		plan.nworkers = 0;
		plan.nitems = 0;
		for (unsigned w = 0; w < 3; w++)
			worker(1 + w, rows[r].load[w]);
		item("a", 1, 300);
		item("b", 1, 500)->chosen = true;
		item("c", 3, 300)->chosen = r < 6;
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, true), rows[r].moved);
		if (rows[r].moved >= 0)
			assert_int_equal(items[rows[r].moved].to, rows[r].to);
		assert_int_equal(a.trial.steps, 0); /* nor is it on trial */
		assert_false(a.back);
	}
}

/* The VPort on trial is known by all that makes it, and goes back only when it is where it was put and still the plans' own. */
static void who_is_on_trial(void **state)
{
	enum { SAME, OWNER, ID, SERIAL, WIRE, NOBODYS, ELSEWHERE, GONE, NO_WORKER, RELIEVED, BUSY, FEWER, ENOUGH, CASES };

	(void)state;
	for (unsigned one = 0; one < CASES; one++) {
		struct cpu_auto a = { .trial = { .steps = 1, .owner = 3, .id = 5, .serial = 9, .from = 1, .to = 2, .frames = 1000000 } };
		const bool back = one == SAME || one == BUSY || one == FEWER;
		struct cpu_item *i;

		plan.nworkers = 0;
		plan.nitems = 0;
		worker(one == NO_WORKER ? 3 : 1, one == RELIEVED ? CPU_AUTO_HIGH - 1 : one == BUSY ? CPU_AUTO_HIGH : 950);
		worker(2, 100);
		item("other", 2, 100)->id = 4;
		i = item("a", one == ELSEWHERE ? 1 : 2, 300);
		i->owner = one == OWNER ? 4 : 3;
		i->id = one == ID ? 6 : 5;
		i->serial = one == SERIAL ? 8 : 9;
		i->frames = one == FEWER ? 799999 : one == ENOUGH ? 800000 : 0;
		if (one == WIRE)
			i->kind = CPU_ITEM_WIRE;
		if (one == NOBODYS)
			i->vport = NULL;
		plan.nitems = one == GONE ? 1 : 2;
		assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), back ? 1 : -1);
		assert_int_equal(a.back, back);
		assert_int_equal(items[1].to, back ? 1 : items[1].cpu);
	}
}

/* The first of all items, too. */
static void the_first_item(void **state)
{
	struct cpu_auto a = { .trial = { .steps = 1, .from = 1, .to = 2, .frames = 1000 } };

	(void)state;
	worker(1, 950);
	worker(2, 100);
	item("a", 2, 300);
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, false), 0);
	assert_true(a.back);
	/* and of several that may move the one that gains most, be it the first */
	items[0].cpu = items[0].to = 1;
	item("b", 1, 600);
	assert_int_equal(cpu_auto_step(&a, &plan, held, &hold_none, true), 0);
}

static void holds_grow(void **state)
{
	(void)state;
	assert_int_equal(cpu_auto_hold(0), CPU_AUTO_HOLD);
	assert_int_equal(cpu_auto_hold(1), CPU_AUTO_HOLD);
	assert_int_equal(cpu_auto_hold(2), 2 * CPU_AUTO_HOLD);
	assert_int_equal(cpu_auto_hold(6), 32 * CPU_AUTO_HOLD);
	assert_int_equal(cpu_auto_hold(7), CPU_AUTO_HOLD_MAX); /* 64 would be more */
	assert_int_equal(cpu_auto_hold(1000), CPU_AUTO_HOLD_MAX);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, cpu_setup, cpu_teardown)
	const struct CMUnitTest tests[] = {
		T(moves_after_a_while),
		T(no_plan_without_need),
		T(what_does_not_pay_goes_back),
		T(a_short_burst_moves_nothing),
		T(what_gains_little_stays),
		T(not_all_may_be_moved),
		T(it_does_not_flap),
		T(just_busy_enough),
		T(who_is_on_trial),
		T(the_first_item),
		T(holds_grow),
	};
#undef T

	return cmocka_run_group_tests_name("cpu_auto", tests, NULL, NULL);
}
