/* SPDX-License-Identifier: BSD-3-Clause */
#include "vring/guest_mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *guest_mem_at_uva(const struct guest_mem *m, uint64_t uva, uint64_t len)
{
	for (uint32_t i = 0; i < m->nslots; i++) {
		const struct guest_mem_slot *s = &m->slot[i];

		if (uva - s->uva < s->size && len <= s->size - (uva - s->uva))
			return s->host + (uva - s->uva);
	}
	return NULL;
}

static int by_gpa(const void *a, const void *b)
{
	const struct guest_mem_slot *x = a, *y = b;

	return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

struct guest_mem *guest_mem_new(const struct guest_mem_slot *slots, uint32_t n)
{
	struct guest_mem *m;

	if (n > GUEST_MEM_MAX_SLOTS) {
		errno = E2BIG;
		return NULL;
	}
	m = malloc(sizeof *m + n * sizeof m->slot[0]);
	if (!m)
		return NULL;
	m->nslots = n;
	if (n)
		memcpy(m->slot, slots, n * sizeof m->slot[0]);
	qsort(m->slot, n, sizeof m->slot[0], by_gpa);
	for (uint32_t i = 0; i < n; i++) {
		const struct guest_mem_slot *s = &m->slot[i];
		const struct guest_mem_slot *prev = i ? s - 1 : NULL;

		if (s->size == 0 || s->gpa + s->size < s->gpa || (prev && s->gpa - prev->gpa < prev->size)) {
			free(m);
			errno = EINVAL;
			return NULL;
		}
	}
	return m;
}
