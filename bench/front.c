/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front-end's half of vhost-user: sockets, messages, guest memory, starting and stopping rings. Called by main
 * before and after the measurement, never during it. Any refusal ends the program: there is nothing to measure then.
 */
#include "vugen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GUEST_BASE 0x100000000ull
#define HUGE_PAGE  ((size_t)2 << 20)
#define PAGE	   ((size_t)4096)

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
};

#define F_MRG_RXBUF	    (1ull << 15)
#define F_PROTOCOL_FEATURES (1ull << 30)
#define F_VERSION_1	    (1ull << 32)
#define F_RING_PACKED	    (1ull << 34)
#define PF_REPLY_ACK	    (1ull << 3)

#define FLAG_VERSION	1u
#define FLAG_NEED_REPLY 8u
#define HEADER		12u

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t nregions, padding;
			uint64_t guest_address, size, user_address, offset;
		} memory;
	} p;
} __attribute__((packed));

_Noreturn void die(const char *what, const char *arg)
{
	(void)fprintf(stderr, "vugen: %s %s: %s\n", what, arg, strerror(errno));
	exit(1);
}

_Noreturn void fail(const struct port *p, const char *sentence)
{
	(void)fprintf(stderr, "vugen: %s: %s\n", p->path, sentence);
	exit(1);
}

/* ---- messages ---- */

static void send_message(const struct port *p, struct message *m, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { m, HEADER + m->size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	m->flags |= FLAG_VERSION;
	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control;
		h.msg_controllen = sizeof control;
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	if (sendmsg(p->sock, &h, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		die("can't send to", p->path);
}

static void receive_answer(const struct port *p, struct message *m, enum request request)
{
	struct pollfd pf = { p->sock, POLLIN, 0 };

	if (poll(&pf, 1, (int)opt.timeout_s * 1000) <= 0)
		die("no answer from", p->path);
	if (recv(p->sock, m, HEADER, MSG_WAITALL) != (ssize_t)HEADER || m->size > sizeof m->p ||
	    recv(p->sock, &m->p, m->size, MSG_WAITALL) != (ssize_t)m->size)
		die("can't receive from", p->path);
	if (m->request != request)
		fail(p, "the switch answered another request than was asked");
}

static uint64_t ask(const struct port *p, enum request request)
{
	struct message m = { .request = request };

	send_message(p, &m, -1);
	receive_answer(p, &m, request);
	return m.p.u64;
}

static void tell(const struct port *p, enum request request, uint64_t value, int fd)
{
	struct message m = { .request = request, .size = 8, .p.u64 = value };

	send_message(p, &m, fd);
}

static void tell_ring(const struct port *p, enum request request, uint32_t index, uint32_t num)
{
	struct message m = { .request = request, .size = 8, .p.state = { index, num } };

	send_message(p, &m, -1);
}

/* ---- sockets ---- */

static struct sockaddr_un address(const struct port *p)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(p->path) >= sizeof a.sun_path)
		fail(p, "the path is too long for a unix socket");
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", p->path);
	return a;
}

void port_listen(struct port *p)
{
	struct sockaddr_un a = address(p);

	(void)unlink(p->path);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&a, sizeof a) || listen(p->listener, 1))
		die("can't listen at", p->path);
	if (chmod(p->path, 0666))
		die("can't open to all", p->path);
}

void port_meet(struct port *p)
{
	double end = seconds_now() + opt.timeout_s;
	struct sockaddr_un a = address(p);

	if (p->listener >= 0) {
		struct pollfd pf = { p->listener, POLLIN, 0 };

		if (poll(&pf, 1, (int)opt.timeout_s * 1000) <= 0)
			die("nobody connected to", p->path);
		p->sock = accept(p->listener, NULL, NULL);
		if (p->sock < 0)
			die("can't accept at", p->path);
		return;
	}
	for (;;) {
		p->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (p->sock >= 0 && connect(p->sock, (struct sockaddr *)&a, sizeof a) == 0)
			return;
		if (seconds_now() > end || stopped())
			die("can't connect to", p->path);
		(void)close(p->sock);
		(void)usleep(20000);
	}
}

/* ---- memory ---- */

uint64_t guest_address(const struct port *p, const void *at)
{
	return (uint64_t)((const uint8_t *)at - p->base) + GUEST_BASE;
}

static size_t pages(size_t n)
{
	return (n + PAGE - 1) & ~(PAGE - 1);
}

static bool has_buffers(const struct port *p, int which)
{
	return which == RX || p->role & ROLE_TX;
}

/* The sizes of a ring's three areas, each on pages of its own. */
static size_t desc_size(void)
{
	return pages(sizeof(struct desc) * opt.ring);
}

static size_t avail_size(void)
{
	return pages(sizeof(struct avail) + 2 * (opt.ring + 1));
}

static size_t used_size(void)
{
	return pages(sizeof(struct used) + sizeof(struct used_elem) * opt.ring + 2);
}

