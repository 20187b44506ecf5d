/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AF_XDP: a socket that shares packet memory (the UMEM) and four rings with the kernel. The driver, or the kernel's
 * stack where the driver cannot, puts received frames into our memory; xdp_prog.c's program says so. Receiving takes no
 * system call; sending takes one a burst, in tx_flush, and none when a zero-copy driver is polling anyway.
 *
 * The kernel takes a frame only if it fits one chunk of the UMEM, a chunk is at most a page, and 256 bytes of it are
 * the kernel's: a device with an MTU above 3,818 is refused (-EOPNOTSUPP), and auto takes AF_PACKET.
 *
 * VLAN tags. An XDP program sees the frame's bytes only, so a tag that the kernel or the device carries beside them
 * would be lost. No device is taken for which that could happen:
 * - real devices (they sit on a bus) take tags out only as an offload; it is turned off here and restored at close
 *   (rxvlan in `ethtool -k`; after a crash: `ethtool -K DEV rxvlan on`);
 * - veth carries the tag of a VLAN device at its far end, or of a tc or bridge rule there, beside the frame: our
 * program asks the kernel for it and puts it back (Linux 6.8; older kernels: refused);
 * - TAP devices get their frames as bytes;
 * - other devices made of software (bridge, macvlan, VLAN, bond…) are refused.
 *
 * One receive queue is served, so a device that spreads frames over several is refused until told to use one
 * (`ethtool -L DEV combined 1`), or until the configuration names the queue to which frames are steered.
 *
 * State belongs to the port's worker, except what is constant after open. Nothing is allocated after open.
 */
#include "port/port.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#include "port/count.h"
#include "port/device.h"
#include "port/gather.h"
#include "port/netns.h"
#include "port/xdp_prog.h"

/* Rings as long as there are frames: none can overflow, so filling one never fails. */
#define RX_FRAMES   2048u
#define TX_FRAMES   1024u
#define CHUNK_SMALL 2048u
#define CHUNK_LARGE 4096u
#define KERNEL_ROOM 256u	    /* XDP_PACKET_HEADROOM, at the head of each chunk received into */
#define FRAME_EXTRA (ETH_HLEN + 8u) /* header and two tags beside the MTU */
#define SEND_BUFFER (4 << 20)
#define BUSY_NAPS   50u
#define BUSY_NAP_MS 10
#define KICKS_MAX   8u /* system calls a tx_flush spends at most */

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17: how many frames one system call sends in copy mode; 32 before */
#endif

static const char *const tag_offloads[] = { "rx-vlan-stag-hw-parse", "rx-vlan-hw-parse" };
#define TAG_OFFLOADS (sizeof tag_offloads / sizeof tag_offloads[0])

struct xdp_port {
	struct port port;
	int fd;
	uint32_t chunk;
	uint32_t tx_max; /* the longest frame the device sends: others would vanish in its driver */
	uint8_t *area;	 /* the UMEM: RX_FRAMES chunks to receive into, then TX_FRAMES to send from */
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod tx, fill;
	unsigned tx_nfree;
	uint32_t tx_free[TX_FRAMES]; /* offsets in `area`; a stack, so that the chunk used last is used next */
	struct port_counts counts;

	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	struct xdp_prog prog;
	int promisc_fd;
	bool restore[TAG_OFFLOADS]; /* tag_offloads[i] was on and is to be turned on at close */
	bool zero_copy;
	struct device dev;
	char text[64];
};

static size_t area_size(const struct xdp_port *p)
{
	return (size_t)(RX_FRAMES + TX_FRAMES) * p->chunk;
}

static void xdp_socket_close(struct xdp_port *p)
{
	if (p->xsk)
		xsk_socket__delete(p->xsk);
	if (p->umem)
		(void)xsk_umem__delete(p->umem);
	p->xsk = NULL;
	p->umem = NULL;
}

