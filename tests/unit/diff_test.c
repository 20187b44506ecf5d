/* SPDX-License-Identifier: BSD-3-Clause */
/* Configurations described, shortened and compared; the schema beside the tables it must agree with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/schema.h"
#include "schema/yamlout.h"
#include "vmqd/config.h"
#include "vmqd/describe.h"
#include "vmqd/diff.h"

#define HEAD "cpus: [0]\nadapters:\n  - name: ext0\n    port: {device: eth1}\n"
#define VPORTS HEAD "    vports:\n"

static struct config *parse(const char *text)
{
	struct vmq_err err = { "" };
	struct config *c = NULL;

	if (config_parse("f.yaml", text, strlen(text), &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static json_t *described(const char *text)
{
	struct config *c = parse(text);
	json_t *out = describe_config(c);

	assert_non_null(out);
	config_free(c);
	return out;
}

static json_t *differences(const char *from, const char *to)
{
	json_t *a = described(from), *b = described(to), *out = diff_configs(a, b);

	json_decref(a);
	json_decref(b);
	return out;
}

static const char *text_of(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s ? s : "";
}

/* One difference, here and so. */
static void expect(const char *from, const char *to, const char *path, const char *change, bool was, bool is)
{
	json_t *list = differences(from, to), *one = json_array_get(list, 0);

	if (json_array_size(list) != 1)
		fail_msg("%zu differences between\n%s\n%s", json_array_size(list), from, to);
	assert_string_equal(text_of(one, "path"), path);
	assert_string_equal(text_of(one, "change"), change);
	assert_true((json_object_get(one, "from") != NULL) == was && (json_object_get(one, "to") != NULL) == is);
	json_decref(list);
}

static void one_member(void **state)
{
	(void)state;
	expect(HEAD, HEAD "run_dir: /x\n", "run_dir", "restart", true, true);
	expect(HEAD, HEAD "cpu_auto: false\n", "cpu_auto", "live", true, true);
	expect(HEAD, HEAD "control: {mode: 0600}\n", "control.mode", "restart", true, true);
	expect(HEAD, "cpus: [{cpu: 0, policy: poll}]\nadapters:\n  - {name: ext0, port: {device: eth1}}\n", "cpus[0].policy", "live", true, true);
	expect("cpus: [0, 1]\nadapters:\n  - {name: ext0, port: {device: eth1}}\n", HEAD, "cpus[1]", "restart", true, false);
	expect(HEAD, "cpus: [0]\nadapters:\n  - {name: ext0, port: {device: eth1, napi: leave}}\n", "adapters[ext0].port.napi", "restart", true, true);
	expect(HEAD, HEAD "    host: {moderation: low}\n", "adapters[ext0].host.moderation", "live", true, true);
	expect(HEAD, HEAD "    host: {netns: /n}\n", "adapters[ext0].host.netns", "restart", false, true);
	expect(HEAD "    host: {cpu: 0}\n", HEAD, "adapters[ext0].host.cpu", "live", true, false);
	expect(HEAD, HEAD "    keywords: {\"*NumVFs\": 3}\n", "adapters[ext0].keywords.*NumVFs", "restart", false, true);
	expect(HEAD, HEAD "    limits: {vlans_per_vport: 9}\n", "adapters[ext0].limits.vlans_per_vport", "restart", true, true);
	expect(VPORTS "      - {name: a}\n", VPORTS "      - {name: a, socket_mode: client}\n", "adapters[ext0].vports[a].socket_mode",
	       "renew", true, true);
	expect(VPORTS "      - {name: a}\n", VPORTS "      - {name: a, cpu: 0}\n", "adapters[ext0].vports[a].cpu", "live", false, true);
}

static void whole_objects(void **state)
{
	(void)state;
	expect(HEAD, HEAD "  - {name: b, port: {device: eth2}}\n", "adapters[b]", "restart", false, true);
	expect(VPORTS "      - {name: a}\n", HEAD, "adapters[ext0].vports[a]", "live", true, false);
	expect(VPORTS "      - {name: a, mac: 52:54:00:00:00:01}\n",
	       VPORTS "      - {name: a, mac: 52:54:00:00:00:01, filters: [{mac: 52:54:00:00:00:01, vlan: 7}]}\n",
	       "adapters[ext0].vports[a].filters[52:54:00:00:00:01 vlan 7]", "live", false, true);
	expect(VPORTS "      - {name: a, mac: 52:54:00:00:00:01}\n",
	       VPORTS "      - {name: a, mac: 52:54:00:00:00:01, broadcast: false}\n",
	       "adapters[ext0].vports[a].filters[52:54:00:00:00:01 vlan untagged].broadcast", "live", true, true);
	/* capture files instead of a device: another kind of port */
	expect(HEAD, "cpus: [0]\nadapters:\n  - name: ext0\n    port: {driver: pcap}\n", "adapters[ext0].port", "restart", true, true);
}

