/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where frames come from: a VM's transmit ring, a port. Fills the worker's burst with frames whose first 64 bytes have
 * been read (once), then finishes the burst: classify, deliver, give back. Worker only; touches no other worker's state.
 *
 * The steps go over the whole burst one after the other, so that the cache lines of all its descriptors, then of all
 * its buffers, travel at the same time.
 */
#include "nic/tap.h"

#define ETHER_HDR 14u
#define READ_AHEAD 16u /* frames whose first lines are on the way while those before are read */

static struct frame *new_frame(struct worker *w)
{
	return &w->frame[w->nframes++];
}

/* With no other frame in the burst it is published at the end of the turn. */
static void give_back_unsent(struct worker *w, struct nic_queue *q, const struct vq_chain *c, enum nic_drop why)
{
	count_drop(q->cnt, why);
	if (tapped(w))
		tap_refused(w, q->nic, q->vport, c->total > q->tx.hdr_len ? c->total - q->tx.hdr_len : 0, why);
	virtqueue_done(&q->tx, c->id, c->ndesc);
	notify_tx(w, q);
}

/* What the sender left to others, from the header at p; false: not allowed. Drivers that leave nothing are not asked. */
static inline bool read_offload(struct frame *f, const uint8_t *p, uint8_t sends)
{
	struct virtio_net_hdr h;

	f->offload = 0;
	if (__builtin_expect(sends == 0, 1))
		return true;
	memcpy(&h, p, sizeof h);
	return (h.flags == 0 && h.gso_type == VIRTIO_NET_HDR_GSO_NONE) || offload_read(f, &h, sends);
}

/* The slow way: any layout. seg[0 … n) hold virtio header and frame. */
static void read_pieces(struct frame *f, struct vq_seg *seg, unsigned n, uint32_t skip, uint32_t len)
{
	uint32_t got = 0;

	f->len = len;
	memset(f->hdr, 0, FRAME_HDR);
	while (n && (skip || got < FRAME_HDR)) {
		uint32_t take = skip ? skip : FRAME_HDR - got;

		if (take > seg->len)
			take = seg->len;
		if (skip) {
			skip -= take;
		} else {
			memcpy(f->hdr + got, seg->ptr, take);
			got += take;
		}
		seg->ptr += take;
		seg->len -= take;
		if (seg->len == 0) {
			seg++;
			n--;
		}
	}
	f->hdr_len = (uint8_t)got;
	f->whole = false;
	f->segs = n > 1 ? seg : NULL;
	f->nsegs = (uint16_t)n;
	f->rest = n ? seg[0].ptr : NULL;
}

/* The virtio header of a buffer in pieces. */
static void gather_header(const struct vq_seg *seg, uint8_t *h, uint32_t len)
{
	while (len) {
		uint32_t take = seg->len < len ? seg->len : len;

		memcpy(h, seg->ptr, take);
		h += take;
		len -= take;
		seg++;
	}
}

/* The buffer at `pos` in whatever layout into f. False: it went back unsent, or the ring broke. *next: the position behind it. */
static bool take_chain(struct worker *w, struct nic_queue *q, struct frame *f, uint16_t pos, uint16_t *next)
{
	struct virtqueue *vq = &q->tx;
	struct vq_chain c = { .seg = &w->segs[w->nsegs], .max = VQ_MAX_SEGS };
	int n = virtqueue_chain(vq, pos, false, &c);
	uint32_t len = c.total - vq->hdr_len;
	uint8_t head[sizeof(struct virtio_net_hdr_v1)];

	if (vq->broken)
		return false;
	*next = c.next;
	virtqueue_taken(vq, c.id, c.ndesc);
	if (n < 0 || (c.total >= vq->hdr_len && len > OFFLOAD_MAX_FRAME)) {
		give_back_unsent(w, q, &c, NIC_DROP_TX_TOO_LONG);
		return false;
	}
	if (c.total < vq->hdr_len + ETHER_HDR) {
		give_back_unsent(w, q, &c, NIC_DROP_TX_RUNT);
		return false;
	}
	gather_header(c.seg, head, vq->hdr_len);
	read_pieces(f, c.seg, (unsigned)n, vq->hdr_len, len);
	if (!read_offload(f, head, q->sends) || (len > PORT_MAX_FRAME && !(f->offload & OFFLOAD_SEGMENTS))) {
		give_back_unsent(w, q, &c, len > PORT_MAX_FRAME && !f->offload ? NIC_DROP_TX_TOO_LONG : NIC_DROP_TX_BAD_OFFLOAD);
		return false;
	}
	if (f->segs)
		w->nsegs += (unsigned)n;
	f->id = c.id;
	f->ndesc = c.ndesc;
	return true;
}

