/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts in turn to eight VMs, of which one has a ring or buffers of another kind: the others get their frames as if it were not
 * there, in order and those of a burst in one go, and it gets what its ring allows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic_fixture.h"

#define VMS	8u
#define EACH	7u /* frames to each VM */
#define FIRST	2u /* of them in a first burst */
#define ODD	3u /* whose ring is of another kind */
#define SIZE	300u
#define BUFFER	512u
#define SEQ_AT	20u

struct kind {
	const char *name;
	void (*post)(struct vm *vm);
	uint64_t features;
	unsigned slots;
	unsigned got;	   /* of EACH frames */
	enum nic_drop why; /* the others were dropped */
	const char *broken;
	bool limited, logged;
};

static struct vm sender, receiver[VMS];

static void post_plain(struct vm *vm)
{
	for (unsigned i = 0; i < 2 * EACH; i++)
		(void)vm_post(vm, BUFFER);
}

static void post_few(struct vm *vm)
{
	for (unsigned i = 0; i < 3; i++)
		(void)vm_post(vm, BUFFER);
}

static void post_short(struct vm *vm)
{
	for (unsigned i = 0; i < 4 * EACH; i++)
		(void)vm_post(vm, 128);
}

static void post_pieces(struct vm *vm)
{
	for (unsigned i = 0; i < EACH; i++) {
		uint64_t gpa = vm_alloc(vm, BUFFER);

		vm_offer(vm, &vm->rx, (struct vm_piece[]){ { gpa, 128 }, { gpa + 128, BUFFER - 128 } }, 2, true, false);
	}
}

/* Each buffer in another part of the VM's memory than the one before. */
static void post_scattered(struct vm *vm)
{
	for (unsigned i = 0; i < EACH; i++) {
		struct vm_piece p = { VM_GPA + (1 + i % 3) * (VM_SIZE / 4) + i * 1024, BUFFER };

		vm_offer(vm, &vm->rx, &p, 1, true, false);
	}
}

static void post_unknown_head(struct vm *vm)
{
	post_few(vm);
	vm_avail(&vm->rx, 200);
	post_few(vm);
}

static void post_outside(struct vm *vm)
{
	struct vm_piece p = { VM_GPA + VM_SIZE - BUFFER / 2, BUFFER };

	post_few(vm);
	vm_offer(vm, &vm->rx, &p, 1, true, false);
	post_few(vm);
}

static void post_read_only(struct vm *vm)
{
	struct vm_piece p = { vm_alloc(vm, BUFFER), BUFFER };

	post_few(vm);
	vm_offer(vm, &vm->rx, &p, 1, false, false);
	post_few(vm);
}

static const struct kind kinds[] = {
	{ "like the others", post_plain, V1 | MRG, 1, EACH, 0, NULL, false, false },
	{ "another header", post_plain, 0, 1, EACH, 0, NULL, false, false },
	{ "packed", post_plain, V1 | MRG | PACKED, 1, EACH, 0, NULL, false, false },
	{ "buffers in pieces", post_pieces, V1 | MRG, 1, EACH, 0, NULL, false, false },
	{ "frames over several buffers", post_short, V1 | MRG, 1, EACH, 0, NULL, false, false },
	{ "buffers too short", post_short, V1, 1, 0, NIC_DROP_RX_TOO_LONG, NULL, false, false },
	{ "memory in parts", post_scattered, V1 | MRG, 4, EACH, 0, NULL, false, false },
	{ "too few buffers", post_few, V1 | MRG, 1, 3, NIC_DROP_RX_NO_BUFFER, NULL, false, false },
	{ "a head beyond the ring", post_unknown_head, V1 | MRG, 1, 3, NIC_DROP_RX_NOT_CONNECTED, "beyond the ring", false, false },
	{ "a buffer outside the memory", post_outside, V1 | MRG, 1, 3, NIC_DROP_RX_NOT_CONNECTED, "outside", false, false },
	{ "a buffer not to be written", post_read_only, V1 | MRG, 1, 3, NIC_DROP_RX_NOT_CONNECTED, "read-only", false, false },
	{ "a rate limit", post_plain, V1 | MRG, 1, 2, NIC_DROP_RX_LIMIT, NULL, true, false },
	{ "a dirty log", post_plain, V1 | MRG, 1, EACH, 0, NULL, false, true },
};

/* Receiver r, VPort r + 2, address …:r + 2. */
static void receiver_up(unsigned r, const struct kind *k)
{
	vport(r + 2, cpu[0]);
	filter(r + 2, r + 2, r + 2, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&receiver[r], k->slots, 64, k->features);
	k->post(&receiver[r]);
	start(r + 2, &receiver[r]);
}