static void xdp_close(struct port *port)
{
	struct xdp_port *p = (struct xdp_port *)port;

	xdp_prog_detach(&p->prog);
	xdp_socket_close(p);
	if (p->area)
		(void)munmap(p->area, area_size(p));
	if (p->promisc_fd >= 0)
		(void)close(p->promisc_fd);
	for (unsigned i = 0; i < TAG_OFFLOADS; i++)
		if (p->restore[i])
			(void)device_set_feature(&p->dev, tag_offloads[i], true);
	device_close(&p->dev);
	free(p);
}

/* Chunk size by the device's MTU; a later change of it needs the port to be opened again. */
static int xdp_chunk(struct xdp_port *p, struct vmq_err *err)
{
	unsigned mtu = device_mtu(&p->dev);

	p->chunk = mtu + FRAME_EXTRA <= CHUNK_SMALL - KERNEL_ROOM ? CHUNK_SMALL : CHUNK_LARGE;
	p->tx_max = mtu + FRAME_EXTRA;
	if (mtu + FRAME_EXTRA > CHUNK_LARGE - KERNEL_ROOM)
		return vmq_err(err, -EOPNOTSUPP,
			       "device %s has MTU %u; AF_XDP carries up to %u: lower it, or choose driver packet",
			       p->dev.name, mtu, CHUNK_LARGE - KERNEL_ROOM - FRAME_EXTRA);
	return 0;
}

static int xdp_queues(const struct xdp_port *p, unsigned queue, struct vmq_err *err)
{
	unsigned count = device_rx_queues(&p->dev);

	if (queue >= count)
		return vmq_err(err, -EINVAL, "device %s has no receive queue %u; it has %u, counted from 0",
			       p->dev.name, queue, count);
	if (queue == 0 && count > 1)
		return vmq_err(
		    err, -EOPNOTSUPP,
		    "device %s has %u receive queues, of which AF_XDP serves one: `ethtool -L %s combined 1`, or "
		    "choose driver packet",
		    p->dev.name, count, p->dev.name);
	return 0;
}

/* Sees to it that no VLAN tag is lost (above). *by_program: the XDP program has to ask for tags. */
static int xdp_tags(struct xdp_port *p, bool *by_program, struct vmq_err *err)
{
	char driver[32], bus[32];

	device_driver(&p->dev, driver, bus);
	*by_program = strcmp(driver, "veth") == 0;
	if (*by_program)
		return 0;
	if (bus[0] == '\0' || strcmp(bus, "N/A") == 0)
		return vmq_err(
		    err, -EOPNOTSUPP,
		    "device %s (driver %s) is made of software and may carry VLAN tags where AF_XDP loses them: "
		    "choose driver packet",
		    p->dev.name, driver[0] ? driver : "unknown");
	for (unsigned i = 0; i < TAG_OFFLOADS; i++) {
		int rc;

		if (!device_feature(&p->dev, tag_offloads[i]))
			continue;
		p->restore[i] = true;
		rc = device_set_feature(&p->dev, tag_offloads[i], false);
		if (rc)
			return vmq_err(
			    err, -EOPNOTSUPP,
			    "device %s takes VLAN tags out of frames (%s) and will not stop: %s; choose driver packet",
			    p->dev.name, tag_offloads[i], strerror(-rc));
	}
	return 0;
}

static int xdp_socket_try(struct xdp_port *p, unsigned queue, __u16 bind_flags)
{
	struct xsk_umem_config umem = { .fill_size = RX_FRAMES, .comp_size = TX_FRAMES, .frame_size = p->chunk };
	struct xsk_socket_config sock = {
		.rx_size = RX_FRAMES,
		.tx_size = TX_FRAMES,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = (__u16)(bind_flags | XDP_USE_NEED_WAKEUP),
	};
	int rc = xsk_umem__create(&p->umem, p->area, area_size(p), &p->fill, &p->completion, &umem);

	if (rc == 0)
		rc = xsk_socket__create(&p->xsk, p->dev.name, queue, p->umem, &p->rx, &p->tx, &sock);
	if (rc)
		xdp_socket_close(p);
	return rc;
}

