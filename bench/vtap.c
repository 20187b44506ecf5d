/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtap plays one virtual machine whose guest is the kernel this runs on: the TCP stack of a network namespace stands
 * behind a TAP device, and vtap carries its frames to and from a vhost-user switch as the guest's virtio-net driver
 * would. What the device looks like to the stack is what was negotiated: with offloads it sends frames of up to 64 KiB
 * with unfinished checksums, without it cuts and sums by itself. The virtio header goes through as it is.
 *
 * The rings are driven as Linux' driver does: mergeable receive buffers as long as frames are on average, between
 * 1.5 KiB and a page; a long frame is sent as its head and pieces of 32 KiB through an indirect table, a frame that is
 * in one piece by one descriptor; each is published at once; kicks and interrupts by event index; with nothing to do it
 * sleeps. No byte is copied but by the kernel, as between a guest's socket and its driver's buffers. What is received
 * goes through the device's NAPI, as a guest driver's does: with a thread of its own (`threaded`, which is the caller's
 * to set) it takes many frames at a time and merges segments.
 *
 * One thread, which owns everything.
 */
#include "front.h"
#include "process.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define RING_MAX  1024u
#define BUDGET	  64u	 /* frames a turn and direction */
#define FRAME_MAX 65549u /* an Ethernet header, and what an IP packet can hold */

/* a receive buffer: a page at most, of which that much is posted */
#define PAGE_SIZE  4096u
#define POSTED_MIN 1536u
#define REFILL	   32u /* buffers that are made available together */
#define MERGED_MAX 64u
#define LEN_WEIGHT 64u /* of the frames' average length */

/* a transmit slot: its indirect table, the head, the pieces */
#define PIECE	   32768u
#define PIECES	   2u
#define HEAD_AT	   (128u - HDR_LEN)
#define HEAD_SPLIT 128u			 /* header and frame's head where the rest follows in pieces */
#define HEAD_WHOLE (PAGE_SIZE - HEAD_AT) /* where it does not */
#define SLOT_SIZE  (PAGE_SIZE + PIECES * PIECE)
#define SLOTS_MAX  256u /* however many descriptors there are */

_Static_assert((1 + PIECES) * sizeof(struct desc) <= HEAD_AT, "the table lies before the head");
_Static_assert(HEAD_SPLIT + PIECES * PIECE >= HDR_LEN + FRAME_MAX, "the longest frame has room");
_Static_assert((MERGED_MAX - 1) * POSTED_MIN >= HDR_LEN + FRAME_MAX, "the longest frame can be merged");

/* Younger than Debian 12's headers. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* What a driver may leave to the device and take from it, in the order of their bits. */
#define OFFLOADS(X)                                                                                                    \
	X(CSUM)                                                                                                        \
	X(GUEST_CSUM)                                                                                                  \
	X(GUEST_TSO4)                                                                                                  \
	X(GUEST_TSO6)                                                                                                  \
	X(GUEST_ECN)                                                                                                   \
	X(HOST_TSO4)                                                                                                   \
	X(HOST_TSO6)                                                                                                   \
	X(HOST_ECN)                                                                                                    \
	X(GUEST_USO4)                                                                                                  \
	X(GUEST_USO6)                                                                                                  \
	X(HOST_USO)

#define EACH(name) | F_##name
#define F_OFFLOADS (0 OFFLOADS(EACH))

struct counts {
	uint64_t frames, bytes;
	unsigned longest;
	uint64_t kicks;
};

struct vtap {
	struct front front;
	const char *name; /* of the TAP device */
	bool server, offload;
	int core, fd, epoll_fd;
	uint16_t mask;
	bool event_idx;

	uint32_t average, posted;      /* length of frames that came, and of the buffers that are posted next */
	unsigned unpublished;	       /* buffers that are given back to the device but not yet visible */
	uint16_t free_slot[SLOTS_MAX]; /* a stack: the one used last, still in the cache, is used next */
	unsigned nslots, nfree;

	struct counts received, sent;
	uint64_t refused; /* received frames that the stack did not take */
	uint64_t sleeps;
};

