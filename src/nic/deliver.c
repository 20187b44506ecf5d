/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one copy: from where the sender's frame lies into the receive buffers that the VM has posted, and the one
 * publication a ring and burst. Worker only; the rings are this worker's.
 *
 * Steps over the whole burst: rings looked at, deliveries put together by ring, buffers taken, descriptors read and
 * translated, bytes copied, used indexes published. What the fast way can't do (a buffer in several pieces, a frame over
 * several buffers) is done one by one, in order, by deliver_slow; from its first such frame on, a ring's burst goes that way.
 */
#include "nic/moderate.h"
#include "nic/tap.h"

#define MAX_MERGED 64u /* buffers of one frame: 64 KiB into buffers of 1 KiB */

static void copy_rest(uint8_t *dst, const struct frame *f)
{
	if (f->segs == NULL) {
		if (f->len > f->hdr_len)
			memcpy(dst, f->rest, f->len - f->hdr_len);
		return;
	}
	for (unsigned i = 0; i < f->nsegs; i++) {
		memcpy(dst, f->segs[i].ptr, f->segs[i].len);
		dst += f->segs[i].len;
	}
}

/* Very short, in pieces, or with a tag to be taken out or put in. */
static __attribute__((noinline)) void copy_odd(uint8_t *dst, const struct frame *f, enum tag_op op)
{
	uint8_t edited[FRAME_HDR + 4];
	uint32_t n = f->hdr_len;

	if (op == TAG_KEEP) {
		memcpy(dst, f->hdr, n);
	} else {
		n = frame_edit_header(f, op, edited);
		memcpy(dst, edited, n);
	}
	copy_rest(dst + n, f);
}

/* The frame as the receiver shall see it into one piece of memory with room for it. */
static inline __attribute__((always_inline)) void copy_frame(uint8_t *dst, const struct frame *f, enum tag_op op)
{
	if (__builtin_expect(op != TAG_KEEP || f->hdr_len < FRAME_HDR / 2 || f->segs != NULL, 0)) {
		copy_odd(dst, f, op);
		return;
	}
	if (__builtin_expect(f->hdr_len < FRAME_HDR, 0)) { /* two halves that overlap, and then the rest, if any */
		memcpy(dst, f->hdr, FRAME_HDR / 2);
		memcpy(dst + f->hdr_len - FRAME_HDR / 2, f->hdr + f->hdr_len - FRAME_HDR / 2, FRAME_HDR / 2);
		if (f->len > f->hdr_len) /* a part that was finished here */
			memcpy(dst + f->hdr_len, f->rest, f->len - f->hdr_len);
		return;
	}
	memcpy(dst, f->hdr, FRAME_HDR); /* in steps of 16 bytes: a 64-byte store over two lines waits for both */
	if (f->len > FRAME_HDR)
		memcpy(dst + FRAME_HDR, f->rest, f->len - FRAME_HDR);
}

static inline __attribute__((always_inline)) void write_virtio_header(uint8_t *p, const struct virtqueue *vq, uint16_t buffers)
{
	const uint64_t zero = 0;
	const uint32_t tail = (uint32_t)buffers << 16; /* csum_offset 0, num_buffers */

	memcpy(p, &zero, 8);
	if (__builtin_expect(vq->hdr_len == sizeof(struct virtio_net_hdr_v1), 1))
		memcpy(p + 8, &tail, 4);
	else
		memcpy(p + 8, &zero, sizeof(struct virtio_net_hdr) - 8);
}

/* What the sender left to others is left to the receiver. */
static void write_offload_header(uint8_t *p, const struct nic_queue *q, const struct frame *f, enum tag_op op, uint16_t buffers)
{
	struct virtio_net_hdr h = offload_header(f, op, q->takes);

	memcpy(p, &h, sizeof h);
	if (q->rx.hdr_len == sizeof(struct virtio_net_hdr_v1))
		memcpy(p + sizeof h, &buffers, sizeof buffers);
}

static inline __attribute__((always_inline)) void write_header(uint8_t *p, const struct nic_queue *q, const struct frame *f, enum tag_op op, uint16_t buffers)
{
	if (__builtin_expect(f->offload == 0, 1))
		write_virtio_header(p, &q->rx, buffers);
	else
		write_offload_header(p, q, f, op, buffers);
}

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

static void touch(struct worker *w, struct nic_queue *q)
{
	q->rx_touched = true;
	q->rx_slow = false;
	q->rx_planned = 0;
	q->rx_frames = 0;
	q->rx_bytes = 0;
	w->touched[w->ntouched++] = q;
	w->limited |= is_set(&q->vport->rx_limited);
	virtqueue_prefetch(&q->rx);
}

/* Frames to many rings in turn: all deliveries to one ring become one row, in the order in which they were. */
static __attribute__((noinline)) void regroup(struct worker *w)
{
	unsigned at = 0;

	for (unsigned i = 0; i < w->ntouched; i++) {
		w->touched[i]->rx_place = (uint16_t)at;
		at += w->touched[i]->rx_planned;
	}
	for (unsigned i = 0; i < w->nrows; i++) {
		const struct row *r = &w->row[i];
		const struct delivery *from = &w->deliver[r->first];
		struct delivery *to = &w->regrouped[r->q->rx_place];
		struct vq_buf *b = &w->rx_buf[r->q->rx_place];
		const uint8_t hdr_len = r->q->rx.hdr_len;

		for (unsigned k = 0; k < r->n; k++) {
			to[k] = from[k];
			b[k].len = hdr_len + from[k].len;
		}
		r->q->rx_place = (uint16_t)(r->q->rx_place + r->n);
	}
	memcpy(w->deliver, w->regrouped, w->ndeliver * sizeof w->deliver[0]);
	for (unsigned i = 0; i < w->ntouched; i++) {
		struct nic_queue *q = w->touched[i];

		w->row[i] = (struct row){ .q = q, .first = (uint16_t)(q->rx_place - q->rx_planned), .n = q->rx_planned };
	}
	w->nrows = w->ntouched;
}

/* The rings of the burst, and one row for each. */
static void touch_all(struct worker *w)
{
	for (unsigned i = 0; i < w->nrows; i++) {
		struct nic_queue *q = w->row[i].q;

		if (!q->rx_touched)
			touch(w, q);
		q->rx_planned = (uint16_t)(q->rx_planned + w->row[i].n);
	}
	if (w->ntouched < w->nrows)
		regroup(w);
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
	w->limited = false;
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

/* Each ring's frames of the burst become visible at once. */
static void publish_all(struct worker *w)
{
	for (unsigned i = 0; i < w->ntouched; i++) {
		struct nic_queue *q = w->touched[i];

		q->rx_touched = false;
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
		if (__builtin_expect(q->rx.broken != NULL, 0))
			engine_report_broken(w, q);
	}
	w->ntouched = 0;
}

void deliver_rings(struct worker *w)
{
	if (w->ndeliver == 0)
		return;
	touch_all(w);
	if (__builtin_expect(w->limited, 0))
		drop_beyond_limits(w);
	take_buffers(w);
	find_memory(w);
	copy_all(w);
	publish_all(w);
	if (tapped(w))
		tap_delivered(w);
	w->ndeliver = w->nrows = 0;
}
