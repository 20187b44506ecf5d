/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames from the wire and from VMs through the real sources of src/nic: what happens to each is what `explain` said of
 * it beforehand, and its RSS hash is what the definition gives, computed bit by bit.
 *
 * The input: eight bytes that choose filters, policies and hash types, then frames, each: a byte (its source, and
 * whether its tag lies beside it), two bytes of tag, a length byte, and the frame.
 */
#include <string.h>

#include "engine_stub.h"
#include "nic/nic_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VPORTS 5u /* the default one and four with filters */
#define DESTS  16u

static struct nic *nic;
static struct stub_port wire, host;
static struct nic_rss rss;
static uint8_t key[NIC_RSS_KEY];

/* ---- the hash as spec/50-scaling.md §8 defines it ---- */

static uint32_t toeplitz(const uint8_t *in, unsigned n)
{
	uint32_t h = 0;

	for (unsigned bit = 0; bit < n * 8; bit++) {
		uint64_t window = 0;

		if (!(in[bit / 8] & 0x80u >> bit % 8))
			continue;
		for (unsigned k = 0; k < 32; k++) {
			unsigned at = bit + k;

			window = window << 1 | (at / 8 < NIC_RSS_KEY ? key[at / 8] >> (7 - at % 8) & 1u : 0);
		}
		h ^= (uint32_t)window;
	}
	return h;
}

/* The input of the hash; how long it is, 0: the frame has none. The first FRAME_HDR bytes are what may be looked at. */
static unsigned hash_input(const uint8_t *p, uint32_t len, bool tagged, uint8_t in[RSS_MAX_INPUT])
{
	uint32_t at = tagged ? 18 : 14, ports, n, proto;
	uint32_t tcp, udp, plain;
	bool fragment = false;

	if (len > FRAME_HDR)
		len = FRAME_HDR;
	if (len >= at + 20 && p[at - 2] == 8 && p[at - 1] == 0 && p[at] >> 4 == 4 && (p[at] & 15) >= 5) {
		n = 8;
		memcpy(in, p + at + 12, n);
		proto = p[at + 9];
		fragment = (p[at + 6] & 0x3F) || p[at + 7];
		ports = at + (p[at] & 15u) * 4;
		tcp = NIC_RSS_TCP_IPV4, udp = NIC_RSS_UDP_IPV4, plain = NIC_RSS_IPV4;
	} else if (len >= at + 40 && p[at - 2] == 0x86 && p[at - 1] == 0xDD && p[at] >> 4 == 6) {
		n = 32;
		memcpy(in, p + at + 8, n);
		proto = p[at + 6];
		ports = at + 40;
		tcp = NIC_RSS_TCP_IPV6, udp = NIC_RSS_UDP_IPV6, plain = NIC_RSS_IPV6;
	} else {
		return 0;
	}
	if (!fragment && ports + 4 <= len && ((proto == 6 && rss.types & tcp) || (proto == 17 && rss.types & udp))) {
		memcpy(in + n, p + ports, 4);
		return n + 4;
	}
	return rss.types & plain ? n : 0;
}

static void check_hash(const uint8_t *p, uint32_t len, bool tagged)
{
	uint32_t n = len < FRAME_HDR ? len : FRAME_HDR, hash = 0;
	struct frame f = { .hdr_len = (uint16_t)n, .len = len, .tag = tagged ? FRAME_TAG_INLINE : FRAME_UNTAGGED };
	uint8_t in[RSS_MAX_INPUT];
	unsigned bytes = hash_input(p, len, tagged, in);
	bool has;

	memcpy(f.hdr, p, n);
	has = rss_hash(&rss, &f, &hash);
	MUST(has == (bytes > 0));
	if (has)
		MUST(hash == toeplitz(in, bytes));
}

/* ---- what explain says against what is done ---- */

/* What each place had of frames: a VPort without a VM counts what was for it as dropped. */
struct tally {
	uint64_t vport[VPORTS];
	uint64_t to_wire;
	uint64_t dropped; /* in the sender's name */
};

static void take_tally(struct tally *t)
{
	*t = (struct tally){ .to_wire = wire.sent };
	for (uint32_t v = 0; v < VPORTS; v++) {
		struct nic_vport_counters c;

		MUST(nic_vport_counters(nic, v, &c) == 0);
		t->vport[v] = c.rx_frames + c.drops[NIC_DROP_RX_NOT_CONNECTED];
		for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
			t->dropped += i == NIC_DROP_RX_NOT_CONNECTED ? 0 : c.drops[i];
	}
	{
		struct nic_vport_counters c;

		nic_wire_counters(nic, &c);
		for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
			t->dropped += c.drops[i];
	}
}

