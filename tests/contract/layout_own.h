/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What mingw-w64's headers do not have: names that came after NDIS 6.30, with the numbers spec/20-structures.md,
 * spec/10-oids.md and spec/50-scaling.md give. S(structure, size), M(structure, member, offset, size), C(constant, value).
 */

#define LAYOUT_OWN_STRUCTURES(S)                    \
	S(NET_BUFFER_SHARED_MEMORY, 32)             \
	S(NDIS_SHARED_MEMORY_PARAMETERS, 72)        \
	S(NDIS_RECEIVE_QUEUE_STATE, 16)             \
	S(NDIS_NIC_SWITCH_CAPABILITIES, 132)        \
	S(NDIS_NIC_SWITCH_PARAMETERS, 552)          \
	S(NDIS_RECEIVE_SCALE_PARAMETERS, 44)        \
	S(NDIS_RECEIVE_SCALE_PARAMETERS_V2, 28)     \
	S(NDIS_RSS_SET_INDIRECTION_ENTRIES, 20)     \
	S(NDIS_RSS_SET_INDIRECTION_ENTRY, 24)

#define LAYOUT_OWN_MEMBERS(M)                                                                                \
	M(NET_BUFFER_SHARED_MEMORY, NextSharedMemorySegment, 0, 8) \
	M(NET_BUFFER_SHARED_MEMORY, SharedMemoryFlags, 8, 4) \
	M(NET_BUFFER_SHARED_MEMORY, SharedMemoryHandle, 16, 8) \
	M(NET_BUFFER_SHARED_MEMORY, SharedMemoryOffset, 24, 4) \
	M(NET_BUFFER_SHARED_MEMORY, SharedMemoryLength, 28, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, Header, 0, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, Flags, 4, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, QueueId, 8, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, SharedMemoryHandle, 16, 8) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, PreferredNode, 24, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, Usage, 28, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, Length, 32, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, VirtualAddress, 40, 8) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, SGListBufferLength, 48, 4) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, SGListBuffer, 56, 8) \
	M(NDIS_SHARED_MEMORY_PARAMETERS, VPortId, 64, 4) \
	M(NDIS_RECEIVE_QUEUE_PARAMETERS, QosSqId, 1092, 4)                                                   \
	M(NDIS_RECEIVE_QUEUE_STATE, Header, 0, 4)                                                            \
	M(NDIS_RECEIVE_QUEUE_STATE, Flags, 4, 4)                                                             \
	M(NDIS_RECEIVE_QUEUE_STATE, QueueId, 8, 4)                                                           \
	M(NDIS_RECEIVE_QUEUE_STATE, QueueState, 12, 4)                                                       \
	M(NDIS_NIC_SWITCH_CAPABILITIES, MaxNumRssCapableNonDefaultPFVPorts, 116, 4)                          \
	M(NDIS_NIC_SWITCH_CAPABILITIES, NumberOfIndirectionTableEntriesForDefaultVPort, 120, 4)              \
	M(NDIS_NIC_SWITCH_CAPABILITIES, NumberOfIndirectionTableEntriesPerNonDefaultPFVPort, 124, 4)         \
	M(NDIS_NIC_SWITCH_CAPABILITIES, MaxNumQueuePairsForDefaultVPort, 128, 4)                             \
	M(NDIS_NIC_SWITCH_PARAMETERS, NumQueuePairsForDefaultVPort, 548, 4)                                  \
	M(NDIS_RECEIVE_SCALE_PARAMETERS, DefaultProcessorNumber, 40, 4)                                      \
	M(NDIS_RECEIVE_SCALE_PARAMETERS_V2, Header, 0, 4)                                                    \
	M(NDIS_RECEIVE_SCALE_PARAMETERS_V2, Flags, 4, 4)                                                     \
	M(NDIS_RECEIVE_SCALE_PARAMETERS_V2, HashInformation, 8, 4)                                           \
	M(NDIS_RECEIVE_SCALE_PARAMETERS_V2, HashSecretKeySize, 12, 4)                                        \
	M(NDIS_RECEIVE_SCALE_PARAMETERS_V2, HashSecretKeyOffset, 16, 4)                                      \
	M(NDIS_RECEIVE_SCALE_PARAMETERS_V2, NumberOfQueues, 20, 4)                                           \
	M(NDIS_RECEIVE_SCALE_PARAMETERS_V2, NumberOfIndirectionTableEntries, 24, 4)                          \
	M(NDIS_RSS_SET_INDIRECTION_ENTRIES, Header, 0, 4)                                                    \
	M(NDIS_RSS_SET_INDIRECTION_ENTRIES, Flags, 4, 4)                                                     \
	M(NDIS_RSS_SET_INDIRECTION_ENTRIES, RssEntrySize, 8, 4)                                              \
	M(NDIS_RSS_SET_INDIRECTION_ENTRIES, RssEntryTableOffset, 12, 4)                                      \
	M(NDIS_RSS_SET_INDIRECTION_ENTRIES, NumberOfRssEntries, 16, 4)                                       \
	M(NDIS_RSS_SET_INDIRECTION_ENTRY, SwitchId, 0, 4)                                                    \
	M(NDIS_RSS_SET_INDIRECTION_ENTRY, VPortId, 4, 4)                                                     \
	M(NDIS_RSS_SET_INDIRECTION_ENTRY, Flags, 8, 4)                                                       \
	M(NDIS_RSS_SET_INDIRECTION_ENTRY, IndirectionTableIndex, 12, 2)                                      \
	M(NDIS_RSS_SET_INDIRECTION_ENTRY, TargetProcessorNumber, 14, 4)                                      \
	M(NDIS_RSS_SET_INDIRECTION_ENTRY, EntryStatus, 20, 4)

