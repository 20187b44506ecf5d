/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic/rss.h"

#include <errno.h>
#include <string.h>

#include "nic/nic_priv.h"

/* The 32 bits of the key that begin at this bit. */
static uint32_t key_window(const uint8_t *key, unsigned bit)
{
	uint64_t w = 0;

	for (unsigned i = 0; i < 5; i++)
		w = w << 8 | (bit / 8 + i < NIC_RSS_KEY ? key[bit / 8 + i] : 0);
	return (uint32_t)(w >> (8 - bit % 8));
}

void rss_init(struct nic_rss *r, const struct nic_rss_config *cfg)
{
	r->types = cfg->types;
	r->mask = cfg->entries - 1;
	for (unsigned at = 0; at < RSS_MAX_INPUT; at++)
		for (unsigned byte = 0; byte < 256; byte++) {
			uint32_t sum = 0;

			for (unsigned bit = 0; bit < 8; bit++)
				if (byte & 0x80u >> bit)
					sum ^= key_window(cfg->key, at * 8 + bit);
			r->toeplitz[at][byte] = sum;
		}
}

static uint32_t contribution(const struct nic_rss *r, unsigned at, const uint8_t *p, unsigned n)
{
	uint32_t h = 0;

	for (unsigned i = 0; i < n; i++)
		h ^= r->toeplitz[at + i][p[i]];
	return h;
}

/* Addresses lie one behind the other at `addr`, ports at `ports` (0: none to be had). */
static bool hash_of(const struct nic_rss *r, const struct frame *f, unsigned addr, unsigned len, unsigned ports, bool with_ports,
		    bool ip_only, uint32_t *hash)
{
	if (with_ports && ports && ports + 4 <= f->hdr_len) {
		*hash = contribution(r, 0, f->hdr + addr, len) ^ contribution(r, len, f->hdr + ports, 4);
		return true;
	}
	if (!ip_only)
		return false;
	*hash = contribution(r, 0, f->hdr + addr, len);
	return true;
}

bool rss_hash(const struct nic_rss *r, const struct frame *f, uint32_t *hash)
{
	unsigned at = f->tag == FRAME_TAG_INLINE ? 16 : 12, ip = at + 2, type = (unsigned)f->hdr[at] << 8 | f->hdr[at + 1];
	unsigned proto, ports;

	if (type == 0x0800 && ip + 20 <= f->hdr_len && f->hdr[ip] >> 4 == 4 && (f->hdr[ip] & 15u) >= 5) {
		/* a fragment has no ports, also the first (spec/50 §8) */
		bool fragment = (f->hdr[ip + 6] & 0x3Fu) || f->hdr[ip + 7];

		proto = f->hdr[ip + 9];
		ports = fragment ? 0 : ip + (f->hdr[ip] & 15u) * 4;
		return hash_of(r, f, ip + 12, 8, ports,
			       (proto == 6 && (r->types & NIC_RSS_TCP_IPV4)) || (proto == 17 && (r->types & NIC_RSS_UDP_IPV4)),
			       r->types & NIC_RSS_IPV4, hash);
	}
	if (type == 0x86DD && ip + 40 <= f->hdr_len && f->hdr[ip] >> 4 == 6) {
		proto = f->hdr[ip + 6];
		return hash_of(r, f, ip + 8, 32, ip + 40,
			       (proto == 6 && (r->types & NIC_RSS_TCP_IPV6)) || (proto == 17 && (r->types & NIC_RSS_UDP_IPV6)),
			       r->types & NIC_RSS_IPV6, hash);
	}
	return false;
}

/* ---- control ---- */

void rss_deal(struct nic_rss *r, uint32_t running)
{
	uint8_t of_cpu[NIC_MAX_QUEUE_PAIRS][NIC_MAX_QUEUE_PAIRS], any[NIC_MAX_QUEUE_PAIRS];
	unsigned n[NIC_MAX_QUEUE_PAIRS] = { 0 }, turn[NIC_MAX_QUEUE_PAIRS] = { 0 }, nany = 0, others = 0;

	for (unsigned qp = 0; qp < NIC_MAX_QUEUE_PAIRS; qp++) {
		unsigned first = qp % r->ncpus;

		if (!(running >> qp & 1))
			continue;
		of_cpu[first][n[first]++] = (uint8_t)qp;
		any[nany++] = (uint8_t)qp;
	}
	for (unsigned i = 0; i <= r->mask; i++) {
		unsigned first = r->first[i];
		uint8_t qp = r->first[i];

		if (n[first])
			qp = of_cpu[first][turn[first]++ % n[first]];
		else if (nany)
			qp = any[others++ % nany];
		__atomic_store_n(&r->table[i], qp, __ATOMIC_RELAXED);
	}
}

