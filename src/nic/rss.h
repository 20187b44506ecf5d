/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive side scaling inside a VPort: Toeplitz hash of a frame's addresses and ports, and the table from hash to queue
 * pair (spec/50-scaling.md §8). The contract's table says CPUs. The k-th different one of them has queue pair k, and of the
 * pairs beyond, in turn, one more each; the entries of a CPU are dealt out to those of its pairs that the guest has enabled.
 * Control makes it; workers read it. Only the entries of `table` change later, single bytes that both access relaxed.
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
	uint8_t ncpus;                            /* different CPUs in the table and for what has no hash */
	uint8_t first[NIC_RSS_MAX_ENTRIES];       /* the first queue pair of the entry's CPU; control's */
	uint8_t table[NIC_RSS_MAX_ENTRIES];       /* queue pair */
	uint32_t toeplitz[RSS_MAX_INPUT][256];    /* what a byte at this place of the input contributes */
};

/* Fills types, mask and the contributions of cfg's key; ncpus, first and the table are the caller's. */
void rss_init(struct nic_rss *r, const struct nic_rss_config *cfg);

/* Deals the entries out to the queue pairs of `running`, a bit each. An entry of a CPU that has none goes to any. Control. */
void rss_deal(struct nic_rss *r, uint32_t running);

/* The hash by the first of the enabled types that fits the frame; false: none does. */
bool rss_hash(const struct nic_rss *r, const struct frame *f, uint32_t *hash);

/* The queue pair of the frame. */
static inline unsigned rss_queue(const struct nic_rss *r, const struct frame *f)
{
	uint32_t hash;

	return rss_hash(r, f, &hash) ? __atomic_load_n(&r->table[hash & r->mask], __ATOMIC_RELAXED) : r->default_qp;
}

#endif
