/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl perf: what the workers' frames cost over some seconds: cycles a frame, how many were worked together, and the
 * share of time with work, without, and asleep.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static const char *const sizes[] = { "1", "2-3", "4-7", "8-15", "16-31", "32-63", "64-127", "128-255", "256-511", "512" };
#define SIZES (sizeof sizes / sizeof *sizes)

static json_int_t risen(const json_t *a, const json_t *b, const char *key)
{
	return json_integer_value(json_object_get(b, key)) - json_integer_value(json_object_get(a, key));
}

static json_int_t batch_risen(const json_t *a, const json_t *b, size_t i)
{
	return json_integer_value(json_array_get(json_object_get(b, "batches"), i)) -
	       json_integer_value(json_array_get(json_object_get(a, "batches"), i));
}

static double part(json_int_t n, json_int_t of, double scale)
{
	return of > 0 ? scale * (double)n / (double)of : 0;
}

/* One worker's difference between two answers of worker.show. */
static json_t *difference(const json_t *a, const json_t *b)
{
	json_int_t busy = risen(a, b, "busy_ns"), poll = risen(a, b, "poll_ns"), sleep = risen(a, b, "sleep_ns");
	json_int_t all = busy + poll + sleep, frames = risen(a, b, "frames"), batches = 0;
	json_t *histogram = json_array();

	for (size_t i = 0; i < SIZES; i++) {
		batches += batch_risen(a, b, i);
		(void)json_array_append_new(histogram, json_integer(batch_risen(a, b, i)));
	}
	return json_pack("{s:O, s:O, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:o}", "cpu", json_object_get(b, "cpu"), "policy",
			 json_object_get(b, "policy"), "frames", frames, "ns", all, "cycles_per_frame",
			 part(risen(a, b, "busy_cycles"), frames, 1), "frames_per_batch", part(frames, batches, 1), "busy_pct",
			 part(busy, all, 100), "poll_pct", part(poll, all, 100), "sleep_pct", part(sleep, all, 100), "sleeps",
			 risen(a, b, "sleeps"), "timed_sleeps", risen(a, b, "timed_sleeps"), "batches", histogram);
}

static json_t *differences(const json_t *a, const json_t *b, const json_t *cpu)
{
	const json_t *before = json_object_get(a, "workers"), *w;
	json_t *list = json_array();
	size_t i;

	json_array_foreach(json_object_get(b, "workers"), i, w)
	{
		if (!cpu || json_equal(json_object_get(w, "cpu"), cpu))
			(void)json_array_append_new(list, difference(json_array_get(before, i), w));
	}
	return json_pack("{s:o}", "workers", list);
}

static void print_perf(FILE *out, const json_t *workers)
{
	struct table *t = table_new(), *h = table_new();
	const json_t *w;
	size_t i;

	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "POLICY", TABLE_LEFT);
	table_column(t, "FRAMES", TABLE_RIGHT);
	table_column(t, "CYCLES/FRAME", TABLE_RIGHT);
	table_column(t, "FRAMES/BATCH", TABLE_RIGHT);
	table_column(t, "BUSY-%", TABLE_RIGHT);
	table_column(t, "POLL-%", TABLE_RIGHT);
	table_column(t, "SLEEP-%", TABLE_RIGHT);
	table_column(t, "SLEEPS", TABLE_RIGHT);
	table_column(t, "BY-TIMER", TABLE_RIGHT);
	table_column(h, "CPU", TABLE_RIGHT);
	table_column(h, "BATCHES OF", TABLE_LEFT);
	for (size_t k = 0; k < SIZES; k++)
		table_column(h, sizes[k], TABLE_RIGHT);
	json_array_foreach(workers, i, w)
	{
		table_row(t);
		table_member(t, w, "cpu");
		table_member(t, w, "policy");
		table_member(t, w, "frames");
		table_cell(t, "%.0f", json_real_value(json_object_get(w, "cycles_per_frame")));
		table_cell(t, "%.1f", json_real_value(json_object_get(w, "frames_per_batch")));
		table_cell(t, "%.1f", json_real_value(json_object_get(w, "busy_pct")));
		table_cell(t, "%.1f", json_real_value(json_object_get(w, "poll_pct")));
		table_cell(t, "%.1f", json_real_value(json_object_get(w, "sleep_pct")));
		table_member(t, w, "sleeps");
		table_member(t, w, "timed_sleeps");
		table_row(h);
		table_member(h, w, "cpu");
		table_cell(h, "%s", "");
		for (size_t k = 0; k < SIZES; k++)
			table_cell(h, "%" JSON_INTEGER_FORMAT,
				   json_integer_value(json_array_get(json_object_get(w, "batches"), k)));
	}
	table_print(t, out);
	(void)fputc('\n', out);
	table_print(h, out);
}

static int ask(struct vmq_client *client, json_t **out, struct vmq_error *err)
{
	char *text;
	int rc = vmq_call(client, "worker.show", NULL, &text, err);

	if (rc == 0) {
		*out = json_loads(text, JSON_DECODE_ANY, NULL);
		free(text);
	}
	return rc;
}

static int measure(const struct cmd_options *opt, struct vmq_client *client, double seconds, const json_t *cpu)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	json_t *a = NULL, *b = NULL, *result = NULL;
	int rc = ask(client, &a, &err);

	if (rc == 0) {
		cmd_wait(seconds); /* an interrupt ends it: what was measured until then is shown */
		rc = ask(client, &b, &err);
	}
	if (rc) {
		rc = cmd_failed(opt, rc, &err);
	} else {
		result = differences(a, b, cpu);
		if (cpu && json_array_size(json_object_get(result, "workers")) == 0) {
			(void)fprintf(stderr, "vmqctl: cpu: no worker runs on CPU %" JSON_INTEGER_FORMAT "\n", json_integer_value(cpu));
			rc = CMD_REFUSED;
		} else if (opt->json) {
			char *text = json_dumps(result, JSON_COMPACT | JSON_REAL_PRECISION(6));

			cmd_print_json(stdout, opt, text ? text : "null");
			free(text);
		} else {
			print_perf(stdout, json_object_get(result, "workers"));
		}
	}
	json_decref(a);
	json_decref(b);
	json_decref(result);
	return rc ? rc : cmd_flush();
}

static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	json_t *p = json_loads(params, 0, NULL);
	const json_t *cpu = json_object_get(p, "cpu");
	double seconds;
	struct vmq_client *client;
	int rc;

	(void)verb;
	if (cmd_interval(p, &seconds)) {
		rc = CMD_USAGE;
	} else if (cpu && !json_is_integer(cpu)) {
		text_wrong(p, "cpu", "is not a CPU number");
		rc = CMD_USAGE;
	} else {
		rc = vmq_connect(opt->socket, &client, &err);
		if (rc) {
			rc = cmd_failed(opt, rc, &err);
		} else {
			cmd_catch_interrupt();
			rc = measure(opt, client, seconds, cpu);
			vmq_disconnect(client);
		}
	}
	json_decref(p);
	return rc;
}

static const struct cmd_key keys[] = {
	{ "cpu", CMD_NUMBER, "CPU", .help = "only this worker" },
	{ "interval", CMD_NUMBER, "SECONDS", .help = "how long, 0.1 to 3600 (default 1)" },
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ .method = "worker.show", .help = "what frames cost each worker over some seconds", .keys = keys, .run = run },
};

const struct cmd_object cmd_perf = { "perf", "cycles a frame, batch sizes and time of each worker", verbs, 1 };
