/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl cpu: who is on which CPU, what is wrong with it, and what would be better. The daemon judges; what it cannot
 * see from its sandbox is read here and sent along (host_json.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmqctl/cmd.h"
#include "vmqctl/host_json.h"
#include "vmqctl/json_list.h"
#include "vmqctl/table.h"

/* ---- what is printed ---- */

static void print_findings(FILE *out, const json_t *result)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(result, "findings"), i, f)
	{
		text_value(out, "", f, "verdict");
		text_value(out, ": ", f, "check");
		text_value(out, ": ", f, "text");
		(void)fputc('\n', out);
	}
}

static void print_moves(FILE *out, const json_t *result)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(result, "moves"), i, m)
	{
		text_pair(out, "", "vport", m, "vport");
		text_value(out, ": from CPU ", m, "from");
		text_value(out, " to CPU ", m, "to");
		text_value(out, ": ", m, "reason");
		(void)fputc('\n', out);
	}
	if (!json_array_size(json_object_get(result, "moves")))
		(void)fputs("nothing moves\n", out);
}

/* "eth1 (wire), web1, db1"; at most so many. */
static void names_cell(struct table *t, const json_t *places, json_int_t cpu)
{
	enum { SHOWN = 6 };
	char text[SHOWN * 80] = "";
	unsigned n = 0;
	size_t i, k, len = 0;
	const json_t *p, *c;

	json_array_foreach(places, i, p)
	{
		json_array_foreach(json_object_get(p, "cpus"), k, c)
		{
			const char *name = json_string_value(json_object_get(p, "name"));
			const char *kind = json_string_value(json_object_get(p, "kind"));

			if (json_integer_value(c) != cpu || n++ >= SHOWN)
				continue;
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%.64s%s", n > 1 ? ", " : "",
						name ? name : "-", kind && strcmp(kind, "wire") == 0 ? " (wire)" : "");
		}
	}
	if (n > SHOWN)
		table_cell(t, "%s and %u more", text, n - SHOWN);
	else
		table_cell(t, "%s", text);
}

static void print_show(FILE *out, const json_t *result)
{
	const json_t *workers = json_object_get(result, "workers"), *w;
	bool nodes = json_list_differs(workers, "node");
	struct table *t = table_new();
	size_t i;

	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "CORE", TABLE_RIGHT);
	if (nodes)
		table_column(t, "NODE", TABLE_RIGHT);
	table_column(t, "ONLINE", TABLE_LEFT);
	table_column(t, "ISOLATED", TABLE_LEFT);
	table_column(t, "BUSY%", TABLE_RIGHT);
	table_column(t, "SERVES", TABLE_LEFT);
	json_array_foreach(workers, i, w)
	{
		table_row(t);
		table_member(t, w, "cpu");
		table_member(t, w, "core");
		if (nodes)
			table_member(t, w, "node");
		table_member(t, w, "online");
		table_member(t, w, "isolated");
		table_member(t, w, "busy_pct");
		names_cell(t, json_object_get(result, "places"), json_integer_value(json_object_get(w, "cpu")));
	}
	table_print(t, out);
	(void)fprintf(out, "automatic placement: %s\n", json_is_true(json_object_get(result, "auto")) ? "on" : "off");
	print_findings(out, result);
}

static void print_plan(FILE *out, const json_t *result)
{
	print_moves(out, result);
	print_findings(out, result);
}

static void print_auto(FILE *out, const json_t *result)
{
	(void)fprintf(out, "automatic placement: %s\n", json_is_true(json_object_get(result, "auto")) ? "on" : "off");
}

static void print_log(FILE *out, const json_t *result)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(result, "moves"), i, m)
	{
		time_t when = (time_t)json_number_value(json_object_get(m, "time"));
		char text[32] = "-";
		struct tm tm;

		if (localtime_r(&when, &tm))
			(void)strftime(text, sizeof text, "%F %T", &tm);
		(void)fprintf(out, "%s ", text);
		text_value(out, "", m, "cause");
		text_pair(out, ": ", "vport", m, "vport");
		text_value(out, " from CPU ", m, "from");
		text_value(out, " to CPU ", m, "to");
		text_value(out, ": ", m, "reason");
		(void)fputc('\n', out);
	}
	if (!json_array_size(json_object_get(result, "moves")))
		(void)fputs("nothing was moved\n", out);
}

