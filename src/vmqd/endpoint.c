/* SPDX-License-Identifier: BSD-3-Clause */
/* A VPort's vhost-user endpoint (endpoint.h). */
#include "vmqd/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "vmqd/daemon.h"
#include "vmqd/events.h"
#include "vmqd/fdstore.h"

static int add_fd(void *ctx, int fd, uint32_t events, vhost_fd_cb *cb, void *arg)
{
	return loop_add(ctx, fd, events, cb, arg);
}

static int mod_fd(void *ctx, int fd, uint32_t events)
{
	return loop_change(ctx, fd, events);
}

static void del_fd(void *ctx, int fd)
{
	loop_remove(ctx, fd);
}

void endpoint_loop(struct loop *loop, struct vhost_loop *out)
{
	*out = (struct vhost_loop){ .add_fd = add_fd, .mod_fd = mod_fd, .del_fd = del_fd, .ctx = loop };
}

/*
 * The frame by which switches learn where the VM is now: a reverse ARP request (RFC 903) for its own address, to
 * everybody. One a request: front-ends ask again with growing pauses, QEMU five times as its announce parameters say.
 */
static void announce(struct stack_vport *v, const uint8_t mac[6])
{
	static const uint8_t arp[] = { 0x80, 0x35, /* ethertype */
				       0, 1, 8, 0, 6, 4, /* Ethernet and IPv4 addresses, of 6 and 4 bytes */
				       0, 3 /* request reverse */ };
	uint8_t frame[60] = { 0 }; /* the shortest there is; protocol addresses and padding stay 0 */
	int rc;

	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, arp, sizeof arp);
	memcpy(frame + 22, mac, 6); /* who asks … */
	memcpy(frame + 32, mac, 6); /* … for itself */
	rc = nic_inject(adapter_of(v)->nic, stack_vport_id(v), frame, sizeof frame);
	if (rc < 0)
		log_warn("VPort %s: its VM could not be announced: %s", stack_vport_name(v), strerror(-rc));
	else
		events_announced(v, mac);
}

/* The VPort was made before its VM came (migrate.import). Its filters claim frames from now on, before the first frame of the
 * VM's is looked at; the state is stored with the next turn of the control thread's watch. */
static void arrived(struct stack_vport *v)
{
	struct stack_error e;

	if (!stack_vport_awaits_vm(v))
		return;
	if (stack_vport_set(v, &(struct stack_vport_change){ .set_active = true }, &e) < 0)
		log_error("VPort %s: its VM is there, and it could not be activated: %s", stack_vport_name(v), e.err.text);
	else
		log_info("VPort %s: its VM is there: activated", stack_vport_name(v));
}

static void on_event(void *ctx, struct vhost_endpoint *ep, const struct vhost_event *ev)
{
	struct stack_vport *v = ctx;

	(void)ep;
	switch (ev->type) {
	case VHOST_EVENT_CONNECTED:
		events_vm(v, "vm_connected", NULL);
		break;
	case VHOST_EVENT_DISCONNECTED:
		events_vm(v, "vm_disconnected", ev->reason);
		break;
	case VHOST_EVENT_STARTING:
		arrived(v);
		break;
	case VHOST_EVENT_RUNNING:
		events_queue(v, "queue_started", ev->qp, NULL);
		break;
	case VHOST_EVENT_STOPPED:
		events_queue(v, "queue_stopped", ev->qp, ev->reason);
		break;
	case VHOST_EVENT_BROKEN:
		events_queue(v, "queue_broken", ev->qp, ev->reason);
		break;
	case VHOST_EVENT_ANNOUNCE:
		announce(v, ev->mac);
		break;
	}
}

int endpoint_open(void *ctx, struct stack_vport *v, struct stack_error *e)
{
	struct daemon *d = ctx;
	struct stack_vport_info info;
	struct vhost_endpoint *ep;
	struct vmq_err err = { "" };
	int rc;
	struct vhost_endpoint_config cfg = {
		.name = stack_vport_name(v),
		.path = stack_vport_socket(v),
		.client = stack_vport_socket_mode(v) == STACK_SOCKET_CLIENT,
		.mode = d->cfg->vport_socket_mode,
		.uid = (uid_t)-1,
		.gid = d->cfg->vport_socket_group,
		.nic = adapter_of(v)->nic,
		.vport = stack_vport_id(v),
		.loop = &d->vhost_loop,
		.keep = fdstore_keep(d->fdstore),
		.faulty_sessions = VHOST_FAULTY_SESSIONS,
		.event = on_event,
		.ctx = v,
	};

	if (stack_vport_info(v, &info, e) < 0)
		return -1;
	cfg.queue_pairs = info.queue_pairs;
	rc = vhost_endpoint_open(&cfg, &ep, &err);
	if (rc == -EACCES && d->cfg->sandbox)
		return stack_fail(e, STACK_FAILED, "socket",
				  "%s; in its sandbox vmqd makes sockets in %s, and in directories where the file has some",
				  err.text, d->cfg->run_dir);
	if (rc == -EPERM && d->cfg->user)
		return stack_fail(e, STACK_FAILED, "socket",
				  "%s; vmqd's user %s gives it to the group of vport_sockets, %s, only as a member of that",
				  err.text, d->cfg->user, d->cfg->vport_socket_group_name);
	if (rc < 0)
		return stack_fail(e, STACK_FAILED, "socket", "%s", err.text);
	if (softnic_vport_asleep(adapter_of(v)->soft, stack_vport_id(v)))
		(void)vhost_endpoint_suspend(ep, true);
	stack_vport_set_endpoint(v, ep);
	return 0;
}

