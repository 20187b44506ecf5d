/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NDIS contract in words: names of OIDs, statuses and indications, and UTF-8 for counted strings. No state; any
 * thread. Include <vmq/ndis.h>.
 */
#ifndef VMQ_NDIS_NAMES_H
#define VMQ_NDIS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <vmq/ndis_base.h>

/* "OID_RECEIVE_FILTER_SET_FILTER", or NULL when the number is in no table. Static text. */
const char *ndis_oid_name(NDIS_OID oid);
/* The number for a name, exact; false when there is none. */
bool ndis_oid_by_name(const char *name, NDIS_OID *oid);

/* "NDIS_STATUS_INVALID_LENGTH" (statuses and indications), or "NDIS_STATUS_?" when the number is in no table. */
const char *ndis_status_name(NDIS_STATUS status);

/* Writes UTF-8 as UTF-16 into `s`, the rest of the string zero. false, and nothing written: not UTF-8, or more than
 * NDIS_IF_MAX_STRING_SIZE units. */
bool ndis_string_set(NDIS_IF_COUNTED_STRING *s, const char *utf8);
/* Writes the string as UTF-8 with a terminator, cut where `size` bytes end; a lone surrogate becomes U+FFFD. Any
 * Length is safe. Returns `out`. 769 bytes always suffice. */
char *ndis_string_get(const NDIS_IF_COUNTED_STRING *s, char *out, size_t size);

#define NDIS_STRING_UTF8_SIZE 772u

#endif
