/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames: whole, valid IPv4/UDP, so that switches that look deeper have something to look at. The first 64 bytes of
 * each destination's are prepared once and copied for every frame sent; the rest of a buffer is written once. Called in
 * the measured loop: frames_write does what a guest's driver at least has to, and no more.
 */
#include "vugen.h"

#include <stdlib.h>
#include <string.h>

#define UDP_PORT 5000u

static unsigned flow_at; /* where the UDP source port lies */

static void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put_mac(uint8_t *at, unsigned id)
{
	static const uint8_t prefix[4] = { 0x52, 0x54, 0, 0 };

	memcpy(at, prefix, sizeof prefix);
	put16(at + 4, id);
}

static unsigned ip_checksum(const uint8_t *ip)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += (unsigned)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16)) & 0xffff;
}

/* Writes a whole frame of `size` bytes; returns where its UDP header begins. */
static unsigned frame_fill(const struct port *p, uint8_t *f, const uint8_t dst[6], unsigned size)
{
	unsigned at = 12, ip_len;
	uint8_t *ip;

	memset(f, 0, size);
	memcpy(f, dst, 6);
	put_mac(f + 6, p->id);
	if (opt.vlan >= 0) {
		put16(f + at, 0x8100);
		put16(f + at + 2, (unsigned)opt.vlan);
		at += 4;
	}
	put16(f + at, 0x0800);
	ip = f + at + 2;
	ip_len = size - at - 2;
	ip[0] = 0x45;
	put16(ip + 2, ip_len);
	ip[8] = 64;
	ip[9] = 17;
	ip[12] = ip[16] = 10;
	put16(ip + 14, p->id);
	put16(ip + 18, frame_owner(dst));
	put16(ip + 10, ip_checksum(ip));
	put16(ip + 20, UDP_PORT);
	put16(ip + 22, UDP_PORT);
	put16(ip + 24, ip_len - 20);
	return at + 2 + 20;
}

void frame_broadcast(const struct port *p, uint8_t *f)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	(void)frame_fill(p, f, all, MIN_FRAME);
}

static void add_destination(struct port *p, const uint8_t dst[6])
{
	uint8_t whole[MAX_FRAME];

	flow_at = frame_fill(p, whole, dst, opt.size);
	memcpy(p->head[p->ndst++], whole, FRAME_HEAD);
}

/* The ports a sender sends to: all that receive, in pairs mode the one of the same place; never itself. */
static void prepare_sender(struct port *p, unsigned place)
{
	uint8_t mac[6];

	if (!p->head)
		p->head = aligned_alloc(64, (size_t)(gen.nrx + 1) * FRAME_HEAD);
	if (!p->head)
		die("no memory for", p->front.path);
	p->ndst = p->next_dst = 0;
	if (opt.has_dmac) {
		add_destination(p, opt.dmac);
	} else {
		for (unsigned i = 0; i < gen.nrx; i++) {
			if (gen.rx[i] == p || (opt.pairs && i != place))
				continue;
			put_mac(mac, gen.rx[i]->id);
			add_destination(p, mac);
		}
	}
	if (!p->ndst)
		fail(p->front.path, "this port sends, but there is no port for it to send to");
	for (unsigned i = 0; i < opt.ring; i++)
		(void)frame_fill(p, ring_buffer(&p->front.q[TX], i) + HDR_LEN, p->head[0], opt.size);
}

void frames_prepare(void)
{
	for (unsigned i = 0; i < gen.ntx; i++)
		prepare_sender(gen.tx[i], i);
	for (unsigned i = 0; i < gen.necho; i++)
		prepare_sender(gen.echo[i], 0);
}

/* A fast generator of enough quality to choose a destination (xorshift; Marsaglia 2003). */
static uint32_t next_random(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static inline const uint8_t *next_head(struct port *p, bool random)
{
	unsigned i;

	if (random)
		return p->head[(uint64_t)next_random() * p->ndst >> 32];
	i = p->next_dst;
	p->next_dst = i + 1 == p->ndst ? 0 : i + 1;
	return p->head[i];
}

/* What the options ask for beyond the head. */
static void dress(struct port *p, uint8_t *f, uint64_t stamp)
{
	static unsigned flow;

	if (p->echo) {
		const struct echo *e = &p->echo[p->echo_out++ & (2 * opt.ring - 1)];

		put_mac(f, e->to);
		stamp = e->stamp;
	}
	if (opt.latency)
		memcpy(f + STAMP_AT, &stamp, sizeof stamp);
	if (opt.flows > 1) {
		put16(f + flow_at, flow);
		flow = flow + 1 == opt.flows ? 0 : flow + 1;
	}
	if (opt.full)
		for (unsigned i = FRAME_HEAD; i + sizeof p->sequence <= opt.size; i += 64)
			memcpy(f + i, &p->sequence, sizeof p->sequence);
	p->sequence++;
}

void frames_write(struct port *p, uint8_t *const *f, unsigned n, uint64_t stamp)
{
	const bool random = opt.random;

	for (unsigned i = 0; i < n; i++)
		memcpy(f[i], next_head(p, random), FRAME_HEAD);
	if (opt.latency || opt.full || opt.flows > 1)
		for (unsigned i = 0; i < n; i++)
			dress(p, f[i], stamp);
}
