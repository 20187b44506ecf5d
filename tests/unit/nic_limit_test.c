/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What control sets for a VPort or worker and the data path keeps to: rate limits, storm limit, the worker's policy,
 * moderation by numbers. Counts, never times: rates are so low that nothing but the burst passes while a test runs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "nic/limit.h"
#include "nic_fixture.h"

/* A byte a second: the last frame of 60 bytes overdraws the burst by 59, and nothing passes for a minute. */
#define LONG_DEBT 1u

static void pause_ms(unsigned ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000l };

	nanosleep(&t, NULL);
}

static void limits(uint32_t vp, const struct nic_vport_tuning *l)
{
	struct nic_vport_tuning is;
	struct vmq_err err = { "" };

	assert_int_equal(nic_vport_set_tuning(nic, vp, l, &err), 0);
	assert_int_equal(nic_vport_tuning(nic, vp, &is), 0);
	assert_memory_equal(&is, l, sizeof is);
}

static struct nic_worker_stats worker(unsigned i)
{
	struct nic_worker_stats s[2];

	assert_true(nic_engine_stats(engine, s, 2) > i);
	return s[i];
}

static bool ring_held(uint32_t vp)
{
	struct nic_queue_info info;

	assert_int_equal(nic_queue_info(nic, vp, 0, &info), 0);
	return info.held;
}

static void wait_held(uint32_t vp)
{
	for (unsigned i = 0; i < 30000 && !ring_held(vp); i++)
		pause_ms(1);
	assert_true(ring_held(vp));
}

static void expect_frames(struct vm *vm, unsigned n)
{
	struct vring_used_elem e;

	for (unsigned i = 0; i < n; i++)
		assert_true(vm_wait_used(&vm->rx, &e));
}

static void send_n(unsigned n, unsigned dst, uint32_t len)
{
	uint8_t f[1514];

	make_frame(f, dst, 1, 0, len);
	for (unsigned i = 0; i < n; i++)
		vm_send(&va, f, len);
}

/* Over its limit a VM's frames stay in its ring, all of them, and go on when they may. */
static void test_sent_frames_wait_in_the_ring(void **s)
{
	const struct nic_vport_tuning some = { .tx_bytes = { LONG_DEBT, 9 * 60 + 1 } };
	const struct nic_vport_tuning more = { .tx_bytes = { LONG_DEBT, 4 * 60 + 1 } };
	struct nic_queue_info info;
	struct vring_used_elem e;

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[1]);
	limits(1, &some);
	for (unsigned i = 0; i < 40; i++)
		(void)vm_post(&vb, 256);
	send_n(30, 2, 60);
	expect_frames(&vb, 10);
	wait_held(1);
	assert_int_equal(counters(1).tx_frames, 10);
	assert_int_equal(worker(0).rings_held, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_true(vm_wait_used(&va.tx, &e));
	assert_false(vm_used(&va.tx, &e)); /* the others are the VM's own still */

	limits(1, &more); /* another limit, another burst: of 30 left, five */
	expect_frames(&vb, 5);
	wait_held(1);
	assert_int_equal(counters(1).tx_frames, 15);

	limits(1, &(struct nic_vport_tuning){ 0 });
	expect_frames(&vb, 15);
	assert_false(ring_held(1));
	assert_int_equal(counters(1).tx_frames, 30);
	assert_int_equal(worker(0).rings_held, 0);
	for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
		assert_int_equal(counters(1).drops[i] + counters(2).drops[i], 0);
	assert_int_equal(nic_queue_info(nic, 1, 0, &info), 0);
	assert_int_equal(info.count.tx_frames, 30);
	assert_int_equal(info.count.tx_bytes, 30 * 60);
	unpair();
	assert_int_equal(nic_queue_info(nic, 2, 0, &info), 0); /* counted on when the VM has gone */
	assert_int_equal(info.count.rx_frames, 30);
}

/* The worker sleeps while the ring waits, and wakes for it by itself: no kick comes. */
static void test_worker_wakes_for_tokens(void **s)
{
	const struct nic_vport_tuning slow = { .tx_frames = { 50, 1 } };

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	limits(1, &slow);
	for (unsigned i = 0; i < 20; i++)
		(void)vm_post(&vb, 256);
	send_n(10, 2, 60);
	expect_frames(&vb, 10);
	assert_int_equal(counters(1).tx_frames, 10);
	assert_true(worker(0).timed_sleeps >= 5);
	unpair();
}

