/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the verdict to the places: each frame of the burst is put into the list of the ring or port that gets it, or
 * handed to the worker that has it; then all lists are carried out and the senders' buffers given back. Worker only.
 */
#include "nic/tap.h"

_Static_assert(WORKER_BURST < 1u << NIC_BATCH_SIZES, "a burst of any size has its place in worker.batch");

void dispatch_drop(struct worker *w, const struct nic *n, const struct frame *f, enum nic_drop why)
{
	drop_frame(w, n, f->src_vport == FRAME_FROM_WIRE ? NULL : vport_of(n, f->src_vport), f, why);
}

static inline void put_delivery(struct worker *w, struct frame *f, struct nic_queue *q, bool in_bytes)
{
	enum tag_op op = frame_tag_op(f, in_bytes);
	uint32_t len = frame_out_len(f, op);
	struct row *r;

	if (w->ndeliver == WORKER_DELIVERIES)
		deliver_rings(w);
	if (w->nrows == 0 || w->row[w->nrows - 1].q != q)
		w->row[w->nrows++] = (struct row){ .q = q, .first = (uint16_t)w->ndeliver };
	r = &w->row[w->nrows - 1];
	r->n++;
	w->rx_buf[w->ndeliver].len = q->rx.hdr_len + len;
	w->deliver[w->ndeliver++] = (struct delivery){ .f = f, .len = len, .op = (uint8_t)op };
}

/* To a ring whose driver does not take the frame as its sender left it. */
static void deliver_finished(struct worker *w, const struct frame *f, struct nic_queue *q, bool in_bytes)
{
	struct finisher s;
	struct frame *part;

	if (!finish_begin(&s, f, q->takes)) {
		dispatch_drop(w, q->nic, f, NIC_DROP_TX_BAD_OFFLOAD);
		return;
	}
	finish_count(q->cnt, &s);
	while ((part = finish_next(w, &s)))
		put_delivery(w, part, q, in_bytes);
}

static inline void add_delivery(struct worker *w, struct frame *f, struct nic_queue *q, bool in_bytes)
{
	if (__builtin_expect(f->offload & OFFLOAD_NEEDS & ~q->takes, 0))
		deliver_finished(w, f, q, in_bytes);
	else
		put_delivery(w, f, q, in_bytes);
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

	if (!q || !handover_copy(w, route(w, &vport_counters(v, w)->route[q->qp], bypass_worker(v->nic, w)), f, v->nic, v->id, &why))
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
		if (!handover_frame(w, to, f, frame_nic(f), v->id, &why))
			drop_frame(w, frame_nic(f), v, f, why);
	} else if (q) {
		add_delivery(w, f, q, is_set(&v->tags_inline));
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
	else if (!handover_frame(w, to, f, n, FRAME_FROM_WIRE, &why))
		dispatch_drop(w, n, f, why);
}

