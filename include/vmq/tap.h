/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a capture or a trace gives its reader: memory shared with vmqd, one ring of records for each worker. The
 * descriptor comes with the answer to `capture.start` or `trace.start` (docs/rpc.md); map all of it, readable and
 * writable. vmqd writes records and moves `tail`; the reader reads them and moves `head`. vmqd never waits: what finds
 * no room is counted in `lost`. vmqd believes nothing it finds in this memory but that `head` is a number.
 *
 * The capture ends when the connection that started it is closed.
 */
#ifndef VMQ_TAP_H
#define VMQ_TAP_H

#include <stdint.h>

#define VMQ_TAP_MAGIC	0x31706174716d76ull /* "vmqtap1" */
#define VMQ_TAP_WIRE	UINT32_MAX	    /* in place of a VPort's id: the physical port */
#define VMQ_TAP_DATA	4096u		    /* where the records of a ring begin, from the ring's begin */
#define VMQ_TAP_MAX_SNAPLEN 9216u

struct vmq_tap_header { /* at offset 0 */
	uint64_t magic;
	uint32_t rings;	      /* how many there are, one for each worker */
	uint32_t snaplen;     /* bytes of a frame that are kept at most */
	uint64_t ring_offset; /* of the first ring, from here */
	uint64_t ring_stride; /* from one ring to the next */
	uint64_t ring_size;   /* bytes of records a ring holds; a power of two */
};

struct vmq_tap_ring { /* the records begin VMQ_TAP_DATA bytes behind this */
	uint64_t tail; /* vmqd's: bytes written since the start; a release store behind the record's bytes */
	uint64_t lost; /* vmqd's: records for which there was no room */
	uint8_t pad[48];
	uint64_t head; /* the reader's: bytes read since the start; a release store behind the reads */
};

enum vmq_tap_type {
	VMQ_TAP_PAD,	   /* nothing: the rest of the ring up to its end */
	VMQ_TAP_ENTERED,   /* read from the sender's ring or port */
	VMQ_TAP_VERDICT,   /* traces: what the classifier says; one record for each destination */
	VMQ_TAP_ARRIVED,   /* traces: handed over to the CPU that has the receiver */
	VMQ_TAP_DELIVERED, /* into the receiver's buffers, or to the host's device */
	VMQ_TAP_WIRE_IN,   /* came in by the physical port */
	VMQ_TAP_WIRE_OUT,  /* went out by the physical port */
	VMQ_TAP_DROPPED,
	VMQ_TAP_BYPASSED,  /* traces: passed the CPU of the default queue, because its receiver is bypassed */
	VMQ_TAP_NOTIFIED,  /* traces: the receiver was interrupted for what was delivered before, or wants no interrupt */
};

enum vmq_tap_fate { VMQ_TAP_TO_VPORT, VMQ_TAP_TO_WIRE, VMQ_TAP_TO_NOBODY };

enum vmq_tap_tag { VMQ_TAP_UNTAGGED, VMQ_TAP_TAGGED }; /* as the switch sees the frame */

enum vmq_tap_tag_done { VMQ_TAP_TAG_KEPT, VMQ_TAP_TAG_STRIPPED, VMQ_TAP_TAG_INSERTED };

#define VMQ_TAP_HOST	  0x01u /* the VPort is the host's own: a port, no rings */
#define VMQ_TAP_INTERRUPT 0x02u /* VMQ_TAP_NOTIFIED: it was sent */

struct vmq_tap_record {
	uint32_t size;	   /* of the record with its data, a multiple of 8 */
	uint16_t type;	   /* enum vmq_tap_type */
	uint16_t cpu;	   /* whose worker wrote it; of a verdict: that has the receiver */
	uint64_t time;	   /* nanoseconds since 1970 */
	uint64_t frame;	   /* traces: which frame, the same number in all its records */
	uint32_t len;	   /* bytes of the frame, without what the receiver doesn't get */
	uint32_t captured; /* how many of them follow this structure */
	uint32_t source;   /* VPort of the sender, VMQ_TAP_WIRE: none */
	uint32_t vport;	   /* the receiver; of a drop where it is counted; VMQ_TAP_WIRE: the physical port */
	uint32_t filter;   /* FilterId that claimed it for the VPort; 0: none */
	uint16_t queue;	   /* the VPort's queue pair */
	uint16_t buffers;  /* DELIVERED: receive buffers it took */
	uint16_t tci;	   /* of the outer tag */
	uint8_t tag;	   /* enum vmq_tap_tag */
	uint8_t tag_done;  /* enum vmq_tap_tag_done: what the receiver sees */
	uint8_t fate;	   /* VERDICT: enum vmq_tap_fate */
	uint8_t flags;
	uint16_t drop;	   /* 1 + index in the `drops` of the answer; 0: none */
};

#endif
