/* SPDX-License-Identifier: BSD-3-Clause */
/* The CPU plan over hosts that don't exist (cpu_fixture.h): what a person or a kernel can do wrong with them, and better places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu_fixture.h"

/* The only finding of a kind; NULL: none. */
static const struct cpu_finding *finding(enum cpu_check check)
{
	const struct cpu_finding *f = NULL;

	assert_int_equal(cpu_plan_check(&plan), 0);
	for (size_t i = 0; i < plan.nfindings; i++) {
		if (plan.findings[i].check != check)
			continue;
		assert_null(f);
		f = &plan.findings[i];
	}
	return f;
}

static void expect(enum cpu_check check, bool refused, int cpu, const char *says)
{
	const struct cpu_finding *f = finding(check);

	assert_non_null(f);
	assert_int_equal(f->refused, refused);
	assert_int_equal(plan.refused, refused);
	assert_int_equal(f->cpu, cpu);
	if (!strstr(f->text, says))
		fail_msg("\"%s\" does not say \"%s\"", f->text, says);
}

/* ---- findings ---- */

static void nothing_is_wrong(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	item("a", 1, 0);
	item("b", 2, 0);
	assert_int_equal(cpu_plan_check(&plan), 0);
	assert_int_equal(plan.nfindings, 0);
	for (int c = 0; c < CPU_CHECK_COUNT; c++)
		assert_true(cpu_check_name((enum cpu_check)c)[0]);
}

static void no_worker(void **state)
{
	(void)state;
	worker(1, 0);
	item("a", 1, 0)->to = 6;
	host.quota_pct = 50; /* a warning behind it takes nothing back */
	expect(CPU_CHECK_NO_WORKER, true, 6, "VPort a cannot be on CPU 6");
}

static void offline(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	host.cpu[2].online = false;
	item("a", 1, 0)->to = 2;
	expect(CPU_CHECK_OFFLINE, true, 2, "CPU 2, where VPort a is, is offline");
	items[0].cpu = 2; /* it stood there before: no move, so no refusal */
	expect(CPU_CHECK_OFFLINE, false, 2, "CPU 2");
	cpu_plan_compute(&plan, 15, false);
	assert_int_equal(items[0].to, 1);
	assert_null(finding(CPU_CHECK_OFFLINE));
}

static void not_allowed(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	host.allowed_known = true;
	host_cpus_add(&host.allowed, 1);
	item("a", 1, 0)->to = 2;
	expect(CPU_CHECK_NOT_ALLOWED, true, 2, "AllowedCPUs=");
	item("b", 1, 700);
	cpu_plan_compute(&plan, 15, false); /* nobody goes there, and who is there comes back */
	assert_true(items[0].to == 1 && items[1].to == 1);
}

static void vcpu_pinned(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	item("a", 1, 0)->to = 2;
	vcpu("0-7"); /* pinned nowhere */
	assert_null(finding(CPU_CHECK_VCPU));
	vcpu("0-6"); /* to all but one */
	expect(CPU_CHECK_VCPU, false, 2, "(pinned to 0-6)");
	plan.nvcpus--;
	vcpu("2-3");
	expect(CPU_CHECK_VCPU, false, 2, "virtual processor 3's of vm's VM (pinned to 2-3)");
	vcpu("2");
	expect(CPU_CHECK_VCPU, true, 2, "(pinned to 2)");
}

static void siblings(void **state)
{
	(void)state;
	worker(1, 0);
	worker(5, 0);
	item("a", 1, 0);
	assert_null(finding(CPU_CHECK_SIBLINGS));
	item("b", 5, 0);
	expect(CPU_CHECK_SIBLINGS, false, 5, "CPU 1 and CPU 5 are hyper-threads");
	plan.worker[0].cpu = 5; /* whichever comes first */
	plan.worker[1].cpu = 1;
	expect(CPU_CHECK_SIBLINGS, false, 5, "CPU 1 and CPU 5 are hyper-threads");
}

