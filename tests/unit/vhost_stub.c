/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost_stub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the data path ---- */

int nic_queue_start(struct nic *n, uint32_t vport, unsigned qp, const struct nic_queue_config *cfg, struct vmq_err *err)
{
	struct stub_queue *q = &n->q[qp];

	assert_int_equal(vport, 5);
	if (n->start_rc)
		return vmq_err(err, n->start_rc, "the stub refuses");
	assert_false(q->started);
	q->started = true;
	q->broken = false;
	q->cfg = *cfg;
	q->starts++;
	return 0;
}

int nic_queue_stop(struct nic *n, uint32_t vport, unsigned qp, uint16_t *rx_base, uint16_t *tx_base)
{
	struct stub_queue *q = &n->q[qp];

	assert_int_equal(vport, 5);
	if (n->stop_rc)
		return n->stop_rc;
	if (!q->started)
		return -ENOENT;
	q->started = false;
	q->stops++;
	*rx_base = (uint16_t)(q->cfg.rx.last_avail + q->rx_moved);
	*tx_base = (uint16_t)(q->cfg.tx.last_avail + q->tx_moved);
	/* As a device does: what was taken is given back, and the ring in memory says so. */
	((uint16_t *)q->cfg.rx.used)[1] = *rx_base;
	((uint16_t *)q->cfg.tx.used)[1] = *tx_base;
	q->rx_moved = 0;
	q->tx_moved = 0;
	return 0;
}

int nic_queue_set_fds(struct nic *n, uint32_t vport, unsigned qp, int rx_kick, int rx_call, int tx_kick, int tx_call)
{
	struct stub_queue *q = &n->q[qp];

	assert_int_equal(vport, 5);
	assert_true(q->started);
	if (n->fds_rc)
		return n->fds_rc;
	q->cfg.rx.kick_fd = rx_kick;
	q->cfg.rx.call_fd = rx_call;
	q->cfg.tx.kick_fd = tx_kick;
	q->cfg.tx.call_fd = tx_call;
	q->fds_set++;
	return 0;
}

int nic_queue_set_log(struct nic *n, uint32_t vport, unsigned qp, uint8_t *log, uint64_t size)
{
	struct stub_queue *q = &n->q[qp];

	assert_int_equal(vport, 5);
	assert_true(q->started);
	if (n->log_rc)
		return n->log_rc;
	q->cfg.dirty_log = log;
	q->cfg.dirty_log_size = size;
	q->logs_set++;
	return 0;
}

int nic_queue_info(const struct nic *n, uint32_t vport, unsigned qp, struct nic_queue_info *out)
{
	assert_int_equal(vport, 5);
	*out = (struct nic_queue_info){ .started = n->q[qp].started, .broken = n->q[qp].broken };
	return 0;
}

/* ---- the loop: one event at a time, so that a watch that ended is never served ---- */

struct watch {
	vhost_fd_cb *cb;
	void *arg;
};

static int epfd = -1;
static struct watch watches[4096];

static int loop_add(void *ctx, int fd, uint32_t events, vhost_fd_cb *cb, void *arg)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	assert_ptr_equal(ctx, &epfd);
	watches[fd] = (struct watch){ cb, arg };
	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int loop_mod(void *ctx, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	assert_ptr_equal(ctx, &epfd);
	return epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

static void loop_del(void *ctx, int fd)
{
	assert_ptr_equal(ctx, &epfd);
	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), 0);
}

const struct vhost_loop stub_loop = { loop_add, loop_mod, loop_del, &epfd };

void stub_loop_open(void)
{
	epfd = epoll_create1(EPOLL_CLOEXEC);
	assert_true(epfd >= 0);
}

void stub_loop_close(void)
{
	close(epfd);
	epfd = -1;
}

static bool serve_one(int timeout_ms)
{
	struct epoll_event ev;

	if (epoll_wait(epfd, &ev, 1, timeout_ms) != 1)
		return false;
	watches[ev.data.fd].cb(watches[ev.data.fd].arg, ev.events);
	return true;
}

void stub_loop_turn(void)
{
	while (serve_one(0))
		;
}

void stub_loop_until(bool (*done)(void *arg), void *arg)
{
	while (!done(arg))
		(void)serve_one(20);
}

/* ---- events ---- */

struct stub_events stub_events;

