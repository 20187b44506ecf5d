/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of objects, and the one parser for the words after an object: [VERB] [SUBJECT] [key value]…
 */
#include "vmqctl/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/table.h"

const struct cmd_object *const cmd_objects[] = {
	&cmd_vport,   &cmd_vf,      &cmd_filter,  &cmd_queue, &cmd_switch, &cmd_vmq, &cmd_stats, &cmd_worker, &cmd_top, &cmd_perf,
	&cmd_explain, &cmd_capture, &cmd_trace,   &cmd_compare,   &cmd_migrate, &cmd_cpu, &cmd_config,
	&cmd_doctor,
	&cmd_monitor, &cmd_oid,     &cmd_drain, &cmd_version, NULL,
};

const struct cmd_object *cmd_find_object(const char *name)
{
	for (unsigned int i = 0; cmd_objects[i]; i++)
		if (strcmp(cmd_objects[i]->name, name) == 0)
			return cmd_objects[i];
	return NULL;
}

const struct cmd_verb *cmd_find_verb(const struct cmd_object *object, const char *name)
{
	for (unsigned int i = 0; i < object->num_verbs; i++)
		if (object->verbs[i].name && strcmp(object->verbs[i].name, name) == 0)
			return &object->verbs[i];
	return NULL;
}

const struct cmd_verb *cmd_default_verb(const struct cmd_object *object)
{
	return object->num_verbs == 1 ? &object->verbs[0] : cmd_find_verb(object, "show");
}