static void no_difference(void **state)
{
	static const char *const same[][2] = {
		{ VPORTS "      - {name: a, mac: 52:54:00:00:00:0a, vlan: 7}\n      - {name: b}\n",
		  VPORTS "      - {name: b}\n      - {name: a, filters: [{mac: 52-54-00-00-00-0A, vlan: 7}]}\n" },
		/* what a group's filter brings for broadcast is nothing */
		{ VPORTS "      - {name: a, mac: 01:00:5e:00:00:01}\n", VPORTS "      - {name: a, mac: 01:00:5e:00:00:01, broadcast: false}\n" },
		{ HEAD, HEAD "control: {socket: /run/vmq/vmqd.sock, mode: 0660, group: root}\nstate: none\n" },
		{ VPORTS "      - {name: a}\n", VPORTS "      - {name: a, socket: /run/vmq/a.sock, moderation: adaptive, trunk: false}\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		json_t *list = differences(same[i][0], same[i][1]);

		if (json_array_size(list) != 0)
			fail_msg("%s differs at %s", same[i][0], text_of(json_array_get(list, 0), "path"));
		json_decref(list);
	}
}

/* What is shortened and written says the same when it is read. */
static void shortened_is_the_same(void **state)
{
	static const char *const texts[] = {
		HEAD,
		HEAD "state: /s.db\ncpu_auto: false\ncontrol: {mode: 0600}\nvport_sockets: {mode: 0777}\n",
		HEAD "    switch_name: \"yes\"\n    keywords: {\"*SRIOV\": 0, \"*NumVFs\": 2}\n    limits: {vports: 40, vfs: 39, filters: 99}\n",
		HEAD "    host: {device: vmq7, cpu: 0, moderation_us: 70, moderation_frames: 3, filters: [{mac: 52:54:00:00:00:01}]}\n",
		"cpus: [{cpu: 0, light_sleep: off}]\nadapters:\n  - {name: a, port: {driver: xdp, device: eth1, napi: thread}}\n",
		"cpus: [{cpu: 0, policy: poll}]\nadapters:\n  - {name: a, port: {driver: pcap, in: /a, rate: 5, loop: true}}\n",
		VPORTS "      - {name: \"1e3\", mac: 52:54:00:00:00:01, vlan: any, broadcast: false, filters: [{mac: 33:33:00:00:00:01}]}\n"
		       "      - {name: \"null\", socket: /x, socket_mode: client, function: vf, queue_pairs: 4, max_group_frames_per_s: 0}\n"
		       "      - {name: b, mac: 52:54:00:00:00:02, trunk: \"untagged,5-7\", tx_burst_bytes: 1000000000000}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct config *c = parse(texts[i]);
		json_t *all = describe_config(c), *brief = describe_config(c), *again;
		char *text;

		describe_shorten(c, brief);
		text = yamlout(brief);
		assert_non_null(text);
		again = described(text);
		if (!json_equal(all, again))
			fail_msg("not the same:\n%s", text);
		free(text);
		text = yamlout(all);
		json_decref(again);
		again = described(text);
		assert_true(json_equal(all, again));
		free(text);
		json_decref(all);
		json_decref(brief);
		json_decref(again);
		config_free(c);
	}
}

/* What has a default in the schema is there in what is described, else it could neither be compared nor saved; but for texts,
 * which may be left out where they are the default. */
static void defaults_are_there(const struct schema_object *o, const json_t *described)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct schema_member *m = &o->members[i];
		const json_t *v = json_object_get(described, m->key), *element = json_is_array(v) ? json_array_get(v, 0) : v;

		if (o == &schema_VPORT && schema_find(&schema_FILTER, m->key))
			continue; /* they are its first filter's */
		if (m->fallback && m->type != SCHEMA_TEXT && !v)
			fail_msg("%s.%s is not described", o->name, m->key);
		if (m->of && json_is_object(element))
			defaults_are_there(schema_object_of(m, element), element);
	}
}