/* After a socket is closed, by us or by the end of a process, the kernel frees its queue in its own time: wait for
 * that, within a bound. */
static int xdp_socket_open(struct xdp_port *p, unsigned queue, __u16 bind_flags)
{
	const struct timespec nap = { .tv_nsec = BUSY_NAP_MS * 1000000L };
	int rc = xdp_socket_try(p, queue, bind_flags);

	for (unsigned i = 0; rc == -EBUSY && i < BUSY_NAPS; i++) {
		(void)nanosleep(&nap, NULL);
		rc = xdp_socket_try(p, queue, bind_flags);
	}
	return rc;
}

/* The UMEM, the socket, and the chunks handed to the kernel. Zero-copy is for native mode only. */
static int xdp_socket(struct xdp_port *p, unsigned queue, struct vmq_err *err)
{
	int rc = -EOPNOTSUPP, bytes = SEND_BUFFER, budget = PORT_BURST;
	uint32_t idx = 0;

	p->area = mmap(NULL, area_size(p), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->area == MAP_FAILED) {
		p->area = NULL;
		return vmq_err(err, -ENOMEM, "device %s: no memory for %zu bytes of frames", p->dev.name, area_size(p));
	}
	if (p->prog.native)
		rc = xdp_socket_open(p, queue, XDP_ZEROCOPY);
	p->zero_copy = rc == 0;
	if (rc && rc != -EBUSY)
		rc = xdp_socket_open(p, queue, XDP_COPY);
	if (rc == -EAFNOSUPPORT)
		return vmq_err(err, -EOPNOTSUPP, "device %s: this kernel has no XDP sockets (CONFIG_XDP_SOCKETS)",
			       p->dev.name);
	if (rc == -EBUSY)
		return vmq_err(err, rc, "device %s: another AF_XDP socket has queue %u", p->dev.name, queue);
	if (rc == -ENETDOWN)
		return vmq_err(err, rc, "device %s is down: `ip link set %s up`", p->dev.name, p->dev.name);
	if (rc)
		return vmq_err(
		    err, rc, "device %s: no AF_XDP socket on queue %u: %s%s", p->dev.name, queue, strerror(-rc),
		    rc == -ENOBUFS || rc == -ENOMEM ? " (CAP_IPC_LOCK or a higher LimitMEMLOCK is needed)" : "");
	p->fd = xsk_socket__fd(p->xsk);
	(void)setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
	(void)setsockopt(p->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget);

	for (uint32_t i = 0; i < TX_FRAMES; i++)
		p->tx_free[i] = (RX_FRAMES + TX_FRAMES - 1 - i) * p->chunk;
	p->tx_nfree = TX_FRAMES;
	(void)xsk_ring_prod__reserve(&p->fill, RX_FRAMES, &idx);
	for (uint32_t i = 0; i < RX_FRAMES; i++)
		*xsk_ring_prod__fill_addr(&p->fill, idx + i) = (uint64_t)i * p->chunk;
	xsk_ring_prod__submit(&p->fill, RX_FRAMES);
	rc = xsk_socket__update_xskmap(p->xsk, p->prog.map_fd);
	if (rc)
		return vmq_err(err, rc, "device %s: the AF_XDP socket cannot be given its frames: %s", p->dev.name,
			       strerror(-rc));
	return 0;
}

/* The device's address filter has to let frames for VMs in. The membership ends with the socket, which receives
 * nothing: its protocol is 0. */
static int xdp_promiscuous(struct xdp_port *p, struct vmq_err *err)
{
	struct packet_mreq mreq = { .mr_ifindex = p->dev.index, .mr_type = PACKET_MR_PROMISC };
	int rc;

	p->promisc_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->promisc_fd >= 0 && setsockopt(p->promisc_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof mreq) == 0)
		return 0;
	rc = -errno;
	return vmq_err(err, rc, "device %s: no promiscuous mode: %s (CAP_NET_RAW is needed)", p->dev.name,
		       strerror(-rc));
}

