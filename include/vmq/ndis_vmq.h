/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of this project's own software adapter (src/miniport/softnic), for what the contract leaves open. Their
 * numbers lie in 0xFF000000 … 0xFFFFFFFF, the range a driver's maker may use; the contract's keeper passes them to
 * the driver unchecked except for the length (VMQ_VENDOR_OID_MAX_LENGTH), and the driver checks them.
 */
#ifndef VMQ_NDIS_VMQ_H
#define VMQ_NDIS_VMQ_H

#include <vmq/ndis_base.h>

#define VMQ_IS_VENDOR_OID(oid)    (((oid) & 0xFF000000u) == 0xFF000000u)
#define VMQ_VENDOR_OID_MAX_LENGTH 65536u /* bytes, each way */

/*
 * OID_VMQ_VPORT_POLICY, set: a VPort's policies. Structure: VMQ_VPORT_POLICY.
 * NDIS_STATUS_SUCCESS; INVALID_LENGTH (BytesNeeded set); INVALID_PARAMETER: bad header, unknown VPort or policy bit.
 * method: VPortId in, Policies out.
 */
#define OID_VMQ_VPORT_POLICY 0xFF010101u

typedef struct _VMQ_VPORT_POLICY {
	NDIS_OBJECT_HEADER Header; /* type NDIS_OBJECT_TYPE_DEFAULT, revision VMQ_VPORT_POLICY_REVISION_1 */
	NDIS_NIC_SWITCH_VPORT_ID VPortId;
	ULONG Policies; /* VMQ_VPORT_POLICY_… */
} VMQ_VPORT_POLICY;

#define VMQ_VPORT_POLICY_REVISION_1        1
#define VMQ_SIZEOF_VPORT_POLICY_REVISION_1 NDIS_SIZEOF_THROUGH(VMQ_VPORT_POLICY, Policies)

#define VMQ_VPORT_POLICY_SOURCE_CHECK  0x00000001 /* drop what is sent from an address no filter of the VPort holds */
#define VMQ_VPORT_POLICY_VLAN_CHECK    0x00000002 /* drop what is sent tagged for a VLAN that is not the VPort's */
#define VMQ_VPORT_POLICY_ALL_MULTICAST 0x00000004 /* every group frame of the VPort's VLANs */
#define VMQ_VPORT_POLICY_TRUNK         0x00000008 /* the VM sees VLAN tags in its frames and sends its own */
#define VMQ_VPORT_POLICY_MASK          0x0000000F

/*
 * OID_VMQ_VF_CPUS, set: which workers serve the queue pairs of a VPort on a VF. The contract has no affinity for such a
 * VPort, because a VF interrupts its guest's CPUs; of the software adapter a worker must do its work. Structure:
 * VMQ_VF_CPUS. Queue pair k is on Cpu[k modulo NumCpus]; what the VPort receives is spread over all pairs that its VM
 * has enabled. A new VPort's pairs are spread over the workers, beginning with the VFId-th.
 * NDIS_STATUS_SUCCESS; INVALID_LENGTH (BytesNeeded set); INVALID_PARAMETER: bad header, no such VPort or not on a VF,
 * NumCpus 0 or more than the VPort's queue pairs, a CPU without a worker or twice.
 * method: VPortId in, NumCpus and Cpu out.
 */
#define OID_VMQ_VF_CPUS 0xFF010102u

#define VMQ_VF_MAX_CPUS 16

typedef struct _VMQ_VF_CPUS {
	NDIS_OBJECT_HEADER Header; /* type NDIS_OBJECT_TYPE_DEFAULT, revision VMQ_VF_CPUS_REVISION_1 */
	NDIS_NIC_SWITCH_VPORT_ID VPortId;
	ULONG NumCpus;               /* 1 … VMQ_VF_MAX_CPUS */
	USHORT Cpu[VMQ_VF_MAX_CPUS]; /* host CPU numbers */
} VMQ_VF_CPUS;

#define VMQ_VF_CPUS_REVISION_1        1
#define VMQ_SIZEOF_VF_CPUS_REVISION_1 NDIS_SIZEOF_THROUGH(VMQ_VF_CPUS, Cpu)

/*
 * OID_VMQ_VPORT_TUNING, set: a VPort's rate limits, and numbers for its interrupt moderation instead of its level's
 * (spec/50-scaling.md §3). Structure: VMQ_VPORT_TUNING. Takes effect under traffic; a limit that changes begins with its
 * burst. NDIS_STATUS_SUCCESS; INVALID_LENGTH (BytesNeeded set); INVALID_PARAMETER: bad header, unknown VPort, a number
 * beyond its range, a rate for the default VPort.
 * method: VPortId in, the rest out.
 */
#define OID_VMQ_VPORT_TUNING 0xFF010103u

/* Rates: 0 is no limit. Bursts are what may pass at once: 0 is what passes in 10 ms, at least 64 frames (group frames:
 * 1,000) or 65,536 bytes. Both at most 10^12. */
typedef struct _VMQ_VPORT_TUNING {
	NDIS_OBJECT_HEADER Header; /* type NDIS_OBJECT_TYPE_DEFAULT, revision VMQ_VPORT_TUNING_REVISION_1 */
	NDIS_NIC_SWITCH_VPORT_ID VPortId;
	ULONG64 MaxTxBytesPerSecond; /* sent through the VPort; more waits in its rings */
	ULONG64 TxBurstBytes;
	ULONG64 MaxTxFramesPerSecond;
	ULONG64 TxBurstFrames;
	ULONG64 MaxRxBytesPerSecond; /* delivered to it; more is dropped */
	ULONG64 RxBurstBytes;
	ULONG64 MaxRxFramesPerSecond;
	ULONG64 RxBurstFrames;
	ULONG64 MaxGroupFramesPerSecond; /* broadcast and multicast frames sent through it; more are dropped */
	ULONG64 GroupBurstFrames;
	ULONG ModerationMicroseconds; /* 0: the level's; at most 10,000 */
	ULONG ModerationFrames;       /* 0: as many as a level has for so long a time; at most 32,768, and only beside the above */
} VMQ_VPORT_TUNING;

/* X(rate, burst, what both are of): for those who copy them to and from structures of their own. */
#define VMQ_VPORT_TUNING_RATES(X)                                                                                         \
	X(MaxTxBytesPerSecond, TxBurstBytes, tx_bytes)                                                                 \
	X(MaxTxFramesPerSecond, TxBurstFrames, tx_frames)                                                              \
	X(MaxRxBytesPerSecond, RxBurstBytes, rx_bytes)                                                                 \
	X(MaxRxFramesPerSecond, RxBurstFrames, rx_frames)                                                              \
	X(MaxGroupFramesPerSecond, GroupBurstFrames, group_frames)

#define VMQ_VPORT_TUNING_REVISION_1        1
#define VMQ_SIZEOF_VPORT_TUNING_REVISION_1 NDIS_SIZEOF_THROUGH(VMQ_VPORT_TUNING, ModerationFrames)

#endif
