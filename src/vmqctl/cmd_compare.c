/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl compare: what a VM's own queue is worth, measured on the running system. The traffic is whatever flows; in
 * turn the VPort's frames go to its own queue and through the default queue's (bypass.hold), and the same counters are
 * read before and after. The bypass ends with this process, however it ends.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmqctl/cmd.h"
#include "vmqctl/table.h"
#include "vmqctl/tap_session.h"

#define ROUNDS_MAX  100
#define SECONDS_MAX 3600.0
#define SAMPLES	    128u  /* frames of a measurement whose time in the switch is looked at */
/* With fewer frames in a measurement the ratios say little: by chance alone their number differs by 3 % (1 / sqrt(1,000)), and at
 * rates as low as that the workers' other turns, and waking for each frame, are what is divided by it. */
#define FEW_FRAMES  1000
#define SETTLE_S    0.2	  /* behind each change, before anything is counted */
#define SWITCH_MS   20000 /* of a request */

enum way { OWN, BYPASSED, WAYS };

struct sums { /* of a moment */
	double at;
	double frames, dropped, busy_ns, busy_cycles;
};

struct figures { /* of one measurement, or the medians of several; -1: not known */
	double frames_s, dropped_s, cycles, ns, busy_pct, latency_us;
};

struct compare {
	const struct cmd_options *opt;
	struct vmq_client *client;
	const json_t *vport; /* as vport.show says */
	const char *adapter;
	double seconds;
	unsigned rounds;
	struct figures got[WAYS][ROUNDS_MAX];
	unsigned measured[WAYS];
	double fewest; /* frames of a measurement */
};

struct sample {
	uint64_t frame, entered;
};

struct latency {
	struct tap_session tap;
	bool on;
	uint32_t vport;
	struct sample sample[SAMPLES];
	double us[SAMPLES];
	unsigned entered, delivered;
};

/* As vmq_call, with values; says what went wrong. */
static int call(struct compare *c, const char *method, json_t *params, json_t **result)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	char *text = json_dumps(params, JSON_COMPACT), *answer = NULL;
	int rc = vmq_call(c->client, method, text, &answer, &err);

	json_decref(params);
	free(text);
	if (rc)
		return cmd_failed(c->opt, rc, &err);
	*result = json_loads(answer, 0, NULL);
	free(answer);
	return CMD_DONE;
}

static json_t *its_name(const struct compare *c, const char *key)
{
	return json_pack("{s:O, s:s}", key, json_object_get(c->vport, "name"), "adapter", c->adapter);
}

static int look(struct compare *c, struct sums *s)
{
	json_t *result = NULL, *v, *w, *n;
	const char *reason;
	size_t i;
	int rc = call(c, "stats.show", its_name(c, "vport"), &result);

	if (rc)
		return rc;
	*s = (struct sums){ .at = cmd_now() };
	v = json_array_get(json_object_get(result, "vports"), 0);
	s->frames = json_number_value(json_object_get(v, "rx_frames"));
	json_object_foreach(json_object_get(v, "drops"), reason, n) if (strncmp(reason, "rx_", 3) == 0) s->dropped +=
	    json_number_value(n);
	json_array_foreach(json_object_get(result, "workers"), i, w)
	{
		s->busy_ns += json_number_value(json_object_get(w, "busy_ns"));
		s->busy_cycles += json_number_value(json_object_get(w, "busy_cycles"));
	}
	json_decref(result);
	return CMD_DONE;
}

/* ---- time in the switch, of some frames ---- */

