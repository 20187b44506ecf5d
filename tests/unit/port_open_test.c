/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing ports: what is refused and how the sentence says so, that nothing is left behind then or after a
 * close, and what `auto` chooses.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "port/device.h"
#include "port/netns.h"
#include "port_net.h"

static struct port_net net;

static struct port_config config(const char *driver, const char *ifname)
{
	struct port_config cfg = { .driver = driver, .netns = net.near_path };

	(void)snprintf(cfg.ifname, sizeof cfg.ifname, "%s", ifname);
	return cfg;
}

/* Can this kernel tell a veth's VLAN tags to an XDP program? Linux 6.8 and later. */
static bool xdp_on_veth(void)
{
	return shell_ok("grep -q bpf_xdp_metadata_rx_vlan_tag /proc/kallsyms");
}

static void assert_clean(const char *dev)
{
	assert_false(shell_ok("ip -d -n %s link show %s | grep -q -e xdp -e 'promiscuity [1-9]'", net.near, dev));
}

static struct port *open_ok(const struct port_config *cfg)
{
	struct vmq_err err = { "" };
	struct port *p = NULL;

	if (port_open(cfg, &p, &err) != 0)
		fail_msg("%s %s: %s", cfg->driver, cfg->ifname, err.text);
	return p;
}

/* The open is refused with `rc`, a sentence that holds each of the words, and nothing left open. */
static void refused(const struct port_config *cfg, int rc, const char *word1, const char *word2)
{
	struct vmq_err err = { "" };
	struct port *p = NULL;
	unsigned fds = open_fds();
	int got = port_open(cfg, &p, &err);

	if (got != rc || !strstr(err.text, word1) || !strstr(err.text, word2))
		fail_msg("%s %s: %d (wanted %d) \"%s\" (wanted \"%s\", \"%s\")", cfg->driver, cfg->ifname, got, rc,
			 err.text, word1, word2);
	assert_null(p);
	assert_int_equal(open_fds(), fds);
	/* The sentence is the caller's to want. */
	assert_int_equal(port_open(cfg, &p, NULL), rc);
	assert_int_equal(open_fds(), fds);
}

static void test_unknown_driver(void **state)
{
	struct port_config cfg = config("dpdk", "near0");

	(void)state;
	refused(&cfg, -EINVAL, "\"dpdk\"", "auto, tap, xdp, packet, pcap");
}

static void test_no_device(void **state)
{
	static const char *const drivers[] = { "auto", "xdp", "packet" };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct port_config cfg = config(drivers[i], "eth7");

		refused(&cfg, -ENODEV, "device eth7 does not exist", net.near_path);
		cfg.netns = NULL;
		refused(&cfg, -ENODEV, "device eth7 does not exist", "vmqd's own network namespace");
		(void)snprintf(cfg.ifname, sizeof cfg.ifname, "lo");
		cfg.netns = net.near_path;
		refused(&cfg, -EINVAL, "lo", "not an Ethernet device");
		cfg.ifname[0] = '\0';
		refused(&cfg, -EINVAL, "name", "1 to 15 bytes");
		memset(cfg.ifname, 'x', sizeof cfg.ifname);
		refused(&cfg, -EINVAL, "name", "1 to 15 bytes");
	}
}

static void test_no_namespace(void **state)
{
	static const char *const drivers[] = { "auto", "tap", "xdp", "packet" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct port_config cfg = config(drivers[i], "near0");

		cfg.netns = "/run/netns/vmqt-port-none";
		refused(&cfg, -ENOENT, "network namespace /run/netns/vmqt-port-none", "No such file");
		cfg.netns = "/dev/null";
		refused(&cfg, -EINVAL, "network namespace /dev/null", "cannot be entered");
		shell("rm -f /tmp/vmqt-port-fifo && mkfifo /tmp/vmqt-port-fifo");
		cfg.netns = "/tmp/vmqt-port-fifo"; /* to which nobody writes */
		(void)alarm(20);
		refused(&cfg, -EINVAL, "network namespace /tmp/vmqt-port-fifo", "cannot be entered");
		(void)alarm(0);
		shell("rm /tmp/vmqt-port-fifo");
	}
}

