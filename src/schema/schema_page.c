/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A build-time tool: copies a manual page (scdoc) from standard input to standard output and puts the schema's tables where
 * a line says so: "@VPORT@" the members of a VPort, "@KEYWORDS@" the standardized keywords.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"

static const char *const types[] = {
#define X(id, word) word,
	SCHEMA_TYPES(X)
#undef X
};

static const char *const changes[] = {
#define X(id, sentence) sentence,
	SCHEMA_CHANGES(X)
#undef X
};

/* Text in which nothing is marked up. */
static void plain(const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\", *s))
			(void)putchar('\\');
		(void)putchar(*s);
	}
}

static void sentence(const char *s)
{
	if (!*s)
		return;
	(void)putchar(' ');
	plain(s);
}

/* What it may be: "number from 0 to 1023". */
static void print_type(const struct schema_member *m)
{
	(void)printf("%s", types[m->type]);
	if (m->type == SCHEMA_NUMBER)
		(void)printf(" from %llu to %llu", (unsigned long long)m->min, (unsigned long long)m->max);
	if (m->type == SCHEMA_WORD) {
		(void)fputs(": ", stdout);
		for (const char *w = m->words; *w; w++)
			(void)(*w == '|' ? fputs(", ", stdout) : putchar(*w));
	}
	if (m->type == SCHEMA_LIST && m->max < 65536)
		(void)printf(" of up to %llu", (unsigned long long)m->max);
}

static void print_default(const struct schema_member *m)
{
	if (m->required) {
		(void)fputs("; required", stdout);
	} else if (m->fallback || m->follows) {
		(void)fputs("; default: ", stdout);
		for (const char *s = m->fallback ? m->fallback : m->follows; *s; s++) {
			char one[2] = { *s, '\0' };

			if (*s != '"')
				plain(one);
		}
	}
}

static void print_members(const struct schema_object *o)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct schema_member *m = &o->members[i];

		(void)printf("*%s*\n\t", m->key);
		print_type(m);
		print_default(m);
		(void)fputs("++\n\t", stdout);
		plain(m->help);
		(void)putchar('.');
		sentence(m->more);
		sentence(changes[m->change]);
		(void)fputs("\n\n", stdout);
	}
}

static void print_keywords(void)
{
	for (size_t i = 0; i < schema_nkeywords; i++) {
		const struct schema_keyword *k = &schema_keywords[i];

		(void)putchar('*');
		plain(k->keyword);
		(void)fputs("*\n\t", stdout);
		if (k->elsewhere)
			(void)fputs("refused: ", stdout);
		else if (k->min == k->max)
			(void)printf("%u only: ", k->min);
		else if (k->fallback >= 0)
			(void)printf("number from %u to %u; default: %d++\n\t", k->min, k->max, (int)k->fallback);
		else
			(void)printf("number from %u to %u++\n\t", k->min, k->max);
		plain(k->help);
		(void)fputs(k->min == k->max ? ".\n\n" : "\n\n", stdout);
	}
}

static const struct {
	const char *line;
	const struct schema_object *object;
} places[] = {
#define OBJECT(id, called, in_list) { "@" #id "@\n", &schema_##id },
	SCHEMA_OBJECTS(OBJECT)
};

/* true: the line was a place for a table. */
static bool print_table(const char *line)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (strcmp(line, places[i].line) != 0)
			continue;
		print_members(places[i].object);
		return true;
	}
	if (strcmp(line, "@KEYWORDS@\n") != 0)
		return false;
	print_keywords();
	return true;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		if (print_table(line))
			continue;
		if (line[0] == '@') {
			(void)fprintf(stderr, "schema_page: there is no table %s", line);
			return 1;
		}
		(void)fputs(line, stdout);
	}
	free(line);
	return fflush(stdout) == 0 ? 0 : 1;
}
