/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM's memory as it is mapped here: a sorted table of slots, and the one function that turns a guest address AND a
 * length into host memory. Built by the vhost room; immutable while any ring uses it (rings are stopped before a
 * table is changed or a slot unmapped). Read by workers.
 */
#ifndef VMQ_VRING_GUEST_MEM_H
#define VMQ_VRING_GUEST_MEM_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_MEM_MAX_SLOTS 509u /* what QEMU's own limit is for memory slots */

struct guest_mem_slot {
	uint64_t gpa;  /* guest physical address of the first byte */
	uint64_t size; /* bytes, not 0; gpa + size does not wrap */
	uint64_t uva;  /* the front-end's own address of the first byte: ring addresses are given in it */
	uint8_t *host; /* where it is mapped here */
};

struct guest_mem {
	uint32_t nslots;
	struct guest_mem_slot slot[]; /* by gpa, ascending, not overlapping */
};

/* The slot that holds gpa, or NULL. `hint` is the caller's index of the slot it found last; updated. */
static inline const struct guest_mem_slot *guest_mem_find(const struct guest_mem *m, uint64_t gpa, uint32_t *hint)
{
	uint32_t lo = 0, hi = m->nslots;

	if (*hint < m->nslots && gpa - m->slot[*hint].gpa < m->slot[*hint].size)
		return &m->slot[*hint];
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (gpa < m->slot[mid].gpa) {
			hi = mid;
		} else if (gpa - m->slot[mid].gpa >= m->slot[mid].size) {
			lo = mid + 1;
		} else {
			*hint = mid;
			return &m->slot[mid];
		}
	}
	return NULL;
}

/*
 * Host memory of the guest's bytes [gpa, gpa + *len). Returns where they begin and leaves in *len how many lie there
 * in one piece: all, or as many as the slot still has (the caller asks again for the rest, which may lie in the next
 * slot). NULL when the first byte is in no slot or *len is 0. Never more than asked, never past the slot.
 */
static inline void *guest_mem_at(const struct guest_mem *m, uint64_t gpa, uint32_t *len, uint32_t *hint)
{
	const struct guest_mem_slot *s = guest_mem_find(m, gpa, hint);
	uint64_t off;

	if (__builtin_expect(!s || *len == 0, 0))
		return NULL;
	off = gpa - s->gpa;
	if (__builtin_expect(*len > s->size - off, 0))
		*len = (uint32_t)(s->size - off);
	return s->host + off;
}

/* A slot as a ring keeps it, for addresses that mostly lie in one; size 0: none yet. Valid as long as the table. */
struct guest_mem_near {
	uint64_t gpa, size;
	uint8_t *host;
};

/* The slot that guest_mem_at left in `hint` when it found something. */
static inline struct guest_mem_near guest_mem_near(const struct guest_mem *m, uint32_t hint)
{
	return (struct guest_mem_near){ m->slot[hint].gpa, m->slot[hint].size, m->slot[hint].host };
}

/* Host memory of the guest's bytes [gpa, gpa + len) when all of them lie in this slot; else NULL: guest_mem_at has to look. */
static inline uint8_t *guest_mem_in(const struct guest_mem_near *s, uint64_t gpa, uint32_t len)
{
	uint64_t off = gpa - s->gpa;

	return off < s->size && len <= s->size - off ? s->host + off : NULL;
}

/* Host memory of the front-end's bytes [uva, uva + len), all in one slot, or NULL. For ring addresses (control thread). */
void *guest_mem_at_uva(const struct guest_mem *m, uint64_t uva, uint64_t len);

/* A table of n slots (copied, sorted by gpa), or NULL with errno: EINVAL when a slot is empty, wraps or overlaps
 * another, E2BIG above GUEST_MEM_MAX_SLOTS, ENOMEM. Free with free(). */
struct guest_mem *guest_mem_new(const struct guest_mem_slot *slots, uint32_t n);

#endif
