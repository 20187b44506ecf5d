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

_Noreturn static void refuse(const char *text, double min, double max, const char *word)
{
	(void)fprintf(stderr, "%s: %s is from %.0f to %.0f, not \"%s\"\n", program_invocation_short_name, word, min, max, text);
	exit(2);
}

double number(const char *text, double min, double max, const char *word)
{
	char *end;
	double v = strtod(text, &end);

	/* strtod knows signs, spaces, hexadecimal digits and words, too. */
	if (strspn(text, "0123456789.") == 0 || text[strspn(text, "0123456789.eE+-")] || *end || !(v >= min && v <= max))
		refuse(text, min, max, word);
	return v;
}

unsigned integer(const char *text, unsigned min, unsigned max, const char *word)
{
	unsigned long v = strtoul(text, NULL, 10);

	/* ULONG_MAX, where it is too long for one, is beyond max. */
	if (!text[0] || text[strspn(text, "0123456789")] || v < min || v > max)
		refuse(text, min, max, word);
	return (unsigned)v;
}

int cpu_number(const char *text, const char *word)
{
	return (int)integer(text, 0, CPU_SETSIZE - 1, word);
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
