/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a network device is right now, and word when that changes: link, address, MTU, and whether somebody wants all
 * its frames. The kernel says it on a NETLINK_ROUTE socket of the device's network namespace (rtnetlink(7)); what its
 * messages leave out, or what was lost of them, is asked for. A device is watched by its name: it may go and come back.
 *
 * Owned and called by the control thread only. Nothing here waits.
 */
#ifndef VMQ_PORT_LINK_WATCH_H
#define VMQ_PORT_LINK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct link_watch;

struct link_state {
	bool present;	  /* an Ethernet device has the name; false: all else is 0 */
	bool up;	  /* set up, and with carrier */
	bool promiscuous; /* it is to take every frame: set so, a bridge's port, a capture or another device needs it */
	uint8_t mac[6];
	unsigned mtu; /* bytes, without the Ethernet header */
};

/* The state is another than the one last told or seen at open. Called from link_watch_read; several changes may be told
 * as one. Must not close the watch. */
typedef void link_watch_fn(void *ctx, const struct link_state *now);

/* Watches the device `name` in the network namespace at path `netns` (NULL: ours). Its state is known when this
 * returns; that there is none of that name is a state, not an error. -EINVAL: a name that can be none; another -errno:
 * no socket, no such namespace; always with the sentence. */
int link_watch_open(const char *name, const char *netns, link_watch_fn *fn, void *ctx, struct link_watch **out,
		    struct vmq_err *err);
/* NULL is allowed. */
void link_watch_close(struct link_watch *w);
/* Readable when there is something to read: then call link_watch_read. The watch's own, valid until it is closed. */
int link_watch_fd(const struct link_watch *w);
/* Takes what the kernel has said, a bounded number of messages, and calls back if the state changed. */
void link_watch_read(struct link_watch *w);
/* What is known, valid until the next link_watch_read. */
const struct link_state *link_watch_state(const struct link_watch *w);

#endif
