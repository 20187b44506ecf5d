/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one copy: from where the sender's frame lies into the receive buffers that the VM has posted, and the one
 * publication a ring and burst. Worker only; the rings are this worker's.
 *
 * Deliveries that came in runs, a run for each ring, go ring by ring, and so does whatever else scatter.c leaves. Steps over the
 * whole burst: buffers taken, descriptors read and translated, bytes copied, used indexes published. What the fast way can't do
 * (a buffer in several pieces, a frame over several buffers) is done one by one, in order, by deliver_slow; from its first such
 * frame on, a ring's burst goes that way.
 */
#include "nic/copy.h"
#include "nic/moderate.h"
#include "nic/tap.h"

#define MAX_MERGED 64u /* buffers of one frame: 64 KiB into buffers of 1 KiB */
#define PUBLISH_AHEAD 6u /* rings whose used indexes are on the way while one is published */

/* ---- one by one ---- */

struct stream { /* pieces to write into, one after the other */
	struct vq_seg *seg;
	unsigned n;
};

static void stream_write(struct stream *s, const uint8_t *src, uint32_t len)
{
	while (len && s->n) {
		uint32_t take = len < s->seg->len ? len : s->seg->len;

		memcpy(s->seg->ptr, src, take);
		src += take;
		len -= take;
		s->seg->ptr += take;
		s->seg->len -= take;
		if (s->seg->len == 0) {
			s->seg++;
			s->n--;
		}
	}
}

static void stream_frame(struct stream *s, const struct nic_queue *q, const struct frame *f, enum tag_op op, uint16_t buffers)
{
	uint8_t head[sizeof(struct virtio_net_hdr_v1)], edited[FRAME_HDR + 4];

	write_header(head, q, f, op, buffers);
	stream_write(s, head, q->rx.hdr_len);
	if (op == TAG_KEEP)
		stream_write(s, f->hdr, f->hdr_len);
	else
		stream_write(s, edited, frame_edit_header(f, op, edited));
	if (f->segs)
		for (unsigned i = 0; i < f->nsegs; i++)
			stream_write(s, f->segs[i].ptr, f->segs[i].len);
	else
		stream_write(s, f->rest, frame_rest(f).len);
}

static void log_pieces(const struct virtqueue *vq, const uint64_t *gpa, const struct vq_seg *seg, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		virtqueue_log(vq, gpa[i], seg[i].len);
}

/* True: delivered. False: dropped, *why; the ring is as before (or broken). */
static bool deliver_slow(struct nic_queue *q, struct delivery *d, enum nic_drop *why)
{
	struct virtqueue *vq = &q->rx;
	struct vq_seg seg[VQ_MAX_SEGS];
	uint64_t gpa[VQ_MAX_SEGS];
	struct {
		uint32_t room;
		uint16_t id, ndesc;
	} buf[MAX_MERGED];
	uint32_t need = vq->hdr_len + d->len, have = 0;
	unsigned nbuf = 0, nseg = 0;
	uint16_t pos = vq->last_avail;
	struct stream s;

	*why = NIC_DROP_RX_NO_BUFFER;
	while (have < need) {
		struct vq_chain c = { .seg = seg + nseg, .gpa = gpa + nseg, .max = VQ_MAX_SEGS - nseg };
		int n;

		if (nbuf && !vq->mergeable) {
			*why = NIC_DROP_RX_TOO_LONG;
			return false;
		}
		if (!virtqueue_ready(vq, pos))
			return false;
		n = virtqueue_chain(vq, pos, true, &c);
		if (vq->broken)
			return false;
		if (n < 0 || nbuf == MAX_MERGED) {
			*why = NIC_DROP_RX_TOO_LONG;
			return false;
		}
		buf[nbuf].room = c.total;
		buf[nbuf].id = c.id;
		buf[nbuf].ndesc = c.ndesc;
		nbuf++;
		nseg += (unsigned)n;
		have += c.total;
		pos = c.next;
	}
	if (vq->log)
		log_pieces(vq, gpa, seg, nseg);
	s = (struct stream){ seg, nseg };
	stream_frame(&s, q, d->f, d->op, (uint16_t)nbuf);
	d->buffers = (uint16_t)nbuf;
	for (unsigned i = 0; i < nbuf; i++) {
		uint32_t used = need < buf[i].room ? need : buf[i].room;

		virtqueue_used(vq, buf[i].id, used, buf[i].ndesc);
		need -= used;
	}
	vq->last_avail = pos;
	return true;
}

