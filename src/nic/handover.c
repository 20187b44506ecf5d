/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between workers: a frame whose receiver another worker has goes there as a reference, through a ring of that pair of
 * workers; the sender's buffer is given back when the reference has come home. Nothing blocks: no reference left or a
 * full inbox is a counted drop. A ring or port that changes its worker travels the same way, so that it arrives before
 * the frames that were sent after it.
 */
#include "nic/tap.h"

#include <assert.h>

#define REFS_AHEAD 16u /* references whose lines are on the way while those before are worked on */

/* What lies in an inbox: a reference, or one of these marked in the low bits of the pointer. */
enum { ITEM_REF = 0, ITEM_QUEUE = 1, ITEM_PORT = 2, ITEM_COPY = 3, ITEM_MASK = 3 };

static void *item(void *p, uintptr_t kind)
{
	return (void *)((uintptr_t)p | kind);
}

/* The other worker sees it when it is published. */
static inline bool push(struct worker *w, struct worker *to, void *p)
{
	if (!spsc_put(&to->inbox[w->index], p))
		return false;
	w->wake_mask |= 1ull << to->index;
	return true;
}

void handover_publish(struct worker *w)
{
	for (uint64_t left = w->wake_mask; left; left &= left - 1) {
		struct worker *to = w->engine->w[__builtin_ctzll(left)];

		spsc_publish(&to->inbox[w->index]);
		spsc_publish(&to->returns[w->index]);
	}
}

/* Its pieces, when there are more than one, into memory of the reference's own. False: memory is short. */
static bool copy_segs(struct frame_ref *r, const struct frame *f)
{
	r->f.segs = f->nsegs > FRAME_SEGS ? malloc(f->nsegs * sizeof f->segs[0]) : r->seg_store;
	if (!r->f.segs)
		return false;
	memcpy(r->f.segs, f->segs, f->nsegs * sizeof f->segs[0]);
	return true;
}

/* There is one. NULL: memory is short. */
static inline struct frame_ref *new_ref(struct worker *w, const struct frame *f, uint16_t dst)
{
	struct frame_ref *r = w->free_refs[w->nfree_refs - 1];

	if (__builtin_expect(f->queue && !f->offload && !tapped(w), 1))
		memcpy(&r->f, f, offsetof(struct frame, port));
	else
		r->f = *f;
	r->f.held = NULL;
	r->f.origin = (uint8_t)w->index;
	r->f.dst = dst;
	if (__builtin_expect(f->segs != NULL, 0) && !copy_segs(r, f))
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

unsigned handover_run(struct worker *w, struct worker *to, struct frame *f, unsigned n, uint16_t dst, enum nic_drop *why)
{
	struct spsc *inbox = &to->inbox[w->index];
	unsigned room = spsc_room(inbox, n), k;
	void *made[WORKER_BURST];

	*why = NIC_DROP_RX_INBOX_FULL;
	if (w->nfree_refs <= room) {
		*why = NIC_DROP_TX_NO_REFERENCE;
		room = w->nfree_refs;
	}
	for (k = 0; k < room; k++) {
		struct frame_ref *r = new_ref(w, &f[k], dst);

		if (!r) {
			*why = NIC_DROP_TX_NO_REFERENCE;
			break;
		}
		r->source = r;
		r->pending = 1;
		f[k].held = r;
		made[k] = r;
	}
	if (k == 0)
		return 0;
	spsc_put_all(inbox, made, k);
	w->wake_mask |= 1ull << to->index;
	if (f->queue)
		f->queue->inflight += k;
	else
		f->port->inflight += k;
	return k;
}

bool handover_frame(struct worker *w, struct worker *to, struct frame *f, uint16_t dst, enum nic_drop *why)
{
	struct frame_ref *r;

	if (!f->held)
		return handover_run(w, to, f, 1, dst, why) == 1;
	r = w->nfree_refs ? new_ref(w, f, dst) : NULL;
	if (!r) {
		*why = NIC_DROP_TX_NO_REFERENCE;
		return false;
	}
	r->source = f->held;
	if (!push(w, to, r)) {
		free_ref(w, r);
		*why = NIC_DROP_RX_INBOX_FULL;
		return false;
	}
	f->held->pending++;
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
	if (r->f.dst == FRAME_TO_WIRE) {
		*v = NULL;
		s = __atomic_load_n(&frame_nic(&r->f)->wire, __ATOMIC_ACQUIRE);
		return s ? __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE) : NULL;
	}
	*v = vport_of(frame_nic(&r->f), r->f.dst);
	if (!*v)
		return NULL;
	q = bypass_receiver(*v, &r->f);
	if (q)
		return __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE);
	s = __atomic_load_n(&(*v)->host, __ATOMIC_ACQUIRE);
	return s ? __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE) : NULL;
}