/* A ring that waits for tokens is stopped and moved like any other. */
static void test_held_ring_moves_and_stops(void **s)
{
	const struct nic_vport_tuning some = { .tx_bytes = { LONG_DEBT, 2 * 60 + 1 } };
	struct nic_queue_config c = { 0 };
	struct vmq_err err;
	uint16_t rx, tx;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	limits(1, &some);
	for (unsigned i = 0; i < 20; i++)
		(void)vm_post(&vb, 256);
	send_n(10, 2, 60);
	expect_frames(&vb, 3);
	wait_held(1);
	assert_int_equal(nic_vport_set_cpu(nic, 1, cpu[1], &err), 0);
	wait_held(1); /* the limit is the VPort's, wherever its ring is */
	assert_int_equal(counters(1).tx_frames, 3);
	assert_int_equal(nic_queue_stop(nic, 1, 0, &rx, &tx), 0);
	assert_int_equal(worker(0).rings_held, 0);
	assert_int_equal(worker(ncpus - 1).rings_held, 0);
	c = vm_queue_config(&va);
	c.rx.last_avail = rx;
	c.tx.last_avail = tx;
	assert_int_equal(nic_queue_start(nic, 1, 0, &c, &err), 0);
	wait_held(1);
	limits(1, &(struct nic_vport_tuning){ 0 });
	expect_frames(&vb, 7);
	unpair();
}

/* The limit is the VPort's: what one queue pair has used up, the other on another CPU has not. */
static void test_queue_pairs_share_the_limit(void **s)
{
	const struct nic_vport_tuning some = { .tx_bytes = { LONG_DEBT, 9 * 60 + 1 } };
	struct nic_rss_config rss = { .types = NIC_RSS_IPV4, .entries = 2, .cpu = { cpu[0], cpu[1] }, .default_cpu = cpu[0] };
	struct nic_queue_config c;
	struct nic_queue_info info;
	struct vmq_err err = { "" };
	struct vm second;
	uint16_t rx, tx;
	uint8_t f[60];

	(void)s;
	assert_int_equal(nic_vport_create(nic, &(struct nic_vport_config){ 1, cpu[0], 2, NIC_MODERATION_OFF, true }, &err), 0);
	vport(2, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(2, 2, 2, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&va, 1, 64, V1 | MRG | ring_kind);
	vm_init(&vb, 1, 64, V1 | MRG | ring_kind);
	vm_init(&second, 1, 64, V1 | MRG | ring_kind);
	start(1, &va);
	start(2, &vb);
	assert_int_equal(nic_vport_set_rss(nic, 1, &rss, &err), 0);
	c = vm_queue_config(&second);
	assert_int_equal(nic_queue_start(nic, 1, 1, &c, &err), 0);
	assert_int_equal(nic_queue_info(nic, 1, 1, &info), 0);
	assert_int_equal(info.cpu, cpu[ncpus > 1]);
	for (unsigned i = 0; i < 40; i++)
		(void)vm_post(&vb, 256);
	limits(1, &some);
	send_n(4, 2, 60);
	expect_frames(&vb, 4);
	make_frame(f, 2, 1, 0, 60);
	for (unsigned i = 0; i < 10; i++)
		vm_send(&second, f, 60);
	expect_frames(&vb, 6);
	for (unsigned i = 0; i < 30000; i++) {
		assert_int_equal(nic_queue_info(nic, 1, 1, &info), 0);
		if (info.held)
			break;
		pause_ms(1);
	}
	assert_true(info.held);
	send_n(3, 2, 60);
	wait_held(1);
	assert_int_equal(counters(1).tx_frames, 10);
	limits(1, &(struct nic_vport_tuning){ 0 });
	expect_frames(&vb, 7);
	assert_int_equal(nic_queue_info(nic, 1, 1, &info), 0);
	assert_int_equal(info.count.tx_frames, 10);
	assert_int_equal(nic_queue_stop(nic, 1, 1, &rx, &tx), 0);
	assert_int_equal(nic_vport_set_rss(nic, 1, NULL, &err), 0);
	unpair();
	vm_fini(&second);
}

/* Toward the VM what is beyond the limit is dropped, and counted for what it is. */
static void test_received_frames_beyond_the_limit_are_dropped(void **s)
{
	const struct nic_vport_tuning some = { .rx_bytes = { LONG_DEBT, 11 * 60 + 1 } };

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[1]);
	limits(2, &some);
	for (unsigned i = 0; i < 40; i++)
		(void)vm_post(&vb, 256);
	send_n(30, 2, 60);
	expect_frames(&vb, 12);
	expect_drop(2, NIC_DROP_RX_LIMIT, 18);
	assert_int_equal(counters(2).rx_frames, 12);
	assert_int_equal(counters(1).tx_frames, 30);
	limits(2, &(struct nic_vport_tuning){ 0 });
	send_n(5, 2, 60);
	expect_frames(&vb, 5);
	expect_drop(2, NIC_DROP_RX_LIMIT, 18);
	unpair();
}

