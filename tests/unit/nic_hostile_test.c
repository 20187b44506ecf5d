/* SPDX-License-Identifier: BSD-3-Clause */
/* Guests and front-ends that break rules: each harms its own VPort only. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "nic_fixture.h"

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIR VRING_DESC_F_INDIRECT
#define TABLE (VM_GPA + 65536) /* where an attack's indirect table lies */
#define OUT (VM_GPA + VM_SIZE)

/*
 * What a guest may put into a ring, for both kinds of ring: up to two descriptors, an indirect table where they name one,
 * and the words of the reason. NULL: that kind of ring cannot say it.
 */
static const struct attack {
	const char *name;
	bool receive;
	bool no_indirect; /* the feature is not negotiated */
	struct vring_desc d[2];
	unsigned n;
	struct vring_desc table[2];
	const char *split, *packed;
} attacks[] = {
	{ "transmit: a chain that loops on itself", .d = { { VM_GPA, 1, NEXT, 0 } }, .n = 1, .split = "loops", .packed = "not available" },
	{ "transmit: a chain of two that loops", .d = { { VM_GPA, 1, NEXT, 1 }, { VM_GPA, 1, NEXT, 0 } }, .n = 2, .split = "loops",
	  .packed = "not available" },
	{ "transmit: next beyond the table", .d = { { VM_GPA, 1, NEXT, 0x4000 } }, .n = 1, .split = "beyond its table",
	  .packed = "not available" },
	{ "transmit: an address outside", .d = { { OUT, 100, 0, 0 } }, .n = 1, .split = "outside the VM's", .packed = "outside the VM's" },
	{ "transmit: an address that wraps", .d = { { UINT64_MAX - 10, 100, 0, 0 } }, .n = 1, .split = "outside the VM's",
	  .packed = "outside the VM's" },
	{ "transmit: a length over the end of memory", .d = { { OUT - 64, 1000, 0, 0 } }, .n = 1, .split = "outside the VM's",
	  .packed = "outside the VM's" },
	{ "transmit: a length of 4 GiB", .d = { { VM_GPA, UINT32_MAX, 0, 0 } }, .n = 1, .split = "outside the VM's",
	  .packed = "outside the VM's" },
	{ "transmit: lengths that wrap together", .d = { { VM_GPA, 1 << 20, NEXT, 1 }, { VM_GPA, UINT32_MAX, 0, 0 } }, .n = 2 },
	{ "transmit: a writable buffer", .d = { { VM_GPA, 100, WRITE, 0 } }, .n = 1, .split = "writable buffer", .packed = "writable buffer" },
	{ "transmit: nothing in it", .d = { { VM_GPA, 0, 0, 0 } }, .n = 1, .split = "empty", .packed = "empty" },
	{ "transmit: indirect without the feature", .no_indirect = true, .d = { { TABLE, 16, INDIR, 0 } }, .n = 1,
	  .split = "without the feature", .packed = "without the feature" },
	{ "transmit: indirect in indirect", .d = { { TABLE, 16, INDIR, 0 } }, .n = 1, .table = { { TABLE, 16, INDIR, 0 } },
	  .split = "inside an indirect", .packed = "inside an indirect" },
	{ "transmit: indirect with next", .d = { { TABLE, 16, INDIR | NEXT, 1 } }, .n = 1, .split = "with a next field",
	  .packed = "with a next field" },
	{ "transmit: a table of length 0", .d = { { TABLE, 0, INDIR, 0 } }, .n = 1, .split = "no multiple of 16", .packed = "no multiple of 16" },
	{ "transmit: a table of length 20", .d = { { TABLE, 20, INDIR, 0 } }, .n = 1, .split = "no multiple of 16",
	  .packed = "no multiple of 16" },
	{ "transmit: a table outside", .d = { { VM_GPA - 16, 16, INDIR, 0 } }, .n = 1, .split = "indirect table outside",
	  .packed = "indirect table outside" },
	{ "transmit: a table over the end of memory", .d = { { OUT - 16, 32, INDIR, 0 } }, .n = 1, .split = "indirect table outside",
	  .packed = "indirect table outside" },
	{ "transmit: an entry of a table outside", .d = { { TABLE, 16, INDIR, 0 } }, .n = 1, .table = { { OUT, 100, 0, 0 } },
	  .split = "outside the VM's", .packed = "outside the VM's" },
	{ "transmit: a table that loops", .d = { { TABLE, 32, INDIR, 0 } }, .n = 1, .table = { { VM_GPA, 1, NEXT, 1 }, { VM_GPA, 1, NEXT, 0 } },
	  .split = "loops" },
	{ "transmit: next beyond an indirect table", .d = { { TABLE, 16, INDIR, 0 } }, .n = 1, .table = { { VM_GPA, 1, NEXT, 1 } },
	  .split = "beyond its table" },
	{ "receive: an address outside", true, .d = { { OUT, 2000, WRITE, 0 } }, .n = 1, .split = "outside the VM's",
	  .packed = "outside the VM's" },
	{ "receive: a length over the end of memory", true, .d = { { OUT - 20, 2000, WRITE, 0 } }, .n = 1, .split = "outside the VM's",
	  .packed = "outside the VM's" },
	{ "receive: a read-only buffer", true, .d = { { VM_GPA, 2000, 0, 0 } }, .n = 1, .split = "read-only", .packed = "read-only" },
	{ "receive: a chain that loops", true, .d = { { VM_GPA, 1, WRITE | NEXT, 0 } }, .n = 1, .split = "loops", .packed = "not available" },
	{ "receive: nothing in it", true, .d = { { VM_GPA, 0, WRITE, 0 } }, .n = 1, .split = "empty", .packed = "empty" },
	{ "receive: indirect in indirect", true, .d = { { TABLE, 16, INDIR, 0 } }, .n = 1, .table = { { TABLE, 16, INDIR | WRITE, 0 } },
	  .split = "inside an indirect", .packed = "inside an indirect" },
};

