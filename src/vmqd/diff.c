/* SPDX-License-Identifier: BSD-3-Clause */
/* Two configurations compared (diff.h). */
#include "vmqd/diff.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "schema/schema.h"

#define PATH_SIZE 512

struct place {
	json_t *out;
	char path[PATH_SIZE];
	const char *adapter, *vport; /* NULL: of none */
};

static void diff_object(const struct place *at, const struct schema_object *o, const json_t *a, const json_t *b);

static const char *change_word(enum schema_change c)
{
	return c == SCHEMA_RESTART_CHANGE ? "restart" : c == SCHEMA_RENEW_CHANGE ? "renew" : "live";
}

static struct place inside(const struct place *at, const char *dot, const char *name, const char *end)
{
	struct place in = *at;
	size_t n = strlen(in.path);

	(void)snprintf(in.path + n, sizeof in.path - n, "%s%s%s", n || *dot != '.' ? dot : "", name, end);
	return in;
}

static void note(const struct place *at, const char *member, enum schema_change change, const json_t *from, const json_t *to)
{
	json_t *one = json_pack("{s:s, s:s}", "path", at->path, "change", change_word(change));

	if (from)
		(void)json_object_set(one, "from", (json_t *)from);
	if (to)
		(void)json_object_set(one, "to", (json_t *)to);
	if (at->adapter)
		(void)json_object_set_new(one, "adapter", json_string(at->adapter));
	if (at->vport)
		(void)json_object_set_new(one, "vport", json_string(at->vport));
	if (member)
		(void)json_object_set_new(one, "member", json_string(member));
	(void)json_array_append_new(at->out, one);
}

/* ---- lists ---- */

/* What tells one element from another, as text: its name, or a filter's address and VLAN test. */
static void element_id(const struct schema_object *o, const json_t *v, char *out, size_t size)
{
	const json_t *id = json_object_get(v, o->id ? o->id : "mac"), *vlan = json_object_get(v, "vlan");

	if (json_is_integer(id))
		(void)snprintf(out, size, "%lld", (long long)json_integer_value(id));
	else
		(void)snprintf(out, size, "%s", json_is_string(id) ? json_string_value(id) : "");
	if (o->id)
		return;
	if (json_is_integer(vlan))
		(void)snprintf(out + strlen(out), size - strlen(out), " vlan %lld", (long long)json_integer_value(vlan));
	else if (json_is_string(vlan))
		(void)snprintf(out + strlen(out), size - strlen(out), " vlan %s", json_string_value(vlan));
}

/* An object of the elements by what tells them apart. */
static json_t *by_id(const struct schema_object *o, const json_t *list)
{
	json_t *out = json_object(), *v;
	char id[128];
	size_t i;

	json_array_foreach(list, i, v) {
		element_id(o, v, id, sizeof id);
		(void)json_object_set(out, id, v);
	}
	return out;
}

static struct place of_element(const struct place *at, const struct schema_object *o, const char *id)
{
	struct place in = inside(at, "[", id, "]");

	if (o == &schema_ADAPTER)
		in.adapter = id;
	else if (o == &schema_VPORT)
		in.vport = id;
	return in;
}

/* Another adapter or another worker takes a restart; another VPort or filter does not. */
static enum schema_change of_existence(const struct schema_object *o)
{
	return o == &schema_ADAPTER || o == &schema_WORKER ? SCHEMA_RESTART_CHANGE : SCHEMA_LIVE_CHANGE;
}

static void diff_list(const struct place *at, const struct schema_member *m, const json_t *a, const json_t *b)
{
	json_t *x = by_id(m->of, a), *y = by_id(m->of, b), *v;
	const char *member = m->of == &schema_FILTER ? m->key : NULL;
	const char *id;

	json_object_foreach(x, id, v) {
		struct place in = of_element(at, m->of, id);
		const json_t *other = json_object_get(y, id);

		if (other)
			diff_object(&in, m->of, v, other);
		else
			note(&in, member, of_existence(m->of), v, NULL);
	}
	json_object_foreach(y, id, v) {
		struct place in = of_element(at, m->of, id);

		if (!json_object_get(x, id))
			note(&in, member, of_existence(m->of), NULL, v);
	}
	json_decref(x);
	json_decref(y);
}

/* ---- members ---- */

static void diff_keywords(const struct place *at, enum schema_change change, const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < schema_nkeywords; i++) {
		const char *k = schema_keywords[i].keyword;
		const json_t *x = json_object_get(a, k), *y = json_object_get(b, k);
		struct place in = inside(at, ".", k, "");

		if (!json_equal(x, y) && (x || y))
			note(&in, k, change, x, y);
	}
}

static bool same_value(const struct schema_member *m, const json_t *a, const json_t *b)
{
	if (m->type == SCHEMA_MAC && json_is_string(a) && json_is_string(b))
		return strcasecmp(json_string_value(a), json_string_value(b)) == 0;
	return json_equal(a, b);
}

static void diff_member(const struct place *at, const struct schema_member *m, const json_t *a, const json_t *b)
{
	struct place in = inside(at, ".", m->key, "");

	if (m->of == &schema_HOST)
		in.vport = "default";
	if (m->type == SCHEMA_LIST || m->type == SCHEMA_WORKERS)
		diff_list(&in, m, a, b);
	else if (m->type == SCHEMA_KEYWORDS)
		diff_keywords(&in, m->change, a, b);
	else if (m->of && schema_object_of(m, a) == schema_object_of(m, b))
		diff_object(&in, schema_object_of(m, a), a, b);
	else if ((a || b) && !(a && b && same_value(m, a, b)))
		note(&in, m->key, m->change, a, b);
}

static void diff_object(const struct place *at, const struct schema_object *o, const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < o->n; i++)
		diff_member(at, &o->members[i], json_object_get(a, o->members[i].key), json_object_get(b, o->members[i].key));
}

json_t *diff_configs(const json_t *running, const json_t *wanted)
{
	struct place top = { .out = json_array() };

	diff_object(&top, &schema_ROOT, running, wanted);
	return top.out;
}
