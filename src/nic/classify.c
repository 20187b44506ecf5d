/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which VPort a frame is for: spec/40-datapath.md §1-3 as settled by spec/70 Q21-Q33. Reads the filter table and the
 * VPorts, changes nothing but the frame. Called by workers for every frame, and by control for `explain`, so that an
 * explanation can't differ from what happens.
 *
 * Precedence (Q22): MAC + VLAN (or untagged-or-zero) before MAC with any VLAN.
 */
#include "nic/classify.h"

bool classify_source_is_own(const struct nic *n, const struct nic_vport *src, const struct frame *f)
{
	const struct filter_table *t = __atomic_load_n(&n->filters, __ATOMIC_ACQUIRE);
	uint64_t mac = filter_mac(f->hdr + 6), v;

	if (mac & 1)
		return false;
	return (filter_lookup(t, filter_key(mac, frame_vid(f)), &v) && filter_value_vport(v) == src->id) ||
	       (filter_lookup(t, filter_key(mac, FILTER_VLAN_ANY), &v) && filter_value_vport(v) == src->id);
}

bool classify_may_send(const struct nic_vport *src, unsigned vid)
{
	const uint64_t *set;

	if (is_set(&src->any_vlan) || (vid == 0 && is_set(&src->no_vlan)))
		return true;
	if (vid == 0 || vid == access_vlan_of(src))
		return vid != 0;
	set = __atomic_load_n(&src->vlan_set, __ATOMIC_ACQUIRE);
	return set && (set[vid / 64] >> (vid % 64) & 1);
}

void classify_give_vlan(struct frame *f, uint16_t access)
{
	uint16_t tci = (uint16_t)((f->tci & 0xF000u) | access);

	if (f->tag == FRAME_UNTAGGED) {
		f->tag = FRAME_TAG_GIVEN;
		f->tci = access;
	} else if (frame_vid(f) == 0) {
		f->tci = tci;
		if (f->tag == FRAME_TAG_INLINE) {
			f->hdr[14] = (uint8_t)(tci >> 8);
			f->hdr[15] = (uint8_t)tci;
		}
	}
}

bool classify_admit(const struct nic *n, const struct nic_vport *src, struct frame *f, enum nic_drop *why)
{
	uint16_t access = access_vlan_of(src);

	if (!is_set(&src->can_send)) {
		*why = NIC_DROP_TX_VPORT_INACTIVE;
		return false;
	}
	if (access)
		classify_give_vlan(f, access);
	if (!classify_may_send(src, frame_vid(f))) {
		*why = NIC_DROP_TX_VLAN;
		return false;
	}
	if (is_set(&src->source_check) && !classify_source_is_own(n, src, f)) {
		*why = NIC_DROP_TX_SOURCE_MAC;
		return false;
	}
	return true;
}

bool classify_host_accepts(const struct nic *n, const struct frame *f)
{
	uint64_t mac = __atomic_load_n(&n->host_mac, __ATOMIC_RELAXED);

	return mac == 0 || mac == filter_mac(f->hdr);
}

void classify_group(const struct nic *n, const struct filter_table *t, const struct frame *f, uint32_t *seen, uint32_t round,
		    void (*to)(void *ctx, struct nic_vport *v, uint32_t filter), void *ctx)
{
	const uint64_t keys[] = {
		f->key,
		f->key | FILTER_VLAN_ANY,
		filter_key(FILTER_MAC_ALL_GROUPS, frame_vid(f)),
		filter_key(FILTER_MAC_ALL_GROUPS, FILTER_VLAN_ANY),
	};

	for (unsigned k = 0; k < sizeof keys / sizeof keys[0]; k++) {
		const struct filter_group *g;
		uint64_t value;

		if (!filter_lookup(t, keys[k], &value))
			continue;
		g = (const struct filter_group *)(uintptr_t)value;
		for (uint32_t i = 0; i < g->n; i++) {
			struct nic_vport *v = vport_of(n, g->member[i].vport);

			if (!v || !is_set(&v->active) || v->id == 0 || v->id == f->src_vport || seen[v->id] == round)
				continue;
			seen[v->id] = round;
			to(ctx, v, g->member[i].id);
		}
	}
}
