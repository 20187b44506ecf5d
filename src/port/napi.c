/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads that receive for a device (napi.h). All state is in struct napi; only the control thread comes here. */
#include "port/napi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define KEPT_NAPI     "xdp-napi" /* says only that the threads are ours */
#define KTHREADD      2
#define START_NAPS    100u
#define START_NAP_MS  1
#define SLICE_NS      100000u /* the shortest that Linux gives */

/* What NAPIs the device has now. 0 or -errno. */
static int look(struct napi *n)
{
	int got = netdev_napis(&n->netdev, n->ifindex, n->of, NAPI_MAX);

	n->n = got > 0 ? (unsigned)got : 0;
	n->thread = false;
	/* An older kernel says only who is the thread, which stays, asleep, when it is no longer wanted. */
	for (unsigned i = 0; i < n->n; i++)
		n->thread = n->thread || n->of[i].thread == 1 || (n->of[i].thread < 0 && n->of[i].pid > 0);
	return got < 0 ? got : 0;
}

/* Asks for the first time. */
static int look_first(struct napi *n)
{
	int rc = netdev_open(&n->netdev);

	if (rc == 0)
		rc = look(n);
	if (rc)
		netdev_close(&n->netdev);
	return rc;
}

/* Each NAPI's own setting. 0, -EOPNOTSUPP: this kernel has none; or another -errno. */
static int set_each(struct napi *n, bool thread)
{
	int rc = n->n ? 0 : -ENOENT;

	for (unsigned i = 0; i < n->n; i++) {
		int one;

		if (n->of[i].thread < 0)
			return -EOPNOTSUPP;
		if (n->of[i].thread == (int)thread)
			continue;
		one = netdev_set_thread(&n->netdev, n->of[i].id, thread);
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
	netdev_close(&n->netdev);
	n->setting = -1;
	n->made = false;
}
