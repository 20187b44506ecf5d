/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl migrate: a VPort's parameters as a file that travels with its VM.
 */
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static void print_document(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const struct cmd_options pretty = { .pretty = true };
	char *text = json_dumps(result, JSON_COMPACT);

	(void)opt;
	if (text)
		cmd_print_json(out, &pretty, text);
	free(text);
}

static void print_lacks(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *lack, *text;
	size_t i;

	(void)opt;
	json_array_foreach(json_object_get(result, "lacks"), i, lack)
	{
		text = json_object_get(lack, "text");
		text_pair(out, "", "lacks", lack, "what");
		(void)fputs(": ", out);
		text_print(out, json_is_string(text) ? json_string_value(text) : "-");
		(void)fputc('\n', out);
	}
}

static void print_imported(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	(void)opt;
	text_pair(out, "", "vport", result, "name");
	text_pair(out, " ", "socket", result, "socket");
	text_pair(out, " ", "cpu", result, "cpu");
	(void)fputc('\n', out);
}

/* The parameters with the file's content in place of its name; NULL after a sentence. */
static char *with_document(const char *params)
{
	json_t *request = json_loads(params, 0, NULL), *document = NULL;
	const char *file = json_string_value(json_object_get(request, "file"));
	bool in = file && strcmp(file, "-") == 0;
	json_error_t error = { .text = "" };
	char *text = NULL;

	if (file)
		document = in ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error) :
				json_load_file(file, JSON_REJECT_DUPLICATES, &error);
	if (!document) {
		(void)fprintf(stderr, "vmqctl: %s: ", in ? "standard input" : file ? file : "-");
		text_print(stderr, error.text);
		if (error.line > 0)
			(void)fprintf(stderr, " (line %d)", error.line);
		(void)fputc('\n', stderr);
	} else {
		(void)json_object_del(request, "file");
		(void)json_object_set_new(request, "vport", document);
		text = json_dumps(request, JSON_COMPACT);
	}
	json_decref(request);
	return text;
}

/* One call; *result is the answer as it came. Returns the exit code. */
static int call(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params, char **result)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	char *request = with_document(params);
	int rc;

	if (!request)
		return CMD_REFUSED;
	rc = vmq_connect(opt->socket, &client, &err);
	if (!rc)
		rc = vmq_call(client, verb->method, request, result, &err);
	vmq_disconnect(client);
	free(request);
	return rc ? cmd_failed(opt, rc, &err) : CMD_DONE;
}

/* One call, and what it answers in JSON or by `print`. *answer is a new reference, NULL when there was no answer. */
static int show(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params,
		void (*print)(FILE *out, const struct cmd_options *opt, const json_t *result), json_t **answer)
{
	char *result = NULL;
	int code = call(opt, verb, params, &result);

	*answer = result ? json_loads(result, 0, NULL) : NULL;
	if (result && opt->json)
		cmd_print_json(stdout, opt, result);
	else if (result)
		print(stdout, opt, *answer);
	free(result);
	return code;
}

static int run_import(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	json_t *answer;
	int code = show(opt, verb, params, print_imported, &answer);

	json_decref(answer);
	return code;
}

/* Refused (1) when something is lacking, so that a script can ask. */
static int run_check(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	json_t *answer;
	int code = show(opt, verb, params, print_lacks, &answer);

	if (code == CMD_DONE && !json_is_true(json_object_get(answer, "fits")))
		code = CMD_REFUSED;
	json_decref(answer);
	return code;
}

static const struct cmd_key name = {
	"name", CMD_TEXT, "NAME", "a VPort", .required = true, .names = CMD_NAMES_VPORT,
};
static const struct cmd_key file = {
	"file", CMD_TEXT, "FILE", "what export printed; - is standard input", .required = true,
};
static const struct cmd_key export_keys[] = { CMD_KEY_ADAPTER, CMD_KEY_END };
static const struct cmd_key import_keys[] = {
	{ "name", CMD_TEXT, "NAME", .help = "another name than there" },
	{ "cpu", CMD_NUMBER, "CPU", .help = "another CPU than there" },
	{ "socket", CMD_TEXT, "PATH", .help = "vhost-user socket (default: NAME.sock in the run directory)" },
	{ "socket_mode", CMD_TEXT, "server|client", .help = "who listens: vmqd (default) or the VM's side" },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ "export", "migrate.export", "print what a VPort is, to be imported elsewhere", &name, export_keys,
	  .print = print_document },
	{ "check", "migrate.check", "say what this side lacks for such a VPort", &file, import_keys,
	  .run = run_check },
	{ "import", "migrate.import", "make such a VPort here, all of it or nothing", &file, import_keys,
	  .run = run_import },
};

const struct cmd_object cmd_migrate = { "migrate", "take a VPort's parameters to another host", verbs,
					sizeof verbs / sizeof *verbs };
