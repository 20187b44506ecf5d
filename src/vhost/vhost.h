/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user back-end: one endpoint a VPort. An endpoint owns a socket, speaks the protocol with the one front-end
 * (QEMU, virtio-user …) that is connected, maps that VM's memory, and gives its rings to the data path (nic/nic.h) and
 * takes them away again. Protocol: QEMU's docs/interop/vhost-user.rst; device side: virtio 1.2.
 *
 * Everything here is for the one control thread, and nothing blocks on a front-end: the daemon's event loop calls us
 * when a descriptor is ready. The only waits are the data path's own, bounded by NIC_WAIT_MS.
 *
 * A front-end is not trusted. What it gets wrong ends its connection (or is refused with a REPLY_ACK answer) and
 * nothing else; memory that it takes away under us (a truncated file) breaks its VPort and nothing else.
 */
#ifndef VMQ_VHOST_VHOST_H
#define VMQ_VHOST_VHOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/keep.h"
#include "nic/nic.h"

/* ---- the loop we live in ---- */

/* A descriptor is ready: `events` as epoll reports them (EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR …). */
typedef void vhost_fd_cb(void *arg, uint32_t events);

/*
 * What an endpoint needs of the daemon's loop: level-triggered watches on descriptors. Timers are descriptors too
 * (timerfd), made here. One object serves all endpoints and outlives them.
 */
struct vhost_loop {
	/* Calls cb(arg, …) on the control thread whenever fd is ready for `events` (epoll's bits; EPOLLHUP and EPOLLERR
	 * are always reported). fd is watched once at most. 0 or -errno. */
	int (*add_fd)(void *ctx, int fd, uint32_t events, vhost_fd_cb *cb, void *arg);
	/* Other `events` for a watched fd; 0: only EPOLLHUP and EPOLLERR. 0 or -errno. */
	int (*mod_fd)(void *ctx, int fd, uint32_t events);
	/* Ends the watch. When it returns cb is never called for it again, also not for an event already fetched in
	 * this round of the loop: the fd is closed next, and `arg` may be freed. */
	void (*del_fd)(void *ctx, int fd);
	void *ctx;
};

/*
 * Makes the process survive a front-end that truncates its memory file under us: a SIGBUS handler replaces the lost
 * mapping by zero pages, and the endpoint concerned is marked broken from the loop. Call once, before the first
 * endpoint is opened; workers must not block SIGBUS. 0 or -errno with the sentence in err.
 */
int vhost_guard_start(const struct vhost_loop *loop, struct vmq_err *err);
/* Puts the former SIGBUS disposition back. Every endpoint is closed before. */
void vhost_guard_stop(void);

/* ---- features ---- */

/*
 * The feature bits this back-end can offer: X(bit, name, offered by default). MQ is offered only with more than one
 * queue pair. Bits of the control queue, the link status and the announcement are offered because front-ends ask the
 * back-end for them although they do that work themselves.
 */
#define VHOST_FEATURES(X)                                                                                              \
	X(0, CSUM, true)                                                                                               \
	X(1, GUEST_CSUM, true)                                                                                         \
	X(3, MTU, true)                                                                                                \
	X(7, GUEST_TSO4, true)                                                                                         \
	X(8, GUEST_TSO6, true)                                                                                         \
	X(9, GUEST_ECN, true)                                                                                          \
	X(11, HOST_TSO4, true)                                                                                         \
	X(12, HOST_TSO6, true)                                                                                         \
	X(13, HOST_ECN, true)                                                                                          \
	X(15, MRG_RXBUF, true)                                                                                         \
	X(16, STATUS, true)                                                                                            \
	X(17, CTRL_VQ, true)                                                                                           \
	X(18, CTRL_RX, true)                                                                                           \
	X(21, GUEST_ANNOUNCE, true)                                                                                    \
	X(22, MQ, true)                                                                                                \
	X(26, LOG_ALL, true)                                                                                           \
	X(27, ANY_LAYOUT, true)                                                                                        \
	X(28, INDIRECT_DESC, true)                                                                                     \
	X(29, EVENT_IDX, true)                                                                                         \
	X(30, PROTOCOL_FEATURES, true)                                                                                 \
	X(32, VERSION_1, true)                                                                                         \
	X(34, RING_PACKED, true)                                                                                       \
	X(35, IN_ORDER, true)                                                                                          \
	X(54, GUEST_USO4, true)                                                                                        \
	X(55, GUEST_USO6, true)                                                                                        \
	X(56, HOST_USO, true)

