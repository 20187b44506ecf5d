/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of src/vhost stand on: a data path that only takes notes, a loop that a test turns by hand, and a
 * front-end played by the test itself (real sockets, memfd memory). One process, one thread: when vhost_loop_turn
 * returns, everything that was sent has been dealt with.
 */
#ifndef VMQ_TESTS_VHOST_STUB_H
#define VMQ_TESTS_VHOST_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nic/nic.h"
#include "vhost/protocol.h"
#include "vhost/vhost.h"

/* ---- the data path ---- */

struct stub_queue {
	bool started;
	bool broken;                 /* what nic_queue_info says */
	struct nic_queue_config cfg; /* as started, with later changes of descriptors and log */
	unsigned starts, stops, fds_set, logs_set;
	uint16_t rx_moved, tx_moved; /* how far the rings have moved on when they are stopped next */
};

struct nic {
	struct stub_queue q[NIC_MAX_QUEUE_PAIRS];
	int start_rc, stop_rc, fds_rc, log_rc; /* what the functions answer; 0: do it */
};

/* ---- the loop ---- */

extern const struct vhost_loop stub_loop;
void stub_loop_open(void);
void stub_loop_close(void);
/* Serves all that is ready until nothing is. */
void stub_loop_turn(void);
/* Turns until done(arg), however long that takes (the test runner ends a test that never gets there). */
void stub_loop_until(bool (*done)(void *arg), void *arg);

/* ---- events seen ---- */

struct stub_events {
	unsigned n;
	struct vhost_event ev[64];
	char reason[64][VMQ_ERR_TEXT];
};
extern struct stub_events stub_events;
void stub_on_event(void *ctx, struct vhost_endpoint *ep, const struct vhost_event *ev);
/* How many events of the type for the pair were seen since stub_events.n was set to 0. */
unsigned stub_count(enum vhost_event_type type, unsigned qp);

/* ---- an endpoint and its front-end ---- */

#define STUB_UVA       UINT64_C(0x700000000000) /* the front-end's address of its memory */
#define STUB_GPA       UINT64_C(0x40000000)     /* the guest's */
#define STUB_MEM_BYTES (1u << 20)
#define STUB_RING      256u
#define STUB_FEATURES                                                                                                  \
	(VHOST_FEATURE(VERSION_1) | VHOST_FEATURE(MRG_RXBUF) | VHOST_FEATURE(EVENT_IDX) |                              \
	 VHOST_FEATURE(PROTOCOL_FEATURES))

enum {
	GET_FEATURES = 1,
	SET_FEATURES,
	SET_OWNER,
	RESET_OWNER,
	SET_MEM_TABLE,
	SET_LOG_BASE,
	SET_LOG_FD,
	SET_VRING_NUM,
	SET_VRING_ADDR,
	SET_VRING_BASE,
	GET_VRING_BASE,
	SET_VRING_KICK,
	SET_VRING_CALL,
	SET_VRING_ERR,
	GET_PROTOCOL_FEATURES,
	SET_PROTOCOL_FEATURES,
	GET_QUEUE_NUM,
	SET_VRING_ENABLE,
	SEND_RARP,
	NET_SET_MTU,
	SET_VRING_ENDIAN = 23,
	GET_INFLIGHT_FD = 31,
	SET_INFLIGHT_FD,
	GET_MAX_MEM_SLOTS = 36,
	ADD_MEM_REG,
	REM_MEM_REG,
	SET_STATUS,
	GET_STATUS,
};

struct front {
	char dir[64], path[96];
	struct nic nic;
	struct vhost_endpoint *ep;
	int sock;  /* the front-end's side */
	int memfd; /* its memory */
	uint8_t *mem;
	int kick[2 * NIC_MAX_QUEUE_PAIRS], call[2 * NIC_MAX_QUEUE_PAIRS];
};

/* An endpoint that listens in a directory of its own, and a front-end that is not connected yet. */
void front_open(struct front *f, unsigned queue_pairs);
void front_close(struct front *f);
void front_config(struct front *f, struct vhost_endpoint_config *cfg, unsigned queue_pairs);
void front_connect(struct front *f);
void front_disconnect(struct front *f); /* and lets the endpoint see it */

/* Sends, with flags beside the version, and turns the loop. */
void front_send(struct front *f, uint32_t request, uint32_t flags, const void *payload, uint32_t size, const int *fds,
		unsigned nfds);
void front_send_u64(struct front *f, uint32_t request, uint64_t v);
void front_send_state(struct front *f, uint32_t request, uint32_t index, uint32_t num);
/* Receives an answer of exactly `size` bytes. */
void front_recv(struct front *f, uint32_t request, void *payload, uint32_t size);
/* The same with a descriptor, which is returned. */
int front_recv_fd(struct front *f, uint32_t request, void *payload, uint32_t size);
/* Is the connection closed by the endpoint (and nothing left to read)? */
bool front_is_closed(struct front *f);
uint64_t front_get_u64(struct front *f, uint32_t request);
/* GET_VRING_BASE */
uint32_t front_base(struct front *f, uint32_t index);
/* With need_reply: the acknowledgement's value. */
uint64_t front_ack(struct front *f, uint32_t request, const void *payload, uint32_t size, const int *fds,
		   unsigned nfds);

/* Steps of a good session. */
void front_features(struct front *f, uint64_t features); /* the protocol's too, when PROTOCOL_FEATURES is in */
struct vhost_msg_addr front_ring_addr(uint32_t index);
struct vhost_msg_region front_region(void);
void front_memory(struct front *f);               /* SET_MEM_TABLE with the one region */
void front_ring(struct front *f, uint32_t index); /* number, base 0, address, kick, call; not enabled */
void front_enable(struct front *f, uint32_t index, uint32_t on);
void front_run(struct front *f); /* all of it, one pair running with STUB_FEATURES */

/* Host address of the front-end's address in its memory, as the endpoint maps it now: the bytes are compared. */
bool front_same_byte(struct front *f, const void *host, uint64_t uva);

unsigned stub_open_fds(void);
unsigned stub_mappings(void);

#endif