static void numa(void **state)
{
	(void)state;
	worker(2, 0);
	item("a", 2, 0)->device_node = 0;
	item("b", 2, 0)->memory_node = 0;
	item("c", 2, 0)->memory_node = 0;
	item("d", 2, 0)->memory_node = 1;
	expect(CPU_CHECK_NUMA_DEVICE, false, 2, "VPort a is on CPU 2 of node 1, the network device is on node 0");
	expect(CPU_CHECK_NUMA_MEMORY, false, 2, "VPort b (and 1 more) is on CPU 2");
	items[0].memory_node = 0;
	expect(CPU_CHECK_NUMA_MEMORY, false, 2, "VPort a (and 2 more) is on CPU 2");
	host.distance[0][1] = 11;
	expect(CPU_CHECK_NUMA_DEVICE, false, 2, "a distance of 11 instead of 10");
	host.distance[0][1] = 10;
	assert_null(finding(CPU_CHECK_NUMA_DEVICE));
}

static void housekeeping(void **state)
{
	(void)state;
	worker(0, 0);
	item("a", 0, 0);
	expect(CPU_CHECK_HOUSEKEEPING, false, 0, "kernel's own work");
	host.ncpus = 2;
	expect(CPU_CHECK_HOUSEKEEPING, false, 0, "kernel's own work");
	host.ncpus = 1; /* there is no other */
	assert_null(finding(CPU_CHECK_HOUSEKEEPING));
}

static void isolated(void **state)
{
	(void)state;
	worker(1, 0);
	item("a", 1, 0);
	host.cpu[0].isolated = true; /* any of them */
	expect(CPU_CHECK_NOT_ISOLATED, false, 1, "isolcpus");
	host.cpu[0].isolated = false;
	host.cpu[3].isolated = true;
	expect(CPU_CHECK_NOT_ISOLATED, false, 1, "isolcpus");
	host.cpu[1].isolated = true;
	assert_null(finding(CPU_CHECK_NOT_ISOLATED));
	worker(8, 0); /* no such CPU */
	item("b", 8, 0);
	assert_null(finding(CPU_CHECK_NOT_ISOLATED));
}

static void quota(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	item("a", 1, 0);
	host.quota_pct = 200;
	assert_null(finding(CPU_CHECK_QUOTA));
	host.quota_pct = 199;
	expect(CPU_CHECK_QUOTA, false, -1, "may use 1.99 CPUs");
	host.quota_pct = 150;
	expect(CPU_CHECK_QUOTA, false, -1, "may use 1.50 CPUs, the 2 workers up to 2");
}

static void queues(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	worker(70, 0); /* another group of 64: RSS does not reach there */
	item("a", 1, 0)->queue_pairs = 4;
	expect(CPU_CHECK_QUEUES, false, 1, "4 queue pairs for 2 workers");
	items[0].queue_pairs = 2;
	assert_null(finding(CPU_CHECK_QUEUES));
}

static void overlap_of_adapters(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	wire("ext0", 1, 0);
	wire("ext1", 1, 0);
	expect(CPU_CHECK_OVERLAP, false, 1, "CPU 2 has nothing to do");
	items[1].cpu = items[1].to = 2;
	assert_null(finding(CPU_CHECK_OVERLAP));
}

/* Only wires count, of two adapters, while a worker has nothing to do; it may be CPU 0, and they need not be the first. */
static void overlap_of_which(void **state)
{
	(void)state;
	worker(0, 0);
	worker(1, 0);
	item("a", 1, 0);
	wire("ext0", 1, 0);
	assert_null(finding(CPU_CHECK_OVERLAP)); /* a VPort beside a wire */
	wire("ext1", 1, 0);
	expect(CPU_CHECK_OVERLAP, false, 1, "adapter ext0's wire shares CPU 1 with another adapter's, and CPU 0 has nothing to do");
	item("b", 0, 0);
	assert_null(finding(CPU_CHECK_OVERLAP));
	plan.worker[0].load = 950; /* busy, by itself */
	assert_null(finding(CPU_CHECK_OVERLAP));
	item("c", 0, 0);
	expect(CPU_CHECK_OVERLAP, false, 0, "several share CPU 0, which is busy nearly all the time, while CPU 1 has");
	plan.worker[0].load = 100;
	plan.worker[1].load = 950;
	expect(CPU_CHECK_OVERLAP, false, 1, "several share CPU 1, which is busy nearly all the time, while CPU 0 has");
}