static bool sample_one(void *arg, const struct vmq_tap_record *r, const uint8_t *data)
{
	struct latency *l = arg;

	(void)data;
	if (r->type == VMQ_TAP_ENTERED && l->entered < SAMPLES)
		l->sample[l->entered++] = (struct sample){ r->frame, r->time };
	if (r->type != VMQ_TAP_DELIVERED || r->vport != l->vport)
		return true;
	for (unsigned i = 0; i < l->entered; i++)
		if (l->sample[i].frame == r->frame && l->delivered < SAMPLES && r->time >= l->sample[i].entered)
			l->us[l->delivered++] = (double)(r->time - l->sample[i].entered) / 1000.0;
	return true;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, unsigned n)
{
	if (n == 0)
		return -1;
	qsort(v, n, sizeof *v, by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Only frames for the VPort: a filter of its own address sorts out what it sends. Another trace may be running; then
 * there is no latency. */
static void latency_begin(struct compare *c, struct latency *l)
{
	json_t *params = its_name(c, "vport"),
	       *mac = json_object_get(json_array_get(json_object_get(c->vport, "macs"), 0), "mac");
	char *text;

	*l = (struct latency){ .vport = (uint32_t)json_integer_value(json_object_get(c->vport, "id")) };
	(void)json_object_set_new(params, "count", json_integer(SAMPLES));
	if (mac)
		(void)json_object_set(params, "dst", mac);
	text = json_dumps(params, JSON_COMPACT);
	l->on = text && tap_try(&l->tap, c->opt, "trace.start", text) == CMD_DONE;
	free(text);
	json_decref(params);
}

static double latency_end(struct latency *l)
{
	if (!l->on)
		return -1;
	tap_stop(&l->tap);
	tap_drain(&l->tap, sample_one, l);
	tap_end(&l->tap);
	return median(l->us, l->delivered);
}

/* ---- rounds ---- */

static int measure(struct compare *c, enum way way)
{
	json_t *params = its_name(c, "vport"), *result = NULL;
	struct sums before, after;
	struct latency *l;
	double s, frames;
	int rc;

	(void)json_object_set_new(params, "on", json_boolean(way == BYPASSED));
	rc = call(c, "bypass.hold", params, &result);
	json_decref(result);
	if (rc)
		return rc;
	cmd_wait(SETTLE_S);
	rc = look(c, &before);
	if (rc)
		return rc;
	l = malloc(sizeof *l);
	if (!l)
		return CMD_REFUSED;
	cmd_wait(c->seconds / 2);
	latency_begin(c, l);
	cmd_wait(c->seconds / 2);
	rc = look(c, &after);
	s = after.at - before.at;
	frames = after.frames - before.frames;
	if (rc == CMD_DONE && !cmd_interrupted()) {
		if (c->measured[OWN] + c->measured[BYPASSED] == 0 || frames < c->fewest)
			c->fewest = frames;
		c->got[way][c->measured[way]++] = (struct figures){
			.frames_s = frames / s,
			.dropped_s = (after.dropped - before.dropped) / s,
			.cycles = frames > 0 ? (after.busy_cycles - before.busy_cycles) / frames : -1,
			.ns = frames > 0 ? (after.busy_ns - before.busy_ns) / frames : -1,
			.busy_pct = (after.busy_ns - before.busy_ns) / s / 1e7,
			.latency_us = latency_end(l),
		};
	} else {
		(void)latency_end(l);
	}
	free(l);
	return rc;
}

static double median_of(const struct compare *c, enum way way, size_t member)
{
	double v[ROUNDS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < c->measured[way]; i++) {
		double x = *(const double *)((const char *)&c->got[way][i] + member);

		if (x >= 0)
			v[n++] = x;
	}
	return median(v, n);
}

static const struct row {
	const char *key, *text;
	size_t member;
	int digits;
} rows[] = {
	{ "frames_per_s", "frames delivered a second", offsetof(struct figures, frames_s), 0 },
	{ "drops_per_s", "frames dropped a second", offsetof(struct figures, dropped_s), 0 },
	{ "cycles_per_frame", "cycles a frame", offsetof(struct figures, cycles), 0 },
	{ "ns_per_frame", "CPU time a frame, ns", offsetof(struct figures, ns), 0 },
	{ "busy_pct", "CPUs busy, %", offsetof(struct figures, busy_pct), 1 },
	{ "latency_us", "in the switch, median, µs", offsetof(struct figures, latency_us), 1 },
};

static void print_table(const struct compare *c)
{
	struct table *t = table_new();

	table_column(t, "", TABLE_LEFT);
	table_column(t, "OWN-QUEUE", TABLE_RIGHT);
	table_column(t, "DEFAULT-QUEUE", TABLE_RIGHT);
	table_column(t, "OWN/DEFAULT", TABLE_RIGHT);
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		double own = median_of(c, OWN, rows[i].member), other = median_of(c, BYPASSED, rows[i].member);

		table_row(t);
		table_cell(t, "%s", rows[i].text);
		table_cell(t, own < 0 ? "-" : "%.*f", rows[i].digits, own);
		table_cell(t, other < 0 ? "-" : "%.*f", rows[i].digits, other);
		table_cell(t, own < 0 || other <= 0 ? "-" : "%.2f", own / other);
	}
	table_print(t, stdout);
	if (median_of(c, OWN, rows[0].member) <= 0)
		(void)puts("no frame came for it: nothing is compared");
	else if (c->fewest < FEW_FRAMES)
		(void)printf("few frames, %.0f in a measurement: with less than %d the ratios are mostly chance, and what waking the workers\n"
			     "costs; compare while more traffic flows, or longer (seconds N)\n",
			     c->fewest, FEW_FRAMES);
}

static void print_compared(const struct compare *c)
{
	json_t *out = json_pack("{s:O, s:f, s:i, s:b, s:{}, s:{}}", "vport", json_object_get(c->vport, "name"), "seconds",
				c->seconds, "rounds", (int)c->measured[BYPASSED], "few_frames", c->fewest < FEW_FRAMES,
				"own", "bypassed");
	char *text;

	if (!c->opt->json) {
		print_table(c);
		json_decref(out);
		return;
	}
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		for (enum way w = OWN; w < WAYS; w++) {
			double v = median_of(c, w, rows[i].member);

			if (v >= 0)
				(void)json_object_set_new(json_object_get(out, w == OWN ? "own" : "bypassed"),
							  rows[i].key, json_real(v));
		}
	text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(6));
	cmd_print_json(stdout, c->opt, text ? text : "{}");
	free(text);
	json_decref(out);
}