/* ---- kicks and interrupts ---- */

static uint16_t *used_event(const struct vtap *v, const struct ring *r)
{
	return &r->avail->ring[v->front.entries];
}

static const uint16_t *avail_event(const struct vtap *v, const struct ring *r)
{
	return (const uint16_t *)&r->used->ring[v->front.entries];
}

static uint16_t used_idx(const struct ring *r)
{
	return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
}

/* Makes n more entries visible, and kicks if the device asks for it. */
static void publish(const struct vtap *v, const struct ring *r, unsigned n, struct counts *c)
{
	const uint64_t one = 1;
	uint16_t now = r->avail_idx;
	bool wanted;

	__atomic_store_n(&r->avail->idx, now, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with the device's before it looks whether it may sleep */
	if (v->event_idx)
		wanted = (uint16_t)(now - __atomic_load_n(avail_event(v, r), __ATOMIC_RELAXED) - 1) < n;
	else
		wanted = !(__atomic_load_n(&r->used->flags, __ATOMIC_RELAXED) & NO_NOTIFY);
	if (!wanted)
		return;
	c->kicks++;
	if (write(r->kick_fd, &one, sizeof one) < 0)
		return; /* the counter is full: the device was kicked often enough */
}

/* Asks for an interrupt once `more` more entries are used; whether they are already. */
static bool ask_interrupt(const struct vtap *v, const struct ring *r, unsigned more)
{
	__atomic_store_n(used_event(v, r), (uint16_t)(r->last_used + more - 1), __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with the device's before it reads the event index */
	return (uint16_t)(used_idx(r) - r->last_used) >= more;
}

static void count(struct counts *c, size_t bytes)
{
	size_t len = bytes - HDR_LEN;

	c->frames++;
	c->bytes += len;
	if (len > c->longest)
		c->longest = (unsigned)len;
}

/* ---- from the switch to the stack ---- */

static uint8_t *receive_buffer(const struct vtap *v, unsigned id)
{
	return v->front.q[RX].bufs + (size_t)id * PAGE_SIZE;
}

static void post(struct vtap *v, uint16_t id)
{
	struct ring *r = &v->front.q[RX];

	r->desc[id] = (struct desc){ guest_address(&v->front, receive_buffer(v, id)), v->posted, DESC_WRITE, 0 };
	r->avail->ring[r->avail_idx++ & v->mask] = id;
	v->unpublished++;
}

static void publish_posted(struct vtap *v)
{
	publish(v, &v->front.q[RX], v->unpublished, &v->received);
	v->unpublished = 0;
}

/* Buffers grow towards a page while long frames come, and shrink again. */
static void adapt(struct vtap *v, size_t len)
{
	v->average = (uint32_t)((v->average * (LEN_WEIGHT - 1) + len) / LEN_WEIGHT);
	v->posted = (v->average + HDR_LEN + 63) & ~63u;
	if (v->posted < POSTED_MIN)
		v->posted = POSTED_MIN;
	if (v->posted > PAGE_SIZE)
		v->posted = PAGE_SIZE;
}

/* The buffers of the frame that is next; their number. */
static unsigned gather(const struct vtap *v, uint16_t used, struct iovec *iov, uint16_t *id)
{
	const struct ring *r = &v->front.q[RX];
	unsigned n = 1;

	for (unsigned i = 0; i < n; i++) {
		struct used_elem e = r->used->ring[(uint16_t)(r->last_used + i) & v->mask];

		if (e.id >= v->front.entries || e.len > PAGE_SIZE || (i == 0 && e.len < HDR_LEN))
			fail(v->front.path, "the switch used a buffer that there is not, or more of it than there is");
		id[i] = (uint16_t)e.id;
		iov[i] = (struct iovec){ receive_buffer(v, e.id), e.len };
		if (i > 0 || !(v->front.features & F_MRG_RXBUF))
			continue;
		n = le16toh(*(const uint16_t *)((const uint8_t *)iov[0].iov_base + HDR_LEN - 2));
		if (n == 0 || n > MERGED_MAX || n > (uint16_t)(used - r->last_used))
			fail(v->front.path, "the switch says a frame has more buffers than it used, or none");
	}
	return n;
}

static void receive_frame(struct vtap *v, uint16_t used)
{
	struct iovec iov[MERGED_MAX];
	uint16_t id[MERGED_MAX];
	unsigned n = gather(v, used, iov, id);
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (writev(v->fd, iov, (int)n) != (ssize_t)len)
		v->refused++;
	count(&v->received, len);
	adapt(v, len);
	v->front.q[RX].last_used = (uint16_t)(v->front.q[RX].last_used + n);
	for (unsigned i = 0; i < n; i++)
		post(v, id[i]);
	if (v->unpublished >= REFILL)
		publish_posted(v);
}

static unsigned receive(struct vtap *v)
{
	const struct ring *r = &v->front.q[RX];
	uint16_t used = used_idx(r);
	unsigned n = 0;

	for (; n < BUDGET && r->last_used != used; n++)
		receive_frame(v, used);
	if (v->unpublished)
		publish_posted(v);
	return n;
}

/* ---- from the stack to the switch ---- */

static uint8_t *slot(const struct vtap *v, unsigned id)
{
	return v->front.q[TX].bufs + (size_t)id * SLOT_SIZE;
}

/* Slots that the device has given back. */
static void reclaim(struct vtap *v)
{
	struct ring *r = &v->front.q[TX];
	uint16_t used = used_idx(r);

	for (; r->last_used != used; r->last_used++) {
		uint32_t id = r->used->ring[r->last_used & v->mask].id;

		if (id >= v->nslots || v->nfree == v->nslots)
			fail(v->front.path, "the switch gave back a buffer that it did not have");
		v->free_slot[v->nfree++] = (uint16_t)id;
	}
}

/* A frame of len bytes with its header lies in a slot: in the head alone, or in the head and in pieces. */
static void send_slot(struct vtap *v, uint16_t id, size_t len, size_t head)
{
	struct ring *r = &v->front.q[TX];
	uint8_t *s = slot(v, id);
	struct desc *table = (struct desc *)s;
	unsigned n = 1;

	if (len <= head) {
		r->desc[id] = (struct desc){ guest_address(&v->front, s + HEAD_AT), (uint32_t)len, 0, 0 };
	} else {
		table[0] = (struct desc){ guest_address(&v->front, s + HEAD_AT), (uint32_t)head, DESC_NEXT, 1 };
		for (size_t left = len - head; left; n++) {
			uint32_t part = left < PIECE ? (uint32_t)left : PIECE;

			left -= part;
			table[n] = (struct desc){ guest_address(&v->front, s + PAGE_SIZE + (n - 1) * PIECE), part,
						  left ? DESC_NEXT : 0, (uint16_t)(left ? n + 1 : 0) };
		}
		r->desc[id] =
		    (struct desc){ guest_address(&v->front, table), (uint32_t)(n * sizeof *table), DESC_INDIRECT, 0 };
	}
	r->avail->ring[r->avail_idx++ & v->mask] = id;
	publish(v, r, 1, &v->sent);
	count(&v->sent, len);
}

/* Frames of the stack, while there are some and slots for them. */
static unsigned transmit(struct vtap *v)
{
	const struct ring *r = &v->front.q[TX];
	const size_t head = v->front.features & F_CSUM ? HEAD_SPLIT : HEAD_WHOLE;
	unsigned n = 0, out;

	reclaim(v);
	for (; n < BUDGET && v->nfree; n++) {
		uint16_t id = v->free_slot[v->nfree - 1];
		uint8_t *s = slot(v, id);
		struct iovec iov[] = { { s + HEAD_AT, head }, { s + PAGE_SIZE, PIECES * PIECE } };
		ssize_t len = readv(v->fd, iov, 2);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (len < (ssize_t)HDR_LEN)
			die("can't read from", v->name);
		v->nfree--;
		send_slot(v, id, (size_t)len, head);
	}
	out = v->nslots - v->nfree;
	if (n && ask_interrupt(v, r, out * 3 / 4 ? out * 3 / 4 : 1))
		reclaim(v);
	return n;
}

/* ---- up and down ---- */

static void open_tap(struct vtap *v)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_NAPI };
	const uint64_t f = v->front.features;
	unsigned long may = 0;
	int size = HDR_LEN;

	v->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (v->fd < 0)
		die("can't open", "/dev/net/tun");
	(void)snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", v->name);
	if (ioctl(v->fd, TUNSETIFF, &ifr) || ioctl(v->fd, TUNSETVNETHDRSZ, &size))
		die("can't make", v->name);
	if (f & F_CSUM)
		may = TUN_F_CSUM | (f & F_HOST_TSO4 ? TUN_F_TSO4 : 0) | (f & F_HOST_TSO6 ? TUN_F_TSO6 : 0) |
		      (f & F_HOST_ECN ? TUN_F_TSO_ECN : 0);
	/* Linux before 6.2 knows no USO */
	if ((!(f & F_HOST_USO) || ioctl(v->fd, TUNSETOFFLOAD, may | TUN_F_USO4 | TUN_F_USO6)) &&
	    ioctl(v->fd, TUNSETOFFLOAD, may))
		die("can't set the offloads of", v->name);
}

