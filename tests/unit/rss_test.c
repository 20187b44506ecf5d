/* SPDX-License-Identifier: BSD-3-Clause */
/* Toeplitz with the published vectors of spec/50-scaling.md §8, in frames with and without a tag. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>

#include "nic/rss.h"

static const uint8_t key[NIC_RSS_KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct vector {
	const char *src;
	uint16_t sport;
	const char *dst;
	uint16_t dport;
	uint32_t ip, tcp;
} vectors[] = {
	{ "66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178 },
	{ "199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea },
	{ "24.19.198.95", 12898, "12.22.207.184", 38024, 0xd2d0a5de, 0x5c2b394a },
	{ "38.27.205.30", 48228, "209.142.163.6", 2217, 0x82989176, 0xafc7327f },
	{ "153.39.163.191", 44251, "202.188.127.2", 1303, 0x5d1809c5, 0x10e828a2 },
	{ "3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc18cd5, 0x40207d3d },
	{ "3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c461c, 0xdde51bbf },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024, 0x4b61e985, 0x02d1feef },
};

enum variant { PLAIN, TAGGED, FRAGMENT };

static struct frame frame_of(const struct vector *v, uint8_t proto, enum variant kind)
{
	struct frame f = { .len = 64, .hdr_len = 64 };
	bool six = strchr(v->src, ':');
	uint8_t *p = f.hdr + 12;

	if (kind == TAGGED) {
		memcpy(p, "\x81\0\0\5", 4);
		p += 4;
		f.tag = FRAME_TAG_INLINE;
	}
	memcpy(p, six ? "\x86\xdd" : "\x08\0", 2);
	p += 2;
	if (six) {
		p[0] = 0x60;
		p[6] = proto;
		assert_int_equal(inet_pton(AF_INET6, v->src, p + 8), 1);
		assert_int_equal(inet_pton(AF_INET6, v->dst, p + 24), 1);
		p += 40;
	} else {
		p[0] = 0x45;
		p[9] = proto;
		p[6] = kind == FRAGMENT ? 0x20 : 0x40; /* more fragments; don't fragment */
		assert_int_equal(inet_pton(AF_INET, v->src, p + 12), 1);
		assert_int_equal(inet_pton(AF_INET, v->dst, p + 16), 1);
		p += 20;
	}
	p[0] = (uint8_t)(v->sport >> 8);
	p[1] = (uint8_t)v->sport;
	p[2] = (uint8_t)(v->dport >> 8);
	p[3] = (uint8_t)v->dport;
	return f;
}

static uint32_t hash(uint32_t types, const struct frame *f, bool *any)
{
	static struct nic_rss r;
	struct nic_rss_config c = { .types = types, .entries = 1 };
	uint32_t h = 0;

	memcpy(c.key, key, sizeof key);
	rss_init(&r, &c);
	*any = rss_hash(&r, f, &h);
	return h;
}

static void test_published_vectors(void **s)
{
	const uint32_t ip = NIC_RSS_IPV4 | NIC_RSS_IPV6, tcp = NIC_RSS_TCP_IPV4 | NIC_RSS_TCP_IPV6;
	const uint32_t udp = NIC_RSS_UDP_IPV4 | NIC_RSS_UDP_IPV6;

	(void)s;
	for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
		for (enum variant kind = PLAIN; kind <= TAGGED; kind++) {
			struct frame t = frame_of(&vectors[i], 6, kind), u = frame_of(&vectors[i], 17, kind);
			bool any;

			assert_int_equal(hash(ip, &t, &any), vectors[i].ip);
			assert_true(any);
			assert_int_equal(hash(ip | tcp, &t, &any), vectors[i].tcp);
			assert_int_equal(hash(ip | tcp, &u, &any), vectors[i].ip);
			assert_int_equal(hash(ip | tcp | udp, &u, &any), vectors[i].tcp);
			(void)hash(tcp, &u, &any);
			assert_false(any);
		}
}

static void test_no_hash(void **s)
{
	struct frame f = frame_of(&vectors[0], 6, FRAGMENT);
	bool any;

	(void)s;
	assert_int_equal(hash(NIC_RSS_IPV4 | NIC_RSS_TCP_IPV4, &f, &any), vectors[0].ip); /* a fragment: by addresses */
	f.hdr[12] = 0x88;
	f.hdr[13] = 0xcc;
	(void)hash(NIC_RSS_IPV4 | NIC_RSS_TCP_IPV4, &f, &any);
	assert_false(any);
	f = frame_of(&vectors[0], 6, PLAIN);
	f.hdr_len = 33; /* cut within the IP header */
	(void)hash(NIC_RSS_IPV4, &f, &any);
	assert_false(any);
	f = frame_of(&vectors[0], 6, PLAIN);
	f.hdr[14] = 0x44; /* header length below 20 */
	(void)hash(NIC_RSS_IPV4, &f, &any);
	assert_false(any);
}

/* What of the headers is there decides, to a byte: ports, addresses, nothing. */
static void test_cut_headers(void **s)
{
	const uint32_t all = NIC_RSS_IPV4 | NIC_RSS_IPV6 | NIC_RSS_TCP_IPV4 | NIC_RSS_TCP_IPV6;

	(void)s;
	for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
		for (enum variant kind = PLAIN; kind <= TAGGED; kind++) {
			const unsigned addresses = (kind == TAGGED ? 18u : 14u) + (strchr(vectors[i].src, ':') ? 40 : 20);
			struct frame f = frame_of(&vectors[i], 6, kind);
			bool any;

			f.hdr_len = (uint8_t)(addresses + 4);
			assert_int_equal(hash(all, &f, &any), vectors[i].tcp);
			f.hdr_len--;
			assert_int_equal(hash(all, &f, &any), vectors[i].ip);
			f.hdr_len = (uint8_t)addresses;
			assert_int_equal(hash(all, &f, &any), vectors[i].ip);
			f.hdr_len--;
			(void)hash(all, &f, &any);
			assert_false(any);
		}
}

/* Two CPUs, entries in turn: the first's pairs are 0, 2 and 4, the second's 1, 3. */
static void deal(uint32_t running, const uint8_t want[8])
{
	static struct nic_rss r;

	r.mask = 7;
	r.ncpus = 2;
	for (unsigned i = 0; i < 8; i++)
		r.first[i] = i % 2;
	rss_deal(&r, running);
	assert_memory_equal(r.table, want, 8);
}

static void test_entries_are_dealt_out_to_running_pairs(void **s)
{
	(void)s;
	deal(0x03, (uint8_t[]){ 0, 1, 0, 1, 0, 1, 0, 1 });
	deal(0x0f, (uint8_t[]){ 0, 1, 2, 3, 0, 1, 2, 3 });
	deal(0x1f, (uint8_t[]){ 0, 1, 2, 3, 4, 1, 0, 3 });
	deal(0x05, (uint8_t[]){ 0, 0, 2, 2, 0, 0, 2, 2 }); /* the second CPU's pairs do not run: its entries go to any */
	deal(0x00, (uint8_t[]){ 0, 1, 0, 1, 0, 1, 0, 1 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_no_hash),
		cmocka_unit_test(test_cut_headers),
		cmocka_unit_test(test_entries_are_dealt_out_to_running_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
