/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vugen plays virtual machines to a vhost-user switch: what QEMU does (front.c: socket, shared memory, rings), what a
 * guest's virtio-net driver does (driver.c: one burst a call, frames.c: what is in it), and the measuring (measure.c,
 * wake.c). It can also be the far end of the switch's physical port (wire.c). One process, one thread, any number of
 * VMs; it costs little a frame, so that the switch is the bottleneck and not it. Everything here is owned by that one
 * thread. The switch is trusted not to be hostile, but what it writes into the rings is masked before it is used as an
 * index.
 */
#ifndef VMQ_BENCH_VUGEN_H
#define VMQ_BENCH_VUGEN_H

#include "front.h"
#include "process.h"

#define MAX_PORTS  1100u
#define MAX_BURST  64u
#define MIN_FRAME  64u
#define MAX_FRAME  2048u
#define FRAME_HEAD 64u /* the bytes of a frame that are written for each one sent */
#define STAMP_AT   50u /* where a time stamp lies: behind the UDP header, with and without a VLAN tag */

/* ---- options ---- */

struct options {
	unsigned size;	    /* of the frames, without FCS */
	unsigned ring;	    /* descriptors a ring, a power of two */
	unsigned burst;	    /* frames a turn and sender */
	unsigned pause_us;  /* to sleep when there is nothing to do; 0: not */
	unsigned flows;	    /* UDP source ports in turn */
	unsigned timeout_s; /* how long to wait for the switch */
	unsigned wake;	    /* > 0: that many single frames after silence instead of a stream */
	int core, vlan;	    /* -1: not pinned, untagged */
	int peer_core;	    /* of a thread that is woken, too; -1: none is */
	double time_s, warmup_s, rate, gap_us;
	bool server, packed, write_descriptors, full, latency, no_mrg, commands, random, pairs, small_pages, interrupts, yield, has_dmac;
	uint8_t dmac[6];
	const char *label;
};

extern struct options opt;

/* ---- ports ---- */

enum { ROLE_RX = 1, ROLE_TX = 2, ROLE_ECHO = 4, ROLE_WIRE = 8 }; /* ROLE_ECHO comes with the first two */

/* What an echoing port has to send back: the first bytes' stamp and who sent it. */
struct echo {
	uint64_t stamp;
	uint16_t to;
};

struct port {
	struct front front;
	unsigned role, id; /* the port owns 52:54:00:00:HH:LL with HHLL = id */
	uint8_t *announce; /* a page for the one frame of a port that does not send otherwise */

	uint8_t (*head)[FRAME_HEAD]; /* prepared frames, one a destination */
	unsigned ndst, next_dst;
	uint32_t sequence;
	struct echo *echo; /* ring of 2 * opt.ring entries */
	unsigned echo_in, echo_out;

	uint64_t rx, rx_bytes, rx_wrong, tx;
};

struct generator {
	struct port port[MAX_PORTS];
	struct port *rx[MAX_PORTS], *tx[MAX_PORTS], *echo[MAX_PORTS]; /* an echoing port is in rx and echo, not in tx */
	struct port *vm_rx[MAX_PORTS];				      /* of rx those that are VMs */
	unsigned nports, nrx, ntx, necho, nvm_rx;
};

extern struct generator gen;

/* ---- frames.c: what is in the frames ---- */

/* Prepares the destinations of every sender and fills its buffers; again, where they have another size now. */
void frames_prepare(void);
/* Writes the next n frames of a sender: their heads, and with opt.full a word of each further cache line. */
void frames_write(struct port *p, uint8_t *const *f, unsigned n, uint64_t stamp);
/* A broadcast frame of 64 bytes from this port. */
void frame_broadcast(const struct port *p, uint8_t *f);

/* The port number in the frame's destination, and in its source address. */
static inline unsigned frame_owner(const uint8_t *f)
{
	return (unsigned)f[4] << 8 | f[5];
}

static inline unsigned frame_sender(const uint8_t *f)
{
	return (unsigned)f[10] << 8 | f[11];
}

/* ---- driver.c: what the guest's driver does ---- */

/* A cache line and a half of header and gap, then the frame on a cache line; not a power of two, to spread cache sets.
 */
uint8_t *ring_buffer(const struct ring *r, unsigned i);
size_t ring_buffers_size(void);
/* Negotiates, writes the descriptors, posts all receive buffers and starts both rings. */
void port_up(struct port *p);
/* Sends up to max frames (at most MAX_BURST); returns how many. */
unsigned tx_burst(struct port *p, unsigned max);
/* Receives what has come to n ports, up to MAX_BURST frames a port; returns how many. */
unsigned rx_turn(struct port *const *ports, unsigned n);
/* One broadcast frame from a port without sending buffers, so that a learning switch knows where it is. */
void port_announce(struct port *p);
/* Whether the device asks for a kick of this ring now. */
bool ring_wants_kick(const struct ring *r);
/* Whether the device has given back all that was sent. */
bool tx_home(const struct port *p);
/* Sent frames have another size from now on. All of them are home. */
void tx_resize(struct port *p);

/* ---- wire.c: ports with ROLE_WIRE, whose path is a network device ---- */

void wire_open(struct port *p);
unsigned wire_burst(struct port *p, unsigned max);
void wire_announce(const struct port *p);
/* Takes the device's counters of received frames over into p->rx and p->rx_bytes. */
void wire_count(struct port *p);

/* ---- measure.c ---- */

/* A received frame's stamp, while measuring. */
void latency_record(uint64_t stamp);
extern double cycles_per_s;

/* Finds cycles_per_s. */
void measure_prepare(void);
void measure_stream(void);
/* Receives what is still on its way, for a moment at most; whether all that was sent is home. */
bool settle(void);

/* ---- wake.c ---- */

void measure_wake(void);

#ifdef __x86_64__
#include <x86intrin.h>
static inline uint64_t cycles(void)
{
	return __rdtsc();
}

static inline void relax(void)
{
	_mm_pause();
}
#else
#include <time.h>
static inline uint64_t cycles(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void relax(void)
{
}
#endif

#endif