static void test_tap_refused(void **state)
{
	struct port_config cfg = config("tap", "near0");
	struct port *p;

	(void)state;
	port_net_veth(&net, 1500);
	refused(&cfg, -EINVAL, "near0", "taken by a device that is no");
	cfg = config("tap", "tap1");
	cfg.mtu = 9500;
	refused(&cfg, -EINVAL, "tap1", "9500");
	cfg.mtu = 10;
	refused(&cfg, -EINVAL, "tap1", "MTU 10");
	assert_false(shell_ok("ip -n %s link show tap1 2>/dev/null", net.near));
	cfg.mtu = 0;
	cfg.ifname[0] = '\0';
	refused(&cfg, -EINVAL, "name", "1 to 15 bytes");
	memset(cfg.ifname, 'x', sizeof cfg.ifname);
	refused(&cfg, -EINVAL, "name", "1 to 15 bytes");
	cfg = config("tap", "tap1");
	p = open_ok(&cfg);
	refused(&cfg, -EBUSY, "tap1", "another program");
	port_close(p);
}

static void test_tap_stays_or_goes(void **state)
{
	struct port_config cfg = config("tap", "tap1");
	unsigned fds = open_fds();

	(void)state;
	port_close(open_ok(&cfg));
	assert_false(shell_ok("ip -n %s link show tap1 2>/dev/null", net.near));
	cfg.keep = true;
	cfg.mtu = 9000;
	port_close(open_ok(&cfg));
	assert_true(shell_ok("ip -n %s link show tap1 | grep -q 'mtu 9000'", net.near));
	/* A device that was there is used, and stays; without an MTU it keeps its own. */
	cfg.keep = false;
	cfg.mtu = 0;
	port_close(open_ok(&cfg));
	assert_true(shell_ok("ip -n %s link show tap1 | grep -q 'mtu 9000'", net.near));
	shell("ip -n %s link del tap1", net.near);
	/* Here, that is in the namespace of the caller, there was never one. */
	assert_false(shell_ok("ip link show tap1 2>/dev/null"));
	assert_int_equal(open_fds(), fds);
}

static void test_xdp_refused(void **state)
{
	struct port_config cfg = config("xdp", "near0");
	struct port *p;

	(void)state;
	port_net_veth(&net, 1500);
	if (!xdp_on_veth()) {
		refused(&cfg, -EOPNOTSUPP, "near0", "VLAN tags");
		skip();
	}
	p = open_ok(&cfg);
	refused(&cfg, -EBUSY, "near0", "XDP program");
	port_close(p);
	assert_clean("near0");
	/* The far end may send what does not fit: the driver refuses the program. */
	shell("ip -n %s link set far0 mtu 9000", net.far);
	refused(&cfg, -EOPNOTSUPP, "near0", "lower the MTU");
	assert_clean("near0");
	port_net_veth(&net, 9000);
	refused(&cfg, -EOPNOTSUPP, "MTU 9000", "driver packet");
	assert_clean("near0");
	/* A device that is down can be opened. */
	port_net_veth(&net, 1500);
	shell("ip -n %s link set near0 down", net.near);
	port_close(open_ok(&cfg));
	assert_clean("near0");
}

#define FLOWS 64u

/* The next frame of a flow: UDP between the same addresses, by a port of its own. `seq` counts all frames. */
static void send_flow(const struct far *far, unsigned flow, uint16_t seq)
{
	static const uint8_t ip[] = { 0x45, 0,	0, 50, 0, 0, 0x40, 0, 64, 17, 0, 0,	10, 0, 0, 1,
				      10,   0,	0, 2,  0, 0, 0x13, 0x88, 0, 30, 0, 0 };
	uint8_t frame[64];

	make_frame(frame, sizeof frame, seq, ETH_P_IP);
	memcpy(frame + ETH_HLEN, ip, sizeof ip);
	frame[ETH_HLEN + 20] = (uint8_t)(0x40 + flow);
	far_send(far, frame, sizeof frame);
}

