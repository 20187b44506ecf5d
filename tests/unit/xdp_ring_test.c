/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The AF_XDP driver's rings, with the kernel's end of them in the test: an entry that the kernel tells to have taken late, as it
 * may, costs no frame and doubles none; what one call does not send the next one does.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#include "port/napi.h"
#include "port/netns.h"
#include "port/port.h"
#include "port/tc_send.h"
#include "port/xdp_prog.h"

#define RING_MAX  4096u
#define CHUNK	  2048u
#define HEADROOM  256u
#define RX_FRAMES 2048u
#define TX_FRAMES 1024u
#define LEN	  60u

/* ---- the kernel ---- */

static struct kernel {
	uint32_t producer[4], consumer[4], flags[4]; /* of the four rings, as they are shared */
	uint64_t fill[RING_MAX], completion[RING_MAX];
	struct xdp_desc rx[RING_MAX], tx[RING_MAX];
	uint32_t fill_size, tx_size;
	uint32_t fill_taken;		/* not told yet */
	uint32_t tx_known, tx_taken;	/* of the producer's entries; not told yet */
	uint8_t *area;
	bool told;	  /* Linux 6.17 */
	unsigned budget;  /* frames a call */
	unsigned free;	  /* frames that the device has room for */
	unsigned drops;   /* of the next ones, whose calls fail */
	unsigned calls;
	unsigned sent[8192], nsent; /* their numbers */
} k;

enum { FILL, COMPLETION, RX, TX };

static void set_ring(struct xsk_ring_prod *r, unsigned which, uint32_t size, void *entries)
{
	*r = (struct xsk_ring_prod){ .mask = size - 1, .size = size, .producer = &k.producer[which], .consumer = &k.consumer[which],
				     .ring = entries, .flags = &k.flags[which], .cached_cons = size };
	k.flags[which] = XDP_RING_NEED_WAKEUP;
}

static void set_cons(struct xsk_ring_cons *r, unsigned which, uint32_t size, void *entries)
{
	*r = (struct xsk_ring_cons){ .mask = size - 1, .size = size, .producer = &k.producer[which], .consumer = &k.consumer[which],
				     .ring = entries, .flags = &k.flags[which] };
}

int xsk_umem__create(struct xsk_umem **umem, void *area, __u64 size, struct xsk_ring_prod *fill, struct xsk_ring_cons *comp,
		     const struct xsk_umem_config *cfg)
{
	assert_int_equal(size, (RX_FRAMES + TX_FRAMES) * CHUNK);
	assert_in_range(cfg->fill_size, RX_FRAMES, RING_MAX);
	set_ring(fill, FILL, k.fill_size = cfg->fill_size, k.fill);
	set_cons(comp, COMPLETION, cfg->comp_size, k.completion);
	k.area = area;
	*umem = (struct xsk_umem *)&k;
	return 0;
}

int xsk_socket__create(struct xsk_socket **xsk, const char *ifname, __u32 queue, struct xsk_umem *umem, struct xsk_ring_cons *rx,
		       struct xsk_ring_prod *tx, const struct xsk_socket_config *cfg)
{
	(void)ifname, (void)queue, (void)umem;
	assert_in_range(cfg->tx_size, TX_FRAMES, RING_MAX);
	set_cons(rx, RX, cfg->rx_size, k.rx);
	set_ring(tx, TX, k.tx_size = cfg->tx_size, k.tx);
	*xsk = (struct xsk_socket *)&k;
	return 0;
}

int xsk_socket__fd(const struct xsk_socket *xsk)
{
	static int fd = -1;

	assert_non_null(xsk);
	if (fd < 0)
		fd = eventfd(0, EFD_CLOEXEC);
	return fd;
}

int xsk_socket__update_xskmap(struct xsk_socket *xsk, int map_fd)
{
	(void)xsk, (void)map_fd;
	return 0;
}

int xsk_umem__delete(struct xsk_umem *umem)
{
	(void)umem;
	return 0;
}

void xsk_socket__delete(struct xsk_socket *xsk)
{
	(void)xsk;
}

libxdp_print_fn_t libxdp_set_print(libxdp_print_fn_t fn)
{
	return fn;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	(void)fd, (void)option, (void)value, (void)len;
	if (level != SOL_XDP || k.told)
		return 0;
	errno = ENOPROTOOPT;
	return -1;
}

int socket(int domain, int type, int protocol)
{
	(void)domain, (void)type, (void)protocol;
	return eventfd(0, EFD_CLOEXEC);
}

static void send_fails(int why)
{
	if (k.told)
		k.consumer[TX] = k.tx_taken;
	errno = why;
}