/* Of n frames, as many as the VPort's rate limit lets through now; *credit: and so many bytes. 0: the ring is held. */
static unsigned within_limit(struct worker *w, struct nic_queue *q, unsigned n, int32_t *credit)
{
	const struct limit *l = &q->vport->limit.tx;
	struct limit_room room = limit_room(l, w->now);

	if (room.frames == 0 || room.bytes == 0) {
		worker_hold_queue(w, q, limit_due(l, w->now, LIMIT_WAIT_US * w->engine->cycles_per_us));
		return 0;
	}
	if (*credit > room.bytes)
		*credit = room.bytes;
	return n < room.frames ? n : room.frames;
}

static inline void prefetch_frame(const struct vq_buf *b, uint8_t hdr_len)
{
	__builtin_prefetch((const void *)((uintptr_t)b->ptr + hdr_len)); /* may be NULL */
}

/* There is something, or the ring breaks. */
static __attribute__((noinline)) unsigned take_frames(struct worker *w, struct nic_queue *q)
{
	struct virtqueue *vq = &q->tx;
	struct frame *const first = &w->frame[w->nframes], *f = first;
	struct vq_buf buf[WORKER_BURST];
	const uint16_t begin = vq->last_avail;
	const uint8_t hdr_len = vq->hdr_len, sends = q->sends;
	const uint32_t src_vport = q->vport->id;
	const struct filter_table *t = __atomic_load_n(&q->nic->filters, __ATOMIC_ACQUIRE);
	unsigned n = virtqueue_fetch(vq, buf, burst_room(w), hdr_len + ETHER_HDR, hdr_len + PORT_MAX_FRAME), i;
	uint64_t bytes = 0, key = 0;
	int32_t credit = w->nactive > 1 ? q->credit + RING_QUANTUM : INT32_MAX;
	struct { unsigned behind; uint16_t pos; } chain = { 0, 0 }; /* the last one taken: it is before number `behind` */
	bool limited;

	if (n == 0)
		return 0;
	limited = is_set(&q->vport->tx_limited);
	if (__builtin_expect(limited, 0)) {
		n = within_limit(w, q, n, &credit);
		if (n == 0)
			return 0;
	}
	for (i = 0; i < n && i < READ_AHEAD; i++)
		prefetch_frame(&buf[i], hdr_len);
	/* the bytes that decide */
	for (i = 0; i < n && credit > 0; i++) {
		const struct vq_buf *b = &buf[i];

		if (i + READ_AHEAD < n)
			prefetch_frame(b + READ_AHEAD, hdr_len);
		if (__builtin_expect(b->ptr != NULL, 1)) {
			virtqueue_taken(vq, b->id, 1);
			frame_read_piece(f, b->ptr + hdr_len, b->len - hdr_len);
			f->id = b->id;
			f->ndesc = 1;
			if (__builtin_expect(!read_offload(f, b->ptr, sends), 0)) {
				give_back_unsent(w, q, &(struct vq_chain){ .id = f->id, .ndesc = 1 }, NIC_DROP_TX_BAD_OFFLOAD);
				continue;
			}
		} else {
			if (w->nsegs + VQ_MAX_SEGS > WORKER_SEGS)
				break; /* the rest waits for the next burst */
			chain.behind = i + 1;
			if (!take_chain(w, q, f, virtqueue_step(vq, begin, i), &chain.pos)) {
				if (vq->broken)
					return 0; /* nothing of a broken ring's burst goes anywhere */
				credit -= (int32_t)ETHER_HDR;
				continue;
			}
		}
		f->queue = q;
		f->held = NULL;
		f->src_vport = src_vport;
		frame_read_tag(f);
		frame_find_key(f, t, &key);
		bytes += f->len;
		credit -= (int32_t)f->len;
		f++;
	}
	vq->last_avail = i && i == chain.behind ? chain.pos : virtqueue_step(vq, begin, i);
	n = (unsigned)(f - first);
	w->nframes += n;
	q->credit = credit > 0 ? 0 : credit; /* what it took too much is taken off its next turn */
	if (n) {
		count(&q->cnt->c.tx_frames, n);
		count(&q->cnt->c.tx_bytes, bytes);
		count(&q->total.tx_frames, n);
		count(&q->total.tx_bytes, bytes);
	}
	if (__builtin_expect(limited, 0))
		limit_take(&q->vport->limit.tx, w->now, i, bytes);
	return i;
}

