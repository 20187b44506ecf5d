/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksum and segmentation that a sender left to others. It travels beside the frame untouched where the receiver takes
 * it; where it does not, finish.c does the work. Worker only, but for the masks of a queue.
 */
#ifndef VMQ_NIC_OFFLOAD_H
#define VMQ_NIC_OFFLOAD_H

#include "nic/frame.h"

struct counters;
struct worker;

/* enum offload: what the driver may send unfinished, and what it takes, by the features negotiated (virtio 1.2 §5.1.3). */
unsigned offload_sent(uint64_t features);
unsigned offload_taken(uint64_t features);

/*
 * Reads the header that came with the frame into f->vnet and f->offload; f->len is set. Anything not known is left out.
 * False: it asks for what is not in `allowed`, or contradicts itself or the frame's length.
 */
bool offload_read(struct frame *f, const struct virtio_net_hdr *h, unsigned allowed);

/* The header for a receiver that gets the frame's tag treated by `op`. f->offload is not 0; without OFFLOAD_CSUM in
 * `taken` the receiver is not told that checksums are valid either. */
struct virtio_net_hdr offload_header(const struct frame *f, enum tag_op op, unsigned taken);

/* ---- finish.c ---- */

#define FINISH_HEAD 256u  /* headers of a frame that is cut: all of them lie in so many bytes */
#define FINISH_PARTS 128u /* frames one frame is cut into at most */
#define FINISH_SEGS 1024u /* pieces of them */

/* A part of a frame: its headers are here, its payload lies where the sender put it. */
struct finished {
	struct frame f;
	uint8_t head[FINISH_HEAD];
};

/* Where the finishing of one frame stands. */
struct finisher {
	const struct frame *f;
	unsigned still;         /* enum offload: what stays unfinished in the parts */
	uint16_t l3, l4, head_len;
	uint16_t csum_at;       /* of the checksum field */
	bool v6;
	unsigned parts;         /* not made yet */
	uint32_t left;          /* payload bytes not in a part yet */
	uint32_t done;          /* payload bytes that are */
	uint32_t part_len;      /* payload of a part */
	struct finish_place {   /* where the next payload byte lies */
		unsigned piece; /* 0: the header copy, then the frame's pieces */
		uint32_t off;
	} at;
	uint8_t head[FINISH_HEAD];
};

/* Begins to finish what a receiver does not take; false: the frame is not what its header says. */
bool finish_begin(struct finisher *s, const struct frame *f, unsigned taken);
/* Counts what is about to be done for the receiver whose counters these are. */
void finish_count(struct counters *cnt, const struct finisher *s);
/* The next part, valid until dispatch_carry_out, which is called when there is no room for more; NULL: that was all. */
struct frame *finish_next(struct worker *w, struct finisher *s);

#endif
