/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

static void address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
}

int vhost_socket_connect(const char *path)
{
	struct sockaddr_un a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	address(&a, path);
	/* On a unix socket this is done at once or not at all. */
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* Makes way for a socket at `path`: what is left of one that nobody listens on is removed. */
static int clear_path(const char *path, struct vmq_err *err)
{
	struct stat st;
	int fd;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : vmq_err(err, -errno, "socket %s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return vmq_err(err, -EEXIST, "socket %s: something that is not a socket is there", path);
	fd = vhost_socket_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || fd == -EAGAIN)
		return vmq_err(err, -EADDRINUSE, "socket %s: another process listens there", path);
	if (fd != -ECONNREFUSED && fd != -ENOENT)
		return vmq_err(err, fd, "socket %s: %s", path, strerror(-fd));
	if (unlink(path) && errno != ENOENT)
		return vmq_err(err, -errno, "socket %s: what is left of an old one cannot be removed: %s", path,
			       strerror(errno));
	return 0;
}

int vhost_socket_listen(const char *path, mode_t mode, uid_t uid, gid_t gid, dev_t *dev, ino_t *ino,
			struct vmq_err *err)
{
	struct sockaddr_un a;
	struct stat st;
	mode_t mask;
	int fd, rc = clear_path(path, err);

	if (rc)
		return rc;
	address(&a, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return vmq_err(err, -errno, "socket %s: %s", a.sun_path, strerror(errno));
	/* The file gets the descriptor's mode. A mode set by the path would be that of whatever somebody has put there
	 * meanwhile. Nobody can connect before listen(). */
	mask = umask(0);
	rc = fchmod(fd, mode) || bind(fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
	(void)umask(mask);
	if (rc) {
		close(fd);
		return vmq_err(err, rc, "socket %s: %s", a.sun_path, strerror(-rc));
	}
	if (((uid != (uid_t)-1 || gid != (gid_t)-1) && lchown(path, uid, gid)) || lstat(path, &st) || listen(fd, 16)) {
		rc = vmq_err(err, -errno, "socket %s: %s", a.sun_path, strerror(errno));
		(void)unlink(path);
		close(fd);
		return rc;
	}
	*dev = st.st_dev;
	*ino = st.st_ino;
	return fd;
}

void vhost_socket_own(const char *path, const struct stat *st, mode_t mode, uid_t uid, gid_t gid)
{
	bool other_owner = (uid != (uid_t)-1 && uid != st->st_uid) || (gid != (gid_t)-1 && gid != st->st_gid);

	if ((other_owner && lchown(path, uid, gid)) ||
	    ((st->st_mode & 07777) != mode && fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW)))
		log_error("socket %s: owner, group and mode stay what they were before: %s", path, strerror(errno));
}

void vhost_socket_unlink(const char *path, dev_t dev, ino_t ino)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == dev && st.st_ino == ino)
		(void)unlink(path);
}

pid_t vhost_socket_peer(int fd)
{
	struct ucred uc;
	socklen_t len = sizeof uc;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == 0 ? uc.pid : 0;
}
