/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Light sleep: while frames keep ending a worker's sleep, the kernel is asked to let its CPU sleep lightly only, so that
 * it is back at once; when they stop, it is given back, and the CPU sleeps as deep as it likes. The kernel is asked by a
 * file that vmqd opened (struct nic_sleep_file): its PM QoS resume latency of that CPU.
 *
 * Owned by the worker: every function is called in it, or before it is started and after it has ended. What control reads
 * (nic_engine_stats) are single words. Nothing here is on a frame's way: it is looked at where a worker goes to sleep and
 * wakes, and written to at most twice in LIGHT_SLEEP_HOLD_US.
 */
#ifndef VMQ_NIC_LIGHT_SLEEP_H
#define VMQ_NIC_LIGHT_SLEEP_H

#include "nic/nic.h"

#define LIGHT_SLEEP_WINDOW_US 100000u /* so many sleeps that work ended in such a time: it pays from now on */
#define LIGHT_SLEEP_WAKES 10u
#define LIGHT_SLEEP_HOLD_US 1000000u /* fewer than so many in such a time: it does not any more */
#define LIGHT_SLEEP_KEEP 50u

struct light_sleep {
	unsigned cpu;
	struct nic_sleep_file file; /* fd -1: there is none */
	enum nic_light_sleep mode;
	bool sleeps;         /* the worker's policy lets it sleep */
	bool often;          /* work ends its sleeps often */
	enum nic_sleep state;
	uint64_t window, hold; /* LIGHT_SLEEP_…_US in cycles */
	uint64_t begin;      /* cycles: of the time that `woken` counts */
	uint64_t retry;      /* cycles: not before; what is in the file is somebody else's */
	unsigned woken;
	uint64_t changes;
};

/* `file` NULL: the kernel can't be asked. */
void light_sleep_init(struct light_sleep *s, unsigned cpu, const struct nic_sleep_file *file, uint64_t cycles_per_us);
/* What the user wants, and whether the worker sleeps at all; what was asked of the kernel and is not wanted any more is given
 * back before it returns. */
void light_sleep_set(struct light_sleep *s, enum nic_light_sleep mode, bool sleeps);
/* The worker is about to sleep. */
void light_sleep_settle(struct light_sleep *s, uint64_t now);
/* When it has to be woken to look again, in cycles; UINT64_MAX: never. */
uint64_t light_sleep_due(const struct light_sleep *s);
/* It is awake again: by work, or by a timer. */
void light_sleep_woken(struct light_sleep *s, uint64_t now, bool work);

#endif
