/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive filters, and the broadcast filters that MAC filters bring (stack.h). The filters themselves are the
 * contract's; what is kept here is which broadcast filter belongs to which VLAN test of a VPort, and how many MAC
 * filters count on it. Control thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stack/stack_priv.h"

static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

void stack_changed(struct stack_vport *v)
{
	const struct stack *s = v->adapter->stack;

	if (s->ops->changed)
		s->ops->changed(s->ctx, v);
}

void stack_event(struct stack_vport *v, const char *name, const struct stack_filter_info *f)
{
	const struct stack *s = v->adapter->stack;

	stack_changed(v);
	if (s->ops->event)
		s->ops->event(s->ctx, name, v, f);
}

static struct stack_broadcast *find_broadcast(const struct stack_vport *v, const struct stack_vlan *vlan)
{
	struct stack_broadcast *b;

	LIST_FOREACH (b, &v->broadcasts, link) {
		if (stack_vlan_equal(&b->vlan, vlan))
			return b;
	}
	return NULL;
}

static void describe(const struct stack_vport *v, const struct stack_broadcast *b, struct stack_filter_info *out)
{
	*out = (struct stack_filter_info){ .id = b->id, .vport = v->id, .vlan = b->vlan, .companion = !b->wanted };
	memcpy(out->mac, broadcast_mac, 6);
}

static void tell_of(struct stack_vport *v, const char *event, const struct stack_broadcast *b)
{
	struct stack_filter_info f;

	describe(v, b, &f);
	stack_event(v, event, &f);
}

/* Sets a broadcast filter and its record. */
static struct stack_broadcast *make_broadcast(struct stack_vport *v, const struct stack_vlan *vlan,
					      uint32_t wish, struct stack_error *e)
{
	struct stack_broadcast *b = calloc(1, sizeof *b);

	if (!b) {
		(void)stack_fail(e, STACK_FAILED, NULL, "out of memory");
		return NULL;
	}
	b->vlan = *vlan;
	ndis_adapter_next_id(v->adapter->ndis, NDIS_ID_FILTER, wish);
	if (stack_req_set_filter(v->adapter, v->id, broadcast_mac, vlan, &b->id, e) < 0) {
		free(b);
		return NULL;
	}
	LIST_INSERT_HEAD(&v->broadcasts, b, link);
	return b;
}

static int clear_broadcast(struct stack_vport *v, struct stack_broadcast *b, struct stack_error *e)
{
	if (stack_req_clear_filter(v->adapter, b->id, e) < 0)
		return -1;
	LIST_REMOVE(b, link);
	free(b);
	return 0;
}

static void give_broadcast(struct stack_broadcast *b, struct stack_vport *to)
{
	LIST_REMOVE(b, link);
	LIST_INSERT_HEAD(&to->broadcasts, b, link);
}

/* One MAC filter less counts on `b`; the last one takes it away. */
static int release_broadcast(struct stack_vport *v, struct stack_broadcast *b, struct stack_error *e)
{
	if (b->users > 1 || b->wanted) {
		b->users--;
		return 0;
	}
	return clear_broadcast(v, b, e);
}

/* The same, and it is told when it goes. */
static int release_telling(struct stack_vport *v, struct stack_broadcast *b, struct stack_error *e)
{
	const bool last = b->users == 1 && !b->wanted;
	struct stack_filter_info gone;

	describe(v, b, &gone);
	if (release_broadcast(v, b, e) < 0)
		return -1;
	if (last)
		stack_event(v, "filter_cleared", &gone);
	return 0;
}

