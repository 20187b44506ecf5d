/* SPDX-License-Identifier: BSD-3-Clause */
/* Values as people write them (text.h). */
#include "vmqd/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION (spec/50-scaling.md §3). */
#define MODERATIONS(X)                                                                                                \
	X("adaptive", 1)                                                                                              \
	X("off", 2)                                                                                                   \
	X("low", 100)                                                                                                 \
	X("medium", 200)                                                                                              \
	X("high", 300)                                                                                                 \
	X("undefined", 0)

#define X(name, value) name,
const char *const moderation_names[] = { MODERATIONS(X) NULL };
#undef X
#define X(name, value) value,
const uint32_t moderation_values[] = { MODERATIONS(X) };
#undef X

const char *moderation_name(uint32_t value)
{
	for (unsigned i = 0; moderation_names[i]; i++) {
		if (moderation_values[i] == value)
			return moderation_names[i];
	}
	return "unknown";
}

#define X(id, name) name,
const char *const policy_names[] = { NIC_POLICIES(X) NULL };
const char *const light_sleep_names[] = { NIC_LIGHT_SLEEPS(X) NULL };
#undef X

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

bool mac_parse(const char *s, uint8_t out[6])
{
	for (unsigned i = 0; i < 6; i++, s += 3) {
		int hi = digit(s[0]), lo = hi < 0 ? -1 : digit(s[1]);

		if (lo < 0 || (i < 5 ? s[2] != ':' && s[2] != '-' : s[2] != '\0'))
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

void mac_format(const uint8_t mac[6], char out[MAC_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned i = 0; i < 6; i++, out += 3) {
		out[0] = hex[mac[i] >> 4];
		out[1] = hex[mac[i] & 15];
		out[2] = i < 5 ? ':' : '\0';
	}
}

json_t *mac_json(const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];

	mac_format(mac, text);
	return json_string(text);
}

json_t *vlan_json(const struct stack_vlan *v)
{
	switch (v->kind) {
	case STACK_VLAN_ID:
		return json_integer(v->id);
	case STACK_VLAN_ANY:
		return json_string("any");
	default:
		return json_string("untagged");
	}
}
