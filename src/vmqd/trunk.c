/* SPDX-License-Identifier: BSD-3-Clause */
/* `trunk` as people write it (trunk.h). */
#include "vmqd/trunk.h"

#include <stdlib.h>
#include <string.h>

#define VLAN_MAX 4094u

/* A number of 1 … 4094 and what stands behind it; NULL: there is none. */
static const char *vlan_number(const char *s, unsigned *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return NULL;
	*out = (unsigned)strtoul(s, &end, 10);
	return end - s <= 4 && *out >= 1 && *out <= VLAN_MAX ? end : NULL;
}

/* One part of the list, `len` bytes of it. */
static bool put(struct stack_vlans *vlans, const char *s, size_t len)
{
	unsigned from, to;

	if (len == 8 && strncmp(s, "untagged", len) == 0) {
		vlans->untagged = true;
		return true;
	}
	if (len == 3 && strncmp(s, "any", len) == 0) {
		vlans->any = true;
		return true;
	}
	for (const char *end = s + len; (s = vlan_number(s, &from)) != NULL;) {
		to = from;
		if (*s == '-')
			s = vlan_number(s + 1, &to);
		if (s != end || to < from)
			return false;
		for (; from <= to; from++)
			stack_vlans_put(vlans, &(struct stack_vlan){ STACK_VLAN_ID, (uint16_t)from });
		return true;
	}
	return false;
}

bool trunk_read(struct params *p, const struct schema_member *m, bool *trunk, bool *list, struct stack_vlans *vlans)
{
	const json_t *v = params_any(p, m->key, m->required);
	const char *s = json_string_value(v);
	bool right;

	*list = false;
	if (!v)
		return false;
	if (json_is_boolean(v)) {
		*trunk = json_is_true(v);
		return true;
	}
	*vlans = (struct stack_vlans){ .any = false };
	if (json_is_integer(v)) {
		right = json_integer_value(v) >= 1 && json_integer_value(v) <= VLAN_MAX;
		if (right)
			stack_vlans_put(vlans, &(struct stack_vlan){ STACK_VLAN_ID, (uint16_t)json_integer_value(v) });
	} else {
		right = s && *s;
		while (right && s) {
			size_t len = strcspn(s, ",");

			right = put(vlans, s, len);
			s = s[len] ? s + len + 1 : NULL;
		}
	}
	if (!right) {
		(void)params_fault(p, m->key, "is neither on nor off nor a list of VLANs: 1 to 4094, ranges, untagged, any, with commas "
					   "between (untagged,10,100-199)");
		return false;
	}
	*trunk = *list = true;
	return true;
}
