/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Published flaws of vhost and virtio back-ends that a guest reaches through its rings and its memory: each is played
 * against ours, for split and packed rings, and has its right outcome: the attacker's VPort is broken with a reason, or
 * its frame is dropped and counted, or it does no harm at all; and two others go on talking. One row a flaw, by its
 * identifier; docs/threat-model.md has the same rows (tests/system/test_threat_model.py compares), and says which flaws
 * have no place here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic_fixture.h"

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIR VRING_DESC_F_INDIRECT
#define OUTSIDE (VM_GPA + VM_SIZE)
#define FAR_NEXT 0x4000 /* beyond every ring here */

static struct vm vc; /* the bystander, on VPort 3; va on 1 attacks, vb on 2 receives */

static void scene(uint64_t features)
{
	pair(features, 4, cpu[0], cpu[1]);
	vport(3, cpu[0]);
	vm_init(&vc, 1, 64, V1 | MRG | ring_kind);
	filter(3, 3, 3, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	start(3, &vc);
}

static void end(void)
{
	stop(3);
	vm_fini(&vc);
	unpair();
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(nic_filter_clear(nic, i), 0);
		assert_int_equal(nic_vport_delete(nic, i), 0);
	}
}

/* vc sends to vb and vb to vc. */
static void others_go_on(void)
{
	uint8_t f[64];
	uint64_t at = vm_post(&vb, 256);

	make_frame(f, 2, 3, 0, 64);
	vm_send(&vc, f, 64);
	expect_frame(&vb, at, f, 64);
	at = vm_post(&vc, 256);
	make_frame(f, 3, 2, 0, 64);
	vm_send(&vb, f, 64);
	expect_frame(&vc, at, f, 64);
}

/* The attacker itself can still send to vb. */
static void attacker_is_well(void)
{
	uint8_t f[64];
	uint64_t at = vm_post(&vb, 256);

	make_frame(f, 2, 1, 0, 64);
	vm_send(&va, f, 64);
	expect_frame(&vb, at, f, 64);
	assert_int_equal(broken_events, 0);
}

/* One transmit buffer made of these descriptors breaks the VPort, with these words. */
static void sends_and_breaks(const struct vring_desc *d, unsigned n, const char *words)
{
	broken_events = 0;
	scene(V1 | MRG | INDIRECT);
	vm_offer_raw(&va.tx, d, n);
	vm_kick(&va);
	expect_broken(1, words);
	others_go_on();
	end();
}

/* A frame of va's in `len` bytes of its memory, virtio header in front; where it is. */
static uint64_t frame_at(uint32_t len, uint8_t *frame)
{
	uint64_t gpa = vm_alloc(&va, len + 12);

	make_frame(frame, 2, 1, 0, len);
	memset(vm_ptr(&va, gpa), 0, 12);
	memcpy((uint8_t *)vm_ptr(&va, gpa) + 12, frame, len);
	return gpa;
}

/* The next frame at vb; where it lies is left in *gpa. */
static uint32_t next_frame(uint64_t *gpa)
{
	struct vring_used_elem e;

	assert_true(vm_wait_used(&vb.rx, &e));
	*gpa = vb.rx.last_gpa[e.id];
	return e.len;
}

/* ---- addresses and lengths ---- */

static void leaves_its_slot(void)
{
	const struct vring_desc one = { VM_GPA + VM_SIZE * 3 / 4 - 64, 1000, 0, 0 };
	const struct vring_desc table = { VM_GPA + VM_SIZE * 3 / 4 - 16, 64, INDIR, 0 };
	const struct vring_desc *d[] = { &one, &table };

	for (unsigned i = 0; i < 2; i++) {
		broken_events = 0;
		scene(V1 | MRG | INDIRECT);
		stop(1);
		va.mem->nslots = 3; /* what lies behind in this process is not the guest's any more: a secret */
		memset(va.ram + VM_SIZE * 3 / 4, 0x5e, VM_SIZE / 4);
		*(struct vring_desc *)vm_ptr(&va, table.addr) = (struct vring_desc){ VM_GPA, 60, NEXT, 1 };
		start(1, &va);
		(void)vm_post(&vb, 2048);
		vm_offer_raw(&va.tx, d[i], 1);
		vm_kick(&va);
		expect_broken(1, "outside the VM's memory");
		assert_int_equal(counters(2).rx_frames, 0);
		end();
	}
	/* From one slot into the next is the guest's right. */
	broken_events = 0;
	scene(V1 | MRG);
	va.brk = VM_GPA + VM_SIZE / 4 - 32;
	va.brk &= ~63ull;
	attacker_is_well();
	end();
}

