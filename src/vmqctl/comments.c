/* SPDX-License-Identifier: BSD-3-Clause */
/* Comments carried over (comments.h). libyaml's scanner says where tokens are: what begins with # between them is a comment. */
#include "vmqctl/comments.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "schema/yamldoc.h"

struct text {
	char *p;
	size_t len, room;
};

struct line {
	const char *begin;
	size_t len;    /* without its newline */
	size_t behind; /* where its last token ends; 0: there is none */
	bool inside;   /* of a text that began above: it begins with no comment */
	char *of;      /* what its outermost key is called, or NULL */
	/* of the new text: */
	struct text above;  /* lines that come before it */
	struct text beside; /* what comes at its end */
};

struct file {
	struct line *lines; /* of 1 … n; n + 1 stands for the end */
	size_t n;
	struct yamldoc doc;
	json_t *at; /* name -> line */
};

/* "" stands for nothing; NULL: out of memory. */
static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *fmt, ...)
{
	va_list ap;
	char *out;

	va_start(ap, fmt);
	if (vasprintf(&out, fmt, ap) < 0)
		out = NULL;
	va_end(ap);
	return out;
}

/* ---- what is where ---- */

static bool split(const char *text, size_t size, struct file *f)
{
	const char *end = text + size;
	size_t n = 0;

	for (const char *c = text; c < end; c++)
		n += *c == '\n';
	f->lines = calloc(n + 3, sizeof *f->lines);
	if (!f->lines)
		return false;
	for (const char *c = text; c < end;) {
		const char *nl = memchr(c, '\n', (size_t)(end - c)), *stop = nl ? nl : end;

		f->lines[++f->n] = (struct line){ .begin = c, .len = (size_t)(stop - c) };
		c = stop + 1;
	}
	return true;
}

/* The byte of a column, which counts characters. */
static size_t byte_at(const struct line *l, size_t column)
{
	size_t i = 0;

	while (i < l->len && column) {
		i++;
		while (i < l->len && ((unsigned char)l->begin[i] & 0xc0) == 0x80)
			i++;
		column--;
	}
	return i;
}

static void note_token(struct file *f, const yaml_token_t *t)
{
	size_t first = t->start_mark.line + 1, last = t->end_mark.line + 1;

	if (last > f->n || (first == last && t->start_mark.column == t->end_mark.column))
		return;
	for (size_t i = first + 1; i <= last; i++)
		f->lines[i].inside = i < last || t->end_mark.column > 0;
	f->lines[last].behind = byte_at(&f->lines[last], t->end_mark.column);
}

static bool scan(const char *text, size_t size, struct file *f)
{
	yaml_parser_t parser;
	bool ok = true, end = false;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (ok && !end) {
		yaml_token_t t;

		ok = yaml_parser_scan(&parser, &t);
		if (!ok)
			break;
		end = t.type == YAML_STREAM_END_TOKEN;
		note_token(f, &t);
		yaml_token_delete(&t);
	}
	yaml_parser_delete(&parser);
	return ok;
}

/* A filter's address and VLAN test, or all of what has neither. */
static char *plain_name(const char *list, const json_t *v)
{
	const json_t *mac = json_object_get(v, "mac"), *vlan = json_object_get(v, "vlan");
	bool tagged = vlan && !(json_is_string(vlan) && strcmp(json_string_value(vlan), "untagged") == 0);
	char *key = json_dumps(mac ? mac : v, JSON_ENCODE_ANY | JSON_COMPACT);
	char *tag = mac && tagged ? json_dumps(vlan, JSON_ENCODE_ANY) : NULL, *out = NULL;

	for (char *c = key; c && *c; c++)
		*c = *c == '.' ? ',' : (char)tolower((unsigned char)*c);
	if (key)
		out = format("%s.(%s %s)", list, key, tag ? tag : "");
	free(key);
	free(tag);
	return out;
}

