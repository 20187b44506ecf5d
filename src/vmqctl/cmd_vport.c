/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl vport: the ports of the switch.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"
#include "vmqctl/cmd.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"
#include "vmqctl/windows.h"

#define ANSWER_FILTERS 16 /* as many of a trunk's are told when a VPort was changed */

/* "vport", or what stands in its place. */
static const char *label(const json_t *vport)
{
	const char *object = json_string_value(json_object_get(vport, "object"));

	if (!object || strcmp(object, "VPort") == 0)
		return "vport";
	return strcmp(object, "VM queue") == 0 ? "vm queue" : "default queue";
}

static void print_tuning(FILE *out, const json_t *vport)
{
	const char *before = "\n    ";

#define X(object, key, ...)                                            \
	if (json_integer_value(json_object_get(vport, #key))) {       \
		text_pair(out, before, #key, vport, #key);            \
		before = " ";                                         \
	}
	SCHEMA_ROWS_TUNING(X)
#undef X
}

/* Only where there is something to spread, or to be known. */
static void print_rss(FILE *out, const json_t *vport)
{
	static const char *const more[] = { "rss_cpus", "rss_hash", "rss_key" };

	if (json_integer_value(json_object_get(vport, "queue_pairs")) > 1 || json_is_false(json_object_get(vport, "rss")))
		text_pair(out, " ", "rss", vport, "rss");
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		text_pair(out, " ", more[i], vport, more[i]);
}

/* One VPort, all of it: a line for what it is, one for its VM, one for its policies, one a filter, at most so many. */
static void print_details(FILE *out, const json_t *vport, size_t most)
{
	const json_t *filters = json_object_get(vport, "macs"), *filter;
	size_t i;

	text_pair(out, "", label(vport), vport, "id");
	text_pair(out, ": ", "name", vport, "name");
	text_pair(out, " ", "adapter", vport, "adapter");
	text_pair(out, " ", "function", vport, "function");
	text_pair(out, " ", "state", vport, "state");
	text_pair(out, "\n    ", "cpu", vport, "cpu");
	text_pair(out, " ", "cpu_auto", vport, "cpu_auto");
	text_pair(out, " ", "queue_pairs", vport, "queue_pairs");
	text_pair(out, " ", "moderation", vport, "moderation");
	text_pair(out, "\n    ", "source_check", vport, "source_check");
	text_pair(out, " ", "vlan_check", vport, "vlan_check");
	text_pair(out, " ", "all_multicast", vport, "all_multicast");
	if (json_is_true(json_object_get(vport, "trunk")))
		text_pair(out, " ", "trunk", vport, "trunk");
	print_rss(out, vport);
	if (json_is_true(json_object_get(vport, "bypass")))
		text_pair(out, " ", "bypass", vport, "bypass");
	print_tuning(out, vport);
	text_pair(out, "\n    ", "host_device", vport, "host_device");
	text_pair(out, "\n    ", "socket", vport, "socket");
	text_pair(out, " ", "socket_mode", vport, "socket_mode");
	text_pair(out, "\n    ", "status", vport, "status");
	text_pair(out, "\n    ", "waits_for", vport, "waits_for");
	text_pair(out, "\n    ", "features", vport, "features");
	json_array_foreach(filters, i, filter)
	{
		if (i == most)
			break;
		text_pair(out, "\n    ", "filter", filter, "id");
		text_pair(out, " ", "mac", filter, "mac");
		text_pair(out, " ", "vlan", filter, "vlan");
	}
	if (i < json_array_size(filters)) {
		(void)fprintf(out, "\n    and %zu filters more:", json_array_size(filters) - i);
		text_pair(out, " ", "vmqctl filter show", vport, "name");
	}
	(void)fputc('\n', out);
}

static void print_list(FILE *out, const json_t *vports)
{
	bool adapters = json_list_differs(vports, "adapter"), first = true;
	struct table *t = table_new();
	const json_t *vport;
	size_t i;

	table_column(t, "ID", TABLE_RIGHT);
	table_column(t, "NAME", TABLE_LEFT);
	if (adapters)
		table_column(t, "ADAPTER", TABLE_LEFT);
	table_column(t, "STATE", TABLE_LEFT);
	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "QUEUES", TABLE_RIGHT);
	table_column(t, "FILTERS", TABLE_RIGHT);
	table_column(t, "MODERATION", TABLE_LEFT);
	table_column(t, "STATUS", TABLE_LEFT);
	json_array_foreach(vports, i, vport)
	{
		table_row(t);
		table_member(t, vport, "id");
		table_member(t, vport, "name");
		if (adapters)
			table_member(t, vport, "adapter");
		table_member(t, vport, "state");
		table_member(t, vport, "cpu");
		table_member(t, vport, "queue_pairs");
		table_member(t, vport, "filters");
		table_member(t, vport, "moderation");
		table_member(t, vport, "status");
	}
	table_print(t, out);
	/* A sentence would push the columns apart. */
	json_array_foreach(vports, i, vport)
	{
		if (!json_object_get(vport, "waits_for"))
			continue;
		text_value(out, first ? "\n" : "", vport, "name");
		text_pair(out, " ", "waits_for", vport, "waits_for");
		(void)fputc('\n', out);
		first = false;
	}
}

static void print_vports(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *vports = json_object_get(result, "vports"), *vport;
	json_t *rows;
	size_t i;

	if (!opt->details) {
		print_list(out, vports);
		return;
	}
	rows = windows_vports(vports);
	windows_print(out, rows);
	json_decref(rows);
	json_array_foreach(vports, i, vport)
	{
		(void)fputc('\n', out);
		print_details(out, vport, SIZE_MAX);
	}
}

static void print_vport(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	(void)opt;
	print_details(out, result, ANSWER_FILTERS);
}

static const struct cmd_key new_name = {
	"name", CMD_TEXT, "NAME", "1 to 64 of A-Z a-z 0-9 _ . -, not in use, not default or wire", .required = true,
};
static const struct cmd_key name = {
	"name", CMD_TEXT, "NAME", "a VPort", .required = true, .names = CMD_NAMES_VPORT,
};
static const struct cmd_key any_name = {
	"name", CMD_TEXT, "NAME", "only this VPort", .names = CMD_NAMES_VPORT,
};

/* The keys of add and set, which are those of a VPort in the configuration file: made of the schema by cmd_vport_init, and
 * constant from then on. */
static struct cmd_key add_keys[SCHEMA_VPORT_count + 2], set_keys[SCHEMA_VPORT_count + 5];

static const struct cmd_key set_more[] = {
	{ "new_name", CMD_TEXT, "NAME", .help = "another name" },
	{ "active", CMD_SWITCH, "on", .help = "activate it (the contract knows no way back)" },
	{ "bypass", CMD_SWITCH, "on|off", .help = "its frames go through the default queue, as without VMQ" },
	CMD_KEY_ADAPTER,
};

static struct cmd_key key_of(const struct schema_member *m)
{
	struct cmd_key k = { m->key, CMD_TEXT, "TEXT", .help = m->help };

	switch (m->type) {
	case SCHEMA_BOOL:
		k.type = CMD_SWITCH;
		k.value = "on|off";
		break;
	case SCHEMA_TRUNK:
		k.type = CMD_SWITCH;
		k.value = "on|off|VLANS";
		break;
	case SCHEMA_NUMBER:
		k.type = CMD_NUMBER;
		k.value = m == SCHEMA(VPORT, cpu) ? "CPU" : "N";
		break;
	case SCHEMA_VLAN:
		k.type = CMD_NUMBER;
		k.value = "VLAN|untagged|any";
		break;
	case SCHEMA_WORD:
		k.value = m->words;
		break;
	case SCHEMA_MAC:
		k.value = "MAC";
		break;
	case SCHEMA_PATH:
		k.value = "PATH";
		break;
	default:
		break;
	}
	return k;
}

/* The first filter is a VPort's from its making; later it is one of the filters. */
static bool of_a_filter(const struct schema_member *m)
{
	return m == SCHEMA(VPORT, mac) || m == SCHEMA(VPORT, vlan) || m == SCHEMA(VPORT, broadcast);
}

/* vmqd takes rss_hash and rss_key as long as nothing was spread by others, and else says why not. */
static bool is_set(const struct schema_member *m)
{
	return (m->change == SCHEMA_LIVE_CHANGE && !of_a_filter(m)) || m == SCHEMA(VPORT, rss_hash) || m == SCHEMA(VPORT, rss_key);
}

void cmd_vport_init(void)
{
	struct cmd_key *add = add_keys, *set = set_keys;

	for (size_t i = 0; i < schema_VPORT.n; i++) {
		const struct schema_member *m = &schema_VPORT.members[i];

		if (m->type == SCHEMA_LIST || m == SCHEMA(VPORT, name))
			continue;
		*add++ = key_of(m);
		if (!is_set(m))
			continue;
		*set = key_of(m);
		if (m == SCHEMA(VPORT, cpu)) {
			set->value = "CPU|auto";
			set->help = "move its queues to this worker, under traffic; auto: vmqd's choice";
		}
		set++;
	}
	*add = (struct cmd_key)CMD_KEY_ADAPTER;
	memcpy(set, set_more, sizeof set_more);
}

static const struct cmd_key adapter_keys[] = { CMD_KEY_ADAPTER, CMD_KEY_END };
static const struct cmd_key show_keys[] = { CMD_KEY_MACS_MAX, CMD_KEY_ADAPTER, CMD_KEY_END };

/* What vmqd has taken, and who asked for it may not have meant. */
static void warn_of_new(struct vmq_client *client, const struct cmd_options *opt, const char *params)
{
	json_t *said = json_loads(params, 0, NULL);
	const char *mac = json_string_value(json_object_get(said, "mac"));

	if (mac && cmd_mac_is_group(mac)) {
		text_value(stderr, "vmqctl: warning: mac: ", said, "mac");
		text_value(stderr, " is a group address, and the VPort has no other: frames for its VM alone do not reach it; vmqctl filter add ",
			   said, "name");
		(void)fputs(" mac MAC\n", stderr);
	}
	json_decref(said);
	cmd_cpu_warn(client, opt, params);
}

static const struct cmd_verb verbs[] = {
	{ "add", "vport.add", "a new VPort with a socket for its VM", &new_name, add_keys, .print = print_vport,
	  .after = warn_of_new },
	{ "set", "vport.set", "change a VPort, under traffic", &name, set_keys, .print = print_vport,
	  .after = cmd_cpu_warn },
	{ "del", "vport.del", "remove a VPort, its filters and its socket", &name, adapter_keys, .print = NULL },
	{ "show", "vport.show", "the VPorts; with -d everything about them", &any_name, show_keys, .watch = true,
	  .print = print_vports, .attach = cmd_vport_attach },
};

const struct cmd_object cmd_vport = { "vport", "the ports of the switch, one a VM", verbs,
				      sizeof verbs / sizeof *verbs };