/* SET_FILTER refused it: if the same filter stands already, say where. */
static void explain_refusal(struct stack_adapter *a, const struct stack_filter_want *want, struct stack_error *e)
{
	bool queues = stack_adapter_model(a) != STACK_MODEL_SWITCH;
	struct stack_filter_info *list;
	struct stack_error other;
	size_t n;

	if (e->status != NDIS_STATUS_INVALID_PARAMETER || stack_filter_list(a, NULL, &list, &n, &other) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct stack_vport *v = stack_vport_by_id(a, list[i].vport);

		if (memcmp(list[i].mac, want->mac, 6) != 0 || !stack_vlan_equal(&list[i].vlan, &want->vlan))
			continue;
		other = *e;
		(void)stack_fail(e, STACK_EXISTS, "mac",
				 "is taken with this VLAN: filter %u of %s %s; delete%s that one", list[i].id,
				 queues ? "the VM queue of" : "VPort", v ? v->name : "another driver",
				 queues ? "" : " or move");
		e->oid = other.oid;
		e->status = other.status;
		break;
	}
	free(list);
}

/* A filter on ff:ff:ff:ff:ff:ff asked for by its own address; one that a MAC filter brought becomes it. */
static int want_broadcast(struct stack_vport *v, const struct stack_vlan *vlan, uint32_t wish, struct stack_filter_info *made,
			  struct stack_error *e)
{
	struct stack_broadcast *b = find_broadcast(v, vlan);

	if (b && b->wanted)
		return stack_fail(e, STACK_EXISTS, "mac", "is taken with this VLAN: filter %u of VPort %s", b->id,
				  v->name);
	if (!b)
		b = make_broadcast(v, vlan, wish, e);
	if (!b)
		return -1;
	b->wanted = true;
	describe(v, b, made);
	return 0;
}

int stack_filter_make(struct stack_vport *v, const struct stack_filter_want *want,
		      struct stack_filter_info made[STACK_FILTERS_MADE], unsigned *nmade, struct stack_error *e)
{
	struct stack_adapter *a = v->adapter;
	bool brings = want->broadcast && !(want->mac[0] & 1);
	struct stack_broadcast *b;
	uint32_t id;

	*nmade = 0;
	if (stack_mac_is_broadcast(want->mac)) {
		if (want_broadcast(v, &want->vlan, want->id, &made[0], e) < 0)
			return -1;
		*nmade = 1;
		return 0;
	}
	ndis_adapter_next_id(a->ndis, NDIS_ID_FILTER, want->id);
	if (stack_req_set_filter(a, v->id, want->mac, &want->vlan, &id, e) < 0) {
		explain_refusal(a, want, e);
		return -1;
	}
	made[0] = (struct stack_filter_info){ .id = id, .vport = v->id, .vlan = want->vlan, .broadcast = brings };
	memcpy(made[0].mac, want->mac, 6);
	*nmade = 1;
	if (!brings)
		return 0;
	b = find_broadcast(v, &want->vlan);
	if (!b) {
		b = make_broadcast(v, &want->vlan, want->broadcast_id, e);
		if (!b) {
			struct stack_error undo;

			(void)stack_req_clear_filter(a, id, &undo);
			*nmade = 0;
			return -1;
		}
		describe(v, b, &made[(*nmade)++]);
	}
	b->users++;
	a->counted[id] = true;
	return 0;
}

int stack_filter_add(struct stack_vport *v, const struct stack_filter_want *want,
		     struct stack_filter_info made[STACK_FILTERS_MADE], unsigned *nmade, struct stack_error *e)
{
	if (stack_filter_make(v, want, made, nmade, e) < 0)
		return -1;
	for (unsigned i = 0; i < *nmade; i++)
		stack_event(v, "filter_set", &made[i]);
	return 0;
}

/* What is known of a filter beyond the contract. */
static void complete_info(const struct stack_adapter *a, struct stack_filter_info *f)
{
	const struct stack_vport *v = stack_vport_by_id(a, f->vport);
	const struct stack_broadcast *b = v ? find_broadcast(v, &f->vlan) : NULL;

	f->broadcast = f->id <= STACK_MAX_FILTER_ID && a->counted[f->id];
	f->companion = b && b->id == f->id && !b->wanted;
}

