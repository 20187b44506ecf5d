/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What captures and traces get to see: at each point, for each of them, does the frame concern it, and a record into
 * this worker's ring. Nothing waits and nothing is allocated; a ring without room counts a loss. The reader shares the
 * memory and is not trusted: of what lies there only `head` is read, once, and only to see how much room there is.
 *
 * Called by workers, and only while somebody looks.
 */
#include "nic/classify.h"
#include "nic/tap.h"

#include <time.h>

_Static_assert(VMQ_TAP_TAG_KEPT == (int)TAG_SEEN_ALIKE && VMQ_TAP_TAG_STRIPPED == (int)TAG_SEEN_STRIPPED &&
		   VMQ_TAP_TAG_INSERTED == (int)TAG_SEEN_INSERTED,
	       "one is written as the other");

#define TRACED_HEADER FRAME_HDR /* bytes of a traced frame that its first record carries */
#define MAX_VERDICTS  16u	/* destinations of a traced frame that are told */

/* Read once for a burst. */
static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the ring ---- */

/* Room for `size` bytes in one piece; NULL: none. The caller fills it and calls ring_publish. */
static uint8_t *ring_room(struct nic_tap *t, struct tap_writer *o, uint32_t size)
{
	uint64_t ring = t->mask + 1, to_end = ring - (o->tail & t->mask), pad = size > to_end ? to_end : 0;
	/* acquire: the reader has read what we overwrite; a wild value makes the ring look full or shows the reader
	 * garbage */
	uint64_t used = o->tail - __atomic_load_n(&o->ring->head, __ATOMIC_ACQUIRE);

	if (used > ring || ring - used < size + pad) {
		__atomic_store_n(&o->ring->lost, ++o->lost, __ATOMIC_RELAXED);
		return NULL;
	}
	if (pad) {
		struct vmq_tap_record none = { .size = (uint32_t)pad, .type = VMQ_TAP_PAD };

		/* both are multiples of 8, so these six bytes fit; a whole record need not */
		memcpy(o->data + (o->tail & t->mask), &none, 8);
		o->tail += pad;
	}
	return o->data + (o->tail & t->mask);
}

static void ring_publish(struct tap_writer *o, uint32_t size)
{
	o->tail += size;
	__atomic_store_n(&o->ring->tail, o->tail, __ATOMIC_RELEASE);
}

/* The frame's bytes as the receiver gets them, at most `max`. */
static uint32_t copy_bytes(uint8_t *out, const struct frame *f, enum tag_op op, uint32_t max)
{
	uint8_t head[FRAME_HDR + 4];
	struct vq_seg piece[2] = { { head, frame_edit_header(f, op, head) }, frame_rest(f) };
	uint32_t done = 0;

	for (unsigned i = 0; i < (f->segs ? 1u + f->nsegs : 2u) && done < max; i++) {
		const struct vq_seg *s = i && f->segs ? &f->segs[i - 1] : &piece[i];
		uint32_t take = s->len < max - done ? s->len : max - done;

		if (take)
			memcpy(out + done, s->ptr, take);
		done += take;
	}
	return done;
}

/* Writes the record, whose `len` is already the receiver's view, with up to `max` bytes of the frame. */
static void put(struct worker *w, struct nic_tap *t, struct vmq_tap_record *r, const struct frame *f, enum tag_op op,
		uint32_t max)
{
	struct tap_writer *o = &t->writer[w->index];
	uint32_t have = max && f ? (r->len < max ? r->len : max) : 0;
	uint8_t *to;

	r->size = (uint32_t)((sizeof *r + have + 7) & ~7ull);
	to = ring_room(t, o, r->size);
	if (!to)
		return;
	r->captured = have ? copy_bytes(to + sizeof *r, f, op, have) : 0;
	memcpy(to, r, sizeof *r);
	ring_publish(o, r->size);
}

/* ---- records ---- */

static struct vmq_tap_record record(const struct worker *w, uint64_t now, enum vmq_tap_type type, const struct frame *f,
				    enum tag_op op, bool in_bytes)
{
	return (struct vmq_tap_record){
		.type = (uint16_t)type,
		.cpu = w->cpu,
		.time = now,
		.len = frame_out_len(f, op),
		.source = f->src_vport,
		.vport = VMQ_TAP_WIRE,
		.tci = f->tci,
		.tag = f->tag == FRAME_UNTAGGED ? VMQ_TAP_UNTAGGED : VMQ_TAP_TAGGED,
		.tag_done = (uint8_t)frame_tag_seen(f, in_bytes),
	};
}

