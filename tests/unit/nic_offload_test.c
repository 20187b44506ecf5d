/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums and segments that a sender leaves to others (virtio 1.2 §5.1.6): passed through where the receiver takes
 * them, finished where it does not, refused where they make no sense. The sums are checked by a reference of its own:
 * byte by byte, after RFC 1071.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "nic_fixture.h"
#include "port/offload.h"

#define F(bit) (1ull << (bit))
#define SENDS (F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6) | F(VIRTIO_NET_F_HOST_ECN) | F(56))
#define TAKES_CSUM F(VIRTIO_NET_F_GUEST_CSUM)
#define TAKES_ALL                                                                                                      \
	(TAKES_CSUM | F(VIRTIO_NET_F_GUEST_TSO4) | F(VIRTIO_NET_F_GUEST_TSO6) | F(VIRTIO_NET_F_GUEST_ECN) | F(54) | F(55))

#define BIG 65600u

/* ---- frames ---- */

struct kind {
	bool v6, udp;
	bool tagged; /* the tag is in the bytes */
	unsigned tcp_options;
	unsigned extension; /* bytes of an IPv6 extension header */
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) * 65536u + get16(p + 2);
}

static unsigned ones(const uint8_t *p, uint32_t n, unsigned sum)
{
	for (uint32_t i = 0; i < n; i++) {
		sum += i % 2 ? p[i] : p[i] * 256u;
		sum = (sum & 0xFFFF) + (sum >> 16);
	}
	return sum;
}

static unsigned l3_of(const struct kind *k)
{
	return k->tagged ? 18 : 14;
}

static unsigned l4_of(const struct kind *k)
{
	return l3_of(k) + (k->v6 ? 40 + k->extension : 20);
}

static unsigned head_of(const struct kind *k)
{
	return l4_of(k) + (k->udp ? 8 : 20 + k->tcp_options);
}

static unsigned csum_at(const struct kind *k)
{
	return l4_of(k) + (k->udp ? 6 : 16);
}

static unsigned pseudo(const struct kind *k, const uint8_t *f, uint32_t len)
{
	const uint8_t *ip = f + l3_of(k);
	uint32_t l4_len = len - l4_of(k);
	unsigned sum = (k->udp ? 17 : 6) + (l4_len & 0xFFFF) + (l4_len >> 16);

	return ones(ip + (k->v6 ? 8 : 12), k->v6 ? 32 : 8, sum);
}

/* A frame with `payload` bytes behind its headers, from VM 1 to VM 2, its checksum field holding the pseudo sum. */
static uint32_t build(const struct kind *k, uint8_t *f, uint32_t payload)
{
	uint32_t len = head_of(k) + payload;
	uint8_t *ip = f + l3_of(k), *l4 = f + l4_of(k);

	memset(f, 0, head_of(k));
	memcpy(f, "\x52\x54\0\0\0\2\x52\x54\0\0\0\1", 12);
	if (k->tagged)
		memcpy(f + 12, "\x81\0\x60\x64", 4);
	put16(ip - 2, k->v6 ? 0x86DD : 0x0800);
	if (k->v6) {
		ip[0] = 0x60;
		put16(ip + 4, len - l3_of(k) - 40);
		ip[6] = k->extension ? 60 : k->udp ? 17 : 6;
		ip[7] = 64;
		memset(ip + 8, 0x21, 16);
		memset(ip + 24, 0x43, 16);
		if (k->extension) {
			ip[40] = k->udp ? 17 : 6;
			ip[41] = (uint8_t)(k->extension / 8 - 1);
		}
	} else {
		ip[0] = 0x45;
		put16(ip + 2, len - l3_of(k));
		put16(ip + 4, 0xFFFE);
		ip[8] = 64;
		ip[9] = k->udp ? 17 : 6;
		memcpy(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
		put16(ip + 10, ~ones(ip, 20, 0) & 0xFFFF);
	}
	put16(l4, 1234);
	put16(l4 + 2, 80);
	if (k->udp) {
		put16(l4 + 4, len - l4_of(k));
	} else {
		memcpy(l4 + 4, "\xff\xff\xf0\x00\0\0\0\7", 8);
		l4[12] = (uint8_t)((20 + k->tcp_options) / 4 << 4);
		l4[13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
		put16(l4 + 14, 500);
	}
	for (uint32_t i = 0; i < payload; i++)
		f[head_of(k) + i] = (uint8_t)(i * 31 + i / 256);
	put16(f + csum_at(k), pseudo(k, f, len));
	return len;
}

static struct virtio_net_hdr header(const struct kind *k, unsigned gso_size)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = (uint8_t)(!gso_size ? 0 : k->udp ? OFFLOAD_GSO_UDP_L4 : k->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4),
		.hdr_len = (uint16_t)(gso_size ? head_of(k) : 0),
		.gso_size = (uint16_t)gso_size,
		.csum_start = (uint16_t)l4_of(k),
		.csum_offset = k->udp ? 6 : 16,
	};
}

