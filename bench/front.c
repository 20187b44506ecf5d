/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front-end's half of vhost-user: sockets, messages, guest memory, starting and stopping rings. Called before and
 * after the measurement, never during it.
 */
#include "front.h"

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

#include "process.h"

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

#define PF_REPLY_ACK (1ull << 3)

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

/* ---- messages ---- */

static void send_message(const struct front *f, struct message *m, int fd)
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
	if (sendmsg(f->sock, &h, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		die("can't send to", f->path);
}

static void receive_answer(const struct front *f, struct message *m, enum request request)
{
	struct pollfd pf = { f->sock, POLLIN, 0 };

	if (poll(&pf, 1, (int)f->timeout_s * 1000) <= 0)
		die("no answer from", f->path);
	if (recv(f->sock, m, HEADER, MSG_WAITALL) != (ssize_t)HEADER || m->size > sizeof m->p ||
	    recv(f->sock, &m->p, m->size, MSG_WAITALL) != (ssize_t)m->size)
		die("can't receive from", f->path);
	if (m->request != request)
		fail(f->path, "the switch answered another request than was asked");
}

static uint64_t ask(const struct front *f, enum request request)
{
	struct message m = { .request = request };

	send_message(f, &m, -1);
	receive_answer(f, &m, request);
	return m.p.u64;
}

static void tell(const struct front *f, enum request request, uint64_t value, int fd)
{
	struct message m = { .request = request, .size = 8, .p.u64 = value };

	send_message(f, &m, fd);
}

static void tell_ring(const struct front *f, enum request request, uint32_t index, uint32_t num)
{
	struct message m = { .request = request, .size = 8, .p.state = { index, num } };

	send_message(f, &m, -1);
}

/* ---- sockets ---- */

static struct sockaddr_un address(const struct front *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(f->path) >= sizeof a.sun_path)
		fail(f->path, "the path is too long for a unix socket");
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", f->path);
	return a;
}

void front_listen(struct front *f)
{
	struct sockaddr_un a = address(f);

	(void)unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&a, sizeof a) || listen(f->listener, 1))
		die("can't listen at", f->path);
	if (chmod(f->path, 0666))
		die("can't open to all", f->path);
}

void front_meet(struct front *f)
{
	double end = seconds_now() + f->timeout_s;
	struct sockaddr_un a = address(f);

	if (f->listener >= 0) {
		struct pollfd pf = { f->listener, POLLIN, 0 };

		if (poll(&pf, 1, (int)f->timeout_s * 1000) <= 0)
			die("nobody connected to", f->path);
		f->sock = accept(f->listener, NULL, NULL);
		if (f->sock < 0)
			die("can't accept at", f->path);
		return;
	}
	for (;;) {
		f->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (f->sock >= 0 && connect(f->sock, (struct sockaddr *)&a, sizeof a) == 0)
			return;
		if (seconds_now() > end || stopped())
			die("can't connect to", f->path);
		(void)close(f->sock);
		(void)usleep(20000);
	}
}

/* ---- memory ---- */

uint64_t guest_address(const struct front *f, const void *at)
{
	return (uint64_t)((const uint8_t *)at - f->base) + GUEST_BASE;
}

static size_t pages(size_t n)
{
	return (n + PAGE - 1) & ~(PAGE - 1);
}

/* The sizes of a ring's three areas, each on pages of its own. */
static size_t desc_size(const struct front *f)
{
	return pages(sizeof(struct desc) * f->entries);
}

static size_t avail_size(const struct front *f)
{
	return pages(sizeof(struct avail) + 2 * ((size_t)f->entries + 1));
}

static size_t used_size(const struct front *f)
{
	return pages(sizeof(struct used) + sizeof(struct used_elem) * f->entries + 2);
}

static bool map_memory(struct front *f, size_t need, size_t page, unsigned flags)
{
	f->size = (need + page - 1) & ~(page - 1);
	f->memfd = memfd_create("guest", MFD_CLOEXEC | flags);
	if (f->memfd < 0)
		return false;
	if (ftruncate(f->memfd, (off_t)f->size) == 0) {
		/* huge pages are taken at once: a shortage is an error here and not a signal later */
		f->base = mmap(NULL, f->size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | (flags & MFD_HUGETLB ? MAP_POPULATE : 0), f->memfd, 0);
		if (f->base != MAP_FAILED)
			return true;
	}
	(void)close(f->memfd);
	return false;
}

