/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest driver's half of the rings. Whatever the switch wrote last is in its cache, and fetching it one line at a
 * time would make the generator the bottleneck. So each step goes over a whole burst, and receiving over all ports:
 * indexes, used entries, frames; each step asks for the lines of the next. Kicks are given when the device asks for
 * them, interrupts are declined: we poll.
 */
#include "vugen.h"

#include <string.h>
#include <unistd.h>

#define BUFFER_STRIDE 2304u
#define BUFFER_AT     (128u - HDR_LEN)

#define PACKED_BOTH (PACKED_AVAIL | PACKED_USED)

#define RX_PORTS  64u  /* that are received from at a time */
#define RX_FRAMES 256u /* of all of them */

struct burst {
	uint8_t **frame;
	uint32_t *len;
	uint16_t *id;
	unsigned n;
};

size_t ring_buffers_size(void)
{
	return (size_t)opt.ring * BUFFER_STRIDE;
}

uint8_t *ring_buffer(const struct ring *r, unsigned i)
{
	return r->bufs + (size_t)i * BUFFER_STRIDE + BUFFER_AT;
}

/* The guest's address of a burst's i-th buffer; first: that of the ring's buffers. */
static uint64_t buffer_address(uint64_t first, const struct ring *r, const struct burst *b, unsigned i)
{
	return first + (uint64_t)(b->frame[i] - HDR_LEN - r->bufs);
}

static uint16_t mask(void)
{
	return (uint16_t)(opt.ring - 1);
}

static void ring_init(struct port *p, int which)
{
	struct ring *r = &p->front.q[which];
	const uint16_t kind = which == RX ? DESC_WRITE : 0;
	const uint16_t quiet = (uint16_t)(which == RX && opt.interrupts ? 0 : NO_INTERRUPT);

	r->wrap = true;
	for (unsigned i = 0; r->bufs && i < opt.ring; i++) {
		uint8_t *b = ring_buffer(r, i);
		uint32_t len = HDR_LEN + (which == RX ? MAX_FRAME : opt.size);

		if (p->role)
			memset(b, 0, HDR_LEN + MAX_FRAME);
		/* packed: a receive buffer is made available in the first lap, both flags of the others are those of
		 * the lap before */
		if (opt.packed)
			r->packed[i] = (struct packed_desc){ guest_address(&p->front, b), len, (uint16_t)i,
							     (uint16_t)(which == RX ? kind | PACKED_AVAIL : kind) };
		else
			r->desc[i] = (struct desc){ guest_address(&p->front, b), len, kind, 0 };
		if (!opt.packed && which == RX)
			r->avail->ring[i] = (uint16_t)i;
	}
	if (opt.packed) {
		r->driver_event->flags = quiet;
		return;
	}
	r->avail->flags = quiet;
	if (which == RX) {
		r->avail_idx = (uint16_t)opt.ring;
		__atomic_store_n(&r->avail->idx, r->avail_idx, __ATOMIC_RELEASE);
	}
}

void port_up(struct port *p)
{
	struct front *f = &p->front;

	f->want = (opt.no_mrg ? 0 : F_MRG_RXBUF) | (opt.packed ? F_RING_PACKED : 0);
	f->entries = opt.ring;
	f->buffers[RX] = ring_buffers_size();
	f->buffers[TX] = p->role & ROLE_TX ? ring_buffers_size() : 0;
	f->spare = HDR_LEN + MIN_FRAME;
	f->small_pages = opt.small_pages;
	front_negotiate(f);
	front_memory(f);
	p->announce = f->rest;
	ring_init(p, RX);
	ring_init(p, TX);
	front_start(f);
}

bool ring_wants_kick(const struct ring *r)
{
	if (opt.packed)
		return __atomic_load_n(&r->device_event->flags, __ATOMIC_RELAXED) != NO_NOTIFY;
	return !(__atomic_load_n(&r->used->flags, __ATOMIC_RELAXED) & NO_NOTIFY);
}