/* Takes `count` frames, checks that each flow's are in order, and gives them back in an order of no meaning. */
static void expect_flows(struct port *p, unsigned count)
{
	struct port_frame f[FLOWS * 2];
	int last[FLOWS];

	for (unsigned i = 0; i < FLOWS; i++)
		last[i] = -1;
	for (unsigned got = 0, n; got < count; got += n) {
		n = port_recv(p, f + got, count - got < PORT_BURST ? count - got : PORT_BURST);
		assert_int_not_equal(n, 0);
		for (unsigned i = got; i < got + n; i++) {
			unsigned flow = f[i].data[ETH_HLEN + 20] - 0x40u;

			assert_in_range(flow, 0, FLOWS - 1);
			assert_true(frame_seq(f[i].data) > last[flow]);
			last[flow] = frame_seq(f[i].data);
		}
	}
	for (unsigned i = count; i > 1; i--) {
		unsigned k = (unsigned)rand() % i;
		struct port_frame swap = f[i - 1];

		f[i - 1] = f[k];
		f[k] = swap;
	}
	p->ops->rx_release(p, f, count);
}

/* ---- who receives for the device ---- */

/* A veth device gets a thread from its port, and has none when the port is closed; the device's own setting is nobody's
 * business. Somebody else's thread stays his. */
static void test_xdp_napi_wishes(void **state)
{
	struct port_config cfg = config("xdp", "near0");
	struct port *p;

	(void)state;
	if (!xdp_on_veth())
		skip();
	port_net_veth(&net, 1500);
	cfg.napi = PORT_NAPI_LEAVE;
	p = open_ok(&cfg);
	assert_null(strstr(p->ops->describe(p), "NAPI thread"));
	assert_false(near_thread(&net));
	port_close(p);
	for (enum port_napi wish = PORT_NAPI_AUTO; wish <= PORT_NAPI_THREAD; wish++) {
		for (unsigned gro = 0; gro < 2; gro++) { /* with it the NAPI outlives the port */
			assert_true(near_ok(&net, gro ? "ethtool -K near0 gro on" : "ethtool -K near0 gro off"));
			cfg.napi = wish;
			p = open_ok(&cfg);
			assert_non_null(strstr(p->ops->describe(p), "native, copy, NAPI thread, 2048 buffers"));
			assert_true(near_thread(&net));
			port_close(p);
			assert_false(near_thread(&net));
			assert_true(near_ok(&net, "grep -qx 0 /sys/class/net/near0/threaded"));
		}
	}
	assert_true(near_ok(&net, "ethtool -K near0 gro on && echo 1 > /sys/class/net/near0/threaded"));
	for (enum port_napi wish = PORT_NAPI_AUTO; wish <= PORT_NAPI_LEAVE; wish++) {
		cfg.napi = wish;
		p = open_ok(&cfg);
		assert_non_null(strstr(p->ops->describe(p), "NAPI thread"));
		port_close(p);
		assert_true(near_thread(&net) && near_ok(&net, "grep -qx 1 /sys/class/net/near0/threaded"));
	}
}

/* auto leaves a device alone that is no veth; a device that has no NAPI gets no thread whatever is wished, and the port says so. */
static void test_xdp_napi_tap(void **state)
{
	struct port_config cfg = config("xdp", "tap1");
	struct port *p;

	(void)state;
	shell("ip -n %s tuntap add dev tap1 mode tap && ip -n %s link set tap1 up", net.near, net.near);
	p = open_ok(&cfg);
	assert_null(strstr(p->ops->describe(p), "NAPI"));
	port_close(p);
	cfg.napi = PORT_NAPI_THREAD;
	p = open_ok(&cfg);
	assert_non_null(strstr(p->ops->describe(p), ", no NAPI thread: "));
	assert_non_null(p->ops->no_napi_thread(p));
	port_close(p);
	shell("ip -n %s link del tap1", net.near);
}

/* What the scheduler gives it at a time, in ns; 0: this kernel does not say. */
static uint64_t slice_of(int pid)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		uint32_t nice, priority;
		uint64_t runtime, deadline, period;
	} s = { .size = sizeof s };

	assert_int_equal(syscall(SYS_sched_getattr, pid, &s, sizeof s, 0), 0);
	return s.runtime;
}