enum vhost_feature_bit {
#define VHOST_FEATURE_ENUM(bit, name, dflt) VHOST_F_##name = bit,
	VHOST_FEATURES(VHOST_FEATURE_ENUM)
#undef VHOST_FEATURE_ENUM
};

#define VHOST_FEATURE(name) (UINT64_C(1) << VHOST_F_##name)

#define VHOST_FEATURE_SUPPORTED_(bit, name, dflt) | (UINT64_C(1) << (bit))
#define VHOST_FEATURE_DEFAULT_(bit, name, dflt)   | ((dflt) ? UINT64_C(1) << (bit) : 0)
#define VHOST_FEATURES_SUPPORTED                  (UINT64_C(0) VHOST_FEATURES(VHOST_FEATURE_SUPPORTED_))
#define VHOST_FEATURES_DEFAULT                    (UINT64_C(0) VHOST_FEATURES(VHOST_FEATURE_DEFAULT_))

/* The name of a feature bit as people know it ("MRG_RXBUF"), or NULL for a bit that is not in the table. */
const char *vhost_feature_name(unsigned bit);

/* ---- an endpoint ---- */

struct vhost_endpoint;

/* What happened at an endpoint. */
enum vhost_event_type {
	VHOST_EVENT_CONNECTED,    /* a front-end connected */
	VHOST_EVENT_DISCONNECTED, /* it left or was closed; its queues are stopped, its memory is unmapped. `reason` */
	VHOST_EVENT_STARTING,     /* queue pair `qp` is about to be served: nothing of its rings was looked at yet */
	VHOST_EVENT_RUNNING,      /* queue pair `qp` is served by the data path now */
	VHOST_EVENT_STOPPED,      /* queue pair `qp` is not served any more */
	VHOST_EVENT_BROKEN,       /* queue pair `qp` is broken, `reason` says why; STOPPED came before if it ran */
	VHOST_EVENT_ANNOUNCE, /* the VM arrived here by migration: announce `mac` on the VPort's network (SEND_RARP) */
};

struct vhost_event {
	enum vhost_event_type type;
	unsigned qp;
	const char *reason; /* valid during the call; NULL where there is none */
	uint8_t mac[6];
};

#define VHOST_FAULTY_SESSIONS 64u /* a second: plenty for a driver in trouble */

struct vhost_endpoint_config {
	const char *name; /* what the log calls it (the VPort's name) */
	const char *path; /* of the unix socket, at most 107 bytes */
	bool client;      /* connect to the front-end's socket, again and again; false: listen on our own */
	mode_t mode;      /* listening: permission bits of the socket; 0: 0600 */
	uid_t uid;        /* listening: owner and group of the socket, (uid_t)-1, (gid_t)-1: leave */
	gid_t gid;
	struct nic *nic;
	uint32_t vport;       /* the VPort its rings are given to */
	unsigned queue_pairs; /* of the VPort, 1 … NIC_MAX_QUEUE_PAIRS */
	uint64_t features;    /* mask over VHOST_FEATURES_SUPPORTED; 0: VHOST_FEATURES_DEFAULT */
	/* Listening: so many sessions a second with faults are let in; then none for a second. 0: any number. */
	unsigned faulty_sessions;
	const struct vhost_loop *loop;
	/* With one, the session goes on after the process was killed or ended by vhost_endpoint_leave, and the front-end
	 * notices nothing. NULL: it ends with the process. Outlives the endpoint. */
	const struct fd_keep *keep;
	/* Called on the control thread, from the loop or from a call below; must not close this endpoint. May be NULL.
	 */
	void (*event)(void *ctx, struct vhost_endpoint *ep, const struct vhost_event *ev);
	void *ctx;
};

/*
 * Opens the socket and returns; front-ends come later, and so does every event. Strings are copied. Listening: a socket
 * file left over at the path (nobody listens there) is replaced. Connecting: tried from the loop, then again with
 * pauses of 0.1 s, doubled up to 2 s. -EINVAL names the field, -EADDRINUSE: another process listens at the path,
 * -EEXIST: the path is not a socket; other -errno from the system. The sentence is in err.
 */
