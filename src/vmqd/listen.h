/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket's file and who may connect to it. Control thread.
 */
#ifndef VMQ_VMQD_LISTEN_H
#define VMQ_VMQD_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct listen_socket {
	int fd;
	dev_t dev; /* of the file at the path: it is unlinked only while it is still ours */
	ino_t ino;
	char path[108];
};

/* Removes a socket nobody listens at. One that is in use (-EADDRINUSE) and a file that is no socket (-EEXIST) are left
 * alone. 0 also when nothing is there, or -errno with the sentence. */
int listen_make_free(const char *path, struct vmq_err *err);
/* Listens at `path`, made free first, with the given permission bits and group. 0 or -errno with the sentence. */
int listen_open(const char *path, unsigned mode, gid_t group, struct listen_socket *out, struct vmq_err *err);
void listen_close(struct listen_socket *s);

/* Root, the daemon's own user and members of the group may. `who` gets the peer's user, for the log. */
bool listen_peer_allowed(int fd, gid_t group, uid_t *who);

#endif
