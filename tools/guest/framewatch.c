/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts, inside a test guest, every frame each network device hands to its kernel, by whom the frame is for:
 * the device's own address, a group, or somebody else (which a switch must never let happen). Frames that still carry a
 * VLAN tag are counted as well, and the last stray one is kept. One thread; the counts are rewritten to the file given
 * as the only argument, a line a device and one "lost N", at most ten times a second while something changes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_IF 16

struct count {
	char name[IFNAMSIZ];
	unsigned char mac[6];
	unsigned long own, group, stray, tagged;
	unsigned char last[32]; /* beginning of the last stray frame */
};

static struct count counts[MAX_IF]; /* by interface index */
static unsigned long lost;          /* frames the counter itself was too slow for */

static void account(int fd, const struct sockaddr_ll *from, const unsigned char *f, struct msghdr *m)
{
	static const unsigned char zero[6];

	if (from->sll_ifindex <= 0 || from->sll_ifindex >= MAX_IF || from->sll_pkttype == PACKET_OUTGOING)
		return;
	struct count *c = &counts[from->sll_ifindex];
	if (!memcmp(c->mac, zero, 6)) {
		struct ifreq r = {0};
		if (!if_indextoname((unsigned)from->sll_ifindex, c->name) || !strcmp(c->name, "lo"))
			return;
		strcpy(r.ifr_name, c->name);
		if (ioctl(fd, SIOCGIFHWADDR, &r))
			return;
		memcpy(c->mac, r.ifr_hwaddr.sa_data, 6);
	}
	/* The kernel takes an outer tag out of the bytes and gives it beside the frame. */
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
		if (h->cmsg_level == SOL_PACKET && h->cmsg_type == PACKET_AUXDATA) {
			struct tpacket_auxdata a;
			memcpy(&a, CMSG_DATA(h), sizeof(a));
			if (a.tp_status & TP_STATUS_VLAN_VALID)
				c->tagged++;
		}
	if (f[0] & 1)
		c->group++;
	else if (!memcmp(f, c->mac, 6))
		c->own++;
	else {
		c->stray++;
		memcpy(c->last, f, sizeof(c->last));
	}
}

static void report(int fd, const char *path)
{
	struct tpacket_stats st = {0};
	socklen_t sl = sizeof(st);
	char tmp[256];

	if (!getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &sl))
		lost += st.tp_drops;
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	FILE *o = fopen(tmp, "w");
	if (!o)
		return;
	for (int i = 0; i < MAX_IF; i++) {
		const struct count *c = &counts[i];
		if (!c->name[0] || !strcmp(c->name, "lo"))
			continue;
		fprintf(o, "%s own %lu group %lu stray %lu tagged %lu last ", c->name, c->own, c->group, c->stray, c->tagged);
		for (size_t k = 0; k < sizeof(c->last); k++)
			fprintf(o, "%02x", c->last[k]);
		fputc('\n', o);
	}
	fprintf(o, "lost %lu\n", lost);
	fclose(o);
	rename(tmp, path);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), one = 1, big = 8 << 20;
	double written = 0;
	bool dirty = true;

	if (argc != 2 || fd < 0)
		return 1;
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (dirty && now() - written >= 0.1) {
			report(fd, argv[1]);
			written = now();
			dirty = false;
		}
		if (poll(&p, 1, dirty ? 100 : -1) <= 0)
			continue;
		unsigned char f[64] = {0};
		char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct sockaddr_ll from;
		struct iovec v = {.iov_base = f, .iov_len = sizeof(f)};
		struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &v, .msg_iovlen = 1,
				   .msg_control = control, .msg_controllen = sizeof(control)};
		if (recvmsg(fd, &m, 0) > 0) {
			account(fd, &from, f, &m);
			dirty = true;
		}
	}
}
