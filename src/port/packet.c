/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AF_PACKET on any Ethernet device: for kernels and devices without XDP sockets. Received frames lie in a ring that the
 * kernel shares with us (TPACKET_V2: one slot a frame, visible the moment it is there; V3 holds frames back until a
 * block is full or a timer of milliseconds ends, and gives blocks back whole). Receiving takes no system call; sending
 * takes one sendmmsg() a burst, straight from the sender's pieces.
 *
 * Before each frame, either way, goes a virtio header: what the kernel has put together from several received frames
 * (GRO) or not cut yet comes as it is, and what we send it need not be finished. Such a frame is longer than a slot: the
 * kernel puts it into the socket's own queue and leaves a mark in the slot; it is read into a large buffer.
 *
 * The ring is filled in order: when its next slot is still held by somebody, the kernel drops (rx_no_buffer) although
 * later slots may be free, until that slot is released. While the frame received last is held, the descriptor shows
 * readable although nothing new is there.
 *
 * The host's own network stack sees the device's frames as well: give the device no addresses.
 *
 * State belongs to the port's worker, except what is constant after open and the kernel's drop count (control thread).
 */
#include "port/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/count.h"
#include "port/device.h"
#include "port/netns.h"

#define RING_BLOCK (64u << 10)
#define RING_SIZE  (4u << 20)
/* A slot holds the kernel's header, up to 80 bytes before the frame, and the frame. The smaller one fits the common MTU
 * and gives five times the number of slots. */
#define SLOT_HEADROOM  128u
#define SLOT_SMALL     2048u
#define SLOT_LARGE     9344u
#define SLOT_SMALL_MTU (SLOT_SMALL - SLOT_HEADROOM - ETH_HLEN - 8)
/* Our mark in tp_status, none of the kernel's bits: the slot's frame has been given to the caller. Not
 * TP_STATUS_KERNEL (0), so the kernel leaves the slot alone; not TP_STATUS_USER, so it is not given again. */
#define STATUS_HELD 0x00800000u
/* After so many empty bursts in a row the socket is asked whether it is in error. */
#define EMPTY_BURSTS 64u
/* What may wait in the device's own queue, and in the socket's for want of room in a slot. */
#define SEND_BUFFER (4 << 20)
/* When the device drops so many frames in a row, its queue is full. */
#define DROPS_WHEN_FULL 8u
#define RECEIVE_BUFFER (8 << 20)
#define LARGE_BUFFERS 64u
#define LARGE_HEADROOM 64u
#define LARGE_SIZE 65664u
#define VNET_LEN sizeof(struct virtio_net_hdr)
#define TAG_LEN 4u
#define KEPT_SOCKET "packet"
#define KEPT_PLACE  "packet-place"

_Static_assert(SLOT_LARGE >= PORT_MAX_FRAME + SLOT_HEADROOM && SLOT_LARGE % TPACKET_ALIGNMENT == 0, "slots fit frames");
_Static_assert(LARGE_SIZE > LARGE_HEADROOM + OFFLOAD_MAX_FRAME && LARGE_SIZE % 64 == 0, "a buffer shows that a frame is too long");

/* Where the next frame will be: slot `slot` of block `block`. In memory that is kept with the socket, because a ring does
 * not tell. */
struct place {
	uint32_t slot_size;
	uint32_t block, slot;
};

struct packet_port {
	struct port port;
	int fd;
	uint8_t *ring;
	unsigned slot_size, per_block;
	struct place *place;
	unsigned empty_bursts; /* since a frame was received */
	uint8_t *large;        /* LARGE_BUFFERS of LARGE_SIZE; pages appear when first used */
	unsigned nlarge;
	uint16_t free_large[LARGE_BUFFERS];
	struct mmsghdr msgs[PORT_BURST];
	struct port_counts counts;
	_Atomic uint64_t kernel_drops; /* PACKET_STATISTICS starts again at 0 each time it is read; this does not */
	struct device dev;
	char text[64];
};

static void packet_close(struct port *port)
{
	struct packet_port *p = (struct packet_port *)port;

	port_kept_close(&p->port.kept);
	if (p->place)
		(void)munmap(p->place, sizeof *p->place);
	if (p->ring)
		(void)munmap(p->ring, RING_SIZE);
	if (p->large)
		(void)munmap(p->large, (size_t)LARGE_BUFFERS * LARGE_SIZE);
	if (p->fd >= 0)
		(void)close(p->fd);
	device_close(&p->dev);
	free(p);
}

