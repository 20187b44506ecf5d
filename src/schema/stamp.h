/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is a file still the one that somebody read? A stamp is made of what changes with it: its inode, size and time. Pure.
 */
#ifndef VMQ_SCHEMA_STAMP_H
#define VMQ_SCHEMA_STAMP_H

#include <sys/stat.h>

/* malloc()ed text; NULL: out of memory. */
char *stamp_of(const struct stat *st);

#endif
