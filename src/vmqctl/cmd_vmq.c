/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl vmq: the adapters, queues, VPorts and SR-IOV under the names of Windows' Get-NetAdapter… commands. Text and
 * JSON are made from the same rows (windows.h).
 */
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"
#include "vmqctl/windows.h"

/* The list `key` of the method's answer, or NULL with the exit code in *rc. */
static json_t *ask(struct vmq_client *client, const struct cmd_options *opt, const char *method, const char *params,
		   const char *key, int *rc)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	char *text = NULL;
	json_t *answer, *list;

	if (*rc == 0) {
		int failed = vmq_call(client, method, params, &text, &err);

		if (failed)
			*rc = cmd_failed(opt, failed, &err);
	}
	if (*rc)
		return NULL;
	answer = json_loads(text, 0, NULL);
	free(text);
	list = json_incref(json_object_get(answer, key));
	json_decref(answer);
	return list;
}

/* Which list of the answer a verb shows, and how. */
static const struct view {
	const char *verb, *list;
	json_t *(*rows)(const json_t *list);
} views[] = {
	{ "queue", "queues", windows_queues },
	{ "vport", "vports", windows_vports },
	{ "sriov", "switches", windows_sriov },
};

static json_t *rows_of(struct vmq_client *client, const struct cmd_options *opt, const struct cmd_verb *verb,
		       const char *params, int *rc)
{
	const struct view *v = views;
	json_t *list, *workers, *rows;

	if (strcmp(verb->name, "show") == 0) {
		list = ask(client, opt, verb->method, params, "switches", rc);
		workers = ask(client, opt, "worker.show", NULL, "workers", rc);
		rows = windows_vmq(list, workers);
		json_decref(workers);
	} else {
		while (strcmp(v->verb, verb->name) != 0)
			v++;
		list = ask(client, opt, verb->method, params, v->list, rc);
		rows = v->rows(list);
	}
	json_decref(list);
	return rows;
}

static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	json_t *rows;
	int rc = vmq_connect(opt->socket, &client, &err);

	if (rc)
		return cmd_failed(opt, rc, &err);
	rows = rows_of(client, opt, verb, params, &rc);
	vmq_disconnect(client);
	if (rc == 0 && opt->json) {
		char *text = json_dumps(rows, JSON_COMPACT);

		cmd_print_json(stdout, opt, text ? text : "null");
		free(text);
	} else if (rc == 0) {
		windows_print(stdout, rows);
	}
	json_decref(rows);
	return rc;
}

static const struct cmd_key keys[] = {
	{ "adapter", CMD_TEXT, "ADAPTER", "only this adapter's", .names = CMD_NAMES_ADAPTER },
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ "show", "switch.show", "the adapters, as Get-NetAdapterVmq", NULL, keys, .run = run },
	{ "queue", "queue.show", "the queues, as Get-NetAdapterVmqQueue", NULL, keys, .run = run },
	{ "vport", "vport.show", "the VPorts, as Get-NetAdapterVPort", NULL, keys, .run = run },
	{ "sriov", "switch.show", "the adapters, as Get-NetAdapterSriov", NULL, keys, .run = run },
};

const struct cmd_object cmd_vmq = { "vmq", "as Windows' Get-NetAdapter commands show it", verbs,
				    sizeof verbs / sizeof *verbs };
