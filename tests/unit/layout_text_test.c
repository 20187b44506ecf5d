/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl's structures by name (vmqctl/layout.h): what is read from bytes, written again from the same words, gives the
 * same bytes, for every structure; sizes, headers and arrays are filled in; wrong words and hostile bytes are refused.
 * Compiled with the sanitizers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmq/ndis.h>

#include "vmqctl/layout.h"

#define MAX_WORDS 512u

struct words {
	char *word[MAX_WORDS];
	size_t n;
};

static void add_words(struct words *w, const char *path, json_t *value)
{
	char inner[160], *word = NULL;
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_object(value)) {
		json_object_foreach(value, key, member)
		{
			(void)snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", key);
			add_words(w, inner, member);
		}
		return;
	}
	if (json_is_array(value)) {
		json_array_foreach(value, i, member)
		{
			(void)snprintf(inner, sizeof inner, "%s[%zu]", path, i);
			add_words(w, inner, member);
		}
		return;
	}
	assert_in_range(w->n, 0, MAX_WORDS - 1);
	if (json_is_integer(value))
		assert_return_code(asprintf(&word, "%s=%" JSON_INTEGER_FORMAT, path, json_integer_value(value)), 0);
	else
		assert_return_code(asprintf(&word, "%s=%s", path, json_string_value(value)), 0);
	w->word[w->n++] = word;
}

static void write_ok(const char *structure, struct words *w, struct layout_buffer *out)
{
	char why[4096];

	if (layout_write(structure, w->word, w->n, out, why, sizeof why) < 0)
		fail_msg("%s", why);
	for (size_t i = 0; i < w->n; i++)
		free(w->word[i]);
	w->n = 0;
}

static int text(const char *structure, char **words, struct layout_buffer *out, char *why, size_t size)
{
	size_t n = 0;

	while (words[n])
		n++;
	return layout_write(structure, words, n, out, why, size);
}

/* Words that the members of a structure can have, apart from its header and what says where its arrays are. */
static void some_words(const char *structure, const char *before, struct words *w)
{
	size_t n;
	const struct layout_member *m = layout_members(structure, &n);

	for (; n; n--, m++) {
		const char *value = "0";
		char *word;

		if (m->kind == LAYOUT_HEADER || strstr(m->name, "Offset") || strstr(m->name, "NumElements") ||
		    strstr(m->name, "ElementSize") || strcmp(m->name, "Length") == 0 || strstr(m->name, "NumberOf") ||
		    strstr(m->name, "EntrySize") || strstr(m->name, "TableSize") || strstr(m->name, "KeySize"))
			continue;
		if (layout_sub(m->kind)) {
			char inner[160];

			(void)snprintf(inner, sizeof inner, "%s%s.", before, m->name);
			some_words(layout_sub(m->kind), inner, w);
			continue;
		}
		switch (m->kind) {
		case LAYOUT_TEXT:
			value = "wéb1 ≤ 𝄞";
			break;
		case LAYOUT_BYTES:
			value = "02:00";
			break;
		case LAYOUT_STATUS:
			value = "NDIS_STATUS_PENDING";
			break;
		case LAYOUT_NUMBER:
		case LAYOUT_NETWORK:
			value = m->size == 1 ? "0xA5" : m->size == 2 ? "0x1234" : "0x12345678";
			break;
		case LAYOUT_HEX:
			value = m->size == 8 ? "0xfedcba9876543210" : m->size == 4 ? "4294967294" : m->size == 2 ? "65534" : "7";
			break;
		default:
			value = "1";
			break;
		}
		assert_return_code(asprintf(&word, "%s%s=%s", before, m->name, value), 0);
		w->word[w->n++] = word;
	}
}

