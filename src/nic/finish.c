/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums and segments finished in software, for a receiver or a port that does not take the frame as its sender left
 * it. The headers are copied once, checked and corrected in that copy; the payload stays where it lies, is summed there,
 * and is copied once, like any other frame's. Worker only.
 *
 * Where the transport header is, the sender's csum_start says; it is believed only as far as the IP header in front of
 * it agrees. What a sender changes in the payload meanwhile makes its own checksums wrong, nothing else.
 */
#include "nic/csum.h"
#include "nic/nic_priv.h"

#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86DDu
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define TCP_FIN_PSH 0x09u
#define TCP_CWR 0x80u

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xFFFFu);
}

/* ---- the frame's bytes ---- */

/* Piece i of the frame as it lies: the header copy, then the rest. len 0: none. */
static struct vq_seg piece(const struct frame *f, unsigned i)
{
	if (i == 0)
		return (struct vq_seg){ (uint8_t *)(uintptr_t)f->hdr, f->hdr_len };
	if (f->segs)
		return i - 1 < f->nsegs ? f->segs[i - 1] : (struct vq_seg){ NULL, 0 };
	return i == 1 ? frame_rest(f) : (struct vq_seg){ NULL, 0 };
}

/* The longest run of at most `max` bytes at the place, which moves behind it; len 0: the frame ends there. */
static struct vq_seg run(const struct frame *f, struct finish_place *at, uint32_t max)
{
	unsigned pieces = 1u + (f->segs ? f->nsegs : 1u);

	while (at->piece < pieces) {
		struct vq_seg p = piece(f, at->piece);

		if (at->off < p.len) {
			struct vq_seg r = { p.ptr + at->off, p.len - at->off < max ? p.len - at->off : max };

			at->off += r.len;
			return r;
		}
		at->piece++;
		at->off = 0;
	}
	return (struct vq_seg){ NULL, 0 };
}

static void read_bytes(const struct frame *f, struct finish_place *at, uint8_t *to, uint32_t n)
{
	while (n) {
		struct vq_seg r = run(f, at, n);

		if (r.len == 0)
			return;
		memcpy(to, r.ptr, r.len);
		to += r.len;
		n -= r.len;
	}
}

/* ---- what it is ---- */

/* Is there an IP header in head[l3 … l4) whose transport is `proto`? */
static bool parse_ip(struct finisher *s, unsigned proto)
{
	const uint8_t *h = s->head;
	unsigned type = get16(h + 12);

	s->l3 = 14;
	for (unsigned tags = 0; tags < 2 && (type == 0x8100u || type == 0x88A8u); tags++) {
		s->l3 += 4;
		type = get16(h + s->l3 - 2);
	}
	s->v6 = type == TYPE_IPV6;
	if (s->v6) /* extension headers may lie between */
		return s->l4 >= s->l3 + 40u && h[s->l3] >> 4 == 6;
	return type == TYPE_IPV4 && s->l4 >= s->l3 + 20u && h[s->l3] == (0x40u | (unsigned)(s->l4 - s->l3) / 4u) &&
	       (s->l4 - s->l3) % 4 == 0 && h[s->l3 + 9] == proto;
}

static bool parse_segments(struct finisher *s, uint32_t have)
{
	const struct virtio_net_hdr *h = &s->f->vnet;
	bool udp = s->f->offload & OFFLOAD_USO;
	unsigned l4_len = 8;

	if (s->l4 + 20u > have || !parse_ip(s, udp ? PROTO_UDP : PROTO_TCP))
		return false;
	if (!udp) {
		l4_len = s->head[s->l4 + 12] >> 4 << 2;
		if (l4_len < 20 || s->v6 != !!(s->f->offload & OFFLOAD_TSO6))
			return false;
	}
	if (s->l4 + l4_len > have || h->csum_offset != (udp ? 6 : 16))
		return false;
	s->head_len = (uint16_t)(s->l4 + l4_len);
	s->left = s->f->len - s->head_len;
	s->part_len = h->gso_size;
	s->parts = s->left ? (s->left - 1) / s->part_len + 1 : 1;
	/* a frame of tiny segments would make much work of little */
	return s->parts <= FINISH_PARTS && s->head_len + s->part_len <= PORT_MAX_FRAME;
}

bool finish_begin(struct finisher *s, const struct frame *f, unsigned taken)
{
	uint32_t have = f->len < FINISH_HEAD ? f->len : FINISH_HEAD;
	struct finish_place at = { 0, 0 };

	s->f = f;
	s->still = f->offload & taken & OFFLOAD_CSUM;
	s->l4 = f->vnet.csum_start;
	s->csum_at = (uint16_t)(s->l4 + f->vnet.csum_offset);
	s->done = 0;
	read_bytes(f, &at, s->head, have);
	if (f->offload & OFFLOAD_SEGMENTS) {
		if (!parse_segments(s, have))
			return false;
	} else {
		if (s->csum_at + 2u > have)
			return false;
		s->head_len = (uint16_t)(s->csum_at + 2u);
		s->left = s->part_len = f->len - s->head_len;
		s->parts = 1;
	}
	s->at = (struct finish_place){ 0, 0 };
	for (uint32_t skip = s->head_len; skip;)
		skip -= run(f, &s->at, skip).len;
	return true;
}

void finish_count(struct counters *cnt, const struct finisher *s)
{
	if (s->f->offload & OFFLOAD_SEGMENTS) {
		count(&cnt->c.sw_segmented, 1);
		count(&cnt->c.sw_segments, s->parts);
	}
	if (!s->still)
		count(&cnt->c.sw_checksums, s->parts);
}

/* ---- one part ---- */

