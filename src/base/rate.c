/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/rate.h"

#include <time.h>

#include "base/log.h"

#define LOG_SECONDS 10u
#define LOG_LINES   20u

bool rate_within(struct rate *r, unsigned seconds, unsigned most)
{
	struct timespec t;
	uint64_t window;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	window = (uint64_t)t.tv_sec / seconds + 1;
	if (window != r->window)
		*r = (struct rate){ .window = window };
	if (r->n >= most)
		return false;
	r->n++;
	return true;
}

bool rate_may_log(struct rate *r, const char *whom)
{
	if (!rate_within(r, LOG_SECONDS, LOG_LINES))
		return false;
	if (r->n == LOG_LINES)
		log_warn("%s: too much to log; silent about it for up to %u s", whom, LOG_SECONDS);
	return true;
}
