/* SPDX-License-Identifier: BSD-3-Clause */
/* Between CPUs: hand-over, moves under traffic, RSS. Run under ThreadSanitizer too. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nic_fixture.h"

struct mover {
	bool stop;
	unsigned sent, got, bad;
};

/* A driver that sends numbered frames as fast as its ring takes them and checks what comes. */
static void *traffic(void *arg)
{
	struct mover *m = arg;
	struct vm_piece tx[32];
	uint32_t next = 0, expect = 0;

	for (unsigned i = 0; i < 32; i++)
		tx[i] = (struct vm_piece){ vm_alloc(&va, 128), 12 + 64 };
	for (unsigned i = 0; i < 64; i++)
		(void)vm_post(&vb, 256);
	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED) || m->got < m->sent) {
		struct vring_used_elem e;
		struct timespec t0, t1;

		for (unsigned i = 0; i < 32; i++) {
			uint8_t *p = (uint8_t *)vm_ptr(&va, tx[i].gpa) + 12;

			make_frame(p, 2, 1, 0, 64);
			memcpy(p + 20, &next, 4);
			next++;
			m->sent++;
			vm_offer(&va, &va.tx, &tx[i], 1, false, false);
		}
		vm_kick(&va);
		clock_gettime(CLOCK_MONOTONIC, &t0);
		while (m->got < m->sent) {
			struct vm_piece back;
			uint32_t n;

			if (!vm_used(&vb.rx, &e)) {
				clock_gettime(CLOCK_MONOTONIC, &t1);
				if (t1.tv_sec - t0.tv_sec > 3)
					return NULL;
				sched_yield();
				continue;
			}
			back = (struct vm_piece){ vb.rx.last_gpa[e.id], 256 };
			memcpy(&n, (uint8_t *)vm_ptr(&vb, back.gpa) + 12 + 20, 4);
			if (n != expect)
				m->bad++;
			expect = n + 1;
			m->got++;
			vm_offer(&vb, &vb.rx, &back, 1, true, false);
		}
		for (unsigned i = 0; i < 32; i++)
			if (!vm_wait_used(&va.tx, &e))
				return NULL;
	}
	return NULL;
}

static void test_across_cpus(void **s)
{
	uint8_t f[1514];

	(void)s;
	pair(V1 | MRG | INDIRECT, 1, cpu[0], cpu[1]);
	for (unsigned i = 0; i < 40; i++) {
		const uint32_t piece[] = { 12, 20, 30 };
		uint64_t at = vm_post(&vb, 2048);
		struct vring_used_elem e;

		make_frame(f, 2, 1, 0, 60 + i * 36);
		if (i % 2)
			send_pieces(&va, f, 60 + i * 36, piece, 3, true);
		else
			vm_send(&va, f, 60 + i * 36);
		expect_frame(&vb, at, f, 60 + i * 36);
		assert_true(vm_wait_used(&va.tx, &e));
	}
	unpair();
}

static void test_cpu_moves_under_traffic(void **s)
{
	struct mover m = { 0 };
	struct vmq_err err;
	pthread_t t;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	assert_int_equal(pthread_create(&t, NULL, traffic, &m), 0);
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(nic_vport_set_cpu(nic, 1 + i % 2, cpu[(i / 2) % 2], &err), 0);
		usleep(2000);
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	assert_int_equal(m.got, m.sent); /* none lost, none doubled */
	assert_int_equal(m.bad, 0);      /* and in order */
	assert_true(m.sent > 100);
	unpair();
}

/* Bypassed a frame arrives as it would else, of any layout, and is counted. */
static void test_bypass_delivers_and_counts(void **s)
{
	struct vmq_err err;
	uint8_t f[1514];

	for (unsigned ways = 0; ways < 8; ways++) {
		pair(V1 | MRG | INDIRECT, 1, cpu[ways & 1], cpu[ways >> 1 & 1]);
		assert_int_equal(nic_vport_set_cpu(nic, 0, cpu[ways >> 2], &err), 0);
		assert_int_equal(nic_vport_set_bypass(nic, 2, true, &err), 0);
		for (unsigned i = 0; i < 20; i++) {
			const uint32_t piece[] = { 12, 20, 30 };
			uint64_t at = vm_post(&vb, 2048);
			struct vring_used_elem e;

			make_frame(f, 2, 1, 0, 60 + i * 70);
			if (i % 2)
				send_pieces(&va, f, 60 + i * 70, piece, 3, true);
			else
				vm_send(&va, f, 60 + i * 70);
			expect_frame(&vb, at, f, 60 + i * 70);
			assert_true(vm_wait_used(&va.tx, &e));
		}
		assert_int_equal(counters(2).bypass_frames, 20);
		assert_int_equal(counters(2).rx_frames, 20);
		/* the sender's queue is not bypassed, and the default VPort can't be */
		assert_int_equal(counters(1).bypass_frames, 0);
		assert_int_equal(nic_vport_set_bypass(nic, 0, true, &err), -EINVAL);
		stop(2);
		make_frame(f, 2, 1, 0, 60);
		vm_send(&va, f, 60);
		expect_drop(2, NIC_DROP_RX_NOT_CONNECTED, 1);
		vm_fini(&vb);
		vm_init(&vb, 1, 64, V1 | MRG | ring_kind);
		start(2, &vb);
		/* off: as before, and a queue that starts while it is on is found */
		assert_int_equal(nic_vport_set_bypass(nic, 2, false, &err), 0);
		(void)vm_post(&vb, 256);
		vm_send(&va, f, 60);
		for (unsigned i = 0; i < 10000 && counters(2).rx_frames < 21; i++)
			usleep(1000);
		assert_int_equal(counters(2).rx_frames, 21);
		assert_int_equal(counters(2).bypass_frames, 20);
		unpair();
		teardown(s);
		setup(s);
	}
}