/* Where its other pairs are, too; and the first of those that move. */
static void of_all_pairs(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	host.cpu[2].online = false;
	item("a", 1, 0)->queue_pairs = 2;
	expect(CPU_CHECK_OFFLINE, false, 2, "CPU 2, where VPort a is");
	items[0].queue_pairs = 1;
	items[0].to = 2;
	item("b", 1, 0)->to = 2;
	expect(CPU_CHECK_OFFLINE, true, 2, "CPU 2, where VPort a is");
}

/* As many findings as there are, and again. */
static void many_findings(void **state)
{
	static struct cpu_item many[100];

	(void)state;
	worker(1, 0);
	for (unsigned i = 0; i < 100; i++)
		many[i] = (struct cpu_item){ .kind = CPU_ITEM_VPORT, .queue_pairs = 1, .device_node = -1, .memory_node = -1, .cpu = 100 + i, .to = 100 + i };
	plan.items = many;
	plan.nitems = 100;
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(cpu_plan_check(&plan), 0);
		assert_int_equal(plan.nfindings, 100);
		for (int i = 0; i < 100; i++)
			assert_true(plan.findings[i].check == CPU_CHECK_NO_WORKER && plan.findings[i].item == i && plan.findings[i].cpu == 100 + i);
		cpu_plan_free(&plan);
		assert_int_equal(plan.nfindings, 0);
	}
}

static void overlap_of_busy_vports(void **state)
{
	(void)state;
	worker(1, 980);
	worker(2, 100);
	item("a", 1, 500)->chosen = true;
	item("b", 1, 400)->chosen = true;
	item("c", 2, 90);
	expect(CPU_CHECK_OVERLAP, false, 1, "while CPU 2 has time to spare");
}

/* Where the loads say so, to a thousandth; two of them on the busy one. */
static void busy_and_free(void **state)
{
	static const struct {
		unsigned hot, cool;
		bool alone, found;
	} rows[] = {
		{ 901, 499, false, true }, { 900, 499, false, false }, { 901, 500, false, false }, { 901, 499, true, false },
	};

	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		(void)cpu_setup(state);
		worker(1, rows[r].hot);
		worker(2, rows[r].cool);
		item("a", 1, 500);
		item("b", rows[r].alone ? 2 : 1, 400);
		item("c", 2, 90);
		if (rows[r].found)
			expect(CPU_CHECK_OVERLAP, false, 1, "several share CPU 1");
		else
			assert_null(finding(CPU_CHECK_OVERLAP));
		cpu_plan_free(&plan);
	}
}

/* Each is said of the one that moves there, if one does; what stands there already is no refusal. */
static void of_whom_it_is_said(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	item("stands", 2, 0);
	item("moves", 1, 0)->to = 2;
	item("moves-too", 1, 0)->to = 2;
	item("nowhere", 6, 0)->queue_pairs = 2; /* as it is: a warning; and on no other CPU */
	host.cpu[1].online = host.cpu[2].online = false;
	expect(CPU_CHECK_OFFLINE, true, 2, "CPU 2, where VPort moves is");
	assert_int_equal(finding(CPU_CHECK_OFFLINE)->item, 1);
	assert_false(finding(CPU_CHECK_NO_WORKER)->refused);
	assert_int_equal(finding(CPU_CHECK_NO_WORKER)->item, 3);
	host.cpu[1].online = true;
	items[1].to = items[2].to = 1;
	assert_int_equal(cpu_plan_check(&plan), 0);
	assert_false(plan.refused);
	assert_int_equal(finding(CPU_CHECK_OFFLINE)->item, 0);
	host.cpu[2].online = true;
	host.allowed_known = true;
	host_cpus_add(&host.allowed, 2);
	items[1].cpu = items[2].cpu = 2;
	items[1].to = items[2].to = 2;
	assert_null(finding(CPU_CHECK_NOT_ALLOWED));
	vcpu("2");
	expect(CPU_CHECK_VCPU, false, 2, "CPU 2, where VPort stands is");
	(void)wire("ext0", 2, 0);
	items[4].to = 1;
	items[4].cpu = 1;
	expect(CPU_CHECK_NOT_ALLOWED, false, 1, "CPU 1, where the wire eth1 is");
}

