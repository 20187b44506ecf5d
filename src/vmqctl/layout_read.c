/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes to JSON (layout.h). The bytes are the daemon's: every offset, count and step is checked against the buffer, and
 * what lies outside it is left out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmq/ndis.h>

#include "base/hex.h"
#include "vmqctl/layout.h"

#define TEXT_BYTES NDIS_STRING_UTF8_SIZE

/* A little-endian number of up to eight bytes; of network order the other way round. */
static uint64_t number_at(const uint8_t *data, size_t size, bool network)
{
	uint64_t n = 0;

	for (size_t i = 0; i < size; i++)
		n |= (uint64_t)data[i] << 8 * (network ? size - 1 - i : i);
	return n;
}

static json_t *hex_json(uint64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof text, "0x%" PRIx64, n);
	return json_string(text);
}

static json_t *bytes_json(const uint8_t *data, size_t len)
{
	char *hex = hex_encode(data, len);
	json_t *v = json_string(hex ? hex : "");

	free(hex);
	return v;
}

static json_t *text_json(const uint8_t *data)
{
	NDIS_IF_COUNTED_STRING s;
	char text[TEXT_BYTES];

	memcpy(&s, data, sizeof s);
	return json_string(ndis_string_get(&s, text, sizeof text));
}

static json_t *named_json(enum layout_kind kind, const uint8_t *data)
{
	int32_t value;
	const char *name;

	memcpy(&value, data, sizeof value);
	name = layout_value_name(kind, value);
	if (name)
		return json_string(name);
	return kind == LAYOUT_STATUS ? hex_json((uint32_t)value) : json_integer(value);
}

static json_t *value_json(const struct layout_member *m, const uint8_t *data)
{
	const uint8_t *at = data + m->offset;

	if (layout_sub(m->kind))
		return layout_read(layout_sub(m->kind), at, m->size);
	switch (m->kind) {
	case LAYOUT_NUMBER:
		return json_integer((json_int_t)number_at(at, m->size, false));
	case LAYOUT_HEX:
		return hex_json(number_at(at, m->size, false));
	case LAYOUT_NETWORK:
		return m->size < 8 ? json_integer((json_int_t)number_at(at, m->size, true))
				   : hex_json(number_at(at, m->size, true));
	case LAYOUT_BYTES:
		return bytes_json(at, m->size);
	case LAYOUT_TEXT:
		return text_json(at);
	default:
		return named_json(m->kind, at);
	}
}

/* Under its name; a union's member under the union's. */
static void put(json_t *object, const char *name, json_t *value)
{
	const char *dot = strchr(name, '.');
	char outer[64];
	json_t *inner;

	if (!dot) {
		(void)json_object_set_new(object, name, value);
		return;
	}
	(void)snprintf(outer, sizeof outer, "%.*s", (int)(dot - name), name);
	inner = json_object_get(object, outer);
	if (!inner) {
		inner = json_object();
		(void)json_object_set_new(object, outer, inner);
	}
	(void)json_object_set_new(inner, dot + 1, value);
}

/* How much of the buffer is the structure: its header may say less. */
static size_t extent(const struct layout *l, const uint8_t *data, size_t len)
{
	size_t said;

	if (len > l->whole)
		len = l->whole;
	if (!l->type || len < sizeof(NDIS_OBJECT_HEADER))
		return len;
	said = number_at(data + offsetof(NDIS_OBJECT_HEADER, Size), sizeof(USHORT), false);
	return said < len ? said : len;
}

static json_t *read_fixed(const struct layout *l, const uint8_t *data, size_t len)
{
	json_t *object = json_object();
	size_t n, have = extent(l, data, len);
	const struct layout_member *m = layout_members(l->name, &n);

	for (; n; n--, m++)
		if ((size_t)m->offset + m->size <= have)
			put(object, m->name, value_json(m, data));
	return object;
}

static json_t *elements_json(const struct layout_array *a, const uint8_t *data, size_t len, uint64_t count,
			     uint64_t step)
{
	const struct layout *l = layout_find(a->element);
	json_t *list = json_array();

	for (uint64_t i = 0; i < count && i * step < len; i++) {
		size_t left = len - (size_t)(i * step);

		(void)json_array_append_new(list, read_fixed(l, data + i * step, left < step ? left : (size_t)step));
	}
	return list;
}

/* A member that says something about an array; 0 when the structure ends before it. */
static uint64_t said(const struct layout_place *p, const uint8_t *data, size_t have)
{
	return p->size && (size_t)p->offset + p->size <= have ? number_at(data + p->offset, p->size, false) : 0;
}

static void read_array(json_t *object, const struct layout_array *a, const uint8_t *data, size_t len, size_t have)
{
	uint64_t offset = said(&a->offset, data, have), step = said(&a->step, data, have);
	uint64_t count = a->fixed ? a->fixed : said(&a->count, data, have);

	if (!count || !offset || offset >= len)
		return;
	if (!a->element) {
		if (count <= len - offset)
			(void)json_object_set_new(object, a->name, bytes_json(data + offset, (size_t)count));
		return;
	}
	if (!a->step.size)
		step = layout_find(a->element)->whole;
	if (step < layout_find(a->element)->size[0])
		return;
	if (a->count_is_bytes)
		count /= step;
	(void)json_object_set_new(object, a->name, elements_json(a, data + offset, len - (size_t)offset, count, step));
}

json_t *layout_read(const char *structure, const uint8_t *data, size_t len)
{
	const struct layout *l = layout_find(structure);
	size_t have = extent(l, data, len);
	json_t *object = read_fixed(l, data, len);

	for (const struct layout_array *a = layout_arrays; a->structure; a++)
		if (strcmp(a->structure, structure) == 0)
			read_array(object, a, data, len, have);
	return object;
}
