/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict reading of a JSON object (params.h). No state of its own. */
#include "vmqd/params.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqd/text.h"

#define SHOWN 48 /* bytes of a wrong value that a sentence repeats */

void params_open(struct params *p, const json_t *obj, const char *path, struct stack_error *e)
{
	*p = (struct params){ .obj = obj, .path = path, .e = e };
	if (obj && !json_is_object(obj))
		(void)params_fault(p, NULL, "is not an object of named parameters");
}

bool params_ok(const struct params *p)
{
	return p->e->code == STACK_OK;
}

void params_member_path(const struct params *p, const char *key, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s%s", p->path, p->path[0] && key ? "." : "", key ? key : "");
}

int params_fault(struct params *p, const char *key, const char *fmt, ...)
{
	char field[sizeof p->e->field], text[VMQ_ERR_TEXT];
	va_list ap;

	if (!params_ok(p))
		return -1;
	params_member_path(p, key, field, sizeof field);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return stack_fail(p->e, STACK_PARAM, field, "%s", text);
}

bool params_has(const struct params *p, const char *key)
{
	return json_is_object(p->obj) && json_object_get(p->obj, key) != NULL;
}

const json_t *params_any(struct params *p, const char *key, bool required)
{
	const json_t *v;

	if (!params_ok(p))
		return NULL;
	if (p->ntaken < PARAMS_MAX)
		p->taken[p->ntaken++] = key;
	v = p->obj ? json_object_get(p->obj, key) : NULL;
	if (!v && required)
		(void)params_fault(p, key, "is missing");
	return v;
}

int params_close(struct params *p)
{
	const char *key;
	json_t *v;

	if (!params_ok(p))
		return -1;
	if (!p->obj)
		return 0;
	json_object_foreach ((json_t *)p->obj, key, v) {
		bool known = false;
		char list[800] = "";
		size_t len = 0;

		for (unsigned i = 0; i < p->ntaken && !known; i++)
			known = strcmp(p->taken[i], key) == 0;
		if (known)
			continue;
		for (unsigned i = 0; i < p->ntaken; i++) {
			int n = snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", p->taken[i]);

			if (n < 0 || (size_t)n >= sizeof list - len) {
				list[len] = '\0'; /* the names that fit, whole */
				break;
			}
			len += (size_t)n;
		}
		return p->ntaken ? params_fault(p, key, "is not known here; known are %s", list) :
				   params_fault(p, key, "is not known here: there are no parameters");
	}
	return 0;
}

/* What a member is, for the sentence that says what it should be. */
static const char *kind(const json_t *v, char buf[SHOWN + 32])
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		(void)snprintf(buf, SHOWN + 32, "\"%.*s\"", SHOWN, json_string_value(v));
		for (char *c = buf; *c; c++) {
			if (iscntrl((unsigned char)*c))
				*c = '?';
		}
		return buf;
	case JSON_INTEGER:
		(void)snprintf(buf, SHOWN + 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return buf;
	case JSON_REAL:
		(void)snprintf(buf, SHOWN + 32, "%g", json_real_value(v));
		return buf;
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "nothing";
	case JSON_ARRAY:
		return "a list";
	default:
		return "a mapping";
	}
}

