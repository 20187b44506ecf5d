/* SPDX-License-Identifier: BSD-3-Clause */
/* The short-lived thread that enters a network namespace for port_in_netns. It has no state beyond one call. */
#include "port/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct visit {
	int ns_fd;
	int (*fn)(void *arg);
	void *arg;
	int enter_rc; /* 0 or -errno of setns */
	int rc;	      /* fn's */
};

static void *visit(void *arg)
{
	struct visit *v = arg;

	v->enter_rc = setns(v->ns_fd, CLONE_NEWNET) == 0 ? 0 : -errno;
	if (v->enter_rc == 0)
		v->rc = v->fn(v->arg);
	return NULL;
}

int port_in_netns(const char *path, int (*fn)(void *arg), void *arg, struct vmq_err *err)
{
	struct visit v = { .fn = fn, .arg = arg };
	sigset_t all, old;
	pthread_t thread;
	int rc;

	if (!path)
		return fn(arg);
	v.ns_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* whatever the path names: nobody is waited for */
	if (v.ns_fd < 0) {
		rc = -errno;
		return vmq_err(err, rc, "network namespace %s cannot be opened: %s", path, strerror(-rc));
	}
	/* Signals are for the threads that wait for them. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = -pthread_create(&thread, NULL, visit, &v);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		(void)pthread_join(thread, NULL);
	(void)close(v.ns_fd);
	if (rc)
		return vmq_err(err, rc, "no thread could be made to enter network namespace %s: %s", path,
			       strerror(-rc));
	if (v.enter_rc)
		return vmq_err(err, v.enter_rc, "network namespace %s cannot be entered: %s (CAP_SYS_ADMIN is needed)",
			       path, strerror(-v.enter_rc));
	return v.rc;
}

bool port_netns_here(int ns_fd)
{
	struct stat there, here;
	bool same;

	if (ns_fd < 0)
		return false;
	same = fstat(ns_fd, &there) == 0 && stat("/proc/thread-self/ns/net", &here) == 0 && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
	(void)close(ns_fd);
	return same;
}