static void make_memory(struct front *f)
{
	static bool said;
	size_t need = pages(f->spare);

	for (int k = RX; k <= TX; k++)
		need += desc_size(f) + avail_size(f) + used_size(f) + pages(f->buffers[k]);
	if (!f->small_pages) {
		if (map_memory(f, need, HUGE_PAGE, MFD_HUGETLB))
			return;
		if (!said)
			(void)fprintf(stderr, "%s: no huge pages left, using small ones (slower)\n",
				      program_invocation_short_name);
		said = true;
	}
	if (!map_memory(f, need, PAGE, 0))
		die("can't get memory for", f->path);
}

static uint8_t *take(uint8_t **at, size_t size)
{
	uint8_t *here = *at;

	*at += pages(size);
	return here;
}

static void make_ring(struct front *f, int which, uint8_t **at)
{
	struct ring *r = &f->q[which];

	r->desc = (struct desc *)take(at, desc_size(f));
	r->avail = (struct avail *)take(at, avail_size(f));
	r->used = (struct used *)take(at, used_size(f));
	if (f->buffers[which])
		r->bufs = take(at, f->buffers[which]);
	r->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->kick_fd < 0 || r->call_fd < 0)
		die("can't make an event descriptor for", f->path);
}

void front_memory(struct front *f)
{
	uint8_t *at;

	make_memory(f);
	at = f->base;
	make_ring(f, RX, &at);
	make_ring(f, TX, &at);
	f->rest = at;
}

/* ---- up and down ---- */

void front_negotiate(struct front *f)
{
	const uint64_t want = f->want | F_VERSION_1 | F_PROTOCOL_FEATURES, offered = ask(f, GET_FEATURES);
	struct message owner = { .request = SET_OWNER };

	if (want & F_RING_PACKED && !(offered & F_RING_PACKED))
		fail(f->path, "the switch does not offer packed rings");
	/* a device older than virtio 1 has the 12-byte header with mergeable buffers */
	if (!(offered & want & (F_VERSION_1 | F_MRG_RXBUF)))
		fail(f->path, "the switch offers neither virtio 1 nor mergeable buffers");
	f->features = offered & want;
	if (f->features & F_PROTOCOL_FEATURES) {
		f->protocol = ask(f, GET_PROTOCOL_FEATURES) & PF_REPLY_ACK;
		tell(f, SET_PROTOCOL_FEATURES, f->protocol, -1);
	}
	send_message(f, &owner, -1);
	tell(f, SET_FEATURES, f->features, -1);
}

static void share_memory(const struct front *f)
{
	const bool reply = f->protocol & PF_REPLY_ACK;
	struct message m = { .request = SET_MEM_TABLE, .size = sizeof m.p.memory };

	m.flags = reply ? FLAG_NEED_REPLY : 0;
	m.p.memory.nregions = 1;
	m.p.memory.guest_address = GUEST_BASE;
	m.p.memory.size = f->size;
	m.p.memory.user_address = (uint64_t)(uintptr_t)f->base;
	send_message(f, &m, f->memfd);
	if (!reply)
		return;
	receive_answer(f, &m, SET_MEM_TABLE);
	if (m.p.u64)
		fail(f->path, "the switch refused our memory");
}

static void start_ring(const struct front *f, uint32_t k)
{
	const struct ring *r = &f->q[k];
	struct message m = { .request = SET_VRING_ADDR, .size = sizeof m.p.addr };

	tell_ring(f, SET_VRING_NUM, k, f->entries);
	tell_ring(f, SET_VRING_BASE, k, f->features & F_RING_PACKED ? 0x80008000u : 0);
	m.p.addr.index = k;
	m.p.addr.desc = (uint64_t)(uintptr_t)r->desc;
	m.p.addr.avail = (uint64_t)(uintptr_t)r->avail;
	m.p.addr.used = (uint64_t)(uintptr_t)r->used;
	send_message(f, &m, -1);
	tell(f, SET_VRING_CALL, k, r->call_fd);
	tell(f, SET_VRING_KICK, k, r->kick_fd);
}

void front_start(const struct front *f)
{
	share_memory(f);
	start_ring(f, RX);
	start_ring(f, TX);
	if (f->features & F_PROTOCOL_FEATURES)
		for (uint32_t k = RX; k <= TX; k++)
			tell_ring(f, SET_VRING_ENABLE, k, 1);
	(void)ask(f, GET_FEATURES); /* a round trip: everything before it has been handled */
}

void front_stop(const struct front *f)
{
	for (uint32_t k = RX; k <= TX; k++) {
		struct message m = { .request = GET_VRING_BASE, .size = 8, .p.state = { k, 0 } };

		send_message(f, &m, -1);
		receive_answer(f, &m, GET_VRING_BASE);
	}
}
