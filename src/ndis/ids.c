/* SPDX-License-Identifier: BSD-3-Clause */
#include "ndis/ids.h"

#include <errno.h>
#include <stdlib.h>

int ndis_ids_init(struct ndis_ids *ids, uint32_t max)
{
	ids->max = max;
	ids->next = 1;
	ids->used = 0;
	ids->used_bits = calloc(max / 64 + 1, sizeof *ids->used_bits);
	return ids->used_bits ? 0 : -ENOMEM;
}

void ndis_ids_fini(struct ndis_ids *ids)
{
	free(ids->used_bits);
	ids->used_bits = NULL;
}

uint32_t ndis_ids_take(struct ndis_ids *ids)
{
	uint32_t bit;

	if (ids->used >= ids->max)
		return 0;
	bit = ids->next - 1;
	for (;;) {
		/* the free bits of this word from `bit` on; those behind max are caught below */
		uint64_t free_bits = ~ids->used_bits[bit / 64] >> (bit % 64);

		if (free_bits)
			bit += (uint32_t)__builtin_ctzll(free_bits);
		else
			bit = (bit / 64 + 1) * 64;
		if (bit >= ids->max)
			bit = 0;
		else if (free_bits)
			break;
	}
	ids->used_bits[bit / 64] |= 1ull << (bit % 64);
	ids->used++;
	ids->next = bit + 1 < ids->max ? bit + 2 : 1;
	return bit + 1;
}

void ndis_ids_seek(struct ndis_ids *ids, uint32_t id)
{
	if (id >= 1 && id <= ids->max)
		ids->next = id;
}

void ndis_ids_put(struct ndis_ids *ids, uint32_t id)
{
	ids->used_bits[(id - 1) / 64] &= ~(1ull << ((id - 1) % 64));
	ids->used--;
}
