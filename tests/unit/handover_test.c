/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames from a VM on one worker to a VM on another, with the workers' turns taken by hand: what a guest changes while its
 * frame is under way, rings that move on meanwhile, an inbox
 * that is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <unistd.h>

#include "engine_stub.h"
#include "nic/nic_priv.h"
#include "turns.h"

#define V1 (1ull << VIRTIO_F_VERSION_1)
#define MRG (1ull << VIRTIO_NET_F_MRG_RXBUF)
#define CSUM (1ull << VIRTIO_NET_F_CSUM)
#define GUEST_CSUM (1ull << VIRTIO_NET_F_GUEST_CSUM)
#define FEATURES (V1 | MRG | CSUM | GUEST_CSUM)
#define HDR 12u
#define SIZE 64u /* of the rings */
#define LEN 100u /* of the frames */

static struct nic *nic;
static struct vm va, vb; /* VPorts 1 and 2, on workers 0 and 1 */

static int setup(void **state)
{
	struct nic_config cfg = { .name = "handover" };
	struct vmq_err err = { "" };

	(void)state;
	assert_int_equal(nic_create(stub_engine(), &cfg, &nic, &err), 0);
	turns_attach(nic, 1, 0, &va, SIZE, FEATURES);
	turns_attach(nic, 2, 1, &vb, SIZE, FEATURES);
	stub_settle();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	turns_detach(nic, 1, &va);
	turns_detach(nic, 2, &vb);
	nic_destroy(nic);
	stub_check_empty();
	return 0;
}

/* From VPort 1 to VPort 2, with its number in it. Returns where its virtio header lies. */
static uint8_t *send_frame(unsigned number)
{
	uint64_t gpa = vm_alloc(&va, HDR + LEN);
	uint8_t *p = vm_ptr(&va, gpa);

	memset(p, 0, HDR + LEN);
	memcpy(p + HDR, "\x52\x54\0\0\0\2\x52\x54\0\0\0\1\x88\xb5", 14);
	memcpy(p + HDR + 16, &number, sizeof number);
	vm_offer(&va, &va.tx, &(struct vm_piece){ gpa, HDR + LEN }, 1, false, false);
	return p;
}

/* The next frame that VPort 2 got, and its length; NULL: none. */
static const uint8_t *received(uint32_t *len)
{
	struct vring_used_elem e;

	if (!vm_used(&vb.rx, &e))
		return NULL;
	*len = e.len - HDR;
	return (const uint8_t *)vm_ptr(&vb, vb.rx.last_gpa[e.id]) + HDR;
}

static unsigned given_back(void)
{
	struct vring_used_elem e;
	unsigned n = 0;

	while (vm_used(&va.tx, &e))
		n++;
	return n;
}

static uint64_t dropped(uint32_t vport, enum nic_drop why)
{
	struct nic_vport_counters c;

	assert_int_equal(nic_vport_counters(nic, vport, &c), 0);
	return c.drops[why];
}

/* What decided where the frame goes stays; what a guest changes behind it is its own frame's affair. */
static void test_changed_under_way(void **state)
{
	const uint8_t *got;
	uint8_t *sent;
	uint32_t len;

	(void)state;
	(void)vm_post(&vb, 2048);
	sent = send_frame(7);
	stub_worker_turn(0);
	memcpy(sent + HDR, "\xff\xff\xff\xff\xff\xff\x52\x54\0\0\0\x66\x81\0\x20\x05", 16);
	sent[HDR + 20] = 0xAA;
	assert_null(received(&len));
	stub_worker_turn(1);
	got = received(&len);
	assert_non_null(got);
	assert_int_equal(len, LEN);
	assert_memory_equal(got, "\x52\x54\0\0\0\2\x52\x54\0\0\0\1\x88\xb5\0\0", 16);
	assert_int_equal(got[20], 0xAA);
	assert_int_equal(given_back(), 0); /* not before its reference is home */
	stub_worker_turn(0);
	assert_int_equal(given_back(), 1);
}

/* The virtio header is read again where it is acted upon, and must still be one that the sender may send. */
static void test_offload_changed_under_way(void **state)
{
	const struct virtio_net_hdr unfinished = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	struct virtio_net_hdr other[] = { unfinished, unfinished, { 0 } };
	uint32_t len;

	(void)state;
	other[0].gso_type = VIRTIO_NET_HDR_GSO_TCPV4; /* was not negotiated */
	other[0].gso_size = 20;
	other[1].csum_start = LEN; /* beyond the frame */
	for (unsigned i = 0; i < 3; i++) {
		uint8_t *sent = send_frame(i);

		(void)vm_post(&vb, 2048);
		memcpy(sent, &unfinished, sizeof unfinished);
		stub_worker_turn(0);
		memcpy(sent, &other[i], sizeof other[i]);
		stub_worker_turn(1);
		stub_worker_turn(0);
		assert_int_equal(given_back(), 1);
		assert_int_equal(dropped(1, NIC_DROP_TX_BAD_OFFLOAD), i < 2 ? i + 1 : 2);
	}
	assert_non_null(received(&len)); /* the third needs nothing any more */
	assert_null(received(&len));
}

