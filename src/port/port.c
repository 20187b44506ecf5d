/* SPDX-License-Identifier: BSD-3-Clause */
/* Chooses the driver of a port by name, or the best one that works ("auto"). Control thread; no state of its own. */
#include "port/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const struct port_ops *const drivers[] = { &port_tap_ops, &port_xdp_ops, &port_packet_ops, &port_pcap_ops };

static int open_auto(const struct port_config *cfg, struct port **out, struct vmq_err *err)
{
	struct vmq_err better = { .text = "" };
	int rc = port_xdp_ops.open(cfg, out, &better);

	if (rc == 0) {
		log_info("device %s: took %s", cfg->ifname, (*out)->ops->describe(*out));
		return 0;
	}
	rc = port_packet_ops.open(cfg, out, err);
	if (rc < 0)
		return rc;
	(void)snprintf((*out)->fallback, sizeof (*out)->fallback, "%.*s", (int)sizeof (*out)->fallback - 1, better.text);
	log_info("device %s: took %s; not AF_XDP: %s", cfg->ifname, (*out)->ops->describe(*out), better.text);
	return 0;
}

int port_open(const struct port_config *cfg, struct port **out, struct vmq_err *err)
{
	*out = NULL;
	if (strcmp(cfg->driver, "auto") == 0)
		return open_auto(cfg, out, err);
	for (unsigned i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
		if (strcmp(cfg->driver, drivers[i]->name) == 0)
			return drivers[i]->open(cfg, out, err);
	return vmq_err(err, -EINVAL, "driver \"%s\" is unknown; it is one of auto, tap, xdp, packet, pcap",
		       cfg->driver);
}

void port_close(struct port *p)
{
	if (p)
		p->ops->close(p);
}

void port_leave(struct port *p)
{
	if (p)
		p->kept.leave = true;
	port_close(p);
}
