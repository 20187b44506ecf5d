/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl worker: the threads that move frames, one a CPU, and when they sleep.
 */
#include <stdlib.h>

#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static void columns(struct table *t, const struct cmd_options *opt)
{
	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "POLICY", TABLE_LEFT);
	table_column(t, "STATE", TABLE_LEFT);
	table_column(t, "BUSY-%", TABLE_RIGHT);
	table_column(t, "POLL-%", TABLE_RIGHT);
	table_column(t, "SLEEP-%", TABLE_RIGHT);
	table_column(t, "FRAMES", TABLE_RIGHT);
	table_column(t, "RINGS", TABLE_RIGHT);
	table_column(t, "ARMED", TABLE_RIGHT);
	table_column(t, "HELD", TABLE_RIGHT);
	if (opt->statistics) {
		table_column(t, "TURNS", TABLE_RIGHT);
		table_column(t, "SLEEPS", TABLE_RIGHT);
		table_column(t, "BY-TIMER", TABLE_RIGHT);
		table_column(t, "CHANGES", TABLE_RIGHT);
	}
	table_column(t, "LIGHT-SLEEP", TABLE_LEFT);
	table_column(t, "SLEEP", TABLE_LEFT);
}

static void worker_row(struct table *t, const struct cmd_options *opt, const json_t *worker)
{
	table_row(t);
	table_member(t, worker, "cpu");
	table_member(t, worker, "policy");
	table_member(t, worker, "state");
	table_member(t, worker, "busy_pct");
	table_member(t, worker, "poll_pct");
	table_member(t, worker, "sleep_pct");
	table_member(t, worker, "frames");
	table_member(t, worker, "rings");
	table_member(t, worker, "rings_armed");
	table_member(t, worker, "rings_held");
	if (opt->statistics) {
		table_member(t, worker, "turns");
		table_member(t, worker, "sleeps");
		table_member(t, worker, "timed_sleeps");
		table_member(t, worker, "sleep_changes");
	}
	table_member(t, worker, "light_sleep");
	table_member(t, worker, "sleep");
}

static void print_workers(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	struct table *t = table_new();
	const json_t *worker;
	size_t i;

	columns(t, opt);
	json_array_foreach(json_object_get(result, "workers"), i, worker) worker_row(t, opt, worker);
	table_print(t, out);
}

static void print_worker(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	struct table *t = table_new();

	columns(t, opt);
	worker_row(t, opt, result);
	table_print(t, out);
}

static const struct cmd_key cpu = { "cpu", CMD_NUMBER, "CPU", "the worker's", .required = true };
static const struct cmd_key set_keys[] = {
	{ "policy", CMD_TEXT, "adaptive|poll|interrupt",
	  .help = "when it sleeps: after a while without work, never, at once" },
	{ "light_sleep", CMD_TEXT, "auto|always|off",
	  .help = "whether its CPU sleeps lightly: while work keeps ending its sleeps, always, never" },
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ "show", "worker.show", "the workers and what they do with their time; with -s more", .watch = true,
	  .print = print_workers },
	{ "set", "worker.set", "change when and how a worker sleeps, while it works", &cpu, set_keys, .print = print_worker },
};

const struct cmd_object cmd_worker = { "worker", "the threads that move frames, one a CPU", verbs,
				       sizeof verbs / sizeof *verbs };
