/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between workers: a frame whose receiver another worker has goes there through the inbox of that pair of workers, as a
 * ticket of a run or as a reference of its own; the sender's buffer is given back when the reference has come home. Nothing
 * blocks: no reference left or a full inbox is a counted drop. A ring or port that changes its worker travels the same
 * way, so that it arrives before the frames that were sent after it. What the other worker does: arrive.c.
 */
#include "nic/tap.h"

/* The other worker sees it when it is published. */
static bool push(struct worker *w, struct worker *to, const struct inbox_item *item)
{
	if (!inbox_put(&to->inbox[w->index], item))
		return false;
	w->wake_mask |= 1ull << to->index;
	return true;
}

void handover_publish(struct worker *w)
{
	for (uint64_t left = w->wake_mask; left; left &= left - 1) {
		struct worker *to = w->engine->w[__builtin_ctzll(left)];

		spsc_publish(&to->inbox[w->index].ends);
		spsc_publish(&to->returns[w->index]);
	}
}

/* Frames that may set out yet: there is room for each to come home. */
static unsigned may_set_out(const struct worker *w)
{
	return w->nfree_refs ? RETURNS_SLOTS - w->under_way : 0;
}

/* Their source must not go while they are under way. */
static inline void count_inflight(const struct frame *f, int n)
{
	if (f->queue)
		f->queue->inflight += (uint32_t)n;
	else
		f->port->inflight += (uint32_t)n;
}

/* ---- runs ---- */

/* What lies in one piece and needs nothing that the other worker would have to be told. */
static inline bool fits_ticket(const struct frame *f)
{
	return f->whole && !f->held && (f->queue || !f->offload);
}

static inline void write_ticket(struct ticket *t, const struct frame *f, uint8_t before)
{
	memcpy(t->hdr, f->hdr, sizeof t->hdr);
	t->data = f->rest - f->hdr_len;
	t->len = (uint16_t)f->len;
	t->tci = f->tci;
	t->tag = f->tag;
	t->offload = f->offload;
	t->before = before;
}

/* The tickets of up to n frames of one source, up to the first that does not fit one. */
static inline unsigned write_tickets(struct inbox *in, struct frame_ref *r, struct frame *f, unsigned n)
{
	const uint8_t before = f->queue ? f->queue->tx.hdr_len : 0;
	unsigned k;

	for (k = 0; k < n && fits_ticket(&f[k]); k++) {
		write_ticket(&inbox_free_slot(in, 1 + k)->ticket, &f[k], before);
		if (f->queue)
			r->id[k] = f[k].id;
		else
			r->cookie[k] = f[k].cookie;
		f[k].held = r;
	}
	return k;
}

/* A run of up to n frames, of which the first fits. Returns how many it has; 0: *why. */
static unsigned put_run(struct worker *w, struct worker *to, struct frame *f, unsigned n, uint16_t dst, unsigned qp, enum nic_drop *why)
{
	struct inbox *in = &to->inbox[w->index];
	unsigned room = spsc_room(&in->ends, 1 + n), may = may_set_out(w);
	struct frame_ref *r;

	*why = may ? NIC_DROP_RX_INBOX_FULL : NIC_DROP_TX_NO_REFERENCE;
	if (may == 0 || room < 2)
		return 0;
	r = w->free_refs[--w->nfree_refs];
	n = n < may ? n : may;
	n = write_tickets(in, r, f, n < room ? n : room - 1);
	r->f.queue = f->queue;
	r->f.port = f->port;
	r->f.segs = NULL;
	r->source = r;
	r->run = r->pending = n;
	inbox_free_slot(in, 0)->item = (struct inbox_item){
		.kind = INBOX_RUN, .n = (uint8_t)n, .origin = (uint8_t)w->index, .what = r, .nic = frame_nic(f),
		.from = f->queue ? (void *)f->queue : f->port, .of_port = !f->queue, .src = (uint16_t)f->src_vport,
		.dst = dst, .qp = (uint8_t)(qp & 127),
	};
	in->ends.put += 1 + n;
	w->wake_mask |= 1ull << to->index;
	w->under_way += n;
	count_inflight(f, (int)n);
	return n;
}

