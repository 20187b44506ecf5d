/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl drain: before a planned stop. Nothing more is taken from VMs, and what was taken has gone where it goes.
 */
#include "vmqctl/cmd.h"

static void print_drained(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	(void)opt;
	(void)fputs(json_is_true(json_object_get(result, "drained"))
			? "drained: what the VMs send waits in their rings for the next vmqd, or for vmqctl drain undo on\n"
			: "what the VMs send is taken again\n",
		    out);
}

static const struct cmd_key keys[] = {
	{ "undo", CMD_SWITCH, "on|off", "go on instead", false, CMD_NAMES_NONE },
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ NULL, "drain", "before a planned stop: nothing more is taken from VMs", .keys = keys, .print = print_drained },
};

const struct cmd_object cmd_drain = { "drain", "before a planned stop", verbs, sizeof verbs / sizeof *verbs };