/* Copy mode, as Linux has it. */
ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	(void)fd, (void)buf, (void)len, (void)flags, (void)to, (void)to_len;
	k.calls++;
	for (unsigned budget = k.budget;; budget--) {
		const struct xdp_desc *d;

		if (k.tx_known == k.tx_taken) {
			k.consumer[TX] = k.tx_taken;
			k.tx_known = k.producer[TX];
			if (k.tx_known == k.tx_taken)
				return 0;
		}
		if (budget == 0 || k.free == 0) {
			send_fails(EAGAIN);
			return -1;
		}
		d = &k.tx[k.tx_taken++ & (k.tx_size - 1)];
		assert_int_equal(d->len, LEN);
		assert_in_range(d->addr, RX_FRAMES * CHUNK, (RX_FRAMES + TX_FRAMES - 1) * CHUNK);
		assert_true(k.nsent < 8192);
		memcpy(&k.sent[k.nsent++], k.area + d->addr, sizeof k.sent[0]);
		k.completion[k.producer[COMPLETION]++ & (TX_FRAMES - 1)] = d->addr;
		k.free--;
		if (k.drops) {
			k.drops--;
			send_fails(EBUSY);
			return -1;
		}
	}
}

/* Receives a frame, and does not tell yet that it took the buffer. */
static uint64_t receive(void)
{
	uint64_t addr;

	assert_int_not_equal(k.producer[FILL], k.fill_taken);
	addr = k.fill[k.fill_taken++ & (k.fill_size - 1)];
	k.rx[k.producer[RX]++ & (RX_FRAMES - 1)] = (struct xdp_desc){ .addr = addr + HEADROOM, .len = LEN };
	return addr;
}

/* ---- the driver's other neighbours ---- */

int device_open(struct device *d, const char *name, const char *netns, struct vmq_err *err)
{
	(void)name, (void)netns, (void)err;
	*d = (struct device){ .ctl = -1, .index = 7, .name = "dev0" };
	return 0;
}

void device_close(struct device *d)
{
	(void)d;
}

unsigned device_mtu(const struct device *d)
{
	(void)d;
	return 1500;
}

unsigned device_rx_queues(const struct device *d)
{
	(void)d;
	return 1;
}

void device_driver(const struct device *d, char driver[32], char bus[32])
{
	(void)d;
	(void)strcpy(driver, "nic");
	(void)strcpy(bus, "0000:00:01.0");
}

bool device_feature(const struct device *d, const char *feature)
{
	(void)d, (void)feature;
	return false;
}

int device_set_feature(const struct device *d, const char *feature, bool on)
{
	(void)d, (void)feature, (void)on;
	return 0;
}

bool device_link_up(const struct device *d)
{
	(void)d;
	return true;
}

bool device_address(const struct device *d, uint8_t mac[6], unsigned *mtu)
{
	(void)d, (void)mac, (void)mtu;
	return false;
}

int xdp_prog_attach(struct xdp_prog *x, const struct device *d, unsigned queues, bool tags, struct vmq_err *err)
{
	(void)d, (void)queues, (void)tags, (void)err;
	*x = (struct xdp_prog){ .map_fd = -1, .link_fd = -1 };
	return 0;
}

bool xdp_prog_resume(struct xdp_prog *x, const struct device *d, unsigned queues, int link_fd, int map_fd, bool native)
{
	(void)x, (void)d, (void)queues, (void)link_fd, (void)map_fd, (void)native;
	return false;
}

void xdp_prog_leave(struct xdp_prog *x)
{
	(void)x;
}

void xdp_prog_detach(struct xdp_prog *x)
{
	(void)x;
}

int bpf_link_detach(int fd)
{
	(void)fd;
	return 0;
}

int tc_send_open(struct tc_send *t, const struct device *d, uint32_t frame_max, struct vmq_err *err)
{
	(void)t, (void)d, (void)frame_max, (void)err;
	return -EOPNOTSUPP;
}

void tc_send_close(struct tc_send *t)
{
	(void)t;
}

unsigned tc_send_burst(struct tc_send *t, const struct port_tx_frame *f, unsigned n, struct port_counts *counts)
{
	(void)t, (void)f, (void)counts;
	return n;
}

bool tc_send_works(const struct tc_send *t)
{
	(void)t;
	return false;
}

void napi_open(struct napi *n, const struct device *d, enum port_napi wish, const struct napi_cpus *cpus, struct port_kept *kept)
{
	(void)d, (void)wish, (void)cpus, (void)kept;
	*n = (struct napi){ .setting = -1 };
}

void napi_close(struct napi *n, const struct device *d, bool leave)
{
	(void)n, (void)d, (void)leave;
}

bool napi_lost(struct napi *n)
{
	(void)n;
	return false;
}

/* ---- the cases ---- */

static struct port *open_port(bool told)
{
	const struct port_config cfg = { .driver = "xdp", .ifname = "dev0" };
	struct vmq_err err = { "" };
	struct port *p = NULL;

	k = (struct kernel){ .told = told, .budget = told ? PORT_BURST : 32, .free = ~0u };
	assert_int_equal(port_xdp_ops.open(&cfg, &p, &err), 0);
	assert_int_equal(k.producer[FILL], RX_FRAMES);
	return p;
}

