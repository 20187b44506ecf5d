/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's text files below a directory (host.h). Any thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"

#define ALL_MAX (16u << 20)

static int path_of(char *path, size_t size, const char *root, const char *fmt, va_list ap)
{
	int n = snprintf(path, size, "%s/", root), m;

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	m = vsnprintf(path + n, size - (size_t)n, fmt, ap);
	return m < 0 || (size_t)m >= size - (size_t)n ? -ENAMETOOLONG : 0;
}

/* Bytes read, or -errno. */
static ssize_t read_file(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe in a made-up tree must not hold us */
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size) {
		n = read(fd, out + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			(void)close(fd);
			return n;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	(void)close(fd);
	return (ssize_t)len;
}

static ssize_t read_text(const char *path, char *out, size_t size)
{
	ssize_t n = read_file(path, out, size - 1);

	if (n < 0)
		return n;
	if (n > 0 && out[n - 1] == '\n')
		n--;
	out[n] = '\0';
	return n;
}

int host_read(char *out, size_t size, const char *root, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = path_of(path, sizeof path, root, fmt, ap);
	va_end(ap);
	return rc < 0 ? rc : (int)read_text(path, out, size);
}

char *host_read_all(const char *root, const char *fmt, ...)
{
	char path[PATH_MAX], *text = NULL;
	size_t room = 1u << 14;
	ssize_t n = -1;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = path_of(path, sizeof path, root, fmt, ap);
	va_end(ap);
	for (; rc == 0 && room <= ALL_MAX; room *= 4) {
		char *more = realloc(text, room);

		if (!more)
			break;
		text = more;
		n = read_text(path, text, room);
		if (n < 0 || (size_t)n < room - 2)
			break;
	}
	if (n >= 0)
		return text;
	free(text);
	return NULL;
}

long long host_number(long long otherwise, const char *root, const char *fmt, ...)
{
	char path[PATH_MAX], text[64], *end;
	long long value;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = path_of(path, sizeof path, root, fmt, ap);
	va_end(ap);
	if (rc < 0 || read_text(path, text, sizeof text) < 0)
		return otherwise;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno || end == text ? otherwise : value;
}

int host_link(char *out, size_t size, const char *root, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	va_list ap;
	ssize_t n;
	int rc;

	va_start(ap, fmt);
	rc = path_of(path, sizeof path, root, fmt, ap);
	va_end(ap);
	if (rc < 0)
		return rc;
	n = readlink(path, target, sizeof target - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	(void)snprintf(out, size, "%s", last ? last + 1 : target);
	return 0;
}
