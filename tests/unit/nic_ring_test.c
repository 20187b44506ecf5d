/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings of the data path: every layout of a buffer, notifications, the dirty log. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nic_fixture.h"

static void frames_of_all_sizes(uint64_t features)
{
	static const uint32_t sizes[] = { 14, 15, 59, 60, 63, 64, 65, 68, 127, 128, 1514, 1518, 9014, 9216 };
	struct vm a, b;

	vport(1, cpu[0]);
	vport(2, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(2, 2, 2, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&a, 1, 64, features | ring_kind);
	vm_init(&b, 1, 64, features | ring_kind);
	start(1, &a);
	start(2, &b);
	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint8_t f[9216];
		uint64_t at = vm_post(&b, 9300);
		struct vring_used_elem e;

		make_frame(f, 2, 1, 0, sizes[i]);
		vm_send(&a, f, sizes[i]);
		expect_frame(&b, at, f, sizes[i]);
		assert_true(vm_wait_used(&a.tx, &e)); /* the sender's buffer comes back */
		assert_int_equal(a.tx.last_gpa[e.id] > 0, 1);
	}
	stop(1);
	stop(2);
	vm_fini(&a);
	vm_fini(&b);
}

static void test_sizes_v1_mergeable(void **s)
{
	(void)s;
	frames_of_all_sizes(V1 | MRG);
}

static void test_sizes_v1(void **s)
{
	(void)s;
	frames_of_all_sizes(V1);
}

static void test_sizes_transitional(void **s)
{
	(void)s;
	frames_of_all_sizes(0);
}

static void test_sizes_transitional_mergeable(void **s)
{
	(void)s;
	frames_of_all_sizes(MRG);
}

static void any_layout(bool indirect)
{
	static const struct {
		unsigned n;
		uint32_t piece[20];
	} layout[] = {
		{ 2, { 12 } },                /* header apart: what old Linux drivers do */
		{ 2, { 5 } },                 /* header cut */
		{ 3, { 12, 14 } },            /* Ethernet header apart */
		{ 4, { 1, 11, 1 } },
		{ 6, { 13, 5, 7, 1, 40 } },
		{ 8, { 12, 64, 1, 1, 1, 100, 3 } },
		{ 20, { 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20 } },
	};
	uint8_t f[1514];

	pair(V1 | MRG | INDIRECT, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < sizeof layout / sizeof layout[0]; i++) {
		uint64_t at = vm_post(&vb, 2048);

		make_frame(f, 2, 1, 0, sizeof f);
		send_pieces(&va, f, sizeof f, layout[i].piece, layout[i].n, indirect);
		expect_frame(&vb, at, f, sizeof f);
	}
	unpair();
}

static void test_any_layout_chained(void **s)
{
	(void)s;
	any_layout(false);
}

static void test_any_layout_indirect(void **s)
{
	(void)s;
	any_layout(true);
}

static void test_mergeable_over_many_buffers(void **s)
{
	uint8_t f[9000];
	uint64_t at[7];
	uint32_t got = 0;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 7; i++)
		at[i] = vm_post(&vb, 1526);
	make_frame(f, 2, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	for (unsigned i = 0; i < 6; i++) {
		struct vring_used_elem e;
		const uint8_t *p = vm_ptr(&vb, at[i]);
		uint32_t skip = i ? 0 : 12;

		assert_true(vm_wait_used(&vb.rx, &e));
		if (i == 0)
			assert_int_equal(p[10] | p[11] << 8, 6); /* num_buffers */
		assert_memory_equal(p + skip, f + got, e.len - skip);
		got += e.len - skip;
	}
	assert_int_equal(got, sizeof f);
	unpair();
}

