/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The far end of a switch's physical port: a Linux network device, by AF_PACKET. Sends bursts with one system call each
 * and past the queueing discipline; receives by the device's own counter, because taking the frames out would cost this
 * core more than sending does. The device is in the network namespace that the program was started in.
 */
#include "vugen.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void wire_open(struct port *p)
{
	const int on = 1;
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(p->front.path) };

	if (!a.sll_ifindex)
		die("there is no device", p->front.path);
	p->front.sock =
	    socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* protocol 0: nothing is received */
	if (p->front.sock < 0 || bind(p->front.sock, (struct sockaddr *)&a, sizeof a) < 0)
		die("can't open", p->front.path);
	if (setsockopt(p->front.sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0)
		die("can't bypass the queueing discipline of", p->front.path);
	p->front.q[TX].bufs = calloc(1, ring_buffers_size());
	if (!p->front.q[TX].bufs)
		die("no memory for", p->front.path);
}

unsigned wire_burst(struct port *p, unsigned max)
{
	struct mmsghdr m[MAX_BURST];
	struct iovec iov[MAX_BURST];
	uint8_t *frame[MAX_BURST];
	int sent;

	if (max > opt.ring)
		max = opt.ring;
	for (unsigned i = 0; i < max; i++) {
		frame[i] = ring_buffer(&p->front.q[TX], i) + HDR_LEN;
		iov[i] = (struct iovec){ frame[i], opt.size };
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	frames_write(p, frame, max, opt.latency ? cycles() : 0);
	sent = sendmmsg(p->front.sock, m, max, 0);
	if (sent < 0) {
		if (errno != EAGAIN && errno != ENOBUFS)
			die("can't send at", p->front.path);
		return 0;
	}
	p->tx += (unsigned)sent;
	return (unsigned)sent;
}

void wire_announce(const struct port *p)
{
	uint8_t f[MIN_FRAME];

	frame_broadcast(p, f);
	if (send(p->front.sock, f, sizeof f, 0) < 0)
		die("can't send at", p->front.path);
}

void wire_count(struct port *p)
{
	char line[512];
	FILE *f = fopen("/proc/self/net/dev", "re");

	if (!f)
		die("can't read the counters of", p->front.path);
	while (fgets(line, sizeof line, f)) {
		unsigned long bytes, frames;
		char name[IF_NAMESIZE + 1];

		if (sscanf(line, " %16[^:]: %lu %lu", name, &bytes, &frames) == 3 && strcmp(name, p->front.path) == 0) {
			p->rx = frames;
			p->rx_bytes = bytes;
		}
	}
	(void)fclose(f);
}
