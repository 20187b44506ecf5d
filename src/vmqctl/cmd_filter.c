/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl filter: what sends a frame to a VPort.
 */
#include "vmqctl/cmd.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"

static void print_list(FILE *out, const json_t *filters)
{
	bool adapters = json_list_differs(filters, "adapter"), vports = false, queues = false;
	struct table *t = table_new();
	const json_t *filter;
	size_t i;

	/* what filters stand on, by the adapter's mode */
	json_array_foreach(filters, i, filter)
	{
		vports = vports || json_object_get(filter, "vport_id");
		queues = queues || json_object_get(filter, "queue_id");
	}

	table_column(t, "ID", TABLE_RIGHT);
	table_column(t, "MAC", TABLE_LEFT);
	table_column(t, "VLAN", TABLE_LEFT);
	if (vports || !queues)
		table_column(t, "VPORT", TABLE_RIGHT);
	if (queues)
		table_column(t, "QUEUE", TABLE_RIGHT);
	table_column(t, "NAME", TABLE_LEFT);
	if (adapters)
		table_column(t, "ADAPTER", TABLE_LEFT);
	json_array_foreach(filters, i, filter)
	{
		table_row(t);
		table_member(t, filter, "id");
		table_member(t, filter, "mac");
		table_member(t, filter, "vlan");
		if (vports || !queues)
			table_member(t, filter, "vport_id");
		if (queues)
			table_member(t, filter, "queue_id");
		table_member(t, filter, "vport");
		if (adapters)
			table_member(t, filter, "adapter");
	}
	table_print(t, out);
}

static void print_filters(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	(void)opt;
	print_list(out, json_object_get(result, "filters"));
}

static void print_filter(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	json_t *list = json_pack("[O]", result);

	(void)opt;
	print_list(out, list);
	json_decref(list);
}

static const struct cmd_key vport = {
	"vport", CMD_TEXT, "VPORT", "a VPort's name", .required = true, .names = CMD_NAMES_VPORT,
};
static const struct cmd_key any_vport = {
	"vport", CMD_TEXT, "VPORT", "only this VPort's", .names = CMD_NAMES_VPORT,
};
static const struct cmd_key id = {
	"id",
	CMD_NUMBER,
	"ID",
	"a filter's number in `vmqctl filter show`",
	.required = true,
	.names = CMD_NAMES_FILTER,
};

static const struct cmd_key add_keys[] = {
	{ "mac", CMD_TEXT, "MAC", "destination address of the frames", .required = true },
	{ "vlan", CMD_NUMBER, "VLAN|untagged|any", .help = "1 to 4094, or untagged (default), or any" },
	{ "broadcast", CMD_SWITCH, "on|off", .help = "broadcast frames of that VLAN, too (default on)" },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};
static const struct cmd_key move_keys[] = {
	{ "to", CMD_TEXT, "VPORT", "the VPort that gets the frames from now on", true, CMD_NAMES_VPORT },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};
static const struct cmd_key adapter_keys[] = { CMD_KEY_ADAPTER, CMD_KEY_END };

static const struct cmd_verb verbs[] = {
	{ "add", "filter.add", "send frames to a VPort", &vport, add_keys, .print = print_filters },
	{ "del", "filter.del", "remove a filter", &id, adapter_keys, .print = NULL },
	{ "move", "filter.move", "give a filter to another VPort; no frame is lost", &id, move_keys,
	  .print = print_filter },
	{ "show", "filter.show", "the filters", &any_vport, adapter_keys, .watch = true, .print = print_filters },
};

const struct cmd_object cmd_filter = { "filter", "what sends a frame to a VPort", verbs, sizeof verbs / sizeof *verbs };
