/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program at the egress (tc_send.h). Built here from BPF instructions; in C it would read
 *
 *	int vmq_send(struct __sk_buff *skb)
 *	{
 *		if (bpf_get_socket_cookie(skb) != COOKIE)               not ours, or one of the copies
 *			return TCX_NEXT;
 *		skb->queue_mapping = 1;                                 as if received by queue 0: sent by queue 0
 *		if (area->n == 0)                                       a frame by itself
 *			return TCX_NEXT;
 *		for (u32 i = 0; i < area->n && i < PORT_BURST; i++) {
 *			u32 len = area->len[i];
 *
 *			u64 rc = -1;
 *
 *			if (len >= ETH_HLEN && len <= SLOT &&
 *			    (skb->len == len || !bpf_skb_change_tail(skb, len, 0)) &&
 *			    !bpf_skb_store_bytes(skb, 0, area->frames + i * SLOT, len, 0))
 *				rc = bpf_clone_redirect(skb, IFINDEX, 0);
 *			if (rc > XMIT_DROPPED)                          an error, as a negative number
 *				area->refused++;
 *			else if (rc)
 *				area->dropped++;
 *		}
 *		area->n = 0;
 *		return TCX_DROP;
 *	}
 *
 * COOKIE, SLOT and IFINDEX are constants of this device and socket. The program is called for the copies, too, which have no
 * socket. n = 0 tells us that it was here. The original could go as the last frame, but the kernel has noted its length
 * already, for the queueing discipline.
 */
#include "port/tc_send.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/bpf_insn.h"
#include "port/gather.h"

#define TCX_EGRESS  ((enum bpf_attach_type)47) /* BPF_TCX_EGRESS, Linux 6.6; what the program returns there: */
#define TCX_NEXT    (-1)
#define TCX_DROP    2
#define TCX_FIRST   (1u << 3) /* BPF_F_BEFORE, none: before all programs that are there */
#define PROG_NAME   "vmq_send"
#define XMIT_DROPPED 0x0f /* NET_XMIT_…, of frames that were dropped, up to here (the kernel's NET_XMIT_MASK) */
#define SEND_BUFFER (4 << 20)
#define FRAME_MAX   4096u

struct tc_area {
	uint32_t n;	  /* frames to send; the program sets it to 0 */
	uint32_t refused; /* not sent, */
	uint32_t dropped; /* or sent, and dropped by what is at the device: its queueing discipline, a filter, the far end's queue */
	uint32_t len[PORT_BURST];
	_Alignas(64) uint8_t frames[]; /* PORT_BURST slots */
};

#define AREA(member) ((short)offsetof(struct tc_area, member))
#define CTX(member)  ((short)offsetof(struct __sk_buff, member))

/* Slots begin on a line each. */
static uint32_t slot_size(const struct tc_send *t)
{
	return (t->frame_max + 63) & ~63u;
}

static uint8_t *slot(const struct tc_send *t, unsigned i)
{
	return t->area->frames + (size_t)i * slot_size(t);
}

