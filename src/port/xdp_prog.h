/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program that gives a device's frames to our AF_XDP sockets: made of instructions in xdp_prog.c (no compiler
 * at run time), attached by a BPF link. A link ends with its descriptor, so the program is gone from the device when
 * the port is closed and also when vmqd dies. Owned by the xdp port; control thread, inside the device's namespace.
 */
#ifndef VMQ_PORT_XDP_PROG_H
#define VMQ_PORT_XDP_PROG_H

#include <stdbool.h>

#include "base/err.h"
#include "port/device.h"

struct xdp_prog {
	int map_fd;  /* XSKMAP: queue number → socket */
	int link_fd; /* holds the program on the device */
	bool native; /* in the driver; else generic, in the kernel's stack */
};

/*
 * Loads the program for frames of the device's receive queues 0 … queues - 1 and attaches it: native if the driver can,
 * else generic. Frames of a queue for which no socket is in the map go to the host's stack as ever.
 *
 * `tags`: the program puts a VLAN tag that the kernel carries beside the frame back into its bytes. That works in
 * native mode only, from Linux 6.8.
 *
 * 0; -EBUSY: the device has an XDP program already; -EOPNOTSUPP: kernel, driver or device cannot; or another -errno;
 * always with the sentence in `err`, and then there is nothing to detach.
 */
int xdp_prog_attach(struct xdp_prog *x, const struct device *d, unsigned queues, bool tags, struct vmq_err *err);

/*
 * Goes on with the program that an earlier process attached: its link and its map. False: it is not (or not any more) what
 * the device runs, or for another number of queues; then the descriptors are the caller's as before. Otherwise they are *x's.
 */
bool xdp_prog_resume(struct xdp_prog *x, const struct device *d, unsigned queues, int link_fd, int map_fd, bool native);

/* The program stays on the device as long as somebody else has its link. */
void xdp_prog_leave(struct xdp_prog *x);
/* Takes the program off the device. From any namespace. */
void xdp_prog_detach(struct xdp_prog *x);

#endif
