/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file, described once: each member's name, type, range or words, default, whether it can change while
 * vmqd runs, and what it does. From this come vmqd's checks and their sentences, what `vmqctl config diff` calls a
 * restart, the JSON Schema (`vmqctl config schema`), vmqctl's keys and their completion, and the tables of vmqd.yaml(5).
 * What several members have to do with each other is not in it: that is vmqd's (config.c, wish.c).
 *
 * Constant tables, any thread. The rows are in schema_rows.h.
 */
#ifndef VMQ_SCHEMA_SCHEMA_H
#define VMQ_SCHEMA_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a value is. X(id, the word for people) */
#define SCHEMA_TYPES(X)                                                                                                \
	X(BOOL, "true or false")                                                                                      \
	X(NUMBER, "number")     /* min … max */                                                                       \
	X(WORD, "word")         /* one of `words` */                                                                  \
	X(NAME, "name")         /* 1 to 64 of A-Z a-z 0-9 _ . - */                                                    \
	X(TEXT, "text")         /* 1 … max bytes */                                                                   \
	X(PATH, "path")         /* absolute, at most max bytes */                                                     \
	X(STORE, "path or none") /* likewise, or "none" */                                                            \
	X(DEVICE, "device")     /* a network device's name */                                                         \
	X(MODE, "file mode")    /* octal text with a leading 0 */                                                     \
	X(MAC, "MAC address")                                                                                         \
	X(VLAN, "VLAN test")    /* min … max, untagged, any */                                                        \
	X(TRUNK, "true, false or VLANs") /* a VLAN, or text with several */                                            \
	X(MAPPING, "mapping")   /* of the members of `of` */                                                          \
	X(PORT, "mapping")      /* of `of`, or with driver pcap of `other` */                                         \
	X(KEYWORDS, "mapping")  /* of the rows of SCHEMA_KEYWORDS */                                                  \
	X(LIST, "list")         /* of at most max mappings of `of`, at least min */                                   \
	X(WORKERS, "list")      /* of CPU numbers, or mappings of `of` */

enum schema_type {
#define X(id, word) SCHEMA_##id,
	SCHEMA_TYPES(X)
#undef X
};

/* What it takes to change a member. X(id, the sentence for people) */
#define SCHEMA_CHANGES(X)                                                                                              \
	X(LIVE, "")                                                                                                   \
	X(RENEW, "Changed only by making the VPort anew: its VM is disconnected for a moment.")                       \
	X(RESTART, "Read at start only.")                                                                             \
	X(PARTS, "") /* its parts say */                                                                              \
	X(KEY, "")   /* it says which object is meant: another value, another object */

enum schema_change {
#define X(id, sentence) SCHEMA_##id##_CHANGE,
	SCHEMA_CHANGES(X)
#undef X
};

struct schema_object;

struct schema_member {
	const char *key;
	enum schema_type type;
	uint64_t min, max;
	const char *words; /* "a|b|c" */
	const struct schema_object *of, *other;
	bool required;
	const char *fallback; /* the default, as JSON; NULL: there is none, or it follows from something else: */
	const char *follows;  /* this sentence says from what; may be NULL */
	enum schema_change change;
	const char *help; /* one line */
	const char *more; /* further sentences, or "" */
};

struct schema_object {
	const char *name; /* what one is called: "VPort" */
	const struct schema_member *members;
	size_t n;
	const char *id; /* in a list: the member that tells one from another; NULL: all of it does */
};

/* X(id, name, key in a list): in the order in which the tables refer to each other */
#define SCHEMA_OBJECTS(X)                                                                                              \
	X(CONTROL, "control", NULL)                                                                                   \
	X(SOCKETS, "vport_sockets", NULL)                                                                             \
	X(WORKER, "worker", "cpu")                                                                                    \
	X(FILTER, "filter", NULL)                                                                                     \
	X(PORT, "port", NULL)                                                                                         \
	X(PCAP, "port", NULL)                                                                                         \
	X(HOST, "host", NULL)                                                                                         \
	X(LIMITS, "limits", NULL)                                                                                     \
	X(VPORT, "VPort", "name")                                                                                     \
	X(ADAPTER, "adapter", "name")                                                                                 \
	X(ROOT, "configuration", NULL)

#include "schema/schema_rows.h"

/* SCHEMA(VPORT, cpu) is the row, known to the compiler. */
#define X(object, key, ...) SCHEMA_##object##_##key,
#define OBJECT(id, name, in_list)                                                                                      \
	enum { SCHEMA_ROWS_##id(X) SCHEMA_##id##_count };                                                             \
	extern const struct schema_member schema_members_##id[];                                                      \
	extern const struct schema_object schema_##id;
SCHEMA_OBJECTS(OBJECT)
#undef OBJECT
#undef X
#define SCHEMA(object, key) (&schema_members_##object[SCHEMA_##object##_##key])

/* The standardized keywords of an adapter: rows of SCHEMA_KEYWORDS, `want` NULL where any value of the range is possible,
 * `elsewhere` where the keyword is refused. */
struct schema_keyword {
	const char *keyword; /* with its star */
	bool elsewhere;
	uint32_t min, max;
	int64_t fallback;    /* -1: it follows from something else */
	const char *help;    /* or where it is said instead */
};
extern const struct schema_keyword schema_keywords[];
extern const size_t schema_nkeywords;

/* The row of a member, or NULL. */
const struct schema_member *schema_find(const struct schema_object *o, const char *key);
/* The object that describes a value of a mapping member: `other` where the value says so, NULL: it is no mapping of rows. */
const struct schema_object *schema_object_of(const struct schema_member *m, const json_t *value);
/* Is a word one of a|b|c; its index, or -1. */
int schema_word(const char *words, const char *word);

/* JSON Schema (draft 7) of the whole file; a new object. (schema_json.c) */
json_t *schema_json(void);

/* Takes out of a configuration what says no more than its default: members whose value is the constant default, and empty
 * mappings and lists. (schema_trim.c) */
void schema_trim(json_t *root);
/* The same of one object of the table. */
void schema_trim_object(const struct schema_object *o, json_t *value);

#endif
