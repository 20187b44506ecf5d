/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens, told to monitors (events.h). */
#include "vmqd/events.h"

#include <jansson.h>
#include <time.h>

#include "vmqd/daemon.h"
#include "vmqd/text.h"

/* NULL when nobody listens. */
static json_t *event(const struct stack_vport *v, const char *name)
{
	const struct daemon *d = adapter_of(v)->daemon;
	struct timespec now;

	if (!d->server || !server_has_subscribers(d->server))
		return NULL;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return json_pack("{s:f, s:s, s:s, s:s, s:i}", "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9, "event",
			 name, "adapter", stack_adapter_name(stack_vport_adapter(v)), "vport", stack_vport_name(v),
			 "vport_id", (int)stack_vport_id(v));
}

static void send_event(const struct stack_vport *v, json_t *e)
{
	server_event(adapter_of(v)->daemon->server, e);
}

void events_stack(void *ctx, const char *name, struct stack_vport *v, const struct stack_filter_info *f)
{
	json_t *e = event(v, name);

	(void)ctx;
	if (!e)
		return;
	if (f) {
		(void)json_object_set_new(e, "id", json_integer(f->id));
		(void)json_object_set_new(e, "mac", mac_json(f->mac));
		(void)json_object_set_new(e, "vlan", vlan_json(&f->vlan));
	}
	send_event(v, e);
}

void events_vm(struct stack_vport *v, const char *name, const char *reason)
{
	json_t *e = event(v, name);

	if (!e)
		return;
	if (reason)
		(void)json_object_set_new(e, "reason", json_string(reason));
	send_event(v, e);
}

void events_queue(struct stack_vport *v, const char *name, unsigned qp, const char *reason)
{
	json_t *e = event(v, name);

	if (!e)
		return;
	(void)json_object_set_new(e, "queue", json_integer(qp));
	if (reason)
		(void)json_object_set_new(e, "reason", json_string(reason));
	send_event(v, e);
}
