/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue by itself, both kinds, the driver's side written into plain memory by the test: what a ring may be, what is made of
 * each layout of buffers, which pages are said to be written, and what each side tells the other about kicks and interrupts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vring/virtqueue.h"

#define V1	(1ull << VIRTIO_F_VERSION_1)
#define PACKED	(1ull << VIRTIO_F_RING_PACKED)
#define EVENT	(1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define MRG	(1ull << VIRTIO_NET_F_MRG_RXBUF)
#define N	VRING_DESC_F_NEXT
#define W	VRING_DESC_F_WRITE
#define I	VRING_DESC_F_INDIRECT

/* The VM has two slots that touch, each a page: A, and behind it B, whose memory here lies before A's. */
#define GPA_A 0x10000ull
#define GPA_B 0x11000ull
#define TABLE 0x10800ull /* where indirect tables are put, of up to 128 entries before B */

static _Alignas(4096) uint8_t ram[2][4096];
static _Alignas(64) uint8_t area[3][16384]; /* descriptors, the driver's, ours */
static uint8_t dirty[64];
static struct guest_mem *mem;

static int setup(void **state)
{
	const struct guest_mem_slot s[] = { { .gpa = GPA_A, .size = 4096, .host = ram[1] }, { .gpa = GPA_B, .size = 4096, .host = ram[0] } };

	(void)state;
	memset(ram, 0, sizeof ram);
	memset(area, 0, sizeof area);
	memset(dirty, 0, sizeof dirty);
	mem = guest_mem_new(s, 2);
	return mem ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(mem);
	return 0;
}

static struct virtqueue_config config(uint64_t features, uint16_t size, uint16_t last_avail)
{
	return (struct virtqueue_config){ .desc = area[0], .avail = area[1], .used = area[2], .size = size, .last_avail = last_avail, .mem = mem,
					  .features = features, .kick_fd = -1, .call_fd = -1, .err_fd = -1 };
}

static struct virtqueue make(uint64_t features, uint16_t size)
{
	struct virtqueue_config c = config(features, size, features & PACKED ? PACKED_WRAP : 0);
	struct virtqueue vq;

	assert_int_equal(virtqueue_init(&vq, &c), 0);
	return vq;
}

/* ---- what a ring may be ---- */

static void rings(void **state)
{
	static const struct {
		uint64_t features;
		uint16_t size, last_avail;
		bool refused;
	} rows[] = {
		{ 0, 0, 0, true },	     { 0, 1, 0, false },	    { 0, 3, 0, true },
		{ 0, 256, 0xFFFF, false },   { 0, 32768, 5, false },	    { 0, 32769, 0, true },
		{ PACKED, 0, 0, true },	     { PACKED, 3, 2, false },	    { PACKED, 3, 3, true },
		{ PACKED, 3, 0x8002, false }, { PACKED, 3, 0x8003, true },  { PACKED, 32768, 0xFFFF, false },
		{ PACKED, 32769, 0, true },  { PACKED, 1, 0x8000, false },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct virtqueue_config c = config(rows[r].features, rows[r].size, rows[r].last_avail);
		struct virtqueue vq;

		((struct vring_used *)(void *)area[2])->idx = 77;
		assert_int_equal(virtqueue_init(&vq, &c), rows[r].refused ? -EINVAL : 0);
		if (rows[r].refused)
			continue;
		assert_int_equal(vq.last_avail, rows[r].last_avail);
		assert_int_equal(vq.avail_idx, rows[r].last_avail);
		/* a split ring's goes on from what the ring holds */
		assert_int_equal(vq.used_idx, vq.packed ? rows[r].last_avail : 77);
		assert_int_equal(vq.used_public, vq.used_idx);
		assert_int_equal(vq.call_idx, vq.used_idx);
	}
}

static void negotiated(void **state)
{
	static const struct {
		uint64_t features;
		uint8_t hdr_len;
		bool packed, event_idx, mergeable, indirect;
	} rows[] = {
		{ 0, 10, false, false, false, false },	    { V1, 12, false, false, false, false },
		{ MRG, 12, false, false, true, false },	    { V1 | MRG, 12, false, false, true, false },
		{ V1 | PACKED, 12, true, false, false, false }, { EVENT, 10, false, true, false, false },
		{ INDIRECT, 10, false, false, false, true },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct virtqueue vq = make(rows[r].features, 4);

		assert_int_equal(vq.hdr_len, rows[r].hdr_len);
		assert_int_equal(vq.packed, rows[r].packed);
		assert_int_equal(vq.event_idx, rows[r].event_idx);
		assert_int_equal(vq.mergeable, rows[r].mergeable);
		assert_int_equal(vq.indirect, rows[r].indirect);
	}
}

/* The first reason stays, and whoever waits for it is told once; nobody there is no matter. */
static void broken(void **state)
{
	static const char first[] = "first";
	struct virtqueue_config c = config(0, 4, 0);
	struct virtqueue vq;
	uint64_t n = 0;

	(void)state;
	c.err_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(c.err_fd >= 0);
	assert_int_equal(virtqueue_init(&vq, &c), 0);
	virtqueue_break(&vq, first);
	virtqueue_break(&vq, "second");
	assert_ptr_equal(vq.broken, first);
	assert_int_equal(read(c.err_fd, &n, sizeof n), sizeof n);
	assert_int_equal(n, 1);
	assert_int_equal(vq.err_fd, c.err_fd);
	(void)close(c.err_fd);
	assert_int_equal(virtqueue_init(&vq, &c), 0); /* its descriptor is none any more */
	virtqueue_break(&vq, first);
	assert_int_equal(vq.err_fd, -1);
	assert_ptr_equal(vq.broken, first);
}

/* ---- pages written ---- */

/* The pages marked, in order: "3 4"; and all clean again. */
static const char *marked(void)
{
	static char line[256];
	size_t len = 0;

	line[0] = '\0';
	for (unsigned page = 0; page < 8 * sizeof dirty; page++)
		if (dirty[page / 8] >> (page % 8) & 1)
			len += (size_t)snprintf(line + len, sizeof line - len, "%s%u", len ? " " : "", page);
	memset(dirty, 0, sizeof dirty);
	return line;
}

static void pages(void **state)
{
	static const struct {
		uint64_t gpa, len;
		const char *marks;
	} rows[] = {
		{ 0, 0, "" },		     { 0x5000, 0, "" },		   { 0, 1, "0" },
		{ 0x1FFF, 1, "1" },	     { 0x1FFF, 2, "1 2" },	   { 0x1000, 0x1000, "1" },
		{ 0x1000, 0x1001, "1 2" },   { 0x7FFF, 0x1002, "7 8 9" },  { 0x1F000, 0x1000, "31" },
		{ 0x1F000, 0x3000, "31" }, /* the log ends there */
		{ 0x20000, 1, "" },	     { UINT64_MAX - 1, 1, "" },
	};
	struct virtqueue_config c = config(0, 4, 0);
	struct virtqueue vq;

	(void)state;
	c.log = dirty;
	c.log_size = 4;
	assert_int_equal(virtqueue_init(&vq, &c), 0);
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		virtqueue_log(&vq, rows[r].gpa, rows[r].len);
		assert_string_equal(marked(), rows[r].marks);
	}
}

