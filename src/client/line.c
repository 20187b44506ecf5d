/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/line.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <vmq/vmq.h>

#define NS_PER_S  1000000000LL
#define NS_PER_MS 1000000LL

static int64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t line_deadline(unsigned int ms)
{
	return now() + ms * NS_PER_MS;
}

bool line_expired(int64_t deadline)
{
	return now() >= deadline;
}

static int wait_for(const struct line_io *io, short events, int64_t deadline)
{
	struct pollfd p = { .fd = io->fd, .events = events };
	struct timespec ts, *limit = NULL;
	int n;

	if (deadline != LINE_NO_DEADLINE) {
		int64_t left = deadline - now();

		if (left < 0)
			left = 0;
		ts.tv_sec = left / NS_PER_S;
		ts.tv_nsec = left % NS_PER_S;
		limit = &ts;
	}
	n = ppoll(&p, 1, limit, NULL);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

int line_send(struct line_io *io, const char *data, size_t len, int64_t deadline)
{
	while (len) {
		ssize_t n = send(io->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			int rc = wait_for(io, POLLOUT, deadline);

			if (rc && rc != -EINTR)
				return rc;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Room for more bytes: first by moving what is there to the front, then by a larger buffer, at most VMQ_ANSWER_MAX. */
static int make_room(struct line_io *io)
{
	size_t size;
	char *buf;

	if (io->start) {
		memmove(io->buf, io->buf + io->start, io->end - io->start);
		io->end -= io->start;
		io->scanned -= io->start;
		io->start = 0;
	}
	if (io->end < io->size)
		return 0;
	if (io->size >= VMQ_ANSWER_MAX)
		return -EMSGSIZE;
	size = io->size ? io->size * 2 : 4096;
	if (size > VMQ_ANSWER_MAX)
		size = VMQ_ANSWER_MAX;
	buf = realloc(io->buf, size);
	if (!buf)
		return -ENOMEM;
	io->buf = buf;
	io->size = size;
	return 0;
}

/* A descriptor that nobody took is closed when the next comes: there is one at most. */
static void keep_fds(struct line_io *io, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			if (io->passed >= 0)
				(void)close(io->passed);
			memcpy(&io->passed, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		}
	}
}

/* As recv(), and keeps a descriptor that comes along. Room for one is, aligned, room for two; the kernel closes more. */
static ssize_t receive_some(struct line_io *io)
{
	struct iovec iov = { io->buf + io->end, io->size - io->end };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room };
	ssize_t n = recvmsg(io->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		keep_fds(io, &m);
	return n;
}

int line_take_fd(struct line_io *io)
{
	int fd = io->passed;

	io->passed = -1;
	return fd;
}

int line_receive(struct line_io *io, const char **line, size_t *len, int64_t deadline)
{
	for (;;) {
		char *nl = NULL;
		ssize_t n;
		int rc;

		if (io->end > io->scanned)
			nl = memchr(io->buf + io->scanned, '\n', io->end - io->scanned);
		if (nl) {
			*line = io->buf + io->start;
			*len = (size_t)(nl - *line);
			io->start = io->scanned = (size_t)(nl - io->buf) + 1;
			return 0;
		}
		io->scanned = io->end;
		rc = make_room(io);
		if (rc)
			return rc;
		n = receive_some(io);
		if (n > 0) {
			io->end += (size_t)n;
			continue;
		}
		if (n == 0)
			return -ECONNRESET;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		rc = wait_for(io, POLLIN, deadline);
		if (rc)
			return rc;
	}
}

void line_close(struct line_io *io)
{
	if (io->fd >= 0)
		(void)close(io->fd);
	if (io->passed >= 0)
		(void)close(io->passed);
	free(io->buf);
	*io = (struct line_io){ .fd = -1, .passed = -1 };
}
