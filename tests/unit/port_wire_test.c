/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The drivers of network devices, tap, xdp and packet, through the same cases: frames both ways, tags, buffers held and
 * released, full queues, a device that goes down or away.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "port_net.h"

#define TEST_TYPE 0x88b5 /* for local experiments */

/* One row a driver and MTU; the same tests run for each. */
struct wire {
	const char *driver;
	unsigned mtu;
	unsigned max_frame;   /* the longest frame that goes through */
	unsigned min_buffers; /* so many frames at least can be held */
	unsigned queues;      /* the device's; test frames, which have no addresses to spread them by, come by one of them */
};

static const struct wire wires[] = {
	{ "tap", 9000, 9014, 500, 1 },	{ "packet", 1500, 1514, 2000, 1 }, { "packet", 9000, 9014, 400, 1 },
	{ "xdp", 1500, 1514, 2000, 1 }, { "xdp", 3400, 3414, 2000, 1 },	   { "xdp", 1500, 1514, 2000, 4 },
};

static struct port_net net;

struct bench {
	const struct wire *wire;
	struct port *port;
	struct far far;
};

static struct port_config config_of(const struct wire *w)
{
	struct port_config cfg = { .driver = w->driver, .netns = net.near_path };

	if (strcmp(w->driver, "tap") == 0) {
		(void)snprintf(cfg.ifname, sizeof cfg.ifname, "tap0");
		cfg.mtu = w->mtu;
	} else {
		(void)snprintf(cfg.ifname, sizeof cfg.ifname, "near0");
	}
	return cfg;
}

/* What the running case has open, for `leftovers`. */
static struct bench current;

static struct bench setup(const struct wire *w)
{
	struct port_config cfg = config_of(w);
	struct bench b = { .wire = w, .far = { .fd = -1 } };
	struct vmq_err err = { "" };

	if (strcmp(w->driver, "tap") != 0)
		port_net_veth_queues(&net, w->mtu, w->queues);
	if (strcmp(w->driver, "xdp") == 0 && !shell_ok("grep -q bpf_xdp_metadata_rx_vlan_tag /proc/kallsyms"))
		skip(); /* Linux before 6.8: AF_XDP refuses a veth, as port_open_test checks */
	if (port_open(&cfg, &b.port, &err) != 0)
		fail_msg("%s: %s", w->driver, err.text);
	current = b;
	if (strcmp(w->driver, "tap") == 0)
		far_open(&b.far, net.near_path, "tap0");
	else
		far_open(&b.far, net.far_path, "far0");
	current = b;
	return b;
}

static void teardown(struct bench *b)
{
	far_close(&b->far);
	port_close(b->port);
	current = (struct bench){ .far = { .fd = -1 } };
}

static void expect_from_port(struct bench *b, const uint8_t *want, size_t len)
{
	static uint8_t got[PORT_MAX_FRAME + 64];
	struct port_frame f;

	assert_int_equal(port_recv(b->port, &f, 1), 1);
	assert_int_equal(frame_bytes(&f, got), len);
	assert_memory_equal(got, want, len);
	b->port->ops->rx_release(b->port, &f, 1);
}

static void expect_at_far(struct bench *b, const uint8_t *want, size_t len)
{
	static uint8_t got[PORT_MAX_FRAME + 64];

	assert_int_equal(far_recv(&b->far, got, sizeof got), len);
	assert_memory_equal(got, want, len);
}

static void test_both_ways(void **state)
{
	struct bench b = setup(*state);
	static const uint16_t types[] = { TEST_TYPE, 0x8906, 0x8914, 0x88cc, 0x0806 };
	const unsigned sizes[] = { 60, 64, 1514, b.wire->max_frame };
	static uint8_t frame[PORT_MAX_FRAME];
	struct port_counters c;
	uint16_t seq = 0;

	for (unsigned s = 0; s < 4; s++)
		for (unsigned t = 0; t < 5; t++) {
			make_frame(frame, sizes[s], ++seq, types[t]);
			far_send(&b.far, frame, sizes[s]);
			expect_from_port(&b, frame, sizes[s]);
			make_frame(frame, sizes[s], ++seq, types[t]);
			assert_int_equal(port_send(b.port, frame, sizes[s]), 1);
			expect_at_far(&b, frame, sizes[s]);
		}
	b.port->ops->counters(b.port, &c);
	assert_int_equal(c.rx_runt + c.rx_too_long + c.rx_no_buffer + c.tx_error + c.tx_dropped, 0);
	teardown(&b);
}

/* A frame in one piece, to be sent; the first of iov[] is the driver's. */
static struct port_tx_frame one_piece(struct iovec iov[2], uint8_t *frame, size_t len)
{
	iov[1] = (struct iovec){ frame, len };
	return (struct port_tx_frame){ .iov = iov, .iovcnt = 1, .len = (uint32_t)len };
}

/* One frame, so many times. */
static void copies(struct port_tx_frame *tx, unsigned n, struct iovec iov[2], uint8_t *frame, size_t len)
{
	for (unsigned i = 0; i < n; i++)
		tx[i] = one_piece(iov, frame, len);
}