static void write_table(struct vm *vm, const struct attack *a)
{
	struct vring_desc *t = vm_ptr(vm, TABLE);

	for (unsigned i = 0; i < 2; i++)
		if (ring_kind)
			((struct vring_packed_desc *)t)[i] = (struct vring_packed_desc){ a->table[i].addr, a->table[i].len, 0,
											 a->table[i].flags };
		else
			t[i] = a->table[i];
}

static void play(void **state)
{
	const struct attack *a = *state;
	const char *words = ring_kind ? a->packed : a->split;
	struct vm *vm = &va;
	uint8_t f[64];
	uint64_t at;
	struct vm c;

	pair(V1 | MRG | (a->no_indirect ? 0 : INDIRECT), 1, cpu[0], cpu[0]);
	vport(3, cpu[0]);
	vm_init(&c, 1, 64, V1 | MRG | ring_kind);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	start(3, &c);
	broken_events = 0;
	write_table(vm, a);
	vm_offer_raw(a->receive ? &vm->rx : &vm->tx, a->d, a->n);
	vm_kick(vm);
	if (a->receive) {
		make_frame(f, 1, 3, 0, 64);
		vm_send(&c, f, 64);
	}
	if (words)
		expect_broken(1, words);
	else if (!a->split && !a->packed)
		expect_drop(1, NIC_DROP_TX_TOO_LONG, 1);
	/* the others don't notice */
	at = vm_post(&vb, 256);
	make_frame(f, 2, 3, 0, 64);
	vm_send(&c, f, 64);
	expect_frame(&vb, at, f, 64);
	stop(3);
	vm_fini(&c);
	unpair();
}

/* Split rings only: a packed ring has neither heads nor an index. */
static void test_head_beyond_the_ring(void **s)
{
	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	vm_avail(&va.tx, va.tx.size);
	vm_kick(&va);
	expect_broken(1, "beyond the ring");
	unpair();
}

static void test_index_jumps_and_goes_back(void **s)
{
	const uint16_t by[] = { 65, 1000, 0x8000, 0xffff };

	(void)s;
	for (unsigned i = 0; i < 4; i++) {
		broken_events = 0;
		pair(V1 | MRG, 1, cpu[0], cpu[0]);
		__atomic_store_n(&va.tx.avail->idx, by[i], __ATOMIC_RELEASE);
		vm_kick(&va);
		expect_broken(1, "jumped");
		unpair();
		for (uint32_t k = 1; k <= 2; k++) {
			assert_int_equal(nic_filter_clear(nic, k), 0);
			assert_int_equal(nic_vport_delete(nic, k), 0);
		}
	}
}

/* Longer than any frame needs, but within the rules: dropped and counted, and the guest goes on. */
static void test_overlong_chain(void **s)
{
	static uint8_t f[64];
	uint64_t table, at;

	(void)s;
	pair(V1 | MRG | INDIRECT, 1, cpu[0], cpu[0]);
	table = vm_alloc(&va, 300 * 16);
	for (unsigned i = 0; i < 300; i++) {
		struct vring_desc *t = (struct vring_desc *)vm_ptr(&va, table) + i;

		if (ring_kind)
			*(struct vring_packed_desc *)t = (struct vring_packed_desc){ VM_GPA, 1, 0, 0 };
		else
			*t = (struct vring_desc){ VM_GPA, 1, i < 299 ? NEXT : 0, (uint16_t)(i + 1) };
	}
	vm_offer_raw(&va.tx, &(struct vring_desc){ table, 300 * 16, INDIR, 0 }, 1);
	vm_kick(&va);
	expect_drop(1, NIC_DROP_TX_TOO_LONG, 1);
	at = vm_post(&vb, 256);
	make_frame(f, 2, 1, 0, 64);
	vm_send(&va, f, 64);
	expect_frame(&vb, at, f, 64);
	assert_int_equal(broken_events, 0);
	unpair();
}

