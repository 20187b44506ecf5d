/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/keep.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void fd_keep_name(const char *kind, const char *of, char out[FD_KEEP_NAME])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	bool plain = strlen(kind) + strlen(of) + 2 <= FD_KEEP_NAME;

	for (const char *c = of; *c; c++) {
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
		plain = plain && *c > ' ' && *c < 0x7f && *c != ':';
	}
	if (plain)
		(void)snprintf(out, FD_KEEP_NAME, "%s %s", kind, of);
	else
		(void)snprintf(out, FD_KEEP_NAME, "%s #%016" PRIx64, kind, hash);
}
