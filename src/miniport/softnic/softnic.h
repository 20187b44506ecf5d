/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver of the software adapter: turns the contract's requests into calls of src/nic. It owns nothing but its
 * capabilities and the small table of VFs; the data path's objects are the nic's. Control thread only. It never pends.
 *
 * How things map
 *   CREATE_SWITCH     VPort 0 on config.default_cpu, active, one queue pair
 *   CREATE_VPORT      a VPort of the nic with the same id; its CPU is the lowest bit of ProcessorAffinity (bit b of
 *                     group g is CPU 64 g + b); for a VF VPort the default CPU
 *   SET_FILTER        MAC + VLAN id: NIC_VLAN_EQUAL; MAC with UNTAGGED_OR_ZERO: NIC_VLAN_UNTAGGED_OR_ZERO;
 *                     MAC alone: NIC_VLAN_ANY
 *   VM queues         a queue is a VPort of the nic with the same id (src/nic knows one kind of destination), active
 *                     once its allocation is complete; queue 0 is VPort 0
 *   OID_VMQ_…         <vmq/ndis_vmq.h>
 */
#ifndef VMQ_MINIPORT_SOFTNIC_SOFTNIC_H
#define VMQ_MINIPORT_SOFTNIC_SOFTNIC_H

#include "miniport/miniport.h"
#include "miniport/softnic/limits.h"
#include "nic/nic.h"

struct softnic;

struct softnic_config {
	struct softnic_limits limits;
	unsigned default_cpu; /* the default VPort's; one of the engine's */
};

/* softnic_limits_default with all VPorts there can be; default CPU: the engine's first. */
void softnic_config_default(const struct nic_engine *e, struct softnic_config *cfg);

/* Makes the driver's object for one nic; `e` and `n` must outlive it. -EINVAL names the member that is out of range. */
int softnic_create(struct nic_engine *e, struct nic *n, const struct softnic_config *cfg, struct softnic **out,
		   struct vmq_err *err);
/* After the adapter that used it was destroyed. NULL is allowed. */
void softnic_destroy(struct softnic *s);

/* For ndis_adapter_create; its context is the struct softnic. */
extern const struct miniport_ops softnic_ops;

#endif
