/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TAP device: a network device of the kernel whose other end is this port. What the host sends on the device comes
 * out of rx_burst, one read() a frame; what tx_burst takes goes straight from the sender's pieces into the kernel, one
 * writev() a frame. A TAP device has no call for several frames at once, so these are all its system calls.
 *
 * Before each frame, either way, goes a virtio header: the kernel need not finish checksums and segments of what it gives
 * us, nor do we of what we give to it. VLAN tags it puts back into the bytes.
 *
 * State belongs to the port's worker, except what is constant after open. Nothing is allocated after open.
 */
#include "port/port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "port/count.h"
#include "port/device.h"
#include "port/netns.h"

#define ETH_HEADER   14u
#define TAP_BUFFERS  512u
#define TAP_HEADROOM 64u    /* the header before the frame, which begins a cache line */
#define TAP_BUF_SIZE 65664u /* headroom, OFFLOAD_MAX_FRAME and one byte that tells a longer frame, in whole cache lines */
#define TAP_MTU_MAX  (PORT_MAX_FRAME - ETH_HEADER - 8) /* an Ethernet header and two tags beside it */

#define VNET_LEN     sizeof(struct virtio_net_hdr)

#define KEPT_TAP "tap"

_Static_assert(TAP_BUF_SIZE > TAP_HEADROOM + OFFLOAD_MAX_FRAME && TAP_BUF_SIZE % 64 == 0, "a buffer shows that a frame is too long");

/* Younger than Debian 12's headers. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

struct tap_port {
	struct port port;
	int fd;
	int wait_fd;   /* an epoll set with `fd` in it, while there is a device: who waits here need not know when it goes */
	bool gone;     /* somebody deleted the device under us */
	uint8_t *pool; /* TAP_BUFFERS of TAP_BUF_SIZE; pages appear when first used */
	unsigned nfree;
	uint16_t free[TAP_BUFFERS]; /* a stack, so that the buffer used last, still in the cache, is used next */
	struct port_counts counts;
	struct device dev;
	char text[64];
};

static void tap_close(struct port *port)
{
	struct tap_port *p = (struct tap_port *)port;

	port_kept_close(&p->port.kept);
	if (p->wait_fd >= 0)
		(void)close(p->wait_fd);
	if (p->fd >= 0)
		(void)close(p->fd);
	if (p->pool)
		(void)munmap(p->pool, (size_t)TAP_BUFFERS * TAP_BUF_SIZE);
	device_close(&p->dev);
	free(p);
}

/* The process before this one had the device open, and it is still the same device. */
static bool tap_kept(const struct tap_port *p, const struct port_config *cfg)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	return ioctl(p->fd, TUNGETIFF, &ifr) == 0 && strncmp(ifr.ifr_name, cfg->ifname, IFNAMSIZ) == 0 &&
	       (ifr.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) == (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) &&
	       port_netns_here(ioctl(p->fd, TUNGETDEVNETNS));
}

static int tap_attach(struct tap_port *p, const struct port_config *cfg, struct ifreq *ifr, struct vmq_err *err)
{
	int rc;

	/* The device is made in the namespace in which this file is opened. */
	p->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0) {
		rc = -errno;
		return vmq_err(err, rc, "device %s: /dev/net/tun cannot be opened: %s (module tun, CAP_NET_ADMIN)",
			       cfg->ifname, strerror(-rc));
	}
	memcpy(ifr->ifr_name, cfg->ifname, IFNAMSIZ);
	ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(p->fd, TUNSETIFF, ifr) == 0)
		return 0;
	rc = -errno;
	if (rc == -EBUSY)
		return vmq_err(err, rc, "device %s: another program has this TAP device open", cfg->ifname);
	if (rc == -EINVAL)
		return vmq_err(err, rc, "device %s: the name is taken by a device that is no single-queue TAP device",
			       cfg->ifname);
	return vmq_err(err, rc, "device %s: no TAP device could be made: %s (CAP_NET_ADMIN is needed)", cfg->ifname,
		       strerror(-rc));
}

/* What the kernel may give us unfinished; it takes the same from us. */
static int tap_offloads(struct tap_port *p, struct vmq_err *err)
{
	const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int rc, size = (int)VNET_LEN;

	p->port.asks_kernel = true;
	p->port.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN;
	if (ioctl(p->fd, TUNSETVNETHDRSZ, &size) == 0) {
		if (ioctl(p->fd, TUNSETOFFLOAD, (unsigned long)(tcp | TUN_F_USO4 | TUN_F_USO6)) == 0) { /* Linux 6.2 */
			p->port.offloads |= OFFLOAD_USO;
			return 0;
		}
		if (ioctl(p->fd, TUNSETOFFLOAD, (unsigned long)tcp) == 0)
			return 0;
	}
	rc = -errno;
	return vmq_err(err, rc, "device %s: offloads of the TAP device cannot be set: %s", p->dev.name, strerror(-rc));
}