/* The thread gets the worker's CPU where there are no two others, and lets frames through: it goes first when both have but one. */
static void test_xdp_napi_thread(void **state)
{
	static const uint16_t workers[] = { 0 };
	struct port_config cfg = config("xdp", "near0");
	struct far far;
	struct port *p;
	cpu_set_t all, one;

	(void)state;
	if (!xdp_on_veth())
		skip();
	port_net_veth(&net, 1500);
	cfg.cpus = (struct napi_cpus){ .workers = workers, .n = 1 };
	p = open_ok(&cfg);
	assert_non_null(strstr(p->ops->describe(p), "native, copy, NAPI thread, 2048 buffers"));
	if (slice_of(0))
		assert_int_equal(slice_of(near_thread(&net)), 100000);
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	if (CPU_COUNT(&all) == 2)
		assert_true(shell_ok("taskset -pc %d | grep -q ': 0$'", near_thread(&net)));
	port_close(p);
	/* So does one that somebody else made and did not place, and one that he did place stays. */
	assert_true(near_ok(&net, "ethtool -K near0 gro on && echo 1 > /sys/class/net/near0/threaded"));
	p = open_ok(&cfg);
	if (CPU_COUNT(&all) == 2)
		assert_true(shell_ok("taskset -pc %d | grep -q ': 0$'", near_thread(&net)));
	port_close(p);
	if (CPU_COUNT(&all) > 1)
		shell("taskset -p -c 1 %d > /dev/null", near_thread(&net));
	p = open_ok(&cfg);
	if (CPU_COUNT(&all) == 2)
		assert_true(shell_ok("taskset -pc %d | grep -q ': 1$'", near_thread(&net)));
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	shell("taskset -p -c 0 %d > /dev/null", near_thread(&net));
	far_open(&far, net.far_path, "far0");
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < FLOWS * 2; i++)
			send_flow(&far, i % FLOWS, (uint16_t)i);
		expect_flows(p, FLOWS * 2);
		send_flow(&far, 0, 0); /* alone: it is no stream, and nobody lets the thread go first */
		expect_flows(p, 1);
	}
	far_close(&far);
	port_close(p);
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

/* A device that goes down and up again has new NAPIs, and the port says that they have no thread. */
static void test_xdp_napi_lost(void **state)
{
	struct port_config cfg = config("xdp", "near0");
	struct port *p;

	(void)state;
	if (!xdp_on_veth())
		skip();
	port_net_veth(&net, 1500);
	p = open_ok(&cfg);
	assert_null(p->ops->no_napi_thread(p));
	shell("ip -n %s link set near0 down && ip -n %s link set near0 up", net.near, net.near);
	assert_int_equal(p->ops->no_napi_thread(p) == NULL, near_thread(&net) != 0);
	assert_int_equal(strstr(p->ops->describe(p), "no NAPI thread: ") == NULL, near_thread(&net) != 0);
	port_close(p);
	assert_false(near_thread(&net));
}

/* Every CPU has a worker, so the thread would come to that of the port's: not by itself when that one never sleeps. */
static void test_xdp_napi_beside_a_worker_that_polls(void **state)
{
	struct port_config cfg = config("xdp", "near0");
	uint16_t workers[1024];
	struct port *p;
	unsigned n = (unsigned)sysconf(_SC_NPROCESSORS_CONF);

	(void)state;
	if (!xdp_on_veth() || n > sizeof workers / sizeof workers[0])
		skip();
	for (unsigned i = 0; i < n; i++)
		workers[i] = (uint16_t)i;
	port_net_veth(&net, 1500);
	for (unsigned polls = 0; polls < 2; polls++)
		for (unsigned k = 0; k < 2; k++) {
			cfg.napi = k ? PORT_NAPI_THREAD : PORT_NAPI_AUTO;
			cfg.cpus = (struct napi_cpus){ .workers = workers, .n = n, .own_polls = polls };
			p = open_ok(&cfg);
			assert_int_equal(strstr(p->ops->describe(p), "NAPI thread") != NULL, k || !polls);
			assert_null(p->ops->no_napi_thread(p)); /* it is not missing */
			port_close(p);
		}
}

/* A port of near0 beside a worker of CPU 1023, which no machine here has, so that a thread finds its place elsewhere. 0; a step
 * of the expectation that failed. In a child process, where nothing may be asserted. */