/* In one burst frames of a limited and an unlimited receiver: each its own. */
static void test_limit_is_of_one_receiver(void **s)
{
	const struct nic_vport_tuning some = { .rx_frames = { 1, 4 } };
	struct vm vc;
	uint64_t sent = 0;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	vport(3, cpu[0]);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&vc, 1, 64, V1 | MRG | ring_kind);
	start(3, &vc);
	limits(2, &some);
	for (unsigned i = 0; i < 40; i++) {
		(void)vm_post(&vb, 256);
		(void)vm_post(&vc, 256);
	}
	for (unsigned i = 0; i < 20; i++, sent += 2) {
		send_n(1, 2, 60);
		send_n(1, 3, 60);
	}
	expect_frames(&vc, 20);
	for (unsigned i = 0; i < 30000 && counters(2).rx_frames + counters(2).drops[NIC_DROP_RX_LIMIT] < 20; i++)
		pause_ms(1);
	assert_int_equal(counters(2).rx_frames + counters(2).drops[NIC_DROP_RX_LIMIT], 20);
	assert_true(counters(2).rx_frames >= 4); /* and one more a second that this took */
	assert_true(counters(2).drops[NIC_DROP_RX_LIMIT] > 0);
	assert_int_equal(counters(3).drops[NIC_DROP_RX_LIMIT], 0);
	stop(3);
	vm_fini(&vc);
	unpair();
}

/* Broadcasts beyond the storm limit go nowhere; what the VM sends to one receiver is not concerned. */
static void test_storm_limit(void **s)
{
	const struct nic_vport_tuning some = { .group_frames = { 1, 6 } };
	uint8_t f[60];
	uint64_t storm;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[1]);
	group_filter(3, 2, 0xff, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	limits(1, &some);
	for (unsigned i = 0; i < 60; i++)
		(void)vm_post(&vb, 256);
	make_frame(f, 2, 1, 0, 60);
	memset(f, 0xff, 6);
	for (unsigned i = 0; i < 25; i++)
		vm_send(&va, f, 60);
	for (unsigned i = 0; i < 30000 && counters(2).rx_frames + counters(1).drops[NIC_DROP_TX_STORM] < 25; i++)
		pause_ms(1);
	storm = counters(1).drops[NIC_DROP_TX_STORM];
	assert_in_range(storm, 1, 19);
	assert_int_equal(counters(2).rx_frames, 25 - storm);
	send_n(20, 2, 60);
	expect_frames(&vb, (unsigned)(25 - storm) + 20);
	assert_int_equal(counters(1).drops[NIC_DROP_TX_STORM], storm);
	unpair();
}

static void test_bad_limits_are_refused(void **s)
{
	const struct nic_vport_tuning bad[] = {
		{ .tx_bytes = { LIMIT_MAX_PER_S + 1, 0 } },
		{ .rx_frames = { 1, LIMIT_MAX_PER_S + 1 } },
		{ .moderation_us = NIC_MAX_MODERATION_US + 1 },
		{ .moderation_us = 1, .moderation_frames = NIC_MAX_MODERATION_FRAMES + 1 },
		{ .moderation_frames = 5 },
	};
	const struct nic_vport_tuning good = { .group_frames = { 7, 8 } };
	struct nic_vport_tuning is;
	struct vmq_err err;

	(void)s;
	vport(1, cpu[0]);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		err.text[0] = '\0';
		assert_int_equal(nic_vport_set_tuning(nic, 1, &bad[i], &err), -EINVAL);
		assert_true(err.text[0]);
	}
	assert_int_equal(nic_vport_tuning(nic, 1, &is), 0);
	assert_memory_equal(&is, &(struct nic_vport_tuning){ 0 }, sizeof is);
	assert_int_equal(nic_vport_set_tuning(nic, 0, &good, &err), -EINVAL); /* the host's own */
	assert_int_equal(nic_vport_set_tuning(nic, 5, &good, &err), -ENOENT);
	limits(1, &good);
}

