/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measuring and moving (placement.h). What a VPort costs is not measured itself, because that would cost each frame
 * something: a worker's busy time is divided among those it serves by the frames they had.
 */
#include "vmqd/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmqd/daemon.h"
#include "vmqd/events.h"

#define KEEP_MOVES 256u
#define QUIET	   20u /* thousandths: below it nobody is asked for his frames */

/* Of one VPort, by adapter and id; of the wire at NIC_MAX_VPORTS. */
struct measured {
	uint64_t serial; /* which VPort has had the number; 0: the wire, or none */
	uint64_t frames; /* so far */
	uint64_t lately; /* in the last second, halved each second before */
	uint64_t held;	 /* seconds of CLOCK_MONOTONIC until which it stays where it is */
	unsigned moves;	 /* by automatic placement */
};

struct placement {
	struct daemon *daemon;
	struct host_topology host; /* as vmqd found it */
	int *device_node;	   /* of each adapter's device */
	struct measured *measured; /* adapters × (NIC_MAX_VPORTS + 1) */
	uint64_t busy[NIC_MAX_WORKERS]; /* so far */
	unsigned load[NIC_MAX_WORKERS];
	uint64_t when; /* ns of CLOCK_MONOTONIC of the last look; 0: none */
	bool on;
	struct cpu_auto automatic;
	struct placement_move moves[KEEP_MOVES];
	unsigned nmoves; /* all so far */
};

/* ---- measuring ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Of the VPort that has the number now. */
static struct measured *measured_of(const struct placement *p, size_t adapter, uint32_t id)
{
	struct measured *m = &p->measured[adapter * (NIC_MAX_VPORTS + 1) + id];
	uint64_t serial = nic_vport_serial(p->daemon->adapters[adapter].nic, id);

	if (m->serial != serial)
		*m = (struct measured){ .serial = serial };
	return m;
}

bool placement_look(struct placement *p, const struct nic_worker_stats *w, unsigned n)
{
	uint64_t now = now_ns(), passed = p->when ? now - p->when : 0;
	bool any = false;

	for (unsigned i = 0; i < n; i++) {
		uint64_t share = passed ? (w[i].busy_ns - p->busy[i]) * 1000 / passed : 0;

		p->load[i] = (p->load[i] + (unsigned)(share < 1000 ? share : 1000) + 1) / 2;
		p->busy[i] = w[i].busy_ns;
		any = any || p->load[i] > QUIET;
	}
	p->when = now;
	return any;
}

void placement_count(struct placement *p, size_t adapter, uint32_t id, const struct nic_vport_counters *c)
{
	struct measured *m = measured_of(p, adapter, id);
	uint64_t frames = c->rx_frames + c->tx_frames;

	m->lately = m->lately / 2 + (frames - m->frames);
	m->frames = frames;
}

/* ---- a plan ---- */

static int add_wire(struct placement_plan *pp, const struct adapter *a, struct stack_error *e)
{
	struct cpu_item *more = reallocarray(pp->items, pp->plan.nitems + 1, sizeof *more), *i;

	if (!more)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	pp->items = more;
	i = &more[pp->plan.nitems++];
	*i = (struct cpu_item){
		.kind = CPU_ITEM_WIRE,
		.chosen = true,
		.queue_pairs = 1,
		.id = NIC_MAX_VPORTS,
		.memory_node = -1,
		.cpu = a->cfg->port.cpu,
		.to = a->cfg->port.cpu,
	};
	(void)snprintf(i->name, sizeof i->name, "%s", a->cfg->port.device[0] ? a->cfg->port.device : a->cfg->name);
	(void)snprintf(i->adapter, sizeof i->adapter, "%s", a->cfg->name);
	return 0;
}