static uint32_t running_pairs(const struct nic_vport *v)
{
	uint32_t running = 0;

	for (unsigned qp = 0; qp < NIC_MAX_QUEUE_PAIRS; qp++)
		running |= v->started[qp] ? 1u << qp : 0;
	return running;
}

void vport_deal(struct nic_vport *v, unsigned without)
{
	if (v->rss)
		rss_deal(v->rss, running_pairs(v) & ~(without < NIC_MAX_QUEUE_PAIRS ? 1u << without : 0));
}

void vport_pair_workers(struct nic_vport *v)
{
	for (unsigned qp = v->rss ? v->rss->ncpus : 0; qp < NIC_MAX_QUEUE_PAIRS; qp++)
		v->pair_worker[qp] = v->rss && qp < v->queue_pairs ? v->pair_worker[qp % v->rss->ncpus] : NULL;
}

/* The queue pair that serves `cpu`: the k-th distinct CPU has pair k. -EINVAL: no worker, -ENOSPC: no pair left. */
static int pair_of(const struct nic_vport *v, unsigned cpu, struct worker **by_pair, unsigned *n)
{
	struct worker *w = engine_worker(v->nic->engine, cpu);

	if (!w)
		return -EINVAL;
	for (unsigned k = 0; k < *n; k++)
		if (by_pair[k] == w)
			return (int)k;
	if (*n == v->queue_pairs)
		return -ENOSPC;
	by_pair[*n] = w;
	return (int)(*n)++;
}

static int build(const struct nic_vport *v, const struct nic_rss_config *cfg, struct nic_rss *r, struct worker **by_pair,
		 unsigned *n, struct vmq_err *err)
{
	unsigned cpu = cfg->default_cpu;
	int qp = pair_of(v, cpu, by_pair, n);

	r->default_qp = (uint8_t)(qp < 0 ? 0 : qp);
	for (unsigned i = 0; qp >= 0 && i < cfg->entries; i++) {
		cpu = cfg->cpu[i];
		qp = pair_of(v, cpu, by_pair, n);
		r->first[i] = (uint8_t)(qp < 0 ? 0 : qp);
	}
	r->ncpus = (uint8_t)*n;
	if (qp == -EINVAL)
		return vmq_err(err, qp, "indirection table: no worker runs on CPU %u", cpu);
	if (qp == -ENOSPC)
		return vmq_err(err, qp, "indirection table: more CPUs than the VPort's %u queue pairs", v->queue_pairs);
	return 0;
}

int nic_vport_set_rss(struct nic *n, uint32_t id, const struct nic_rss_config *cfg, struct vmq_err *err)
{
	struct nic_vport *v = vport_of(n, id);
	struct worker *by_pair[NIC_MAX_QUEUE_PAIRS] = { NULL };
	struct nic_rss *r = NULL, *old;
	unsigned pairs = 0;
	int rc = 0;

	if (!v)
		return vmq_err(err, -ENOENT, "VPortId: there is no VPort %u", id);
	if (cfg) {
		if (cfg->entries == 0 || cfg->entries > NIC_RSS_MAX_ENTRIES || (cfg->entries & (cfg->entries - 1)))
			return vmq_err(err, -EINVAL, "indirection table: %u entries given; a power of two up to %u is possible",
				       cfg->entries, NIC_RSS_MAX_ENTRIES);
		r = malloc(sizeof *r);
		if (!r)
			return vmq_err(err, -ENOMEM, "no memory for the RSS tables of VPort %u", id);
		rss_init(r, cfg);
		rc = build(v, cfg, r, by_pair, &pairs, err);
		if (rc < 0) {
			free(r);
			return rc;
		}
		rss_deal(r, running_pairs(v));
	}
	old = v->rss;
	__atomic_store_n(&v->rss, r, __ATOMIC_RELEASE);
	memcpy(v->pair_worker, by_pair, sizeof by_pair);
	vport_pair_workers(v);
	for (unsigned k = 0; k < v->queue_pairs && rc == 0; k++)
		if (v->started[k])
			rc = queue_move(v->started[k], v->pair_worker[k] ? v->pair_worker[k] : engine_worker(n->engine, v->cpu));
	nic_retire(n->engine, old);
	return rc < 0 ? vmq_err(err, rc, "VPort %u: a CPU did not answer in %d ms", id, NIC_WAIT_MS) : 0;
}