struct claim {
	uint32_t vport, filter;
};

static void claim_member(void *ctx, struct nic_vport *v, uint32_t filter)
{
	struct claim *c = ctx;

	if (v->id == c->vport)
		c->filter = filter;
}

/* The filter because of which the frame is the VPort's; 0: none, or it is another VPort's by now. */
static uint32_t filter_of(const struct nic *n, const struct frame *f, uint32_t vport)
{
	const struct filter_table *t = __atomic_load_n(&n->filters, __ATOMIC_ACQUIRE);
	struct verdict v = classify(n, t, f);
	struct claim c = { .vport = vport };

	if (v.kind == VERDICT_ONE && v.vport == vport)
		return v.filter;
	if (v.kind == VERDICT_GROUP) {
		uint32_t seen[NIC_MAX_VPORTS] = { 0 };

		classify_group(n, t, f, seen, 1, claim_member, &c);
	}
	return c.filter;
}

/* ---- whom it concerns ---- */

static bool fits(const struct nic_tap *t, const struct nic *n, const struct frame *f)
{
	const struct nic_tap_config *c = &t->cfg;

	return t->nic == n && (!c->by_dst || memcmp(f->hdr, c->dst, 6) == 0) &&
	       (!c->by_src || memcmp(f->hdr + 6, c->src, 6) == 0) && (!c->by_vlan || frame_vid(f) == c->vlan);
}

/* `by_vport`: of either end, or of the receiver alone. */
static bool of_vport(const struct nic_tap *t, uint32_t a, uint32_t b)
{
	return !t->cfg.by_vport || a == t->cfg.vport || b == t->cfg.vport;
}

static bool wants(const struct nic_tap *t, enum nic_tap_point p)
{
	return !t->cfg.trace && t->cfg.points & 1u << p;
}

/* One of the frames that are still wanted. */
static bool take(struct nic_tap *t)
{
	if (!t->cfg.limit)
		return true;
	/* relaxed: only the number counts */
	return __atomic_load_n(&t->left, __ATOMIC_RELAXED) > 0 && __atomic_fetch_sub(&t->left, 1, __ATOMIC_RELAXED) > 0;
}

static bool traces(const struct nic_tap *t, const struct frame *f)
{
	return t->cfg.trace && f->watch >> TAP_WATCH_SHIFT == t->watch >> TAP_WATCH_SHIFT;
}

/* ---- the points ---- */

static bool led_to(const struct nic_explain_dest *d, unsigned n, uint32_t vport)
{
	for (unsigned i = 0; i < n; i++)
		if (d[i].at_vport && d[i].vport == vport)
			return true;
	return false;
}

static void put_verdict(struct worker *w, struct nic_tap *t, uint64_t now, const struct frame *f,
			const struct nic_explain_dest *d)
{
	struct vmq_tap_record r = record(w, now, VMQ_TAP_VERDICT, f, TAG_KEEP, true);

	r.frame = f->watch;
	r.fate = d->fate == NIC_FATE_DELIVER ? VMQ_TAP_TO_VPORT
		 : d->fate == NIC_FATE_WIRE  ? VMQ_TAP_TO_WIRE
					     : VMQ_TAP_TO_NOBODY;
	if (d->at_vport)
		r.vport = d->vport;
	r.filter = d->filter;
	r.queue = (uint16_t)d->qp;
	r.cpu = (uint16_t)d->cpu;
	r.tag_done = d->tag_stripped ? VMQ_TAP_TAG_STRIPPED : d->tag_inserted ? VMQ_TAP_TAG_INSERTED : VMQ_TAP_TAG_KEPT;
	if (d->fate == NIC_FATE_DROP)
		r.drop = (uint16_t)(d->drop + 1);
	put(w, t, &r, NULL, TAG_KEEP, 0);
}