static int napi_where(enum port_napi wish, bool polls, const char *thread, const char *why)
{
	static const uint16_t workers[] = { 1023 };
	struct port_config cfg = config("xdp", "near0");
	struct port *p = NULL;
	int failed = 0;

	cfg.napi = wish;
	cfg.cpus = (struct napi_cpus){ .workers = workers, .n = 1, .own = 1023, .own_polls = polls };
	if (port_open(&cfg, &p, NULL) != 0)
		return 1;
	if ((strstr(p->ops->describe(p), thread) == NULL) || (near_thread(&net) != 0) != (why == NULL))
		failed = 2;
	else if (why ? !p->ops->no_napi_thread(p) || !strstr(p->ops->no_napi_thread(p), why) : p->ops->no_napi_thread(p) != NULL)
		failed = 3;
	port_close(p);
	return failed ? failed : near_thread(&net) ? 4 : 0;
}

/* All the wishes; `why`: what is said where a thread had to be placed and cannot be. NULL: it can be. */
static int napi_wishes_where(const char *why)
{
	const char *none = why ? ", no NAPI thread: it cannot be kept from the CPU of the worker, whose policy is poll: " : "NAPI thread, ";
	int rc = napi_where(PORT_NAPI_AUTO, true, none, why);

	rc = rc ? rc : 10 * napi_where(PORT_NAPI_AUTO, false, "NAPI thread, ", NULL);
	return rc ? rc : 20 * napi_where(PORT_NAPI_THREAD, true, "NAPI thread, ", NULL);
}

/* Exit status of a child process that does this, in a process namespace of its own if `own`. */
static int in_child(bool own, int (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (own && unshare(CLONE_NEWPID) != 0)
			_exit(99);
		if (own) /* its child is in it */
			_exit(in_child(false, fn));
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int places_it(void)
{
	return napi_wishes_where(NULL);
}

static int sees_no_kernel_threads(void)
{
	return napi_wishes_where("not seen from this process namespace");
}

/* With a /proc of the namespace, too, where process 2 is another or none. */
static int sees_no_kernel_threads_in_its_own_proc(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) != 0)
		return 97;
	return sees_no_kernel_threads();
}

/* Nobody's user, with all capabilities but the one to place what is another user's. */
static int may_place_nothing(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setresuid(65534, 65534, 65534) != 0 || syscall(SYS_capget, &head, caps) != 0)
		return 97;
	caps[0].effective = caps[0].permitted & ~(1u << CAP_SYS_NICE);
	caps[1].effective = caps[1].permitted;
	if (syscall(SYS_capset, &head, caps) != 0)
		return 97;
	return napi_wishes_where("Operation not permitted");
}

/* No thread that might come to the CPU of a worker that polls, since it cannot be placed from here. */
static void test_xdp_napi_that_cannot_be_placed(void **state)
{
	(void)state;
	if (!xdp_on_veth() || sysconf(_SC_NPROCESSORS_CONF) < 2)
		skip();
	port_net_veth(&net, 1500);
	assert_int_equal(in_child(false, places_it), 0);
	assert_int_equal(in_child(true, sees_no_kernel_threads), 0);
	assert_int_equal(in_child(true, sees_no_kernel_threads_in_its_own_proc), 0);
	assert_int_equal(in_child(false, may_place_nothing), 0);
}

static void test_napi_place(void **state)
{
	static const uint16_t workers[] = { 1, 2 };
	const struct napi_cpus none = { .workers = workers }, two = { .workers = workers, .n = 2, .own = 2 };
	cpu_set_t may, out;

	(void)state;
	CPU_ZERO(&may);
	for (int i = 0; i < 5; i++)
		CPU_SET(i, &may);
	assert_false(napi_place(&may, &none, &out));
	assert_true(napi_place(&may, &two, &out)); /* 0, 3, 4 are left */
	assert_int_equal(CPU_COUNT(&out), 3);
	assert_true(CPU_ISSET(0, &out) && CPU_ISSET(3, &out) && CPU_ISSET(4, &out));
	CPU_CLR(4, &may);
	assert_true(napi_place(&may, &two, &out));
	assert_int_equal(CPU_COUNT(&out), 2);
	CPU_CLR(3, &may); /* 0 is the sender's */
	assert_true(napi_place(&may, &two, &out));
	assert_true(CPU_COUNT(&out) == 1 && CPU_ISSET(2, &out));
	CPU_CLR(0, &may);
	assert_true(napi_place(&may, &two, &out));
	assert_true(CPU_COUNT(&out) == 1 && CPU_ISSET(2, &out));
}

