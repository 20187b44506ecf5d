/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl config: the configuration file and what runs. vmqd opens no file once it runs; what is in one is read here and
 * sent, and judged there as at its start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"
#include "schema/yamlout.h"
#include "vmqctl/cmd.h"
#include "vmqctl/comments.h"
#include "vmqctl/config_file.h"
#include "vmqctl/table.h"

/* One command: the connection, what vmqd was started with, the words. */
struct session {
	const struct cmd_options *opt;
	struct vmq_client *client;
	json_t *params; /* the command's own keys */
	json_t *daemon; /* daemon.show */
	struct config_file file;
};

static int open_session(struct session *s, const struct cmd_options *opt, const char *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	char *text = NULL;
	int rc;

	*s = (struct session){ .opt = opt, .params = json_loads(params, 0, NULL) };
	rc = vmq_connect(opt->socket, &s->client, &err);
	if (!rc)
		rc = vmq_call(s->client, "daemon.show", NULL, &text, &err);
	s->daemon = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	return rc ? cmd_failed(opt, rc, &err) : CMD_DONE;
}

static void close_session(struct session *s)
{
	config_file_free(&s->file);
	vmq_disconnect(s->client);
	json_decref(s->params);
	json_decref(s->daemon);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static bool is_on(const struct session *s, const char *key)
{
	return json_is_true(json_object_get(s->params, key));
}

/* The file that is meant, or NULL with a sentence. */
static const char *which_file(const struct session *s)
{
	const char *name = text_of(s->params, "file");

	if (!*name)
		name = text_of(s->daemon, "config");
	if (*name)
		return name;
	(void)fputs("vmqctl: vmqd does not say which file it was started with: name one\n", stderr);
	return NULL;
}

/*
 * A file that nobody but vmqd names is neither read to it nor replaced unless it is a configuration: who has taken vmqd over
 * must not choose among all files of whoever runs vmqctl.
 */
static int check_named(const struct session *s, const struct config_file *f)
{
	if (*text_of(s->params, "file") || json_object_get(f->doc.root, SCHEMA(ROOT, adapters)->key))
		return CMD_DONE;
	(void)fputs("vmqctl: ", stderr);
	text_print(stderr, f->name);
	(void)fputs(", which vmqd says it was started with, is no configuration of vmqd's: name the file that is meant\n", stderr);
	return CMD_REFUSED;
}

/* The file, read. */
static int read_file(struct session *s, const char *name)
{
	int code = config_file_read(name, &s->file);

	return code == CMD_DONE ? check_named(s, &s->file) : code;
}

static bool is_its_own(const struct session *s)
{
	return s->file.path && strcmp(s->file.path, text_of(s->daemon, "config")) == 0;
}

/* What vmqd says of a document: a member's fault has its line in the file. */
static int refused(const struct session *s, int rc, struct vmq_error *err)
{
	char *said;

	if (rc == VMQ_REFUSED && asprintf(&said, "%s", err->message) >= 0) {
		if (err->code == -32602)
			(void)snprintf(err->message, sizeof err->message, "%s:%u: %s", s->file.name,
				       yamldoc_line(&s->file.doc, err->field), said);
		else
			(void)snprintf(err->message, sizeof err->message, "%s: %s", s->file.name, said);
		free(said);
	}
	return cmd_failed(s->opt, rc, err);
}

/* Calls with {"config": …} and what `more` holds, which is taken. */
static int call(const struct session *s, const char *method, json_t *more, json_t **result)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	char *text, *answer = NULL;
	int rc;

	(void)json_object_set(more, "config", s->file.doc.root);
	text = json_dumps(more, JSON_COMPACT);
	json_decref(more);
	rc = text ? vmq_call(s->client, method, text, &answer, &err) : -ENOMEM;
	free(text);
	if (rc == -EMSGSIZE) {
		(void)fprintf(stderr, "vmqctl: %s: is more than fits into a request, %d bytes\n", s->file.name, VMQ_REQUEST_MAX);
		return CMD_REFUSED;
	}
	if (rc)
		return refused(s, rc, &err);
	*result = json_loads(answer, 0, NULL);
	free(answer);
	return CMD_DONE;
}

