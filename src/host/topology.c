/* SPDX-License-Identifier: BSD-3-Clause */
/* Processors, memory nodes, and what a process may use of them (host.h). Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

static bool read_cpus(const char *root, const char *file, struct host_cpus *out)
{
	char text[4096];

	*out = (struct host_cpus){ { 0 } };
	/* nohz_full reads "(null)" where it is not set */
	return host_read(text, sizeof text, root, "sys/devices/system/%s", file) >= 0 && host_cpus_parse(text, out);
}

static unsigned lowest(const struct host_cpus *s, unsigned otherwise)
{
	for (unsigned cpu = 0; cpu < HOST_MAX_CPUS; cpu++)
		if (host_cpus_has(s, cpu))
			return cpu;
	return otherwise;
}

static void read_processors(const char *root, struct host_topology *t)
{
	struct host_cpus present, online, isolated, nohz, siblings;
	char file[64];

	if (!read_cpus(root, "cpu/present", &present))
		(void)read_cpus(root, "cpu/online", &present);
	if (!read_cpus(root, "cpu/online", &online))
		online = present;
	(void)read_cpus(root, "cpu/isolated", &isolated);
	(void)read_cpus(root, "cpu/nohz_full", &nohz);
	for (unsigned cpu = 0; cpu < HOST_MAX_CPUS; cpu++) {
		if (!host_cpus_has(&present, cpu))
			continue;
		(void)snprintf(file, sizeof file, "cpu/cpu%u/topology/thread_siblings_list", cpu);
		(void)read_cpus(root, file, &siblings);
		t->ncpus = cpu + 1;
		t->cpu[cpu] = (struct host_cpu){
			.present = true,
			.online = host_cpus_has(&online, cpu),
			.isolated = host_cpus_has(&isolated, cpu),
			.nohz_full = host_cpus_has(&nohz, cpu),
			.core = (uint16_t)lowest(&siblings, cpu),
		};
	}
}

static void read_distances(const char *root, struct host_topology *t, unsigned node)
{
	char text[1024], *p = text;

	if (host_read(text, sizeof text, root, "sys/devices/system/node/node%u/distance", node) < 0)
		return;
	for (unsigned to = 0; to < HOST_MAX_NODES; to++) {
		char *end;
		unsigned long d = strtoul(p, &end, 10);

		if (end == p)
			break;
		if (d >= 10 && d <= 255)
			t->distance[node][to] = (uint8_t)d;
		p = end;
	}
}

static void read_nodes(const char *root, struct host_topology *t)
{
	struct host_cpus nodes, cpus;
	char file[64];

	t->nnodes = 1;
	for (unsigned a = 0; a < HOST_MAX_NODES; a++)
		for (unsigned b = 0; b < HOST_MAX_NODES; b++)
			t->distance[a][b] = a == b ? 10 : 20;
	if (!read_cpus(root, "node/online", &nodes))
		return;
	for (unsigned node = 0; node < HOST_MAX_NODES; node++) {
		if (!host_cpus_has(&nodes, node))
			continue;
		t->nnodes = node + 1;
		(void)snprintf(file, sizeof file, "node/node%u/cpulist", node);
		(void)read_cpus(root, file, &cpus);
		for (unsigned cpu = 0; cpu < t->ncpus; cpu++)
			if (host_cpus_has(&cpus, cpu))
				t->cpu[cpu].node = (uint16_t)node;
		read_distances(root, t, node);
	}
}

#define PERIOD_MAX 1000000 /* µs; the kernel takes no longer one */

/* Percent of one CPU; 0: no limit. "max 100000", or "150000 100000" (cgroup 2). */
static unsigned quota_of(long long quota, long long period)
{
	bool is_limit = quota > 0 && period > 0 && period <= PERIOD_MAX && quota / period < 10000;

	return is_limit ? (unsigned)(quota * 100 / period) : 0;
}

static unsigned group_quota(const char *root, const char *path)
{
	long long quota, period;
	char text[64];

	if (host_read(text, sizeof text, root, "sys/fs/cgroup%s/cpu.max", path) < 0 ||
	    sscanf(text, "%lld %lld", &quota, &period) != 2)
		return 0;
	return quota_of(quota, period);
}

static unsigned old_group_quota(const char *root, const char *path)
{
	return quota_of(host_number(-1, root, "sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", path),
			host_number(0, root, "sys/fs/cgroup/cpu%s/cpu.cfs_period_us", path));
}

/* The narrowest limit of a group and of those around it. */
static unsigned narrowest(const char *root, const char *group, unsigned (*read)(const char *root, const char *path))
{
	unsigned all = 0, one;
	char path[512];

	(void)snprintf(path, sizeof path, "%s", group);
	for (;;) {
		char *slash;

		one = read(root, path);
		if (one && (!all || one < all))
			all = one;
		slash = strrchr(path, '/');
		if (!slash)
			return all;
		*slash = '\0';
	}
}

/* "0::/system.slice/vmqd.service", or "4:cpu,cpuacct:/vmqd" of the old kind. */
static unsigned read_quota(const char *root, const char *proc)
{
	unsigned all = 0;
	char text[4096], *rest = text, *line;

	if (host_read(text, sizeof text, root, "proc/%s/cgroup", proc) < 0)
		return 0;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *kind = strchr(line, ':'), *path = kind ? strchr(kind + 1, ':') : NULL;
		unsigned one;

		if (!path || path[1] != '/')
			continue;
		*path++ = '\0';
		if (kind[1] == '\0')
			one = narrowest(root, path, group_quota);
		else if (strcmp(kind + 1, "cpu") == 0 || strncmp(kind + 1, "cpu,", 4) == 0)
			one = narrowest(root, path, old_group_quota);
		else
			continue;
		if (one && (!all || one < all))
			all = one;
	}
	return all;
}

bool host_allowed(const char *root, const char *proc, struct host_cpus *out)
{
	static const char key[] = "Cpus_allowed_list:";
	char text[8192], *at;

	if (host_read(text, sizeof text, root, "proc/%s/status", proc) < 0)
		return false;
	at = strstr(text, key);
	if (!at)
		return false;
	at += strlen(key);
	at += strspn(at, "\t ");
	at[strcspn(at, "\n")] = '\0';
	return host_cpus_parse(at, out);
}

void host_topology_read(const char *root, pid_t pid, struct host_topology *out)
{
	char proc[24] = "self";

	memset(out, 0, sizeof *out);
	if (pid)
		(void)snprintf(proc, sizeof proc, "%d", (int)pid);
	read_processors(root, out);
	read_nodes(root, out);
	out->quota_pct = read_quota(root, proc);
	out->allowed_known = host_allowed(root, proc, &out->allowed);
}

bool host_online(const struct host_topology *t, unsigned cpu)
{
	return cpu < t->ncpus && t->cpu[cpu].online;
}

unsigned host_distance(const struct host_topology *t, int a, int b)
{
	if (a < 0 || b < 0 || (unsigned)a >= t->nnodes || (unsigned)b >= t->nnodes)
		return 10;
	return t->distance[a][b];
}

int host_device_node(const char *root, const char *device)
{
	if (!*device || strchr(device, '/'))
		return -1;
	return (int)host_number(-1, root, "sys/class/net/%s/device/numa_node", device);
}