static void test_bursts(void **state)
{
	struct bench b = setup(*state);
	static uint8_t frames[PORT_BURST][256];
	struct port_tx_frame tx[PORT_BURST];
	struct iovec iov[PORT_BURST][2];
	struct port_frame rx[PORT_BURST];

	for (unsigned i = 0; i < PORT_BURST; i++) {
		size_t len = 60 + i * 3;

		make_frame(frames[i], len, (uint16_t)i, TEST_TYPE);
		tx[i] = one_piece(iov[i], frames[i], len);
	}
	for (unsigned round = 0; round < 100; round++) {
		assert_int_equal(b.port->ops->tx_burst(b.port, tx, PORT_BURST), PORT_BURST);
		b.port->ops->tx_flush(b.port);
		for (unsigned i = 0; i < PORT_BURST; i++)
			expect_at_far(&b, frames[i], iov[i][1].iov_len);
		for (unsigned i = 0; i < PORT_BURST; i++)
			far_send(&b.far, frames[i], iov[i][1].iov_len);
		for (unsigned i = 0; i < PORT_BURST;) {
			unsigned n = port_recv(b.port, rx, PORT_BURST - i);

			assert_int_not_equal(n, 0);
			for (unsigned k = 0; k < n; k++, i++) {
				assert_int_equal(rx[k].len, iov[i][1].iov_len);
				assert_memory_equal(rx[k].data, frames[i], rx[k].len);
			}
			b.port->ops->rx_release(b.port, rx, n);
		}
	}
	teardown(&b);
}

/* A burst of frames of many lengths and types, short after long, some of them too long for the device: the others arrive,
 * in order and unchanged. */
static void test_mixed_bursts(void **state)
{
	struct bench b = setup(*state);
	static const uint16_t types[] = { TEST_TYPE, 0x0800, 0x0800, 0x86dd, 0x0806 };
	static uint8_t frames[PORT_BURST][PORT_MAX_FRAME];
	struct port_tx_frame tx[PORT_BURST];
	struct iovec iov[PORT_BURST][2];
	struct port_counters c;
	const bool bounded = strcmp(b.wire->driver, "xdp") == 0; /* the others leave that to the kernel, test_refused_frames */

	for (unsigned i = 0; i < PORT_BURST; i++) {
		size_t len = i % 3 == 0 ? b.wire->max_frame - i : 60 + i;

		if (bounded && i % 16 == 8)
			len = b.wire->max_frame + 9;
		make_frame(frames[i], len, (uint16_t)i, types[i % 5]);
		tx[i] = one_piece(iov[i], frames[i], len);
	}
	for (unsigned round = 0; round < 5; round++) {
		assert_int_equal(b.port->ops->tx_burst(b.port, tx, PORT_BURST), PORT_BURST);
		b.port->ops->tx_flush(b.port);
		for (unsigned i = 0; i < PORT_BURST; i++)
			if (!bounded || i % 16 != 8)
				expect_at_far(&b, frames[i], iov[i][1].iov_len);
	}
	b.port->ops->counters(b.port, &c);
	assert_int_equal(c.tx_error, bounded ? 5 * PORT_BURST / 16 : 0);
	teardown(&b);
}

/* Puts a tag in front of the frame's type. */
static size_t tagged(uint8_t *frame, size_t len, uint16_t tpid, uint16_t tci)
{
	uint16_t tag[2] = { htons(tpid), htons(tci) };

	memmove(frame + 16, frame + 12, len - 12);
	memcpy(frame + 12, tag, 4);
	return len + 4;
}

static void test_tags_in_the_bytes(void **state)
{
	struct bench b = setup(*state);
	static uint8_t frame[PORT_MAX_FRAME];
	const unsigned sizes[] = { 60, b.wire->max_frame };
	size_t len;

	for (unsigned s = 0; s < 2; s++)
		for (unsigned kind = 0; kind < 4; kind++) {
			/* Only an outer 802.1Q tag may make a frame longer than the MTU: a rule of the kernel's sender.
			 */
			size_t inner = sizes[s] - (kind < 2 ? 0 : kind < 3 ? 4 : 8);

			make_frame(frame, inner, (uint16_t)(s * 4 + kind), 0x8906);
			len =
			    tagged(frame, inner, kind == 2 ? ETH_P_8021AD : ETH_P_8021Q, kind == 1 ? 0 : 0xa000 | 4094);
			if (kind == 3)
				len = tagged(frame, len, ETH_P_8021AD, 7);
			far_send(&b.far, frame, len);
			expect_from_port(&b, frame, len);
			assert_int_equal(port_send(b.port, frame, len), 1);
			expect_at_far(&b, frame, len);
		}
	teardown(&b);
}

