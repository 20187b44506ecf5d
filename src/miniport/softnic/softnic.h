/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver of the software adapter: turns the contract's requests into calls of src/nic. It owns nothing but its
 * capabilities and the small table of VFs; the data path's objects are the nic's. Control thread only. It never pends.
 *
 * How things map
 *   CREATE_SWITCH     VPort 0 on config.default_cpu, active, one queue pair
 *   CREATE_VPORT      a VPort of the nic with the same id; its CPU is the lowest bit of ProcessorAffinity (bit b of
 *                     group g is CPU 64 g + b); on a VF its queue pairs are spread over the workers, beginning with
 *                     the VFId-th (OID_VMQ_VF_CPUS)
 *   RESET_VF          the rings of the VF's VPort stop, and start when its guest's driver has set them up again
 *   VF_POWER_STATE    in D1 to D3 the rings are stopped, in D0 they go on; frames for the VF are dropped meanwhile
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

/*
 * What the driver asks of whoever connects VPorts with their VMs. Control thread, within a request. NULL: nobody does.
 */
struct softnic_ops {
	/* VPort `vport` was made on VF `vf`, active. 0, or -errno with the sentence: then it is not made. */
	int (*vf_attached)(void *ctx, unsigned vf, uint32_t vport, struct vmq_err *err);
	/* It is deleted next: every ring that vf_attached led to is given back when this returns. */
	void (*vf_detached)(void *ctx, unsigned vf, uint32_t vport);
	/* The function of VPort `vport` is reset: its rings are stopped when this returns, and stay so until its driver has
	 * set them up again. 0, or -ETIMEDOUT: a worker did not let go in time. */
	int (*vf_reset)(void *ctx, uint32_t vport);
	/* It sleeps: its rings are stopped when this returns. Awake again they go on where they were. As vf_reset. */
	int (*vf_sleep)(void *ctx, uint32_t vport, bool asleep);
	/* VPort `vport` gets `n` queue pairs. 0, or -EBUSY with the sentence: its VM relies on those it has. */
	int (*queue_pairs)(void *ctx, uint32_t vport, unsigned n, struct vmq_err *err);
};

struct softnic_config {
	struct softnic_limits limits;
	unsigned default_cpu;          /* the default VPort's; one of the engine's */
	const struct softnic_ops *ops; /* NULL: there are no VMs; outlives the driver */
	void *ctx;
};

/* softnic_limits_default with all VPorts there can be; default CPU: the engine's first. */
void softnic_config_default(const struct nic_engine *e, struct softnic_config *cfg);

/* Makes the driver's object for one nic; `e` and `n` must outlive it. -EINVAL names the member that is out of range. */
int softnic_create(struct nic_engine *e, struct nic *n, const struct softnic_config *cfg, struct softnic **out,
		   struct vmq_err *err);
/* After the adapter that used it was destroyed. NULL is allowed. */
void softnic_destroy(struct softnic *s);

/* Is the VF of this VPort in D1 to D3? false for VPorts on the PF, and for those that are not there. */
bool softnic_vport_asleep(const struct softnic *s, uint32_t vport);

/* The queue pairs of a VPort on a VF; 0: there is no such one. */
unsigned softnic_vport_queue_pairs(const struct softnic *s, uint32_t vport);

/* What of a VF is the driver's own. */
struct softnic_vf_info {
	NDIS_DEVICE_POWER_STATE power;
	uint16_t vendor, device; /* as its configuration space says */
};
/* false: VF `vf` is not allocated. */
bool softnic_vf_info(const struct softnic *s, unsigned vf, struct softnic_vf_info *out);

/* For ndis_adapter_create; its context is the struct softnic. */
extern const struct miniport_ops softnic_ops;

#endif
