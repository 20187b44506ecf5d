/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The verdict on a frame, for every frame: one probe of the filter table. The rest of the rules is in classify.c, whose
 * beginning says where they come from.
 */
#ifndef VMQ_NIC_CLASSIFY_H
#define VMQ_NIC_CLASSIFY_H

#include "nic/nic_priv.h"

/* The active VPort whose filter has the key, NULL: none. An inactive one's is recorded, but as if it were not there (Q29). */
static inline struct nic_vport *classify_known(const struct nic *n, const struct filter_table *t, uint64_t key, uint64_t *value)
{
	struct nic_vport *p;

	if (!filter_lookup(t, key, value))
		return NULL;
	p = vport_of(n, filter_value_vport(*value));
	return p && is_set(&p->active) ? p : NULL;
}

/* What the key says, if a filter has it; false: none. */
static inline bool classify_by_key(const struct nic *n, const struct filter_table *t, uint64_t key, uint32_t src, struct verdict *v)
{
	uint64_t value;
	const struct nic_vport *p = classify_known(n, t, key, &value);

	if (!p)
		return false;
	if (p->id == src) /* never back to the sender (Q28) */
		*v = (struct verdict){ .kind = VERDICT_DROP, .drop = NIC_DROP_TX_HAIRPIN };
	else
		*v = (struct verdict){ .kind = VERDICT_ONE, .vport = p->id, .filter = filter_value_id(value) };
	return true;
}

/* f->key is set. Worker; control for explain. */
static inline struct verdict classify(const struct nic *n, const struct filter_table *t, const struct frame *f)
{
	struct verdict v;

	if (filter_key_is_group(f->key))
		return (struct verdict){ .kind = VERDICT_GROUP };
	if (classify_by_key(n, t, f->key, f->src_vport, &v))
		return v;
	if (__atomic_load_n(&t->anys, __ATOMIC_RELAXED) && classify_by_key(n, t, f->key | FILTER_VLAN_ANY, f->src_vport, &v))
		return v;
	if (f->src_vport == FRAME_FROM_WIRE) { /* no filter: the default VPort, if its packet filter takes it */
		if (!classify_host_accepts(n, f))
			return (struct verdict){ .kind = VERDICT_DROP, .drop = NIC_DROP_RX_NOT_ACCEPTED };
		return (struct verdict){ .kind = VERDICT_ONE, .vport = 0 };
	}
	return (struct verdict){ .kind = VERDICT_OUTSIDE };
}

#endif
