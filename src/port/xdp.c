/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AF_XDP: a socket that shares packet memory (the UMEM) and four rings with the kernel. The driver, or the kernel's
 * stack where the driver cannot, puts received frames into our memory; xdp_prog.c's program says so. Receiving takes no
 * system call; sending takes one a burst, in tx_flush, and none when a zero-copy driver is polling anyway. On veth, where no
 * driver could be zero-copy, a burst is sent past AF_XDP (tc_send.h), which is faster; by AF_XDP where that is not possible.
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
 * A device that spreads frames over several receive queues is served on each of them, by a socket with a UMEM of its own:
 * what comes in by a queue without a socket would pass by the switch, in silence. All are polled in turn by the port's
 * worker. A flow's frames come by one queue, so their order is kept. Frames are sent by the first queue's socket. The number
 * of queues is read at open; `vmqctl doctor` sees when it has grown since.
 *
 * Where the device receives by a kernel thread of its own (threaded NAPI, napi.h), that thread may be on the worker's CPU, and
 * the worker does not sleep while frames flow: when there are none for the moment it lets the thread go first. Only in a
 * stream: who lets others go first gives up the rest of his slice to whoever else works on that CPU, for milliseconds.
 *
 * State belongs to the port's worker, except what is constant after open. Nothing is allocated after open.
 */
#include "port/port.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#include "base/log.h"
#include "port/count.h"
#include "port/device.h"
#include "port/gather.h"
#include "port/napi.h"
#include "port/netns.h"
#include "port/tc_send.h"
#include "port/xdp_prog.h"

/* Rings that we fill are twice as long as there are frames: the kernel tells that it took an entry later than what became of the
 * frame, which may be back while its entry counts yet. None can overflow, so filling one never fails. */
#define TAKEN_LATE  2u
#define RX_FRAMES   2048u /* of one queue; fewer when the queues are many, so that all together have RX_TOTAL at most */
#define RX_TOTAL    16384u
#define TX_FRAMES   1024u
#define MAX_QUEUES  64u
#define CHUNK_SMALL 2048u
#define CHUNK_LARGE 4096u
#define KERNEL_ROOM 256u	    /* XDP_PACKET_HEADROOM, at the head of each chunk received into */
#define FRAME_EXTRA (ETH_HLEN + 8u) /* header and two tags beside the MTU */
#define SEND_BUFFER (4 << 20)
#define BUSY_NAPS   500u
#define BUSY_NAP_MS 1
#define KEPT_NATIVE  "xdp-native"
#define KEPT_GENERIC "xdp-generic"
#define KEPT_MAP     "xdp-map"
#define KEPT_PROMISC "xdp-promisc"
#define STREAM_BURST 4u	  /* so many frames at once are a stream */
#define STREAM_LOOKS 128u /* without frames: it has ended */
#define KICKS_MAX   8u /* system calls a tx_flush spends at most */

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17: how many frames one system call sends in copy mode; 32 before */
#endif

static const char *const tag_offloads[] = { "rx-vlan-stag-hw-parse", "rx-vlan-hw-parse" };
#define TAG_OFFLOADS (sizeof tag_offloads / sizeof tag_offloads[0])

/* One receive queue of the device. */
struct xdp_queue {
	int fd;
	uint8_t *area; /* its UMEM: rx_frames chunks to receive into; the first queue's then has TX_FRAMES to send from */
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod fill;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
};

struct xdp_port {
	struct port port;
	int fd; /* readable when a queue has frames: the only queue's socket, or an epoll instance over all */
	uint32_t chunk, rx_frames;
	uint32_t tx_max; /* the longest frame the device sends: others would vanish in its driver */
	unsigned nqueues, next; /* `next`: which queue's turn it is */
	struct xdp_queue queues[MAX_QUEUES];
	struct xsk_ring_prod tx; /* the first queue's */
	unsigned tx_nfree;
	uint32_t tx_free[TX_FRAMES]; /* offsets in its area; a stack, so that the chunk used last is used next */
	struct tc_send tc;
	struct port_counts counts;

