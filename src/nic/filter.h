/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The filter table: (MAC, VLAN test) → VPort, one 64-bit key, one probe. The control thread writes, workers read
 * without locks; a store of one word changes what a key means. A slot is used again only after every worker has passed
 * a quiescent point, so no reader can pair an old key with a new value.
 *
 * Keys of group addresses lead to a list of VPorts (several may hold the same group filter, spec/70 Q25); the lists are
 * immutable and replaced whole.
 */
#ifndef VMQ_NIC_FILTER_H
#define VMQ_NIC_FILTER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FILTER_VLAN_UOZ 0u     /* untagged, or tagged with VID 0 */
#define FILTER_VLAN_ANY 0xFFFu /* VID 4095 exists in no frame that is to be delivered */
#define FILTER_KEY_USED 0x1000u
#define FILTER_KEY_TOMB 0x2000u /* was used; readers go on */
#define FILTER_KEY_GROUP (1ull << 16)
#define FILTER_MAC_ALL_GROUPS 0x01ull /* 01:00:00:00:00:00 stands for every group (policy all_multicast) */

/* The MAC as the low 48 bits of a little-endian load, so that bit 0 is the group bit. */
static inline uint64_t filter_mac(const uint8_t *mac)
{
	uint64_t m = 0;

	memcpy(&m, mac, 6);
	return m;
}

/* filter_key of the MAC that begins an Ethernet header: one load. */
static inline uint64_t filter_key_of(const uint8_t *header, unsigned vlan)
{
	uint64_t w;

	memcpy(&w, header, 8);
	return w << 16 | FILTER_KEY_USED | vlan;
}

static inline uint64_t filter_key(uint64_t mac, unsigned vlan)
{
	return mac << 16 | FILTER_KEY_USED | vlan;
}

static inline bool filter_key_is_group(uint64_t key)
{
	return key & FILTER_KEY_GROUP;
}

/* What a unicast key leads to. */
static inline uint64_t filter_value(uint32_t vport, uint32_t id)
{
	return (uint64_t)vport << 32 | id;
}
static inline uint32_t filter_value_vport(uint64_t v)
{
	return (uint32_t)(v >> 32);
}
static inline uint32_t filter_value_id(uint64_t v)
{
	return (uint32_t)v;
}

#define FILTER_TABLE_NEAR 2048u /* entries: a table with fewer is in the first or second cache anyway */

struct filter_group {
	uint32_t n;
	struct filter_member {
		uint32_t vport;
		uint32_t id; /* FilterId; 0: a member by policy */
	} member[];
};

struct filter_entry {
	uint64_t key, value;
};

struct filter_table {
	uint64_t mask; /* entries - 1 */
	unsigned shift;
	uint32_t anys; /* keys with FILTER_VLAN_ANY: while there is none, a miss needs no second probe */
	uint32_t used, tombs;
	struct filter_entry e[] __attribute__((aligned(64)));
};

static inline const struct filter_entry *filter_bucket(const struct filter_table *t, uint64_t key)
{
	/* Fibonacci hashing; the low bits are dropped so that a probe begins at a cache line of four entries */
	return &t->e[(key * 0x9E3779B97F4A7C15ull >> t->shift) & ~3ull];
}

/* Worker or control. True and *value when the key stands. */
static inline bool filter_lookup(const struct filter_table *t, uint64_t key, uint64_t *value)
{
	uint64_t i = (uint64_t)(filter_bucket(t, key) - t->e);

	for (;; i = (i + 1) & t->mask) {
		/* acquire: pairs with the release store of the key in filter_table_put: its value is there */
		uint64_t k = __atomic_load_n(&t->e[i].key, __ATOMIC_ACQUIRE);

		if (k == key) {
			*value = __atomic_load_n(&t->e[i].value, __ATOMIC_ACQUIRE);
			return true;
		}
		if (k == 0)
			return false;
	}
}

/* ---- control thread ---- */

/* An empty table with room for `capacity` keys (rounded up), or NULL. */
struct filter_table *filter_table_new(uint32_t capacity);
/* A copy without tombstones, with room for `capacity` keys. */
struct filter_table *filter_table_copy(const struct filter_table *t, uint32_t capacity);
/* Room for one more key without exceeding half load? */
bool filter_table_has_room(const struct filter_table *t);
/* Adds a key that does not stand, or changes the value of one that does: one store, seen whole by readers. */
void filter_table_put(struct filter_table *t, uint64_t key, uint64_t value);
/* Takes a key out that stands. Returns its slot, to be given to filter_table_reclaim after a quiescent point. */
uint64_t filter_table_remove(struct filter_table *t, uint64_t key);
/* The slot, and tombstones before it, become empty if no probe sequence needs them. */
void filter_table_reclaim(struct filter_table *t, uint64_t slot);

#endif
