/* SPDX-License-Identifier: BSD-3-Clause */
/* What the doctor looks at: vmqd's answers and the kernel's files, gathered once (doctor.h). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/yamldoc.h"
#include "vmqctl/doctor/doctor.h"
#include "vmqctl/host_json.h"

const char *doctor_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t doctor_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool doctor_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const json_t *doctor_find(const json_t *list, const char *key, const char *text)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) if (strcmp(doctor_text(v, key), text) == 0) return v;
	return NULL;
}

long long doctor_line(const struct doctor *d, const char *file, const char *key)
{
	char *text = host_read_all(d->root, "proc/%s", file), *rest = text, *line;
	long long found = -1;

	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		const char *at = line + strlen(key);

		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		at += strspn(at, ": \t");
		if (isdigit((unsigned char)*at))
			found = strtoll(at, NULL, 10);
		else if (strncmp(at, "unlimited", 9) == 0)
			found = INT64_MAX;
		break;
	}
	free(text);
	return found;
}

/* Frames in these directions, and those lost. */
static long long frames_of(const json_t *counters, unsigned of, long long lost)
{
	return (of & DOCTOR_RX ? doctor_number(counters, "rx_frames") : 0) + (of & DOCTOR_TX ? doctor_number(counters, "tx_frames") : 0) + lost;
}

/* More than so many, and than one of a thousand. */
static bool many(long long lost, long long all, unsigned of, long long handful)
{
	return of ? lost > handful && lost * 1000 > all : lost > 0;
}

/* Seconds since the last frame was lost, or since it was so last. */
enum { GOES_ON = 10, PAST = 86400 };

bool doctor_state(const json_t *object, const char *name, struct doctor_state *out)
{
	const json_t *lately = json_object_get(object, "lately"), *row = json_object_get(json_object_get(lately, "states"), name);
	long long last = doctor_number(row, "last_s");
	char age[CMD_AGE_SIZE];

	out->now = doctor_true(row, "now");
	if (!json_is_integer(json_object_get(row, "last_s")) || (!out->now && last >= PAST))
		return false;
	out->counted = out->now ? lately : object;
	if (out->now)
		(void)snprintf(out->text, sizeof out->text, "in the last %lld s", (long long)doctor_number(lately, "seconds"));
	else
		(void)snprintf(out->text, sizeof out->text, "in all, the last time %s ago", cmd_age(age, last));
	return true;
}

bool doctor_loss(const json_t *object, const char *list, const char *name, unsigned of, struct doctor_loss *out)
{
	const json_t *lately = json_object_get(object, "lately"), *row = json_object_get(json_object_get(lately, list), name);
	long long lost = doctor_number(json_object_get(object, list), name), all = frames_of(object, of, lost);
	long long recent = doctor_number(row, "frames"), recent_all = frames_of(lately, of, recent);
	long long last = doctor_number(row, "last_s");
	bool much = many(recent, recent_all, of, 10);
	char share[32] = "", age[CMD_AGE_SIZE];

	if (!json_is_integer(json_object_get(row, "last_s")) || last >= PAST || (!much && !many(lost, all, of, 100)))
		return false;
	out->now = much && last < GOES_ON;
	if (of)
		(void)snprintf(share, sizeof share, " of %lld", out->now ? recent_all : all);
	if (out->now)
		(void)snprintf(out->text, sizeof out->text, "%lld%s frames in the last %lld s", recent, share,
			       (long long)doctor_number(lately, "seconds"));
	else
		(void)snprintf(out->text, sizeof out->text, "%lld%s frames, the last %s ago", lost, share, cmd_age(age, last));
	return true;
}

/* An answer; NULL: vmqd does not know the method, or says no. */
static json_t *ask(struct vmq_client *client, const char *method, const char *params)
{
	char *text = NULL;
	json_t *result = NULL;

	if (vmq_call(client, method, params, &text, NULL) == 0)
		result = json_loads(text, 0, NULL);
	free(text);
	return result;
}

/* The file that vmqd was started with, as it is now, beside what runs. */
static void ask_drift(struct doctor *d, struct vmq_client *client)
{
	const char *path = doctor_text(d->daemon, "config");
	char *text = *path ? host_read_all(d->root, "%s", path + 1) : NULL, *params, *answer = NULL;
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_err said = { "" };
	struct yamldoc doc = { 0 };
	json_t *request;

	if (!text)
		return; /* it is not there, or not for us */
	if (yamldoc_parse(text, strlen(text), &doc, &said) < 0) {
		(void)snprintf(d->wrong_file, sizeof d->wrong_file, "%s:%.400s", path, said.text);
	} else {
		request = json_pack("{s:O}", "config", doc.root);
		params = json_dumps(request, JSON_COMPACT);
		if (vmq_call(client, "config.diff", params, &answer, &err) == 0)
			d->drift = json_loads(answer, 0, NULL);
		else if (err.code == -32602)
			(void)snprintf(d->wrong_file, sizeof d->wrong_file, "%s:%u: %.400s", path, yamldoc_line(&doc, err.field),
				       err.message);
		json_decref(request);
		free(params);
		free(answer);
		yamldoc_free(&doc);
	}
	free(text);
}

static void ask_all(struct doctor *d, struct vmq_client *client)
{
	json_t *params, *w;
	char *text;

	d->daemon = ask(client, "daemon.show", NULL);
	d->switches = ask(client, "switch.show", NULL);
	d->vports = ask(client, "vport.show", NULL);
	d->filters = ask(client, "filter.show", NULL);
	d->queues = ask(client, "queue.show", NULL);
	d->stats = ask(client, "stats.show", NULL);
	ask_drift(d, client);
	params = json_pack("{s:o}", "host", host_json(d->root, d->pid, d->switches, d->vports));
	text = json_dumps(params, JSON_COMPACT);
	d->plan = ask(client, "cpu.plan.show", text);
	free(text);
	json_decref(params);
	for (size_t i = 0; (w = json_array_get(json_object_get(d->plan, "workers"), i)) != NULL; i++)
		host_cpus_add(&d->workers, (unsigned)doctor_number(w, "cpu"));
}

void doctor_gather(struct doctor *d, const struct cmd_options *opt)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	char *text = NULL;

	if (vmq_connect(opt->socket, &client, &err) != 0 || vmq_call(client, "version", NULL, &text, &err) != 0) {
		(void)snprintf(d->unreachable, sizeof d->unreachable, "%s", err.message);
	} else {
		d->version = json_loads(text, 0, NULL);
		d->pid = (pid_t)doctor_number(d->version, "pid");
		ask_all(d, client);
	}
	free(text);
	vmq_disconnect(client);
}

void doctor_discard(struct doctor *d)
{
	json_decref(d->version);
	json_decref(d->daemon);
	json_decref(d->switches);
	json_decref(d->vports);
	json_decref(d->filters);
	json_decref(d->queues);
	json_decref(d->stats);
	json_decref(d->plan);
	json_decref(d->drift);
}
