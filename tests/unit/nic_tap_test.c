/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures and traces (include/vmq/tap.h): what each point shows, bounds, losses, a reader that writes nonsense. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <time.h>

#include <vmq/tap.h>

#include "nic_fixture.h"

/* A reader of its own: all rings in turn. */
struct reader {
	struct nic_tap *tap;
	uint8_t *memory;
	size_t size;
	struct vmq_tap_header h;
};

static struct reader open_tap(const struct nic_tap_config *cfg)
{
	struct reader r;
	struct vmq_err err = { "" };
	int rc = nic_tap_start(nic, cfg, &r.tap, &err);

	if (rc)
		fail_msg("%s", err.text);
	r.size = (size_t)lseek(nic_tap_fd(r.tap), 0, SEEK_END);
	r.memory = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, nic_tap_fd(r.tap), 0);
	assert_ptr_not_equal(r.memory, MAP_FAILED);
	memcpy(&r.h, r.memory, sizeof r.h);
	assert_int_equal(r.h.magic, VMQ_TAP_MAGIC);
	assert_int_equal(r.h.ring_offset + r.h.rings * r.h.ring_stride, r.size);
	return r;
}

static void close_tap(struct reader *r)
{
	assert_int_equal(nic_tap_stop(r->tap), 0);
	(void)munmap(r->memory, r->size);
}

static struct vmq_tap_ring *ring_of(const struct reader *r, unsigned i)
{
	return (struct vmq_tap_ring *)(r->memory + r->h.ring_offset + i * r->h.ring_stride);
}

/* The next record of any ring and up to 256 bytes of its frame. */
static bool look(struct reader *r, struct vmq_tap_record *out, uint8_t *data)
{
	for (unsigned i = 0; i < r->h.rings; i++) {
		struct vmq_tap_ring *ring = ring_of(r, i);

		while (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) != ring->head) {
			const uint8_t *at = (uint8_t *)ring + VMQ_TAP_DATA + (ring->head & (r->h.ring_size - 1));
			uint16_t type;
			uint32_t size;

			memcpy(&size, at, 4);
			memcpy(&type, at + 4, 2);
			assert_true(size >= 8 && size % 8 == 0 && (ring->head & (r->h.ring_size - 1)) + size <= r->h.ring_size);
			if (type != VMQ_TAP_PAD) {
				memcpy(out, at, sizeof *out);
				assert_true(sizeof *out + out->captured <= size);
				memcpy(data, at + sizeof *out, out->captured < 256 ? out->captured : 256);
			}
			__atomic_store_n(&ring->head, ring->head + size, __ATOMIC_RELEASE);
			if (type != VMQ_TAP_PAD)
				return true;
		}
	}
	return false;
}

static struct vmq_tap_record next(struct reader *r, uint8_t *data)
{
	struct vmq_tap_record rec;

	for (unsigned i = 0; i < 10000; i++) {
		if (look(r, &rec, data))
			return rec;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	fail_msg("no record within ten seconds");
	return rec;
}

static void expect_none(struct reader *r)
{
	struct vmq_tap_record rec;
	uint8_t data[256];

	assert_false(look(r, &rec, data));
}

static const struct nic_tap_config all = { .points = (1u << NIC_TAP_POINTS) - 1, .snaplen = 256, .ring_size = NIC_TAP_MIN_RING };

static struct nic_tap_config at(enum nic_tap_point p)
{
	struct nic_tap_config c = all;

