/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the driver of an adapter implements (a PF miniport driver, in the contract's words), and what it may call.
 * Everything a driver's author must know is here and in <vmq/ndis.h>.
 *
 * Parties. Above the driver stands the contract's keeper (src/ndis). It checks every request before the driver sees
 * it, gives out SwitchId, VPortId, QueueId and FilterId, keeps a copy of all parameters and answers every enumeration
 * and parameter query itself. The driver does what only it can do: hold the resources and move the frames. Frames do
 * not pass through this interface: how they come to the driver and where it puts them is between it and whoever serves
 * the VMs (of softnic: src/nic).
 *
 * Threads. All calls, both ways, are made on one thread, the control thread. The driver may call struct miniport_up
 * functions from within its own functions, and at any later time on that thread. Nothing may block for long.
 *
 * Life: initialize → (oid_request | reset)* → halt. The keeper issues OID_NIC_SWITCH_CREATE_SWITCH after initialize
 * when the mode has a switch. Before halt it has cleared every filter, deleted every VPort, freed every VF and queue
 * and deleted the switch, by the ordinary requests, in this order (spec/30-states.md §7).
 *
 * Requests. One at a time: after NDIS_STATUS_PENDING no other request comes until up->complete was called. Type, OID
 * and buffer are in req->RequestType and the member of req->DATA that belongs to the type (Oid and InformationBuffer
 * lie at the same place in all three); the driver need not look at other members, nor set any. It sees exactly these:
 *
 *   type    OID                                              buffer (req->DATA.…_INFORMATION.InformationBuffer)
 *   method  OID_NIC_SWITCH_CREATE_SWITCH                     NDIS_NIC_SWITCH_PARAMETERS
 *   set     OID_NIC_SWITCH_PARAMETERS                        NDIS_NIC_SWITCH_PARAMETERS (name only)
 *   set     OID_NIC_SWITCH_DELETE_SWITCH                     NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS
 *   method  OID_NIC_SWITCH_CREATE_VPORT                      NDIS_NIC_SWITCH_VPORT_PARAMETERS
 *   set     OID_NIC_SWITCH_VPORT_PARAMETERS                  NDIS_NIC_SWITCH_VPORT_PARAMETERS, CHANGED flags
 *   set     OID_NIC_SWITCH_DELETE_VPORT                      NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS
 *   method  OID_NIC_SWITCH_ALLOCATE_VF                       NDIS_NIC_SWITCH_VF_PARAMETERS; write VFId, RequestorId
 *   set     OID_NIC_SWITCH_FREE_VF                           NDIS_NIC_SWITCH_FREE_VF_PARAMETERS
 *   method  OID_RECEIVE_FILTER_SET_FILTER                    NDIS_RECEIVE_FILTER_PARAMETERS + tests
 *   set     OID_RECEIVE_FILTER_CLEAR_FILTER                  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS
 *   set     OID_RECEIVE_FILTER_MOVE_FILTER                   NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS
 *   method  OID_RECEIVE_FILTER_ALLOCATE_QUEUE                NDIS_RECEIVE_QUEUE_PARAMETERS; may write MSIXTableEntry
 *   method  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE     array; write each CompletionStatus
 *   set     OID_RECEIVE_FILTER_QUEUE_PARAMETERS              NDIS_RECEIVE_QUEUE_PARAMETERS, CHANGED flags
 *   set     OID_RECEIVE_FILTER_FREE_QUEUE                    NDIS_RECEIVE_QUEUE_FREE_PARAMETERS
 *   method  OID_SRIOV_READ_VF_CONFIG_SPACE                   NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS; write Length
 *                                                            bytes at BufferOffset
 *   set     OID_SRIOV_WRITE_VF_CONFIG_SPACE                  NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS, Length bytes
 *                                                            at BufferOffset; bytes that cannot be written are left
 *   method  OID_SRIOV_READ_VF_CONFIG_BLOCK                   likewise, with a BlockId, which the driver checks
 *   set     OID_SRIOV_WRITE_VF_CONFIG_BLOCK                  likewise
 *   set     OID_SRIOV_RESET_VF                               NDIS_SRIOV_RESET_VF_PARAMETERS
 *   set     OID_SRIOV_SET_VF_POWER_STATE                     NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS
 *   method  OID_SRIOV_VF_VENDOR_DEVICE_ID                    NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO; write both ids
 *   query   OID_SRIOV_PROBED_BARS                            NDIS_SRIOV_PROBED_BARS_INFO; write PCI_TYPE0_ADDRESSES
 *                                                            ULONGs at BaseRegisterValuesOffset
 *   method  OID_SRIOV_BAR_RESOURCES                          NDIS_SRIOV_BAR_RESOURCES_INFO; write 20 bytes at
 *                                                            BarResourcesOffset: Type 3 (memory), ShareDisposition,
 *                                                            Flags (2), Start (8), Length (4), packed
 *   method/set  OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK         NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO: to the driver
 *                                                            of an adapter that is a VF itself
 *   set     OID_GEN_RECEIVE_SCALE_PARAMETERS                 NDIS_RECEIVE_SCALE_PARAMETERS + table + key, all as they
 *                                                            shall be; DISABLE_RSS: off, every frame on the CPU
 *                                                            DefaultProcessorNumber; VPortId in the request.
 *                                                            RSSv2 requests arrive as this one too
 *   any     0xFF000000 … 0xFFFFFFFF                          as the requester gave it; only its length is bounded
 *
 * Any other gets NDIS_STATUS_NOT_SUPPORTED (INVALID_OID in the last row): there may be more rows one day.
 *
 * Buffers (except the last row's) are the keeper's own copy: aligned to 8, of the highest revision ndis.h knows with
 * later members zero, arrays 8-aligned and stepped by sizeof, every member checked against spec/10 and the
 * capabilities the driver registered. Of them the requester gets what the table says the driver writes, and nothing
 * else. A buffer is valid until the request is completed. Of the last row's requests the driver checks what it
 * needs, sets BytesRead, BytesWritten (not more than the lengths it was given) or with INVALID_LENGTH BytesNeeded,
 * and what it writes to the buffer goes back.
 *
 * Guarantees the driver may build on: the target VPort, queue or VF exists; a FilterId, VPortId, QueueId handed down
 * in a creating request is new, one in any other request is known; a filter is one destination MAC, Equal, and at
 * most one VLAN id, Equal, 1 … 4094; limits of the registered capabilities are not passed; VPortState in a set is
 * Activated; ProcessorAffinity of a VPort on the PF has at least one CPU, that of one on a VF none; the VF of a
 * VPort that is made is allocated and has no other, a VF that is freed has none; NumQueuePairs changes only on the
 * PF with RSS_ON_PF_VPORTS and not below the CPUs that RSS uses; hash types and key of a VPort are for its life;
 * configuration space requests stay below 4,096 bytes.
 *
 * Statuses a driver may return
 *   all but the next line       NDIS_STATUS_SUCCESS, PENDING, INVALID_PARAMETER, RESOURCES, NOT_SUPPORTED, FAILURE,
 *                               NOT_ACCEPTED, REQUEST_ABORTED, REINIT_REQUIRED (name of the switch only); on anything
 *                               but SUCCESS and REINIT_REQUIRED nothing may have changed
 *   CLEAR_FILTER, FREE_QUEUE,   SUCCESS or PENDING that ends in SUCCESS; NOT_ACCEPTED while it cannot be done
 *   FREE_VF, DELETE_SWITCH      (resetting); REQUEST_ABORTED when a reset stopped it. They cannot be refused otherwise
 *   vendor requests             any, handed on as it is
 * A sentence for the user may go into `err` beside a failure.
 *
 * Faults. The keeper expects a driver to be wrong. What breaks a rule of this page is counted and told
 * (ndis_adapter_config.fault, ndis_adapter_info), and harms nobody else:
 *   another status than listed, or PENDING to complete    the requester gets NDIS_STATUS_FAILURE
 *   completing twice, or what it does not have            nothing happens
 *   answering a request that it completed already         the completion counts
 *   a vendor request's lengths beyond its buffer          NDIS_STATUS_FAILURE, nothing is handed on
 *   ALLOCATE_VF with a VFId beyond NumVFs or in use       NDIS_STATUS_FAILURE; the driver is not asked to free it
 *   an unknown indication, or with a wrong buffer         it goes nowhere, and changes nothing
 *   a request not given back by reset or halt             its requester gets REQUEST_ABORTED or ADAPTER_REMOVED; the
 *                                                         buffer stays valid until halt has returned
 *
 * Order rules (spec/30-states.md, spec/40-datapath.md)
 *   SET_FILTER      frames may be given to the VPort or queue as soon as the request has begun; having done so the
 *                   driver must succeed it
 *   CLEAR_FILTER    after completing the clear of the last filter, no frame may be indicated on the VPort or queue
 *                   (the default ones excepted)
 *   MOVE_FILTER     one step: each frame meets the filter on the source or on the destination, never on both or none
 *   DELETE_VPORT    no frame may be indicated for it, and every one that is out has come back, before it is completed
 *   RESET_VF        the VF is quiet when it is completed: no frame moves, no interrupt is pending, until its driver has
 *                   set it up again; no other VF and not the PF may notice
 *   VF_POWER_STATE  out of D0 no frame moves; the VPort stays active, so frames for it go nowhere else
 *   FREE_QUEUE      stop DMA, then up->indicate(NDIS_STATUS_RECEIVE_QUEUE_STATE, DmaStopped), then wait for frames
 *                   that are out, then complete
 *   a filter on a deactivated VPort or an uncompleted queue is recorded but claims nothing (spec/70 Q29)
 */
#ifndef VMQ_MINIPORT_MINIPORT_H
#define VMQ_MINIPORT_MINIPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <vmq/ndis.h>

#include "base/err.h"

struct ndis_adapter; /* the keeper's handle; opaque to drivers */

/* ---- configuration ---- */

#define MINIPORT_NUM_VFS_ALL 0xFFFFu /* *NumVFs is not given: as many VFs as the adapter has */

/*
 * The standardized keywords (spec/60-config-and-migration.md §1). X(member, keyword, default, lowest, highest).
 * The defaults are those of an absent keyword.
 */
#define MINIPORT_KEYWORDS(X)                                                            \
	X(vmq, "*VMQ", 1, 0, 1)                                                         \
	X(vmq_vlan_filtering, "*VMQVlanFiltering", 1, 0, 1)                             \
	X(vmq_lookahead_split, "*VMQLookaheadSplit", 1, 0, 1)                           \
	X(rss_or_vmq_preference, "*RssOrVmqPreference", 0, 0, 1)                        \
	X(sriov, "*SRIOV", 1, 0, 1)                                                     \
	X(sriov_preferred, "*SriovPreferred", 0, 0, 1)                                  \
	X(num_vfs, "*NumVFs", MINIPORT_NUM_VFS_ALL, 0, 65534)                           \
	X(rss_on_host_vports, "*RssOnHostVPorts", 1, 0, 1)                              \
	X(rss, "*RSS", 1, 0, 1)

struct miniport_keywords {
#define MINIPORT_KEYWORD_MEMBER(member, keyword, dflt, lowest, highest) uint32_t member;
	MINIPORT_KEYWORDS(MINIPORT_KEYWORD_MEMBER)
#undef MINIPORT_KEYWORD_MEMBER
};

/* Which interface is enabled (spec/60 §2). */
enum miniport_mode {
	MINIPORT_MODE_NONE,  /* neither */
	MINIPORT_MODE_RSS,   /* RSS on the bare adapter; no queues, no switch */
	MINIPORT_MODE_VMQ,   /* VM queues; with NIC_SWITCH_WITHOUT_IOV a switch instead, whichever comes first */
	MINIPORT_MODE_SRIOV, /* NIC switch with VPorts on the PF and VFs; NumQueues is 0 */
};

/* ---- initialize ---- */

struct miniport_init {
	struct ndis_adapter *adapter;            /* pass it to every call of `up` */
	const struct miniport_up *up;            /* valid until halt returns */
	const struct miniport_keywords *keywords;/* valid until halt returns */
	enum miniport_mode mode;
};

/*
 * What the adapter can do. Hardware: all of it, whatever the configuration; current: what is on. NULL: the feature is
 * not there (hardware) or off (current). The keeper copies everything. It refuses to start when
 *   a current pointer is set and its hardware pointer is not, or an SR-IOV pointer without a switch pointer;
 *   a header has the wrong type, revision or size. Right are NDIS_OBJECT_TYPE_DEFAULT, filters revision 2, switch 2 or
 *   3, SR-IOV 1; NDIS_OBJECT_TYPE_RSS_CAPABILITIES revision 2;
 *   filters: SupportedQueueProperties lacks MSI_X, VM_QUEUE, DYNAMIC_PROCESSOR_AFFINITY_CHANGE or
 *   INTERRUPT_VECTOR_COALESCING, or has LOOKAHEAD_SPLIT; the test Equal on the MAC header's destination address is not
 *   there; MaxMacHeaderFilters is 0, below NumQueues or above 2^24; NumQueues is above 65,534; of current ones
 *   VMQ_FILTERS_ENABLED is missing, or VM_QUEUES_ENABLED and NumQueues do not go together; packet coalescing with less than 5
 *   tests a filter or 10 filters, but some;
 *   SR-IOV: SRIOV_SUPPORTED is missing;
 *   switch: MaxNumSwitches is not 1; NumTotalMacAddresses, NumMacAddressesPerPort or NumVlansPerPort is not 0;
 *   MaxNumVPorts is not MaxNumVFs + 1 … 65,535; MaxNumQueuePairs or MaxNumMacAddresses is below MaxNumVPorts;
 *   MaxNumQueuePairsPerNonDefaultVPort is no power of 2; some but not all of the RSS_PER_PF_VPORT_HASH flags are set;
 *   RSS_ON_PF_VPORTS without revision 3, SINGLE_VPORT_POOL and RSS_PER_PF_VPORT_INDIRECTION_TABLE, or with a
 *   MaxNumQueuePairsForDefaultVPort that is no power of 2 or a MaxNumRssCapableNonDefaultPFVPorts of 0 (spec/50-scaling.md
 *   §6, §7);
 *   the mode is not MINIPORT_MODE_SRIOV and current SR-IOV is set; mode VMQ or SRIOV and current filters are NULL;
 *   NumQueues is not 0 with SR-IOV.
 */
struct miniport_attributes {
	const NDIS_RECEIVE_FILTER_CAPABILITIES *hardware_filter, *current_filter;
	const NDIS_NIC_SWITCH_CAPABILITIES *hardware_switch, *current_switch;
	const NDIS_SRIOV_CAPABILITIES *hardware_sriov, *current_sriov;
	const NDIS_RECEIVE_SCALE_CAPABILITIES *rss; /* VMMQ: what OID_GEN_RECEIVE_SCALE_CAPABILITIES answers */
	/* Of one VPort or VM queue, which revision 2 of the capabilities has no members for: filters for unicast
	 * addresses, and different VLAN ids. 0: no limit of its own. The keeper holds them. */
	uint32_t mac_addresses_per_target, vlans_per_target;
};

/* ---- what the driver implements ---- */

struct miniport_ops {
	const char *name;
	/* Fills `out` (what it points to stays until initialize's caller has returned). 0, or -errno with the sentence;
	 * then no other function is called. */
	int (*initialize)(void *ctx, const struct miniport_init *init, struct miniport_attributes *out,
			  struct vmq_err *err);
	/* Handles one request; NDIS_STATUS_PENDING when up->complete will follow. `err` is valid during the call. */
	NDIS_STATUS (*oid_request)(void *ctx, NDIS_OID_REQUEST *req, struct vmq_err *err);
	/* Completes the pending request now, within the call: somebody waits who cannot be told later. NULL for a
	 * driver that never pends. What it cannot complete is answered with NDIS_STATUS_FAILURE; the change may still
	 * come. */
	void (*flush)(void *ctx);
	/* Stops the hardware and starts it again with the same objects. A pending request is completed within the
	 * call, with NDIS_STATUS_REQUEST_ABORTED or what it came to. 0 or -errno. NULL: nothing to reset. */
	int (*reset)(void *ctx, struct vmq_err *err);
	/* The end: nothing is left but what the driver refused to give back, and nothing may be called afterwards. */
	void (*halt)(void *ctx);
};

/* ---- what the driver may call ---- */

struct miniport_up {
	/* Completes the pending request `req` with a status that is not PENDING. `sentence` may be NULL; it is copied.
	 * The buffer must not be touched afterwards. The keeper may start the next request before this returns. */
	void (*complete)(struct ndis_adapter *a, NDIS_OID_REQUEST *req, NDIS_STATUS status, const char *sentence);
	/* A status indication: one of NDIS_INDICATION_TABLE with the buffer spec/10-oids.md §8 names (copied). A bad one
	 * is counted as a fault and goes nowhere. Capability changes are checked like at initialize. */
	void (*indicate)(struct ndis_adapter *a, NDIS_STATUS code, const void *buf, uint32_t len);
	/* Configuration blocks of a VF have changed: bit i for block i. Masks are collected until somebody was told.
	 * NDIS_STATUS_INVALID_PARAMETER: no such VF is allocated. */
	NDIS_STATUS (*invalidate_config_block)(struct ndis_adapter *a, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 block_mask);
	/* Turns virtualization on with NumVFs, or off with 0 (NdisMEnableVirtualization). NDIS_STATUS_SUCCESS;
	 * NOT_SUPPORTED: no SR-IOV; INVALID_PARAMETER: off with num_vfs not 0, a migration flag, or more VFs than the
	 * capabilities say; FAILURE: on already. */
	NDIS_STATUS (*enable_virtualization)(struct ndis_adapter *a, USHORT num_vfs, BOOLEAN vf_migration,
					     BOOLEAN migration_interrupt, BOOLEAN enable);
};

#endif