static void assert_sums(const struct kind *k, const uint8_t *f, uint32_t len)
{
	const uint8_t *ip = f + l3_of(k);

	if (!k->v6)
		assert_int_equal(ones(ip, 20, 0), 0xFFFF);
	assert_int_equal(ones(f + l4_of(k), len - l4_of(k), pseudo(k, f, len)), 0xFFFF);
}

/* ---- the VMs' side ---- */

/* VM 1 on VPort 1, VM 2 on VPort 2 with rings of 64. */
static void two(uint64_t takes, uint16_t c1, uint16_t c2, enum nic_vlan_test test, uint16_t vlan)
{
	vport(1, c1);
	vport(2, c2);
	filter(1, 1, 1, test, vlan);
	filter(2, 2, 2, test, vlan);
	vm_init(&va, 1, 64, V1 | MRG | INDIRECT | SENDS | ring_kind);
	vm_init(&vb, 1, 64, V1 | MRG | INDIRECT | takes | ring_kind);
	start(1, &va);
	start(2, &vb);
}

/* Sends the frame in one piece, or (big ones, as drivers do) header, headers and pieces of 4,000 bytes. */
static void send_frame(const struct virtio_net_hdr *h, const uint8_t *f, uint32_t len, bool indirect)
{
	struct vm_piece p[24];
	unsigned n = 0;
	uint32_t at = 0, first = len > 2000 ? 60 : len;

	p[n] = (struct vm_piece){ vm_alloc(&va, 12 + first), 12 + first };
	memset(vm_ptr(&va, p[n].gpa), 0, 12);
	memcpy(vm_ptr(&va, p[n].gpa), h, sizeof *h);
	memcpy((uint8_t *)vm_ptr(&va, p[n++].gpa) + 12, f, first);
	for (at = first; at < len;) {
		uint32_t part = len - at < 4001 ? len - at : 4001;

		p[n] = (struct vm_piece){ vm_alloc(&va, part), part };
		memcpy(vm_ptr(&va, p[n++].gpa), f + at, part);
		at += part;
	}
	vm_offer(&va, &va.tx, p, n, false, indirect);
	vm_kick(&va);
}

static uint64_t posted[64];
static unsigned nposted, taken;

static void post(unsigned n, uint32_t size)
{
	nposted = taken = 0;
	for (unsigned i = 0; i < n; i++)
		posted[nposted++] = vm_post(&vb, size);
}

/* The next frame that VM 2 got, out of as many buffers as its header says; returns its length. */
static uint32_t receive(struct virtio_net_hdr_v1 *h, uint8_t *f)
{
	struct vring_used_elem e;
	uint32_t len = 0;
	const uint8_t *b;

	assert_true(vm_wait_used(&vb.rx, &e));
	b = vm_ptr(&vb, posted[taken++]);
	memcpy(h, b, 12);
	memcpy(f, b + 12, e.len - 12);
	len = e.len - 12;
	for (unsigned i = 1; i < h->num_buffers; i++) {
		assert_true(vm_wait_used(&vb.rx, &e));
		memcpy(f + len, vm_ptr(&vb, posted[taken++]), e.len);
		len += e.len;
	}
	return len;
}

static uint8_t in[BIG], out[BIG];

static void assert_clean(const struct virtio_net_hdr_v1 *h)
{
	assert_int_equal(h->flags | h->gso_type | h->hdr_len | h->gso_size | h->csum_start | h->csum_offset, 0);
}

/* ---- passed through ---- */