static int packet_fail(const struct packet_port *p, const char *what, struct vmq_err *err)
{
	int rc = -errno;

	return vmq_err(err, rc, "device %s: AF_PACKET: %s: %s", p->dev.name, what, strerror(-rc));
}

static int packet_set(const struct packet_port *p, int option, const void *value, socklen_t len, const char *what,
		      struct vmq_err *err)
{
	return setsockopt(p->fd, SOL_PACKET, option, value, len) == 0 ? 0 : packet_fail(p, what, err);
}

static int packet_map(struct packet_port *p, struct vmq_err *err)
{
	p->ring = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	if (p->ring == MAP_FAILED) {
		p->ring = NULL;
		return packet_fail(p, "its receive ring cannot be mapped", err);
	}
	return 0;
}

static int packet_map_place(struct packet_port *p, int fd)
{
	struct place *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	p->place = at;
	return 0;
}

/* The first place. *fd is to be kept with the socket, and closed. */
static int packet_place(struct packet_port *p, int *fd, struct vmq_err *err)
{
	*fd = memfd_create("vmq-packet", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, sizeof *p->place) < 0 || packet_map_place(p, *fd) < 0)
		return packet_fail(p, "no memory for the ring's place", err);
	p->place->slot_size = p->slot_size;
	return 0;
}

static int packet_ring(struct packet_port *p, struct vmq_err *err)
{
	struct tpacket_req req = { .tp_block_size = RING_BLOCK, .tp_block_nr = RING_SIZE / RING_BLOCK };
	int version = TPACKET_V2;
	int rc;

	req.tp_frame_size = p->slot_size;
	req.tp_frame_nr = p->per_block * req.tp_block_nr;
	rc = packet_set(p, PACKET_VERSION, &version, sizeof version, "TPACKET_V2", err);
	if (rc == 0)
		rc = packet_set(p, PACKET_RX_RING, &req, sizeof req, "a receive ring of 4 MiB", err);
	return rc ? rc : packet_map(p, err);
}

static int packet_large(struct packet_port *p, struct vmq_err *err)
{
	p->large = mmap(NULL, (size_t)LARGE_BUFFERS * LARGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->large == MAP_FAILED) {
		p->large = NULL;
		return packet_fail(p, "no memory for large frames", err);
	}
	for (unsigned i = 0; i < LARGE_BUFFERS; i++)
		p->free_large[i] = (uint16_t)i;
	p->nlarge = LARGE_BUFFERS;
	return 0;
}

static struct tpacket2_hdr *packet_next(const struct packet_port *p)
{
	return (struct tpacket2_hdr *)(p->ring + (size_t)p->place->block * RING_BLOCK + (size_t)p->place->slot * p->slot_size);
}

static void packet_advance(struct packet_port *p)
{
	struct place *at = p->place;

	if (++at->slot == p->per_block) {
		at->slot = 0;
		if (++at->block == RING_SIZE / RING_BLOCK)
			at->block = 0;
	}
}

struct packet_args {
	const struct port_config *cfg;
	struct packet_port *p;
	struct vmq_err *err;
	int fd;		  /* kept by the process before; -1: none, or it is the port's */
	int place_fd;	  /* likewise; then the one to be kept */
	bool kept;
};

/* A socket that an earlier process had on this device, with a ring as it is to be today: the port's from now on. */
static bool packet_kept(struct packet_args *a)
{
	struct packet_port *p = a->p;
	struct sockaddr_ll at = { .sll_ifindex = 0 };
	socklen_t len = sizeof at;
	struct stat st;

	if (a->fd < 0 || a->place_fd < 0 || getsockname(a->fd, (struct sockaddr *)&at, &len) < 0 ||
	    at.sll_family != AF_PACKET || at.sll_ifindex != p->dev.index || !port_netns_here(ioctl(a->fd, SIOCGSKNS)) ||
	    fstat(a->place_fd, &st) < 0 || st.st_size != sizeof *p->place || packet_map_place(p, a->place_fd) < 0)
		return false;
	if (p->place->slot_size == p->slot_size && p->place->block < RING_SIZE / RING_BLOCK &&
	    p->place->slot < p->per_block) {
		p->fd = a->fd;
		if (packet_map(p, NULL) == 0) {
			a->fd = -1;
			return true;
		}
		p->fd = -1;
	}
	(void)munmap(p->place, sizeof *p->place);
	p->place = NULL;
	return false;
}

