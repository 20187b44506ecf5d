/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The files of light sleep (sleep_files.h). The record's lines have a fixed length, because a worker writes its mark in the
 * middle of its line: "CPU VALUE MARK". Whatever is not so is passed over.
 */
#include "vmqd/sleep_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "host/host.h"

#define BOOT_SIZE 40
#define HEAD "boot %-40s\n" /* values of another boot are gone */
#define HEAD_BYTES (sizeof "boot \n" - 1 + BOOT_SIZE)
#define LINE "%5u %-7s %s\n"
#define LINE_BYTES 16u
#define MARK_AT 14u
#define MAX_LINES 128u /* our own, and what could not be put back of others */
#define RECORD_BYTES (HEAD_BYTES + MAX_LINES * LINE_BYTES)

/* A CPU that the kernel was asked for. */
struct entry {
	unsigned cpu;
	char light[NIC_SLEEP_VALUE_SIZE];
};

struct entries {
	unsigned n;
	struct entry e[MAX_LINES];
};

struct sleep_files {
	char record[PATH_MAX];
	int record_fd;
	unsigned ncpus;
	uint16_t cpu[NIC_MAX_WORKERS];
	struct nic_sleep_file file[NIC_MAX_WORKERS];
	char why[NIC_MAX_WORKERS][160];
};

void sleep_files_record(const char *control_socket, char *out, size_t size)
{
	(void)snprintf(out, size, "%s.cpus", control_socket);
}

/* ---- a CPU's file ---- */

/* -errno, or the descriptor. */
static int open_cpu(const char *root, unsigned cpu)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof path, "%s/" HOST_RESUME_LATENCY, root, cpu);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* 1: done; 0: it is not as the record says any more; or -errno. */
static int put_back(const char *root, const struct entry *e)
{
	int fd = open_cpu(root, e->cpu), rc = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd; /* there is no such CPU */
	if (nic_sleep_file_reads(fd, e->light))
		rc = pwrite(fd, NIC_SLEEP_DEEPEST "\n", 2, 0) == 2 ? 1 : -errno;
	(void)close(fd);
	return rc;
}

/* ---- the record ---- */

static void boot_id(const char *root, char out[BOOT_SIZE])
{
	if (host_read(out, BOOT_SIZE, root, "proc/sys/kernel/random/boot_id") < 0)
		(void)snprintf(out, BOOT_SIZE, "?");
}

/* The record as text; empty: there is none. */
static void read_record(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n = 0;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = pread(fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

/* What is marked in it. */
static void read_entries(const char *root, const char *path, struct entries *out)
{
	char text[RECORD_BYTES + 1], boot[BOOT_SIZE], head[HEAD_BYTES + 1], *rest = text, *line;

	out->n = 0;
	read_record(path, text, sizeof text);
	boot_id(root, boot);
	(void)snprintf(head, sizeof head, HEAD, boot);
	line = strsep(&rest, "\n");
	if (strncmp(line, head, HEAD_BYTES - 1) != 0)
		return;
	while ((line = strsep(&rest, "\n")) != NULL && out->n < MAX_LINES) {
		struct entry *e = &out->e[out->n];
		char mark;

		if (sscanf(line, "%5u %7s %c", &e->cpu, e->light, &mark) == 3 && e->cpu < HOST_MAX_CPUS &&
		    mark == NIC_SLEEP_ASKED[0])
			out->n++;
	}
}

/* Puts back what is in `e`; afterwards it holds what could not be. How many were given back. */
static unsigned put_all_back(const char *root, struct entries *e)
{
	unsigned left = 0, done = 0;

	for (unsigned i = 0; i < e->n; i++) {
		const struct entry *it = &e->e[i];
		int rc = put_back(root, it);

		if (rc < 0)
			log_warn("CPU %u was left in light sleep (%s) and cannot be given back: %s", it->cpu, it->light, strerror(-rc));
		else if (rc)
			log_info("CPU %u was left in light sleep and is given back", it->cpu);
		if (rc < 0)
			e->e[left++] = *it;
		else
			done += (unsigned)rc;
	}
	e->n = left;
	return done;
}

static int add_line(char *text, size_t at, const struct entry *e, const char *mark)
{
	return snprintf(text + at, LINE_BYTES + 1, LINE, e->cpu, e->light, mark);
}

/* A new file in place of whatever is there, or none when it would say nothing: what somebody else put there is not opened for
 * writing. -errno or 0. */
static int write_record(const char *path, const char *text, size_t len, int *out)
{
	int fd, rc = 0;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	if (len == HEAD_BYTES)
		return 0;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, text, len, 0) != (ssize_t)len) {
		rc = -EIO;
		(void)unlink(path);
		(void)close(fd);
	} else {
		*out = fd;
	}
	return rc;
}

/* With the lines of `left`, and then our own, whose workers get their places. */
static int begin_record(const char *root, const char *path, const struct entries *left, struct sleep_files *f, int *out)
{
	char text[RECORD_BYTES + 1], boot[BOOT_SIZE];
	size_t len;

	boot_id(root, boot);
	len = (size_t)snprintf(text, sizeof text, HEAD, boot);
	for (unsigned i = 0; i < left->n && i < MAX_LINES - NIC_MAX_WORKERS; i++)
		len += (size_t)add_line(text, len, &left->e[i], NIC_SLEEP_ASKED);
	for (unsigned i = 0; f && i < f->ncpus; i++) {
		struct entry own = { .cpu = f->cpu[i] };

		if (f->file[i].fd < 0)
			continue;
		memcpy(own.light, f->file[i].light, sizeof own.light);
		f->file[i].mark_at = (off_t)(len + MARK_AT);
		len += (size_t)add_line(text, len, &own, NIC_SLEEP_NOT_ASKED);
	}
	return write_record(path, text, len, out);
}

