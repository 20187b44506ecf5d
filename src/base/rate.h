/* SPDX-License-Identifier: BSD-3-Clause */
/* At most so many of something in each stretch of time, whoever causes it. Owned by one thread; no other state. */
#ifndef VMQ_BASE_RATE_H
#define VMQ_BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint64_t window; /* CLOCK_MONOTONIC, in units of the stretch; 0: none yet */
	unsigned n;	 /* so many in this one */
};

/* One more now, of `most` in each stretch of `seconds`? */
bool rate_within(struct rate *r, unsigned seconds, unsigned most);

/* May one more line about `whom` be logged? 20 in 10 s; the last of them is followed by one that says that there are more. */
bool rate_may_log(struct rate *r, const char *whom);

#endif
