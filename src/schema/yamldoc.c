/* SPDX-License-Identifier: BSD-3-Clause */
/* A YAML document as JSON, with lines (yamldoc.h). libyaml reads it; this file only walks its nodes. */
#include "schema/yamldoc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define PATH_SIZE 512

/* Who comes to one of these limits has listed filters. */
#define INSTEAD "; a trunk's list of VLANs says in one value what takes a filter each, and filters can be added at run time"

struct walk {
	yaml_document_t *doc;
	struct yamldoc *out;
	unsigned values;
	struct vmq_err *err;
	int rc;
};

static json_t *convert(struct walk *w, int index, char *path, unsigned depth);

static json_t *fail(struct walk *w, int rc, const yaml_node_t *n, const char *path, const char *what)
{
	w->rc = vmq_err(w->err, rc, "%zu: %s%s%s", n->start_mark.line + 1, path, path[0] ? ": " : "", what);
	return NULL;
}

/* Adds to the path and returns how long it was, or -1 when it does not fit. */
static int path_push(char *path, const char *dot, const char *name)
{
	size_t old = strlen(path);
	int n = snprintf(path + old, PATH_SIZE - old, "%s%s", old ? dot : "", name);

	if (n < 0 || (size_t)n >= PATH_SIZE - old) {
		path[old] = '\0';
		return -1;
	}
	return (int)old;
}

static void note_line(struct walk *w, const char *path, const yaml_node_t *n)
{
	(void)json_object_set_new(w->out->lines, path, json_integer((json_int_t)n->start_mark.line + 1));
}

static bool is_decimal(const char *s)
{
	if (*s == '-')
		s++;
	return *s && (s[0] != '0' || !s[1]) && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 18;
}

static json_t *scalar(struct walk *w, const yaml_node_t *n, const char *path)
{
	const char *s = (const char *)n->data.scalar.value;
	size_t len = n->data.scalar.length;
	json_t *v;

	if (memchr(s, '\0', len))
		return fail(w, -EINVAL, n, path, "holds a zero byte");
	if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		if (!strcmp(s, "true") || !strcmp(s, "false"))
			return json_boolean(s[0] == 't');
		if (!strcmp(s, "") || !strcmp(s, "~") || !strcmp(s, "null"))
			return json_null();
		if (is_decimal(s))
			return json_integer(strtoll(s, NULL, 10));
		if (!strncmp(s, "0x", 2) && s[2] && strlen(s) <= 17 &&
		    strspn(s + 2, "0123456789abcdefABCDEF") == len - 2)
			return json_integer(strtoll(s, NULL, 16));
	}
	v = json_stringn(s, len);
	return v ? v : fail(w, -EINVAL, n, path, "is not valid UTF-8");
}

