/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A YAML document as JSON, with the line of every key: so that the configuration file is checked by the same code as
 * the requests (params.h), and every fault can say where it stands. The input is hostile: its size, depth and the
 * number of values (aliases are expanded) are bounded.
 *
 * Scalars: true and false, null (~ or nothing), decimal and 0x integers become what they say; everything else, quoted
 * scalars and numbers with a leading 0 (file modes) stay text. Pure but for memory.
 */
#ifndef VMQ_SCHEMA_YAMLDOC_H
#define VMQ_SCHEMA_YAMLDOC_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define YAMLDOC_MAX_BYTES  (16u << 20)
#define YAMLDOC_MAX_DEPTH  16u
#define YAMLDOC_MAX_VALUES 1000000u

struct yamldoc {
	json_t *root;  /* an object */
	json_t *lines; /* path ("adapters[0].name") -> line, counted from 1 */
};

/* 0, or -EINVAL / -E2BIG / -ENOMEM; the sentence begins with the line: "12: …". Free with yamldoc_free. */
int yamldoc_parse(const char *text, size_t size, struct yamldoc *out, struct vmq_err *err);
void yamldoc_free(struct yamldoc *d);
/* The line of a path; of what holds it when the path itself is not in the document; 1 when nothing does. */
unsigned yamldoc_line(const struct yamldoc *d, const char *path);

#endif
