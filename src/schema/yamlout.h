/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON as YAML text that yamldoc reads back as the same, whatever is in it. libyaml writes it. Text that YAML could take for
 * something else (a number, true, an address that looks like a number of base 60) stands in quotes, so that other
 * readers agree. Pure but for memory.
 */
#ifndef VMQ_SCHEMA_YAMLOUT_H
#define VMQ_SCHEMA_YAMLOUT_H

#include <jansson.h>

/* malloc()ed text, NUL-terminated; NULL: out of memory, or a value that YAML cannot hold. `root` is an object. */
char *yamlout(const json_t *root);

#endif