static void there_and_back(const char *structure)
{
	const struct layout *l = layout_find(structure);
	struct words w = { .n = 0 };
	struct layout_buffer first, second;
	json_t *read;

	some_words(structure, "", &w);
	for (const struct layout_array *a = layout_arrays; a->structure; a++) {
		char before[64], *word;

		if (strcmp(a->structure, structure) != 0)
			continue;
		if (a->element) {
			(void)snprintf(before, sizeof before, "%s[2].", a->name);
			some_words(a->element, before, &w);
		} else {
			const char *bytes = a->fixed == 24 ? "0102030405060708090a0b0c0d0e0f101112131415161718"
							   : "00112233445566778899aabbccddeeff00112233";

			assert_return_code(asprintf(&word, "%s=%s", a->name, bytes), 0);
			w.word[w.n++] = word;
		}
	}
	write_ok(structure, &w, &first);
	assert_in_range(first.len, l->size[l->revisions - 1], 65536);
	if (l->type) {
		const NDIS_OBJECT_HEADER *h = (const NDIS_OBJECT_HEADER *)first.data;

		assert_int_equal(h->Type, l->type);
		assert_int_equal(h->Revision, l->revisions);
		assert_int_equal(h->Size, l->size[l->revisions - 1]);
	}
	read = layout_read(structure, first.data, first.len);
	for (const struct layout_array *a = layout_arrays; a->structure; a++) {
		const json_t *value = json_object_get(read, a->name);

		if (strcmp(a->structure, structure) != 0)
			continue;
		assert_true(a->element ? json_array_size(value) == 3 : json_string_length(value) >= 40);
	}
	add_words(&w, "", read);
	json_decref(read);
	write_ok(structure, &w, &second);
	assert_int_equal(second.len, first.len);
	assert_memory_equal(second.data, first.data, first.len);
	free(first.data);
	free(second.data);
}

static void every_structure(void **state)
{
	static const uint32_t codes[] = { 0x4002000D, 0x40020010, 0x40020020, 0x40020030, 0x40020040, 0x40020050 };
	unsigned int count = 0;

	(void)state;
	for (const struct layout_request *q = layout_requests; q->name; q++, count++) {
		assert_non_null(layout_find(q->structure));
		there_and_back(q->structure);
	}
	assert_in_range(count, 50, 100);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		there_and_back(layout_of_indication(codes[i]));
	assert_null(layout_of_indication(0x4002000E));
}

/* The bytes that the contract has for some words. */
static void exact_bytes(void **state)
{
	char *words[] = { "FilterType=VMQueue", "FieldParametersArray[0].FieldValue.FieldShortValue=100",
			  "FieldParametersArray[0].HeaderField.MacHeaderField=NdisMacHeaderFieldVlanId", NULL };
	char *shorter[] = { "Header.Revision=1", NULL };
	char *odd[] = { "Header.Size=1", "FieldParametersArrayNumElements=9", "FieldParametersArray[0].Flags=1", NULL };
	struct layout_buffer b;
	char why[512];

	(void)state;
	assert_int_equal(text("NDIS_RECEIVE_FILTER_PARAMETERS", words, &b, why, sizeof why), 0);
	assert_int_equal(b.len, 48 + 56);
	assert_memory_equal(b.data, "\x80\x02\x2c\x00", 4);
	assert_int_equal(((NDIS_RECEIVE_FILTER_PARAMETERS *)b.data)->FieldParametersArrayOffset, 48);
	assert_int_equal(((NDIS_RECEIVE_FILTER_PARAMETERS *)b.data)->FieldParametersArrayNumElements, 1);
	assert_int_equal(((NDIS_RECEIVE_FILTER_PARAMETERS *)b.data)->FieldParametersArrayElementSize, 56);
	assert_memory_equal(b.data + 48, "\x80\x02\x38\x00", 4);
	assert_memory_equal(b.data + 48 + 16, "\x04\x00\x00\x00", 4);
	assert_memory_equal(b.data + 48 + 24, "\x00\x64", 2); /* network order */
	free(b.data);
	assert_int_equal(text("NDIS_RECEIVE_FILTER_PARAMETERS", shorter, &b, why, sizeof why), 0);
	assert_int_equal(b.len, 36);
	assert_memory_equal(b.data, "\x80\x01\x24\x00", 4);
	free(b.data);
	/* what a word says wins */
	assert_int_equal(text("NDIS_RECEIVE_FILTER_PARAMETERS", odd, &b, why, sizeof why), 0);
	assert_memory_equal(b.data, "\x80\x02\x01\x00", 4);
	assert_int_equal(((NDIS_RECEIVE_FILTER_PARAMETERS *)b.data)->FieldParametersArrayNumElements, 9);
	free(b.data);
}