/* What the process before had in hand is the kernel's again; what waits is received. Large frames are lost: which mark in
 * the ring is whose was known to that process alone. */
static void packet_mend(struct packet_port *p)
{
	struct place begin = *p->place;
	bool waiting = true;

	do {
		struct tpacket2_hdr *h = packet_next(p);

		waiting = waiting && (__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER);
		if (!waiting)
			__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		packet_advance(p);
	} while (p->place->block != begin.block || p->place->slot != begin.slot);
	while (recv(p->fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0)
		;
}

static int packet_new(struct packet_args *a)
{
	struct packet_port *p = a->p;
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promisc = { .mr_type = PACKET_MR_PROMISC };
	int one = 1, send = SEND_BUFFER, receive = RECEIVE_BUFFER;
	int rc;

	/* Protocol 0: nothing is received before the ring is there and the socket bound to its device. */
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return packet_fail(p, "no socket (CAP_NET_RAW is needed)", a->err);
	rc = packet_set(p, PACKET_VNET_HDR, &one, sizeof one, "PACKET_VNET_HDR", a->err);
	if (rc == 0)
		rc = packet_set(p, PACKET_COPY_THRESH, &one, sizeof one, "PACKET_COPY_THRESH", a->err);
	if (rc == 0)
		rc = packet_ring(p, a->err);
	if (rc == 0)
		rc = packet_place(p, &a->place_fd, a->err);
	if (rc)
		return rc;
	/* What we send is not received again. */
	rc = packet_set(p, PACKET_IGNORE_OUTGOING, &one, sizeof one, "PACKET_IGNORE_OUTGOING (Linux 4.20)", a->err);
	if (rc)
		return rc;
	(void)setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof send);
	(void)setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof receive);
	addr.sll_ifindex = promisc.mr_ifindex = p->dev.index;
	if (bind(p->fd, (struct sockaddr *)&addr, sizeof addr) != 0)
		return packet_fail(p, "the socket cannot be bound", a->err);
	return packet_set(p, PACKET_ADD_MEMBERSHIP, &promisc, sizeof promisc, "promiscuous mode", a->err);
}

/* Runs inside the device's network namespace. What it leaves half done, packet_close ends. */
static int packet_setup(void *arg)
{
	struct packet_args *a = arg;
	struct packet_port *p = a->p;
	int rc = device_open(&p->dev, a->cfg->ifname, a->cfg->netns, a->err);

	if (rc == 0)
		rc = packet_large(p, a->err);
	if (rc)
		return rc;
	p->slot_size = device_mtu(&p->dev) <= SLOT_SMALL_MTU ? SLOT_SMALL : SLOT_LARGE;
	p->per_block = RING_BLOCK / p->slot_size;
	a->kept = packet_kept(a);
	if (a->kept) {
		packet_mend(p);
		return 0;
	}
	if (a->place_fd >= 0)
		(void)close(a->place_fd);
	a->place_fd = -1;
	return packet_new(a);
}

/* The socket and its place, kept together. */
static void packet_keep(struct packet_port *p, const struct packet_args *a)
{
	struct port_kept *k = &p->port.kept;

	if (a->kept)
		return;
	port_kept_give_up(k, KEPT_SOCKET);
	port_kept_give_up(k, KEPT_PLACE);
	port_kept_store(k, KEPT_SOCKET, p->fd);
	port_kept_store(k, KEPT_PLACE, a->place_fd);
}

static int packet_open(const struct port_config *cfg, struct port **out, struct vmq_err *err)
{
	struct packet_args args = { .cfg = cfg, .err = err };
	struct packet_port *p = calloc(1, sizeof *p);
	int rc;

	if (!p)
		return vmq_err(err, -ENOMEM, "no memory for the port");
	p->port.ops = &port_packet_ops;
	p->port.tells_sent = true;
	p->port.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN;
	p->fd = -1;
	p->dev.ctl = -1;
	args.p = p;
	port_kept_init(&p->port.kept, cfg->fds, cfg->ifname, cfg->netns);
	args.fd = port_kept_take(&p->port.kept, KEPT_SOCKET);
	args.place_fd = port_kept_take(&p->port.kept, KEPT_PLACE);
	rc = port_in_netns(cfg->netns, packet_setup, &args, err);
	if (rc == 0)
		packet_keep(p, &args);
	if (args.fd >= 0) /* it was of no use */
		(void)close(args.fd);
	if (args.place_fd >= 0)
		(void)close(args.place_fd);
	if (rc) {
		packet_close(&p->port);
		return rc;
	}
	(void)snprintf(p->text, sizeof p->text, "AF_PACKET, %u buffers of %u bytes",
		       RING_SIZE / RING_BLOCK * p->per_block, p->slot_size);
	*out = &p->port;
	return 0;
}

