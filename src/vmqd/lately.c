/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happened lately (lately.h). Counters as they were when the window before this one began are kept for each VPort: the
 * difference to now is what happened lately, and a loss that is other than at the last look has grown since. A state is judged by
 * the difference to the last judgement.
 */
#include "vmqd/lately.h"

#include <stdlib.h>
#include <string.h>

/* What says how the frames were treated. */
#define TREATMENT(X)                                                                                                  \
	X(rx_frames)                                                                                                  \
	X(tx_frames)                                                                                                  \
	X(rx_notifications)                                                                                           \
	X(sw_checksums)                                                                                               \
	X(sw_segmented)

/* What can be lost: one a drop reason, then one a counter of the wire's port. */
enum {
#define X(name) PORT_##name,
	PORT_COUNTERS(X)
#undef X
	NUM_PORT,
	NUM_LOSSES = NIC_DROP_COUNT + NUM_PORT,
};

static const char *const port_names[] = {
#define X(name) #name,
	PORT_COUNTERS(X)
#undef X
};

enum state {
#define X(id, name) STATE_##id,
	LATELY_STATES(X)
#undef X
	NUM_STATES,
};

static const char *const state_names[] = {
#define X(id, name) name,
	LATELY_STATES(X)
#undef X
};

struct treated {
#define X(name) uint64_t name;
	TREATMENT(X)
#undef X
};

struct counted {
	struct treated t;
	uint64_t lost[NUM_LOSSES];
};

/* Of a VPort with several queue pairs: what each has received. */
struct pairs {
	uint64_t now[NIC_MAX_QUEUE_PAIRS], begin[2][NIC_MAX_QUEUE_PAIRS], judged[NIC_MAX_QUEUE_PAIRS];
};

struct seen {
	uint64_t serial;
	struct counted now, begin[2]; /* when this window began, and the one before */
	uint64_t when[NUM_LOSSES];	/* `lost` was seen to have grown last */
	uint64_t rx_when;		/* and rx_frames; 0: never */
	struct treated judged;		/* what it was when states were judged last */
	uint64_t judged_at;
	uint64_t held_at[NUM_STATES]; /* when the state was found last; 0: never */
	unsigned npairs;
	struct pairs *pairs; /* NULL: there is one */
};

struct lately {
	uint64_t now, begun[2];
	struct seen *seen[NIC_MAX_VPORTS + 1]; /* NULL: it has not been there */
};

struct lately *lately_create(void)
{
	return calloc(1, sizeof(struct lately));
}

static void forget(struct lately *l, uint32_t id)
{
	if (l->seen[id])
		free(l->seen[id]->pairs);
	free(l->seen[id]);
	l->seen[id] = NULL;
}

void lately_destroy(struct lately *l)
{
	for (uint32_t id = 0; l && id <= LATELY_WIRE; id++)
		forget(l, id);
	free(l);
}

void lately_time(struct lately *l, uint64_t now)
{
	if (!l->now)
		l->begun[0] = l->begun[1] = now;
	l->now = now;
	if (now - l->begun[0] < LATELY_S)
		return;
	l->begun[1] = l->begun[0];
	l->begun[0] = now;
	for (uint32_t id = 0; id <= LATELY_WIRE; id++) {
		struct seen *s = l->seen[id];

		if (!s)
			continue;
		s->begin[1] = s->begin[0];
		s->begin[0] = s->now;
		if (!s->pairs)
			continue;
		memcpy(s->pairs->begin[1], s->pairs->begin[0], sizeof s->pairs->now);
		memcpy(s->pairs->begin[0], s->pairs->now, sizeof s->pairs->now);
	}
}

/* ---- states ---- */

static bool by_one_pair(const struct seen *s)
{
	uint64_t all = 0, most = 0;

	for (unsigned i = 0; s->pairs && i < s->npairs; i++) {
		uint64_t rx = s->pairs->now[i] - s->pairs->judged[i];

		all += rx;
		most = rx > most ? rx : most;
	}
	return s->npairs > 1 && all && most * 100 >= all * 99;
}

static void judge(const struct lately *l, struct seen *s, bool wire)
{
	const struct treated *now = &s->now.t, *then = &s->judged;
	uint64_t rx = now->rx_frames - then->rx_frames, tx = now->tx_frames - then->tx_frames, frames = wire ? tx : rx;
	uint64_t interrupts = now->rx_notifications - then->rx_notifications, passed = l->now - s->judged_at;
	uint64_t finished = now->sw_checksums + now->sw_segmented - then->sw_checksums - then->sw_segmented;
	bool holds[NUM_STATES] = { false };

	if (!passed || (frames < LATELY_SAMPLE && passed < LATELY_S))
		return;
	if (frames >= LATELY_SAMPLE) {
		holds[STATE_FINISHED] = finished * 10 >= frames;
		holds[STATE_INTERRUPTED] = interrupts >= LATELY_INTERRUPTS * passed && interrupts * 2 > frames;
		holds[STATE_POLLED] = !wire && !interrupts;
		holds[STATE_ONE_PAIR] = by_one_pair(s);
	}
	for (unsigned i = 0; i < NUM_STATES; i++)
		if (holds[i])
			s->held_at[i] = l->now;
	s->judged = *now;
	s->judged_at = l->now;
	if (s->pairs)
		memcpy(s->pairs->judged, s->pairs->now, sizeof s->pairs->now);
}

