/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user front-end: what the virtual machine monitor does for one network device. It meets the switch at a
 * socket, negotiates, makes the guest's memory with both rings in it, and starts and stops them. What is done in the
 * rings is the driver's (driver.c of vugen, vtap.c). Owned by one thread. Any refusal ends the program: there is
 * nothing to measure then. The switch is trusted not to be hostile, but what it writes into the rings is bounded before
 * it is used.
 */
#ifndef VMQ_BENCH_FRONT_H
#define VMQ_BENCH_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HDR_LEN 12u /* struct virtio_net_hdr_v1 */

/* ---- rings ---- */

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct avail {
	uint16_t flags, idx, ring[];
};

struct used_elem {
	uint32_t id, len;
};

struct used {
	uint16_t flags, idx;
	struct used_elem ring[];
};

struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

struct packed_event {
	uint16_t off_wrap, flags;
};

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u
#define PACKED_AVAIL  (1u << 7)
#define PACKED_USED   (1u << 15)

#define NO_INTERRUPT 1u /* avail->flags, driver_event->flags */
#define NO_NOTIFY    1u /* used->flags, device_event->flags */

struct ring {
	union { /* the three areas of a virtqueue, split or packed */
		struct desc *desc;
		struct packed_desc *packed;
	};
	union {
		struct avail *avail;
		struct packed_event *driver_event;
	};
	union {
		struct used *used;
		struct packed_event *device_event;
	};
	uint8_t *bufs;		       /* the buffers, NULL when the ring has none */
	uint16_t last_used, avail_idx; /* split: what was taken back, what was handed out */
	uint16_t pos;		       /* packed: the next slot to look at and to fill */
	bool wrap;		       /* packed: the wrap counter at pos */
	int kick_fd, call_fd;
};

enum { RX, TX }; /* the two rings of a device */

/* ---- features (virtio 1.2 §5.1.3, §6) ---- */

#define F_CSUM		    (1ull << 0)
#define F_GUEST_CSUM	    (1ull << 1)
#define F_GUEST_TSO4	    (1ull << 7)
#define F_GUEST_TSO6	    (1ull << 8)
#define F_GUEST_ECN	    (1ull << 9)
#define F_HOST_TSO4	    (1ull << 11)
#define F_HOST_TSO6	    (1ull << 12)
#define F_HOST_ECN	    (1ull << 13)
#define F_MRG_RXBUF	    (1ull << 15)
#define F_INDIRECT	    (1ull << 28)
#define F_EVENT_IDX	    (1ull << 29)
#define F_PROTOCOL_FEATURES (1ull << 30)
#define F_VERSION_1	    (1ull << 32)
#define F_RING_PACKED	    (1ull << 34)
#define F_GUEST_USO4	    (1ull << 54)
#define F_GUEST_USO6	    (1ull << 55)
#define F_HOST_USO	    (1ull << 56)

/* ---- one device ---- */

struct front {
	/* set before front_listen and front_meet */
	const char *path;
	unsigned timeout_s; /* how long to wait for the switch */
	/* set before front_negotiate */
	uint64_t want; /* features that are taken where they are offered; version 1 always is. Packed rings must be */
	/* set before front_memory */
	unsigned entries;  /* of a ring, a power of two */
	size_t buffers[2]; /* bytes of each ring's buffers; 0: it has none */
	size_t spare;	   /* bytes behind them */
	bool small_pages;

	int sock, listener, memfd;
	uint8_t *base; /* its memory: one region, at another address for the switch */
	size_t size;
	uint64_t features, protocol; /* what was negotiated */
	struct ring q[2];
	uint8_t *rest; /* the spare bytes */
};

void front_listen(struct front *f);
/* Connects, or waits until the switch did; retries until f->timeout_s. */
void front_meet(struct front *f);
void front_negotiate(struct front *f);
/* Makes the memory and places the rings in it. They are filled by the driver before front_start. */
void front_memory(struct front *f);
/* Shares the memory and starts both rings; returns when the switch has handled all of it. */
void front_start(const struct front *f);
/* Stops both rings as a driver's reset does. */
void front_stop(const struct front *f);
uint64_t guest_address(const struct front *f, const void *at);

#endif
