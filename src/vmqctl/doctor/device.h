/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says about one network device, in whichever network namespace it is. Below --topology DIR: from the
 * file DIR/net/DEVICE, with a `name value` a line. Reads only; the process is back in its own namespace afterwards.
 */
#ifndef VMQ_VMQCTL_DOCTOR_DEVICE_H
#define VMQ_VMQCTL_DOCTOR_DEVICE_H

#include <stdbool.h>
#include <sys/types.h>

/* What is not known is as one would wish it: drivers differ in what they tell. */
struct device {
	char driver[32]; /* empty: not known */
	unsigned mtu;	 /* 0: not known */
	unsigned rx_queues; /* 0: not known */
	bool up;	 /* set up, whatever its carrier */
	bool gro, lro, rx_vlan;
	bool address; /* an IPv4 address, or an IPv6 one beyond the link's own */
};

/* `netns`: path of its namespace; NULL or empty: that of process `pid` (0: ours). 0, or -errno: not looked at. */
int device_look(const char *root, const char *netns, pid_t pid, const char *name, struct device *out);

#endif
