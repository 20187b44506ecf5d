/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration files read and written (config_file.h). */
#include "vmqctl/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/stamp.h"
#include "vmqctl/cmd.h"

static int failed(const char *name, const char *what)
{
	(void)fprintf(stderr, "vmqctl: %s: %s: %s\n", name, what, strerror(errno));
	return CMD_REFUSED;
}

/* The whole of it, at most one byte more than may be; NULL with errno set. */
static char *slurp(int fd, size_t *size)
{
	size_t room = 65536, n = 0;
	char *text = malloc(room), *more;
	ssize_t got = 1;

	while (text && got > 0 && n <= YAMLDOC_MAX_BYTES) {
		if (n == room) {
			more = realloc(text, room *= 2);
			if (!more)
				break;
			text = more;
		}
		got = read(fd, text + n, room - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		free(text);
		return NULL;
	}
	*size = n;
	return text;
}

static void note_state(struct config_file *f, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	f->path = realpath(f->name, NULL);
	f->stamp = stamp_of(&st);
	f->time = st.st_mtime;
}

int config_file_look(const char *name, struct config_file *out)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	*out = (struct config_file){ .name = strdup(name) };
	if (fd < 0)
		return errno == ENOENT ? CMD_DONE : failed(name, "cannot be opened");
	note_state(out, fd);
	(void)close(fd);
	return CMD_DONE;
}

int config_file_read(const char *name, struct config_file *out)
{
	bool in = strcmp(name, "-") == 0;
	int fd = in ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC), code = CMD_DONE;
	struct vmq_err err = { "" };
	size_t size = 0;
	char *text;

	*out = (struct config_file){ .name = strdup(in ? "standard input" : name) };
	if (fd < 0)
		return failed(name, "cannot be opened");
	text = slurp(fd, &size);
	if (!text) {
		code = failed(out->name, "cannot be read");
	} else if (yamldoc_parse(text, size, &out->doc, &err) < 0) {
		(void)fprintf(stderr, "vmqctl: %s:%s\n", out->name, err.text);
		code = CMD_REFUSED;
	}
	if (!in) {
		note_state(out, fd);
		(void)close(fd);
	}
	free(text);
	return code;
}

char *config_file_text(const struct config_file *f, size_t *size)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	char *text = fd >= 0 ? slurp(fd, size) : NULL;

	if (!text)
		(void)failed(f->name, "cannot be read");
	if (fd >= 0)
		(void)close(fd);
	return text;
}

void config_file_free(struct config_file *f)
{
	free(f->name);
	free(f->path);
	free(f->stamp);
	yamldoc_free(&f->doc);
	*f = (struct config_file){ 0 };
}

static int write_all(int fd, const char *text)
{
	for (size_t left = strlen(text); left;) {
		ssize_t n = write(fd, text, left);

		if (n < 0)
			return -1;
		text += n;
		left -= (size_t)n;
	}
	return fsync(fd);
}

/* A file made is there after a crash only when its directory is on the disk, too. */
static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	(void)close(fd);
	return rc;
}

int config_file_write(const struct config_file *f, const char *text)
{
	const char *path = f->path ? f->path : f->name;
	char *copy = strdup(path), *dir = dirname(copy), *temp = NULL;
	struct stat st = { .st_mode = 0644 };
	int fd = -1, code = CMD_DONE;

	if (asprintf(&temp, "%s/.vmqd.yaml.XXXXXX", dir) < 0)
		temp = NULL;
	else
		fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		code = failed(path, "no new file can be made beside it");
		goto out;
	}
	if (stat(path, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		code = failed(path, "its owner cannot be kept");
	else if (fchmod(fd, st.st_mode & 07777) < 0 || write_all(fd, text) < 0 || rename(temp, path) < 0 || sync_dir(dir) < 0)
		code = failed(path, "cannot be written");
	if (code != CMD_DONE)
		(void)unlink(temp);
	(void)close(fd);
out:
	free(temp);
	free(copy);
	return code;
}