void dispatch_arrived(struct worker *w, const struct nic *n, struct frame *f, struct nic_vport *v)
{
	struct nic_queue *q = v ? bypass_receiver(v, f) : NULL;
	struct port_source *s = v ? __atomic_load_n(&v->host, __ATOMIC_ACQUIRE) : __atomic_load_n(&n->wire, __ATOMIC_ACQUIRE);

	if (q)
		add_delivery(w, f, q, is_set(&v->tags_inline));
	else if (s)
		egress_port(w, s, f, frame_tag_op(f, true), v ? v : vport_of(n, f->src_vport));
	else
		drop_frame(w, n, v, f, NIC_DROP_RX_STOPPED);
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

/* Copies beside the main way: the default VPort, when somebody is behind it. */
static void to_default(struct worker *w, const struct nic *n, struct frame *f)
{
	struct nic_vport *v = vport_of(n, 0);

	if (v && f->src_vport != 0 && vport_has_receiver(v))
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

/* Frames of one transmit ring, from number i of the burst on, in the order taken; returns the number behind the last. */
static unsigned give_back_ring(struct worker *w, unsigned i)
{
	struct nic_queue *q = w->frame[i].queue;
	struct virtqueue *vq = &q->tx;
	uint16_t id[WORKER_BURST], ndesc[WORKER_BURST];
	unsigned n = 0;

	for (; i < w->nframes && w->frame[i].queue == q; i++) {
		if (w->frame[i].held)
			continue;
		id[n] = w->frame[i].id;
		ndesc[n++] = w->frame[i].ndesc;
	}
	virtqueue_done_row(vq, id, ndesc, n);
	virtqueue_publish(vq);
	notify_tx(w, q);
	return i;
}

/* Frames of one port, likewise: in one call. */
static unsigned release_run(struct worker *w, unsigned i)
{
	struct port_source *s = w->frame[i].port;
	struct port_frame pf[WORKER_BURST];
	unsigned n = 0;

	for (; i < w->nframes && w->frame[i].port == s; i++)
		if (!w->frame[i].held)
			pf[n++] = (struct port_frame){ .cookie = w->frame[i].cookie };
	if (n)
		s->port->ops->rx_release(s->port, pf, n);
	return i;
}

/* The buffers of those frames that no reference holds: to the sender's ring, or to its port. */
static void give_back(struct worker *w)
{
	for (unsigned i = 0; i < w->nframes;)
		i = w->frame[i].queue ? give_back_ring(w, i) : release_run(w, i);
}

/* A sender without VLAN of its own and source check, and a frame it may send: nothing has to be looked at or changed. */
static inline bool plain_sender(const struct frame *f)
{
	const struct nic_vport *src = f->queue ? f->queue->vport : f->port->vport;

	return !src || (is_set(&src->can_send) && !access_vlan_of(src) && !is_set(&src->source_check) &&
			(is_set(&src->any_vlan) || (frame_vid(f) == 0 && is_set(&src->no_vlan))));
}

/* The ring of this worker that a verdict leads to and that takes frames as they are; NULL: dispatch has to look. */
static struct nic_queue *straight_to(struct worker *w, const struct nic *n, const struct verdict *v)
{
	struct nic_vport *p = v->kind == VERDICT_ONE ? vport_of(n, v->vport) : NULL;
	struct nic_queue *q = p && !__atomic_load_n(&p->rss, __ATOMIC_ACQUIRE) ? __atomic_load_n(&p->queue[0], __ATOMIC_ACQUIRE) : NULL;

	return q && __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE) == w && vport_counters(p, w)->route[0] == w->index + 1 ? q : NULL;
}

static void dispatch_all(struct worker *w)
{
	struct nic_queue *straight = NULL;
	struct verdict verdict;
	bool in_bytes = false;

	for (unsigned i = 0; i < w->nframes; i++) {
		struct frame *f = &w->frame[i];
		const struct filter_table *t;
		const struct nic *n;
		enum nic_drop why;

		/* frames of a burst often go the same way */
		if (straight && f->follows) {
			add_delivery(w, f, straight, in_bytes);
			continue;
		}
		straight = NULL;
		n = frame_nic(f);
		t = __atomic_load_n(&n->filters, __ATOMIC_ACQUIRE);
		if (!plain_sender(f)) {
			if (!classify_admit(n, f->queue ? f->queue->vport : f->port->vport, f, &why)) {
				dispatch_drop(w, n, f, why);
				continue;
			}
			f->key = filter_key_of(f->hdr, frame_vid(f));
			verdict = classify(n, t, f);
		} else {
			verdict = classify(n, t, f);
			straight = straight_to(w, n, &verdict);
			if (straight) {
				in_bytes = is_set(&straight->vport->tags_inline);
				add_delivery(w, f, straight, in_bytes);
				continue;
			}
		}
		dispatch(w, n, t, f, &verdict);
	}
}

void burst_finish(struct worker *w)
{
	if (w->nframes == 0)
		return;
	count(&w->frames, w->nframes);
	count(&w->batch[31 - __builtin_clz(w->nframes)], 1);
	if (tapped(w))
		tap_entered(w);
	dispatch_all(w);
	dispatch_carry_out(w);
	if (__builtin_expect(w->copies != NULL, 0))
		bypass_release(w);
	give_back(w);
	w->nframes = 0;
	w->nsegs = 0;
}