static void test_tags_beside_the_bytes(void **state)
{
	struct bench b = setup(*state);
	static const uint16_t tpids[] = { ETH_P_8021Q, ETH_P_8021AD };
	static const uint16_t tcis[] = { 5, 0x6000 | 4094, 0xf000 };
	static uint8_t frame[PORT_MAX_FRAME];
	const unsigned sizes[] = { 60, b.wire->max_frame };
	uint16_t seq = 0;

	for (unsigned p = 0; p < 2; p++)
		for (unsigned t = 0; t < 3; t++) {
			far_tag(&b.far, tpids[p], tcis[t]);
			for (unsigned s = 0; s < 2; s++) {
				make_frame(frame, sizes[s], ++seq, 0x8914);
				far_send(&b.far, frame, sizes[s]);
				(void)tagged(frame, sizes[s], tpids[p], tcis[t]);
				expect_from_port(&b, frame, sizes[s] + 4);
				/* A second tag: the inner one stays in the bytes. */
				make_frame(frame, sizes[s] - 4, ++seq, 0x8914);
				(void)tagged(frame, sizes[s] - 4, ETH_P_8021Q, 99);
				far_send(&b.far, frame, sizes[s]);
				(void)tagged(frame, sizes[s], tpids[p], tcis[t]);
				expect_from_port(&b, frame, sizes[s] + 4);
			}
			far_untag(&b.far);
		}
	/* Frames without a tag get none. */
	make_frame(frame, 60, ++seq, 0x8914);
	far_send(&b.far, frame, 60);
	expect_from_port(&b, frame, 60);
	teardown(&b);
}

/* A frame and the tag beside it are together no longer than a frame may be. */
static void test_packet_tag_makes_too_long(void **state)
{
	struct bench b = setup(*state);
	static const uint16_t tpids[] = { ETH_P_8021Q, ETH_P_8021AD };
	static uint8_t frame[PORT_MAX_FRAME + 4];
	struct port_counters c;

	shell("ip -n %s link set near0 mtu 9300", net.near);
	shell("ip -n %s link set far0 mtu 9300", net.far);
	for (uint16_t p = 0; p < 2; p++) {
		far_tag(&b.far, tpids[p], 5);
		make_frame(frame, PORT_MAX_FRAME - 3, (uint16_t)(2 * p), TEST_TYPE);
		far_send(&b.far, frame, PORT_MAX_FRAME - 3);
		make_frame(frame, PORT_MAX_FRAME - 4, (uint16_t)(2 * p + 1), TEST_TYPE);
		far_send(&b.far, frame, PORT_MAX_FRAME - 4);
		(void)tagged(frame, PORT_MAX_FRAME - 4, tpids[p], 5);
		expect_from_port(&b, frame, PORT_MAX_FRAME);
		far_untag(&b.far);
		b.port->ops->counters(b.port, &c);
		assert_int_equal(c.rx_too_long, p + 1);
	}
	make_frame(frame, PORT_MAX_FRAME, 9, TEST_TYPE);
	far_send(&b.far, frame, PORT_MAX_FRAME);
	expect_from_port(&b, frame, PORT_MAX_FRAME);
	teardown(&b);
}

static void check_frame(const struct port_frame *f, uint16_t seq, size_t len)
{
	uint8_t want[512];

	make_frame(want, len, seq, TEST_TYPE);
	assert_int_equal(f->len, len);
	assert_memory_equal(f->data, want, len);
}

/* Keeps up to 64 frames in hand and gives a random one back each time: no frame changes while it is held. None is held
 * for longer than 200 frames, for AF_PACKET's ring comes round. */
static void test_release_in_any_order(void **state)
{
	struct bench b = setup(*state);
	struct port_frame held[64];
	uint16_t seqs[64];
	unsigned n = 0;
	uint8_t frame[300];

	srand(1);
	for (unsigned seq = 0; seq < 12000; seq++) {
		size_t len = 60 + seq % 200;

		if (n == 64) {
			unsigned victim = (unsigned)rand() % n;

			for (unsigned i = 0; i < n; i++)
				if (seq - seqs[i] > 200)
					victim = i;
			check_frame(&held[victim], seqs[victim], 60 + seqs[victim] % 200);
			b.port->ops->rx_release(b.port, &held[victim], 1);
			held[victim] = held[--n];
			seqs[victim] = seqs[n];
		}
		make_frame(frame, len, (uint16_t)seq, TEST_TYPE);
		far_send(&b.far, frame, len);
		assert_int_equal(port_recv(b.port, &held[n], 1), 1);
		seqs[n] = (uint16_t)seq;
		check_frame(&held[n++], (uint16_t)seq, len);
	}
	b.port->ops->rx_release(b.port, held, n);
	teardown(&b);
}

