/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports that are left and gone on with: what waits is received, what was in hand is the kernel's again, a TAP device and an
 * XDP program stay; what does not fit any more is given up. The keeper is played by an array.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "port/netns.h"
#include "port_net.h"

#define TEST_TYPE 0x88b5
#define LEN	  100u

static struct port_net net;
static struct port *current; /* what the running case has open */
static struct far far = { .fd = -1 };

static struct kept {
	char name[FD_KEEP_NAME];
	int fd;
} kept[8];
static unsigned nkept;

static void store(void *ctx, const char *name, int fd)
{
	(void)ctx;
	assert_true(nkept < 8);
	for (unsigned i = 0; i < nkept; i++)
		assert_string_not_equal(kept[i].name, name);
	(void)snprintf(kept[nkept].name, sizeof kept[nkept].name, "%s", name);
	kept[nkept].fd = dup(fd);
	assert_true(kept[nkept++].fd >= 0);
}

static int find(const char *name)
{
	for (unsigned i = 0; i < nkept; i++)
		if (strcmp(kept[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void give_up(void *ctx, const char *name)
{
	int i = find(name);

	(void)ctx;
	assert_true(i >= 0);
	close(kept[i].fd);
	kept[i] = kept[--nkept];
}

static int take(void *ctx, const char *name)
{
	int i = find(name);

	(void)ctx;
	return i < 0 ? -1 : dup(kept[i].fd);
}

static const struct fd_keep keeper = { store, give_up, take, NULL };

/* The descriptor that is kept of a kind. */
static int kept_fd(const char *kind)
{
	for (unsigned i = 0; i < nkept; i++)
		if (strncmp(kept[i].name, kind, strlen(kind)) == 0 && kept[i].name[strlen(kind)] == ' ')
			return kept[i].fd;
	fail_msg("no %s is kept", kind);
	return -1;
}

static void begin(const char *driver)
{
	struct port_config cfg = { .driver = driver, .netns = net.near_path, .fds = &keeper };
	struct vmq_err err = { "" };

	(void)snprintf(cfg.ifname, sizeof cfg.ifname, "%s", strcmp(driver, "tap") == 0 ? "tap0" : "near0");
	assert_null(current);
	if (port_open(&cfg, &current, &err) != 0)
		fail_msg("%s: %s", driver, err.text);
}

static void leave(void)
{
	port_leave(current);
	current = NULL;
}

static void send_numbers(uint16_t from, uint16_t n)
{
	uint8_t frame[LEN];

	for (uint16_t i = 0; i < n; i++) {
		make_frame(frame, LEN, (uint16_t)(from + i), TEST_TYPE);
		far_send(&far, frame, LEN);
	}
}

/* The next n frames are these, in this order; they stay in hand when `hold`. */
static void expect_numbers(uint16_t from, uint16_t n, bool hold)
{
	for (uint16_t i = 0; i < n; i++) {
		struct port_frame f;

		assert_int_equal(port_recv(current, &f, 1), 1);
		assert_int_equal(f.len, LEN);
		assert_int_equal(frame_seq(f.data), from + i);
		if (!hold)
			current->ops->rx_release(current, &f, 1);
	}
}

static void test_packet_goes_on(void **state)
{
	(void)state;
	port_net_veth(&net, 1500);
	far_open(&far, net.far_path, "far0");
	begin("packet");
	assert_int_equal(nkept, 2);
	send_numbers(0, 3);
	expect_numbers(0, 2, true);
	leave();
	send_numbers(3, 5);
	begin("packet");
	assert_int_equal(nkept, 2);
	expect_numbers(2, 6, false);
	/* Every slot of the ring is there again: more than it has, in steps that it holds. */
	for (uint16_t i = 0; i < 30; i++) {
		send_numbers((uint16_t)(100 + 100 * i), 100);
		expect_numbers((uint16_t)(100 + 100 * i), 100, false);
	}
}

/* Left at each place near the ring's end, nothing waiting: the next frame is found where the kernel puts it. */
static void test_packet_place(void **state)
{
	(void)state;
	port_net_veth(&net, 1500);
	far_open(&far, net.far_path, "far0");
	begin("packet");
	for (uint16_t i = 0; i < 20; i++) {
		send_numbers((uint16_t)(100 * i), 100);
		expect_numbers((uint16_t)(100 * i), 100, false);
	}
	for (uint16_t i = 2000; i < 2100; i++) {
		leave();
		begin("packet");
		send_numbers(i, 1);
		expect_numbers(i, 1, false);
	}
}

static void test_packet_that_does_not_fit(void **state)
{
	uint32_t nonsense = 0xffffffff;
	int socket;

	(void)state;
	port_net_veth(&net, 1500);
	far_open(&far, net.far_path, "far0");
	begin("packet");
	leave();
	/* slots of another size */
	shell("ip -n %s link set near0 mtu 9000", net.near);
	begin("packet");
	send_numbers(0, 1);
	expect_numbers(0, 1, false);
	leave();
	/* a place outside the ring */
	assert_int_equal(pwrite(kept_fd("packet-place"), &nonsense, sizeof nonsense, 4), sizeof nonsense);
	begin("packet");
	send_numbers(1, 1);
	expect_numbers(1, 1, false);
	leave();
	assert_int_equal(ftruncate(kept_fd("packet-place"), 0), 0);
	begin("packet");
	send_numbers(2, 1);
	expect_numbers(2, 1, false);
	leave();
	/* something else under its name */
	socket = kept_fd("packet");
	assert_int_equal(dup2(kept_fd("packet-place"), socket), socket);
	begin("packet");
	send_numbers(3, 1);
	expect_numbers(3, 1, false);
	leave();
	/* another device of the name, with slots of the same size */
	far_close(&far);
	port_net_veth(&net, 9000);
	far_open(&far, net.far_path, "far0");
	begin("packet");
	send_numbers(4, 1);
	expect_numbers(4, 1, false);
}

/* The device, then its namespace, is gone: nothing that was kept stays open. */
static void test_packet_without_its_device(void **state)
{
	struct port_config cfg = { .driver = "packet", .ifname = "near0", .netns = net.near_path, .fds = &keeper };
	struct vmq_err err = { "" };
	unsigned fds = open_fds();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		port_net_veth(&net, 1500);
		begin("packet");
		leave();
		assert_int_equal(nkept, 2);
		if (i == 0)
			shell("ip -n %s link del near0", net.near);
		else
			shell("ip netns del %s", net.near);
		assert_true(port_open(&cfg, &current, &err) < 0);
		assert_null(current);
		assert_int_equal(nkept, 0);
		assert_int_equal(open_fds(), fds);
	}
	port_net_up(&net);
}

static void test_tap_stays(void **state)
{
	unsigned fds = open_fds();

	(void)state;
	begin("tap");
	far_open(&far, net.near_path, "tap0");
	shell("ip -n %s addr add 10.99.0.1/24 dev tap0", net.near);
	for (uint16_t i = 0; i < 3; i++) {
		leave();
		send_numbers((uint16_t)(10 * i), 10);
		begin("tap");
		assert_int_equal(nkept, 1);
		expect_numbers((uint16_t)(10 * i), 10, false);
	}
	assert_true(shell_ok("ip -n %s addr show dev tap0 | grep -q 10.99.0.1", net.near));
	/* It was deleted while nobody was there. */
	leave();
	far_close(&far);
	shell("ip -n %s link del tap0", net.near);
	begin("tap");
	far_open(&far, net.near_path, "tap0");
	send_numbers(50, 2);
	expect_numbers(50, 2, false);
	far_close(&far);
	port_close(current);
	current = NULL;
	assert_int_equal(nkept, 0);
	assert_false(shell_ok("ip -n %s link show tap0 2>/dev/null", net.near));
	assert_int_equal(open_fds(), fds);
}

/* A TAP device with this name, made where it is called. */
static int other_tap(void *arg)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	(void)snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", (const char *)arg);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

/* What is kept under the device's name is another one, by its name or by where it is. */
static void test_tap_that_is_another(void **state)
{
	char names[2][IFNAMSIZ] = { "tap1", "tap0" };
	const char *const where[] = { net.near_path, net.far_path };

	(void)state;
	for (uint16_t i = 0; i < 2; i++) {
		int fd = port_in_netns(where[i], other_tap, names[i], NULL);

		assert_true(fd >= 0);
		begin("tap");
		leave();
		assert_true(dup2(fd, kept_fd("tap")) >= 0);
		begin("tap");
		assert_int_equal(nkept, 1);
		far_open(&far, net.near_path, "tap0");
		send_numbers(10, 3);
		expect_numbers(10, 3, false);
		far_close(&far);
		port_close(current);
		current = NULL;
		close(fd);
	}
}

/* Whoever waits for a device that is deleted is not woken for ever, although the keeper has the file still. */
static void test_tap_gone(void **state)
{
	struct port_frame f;

	(void)state;
	begin("tap");
	shell("ip -n %s link del tap0", net.near);
	assert_int_equal(current->ops->rx_burst(current, &f, 1), 0);
	assert_int_equal(port_recv(current, &f, 1), 0);
}

static void test_xdp_program_stays(void **state)
{
	const char *shown = "ip -d -n %s link show near0 | grep -q xdp";

	(void)state;
	port_net_veth(&net, 1500);
	if (!shell_ok("grep -q bpf_xdp_metadata_rx_vlan_tag /proc/kallsyms"))
		skip(); /* Linux before 6.8: AF_XDP refuses a veth, as port_open_test checks */
	far_open(&far, net.far_path, "far0");
	begin("xdp");
	assert_int_equal(nkept, 4);
	for (uint16_t i = 0; i < 3; i++) {
		leave();
		assert_true(shell_ok(shown, net.near));
		begin("xdp");
		assert_int_equal(nkept, 4);
		send_numbers((uint16_t)(10 * i), 10);
		expect_numbers((uint16_t)(10 * i), 10, false);
	}
	/* Somebody took it off meanwhile. */
	leave();
	shell("ip -n %s link set near0 down", net.near);
	shell("ip -n %s link del near0", net.near);
	far_close(&far);
	port_net_veth(&net, 1500);
	far_open(&far, net.far_path, "far0");
	begin("xdp");
	send_numbers(70, 2);
	expect_numbers(70, 2, false);
	port_close(current);
	current = NULL;
	assert_int_equal(nkept, 0);
	assert_false(shell_ok(shown, net.near));
}

/* The device has more queues since: what is kept has no room for their sockets. */
static void test_xdp_more_queues(void **state)
{
	(void)state;
	port_net_veth_queues(&net, 1500, 4);
	if (!shell_ok("grep -q bpf_xdp_metadata_rx_vlan_tag /proc/kallsyms"))
		skip(); /* as above */
	shell("ip netns exec %s ethtool -L far0 tx 1", net.far);
	shell("ip netns exec %s ethtool -L near0 rx 1", net.near);
	far_open(&far, net.far_path, "far0");
	begin("xdp");
	assert_int_equal(current->rx_queues, 1);
	leave();
	shell("ip netns exec %s ethtool -L near0 rx 4", net.near);
	begin("xdp");
	assert_int_equal(current->rx_queues, 4);
	assert_int_equal(nkept, 4);
	send_numbers(0, 3);
	expect_numbers(0, 3, false);
}

/* The next process knows that the thread which it finds was not wished by somebody else, also where the NAPI outlives the program. */
static void test_xdp_napi_thread_is_ours(void **state)
{
	(void)state;
	port_net_veth(&net, 1500);
	if (!shell_ok("grep -q bpf_xdp_metadata_rx_vlan_tag /proc/kallsyms"))
		skip(); /* as above */
	shell("ip netns exec %s ethtool -K near0 gro on", net.near);
	begin("xdp");
	for (unsigned i = 0; i < 2; i++) {
		leave();
		assert_true(near_thread(&net));
		begin("xdp");
		assert_true(near_thread(&net));
	}
	port_close(current);
	current = NULL;
	assert_int_equal(nkept, 0);
	assert_false(near_thread(&net));
}

static int begin_all(void **state)
{
	(void)state;
	port_net_up(&net);
	return 0;
}

static int end_all(void **state)
{
	(void)state;
	port_net_down(&net);
	return 0;
}

static int end_case(void **state)
{
	(void)state;
	far_close(&far);
	port_close(current);
	current = NULL;
	while (nkept)
		give_up(NULL, kept[0].name);
	return 0;
}

#define CASE(f) cmocka_unit_test_teardown(f, end_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_packet_goes_on), CASE(test_packet_place), CASE(test_packet_that_does_not_fit), CASE(test_packet_without_its_device),
		CASE(test_tap_stays), CASE(test_tap_that_is_another), CASE(test_tap_gone),	    CASE(test_xdp_program_stays),
		CASE(test_xdp_napi_thread_is_ours), CASE(test_xdp_more_queues),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}