	uint8_t *area; /* that of all queues */
	struct xdp_prog prog;
	int promisc_fd;
	bool restore[TAG_OFFLOADS]; /* tag_offloads[i] was on and is to be turned on at close */
	bool zero_copy;
	bool tx_told; /* the kernel says at once what it took to send; in copy mode not before Linux 6.17 when the call fails */
	bool napi_thread; /* the device's, perhaps on the worker's CPU */
	unsigned stream_looks; /* so often it is let go first, yet, before the stream has ended */
	struct napi napi;
	struct device dev;
	char text[320];
};

/* Bytes of a queue's UMEM. */
static size_t area_size(const struct xdp_port *p, unsigned queue)
{
	return (size_t)(p->rx_frames + (queue == 0 ? TX_FRAMES : 0)) * p->chunk;
}

static size_t whole_area(const struct xdp_port *p)
{
	return (size_t)(p->rx_frames * p->nqueues + TX_FRAMES) * p->chunk;
}

static void xdp_socket_close(struct xdp_queue *q)
{
	if (q->xsk)
		xsk_socket__delete(q->xsk);
	if (q->umem)
		(void)xsk_umem__delete(q->umem);
	q->xsk = NULL;
	q->umem = NULL;
}

static void xdp_sockets_close(struct xdp_port *p)
{
	for (unsigned i = 0; i < p->nqueues; i++)
		xdp_socket_close(&p->queues[i]);
}

static void xdp_close(struct port *port)
{
	struct xdp_port *p = (struct xdp_port *)port;

	napi_close(&p->napi, &p->dev, p->port.kept.leave);
	if (p->port.kept.leave)
		xdp_prog_leave(&p->prog);
	else
		xdp_prog_detach(&p->prog);
	port_kept_close(&p->port.kept);
	tc_send_close(&p->tc);
	if (p->nqueues > 1 && p->fd >= 0)
		(void)close(p->fd);
	xdp_sockets_close(p);
	if (p->area)
		(void)munmap(p->area, whole_area(p));
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
	unsigned mtu = device_mtu(&p->dev), most;

	p->chunk = mtu + FRAME_EXTRA <= CHUNK_SMALL - KERNEL_ROOM ? CHUNK_SMALL : CHUNK_LARGE;
	p->tx_max = mtu + FRAME_EXTRA;
	p->port.mtu_max = mtu;
	most = p->chunk - KERNEL_ROOM - FRAME_EXTRA;
	if (mtu > most)
		return vmq_err(err, -EOPNOTSUPP,
			       "device %s has MTU %u; AF_XDP carries up to %u: lower it, or choose driver packet",
			       p->dev.name, mtu, most);
	return 0;
}

static int xdp_queues(struct xdp_port *p, struct vmq_err *err)
{
	unsigned count = device_rx_queues(&p->dev);

	if (count > MAX_QUEUES)
		return vmq_err(
		    err, -EOPNOTSUPP,
		    "device %s has %u receive queues; AF_XDP serves up to %u: `ethtool -L %s combined %u`, or choose "
		    "driver packet",
		    p->dev.name, count, MAX_QUEUES, p->dev.name, MAX_QUEUES);
	p->nqueues = p->port.rx_queues = count;
	for (p->rx_frames = RX_FRAMES; p->rx_frames * count > RX_TOTAL;)
		p->rx_frames /= 2;
	return 0;
}