struct changer {
	pthread_t thread;
	bool stop;
	uint32_t *word, value[2];
};

static void *change(void *arg)
{
	struct changer *c = arg;

	for (unsigned i = 0; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); i++)
		__atomic_store_n(c->word, c->value[i & 1], __ATOMIC_RELAXED);
	return NULL;
}

/*
 * The destination changes all the time between two VMs' addresses while frames are read, checked and copied: whoever gets a
 * frame gets one that is addressed to him.
 */
static void test_header_changed_between_check_and_copy(void **s)
{
	struct changer t = { .value = { 0x02000000, 0x03000000 } }; /* ...:02 and ...:03, as they lie in memory */
	uint8_t f[64];
	uint64_t gpa;
	struct vm c;

	(void)s;
#ifdef __SANITIZE_THREAD__
	skip(); /* a guest that writes what we read is a race by its nature */
#endif
	pair(V1 | MRG, 1, cpu[0], cpu[1]);
	vport(3, cpu[0]);
	vm_init(&c, 1, 64, V1 | MRG | ring_kind);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	start(3, &c);
	gpa = vm_alloc(&va, 128);
	make_frame(f, 2, 1, 0, 64);
	memset(vm_ptr(&va, gpa), 0, 12);
	memcpy((uint8_t *)vm_ptr(&va, gpa) + 12, f, 64);
	t.word = (uint32_t *)(void *)((uint8_t *)vm_ptr(&va, gpa) + 12 + 2);
	assert_int_equal(pthread_create(&t.thread, NULL, change, &t), 0);
	for (unsigned i = 0; i < 40; i++) {
		struct vm *to[] = { &vb, &c };
		struct vring_used_elem e;

		for (unsigned k = 0; k < 32; k++) {
			vm_post(&vb, 128);
			vm_post(&c, 128);
		}
		for (unsigned k = 0; k < 32; k++) {
			va.tx.next_desc = ring_kind ? va.tx.next_desc : 0;
			vm_offer_raw(&va.tx, &(struct vring_desc){ gpa, 76, 0, 0 }, 1);
		}
		vm_kick(&va);
		for (unsigned k = 0; k < 32; k++)
			assert_true(vm_wait_used(&va.tx, &e));
		for (unsigned v = 0; v < 2; v++) {
			uint16_t rx, tx;

			assert_int_equal(nic_queue_stop(nic, v ? 3 : 2, 0, &rx, &tx), 0); /* all that was under way is there */
			while (vm_used(&to[v]->rx, &e))
				assert_int_equal(((uint8_t *)vm_ptr(to[v], to[v]->rx.last_gpa[e.id]))[12 + 5], v ? 3 : 2);
			vm_fini(to[v]);
			vm_init(to[v], 1, 64, V1 | MRG | ring_kind);
			start(v ? 3 : 2, to[v]);
		}
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(t.thread, NULL);
	assert_true(counters(2).rx_frames > 0 && counters(3).rx_frames > 0);
	stop(3);
	vm_fini(&c);
	unpair();
}

struct kicker {
	pthread_t thread;
	bool stop;
	int fd;
};

static void *kick(void *arg)
{
	const uint64_t one = 1;
	struct kicker *k = arg;

	while (!__atomic_load_n(&k->stop, __ATOMIC_RELAXED))
		if (write(k->fd, &one, sizeof one) < 0)
			usleep(100);
	return NULL;
}

/* A guest that only kicks, as fast as it can: the others on its CPU have theirs, and it can still send. */
static void test_kicks_without_end(void **s)
{
	struct kicker k = { 0 };
	uint8_t f[64];
	uint64_t at;
	struct vm c;

	(void)s;
	broken_events = 0;
	pair(V1 | MRG | EVENT, 1, cpu[0], cpu[0]);
	vport(3, cpu[0]);
	vm_init(&c, 1, 64, V1 | MRG | ring_kind);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	start(3, &c);
	k.fd = va.tx_kick;
	assert_int_equal(pthread_create(&k.thread, NULL, kick, &k), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct vring_used_elem e;
		uint64_t back = c.brk, back_b = vb.brk;

		at = vm_post(&vb, 256);
		make_frame(f, 2, 3, 0, 64);
		vm_send(&c, f, 64);
		expect_frame(&vb, at, f, 64);
		assert_true(vm_wait_used(&c.tx, &e));
		c.brk = back;
		vb.brk = back_b;
	}
	at = vm_post(&vb, 256);
	make_frame(f, 2, 1, 0, 64);
	vm_send(&va, f, 64);
	expect_frame(&vb, at, f, 64);
	__atomic_store_n(&k.stop, true, __ATOMIC_RELAXED);
	pthread_join(k.thread, NULL);
	assert_int_equal(broken_events, 0);
	stop(3);
	vm_fini(&c);
	unpair();
}

static void test_blocking_interrupt_descriptor(void **s)
{
	const uint64_t full = UINT64_MAX - 1;
	uint8_t f[64];
	struct vm c;

	(void)s;
	broken_events = 0;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	vport(3, cpu[0]);
	vm_init(&c, 1, 64, V1 | MRG);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	start(3, &c);
	assert_int_equal(fcntl(vb.rx_call, F_SETFL, 0), 0); /* the front-end's trick: blocking, and full */
	assert_int_equal(write(vb.rx_call, &full, sizeof full), sizeof full);
	(void)vm_post(&vb, 256);
	make_frame(f, 2, 1, 0, 64);
	vm_send(&va, f, 64);
	for (unsigned i = 0; i < 50 && !broken_events; i++) {
		usleep(10000);
		nic_engine_watch(engine);
		nic_engine_poll_events(engine);
	}
	expect_broken(2, "interrupt descriptor blocks");
	(void)vm_post(&c, 256);
	make_frame(f, 3, 1, 0, 64);
	vm_send(&va, f, 64); /* the others go on */
	while (counters(3).rx_frames < 1)
		usleep(1000);
	stop(3);
	vm_fini(&c);
	unpair();
}

/* Two senders with full rings, one of 9,000 bytes a frame: the short ones are through long before the long ones. */
static void test_long_frames_leave_short_ones_their_turn(void **s)
{
	const uint64_t full = UINT64_MAX - 1;
	static uint8_t big[9000];
	unsigned longs = 0, shorts = 0;
	uint8_t f[64];
	struct vm c, stall;

	(void)s;
	broken_events = 0;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	vport(3, cpu[0]);
	vport(4, cpu[0]);
	vm_init(&c, 1, 64, V1 | MRG);
	vm_init(&stall, 1, 64, V1 | MRG);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(4, 4, 4, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	start(3, &c);
	start(4, &stall);
	for (unsigned i = 0; i < 64; i++)
		(void)vm_post(&vb, 9100);
	/* the worker is held in an interrupt until both rings are full */
	assert_int_equal(fcntl(stall.rx_call, F_SETFL, 0), 0);
	assert_int_equal(write(stall.rx_call, &full, sizeof full), sizeof full);
	(void)vm_post(&stall, 256);
	make_frame(f, 4, 3, 0, 64);
	vm_send(&c, f, 64); /* the ring that comes later is looked at first */
	while (counters(4).rx_frames < 1)
		usleep(1000);
	usleep(20000);
	make_frame(big, 2, 1, 0, sizeof big);
	for (unsigned i = 0; i < 32; i++) {
		make_frame(f, 2, 3, 0, 64);
		vm_send(&va, big, sizeof big);
		vm_send(&c, f, 64);
	}
	for (unsigned i = 0; i < 50 && !broken_events; i++) {
		usleep(10000);
		nic_engine_watch(engine);
		nic_engine_poll_events(engine);
	}
	while (shorts < 32) {
		struct vring_used_elem e;

		assert_true(vm_wait_used(&vb.rx, &e));
		shorts += e.len == 76;
		longs += e.len > 76;
	}
	assert_true(longs <= 16); /* without turns by bytes all 32 came first */
	stop(3);
	stop(4);
	vm_fini(&c);
	vm_fini(&stall);
	unpair();
}

#define ATTACKS (sizeof attacks / sizeof attacks[0])

int main(void)
{
	static struct CMUnitTest rows[ATTACKS];
	const struct CMUnitTest both[] = {
		T(test_overlong_chain),
		T(test_header_changed_between_check_and_copy),
		T(test_kicks_without_end),
		T(test_blocking_interrupt_descriptor),
		T(test_long_frames_leave_short_ones_their_turn),
	};
	const struct CMUnitTest split[] = {
		T(test_head_beyond_the_ring),
		T(test_index_jumps_and_goes_back),
	};
	int failed;

	for (unsigned i = 0; i < ATTACKS; i++)
		rows[i] = (struct CMUnitTest){ attacks[i].name, play, setup, teardown, (void *)&attacks[i] };
	failed = cmocka_run_group_tests_name("attacks, split rings", rows, NULL, NULL);
	failed += cmocka_run_group_tests_name("split rings", both, NULL, NULL);
	failed += cmocka_run_group_tests_name("split rings only", split, NULL, NULL);
	ring_kind = PACKED;
	failed += cmocka_run_group_tests_name("attacks, packed rings", rows, NULL, NULL);
	return failed + cmocka_run_group_tests_name("packed rings", both, NULL, NULL);
}
