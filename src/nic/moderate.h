/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt moderation (spec/50-scaling.md §3): how long received frames may wait for company before the VM is
 * interrupted for them. What the contract's levels mean here:
 *
 *   off                 at the end of the turn in which they were delivered
 *   low, medium, high   after 20, 50, 100 µs, or with 32, 80, 160 frames waiting, whichever comes first
 *   adaptive, undefined by the rate of the last 100 µs or more: below 50,000 frames a second as off, below 400,000 as
 *                       low, below 1,000,000 as medium, else as high
 *
 * A VPort may have numbers of its own instead of its level's. A driver that polls (asks for no interrupts) is never
 * delayed by any of this: the frames lie in its ring at once. But to look whether it wants one takes from it the line that it writes
 * for each buffer it posts; so, if adaptive holds back at all, the wish of a driver that had none eight times in a row is looked at
 * as with high, until it has one. Called by the ring's worker only.
 */
#ifndef VMQ_NIC_MODERATE_H
#define VMQ_NIC_MODERATE_H

#include "nic/nic_priv.h"

#define MODERATE_WINDOW_US 100u
#define MODERATE_LOW_US 20u
#define MODERATE_MEDIUM_US 50u
#define MODERATE_HIGH_US 100u
#define MODERATE_FRAMES(us) ((us) * 8u / 5u)
#define MODERATE_DECLINED 8u

/* What is asked for. own: frames << 32 | microseconds, 0: the level's numbers; frames 0: MODERATE_FRAMES. */
struct moderate_level {
	enum nic_moderation level;
	uint64_t own;
};

static inline struct moderate_level moderate_level_of(const struct nic_vport *v)
{
	return (struct moderate_level){
		.level = __atomic_load_n(&v->moderation, __ATOMIC_RELAXED),
		.own = __atomic_load_n(&v->moderation_own, __ATOMIC_RELAXED),
	};
}

static inline void moderate_measure(struct moderation *m, uint64_t now, uint64_t cycles_per_us)
{
	uint64_t us;

	if (now - m->window < MODERATE_WINDOW_US * cycles_per_us)
		return;
	us = (now - m->window) / cycles_per_us;
	if (m->window_frames * 20ull < us) /* under 50,000 a second */
		m->delay_us = 0;
	else if (m->window_frames * 5ull < us * 2)
		m->delay_us = MODERATE_LOW_US;
	else
		m->delay_us = m->window_frames < us ? MODERATE_MEDIUM_US : MODERATE_HIGH_US;
	m->window = now;
	m->window_frames = 0;
}

/* How long the frames that wait may wait for more, in µs. */
static inline uint32_t moderate_delay(const struct moderation *m, const struct moderate_level *l)
{
	if (__builtin_expect(l->own != 0, 0))
		return (uint32_t)l->own;
	switch (l->level) {
	case NIC_MODERATION_OFF:
		return 0;
	case NIC_MODERATION_LOW:
		return MODERATE_LOW_US;
	case NIC_MODERATION_MEDIUM:
		return MODERATE_MEDIUM_US;
	case NIC_MODERATION_HIGH:
		return MODERATE_HIGH_US;
	default:
		return m->delay_us && m->declined == MODERATE_DECLINED ? MODERATE_HIGH_US : m->delay_us;
	}
}

/* Frames were published. Returns when the VM is to be interrupted for them and those before them, in cycles. */
static inline uint64_t moderate_published(struct moderation *m, const struct moderate_level *l, uint32_t frames, uint64_t now,
					  uint64_t cycles_per_us)
{
	uint32_t delay, enough = (uint32_t)(l->own >> 32);

	if (m->frames == 0)
		m->first = now;
	m->frames += frames;
	m->window_frames += frames;
	if (l->level <= NIC_MODERATION_ADAPTIVE)
		moderate_measure(m, now, cycles_per_us);
	delay = moderate_delay(m, l);
	if (m->frames >= (enough ? enough : MODERATE_FRAMES(delay)))
		return now;
	return m->first + delay * cycles_per_us;
}

/* Nothing waits any more: the driver was interrupted, or wanted nothing. */
static inline void moderate_decided(struct moderation *m, bool called)
{
	m->frames = 0;
	if (called)
		m->declined = 0;
	else if (m->declined < MODERATE_DECLINED)
		m->declined++;
}

/* The place in nic_vport_counters.notify_delay. */
static inline unsigned moderate_class(const struct moderation *m, uint64_t now, uint64_t cycles_per_us)
{
	uint64_t waited = now - m->first;

#define X(i, us)                            \
	if (waited <= (us) * cycles_per_us) \
		return i;
	NIC_DELAY_BOUNDS(X)
#undef X
	return NIC_DELAY_CLASSES - 1;
}

#endif
