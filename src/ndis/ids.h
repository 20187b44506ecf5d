/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identifiers 1 … max, handed out round-robin, so that one that was given back is used again as late as possible and
 * a late frame rarely names a new object (spec/70 Q53). Control thread only.
 */
#ifndef VMQ_NDIS_IDS_H
#define VMQ_NDIS_IDS_H

#include <stdint.h>

struct ndis_ids {
	uint64_t *used_bits; /* bit i - 1: id i is in use */
	uint32_t max;
	uint32_t next; /* where the search begins */
	uint32_t used;
};

/* 0 or -ENOMEM. max may be 0. */
int ndis_ids_init(struct ndis_ids *ids, uint32_t max);
void ndis_ids_fini(struct ndis_ids *ids);
/* A free identifier, or 0 when all are in use. */
uint32_t ndis_ids_take(struct ndis_ids *ids);
/* The next one taken is `id`, if it is free and one that can be; else the first free one behind it. 0: no effect. */
void ndis_ids_seek(struct ndis_ids *ids, uint32_t id);
/* Gives one back that was taken. */
void ndis_ids_put(struct ndis_ids *ids, uint32_t id);

#endif
