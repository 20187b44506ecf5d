/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes pcapng (draft-ietf-opsawg-pcapng): a section, its interfaces as they turn up, packets with nanosecond stamps
 * and comments, and what each interface had in the end. No library for C writes it here: libpcap writes the format
 * before it, which has neither comments nor interfaces. One thread; whether writing worked is ferror()'s to say.
 */
#ifndef VMQ_VMQCTL_PCAPNG_H
#define VMQ_VMQCTL_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

enum pcapng_direction { PCAPNG_UNKNOWN = 0, PCAPNG_IN = 1, PCAPNG_OUT = 2 };

struct pcapng_packet {
	uint32_t interface;
	uint64_t time; /* nanoseconds since 1970 */
	const void *data;
	uint32_t captured, len;
	enum pcapng_direction direction;
	uint32_t queue;
	const char *comment;
};

/* Starts a section; `program` wrote it. */
void pcapng_section(FILE *f, const char *program);
/* An Ethernet interface; they are numbered in the order of the calls, from 0. */
void pcapng_interface(FILE *f, const char *name, const char *description, uint32_t snaplen);
void pcapng_packet(FILE *f, const struct pcapng_packet *p);
/* How many packets an interface had, and how many of all interfaces' were lost. */
void pcapng_statistics(FILE *f, uint32_t interface, uint64_t time, uint64_t received, uint64_t lost);

#endif
