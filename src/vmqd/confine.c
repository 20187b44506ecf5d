/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the configuration to the sandbox: which directories stay open to the daemon, and what of its own it hands to the
 * user it becomes (daemon.h). Control thread, once, at the end of start-up.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vmqd/daemon.h"
#include "vmqd/sandbox.h"

struct dirs {
	char **path; /* each an allocation of its own */
	size_t n;
};

static int add_dir(struct dirs *d, const char *path)
{
	char **more;

	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->path[i], path) == 0)
			return 0;
	more = realloc(d->path, (d->n + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	d->path = more;
	d->path[d->n] = strdup(path);
	if (!d->path[d->n])
		return -ENOMEM;
	d->n++;
	return 0;
}

static int add_dir_of(struct dirs *d, const char *file)
{
	char copy[STACK_PATH_SIZE];

	(void)snprintf(copy, sizeof copy, "%s", file);
	return add_dir(d, dirname(copy));
}

/* Calls fn for each socket of a VPort that was made here, until one fails. */
static int each_socket(const struct daemon *d, int (*fn)(void *ctx, const char *path), void *ctx)
{
	for (size_t i = 0; i < d->nadapters; i++)
		for (uint32_t id = 1; id < NIC_MAX_VPORTS; id++) {
			const struct stack_vport *v = stack_vport_by_id(d->adapters[i].stack, id);
			int rc = 0;

			if (v && stack_vport_socket_mode(v) != STACK_SOCKET_CLIENT)
				rc = fn(ctx, stack_vport_socket(v));
			if (rc < 0)
				return rc;
		}
	return 0;
}

static int dir_of_socket(void *ctx, const char *path)
{
	return add_dir_of(ctx, path);
}

struct give {
	const struct config *cfg;
	struct vmq_err *err;
};

static int give(void *ctx, const char *path)
{
	const struct give *g = ctx;

	if (lchown(path, g->cfg->uid, (gid_t)-1) == 0)
		return 0;
	return vmq_err(g->err, -errno, "%s cannot be given to user %s: %s", path, g->cfg->user, strerror(errno));
}

int daemon_confine(struct daemon *d, struct vmq_err *err)
{
	const struct config *cfg = d->cfg;
	struct give to = { cfg, err };
	struct dirs dirs = { NULL, 0 };
	struct sandbox s = { .user = cfg->user, .uid = cfg->uid, .gid = cfg->gid, .engine = d->engine };
	int rc = 0;

	if (!cfg->sandbox) {
		log_info("sandbox: switched off in the configuration");
		return 0;
	}
	if (cfg->user &&
	    (give(&to, cfg->run_dir) < 0 || give(&to, cfg->socket) < 0 || each_socket(d, give, &to) < 0)) {
		config_blame(cfg, err, "user");
		return -1;
	}
	if (add_dir(&dirs, cfg->run_dir) < 0 || add_dir_of(&dirs, cfg->socket) < 0 ||
	    each_socket(d, dir_of_socket, &dirs) < 0) {
		rc = vmq_err(err, -1, "out of memory");
	} else {
		s.dirs = (const char *const *)dirs.path;
		s.ndirs = dirs.n;
		rc = sandbox_enter(&s, err);
		if (rc < 0)
			config_blame(cfg, err, cfg->user ? "user" : "sandbox");
	}
	for (size_t i = 0; i < dirs.n; i++)
		free(dirs.path[i]);
	free(dirs.path);
	return rc < 0 ? -1 : 0;
}
