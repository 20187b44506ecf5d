/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The watch over a network device: every kind of change is told, what is said of other devices is not, and what was
 * lost is found out all the same.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "port/link_watch.h"
#include "port/netns.h"
#include "port_net.h"

#define WAIT_MS 5000

static struct port_net net;

/* What the last callback said. */
struct told {
	unsigned calls;
	struct link_state state;
};

static void tell(void *ctx, const struct link_state *now)
{
	struct told *t = ctx;

	t->calls++;
	t->state = *now;
}

static struct link_watch *watch(const char *name, struct told *t)
{
	struct link_watch *w = NULL;
	struct vmq_err err = { "" };

	*t = (struct told){ .calls = 0 };
	if (link_watch_open(name, net.near_path, tell, t, &w, &err) != 0)
		fail_msg("%s: %s", name, err.text);
	t->state = *link_watch_state(w);
	return w;
}

/* Reads what has been said by now. Netlink is told before the command that changed something ends. */
static void settle(struct link_watch *w)
{
	struct pollfd p = { .fd = link_watch_fd(w), .events = POLLIN };

	while (poll(&p, 1, 0) == 1)
		link_watch_read(w);
}

/* Some changes come later, from the kernel's own workers: the carrier. */
static void until_up(struct link_watch *w, const struct told *t, bool up)
{
	struct pollfd p = { .fd = link_watch_fd(w), .events = POLLIN };

	while (t->state.up != up && poll(&p, 1, WAIT_MS) == 1)
		link_watch_read(w);
	assert_int_equal(t->state.up, up);
	assert_int_equal(link_watch_state(w)->up, up);
}

/* One more callback, with this. */
static void expect(struct link_watch *w, struct told *t, bool promiscuous, const char *mac, unsigned mtu)
{
	unsigned before = t->calls;
	uint8_t m[6];

	assert_int_equal(sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]), 6);
	settle(w);
	assert_int_equal(t->calls, before + 1);
	assert_true(t->state.present);
	assert_int_equal(t->state.promiscuous, promiscuous);
	assert_memory_equal(t->state.mac, m, 6);
	assert_int_equal(t->state.mtu, mtu);
	assert_memory_equal(&t->state.mac, link_watch_state(w)->mac, 6);
}

static void expect_quiet(struct link_watch *w, const struct told *t)
{
	unsigned before = t->calls;

	settle(w);
	assert_int_equal(t->calls, before);
}

static void make_tap(const char *mac)
{
	shell("ip -n %s tuntap add tap0 mode tap && ip -n %s link set tap0 address %s mtu 1500", net.near, net.near,
	      mac);
}

static void delete (const char *dev)
{
	shell("ip -n %s link del %s", net.near, dev);
}

static void test_address_mtu_promisc(void **state)
{
	struct told t;
	struct link_watch *w;

	(void)state;
	make_tap("02:00:00:00:00:01");
	w = watch("tap0", &t);
	assert_true(t.state.present);
	assert_false(t.state.promiscuous);
	assert_memory_equal(t.state.mac, "\2\0\0\0\0\1", 6);
	assert_int_equal(t.state.mtu, 1500);
	expect_quiet(w, &t);
	shell("ip -n %s link set tap0 address 02:00:00:00:00:02", net.near);
	expect(w, &t, false, "02:00:00:00:00:02", 1500);
	shell("ip -n %s link set tap0 mtu 9000", net.near);
	expect(w, &t, false, "02:00:00:00:00:02", 9000);
	shell("ip -n %s link set tap0 promisc on", net.near);
	expect(w, &t, true, "02:00:00:00:00:02", 9000);
	shell("ip -n %s link set tap0 promisc off", net.near);
	expect(w, &t, false, "02:00:00:00:00:02", 9000);
	/* a change of something else is none */
	shell("ip -n %s link set tap0 txqueuelen 77", net.near);
	expect_quiet(w, &t);
	link_watch_close(w);
	delete ("tap0");
}

static void test_open_sees_what_is(void **state)
{
	struct told t;
	struct link_watch *w;

	(void)state;
	make_tap("02:00:00:00:00:03");
	shell("ip -n %s link set tap0 promisc on mtu 2000", net.near);
	w = watch("tap0", &t);
	assert_true(t.state.promiscuous);
	assert_int_equal(t.state.mtu, 2000);
	assert_memory_equal(t.state.mac, "\2\0\0\0\0\3", 6);
	expect_quiet(w, &t);
	link_watch_close(w);
	delete ("tap0");
}

