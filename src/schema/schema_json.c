/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables as a JSON Schema, for editors and other tools (schema.h). It says what one member may be; what several have to
 * do with each other is vmqd's to say. A document is judged as vmqd reads it: a file mode is text.
 */
#include "schema/schema.h"

#include <stdio.h>
#include <string.h>

#define VLANS	   "(untagged|any|[0-9]{1,4}(-[0-9]{1,4})?)"
#define NO_CONTROL "[^\\x00-\\x1f\\x7f]"

static json_t *object_schema(const struct schema_object *o);

static json_t *words_json(const char *words)
{
	json_t *list = json_array();

	for (const char *w = words; *w;) {
		size_t n = strcspn(w, "|");

		(void)json_array_append_new(list, json_stringn(w, n));
		w += n + (w[n] == '|');
	}
	return list;
}

static json_t *text_schema(const char *pattern, uint64_t max)
{
	json_t *out = json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);

	if (max)
		(void)json_object_set_new(out, "maxLength", json_integer((json_int_t)max));
	return out;
}

static json_t *range_schema(uint64_t min, uint64_t max)
{
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)min, "maximum", (json_int_t)max);
}

static json_t *name_schema(const struct schema_member *m)
{
	json_t *out = text_schema("^[A-Za-z0-9_.-]+$", m->max), *not = words_json(m->words ? m->words : "");

	(void)json_array_append_new(not, json_string("."));
	(void)json_array_append_new(not, json_string(".."));
	(void)json_object_set_new(out, "not", json_pack("{s:o}", "enum", not));
	return out;
}

static json_t *device_schema(const struct schema_member *m)
{
	json_t *out = text_schema("^[^/ :%\\x00-\\x1f\\x7f]+$", m->max);

	(void)json_object_set_new(out, "not", json_pack("{s:[s, s]}", "enum", ".", ".."));
	return out;
}

static json_t *mac_schema(void)
{
	json_t *out = text_schema("^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$", 0);

	(void)json_object_set_new(out, "not", json_pack("{s:s}", "pattern", "^(00[:-]){5}00$"));
	return out;
}

static json_t *keywords_schema(void)
{
	json_t *members = json_object();

	for (size_t i = 0; i < schema_nkeywords; i++) {
		const struct schema_keyword *k = &schema_keywords[i];
		json_t *one;

		if (k->elsewhere)
			continue;
		one = range_schema(k->min, k->max);
		(void)json_object_set_new(one, "description", json_string(k->help));
		if (k->fallback >= 0)
			(void)json_object_set_new(one, "default", json_integer(k->fallback));
		(void)json_object_set_new(members, k->keyword, one);
	}
	return json_pack("{s:s, s:o, s:b}", "type", "object", "properties", members, "additionalProperties", 0);
}

static json_t *list_schema(const struct schema_member *m, json_t *element)
{
	return json_pack("{s:s, s:o, s:I, s:I}", "type", "array", "items", element, "minItems", (json_int_t)m->min,
			 "maxItems", (json_int_t)m->max);
}

static json_t *value_schema(const struct schema_member *m)
{
	switch (m->type) {
	case SCHEMA_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case SCHEMA_NUMBER:
		return range_schema(m->min, m->max);
	case SCHEMA_WORD:
		return json_pack("{s:o}", "enum", words_json(m->words));
	case SCHEMA_NAME:
		return name_schema(m);
	case SCHEMA_TEXT:
		return text_schema("^" NO_CONTROL "+$", m->max);
	case SCHEMA_PATH:
		return text_schema("^/" NO_CONTROL "*$", m->max);
	case SCHEMA_STORE:
		return text_schema("^(none|/" NO_CONTROL "*)$", m->max);
	case SCHEMA_DEVICE:
		return device_schema(m);
	case SCHEMA_MODE:
		return text_schema("^0([0-7]{0,3}|0[0-7]{3})$", 0);
	case SCHEMA_MAC:
		return mac_schema();
	case SCHEMA_VLAN:
		return json_pack("{s:[o, {s:[s, s]}]}", "anyOf", range_schema(m->min, m->max), "enum", "untagged", "any");
	case SCHEMA_TRUNK:
		return json_pack("{s:[{s:s}, o, o]}", "anyOf", "type", "boolean", range_schema(m->min, m->max),
				 text_schema("^" VLANS "(," VLANS ")*$", 0));
	case SCHEMA_MAPPING:
		return object_schema(m->of);
	case SCHEMA_PORT:
		return json_pack("{s:s, s:{s:{s:{s:s}}, s:[s]}, s:o, s:o}", "type", "object", "if", "properties", "driver",
				 "const", "pcap", "required", "driver", "then", object_schema(m->other), "else",
				 object_schema(m->of));
	case SCHEMA_KEYWORDS:
		return keywords_schema();
	case SCHEMA_LIST:
		return list_schema(m, object_schema(m->of));
	case SCHEMA_WORKERS:
		return list_schema(m, json_pack("{s:[o, o]}", "anyOf", range_schema(0, schema_find(m->of, "cpu")->max),
						object_schema(m->of)));
	}
	return json_object();
}

static json_t *member_schema(const struct schema_member *m)
{
	static const char *const sentences[] = {
#define X(id, sentence) sentence,
		SCHEMA_CHANGES(X)
#undef X
	};
	json_t *out = value_schema(m);
	char text[2048];
	const char *when = sentences[m->change];

	(void)snprintf(text, sizeof text, "%c%s.%s%s%s%s", m->help[0] >= 'a' && m->help[0] <= 'z' ? m->help[0] - 32 : m->help[0],
		       m->help + 1, m->more[0] ? " " : "", m->more, when[0] ? " " : "", when);
	(void)json_object_set_new(out, "description", json_string(text));
	if (m->fallback)
		(void)json_object_set_new(out, "default", json_loads(m->fallback, JSON_DECODE_ANY, NULL));
	return out;
}

static json_t *object_schema(const struct schema_object *o)
{
	json_t *members = json_object(), *required = json_array(), *out;

	for (size_t i = 0; i < o->n; i++) {
		(void)json_object_set_new(members, o->members[i].key, member_schema(&o->members[i]));
		if (o->members[i].required)
			(void)json_array_append_new(required, json_string(o->members[i].key));
	}
	out = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", members, "additionalProperties", 0);
	if (json_array_size(required))
		(void)json_object_set(out, "required", required);
	json_decref(required);
	return out;
}

json_t *schema_json(void)
{
	json_t *out = json_pack("{s:s, s:s}", "$schema", "http://json-schema.org/draft-07/schema#", "title",
				"the configuration of vmqd, /etc/vmq/vmqd.yaml");

	(void)json_object_update_new(out, object_schema(&schema_ROOT));
	return out;
}
