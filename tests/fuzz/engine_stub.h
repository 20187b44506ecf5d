/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The workers of src/nic without their threads: the fuzz targets run the data path's real sources turn by turn, in the
 * one thread they have, so that an input always does the same. Replaces src/nic/engine.c; all state is of the process.
 */
#ifndef VMQ_TESTS_FUZZ_ENGINE_STUB_H
#define VMQ_TESTS_FUZZ_ENGINE_STUB_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "nic/nic.h"
#include "port/port.h"

#define STUB_WORKERS 2u /* on "CPUs" 0 and 1 */

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                  \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* The engine, made at the first call. */
struct nic_engine *stub_engine(void);
/* One turn of each worker, or of one: what others sent, then its sources, then the interrupts. */
void stub_turn(void);
void stub_worker_turn(unsigned index);
/* Turns until nothing is under way between the workers. */
void stub_settle(void);
/* Nothing of an input may be left: no ring, no port, no reference, nothing in an inbox. */
void stub_check_empty(void);
/* How often a worker reported a broken ring since the process began. */
extern unsigned stub_broken;

/* A port whose frames the target puts in one at a time, and that looks at every byte it is to send. */
struct stub_port {
	struct port port;
	int fd;
	const uint8_t *in; /* the frame to come in, NULL: none */
	uint32_t in_len;
	uint16_t in_tci;
	bool in_tagged; /* its tag lies beside it */
	unsigned held;	/* frames given out and not come back */
	uint64_t sent;	/* frames taken from the data path */
	uint8_t copy[PORT_MAX_FRAME];
};
void stub_port_init(struct stub_port *p);

/* ---- reading an input ---- */

struct input {
	const uint8_t *at;
	size_t left;
};

/* What is missing is 0. */
static inline uint8_t byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint16_t two_bytes(struct input *in)
{
	uint16_t low = byte(in);

	return (uint16_t)(low | byte(in) << 8);
}

#endif