static void not_mapped_at_all(void)
{
	const uint64_t addr[] = { 0, OUTSIDE, UINT64_MAX, UINT64_MAX - 99, VM_GPA - 1 };
	uint8_t f[64];

	for (unsigned i = 0; i < 5; i++)
		sends_and_breaks(&(struct vring_desc){ addr[i], 100, 0, 0 }, 1, "outside the VM's memory");
	for (unsigned i = 0; i < 5; i++) {
		broken_events = 0;
		scene(V1 | MRG);
		vm_offer_raw(&va.rx, &(struct vring_desc){ addr[i], 2000, WRITE, 0 }, 1);
		make_frame(f, 1, 3, 0, 64);
		vm_send(&vc, f, 64);
		expect_broken(1, "outside the VM's memory");
		others_go_on();
		end();
	}
}

static void too_little_for_the_header(void)
{
	static const uint32_t each_byte[12] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	uint32_t piece[13];
	uint8_t f[64];
	uint64_t at;

	broken_events = 0;
	scene(V1 | MRG | INDIRECT);
	for (uint32_t len = 1; len < 12; len++) {
		vm_offer_raw(&va.tx, &(struct vring_desc){ vm_alloc(&va, 64), len, 0, 0 }, 1);
		vm_kick(&va);
		expect_drop(1, NIC_DROP_TX_RUNT, len);
	}
	memcpy(piece, each_byte, sizeof each_byte);
	for (unsigned indirect = 0; indirect < 2; indirect++) {
		at = vm_post(&vb, 256);
		make_frame(f, 2, 1, 0, 64);
		send_pieces(&va, f, 64, piece, 13, indirect); /* the header in twelve, the frame behind */
		expect_frame(&vb, at, f, 64);
	}
	assert_int_equal(broken_events, 0);
	others_go_on();
	end();
}

static void checksum_far_outside(void)
{
	struct virtio_net_hdr_v1 h;
	struct vring_used_elem e;
	uint8_t f[64];

	broken_events = 0;
	scene(V1 | MRG);
	for (unsigned i = 0; i < 8; i++)
		(void)vm_post(&vb, 256);
	for (unsigned i = 0; i < 64; i++) {
		uint64_t at, gpa = frame_at(64, f);

		h = (struct virtio_net_hdr_v1){ .flags = (uint8_t)(i & 1 ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0xff),
						.gso_type = (uint8_t)(i & 2 ? VIRTIO_NET_HDR_GSO_TCPV4 : 0xff),
						.hdr_len = (uint16_t)(i * 1040), .gso_size = (uint16_t)(i & 4 ? 0 : 1),
						.csum_start = (uint16_t)(0xffff - i), .csum_offset = (uint16_t)(i & 8 ? 0xffff : 64) };
		memcpy(vm_ptr(&va, gpa), &h, sizeof h);
		vm_offer_raw(&va.tx, &(struct vring_desc){ gpa, 76, 0, 0 }, 1);
		vm_kick(&va);
		/* It comes as it is, or not at all; a clean one tells which. */
		make_frame(f, 2, 3, 0, 64);
		vm_send(&vc, f, 64);
		assert_true(vm_wait_used(&vc.tx, &e));
		do {
			(void)next_frame(&at);
			(void)vm_post(&vb, 256);
		} while (((uint8_t *)vm_ptr(&vb, at))[12 + 11] != 3);
		assert_memory_equal((uint8_t *)vm_ptr(&vb, at) + 12, f, 64);
	}
	for (unsigned i = 0; i < 8; i++) { /* the buffers that are left */
		uint64_t at;

		vm_send(&vc, f, 64);
		(void)next_frame(&at);
	}
	others_go_on();
	end();
}

/* ---- descriptors of no length ---- */

static void nothing_but_zero_lengths(void)
{
	const struct vring_desc one = { VM_GPA, 0, 0, 0 };
	const struct vring_desc three[] = { { VM_GPA, 0, NEXT, 1 }, { OUTSIDE, 0, NEXT, 2 }, { 0, 0, 0, 0 } };

	sends_and_breaks(&one, 1, "empty");
	sends_and_breaks(three, 3, "empty");
}