unsigned ingress_queue(struct worker *w, struct nic_queue *q)
{
	if (virtqueue_ready(&q->tx, q->tx.last_avail))
		return take_frames(w, q);
	q->credit = 0; /* who has nothing to send owes nothing */
	return 0;
}

/* A frame of a port, its bytes at pf->data; false: dropped, it is the caller's to release. last: as for frame_find_key. */
static bool add_port_frame(struct worker *w, struct port_source *s, const struct port_frame *pf, uint64_t *last)
{
	const struct filter_table *t = __atomic_load_n(&s->nic->filters, __ATOMIC_ACQUIRE);
	struct frame *f = new_frame(w);

	frame_read_piece(f, pf->data, pf->len);
	f->queue = NULL;
	f->port = s;
	f->held = NULL;
	f->cookie = pf->cookie;
	f->src_vport = s->vport ? s->vport->id : FRAME_FROM_WIRE;
	if (pf->flags & PORT_FRAME_VLAN) {
		f->tag = FRAME_TAG_BESIDE;
		f->tci = pf->vlan_tci;
	} else {
		frame_read_tag(f);
	}
	f->offload = 0;
	if (__builtin_expect(!pf->vnet, 1) || offload_read(f, pf->vnet, OFFLOAD_NEEDS | OFFLOAD_VALID)) {
		frame_find_key(f, t, last);
		return true;
	}
	count_drop(s->cnt, NIC_DROP_TX_BAD_OFFLOAD);
	w->nframes--;
	return false;
}

void ingress_inject(struct worker *w, struct port_source *s, uint8_t *data, uint32_t len)
{
	const struct port_frame pf = { .data = data, .len = len };
	uint64_t none = 0;

	(void)add_port_frame(w, s, &pf, &none); /* nothing is left to others in it */
	count(&s->cnt->c.tx_frames, 1);
	count(&s->cnt->c.tx_bytes, len);
}

unsigned ingress_port(struct worker *w, struct port_source *s)
{
	struct port_frame pf[WORKER_BURST];
	unsigned n = s->port->ops->rx_burst(s->port, pf, burst_room(w));
	uint64_t bytes = 0, key = 0;

	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(pf[i].data);
	for (unsigned i = 0; i < n; i++) {
		bytes += pf[i].len;
		if (__builtin_expect(!add_port_frame(w, s, &pf[i], &key), 0))
			s->port->ops->rx_release(s->port, &pf[i], 1);
	}
	if (n == 0)
		return 0;
	if (s->vport) { /* what the host sends */
		count(&s->cnt->c.tx_frames, n);
		count(&s->cnt->c.tx_bytes, bytes);
	} else { /* what came in from the wire */
		count(&s->cnt->c.rx_frames, n);
		count(&s->cnt->c.rx_bytes, bytes);
		count(&s->cnt->c.rx_batches, 1);
	}
	return n;
}
