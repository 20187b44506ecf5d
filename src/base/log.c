/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static enum vmq_log_level max_level = VMQ_LOG_INFO;
static bool to_journal;

/* systemd says in JOURNAL_STREAM which device and inode its stream has; a redirected stderr is not it. */
static bool stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return s && sscanf(s, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	       st.st_ino == ino;
}

void vmq_log_init(enum vmq_log_level level)
{
	max_level = level;
	to_journal = stderr_is_journal();
}

void vmq_log(enum vmq_log_level level, const char *fmt, ...)
{
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	static const char *const name[] = { "error", "warning", "info", "debug" };
	char line[1024];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (to_journal)
		(void)sd_journal_print(priority[level], "%s", line);
	else
		(void)fprintf(stderr, "vmqd: %s: %s\n", name[level], line);
}
