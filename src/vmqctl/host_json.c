/* SPDX-License-Identifier: BSD-3-Clause */
/* This host as vmqd wants it described (host_json.h). */
#include "vmqctl/host_json.h"

#include <stdlib.h>

#include "host/host.h"
#include "vmqctl/libvirt.h"

static json_t *cpus_json(const struct host_topology *t)
{
	json_t *list = json_array();

	for (unsigned cpu = 0; cpu < t->ncpus; cpu++) {
		const struct host_cpu *c = &t->cpu[cpu];

		if (c->present)
			(void)json_array_append_new(list,
						    json_pack("{s:i, s:i, s:i, s:b, s:b, s:b}", "cpu", (int)cpu, "core",
							      c->core, "node", c->node, "online", c->online, "isolated",
							      c->isolated, "nohz_full", c->nohz_full));
	}
	return list;
}

static json_t *distances_json(const struct host_topology *t)
{
	json_t *rows = json_array();

	for (unsigned a = 0; a < t->nnodes; a++) {
		json_t *row = json_array();

		for (unsigned b = 0; b < t->nnodes; b++)
			(void)json_array_append_new(row, json_integer(t->distance[a][b]));
		(void)json_array_append_new(rows, row);
	}
	return rows;
}

static json_t *devices_json(const char *root, const json_t *switches)
{
	json_t *list = json_array();
	const json_t *sw;
	size_t i;

	json_array_foreach(json_object_get(switches, "switches"), i, sw)
	{
		const char *device = json_string_value(json_object_get(json_object_get(sw, "port"), "device"));
		int node = device ? host_device_node(root, device) : -1;

		if (node >= 0 && node < (int)HOST_MAX_NODES)
			(void)json_array_append_new(list, json_pack("{s:s, s:i}", "device", device, "node", node));
	}
	return list;
}

static json_t *guest_json(const char *vport, const struct host_guest *g)
{
	json_t *list = json_array(), *out;
	char cpus[4096];

	for (unsigned i = 0; i < g->nvcpus; i++) {
		host_cpus_format(&g->vcpu[i].cpus, cpus, sizeof cpus);
		(void)json_array_append_new(list, json_pack("{s:i, s:s}", "vcpu", (int)g->vcpu[i].vcpu, "cpus", cpus));
	}
	out = json_pack("{s:s, s:o}", "vport", vport, "vcpus", list);
	if (g->node >= 0)
		(void)json_object_set_new(out, "node", json_integer(g->node));
	return out;
}

/* What is known of VMs, by their VPort's socket. */
struct guests {
	json_t *vport_of; /* socket → VPort's name, of those of which nothing is known yet */
	json_t *list;
};

/* libvirt knows it, and nothing better was found. */
static void from_libvirt(void *ctx, const char *socket, const struct host_guest *g)
{
	struct guests *all = ctx;
	const char *name = json_string_value(json_object_get(all->vport_of, socket));

	if (!name)
		return;
	(void)json_array_append_new(all->list, guest_json(name, g));
	(void)json_object_del(all->vport_of, socket);
}

/* What a VM's process shows counts; where it shows neither virtual processors nor memory (it does not run, or has only
 * begun), what libvirt will do with them. */
static json_t *guests_json(const char *root, const json_t *vports)
{
	struct guests all = { json_object(), json_array() };
	struct host_guest *g = malloc(sizeof *g);
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(vports, "vports"), i, v)
	{
		const char *name = json_string_value(json_object_get(v, "name"));
		const char *socket = json_string_value(json_object_get(v, "socket"));
		json_int_t pid = json_integer_value(json_object_get(v, "peer_pid"));

		if (g && name && pid > 0 && host_guest_read(root, (pid_t)pid, g) == 0 &&
		    (g->nvcpus || g->node >= 0 || !socket))
			(void)json_array_append_new(all.list, guest_json(name, g));
		else if (name && socket)
			(void)json_object_set_new(all.vport_of, socket, json_string(name));
	}
	free(g);
	if (json_object_size(all.vport_of))
		libvirt_guests(root, from_libvirt, &all);
	json_decref(all.vport_of);
	return all.list;
}

json_t *host_json(const char *root, pid_t pid, const json_t *switches, const json_t *vports)
{
	struct host_topology *t = malloc(sizeof *t);
	char allowed[4096];
	json_t *out;

	if (!t)
		return NULL;
	host_topology_read(root, pid, t);
	out = json_pack("{s:o, s:o, s:o, s:o}", "cpus", cpus_json(t), "distances", distances_json(t), "devices",
			devices_json(root, switches), "guests", guests_json(root, vports));
	if (t->quota_pct)
		(void)json_object_set_new(out, "quota_pct", json_integer(t->quota_pct));
	if (t->allowed_known) {
		host_cpus_format(&t->allowed, allowed, sizeof allowed);
		(void)json_object_set_new(out, "allowed", json_string(allowed));
	}
	free(t);
	return out;
}
