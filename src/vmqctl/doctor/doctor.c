/* SPDX-License-Identifier: BSD-3-Clause */
/* vmqctl doctor: the checks carried out, and what they found told (doctor.h). */
#include "vmqctl/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/table.h"

enum needs { HOST, DAEMON };

struct check {
	const char *name;
	void (*fn)(struct doctor *d);
	enum needs needs;
	const char *looks;
};

static const struct check checks[] = {
#define X(name, fn, needs, looks) { #name, fn, needs, looks },
	DOCTOR_CHECKS(X)
#undef X
};

#define NUM_CHECKS (sizeof checks / sizeof *checks)

static const struct {
	const char *word;
	int status;
} verdicts[] = {
#define X(id, word, status) [DOCTOR_##id] = { word, status },
	DOCTOR_VERDICTS(X)
#undef X
};

/* ---- what a check says ---- */

void doctor_say(struct doctor *d, enum doctor_verdict v, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		(void)json_array_append_new(d->findings,
					    json_pack("{s:s, s:s}", "verdict", verdicts[v].word, "text", text));
	free(text);
	if (v > d->verdict || (v == DOCTOR_UNKNOWN && d->verdict == DOCTOR_OK))
		d->verdict = v;
}

void doctor_mend(struct doctor *d, const char *fmt, ...)
{
	json_t *last = json_array_get(d->findings, json_array_size(d->findings) - 1);
	va_list ap;

	va_start(ap, fmt);
	(void)json_object_set_new(last, "mend", json_vsprintf(fmt, ap));
	va_end(ap);
}

/* ---- the checks ---- */

static json_t *examine(struct doctor *d, const struct check *c)
{
	d->verdict = DOCTOR_UNKNOWN;
	d->findings = json_array();
	if (c->needs == HOST || !d->unreachable[0]) {
		d->verdict = DOCTOR_OK;
		c->fn(d);
	}
	return json_pack("{s:s, s:s, s:s, s:o}", "check", c->name, "verdict", verdicts[d->verdict].word, "looks_at",
			 c->looks, "findings", d->findings);
}

static bool wanted(const char *name, char **words, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return num == 0;
}

static const struct check *find_check(const char *name)
{
	for (size_t i = 0; i < NUM_CHECKS; i++)
		if (strcmp(checks[i].name, name) == 0)
			return &checks[i];
	return NULL;
}

/* ---- what is printed ---- */

static void print_check(const struct cmd_options *opt, const json_t *c)
{
	const char *verdict = doctor_text(c, "verdict");
	const json_t *f;

	if (!json_array_size(json_object_get(c, "findings"))) {
		if (opt->details)
			(void)printf("%s: %s: %s\n", verdict, doctor_text(c, "check"), doctor_text(c, "looks_at"));
		return;
	}
	DOCTOR_EACH(c, "findings", f) {
		const char *word = doctor_text(f, "verdict");

		if (!opt->details && (strcmp(word, "ok") == 0 || strcmp(word, "unknown") == 0))
			continue;
		text_value(stdout, "", f, "verdict");
		text_value(stdout, ": ", c, "check");
		text_value(stdout, ": ", f, "text");
		text_value(stdout, "\n    mend: ", f, "mend");
		(void)fputc('\n', stdout);
	}
}

static void print_all(const struct doctor *d, const struct cmd_options *opt, const json_t *result)
{
	unsigned count[sizeof verdicts / sizeof *verdicts] = { 0 };
	const json_t *c;

	DOCTOR_EACH(result, "checks", c) {
		for (size_t v = 0; v < sizeof verdicts / sizeof *verdicts; v++)
			count[v] += strcmp(doctor_text(c, "verdict"), verdicts[v].word) == 0;
		print_check(opt, c);
	}
	for (size_t v = 1; v < sizeof verdicts / sizeof *verdicts; v++)
		(void)printf("%s%u %s", v > 1 ? ", " : "checks: ", count[v], verdicts[v].word);
	if (count[DOCTOR_UNKNOWN])
		(void)printf(", %u not looked at%s", count[DOCTOR_UNKNOWN], d->unreachable[0] ? " without vmqd" : "");
	(void)fputc('\n', stdout);
}

static int run(const struct cmd_options *opt, char **words, unsigned int num)
{
	struct doctor d = { .root = opt->topology };
	enum doctor_verdict worst = DOCTOR_OK;
	json_t *list, *result;
	char *text;

	for (unsigned int i = 0; i < num; i++) {
		if (find_check(words[i]))
			continue;
		(void)fprintf(stderr, "vmqctl: doctor has no check \"%s\"; checks:", words[i]);
		for (size_t k = 0; k < NUM_CHECKS; k++)
			(void)fprintf(stderr, " %s", checks[k].name);
		(void)fputc('\n', stderr);
		return CMD_USAGE;
	}
	doctor_gather(&d, opt);
	list = json_array();
	for (size_t i = 0; i < NUM_CHECKS; i++) {
		if (!wanted(checks[i].name, words, num))
			continue;
		(void)json_array_append_new(list, examine(&d, &checks[i]));
		if (d.verdict > worst)
			worst = d.verdict;
	}
	result = json_pack("{s:s, s:o}", "verdict", verdicts[worst].word, "checks", list);
	if (opt->json) {
		text = json_dumps(result, JSON_COMPACT);
		if (text)
			cmd_print_json(stdout, opt, text);
		free(text);
	} else {
		print_all(&d, opt, result);
	}
	json_decref(result);
	doctor_discard(&d);
	return cmd_flush() == CMD_DONE ? verdicts[worst].status : CMD_REFUSED;
}

static void complete(const struct cmd_completion *c, char **words, unsigned int num)
{
	for (size_t i = 0; i < NUM_CHECKS; i++)
		if (!num || !wanted(checks[i].name, words, num))
			cmd_offer(c, checks[i].name);
}

static const struct cmd_verb verbs[] = {
	{ NULL, "daemon.show", "look at everything, or these; with -d also at what is well", .words = "[CHECK]…",
	  .run_words = run, .complete_words = complete },
};

const struct cmd_object cmd_doctor = { "doctor", "what is wrong here, and what mends it", verbs,
				       sizeof verbs / sizeof *verbs };