void stub_on_event(void *ctx, struct vhost_endpoint *ep, const struct vhost_event *ev)
{
	unsigned i = stub_events.n;

	(void)ctx;
	(void)ep;
	if (i == 64)
		return;
	stub_events.ev[i] = *ev;
	(void)snprintf(stub_events.reason[i], VMQ_ERR_TEXT, "%s", ev->reason ? ev->reason : "");
	stub_events.n++;
}

unsigned stub_count(enum vhost_event_type type, unsigned qp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < stub_events.n; i++)
		n += stub_events.ev[i].type == type && stub_events.ev[i].qp == qp;
	return n;
}

/* ---- endpoint and front-end ---- */

void front_config(struct front *f, struct vhost_endpoint_config *cfg, unsigned queue_pairs)
{
	*cfg = (struct vhost_endpoint_config){
		.name = "web1",
		.path = f->path,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.nic = &f->nic,
		.vport = 5,
		.queue_pairs = queue_pairs,
		.loop = &stub_loop,
		.event = stub_on_event,
	};
}

void front_open(struct front *f, unsigned queue_pairs)
{
	struct vhost_endpoint_config cfg;
	struct vmq_err err = { "" };

	*f = (struct front){ .sock = -1, .memfd = -1, .dir = "/tmp/vmqt-vhost-XXXXXX" };
	for (unsigned i = 0; i < 2 * NIC_MAX_QUEUE_PAIRS; i++)
		f->kick[i] = f->call[i] = -1;
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof f->path, "%s/web1.sock", f->dir);
	f->memfd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->memfd, STUB_MEM_BYTES), 0);
	f->mem = mmap(NULL, STUB_MEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, 0);
	assert_ptr_not_equal(f->mem, MAP_FAILED);
	stub_events.n = 0;
	front_config(f, &cfg, queue_pairs);
	if (vhost_endpoint_open(&cfg, &f->ep, &err))
		fail_msg("open: %s", err.text);
}

void front_close(struct front *f)
{
	vhost_endpoint_close(f->ep);
	if (f->sock >= 0)
		close(f->sock);
	for (unsigned i = 0; i < 2 * NIC_MAX_QUEUE_PAIRS; i++) {
		if (f->kick[i] >= 0)
			close(f->kick[i]);
		if (f->call[i] >= 0)
			close(f->call[i]);
	}
	munmap(f->mem, STUB_MEM_BYTES);
	close(f->memfd);
	assert_int_equal(rmdir(f->dir), 0);
}

void front_connect(struct front *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", f->path);
	f->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(f->sock, (struct sockaddr *)&a, sizeof a), 0);
	stub_loop_turn();
}

void front_disconnect(struct front *f)
{
	close(f->sock);
	f->sock = -1;
	stub_loop_turn();
}

void front_send(struct front *f, uint32_t request, uint32_t flags, const void *payload, uint32_t size, const int *fds,
		unsigned nfds)
{
	struct vhost_msg_header h = { request, VHOST_MSG_VERSION | flags, size };
	struct iovec iov[2] = { { &h, sizeof h }, { (void *)payload, size } };
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };

	assert_true(nfds <= 16);
	if (nfds) {
		struct cmsghdr *c;

		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(f->sock, &mh, MSG_NOSIGNAL), sizeof h + size);
	stub_loop_turn();
}

void front_send_u64(struct front *f, uint32_t request, uint64_t v)
{
	front_send(f, request, 0, &v, sizeof v, NULL, 0);
}

void front_send_state(struct front *f, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_msg_state s = { index, num };

	front_send(f, request, 0, &s, sizeof s, NULL, 0);
}

void front_recv(struct front *f, uint32_t request, void *payload, uint32_t size)
{
	struct vhost_msg_header h;

	assert_int_equal(recv(f->sock, &h, sizeof h, 0), sizeof h);
	assert_int_equal(h.request, request);
	assert_int_equal(h.flags, VHOST_MSG_VERSION | VHOST_MSG_REPLY);
	assert_int_equal(h.size, size);
	assert_int_equal(recv(f->sock, payload, size, 0), size);
}

