/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort's RSS state, and what the two ways of changing it share: RSSv1 (rss.c: all parameters in one structure) and
 * RSSv2 (rss_v2.c: switches and single entries). The adapter's driver always sees the first. Control thread only.
 */
#ifndef VMQ_NDIS_RSS_STATE_H
#define VMQ_NDIS_RSS_STATE_H

#include "ndis/keeper.h"

#define RSS_KEY_SIZE    NDIS_RSS_HASH_SECRET_KEY_SIZE_REVISION_1
#define RSS_MAX_ENTRIES 256u
#define RSS_TABLE_AT    48u /* where the table lies in buffers written here: 8-aligned behind 44 bytes */
#define RSS_BUFFER_SIZE (RSS_TABLE_AT + RSS_MAX_ENTRIES * sizeof(PROCESSOR_NUMBER) + RSS_KEY_SIZE)

struct ndis_rss {
	bool enabled;
	bool has_key;
	uint32_t hash_information;          /* once set, the VPort's for life, as the key is */
	uint32_t entries;                   /* a power of 2; 0: no table yet */
	PROCESSOR_NUMBER primary;           /* every frame's CPU while RSS is off */
	PROCESSOR_NUMBER default_processor; /* of frames without a hash while it is on */
	uint8_t key[RSS_KEY_SIZE];
	PROCESSOR_NUMBER table[RSS_MAX_ENTRIES];
};

/* What a VPort has before the first change: off, one entry, everything on the CPU it was created with. */
void rss_first(const struct ndis_vport *v, struct ndis_rss *r);
NDIS_STATUS rss_need(const struct ndis_call *c);
/* Is it one of the VPort's CPUs (its RSS set)? */
bool rss_allows(const struct ndis_vport *v, const PROCESSOR_NUMBER *cpu);
/* One of the table or the default one that is not, as it would be with RSS on; NULL: all are. */
const PROCESSOR_NUMBER *rss_stranger(const struct ndis_vport *v, const struct ndis_rss *r);
/* Hash types and function, and the key, into the state: such as the adapter has, and those the VPort has already.
 * `name` is the structure's they come in. */
NDIS_STATUS rss_take_hash(const struct ndis_call *c, const char *name, const struct ndis_vport *v, uint32_t info,
			  struct ndis_rss *r);
NDIS_STATUS rss_take_key(const struct ndis_call *c, const char *name, const struct ndis_vport *v, const uint8_t *key,
			 struct ndis_rss *r);
/* Repeats the table to a larger size. */
void rss_repeat(struct ndis_rss *r, uint32_t entries);
/* Different CPUs in the table and as the default one. */
unsigned rss_cpus(const struct ndis_rss *r);
uint32_t rss_most_entries(const struct ndis_adapter *a, const struct ndis_vport *v);
/* Writes the state as NDIS_RECEIVE_SCALE_PARAMETERS with table and key; returns the bytes, at most RSS_BUFFER_SIZE. */
uint32_t rss_write(const struct ndis_rss *r, uint8_t *buf);

#endif
