/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's checks of the wires' and the host's network devices (doctor.h). */
#include <stdio.h>
#include <string.h>

#include "vmqctl/doctor/device.h"
#include "vmqctl/doctor/doctor.h"

/* Where the configuration says a port's device is; NULL: vmqd's own namespace. */
static const char *netns_of(const struct doctor *d, const json_t *sw, const char *port)
{
	const json_t *a = doctor_find(json_object_get(d->daemon, "adapters"), "adapter", doctor_text(sw, "adapter"));

	return json_string_value(json_object_get(json_object_get(a, port), "netns"));
}

static const char *wire_of(const json_t *sw)
{
	return doctor_text(json_object_get(sw, "port"), "device");
}

/* False, and the check says so: it is not to be seen. A capture file has none. */
static bool wire_device(struct doctor *d, const json_t *sw, struct device *out)
{
	const char *name = wire_of(sw);

	if (!*name)
		return false;
	if (device_look(d->root, netns_of(d, sw, "port"), d->pid, name, out) == 0)
		return true;
	doctor_say(d, DOCTOR_UNKNOWN, "device %s is not to be seen from here (as root it is)", name);
	return false;
}

static bool host_device(struct doctor *d, const json_t *sw, struct device *out)
{
	const char *name = doctor_text(sw, "host_device");

	if (*name && device_look(d->root, netns_of(d, sw, "host"), d->pid, name, out) == 0)
		return true;
	doctor_say(d, DOCTOR_UNKNOWN, "device %s is not to be seen from here (as root it is)", name);
	return false;
}

static bool is_driver(const json_t *sw, const char *driver)
{
	return strcmp(doctor_text(json_object_get(sw, "port"), "driver"), driver) == 0;
}

/* ---- the wire ---- */

void check_link(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		const json_t *port = json_object_get(s, "port");

		if (!json_is_false(json_object_get(port, "link")))
			continue;
		if (!json_object_get(port, "mac")) {
			doctor_say(d, DOCTOR_WRONG,
				   "adapter %s: the device %s that vmqd has opened is gone (deleted, made anew, or moved to another "
				   "network namespace): nothing goes out or comes in",
				   doctor_text(s, "adapter"), wire_of(s));
			if (is_driver(s, "tap"))
				doctor_mend(d, "systemctl restart vmqd, which makes it");
			else
				doctor_mend(d, "systemctl restart vmqd, once there is a device %s", wire_of(s));
			continue;
		}
		doctor_say(d, DOCTOR_WRONG, "adapter %s: the link of %s is down: nothing goes out or comes in",
			   doctor_text(s, "adapter"), wire_of(s));
		doctor_mend(d, "ip link set %s up; then the cable and the other side", wire_of(s));
	}
}

void check_port_driver(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		const json_t *port = json_object_get(s, "port");
		const char *why = doctor_text(port, "fallback");

		if (*why) {
			doctor_say(d, DOCTOR_WARNING, "adapter %s takes %s by %s, not AF_XDP: %s",
				   doctor_text(s, "adapter"), wire_of(s), doctor_text(port, "driver"), why);
			doctor_mend(d, "what the reason says, then systemctl restart vmqd");
		} else if (is_driver(s, "packet")) {
			doctor_say(d, DOCTOR_NOTE,
				   "adapter %s takes %s by AF_PACKET because the configuration says so: a copy more "
				   "than AF_XDP",
				   doctor_text(s, "adapter"), wire_of(s));
			doctor_mend(d, "port: {driver: auto} in %s", doctor_text(d->daemon, "config"));
		}
	}
}

