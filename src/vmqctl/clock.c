/* SPDX-License-Identifier: BSD-3-Clause */
/* Time for commands that look more than once. */
#include "vmqctl/cmd.h"

#include <time.h>

double cmd_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void cmd_wait(double seconds)
{
	double end = cmd_now() + seconds, left;

	while ((left = end - cmd_now()) > 0 && !cmd_interrupted()) {
		struct timespec t = { .tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9) };

		(void)nanosleep(&t, NULL);
	}
}
