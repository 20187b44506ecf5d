/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads that receive for a device (napi.h). All state is in struct napi; only the control thread comes here. */
#include "port/napi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define KEPT_NAPI     "xdp-napi" /* says only that the threads are ours */
#define KTHREADD      2
#define FIRST_PIDS    0xEFFFFFFCu /* the inode of the process namespace that the kernel began with, on every Linux */
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

/* Do numbers of processes mean to us what they mean to the kernel? Its threads, kthreadd among them, are in the process namespace
 * that it began with, and have numbers there. From another none of them can be named, whatever netlink tells (0, or the number there)
 * and whatever /proc shows, which may be of any namespace. */
static bool kernel_threads_seen(void)
{
	struct stat s;

	return stat("/proc/self/ns/pid", &s) == 0 && s.st_ino == FIRST_PIDS;
}

/* It may have ended meanwhile, and its number be somebody else's. */
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

/* Somebody else's, too, unless he has placed it. 0, or why it runs where the kernel puts it: -errno. */
static int place_one(const struct napi *n, int pid, const struct napi_cpus *cpus)
{
	cpu_set_t may, there;
	int rc;

	if (pid <= 0 || !is_napi_thread(pid))
		return -ESRCH;
	if (sched_getaffinity(pid, sizeof may, &may) != 0)
		return -errno;
	if (!n->made && !unplaced(&may))
		return 0;
	if (!napi_place(&may, cpus, &there))
		return 0;
	rc = sched_setaffinity(pid, sizeof there, &there) == 0 ? 0 : -errno;
	shorten_slice(pid);
	return rc;
}

/* All the device's threads; the first failure. */
static int place(const struct napi *n, const struct napi_cpus *cpus)
{
	int rc = 0;

	if (!kernel_threads_seen())
		return -ESRCH;
	for (unsigned i = 0; i < n->n; i++) {
		int one = n->of[i].pid > 0 || n->of[i].thread == 1 ? place_one(n, n->of[i].pid, cpus) : 0;

		rc = rc ? rc : one;
	}
	return rc;
}

/* ---- the port's ---- */

/* Must a thread be kept from the CPU of a worker that never leaves it? Who wishes one there gets it. */
static bool has_to_be_placed(enum port_napi wish, const struct napi_cpus *cpus)
{
	return wish == PORT_NAPI_AUTO && cpus->n && cpus->own_polls;
}

/* Would it come there by napi_place? */
static bool in_the_way(const struct napi_cpus *cpus)
{
	cpu_set_t all, there;

	return sched_getaffinity(KTHREADD, sizeof all, &all) == 0 && napi_place(&all, cpus, &there) && CPU_ISSET(cpus->own, &there);
}

/* The sentence of a thread that is not made, or taken back, since it might come to the polling worker's CPU. */
static void say_unplaced(struct napi *n, int rc)
{
	(void)snprintf(n->why, sizeof n->why, "it cannot be kept from the CPU of the worker, whose policy is poll: %s",
		       kernel_threads_seen() ? strerror(-rc) : "kernel threads are not seen from this process namespace");
}

static bool wanted(struct napi *n, const struct device *d, enum port_napi wish, const struct napi_cpus *cpus)
{
	char driver[32], bus[32];

	if (wish != PORT_NAPI_AUTO)
		return wish == PORT_NAPI_THREAD;
	device_driver(d, driver, bus);
	if (strcmp(driver, "veth") != 0)
		return false;
	if (!has_to_be_placed(wish, cpus))
		return true;
	if (kernel_threads_seen())
		return !in_the_way(cpus);
	say_unplaced(n, -ESRCH);
	return false;
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

/* A thread is there a moment after it was asked for. All of the device's NAPIs, or none. */
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
	if (n->made || rc == -EOPNOTSUPP)
		return rc;
	(void)look(n);
	(void)set(n, false);
	(void)look(n);
	n->thread = n->thread && n->setting < 0; /* an older kernel's stays, asleep */
	return rc;
}

void napi_open(struct napi *n, const struct device *d, enum port_napi wish, const struct napi_cpus *cpus,
	       struct port_kept *kept)
{
	int rc, fd = port_kept_take(kept, KEPT_NAPI);
	bool before = fd >= 0, want;

	if (fd >= 0)
		(void)close(fd);
	*n = (struct napi){ .setting = -1, .ifindex = d->index };
	want = wanted(n, d, wish, cpus);
	rc = look_first(n);
	if (rc)
		n->thread = device_napi_thread(d);
	n->made = before && n->thread;
	if (rc == 0 && (n->made || (want && !n->thread)))
		rc = open_setting(n, d);
	if (rc == 0 && want && !n->thread)
		rc = make(n);
	if (want && !n->thread)
		(void)snprintf(n->why, sizeof n->why, "%s",
			       rc == -ENOENT ? "the device has no NAPI" :
			       rc == -EOPNOTSUPP ? "this kernel cannot (Linux 6.8 is needed)" :
			       rc ? strerror(-rc) : "it did not start");
	if (want && n->thread) {
		rc = place(n, cpus);
		want = rc == 0 || !n->made || !has_to_be_placed(wish, cpus);
		if (!want)
			say_unplaced(n, rc);
	}
	if (!want && n->made && set(n, false) == 0) {
		n->made = false;
		(void)look(n);
		n->thread = n->thread && n->setting < 0; /* an older kernel's stays, asleep */
	}
	if (n->thread)
		n->why[0] = '\0';
	if (n->why[0])
		log_info("device %s: no thread receives for it: %s", d->name, n->why);
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