/* What lies in the inbox of a worker that the ring has left follows it, in order, and comes home once. */
static void test_ring_moves_on(void **state)
{
	struct vmq_err err = { "" };
	uint32_t len;
	unsigned next = 0;

	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		(void)vm_post(&vb, 2048);
	for (unsigned i = 0; i < SIZE - 10; i++)
		(void)send_frame(i);
	stub_worker_turn(0);
	assert_int_equal(nic_vport_set_cpu(nic, 2, 0, &err), 0);
	for (unsigned i = SIZE - 10; i < SIZE; i++)
		(void)send_frame(i);
	stub_settle();
	for (const uint8_t *got; (got = received(&len)); next++) {
		unsigned number;

		memcpy(&number, got + 16, sizeof number);
		assert_int_equal(number, next);
	}
	assert_int_equal(next, SIZE);
	assert_int_equal(given_back(), SIZE);
}

/* Of a run some frames can follow the ring and some cannot: each is accounted for once. */
static void test_part_of_a_run_moves_on(void **state)
{
	struct inbox *in = &stub_engine()->w[0]->inbox[1];
	struct vmq_err err = { "" };
	unsigned arrived = 0;
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		(void)vm_post(&vb, 2048);
	for (unsigned i = 0; i < RUN_MAX; i++)
		(void)send_frame(i);
	in->ends.mask = 15;
	in->ends.head_seen = in->ends.head;
	stub_worker_turn(0);
	assert_int_equal(nic_vport_set_cpu(nic, 2, 0, &err), 0);
	stub_settle();
	while (received(&len))
		arrived++;
	assert_in_range(arrived, 1, RUN_MAX - 1);
	assert_int_equal(arrived + dropped(2, NIC_DROP_RX_INBOX_FULL), RUN_MAX);
	assert_int_equal(given_back(), RUN_MAX);
	in->ends.mask = INBOX_SLOTS - 1;
}

/* A frame of send_frame becomes one of a flow. */
static void set_flow(uint8_t *at, uint16_t port)
{
	memcpy(at + HDR + 12, "\x08\0\x45", 3);
	at[HDR + 23] = 17;
	memcpy(at + HDR + 26, "\12\0\0\1\12\0\0\2", 8);
	at[HDR + 34] = (uint8_t)(port >> 8);
	at[HDR + 35] = (uint8_t)port;
}

static void test_flow_changed_under_way(void **state)
{
	struct nic_rss_config rss = { .types = NIC_RSS_IPV4 | NIC_RSS_UDP_IPV4, .entries = 2, .cpu = { 0, 1 }, .default_cpu = 0 };
	struct vmq_err err = { "" };
	struct nic_queue_config c;
	struct vring_used_elem e;
	struct vm vc; /* the second pair of VPort 2, on worker 1, and the first is with its sender now */
	unsigned kept = 0;
	uint16_t rx, tx;

	(void)state;
	for (unsigned i = 0; i < NIC_RSS_KEY; i++)
		rss.key[i] = (uint8_t)(i * 37 + 11);
	vm_init(&vc, 1, SIZE, V1 | MRG);
	c = vm_queue_config(&vc);
	assert_int_equal(nic_vport_set_queue_pairs(nic, 2, 2, &err), 0);
	assert_int_equal(nic_queue_start(nic, 2, 1, &c, &err), 0);
	assert_int_equal(nic_vport_set_rss(nic, 2, &rss, &err), 0);
	for (unsigned i = 0; i < 32; i++) {
		uint8_t *sent[2] = { send_frame(i), send_frame(i) };
		bool here;

		for (unsigned k = 0; k < 4; k++)
			(void)vm_post(k % 2 ? &vb : &vc, 2048);
		set_flow(sent[0], (uint16_t)(1000 + i));
		set_flow(sent[1], (uint16_t)(1000 + i));
		stub_worker_turn(0);
		here = vm_used(&vb.rx, &e);
		set_flow(sent[1], (uint16_t)(2000 + 7 * i)); /* another flow, maybe the other pair's */
		stub_settle();
		assert_true(here ? vm_used(&vb.rx, &e) : vm_used(&vc.rx, &e) && vm_used(&vc.rx, &e));
		assert_false(here ? vm_used(&vc.rx, &e) : vm_used(&vb.rx, &e));
		kept += !here;
		assert_int_equal(given_back(), 2);
	}
	assert_in_range(kept, 1, 31); /* both pairs got some */
	assert_int_equal(nic_vport_set_rss(nic, 2, NULL, &err), 0);
	assert_int_equal(nic_queue_stop(nic, 2, 1, &rx, &tx), 0);
	vm_fini(&vc);
}

