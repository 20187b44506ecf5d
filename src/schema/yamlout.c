/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON as YAML text (yamlout.h). */
#include "schema/yamlout.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define SHORT 3 /* a mapping in a list with no more members stands on one line */

static int add(yaml_document_t *doc, const json_t *v);

/* Would somebody read it as other than text? */
static bool needs_quotes(const char *s)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return !s[0] || isdigit((unsigned char)s[0]) || strchr("+-.<=", s[0]);
}

static int scalar(yaml_document_t *doc, const char *s, yaml_scalar_style_t style)
{
	return yaml_document_add_scalar(doc, (const yaml_char_t *)YAML_STR_TAG, (const yaml_char_t *)s, (int)strlen(s), style);
}

static int text(yaml_document_t *doc, const char *s)
{
	return scalar(doc, s, needs_quotes(s) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
}

static bool all_scalars(const json_t *v)
{
	const char *key;
	json_t *one;
	size_t i;

	json_object_foreach((json_t *)v, key, one)
		if (json_is_object(one) || json_is_array(one))
			return false;
	json_array_foreach(v, i, one)
		if (json_is_object(one) || json_is_array(one))
			return false;
	return true;
}

static int mapping(yaml_document_t *doc, const json_t *v, bool flow)
{
	int node = yaml_document_add_mapping(doc, NULL, flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
	const char *key;
	json_t *one;

	json_object_foreach((json_t *)v, key, one) {
		int k = text(doc, key), value = add(doc, one);

		if (!node || !k || !value || !yaml_document_append_mapping_pair(doc, node, k, value))
			return 0;
	}
	return node;
}

static int sequence(yaml_document_t *doc, const json_t *v)
{
	bool flow = all_scalars(v);
	int node = yaml_document_add_sequence(doc, NULL, flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
	json_t *one;
	size_t i;

	json_array_foreach(v, i, one) {
		bool brief = json_is_object(one) && json_object_size(one) <= SHORT && all_scalars(one);
		int value = brief ? mapping(doc, one, true) : add(doc, one);

		if (!node || !value || !yaml_document_append_sequence_item(doc, node, value))
			return 0;
	}
	return node;
}

/* The node's number; 0: it failed. */
static int add(yaml_document_t *doc, const json_t *v)
{
	char number[32];

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return mapping(doc, v, false);
	case JSON_ARRAY:
		return sequence(doc, v);
	case JSON_STRING:
		return text(doc, json_string_value(v));
	case JSON_INTEGER:
		(void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return scalar(doc, number, YAML_PLAIN_SCALAR_STYLE);
	case JSON_TRUE:
	case JSON_FALSE:
		return scalar(doc, json_is_true(v) ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
	case JSON_NULL:
		return scalar(doc, "null", YAML_PLAIN_SCALAR_STYLE);
	default:
		return 0; /* fractions, which no configuration has */
	}
}

char *yamlout(const json_t *root)
{
	yaml_emitter_t emitter;
	yaml_document_t doc;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	bool ok = false;

	if (f && yaml_emitter_initialize(&emitter)) {
		yaml_emitter_set_output_file(&emitter, f);
		yaml_emitter_set_unicode(&emitter, 1);
		yaml_emitter_set_width(&emitter, -1);
		if (yaml_document_initialize(&doc, NULL, NULL, NULL, 1, 1)) {
			if (add(&doc, root) == 1)
				ok = yaml_emitter_dump(&emitter, &doc) != 0; /* takes the document */
			else
				yaml_document_delete(&doc);
		}
		yaml_emitter_delete(&emitter);
	}
	if (f && (fclose(f) != 0 || !ok)) {
		free(out);
		out = NULL;
	}
	return out;
}
