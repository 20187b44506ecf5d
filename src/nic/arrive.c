/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What other workers have put into a worker's inboxes (handover.c): frames are delivered to the rings and ports that this
 * worker has, or follow a ring that has moved on, and their references go home, where the senders' buffers are given
 * back. Worker only.
 *
 * The bytes of a ticket's frame are read here, where the sender's worker has read them once already. A guest may have
 * changed them meanwhile: those that decided where the frame goes come from the ticket, as does the queue pair, and what
 * else is decided by the others is decided here, by what is read here.
 */
#include "nic/tap.h"

#include <assert.h>

#define SLOTS_AHEAD 16u /* slots whose frames' first lines are on the way while those before are worked on */

/* Frames that stay here, and the ring of this worker that they go straight to; NULL: one, at which arrive has to look. */
struct arrival {
	struct frame *f;
	unsigned n;
	struct nic_queue *q;
};

/* Of one inbox, in one turn. */
struct arrivals {
	unsigned n, nopened, nhoming;
	struct arrival arrival[WORKER_BURST];
	struct homing {
		void *ref; /* with a number of frames */
		unsigned origin;
	} homing[WORKER_BURST];
};

static void add_arrival(struct arrivals *a, struct frame *f, unsigned n, struct nic_queue *q)
{
	a->arrival[a->n++] = (struct arrival){ f, n, q };
}

/* n of its frames need nothing of their sender any more when this turn's deliveries are carried out. */
static void add_homing(struct arrivals *a, struct frame_ref *r, unsigned n, unsigned origin)
{
	a->homing[a->nhoming++] = (struct homing){ inbox_homing(r, n), origin };
}

static void send_home(struct worker *w, const struct arrivals *a)
{
	for (unsigned k = 0; k < a->nhoming; k++) {
		unsigned home = a->homing[k].origin;
		bool sent = spsc_put(&w->engine->w[home]->returns[w->index], a->homing[k].ref);

		assert(sent); /* no more frames are under way than the ring has slots */
		(void)sent;
		w->wake_mask |= 1ull << home;
	}
}

/* The worker that has the frame's destination now; NULL: nobody, *why. */
static struct worker *destination(const struct frame *f, struct nic_vport **v, enum nic_drop *why)
{
	struct nic_queue *q;
	struct port_source *s;

	*why = NIC_DROP_RX_STOPPED;
	if (f->dst == FRAME_TO_WIRE) {
		*v = NULL;
		s = __atomic_load_n(&frame_nic(f)->wire, __ATOMIC_ACQUIRE);
		return s ? __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE) : NULL;
	}
	*v = vport_of(frame_nic(f), f->dst);
	if (!*v)
		return NULL;
	q = bypass_receiver(*v, f);
	if (q)
		return __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE);
	s = __atomic_load_n(&(*v)->host, __ATOMIC_ACQUIRE);
	return s ? __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE) : NULL;
}

static void arrive(struct worker *w, struct frame *f)
{
	struct nic_vport *v;
	enum nic_drop why;
	struct worker *to = destination(f, &v, &why);

	if (to == w) {
		dispatch_arrived(w, frame_nic(f), f, v);
		return;
	}
	if (to) /* the ring has moved on meanwhile: the frame should have followed it */
		why = NIC_DROP_RX_INBOX_FULL;
	drop_frame(w, frame_nic(f), v, f, why);
}

/* Where the frame has to follow its ring to; NULL: it stays here. q: the ring that was chosen for it, NULL: what it is now. */
static struct worker *moved_on(const struct worker *w, const struct frame *f, const struct nic_queue *q)
{
	struct nic_vport *v;
	enum nic_drop why;
	struct worker *to = q ? __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE) : destination(f, &v, &why);

	return to == w ? NULL : to;
}

/* True: it was sent on after its ring, and is not ours any more. */
static bool follow(struct worker *w, struct frame_ref *r)
{
	struct worker *to = moved_on(w, &r->f, NULL);

	return to && handover_ref(w, to, r);
}

/* ---- copies that pass the default queue ---- */

/* As follow. */
static bool pass_on(struct worker *w, struct frame_ref *r)
{
	bypass_passes(w, r);
	return follow(w, r);
}

bool arrive_copy(struct worker *w, struct frame_ref *r)
{
	if (pass_on(w, r))
		return false;
	arrive(w, &r->f);
	return true;
}

/* ---- runs ---- */

/* False: what its sender left to others is not what it was when it was sent. */
static inline bool open_ticket(const struct inbox_item *run, const struct ticket *t, struct frame *f)
{
	struct virtio_net_hdr h;

	frame_read_piece(f, t->data, t->len);
	memcpy(f->hdr, t->hdr, sizeof t->hdr);
	f->tci = t->tci;
	f->tag = t->tag;
	f->key = filter_key_of(f->hdr, frame_vid(f)); /* captures look it up */
	f->offload = 0;
	f->src_vport = run->src == INBOX_FROM_WIRE ? FRAME_FROM_WIRE : run->src;
	f->dst = run->dst;
	f->queue = run->of_port ? NULL : run->from;
	f->port = run->of_port ? run->from : NULL;
	f->held = NULL;
	f->watch = 0;
	if (__builtin_expect(t->offload == 0, 1))
		return true;
	memcpy(&h, t->data - t->before, sizeof h);
	return offload_read(f, &h, t->offload);
}

/* The ring that its sender chose for the run; NULL: there is none any more. */
static inline struct nic_queue *ring_of_run(const struct inbox_item *run)
{
	const struct nic_vport *v = vport_of(run->nic, run->dst);

	return v ? __atomic_load_n(&v->queue[run->qp], __ATOMIC_ACQUIRE) : NULL;
}

