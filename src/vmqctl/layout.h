/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract's structures by name, from the tables of layouts.h: text to bytes, and bytes to JSON with every member
 * under its name. Lengths and offsets that come from the daemon are checked against the buffer. Constant tables, no
 * state; single-threaded.
 *
 * A value's kind says how it is written, both ways: NUMBER decimal; HEX as "0x…" (flags, masks, identifiers of
 * functions); NETWORK a number whose bytes lie in network order; BYTES hexadecimal; TEXT the text of a counted string;
 * STATUS and the enumerations by name. Any number may also be given as decimal or 0x….
 */
#ifndef VMQ_VMQCTL_LAYOUT_H
#define VMQ_VMQCTL_LAYOUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum layout_kind {
	LAYOUT_NUMBER,
	LAYOUT_HEX,
	LAYOUT_NETWORK,
	LAYOUT_BYTES,
	LAYOUT_TEXT,
	LAYOUT_STATUS,
	/* structures */
	LAYOUT_HEADER,
	LAYOUT_AFFINITY,
	LAYOUT_PROCESSOR,
	LAYOUT_IDENTIFIER,
	/* enumerations */
	LAYOUT_FRAME_HEADER,
	LAYOUT_RECEIVE_FILTER_TEST,
	LAYOUT_MAC_HEADER_FIELD,
	LAYOUT_ARP_HEADER_FIELD,
	LAYOUT_IPV4_HEADER_FIELD,
	LAYOUT_IPV6_HEADER_FIELD,
	LAYOUT_UDP_HEADER_FIELD,
	LAYOUT_RECEIVE_FILTER_TYPE,
	LAYOUT_RECEIVE_QUEUE_TYPE,
	LAYOUT_RECEIVE_QUEUE_OPERATIONAL_STATE,
	LAYOUT_NIC_SWITCH_TYPE,
	LAYOUT_NIC_SWITCH_VPORT_INTERRUPT_MODERATION,
	LAYOUT_NIC_SWITCH_VPORT_STATE,
	LAYOUT_DEVICE_POWER_STATE,
};

struct layout_member {
	const char *structure;
	const char *name; /* "Flags", or of a union "FieldValue.FieldShortValue" */
	uint16_t offset, size;
	enum layout_kind kind;
};

/* A member of the structure that says something about what lies behind it. */
struct layout_place {
	uint16_t offset, size; /* size 0: there is none */
};

struct layout_array {
	const char *structure;
	const char *name;
	struct layout_place offset, count, step;
	const char *element; /* NULL: bytes */
	bool count_is_bytes;
	uint16_t fixed; /* without `count`: so many bytes */
};

struct layout {
	const char *name;
	uint8_t type;	   /* Header.Type; 0: without a header */
	uint8_t revisions; /* that are known */
	uint16_t size[3];  /* NDIS_SIZEOF of each */
	uint16_t whole;	   /* sizeof */
};

struct layout_request {
	uint32_t oid;
	const char *name;
	const char *type; /* "query", "set", "method" */
	const char *structure;
};

struct layout_name {
	enum layout_kind kind;
	const char *name;
	int64_t value;
};

extern const struct layout_array layout_arrays[]; /* the last one's structure is NULL */
extern const struct layout_request layout_requests[]; /* the last one's name is NULL */

/* NULL: there is no such structure. */
const struct layout *layout_find(const char *structure);
/* The structure that a status indication carries; NULL: not known. */
const char *layout_of_indication(uint32_t status);
/* Its members, which stand together; *n says how many. */
const struct layout_member *layout_members(const char *structure, size_t *n);
/* The structure that a member of this kind is; NULL: it is a value. */
const char *layout_sub(enum layout_kind kind);
/* An enumerator's or a status's name for a value, NULL without; and its value by its name or the end of it that no
 * other one of the kind has ("Activated"). */
const char *layout_value_name(enum layout_kind kind, int64_t value);
bool layout_value_by_name(enum layout_kind kind, const char *name, int64_t *value);

/* What `len` bytes say as the structure: a new object with every member that is there, and the arrays behind it. A
 * part that lies outside the buffer is left out. */
json_t *layout_read(const char *structure, const uint8_t *data, size_t len);

struct layout_buffer {
	uint8_t *data; /* to be freed */
	size_t len;
};

/*
 * The structure with its header filled in and the members given as "path=value": Flags, ProcessorAffinity.Mask,
 * FieldParametersArray[0].FrameHeader, HashSecretKey. Offsets, numbers and steps of arrays are filled in unless they
 * are given; `Header.Revision` of an earlier revision makes a shorter structure. 0, or -1 with a sentence in `why`.
 */
int layout_write(const char *structure, char **assignments, size_t n, struct layout_buffer *out, char *why,
		 size_t size);

#endif