static void test_mergeable_not_enough_buffers(void **s)
{
	uint8_t f[9000];
	uint64_t at;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	at = vm_post(&vb, 1526);
	make_frame(f, 2, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	expect_drop(2, NIC_DROP_RX_NO_BUFFER, 1);
	make_frame(f, 2, 1, 0, 100); /* the buffer is still there for a frame that fits */
	vm_send(&va, f, 100);
	expect_frame(&vb, at, f, 100);
	unpair();
}

static void test_not_mergeable_chain_and_too_long(void **s)
{
	uint8_t f[3000];
	struct vm_piece p[2];
	struct vring_used_elem e;

	(void)s;
	pair(V1, 1, cpu[0], cpu[0]);
	p[0] = (struct vm_piece){ vm_alloc(&vb, 12), 12 };
	p[1] = (struct vm_piece){ vm_alloc(&vb, 1600), 1600 };
	vm_offer(&vb, &vb.rx, p, 2, true, false);
	make_frame(f, 2, 1, 0, 3000);
	vm_send(&va, f, 3000);
	expect_drop(2, NIC_DROP_RX_TOO_LONG, 1);
	vm_send(&va, f, 1500);
	assert_true(vm_wait_used(&vb.rx, &e));
	assert_int_equal(e.len, 1512);
	assert_memory_equal(vm_ptr(&vb, p[1].gpa), f, 1500);
	unpair();
}

static void test_buffers_across_slots(void **s)
{
	uint8_t f[1514];
	uint64_t end = VM_GPA + VM_SIZE / 8, at;

	(void)s;
	pair(V1 | MRG, 8, cpu[0], cpu[0]);
	va.brk = vb.brk = end - 128; /* the next buffer lies in two slots */
	at = vm_post(&vb, 2048);
	make_frame(f, 2, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	expect_frame(&vb, at, f, sizeof f);
	unpair();
}

static void test_wakes_after_silence(void **s)
{
	struct nic_worker_stats st[2];
	uint8_t f[64];

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t at = vm_post(&vb, 256);

		usleep(20000); /* long enough for the ring to be armed and the worker to sleep */
		assert_int_equal(nic_engine_stats(engine, st, 2), ncpus);
		assert_int_equal(st[0].rings_armed, 2);
		make_frame(f, 2, 1, 0, 64);
		vm_send(&va, f, 64);
		expect_frame(&vb, at, f, 64);
	}
	assert_true(st[0].sleeps >= 4);
	unpair();
}

static void test_burst_in_order_and_one_indication(void **s)
{
	struct vring_used_elem e;
	uint8_t f[64];
	uint64_t at[32], n;

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 32; i++)
		at[i] = vm_post(&vb, 256);
	for (unsigned i = 0; i < 32; i++) {
		uint64_t gpa = vm_alloc(&va, 76);

		make_frame(f, 2, 1, 0, 64);
		f[20] = (uint8_t)i;
		memcpy((uint8_t *)vm_ptr(&va, gpa) + 12, f, 64);
		va.tx.avail->ring[i] = vm_desc(&va.tx, gpa, 76, 0, 0);
	}
	__atomic_store_n(&va.tx.avail->idx, 32, __ATOMIC_RELEASE);
	vm_kick(&va);
	for (unsigned i = 0; i < 32; i++) {
		assert_true(vm_wait_used(&vb.rx, &e));
		assert_int_equal(((uint8_t *)vm_ptr(&vb, at[i]))[12 + 20], i);
	}
	assert_int_equal(counters(2).rx_frames, 32);
	assert_int_equal(counters(2).rx_batches, 1); /* all frames of a queue in one go */
	usleep(20000);
	assert_int_equal(read(vb.rx_call, &n, 8), 8);
	assert_int_equal(n, 1);
	unpair();
}

static void test_event_index_holds_the_interrupt(void **s)
{
	uint8_t f[64];
	uint64_t at[3], n;

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	vb.rx.avail->ring[vb.rx.size] = 2; /* used_event: tell me when entry 2 is used */
	for (unsigned i = 0; i < 3; i++)
		at[i] = vm_post(&vb, 256);
	for (unsigned i = 0; i < 3; i++) {
		make_frame(f, 2, 1, 0, 64);
		vm_send(&va, f, 64);
		expect_frame(&vb, at[i], f, 64);
		usleep(20000);
		if (i < 2)
			assert_int_equal(read(vb.rx_call, &n, 8), -1);
	}
	assert_int_equal(read(vb.rx_call, &n, 8), 8);
	unpair();
}