static int get(struct stack_adapter *a, uint32_t id, struct stack_filter_info *out, struct stack_error *e)
{
	if (id == 0 || stack_req_get_filter(a, id, out, e) < 0)
		return stack_fail(e, STACK_NOT_FOUND, "id", "%u is no filter of adapter %s", id, a->name);
	complete_info(a, out);
	return 0;
}

/* The MAC filters that counted on a broadcast filter do so no more. */
static int uncount(struct stack_vport *v, const struct stack_vlan *vlan, struct stack_error *e)
{
	struct stack_filter_info *list;
	size_t n;

	if (stack_filter_list(v->adapter, v, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (stack_vlan_equal(&list[i].vlan, vlan))
			v->adapter->counted[list[i].id] = false;
	}
	free(list);
	return 0;
}

int stack_filter_del(struct stack_adapter *a, uint32_t id, struct stack_error *e)
{
	struct stack_filter_info f, companion;
	struct stack_broadcast *b = NULL;
	bool companion_gone = false;
	struct stack_vport *v;

	if (get(a, id, &f, e) < 0)
		return -1;
	v = stack_vport_by_id(a, f.vport);
	if (v && (f.broadcast || stack_mac_is_broadcast(f.mac)))
		b = find_broadcast(v, &f.vlan);
	if (b && b->id == id) {
		if ((b->users && uncount(v, &f.vlan, e) < 0) || clear_broadcast(v, b, e) < 0)
			return -1;
		stack_event(v, "filter_cleared", &f);
		return 0;
	}
	if (b) {
		describe(v, b, &companion);
		companion_gone = b->users == 1 && !b->wanted;
		if (release_broadcast(v, b, e) < 0)
			return -1;
	}
	if (stack_req_clear_filter(a, id, e) < 0) {
		struct stack_error undo;

		if (b) {
			b = companion_gone ? make_broadcast(v, &f.vlan, companion.id, &undo) : b;
			if (b)
				b->users++;
			else
				a->counted[id] = false;
		}
		return -1;
	}
	a->counted[id] = false;
	if (v)
		stack_event(v, "filter_cleared", &f);
	if (companion_gone)
		stack_event(v, "filter_cleared", &companion);
	return 0;
}

/* A broadcast filter moves alone only when no MAC filter counts on it. */
static int move_broadcast(struct stack_adapter *a, struct stack_broadcast *b, struct stack_vport *from,
			  struct stack_vport *to, struct stack_error *e)
{
	const struct stack_broadcast *there = find_broadcast(to, &b->vlan);

	if (b->users)
		return stack_fail(e, STACK_REFUSED, "id",
				  "filter %u is the broadcast filter of %u MAC filters of %s and moves with them",
				  b->id, b->users, from->name);
	if (there)
		return stack_fail(e, STACK_EXISTS, "to", "%s has this filter already: %u", to->name, there->id);
	if (stack_req_move_filter(a, b->id, from->id, to->id, e) < 0)
		return -1;
	give_broadcast(b, to);
	return 0;
}

/*
 * A MAC filter moves, and the broadcast filter it counts on follows as far as it is needed. First the destination gets
 * its broadcast filter (the source's own when nobody else there needs it), then the MAC filter moves, then the source
 * is rid of what is left without users.
 */
static int move_counted(struct stack_adapter *a, uint32_t id, struct stack_broadcast *src, struct stack_vport *from,
			struct stack_vport *to, struct stack_error *e)
{
	struct stack_broadcast *dst = find_broadcast(to, &src->vlan);
	bool alone = src->users == 1 && !src->wanted, made = false, carried = false;
	struct stack_error undo;

	if (!dst && alone) {
		if (stack_req_move_filter(a, src->id, from->id, to->id, e) < 0)
			return -1;
		carried = true;
	} else if (!dst) {
		dst = make_broadcast(to, &src->vlan, 0, e);
		if (!dst)
			return -1;
		made = true;
	}
	if (stack_req_move_filter(a, id, from->id, to->id, e) < 0)
		goto undo;
	if (carried) {
		give_broadcast(src, to);
		tell_of(to, "filter_moved", src);
		return 0;
	}
	if (release_telling(from, src, e) < 0) {
		if (stack_req_move_filter(a, id, to->id, from->id, &undo) < 0) {
			src->users--; /* it stays there and counts on none */
			a->counted[id] = false;
		}
		goto undo;
	}
	dst->users++;
	if (made)
		tell_of(to, "filter_set", dst);
	return 0;
undo:
	if (carried && stack_req_move_filter(a, src->id, to->id, from->id, &undo) < 0) {
		give_broadcast(src, to);
		src->users--;
		a->counted[id] = false;
	}
	if (made)
		(void)clear_broadcast(to, dst, &undo);
	return -1;
}

int stack_filter_move(struct stack_adapter *a, uint32_t id, struct stack_vport *to, struct stack_filter_info *out,
		      struct stack_error *e)
{
	struct stack_broadcast *b = NULL;
	struct stack_vport *from;
	int rc;

	if (get(a, id, out, e) < 0)
		return -1;
	if (to->adapter != a)
		return stack_fail(e, STACK_PARAM, "to", "%s is on adapter %s; filters stay on theirs, %s", to->name,
				  to->adapter->name, a->name);
	if (out->vport == to->id)
		return 0;
	if (stack_adapter_model(a) != STACK_MODEL_SWITCH)
		return stack_fail(e, STACK_REFUSED, "id",
				  "%u is a VM queue's filter, and those do not move (that takes VPorts, mode SR-IOV): "
				  "delete it, then add it to %s", id, to->name);
	from = stack_vport_by_id(a, out->vport);
	if (from && (out->broadcast || stack_mac_is_broadcast(out->mac)))
		b = find_broadcast(from, &out->vlan);
	if (!b)
		rc = stack_req_move_filter(a, id, out->vport, to->id, e);
	else if (b->id == id)
		rc = move_broadcast(a, b, from, to, e);
	else
		rc = move_counted(a, id, b, from, to, e);
	if (rc < 0)
		return -1;
	out->vport = to->id;
	if (from)
		stack_changed(from);
	stack_event(to, "filter_moved", out);
	return 0;
}

int stack_filter_set_broadcast(struct stack_adapter *a, uint32_t id, bool on, struct stack_error *e)
{
	struct stack_filter_info f;
	struct stack_broadcast *b;
	struct stack_vport *v;

	if (get(a, id, &f, e) < 0)
		return -1;
	v = stack_vport_by_id(a, f.vport);
	if (!v || f.mac[0] & 1 || f.broadcast == on)
		return 0;
	b = find_broadcast(v, &f.vlan);
	if (on && !b) {
		b = make_broadcast(v, &f.vlan, 0, e);
		if (!b)
			return -1;
		tell_of(v, "filter_set", b);
	}
	if (on)
		b->users++;
	else if (release_telling(v, b, e) < 0)
		return -1;
	a->counted[id] = on;
	stack_changed(v);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	const struct stack_filter_info *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Appends the filters of one VPort or VM queue, or of all VPorts. */
static int append(struct stack_adapter *a, bool all, uint32_t target, struct stack_filter_info **list, size_t *n,
		  struct stack_error *e)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY *h;
	struct stack_filter_info *more;

	if (stack_req_enum_filters(a, all, target, &h, e) < 0)
		return -1;
	more = realloc(*list, (*n + h->NumElements + 1) * sizeof *more);
	if (!more) {
		free(h);
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	*list = more;
	for (ULONG i = 0; i < h->NumElements; i++) {
		NDIS_RECEIVE_FILTER_INFO f;

		memcpy(&f, (const char *)h + h->FirstElementOffset + (size_t)i * h->ElementSize, sizeof f);
		if (stack_req_get_filter(a, f.FilterId, &more[*n], e) < 0) {
			free(h);
			return -1;
		}
		complete_info(a, &more[(*n)++]);
	}
	free(h);
	return 0;
}

/* The contract lists filters a queue. */
static int append_queues(struct stack_adapter *a, struct stack_filter_info **list, size_t *n, struct stack_error *e)
{
	struct stack_vport_info *queues;
	size_t nqueues;
	int rc = 0;

	if (stack_queue_list(a, &queues, &nqueues, e) < 0)
		return -1;
	for (size_t i = 0; i < nqueues && rc == 0; i++)
		rc = append(a, false, queues[i].id, list, n, e);
	free(queues);
	return rc;
}

int stack_filter_list(struct stack_adapter *a, const struct stack_vport *v, struct stack_filter_info **out, size_t *n,
		      struct stack_error *e)
{
	enum stack_model model = stack_adapter_model(a);
	struct stack_filter_info *list = calloc(1, sizeof *list);
	int rc = 0;

	*n = 0;
	if (!list)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	if (model == STACK_MODEL_QUEUES && !v)
		rc = append_queues(a, &list, n, e);
	else if (model != STACK_MODEL_NONE)
		rc = append(a, v == NULL, v ? v->id : 0, &list, n, e);
	if (rc < 0) {
		free(list);
		return -1;
	}
	qsort(list, *n, sizeof *list, ascending);
	*out = list;
	return 0;
}

void stack_filters_forget(struct stack_vport *v)
{
	struct stack_broadcast *b;

	while ((b = LIST_FIRST(&v->broadcasts)) != NULL) {
		LIST_REMOVE(b, link);
		free(b);
	}
}

static int broadcasts_last(const void *a, const void *b)
{
	const struct stack_filter_info *x = a, *y = b;
	int bx = stack_mac_is_broadcast(x->mac), by = stack_mac_is_broadcast(y->mac);

	return bx != by ? bx - by : x->id < y->id ? -1 : x->id > y->id;
}

/* One filter of many: the records agree with the contract after each. */
static int clear_one(struct stack_vport *v, const struct stack_filter_info *f, struct stack_error *e)
{
	struct stack_broadcast *b = find_broadcast(v, &f->vlan);

	if (b && b->id == f->id)
		return clear_broadcast(v, b, e);
	if (stack_req_clear_filter(v->adapter, f->id, e) < 0)
		return -1;
	if (b && f->broadcast)
		b->users--;
	v->adapter->counted[f->id] = false;
	return 0;
}

int stack_filters_clear_all(struct stack_vport *v, struct stack_filter_info **kept, size_t *n, struct stack_error *e)
{
	if (stack_filter_list(v->adapter, v, kept, n, e) < 0)
		return -1;
	qsort(*kept, *n, sizeof **kept, broadcasts_last);
	for (size_t i = 0; i < *n; i++) {
		if (clear_one(v, &(*kept)[i], e) < 0) {
			stack_filters_restore(v, *kept, i);
			free(*kept);
			return -1;
		}
	}
	return 0;
}

/* Of the broadcast filter of the VLAN test; 0: none is in the list. */
static uint32_t broadcast_id(const struct stack_filter_info *list, size_t n, const struct stack_vlan *vlan)
{
	for (size_t i = 0; i < n; i++)
		if (stack_mac_is_broadcast(list[i].mac) && stack_vlan_equal(&list[i].vlan, vlan))
			return list[i].id;
	return 0;
}

void stack_filters_restore(struct stack_vport *v, const struct stack_filter_info *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct stack_filter_want want = {
			.vlan = list[i].vlan, .broadcast = list[i].broadcast, .id = list[i].id,
			.broadcast_id = broadcast_id(list, n, &list[i].vlan),
		};
		struct stack_filter_info made[STACK_FILTERS_MADE];
		struct stack_error e;
		unsigned nmade;

		if (list[i].companion)
			continue; /* its MAC filters bring it */
		memcpy(want.mac, list[i].mac, 6);
		if (stack_filter_make(v, &want, made, &nmade, &e) < 0)
			log_error("VPort %s: a filter could not be set again: %s", v->name, e.err.text);
	}
}