/* The administrator's flag stays off in all of these. */
static void test_promisc_for_a_bridge(void **state)
{
	struct told t;
	struct link_watch *w;

	(void)state;
	make_tap("02:00:00:00:00:04");
	shell("ip -n %s link add br0 type bridge", net.near);
	w = watch("tap0", &t);
	shell("ip -n %s link set tap0 master br0", net.near);
	expect(w, &t, true, "02:00:00:00:00:04", 1500);
	/* a bridge says of its port that it is gone: the device is not */
	shell("ip -n %s link set tap0 nomaster", net.near);
	expect(w, &t, false, "02:00:00:00:00:04", 1500);
	link_watch_close(w);
	delete ("br0");
	delete ("tap0");
}

static void test_promisc_for_a_capture(void **state)
{
	struct told t;
	struct link_watch *w;
	struct far f;

	(void)state;
	make_tap("02:00:00:00:00:05");
	w = watch("tap0", &t);
	far_open(&f, net.near_path, "tap0");
	expect(w, &t, true, "02:00:00:00:00:05", 1500);
	far_close(&f);
	expect(w, &t, false, "02:00:00:00:00:05", 1500);
	link_watch_close(w);
	delete ("tap0");
}

/* Of these the kernel says nothing about the device below. */
static void test_promisc_for_a_device_on_top(void **state)
{
	struct told t;
	struct link_watch *w;

	(void)state;
	make_tap("02:00:00:00:00:06");
	shell("ip -n %s link set tap0 up", net.near);
	w = watch("tap0", &t);
	if (!shell_ok("ip -n %s link add mv0 link tap0 type macvlan 2>/dev/null", net.near)) {
		link_watch_close(w);
		delete ("tap0");
		skip();
	}
	expect_quiet(w, &t);
	shell("ip -n %s link set mv0 up", net.near);
	expect(w, &t, true, "02:00:00:00:00:06", 1500);
	delete ("mv0");
	expect(w, &t, false, "02:00:00:00:00:06", 1500);
	/* and when it is in another namespace */
	shell("ip -n %s link add mv0 link tap0 type macvlan && ip -n %s link set mv0 netns %s", net.near, net.near,
	      net.far);
	expect_quiet(w, &t);
	shell("ip -n %s link set mv0 up", net.far);
	expect(w, &t, true, "02:00:00:00:00:06", 1500);
	shell("ip -n %s link set mv0 down", net.far);
	expect(w, &t, false, "02:00:00:00:00:06", 1500);
	shell("ip -n %s link del mv0", net.far);
	link_watch_close(w);
	delete ("tap0");
}

static void test_up_and_carrier(void **state)
{
	struct told t;
	struct link_watch *w;

	(void)state;
	port_net_veth(&net, 1500);
	w = watch("near0", &t);
	until_up(w, &t, true);
	shell("ip -n %s link set far0 down", net.far); /* no carrier */
	until_up(w, &t, false);
	shell("ip -n %s link set far0 up", net.far);
	until_up(w, &t, true);
	shell("ip -n %s link set near0 down", net.near);
	until_up(w, &t, false);
	shell("ip -n %s link set near0 up", net.near);
	until_up(w, &t, true);
	link_watch_close(w);
	delete ("near0");
}

static void expect_gone(struct link_watch *w, struct told *t)
{
	static const struct link_state none;
	unsigned before = t->calls;

	settle(w);
	assert_int_equal(t->calls, before + 1);
	assert_false(t->state.present || t->state.up || t->state.promiscuous);
	assert_memory_equal(t->state.mac, none.mac, 6);
	assert_int_equal(t->state.mtu, 0);
}

static void test_gone_and_back(void **state)
{
	struct told t;
	struct link_watch *w = watch("tap0", &t);

	(void)state;
	assert_false(t.state.present);
	make_tap("02:00:00:00:00:07");
	expect(w, &t, false, "02:00:00:00:00:07", 1500);
	delete ("tap0");
	expect_gone(w, &t);
	make_tap("02:00:00:00:00:08");
	expect(w, &t, false, "02:00:00:00:00:08", 1500);
	shell("ip -n %s link set tap0 name other0", net.near);
	expect_gone(w, &t);
	shell("ip -n %s link set other0 address 02:00:00:00:00:18", net.near);
	expect_quiet(w, &t);
	shell("ip -n %s link set other0 name tap0", net.near);
	expect(w, &t, false, "02:00:00:00:00:18", 1500);
	shell("ip -n %s link set tap0 netns %s", net.near, net.far);
	expect_gone(w, &t);
	shell("ip -n %s link set tap0 address 02:00:00:00:00:28", net.far);
	expect_quiet(w, &t);
	shell("ip -n %s link set tap0 netns %s", net.far, net.near);
	expect(w, &t, false, "02:00:00:00:00:28", 1500);
	link_watch_close(w);
	delete ("tap0");
}

