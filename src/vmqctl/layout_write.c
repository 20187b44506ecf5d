/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "path=value" words to a structure's bytes (layout.h). First the words say how many elements each array has, then the
 * parts get their places and headers, then every value is written: what a word says wins over what is filled in.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmq/ndis.h>

#include "vmqctl/layout.h"

#define MAX_ARRAYS   3u	    /* behind one structure */
#define MAX_ELEMENTS 16384u /* of one array: what fits a request */
#define MAX_BYTES    65536u

struct part {
	const struct layout_array *array;
	size_t count, step, at; /* of bytes: their number, 1 */
};

struct writer {
	const struct layout *l;
	struct part parts[MAX_ARRAYS];
	size_t nparts, fixed, len; /* bytes of the structure, and of all */
	uint8_t *data;
	char *why;
	size_t why_size;
};

static int fault(const struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fault(const struct writer *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->why, w->why_size, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- values ---- */

static void put_number(uint8_t *at, size_t size, uint64_t n, bool network)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(n >> 8 * (network ? size - 1 - i : i));
}

/* Any number that fits the size, negative ones too. */
static int parse_number(const struct writer *w, const char *path, const char *text, size_t size, uint64_t *out)
{
	const unsigned int bits = (unsigned int)size * 8;
	bool negative = text[0] == '-';
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		return fault(w, "%s: \"%s\" is not a number", path, text);
	if (bits < 64 && (negative ? *out < UINT64_MAX - (1ull << (bits - 1)) + 1 : *out >> bits))
		return fault(w, "%s: %s does not fit its %u bits", path, text, bits);
	return 0;
}

static int parse_bytes(const struct writer *w, const char *path, const char *text, uint8_t *at, size_t size)
{
	size_t digits = 0;

	memset(at, 0, size);
	for (const char *c = text; *c; c++) {
		char pair[2] = { *c, 0 };
		unsigned long digit;
		char *end;

		if ((*c == ':' || *c == '-') && digits % 2 == 0)
			continue;
		digit = strtoul(pair, &end, 16);
		if (*end || end == pair)
			return fault(w, "%s: \"%s\" is not pairs of hexadecimal digits", path, text);
		if (digits / 2 >= size)
			return fault(w, "%s: there is room for %zu bytes", path, size);
		at[digits / 2] |= (uint8_t)(digit << (digits % 2 ? 0 : 4));
		digits++;
	}
	return digits % 2 ? fault(w, "%s: \"%s\" is not pairs of hexadecimal digits", path, text) : 0;
}

static int put_value(const struct writer *w, const char *path, const struct layout_member *m, uint8_t *data,
		     const char *text)
{
	NDIS_IF_COUNTED_STRING s;
	int64_t named;
	uint64_t n;

	switch (m->kind) {
	case LAYOUT_BYTES:
		return parse_bytes(w, path, text, data + m->offset, m->size);
	case LAYOUT_TEXT:
		if (!ndis_string_set(&s, text))
			return fault(w, "%s: not UTF-8, or longer than %d UTF-16 units", path, NDIS_IF_MAX_STRING_SIZE);
		memcpy(data + m->offset, &s, sizeof s);
		return 0;
	default:
		if (layout_value_by_name(m->kind, text, &named))
			n = (uint64_t)named;
		else if (parse_number(w, path, text, m->size, &n) < 0)
			return -1;
		put_number(data + m->offset, m->size, n, m->kind == LAYOUT_NETWORK);
		return 0;
	}
}

/* ---- paths ---- */

static void say_members(const struct writer *w, const char *structure, const char *path)
{
	size_t n, used;
	const struct layout_member *m = layout_members(structure, &n);

	used = (size_t)snprintf(w->why, w->why_size, "%s: %s has no such member; members:", path, structure);
	for (size_t i = 0; i < n && used < w->why_size; i++)
		used += (size_t)snprintf(w->why + used, w->why_size - used, "%s %s", i ? "," : "", m[i].name);
	for (const struct layout_array *a = layout_arrays; a->structure && used < w->why_size; a++)
		if (strcmp(a->structure, structure) == 0)
			used += (size_t)snprintf(w->why + used, w->why_size - used, ", %s%s", a->name,
						 a->element ? "[…]" : "");
}

static int set_member(const struct writer *w, const char *whole, const char *structure, const char *path, uint8_t *data,
		      size_t len, const char *text)
{
	size_t n;
	const struct layout_member *m = layout_members(structure, &n);

	for (; n; n--, m++) {
		size_t name = strlen(m->name);
		const char *sub = layout_sub(m->kind);

		if (strncmp(path, m->name, name) != 0 || (path[name] && (path[name] != '.' || !sub)))
			continue;
		if ((size_t)m->offset + m->size > len)
			return fault(w, "%s: only a later revision of %s has it", whole, structure);
		if (!sub)
			return put_value(w, whole, m, data, text);
		if (!path[name])
			return fault(w, "%s is a %s: name one of its members", whole, sub);
		return set_member(w, whole, sub, path + name + 1, data + m->offset, m->size, text);
	}
	say_members(w, structure, whole);
	return -1;
}

/* The array that the path begins with, with the index in brackets and where the rest begins; NULL: none of them. */
static struct part *part_of(struct writer *w, const char *path, unsigned long *index, const char **rest)
{
	for (size_t i = 0; i < w->nparts; i++) {
		const struct layout_array *a = w->parts[i].array;
		size_t n = strlen(a->name);
		char *end;

		if (strncmp(path, a->name, n) != 0)
			continue;
		if (!a->element && !path[n])
			return &w->parts[i];
		if (!a->element || path[n] != '[' || path[n + 1] < '0' || path[n + 1] > '9')
			continue;
		*index = strtoul(path + n + 1, &end, 10);
		if (end[0] == ']' && end[1] == '.') {
			*rest = end + 2;
			return &w->parts[i];
		}
	}
	return NULL;
}

/* ---- the whole ---- */

static size_t count_digits(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text != ':' && *text != '-';
	return n;
}

/* What a word means for the sizes: an array's length, the revision. */
static int measure(struct writer *w, const char *path, const char *text)
{
	unsigned long index = 0;
	const char *rest;
	struct part *p = part_of(w, path, &index, &rest);
	uint64_t revision;

	if (p && !p->array->element) {
		p->count = count_digits(text) / 2;
		return p->count > MAX_BYTES ? fault(w, "%s: at most %u bytes", path, MAX_BYTES) : 0;
	}
	if (p) {
		if (index >= MAX_ELEMENTS)
			return fault(w, "%s: at most %u elements", path, MAX_ELEMENTS);
		if (p->count <= index)
			p->count = index + 1;
		return 0;
	}
	if (strcmp(path, "Header.Revision") == 0 && w->l->type) {
		if (parse_number(w, path, text, 1, &revision) < 0)
			return -1;
		if (revision && revision <= w->l->revisions)
			w->fixed = w->l->size[revision - 1];
	}
	return 0;
}

static void put_header(uint8_t *at, const struct layout *l, size_t size)
{
	uint8_t revision = l->revisions;

	if (!l->type)
		return;
	while (revision > 1 && l->size[revision - 1] > size)
		revision--;
	at[offsetof(NDIS_OBJECT_HEADER, Type)] = l->type;
	at[offsetof(NDIS_OBJECT_HEADER, Revision)] = revision;
	put_number(at + offsetof(NDIS_OBJECT_HEADER, Size), sizeof(USHORT), size, false);
}

static void put_place(const struct writer *w, const struct layout_place *p, uint64_t n)
{
	if (p->size && (size_t)p->offset + p->size <= w->fixed)
		put_number(w->data + p->offset, p->size, n, false);
}

/* Where a request only says how much it wants (READ_…), the place for it is behind the structure. */
static void put_part(const struct writer *w, const struct part *p)
{
	const struct layout_array *a = p->array;
	const struct layout *l = a->element ? layout_find(a->element) : NULL;

	put_place(w, &a->offset, p->count || !l ? p->at : 0);
	put_place(w, &a->count, a->count_is_bytes ? p->count * p->step : p->count);
	put_place(w, &a->step, p->count ? p->step : 0);
	for (size_t i = 0; l && i < p->count; i++)
		put_header(w->data + p->at + i * p->step, l, l->size[l->revisions - 1]);
}

static int lay_out(struct writer *w)
{
	w->len = w->fixed;
	for (size_t i = 0; i < w->nparts; i++) {
		struct part *p = &w->parts[i];

		p->step = p->array->element ? layout_find(p->array->element)->whole : 1;
		p->at = p->count && p->array->element ? (w->len + 7) & ~(size_t)7 : w->len;
		if (p->count)
			w->len = p->at + p->count * p->step;
	}
	w->data = calloc(1, w->len > w->l->whole ? w->len : w->l->whole);
	if (!w->data)
		return fault(w, "out of memory");
	put_header(w->data, w->l, w->fixed);
	for (size_t i = 0; i < w->nparts; i++)
		put_part(w, &w->parts[i]);
	return 0;
}

static int assign(struct writer *w, const char *path, const char *text)
{
	unsigned long index = 0;
	const char *rest = NULL;
	struct part *p = part_of(w, path, &index, &rest);

	if (!p)
		return set_member(w, path, w->l->name, path, w->data, w->fixed, text);
	if (!p->array->element)
		return parse_bytes(w, path, text, w->data + p->at, p->count);
	return set_member(w, path, p->array->element, rest, w->data + p->at + index * p->step, p->step, text);
}

static int each(struct writer *w, char **assignments, size_t n, int (*act)(struct writer *, const char *, const char *))
{
	for (size_t i = 0; i < n; i++) {
		const char *equals = strchr(assignments[i], '=');
		char path[128];

		if (!equals || equals == assignments[i] || equals - assignments[i] >= (ptrdiff_t)sizeof path)
			return fault(w, "\"%s\" is not member=value", assignments[i]);
		(void)snprintf(path, sizeof path, "%.*s", (int)(equals - assignments[i]), assignments[i]);
		if (act(w, path, equals + 1) < 0)
			return -1;
	}
	return 0;
}

int layout_write(const char *structure, char **assignments, size_t n, struct layout_buffer *out, char *why, size_t size)
{
	struct writer w = { .l = layout_find(structure), .why = why, .why_size = size };

	w.fixed = w.l->size[w.l->revisions - 1];
	for (const struct layout_array *a = layout_arrays; a->structure; a++)
		if (strcmp(a->structure, structure) == 0)
			w.parts[w.nparts++].array = a;
	if (each(&w, assignments, n, measure) < 0 || lay_out(&w) < 0)
		return -1;
	if (each(&w, assignments, n, assign) < 0) {
		free(w.data);
		return -1;
	}
	*out = (struct layout_buffer){ w.data, w.len };
	return 0;
}