static void zero_lengths_between(void)
{
	struct vring_desc d[16];
	uint64_t gpa, at;
	uint8_t f[64];

	broken_events = 0;
	scene(V1 | MRG);
	gpa = frame_at(64, f);
	for (unsigned i = 0; i < 16; i++)
		d[i] = (struct vring_desc){ i == 5 ? gpa : i == 11 ? gpa + 12 : 0, i == 5 ? 12 : i == 11 ? 64 : 0,
					    (uint16_t)(i < 15 ? NEXT : 0), (uint16_t)(i + 1) };
	at = vm_post(&vb, 256);
	vm_offer_raw(&va.tx, d, 16);
	vm_kick(&va);
	expect_frame(&vb, at, f, 64);
	assert_int_equal(broken_events, 0);
	others_go_on();
	end();
}

static void zero_lengths_while_logging(void)
{
	size_t bytes = (VM_GPA + VM_SIZE) / 4096 / 8 + 1;
	uint8_t *bits = calloc(1, bytes), *guard, f[64];
	struct vring_desc d[60];
	uint64_t buffer;

	broken_events = 0;
	scene(V1 | MRG);
	assert_int_equal(nic_queue_set_log(nic, 1, 0, bits, bytes), 0);
	buffer = vm_alloc(&va, 4096);
	for (unsigned i = 0; i < 60; i++)
		d[i] = (struct vring_desc){ i == 59 ? buffer : UINT64_MAX - i, i == 59 ? 2048 : 0, (uint16_t)(WRITE | (i < 59 ? NEXT : 0)),
					    (uint16_t)(i + 1) };
	vm_offer_raw(&va.rx, d, 60);
	make_frame(f, 1, 3, 0, 64);
	vm_send(&vc, f, 64);
	for (unsigned i = 0; i < 10000 && counters(1).rx_frames < 1; i++)
		usleep(1000);
	assert_int_equal(counters(1).rx_frames, 1);
	assert_memory_equal((uint8_t *)vm_ptr(&va, buffer) + 12, f, 64);
	assert_int_equal(nic_queue_set_log(nic, 1, 0, NULL, 0), 0);
	assert_true(bits[buffer / 4096 / 8] >> (buffer / 4096 % 8) & 1);
	guard = calloc(1, VM_GPA / 4096 / 8); /* nothing but the VM's pages */
	assert_memory_equal(bits, guard, VM_GPA / 4096 / 8);
	free(guard);
	others_go_on();
	end();
	free(bits);
}

/* Used entries many times round the ring, in bursts longer than what is left of it: only the VM's pages are marked. */
static void used_entries_wrap_while_logging(void)
{
	size_t bytes = (VM_GPA + VM_SIZE) / 4096 / 8;
	uint8_t *bits = calloc(1, bytes + 4096), *none = calloc(1, bytes + 4096), f[64];

	broken_events = 0;
	scene(V1 | MRG);
	assert_int_equal(nic_queue_set_log(nic, 2, 0, bits, bytes), 0);
	for (unsigned round = 0; round < 20; round++) {
		uint64_t back = vb.brk, back_tx = va.brk, at[37];

		for (unsigned i = 0; i < 37; i++)
			at[i] = vm_post(&vb, 128);
		for (unsigned i = 0; i < 37; i++) {
			struct vring_used_elem e;

			make_frame(f, 2, 1, 0, 64);
			vm_send(&va, f, 64);
			expect_frame(&vb, at[i], f, 64);
			assert_true(vm_wait_used(&va.tx, &e));
		}
		vb.brk = back;
		va.brk = back_tx;
	}
	assert_int_equal(nic_queue_set_log(nic, 2, 0, NULL, 0), 0);
	assert_memory_equal(bits, none, VM_GPA / 4096 / 8);
	assert_memory_equal(bits + bytes, none, 4096);
	assert_true(bits[vb.rx.used_gpa / 4096 / 8] >> (vb.rx.used_gpa / 4096 % 8) & 1 || ring_kind);
	assert_int_equal(broken_events, 0);
	others_go_on();
	end();
	free(none);
	free(bits);
}

/* ---- chains ---- */