static void test_others_are_not_ours(void **state)
{
	struct told t;
	struct link_watch *w;

	(void)state;
	make_tap("02:00:00:00:00:09");
	w = watch("tap0", &t);
	shell("ip -n %s tuntap add tap1 mode tap", net.near);
	shell("ip -n %s link set tap1 promisc on address 02:00:00:00:00:99 mtu 3000 up", net.near);
	delete ("tap1");
	/* the same name in the other namespace, whose messages come here too */
	shell("ip -n %s tuntap add tap0 mode tap", net.far);
	shell("ip -n %s link set tap0 promisc on address 02:00:00:00:00:99 mtu 3000 up", net.far);
	shell("ip -n %s link del tap0", net.far);
	expect_quiet(w, &t);
	link_watch_close(w);
	delete ("tap0");
}

/* Has more said of tap0 than a socket holds. */
static void flood(void)
{
	shell("for i in $(seq 1001 3000); do echo link set tap0 mtu $i; done | ip -n %s -batch -", net.near);
}

/* The last that was said is lost: it is asked for. */
static void test_lost_messages(void **state)
{
	struct told t;
	struct link_watch *w;

	(void)state;
	make_tap("02:00:00:00:00:0a");
	w = watch("tap0", &t);
	for (unsigned round = 1; round <= 2; round++) {
		flood();
		shell("ip -n %s link set tap0 promisc %s mtu %u", net.near, round == 1 ? "on" : "off", 4000 + round);
		settle(w);
		assert_true(t.calls > 0);
		assert_int_equal(t.state.mtu, 4000 + round);
		assert_int_equal(t.state.promiscuous, round == 1);
	}
	flood();
	delete ("tap0");
	settle(w);
	assert_false(t.state.present);
	link_watch_close(w);
}

/* Tells the watch about the device as the kernel would. */
static int forge(void *arg)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof to;
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_int_equal(getsockname(link_watch_fd(arg), (struct sockaddr *)&to, &len), 0);
	h->nlmsg_type = RTM_NEWLINK;
	info = mnl_nlmsg_put_extra_header(h, sizeof *info);
	info->ifi_index = 4711;
	mnl_attr_put_strz(h, IFLA_IFNAME, "tap0");
	mnl_attr_put(h, IFLA_ADDRESS, 6, "\2\0\0\0\0\7");
	mnl_attr_put_u32(h, IFLA_MTU, 777);
	mnl_attr_put_u32(h, IFLA_PROMISCUITY, 1);
	assert_int_equal(sendto(fd, h, h->nlmsg_len, 0, (struct sockaddr *)&to, sizeof to), h->nlmsg_len);
	close(fd);
	return 0;
}

static void test_forged(void **state)
{
	struct link_watch *w;
	struct told t;

	(void)state;
	make_tap("02:00:00:00:00:01");
	w = watch("tap0", &t);
	assert_int_equal(port_in_netns(net.near_path, forge, w, NULL), 0);
	expect_quiet(w, &t);
	assert_int_not_equal(link_watch_state(w)->mtu, 777);
	link_watch_close(w);
	delete ("tap0");
}

static void refused(const char *name, const char *netns, int rc, const char *word)
{
	struct link_watch *w = NULL;
	struct vmq_err err = { "" };
	unsigned fds = open_fds();

	assert_int_equal(link_watch_open(name, netns, tell, NULL, &w, &err), rc);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" (wanted \"%s\")", err.text, word);
	assert_null(w);
	assert_int_equal(open_fds(), fds);
	assert_int_equal(link_watch_open(name, netns, tell, NULL, &w, NULL), rc);
}

static void test_refused(void **state)
{
	struct told t;
	unsigned fds = open_fds();

	(void)state;
	refused("", net.near_path, -EINVAL, "1 to 15 bytes");
	refused("sixteencharacter", net.near_path, -EINVAL, "1 to 15 bytes");
	refused("tap0", "/run/netns/vmqt-port-none", -ENOENT, "network namespace /run/netns/vmqt-port-none");
	link_watch_close(watch("tap0", &t));
	assert_int_equal(open_fds(), fds);
	link_watch_close(NULL);
}

static int setup(void **state)
{
	(void)state;
	port_net_up(&net);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	port_net_down(&net);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_mtu_promisc),
		cmocka_unit_test(test_open_sees_what_is),
		cmocka_unit_test(test_promisc_for_a_bridge),
		cmocka_unit_test(test_promisc_for_a_capture),
		cmocka_unit_test(test_promisc_for_a_device_on_top),
		cmocka_unit_test(test_up_and_carrier),
		cmocka_unit_test(test_gone_and_back),
		cmocka_unit_test(test_others_are_not_ours),
		cmocka_unit_test(test_lost_messages),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_refused),
	};

	if (geteuid() != 0) {
		printf("root is needed: the test makes network namespaces\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