unsigned handover_run(struct worker *w, struct worker *to, struct frame *f, unsigned n, uint16_t dst, unsigned qp, enum nic_drop *why)
{
	const bool shown = tapped(w);
	unsigned done = 0, more;

	do {
		unsigned want = n - done < RUN_MAX ? n - done : RUN_MAX;

		if (__builtin_expect(fits_ticket(&f[done]) && !shown, 1))
			more = put_run(w, to, f + done, want, dst, qp, why);
		else
			more = handover_frame(w, to, f + done, dst, why);
		done += more;
	} while (more && done < n);
	return done;
}

bool handover_ticket(struct worker *w, struct worker *to, const struct inbox_item *run, const struct ticket *t)
{
	struct inbox *in = &to->inbox[w->index];

	if (spsc_room(&in->ends, 2) < 2)
		return false;
	inbox_free_slot(in, 0)->item = *run;
	inbox_free_slot(in, 0)->item.n = 1;
	inbox_free_slot(in, 1)->ticket = *t;
	in->ends.put += 2;
	w->wake_mask |= 1ull << to->index;
	return true;
}

/* ---- references of one frame ---- */

/* Its pieces, when there are more than one, into memory of the reference's own. False: memory is short. */
static bool copy_segs(struct frame_ref *r, const struct frame *f)
{
	r->f.segs = f->nsegs > FRAME_SEGS ? malloc(f->nsegs * sizeof f->segs[0]) : r->seg_store;
	if (!r->f.segs)
		return false;
	memcpy(r->f.segs, f->segs, f->nsegs * sizeof f->segs[0]);
	return true;
}

/* NULL: there is none left, or memory is short. */
static struct frame_ref *new_ref(struct worker *w, const struct frame *f, uint16_t dst)
{
	struct frame_ref *r;

	if (may_set_out(w) == 0)
		return NULL;
	r = w->free_refs[w->nfree_refs - 1];
	r->f = *f;
	r->f.held = NULL;
	r->f.origin = (uint8_t)w->index;
	r->f.dst = dst;
	r->run = 0;
	if (f->segs && !copy_segs(r, f))
		return NULL;
	w->nfree_refs--;
	return r;
}

static void free_ref(struct worker *w, struct frame_ref *r)
{
	if (r->f.segs && r->f.segs != r->seg_store)
		free(r->f.segs);
	w->free_refs[w->nfree_refs++] = r;
}

bool handover_ref(struct worker *w, struct worker *to, struct frame_ref *r)
{
	return push(w, to, &(struct inbox_item){ .kind = INBOX_REF, .what = r });
}

bool handover_frame(struct worker *w, struct worker *to, struct frame *f, uint16_t dst, enum nic_drop *why)
{
	struct frame_ref *r = new_ref(w, f, dst);

	*why = NIC_DROP_TX_NO_REFERENCE;
	if (!r)
		return false;
	if (!handover_ref(w, to, r)) {
		free_ref(w, r);
		*why = NIC_DROP_RX_INBOX_FULL;
		return false;
	}
	w->under_way++;
	if (!f->held) {
		f->held = r;
		r->pending = 0;
		count_inflight(f, 1);
	}
	r->source = f->held;
	f->held->pending++;
	return true;
}

/* The frame, its bytes behind the header in memory of our own. */
static bool copy_out(const struct worker *w, struct frame_ref *r, const struct frame *f, uint16_t dst)
{
	uint32_t len = f->len - f->hdr_len, done = 0;
	const struct vq_seg rest = frame_rest(f), *s = f->segs ? f->segs : &rest;

	if (r->copy_room < len) {
		uint8_t *more = realloc(r->copy, len < 2048 ? 2048 : len);

		if (!more)
			return false;
		r->copy = more;
		r->copy_room = len < 2048 ? 2048 : len;
	}
	for (unsigned i = 0; i < (f->segs ? f->nsegs : 1u) && done < len; i++) {
		memcpy(r->copy + done, s[i].ptr, s[i].len);
		done += s[i].len;
	}
	r->f = *f;
	r->f.origin = (uint8_t)w->index;
	r->f.dst = dst;
	r->f.held = NULL;
	r->f.segs = NULL;
	r->f.nsegs = 1;
	r->f.rest = r->copy;
	r->f.whole = false;
	return true;
}

