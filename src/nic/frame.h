/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame on its way: where its bytes lie, and the first 64 of them, read once. All decisions and the delivered bytes
 * come from that copy (guest memory may change under us); the rest of the frame is copied once, from where the sender
 * put it to where the receiver wants it.
 *
 * Frames of a burst live in the worker's scratch. To another worker a frame goes as a ticket (inbox.h), of which that one
 * makes a frame of its own, or is copied into one of the worker's references (struct frame too).
 */
#ifndef VMQ_NIC_FRAME_H
#define VMQ_NIC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "port/offload.h"
#include "port/port.h"
#include "vring/virtqueue.h"

#define FRAME_HDR 64u  /* Ethernet, VLAN tag, IPv6 and TCP ports: what any decision looks at */
#define FRAME_SEGS 20u /* pieces a reference holds itself: a Linux packet has at most 18 */

struct nic;
struct nic_vport;
struct nic_queue;
struct port_source;
struct frame_ref;

enum frame_tag {
	FRAME_UNTAGGED,
	FRAME_TAG_INLINE, /* the outer tag is in the bytes */
	FRAME_TAG_BESIDE, /* the outer tag is not in the bytes: the port took it out */
	FRAME_TAG_GIVEN,  /* likewise, and the sender did not put it there: it is the VPort's VLAN */
};

struct frame {
	uint8_t hdr[FRAME_HDR] __attribute__((aligned(64))); /* zero beyond the frame's end */
	/* the second line: with the first, all that most frames need */
	uint8_t *rest;       /* the bytes behind hdr when they are one piece, NULL: not read (frame_rest) */
	struct vq_seg *segs; /* more pieces than one: all of them; else NULL */
	uint32_t len;     /* of the frame as it lies */
	uint8_t hdr_len;  /* bytes of the frame in hdr */
	bool whole;       /* it lies in one piece, from hdr_len bytes before `rest` on */
	uint16_t nsegs;
	uint16_t id;      /* from a ring: to give the buffer back with */
	uint16_t ndesc;   /* from a ring: entries the buffer takes */
	uint16_t tci;     /* of the outer tag */
	uint8_t tag;      /* enum frame_tag */
	uint8_t offload;  /* enum offload: what the sender left to others; 0: nothing, and vnet is not set */
	uint32_t src_vport;       /* the sender, FRAME_FROM_WIRE: none */
	bool follows;             /* the frame before it in the burst has the same source and key */
	uint8_t origin;           /* of a reference: index of the worker it goes back to */
	uint16_t dst;             /* of a reference: VPortId, or FRAME_TO_WIRE */
	struct nic_queue *queue;  /* from a ring, else NULL */
	uint64_t key;             /* of the filter table */
	struct frame_ref *held;   /* the first reference made for another worker: it gives the buffer back, not we */
	/* the third: set only where it says so */
	struct port_source *port; /* from a port (queue is NULL) */
	uint64_t cookie;          /* from a port: to release it with */
	struct virtio_net_hdr vnet; /* how to do what `offload` says; offsets count in the frame as it lies */
	uint64_t watch;           /* which traced frame it is; means nothing unless a trace with this beginning runs */
};

_Static_assert(sizeof(struct frame) == 192 && offsetof(struct frame, port) == 128, "three cache lines, the last mostly unused");

#define FRAME_FROM_WIRE UINT32_MAX
#define FRAME_TO_WIRE	UINT16_MAX

/* The bytes behind hdr of a frame without segs; len 0: none, or they were not read. */
static inline struct vq_seg frame_rest(const struct frame *f)
{
	return (struct vq_seg){ f->rest, f->rest ? f->len - f->hdr_len : 0 };
}

/* The first bytes of a frame that lies in one piece. */
static inline void frame_read_piece(struct frame *f, uint8_t *p, uint32_t len)
{
	f->len = len;
	f->segs = NULL;
	f->nsegs = 1;
	f->whole = true;
	if (__builtin_expect(len >= FRAME_HDR, 1)) {
		memcpy(f->hdr, p, FRAME_HDR);
		f->hdr_len = FRAME_HDR;
	} else if (len >= FRAME_HDR / 2) { /* most short frames have 60 bytes: two halves that overlap */
		memcpy(f->hdr, p, FRAME_HDR / 2);
		memset(f->hdr + FRAME_HDR / 2, 0, FRAME_HDR / 2);
		memcpy(f->hdr + len - FRAME_HDR / 2, p + len - FRAME_HDR / 2, FRAME_HDR / 2);
		f->hdr_len = (uint8_t)len;
	} else {
		memset(f->hdr, 0, FRAME_HDR);
		memcpy(f->hdr, p, len);
		f->hdr_len = (uint8_t)len;
	}
	f->rest = p + f->hdr_len;
}

