/* SPDX-License-Identifier: BSD-3-Clause */
/* What a virtio header may say of a frame, by itself: which features allow what, what is read of a header and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nic/nic_priv.h"

#define BIT(f) (1ull << (f))
#define ALL (OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN | OFFLOAD_USO)

static void features(void **state)
{
	static const struct {
		uint64_t features;
		unsigned sent, taken;
	} rows[] = {
		{ 0, 0, 0 },
		{ BIT(VIRTIO_NET_F_CSUM), OFFLOAD_CSUM, 0 },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM), 0, OFFLOAD_CSUM | OFFLOAD_VALID },
		/* segmentation depends on checksums */
		{ BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6), 0, 0 },
		{ BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4), OFFLOAD_CSUM | OFFLOAD_TSO4, 0 },
		{ BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO6), OFFLOAD_CSUM | OFFLOAD_TSO6, 0 },
		{ BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_ECN), OFFLOAD_CSUM | OFFLOAD_ECN, 0 },
		{ BIT(VIRTIO_NET_F_CSUM) | BIT(OFFLOAD_F_HOST_USO), OFFLOAD_CSUM | OFFLOAD_USO, 0 },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4), 0, OFFLOAD_CSUM | OFFLOAD_VALID | OFFLOAD_TSO4 },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO6), 0, OFFLOAD_CSUM | OFFLOAD_VALID | OFFLOAD_TSO6 },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_ECN), 0, OFFLOAD_CSUM | OFFLOAD_VALID | OFFLOAD_ECN },
		/* of UDP segments both IP versions, or none */
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(OFFLOAD_F_GUEST_USO4), 0, OFFLOAD_CSUM | OFFLOAD_VALID },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(OFFLOAD_F_GUEST_USO6), 0, OFFLOAD_CSUM | OFFLOAD_VALID },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(OFFLOAD_F_GUEST_USO4) | BIT(OFFLOAD_F_GUEST_USO6), 0, OFFLOAD_CSUM | OFFLOAD_VALID | OFFLOAD_USO },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		assert_int_equal(offload_sent(rows[r].features), rows[r].sent);
		assert_int_equal(offload_taken(rows[r].features), rows[r].taken);
	}
}

#define CSUM .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM

/* Of a frame of a hundred bytes. */
static void headers(void **state)
{
	static const struct {
		struct virtio_net_hdr h;
		unsigned allowed;
		bool refused;
		unsigned offload; /* then */
		uint16_t hdr_len;
	} rows[] = {
		{ { 0 }, 0, false, 0, 0 },
		{ { .csum_start = 50, .hdr_len = 60, .gso_size = 5 }, 0, false, 0, 0 }, /* without their flags they mean nothing */
		{ { CSUM, .csum_start = 14, .csum_offset = 16 }, ALL, false, OFFLOAD_CSUM, 0 },
		{ { CSUM, .csum_start = 13, .csum_offset = 16 }, ALL, true, 0, 0 }, /* in the Ethernet header */
		{ { CSUM, .csum_start = 90, .csum_offset = 8 }, ALL, false, OFFLOAD_CSUM, 0 },
		{ { CSUM, .csum_start = 90, .csum_offset = 9 }, ALL, true, 0, 0 }, /* ends behind the frame */
		{ { CSUM, .csum_start = 0xFFFF, .csum_offset = 0xFFFF }, ALL, true, 0, 0 },
		{ { CSUM, .csum_start = 34, .csum_offset = 16 }, ALL & ~OFFLOAD_CSUM, true, OFFLOAD_CSUM, 0 },
		{ { .flags = VIRTIO_NET_HDR_F_DATA_VALID }, ALL, false, 0, 0 },
		{ { .flags = VIRTIO_NET_HDR_F_DATA_VALID }, ALL | OFFLOAD_VALID, false, OFFLOAD_VALID, 0 },
		{ { CSUM | VIRTIO_NET_HDR_F_DATA_VALID, .csum_start = 34, .csum_offset = 16 }, ALL | OFFLOAD_VALID, false, OFFLOAD_CSUM, 0 },
		{ { CSUM, 1, 60, 10, 34, 16 }, ALL, false, OFFLOAD_CSUM | OFFLOAD_TSO4, 60 },
		{ { CSUM, 4, 99, 10, 34, 16 }, ALL, false, OFFLOAD_CSUM | OFFLOAD_TSO6, 99 },
		{ { CSUM, 4, 101, 10, 34, 16 }, ALL, false, OFFLOAD_CSUM | OFFLOAD_TSO6, 100 }, /* no more than there is */
		{ { CSUM, OFFLOAD_GSO_UDP_L4, 60, 10, 34, 6 }, ALL, false, OFFLOAD_CSUM | OFFLOAD_USO, 60 },
		{ { CSUM, 1 | VIRTIO_NET_HDR_GSO_ECN, 60, 10, 34, 16 }, ALL, false, OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_ECN, 60 },
		{ { CSUM, 4 | VIRTIO_NET_HDR_GSO_ECN, 60, 10, 34, 16 }, ALL, false, OFFLOAD_CSUM | OFFLOAD_TSO6 | OFFLOAD_ECN, 60 },
		{ { CSUM, 1 | VIRTIO_NET_HDR_GSO_ECN, 60, 10, 34, 16 }, ALL & ~OFFLOAD_ECN, true, OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_ECN, 60 },
		{ { CSUM, 1, 60, 10, 34, 16 }, ALL & ~OFFLOAD_TSO4, true, OFFLOAD_CSUM | OFFLOAD_TSO4, 60 },
		{ { CSUM, 4, 60, 10, 34, 16 }, OFFLOAD_CSUM | OFFLOAD_TSO4, true, OFFLOAD_CSUM | OFFLOAD_TSO6, 60 },
		{ { CSUM, 1, 60, 1, 34, 16 }, ALL, false, OFFLOAD_CSUM | OFFLOAD_TSO4, 60 },
		{ { CSUM, 1, 60, 0, 34, 16 }, ALL, true, 0, 0 }, /* segments of nothing */
		{ { 0, 1, 60, 10, 34, 16 }, ALL, true, 0, 0 },   /* without a checksum */
		{ { CSUM, 3, 60, 10, 34, 16 }, ALL, true, 0, 0 }, /* fragments, which nobody asks for any more */
		{ { CSUM, 2, 60, 10, 34, 16 }, ALL, true, 0, 0 }, /* not known */
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct frame f = { .len = 100 };

		memset(&f.vnet, 0xAA, sizeof f.vnet);
		f.offload = 0xFF;
		assert_int_equal(!offload_read(&f, &rows[r].h, rows[r].allowed), rows[r].refused);
		if (rows[r].refused)
			continue;
		assert_int_equal(f.offload, rows[r].offload);
		if (!rows[r].offload)
			assert_memory_equal(&f.vnet, &(struct virtio_net_hdr){ 0 }, sizeof f.vnet);
		if (rows[r].offload & OFFLOAD_CSUM) {
			assert_int_equal(f.vnet.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			assert_int_equal(f.vnet.csum_start, rows[r].h.csum_start);
			assert_int_equal(f.vnet.csum_offset, rows[r].h.csum_offset);
		}
		assert_int_equal(f.vnet.gso_type, rows[r].h.gso_type);
		assert_int_equal(f.vnet.gso_size, f.vnet.gso_type ? rows[r].h.gso_size : 0);
		assert_int_equal(f.vnet.hdr_len, rows[r].hdr_len);
	}
}

/* The header for a receiver: the offsets go with the tag, as far as they can. */
static void offsets(void **state)
{
	static const struct {
		uint16_t start, hdr_len;
		enum tag_op op;
		uint16_t start_then, hdr_len_then;
	} rows[] = {
		{ 34, 54, TAG_KEEP, 34, 54 },	    { 34, 54, TAG_INSERT, 38, 58 },	      { 38, 58, TAG_STRIP, 34, 54 },
		{ 17, 3, TAG_STRIP, 14, 0 },	    { 18, 4, TAG_STRIP, 14, 0 },	      { 19, 5, TAG_STRIP, 15, 1 },
		{ 0xFFFC, 0xFFFF, TAG_INSERT, 0xFFFF, 0xFFFF }, { 0xFFFB, 0xFFFA, TAG_INSERT, 0xFFFF, 0xFFFE },
	};
	struct frame f = { .offload = OFFLOAD_VALID, .vnet = { .flags = VIRTIO_NET_HDR_F_DATA_VALID, .csum_start = 50, .hdr_len = 50 } };
	struct virtio_net_hdr h;

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct frame g = { .offload = ALL, .vnet = { CSUM, 1, rows[r].hdr_len, 9, rows[r].start, 16 } };

		h = offload_header(&g, rows[r].op, ALL);
		assert_int_equal(h.csum_start, rows[r].start_then);
		assert_int_equal(h.hdr_len, rows[r].hdr_len_then);
		assert_int_equal(h.csum_offset, 16);
		assert_int_equal(h.gso_size, 9);
		assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	}
	/* nothing that is not said moves; and whether sums are valid is told to whom asked for it */
	h = offload_header(&f, TAG_INSERT, OFFLOAD_CSUM);
	assert_int_equal(h.csum_start, 50);
	assert_int_equal(h.hdr_len, 50);
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(offload_header(&f, TAG_INSERT, OFFLOAD_TSO4).flags, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(features), cmocka_unit_test(headers), cmocka_unit_test(offsets) };

	return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