/* Every buffer is the kernel's, and once. */
static void expect_all_buffers(void)
{
	static bool seen[RX_FRAMES];

	memset(seen, 0, sizeof seen);
	assert_int_equal(k.producer[FILL] - k.fill_taken, RX_FRAMES);
	for (unsigned i = 0; i < RX_FRAMES; i++) {
		uint64_t addr = k.fill[(k.fill_taken + i) & (k.fill_size - 1)];

		assert_int_equal(addr % CHUNK, 0);
		assert_in_range(addr / CHUNK, 0, RX_FRAMES - 1);
		assert_false(seen[addr / CHUNK]);
		seen[addr / CHUNK] = true;
	}
}

/* The frames are given back before the kernel tells that it took their buffers. */
static void test_buffers_taken_late(void **state)
{
	struct port *p = open_port(true);
	struct port_frame f[PORT_BURST];

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 1 + round % PORT_BURST;

		for (unsigned i = 0; i < n; i++)
			(void)receive();
		assert_int_equal(p->ops->rx_burst(p, f, n), n);
		p->ops->rx_release(p, f, n);
		expect_all_buffers();
		k.consumer[FILL] = k.fill_taken;
	}
	/* all of them at once */
	for (unsigned i = 0; i < RX_FRAMES; i++)
		(void)receive();
	for (unsigned i = 0; i < RX_FRAMES; i += PORT_BURST) {
		assert_int_equal(p->ops->rx_burst(p, f, PORT_BURST), PORT_BURST);
		p->ops->rx_release(p, f, PORT_BURST);
	}
	expect_all_buffers();
	p->ops->close(p);
}

/* What is shorter than an Ethernet header is counted, and its buffer is the kernel's again. */
static void test_runts(void **state)
{
	struct port *p = open_port(true);
	struct port_frame f[3];
	struct port_counters c;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		(void)receive();
	k.rx[1].len = 13;
	k.rx[2].len = 14;
	assert_int_equal(p->ops->rx_burst(p, f, 3), 2);
	assert_true(f[0].len == LEN && f[1].len == 14);
	p->ops->rx_release(p, f, 2);
	expect_all_buffers();
	p->ops->counters(p, &c);
	assert_int_equal(c.rx_runt, 1);
	p->ops->close(p);
}

/* Sends n frames with the next numbers; how many were taken. */
static unsigned send_some(struct port *p, unsigned n, unsigned *number)
{
	static uint8_t bytes[PORT_BURST][LEN];
	struct port_tx_frame tx[PORT_BURST];
	struct iovec iov[PORT_BURST][2];
	unsigned taken;

	for (unsigned i = 0; i < n; i++) {
		unsigned this = *number + i;

		memcpy(bytes[i], &this, sizeof this);
		iov[i][1] = (struct iovec){ bytes[i], LEN };
		tx[i] = (struct port_tx_frame){ .iov = iov[i], .iovcnt = 1, .len = LEN };
	}
	taken = p->ops->tx_burst(p, tx, n);
	p->ops->tx_flush(p);
	*number += taken;
	return taken;
}

static void expect_sent(unsigned n)
{
	assert_int_equal(k.nsent, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(k.sent[i], i);
}

/* The whole burst goes with its flush, although the kernel sends fewer a call, or stops at one that the device drops. */
static void test_all_of_a_burst(void **state)
{
	for (unsigned told = 0; told < 2; told++) {
		struct port *p = open_port(told);
		struct port_counters c;
		unsigned number = 0;

		(void)state;
		k.budget = 32;
		assert_int_equal(send_some(p, PORT_BURST, &number), PORT_BURST);
		expect_sent(PORT_BURST);
		assert_int_equal(k.calls, 2);
		k.drops = 3;
		assert_int_equal(send_some(p, PORT_BURST, &number), PORT_BURST);
		expect_sent(2 * PORT_BURST);
		p->ops->counters(p, &c);
		assert_int_equal(c.tx_dropped, 3);
		p->ops->close(p);
	}
}

/* A device that has no room for a while: calls are few, nothing is sent twice, and what was taken is sent when it has some. */
static void test_device_without_room(void **state)
{
	for (unsigned told = 0; told < 2; told++) {
		struct port *p = open_port(told);
		unsigned number = 0, taken;

		(void)state;
		k.free = 0;
		do {
			k.calls = 0;
			taken = send_some(p, PORT_BURST, &number);
			assert_in_range(k.calls, 1, told ? 1 : 8);
		} while (taken == PORT_BURST);
		assert_int_equal(number, TX_FRAMES);
		for (unsigned round = 0; round < 100; round++) {
			k.free = 20;
			assert_int_equal(send_some(p, 0, &number), 0);
			assert_int_equal(send_some(p, 20, &number), 20);
			k.free = 3;
			assert_int_equal(send_some(p, 20, &number), 0);
			assert_int_equal(send_some(p, 3, &number), 3);
		}
		k.free = ~0u;
		for (unsigned i = 0; i < 10; i++)
			(void)send_some(p, 0, &number);
		expect_sent(number);
		p->ops->close(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffers_taken_late),
		cmocka_unit_test(test_runts),
		cmocka_unit_test(test_all_of_a_burst),
		cmocka_unit_test(test_device_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
