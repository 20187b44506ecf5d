/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071): sums of 16-bit words in the order of memory, folded at the end. */
#ifndef VMQ_NIC_CSUM_H
#define VMQ_NIC_CSUM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xFFFFFFFFu) + (sum >> 32);
	sum = (sum & 0xFFFFFFFFu) + (sum >> 32);
	sum = (sum & 0xFFFFu) + (sum >> 16);
	sum = (sum & 0xFFFFu) + (sum >> 16);
	return (uint16_t)sum;
}

/* n bytes at p added to `sum`; `odd`: the first of them is the second of a word. n is at most 64 KiB. */
static inline uint64_t csum_add(uint64_t sum, const uint8_t *p, uint32_t n, bool odd)
{
	uint64_t s = 0;
	uint16_t folded;

	while (n >= 16) {
		uint32_t v[4];

		memcpy(v, p, sizeof v);
		s += (uint64_t)v[0] + v[1] + v[2] + v[3];
		p += 16;
		n -= 16;
	}
	while (n >= 2) {
		uint16_t v;

		memcpy(&v, p, sizeof v);
		s += v;
		p += 2;
		n -= 2;
	}
	if (n) {
		uint8_t last[2] = { *p, 0 };
		uint16_t v;

		memcpy(&v, last, sizeof v);
		s += v;
	}
	folded = csum_fold(s);
	return sum + (odd ? (uint16_t)(folded << 8 | folded >> 8) : folded);
}

#endif
