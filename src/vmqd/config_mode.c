/* SPDX-License-Identifier: BSD-3-Clause */
/* An adapter's keywords and limits (config_mode.h). */
#include "vmqd/config_mode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmqd/member.h"

/* ---- keywords ---- */

/* true: the keyword is one that has one value here, or is said elsewhere; said to be right or not. */
static bool take_fixed(struct params *p, const char *key, const json_t *value)
{
	for (size_t i = 0; i < schema_nkeywords; i++) {
		const struct schema_keyword *k = &schema_keywords[i];

		if (strcmp(k->keyword, key) != 0 || (!k->elsewhere && k->min != k->max))
			continue;
		if (k->elsewhere)
			(void)params_fault(p, key, "does not belong here: %s", k->help);
		else if (!json_is_integer(value) || json_integer_value(value) != k->min)
			(void)params_fault(p, key, "only %u is possible: %s", k->min, k->help);
		return true;
	}
	return false;
}

static void take_keyword(struct params *p, const char *key, const json_t *value, struct miniport_keywords *kw)
{
	struct vmq_err err = { "" };
	int rc;

	if (take_fixed(p, key, value))
		return;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > UINT32_MAX) {
		rc = ndis_keyword_set(kw, key, UINT32_MAX, &err); /* for the sentence about what is allowed */
		if (rc != -ENOENT)
			(void)params_fault(p, key, "is not a number, as all of its values are");
	} else {
		rc = ndis_keyword_set(kw, key, (uint32_t)json_integer_value(value), &err);
	}
	if (rc == -ENOENT)
		(void)params_fault(p, key, "is no keyword; \"*VMQ\", \"*SRIOV\" and the others are listed in vmqd.yaml(5)");
	else if (rc < 0)
		(void)params_fault(p, key, "%s", err.text);
}

static void read_keywords(struct params *p, struct miniport_keywords *kw)
{
	const json_t *obj = params_any(p, SCHEMA(ADAPTER, keywords)->key, false), *value;
	char path[64];
	const char *key;
	struct params sub;

	ndis_keywords_for_switch(kw);
	params_member_path(p, "keywords", path, sizeof path);
	params_open(&sub, obj, path, p->e);
	if (!obj || !params_ok(&sub))
		return;
	json_object_foreach ((json_t *)obj, key, value)
		take_keyword(&sub, key, value, kw);
}

/* ---- limits ---- */

static void read_limits(struct params *p, struct softnic_limits *l)
{
	const json_t *obj = params_any(p, SCHEMA(ADAPTER, limits)->key, false);
	struct vmq_err err = { "" };
	char path[64], first[32];
	json_int_t vports = json_integer_value(json_object_get(obj, "vports"));
	struct params sub;

	params_member_path(p, "limits", path, sizeof path);
	params_open(&sub, obj, path, p->e);
	/* what is not given follows from this one; whether it is right is said below */
	softnic_limits_default(l, vports >= 2 && vports <= NIC_MAX_VPORTS ? (uint32_t)vports : NIC_MAX_VPORTS);
#define NUMBER(member, lowest, highest) (void)member_uint(&sub, SCHEMA(LIMITS, member), &l->member);
	SOFTNIC_LIMITS(NUMBER)
#undef NUMBER
#define FLAG(member) (void)member_bool(&sub, SCHEMA(LIMITS, member), &l->member);
	SOFTNIC_FLAGS(FLAG)
#undef FLAG
	if (params_close(&sub) < 0 || softnic_limits_check(l, &err) == 0)
		return;
	/* its sentence begins with the member's name */
	(void)snprintf(first, sizeof first, "%.*s", (int)strcspn(err.text, " "), err.text);
	(void)params_fault(&sub, params_has(&sub, first) ? first : NULL, "%s",
			   params_has(&sub, first) ? err.text + strcspn(err.text, " ") + 1 : err.text);
}

void config_mode_read(struct params *p, struct config_mode *out)
{
	enum miniport_mode mode;
	const char *reason;

	read_keywords(p, &out->keywords);
	read_limits(p, &out->limits);
	out->create_switch = false;
	if (!member_bool(p, SCHEMA(ADAPTER, create_switch), &out->create_switch) || !out->create_switch)
		return;
	mode = ndis_mode_choose(&out->keywords, &reason);
	if (mode != MINIPORT_MODE_SRIOV && (mode != MINIPORT_MODE_VMQ || !out->limits.switch_without_sriov))
		(void)params_fault(p, "create_switch", "there can be no switch: %s%s", reason,
				   mode == MINIPORT_MODE_VMQ ? ", and limits.switch_without_sriov is false" : "");
}