/* What will become of it is asked of a copy: the frame itself is classified after us. */
static void trace_entered(struct worker *w, struct nic_tap *t, uint64_t now, struct frame *f)
{
	const struct nic_tap_config *c = &t->cfg;
	struct nic_explain_dest d[MAX_VERDICTS];
	struct vmq_tap_record r;
	struct frame copy = *f;
	unsigned n, told;

	if (c->by_from && (c->from_wire ? FRAME_FROM_WIRE : c->from) != f->src_vport)
		return;
	n = explain_frame(t->nic, f->src_vport == FRAME_FROM_WIRE ? NULL : vport_of(t->nic, f->src_vport), &copy, d,
			  MAX_VERDICTS);
	told = n < MAX_VERDICTS ? n : MAX_VERDICTS;
	if (c->by_vport && !led_to(d, told, c->vport) && (c->by_from || c->vport != f->src_vport))
		return;
	if (!take(t))
		return;
	/* unique as long as a worker traces fewer than 2^40 frames */
	f->watch = copy.watch = t->watch | (uint64_t)w->index << 40 | ++t->writer[w->index].number;
	r = record(w, now, VMQ_TAP_ENTERED, f, TAG_KEEP, true);
	r.frame = f->watch;
	r.queue = (uint16_t)(f->queue ? f->queue->qp : 0);
	if (!f->queue)
		r.flags = VMQ_TAP_HOST;
	put(w, t, &r, f, TAG_KEEP, TRACED_HEADER);
	for (unsigned i = 0; i < told; i++)
		put_verdict(w, t, now, &copy, &d[i]);
}

/* Does a frame from outside lead to the VPort of the capture? */
static bool comes_to(const struct nic_tap *t, const struct frame *f)
{
	struct nic_explain_dest d[MAX_VERDICTS];
	struct frame copy = *f;
	unsigned n;

	if (!t->cfg.by_vport)
		return true;
	n = explain_frame(t->nic, NULL, &copy, d, MAX_VERDICTS);
	return led_to(d, n < MAX_VERDICTS ? n : MAX_VERDICTS, t->cfg.vport);
}

static void capture_entered(struct worker *w, struct nic_tap *t, uint64_t now, const struct frame *f)
{
	bool wire = f->src_vport == FRAME_FROM_WIRE;
	enum tag_op op = frame_tag_op(f, true); /* a tag beside the bytes is shown in them */
	struct vmq_tap_record r;

	if (wants(t, NIC_TAP_INGRESS) && (!t->cfg.by_vport || f->src_vport == t->cfg.vport))
		r = record(w, now, VMQ_TAP_ENTERED, f, op, true);
	else if (wire && wants(t, NIC_TAP_WIRE) && comes_to(t, f))
		r = record(w, now, VMQ_TAP_WIRE_IN, f, op, true);
	else
		return;
	if (!take(t))
		return;
	r.vport = f->src_vport;
	r.queue = (uint16_t)(f->queue ? f->queue->qp : 0);
	r.tag_done = VMQ_TAP_TAG_KEPT; /* here it is as it came */
	put(w, t, &r, f, op, t->cfg.snaplen);
}

void tap_entered(struct worker *w)
{
	const uint64_t now = now_ns();
	const struct tap_set *s = taps_of(w);

	for (unsigned k = w->nclassified; k < w->nframes; k++) {
		struct frame *f = &w->frame[k];

		f->watch = 0;
		for (unsigned i = 0; i < s->n; i++) {
			if (!fits(s->tap[i], frame_nic(f), f))
				continue;
			if (s->tap[i]->cfg.trace)
				trace_entered(w, s->tap[i], now, f);
			else
				capture_entered(w, s->tap[i], now, f);
		}
	}
}

static void trace_step(struct worker *w, const struct frame *f, enum vmq_tap_type type)
{
	const uint64_t now = now_ns();
	const struct tap_set *s = taps_of(w);
	struct vmq_tap_record r;

	for (unsigned i = 0; i < s->n; i++) {
		if (!traces(s->tap[i], f))
			continue;
		r = record(w, now, type, f, TAG_KEEP, true);
		r.frame = f->watch;
		r.vport = f->dst == FRAME_TO_WIRE ? VMQ_TAP_WIRE : f->dst;
		put(w, s->tap[i], &r, NULL, TAG_KEEP, 0);
	}
}

void tap_arrived(struct worker *w, const struct frame *f, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		trace_step(w, &f[k], VMQ_TAP_ARRIVED);
}

void tap_bypassed(struct worker *w, const struct frame *f)
{
	trace_step(w, f, VMQ_TAP_BYPASSED);
}

/* What the receiver got, whoever it is. */
static void arrived_at(struct worker *w, const struct nic *n, struct vmq_tap_record *r, const struct frame *f,
		       enum tag_op op, enum nic_tap_point p)
{
	const struct tap_set *s = taps_of(w);
	uint64_t trace = 0;