/* ---- what is asked ---- */

struct action {
	const char *word; /* NULL ends the array */
	const char *method;
	const char *params; /* besides those of the command line; NULL: none */
	bool host;	    /* the host is described to the daemon */
	void (*print)(FILE *out, const json_t *result);
};

static const struct action plan_actions[] = {
	{ "show", "cpu.plan.show", NULL, true, print_show },
	{ "check", "cpu.plan.check", NULL, true, print_plan },
	{ "apply", "cpu.plan.apply", NULL, true, print_plan },
	{ .word = NULL },
};

static const struct action auto_actions[] = {
	{ "show", "cpu.auto.show", NULL, false, print_auto },
	{ "on", "cpu.auto.set", "{\"on\":true}", false, print_auto },
	{ "off", "cpu.auto.set", "{\"on\":false}", false, print_auto },
	{ "once", "cpu.auto.once", NULL, false, print_plan },
	{ "undo", "cpu.auto.undo", NULL, false, print_plan },
	{ "log", "cpu.auto.show", NULL, false, print_log },
	{ .word = NULL },
};

static int no_action(const char *verb, const struct action *actions, const char *word)
{
	(void)fprintf(stderr, "vmqctl: cpu %s does not know \"%s\"; it knows:", verb, word);
	for (; actions->word; actions++)
		(void)fprintf(stderr, " %s", actions->word);
	(void)fputc('\n', stderr);
	return CMD_USAGE;
}

/* "web1=2,db1=3" as the daemon's list; NULL: it is not so. */
static json_t *moves_of(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t len = strcspn(text, ","), name = strcspn(text, "=");
		char *end;
		long cpu;

		if (name == 0 || name >= len)
			break;
		cpu = strtol(text + name + 1, &end, 10);
		if (end == text + name + 1 || end != text + len)
			break;
		(void)json_array_append_new(list,
					    json_pack("{s:s%, s:I}", "vport", text, name, "cpu", (json_int_t)cpu));
		text += len + (text[len] == ',' && text[len + 1]);
	}
	if (!*text && json_array_size(list))
		return list;
	json_decref(list);
	return NULL;
}

static int call(struct vmq_client *client, const char *method, json_t **out, struct vmq_error *err)
{
	char *text;
	int rc = vmq_call(client, method, NULL, &text, err);

	if (rc)
		return rc;
	*out = json_loads(text, 0, NULL);
	free(text);
	return 0;
}

static int describe_host(struct vmq_client *client, const struct cmd_options *opt, json_t *params,
			 struct vmq_error *err)
{
	json_t *version = NULL, *switches = NULL, *vports = NULL, *host;
	int rc = call(client, "version", &version, err);

	if (!rc)
		rc = call(client, "switch.show", &switches, err);
	if (!rc)
		rc = call(client, "vport.show", &vports, err);
	if (!rc) {
		host = host_json(opt->topology, (pid_t)json_integer_value(json_object_get(version, "pid")), switches,
				 vports);
		(void)json_object_set_new(params, "host", host);
	}
	json_decref(version);
	json_decref(switches);
	json_decref(vports);
	return rc;
}

