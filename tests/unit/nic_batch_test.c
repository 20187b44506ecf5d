/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which frames are delivered together: those of several bursts where receivers get a few of each, in turn, and nothing of them is left
 * with their senders; else those of one. Either way each comes once, whole and in order, and each buffer goes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "engine_stub.h"
#include "nic/nic_priv.h"
#include "turns.h"

#define V1 (1ull << VIRTIO_F_VERSION_1)
#define MRG (1ull << VIRTIO_NET_F_MRG_RXBUF)
#define CSUM (1ull << VIRTIO_NET_F_CSUM)
#define GUEST_CSUM (1ull << VIRTIO_NET_F_GUEST_CSUM)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define FEATURES (V1 | MRG | CSUM | GUEST_CSUM | INDIRECT)
#define HDR 12u
#define RING 64u
#define EACH 60u /* frames a sender has ready: two senders' and 8 of the third make a burst */
#define SENDERS 16u
#define RECEIVERS 48u
#define LEN_MAX 128u

/* The receiver of a frame, by the number of its sender and its own. */
static unsigned in_turn(unsigned s, unsigned i)
{
	return (s * EACH + i) % RECEIVERS;
}

static unsigned every_fourth_to_one(unsigned s, unsigned i)
{
	return i % 4 ? 1 + (s * EACH + i) % (RECEIVERS - 1) : 0;
}

static unsigned to_its_own(unsigned s, unsigned i)
{
	(void)i;
	return s;
}

static const struct kind {
	const char *name;
	unsigned (*to)(unsigned s, unsigned i);
	unsigned senders;
	uint32_t len;
	bool pieces, unfinished, away; /* away: one receiver is another worker's */
	unsigned batches; /* of a turn */
	unsigned most;    /* the index of the largest one's size in worker.batch */
} kinds[] = {
	{ "short frames in turn", in_turn, 4, 60, .batches = 1, .most = 7 },
	{ "as long as what is read of each", in_turn, 4, FRAME_HDR, .batches = 1, .most = 7 },
	{ "more than a batch", in_turn, SENDERS, 60, .batches = 2, .most = 9 },
	{ "one byte longer", in_turn, 4, FRAME_HDR + 1, .batches = 2, .most = 7 },
	{ "in two pieces", in_turn, 4, 60, .pieces = true, .batches = 2, .most = 7 },
	{ "with a checksum left to the receiver", in_turn, 4, 60, .unfinished = true, .batches = 2, .most = 7 },
	{ "one receiver has many", every_fourth_to_one, 4, 60, .batches = 2, .most = 7 },
	{ "a run to each", to_its_own, 4, 60, .batches = 2, .most = 7 },
	{ "one is another worker's", in_turn, 4, 60, .away = true, .batches = 2, .most = 7 },
};

static struct nic *nic;
static struct vm giver[SENDERS], taker[RECEIVERS];
static unsigned sent[SENDERS], got[SENDERS][RECEIVERS];

static void send_one(const struct kind *k, unsigned s)
{
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	struct vm *vm = &giver[s];
	uint64_t gpa = vm_alloc(vm, HDR + LEN_MAX);
	uint8_t *p = vm_ptr(vm, gpa);
	unsigned number = sent[s]++;
	struct vm_piece piece[] = { { gpa, HDR + 30 }, { gpa + HDR + 30, k->len - 30 } };

	memset(p, (int)number, HDR + k->len);
	memset(p, 0, HDR);
	if (k->unfinished)
		memcpy(p, &h, sizeof h);
	memcpy(p + HDR, "\x52\x54\0\0\0\0\x52\x54\0\0\0\0\x88\xb5", 14);
	p[HDR + 5] = (uint8_t)(1 + SENDERS + k->to(s, number));
	p[HDR + 11] = (uint8_t)(1 + s);
	memcpy(p + HDR + 16, &number, sizeof number);
	if (!k->pieces)
		piece[0].len = HDR + k->len;
	vm_offer(vm, &vm->tx, piece, k->pieces ? 2 : 1, false, k->pieces);
}

/* The last bytes of a frame are its number, as far as nothing else stands there. */
static void expect_bytes(const struct kind *k, const uint8_t *f, unsigned number)
{
	for (unsigned i = 20; i < k->len; i++)
		if (!k->unfinished || (i != 50 && i != 51))
			assert_int_equal(f[i], (uint8_t)number);
}

