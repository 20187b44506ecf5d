/* SPDX-License-Identifier: BSD-3-Clause */
/* A software adapter's limits (limits.h). Pure functions. */
#include "miniport/softnic/limits.h"

#include <errno.h>

#define DEFAULT_VFS 256u

void softnic_limits_default(struct softnic_limits *l, uint32_t vports)
{
	*l = (struct softnic_limits){
		.vports = vports,
		.vfs = vports > DEFAULT_VFS ? DEFAULT_VFS : vports - 1,
		.vm_queues = vports - 1,
		.queue_pairs = vports * NIC_MAX_QUEUE_PAIRS,
		.queue_pairs_per_vport = NIC_MAX_QUEUE_PAIRS,
		.filters = NIC_MAX_FILTERS,
		.mac_addresses = NIC_MAX_FILTERS,
		.mac_addresses_per_vport = NIC_MAX_FILTERS,
		.vlans_per_vport = 4094,
#define ON(member) .member = true,
		SOFTNIC_FLAGS(ON)
#undef ON
	};
}

int softnic_limits_check(const struct softnic_limits *l, struct vmq_err *err)
{
	uint32_t p = l->queue_pairs_per_vport;

#define RANGE(member, lowest, highest)                                                                                 \
	if ((int64_t)l->member < (lowest) || l->member > (highest))                                                    \
		return vmq_err(err, -EINVAL, #member " is %u; %u to %u is right", l->member, (lowest), (highest));
	SOFTNIC_LIMITS(RANGE)
#undef RANGE
	if (l->vfs >= l->vports)
		return vmq_err(err, -EINVAL, "vfs is %u; 0 to %u is right with %u VPorts (vports), one of them the default",
			       l->vfs, l->vports - 1, l->vports);
	if (l->queue_pairs < l->vports)
		return vmq_err(err, -EINVAL, "queue_pairs is %u; at least one for each VPort is right (vports: %u)",
			       l->queue_pairs, l->vports);
	if (p & (p - 1))
		return vmq_err(err, -EINVAL, "queue_pairs_per_vport is %u; a power of 2 up to %u is right", p,
			       NIC_MAX_QUEUE_PAIRS);
	if (l->filters < l->vm_queues)
		return vmq_err(err, -EINVAL, "filters is %u; at least one for each VM queue is right (vm_queues: %u)",
			       l->filters, l->vm_queues);
	if (l->mac_addresses < l->vports)
		return vmq_err(err, -EINVAL, "mac_addresses is %u; at least one for each VPort is right (vports: %u)",
			       l->mac_addresses, l->vports);
	return 0;
}