static void loops(void)
{
	const struct vring_desc self = { VM_GPA, 1, NEXT, 0 };
	const struct vring_desc two[] = { { VM_GPA, 1, NEXT, 1 }, { VM_GPA, 1, NEXT, 0 } };
	const struct vring_desc far = { VM_GPA, 1, NEXT, FAR_NEXT };
	const char *loop = ring_kind ? "not available" : "loops";

	sends_and_breaks(&self, 1, loop);
	sends_and_breaks(two, 2, loop);
	sends_and_breaks(&far, 1, ring_kind ? "not available" : "beyond its table");
}

/* A table whose descriptor goes on, to itself or to another: neither kind of ring allows it. */
static void table_and_more(void)
{
	const struct vring_desc self = { VM_GPA, 16, INDIR | NEXT, 0 };
	const struct vring_desc two[] = { { VM_GPA, 16, INDIR | NEXT, 1 }, { VM_GPA, 16, INDIR | NEXT, 0 } };

	sends_and_breaks(&self, 1, "indirect");
	sends_and_breaks(two, 2, "indirect");
}

static void unmapped_in_a_loop(void)
{
	const struct vring_desc two[] = { { VM_GPA, 20, NEXT, 1 }, { OUTSIDE, 20, NEXT, 0 } };

	sends_and_breaks(two, 2, "outside the VM's memory");
}

/* While the back-end reads, a thread of the guest changes what it reads. */
struct flipper {
	pthread_t thread;
	bool stop;
	uint32_t *word; /* takes both values in turn */
	uint32_t value[2];
};

static void *flip(void *arg)
{
	struct flipper *f = arg;

	for (unsigned i = 0; !__atomic_load_n(&f->stop, __ATOMIC_RELAXED); i++)
		__atomic_store_n(f->word, f->value[i & 1], __ATOMIC_RELAXED);
	return NULL;
}

static void flip_start(struct flipper *f, void *word, uint32_t a, uint32_t b)
{
	*f = (struct flipper){ .word = word, .value = { a, b } };
	assert_int_equal(pthread_create(&f->thread, NULL, flip, f), 0);
}

static void flip_end(struct flipper *f)
{
	__atomic_store_n(&f->stop, true, __ATOMIC_RELAXED);
	pthread_join(f->thread, NULL);
}

enum flipped { TABLE_LENGTH, TABLE_LENGTH_ODD, TABLE_NEXT, PIECE_LENGTH };

/*
 * va offers the same indirect table many times while a word of it, or the length in the ring's descriptor, changes all
 * the time between a right value and a wrong one. Each frame comes as it was meant or not at all, or the VPort breaks.
 */
static void flipping(enum flipped what)
{
	const uint32_t wrong[] = { 0x10000000, 20, NEXT | 0x7fffu << 16, UINT32_MAX };

	for (unsigned round = 0; round < 8; round++) {
		const unsigned many = 60;
		struct nic_queue_info info;
		struct flipper fl;
		uint64_t gpa, table;
		struct vring_used_elem e;
		unsigned done = 0;
		struct vring_desc *t;
		uint8_t f[64], good[64];

		broken_events = 0;
		scene(V1 | MRG | INDIRECT);
		for (unsigned i = 0; i < 63; i++)
			(void)vm_post(&vb, 256);
		gpa = frame_at(64, f);
		table = vm_alloc(&va, 64);
		t = vm_ptr(&va, table);
		for (unsigned i = 0; i < 2; i++) {
			struct vring_packed_desc *pt = (struct vring_packed_desc *)t + i;

			if (ring_kind)
				*pt = (struct vring_packed_desc){ i ? gpa + 12 : gpa, i ? 64 : 12, 0, 0 };
			else
				t[i] = (struct vring_desc){ i ? gpa + 12 : gpa, i ? 64 : 12, i ? 0 : NEXT, 1 };
		}
		if (what == TABLE_NEXT)
			flip_start(&fl, (uint8_t *)t + 12, NEXT | 1u << 16, wrong[what]);
		else if (what == PIECE_LENGTH)
			flip_start(&fl, &t[1].len, 64, wrong[what]);
		else
			flip_start(&fl, ring_kind ? &va.tx.pdesc[0].len : &va.tx.desc[0].len, 32, wrong[what]);
		va.tx.desc[0] = (struct vring_desc){ ring_kind ? 0 : table, 32, ring_kind ? 0 : INDIR, 0 };
		for (unsigned i = 0; i < many; i++)
			if (ring_kind)
				vm_offer_raw(&va.tx, &(struct vring_desc){ table, 32, INDIR, 0 }, 1);
			else
				vm_avail(&va.tx, 0);
		vm_kick(&va);
		for (unsigned i = 0; i < 10000; i++) { /* until it is broken or all came back */
			assert_int_equal(nic_queue_info(nic, 1, 0, &info), 0);
			while (vm_used(&va.tx, &e))
				done++;
			if (info.broken || done == many)
				break;
			usleep(1000);
		}
		flip_end(&fl);
		assert_true(info.broken || done == many);
		make_frame(good, 2, 3, 0, 64);
		vm_send(&vc, good, 64); /* it comes behind all of va's */
		for (;;) {
			assert_int_equal(next_frame(&gpa), 76);
			if (memcmp((uint8_t *)vm_ptr(&vb, gpa) + 12, good, 64) == 0)
				break;
			assert_memory_equal((uint8_t *)vm_ptr(&vb, gpa) + 12, f, 64);
		}
		end();
	}
}