static void test_all_buffers_held(void **state)
{
	struct bench b = setup(*state);
	static struct port_frame held[8192];
	struct port_counters c;
	uint8_t frame[64];
	unsigned n = 0, before = 0;

	for (unsigned round = 0; round < 3; round++) {
		unsigned more;

		n = 0;
		/* In bursts, so that what the kernel queues before us does not count. */
		do {
			for (unsigned i = 0; i < 32; i++) {
				make_frame(frame, sizeof frame, (uint16_t)(n + i), TEST_TYPE);
				far_send(&b.far, frame, sizeof frame);
			}
			for (before = n; n - before < 32; n += more) {
				more = b.port->ops->rx_burst(b.port, held + n, 32 - (n - before));
				/* Whoever receives for the device may need a moment; the last ones will not come. */
				for (unsigned look = 0; more == 0 && look < 15; look++) {
					usleep(20000);
					more = b.port->ops->rx_burst(b.port, held + n, 32 - (n - before));
				}
				if (more == 0)
					break;
			}
		} while (n - before == 32 && n + 32 < 8192);
		assert_in_range(n, b.wire->min_buffers, 8000);
		assert_int_equal(b.port->ops->rx_burst(b.port, held + n, 32), 0);
		for (unsigned i = 0; i < n; i++)
			check_frame(&held[i], (uint16_t)i, sizeof frame);
		/* From the last to the first. */
		for (unsigned i = n; i > 0; i--)
			b.port->ops->rx_release(b.port, &held[i - 1], 1);
		/* What was queued elsewhere meanwhile. */
		usleep(20000);
		while ((more = b.port->ops->rx_burst(b.port, held, 32)) > 0)
			b.port->ops->rx_release(b.port, held, more);
		make_frame(frame, sizeof frame, 0xeeee, TEST_TYPE);
		far_send(&b.far, frame, sizeof frame);
		expect_from_port(&b, frame, sizeof frame);
	}
	b.port->ops->counters(b.port, &c);
	if (strcmp(b.wire->driver, "tap") != 0)
		assert_in_range(c.rx_no_buffer, 3, 200);
	teardown(&b);
}

static void test_nothing_of_our_own_comes_back(void **state)
{
	struct bench b = setup(*state);
	struct pollfd pfd = { .fd = b.port->ops->rx_fd(b.port), .events = POLLIN };
	struct port_frame f[8];
	uint8_t frame[60];

	for (uint16_t i = 0; i < 8; i++) {
		make_frame(frame, sizeof frame, i, TEST_TYPE);
		assert_int_equal(port_send(b.port, frame, sizeof frame), 1);
		expect_at_far(&b, frame, sizeof frame);
	}
	assert_int_equal(poll(&pfd, 1, 50), 0);
	assert_int_equal(b.port->ops->rx_burst(b.port, f, 8), 0);
	/* Nor what others on this host send on the device; on a TAP device that is the way in. */
	if (strcmp(b.wire->driver, "tap") != 0) {
		struct far near;

		far_open(&near, net.near_path, "near0");
		far_send(&near, frame, sizeof frame);
		far_close(&near);
		expect_at_far(&b, frame, sizeof frame);
		assert_int_equal(b.port->ops->rx_burst(b.port, f, 8), 0);
	}
	teardown(&b);
}

/* What is too long for the device is refused, counted, and does not stop the rest of its burst. */
static void test_refused_frames(void **state)
{
	struct bench b = setup(*state);
	static uint8_t big[PORT_MAX_FRAME];
	uint8_t frames[2][60];
	struct iovec iov[3][2] = { { { 0 }, { frames[0], 60 } },
				   { { 0 }, { big, b.wire->max_frame + 9 } },
				   { { 0 }, { frames[1], 60 } } };
	struct port_tx_frame tx[3];
	struct port_counters c;

	if (strcmp(b.wire->driver, "tap") == 0)
		iov[1][1].iov_len = 10; /* a TAP device takes every length but a piece of a header */
	make_frame(big, sizeof big, 7, TEST_TYPE);
	for (uint16_t i = 0; i < 3; i++)
		tx[i] = (struct port_tx_frame){ .iov = iov[i], .iovcnt = 1, .len = (uint32_t)iov[i][1].iov_len };
	make_frame(frames[0], 60, 1, TEST_TYPE);
	make_frame(frames[1], 60, 2, TEST_TYPE);
	assert_int_equal(b.port->ops->tx_burst(b.port, tx, 3), 3);
	b.port->ops->tx_flush(b.port);
	expect_at_far(&b, frames[0], 60);
	expect_at_far(&b, frames[1], 60);
	b.port->ops->counters(b.port, &c);
	assert_int_equal(c.tx_error, 1);
	teardown(&b);
}

/* The kernel tells of a change of carrier up to a second later. */
static bool link_becomes(const struct port *p, bool up)
{
	for (unsigned i = 0; i < 500 && p->ops->link_up(p) != up; i++)
		usleep(10000);
	return p->ops->link_up(p) == up;
}

static void test_link_and_address(void **state)
{
	struct bench b = setup(*state);
	unsigned mtu = 0;
	uint8_t mac[6];
	char text[32];

	assert_true(link_becomes(b.port, true));
	assert_true(b.port->ops->address(b.port, mac, &mtu));
	assert_int_equal(mtu, b.wire->mtu);
	(void)snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		       mac[5]);
	assert_true(shell_ok("ip -n %s link | grep -q %s", net.near, text));
	assert_string_equal(b.port->ops->name, b.wire->driver);
	assert_int_not_equal(strlen(b.port->ops->describe(b.port)), 0);
	if (strcmp(b.wire->driver, "tap") == 0)
		shell("ip -n %s link set tap0 down", net.near);
	else
		shell("ip -n %s link set far0 down", net.far);
	assert_true(link_becomes(b.port, false));
	teardown(&b);
}

