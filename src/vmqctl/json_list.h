/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small questions about the daemon's lists. Reads only; a value of the wrong type is as good as absent.
 */
#ifndef VMQ_VMQCTL_JSON_LIST_H
#define VMQ_VMQCTL_JSON_LIST_H

#include <jansson.h>
#include <stdbool.h>

/* Whether the elements' members `key` are not all the same: then the column is worth its place. */
bool json_list_differs(const json_t *list, const char *key);

#endif