static int packet_rx_fd(const struct port *port)
{
	return ((const struct packet_port *)port)->fd;
}

/* The protocol of the tag that lies beside the frame; 0: there is none. */
static uint16_t tag_of(const struct tpacket2_hdr *h, uint32_t status)
{
	if (!(status & TP_STATUS_VLAN_VALID))
		return 0;
	return status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_P_8021Q;
}

/* Puts a tag back into the bytes, into the room before each frame, header included: for outer tags other than 802.1Q,
 * which PORT_FRAME_VLAN cannot tell. */
static void packet_insert_tag(struct port_frame *f, struct virtio_net_hdr *vnet, uint16_t tpid, uint16_t tci)
{
	uint16_t tag[TAG_LEN / 2] = { htons(tpid), htons(tci) };

	if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		vnet->csum_start = (uint16_t)(vnet->csum_start + sizeof tag);
	f->data -= sizeof tag;
	f->len += (uint32_t)sizeof tag;
	memmove(f->data - VNET_LEN, f->data - VNET_LEN + sizeof tag, VNET_LEN + 2 * ETH_ALEN);
	memcpy(f->data + 2 * ETH_ALEN, tag, sizeof tag);
}

/* A frame that did not fit into its slot, from the socket's queue; it has the same place in there. false: lost. */
static bool packet_read_large(struct packet_port *p, struct port_frame *f)
{
	ssize_t len;
	unsigned i;

	if (p->nlarge == 0) {
		(void)recv(p->fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC);
		atomic_fetch_add_explicit(&p->kernel_drops, 1, memory_order_relaxed);
		return false;
	}
	i = p->free_large[p->nlarge - 1];
	f->data = p->large + (size_t)i * LARGE_SIZE + LARGE_HEADROOM;
	f->cookie = i << 1 | 1;
	len = recv(p->fd, f->data - VNET_LEN, VNET_LEN + OFFLOAD_MAX_FRAME + 1, MSG_DONTWAIT);
	if (len != (ssize_t)(VNET_LEN + f->len)) {
		port_count(&p->counts.rx_too_long);
		return false;
	}
	p->nlarge--;
	return true;
}

/* The frame of slot `h`, whose status is `status`. false: dropped and counted. */
static bool packet_take(struct packet_port *p, struct tpacket2_hdr *h, uint32_t status, struct port_frame *f)
{
	struct virtio_net_hdr *vnet;
	uint16_t tpid;
	uint32_t most;

	*f = (struct port_frame){ .data = (uint8_t *)h + h->tp_mac, .len = h->tp_len, .cookie = (uintptr_t)h };
	if (status & TP_STATUS_COPY) {
		if (!packet_read_large(p, f))
			return false;
	} else if (h->tp_snaplen < h->tp_len) { /* nor was there room in the socket's queue */
		port_count(&p->counts.rx_too_long);
		return false;
	}
	vnet = (struct virtio_net_hdr *)(void *)(f->data - VNET_LEN);
	tpid = tag_of(h, status);
	most = (vnet->gso_type ? OFFLOAD_MAX_FRAME : PORT_MAX_FRAME) - (tpid ? TAG_LEN : 0); /* whoever puts the tag back */
	if (f->len < ETH_HLEN || f->len > most) {
		port_count(f->len < ETH_HLEN ? &p->counts.rx_runt : &p->counts.rx_too_long);
		if (f->cookie & 1)
			p->nlarge++;
		return false;
	}
	if (tpid == ETH_P_8021Q) {
		f->vlan_tci = h->tp_vlan_tci;
		f->flags = PORT_FRAME_VLAN;
	} else if (tpid) {
		packet_insert_tag(f, vnet, tpid, h->tp_vlan_tci);
		vnet = (struct virtio_net_hdr *)(void *)(f->data - VNET_LEN);
	}
	if (vnet->flags || vnet->gso_type)
		f->vnet = vnet;
	return true;
}

