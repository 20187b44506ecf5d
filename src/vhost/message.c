/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void vhost_channel_init(struct vhost_channel *c, int fd)
{
	c->fd = fd;
	c->have = 0;
	c->msg.nfds = 0;
	c->nout = 0;
}

void vhost_channel_next(struct vhost_channel *c)
{
	for (unsigned i = 0; i < c->msg.nfds; i++)
		if (c->msg.fds[i] >= 0)
			close(c->msg.fds[i]);
	c->msg.nfds = 0;
	c->have = 0;
}

void vhost_channel_close(struct vhost_channel *c)
{
	vhost_channel_next(c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->nout = 0;
}

int vhost_msg_take_fd(struct vhost_msg *m, unsigned i)
{
	int fd = m->fds[i];

	m->fds[i] = -1;
	return fd;
}

enum fd_kind { FD_PLAIN, FD_SOCKET, FD_REMOTE };

/*
 * FD_REMOTE: a file that somebody else serves (FUSE, a network's), who may let us wait for ever when we ask for it, touch
 * it or close it. Files in memory have seals, and those on a disk a device with a number of its own. Asks nobody but the
 * kernel.
 */
static enum fd_kind kind_of(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st))
		return FD_REMOTE;
	if (S_ISSOCK(st.stx_mode))
		return FD_SOCKET;
	return S_ISREG(st.stx_mode) && st.stx_dev_major == 0 && fcntl(fd, F_GET_SEALS) < 0 ? FD_REMOTE : FD_PLAIN;
}

/* Its last close may wait for its peer to take what was sent, for as long as its sender likes. */
static void do_not_linger(int fd)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/*
 * The message's descriptors may come with any of its bytes. All that the kernel gave us is ours to close, but for what
 * would make us wait. Sockets are of no use to us, and one may be the front-end's own end of this connection: kept with
 * half a message it would hide that the front-end is gone.
 */
static int collect_fds(struct vhost_channel *c, struct msghdr *mh, struct vmq_err *err)
{
	bool excess = mh->msg_flags & MSG_CTRUNC, sockets = false, remote = false;
	struct vhost_msg *m = &c->msg;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			enum fd_kind kind;
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof fd, sizeof fd);
			kind = kind_of(fd);
			if (kind == FD_REMOTE) {
				remote = true;
				c->left_open++;
				continue;
			}
			if (kind == FD_SOCKET) {
				sockets = true;
				do_not_linger(fd);
			}
			if (m->nfds < VHOST_MSG_MAX_FDS) {
				m->fds[m->nfds++] = fd;
			} else {
				close(fd);
				excess = true;
			}
		}
	}
	if (excess)
		return vmq_err(err, -EPROTO, "a message brings more than %u descriptors, or no more can be opened here",
			       VHOST_MSG_MAX_FDS);
	if (sockets)
		return vmq_err(err, -EPROTO, "a message brings a socket, which no request that was offered has");
	if (remote)
		return vmq_err(err, -EPROTO,
			       "a message brings a file that is neither in memory (memfd, tmpfs, hugetlbfs) nor on a disk's file "
			       "system with a device number of its own (ext4, XFS)");
	return 0;
}

/* Receives up to n bytes to `to`; > 0: so many, 0: nothing there now. */
static int receive(struct vhost_channel *c, void *to, size_t n, struct vmq_err *err)
{
	union {
		char buf[CMSG_SPACE(VHOST_MSG_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { to, n };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	ssize_t got;
	int rc;

	do
		got = recvmsg(c->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -ECONNRESET;
	rc = collect_fds(c, &mh, err);
	if (rc)
		return rc;
	return got == 0 ? -ECONNRESET : (int)got;
}

static int check_header(const struct vhost_msg_header *h, struct vmq_err *err)
{
	if ((h->flags & VHOST_MSG_VERSION_MASK) != VHOST_MSG_VERSION)
		return vmq_err(err, -EPROTO, "a message has version %u, %u is right", h->flags & VHOST_MSG_VERSION_MASK,
			       VHOST_MSG_VERSION);
	if (h->flags & VHOST_MSG_REPLY)
		return vmq_err(err, -EPROTO, "a message (request %u) is marked as a reply, but nothing was asked",
			       h->request);
	if (h->size > VHOST_MSG_MAX_PAYLOAD)
		return vmq_err(err, -EPROTO,
			       "a message (request %u) says it has a payload of %u bytes, the limit is %u", h->request,
			       h->size, VHOST_MSG_MAX_PAYLOAD);
	return 0;
}

int vhost_channel_recv(struct vhost_channel *c, struct vmq_err *err)
{
	struct vhost_msg *m = &c->msg;
	int rc;

	while (c->have < sizeof m->h) {
		rc = receive(c, (uint8_t *)&m->h + c->have, sizeof m->h - c->have, err);
		if (rc <= 0)
			return rc;
		c->have += (size_t)rc;
		if (c->have == sizeof m->h) {
			rc = check_header(&m->h, err);
			if (rc)
				return rc;
			memset(&m->p, 0, sizeof m->p);
		}
	}
	while (c->have < sizeof m->h + m->h.size) {
		size_t at = c->have - sizeof m->h;

		rc = receive(c, m->p.bytes + at, m->h.size - at, err);
		if (rc <= 0)
			return rc;
		c->have += (size_t)rc;
	}
	return 1;
}

int vhost_channel_flush(struct vhost_channel *c)
{
	while (c->nout) {
		ssize_t n = send(c->fd, c->out, c->nout, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		}
		c->nout -= (size_t)n;
		memmove(c->out, c->out + n, c->nout);
	}
	return 0;
}

int vhost_channel_send(struct vhost_channel *c, uint32_t request, const void *payload, uint32_t size)
{
	struct vhost_msg_header h = { request, VHOST_MSG_VERSION | VHOST_MSG_REPLY, size };

	if (sizeof h + size > sizeof c->out - c->nout)
		return -ENOBUFS;
	memcpy(c->out + c->nout, &h, sizeof h);
	memcpy(c->out + c->nout + sizeof h, payload, size);
	c->nout += sizeof h + size;
	return vhost_channel_flush(c);
}

int vhost_channel_send_fd(struct vhost_channel *c, uint32_t request, const void *payload, uint32_t size, int fd)
{
	struct vhost_msg_header h = { request, VHOST_MSG_VERSION | VHOST_MSG_REPLY, size };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .buf = { 0 } };
	struct iovec iov[] = { { &h, sizeof h }, { (void *)(uintptr_t)payload, size } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	ssize_t n;

	if (c->nout)
		return -ENOBUFS;
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof fd);
	do
		n = sendmsg(c->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? -ENOBUFS : -errno;
	return (size_t)n == sizeof h + size ? 0 : -ENOBUFS;
}
