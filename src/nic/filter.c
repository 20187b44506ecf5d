/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filters as control sets, clears and moves them (spec/40-datapath.md §2; spec/70 Q21, Q22, Q25, Q30). The table that
 * workers read is changed in place, a word at a time; group lists and a grown table are replaced whole and freed after
 * a quiescent point.
 */
#include "nic/filter.h"

#include <errno.h>

#include "nic/nic_priv.h"

static unsigned vlan_of(const struct nic_filter *f)
{
	switch (f->test) {
	case NIC_VLAN_EQUAL:
		return f->vlan;
	case NIC_VLAN_ANY:
		return FILTER_VLAN_ANY;
	case NIC_VLAN_UNTAGGED_OR_ZERO:
		break;
	}
	return FILTER_VLAN_UOZ;
}

static uint64_t key_of(const struct nic_filter *f)
{
	return filter_key(filter_mac(f->mac), vlan_of(f));
}

static int make_room(struct nic *n)
{
	struct filter_table *old = n->filters, *t;

	if (filter_table_has_room(old))
		return 0;
	t = filter_table_copy(old, old->used + old->used / 2 + 32);
	if (!t)
		return -ENOMEM;
	__atomic_store_n(&n->filters, t, __ATOMIC_RELEASE);
	nic_retire(n->engine, old);
	return 0;
}

static void take_out(struct nic *n, uint64_t key)
{
	uint64_t slot = filter_table_remove(n->filters, key);

	if (nic_quiesce(n->engine) == 0)
		filter_table_reclaim(n->filters, slot);
}

static struct filter_group *group_at(const struct nic *n, uint64_t key)
{
	uint64_t value;

	return filter_lookup(n->filters, key, &value) ? (struct filter_group *)(uintptr_t)value : NULL;
}

/* The group without `drop` (when a member has it) and with `add` (when not NULL) takes the old one's place. */
static int group_change(struct nic *n, uint64_t key, const struct filter_member *drop, const struct filter_member *add)
{
	struct filter_group *old = group_at(n, key), *g;
	uint32_t nold = old ? old->n : 0;
	int rc = old ? 0 : make_room(n);

	if (rc < 0)
		return rc;
	g = malloc(sizeof *g + (nold + 1) * sizeof g->member[0]);
	if (!g)
		return -ENOMEM;
	g->n = 0;
	for (uint32_t i = 0; i < nold; i++)
		if (!drop || old->member[i].vport != drop->vport || old->member[i].id != drop->id)
			g->member[g->n++] = old->member[i];
	if (add)
		g->member[g->n++] = *add;
	if (g->n) {
		filter_table_put(n->filters, key, (uint64_t)(uintptr_t)g);
	} else {
		free(g);
		take_out(n, key);
	}
	nic_retire(n->engine, old);
	return 0;
}

/* ---- the VLANs of a VPort's filters ---- */

static struct vlan_use *vlan_use(const struct nic_vport *v, unsigned vlan)
{
	for (uint32_t i = 0; i < v->nvlans; i++)
		if (v->vlans[i].vlan == vlan)
			return &v->vlans[i];
	return NULL;
}

/* Membership in "all groups of this VLAN", which policy all_multicast brings. */
static int all_groups(struct nic_vport *v, unsigned vlan, bool in)
{
	const struct filter_member m = { v->id, 0 };
	uint64_t key = filter_key(FILTER_MAC_ALL_GROUPS, vlan);

	return group_change(v->nic, key, in ? NULL : &m, in ? &m : NULL);
}

static int vlan_add(struct nic_vport *v, unsigned vlan)
{
	struct vlan_use *u = vlan_use(v, vlan);
	int rc;

	if (u) {
		u->count++;
		return 0;
	}
	u = realloc(v->vlans, (v->nvlans + 1) * sizeof *u);
	if (!u)
		return -ENOMEM;
	v->vlans = u;
	if (v->policy.all_multicast) {
		rc = all_groups(v, vlan, true);
		if (rc < 0)
			return rc;
	}
	u[v->nvlans++] = (struct vlan_use){ (uint16_t)vlan, 1 };
	return 0;
}

static void vlan_remove(struct nic_vport *v, unsigned vlan)
{
	struct vlan_use *u = vlan_use(v, vlan);

	if (--u->count)
		return;
	if (v->policy.all_multicast)
		(void)all_groups(v, vlan, false); /* a smaller list; short of memory the old one stays, and one too many */
	*u = v->vlans[--v->nvlans];
}

