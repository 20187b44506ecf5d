/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive side scaling inside a VPort: Toeplitz hash of a frame's addresses and ports, and the table from hash to queue
 * pair (spec/50-scaling.md §8). The object is immutable; control replaces it whole, workers read it.
 */
#ifndef VMQ_NIC_RSS_H
#define VMQ_NIC_RSS_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/frame.h"
#include "nic/nic.h"

#define RSS_MAX_INPUT 36u /* two IPv6 addresses and two ports */

struct nic_rss {
	uint32_t types;
	uint32_t mask; /* entries - 1 */
	uint8_t default_qp;
	uint8_t table[NIC_RSS_MAX_ENTRIES];       /* queue pair */
	uint32_t toeplitz[RSS_MAX_INPUT][256];    /* what a byte at this place of the input contributes */
};

/* Fills types, mask and the contributions of cfg's key; the table is the caller's. */
void rss_init(struct nic_rss *r, const struct nic_rss_config *cfg);

/* The hash by the first of the enabled types that fits the frame; false: none does. */
bool rss_hash(const struct nic_rss *r, const struct frame *f, uint32_t *hash);

/* The queue pair of the frame. */
static inline unsigned rss_queue(const struct nic_rss *r, const struct frame *f)
{
	uint32_t hash;

	return rss_hash(r, f, &hash) ? r->table[hash & r->mask] : r->default_qp;
}

#endif
