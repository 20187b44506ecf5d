/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An adapter's data path as a whole: made, ended, its wire and host ports. Control thread.
 */
#include "nic/nic.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "nic/nic_priv.h"

int nic_create(struct nic_engine *e, const struct nic_config *cfg, struct nic **out, struct vmq_err *err)
{
	struct nic *n = calloc(1, sizeof *n);
	size_t counters = e->nworkers * sizeof n->wire_cnt[0];

	if (!n)
		return vmq_err(err, -ENOMEM, "no memory for adapter %s", cfg->name);
	n->engine = e;
	n->event = cfg->event;
	n->ctx = cfg->ctx;
	(void)snprintf(n->name, sizeof n->name, "%s", cfg->name);
	n->filters = filter_table_new(0);
	n->by_id = calloc(NIC_MAX_FILTERS + 1, sizeof n->by_id[0]);
	n->wire_cnt = aligned_alloc(64, counters);
	if (!n->filters || !n->by_id || !n->wire_cnt) {
		free(n->filters);
		free(n->by_id);
		free(n->wire_cnt);
		free(n);
		return vmq_err(err, -ENOMEM, "no memory for adapter %s", cfg->name);
	}
	memset(n->wire_cnt, 0, counters);
	*out = n;
	return 0;
}

void nic_destroy(struct nic *n)
{
	n->event = NULL;
	nic_engine_poll_events(n->engine); /* none may name it afterwards */
	(void)nic_quiesce(n->engine);
	free(n->filters);
	free(n->by_id);
	free(n->wire_cnt);
	free(n);
}

/* ---- ports ---- */

static bool cmd_adopt(struct worker *w, struct command *c)
{
	worker_add_port(w, c->arg);
	return true;
}

static bool let_go(struct worker *w, struct port_source *s)
{
	if (!s->adopted) /* on its way to us */
		return false;
	s->stopping = true;
	if (s->inflight)
		return false;
	egress_flush(w, s);
	worker_remove_port(w, s);
	return true;
}

static bool cmd_stop(struct worker *w, struct command *c)
{
	return let_go(w, c->arg);
}

static struct counters *source_counters(const struct port_source *s, const struct worker *w)
{
	return s->vport ? vport_counters(s->vport, w) : &s->nic->wire_cnt[w->index];
}

static bool cmd_move(struct worker *w, struct command *c)
{
	struct port_source *s = c->arg;
	struct worker *to = c->arg2;

	if (!s->let_go && !let_go(w, s))
		return false;
	s->cnt = source_counters(s, to);
	if (!handover_port(w, to, s))
		return false;
	__atomic_store_n(&s->worker, to, __ATOMIC_RELEASE);
	return true;
}

int port_source_move(struct port_source *s, struct worker *to)
{
	return s->worker == to ? 0 : engine_command(s->worker, &(struct command){ .run = cmd_move, .arg = s, .arg2 = to });
}

static int source_start(struct nic *n, struct nic_vport *v, struct port *p, struct worker *w, struct port_source **out,
			struct vmq_err *err)
{
	struct port_source *s = calloc(1, sizeof *s);
	int rc;

	if (!s)
		return vmq_err(err, -ENOMEM, "no memory for port %s", p->ops->name);
	s->wait.kind = WAIT_PORT;
	s->port = p;
	s->nic = n;
	s->vport = v;
	s->worker = w;
	s->cnt = source_counters(s, w);
	rc = engine_command(w, &(struct command){ .run = cmd_adopt, .arg = s });
	if (rc < 0)
		return vmq_err(err, rc, "port %s: CPU %u did not answer in %d ms", p->ops->name, w->cpu, NIC_WAIT_MS);
	__atomic_store_n(out, s, __ATOMIC_RELEASE);
	return 0;
}

static int source_stop(struct nic *n, struct port_source **at)
{
	struct port_source *s = *at;
	int rc;

	if (!s)
		return -ENOENT;
	__atomic_store_n(at, NULL, __ATOMIC_RELEASE);
	rc = nic_quiesce(n->engine);
	if (rc == 0)
		rc = engine_command(s->worker, &(struct command){ .run = cmd_stop, .arg = s });
	if (rc == 0)
		free(s);
	return rc;
}

int nic_wire_attach(struct nic *n, struct port *p, unsigned cpu, struct vmq_err *err)
{
	struct worker *w = engine_worker(n->engine, cpu);

	if (!w)
		return vmq_err(err, -EINVAL, "port.cpu: no worker runs on CPU %u", cpu);
	if (n->wire)
		return vmq_err(err, -EBUSY, "adapter %s has its physical port already", n->name);
	return source_start(n, NULL, p, w, &n->wire, err);
}

int nic_wire_detach(struct nic *n)
{
	return source_stop(n, &n->wire);
}

int nic_vport_attach_port(struct nic *n, uint32_t id, struct port *p, struct vmq_err *err)
{
	struct nic_vport *v = vport_of(n, id);

	if (!v)
		return vmq_err(err, -ENOENT, "VPortId: there is no VPort %u", id);
	if (v->host)
		return vmq_err(err, -EBUSY, "VPort %u has its host device already", id);
	for (unsigned i = 0; i < NIC_MAX_QUEUE_PAIRS; i++)
		if (v->started[i])
			return vmq_err(err, -EBUSY, "VPort %u serves a VM", id);
	return source_start(n, v, p, engine_worker(n->engine, v->cpu), &v->host, err);
}

int nic_vport_detach_port(struct nic *n, uint32_t id)
{
	struct nic_vport *v = vport_of(n, id);

	return v ? source_stop(n, &v->host) : -ENOENT;
}

/* ---- counters ---- */

void counters_add(struct nic_vport_counters *sum, const struct counters *c)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)&c->c;

	_Static_assert(sizeof *sum % sizeof(uint64_t) == 0, "counters are words");
	for (size_t i = 0; i < sizeof *sum / sizeof(uint64_t); i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void nic_wire_counters(const struct nic *n, struct nic_vport_counters *out)
{
	*out = (struct nic_vport_counters){ 0 };
	for (unsigned i = 0; i < n->engine->nworkers; i++)
		counters_add(out, &n->wire_cnt[i]);
}
