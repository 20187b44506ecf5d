/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NDIS contract, part 6: what travels beside frames, shared memory, and the flags of the data path's calls
 * (spec/20-structures.md §3, §4, §9). No request carries these; here for whoever writes a driver or a stack against
 * this header. Include <vmq/ndis.h>.
 */
#ifndef VMQ_NDIS_DATA_H
#define VMQ_NDIS_DATA_H

#include <vmq/ndis_base.h>

typedef enum _NDIS_SHARED_MEMORY_USAGE {
	NdisSharedMemoryUsageUndefined,
	NdisSharedMemoryUsageXmit,
	NdisSharedMemoryUsageXmitHeader,
	NdisSharedMemoryUsageXmitData,
	NdisSharedMemoryUsageReceive,
	NdisSharedMemoryUsageReceiveLookahead,
	NdisSharedMemoryUsageReceivePostLookahead,
	NdisSharedMemoryUsageReceiveHeader,
	NdisSharedMemoryUsageReceiveData,
	NdisSharedMemoryUsageOther,
	NdisSharedMemoryUsageMaximum,
} NDIS_SHARED_MEMORY_USAGE;

/* ReceiveFlags of a receive indication */
#define NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL           0x00000001
#define NDIS_RECEIVE_FLAGS_RESOURCES                0x00000002
#define NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE        0x00000100
#define NDIS_RECEIVE_FLAGS_SINGLE_VLAN              0x00000200
#define NDIS_RECEIVE_FLAGS_PERFECT_FILTERED         0x00000400
#define NDIS_RECEIVE_FLAGS_SINGLE_QUEUE             0x00000800 /* all of one queue or VPort */
#define NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID 0x00001000
#define NDIS_RECEIVE_FLAGS_MORE_NBLS                0x00002000

/* ReturnFlags, SendFlags, SendCompleteFlags */
#define NDIS_RETURN_FLAGS_DISPATCH_LEVEL        0x00000001
#define NDIS_RETURN_FLAGS_SINGLE_QUEUE          0x00000002
#define NDIS_SEND_FLAGS_DISPATCH_LEVEL          0x00000001
#define NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK      0x00000002
#define NDIS_SEND_FLAGS_SINGLE_QUEUE            0x00000004
#define NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL 0x00000001
#define NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE   0x00000002

/* Beside a frame: the filter and the queue or VPort it came through. Ids are cut to 16 bits (spec/70 Q20). */
typedef union _NDIS_NET_BUFFER_LIST_FILTERING_INFO {
	struct {
		USHORT FilterId; /* 0 since 6.20 */
		union {
			USHORT QueueId; /* VMQ */
			USHORT VPortId; /* NIC switch */
		} QueueVPortInfo;
	} FilteringInfo;
	PVOID Value;
} NDIS_NET_BUFFER_LIST_FILTERING_INFO;

/* Beside a frame: its tag, taken off or to be put on. Value 0: none. */
typedef union _NDIS_NET_BUFFER_LIST_8021Q_INFO {
	struct {
		UINT UserPriority : 3;
		UINT CanonicalFormatId : 1; /* 0 */
		UINT VlanId : 12;
		UINT Reserved : 16;
	} TagHeader;
	PVOID Value;
} NDIS_NET_BUFFER_LIST_8021Q_INFO;

_Static_assert(sizeof(NDIS_NET_BUFFER_LIST_FILTERING_INFO) == 8, "spec/20 §9");
_Static_assert(offsetof(NDIS_NET_BUFFER_LIST_FILTERING_INFO, FilteringInfo.QueueVPortInfo) == 2, "spec/20 §9");
_Static_assert(sizeof(NDIS_NET_BUFFER_LIST_8021Q_INFO) == 8, "spec/20 §9");

/* Where a frame lies in memory shared with a VM: a list that ends with NULL. */
typedef struct _NET_BUFFER_SHARED_MEMORY {
	struct _NET_BUFFER_SHARED_MEMORY *NextSharedMemorySegment;
	ULONG SharedMemoryFlags; /* reserved */
	NDIS_HANDLE SharedMemoryHandle;
	ULONG SharedMemoryOffset;
	ULONG SharedMemoryLength;
} NET_BUFFER_SHARED_MEMORY;

_Static_assert(sizeof(NET_BUFFER_SHARED_MEMORY) == 32, "spec/20 §9");

/* A driver asks for memory that a queue or VPort receives into. */
typedef struct _NDIS_SHARED_MEMORY_PARAMETERS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_ID QueueId; /* 0 with VPorts */
	NDIS_HANDLE SharedMemoryHandle; /* out */
	ULONG PreferredNode;
	NDIS_SHARED_MEMORY_USAGE Usage;
	ULONG Length; /* bytes */
	PVOID VirtualAddress; /* out */
	ULONG SGListBufferLength; /* bytes */
	PVOID SGListBuffer; /* out */
	NDIS_NIC_SWITCH_VPORT_ID VPortId; /* revision 2: a nondefault VPort on the PF, or 0 */
} NDIS_SHARED_MEMORY_PARAMETERS;

#define NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1 1
#define NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2 2
#define NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1 \
	NDIS_SIZEOF_THROUGH(NDIS_SHARED_MEMORY_PARAMETERS, SGListBuffer)
#define NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2 NDIS_SIZEOF_THROUGH(NDIS_SHARED_MEMORY_PARAMETERS, VPortId)
_Static_assert(sizeof(NDIS_SHARED_MEMORY_PARAMETERS) == 72, "spec/20 §9");

#endif
