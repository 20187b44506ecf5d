/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose processor time receiving for a device takes. A device made of software has no interrupt: the kernel receives its
 * frames (its NAPI) on the CPU of whoever sends them, within his system call. A kernel thread can do it instead (threaded
 * NAPI), at the same time as the sender sends. This makes the device's NAPIs have threads, gives the threads their CPUs and
 * their time slices, and takes the threads back.
 *
 * From Linux 6.17 a thread is asked for by netlink, for each NAPI, and ends with the NAPI: on veth with our XDP program, whoever
 * ends vmqd and however. Before that there is only the device's attribute `threaded` in sysfs, which stays until it is
 * written again.
 *
 * Owned by a port; control thread. Setting needs CAP_NET_ADMIN (sysfs: CAP_SYS_ADMIN, too), asking nothing.
 */
#ifndef VMQ_PORT_NAPI_H
#define VMQ_PORT_NAPI_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "port/device.h"
#include "port/kept.h"
#include "port/netdev.h"

#define NAPI_MAX 128u /* of one device; more are left as they are */

enum port_napi {
	PORT_NAPI_AUTO,	  /* a thread where the device has no interrupt of its own (veth), a CPU is there for it, and it can be put there */
	PORT_NAPI_THREAD, /* on any device */
	PORT_NAPI_LEAVE,  /* as it is */
};

/* The workers' CPUs, and the one of the port's worker. n = 0: threads stay where the kernel puts them. */
struct napi_cpus {
	const uint16_t *workers;
	unsigned n;
	unsigned own;
	bool own_polls; /* own's worker never sleeps: a thread on its CPU has to interrupt it for each frame */
};

struct napi {
	bool thread;   /* a thread receives for the device, whoever wished it */
	bool made;     /* vmqd did, or the process before: it is taken back at close */
	char why[160]; /* a thread was wanted, or only its place cannot be had, and there is none: why; else empty */

	struct netdev netdev; /* in the device's namespace; not open: this kernel cannot be asked */
	int ifindex;
	int setting; /* the device's attribute, where that is what was set; -1: it was not */
	unsigned n;
	struct netdev_napi of[NAPI_MAX];
};

/* Sees to what `wish` says, inside the device's network namespace and with the XDP program attached (without it a veth
 * device may have no NAPI). A thread that is there already, by somebody else's wish, stays, where he has put it if he has. What cannot be had is
 * said in n->why and in the log; the port works all the same. */
void napi_open(struct napi *n, const struct device *d, enum port_napi wish, const struct napi_cpus *cpus,
	       struct port_kept *kept);
/* Before the program is detached: takes back what napi_open made, unless the port is left for a next process. What it
 * may not take back any more, in the sandbox, it leaves. */
void napi_close(struct napi *n, const struct device *d, bool leave);

/* Made here and gone since: a device that goes down may take its NAPIs along. */
bool napi_lost(struct napi *n);

/* Which of the CPUs a thread may have, `may`, it gets: those that no worker has, if they are two at least (the one who sends
 * needs one, too), else that of the port's worker, which lets it go first in a stream. False:
 * leave it (n is 0). */
bool napi_place(const cpu_set_t *may, const struct napi_cpus *cpus, cpu_set_t *out);

/* The device's attribute `threaded`, as a descriptor to read and write, of the calling thread's network namespace and
 * whatever is mounted where. -errno: there is none, or it may not be opened. */
int napi_setting_open(const char *ifname);

#endif