void cmd_cpu_warn(struct vmq_client *client, const struct cmd_options *opt, const char *params)
{
	json_t *said = json_loads(params, 0, NULL), *ask = json_object(), *plan = NULL, *cpu, *f;
	char *text = NULL, *result = NULL;
	size_t i;

	cpu = json_object_get(said, "cpu");
	/* It is done; a daemon that does not answer this has no more to say. */
	if (json_is_integer(cpu) && describe_host(client, opt, ask, NULL) == 0) {
		text = json_dumps(ask, JSON_COMPACT);
		if (vmq_call(client, "cpu.plan.show", text, &result, NULL) == 0)
			plan = json_loads(result, 0, NULL);
	}
	json_array_foreach(json_object_get(plan, "findings"), i, f)
	{
		if (!json_equal(json_object_get(f, "cpu"), cpu))
			continue;
		text_value(stderr, "vmqctl: warning: ", f, "check");
		text_value(stderr, ": ", f, "text");
		(void)fputc('\n', stderr);
	}
	json_decref(plan);
	json_decref(ask);
	json_decref(said);
	free(text);
	free(result);
}

static int carry_out(const struct cmd_options *opt, const struct action *action, json_t *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	char *text = NULL, *result = NULL;
	int rc = vmq_connect(opt->socket, &client, &err);

	if (!rc && action->host)
		rc = describe_host(client, opt, params, &err);
	if (!rc) {
		text = json_dumps(params, JSON_COMPACT);
		rc = vmq_call(client, action->method, text, &result, &err);
	}
	vmq_disconnect(client);
	free(text);
	if (rc)
		return cmd_failed(opt, rc, &err);
	if (opt->json) {
		cmd_print_json(stdout, opt, result);
	} else {
		json_t *value = json_loads(result, 0, NULL);

		action->print(stdout, value);
		json_decref(value);
	}
	free(result);
	return CMD_DONE;
}

/* The action is the word behind the verb; what else was said are the parameters. */
static int run(const struct cmd_options *opt, const char *verb, const struct action *actions, const char *text)
{
	json_t *params = json_loads(text, 0, NULL), *more;
	const char *word = json_string_value(json_object_get(params, "action"));
	const struct action *a = actions;
	const char *moves;
	int rc;

	while (word && a->word && strcmp(a->word, word) != 0)
		a++;
	if (!a->word) {
		rc = no_action(verb, actions, word);
		json_decref(params);
		return rc;
	}
	(void)json_object_del(params, "action");
	moves = json_string_value(json_object_get(params, "moves"));
	more = moves ? moves_of(moves) : NULL;
	if (moves && !more) {
		(void)fputs("vmqctl: cpu plan: moves: is not of the form VPORT=CPU,VPORT=CPU\n", stderr);
		json_decref(params);
		return CMD_USAGE;
	}
	if (more)
		(void)json_object_set_new(params, "moves", more);
	more = a->params ? json_loads(a->params, 0, NULL) : NULL;
	(void)json_object_update(params, more);
	json_decref(more);
	rc = carry_out(opt, a, params);
	json_decref(params);
	return rc;
}

static int run_plan(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	return run(opt, verb->name, plan_actions, params);
}

static int run_auto(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	return run(opt, verb->name, auto_actions, params);
}

static int run_show(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	return run(opt, verb->name, plan_actions, params);
}

static const struct cmd_key plan_action = { "action", CMD_TEXT, "show|check|apply",
					  .help = "show: as it is; check: what would be better; apply: do it" };
static const struct cmd_key auto_action = { "action", CMD_TEXT, "show|on|off|once|undo|log",
					  .help = "undo: back to where it was; log: each move and its reason" };
static const struct cmd_key plan_keys[] = {
	{ "moves", CMD_TEXT, "VPORT=CPU,…", .help = "these moves instead of vmqd's own" },
	{ "all", CMD_SWITCH, "on|off", .help = "also VPorts whose CPU a person chose" },
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ "show", "cpu.plan.show", "the workers, whom they serve, and what is wrong with it", .run = run_show },
	{ "plan", "cpu.plan.check", "places for all VPorts together: checked, then moved under traffic, all or nothing",
	  &plan_action, plan_keys, .run = run_plan },
	{ "auto", "cpu.auto.show", "automatic placement by measured load", &auto_action, NULL, .run = run_auto },
};

const struct cmd_object cmd_cpu = { "cpu", "who is on which CPU", verbs, sizeof verbs / sizeof *verbs };
