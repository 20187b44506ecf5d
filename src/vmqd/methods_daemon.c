/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemon.show (docs/rpc.md): what vmqd was started with, so that somebody can compare it with what there is, and the words of
 * this vmqd; drain: what comes before its planned end.
 */
#include "vmqd/methods.h"

#include <string.h>

#include "base/log.h"

static json_t *mode_json(unsigned mode)
{
	return json_sprintf("%04o", mode);
}

static json_t *port_json(const struct config_port *p)
{
	json_t *out = json_pack("{s:s, s:s, s:i}", "driver", config_drivers[p->driver], "device", p->device, "cpu",
				(int)p->cpu);

	if (p->netns[0])
		(void)json_object_set_new(out, "netns", json_string(p->netns));
	return out;
}

/* `declared`: the file's adapters as they are now known to be. */
static json_t *adapter_json(const struct config_adapter *a, const struct config *declared)
{
	json_t *vports = json_array();

	for (size_t k = 0; k < declared->nadapters; k++) {
		const struct config_adapter *c = &declared->adapters[k];

		for (size_t i = 0; strcmp(c->name, a->name) == 0 && i < c->nvports; i++)
			(void)json_array_append_new(vports, json_string(c->vports[i].want.name));
	}
	return json_pack("{s:s, s:o, s:o, s:o}", "adapter", a->name, "port", port_json(&a->port), "host",
			 port_json(&a->host), "vports", vports);
}

int method_daemon_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	const struct daemon *d = ctx;
	const struct config *c = d->cfg;
	json_t *adapters, *cpus;

	(void)client;
	(void)e;
	if (params_close(p) < 0)
		return -1;
	adapters = json_array();
	cpus = json_array();
	for (size_t i = 0; i < c->nadapters; i++)
		(void)json_array_append_new(adapters, adapter_json(&c->adapters[i], d->declared));
	for (unsigned i = 0; i < c->ncpus; i++)
		(void)json_array_append_new(cpus, json_integer(c->cpus[i]));
	*result = json_pack("{s:b, s:b, s:b, s:s, s:{s:s, s:o}, s:{s:o, s:i}, s:o, s:o, s:o}", "sandbox", c->sandbox, "drained", d->drained, "cpu_auto",
			    c->cpu_auto, "run_dir", c->run_dir, "control", "socket", c->socket, "mode",
			    mode_json(c->socket_mode), "vport_sockets", "mode", mode_json(c->vport_socket_mode), "gid",
			    (int)c->vport_socket_group, "cpus", cpus, "adapters", adapters, "drops", drops_json());
	if (c->user)
		(void)json_object_set_new(*result, "user", json_string(c->user));
	if (c->state[0])
		(void)json_object_set_new(*result, "state", json_string(c->state));
	if (c->path) {
		(void)json_object_set_new(*result, "config", json_string(c->path));
		(void)json_object_set_new(*result, "config_time", json_integer(d->declared->modified));
		if (d->declared->stamp)
			(void)json_object_set_new(*result, "config_stamp", json_string(d->declared->stamp));
	}
	return 0;
}

int method_drain(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct daemon *d = ctx;
	bool undo = false;

	(void)client;
	(void)params_bool(p, "undo", &undo);
	if (params_close(p) < 0)
		return -1;
	if (nic_engine_hold(d->engine, !undo) < 0) {
		(void)nic_engine_hold(d->engine, false);
		d->drained = false;
		return stack_fail(e, STACK_FAILED, NULL, "a CPU did not answer in %d ms; VMs are served on", NIC_WAIT_MS);
	}
	d->drained = !undo;
	log_info(undo ? "what VMs send is taken again" : "drained: nothing more is taken from VMs");
	*result = json_pack("{s:b}", "drained", !undo);
	return 0;
}