#define LAYOUT_OWN_CONSTANTS(C)                                                               \
	C(NdisSharedMemoryUsageUndefined, 0) \
	C(NdisSharedMemoryUsageXmit, 1) \
	C(NdisSharedMemoryUsageXmitHeader, 2) \
	C(NdisSharedMemoryUsageXmitData, 3) \
	C(NdisSharedMemoryUsageReceive, 4) \
	C(NdisSharedMemoryUsageReceiveLookahead, 5) \
	C(NdisSharedMemoryUsageReceivePostLookahead, 6) \
	C(NdisSharedMemoryUsageReceiveHeader, 7) \
	C(NdisSharedMemoryUsageReceiveData, 8) \
	C(NdisSharedMemoryUsageOther, 9) \
	C(NdisSharedMemoryUsageMaximum, 10) \
	C(NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, 0x00000001) \
	C(NDIS_RECEIVE_FLAGS_RESOURCES, 0x00000002) \
	C(NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE, 0x00000100) \
	C(NDIS_RECEIVE_FLAGS_SINGLE_VLAN, 0x00000200) \
	C(NDIS_RECEIVE_FLAGS_PERFECT_FILTERED, 0x00000400) \
	C(NDIS_RECEIVE_FLAGS_SINGLE_QUEUE, 0x00000800) \
	C(NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID, 0x00001000) \
	C(NDIS_RECEIVE_FLAGS_MORE_NBLS, 0x00002000) \
	C(NDIS_RETURN_FLAGS_DISPATCH_LEVEL, 0x00000001) \
	C(NDIS_RETURN_FLAGS_SINGLE_QUEUE, 0x00000002) \
	C(NDIS_SEND_FLAGS_DISPATCH_LEVEL, 0x00000001) \
	C(NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK, 0x00000002) \
	C(NDIS_SEND_FLAGS_SINGLE_QUEUE, 0x00000004) \
	C(NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, 0x00000001) \
	C(NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE, 0x00000002) \
	C(NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1, 1) \
	C(NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2, 2) \
	C(NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1, 64) \
	C(NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2, 68) \
	C(OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, 0x00010214)                                    \
	C(OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, 0x000102C0)                              \
	C(NDIS_STATUS_REINIT_REQUIRED, 0xC0230030)                                            \
	C(NDIS_STATUS_NO_QUEUES, 0xC0230031)                                                  \
	C(NDIS_STATUS_VF_CONFIG_STATE, 0x4002000E)                                            \
	C(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, 0x40020010)                        \
	C(NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 0x40020020)                       \
	C(NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, 0x40020030)                            \
	C(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, 0x40020040)                            \
	C(NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES, 0x40020050)                           \
	C(NDIS_STATUS_RECEIVE_FILTER_QUEUE_STATE_CHANGE, 0x40020070)                          \
	C(PCI_TYPE0_ADDRESSES, 6)                                                             \
	C(NDIS_OBJECT_TYPE_RSS_PARAMETERS_V2, 0xC8)                                           \
	C(NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES, 0xC9)                                 \
	C(NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID, 1)                                           \
	C(NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_FOR_DEFAULT_QUEUE_SUPPORTED, 0x40) \
	C(NDIS_RECEIVE_FILTER_RESERVED, 1)                                                    \
	C(NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION, 2)                                        \
	C(NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED, 0x200000)                          \
	C(NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3, 3)                                        \
	C(NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3, 1096)                              \
	C(NDIS_RECEIVE_QUEUE_STATE_REVISION_1, 1)                                             \
	C(NDIS_SIZEOF_RECEIVE_QUEUE_STATE_REVISION_1, 16)                                     \
	C(NDIS_NIC_SWITCH_CAPS_RSS_PARAMETERS_PER_PF_VPORT_SUPPORTED, 0x0020)                 \
	C(NDIS_NIC_SWITCH_CAPS_NIC_SWITCH_WITHOUT_IOV_SUPPORTED, 0x0040)                      \
	C(NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED, 0x0080)                            \
	C(NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED, 0x0100)          \
	C(NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_FUNCTION_SUPPORTED, 0x0200)              \
	C(NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_TYPE_SUPPORTED, 0x0400)                  \
	C(NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_KEY_SUPPORTED, 0x0800)                   \
	C(NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SIZE_RESTRICTED, 0x1000)    \
	C(NDIS_NIC_SWITCH_PARAMETERS_DEFAULT_NUMBER_OF_QUEUE_PAIRS_FOR_DEFAULT_VPORT, 1)      \
	C(NDIS_NIC_SWITCH_VPORT_PARAMS_PACKET_DIRECT_RX_ONLY, 2)                              \
	C(NDIS_NIC_SWITCH_VPORT_PARAMS_ENFORCE_MAX_SG_LIST, 0x8000)                           \
	C(NDIS_NIC_SWITCH_VPORT_PARAMS_NDK_PARAMS_CHANGED, 0x200000)                          \
	C(NDIS_NIC_SWITCH_VPORT_PARAMS_QOS_SQ_ID_CHANGED, 0x400000)                           \
	C(NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED, 0x800000)                     \
	C(NDIS_NIC_SWITCH_VPORT_INFO_PACKET_DIRECT_RX_ONLY, 2)                                \
	C(NDIS_NIC_SWITCH_VPORT_INFO_GFT_ENABLED, 4)                                          \
	C(NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3, 3)                                         \
	C(NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3, 132)                                \
	C(NDIS_NIC_SWITCH_PARAMETERS_REVISION_2, 2)                                           \
	C(NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_2, 552)                                  \
	C(NDIS_RSS_CAPS_SUPPORTS_INDEPENDENT_ENTRY_MOVE, 0x40000000)                          \
	C(NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV4, 0x800)                                            \
	C(NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6, 0x1000)                                           \
	C(NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6_EX, 0x2000)                                        \
	C(NDIS_HASH_UDP_IPV4, 0x4000)                                                         \
	C(NDIS_HASH_UDP_IPV6, 0x8000)                                                         \
	C(NDIS_HASH_UDP_IPV6_EX, 0x10000)                                                     \
	C(NDIS_RSS_PARAM_FLAG_DEFAULT_PROCESSOR_UNCHANGED, 0x20)                              \
	C(NDIS_RECEIVE_SCALE_PARAM_ENABLE_RSS, 1)                                             \
	C(NDIS_RECEIVE_SCALE_PARAM_HASH_INFO_CHANGED, 2)                                      \
	C(NDIS_RECEIVE_SCALE_PARAM_HASH_KEY_CHANGED, 4)                                       \
	C(NDIS_RECEIVE_SCALE_PARAM_NUMBER_OF_QUEUES_CHANGED, 8)                               \
	C(NDIS_RECEIVE_SCALE_PARAM_NUMBER_OF_ENTRIES_CHANGED, 0x10)                           \
	C(NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_PRIMARY_PROCESSOR, 1)                           \
	C(NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_DEFAULT_PROCESSOR, 2)                           \
	C(NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_3, 3)                                        \
	C(NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_3, 44)                                \
	C(NDIS_RECEIVE_SCALE_PARAMETERS_V2_REVISION_1, 1)                                     \
	C(NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_V2_REVISION_1, 28)                             \
	C(NDIS_RSS_SET_INDIRECTION_ENTRIES_REVISION_1, 1)                                     \
	C(NDIS_SIZEOF_RSS_SET_INDIRECTION_ENTRIES_REVISION_1, 20)
