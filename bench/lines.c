/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines CPU CPU: how long the first CPU takes to take a cache line for writing that the second has just read, in cycles of the
 * time stamp counter, when it takes 128 of them. Two virtual CPUs come to lie on one cache or on two, and on another the next
 * minute; what travels between two cores costs several times as much then, and every ratio of switches is another one.
 * Prints line_cycles=N.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vugen.h" /* its clock */

#define LINES  128u
#define STRIDE 2048u /* nothing is prefetched that was not asked for */
#define ROUNDS 400u

static uint8_t *memory;
static atomic_uint turn; /* even: the first's; odd: the second's */

static volatile uint64_t *line(unsigned i)
{
	return (volatile uint64_t *)(void *)(memory + i * STRIDE);
}

static void wait_for(unsigned t)
{
	while (atomic_load(&turn) != t)
		relax();
}

static void *reader(void *cpu)
{
	pin(*(const int *)cpu);
	for (unsigned r = 0; r < ROUNDS; r++) {
		wait_for(2 * r + 1);
		for (unsigned i = 0; i < LINES; i++)
			(void)*line(i);
		atomic_store(&turn, 2 * r + 2);
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	uint64_t took[ROUNDS];
	int cpu[2];
	pthread_t second;

	if (argc != 3) {
		(void)fprintf(stderr, "lines CPU CPU\n");
		return 2;
	}
	cpu[0] = cpu_number(argv[1], "the first CPU");
	cpu[1] = cpu_number(argv[2], "the second CPU");
	memory = aligned_alloc(4096, LINES * STRIDE);
	if (!memory || pthread_create(&second, NULL, reader, &cpu[1])) {
		(void)fprintf(stderr, "lines: no memory or no thread\n");
		return 1;
	}
	memset(memory, 0, LINES * STRIDE);
	pin(cpu[0]);
	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t begin = cycles();

		for (unsigned i = 0; i < LINES; i++)
			*line(i) = r;
		atomic_thread_fence(memory_order_seq_cst); /* all of them are here */
		took[r] = cycles() - begin;
		atomic_store(&turn, 2 * r + 1);
		wait_for(2 * r + 2);
	}
	(void)pthread_join(second, NULL);
	free(memory);
	qsort(took, ROUNDS, sizeof took[0], by_value);
	(void)printf("line_cycles=%.1f\n", (double)took[ROUNDS / 2] / LINES);
	return 0;
}