static void print_result(const struct cmd_options *opt, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);

	if (text)
		cmd_print_json(stdout, opt, text);
	free(text);
}

/* ---- show ---- */

/* The running configuration; NULL with the exit code in *code. */
static json_t *running(struct session *s, bool all, int *code)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	char *answer = NULL;
	json_t *result, *config;
	int rc = vmq_call(s->client, "config.show", all ? "{\"all\": true}" : NULL, &answer, &err);

	*code = rc ? cmd_failed(s->opt, rc, &err) : CMD_DONE;
	if (rc)
		return NULL;
	result = json_loads(answer, 0, NULL);
	config = json_incref(json_object_get(result, "config"));
	json_decref(result);
	free(answer);
	return config;
}

/* As YAML that is the same when it is read again; NULL after a sentence. */
static char *as_yaml(const json_t *config)
{
	struct vmq_err err = { "" };
	struct yamldoc again;
	char *text = config ? yamlout(config) : NULL;

	if (text && yamldoc_parse(text, strlen(text), &again, &err) == 0) {
		bool same = json_equal(again.root, config);

		yamldoc_free(&again);
		if (same)
			return text;
	}
	(void)fprintf(stderr, "vmqctl: what vmqd says cannot be written as YAML%s%s\n", err.text[0] ? ": " : "", err.text);
	free(text);
	return NULL;
}

static int run_show(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct session s;
	int code = open_session(&s, opt, params);
	json_t *config = code == CMD_DONE ? running(&s, opt->details, &code) : NULL;
	char *text;

	(void)verb;
	if (config && opt->json) {
		print_result(opt, config);
	} else if (config) {
		text = as_yaml(config);
		(void)fputs(text ? text : "", stdout);
		code = text ? CMD_DONE : CMD_REFUSED;
		free(text);
	}
	json_decref(config);
	close_session(&s);
	return code;
}

/* ---- diff ---- */

/* The table that describes a value of a difference which is an object. */
static const struct schema_object *object_of(const json_t *change)
{
	if (json_object_get(change, "member"))
		return &schema_FILTER;
	if (json_object_get(change, "vport"))
		return &schema_VPORT;
	return json_object_get(change, "adapter") ? &schema_ADAPTER : &schema_WORKER;
}