static unsigned packet_rx_burst(struct port *port, struct port_frame *f, unsigned n)
{
	struct packet_port *p = (struct packet_port *)port;
	unsigned got = 0, seen;

	for (seen = 0; seen < n; seen++) {
		struct tpacket2_hdr *h = packet_next(p);
		/* Pairs with the kernel's barrier between writing the frame and its status. */
		uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);

		if (!(status & TP_STATUS_USER))
			break;
		packet_advance(p);
		__builtin_prefetch(packet_next(p));
		if (!packet_take(p, h, status, &f[got])) {
			__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
			continue;
		}
		if (f[got].cookie & 1) /* it does not lie in the slot */
			__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		else
			__atomic_store_n(&h->tp_status, STATUS_HELD, __ATOMIC_RELAXED);
		got++;
	}
	if (seen > 0) {
		p->empty_bursts = 0;
	} else if (++p->empty_bursts == EMPTY_BURSTS) {
		/* A device that went down leaves an error on the socket, which shows as readable until it is asked for:
		 * it would keep the worker awake. */
		int error;
		socklen_t len = sizeof error;

		p->empty_bursts = 0;
		(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	return got;
}

static void packet_rx_release(struct port *port, const struct port_frame *f, unsigned n)
{
	struct packet_port *p = (struct packet_port *)port;

	for (unsigned i = 0; i < n; i++) {
		struct tpacket2_hdr *h = (struct tpacket2_hdr *)(uintptr_t)f[i].cookie;

		if (f[i].cookie & 1) {
			p->free_large[p->nlarge++] = (uint16_t)(f[i].cookie >> 1);
			continue;
		}
		/* Pairs with the kernel's read of the status: we have read the frame before it is overwritten. */
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	}
}

static unsigned packet_tx_burst(struct port *port, const struct port_tx_frame *f, unsigned n)
{
	static const struct virtio_net_hdr finished;
	struct packet_port *p = (struct packet_port *)port;
	unsigned done = 0, dropped = 0; /* dropped: the last ones of those done, in a row */

	if (n > PORT_BURST)
		n = PORT_BURST;
	for (unsigned i = 0; i < n; i++) {
		f[i].iov[0] = (struct iovec){ (void *)(uintptr_t)(f[i].vnet ? f[i].vnet : &finished), VNET_LEN };
		p->msgs[i].msg_hdr.msg_iov = f[i].iov;
		p->msgs[i].msg_hdr.msg_iovlen = f[i].iovcnt + 1;
	}
	while (done < n) {
		int sent = sendmmsg(p->fd, p->msgs + done, n - done, MSG_DONTWAIT);

		if (sent <= 0 && errno == ENOBUFS && dropped + 1 == DROPS_WHEN_FULL)
			return done - dropped;
		if (sent <= 0 && errno == EAGAIN)
			break;
		if (sent <= 0 && errno == ENOBUFS) { /* by a filter, which may let the next one pass */
			dropped++;
			done++;
			continue;
		}
		port_count_n(&p->counts.tx_dropped, dropped);
		dropped = 0;
		if (sent <= 0) { /* the first of the rest is refused: too long for the device, or the device is down */
			port_count(&p->counts.tx_error);
			sent = 1;
		}
		done += (unsigned)sent;
	}
	port_count_n(&p->counts.tx_dropped, dropped);
	return done;
}

/* tx_burst has sent everything already. */
static void packet_tx_flush(struct port *port)
{
	(void)port;
}

static const char *packet_describe(struct port *port)
{
	return ((const struct packet_port *)port)->text;
}

static void packet_counters(const struct port *port, struct port_counters *out)
{
	struct packet_port *p = (struct packet_port *)port;
	struct tpacket_stats st = { .tp_drops = 0 };
	socklen_t len = sizeof st;

	port_counts_read(&p->counts, out);
	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		atomic_fetch_add_explicit(&p->kernel_drops, st.tp_drops, memory_order_relaxed);
	out->rx_no_buffer = atomic_load_explicit(&p->kernel_drops, memory_order_relaxed);
}

static bool packet_link_up(const struct port *port)
{
	return device_link_up(&((const struct packet_port *)port)->dev);
}

static bool packet_address(const struct port *port, uint8_t mac[6], unsigned *mtu)
{
	return device_address(&((const struct packet_port *)port)->dev, mac, mtu);
}

const struct port_ops port_packet_ops = {
	.name = "packet",
	.open = packet_open,
	.close = packet_close,
	.rx_fd = packet_rx_fd,
	.rx_burst = packet_rx_burst,
	.rx_release = packet_rx_release,
	.tx_burst = packet_tx_burst,
	.tx_flush = packet_tx_flush,
	.describe = packet_describe,
	.counters = packet_counters,
	.link_up = packet_link_up,
	.address = packet_address,
};