bool handover_copy(struct worker *w, struct worker *to, const struct frame *f, uint16_t dst, enum nic_drop *why)
{
	struct frame_ref *r;

	*why = NIC_DROP_TX_NO_REFERENCE;
	if (may_set_out(w) == 0 || !copy_out(w, w->free_refs[w->nfree_refs - 1], f, dst))
		return false;
	r = w->free_refs[--w->nfree_refs];
	r->source = NULL;
	if (to != w && !push(w, to, &(struct inbox_item){ .kind = INBOX_COPY, .what = r })) {
		free_ref(w, r);
		*why = NIC_DROP_RX_INBOX_FULL;
		return false;
	}
	count_inflight(f, 1); /* although the sender has its buffer back */
	w->under_way++;
	if (to == w && arrive_copy(w, r)) {
		r->next = w->copies;
		w->copies = r;
	}
	return true;
}

void handover_copy_done(struct worker *w, struct frame_ref *r)
{
	count_inflight(&r->f, -1);
	w->under_way--;
	free_ref(w, r);
}

/* ---- rings and ports ---- */

bool handover_queue(struct worker *w, struct worker *to, struct nic_queue *q)
{
	q->slot = QUEUE_NOT_ADOPTED;
	if (push(w, to, &(struct inbox_item){ .kind = INBOX_QUEUE, .what = q }))
		return true;
	q->slot = QUEUE_LET_GO;
	return false;
}

bool handover_port(struct worker *w, struct worker *to, struct port_source *s)
{
	s->let_go = false;
	if (push(w, to, &(struct inbox_item){ .kind = INBOX_PORT, .what = s }))
		return true;
	s->let_go = true;
	return false;
}

/* ---- what comes home ---- */

static void release_row(struct port_source *s, const uint64_t *cookie, unsigned n)
{
	struct port_frame pf[RUN_MAX];

	for (unsigned k = 0; k < n; k++)
		pf[k] = (struct port_frame){ .cookie = cookie[k] };
	s->port->ops->rx_release(s->port, pf, n);
}

/* Nobody has a frame of it any more. */
static void give_back(struct worker *w, const struct frame_ref *r)
{
	static const uint16_t one_each[RUN_MAX] = { [0 ... RUN_MAX - 1] = 1 };
	const struct frame *f = &r->f;

	if (f->queue) {
		virtqueue_done_row(&f->queue->tx, r->run ? r->id : &f->id, r->run ? one_each : &f->ndesc, r->run ? r->run : 1);
		notify_tx(w, f->queue);
	} else {
		release_row(f->port, r->run ? r->cookie : &f->cookie, r->run ? r->run : 1);
	}
	count_inflight(f, -(int)(r->run ? r->run : 1));
}

/* The reference, for n of its frames. */
static void came_home(struct worker *w, struct frame_ref *r, unsigned n)
{
	struct frame_ref *s = r->source;

	if (!s) {
		handover_copy_done(w, r);
		return;
	}
	if (r != s)
		free_ref(w, r);
	w->under_way -= n;
	s->pending -= n;
	if (s->pending)
		return;
	give_back(w, s);
	free_ref(w, s);
}

unsigned handover_returns(struct worker *w)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->engine->nworkers; i++) {
		void *got[WORKER_BURST];
		unsigned n = spsc_pop(&w->returns[i], got, WORKER_BURST); /* ours too: a reference may follow its ring home */

		for (unsigned k = 0; k < n; k++)
			came_home(w, inbox_homing_ref(got[k]), inbox_homing_frames(got[k]));
		total += n;
	}
	return total;
}