/* R6: the context, R7: the area, R8: i, R9: len. Returns the program's descriptor or -errno. */
static int load(const struct tc_send *t, int map_fd, uint64_t cookie)
{
	const int size = (int)slot_size(t);
	/* clang-format off */
	const struct bpf_insn program[] = {
		MOV(R6, R1), CALL(BPF_FUNC_get_socket_cookie), LOAD_IMM64(R1, cookie),
		JUMP_NE(R0, R1, 6), MOV_IMM(R1, 1), STORE(BPF_W, R6, CTX(queue_mapping), R1),
		LOAD_MAP_VALUE(R7, map_fd), LOAD(BPF_W, R1, R7, AREA(n)),
		JUMP_NE0(R1, 2), MOV_IMM(R0, TCX_NEXT), EXIT(),
		MOV_IMM(R8, 0),
		/* the loop */
		LOAD(BPF_W, R1, R7, AREA(n)), JUMP_GE(R8, R1, 40), JUMP_GE_IMM(R8, PORT_BURST, 39),
		MOV(R1, R8), MUL_IMM(R1, 4), MOV(R2, R7), ADD(R2, R1), LOAD(BPF_W, R9, R2, AREA(len)),
		JUMP_LT_IMM(R9, ETH_HLEN, 28), JUMP_GT_IMM(R9, size, 27),
		LOAD(BPF_W, R1, R6, CTX(len)), JUMP_EQ(R1, R9, 5),
		MOV(R1, R6), MOV(R2, R9), MOV_IMM(R3, 0), CALL(BPF_FUNC_skb_change_tail), JUMP_NE0(R0, 20),
		MOV(R1, R6), MOV_IMM(R2, 0), MOV(R3, R8), MUL_IMM(R3, size), ADD(R3, R7), ADD_IMM(R3, AREA(frames)),
		MOV(R4, R9), MOV_IMM(R5, 0), CALL(BPF_FUNC_skb_store_bytes), JUMP_NE0(R0, 10),
		MOV(R1, R6), MOV_IMM(R2, t->ifindex), MOV_IMM(R3, 0), CALL(BPF_FUNC_clone_redirect), JUMP_EQ0(R0, 8),
		JUMP_GT_IMM(R0, XMIT_DROPPED, 4),
		/* dropped */
		LOAD(BPF_W, R1, R7, AREA(dropped)), ADD_IMM(R1, 1), STORE(BPF_W, R7, AREA(dropped), R1), JUMP(3),
		/* refused */
		LOAD(BPF_W, R1, R7, AREA(refused)), ADD_IMM(R1, 1), STORE(BPF_W, R7, AREA(refused), R1),
		/* the next */
		ADD_IMM(R8, 1), JUMP(-42),
		/* the end */
		STORE0(BPF_W, R7, AREA(n)), MOV_IMM(R0, TCX_DROP), EXIT(),
	};
	/* clang-format on */

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, PROG_NAME, "Dual BSD/GPL", program,
			     sizeof program / sizeof program[0], NULL);
}

/* The socket that sends the frame the program waits for. It receives nothing: its protocol is 0. */
static int open_socket(struct tc_send *t, uint64_t *cookie)
{
	const int bytes = SEND_BUFFER;
	socklen_t len = sizeof *cookie;

	t->socket_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (t->socket_fd < 0 || getsockopt(t->socket_fd, SOL_SOCKET, SO_COOKIE, cookie, &len) < 0)
		return -errno;
	(void)setsockopt(t->socket_fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
	return 0;
}

/* The memory that the program and we share. Returns the map's descriptor, which mapping and program outlive, or -errno. */
static int open_area(struct tc_send *t)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const uint32_t bytes = (uint32_t)sizeof *t->area + PORT_BURST * slot_size(t);
	int map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vmq_frames", sizeof(__u32), bytes, 1, &opts);

	if (map_fd < 0)
		return map_fd;
	t->size = (bytes + page - 1) & ~(page - 1);
	t->area = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (t->area == MAP_FAILED) {
		int rc = -errno;

		t->area = NULL;
		(void)close(map_fd);
		return rc;
	}
	return map_fd;
}

static int attach(struct tc_send *t, int map_fd, uint64_t cookie)
{
	/* Others would make nothing of the frame that calls it. */
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = TCX_FIRST);
	int prog_fd = load(t, map_fd, cookie);

	if (prog_fd < 0)
		return prog_fd;
	t->link_fd = bpf_link_create(prog_fd, t->ifindex, TCX_EGRESS, &opts);
	(void)close(prog_fd); /* the link holds it */
	return t->link_fd < 0 ? t->link_fd : 0;
}

int tc_send_open(struct tc_send *t, const struct device *d, uint32_t frame_max, struct vmq_err *err)
{
	uint64_t cookie = 0;
	int map_fd = -EINVAL, rc;

	*t = (struct tc_send){ .link_fd = -1, .socket_fd = -1, .ifindex = d->index, .frame_max = frame_max };
	rc = frame_max > FRAME_MAX ? -EINVAL : open_socket(t, &cookie);
	if (rc == 0)
		rc = map_fd = open_area(t);
	if (map_fd >= 0) {
		rc = attach(t, map_fd, cookie);
		(void)close(map_fd);
	}
	if (rc == 0)
		return 0;
	tc_send_close(t);
	return vmq_err(err, rc == -EINVAL ? -EOPNOTSUPP : rc,
		       "device %s: no program for sending bursts: %s (Linux 6.6, CAP_BPF and CAP_NET_ADMIN)", d->name, strerror(-rc));
}