/* The sum over the pseudo-header: addresses, protocol, length of what follows the IP header. */
static uint64_t pseudo_sum(const struct finisher *s, const uint8_t *head, uint32_t len)
{
	bool udp = s->f->offload & OFFLOAD_USO;
	uint8_t rest[8] = { 0 };

	put32(rest, len);
	rest[7] = udp ? PROTO_UDP : PROTO_TCP;
	return csum_add(csum_add(0, rest, sizeof rest, false), head + s->l3 + (s->v6 ? 8 : 12), s->v6 ? 32 : 8, false);
}

/* Headers of the part whose payload is `n` bytes behind the `done` before it. */
static void fix_headers(const struct finisher *s, uint8_t *head, uint32_t n, bool first, bool last)
{
	uint8_t *ip = head + s->l3, *l4 = head + s->l4;
	uint32_t l4_total = s->head_len - s->l4 + n;

	if (s->v6) {
		put16(ip + 4, s->l4 - s->l3 - 40u + l4_total);
	} else {
		uint16_t sum;

		put16(ip + 2, s->l4 - s->l3 + l4_total);
		put16(ip + 4, get16(ip + 4) + s->done / s->part_len);
		put16(ip + 10, 0);
		sum = (uint16_t)~csum_fold(csum_add(0, ip, s->l4 - s->l3, false));
		memcpy(ip + 10, &sum, sizeof sum);
	}
	if (s->f->offload & OFFLOAD_USO) {
		put16(l4 + 4, l4_total);
	} else {
		put32(l4 + 4, get32(l4 + 4) + s->done);
		if (!last)
			l4[13] &= (uint8_t)~TCP_FIN_PSH;
		if (!first)
			l4[13] &= (uint8_t)~TCP_CWR;
	}
	memset(head + s->csum_at, 0, 2);
}

/* Completes the checksum over the transport's header and the payload; `sum`: what it starts from. */
static void finish_checksum(const struct finisher *s, uint8_t *head, const struct vq_seg *seg, unsigned n, uint64_t sum)
{
	bool odd = (s->head_len - s->l4) & 1;
	uint16_t folded;

	sum = csum_add(sum, head + s->l4, s->head_len - s->l4, false);
	for (unsigned i = 0; i < n; i++) {
		sum = csum_add(sum, seg[i].ptr, seg[i].len, odd);
		odd ^= seg[i].len & 1;
	}
	folded = (uint16_t)~csum_fold(sum);
	if (folded == 0)
		folded = 0xFFFF; /* 0 is UDP's "none"; for others both mean the same */
	memcpy(head + s->csum_at, &folded, sizeof folded);
}

/* Room for a part with the most pieces there can be; what lies there before is carried out first if it must. */
static struct finished *new_part(struct worker *w, unsigned pieces)
{
	if (w->nfinished == FINISH_PARTS || w->nfinish_segs + pieces > FINISH_SEGS)
		dispatch_carry_out(w);
	return &w->finished[w->nfinished++];
}

/* The payload of the next part as pieces behind `seg`; returns how many there are. */
static unsigned take_payload(struct finisher *s, struct vq_seg *seg, uint32_t n)
{
	unsigned nseg = 0;

	while (n) {
		seg[nseg] = run(s->f, &s->at, n);
		n -= seg[nseg++].len;
	}
	return nseg;
}

/* The part as a frame: the first bytes of its headers, the others, its payload. */
static void make_frame(struct finisher *s, struct finished *part, struct vq_seg *seg, unsigned nseg, uint32_t len)
{
	const struct frame *f = s->f;
	struct frame *o = &part->f;

	*o = *f;
	o->hdr_len = (uint8_t)(s->head_len < FRAME_HDR ? s->head_len : FRAME_HDR);
	o->whole = false;
	memset(o->hdr, 0, FRAME_HDR);
	memcpy(o->hdr, part->head, o->hdr_len);
	o->len = len;
	o->segs = nseg > 1 ? seg : NULL;
	o->nsegs = (uint16_t)nseg;
	o->rest = nseg ? seg[0].ptr : NULL;
	o->offload = (uint8_t)s->still;
	o->vnet = (struct virtio_net_hdr){ 0 };
	if (s->still) {
		o->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		o->vnet.csum_start = f->vnet.csum_start;
		o->vnet.csum_offset = f->vnet.csum_offset;
	}
}

struct frame *finish_next(struct worker *w, struct finisher *s)
{
	bool segments = s->f->offload & OFFLOAD_SEGMENTS;
	uint32_t n = s->left < s->part_len ? s->left : s->part_len;
	struct finished *part;
	struct vq_seg *seg, *payload;
	unsigned npayload;
	uint64_t sum = 0;

	if (s->parts == 0)
		return NULL;
	s->parts--;
	part = new_part(w, s->f->nsegs + 3u);
	seg = payload = &w->finish_segs[w->nfinish_segs];
	memcpy(part->head, s->head, s->head_len);
	if (s->head_len > FRAME_HDR)
		*payload++ = (struct vq_seg){ part->head + FRAME_HDR, s->head_len - FRAME_HDR };
	npayload = take_payload(s, payload, n);
	if (segments) {
		fix_headers(s, part->head, n, s->done == 0, s->parts == 0);
		sum = pseudo_sum(s, part->head, s->head_len - s->l4 + n);
	}
	if (s->still) {
		uint16_t pseudo = csum_fold(sum);

		memcpy(part->head + s->csum_at, &pseudo, sizeof pseudo);
	} else {
		finish_checksum(s, part->head, payload, npayload, sum);
	}
	w->nfinish_segs += (unsigned)(payload - seg) + npayload;
	make_frame(s, part, seg, (unsigned)(payload - seg) + npayload, s->head_len + n);
	s->done += n;
	s->left -= n;
	return &part->f;
}
