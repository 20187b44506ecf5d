/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The look at all counters: read once, told to both who go by them, and both agree which VPort it is that has a number. Real are
 * look.c, lately.c, placement.c and the plans; the data path and the host are the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmqd/daemon.h"
#include "vmqd/events.h"
#include "vmqd/lately.h"
#include "vmqd/look.h"

#define VPORTS 3u

static struct {
	uint64_t serial;
	struct nic_vport_counters count;
	unsigned cpu, reads;
} vports[NIC_MAX_VPORTS];
static struct nic_vport_counters wire_count;
static struct port_counters port_count;
static struct nic_worker_stats workers[2] = { { .cpu = 0 }, { .cpu = 1 } };
static unsigned wire_reads;
static char somebody; /* stands for the VPorts of the stack */

/* ---- the data path ---- */

unsigned nic_engine_stats(const struct nic_engine *e, struct nic_worker_stats *s, unsigned max)
{
	(void)e;
	assert_true(max >= 2);
	memcpy(s, workers, sizeof workers);
	return 2;
}

unsigned nic_engine_cpus(const struct nic_engine *e, uint16_t cpus[NIC_MAX_WORKERS])
{
	(void)e;
	cpus[0] = 0;
	cpus[1] = 1;
	return 2;
}

uint64_t nic_vport_serial(const struct nic *n, uint32_t id)
{
	(void)n;
	return id < NIC_MAX_VPORTS ? vports[id].serial : 0;
}

int nic_vport_counters(const struct nic *n, uint32_t id, struct nic_vport_counters *out)
{
	(void)n;
	vports[id].reads++;
	*out = vports[id].serial ? vports[id].count : (struct nic_vport_counters){ 0 };
	return vports[id].serial ? 0 : -1;
}

unsigned nic_vport_rx_by_pair(const struct nic *n, uint32_t id, uint64_t rx[NIC_MAX_QUEUE_PAIRS])
{
	(void)n;
	rx[0] = vports[id].count.rx_frames;
	return vports[id].serial ? 1 : 0;
}

void nic_wire_counters(const struct nic *n, struct nic_vport_counters *out)
{
	(void)n;
	wire_reads++;
	*out = wire_count;
}

static void read_port(const struct port *p, struct port_counters *out)
{
	(void)p;
	*out = port_count;
}

/* ---- the stack and the host ---- */

int cpu_items(struct stack_adapter *a, struct cpu_item **items, size_t *n, struct stack_error *e)
{
	(void)a, (void)e;
	for (uint32_t id = 0; id < VPORTS; id++) {
		struct cpu_item *more = reallocarray(*items, *n + 1, sizeof *more);

		assert_non_null(more);
		*items = more;
		more[(*n)++] = (struct cpu_item){ .kind = CPU_ITEM_VPORT, .vport = (struct stack_vport *)&somebody, .id = id,
						  .chosen = id != 2, .queue_pairs = 1, .device_node = -1, .memory_node = -1,
						  .cpu = vports[id].cpu, .to = vports[id].cpu };
	}
	return 0;
}

int cpu_apply(const struct cpu_plan *p, struct stack_error *e)
{
	(void)e;
	for (size_t i = 0; i < p->nitems; i++)
		if (p->items[i].kind == CPU_ITEM_VPORT)
			vports[p->items[i].id].cpu = p->items[i].to;
	return 0;
}

void events_moved(struct stack_vport *v, unsigned from, unsigned to, const char *cause, const char *reason)
{
	(void)v, (void)from, (void)to, (void)cause, (void)reason;
}

void host_topology_read(const char *root, pid_t pid, struct host_topology *out)
{
	(void)root, (void)pid;
	*out = (struct host_topology){ .ncpus = 2, .nnodes = 1 };
	for (unsigned c = 0; c < 2; c++)
		out->cpu[c] = (struct host_cpu){ .present = true, .online = true, .core = (uint16_t)c };
}

bool host_online(const struct host_topology *t, unsigned cpu)
{
	return cpu < t->ncpus;
}

unsigned host_distance(const struct host_topology *t, int a, int b)
{
	(void)t, (void)a, (void)b;
	return 10;
}

int host_device_node(const char *root, const char *device)
{
	(void)root, (void)device;
	return -1;
}

/* ---- a daemon ---- */

static const struct port_ops port_ops = { .counters = read_port };
static struct port port = { .ops = &port_ops };
static struct config_adapter config_adapter = { .name = "ext0" };
static struct config config = { .ncpus = 2, .cpus = { 0, 1 }, .cpu_auto = true, .adapters = &config_adapter, .nadapters = 1 };
static struct adapter adapter;
static struct daemon d;

static int setup(void **state)
{
	struct vmq_err err;

	(void)state;
	memset(vports, 0, sizeof vports);
	for (uint32_t id = 0; id < VPORTS; id++)
		vports[id].serial = id + 1;
	wire_count = (struct nic_vport_counters){ 0 };
	memset(workers, 0, sizeof workers);
	wire_reads = 0;
	adapter = (struct adapter){ .daemon = &d, .cfg = &config_adapter, .wire = &port, .lately = lately_create() };
	d = (struct daemon){ .cfg = &config, .adapters = &adapter, .nadapters = 1 };
	assert_non_null(adapter.lately);
	lately_time(adapter.lately, look_now_s());
	return placement_create(&d, &d.placement, &err);
}

static int teardown(void **state)
{
	(void)state;
	placement_destroy(d.placement);
	lately_destroy(adapter.lately);
	return 0;
}

