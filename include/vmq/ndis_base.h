/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NDIS contract, part 1: scalar types, the common header, the request, and the tables of OIDs, statuses and
 * status indications (spec/10-oids.md §1, §3, §8, spec/20-structures.md §1 to §3, §9). Include <vmq/ndis.h>.
 */
#ifndef VMQ_NDIS_BASE_H
#define VMQ_NDIS_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#error "vmq/ndis.h is a C header"
#endif

typedef uint8_t UCHAR;
typedef uint8_t BOOLEAN;
typedef uint16_t USHORT;
typedef uint16_t WCHAR; /* a UTF-16 unit; not wchar_t */
typedef uint32_t ULONG;
typedef uint32_t UINT;
typedef int32_t LONG;
typedef uint64_t ULONG64;
typedef uint64_t ULONG_PTR;
typedef void *PVOID;
typedef void *NDIS_HANDLE;
typedef int32_t NDIS_STATUS; /* test for == NDIS_STATUS_SUCCESS, never for sign */
typedef ULONG NDIS_OID;
typedef ULONG NDIS_PORT_NUMBER;

typedef ULONG NDIS_NIC_SWITCH_ID;
typedef ULONG NDIS_NIC_SWITCH_VPORT_ID;
typedef ULONG NDIS_RECEIVE_QUEUE_ID;
typedef ULONG NDIS_RECEIVE_QUEUE_GROUP_ID;
typedef ULONG NDIS_RECEIVE_FILTER_ID;
typedef ULONG NDIS_VF_RID;
typedef USHORT NDIS_SRIOV_FUNCTION_ID;

/* Bytes of `type` up to and with `member`: the NDIS_SIZEOF_…_REVISION_n constants are made of it. Not always sizeof. */
#define NDIS_SIZEOF_THROUGH(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

#define NDIS_DEFAULT_SWITCH_ID              0
#define NDIS_INVALID_SWITCH_ID              ((ULONG)0xFFFFFFFF)
#define NDIS_DEFAULT_VPORT_ID               0
#define NDIS_DEFAULT_RECEIVE_QUEUE_ID       0
#define NDIS_DEFAULT_RECEIVE_QUEUE_GROUP_ID 0
#define NDIS_DEFAULT_RECEIVE_FILTER_ID      0
#define NDIS_PF_FUNCTION_ID                 ((USHORT)0xFFFF) /* as AttachedFunctionId: the PF */
#define NDIS_INVALID_VF_FUNCTION_ID         ((USHORT)0xFFFF) /* as VFId: none (the same number: spec/70 Q17) */
#define NDIS_INVALID_RID                    ((ULONG)0xFFFFFFFF)
#define NDIS_MAX_PHYS_ADDRESS_LENGTH        32
#define NDIS_IF_MAX_STRING_SIZE             256 /* UTF-16 units, without the terminator */
#define PCI_TYPE0_ADDRESSES                 6

/* Segment, bus and device/function byte as a requester id (spec/70 Q19); opaque to all but who makes it. */
#define NDIS_MAKE_RID(segment, bus, function) \
	(((ULONG)(segment) << 16) | (((ULONG)(bus) & 0xFF) << 8) | ((ULONG)(function) & 0xFF))

/* ---- the common header ---- */

typedef struct _NDIS_OBJECT_HEADER {
	UCHAR Type;     /* NDIS_OBJECT_TYPE_… */
	UCHAR Revision; /* 1 …; a later revision only appends members */
	USHORT Size;    /* bytes, at least NDIS_SIZEOF_… of the revision */
} NDIS_OBJECT_HEADER;

#define NDIS_OBJECT_TYPE_DEFAULT                                     0x80
#define NDIS_OBJECT_TYPE_RSS_CAPABILITIES                            0x88
#define NDIS_OBJECT_TYPE_RSS_PARAMETERS                              0x89
#define NDIS_OBJECT_TYPE_OID_REQUEST                                 0x96
#define NDIS_OBJECT_TYPE_STATUS_INDICATION                           0x98
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES 0xAF
#define NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS      0xB0
#define NDIS_OBJECT_TYPE_RSS_PROCESSOR_INFO                          0xB1
#define NDIS_OBJECT_TYPE_RSS_PARAMETERS_V2                           0xC8
#define NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES                 0xC9

/* ---- compound scalars ---- */

