/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a frame's sender left to others, beside the frame in virtio's header (virtio 1.2 §5.1.6): an unfinished checksum,
 * a frame longer than the MTU to be cut into segments. A set of these bits says what a frame needs, what a receiver or a
 * port takes unfinished, and what a sender may ask for.
 */
#ifndef VMQ_PORT_OFFLOAD_H
#define VMQ_PORT_OFFLOAD_H

#include <linux/virtio_net.h>

enum offload {
	OFFLOAD_CSUM = 1,    /* the checksum from csum_start on is to be completed */
	OFFLOAD_TSO4 = 2,    /* TCP over IPv4 to be cut into segments of gso_size bytes of payload */
	OFFLOAD_TSO6 = 4,    /* the same over IPv6 */
	OFFLOAD_ECN = 8,     /* and its congestion bit stands in the first segment only */
	OFFLOAD_USO = 16,    /* UDP, over either, to be cut into datagrams */
	OFFLOAD_SEGMENTS = OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO,
	OFFLOAD_NEEDS = OFFLOAD_CSUM | OFFLOAD_SEGMENTS | OFFLOAD_ECN,
	OFFLOAD_VALID = 128, /* no need: the checksums were found right */
};

/* The longest frame with segments in it: an IP packet of 65,535 bytes, an Ethernet header, two tags. */
#define OFFLOAD_MAX_FRAME (65535u + 14u + 2u * 4u)

/* VIRTIO_NET_HDR_GSO_UDP_L4 and the features for it, younger than Debian 12's headers. */
#define OFFLOAD_GSO_UDP_L4 5u
#define OFFLOAD_F_GUEST_USO4 54u
#define OFFLOAD_F_GUEST_USO6 55u
#define OFFLOAD_F_HOST_USO 56u

#endif