/* The k-th frame of the run whose item is in slot `at`; NULL: it was dropped. */
static inline struct frame *open_frame(struct worker *w, struct arrivals *a, const struct inbox *in, unsigned at, unsigned k)
{
	const struct inbox_item *run = &inbox_slot(in, at)->item;
	struct frame *f = &w->frame[a->nopened];

	if (__builtin_expect(!open_ticket(run, &inbox_slot(in, at + 1 + k)->ticket, f), 0)) {
		dispatch_drop(w, run->nic, f, NIC_DROP_TX_BAD_OFFLOAD);
		return NULL;
	}
	a->nopened++;
	return f;
}

/* The ring is not here. */
static __attribute__((noinline)) void take_scattered(struct worker *w, struct arrivals *a, const struct inbox *in, unsigned at)
{
	const struct inbox_item *run = &inbox_slot(in, at)->item;
	struct nic_queue *q = ring_of_run(run);
	unsigned followed = 0;

	for (unsigned k = 0; k < run->n; k++) {
		struct frame *f = open_frame(w, a, in, at, k);
		struct worker *to = f ? moved_on(w, f, q) : NULL;

		if (to && handover_ticket(w, to, run, &inbox_slot(in, at + 1 + k)->ticket)) {
			a->nopened--;
			followed++;
		} else if (f) {
			add_arrival(a, f, 1, NULL);
		}
	}
	if (followed < run->n)
		add_homing(a, run->what, run->n - followed, run->origin);
}

static inline void prefetch_ahead(const struct inbox *in, unsigned at, unsigned have)
{
	if (at + SLOTS_AHEAD < have)
		__builtin_prefetch(inbox_slot(in, at + SLOTS_AHEAD)->ticket.data); /* or what an item has there */
}

static void take_run(struct worker *w, struct arrivals *a, const struct inbox *in, unsigned at, unsigned have)
{
	const struct inbox_item *run = &inbox_slot(in, at)->item;
	struct nic_queue *q = ring_of_run(run);
	struct frame *first = &w->frame[a->nopened];

	if (__builtin_expect(!q || __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE) != w, 0)) {
		take_scattered(w, a, in, at);
		return;
	}
	for (unsigned k = 0; k < run->n; k++) {
		prefetch_ahead(in, at + 1 + k, have);
		(void)open_frame(w, a, in, at, k);
	}
	add_arrival(a, first, (unsigned)(&w->frame[a->nopened] - first), q);
	add_homing(a, run->what, run->n, run->origin);
}

/* ---- the inbox ---- */

static void take_ref(struct worker *w, struct arrivals *a, struct frame_ref *r)
{
	if (follow(w, r))
		return;
	add_arrival(a, &r->f, 1, NULL);
	add_homing(a, r, 1, r->f.origin);
}

static void take_copy(struct worker *w, struct arrivals *a, struct frame_ref *r)
{
	if (pass_on(w, r))
		return;
	add_arrival(a, &r->f, 1, NULL);
	add_homing(a, r, 1, r->f.origin);
}

/* What begins in slot `at` of `have`; returns how many slots it takes. */
static unsigned take_item(struct worker *w, struct arrivals *a, const struct inbox *in, unsigned at, unsigned have)
{
	const struct inbox_item *item = &inbox_slot(in, at)->item;

	prefetch_ahead(in, at, have);
	switch ((enum inbox_kind)item->kind) {
	case INBOX_RUN:
		take_run(w, a, in, at, have);
		return 1u + item->n;
	case INBOX_REF:
		take_ref(w, a, item->what);
		break;
	case INBOX_COPY:
		take_copy(w, a, item->what);
		break;
	case INBOX_QUEUE:
		worker_add_queue(w, item->what);
		break;
	case INBOX_PORT:
		worker_add_port(w, item->what);
		break;
	}
	return 1;
}

/* As much of it as is a burst; returns how many slots that were. */
static unsigned take_inbox(struct worker *w, struct arrivals *a, const struct inbox *in)
{
	const unsigned have = spsc_waiting(&in->ends);
	unsigned at;

	for (unsigned i = 0; i < have && i < SLOTS_AHEAD; i++)
		__builtin_prefetch(inbox_slot(in, i)->ticket.data);
	for (at = 0; at < have && a->n + RUN_MAX <= WORKER_BURST && a->nopened + RUN_MAX <= WORKER_BURST && a->nhoming < WORKER_BURST;)
		at += take_item(w, a, in, at, have);
	return at;
}

static void arrive_all(struct worker *w, const struct arrivals *a)
{
	for (unsigned k = 0; k < a->n; k++) {
		const struct arrival *r = &a->arrival[k];

		if (__builtin_expect(r->q != NULL, 1))
			dispatch_arrived_row(w, r->f, r->n, r->q);
		else
			arrive(w, r->f);
	}
}

static void show_all(struct worker *w, const struct arrivals *a)
{
	for (unsigned k = 0; k < a->n; k++)
		tap_arrived(w, a->arrival[k].f, a->arrival[k].n);
}

unsigned arrive_inboxes(struct worker *w)
{
	unsigned total = 0;

	for (unsigned i = 0; i < w->engine->nworkers; i++) {
		struct inbox *in = &w->inbox[i];
		struct arrivals a;
		unsigned n;

		if (i == w->index || spsc_empty(&in->ends))
			continue;
		assert(w->nframes == 0); /* what tickets are opened into */
		a.n = a.nopened = a.nhoming = 0;
		n = take_inbox(w, &a, in);
		spsc_done(&in->ends, n);
		if (tapped(w))
			show_all(w, &a);
		arrive_all(w, &a);
		if (a.n)
			dispatch_carry_out(w);
		send_home(w, &a);
		handover_publish(w);
		total += n;
	}
	return total;
}
