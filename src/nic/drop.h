/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a frame was not delivered: one row a reason, which yields the enum, the name in JSON and metrics, and the
 * sentence for people and documentation. RX reasons are counted at the VPort that should have received the frame,
 * TX reasons at the VPort that sent it.
 */
#ifndef VMQ_NIC_DROP_H
#define VMQ_NIC_DROP_H

#define NIC_DROP_REASONS(X)                                                                                           \
	X(RX_NO_BUFFER, "rx_no_buffer", "the VM had posted no receive buffer")                                        \
	X(RX_TOO_LONG, "rx_too_long", "the frame is longer than the receive buffers the VM posted")                   \
	X(RX_NOT_CONNECTED, "rx_not_connected", "no VM is connected to the VPort, or its driver is not running")      \
	X(RX_PORT_FULL, "rx_port_full", "the host device behind the VPort had no room")                               \
	X(RX_INBOX_FULL, "rx_inbox_full", "the inbox of the VPort's CPU was full")                                    \
	X(RX_NOT_ACCEPTED, "rx_not_accepted",                                                                        \
	  "no filter claims the frame, and the host's device takes neither its address nor all (promiscuous)")       \
	X(RX_LIMIT, "rx_limit",                                                                                      \
	  "the VPort had received what its rate limit allows (max_rx_bytes_per_s, max_rx_frames_per_s)")             \
	X(RX_STOPPED, "rx_stopped", "the VPort was being stopped, moved or deleted")                                  \
	X(TX_RUNT, "tx_runt", "the VM sent a frame shorter than an Ethernet header")                                  \
	X(TX_TOO_LONG, "tx_too_long", "the VM sent a frame longer than 9,216 bytes, or in too many pieces")           \
	X(TX_BAD_OFFLOAD, "tx_bad_offload",                                                                           \
	  "the frame's virtio header asks for a checksum or segments that its features or its bytes do not allow")    \
	X(TX_VPORT_INACTIVE, "tx_vport_inactive", "the VPort is deactivated or has no filter")                        \
	X(TX_SOURCE_MAC, "tx_source_mac", "source check: no filter of the VPort holds the frame's source address")    \
	X(TX_VLAN, "tx_vlan", "VLAN check: the VM sent a frame for a VLAN that no filter of the VPort holds")             \
	X(TX_NO_WIRE, "tx_no_wire", "the frame's destination is outside and the adapter has no physical port")        \
	X(TX_WIRE_FULL, "tx_wire_full", "the physical port had no room")                                              \
	X(TX_STORM, "tx_storm",                                                                                      \
	  "the VM sent more broadcast and multicast frames than its storm limit allows (max_group_frames_per_s)")    \
	X(TX_HAIRPIN, "tx_hairpin", "the frame's only destination is its sender")                                     \
	X(TX_NO_REFERENCE, "tx_no_reference", "too many frames are under way to other CPUs")                          \
	X(TX_RESTART, "tx_restart", "the frame was in hand when vmqd was killed; it may have arrived")

enum nic_drop {
#define X(id, name, text) NIC_DROP_##id,
	NIC_DROP_REASONS(X)
#undef X
	NIC_DROP_COUNT
};

/* The stable name ("rx_no_buffer") and the sentence; NULL for a number that is no reason. */
const char *nic_drop_name(enum nic_drop r);
const char *nic_drop_text(enum nic_drop r);

#endif
