/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One command carried out: connect, call, print; with `watch` again and again over the same connection. Text and JSON
 * come from the same answer.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

void cmd_catch_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

bool cmd_interrupted(void)
{
	return interrupted;
}

/* What JSON leaves as it is in its strings, and a terminal does not: DEL, U+0080 … U+009F. */
static void print_escaped(FILE *out, const char *json)
{
	for (const unsigned char *p = (const unsigned char *)json; *p; p++) {
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			(void)fprintf(out, "\\u00%02x", *++p);
		else if (*p == 0x7f)
			(void)fputs("\\u007f", out);
		else
			(void)fputc(*p, out);
	}
	(void)fputc('\n', out);
}

void cmd_print_json(FILE *out, const struct cmd_options *opt, const char *json)
{
	json_t *value = opt->pretty ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
	char *text = value ? json_dumps(value, JSON_INDENT(4) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;

	print_escaped(out, text ? text : json);
	free(text);
	json_decref(value);
}

static json_t *error_json(const struct vmq_error *err)
{
	json_t *data = json_object();

	if (err->field[0])
		(void)json_object_set_new(data, "field", json_string(err->field));
	if (err->status[0])
		(void)json_object_set_new(data, "status", json_string(err->status));
	if (err->oid[0])
		(void)json_object_set_new(data, "oid", json_string(err->oid));
	return json_pack("{s:{s:i, s:s, s:o}}", "error", "code", err->code, "message", err->message, "data", data);
}

int cmd_failed(const struct cmd_options *opt, int rc, const struct vmq_error *err)
{
	if (opt->json) {
		json_t *value = error_json(err);
		char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

		if (text)
			cmd_print_json(stdout, opt, text);
		free(text);
		json_decref(value);
	}
	(void)fputs("vmqctl: ", stderr);
	text_print(stderr, err->message);
	if (err->status[0]) {
		(void)fputs(" (", stderr);
		text_print(stderr, err->status);
		(void)fputs(err->oid[0] ? " from " : "", stderr);
		text_print(stderr, err->oid);
		(void)fputc(')', stderr);
	}
	(void)fputc('\n', stderr);
	if (rc == VMQ_REFUSED)
		return CMD_REFUSED;
	return rc == -EINVAL ? CMD_USAGE : CMD_UNREACHABLE;
}

int cmd_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CMD_DONE;
	(void)fprintf(stderr, "vmqctl: cannot write the output: %s\n", strerror(errno));
	return CMD_REFUSED;
}

static void print(FILE *out, const struct cmd_options *opt, const struct cmd_verb *verb, const char *result)
{
	json_t *value;

	if (opt->json) {
		cmd_print_json(out, opt, result);
		return;
	}
	if (!verb->print)
		return;
	value = json_loads(result, JSON_DECODE_ANY, NULL);
	verb->print(out, opt, value);
	json_decref(value);
}

/* Draws over the last picture on a terminal, line by line, so that it doesn't flicker; elsewhere pictures follow each
 * other, apart by an empty line. */
static void redraw(const char *text, bool first, bool separate)
{
	if (!isatty(STDOUT_FILENO)) {
		(void)printf("%s%s", !first && separate ? "\n" : "", text);
		return;
	}
	(void)fputs(first ? "\033[2J\033[H" : "\033[H", stdout);
	for (; *text; text++) {
		if (*text == '\n')
			(void)fputs("\033[K", stdout);
		(void)fputc(*text, stdout);
	}
	(void)fputs("\033[J", stdout);
}

static int watch(struct vmq_client *client, const struct cmd_options *opt, const struct cmd_verb *verb,
		 const char *params, double seconds)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	int code = CMD_DONE;

	cmd_catch_interrupt();
	for (bool first = true; !interrupted && code == CMD_DONE; first = false) {
		char *result, *text = NULL;
		size_t size;
		FILE *out;
		int rc = vmq_call(client, verb->method, params, &result, &err);

		if (rc)
			return cmd_failed(opt, rc, &err);
		out = open_memstream(&text, &size);
		if (out) {
			print(out, opt, verb, result);
			(void)fclose(out);
			redraw(text, first, !opt->json);
		}
		free(text);
		free(result);
		code = cmd_flush();
		if (code == CMD_DONE)
			cmd_wait(seconds);
	}
	return code;
}

static int once(struct vmq_client *client, const struct cmd_options *opt, const struct cmd_verb *verb,
		const char *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	char *result;
	int rc = vmq_call(client, verb->method, params, &result, &err);

	if (rc)
		return cmd_failed(opt, rc, &err);
	print(stdout, opt, verb, result);
	free(result);
	if (verb->after)
		verb->after(client, opt, params);
	return CMD_DONE;
}

int cmd_run(const struct cmd_options *opt, const struct cmd_verb *verb, const struct cmd_args *args)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	char *params = json_dumps(args->params, JSON_COMPACT);
	int rc;

	if (verb->run) {
		rc = verb->run(opt, verb, params);
		free(params);
		return rc;
	}
	rc = vmq_connect(opt->socket, &client, &err);
	if (rc)
		rc = cmd_failed(opt, rc, &err);
	else if (opt->attach)
		rc = verb->attach(client, opt, params);
	else if (args->watch > 0)
		rc = watch(client, opt, verb, params, args->watch);
	else
		rc = once(client, opt, verb, params);
	vmq_disconnect(client);
	free(params);
	return rc;
}
