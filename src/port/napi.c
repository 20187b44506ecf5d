/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads that receive for a device (napi.h). All state is in struct napi; only the control thread comes here. */
#include "port/napi.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define KEPT_NAPI     "xdp-napi" /* says only that the threads are ours */
#define MESSAGE_MAX   8192u	 /* bytes; the answer of one NAPI is less than 100 */
#define MESSAGES_MAX  (4 * NAPI_MAX)
#define KTHREADD      2
#define START_NAPS    100u
#define START_NAP_MS  1
#define SLICE_NS      100000u /* the shortest that Linux gives */

/* <linux/netdev.h>, which is younger than the kernels' headers that this is compiled with. */
#define NETDEV_FAMILY	      "netdev"
#define NETDEV_CMD_NAPI_GET   11
#define NETDEV_CMD_NAPI_SET   14
#define NETDEV_A_NAPI_IFINDEX  1
#define NETDEV_A_NAPI_ID       2
#define NETDEV_A_NAPI_PID      4
#define NETDEV_A_NAPI_THREADED 8

/* ---- netlink ---- */

struct netdev_request {
	_Alignas(struct nlmsghdr) char buf[256];
};

static struct nlmsghdr *request(struct napi *n, struct netdev_request *r, uint16_t family, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(r->buf);
	struct genlmsghdr *g;

	h->nlmsg_type = family;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++n->seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	g->cmd = command;
	g->version = 1;
	return h;
}

/* Sends it and takes in what is answered, up to the end or the acknowledgement. 0 or -errno. */
static int exchange(struct napi *n, const struct nlmsghdr *h, mnl_cb_t fn, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_MAX];
	unsigned port = mnl_socket_get_portid(n->sock);

	if (mnl_socket_sendto(n->sock, h, h->nlmsg_len) < 0)
		return -errno;
	for (unsigned i = 0; i < MESSAGES_MAX; i++) {
		ssize_t len = mnl_socket_recvfrom(n->sock, buf, sizeof buf);
		int rc;

		if (len < 0)
			return -errno;
		rc = mnl_cb_run(buf, (size_t)len, n->seq, port, fn, ctx);
		if (rc < 0)
			return -errno;
		if (rc == MNL_CB_STOP)
			return 0;
	}
	return -EOVERFLOW;
}

static int family_attr(const struct nlattr *a, void *ctx)
{
	struct napi *n = ctx;

	if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID && mnl_attr_validate(a, MNL_TYPE_U16) == 0)
		n->family = mnl_attr_get_u16(a);
	return MNL_CB_OK;
}

static int family_message(const struct nlmsghdr *h, void *ctx)
{
	return mnl_attr_parse(h, sizeof(struct genlmsghdr), family_attr, ctx);
}

static int attr_number(const struct nlattr *a)
{
	/* What the kernel calls uint has 4 bytes where that is enough. */
	return mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? (int)mnl_attr_get_u32(a) : 0;
}

