/* SPDX-License-Identifier: BSD-3-Clause */
/* Time for commands that look more than once, or at what is past. */
#include "vmqctl/cmd.h"

#include <stdio.h>
#include <time.h>

double cmd_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *cmd_age(char out[CMD_AGE_SIZE], long long seconds)
{
	static const struct {
		const char *unit;
		long long seconds, up_to;
	} rows[] = { { "s", 1, 120 }, { "min", 60, 7200 }, { "h", 3600, 172800 }, { "d", 86400, 0 } };
	size_t i = 0;

	while (rows[i].up_to && seconds >= rows[i].up_to)
		i++;
	(void)snprintf(out, CMD_AGE_SIZE, "%lld %s", seconds / rows[i].seconds, rows[i].unit);
	return out;
}

void cmd_wait(double seconds)
{
	double end = cmd_now() + seconds, left;

	while ((left = end - cmd_now()) > 0 && !cmd_interrupted()) {
		struct timespec t = { .tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9) };

		(void)nanosleep(&t, NULL);
	}
}
