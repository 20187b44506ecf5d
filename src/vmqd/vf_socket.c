/* SPDX-License-Identifier: BSD-3-Clause */
/* The sockets of virtual functions (vf_socket.h). */
#include "vmqd/vf_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmqd/daemon.h"
#include "vmqd/endpoint.h"
#include "vmqd/events.h"

#define WAS_RESET "its VF was reset; the guest's driver must set the rings up again"

static struct vf_socket *find(const struct adapter *a, uint32_t vport)
{
	struct vf_socket *s;

	LIST_FOREACH (s, &a->vf_sockets, link) {
		if (s->vport == vport)
			return s;
	}
	return NULL;
}

struct vhost_endpoint *vf_socket_endpoint(const struct adapter *a, uint32_t vport)
{
	const struct stack_vport *v = a->stack ? stack_vport_by_id(a->stack, vport) : NULL;
	const struct vf_socket *s = v ? NULL : find(a, vport);

	return v ? stack_vport_endpoint(v) : s ? s->ep : NULL;
}

static void on_event(void *ctx, struct vhost_endpoint *ep, const struct vhost_event *ev)
{
	const struct vf_socket *s = ctx;

	(void)ep;
	events_vf_socket(s->adapter, s->vf, s->vport, ev);
}

static int attached(void *ctx, unsigned vf, uint32_t vport, struct vmq_err *err)
{
	struct adapter *a = ctx;
	const struct config *cfg = a->daemon->cfg;
	struct vhost_endpoint_config ec = {
		.faulty_sessions = VHOST_FAULTY_SESSIONS,
		.mode = cfg->vport_socket_mode,
		.uid = (uid_t)-1,
		.gid = cfg->vport_socket_group,
		.nic = a->nic,
		.vport = vport,
		.loop = &a->daemon->vhost_loop,
		.event = on_event,
	};
	char name[STACK_NAME_SIZE + 16];
	struct vf_socket *s;
	int rc, n;

	if (!a->raw_request) /* the stack opens the sockets of its VPorts */
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return vmq_err(err, -ENOMEM, "out of memory");
	(void)snprintf(name, sizeof name, "%s-vf%u", a->cfg->name, vf);
	n = snprintf(s->path, sizeof s->path, "%s/%s.sock", cfg->run_dir, name);
	if (n < 0 || (size_t)n >= sizeof s->path) {
		free(s);
		return vmq_err(err, -EINVAL, "the VF's socket %s/%s.sock has too long a path", cfg->run_dir, name);
	}
	s->adapter = a;
	s->vf = vf;
	s->vport = vport;
	name[sizeof name - 1] = '\0';
	ec.name = name;
	ec.path = s->path;
	ec.ctx = s;
	ec.queue_pairs = softnic_vport_queue_pairs(a->soft, vport);
	rc = vhost_endpoint_open(&ec, &s->ep, err);
	if (rc < 0) {
		free(s);
		return rc;
	}
	if (softnic_vport_asleep(a->soft, vport))
		(void)vhost_endpoint_suspend(s->ep, true);
	LIST_INSERT_HEAD(&a->vf_sockets, s, link);
	return 0;
}

static void detached(void *ctx, unsigned vf, uint32_t vport)
{
	struct vf_socket *s = find(ctx, vport);

	(void)vf;
	if (!s)
		return;
	LIST_REMOVE(s, link);
	vhost_endpoint_close(s->ep);
	free(s);
}

static int reset(void *ctx, uint32_t vport)
{
	struct vhost_endpoint *ep = vf_socket_endpoint(ctx, vport);

	return ep ? vhost_endpoint_reset(ep, WAS_RESET) : 0;
}

static int sleeps(void *ctx, uint32_t vport, bool asleep)
{
	struct vhost_endpoint *ep = vf_socket_endpoint(ctx, vport);

	return ep ? vhost_endpoint_suspend(ep, asleep) : 0;
}

static int queue_pairs(void *ctx, uint32_t vport, unsigned n, struct vmq_err *err)
{
	struct vhost_endpoint *ep = vf_socket_endpoint(ctx, vport);

	return ep ? vhost_endpoint_set_queue_pairs(ep, n, err) : 0;
}

const struct softnic_ops vf_socket_ops = {
	.vf_attached = attached,
	.vf_detached = detached,
	.vf_reset = reset,
	.vf_sleep = sleeps,
	.queue_pairs = queue_pairs,
};

void vf_socket_broken(const struct adapter *a, uint32_t vport, unsigned qp, const char *reason)
{
	const struct vf_socket *s = find(a, vport);

	if (s)
		vhost_endpoint_broken(s->ep, qp, reason);
}

void vf_socket_describe(const struct adapter *a, uint32_t vport, json_t *out)
{
	const struct stack_vport *v = stack_vport_by_id(a->stack, vport);
	const struct vf_socket *s = v ? NULL : find(a, vport);

	if (!v && !s)
		return;
	(void)json_object_set_new(out, "socket", json_string(v ? stack_vport_socket(v) : s->path));
	endpoint_state(v ? stack_vport_endpoint(v) : s->ep, out);
}