/* ---- layouts ---- */

#define BEYOND	  "a descriptor's next field points beyond its table"
#define LOOPS	  "a descriptor chain loops"
#define OUTSIDE	  "a descriptor points outside the VM's memory"
#define READ_ONLY "a read-only buffer on a receive ring"
#define WRITABLE  "a writable buffer on a transmit ring"
#define NEXT	  "an indirect descriptor with a next field"
#define INSIDE	  "an indirect descriptor inside an indirect table"
#define LENGTH	  "an indirect table whose length is no multiple of 16"
#define NOT_AVAILABLE "a descriptor chain runs into entries that are not available"
#define EMPTY	  "an empty descriptor chain"
#define NO_FEATURE "an indirect descriptor without the feature"
#define TABLE_OUTSIDE "an indirect table outside the VM's memory"

struct layout {
	struct vring_desc d[4]; /* of a ring of four, the first is the head; of a packed one as they lie, what has no length is not available */
	struct vring_desc t[3]; /* an indirect table */
	bool writable;
	int n;		    /* pieces, or -E2BIG */
	const char *broken; /* with n 0 */
	uint32_t total;
	uint16_t ndesc; /* packed */
};

#define MAX 3u /* pieces that there is room for */

static void check(const struct layout *l, struct virtqueue *vq, uint16_t pos)
{
	struct vq_seg seg[MAX] = { { NULL, 0 } };
	uint64_t gpa[MAX];
	struct vq_chain c = { .seg = seg, .gpa = gpa, .max = MAX };
	uint32_t total = 0;

	assert_int_equal(virtqueue_chain(vq, pos, l->writable, &c), l->n);
	if (l->broken) {
		assert_non_null(vq->broken);
		assert_string_equal(vq->broken, l->broken);
		return;
	}
	assert_null(vq->broken);
	for (int i = 0; i < l->n; i++) {
		uint8_t *at = gpa[i] < GPA_B ? ram[1] + (gpa[i] - GPA_A) : ram[0] + (gpa[i] - GPA_B);

		assert_ptr_equal(seg[i].ptr, at);
		total += seg[i].len;
	}
	if (l->n > 0) {
		assert_int_equal(total, l->total);
		assert_int_equal(c.total, l->total);
	}
}

static void split_layouts(void **state)
{
	static const struct layout rows[] = {
		{ { { GPA_A, 100, 0, 9 } }, .n = 1, .total = 100 },
		{ { { GPA_A, 100, W, 9 } }, .writable = true, .n = 1, .total = 100 },
		{ { { GPA_A, 100, W, 0 } }, .broken = WRITABLE },
		{ { { GPA_A, 100, 0, 0 } }, .writable = true, .broken = READ_ONLY },
		{ { { GPA_A, 10, N, 3 }, [3] = { GPA_B, 20, 0, 0 } }, .n = 2, .total = 30 },
		{ { { GPA_A, 10, N, 3 }, [3] = { GPA_B, 20, W, 0 } }, .broken = WRITABLE },
		{ { { GPA_A, 10, N, 4 } }, .broken = BEYOND },
		{ { { GPA_A, 0, N, 1 }, { GPA_A, 0, N, 2 }, { GPA_A, 0, N, 3 }, { GPA_A, 9, 0, 0 } }, .n = 1, .total = 9 },
		{ { { GPA_A, 0, N, 1 }, { GPA_A, 0, N, 2 }, { GPA_A, 0, N, 3 }, { GPA_A, 0, N, 0 } }, .broken = LOOPS },
		{ { { GPA_A, 0, N, 0 } }, .broken = LOOPS },
		{ { { GPA_A, 0, 0, 0 } }, .broken = EMPTY },
		{ { { GPA_B - 10, 30, 0, 0 } }, .n = 2, .total = 30 }, /* from one slot into the next */
		{ { { GPA_B + 4000, 96, 0, 0 } }, .n = 1, .total = 96 },
		{ { { GPA_B + 4000, 97, 0, 0 } }, .broken = OUTSIDE },
		{ { { GPA_A - 1, 2, 0, 0 } }, .broken = OUTSIDE },
		{ { { GPA_A, 1, N, 1 }, { GPA_A, 1, N, 2 }, { GPA_A, 1, 0, 0 } }, .n = 3, .total = 3 },
		{ { { GPA_A, 1, N, 1 }, { GPA_A, 1, N, 2 }, { GPA_A, 1, N, 3 }, { GPA_A, 1, 0, 0 } }, .n = -E2BIG },
		{ { { GPA_A, 5, N, 1 }, { GPA_A, UINT32_MAX - 4, 0, 0 } }, .n = -E2BIG },
		/* indirect */
		{ { { TABLE, 32, I, 0 } }, { { GPA_A, 10, N, 1 }, { GPA_B, 20, 0, 0 } }, .n = 2, .total = 30 },
		{ { { GPA_A, 5, N, 1 }, { TABLE, 16, I, 0 } }, { { GPA_A, 10, 0, 7 } }, .n = 2, .total = 15 },
		{ { { TABLE, 32, I | W, 0 } }, { { GPA_A, 10, N, 1 }, { GPA_B, 20, 0, 0 } }, .n = 2, .total = 30 }, /* the table's own flag says nothing */
		{ { { TABLE, 16, I | N, 1 } }, { { GPA_A, 10, 0, 0 } }, .broken = NEXT },
		{ { { TABLE, 48, I, 0 } }, { { GPA_A, 10, N, 2 }, { GPA_A, 1, I, 0 }, { GPA_B, 20, 0, 0 } }, .n = 2, .total = 30 },
		{ { { TABLE, 48, I, 0 } }, { { GPA_A, 10, N, 1 }, { TABLE, 16, I, 0 } }, .broken = INSIDE },
		{ { { TABLE, 32, I, 0 } }, { { GPA_A, 10, N, 2 } }, .broken = BEYOND },
		{ { { TABLE, 32, I, 0 } }, { { GPA_A, 0, N, 1 }, { GPA_A, 0, N, 0 } }, .broken = LOOPS },
		{ { { TABLE, 16, I, 0 } }, { { GPA_A, 10, W, 0 } }, .broken = WRITABLE },
		{ { { TABLE, 16, I, 0 } }, { { GPA_A, 0, 0, 0 } }, .broken = EMPTY },
		{ { { TABLE, 0, I, 0 } }, .broken = LENGTH },
		{ { { TABLE, 24, I, 0 } }, .broken = LENGTH },
		{ { { TABLE, 16 * (VQ_MAX_SEGS + 1), I, 0 } }, .n = -E2BIG },
		{ { { GPA_B + 4080, 32, I, 0 } }, .broken = TABLE_OUTSIDE },
		{ { { GPA_A - 16, 32, I, 0 } }, .broken = TABLE_OUTSIDE },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct virtqueue vq = make(INDIRECT, 4);

		memcpy(area[0], rows[r].d, sizeof rows[r].d);
		memcpy(ram[1] + (TABLE - GPA_A), rows[r].t, sizeof rows[r].t);
		vq.avail->ring[2] = 0;
		check(&rows[r], &vq, 6);
	}
}