static int setting_of_near0(void *arg)
{
	int *fds = arg;

	fds[0] = napi_setting_open("near0");
	fds[1] = napi_setting_open("near1");
	return 0;
}

/* What older kernels have: the attribute in the device's namespace, wherever sysfs is mounted here. */
static void test_napi_setting(void **state)
{
	char text[4] = "";
	int fds[2];

	(void)state;
	port_net_veth(&net, 1500);
	assert_true(near_ok(&net, "ethtool -K near0 gro on"));
	assert_int_equal(port_in_netns(net.near_path, setting_of_near0, fds, NULL), 0);
	assert_int_equal(fds[1], -ENOENT);
	assert_true(fds[0] >= 0);
	assert_int_equal(pread(fds[0], text, sizeof text, 0), 2);
	assert_int_equal(text[0], '0');
	assert_int_equal(pwrite(fds[0], "1", 1, 0), 1);
	assert_true(near_ok(&net, "grep -qx 1 /sys/class/net/near0/threaded") && near_thread(&net));
	assert_int_equal(pwrite(fds[0], "0", 1, 0), 1);
	assert_true(near_ok(&net, "grep -qx 0 /sys/class/net/near0/threaded"));
	close(fds[0]);
}

/* A card that spreads what it receives: every queue is served, none of a flow's frames overtakes another, and the buffers of
 * each queue come back to it (each is used several times). */
static void test_xdp_several_queues(void **state)
{
	struct port_config cfg = config("xdp", "near0");
	struct port_counters c;
	struct far far;
	struct port *p;

	(void)state;
	if (!xdp_on_veth())
		skip();
	port_net_veth_queues(&net, 1500, 4);
	p = open_ok(&cfg);
	assert_non_null(strstr(p->ops->describe(p), "4 receive queues"));
	assert_int_equal(p->rx_queues, 4);
	far_open(&far, net.far_path, "far0");
	for (unsigned round = 0; round < 400; round++) {
		for (unsigned i = 0; i < FLOWS * 2; i++)
			send_flow(&far, i % FLOWS, (uint16_t)i);
		expect_flows(p, FLOWS * 2);
	}
	shell("test $(ip netns exec %s ethtool -S near0 | grep -c 'rx_queue_[0-3]_xdp_packets: [1-9]') = 4", net.near);
	p->ops->counters(p, &c);
	assert_int_equal(c.rx_runt + c.rx_too_long + c.rx_no_buffer + c.tx_error + c.tx_dropped, 0);
	far_close(&far);
	port_close(p);
	assert_clean("near0");
	/* All queues' buffers together are bounded, and so is the number of queues. */
	port_net_veth_queues(&net, 1500, 64);
	p = open_ok(&cfg);
	assert_non_null(strstr(p->ops->describe(p), "64 receive queues, NAPI thread, 16384 buffers"));
	port_close(p);
	assert_clean("near0");
	port_net_veth_queues(&net, 1500, 65);
	refused(&cfg, -EOPNOTSUPP, "near0 has 65 receive queues", "ethtool -L near0 combined 64");
	assert_clean("near0");
	/* A veth's driver wants a receive queue for each transmit queue of the peer. */
	port_net_veth_queues(&net, 1500, 2);
	shell("ip netns exec %s ethtool -L near0 rx 1", net.near);
	refused(&cfg, -EOPNOTSUPP, "near0", "as its peer has transmit queues");
	assert_clean("near0");
}

/* Devices that may carry tags where no program sees them. */
static void test_xdp_software_devices(void **state)
{
	struct port_config cfg = config("xdp", "br0");

	(void)state;
	shell("ip -n %s link add br0 type bridge && ip -n %s link set br0 up", net.near, net.near);
	refused(&cfg, -EOPNOTSUPP, "br0", "VLAN tags");
	assert_clean("br0");
	cfg.driver = "auto";
	port_close(open_ok(&cfg));
	assert_clean("br0");
	shell("ip -n %s link del br0", net.near);
}