/* ---- better places ---- */

static void silent_vports_are_spread(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	worker(3, 0);
	for (int i = 0; i < 9; i++)
		item("x", 1, 0);
	cpu_plan_compute(&plan, 15, false);
	for (unsigned w = 1; w <= 3; w++) {
		unsigned n = 0;

		for (int i = 0; i < 9; i++)
			n += items[i].to == w;
		assert_in_range(n, 2, 4);
	}
	for (int i = 0; i < 9; i++)
		items[i].cpu = items[i].to;
	cpu_plan_compute(&plan, 15, false);
	for (int i = 0; i < 9; i++) /* and that is the end of it */
		assert_int_equal(items[i].to, items[i].cpu);
}

/* Why a VPort moves: by load only where there is a difference to be seen. */
static void a_reason_for_each_move(void **state)
{
	char why[160];

	(void)state;
	worker(1, 3);
	worker(2, 1);
	for (int i = 0; i < 3; i++)
		item("x", 1, 1);
	items[2].to = 2;
	cpu_plan_reason(&plan, 2, why, sizeof why);
	assert_string_equal(why, "more VPorts share CPU 1 than CPU 2");
	plan.worker[0].load = 700;
	items[2].load = 400;
	cpu_plan_reason(&plan, 2, why, sizeof why);
	assert_string_equal(why, "CPU 1 is busy 70 % of its time, 40 % with this VPort; CPU 2 0 %");
	items[2].asked = true;
	cpu_plan_reason(&plan, 2, why, sizeof why);
	assert_string_equal(why, "somebody asked for it");
	items[2].asked = false;
	host.cpu[1].online = false;
	cpu_plan_reason(&plan, 2, why, sizeof why);
	assert_string_equal(why, "CPU 1 is offline");
	items[2].to = 6;
	cpu_plan_reason(&plan, 2, why, sizeof why);
	assert_string_equal(why, "CPU 6 has no worker");
	items[2].cpu = 7;
	cpu_plan_reason(&plan, 2, why, sizeof why);
	assert_string_equal(why, "CPU 7 has no worker");
}

/* Half a percent is rounded up; what shows no difference is no reason. */
static void reasons_to_a_percent(void **state)
{
	static const struct {
		unsigned here, there;
		const char *why;
	} rows[] = {
		{ 15, 14, "CPU 1 is busy 2 % of its time, 30 % with this VPort; CPU 2 1 %" },
		{ 14, 5, "CPU 2 suits it better: nearer, quieter, or a core of its own" },
		{ 700, 704, "CPU 2 suits it better: nearer, quieter, or a core of its own" },
		{ 700, 705, "CPU 2 suits it better: nearer, quieter, or a core of its own" },
	};
	char why[160];

	(void)state;
	worker(1, 0);
	worker(2, 0);
	item("a", 1, 295)->to = 2;
	item("b", 2, 300);
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		plan.worker[0].load = rows[r].here;
		plan.worker[1].load = rows[r].there;
		cpu_plan_reason(&plan, 0, why, sizeof why);
		assert_string_equal(why, rows[r].why);
	}
	/* the other way; as many on each are no reason */
	plan.worker[0].load = 100;
	plan.worker[1].load = 700;
	items[1].to = 1;
	cpu_plan_reason(&plan, 1, why, sizeof why);
	assert_string_equal(why, "CPU 2 is busy 70 % of its time, 30 % with this VPort; CPU 1 10 %");
	items[1].to = 2;
	items[0].load = 300;
	cpu_plan_reason(&plan, 0, why, sizeof why);
	assert_string_equal(why, "CPU 2 suits it better: nearer, quieter, or a core of its own");
	vcpu("1");
	cpu_plan_compute(&plan, 2000, false); /* finds out whose it is */
	items[0].to = 2;
	cpu_plan_reason(&plan, 0, why, sizeof why);
	assert_string_equal(why, "virtual processor 3 of vm's VM is pinned to CPU 1");
}

