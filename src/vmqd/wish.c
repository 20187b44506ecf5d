/* SPDX-License-Identifier: BSD-3-Clause */
/* VPorts and filters as they are asked for (wish.h). */
#include "vmqd/wish.h"

#include <stdio.h>
#include <stdlib.h>

#include "vmqd/text.h"
#include "vmqd/tuning.h"

#define MAX_QUEUE_PAIRS 16u /* nic.h's NIC_MAX_QUEUE_PAIRS; the adapter may refuse fewer */

void wish_filter_read(struct params *p, bool required, struct stack_filter_want *out)
{
	*out = (struct stack_filter_want){ .broadcast = true };
	(void)params_mac(p, "mac", required, out->mac);
	(void)params_vlan(p, "vlan", &out->vlan);
	(void)params_bool(p, "broadcast", &out->broadcast);
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

int wish_vport_read(struct params *p, const char *run_dir, size_t more, struct wish_vport *out)
{
	static const char *const modes[] = { "server", "client", NULL };
	static const char *const functions[] = { "pf", "vf", NULL };
	struct stack_vport_want *w = &out->want;
	struct stack_filter_want first;
	uint32_t cpu = 0, pairs = 1;
	unsigned mode = 0, function = 0;

	*out = (struct wish_vport){ .want.policy = { .vlan_check = true, .all_multicast = true },
				    .want.tuning.group_frames.per_s = TUNING_GROUP_FRAMES };
	w->moderation = moderation_values[0];
	(void)params_name(p, "name", true, w->name);
	w->cpu_given = params_uint(p, "cpu", false, 0, UINT16_MAX, &cpu);
	wish_filter_read(p, false, &first);
	if (!params_path(p, "socket", false, w->socket, sizeof w->socket) && params_ok(p))
		default_socket(p, run_dir, w);
	(void)params_choice(p, "socket_mode", modes, &mode);
	(void)params_choice(p, "function", functions, &function);
	(void)params_uint(p, "queue_pairs", false, 1, MAX_QUEUE_PAIRS, &pairs);
	(void)params_moderation(p, "moderation", &w->moderation);
	(void)params_bool(p, "source_check", &w->policy.source_check);
	(void)params_bool(p, "vlan_check", &w->policy.vlan_check);
	(void)params_bool(p, "all_multicast", &w->policy.all_multicast);
	(void)tuning_read(p, &w->tuning);
	if (!params_ok(p))
		return -1;
	w->cpu = cpu;
	w->queue_pairs = pairs;
	w->on_vf = function == 1;
	w->socket_mode = mode ? STACK_SOCKET_CLIENT : STACK_SOCKET_SERVER;
	out->filters = calloc(more + 1, sizeof *out->filters);
	if (!out->filters)
		return stack_fail(p->e, STACK_FAILED, NULL, "out of memory");
	w->filters = out->filters;
	if (params_has(p, "mac"))
		out->filters[w->nfilters++] = first;
	return 0;
}

void wish_free(struct wish_vport *w)
{
	free(w->filters);
	*w = (struct wish_vport){ 0 };
}
