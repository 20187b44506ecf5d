/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doing something inside another network namespace. A socket, a TAP device or an XDP program belongs to the namespace
 * of the thread that makes it, for its life, so only the making has to happen there. It happens on a thread that ends
 * afterwards: no thread of ours ever has to find its way back.
 */
#ifndef VMQ_PORT_NETNS_H
#define VMQ_PORT_NETNS_H

#include <stdbool.h>

#include "base/err.h"

/* Calls fn(arg) inside the network namespace at `path` and returns what it returned; path NULL: calls it right here.
 * -errno with the sentence in `err` when the namespace cannot be entered (fn was not called then). Waits for fn.
 * Control thread. */
int port_in_netns(const char *path, int (*fn)(void *arg), void *arg, struct vmq_err *err);

/* Is `ns_fd` the network namespace of the calling thread? Closes it; -1 is no. */
bool port_netns_here(int ns_fd);

#endif
