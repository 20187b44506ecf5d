/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the daemon gives up once everything is started: its user if the configuration names another, capabilities, the
 * file system but the directories its sockets lie in (Landlock), and every system call that running does not need
 * (seccomp). Guests and front-ends reach code of this process by what they write; what they could do with it ends here.
 *
 * Control thread, once, when ports, devices and workers are there: nothing of that can be opened afterwards.
 */
#ifndef VMQ_VMQD_SANDBOX_H
#define VMQ_VMQD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct nic_engine;

struct sandbox {
	const char *const *dirs; /* where sockets are made and removed from now on */
	size_t ndirs;
	const char *user; /* whose process it shall be, NULL: as it is */
	uid_t uid;	  /* the user's */
	gid_t gid;
	struct nic_engine *engine; /* its workers are confined too and keep no capability at all; NULL: none */
};

/* For every thread and for good. What this kernel does not have is logged and left out. 0, or -errno with the sentence:
 * when the user cannot be taken on, or the process may not even begin. */
int sandbox_enter(const struct sandbox *s, struct vmq_err *err);

#endif
