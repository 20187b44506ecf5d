/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says, by netlink, of a device's NAPIs: its family `netdev` (Linux 6.8), and there the setting whether a
 * thread runs a NAPI (Linux 6.17). The kernel answers while it is asked, so nothing here waits; whoever floods the socket
 * makes a question fail, and no more.
 *
 * Owned by a port; control thread. Setting needs CAP_NET_ADMIN, asking nothing.
 */
#ifndef VMQ_PORT_NETDEV_H
#define VMQ_PORT_NETDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;

struct netdev {
	struct mnl_socket *sock; /* in the network namespace of the thread that opened it; NULL: not open */
	uint16_t family;
	uint32_t seq; /* of the last question */
};

struct netdev_napi {
	uint32_t id;
	int pid;    /* of its thread; 0: it has none */
	int thread; /* 1, 0: set so; -1: this kernel does not say */
};

/* 0, -EOPNOTSUPP: this kernel has no such family; another -errno. Nothing is open then. */
int netdev_open(struct netdev *d);
/* Allowed when it is not open. */
void netdev_close(struct netdev *d);

/* Which NAPIs the device has now: the number of those put into `of`, at most `max`. -ENODEV: no such device. -EOPNOTSUPP: not
 * open. */
int netdev_napis(struct netdev *d, int ifindex, struct netdev_napi *of, unsigned max);
/* Whether a thread is to run this NAPI. */
int netdev_set_thread(struct netdev *d, uint32_t napi, bool thread);

/* ---- an answer, as it comes in ---- */

struct netdev_answer {
	uint32_t seq, portid; /* of the question and of who asked it */
	uint16_t family;      /* `netdev`'s; found in the answer when that is what was asked for */
	int ifindex;	      /* of the device that was asked for */
	struct netdev_napi *of;
	unsigned max, n;
	int rc; /* 0; -errno: the first thing that was wrong */
};

/* Takes in one datagram from the kernel. Whatever is no answer to the question is passed over, and so are NAPIs without an
 * identifier or of another device. True: that was the answer's end. The datagram's memory is aligned as its messages are, its
 * end, too. */
bool netdev_take(struct netdev_answer *a, const void *datagram, size_t len);

#endif
