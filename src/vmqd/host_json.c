/* SPDX-License-Identifier: BSD-3-Clause */
/* A host as a client describes it (host_json.h). */
#include "vmqd/host_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VCPUS 65536u

/* The list `key`, each element handed to `one` as parameters with a path of their own. NULL when it is not there. */
static const json_t *each(struct params *p, const char *key, size_t max, bool (*one)(struct params *p, void *ctx),
			  void *ctx)
{
	const json_t *list = params_any(p, key, false), *v;
	char path[128], member[96];
	size_t i;

	if (!list)
		return NULL;
	if (!json_is_array(list) || json_array_size(list) > max) {
		(void)params_fault(p, key, "is not a list of at most %zu", max);
		return NULL;
	}
	params_member_path(p, key, member, sizeof member);
	json_array_foreach (list, i, v) {
		struct params each_p;

		(void)snprintf(path, sizeof path, "%s[%zu]", member, i);
		params_open(&each_p, v, path, p->e);
		if (!one(&each_p, ctx) || params_close(&each_p) < 0)
			return NULL;
	}
	return list;
}

static bool read_cpus(struct params *p, const char *key, bool required, struct host_cpus *out)
{
	const char *text;

	if (!params_str(p, key, required, &text))
		return false;
	if (host_cpus_parse(text, out))
		return true;
	(void)params_fault(p, key, "is no list of CPUs like \"0-3,8\", numbers below %u", HOST_MAX_CPUS);
	return false;
}

static bool read_cpu(struct params *p, void *ctx)
{
	struct host_topology *t = ctx;
	uint32_t cpu = 0, core = 0, node = 0;
	struct host_cpu c = { .present = true, .online = true };

	if (!params_uint(p, "cpu", true, 0, HOST_MAX_CPUS - 1, &cpu))
		return false;
	core = cpu;
	(void)params_uint(p, "core", false, 0, HOST_MAX_CPUS - 1, &core);
	(void)params_uint(p, "node", false, 0, HOST_MAX_NODES - 1, &node);
	(void)params_bool(p, "online", &c.online);
	(void)params_bool(p, "isolated", &c.isolated);
	(void)params_bool(p, "nohz_full", &c.nohz_full);
	if (!params_ok(p))
		return false;
	c.core = (uint16_t)core;
	c.node = (uint16_t)node;
	t->cpu[cpu] = c;
	if (t->ncpus <= cpu)
		t->ncpus = cpu + 1;
	if (t->nnodes <= node)
		t->nnodes = node + 1;
	return true;
}

/* A row a node, a number a column. */
static void read_distances(struct params *p, struct host_topology *t)
{
	const json_t *rows = params_any(p, "distances", false), *row, *v;
	size_t a, b;

	for (a = 0; a < HOST_MAX_NODES; a++)
		for (b = 0; b < HOST_MAX_NODES; b++)
			t->distance[a][b] = a == b ? 10 : 20;
	json_array_foreach (rows, a, row) {
		json_array_foreach (row, b, v) {
			json_int_t d = json_is_integer(v) ? json_integer_value(v) : 0;

			if (a < HOST_MAX_NODES && b < HOST_MAX_NODES && d >= 10 && d <= 255)
				t->distance[a][b] = (uint8_t)d;
			else
				(void)params_fault(
					p, "distances",
					"has something else than numbers from 10 to 255, at most %u by %u of them",
					HOST_MAX_NODES, HOST_MAX_NODES);
		}
	}
	if (rows && !json_is_array(rows))
		(void)params_fault(p, "distances", "is not a list of lists of numbers");
}

static bool check_device(struct params *p, void *ctx)
{
	const char *name;
	uint32_t node;

	(void)ctx;
	return params_str(p, "device", true, &name) && params_uint(p, "node", true, 0, HOST_MAX_NODES - 1, &node);
}

struct guests {
	struct placement_plan *pp;
	const char *vport;
};

static bool read_vcpu(struct params *p, void *ctx)
{
	struct guests *g = ctx;
	struct placement_plan *pp = g->pp;
	struct cpu_vcpu v = { .vcpu = 0 }, *more;
	uint32_t vcpu = 0;

	if (!params_uint(p, "vcpu", true, 0, UINT16_MAX, &vcpu) || !read_cpus(p, "cpus", true, &v.cpus))
		return false;
	if (pp->nvcpus == MAX_VCPUS) {
		(void)params_fault(p, NULL, "is one too many: %u in all", MAX_VCPUS);
		return false;
	}
	if ((pp->nvcpus & (pp->nvcpus - 1)) == 0) { /* room is a power of two */
		more = reallocarray(pp->vcpus, pp->nvcpus ? pp->nvcpus * 2 : 1, sizeof *more);
		if (!more) {
			(void)stack_fail(p->e, STACK_FAILED, NULL, "out of memory");
			return false;
		}
		pp->vcpus = more;
	}
	v.vcpu = vcpu;
	(void)snprintf(v.vport, sizeof v.vport, "%s", g->vport);
	pp->vcpus[pp->nvcpus++] = v;
	return true;
}

static bool read_guest(struct params *p, void *ctx)
{
	struct guests *g = ctx;
	char name[STACK_NAME_SIZE];
	uint32_t node;

	if (!params_name(p, "vport", true, name))
		return false;
	g->vport = name;
	(void)params_uint(p, "node", false, 0, HOST_MAX_NODES - 1, &node);
	(void)each(p, "vcpus", MAX_VCPUS, read_vcpu, g);
	return params_ok(p);
}

void host_json_read(struct params *p, struct placement_plan *out, struct host_json *rest)
{
	const json_t *obj = params_any(p, "host", false);
	struct guests guests = { .pp = out };
	struct params h;
	uint32_t quota = 0;

	*rest = (struct host_json){ 0 };
	if (!obj)
		return;
	params_open(&h, obj, "host", p->e);
	out->host = calloc(1, sizeof *out->host);
	if (!out->host) {
		(void)stack_fail(p->e, STACK_FAILED, NULL, "out of memory");
		return;
	}
	out->host->nnodes = 1;
	if (!each(&h, "cpus", HOST_MAX_CPUS, read_cpu, out->host))
		(void)params_fault(&h, "cpus", "is missing");
	read_distances(&h, out->host);
	if (params_uint(&h, "quota_pct", false, 1, HOST_MAX_CPUS * 100, &quota))
		out->host->quota_pct = quota;
	out->host->allowed_known = read_cpus(&h, "allowed", false, &out->host->allowed);
	rest->devices = each(&h, "devices", HOST_MAX_CPUS, check_device, NULL);
	rest->guests = each(&h, "guests", MAX_VCPUS, read_guest, &guests);
	(void)params_close(&h);
}

/* The `node` of the list's element whose `key` is `name`; -1: none. */
static int node_of(const json_t *list, const char *key, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		const char *other = json_string_value(json_object_get(v, key));
		const json_t *node = json_object_get(v, "node");

		if (other && node && strcmp(other, name) == 0)
			return (int)json_integer_value(node);
	}
	return -1;
}

void host_json_nodes(const struct host_json *rest, struct placement_plan *pp)
{
	const struct cpu_plan *plan = &pp->plan;
	int device = -1;

	if (!pp->host)
		return;
	for (size_t i = 0; i < plan->nitems; i++) {
		struct cpu_item *item = &plan->items[i];

		if (item->kind == CPU_ITEM_WIRE) /* the first of its adapter */
			device = node_of(rest->devices, "device", item->name);
		item->device_node = device;
		if (item->kind == CPU_ITEM_VPORT)
			item->memory_node = node_of(rest->guests, "vport", item->name);
	}
}
