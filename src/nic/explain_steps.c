/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps of an explanation: what was looked at, in the order of the data path, with what came out. It asks the same
 * tables and the same predicates as classify.c, one after the other; what becomes of the frame is explain.c's answer.
 * Control thread.
 */
#include "nic/nic_priv.h"

struct steps {
	struct nic_explain_step *out;
	unsigned max, n;
};

static void add(struct steps *s, struct nic_explain_step step)
{
	if (s->n < s->max)
		s->out[s->n++] = step;
}

/* False: it ends here. */
static bool sender(struct steps *s, const struct nic *n, const struct nic_vport *src, struct frame *f)
{
	uint16_t access = access_vlan_of(src);
	bool ok = is_set(&src->can_send);

	add(s, (struct nic_explain_step){
		   .what = NIC_STEP_SENDER, .result = ok ? NIC_STEP_PASS : NIC_STEP_FAIL, .vport = src->id });
	if (!ok)
		return false;
	if (access && frame_vid(f) == 0)
		add(s, (struct nic_explain_step){
			   .what = NIC_STEP_VLAN_GIVEN, .result = NIC_STEP_PASS, .vport = src->id, .vlan = access });
	if (access)
		classify_give_vlan(f, access);
	ok = classify_may_send(src, frame_vid(f));
	add(s, (struct nic_explain_step){ .what = NIC_STEP_VLAN_CHECK,
					  .result = !ok			      ? NIC_STEP_FAIL
						    : src->policy.vlan_check ? NIC_STEP_PASS
									      : NIC_STEP_OFF,
					  .test = is_set(&src->any_vlan) ? NIC_VLAN_ANY : NIC_VLAN_EQUAL,
					  .vport = src->id,
					  .vlan = (uint16_t)frame_vid(f) });
	if (!ok)
		return false;
	ok = !is_set(&src->source_check) || classify_source_is_own(n, src, f);
	add(s, (struct nic_explain_step){ .what = NIC_STEP_SOURCE_CHECK,
					  .result = !ok				 ? NIC_STEP_FAIL
						    : is_set(&src->source_check) ? NIC_STEP_PASS
										 : NIC_STEP_OFF,
					  .vport = src->id });
	return ok;
}

/* One look into the table; true when it decides. */
static bool lookup(struct steps *s, const struct nic *n, const struct filter_table *t, uint64_t key,
		   enum nic_vlan_test test)
{
	struct nic_explain_step step = { .what = NIC_STEP_FILTER,
					 .result = NIC_STEP_FAIL,
					 .test = test,
					 .vlan = key & 0xFFF,
					 .all_groups = key >> 16 == FILTER_MAC_ALL_GROUPS };
	const struct nic_vport *v;
	uint64_t value;

	if (!filter_lookup(t, key, &value)) {
		add(s, step);
		return false;
	}
	if (filter_key_is_group(key)) {
		step.result = NIC_STEP_PASS;
		step.members = ((const struct filter_group *)(uintptr_t)value)->n;
		add(s, step);
		return false; /* all of them are looked up */
	}
	v = vport_of(n, filter_value_vport(value));
	step.vport = filter_value_vport(value);
	step.filter = filter_value_id(value);
	step.result = v && is_set(&v->active) ? NIC_STEP_PASS : NIC_STEP_OFF; /* as if it were not there (Q29) */
	add(s, step);
	return step.result == NIC_STEP_PASS;
}

static bool look_up(struct steps *s, const struct nic *n, const struct filter_table *t, const struct frame *f)
{
	uint64_t key = filter_key_of(f->hdr, frame_vid(f));
	enum nic_vlan_test test = frame_vid(f) ? NIC_VLAN_EQUAL : NIC_VLAN_UNTAGGED_OR_ZERO;

	if (lookup(s, n, t, key, test) || lookup(s, n, t, key | FILTER_VLAN_ANY, NIC_VLAN_ANY))
		return true;
	if (!filter_key_is_group(key))
		return false;
	(void)lookup(s, n, t, filter_key(FILTER_MAC_ALL_GROUPS, frame_vid(f)), test);
	(void)lookup(s, n, t, filter_key(FILTER_MAC_ALL_GROUPS, FILTER_VLAN_ANY), NIC_VLAN_ANY);
	return true; /* no rule for unclaimed unicast */
}

/* What a receiver's queue adds. */
static void receiver_steps(struct steps *s, const struct nic *n, const struct nic_vport *src, const struct frame *f,
			   const struct nic_explain_dest *d)
{
	const struct nic_vport *v = d->at_vport ? vport_of(n, d->vport) : NULL;
	const struct nic_queue *q = v ? bypass_receiver(v, f) : NULL, *from = src ? src->started[0] : NULL;
	uint32_t hash = 0;

	if (!v)
		return;
	if (v->rss) {
		bool has = rss_hash(v->rss, f, &hash);

		add(s, (struct nic_explain_step){ .what = NIC_STEP_HASH,
						  .result = has ? NIC_STEP_PASS : NIC_STEP_OFF,
						  .vport = v->id,
						  .hash = hash,
						  .qp = d->qp });
	}
	if (is_set(&v->bypass))
		add(s, (struct nic_explain_step){ .what = NIC_STEP_BYPASS, .result = NIC_STEP_PASS, .vport = v->id });
	if (is_set(&v->rx_limited))
		add(s, (struct nic_explain_step){ .what = NIC_STEP_RATE, .result = NIC_STEP_PASS, .vport = v->id });
	if (q && from)
		add(s, (struct nic_explain_step){ .what = NIC_STEP_OFFLOAD,
						  .result = from->sends & OFFLOAD_NEEDS & ~q->takes ? NIC_STEP_FAIL
												    : NIC_STEP_PASS,
						  .vport = v->id });
}

unsigned explain_steps(const struct nic *n, const struct nic_vport *src, struct frame *f,
		       const struct nic_explain_dest *d, unsigned ndest, struct nic_explain_step *out, unsigned max)
{
	const struct filter_table *t = n->filters;
	struct steps s = { out, max, 0 };

	if (f->src_vport != FRAME_FROM_WIRE && (!src || !sender(&s, n, src, f)))
		return s.n;
	if (!look_up(&s, n, t, f))
		add(&s,
		    (struct nic_explain_step){ .what = NIC_STEP_RULE,
					       .result = classify_host_accepts(n, f) ? NIC_STEP_PASS : NIC_STEP_FAIL,
					       .outside = f->src_vport != FRAME_FROM_WIRE });
	if (src && filter_key_is_group(filter_key_of(f->hdr, 0)) && is_set(&src->group_limited))
		add(&s, (struct nic_explain_step){ .what = NIC_STEP_STORM, .result = NIC_STEP_PASS, .vport = src->id });
	for (unsigned i = 0; i < ndest; i++)
		receiver_steps(&s, n, src, f, &d[i]);
	return s.n;
}
