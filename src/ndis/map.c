/* SPDX-License-Identifier: BSD-3-Clause */
#include "ndis/map.h"

#include <stdlib.h>
#include <string.h>

static uint32_t bucket_of(const struct ndis_map *m, uint64_t k1, uint64_t k2)
{
	/* multiply and fold: ids and addresses differ in their low bits only */
	uint64_t h = (k1 ^ (k2 * 0xD6E8FEB86659FD93u)) * 0x9E3779B97F4A7C15u;

	return (uint32_t)(h >> 32) & m->mask;
}

void ndis_map_init(struct ndis_map *m)
{
	memset(m, 0, sizeof *m);
	m->bucket = m->first;
	m->mask = sizeof m->first / sizeof m->first[0] - 1;
}

void ndis_map_fini(struct ndis_map *m)
{
	if (m->bucket != m->first)
		free(m->bucket);
	m->bucket = NULL;
}

static void grow(struct ndis_map *m)
{
	uint32_t old_buckets = m->mask + 1, new_buckets = old_buckets * 2;
	struct ndis_node **old = m->bucket, **fresh = calloc(new_buckets, sizeof *fresh);

	if (!fresh)
		return;
	m->bucket = fresh;
	m->mask = new_buckets - 1;
	for (uint32_t i = 0; i < old_buckets; i++) {
		while (old[i]) {
			struct ndis_node *n = old[i];
			uint32_t b = bucket_of(m, n->k1, n->k2);

			old[i] = n->next;
			n->next = fresh[b];
			fresh[b] = n;
		}
	}
	if (old != m->first)
		free(old);
}

void ndis_map_insert(struct ndis_map *m, struct ndis_node *n, uint64_t k1, uint64_t k2)
{
	uint32_t b;

	if (m->count > m->mask && m->mask < (1u << 30))
		grow(m);
	b = bucket_of(m, k1, k2);
	n->k1 = k1;
	n->k2 = k2;
	n->next = m->bucket[b];
	m->bucket[b] = n;
	m->count++;
}

void ndis_map_remove(struct ndis_map *m, struct ndis_node *n)
{
	struct ndis_node **p = &m->bucket[bucket_of(m, n->k1, n->k2)];

	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	m->count--;
}

struct ndis_node *ndis_map_find(const struct ndis_map *m, uint64_t k1, uint64_t k2)
{
	struct ndis_node *n = m->bucket[bucket_of(m, k1, k2)];

	while (n && (n->k1 != k1 || n->k2 != k2))
		n = n->next;
	return n;
}
