/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happened lately: the counters of the data path only grow, and do not say whether what they count goes on or is long over.
 * When frames were lost last, and how many lately; and which costly states go on, or went on last when. Of one adapter; it is
 * told what its counters say whenever they are read (look.h).
 */
#ifndef VMQ_VMQD_LATELY_H
#define VMQ_VMQD_LATELY_H

#include <jansson.h>
#include <stdint.h>

#include "nic/nic.h"

#define LATELY_S 30u			 /* "lately" is so many seconds to twice as many */
#define LATELY_WIRE NIC_MAX_VPORTS /* the wire's number among those of VPorts */

/*
 * States, judged whenever so many frames were received (by a wire: sent) since the last judgement. Fewer than that in LATELY_S
 * seconds are too few to go by: no state goes on. One row a state: enum, name, what holds for those frames.
 */
#define LATELY_SAMPLE	  1000u
#define LATELY_INTERRUPTS 5000u /* a second: below it they are no burden for a VM */
#define LATELY_STATES(X)                                                                                              \
	X(FINISHED, "finished") /* checksums and long frames finished in software for one of ten or more */           \
	X(INTERRUPTED, "interrupted") /* LATELY_INTERRUPTS or more, and more than one interrupt for two frames */     \
	X(POLLED, "polled")	/* no interrupt at all */                                                             \
	X(ONE_PAIR, "one_pair") /* 99 of 100 or more came by one of several queue pairs */

struct lately;

struct lately *lately_create(void); /* NULL: no memory; the first call then is lately_time */
void lately_destroy(struct lately *l); /* NULL is allowed */

/* What a VPort, or the wire, has counted since it was made. */
struct lately_counted {
	uint64_t serial; /* which VPort that is, as nic_vport_serial says; with another one all is forgotten. Of a wire 0 */
	const struct nic_vport_counters *c;
	const struct port_counters *port; /* of a wire; else NULL */
	unsigned npairs;		  /* queue pairs; 0: not known, or a wire */
	uint64_t rx_by_pair[NIC_MAX_QUEUE_PAIRS];
};

/* The time now, in seconds of a clock that is not set. What is noted from here on happened now. */
void lately_time(struct lately *l, uint64_t now);
/* NULL: there is no such VPort. */
void lately_note(struct lately *l, uint32_t id, const struct lately_counted *now);
/* The member "lately" of stats.show (docs/rpc.md), by what was noted; NULL: nothing was. */
json_t *lately_json(const struct lately *l, uint32_t id);

#endif
