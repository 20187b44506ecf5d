/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the verdict to the places: each frame of the burst is put into the list of the ring or port that gets it, or
 * handed to the worker that has it; then all lists are carried out and the senders' buffers given back. Worker only.
 */
#include "nic/classify.h"
#include "nic/tap.h"

_Static_assert(WORKER_BATCH < 1u << NIC_BATCH_SIZES, "a batch of any size has its place in worker.batch");

void dispatch_drop(struct worker *w, const struct nic *n, const struct frame *f, enum nic_drop why)
{
	drop_frame(w, n, f->src_vport == FRAME_FROM_WIRE ? NULL : vport_of(n, f->src_vport), f, why);
}

/* The ring gets n more deliveries in this burst. Whether it is in the list already decides no branch: with many rings nobody
 * could foretell it. */
static inline void touch(struct worker *w, struct nic_queue *q, unsigned n)
{
	w->touched[w->ntouched] = q;
	w->ntouched += !q->rx_touched;
	q->rx_touched = true;
	q->rx_planned = (uint16_t)(q->rx_planned + n);
	w->ring_planned |= q->rx_planned;
}

/* Of what senders leave to others, that which the ring's driver does not take. */
static inline uint8_t to_finish(const struct nic_queue *q)
{
	return OFFLOAD_NEEDS & (uint8_t)~q->takes;
}

/* A delivery, and the length of its buffer; in_bytes: the receiver sees tags in the bytes. */
static inline void plan(struct delivery *d, struct vq_buf *b, struct frame *f, bool in_bytes, uint8_t hdr_len)
{
	enum tag_op op = frame_tag_op(f, in_bytes);
	uint32_t len = frame_out_len(f, op);

	b->len = hdr_len + len;
	*d = (struct delivery){ .f = f, .len = len, .op = (uint8_t)op };
}

/* A frame by itself to a ring of this worker whose driver takes it so, in no row. */
static inline __attribute__((always_inline)) void put_single(struct worker *w, struct frame *f, struct nic_queue *q)
{
	unsigned k;

	if (__builtin_expect(w->ndeliver == WORKER_DELIVERIES, 0))
		deliver_rings(w);
	k = w->ndeliver++;
	touch(w, q, 1);
	w->ring[k] = q;
	plan(&w->deliver[k], &w->rx_buf[k], f, is_set(&q->vport->tags_inline), q->rx.hdr_len);
	w->deliver[k].plain = w->deliver[k].op == TAG_KEEP && f->len >= FRAME_HDR / 2 && frame_is_read(f);
}

/* From the k-th of n frames on to a ring of this worker, up to the first that its driver does not take so. Returns its number, or n. */
static inline __attribute__((always_inline)) unsigned put_run(struct worker *w, struct frame *f, unsigned k, unsigned n, struct nic_queue *q)
{
	const uint8_t hdr_len = q->rx.hdr_len, finish = to_finish(q);
	const bool in_bytes = is_set(&q->vport->tags_inline);
	const unsigned first = k;
	struct delivery *d;
	struct vq_buf *b;

	if (w->ndeliver + n - k > WORKER_DELIVERIES)
		deliver_rings(w);
	if (k == n || (f[k].offload & finish))
		return k;
	d = &w->deliver[w->ndeliver];
	b = &w->rx_buf[w->ndeliver];
	for (; k < n && !(f[k].offload & finish); k++, d++, b++)
		plan(d, b, &f[k], in_bytes, hdr_len);
	if (w->nrowed == w->ndeliver) { /* all before are in rows, too */
		if (w->nrows == 0 || w->row[w->nrows - 1].q != q)
			w->row[w->nrows++] = (struct row){ .q = q, .first = (uint16_t)w->ndeliver };
		w->row[w->nrows - 1].n = (uint16_t)(w->row[w->nrows - 1].n + k - first);
		w->nrowed += k - first;
	} else {
		for (unsigned i = w->ndeliver; i < w->ndeliver + k - first; i++)
			w->ring[i] = q;
	}
	touch(w, q, k - first);
	virtqueue_prefetch(&q->rx);
	w->ndeliver += k - first;
	return k;
}

