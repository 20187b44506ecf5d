/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop (loop.h). Control thread only. A watch that is removed is marked dead and freed after the round,
 * because epoll may have reported it in the same round already, and its descriptor's number may be in use again.
 */
#include "vmqd/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ROUND 64

struct watch {
	bool dead;
	loop_fn *fn;
	void *arg;
	struct watch *next_dead;
};

struct loop {
	int epfd;
	bool stop;
	struct watch **by_fd;
	size_t room; /* of by_fd */
	struct watch *dead;
};

int loop_create(struct loop **out)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		int rc = -errno;

		free(l);
		return rc;
	}
	*out = l;
	return 0;
}

static void bury(struct loop *l)
{
	while (l->dead) {
		struct watch *w = l->dead;

		l->dead = w->next_dead;
		free(w);
	}
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	bury(l);
	free(l->by_fd);
	(void)close(l->epfd);
	free(l);
}

static struct watch *find(const struct loop *l, int fd)
{
	return fd >= 0 && (size_t)fd < l->room ? l->by_fd[fd] : NULL;
}

static int make_room(struct loop *l, int fd)
{
	size_t room = l->room ? l->room : 64;
	struct watch **t;

	if ((size_t)fd < l->room)
		return 0;
	while (room <= (size_t)fd)
		room *= 2;
	t = realloc(l->by_fd, room * sizeof *t);
	if (!t)
		return -ENOMEM;
	memset(t + l->room, 0, (room - l->room) * sizeof *t);
	l->by_fd = t;
	l->room = room;
	return 0;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg)
{
	struct epoll_event ev = { .events = events };
	struct watch *w;

	if (fd < 0)
		return -EBADF;
	if (find(l, fd))
		return -EEXIST;
	if (make_room(l, fd) < 0 || (w = calloc(1, sizeof *w)) == NULL)
		return -ENOMEM;
	w->fn = fn;
	w->arg = arg;
	ev.data.ptr = w;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int rc = -errno;

		free(w);
		return rc;
	}
	l->by_fd[fd] = w;
	return 0;
}

int loop_change(struct loop *l, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = find(l, fd) };

	if (!ev.data.ptr)
		return -ENOENT;
	return epoll_ctl(l->epfd, EPOLL_CTL_MOD, fd, &ev) < 0 ? -errno : 0;
}

void loop_remove(struct loop *l, int fd)
{
	struct watch *w = find(l, fd);

	if (!w)
		return;
	(void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, fd, NULL);
	l->by_fd[fd] = NULL;
	w->dead = true;
	w->next_dead = l->dead;
	l->dead = w;
}

int loop_turn(struct loop *l, int ms)
{
	struct epoll_event ev[ROUND];
	int n = epoll_wait(l->epfd, ev, ROUND, ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct watch *w = ev[i].data.ptr;

		if (!w->dead)
			w->fn(w->arg, ev[i].events);
	}
	bury(l);
	return 0;
}

int loop_run(struct loop *l)
{
	int rc = 0;

	l->stop = false;
	while (!l->stop && rc == 0)
		rc = loop_turn(l, -1);
	return rc;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