static json_t *sequence(struct walk *w, const yaml_node_t *n, char *path, unsigned depth)
{
	json_t *list = json_array();
	unsigned i = 0;

	for (const yaml_node_item_t *it = n->data.sequence.items.start; list && it < n->data.sequence.items.top; it++) {
		char index[16];
		size_t old = strlen(path);
		json_t *v = NULL;

		(void)snprintf(index, sizeof index, "[%u]", i++);
		if (path_push(path, "", index) < 0) {
			(void)fail(w, -E2BIG, n, path, "lies too deep");
		} else {
			note_line(w, path, yaml_document_get_node(w->doc, *it));
			v = convert(w, *it, path, depth + 1);
		}
		path[old] = '\0';
		if (!v || json_array_append_new(list, v) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *mapping(struct walk *w, const yaml_node_t *n, char *path, unsigned depth)
{
	json_t *obj = json_object();

	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; obj && p < n->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = yaml_document_get_node(w->doc, p->key);
		const char *key = k->type == YAML_SCALAR_NODE ? (const char *)k->data.scalar.value : "";
		size_t old = strlen(path);
		json_t *v = NULL;

		if (!key[0] || strlen(key) != k->data.scalar.length || strlen(key) > 64) {
			(void)fail(w, -EINVAL, k, path, "a key is no plain word");
		} else if (path_push(path, ".", key) < 0) {
			(void)fail(w, -E2BIG, k, path, "lies too deep");
		} else if (json_object_get(obj, key)) {
			(void)fail(w, -EINVAL, k, path, "is given twice");
		} else {
			note_line(w, path, k);
			v = convert(w, p->value, path, depth + 1);
		}
		path[old] = '\0';
		if (!v || json_object_set_new(obj, key, v) < 0) {
			if (w->rc == 0)
				(void)fail(w, -EINVAL, k, path, "a key is not valid UTF-8");
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}

_Static_assert(YAMLDOC_MAX_VALUES == 1000000, "the sentence says so");

static json_t *convert(struct walk *w, int index, char *path, unsigned depth)
{
	const yaml_node_t *n = yaml_document_get_node(w->doc, index);

	if (depth > YAMLDOC_MAX_DEPTH)
		return fail(w, -E2BIG, n, path, "lies too deep");
	if (++w->values > YAMLDOC_MAX_VALUES)
		return fail(w, -E2BIG, n, path, "there are more than 1,000,000 values" INSTEAD);
	switch (n->type) {
	case YAML_SCALAR_NODE:
		return scalar(w, n, path);
	case YAML_SEQUENCE_NODE:
		return sequence(w, n, path, depth);
	case YAML_MAPPING_NODE:
		return mapping(w, n, path, depth);
	default:
		return fail(w, -EINVAL, n, path, "is nothing that can be read");
	}
}

static int syntax(const yaml_parser_t *p, struct vmq_err *err)
{
	if (p->error == YAML_MEMORY_ERROR)
		return vmq_err(err, -ENOMEM, "1: out of memory");
	/* The reader's errors (bad UTF-8) come before there is a line. */
	return vmq_err(err, -EINVAL, "%zu: not YAML: %s%s", p->problem_mark.line + 1,
		       p->problem ? p->problem : "it cannot be read",
		       p->problem && strstr(p->problem, "alias") ? " (what begins with * stands in quotes: \"*VMQ\")" : "");
}

int yamldoc_parse(const char *text, size_t size, struct yamldoc *out, struct vmq_err *err)
{
	struct walk w = { .out = out, .err = err };
	yaml_document_t doc, second;
	yaml_parser_t parser;
	char path[PATH_SIZE] = "";
	yaml_node_t *root;
	int rc = 0;

	*out = (struct yamldoc){ 0 };
	if (size > YAMLDOC_MAX_BYTES)
		return vmq_err(err, -E2BIG, "1: the file is larger than %u bytes" INSTEAD, YAMLDOC_MAX_BYTES);
	if (!yaml_parser_initialize(&parser))
		return vmq_err(err, -ENOMEM, "1: out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (!yaml_parser_load(&parser, &doc)) {
		rc = syntax(&parser, err);
		goto out_parser;
	}
	w.doc = &doc;
	root = yaml_document_get_root_node(&doc);
	if (!root || root->type != YAML_MAPPING_NODE) {
		rc = vmq_err(err, -EINVAL, "1: there is no mapping (key: value) at the top");
		goto out_doc;
	}
	out->lines = json_object();
	out->root = out->lines ? convert(&w, 1, path, 0) : NULL;
	if (!out->root) {
		rc = w.rc ? w.rc : vmq_err(err, -ENOMEM, "1: out of memory");
		goto out_doc;
	}
	if (!yaml_parser_load(&parser, &second)) {
		rc = syntax(&parser, err);
		goto out_doc;
	}
	if (yaml_document_get_root_node(&second))
		rc = vmq_err(err, -EINVAL, "%zu: a second document begins; there may be one",
			     yaml_document_get_root_node(&second)->start_mark.line + 1);
	yaml_document_delete(&second);
out_doc:
	yaml_document_delete(&doc);
out_parser:
	yaml_parser_delete(&parser);
	if (rc)
		yamldoc_free(out);
	return rc;
}

void yamldoc_free(struct yamldoc *d)
{
	json_decref(d->root);
	json_decref(d->lines);
	*d = (struct yamldoc){ 0 };
}

unsigned yamldoc_line(const struct yamldoc *d, const char *path)
{
	char p[PATH_SIZE];

	(void)snprintf(p, sizeof p, "%s", path);
	while (p[0]) {
		const json_t *line = json_object_get(d->lines, p);
		char *cut = strrchr(p, '.'), *bracket = strrchr(p, '[');

		if (line)
			return (unsigned)json_integer_value(line);
		if (bracket > cut)
			cut = bracket;
		*(cut ? cut : p) = '\0';
	}
	return 1;
}