/* What tells an element of a list from the others: "vports[web1]", ".filters.(…)". */
static char *element_name(const char *list, const json_t *v)
{
	const char *name = json_string_value(json_object_get(v, "name"));

	return name ? format("%s[%s]", list, name) : plain_name(list, v);
}

/* Notes the line of what is at `path` in the document and is called `name`, and of all in it. Takes both. */
static bool note_names(struct file *f, const json_t *v, char *path, char *name)
{
	json_t *number = path && name ? json_object_get(f->doc.lines, path) : NULL, *inner;
	size_t line = (size_t)json_integer_value(number), i;
	bool ok = path && name;
	const char *key;

	if (number && line <= f->n) {
		if (!f->lines[line].of)
			f->lines[line].of = strdup(name);
		(void)json_object_set(f->at, name, number);
	}
	json_object_foreach((json_t *)v, key, inner) {
		if (!ok)
			break;
		ok = note_names(f, inner, format("%s%s%s", path, *path ? "." : "", key), format("%s.%s", name, key));
	}
	json_array_foreach(v, i, inner) {
		if (!ok)
			break;
		ok = note_names(f, inner, format("%s[%zu]", path, i), element_name(name, inner));
	}
	free(path);
	free(name);
	return ok;
}

static bool understand(const char *text, size_t size, struct file *f)
{
	struct vmq_err err;

	*f = (struct file){ 0 };
	f->at = json_object();
	return f->at && split(text, size, f) && scan(text, size, f) && yamldoc_parse(text, size, &f->doc, &err) == 0 &&
	       note_names(f, f->doc.root, strdup(""), strdup(""));
}

static void forget(struct file *f)
{
	for (size_t i = 0; f->lines && i <= f->n + 1; i++) {
		free(f->lines[i].of);
		free(f->lines[i].above.p);
		free(f->lines[i].beside.p);
	}
	free(f->lines);
	json_decref(f->at);
	yamldoc_free(&f->doc);
}

/* ---- from one to the other ---- */

static size_t indent(const struct line *l)
{
	size_t n = 0;

	while (n < l->len && l->begin[n] == ' ')
		n++;
	return n;
}

/* The comment behind a line's last token, or that is all of it; NULL: there is none. */
static const char *comment_of(const struct line *l, size_t *len)
{
	const char *c = l->begin + l->behind, *end = l->begin + l->len;

	if (l->inside && !l->behind)
		return NULL;
	while (c < end && (*c == ' ' || *c == '\t'))
		c++;
	while (end > c && (end[-1] == ' ' || end[-1] == '\r'))
		end--;
	*len = (size_t)(end - c);
	return c < end && *c == '#' ? c : NULL;
}

/* The line of the new text for a comment on what is called so; *exact: that is there. 0: it is gone. */
static size_t find_place(const struct file *to, const char *name, bool *exact)
{
	char *n = strdup(name ? name : "");
	size_t line = 1;

	*exact = true;
	while (n && *n) {
		const json_t *at = json_object_get(to->at, n);
		char *dot = strrchr(n, '.');

		if (at || n[strlen(n) - 1] == ']') {
			line = (size_t)json_integer_value(at);
			break;
		}
		*exact = false;
		*(dot ? dot : n) = '\0';
	}
	free(n);
	return line;
}

static bool append(struct text *to, const char *s, size_t len)
{
	if (to->len + len > to->room) {
		size_t room = 2 * (to->len + len) + 64;
		char *more = realloc(to->p, room);

		if (!more)
			return false;
		to->p = more;
		to->room = room;
	}
	if (len)
		memcpy(to->p + to->len, s, len);
	to->len += len;
	return true;
}

static bool append_line(struct text *to, size_t spaces, const char *s, size_t len)
{
	bool ok = true;

	for (size_t i = 0; i < spaces && len && ok; i++)
		ok = append(to, " ", 1);
	return ok && append(to, s, len) && append(to, "\n", 1);
}

/* Lines first … last - 1 of the old text, which are comments or empty, to above the line `at`; they keep their distance to the line that
 * they stood above. */
