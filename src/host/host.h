/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says about the host, read from its text files: /sys, /proc and the cgroup tree. Every function takes
 * the directory below which those trees lie ("" is the host itself), so that another host, or one that does not exist,
 * can be read as well. Reads only, keeps nothing, needs no privilege: what may not be read is as good as not there.
 *
 * Thread: any. Never from a worker, and not from a daemon in its sandbox, which may open nothing.
 */
#ifndef VMQ_HOST_HOST_H
#define VMQ_HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOST_MAX_CPUS  1024u
#define HOST_MAX_NODES 64u

/* ---- files (file.c) ---- */

/* The beginning of a file, as text that ends with a NUL and without the last newline. Its length, or -errno. */
int host_read(char *out, size_t size, const char *root, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* All of a file (at most 16 MiB); free() it. NULL: not readable. */
char *host_read_all(const char *root, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A whole number at the beginning of a file; `otherwise` when there is none. */
long long host_number(long long otherwise, const char *root, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The last part of where a symbolic link leads. 0 or -errno. */
int host_link(char *out, size_t size, const char *root, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* ---- sets of CPUs (cpus.c) ---- */

struct host_cpus {
	uint64_t bits[HOST_MAX_CPUS / 64];
};

static inline bool host_cpus_has(const struct host_cpus *s, unsigned cpu)
{
	return cpu < HOST_MAX_CPUS && (s->bits[cpu / 64] >> cpu % 64 & 1);
}
static inline void host_cpus_add(struct host_cpus *s, unsigned cpu)
{
	if (cpu < HOST_MAX_CPUS)
		s->bits[cpu / 64] |= UINT64_C(1) << cpu % 64;
}
unsigned host_cpus_count(const struct host_cpus *s);
/* The kernel's notation, "0-3,8"; empty text is the empty set. False, and nothing written, when it is something else.
 */
bool host_cpus_parse(const char *text, struct host_cpus *out);
/* The same notation; cut where `size` ends. */
void host_cpus_format(const struct host_cpus *s, char *out, size_t size);

/* ---- processors, memory nodes, limits (topology.c) ---- */

struct host_cpu {
	bool present, online;
	bool isolated;  /* isolcpus: the scheduler puts nothing there by itself */
	bool nohz_full; /* no timer tick while one task runs */
	uint16_t core;  /* the lowest CPU of its core: the same with hyper-thread siblings */
	uint16_t node;  /* memory node */
};

struct host_topology {
	unsigned ncpus; /* numbers are below it */
	struct host_cpu cpu[HOST_MAX_CPUS];
	unsigned nnodes;
	uint8_t distance[HOST_MAX_NODES][HOST_MAX_NODES]; /* as the firmware says; 10: the same node */
	unsigned quota_pct; /* what the process's cgroup may use of all CPUs together, percent of one; 0: no limit */
	bool allowed_known;
	struct host_cpus allowed; /* where the process may run */
};

/* `pid`: the process whose limits count; 0: this one. What cannot be read is left at: one node, no limit. */
void host_topology_read(const char *root, pid_t pid, struct host_topology *out);
/* Where a process or thread may run; `proc` is its directory in /proc: "self", "17", "17/task/18". False: not known. */
bool host_allowed(const char *root, const char *proc, struct host_cpus *out);
bool host_online(const struct host_topology *t, unsigned cpu);
/* Of two nodes; 10 when one is not known (-1). */
unsigned host_distance(const struct host_topology *t, int a, int b);

/* The memory node of a network device; -1: it has none. */
int host_device_node(const char *root, const char *device);

/* ---- how CPUs sleep (idle.c) ---- */

/* Below `root`; "n/a" in it lets the CPU not sleep at all, a number of µs in states that it is back from so soon, 0 in all. */
#define HOST_RESUME_LATENCY "sys/devices/system/cpu/cpu%u/power/pm_qos_resume_latency_us"

struct host_idle {
	char driver[32], governor[32]; /* who puts the CPUs to sleep; empty: nobody who could be asked */
	bool guest; /* this is a virtual machine: who sleeps leaves it */
};

void host_idle_read(const char *root, struct host_idle *out);
/* How long the CPU takes to be back from the first state that is not polling, in µs; -1: not known. */
int host_idle_first_us(const char *root, unsigned cpu);

/* ---- who runs where (threads.c) ---- */

struct host_thread {
	pid_t pid, tid;
	unsigned cpu;		  /* where it ran last */
	unsigned long long ticks; /* of sysconf(_SC_CLK_TCK): the time it has had so far */
};

struct host_threads {
	struct host_thread *list; /* free() it, also after a failure */
	size_t n;
};

/* All threads but the kernel's that ran on one of these CPUs last, those of a process one after the other. 0 or -errno. */
int host_threads_read(const char *root, const struct host_cpus *cpus, struct host_threads *out);
/* The thread with these numbers, NULL: it is not there. */
const struct host_thread *host_thread_find(const struct host_threads *t, const struct host_thread *like);

/* ---- a VM's process (guest.c) ---- */

#define HOST_MAX_VCPUS 256u

struct host_guest {
	unsigned nvcpus;
	struct {
		unsigned vcpu;
		struct host_cpus cpus; /* where its thread may run */
	} vcpu[HOST_MAX_VCPUS];
	int node; /* where most of its memory lies; -1: not known, or on several */
};

/* The threads QEMU calls "CPU n/…" (libvirt always lets it; by hand: -name …,debug-threads=on), and where they may
 * run. -errno: no such process, or not readable. */
int host_guest_read(const char *root, pid_t pid, struct host_guest *out);

#define HOST_MAC_SIZE 18

/* The address that QEMU's command line gives the network device whose socket this is, as text. 0; -ENOENT: it gives none; -errno. */
int host_guest_mac(const char *root, pid_t pid, const char *socket, char mac[HOST_MAC_SIZE]);

#endif
