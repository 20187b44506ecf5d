/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens, told to monitors (events.h). */
#include "vmqd/events.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "vmqd/daemon.h"
#include "vmqd/text.h"

/* NULL when nobody listens. */
static json_t *adapter_event(const struct adapter *a, const char *name)
{
	const struct daemon *d = a->daemon;
	struct timespec now;

	if (!d->server || !server_has_subscribers(d->server))
		return NULL;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return json_pack("{s:f, s:s, s:s}", "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9, "event", name,
			 "adapter", a->cfg->name);
}

static json_t *event(const struct stack_vport *v, const char *name)
{
	json_t *e = adapter_event(adapter_of(v), name);

	if (!e)
		return NULL;
	(void)json_object_set_new(e, "vport", json_string(stack_vport_name(v)));
	(void)json_object_set_new(e, stack_vport_is_queue(v) ? "queue_id" : "vport_id", json_integer(stack_vport_id(v)));
	return e;
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

void events_announced(struct stack_vport *v, const uint8_t mac[6])
{
	json_t *e = event(v, "vm_announced");

	if (!e)
		return;
	(void)json_object_set_new(e, "mac", mac_json(mac));
	send_event(v, e);
}

void events_moved(struct stack_vport *v, unsigned from, unsigned to, const char *cause, const char *reason)
{
	json_t *e = event(v, "vport_moved");

	if (!e)
		return;
	(void)json_object_set_new(e, "from", json_integer(from));
	(void)json_object_set_new(e, "to", json_integer(to));
	(void)json_object_set_new(e, "cause", json_string(cause));
	(void)json_object_set_new(e, "reason", json_string(reason));
	send_event(v, e);
}

void events_queue(struct stack_vport *v, const char *name, unsigned qp, const char *reason)
{
	json_t *e = event(v, name);

	if (!e)
		return;
	(void)json_object_set_new(e, "queue", json_integer(stack_vport_is_queue(v) ? stack_vport_id(v) : qp));
	if (reason)
		(void)json_object_set_new(e, "reason", json_string(reason));
	send_event(v, e);
}

/* The address and the MTU are told while there is a device. */
static void send_link(const struct adapter *a, json_t *e, const char *device, const struct link_state *s)
{
	(void)json_object_set_new(e, "device", json_string(device));
	(void)json_object_set_new(e, "link", json_boolean(s->up));
	if (s->present) {
		(void)json_object_set_new(e, "mac", mac_json(s->mac));
		(void)json_object_set_new(e, "mtu", json_integer(s->mtu));
	}
	server_event(a->daemon->server, e);
}

void events_host(const struct adapter *a, const char *device, const struct link_state *s)
{
	json_t *e = adapter_event(a, "host_changed");

	if (!e)
		return;
	(void)json_object_set_new(e, "promiscuous", json_boolean(s->promiscuous));
	send_link(a, e, device, s);
}

void events_wire(const struct adapter *a, const char *device, const struct link_state *s)
{
	json_t *e = adapter_event(a, "link_changed");

	if (e)
		send_link(a, e, device, s);
}

static void send_raw(const struct adapter *a, json_t *e, const void *buf, uint32_t len)
{
	char *hex = hex_encode(buf, len);

	(void)json_object_set_new(e, "buffer", json_string(hex ? hex : ""));
	free(hex);
	server_event(a->daemon->server, e);
}

void events_indication(void *ctx, NDIS_STATUS code, const void *buf, uint32_t len)
{
	const struct adapter *a = ctx;
	json_t *e = adapter_event(a, "status_indication");

	if (!e)
		return;
	(void)json_object_set_new(e, "status", json_integer((uint32_t)code));
	(void)json_object_set_new(e, "status_name", json_string(ndis_status_name(code)));
	send_raw(a, e, buf, len);
}

void events_invalidated(void *ctx, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 block_mask)
{
	NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO info;
	const struct adapter *a = ctx;
	json_t *e = adapter_event(a, "vf_config_invalidated");
	char mask[24];

	if (!e)
		return;
	memset(&info, 0, sizeof info); /* padding included: all of it is told */
	info.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT,
					    NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1, sizeof info };
	info.BlockMask = block_mask;
	(void)snprintf(mask, sizeof mask, "0x%llx", (unsigned long long)block_mask);
	(void)json_object_set_new(e, "vf", json_integer(vf));
	(void)json_object_set_new(e, "block_mask", json_string(mask));
	(void)json_object_set_new(e, "oid", json_integer(OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK));
	send_raw(a, e, &info, sizeof info);
	(void)ndis_vf_take_invalidated(a->ndis, vf);
}

void events_vf_socket(const struct adapter *a, unsigned vf, uint32_t vport, const struct vhost_event *ev)
{
	static const char *const names[] = {
		[VHOST_EVENT_CONNECTED] = "vm_connected",   [VHOST_EVENT_DISCONNECTED] = "vm_disconnected",
		[VHOST_EVENT_RUNNING] = "queue_started",    [VHOST_EVENT_STOPPED] = "queue_stopped",
		[VHOST_EVENT_BROKEN] = "queue_broken",      [VHOST_EVENT_ANNOUNCE] = NULL,
		[VHOST_EVENT_STARTING] = NULL,
	};
	bool queue = ev->type == VHOST_EVENT_RUNNING || ev->type == VHOST_EVENT_STOPPED || ev->type == VHOST_EVENT_BROKEN;
	json_t *e = names[ev->type] ? adapter_event(a, names[ev->type]) : NULL;

	if (!e)
		return;
	(void)json_object_set_new(e, "vport", json_string(""));
	(void)json_object_set_new(e, "vport_id", json_integer(vport));
	(void)json_object_set_new(e, "vf", json_integer(vf));
	if (queue)
		(void)json_object_set_new(e, "queue", json_integer(ev->qp));
	if (ev->reason)
		(void)json_object_set_new(e, "reason", json_string(ev->reason));
	server_event(a->daemon->server, e);
}

void events_driver_fault(const struct adapter *a, const char *sentence)
{
	json_t *e = adapter_event(a, "driver_fault");

	if (!e)
		return;
	(void)json_object_set_new(e, "reason", json_string(sentence));
	server_event(a->daemon->server, e);
}