	c.points = 1u << p;
	return c;
}

static void test_entered_and_delivered_with_filter_and_bytes(void **s)
{
	uint8_t f[128], data[256];
	struct vmq_tap_record r;
	struct reader in, out;
	uint64_t gpa;

	(void)s;
	pair(ring_kind | V1 | MRG, 1, cpu[0], cpu[1]);
	in = open_tap(&(struct nic_tap_config){ .points = 1u << NIC_TAP_INGRESS, .by_vport = true, .vport = 1, .snaplen = 100, .ring_size = NIC_TAP_MIN_RING });
	out = open_tap(&(struct nic_tap_config){ .points = 1u << NIC_TAP_DELIVERED, .by_vport = true, .vport = 2, .snaplen = 256, .ring_size = NIC_TAP_MIN_RING });
	gpa = vm_post(&vb, 256);
	make_frame(f, 2, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	expect_frame(&vb, gpa, f, sizeof f);
	r = next(&in, data);
	assert_int_equal(r.type, VMQ_TAP_ENTERED);
	assert_int_equal(r.cpu, cpu[0]);
	assert_int_equal(r.source, 1);
	assert_int_equal(r.len, sizeof f);
	assert_int_equal(r.captured, 100);
	assert_memory_equal(data, f, 100);
	r = next(&out, data);
	assert_int_equal(r.type, VMQ_TAP_DELIVERED);
	assert_int_equal(r.cpu, cpu[1]);
	assert_int_equal(r.source, 1);
	assert_int_equal(r.vport, 2);
	assert_int_equal(r.filter, 2);
	assert_int_equal(r.queue, 0);
	assert_int_equal(r.buffers, 1);
	assert_int_equal(r.captured, sizeof f);
	assert_memory_equal(data, f, sizeof f);
	assert_true(r.time > 1700000000ull * 1000000000ull);
	/* a frame over two buffers says so, and its bytes are whole */
	(void)vm_post(&vb, 80);
	(void)vm_post(&vb, 80);
	vm_send(&va, f, sizeof f);
	r = next(&out, data);
	assert_int_equal(r.buffers, 2);
	assert_memory_equal(data, f, sizeof f);
	/* what the other VM sends is no business of either */
	gpa = vm_post(&va, 256);
	make_frame(f, 1, 2, 0, sizeof f);
	vm_send(&vb, f, sizeof f);
	expect_frame(&va, gpa, f, sizeof f);
	close_tap(&out);
	(void)next(&in, data); /* the second frame of VPort 1 */
	expect_none(&in);
	close_tap(&in);
	unpair();
}

static void test_drops_name_reason_and_vport(void **s)
{
	struct nic_tap_config c = at(NIC_TAP_DROPPED);
	uint8_t f[80], data[256];
	struct vmq_tap_record r;
	struct reader t;

	(void)s;
	pair(ring_kind | V1 | MRG, 1, cpu[0], cpu[1]);
	t = open_tap(&c);
	make_frame(f, 2, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	expect_drop(2, NIC_DROP_RX_NO_BUFFER, 1);
	r = next(&t, data);
	assert_int_equal(r.type, VMQ_TAP_DROPPED);
	assert_int_equal(r.drop, NIC_DROP_RX_NO_BUFFER + 1);
	assert_int_equal(r.vport, 2);
	assert_int_equal(r.source, 1);
	assert_int_equal(r.filter, 2);
	assert_memory_equal(data, f, sizeof f);
	make_frame(f, 1, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	r = next(&t, data);
	assert_int_equal(r.drop, NIC_DROP_TX_HAIRPIN + 1);
	assert_int_equal(r.vport, 1);
	vm_send(&va, f, 10);
	r = next(&t, data);
	assert_int_equal(r.drop, NIC_DROP_TX_RUNT + 1);
	assert_int_equal(r.len, 10);
	assert_int_equal(r.captured, 0);
	make_frame(f, 9, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	r = next(&t, data);
	assert_int_equal(r.drop, NIC_DROP_TX_NO_WIRE + 1);
	stop(2);
	make_frame(f, 2, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	r = next(&t, data);
	assert_int_equal(r.drop, NIC_DROP_RX_NOT_CONNECTED + 1);
	assert_int_equal(r.vport, 2);
	start(2, &vb);
	close_tap(&t);
	unpair();
}

static void test_wire_both_ways_with_tags(void **s)
{
	struct fake_port *wire = fake_port_new();
	struct nic_tap_config c = at(NIC_TAP_WIRE);
	uint8_t f[100], tagged[104], data[256], out[2048];
	struct vmq_tap_record r;
	struct vmq_err err;
	struct reader t;
	struct vm a;

	(void)s;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[1], &err), 0);
	vport(1, cpu[0]);
	filter(7, 1, 1, NIC_VLAN_EQUAL, 100);
	vm_init(&a, 1, 64, V1 | MRG);
	start(1, &a);
	c.by_vport = true;
	c.vport = 1;
	t = open_tap(&c);
	make_frame(f, 9, 1, 0, sizeof f);
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f + 4);
	r = next(&t, data);
	assert_int_equal(r.type, VMQ_TAP_WIRE_OUT);
	assert_int_equal(r.source, 1);
	assert_int_equal(r.tag_done, VMQ_TAP_TAG_INSERTED);
	assert_int_equal(r.captured, sizeof f + 4);
	assert_memory_equal(data, out, sizeof f + 4);
	/* in, the tag in the bytes and beside them: the capture has it in the bytes both times */
	make_frame(tagged, 1, 9, 0x6000 | 100, sizeof tagged);
	for (int beside = 0; beside < 2; beside++) {
		(void)vm_post(&a, 256);
		if (beside)
			fake_port_put_tagged(wire, tagged, sizeof tagged);
		else
			fake_port_put(wire, tagged, sizeof tagged);
		r = next(&t, data);
		assert_int_equal(r.type, VMQ_TAP_WIRE_IN);
		assert_int_equal(r.source, VMQ_TAP_WIRE);
		assert_int_equal(r.tci, 0x6000 | 100);
		assert_int_equal(r.len, sizeof tagged);
		assert_memory_equal(data, tagged, sizeof tagged);
	}
	/* and what is not for the VPort is not in its capture */
	make_frame(f, 5, 9, 0, sizeof f);
	fake_port_put(wire, f, sizeof f);
	make_frame(tagged, 1, 9, 100, sizeof tagged);
	(void)vm_post(&a, 256);
	fake_port_put(wire, tagged, sizeof tagged);
	r = next(&t, data);
	assert_memory_equal(data, tagged, sizeof tagged);
	expect_none(&t);
	close_tap(&t);
	stop(1);
	vm_fini(&a);
	assert_int_equal(nic_wire_detach(nic), 0);
	fake_port_free(wire);
}

static void test_header_filters_and_limit(void **s)
{
	struct nic_tap_config c = at(NIC_TAP_INGRESS);
	uint8_t f[80], data[256];
	struct vmq_tap_record r;
	struct reader t;

	(void)s;
	pair(ring_kind | V1 | MRG, 1, cpu[0], cpu[0]);
	c.by_dst = true;
	make_frame(f, 2, 1, 0, sizeof f);
	memcpy(c.dst, f, 6);
	c.by_vlan = true;
	c.vlan = 33;
	c.limit = 2;
	t = open_tap(&c);
	make_frame(f, 2, 1, 34, sizeof f);
	vm_send(&va, f, sizeof f);
	make_frame(f, 3, 1, 33, sizeof f);
	vm_send(&va, f, sizeof f);
	for (unsigned i = 0; i < 4; i++) {
		make_frame(f, 2, 1, 33, sizeof f);
		f[60] = (uint8_t)i;
		vm_send(&va, f, sizeof f);
	}
	for (unsigned i = 0; i < 2; i++) {
		r = next(&t, data);
		assert_int_equal(r.type, VMQ_TAP_ENTERED);
		assert_int_equal(r.tci, 33);
		assert_int_equal(data[60], i);
	}
	for (unsigned i = 0; i < 10000 && counters(1).tx_frames < 6; i++)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	assert_int_equal(counters(1).tx_frames, 6);
	expect_none(&t);
	close_tap(&t);
	unpair();
}

/* Frames without a reader: what fits stays whole, the rest is counted, the data path goes on. */
static void test_a_full_ring_counts_losses(void **s)
{
	struct nic_tap_config c = at(NIC_TAP_INGRESS);
	struct vmq_tap_record r;
	uint8_t f[200], data[256];
	struct vring_used_elem e;
	unsigned got = 0, sent = 0;
	struct reader t;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	t = open_tap(&c);
	for (; sent < 2000; sent++) {
		make_frame(f, 2, 1, 0, sizeof f);
		memcpy(f + 60, &sent, 4);
		if (sent % 16 == 0)
			va.brk = vb.brk = VM_GPA + (1 << 20);
		(void)vm_post(&vb, 256);
		vm_send(&va, f, sizeof f);
		assert_true(vm_wait_used(&vb.rx, &e));
		assert_true(vm_wait_used(&va.tx, &e));
	}
	while (look(&t, &r, data)) {
		unsigned n;

		memcpy(&n, data + 60, 4);
		assert_int_equal(n, got++); /* the oldest, in order */
	}
	assert_in_range(got, 200, 400); /* 64 KiB of 256 or so */
	assert_int_equal(ring_of(&t, 0)->lost, sent - got);
	/* there is room again */
	(void)vm_post(&vb, 256);
	vm_send(&va, f, sizeof f);
	(void)next(&t, data);
	/* a reader that writes nonsense harms its capture only */
	ring_of(&t, 0)->head = 0x123456789abcdefull;
	(void)vm_post(&vb, 256);
	vm_send(&va, f, sizeof f);
	assert_true(vm_wait_used(&vb.rx, &e) && vm_wait_used(&vb.rx, &e));
	assert_int_equal(ring_of(&t, 0)->lost, sent - got + 1);
	close_tap(&t);
	unpair();
}

static void test_trace_tells_every_step(void **s)
{
	struct nic_tap_config c = { .trace = true, .by_vport = true, .vport = 2, .limit = 1, .ring_size = NIC_TAP_MIN_RING };
	unsigned seen[VMQ_TAP_NOTIFIED + 1] = { 0 };
	uint8_t f[80], data[256];
	uint64_t frame = 0, gpa;
	struct vmq_err err;
	struct nic_tap *second;
	struct reader t;

	(void)s;
	pair(ring_kind | V1 | MRG, 1, cpu[0], cpu[1]);
	t = open_tap(&c);
	assert_int_equal(nic_tap_start(nic, &c, &second, &err), -EBUSY);
	for (unsigned i = 0; i < 2; i++) { /* the second is beyond the limit */
		gpa = vm_post(&vb, 256);
		make_frame(f, 2, 1, 0, sizeof f);
		vm_send(&va, f, sizeof f);
		expect_frame(&vb, gpa, f, sizeof f);
	}
	while (!seen[VMQ_TAP_NOTIFIED]) {
		struct vmq_tap_record r = next(&t, data);

		seen[r.type]++;
		if (r.type == VMQ_TAP_NOTIFIED)
			continue;
		if (!frame)
			frame = r.frame;
		assert_true(r.frame != 0);
		assert_int_equal(r.frame, frame);
		if (r.type == VMQ_TAP_VERDICT) {
			assert_int_equal(r.fate, VMQ_TAP_TO_VPORT);
			assert_int_equal(r.vport, 2);
			assert_int_equal(r.filter, 2);
			assert_int_equal(r.cpu, cpu[1]);
		}
		if (r.type == VMQ_TAP_ENTERED)
			assert_memory_equal(data, f, r.captured);
	}
	assert_int_equal(seen[VMQ_TAP_ENTERED], 1);
	assert_int_equal(seen[VMQ_TAP_VERDICT], 1);
	assert_int_equal(seen[VMQ_TAP_ARRIVED], cpu[0] != cpu[1]);
	assert_int_equal(seen[VMQ_TAP_DELIVERED], 1);
	expect_none(&t);
	close_tap(&t);
	unpair();
}

static void test_what_cannot_be(void **s)
{
	struct reader r[4];
	struct nic_tap_config c = all;
	struct nic_tap *t;
	struct vmq_err err;

	(void)s;
	c.points = 0;
	assert_int_equal(nic_tap_start(nic, &c, &t, &err), -EINVAL);
	c = all;
	c.snaplen = NIC_TAP_MAX_SNAPLEN + 1;
	assert_int_equal(nic_tap_start(nic, &c, &t, &err), -EINVAL);
	c = all;
	c.ring_size = NIC_TAP_MIN_RING + 8;
	assert_int_equal(nic_tap_start(nic, &c, &t, &err), -EINVAL);
	for (unsigned i = 0; i < 4; i++)
		r[i] = open_tap(&all);
	assert_int_equal(nic_tap_start(nic, &all, &t, &err), -EBUSY);
	/* nobody takes pages from under the workers */
	assert_int_equal(ftruncate(nic_tap_fd(r[0].tap), 0), -1);
	for (unsigned i = 0; i < 4; i++)
		close_tap(&r[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_entered_and_delivered_with_filter_and_bytes),
		T(test_drops_name_reason_and_vport),
		T(test_wire_both_ways_with_tags),
		T(test_header_filters_and_limit),
		T(test_a_full_ring_counts_losses),
		T(test_trace_tells_every_step),
		T(test_what_cannot_be),
	};

	if (cmocka_run_group_tests(tests, NULL, NULL))
		return 1;
	ring_kind = PACKED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
