/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rate limits: token buckets for frames and bytes. A bucket holds at most its burst and fills at its rate. Frames pass
 * one for one; a frame passes the bucket of bytes when there is anything left in it and may overdraw it, which is paid
 * back before the next one passes: so any burst, however small, lets frames of any length through, at the right rate.
 *
 * A bucket is one word, the time at which it is full again if nothing more is taken: taking moves that time on. The rings
 * of one VPort may be on several CPUs; they share the VPort's buckets, so that the limit is the VPort's and not each
 * ring's, and the word is moved by compare-and-swap (no lock, and touched by nobody while the limit is off). Two CPUs that
 * look at the same moment may both take what is there: at most a burst of frames each, paid back like an overdraft.
 *
 * Time is given by the caller in cycles, and counted here in sixteenths of a cycle (a 64 byte frame at 100 Gbit/s is worth
 * ten cycles). limit_set is control's; all others are the workers'.
 */
#ifndef VMQ_NIC_LIMIT_H
#define VMQ_NIC_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_MAX_PER_S 1000000000000ull /* of a rate: 8 Tbit/s */
#define LIMIT_BURST_FRAMES 64u           /* the least that a burst is when nobody says */
#define LIMIT_BURST_GROUP 1000u
#define LIMIT_BURST_BYTES 65536u
#define LIMIT_BURST_SHARE 100u           /* and else what the rate gives in a hundredth of a second */
#define LIMIT_WAIT_US 250u               /* who waits for tokens waits for several, if so many fit into the bucket */

#define LIMIT_TICK_BITS 4  /* ticks a cycle, as a power of two */
#define LIMIT_UNIT_BITS 16 /* binary digits behind the point in `unit` */

struct bucket {
	uint64_t unit;    /* ticks a frame or byte is worth, LIMIT_UNIT_BITS behind the point; 0: no limit. Control stores */
	uint64_t depth;   /* ticks a full bucket is worth. Control stores */
	uint64_t full_at; /* ticks. Workers move it on; control puts it back to 0 (full) when it changes the others */
};

struct limit {
	struct bucket frames, bytes;
};

/* What may pass. */
struct limit_room {
	uint32_t frames;
	int32_t bytes;
};

/* A rate a second (0: none, at most LIMIT_MAX_PER_S) and a burst. The bucket begins full. Control thread. */
void bucket_set(struct bucket *b, uint64_t per_s, uint64_t burst, uint64_t cycles_per_us);
/* The burst that is meant when none is said. */
uint64_t limit_default_burst(uint64_t per_s, uint64_t least);

static inline uint64_t limit_ticks(uint64_t cycles)
{
	return cycles << LIMIT_TICK_BITS;
}

/* Ticks until the bucket is full. */
static inline uint64_t bucket_owes(const struct bucket *b, uint64_t now)
{
	uint64_t full_at = __atomic_load_n(&b->full_at, __ATOMIC_RELAXED);

	return (int64_t)(full_at - now) > 0 ? full_at - now : 0;
}

static inline uint64_t bucket_worth(const struct bucket *b, uint64_t n)
{
	return (uint64_t)((unsigned __int128)n * __atomic_load_n(&b->unit, __ATOMIC_RELAXED) >> LIMIT_UNIT_BITS);
}

static inline uint64_t bucket_depth(const struct bucket *b)
{
	return __atomic_load_n(&b->depth, __ATOMIC_RELAXED);
}

static inline bool bucket_is_on(const struct bucket *b)
{
	return __atomic_load_n(&b->unit, __ATOMIC_RELAXED) != 0;
}

/* Is there one left? */
static inline bool bucket_has(const struct bucket *b, uint64_t now)
{
	return !bucket_is_on(b) || bucket_owes(b, now) + bucket_worth(b, 1) <= bucket_depth(b);
}

/* How many are left, at most `max`. */
static inline uint64_t bucket_level(const struct bucket *b, uint64_t now, uint64_t max)
{
	uint64_t unit = __atomic_load_n(&b->unit, __ATOMIC_RELAXED), depth = bucket_depth(b), owes;
	unsigned __int128 n;

	if (unit == 0)
		return max;
	owes = bucket_owes(b, now);
	n = owes < depth ? ((unsigned __int128)(depth - owes) << LIMIT_UNIT_BITS) / unit : 0;
	return n < max ? (uint64_t)n : max;
}

static inline void bucket_take(struct bucket *b, uint64_t now, uint64_t n)
{
	uint64_t worth = bucket_worth(b, n), was = __atomic_load_n(&b->full_at, __ATOMIC_RELAXED);

	while (worth && !__atomic_compare_exchange_n(&b->full_at, &was, ((int64_t)(was - now) > 0 ? was : now) + worth, true,
						     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		; /* another worker or control was there first: `was` is what it left */
}

/* ---- the workers' ---- */

static inline struct limit_room limit_room(const struct limit *l, uint64_t now)
{
	return (struct limit_room){
		.frames = (uint32_t)bucket_level(&l->frames, limit_ticks(now), UINT32_MAX),
		.bytes = (int32_t)bucket_level(&l->bytes, limit_ticks(now), INT32_MAX),
	};
}

static inline void limit_take(struct limit *l, uint64_t now, uint64_t frames, uint64_t bytes)
{
	bucket_take(&l->frames, limit_ticks(now), frames);
	bucket_take(&l->bytes, limit_ticks(now), bytes);
}

/* One frame: true when it may pass, and then it is paid for. */
static inline bool limit_pass(struct limit *l, uint64_t now, uint32_t bytes)
{
	if (!bucket_has(&l->frames, limit_ticks(now)) || !bucket_has(&l->bytes, limit_ticks(now)))
		return false;
	limit_take(l, now, 1, bytes);
	return true;
}

/* When to come back after limit_room had nothing, in cycles: there is something then, and `wait` cycles' worth of it if
 * the buckets hold so much. */
uint64_t limit_due(const struct limit *l, uint64_t now, uint64_t wait);

#endif