typedef struct _NDIS_IF_COUNTED_STRING {
	USHORT Length; /* bytes used of String, without a terminator: even, at most 512 */
	WCHAR String[NDIS_IF_MAX_STRING_SIZE + 1];
} NDIS_IF_COUNTED_STRING;

typedef NDIS_IF_COUNTED_STRING NDIS_VM_NAME;
typedef NDIS_IF_COUNTED_STRING NDIS_VM_FRIENDLYNAME;
typedef NDIS_IF_COUNTED_STRING NDIS_QUEUE_NAME;
typedef NDIS_IF_COUNTED_STRING NDIS_VPORT_NAME;
typedef NDIS_IF_COUNTED_STRING NDIS_NIC_SWITCH_FRIENDLYNAME;
typedef NDIS_IF_COUNTED_STRING NDIS_SWITCH_NIC_NAME;

/* CPUs of one group of 64; here CPU n is bit n % 64 of group n / 64. */
typedef struct _GROUP_AFFINITY {
	ULONG_PTR Mask;
	USHORT Group;
	USHORT Reserved[3];
} GROUP_AFFINITY;

typedef struct _PROCESSOR_NUMBER {
	USHORT Group;
	UCHAR Number;
	UCHAR Reserved;
} PROCESSOR_NUMBER;

typedef struct _LUID {
	ULONG LowPart;
	LONG HighPart;
} LUID;

_Static_assert(sizeof(NDIS_OBJECT_HEADER) == 4, "spec/20 §1");
_Static_assert(sizeof(NDIS_IF_COUNTED_STRING) == 516 && _Alignof(NDIS_IF_COUNTED_STRING) == 2, "spec/20 §2");
_Static_assert(sizeof(GROUP_AFFINITY) == 16 && offsetof(GROUP_AFFINITY, Group) == 8, "spec/20 §2");
_Static_assert(sizeof(PROCESSOR_NUMBER) == 4 && sizeof(LUID) == 8, "spec/20 §2");

/* ---- the request ---- */

typedef enum _NDIS_REQUEST_TYPE {
	NdisRequestQueryInformation = 0,
	NdisRequestSetInformation = 1,
	NdisRequestQueryStatistics = 2, /* a query from user mode */
	NdisRequestMethod = 12,
} NDIS_REQUEST_TYPE;

/*
 * One request. RequestType says which member of DATA counts. The buffers are the requester's and must stay until the
 * request is completed. With NDIS_STATUS_INVALID_LENGTH, BytesNeeded of that member holds the length that would do;
 * with NDIS_STATUS_SUCCESS, BytesRead and BytesWritten hold what was used; otherwise these three mean nothing.
 * The order of members is the documented one; the layout as a whole is this header's own.
 */
typedef struct _NDIS_OID_REQUEST {
	NDIS_OBJECT_HEADER Header; /* type NDIS_OBJECT_TYPE_OID_REQUEST */
	NDIS_REQUEST_TYPE RequestType;
	NDIS_PORT_NUMBER PortNumber; /* 0 */
	UINT Timeout;                /* seconds; not used here */
	PVOID RequestId;             /* the requester's */
	NDIS_HANDLE RequestHandle;   /* the requester's */
	union _REQUEST_DATA {
		struct _QUERY {
			NDIS_OID Oid;
			PVOID InformationBuffer;
			UINT InformationBufferLength;
			UINT BytesWritten;
			UINT BytesNeeded;
		} QUERY_INFORMATION;
		struct _SET {
			NDIS_OID Oid;
			PVOID InformationBuffer;
			UINT InformationBufferLength;
			UINT BytesRead;
			UINT BytesNeeded;
		} SET_INFORMATION;
		struct _METHOD {
			NDIS_OID Oid;
			PVOID InformationBuffer; /* in and out */
			ULONG InputBufferLength;
			ULONG OutputBufferLength;
			ULONG MethodId; /* 0 */
			UINT BytesWritten;
			UINT BytesRead;
			UINT BytesNeeded;
		} METHOD_INFORMATION;
	} DATA;
	PVOID NdisReserved[16];
	PVOID MiniportReserved[2]; /* a driver's own, while it has the request */
	PVOID SourceReserved[2];   /* the requester's own */
	UCHAR SupportedRevision;   /* after a successful set: the structure revision that was understood */
	UCHAR Reserved1;
	USHORT Reserved2;
	NDIS_NIC_SWITCH_ID SwitchId;      /* revision 2 */
	NDIS_NIC_SWITCH_VPORT_ID VPortId; /* revision 2: counts with NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID */
	ULONG Flags;                      /* revision 2 */
} NDIS_OID_REQUEST;

