/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl vport: the ports of the switch.
 */
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"
#include "vmqctl/windows.h"

/* "vport", or what stands in its place. */
static const char *label(const json_t *vport)
{
	const char *object = json_string_value(json_object_get(vport, "object"));

	if (!object || strcmp(object, "VPort") == 0)
		return "vport";
	return strcmp(object, "VM queue") == 0 ? "vm queue" : "default queue";
}

/* The numbers of a VPort that are off while they are 0: the rest of what vport.set takes. */
#define TUNING(X)                                                                                                      \
	X("max_tx_bytes_per_s", "what the VM sends beyond this many bytes a second waits in its ring")                 \
	X("tx_burst_bytes", "of them at once (0: what passes in 10 ms, at least 65536)")                               \
	X("max_tx_frames_per_s", "the same in frames")                                                                 \
	X("tx_burst_frames", "of them at once (0: what passes in 10 ms, at least 64)")                                 \
	X("max_rx_bytes_per_s", "what it would receive beyond this many bytes a second is dropped")                    \
	X("rx_burst_bytes", "of them at once")                                                                         \
	X("max_rx_frames_per_s", "the same in frames")                                                                 \
	X("rx_burst_frames", "of them at once")                                                                        \
	X("max_group_frames_per_s", "broadcast and multicast it sends beyond this is dropped (default 10000)")         \
	X("group_burst_frames", "of them at once (0: what passes in 10 ms, at least 1000)")                            \
	X("moderation_us", "hold interrupts back for so long instead of the level's time, up to 10000")                \
	X("moderation_frames", "but not with so many frames waiting, up to 32768")

static void print_tuning(FILE *out, const json_t *vport)
{
	const char *before = "\n    ";

#define X(key, help)                                                 \
	if (json_integer_value(json_object_get(vport, key))) {       \
		text_pair(out, before, key, vport, key);             \
		before = " ";                                        \
	}
	TUNING(X)
#undef X
}

/* One VPort, all of it: a line for what it is, one for its VM, one for its policies, one a filter. */
static void print_details(FILE *out, const json_t *vport)
{
	const json_t *filter;
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
	if (json_is_true(json_object_get(vport, "bypass")))
		text_pair(out, " ", "bypass", vport, "bypass");
	print_tuning(out, vport);
	text_pair(out, "\n    ", "host_device", vport, "host_device");
	text_pair(out, "\n    ", "socket", vport, "socket");
	text_pair(out, " ", "socket_mode", vport, "socket_mode");
	text_pair(out, "\n    ", "status", vport, "status");
	text_pair(out, "\n    ", "waits_for", vport, "waits_for");
	text_pair(out, "\n    ", "features", vport, "features");
	json_array_foreach(json_object_get(vport, "macs"), i, filter)
	{
		text_pair(out, "\n    ", "filter", filter, "id");
		text_pair(out, " ", "mac", filter, "mac");
		text_pair(out, " ", "vlan", filter, "vlan");
	}
	(void)fputc('\n', out);
}

static void print_list(FILE *out, const json_t *vports)
{
	bool adapters = json_list_differs(vports, "adapter");
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
		print_details(out, vport);
	}
}

static void print_vport(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	(void)opt;
	print_details(out, result);
}

#define MODERATION_KEY                                                                                                 \
	{                                                                                                              \
		"moderation", CMD_TEXT, "adaptive|off|low|medium|high|undefined",                                                \
		    .help = "how much notifications to the VM are held back"                                           \
	}
#define TUNING_KEY(name, text) { name, CMD_NUMBER, "N", .help = text },
#define SOURCE_CHECK_KEY                                                                                               \
	{                                                                                                              \
		"source_check", CMD_SWITCH, "on|off",                                                                  \
		    .help = "drop what the VM sends from an address that is not its own"                               \
	}
#define VLAN_CHECK_KEY                                                                                                 \
	{                                                                                                              \
		"vlan_check", CMD_SWITCH, "on|off", .help = "drop what it sends tagged for another VLAN"               \
	}
#define ALL_MULTICAST_KEY                                                                                              \
	{                                                                                                              \
		"all_multicast", CMD_SWITCH, "on|off", .help = "give it all multicast frames of its VLANs"             \
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

static const struct cmd_key add_keys[] = {
	{ "mac", CMD_TEXT, "MAC", .help = "frames for this address go to the VPort: its first filter" },
	{ "vlan", CMD_NUMBER, "VLAN|untagged|any", .help = "of that filter: 1 to 4094, or untagged (default), or any" },
	{ "broadcast", CMD_SWITCH, "on|off", .help = "broadcast frames of that VLAN, too (default on)" },
	{ "cpu", CMD_NUMBER, "CPU", .help = "the worker that serves it (default: the least loaded)" },
	{ "socket", CMD_TEXT, "PATH", .help = "vhost-user socket (default: NAME.sock in the run directory)" },
	{ "socket_mode", CMD_TEXT, "server|client", .help = "who listens: vmqd (default) or the VM's side" },
	{ "function", CMD_TEXT, "pf|vf", .help = "on the physical function (default), or on a virtual one of its own" },
	{ "queue_pairs", CMD_NUMBER, "N", .help = "receive and transmit queues, 1 to 16 (default 1)" },
	MODERATION_KEY,
	SOURCE_CHECK_KEY,
	VLAN_CHECK_KEY,
	ALL_MULTICAST_KEY,
	TUNING(TUNING_KEY)
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_key set_keys[] = {
	{ "cpu", CMD_NUMBER, "CPU|auto", .help = "move its queues to this worker, under traffic; auto: vmqd's choice" },
	{ "queue_pairs", CMD_NUMBER, "N", .help = "more queues for the VM that connects next; fewer while there is none" },
	MODERATION_KEY,
	{ "new_name", CMD_TEXT, "NAME", .help = "another name" },
	SOURCE_CHECK_KEY,
	VLAN_CHECK_KEY,
	ALL_MULTICAST_KEY,
	TUNING(TUNING_KEY)
	{ "active", CMD_SWITCH, "on", .help = "activate it (the contract knows no way back)" },
	{ "bypass", CMD_SWITCH, "on|off", .help = "its frames go through the default queue, as without VMQ" },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_key adapter_keys[] = { CMD_KEY_ADAPTER, CMD_KEY_END };

static const struct cmd_verb verbs[] = {
	{ "add", "vport.add", "a new VPort with a socket for its VM", &new_name, add_keys, .print = print_vport,
	  .after = cmd_cpu_warn },
	{ "set", "vport.set", "change a VPort, under traffic", &name, set_keys, .print = print_vport,
	  .after = cmd_cpu_warn },
	{ "del", "vport.del", "remove a VPort, its filters and its socket", &name, adapter_keys, .print = NULL },
	{ "show", "vport.show", "the VPorts; with -d everything about them", &any_name, adapter_keys, .watch = true,
	  .print = print_vports, .attach = cmd_vport_attach },
};

const struct cmd_object cmd_vport = { "vport", "the ports of the switch, one a VM", verbs,
				      sizeof verbs / sizeof *verbs };
