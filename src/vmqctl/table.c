/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqctl/table.h"

#include <err.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 24

struct table {
	unsigned int columns;
	enum table_align align[MAX_COLUMNS];
	char **cells; /* row after row, the headers first; NULL: empty */
	size_t rows;  /* the headers included */
	size_t room;
	unsigned int next; /* the column of the next cell */
};

static void *checked(void *p)
{
	if (!p)
		err(1, "out of memory");
	return p;
}

struct table *table_new(void)
{
	struct table *t = checked(calloc(1, sizeof *t));

	t->room = 16;
	t->cells = checked(calloc(t->room * MAX_COLUMNS, sizeof *t->cells));
	t->rows = 1;
	return t;
}

void table_column(struct table *t, const char *header, enum table_align align)
{
	if (t->columns == MAX_COLUMNS)
		return;
	t->align[t->columns] = align;
	t->cells[t->columns++] = checked(strdup(header));
}

void table_row(struct table *t)
{
	if (t->rows == t->room) {
		t->room *= 2;
		t->cells = checked(reallocarray(t->cells, t->room * MAX_COLUMNS, sizeof *t->cells));
		memset(t->cells + t->rows * MAX_COLUMNS, 0, (t->room - t->rows) * MAX_COLUMNS * sizeof *t->cells);
	}
	t->rows++;
	t->next = 0;
}

static void put(struct table *t, char *text)
{
	if (t->next == t->columns) {
		free(text);
		return;
	}
	t->cells[(t->rows - 1) * MAX_COLUMNS + t->next++] = text;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	put(t, checked(text));
}

void table_member(struct table *t, const json_t *object, const char *key)
{
	put(t, text_member(object, key));
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; text && *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_row(const struct table *t, char **cells, const size_t *width, FILE *out)
{
	size_t owed = 0; /* blanks before the next text: none are left at the end of a line */

	for (unsigned int c = 0; c < t->columns; c++) {
		size_t fill = width[c] - width_of(cells[c]);

		if (t->align[c] == TABLE_RIGHT)
			owed += fill;
		if (cells[c] && *cells[c]) {
			(void)fprintf(out, "%*s", (int)owed, "");
			text_print(out, cells[c]);
			owed = 0;
		}
		if (t->align[c] == TABLE_LEFT)
			owed += fill;
		owed += 2;
	}
	(void)fputc('\n', out);
}

void table_print(struct table *t, FILE *out)
{
	size_t width[MAX_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->rows * MAX_COLUMNS; i++) {
		size_t w = width_of(t->cells[i]);

		if (w > width[i % MAX_COLUMNS])
			width[i % MAX_COLUMNS] = w;
	}
	for (size_t r = 0; r < t->rows; r++)
		print_row(t, t->cells + r * MAX_COLUMNS, width, out);
	table_free(t);
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->rows * MAX_COLUMNS; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

static char *text_of(const json_t *v);

static char *join(const json_t *list)
{
	char *all = checked(strdup(""));
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		char *one = text_of(v), *both;

		if (asprintf(&both, "%s%s%s", all, i ? "," : "", one) < 0)
			both = NULL;
		free(one);
		free(all);
		all = checked(both);
	}
	return all;
}

static char *text_of(const json_t *v)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_STRING:
		return checked(strdup(json_string_value(v)));
	case JSON_TRUE:
		return checked(strdup("yes"));
	case JSON_FALSE:
		return checked(strdup("no"));
	case JSON_NULL:
		return checked(strdup("-"));
	case JSON_ARRAY:
		return json_array_size(v) ? join(v) : checked(strdup("-"));
	default:
		return checked(json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)));
	}
}

char *text_member(const json_t *object, const char *key)
{
	return text_of(json_object_get(object, key));
}

void text_print(FILE *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) { /* U+0080 … U+009F: control characters, too */
			(void)fputc('?', out);
			p++;
		} else {
			(void)fputc(*p < 0x20 || *p == 0x7f ? '?' : *p, out);
		}
	}
}

void text_value(FILE *out, const char *before, const json_t *object, const char *key)
{
	char *text;

	if (!json_object_get(object, key) || json_is_null(json_object_get(object, key)))
		return;
	text = text_member(object, key);
	(void)fputs(before, out);
	text_print(out, text);
	free(text);
}

void text_wrong(const json_t *params, const char *key, const char *sentence)
{
	char head[64];

	(void)snprintf(head, sizeof head, "vmqctl: %s: \"", key);
	text_value(stderr, head, params, key);
	(void)fprintf(stderr, "\" %s\n", sentence);
}

void text_pair(FILE *out, const char *before, const char *label, const json_t *object, const char *key)
{
	char head[64];

	(void)snprintf(head, sizeof head, "%s%s ", before, label);
	text_value(out, head, object, key);
}
