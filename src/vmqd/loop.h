/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control thread's event loop: level-triggered watches on file descriptors, nothing else (timers are descriptors,
 * too: timerfd). Owned and called by the control thread only; callbacks run on it, one at a time, and may add and
 * remove watches, their own included. Nothing blocks but the wait.
 */
#ifndef VMQ_VMQD_LOOP_H
#define VMQ_VMQD_LOOP_H

#include <stdint.h>

struct loop;

/* `events` are EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll reports them. */
typedef void loop_fn(void *arg, uint32_t events);

int loop_create(struct loop **out);
/* Every watch must have been removed. NULL is allowed. */
void loop_destroy(struct loop *l);

/* Watches `fd` (the caller's, open until loop_remove; once at most). 0, -EEXIST, or -errno. */
int loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg);
/* -ENOENT: not watched. */
int loop_change(struct loop *l, int fd, uint32_t events);
/* When it returns the callback is not called any more, also not for an event of the same round. No effect on a
 * descriptor that is not watched. */
void loop_remove(struct loop *l, int fd);

/* Runs until loop_stop. 0, or -errno when waiting itself fails. */
int loop_run(struct loop *l);
/* One wait of at most `ms` milliseconds (-1: as long as it takes) and the callbacks that are due. */
int loop_turn(struct loop *l, int ms);
void loop_stop(struct loop *l);

#endif
