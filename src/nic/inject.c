/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame of control's own in a VPort's name. It enters a worker's burst through a source that receives nothing by
 * itself and lives for this one frame. Control thread; the command runs in the worker.
 */
#include <errno.h>

#include "nic/nic_priv.h"

struct injection {
	struct port_source source; /* first: its address is the frame's source */
	struct port port;
	uint8_t data[NIC_INJECT_MAX];
	uint32_t len;
	bool entered;
};

static void release(struct port *p, const struct port_frame *f, unsigned n)
{
	(void)p;
	(void)f;
	(void)n;
}

static const struct port_ops inject_ops = { .name = "inject", .rx_release = release };

/* First turn: into the burst, which is finished at once; then until no other worker holds it. */
static bool cmd_inject(struct worker *w, struct command *c)
{
	struct injection *i = c->arg;

	if (!i->entered) {
		burst_finish(w);
		ingress_inject(w, &i->source, i->data, i->len);
		burst_finish(w);
		i->entered = true;
	}
	return i->source.inflight == 0;
}

int nic_inject(struct nic *n, uint32_t vport, const void *frame, unsigned len)
{
	struct nic_vport *v = vport_of(n, vport);
	struct injection *i;
	struct worker *w;
	int rc;

	if (!v)
		return -ENOENT;
	if (len < 14 || len > NIC_INJECT_MAX)
		return -EINVAL;
	i = calloc(1, sizeof *i);
	if (!i)
		return -ENOMEM;
	w = engine_worker(n->engine, v->cpu);
	i->port.ops = &inject_ops;
	i->source.port = &i->port;
	i->source.nic = n;
	i->source.vport = v;
	i->source.worker = w;
	i->source.cnt = vport_counters(v, w);
	i->len = len;
	memcpy(i->data, frame, len);
	rc = engine_command(w, &(struct command){ .run = cmd_inject, .arg = i });
	if (rc != -ETIMEDOUT) /* else the worker may still use it */
		free(i);
	return rc;
}
