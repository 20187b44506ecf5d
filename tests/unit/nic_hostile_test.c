/* SPDX-License-Identifier: BSD-3-Clause */
/* Guests and front-ends that break rules: each harms its own VPort only. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "nic_fixture.h"

enum attack {
	HEAD_BEYOND, INDEX_JUMP, LOOP, NEXT_BEYOND, OUTSIDE, WRAPPING_LENGTH, WRITABLE_TX, INDIRECT_NESTED, INDIRECT_LEN,
	INDIRECT_NEXT, INDIRECT_OUTSIDE, INDIRECT_NOT_NEGOTIATED, EMPTY_CHAIN, ATTACKS
};

static const char *const attack_words[ATTACKS] = {
	[HEAD_BEYOND] = "beyond the ring",
	[INDEX_JUMP] = "jumped",
	[LOOP] = "loops",
	[NEXT_BEYOND] = "beyond its table",
	[OUTSIDE] = "outside the VM's memory",
	[WRAPPING_LENGTH] = "outside the VM's memory",
	[WRITABLE_TX] = "writable buffer",
	[INDIRECT_NESTED] = "inside an indirect",
	[INDIRECT_LEN] = "no multiple of 16",
	[INDIRECT_NEXT] = "with a next field",
	[INDIRECT_OUTSIDE] = "indirect table outside",
	[INDIRECT_NOT_NEGOTIATED] = "without the feature",
	[EMPTY_CHAIN] = "empty",
};

static void do_attack(struct vm *vm, enum attack a)
{
	uint64_t gpa = vm_alloc(vm, 256);
	struct vring_desc *d = vm->tx.desc, *t = vm_ptr(vm, gpa);

	d[0] = (struct vring_desc){ gpa, 100, 0, 0 };
	switch (a) {
	case HEAD_BEYOND:
		vm_avail(&vm->tx, vm->tx.size);
		return;
	case INDEX_JUMP:
		__atomic_store_n(&vm->tx.avail->idx, (uint16_t)(vm->tx.avail->idx + vm->tx.size + 1), __ATOMIC_RELEASE);
		return;
	case LOOP:
		d[0].flags = VRING_DESC_F_NEXT;
		d[0].len = 1;
		break;
	case NEXT_BEYOND:
		d[0].flags = VRING_DESC_F_NEXT;
		d[0].next = 64;
		break;
	case OUTSIDE:
		d[0].addr = VM_GPA + VM_SIZE;
		break;
	case WRAPPING_LENGTH:
		d[0].addr = VM_GPA + VM_SIZE - 64;
		d[0].len = 1000;
		break;
	case WRITABLE_TX:
		d[0].flags = VRING_DESC_F_WRITE;
		break;
	case INDIRECT_NESTED:
		t[0] = (struct vring_desc){ gpa, 16, VRING_DESC_F_INDIRECT, 0 };
		d[0] = (struct vring_desc){ gpa, 16, VRING_DESC_F_INDIRECT, 0 };
		break;
	case INDIRECT_LEN:
		d[0] = (struct vring_desc){ gpa, 20, VRING_DESC_F_INDIRECT, 0 };
		break;
	case INDIRECT_NEXT:
		d[0] = (struct vring_desc){ gpa, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 };
		break;
	case INDIRECT_OUTSIDE:
		d[0] = (struct vring_desc){ VM_GPA - 16, 16, VRING_DESC_F_INDIRECT, 0 };
		break;
	case INDIRECT_NOT_NEGOTIATED:
		d[0] = (struct vring_desc){ gpa, 16, VRING_DESC_F_INDIRECT, 0 };
		break;
	case EMPTY_CHAIN:
		d[0].len = 0;
		break;
	case ATTACKS:
		break;
	}
	vm_avail(&vm->tx, 0);
}

static void test_hostile_transmit_rings(void **s)
{
	(void)s;
	for (enum attack a = 0; a < ATTACKS; a++) {
		uint8_t f[64];
		uint64_t at;
		struct vm c;

		broken_events = 0;
		pair(V1 | MRG | (a == INDIRECT_NOT_NEGOTIATED ? 0 : INDIRECT), 1, cpu[0], cpu[0]);
		vport(3, cpu[0]);
		vm_init(&c, 1, 64, V1 | MRG);
		filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
		start(3, &c);
		do_attack(&va, a);
		vm_kick(&va);
		expect_broken(1, attack_words[a]);
		/* the others don't notice */
		at = vm_post(&vb, 256);
		make_frame(f, 2, 3, 0, 64);
		vm_send(&c, f, 64);
		expect_frame(&vb, at, f, 64);
		stop(3);
		vm_fini(&c);
		unpair();
		for (uint32_t i = 1; i <= 3; i++)
			assert_int_equal(nic_filter_clear(nic, i), 0);
		for (uint32_t i = 1; i <= 3; i++)
			assert_int_equal(nic_vport_delete(nic, i), 0);
	}
}