static void test_passes_through(void **s)
{
	const struct kind kinds[] = { { 0 }, { .v6 = true, .tcp_options = 12 }, { .udp = true } };

	(void)s;
	for (unsigned pass = 0; pass < 6; pass++) {
		const struct kind *k = &kinds[pass % 3];
		struct virtio_net_hdr h = header(k, 1400);
		struct virtio_net_hdr_v1 got;
		uint32_t len = build(k, in, 50000);

		two(TAKES_ALL, cpu[0], cpu[pass / 3], NIC_VLAN_UNTAGGED_OR_ZERO, 0);
		post(60, 2048);
		send_frame(&h, in, len, pass % 2);
		assert_int_equal(receive(&got, out), len);
		assert_memory_equal(out, in, len);
		assert_memory_equal(&got, &h, sizeof h);
		assert_int_equal(counters(2).sw_checksums + counters(2).sw_segmented, 0);
		unpair();
		for (unsigned i = 1; i <= 2; i++) {
			assert_int_equal(nic_filter_clear(nic, i), 0);
			assert_int_equal(nic_vport_delete(nic, i), 0);
		}
	}
}

/* A tag taken out of the bytes, or put in, moves what the header points at. */
static void test_header_follows_the_tag(void **s)
{
	const struct kind tagged = { .tagged = true }, plain = { 0 };
	struct virtio_net_hdr h = header(&tagged, 0);
	struct virtio_net_hdr_v1 got;
	uint32_t len = build(&tagged, in, 200);

	(void)s;
	two(TAKES_ALL, cpu[0], cpu[0], NIC_VLAN_EQUAL, 100);
	post(4, 2048);
	send_frame(&h, in, len, false); /* VLAN 100, taken off for an access VPort */
	assert_int_equal(receive(&got, out), len - 4);
	assert_int_equal(got.csum_start, l4_of(&plain));
	assert_memory_equal(out, in, 12);
	assert_memory_equal(out + 12, in + 16, len - 16);
	/* a hint too small for it, and a start that lies in the tag */
	h = header(&tagged, 1000);
	h.hdr_len = 3;
	len = build(&tagged, in, 1000);
	send_frame(&h, in, len, false);
	assert_int_equal(receive(&got, out), len - 4);
	assert_int_equal(got.hdr_len, 0);
	assert_int_equal(got.csum_start, l4_of(&plain));
	h = header(&tagged, 0);
	h.csum_start = 16;
	send_frame(&h, in, build(&tagged, in, 200), false);
	assert_true(receive(&got, out) > 0);
	assert_int_equal(got.csum_start, 14);
	assert_int_equal(nic_vport_set_policy(nic, 2, &(struct nic_vport_policy){ .trunk = true }), 0);
	h = header(&plain, 1000);
	len = build(&plain, in, 1000);
	send_frame(&h, in, len, false); /* gets VLAN 100, which a trunk sees */
	assert_int_equal(receive(&got, out), len + 4);
	assert_int_equal(got.csum_start, l4_of(&tagged));
	assert_int_equal(got.hdr_len, head_of(&tagged));
	assert_int_equal(get16(out + 14), 100);
	/* numbers that the tag would take beyond 16 bits */
	h.hdr_len = h.csum_start = 0xFFFE;
	h.csum_offset = 0;
	len = build(&plain, in, 0x10000 - head_of(&plain));
	post(40, 2048);
	send_frame(&h, in, len, true);
	assert_int_equal(receive(&got, out), len + 4);
	assert_int_equal(got.csum_start, 0xFFFF);
	assert_int_equal(got.hdr_len, 0xFFFF);
	unpair();
}

/* ---- finished ---- */

static void test_checksum_is_finished(void **s)
{
	const struct kind kinds[] = {
		{ 0 }, { .v6 = true, .tagged = true, .tcp_options = 40 }, { .udp = true }, { .v6 = true, .extension = 32, .udp = true },
	};
	const uint32_t sizes[] = { 0, 1, 13, 999, 1400 };
	struct virtio_net_hdr_v1 got;
	unsigned n = 0;

	(void)s;
	two(0, cpu[0], cpu[1], NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(3, 2, 2, NIC_VLAN_ANY, 0);
	filter(4, 1, 1, NIC_VLAN_ANY, 0);
	assert_int_equal(nic_vport_set_policy(nic, 2, &(struct nic_vport_policy){ .trunk = true }), 0);
	post(40, 2048);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned z = 0; z < 5; z++) {
			const struct kind *k = &kinds[i];
			struct virtio_net_hdr h = header(k, 0);
			uint32_t len = build(k, in, sizes[z]);

			send_frame(&h, in, len, false);
			assert_int_equal(receive(&got, out), len);
			assert_clean(&got);
			assert_sums(k, out, len);
			in[csum_at(k)] = out[csum_at(k)];
			in[csum_at(k) + 1] = out[csum_at(k) + 1];
			assert_memory_equal(out, in, len);
			n++;
		}
	assert_int_equal(counters(2).sw_checksums, n);
	assert_int_equal(counters(2).sw_segmented, 0);
	unpair();
}