static int napi_attr(const struct nlattr *a, void *ctx)
{
	struct napi_one *o = ctx;

	switch (mnl_attr_get_type(a)) {
	case NETDEV_A_NAPI_ID:
		o->id = (uint32_t)attr_number(a);
		break;
	case NETDEV_A_NAPI_PID:
		o->pid = attr_number(a);
		break;
	case NETDEV_A_NAPI_THREADED:
		o->thread = attr_number(a) != 0;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int napi_message(const struct nlmsghdr *h, void *ctx)
{
	struct napi *n = ctx;
	struct napi_one o = { .thread = -1 };
	int rc = mnl_attr_parse(h, sizeof(struct genlmsghdr), napi_attr, &o);

	if (rc > 0 && o.id && n->n < NAPI_MAX)
		n->of[n->n++] = o;
	return rc;
}

/* What NAPIs the device has now. 0 or -errno. */
static int look(struct napi *n)
{
	struct netdev_request r;
	struct nlmsghdr *h;
	int rc;

	if (!n->sock)
		return -EOPNOTSUPP;
	h = request(n, &r, n->family, NETDEV_CMD_NAPI_GET, NLM_F_DUMP);
	mnl_attr_put_u32(h, NETDEV_A_NAPI_IFINDEX, (uint32_t)n->ifindex);
	n->n = 0;
	rc = exchange(n, h, napi_message, n);
	n->thread = false;
	/* An older kernel says only who is the thread, which stays, asleep, when it is no longer wanted. */
	for (unsigned i = 0; i < n->n; i++)
		n->thread = n->thread || n->of[i].thread == 1 || (n->of[i].thread < 0 && n->of[i].pid > 0);
	return rc;
}

/* Opens the socket and asks for the first time. */
static int look_first(struct napi *n)
{
	struct netdev_request r;
	struct nlmsghdr *h;
	int rc;

	n->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!n->sock)
		return -errno;
	rc = mnl_socket_bind(n->sock, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (rc == 0) {
		h = request(n, &r, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
		mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
		rc = exchange(n, h, family_message, n);
	}
	if (rc == 0)
		rc = n->family ? look(n) : -EOPNOTSUPP;
	if (rc) {
		(void)mnl_socket_close(n->sock);
		n->sock = NULL;
	}
	return rc;
}

/* Each NAPI's own setting. 0, -EOPNOTSUPP: this kernel has none; or another -errno. */
static int set_each(struct napi *n, bool thread)
{
	int rc = n->n ? 0 : -ENOENT;

	for (unsigned i = 0; i < n->n; i++) {
		struct netdev_request r;
		struct nlmsghdr *h;
		int one;

		if (n->of[i].thread < 0)
			return -EOPNOTSUPP;
		if (n->of[i].thread == (int)thread)
			continue;
		h = request(n, &r, n->family, NETDEV_CMD_NAPI_SET, NLM_F_ACK);
		mnl_attr_put_u32(h, NETDEV_A_NAPI_ID, n->of[i].id);
		mnl_attr_put_u32(h, NETDEV_A_NAPI_THREADED, thread);
		one = exchange(n, h, NULL, NULL);
		if (one && rc == 0)
			rc = one;
	}
	return rc;
}

/* ---- sysfs ---- */

/* A sysfs shows the devices of the namespace in which it was mounted: this one is seen by nobody else. */
int napi_setting_open(const char *ifname)
{
	char path[64];
	int fs = fsopen("sysfs", FSOPEN_CLOEXEC), mount = -1, fd = -1, rc;

	(void)snprintf(path, sizeof path, "class/net/%s/threaded", ifname);
	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mount >= 0)
		fd = openat(mount, path, O_RDWR | O_CLOEXEC);
	rc = fd >= 0 ? fd : -errno;
	if (mount >= 0)
		(void)close(mount);
	if (fs >= 0)
		(void)close(fs);
	return rc;
}

/* Opens the device's setting where that is what this kernel has, here and now: at close we are in another namespace. */
static int open_setting(struct napi *n, const struct device *d)
{
	int fd;

	if (n->n == 0 || n->of[0].thread >= 0)
		return 0;
	fd = napi_setting_open(d->name);
	if (fd < 0)
		return fd;
	n->setting = fd;
	return 0;
}

static int set(struct napi *n, bool thread)
{
	if (n->setting < 0)
		return set_each(n, thread);
	return pwrite(n->setting, thread ? "1" : "0", 1, 0) == 1 ? 0 : -errno;
}

/* ---- where a thread runs ---- */

bool napi_place(const cpu_set_t *may, const struct napi_cpus *cpus, cpu_set_t *out)
{
	if (cpus->n == 0)
		return false;
	*out = *may;
	for (unsigned i = 0; i < cpus->n; i++)
		CPU_CLR(cpus->workers[i], out);
	if (CPU_COUNT(out) < 2) {
		CPU_ZERO(out);
		CPU_SET(cpus->own, out);
	}
	return true;
}

/* In another process namespace the number may be somebody else's. */
static bool is_napi_thread(int pid)
{
	char path[32], comm[8] = "";
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(comm, sizeof comm, f))
		comm[0] = '\0';
	(void)fclose(f);
	return strncmp(comm, "napi/", 5) == 0;
}

/* Did nobody choose its CPUs? It has those of kthreadd then, whose child each kernel thread is. */
static bool unplaced(const cpu_set_t *may)
{
	cpu_set_t all;

	return sched_getaffinity(KTHREADD, sizeof all, &all) == 0 && CPU_EQUAL(may, &all);
}

/* The first version of <linux/sched/types.h>'s sched_attr: older kernels' headers cannot be included beside <sched.h>. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* Run often and briefly: it goes before whoever has the CPU when frames come, the worker that looks for them or somebody else,
 * where it might wait for the end of his slice of milliseconds. Its share stays the same. Older kernels than 6.12 ignore it. */
static void shorten_slice(int pid)
{
	struct scheduling s = { .size = sizeof s };

	if (syscall(SYS_sched_getattr, pid, &s, sizeof s, 0) != 0 || s.policy != SCHED_OTHER)
		return;
	s.runtime = SLICE_NS;
	(void)syscall(SYS_sched_setattr, pid, &s, 0);
}

/* Threads of somebody else's too, unless he has placed them. Where that is not allowed the kernel's choice is not a bad one. */
static void place(const struct napi *n, const struct napi_cpus *cpus)
{
	for (unsigned i = 0; i < n->n; i++) {
		cpu_set_t may, there;

		if (n->of[i].pid > 0 && is_napi_thread(n->of[i].pid) &&
		    sched_getaffinity(n->of[i].pid, sizeof may, &may) == 0 &&
		    (n->made || unplaced(&may)) && napi_place(&may, cpus, &there)) {
			(void)sched_setaffinity(n->of[i].pid, sizeof there, &there);
			shorten_slice(n->of[i].pid);
		}
	}
}

/* ---- the port's ---- */

/* Would a thread come to the CPU of a worker that never leaves it? */
static bool in_the_way(const struct napi_cpus *cpus)
{
	cpu_set_t all, there;

	return cpus->own_polls && sched_getaffinity(KTHREADD, sizeof all, &all) == 0 && napi_place(&all, cpus, &there) &&
	       CPU_ISSET(cpus->own, &there);
}

static bool wanted(const struct device *d, enum port_napi wish, const struct napi_cpus *cpus)
{
	char driver[32], bus[32];

	if (wish != PORT_NAPI_AUTO)
		return wish == PORT_NAPI_THREAD;
	device_driver(d, driver, bus);
	return strcmp(driver, "veth") == 0 && !in_the_way(cpus);
}

/* Remembers beyond this process that the threads are ours, or no longer. */
static void remember(struct port_kept *kept, bool before, bool now)
{
	int fd;

	if (before && !now)
		port_kept_give_up(kept, KEPT_NAPI);
	if (before || !now)
		return;
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd < 0)
		return;
	port_kept_store(kept, KEPT_NAPI, fd);
	(void)close(fd);
}

