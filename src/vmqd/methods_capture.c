/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.start, trace.start, capture.stop (docs/rpc.md). The frames go from the workers to the client through shared
 * memory (include/vmq/tap.h), whose descriptor is sent along with the answer; the control thread touches none of them.
 * A capture is its client's: it ends when that one is gone.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "vmqd/methods.h"

#define DEFAULT_SNAPLEN	 262u /* Ethernet, two tags, and the headers of anything usual */
#define DEFAULT_RING_KIB 1024u
#define MAX_FRAMES	 1000000u
#define TRACE_FRAMES	 10u

static const char *const points[] = { "ingress", "delivered", "dropped", "wire" };

_Static_assert(sizeof points / sizeof points[0] == NIC_TAP_POINTS, "a name for each point");

static void end_tap(void *arg)
{
	int rc = nic_tap_stop(arg);

	if (rc < 0)
		log_warn("a capture's memory could not be freed: %s", strerror(-rc));
}

/* "ingress,dropped" */
static void read_points(struct params *p, struct nic_tap_config *c)
{
	const char *text, *end;

	if (!params_str(p, "point", false, &text))
		return;
	for (;; text = end + 1) {
		unsigned i = 0;

		end = strchrnul(text, ',');
		while (i < NIC_TAP_POINTS &&
		       (strlen(points[i]) != (size_t)(end - text) || strncmp(points[i], text, strlen(points[i])) != 0))
			i++;
		if (i == NIC_TAP_POINTS) {
			(void)params_fault(p, "point",
					   "\"%.*s\" is not a point; points are ingress, delivered, dropped and wire, "
					   "several with commas between",
					   (int)(end - text < 32 ? end - text : 32), text);
			return;
		}
		c->points |= 1u << i;
		if (!*end)
			return;
	}
}

/* An optional VPort under `key`; "wire" where `wire` is given. Its adapter, or NULL: not there, or an error. */
static struct adapter *read_vport(struct daemon *d, struct params *p, const char *key, uint32_t *id, bool *wire,
				  struct stack_error *e)
{
	const json_t *name = params_any(p, key, false);
	struct stack_vport *v;

	if (!name)
		return NULL;
	if (wire && json_is_string(name) && strcmp(json_string_value(name), "wire") == 0) {
		const char *text;

		*wire = params_str(p, key, true, &text);
		return NULL;
	}
	v = select_vport(d, p, key, e);
	if (!v)
		return NULL;
	*id = stack_vport_id(v);
	return adapter_of(v);
}

static struct adapter *read_tap(struct daemon *d, struct params *p, struct nic_tap_config *c, struct stack_error *e)
{
	uint32_t ring = DEFAULT_RING_KIB, count = c->trace ? TRACE_FRAMES : 0, vlan;
	struct adapter *a, *from = NULL;
	struct stack_vlan test;

	a = read_vport(d, p, "vport", &c->vport, NULL, e);
	c->by_vport = a != NULL;
	if (c->trace) {
		from = read_vport(d, p, "from", &c->from, &c->from_wire, e);
		c->by_from = from || c->from_wire;
		if (a && from && a != from)
			(void)params_fault(p, "from", "is a VPort of another adapter");
	}
	if (!a)
		a = from;
	if (!a && params_ok(p))
		a = select_adapter(d, p, e);
	c->by_dst = params_mac(p, "dst", false, c->dst);
	c->by_src = params_mac(p, "src", false, c->src);
	if (json_is_string(json_object_get(p->obj, "vlan"))) {
		c->by_vlan = params_vlan(p, "vlan", &test) && test.kind == STACK_VLAN_UNTAGGED;
	} else {
		c->by_vlan = params_uint(p, "vlan", false, 0, 4094, &vlan);
		c->vlan = c->by_vlan ? (uint16_t)vlan : 0;
	}
	(void)params_uint(p, "count", false, c->trace ? 1 : 0, MAX_FRAMES, &count);
	if (!c->trace) {
		c->snaplen = DEFAULT_SNAPLEN;
		read_points(p, c);
		(void)params_uint(p, "snaplen", false, 14, NIC_TAP_MAX_SNAPLEN, &c->snaplen);
		(void)params_uint(p, "buffer_kib", false, NIC_TAP_MIN_RING / 1024, NIC_TAP_MAX_RING / 1024, &ring);
		if (ring & (ring - 1))
			(void)params_fault(p, "buffer_kib", "must be a power of two");
		if (c->points == 0)
			c->points =
			    c->by_vport ? 1u << NIC_TAP_INGRESS | 1u << NIC_TAP_DELIVERED : 1u << NIC_TAP_INGRESS;
	}
	c->limit = count;
	c->ring_size = ring * 1024;
	return params_close(p) < 0 ? NULL : a;
}

/* What turns the numbers of records into words: those of now. */
static json_t *words(const struct adapter *a)
{
	json_t *vports = json_array();

	for (uint32_t id = 0; id < NIC_MAX_VPORTS; id++) {
		struct nic_vport_counters c;

		if (nic_vport_counters(a->nic, id, &c) == 0)
			(void)json_array_append_new(
			    vports, json_pack("{s:i, s:s}", "id", (int)id, "name", vport_name_of(a, id)));
	}
	return json_pack("{s:s, s:o, s:o}", "adapter", a->cfg->name, "vports", vports, "drops", drops_json());
}

static int start(struct daemon *d, struct rpc_client *client, struct params *p, bool trace, json_t **result,
		 struct stack_error *e)
{
	struct nic_tap_config c = { .trace = trace };
	struct adapter *a = read_tap(d, p, &c, e);
	struct vmq_err err = { "" };
	struct nic_tap *t;
	int rc;

	if (!a)
		return -1;
	rc = nic_tap_start(a->nic, &c, &t, &err);
	if (rc < 0)
		return stack_fail(e, rc == -EBUSY ? STACK_LIMIT : STACK_FAILED, NULL, "%s", err.text);
	rc = server_attach(client, nic_tap_fd(t));
	if (rc == 0 && !server_hold(client, end_tap, t))
		rc = -ENOSPC;
	if (rc < 0) {
		end_tap(t);
		return stack_fail(e, STACK_FAILED, NULL, "the shared memory cannot be handed over: %s", strerror(-rc));
	}
	*result = words(a);
	(void)json_object_set_new(*result, "snaplen", json_integer(c.snaplen));
	return 0;
}

int method_capture_start(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	return start(ctx, client, p, false, result, e);
}

int method_trace_start(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	return start(ctx, client, p, true, result, e);
}

int method_capture_stop(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)ctx;
	(void)result;
	if (params_close(p) < 0)
		return -1;
	if (!server_release(client, end_tap, NULL, NULL))
		return stack_fail(e, STACK_NOT_FOUND, NULL, "this connection has no capture and no trace");
	return 0;
}