/* A UDP checksum that comes out as 0 is sent as 0xFFFF: 0 says that there is none. */
static void test_udp_checksum_zero(void **s)
{
	const struct kind k = { .udp = true };
	struct virtio_net_hdr h = header(&k, 0);
	struct virtio_net_hdr_v1 got;
	uint32_t len = build(&k, in, 2);

	(void)s;
	put16(in + len - 2, 0);
	put16(in + len - 2, ~ones(in + l4_of(&k), len - l4_of(&k), 0) & 0xFFFF);
	two(0, cpu[0], cpu[0], NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	post(1, 2048);
	send_frame(&h, in, len, false);
	assert_int_equal(receive(&got, out), len);
	assert_int_equal(get16(out + csum_at(&k)), 0xFFFF);
	unpair();
}

/* The parts of a frame, one by one; `partial`: their checksums are left to the receiver. */
static void expect_parts(const struct kind *k, uint32_t payload, unsigned mss, bool partial)
{
	unsigned n = (payload + mss - 1) / mss, head = head_of(k);
	struct virtio_net_hdr_v1 got;

	for (unsigned i = 0; i < n; i++) {
		uint32_t want = i == n - 1 ? payload - i * mss : mss, len = receive(&got, out);
		const uint8_t *ip = out + l3_of(k), *l4 = out + l4_of(k);

		assert_int_equal(len, head + want);
		assert_memory_equal(out, in, l3_of(k));
		assert_memory_equal(out + head, in + head + i * mss, want);
		if (k->v6) {
			assert_int_equal(get16(ip + 4), len - l3_of(k) - 40);
		} else {
			assert_int_equal(get16(ip + 2), len - l3_of(k));
			assert_int_equal(get16(ip + 4), (0xFFFE + i) & 0xFFFF);
		}
		if (k->udp) {
			assert_int_equal(get16(l4 + 4), 8 + want);
		} else {
			assert_int_equal(get32(l4 + 4), 0xFFFFF000u + i * mss);
			assert_int_equal(l4[13], (i ? 0 : 0x80) | 0x10 | (i == n - 1 ? 0x09 : 0));
		}
		assert_int_equal(got.gso_type | got.gso_size | got.hdr_len, 0);
		if (partial) {
			assert_int_equal(got.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			assert_int_equal(got.csum_start, l4_of(k));
			assert_int_equal(get16(out + csum_at(k)), pseudo(k, out, len));
		} else {
			assert_clean(&got);
			assert_sums(k, out, len);
		}
	}
}

static void test_segments_are_finished(void **s)
{
	const struct kind kinds[] = {
		{ 0 }, { .tcp_options = 12 }, { .v6 = true, .tcp_options = 12 }, { .v6 = true, .extension = 16 }, { .udp = true },
		{ .udp = true, .v6 = true },
	};

	(void)s;
	for (unsigned pass = 0; pass < 24; pass++) {
		const struct kind *k = &kinds[pass % 6];
		bool partial = pass / 6 % 2;
		unsigned mss = pass % 2 ? 1400 : 1333;
		struct virtio_net_hdr h = header(k, mss);
		uint32_t payload = 40000 + pass, len = build(k, in, payload);

		two(partial ? TAKES_CSUM : 0, cpu[0], cpu[pass / 12], NIC_VLAN_UNTAGGED_OR_ZERO, 0);
		post(60, 2048);
		send_frame(&h, in, len, pass % 4 == 3);
		expect_parts(k, payload, mss, partial);
		assert_int_equal(counters(2).sw_segmented, 1);
		assert_int_equal(counters(2).sw_segments, (payload + mss - 1) / mss);
		assert_int_equal(counters(2).rx_frames, (payload + mss - 1) / mss);
		assert_int_equal(counters(2).sw_checksums, partial ? 0 : (payload + mss - 1) / mss);
		unpair();
		for (unsigned i = 1; i <= 2; i++) {
			assert_int_equal(nic_filter_clear(nic, i), 0);
			assert_int_equal(nic_vport_delete(nic, i), 0);
		}
	}
}

/* More parts of frames at a time than there is room for: none is lost, the order stays. */
static void test_many_parts(void **s)
{
	const struct kind k = { .tcp_options = 12 };
	struct virtio_net_hdr h = header(&k, 64);
	uint32_t payload = 64 * 128, len = build(&k, in, payload);

	(void)s;
	two(0, cpu[0], cpu[0], NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	for (unsigned round = 0; round < 4; round++) {
		/* a ring of 64 gets the first half, the rest finds no buffer */
		struct virtio_net_hdr_v1 got;

		post(64, 512);
		send_frame(&h, in, len, false);
		expect_drop(2, NIC_DROP_RX_NO_BUFFER, 64 * (round + 1));
		for (unsigned i = 0; i < 64; i++) {
			assert_int_equal(receive(&got, out), head_of(&k) + 64);
			assert_int_equal(get32(out + l4_of(&k) + 4), 0xFFFFF000u + i * 64);
			assert_sums(&k, out, head_of(&k) + 64);
		}
	}
	unpair();
}

/* The wire takes nothing unfinished here. */
static void test_finished_for_a_port(void **s)
{
	const struct kind k = { .tagged = true, .tcp_options = 12 }, plain = { .tcp_options = 12 };
	struct fake_port *wire = fake_port_new();
	struct virtio_net_hdr h = header(&plain, 1000);
	struct nic_vport_counters c;
	struct vmq_err err = { "" };

	(void)s;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
	two(0, cpu[1], cpu[0], NIC_VLAN_EQUAL, 100);
	(void)build(&plain, in, 3500);
	in[5] = 9; /* nobody's address */
	send_frame(&h, in, head_of(&plain) + 3500, false);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t len = fake_port_get(wire, out);

		assert_int_equal(len, head_of(&k) + (i < 3 ? 1000 : 500));
		assert_int_equal(get16(out + 14), 100);
		assert_sums(&k, out, len);
		assert_memory_equal(out + head_of(&k), in + head_of(&plain) + i * 1000, len - head_of(&k));
	}
	nic_wire_counters(nic, &c);
	assert_int_equal(c.sw_segments, 4);
	unpair();
	assert_int_equal(nic_wire_detach(nic), 0);
	fake_port_free(wire);
}

/* A port's own offloads: left to the VM, and left to a port that takes them. */
static void test_ports_offloads(void **s)
{
	const struct kind k = { 0 };
	struct fake_port *wire = fake_port_new();
	struct virtio_net_hdr h = header(&k, 1400), valid = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	struct virtio_net_hdr_v1 got;
	struct vmq_err err = { "" };
	uint32_t len = build(&k, in, 9000);

	(void)s;
	wire->port.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
	two(TAKES_ALL, cpu[0], cpu[0], NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	post(20, 2048);
	fake_port_put_vnet(wire, in, len, &h);
	assert_int_equal(receive(&got, out), len);
	assert_memory_equal(&got, &h, sizeof h);
	fake_port_put_vnet(wire, in, 1000, &valid);
	assert_int_equal(receive(&got, out), 1000);
	assert_int_equal(got.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	in[5] = 9;
	send_frame(&h, in, len, false);
	assert_int_equal(fake_port_get(wire, out), len);
	assert_memory_equal(out, in, len);
	assert_memory_equal(fake_port_vnet(wire), &h, sizeof h);
	unpair();
	assert_int_equal(nic_wire_detach(nic), 0);
	fake_port_free(wire);
}

/* ---- refused ---- */

static void test_refused(void **s)
{
	const struct kind k = { 0 }, v6 = { .v6 = true };
	const struct virtio_net_hdr good = header(&k, 1000);
	const struct {
		const char *what;
		unsigned flags, gso_type, gso_size, csum_start, csum_offset, payload;
	} rows[] = {
		{ "a checksum inside the Ethernet header", 1, 0, 0, 13, 16, 500 },
		{ "a checksum behind the end", 1, 0, 0, 34, 600, 500 },
		{ "a start behind the end", 1, 0, 0, 0xFFFF, 0, 500 },
		{ "a sum that wraps", 1, 0, 0, 0xFFFF, 0xFFFF, 500 },
		{ "segments without a checksum", 0, 1, 1000, 34, 16, 3000 },
		{ "segments of nothing", 1, 1, 0, 34, 16, 3000 },
		{ "an unknown kind", 1, 7, 1000, 34, 16, 3000 },
		{ "UDP fragmentation, not offered", 1, 3, 1000, 34, 6, 3000 },
		{ "tiny segments", 1, 1, 8, 34, 16, 3000 },
		{ "segments longer than any frame", 1, 1, 20000, 34, 16, 30000 },
		{ "IPv6 said, IPv4 there", 1, 4, 1000, 34, 16, 3000 },
		{ "UDP said, TCP there", 1, 5, 1000, 34, 6, 3000 },
		{ "no header before the transport", 1, 1, 1000, 14, 16, 3000 },
		{ "options that are not there", 1, 1, 1000, 38, 16, 3000 },
		{ "another field than the checksum", 1, 1, 1000, 34, 12, 3000 },
		{ "a checksum too deep to find", 1, 0, 0, 300, 16, 3000 },
	};
	struct virtio_net_hdr_v1 got;
	unsigned n = 0;

	(void)s;
	two(0, cpu[0], cpu[0], NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	post(10, 4096);
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct virtio_net_hdr h = {
			.flags = (uint8_t)rows[i].flags,
			.gso_type = (uint8_t)rows[i].gso_type,
			.gso_size = (uint16_t)rows[i].gso_size,
			.csum_start = (uint16_t)rows[i].csum_start,
			.csum_offset = (uint16_t)rows[i].csum_offset,
		};

		send_frame(&h, in, build(&k, in, rows[i].payload), false);
		expect_drop(1, NIC_DROP_TX_BAD_OFFLOAD, ++n);
	}
	/* lengths in the headers that reach beyond them */
	(void)build(&k, in, 3000);
	in[l4_of(&k) + 12] = 0x40;
	send_frame(&good, in, head_of(&k) + 3000, false);
	expect_drop(1, NIC_DROP_TX_BAD_OFFLOAD, ++n);
	(void)build(&k, in, 3000);
	in[14] = 0x46;
	send_frame(&good, in, head_of(&k) + 3000, false);
	expect_drop(1, NIC_DROP_TX_BAD_OFFLOAD, ++n);
	struct virtio_net_hdr h6 = header(&v6, 1000);
	(void)build(&v6, in, 3000);
	h6.csum_start = 50;
	send_frame(&h6, in, head_of(&v6) + 3000, false);
	expect_drop(1, NIC_DROP_TX_BAD_OFFLOAD, ++n);
	assert_int_equal(counters(2).rx_frames, 0);
	/* and the ring lives on */
	send_frame(&good, in, build(&k, in, 1000), false);
	assert_int_equal(receive(&got, out), head_of(&k) + 1000);
	assert_int_equal(broken_events, 0);
	unpair();
}

/* A driver that negotiated nothing may have anything in its headers; one without segmentation may not ask for it. */
static void test_only_what_was_negotiated(void **s)
{
	const struct kind k = { 0 };
	struct virtio_net_hdr h = header(&k, 1000), garbage = { .flags = 0xFF, .gso_type = 0xFF, .gso_size = 9 };
	struct virtio_net_hdr_v1 got;

	(void)s;
	vport(1, cpu[0]);
	vport(2, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(2, 2, 2, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&va, 1, 64, V1 | MRG | ring_kind);
	vm_init(&vb, 1, 64, V1 | MRG | TAKES_ALL | ring_kind);
	start(1, &va);
	start(2, &vb);
	post(10, 2048);
	send_frame(&garbage, in, build(&k, in, 100), false);
	assert_int_equal(receive(&got, out), head_of(&k) + 100);
	assert_clean(&got);
	send_frame(&garbage, in, build(&k, in, 20000), false);
	expect_drop(1, NIC_DROP_TX_TOO_LONG, 1);
	stop(1);
	vm_fini(&va);
	vm_init(&va, 1, 64, V1 | MRG | F(VIRTIO_NET_F_CSUM) | ring_kind);
	start(1, &va);
	send_frame(&h, in, build(&k, in, 3000), false);
	expect_drop(1, NIC_DROP_TX_BAD_OFFLOAD, 1);
	unpair();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_passes_through),
		T(test_header_follows_the_tag),
		T(test_checksum_is_finished),
		T(test_udp_checksum_zero),
		T(test_segments_are_finished),
		T(test_many_parts),
		T(test_finished_for_a_port),
		T(test_ports_offloads),
		T(test_refused),
		T(test_only_what_was_negotiated),
	};
	int failed = cmocka_run_group_tests_name("split rings", tests, NULL, NULL);

	ring_kind = PACKED;
	return failed + cmocka_run_group_tests_name("packed rings", tests, NULL, NULL);
}
