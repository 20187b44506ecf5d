/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqctl/json_list.h"

bool json_list_differs(const json_t *list, const char *key)
{
	const json_t *first = json_object_get(json_array_get(list, 0), key), *v;
	size_t i;

	json_array_foreach(list, i, v) if (!json_equal(first, json_object_get(v, key))) return true;
	return false;
}
