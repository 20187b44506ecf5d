/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl config: the configuration file and what runs.
 */
#include <stdlib.h>

#include "schema/schema.h"
#include "vmqctl/cmd.h"

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

static const struct cmd_verb verbs[] = {
	{ "schema", NULL, "the JSON Schema of the configuration file, for editors and other tools", NULL, NULL, .run = run_schema },
};

const struct cmd_object cmd_config = { "config", "the configuration file and what runs", verbs, sizeof verbs / sizeof *verbs };
