/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the generators need of their own process: the end, the numbers among the words they were called with, signals, time, a CPU.
 * Called by the one thread of each; pin by any.
 */
#ifndef VMQ_BENCH_PROCESS_H
#define VMQ_BENCH_PROCESS_H

#include <stdbool.h>

/* End the program with a sentence: what was tried and errno's text, or what is wrong with what. */
_Noreturn void die(const char *what, const char *arg);
_Noreturn void fail(const char *what, const char *sentence);

/* The number that is the whole text, from min to max: decimal, and an integer without point and exponent. Anything else ends
 * the program (2) with a sentence that names the word it is for. */
double number(const char *text, double min, double max, const char *word);
unsigned integer(const char *text, unsigned min, unsigned max, const char *word);
/* A CPU's number. */
int cpu_number(const char *text, const char *word);

/* SIGINT and SIGTERM are remembered from here on, and interrupt what waits. */
void stop_on_signals(void);
bool stopped(void);

double seconds_now(void);

/* Has this thread run on a CPU, unless that is -1. */
void pin(int cpu);

#endif
