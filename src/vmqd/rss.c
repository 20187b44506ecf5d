/* SPDX-License-Identifier: BSD-3-Clause */
/* How a VPort spreads what it receives, as people write it (rss.h). */
#include "vmqd/rss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vmq/ndis.h>

#include "base/hex.h"
#include "host/host.h"
#include "vmqd/member.h"

static const struct {
	const char *name;
	uint32_t type;
} hashes[] = {
#define X(name, type) { name, type },
	RSS_HASHES(X)
#undef X
};
#define HASHES (sizeof hashes / sizeof *hashes)

static bool read_cpus(struct params *p, struct stack_rss *r)
{
	const struct schema_member *m = SCHEMA(VPORT, rss_cpus);
	struct host_cpus cpus;
	const char *s;

	if (!member_text(p, m, &s))
		return false;
	r->ncpus = 0;
	if (strcmp(s, "auto") == 0)
		return true;
	if (!host_cpus_parse(s, &cpus) || host_cpus_count(&cpus) > STACK_MAX_CPUS) {
		(void)params_fault(p, m->key, "\"%.40s\" is neither auto nor a list of up to %u CPUs (0,2-3)", s, STACK_MAX_CPUS);
		return false;
	}
	for (unsigned cpu = 0; cpu < HOST_MAX_CPUS; cpu++)
		if (host_cpus_has(&cpus, cpu))
			r->cpus[r->ncpus++] = (uint16_t)cpu;
	return true;
}

static uint32_t hash_of(const char *s, size_t len)
{
	for (size_t i = 0; i < HASHES; i++)
		if (strlen(hashes[i].name) == len && strncmp(s, hashes[i].name, len) == 0)
			return hashes[i].type;
	return 0;
}

static bool read_hash(struct params *p, struct stack_rss *r)
{
	const struct schema_member *m = SCHEMA(VPORT, rss_hash);
	uint32_t types = 0;
	const char *s;

	if (!member_text(p, m, &s))
		return false;
	for (const char *word = strcmp(s, "all") == 0 ? NULL : s; word;) {
		size_t len = strcspn(word, ",");
		uint32_t type = hash_of(word, len);

		if (!type) {
			(void)params_fault(p, m->key, "\"%.40s\" is neither all nor a list of ipv4, tcp4, udp4, ipv6, tcp6, udp6 with "
						      "commas between", s);
			return false;
		}
		types |= type;
		word = word[len] ? word + len + 1 : NULL;
	}
	r->types = types;
	return true;
}

static bool read_key(struct params *p, struct stack_rss *r)
{
	const struct schema_member *m = SCHEMA(VPORT, rss_key);
	uint8_t key[STACK_RSS_KEY];
	const char *s;

	if (!member_text(p, m, &s))
		return false;
	r->has_key = strcmp(s, "default") != 0;
	if (r->has_key && hex_decode(s, strlen(s), key, sizeof key) != (ssize_t)sizeof key) {
		(void)params_fault(p, m->key, "is neither default nor %u bytes in hexadecimal", STACK_RSS_KEY);
		return false;
	}
	if (r->has_key)
		memcpy(r->key, key, sizeof key);
	return true;
}

bool rss_read(struct params *p, struct stack_rss *r)
{
	bool on = true, any = member_bool(p, SCHEMA(VPORT, rss), &on);

	if (any)
		r->off = !on;
	any |= read_cpus(p, r);
	any |= read_hash(p, r);
	any |= read_key(p, r);
	return any;
}

void rss_describe(const struct stack_rss *r, bool cpus, json_t *out)
{
	struct host_cpus set = { { 0 } };
	char text[256] = "";
	size_t len = 0;

	(void)json_object_set_new(out, "rss", json_boolean(!r->off));
	for (unsigned i = 0; i < r->ncpus; i++)
		host_cpus_add(&set, r->cpus[i]);
	if (cpus && r->ncpus) {
		host_cpus_format(&set, text, sizeof text);
		(void)json_object_set_new(out, "rss_cpus", json_string(text));
	}
	for (size_t i = 0; i < HASHES; i++)
		if (r->types & hashes[i].type)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? "," : "", hashes[i].name);
	if (r->types)
		(void)json_object_set_new(out, "rss_hash", json_string(text));
	if (r->has_key) {
		char *hex = hex_encode(r->key, sizeof r->key);

		(void)json_object_set_new(out, "rss_key", json_string(hex ? hex : ""));
		free(hex);
	}
}