/* To a ring whose driver does not take the frame as its sender left it. */
static void deliver_finished(struct worker *w, const struct frame *f, struct nic_queue *q)
{
	struct finisher s;
	struct frame *part;

	if (!finish_begin(&s, f, q->takes)) {
		dispatch_drop(w, q->nic, f, NIC_DROP_TX_BAD_OFFLOAD);
		return;
	}
	finish_count(q->cnt, &s);
	while ((part = finish_next(w, &s)))
		(void)put_run(w, part, 0, 1, q);
}

/* To a ring of this worker. */
static inline __attribute__((always_inline)) void add_deliveries(struct worker *w, struct frame *f, unsigned n, struct nic_queue *q)
{
	unsigned k = 0;

	while ((k = put_run(w, f, k, n, q)) < n)
		deliver_finished(w, &f[k++], q);
}

/*
 * The worker to send the frames of this worker's sources to. When a ring has moved on while frames of ours are still at
 * the worker that had it, the next ones take the same way (that worker passes them on in order), and nothing more is
 * taken from our sources until all are home: the order of a sender's frames is kept across the move.
 */
static inline struct worker *route(struct worker *w, uint8_t *way, struct worker *to)
{
	struct worker *before;

	if (__builtin_expect(*way == to->index + 1, 1))
		return to;
	before = *way ? w->engine->w[*way - 1] : NULL;
	if (before && before != w && w->nfree_refs != WORKER_REFS) {
		w->drain = true;
		return before;
	}
	*way = (uint8_t)(to->index + 1);
	return to;
}

/* A VPort that had no ring for us: it is bypassed (or was just now, and the ring is there again), or there is no VM. */
static void to_bypassed(struct worker *w, struct frame *f, struct nic_vport *v)
{
	struct nic_queue *q = bypass_receiver(v, f);
	enum nic_drop why = NIC_DROP_RX_NOT_CONNECTED;

	if (!q || !handover_copy(w, route(w, &vport_counters(v, w)->route[q->qp], bypass_worker(v->nic, w)), f, (uint16_t)v->id, &why))
		drop_frame(w, v->nic, v, f, why);
}

void dispatch_vport(struct worker *w, struct frame *f, struct nic_vport *v)
{
	struct counters *cnt = vport_counters(v, w);
	struct nic_queue *q = receiver(v, f);
	struct port_source *host = NULL;
	struct worker *to;
	enum nic_drop why;

	if (__builtin_expect(q != NULL, 1)) {
		to = route(w, &cnt->route[q->qp], __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE));
	} else {
		host = __atomic_load_n(&v->host, __ATOMIC_ACQUIRE);
		if (!host) {
			to_bypassed(w, f, v);
			return;
		}
		to = route(w, &cnt->route[0], __atomic_load_n(&host->worker, __ATOMIC_ACQUIRE));
	}
	if (to != w) {
		if (!handover_frame(w, to, f, (uint16_t)v->id, &why))
			drop_frame(w, frame_nic(f), v, f, why);
	} else if (q) {
		add_deliveries(w, f, 1, q);
	} else {
		egress_port(w, host, f, frame_tag_op(f, true), v);
	}
}

void dispatch_wire(struct worker *w, const struct nic *n, struct frame *f)
{
	struct port_source *s = __atomic_load_n(&n->wire, __ATOMIC_ACQUIRE);
	struct worker *to;
	enum nic_drop why;

	if (!s) {
		dispatch_drop(w, n, f, NIC_DROP_TX_NO_WIRE);
		return;
	}
	to = route(w, &n->wire_cnt[w->index].route[0], __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE));
	if (to == w)
		egress_port(w, s, f, frame_tag_op(f, true), f->src_vport == FRAME_FROM_WIRE ? NULL : vport_of(n, f->src_vport));
	else if (handover_run(w, to, f, 1, FRAME_TO_WIRE, 0, &why) == 0)
		dispatch_drop(w, n, f, why);
}