static void print_value(char sign, const json_t *change, const char *key)
{
	json_t *value = json_deep_copy(json_object_get(change, key));
	char *text = NULL, *rest, *line;

	if (!value)
		return;
	if (json_is_object(value)) {
		schema_trim_object(object_of(change), value);
		text = yamlout(value);
	} else if (json_is_string(value)) {
		text = strdup(json_string_value(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY);
	}
	for (rest = text; rest && *rest && (line = strsep(&rest, "\n")) != NULL;) {
		(void)printf("%c   ", sign);
		text_print(stdout, line);
		(void)putchar('\n');
	}
	free(text);
	json_decref(value);
}

static void print_change(const json_t *change)
{
	const char *what = text_of(change, "change");

	text_print(stdout, text_of(change, "path"));
	(void)fputs(strcmp(what, "restart") == 0 ? " (needs a restart of vmqd)\n"
		    : strcmp(what, "renew") == 0 ? " (the VPort is made anew: its VM is disconnected)\n"
						 : "\n",
		    stdout);
	print_value('-', change, "from");
	print_value('+', change, "to");
}

/* What becomes of the difference when vmqd starts again, and what ends it now. */
static void print_outlook(const struct session *s, bool vports, bool restart)
{
	const char *state = text_of(s->daemon, "state");

	if (!is_its_own(s))
		return;
	if (*state && vports) {
		(void)fputs("# the state store ", stdout);
		text_print(stdout, state);
		(void)fputs(" keeps what run time changed of VPorts over the file, at the next start, too\n", stdout);
	}
	(void)fputs(restart ? "# systemctl restart vmqd: what runs becomes what the file says; until then vmqctl config apply is refused\n"
			    : "# vmqctl config apply: what runs becomes what the file says; vmqctl config save: the other way round\n",
		    stdout);
}

static void print_diff(const struct session *s, const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes"), *c;
	bool vports = false;
	size_t i;

	(void)fputs("--- running\n+++ ", stdout);
	text_print(stdout, s->file.name);
	(void)putchar('\n');
	json_array_foreach(changes, i, c)
	{
		print_change(c);
		vports = vports || json_object_get(c, "vport");
	}
	print_outlook(s, vports, json_is_true(json_object_get(result, "restart")));
}

static int run_diff(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct session s;
	int code = open_session(&s, opt, params);
	const char *name = code == CMD_DONE ? which_file(&s) : NULL;
	json_t *result = NULL;

	(void)verb;
	if (code == CMD_DONE)
		code = name ? read_file(&s, name) : CMD_REFUSED;
	if (code == CMD_DONE)
		code = call(&s, "config.diff", json_object(), &result);
	if (result && opt->json)
		print_result(opt, result);
	else if (result && !json_is_true(json_object_get(result, "same")))
		print_diff(&s, result);
	if (result && !json_is_true(json_object_get(result, "same")))
		code = cmd_flush() == CMD_DONE ? CMD_REFUSED : CMD_USAGE;
	json_decref(result);
	close_session(&s);
	return code;
}

/* ---- apply ---- */

/* So that vmqd knows which file it is, and in which state, that it declares. */
static json_t *source(const struct session *s)
{
	json_t *out = json_object();

	if (s->file.path && s->file.stamp)
		(void)json_object_update_new(out, json_pack("{s:s, s:s, s:I}", "file", s->file.path, "file_stamp", s->file.stamp,
							    "file_time", (json_int_t)s->file.time));
	return out;
}

static void print_steps(const json_t *result)
{
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(result, "steps"), i, step) {
		text_print(stdout, text_of(step, "text"));
		(void)putchar('\n');
	}
}

static int run_apply(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct session s;
	int code = open_session(&s, opt, params);
	const char *name = code == CMD_DONE ? which_file(&s) : NULL;
	json_t *result = NULL, *more;

	(void)verb;
	if (code == CMD_DONE)
		code = name ? read_file(&s, name) : CMD_REFUSED;
	if (code == CMD_DONE) {
		more = source(&s);
		/* what is no boolean is vmqd's to refuse */
		if (json_object_get(s.params, "dry_run"))
			(void)json_object_set(more, "dry_run", json_object_get(s.params, "dry_run"));
		code = call(&s, "config.apply", more, &result);
	}
	if (result && opt->json)
		print_result(opt, result);
	else if (result)
		print_steps(result);
	json_decref(result);
	close_session(&s);
	return code;
}

/* ---- save ---- */

/* May it be replaced? It may be the one that vmqd read, in the state in which vmqd read it. */
static bool may_replace(const struct session *s)
{
	const char *name = s->file.name;

	if (!s->file.path || is_on(s, "overwrite"))
		return true;
	if (!is_its_own(s))
		(void)fprintf(stderr, "vmqctl: %s is there already, and is not the file that vmqd was started with; overwrite on replaces it\n", name);
	else if (!s->file.stamp || strcmp(s->file.stamp, text_of(s->daemon, "config_stamp")) != 0)
		(void)fprintf(stderr, "vmqctl: %s has changed since vmqd read it (vmqctl config diff); overwrite on replaces it\n", name);
	else
		return true;
	return false;
}

/* With the comments of the file that it replaces; takes `text`. NULL after a sentence. */
static char *with_comments(const struct session *s, char *text)
{
	size_t size;
	char *old = s->file.path ? config_file_text(&s->file, &size) : NULL, *with;
	unsigned gone = 0;

	if (s->file.path && !old) {
		free(text);
		return NULL;
	}
	if (!old || !memchr(old, '#', size)) {
		free(old);
		return text;
	}
	with = comments_carry(old, size, text, &gone);
	free(old);
	if (gone)
		(void)fprintf(stderr, "vmqctl: %s: %u comments on what is gone are gone, too\n", s->file.name, gone);
	if (!with && is_on(s, "overwrite")) {
		(void)fprintf(stderr, "vmqctl: %s: its comments could not be kept\n", s->file.name);
		return text;
	}
	if (!with)
		(void)fprintf(stderr, "vmqctl: %s: its comments cannot be kept; overwrite on writes it without them\n", s->file.name);
	free(text);
	return with;
}

