/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends a burst of frames on a device made of software with one system call, in which the far end receives all of them in one
 * go. By AF_XDP or a packet socket each frame is received in a softirq of its own, within the sender's call, which on veth is
 * a quarter of all work and more.
 *
 * How: a BPF program at the device's egress (tcx, Linux 6.6) waits for what our packet socket sends, which is one frame
 * without meaning a call. Of it, the program makes one frame after the other from memory that it shares with us, sends a copy of
 * each, and drops it. All of that happens while softirqs are off on this CPU. A single frame is sent by the socket as it is.
 *
 * The frames pass other programs and tc filters at the egress, and the queueing discipline; tcpdump on the device sees them.
 * Netfilter's egress hook, which comes first, sees single frames only; if it drops what calls the program, bursts cannot be
 * sent this way.
 *
 * Made by the control thread, inside the device's network namespace; used by the port's worker. Program, socket and memory end
 * with their descriptors, so also when vmqd dies.
 */
#ifndef VMQ_PORT_TC_SEND_H
#define VMQ_PORT_TC_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/count.h"
#include "port/device.h"
#include "port/port.h"

struct tc_send {
	int link_fd;	/* holds the program at the device; -1: not open */
	int socket_fd;
	int ifindex;
	uint32_t frame_max; /* bytes of the longest frame */
	struct tc_area *area; /* shared with the program */
	size_t size;
	bool gone; /* the program is not called any more. Written by the worker, read by any thread */
};

/*
 * Frames of up to `frame_max` bytes, at most 4,096. 0; -EOPNOTSUPP: this kernel cannot (before 6.6); or another -errno; with the
 * sentence in `err`, and then there is nothing to close.
 */
int tc_send_open(struct tc_send *t, const struct device *d, uint32_t frame_max, struct vmq_err *err);
/* *t may be all of tc_send_open's failure. From any namespace. */
void tc_send_close(struct tc_send *t);

/*
 * Sends up to n (≤ PORT_BURST) frames, in order, and returns how many it took: as port_ops.tx_burst does. Frames of one EtherType
 * go together. After less than n the device's queue is full, unless tc_send_works says no: then what was not taken is to be sent
 * otherwise.
 */
unsigned tc_send_burst(struct tc_send *t, const struct port_tx_frame *f, unsigned n, struct port_counts *counts);

/* Open, and the program was called for the last burst. Any thread. */
bool tc_send_works(const struct tc_send *t);

#endif
