/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is wrong with a plan (cpu_plan.h), one small function a finding. Each finding is told once a CPU, with the first
 * it concerns and how many more there are: a thousand VPorts on a CPU that is far away are one sentence. Pure
 * functions.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/cpu_plan_priv.h"

#define BUSY 900u /* thousandths of a worker's time: it can take no more */
#define FREE 500u /* it can take a good deal more */

static const char *const names[] = {
#define X(id, name, text) [CPU_CHECK_##id] = name,
	CPU_FINDINGS(X)
#undef X
};

const char *cpu_check_name(enum cpu_check c)
{
	return names[c];
}

struct checking {
	struct cpu_plan *p;
	unsigned load[STACK_MAX_CPUS]; /* expected */
	int rc;
};

/* "VPort web1", "the wire eth1" */
static const char *what(const struct cpu_item *i, char *out, size_t size)
{
	(void)snprintf(out, size, "%s %s", i->kind == CPU_ITEM_WIRE ? "the wire" : "VPort", i->name);
	return out;
}

/* Notes a finding; the sentence. */
static void found(struct checking *c, enum cpu_check check, bool refused, int item, int cpu, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
static void found(struct checking *c, enum cpu_check check, bool refused, int item, int cpu, const char *fmt, ...)
{
	struct cpu_plan *p = c->p;
	struct cpu_finding *f;
	va_list ap;

	if (p->nfindings == p->room) {
		size_t room = p->room ? p->room * 2 : 16;
		struct cpu_finding *more = reallocarray(p->findings, room, sizeof *more);

		if (!more) {
			c->rc = -ENOMEM;
			return;
		}
		p->findings = more;
		p->room = room;
	}
	f = &p->findings[p->nfindings++];
	*f = (struct cpu_finding){ .check = check, .refused = refused, .item = item, .cpu = cpu };
	p->refused |= refused;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
}

static bool on(const struct cpu_plan *p, const struct cpu_item *i, unsigned cpu)
{
	uint16_t cpus[CPU_MAX_QUEUES];
	unsigned n = cpu_item_cpus(p, i, i->to, cpus);

	for (unsigned k = 0; k < n; k++)
		if (cpus[k] == cpu)
			return true;
	return false;
}

/* Who is on a CPU: the first, how many, and the first that is moved there (-1: none). */
struct users {
	int first, moved;
	unsigned n;
};

static struct users users_of(const struct cpu_plan *p, unsigned cpu)
{
	struct users u = { -1, -1, 0 };

	for (size_t i = 0; i < p->nitems; i++) {
		if (!on(p, &p->items[i], cpu))
			continue;
		if (u.n++ == 0)
			u.first = (int)i;
		if (u.moved < 0 && p->items[i].to != p->items[i].cpu)
			u.moved = (int)i;
	}
	return u;
}

/* ---- of one item ---- */

static void check_worker(struct checking *c, size_t i)
{
	const struct cpu_item *item = &c->p->items[i];
	char name[96];

	if (cpu_worker_index(c->p, item->to) < 0)
		found(c, CPU_CHECK_NO_WORKER, item->to != item->cpu, (int)i, (int)item->to,
		      "%s cannot be on CPU %u: it has no worker; the workers' CPUs are those that `cpus` lists",
		      what(item, name, sizeof name), item->to);
}

static void check_queues(struct checking *c, size_t i)
{
	const struct cpu_item *item = &c->p->items[i];
	uint16_t cpus[CPU_MAX_QUEUES];
	unsigned n = cpu_item_cpus(c->p, item, item->to, cpus);

	if (item->queue_pairs > n && cpu_worker_index(c->p, item->to) >= 0)
		found(c, CPU_CHECK_QUEUES, false, (int)i, (int)item->to,
		      "VPort %s has %u queue pairs for %u worker%s: some share a CPU; give it %u, or vmqd more CPUs",
		      item->name, item->queue_pairs, n, n == 1 ? "" : "s", n);
}

/* ---- of one worker ---- */

static void check_usable(struct checking *c, unsigned cpu, const struct users *u)
{
	const struct host_topology *h = c->p->host;
	int item = u->moved >= 0 ? u->moved : u->first;
	char name[96];

	if (!host_online(h, cpu))
		found(c, CPU_CHECK_OFFLINE, u->moved >= 0, item, (int)cpu,
		      "CPU %u, where %s is, is offline: nothing runs there (echo 1 > "
		      "/sys/devices/system/cpu/cpu%u/online)",
		      cpu, what(&c->p->items[item], name, sizeof name), cpu);
	else if (h->allowed_known && !host_cpus_has(&h->allowed, cpu))
		found(c, CPU_CHECK_NOT_ALLOWED, u->moved >= 0, item, (int)cpu,
		      "vmqd may not run on CPU %u, where %s is (its cpuset or affinity): AllowedCPUs= of its unit says "
		      "where",
		      cpu, what(&c->p->items[item], name, sizeof name));
}

static void check_vcpu(struct checking *c, const struct cpu_plan_worker *w, const struct users *u)
{
	const struct cpu_vcpu *v = w->vcpu;
	unsigned cpu = w->cpu;
	int item = u->moved >= 0 ? u->moved : u->first;
	char list[64], name[96];

	if (!v)
		return;
	host_cpus_format(&v->cpus, list, sizeof list);
	found(c, CPU_CHECK_VCPU, w->vcpu_only && u->moved >= 0, item, (int)cpu,
	      "CPU %u, where %s is, is also virtual processor %u's of %s's VM (pinned to %s): they take the CPU from "
	      "each other",
	      cpu, what(&c->p->items[item], name, sizeof name), v->vcpu, v->vport, list);
}

static void check_housekeeping(struct checking *c, const struct cpu_plan_worker *w, const struct users *u)
{
	unsigned cpu = w->cpu;

	if (cpu_is_housekeeping(c->p, cpu))
		found(c, CPU_CHECK_HOUSEKEEPING, false, u->first, (int)cpu,
		      "CPU %u does the kernel's own work (timers, interrupts, what nobody pinned); others are quieter",
		      cpu);
	if (w->not_isolated)
		found(c, CPU_CHECK_NOT_ISOLATED, false, u->first, (int)cpu,
		      "CPU %u is not isolated although others are (isolcpus): anything may be put on it", cpu);
}

static void check_device(struct checking *c, unsigned cpu, bool memory)
{
	const struct host_topology *h = c->p->host;
	int first = -1, where = -1;
	unsigned more = 0, far = 10;
	char name[96], others[32] = "";

	for (size_t i = 0; cpu < h->ncpus && i < c->p->nitems; i++) {
		const struct cpu_item *item = &c->p->items[i];
		int node = memory ? item->memory_node : item->device_node;
		unsigned d = host_distance(h, node, h->cpu[cpu].node);

		if (d <= 10 || !on(c->p, item, cpu))
			continue;
		if (first < 0) {
			first = (int)i;
			far = d;
			where = node;
		} else {
			more++;
		}
	}
	if (first < 0)
		return;
	if (more)
		(void)snprintf(others, sizeof others, " (and %u more)", more);
	found(c, memory ? CPU_CHECK_NUMA_MEMORY : CPU_CHECK_NUMA_DEVICE, false, first, (int)cpu,
	      "%s%s is on CPU %u of node %u, %s is on node %d: each access goes a distance of %u instead of 10",
	      what(&c->p->items[first], name, sizeof name), others, cpu, h->cpu[cpu].node,
	      memory ? "its VM's memory" : "the network device", where, far);
}

/* Hyper-threads that both have something to do. Told once a pair, at its higher CPU. */
static void check_siblings(struct checking *c, unsigned w)
{
	const struct host_topology *h = c->p->host;
	unsigned cpu = c->p->worker[w].cpu;

	for (unsigned o = 0; o < c->p->nworkers; o++) {
		unsigned other = c->p->worker[o].cpu;

		if (other < cpu && cpu < h->ncpus && h->cpu[other].core == h->cpu[cpu].core && c->load[o])
			found(c, CPU_CHECK_SIBLINGS, false, -1, (int)cpu,
			      "the workers of CPU %u and CPU %u are hyper-threads of one core: together they do about "
			      "as much as 1.3",
			      other, cpu);
	}
}

/* ---- of all ---- */

static bool has_adapter_beside(const struct cpu_plan *p, unsigned cpu, const char *adapter)
{
	for (size_t i = 0; i < p->nitems; i++)
		if (p->items[i].kind == CPU_ITEM_WIRE && strcmp(p->items[i].adapter, adapter) != 0 &&
		    on(p, &p->items[i], cpu))
			return true;
	return false;
}

static void check_overlap(struct checking *c)
{
	const struct cpu_plan *p = c->p;
	int idle = -1, hot = -1, cool = -1;

	for (unsigned w = 0; w < p->nworkers; w++) {
		if (!c->load[w])
			idle = p->worker[w].cpu;
		if (p->worker[w].load > BUSY && users_of(p, p->worker[w].cpu).n > 1)
			hot = p->worker[w].cpu;
		if (p->worker[w].load < FREE)
			cool = p->worker[w].cpu;
	}
	for (size_t i = 0; idle >= 0 && i < p->nitems; i++) {
		const struct cpu_item *item = &p->items[i];

		if (item->kind == CPU_ITEM_WIRE && has_adapter_beside(p, item->to, item->adapter)) {
			found(c, CPU_CHECK_OVERLAP, false, (int)i, (int)item->to,
			      "adapter %s's wire shares CPU %u with another adapter's, and CPU %d has nothing to do "
			      "(port.cpu)",
			      item->adapter, item->to, idle);
			return;
		}
	}
	if (hot >= 0 && cool >= 0)
		found(c, CPU_CHECK_OVERLAP, false, -1, hot,
		      "several share CPU %d, which is busy nearly all the time, while CPU %d has time to spare", hot,
		      cool);
}

static void check_quota(struct checking *c)
{
	unsigned quota = c->p->host->quota_pct;

	if (quota && quota < c->p->nworkers * 100)
		found(c, CPU_CHECK_QUOTA, false, -1, -1,
		      "the cgroup may use %u.%02u CPUs, the %u worker%s up to %u: under load all are stopped in the "
		      "middle of their work (CPUQuota=)",
		      quota / 100, quota % 100, c->p->nworkers, c->p->nworkers == 1 ? "" : "s", c->p->nworkers);
}

int cpu_plan_check(struct cpu_plan *p)
{
	struct checking c = { .p = p };

	p->nfindings = 0;
	p->refused = false;
	cpu_plan_prepare(p);
	cpu_expected(p, c.load);
	for (size_t i = 0; i < p->nitems; i++) {
		check_worker(&c, i);
		check_queues(&c, i);
	}
	for (unsigned w = 0; w < p->nworkers; w++) {
		struct users u = users_of(p, p->worker[w].cpu);

		if (!u.n)
			continue;
		check_usable(&c, p->worker[w].cpu, &u);
		check_vcpu(&c, &p->worker[w], &u);
		check_housekeeping(&c, &p->worker[w], &u);
		check_device(&c, p->worker[w].cpu, false);
		check_device(&c, p->worker[w].cpu, true);
		check_siblings(&c, w);
	}
	check_overlap(&c);
	check_quota(&c);
	return c.rc;
}

void cpu_plan_free(struct cpu_plan *p)
{
	free(p->findings);
	p->findings = NULL;
	p->nfindings = p->room = 0;
}
