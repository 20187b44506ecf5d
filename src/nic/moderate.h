/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt moderation (spec/50-scaling.md §3): how long received frames may wait for company before the VM is
 * interrupted for them. What the contract's levels mean here:
 *
 *   off                 at the end of the turn in which they were delivered
 *   low, medium, high   after 20, 50, 100 µs, or with 32, 80, 160 frames waiting, whichever comes first
 *   adaptive, undefined by the rate of the last 100 µs or more: below 50,000 frames a second as off, below 400,000 as
 *                       low, else as medium
 *
 * A driver that polls (asks for no interrupts) is never delayed by any of this: the frames lie in its ring at once.
 * Called by the ring's worker only.
 */
#ifndef VMQ_NIC_MODERATE_H
#define VMQ_NIC_MODERATE_H

#include "nic/nic_priv.h"

#define MODERATE_WINDOW_US 100u
#define MODERATE_LOW_US 20u
#define MODERATE_MEDIUM_US 50u
#define MODERATE_HIGH_US 100u
#define MODERATE_FRAMES(us) ((us) * 8u / 5u)

/* Frames were published. */
static inline void moderate_published(struct moderation *m, uint32_t frames, uint64_t now)
{
	if (m->frames == 0)
		m->first = now;
	m->frames += frames;
	m->window_frames += frames;
}

static inline void moderate_measure(struct moderation *m, uint64_t now, uint64_t cycles_per_us)
{
	uint64_t us = (now - m->window) / cycles_per_us;

	if (us < MODERATE_WINDOW_US)
		return;
	if (m->window_frames * 20ull < us) /* under 50,000 a second */
		m->delay_us = 0;
	else
		m->delay_us = m->window_frames * 5ull < us * 2 ? MODERATE_LOW_US : MODERATE_MEDIUM_US;
	m->window = now;
	m->window_frames = 0;
}

/* Is it time? */
static inline bool moderate_due(struct moderation *m, enum nic_moderation level, uint64_t now, uint64_t cycles_per_us)
{
	uint32_t delay;

	switch (level) {
	case NIC_MODERATION_OFF:
		return true;
	case NIC_MODERATION_LOW:
		delay = MODERATE_LOW_US;
		break;
	case NIC_MODERATION_MEDIUM:
		delay = MODERATE_MEDIUM_US;
		break;
	case NIC_MODERATION_HIGH:
		delay = MODERATE_HIGH_US;
		break;
	default:
		moderate_measure(m, now, cycles_per_us);
		delay = m->delay_us;
	}
	return m->frames >= MODERATE_FRAMES(delay) || now - m->first >= delay * cycles_per_us;
}

#endif
