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

/* A filter of a group's address: broadcast or multicast. */
bool json_list_is_group(const json_t *filter);
/* Of a list `macs` the filter that stands for the VPort: the first with an address of its own, else the first; NULL:
 * there is none. own (may be NULL): how many have an address of their own. */
const json_t *json_list_main_filter(const json_t *filters, size_t *own);

#endif
