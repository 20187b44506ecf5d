/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl trace: the next frames, each with every step it takes. Records of several CPUs are put together by the number
 * of the frame; a frame is told when all its destinations have it or have lost it, and its receivers were interrupted.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"
#include "vmqctl/table.h"
#include "vmqctl/tap_session.h"

#define STEPS_MAX  64u
#define HEADER_MAX 64u
#define PATIENCE   25u /* waits without a record, half a second or so: what has not come by then is told as missing */

struct traced {
	uint64_t id;
	struct vmq_tap_record step[STEPS_MAX]; /* the first: ENTERED */
	unsigned steps, verdicts, ends, unnotified;
	uint8_t header[HEADER_MAX];
};

struct trace {
	struct tap_session tap;
	const struct cmd_options *opt;
	struct traced **frame; /* in the order of their entry; NULL: told */
	uint64_t want, entered, told;
	unsigned quiet; /* waits since the last record */
};

static struct traced *find(struct trace *t, uint64_t id)
{
	for (uint64_t i = t->told; i < t->entered; i++)
		if (t->frame[i]->id == id)
			return t->frame[i];
	return NULL;
}

static struct traced *add(struct trace *t, const struct vmq_tap_record *r, const uint8_t *data)
{
	struct traced *f = t->entered < t->want ? calloc(1, sizeof *f) : NULL;

	if (!f)
		return NULL;
	f->id = r->frame;
	memcpy(f->header, data, r->captured < HEADER_MAX ? r->captured : HEADER_MAX);
	t->frame[t->entered++] = f;
	return f;
}

/* An interrupt is for all frames of the queue that were delivered before it. */
static void notified(struct trace *t, const struct vmq_tap_record *r)
{
	for (uint64_t i = t->told; i < t->entered; i++) {
		struct traced *f = t->frame[i];
		bool its = false;

		for (unsigned k = 0; k < f->steps; k++) {
			const struct vmq_tap_record *s = &f->step[k];

			if (s->vport != r->vport || s->queue != r->queue)
				continue;
			if (s->type == VMQ_TAP_DELIVERED && s->time <= r->time)
				its = true;
			else if (s->type == VMQ_TAP_NOTIFIED)
				its = false;
		}
		if (its && f->steps < STEPS_MAX) {
			f->step[f->steps++] = *r;
			f->unnotified -= f->unnotified > 0;
		}
	}
}

static bool take(void *arg, const struct vmq_tap_record *r, const uint8_t *data)
{
	struct trace *t = arg;
	struct traced *f;

	t->quiet = 0;
	if (r->type == VMQ_TAP_NOTIFIED) {
		notified(t, r);
		return true;
	}
	f = r->type == VMQ_TAP_ENTERED ? add(t, r, data) : find(t, r->frame);
	if (!f || f->steps == STEPS_MAX)
		return true;
	f->step[f->steps++] = *r;
	f->verdicts += r->type == VMQ_TAP_VERDICT;
	f->ends += r->type == VMQ_TAP_DELIVERED || r->type == VMQ_TAP_WIRE_OUT || r->type == VMQ_TAP_DROPPED;
	f->unnotified += r->type == VMQ_TAP_DELIVERED && !(r->flags & VMQ_TAP_HOST);
	return true;
}

/* ---- words ---- */

static void verdict(const struct trace *t, const struct vmq_tap_record *r, char *out, size_t size)
{
	static const char *const tags[] = { "", ", its tag is stripped", ", its tag is inserted" };
	const char *tag = tags[r->tag_done % 3];

	if (r->fate == VMQ_TAP_TO_WIRE)
		(void)snprintf(out, size, "no filter claims it: to the wire, on CPU %u%s", r->cpu, tag);
	else if (r->fate == VMQ_TAP_TO_VPORT && r->filter)
		(void)snprintf(out, size, "filter %u claims it: to VPort %s, queue %u, on CPU %u%s", r->filter,
			       tap_vport(&t->tap, r->vport), r->queue, r->cpu, tag);
	else if (r->fate == VMQ_TAP_TO_VPORT)
		(void)snprintf(out, size, "by rule to VPort %s, on CPU %u%s", tap_vport(&t->tap, r->vport), r->cpu,
			       tag);
	else if (r->filter)
		(void)snprintf(out, size, "filter %u claims it for VPort %s, but: %s", r->filter,
			       tap_vport(&t->tap, r->vport), tap_drop_reason(&t->tap, r->drop));
	else
		(void)snprintf(out, size, "it goes nowhere: %s", tap_drop_reason(&t->tap, r->drop));
}

