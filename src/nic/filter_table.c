/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic/filter.h"

#include <stdlib.h>

#define MIN_ENTRIES 64u

struct filter_table *filter_table_new(uint32_t capacity)
{
	uint64_t entries = MIN_ENTRIES;
	struct filter_table *t;
	size_t bytes;

	while (entries < (uint64_t)capacity * 2)
		entries *= 2;
	bytes = sizeof *t + entries * sizeof t->e[0];
	bytes = (bytes + 63) & ~(size_t)63;
	t = aligned_alloc(64, bytes);
	if (!t)
		return NULL;
	memset(t, 0, bytes);
	t->mask = entries - 1;
	t->shift = 64 - (unsigned)__builtin_ctzll(entries);
	return t;
}

struct filter_table *filter_table_copy(const struct filter_table *t, uint32_t capacity)
{
	struct filter_table *c = filter_table_new(capacity);

	if (!c)
		return NULL;
	for (uint64_t i = 0; i <= t->mask; i++)
		if (t->e[i].key & FILTER_KEY_USED)
			filter_table_put(c, t->e[i].key, t->e[i].value);
	return c;
}

bool filter_table_has_room(const struct filter_table *t)
{
	return 2ull * (t->used + t->tombs + 1) <= t->mask + 1;
}

/* Index of the key, or of the first empty slot of its probe sequence. Tombstones are passed: they may still be read. */
static uint64_t find(const struct filter_table *t, uint64_t key)
{
	uint64_t i = (uint64_t)(filter_bucket(t, key) - t->e);

	while (t->e[i].key != key && t->e[i].key != 0)
		i = (i + 1) & t->mask;
	return i;
}

static bool is_any(uint64_t key)
{
	return (key & 0xFFF) == FILTER_VLAN_ANY;
}

void filter_table_put(struct filter_table *t, uint64_t key, uint64_t value)
{
	uint64_t i = find(t, key);

	/* release: what a group pointer leads to, and below the value itself, before the word that publishes it */
	__atomic_store_n(&t->e[i].value, value, __ATOMIC_RELEASE);
	if (t->e[i].key == key)
		return;
	t->used++;
	if (is_any(key))
		__atomic_store_n(&t->anys, t->anys + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&t->e[i].key, key, __ATOMIC_RELEASE);
}

uint64_t filter_table_remove(struct filter_table *t, uint64_t key)
{
	uint64_t i = find(t, key);

	__atomic_store_n(&t->e[i].key, FILTER_KEY_TOMB, __ATOMIC_RELEASE);
	t->used--;
	t->tombs++;
	if (is_any(key))
		__atomic_store_n(&t->anys, t->anys - 1, __ATOMIC_RELEASE);
	return i;
}

void filter_table_reclaim(struct filter_table *t, uint64_t slot)
{
	/* a tombstone directly before an empty slot ends every sequence that an empty slot there would end */
	while (t->e[slot].key == FILTER_KEY_TOMB && t->e[(slot + 1) & t->mask].key == 0) {
		__atomic_store_n(&t->e[slot].key, 0, __ATOMIC_RELEASE);
		t->tombs--;
		slot = (slot - 1) & t->mask;
	}
}
