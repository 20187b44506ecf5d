/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl: the command line of vmqd. Reads the options and finds object and verb; the rest is in cmd.c (parser), run.c
 * (call and print) and one file a noun. Holds no state between commands, changes nothing but through the daemon.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"

#define SHORTS_MAX 8u /* -c, -w and -n, however often */

static int usage_objects(const char *word)
{
	(void)fprintf(stderr, "vmqctl: no object \"%s\"; objects: ", word);
	for (unsigned int i = 0; cmd_objects[i]; i++)
		(void)fprintf(stderr, "%s, ", cmd_objects[i]->name);
	(void)fputs("help\n", stderr);
	return CMD_USAGE;
}

static int usage_verbs(const struct cmd_object *object, const char *word)
{
	if (word)
		(void)fprintf(stderr, "vmqctl: %s has no verb \"%s\"; verbs:", object->name, word);
	else
		(void)fprintf(stderr, "vmqctl: %s needs a verb:", object->name);
	for (unsigned int i = 0; i < object->num_verbs; i++)
		(void)fprintf(stderr, "%s %s", i ? "," : "", object->verbs[i].name);
	(void)fputc('\n', stderr);
	return CMD_USAGE;
}

/* `vmqctl help OBJECT`, `vmqctl OBJECT … --help`. */
static int help(char **words, unsigned int num)
{
	const struct cmd_object *object = num ? cmd_find_object(words[0]) : NULL;

	if (num && !object)
		return usage_objects(words[0]);
	if (object)
		cmd_help_object(stdout, object);
	else
		cmd_help(stdout);
	return CMD_DONE;
}

/* Options that belong to some objects only. */
static bool check_options(const struct cmd_options *opt, const struct cmd_object *object)
{
	const char *extra = opt->bytes >= 0 ? "--bytes" : opt->in_bytes >= 0 ? "--in-bytes" : opt->list ? "--list" : NULL;

	if (object != &cmd_oid && (extra || (opt->hex && object != &cmd_monitor))) {
		(void)fprintf(stderr, "vmqctl: %s has no %s\n", object->name, extra ? extra : "--hex");
		return false;
	}
	return true;
}

static const char *attach_option(const struct cmd_options *opt)
{
	return opt->attach == CMD_ATTACH_QEMU ? "--qemu" : "--libvirt";
}

/* --libvirt and --qemu print one VPort, once. */
static bool check_attach(const struct cmd_options *opt, const struct cmd_object *object, const struct cmd_verb *verb,
			 const struct cmd_args *args)
{
	const char *option = attach_option(opt);

	if (!opt->attach)
		return true;
	if (!json_object_get(args->params, verb->subject->name))
		(void)fprintf(stderr, "vmqctl: %s %s: %s needs a %s\n", object->name, verb->name, option,
			      verb->subject->value);
	else if (args->watch > 0)
		(void)fprintf(stderr, "vmqctl: %s %s: watch does not go with %s\n", object->name, verb->name, option);
	else
		return true;
	return false;
}

/* A number of bytes; -2: it is none. */
static long bytes_option(const char *name, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*text >= '0' && *text <= '9' && !*end && n <= VMQ_OID_OUTPUT_MAX)
		return (long)n;
	(void)fprintf(stderr, "vmqctl: %s: \"%s\" is not a number of bytes up to %d\n", name, text, VMQ_OID_OUTPUT_MAX);
	return -2;
}