static void test_runt_and_giant(void **s)
{
	static uint8_t f[9217];

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	make_frame(f, 2, 1, 0, sizeof f);
	vm_send(&va, f, 13);
	expect_drop(1, NIC_DROP_TX_RUNT, 1);
	vm_send(&va, f, 0);
	expect_drop(1, NIC_DROP_TX_RUNT, 2);
	vm_send(&va, f, sizeof f);
	expect_drop(1, NIC_DROP_TX_TOO_LONG, 1);
	vm_send(&va, f, 64); /* no buffer posted */
	expect_drop(2, NIC_DROP_RX_NO_BUFFER, 1);
	unpair();
}

static void test_dirty_log_is_exact(void **s)
{
	size_t bytes = (VM_GPA + VM_SIZE) / 4096 / 8 + 1;
	uint8_t *bits = calloc(1, bytes), *before = malloc(VM_SIZE), f[1514];

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	usleep(20000);
	assert_int_equal(nic_queue_set_log(nic, 2, 0, NULL, 0), 0); /* the worker has written what it had to */
	memcpy(before, vb.ram, VM_SIZE);
	assert_int_equal(nic_queue_set_log(nic, 2, 0, bits, bytes), 0);
	for (unsigned i = 0; i < 50; i++) {
		struct vring_used_elem e;

		(void)vm_post(&vb, 1526);
		make_frame(f, 2, 1, 0, 60 + i * 29);
		vm_send(&va, f, 60 + i * 29);
		assert_true(vm_wait_used(&vb.rx, &e));
	}
	assert_int_equal(nic_queue_set_log(nic, 2, 0, NULL, 0), 0);
	for (uint64_t p = 0; p < VM_SIZE / 4096; p++) {
		uint64_t page = VM_GPA / 4096 + p;
		bool marked = bits[page / 8] >> (page % 8) & 1, changed = memcmp(before + p * 4096, vb.ram + p * 4096, 4096) != 0;

		/* the driver's own writes change its descriptor and available pages: not for us to mark */
		bool drivers = (uint8_t *)vb.rx.desc - vb.ram < (ptrdiff_t)(p + 1) * 4096 && p == 0;

		if (!drivers)
			assert_int_equal(marked, changed);
	}
	free(bits);
	free(before);
	unpair();
}

/* What the device tells about kicks lies in a page of its own here: it is written, so it is in the log. */
static void test_packed_event_area_is_in_the_log(void **s)
{
	size_t bytes = (VM_GPA + VM_SIZE) / 4096 / 8 + 1;
	uint8_t *bits = calloc(1, bytes);
	struct nic_queue_config c;
	struct vmq_err err;
	uint64_t page[2];

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	stop(1);
	(void)vm_alloc(&va, 4096); /* behind the rings' page */
	for (unsigned i = 0; i < 2; i++) {
		struct vm_ring *r = i ? &va.tx : &va.rx;

		r->event_gpa = (vm_alloc(&va, 8192) + 4095) & ~4095ull;
		r->device_event = vm_ptr(&va, r->event_gpa);
		page[i] = r->event_gpa / 4096;
	}
	c = vm_queue_config(&va);
	c.dirty_log = bits;
	c.dirty_log_size = bytes;
	assert_int_equal(nic_queue_start(nic, 1, 0, &c, &err), 0);
	assert_true(__atomic_load_n(&bits[page[0] / 8], __ATOMIC_RELAXED) >> (page[0] % 8) & 1); /* no kicks for receive buffers */
	/* the transmit ring is polled and asks for no kicks, then is idle and asks for one */
	for (unsigned i = 0; i < 10000 && __atomic_load_n(&va.tx.device_event->flags, __ATOMIC_RELAXED) != VRING_PACKED_EVENT_FLAG_DESC; i++)
		usleep(1000);
	stop(1);
	assert_int_equal(va.tx.device_event->flags, VRING_PACKED_EVENT_FLAG_DESC);
	assert_true(bits[page[1] / 8] >> (page[1] % 8) & 1);
	stop(2);
	vm_fini(&va);
	vm_fini(&vb);
	free(bits);
}