static void table_length_changes(void)
{
	flipping(TABLE_LENGTH);
	flipping(TABLE_LENGTH_ODD);
}

static void table_entries_change(void)
{
	if (!ring_kind) /* entries of a packed table have no next */
		flipping(TABLE_NEXT);
	flipping(PIECE_LENGTH);
}

/* ---- the rings themselves ---- */

static void head_out_of_range(void)
{
	uint8_t f[64];
	uint64_t at;

	broken_events = 0;
	scene(V1 | MRG);
	if (!ring_kind) {
		vm_avail(&va.tx, 0xffff);
		vm_kick(&va);
		expect_broken(1, "beyond the ring");
	} else { /* an id may be anything: it comes back as it is */
		struct vring_packed_desc *d = &va.tx.pdesc[0];

		at = vm_post(&vb, 256);
		d->id = 0xffff;
		d->addr = frame_at(64, f);
		d->len = 76;
		__atomic_store_n(&d->flags, 1 << VRING_PACKED_DESC_F_AVAIL, __ATOMIC_RELEASE);
		vm_kick(&va);
		expect_frame(&vb, at, f, 64);
		for (unsigned i = 0; i < 10000 && !(__atomic_load_n(&d->flags, __ATOMIC_ACQUIRE) & 1 << VRING_PACKED_DESC_F_USED); i++)
			usleep(1000);
		assert_int_equal(d->id, 0xffff);
	}
	others_go_on();
	end();
}

static void more_than_the_ring_holds(void)
{
	uint8_t f[64];
	uint64_t gpa;

	broken_events = 0;
	scene(V1 | MRG);
	gpa = frame_at(64, f);
	/* A whole ring of the same buffer is the guest's own affair … */
	for (unsigned i = 0; i < 64; i++) {
		(void)vm_post(&vb, 256);
		va.tx.next_desc = ring_kind ? va.tx.next_desc : 0;
		vm_offer_raw(&va.tx, &(struct vring_desc){ gpa, 76, 0, 0 }, 1);
	}
	vm_kick(&va);
	for (unsigned i = 0; i < 64; i++) {
		uint64_t at;

		assert_int_equal(next_frame(&at), 76);
		assert_memory_equal((uint8_t *)vm_ptr(&vb, at) + 12, f, 64);
	}
	assert_int_equal(broken_events, 0);
	/* … but not one more than it holds. A packed ring cannot say more. */
	if (!ring_kind) {
		__atomic_store_n(&va.tx.avail->idx, (uint16_t)(va.tx.avail->idx + 65), __ATOMIC_RELEASE);
		vm_kick(&va);
		expect_broken(1, "jumped");
	}
	others_go_on();
	end();
}

/* The index (a packed ring: flags) is read while the driver writes it, over each byte's carry. */
static void index_read_while_written(void)
{
	uint8_t f[64];

	broken_events = 0;
	scene(V1 | MRG);
	for (unsigned i = 0; i < 600; i++) {
		uint64_t back = va.brk, back_rx = vb.brk, at = vm_post(&vb, 64 + 12);
		struct vring_used_elem e;

		make_frame(f, 2, 1, 0, 64);
		vm_send(&va, f, 64);
		expect_frame(&vb, at, f, 64);
		assert_true(vm_wait_used(&va.tx, &e));
		va.brk = back;
		vb.brk = back_rx; /* memory is used again */
	}
	assert_int_equal(broken_events, 0);
	end();
}