static void every_default_is_described(void **state)
{
	static const char *const texts[] = {
		VPORTS "      - {name: a, mac: 52:54:00:00:00:01}\n",
		"adapters:\n  - {name: ext0, port: {driver: pcap}}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_t *all = described(texts[i]);

		defaults_are_there(&schema_ROOT, all);
		json_decref(all);
	}
}

/* Nothing is left over that goes without saying. */
static void short_is_short(void **state)
{
	struct config *c = parse(VPORTS "      - {name: a, mac: 52:54:00:00:00:01}\n");
	json_t *brief = describe_config(c);
	char *text;

	(void)state;
	describe_shorten(c, brief);
	text = yamlout(brief);
	assert_string_equal(text, "cpus: [0]\nadapters:\n- name: ext0\n  port:\n    device: eth1\n  vports:\n"
				  "  - {name: a, mac: \"52:54:00:00:00:01\"}\n");
	free(text);
	json_decref(brief);
	config_free(c);
}

/* ---- the schema and the tables of others ---- */

static void limits_agree(void **state)
{
	(void)state;
#define X(member, lowest, highest)                                                                                     \
	assert_true(SCHEMA(LIMITS, member)->min == (lowest) && SCHEMA(LIMITS, member)->max == (highest));
	SOFTNIC_LIMITS(X)
#undef X
#define X(member) assert_int_equal(SCHEMA(LIMITS, member)->type, SCHEMA_BOOL);
	SOFTNIC_FLAGS(X)
#undef X
}

static const struct schema_keyword *keyword(const char *name)
{
	for (size_t i = 0; i < schema_nkeywords; i++)
		if (strcmp(schema_keywords[i].keyword, name) == 0)
			return &schema_keywords[i];
	fail_msg("no %s", name);
	return NULL;
}

static void keywords_agree(void **state)
{
	struct miniport_keywords kw;

	(void)state;
	ndis_keywords_for_switch(&kw);
#define X(member, name, dflt, lowest, highest)                                                                         \
	assert_true(keyword(name)->min == (lowest) && keyword(name)->max == (highest));                                \
	assert_true(keyword(name)->fallback == (kw.member > (highest) ? -1 : (int64_t)kw.member));
	MINIPORT_KEYWORDS(X)
#undef X
}

/* Constant defaults are what a configuration without the member has: shortening would lose something else. */
static void defaults_agree(void **state)
{
	json_t *all = described(VPORTS "      - {name: a}\n"), *adapter = json_array_get(json_object_get(all, "adapters"), 0);
	const struct {
		const struct schema_object *o;
		const json_t *value;
	} objects[] = {
		{ &schema_ROOT, all }, { &schema_CONTROL, json_object_get(all, "control") },
		{ &schema_SOCKETS, json_object_get(all, "vport_sockets") }, { &schema_ADAPTER, adapter },
		{ &schema_LIMITS, json_object_get(adapter, "limits") }, { &schema_HOST, json_object_get(adapter, "host") },
		{ &schema_PORT, json_object_get(adapter, "port") },
		{ &schema_VPORT, json_array_get(json_object_get(adapter, "vports"), 0) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
		for (size_t k = 0; k < objects[i].o->n; k++) {
			const struct schema_member *m = &objects[i].o->members[k];
			json_t *value = json_object_get(objects[i].value, m->key);
			json_t *dflt = m->fallback ? json_loads(m->fallback, JSON_DECODE_ANY, NULL) : NULL;

			if (m->fallback && !dflt)
				fail_msg("%s: %s is no JSON", m->key, m->fallback);
			/* the first filter is among the filters */
			if (dflt && value && !json_equal(value, dflt))
				fail_msg("%s.%s: the default is another", objects[i].o->name, m->key);
			json_decref(dflt);
		}
	json_decref(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_member),	  cmocka_unit_test(whole_objects),
		cmocka_unit_test(no_difference),  cmocka_unit_test(shortened_is_the_same),
		cmocka_unit_test(every_default_is_described),
		cmocka_unit_test(short_is_short), cmocka_unit_test(limits_agree),
		cmocka_unit_test(keywords_agree), cmocka_unit_test(defaults_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