int front_recv_fd(struct front *f, uint32_t request, void *payload, uint32_t size)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct vhost_msg_header h;
	struct iovec iov[] = { { &h, sizeof h }, { payload, size } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control };
	int fd;

	assert_int_equal(recvmsg(f->sock, &mh, 0), sizeof h + size);
	assert_int_equal(h.request, request);
	assert_int_equal(h.size, size);
	assert_non_null(CMSG_FIRSTHDR(&mh));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof fd);
	return fd;
}

bool front_is_closed(struct front *f)
{
	char c;

	return recv(f->sock, &c, 1, MSG_PEEK) == 0;
}

uint64_t front_get_u64(struct front *f, uint32_t request)
{
	uint64_t v;

	front_send(f, request, 0, NULL, 0, NULL, 0);
	front_recv(f, request, &v, sizeof v);
	return v;
}

uint32_t front_base(struct front *f, uint32_t index)
{
	struct vhost_msg_state s;

	front_send_state(f, GET_VRING_BASE, index, 0);
	front_recv(f, GET_VRING_BASE, &s, sizeof s);
	assert_int_equal(s.index, index);
	return s.num;
}

uint64_t front_ack(struct front *f, uint32_t request, const void *payload, uint32_t size, const int *fds, unsigned nfds)
{
	uint64_t v;

	front_send(f, request, VHOST_MSG_NEED_REPLY, payload, size, fds, nfds);
	front_recv(f, request, &v, sizeof v);
	return v;
}

void front_features(struct front *f, uint64_t features)
{
	uint64_t offered = front_get_u64(f, GET_FEATURES);

	assert_int_equal(features & ~offered, 0);
	if (features & VHOST_FEATURE(PROTOCOL_FEATURES))
		front_send_u64(f, SET_PROTOCOL_FEATURES, front_get_u64(f, GET_PROTOCOL_FEATURES));
	front_send(f, SET_OWNER, 0, NULL, 0, NULL, 0);
	front_send_u64(f, SET_FEATURES, features);
}

struct vhost_msg_addr front_ring_addr(uint32_t index)
{
	uint64_t at = STUB_UVA + 0x8000 * index;

	return (struct vhost_msg_addr){ .index = index, .desc = at, .avail = at + 0x2000, .used = at + 0x4000 };
}

struct vhost_msg_region front_region(void)
{
	return (struct vhost_msg_region){ STUB_GPA, STUB_MEM_BYTES, STUB_UVA, 0 };
}

void front_memory(struct front *f)
{
	struct vhost_msg_table t = { .nregions = 1, .region = { front_region() } };

	front_send(f, SET_MEM_TABLE, 0, &t, 8 + sizeof t.region[0], &f->memfd, 1);
}

static void send_eventfd(struct front *f, uint32_t request, uint32_t index, int *keep)
{
	uint64_t v = index;

	if (*keep >= 0)
		close(*keep);
	*keep = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	front_send(f, request, 0, &v, sizeof v, keep, 1);
}

void front_ring(struct front *f, uint32_t index)
{
	struct vhost_msg_addr a = front_ring_addr(index);

	front_send_state(f, SET_VRING_NUM, index, STUB_RING);
	front_send_state(f, SET_VRING_BASE, index, 0);
	front_send(f, SET_VRING_ADDR, 0, &a, sizeof a, NULL, 0);
	send_eventfd(f, SET_VRING_KICK, index, &f->kick[index]);
	send_eventfd(f, SET_VRING_CALL, index, &f->call[index]);
}

void front_enable(struct front *f, uint32_t index, uint32_t on)
{
	front_send_state(f, SET_VRING_ENABLE, index, on);
}

void front_run(struct front *f)
{
	front_connect(f);
	front_features(f, STUB_FEATURES);
	front_memory(f);
	front_ring(f, 0);
	front_ring(f, 1);
	front_enable(f, 0, 1);
	front_enable(f, 1, 1);
	assert_true(f->nic.q[0].started);
}

bool front_same_byte(struct front *f, const void *host, uint64_t uva)
{
	static uint8_t mark;
	volatile uint8_t *here = f->mem + (uva - STUB_UVA);
	uint8_t old = *here;
	bool same;

	*here = ++mark;
	same = *(const volatile uint8_t *)host == mark;
	*here = ++mark;
	same = same && *(const volatile uint8_t *)host == mark;
	*here = old;
	return same;
}

unsigned stub_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

unsigned stub_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned n = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, "memfd:") != NULL;
	fclose(f);
	return n;
}