int vhost_endpoint_open(const struct vhost_endpoint_config *cfg, struct vhost_endpoint **out, struct vmq_err *err);

/* Goes on with the session that an earlier process left with cfg->keep, if there is one; events come from within. Until
 * then, and without it, the endpoint does nothing about that one. */
void vhost_endpoint_resume(struct vhost_endpoint *ep);

/* Stops its queues, disconnects the front-end, unmaps its memory, unlinks the socket (if it is still ours), frees all.
 * No event is sent. Call before nic_vport_delete. NULL is allowed. */
void vhost_endpoint_close(struct vhost_endpoint *ep);

/* The same at the end of a process that another one follows: the socket's file stays, and what the keeper has is left to it.
 * Without a keeper: vhost_endpoint_close. */
void vhost_endpoint_leave(struct vhost_endpoint *ep);

/*
 * The data path reported NIC_EVENT_QUEUE_BROKEN: the pair is stopped, the front-end's error descriptors are signalled,
 * VHOST_EVENT_BROKEN follows. It stays broken until the ring is set up again (GET_VRING_BASE, SET_VRING_BASE, a status
 * of 0) or the front-end reconnects. No effect when the pair is not running, or when the data path says meanwhile that
 * it is well (nic_queue_info): it was started anew since.
 */
void vhost_endpoint_broken(struct vhost_endpoint *ep, unsigned qp, const char *reason);

/*
 * The device is reset from outside (a virtual function's function-level reset): every ring stops, and starts again when the
 * front-end has set it up anew, as for vhost_endpoint_broken; until then pairs that were set up are broken, and `reason`
 * says why. No guest memory is touched when this returns. 0, or -ETIMEDOUT: a worker did not let go of a ring in time.
 */
int vhost_endpoint_reset(struct vhost_endpoint *ep, const char *reason);
/* Rings are stopped and none is started (true), or go on where they were (false). Errors as of vhost_endpoint_reset. */
int vhost_endpoint_suspend(struct vhost_endpoint *ep, bool on);
/* The VPort's queue pairs have changed. More are offered to the front-end that connects next; -EBUSY: fewer, while one is
 * connected that was told of more. */
int vhost_endpoint_set_queue_pairs(struct vhost_endpoint *ep, unsigned n, struct vmq_err *err);

/* ---- what can be seen ---- */

enum vhost_queue_state {
	VHOST_QUEUE_WAITING, /* not (yet) set up or enabled by the front-end; `reason` says what is missing */
	VHOST_QUEUE_RUNNING, /* `reason`: no sign of the guest's driver is to be seen in its rings */
	VHOST_QUEUE_BROKEN, /* `reason` */
};

struct vhost_queue_status {
	enum vhost_queue_state state;
	const char *reason; /* NULL: none; valid until the next call into this endpoint or its loop */
	uint16_t rx_size, tx_size;
};

struct vhost_status {
	bool connected;
	pid_t peer_pid;             /* 0: not connected or not told */
	uint64_t features;          /* negotiated (SET_FEATURES), 0: none yet */
	uint64_t protocol_features; /* likewise */
	uint8_t device_status;      /* the last SET_STATUS */
	uint16_t mtu;               /* NET_SET_MTU, 0: not set */
	uint32_t mem_slots;
	uint64_t mem_bytes; /* mapped, all slots */
	bool logging;       /* a migration log is in use */
	/* since the endpoint was opened: */
	uint64_t connections;
	uint64_t refused;       /* front-ends turned away because one was connected */
	uint64_t messages;      /* complete messages received */
	uint64_t errors;        /* requests refused and connections closed for a fault of the front-end */
	uint64_t breaks;        /* times that a queue pair was broken */
	uint64_t announcements; /* VMs' arrivals by migration that were to be announced */
	uint64_t announcements_withheld; /* of them: not announced, too many in a short time */
	const char *last_error; /* the sentence of the last of them, NULL: none; valid as `reason` above */
	unsigned queue_pairs;
	struct vhost_queue_status queue[NIC_MAX_QUEUE_PAIRS];
};

void vhost_endpoint_status(const struct vhost_endpoint *ep, struct vhost_status *st);

#endif