#define NDIS_OID_REQUEST_REVISION_1           1
#define NDIS_OID_REQUEST_REVISION_2           2
#define NDIS_SIZEOF_OID_REQUEST_REVISION_1    NDIS_SIZEOF_THROUGH(NDIS_OID_REQUEST, Reserved2)
#define NDIS_SIZEOF_OID_REQUEST_REVISION_2    NDIS_SIZEOF_THROUGH(NDIS_OID_REQUEST, Flags)
#define NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID 0x00000001

/* ---- OIDs ---- */

/* X(name, value). After …39 comes …40, after …49 …50: the numbers are not consecutive hexadecimal. New rows come last:
 * tests/fuzz/seeds name a request by its place. */
#define NDIS_OID_TABLE(X)                                              \
	X(OID_GEN_RECEIVE_SCALE_CAPABILITIES, 0x00010203)              \
	X(OID_GEN_RECEIVE_SCALE_PARAMETERS, 0x00010204)                \
	X(OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, 0x00010214)             \
	X(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 0x00010221)        \
	X(OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, 0x00010222)            \
	X(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, 0x00010223)               \
	X(OID_RECEIVE_FILTER_FREE_QUEUE, 0x00010224)                   \
	X(OID_RECEIVE_FILTER_ENUM_QUEUES, 0x00010225)                  \
	X(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, 0x00010226)             \
	X(OID_RECEIVE_FILTER_SET_FILTER, 0x00010227)                   \
	X(OID_RECEIVE_FILTER_CLEAR_FILTER, 0x00010228)                 \
	X(OID_RECEIVE_FILTER_ENUM_FILTERS, 0x00010229)                 \
	X(OID_RECEIVE_FILTER_PARAMETERS, 0x0001022A)                   \
	X(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, 0x0001022B)    \
	X(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 0x0001022D)         \
	X(OID_NIC_SWITCH_HARDWARE_CAPABILITIES, 0x0001022E)            \
	X(OID_NIC_SWITCH_CURRENT_CAPABILITIES, 0x0001022F)             \
	X(OID_RECEIVE_FILTER_MOVE_FILTER, 0x00010230)                  \
	X(OID_NIC_SWITCH_CREATE_SWITCH, 0x00010237)                    \
	X(OID_NIC_SWITCH_PARAMETERS, 0x00010238)                       \
	X(OID_NIC_SWITCH_DELETE_SWITCH, 0x00010239)                    \
	X(OID_NIC_SWITCH_ENUM_SWITCHES, 0x00010240)                    \
	X(OID_NIC_SWITCH_CREATE_VPORT, 0x00010241)                     \
	X(OID_NIC_SWITCH_VPORT_PARAMETERS, 0x00010242)                 \
	X(OID_NIC_SWITCH_ENUM_VPORTS, 0x00010243)                      \
	X(OID_NIC_SWITCH_DELETE_VPORT, 0x00010244)                     \
	X(OID_NIC_SWITCH_ALLOCATE_VF, 0x00010245)                      \
	X(OID_NIC_SWITCH_FREE_VF, 0x00010246)                          \
	X(OID_NIC_SWITCH_VF_PARAMETERS, 0x00010247)                    \
	X(OID_NIC_SWITCH_ENUM_VFS, 0x00010248)                         \
	X(OID_SRIOV_HARDWARE_CAPABILITIES, 0x00010249)                 \
	X(OID_SRIOV_CURRENT_CAPABILITIES, 0x00010250)                  \
	X(OID_SRIOV_READ_VF_CONFIG_SPACE, 0x00010251)                  \
	X(OID_SRIOV_WRITE_VF_CONFIG_SPACE, 0x00010252)                 \
	X(OID_SRIOV_READ_VF_CONFIG_BLOCK, 0x00010253)                  \
	X(OID_SRIOV_WRITE_VF_CONFIG_BLOCK, 0x00010254)                 \
	X(OID_SRIOV_RESET_VF, 0x00010255)                              \
	X(OID_SRIOV_SET_VF_POWER_STATE, 0x00010256)                    \
	X(OID_SRIOV_VF_VENDOR_DEVICE_ID, 0x00010257)                   \
	X(OID_SRIOV_PROBED_BARS, 0x00010258)                           \
	X(OID_SRIOV_BAR_RESOURCES, 0x00010259)                         \
	X(OID_SRIOV_PF_LUID, 0x00010260)                               \
	X(OID_SRIOV_CONFIG_STATE, 0x00010261)                          \
	X(OID_SRIOV_VF_SERIAL_NUMBER, 0x00010262)                      \
	X(OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, 0x00010269)            \
	X(OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, 0x000102C0)       \
	X(OID_PACKET_COALESCING_FILTER_MATCH_COUNT, 0x00010235)