/* What was made available before the look at a ring's flag: pairs with the device's fence before it sleeps. */
static void before_kicks(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void kick(const struct ring *r)
{
	const uint64_t one = 1;

	if (ring_wants_kick(r) && write(r->kick_fd, &one, sizeof one) < 0)
		return; /* the counter is full: the device was kicked often enough */
}

/* ---- packed rings: both directions walk the same way ---- */

/* The half of a descriptor that changes hands, read and written as one word. */
union packed_half {
	struct {
		uint32_t len;
		uint16_t id, flags;
	};
	uint64_t word;
};

static uint64_t *packed_words(struct packed_desc *d)
{
	return (uint64_t *)(void *)d;
}

/* Both flags, as they are in a slot that is the driver's: given back in this lap, or (sending) in the lap before. */
static uint16_t packed_ours(bool wrap, bool receiving)
{
	return wrap == receiving ? PACKED_BOTH : 0;
}

/* Gathers slots the device has given back. */
static void packed_gather(const struct ring *r, struct burst *b, unsigned max, bool receiving)
{
	const uint16_t size = (uint16_t)opt.ring, last = mask();
	uint16_t pos = r->pos, ours = packed_ours(r->wrap, receiving);
	uint16_t *const id = b->id;
	uint8_t **const frame = b->frame;
	unsigned n = 0;

	for (; n < max; n++) {
		union packed_half d = { .word = __atomic_load_n(&packed_words(&r->packed[pos])[1], __ATOMIC_ACQUIRE) };

		if ((d.flags & PACKED_BOTH) != ours)
			break;
		id[n] = d.id & last; /* the device may answer out of order */
		b->len[n] = d.len;
		frame[n] = ring_buffer(r, id[n]) + HDR_LEN;
		if (receiving)
			__builtin_prefetch(frame[n]);
		else
			__builtin_prefetch(frame[n], 1);
		if (++pos == size) {
			pos = 0;
			ours ^= PACKED_BOTH;
		}
	}
	b->n = n;
}

/*
 * Makes the gathered buffers available at pos. A slot that is sent from was used in the lap before and is marked with
 * this lap's counter; one that is received into was used in this lap and is marked with the next one's.
 */
static void packed_post(struct port *p, struct ring *r, const struct burst *b, bool receiving)
{
	const uint32_t len = HDR_LEN + (receiving ? MAX_FRAME : opt.size);
	const uint16_t kind = receiving ? DESC_WRITE : 0, size = (uint16_t)opt.ring;
	const uint64_t first = guest_address(&p->front, r->bufs);
	uint16_t pos = r->pos, lap = r->wrap != receiving ? PACKED_AVAIL : PACKED_USED;

	for (unsigned i = 0; i < b->n; i++) {
		uint64_t *d = packed_words(&r->packed[pos]);
		union packed_half half = { { len, b->id[i], kind | lap } };

		__atomic_store_n(&d[0], buffer_address(first, r, b, i), __ATOMIC_RELAXED);
		__atomic_store_n(&d[1], half.word, __ATOMIC_RELEASE);
		if (++pos == size) {
			pos = 0;
			lap ^= PACKED_BOTH;
		}
	}
	r->wrap = (lap == PACKED_AVAIL) != receiving;
	r->pos = pos;
}

/* ---- split rings ---- */

/* The slots never handed out yet, then those the device gave back. */
static void split_gather_tx(const struct port *p, struct ring *r, struct burst *b, unsigned max)
{
	const unsigned size = opt.ring;
	const uint16_t last = mask(), used = __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
	const struct used_elem *const ring = r->used->ring;
	uint16_t at = r->last_used;
	unsigned n = 0;

	for (; n < max; n++) {
		uint8_t *frame;

		if (p->tx + n < size)
			b->id[n] = (uint16_t)(p->tx + n);
		else if (at != used)
			b->id[n] = (uint16_t)ring[at++ & last].id & last;
		else
			break;
		frame = ring_buffer(r, b->id[n]) + HDR_LEN;
		__builtin_prefetch(frame, 1);
		b->frame[n] = frame;
	}
	r->last_used = at;
	b->n = n;
}

static void split_gather_rx(struct ring *r, struct burst *b, unsigned max)
{
	const uint16_t last = mask(), used = __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
	const struct used_elem *const ring = r->used->ring;
	uint16_t at = r->last_used;
	unsigned n = 0;

	for (; at != used && n < max; n++) {
		struct used_elem e = ring[at++ & last];
		uint8_t *frame = ring_buffer(r, e.id & last) + HDR_LEN;

		__builtin_prefetch(frame);
		b->id[n] = (uint16_t)(e.id & last);
		b->len[n] = e.len;
		b->frame[n] = frame;
	}
	r->last_used = at;
	b->n = n;
}

/* As a driver does that does not know that its buffers keep their descriptors. */
static void split_describe(const struct port *p, struct ring *r, const struct burst *b, bool receiving)
{
	const uint32_t len = HDR_LEN + (receiving ? MAX_FRAME : opt.size);
	const uint16_t kind = receiving ? DESC_WRITE : 0;
	const uint64_t first = guest_address(&p->front, r->bufs);

	for (unsigned i = 0; i < b->n; i++)
		r->desc[b->id[i]] = (struct desc){ buffer_address(first, r, b, i), len, kind, 0 };
}

/* The entries are written before the frames are touched, and become visible with split_publish. */
static void split_post(const struct port *p, struct ring *r, const struct burst *b, bool receiving)
{
	const uint16_t last = mask();
	uint16_t at = r->avail_idx;

	if (opt.write_descriptors)
		split_describe(p, r, b, receiving);
	for (unsigned i = 0; i < b->n; i++)
		r->avail->ring[at++ & last] = b->id[i];
	r->avail_idx = at;
}

static void split_publish(struct ring *r)
{
	__atomic_store_n(&r->avail->idx, r->avail_idx, __ATOMIC_RELEASE);
}

bool tx_home(const struct port *p)
{
	const struct ring *r = &p->front.q[TX];
	unsigned last = r->pos ? r->pos - 1u : opt.ring - 1;

	if (!p->tx)
		return true;
	if (!opt.packed)
		return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) == r->avail_idx;
	return !!(r->packed[last].flags & PACKED_AVAIL) == !!(r->packed[last].flags & PACKED_USED);
}

