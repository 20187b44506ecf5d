/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of OIDs and statuses from the tables of vmq/ndis_base.h, and UTF-8 for counted strings. No state. */
#include <vmq/ndis_names.h>

#include <string.h>

#include <vmq/ndis_vmq.h>

struct name {
	uint32_t value;
	const char *text;
};

#define NAME(name, value) { (uint32_t)(value), #name },

static const struct name oid_names[] = {
	NDIS_OID_TABLE(NAME){ OID_VMQ_VPORT_POLICY, "OID_VMQ_VPORT_POLICY" },
	{ OID_VMQ_VF_CPUS, "OID_VMQ_VF_CPUS" },
	{ OID_VMQ_VPORT_TUNING, "OID_VMQ_VPORT_TUNING" },
};

static const struct name status_names[] = { NDIS_STATUS_TABLE(NAME) NDIS_INDICATION_TABLE(NAME) };

const char *ndis_oid_name(NDIS_OID oid)
{
	for (size_t i = 0; i < sizeof oid_names / sizeof oid_names[0]; i++)
		if (oid_names[i].value == oid)
			return oid_names[i].text;
	return NULL;
}

bool ndis_oid_by_name(const char *name, NDIS_OID *oid)
{
	for (size_t i = 0; i < sizeof oid_names / sizeof oid_names[0]; i++) {
		if (strcmp(oid_names[i].text, name) == 0) {
			*oid = oid_names[i].value;
			return true;
		}
	}
	return false;
}

const char *ndis_status_name(NDIS_STATUS status)
{
	for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; i++)
		if (status_names[i].value == (uint32_t)status)
			return status_names[i].text;
	return "NDIS_STATUS_?";
}

/* One code point from UTF-8; returns the bytes it takes, 0 when they are not valid UTF-8. */
static size_t utf8_decode(const unsigned char *s, uint32_t *cp)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;

	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	n = (s[0] & 0xE0) == 0xC0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : (s[0] & 0xF8) == 0xF0 ? 4 : 0;
	if (!n)
		return 0;
	*cp = s[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3Fu);
	}
	if (*cp < least[n] || *cp > 0x10FFFF || (*cp >= 0xD800 && *cp < 0xE000))
		return 0;
	return n;
}

bool ndis_string_set(NDIS_IF_COUNTED_STRING *s, const char *utf8)
{
	NDIS_IF_COUNTED_STRING out;
	const unsigned char *p = (const unsigned char *)utf8;
	uint32_t units = 0;

	memset(&out, 0, sizeof out);
	while (*p) {
		uint32_t cp;
		size_t n = utf8_decode(p, &cp);

		if (!n || units + (cp > 0xFFFF) >= NDIS_IF_MAX_STRING_SIZE)
			return false;
		if (cp > 0xFFFF) {
			out.String[units++] = (WCHAR)(0xD800 + ((cp - 0x10000) >> 10));
			out.String[units++] = (WCHAR)(0xDC00 + ((cp - 0x10000) & 0x3FF));
		} else {
			out.String[units++] = (WCHAR)cp;
		}
		p += n;
	}
	out.Length = (USHORT)(units * 2);
	*s = out;
	return true;
}

char *ndis_string_get(const NDIS_IF_COUNTED_STRING *s, char *out, size_t size)
{
	uint32_t units = s->Length / 2u;
	size_t len = 0;

	if (units > NDIS_IF_MAX_STRING_SIZE)
		units = NDIS_IF_MAX_STRING_SIZE;
	for (uint32_t i = 0; i < units; i++) {
		uint32_t cp = s->String[i];
		char b[4];
		size_t n;

		if (cp == 0)
			break;
		if (cp >= 0xD800 && cp < 0xDC00 && i + 1 < units && (s->String[i + 1] & 0xFC00) == 0xDC00)
			cp = 0x10000 + ((cp - 0xD800) << 10) + (s->String[++i] - 0xDC00u);
		else if (cp >= 0xD800 && cp < 0xE000)
			cp = 0xFFFD;
		if (cp < 0x80) {
			b[0] = (char)cp;
			n = 1;
		} else if (cp < 0x800) {
			b[0] = (char)(0xC0 | cp >> 6);
			b[1] = (char)(0x80 | (cp & 0x3F));
			n = 2;
		} else if (cp < 0x10000) {
			b[0] = (char)(0xE0 | cp >> 12);
			b[1] = (char)(0x80 | (cp >> 6 & 0x3F));
			b[2] = (char)(0x80 | (cp & 0x3F));
			n = 3;
		} else {
			b[0] = (char)(0xF0 | cp >> 18);
			b[1] = (char)(0x80 | (cp >> 12 & 0x3F));
			b[2] = (char)(0x80 | (cp >> 6 & 0x3F));
			b[3] = (char)(0x80 | (cp & 0x3F));
			n = 4;
		}
		if (len + n >= size)
			break;
		memcpy(out + len, b, n);
		len += n;
	}
	if (size)
		out[len] = 0;
	return out;
}