static void test_queue_restart_keeps_positions(void **s)
{
	uint8_t f[64];
	uint64_t at;
	uint16_t rx, tx;
	struct nic_queue_config c;
	struct vmq_err err;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	at = vm_post(&vb, 256);
	make_frame(f, 2, 1, 0, 64);
	vm_send(&va, f, 64);
	expect_frame(&vb, at, f, 64);
	assert_int_equal(nic_queue_stop(nic, 2, 0, &rx, &tx), 0);
	assert_int_equal(rx, 1);
	assert_int_equal(tx, 0);
	at = vm_post(&vb, 256);
	vm_send(&va, f, 64);
	expect_drop(2, NIC_DROP_RX_NOT_CONNECTED, 1);
	c = vm_queue_config(&vb);
	c.rx.last_avail = rx;
	assert_int_equal(nic_queue_start(nic, 2, 0, &c, &err), 0);
	assert_int_equal(nic_queue_start(nic, 2, 0, &c, &err), -EBUSY);
	vm_send(&va, f, 64);
	expect_frame(&vb, at, f, 64);
	unpair();
}

/* The driver asks for an interrupt when the next buffer that it offers is used, or (behind) the one after the last of n entries. */
static void ask_for_call(struct vm_ring *r, unsigned behind)
{
	unsigned at = r->next_desc + behind;
	bool wrap = r->avail_wrap;

	if (!ring_kind) {
		__atomic_store_n(&r->avail->ring[r->size], (uint16_t)(r->avail->idx + behind), __ATOMIC_RELAXED);
		return;
	}
	if (at >= r->size) {
		at -= r->size;
		wrap = !wrap;
	}
	__atomic_store_n(&r->driver_event->off_wrap, (uint16_t)(at | wrap << 15), __ATOMIC_RELAXED);
	__atomic_store_n(&r->driver_event->flags, VRING_PACKED_EVENT_FLAG_DESC, __ATOMIC_RELEASE);
}

/* Bursts of buffers of one piece, of several, and of both, over many laps: all come back, in order, with one interrupt if it is
 * asked for at the first of them, and none if it is asked for behind the last. */
static void test_bursts_come_back(void **s)
{
	static const uint8_t burst[][8] = { { 1, 1, 1, 1, 1 }, { 1 }, { 1, 3, 1, 1 }, { 2, 2 }, { 1, 1, 1, 1, 1, 1, 1 }, { 3, 1, 1 }, { 2 } };
	int call = eventfd(0, EFD_NONBLOCK);
	uint64_t calls;

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	assert_int_equal(nic_queue_set_fds(nic, 1, 0, -1, -1, va.tx_kick, call), 0);
	for (unsigned i = 0; i < 300; i++) {
		const uint8_t *pieces = burst[i % 7];
		const uint32_t piece[] = { 12, 30 };
		const bool asked = i % 3 == 0;
		uint64_t at[8], before = 0;
		uint8_t f[8][100];
		unsigned n = 0, entries = 0;

		while (pieces[n])
			entries += pieces[n++];
		va.brk = vb.brk = VM_GPA + (1u << 20);
		ask_for_call(&va.tx, asked ? 0 : ring_kind ? entries : n);
		assert_int_equal(nic_engine_hold(engine, true), 0);
		for (unsigned k = 0; k < n; k++) {
			at[k] = vm_post(&vb, 256);
			make_frame(f[k], 2, 1, 0, sizeof f[k]);
			f[k][60] = (uint8_t)k;
			send_pieces(&va, f[k], sizeof f[k], piece, pieces[k], false);
		}
		assert_int_equal(nic_engine_hold(engine, false), 0);
		for (unsigned k = 0; k < n; k++) {
			const uint16_t received = vb.rx.seen_used, sent = va.tx.seen_used;
			struct vring_used_elem e;

			expect_frame(&vb, at[k], f[k], sizeof f[k]);
			assert_true(vm_wait_used(&va.tx, &e));
			if (ring_kind) { /* whether it was written to (virtio 1.2 §2.8.3) */
				assert_true(vb.rx.pdesc[received].flags & VRING_DESC_F_WRITE);
				assert_false(va.tx.pdesc[sent].flags & VRING_DESC_F_WRITE);
			}
			assert_true(va.tx.last_gpa[e.id] > before);
			before = va.tx.last_gpa[e.id];
		}
		for (unsigned wait = 0; asked && wait < 10000 && read(call, &calls, 8) < 0; wait++)
			usleep(1000);
		if (asked)
			assert_int_equal(calls, 1);
	}
	unpair();
	close(call);
}