static void send_home(struct worker *w, struct frame_ref *const *r, unsigned n)
{
	for (unsigned k = 0, end; k < n; k = end) {
		struct worker *home = w->engine->w[r[k]->f.origin];
		struct spsc *returns = &home->returns[w->index];

		for (end = k + 1; end < n && r[end]->f.origin == r[k]->f.origin;)
			end++;
		assert(spsc_room(returns, end - k) == end - k); /* the ring has more slots than there are references */
		spsc_put_all(returns, (void *const *)(r + k), end - k);
		w->wake_mask |= 1ull << home->index;
	}
}

static void arrive(struct worker *w, struct frame_ref *r)
{
	struct nic_vport *v;
	enum nic_drop why;
	struct worker *to = destination(r, &v, &why);

	if (to == w) {
		dispatch_arrived(w, frame_nic(&r->f), &r->f, v);
		return;
	}
	if (to) /* the ring has moved on meanwhile: the reference follows it, and goes home from there */
		why = NIC_DROP_RX_INBOX_FULL;
	drop_frame(w, frame_nic(&r->f), v, &r->f, why);
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
	return true;
}

bool handover_copy(struct worker *w, struct worker *to, const struct frame *f, uint16_t dst, enum nic_drop *why)
{
	struct frame_ref *r;

	*why = NIC_DROP_TX_NO_REFERENCE;
	if (w->nfree_refs == 0 || !copy_out(w, w->free_refs[w->nfree_refs - 1], f, dst))
		return false;
	r = w->free_refs[--w->nfree_refs];
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

/* The references of a burst that stay here, and the rings of this worker that they go straight to; NULL: arrive has to look. */
struct arrivals {
	unsigned n;
	struct frame_ref *r[WORKER_BURST];
	struct nic_queue *q[WORKER_BURST];
};

static inline struct nic_queue *ring_here(const struct worker *w, const struct frame_ref *r)
{
	struct nic_queue *q = only_queue(vport_of(frame_nic(&r->f), r->f.dst));

	return q && __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE) == w ? q : NULL;
}

/* A reference: to the ring of the one before it when it has the same source and destination. */
static inline void take_frame(struct worker *w, struct arrivals *a, struct frame_ref *r)
{
	const struct frame_ref *last = a->n ? a->r[a->n - 1] : NULL;
	struct nic_queue *q;

	if (last && r->f.queue && last->f.queue == r->f.queue && last->f.dst == r->f.dst)
		q = a->q[a->n - 1];
	else
		q = ring_here(w, r);
	if (__builtin_expect(!q, 0) && follow(w, r))
		return;
	a->r[a->n] = r;
	a->q[a->n++] = q;
}

/* Whatever else comes in an inbox. */
static __attribute__((noinline)) void take_item(struct worker *w, struct arrivals *a, void *got)
{
	uintptr_t kind = (uintptr_t)got & ITEM_MASK;
	void *p = (void *)((uintptr_t)got & ~(uintptr_t)ITEM_MASK);

	if (kind == ITEM_QUEUE) {
		worker_add_queue(w, p);
	} else if (kind == ITEM_PORT) {
		worker_add_port(w, p);
	} else if (!pass_on(w, p)) {
		a->r[a->n] = p;
		a->q[a->n++] = NULL;
	}
}