/* Of each sender a receiver gets the frames that are for it, one after the other. */
static void receive(const struct kind *k, unsigned r)
{
	struct vm *vm = &taker[r];
	struct vring_used_elem e;

	while (vm_used(&vm->rx, &e)) {
		const uint8_t *f = (const uint8_t *)vm_ptr(vm, vm->rx.last_gpa[e.id]) + HDR;
		unsigned s = f[11] - 1u, number;

		memcpy(&number, f + 16, sizeof number);
		assert_int_equal(e.len, HDR + k->len);
		while (k->to(s, got[s][r]) != r)
			got[s][r]++;
		assert_int_equal(number, got[s][r]++);
		expect_bytes(k, f, number);
		vm_offer(vm, &vm->rx, &(struct vm_piece){ vm->rx.last_gpa[e.id], 2048 }, 1, true, false);
	}
}

static unsigned given_back(unsigned s)
{
	struct vring_used_elem e;
	unsigned n = 0;

	while (vm_used(&giver[s].tx, &e))
		n++;
	return n;
}

/* Turns until the senders have all their buffers back. */
static void settle(const struct kind *k, unsigned *under_way)
{
	for (unsigned turns = 0; *under_way; turns++) {
		assert_true(turns < 100);
		stub_turn();
		for (unsigned s = 0; s < k->senders; s++)
			*under_way -= given_back(s);
		for (unsigned r = 0; r < RECEIVERS; r++)
			receive(k, r);
	}
}

static void send_all(const struct kind *k, unsigned *under_way)
{
	for (unsigned s = 0; s < k->senders; s++)
		for (unsigned i = 0; i < EACH; i++, (*under_way)++)
			send_one(k, s);
}

static void vms_up(const struct kind *k)
{
	for (unsigned s = 0; s < k->senders; s++)
		turns_attach(nic, 1 + s, 0, &giver[s], RING, FEATURES);
	for (unsigned r = 0; r < RECEIVERS; r++) {
		turns_attach(nic, 1 + SENDERS + r, k->away && r == 0, &taker[r], RING, FEATURES);
		for (unsigned i = 0; i < RING; i++)
			(void)vm_post(&taker[r], 2048);
	}
	memset(sent, 0, sizeof sent);
	memset(got, 0, sizeof got);
	stub_settle();
}

static void vms_down(const struct kind *k)
{
	for (unsigned s = 0; s < k->senders; s++)
		turns_detach(nic, 1 + s, &giver[s]);
	for (unsigned r = 0; r < RECEIVERS; r++)
		turns_detach(nic, 1 + SENDERS + r, &taker[r]);
}

static unsigned delivered(unsigned r)
{
	struct nic_vport_counters c;

	assert_int_equal(nic_vport_counters(nic, 1 + SENDERS + r, &c), 0);
	for (unsigned why = 0; why < NIC_DROP_COUNT; why++)
		assert_int_equal(c.drops[why], 0);
	return (unsigned)c.rx_frames;
}

static void run(const struct kind *k)
{
	struct worker *w = stub_engine()->w[0];
	uint64_t before[NIC_BATCH_SIZES];
	unsigned under_way = 0, batches = 0, most = 0, all = 0;

	print_message("%s\n", k->name);
	vms_up(k);
	send_all(k, &under_way);
	settle(k, &under_way); /* the worker has seen how frames come */
	send_all(k, &under_way);
	memcpy(before, w->batch, sizeof before);
	stub_worker_turn(0);
	for (unsigned i = 0; i < NIC_BATCH_SIZES; i++) {
		batches += (unsigned)(w->batch[i] - before[i]);
		most = w->batch[i] > before[i] ? i : most;
	}
	assert_int_equal(batches, k->batches);
	assert_int_equal(most, k->most);
	for (unsigned r = 0; r < RECEIVERS; r++)
		receive(k, r);
	settle(k, &under_way);
	stub_settle();
	for (unsigned r = 0; r < RECEIVERS; r++)
		all += delivered(r);
	assert_int_equal(all, 2 * EACH * k->senders);
	vms_down(k);
}

static void test_batches(void **state)
{
	struct nic_config cfg = { .name = "batch" };
	struct vmq_err err = { "" };

	(void)state;
	assert_int_equal(nic_create(stub_engine(), &cfg, &nic, &err), 0);
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		run(&kinds[i]);
	nic_destroy(nic);
	stub_check_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_batches) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
