/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The help, made from the same tables as the parser.
 */
#include "vmqctl/cmd.h"

#define HELP_COLUMN 36 /* where the explanations begin */

void cmd_help_usage(FILE *out, const struct cmd_object *object, const struct cmd_verb *verb)
{
	(void)fprintf(out, "vmqctl %s", object->name);
	if (verb->name)
		(void)fprintf(out, " %s", verb->name);
	if (verb->words)
		(void)fprintf(out, " %s", verb->words);
	if (verb->subject)
		(void)fprintf(out, verb->subject->required ? " %s" : " [%s]", verb->subject->value);
	for (const struct cmd_key *k = verb->keys; k && k->name; k++)
		if (k->required)
			(void)fprintf(out, " %s %s", k->name, k->value);
	for (const struct cmd_key *k = verb->keys; k && k->name; k++) {
		if (!k->required) {
			(void)fputs(" [key value]…", out);
			break;
		}
	}
	if (verb->watch)
		(void)fputs(" [watch SECONDS]", out);
	(void)fputc('\n', out);
}

static void print_key(FILE *out, const char *name, const char *value, const char *help)
{
	int n = fprintf(out, "        %s%s%s", name, *name ? " " : "", value);

	for (const char *s = value; *s; s++)
		n -= ((unsigned char)*s & 0xc0) == 0x80; /* a character, not its bytes, has a column */
	if (n >= HELP_COLUMN) {
		(void)fputc('\n', out);
		n = 0;
	}
	(void)fprintf(out, "%*s%s\n", HELP_COLUMN - n, "", help);
}

static void print_verb(FILE *out, const struct cmd_object *object, const struct cmd_verb *verb)
{
	(void)fputs("\n    ", out);
	cmd_help_usage(out, object, verb);
	(void)fprintf(out, "        %s\n", verb->help);
	if (verb->subject)
		print_key(out, "", verb->subject->value, verb->subject->help);
	for (const struct cmd_key *k = verb->keys; k && k->name; k++)
		print_key(out, k->name, k->value, k->help);
	if (verb->watch)
		print_key(out, "watch", "SECONDS", "show it again and again until interrupted");
}

void cmd_help_object(FILE *out, const struct cmd_object *object)
{
	(void)fprintf(out, "%s: %s\n", object->name, object->help);
	for (unsigned int i = 0; i < object->num_verbs; i++)
		print_verb(out, object, &object->verbs[i]);
}

void cmd_help(FILE *out)
{
	(void)fputs("usage: vmqctl [OPTIONS] OBJECT [VERB] [NAME] [key value]…\n"
		    "       vmqctl help [OBJECT]\n\nobjects (the default verb is show):\n",
		    out);
	for (unsigned int i = 0; cmd_objects[i]; i++) {
		const struct cmd_object *o = cmd_objects[i];

		(void)fprintf(out, "    %-9s %s", o->name, o->help);
		for (unsigned int v = 0; v < o->num_verbs; v++)
			if (o->verbs[v].name)
				(void)fprintf(out, "%s%s", v ? ", " : ": ", o->verbs[v].name);
		(void)fputc('\n', out);
	}
	(void)fputs("    help      this, or an object's verbs and keys\n\n"
		    "options:\n"
		    "    --socket PATH     the daemon's control socket (default: $VMQ_SOCKET, else " VMQ_DEFAULT_SOCKET
		    ")\n"
		    "    --topology DIR    read the host's /sys and /proc below this directory\n"
		    "    -j, --json        print the daemon's answer as JSON\n"
		    "    -p, --pretty      as JSON, on several lines\n"
		    "    -s, --statistics  more counters\n"
		    "    -d, --details     everything there is\n"
		    "    --hex             oid: print the reply's bytes; monitor: those of indications\n"
		    "    --bytes N         oid: the length of the buffer (of a method: of the output)\n"
		    "    --in-bytes N      oid: the length of the input\n"
		    "    --list            oid: the requests, their types and structures\n"
		    "    --libvirt         vport show NAME: libvirt's XML for its VM's interface\n"
		    "    --qemu            vport show NAME: QEMU's arguments for its VM\n"
		    "    --dry-run         config apply: only say what would be done\n"
		    "    --once, --batch   top: one picture, or picture after picture, as text\n"
		    "    -w FILE           capture: as the key write\n"
		    "    -c N              capture, trace, top: as the key count\n"
		    "    -n K              explain: as the key number\n"
		    "    -h, --help        this; OBJECT --help: its verbs and keys\n"
		    "    -V, --version     vmqctl's own version\n\n"
		    "exit codes: 0 done, 1 refused or failed, 2 usage, 3 daemon not reachable; doctor: 4 warning, 5 wrong\n",
		    out);
}