/* A head that is none, and positions; without the feature no table. */
static void split_heads_of_chains(void **state)
{
	const struct layout l = { { { TABLE, 16, I, 0 } }, .broken = NO_FEATURE };
	struct virtqueue vq = make(0, 4);
	struct vq_seg seg[MAX];
	struct vq_chain c = { .seg = seg, .max = MAX };

	(void)state;
	memcpy(area[0], l.d, sizeof l.d);
	check(&l, &vq, 0);
	vq = make(0, 4);
	vq.desc[3] = (struct vring_desc){ GPA_A, 1, 0, 0 };
	vq.avail->ring[3] = 3;
	assert_int_equal(virtqueue_chain(&vq, 0xFFFF, false, &c), 1);
	assert_int_equal(c.id, 3);
	assert_int_equal(c.ndesc, 1);
	assert_int_equal(c.next, 0);
	vq.avail->ring[0] = 4;
	assert_int_equal(virtqueue_chain(&vq, 0, false, &c), 0);
	assert_string_equal(vq.broken, "an available entry names a descriptor beyond the ring");
}

/* A table as long as there may be, which lies in both slots. */
static void a_long_table(void **state)
{
	struct vring_desc t[VQ_MAX_SEGS];
	struct vq_seg seg[VQ_MAX_SEGS];
	struct vq_chain c = { .seg = seg, .max = VQ_MAX_SEGS };
	struct virtqueue vq = make(INDIRECT, 4);

	(void)state;
	for (unsigned i = 0; i < VQ_MAX_SEGS; i++)
		t[i] = (struct vring_desc){ GPA_A + i, 1, i + 1 < VQ_MAX_SEGS ? N : 0, (uint16_t)(i + 1) };
	memcpy(ram[1] + 2048, t, 2048);
	memcpy(ram[0], t + 128, 2048);
	vq.desc[0] = (struct vring_desc){ TABLE, sizeof t, I, 0 };
	assert_int_equal(virtqueue_chain(&vq, 0, false, &c), VQ_MAX_SEGS);
	assert_int_equal(c.total, VQ_MAX_SEGS);
	for (unsigned i = 0; i < VQ_MAX_SEGS; i++)
		assert_ptr_equal(seg[i].ptr, ram[1] + i);
}

static void packed_layouts(void **state)
{
	static const struct layout rows[] = {
		{ { { GPA_A, 100, 0, 7 } }, .n = 1, .total = 100, .ndesc = 1 },
		{ { { GPA_A, 100, W, 7 } }, .writable = true, .n = 1, .total = 100, .ndesc = 1 },
		{ { { GPA_A, 100, W, 7 } }, .broken = WRITABLE },
		{ { { GPA_A, 100, 0, 7 } }, .writable = true, .broken = READ_ONLY },
		{ { { GPA_A, 10, N, 0 }, { GPA_B, 20, N, 0 }, { GPA_B, 1, 0, 7 } }, .n = 3, .total = 31, .ndesc = 3 },
		{ { { GPA_A, 1, N, 0 }, { GPA_A, 1, N, 0 }, { GPA_A, 1, N, 0 }, { GPA_A, 1, 0, 7 } }, .n = -E2BIG, .ndesc = 4 },
		{ { { GPA_A, 1, N, 0 }, { GPA_A, 1, N, 0 }, { GPA_A, 1, N, 0 }, { GPA_A, 1, N, 7 } }, .broken = NOT_AVAILABLE },
		{ { { GPA_A, 1, N, 0 } }, .broken = NOT_AVAILABLE },
		{ { { GPA_A, 5, N, 0 }, { GPA_A, UINT32_MAX - 4, N, 0 }, { GPA_A, 1, 0, 7 } }, .n = -E2BIG, .ndesc = 3 },
		{ { { GPA_B + 4000, 97, 0, 7 } }, .broken = OUTSIDE },
		{ { { TABLE, 32, I, 7 } }, { { GPA_A, 10, 0, 0 }, { GPA_B, 20, 0, 0 } }, .n = 2, .total = 30, .ndesc = 1 }, /* in order, without NEXT */
		{ { { TABLE, 32, I, 7 } }, { { GPA_A, 10, N, 0 }, { GPA_B, 20, N, 0 } }, .n = 2, .total = 30, .ndesc = 1 }, /* NEXT means nothing */
		{ { { TABLE, 16, I, 7 } }, { { GPA_A, 10, W, 0 } }, .writable = true, .n = 1, .total = 10, .ndesc = 1 },
		{ { { TABLE, 32, I, 7 } }, { { GPA_A, 10, 0, 0 }, { TABLE, 16, I, 0 } }, .broken = INSIDE },
		{ { { TABLE, 16, I | N, 7 }, { GPA_A, 1, 0, 7 } }, { { GPA_A, 10, 0, 0 } }, .broken = NEXT },
		{ { { GPA_A, 1, N, 7 }, { TABLE, 16, I, 7 } }, { { GPA_A, 10, 0, 0 } }, .broken = NEXT },
		{ { { TABLE, 16 * (VQ_MAX_SEGS + 1), I, 7 } }, .n = -E2BIG, .ndesc = 1 },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct virtqueue vq = make(V1 | PACKED | INDIRECT, 4);
		struct vq_seg seg[MAX];
		struct vq_chain c = { .seg = seg, .max = MAX };

		/* from entry 2 of the lap before: the chain goes round the ring's end */
		for (unsigned i = 0; i < 4; i++) {
			const unsigned at = (2 + i) % 4;
			const struct vring_desc *d = &rows[r].d[i];
			uint16_t lap = d->len == 0 ? 0 : i < 2 ? PACKED_USED : PACKED_AVAIL;

			if (d->len == 0 && i < 2) /* as it is when it is ours */
				lap = PACKED_AVAIL;
			vq.packed_desc[at] = (struct vring_packed_desc){ d->addr, d->len, d->next, (uint16_t)(d->flags | lap) };
		}
		for (unsigned i = 0; i < 3; i++) {
			const struct vring_desc *t = &rows[r].t[i];
			struct vring_packed_desc d = { t->addr, t->len, t->next, t->flags };

			memcpy(ram[1] + (TABLE - GPA_A) + i * sizeof d, &d, sizeof d);
		}
		check(&rows[r], &vq, 2);
		if (rows[r].broken)
			continue;
		(void)virtqueue_chain(&vq, 2, rows[r].writable, &c);
		assert_int_equal(c.ndesc, rows[r].ndesc);
		assert_int_equal(c.id, 7);
		assert_int_equal(c.next, rows[r].ndesc < 2 ? 2u + rows[r].ndesc : (rows[r].ndesc - 2u) | PACKED_WRAP);
	}
}