static void step(const struct trace *t, const struct vmq_tap_record *r, char *out, size_t size)
{
	const char *vport = tap_vport(&t->tap, r->vport);

	switch (r->type) {
	case VMQ_TAP_ENTERED:
		if (r->source == VMQ_TAP_WIRE)
			(void)snprintf(out, size, "read from the wire");
		else if (r->flags & VMQ_TAP_HOST)
			(void)snprintf(out, size, "read from the host's device of VPort %s",
				       tap_vport(&t->tap, r->source));
		else
			(void)snprintf(out, size, "read from transmit queue %u of VPort %s", r->queue,
				       tap_vport(&t->tap, r->source));
		break;
	case VMQ_TAP_VERDICT:
		verdict(t, r, out, size);
		break;
	case VMQ_TAP_ARRIVED:
		(void)snprintf(out, size, "handed over, for %s", vport);
		break;
	case VMQ_TAP_BYPASSED:
		(void)snprintf(out, size, "passes the default queue, because VPort %s is bypassed", vport);
		break;
	case VMQ_TAP_DELIVERED:
		if (r->flags & VMQ_TAP_HOST)
			(void)snprintf(out, size, "delivered to the host's device of VPort %s", vport);
		else
			(void)snprintf(out, size, "delivered to VPort %s, queue %u, in %u receive buffer%s", vport,
				       r->queue, r->buffers, r->buffers == 1 ? "" : "s");
		break;
	case VMQ_TAP_WIRE_OUT:
		(void)snprintf(out, size, "sent out by the physical port");
		break;
	case VMQ_TAP_DROPPED:
		(void)snprintf(out, size, "dropped, counted at %s: %s (%s)", vport, tap_drop_reason(&t->tap, r->drop),
			       tap_drop(&t->tap, r->drop));
		break;
	default:
		(void)snprintf(out, size,
			       r->flags & VMQ_TAP_INTERRUPT ? "VPort %s is interrupted" : "VPort %s wants no interrupt",
			       vport);
	}
}

static const char *step_name(const struct vmq_tap_record *r)
{
	static const char *const names[] = {
		[VMQ_TAP_ENTERED] = "read",	 [VMQ_TAP_VERDICT] = "verdict",	    [VMQ_TAP_ARRIVED] = "arrived",
		[VMQ_TAP_BYPASSED] = "bypassed", [VMQ_TAP_DELIVERED] = "delivered", [VMQ_TAP_WIRE_OUT] = "sent",
		[VMQ_TAP_DROPPED] = "dropped",	 [VMQ_TAP_NOTIFIED] = "notified",
	};

	return r->type < sizeof names / sizeof names[0] && names[r->type] ? names[r->type] : "other";
}

static void tell_json(const struct trace *t, const struct traced *f, const char *head)
{
	json_t *steps = json_array(), *line;
	char text[320], *dump;

	for (unsigned i = 0; i < f->steps; i++) {
		const struct vmq_tap_record *r = &f->step[i];
		json_t *s;

		step(t, r, text, sizeof text);
		s = json_pack("{s:s, s:I, s:i, s:s}", "step", step_name(r), "time_ns", (json_int_t)r->time, "cpu",
			      r->cpu, "text", text);
		if (r->type != VMQ_TAP_ENTERED && r->fate != VMQ_TAP_TO_NOBODY)
			(void)json_object_set_new(s, "vport", json_string(tap_vport(&t->tap, r->vport)));
		if (r->filter)
			(void)json_object_set_new(s, "filter", json_integer(r->filter));
		if (r->type == VMQ_TAP_DELIVERED && r->buffers)
			(void)json_object_set_new(s, "buffers", json_integer(r->buffers));
		if (r->drop)
			(void)json_object_set_new(s, "drop", json_string(tap_drop(&t->tap, r->drop)));
		(void)json_array_append_new(steps, s);
	}
	line = json_pack("{s:I, s:s, s:s, s:I, s:o}", "number", (json_int_t)t->told, "from",
			 tap_vport(&t->tap, f->step[0].source), "frame", head, "len", (json_int_t)f->step[0].len,
			 "steps", steps);
	dump = json_dumps(line, JSON_COMPACT);
	cmd_print_json(stdout, t->opt, dump ? dump : "{}");
	free(dump);
	json_decref(line);
}

