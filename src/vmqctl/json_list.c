/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqctl/json_list.h"

#include <stdlib.h>

bool json_list_differs(const json_t *list, const char *key)
{
	const json_t *first = json_object_get(json_array_get(list, 0), key), *v;
	size_t i;

	json_array_foreach(list, i, v) if (!json_equal(first, json_object_get(v, key))) return true;
	return false;
}

/* "02:…" is one VM's, "03:…" a group's: bit 0 of the first byte. */
bool json_list_is_group(const json_t *filter)
{
	const char *mac = json_string_value(json_object_get(filter, "mac"));

	return mac && (strtoul(mac, NULL, 16) & 1);
}

const json_t *json_list_main_filter(const json_t *filters, size_t *own)
{
	const json_t *filter, *found = NULL;
	size_t i, n = 0;

	json_array_foreach(filters, i, filter)
	{
		if (json_list_is_group(filter))
			continue;
		if (!found)
			found = filter;
		n++;
	}
	if (own)
		*own = n;
	return found ? found : json_array_get(filters, 0);
}
