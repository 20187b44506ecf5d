/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A front-end that sends anything, on the real sources of src/vhost over a data path that checks what it is given.
 *
 * The input: one byte that says how far a good session is set up first (0: not at all, 1: features, 2: memory, 3:
 * rings, else: a pair runs), then records. A record is an operation byte and what belongs to it: 0  len, bytes these
 * bytes as they are (halves of messages, nonsense) 1  request, flags, fds, len, payload a message; `fds`: low four bits
 * how many, high four which kind 2  request, index, u16  a message with a ring index and a number 3  index, where, d,
 * a, u, flags SET_VRING_ADDR with addresses near the memory: `where` pages from its beginning (signed), and offsets in
 * units of 64 bytes 4  add, page, pages, file offset (pages) ADD_MEM_REG or REM_MEM_REG 5                       the
 * connection ends and another one begins 6  pages                the memory file gets this length 7  qp the data path
 * says that the pair is broken Afterwards nothing of the session may be left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "vhost/protocol.h"
#include "vhost/vhost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAIRS     2u
#define UVA       UINT64_C(0x700000000000)
#define GPA       UINT64_C(0x40000000)
#define MEM_BYTES (1u << 20)
#define MAX_FDS   16u

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                  \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* ---- the data path ---- */

struct nic {
	bool started[PAIRS];
	struct nic_queue_config cfg[PAIRS];
};

static struct nic nic;

/* The whole part is in one slot, and can be touched. */
static void check_part(const struct guest_mem *m, const void *part, size_t len, size_t align)
{
	const uint8_t *p = part;

	MUST(p && (uintptr_t)p % 2 == 0 && align);
	for (uint32_t i = 0; i < m->nslots; i++) {
		const struct guest_mem_slot *s = &m->slot[i];

		if (p >= s->host && p + len <= s->host + s->size) {
			(void)*(const volatile uint8_t *)p;
			(void)*(const volatile uint8_t *)(p + len - 1);
			return;
		}
	}
	abort();
}

static void check_ring(const struct nic_queue_config *c, const struct nic_ring_config *r)
{
	bool packed = c->features & VHOST_FEATURE(RING_PACKED);
	size_t n = r->size;

	MUST(n >= 2 && n <= 32768 && (packed || (n & (n - 1)) == 0));
	check_part(c->mem, r->desc, 16 * n, 16);
	check_part(c->mem, r->avail, packed ? 4 : 6 + 2 * n, packed ? 4 : 2);
	check_part(c->mem, r->used, packed ? 4 : 6 + 8 * n, 4);
	MUST(r->kick_fd < 0 || fcntl(r->kick_fd, F_GETFL) & O_NONBLOCK);
	MUST(r->call_fd < 0 || fcntl(r->call_fd, F_GETFL) & O_NONBLOCK);
}

int nic_queue_start(struct nic *n, uint32_t vport, unsigned qp, const struct nic_queue_config *cfg, struct vmq_err *err)
{
	MUST(vport == 5 && qp < PAIRS && !n->started[qp]);
	for (uint32_t i = 1; i < cfg->mem->nslots; i++)
		MUST(cfg->mem->slot[i].gpa - cfg->mem->slot[i - 1].gpa >= cfg->mem->slot[i - 1].size);
	check_ring(cfg, &cfg->rx);
	check_ring(cfg, &cfg->tx);
	if (cfg->dirty_log)
		cfg->dirty_log[cfg->dirty_log_size - 1] = 1;
	if (qp == 1 && (cfg->rx.last_avail & 7) == 5)
		return vmq_err(err, -EINVAL, "not today");
	n->started[qp] = true;
	n->cfg[qp] = *cfg;
	return 0;
}

int nic_queue_stop(struct nic *n, uint32_t vport, unsigned qp, uint16_t *rx_base, uint16_t *tx_base)
{
	MUST(vport == 5 && qp < PAIRS);
	if (!n->started[qp])
		return -ENOENT;
	/* Its memory is there to the last. */
	check_ring(&n->cfg[qp], &n->cfg[qp].rx);
	check_ring(&n->cfg[qp], &n->cfg[qp].tx);
	n->started[qp] = false;
	*rx_base = n->cfg[qp].rx.last_avail;
	*tx_base = n->cfg[qp].tx.last_avail;
	return 0;
}