/* ---- receiving ---- */

static void runt_receive_buffers(void)
{
	for (unsigned mergeable = 0; mergeable < 2; mergeable++)
		for (uint32_t len = 1; len <= 13; len++) {
			uint8_t *behind, canary[64], f[64];
			uint64_t gpa;

			broken_events = 0;
			scene(V1 | (mergeable ? MRG : 0));
			gpa = vm_alloc(&va, 256);
			behind = (uint8_t *)vm_ptr(&va, gpa) + len;
			memset(behind, 0xee, 64);
			memcpy(canary, behind, 64);
			vm_offer_raw(&va.rx, &(struct vring_desc){ gpa, len, WRITE, 0 }, 1);
			make_frame(f, 1, 3, 0, 64);
			vm_send(&vc, f, 64);
			expect_drop(1, mergeable ? NIC_DROP_RX_NO_BUFFER : NIC_DROP_RX_TOO_LONG, 1);
			assert_memory_equal(behind, canary, 64);
			assert_int_equal(counters(1).rx_frames, 0);
			others_go_on();
			end();
		}
}

static void many_tiny_mergeable_buffers(void)
{
	static uint8_t f[9000];
	uint64_t at;

	broken_events = 0;
	scene(V1 | MRG);
	for (unsigned i = 0; i < 64; i++)
		vm_offer_raw(&va.rx, &(struct vring_desc){ vm_alloc(&va, 64), 13, WRITE, 0 }, 1);
	make_frame(f, 1, 3, 0, sizeof f);
	vm_send(&vc, f, sizeof f);
	expect_drop(1, NIC_DROP_RX_NO_BUFFER, 1);
	vm_send(&vc, f, 700); /* fits into them: 54 buffers */
	for (unsigned i = 0; i < 10000 && counters(1).rx_frames < 1; i++)
		usleep(1000);
	assert_int_equal(counters(1).rx_frames, 1);
	at = va.rx.last_gpa[0];
	assert_int_equal(((uint8_t *)vm_ptr(&va, at))[10], (700 + 12 + 12) / 13); /* num_buffers */
	assert_int_equal(broken_events, 0);
	others_go_on();
	end();
}

static uint64_t dropped_of(uint32_t vp)
{
	struct nic_vport_counters c = counters(vp);

	return c.drops[NIC_DROP_RX_TOO_LONG] + c.drops[NIC_DROP_RX_NO_BUFFER];
}

/* Frames longer than the buffers, of which none can be joined to another: the buffers stay for those that fit. */
static void longer_than_the_buffers(void)
{
	static uint8_t f[4000];
	uint64_t at[8];

	broken_events = 0;
	scene(V1);
	for (unsigned i = 0; i < 8; i++)
		at[i] = vm_post(&va, 512);
	for (unsigned i = 0; i < 50; i++) {
		make_frame(f, 1, 3, 0, (uint32_t)(600 + 60 * i));
		vm_send(&vc, f, (uint32_t)(600 + 60 * i));
	}
	/* In a burst of more frames than buffers those behind find none. */
	for (unsigned i = 0; i < 10000 && dropped_of(1) < 50; i++)
		usleep(1000);
	assert_int_equal(dropped_of(1), 50);
	assert_true(counters(1).drops[NIC_DROP_RX_TOO_LONG] > 0);
	for (unsigned i = 0; i < 8; i++) {
		make_frame(f, 1, 3, 0, 64 + i);
		vm_send(&vc, f, 64 + i);
		expect_frame(&va, at[i], f, 64 + i);
	}
	assert_int_equal(broken_events, 0);
	others_go_on();
	end();
}

static uint64_t sleeps(void)
{
	struct nic_worker_stats st[2];
	uint64_t n = 0;

	for (unsigned i = 0; i < nic_engine_stats(engine, st, 2); i++)
		n += st[i].sleeps;
	return n;
}

