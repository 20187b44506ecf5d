/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of an endpoint, shared by this room's files and nobody else. Owner: the control thread.
 */
#ifndef VMQ_VHOST_ENDPOINT_H
#define VMQ_VHOST_ENDPOINT_H

#include "base/log.h"
#include "base/rate.h"
#include "vhost/memory.h"
#include "vhost/message.h"
#include "vhost/queue.h"
#include "vhost/session.h"
#include "vhost/socket.h"
#include "vhost/vhost.h"

#define VHOST_NAME_MAX 64u

#define VHOST_ANNOUNCE_SECONDS 10u
#define VHOST_ANNOUNCE_MOST    32u

struct vhost_endpoint {
	/* constant after open */
	char name[VHOST_NAME_MAX + 1];
	char path[VHOST_PATH_MAX + 1];
	bool client;
	struct nic *nic;
	uint32_t vport;
	uint64_t offered; /* virtio features */
	const struct vhost_loop *loop;
	void (*event)(void *ctx, struct vhost_endpoint *ep, const struct vhost_event *ev);
	void *ctx;

	/* the VPort's; the daemon changes them */
	unsigned npairs;
	bool suspended; /* no ring is started */

	/* the socket */
	int listen_fd;  /* -1: client */
	dev_t sock_dev; /* of the socket file we made: only that one is unlinked */
	ino_t sock_ino;
	int timer_fd;      /* a later try: to connect, or to accept when descriptors ran out */
	bool listening;    /* listen_fd is watched */
	unsigned pause_ms; /* before the next try to connect */
	struct vhost_channel ch;
	bool connected;
	bool writing;      /* the front-end does not read: we wait for EPOLLOUT and receive nothing meanwhile */
	bool told_refused; /* a second front-end was turned away, and the log says so already */
	pid_t peer_pid;

	/* the session: forgotten when the front-end leaves */
	bool has_features; /* SET_FEATURES came */
	uint64_t features, protocol_features;
	uint8_t device_status;
	uint16_t mtu;
	struct vhost_mem *mem; /* NULL: no table yet */
	struct vhost_map *log; /* NULL: none */
	uint64_t log_size;
	struct vhost_map *inflight; /* NULL: none */
	uint64_t inflight_size;
	uint16_t inflight_queues; /* rings that have a part of it */
	struct vhost_vring vring[2 * NIC_MAX_QUEUE_PAIRS];
	struct vhost_pair pair[NIC_MAX_QUEUE_PAIRS];

	/* what outlives the process (session.h) */
	const struct fd_keep *keep; /* constant after open; NULL: nothing does */
	struct vhost_session *session; /* NULL: none */
	struct vhost_kept_file {
		uint64_t dev, ino;
		int fd; /* while the session is resumed */
	} *kept_files; /* of memory, that the keeper has for this session */
	unsigned nkept_files;
	bool resuming; /* a kept connection is gone on with from the loop */

	/* what a front-end can cause as often as it likes; they outlive its connection */
	struct rate log_rate, announce_rate, fault_rate;
	unsigned faulty_sessions; /* a second that are let in; constant after open, 0: any number */
	uint64_t faults_seen; /* errors and breaks when the last session ended */

	/* counters, since open */
	uint64_t connections, refused, messages, errors, breaks, announcements, announcements_withheld;
	char last_error[VMQ_ERR_TEXT];
};

/* What becomes of a message. */
enum vhost_verdict {
	VHOST_MSG_OK,    /* done; an answer, if it needs one, was sent */
	VHOST_MSG_CLOSE, /* the connection must be closed; the sentence is in err */
};

/* Deals with the whole message in ep->ch.msg (handlers.c). */
enum vhost_verdict vhost_handle(struct vhost_endpoint *ep, struct vmq_err *err);

/* Forgets what the front-end told: rings, memory, features (endpoint.c). */
void vhost_forget_session(struct vhost_endpoint *ep);

/* Tells the daemon (endpoint.c). */
void vhost_tell(struct vhost_endpoint *ep, const struct vhost_event *ev);

/* Some mapping of this endpoint was truncated (endpoint.c); `arg` is the endpoint. */
void vhost_memory_lost(void *arg);

/* Counts a fault of the front-end, keeps its sentence and logs it (endpoint.c). */
void vhost_fault(struct vhost_endpoint *ep, const char *sentence, const char *consequence);

/* May one more line about this endpoint be logged now? For lines that a front-end can cause as often as it likes. */
bool vhost_may_log(struct vhost_endpoint *ep);

#endif