struct tap_args {
	const struct port_config *cfg;
	struct tap_port *p;
	struct vmq_err *err;
	bool kept; /* the device is the one that the process before had */
};

/* Runs inside the device's network namespace. What it leaves half done, tap_close ends: a device that was made here
 * goes with its file, which is why it is made persistent last. A device that the process before had is as it was left. */
static int tap_setup(void *arg)
{
	struct tap_args *a = arg;
	const struct port_config *cfg = a->cfg;
	struct tap_port *p = a->p;
	struct ifreq ifr = { .ifr_flags = 0 };
	bool kept = p->fd >= 0 && tap_kept(p, cfg);
	int rc = 0;

	if (!kept) {
		if (p->fd >= 0)
			(void)close(p->fd);
		rc = tap_attach(p, cfg, &ifr, a->err);
	}
	if (rc == 0)
		rc = device_open(&p->dev, kept ? cfg->ifname : ifr.ifr_name, cfg->netns, a->err);
	if (rc == 0)
		rc = tap_offloads(p, a->err);
	if (rc)
		return rc;
	if (cfg->mtu) {
		rc = device_set_mtu(&p->dev, cfg->mtu);
		if (rc)
			return vmq_err(a->err, rc, "device %s: MTU %u cannot be set: %s", p->dev.name, cfg->mtu,
				       strerror(-rc));
	}
	a->kept = kept;
	rc = kept ? 0 : device_set_up(&p->dev);
	if (rc)
		return vmq_err(a->err, rc, "device %s cannot be brought up: %s", p->dev.name, strerror(-rc));
	if (cfg->keep && ioctl(p->fd, TUNSETPERSIST, 1ul) != 0) {
		rc = -errno;
		return vmq_err(a->err, rc, "device %s cannot be made to stay: %s", p->dev.name, strerror(-rc));
	}
	return 0;
}

static int tap_wait(struct tap_port *p, struct vmq_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int rc;

	p->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->wait_fd >= 0 && epoll_ctl(p->wait_fd, EPOLL_CTL_ADD, p->fd, &ev) == 0)
		return 0;
	rc = -errno;
	return vmq_err(err, rc, "device %s cannot be waited for: %s", p->dev.name, strerror(-rc));
}

static int tap_open(const struct port_config *cfg, struct port **out, struct vmq_err *err)
{
	size_t name_len = strnlen(cfg->ifname, IFNAMSIZ);
	struct tap_args args = { .cfg = cfg, .err = err };
	struct tap_port *p;
	int rc;

	if (name_len == 0 || name_len == IFNAMSIZ)
		return vmq_err(err, -EINVAL, "a TAP device needs a name of 1 to %d bytes", IFNAMSIZ - 1);
	if (cfg->mtu > TAP_MTU_MAX)
		return vmq_err(err, -EINVAL, "device %s: MTU %u is more than the largest, %u", cfg->ifname, cfg->mtu,
			       TAP_MTU_MAX);
	p = calloc(1, sizeof *p);
	if (!p)
		return vmq_err(err, -ENOMEM, "device %s: no memory for the port", cfg->ifname);
	p->port.ops = &port_tap_ops;
	p->fd = p->wait_fd = -1;
	p->dev.ctl = -1;
	p->pool =
	    mmap(NULL, (size_t)TAP_BUFFERS * TAP_BUF_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->pool == MAP_FAILED) {
		p->pool = NULL;
		tap_close(&p->port);
		return vmq_err(err, -ENOMEM, "device %s: no memory for %u buffers", cfg->ifname, TAP_BUFFERS);
	}
	for (unsigned i = 0; i < TAP_BUFFERS; i++)
		p->free[i] = (uint16_t)(TAP_BUFFERS - 1 - i);
	p->nfree = TAP_BUFFERS;
	args.p = p;
	port_kept_init(&p->port.kept, cfg->fds, cfg->ifname, cfg->netns);
	p->fd = port_kept_take(&p->port.kept, KEPT_TAP);
	rc = port_in_netns(cfg->netns, tap_setup, &args, err);
	if (rc) {
		tap_close(&p->port);
		return rc;
	}
	rc = tap_wait(p, err);
	if (rc) {
		tap_close(&p->port);
		return rc;
	}
	if (!args.kept) {
		port_kept_give_up(&p->port.kept, KEPT_TAP);
		port_kept_store(&p->port.kept, KEPT_TAP, p->fd);
	}
	(void)snprintf(p->text, sizeof p->text, "TAP, %u buffers%s", TAP_BUFFERS,
		       cfg->keep ? ", kept when closed" : "");
	*out = &p->port;
	return 0;
}

