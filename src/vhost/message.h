/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Framing: bytes and descriptors of a connected socket made into whole messages, and answers sent back. Never blocks,
 * never reads past the end of a message (the descriptors of the next one would come along), keeps half a message for
 * as long as it takes. Knows nothing of what requests mean. Owned by one endpoint; control thread.
 */
#ifndef VMQ_VHOST_MESSAGE_H
#define VMQ_VHOST_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "vhost/protocol.h"

struct vhost_msg {
	struct vhost_msg_header h;
	union vhost_msg_payload p;
	int fds[VHOST_MSG_MAX_FDS];
	unsigned nfds;
};

#define VHOST_CHANNEL_OUT 512u /* bytes of answers kept for a front-end that does not read them */

struct vhost_channel {
	int fd;
	size_t have; /* bytes of the message in hand, header included */
	struct vhost_msg msg;
	uint8_t out[VHOST_CHANNEL_OUT];
	size_t nout;
	unsigned left_open; /* descriptors that came and cannot be closed without waiting for somebody; over all sockets */
};

/* Takes over a connected non-blocking socket. */
void vhost_channel_init(struct vhost_channel *c, int fd);
/* Closes it and the descriptors of a message in hand. */
void vhost_channel_close(struct vhost_channel *c);

/*
 * Goes on receiving. 1: c->msg is a whole message; its descriptors are the channel's until taken with
 * vhost_msg_take_fd, and vhost_channel_next must be called before the next receive. 0: not all there yet. -ECONNRESET:
 * the peer closed (also in the middle of a message). -EPROTO: what came is no message; the sentence is in err.
 */
int vhost_channel_recv(struct vhost_channel *c, struct vmq_err *err);
/* The message is dealt with: descriptors nobody took are closed. */
void vhost_channel_next(struct vhost_channel *c);
/* The message's descriptor number i is the caller's from now on. */
int vhost_msg_take_fd(struct vhost_msg *m, unsigned i);

/* Sends an answer, or keeps what the socket does not take. -ENOBUFS: the front-end has let too many answers lie. */
int vhost_channel_send(struct vhost_channel *c, uint32_t request, const void *payload, uint32_t size);
/* The same with a descriptor beside it, which stays the caller's; only while no answer is kept. 0 or -errno. */
int vhost_channel_send_fd(struct vhost_channel *c, uint32_t request, const void *payload, uint32_t size, int fd);
/* Sends what was kept. 0 or -errno; c->nout is 0 when all is out. */
int vhost_channel_flush(struct vhost_channel *c);

#endif
