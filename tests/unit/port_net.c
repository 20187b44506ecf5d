/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_net.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "port/bpf_insn.h"
#include "port/netns.h"

#define WAIT_MS 5000

static int vshell(const char *fmt, va_list ap)
{
	char cmd[1024];
	int n = vsnprintf(cmd, sizeof cmd, fmt, ap);

	assert_in_range(n, 1, sizeof cmd - 1);
	return system(cmd);
}

void shell(const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vshell(fmt, ap);
	va_end(ap);
	if (rc)
		fail_msg("failed: %s", fmt);
}

bool shell_ok(const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vshell(fmt, ap);
	va_end(ap);
	return rc == 0;
}

bool near_ok(const struct port_net *net, const char *command)
{
	return shell_ok("ip netns exec %s sh -c '%s'", net->near, command);
}

static int thread_of_near0(void *arg)
{
	const struct napi_cpus none = { .n = 0 };
	struct port_kept kept = { .keep = NULL };
	struct vmq_err err = { "" };
	struct device d;
	struct napi n;
	int *pid = arg;

	*pid = 0;
	if (device_open(&d, "near0", NULL, &err) != 0)
		return 0;
	napi_open(&n, &d, PORT_NAPI_LEAVE, &none, &kept);
	for (unsigned i = 0; i < n.n; i++)
		if (n.of[i].thread != 0)
			*pid = n.of[i].thread < 0 ? -n.of[i].pid : n.of[i].pid ? n.of[i].pid : INT_MAX;
	napi_close(&n, &d, true);
	device_close(&d);
	return 0;
}

int near_thread(const struct port_net *net)
{
	int pid = 0;

	(void)port_in_netns(net->near_path, thread_of_near0, &pid, NULL);
	/* Before Linux 6.17 a thread that is not wanted any more may be there, and the device's setting tells. */
	if (pid < 0)
		pid = near_ok(net, "grep -qx 1 /sys/class/net/near0/threaded") ? -pid : 0;
	return pid;
}

unsigned egress_detach(void)
{
	unsigned n = 0;

	for (int fd = 3; fd < 1024; fd++)
		if (shell_ok("grep -q -s 'link_type:.tcx' /proc/%d/fdinfo/%d", (int)getpid(), fd)) {
			assert_int_equal(bpf_link_detach(fd), 0);
			n++;
		}
	return n;
}

unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

void port_net_up(struct port_net *net)
{
	(void)snprintf(net->near, sizeof net->near, "vmqt-port-%d", getpid());
	(void)snprintf(net->far, sizeof net->far, "vmqt-port-%d-far", getpid());
	(void)snprintf(net->near_path, sizeof net->near_path, "/run/netns/%s", net->near);
	(void)snprintf(net->far_path, sizeof net->far_path, "/run/netns/%s", net->far);
	port_net_down(net);
	shell("ip netns add %s && ip netns add %s", net->near, net->far);
	/* Devices of a test say nothing of their own accord. */
	shell("for ns in %s %s; do ip netns exec $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 "
	      "net.ipv6.conf.default.disable_ipv6=1 || exit 1; done",
	      net->near, net->far);
}

void port_net_down(struct port_net *net)
{
	(void)shell_ok("ip netns del %s 2>/dev/null; ip netns del %s 2>/dev/null", net->near, net->far);
}

void port_net_veth(struct port_net *net, unsigned mtu)
{
	port_net_veth_queues(net, mtu, 1);
}

void port_net_veth_queues(struct port_net *net, unsigned mtu, unsigned queues)
{
	(void)shell_ok("ip -n %s link del near0 2>/dev/null", net->near);
	shell("ip -n %s link add near0 mtu %u numrxqueues %u numtxqueues %u type veth peer name far0 mtu %u numrxqueues %u "
	      "numtxqueues %u netns %s",
	      net->near, mtu, queues, queues, mtu, queues, queues, net->far);
	shell(
	    "ip netns exec %s ethtool -K near0 tx off >/dev/null && ip netns exec %s ethtool -K far0 tx off >/dev/null",
	    net->near, net->far);
	shell("ip -n %s link set near0 up && ip -n %s link set far0 up", net->near, net->far);
}

static int far_socket(void *arg)
{
	struct far *f = arg;
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq promisc = { .mr_type = PACKET_MR_PROMISC };
	int one = 1, bytes = 32 << 20;

	f->ifindex = (int)if_nametoindex(f->dev);
	f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (f->ifindex == 0 || f->fd < 0)
		return -ENODEV;
	addr.sll_ifindex = promisc.mr_ifindex = f->ifindex;
	if (setsockopt(f->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) ||
	    setsockopt(f->fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) ||
	    setsockopt(f->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) ||
	    bind(f->fd, (struct sockaddr *)&addr, sizeof addr) ||
	    setsockopt(f->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof promisc))
		return -errno;
	return 0;
}

void far_open(struct far *f, const char *netns, const char *dev)
{
	*f = (struct far){ .fd = -1, .netns = netns };
	(void)snprintf(f->dev, sizeof f->dev, "%s", dev);
	assert_int_equal(port_in_netns(netns, far_socket, f, NULL), 0);
}

void far_close(struct far *f)
{
	close(f->fd);
}

void far_send(const struct far *f, const void *frame, size_t len)
{
	assert_int_equal(send(f->fd, frame, len, 0), len);
}

