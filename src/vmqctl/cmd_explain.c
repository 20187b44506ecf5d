/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl explain: what would become of a frame, asked of the code that classifies frames.
 */
#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static void print_destinations(FILE *out, const json_t *destinations)
{
	struct table *t = table_new();
	const json_t *d;
	size_t i;

	table_column(t, "FATE", TABLE_LEFT);
	table_column(t, "VPORT", TABLE_LEFT);
	table_column(t, "FILTER", TABLE_RIGHT);
	table_column(t, "QUEUE", TABLE_RIGHT);
	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "TAG", TABLE_LEFT);
	table_column(t, "DROP", TABLE_LEFT);
	json_array_foreach(destinations, i, d)
	{
		table_row(t);
		table_member(t, d, "fate");
		table_member(t, d, "vport");
		table_member(t, d, "filter");
		table_member(t, d, "queue");
		table_member(t, d, "cpu");
		table_member(t, d, "tag");
		table_member(t, d, "drop");
	}
	table_print(t, out);
}

static void print_explanation(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(result, "text"), i, line)
	{
		if (json_is_string(line))
			text_print(out, json_string_value(line));
		(void)fputc('\n', out);
	}
	if (opt->details)
		print_destinations(out, json_object_get(result, "destinations"));
}

static const struct cmd_key keys[] = {
	{ "from", CMD_TEXT, "wire|VPORT", "where the frame enters", true, CMD_NAMES_VPORT },
	{ "dst", CMD_TEXT, "MAC", "its destination address", .required = true },
	{ "src", CMD_TEXT, "MAC", .help = "its source address (default: the sender's first filter's)" },
	{ "vlan", CMD_NUMBER, "VLAN", .help = "0 to 4094 (default: no tag)" },
	{ "priority", CMD_NUMBER, "PRIORITY", .help = "0 to 7, in the tag" },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ NULL, "explain", "which filter, VPort, queue and CPU a frame would meet, or why it would be dropped", NULL,
	  keys, .print = print_explanation },
};

const struct cmd_object cmd_explain = { "explain", "what would become of a frame", verbs,
					sizeof verbs / sizeof *verbs };
