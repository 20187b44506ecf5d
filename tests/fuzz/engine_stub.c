/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine_stub.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nic/nic_priv.h"

#define TURNS_MAX 256 /* more than all takes: 64 frames of 64 KiB go at RING_QUANTUM a turn, which is 86 turns */

unsigned stub_broken;

static struct worker *new_worker(struct nic_engine *e, uint16_t index)
{
	struct worker *w = aligned_alloc(64, sizeof *w);

	MUST(w);
	memset(w, 0, sizeof *w);
	w->engine = e;
	w->index = index;
	w->cpu = index;
	w->wake_wait.kind = WAIT_INBOX;
	w->queue_cap = NIC_MAX_VPORTS * NIC_MAX_QUEUE_PAIRS;
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->queues = calloc(w->queue_cap, sizeof(void *));
	w->tx_notify = calloc(w->queue_cap, sizeof(void *));
	w->rx_notify = calloc(w->queue_cap, sizeof *w->rx_notify);
	w->rx_due = SLEEP_FOR_EVER;
	w->held = calloc(w->queue_cap, sizeof *w->held);
	w->held_due = SLEEP_FOR_EVER;
	w->refs = aligned_alloc(64, WORKER_REFS * sizeof w->refs[0]);
	w->free_refs = calloc(WORKER_REFS, sizeof w->free_refs[0]);
	MUST(w->epfd >= 0 && w->wakefd >= 0 && w->queues && w->tx_notify && w->rx_notify && w->held && w->refs && w->free_refs);
	for (unsigned i = 0; i < STUB_WORKERS; i++)
		MUST(inbox_init(&w->inbox[i]) && spsc_init(&w->returns[i], RETURNS_SLOTS));
	MUST(spsc_init(&w->commands, 64));
	memset(w->refs, 0, WORKER_REFS * sizeof w->refs[0]);
	for (unsigned i = 0; i < WORKER_REFS; i++)
		w->free_refs[w->nfree_refs++] = &w->refs[i];
	return w;
}

struct nic_engine *stub_engine(void)
{
	static struct nic_engine *e;

	if (e)
		return e;
	e = calloc(1, sizeof *e);
	MUST(e);
	e->cycles_per_us = 1000;
	e->event_fd = -1;
	e->nworkers = STUB_WORKERS;
	for (uint16_t i = 0; i < STUB_WORKERS; i++)
		e->w[i] = new_worker(e, i);
	return e;
}

static void poll_queues(struct worker *w)
{
	for (unsigned i = 0; i < w->nqueues && !w->drain && !w->hold; i++) {
		struct nic_queue *q = w->queues[i];

		burst_make_room(w);
		if (q->stopping || q->tx.broken)
			continue;
		(void)ingress_queue(w, q);
		if (q->tx.broken) {
			burst_finish(w);
			engine_report_broken(w, q);
		}
	}
}

void stub_worker_turn(unsigned index)
{
	struct worker *w = stub_engine()->w[index];

	w->now += 1000; /* a microsecond */
	(void)arrive_inboxes(w);
	(void)handover_returns(w);
	if (w->drain && w->nfree_refs == WORKER_REFS)
		w->drain = false;
	for (unsigned i = 0; i < w->nports && !w->drain; i++)
		if (!w->ports[i]->stopping)
			(void)ingress_port(w, w->ports[i]);
	burst_finish(w);
	do
		poll_queues(w);
	while (burst_room(w) == 0 && burst_goes_on(w));
	burst_finish(w);
	notify_flush(w, true);
	handover_publish(w);
	w->wake_mask = 0;
	w->turn++;
}

void stub_turn(void)
{
	for (unsigned i = 0; i < STUB_WORKERS; i++)
		stub_worker_turn(i);
}

static bool idle(const struct worker *w)
{
	for (unsigned i = 0; i < STUB_WORKERS; i++)
		if (!spsc_empty(&w->inbox[i].ends) || !spsc_empty(&w->returns[i]))
			return false;
	return w->nfree_refs == WORKER_REFS && w->under_way == 0;
}

void stub_settle(void)
{
	unsigned turns = 0;

	do {
		stub_turn();
		MUST(++turns < TURNS_MAX);
	} while (!idle(stub_engine()->w[0]) || !idle(stub_engine()->w[1]));
}

void stub_check_empty(void)
{
	for (unsigned i = 0; i < STUB_WORKERS; i++) {
		struct worker *w = stub_engine()->w[i];

		MUST(idle(w) && w->nqueues == 0 && w->nports == 0 && w->nframes == 0 && w->nclassified == 0 && w->ndeliver == 0 && w->nrows == 0 &&
		     w->ntx_notify == 0 && w->nrx_notify == 0);
		w->hold = false; /* an input may have drained them */
	}
}

/* ---- what src/nic/engine.c is to the rest of the room ---- */

int nic_engine_hold(struct nic_engine *e, bool on)
{
	for (unsigned i = 0; i < e->nworkers; i++)
		e->w[i]->hold = on;
	return 0;
}