/* ---- bursts of the transmit ring ---- */

/* What each buffer alone is in a burst: its length within bounds, plain, of one piece; else it is left to the slow way. */
static void fetched(void **state)
{
	static const struct {
		uint64_t gpa;
		uint32_t len;
		uint16_t flags;
		bool ptr, outside;
	} rows[] = {
		{ GPA_A, 10, 0, true, false },	    { GPA_A, 9, 0, false, false },	    { GPA_A, 20, 0, true, false },
		{ GPA_A, 21, 0, false, false },	    { GPA_A, UINT32_MAX, 0, false, false }, { GPA_A, 0, 0, false, false },
		{ GPA_A, 15, N, false, false },	    { GPA_A, 15, W, false, false },	    { GPA_A, 15, I, false, false },
		{ GPA_B - 10, 10, 0, true, false }, { GPA_B - 10, 11, 0, false, false },    { GPA_B + 4080, 16, 0, true, false },
		{ GPA_B + 4080, 17, 0, false, false }, { GPA_B + 4096, 10, 0, false, true }, { GPA_A - 1, 10, 0, false, true },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		for (unsigned packed = 0; packed < 2; packed++) {
			struct virtqueue vq = make(packed ? V1 | PACKED : 0, 4);
			const uint16_t two[2] = { 3, 1 };
			struct vq_buf b[4];
			unsigned n;

			memset(area, 0, sizeof area);
			/* one before it, and one behind */
			for (unsigned i = 0; i < 3; i++) {
				const uint64_t gpa = i == 1 ? rows[r].gpa : GPA_A + 100;
				const uint32_t len = i == 1 ? rows[r].len : 12;
				const uint16_t flags = i == 1 ? rows[r].flags : 0, id = i == 2 ? 2 : two[i];

				if (packed) {
					vq.packed_desc[i] = (struct vring_packed_desc){ gpa, len, id, (uint16_t)(flags | PACKED_AVAIL) };
				} else {
					vq.desc[id] = (struct vring_desc){ gpa, len, flags, 0 };
					vq.avail->ring[i] = id;
					vq.avail->idx = 3;
				}
			}
			n = virtqueue_fetch(&vq, b, 4, 10, 20);
			if (rows[r].outside) {
				assert_int_equal(n, 0);
				assert_string_equal(vq.broken, OUTSIDE);
				continue;
			}
			assert_null(vq.broken);
			/* of a packed ring it is the last then: how many entries it has is not known */
			assert_int_equal(n, rows[r].ptr || !packed ? 3 : 2);
			assert_ptr_equal(b[0].ptr, ram[1] + 100);
			assert_int_equal(b[0].id, 3);
			assert_int_equal(b[1].id, 1);
			assert_int_equal(b[1].len, rows[r].len);
			assert_int_equal(b[1].gpa, rows[r].gpa);
			assert_ptr_equal(b[1].ptr, !rows[r].ptr ? NULL : rows[r].gpa < GPA_B ? ram[1] + (rows[r].gpa - GPA_A) : ram[0] + (rows[r].gpa - GPA_B));
			if (n == 3)
				assert_ptr_equal(b[2].ptr, ram[1] + 100);
			assert_int_equal(virtqueue_fetch(&vq, b, 1, 10, 20), 1);
		}
	}
}

/* Never more than asked for, whatever there is and wherever the ring ends; and of a split ring no head that is none. */
static void no_more_than_asked(void **state)
{
	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		for (uint16_t from = 0; from < 4; from++) {
			for (unsigned n = 0; n <= 4; n++) {
				struct virtqueue_config c = config(packed ? V1 | PACKED : 0, 4, packed ? PACKED_WRAP | from : from);
				struct vq_buf b[6];
				struct virtqueue vq;

				memset(area, 0, sizeof area);
				memset(b, 0xEE, sizeof b);
				assert_int_equal(virtqueue_init(&vq, &c), 0);
				for (unsigned i = 0; i < 4; i++) {
					const unsigned at = (from + i) % 4;

					if (packed)
						vq.packed_desc[at] = (struct vring_packed_desc){ GPA_A + i, 10, (uint16_t)i,
												 from + i < 4 ? PACKED_AVAIL : PACKED_USED };
					else
						vq.desc[at] = (struct vring_desc){ GPA_A + i, 10, 0, 0 };
					if (!packed)
						vq.avail->ring[at] = (uint16_t)at;
				}
				if (!packed)
					vq.avail->idx = (uint16_t)(from + 4);
				assert_int_equal(virtqueue_fetch(&vq, b, n, 10, 10), n);
				for (unsigned i = 0; i < n; i++) {
					assert_ptr_equal(b[i].ptr, ram[1] + i);
					assert_int_equal(b[i].id, packed ? i : (from + i) % 4);
				}
				assert_int_equal(b[n].id, 0xEEEE);
				assert_int_equal(vq.last_avail, c.last_avail); /* they are not taken yet */
				if (packed || n == 0)
					continue;
				vq.avail->ring[(from + n - 1) % 4] = 4;
				assert_int_equal(virtqueue_fetch(&vq, b, n, 10, 10), 0);
				assert_string_equal(vq.broken, "an available entry names a descriptor beyond the ring");
			}
		}
	}
}

