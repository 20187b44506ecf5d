/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of pointers between one producer thread and one consumer thread: the inbox between two workers (one a pair,
 * one from the control thread), and the way references come back. Never blocks; a full ring says so.
 */
#ifndef VMQ_NIC_SPSC_H
#define VMQ_NIC_SPSC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct spsc {
	_Alignas(64) uint32_t head; /* consumer writes; the producer's acquire load pairs with its release store */
	_Alignas(64) uint32_t tail; /* producer writes; the consumer's acquire load pairs with its release store */
	uint32_t head_seen;         /* producer's: the head when it last looked */
	_Alignas(64) uint32_t mask;
	void **slot;
};

/* `size` is a power of two. False when memory is short. */
static inline bool spsc_init(struct spsc *r, uint32_t size)
{
	*r = (struct spsc){ .mask = size - 1, .slot = calloc(size, sizeof(void *)) };
	return r->slot != NULL;
}

static inline void spsc_fini(struct spsc *r)
{
	free(r->slot);
	r->slot = NULL;
}

/* Producer. False: full. */
static inline bool spsc_push(struct spsc *r, void *p)
{
	uint32_t t = r->tail;

	if (t - r->head_seen > r->mask) {
		r->head_seen = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
		if (t - r->head_seen > r->mask)
			return false;
	}
	r->slot[t & r->mask] = p;
	__atomic_store_n(&r->tail, t + 1, __ATOMIC_RELEASE);
	return true;
}

/* Consumer: up to n pointers into out[]; returns how many. */
static inline unsigned spsc_pop(struct spsc *r, void **out, unsigned n)
{
	uint32_t h = r->head, have = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) - h;

	if (n > have)
		n = have;
	for (unsigned i = 0; i < n; i++)
		out[i] = r->slot[(h + i) & r->mask];
	if (n)
		__atomic_store_n(&r->head, h + n, __ATOMIC_RELEASE);
	return n;
}

/* Consumer. */
static inline bool spsc_empty(const struct spsc *r)
{
	return __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == r->head;
}

#endif