void check_xdp_mode(struct doctor *d)
{
	/* Drivers of the kernel that run XDP themselves. */
	static const char *const native[] = { "atlantic",  "bnxt_en",	  "dpaa2-eth", "ena",	  "enetc", "fec",
					      "gve",	   "hv_netvsc",	  "i40e",      "iavf",	  "ice",   "igb",
					      "igc",	   "ionic",	  "ixgbe",     "ixgbevf", "mana",  "mlx4_en",
					      "mlx5_core", "mtk_soc_eth", "mvneta",    "mvpp2",	  "nfp",   "qede",
					      "sfc",	   "stmmac",	  "tsnep",     "tun",	  "veth",  "virtio_net",
					      "vmxnet3" };
	struct device dev;
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		if (!is_driver(s, "xdp") || !strstr(doctor_text(json_object_get(s, "port"), "describe"), "generic") ||
		    !wire_device(d, s, &dev))
			continue;
		for (size_t i = 0; i < sizeof native / sizeof *native; i++) {
			if (strcmp(dev.driver, native[i]) != 0)
				continue;
			doctor_say(d, DOCTOR_WARNING,
				   "XDP on %s is generic, behind the network stack's allocation, although its driver "
				   "%s has its own",
				   wire_of(s), dev.driver);
			doctor_mend(d,
				    "ethtool -L %s combined 1; ip link set %s mtu 1500; systemctl restart vmqd (drivers "
				    "want transmit queues to spare and frames of a page)",
				    wire_of(s), wire_of(s));
		}
	}
}

/* The first running VPort whose VM takes no long frames; NULL. */
static const char *takes_no_long_frames(const struct doctor *d, const json_t *sw)
{
	const json_t *v, *f;

	DOCTOR_EACH(d->vports, "vports", v) {
		bool takes = false;

		if (strcmp(doctor_text(v, "status"), "running") != 0 ||
		    strcmp(doctor_text(v, "name"), "default") == 0 ||
		    strcmp(doctor_text(v, "adapter"), doctor_text(sw, "adapter")) != 0)
			continue;
		DOCTOR_EACH(v, "features", f)
			takes = takes || (json_string_value(f) && strcmp(json_string_value(f), "GUEST_TSO4") == 0);
		if (!takes)
			return doctor_text(v, "name");
	}
	return NULL;
}

void check_gro(struct doctor *d)
{
	struct device dev;
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		const char *vport = takes_no_long_frames(d, s);

		/* AF_XDP's frames are taken before they could be joined. */
		if (!vport || !is_driver(s, "packet") || !wire_device(d, s, &dev) || !dev.gro)
			continue;
		doctor_say(d, DOCTOR_NOTE,
			   "the kernel joins the frames of %s (generic-receive-offload), and for VPort %s they are cut "
			   "again: its VM takes none that are long",
			   wire_of(s), vport);
		doctor_mend(d, "guest_tso4=on,guest_tso6=on at QEMU's device; or ethtool -K %s gro off", wire_of(s));
	}
}

void check_lro(struct doctor *d)
{
	struct device dev;
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		if (!wire_device(d, s, &dev) || !dev.lro)
			continue;
		doctor_say(d, DOCTOR_WARNING,
			   "%s joins received frames (large-receive-offload): a switch must not change frames, and "
			   "most drivers refuse XDP then",
			   wire_of(s));
		doctor_mend(d, "ethtool -K %s lro off", wire_of(s));
	}
}

void check_rx_vlan(struct doctor *d)
{
	struct device dev;
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		/* vmqd turned it off when it started; and of these devices it gets the tags in another way. */
		if (!is_driver(s, "xdp") || !wire_device(d, s, &dev) || !dev.rx_vlan ||
		    strcmp(dev.driver, "veth") == 0 || strcmp(dev.driver, "tun") == 0)
			continue;
		doctor_say(d, DOCTOR_WRONG,
			   "somebody let %s take VLAN tags out of frames again (rx-vlan-offload): AF_XDP does not see "
			   "them, and frames of a VLAN arrive as if they had none",
			   wire_of(s));
		doctor_mend(d, "ethtool -K %s rxvlan off", wire_of(s));
	}
}

/* Queues that somebody added since: what comes in by them passes by the switch. */
void check_rx_queues(struct doctor *d)
{
	struct device dev;
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		unsigned served = (unsigned)doctor_number(json_object_get(s, "port"), "rx_queues");

		if (!served || !wire_device(d, s, &dev) || dev.rx_queues <= served)
			continue;
		doctor_say(d, DOCTOR_WRONG,
			   "%s has %u receive queues now, %u when vmqd started: what comes in by the others goes to the "
			   "host's network stack, past the switch",
			   wire_of(s), dev.rx_queues, served);
		doctor_mend(d, "systemctl restart vmqd; or as many queues as before (ethtool -L %s)", wire_of(s));
	}
}