static void expect(struct tally *t, const struct nic_explain_in *in)
{
	struct nic_explain_dest d[DESTS];
	unsigned n = nic_explain(nic, in, d, DESTS);

	MUST(n <= DESTS);
	for (unsigned i = 0; i < n; i++) {
		if (d[i].fate == NIC_FATE_WIRE)
			t->to_wire++;
		else if (d[i].fate == NIC_FATE_DELIVER || d[i].drop == NIC_DROP_RX_NOT_CONNECTED)
			t->vport[d[i].vport]++;
		else
			t->dropped++;
	}
}

static void frame(struct input *in)
{
	uint8_t how = byte(in), buf[256] = { 0 };
	uint16_t tci = two_bytes(in);
	uint32_t len = byte(in);
	bool beside = how & 0x80, inside;
	struct nic_explain_in x = { .from_wire = how % 8 >= VPORTS, .vport = how % 8, .tci = tci };
	struct tally want, is;

	if (len < 14)
		len = 14;
	if (!x.from_wire && len > NIC_INJECT_MAX)
		len = NIC_INJECT_MAX;
	for (uint32_t i = 0; i < len; i++)
		buf[i] = byte(in);
	beside = beside && x.from_wire;
	inside = !beside && len >= 18 && buf[12] == 0x81 && buf[13] == 0;
	check_hash(buf, len, inside);
	memcpy(x.dst, buf, 6);
	memcpy(x.src, buf + 6, 6);
	x.tagged = beside || inside;
	if (inside)
		x.tci = (uint16_t)(buf[14] << 8 | buf[15]);
	take_tally(&want);
	expect(&want, &x);
	if (x.from_wire) {
		wire.in = buf;
		wire.in_len = len;
		wire.in_tagged = beside;
		wire.in_tci = tci;
	} else {
		MUST(nic_inject(nic, x.vport, buf, len) == 0);
	}
	stub_settle();
	take_tally(&is);
	MUST(memcmp(&want, &is, sizeof is) == 0);
	MUST(wire.held == 0 && wire.in == NULL);
}

/* ---- begin and end ---- */

static void set_up(struct input *in)
{
	struct nic_rss_config r = { .types = two_bytes(in), .entries = 1 };
	struct nic_config cfg = { .name = "fuzz" };
	uint8_t test[VPORTS], policy = byte(in), more = byte(in), where = byte(in);
	struct vmq_err err = { "" };
	uint32_t id = 0;

	for (unsigned i = 0; i < NIC_RSS_KEY; i++)
		r.key[i] = key[i];
	rss_init(&rss, &r);
	MUST(nic_create(stub_engine(), &cfg, &nic, &err) == 0);
	for (uint32_t v = 0; v < VPORTS; v++) {
		struct nic_vport_config c = { v, where >> v & 1, 1, NIC_MODERATION_OFF, true };
		struct nic_filter f = { .id = ++id, .vport = v, .mac = { 2, 0, 0, 0, 0, (uint8_t)v } };
		struct nic_vport_policy p = { .source_check = policy >> v & 1,
					      .vlan_check = policy >> v & 2,
					      .all_multicast = more >> v & 1,
					      .trunk = more >> v & 2 };

		MUST(nic_vport_create(nic, &c, &err) == 0);
		test[v] = v ? byte(in) : 0;
		f.test = (enum nic_vlan_test)(test[v] % 3);
		f.vlan = f.test == NIC_VLAN_EQUAL ? (uint16_t)(test[v] % 4 + 1) : 0;
		MUST(v == 0 || nic_filter_set(nic, &f) == 0);
		f.id = ++id;
		memcpy(f.mac, "\x33\x33\0\0\0\1", 6);
		MUST(v == 0 || !(test[v] & 0x10) || nic_filter_set(nic, &f) == 0);
		MUST(nic_vport_set_policy(nic, v, &p) == 0);
		MUST(v == 0 || !(test[v] & 0x20) || nic_vport_set_active(nic, v, false) == 0);
	}
	nic_set_packet_filter(nic, policy & 0x80, (const uint8_t *)"\2\0\0\0\0\0");
	MUST(nic_vport_attach_port(nic, 0, &host.port, &err) == 0);
	MUST(nic_wire_attach(nic, &wire.port, 0, &err) == 0);
}

static void tear_down(void)
{
	MUST(nic_wire_detach(nic) == 0 && nic_vport_detach_port(nic, 0) == 0);
	for (uint32_t id = 1; id <= 2 * VPORTS; id++)
		(void)nic_filter_clear(nic, id);
	for (uint32_t v = 0; v < VPORTS; v++)
		MUST(nic_vport_delete(nic, v) == 0);
	nic_destroy(nic);
	stub_check_empty();
}

static void once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	stub_port_init(&wire);
	stub_port_init(&host);
	for (unsigned i = 0; i < NIC_RSS_KEY; i++)
		key[i] = (uint8_t)(0x6d + 0x5a * i * (i + 3));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	once();
	set_up(&in);
	while (in.left)
		frame(&in);
	tear_down();
	return 0;
}