static void test_packed_wraps_with_chains(void **s)
{
	uint8_t f[600];

	(void)s;
	pair(V1 | MRG | INDIRECT, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 200; i++) { /* 64 entries: many laps, chains across the end */
		const uint32_t piece[] = { 12, 20, 30, 40 };
		uint64_t at = vm_post(&vb, 1024);
		struct vring_used_elem e;

		make_frame(f, 2, 1, 0, 100 + i);
		send_pieces(&va, f, 100 + i, piece, 1 + i % 5 % 4, i % 7 == 0);
		expect_frame(&vb, at, f, 100 + i);
		assert_true(vm_wait_used(&va.tx, &e));
	}
	unpair();
}

static void test_packed_mergeable_laps(void **s)
{
	uint8_t f[3000];

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t at[3];
		struct vring_used_elem e;
		uint32_t got = 0;

		for (unsigned k = 0; k < 3; k++)
			at[k] = vm_post(&vb, 1100);
		make_frame(f, 2, 1, 0, sizeof f);
		vm_send(&va, f, sizeof f);
		for (unsigned k = 0; k < 3; k++) {
			uint32_t skip = k ? 0 : 12;

			assert_true(vm_wait_used(&vb.rx, &e));
			assert_memory_equal((uint8_t *)vm_ptr(&vb, at[k]) + skip, f + got, e.len - skip);
			got += e.len - skip;
		}
		assert_int_equal(got, sizeof f);
		assert_true(vm_wait_used(&va.tx, &e));
		va.brk = vb.brk = VM_GPA + (1u << 20);
	}
	unpair();
}

static void test_packed_event_index(void **s)
{
	uint8_t f[64];
	uint64_t at[3], n;

	(void)s;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	vb.rx.driver_event->off_wrap = 2 | 0x8000; /* tell me when entry 2 of this lap is used */
	vb.rx.driver_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
	for (unsigned i = 0; i < 3; i++)
		at[i] = vm_post(&vb, 256);
	for (unsigned i = 0; i < 3; i++) {
		make_frame(f, 2, 1, 0, 64);
		vm_send(&va, f, 64);
		expect_frame(&vb, at[i], f, 64);
		usleep(20000);
		if (i < 2)
			assert_int_equal(read(vb.rx_call, &n, 8), -1);
	}
	assert_int_equal(read(vb.rx_call, &n, 8), 8);
	vb.rx.driver_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	at[0] = vm_post(&vb, 256);
	vm_send(&va, f, 64);
	expect_frame(&vb, at[0], f, 64);
	usleep(20000);
	assert_int_equal(read(vb.rx_call, &n, 8), -1);
	unpair();
}

int main(void)
{
	const struct CMUnitTest both[] = {
		T(test_sizes_v1_mergeable),
		T(test_sizes_v1),
		T(test_any_layout_chained),
		T(test_any_layout_indirect),
		T(test_mergeable_over_many_buffers),
		T(test_mergeable_not_enough_buffers),
		T(test_not_mergeable_chain_and_too_long),
		T(test_buffers_across_slots),
		T(test_wakes_after_silence),
		T(test_runt_and_giant),
		T(test_dirty_log_is_exact),
		T(test_bursts_come_back),
	};
	const struct CMUnitTest split[] = {
		T(test_sizes_transitional),
		T(test_sizes_transitional_mergeable),
		T(test_burst_in_order_and_one_indication),
		T(test_event_index_holds_the_interrupt),
		T(test_queue_restart_keeps_positions),
	};
	const struct CMUnitTest packed[] = {
		T(test_packed_wraps_with_chains),
		T(test_packed_mergeable_laps),
		T(test_packed_event_index),
		T(test_packed_event_area_is_in_the_log),
	};
	int failed;

	failed = cmocka_run_group_tests_name("split rings", both, NULL, NULL);
	failed += cmocka_run_group_tests_name("split rings only", split, NULL, NULL);
	ring_kind = PACKED;
	failed += cmocka_run_group_tests_name("packed rings", both, NULL, NULL);
	failed += cmocka_run_group_tests_name("packed rings only", packed, NULL, NULL);
	return failed;
}