/* A thread is there a moment after it was asked for. */
static int make(struct napi *n)
{
	const struct timespec nap = { .tv_nsec = START_NAP_MS * 1000000L };
	int rc = set(n, true);

	if (rc == 0)
		rc = look(n);
	for (unsigned i = 0; rc == 0 && !n->thread && i < START_NAPS; i++) {
		(void)nanosleep(&nap, NULL);
		rc = look(n);
	}
	n->made = rc == 0 && n->thread;
	return rc;
}

void napi_open(struct napi *n, const struct device *d, enum port_napi wish, const struct napi_cpus *cpus,
	       struct port_kept *kept)
{
	int rc, fd = port_kept_take(kept, KEPT_NAPI);
	bool before = fd >= 0, want = wanted(d, wish, cpus);

	if (fd >= 0)
		(void)close(fd);
	*n = (struct napi){ .setting = -1, .ifindex = d->index };
	rc = look_first(n);
	if (rc)
		n->thread = device_napi_thread(d);
	n->made = before && n->thread;
	if (rc == 0 && (n->made || (want && !n->thread)))
		rc = open_setting(n, d);
	if (rc == 0 && want && !n->thread)
		rc = make(n);
	if (want && !n->thread) {
		(void)snprintf(n->why, sizeof n->why, "%s",
			       rc == -ENOENT ? "the device has no NAPI" :
			       rc == -EOPNOTSUPP ? "this kernel cannot (Linux 6.8 is needed)" :
			       rc ? strerror(-rc) : "it did not start");
		log_info("device %s: no thread receives for it: %s", d->name, n->why);
	}
	if (!want && n->made && set(n, false) == 0) {
		n->made = false;
		(void)look(n);
	}
	if (want)
		place(n, cpus);
	remember(kept, before, n->made);
}

bool napi_lost(struct napi *n)
{
	return n->made && look(n) == 0 && !n->thread;
}

void napi_close(struct napi *n, const struct device *d, bool leave)
{
	if (n->made && !leave && set(n, false) && n->setting >= 0)
		log_info("device %s: /sys/class/net/%s/threaded stays 1: the sandbox may not write it", d->name, d->name);
	if (n->setting >= 0)
		(void)close(n->setting);
	if (n->sock)
		(void)mnl_socket_close(n->sock);
	n->sock = NULL;
	n->setting = -1;
	n->made = false;
}
