/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An endpoint's rings: what the front-end told about each, and the decision when a queue pair is given to the data
 * path and when it is taken away. A pair is vring 2 * qp (receive, seen from the guest) and 2 * qp + 1 (transmit).
 *
 * A ring is ready when it has a size, addresses inside the memory, a kick (descriptor, or "poll") and is enabled; a
 * pair is started when both are ready, whatever other pairs do. Control thread only.
 */
#ifndef VMQ_VHOST_QUEUE_H
#define VMQ_VHOST_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vhost/memory.h"
#include "vhost/protocol.h"
#include "vhost/vhost.h"

enum vhost_vring_enable { VHOST_VRING_UNTOLD, VHOST_VRING_DISABLED, VHOST_VRING_ENABLED };

struct vhost_vring {
	uint16_t size; /* 0: not told */
	uint16_t base; /* where to go on: SET_VRING_BASE, or where the data path stopped */
	bool has_addr;
	bool has_kick; /* SET_VRING_KICK came since the ring was stopped; kick_fd -1 then means "poll" */
	enum vhost_vring_enable enable;
	struct vhost_msg_addr addr;
	int kick_fd, call_fd, err_fd; /* ours; -1: none */
	bool fresh[3];                /* they changed since the session was saved (session.h) */
};

struct vhost_pair {
	bool started; /* the data path has it */
	bool stuck;   /* it did not stop in time: a worker may still touch `mem`, `log` and `held_fd` */
	bool told;    /* RUNNING was the last event about it */
	bool broken;
	bool told_broken;
	char reason[VMQ_ERR_TEXT];         /* of broken */
	struct vhost_mem *mem;             /* the table it was started with, counted; NULL when not started */
	struct vhost_map *log;             /* the log it writes to, counted, or NULL */
	uint64_t rx_used_gpa, tx_used_gpa; /* as it was started */
	int held_fd[4];                    /* of a stuck pair: the kick and call descriptors it was given; -1: none */
};

void vhost_vring_init(struct vhost_vring *v);

/* Is `a` a possible place for the ring: alignment, and, as far as size and memory are known, whole parts inside one
 * slot. 0 or -EINVAL with a sentence. */
int vhost_vring_check_addr(const struct vhost_endpoint *ep, const struct vhost_vring *v, const struct vhost_msg_addr *a,
			   struct vmq_err *err);

/* Does `a` put a ring that is running somewhere else, or its log? */
bool vhost_vring_moves(const struct vhost_endpoint *ep, const struct vhost_msg_addr *a);

/* Starts the pair if it is ready and not running; when the data path refuses, the pair is broken with its sentence. */
void vhost_pair_start(struct vhost_endpoint *ep, unsigned qp);
/* Takes it from the data path and stores where the rings stopped. When a worker does not let go in time the pair is
 * stuck: what it uses is kept until a later stop succeeds, or for good. */
void vhost_pair_stop(struct vhost_endpoint *ep, unsigned qp);
/* Stops it and keeps it from starting until vhost_pair_mend. */
void vhost_pair_break(struct vhost_endpoint *ep, unsigned qp, const char *reason);
/* The same of a pair that does not run. */
void vhost_pair_refuse(struct vhost_endpoint *ep, unsigned qp, const char *reason);
void vhost_pair_mend(struct vhost_endpoint *ep, unsigned qp);
/* What a pair that is neither running nor broken waits for: static text. */
const char *vhost_pair_waits_for(const struct vhost_endpoint *ep, unsigned qp);

/* A running pair whose receive ring is as blank as new memory: the driver has posted nothing yet, or it has, but into
 * memory that only the front-end sees (mapped privately: nothing else tells us). Static text saying so, or NULL. */
const char *vhost_pair_lacks_driver(const struct vhost_endpoint *ep, unsigned qp);

/* All pairs; used around a change of memory, and at the end. */
void vhost_pairs_start(struct vhost_endpoint *ep);
void vhost_pairs_stop(struct vhost_endpoint *ep);

/* The ring goes back to the stopped state: it needs a new kick to start. Its pair is stopped and mended. */
void vhost_vring_stop(struct vhost_endpoint *ep, unsigned index);
/* Puts `fd` (ours now, -1: none) in the place of *slot, one of the ring's descriptors, also in a running queue; closes
 * the old one when nobody uses it any more. */
void vhost_vring_set_fd(struct vhost_endpoint *ep, unsigned index, int *slot, int fd);

/* The log or LOG_ALL changed: running queues write to the right log, or to none, when this returns. */
void vhost_pairs_update_log(struct vhost_endpoint *ep);

/* Sends the events for what changed since the last call; a pause that ended is not told. Called at the end of whatever
 * starts, stops or breaks pairs. */
void vhost_pairs_tell(struct vhost_endpoint *ep);

/* The in-flight region (vring/inflight.h): of so many rings, in a mapping that is the endpoint's from now on; NULL, or too
 * small for them: -EINVAL, and it is unmapped. No ring runs. */
int vhost_inflight_use(struct vhost_endpoint *ep, struct vhost_map *map, uint64_t size, uint16_t queues);
/* A new one for so many rings, in a file of its own. *fd: the caller's. NULL: the sentence is in err. */
struct vhost_map *vhost_inflight_new(struct vhost_endpoint *ep, uint16_t queues, int *fd, struct vmq_err *err);

/* The front-end is gone: stops all, closes all descriptors, forgets all. */
void vhost_pairs_reset(struct vhost_endpoint *ep);

#endif
