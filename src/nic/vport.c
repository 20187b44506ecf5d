/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPorts: made, changed and deleted by control while frames flow. What workers read of a VPort are single words,
 * recomputed by vport_refresh; the VPort itself is freed after a quiescent point.
 */
#include "nic/nic_priv.h"

#include <errno.h>

static void store_bool(bool *p, bool v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* The VLAN that is put on what the VPort's VM sends: its filters' one VLAN, if they have one only and no other test. */
static uint16_t access_vlan(const struct nic_vport *v)
{
	if (v->policy.trunk || v->nvlans != 1 || v->vlans[0].vlan == FILTER_VLAN_ANY)
		return 0;
	return v->vlans[0].vlan; /* 0 stands for untagged-or-zero */
}

static bool has_vlan(const struct nic_vport *v, unsigned vlan)
{
	for (uint32_t i = 0; i < v->nvlans; i++)
		if (v->vlans[i].vlan == vlan)
			return true;
	return false;
}

/* What a VM with the VLAN check on may send: of one VLAN an access port's own is known without a set. Short of memory for the
 * set, none of its VLANs. */
static void refresh_vlans(struct nic_vport *v)
{
	bool any = !v->policy.vlan_check || has_vlan(v, FILTER_VLAN_ANY);
	uint64_t *set = NULL, *old = v->vlan_set;

	if (!any && (v->nvlans > 1 || v->policy.trunk))
		set = calloc(4096 / 64, sizeof *set);
	for (uint32_t i = 0; set && i < v->nvlans; i++)
		set[v->vlans[i].vlan / 64] |= 1ull << (v->vlans[i].vlan % 64);
	__atomic_store_n(&v->vlan_set, set, __ATOMIC_RELEASE);
	store_bool(&v->any_vlan, any);
	store_bool(&v->no_vlan, any || has_vlan(v, FILTER_VLAN_UOZ));
	nic_retire(v->nic->engine, old);
}

void vport_refresh(struct nic_vport *v)
{
	store_bool(&v->source_check, v->policy.source_check);
	refresh_vlans(v);
	store_bool(&v->tags_inline, v->policy.trunk || v->id == 0);
	__atomic_store_n(&v->access_vlan, access_vlan(v), __ATOMIC_RELEASE);
	store_bool(&v->can_send, v->active && (v->id == 0 || v->nfilters > 0));
}

int nic_vport_create(struct nic *n, const struct nic_vport_config *cfg, struct vmq_err *err)
{
	struct nic_vport *v;
	size_t size = sizeof *v + n->engine->nworkers * sizeof v->cnt[0];

	if (cfg->id >= NIC_MAX_VPORTS)
		return vmq_err(err, -EINVAL, "VPortId: %u is beyond the last one, %u", cfg->id, NIC_MAX_VPORTS - 1);
	if (n->vport[cfg->id])
		return vmq_err(err, -EEXIST, "VPortId: VPort %u exists already", cfg->id);
	if (cfg->queue_pairs == 0 || cfg->queue_pairs > NIC_MAX_QUEUE_PAIRS)
		return vmq_err(err, -EINVAL, "NumQueuePairs: %u asked for; 1 to %u are possible", cfg->queue_pairs,
			       NIC_MAX_QUEUE_PAIRS);
	if (!engine_worker(n->engine, cfg->cpu))
		return vmq_err(err, -EINVAL, "ProcessorAffinity: no worker runs on CPU %u", cfg->cpu);
	v = aligned_alloc(64, (size + 63) & ~(size_t)63);
	if (!v)
		return vmq_err(err, -ENOMEM, "no memory for VPort %u", cfg->id);
	memset(v, 0, size);
	v->nic = n;
	v->id = cfg->id;
	v->serial = ++n->serials;
	v->cpu = cfg->cpu;
	v->home = engine_worker(n->engine, cfg->cpu);
	v->queue_pairs = cfg->queue_pairs;
	v->moderation = cfg->moderation;
	v->active = cfg->active;
	vport_refresh(v);
	__atomic_store_n(&n->vport[v->id], v, __ATOMIC_RELEASE);
	return 0;
}

int nic_vport_delete(struct nic *n, uint32_t id)
{
	struct nic_vport *v = vport_of(n, id);

	if (!v)
		return -ENOENT;
	if (v->nfilters || v->host)
		return -EBUSY;
	for (unsigned i = 0; i < NIC_MAX_QUEUE_PAIRS; i++)
		if (v->started[i])
			return -EBUSY;
	__atomic_store_n(&n->vport[id], NULL, __ATOMIC_RELEASE);
	free(v->vlans);
	nic_retire(n->engine, v->rss);
	nic_retire(n->engine, v->vlan_set);
	v->vlans = NULL;
	nic_retire(n->engine, v);
	return nic_quiesce(n->engine);
}

int nic_vport_set_active(struct nic *n, uint32_t id, bool active)
{
	struct nic_vport *v = vport_of(n, id);

	if (!v)
		return -ENOENT;
	store_bool(&v->active, active);
	vport_refresh(v);
	return 0;
}

int nic_vport_set_queue_pairs(struct nic *n, uint32_t id, unsigned queue_pairs, struct vmq_err *err)
{
	struct nic_vport *v = vport_of(n, id);

	if (!v)
		return vmq_err(err, -ENOENT, "VPortId: there is no VPort %u", id);
	if (queue_pairs == 0 || queue_pairs > NIC_MAX_QUEUE_PAIRS)
		return vmq_err(err, -EINVAL, "NumQueuePairs: %u asked for; 1 to %u are possible", queue_pairs,
			       NIC_MAX_QUEUE_PAIRS);
	for (unsigned i = queue_pairs; i < NIC_MAX_QUEUE_PAIRS; i++)
		if (v->started[i] || (v->rss && i < v->rss->ncpus))
			return vmq_err(err, -EBUSY, "NumQueuePairs: queue pair %u of VPort %u is in use", i, id);
	v->queue_pairs = queue_pairs;
	vport_pair_workers(v);
	return 0;
}

int nic_vport_set_moderation(struct nic *n, uint32_t id, enum nic_moderation m)
{
	struct nic_vport *v = vport_of(n, id);

	if (!v)
		return -ENOENT;
	__atomic_store_n(&v->moderation, m, __ATOMIC_RELAXED);
	return 0;
}

/* ---- rate limits ---- */

static int check_rate(const char *what, const struct nic_rate *r, struct vmq_err *err)
{
	if (r->per_s > LIMIT_MAX_PER_S || r->burst > LIMIT_MAX_PER_S)
		return vmq_err(err, -EINVAL, "%s: %llu a second, burst %llu; each at most %llu", what,
			       (unsigned long long)r->per_s, (unsigned long long)r->burst, LIMIT_MAX_PER_S);
	return 0;
}

static int check_limits(const struct nic_vport *v, const struct nic_vport_tuning *l, struct vmq_err *err)
{
	if (check_rate("TxBytes", &l->tx_bytes, err) || check_rate("TxFrames", &l->tx_frames, err) ||
	    check_rate("RxBytes", &l->rx_bytes, err) || check_rate("RxFrames", &l->rx_frames, err) ||
	    check_rate("GroupFrames", &l->group_frames, err))
		return -EINVAL;
	if (v->id == 0 && (l->tx_bytes.per_s || l->tx_frames.per_s || l->rx_bytes.per_s || l->rx_frames.per_s ||
			   l->group_frames.per_s))
		return vmq_err(err, -EINVAL, "the default VPort is the host's own: its device is limited there (tc)");
	if (l->moderation_us > NIC_MAX_MODERATION_US || l->moderation_frames > NIC_MAX_MODERATION_FRAMES)
		return vmq_err(err, -EINVAL, "Moderation: %u us, %u frames; at most %u and %u are possible",
			       l->moderation_us, l->moderation_frames, NIC_MAX_MODERATION_US, NIC_MAX_MODERATION_FRAMES);
	if (l->moderation_frames && !l->moderation_us)
		return vmq_err(err, -EINVAL, "ModerationFrames: needs a time beside it, or few frames would wait for ever");
	return 0;
}

/* A bucket that stays as it is keeps what it holds. */
static void change_bucket(const struct nic_vport *v, struct bucket *b, const struct nic_rate *was, const struct nic_rate *r,
			  uint64_t least)
{
	if (was->per_s != r->per_s || was->burst != r->burst)
		bucket_set(b, r->per_s, r->burst ? r->burst : limit_default_burst(r->per_s, least),
			   v->nic->engine->cycles_per_us);
}

static bool cmd_release(struct worker *w, struct command *c)
{
	struct nic_queue *q = c->arg;

	if (q->slot == QUEUE_NOT_ADOPTED)
		return false;
	worker_release_queue(w, q);
	return true;
}

/* Rings that wait for tokens of the limit as it was look again. One whose worker does not answer looks when it is due. */
static void release_queues(const struct nic_vport *v)
{
	for (unsigned i = 0; i < NIC_MAX_QUEUE_PAIRS; i++)
		if (v->started[i])
			(void)engine_command(v->started[i]->worker, &(struct command){ .run = cmd_release, .arg = v->started[i] });
}

int nic_vport_set_tuning(struct nic *n, uint32_t id, const struct nic_vport_tuning *l, struct vmq_err *err)
{
	struct nic_vport *v = vport_of(n, id);
	const struct nic_vport_tuning was = v ? v->tuning : (struct nic_vport_tuning){ 0 };
	bool tx;

	if (!v)
		return vmq_err(err, -ENOENT, "VPortId: there is no VPort %u", id);
	if (check_limits(v, l, err) < 0)
		return -EINVAL;
	v->tuning = *l;
	change_bucket(v, &v->limit.tx.bytes, &was.tx_bytes, &l->tx_bytes, LIMIT_BURST_BYTES);
	change_bucket(v, &v->limit.tx.frames, &was.tx_frames, &l->tx_frames, LIMIT_BURST_FRAMES);
	change_bucket(v, &v->limit.rx.bytes, &was.rx_bytes, &l->rx_bytes, LIMIT_BURST_BYTES);
	change_bucket(v, &v->limit.rx.frames, &was.rx_frames, &l->rx_frames, LIMIT_BURST_FRAMES);
	change_bucket(v, &v->limit.group.frames, &was.group_frames, &l->group_frames, LIMIT_BURST_GROUP);
	tx = v->tx_limited;
	store_bool(&v->tx_limited, l->tx_bytes.per_s || l->tx_frames.per_s);
	store_bool(&v->rx_limited, l->rx_bytes.per_s || l->rx_frames.per_s);
	store_bool(&v->group_limited, l->group_frames.per_s);
	__atomic_store_n(&v->moderation_own, (uint64_t)l->moderation_frames << 32 | l->moderation_us, __ATOMIC_RELAXED);
	if (tx)
		release_queues(v);
	return 0;
}

int nic_vport_tuning(const struct nic *n, uint32_t id, struct nic_vport_tuning *out)
{
	const struct nic_vport *v = vport_of(n, id);

	*out = v ? v->tuning : (struct nic_vport_tuning){ 0 };
	return v ? 0 : -ENOENT;
}

void nic_set_packet_filter(struct nic *n, bool promiscuous, const uint8_t mac[6])
{
	__atomic_store_n(&n->host_mac, promiscuous ? 0 : filter_mac(mac), __ATOMIC_RELAXED);
}

int nic_vport_set_cpu(struct nic *n, uint32_t id, unsigned cpu, struct vmq_err *err)
{
	struct nic_vport *v = vport_of(n, id);
	struct worker *to = engine_worker(n->engine, cpu);
	int rc = 0;

	if (!v)
		return vmq_err(err, -ENOENT, "VPortId: there is no VPort %u", id);
	if (!to)
		return vmq_err(err, -EINVAL, "ProcessorAffinity: no worker runs on CPU %u", cpu);
	for (unsigned i = 0; i < NIC_MAX_QUEUE_PAIRS && rc == 0; i++)
		if (v->started[i] && !v->pair_worker[i])
			rc = queue_move(v->started[i], to);
	if (rc == 0 && v->host)
		rc = port_source_move(v->host, to);
	if (rc < 0)
		return vmq_err(err, rc, "VPort %u: a CPU did not answer in %d ms", id, NIC_WAIT_MS);
	v->cpu = cpu;
	__atomic_store_n(&v->home, to, __ATOMIC_RELEASE);
	return 0;
}

uint64_t nic_vport_serial(const struct nic *n, uint32_t id)
{
	const struct nic_vport *v = vport_of(n, id);

	return v ? v->serial : 0;
}

int nic_vport_counters(const struct nic *n, uint32_t id, struct nic_vport_counters *out)
{
	const struct nic_vport *v = vport_of(n, id);

	*out = (struct nic_vport_counters){ 0 };
	if (!v)
		return -ENOENT;
	for (unsigned i = 0; i < n->engine->nworkers; i++)
		counters_add(out, &v->cnt[i]);
	return 0;
}
