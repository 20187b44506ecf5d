/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration without what goes without saying (schema.h). */
#include "schema/schema.h"

static bool is_fallback(const struct schema_member *m, const json_t *value)
{
	json_t *fallback = m->fallback ? json_loads(m->fallback, JSON_DECODE_ANY, NULL) : NULL;
	bool same = fallback && json_equal(fallback, value);

	json_decref(fallback);
	return same;
}

static void trim_keywords(json_t *value)
{
	for (size_t i = 0; i < schema_nkeywords; i++) {
		const json_t *given = json_object_get(value, schema_keywords[i].keyword);

		if (json_is_integer(given) && json_integer_value(given) == schema_keywords[i].fallback)
			(void)json_object_del(value, schema_keywords[i].keyword);
	}
}

/* A worker with nothing but its number is that number. */
static void trim_workers(const struct schema_member *m, json_t *list)
{
	json_t *w;
	size_t i;

	json_array_foreach(list, i, w) {
		if (!json_is_object(w))
			continue;
		schema_trim_object(m->of, w);
		if (json_object_size(w) == 1 && json_object_get(w, m->of->id))
			(void)json_array_set(list, i, json_object_get(w, m->of->id));
	}
}

static void trim_member(const struct schema_member *m, json_t *value)
{
	json_t *one;
	size_t i;

	if (m->type == SCHEMA_KEYWORDS)
		trim_keywords(value);
	else if (m->type == SCHEMA_WORKERS)
		trim_workers(m, value);
	else if (m->of && json_is_object(value))
		schema_trim_object(schema_object_of(m, value), value);
	else if (m->of)
		json_array_foreach(value, i, one)
			schema_trim_object(m->of, one);
}

void schema_trim_object(const struct schema_object *o, json_t *value)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct schema_member *m = &o->members[i];
		json_t *member = json_object_get(value, m->key);
		bool holds = json_is_object(member) || json_is_array(member);

		if (!member)
			continue;
		trim_member(m, member);
		if (!m->required && (is_fallback(m, member) ||
				     (holds && json_object_size(member) == 0 && json_array_size(member) == 0)))
			(void)json_object_del(value, m->key);
	}
}

void schema_trim(json_t *root)
{
	schema_trim_object(&schema_ROOT, root);
}