/* Each CPU's busy time, divided by frames. */
static void share_load(struct cpu_plan *plan)
{
	uint64_t frames[STACK_MAX_CPUS] = { 0 };
	uint16_t cpus[CPU_MAX_QUEUES], workers[STACK_MAX_CPUS];

	for (unsigned w = 0; w < plan->nworkers; w++)
		workers[w] = plan->worker[w].cpu;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < plan->nitems; i++) {
			struct cpu_item *item = &plan->items[i];
			unsigned n = item->nlist ? cpu_spread(item->list, item->nlist, item->cpu, item->queue_pairs, cpus)
						 : cpu_spread(workers, plan->nworkers, item->cpu, item->queue_pairs, cpus);

			for (unsigned k = 0; k < n; k++) {
				unsigned w = 0;

				while (w < plan->nworkers && workers[w] != cpus[k])
					w++;
				if (pass == 0)
					frames[w] += item->frames / n;
				else if (frames[w])
					item->load += (unsigned)(plan->worker[w].load * (item->frames / n) / frames[w]);
			}
		}
	}
}

int placement_plan(struct placement *p, struct placement_plan *out, struct stack_error *e)
{
	const struct daemon *d = p->daemon;
	struct cpu_plan *plan = &out->plan;
	uint16_t cpus[NIC_MAX_WORKERS];

	*plan = (struct cpu_plan){ .host = out->host ? out->host : &p->host };
	plan->nworkers = nic_engine_cpus(d->engine, cpus);
	for (unsigned w = 0; w < plan->nworkers; w++)
		plan->worker[w] = (struct cpu_plan_worker){ .cpu = cpus[w], .load = p->load[w] };
	for (size_t k = 0; k < d->nadapters; k++) {
		size_t first = plan->nitems;

		if (add_wire(out, &d->adapters[k], e) < 0 ||
		    cpu_items(d->adapters[k].stack, &out->items, &plan->nitems, e) < 0)
			return -1;
		for (size_t i = first; i < plan->nitems; i++) {
			struct cpu_item *item = &out->items[i];

			item->owner = (unsigned)k;
			item->device_node = p->device_node[k];
			if (item->id > NIC_MAX_VPORTS)
				continue;
			item->serial = measured_of(p, k, item->id)->serial;
			item->frames = measured_of(p, k, item->id)->lately;
		}
	}
	plan->items = out->items;
	plan->vcpus = out->vcpus;
	plan->nvcpus = out->nvcpus;
	share_load(plan);
	return 0;
}

void placement_plan_free(struct placement_plan *pp)
{
	cpu_plan_free(&pp->plan);
	free(pp->items);
	free(pp->vcpus);
	free(pp->host);
}

void placement_warn(struct placement *p)
{
	struct placement_plan pp = { .host = NULL };
	struct stack_error e = { .code = STACK_OK };

	if (placement_plan(p, &pp, &e) == 0 && cpu_plan_check(&pp.plan) == 0)
		for (size_t i = 0; i < pp.plan.nfindings; i++)
			log_warn("CPUs: %s: %s", cpu_check_name(pp.plan.findings[i].check), pp.plan.findings[i].text);
	placement_plan_free(&pp);
}

/* ---- moves ---- */

const char *placement_cause_name(enum placement_cause c)
{
	static const char *const names[] = {
#define X(id, name) [PLACEMENT_##id] = name,
		PLACEMENT_CAUSES(X)
#undef X
	};

	return names[c];
}

const struct placement_move *placement_moves(const struct placement *p, unsigned i)
{
	unsigned known = p->nmoves < KEEP_MOVES ? p->nmoves : KEEP_MOVES;

	return i < known ? &p->moves[(p->nmoves - known + i) % KEEP_MOVES] : NULL;
}

void placement_reason(const struct cpu_plan *p, size_t i, enum placement_cause cause, char *out, size_t size)
{
	const struct cpu_item *item = &p->items[i];

	if (cause == PLACEMENT_UNDO)
		(void)snprintf(out, size, "it was there before it was moved");
	else if (cause == PLACEMENT_BACK)
		(void)snprintf(out, size, "it had much fewer frames on CPU %u, and CPU %u was as busy as before", item->cpu,
			       item->to);
	else
		cpu_plan_reason(p, i, out, size);
}