static bool wrong(struct params *p, const char *key, const json_t *v, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static bool wrong(struct params *p, const char *key, const json_t *v, const char *fmt, ...)
{
	char buf[SHOWN + 32], text[VMQ_ERR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)params_fault(p, key, "%s %s", kind(v, buf), text);
	return false;
}

bool params_str(struct params *p, const char *key, bool required, const char **out)
{
	const json_t *v = params_any(p, key, required);
	const char *s;

	if (!v)
		return false;
	if (!json_is_string(v))
		return wrong(p, key, v, "is not text");
	s = json_string_value(v);
	if (!s[0])
		return wrong(p, key, v, "is empty");
	for (const char *c = s; *c; c++) {
		if (iscntrl((unsigned char)*c))
			return wrong(p, key, v, "holds a control character");
	}
	*out = s;
	return true;
}

bool params_bool(struct params *p, const char *key, bool *out)
{
	const json_t *v = params_any(p, key, false);

	if (!v)
		return false;
	if (!json_is_boolean(v))
		return wrong(p, key, v, "is neither true nor false");
	*out = json_is_true(v);
	return true;
}

bool params_uint(struct params *p, const char *key, bool required, uint32_t min, uint32_t max, uint32_t *out)
{
	const json_t *v = params_any(p, key, required);

	if (!v)
		return false;
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return wrong(p, key, v, "is not a number from %u to %u", min, max);
	*out = (uint32_t)json_integer_value(v);
	return true;
}

bool params_u64(struct params *p, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *v = params_any(p, key, false);

	if (!v)
		return false;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
		return wrong(p, key, v, "is not a number from 0 to %llu", (unsigned long long)max);
	*out = (uint64_t)json_integer_value(v);
	return true;
}

bool params_name(struct params *p, const char *key, bool required, char out[STACK_NAME_SIZE])
{
	const json_t *v = params_any(p, key, required);

	if (!v)
		return false;
	if (!json_is_string(v) || !stack_name_ok(json_string_value(v)))
		return wrong(p, key, v, "is not a name; 1 to 64 characters of A-Z a-z 0-9 _ . -");
	(void)snprintf(out, STACK_NAME_SIZE, "%s", json_string_value(v));
	return true;
}

bool params_path(struct params *p, const char *key, bool required, char *out, size_t size)
{
	const json_t *v = params_any(p, key, required);
	const char *s;

	if (!v)
		return false;
	s = json_is_string(v) ? json_string_value(v) : "";
	if (s[0] != '/')
		return wrong(p, key, v, "is not an absolute path");
	if (strlen(s) >= size)
		return wrong(p, key, v, "is too long; a path here has at most %zu bytes", size - 1);
	for (const char *c = s; *c; c++) {
		if (iscntrl((unsigned char)*c))
			return wrong(p, key, v, "holds a control character");
	}
	(void)snprintf(out, size, "%s", s);
	return true;
}

bool params_mac(struct params *p, const char *key, bool required, uint8_t out[6])
{
	const json_t *v = params_any(p, key, required);
	uint8_t mac[6];

	if (!v)
		return false;
	if (!json_is_string(v) || !mac_parse(json_string_value(v), mac))
		return wrong(p, key, v, "is not a MAC address; six pairs of hexadecimal digits, 52:54:00:00:00:01");
	if (memcmp(mac, "\0\0\0\0\0\0", 6) == 0)
		return wrong(p, key, v, "is no station's address");
	memcpy(out, mac, 6);
	return true;
}

bool params_vlan(struct params *p, const char *key, struct stack_vlan *out)
{
	const json_t *v = params_any(p, key, false);

	if (!v)
		return false;
	if (json_is_integer(v) && json_integer_value(v) >= 1 && json_integer_value(v) <= 4094) {
		*out = (struct stack_vlan){ STACK_VLAN_ID, (uint16_t)json_integer_value(v) };
		return true;
	}
	if (json_is_string(v) && strcmp(json_string_value(v), "untagged") == 0) {
		*out = (struct stack_vlan){ STACK_VLAN_UNTAGGED, 0 };
		return true;
	}
	if (json_is_string(v) && strcmp(json_string_value(v), "any") == 0) {
		*out = (struct stack_vlan){ STACK_VLAN_ANY, 0 };
		return true;
	}
	return wrong(p, key, v, "is not a VLAN id; 1 to 4094, untagged or any");
}

bool params_choice(struct params *p, const char *key, const char *const *names, unsigned *out)
{
	const json_t *v = params_any(p, key, false);
	char list[160] = "";

	if (!v)
		return false;
	for (unsigned i = 0; names[i]; i++) {
		size_t len = strlen(list);

		if (json_is_string(v) && strcmp(json_string_value(v), names[i]) == 0) {
			*out = i;
			return true;
		}
		(void)snprintf(list + len, sizeof list - len, "%s%s", !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
	}
	return wrong(p, key, v, "is not possible; %s", list);
}

bool params_moderation(struct params *p, const char *key, uint32_t *out)
{
	unsigned i;

	if (!params_choice(p, key, moderation_names, &i))
		return false;
	*out = moderation_values[i];
	return true;
}

bool params_mode(struct params *p, const char *key, unsigned *out)
{
	const json_t *v = params_any(p, key, false);
	const char *s;

	if (!v)
		return false;
	s = json_is_string(v) ? json_string_value(v) : "";
	if (s[0] != '0' || strlen(s) > 5 || strspn(s, "01234567") != strlen(s) || strtoul(s, NULL, 8) > 0777)
		return wrong(p, key, v, "is not a file mode; octal digits with a leading 0, from 0000 to 0777");
	*out = (unsigned)strtoul(s, NULL, 8);
	return true;
}
