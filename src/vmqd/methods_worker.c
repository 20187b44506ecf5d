/* SPDX-License-Identifier: BSD-3-Clause */
/* worker.show, worker.set (docs/rpc.md): the workers, what they do with their time, and when they sleep. */
#include <errno.h>

#include "vmqd/methods.h"
#include "vmqd/sleep_files.h"
#include "vmqd/state.h"
#include "vmqd/text.h"

/* Percent with one digit behind the point. */
static double percent(uint64_t part, uint64_t whole)
{
	uint64_t tenths = whole ? part * 1000 / whole : 0;

	return (double)tenths / 10.0;
}

/* How it sleeps, or why it cannot sleep lightly. */
static json_t *sleep_json(const struct daemon *d, const struct nic_worker_stats *w)
{
	static const char *const words[] = {
#define X(id, name) name,
		NIC_SLEEPS(X)
#undef X
	};
	const char *why = w->sleep == NIC_SLEEP_NO_FILE ? sleep_files_why(d->sleep_files, w->cpu) : "";

	return json_sprintf("%s%s%s", words[w->sleep], *why ? ": " : "", why);
}

static json_t *worker_json(const struct daemon *d, const struct nic_worker_stats *w)
{
	uint64_t all = w->busy_ns + w->poll_ns + w->sleep_ns;
	json_t *out = json_pack("{s:i, s:s, s:s, s:o, s:s, s:f, s:f, s:f}", "cpu", (int)w->cpu, "policy", policy_names[w->policy],
				"light_sleep", light_sleep_names[w->light_sleep], "sleep", sleep_json(d, w), "state", w->asleep ? "sleeping" : "polling", "busy_pct", percent(w->busy_ns, all), "poll_pct",
				percent(w->poll_ns, all), "sleep_pct", percent(w->sleep_ns, all));
	json_t *batches = json_array();

#define X(member) (void)json_object_set_new(out, #member, json_integer((json_int_t)w->member));
	X(frames)
	X(busy_ns)
	X(poll_ns)
	X(sleep_ns)
	X(busy_cycles)
	X(turns)
	X(polls)
	X(sleeps)
	X(timed_sleeps)
	X(sleep_changes)
	X(rings)
	X(rings_armed)
	X(rings_held)
#undef X
	for (unsigned i = 0; i < NIC_BATCH_SIZES; i++)
		(void)json_array_append_new(batches, json_integer((json_int_t)w->batch[i]));
	(void)json_object_set_new(out, "batches", batches);
	return out;
}

json_t *workers_json(const struct daemon *d)
{
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	unsigned n = nic_engine_stats(d->engine, w, NIC_MAX_WORKERS);
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(list, worker_json(d, &w[i]));
	return list;
}

int method_worker_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)client;
	(void)e;
	if (params_close(p) < 0)
		return -1;
	*result = json_pack("{s:o}", "workers", workers_json(ctx));
	return 0;
}

static json_t *one_worker(const struct daemon *d, unsigned cpu)
{
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	unsigned n = nic_engine_stats(d->engine, w, NIC_MAX_WORKERS);

	for (unsigned i = 0; i < n; i++)
		if (w[i].cpu == cpu)
			return worker_json(d, &w[i]);
	return NULL;
}

int method_worker_set(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	unsigned policy = 0, light = 0;
	bool set_policy, set_light;
	uint32_t cpu = 0;
	int rc = 0;

	(void)client;
	(void)params_uint(p, "cpu", true, 0, UINT16_MAX, &cpu);
	set_policy = params_choice(p, "policy", policy_names, &policy);
	set_light = params_choice(p, "light_sleep", light_sleep_names, &light);
	if (!set_policy && !set_light)
		(void)params_fault(p, "policy", "is missing, and so is light_sleep");
	if (params_close(p) < 0 || state_settings(d, e) < 0)
		return -1;
	if (set_policy)
		rc = nic_engine_set_policy(d->engine, cpu, (enum nic_policy)policy);
	if (set_light && rc == 0)
		rc = nic_engine_set_light_sleep(d->engine, cpu, (enum nic_light_sleep)light);
	if (rc == -ENOENT)
		return stack_fail(e, STACK_NOT_FOUND, "cpu", "no worker runs on CPU %u", cpu);
	if (rc < 0)
		return stack_fail(e, STACK_FAILED, "cpu", "the worker of CPU %u did not answer in %d ms", cpu, NIC_WAIT_MS);
	*result = one_worker(d, cpu);
	return 0;
}