int nic_vport_set_policy(struct nic *n, uint32_t id, const struct nic_vport_policy *p)
{
	struct nic_vport *v = vport_of(n, id);
	int rc = 0;

	if (!v)
		return -ENOENT;
	if (p->all_multicast != v->policy.all_multicast) {
		uint32_t i;

		for (i = 0; i < v->nvlans && rc == 0; i++)
			rc = all_groups(v, v->vlans[i].vlan, p->all_multicast);
		if (rc < 0) {
			for (i--; i-- > 0;)
				(void)all_groups(v, v->vlans[i].vlan, v->policy.all_multicast);
			return rc;
		}
	}
	v->policy = *p;
	vport_refresh(v);
	return 0;
}

/* ---- filters ---- */

static int table_add(struct nic *n, const struct nic_filter *f)
{
	uint64_t key = key_of(f), value;
	const struct filter_group *g;
	int rc;

	if (!filter_key_is_group(key)) {
		if (filter_lookup(n->filters, key, &value))
			return -EEXIST;
		rc = make_room(n);
		if (rc == 0)
			filter_table_put(n->filters, key, filter_value(f->vport, f->id));
		return rc;
	}
	g = group_at(n, key);
	for (uint32_t i = 0; g && i < g->n; i++)
		if (g->member[i].vport == f->vport)
			return -EEXIST;
	return group_change(n, key, NULL, &(struct filter_member){ f->vport, f->id });
}

int nic_filter_set(struct nic *n, const struct nic_filter *f)
{
	struct nic_vport *v = vport_of(n, f->vport);
	struct nic_filter *copy;
	int rc;

	if (!v)
		return -ENOENT;
	if (f->id == 0 || f->id > NIC_MAX_FILTERS || filter_mac(f->mac) == FILTER_MAC_ALL_GROUPS ||
	    (f->test == NIC_VLAN_EQUAL && (f->vlan == 0 || f->vlan > 4094)))
		return -EINVAL;
	if (n->by_id[f->id])
		return -EEXIST;
	copy = malloc(sizeof *copy);
	if (!copy)
		return -ENOMEM;
	*copy = *f;
	rc = vlan_add(v, vlan_of(f));
	if (rc == 0) {
		rc = table_add(n, f);
		if (rc < 0)
			vlan_remove(v, vlan_of(f));
	}
	if (rc < 0) {
		free(copy);
		return rc;
	}
	n->by_id[f->id] = copy;
	v->nfilters++;
	vport_refresh(v);
	return 0;
}

int nic_filter_clear(struct nic *n, uint32_t id)
{
	struct nic_filter *f = id <= NIC_MAX_FILTERS ? n->by_id[id] : NULL;
	struct nic_vport *v;
	int rc = 0;

	if (!f)
		return -ENOENT;
	v = vport_of(n, f->vport);
	if (filter_key_is_group(key_of(f)))
		rc = group_change(n, key_of(f), &(struct filter_member){ f->vport, f->id }, NULL);
	else
		take_out(n, key_of(f));
	if (rc < 0)
		return rc;
	vlan_remove(v, vlan_of(f));
	v->nfilters--;
	vport_refresh(v);
	n->by_id[id] = NULL;
	free(f);
	/* frames classified before are delivered before the return */
	return nic_quiesce(n->engine);
}

int nic_filter_move(struct nic *n, uint32_t id, uint32_t vport)
{
	struct nic_filter *f = id <= NIC_MAX_FILTERS ? n->by_id[id] : NULL;
	struct nic_vport *from, *to = vport_of(n, vport);
	const struct filter_group *g;
	int rc;

	if (!f || !to)
		return -ENOENT;
	if (f->vport == vport)
		return 0;
	from = vport_of(n, f->vport);
	g = filter_key_is_group(key_of(f)) ? group_at(n, key_of(f)) : NULL;
	for (uint32_t i = 0; g && i < g->n; i++)
		if (g->member[i].vport == vport)
			return -EEXIST;
	rc = vlan_add(to, vlan_of(f));
	if (rc < 0)
		return rc;
	to->nfilters++;
	vport_refresh(to); /* it can receive before it does */
	if (g)
		rc = group_change(n, key_of(f), &(struct filter_member){ f->vport, id }, &(struct filter_member){ vport, id });
	else
		filter_table_put(n->filters, key_of(f), filter_value(vport, id));
	if (rc < 0) {
		to->nfilters--;
		vlan_remove(to, vlan_of(f));
		vport_refresh(to);
		return rc;
	}
	f->vport = vport;
	vlan_remove(from, vlan_of(f));
	from->nfilters--;
	vport_refresh(from);
	return 0;
}
