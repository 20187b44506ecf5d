/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of pointers between one producer thread and one consumer thread: the commands from control to a worker, a worker's
 * events for control, and the way references come back; the inbox between two workers has its ends (inbox.h). Never
 * blocks; a full ring says so.
 */
#ifndef VMQ_NIC_SPSC_H
#define VMQ_NIC_SPSC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct spsc {
	_Alignas(64) uint32_t head; /* consumer writes; the producer's acquire load pairs with its release store */
	_Alignas(64) uint32_t tail; /* producer writes; the consumer's acquire load pairs with its release store */
	uint32_t put;               /* producer's: behind what it has put in, published or not */
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

/* Producer: how many of n can be put in. */
static inline unsigned spsc_room(struct spsc *r, unsigned n)
{
	uint32_t room = r->mask + 1 - (r->put - r->head_seen);

	if (room < n) {
		r->head_seen = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
		room = r->mask + 1 - (r->put - r->head_seen);
	}
	return room < n ? room : n;
}

/* Producer: the consumer sees it when it is published. False: full. */
static inline bool spsc_put(struct spsc *r, void *p)
{
	if (spsc_room(r, 1) == 0)
		return false;
	r->slot[r->put++ & r->mask] = p;
	return true;
}

/* Producer: all that was put in. */
static inline void spsc_publish(struct spsc *r)
{
	if (r->tail != r->put)
		__atomic_store_n(&r->tail, r->put, __ATOMIC_RELEASE);
}

/* Producer: both at once. */
static inline bool spsc_push(struct spsc *r, void *p)
{
	if (!spsc_put(r, p))
		return false;
	spsc_publish(r);
	return true;
}

/* Consumer: how many are there. */
static inline uint32_t spsc_waiting(const struct spsc *r)
{
	return __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) - r->head;
}

/* Consumer: the first n of them have been read. */
static inline void spsc_done(struct spsc *r, unsigned n)
{
	__atomic_store_n(&r->head, r->head + n, __ATOMIC_RELEASE);
}

/* Consumer: up to n pointers into out[]; returns how many. */
static inline unsigned spsc_pop(struct spsc *r, void **out, unsigned n)
{
	uint32_t h = r->head, have = spsc_waiting(r), at, first;

	if (n > have)
		n = have;
	if (n == 0)
		return 0;
	at = h & r->mask;
	first = r->mask + 1 - at < n ? r->mask + 1 - at : n;
	memcpy(out, r->slot + at, first * sizeof *out);
	memcpy(out + first, r->slot, (n - first) * sizeof *out);
	spsc_done(r, n);
	return n;
}

/* Consumer. */
static inline bool spsc_empty(const struct spsc *r)
{
	return spsc_waiting(r) == 0;
}

#endif