const struct cmd_key *cmd_find_key(const struct cmd_verb *verb, const char *name)
{
	for (const struct cmd_key *k = verb->keys; k && k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static json_t *number_value(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	return errno || end == text || *end ? json_string(text) : json_integer(n);
}

static json_t *switch_value(const char *text)
{
	static const char *const on[] = { "on", "yes", "true" }, *const off[] = { "off", "no", "false" };

	for (unsigned int i = 0; i < sizeof on / sizeof *on; i++) {
		if (strcmp(text, on[i]) == 0)
			return json_true();
		if (strcmp(text, off[i]) == 0)
			return json_false();
	}
	return json_string(text);
}

static json_t *value_of(enum cmd_type type, const char *text)
{
	switch (type) {
	case CMD_NUMBER:
		return number_value(text);
	case CMD_SWITCH:
		return switch_value(text);
	default:
		return json_string(text);
	}
}

/* "vport add" */
static void say_command(const struct cmd_object *object, const struct cmd_verb *verb)
{
	(void)fprintf(stderr, "vmqctl: %s%s%s", object->name, verb->name ? " " : "", verb->name ? verb->name : "");
}

static int set(const struct cmd_object *object, const struct cmd_verb *verb, const struct cmd_key *key,
	       const char *text, json_t *params)
{
	if (json_object_get(params, key->name)) {
		say_command(object, verb);
		(void)fprintf(stderr, ": %s is given twice\n", key->name);
		return CMD_USAGE;
	}
	/* The only way to fail, but for memory, is text that is not UTF-8. */
	if (json_object_set_new(params, key->name, value_of(key->type, text)) != 0) {
		say_command(object, verb);
		(void)fprintf(stderr, ": the value of %s is not UTF-8 text\n", key->name);
		return CMD_USAGE;
	}
	return 0;
}

static int set_watch(const struct cmd_object *object, const struct cmd_verb *verb, const char *text, double *watch)
{
	char *end;

	*watch = strtod(text, &end);
	/* Written so that "nan" is outside, too. */
	if (end != text && !*end && *watch >= CMD_WATCH_MIN && *watch <= CMD_WATCH_MAX)
		return 0;
	say_command(object, verb);
	(void)fprintf(stderr, ": watch: \"%s\" is not a number of seconds from %g to %g\n", text, CMD_WATCH_MIN,
		      CMD_WATCH_MAX);
	return CMD_USAGE;
}

bool cmd_mac_is_group(const char *mac)
{
	return isxdigit((unsigned char)mac[0]) && mac[1] && strchr("13579bdfBDF", mac[1]);
}

int cmd_interval(const json_t *params, double *seconds)
{
	const json_t *interval = json_object_get(params, "interval");
	const char *text = json_string_value(interval);
	char *end = NULL;

	*seconds = !interval ? 1 : text ? strtod(text, &end) : json_number_value(interval);
	if ((!text || (end != text && !*end)) && *seconds >= CMD_WATCH_MIN && *seconds <= CMD_WATCH_MAX)
		return 0;
	text_wrong(params, "interval", "is not a number of seconds from 0.1 to 3600");
	return CMD_USAGE;
}

static int unknown_key(const struct cmd_object *object, const struct cmd_verb *verb, const char *word)
{
	const char *separator = "; keys: ";

	say_command(object, verb);
	(void)fprintf(stderr, " has no key \"%s\"", word);
	for (const struct cmd_key *k = verb->keys; k && k->name; k++, separator = ", ")
		(void)fprintf(stderr, "%s%s", separator, k->name);
	if (verb->watch)
		(void)fprintf(stderr, "%swatch", separator);
	else if (*separator == ';')
		(void)fputs(": it takes nothing more", stderr);
	(void)fputs("\nusage: ", stderr);
	cmd_help_usage(stderr, object, verb);
	return CMD_USAGE;
}

static int missing(const struct cmd_object *object, const struct cmd_verb *verb, const char *what)
{
	say_command(object, verb);
	(void)fprintf(stderr, ": %s is missing\nusage: ", what);
	cmd_help_usage(stderr, object, verb);
	return CMD_USAGE;
}

static int parse_pair(const struct cmd_object *object, const struct cmd_verb *verb, const char *word, const char *text,
		      struct cmd_args *args)
{
	const struct cmd_key *key = cmd_find_key(verb, word);
	bool watch = verb->watch && strcmp(word, "watch") == 0;

	/* An optional subject may be named by its key as well: `queue show vport web1`. */
	if (!key && verb->subject && !verb->subject->required && strcmp(word, verb->subject->name) == 0)
		key = verb->subject;
	if (!key && !watch)
		return unknown_key(object, verb, word);
	if (!text) {
		say_command(object, verb);
		(void)fprintf(stderr, ": %s needs a value: %s\n", word, watch ? "SECONDS" : key->value);
		return CMD_USAGE;
	}
	return watch ? set_watch(object, verb, text, &args->watch) : set(object, verb, key, text, args->params);
}

/* An optional subject is not there when the next word is a key. */
static bool has_subject(const struct cmd_verb *verb, char **words, unsigned int num)
{
	if (!verb->subject || num == 0)
		return false;
	if (verb->subject->required)
		return true;
	return !cmd_find_key(verb, words[0]) && strcmp(words[0], verb->subject->name) != 0 &&
	       !(verb->watch && strcmp(words[0], "watch") == 0);
}

static int parse(const struct cmd_object *object, const struct cmd_verb *verb, char **words, unsigned int num,
		 struct cmd_args *args)
{
	unsigned int i = 0;
	int rc;

	if (has_subject(verb, words, num)) {
		rc = set(object, verb, verb->subject, words[i++], args->params);
		if (rc)
			return rc;
	} else if (verb->subject && verb->subject->required) {
		return missing(object, verb, verb->subject->value);
	}
	for (; i < num; i += 2) {
		rc = parse_pair(object, verb, words[i], i + 1 < num ? words[i + 1] : NULL, args);
		if (rc)
			return rc;
	}
	for (const struct cmd_key *k = verb->keys; k && k->name; k++)
		if (k->required && !json_object_get(args->params, k->name))
			return missing(object, verb, k->name);
	return 0;
}

int cmd_parse(const struct cmd_object *object, const struct cmd_verb *verb, char **words, unsigned int num,
	      struct cmd_args *args)
{
	int rc;

	*args = (struct cmd_args){ .params = json_object() };
	rc = parse(object, verb, words, num, args);
	if (rc) {
		json_decref(args->params);
		args->params = NULL;
	}
	return rc;
}