static void watch(const struct vtap *v, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	if (epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, fd, &e))
		die("can't wait for", v->name);
}

/* Each event once: whoever is woken looks at everything. */
static void watch_all(struct vtap *v)
{
	v->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (v->epoll_fd < 0)
		die("can't wait for", v->name);
	watch(v, v->fd, EPOLLIN | EPOLLET);
	watch(v, v->front.q[RX].call_fd, EPOLLIN | EPOLLET);
	watch(v, v->front.q[TX].call_fd, EPOLLIN | EPOLLET);
	watch(v, v->front.sock, EPOLLRDHUP);
}

static void bring_up(struct vtap *v)
{
	struct front *f = &v->front;

	f->want = F_MRG_RXBUF | F_EVENT_IDX | F_INDIRECT | (v->offload ? F_OFFLOADS : 0);
	f->buffers[RX] = (size_t)f->entries * PAGE_SIZE;
	v->nslots = f->entries < SLOTS_MAX ? f->entries : SLOTS_MAX;
	f->buffers[TX] = (size_t)v->nslots * SLOT_SIZE;
	if (v->server)
		front_listen(f);
	front_meet(f);
	front_negotiate(f);
	if (!(f->features & F_INDIRECT))
		fail(f->path, "the switch does not offer indirect descriptors");
	front_memory(f);
	open_tap(v);
	v->mask = (uint16_t)(f->entries - 1);
	v->event_idx = f->features & F_EVENT_IDX;
	v->posted = POSTED_MIN;
	for (unsigned i = 0; i < f->entries; i++)
		post(v, (uint16_t)i);
	for (; v->nfree < v->nslots; v->nfree++) {
		memset(slot(v, v->nfree) + HEAD_AT, 0, HDR_LEN); /* the kernel leaves the last two bytes as they are */
		v->free_slot[v->nfree] = (uint16_t)v->nfree;
	}
	v->unpublished = 0;
	__atomic_store_n(&f->q[RX].avail->idx, f->q[RX].avail_idx, __ATOMIC_RELEASE);
	front_start(f);
	watch_all(v);
}