void dispatch_arrived(struct worker *w, const struct nic *n, struct frame *f, struct nic_vport *v)
{
	struct nic_queue *q = v ? bypass_receiver(v, f) : NULL;
	struct port_source *s = v ? __atomic_load_n(&v->host, __ATOMIC_ACQUIRE) : __atomic_load_n(&n->wire, __ATOMIC_ACQUIRE);

	if (q)
		add_deliveries(w, f, 1, q);
	else if (s)
		egress_port(w, s, f, frame_tag_op(f, true), v ? v : vport_of(n, f->src_vport));
	else
		drop_frame(w, n, v, f, NIC_DROP_RX_STOPPED);
}

void dispatch_arrived_row(struct worker *w, struct frame *f, unsigned n, struct nic_queue *q)
{
	add_deliveries(w, f, n, q);
}

struct group_ctx {
	struct worker *w;
	struct frame *f;
};

static void to_member(void *ctx, struct nic_vport *v, uint32_t filter)
{
	struct group_ctx *g = ctx;

	(void)filter;
	dispatch_vport(g->w, g->f, v);
}

/* The default VPort, when somebody is behind it who has not sent the frame; else NULL. */
static struct nic_vport *default_for(const struct nic *n, const struct frame *f)
{
	struct nic_vport *v = vport_of(n, 0);

	return v && f->src_vport != 0 && vport_has_receiver(v) ? v : NULL;
}

/* Copies beside the main way. */
static void to_default(struct worker *w, const struct nic *n, struct frame *f)
{
	struct nic_vport *v = default_for(n, f);

	if (v)
		dispatch_vport(w, f, v);
}

static void dispatch_group(struct worker *w, const struct nic *n, const struct filter_table *t, struct frame *f)
{
	struct group_ctx ctx = { w, f };

	if (++w->seen_round == 0) {
		memset(w->seen, 0, sizeof w->seen);
		w->seen_round = 1;
	}
	classify_group(n, t, f, w->seen, w->seen_round, to_member, &ctx);
	to_default(w, n, f);
	if (f->src_vport != FRAME_FROM_WIRE)
		dispatch_wire(w, n, f);
}

/* A group frame of a VM that has sent as many of them as its storm limit allows. */
static bool beyond_storm_limit(const struct worker *w, const struct frame *f)
{
	struct nic_vport *src = f->queue ? f->queue->vport : NULL;

	return src && is_set(&src->group_limited) && !limit_pass(&src->limit.group, w->now, f->len);
}

static void dispatch(struct worker *w, const struct nic *n, const struct filter_table *t, struct frame *f,
		     const struct verdict *v)
{
	struct nic_vport *p;

	switch (v->kind) {
	case VERDICT_ONE:
		p = vport_of(n, v->vport);
		if (p)
			dispatch_vport(w, f, p);
		else
			dispatch_drop(w, n, f, NIC_DROP_RX_NOT_CONNECTED);
		break;
	case VERDICT_OUTSIDE:
		dispatch_wire(w, n, f);
		if (classify_host_accepts(n, f))
			to_default(w, n, f);
		break;
	case VERDICT_GROUP:
		if (beyond_storm_limit(w, f))
			dispatch_drop(w, n, f, NIC_DROP_TX_STORM);
		else
			dispatch_group(w, n, t, f);
		break;
	case VERDICT_DROP:
		dispatch_drop(w, n, f, v->drop);
		break;
	}
}

void dispatch_carry_out(struct worker *w)
{
	deliver_rings(w);
	for (unsigned i = 0; i < w->nports; i++)
		egress_flush(w, w->ports[i]);
	w->nfinished = w->nfinish_segs = 0;
}

/* Frames of one transmit ring, from f on, in the order taken; returns the first behind them. */
static const struct frame *give_back_ring(struct worker *w, const struct frame *f, const struct frame *end)
{
	struct nic_queue *q = f->queue;
	struct virtqueue *vq = &q->tx;
	uint16_t id[WORKER_BURST], ndesc[WORKER_BURST];
	unsigned n = 0;

	for (; f < end && f->queue == q; f++) {
		if (__builtin_expect(f->held != NULL, 0))
			continue;
		id[n] = f->id;
		ndesc[n++] = f->ndesc;
	}
	virtqueue_done_row(vq, id, ndesc, n);
	virtqueue_publish(vq);
	notify_tx(w, q);
	return f;
}

