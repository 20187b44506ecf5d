/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which CPUs a VPort's queue pairs are on, and the spreading over them of what it receives: of the PF the contract's RSS
 * (spec/50 §7), of a VF its own. Without it a VM with several queues would receive through one: so it is on unless somebody
 * switches it off. Control thread.
 */
#include <string.h>

#include "base/log.h"
#include "stack/cpu_plan.h"
#include "stack/stack_priv.h"

#define EACH_HASH                                                                                                      \
	(NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 | NDIS_HASH_IPV6 | NDIS_HASH_TCP_IPV6 | NDIS_HASH_UDP_IPV4 | NDIS_HASH_UDP_IPV6)

static bool listed(const struct stack_rss *r, unsigned cpu)
{
	for (unsigned i = 0; i < r->ncpus; i++)
		if (r->cpus[i] == cpu)
			return true;
	return false;
}

unsigned stack_rss_cpus(const struct stack *s, const struct stack_rss *r, unsigned cpu, unsigned queue_pairs,
			uint16_t out[STACK_MAX_CPUS])
{
	if (r->off || queue_pairs < 2) {
		out[0] = (uint16_t)cpu;
		return 1;
	}
	return r->ncpus ? cpu_spread(r->cpus, r->ncpus, cpu, queue_pairs, out)
			: cpu_spread(s->cpus, s->ncpus, cpu, queue_pairs, out);
}

void stack_rss_affinity(const struct stack *s, const struct stack_rss *r, unsigned cpu, unsigned queue_pairs, GROUP_AFFINITY *out)
{
	uint16_t cpus[STACK_MAX_CPUS];
	unsigned n = stack_rss_cpus(s, r, cpu, queue_pairs, cpus);

	stack_affinity(cpu, out);
	for (unsigned i = 1; i < n; i++)
		out->Mask |= (ULONG_PTR)1 << (cpus[i] % 64);
}

bool stack_rss_same_hash(const struct stack_rss *a, const struct stack_rss *b)
{
	return a->types == b->types && a->has_key == b->has_key && (!a->has_key || memcmp(a->key, b->key, sizeof a->key) == 0);
}

uint32_t stack_rss_types(const struct stack_rss *r)
{
	return r->types ? r->types : EACH_HASH;
}

const uint8_t *stack_rss_key(const struct stack_rss *r)
{
	/* any key will do; this one is the field's customary one, so that hashes can be compared */
	static const uint8_t customary[STACK_RSS_KEY] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
		0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
		0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	};

	return r->has_key ? r->key : customary;
}

bool stack_rss_keeps_hash(const struct stack_vport *v, const struct stack_rss *r)
{
	return !v->hashed || (stack_rss_types(r) == stack_rss_types(&v->hash) &&
			      memcmp(stack_rss_key(r), stack_rss_key(&v->hash), STACK_RSS_KEY) == 0);
}

int stack_rss_for_life(const struct stack_vport *v, const struct stack_rss *r, enum stack_code code, struct stack_error *e)
{
	return stack_fail(e, code, r->types != v->rss.types ? "rss_hash" : "rss_key",
			  "is the VPort's for its life, by the contract, once its frames were spread: make it anew for another");
}

bool stack_rss_same(const struct stack_rss *a, const struct stack_rss *b)
{
	return a->off == b->off && a->ncpus == b->ncpus && memcmp(a->cpus, b->cpus, a->ncpus * sizeof a->cpus[0]) == 0 &&
	       stack_rss_same_hash(a, b);
}

bool stack_rss_default(const struct stack_rss *r)
{
	return !r->off && !r->ncpus && !r->types && !r->has_key;
}

int stack_rss_check(const struct stack_adapter *a, bool on_vf, const struct stack_rss *r, struct stack_error *e)
{
	struct stack_error none;

	if (stack_rss_default(r))
		return 0;
	if (on_vf)
		return stack_fail(e, STACK_REFUSED, "rss", "is the guest's own on a VF");
	if (stack_adapter_model(a) == STACK_MODEL_QUEUES)
		return stack_fail(e, STACK_REFUSED, "rss", "has no place with a VM queue, which is one receive queue");
	for (unsigned i = 0; i < r->ncpus; i++) {
		if (stack_check_cpu(a->stack, r->cpus[i], &none) < 0)
			return stack_fail(e, STACK_PARAM, "rss_cpus", "%s", none.err.text);
		if (r->cpus[i] / 64 != r->cpus[0] / 64)
			return stack_fail(e, STACK_PARAM, "rss_cpus", "CPUs %u and %u are of different groups of 64", r->cpus[0],
					  r->cpus[i]);
	}
	return 0;
}

int stack_rss_cpu(const struct stack_rss *r, bool given, unsigned *cpu, struct stack_error *e)
{
	if (!r->ncpus || listed(r, *cpu))
		return 0;
	if (given)
		return stack_fail(e, STACK_PARAM, "cpu", "%u is not among rss_cpus, where the queue pairs are", *cpu);
	*cpu = r->cpus[0];
	return 1;
}

int stack_rss_apply(struct stack_vport *v, const struct stack_rss *r, unsigned cpu, unsigned queue_pairs, struct stack_error *e)
{
	uint16_t cpus[STACK_MAX_CPUS];
	unsigned n = stack_rss_cpus(v->adapter->stack, r, cpu, queue_pairs, cpus);

	if (v->on_vf)
		return stack_req_set_vf_cpus(v->adapter, v->id, cpus, n, e);
	if ((r->off || queue_pairs < 2) && !v->spread)
		return 0;
	if (stack_req_spread(v->adapter, v->id, r, cpus, r->off || queue_pairs < 2 ? 0 : n, e) < 0)
		return -1;
	v->spread = !r->off && queue_pairs > 1;
	if (v->spread && !v->hashed)
		v->hash = *r;
	v->hashed |= v->spread;
	return 0;
}

void stack_rss_try(struct stack_vport *v)
{
	struct stack_error e;

	if (stack_rss_apply(v, &v->rss, v->cpu, v->queue_pairs, &e) < 0)
		log_warn("VPort %s: what it receives is not spread over its %u queue pairs: %s", v->name, v->queue_pairs, e.err.text);
}

void stack_vport_rss(const struct stack_vport *v, struct stack_rss *out)
{
	*out = v->rss;
}