static void test_bypass_changes_under_traffic(void **s)
{
	struct vmq_err err;

	for (unsigned ways = 0; ways < 8; ways++) {
		struct mover m = { 0 };
		pthread_t t;

		pair(V1 | MRG, 1, cpu[ways & 1], cpu[ways >> 1 & 1]);
		assert_int_equal(nic_vport_set_cpu(nic, 0, cpu[ways >> 2], &err), 0);
		assert_int_equal(pthread_create(&t, NULL, traffic, &m), 0);
		for (unsigned i = 0; i < 30; i++) {
			assert_int_equal(nic_vport_set_bypass(nic, 2, i % 2 == 0, &err), 0);
			if (i % 3 == 2)
				assert_int_equal(nic_vport_set_cpu(nic, i % 2, cpu[i / 6 % 2], &err), 0);
			usleep(1000);
		}
		__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
		pthread_join(t, NULL);
		assert_int_equal(m.got, m.sent); /* none lost, none doubled */
		assert_int_equal(m.bad, 0);      /* and in order */
		assert_true(m.sent > 100);
		assert_in_range(counters(2).bypass_frames, 1, m.got - 1);
		unpair();
		teardown(s);
		setup(s);
	}
}

/* Frames in turn to a VPort here and to one of another CPU: with IN_ORDER they come back as they were sent. */
static void test_in_order_across_cpus(void **s)
{
	uint8_t f[64];
	struct vm c;

	(void)s;
	pair(V1 | MRG | INDIRECT | 1ull << VIRTIO_F_IN_ORDER, 1, cpu[0], cpu[1]);
	vport(3, cpu[0]);
	vm_init(&c, 1, 64, V1 | MRG | ring_kind);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	start(3, &c);
	for (unsigned round = 0; round < 20; round++) {
		const uint32_t piece[] = { 12, 20 };
		uint16_t id[24];

		for (unsigned i = 0; i < 24; i++) {
			uint16_t next = va.tx.packed ? va.tx.next_id : (uint16_t)(va.tx.next_desc % va.tx.size);

			if (i % 3 == 2)
				(void)vm_post(&c, 256);
			else
				(void)vm_post(&vb, 256);
			make_frame(f, i % 3 == 2 ? 3 : 2, 1, 0, i == 5 ? 13 : 64); /* one too short: dropped in its turn */
			if (i % 4 == 1)
				send_pieces(&va, f, 64, piece, 2, true);
			else
				vm_send(&va, f, i == 5 ? 13 : 64);
			id[i] = next;
		}
		for (unsigned i = 0; i < 24; i++) {
			struct vring_used_elem e;

			assert_true(vm_wait_used(&va.tx, &e));
			assert_int_equal(e.id, id[i]);
			while (vm_used(&vb.rx, &e) || vm_used(&c.rx, &e))
				; /* the receivers' drivers take theirs */
		}
	}
	stop(3);
	vm_fini(&c);
	unpair();
}

static void udp_frame(uint8_t *f, uint16_t port)
{
	make_frame(f, 2, 1, 0, 100);
	memcpy(f + 12, "\x08\0\x45", 3);
	f[20] = f[21] = 0;
	f[23] = 17;
	memcpy(f + 26, "\12\0\0\1\12\0\0\2", 8);
	f[34] = (uint8_t)(port >> 8);
	f[35] = (uint8_t)port;
}