void tx_resize(struct port *p)
{
	for (unsigned i = 0; i < opt.ring && !opt.packed; i++) /* packed: with each frame */
		p->front.q[TX].desc[i].len = HDR_LEN + opt.size;
}

/* ---- bursts ---- */

unsigned tx_burst(struct port *p, unsigned max)
{
	struct ring *r = &p->front.q[TX];
	uint64_t stamp = opt.latency ? cycles() : 0;
	uint8_t *frame[MAX_BURST];
	uint32_t len[MAX_BURST];
	uint16_t id[MAX_BURST];
	struct burst b = { frame, len, id, 0 };

	if (p->echo && p->echo_in - p->echo_out < max)
		max = p->echo_in - p->echo_out;
	if (opt.packed) {
		packed_gather(r, &b, max, false);
	} else {
		split_gather_tx(p, r, &b, max);
		split_post(p, r, &b, false);
	}
	if (!b.n)
		return 0;
	frames_write(p, b.frame, b.n, stamp);
	if (opt.packed)
		packed_post(p, r, &b, false);
	else
		split_publish(r);
	before_kicks();
	kick(r);
	p->tx += b.n;
	return b.n;
}

/* What the options ask for beyond counting. */
static void look_into(struct port *p, const uint8_t *f, uint32_t len)
{
	uint64_t stamp;

	if (opt.full)
		for (uint32_t i = FRAME_HEAD; i + 8 <= len; i += 64)
			(void)*(const volatile uint64_t *)(f + i);
	if (!opt.latency)
		return;
	memcpy(&stamp, f + STAMP_AT, sizeof stamp);
	if (!p->echo)
		latency_record(stamp);
	else if (p->echo_in - p->echo_out < 2 * opt.ring)
		p->echo[p->echo_in++ & (2 * opt.ring - 1)] = (struct echo){ stamp, (uint16_t)frame_sender(f) };
}

static void take_frames(struct port *p, const struct burst *b)
{
	const bool any = opt.has_dmac, look = opt.full || opt.latency;
	unsigned taken = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < b->n; i++) {
		if (!any && frame_owner(b->frame[i]) != p->id)
			continue; /* a flood, or worse */
		taken++;
		bytes += b->len[i] - HDR_LEN;
		if (look)
			look_into(p, b->frame[i], b->len[i] - HDR_LEN);
	}
	p->rx += taken;
	p->rx_bytes += bytes;
	p->rx_wrong += b->n - taken;
}