/* What still waits in the port is let go; returns how often the descriptor showed readable, at most 1,000. */
static unsigned drain(struct bench *b)
{
	struct pollfd pfd = { .fd = b->port->ops->rx_fd(b->port), .events = POLLIN };
	struct port_frame f[8];
	unsigned turns = 0;

	while (poll(&pfd, 1, 0) != 0 && turns < 1000) {
		unsigned n = b->port->ops->rx_burst(b->port, f, 8);

		b->port->ops->rx_release(b->port, f, n);
		turns++;
	}
	return turns;
}

static bool comes_to_port(struct bench *b, const uint8_t *want, size_t len)
{
	static uint8_t got[PORT_MAX_FRAME + 64];
	struct pollfd pfd = { .fd = b->port->ops->rx_fd(b->port), .events = POLLIN };
	struct port_frame f;
	bool same = false;

	while (!same && poll(&pfd, 1, 50) == 1)
		if (b->port->ops->rx_burst(b->port, &f, 1) == 1) {
			same = frame_bytes(&f, got) == len && memcmp(got, want, len) == 0;
			b->port->ops->rx_release(b->port, &f, 1);
		}
	return same;
}

static bool comes_to_far(struct bench *b, const uint8_t *want, size_t len)
{
	static uint8_t got[PORT_MAX_FRAME + 64];
	struct pollfd pfd = { .fd = b->far.fd, .events = POLLIN };
	bool same = false;

	while (!same && poll(&pfd, 1, 50) == 1)
		same = far_recv(&b->far, got, sizeof got) == len && memcmp(got, want, len) == 0;
	return same;
}

/* A device that goes down and comes back: the descriptor does not stay readable, and frames flow again. */
static void test_down_and_up(void **state)
{
	struct bench b = setup(*state);
	const char *dev = strcmp(b.wire->driver, "tap") == 0 ? "tap0" : "near0";
	uint8_t in[60], out[60];
	unsigned tries = 0;

	shell("ip -n %s link set %s down", net.near, dev);
	assert_in_range(drain(&b), 0, 100);
	shell("ip -n %s link set %s up", net.near, dev);
	if (strcmp(dev, "tap0") == 0) {
		/* The socket at the far end is on the device itself, which went down. */
		far_close(&b.far);
		far_open(&b.far, net.near_path, "tap0");
	}
	make_frame(in, sizeof in, 1, TEST_TYPE);
	make_frame(out, sizeof out, 2, TEST_TYPE);
	/* The kernel takes up to a second after a carrier is back before it lets frames through, and drops them till then:
	 * each is sent until it arrives. */
	do
		far_send(&b.far, in, sizeof in);
	while (!comes_to_port(&b, in, sizeof in) && ++tries < 400);
	assert_in_range(tries, 0, 399);
	tries = 0;
	do
		assert_int_equal(port_send(b.port, out, sizeof out), 1);
	while (!comes_to_far(&b, out, sizeof out) && ++tries < 400);
	assert_in_range(tries, 0, 399);
	teardown(&b);
}

/* A device that is deleted under the port: no crash, no descriptor that is readable for ever, no address. */
static void test_deleted(void **state)
{
	struct bench b = setup(*state);
	unsigned mtu;
	uint8_t mac[6], frame[60];

	shell("ip -n %s link del %s", net.near, strcmp(b.wire->driver, "tap") == 0 ? "tap0" : "near0");
	assert_in_range(drain(&b), 0, 100);
	make_frame(frame, sizeof frame, 1, TEST_TYPE);
	for (unsigned i = 0; i < 100; i++)
		(void)port_send(b.port, frame, sizeof frame);
	assert_false(b.port->ops->link_up(b.port));
	assert_false(b.port->ops->address(b.port, mac, &mtu));
	teardown(&b);
}

/* One that gets its name is another: what is said is said of the one that was opened. */
static void test_made_anew(void **state)
{
	struct bench b = setup(*state);
	bool tap = strcmp(b.wire->driver, "tap") == 0;
	unsigned mtu;
	uint8_t mac[6];

	shell("ip -n %s link del %s", net.near, tap ? "tap0" : "near0");
	(void)drain(&b);
	if (tap) {
		shell("ip -n %s tuntap add tap0 mode tap", net.near);
		shell("ip -n %s link set tap0 up", net.near);
	} else {
		port_net_veth(&net, b.wire->mtu);
	}
	assert_false(b.port->ops->address(b.port, mac, &mtu));
	assert_false(b.port->ops->link_up(b.port));
	teardown(&b);
	if (tap)
		shell("ip -n %s link del tap0", net.near);
}

