/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was lost lately (lately.h). Counters as they were when the window before this one began are kept for each VPort: the
 * difference to now is what happened lately, and a counter that is other than at the last look has grown since.
 */
#include "vmqd/lately.h"

#include <stdlib.h>
#include <string.h>

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

struct counted {
	uint64_t rx_frames, tx_frames, lost[NUM_LOSSES];
};

struct seen {
	uint64_t serial;
	struct counted now, begin[2]; /* when this window began, and the one before */
	uint64_t when[NUM_LOSSES];	/* `lost` was seen to have grown last */
};

struct lately {
	uint64_t now, begun[2];
	struct seen *seen[NIC_MAX_VPORTS + 1]; /* NULL: it has not been there */
};

struct lately *lately_create(void)
{
	return calloc(1, sizeof(struct lately));
}

void lately_destroy(struct lately *l)
{
	for (uint32_t id = 0; l && id <= LATELY_WIRE; id++)
		free(l->seen[id]);
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
	}
}

void lately_note(struct lately *l, uint32_t id, uint64_t serial, const struct nic_vport_counters *c, const struct port_counters *p)
{
	struct seen *s = l->seen[id];
	struct counted now = { 0 };

	if (!c) {
		free(s);
		l->seen[id] = NULL;
		return;
	}
	now.rx_frames = c->rx_frames;
	now.tx_frames = c->tx_frames;
	memcpy(now.lost, c->drops, sizeof c->drops);
	if (p) {
#define X(name) now.lost[NIC_DROP_COUNT + PORT_##name] = p->name;
		PORT_COUNTERS(X)
#undef X
	}
	if (!s)
		s = l->seen[id] = calloc(1, sizeof *s);
	if (!s)
		return;
	if (s->serial != serial)
		*s = (struct seen){ .serial = serial };
	for (unsigned i = 0; i < NUM_LOSSES; i++)
		if (now.lost[i] != s->now.lost[i])
			s->when[i] = l->now;
	s->now = now;
}

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

json_t *lately_json(const struct lately *l, uint32_t id)
{
	const struct seen *s = l->seen[id];
	json_t *out;

	if (!s)
		return NULL;
	out = json_pack("{s:I, s:I, s:I, s:o}", "seconds", (json_int_t)(l->now - l->begun[1]), "rx_frames",
			(json_int_t)(s->now.rx_frames - s->begin[1].rx_frames), "tx_frames",
			(json_int_t)(s->now.tx_frames - s->begin[1].tx_frames), "drops", losses(l, s, 0, NIC_DROP_COUNT));
	if (id == LATELY_WIRE)
		(void)json_object_set_new(out, "port", losses(l, s, NIC_DROP_COUNT, NUM_LOSSES));
	return out;
}
