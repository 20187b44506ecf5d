/* SPDX-License-Identifier: BSD-3-Clause */
/* The watched network devices of an adapter (links.h). */
#include "vmqd/links.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "port/link_watch.h"
#include "vmqd/daemon.h"
#include "vmqd/events.h"
#include "vmqd/text.h"

/* While there is no device all is taken, as at first: then nothing is held back from one that comes and is not known
 * yet. */
static void follow_host(const struct adapter *a, const struct link_state *s)
{
	nic_set_packet_filter(a->nic, !s->present || s->promiscuous, s->mac);
}

/* Whoever has a device's network namespace changes it as often as he likes. */
static bool may_log(struct adapter *a, const char *device)
{
	char whom[STACK_NAME_SIZE + IFNAMSIZ + 24];

	(void)snprintf(whom, sizeof whom, "adapter %s: device %s", a->cfg->name, device);
	return rate_may_log(&a->link_log, whom);
}

static void host_changed(void *ctx, const struct link_state *s)
{
	struct adapter *a = ctx;
	const char *device = a->cfg->host.device;
	char mac[MAC_TEXT_SIZE];

	follow_host(a, s);
	events_host(a, device, s);
	if (!may_log(a, device))
		return;
	mac_format(s->mac, mac);
	if (s->present)
		log_info("adapter %s: host device %s: link %s, address %s, MTU %u, %s", a->cfg->name, device,
			 s->up ? "up" : "down", mac, s->mtu, s->promiscuous ? "promiscuous" : "not promiscuous");
	else
		log_warn("adapter %s: host device %s is gone", a->cfg->name, device);
}

/* What has the wire's name now need not be the device that the port has opened: that one may be gone, or have another name. */
static void log_wire(struct adapter *a, const char *device, const struct link_state *s)
{
	char mac[MAC_TEXT_SIZE];
	unsigned mtu;
	uint8_t own[6];
	bool there = a->wire->ops->address(a->wire, own, &mtu);

	mac_format(s->mac, mac);
	if (s->present && there)
		log_info("adapter %s: port %s: link %s, address %s, MTU %u", a->cfg->name, device,
			 s->up ? "up" : "down", mac, s->mtu);
	else if (there)
		log_warn("adapter %s: port %s has another name now; it goes on, until vmqd is started anew", a->cfg->name, device);
	else if (s->present && s->up) /* down it may be the one that was opened, about to go */
		log_warn("adapter %s: port %s is another device now than the one that was opened, which is gone: nothing goes out or "
			 "comes in until vmqd is restarted",
			 a->cfg->name, device);
	else if (!s->present)
		log_warn("adapter %s: port %s is gone", a->cfg->name, device);
}

static void wire_changed(void *ctx, const struct link_state *s)
{
	struct adapter *a = ctx;
	const char *device = a->cfg->port.device;
	struct link_state was = a->wire_state;

	a->wire_state = *s;
	if (was.present == s->present && was.up == s->up && was.mtu == s->mtu && memcmp(was.mac, s->mac, 6) == 0)
		return; /* a capture on it began or ended, which concerns nothing here */
	events_wire(a, device, s);
	if (may_log(a, device))
		log_wire(a, device, s);
}

static void watch_turn(void *arg, uint32_t events)
{
	(void)events;
	link_watch_read(arg);
}

static int watch(struct adapter *a, const struct config_port *port, link_watch_fn *fn, struct link_watch **out,
		 struct vmq_err *err)
{
	const char *netns = port->netns[0] ? port->netns : NULL;
	int rc = link_watch_open(port->device, netns, fn, a, out, err);

	if (rc < 0)
		return rc;
	rc = loop_add(a->daemon->loop, link_watch_fd(*out), EPOLLIN, watch_turn, *out);
	if (rc < 0)
		return vmq_err(err, rc, "device %s cannot be watched: %s", port->device, strerror(-rc));
	return 0;
}

int links_start(struct adapter *a, struct vmq_err *err)
{
	size_t index = (size_t)(a - a->daemon->adapters);

	if (watch(a, &a->cfg->host, host_changed, &a->host_watch, err) < 0) {
		config_blame(a->daemon->cfg, err, "adapters[%zu].host.device", index);
		return -1;
	}
	follow_host(a, link_watch_state(a->host_watch));
	if (!a->cfg->port.device[0]) /* capture files */
		return 0;
	if (watch(a, &a->cfg->port, wire_changed, &a->wire_watch, err) < 0) {
		config_blame(a->daemon->cfg, err, "adapters[%zu].port.device", index);
		return -1;
	}
	a->wire_state = *link_watch_state(a->wire_watch);
	return 0;
}

static void unwatch(struct adapter *a, struct link_watch *w)
{
	if (w)
		loop_remove(a->daemon->loop, link_watch_fd(w));
	link_watch_close(w);
}

void links_stop(struct adapter *a)
{
	unwatch(a, a->host_watch);
	unwatch(a, a->wire_watch);
	a->host_watch = a->wire_watch = NULL;
}