/* So short that hdr is all of it, in one piece, with nothing left to others: no byte has to be looked for where the sender put it. */
static inline bool frame_is_read(const struct frame *f)
{
	return f->len == f->hdr_len && f->whole && !f->offload;
}

/* VID the frame is classified by: 0 when untagged. */
static inline unsigned frame_vid(const struct frame *f)
{
	return f->tag == FRAME_UNTAGGED ? 0 : f->tci & 0xFFFu;
}

/* The tag that lies in the bytes. */
static inline void frame_read_tag(struct frame *f)
{
	if (f->hdr[12] == 0x81 && f->hdr[13] == 0x00 && f->len >= 18) {
		f->tag = FRAME_TAG_INLINE;
		f->tci = (uint16_t)(f->hdr[14] << 8 | f->hdr[15]);
	} else {
		f->tag = FRAME_UNTAGGED;
		f->tci = 0;
	}
}

enum tag_op { TAG_KEEP, TAG_STRIP, TAG_INSERT };

/* What has to be done to the bytes so that the receiver sees the tag in them, or does not. */
static inline enum tag_op frame_tag_op(const struct frame *f, bool in_bytes)
{
	if (f->tag == FRAME_TAG_INLINE)
		return in_bytes ? TAG_KEEP : TAG_STRIP;
	return f->tag != FRAME_UNTAGGED && in_bytes ? TAG_INSERT : TAG_KEEP;
}

/* What the sender and the receiver see of the tag, wherever it lay in between. */
enum tag_seen { TAG_SEEN_ALIKE, TAG_SEEN_STRIPPED, TAG_SEEN_INSERTED };

static inline enum tag_seen frame_tag_seen(const struct frame *f, bool in_bytes)
{
	bool sent = f->tag != FRAME_TAG_GIVEN;

	if (f->tag == FRAME_UNTAGGED || sent == in_bytes)
		return TAG_SEEN_ALIKE;
	return sent ? TAG_SEEN_STRIPPED : TAG_SEEN_INSERTED;
}

static inline uint32_t frame_out_len(const struct frame *f, enum tag_op op)
{
	return f->len + (op == TAG_INSERT ? 4u : 0u) - (op == TAG_STRIP ? 4u : 0u);
}

/* Header bytes as they are, or with the tag taken out or put in; returns how many of `out` are used. `out` has FRAME_HDR + 4 bytes. */
static inline uint32_t frame_edit_header(const struct frame *f, enum tag_op op, uint8_t *out)
{
	if (op == TAG_KEEP) {
		memcpy(out, f->hdr, FRAME_HDR);
		return f->hdr_len;
	}
	if (op == TAG_STRIP) {
		memcpy(out, f->hdr, 12);
		memcpy(out + 12, f->hdr + 16, FRAME_HDR - 16);
		return f->hdr_len - 4u;
	}
	memcpy(out, f->hdr, 12);
	out[12] = 0x81;
	out[13] = 0x00;
	out[14] = (uint8_t)(f->tci >> 8);
	out[15] = (uint8_t)f->tci;
	memcpy(out + 16, f->hdr + 12, FRAME_HDR - 12);
	return f->hdr_len + 4u;
}

#define RUN_MAX 32u /* frames that one reference can stand for */

/*
 * Of a frame under way to another worker, which reads f's first two lines and what they point to; or of a run of frames,
 * whose tickets (inbox.h) are all that the other worker reads: then f has their source and nothing else. Owned by the
 * pool of the worker that made it, in between by whoever's inbox it lies in.
 */
struct frame_ref {
	struct frame f;
	union {
		struct vq_seg seg_store[FRAME_SEGS];
		uint16_t id[RUN_MAX];     /* of a run from a ring */
		uint64_t cookie[RUN_MAX]; /* of a run from a port */
	};
	uint32_t run;             /* frames it stands for; 0: the one in f */
	uint32_t pending;         /* of the first reference: frames not come back yet */
	struct frame_ref *source; /* the frame's first reference, which holds the sender's buffer (maybe this one); NULL: none does */
	uint8_t *copy;            /* of a bypassed frame's bytes (bypass.c); kept for the next one */
	uint32_t copy_room;
	struct frame_ref *next;   /* in worker.copies */
};

#endif