/* Sees to it that no VLAN tag is lost (above). *veth: it is one, and the XDP program has to ask for tags. */
static int xdp_tags(struct xdp_port *p, bool *veth, struct vmq_err *err)
{
	char driver[32], bus[32];

	device_driver(&p->dev, driver, bus);
	*veth = strcmp(driver, "veth") == 0;
	if (*veth)
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
	struct xsk_umem_config umem = { .fill_size = TAKEN_LATE * p->rx_frames, .comp_size = TX_FRAMES, .frame_size = p->chunk };
	struct xsk_socket_config sock = {
		.rx_size = p->rx_frames,
		.tx_size = TAKEN_LATE * TX_FRAMES,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = (__u16)(bind_flags | XDP_USE_NEED_WAKEUP),
	};
	struct xdp_queue *q = &p->queues[queue];
	int rc = xsk_umem__create(&q->umem, q->area, area_size(p, queue), &q->fill, &q->completion, &umem);

	if (rc == 0)
		rc = xsk_socket__create(&q->xsk, p->dev.name, queue, q->umem, &q->rx, queue == 0 ? &p->tx : NULL, &sock);
	if (rc)
		xdp_socket_close(q);
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

/* A socket for each queue, all of one kind, or none. *queue: the one that failed. */
static int xdp_sockets_open(struct xdp_port *p, __u16 bind_flags, unsigned *queue)
{
	int rc = 0;

	for (*queue = 0; *queue < p->nqueues; ++*queue) {
		rc = xdp_socket_open(p, *queue, bind_flags);
		if (rc)
			break;
	}
	if (rc)
		xdp_sockets_close(p);
	return rc;
}

/* Hands the queue's chunks to the kernel, and its frames to the socket. */
static int xdp_queue_start(struct xdp_port *p, unsigned queue)
{
	struct xdp_queue *q = &p->queues[queue];
	uint32_t idx = 0;

	q->fd = xsk_socket__fd(q->xsk);
	(void)xsk_ring_prod__reserve(&q->fill, p->rx_frames, &idx);
	for (uint32_t i = 0; i < p->rx_frames; i++)
		*xsk_ring_prod__fill_addr(&q->fill, idx + i) = (uint64_t)i * p->chunk;
	xsk_ring_prod__submit(&q->fill, p->rx_frames);
	return xsk_socket__update_xskmap(q->xsk, p->prog.map_fd);
}

/* One descriptor for all queues. */
static int xdp_watch(struct xdp_port *p)
{
	p->fd = p->queues[0].fd;
	if (p->nqueues == 1)
		return 0;
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < p->nqueues && p->fd >= 0; i++) {
		struct epoll_event e = { .events = EPOLLIN };

		if (epoll_ctl(p->fd, EPOLL_CTL_ADD, p->queues[i].fd, &e) < 0)
			return -errno;
	}
	return p->fd < 0 ? -errno : 0;
}

