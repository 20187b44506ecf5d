/* SPDX-License-Identifier: BSD-3-Clause */
/* Which threads there are, where each ran last, and how much time it has had so far (host.h). Any thread. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define THREADS_MAX   65536u
#define KERNEL_THREAD 0x00200000u /* in the flags of a thread's stat */

/* The members of /proc/…/stat behind the name, by their number there (man 5 proc). */
enum { FIRST = 3, FLAGS = 9, UTIME = 14, STIME = 15, PROCESSOR = 39 };

static bool read_stat(const char *root, const char *pid, const char *tid, struct host_thread *out)
{
	unsigned long long flags = 0;
	char text[1024], *rest, *word;
	bool whole = false;

	if (host_read(text, sizeof text, root, "proc/%s/task/%s/stat", pid, tid) < 0 || (rest = strrchr(text, ')')) == NULL)
		return false;
	*out = (struct host_thread){ .pid = (pid_t)strtol(pid, NULL, 10), .tid = (pid_t)strtol(tid, NULL, 10) };
	rest++;
	rest += *rest == ' ';
	for (int i = FIRST; i <= PROCESSOR && (word = strsep(&rest, " ")) != NULL; i++) {
		unsigned long long n = strtoull(word, NULL, 10);

		flags = i == FLAGS ? n : flags;
		out->ticks += i == UTIME || i == STIME ? n : 0;
		out->cpu = i == PROCESSOR && n < HOST_MAX_CPUS ? (unsigned)n : 0;
		whole = i == PROCESSOR && n < HOST_MAX_CPUS;
	}
	return whole && !(flags & KERNEL_THREAD);
}

static int add(struct host_threads *t, const struct host_thread *one)
{
	struct host_thread *more;

	if (t->n == THREADS_MAX)
		return -ENOSPC;
	more = t->n % 64 ? t->list : reallocarray(t->list, t->n + 64, sizeof *more);
	if (!more)
		return -ENOMEM;
	t->list = more;
	more[t->n++] = *one;
	return 0;
}

/* A process's threads one after the other. */
static int by_number(const void *a, const void *b)
{
	const struct host_thread *x = a, *y = b;

	return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid) : (x->tid > y->tid) - (x->tid < y->tid);
}

const struct host_thread *host_thread_find(const struct host_threads *t, const struct host_thread *like)
{
	return t->n ? bsearch(like, t->list, t->n, sizeof *like, by_number) : NULL;
}

static int read_process(const char *root, const char *pid, const struct host_cpus *cpus, struct host_threads *out)
{
	const struct dirent *d;
	struct host_thread one;
	char path[PATH_MAX];
	int rc = 0;
	DIR *dir;

	(void)snprintf(path, sizeof path, "%s/proc/%s/task", root, pid);
	dir = opendir(path);
	while (dir && rc == 0 && (d = readdir(dir)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]) && read_stat(root, pid, d->d_name, &one) && host_cpus_has(cpus, one.cpu))
			rc = add(out, &one);
	if (dir)
		(void)closedir(dir);
	return rc;
}

int host_threads_read(const char *root, const struct host_cpus *cpus, struct host_threads *out)
{
	const struct dirent *d;
	char path[PATH_MAX];
	int rc = 0;
	DIR *dir;

	*out = (struct host_threads){ 0 };
	(void)snprintf(path, sizeof path, "%s/proc", root);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]))
			rc = read_process(root, d->d_name, cpus, out);
	(void)closedir(dir);
	if (out->n)
		qsort(out->list, out->n, sizeof *out->list, by_number);
	return rc;
}