static void test_rss_spreads_over_queue_pairs(void **s)
{
	struct nic_rss_config rss = { .types = NIC_RSS_IPV4 | NIC_RSS_UDP_IPV4, .entries = 2, .cpu = { cpu[0], cpu[1] }, .default_cpu = cpu[0] };
	struct nic_queue_info info;
	struct nic_queue_config c;
	struct vmq_err err = { "" };
	struct vm q1;
	uint8_t f[100];
	uint16_t rx, tx;
	unsigned got[2] = { 0, 0 };
	bool last = false;
	struct vring_used_elem first;

	(void)s;
	for (unsigned i = 0; i < NIC_RSS_KEY; i++)
		rss.key[i] = (uint8_t)(i * 37 + 11);
	vport(1, cpu[0]);
	assert_int_equal(nic_vport_create(nic, &(struct nic_vport_config){ 2, cpu[0], 2, NIC_MODERATION_OFF, true }, &err), 0);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(2, 2, 2, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&va, 1, 64, V1 | MRG);
	vm_init(&vb, 1, 64, V1 | MRG);
	vm_init(&q1, 1, 64, V1 | MRG);
	start(1, &va);
	start(2, &vb);
	assert_int_equal(nic_vport_set_rss(nic, 2, &rss, &err), 0);
	(void)vm_post(&vb, 256);
	udp_frame(f, 7);
	vm_send(&va, f, sizeof f); /* pair 1 is not enabled yet: pair 0 has all */
	assert_true(vm_wait_used(&vb.rx, &first));
	c = vm_queue_config(&q1);
	assert_int_equal(nic_queue_start(nic, 2, 1, &c, &err), 0);
	assert_int_equal(nic_queue_info(nic, 2, 1, &info), 0);
	assert_int_equal(info.cpu, cpu[1]);
	for (unsigned i = 0; i < 32; i++) {
		struct vring_used_elem e;
		bool in0 = false, in1 = false;

		(void)vm_post(&vb, 256);
		(void)vm_post(&q1, 256);
		udp_frame(f, (uint16_t)(1000 + i / 2)); /* each flow twice: the same pair both times */
		vm_send(&va, f, sizeof f);
		for (unsigned k = 0; k < 20000 && !in0 && !in1; k++) {
			in0 = vm_used(&vb.rx, &e);
			in1 = vm_used(&q1.rx, &e);
			usleep(100);
		}
		assert_true(in0 != in1);
		got[in1]++;
		if (i % 2)
			assert_int_equal(last, in1);
		last = in1;
	}
	if (ncpus > 1)
		assert_true(got[0] > 0 && got[1] > 0);
	rss.cpu[1] = 999;
	assert_int_equal(nic_vport_set_rss(nic, 2, &rss, &err), -EINVAL);
	rss.entries = 3;
	assert_int_equal(nic_vport_set_rss(nic, 2, &rss, &err), -EINVAL);
	assert_int_equal(nic_vport_set_rss(nic, 2, NULL, &err), 0);
	assert_int_equal(nic_queue_info(nic, 2, 1, &info), 0);
	assert_int_equal(info.cpu, cpu[0]);
	assert_int_equal(nic_queue_stop(nic, 2, 1, &rx, &tx), 0);
	unpair();
	vm_fini(&q1);
}

/* Which tables there can be: of so many entries, of workers' CPUs, of no more of them than there are queue pairs. */
static void test_rss_tables(void **s)
{
	const struct nic_rss_config good = { .types = NIC_RSS_IPV4, .entries = 4, .cpu = { cpu[0], cpu[0], cpu[0], cpu[0] }, .default_cpu = cpu[0] };
	const unsigned other = cpu[ncpus - 1];
	struct vmq_err err = { "" };

	(void)s;
	vport(1, cpu[0]);
	for (unsigned one = 0; one < 8; one++) {
		struct nic_rss_config c = good;
		int expect = -EINVAL;

		if (one < 3)
			c.entries = (const unsigned[]){ 0, 3, 2 * NIC_RSS_MAX_ENTRIES }[one];
		else if (one == 3)
			c.default_cpu = 999;
		else if (one < 6)
			c.cpu[one == 4 ? 0 : 3] = 999;
		else
			expect = other == cpu[0] ? 0 : -ENOSPC;
		if (one == 6)
			c.cpu[3] = (uint16_t)other;
		if (one == 7)
			c.default_cpu = (uint16_t)other;
		assert_int_equal(nic_vport_set_rss(nic, 1, &c, &err), expect);
	}
	assert_int_equal(nic_vport_set_rss(nic, 9, &good, &err), -ENOENT);
	assert_int_equal(nic_vport_set_rss(nic, 1, &good, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_across_cpus),
		T(test_cpu_moves_under_traffic),
		T(test_bypass_delivers_and_counts),
		T(test_bypass_changes_under_traffic),
		T(test_in_order_across_cpus),
		T(test_rss_spreads_over_queue_pairs),
		T(test_rss_tables),
	};
	int failed = cmocka_run_group_tests_name("split rings", tests, NULL, NULL);

	ring_kind = PACKED;
	return failed + cmocka_run_group_tests_name("packed rings", tests, NULL, NULL);
}
