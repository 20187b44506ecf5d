/* SPDX-License-Identifier: BSD-3-Clause */
/* Rate limits: what is not done for every burst (limit.h). */
#include "nic/limit.h"

#define DEPTH_MAX (1ull << 62) /* ticks: years */

void bucket_set(struct bucket *b, uint64_t per_s, uint64_t burst, uint64_t cycles_per_us)
{
	const unsigned __int128 second = (unsigned __int128)limit_ticks(cycles_per_us * 1000000u) << LIMIT_UNIT_BITS;
	uint64_t unit = per_s ? (uint64_t)(second / per_s) : 0;
	unsigned __int128 depth;

	if (per_s && unit == 0)
		unit = 1;
	/* rounded up, and what is taken down: the burst passes whole */
	depth = ((unsigned __int128)burst * unit + (1u << LIMIT_UNIT_BITS) - 1) >> LIMIT_UNIT_BITS;
	/* word by word: a worker in between has the new rate with the old burst, once */
	__atomic_store_n(&b->unit, unit, __ATOMIC_RELAXED);
	__atomic_store_n(&b->depth, depth < DEPTH_MAX ? (uint64_t)depth : DEPTH_MAX, __ATOMIC_RELAXED);
	__atomic_store_n(&b->full_at, 0, __ATOMIC_RELAXED);
}

uint64_t limit_default_burst(uint64_t per_s, uint64_t least)
{
	return per_s / LIMIT_BURST_SHARE > least ? per_s / LIMIT_BURST_SHARE : least;
}

/* Ticks to wait; 0: not because of this bucket. */
static uint64_t bucket_wait(const struct bucket *b, uint64_t now, uint64_t wait)
{
	uint64_t owes = bucket_owes(b, now), one = bucket_worth(b, 1), need, more;

	if (!bucket_is_on(b))
		return 0;
	need = owes + one > bucket_depth(b) ? owes + one - bucket_depth(b) : 0;
	more = owes < wait ? owes : wait;
	return need > more ? need : more;
}

uint64_t limit_due(const struct limit *l, uint64_t now, uint64_t wait)
{
	uint64_t frames = bucket_wait(&l->frames, limit_ticks(now), limit_ticks(wait));
	uint64_t bytes = bucket_wait(&l->bytes, limit_ticks(now), limit_ticks(wait));
	uint64_t ticks = frames > bytes ? frames : bytes;

	return now + (ticks >> LIMIT_TICK_BITS) + 1;
}
