/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between workers: a frame whose receiver another worker has goes there as a reference, through a ring of that pair of
 * workers; the sender's buffer is given back when the reference has come home. Nothing blocks: no reference left or a
 * full inbox is a counted drop. A ring or port that changes its worker travels the same way, so that it arrives before
 * the frames that were sent after it.
 */
#include "nic/tap.h"

#include <assert.h>

/* What lies in an inbox: a reference, or one of these marked in the low bits of the pointer. */
enum { ITEM_REF = 0, ITEM_QUEUE = 1, ITEM_PORT = 2, ITEM_COPY = 3, ITEM_MASK = 3 };

static void *item(void *p, uintptr_t kind)
{
	return (void *)((uintptr_t)p | kind);
}

static bool push(struct worker *w, struct worker *to, void *p)
{
	if (!spsc_push(&to->inbox[w->index], p))
		return false;
	w->wake_mask |= 1ull << to->index;
	return true;
}

/* There is one. */
static struct frame_ref *take_ref(struct worker *w)
{
	struct frame_ref *r = w->free_refs[--w->nfree_refs];

	r->origin = (uint16_t)w->index;
	return r;
}

static struct frame_ref *new_ref(struct worker *w, const struct frame *f)
{
	struct frame_ref *r;

	if (w->nfree_refs == 0)
		return NULL;
	r = take_ref(w);
	r->f = *f;
	r->f.held = NULL;
	if (f->segs) {
		r->f.segs = r->seg_store;
		if (f->nsegs > FRAME_SEGS)
			r->f.segs = malloc(f->nsegs * sizeof f->segs[0]);
		if (!r->f.segs) {
			w->free_refs[w->nfree_refs++] = r;
			return NULL;
		}
		memcpy(r->f.segs, f->segs, f->nsegs * sizeof f->segs[0]);
	}
	return r;
}

static void free_ref(struct worker *w, struct frame_ref *r)
{
	if (r->f.segs && r->f.segs != r->seg_store)
		free(r->f.segs);
	w->free_refs[w->nfree_refs++] = r;
}

bool handover_frame(struct worker *w, struct worker *to, struct frame *f, const struct nic *n, uint32_t dst, enum nic_drop *why)
{
	struct frame_ref *r = new_ref(w, f);

	if (!r) {
		*why = NIC_DROP_TX_NO_REFERENCE;
		return false;
	}
	r->nic = n;
	r->dst_vport = dst;
	r->source = f->held ? f->held : r;
	if (!push(w, to, r)) {
		free_ref(w, r);
		*why = NIC_DROP_RX_INBOX_FULL;
		return false;
	}
	if (f->held) {
		f->held->pending++;
		return true;
	}
	r->pending = 1;
	f->held = r;
	if (f->queue)
		f->queue->inflight++;
	else
		f->port->inflight++;
	return true;
}

bool handover_queue(struct worker *w, struct worker *to, struct nic_queue *q)
{
	q->slot = QUEUE_NOT_ADOPTED;
	if (push(w, to, item(q, ITEM_QUEUE)))
		return true;
	q->slot = QUEUE_LET_GO;
	return false;
}

bool handover_port(struct worker *w, struct worker *to, struct port_source *s)
{
	s->let_go = false;
	if (push(w, to, item(s, ITEM_PORT)))
		return true;
	s->let_go = true;
	return false;
}

/* The worker that has the reference's destination now; NULL: nobody, *why. */
static struct worker *destination(const struct frame_ref *r, struct nic_vport **v, enum nic_drop *why)
{
	struct nic_queue *q;
	struct port_source *s;

	*why = NIC_DROP_RX_STOPPED;
	if (r->dst_vport == FRAME_FROM_WIRE) {
		*v = NULL;
		s = __atomic_load_n(&r->nic->wire, __ATOMIC_ACQUIRE);
		return s ? __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE) : NULL;
	}
	*v = vport_of(r->nic, r->dst_vport);
	if (!*v)
		return NULL;
	q = bypass_receiver(*v, &r->f);
	if (q)
		return __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE);
	s = __atomic_load_n(&(*v)->host, __ATOMIC_ACQUIRE);
	return s ? __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE) : NULL;
}

static void send_home(struct worker *w, struct frame_ref *r)
{
	struct worker *home = w->engine->w[r->origin];
	bool fits = spsc_push(&home->returns[w->index], r);

	assert(fits); /* the ring has more slots than there are references */
	(void)fits;
	w->wake_mask |= 1ull << home->index;
}

