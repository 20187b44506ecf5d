/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl queue: who gets what on which CPU, a line a queue.
 */
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"

static void columns(struct table *t, const struct cmd_options *opt, bool adapters)
{
	table_column(t, "QUEUE", TABLE_RIGHT);
	if (adapters)
		table_column(t, "ADAPTER", TABLE_LEFT);
	table_column(t, "VPORT", TABLE_RIGHT);
	table_column(t, "NAME", TABLE_LEFT);
	table_column(t, "MAC", TABLE_LEFT);
	table_column(t, "VLAN", TABLE_LEFT);
	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "STATE", TABLE_LEFT);
	table_column(t, "RX-FRAMES", TABLE_RIGHT);
	table_column(t, "TX-FRAMES", TABLE_RIGHT);
	if (opt->statistics) {
		table_column(t, "RX-BYTES", TABLE_RIGHT);
		table_column(t, "TX-BYTES", TABLE_RIGHT);
		table_column(t, "RX-RING", TABLE_RIGHT);
		table_column(t, "TX-RING", TABLE_RIGHT);
		table_column(t, "RX-FREE", TABLE_RIGHT);
	}
}

/* The state's word; a reason ("broken: …") comes below the table, or it would push the columns apart. */
static void state_cell(struct table *t, const json_t *queue)
{
	const char *state = json_string_value(json_object_get(queue, "state"));

	table_cell(t, "%.*s", state ? (int)strcspn(state, ":") : 1, state ? state : "-");
}

static void queue_row(struct table *t, const struct cmd_options *opt, bool adapters, const json_t *queue,
		      const json_t *filter, size_t own)
{
	table_row(t);
	table_member(t, queue, "queue");
	if (adapters)
		table_member(t, queue, "adapter");
	table_member(t, queue, "vport_id");
	table_member(t, queue, "vport");
	if (own > 1 && !opt->details) {
		char *mac = text_member(filter, "mac");

		table_cell(t, "%s +%zu", mac, own - 1);
		free(mac);
	} else {
		table_member(t, filter, "mac");
	}
	table_member(t, filter, "vlan");
	table_member(t, queue, "cpu");
	state_cell(t, queue);
	table_member(t, queue, "rx_frames");
	table_member(t, queue, "tx_frames");
	if (opt->statistics) {
		table_member(t, queue, "rx_bytes");
		table_member(t, queue, "tx_bytes");
		table_member(t, queue, "rx_ring");
		table_member(t, queue, "tx_ring");
		table_member(t, queue, "rx_free");
	}
}

/* With -d the other filters, a line each, below the queue's own. */
static void filter_rows(struct table *t, bool adapters, const json_t *filters, const json_t *shown)
{
	const json_t *filter;
	size_t i;

	json_array_foreach(filters, i, filter)
	{
		if (filter == shown)
			continue;
		table_row(t);
		for (int c = 0; c < 3 + adapters; c++)
			table_cell(t, "%s", "");
		table_member(t, filter, "mac");
		table_member(t, filter, "vlan");
	}
}

static void print_reasons(FILE *out, const json_t *queues)
{
	const json_t *queue;
	size_t i;

	json_array_foreach(queues, i, queue)
	{
		const char *state = json_string_value(json_object_get(queue, "state"));

		if (!state || !strchr(state, ':'))
			continue;
		text_pair(out, "", "queue", queue, "queue");
		text_pair(out, " ", "of", queue, "vport");
		(void)fputs(": ", out);
		text_print(out, state);
		(void)fputc('\n', out);
	}
}

static void print_queues(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *queues = json_object_get(result, "queues"), *queue;
	bool adapters = json_list_differs(queues, "adapter");
	struct table *t = table_new();
	size_t i;

	columns(t, opt, adapters);
	json_array_foreach(queues, i, queue)
	{
		const json_t *filters = json_object_get(queue, "macs");
		size_t own;
		const json_t *filter = json_list_main_filter(filters, &own);

		queue_row(t, opt, adapters, queue, filter, own);
		if (opt->details)
			filter_rows(t, adapters, filters, filter);
	}
	table_print(t, out);
	print_reasons(out, queues);
}

static const struct cmd_key vport = { "vport", CMD_TEXT, "VPORT", "only this VPort's", .names = CMD_NAMES_VPORT };
static const struct cmd_key keys[] = { CMD_KEY_MACS_MAX, CMD_KEY_ADAPTER, CMD_KEY_END };

static const struct cmd_verb verbs[] = {
	{ "show", "queue.show", "the queues; with -s bytes and rings, with -d all addresses", &vport, keys,
	  .watch = true, .print = print_queues },
};

const struct cmd_object cmd_queue = { "queue", "who gets what on which CPU", verbs, sizeof verbs / sizeof *verbs };