static void test_hostile_receive_rings(void **s)
{
	static const struct {
		struct vring_desc d;
		const char *words;
	} t[] = {
		{ { VM_GPA + VM_SIZE, 2000, VRING_DESC_F_WRITE, 0 }, "outside" },
		{ { VM_GPA, 2000, 0, 0 }, "read-only" },
		{ { VM_GPA, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 0 }, "loops" },
		{ { VM_GPA, 16, VRING_DESC_F_INDIRECT, 0 }, "without the feature" },
	};

	(void)s;
	for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++) {
		uint8_t f[64];

		broken_events = 0;
		pair(V1 | MRG, 1, cpu[0], cpu[0]);
		vb.rx.desc[0] = t[i].d;
		vm_avail(&vb.rx, 0);
		make_frame(f, 2, 1, 0, 64);
		vm_send(&va, f, 64);
		expect_broken(2, t[i].words);
		unpair();
		for (uint32_t k = 1; k <= 2; k++) {
			assert_int_equal(nic_filter_clear(nic, k), 0);
			assert_int_equal(nic_vport_delete(nic, k), 0);
		}
	}
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

static void test_packed_hostile(void **s)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
		const char *words;
	} t[] = {
		{ VM_GPA + VM_SIZE, 100, 0, "outside the VM's memory" },
		{ VM_GPA, 100, VRING_DESC_F_WRITE, "writable buffer" },
		{ VM_GPA, 100, VRING_DESC_F_NEXT, "not available" },
		{ VM_GPA, 17, VRING_DESC_F_INDIRECT, "no multiple of 16" },
		{ VM_GPA, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, "with a next field" },
		{ VM_GPA - 16, 16, VRING_DESC_F_INDIRECT, "indirect table outside" },
		{ VM_GPA, 0, 0, "empty" },
	};

	(void)s;
	for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++) {
		broken_events = 0;
		pair(V1 | MRG | INDIRECT, 1, cpu[0], cpu[0]);
		vm_packed_head(&va.tx.pdesc[0], t[i].addr, t[i].len, (uint16_t)(t[i].flags | 1 << VRING_PACKED_DESC_F_AVAIL));
		vm_kick(&va);
		expect_broken(1, t[i].words);
		unpair();
		for (uint32_t k = 1; k <= 2; k++) {
			assert_int_equal(nic_filter_clear(nic, k), 0);
			assert_int_equal(nic_vport_delete(nic, k), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_hostile_transmit_rings),
		T(test_hostile_receive_rings),
		T(test_blocking_interrupt_descriptor),
		T(test_long_frames_leave_short_ones_their_turn),
	};
	const struct CMUnitTest packed[] = {
		T(test_packed_hostile),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	ring_kind = PACKED;
	return failed + cmocka_run_group_tests_name("packed rings", packed, NULL, NULL);
}
