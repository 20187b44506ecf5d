/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts, inside a test guest, the frames its network devices should never have been given: those for somebody else's
 * address, and those that still carry a VLAN tag. The kernel picks them out (a socket filter), so that ordinary traffic
 * costs nothing and not one stray frame is missed. One thread; the counts and the last such frame's beginning are
 * written to the file given as the only argument, whenever they change.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANCILLARY(what) ((__u32)(SKF_AD_OFF + (what)))
#define ALL 0xffffffffu

static unsigned long stray, tagged, lost;

static void report(const char *path, const char *dev, const unsigned char *f, size_t n)
{
	char tmp[256];

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	FILE *o = fopen(tmp, "w");
	if (!o)
		return;
	fprintf(o, "stray %lu\ntagged %lu\nlost %lu\nlast %s ", stray, tagged, lost, dev);
	for (size_t i = 0; i < n; i++)
		fprintf(o, "%02x", f[i]);
	fputc('\n', o);
	fclose(o);
	rename(tmp, path);
}

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 3, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, ALL),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, big = 8 << 20;
	struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	/* The filter stands before the first frame can come in: bind is what opens the socket to the devices. */
	if (argc != 2 || fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)) ||
	    bind(fd, (struct sockaddr *)&all, sizeof(all))) {
		perror("framewatch");
		return 1;
	}
	report(argv[1], "-", NULL, 0);
	for (;;) {
		unsigned char f[64];
		char dev[IFNAMSIZ] = "?";
		struct sockaddr_ll from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, f, sizeof(f), 0, (struct sockaddr *)&from, &len);
		if (n < 0)
			continue;
		if (from.sll_pkttype == PACKET_OTHERHOST)
			stray++;
		else
			tagged++;
		struct tpacket_stats st;
		socklen_t sl = sizeof(st);
		if (!getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &sl))
			lost += st.tp_drops;
		if_indextoname((unsigned)from.sll_ifindex, dev);
		report(argv[1], dev, f, (size_t)n);
	}
}
