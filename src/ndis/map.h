/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hash table of objects by a 128-bit key. The object holds its node, so inserting never fails; the table grows with
 * its contents and, when there is no memory to grow, only gets slower. Control thread only.
 */
#ifndef VMQ_NDIS_MAP_H
#define VMQ_NDIS_MAP_H

#include <stdint.h>

struct ndis_node {
	struct ndis_node *next;
	uint64_t k1, k2;
};

struct ndis_map {
	struct ndis_node **bucket;
	uint32_t mask; /* buckets - 1 */
	uint32_t count;
	struct ndis_node *first[4]; /* the buckets of a small table */
};

void ndis_map_init(struct ndis_map *m);
/* Frees the buckets; the objects are the caller's. */
void ndis_map_fini(struct ndis_map *m);
/* The key must not be in the table. */
void ndis_map_insert(struct ndis_map *m, struct ndis_node *n, uint64_t k1, uint64_t k2);
void ndis_map_remove(struct ndis_map *m, struct ndis_node *n);
struct ndis_node *ndis_map_find(const struct ndis_map *m, uint64_t k1, uint64_t k2);

#endif
