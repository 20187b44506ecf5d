/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of the page (src/exporter/page), which the build puts into the program (embed.py). */
#ifndef VMQ_EXPORTER_ASSETS_H
#define VMQ_EXPORTER_ASSETS_H

#include <stddef.h>

struct asset {
	const char *url, *type; /* "/style.css", "text/css; charset=utf-8" */
	const unsigned char *data;
	size_t len;
};

extern const struct asset assets[];
extern const size_t assets_count;

#endif
