/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port: where frames enter and leave besides VMs (the wire, the host's TAP, a capture file). One small
 * interface, one file a driver: tap.c, xdp.c, packet.c, pcap.c; port.c chooses.
 *
 * Threads: open and close are called by the control thread while no worker uses the port. Everything else is called
 * by one worker, the port's owner. A port never blocks, never calls back, and never keeps a pointer it was lent
 * beyond the call.
 *
 * Frames are Ethernet frames without FCS. A driver whose kernel takes the outer 802.1Q tag out of the bytes gives it
 * beside the frame (PORT_FRAME_VLAN); it is the driver's job that none is lost.
 */
#ifndef VMQ_PORT_PORT_H
#define VMQ_PORT_PORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "port/kept.h"
#include "port/napi.h"
#include "port/offload.h"

#define PORT_MAX_FRAME 9216u /* the largest frame any port carries: 9,000 bytes of payload, header, tags, slack; one to be
				cut into segments: OFFLOAD_MAX_FRAME */
#define PORT_BURST 64u       /* the most frames one rx_burst or tx_burst is asked for */

enum port_frame_flags {
	PORT_FRAME_VLAN = 1, /* vlan_tci holds the frame's outer 802.1Q tag; the bytes no longer do */
};

/* A received frame where it lies: in the port's memory, readable until it is given back with rx_release. */
struct port_frame {
	uint8_t *data;
	uint32_t len; /* bytes, at least 14 (shorter ones are dropped and counted by the driver) */
	uint16_t vlan_tci;
	uint16_t flags;
	uint64_t cookie; /* the driver's; untouched by others */
	const struct virtio_net_hdr *vnet; /* what is unfinished or was found valid; NULL: nothing. Released with the frame */
};

/* A frame to send, gathered from pieces; pieces lie in the sender's memory and are valid during the call only. */
struct port_tx_frame {
	struct iovec *iov; /* the first is the driver's to use, for a header of its own; the pieces are 1 … iovcnt */
	uint32_t iovcnt;
	uint32_t len; /* sum of the pieces, 14 … PORT_MAX_FRAME */
	const struct virtio_net_hdr *vnet; /* what is left to the port, all of it in port->offloads; NULL: nothing */
};

/* What a port loses itself, in frames. One row a counter. */
#define PORT_COUNTERS(X)                                                                                              \
	X(rx_runt)	/* shorter than an Ethernet header */                                                         \
	X(rx_too_long)	/* longer than PORT_MAX_FRAME or cut by the kernel */                                         \
	X(rx_no_buffer) /* lost by the kernel or the device for want of a buffer (as far as it tells) */              \
	X(tx_error)	/* refused by the kernel for another reason than a full queue */                              \
	X(tx_dropped)	/* taken, and dropped by the device: its queueing discipline, a tc filter, a veth's far end: full, or of a smaller MTU */

struct port_counters {
#define X(name) uint64_t name;
	PORT_COUNTERS(X)
#undef X
};

struct port_config {
	const char *driver; /* "auto", "tap", "xdp", "packet", "pcap" */
	char ifname[IFNAMSIZ]; /* tap: made if it does not exist; xdp, packet: must exist */
	const char *netns;   /* tap, xdp, packet: path of the network namespace the device is (tap: shall be) in, NULL: ours */
	const char *pcap_in; /* pcap: file replayed in, NULL: nothing comes in */
	const char *pcap_out;/* pcap: file written, NULL: what goes out is only counted */
	unsigned pcap_rate;  /* pcap: frames a second, 0: as fast as they are taken */
	bool pcap_loop;      /* pcap: start again at the end */
	unsigned mtu;        /* tap: set on the device; 0: leave */
	bool keep;           /* tap: keep the device when closed (persistent) */
	enum port_napi napi; /* xdp: who receives for the device */
	struct napi_cpus cpus;
	const struct fd_keep *fds; /* who keeps descriptors for the next process, NULL: nobody. Outlives the port */
};

struct port;

struct port_ops {
	const char *name;
	/* Opens as `cfg` says. 0, or -errno with the sentence in `err`, which names the device or file (-EOPNOTSUPP:
	 * this kernel or device cannot). On failure nothing is left behind. */
	int (*open)(const struct port_config *cfg, struct port **out, struct vmq_err *err);
	/* Ends it and frees all; a TAP device made here and an XDP program attached here are gone afterwards. */
	void (*close)(struct port *p);
	/* A descriptor for epoll, level-triggered readable while rx_burst would give frames; the port's, for its life.
	 * It can also be readable without frames: while buffers are held (packet: the newest frame's; tap: all), and
	 * for a few turns after a device went down. */
	int (*rx_fd)(const struct port *p);
	/* Up to n received frames into f[]; returns how many. Frames stay the caller's until released, in any order,
	 * from the same worker; only the cookie is looked at then. A port stops receiving (and the kernel drops) while
	 * all its buffers are out; packet's are a ring, so it also stops while the next one in turn is out. */
	unsigned (*rx_burst)(struct port *p, struct port_frame *f, unsigned n);
	void (*rx_release)(struct port *p, const struct port_frame *f, unsigned n);
	/* Sends up to n frames in order; returns how many were taken (a prefix). The rest is the caller's to drop and
	 * count: its queue is full. A frame the kernel refuses for a reason of its own counts as taken and in tx_error. */
	unsigned (*tx_burst)(struct port *p, const struct port_tx_frame *f, unsigned n);
	/* Makes the kernel send what tx_burst has queued (the one system call of a burst), and takes back finished
	 * buffers. Called once after the bursts of a turn. */
	void (*tx_flush)(struct port *p);
	/* What the driver does now, for people: "AF_XDP, native, copy, …". Control thread; valid until the next call. */
	const char *(*describe)(struct port *p);
	/* Counters since open. Control thread; single words that the worker writes relaxed. */
	void (*counters)(const struct port *p, struct port_counters *out);
	/* xdp, others have none of it (NULL): why no thread receives for the device although one was wanted, or was there
	 * at first; NULL: nothing is amiss. Control thread. */
	const char *(*no_napi_thread)(struct port *p);
	/* Link up (carrier)? mtu and MAC address of the device; false when it has none (pcap). Control thread. */
	bool (*link_up)(const struct port *p);
	bool (*address)(const struct port *p, uint8_t mac[6], unsigned *mtu);
};

/* Every driver's private state begins with this. */
struct port {
	const struct port_ops *ops;
	bool tells_sent;   /* xdp, packet: who watches the descriptor is woken for each frame sent, too. Constant after open */
	bool asks_kernel;  /* tap: rx_burst is a system call, also when there is nothing. Constant after open */
	unsigned offloads; /* enum offload: what tx_burst takes unfinished; constant after open */
	unsigned rx_queues; /* xdp: how many of the device's receive queues are served; 0: whatever it has. Constant after open */
	unsigned mtu_max; /* xdp: the MTU that the device had; longer frames are not sent, and may not fit its buffers; 0: any. Constant after open */
	struct port_kept kept; /* control thread's */
	char fallback[200]; /* "auto" took it because a better driver was not possible: why; else empty. Constant after open */
};

/* Opens a port by cfg->driver. "auto" tries xdp, then, whatever the reason was, packet, and logs which it took and why
 * not the better one (once, at info). Control thread. 0 or -errno with the sentence in err. */
int port_open(const struct port_config *cfg, struct port **out, struct vmq_err *err);
void port_close(struct port *p); /* NULL is allowed */
/* As port_close, but the next process goes on with what is kept: a TAP device stays, what is received waits. */
void port_leave(struct port *p);

extern const struct port_ops port_tap_ops, port_xdp_ops, port_packet_ops, port_pcap_ops;

#endif