/* poll: never asleep, no ring armed, nobody has to kick. adaptive again: asleep before long. interrupt: too. */
static void test_worker_policy(void **s)
{
	uint64_t sleeps;

	(void)s;
	assert_int_equal(nic_engine_set_policy(engine, 4000, NIC_POLICY_POLL), -ENOENT);
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 30000 && !worker(0).asleep; i++)
		pause_ms(1);
	assert_true(worker(0).asleep);
	assert_int_equal(worker(0).rings_armed, 2);
	assert_int_equal(nic_engine_set_policy(engine, cpu[0], NIC_POLICY_POLL), 0);
	assert_int_equal(worker(0).policy, NIC_POLICY_POLL);
	assert_int_equal(worker(0).rings_armed, 0);
	pause_ms(1);
	sleeps = worker(0).sleeps;
	for (unsigned i = 0; i < 40; i++)
		(void)vm_post(&vb, 256);
	send_n(5, 2, 60);
	expect_frames(&vb, 5);
	pause_ms(20);
	assert_int_equal(worker(0).sleeps, sleeps);
	assert_false(worker(0).asleep);
	assert_int_equal(worker(0).rings_armed, 0);
	for (enum nic_policy p = NIC_POLICY_INTERRUPT;; p = NIC_POLICY_ADAPTIVE) {
		assert_int_equal(nic_engine_set_policy(engine, cpu[0], p), 0);
		for (unsigned i = 0; i < 30000 && !worker(0).asleep; i++)
			pause_ms(1);
		assert_true(worker(0).asleep);
		send_n(5, 2, 60);
		expect_frames(&vb, 5);
		assert_true(worker(0).sleeps > sleeps); /* counted when it wakes */
		if (p == NIC_POLICY_ADAPTIVE)
			break;
	}
	unpair();
}

/* Waits until the worker has gone round n times more. */
static void rounds(uint64_t n)
{
	uint64_t begin = worker(0).polls;

	for (unsigned i = 0; i < 30000 && worker(0).polls - begin < n; i++)
		pause_ms(1);
	assert_true(worker(0).polls - begin >= n);
}

/* poll: a silent port is looked at in every round, but for one that has to ask the kernel: that one's descriptor says when. */
static void test_poll_asks_the_kernel_only_when_told(void **s)
{
	for (unsigned asks = 0; asks < 2; asks++) {
		struct fake_port *wire = fake_port_new(), *host = fake_port_new();
		struct vmq_err err = { "" };
		uint8_t f[60], out[60];
		uint64_t asked = 0;

		(void)s;
		wire->port.asks_kernel = asks;
		assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
		assert_int_equal(nic_vport_attach_port(nic, 0, &host->port, &err), 0);
		assert_int_equal(nic_engine_set_policy(engine, cpu[0], NIC_POLICY_POLL), 0);
		make_frame(f, 9, 1, 0, sizeof f);
		for (unsigned i = 0; i < 30000; i++) { /* until it is silent; a round under way may ask once more */
			asked = fake_port_asked(wire);
			rounds(1000);
			if (fake_port_asked(wire) == asked || !asks)
				break;
		}
		if (asks)
			assert_int_equal(fake_port_asked(wire), asked);
		else
			assert_true(fake_port_asked(wire) - asked >= 900);
		fake_port_put(wire, f, sizeof f);
		assert_int_equal(fake_port_get(host, out), sizeof f);
		assert_memory_equal(out, f, sizeof f);
		assert_false(worker(0).asleep);
		assert_int_equal(nic_engine_set_policy(engine, cpu[0], NIC_POLICY_ADAPTIVE), 0);
		assert_int_equal(nic_wire_detach(nic), 0);
		assert_int_equal(nic_vport_detach_port(nic, 0), 0);
		fake_port_free(wire);
		fake_port_free(host);
	}
}

/* Interrupts held back are sent when their time has come although the worker sleeps; each is counted by its delay. */
static void test_moderation_by_numbers_while_asleep(void **s)
{
	const struct nic_vport_tuning l = { .moderation_us = 5000, .moderation_frames = 4 };
	uint64_t classes = 0;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	limits(2, &l);
	for (unsigned i = 0; i < 20; i++)
		(void)vm_post(&vb, 256);
	send_n(1, 2, 60);
	expect_frames(&vb, 1);
	for (unsigned i = 0; i < 30000 && counters(2).rx_notifications < 1; i++)
		pause_ms(1);
	assert_int_equal(counters(2).rx_notifications, 1);
	assert_int_equal(counters(2).notify_delay[NIC_DELAY_CLASSES - 1], 1); /* 5 ms or more */
	assert_true(worker(0).timed_sleeps > 0);
	for (unsigned i = 0; i < NIC_DELAY_CLASSES; i++)
		classes += counters(2).notify_delay[i];
	assert_int_equal(classes, 1);
	assert_int_equal(counters(2).rx_spurious_notifications, 0);
	unpair();
}

