/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queue pairs, given by the vhost room and taken back: start, stop, another CPU, other descriptors, another log.
 * Control thread; what has to happen between two bursts is a command to the ring's worker.
 */
#include "nic/nic_priv.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"

static struct nic_queue *started(const struct nic *n, uint32_t vport, unsigned qp)
{
	const struct nic_vport *v = vport_of(n, vport);

	return v && qp < NIC_MAX_QUEUE_PAIRS ? v->started[qp] : NULL;
}

static struct virtqueue_config ring_config(const struct nic_queue_config *c, const struct nic_ring_config *r, uint64_t used_gpa,
					   uint64_t event_gpa)
{
	return (struct virtqueue_config){
		.desc = r->desc,
		.avail = r->avail,
		.used = r->used,
		.size = r->size,
		.last_avail = r->last_avail,
		.mem = c->mem,
		.features = c->features,
		.log = c->dirty_log,
		.log_size = c->dirty_log_size,
		.used_gpa = used_gpa,
		.event_gpa = event_gpa,
		.kick_fd = r->kick_fd,
		.call_fd = r->call_fd,
		.err_fd = r->err_fd,
	};
}

static bool cmd_adopt(struct worker *w, struct command *c)
{
	struct nic_queue *q = c->arg;

	count(&q->cnt->c.drops[NIC_DROP_TX_RESTART], q->unsent);
	worker_add_queue(w, q);
	return true;
}

/* The driver may wait for an interrupt that whoever served the ring before it did not come to send. */
static void call_if_resumed(const struct virtqueue *vq)
{
	const uint64_t one = 1;

	if (vq->used_idx != (vq->packed ? PACKED_WRAP : 0) && vq->call_fd >= 0 && write(vq->call_fd, &one, sizeof one) < 0 &&
	    errno != EAGAIN)
		log_debug("a ring's interrupt descriptor: %d", errno);
}

/* What was in hand when the process before this one was killed. Its frames may have gone or not: they are not sent again. */
static void recover(struct nic_queue *q, const struct nic_queue_config *cfg)
{
	if (cfg->rx.inflight)
		(void)virtqueue_keep_inflight(&q->rx, cfg->rx.inflight, true);
	if (cfg->tx.inflight)
		q->unsent = virtqueue_keep_inflight(&q->tx, cfg->tx.inflight, false);
	call_if_resumed(&q->rx);
	call_if_resumed(&q->tx);
}

int nic_queue_start(struct nic *n, uint32_t vport, unsigned qp, const struct nic_queue_config *cfg, struct vmq_err *err)
{
	struct nic_vport *v = vport_of(n, vport);
	struct virtqueue_config rx = ring_config(cfg, &cfg->rx, cfg->rx_used_gpa, cfg->rx_event_gpa);
	struct virtqueue_config tx = ring_config(cfg, &cfg->tx, cfg->tx_used_gpa, cfg->tx_event_gpa);
	struct nic_queue *q;
	struct worker *w;
	int rc;

	if (!v || qp >= v->queue_pairs)
		return vmq_err(err, -ENOENT, "VPort %u has no queue pair %u", vport, qp);
	if (v->started[qp] || v->host)
		return vmq_err(err, -EBUSY, "queue pair %u of VPort %u is in use already", qp, vport);
	q = aligned_alloc(64, (sizeof *q + 63) & ~(size_t)63);
	if (!q)
		return vmq_err(err, -ENOMEM, "no memory for queue pair %u of VPort %u", qp, vport);
	*q = (struct nic_queue){ .wait.kind = WAIT_QUEUE, .vport = v, .nic = n, .qp = qp, .slot = QUEUE_NOT_ADOPTED, .call_seen = UINT32_MAX };
	q->sends = (uint8_t)offload_sent(cfg->features);
	q->takes = (uint8_t)offload_taken(cfg->features);
	if (virtqueue_init(&q->rx, &rx) < 0 || virtqueue_init(&q->tx, &tx) < 0) {
		free(q);
		return vmq_err(err, -EINVAL, "ring size: %u and %u given; 1 to 32768 is possible, for split rings a power of two", rx.size, tx.size);
	}
	if (cfg->features & 1ull << VIRTIO_F_IN_ORDER && virtqueue_keep_order(&q->tx) < 0) {
		free(q);
		return vmq_err(err, -ENOMEM, "no memory for queue pair %u of VPort %u", qp, vport);
	}
	recover(q, cfg);
	w = v->pair_worker[qp] ? v->pair_worker[qp] : engine_worker(n->engine, v->cpu);
	q->worker = w;
	q->cnt = vport_counters(v, w);
	virtqueue_kicks_off(&q->rx); /* posted buffers are looked for when a frame comes */
	v->started[qp] = q; /* also when the worker does not answer in time: it may still take the ring, so it must be stopped */
	rc = engine_command(w, &(struct command){ .run = cmd_adopt, .arg = q });
	if (rc < 0)
		return vmq_err(err, rc, "VPort %u: CPU %u did not answer in %d ms", vport, w->cpu, NIC_WAIT_MS);
	bypass_publish(v, qp, q);
	vport_deal(v, NIC_NO_PAIR);
	return 0;
}