static int compare(struct compare *c, const json_t *request)
{
	json_t *result = NULL, *show = json_object();
	int rc;

	(void)json_object_set(show, "name", json_object_get(request, "vport"));
	if (json_object_get(request, "adapter"))
		(void)json_object_set(show, "adapter", json_object_get(request, "adapter"));
	rc = call(c, "vport.show", show, &result);
	if (rc)
		return rc;
	c->vport = json_array_get(json_object_get(result, "vports"), 0);
	c->adapter = json_string_value(json_object_get(c->vport, "adapter"));
	if (json_is_true(json_object_get(c->vport, "bypass"))) {
		(void)fputs("vmqctl compare: the VPort is bypassed already: vmqctl vport set NAME bypass off\n",
			    stderr);
		rc = CMD_REFUSED;
	}
	for (unsigned i = 0; i < c->rounds && rc == CMD_DONE && !cmd_interrupted(); i++)
		for (unsigned k = 0; k < WAYS && rc == CMD_DONE && !cmd_interrupted(); k++)
			rc = measure(c, (i + k) % 2 ? BYPASSED : OWN); /* in turn who is first */
	if (rc == CMD_DONE) {
		json_t *off = its_name(c, "vport"), *done = NULL;

		(void)json_object_set_new(off, "on", json_false());
		rc = call(c, "bypass.hold", off, &done);
		json_decref(done);
	}
	if (c->measured[OWN] && c->measured[BYPASSED])
		print_compared(c);
	else if (rc == CMD_DONE)
		(void)fputs("interrupted before both ways were measured; the VPort has its own queue again\n", stderr);
	json_decref(result);
	return rc;
}

/* A number of the command line; `least` when it is not there, as `usual`. */
static bool number(const json_t *request, const char *key, double least, double most, double *out)
{
	const json_t *v = json_object_get(request, key);
	char *end = NULL;

	if (!v)
		return true;
	*out = json_is_string(v) ? strtod(json_string_value(v), &end) : json_number_value(v);
	if ((!end || !*end) && *out >= least && *out <= most)
		return true;
	text_value(stderr, "vmqctl compare: \"", request, key);
	(void)fprintf(stderr, "\": %s is a number from %g to %g\n", key, least, most);
	return false;
}

static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	json_t *request = json_loads(params, 0, NULL);
	struct compare *c = calloc(1, sizeof *c);
	struct vmq_error err = VMQ_ERROR_INIT;
	double rounds = 3;
	int rc = CMD_USAGE;

	(void)verb;
	if (c) {
		c->opt = opt;
		c->seconds = 2;
		if (number(request, "seconds", 0.1, SECONDS_MAX, &c->seconds) &&
		    number(request, "rounds", 1, ROUNDS_MAX, &rounds)) {
			c->rounds = (unsigned)rounds;
			cmd_catch_interrupt();
			rc = vmq_connect(opt->socket, &c->client, &err);
			if (rc) {
				rc = cmd_failed(opt, rc, &err);
			} else {
				vmq_set_timeout(c->client, SWITCH_MS);
				rc = compare(c, request);
			}
			vmq_disconnect(c->client);
		}
	}
	free(c);
	json_decref(request);
	return rc;
}

static const struct cmd_key subject = { "vport", CMD_TEXT, "VPORT", "whose queue", true, CMD_NAMES_VPORT };

static const struct cmd_key keys[] = {
	{ "seconds", CMD_TEXT, "SECONDS", "of each measurement (default 2)", false, CMD_NAMES_NONE },
	{ "rounds", CMD_NUMBER, "N", "measurements each way, in turn (default 3)", false, CMD_NAMES_NONE },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ .method = "bypass.hold",
	  .help = "measures the traffic that flows, with the VM's own queue and through the default queue, in turn",
	  .subject = &subject,
	  .keys = keys,
	  .run = run },
};

const struct cmd_object cmd_compare = { "compare", "what a VM's own queue is worth", verbs, 1 };