	for (unsigned i = 0; i < s->n; i++) {
		struct nic_tap *t = s->tap[i];

		if (traces(t, f))
			trace = f->watch;
		else if (!wants(t, p) || !fits(t, n, f) ||
			 !of_vport(t, r->vport, p == NIC_TAP_WIRE ? r->source : r->vport) || !take(t))
			continue;
		if (!r->filter && r->vport != VMQ_TAP_WIRE)
			r->filter = filter_of(n, f, r->vport);
		r->frame = t->cfg.trace ? trace : 0;
		put(w, t, r, f, op, t->cfg.trace ? 0 : t->cfg.snaplen);
	}
}

static bool traced(const struct worker *w, const struct frame *f)
{
	const struct tap_set *s = taps_of(w);

	for (unsigned i = 0; i < s->n; i++)
		if (traces(s->tap[i], f))
			return true;
	return false;
}

void tap_delivered(struct worker *w)
{
	const uint64_t now = now_ns();

	for (unsigned k = 0; k < w->ndeliver; k++) {
		const struct delivery *d = &w->deliver[k];
		struct nic_queue *q = w->ring[k];
		struct vmq_tap_record r;

		if (!d->buffers)
			continue;
		r = record(w, now, VMQ_TAP_DELIVERED, d->f, d->op, is_set(&q->vport->tags_inline));
		r.vport = q->vport->id;
		r.queue = (uint16_t)q->qp;
		r.buffers = d->buffers;
		arrived_at(w, q->nic, &r, d->f, d->op, NIC_TAP_DELIVERED);
		if (traced(w, d->f))
			q->traced = true;
	}
}

void tap_sent(struct worker *w, const struct port_source *s, unsigned n)
{
	const uint64_t now = now_ns();

	for (unsigned k = 0; k < n; k++) {
		const struct frame *f = s->note[k].f;
		enum tag_op op = frame_tag_op(f, true);
		struct vmq_tap_record r = record(w, now, s->vport ? VMQ_TAP_DELIVERED : VMQ_TAP_WIRE_OUT, f, op, true);

		if (s->vport) {
			r.vport = s->vport->id;
			r.flags = VMQ_TAP_HOST;
		}
		arrived_at(w, s->nic, &r, f, op, s->vport ? NIC_TAP_DELIVERED : NIC_TAP_WIRE);
	}
}

void tap_notified(struct worker *w, struct nic_queue *q, bool interrupted)
{
	const struct tap_set *s = taps_of(w);

	q->traced = false;
	for (unsigned i = 0; s && i < s->n; i++) {
		struct vmq_tap_record r = {
			.type = VMQ_TAP_NOTIFIED,
			.cpu = w->cpu,
			.time = now_ns(),
			.source = VMQ_TAP_WIRE,
			.vport = q->vport->id,
			.queue = (uint16_t)q->qp,
			.flags = interrupted ? VMQ_TAP_INTERRUPT : 0,
		};

		if (s->tap[i]->cfg.trace && s->tap[i]->nic == q->nic)
			put(w, s->tap[i], &r, NULL, TAG_KEEP, 0);
	}
}

void tap_dropped(struct worker *w, const struct nic *n, const struct nic_vport *v, const struct frame *f,
		 enum nic_drop why)
{
	const uint64_t now = now_ns();
	const struct tap_set *s = taps_of(w);
	enum tag_op op = frame_tag_op(f, true);
	struct vmq_tap_record r = record(w, now, VMQ_TAP_DROPPED, f, op, true);

	r.drop = (uint16_t)(why + 1);
	if (v) {
		r.vport = v->id;
		if (f->hdr_len && v->id != f->src_vport)
			r.filter = filter_of(n, f, v->id);
	}
	for (unsigned i = 0; i < s->n; i++) {
		struct nic_tap *t = s->tap[i];
		bool mine = f->hdr_len && traces(t, f);

		if (!mine &&
		    (!wants(t, NIC_TAP_DROPPED) || !fits(t, n, f) || !of_vport(t, r.vport, r.source) || !take(t)))
			continue;
		r.frame = mine ? f->watch : 0;
		put(w, t, &r, f, op, mine ? 0 : t->cfg.snaplen);
	}
}

void tap_refused(struct worker *w, const struct nic *n, const struct nic_vport *v, uint32_t len, enum nic_drop why)
{
	const struct frame f = { .len = len, .src_vport = v->id }; /* its bytes were not read */

	tap_dropped(w, n, v, &f, why);
}
