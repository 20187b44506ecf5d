/* SPDX-License-Identifier: BSD-3-Clause */
/* VPorts and filters as they are asked for (wish.h). */
#include "vmqd/wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqd/member.h"
#include "vmqd/rss.h"
#include "vmqd/text.h"
#include "vmqd/trunk.h"
#include "vmqd/tuning.h"

void wish_filter_read(struct params *p, bool required, struct stack_filter_want *out)
{
	*out = (struct stack_filter_want){ .broadcast = true };
	(void)member_mac(p, required ? SCHEMA(FILTER, mac) : SCHEMA(VPORT, mac), out->mac);
	(void)member_vlan(p, SCHEMA(FILTER, vlan), &out->vlan);
	(void)member_bool(p, SCHEMA(FILTER, broadcast), &out->broadcast);
	if (params_has(p, "mac") || required)
		return;
	if (params_has(p, "vlan"))
		(void)params_fault(p, "vlan", "needs mac beside it: a filter is a MAC address and a VLAN test");
	else if (params_has(p, "broadcast"))
		(void)params_fault(p, "broadcast", "needs mac beside it: it is said of a MAC filter");
}

static void default_socket(struct params *p, const char *run_dir, struct stack_vport_want *w)
{
	int n = snprintf(w->socket, sizeof w->socket, "%s/%s.sock", run_dir, w->name);

	if (n < 0 || (size_t)n >= sizeof w->socket)
		(void)params_fault(p, "name", "makes a socket path of more than %zu bytes: %s/%s.sock; name the socket",
				   sizeof w->socket - 1, run_dir, w->name);
}

/* The VLANs of `mac`, one for each of its filters. */
static size_t first_vlans(struct params *p, struct stack_vport_want *w, const struct stack_filter_want *first,
			  struct stack_vlan vlans[STACK_VLANS])
{
	struct stack_vlans set;
	bool list;

	(void)trunk_read(p, SCHEMA(VPORT, trunk), &w->policy.trunk, &list, &set);
	if (list && params_has(p, "vlan"))
		(void)params_fault(p, "vlan", "has no place beside the VLANs of trunk");
	if (list && !params_has(p, "mac"))
		(void)params_fault(p, "trunk", "needs mac beside its VLANs: filters are of an address in a VLAN");
	if (!params_ok(p) || !params_has(p, "mac"))
		return 0;
	vlans[0] = first->vlan;
	return list ? stack_vlans_list(&set, vlans) : 1;
}

int wish_vport_read(struct params *p, const char *run_dir, size_t more, struct wish_vport *out)
{
	struct stack_vport_want *w = &out->want;
	struct stack_filter_want first;
	struct stack_vlan vlans[STACK_VLANS];
	uint32_t cpu = 0, pairs = 1;
	size_t nvlans;
	unsigned mode = 0, function = 0, moderation = 0;

	*out = (struct wish_vport){ .want.policy = { .vlan_check = true, .all_multicast = true } };
	tuning_default(&w->tuning);
	(void)member_name(p, SCHEMA(VPORT, name), w->name);
	w->cpu_given = member_uint(p, SCHEMA(VPORT, cpu), &cpu);
	wish_filter_read(p, false, &first);
	if (!member_path(p, SCHEMA(VPORT, socket), w->socket) && params_ok(p))
		default_socket(p, run_dir, w);
	(void)member_word(p, SCHEMA(VPORT, socket_mode), &mode);
	(void)member_word(p, SCHEMA(VPORT, function), &function);
	(void)member_uint(p, SCHEMA(VPORT, queue_pairs), &pairs);
	(void)member_word(p, SCHEMA(VPORT, moderation), &moderation);
	(void)member_bool(p, SCHEMA(VPORT, source_check), &w->policy.source_check);
	(void)member_bool(p, SCHEMA(VPORT, vlan_check), &w->policy.vlan_check);
	(void)member_bool(p, SCHEMA(VPORT, all_multicast), &w->policy.all_multicast);
	nvlans = first_vlans(p, w, &first, vlans);
	(void)rss_read(p, &w->rss);
	(void)tuning_read(p, &w->tuning);
	if (!params_ok(p))
		return -1;
	w->cpu = cpu;
	w->queue_pairs = pairs;
	w->moderation = moderation_values[moderation];
	w->on_vf = function == 1;
	w->socket_mode = mode ? STACK_SOCKET_CLIENT : STACK_SOCKET_SERVER;
	out->filters = calloc(more + nvlans + 1, sizeof *out->filters);
	if (!out->filters)
		return stack_fail(p->e, STACK_FAILED, NULL, "out of memory");
	w->filters = out->filters;
	for (size_t i = 0; i < nvlans; i++) {
		first.vlan = vlans[i];
		out->filters[w->nfilters++] = first;
	}
	return 0;
}

int wish_host_read(struct params *p, size_t filters, struct wish_vport *out)
{
	struct stack_vport_want *w = &out->want;
	unsigned moderation = 0;

	*out = (struct wish_vport){ .want.queue_pairs = 1 };
	(void)snprintf(w->name, sizeof w->name, STACK_DEFAULT_NAME);
	(void)member_word(p, SCHEMA(HOST, moderation), &moderation);
	(void)member_bool(p, SCHEMA(HOST, source_check), &w->policy.source_check);
	(void)member_bool(p, SCHEMA(HOST, vlan_check), &w->policy.vlan_check);
	(void)member_bool(p, SCHEMA(HOST, all_multicast), &w->policy.all_multicast);
	tuning_read_host(p, &w->tuning);
	if (!params_ok(p))
		return -1;
	w->moderation = moderation_values[moderation];
	out->filters = calloc(filters + 1, sizeof *out->filters);
	if (!out->filters)
		return stack_fail(p->e, STACK_FAILED, NULL, "out of memory");
	w->filters = out->filters;
	return 0;
}

/* The first address that is no group's: a VF's own. */
static const uint8_t *address(const struct wish_vport *w)
{
	for (size_t i = 0; i < w->want.nfilters; i++)
		if (!(w->filters[i].mac[0] & 1))
			return w->filters[i].mac;
	return NULL;
}

static bool other_address(const struct wish_vport *a, const struct wish_vport *b)
{
	const uint8_t *x = address(a), *y = address(b);

	return y && !(x && memcmp(x, y, 6) == 0);
}

bool wish_needs_renewal(const struct wish_vport *now, const struct wish_vport *want)
{
	const struct stack_vport_want *a = &now->want, *b = &want->want;

	return a->on_vf != b->on_vf || !stack_rss_same_hash(&a->rss, &b->rss) || a->socket_mode != b->socket_mode ||
	       strcmp(a->socket, b->socket) != 0 ||
	       (b->on_vf && (a->queue_pairs != b->queue_pairs || other_address(now, want)));
}

void wish_free(struct wish_vport *w)
{
	free(w->filters);
	*w = (struct wish_vport){ 0 };
}
