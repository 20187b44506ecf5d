/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of layouts.h, and who asks them (layout.h). */
#include "vmqctl/layout.h"

#include <string.h>

#include "vmqctl/layouts.h"

#define SIZE(structure, member) sizeof(((const structure *)0)->member)

#define P(structure) { #structure, 0, 1, { sizeof(structure) }, sizeof(structure) },
#define R1(prefix, rest, object)                                                                                       \
	{ #prefix "_" #rest, NDIS_OBJECT_TYPE_##object, 1, { prefix##_SIZEOF_##rest##_REVISION_1 },                    \
	  sizeof(prefix##_##rest) },
#define R2(prefix, rest, object)                                                                                       \
	{ #prefix "_" #rest, NDIS_OBJECT_TYPE_##object, 2,                                                             \
	  { prefix##_SIZEOF_##rest##_REVISION_1, prefix##_SIZEOF_##rest##_REVISION_2 }, sizeof(prefix##_##rest) },
#define R3(prefix, rest, object)                                                                                       \
	{ #prefix "_" #rest, NDIS_OBJECT_TYPE_##object, 3,                                                             \
	  { prefix##_SIZEOF_##rest##_REVISION_1, prefix##_SIZEOF_##rest##_REVISION_2,                                  \
	    prefix##_SIZEOF_##rest##_REVISION_3 }, sizeof(prefix##_##rest) },
static const struct layout structures[] = { LAYOUT_STRUCTURES(P, R1, R2, R3) };

#define M(structure, member, kind)                                                                                     \
	{ #structure, #member, offsetof(structure, member), SIZE(structure, member), LAYOUT_##kind },
static const struct layout_member members[] = { LAYOUT_MEMBERS(M) };

#define E(kind, name) { LAYOUT_##kind, #name, name },
#define STATUS(name, value) { LAYOUT_STATUS, #name, (int32_t)(value) },
static const struct layout_name names[] = { LAYOUT_ENUMERATORS(E) NDIS_STATUS_TABLE(STATUS) };

#define PLACE(structure, member) { offsetof(structure, member), SIZE(structure, member) }
#define A(structure, name, offset, count, step, element)                                                               \
	{ #structure, #name, PLACE(structure, offset), PLACE(structure, count), PLACE(structure, step), #element, false, 0 },
#define L(structure, name, offset, bytes, element)                                                                     \
	{ #structure, #name, PLACE(structure, offset), PLACE(structure, bytes), { 0, 0 }, #element, true, 0 },
#define B(structure, name, offset, bytes)                                                                              \
	{ #structure, #name, PLACE(structure, offset), PLACE(structure, bytes), { 0, 0 }, NULL, true, 0 },
#define F(structure, name, offset, bytes)                                                                              \
	{ #structure, #name, PLACE(structure, offset), { 0, 0 }, { 0, 0 }, NULL, true, bytes },
const struct layout_array layout_arrays[] = { LAYOUT_ARRAYS(A, L, B, F) { .structure = NULL } };

#define QUERY "query"
#define SET "set"
#define METHOD "method"
#define O(oid, type, structure) { (uint32_t)(oid), #oid, type, #structure },
const struct layout_request layout_requests[] = { LAYOUT_REQUESTS(O) { .name = NULL } };

const struct layout *layout_find(const char *structure)
{
	for (size_t i = 0; i < sizeof structures / sizeof *structures; i++)
		if (strcmp(structures[i].name, structure) == 0)
			return &structures[i];
	return NULL;
}

const char *layout_of_indication(uint32_t status)
{
#define I(code, structure) { (uint32_t)(code), #structure },
	static const struct {
		uint32_t status;
		const char *structure;
	} indications[] = { LAYOUT_INDICATIONS(I) };

	for (size_t i = 0; i < sizeof indications / sizeof *indications; i++)
		if (indications[i].status == status)
			return indications[i].structure;
	return NULL;
}

const struct layout_member *layout_members(const char *structure, size_t *n)
{
	const size_t count = sizeof members / sizeof *members;
	size_t first = 0;

	while (first < count && strcmp(members[first].structure, structure) != 0)
		first++;
	*n = 0;
	while (first + *n < count && strcmp(members[first + *n].structure, structure) == 0)
		++*n;
	return &members[first];
}

const char *layout_sub(enum layout_kind kind)
{
	switch (kind) {
	case LAYOUT_HEADER:
		return "NDIS_OBJECT_HEADER";
	case LAYOUT_AFFINITY:
		return "GROUP_AFFINITY";
	case LAYOUT_PROCESSOR:
		return "PROCESSOR_NUMBER";
	case LAYOUT_IDENTIFIER:
		return "LUID";
	default:
		return NULL;
	}
}

const char *layout_value_name(enum layout_kind kind, int64_t value)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].kind == kind && names[i].value == value)
			return names[i].name;
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return m && m <= n && strcmp(text + n - m, end) == 0;
}

bool layout_value_by_name(enum layout_kind kind, const char *name, int64_t *value)
{
	unsigned int found = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].kind != kind || !ends_with(names[i].name, name))
			continue;
		*value = names[i].value;
		if (strcmp(names[i].name, name) == 0)
			return true;
		found++;
	}
	return found == 1;
}