int nic_queue_set_fds(struct nic *n, uint32_t vport, unsigned qp, int rx_kick, int rx_call, int tx_kick, int tx_call)
{
	MUST(vport == 5 && qp < PAIRS && n->started[qp]);
	n->cfg[qp].rx.kick_fd = rx_kick;
	n->cfg[qp].rx.call_fd = rx_call;
	n->cfg[qp].tx.kick_fd = tx_kick;
	n->cfg[qp].tx.call_fd = tx_call;
	check_ring(&n->cfg[qp], &n->cfg[qp].rx);
	check_ring(&n->cfg[qp], &n->cfg[qp].tx);
	return 0;
}

int nic_queue_set_log(struct nic *n, uint32_t vport, unsigned qp, uint8_t *log, uint64_t size)
{
	MUST(vport == 5 && qp < PAIRS && n->started[qp]);
	if (log)
		log[size - 1] = 1;
	return 0;
}

int nic_queue_info(const struct nic *n, uint32_t vport, unsigned qp, struct nic_queue_info *out)
{
	MUST(vport == 5 && qp < PAIRS);
	*out = (struct nic_queue_info){ .started = n->started[qp], .broken = true };
	return 0;
}

/* ---- the loop ---- */

static int epfd;
static struct {
	vhost_fd_cb *cb;
	void *arg;
} watch[1024];

static int loop_add(void *ctx, int fd, uint32_t events, vhost_fd_cb *cb, void *arg)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	(void)ctx;
	MUST(fd < 1024); /* descriptors that are lost are found here */
	watch[fd].cb = cb;
	watch[fd].arg = arg;
	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int loop_mod(void *ctx, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	(void)ctx;
	return epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

static void loop_del(void *ctx, int fd)
{
	(void)ctx;
	MUST(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL) == 0);
}

static const struct vhost_loop loop = { loop_add, loop_mod, loop_del, NULL };

static void turn(void)
{
	struct epoll_event ev;

	while (epoll_wait(epfd, &ev, 1, 0) == 1)
		watch[ev.data.fd].cb(watch[ev.data.fd].arg, ev.events);
}

/* ---- the front-end ---- */

static struct vhost_endpoint *ep;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static char dir[] = "/tmp/vmqt-fuzz-vhost-XXXXXX";
static int sock, memfd;

static void leave(void)
{
	vhost_endpoint_close(ep);
	(void)rmdir(dir);
}

static void once(void)
{
	static bool done;
	struct vhost_endpoint_config cfg = { .name = "fuzz",
					     .path = address.sun_path,
					     .uid = (uid_t)-1,
					     .gid = (gid_t)-1,
					     .nic = &nic,
					     .vport = 5,
					     .queue_pairs = PAIRS,
					     .loop = &loop };
	struct vmq_err err = { "" };

	if (done)
		return;
	done = true;
	vmq_log_init(VMQ_LOG_ERROR);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	MUST(mkdtemp(dir));
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", dir);
	memfd = memfd_create("guest", MFD_CLOEXEC);
	MUST(memfd >= 0 && vhost_guard_start(&loop, &err) == 0);
	MUST(vhost_endpoint_open(&cfg, &ep, &err) == 0);
	(void)atexit(leave);
}

static void begin(void)
{
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	MUST(sock >= 0 && connect(sock, (struct sockaddr *)&address, sizeof address) == 0);
	turn();
}

static void end(void)
{
	struct vhost_status st;

	close(sock);
	turn();
	vhost_endpoint_status(ep, &st);
	MUST(!st.connected && st.mem_slots == 0 && !nic.started[0] && !nic.started[1]);
}

static void send_with_fds(const void *head, size_t nhead, const void *payload, size_t npayload, unsigned nfds,
			  unsigned kind)
{
	struct iovec iov[2] = { { (void *)head, nhead }, { (void *)payload, npayload } };
	union {
		char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd[MAX_FDS];
	uint8_t unread[4096];

	nfds %= MAX_FDS;
	for (unsigned i = 0; i < nfds; i++)
		fd[i] = kind % 4 == 0   ? eventfd(0, EFD_CLOEXEC)
			: kind % 4 == 1 ? fcntl(memfd, F_DUPFD_CLOEXEC, 0)
			: kind % 4 == 2 ? fcntl(sock, F_DUPFD_CLOEXEC, 0)
					: open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nfds) {
		struct cmsghdr *c;

		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fd, nfds * sizeof(int));
	}
	(void)sendmsg(sock, &mh, MSG_NOSIGNAL);
	for (unsigned i = 0; i < nfds; i++)
		close(fd[i]);
	turn();
	while (recv(sock, unread, sizeof unread, 0) > 0)
		;
}