#define NDIS_X_ENUM(name, value) name = (int32_t)(value),
enum { NDIS_OID_TABLE(NDIS_X_ENUM) };

/* ---- statuses ---- */

/* X(name, value) */
#define NDIS_STATUS_TABLE(X)                              \
	X(NDIS_STATUS_SUCCESS, 0x00000000)                \
	X(NDIS_STATUS_PENDING, 0x00000103)                \
	X(NDIS_STATUS_NOT_RECOGNIZED, 0x00010001)         \
	X(NDIS_STATUS_NOT_ACCEPTED, 0x00010003)           \
	X(NDIS_STATUS_INDICATION_REQUIRED, 0x40230001)    \
	X(NDIS_STATUS_FAILURE, 0xC0000001)                \
	X(NDIS_STATUS_INVALID_PARAMETER, 0xC000000D)      \
	X(NDIS_STATUS_RESOURCES, 0xC000009A)              \
	X(NDIS_STATUS_NOT_SUPPORTED, 0xC00000BB)          \
	X(NDIS_STATUS_INVALID_STATE, 0xC0000184)          \
	X(NDIS_STATUS_ADAPTER_NOT_FOUND, 0xC0010006)      \
	X(NDIS_STATUS_REQUEST_ABORTED, 0xC001000C)        \
	X(NDIS_STATUS_RESET_IN_PROGRESS, 0xC001000D)      \
	X(NDIS_STATUS_ADAPTER_NOT_READY, 0xC0010011)      \
	X(NDIS_STATUS_INVALID_LENGTH, 0xC0010014)         \
	X(NDIS_STATUS_INVALID_DATA, 0xC0010015)           \
	X(NDIS_STATUS_BUFFER_TOO_SHORT, 0xC0010016)       \
	X(NDIS_STATUS_INVALID_OID, 0xC0010017)            \
	X(NDIS_STATUS_ADAPTER_REMOVED, 0xC0010018)        \
	X(NDIS_STATUS_FILE_NOT_FOUND, 0xC001001B)         \
	X(NDIS_STATUS_SEND_ABORTED, 0xC023000C)           \
	X(NDIS_STATUS_PAUSED, 0xC023002A)                 \
	X(NDIS_STATUS_UNSUPPORTED_REVISION, 0xC023002C)   \
	X(NDIS_STATUS_INVALID_PORT, 0xC023002D)           \
	X(NDIS_STATUS_INVALID_PORT_STATE, 0xC023002E)     \
	X(NDIS_STATUS_LOW_POWER_STATE, 0xC023002F)        \
	X(NDIS_STATUS_REINIT_REQUIRED, 0xC0230030)        \
	X(NDIS_STATUS_NO_QUEUES, 0xC0230031)

enum { NDIS_STATUS_TABLE(NDIS_X_ENUM) };

/* Status indications, from the adapter up. X(name, value) */
#define NDIS_INDICATION_TABLE(X)                                          \
	X(NDIS_STATUS_RECEIVE_QUEUE_STATE, 0x4002000D)                    \
	X(NDIS_STATUS_VF_CONFIG_STATE, 0x4002000E)                        \
	X(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, 0x40020010)    \
	X(NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 0x40020020)   \
	X(NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, 0x40020030)        \
	X(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, 0x40020040)        \
	X(NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES, 0x40020050)       \
	X(NDIS_STATUS_RECEIVE_FILTER_QUEUE_STATE_CHANGE, 0x40020070)

enum { NDIS_INDICATION_TABLE(NDIS_X_ENUM) };

#endif