/* Microseconds since the frame was read. A verdict's CPU is the receiver's, so it has none of its own. */
static void tell_text(const struct trace *t, const struct traced *f, const char *head)
{
	char text[320];

	(void)printf("frame %" PRIu64 ": %s\n", t->told, head);
	for (unsigned i = 0; i < f->steps; i++) {
		const struct vmq_tap_record *r = &f->step[i];

		step(t, r, text, sizeof text);
		if (r->type == VMQ_TAP_VERDICT)
			(void)printf("  %20s", "");
		else
			(void)printf("  %9.1f µs  CPU %-2u", (double)(int64_t)(r->time - f->step[0].time) / 1000.0,
				     r->cpu);
		(void)fputc(' ', stdout);
		text_print(stdout, text);
		(void)fputc('\n', stdout);
	}
	if (f->verdicts == 0)
		(void)puts("                       it goes nowhere: nothing claims it");
	else if (f->ends < f->verdicts)
		(void)puts("                       what became of it further was not seen");
}

/* The rings of several CPUs are read one after the other. */
static void sort_steps(struct traced *f)
{
	for (unsigned i = 2; i < f->steps; i++)
		for (unsigned k = i; k > 1 && f->step[k].time < f->step[k - 1].time; k--) {
			struct vmq_tap_record r = f->step[k];

			f->step[k] = f->step[k - 1];
			f->step[k - 1] = r;
		}
}

static void tell(struct trace *t)
{
	struct traced *f = t->frame[t->told];
	char head[160];

	t->frame[t->told++] = NULL;
	if (f->steps) {
		sort_steps(f);
		tap_describe(head, sizeof head, &f->step[0], f->header);
		if (t->opt->json)
			tell_json(t, f, head);
		else
			tell_text(t, f, head);
	}
	free(f);
}

/* Those that are complete, in order; with `all` also the others. */
static void tell_complete(struct trace *t, bool all)
{
	while (t->told < t->entered) {
		const struct traced *f = t->frame[t->told];

		if (!all && (f->verdicts == 0 || f->ends < f->verdicts || f->unnotified))
			break;
		tell(t);
	}
	(void)fflush(stdout);
}

static int follow(struct trace *t)
{
	while (!cmd_interrupted() && !t->tap.gone && !ferror(stdout) && t->told < t->want) {
		tap_drain(&t->tap, take, t);
		tell_complete(t, t->quiet >= PATIENCE);
		if (t->told == t->want)
			break;
		tap_wait(&t->tap);
		t->quiet++;
	}
	tap_stop(&t->tap);
	tap_drain(&t->tap, take, t);
	tell_complete(t, true);
	if (t->tap.lost)
		(void)fprintf(stderr, "%" PRIu64 " steps were not recorded for want of room\n", t->tap.lost);
	if (t->told < t->want)
		(void)fprintf(stderr, "%" PRIu64 " of %" PRIu64 " frames came%s\n", t->told, t->want,
			      t->tap.gone ? "; vmqd has ended" : "");
	return cmd_flush();
}

static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	json_t *request = json_loads(params, 0, NULL);
	const json_t *count = json_object_get(request, "count");
	struct trace t = { .opt = opt,
			   .want = json_is_integer(count) && json_integer_value(count) > 0
				       ? (uint64_t)json_integer_value(count)
				       : 10 };
	int rc;

	json_decref(request);
	cmd_catch_interrupt();
	rc = tap_start(&t.tap, opt, verb->method, params);
	if (rc)
		return rc;
	t.frame = calloc(t.want, sizeof(void *));
	if (t.frame) {
		rc = follow(&t);
		free(t.frame);
	} else {
		(void)fputs("vmqctl: out of memory\n", stderr);
		rc = CMD_REFUSED;
	}
	tap_end(&t.tap);
	return rc;
}

static const struct cmd_key subject = { "vport", CMD_TEXT,	 "VPORT", "frames that it sends and frames for it",
					false,	 CMD_NAMES_VPORT };

static const struct cmd_key keys[] = {
	{ "from", CMD_TEXT, "wire|VPORT", "only those that come from there", false, CMD_NAMES_VPORT },
	{ "count", CMD_NUMBER, "N", "how many (default 10); -c N is the same", false, CMD_NAMES_NONE },
	{ "dst", CMD_TEXT, "MAC", "only frames to this address", false, CMD_NAMES_NONE },
	{ "src", CMD_TEXT, "MAC", "only frames from this address", false, CMD_NAMES_NONE },
	{ "vlan", CMD_NUMBER, "VLAN", "only frames of this VLAN; 0 or untagged: without one", false, CMD_NAMES_NONE },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ .method = "trace.start",
	  .help = "Tells of the next frames each step they take",
	  .subject = &subject,
	  .keys = keys,
	  .run = run },
};

const struct cmd_object cmd_trace = { "trace", "the next frames, step by step", verbs, 1 };
