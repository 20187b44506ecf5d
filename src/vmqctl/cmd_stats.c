/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl stats: counters of VPorts, wires and workers, and why frames were dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"

static json_int_t drops_of(const json_t *object)
{
	json_t *drops = json_object_get(object, "drops"), *n;
	json_int_t sum = 0;
	const char *reason;

	json_object_foreach(drops, reason, n) sum += json_integer_value(n);
	return sum;
}

static void counter_columns(struct table *t, const struct cmd_options *opt)
{
	table_column(t, "RX-FRAMES", TABLE_RIGHT);
	table_column(t, "RX-BYTES", TABLE_RIGHT);
	table_column(t, "TX-FRAMES", TABLE_RIGHT);
	table_column(t, "TX-BYTES", TABLE_RIGHT);
	table_column(t, "DROPS", TABLE_RIGHT);
	if (opt->statistics) {
		table_column(t, "RX-BATCHES", TABLE_RIGHT);
		table_column(t, "RX-NOTIFY", TABLE_RIGHT);
		table_column(t, "RX-SPURIOUS", TABLE_RIGHT);
		table_column(t, "TX-KICKS", TABLE_RIGHT);
		table_column(t, "TX-SPURIOUS", TABLE_RIGHT);
		table_column(t, "TX-NOTIFY", TABLE_RIGHT);
	}
}

static void counter_cells(struct table *t, const struct cmd_options *opt, const json_t *object)
{
	table_member(t, object, "rx_frames");
	table_member(t, object, "rx_bytes");
	table_member(t, object, "tx_frames");
	table_member(t, object, "tx_bytes");
	table_cell(t, "%" JSON_INTEGER_FORMAT, drops_of(object));
	if (opt->statistics) {
		table_member(t, object, "rx_batches");
		table_member(t, object, "rx_notifications");
		table_member(t, object, "rx_spurious_notifications");
		table_member(t, object, "tx_kicks");
		table_member(t, object, "tx_spurious_kicks");
		table_member(t, object, "tx_notifications");
	}
}

/* None of them is a VPort. */
static bool all_queues(const json_t *vports)
{
	const json_t *object;
	size_t i;

	json_array_foreach(vports, i, object)
	{
		const char *name = json_string_value(json_object_get(object, "object"));

		if (!name || strcmp(name, "VPort") == 0)
			return false;
	}
	return true;
}

static void print_counters(FILE *out, const struct cmd_options *opt, const json_t *vports, const json_t *wires)
{
	bool adapters = json_list_differs(vports, "adapter");
	struct table *t = table_new();
	const json_t *object;
	size_t i;

	table_column(t, all_queues(vports) ? "QUEUE" : "VPORT", TABLE_RIGHT);
	table_column(t, "NAME", TABLE_LEFT);
	if (adapters)
		table_column(t, "ADAPTER", TABLE_LEFT);
	counter_columns(t, opt);
	json_array_foreach(vports, i, object)
	{
		table_row(t);
		table_member(t, object, "id");
		table_member(t, object, "name");
		if (adapters)
			table_member(t, object, "adapter");
		counter_cells(t, opt, object);
	}
	json_array_foreach(wires, i, object)
	{
		table_row(t);
		table_cell(t, "wire");
		table_member(t, object, "adapter");
		if (adapters)
			table_member(t, object, "adapter");
		counter_cells(t, opt, object);
	}
	table_print(t, out);
}

static void age_cell(struct table *t, const json_t *object, const char *reason)
{
	const json_t *lately = json_object_get(json_object_get(object, "lately"), "drops");
	const json_t *last = json_object_get(json_object_get(lately, reason), "last_s");
	char age[CMD_AGE_SIZE];

	if (json_is_integer(last))
		table_cell(t, "%s ago", cmd_age(age, json_integer_value(last)));
	else
		table_cell(t, "-");
}