static void wrong_words(void **state)
{
	static const struct {
		const char *word, *says;
	} cases[] = {
		{ "Flag=1", "Flag: NDIS_NIC_SWITCH_VPORT_PARAMETERS has no such member; members: Header, Flags, SwitchId" },
		{ "Flags", "\"Flags\" is not member=value" },
		{ "=1", "\"=1\" is not member=value" },
		{ "Flags=x", "Flags: \"x\" is not a number" },
		{ "Flags=", "Flags: \"\" is not a number" },
		{ "Flags=0x100000000", "Flags: 0x100000000 does not fit its 32 bits" },
		{ "Flags=-0x80000001", "Flags: -0x80000001 does not fit its 32 bits" },
		{ "AttachedFunctionId=65536", "AttachedFunctionId: 65536 does not fit its 16 bits" },
		{ "VPortState=Activ", "VPortState: \"Activ\" is not a number" },
		{ "ProcessorAffinity=1", "ProcessorAffinity is a GROUP_AFFINITY: name one of its members" },
		{ "ProcessorAffinity.Masks=1", "ProcessorAffinity.Masks: GROUP_AFFINITY has no such member" },
		{ "ProcessorAffinity.Reserved=00:11:22:33:44:55:66", "ProcessorAffinity.Reserved: there is room for 6 bytes" },
		{ "ProcessorAffinity.Reserved=0", "ProcessorAffinity.Reserved: \"0\" is not pairs of hexadecimal digits" },
		{ "ProcessorAffinity.Reserved=0g", "ProcessorAffinity.Reserved: \"0g\" is not pairs of hexadecimal digits" },
		{ "VPortName=\xff", "VPortName: not UTF-8" },
		{ "Elements[0].Flags=1", "Elements[0].Flags: NDIS_NIC_SWITCH_VPORT_PARAMETERS has no such member" },
	};
	char *later[] = { "Header.Revision=1", "VPortId=1", NULL };
	char *many[] = { "FieldParametersArray[16384].Flags=1", NULL };
	struct layout_buffer b;
	char why[1024];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *words[] = { (char *)(uintptr_t)cases[i].word, NULL };

		assert_int_equal(text("NDIS_NIC_SWITCH_VPORT_PARAMETERS", words, &b, why, sizeof why), -1);
		if (strncmp(why, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s: %s", cases[i].word, why);
	}
	assert_int_equal(text("NDIS_RECEIVE_FILTER_PARAMETERS", later, &b, why, sizeof why), -1);
	assert_string_equal(why, "VPortId: only a later revision of NDIS_RECEIVE_FILTER_PARAMETERS has it");
	assert_int_equal(text("NDIS_RECEIVE_FILTER_PARAMETERS", many, &b, why, sizeof why), -1);
	assert_string_equal(why, "FieldParametersArray[16384].Flags: at most 16384 elements");
}

/* Whatever the bytes are, nothing outside them is read (the sanitizers watch), and there is an answer. */
static void hostile_bytes(void **state)
{
	uint64_t x = 88172645463325252ull;

	(void)state;
	for (const struct layout_request *q = layout_requests; q->name; q++) {
		for (unsigned int round = 0; round < 200; round++) {
			const struct layout *l = layout_find(q->structure);
			size_t len = round < 100 ? (size_t)(l->whole + round) : (size_t)(x >> 20) % (l->whole + 100u);
			uint8_t *data = malloc(len ? len : 1);
			json_t *v;

			for (size_t i = 0; i < len; i++) {
				x ^= x << 13, x ^= x >> 7, x ^= x << 17;
				data[i] = x & 0x300 ? (uint8_t)(x & 0x3f & ~(uint64_t)(round % 4 * 16)) : (uint8_t)x;
			}
			if (l->type && len >= 4 && round % 2)
				memcpy(data, (uint8_t[]){ l->type, 1, (uint8_t)l->whole, (uint8_t)(l->whole >> 8) }, 4);
			v = layout_read(q->structure, data, len);
			assert_true(json_is_object(v));
			json_decref(v);
			free(data);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_structure),
		cmocka_unit_test(exact_bytes),
		cmocka_unit_test(wrong_words),
		cmocka_unit_test(hostile_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