static void remember(struct placement *p, const struct placement_plan *pp, size_t i, enum placement_cause cause)
{
	const struct cpu_item *item = &pp->plan.items[i];
	struct placement_move *m = &p->moves[p->nmoves++ % KEEP_MOVES];

	*m = (struct placement_move){ .cause = cause, .from = item->cpu, .to = item->to };
	(void)clock_gettime(CLOCK_REALTIME, &m->time);
	memcpy(m->vport, item->name, sizeof m->vport);
	memcpy(m->adapter, item->adapter, sizeof m->adapter);
	placement_reason(&pp->plan, i, cause, m->reason, sizeof m->reason);
	log_info("VPort %s: moved from CPU %u to CPU %u (%s): %s", m->vport, m->from, m->to,
		 placement_cause_name(cause), m->reason);
	events_moved(item->vport, m->from, m->to, placement_cause_name(cause), m->reason);
}

int placement_apply(struct placement *p, const struct placement_plan *pp, enum placement_cause cause,
		    struct stack_error *e)
{
	const struct cpu_plan *plan = &pp->plan;

	if (cpu_apply(plan, e) < 0)
		return -1;
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct cpu_item *item = &plan->items[i];
		struct measured *m;

		if (item->to == item->cpu)
			continue;
		remember(p, pp, i, cause);
		m = measured_of(p, item->owner, item->id);
		m->moves += cause == PLACEMENT_BACK ? 3 : 1; /* what did not pay is not tried again soon */
		m->held = now_ns() / 1000000000u + cpu_auto_hold(m->moves);
	}
	return 0;
}

/* ---- automatic ---- */

struct holding {
	const struct placement *p;
	const struct placement_plan *pp;
	uint64_t now; /* seconds */
};

static bool held(void *ctx, size_t i)
{
	const struct holding *h = ctx;
	const struct cpu_item *item = &h->pp->items[i];

	return measured_of(h->p, item->owner, item->id)->held > h->now;
}

void placement_step(struct placement *p, struct placement_plan *pp)
{
	struct cpu_auto at_once = { .back = false };
	struct holding h = { p, pp, now_ns() / 1000000000u };

	(void)cpu_auto_step(&at_once, &pp->plan, held, &h, true);
}

static void step(struct placement *p)
{
	struct holding h = { .p = p, .now = now_ns() / 1000000000u };
	struct placement_plan pp = { 0 };
	struct stack_error e = { 0 };
	int rc = placement_plan(p, &pp, &e);

	h.pp = &pp;
	if (rc == 0 && cpu_auto_step(&p->automatic, &pp.plan, held, &h, false) >= 0)
		rc = placement_apply(p, &pp, p->automatic.back ? PLACEMENT_BACK : PLACEMENT_AUTO, &e);
	if (rc < 0)
		log_warn("automatic placement: %s", e.err.text);
	placement_plan_free(&pp);
}

void placement_decide(struct placement *p)
{
	if (p->on && cpu_auto_due(&p->automatic, p->load, p->daemon->cfg->ncpus))
		step(p);
}

bool placement_auto(const struct placement *p)
{
	return p->on;
}

void placement_set_auto(struct placement *p, bool on)
{
	if (p->on != on)
		log_info("automatic placement: %s", on ? "on" : "off");
	p->on = on;
	p->automatic = (struct cpu_auto){ .back = false };
}

/* ---- its life ---- */

int placement_create(struct daemon *d, struct placement **out, struct vmq_err *err)
{
	struct placement *p = calloc(1, sizeof *p);

	if (!p)
		return vmq_err(err, -1, "out of memory");
	p->daemon = d;
	p->on = d->cfg->cpu_auto;
	p->device_node = calloc(d->cfg->nadapters, sizeof *p->device_node);
	p->measured = calloc(d->cfg->nadapters * (NIC_MAX_VPORTS + 1), sizeof *p->measured);
	if (!p->device_node || !p->measured) {
		placement_destroy(p);
		return vmq_err(err, -1, "out of memory");
	}
	host_topology_read("", 0, &p->host);
	for (size_t i = 0; i < d->cfg->nadapters; i++)
		p->device_node[i] = host_device_node("", d->cfg->adapters[i].port.device);
	*out = p;
	return 0;
}

void placement_destroy(struct placement *p)
{
	if (!p)
		return;
	free(p->device_node);
	free(p->measured);
	free(p);
}