/* What each thing that makes a CPU worse weighs, in thousandths of load that would be as bad; a margin of one less moves. */
static void what_a_place_costs(void **state)
{
	enum { LOAD, SIBLING, FAR_DEVICE, FAR_MEMORY, NOT_ISOLATED, HOUSEKEEPING, SHARED, PINNED, CASES };
	static const unsigned costs[CASES] = { [LOAD] = 410, [SIBLING] = 205, [FAR_DEVICE] = 110, [FAR_MEMORY] = 165,
					       [NOT_ISOLATED] = 100, [HOUSEKEEPING] = 50, [SHARED] = 200, [PINNED] = 2000 };

	for (unsigned one = 0; one < CASES; one++) {
		for (unsigned less = 0; less < 2; less++) {
			const unsigned here = one == HOUSEKEEPING ? 0 : 1;
			struct cpu_item *i;

			(void)cpu_setup(state);
			worker(here, 0);
			worker(2, 0);
			i = item("a", here, 300);
			if (one == LOAD)
				(void)wire("ext0", 1, 400);
			if (one == SIBLING)
				worker(5, 0), (void)wire("ext0", 5, 400);
			if (one == FAR_DEVICE)
				i->device_node = 1;
			if (one == FAR_MEMORY)
				i->memory_node = 1;
			if (one == NOT_ISOLATED)
				host.cpu[2].isolated = true;
			if (one == SHARED || one == PINNED)
				vcpu(one == SHARED ? "1,4" : "1");
			cpu_plan_compute(&plan, costs[one] + 1 - less, false);
			assert_int_equal(i->to, less ? 2 : here);
		}
	}
}

/* Whom the plan asks first: the heaviest, of equals the first; and where to, of equal places the first. */
static void whose_turn_it_is(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	item("s1", 1, 200);
	item("s2", 1, 200);
	item("big", 1, 400);
	cpu_plan_compute(&plan, 15, false);
	assert_true(items[0].to == 1 && items[1].to == 1 && items[2].to == 2);
	plan.nitems = 0;
	item("big", 1, 400);
	item("s1", 1, 200);
	item("s2", 1, 200);
	cpu_plan_compute(&plan, 15, false);
	assert_true(items[0].to == 2 && items[1].to == 1 && items[2].to == 1);
	plan.nitems = 0;
	item("a", 1, 0);
	item("b", 1, 0);
	cpu_plan_compute(&plan, 5, false);
	assert_true(items[0].to == 2 && items[1].to == 1);
	worker(3, 0);
	items[0].to = 1;
	cpu_plan_compute(&plan, 5, false);
	assert_true(items[0].to == 2 && items[1].to == 1);
}

/* The queue pairs of one VPort weigh where they are, together what one would; a person's list is where they may be. */
static void several_pairs(void **state)
{
	static const uint16_t list[] = { 1, 3 };

	(void)state;
	worker(1, 0);
	worker(2, 0);
	worker(3, 0);
	item("a", 1, 400)->queue_pairs = 2; /* on 1 and 2 */
	items[0].chosen = true;
	item("b", 2, 300);
	cpu_plan_compute(&plan, 15, false);
	assert_int_equal(items[0].to, 1);
	assert_int_equal(items[1].to, 3); /* nothing there; on 1 and 2 are 205 */
	items[0].list = list;
	items[0].nlist = 2;
	items[1].to = 3;
	cpu_plan_compute(&plan, 15, false);
	assert_int_equal(items[1].to, 2);
	items[0].queue_pairs = 5;
	expect(CPU_CHECK_QUEUES, false, 1, "5 queue pairs for 2 workers");
}


static void the_heavy_ones_part(void **state)
{
	(void)state;
	worker(1, 1000);
	worker(2, 10);
	wire("ext0", 1, 100);
	item("big", 1, 500);
	item("small", 1, 50);
	item("big2", 1, 350)->chosen = true;
	cpu_plan_compute(&plan, 15, false);
	assert_int_equal(items[0].to, 1);
	assert_int_equal(items[1].to, 2);
	assert_int_equal(items[3].to, 1);
	items[1].to = 1;
	items[1].chosen = true; /* not moved, unless all are to be */
	cpu_plan_compute(&plan, 15, false);
	assert_int_equal(items[1].to, 1);
	cpu_plan_compute(&plan, 15, true);
	assert_int_not_equal(items[1].to == items[3].to, true);
}