/* Buffers are there, too few for any frame, and the guest gives no more: the worker drops, and goes to sleep. */
static void no_progress(void)
{
	static uint8_t f[4000];
	uint64_t before;

	broken_events = 0;
	scene(V1 | MRG | EVENT);
	vm_offer_raw(&va.rx, &(struct vring_desc){ vm_alloc(&va, 512), 512, WRITE, 0 }, 1);
	vm_offer_raw(&va.rx, &(struct vring_desc){ vm_alloc(&va, 512), 512, WRITE, 0 }, 1);
	make_frame(f, 1, 3, 0, sizeof f);
	for (unsigned i = 0; i < 30; i++)
		vm_send(&vc, f, sizeof f);
	expect_drop(1, NIC_DROP_RX_NO_BUFFER, 30);
	before = sleeps();
	for (unsigned i = 0; i < 3; i++) {
		others_go_on();
		usleep(10000);
	}
	for (unsigned i = 0; i < 10000 && sleeps() < before + 2; i++)
		usleep(1000);
	assert_true(sleeps() >= before + 2);
	assert_int_equal(broken_events, 0);
	end();
}

/* More comes in than the guest can take, for long; then it takes again, and all is as before. */
static void heavy_ingress(void)
{
	uint8_t f[64];
	uint64_t at, sent = 0;

	broken_events = 0;
	scene(V1 | MRG);
	make_frame(f, 1, 3, 0, 64);
	for (unsigned i = 0; i < 400; i++) {
		struct vring_used_elem e;
		uint64_t back = vc.brk;

		vm_send(&vc, f, 64);
		sent++;
		assert_true(vm_wait_used(&vc.tx, &e));
		vc.brk = back;
	}
	expect_drop(1, NIC_DROP_RX_NO_BUFFER, sent);
	at = vm_post(&va, 256);
	vm_send(&vc, f, 64);
	expect_frame(&va, at, f, 64);
	others_go_on();
	end();
}

/* A frame over two receive buffers of which the second is bad: the first must not be published, nor kept. */
static void second_buffer_is_bad(void)
{
	static uint8_t f[1500];
	uint16_t used;

	broken_events = 0;
	scene(V1 | MRG);
	used = ring_kind ? va.rx.pdesc[0].flags : va.rx.used->idx;
	vm_offer_raw(&va.rx, &(struct vring_desc){ vm_alloc(&va, 512), 512, WRITE, 0 }, 1);
	if (ring_kind)
		used = va.rx.pdesc[0].flags;
	vm_offer_raw(&va.rx, &(struct vring_desc){ OUTSIDE - 100, 2000, WRITE, 0 }, 1);
	make_frame(f, 1, 3, 0, sizeof f);
	vm_send(&vc, f, sizeof f);
	expect_broken(1, "outside the VM's memory");
	assert_int_equal(ring_kind ? va.rx.pdesc[0].flags : va.rx.used->idx, used);
	assert_int_equal(counters(1).rx_frames, 0);
	others_go_on();
	end();
}

/* Errors in the middle of a delivery, again and again: nothing is left behind by any, or a stop would wait for it. */
static void errors_leave_nothing(void)
{
	static uint8_t f[1500];

	scene(V1 | MRG);
	for (unsigned i = 0; i < 100; i++) {
		struct vring_used_elem e;

		broken_events = 0;
		vm_offer_raw(&va.rx, &(struct vring_desc){ vm_alloc(&va, 512), 512, WRITE, 0 }, 1);
		vm_offer_raw(&va.rx, &(struct vring_desc){ OUTSIDE, 2000, WRITE, 0 }, 1);
		make_frame(f, 1, 2, 0, sizeof f);
		vm_send(&vb, f, sizeof f); /* from another CPU: by reference */
		expect_broken(1, "outside the VM's memory");
		assert_true(vm_wait_used(&vb.tx, &e)); /* the sender has its buffer back */
		vb.brk = va.brk = VM_GPA + 65536;
		stop(1);
		vm_fini(&va);
		vm_init(&va, 4, 64, V1 | MRG | ring_kind);
		start(1, &va);
	}
	broken_events = 0;
	attacker_is_well();
	others_go_on();
	end();
}

/* What a guest is given is what came: every byte of header and frame is set by us, the length is no more, and what lies
 * behind stays the guest's. */
