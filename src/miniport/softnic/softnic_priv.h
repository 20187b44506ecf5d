/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software adapter's driver, inside: one struct softnic for each adapter, and its request handlers, one file a
 * family. Control thread only. Only files of this folder include it.
 */
#ifndef VMQ_MINIPORT_SOFTNIC_SOFTNIC_PRIV_H
#define VMQ_MINIPORT_SOFTNIC_SOFTNIC_PRIV_H

#include "miniport/softnic/softnic.h"

#define SOFTNIC_PCI_SPACE   256u /* bytes of a VF's configuration space that mean something; the rest reads 0 */
#define SOFTNIC_BLOCKS      4u   /* configuration blocks of a VF: a mailbox between its driver and the host */
#define SOFTNIC_BLOCK_SIZE  256u
#define SOFTNIC_VENDOR_ID   0x1AF4u
#define SOFTNIC_DEVICE_ID   0x1041u /* a virtio network device: what the guest's driver finds */

struct softnic_vf {
	NDIS_VF_RID rid;
	NDIS_DEVICE_POWER_STATE power;
	uint32_t vport; /* 0: unattached */
	unsigned queue_pairs, ncpus; /* of the VPort: what it receives is spread over the CPUs */
	uint16_t cpu[NIC_MAX_QUEUE_PAIRS];
	uint8_t space[SOFTNIC_PCI_SPACE];
	uint8_t block[SOFTNIC_BLOCKS][SOFTNIC_BLOCK_SIZE];
};

struct softnic {
	struct nic_engine *engine;
	struct nic *nic;
	struct softnic_config cfg;
	struct ndis_adapter *adapter;
	const struct miniport_up *up;
	enum miniport_mode mode;
	NDIS_RECEIVE_FILTER_CAPABILITIES hw_filter, cur_filter;
	NDIS_NIC_SWITCH_CAPABILITIES hw_switch, cur_switch;
	NDIS_SRIOV_CAPABILITIES sriov;
	NDIS_RECEIVE_SCALE_CAPABILITIES rss;
	uint8_t policies[NIC_MAX_VPORTS]; /* VMQ_VPORT_POLICY_…, what was set */
	uint16_t vf_of[NIC_MAX_VPORTS];   /* VFId + 1 of the VPort, 0: on the PF */
	struct softnic_vf *vf[NIC_MAX_VPORTS];
};

/* The buffer of a method or set request. */
static inline void *softnic_buffer(const NDIS_OID_REQUEST *req)
{
	return req->RequestType == NdisRequestMethod ? req->DATA.METHOD_INFORMATION.InformationBuffer :
						       req->DATA.SET_INFORMATION.InformationBuffer;
}

/* A -errno of src/nic as the status it means here. */
NDIS_STATUS softnic_status(int rc);
/* The CPU an affinity means: its lowest bit, which must have a worker. INVALID_PARAMETER names the CPUs there are. */
NDIS_STATUS softnic_cpu(const struct softnic *s, const GROUP_AFFINITY *a, unsigned *cpu, struct vmq_err *err);
/* A VPort of the nic, its policies none. */
NDIS_STATUS softnic_vport(struct softnic *s, const struct nic_vport_config *cfg, struct vmq_err *err);
NDIS_STATUS softnic_vport_gone(struct softnic *s, uint32_t id, struct vmq_err *err);

NDIS_STATUS softnic_create_switch(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_delete_switch(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_create_vport(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_set_vport(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_delete_vport(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_vport_rss(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_vport_policy(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_vport_tuning(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);

NDIS_STATUS softnic_set_filter(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_clear_filter(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_move_filter(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);

NDIS_STATUS softnic_allocate_queue(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_complete_queues(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_set_queue(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_free_queue(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);

NDIS_STATUS softnic_allocate_vf(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_free_vf(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
/* A VPort on a VF: made (its CPU is chosen here) and connected, or disconnected and deleted. */
NDIS_STATUS softnic_vf_attach(struct softnic *s, unsigned vf, struct nic_vport_config *cfg, struct vmq_err *err);
NDIS_STATUS softnic_vf_detach(struct softnic *s, uint32_t vport, struct vmq_err *err);
/* The structure of a request of our own: copied to *out of `size` bytes, header checked. */
NDIS_STATUS softnic_vendor_read(NDIS_OID_REQUEST *req, void *out, uint32_t size, const char *name, struct vmq_err *err);
NDIS_STATUS softnic_vf_cpus(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_config_space(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_config_block(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_reset_vf(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_vf_power(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_vf_ids(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_probed_bars(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);
NDIS_STATUS softnic_bar_resources(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err);

#endif