/* With another name it is the same device. */
static void test_renamed(void **state)
{
	struct bench b = setup(*state);
	const char *name = strcmp(b.wire->driver, "tap") == 0 ? "tap0" : "near0";
	unsigned mtu;
	uint8_t mac[6], renamed[6];

	assert_true(b.port->ops->address(b.port, mac, &mtu));
	shell("ip -n %s link set %s down name other0", net.near, name);
	shell("ip -n %s link set other0 up", net.near);
	assert_true(link_becomes(b.port, true));
	assert_true(b.port->ops->address(b.port, renamed, &mtu));
	assert_memory_equal(mac, renamed, 6);
	assert_int_equal(mtu, b.wire->mtu);
	shell("ip -n %s link set other0 down name %s", net.near, name);
	teardown(&b);
}

/* The program that sends bursts has to do with our frames only: what others send on the device goes out as it is. */
static void test_xdp_others_send(void **state)
{
	struct bench b = setup(*state);
	struct far other = { .fd = -1 };
	uint8_t ours[60], others[200];

	if (!strstr(b.port->ops->describe(b.port), "bursts sent by tc"))
		skip(); /* Linux before 6.6 */
	far_open(&other, net.near_path, "near0");
	for (uint16_t i = 0; i < 100; i++) {
		make_frame(ours, sizeof ours, (uint16_t)(2 * i), TEST_TYPE);
		make_frame(others, sizeof others, (uint16_t)(2 * i + 1), 0x0800);
		assert_int_equal(port_send(b.port, ours, sizeof ours), 1);
		far_send(&other, others, sizeof others);
		expect_at_far(&b, ours, sizeof ours);
		expect_at_far(&b, others, sizeof others);
	}
	far_close(&other);
	teardown(&b);
}

/* Who filters at the device's egress sees each frame as what it is, in bursts as alone, and drops only what he means. */
static void test_egress_filter(void **state)
{
	struct bench b = setup(*state);
	static const bool arp[] = { 0, 0, 1, 0, 1, 1, 1, 0 };
	enum { N = sizeof arp / sizeof arp[0] };
	static uint8_t frames[N][60];
	struct port_tx_frame tx[N];
	struct iovec iov[N][2];
	struct far near = { .fd = -1 };
	struct port_counters c;

	if (strcmp(b.wire->driver, "xdp") == 0 && !strstr(b.port->ops->describe(b.port), "bursts sent by tc"))
		skip();
	far_open(&near, net.near_path, "near0");
	far_drop(&near, ETH_P_ARP);
	for (unsigned i = 0; i < N; i++) {
		make_frame(frames[i], sizeof frames[i], (uint16_t)i, arp[i] ? ETH_P_ARP : TEST_TYPE);
		tx[i] = one_piece(iov[i], frames[i], sizeof frames[i]);
	}
	for (unsigned round = 1; round <= 10; round++) {
		assert_int_equal(b.port->ops->tx_burst(b.port, tx, N), N);
		b.port->ops->tx_flush(b.port);
		for (unsigned i = 0; i < N; i++)
			if (!arp[i])
				expect_at_far(&b, frames[i], sizeof frames[i]);
		b.port->ops->counters(b.port, &c);
		assert_int_equal(c.tx_dropped, 4 * round);
	}
	/* alone, too; and what is too long is another fault than one that is filtered */
	assert_int_equal(b.port->ops->tx_burst(b.port, tx + 2, 1), 1);
	b.port->ops->counters(b.port, &c);
	assert_int_equal(c.tx_dropped, 41);
	assert_int_equal(c.tx_error, 0);
	far_close(&near);
	teardown(&b);
}

/* Somebody takes that program off: the very next burst is sent by AF_XDP, and no frame is lost or sent twice. */
static void test_xdp_program_taken_off(void **state)
{
	struct bench b = setup(*state);
	static uint8_t frames[PORT_BURST][60];
	struct port_tx_frame tx[PORT_BURST];
	struct iovec iov[PORT_BURST][2];

	if (!strstr(b.port->ops->describe(b.port), "bursts sent by tc"))
		skip();
	for (unsigned i = 0; i < PORT_BURST; i++) {
		make_frame(frames[i], sizeof frames[i], (uint16_t)i, i < 40 ? TEST_TYPE : 0x0806);
		tx[i] = one_piece(iov[i], frames[i], sizeof frames[i]);
	}
	for (unsigned round = 0; round < 3; round++) {
		if (round == 1)
			assert_int_equal(egress_detach(), 1);
		assert_int_equal(b.port->ops->tx_burst(b.port, tx, PORT_BURST), PORT_BURST);
		b.port->ops->tx_flush(b.port);
		for (unsigned i = 0; i < PORT_BURST; i++)
			expect_at_far(&b, frames[i], sizeof frames[i]);
	}
	assert_null(strstr(b.port->ops->describe(b.port), "bursts sent by tc"));
	teardown(&b);
}

