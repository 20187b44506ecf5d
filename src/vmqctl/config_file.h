/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration files: read into the document that vmqd wants, and written so that whoever reads them sees the old one or the
 * new one, whole. Sentences go to stderr; the functions return an exit code. Single-threaded.
 */
#ifndef VMQ_VMQCTL_CONFIG_FILE_H
#define VMQ_VMQCTL_CONFIG_FILE_H

#include <stdbool.h>

#include "schema/yamldoc.h"

struct config_file {
	char *name;          /* as somebody wrote it */
	char *path;          /* absolute, links followed; NULL: standard input, or not there */
	char *stamp;         /* schema/stamp.h; NULL likewise */
	long long time;      /* its modification, seconds since 1970 */
	struct yamldoc doc;  /* root NULL: not read */
};

/* Reads it; "-" is standard input. Whatever comes out, config_file_free() it. */
int config_file_read(const char *name, struct config_file *out);
/* Only which file it is and what state it is in; all of that NULL when there is none. */
int config_file_look(const char *name, struct config_file *out);
/* The text of one that was looked at, not longer than one is read; NULL after a sentence. */
char *config_file_text(const struct config_file *f, size_t *size);
void config_file_free(struct config_file *f);
/* Replaces or makes the file: beside it, synchronized, renamed. Mode and owner stay what they were. */
int config_file_write(const struct config_file *f, const char *text);

#endif