static void a_place_is_chosen_by_the_topology(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	worker(5, 0);
	wire("ext0", 1, 300);
	item("a", 5, 300)->memory_node = 1; /* 5 is a sibling of the busy 1, and far from its memory */
	cpu_plan_compute(&plan, 15, false);
	assert_int_equal(items[1].to, 2);
	vcpu("2"); /* worse than either */
	items[1].to = 5;
	cpu_plan_compute(&plan, 15, false);
	assert_int_equal(items[1].to, 5);
}

/* Sixty-four workers, a thousand VPorts, their VMs' processors on the other CPUs but for one: done in no time, and well. */
static void a_big_host(void **state)
{
	enum { ITEMS = 1000, VCPUS = 8000 };
	struct cpu_item *many = calloc(ITEMS, sizeof *many);
	struct cpu_vcpu *pins = calloc(VCPUS, sizeof *pins);
	unsigned on[64] = { 0 };

	(void)state;
	assert_true(many && pins);
	host.ncpus = HOST_MAX_CPUS;
	for (unsigned c = 0; c < HOST_MAX_CPUS; c++)
		host.cpu[c] = (struct host_cpu){ .present = true, .online = true, .core = (uint16_t)c };
	for (unsigned c = 0; c < 64; c++)
		worker(c, 0);
	for (unsigned i = 0; i < VCPUS; i++)
		host_cpus_add(&pins[i].cpus, i == VCPUS - 1 ? 5 : 64 + i % (HOST_MAX_CPUS - 64));
	for (unsigned i = 0; i < ITEMS; i++)
		many[i] = (struct cpu_item){ .kind = CPU_ITEM_VPORT, .vport = (struct stack_vport *)&somebody,
					     .queue_pairs = 1 + i % 4, .device_node = -1, .memory_node = -1,
					     .cpu = 5, .to = 5 };
	plan.items = many;
	plan.nitems = ITEMS;
	plan.vcpus = pins;
	plan.nvcpus = VCPUS;
	cpu_plan_compute(&plan, 15, false);
	for (unsigned i = 0; i < ITEMS; i++)
		on[many[i].to]++;
	assert_int_equal(on[5], 0);
	for (unsigned c = 1; c < 64; c++)
		if (c != 5)
			assert_in_range(on[c], 1, 60);
	assert_int_equal(cpu_plan_check(&plan), 0);
	assert_false(plan.refused);
	free(many);
	free(pins);
}

static void queue_sets(void **state)
{
	static const uint16_t workers[] = { 2, 3, 70, 71 };
	uint16_t out[CPU_MAX_QUEUES];

	(void)state;
	assert_int_equal(cpu_spread(workers, 4, 3, 2, out), 2);
	assert_int_equal(out[0], 3);
	assert_int_equal(out[1], 2);
	assert_int_equal(cpu_spread(workers, 4, 71, 16, out), 2);
	assert_int_equal(out[0], 71);
	assert_int_equal(out[1], 70);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, cpu_setup, cpu_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_wrong),
		T(no_worker),
		T(offline),
		T(not_allowed),
		T(vcpu_pinned),
		T(siblings),
		T(numa),
		T(housekeeping),
		T(isolated),
		T(quota),
		T(queues),
		T(overlap_of_adapters),
		T(overlap_of_which),
		T(of_all_pairs),
		T(many_findings),
		T(overlap_of_busy_vports),
		T(busy_and_free),
		T(of_whom_it_is_said),
		T(silent_vports_are_spread),
		T(a_reason_for_each_move),
		T(reasons_to_a_percent),
		T(what_a_place_costs),
		T(whose_turn_it_is),
		T(several_pairs),
		T(the_heavy_ones_part),
		T(a_place_is_chosen_by_the_topology),
		T(a_big_host),
		T(queue_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
