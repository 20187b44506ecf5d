/* SPDX-License-Identifier: BSD-3-Clause */
/* The service manager's store of descriptors (fdstore.h). */
#include "vmqd/fdstore.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"

/*
 * The manager passes all names on in one string of the environment, LISTEN_FDNAMES, and the kernel starts no program
 * with a string of more than 128 KiB (MAX_ARG_STRLEN): with a name too many there would be no next process.
 */
#define NAMES_MAX (131072u - 64u)

struct passed {
	char *name;
	int fd;
	bool taken;
};

struct fdstore {
	struct fd_keep keep;
	struct passed *passed; /* by the process before this one */
	size_t npassed;
	json_t *users;	  /* name -> how many have stored it */
	json_t *left_out; /* names of those for which there was no room: a set */
	size_t names;	  /* bytes of the others in LISTEN_FDNAMES */
	bool full;	  /* the log says so already */
	bool failed;	  /* the log says so already */
};

static void notify(struct fdstore *f, const char *text, const int *fd)
{
	int rc = fd ? sd_pid_notify_with_fds(0, 0, text, fd, 1) : sd_notify(0, text);

	if (rc < 0 && !f->failed) {
		f->failed = true;
		log_error("the service manager does not take descriptors: %s; a restart will not go on with VMs' sessions",
			  strerror(-rc));
	}
}

static json_int_t count(struct fdstore *f, const char *name, int by)
{
	json_int_t n = json_integer_value(json_object_get(f->users, name)) + by;

	if (n > 0)
		(void)json_object_set_new(f->users, name, json_integer(n));
	else
		(void)json_object_del(f->users, name);
	return n;
}

static void tell_store(struct fdstore *f, const char *name, int fd)
{
	char text[512];

	if (f->names + strlen(name) + 1 > NAMES_MAX) {
		(void)json_object_set_new(f->left_out, name, json_null());
		if (!f->full)
			log_warn("the service manager's store has no room for more names (%s): after a restart some VMs will "
				 "have to connect again",
				 name);
		f->full = true;
		return;
	}
	f->names += strlen(name) + 1;
	(void)snprintf(text, sizeof text, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	notify(f, text, &fd);
}

static void tell_remove(struct fdstore *f, const char *name)
{
	char text[512];

	if (json_object_del(f->left_out, name) == 0)
		return;
	f->names -= strlen(name) + 1;
	(void)snprintf(text, sizeof text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notify(f, text, NULL);
}

static void store(void *ctx, const char *name, int fd)
{
	struct fdstore *f = ctx;

	if (count(f, name, 1) == 1)
		tell_store(f, name, fd);
}

static void give_up(void *ctx, const char *name)
{
	struct fdstore *f = ctx;

	if (count(f, name, -1) == 0)
		tell_remove(f, name);
}

/* The manager has it still. */
static int take(void *ctx, const char *name)
{
	struct fdstore *f = ctx;

	for (size_t i = 0; i < f->npassed; i++) {
		if (strcmp(f->passed[i].name, name) != 0)
			continue;
		f->passed[i].taken = true;
		(void)count(f, name, 1);
		return fcntl(f->passed[i].fd, F_DUPFD_CLOEXEC, 3);
	}
	return -1;
}

int fdstore_open(struct fdstore **out, struct vmq_err *err)
{
	const char *manager = getenv("FDSTORE"), *unit = getenv("VMQ_FDSTORE");
	struct fdstore *f;
	char **names = NULL;
	int n;

	*out = NULL;
	n = sd_listen_fds_with_names(1, &names);
	if (n < 0)
		return vmq_err(err, -1, "the descriptors that the service manager passed: %s", strerror(-n));
	if (!getenv("NOTIFY_SOCKET") || !(manager ? atoi(manager) > 0 : unit && strcmp(unit, "1") == 0)) {
		for (int i = 0; i < n; i++) {
			(void)close(SD_LISTEN_FDS_START + i);
			free(names[i]);
		}
		free(names);
		return 0;
	}
	f = calloc(1, sizeof *f);
	if (f) {
		f->passed = calloc((size_t)n + 1, sizeof *f->passed);
		f->users = json_object();
		f->left_out = json_object();
	}
	if (!f || !f->passed || !f->users || !f->left_out)
		return vmq_err(err, -1, "out of memory");
	f->keep = (struct fd_keep){ store, give_up, take, f };
	for (int i = 0; i < n; i++) {
		f->passed[f->npassed++] = (struct passed){ .name = names[i], .fd = SD_LISTEN_FDS_START + i };
		f->names += strlen(names[i]) + 1;
	}
	free(names);
	*out = f;
	return 0;
}

static void close_passed(struct fdstore *f)
{
	for (size_t i = 0; i < f->npassed; i++) {
		(void)close(f->passed[i].fd);
		free(f->passed[i].name);
	}
	f->npassed = 0;
}

void fdstore_settle(struct fdstore *f)
{
	size_t gone = 0;

	if (!f || !f->npassed)
		return;
	for (size_t i = 0; i < f->npassed; i++)
		if (!f->passed[i].taken) {
			tell_remove(f, f->passed[i].name);
			gone++;
		}
	log_info("%zu descriptors taken over from the process before, %zu given up", f->npassed - gone, gone);
	close_passed(f);
}

void fdstore_close(struct fdstore *f)
{
	if (!f)
		return;
	close_passed(f);
	free(f->passed);
	json_decref(f->users);
	json_decref(f->left_out);
	free(f);
}

const struct fd_keep *fdstore_keep(struct fdstore *f)
{
	return f ? &f->keep : NULL;
}
