/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl version: this program's and the daemon's. (`vmqctl --version` asks no daemon.)
 */
#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static void print_version(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	(void)opt;
	(void)fputs("vmqctl " VMQ_VERSION "\n", out);
	text_pair(out, "", "vmqd", result, "version");
	text_pair(out, ", ", "pid", result, "pid");
	text_pair(out, ", ", "up", result, "uptime_s");
	(void)fputs(" s\n", out);
}

static const struct cmd_verb verbs[] = {
	{ NULL, "version", "of vmqctl and of the running daemon", .print = print_version },
};

const struct cmd_object cmd_version = { "version", "of vmqctl and vmqd", verbs, sizeof verbs / sizeof *verbs };
