/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket's file and who may connect to it (listen.h). */
#include "vmqd/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG    64
#define MAX_GROUPS 65536u /* the kernel's NGROUPS_MAX */

int listen_make_free(const char *path, struct vmq_err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, rc;

	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : vmq_err(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return vmq_err(err, -EEXIST, "%s is there already and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return vmq_err(err, -errno, "no socket: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)&sa, sizeof sa) == 0 ? 0 : -errno;
	(void)close(fd);
	if (rc != -ECONNREFUSED)
		return vmq_err(err, -EADDRINUSE, "another process listens at %s", path);
	if (unlink(path) < 0)
		return vmq_err(err, -errno, "%s is left over and cannot be removed: %s", path, strerror(errno));
	return 0;
}

int listen_open(const char *path, unsigned mode, gid_t group, struct listen_socket *out, struct vmq_err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int rc;

	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	rc = listen_make_free(path, err);
	if (rc < 0)
		return rc;
	*out = (struct listen_socket){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
	if (out->fd < 0)
		return vmq_err(err, -errno, "no socket: %s", strerror(errno));
	/* The file gets the descriptor's mode. A mode set by the path would be that of whatever somebody has put there
	 * meanwhile. Nobody can connect before listen(). */
	mask = umask(0);
	rc = fchmod(out->fd, mode) < 0 || bind(out->fd, (const struct sockaddr *)&sa, sizeof sa) < 0 ? -errno : 0;
	(void)umask(mask);
	if (rc < 0) {
		(void)close(out->fd);
		return vmq_err(err, rc, "%s: %s", path, strerror(-rc));
	}
	(void)snprintf(out->path, sizeof out->path, "%s", path);
	if (lstat(out->path, &st) < 0 || lchown(out->path, (uid_t)-1, group) < 0 || listen(out->fd, BACKLOG) < 0) {
		rc = vmq_err(err, -errno, "%s: %s", out->path, strerror(errno));
		(void)unlink(out->path);
		(void)close(out->fd);
		return rc;
	}
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	return 0;
}

void listen_close(struct listen_socket *s)
{
	struct stat st;

	if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		(void)unlink(s->path);
	(void)close(s->fd);
}

static bool in_group(int fd, gid_t group)
{
	socklen_t size = MAX_GROUPS * sizeof(gid_t);
	gid_t *list = malloc(size);
	bool found = false;

	if (list && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &size) == 0) {
		for (size_t i = 0; i < size / sizeof *list && !found; i++)
			found = list[i] == group;
	}
	free(list);
	return found;
}

bool listen_peer_allowed(int fd, gid_t group, uid_t *who)
{
	struct ucred cred;
	socklen_t size = sizeof cred;

	*who = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return false;
	*who = cred.uid;
	return cred.uid == 0 || cred.uid == geteuid() || cred.gid == group || in_group(fd, group);
}
