/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl switch: the adapters' switches, their mode and what is left of their limits.
 */
#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static void print_use(FILE *out, const char *before, const char *label, const json_t *sw, const char *used,
		      const char *limit)
{
	text_pair(out, before, label, sw, used);
	text_pair(out, " ", "of", sw, limit);
}

static void print_link(FILE *out, const json_t *device)
{
	if (json_is_boolean(json_object_get(device, "link")))
		(void)fprintf(out, " link %s", json_is_true(json_object_get(device, "link")) ? "up" : "down");
	text_pair(out, " ", "mac", device, "mac");
}

static void print_switch(FILE *out, const json_t *sw)
{
	const json_t *port = json_object_get(sw, "port"), *host = json_object_get(sw, "host");

	bool there = json_object_get(sw, "id") != NULL;

	text_pair(out, "", "switch", sw, "id");
	text_pair(out, there ? ": " : "no switch: ", "adapter", sw, "adapter");
	text_pair(out, " ", "name", sw, "name");
	text_pair(out, "\n    ", "mode", sw, "mode");
	text_pair(out, ": ", "because", sw, "mode_reason");
	if (!there)
		text_pair(out, "\n    ", "holds", sw, "holds");
	text_pair(out, "\n    ", "port", port, "driver");
	if (json_string_length(json_object_get(port, "device"))) /* pcap has none */
		text_pair(out, " ", "device", port, "device");
	print_link(out, port);
	text_pair(out, " ", "mtu", port, "mtu");
	text_pair(out, "\n        ", "is", port, "describe");
	text_pair(out, "\n    ", "host_device", sw, "host_device");
	print_link(out, host);
	text_pair(out, " ", "promiscuous", host, "promiscuous");
	print_use(out, "\n    ", "vports", sw, "num_vports", "max_vports");
	print_use(out, "\n    ", "vm queues", sw, "num_queues", "max_queues");
	print_use(out, ", ", "filters", sw, "num_filters", "max_filters");
	print_use(out, ", ", "queue pairs", sw, "queue_pairs", "max_queue_pairs");
	print_use(out, ", ", "VFs", sw, "num_vfs", "max_vfs");
	if (json_integer_value(json_object_get(sw, "driver_faults"))) {
		text_pair(out, "\n    ", "driver faults", sw, "driver_faults");
		text_pair(out, ", the last", ":", sw, "last_driver_fault");
	}
	(void)fputc('\n', out);
}

static void print_switches(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *sw;
	size_t i;

	(void)opt;
	json_array_foreach(json_object_get(result, "switches"), i, sw) print_switch(out, sw);
}

static const struct cmd_key adapter = {
	"adapter", CMD_TEXT, "ADAPTER", "only this adapter's", .names = CMD_NAMES_ADAPTER,
};

static void print_one(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	(void)opt;
	print_switch(out, result);
}

static const struct cmd_key whose = {
	"adapter", CMD_TEXT, "ADAPTER", "needed where there are several", .names = CMD_NAMES_ADAPTER,
};

static const struct cmd_verb verbs[] = {
	{ "add", "switch.add", "make the switch of an adapter that is neutral", &whose, NULL, .print = print_one },
	{ "del", "switch.del", "delete it, which makes the adapter neutral again", &whose, NULL, .print = print_one },
	{ "show", "switch.show", "the switches, their physical ports and limits", &adapter, NULL, .watch = true,
	  .print = print_switches },
};

const struct cmd_object cmd_switch = { "switch", "the adapters and their modes", verbs, sizeof verbs / sizeof *verbs };