static void nothing_else_is_told(void)
{
	broken_events = 0;
	scene(V1 | MRG);
	for (uint32_t len = 14; len < 200; len += 31) {
		uint8_t f[256], *at, header[12] = { 0 };
		struct vring_used_elem e;
		uint64_t gpa = vm_alloc(&va, 2048);

		at = vm_ptr(&va, gpa);
		memset(at, 0xee, 2048);
		vm_offer_raw(&va.rx, &(struct vring_desc){ gpa, 2048, WRITE, 0 }, 1);
		make_frame(f, 1, 3, 0, len);
		vm_send(&vc, f, len);
		assert_true(vm_wait_used(&va.rx, &e));
		assert_int_equal(e.len, len + 12);
		header[10] = 1; /* num_buffers */
		assert_memory_equal(at, header, 12);
		assert_memory_equal(at + 12, f, len);
		for (uint32_t i = len + 12; i < 2048; i++)
			assert_int_equal(at[i], 0xee);
		assert_true(vm_wait_used(&vc.tx, &e));
		assert_int_equal(e.len, 0); /* nothing was written into a buffer that was sent */
	}
	end();
}

/* ---- the table ---- */

struct flaw {
	const char *id, *what;
	void (*play)(void);
};

static const struct flaw flaws[] = {
	{ "CVE-2015-7295", "frames longer than the receive buffers, without end", longer_than_the_buffers },
	{ "CVE-2016-5403", "more buffers offered than the ring holds", more_than_the_ring_holds },
	{ "CVE-2016-6490", "descriptors of no length", nothing_but_zero_lengths },
	{ "CVE-2018-1059", "a buffer or table that leaves its memory slot", leaves_its_slot },
	{ "CVE-2018-1118", "bytes of the host in what the guest is given", nothing_else_is_told },
	{ "CVE-2018-16880", "a frame over more receive buffers than there are", many_tiny_mergeable_buffers },
	{ "CVE-2019-3900", "more comes in than is taken", heavy_ingress },
	{ "CVE-2019-14835", "descriptors of no length while writes are logged", zero_lengths_while_logging },
	{ "CVE-2020-10725", "an address that is not mapped", not_mapped_at_all },
	{ "CVE-2020-14378", "chains that loop or go on outside the table", loops },
	{ "CVE-2020-16843", "the network stops under heavy ingress", heavy_ingress },
	{ "CVE-2021-3748", "a merged receive whose later buffer is bad", second_buffer_is_bad },
	{ "CVE-2022-2132", "a virtio header cut short, or into many descriptors", too_little_for_the_header },
	{ "CVE-2022-26353", "errors during receive leave something behind", errors_leave_nothing },
	{ "CVE-2023-5158", "descriptors of no length among others", zero_lengths_between },
	{ "CVE-2024-0340", "bytes of the host in what the guest is given", nothing_else_is_told },
	{ "CVE-2024-8612", "a used length beyond what was written", nothing_else_is_told },
	{ "CVE-2024-11614", "a checksum's place outside the frame", checksum_far_outside },
	{ "CVE-2026-74356", "receive buffers too few, and no progress", no_progress },
	{ "CVE-2026-99686", "used entries wrap while writes are logged", used_entries_wrap_while_logging },
	{ "CVE-2026-99722", "an indirect table's descriptor that goes on to itself", table_and_more },
	{ "CVE-2026-86566", "receive buffers shorter than the virtio header", runt_receive_buffers },
	{ "CVE-2026-86846", "an available entry beyond the ring", head_out_of_range },
	{ "CVE-2026-86847", "a chain that cannot be mapped and does not end", unmapped_in_a_loop },
	{ "CVE-2026-86848", "entries of an indirect table change while they are read", table_entries_change },
	{ "CVE-2026-93683", "an indirect table's length changes while it is read", table_length_changes },
	{ "GHSA-mm4m-qg48-f7wc", "an index read in pieces while it is written", index_read_while_written },
};

#define FLAWS (sizeof flaws / sizeof flaws[0])

static void play(void **state)
{
	((const struct flaw *)*state)->play();
}

int main(void)
{
	static struct CMUnitTest tests[FLAWS];
	static char name[FLAWS][128];
	int failed;

	for (unsigned i = 0; i < FLAWS; i++) {
		snprintf(name[i], sizeof name[i], "%s: %s", flaws[i].id, flaws[i].what);
		tests[i] = (struct CMUnitTest){ name[i], play, setup, teardown, (void *)&flaws[i] };
	}
	failed = cmocka_run_group_tests_name("split rings", tests, NULL, NULL);
	ring_kind = PACKED;
	return failed + cmocka_run_group_tests_name("packed rings", tests, NULL, NULL);
}
