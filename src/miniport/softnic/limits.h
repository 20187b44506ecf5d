/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much a software adapter has of everything, and which kind of pools: what hardware has built in, and what is chosen
 * here when the adapter is made (spec/50 §4 to §6). Pure functions on a value; no state, any thread, no other room's code.
 *
 * One row of a table yields the member, its name for people (a key of `limits:` in vmqd.yaml) and the range that the data
 * path can hold. What several members have to do with each other is softnic_limits_check's.
 */
#ifndef VMQ_MINIPORT_SOFTNIC_LIMITS_H
#define VMQ_MINIPORT_SOFTNIC_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "nic/nic.h"

/* X(member, lowest, highest) */
#define SOFTNIC_LIMITS(X)                                                                                              \
	X(vports, 2, NIC_MAX_VPORTS)                            /* MaxNumVPorts, the default VPort included */         \
	X(vfs, 0, NIC_MAX_VPORTS - 1)                           /* MaxNumVFs */                                        \
	X(vm_queues, 1, NIC_MAX_VPORTS - 1)                     /* NumQueues, the default queue not included */        \
	X(queue_pairs, 2, NIC_MAX_VPORTS * NIC_MAX_QUEUE_PAIRS) /* MaxNumQueuePairs, of all VPorts */                  \
	X(queue_pairs_per_vport, 1, NIC_MAX_QUEUE_PAIRS)        /* MaxNumQueuePairsPerNonDefaultVPort */               \
	X(filters, 2, NIC_MAX_FILTERS)                          /* MaxMacHeaderFilters */                              \
	X(mac_addresses, 2, NIC_MAX_FILTERS)                    /* MaxNumMacAddresses: unicast filters of a switch */  \
	X(mac_addresses_per_vport, 1, NIC_MAX_FILTERS)          /* unicast filters of one VPort or VM queue */         \
	X(vlans_per_vport, 1, 4094)                             /* VLAN ids in the filters of one */

/* X(member): all of them on by default */
#define SOFTNIC_FLAGS(X)                                                                                               \
	X(single_vport_pool)      /* SINGLE_VPORT_POOL; off: each VF has a VPort kept for it, and there is no VMMQ */  \
	X(asymmetric_queue_pairs) /* ASYMMETRIC_QUEUE_PAIRS; off: all VPorts but the default one have equally many */  \
	X(switch_without_sriov)   /* NIC_SWITCH_WITHOUT_IOV; off: without SR-IOV there can be VM queues only */

struct softnic_limits {
#define SOFTNIC_LIMIT(member, lowest, highest) uint32_t member;
	SOFTNIC_LIMITS(SOFTNIC_LIMIT)
#undef SOFTNIC_LIMIT
#define SOFTNIC_FLAG(member) bool member;
	SOFTNIC_FLAGS(SOFTNIC_FLAG)
#undef SOFTNIC_FLAG
};

/* 1,024 VPorts, 256 VFs, 65,536 filters, as many VM queues as VPorts, 16 queue pairs a VPort for all of them, no other limit
 * a VPort; all flags on. With fewer VPorts what follows from their number is less, too. */
void softnic_limits_default(struct softnic_limits *l, uint32_t vports);
/* 0, or -EINVAL: the sentence begins with the member's name. */
int softnic_limits_check(const struct softnic_limits *l, struct vmq_err *err);

#endif
