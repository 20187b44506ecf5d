/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Automatic placement: when a VPort is to be moved because of what was measured. One VPort at a time, seldom, and never
 * to and fro: a worker must have been busy for a while, the move must gain a good deal, and a VPort that was moved is
 * left alone, twice as long each time. A move that did not pay is taken back. A CPU that a person chose for a VPort is not changed.
 *
 * It decides and remembers; whoever calls it measures and moves. No clock of its own. One thread at a time.
 */
#ifndef VMQ_STACK_CPU_AUTO_H
#define VMQ_STACK_CPU_AUTO_H

#include "stack/cpu_plan.h"

#define CPU_AUTO_HIGH	 800u /* thousandths of its time that a worker must be busy … */
#define CPU_AUTO_STEPS	 5u   /* … in so many steps (seconds) one after the other */
#define CPU_AUTO_GAIN	 150u /* by so much the busier of the two must be less busy afterwards */
#define CPU_AUTO_HOLD	 60u  /* seconds a VPort that was moved stays at least; doubled with each move … */
#define CPU_AUTO_HOLD_MAX 3600u /* … up to an hour */

/* A move is tried: it goes back when after so many steps the VPort has much fewer frames than before, while the worker it
 * left is as busy as ever. Handing frames over between CPUs costs both, and what it costs here only a trial tells. */
#define CPU_AUTO_TRIAL 8u
#define CPU_AUTO_LESS  800u /* thousandths of the frames it had */

struct cpu_auto {
	unsigned hot[STACK_MAX_CPUS]; /* steps each worker has been busy */
	bool back;		      /* the last move takes back the one before it */
	struct {
		unsigned steps; /* still to go; 0: no move is on trial */
		unsigned owner;
		uint32_t id;
		uint64_t serial;
		unsigned from, to;
		uint64_t frames; /* as the item had them before */
	} trial;
};

/* How long a VPort that was moved `moves` times stays, in seconds. */
unsigned cpu_auto_hold(unsigned moves);

/* The begin of a step, with each worker's load. False: it is done with that, because no worker has been busy and no move is
 * on trial, whatever else there is. */
bool cpu_auto_due(struct cpu_auto *a, const unsigned *load, unsigned nworkers);

/* One step, to be made every second. `held(ctx, i)`: item i may not move yet. The index of the item to move, with its `to`
 * set, or -1. After a move everything begins anew, because what was measured is no longer so. `at_once`: as if the
 * workers that are busy now had been so for long, and no VPort were held; such a move is not on trial. */
int cpu_auto_step(struct cpu_auto *a, struct cpu_plan *p, bool (*held)(void *ctx, size_t i), void *ctx, bool at_once);

#endif
