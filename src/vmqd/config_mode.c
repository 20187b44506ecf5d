/* SPDX-License-Identifier: BSD-3-Clause */
/* An adapter's keywords and limits (config_mode.h). */
#include "vmqd/config_mode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- keywords ---- */

/* Those that cannot be otherwise here: X(keyword, the only value, why). */
#define KEYWORDS_FIXED(X)                                                                                              \
	X("*Flags", 0, "the default switch has none")                                                                  \
	X("*SwitchType", 1, "the switch is an external one")                                                           \
	X("*SwitchId", 0, "an adapter has the default switch only")                                                    \
	X("*PacketCoalescing", 0, "this adapter does not hold packets back")                                           \
	X("*RscIPv4", 0, "this adapter does not join received segments")                                               \
	X("*RscIPv6", 0, "this adapter does not join received segments")                                               \
	X("*EncapsulatedPacketTaskOffload", 0, "this adapter does not look into encapsulated packets")

/* Those that are said elsewhere, or to somebody else: X(keyword, where). */
#define KEYWORDS_ELSEWHERE(X)                                                                                          \
	X("*SwitchName", "the key switch_name names the switch")                                                       \
	X("*RSSProfile", "the key cpus lists the workers' CPUs, and each VPort has its cpu")                           \
	X("*RssBaseProcGroup", "the key cpus lists the workers' CPUs")                                                 \
	X("*RssBaseProcNumber", "the key cpus lists the workers' CPUs")                                                \
	X("*RssMaxProcGroup", "the key cpus lists the workers' CPUs")                                                  \
	X("*RssMaxProcNumber", "the key cpus lists the workers' CPUs")                                                 \
	X("*MaxRssProcessors", "the key cpus lists the workers' CPUs")                                                 \
	X("*NumRSSQueues", "a VPort has its queue_pairs, and limits their queue_pairs_per_vport")                      \
	X("*NumaNodeId", "the key cpus lists the workers' CPUs")                                                       \
	X("*TenGigVmqEnabled", "an adapter must not read this one, which is the host's; *VMQ is the adapter's")        \
	X("*BelowTenGigVmqEnabled", "an adapter must not read this one, which is the host's; *VMQ is the adapter's")

static const struct {
	const char *keyword;
	json_int_t value;
	const char *why;
} fixed[] = {
#define ROW(keyword, value, why) { keyword, value, why },
	KEYWORDS_FIXED(ROW)
#undef ROW
};

static const struct {
	const char *keyword, *where;
} elsewhere[] = {
#define ROW(keyword, where) { keyword, where },
	KEYWORDS_ELSEWHERE(ROW)
#undef ROW
};

/* true: the keyword is one of these, and said to be right or not. */
static bool take_fixed(struct params *p, const char *key, const json_t *value)
{
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
		if (strcmp(fixed[i].keyword, key) != 0)
			continue;
		if (!json_is_integer(value) || json_integer_value(value) != fixed[i].value)
			(void)params_fault(p, key, "only %d is possible: %s", (int)fixed[i].value, fixed[i].why);
		return true;
	}
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
		if (strcmp(elsewhere[i].keyword, key) != 0)
			continue;
		(void)params_fault(p, key, "does not belong here: %s", elsewhere[i].where);
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
	const json_t *obj = params_any(p, "keywords", false), *value;
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
	const json_t *obj = params_any(p, "limits", false);
	struct vmq_err err = { "" };
	char path[64], first[32];
	json_int_t vports = json_integer_value(json_object_get(obj, "vports"));
	struct params sub;

	params_member_path(p, "limits", path, sizeof path);
	params_open(&sub, obj, path, p->e);
	/* what is not given follows from this one; whether it is right is said below */
	softnic_limits_default(l, vports >= 2 && vports <= NIC_MAX_VPORTS ? (uint32_t)vports : NIC_MAX_VPORTS);
#define NUMBER(member, lowest, highest) (void)params_uint(&sub, #member, false, (lowest), (highest), &l->member);
	SOFTNIC_LIMITS(NUMBER)
#undef NUMBER
#define FLAG(member) (void)params_bool(&sub, #member, &l->member);
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
	if (!params_bool(p, "create_switch", &out->create_switch) || !out->create_switch)
		return;
	mode = ndis_mode_choose(&out->keywords, &reason);
	if (mode != MINIPORT_MODE_SRIOV && (mode != MINIPORT_MODE_VMQ || !out->limits.switch_without_sriov))
		(void)params_fault(p, "create_switch", "there can be no switch: %s%s", reason,
				   mode == MINIPORT_MODE_VMQ ? ", and limits.switch_without_sriov is false" : "");
}
