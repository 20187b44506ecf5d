/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl vf: the virtual functions, a line each.
 */
#include "vmqctl/cmd.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"

/* One VF, all of it. */
static void print_details(FILE *out, const json_t *vf)
{
	text_pair(out, "", "vf", vf, "vf");
	text_pair(out, " ", "adapter", vf, "adapter");
	text_pair(out, " ", "state", vf, "state");
	text_pair(out, " ", "power", vf, "power");
	text_pair(out, "\n    ", "pci", vf, "pci");
	text_pair(out, " ", "pci_id", vf, "pci_id");
	text_pair(out, " ", "rid", vf, "rid");
	text_pair(out, " ", "mac", vf, "mac");
	text_pair(out, "\n    ", "vm", vf, "vm");
	text_pair(out, "\n    ", "vport", vf, "vport_id");
	text_pair(out, " ", "name", vf, "vport");
	text_pair(out, " ", "queue_pairs", vf, "queue_pairs");
	text_pair(out, "\n    ", "socket", vf, "socket");
	text_pair(out, "\n    ", "status", vf, "status");
	(void)fputc('\n', out);
}

static void print_vfs(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *vfs = json_object_get(result, "vfs"), *vf;
	bool adapters = json_list_differs(vfs, "adapter");
	struct table *t;
	size_t i;

	if (opt->details) {
		json_array_foreach(vfs, i, vf) print_details(out, vf);
		return;
	}
	t = table_new();
	table_column(t, "VF", TABLE_RIGHT);
	if (adapters)
		table_column(t, "ADAPTER", TABLE_LEFT);
	table_column(t, "PCI", TABLE_LEFT);
	table_column(t, "MAC", TABLE_LEFT);
	table_column(t, "STATE", TABLE_LEFT);
	table_column(t, "POWER", TABLE_LEFT);
	table_column(t, "VPORT", TABLE_RIGHT);
	table_column(t, "QUEUES", TABLE_RIGHT);
	table_column(t, "VM", TABLE_LEFT);
	table_column(t, "STATUS", TABLE_LEFT);
	json_array_foreach(vfs, i, vf)
	{
		table_row(t);
		table_member(t, vf, "vf");
		if (adapters)
			table_member(t, vf, "adapter");
		table_member(t, vf, "pci");
		table_member(t, vf, "mac");
		table_member(t, vf, "state");
		table_member(t, vf, "power");
		table_member(t, vf, "vport_id");
		table_member(t, vf, "queue_pairs");
		table_member(t, vf, "vm");
		table_member(t, vf, "status");
	}
	table_print(t, out);
}

static const struct cmd_key keys[] = { CMD_KEY_ADAPTER, CMD_KEY_END };

static const struct cmd_verb verbs[] = {
	{ "show", "vf.show", "the virtual functions; with -d everything about them", NULL, keys, .watch = true,
	  .print = print_vfs },
};

const struct cmd_object cmd_vf = { "vf", "the virtual functions, one a VPort at most", verbs,
				   sizeof verbs / sizeof *verbs };