/* Without tx_flush nothing leaves the ring of AF_XDP: it fills, and a prefix is taken. */
static void test_xdp_queue_full(void **state)
{
	struct bench b = setup(*state);
	uint8_t frame[60];
	struct iovec iov[2];
	struct port_tx_frame tx[PORT_BURST];
	unsigned sent = 0, taken;

	(void)egress_detach(); /* bursts do not go past the ring */
	make_frame(frame, sizeof frame, 3, TEST_TYPE);
	copies(tx, PORT_BURST, iov, frame, sizeof frame);
	do {
		taken = b.port->ops->tx_burst(b.port, tx, 60);
		sent += taken;
	} while (taken == 60 && sent < 100000);
	assert_in_range(sent, 60, 99999);
	assert_in_range(taken, 1, 59);
	assert_int_equal(b.port->ops->tx_burst(b.port, tx, 60), 0);
	for (unsigned i = 0; i < 100; i++)
		b.port->ops->tx_flush(b.port);
	for (unsigned i = 0; i < sent; i++)
		expect_at_far(&b, frame, sizeof frame);
	assert_int_equal(b.port->ops->tx_burst(b.port, tx, 60), 60);
	b.port->ops->tx_flush(b.port);
	expect_at_far(&b, frame, sizeof frame);
	teardown(&b);
}

/* A slow device: frames wait in its queue until the socket's buffer is full, and a prefix is taken. */
static void test_packet_queue_full(void **state)
{
	struct bench b = setup(*state);
	static uint8_t frame[1514];
	struct iovec iov[2];
	struct port_tx_frame tx[PORT_BURST];
	struct port_counters c;
	unsigned sent = 0, taken;

	shell("tc -n %s qdisc add dev near0 root tbf rate 8kbit burst 9100 limit 1000000000", net.near);
	make_frame(frame, sizeof frame, 3, TEST_TYPE);
	copies(tx, PORT_BURST, iov, frame, sizeof frame);
	do {
		taken = b.port->ops->tx_burst(b.port, tx, PORT_BURST);
		sent += taken;
	} while (taken == PORT_BURST && sent < 100000);
	assert_in_range(sent, 1000, 99999);
	assert_int_equal(b.port->ops->tx_burst(b.port, tx, PORT_BURST), 0);
	b.port->ops->counters(b.port, &c);
	assert_int_equal(c.tx_error, 0);
	shell("tc -n %s qdisc del dev near0 root", net.near);
	/* What waited there is gone with the queue; new frames go through. */
	make_frame(frame, sizeof frame, 4, TEST_TYPE);
	assert_int_equal(port_send(b.port, frame, sizeof frame), 1);
	do
		assert_int_equal(far_recv(&b.far, (uint8_t[2000]){ 0 }, 2000), sizeof frame);
	while (poll(&(struct pollfd){ .fd = b.far.fd, .events = POLLIN }, 1, 0) == 1);
	teardown(&b);
}

#define LONG 1514u

/* A queue of one frame and five at the device, and a burst of such frames. */
static void short_queue(struct port_tx_frame tx[PORT_BURST], struct iovec iov[2], uint8_t frame[LONG])
{
	shell("tc -n %s qdisc add dev near0 root tbf rate 8kbit burst 1600 limit 8000", net.near);
	make_frame(frame, LONG, 3, TEST_TYPE);
	copies(tx, PORT_BURST, iov, frame, LONG);
}

/* Without it a new frame goes through. */
static void queue_gone(struct bench *b, uint8_t frame[LONG])
{
	shell("tc -n %s qdisc del dev near0 root", net.near);
	make_frame(frame, LONG, 4, TEST_TYPE);
	assert_int_equal(port_send(b->port, frame, LONG), 1);
	assert_true(comes_to_far(b, frame, LONG));
}

/* The same device under AF_XDP, whose bursts pass its queue, too: what does not fit there is counted, each frame once. */
static void test_xdp_device_queue_full(void **state)
{
	struct bench b = setup(*state);
	static uint8_t frame[LONG];
	struct iovec iov[2];
	struct port_tx_frame tx[PORT_BURST];
	struct port_counters c;

	if (!strstr(b.port->ops->describe(b.port), "bursts sent by tc"))
		skip();
	short_queue(tx, iov, frame);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(b.port->ops->tx_burst(b.port, tx, PORT_BURST), PORT_BURST);
	b.port->ops->counters(b.port, &c);
	assert_int_equal(c.tx_dropped, 3 * PORT_BURST - 6);
	assert_int_equal(c.tx_error, 0);
	queue_gone(&b, frame);
	teardown(&b);
}

/* A device's queue that is full: not taken is what it dropped, and what is behind that. */
static void test_packet_device_queue_full(void **state)
{
	struct bench b = setup(*state);
	static uint8_t frame[LONG];
	struct iovec iov[2];
	struct port_tx_frame tx[PORT_BURST];
	struct port_counters c;

	short_queue(tx, iov, frame);
	assert_int_equal(b.port->ops->tx_burst(b.port, tx, PORT_BURST), 6);
	assert_int_equal(b.port->ops->tx_burst(b.port, tx, PORT_BURST), 0);
	b.port->ops->counters(b.port, &c);
	assert_int_equal(c.tx_dropped + c.tx_error, 0);
	queue_gone(&b, frame);
	teardown(&b);
}