/* A file whose device is gone is readable (in error) for ever and would keep the worker awake. Closing it is not enough to
 * take it out of the set: somebody else may keep it (port/kept.h). */
static void tap_gone(struct tap_port *p)
{
	p->gone = true;
	(void)epoll_ctl(p->wait_fd, EPOLL_CTL_DEL, p->fd, NULL);
	log_error("device %s: the TAP device was deleted; nothing is sent or received until the port is opened again",
		  p->dev.name);
}

static int tap_rx_fd(const struct port *port)
{
	return ((const struct tap_port *)port)->wait_fd;
}

static unsigned tap_rx_burst(struct port *port, struct port_frame *f, unsigned n)
{
	struct tap_port *p = (struct tap_port *)port;
	unsigned got = 0;

	for (unsigned i = 0; i < n && p->nfree > 0 && !p->gone; i++) {
		uint32_t slot = p->free[p->nfree - 1];
		uint8_t *data = p->pool + (size_t)slot * TAP_BUF_SIZE + TAP_HEADROOM;
		const struct virtio_net_hdr *vnet = (const struct virtio_net_hdr *)(const void *)(data - VNET_LEN);
		ssize_t len = read(p->fd, data - VNET_LEN, VNET_LEN + OFFLOAD_MAX_FRAME + 1);

		if (len < 0) {
			if (errno == EBADFD)
				tap_gone(p);
			break;
		}
		len -= (ssize_t)VNET_LEN;
		if (len < (ssize_t)ETH_HEADER) {
			port_count(&p->counts.rx_runt);
			continue;
		}
		if (len > (ssize_t)(vnet->gso_type ? OFFLOAD_MAX_FRAME : PORT_MAX_FRAME)) {
			port_count(&p->counts.rx_too_long);
			continue;
		}
		p->nfree--;
		f[got++] = (struct port_frame){ .data = data, .len = (uint32_t)len, .cookie = slot,
						.vnet = vnet->flags || vnet->gso_type ? vnet : NULL };
	}
	return got;
}

static void tap_rx_release(struct port *port, const struct port_frame *f, unsigned n)
{
	struct tap_port *p = (struct tap_port *)port;

	for (unsigned i = 0; i < n; i++)
		p->free[p->nfree++] = (uint16_t)f[i].cookie;
}

static unsigned tap_tx_burst(struct port *port, const struct port_tx_frame *f, unsigned n)
{
	static const struct virtio_net_hdr finished;
	struct tap_port *p = (struct tap_port *)port;

	for (unsigned i = 0; i < n; i++) {
		f[i].iov[0] = (struct iovec){ (void *)(uintptr_t)(f[i].vnet ? f[i].vnet : &finished), VNET_LEN };
		if (!p->gone && writev(p->fd, f[i].iov, (int)f[i].iovcnt + 1) >= 0)
			continue;
		if (!p->gone && (errno == EAGAIN || errno == ENOBUFS))
			return i;
		port_count(&p->counts.tx_error);
	}
	return n;
}

/* tx_burst has sent everything already. */
static void tap_tx_flush(struct port *port)
{
	(void)port;
}

static const char *tap_describe(struct port *port)
{
	return ((const struct tap_port *)port)->text;
}

static void tap_counters(const struct port *port, struct port_counters *out)
{
	port_counts_read(&((const struct tap_port *)port)->counts, out);
}

static bool tap_link_up(const struct port *port)
{
	return device_link_up(&((const struct tap_port *)port)->dev);
}

static bool tap_address(const struct port *port, uint8_t mac[6], unsigned *mtu)
{
	return device_address(&((const struct tap_port *)port)->dev, mac, mtu);
}

const struct port_ops port_tap_ops = {
	.name = "tap",
	.open = tap_open,
	.close = tap_close,
	.rx_fd = tap_rx_fd,
	.rx_burst = tap_rx_burst,
	.rx_release = tap_rx_release,
	.tx_burst = tap_tx_burst,
	.tx_flush = tap_tx_flush,
	.describe = tap_describe,
	.counters = tap_counters,
	.link_up = tap_link_up,
	.address = tap_address,
};