/* vmqd's own file: it declares what runs from now on. */
static int declare(struct session *s, const char *name, json_t *config)
{
	json_t *more, *result = NULL;
	int code;

	config_file_free(&s->file);
	code = config_file_look(name, &s->file);
	if (code != CMD_DONE || !is_its_own(s))
		return code;
	s->file.doc.root = json_incref(config);
	s->file.doc.lines = json_object();
	more = source(s);
	(void)json_object_set_new(more, "declare", json_true());
	code = call(s, "config.apply", more, &result);
	json_decref(result);
	return code;
}

static int save(struct session *s, const char *name)
{
	json_t *config;
	char *text;
	int code;

	if (!may_replace(s))
		return CMD_REFUSED;
	config = running(s, false, &code);
	text = config ? as_yaml(config) : NULL;
	text = text ? with_comments(s, text) : NULL;
	if (config && !text)
		code = CMD_REFUSED;
	if (text)
		code = config_file_write(&s->file, text);
	if (text && code == CMD_DONE)
		code = declare(s, name, config);
	free(text);
	json_decref(config);
	return code;
}

/* The file that is to be written: one that vmqd names is there already. */
static int look_at_file(struct session *s, const char *name)
{
	struct config_file is = { .name = NULL };
	int code = CMD_DONE;

	if (!*text_of(s->params, "file")) {
		code = config_file_read(name, &is);
		code = code == CMD_DONE ? check_named(s, &is) : code;
		config_file_free(&is);
	}
	return code == CMD_DONE ? config_file_look(name, &s->file) : code;
}

static int run_save(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct session s;
	int code = open_session(&s, opt, params);
	const char *name = code == CMD_DONE ? which_file(&s) : NULL;

	(void)verb;
	if (code == CMD_DONE)
		code = name ? look_at_file(&s, name) : CMD_REFUSED;
	if (code == CMD_DONE)
		code = save(&s, name);
	close_session(&s);
	return code;
}

/* ---- schema ---- */

static int run_schema(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	json_t *schema = schema_json();
	char *text = json_dumps(schema, opt->json && !opt->pretty ? JSON_COMPACT : JSON_INDENT(2));

	(void)verb;
	(void)params;
	(void)puts(text ? text : "");
	free(text);
	json_decref(schema);
	return CMD_DONE;
}

static const struct cmd_key file = {
	"file", CMD_TEXT, "FILE", .help = "which file (default: the one vmqd was started with); - is standard input",
};
static const struct cmd_key target = {
	"file", CMD_TEXT, "FILE", .help = "which file (default: the one vmqd was started with)",
};
static const struct cmd_key apply_keys[] = {
	{ "dry_run", CMD_SWITCH, "on|off", .help = "only say what would be done; --dry-run is the same" },
	CMD_KEY_END,
};
static const struct cmd_key save_keys[] = {
	{ "overwrite", CMD_SWITCH, "on|off", .help = "also a file that vmqd has not read, or not as it is now" },
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ "show", "config.show", "what runs, as a configuration file; with -d every member", NULL, NULL, .run = run_show },
	{ "diff", "config.diff", "what of it is other than in the file; exit status 1 when something is", &file, NULL, .run = run_diff },
	{ "apply", "config.apply", "make what runs what the file says, without a restart", &file, apply_keys, .run = run_apply },
	{ "save", "config.show", "make the file say what runs", &target, save_keys, .run = run_save },
	{ "schema", NULL, "the JSON Schema of the configuration file, for editors and other tools", NULL, NULL, .run = run_schema },
};

const struct cmd_object cmd_config = { "config", "the configuration file and what runs", verbs, sizeof verbs / sizeof *verbs };