/* Frames of one port, likewise: in one call. */
static const struct frame *release_run(const struct frame *f, const struct frame *end)
{
	struct port_source *s = f->port;
	struct port_frame pf[WORKER_BURST];
	unsigned n = 0;

	for (; f < end && !f->queue && f->port == s; f++)
		if (!f->held)
			pf[n++] = (struct port_frame){ .cookie = f->cookie };
	if (n)
		s->port->ops->rx_release(s->port, pf, n);
	return f;
}

/* The buffers of those frames of the burst that no reference holds: to the sender's ring, or to its port. */
static void give_back(struct worker *w)
{
	const struct frame *f = w->frame + w->nclassified, *const end = w->frame + w->nframes;

	while (f < end)
		f = f->queue ? give_back_ring(w, f, end) : release_run(f, end);
}

/* n frames to a ring that another worker has, or had. */
static __attribute__((noinline)) void dispatch_over(struct worker *w, struct worker *to, struct nic_vport *v, unsigned qp, struct frame *f, unsigned n)
{
	enum nic_drop why;

	for (unsigned k = handover_run(w, to, f, n, (uint16_t)v->id, qp, &why); k < n; k++)
		drop_frame(w, v->nic, v, f + k, why);
}

/* n frames to the VPort's ring q, of pair qp, whoever has it. */
static inline void dispatch_ring(struct worker *w, struct nic_vport *v, struct nic_queue *q, unsigned qp, struct frame *f, unsigned n)
{
	struct worker *to = route(w, &vport_counters(v, w)->route[qp], __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE));

	if (__builtin_expect(to == w, 1))
		add_deliveries(w, f, n, q);
	else
		dispatch_over(w, to, v, qp, f, n);
}

/* n frames to a VPort that chooses among several rings: those that follow each other to one of them go together. */
static __attribute__((noinline)) void dispatch_spread(struct worker *w, struct nic_vport *v, struct frame *f, unsigned n)
{
	struct nic_queue *q = receiver(v, f), *next = NULL;

	for (unsigned k = 0, end; k < n; k = end, q = next) {
		for (end = k + 1; end < n && (next = receiver(v, f + end)) == q;)
			end++;
		if (q)
			dispatch_ring(w, v, q, q->qp, f + k, end - k);
		else
			for (; k < end; k++)
				dispatch_vport(w, f + k, v);
	}
}

/* n frames to a VPort; false: it has no ring of its own. */
static inline bool dispatch_straight(struct worker *w, struct nic_vport *v, struct frame *f, unsigned n)
{
	struct nic_queue *q = only_queue(v);

	if (__builtin_expect(q != NULL, 1))
		dispatch_ring(w, v, q, 0, f, n);
	else if (v && __atomic_load_n(&v->rss, __ATOMIC_ACQUIRE))
		dispatch_spread(w, v, f, n);
	else
		return false;
	return true;
}

/* n frames to the wire, which another worker has, and to nowhere else; false: dispatch has to look at each. */
static __attribute__((noinline)) bool dispatch_out(struct worker *w, const struct nic *n, struct frame *f, unsigned count)
{
	struct port_source *s = __atomic_load_n(&n->wire, __ATOMIC_ACQUIRE);
	struct worker *to;
	enum nic_drop why;

	if (!s || (classify_host_accepts(n, f) && default_for(n, f)))
		return false;
	to = route(w, &n->wire_cnt[w->index].route[0], __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE));
	if (to == w)
		return false;
	for (unsigned k = handover_run(w, to, f, count, FRAME_TO_WIRE, 0, &why); k < count; k++)
		dispatch_drop(w, n, f + k, why);
	return true;
}

/* A frame by itself that goes straight to a ring of this worker, as most do where a burst is for many; false: dispatch_run has to
 * look at it. */