struct xdp_args {
	const struct port_config *cfg;
	struct xdp_port *p;
	struct vmq_err *err;
};

/* Runs inside the device's network namespace. What it leaves half done, xdp_close ends. */
static int xdp_setup(void *arg)
{
	struct xdp_args *a = arg;
	struct xdp_port *p = a->p;
	bool by_program = false;
	int rc = device_open(&p->dev, a->cfg->ifname, a->cfg->netns, a->err);

	if (rc == 0)
		rc = xdp_chunk(p, a->err);
	if (rc == 0)
		rc = xdp_queues(p, a->cfg->queue, a->err);
	if (rc == 0)
		rc = xdp_tags(p, &by_program, a->err);
	if (rc == 0)
		rc = xdp_prog_attach(&p->prog, &p->dev, a->cfg->queue, by_program, a->err);
	if (rc == 0)
		rc = xdp_socket(p, a->cfg->queue, a->err);
	if (rc == 0)
		rc = xdp_promiscuous(p, a->err);
	return rc;
}

static int xdp_open(const struct port_config *cfg, struct port **out, struct vmq_err *err)
{
	struct xdp_args args = { .cfg = cfg, .err = err };
	struct xdp_port *p = calloc(1, sizeof *p);
	int rc;

	if (!p)
		return vmq_err(err, -ENOMEM, "no memory for the port");
	/* libxdp would write to stderr what comes back as an error code anyway. */
	(void)libxdp_set_print(NULL);
	p->port.ops = &port_xdp_ops;
	p->fd = p->promisc_fd = p->dev.ctl = p->prog.map_fd = p->prog.link_fd = -1;
	args.p = p;
	rc = port_in_netns(cfg->netns, xdp_setup, &args, err);
	if (rc) {
		xdp_close(&p->port);
		return rc;
	}
	(void)snprintf(p->text, sizeof p->text, "AF_XDP, %s, %s, %u buffers of %u bytes",
		       p->prog.native ? "native" : "generic", p->zero_copy ? "zero-copy" : "copy", RX_FRAMES, p->chunk);
	*out = &p->port;
	return 0;
}

static int xdp_rx_fd(const struct port *port)
{
	return ((const struct xdp_port *)port)->fd;
}

/* Gives chunks back to the kernel to receive into. */
static void xdp_rx_release(struct port *port, const struct port_frame *f, unsigned n)
{
	struct xdp_port *p = (struct xdp_port *)port;
	uint32_t idx = 0;

	if (n == 0)
		return;
	(void)xsk_ring_prod__reserve(&p->fill, n, &idx);
	for (unsigned i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&p->fill, idx + i) = f[i].cookie;
	xsk_ring_prod__submit(&p->fill, n);
}

static unsigned xdp_rx_burst(struct port *port, struct port_frame *f, unsigned n)
{
	struct xdp_port *p = (struct xdp_port *)port;
	uint32_t idx = 0, avail = xsk_ring_cons__peek(&p->rx, n, &idx);
	unsigned got = 0;

	if (avail == 0) {
		/* A zero-copy driver that ran out of chunks sleeps until told that there are some again. */
		if (xsk_ring_prod__needs_wakeup(&p->fill))
			(void)recvfrom(p->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
		return 0;
	}
	for (uint32_t i = 0; i < avail; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&p->rx, idx + i);

		f[got] = (struct port_frame){
			.data = p->area + d->addr,
			.len = d->len,
			.cookie = d->addr & ~(uint64_t)(p->chunk - 1),
		};
		if (d->len < ETH_HLEN) {
			port_count(&p->counts.rx_runt);
			xdp_rx_release(port, &f[got], 1);
			continue;
		}
		got++;
	}
	xsk_ring_cons__release(&p->rx, avail);
	return got;
}

