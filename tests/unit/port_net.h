/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network for the port tests: two namespaces of this process's own (vmqt-port-<pid> and …-far) and, if asked for, a
 * veth pair near0–far0 between them. The port under test opens a device in the near one; `struct far` plays whoever is
 * at the device's other end. All is gone after port_net_down.
 */
#ifndef VMQ_TEST_PORT_NET_H
#define VMQ_TEST_PORT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/port.h"

struct port_net {
	char near[48], far[48];		  /* names */
	char near_path[64], far_path[64]; /* of the namespaces' files */
};

/* Needs root. Removes what an earlier user of this process's names left. */
void port_net_up(struct port_net *net);
void port_net_down(struct port_net *net);
/* Makes (or makes anew) near0 and far0, both up, with this MTU, without IPv6 and without checksum offload. */
void port_net_veth(struct port_net *net, unsigned mtu);
/* The same with so many receive and transmit queues at both ends. */
void port_net_veth_queues(struct port_net *net, unsigned mtu, unsigned queues);
/* Runs a shell command and fails the test when it fails. */
void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Does the command succeed? */
bool shell_ok(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Runs it in the near namespace, with a sysfs that shows it. */
bool near_ok(const struct port_net *net, const char *command);
/* Does a thread receive for near0 (as far as this kernel tells)? Its pid; INT_MAX: it has none in this process namespace; or 0. */
int near_thread(const struct port_net *net);
/* Takes this process's programs off the egress of their devices. Returns how many there were. */
unsigned egress_detach(void);
/* How many descriptors this process has open. */
unsigned open_fds(void);

/* A raw socket on a device: the far end. */
struct far {
	int fd;
	int ifindex;
	char dev[IFNAMSIZ];
	const char *netns;
};

void far_open(struct far *f, const char *netns, const char *dev);
void far_close(struct far *f);
void far_send(const struct far *f, const void *frame, size_t len);
/* The next test frame that arrives, its outer tag in the bytes whatever way it came; 0 when there is none for 5 s. */
size_t far_recv(const struct far *f, uint8_t *buf, size_t size);
/* From now on each frame that is sent on the device gets this tag beside its bytes, as a VLAN device on top of it would
 * do. Ends with the device or far_untag. */
void far_tag(const struct far *f, uint16_t tpid, uint16_t tci);
void far_untag(const struct far *f);
/* From now on frames of this EtherType that are sent on the device are dropped at its egress. Ends with the device or far_untag. */
void far_drop(const struct far *f, uint16_t type);

/* Fills a test frame: destination 02:76:6d:71:<seq>, the type (network order follows from it), a pattern of seq. */
void make_frame(uint8_t *buf, size_t len, uint16_t seq, uint16_t type);
bool is_test_frame(const uint8_t *frame, size_t len);
uint16_t frame_seq(const uint8_t *frame);

/* Waits until the port has test frames (up to 5 s) and takes up to n; others are released. Returns how many. */
unsigned port_recv(struct port *p, struct port_frame *f, unsigned n);
/* The frame's bytes with its outer tag, wherever it was; returns the length. */
size_t frame_bytes(const struct port_frame *f, uint8_t *buf);
/* Sends one frame in three pieces and flushes. Returns how many tx_burst took. */
unsigned port_send(struct port *p, const uint8_t *frame, size_t len);

#endif