/* Rows of receive buffers, also over the ring's end: each where it lies, up to the first that is not one writable piece long enough. */
static void rows_of_buffers(void **state)
{
	static const struct {
		uint64_t gpa;
		uint32_t len;
		uint16_t flags;
	} bad[] = { { GPA_A, 63, W }, { GPA_A, 64, 0 }, { GPA_A, 64, W | N }, { GPA_A, 64, W | I }, { GPA_B - 63, 64, W }, { GPA_B + 4096, 64, W } };

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		for (unsigned at = 0; at <= 4; at++) { /* 4: none is bad */
			for (unsigned k = 0; k < 6; k++) {
				const uint16_t from = 2;
				struct virtqueue_config c = config(packed ? V1 | PACKED : 0, 4, packed ? PACKED_WRAP | from : from);
				struct virtqueue vq;
				struct vq_buf b[4];

				memset(area, 0, sizeof area);
				assert_int_equal(virtqueue_init(&vq, &c), 0);
				for (unsigned i = 0; i < 4; i++) {
					const unsigned pos = (from + i) % 4;
					const uint64_t gpa = i == at ? bad[k].gpa : GPA_A + 64 * i;
					const uint32_t len = i == at ? bad[k].len : 64;
					const uint16_t flags = i == at ? bad[k].flags : W;

					if (packed)
						vq.packed_desc[pos] = (struct vring_packed_desc){
							gpa, len, (uint16_t)(40 + i), (uint16_t)(flags | (i < 2 ? PACKED_AVAIL : PACKED_USED))
						};
					else
						vq.desc[pos] = (struct vring_desc){ gpa, len, flags, 0 };
					if (!packed)
						vq.avail->ring[pos] = (uint16_t)pos;
					b[i].len = 64;
				}
				if (!packed)
					vq.avail->idx = from + 4;
				assert_int_equal(virtqueue_take(&vq, b, 4), 4);
				assert_int_equal(vq.last_avail, virtqueue_step(&vq, c.last_avail, 4));
				assert_int_equal(virtqueue_slots(&vq, c.last_avail, b, 4), at);
				for (unsigned i = 0; i < at; i++) {
					assert_ptr_equal(b[i].ptr, ram[1] + 64 * i);
					assert_int_equal(b[i].id, packed ? 40 + i : (from + i) % 4);
					assert_int_equal(b[i].gpa, GPA_A + 64 * i);
				}
				assert_null(vq.broken); /* the slow way says what is wrong */
			}
		}
	}
}

/* Whether the driver moved since: by what it posts, and by the interrupt it asks for if that was negotiated. */
static void progress(void **state)
{
	struct virtqueue with = make(EVENT, 4), without = make(0, 4);
	uint32_t before = split_progress(&with);

	(void)state;
	assert_int_equal(split_progress(&with), before);
	with.avail->ring[4] = 1;
	assert_int_not_equal(split_progress(&with), before);
	before = split_progress(&without);
	without.avail->ring[4] = 2;
	assert_int_equal(split_progress(&without), before);
	without.avail->idx = 1;
	assert_int_not_equal(split_progress(&without), before);
}

/* The available index may go on by the ring's size, and never back. */
static void available(void **state)
{
	static const struct {
		uint16_t seen, idx, n;
		bool broken;
	} rows[] = {
		{ 0, 0, 0, false }, { 0, 1, 1, false }, { 0, 4, 4, false }, { 0, 5, 0, true }, { 0, 0xFFFF, 0, true }, { 2, 1, 0, true }, { 2, 4, 4, false },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct virtqueue vq = make(0, 4);
		struct vq_buf b[4];

		for (unsigned i = 0; i < 4; i++) {
			vq.avail->ring[i] = (uint16_t)i;
			vq.desc[i] = (struct vring_desc){ GPA_A, 100, W, 0 };
		}
		vq.avail->idx = rows[r].seen;
		assert_int_equal(virtqueue_ready(&vq, 0), rows[r].seen > 0);
		vq.avail->idx = rows[r].idx;
		assert_int_equal(virtqueue_take(&vq, b, 4), rows[r].n);
		assert_int_equal(vq.broken != NULL, rows[r].broken);
		assert_int_equal(vq.last_avail, rows[r].n);
	}
}

/* ---- given back, and what is said of it ---- */

/* Entries over the ring's end: their place, and the pages that were written. */
static void given_back(void **state)
{
	static const struct vq_buf b[3] = { { .id = 2, .len = 20 }, { .id = 0, .len = 30 }, { .id = 1, .len = 40 } };
	static const uint16_t id[3] = { 2, 0, 1 }, one[3] = { 1, 1, 1 };

	(void)state;
	for (unsigned way = 0; way < 6; way++) {
		const bool packed = way >= 3;
		struct virtqueue_config c = config(packed ? V1 | PACKED : 0, 512, packed ? 511 : 0);
		struct virtqueue vq;

		c.log = dirty;
		c.log_size = sizeof dirty;
		c.used_gpa = 0x3F00; /* entry 511 of either ring is pages further on */
		memset(area, 0, sizeof area);
		((struct vring_used *)(void *)area[2])->idx = packed ? 0 : 511;
		assert_int_equal(virtqueue_init(&vq, &c), 0);
		if (way % 3 == 0)
			virtqueue_used_row(&vq, b, 3);
		for (unsigned i = 0; i < 3 && way % 3 == 1; i++)
			virtqueue_used(&vq, b[i].id, b[i].len, 1);
		if (way % 3 == 2)
			virtqueue_done_row(&vq, id, one, 3);
		virtqueue_publish(&vq);
		for (unsigned i = 0; i < 3; i++) {
			const unsigned at = (511 + i) % 512;
			const uint32_t len = way % 3 == 2 ? 0 : b[i].len;

			if (packed) {
				assert_int_equal(vq.packed_desc[at].id, id[i]);
				assert_int_equal(vq.packed_desc[at].len, len);
				assert_int_equal(vq.packed_desc[at].flags, (i ? PACKED_AVAIL | PACKED_USED : 0) | (len ? W : 0));
			} else {
				assert_int_equal(vq.used->ring[at].id, id[i]);
				assert_int_equal(vq.used->ring[at].len, len);
			}
		}
		if (packed) {
			assert_int_equal(vq.used_idx, 2 | PACKED_WRAP);
			assert_int_equal(vq.since_call, 3);
			assert_string_equal(marked(), "3 5"); /* 0x3F00 + 511 * 16 = 0x5EF0; 0x3F00 … 0x3F20 */
		} else {
			assert_int_equal(vq.used->idx, 514);
			assert_string_equal(marked(), "3 4"); /* 0x3F04 + 511 * 8 = 0x4EFC; 0x3F00 … 0x3F14 */
		}
		virtqueue_publish(&vq); /* nothing new */
		assert_string_equal(marked(), "");
	}
}