void check_napi(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		const char *why = doctor_text(json_object_get(s, "port"), "no_napi_thread");

		if (!*why)
			continue;
		doctor_say(d, DOCTOR_WARNING,
			   "no kernel thread receives for %s (%s): the CPU of whoever sends to it does, and so he sends less",
			   wire_of(s), why);
		doctor_mend(d, "systemctl restart vmqd; or napi: leave in the port's configuration, if it shall be so");
	}
}

/* ---- lengths and losses ---- */

void check_xdp_mtu(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		const json_t *port = json_object_get(s, "port");
		unsigned mtu = (unsigned)doctor_number(port, "mtu"), most = (unsigned)doctor_number(port, "mtu_max");

		if (!most || mtu <= most)
			continue;
		doctor_say(d, DOCTOR_WRONG,
			   "%s has MTU %u now; AF_XDP took the %u that it had when vmqd started: longer frames are lost",
			   wire_of(s), mtu, most);
		doctor_mend(d, "systemctl restart vmqd (above MTU 3818 it takes AF_PACKET); or ip link set %s mtu %u",
			    wire_of(s), most);
	}
}

static void mtu_of_host(struct doctor *d, const json_t *sw, unsigned wire)
{
	struct device dev;

	if (!host_device(d, sw, &dev) || !dev.mtu || !wire || dev.mtu == wire)
		return;
	doctor_say(d, DOCTOR_WARNING, "the MTU of %s is %u, that of %s is %u: the longer side's frames get lost",
		   wire_of(sw), wire, doctor_text(sw, "host_device"), dev.mtu);
	doctor_mend(d, "ip link set %s mtu %u", doctor_text(sw, "host_device"), wire);
}

void check_mtu(struct doctor *d)
{
	const json_t *s, *v;

	DOCTOR_EACH(d->switches, "switches", s)
		mtu_of_host(d, s, (unsigned)doctor_number(json_object_get(s, "port"), "mtu"));
	DOCTOR_EACH(d->stats, "vports", v) {
		static const char *const reasons[][2] = { { "rx_too_long", "they were longer than its VM's buffers" },
							  { "tx_too_long", "its VM sent them longer than 9,216 bytes" } };
		struct doctor_loss loss;

		for (int i = 0; i < 2; i++) {
			if (!doctor_loss(v, "drops", reasons[i][0], 0, &loss))
				continue;
			doctor_say(d, loss.now ? DOCTOR_WARNING : DOCTOR_NOTE, "VPort %s lost %s: %s (%s)", doctor_text(v, "name"),
				   loss.text, reasons[i][1], reasons[i][0]);
			doctor_mend(d, "one MTU in the VM and on the wire: ip link set eth0 mtu N in the VM, host_mtu=N at "
				       "QEMU's device");
		}
	}
}

/* DEVICE stands for the device's name. */
static void mend_device(struct doctor *d, const char *text, const char *device)
{
	static const char word[] = "DEVICE";
	char out[400] = "";
	const char *at;

	while ((at = strstr(text, word)) != NULL) {
		(void)snprintf(out + strlen(out), sizeof out - strlen(out), "%.*s%s", (int)(at - text), text, device);
		text = at + sizeof word - 1;
	}
	doctor_mend(d, "%s%s", out, text);
}