static int open_tun(void *arg)
{
	struct ifreq ifr = { .ifr_name = "tap2", .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	*(int *)arg = fd;
	return fd < 0 || ioctl(fd, TUNSETIFF, &ifr) != 0 ? -errno : 0;
}

/* AF_XDP on a device whose driver hands over bytes only: the program without tags. */
static void test_xdp_on_tap(void **state)
{
	struct port_config cfg = config("xdp", "tap2");
	uint8_t frame[200], got[2000];
	struct port_frame f;
	struct port *p;
	int tun = -1;

	(void)state;
	assert_int_equal(port_in_netns(net.near_path, open_tun, &tun, NULL), 0);
	shell("ip -n %s link set tap2 up", net.near);
	p = open_ok(&cfg);
	assert_non_null(strstr(p->ops->describe(p), "native, copy"));
	for (uint16_t i = 0; i < 5000; i++) {
		/* Every second one tagged. */
		make_frame(frame, sizeof frame, i, i % 2 ? 0x8100 : 0x88b5);
		assert_int_equal(write(tun, frame, sizeof frame), sizeof frame);
		assert_int_equal(port_recv(p, &f, 1), 1);
		assert_int_equal(f.len, sizeof frame);
		assert_memory_equal(f.data, frame, sizeof frame);
		p->ops->rx_release(p, &f, 1);
		assert_int_equal(port_send(p, frame, sizeof frame), 1);
		do
			assert_int_equal(poll(&(struct pollfd){ .fd = tun, .events = POLLIN }, 1, 5000), 1);
		while (read(tun, got, sizeof got) != sizeof frame);
		assert_memory_equal(got, frame, sizeof frame);
	}
	port_close(p);
	assert_clean("tap2");
	close(tun);
}

/* A process that dies leaves no program behind, and the next one, which need not wait for its end, gets its device back. */
static void test_xdp_killed(void **state)
{
	struct port_config cfg = config("xdp", "near0"), any = config("auto", "near0");
	struct port *next;
	int ready[2];
	char c;
	pid_t pid;

	(void)state;
	if (!xdp_on_veth())
		skip();
	port_net_veth(&net, 1500);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct port *p;

		c = port_open(&cfg, &p, NULL) == 0;
		(void)!write(ready[1], &c, 1);
		(void)pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 1);
	assert_true(shell_ok("ip -n %s link show near0 | grep -q xdp", net.near));
	assert_int_equal(kill(pid, SIGKILL), 0);
	next = open_ok(&any);
	assert_string_equal(next->ops->name, "xdp");
	port_close(next);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* The kernel takes it off in its own time. */
	for (unsigned i = 0; i < 100 && shell_ok("ip -n %s link show near0 | grep -q xdp", net.near); i++)
		usleep(20000);
	assert_clean("near0");
	close(ready[0]);
	close(ready[1]);
}

static void test_close_leaves_nothing(void **state)
{
	static const char *const drivers[] = { "packet", "xdp", "auto", "tap" };

	(void)state;
	port_net_veth(&net, 1500);
	for (unsigned d = 0; d < 4; d++) {
		struct port_config cfg = config(drivers[d], d == 3 ? "tap1" : "near0");
		unsigned fds = open_fds();

		if (d == 1 && !xdp_on_veth())
			continue;
		for (unsigned i = 0; i < 20; i++) {
			struct port *p = open_ok(&cfg);

			assert_true(p->ops->rx_fd(p) >= 0);
			port_close(p);
			assert_int_equal(open_fds(), fds);
		}
		assert_clean("near0");
		assert_false(shell_ok("ip -n %s link show tap1 2>/dev/null", net.near));
	}
	port_close(NULL);
}

static void test_auto(void **state)
{
	struct port_config cfg = config("auto", "near0");
	struct port *p, *q;

	(void)state;
	port_net_veth(&net, 1500);
	p = open_ok(&cfg);
	assert_string_equal(p->ops->name, xdp_on_veth() ? "xdp" : "packet");
	/* Somebody has the better one. */
	q = open_ok(&cfg);
	assert_string_equal(q->ops->name, "packet");
	port_close(q);
	port_close(p);
	port_net_veth(&net, 9000);
	p = open_ok(&cfg);
	assert_string_equal(p->ops->name, "packet");
	port_close(p);
	assert_clean("near0");
}

