/* SPDX-License-Identifier: BSD-3-Clause */
/* The one reading of counters, and who is told of it (look.h). */
#include "vmqd/look.h"

#include <time.h>

#include "vmqd/daemon.h"
#include "vmqd/lately.h"

uint64_t look_now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

void look_at_vport(const struct adapter *a, uint32_t id, struct nic_vport_counters *c)
{
	bool is_there = nic_vport_counters(a->nic, id, c) == 0;
	struct lately_counted now;

	now.serial = nic_vport_serial(a->nic, id);
	now.c = c;
	now.port = NULL;
	now.npairs = nic_vport_rx_by_pair(a->nic, id, now.rx_by_pair);
	lately_note(a->lately, id, is_there ? &now : NULL);
}

void look_at_wire(const struct adapter *a, struct nic_vport_counters *c, struct port_counters *p)
{
	struct lately_counted now = { .c = c, .port = p };

	*p = (struct port_counters){ 0 };
	nic_wire_counters(a->nic, c);
	a->wire->ops->counters(a->wire, p);
	lately_note(a->lately, LATELY_WIRE, &now);
}

static void look_at_adapter(const struct daemon *d, size_t k, bool busy)
{
	const struct adapter *a = &d->adapters[k];
	struct nic_vport_counters c;
	struct port_counters p;

	for (uint32_t id = 0; id < NIC_MAX_VPORTS; id++) {
		look_at_vport(a, id, &c);
		if (busy)
			placement_count(d->placement, k, id, &c);
	}
	look_at_wire(a, &c, &p);
	if (busy)
		placement_count(d->placement, k, NIC_MAX_VPORTS, &c);
}

void look_at_all(struct daemon *d)
{
	struct nic_worker_stats w[NIC_MAX_WORKERS];
	unsigned n = nic_engine_stats(d->engine, w, NIC_MAX_WORKERS);
	bool busy = placement_look(d->placement, w, n);
	uint64_t now = look_now_s(), turns = 0;

	for (unsigned i = 0; i < n; i++)
		turns += w[i].turns;
	for (size_t k = 0; k < d->nadapters; k++) {
		lately_time(d->adapters[k].lately, now);
		if (busy || turns != d->turns)
			look_at_adapter(d, k, busy);
	}
	d->turns = turns;
	if (busy)
		placement_decide(d->placement);
}