/* Most of what comes in is for nobody. With a few VLANs of many, or behind a switch that floods, so it is. */
static void tell_unwanted(struct doctor *d, const json_t *wire, const char *device)
{
	enum { MANY = 1000, GOES_ON = 10 };
	const json_t *lately = json_object_get(wire, "lately"), *row = json_object_get(json_object_get(lately, "drops"), "rx_not_accepted");
	long long lost = doctor_number(row, "frames"), all = doctor_number(lately, "rx_frames");

	if (lost < MANY || lost * 2 < all || !json_is_integer(json_object_get(row, "last_s")) || doctor_number(row, "last_s") >= GOES_ON)
		return;
	doctor_say(d, DOCTOR_NOTE,
		   "adapter %s: of %lld frames that %s brought in the last %lld s %lld are for nobody here: no filter has their address and VLAN "
		   "(rx_not_accepted)",
		   doctor_text(wire, "adapter"), all, device, (long long)doctor_number(lately, "seconds"), lost);
	doctor_mend(d, "vmqctl trace from wire -c 5 shows some, vmqctl filter who has what; the right vlan, if they are meant for a VM");
}

void check_wire_loss(struct doctor *d)
{
	static const struct {
		const char *counter, *cause, *mend;
	} rows[] = {
		{ "rx_no_buffer", "came while the worker had no buffer free",
		  "vmqctl cpu plan check: the wire's worker is too busy" },
		{ "rx_too_long", "were longer than 9,216 bytes or cut by the kernel",
		  "ethtool -K DEVICE gro off lro off, MTU 9000 at most" },
		{ "rx_runt", "were shorter than an Ethernet header",
		  "the device's driver, or what is at the other end" },
		{ "tx_error", "were refused by the kernel when sent: longer than the device's MTU, or it was down",
		  "one MTU in the VMs and on the wire: ip link set DEVICE mtu N, or host_mtu=N at QEMU's device" },
		{ "tx_dropped",
		  "were dropped by the device itself: its queueing discipline, a tc filter, or a veth's far end that is full or has "
		  "a smaller MTU",
		  "tc -s qdisc show dev DEVICE; tc -s filter show dev DEVICE egress; else what is at the far end is too slow" },
	};
	const json_t *w, *sw;

	DOCTOR_EACH(d->stats, "wires", w) {
		sw = doctor_find(json_object_get(d->switches, "switches"), "adapter", doctor_text(w, "adapter"));
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct doctor_loss loss;

			if (!doctor_loss(w, "port", rows[i].counter, 0, &loss))
				continue;
			doctor_say(d, loss.now ? DOCTOR_WARNING : DOCTOR_NOTE, "adapter %s's wire %s lost %s: they %s (%s)",
				   doctor_text(w, "adapter"), wire_of(sw), loss.text, rows[i].cause, rows[i].counter);
			mend_device(d, rows[i].mend, wire_of(sw));
		}
		tell_unwanted(d, w, wire_of(sw));
	}
}

/* ---- the host's TAP ---- */

void check_host_link(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		if (!json_is_false(json_object_get(json_object_get(s, "host"), "link")))
			continue;
		doctor_say(d, DOCTOR_NOTE, "%s is down: the host itself takes no part in the network of adapter %s",
			   doctor_text(s, "host_device"), doctor_text(s, "adapter"));
		doctor_mend(d, "ip link set %s up", doctor_text(s, "host_device"));
	}
}

void check_host_address(struct doctor *d)
{
	struct device dev;
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		const json_t *host = json_object_get(s, "host");

		if (!doctor_true(host, "link") || doctor_true(host, "promiscuous") || !host_device(d, s, &dev) ||
		    dev.address)
			continue;
		doctor_say(d, DOCTOR_NOTE,
			   "%s is up without an address, and no port of a bridge: what it receives is for nobody",
			   doctor_text(s, "host_device"));
		doctor_mend(d, "ip addr add ADDRESS dev %s; or ip link set %s master BRIDGE",
			    doctor_text(s, "host_device"), doctor_text(s, "host_device"));
	}
}

void check_promiscuous(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		if (!doctor_true(json_object_get(s, "host"), "promiscuous"))
			continue;
		doctor_say(d, DOCTOR_NOTE,
			   "%s is promiscuous: the host gets a copy of every frame that is nobody's (right for the "
			   "port of a bridge)",
			   doctor_text(s, "host_device"));
		doctor_mend(d, "ip link set %s promisc off; end tcpdump and the like", doctor_text(s, "host_device"));
	}
}