struct worker *engine_worker(const struct nic_engine *e, unsigned cpu)
{
	return cpu < e->nworkers ? e->w[cpu] : NULL;
}

int engine_command(struct worker *w, const struct command *what)
{
	struct command c = *what;
	unsigned turns = 0;

	while (!c.run(w, &c)) {
		stub_turn();
		MUST(++turns < TURNS_MAX);
	}
	return 0;
}

void nic_retire(struct nic_engine *e, void *p)
{
	(void)e;
	free(p); /* nobody reads between two turns */
}

int nic_quiesce(struct nic_engine *e)
{
	(void)e;
	stub_turn();
	return 0;
}

void engine_report_broken(struct worker *w, struct nic_queue *q)
{
	(void)w;
	if (q->told_broken)
		return;
	q->told_broken = true;
	stub_broken++;
	MUST(q->rx.broken || q->tx.broken);
}

void nic_engine_poll_events(struct nic_engine *e)
{
	(void)e;
}

unsigned nic_engine_cpus(const struct nic_engine *e, uint16_t cpus[NIC_MAX_WORKERS])
{
	for (unsigned i = 0; i < e->nworkers; i++)
		cpus[i] = e->w[i]->cpu;
	return e->nworkers;
}

bool nic_engine_has_cpu(const struct nic_engine *e, unsigned cpu)
{
	return cpu < e->nworkers;
}

int nic_engine_set_policy(struct nic_engine *e, unsigned cpu, enum nic_policy policy)
{
	(void)policy;
	return nic_engine_has_cpu(e, cpu) ? 0 : -ENOENT;
}

int nic_engine_set_light_sleep(struct nic_engine *e, unsigned cpu, enum nic_light_sleep mode)
{
	(void)mode;
	return nic_engine_has_cpu(e, cpu) ? 0 : -ENOENT;
}

unsigned nic_engine_stats(const struct nic_engine *e, struct nic_worker_stats *s, unsigned max)
{
	unsigned n = e->nworkers < max ? e->nworkers : max;

	for (unsigned i = 0; i < n; i++)
		s[i] = (struct nic_worker_stats){ .cpu = e->w[i]->cpu, .sleep = NIC_SLEEP_NO_FILE, .frames = e->w[i]->frames };
	return n;
}

/* ---- the port ---- */

static int rx_fd(const struct port *p)
{
	return ((const struct stub_port *)p)->fd;
}

static unsigned rx_burst(struct port *port, struct port_frame *f, unsigned n)
{
	struct stub_port *p = (struct stub_port *)port;

	if (!p->in || n == 0)
		return 0;
	*f = (struct port_frame){ .data = p->copy, .len = p->in_len, .cookie = p->in_len };
	memcpy(p->copy, p->in, p->in_len);
	memset(p->copy + p->in_len, 0xEE, sizeof p->copy - p->in_len);
	if (p->in_tagged) {
		f->flags = PORT_FRAME_VLAN;
		f->vlan_tci = p->in_tci;
	}
	p->in = NULL;
	p->held++;
	return 1;
}

static void rx_release(struct port *port, const struct port_frame *f, unsigned n)
{
	struct stub_port *p = (struct stub_port *)port;

	MUST(n == 1 && f->cookie == p->in_len && p->held == 1);
	p->held = 0;
}

static unsigned tx_burst(struct port *port, const struct port_tx_frame *f, unsigned n)
{
	struct stub_port *p = (struct stub_port *)port;

	for (unsigned i = 0; i < n; i++) {
		uint64_t len = 0;
		volatile uint8_t last = 0;

		for (uint32_t k = 1; k <= f[i].iovcnt; k++) {
			const uint8_t *bytes = f[i].iov[k].iov_base;

			for (size_t b = 0; b < f[i].iov[k].iov_len; b++)
				last = bytes[b];
			len += f[i].iov[k].iov_len;
		}
		(void)last;
		MUST(len == f[i].len && len >= 14 && len <= PORT_MAX_FRAME + 4);
		p->sent++;
	}
	return n;
}

static void tx_flush(struct port *p)
{
	(void)p;
}

static const char *describe(struct port *p)
{
	(void)p;
	return "stub";
}

static void counters(const struct port *p, struct port_counters *out)
{
	(void)p;
	*out = (struct port_counters){ 0 };
}

static bool link_up(const struct port *p)
{
	(void)p;
	return true;
}

static bool address(const struct port *p, uint8_t mac[6], unsigned *mtu)
{
	(void)p;
	memcpy(mac, "\x02\0\0\0\0\1", 6);
	*mtu = 1500;
	return true;
}

void stub_port_init(struct stub_port *p)
{
	static const struct port_ops ops = { .name = "stub",
					     .rx_fd = rx_fd,
					     .rx_burst = rx_burst,
					     .rx_release = rx_release,
					     .tx_burst = tx_burst,
					     .tx_flush = tx_flush,
					     .describe = describe,
					     .counters = counters,
					     .link_up = link_up,
					     .address = address };

	*p = (struct stub_port){ .port.ops = &ops, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	MUST(p->fd >= 0);
}
