/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic/offload.h"

#define ETHER_HDR 14u

static bool has(uint64_t features, unsigned bit)
{
	return features >> bit & 1;
}

unsigned offload_sent(uint64_t features)
{
	unsigned mask = 0;

	/* segmentation depends on checksums (virtio 1.2 §5.1.3.1) */
	if (!has(features, VIRTIO_NET_F_CSUM))
		return 0;
	mask |= OFFLOAD_CSUM;
	mask |= has(features, VIRTIO_NET_F_HOST_TSO4) ? OFFLOAD_TSO4 : 0;
	mask |= has(features, VIRTIO_NET_F_HOST_TSO6) ? OFFLOAD_TSO6 : 0;
	mask |= has(features, VIRTIO_NET_F_HOST_ECN) ? OFFLOAD_ECN : 0;
	mask |= has(features, OFFLOAD_F_HOST_USO) ? OFFLOAD_USO : 0;
	return mask;
}

unsigned offload_taken(uint64_t features)
{
	unsigned mask = 0;

	if (!has(features, VIRTIO_NET_F_GUEST_CSUM))
		return 0;
	mask |= OFFLOAD_CSUM | OFFLOAD_VALID;
	mask |= has(features, VIRTIO_NET_F_GUEST_TSO4) ? OFFLOAD_TSO4 : 0;
	mask |= has(features, VIRTIO_NET_F_GUEST_TSO6) ? OFFLOAD_TSO6 : 0;
	mask |= has(features, VIRTIO_NET_F_GUEST_ECN) ? OFFLOAD_ECN : 0;
	if (has(features, OFFLOAD_F_GUEST_USO4) && has(features, OFFLOAD_F_GUEST_USO6))
		mask |= OFFLOAD_USO;
	return mask;
}

/* What gso_type asks for; UINT_MAX: nothing we know. */
static unsigned segments_of(uint8_t gso_type)
{
	unsigned ecn = gso_type & VIRTIO_NET_HDR_GSO_ECN ? OFFLOAD_ECN : 0;

	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return 0;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return OFFLOAD_TSO4 | ecn;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return OFFLOAD_TSO6 | ecn;
	case OFFLOAD_GSO_UDP_L4:
		return OFFLOAD_USO;
	default:
		return UINT32_MAX;
	}
}

bool offload_read(struct frame *f, const struct virtio_net_hdr *h, unsigned allowed)
{
	unsigned needs = segments_of(h->gso_type);

	f->offload = 0;
	f->vnet = (struct virtio_net_hdr){ 0 };
	if (needs == UINT32_MAX)
		return false;
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (h->csum_start < ETHER_HDR || (uint32_t)h->csum_start + h->csum_offset + 2 > f->len)
			return false;
		needs |= OFFLOAD_CSUM;
		f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		f->vnet.csum_start = h->csum_start;
		f->vnet.csum_offset = h->csum_offset;
	} else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID && allowed & OFFLOAD_VALID) {
		f->vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
		f->offload = OFFLOAD_VALID;
	}
	if (needs & OFFLOAD_SEGMENTS) {
		if (!(needs & OFFLOAD_CSUM) || h->gso_size == 0)
			return false;
		f->vnet.gso_type = h->gso_type;
		f->vnet.gso_size = h->gso_size;
		f->vnet.hdr_len = h->hdr_len < f->len ? h->hdr_len : (uint16_t)f->len;
	}
	f->offload |= (uint8_t)needs;
	return !(needs & ~allowed);
}

/* An offset in a frame whose tag is put in or taken out; what the sender said may be too little or too much for that. */
static uint16_t moved(uint16_t at, int by, int least)
{
	int to = at + by;

	return (uint16_t)(to < least ? least : to > UINT16_MAX ? UINT16_MAX : to);
}

struct virtio_net_hdr offload_header(const struct frame *f, enum tag_op op, unsigned taken)
{
	struct virtio_net_hdr h = f->vnet;
	int shift = op == TAG_INSERT ? 4 : op == TAG_STRIP ? -4 : 0;

	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		h.csum_start = moved(h.csum_start, shift, (int)ETHER_HDR);
	if (h.gso_type)
		h.hdr_len = moved(h.hdr_len, shift, 0);
	if (!(taken & OFFLOAD_CSUM))
		h.flags &= (uint8_t)~VIRTIO_NET_HDR_F_DATA_VALID;
	return h;
}
