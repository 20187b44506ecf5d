/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of schema_rows.h as tables, and how they are found (schema.h). */
#include "schema/schema.h"

#include <net/if.h>
#include <string.h>

/* The words of the rows. */
#define BOOL          .type = SCHEMA_BOOL
#define NUMBER(a, b)  .type = SCHEMA_NUMBER, .min = (a), .max = (b)
#define CPU           .type = SCHEMA_NUMBER, .max = UINT16_MAX
#define WORD(w)       .type = SCHEMA_WORD, .words = w
#define NAME          .type = SCHEMA_NAME, .min = 1, .max = 64
#define NAME_BUT(w)   NAME, .words = w /* names that are taken */
#define TEXT(n)       .type = SCHEMA_TEXT, .min = 1, .max = (n)
#define PATH(n)       .type = SCHEMA_PATH, .max = (n)
#define STORE(n)      .type = SCHEMA_STORE, .max = (n)
#define DEVICE        .type = SCHEMA_DEVICE, .max = IFNAMSIZ - 1
#define MODE          .type = SCHEMA_MODE
#define MAC           .type = SCHEMA_MAC
#define VLAN          .type = SCHEMA_VLAN, .min = 1, .max = 4094
#define TRUNK         .type = SCHEMA_TRUNK, .min = 1, .max = 4094
#define MAPPING(o)    .type = SCHEMA_MAPPING, .of = &schema_##o
#define KEYWORDS      .type = SCHEMA_KEYWORDS
#define PORT_OR(o, p) .type = SCHEMA_PORT, .of = &schema_##o, .other = &schema_##p
#define LIST(o, a, b) .type = SCHEMA_LIST, .of = &schema_##o, .min = (a), .max = (b)
#define WORKERS(o, n) .type = SCHEMA_WORKERS, .of = &schema_##o, .min = 1, .max = (n)

#define IS(json)      .fallback = json
#define FOLLOWS(text) .follows = text
#define REQUIRED      .required = true
#define NONE          .follows = NULL

#define LIVE    .change = SCHEMA_LIVE_CHANGE
#define RENEW   .change = SCHEMA_RENEW_CHANGE
#define RESTART .change = SCHEMA_RESTART_CHANGE
#define PARTS   .change = SCHEMA_PARTS_CHANGE
#define KEY     .change = SCHEMA_KEY_CHANGE

#define X(object, name, type, dflt, when, text, rest) { .key = #name, type, dflt, when, .help = text, .more = rest },
#define OBJECT(id, called, in_list)                                                                                    \
	const struct schema_member schema_members_##id[] = { SCHEMA_ROWS_##id(X) };                                   \
	const struct schema_object schema_##id = { called, schema_members_##id, SCHEMA_##id##_count, in_list };
SCHEMA_OBJECTS(OBJECT)
#undef X

const struct schema_keyword schema_keywords[] = {
#define READ(name, low, high, dflt, text) { .keyword = name, .min = low, .max = high, .fallback = dflt, .help = text },
#define FIXED(name, only, why)		  { .keyword = name, .min = only, .max = only, .fallback = only, .help = why },
#define ELSEWHERE(name, where)		  { .keyword = name, .elsewhere = true, .fallback = -1, .help = where },
	SCHEMA_KEYWORDS_READ(READ) SCHEMA_KEYWORDS_FIXED(FIXED) SCHEMA_KEYWORDS_ELSEWHERE(ELSEWHERE)
};
const size_t schema_nkeywords = sizeof schema_keywords / sizeof *schema_keywords;

const struct schema_member *schema_find(const struct schema_object *o, const char *key)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->members[i].key, key) == 0)
			return &o->members[i];
	return NULL;
}

const struct schema_object *schema_object_of(const struct schema_member *m, const json_t *value)
{
	const char *driver = json_string_value(json_object_get(value, "driver"));

	return m->type == SCHEMA_PORT && driver && strcmp(driver, "pcap") == 0 ? m->other : m->of;
}

int schema_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	int i = 0;

	for (const char *w = words; *w; i++) {
		size_t n = strcspn(w, "|");

		if (n == len && strncmp(w, word, n) == 0)
			return i;
		w += n + (w[n] == '|');
	}
	return -1;
}