/* One frame, with its outer tag in the bytes; 0: none for WAIT_MS. */
static size_t recv_any(const struct far *f, uint8_t *buf, size_t size)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = size - 4 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	struct pollfd pfd = { .fd = f->fd, .events = POLLIN };
	ssize_t len;

	if (poll(&pfd, 1, WAIT_MS) != 1)
		return 0;
	len = recvmsg(f->fd, &msg, 0);
	assert_in_range(len, 1, size - 4);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct tpacket_auxdata aux;
		uint16_t tag[2];

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof aux);
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
			continue;
		tag[0] = htons(aux.tp_vlan_tpid);
		tag[1] = htons(aux.tp_vlan_tci);
		memmove(buf + 16, buf + 12, (size_t)len - 12);
		memcpy(buf + 12, tag, 4);
		len += 4;
	}
	return (size_t)len;
}

size_t far_recv(const struct far *f, uint8_t *buf, size_t size)
{
	size_t len;

	do
		len = recv_any(f, buf, size);
	while (len > 0 && !is_test_frame(buf, len));
	return len;
}

/* A program for the egress of a device. */
struct egress_job {
	int ifindex;
	const struct bpf_insn *insns;
	size_t n;
};

static int egress_attach(void *arg)
{
	const struct egress_job *j = arg;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = j->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	int rc = bpf_tc_hook_create(&hook);

	if (rc)
		return rc;
	opts.prog_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "egress", "GPL", j->insns, j->n, NULL);
	if (opts.prog_fd < 0)
		return opts.prog_fd;
	rc = bpf_tc_attach(&hook, &opts);
	close(opts.prog_fd);
	return rc;
}

void far_tag(const struct far *f, uint16_t tpid, uint16_t tci)
{
	/* bpf_skb_vlan_push(skb, tpid, tci); return TC_ACT_OK; the context is in register 1 already */
	const struct bpf_insn prog[] = {
		MOV_IMM(R2, htons(tpid)), MOV_IMM(R3, tci), CALL(BPF_FUNC_skb_vlan_push), MOV_IMM(R0, 0), EXIT(),
	};
	struct egress_job job = { f->ifindex, prog, sizeof prog / sizeof prog[0] };

	assert_int_equal(port_in_netns(f->netns, egress_attach, &job, NULL), 0);
}

void far_drop(const struct far *f, uint16_t type)
{
	/* return skb->protocol == htons(type) ? TC_ACT_SHOT : TC_ACT_OK */
	const struct bpf_insn prog[] = {
		LOAD(BPF_W, R2, R1, (short)offsetof(struct __sk_buff, protocol)),
		MOV_IMM(R3, htons(type)), MOV_IMM(R0, 0), JUMP_NE(R2, R3, 1), MOV_IMM(R0, 2), EXIT(),
	};
	struct egress_job job = { f->ifindex, prog, sizeof prog / sizeof prog[0] };

	assert_int_equal(port_in_netns(f->netns, egress_attach, &job, NULL), 0);
}

static int tag_detach(void *arg)
{
	const struct far *f = arg;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = f->ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	return bpf_tc_hook_destroy(&hook);
}

void far_untag(const struct far *f)
{
	assert_int_equal(port_in_netns(f->netns, tag_detach, (void *)f, NULL), 0);
}

void make_frame(uint8_t *buf, size_t len, uint16_t seq, uint16_t type)
{
	const uint8_t head[] = { 2, 0x76, 0x6d, 0x71, (uint8_t)(seq >> 8),  (uint8_t)seq, 2, 0,
				 0, 0,	  0,	1,    (uint8_t)(type >> 8), (uint8_t)type };

	memcpy(buf, head, sizeof head);
	for (size_t i = sizeof head; i < len; i++)
		buf[i] = (uint8_t)(i * 7 + seq * 13 + (i >> 8));
}

bool is_test_frame(const uint8_t *frame, size_t len)
{
	return len >= 14 && memcmp(frame, "\2\x76\x6d\x71", 4) == 0;
}

uint16_t frame_seq(const uint8_t *frame)
{
	return (uint16_t)(frame[4] << 8 | frame[5]);
}

unsigned port_recv(struct port *p, struct port_frame *f, unsigned n)
{
	struct pollfd pfd = { .fd = p->ops->rx_fd(p), .events = POLLIN };
	struct timespec t;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec + WAIT_MS / 1000;
	do {
		unsigned got, keep = 0;

		if (poll(&pfd, 1, WAIT_MS) != 1)
			return 0;
		got = p->ops->rx_burst(p, f, n);
		for (unsigned i = 0; i < got; i++)
			if (is_test_frame(f[i].data, f[i].len))
				f[keep++] = f[i];
			else
				p->ops->rx_release(p, &f[i], 1);
		if (keep)
			return keep;
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (t.tv_sec <= end);
	return 0;
}

size_t frame_bytes(const struct port_frame *f, uint8_t *buf)
{
	uint16_t tag[2] = { htons(ETH_P_8021Q), htons(f->vlan_tci) };

	if (!(f->flags & PORT_FRAME_VLAN)) {
		memcpy(buf, f->data, f->len);
		return f->len;
	}
	memcpy(buf, f->data, 12);
	memcpy(buf + 12, tag, 4);
	memcpy(buf + 16, f->data + 12, f->len - 12);
	return f->len + 4;
}

unsigned port_send(struct port *p, const uint8_t *frame, size_t len)
{
	/* Pieces that end inside the header, and one of one byte. */
	struct iovec iov[] = {
		{ .iov_base = NULL }, /* the driver's */
		{ .iov_base = (void *)frame, .iov_len = 13 },
		{ .iov_base = (void *)(frame + 13), .iov_len = 1 },
		{ .iov_base = (void *)(frame + 14), .iov_len = len - 14 },
	};
	struct port_tx_frame tx = { .iov = iov, .iovcnt = 3, .len = (uint32_t)len };
	unsigned taken = p->ops->tx_burst(p, &tx, 1);

	p->ops->tx_flush(p);
	return taken;
}