/* The UMEMs, the sockets, and the chunks handed to the kernel. Zero-copy is for native mode only. */
static int xdp_sockets(struct xdp_port *p, struct vmq_err *err)
{
	int rc = -EOPNOTSUPP, bytes = SEND_BUFFER, budget = PORT_BURST;
	unsigned queue = 0;

	p->area = mmap(NULL, whole_area(p), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->area == MAP_FAILED) {
		p->area = NULL;
		return vmq_err(err, -ENOMEM, "device %s: no memory for %zu bytes of frames", p->dev.name, whole_area(p));
	}
	p->queues[0].area = p->area;
	for (unsigned i = 1; i < p->nqueues; i++)
		p->queues[i].area = p->queues[i - 1].area + area_size(p, i - 1);
	if (p->prog.native)
		rc = xdp_sockets_open(p, XDP_ZEROCOPY, &queue);
	p->zero_copy = rc == 0;
	if (rc && rc != -EBUSY)
		rc = xdp_sockets_open(p, XDP_COPY, &queue);
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
	for (unsigned i = 0; i < p->nqueues && rc == 0; i++)
		rc = xdp_queue_start(p, i);
	if (rc)
		return vmq_err(err, rc, "device %s: the AF_XDP socket cannot be given its frames: %s", p->dev.name,
			       strerror(-rc));
	rc = xdp_watch(p);
	if (rc)
		return vmq_err(err, rc, "device %s: its queues cannot be watched: %s", p->dev.name, strerror(-rc));
	(void)setsockopt(p->queues[0].fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
	p->tx_told = setsockopt(p->queues[0].fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget) == 0 || p->zero_copy;
	for (uint32_t i = 0; i < TX_FRAMES; i++)
		p->tx_free[i] = (p->rx_frames + TX_FRAMES - 1 - i) * p->chunk;
	p->tx_nfree = TX_FRAMES;
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

/* The program that the process before had attached. */
static bool xdp_resume(struct xdp_port *p)
{
	struct port_kept *k = &p->port.kept;
	int native = port_kept_take(k, KEPT_NATIVE), generic = native < 0 ? port_kept_take(k, KEPT_GENERIC) : -1;
	int link = native >= 0 ? native : generic, map = port_kept_take(k, KEPT_MAP);

	if (link >= 0 && map >= 0 && xdp_prog_resume(&p->prog, &p->dev, p->nqueues, link, map, native >= 0))
		return true;
	port_kept_give_up(k, KEPT_NATIVE);
	port_kept_give_up(k, KEPT_GENERIC);
	port_kept_give_up(k, KEPT_MAP);
	if (link >= 0) {
		(void)bpf_link_detach(link); /* the manager is slower to let go of it */
		(void)close(link);
	}
	if (map >= 0)
		(void)close(map);
	return false;
}

/* The socket itself is not kept: its memory ends with the process, and which of its buffers the kernel has cannot be asked.
 * The membership is made anew each time, beside the old one, which then goes. */
static void xdp_keep(struct xdp_port *p, bool resumed)
{
	struct port_kept *k = &p->port.kept;
	int old = port_kept_take(k, KEPT_PROMISC);

	if (old >= 0)
		(void)close(old);
	port_kept_give_up(k, KEPT_PROMISC);
	port_kept_store(k, KEPT_PROMISC, p->promisc_fd);
	if (resumed)
		return;
	port_kept_store(k, p->prog.native ? KEPT_NATIVE : KEPT_GENERIC, p->prog.link_fd);
	port_kept_store(k, KEPT_MAP, p->prog.map_fd);
}

/* The faster way to send, on the devices that have one. */
static void xdp_faster(struct xdp_port *p)
{
	struct vmq_err why = { "" };

	if (tc_send_open(&p->tc, &p->dev, p->tx_max, &why))
		log_info("%s; bursts are sent by AF_XDP, which is slower on veth", why.text);
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
	bool veth = false, resumed = false;
	int rc = device_open(&p->dev, a->cfg->ifname, a->cfg->netns, a->err);

	if (rc == 0)
		rc = xdp_chunk(p, a->err);
	if (rc == 0)
		rc = xdp_queues(p, a->err);
	if (rc == 0)
		rc = xdp_tags(p, &veth, a->err);
	if (rc == 0)
		resumed = xdp_resume(p);
	if (rc == 0 && !resumed)
		rc = xdp_prog_attach(&p->prog, &p->dev, p->nqueues, veth, a->err);
	if (rc == 0)
		rc = xdp_sockets(p, a->err);
	if (rc == 0)
		rc = xdp_promiscuous(p, a->err);
	if (rc == 0 && veth)
		xdp_faster(p);
	if (rc == 0)
		xdp_keep(p, resumed);
	if (rc == 0)
		napi_open(&p->napi, &p->dev, a->cfg->napi, &a->cfg->cpus, &p->port.kept);
	p->napi_thread = p->napi.thread;
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
	p->port.tells_sent = true;
	p->fd = p->promisc_fd = p->dev.ctl = p->prog.map_fd = p->prog.link_fd = p->napi.setting = -1;
	p->tc.link_fd = p->tc.socket_fd = -1;
	args.p = p;
	port_kept_init(&p->port.kept, cfg->fds, cfg->ifname, cfg->netns);
	rc = port_in_netns(cfg->netns, xdp_setup, &args, err);
	if (rc) {
		xdp_close(&p->port);
		return rc;
	}
	*out = &p->port;
	return 0;
}

static int xdp_rx_fd(const struct port *port)
{
	return ((const struct xdp_port *)port)->fd;
}

/* Which queue's chunk it is goes with the frame, above the chunk's offset in the queue's area. */
#define COOKIE(queue, offset) ((uint64_t)(queue) << 32 | (offset))
#define COOKIE_QUEUE(cookie)  ((unsigned)((cookie) >> 32))
#define COOKIE_OFFSET(cookie) ((uint32_t)(cookie))

/* Gives chunks of one queue back to the kernel to receive into. */
static void queue_release(struct xdp_queue *q, const struct port_frame *f, unsigned n)
{
	uint32_t idx = 0;

	(void)xsk_ring_prod__reserve(&q->fill, n, &idx);
	for (unsigned i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&q->fill, idx + i) = COOKIE_OFFSET(f[i].cookie);
	xsk_ring_prod__submit(&q->fill, n);
}

static void xdp_rx_release(struct port *port, const struct port_frame *f, unsigned n)
{
	struct xdp_port *p = (struct xdp_port *)port;

	for (unsigned i = 0, run; i < n; i += run) {
		unsigned queue = COOKIE_QUEUE(f[i].cookie);

		for (run = 1; i + run < n && COOKIE_QUEUE(f[i + run].cookie) == queue;)
			run++;
		queue_release(&p->queues[queue], f + i, run);
	}
}

static unsigned queue_burst(struct xdp_port *p, unsigned queue, struct port_frame *f, unsigned n)
{
	struct xdp_queue *q = &p->queues[queue];
	uint32_t idx = 0, avail = xsk_ring_cons__peek(&q->rx, n, &idx);
	unsigned got = 0;

	if (avail == 0) {
		/* A zero-copy driver that ran out of chunks sleeps until told that there are some again. */
		if (xsk_ring_prod__needs_wakeup(&q->fill))
			(void)recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
		return 0;
	}
	for (uint32_t i = 0; i < avail; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&q->rx, idx + i);

		f[got] = (struct port_frame){
			.data = q->area + d->addr,
			.len = d->len,
			.cookie = COOKIE(queue, (uint32_t)d->addr & ~(p->chunk - 1)),
		};
		if (d->len < ETH_HLEN) {
			port_count(&p->counts.rx_runt);
			queue_release(q, &f[got], 1);
			continue;
		}
		got++;
	}
	xsk_ring_cons__release(&q->rx, avail);
	return got;
}

static unsigned queues_burst(struct xdp_port *p, struct port_frame *f, unsigned n)
{
	unsigned got = 0;

	for (unsigned i = 0; i < p->nqueues && got < n; i++) {
		got += queue_burst(p, p->next, f + got, n - got);
		p->next = p->next + 1 < p->nqueues ? p->next + 1 : 0;
	}
	if (got > 0)
		p->stream_looks = got < STREAM_BURST ? 0 : STREAM_LOOKS;
	return got;
}

static unsigned xdp_rx_burst(struct port *port, struct port_frame *f, unsigned n)
{
	struct xdp_port *p = (struct xdp_port *)port;
	unsigned got = queues_burst(p, f, n);

	if (got > 0 || !p->napi_thread || p->stream_looks == 0)
		return got;
	p->stream_looks--;
	(void)sched_yield();
	return queues_burst(p, f, n);
}

/* Takes back the chunks of frames that have been sent. */
static void xdp_tx_reap(struct xdp_port *p)
{
	struct xsk_ring_cons *done = &p->queues[0].completion;
	uint32_t idx = 0, n = xsk_ring_cons__peek(done, TX_FRAMES, &idx);

	for (uint32_t i = 0; i < n; i++)
		p->tx_free[p->tx_nfree++] = (uint32_t)*xsk_ring_cons__comp_addr(done, idx + i);
	if (n > 0)
		xsk_ring_cons__release(done, n);
}

static unsigned xdp_queue_frames(struct xdp_port *p, const struct port_tx_frame *f, unsigned n)
{
	uint32_t idx = 0, queued = 0;
	unsigned taken;

	if (p->tx_nfree < n)
		xdp_tx_reap(p);
	for (taken = 0; taken < n && p->tx_nfree > 0; taken++) {
		uint32_t offset = p->tx_free[p->tx_nfree - 1];
		uint32_t len = port_gather(p->queues[0].area + offset, p->tx_max, &f[taken]);

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

static unsigned xdp_tx_burst(struct port *port, const struct port_tx_frame *f, unsigned n)
{
	struct xdp_port *p = (struct xdp_port *)port;
	unsigned taken = 0;

	if (tc_send_works(&p->tc)) {
		taken = tc_send_burst(&p->tc, f, n, &p->counts);
		if (taken == n || tc_send_works(&p->tc))
			return taken;
	}
	return taken + xdp_queue_frames(p, f + taken, n - taken);
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
		bool dropped;

		if (sendto(p->queues[0].fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			break;
		/* The kernel's word for one frame that it took from the ring and the device dropped: a veth's far end is full, say. */
		dropped = errno == EBUSY && !p->zero_copy;
		if (dropped)
			port_count(&p->counts.tx_dropped);
		if (!p->tx_told && (dropped || errno == EAGAIN))
			continue;
		waiting = xdp_tx_waiting(p);
		if (waiting == 0 || waiting == before)
			break;
	}
	xdp_tx_reap(p);
}

static void xdp_counters(const struct port *port, struct port_counters *out)
{
	const struct xdp_port *p = (const struct xdp_port *)port;

	port_counts_read(&p->counts, out);
	for (unsigned i = 0; i < p->nqueues; i++) {
		struct xdp_statistics st = { .rx_dropped = 0 };
		socklen_t len = sizeof st;

		if (getsockopt(p->queues[i].fd, SOL_XDP, XDP_STATISTICS, &st, &len) != 0)
			continue;
		/* The kernel does not tell a missing chunk from a frame too long for one; the MTU keeps those away. */
		out->rx_no_buffer += st.rx_dropped + st.rx_ring_full;
		out->tx_error += st.tx_invalid_descs;
	}
}

static const char *xdp_no_napi_thread(struct port *port)
{
	struct napi *n = &((struct xdp_port *)port)->napi;

	if (n->why[0])
		return n->why;
	return napi_lost(n) ? "the one that vmqd made has ended: the device was down meanwhile" : NULL;
}

static const char *xdp_describe(struct port *port)
{
	struct xdp_port *p = (struct xdp_port *)port;
	const char *no_thread = xdp_no_napi_thread(port);
	char queues[32] = "";

	if (p->nqueues > 1)
		(void)snprintf(queues, sizeof queues, "%u receive queues, ", p->nqueues);
	(void)snprintf(p->text, sizeof p->text, "AF_XDP, %s, %s, %s%s%u buffers of %u bytes%s%s%s",
		       p->prog.native ? "native" : "generic", p->zero_copy ? "zero-copy" : "copy", queues,
		       p->napi_thread && !no_thread ? "NAPI thread, " : "", p->rx_frames * p->nqueues, p->chunk,
		       tc_send_works(&p->tc) ? ", bursts sent by tc" : "", no_thread ? ", no NAPI thread: " : "",
		       no_thread ? no_thread : "");
	return p->text;
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
	.no_napi_thread = xdp_no_napi_thread,
	.link_up = xdp_link_up,
	.address = xdp_address,
};
