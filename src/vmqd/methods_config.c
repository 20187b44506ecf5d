/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.show, config.diff, config.apply (docs/rpc.md). The file is the client's to read: vmqd, in its sandbox, opens none. It
 * sends what is in it, and vmqd judges that as it does at its start.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmqd/describe.h"
#include "vmqd/diff.h"
#include "vmqd/methods.h"
#include "vmqd/plan.h"
#include "vmqd/state.h"

int method_config_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	bool all = false;
	json_t *running;

	(void)client;
	(void)params_bool(p, "all", &all);
	if (params_close(p) < 0)
		return -1;
	running = plan_running(d, e);
	if (!running)
		return -1;
	if (!all)
		describe_shorten(d->cfg, running);
	*result = json_pack("{s:o}", "config", running);
	return 0;
}

/* Takes `config`, closes the parameters, and reads it. */
static int read_config(const struct daemon *d, struct params *p, struct config **out, struct stack_error *e)
{
	const json_t *root = params_any(p, "config", true);

	if (root && !json_is_object(root))
		(void)params_fault(p, "config", "is not a configuration");
	if (params_close(p) < 0)
		return -1;
	return config_read(d->cfg, (json_t *)root, out, e);
}

static bool needs(const json_t *changes, const char *what)
{
	const json_t *c;
	size_t i;

	json_array_foreach(changes, i, c)
		if (strcmp(json_string_value(json_object_get(c, "change")), what) == 0)
			return true;
	return false;
}

int method_config_diff(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct config *wanted;
	json_t *changes;

	(void)client;
	if (read_config(d, p, &wanted, e) < 0)
		return -1;
	changes = plan_changes(d, wanted, e);
	config_free(wanted);
	if (!changes)
		return -1;
	*result = json_pack("{s:b, s:b, s:o}", "same", json_array_size(changes) == 0, "restart", needs(changes, "restart"),
			    "changes", changes);
	return 0;
}

/* The document is in the file that vmqd was started with: what it declares from now on. */
struct source {
	const char *file, *stamp;
	uint64_t time;
};

static void take_source(struct params *p, struct source *s)
{
	*s = (struct source){ 0 };
	(void)params_str(p, "file", false, &s->file);
	(void)params_str(p, "file_stamp", false, &s->stamp);
	(void)params_u64(p, "file_time", INT64_MAX, &s->time);
}

static int declare(struct daemon *d, const struct source *s, struct config *wanted, struct stack_error *e)
{
	wanted->path = strdup(s->file);
	wanted->stamp = s->stamp ? strdup(s->stamp) : NULL;
	wanted->modified = (time_t)s->time;
	if (!wanted->path || (s->stamp && !wanted->stamp))
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	state_propose(d, wanted);
	return 0;
}

int method_config_apply(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct source source;
	struct config *wanted;
	bool dry = false, only = false;
	struct plan plan;
	int rc;

	(void)client;
	(void)params_bool(p, "dry_run", &dry);
	(void)params_bool(p, "declare", &only);
	take_source(p, &source);
	if (read_config(d, p, &wanted, e) < 0)
		return -1;
	if (plan_make(d, wanted, &plan, e) < 0) {
		config_free(wanted);
		return -1;
	}
	*result = json_pack("{s:b, s:o}", "dry_run", dry, "steps", plan_json(&plan));
	if (only && plan.nsteps)
		rc = stack_fail(e, STACK_REFUSED, "declare", "what runs is no more what the document says: something changed it meanwhile");
	else
		rc = dry ? 0 : plan_carry_out(&plan, e);
	if (rc == 0 && !dry)
		log_info("configuration applied: %zu steps", plan.nsteps);
	plan_free(&plan);
	if (rc == 0 && !dry && source.file && d->cfg->path && strcmp(source.file, d->cfg->path) == 0)
		return declare(d, &source, wanted, e) < 0 ? (config_free(wanted), -1) : 0;
	config_free(wanted);
	return rc;
}