static void say_ready(const struct vtap *v)
{
	const char *comma = "";

	(void)printf("vtap ready offloads=");
#define SAY(name)                                                                                                      \
	if (v->front.features & F_##name) {                                                                            \
		(void)printf("%s" #name, comma);                                                                       \
		comma = ",";                                                                                           \
	}
	OFFLOADS(SAY)
	(void)printf("\n");
	(void)fflush(stdout);
}

static void sleep_for_event(struct vtap *v)
{
	struct epoll_event e[4];
	int n;

	if (ask_interrupt(v, &v->front.q[RX], 1))
		return;
	v->sleeps++;
	n = epoll_wait(v->epoll_fd, e, 4, 1000); /* a signal may come right before */
	for (int i = 0; i < n; i++)
		if (e[i].data.fd == v->front.sock)
			fail(v->front.path, "the switch has gone");
}

static void run(struct vtap *v)
{
	while (!stopped()) {
		unsigned n = receive(v);

		n += transmit(v);
		if (n == 0)
			sleep_for_event(v);
	}
}

static void say_counts(const struct vtap *v)
{
	const struct counts *rx = &v->received, *tx = &v->sent;

	(void)printf("vtap tx_frames=%lu tx_bytes=%lu tx_longest=%u tx_kicks=%lu rx_frames=%lu rx_bytes=%lu "
		     "rx_longest=%u rx_kicks=%lu rx_refused=%lu sleeps=%lu\n",
		     tx->frames, tx->bytes, tx->longest, tx->kicks, rx->frames, rx->bytes, rx->longest, rx->kicks,
		     v->refused, v->sleeps);
}

/* ---- options ---- */

static const char help[] =
    "vtap: plays a virtual machine whose guest is this kernel's network stack, behind a TAP device, to a vhost-user "
    "switch\n"
    "\n"
    "usage: vtap --socket PATH --tap NAME [OPTION]...\n"
    "\n"
    "  --socket PATH    of the VM at the switch\n"
    "  --tap NAME       the device, made in the network namespace in which vtap runs; it goes with vtap\n"
    "  --no-offload     negotiate neither checksum nor segmentation offload\n"
    "  --server         listen at the socket instead of connecting\n"
    "  --ring N         descriptors a ring, a power of two, 64 ... 1024 (256)\n"
    "  --small-pages    do not ask for huge pages\n"
    "  --core CPU       run there\n"
    "  --timeout S      wait that long for the switch (20)\n"
    "\n"
    "It prints \"vtap ready offloads=...\" with what was negotiated, and one line of counters when it ends by a "
    "signal.\n";

_Noreturn static void usage(const char *sentence)
{
	(void)fprintf(stderr, "vtap: %s; see vtap --help\n", sentence);
	exit(2);
}

static void parse_options(struct vtap *v, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", 1, NULL, 's' },	{ "tap", 1, NULL, 't' },
		{ "no-offload", 0, NULL, 'n' }, { "server", 0, NULL, 'l' },
		{ "ring", 1, NULL, 'r' },	{ "small-pages", 0, NULL, 'p' },
		{ "core", 1, NULL, 'c' },	{ "timeout", 1, NULL, 'w' },
		{ "help", 0, NULL, 'h' },	{ 0 },
	};
	struct front *f = &v->front;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			f->path = optarg;
			break;
		case 't':
			v->name = optarg;
			break;
		case 'n':
			v->offload = false;
			break;
		case 'l':
			v->server = true;
			break;
		case 'r':
			f->entries = integer(optarg, 64, RING_MAX, "--ring");
			break;
		case 'p':
			f->small_pages = true;
			break;
		case 'c':
			v->core = cpu_number(optarg, "--core");
			break;
		case 'w':
			f->timeout_s = integer(optarg, 1, 3600, "--timeout");
			break;
		case 'h':
			(void)fputs(help, stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc || !f->path || !v->name)
		usage("it takes --socket, --tap and options");
	if (strlen(v->name) >= IFNAMSIZ)
		usage("--tap is a device's name, shorter than 16 characters");
	if (f->entries & (f->entries - 1))
		usage("--ring is a power of two");
}

int main(int argc, char **argv)
{
	static struct vtap v = { .front = { .entries = 256, .timeout_s = 20, .sock = -1, .listener = -1, .memfd = -1 },
				 .offload = true,
				 .core = -1 };

	parse_options(&v, argc, argv);
	stop_on_signals();
	pin(v.core);
	bring_up(&v);
	say_ready(&v);
	run(&v);
	say_counts(&v);
	front_stop(&v.front);
	if (v.server)
		(void)unlink(v.front.path);
	return 0;
}