/* The frames `from` … `to` - 1 of each VM at once: VMs in turn, the order another one each time. */
static void send_burst(unsigned from, unsigned to)
{
	struct vring_used_elem e;
	unsigned at = from * VMS;
	uint8_t f[SIZE];

	for (unsigned seq = from; seq < to; seq++)
		for (unsigned i = 0; i < VMS; i++, at++) {
			uint64_t gpa = vm_alloc(&sender, SIZE + 12);

			make_frame(f, (i * 3 + seq) % VMS + 2, 1, 0, SIZE);
			f[SEQ_AT] = (uint8_t)seq;
			memcpy((uint8_t *)vm_ptr(&sender, gpa) + 12, f, SIZE);
			sender.tx.avail->ring[at] = vm_desc(&sender.tx, gpa, SIZE + 12, 0, 0);
		}
	__atomic_store_n(&sender.tx.avail->idx, (uint16_t)at, __ATOMIC_RELEASE);
	vm_kick(&sender);
	for (unsigned n = (to - from) * VMS; n > 0; n--)
		assert_true(vm_wait_used(&sender.tx, &e));
}

/* The next frame that the VM got, out of as many buffers as its header says; false: there is none. */
static bool next_frame(struct vm *vm, uint8_t *f)
{
	uint32_t len = 0, skip = vm_hdr_len(vm), more = 1;
	struct vring_used_elem e;

	for (; more > 0; more--, skip = 0) {
		const uint8_t *b;

		if (!vm_used(&vm->rx, &e))
			return false;
		b = vm_ptr(vm, vm->rx.last_gpa[e.id]);
		if (skip == 12)
			more = b[10];
		assert_in_range(e.len, skip + 1, skip + SIZE - len);
		memcpy(f + len, b + skip, e.len - skip);
		len += e.len - skip;
	}
	assert_int_equal(len, SIZE);
	return true;
}

static void expect_frames(unsigned r, unsigned n)
{
	uint8_t want[SIZE], got[SIZE];

	for (unsigned seq = 0; seq < n; seq++) {
		make_frame(want, r + 2, 1, 0, SIZE);
		want[SEQ_AT] = (uint8_t)seq;
		assert_true(next_frame(&receiver[r], got));
		assert_memory_equal(got, want, SIZE);
	}
	assert_false(next_frame(&receiver[r], got));
	assert_int_equal(counters(r + 2).rx_frames, n);
	assert_int_equal(counters(r + 2).rx_bytes, n * SIZE);
	assert_int_equal(counters(r + 2).rx_batches, (n > 0) + (n > FIRST) + (n > EACH));
}

static void limit(uint32_t vp)
{
	struct nic_vport_tuning t = { .rx_frames = { 1, 2 } };
	struct vmq_err err = { "" };

	assert_int_equal(nic_vport_set_tuning(nic, vp, &t, &err), 0);
}

/* The pages that frames were written into are noted. */
static void expect_log(const struct vm *vm, const uint8_t *bits)
{
	for (unsigned i = 0; i < EACH; i++) {
		uint64_t page = vm->rx.last_gpa[i] / 4096;

		assert_true(bits[page / 8] >> page % 8 & 1);
	}
}

static void test_bursts_in_turn(void **state)
{
	static const struct kind plain = { "", post_plain, V1 | MRG, 1, EACH, 0, NULL, false, false };
	const struct kind *k = *state;
	const unsigned more = k->logged; /* a burst behind the log */
	const size_t bytes = (VM_GPA + VM_SIZE) / 4096 / 8 + 1;
	uint8_t *bits = calloc(1, bytes);

	assert_non_null(bits);
	setup(NULL);
	vport(1, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&sender, 1, 64, V1 | MRG | EVENT);
	start(1, &sender);
	for (unsigned r = 0; r < VMS; r++)
		receiver_up(r, r == ODD ? k : &plain);
	if (k->limited)
		limit(ODD + 2);
	if (k->logged)
		assert_int_equal(nic_queue_set_log(nic, ODD + 2, 0, bits, bytes), 0);
	broken_events = 0;
	send_burst(0, FIRST);
	send_burst(FIRST, EACH);
	if (k->logged) {
		assert_int_equal(nic_queue_set_log(nic, ODD + 2, 0, NULL, 0), 0);
		expect_log(&receiver[ODD], bits);
		send_burst(EACH, EACH + more);
	}
	for (unsigned r = 0; r < VMS; r++)
		expect_frames(r, (r == ODD ? k->got : EACH) + more);
	if (k->got < EACH)
		expect_drop(ODD + 2, k->why, EACH - k->got);
	if (k->broken)
		expect_broken(ODD + 2, k->broken);
	for (unsigned r = 0; r < VMS; r++) {
		stop(r + 2);
		vm_fini(&receiver[r]);
	}
	stop(1);
	vm_fini(&sender);
	teardown(NULL);
	free(bits);
}

#define KINDS (sizeof kinds / sizeof kinds[0])

int main(void)
{
	struct CMUnitTest tests[KINDS];

	for (unsigned i = 0; i < KINDS; i++)
		tests[i] = (struct CMUnitTest){ .name = kinds[i].name, .test_func = test_bursts_in_turn, .initial_state = (void *)&kinds[i] };
	return cmocka_run_group_tests_name("nic_scatter", tests, NULL, NULL);
}
