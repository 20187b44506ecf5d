/* SPDX-License-Identifier: BSD-3-Clause */
/* The rarer kinds of a copy (copy.h). */
#include "nic/copy.h"

static void copy_rest(uint8_t *dst, const struct frame *f)
{
	if (f->segs == NULL) {
		if (f->len > f->hdr_len)
			memcpy(dst, f->rest, f->len - f->hdr_len);
		return;
	}
	for (unsigned i = 0; i < f->nsegs; i++) {
		memcpy(dst, f->segs[i].ptr, f->segs[i].len);
		dst += f->segs[i].len;
	}
}

void copy_odd(uint8_t *dst, const struct frame *f, enum tag_op op)
{
	uint8_t edited[FRAME_HDR + 4];
	uint32_t n = f->hdr_len;

	if (op == TAG_KEEP) {
		memcpy(dst, f->hdr, n);
	} else {
		n = frame_edit_header(f, op, edited);
		memcpy(dst, edited, n);
	}
	copy_rest(dst + n, f);
}

void write_offload_header(uint8_t *p, const struct nic_queue *q, const struct frame *f, enum tag_op op, uint16_t buffers)
{
	struct virtio_net_hdr h = offload_header(f, op, q->takes);

	memcpy(p, &h, sizeof h);
	if (q->rx.hdr_len == sizeof(struct virtio_net_hdr_v1))
		memcpy(p + sizeof h, &buffers, sizeof buffers);
}