static bool map_memory(struct port *p, size_t need, size_t page, unsigned flags)
{
	p->size = (need + page - 1) & ~(page - 1);
	p->memfd = memfd_create("vugen", MFD_CLOEXEC | flags);
	if (p->memfd < 0)
		return false;
	if (ftruncate(p->memfd, (off_t)p->size) == 0) {
		/* huge pages are taken at once: a shortage is an error here and not a signal later */
		p->base = mmap(NULL, p->size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | (flags & MFD_HUGETLB ? MAP_POPULATE : 0), p->memfd, 0);
		if (p->base != MAP_FAILED)
			return true;
	}
	(void)close(p->memfd);
	return false;
}

static void make_memory(struct port *p)
{
	static bool said;
	size_t need = PAGE; /* the announcement */

	for (int k = RX; k <= TX; k++)
		need += desc_size() + avail_size() + used_size() + (has_buffers(p, k) ? pages(ring_buffers_size()) : 0);
	if (!opt.small_pages) {
		if (map_memory(p, need, HUGE_PAGE, MFD_HUGETLB))
			return;
		if (!said)
			(void)fprintf(stderr, "vugen: no huge pages left, using small ones (slower)\n");
		said = true;
	}
	if (!map_memory(p, need, PAGE, 0))
		die("can't get memory for", p->path);
}

static void make_ring(struct port *p, int which, uint8_t **at)
{
	struct ring *r = &p->q[which];

	r->desc = (struct desc *)*at;
	*at += desc_size();
	r->avail = (struct avail *)*at;
	*at += avail_size();
	r->used = (struct used *)*at;
	*at += used_size();
	if (has_buffers(p, which)) {
		r->bufs = *at;
		*at += pages(ring_buffers_size());
	}
	r->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->kick_fd < 0 || r->call_fd < 0)
		die("can't make an event descriptor for", p->path);
	ring_init(p, which);
}

/* ---- up and down ---- */

static uint64_t negotiate(struct port *p)
{
	uint64_t offered = ask(p, GET_FEATURES), header = F_VERSION_1, protocol = 0;
	uint64_t want = F_VERSION_1 | F_PROTOCOL_FEATURES;

	if (!opt.no_mrg) {
		want |= F_MRG_RXBUF;
		header |= F_MRG_RXBUF; /* a device older than virtio 1 has the 12-byte header with it */
	}
	if (opt.packed)
		want |= F_RING_PACKED;
	if (opt.packed && !(offered & F_RING_PACKED))
		fail(p, "the switch does not offer packed rings");
	if (!(offered & header))
		fail(p, "the switch offers neither virtio 1 nor mergeable buffers");
	p->features = offered & want;
	if (p->features & F_PROTOCOL_FEATURES) {
		protocol = ask(p, GET_PROTOCOL_FEATURES) & PF_REPLY_ACK;
		tell(p, SET_PROTOCOL_FEATURES, protocol, -1);
	}
	return protocol;
}

static void share_memory(struct port *p, bool reply)
{
	struct message m = { .request = SET_MEM_TABLE, .size = sizeof m.p.memory };

	m.flags = reply ? FLAG_NEED_REPLY : 0;
	m.p.memory.nregions = 1;
	m.p.memory.guest_address = GUEST_BASE;
	m.p.memory.size = p->size;
	m.p.memory.user_address = (uint64_t)(uintptr_t)p->base;
	send_message(p, &m, p->memfd);
	if (!reply)
		return;
	receive_answer(p, &m, SET_MEM_TABLE);
	if (m.p.u64)
		fail(p, "the switch refused our memory");
}

static void start_ring(struct port *p, uint32_t k)
{
	const struct ring *r = &p->q[k];
	struct message m = { .request = SET_VRING_ADDR, .size = sizeof m.p.addr };

	tell_ring(p, SET_VRING_NUM, k, opt.ring);
	tell_ring(p, SET_VRING_BASE, k, opt.packed ? 0x80008000u : 0);
	m.p.addr.index = k;
	m.p.addr.desc = (uint64_t)(uintptr_t)r->desc;
	m.p.addr.avail = (uint64_t)(uintptr_t)r->avail;
	m.p.addr.used = (uint64_t)(uintptr_t)r->used;
	send_message(p, &m, -1);
	tell(p, SET_VRING_CALL, k, r->call_fd);
	tell(p, SET_VRING_KICK, k, r->kick_fd);
}

void port_up(struct port *p)
{
	uint64_t protocol = negotiate(p);
	struct message owner = { .request = SET_OWNER };
	uint8_t *at;

	send_message(p, &owner, -1);
	tell(p, SET_FEATURES, p->features, -1);
	make_memory(p);
	at = p->base;
	make_ring(p, RX, &at);
	make_ring(p, TX, &at);
	p->announce = at;
	share_memory(p, protocol & PF_REPLY_ACK);
	start_ring(p, RX);
	start_ring(p, TX);
	if (p->features & F_PROTOCOL_FEATURES)
		for (uint32_t k = RX; k <= TX; k++)
			tell_ring(p, SET_VRING_ENABLE, k, 1);
	(void)ask(p, GET_FEATURES); /* a round trip: everything before it has been handled */
}

void port_down(struct port *p)
{
	for (uint32_t k = RX; k <= TX; k++) {
		struct message m = { .request = GET_VRING_BASE, .size = 8, .p.state = { k, 0 } };

		send_message(p, &m, -1);
		receive_answer(p, &m, GET_VRING_BASE);
	}
}