/* Of a packed ring's buffers of several entries one is written each, where the buffer begins; behind it goes on. */
static void chains_given_back(void **state)
{
	static const uint16_t id[3] = { 7, 8, 9 }, ndesc[3] = { 2, 1, 3 };

	(void)state;
	for (unsigned row = 0; row < 2; row++) {
		struct virtqueue_config c = config(V1 | PACKED, 8, 7);
		struct virtqueue vq;

		memset(area, 0, sizeof area);
		assert_int_equal(virtqueue_init(&vq, &c), 0);
		if (row)
			virtqueue_done_row(&vq, id, ndesc, 3);
		for (unsigned i = 0; i < 3 && !row; i++)
			virtqueue_done(&vq, id[i], ndesc[i]);
		virtqueue_publish(&vq);
		assert_int_equal(vq.used_idx, 5 | PACKED_WRAP);
		assert_int_equal(vq.since_call, 6);
		assert_int_equal(vq.packed_desc[7].id, 7);
		assert_int_equal(vq.packed_desc[7].flags, 0);
		for (unsigned i = 1; i < 3; i++) {
			assert_int_equal(vq.packed_desc[i].id, id[i]);
			assert_int_equal(vq.packed_desc[i].flags, PACKED_AVAIL | PACKED_USED);
		}
		for (unsigned at = 0; at < 7; at++)
			if (at != 1 && at != 2)
				assert_int_equal(vq.packed_desc[at].flags, 0);
		virtqueue_done_row(&vq, id, ndesc, 0); /* none */
		assert_int_equal(vq.used_idx, 5 | PACKED_WRAP);
	}
}