/* Interrupts of several VMs are held back for different times, of which each round has another order: each VM gets one a round. */
static void test_moderation_of_several(void **s)
{
	static const uint32_t us[] = { 0, 900, 300, 2500, 600 };
	struct vm more[4], *vm[5] = { &vb, &more[0], &more[1], &more[2], &more[3] };

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	for (unsigned i = 1; i < 5; i++) {
		vport(2 + i, cpu[0]);
		filter(2 + i, 2 + i, 2 + i, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
		vm_init(vm[i], 1, 64, V1 | MRG | ring_kind);
		start(2 + i, vm[i]);
	}
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 5; i++) {
			limits(2 + i, &(struct nic_vport_tuning){ .moderation_us = us[(i + round) % 5] });
			vm[i]->brk = VM_GPA + (1u << 20);
			(void)vm_post(vm[i], 256);
		}
		va.brk = VM_GPA + (1u << 20);
		for (unsigned i = 0; i < 5; i++)
			send_n(1, 2 + (i * 2 + round) % 5, 60);
		for (unsigned i = 0; i < 5; i++) {
			struct vring_used_elem e;

			expect_frames(vm[i], 1);
			assert_true(vm_wait_used(&va.tx, &e));
			for (unsigned k = 0; k < 30000 && counters(2 + i).rx_notifications < round + 1; k++)
				pause_ms(1);
			assert_int_equal(counters(2 + i).rx_notifications, round + 1);
		}
	}
	for (unsigned i = 1; i < 5; i++) {
		stop(2 + i);
		vm_fini(vm[i]);
	}
	unpair();
}

/* A kick for a ring that has nothing new is counted as one. */
static void test_spurious_kicks(void **s)
{
	uint64_t before;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 30000 && worker(0).rings_armed < 2; i++)
		pause_ms(1);
	before = counters(1).tx_spurious_kicks;
	vm_kick(&va);
	for (unsigned i = 0; i < 30000 && counters(1).tx_spurious_kicks == before; i++)
		pause_ms(1);
	assert_int_equal(counters(1).tx_spurious_kicks, before + 1);
	assert_true(counters(1).tx_kicks >= counters(1).tx_spurious_kicks);
	unpair();
}

/* Interrupts that a driver which stands still did not need: it neither posted nor asked for anything in between. */
static void test_spurious_notifications(void **s)
{
	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 20; i++)
		(void)vm_post(&vb, 256);
	for (unsigned i = 0; i < 4; i++) {
		send_n(1, 2, 60);
		for (unsigned k = 0; k < 30000 && counters(2).rx_notifications < i + 1; k++)
			pause_ms(1);
	}
	assert_int_equal(counters(2).rx_notifications, 4);
	assert_int_equal(counters(2).rx_spurious_notifications, ring_kind == PACKED ? 0 : 3);
	(void)vm_post(&vb, 256); /* it moves */
	send_n(1, 2, 60);
	for (unsigned k = 0; k < 30000 && counters(2).rx_notifications < 5; k++)
		pause_ms(1);
	assert_int_equal(counters(2).rx_spurious_notifications, ring_kind == PACKED ? 0 : 3);
	unpair();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sent_frames_wait_in_the_ring),
		T(test_worker_wakes_for_tokens),
		T(test_held_ring_moves_and_stops),
		T(test_queue_pairs_share_the_limit),
		T(test_received_frames_beyond_the_limit_are_dropped),
		T(test_limit_is_of_one_receiver),
		T(test_storm_limit),
		T(test_bad_limits_are_refused),
		T(test_worker_policy),
		T(test_poll_asks_the_kernel_only_when_told),
		T(test_moderation_by_numbers_while_asleep),
		T(test_moderation_of_several),
		T(test_spurious_kicks),
		T(test_spurious_notifications),
	};
	int failed = cmocka_run_group_tests_name("split rings", tests, NULL, NULL);

	ring_kind = PACKED;
	return failed + cmocka_run_group_tests_name("packed rings", tests, NULL, NULL);
}