/* To a port that another worker has, and beside it to nobody. */
static void test_out_to_the_wire(void **state)
{
	struct stub_port wire;
	struct vmq_err err = { "" };

	(void)state;
	stub_port_init(&wire);
	assert_int_equal(nic_wire_attach(nic, &wire.port, 1, &err), 0);
	for (unsigned i = 0; i < 40; i++)
		send_frame(i)[HDR + 5] = 9; /* no VPort's */
	stub_worker_turn(0);
	assert_int_equal(wire.sent, 0);
	assert_int_equal(stub_engine()->w[1]->inbox[0].ends.put - stub_engine()->w[1]->inbox[0].ends.head, 42); /* two runs */
	stub_settle();
	assert_int_equal(wire.sent, 40);
	assert_int_equal(given_back(), 40);
	assert_int_equal(nic_wire_detach(nic), 0);
	(void)close(wire.fd);
}


/* 20 frames, of which only the first `fit` can set out: the others are dropped, counted and given back. */
static void send_more_than(unsigned fit, enum nic_drop why, unsigned elsewhere)
{
	struct worker *w = stub_engine()->w[0];
	uint64_t before = dropped(2, why);
	unsigned arrived = 0;
	uint32_t len;

	for (unsigned i = 0; i < 20; i++) {
		(void)vm_post(&vb, 2048);
		(void)send_frame(i);
	}
	w->under_way += elsewhere;
	stub_worker_turn(0);
	w->under_way -= elsewhere;
	assert_int_equal(dropped(2, why), before + 20 - fit);
	assert_int_equal(given_back(), 20 - fit);
	stub_settle();
	assert_int_equal(given_back(), fit);
	for (const uint8_t *got; (got = received(&len)); arrived++)
		assert_int_equal(got[16], arrived);
	assert_int_equal(arrived, fit);
	while (vb.rx.offered != vb.rx.seen_used) { /* the buffers that are left are for the next ones */
		(void)send_frame(0);
		stub_settle();
		assert_non_null(received(&len));
		assert_int_equal(given_back(), 1);
	}
}

static void test_full_inbox(void **state)
{
	struct inbox *in = &stub_engine()->w[1]->inbox[0];

	(void)state;
	in->ends.mask = 15;
	in->ends.head_seen = in->ends.head;
	for (unsigned i = 0; i < 20; i++) /* from all places of the ring on */
		send_more_than(15, NIC_DROP_RX_INBOX_FULL, 0);
	in->ends.mask = INBOX_SLOTS - 1;
}

/* As if nearly all that may be under way were at a third worker. */
static void test_too_many_under_way(void **state)
{
	(void)state;
	send_more_than(3, NIC_DROP_TX_NO_REFERENCE, RETURNS_SLOTS - 3);
}

/* To a VPort that is bypassed frames go as copies: the sender has its buffer back at once, whatever pieces it has and however long
 * it is; nothing is under way in the end. */
static void test_copies(void **state)
{
	static const uint32_t lengths[][3] = {
		{ HDR + 60, 0, 0 }, { HDR + 64, 0, 0 }, { HDR + 65, 0, 0 }, { HDR, 100, 0 }, { HDR + 64, 1, 1 }, { HDR + 20, 30, 1000 }, { HDR + 1500, 0, 0 },
		{ HDR + 100, 2000, 13 }, { HDR + 64, 2048, 0 }, { HDR + 64, 2049, 0 }, { HDR + 9000, 0, 0 },
	};
	struct vmq_err err = { "" };

	(void)state;
	assert_int_equal(nic_vport_set_bypass(nic, 2, true, &err), 0);
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		const uint32_t *l = lengths[i], total = l[0] + l[1] + l[2];
		uint64_t gpa = vm_alloc(&va, 16384);
		struct vm_piece p[3];
		uint8_t whole[16384];
		const uint8_t *got;
		unsigned n = 0;
		uint32_t len;

		for (uint32_t k = 0; k < total; k++)
			whole[k] = (uint8_t)(k * 7 + i);
		memset(whole, 0, HDR);
		memcpy(whole + HDR, "\x52\x54\0\0\0\2\x52\x54\0\0\0\1\x88\xb5", 14);
		memcpy(vm_ptr(&va, gpa), whole, total);
		for (uint32_t at = 0; n < 3 && l[n]; at += l[n++])
			p[n] = (struct vm_piece){ gpa + at, l[n] };
		vm_offer(&va, &va.tx, p, n, false, false);
		(void)vm_post(&vb, 16384);
		stub_worker_turn(0);
		assert_int_equal(given_back(), 1);
		memset(vm_ptr(&va, gpa), 0xEE, total); /* it is the sender's again */
		stub_settle();
		got = received(&len);
		assert_non_null(got);
		assert_int_equal(len, total - HDR);
		assert_memory_equal(got, whole + HDR, len);
		for (unsigned w = 0; w < 2; w++)
			assert_int_equal(stub_engine()->w[w]->under_way, 0);
	}
	assert_int_equal(nic_vport_set_bypass(nic, 2, false, &err), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_changed_under_way),
		T(test_offload_changed_under_way),
		T(test_flow_changed_under_way),
		T(test_out_to_the_wire),
		T(test_ring_moves_on),
		T(test_part_of_a_run_moves_on),
		T(test_full_inbox),
		T(test_too_many_under_way),
		T(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
