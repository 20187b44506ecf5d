/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes that a receiver gets: its virtio header and the frame, into one piece of its memory. Worker only; inline, as it is
 * most of what a frame costs.
 */
#ifndef VMQ_NIC_COPY_H
#define VMQ_NIC_COPY_H

#include "nic/nic_priv.h"

/* A frame that is very short, in pieces, or with a tag to be taken out or put in. */
void copy_odd(uint8_t *dst, const struct frame *f, enum tag_op op);
/* A header with what the sender left to others: it is left to the receiver. */
void write_offload_header(uint8_t *p, const struct nic_queue *q, const struct frame *f, enum tag_op op, uint16_t buffers);

/* The first len bytes of a frame, half a line to a line, as they came: only its first line is looked at. */
static inline __attribute__((always_inline)) void copy_plain(uint8_t *dst, const struct frame *f, uint32_t len)
{
	const uint32_t half = FRAME_HDR / 2; /* two halves, which overlap in most */

	memcpy(dst, f->hdr, half);
	memcpy(dst + len - half, f->hdr + len - half, half);
}

/* The frame as the receiver shall see it into one piece of memory with room for it. */
static inline __attribute__((always_inline)) void copy_frame(uint8_t *dst, const struct frame *f, enum tag_op op)
{
	if (__builtin_expect(op != TAG_KEEP || f->hdr_len < FRAME_HDR / 2 || f->segs != NULL, 0)) {
		copy_odd(dst, f, op);
		return;
	}
	if (__builtin_expect(f->hdr_len < FRAME_HDR, 0)) {
		copy_plain(dst, f, f->hdr_len);
		if (f->len > f->hdr_len) /* a part that was finished here */
			memcpy(dst + f->hdr_len, f->rest, f->len - f->hdr_len);
		return;
	}
	memcpy(dst, f->hdr, FRAME_HDR); /* in steps of 16 bytes: a 64-byte store over two lines waits for both */
	if (f->len > FRAME_HDR)
		memcpy(dst + FRAME_HDR, f->rest, f->len - FRAME_HDR);
}

static inline __attribute__((always_inline)) void write_virtio_header(uint8_t *p, const struct virtqueue *vq, uint16_t buffers)
{
	const uint64_t zero = 0;
	const uint32_t tail = (uint32_t)buffers << 16; /* csum_offset 0, num_buffers */

	memcpy(p, &zero, 8);
	if (__builtin_expect(vq->hdr_len == sizeof(struct virtio_net_hdr_v1), 1))
		memcpy(p + 8, &tail, 4);
	else
		memcpy(p + 8, &zero, sizeof(struct virtio_net_hdr) - 8);
}

/* The header of a frame that takes so many buffers. */
static inline __attribute__((always_inline)) void write_header(uint8_t *p, const struct nic_queue *q, const struct frame *f, enum tag_op op, uint16_t buffers)
{
	if (__builtin_expect(f->offload == 0, 1))
		write_virtio_header(p, &q->rx, buffers);
	else
		write_offload_header(p, q, f, op, buffers);
}

#endif