/* CPU 0's worker has no moment of rest, or just something to do; its VPorts 1 and 2 move so many frames. A person placed all but 2. */
static void second(bool busy, uint64_t one, uint64_t two)
{
	workers[0].turns++;
	workers[0].busy_ns += busy ? 3600000000000u : 0;
	vports[1].count.rx_frames += one;
	vports[2].count.tx_frames += two;
	look_at_all(&d);
}

static void seconds(unsigned n)
{
	while (n--)
		second(true, 600, 300);
}

/* The VPort's frames of late, as plans go by them. */
static uint64_t planned(uint32_t id)
{
	struct placement_plan pp = { .host = NULL };
	struct stack_error e;
	uint64_t frames;

	assert_int_equal(placement_plan(d.placement, &pp, &e), 0);
	assert_int_equal(pp.plan.nitems, VPORTS + 1);
	frames = pp.plan.items[1 + id].frames;
	placement_plan_free(&pp);
	return frames;
}

/* What has happened lately, as doctor goes by it; -1: nothing is known. */
static json_int_t told(uint32_t id, const char *member)
{
	json_t *o = lately_json(adapter.lately, id);
	json_int_t n = o ? json_integer_value(json_object_get(o, member)) : -1;

	json_decref(o);
	return n;
}

/* Another VPort gets the number, which has counted so much more when it is looked at first. */
static void replace(uint32_t id, uint64_t rx)
{
	vports[id].serial += 100;
	vports[id].count = (struct nic_vport_counters){ .rx_frames = rx };
}

static void test_one_reading_for_both(void **s)
{
	(void)s;
	second(true, 600, 300); /* what busy is, the second look knows */
	for (uint32_t id = 0; id < NIC_MAX_VPORTS; id++)
		vports[id].reads = 0;
	wire_reads = 0;
	second(true, 600, 300);
	for (uint32_t id = 0; id < NIC_MAX_VPORTS; id++)
		assert_int_equal(vports[id].reads, 1);
	assert_int_equal(wire_reads, 1);
	assert_int_equal(told(1, "rx_frames"), 1200);
	assert_int_equal(told(2, "tx_frames"), 600);
	assert_int_equal(planned(1), 1200); /* all at first, then of a second */
	second(true, 600, 300);
	assert_int_equal(planned(1), 600 + 600);
	second(true, 0, 0);
	assert_int_equal(planned(1), 600);
}

static void test_nothing_is_read_while_nothing_is_done(void **s)
{
	(void)s;
	look_at_all(&d);
	look_at_all(&d);
	assert_int_equal(vports[1].reads + wire_reads, 0);
	second(false, 1, 0); /* a little, which is nothing to place by */
	assert_int_equal(vports[1].reads, 1);
	assert_int_equal(told(1, "rx_frames"), 1);
	assert_int_equal(planned(1), 0);
	look_at_all(&d);
	assert_int_equal(vports[1].reads, 1);
}

/* Its predecessor is forgotten by both, whether it counts less or more than that one, and before it is looked at, too. */
static void test_another_vport_with_the_number(void **s)
{
	(void)s;
	for (uint64_t rx = 5; rx < 10000000; rx *= 1000) {
		second(true, 600, 300);
		second(true, 600, 300);
		replace(1, rx);
		assert_int_equal(planned(1), 0);
		second(true, 0, 0);
		assert_int_equal(planned(1), rx);
		assert_int_equal(told(1, "rx_frames"), rx);
		vports[1].serial = 0;
		assert_int_equal(planned(1), 0);
		second(true, 0, 0);
		assert_int_equal(told(1, "rx_frames"), -1);
		vports[1].serial = 1 + rx;
		vports[1].count.rx_frames = 0;
	}
}

/* 5 seconds until a worker counts as busy and some before that until it is, 8 in which a move is on trial. */
static void move_one(void)
{
	seconds(10);
	assert_int_equal(vports[2].cpu, 1);
	seconds(CPU_AUTO_TRIAL + CPU_AUTO_STEPS + 1);
	assert_int_equal(vports[2].cpu, 1);
	vports[2].cpu = 0;
}

static void test_a_move_holds_the_vport_that_was_moved(void **s)
{
	(void)s;
	move_one();
	seconds(2 * CPU_AUTO_STEPS);
	assert_int_equal(vports[2].cpu, 0);
	replace(2, 1u << 30);
	seconds(CPU_AUTO_STEPS + 20);
	assert_int_equal(vports[2].cpu, 1);
}

/* A plan moves a VPort that nobody has looked at yet. */
static void test_a_new_vport_is_held_too(void **s)
{
	struct placement_plan pp = { .host = NULL };
	struct stack_error e;

	(void)s;
	second(true, 600, 300);
	vports[2].cpu = 1;
	replace(2, 5);
	assert_int_equal(placement_plan(d.placement, &pp, &e), 0);
	pp.plan.items[1 + 2].to = 0;
	assert_int_equal(placement_apply(d.placement, &pp, PLACEMENT_PLAN, &e), 0);
	placement_plan_free(&pp);
	seconds(3 * CPU_AUTO_STEPS);
	assert_int_equal(vports[2].cpu, 0);
}

/* The VPort that is on trial goes, and another one gets its number and has few frames. */
static void test_a_trial_is_of_one_vport(void **s)
{
	(void)s;
	seconds(10);
	assert_int_equal(vports[2].cpu, 1);
	replace(2, 0);
	for (unsigned i = 0; i < CPU_AUTO_TRIAL + 1; i++)
		second(true, 600, 1);
	assert_int_equal(vports[2].cpu, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_reading_for_both),
		T(test_nothing_is_read_while_nothing_is_done),
		T(test_another_vport_with_the_number),
		T(test_a_move_holds_the_vport_that_was_moved),
		T(test_a_new_vport_is_held_too),
		T(test_a_trial_is_of_one_vport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