void endpoint_close(void *ctx, struct stack_vport *v)
{
	const struct daemon *d = ctx;

	if (d->leaving)
		vhost_endpoint_leave(stack_vport_endpoint(v));
	else
		vhost_endpoint_close(stack_vport_endpoint(v));
	stack_vport_set_endpoint(v, NULL);
}

void endpoint_resume(struct stack_vport *v)
{
	struct vhost_endpoint *ep = v ? stack_vport_endpoint(v) : NULL;

	if (ep)
		vhost_endpoint_resume(ep);
}

void endpoint_broken(struct stack_vport *v, unsigned qp, const char *reason)
{
	struct vhost_endpoint *ep = stack_vport_endpoint(v);

	if (ep)
		vhost_endpoint_broken(ep, qp, reason);
	else
		log_error("VPort %s: broken: %s", stack_vport_name(v), reason);
}

const char *endpoint_broken_reason(const struct stack_vport *v, unsigned qp)
{
	const struct vhost_endpoint *ep = stack_vport_endpoint(v);
	struct vhost_status st;

	if (!ep)
		return NULL;
	vhost_endpoint_status(ep, &st);
	return qp < st.queue_pairs && st.queue[qp].state == VHOST_QUEUE_BROKEN ? st.queue[qp].reason : NULL;
}

static json_t *feature_names(uint64_t features)
{
	json_t *list = json_array();

	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = features >> bit & 1 ? vhost_feature_name(bit) : NULL;

		if (name)
			(void)json_array_append_new(list, json_string(name));
	}
	return list;
}

json_t *endpoint_features(const struct stack_vport *v)
{
	const struct vhost_endpoint *ep = stack_vport_endpoint(v);
	struct vhost_status st = { 0 };

	if (ep)
		vhost_endpoint_status(ep, &st);
	return feature_names(st.features);
}

uint64_t endpoint_offered(unsigned queue_pairs)
{
	return VHOST_FEATURES_DEFAULT & ~(queue_pairs > 1 ? 0 : VHOST_FEATURE(MQ));
}

/* One word for all its queue pairs: the worst, then the best. */
static json_t *status_json(const struct vhost_status *st)
{
	const char *word = st->connected ? "connected" : "no VM";

	for (unsigned i = 0; i < st->queue_pairs; i++) {
		if (st->queue[i].state == VHOST_QUEUE_BROKEN)
			return json_sprintf("broken: %s", st->queue[i].reason);
		if (st->queue[i].state == VHOST_QUEUE_RUNNING)
			word = "running";
	}
	return json_string(word);
}

/* What stands between a connected front-end and traffic, as the first queue pair shows it; NULL: nothing. */
static const char *waits_for(const struct vhost_status *st)
{
	return st->connected && st->queue[0].state != VHOST_QUEUE_BROKEN ? st->queue[0].reason : NULL;
}

void endpoint_describe(const struct stack_vport *v, json_t *out)
{
	const struct vhost_endpoint *ep = stack_vport_endpoint(v);

	if (ep) {
		endpoint_state(ep, out);
		return;
	}
	/* the default VPort: its host device is always there */
	(void)json_object_set_new(out, "connected", json_true());
	(void)json_object_set_new(out, "status", json_string("running"));
	(void)json_object_set_new(out, "features", json_array());
}

void endpoint_state(const struct vhost_endpoint *ep, json_t *out)
{
	struct vhost_status st;
	const char *why;

	vhost_endpoint_status(ep, &st);
	(void)json_object_set_new(out, "connected", json_boolean(st.connected));
	if (st.peer_pid > 0)
		(void)json_object_set_new(out, "peer_pid", json_integer(st.peer_pid));
	(void)json_object_set_new(out, "status", status_json(&st));
	why = waits_for(&st);
	if (why)
		(void)json_object_set_new(out, "waits_for", json_string(why));
	(void)json_object_set_new(out, "features", feature_names(st.features));
}

void endpoint_counters(const struct stack_vport *v, json_t *out)
{
	const struct vhost_endpoint *ep = v ? stack_vport_endpoint(v) : NULL;
	struct vhost_status st;

	if (!ep)
		return;
	vhost_endpoint_status(ep, &st);
	(void)json_object_set_new(out, "faults", json_integer((json_int_t)st.errors));
	(void)json_object_set_new(out, "breaks", json_integer((json_int_t)st.breaks));
	(void)json_object_set_new(out, "announcements", json_integer((json_int_t)st.announcements));
	(void)json_object_set_new(out, "announcements_withheld", json_integer((json_int_t)st.announcements_withheld));
}