static bool carry_block(const struct file *from, size_t first, size_t last, struct file *to, size_t at)
{
	size_t was = last <= from->n ? indent(&from->lines[last]) : 0, is = at <= to->n ? indent(&to->lines[at]) : 0;

	for (size_t i = first; i < last; i++) {
		const struct line *l = &from->lines[i];
		size_t len = 0, own = indent(l) + is;
		const char *c = comment_of(l, &len);

		if (!append_line(&to->lines[at].above, own > was ? own - was : 0, c ? c : "", c ? len : 0))
			return false;
	}
	return true;
}

static bool carry_beside(const char *c, size_t len, struct file *to, size_t at, bool exact)
{
	struct line *l = &to->lines[at];

	if (exact && !l->beside.len)
		return append(&l->beside, "  ", 2) && append(&l->beside, c, len);
	return append_line(&l->above, indent(l), c, len);
}

static size_t count_comments(const struct file *f, size_t first, size_t last)
{
	size_t n = 0, len;

	for (size_t i = first; i < last; i++)
		n += comment_of(&f->lines[i], &len) != NULL;
	return n;
}

/* A comment at the beginning, and the empty line below it, which is about the file: it stays there. Returns the line behind both. */
static size_t header_end(const struct file *f)
{
	size_t i = 1, len;

	while (i <= f->n && !f->lines[i].behind && comment_of(&f->lines[i], &len))
		i++;
	return i > 1 && i <= f->n && !f->lines[i].behind ? i + 1 : 1;
}

static bool carry_all(const struct file *from, struct file *to, unsigned *gone)
{
	size_t first = header_end(from); /* of the lines that have no place yet */
	const char *of = NULL;		 /* what the last line with a key is about */

	if (first > 1 && !carry_block(from, 1, first, to, 1))
		return false;
	for (size_t i = first; i <= from->n; i++) {
		const struct line *l = &from->lines[i];
		size_t len, at;
		const char *c;
		bool exact;

		if (!l->behind && !l->inside)
			continue; /* empty, or a comment by itself */
		of = l->of ? l->of : of;
		at = find_place(to, of, &exact);
		c = comment_of(l, &len);
		if (!at)
			*gone += (unsigned)count_comments(from, first, i + 1);
		else if (!carry_block(from, first, i, to, at) || (c && !carry_beside(c, len, to, at, exact)))
			return false;
		first = i + 1;
	}
	return carry_block(from, first, from->n + 1, to, to->n + 1);
}

static char *put_together(const struct file *f)
{
	struct text out = { 0 };
	bool ok = true;

	for (size_t i = 1; i <= f->n && ok; i++) {
		const struct line *l = &f->lines[i];

		ok = append(&out, l->above.p, l->above.len) && append(&out, l->begin, l->len) &&
		     append(&out, l->beside.p, l->beside.len) && append(&out, "\n", 1);
	}
	ok = ok && append(&out, f->lines[f->n + 1].above.p, f->lines[f->n + 1].above.len) && append(&out, "", 1);
	if (ok)
		return out.p;
	free(out.p);
	return NULL;
}

/* A comment does not change what a file says; seen, not believed. */
static char *if_same(char *text, const struct file *as)
{
	struct yamldoc again = { 0 };
	struct vmq_err err;
	bool same = text && yamldoc_parse(text, strlen(text), &again, &err) == 0 && json_equal(again.root, as->doc.root);

	yamldoc_free(&again);
	if (same)
		return text;
	free(text);
	return NULL;
}

char *comments_carry(const char *old, size_t size, const char *text, unsigned *gone)
{
	struct file from, to = { 0 };
	char *out = NULL;

	*gone = 0;
	if (understand(old, size, &from) && understand(text, strlen(text), &to) && carry_all(&from, &to, gone))
		out = if_same(put_together(&to), &to);
	forget(&from);
	forget(&to);
	return out;
}
