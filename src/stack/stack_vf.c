/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFs (stack.h): allocated for a VPort and freed after it, in the documented order (spec/30 §4), and listed. The stack
 * keeps nothing of a VF but its number; all else is read back from the contract. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stack/stack_priv.h"

/* The address the guest's adapter has: of the first filter that is no group's, else one of the locally administered that
 * follows from the name, so that it is the same each time. */
static void address(const struct stack_vport_want *want, uint8_t mac[6])
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < want->nfilters; i++) {
		if (want->filters[i].mac[0] & 1)
			continue;
		memcpy(mac, want->filters[i].mac, 6);
		return;
	}
	for (const char *p = want->name; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 0x100000001b3;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)(hash >> 8 * i);
	mac[0] = (uint8_t)((mac[0] & 0xFC) | 2);
}

int stack_vf_allocate(struct stack_vport *v, const struct stack_vport_want *want, struct stack_error *e)
{
	uint8_t mac[6];

	address(want, mac);
	if (stack_req_allocate_vf(v->adapter, want->name, mac, &v->vf, e) < 0) {
		if (e->code == STACK_LIMIT || e->status == NDIS_STATUS_NOT_SUPPORTED)
			memcpy(e->field, "function", sizeof "function");
		return -1;
	}
	v->on_vf = true;
	return 0;
}

void stack_vf_release(struct stack_vport *v)
{
	struct stack_error e;

	if (!v->on_vf)
		return;
	if (stack_req_reset_vf(v->adapter, v->vf, &e) < 0)
		log_warn("VPort %s: VF %u is freed without having been reset: %s", v->name, v->vf, e.err.text);
	if (stack_req_free_vf(v->adapter, v->vf, &e) < 0)
		log_error("VPort %s: VF %u is left behind: %s", v->name, v->vf, e.err.text);
}

static int ascending(const void *a, const void *b)
{
	const struct stack_vf_info *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct stack_vf_info *find(struct stack_vf_info *list, size_t n, uint16_t id)
{
	struct stack_vf_info key = { .id = id };

	return n ? bsearch(&key, list, n, sizeof *list, ascending) : NULL;
}

static void describe(const NDIS_NIC_SWITCH_VF_INFO *vf, struct stack_vf_info *out)
{
	*out = (struct stack_vf_info){ .id = vf->VFId, .rid = vf->RequestorId, .state = STACK_VF_ALLOCATED };
	(void)ndis_string_get(&vf->VMName, out->vm, sizeof out->vm);
	memcpy(out->mac, vf->CurrentMacAddress, sizeof out->mac);
}

int stack_vf_list(struct stack_adapter *a, struct stack_vf_info **out, size_t *n, struct stack_error *e)
{
	struct stack_vport_info *vports;
	NDIS_NIC_SWITCH_VF_INFO_ARRAY *h;
	struct stack_vf_info *list;
	size_t nvports;

	if (stack_adapter_model(a) != STACK_MODEL_SWITCH) { /* nor any VFs */
		*n = 0;
		*out = calloc(1, sizeof **out);
		return *out ? 0 : stack_fail(e, STACK_FAILED, NULL, "out of memory");
	}
	if (stack_vport_list(a, &vports, &nvports, e) < 0)
		return -1;
	if (stack_req_enum_vfs(a, &h, e) < 0) {
		free(vports);
		return -1;
	}
	list = calloc(h->NumElements ? h->NumElements : 1, sizeof *list);
	*n = list ? h->NumElements : 0;
	for (size_t i = 0; i < *n; i++) {
		NDIS_NIC_SWITCH_VF_INFO vf;

		memcpy(&vf, (const char *)h + h->FirstElementOffset + i * h->ElementSize, sizeof vf);
		describe(&vf, &list[i]);
	}
	if (list)
		qsort(list, *n, sizeof *list, ascending);
	for (size_t i = 0; i < nvports; i++) {
		struct stack_vf_info *vf = vports[i].on_pf ? NULL : find(list, *n, vports[i].vf);

		if (!vf)
			continue;
		vf->vport = vports[i].id;
		vf->queue_pairs = vports[i].queue_pairs;
		vf->state = vports[i].num_filters ? STACK_VF_CARRYING : STACK_VF_ATTACHED;
	}
	free(h);
	free(vports);
	*out = list;
	return list ? 0 : stack_fail(e, STACK_FAILED, NULL, "out of memory");
}