/* A veth's far end takes some frames and refuses others: each of these is counted, and the others of its burst arrive. */
static void far_end_refuses(struct bench *b)
{
	enum { N = 8 };
	static uint8_t frames[N][LONG];
	struct port_tx_frame tx[N];
	struct iovec iov[N][2];
	struct port_counters c;

	shell("ip -n %s link set far0 mtu 1000", net.far);
	for (unsigned i = 0; i < N; i++) {
		make_frame(frames[i], LONG, (uint16_t)i, TEST_TYPE);
		tx[i] = one_piece(iov[i], frames[i], i % 2 ? LONG : 60);
	}
	for (unsigned round = 1; round <= 3; round++) {
		assert_int_equal(b->port->ops->tx_burst(b->port, tx, N), N);
		b->port->ops->tx_flush(b->port);
		for (unsigned i = 0; i < N; i += 2)
			expect_at_far(b, frames[i], 60);
		b->port->ops->counters(b->port, &c);
		assert_int_equal(c.tx_dropped, round * N / 2);
		assert_int_equal(c.tx_error, 0);
	}
}

static void test_far_end_refuses(void **state)
{
	struct bench b = setup(*state);

	far_end_refuses(&b);
	teardown(&b);
}

/* The same where AF_XDP itself sends: before Linux 6.6, or with the program taken off. */
static void test_xdp_far_end_refuses(void **state)
{
	struct bench b = setup(*state);

	(void)egress_detach();
	far_end_refuses(&b);
	teardown(&b);
}

static int net_up(void **state)
{
	(void)state;
	port_net_up(&net);
	return 0;
}

static int net_down(void **state)
{
	(void)state;
	port_net_down(&net);
	return 0;
}

/* After every case: what a failed one left open is closed, and nothing of the port is left. */
static int leftovers(void **state)
{
	(void)state;
	if (current.port)
		teardown(&current);
	(void)shell_ok("ip -n %s link del near0 2>/dev/null", net.near);
	if (shell_ok("ip -n %s link show tap0 >/dev/null 2>&1", net.near)) {
		print_error("tap0 is still there\n");
		return -1;
	}
	return 0;
}

static const struct {
	const char *name;
	CMUnitTestFunction fn;
} cases[] = {
	{ "both ways", test_both_ways },
	{ "bursts", test_bursts },
	{ "mixed bursts", test_mixed_bursts },
	{ "tags in the bytes", test_tags_in_the_bytes },
	{ "tags beside the bytes", test_tags_beside_the_bytes },
	{ "release in any order", test_release_in_any_order },
	{ "all buffers held", test_all_buffers_held },
	{ "nothing of our own comes back", test_nothing_of_our_own_comes_back },
	{ "refused frames", test_refused_frames },
	{ "link and address", test_link_and_address },
	{ "down and up", test_down_and_up },
	{ "deleted", test_deleted },
	{ "made anew", test_made_anew },
	{ "renamed", test_renamed },
};

/* What one driver has. */
static const struct {
	const char *name;
	CMUnitTestFunction fn;
	const struct wire *wire;
} singles[] = {
	{ "xdp: queue full", test_xdp_queue_full, &wires[3] },
	{ "xdp: device's queue full", test_xdp_device_queue_full, &wires[3] },
	{ "xdp: others send", test_xdp_others_send, &wires[3] },
	{ "xdp: filter at the egress", test_egress_filter, &wires[3] },
	{ "packet: filter at the egress", test_egress_filter, &wires[1] },
	{ "packet: device's queue full", test_packet_device_queue_full, &wires[1] },
	{ "xdp: program taken off", test_xdp_program_taken_off, &wires[3] },
	{ "xdp: far end refuses", test_far_end_refuses, &wires[3] },
	{ "xdp, program taken off: far end refuses", test_xdp_far_end_refuses, &wires[3] },
	{ "packet: far end refuses", test_far_end_refuses, &wires[1] },
	{ "packet: queue full", test_packet_queue_full, &wires[1] },
	{ "packet: a tag makes it too long", test_packet_tag_makes_too_long, &wires[2] },
};

#define WIRES (sizeof wires / sizeof wires[0])
#define CASES (sizeof cases / sizeof cases[0])
#define SINGLES (sizeof singles / sizeof singles[0])

int main(void)
{
	static struct CMUnitTest tests[WIRES * CASES + SINGLES];
	static char names[WIRES * CASES][80];
	unsigned n = 0;

	if (geteuid() != 0) {
		(void)fprintf(stderr, "network namespaces need root\n");
		return 77;
	}
	for (unsigned w = 0; w < WIRES; w++)
		for (unsigned c = 0; c < CASES; c++, n++) {
			(void)snprintf(names[n], sizeof names[n], "%s, MTU %u: %s", wires[w].driver, wires[w].mtu,
				       cases[c].name);
			tests[n] = (struct CMUnitTest){ .name = names[n],
							.test_func = cases[c].fn,
							.teardown_func = leftovers,
							.initial_state = (void *)&wires[w] };
		}
	for (unsigned c = 0; c < SINGLES; c++)
		tests[n++] = (struct CMUnitTest){ .name = singles[c].name,
						  .test_func = singles[c].fn,
						  .teardown_func = leftovers,
						  .initial_state = (void *)singles[c].wire };
	return cmocka_run_group_tests_name("port_wire", tests, net_up, net_down);
}
