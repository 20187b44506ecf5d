/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session that outlives the process: what a front-end told is written down in a shared file, and that file, the
 * sockets, and every descriptor the front-end passed are given to a keeper (the service manager's store). The next
 * process takes them from there and serves the VM on, without a word of the front-end, which does not know of it.
 *
 * The file is changed between messages only: while one is worked on it is marked busy. Killed then, the next process
 * closes the connection, and the front-end begins anew. Owned by the endpoint; control thread.
 */
#ifndef VMQ_VHOST_SESSION_H
#define VMQ_VHOST_SESSION_H

#include <stdbool.h>

struct vhost_endpoint;
struct vhost_session;

/* Without a keeper, all of these do nothing. */

/* At the beginning: takes over what was kept under this endpoint's path, or begins a new file. *listen_fd gets the
 * listening socket that was kept, -1: none. True: a connection was kept, too; vhost_session_resume goes on with it. */
bool vhost_session_open(struct vhost_endpoint *ep, int *listen_fd);
/* The socket that is listened at is another one, or (-1) the kept one is of no use. */
void vhost_session_relisten(struct vhost_endpoint *ep, int fd);
/* A message may be worked on from now on, until vhost_session_save. */
void vhost_session_busy(struct vhost_endpoint *ep);
/* Writes down how things are, and gives to the keeper, or takes back, what has changed. */
void vhost_session_save(struct vhost_endpoint *ep);
/* Sets the endpoint up as it was left: features, memory, rings. The connection's socket, or -1: it cannot be gone on with
 * and is closed. */
int vhost_session_resume(struct vhost_endpoint *ep);
/* The endpoint ends. `leave`: the next process goes on with it; else the keeper gives everything up. */
void vhost_session_close(struct vhost_endpoint *ep, bool leave);

#endif