/* The caller's thread stays where it was. */
static void test_namespace_of_the_caller(void **state)
{
	struct port_config cfg = config("packet", "near0");
	char before[64] = "", after[64] = "";

	(void)state;
	port_net_veth(&net, 1500);
	assert_true(readlink("/proc/thread-self/ns/net", before, sizeof before - 1) > 0);
	port_close(open_ok(&cfg));
	assert_true(readlink("/proc/thread-self/ns/net", after, sizeof after - 1) > 0);
	assert_string_equal(before, after);
}

static int open_device(void *arg)
{
	return device_open(arg, "near0", NULL, NULL);
}

static void test_device(void **state)
{
	struct device d;
	char driver[32], bus[32];

	(void)state;
	port_net_veth(&net, 1400);
	assert_int_equal(port_in_netns(net.near_path, open_device, &d, NULL), 0);
	device_driver(&d, driver, bus);
	assert_string_equal(driver, "veth");
	assert_string_equal(bus, "");
	assert_int_equal(device_mtu(&d), 1400);
	assert_int_equal(device_rx_queues(&d), 1);
	assert_true(device_feature(&d, "rx-vlan-hw-parse"));
	assert_int_equal(device_set_feature(&d, "rx-vlan-hw-parse", false), 0);
	assert_true(shell_ok("ip netns exec %s ethtool -k near0 | grep -q 'rx-vlan-offload: off'", net.near));
	assert_false(device_feature(&d, "rx-vlan-hw-parse"));
	assert_true(device_feature(&d, "rx-vlan-stag-hw-parse"));
	assert_int_equal(device_set_feature(&d, "rx-vlan-hw-parse", true), 0);
	assert_true(shell_ok("ip netns exec %s ethtool -k near0 | grep -q 'rx-vlan-offload: on'", net.near));
	assert_int_equal(device_set_feature(&d, "rx-vlan-filter", true), -EOPNOTSUPP);
	assert_false(device_feature(&d, "no-such-feature"));
	assert_int_equal(device_set_feature(&d, "no-such-feature", true), -EOPNOTSUPP);
	device_close(&d);
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

static int no_devices(void **state)
{
	(void)state;
	(void)shell_ok("for d in near0 br0 tap1 tap2; do ip -n %s link del $d 2>/dev/null; done", net.near);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_unknown_driver, no_devices),
		cmocka_unit_test_teardown(test_no_device, no_devices),
		cmocka_unit_test_teardown(test_no_namespace, no_devices),
		cmocka_unit_test_teardown(test_tap_refused, no_devices),
		cmocka_unit_test_teardown(test_tap_stays_or_goes, no_devices),
		cmocka_unit_test_teardown(test_xdp_refused, no_devices),
		cmocka_unit_test_teardown(test_xdp_napi_wishes, no_devices),
		cmocka_unit_test_teardown(test_xdp_napi_tap, no_devices),
		cmocka_unit_test_teardown(test_xdp_napi_thread, no_devices),
		cmocka_unit_test_teardown(test_xdp_napi_lost, no_devices),
		cmocka_unit_test_teardown(test_xdp_napi_beside_a_worker_that_polls, no_devices),
		cmocka_unit_test_teardown(test_xdp_napi_that_cannot_be_placed, no_devices),
		cmocka_unit_test_teardown(test_napi_place, no_devices),
		cmocka_unit_test_teardown(test_napi_setting, no_devices),
		cmocka_unit_test_teardown(test_xdp_several_queues, no_devices),
		cmocka_unit_test_teardown(test_xdp_software_devices, no_devices),
		cmocka_unit_test_teardown(test_xdp_on_tap, no_devices),
		cmocka_unit_test_teardown(test_xdp_killed, no_devices),
		cmocka_unit_test_teardown(test_close_leaves_nothing, no_devices),
		cmocka_unit_test_teardown(test_auto, no_devices),
		cmocka_unit_test_teardown(test_namespace_of_the_caller, no_devices),
		cmocka_unit_test_teardown(test_device, no_devices),
	};

	if (geteuid() != 0) {
		(void)fprintf(stderr, "network namespaces need root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("port_open", tests, net_up, net_down);
}