/* The ring leaves the worker: nothing more is taken from it, and nothing of it is at other workers. */
static bool let_go(struct worker *w, struct nic_queue *q)
{
	if (q->slot == QUEUE_NOT_ADOPTED) /* on its way to us */
		return false;
	q->stopping = true;
	if (q->inflight)
		return false;
	notify_flush(w, true);
	worker_remove_queue(w, q);
	return true;
}

static bool cmd_stop(struct worker *w, struct command *c)
{
	return let_go(w, c->arg);
}

/* The worker adds to them meanwhile, whole words. */
static void add_totals(struct nic_queue_counters *sum, const struct nic_queue *q)
{
	sum->rx_frames += __atomic_load_n(&q->total.rx_frames, __ATOMIC_RELAXED);
	sum->rx_bytes += __atomic_load_n(&q->total.rx_bytes, __ATOMIC_RELAXED);
	sum->tx_frames += __atomic_load_n(&q->total.tx_frames, __ATOMIC_RELAXED);
	sum->tx_bytes += __atomic_load_n(&q->total.tx_bytes, __ATOMIC_RELAXED);
}

int nic_queue_stop(struct nic *n, uint32_t vport, unsigned qp, uint16_t *rx_base, uint16_t *tx_base)
{
	struct nic_queue *q = started(n, vport, qp);
	int rc;

	if (!q)
		return -ENOENT;
	vport_deal(q->vport, qp);
	bypass_publish(q->vport, qp, NULL);
	rc = nic_quiesce(n->engine);
	if (rc == 0)
		rc = engine_command(q->worker, &(struct command){ .run = cmd_stop, .arg = q });
	if (rc < 0)
		return rc; /* it stays allocated: a worker may still use it */
	q->vport->started[qp] = NULL;
	add_totals(&q->vport->past[qp], q);
	*rx_base = q->rx.last_avail;
	*tx_base = q->tx.last_avail;
	if (q->rx.inflight)
		virtqueue_settle(&q->rx);
	if (q->tx.inflight)
		virtqueue_settle(&q->tx);
	virtqueue_fini(&q->tx);
	free(q);
	return 0;
}

static bool cmd_move(struct worker *w, struct command *c)
{
	struct nic_queue *q = c->arg;
	struct worker *to = c->arg2;

	if (q->slot != QUEUE_LET_GO && !let_go(w, q))
		return false;
	q->cnt = vport_counters(q->vport, to);
	if (!handover_queue(w, to, q)) /* its inbox is full: next turn */
		return false;
	/* from here on frames for the ring go to the other worker; what is still in our inbox follows it */
	__atomic_store_n(&q->worker, to, __ATOMIC_RELEASE);
	return true;
}