/* ---- receiving, all ports step by step ---- */

/* The line that says whether something has come. */
static const void *rx_sign(const struct ring *r)
{
	return opt.packed ? (const void *)&r->packed[r->pos] : (const void *)&r->used->idx;
}

static bool rx_waits(const struct ring *r)
{
	uint16_t flags;

	if (!opt.packed)
		return __atomic_load_n(&r->used->idx, __ATOMIC_RELAXED) != r->last_used;
	flags = __atomic_load_n(&r->packed[r->pos].flags, __ATOMIC_RELAXED);
	return !!(flags & PACKED_AVAIL) == r->wrap && !!(flags & PACKED_USED) == r->wrap;
}

/* Those of n ports that have something, and the lines that gathering and posting will touch. */
static unsigned rx_find(struct port *const *ports, unsigned n, struct port **busy)
{
	unsigned nbusy = 0;

	for (unsigned i = 0; i < n && n > 1; i++)
		__builtin_prefetch(rx_sign(&ports[i]->front.q[RX]));
	for (unsigned i = 0; i < n; i++) {
		const struct ring *r = &ports[i]->front.q[RX];

		if (!rx_waits(r))
			continue;
		busy[nbusy++] = ports[i];
		if (opt.packed || n == 1)
			continue;
		__builtin_prefetch(&r->used->ring[r->last_used & mask()]);
		__builtin_prefetch(&r->avail->ring[r->avail_idx & mask()], 1);
		__builtin_prefetch(&r->avail->idx, 1);
	}
	return nbusy;
}

static unsigned rx_ports(struct port *const *ports, unsigned n)
{
	struct port *busy[RX_PORTS];
	struct burst b[RX_PORTS];
	uint8_t *frame[RX_FRAMES];
	uint32_t len[RX_FRAMES];
	uint16_t id[RX_FRAMES];
	unsigned nbusy = rx_find(ports, n, busy), got = 0;

	if (!nbusy)
		return 0;
	for (unsigned i = 0; i < nbusy; i++) {
		struct ring *r = &busy[i]->front.q[RX];
		unsigned max = RX_FRAMES - got < MAX_BURST ? RX_FRAMES - got : MAX_BURST;

		b[i] = (struct burst){ frame + got, len + got, id + got, 0 };
		if (opt.packed) {
			packed_gather(r, &b[i], max, true);
		} else {
			split_gather_rx(r, &b[i], max);
			split_post(busy[i], r, &b[i], true);
		}
		got += b[i].n;
	}
	for (unsigned i = 0; i < nbusy; i++) {
		take_frames(busy[i], &b[i]);
		if (opt.packed)
			packed_post(busy[i], &busy[i]->front.q[RX], &b[i], true);
		else
			split_publish(&busy[i]->front.q[RX]);
	}
	before_kicks();
	for (unsigned i = 0; i < nbusy; i++)
		kick(&busy[i]->front.q[RX]);
	return got;
}

unsigned rx_turn(struct port *const *ports, unsigned n)
{
	unsigned got = 0;

	for (unsigned i = 0; i < n; i += RX_PORTS)
		got += rx_ports(ports + i, n - i < RX_PORTS ? n - i : RX_PORTS);
	return got;
}

void port_announce(struct port *p)
{
	struct ring *r = &p->front.q[TX];

	memset(p->announce, 0, HDR_LEN);
	frame_broadcast(p, p->announce + HDR_LEN);
	if (opt.packed) {
		r->packed[0] = (struct packed_desc){ guest_address(&p->front, p->announce), HDR_LEN + MIN_FRAME, 0, 0 };
		__atomic_store_n(&r->packed[0].flags, (uint16_t)PACKED_AVAIL, __ATOMIC_RELEASE);
	} else {
		r->desc[0] = (struct desc){ guest_address(&p->front, p->announce), HDR_LEN + MIN_FRAME, 0, 0 };
		r->avail->ring[0] = 0;
		__atomic_store_n(&r->avail->idx, (uint16_t)1, __ATOMIC_RELEASE);
	}
	before_kicks();
	kick(r);
}