static void message(uint32_t request, uint32_t flags, const void *payload, uint32_t size, unsigned nfds, unsigned kind)
{
	struct vhost_msg_header h = { request, flags, size };

	send_with_fds(&h, sizeof h, payload, size, nfds, kind);
}

static void send_u64(uint32_t request, uint64_t v, unsigned nfds)
{
	message(request, VHOST_MSG_VERSION, &v, sizeof v, nfds, 0);
}

static void send_addr(uint32_t index, uint64_t at, uint64_t d, uint64_t a, uint64_t u, uint32_t flags)
{
	struct vhost_msg_addr m = {
		.index = index, .flags = flags, .desc = at + d, .avail = at + a, .used = at + u, .log = at
	};

	message(9, VHOST_MSG_VERSION | VHOST_MSG_NEED_REPLY, &m, sizeof m, 0, 0);
}

static void send_slot(uint32_t request, uint64_t page, uint64_t pages, uint64_t offset)
{
	struct vhost_msg_slot m = { .region = { GPA + page * 4096, pages * 4096, UVA + page * 4096, offset * 4096 } };

	message(request, VHOST_MSG_VERSION | VHOST_MSG_NEED_REPLY, &m, sizeof m, request == 37, 1);
}

static void good_session(unsigned upto)
{
	struct vhost_msg_table t = { .nregions = 1, .region = { { GPA, MEM_BYTES, UVA, 0 } } };

	if (upto >= 1) {
		send_u64(16, VHOST_PROTOCOL_OFFERED, 0);
		send_u64(2, VHOST_FEATURES_DEFAULT & ~VHOST_FEATURE(LOG_ALL), 0);
	}
	if (upto >= 2)
		message(5, VHOST_MSG_VERSION, &t, 8 + sizeof t.region[0], 1, 1);
	for (uint32_t i = 0; upto >= 3 && i < 2 * PAIRS; i++) {
		struct vhost_msg_state num = { i, 64 };

		message(8, VHOST_MSG_VERSION, &num, sizeof num, 0, 0);
		send_addr(i, UVA + i * 0x4000, 0, 0x1000, 0x2000, 0);
		send_u64(12, i, 1);
		send_u64(13, i, 1);
	}
	for (uint32_t i = 0; upto >= 4 && i < 2; i++) {
		struct vhost_msg_state on = { i, 1 };

		message(18, VHOST_MSG_VERSION, &on, sizeof on, 0, 0);
	}
}

/* ---- the input ---- */

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

/* Up to n bytes, what is missing is 0. */
static void bytes(struct input *in, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = byte(in);
}

static void record(struct input *in)
{
	uint8_t b[256], h[6];

	switch (byte(in) % 8) {
	case 0:
		h[0] = byte(in);
		bytes(in, b, h[0]);
		send_with_fds(b, h[0], NULL, 0, 0, 0);
		break;
	case 1:
		bytes(in, h, 4);
		bytes(in, b, h[3]);
		message(h[0], h[1], b, h[3], h[2] & 15, h[2] >> 4);
		break;
	case 2: {
		struct vhost_msg_state s;

		bytes(in, h, 4);
		s.index = h[1];
		s.num = h[2] | (uint32_t)h[3] << 8;
		message(h[0], VHOST_MSG_VERSION | VHOST_MSG_NEED_REPLY, &s, sizeof s, 0, 0);
		break;
	}
	case 3:
		bytes(in, h, 6);
		send_addr(h[0], UVA + (uint64_t)((int64_t)(int8_t)h[1] * 4096), h[2] * 64u, h[3] * 64u, h[4] * 64u,
			  h[5]);
		break;
	case 4:
		bytes(in, h, 4);
		send_slot(h[0] & 1 ? 37 : 38, h[1], h[2], h[3]);
		break;
	case 5:
		end();
		begin();
		break;
	case 6:
		MUST(ftruncate(memfd, byte(in) * 4096) == 0);
		break;
	default:
		vhost_endpoint_broken(ep, byte(in) % 4, "the input says so");
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	once();
	MUST(ftruncate(memfd, MEM_BYTES) == 0);
	begin();
	good_session(byte(&in));
	while (in.left)
		record(&in);
	end();
	return 0;
}