/* ---- the burst ---- */

/* The rings of the deliveries that are in rows. */
static void name_rings(struct worker *w)
{
	for (unsigned i = 0; i < w->nrows; i++)
		for (unsigned k = 0; k < w->row[i].n; k++)
			w->ring[w->row[i].first + k] = w->row[i].q;
}

/* One row for each ring, of all deliveries to it, in the order in which they were. */
static __attribute__((noinline)) void regroup(struct worker *w)
{
	unsigned at = 0;

	for (unsigned i = 0; i < w->ntouched; i++) {
		struct nic_queue *q = w->touched[i];

		w->row[i] = (struct row){ .q = q, .first = (uint16_t)at, .n = q->rx_planned };
		q->rx_place = (uint16_t)at;
		at += q->rx_planned;
	}
	w->nrows = w->ntouched;
	for (unsigned k = 0; k < w->ndeliver; k++) {
		struct nic_queue *q = w->ring[k];
		unsigned to = q->rx_place++;

		w->regrouped[to] = w->deliver[k];
		w->rx_buf[to].len = q->rx.hdr_len + w->deliver[k].len;
	}
	memcpy(w->deliver, w->regrouped, w->ndeliver * sizeof w->deliver[0]);
	w->nrowed = w->ndeliver;
}

/* What the rate limits of the burst's receivers do not let through goes out of its row. */
static void drop_beyond_limits(struct worker *w)
{
	for (unsigned i = 0; i < w->nrows; i++) {
		struct row *r = &w->row[i];
		struct nic_vport *v = r->q->vport;
		unsigned kept = r->first;

		if (!is_set(&v->rx_limited))
			continue;
		for (unsigned k = r->first; k < r->first + r->n; k++) {
			if (!limit_pass(&v->limit.rx, w->now, w->deliver[k].len)) {
				drop_frame(w, r->q->nic, v, w->deliver[k].f, NIC_DROP_RX_LIMIT);
				continue;
			}
			w->deliver[kept] = w->deliver[k];
			w->rx_buf[kept++].len = w->rx_buf[k].len;
		}
		r->n = (uint16_t)(kept - r->first);
	}
}

/* Of a row only the first n frames stay. */
static __attribute__((noinline)) void drop_end(struct worker *w, struct row *r, unsigned n, enum nic_drop why)
{
	for (unsigned k = n; k < r->n; k++)
		drop_frame(w, r->q->nic, r->q->vport, w->deliver[r->first + k].f, why);
	r->n = (uint16_t)n;
}

/* Positions of the receive ring; frames without one are dropped. */
static void take_buffers(struct worker *w)
{
	for (unsigned i = 0; i < w->nrows; i++) {
		struct row *r = &w->row[i];
		struct virtqueue *vq = &r->q->rx;
		unsigned got;

		r->pos = vq->last_avail;
		got = vq->broken ? 0 : virtqueue_take(vq, &w->rx_buf[r->first], r->n);
		if (__builtin_expect(got < r->n, 0))
			drop_end(w, r, got, vq->broken ? NIC_DROP_RX_NOT_CONNECTED : NIC_DROP_RX_NO_BUFFER);
	}
}

/* The memory of each buffer; the first of a ring that the fast way can't use ends its fast way. */
static void find_memory(struct worker *w)
{
	for (unsigned i = 0; i < w->nrows; i++) {
		struct row *r = &w->row[i];
		struct nic_queue *q = r->q;

		r->fast = 0;
		if (__builtin_expect(q->rx_slow, 0))
			continue;
		r->fast = (uint16_t)virtqueue_slots(&q->rx, r->pos, &w->rx_buf[r->first], r->n);
		if (__builtin_expect(r->fast < r->n, 0)) {
			q->rx_slow = true; /* the slow way also says what is wrong with it, if anything */
			q->rx.last_avail = virtqueue_step(&q->rx, r->pos, r->fast);
		}
	}
}