/* Rows for the reasons of one VPort or wire that counted anything; returns how many. */
static size_t drop_rows(struct table *t, const json_t *object, const char *name)
{
	json_t *n;
	const char *reason;
	size_t rows = 0;

	json_object_foreach(json_object_get(object, "drops"), reason, n)
	{
		if (json_integer_value(n) == 0)
			continue;
		table_row(t);
		table_member(t, object, name);
		table_cell(t, "%s", reason);
		table_cell(t, "%" JSON_INTEGER_FORMAT, json_integer_value(n));
		age_cell(t, object, reason);
		rows++;
	}
	return rows;
}

static void print_drops(FILE *out, const json_t *vports, const json_t *wires)
{
	struct table *t = table_new();
	const json_t *object;
	size_t i, rows = 0;

	table_column(t, "DROPPED-AT", TABLE_LEFT);
	table_column(t, "REASON", TABLE_LEFT);
	table_column(t, "FRAMES", TABLE_RIGHT);
	table_column(t, "LAST", TABLE_RIGHT);
	json_array_foreach(vports, i, object) rows += drop_rows(t, object, "name");
	json_array_foreach(wires, i, object) rows += drop_rows(t, object, "adapter");
	if (rows) {
		(void)fputc('\n', out);
		table_print(t, out);
	} else {
		table_free(t);
	}
}

static void print_workers(FILE *out, const struct cmd_options *opt, const json_t *workers)
{
	struct table *t;
	const json_t *worker;
	size_t i;

	if (json_array_size(workers) == 0)
		return;
	(void)fputc('\n', out);
	t = table_new();
	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "FRAMES", TABLE_RIGHT);
	table_column(t, "BUSY-%", TABLE_RIGHT);
	table_column(t, "POLL-%", TABLE_RIGHT);
	table_column(t, "SLEEP-%", TABLE_RIGHT);
	table_column(t, "RINGS", TABLE_RIGHT);
	table_column(t, "ARMED", TABLE_RIGHT);
	if (opt->statistics) {
		table_column(t, "TURNS", TABLE_RIGHT);
		table_column(t, "SLEEPS", TABLE_RIGHT);
	}
	json_array_foreach(workers, i, worker)
	{
		table_row(t);
		table_member(t, worker, "cpu");
		table_member(t, worker, "frames");
		table_member(t, worker, "busy_pct");
		table_member(t, worker, "poll_pct");
		table_member(t, worker, "sleep_pct");
		table_member(t, worker, "rings");
		table_member(t, worker, "rings_armed");
		if (opt->statistics) {
			table_member(t, worker, "turns");
			table_member(t, worker, "sleeps");
		}
	}
	table_print(t, out);
}

/* The drivers count what they know of their devices; which counters those are is theirs. */
static void print_port_counters(FILE *out, const json_t *wires)
{
	const json_t *wire;
	size_t i;

	json_array_foreach(wires, i, wire)
	{
		json_t *port = json_object_get(wire, "port"), *n;
		const char *counter;

		if (!json_object_size(port))
			continue;
		text_pair(out, "\n", "port of", wire, "adapter");
		(void)fputc(':', out);
		json_object_foreach(port, counter, n) text_pair(out, " ", counter, port, counter);
		(void)fputc('\n', out);
	}
}

static void print_stats(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *vports = json_object_get(result, "vports"), *wires = json_object_get(result, "wires");

	print_counters(out, opt, vports, wires);
	print_drops(out, vports, wires);
	print_workers(out, opt, json_object_get(result, "workers"));
	if (opt->statistics)
		print_port_counters(out, wires);
}

static const struct cmd_key vport = { "vport", CMD_TEXT, "VPORT", "only this VPort's", .names = CMD_NAMES_VPORT };
static const struct cmd_key keys[] = { CMD_KEY_ADAPTER, CMD_KEY_END };

static const struct cmd_verb verbs[] = {
	{ "show", "stats.show", "counters, drops by reason, workers; with -s more of them", &vport, keys, .watch = true,
	  .print = print_stats },
};

const struct cmd_object cmd_stats = { "stats", "counters and drops", verbs, sizeof verbs / sizeof *verbs };
