/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VLANs of a trunk: a VPort's addresses get filters for a set of VLANs and for no others (stack.h). Frames of a VLAN that
 * stays are never lost: what is missing is set before what is too much is cleared. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stack/stack_priv.h"

void stack_vlans_put(struct stack_vlans *s, const struct stack_vlan *v)
{
	if (v->kind == STACK_VLAN_ID)
		s->id[v->id / 64] |= 1ull << (v->id % 64);
	else if (v->kind == STACK_VLAN_ANY)
		s->any = true;
	else
		s->untagged = true;
}

/* The test at place `at`, in the order untagged, 1 … 4094, any; false: it is not in the set. */
static bool vlan_at(const struct stack_vlans *s, unsigned at, struct stack_vlan *out)
{
	if (at == 0) {
		*out = (struct stack_vlan){ STACK_VLAN_UNTAGGED, 0 };
		return s->untagged;
	}
	if (at == STACK_VLANS - 1) {
		*out = (struct stack_vlan){ STACK_VLAN_ANY, 0 };
		return s->any;
	}
	*out = (struct stack_vlan){ STACK_VLAN_ID, (uint16_t)at };
	return s->id[at / 64] >> (at % 64) & 1;
}

size_t stack_vlans_list(const struct stack_vlans *s, struct stack_vlan *out)
{
	struct stack_vlan one;
	size_t n = 0;

	for (unsigned at = 0; at < STACK_VLANS; at++) {
		if (!vlan_at(s, at, &one))
			continue;
		if (out)
			out[n] = one;
		n++;
	}
	return n;
}

/* ---- lists of filters, without the broadcast filters that others bring ---- */

struct filters {
	struct stack_filter_info *list;
	size_t n;
};

static int by_test(const void *a, const void *b)
{
	const struct stack_filter_info *x = a, *y = b;
	int mac = memcmp(x->mac, y->mac, sizeof x->mac);

	if (mac)
		return mac;
	return x->vlan.kind != y->vlan.kind ? (int)x->vlan.kind - (int)y->vlan.kind : (int)x->vlan.id - (int)y->vlan.id;
}

static int filters_of(struct stack_vport *v, struct filters *out, struct stack_error *e)
{
	size_t all;

	if (stack_filter_list(v->adapter, v, &out->list, &all, e) < 0)
		return -1;
	out->n = 0;
	for (size_t i = 0; i < all; i++)
		if (!out->list[i].companion)
			out->list[out->n++] = out->list[i];
	qsort(out->list, out->n, sizeof *out->list, by_test);
	return 0;
}

static bool has(const struct filters *f, const struct stack_filter_info *one)
{
	return bsearch(one, f->list, f->n, sizeof *f->list, by_test) != NULL;
}

/* Sets the filters of `to` that `from` lacks, then clears those that `to` lacks. */
static int turn(struct stack_vport *v, const struct filters *from, const struct filters *to, struct stack_error *e)
{
	struct stack_filter_info made[STACK_FILTERS_MADE];
	unsigned n;

	for (size_t i = 0; i < to->n; i++) {
		struct stack_filter_want w = { .broadcast = to->list[i].broadcast, .vlan = to->list[i].vlan, .id = to->list[i].id };

		if (has(from, &to->list[i]))
			continue;
		memcpy(w.mac, to->list[i].mac, sizeof w.mac);
		if (stack_filter_add(v, &w, made, &n, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < from->n; i++)
		if (!has(to, &from->list[i]) && stack_filter_del(v->adapter, from->list[i].id, e) < 0)
			return -1;
	return 0;
}

/* Each address of `from` once for each of the VLANs. */
static int spread_addresses(const struct filters *from, const struct stack_vlans *vlans, struct filters *to, struct stack_error *e)
{
	struct stack_vlan list[STACK_VLANS];
	size_t nvlans = stack_vlans_list(vlans, list), addresses = 0;

	for (size_t i = 0; i < from->n; i++)
		addresses += i == 0 || memcmp(from->list[i].mac, from->list[i - 1].mac, 6) != 0;
	if (addresses == 0)
		return stack_fail(e, STACK_PARAM, "trunk",
				  "the VPort has no filter whose address would get these VLANs: add one (mac) first");
	if (addresses * nvlans > STACK_MAX_FILTER_ID)
		return stack_fail(e, STACK_PARAM, "trunk", "%zu addresses in %zu VLANs are more filters than there are (%u)",
				  addresses, nvlans, STACK_MAX_FILTER_ID);
	to->n = 0;
	to->list = calloc(addresses * nvlans, sizeof *to->list);
	if (!to->list)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	for (size_t i = 0; i < from->n; i++) {
		bool first = i == 0 || memcmp(from->list[i].mac, from->list[i - 1].mac, 6) != 0;

		for (size_t k = 0; first && k < nvlans; k++) {
			to->list[to->n] = from->list[i];
			to->list[to->n].id = 0;
			to->list[to->n++].vlan = list[k];
		}
	}
	qsort(to->list, to->n, sizeof *to->list, by_test);
	return 0;
}

/* What goes wrong is logged: there is nobody left to tell. */
static void turn_back(struct stack_vport *v, const struct filters *to)
{
	struct filters now = { NULL, 0 };
	struct stack_error e;

	if (filters_of(v, &now, &e) < 0 || turn(v, &now, to, &e) < 0)
		log_error("VPort %s: its filters are not what they were before: %s", v->name, e.err.text);
	free(now.list);
}

int stack_trunk_set(struct stack_vport *v, const struct stack_vlans *vlans, struct stack_filter_info **before, size_t *n,
		    struct stack_error *e)
{
	struct filters from = { NULL, 0 }, to = { NULL, 0 };
	int rc = filters_of(v, &from, e);

	if (rc == 0)
		rc = spread_addresses(&from, vlans, &to, e);
	if (rc == 0) {
		rc = turn(v, &from, &to, e);
		if (rc < 0)
			turn_back(v, &from);
	}
	free(to.list);
	if (rc < 0) {
		free(from.list);
		return -1;
	}
	*before = from.list;
	*n = from.n;
	return 0;
}

void stack_trunk_undo(struct stack_vport *v, struct stack_filter_info *before, size_t n)
{
	turn_back(v, &(struct filters){ before, n });
}