static inline bool dispatch_single(struct worker *w, const struct nic *n, const struct filter_table *t, struct frame *f)
{
	uint64_t value;
	struct nic_vport *v = filter_key_is_group(f->key) ? NULL : classify_known(n, t, f->key, &value);
	struct nic_queue *q = only_queue(v);

	if (!q || v->id == f->src_vport || f->offload & to_finish(q) || __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE) != w ||
	    vport_counters(v, w)->route[0] != w->index + 1)
		return false;
	put_single(w, f, q);
	return true;
}

/* Frames f … end - 1, of which each follows the one before. Those that may go straight to a ring go there together. */
static __attribute__((noinline)) void dispatch_run(struct worker *w, const struct nic *n, const struct filter_table *t, struct frame *f, struct frame *end)
{
	const struct verdict v = classify(n, t, f);

	if (v.kind == VERDICT_ONE && dispatch_straight(w, vport_of(n, v.vport), f, (unsigned)(end - f)))
		return;
	if (v.kind == VERDICT_OUTSIDE && dispatch_out(w, n, f, (unsigned)(end - f)))
		return;
	for (; f < end; f++)
		dispatch(w, n, t, f, &v);
}

/* The frames of one source from f on; returns the first behind them. */
static struct frame *dispatch_source(struct worker *w, struct frame *f, struct frame *const end)
{
	const struct nic_queue *q = f->queue;
	const struct port_source *s = q ? NULL : f->port;
	const struct nic *n = frame_nic(f);
	const struct nic_vport *src = q ? q->vport : s->vport;
	const struct filter_table *t = __atomic_load_n(&n->filters, __ATOMIC_ACQUIRE);
	/* a sender without VLAN of its own and source check: nothing has to be looked at or changed but the VLAN */
	const bool plain = !src || (is_set(&src->can_send) && !access_vlan_of(src) && !is_set(&src->source_check));
	const bool any_vlan = plain && (!src || is_set(&src->any_vlan)), no_vlan = plain && (!src || is_set(&src->no_vlan));

	while (f < end && f->queue == q && (q || f->port == s)) {
		struct frame *next = f + 1;
		enum nic_drop why;

		if (__builtin_expect(any_vlan || (no_vlan && frame_vid(f) == 0), 1)) {
			while (next < end && next->follows)
				next++;
		} else if (classify_admit(n, src, f, &why)) {
			f->key = filter_key_of(f->hdr, frame_vid(f));
			while (next < end && next->follows && classify_admit(n, src, next, &why))
				(next++)->key = f->key;
		} else {
			dispatch_drop(w, n, f, why);
			f = next;
			continue;
		}
		if (next - f > 1 || !dispatch_single(w, n, t, f))
			dispatch_run(w, n, t, f, next);
		f = next;
	}
	return f;
}

static void dispatch_all(struct worker *w)
{
	struct frame *f = w->frame + w->nclassified, *const end = w->frame + w->nframes;

	count(&w->frames, w->nframes - w->nclassified);
	if (tapped(w))
		tap_entered(w);
	while (f < end)
		f = dispatch_source(w, f, end);
}

/* Of the burst's frames nothing is with their senders any more. */
static bool all_read(const struct worker *w)
{
	bool all = true;

	for (unsigned k = w->nclassified; k < w->nframes; k++)
		all &= frame_is_read(&w->frame[k]);
	return all;
}

bool burst_goes_on(struct worker *w)
{
	if (!w->mixed || w->nframes + WORKER_BURST > WORKER_BATCH || !all_read(w))
		return false;
	dispatch_all(w);
	give_back(w);
	w->nclassified = w->nframes;
	return w->ring_planned < WORKER_RING_FRAMES && !w->wake_mask && !w->drain;
}

void burst_finish(struct worker *w)
{
	bool early;

	if (w->nframes == 0)
		return;
	early = w->mixed && all_read(w); /* a sender to one receiver gains nothing by it */
	dispatch_all(w);
	if (early)
		give_back(w);
	dispatch_carry_out(w);
	if (__builtin_expect(w->copies != NULL, 0))
		bypass_release(w);
	if (!early)
		give_back(w);
	count(&w->batch[31 - __builtin_clz(w->nframes)], 1);
	if (w->wake_mask)
		handover_publish(w);
	w->nframes = w->nclassified = 0;
	w->nsegs = 0;
}
