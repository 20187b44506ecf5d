/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A Linux network device as the drivers tap, xdp and packet need it: found by name, asked and set through one socket
 * of its network namespace (so that questions can be asked later from any thread). Owned by a port; control thread.
 */
#ifndef VMQ_PORT_DEVICE_H
#define VMQ_PORT_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct device {
	int ctl; /* a socket in the device's network namespace, for ioctl; -1: not open */
	int index;	     /* which device it is, as long as it is there */
	char name[IFNAMSIZ]; /* by which it was opened; it may have another one since */
};

/* Finds the Ethernet device `name` in the calling thread's network namespace, which `netns` names for the sentences
 * (NULL: vmqd's own). 0; -ENODEV: there is none; -EINVAL: no name, or no Ethernet device; or another -errno; always
 * with the sentence in `err`, and then there is nothing to close. */
int device_open(struct device *d, const char *name, const char *netns, struct vmq_err *err);
void device_close(struct device *d);

/* Gone means: deleted, or moved to another network namespace, also when another device has its name now. */

/* The MTU in bytes, without the Ethernet header; 0 when the device is gone. */
unsigned device_mtu(const struct device *d);
/* 0 or -errno; what the device's driver allows. */
int device_set_mtu(const struct device *d, unsigned mtu);
/* Sets the device administratively up. 0 or -errno. */
int device_set_up(const struct device *d);
/* Up and with carrier; false when the device is gone. */
bool device_link_up(const struct device *d);
/* MAC address and MTU; false when the device is gone. */
bool device_address(const struct device *d, uint8_t mac[6], unsigned *mtu);

/* The driver's name ("veth", "ixgbe") and where the device sits ("0000:03:00.0"; empty or "N/A" for a device that is
 * made of software); both empty when the device does not say. */
void device_driver(const struct device *d, char driver[32], char bus[32]);
/* How many receive queues frames are spread over; 1 when the device does not say. */
unsigned device_rx_queues(const struct device *d);

/* Does a kernel thread of its own receive for the device (threaded NAPI)? A thread of a device of the same name in another
 * network namespace counts, too; one outside our process namespace does not. */
bool device_napi_thread(const struct device *d);

/* Is the offload `feature`, by the kernel's name ("rx-vlan-hw-parse"), on? false also when it does not exist. */
bool device_feature(const struct device *d, const char *feature);
/* Turns an offload on or off. 0; -EOPNOTSUPP: it is fixed; or another -errno. */
int device_set_feature(const struct device *d, const char *feature, bool on);

#endif
