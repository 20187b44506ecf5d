/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the generators need of their own process: the end, signals, time, a CPU. Called by the one thread of each; pin
 * by any.
 */
#ifndef VMQ_BENCH_PROCESS_H
#define VMQ_BENCH_PROCESS_H

#include <stdbool.h>

/* End the program with a sentence: what was tried and errno's text, or what is wrong with what. */
_Noreturn void die(const char *what, const char *arg);
_Noreturn void fail(const char *what, const char *sentence);

/* SIGINT and SIGTERM are remembered from here on, and interrupt what waits. */
void stop_on_signals(void);
bool stopped(void);

double seconds_now(void);

/* Has this thread run on a CPU, unless that is -1. */
void pin(int cpu);

#endif
