/* SPDX-License-Identifier: BSD-3-Clause */
/* Is a file still the one that somebody read (stamp.h)? */
#include "schema/stamp.h"

#include <stdio.h>

char *stamp_of(const struct stat *st)
{
	char *out;

	if (asprintf(&out, "%llu-%lld-%lld.%09ld", (unsigned long long)st->st_ino, (long long)st->st_size,
		     (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec) < 0)
		return NULL;
	return out;
}
