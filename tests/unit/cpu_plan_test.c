/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPU plan over hosts that don't exist: eight CPUs on two nodes with hyper-threads, and what a person or a kernel
 * can do wrong with them. And the reading of such a host from files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/cpu_auto.h"

/* CPU n and n + 4 are one core; CPUs 0, 1, 4, 5 are on node 0. */
static struct host_topology host;
static struct cpu_item items[16];
static struct cpu_vcpu vcpus[4];
static struct cpu_plan plan;
static char somebody; /* stands for a VPort of the stack */

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof host);
	memset(items, 0, sizeof items);
	memset(vcpus, 0, sizeof vcpus);
	host.ncpus = 8;
	host.nnodes = 2;
	for (unsigned c = 0; c < 8; c++)
		host.cpu[c] = (struct host_cpu){ .present = true, .online = true, .core = (uint16_t)(c % 4),
						 .node = (uint16_t)(c % 4 / 2) };
	host.distance[0][0] = host.distance[1][1] = 10;
	host.distance[0][1] = host.distance[1][0] = 21;
	plan = (struct cpu_plan){ .host = &host, .items = items, .vcpus = vcpus };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cpu_plan_free(&plan);
	return 0;
}

static void worker(unsigned cpu, unsigned load)
{
	plan.worker[plan.nworkers++] = (struct cpu_plan_worker){ .cpu = (uint16_t)cpu, .load = load };
}

static struct cpu_item *item(const char *name, unsigned cpu, unsigned load)
{
	struct cpu_item *i = &items[plan.nitems++];

	*i = (struct cpu_item){ .kind = CPU_ITEM_VPORT, .vport = (struct stack_vport *)&somebody, .queue_pairs = 1,
				.load = load, .device_node = -1, .memory_node = -1, .cpu = cpu, .to = cpu };
	(void)snprintf(i->name, sizeof i->name, "%s", name);
	(void)snprintf(i->adapter, sizeof i->adapter, "ext0");
	return i;
}

static struct cpu_item *wire(const char *adapter, unsigned cpu, unsigned load)
{
	struct cpu_item *i = item("eth1", cpu, load);

	i->kind = CPU_ITEM_WIRE;
	i->vport = NULL;
	i->chosen = true;
	(void)snprintf(i->adapter, sizeof i->adapter, "%s", adapter);
	return i;
}

static void vcpu(const char *cpus)
{
	struct cpu_vcpu *v = &vcpus[plan.nvcpus++];

	*v = (struct cpu_vcpu){ .vport = "vm", .vcpu = 3 };
	assert_true(host_cpus_parse(cpus, &v->cpus));
}

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
}

static void vcpu_pinned(void **state)
{
	(void)state;
	worker(1, 0);
	worker(2, 0);
	item("a", 1, 0)->to = 2;
	vcpu("0-7"); /* pinned nowhere */
	assert_null(finding(CPU_CHECK_VCPU));
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
}

static void housekeeping(void **state)
{
	(void)state;
	worker(0, 0);
	item("a", 0, 0);
	expect(CPU_CHECK_HOUSEKEEPING, false, 0, "kernel's own work");
	host.ncpus = 1; /* there is no other */
	assert_null(finding(CPU_CHECK_HOUSEKEEPING));
}

