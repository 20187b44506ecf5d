/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unix sockets for endpoints: made, bound with the right owner and mode, connected without waiting, and unlinked only
 * by whom made them. No state; control thread.
 */
#ifndef VMQ_VHOST_SOCKET_H
#define VMQ_VHOST_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

#define VHOST_PATH_MAX 107u /* sun_path less its end */

/*
 * Listens at `path`, non-blocking. A socket file on which nobody listens is replaced; never wider open than `mode` at
 * any moment. The file's device and inode are left in *dev and *ino. Returns the descriptor, or -errno with the
 * sentence.
 */
int vhost_socket_listen(const char *path, mode_t mode, uid_t uid, gid_t gid, dev_t *dev, ino_t *ino,
			struct vmq_err *err);
/* Owner, group and mode of the socket file that is there already, `st` as it was seen; logged when it cannot be. */
void vhost_socket_own(const char *path, const struct stat *st, mode_t mode, uid_t uid, gid_t gid);
/* Unlinks `path` if it still is that file. */
void vhost_socket_unlink(const char *path, dev_t dev, ino_t ino);
/* Connects, non-blocking: the connected descriptor, or -errno (-EAGAIN: the other side's queue is full). */
int vhost_socket_connect(const char *path);
/* The process at the other end, 0: not told. */
pid_t vhost_socket_peer(int fd);

#endif