static void arrive(struct worker *w, struct frame_ref *r)
{
	struct nic_vport *v;
	enum nic_drop why;
	struct worker *to = destination(r, &v, &why);

	if (to == w) {
		dispatch_arrived(w, r->nic, &r->f, v);
		return;
	}
	if (to) /* the ring has moved on meanwhile: the reference follows it, and goes home from there */
		why = NIC_DROP_RX_INBOX_FULL;
	drop_frame(w, r->nic, v, &r->f, why);
}

/* True: it was sent on after its ring, and is not ours any more. */
static bool follow(struct worker *w, struct frame_ref *r)
{
	struct nic_vport *v;
	enum nic_drop why;
	struct worker *to = destination(r, &v, &why);

	return to && to != w && push(w, to, r);
}

/* As follow, of a copy that passes the default queue. */
static bool pass_on(struct worker *w, struct frame_ref *r)
{
	bypass_passes(w, r);
	return follow(w, r);
}

/* The frame's bytes behind the header, in memory of our own. */
static bool copy_out(struct frame_ref *r, const struct frame *f)
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
	r->f.held = NULL;
	r->f.segs = NULL;
	r->f.nsegs = 1;
	r->f.rest = r->copy;
	return true;
}

bool handover_copy(struct worker *w, struct worker *to, const struct frame *f, const struct nic *n, uint32_t dst, enum nic_drop *why)
{
	struct frame_ref *r;

	*why = NIC_DROP_TX_NO_REFERENCE;
	if (w->nfree_refs == 0 || !copy_out(w->free_refs[w->nfree_refs - 1], f))
		return false;
	r = take_ref(w);
	r->nic = n;
	r->dst_vport = dst;
	r->source = NULL;
	if (to != w && !push(w, to, item(r, ITEM_COPY))) {
		free_ref(w, r);
		*why = NIC_DROP_RX_INBOX_FULL;
		return false;
	}
	/* the sender has its buffer back, but must not go while its frame is under way */
	if (f->queue)
		f->queue->inflight++;
	else
		f->port->inflight++;
	if (to == w && !pass_on(w, r)) {
		arrive(w, r);
		r->next = w->copies;
		w->copies = r;
	}
	return true;
}

void handover_copy_done(struct worker *w, struct frame_ref *r)
{
	if (r->f.queue)
		r->f.queue->inflight--;
	else
		r->f.port->inflight--;
	free_ref(w, r);
}

unsigned handover_inbox(struct worker *w)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->engine->nworkers; i++) {
		void *got[WORKER_BURST];
		struct frame_ref *here[WORKER_BURST];
		unsigned n, nhere = 0;

		if (i == w->index)
			continue;
		n = spsc_pop(&w->inbox[i], got, WORKER_BURST);
		for (unsigned k = 0; k < n; k++) {
			uintptr_t kind = (uintptr_t)got[k] & ITEM_MASK;
			void *p = (void *)((uintptr_t)got[k] & ~(uintptr_t)ITEM_MASK);

			if (__builtin_expect(kind == ITEM_QUEUE, 0))
				worker_add_queue(w, p);
			else if (__builtin_expect(kind == ITEM_PORT, 0))
				worker_add_port(w, p);
			else if (!(__builtin_expect(kind == ITEM_COPY, 0) ? pass_on(w, p) : follow(w, p)))
				here[nhere++] = p;
		}
		if (tapped(w))
			tap_arrived(w, here, nhere);
		for (unsigned k = 0; k < nhere; k++)
			arrive(w, here[k]);
		if (nhere)
			dispatch_carry_out(w);
		for (unsigned k = 0; k < nhere; k++)
			send_home(w, here[k]);
		total += n;
	}
	return total;
}

static void came_home(struct worker *w, struct frame_ref *r)
{
	struct frame_ref *s = r->source;

	if (r != s) {
		if (!s) {
			handover_copy_done(w, r);
			return;
		}
		free_ref(w, r);
	}
	if (--s->pending)
		return;
	if (s->f.queue) {
		struct nic_queue *q = s->f.queue;

		virtqueue_done(&q->tx, s->f.id, s->f.ndesc);
		q->inflight--;
		notify_tx(w, q);
	} else {
		s->f.port->port->ops->rx_release(s->f.port->port, &(struct port_frame){ .cookie = s->f.cookie }, 1);
		s->f.port->inflight--;
	}
	free_ref(w, s);
}

unsigned handover_returns(struct worker *w)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->engine->nworkers; i++) {
		void *got[WORKER_BURST];
		unsigned n = spsc_pop(&w->returns[i], got, WORKER_BURST); /* ours too: a reference may follow its ring home */

		for (unsigned k = 0; k < n; k++)
			came_home(w, got[k]);
		total += n;
	}
	return total;
}
