/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of a port outlives the process (base/keep.h): its descriptors of the kernel's, so that the kernel goes on receiving
 * for us, a TAP device stays, and a process that is killed has nothing to take down that takes long. Each is named by a
 * kind and by the device. Owned by a port; control thread.
 */
#ifndef VMQ_PORT_KEPT_H
#define VMQ_PORT_KEPT_H

#include <stdbool.h>

#include "base/keep.h"

#define PORT_KEPT_MAX 5u

struct port_kept {
	const struct fd_keep *keep; /* NULL: nothing is kept, and none of the functions below does anything */
	char of[2 * FD_KEEP_NAME];  /* the device, and the path of its namespace */
	const char *kind[PORT_KEPT_MAX]; /* what is kept of this port */
	unsigned n;
	bool leave;		    /* the port is closed for a process that goes on with it */
};

void port_kept_init(struct port_kept *k, const struct fd_keep *keep, const char *ifname, const char *netns);
/* What an earlier process kept, now this port's, too; -1: nothing. `kind` is a literal; the descriptor is the caller's. */
int port_kept_take(struct port_kept *k, const char *kind);
/* Keeps a copy; what was kept of this kind must have been given up. */
void port_kept_store(struct port_kept *k, const char *kind, int fd);
void port_kept_give_up(struct port_kept *k, const char *kind);
/* All of it, unless the port is left. */
void port_kept_close(struct port_kept *k);

#endif