/* It was found at the last judgement, and that was lately. */
static bool goes_on(const struct lately *l, const struct seen *s, unsigned state)
{
	return s->held_at[state] == s->judged_at && l->now - s->judged_at < LATELY_S;
}

/* ---- what is noted ---- */

static struct seen *seen_of(struct lately *l, uint32_t id, const struct lately_counted *c)
{
	if (l->seen[id] && l->seen[id]->serial != c->serial)
		forget(l, id);
	if (!l->seen[id]) {
		struct seen *s = calloc(1, sizeof *s);

		if (!s)
			return NULL;
		s->serial = c->serial;
		s->judged_at = l->now;
		l->seen[id] = s;
	}
	if (c->npairs > 1 && !l->seen[id]->pairs)
		l->seen[id]->pairs = calloc(1, sizeof(struct pairs));
	return l->seen[id];
}

void lately_note(struct lately *l, uint32_t id, const struct lately_counted *c)
{
	uint64_t lost[NUM_LOSSES] = { 0 };
	struct seen *s;

	if (!c) {
		forget(l, id);
		return;
	}
	s = seen_of(l, id, c);
	if (!s)
		return;
	if (c->c->rx_frames != s->now.t.rx_frames)
		s->rx_when = l->now;
#define X(name) s->now.t.name = c->c->name;
	TREATMENT(X)
#undef X
	memcpy(lost, c->c->drops, sizeof c->c->drops);
	if (c->port) {
#define X(name) lost[NIC_DROP_COUNT + PORT_##name] = c->port->name;
		PORT_COUNTERS(X)
#undef X
	}
	for (unsigned i = 0; i < NUM_LOSSES; i++)
		if (lost[i] != s->now.lost[i])
			s->when[i] = l->now;
	memcpy(s->now.lost, lost, sizeof lost);
	s->npairs = c->npairs;
	if (s->pairs)
		memcpy(s->pairs->now, c->rx_by_pair, c->npairs * sizeof c->rx_by_pair[0]);
	judge(l, s, id == LATELY_WIRE);
}

/* ---- what is told ---- */

/* {NAME: {"frames", "last_s"}} of those that ever counted anything. */
static json_t *losses(const struct lately *l, const struct seen *s, unsigned from, unsigned to)
{
	json_t *out = json_object();

	for (unsigned i = from; i < to; i++)
		if (s->now.lost[i])
			(void)json_object_set_new(out, i < NIC_DROP_COUNT ? nic_drop_name(i) : port_names[i - NIC_DROP_COUNT],
						  json_pack("{s:I, s:I}", "frames",
							    (json_int_t)(s->now.lost[i] - s->begin[1].lost[i]), "last_s",
							    (json_int_t)(l->now - s->when[i])));
	return out;
}

/* {NAME: {"now", "last_s"}} of those that ever were. */
static json_t *states(const struct lately *l, const struct seen *s)
{
	json_t *out = json_object();

	for (unsigned i = 0; i < NUM_STATES; i++)
		if (s->held_at[i])
			(void)json_object_set_new(out, state_names[i],
						  json_pack("{s:b, s:I}", "now", goes_on(l, s, i), "last_s",
							    (json_int_t)(l->now - s->held_at[i])));
	return out;
}

static json_t *by_pair(const struct seen *s)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < s->npairs; i++)
		(void)json_array_append_new(out, json_integer((json_int_t)(s->pairs->now[i] - s->pairs->begin[1][i])));
	return out;
}

json_t *lately_json(const struct lately *l, uint32_t id)
{
	const struct seen *s = l->seen[id];
	json_t *out;

	if (!s)
		return NULL;
	out = json_pack("{s:I}", "seconds", (json_int_t)(l->now - l->begun[1]));
#define X(name) (void)json_object_set_new(out, #name, json_integer((json_int_t)(s->now.t.name - s->begin[1].t.name)));
	TREATMENT(X)
#undef X
	if (s->rx_when)
		(void)json_object_set_new(out, "rx_last_s", json_integer((json_int_t)(l->now - s->rx_when)));
	(void)json_object_set_new(out, "drops", losses(l, s, 0, NIC_DROP_COUNT));
	(void)json_object_set_new(out, "states", states(l, s));
	if (id == LATELY_WIRE)
		(void)json_object_set_new(out, "port", losses(l, s, NIC_DROP_COUNT, NUM_LOSSES));
	if (s->pairs && s->npairs > 1)
		(void)json_object_set_new(out, "rx_by_pair", by_pair(s));
	return out;
}