void tc_send_close(struct tc_send *t)
{
	if (t->link_fd >= 0) {
		(void)bpf_link_detach(t->link_fd); /* closing alone may take the program off a little later */
		(void)close(t->link_fd);
	}
	if (t->socket_fd >= 0)
		(void)close(t->socket_fd);
	if (t->area)
		(void)munmap(t->area, t->size);
	*t = (struct tc_send){ .link_fd = -1, .socket_fd = -1 };
}

static uint16_t ether_type(const uint8_t *frame)
{
	uint16_t type;

	memcpy(&type, frame + 2 * ETH_ALEN, sizeof type);
	return type;
}

/* Puts frames of one EtherType into the slots. Returns how many of f[] that took: those in the slots, and those that are too long
 * for any. */
static unsigned fill_slots(struct tc_send *t, const struct port_tx_frame *f, unsigned n, unsigned *slots, unsigned *too_long)
{
	unsigned i;

	*slots = *too_long = 0;
	for (i = 0; i < n; i++) {
		uint8_t *to = slot(t, *slots);
		uint32_t len = port_gather(to, t->frame_max, &f[i]);

		if (len == 0) {
			++*too_long;
			continue;
		}
		if (*slots > 0 && ether_type(to) != ether_type(slot(t, 0)))
			break;
		t->area->len[(*slots)++] = len;
	}
	return i;
}

static ssize_t send_one(const struct tc_send *t, const uint8_t *frame, uint32_t len)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = ether_type(slot(t, 0)),
		.sll_ifindex = t->ifindex,
		.sll_halen = ETH_ALEN,
	};

	return sendto(t->socket_fd, frame, len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to);
}

/* What became of frames that were taken, if they are not on their way. */
struct lost {
	unsigned refused, dropped;
};

/* Sends the frames in the first n slots, which have one EtherType. Have they been taken? */
static bool send_slots(struct tc_send *t, unsigned n, struct lost *lost)
{
	static const uint8_t any[ETH_ZLEN]; /* no header of any protocol: the kernel then assumes nothing about the frames' */
	ssize_t sent;

	*lost = (struct lost){ 0 };
	/* A single frame needs no copy, unless it has more tags than a packet socket lets through at its length. */
	if (n == 1) {
		sent = send_one(t, slot(t, 0), t->area->len[0]);
		lost->dropped = sent < 0 && errno == ENOBUFS;
		lost->refused = sent < 0 && errno != ENOBUFS;
		if (sent >= 0 || errno != EMSGSIZE)
			return sent >= 0 || errno != EAGAIN;
	}
	*lost = (struct lost){ 0 };
	__atomic_store_n(&t->area->refused, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&t->area->dropped, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&t->area->n, n, __ATOMIC_RELEASE);
	sent = send_one(t, any, sizeof any);
	if (__atomic_exchange_n(&t->area->n, 0, __ATOMIC_ACQ_REL) == 0) {
		lost->refused = __atomic_load_n(&t->area->refused, __ATOMIC_RELAXED);
		lost->dropped = __atomic_load_n(&t->area->dropped, __ATOMIC_RELAXED);
		return true;
	}
	lost->refused = n;
	/* Sent as it is, or dropped before it came to the program: that one is off, or a filter is in its way. */
	if (sent >= 0 || errno == ENOBUFS) {
		__atomic_store_n(&t->gone, true, __ATOMIC_RELAXED);
		return false;
	}
	return errno != EAGAIN;
}

unsigned tc_send_burst(struct tc_send *t, const struct port_tx_frame *f, unsigned n, struct port_counts *counts)
{
	unsigned taken = 0;

	while (taken < n) {
		unsigned slots, too_long, used = fill_slots(t, f + taken, n - taken, &slots, &too_long);
		struct lost lost = { 0 };

		if (slots > 0 && !send_slots(t, slots, &lost))
			break;
		port_count_n(&counts->tx_error, too_long + lost.refused);
		port_count_n(&counts->tx_dropped, lost.dropped);
		taken += used;
	}
	return taken;
}

bool tc_send_works(const struct tc_send *t)
{
	return t->link_fd >= 0 && !__atomic_load_n(&t->gone, __ATOMIC_RELAXED);
}
