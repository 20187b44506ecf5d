/* SPDX-License-Identifier: BSD-3-Clause */
#include "process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t stop;

_Noreturn void die(const char *what, const char *arg)
{
	(void)fprintf(stderr, "%s: %s %s: %s\n", program_invocation_short_name, what, arg, strerror(errno));
	exit(1);
}

_Noreturn void fail(const char *what, const char *sentence)
{
	(void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, sentence);
	exit(1);
}

static void on_signal(int s)
{
	(void)s;
	stop = 1;
}

bool stopped(void)
{
	return stop;
}

void stop_on_signals(void)
{
	const struct sigaction a = { .sa_handler = on_signal }; /* no SA_RESTART: a read of the next command ends */

	(void)sigaction(SIGINT, &a, NULL);
	(void)sigaction(SIGTERM, &a, NULL);
}

double seconds_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void pin(int cpu)
{
	cpu_set_t s;

	if (cpu < 0)
		return;
	CPU_ZERO(&s);
	CPU_SET(cpu, &s);
	if (sched_setaffinity(0, sizeof s, &s))
		die("can't run on", "this CPU");
}