/* Takes back the chunks of frames that have been sent. */
static void xdp_tx_reap(struct xdp_port *p)
{
	uint32_t idx = 0, n = xsk_ring_cons__peek(&p->completion, TX_FRAMES, &idx);

	for (uint32_t i = 0; i < n; i++)
		p->tx_free[p->tx_nfree++] = (uint32_t)*xsk_ring_cons__comp_addr(&p->completion, idx + i);
	if (n > 0)
		xsk_ring_cons__release(&p->completion, n);
}

static unsigned xdp_tx_burst(struct port *port, const struct port_tx_frame *f, unsigned n)
{
	struct xdp_port *p = (struct xdp_port *)port;
	uint32_t idx = 0, queued = 0;
	unsigned taken;

	if (p->tx_nfree < n)
		xdp_tx_reap(p);
	for (taken = 0; taken < n && p->tx_nfree > 0; taken++) {
		uint32_t offset = p->tx_free[p->tx_nfree - 1];
		uint32_t len = port_gather(p->area + offset, p->tx_max, &f[taken]);

		if (len == 0) {
			port_count(&p->counts.tx_error);
			continue;
		}
		(void)xsk_ring_prod__reserve(&p->tx, 1, &idx);
		*xsk_ring_prod__tx_desc(&p->tx, idx) = (struct xdp_desc){ .addr = offset, .len = len };
		p->tx_nfree--;
		queued++;
	}
	if (queued > 0)
		xsk_ring_prod__submit(&p->tx, queued);
	return taken;
}

/* Frames in the transmit ring that the kernel has not looked at. */
static uint32_t xdp_tx_waiting(const struct xdp_port *p)
{
	return p->tx.cached_prod - __atomic_load_n(p->tx.consumer, __ATOMIC_ACQUIRE);
}

static void xdp_tx_flush(struct port *port)
{
	struct xdp_port *p = (struct xdp_port *)port;
	uint32_t waiting = xdp_tx_waiting(p);

	if (waiting == 0 || !xsk_ring_prod__needs_wakeup(&p->tx))
		return;
	/* One call is enough unless the kernel sends fewer frames a call than we have, or one frame of them failed. */
	for (unsigned kick = 0; kick < KICKS_MAX; kick++) {
		uint32_t before = waiting;

		if (sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			break;
		waiting = xdp_tx_waiting(p);
		if (waiting == 0 || waiting == before)
			break;
	}
	xdp_tx_reap(p);
}

static const char *xdp_describe(const struct port *port)
{
	return ((const struct xdp_port *)port)->text;
}

static void xdp_counters(const struct port *port, struct port_counters *out)
{
	const struct xdp_port *p = (const struct xdp_port *)port;
	struct xdp_statistics st = { .rx_dropped = 0 };
	socklen_t len = sizeof st;

	port_counts_read(&p->counts, out);
	if (getsockopt(p->fd, SOL_XDP, XDP_STATISTICS, &st, &len) != 0)
		return;
	/* The kernel does not tell a missing chunk from a frame too long for one; the MTU keeps those away. */
	out->rx_no_buffer = st.rx_dropped + st.rx_ring_full;
	out->tx_error += st.tx_invalid_descs;
}

static bool xdp_link_up(const struct port *port)
{
	return device_link_up(&((const struct xdp_port *)port)->dev);
}

static bool xdp_address(const struct port *port, uint8_t mac[6], unsigned *mtu)
{
	return device_address(&((const struct xdp_port *)port)->dev, mac, mtu);
}

const struct port_ops port_xdp_ops = {
	.name = "xdp",
	.open = xdp_open,
	.close = xdp_close,
	.rx_fd = xdp_rx_fd,
	.rx_burst = xdp_rx_burst,
	.rx_release = xdp_rx_release,
	.tx_burst = xdp_tx_burst,
	.tx_flush = xdp_tx_flush,
	.describe = xdp_describe,
	.counters = xdp_counters,
	.link_up = xdp_link_up,
	.address = xdp_address,
};