int sleep_files_put_back(const char *root, const char *record)
{
	struct entries e;
	unsigned n;
	int fd = -1, rc;

	read_entries(root, record, &e);
	n = put_all_back(root, &e);
	if (e.n == 0) {
		(void)unlink(record);
		return (int)n;
	}
	rc = begin_record(root, record, &e, NULL, &fd);
	if (rc < 0)
		log_warn("light sleep: %s cannot be written: %s", record, strerror(-rc));
	else
		(void)close(fd);
	return -1;
}

/* ---- the workers' files ---- */

/* What asks for light sleep. In a virtual machine even the lightest sleep leaves it, and to come back takes longer than all
 * that follows: it must not sleep at all. On a machine of its own the first state is left in a microsecond or two. */
static bool value_of(const char *root, const struct host_idle *idle, unsigned cpu, char out[NIC_SLEEP_VALUE_SIZE])
{
	int first = idle->guest ? 0 : host_idle_first_us(root, cpu);

	if (idle->guest)
		(void)snprintf(out, NIC_SLEEP_VALUE_SIZE, "n/a");
	else if (first >= 0 && first < 1000000)
		(void)snprintf(out, NIC_SLEEP_VALUE_SIZE, "%d", first ? first : 1); /* 0 asks for nothing */
	else
		return false;
	return true;
}

static void open_file(const char *root, const struct host_idle *idle, struct sleep_files *f, unsigned i)
{
	const unsigned cpu = f->cpu[i];
	char *why = f->why[i];

	if (!idle->driver[0] || !idle->governor[0]) {
		(void)snprintf(why, sizeof f->why[i], "the kernel has no cpuidle %s, so it cannot be asked", idle->driver[0] ? "governor" : "driver");
	} else if (!value_of(root, idle, cpu, f->file[i].light)) {
		(void)snprintf(why, sizeof f->why[i], "the kernel does not tell how deep it sleeps");
	} else {
		f->file[i].fd = open_cpu(root, cpu);
		if (f->file[i].fd == -EROFS)
			(void)snprintf(why, sizeof f->why[i], "/sys is read-only here");
		else if (f->file[i].fd < 0)
			(void)snprintf(why, sizeof f->why[i], "/" HOST_RESUME_LATENCY ": %s", cpu, strerror(-f->file[i].fd));
	}
}

static void close_file(struct sleep_files *f, unsigned i)
{
	if (f->file[i].fd >= 0)
		(void)close(f->file[i].fd);
	f->file[i].fd = -1;
}

/* Once for CPUs that have it in common. */
static void log_why(const struct sleep_files *f)
{
	for (unsigned i = 0; i < f->ncpus; i++)
		if (f->why[i][0] && (i == 0 || strcmp(f->why[i], f->why[i - 1]) != 0))
			log_info("light sleep is not available on CPU %u: %s", f->cpu[i], f->why[i]);
}

struct sleep_files *sleep_files_open(const char *root, const char *record, const uint16_t *cpus, unsigned ncpus)
{
	struct sleep_files *f = calloc(1, sizeof *f);
	struct host_idle idle;
	struct entries left;
	int rc;

	if (!f)
		return NULL;
	(void)snprintf(f->record, sizeof f->record, "%s", record);
	read_entries(root, record, &left);
	(void)put_all_back(root, &left);
	f->ncpus = ncpus < NIC_MAX_WORKERS ? ncpus : NIC_MAX_WORKERS;
	f->record_fd = -1;
	host_idle_read(root, &idle);
	for (unsigned i = 0; i < f->ncpus; i++) {
		f->cpu[i] = cpus[i];
		f->file[i].fd = -1;
		open_file(root, &idle, f, i);
	}
	rc = begin_record(root, record, &left, f, &f->record_fd);
	for (unsigned i = 0; i < f->ncpus; i++) {
		if (rc < 0 && f->file[i].fd >= 0) { /* nothing is asked for that would not be put back */
			(void)snprintf(f->why[i], sizeof f->why[i], "its record beside the control socket cannot be written: %s",
				       strerror(-rc));
			close_file(f, i);
		}
		f->file[i].record = f->record_fd;
	}
	log_why(f);
	return f;
}

const struct nic_sleep_file *sleep_files_all(const struct sleep_files *f)
{
	return f->file;
}

const char *sleep_files_why(const struct sleep_files *f, unsigned cpu)
{
	for (unsigned i = 0; f && i < f->ncpus; i++)
		if (f->cpu[i] == cpu)
			return f->why[i];
	return "";
}

/* Is a CPU marked in it? */
static bool record_has_marks(int fd)
{
	char text[RECORD_BYTES + 1];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	for (size_t at = HEAD_BYTES + MARK_AT; n > 0 && at < (size_t)n; at += LINE_BYTES)
		if (text[at] == NIC_SLEEP_ASKED[0])
			return true;
	return false;
}

void sleep_files_close(struct sleep_files *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->ncpus; i++)
		close_file(f, i);
	if (f->record_fd >= 0) {
		if (!record_has_marks(f->record_fd))
			(void)unlink(f->record);
		(void)close(f->record_fd);
	}
	free(f);
}