/* What a driver is told about kicks, and in which words; and when there is something already. */
static void kicks(void **state)
{
	static const uint64_t features[] = { 0, EVENT, V1 | PACKED, V1 | PACKED | EVENT };

	(void)state;
	for (unsigned f = 0; f < 4; f++) {
		const bool packed = f >= 2, event = f % 2;
		struct virtqueue_config c = config(features[f], 4, packed ? PACKED_WRAP | 3 : 3);
		struct virtqueue vq;

		memset(area, 0, sizeof area);
		c.log = dirty;
		c.log_size = sizeof dirty;
		c.used_gpa = 0x5FDC; /* the used ring's last two bytes lie in the next page */
		c.event_gpa = 0x9000;
		assert_int_equal(virtqueue_init(&vq, &c), 0);
		virtqueue_kicks_off(&vq);
		if (packed) {
			assert_int_equal(vq.device_event->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
			assert_string_equal(marked(), "9");
		} else {
			assert_int_equal(vq.used->flags, event ? 0 : VRING_USED_F_NO_NOTIFY);
			assert_string_equal(marked(), event ? "" : "5");
		}
		if (!packed)
			vq.avail->idx = 3;
		assert_true(virtqueue_kicks_on(&vq));
		assert_string_equal(marked(), packed ? "9" : "5 6");
		if (packed) {
			assert_int_equal(vq.device_event->flags, event ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE);
			assert_int_equal(vq.device_event->off_wrap, event ? PACKED_WRAP | 3 : 0);
			vq.packed_desc[3].flags = PACKED_AVAIL;
		} else {
			uint16_t at;

			memcpy(&at, &vq.used->ring[4], sizeof at);
			assert_int_equal(at, event ? 3 : 0);
			assert_int_equal(vq.used->flags, 0);
			vq.avail->idx = 4;
		}
		assert_false(virtqueue_kicks_on(&vq));
		if (packed)
			assert_int_equal(vq.device_event->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
		else
			assert_int_equal(vq.used->flags, event ? 0 : VRING_USED_F_NO_NOTIFY);
		assert_null(vq.broken);
		(void)marked();
	}
}

/* Does the driver want an interrupt for what was published? Of a ring of eight, n entries from a place on. */
static void interrupts(void **state)
{
	static const struct {
		uint64_t features;
		uint16_t from, n, flags, event; /* event: what it asked for */
		bool wants;
	} rows[] = {
		{ 0, 0, 1, 0, 0, true },
		{ 0, 0, 1, VRING_AVAIL_F_NO_INTERRUPT, 0, false },
		{ EVENT, 5, 1, VRING_AVAIL_F_NO_INTERRUPT, 5, true }, /* the flag means nothing then */
		{ EVENT, 5, 1, 0, 6, false },
		{ EVENT, 5, 1, 0, 4, false },
		{ EVENT, 5, 3, 0, 7, true },
		{ EVENT, 0xFFFE, 3, 0, 0, true },
		{ EVENT, 0xFFFE, 3, 0, 1, false },
		{ PACKED, 0x8000, 1, VRING_PACKED_EVENT_FLAG_ENABLE, 0, true },
		{ PACKED, 0x8000, 1, VRING_PACKED_EVENT_FLAG_DISABLE, 0, false },
		{ PACKED, 0x8000, 1, VRING_PACKED_EVENT_FLAG_DESC, 0x8003, true }, /* not negotiated */
		{ PACKED | EVENT, 0x8000, 1, VRING_PACKED_EVENT_FLAG_ENABLE, 0x8003, true },
		{ PACKED | EVENT, 0x8000, 1, VRING_PACKED_EVENT_FLAG_DISABLE, 0x8000, false },
		{ PACKED | EVENT, 0x8002, 2, VRING_PACKED_EVENT_FLAG_DESC, 0x8001, false },
		{ PACKED | EVENT, 0x8002, 2, VRING_PACKED_EVENT_FLAG_DESC, 0x8002, true },
		{ PACKED | EVENT, 0x8002, 2, VRING_PACKED_EVENT_FLAG_DESC, 0x8003, true },
		{ PACKED | EVENT, 0x8002, 2, VRING_PACKED_EVENT_FLAG_DESC, 0x8004, false },
		{ PACKED | EVENT, 0x8006, 4, VRING_PACKED_EVENT_FLAG_DESC, 0x8005, false }, /* over the end: to place 1 of the next lap */
		{ PACKED | EVENT, 0x8006, 4, VRING_PACKED_EVENT_FLAG_DESC, 0x8006, true },
		{ PACKED | EVENT, 0x8006, 4, VRING_PACKED_EVENT_FLAG_DESC, 0x8007, true },
		{ PACKED | EVENT, 0x8006, 4, VRING_PACKED_EVENT_FLAG_DESC, 0x0000, true },
		{ PACKED | EVENT, 0x8006, 4, VRING_PACKED_EVENT_FLAG_DESC, 0x0001, true },
		{ PACKED | EVENT, 0x8006, 4, VRING_PACKED_EVENT_FLAG_DESC, 0x0002, false },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		const bool packed = rows[r].features & PACKED;
		struct virtqueue_config c = config(rows[r].features, 8, rows[r].from);
		struct virtqueue vq;

		memset(area, 0, sizeof area);
		((struct vring_used *)(void *)area[2])->idx = rows[r].from;
		assert_int_equal(virtqueue_init(&vq, &c), 0);
		if (packed) {
			*vq.driver_event = (struct vring_packed_desc_event){ .off_wrap = rows[r].event, .flags = rows[r].flags };
		} else {
			vq.avail->flags = rows[r].flags;
			vq.avail->ring[8] = rows[r].event;
		}
		assert_false(virtqueue_wants_call(&vq)); /* nothing was published */
		for (uint16_t i = 0; i < rows[r].n; i++)
			virtqueue_used(&vq, i, 1, 1);
		virtqueue_publish(&vq);
		assert_int_equal(virtqueue_wants_call(&vq), rows[r].wants);
		assert_false(virtqueue_wants_call(&vq)); /* decided */
	}
}

/* Done in any order, given back in the order in which they were taken; more than the ring has are not taken. */
static void in_order(void **state)
{
	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		struct virtqueue vq = make(packed ? V1 | PACKED : 0, 4);
		const uint16_t id0 = packed ? 65533 : 0; /* a packed ring's may be any */

		assert_int_equal(virtqueue_keep_order(&vq), 0);
		for (unsigned lap = 0; lap < 3; lap++) { /* 3 of 4 each: the list goes round, too */
			const uint16_t before = vq.used_idx;

			for (uint16_t id = 0; id < 3; id++)
				virtqueue_taken(&vq, (uint16_t)(id0 + id), 1);
			virtqueue_done(&vq, id0 + 2, 1);
			virtqueue_done(&vq, id0 + 1, 1);
			assert_int_equal(vq.used_idx, before);
			virtqueue_done(&vq, id0, 1);
			assert_int_equal(vq.used_idx, virtqueue_step(&vq, before, 3));
			virtqueue_publish(&vq);
			for (uint16_t id = 0; id < 3; id++) {
				const unsigned at = (virtqueue_step(&vq, before, id) & 0x7FFFu) % 4;

				assert_int_equal(packed ? vq.packed_desc[at].id : vq.used->ring[at].id, id0 + id);
			}
		}
		for (uint16_t id = 0; id < 4; id++)
			virtqueue_taken(&vq, id, 1);
		assert_null(vq.broken);
		virtqueue_taken(&vq, 4, 1);
		assert_string_equal(vq.broken, "more buffers are offered than the ring has entries");
		virtqueue_fini(&vq);
		assert_null(vq.order);
		virtqueue_fini(&vq);
	}
}

/* ---- what a process that was killed left ---- */

static struct vq_inflight region;

/* A region that is about a ring of four: what it says of positions and of buffers in hand. */
static void leave(uint16_t used, uint16_t next, uint16_t nbatch)
{
	memset(&region, 0, sizeof region);
	region.magic = VQ_INFLIGHT_MAGIC;
	region.format = VQ_INFLIGHT_FORMAT;
	region.size = 4;
	region.word = used | (uint64_t)next << 16 | (uint64_t)nbatch << 32;
}

static uint64_t settled(const struct virtqueue *vq)
{
	return vq->used_idx | (uint64_t)vq->used_idx << 16;
}

/* A region that says nothing about this ring: it begins anew, and nothing is in hand. */
static void another_region(void **state)
{
	enum { MAGIC, FORMAT, SIZE_OF_RING, BATCH, ELSEWHERE, PACKED_USED_IDX, PACKED_NEXT, CASES };

	(void)state;
	for (unsigned one = 0; one < CASES; one++) {
		const bool packed = one >= PACKED_USED_IDX;
		struct virtqueue vq;

		memset(area, 0, sizeof area);
		((struct vring_used *)(void *)area[2])->idx = packed ? 0 : 9;
		vq = make(packed ? V1 | PACKED : 0, 4);
		if (packed)
			leave(one == PACKED_USED_IDX ? 4 : 0, one == PACKED_NEXT ? 4 : 0, 0);
		else
			leave(one == ELSEWHERE ? 10 : 9, one == ELSEWHERE ? 11 : 9, one == BATCH ? 5 : 0);
		if (one == MAGIC)
			region.magic++;
		if (one == FORMAT)
			region.format++;
		if (one == SIZE_OF_RING)
			region.size = 8;
		region.taken[2] = 1;
		assert_int_equal(virtqueue_keep_inflight(&vq, &region, false), 0);
		assert_null(vq.broken);
		assert_int_equal(region.magic, VQ_INFLIGHT_MAGIC);
		assert_int_equal(region.format, VQ_INFLIGHT_FORMAT);
		assert_int_equal(region.size, 4);
		assert_int_equal(region.word, settled(&vq));
		assert_int_equal(region.taken[2], 0);
		assert_int_equal(vq.used_idx, packed ? PACKED_WRAP : 9);
		assert_true(vq.tracked);
		virtqueue_settle(&vq);
		assert_int_equal(region.size, 0);
	}
}

/* What was in hand goes back; what was published already does not. */
static void left_behind(void **state)
{
	static const struct {
		uint16_t used, next, nbatch, ring; /* the region's positions and the ring's */
		uint16_t taken, batch;		   /* bits of ids; those of the batch are also taken */
		uint16_t used_idx, last_avail;	   /* then */
		const char *back;		   /* ids that are given back by it */
	} rows[] = {
		{ 9, 9, 0, 9, 0, 0, 9, 9, "" },
		{ 9, 9, 0, 9, 0x6, 0, 11, 11, "1 2" },
		{ 9, 9, 0, 9, 0xF, 0, 13, 13, "0 1 2 3" },
		{ 9, 11, 2, 9, 0x7, 0x3, 12, 12, "0 1 2" }, /* killed before the publication */
		{ 9, 11, 2, 11, 0x7, 0x3, 12, 12, "2" },    /* and behind it */
		{ 9, 13, 4, 13, 0xF, 0xF, 13, 13, "" },
		{ 0xFFFF, 1, 2, 1, 0xB, 0x3, 2, 2, "3" },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct virtqueue vq;
		char back[32] = "";
		size_t len = 0;
		unsigned n = 0;

		memset(area, 0, sizeof area);
		((struct vring_used *)(void *)area[2])->idx = rows[r].ring;
		vq = make(0, 4);
		leave(rows[r].used, rows[r].next, rows[r].nbatch);
		for (uint16_t id = 0, at = 0; id < 4; id++) {
			region.taken[id] = rows[r].taken >> id & 1 ? 2 : 0; /* a chain of two is one entry of a split ring */
			if (rows[r].batch >> id & 1)
				region.batch[at++] = id;
		}
		n = virtqueue_keep_inflight(&vq, &region, false);
		assert_null(vq.broken);
		for (uint16_t at = rows[r].ring; at != vq.used->idx; at++, n--) {
			assert_int_equal(vq.used->ring[at & 3].len, 0);
			len += (size_t)snprintf(back + len, sizeof back - len, "%s%u", len ? " " : "", vq.used->ring[at & 3].id);
		}
		assert_string_equal(back, rows[r].back);
		assert_int_equal(n, 0);
		assert_int_equal(vq.used_idx, rows[r].used_idx);
		assert_int_equal(vq.used_public, rows[r].used_idx);
		assert_int_equal(vq.last_avail, rows[r].last_avail);
		assert_int_equal(vq.avail_idx, rows[r].last_avail);
		assert_int_equal(region.word, settled(&vq));
		assert_int_equal(vq.nbatch, 0);
		for (unsigned id = 0; id < 4; id++)
			assert_int_equal(region.taken[id], 0);
	}
}

/* The same with the order kept: as the ring has them; a ring that has not got them is broken. */
static void left_behind_in_order(void **state)
{
	struct virtqueue vq = make(0, 4);

	(void)state;
	for (unsigned gone = 0; gone < 3; gone++) {
		memset(area, 0, sizeof area);
		vq = make(0, 4);
		vq.used->idx = vq.used_idx = vq.used_public = 3;
		vq.avail->ring[3] = 2;
		vq.avail->ring[0] = gone == 1 ? 3 : gone == 2 ? 4 : 1;
		leave(3, 3, 0);
		region.taken[1] = region.taken[2] = region.taken[4] = 1;
		assert_int_equal(virtqueue_keep_order(&vq), 0);
		(void)virtqueue_keep_inflight(&vq, &region, false);
		if (gone) {
			assert_string_equal(vq.broken, "the ring does not hold the buffers that were in hand at a restart");
		} else {
			assert_null(vq.broken);
			assert_int_equal(vq.used->ring[3].id, 2);
			assert_int_equal(vq.used->ring[0].id, 1);
			assert_int_equal(vq.used->idx, 5);
		}
		virtqueue_fini(&vq);
	}
}

/* A packed ring's buffers have several entries; more than there are is a region that lies. */
static void packed_left_behind(void **state)
{
	static const struct {
		uint16_t used, next;
		bool published;
		uint16_t ndesc; /* of buffer 40000; 0: it is not in hand */
		uint16_t used_idx;
		bool broken;
	} rows[] = {
		{ 0x8001, 0x8001, false, 0, 0x8001, false },
		{ 0x8001, 0x8001, false, 2, 0x8003, false },
		{ 0x8001, 0x8001, false, 3, 0x0000, false },
		{ 0x8001, 0x8001, false, 4, 0x0001, false },
		{ 0x8001, 0x8001, false, 5, 0, true },
		{ 0x8001, 0x8003, true, 1, 0x0000, false },
		{ 0x8001, 0x8003, false, 2, 0x8003, false },
		{ 0x0001, 0x0002, true, 1, 0x0003, false },
		{ 0x0001, 0x0002, false, 2, 0x0003, false },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		const bool lap = rows[r].used & PACKED_WRAP;
		struct virtqueue vq;

		memset(area, 0, sizeof area);
		vq = make(V1 | PACKED, 4);
		leave(rows[r].used, rows[r].next, 0);
		region.taken[40000] = rows[r].ndesc;
		vq.packed_desc[1].flags = (lap == rows[r].published ? PACKED_AVAIL | PACKED_USED : 0);
		assert_int_equal(virtqueue_keep_inflight(&vq, &region, false), rows[r].broken || !rows[r].ndesc ? 0 : 1);
		if (rows[r].broken) {
			assert_string_equal(vq.broken, "more buffers were in hand at a restart than the ring has");
			continue;
		}
		assert_null(vq.broken);
		assert_int_equal(vq.used_idx, rows[r].used_idx);
		assert_int_equal(vq.last_avail, rows[r].used_idx);
		assert_int_equal(region.taken[40000], 0);
		if (rows[r].ndesc) {
			const unsigned at = (rows[r].published ? rows[r].next : rows[r].used) & 0x7FFFu;

			assert_int_equal(vq.packed_desc[at].id, 40000);
			assert_int_equal(vq.packed_desc[at].len, 0);
			assert_int_equal(vq.packed_desc[at].flags, packed_used_flags(rows[r].published ? rows[r].next : rows[r].used, 0));
		}
	}
}

/* A split receive ring needs nothing of it: what it takes it gives back at once. */
static void receive_rings(void **state)
{
	struct virtqueue vq = make(0, 4);

	(void)state;
	leave(0, 0, 0);
	region.taken[1] = 1;
	assert_int_equal(virtqueue_keep_inflight(&vq, &region, true), 0);
	assert_null(vq.inflight);
	assert_false(vq.tracked);
	assert_int_equal(region.taken[1], 1);
	vq = make(V1 | PACKED, 4);
	leave(PACKED_WRAP, PACKED_WRAP, 0);
	region.taken[1] = 1;
	assert_int_equal(virtqueue_keep_inflight(&vq, &region, true), 1);
	assert_ptr_equal(vq.inflight, &region);
	/* rows, too, are noted until they are published */
	virtqueue_used_row(&vq, (const struct vq_buf[]){ { .id = 5, .len = 60 }, { .id = 6, .len = 61 } }, 2);
	assert_true(region.taken[5] == 1 && region.taken[6] == 1);
	assert_true(region.batch[0] == 5 && region.batch[1] == 6);
	virtqueue_publish(&vq);
	assert_true(region.taken[5] == 0 && region.taken[6] == 0);
	assert_true(vq.packed_desc[1].id == 5 && vq.packed_desc[1].len == 60 && vq.packed_desc[2].id == 6 && vq.packed_desc[2].len == 61);
}

/* What is noted of each buffer, until it is published that it is given back. */
static void noted(void **state)
{
	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		struct virtqueue vq = make(packed ? V1 | PACKED : 0, 4);

		memset(&region, 0, sizeof region);
		assert_int_equal(virtqueue_keep_inflight(&vq, &region, false), 0);
		virtqueue_taken(&vq, 3, 2);
		virtqueue_taken(&vq, 1, 1);
		assert_int_equal(region.taken[3], 2);
		assert_int_equal(region.taken[1], 1);
		virtqueue_done(&vq, 3, 2);
		assert_int_equal(region.batch[0], 3);
		assert_int_equal(region.taken[3], 2); /* until it is published */
		virtqueue_publish(&vq);
		assert_int_equal(region.taken[3], 0);
		assert_int_equal(region.taken[1], 1);
		assert_int_equal(region.word, settled(&vq));
		assert_int_equal(vq.nbatch, 0);
		for (unsigned i = 0; i < 4; i++)
			virtqueue_done(&vq, 1, 1);
		assert_null(vq.broken);
		virtqueue_done(&vq, 1, 1); /* a driver that offers one buffer again and again */
		assert_string_equal(vq.broken, "more buffers are given back than the ring has entries");
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(rings), T(negotiated), T(broken), T(pages), T(split_layouts), T(split_heads_of_chains), T(a_long_table), T(packed_layouts), T(fetched), T(no_more_than_asked), T(rows_of_buffers), T(progress),
		T(available), T(given_back), T(chains_given_back), T(kicks), T(interrupts), T(in_order),
		T(another_region), T(left_behind), T(left_behind_in_order), T(packed_left_behind), T(receive_rings), T(noted),
	};
#undef T

	return cmocka_run_group_tests_name("virtqueue", tests, NULL, NULL);
}