int queue_move(struct nic_queue *q, struct worker *to)
{
	struct worker *now = __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE);

	return now == to ? 0 : engine_command(now, &(struct command){ .run = cmd_move, .arg = q, .arg2 = to });
}

static bool cmd_fds(struct worker *w, struct command *c)
{
	struct nic_queue *q = c->arg;
	const int *fd = c->data.fd;

	if (q->slot == QUEUE_NOT_ADOPTED)
		return false;
	worker_remove_queue(w, q); /* the epoll set follows the kick descriptor */
	q->rx.kick_fd = fd[0];
	q->rx.call_fd = fd[1];
	q->tx.kick_fd = fd[2];
	q->tx.call_fd = fd[3];
	worker_add_queue(w, q);
	return true;
}

int nic_queue_set_fds(struct nic *n, uint32_t vport, unsigned qp, int rx_kick, int rx_call, int tx_kick, int tx_call)
{
	struct nic_queue *q = started(n, vport, qp);
	const struct command c = { .run = cmd_fds, .arg = q, .data.fd = { rx_kick, rx_call, tx_kick, tx_call } };

	return q ? engine_command(q->worker, &c) : -ENOENT;
}

static bool cmd_log(struct worker *w, struct command *c)
{
	struct nic_queue *q = c->arg;

	(void)w;
	q->rx.log = q->tx.log = c->data.log.log;
	q->rx.log_size = q->tx.log_size = c->data.log.size;
	return true;
}

int nic_queue_set_log(struct nic *n, uint32_t vport, unsigned qp, uint8_t *log, uint64_t size)
{
	struct nic_queue *q = started(n, vport, qp);
	const struct command c = { .run = cmd_log, .arg = q, .data.log = { log, size } };

	return q ? engine_command(q->worker, &c) : -ENOENT;
}

int nic_queue_info(const struct nic *n, uint32_t vport, unsigned qp, struct nic_queue_info *out)
{
	const struct nic_vport *v = vport_of(n, vport);
	const struct nic_queue *q = started(n, vport, qp);

	*out = (struct nic_queue_info){ 0 };
	if (!v || qp >= v->queue_pairs)
		return -ENOENT;
	out->cpu = v->pair_worker[qp] ? v->pair_worker[qp]->cpu : v->cpu;
	out->count = v->past[qp];
	if (!q)
		return 0;
	add_totals(&out->count, q);
	out->held = __atomic_load_n(&q->held, __ATOMIC_RELAXED) != 0;
	out->started = true;
	out->broken_reason = __atomic_load_n(&q->rx.broken, __ATOMIC_ACQUIRE);
	if (!out->broken_reason)
		out->broken_reason = __atomic_load_n(&q->tx.broken, __ATOMIC_ACQUIRE);
	out->broken = out->broken_reason != NULL;
	out->rx_size = q->rx.size;
	out->tx_size = q->tx.size;
	if (!q->rx.packed) /* a packed ring has no index that tells */
		out->rx_free = (uint16_t)(__atomic_load_n(&q->rx.avail->idx, __ATOMIC_RELAXED) -
					  __atomic_load_n(&q->rx.used->idx, __ATOMIC_RELAXED));
	if (out->rx_free > q->rx.size)
		out->rx_free = 0;
	return 0;
}

unsigned nic_vport_rx_by_pair(const struct nic *n, uint32_t vport, uint64_t rx[NIC_MAX_QUEUE_PAIRS])
{
	const struct nic_vport *v = vport_of(n, vport);

	for (unsigned qp = 0; v && qp < v->queue_pairs; qp++) {
		struct nic_queue_counters c = v->past[qp];

		if (v->started[qp])
			add_totals(&c, v->started[qp]);
		rx[qp] = c.rx_frames;
	}
	return v ? v->queue_pairs : 0;
}
