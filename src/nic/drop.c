/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic/drop.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
} reasons[] = {
#define X(id, name, text) { name, text },
	NIC_DROP_REASONS(X)
#undef X
};

const char *nic_drop_name(enum nic_drop r)
{
	return (unsigned)r < NIC_DROP_COUNT ? reasons[r].name : NULL;
}

const char *nic_drop_text(enum nic_drop r)
{
	return (unsigned)r < NIC_DROP_COUNT ? reasons[r].text : NULL;
}