/* The rest of a row, one by one. */
static void deliver_rest(struct worker *w, struct row *r)
{
	struct nic_queue *q = r->q;

	for (unsigned k = r->first + r->fast; k < r->first + r->n; k++) {
		enum nic_drop why = NIC_DROP_RX_NOT_CONNECTED;
		struct delivery *d = &w->deliver[k];

		d->buffers = 0;
		if (!q->rx.broken && deliver_slow(q, d, &why)) {
			q->rx_frames++;
			q->rx_bytes += d->len;
		} else {
			drop_frame(w, q->nic, q->vport, d->f, q->rx.broken ? NIC_DROP_RX_NOT_CONNECTED : why);
		}
	}
}

static void log_row(const struct virtqueue *vq, const struct vq_buf *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		virtqueue_log(vq, b[i].gpa, b[i].len);
}

static void copy_all(struct worker *w)
{
	for (unsigned i = 0; i < w->nrows; i++) {
		struct row *r = &w->row[i];
		struct nic_queue *q = r->q;
		const struct vq_buf *b = &w->rx_buf[r->first];
		struct delivery *d = &w->deliver[r->first];
		const uint8_t hdr_len = q->rx.hdr_len;
		uint64_t bytes = 0;

		for (unsigned k = 0; k < r->fast; k++) {
			write_header(b[k].ptr, q, d[k].f, d[k].op, 1);
			copy_frame(b[k].ptr + hdr_len, d[k].f, d[k].op);
			bytes += d[k].len;
			d[k].buffers = 1;
		}
		virtqueue_used_row(&q->rx, b, r->fast);
		q->rx_frames += r->fast;
		q->rx_bytes += bytes;
		if (__builtin_expect(q->rx.log != NULL, 0))
			log_row(&q->rx, b, r->fast);
		if (__builtin_expect(r->fast < r->n, 0))
			deliver_rest(w, r);
	}
}

/* Ring by ring, any kind and layout. */
static void by_rings(struct worker *w, bool grouped)
{
	bool limited = false;

	for (unsigned i = 0; i < w->ntouched; i++) {
		limited |= is_set(&w->touched[i]->vport->rx_limited);
		if (!grouped)
			virtqueue_prefetch(&w->touched[i]->rx);
		if (i < PUBLISH_AHEAD)
			virtqueue_prefetch_used(&w->touched[i]->rx);
	}
	if (!grouped)
		regroup(w);
	if (__builtin_expect(limited, 0))
		drop_beyond_limits(w);
	take_buffers(w);
	find_memory(w);
	copy_all(w);
}

/* Each ring's frames of the burst become visible at once. With many rings their indexes are asked for only now: drivers look at them all
 * the time, and what was asked for earlier is gone again. */
static void publish_all(struct worker *w)
{
	for (unsigned i = 0; i < w->ntouched; i++) {
		struct nic_queue *q = w->touched[i];

		if (i + PUBLISH_AHEAD < w->ntouched)
			virtqueue_prefetch_used(&w->touched[i + PUBLISH_AHEAD]->rx);
		q->rx_touched = q->rx_slow = false;
		if (q->rx.used_idx != q->rx.used_public) {
			const struct moderate_level level = moderate_level_of(q->vport);

			count(&q->cnt->c.rx_frames, q->rx_frames);
			count(&q->cnt->c.rx_bytes, q->rx_bytes);
			count(&q->total.rx_frames, q->rx_frames);
			count(&q->total.rx_bytes, q->rx_bytes);
			count(&q->cnt->c.rx_batches, 1);
			virtqueue_publish(&q->rx);
			notify_rx(w, q, moderate_published(&q->mod, &level, q->rx_frames, w->now, w->engine->cycles_per_us));
		}
		q->rx_planned = 0;
		q->rx_frames = 0;
		q->rx_bytes = 0;
		if (__builtin_expect(q->rx.broken != NULL, 0))
			engine_report_broken(w, q);
	}
	w->ntouched = 0;
}

void deliver_rings(struct worker *w)
{
	const bool grouped = w->nrowed == w->ndeliver && w->nrows == w->ntouched;

	if (w->ndeliver == 0)
		return;
	if (!grouped)
		name_rings(w);
	w->mixed = !grouped;
	if (grouped || !scatter(w))
		by_rings(w, grouped);
	publish_all(w);
	if (tapped(w)) {
		name_rings(w);
		tap_delivered(w);
	}
	w->ndeliver = w->nrows = w->nrowed = 0;
	w->ring_planned = 0;
}