static int command(const struct cmd_options *opt, char **words, unsigned int num)
{
	const struct cmd_object *object = cmd_find_object(words[0]);
	const struct cmd_verb *verb;
	struct cmd_args args;
	unsigned int used = 1;
	int rc;

	if (!object)
		return usage_objects(words[0]);
	if (num > 1 && strcmp(words[1], "help") == 0) {
		cmd_help_object(stdout, object);
		return CMD_DONE;
	}
	verb = num > 1 ? cmd_find_verb(object, words[1]) : NULL;
	if (verb)
		used = 2;
	else if (num == 1 || object->num_verbs == 1)
		verb = cmd_default_verb(object); /* an object with one verb does without it: `stats web1` */
	if (!verb)
		return usage_verbs(object, num > 1 ? words[1] : NULL);
	if (!check_options(opt, object))
		return CMD_USAGE;
	if (opt->attach && !verb->attach) {
		(void)fprintf(stderr, "vmqctl: %s%s%s has no %s\n", object->name, verb->name ? " " : "",
			      verb->name ? verb->name : "", attach_option(opt));
		return CMD_USAGE;
	}
	if (verb->run_words)
		return verb->run_words(opt, words + used, num - used);
	rc = cmd_parse(object, verb, words + used, num - used, &args);
	if (rc)
		return rc;
	rc = check_attach(opt, object, verb, &args) ? cmd_run(opt, verb, &args) : CMD_USAGE;
	json_decref(args.params);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 'S' }, { "topology", required_argument, NULL, 'T' },
		{ "json", no_argument, NULL, 'j' },
		{ "pretty", no_argument, NULL, 'p' },	    { "statistics", no_argument, NULL, 's' },
		{ "details", no_argument, NULL, 'd' },	    { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	    { "hex", no_argument, NULL, 'X' },
		{ "list", no_argument, NULL, 'L' },	    { "bytes", required_argument, NULL, 'B' },
		{ "in-bytes", required_argument, NULL, 'I' }, { "once", no_argument, NULL, '1' },
		{ "batch", no_argument, NULL, '0' },	    { "libvirt", no_argument, NULL, 'v' },
		{ "qemu", no_argument, NULL, 'q' },	    { "dry-run", no_argument, NULL, 'D' },
		{ NULL, 0, NULL, 0 },
	};
	struct cmd_options opt = { .topology = "", .bytes = -1, .in_bytes = -1 };
	static char dry_run[] = "dry_run", on[] = "on";
	static char *const shorts[] = { ['c'] = "count", ['w'] = "write", ['n'] = "number" };
	static char once[] = "1", no_end[] = "0";
	unsigned int num, more = 0;
	bool wants_help = false;
	char **words, *tail[2 * SHORTS_MAX];
	int c, rc;

	cmd_vport_init();
	/* What the shell asks to complete is no command yet: its options are words like any other. */
	if (argc > 2 && strcmp(argv[1], "complete") == 0) {
		cmd_complete(&opt, argv + 2, (unsigned int)argc - 2);
		return CMD_DONE;
	}
	while ((c = getopt_long(argc, argv, "jpsdhVc:w:n:", longs, NULL)) != -1) {
		switch (c) {
		case 'S':
			opt.socket = optarg;
			break;
		case 'T':
			opt.topology = optarg;
			break;
		case 'p':
			opt.pretty = opt.json = true;
			break;
		case 'j':
			opt.json = true;
			break;
		case 's':
			opt.statistics = true;
			break;
		case 'd':
			opt.details = true;
			break;
		case 'X':
			opt.hex = true;
			break;
		case 'L':
			opt.list = true;
			break;
		case 'v':
			opt.attach = CMD_ATTACH_LIBVIRT;
			break;
		case 'q':
			opt.attach = CMD_ATTACH_QEMU;
			break;
		case 'B':
			opt.bytes = bytes_option("--bytes", optarg);
			break;
		case 'I':
			opt.in_bytes = bytes_option("--in-bytes", optarg);
			break;
		case 'c': /* keys that other tools have as options */
		case 'w':
		case 'n':
			if (more == 2 * SHORTS_MAX) {
				(void)fputs("vmqctl: too many options\n", stderr);
				return CMD_USAGE;
			}
			tail[more++] = shorts[c];
			tail[more++] = optarg;
			break;
		case '1': /* of top: so many pictures, as text */
		case '0':
			if (more == 2 * SHORTS_MAX) {
				(void)fputs("vmqctl: too many options\n", stderr);
				return CMD_USAGE;
			}
			tail[more++] = shorts['c'];
			tail[more++] = c == '1' ? once : no_end;
			break;
		case 'D': /* of config apply */
			if (more == 2 * SHORTS_MAX) {
				(void)fputs("vmqctl: too many options\n", stderr);
				return CMD_USAGE;
			}
			tail[more++] = dry_run;
			tail[more++] = on;
			break;
		case 'h':
			wants_help = true;
			break;
		case 'V':
			(void)puts("vmqctl " VMQ_VERSION);
			return cmd_flush();
		default: /* getopt has said what is wrong */
			return CMD_USAGE;
		}
	}
	num = (unsigned int)(argc - optind);
	if (wants_help) {
		rc = help(argv + optind, num);
		return rc == CMD_DONE ? cmd_flush() : rc;
	}
	if (opt.bytes == -2 || opt.in_bytes == -2)
		return CMD_USAGE;
	if (num == 0) {
		cmd_help(stderr);
		return CMD_USAGE;
	}
	words = calloc(num + more, sizeof *words);
	if (!words)
		return CMD_REFUSED;
	memcpy(words, argv + optind, num * sizeof *words);
	memcpy(words + num, tail, more * sizeof *words);
	num += more;
	rc = strcmp(words[0], "help") == 0 ? help(words + 1, num - 1) : command(&opt, words, num);
	free(words);
	return rc == CMD_DONE ? cmd_flush() : rc;
}