static void isolated(void **state)
{
	(void)state;
	worker(1, 0);
	item("a", 1, 0);
	host.cpu[3].isolated = true;
	expect(CPU_CHECK_NOT_ISOLATED, false, 1, "isolcpus");
	host.cpu[1].isolated = true;
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

/* ---- automatic ---- */

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

static void holds_grow(void **state)
{
	(void)state;
	assert_int_equal(cpu_auto_hold(1), CPU_AUTO_HOLD);
	assert_int_equal(cpu_auto_hold(2), 2 * CPU_AUTO_HOLD);
	assert_int_equal(cpu_auto_hold(1000), CPU_AUTO_HOLD_MAX);
}

/* ---- sets of CPUs, and a host from files ---- */

static void cpu_lists(void **state)
{
	static const char *const wrong[] = { "x",    "1-",    "-1", "3-1", "1,", "1 2", "1024", "0-99999999999",
					     "1,,2", "(null)" };
	struct host_cpus s;
	char text[64];

	(void)state;
	assert_true(host_cpus_parse("0-3,8,1023", &s));
	assert_int_equal(host_cpus_count(&s), 6);
	host_cpus_format(&s, text, sizeof text);
	assert_string_equal(text, "0-3,8,1023");
	assert_true(host_cpus_parse("", &s));
	assert_int_equal(host_cpus_count(&s), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(host_cpus_parse(wrong[i], &s));
	assert_true(host_cpus_parse("100-104", &s));
	host_cpus_format(&s, text, 5);
	assert_string_equal(text, "100-");
}

static char root[64];

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	(void)snprintf(full, sizeof full, "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		(void)mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int make_tree(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof root, "/tmp/vmqt-host-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_tree(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static void a_host_from_files(void **state)
{
	static struct host_topology t;

	(void)state;
	put("sys/devices/system/cpu/present", "0-3\n");
	put("sys/devices/system/cpu/online", "0-2\n");
	put("sys/devices/system/cpu/isolated", "2\n");
	put("sys/devices/system/cpu/nohz_full", "(null)\n");
	put("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n");
	put("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2\n");
	put("sys/devices/system/node/online", "0-1\n");
	put("sys/devices/system/node/node0/cpulist", "0,2\n");
	put("sys/devices/system/node/node1/cpulist", "1,3\n");
	put("sys/devices/system/node/node0/distance", "10 32\n");
	put("sys/class/net/eth1/device/numa_node", "1\n");
	put("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
	put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put("proc/77/cgroup", "0::/a/b\n");
	put("proc/77/status", "Name:\tvmqd\nCpus_allowed_list:\t1-2\nMems_allowed_list:\t0\n");
	host_topology_read(root, 77, &t);
	assert_int_equal(t.ncpus, 4);
	assert_true(t.cpu[2].isolated && !t.cpu[1].isolated && !t.cpu[1].nohz_full);
	assert_true(host_online(&t, 2) && !host_online(&t, 3) && !host_online(&t, 9));
	assert_int_equal(t.cpu[2].core, 0);
	assert_int_equal(t.cpu[3].core, 3);
	assert_int_equal(t.cpu[3].node, 1);
	assert_int_equal(host_distance(&t, 0, 1), 32);
	assert_int_equal(host_distance(&t, 1, 0), 20); /* not said */
	assert_int_equal(host_distance(&t, -1, 0), 10);
	assert_int_equal(t.quota_pct, 250);
	assert_true(t.allowed_known && host_cpus_count(&t.allowed) == 2);
	assert_int_equal(host_device_node(root, "eth1"), 1);
	assert_int_equal(host_device_node(root, "../eth1"), -1);
	put("proc/78/cgroup", "3:cpu,cpuacct:/x\n0::/\n");
	put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "50000\n");
	put("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
	host_topology_read(root, 78, &t);
	assert_int_equal(t.quota_pct, 50);
	assert_false(t.allowed_known);
	put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "9000000000000000000\n");
	put("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "1000000000000000\n");
	host_topology_read(root, 78, &t);
	assert_int_equal(t.quota_pct, 0);
}

static void a_guest_from_files(void **state)
{
	static struct host_guest g;

	(void)state;
	put("proc/90/task/90/comm", "qemu-system-x86\n");
	put("proc/90/task/90/status", "Cpus_allowed_list:\t0-7\n");
	put("proc/90/task/91/comm", "CPU 1/KVM\n");
	put("proc/90/task/91/status", "Cpus_allowed_list:\t3\n");
	put("proc/90/task/92/comm", "CPU 65536/KVM\n"); /* a name that is none of QEMU's */
	put("proc/90/task/92/status", "Cpus_allowed_list:\t4\n");
	put("proc/90/task/93/comm", "CPU 4294967295/\n");
	put("proc/90/task/93/status", "Cpus_allowed_list:\t4\n");
	put("proc/90/numa_maps", "7f00 default file=/memfd:x N0=10 N1=512 kernelpagesize_kB=4\n7f11 default anon=1 "
				 "N1=1 kernelpagesize_kB=2048\n");
	assert_int_equal(host_guest_read(root, 90, &g), 0);
	assert_int_equal(g.nvcpus, 1);
	assert_int_equal(g.vcpu[0].vcpu, 1);
	assert_true(host_cpus_has(&g.vcpu[0].cpus, 3));
	assert_int_equal(g.node, 1);
	assert_true(host_guest_read(root, 91, &g) < 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define F(fn) cmocka_unit_test_setup_teardown(fn, make_tree, remove_tree)

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
		T(overlap_of_busy_vports),
		T(silent_vports_are_spread),
		T(a_reason_for_each_move),
		T(the_heavy_ones_part),
		T(a_place_is_chosen_by_the_topology),
		T(a_big_host),
		T(queue_sets),
		T(moves_after_a_while),
		T(no_plan_without_need),
		T(what_does_not_pay_goes_back),
		T(a_short_burst_moves_nothing),
		T(what_gains_little_stays),
		T(not_all_may_be_moved),
		T(it_does_not_flap),
		T(holds_grow),
		cmocka_unit_test(cpu_lists),
		F(a_host_from_files),
		F(a_guest_from_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
