/* SPDX-License-Identifier: BSD-3-Clause */
/* Structures printed (members.h). */
#include "vmqctl/members.h"

#include <string.h>

#include "vmqctl/table.h"

#define PATH_SIZE 160u

struct visit {
	void (*value)(void *ctx, const char *path, const json_t *value);
	void *ctx;
};

static void walk(const struct visit *v, const char *path, json_t *value)
{
	char inner[PATH_SIZE];
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_object(value)) {
		json_object_foreach(value, key, member)
		{
			(void)snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", key);
			walk(v, inner, member);
		}
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member)
		{
			(void)snprintf(inner, sizeof inner, "%s[%zu]", path, i);
			walk(v, inner, member);
		}
	} else if (value) {
		v->value(v->ctx, path, value);
	}
}

static void add_row(void *ctx, const char *path, const json_t *value)
{
	table_row(ctx);
	table_cell(ctx, "%s", path);
	if (json_is_integer(value))
		table_cell(ctx, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		table_cell(ctx, "%s", json_string_value(value));
}

void members_table(FILE *out, json_t *structure)
{
	struct table *t = table_new();
	const struct visit v = { add_row, t };

	table_column(t, "MEMBER", TABLE_LEFT);
	table_column(t, "VALUE", TABLE_LEFT);
	walk(&v, "", structure);
	table_print(t, out);
}

static void add_word(void *ctx, const char *path, const json_t *value)
{
	FILE *out = ctx;

	if (strncmp(path, "Header.", 7) == 0)
		return;
	(void)fprintf(out, " %s ", path);
	if (json_is_integer(value))
		(void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		text_print(out, json_string_value(value));
}

void members_line(FILE *out, json_t *structure)
{
	const struct visit v = { add_word, out };

	walk(&v, "", structure);
}