static inline void prefetch_got(const void *got)
{
	const char *r = got; /* or a pointer with a mark, which does no harm */

	__builtin_prefetch(r + offsetof(struct frame_ref, f.hdr));
	__builtin_prefetch(r + offsetof(struct frame_ref, f.rest));
}

static void take_inbox(struct worker *w, struct arrivals *a, void *const *got, unsigned n)
{
	for (unsigned k = 0; k < n && k < REFS_AHEAD; k++)
		prefetch_got(got[k]);
	for (unsigned k = 0; k < n; k++) {
		if (k + REFS_AHEAD < n)
			prefetch_got(got[k + REFS_AHEAD]);
		if (__builtin_expect(((uintptr_t)got[k] & ITEM_MASK) == ITEM_REF, 1))
			take_frame(w, a, got[k]);
		else
			take_item(w, a, got[k]);
	}
}

static void arrive_all(struct worker *w, const struct arrivals *a)
{
	for (unsigned k = 0, end; k < a->n; k = end) {
		end = k + 1;
		if (!a->q[k]) {
			arrive(w, a->r[k]);
			continue;
		}
		while (end < a->n && a->q[end] == a->q[k])
			end++;
		dispatch_arrived_row(w, &a->r[k], end - k, a->q[k]);
	}
}

unsigned handover_inbox(struct worker *w)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->engine->nworkers; i++) {
		void *got[WORKER_BURST];
		struct arrivals a;
		unsigned n = i == w->index ? 0 : spsc_pop(&w->inbox[i], got, WORKER_BURST);

		if (n == 0)
			continue;
		a.n = 0;
		take_inbox(w, &a, got, n);
		if (tapped(w))
			tap_arrived(w, a.r, a.n);
		arrive_all(w, &a);
		if (a.n)
			dispatch_carry_out(w);
		send_home(w, a.r, a.n);
		handover_publish(w);
		total += n;
	}
	return total;
}

/* Buffers of a ring of ours. */
static void give_buffers_back(struct worker *w, struct nic_queue *q, const uint16_t *id, const uint16_t *ndesc, unsigned n)
{
	virtqueue_done_row(&q->tx, id, ndesc, n);
	q->inflight -= n;
	notify_tx(w, q);
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
		give_buffers_back(w, s->f.queue, &s->f.id, &s->f.ndesc, 1);
	} else {
		s->f.port->port->ops->rx_release(s->f.port->port, &(struct port_frame){ .cookie = s->f.cookie }, 1);
		s->f.port->inflight--;
	}
	free_ref(w, s);
}

/* Nobody but it holds the buffer, which is of this ring. */
static inline bool sole(const struct frame_ref *r, const struct nic_queue *q)
{
	return r->source == r && r->pending == 1 && r->f.queue == q;
}

/* Those from got on that alone hold buffers of one ring, or the next one; returns how many. */
static unsigned row_came_home(struct worker *w, void *const *got, unsigned n)
{
	struct nic_queue *q = ((const struct frame_ref *)got[0])->f.queue;
	uint16_t id[WORKER_BURST], ndesc[WORKER_BURST];
	unsigned k;

	for (k = 0; q && k < n && sole(got[k], q); k++) {
		struct frame_ref *r = got[k];

		id[k] = r->f.id;
		ndesc[k] = r->f.ndesc;
		free_ref(w, r);
	}
	if (k == 0) {
		came_home(w, got[0]);
		return 1;
	}
	give_buffers_back(w, q, id, ndesc, k);
	return k;
}

unsigned handover_returns(struct worker *w)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->engine->nworkers; i++) {
		void *got[WORKER_BURST];
		unsigned n = spsc_pop(&w->returns[i], got, WORKER_BURST); /* ours too: a reference may follow its ring home */

		for (unsigned k = 0; k < n;)
			k += row_came_home(w, got + k, n - k);
		total += n;
	}
	return total;
}
