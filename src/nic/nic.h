/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software adapter's data path, as the control thread sees it. Who calls: src/miniport/softnic (VPorts, filters,
 * because an OID said so), src/vhost (rings, because a VM connected or left), src/vmqd (start and end). Every function
 * here is for the one control thread; none may be called from a worker. Frames flow in the workers meanwhile.
 *
 * Functions that take something away from the workers (queue stop, VPort delete, moves between CPUs) return when no
 * worker uses it any more. They wait at most NIC_WAIT_MS; if a worker does not answer in that time they return
 * -ETIMEDOUT, nothing is freed, and the log names the worker.
 *
 * Errors: 0 or -errno; where a sentence helps, in a struct vmq_err.
 */
#ifndef VMQ_NIC_NIC_H
#define VMQ_NIC_NIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "nic/drop.h"
#include "port/port.h"
#include "vring/guest_mem.h"
#include "vring/inflight.h"

#define NIC_MAX_WORKERS 64u
#define NIC_MAX_VPORTS 1024u      /* the default one included; VPort ids are 0 … 1023 */
#define NIC_MAX_QUEUE_PAIRS 16u   /* a VPort */
#define NIC_MAX_FILTERS 65536u
#define NIC_WAIT_MS 5000

/* ---- the workers of the process ---- */

struct nic_engine;

/* When a worker without work sleeps. One row a policy: enum, name. */
#define NIC_POLICIES(X)         \
	X(ADAPTIVE, "adaptive") /* after 60 µs without work; rings silent for 30 µs are armed and cost nothing */ \
	X(POLL, "poll")         /* never; every ring is looked at in every turn, its VM never has to kick */      \
	X(INTERRUPT, "interrupt") /* at once */

enum nic_policy {
#define X(id, name) NIC_POLICY_##id,
	NIC_POLICIES(X)
#undef X
};

/* Whether a worker asks the kernel that its CPU sleep lightly only (light_sleep.h). One row a choice: enum, name. */
#define NIC_LIGHT_SLEEPS(X)   \
	X(AUTO, "auto")     /* while work keeps ending its sleeps */ \
	X(ALWAYS, "always") /* unless its policy is poll */         \
	X(OFF, "off")       /* never */

enum nic_light_sleep {
#define X(id, name) NIC_LIGHT_SLEEP_##id,
	NIC_LIGHT_SLEEPS(X)
#undef X
};

/* How it sleeps then. One row a state: enum, what it is called. */
#define NIC_SLEEPS(X)      \
	X(DEEP, "deep")    /* as the kernel likes */ \
	X(LIGHT, "light")  /* the kernel has been asked */ \
	X(NO_FILE, "not available") \
	X(FOREIGN, "not available: set by somebody else") \
	X(REFUSED, "not available: refused by the kernel")

enum nic_sleep {
#define X(id, name) NIC_SLEEP_##id,
	NIC_SLEEPS(X)
#undef X
};

/* What the kernel is asked with. The files are the caller's, and stay open until the engine is destroyed. */
#define NIC_SLEEP_VALUE_SIZE 8
#define NIC_SLEEP_DEEPEST "0" /* stands in the file while nobody asks for anything */
#define NIC_SLEEP_ASKED "1"   /* marks in the record */
#define NIC_SLEEP_NOT_ASKED "0"
struct nic_sleep_file {
	int fd; /* pm_qos_resume_latency_us of the CPU, -1: it can't be had */
	char light[NIC_SLEEP_VALUE_SIZE]; /* what asks for light sleep */
	int record;  /* a mark is written here before the kernel is asked, and another when it was given back */
	off_t mark_at;
};
/* Is this what stands in the CPU's file? False also when it can't be read. Any thread. */
bool nic_sleep_file_reads(int fd, const char *text);

struct nic_engine_config {
	unsigned ncpus;                /* 1 … NIC_MAX_WORKERS */
	enum nic_light_sleep light_sleep[NIC_MAX_WORKERS];
	const struct nic_sleep_file *sleep_files; /* of each CPU; NULL: none */
	enum nic_policy policy[NIC_MAX_WORKERS];
	uint16_t cpus[NIC_MAX_WORKERS];/* host CPU numbers, each once; one thread each, pinned */
};

/* Starts one pinned thread a CPU. -EINVAL names the CPU that is listed twice or is not in the process's affinity. */
int nic_engine_create(const struct nic_engine_config *cfg, struct nic_engine **out, struct vmq_err *err);
/* Ends the threads and frees all; every nic is destroyed before. */
void nic_engine_destroy(struct nic_engine *e);
/* The CPUs in the order given; returns how many. */
unsigned nic_engine_cpus(const struct nic_engine *e, uint16_t cpus[NIC_MAX_WORKERS]);
bool nic_engine_has_cpu(const struct nic_engine *e, unsigned cpu);
/* On: nothing more is taken from VMs; when it returns all that was taken has gone where it goes, and every transmit buffer
 * that was taken has been given back. What the VMs send meanwhile stays in their rings until it is off again. 0 or -ETIMEDOUT. */
int nic_engine_hold(struct nic_engine *e, bool on);
/* Runs fn in each worker's thread, one after the other, and waits. 0, or the first failure: what fn returned (-errno),
 * -ENOMEM, or -ETIMEDOUT. */
int nic_engine_run(struct nic_engine *e, int (*fn)(void *arg), void *arg);

/* In the worker of that CPU, while it works. -ENOENT: none has it; -ETIMEDOUT. */
int nic_engine_set_policy(struct nic_engine *e, unsigned cpu, enum nic_policy policy);
int nic_engine_set_light_sleep(struct nic_engine *e, unsigned cpu, enum nic_light_sleep mode);

#define NIC_BATCH_SIZES 10u /* batches of 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64-127, 128-255, 256-511 and 512 frames */

struct nic_worker_stats {
	uint16_t cpu;
	enum nic_policy policy;
	enum nic_light_sleep light_sleep;
	enum nic_sleep sleep;
	uint64_t sleep_changes; /* times the kernel was asked for light sleep, and given it back */
	bool asleep;         /* at this moment */
	uint64_t turns;      /* times round the loop that found work */
	uint64_t polls;      /* times round the loop in all */
	uint64_t sleeps;     /* times it went to sleep */
	uint64_t timed_sleeps; /* of those, ended by a timer: a rate limit's tokens, interrupts held back, light sleep */
	uint64_t frames;     /* frames classified */
	uint64_t busy_ns;    /* time in turns that found work, since start */
	uint64_t poll_ns;    /* time in turns that found none */
	uint64_t sleep_ns;   /* time asleep */
	uint64_t busy_cycles;/* busy_ns by the clock it was measured with */
	uint64_t batch[NIC_BATCH_SIZES]; /* batches delivered together, by their size */
	uint32_t rings;      /* rings it owns */
	uint32_t rings_armed;/* of those, silent ones that cost nothing until kicked */
	uint32_t rings_held; /* of those, ones that wait for tokens of their rate limit */
};
unsigned nic_engine_stats(const struct nic_engine *e, struct nic_worker_stats *s, unsigned max);

/* ---- one adapter ---- */

struct nic;

struct nic_event {
	enum { NIC_EVENT_QUEUE_BROKEN } type;
	uint32_t vport;
	uint32_t qp;
	const char *reason; /* static text */
};

struct nic_config {
	const char *name;
	/* Something happened in a worker. Called on the control thread, from nic_poll_events. */
	void (*event)(void *ctx, const struct nic_event *ev);
	void *ctx;
};

/* An adapter without ports and with no VPorts: not even the default one (CREATE_SWITCH makes it: id 0). */
int nic_create(struct nic_engine *e, const struct nic_config *cfg, struct nic **out, struct vmq_err *err);
/* Every VPort must be deleted and both ports detached. */
void nic_destroy(struct nic *n);
/*
 * To be called every NIC_WATCH_MS. A worker that has made no turn since the last call sits in a system call that a
 * front-end made block (it owns the other end of the interrupt descriptors): the call is broken off, and so is the ring.
 */
#define NIC_WATCH_MS 200
void nic_engine_watch(struct nic_engine *e);

/* Readable when there are events; then call nic_poll_events. One for all adapters of the engine. */
int nic_engine_event_fd(const struct nic_engine *e);
void nic_engine_poll_events(struct nic_engine *e);

/* The wire. The worker of `cpu` owns the port until it is detached; the caller closes it afterwards. */
int nic_wire_attach(struct nic *n, struct port *p, unsigned cpu, struct vmq_err *err);
int nic_wire_detach(struct nic *n);

/* ---- VPorts ---- */

enum nic_moderation { /* NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION's values (spec/50-scaling.md §3) */
	NIC_MODERATION_UNDEFINED = 0,
	NIC_MODERATION_ADAPTIVE = 1,
	NIC_MODERATION_OFF = 2,
	NIC_MODERATION_LOW = 100,
	NIC_MODERATION_MEDIUM = 200,
	NIC_MODERATION_HIGH = 300,
};

/* What the contract leaves to a policy of its own (spec/70 Q25, Q31). All off: exactly the contract. */
struct nic_vport_policy {
	bool source_check;  /* drop what the VM sends from an address no filter of the VPort holds */
	bool vlan_check;    /* drop what the VM sends for a VLAN that no filter of the VPort holds */
	bool all_multicast; /* every group frame of the VPort's VLANs, not only groups it has a filter for */
	bool trunk;         /* the VM sees tags in its frames (virtio has no place beside them) and sends its own */
};

struct nic_vport_config {
	uint32_t id;          /* 0 … NIC_MAX_VPORTS - 1, not in use */
	unsigned cpu;         /* whose worker owns its rings */
	unsigned queue_pairs; /* 1 … NIC_MAX_QUEUE_PAIRS */
	enum nic_moderation moderation;
	bool active;          /* moves frames (with a filter; VPort 0 also without) */
};

int nic_vport_create(struct nic *n, const struct nic_vport_config *cfg, struct vmq_err *err);
/* The VPort must have no filter and no started queue and no host port. */
int nic_vport_delete(struct nic *n, uint32_t id);
int nic_vport_set_active(struct nic *n, uint32_t id, bool active);
/* Its rings go to another worker, under traffic: nothing is lost. */
int nic_vport_set_cpu(struct nic *n, uint32_t id, unsigned cpu, struct vmq_err *err);
/* More or fewer queue pairs. -EINVAL: not 1 … NIC_MAX_QUEUE_PAIRS; -EBUSY: one of those to go is started, or RSS has given
 * it a CPU. */
int nic_vport_set_queue_pairs(struct nic *n, uint32_t id, unsigned queue_pairs, struct vmq_err *err);
int nic_vport_set_moderation(struct nic *n, uint32_t id, enum nic_moderation m);
/* On: what comes for the VPort goes through the default queue's CPU and one more copy, as it would without VMQ; counted
 * as bypass_frames. Under traffic; nothing is lost. -EINVAL: the default VPort. */
int nic_vport_set_bypass(struct nic *n, uint32_t id, bool on, struct vmq_err *err);
bool nic_vport_bypassed(const struct nic *n, uint32_t id);
int nic_vport_set_policy(struct nic *n, uint32_t id, const struct nic_vport_policy *p);

/* A rate a second and how much may pass at once (nic/limit.h). per_s 0: no limit; burst 0: what passes in 10 ms, at least
 * 64 frames (group frames: 1,000) or 65,536 bytes. */
struct nic_rate {
	uint64_t per_s, burst;
};

struct nic_vport_tuning {
	struct nic_rate tx_bytes, tx_frames; /* what the VM sends; more stays in its ring until it may */
	struct nic_rate rx_bytes, rx_frames; /* what it receives; more is dropped: NIC_DROP_RX_LIMIT */
	struct nic_rate group_frames;        /* broadcast and multicast it sends; more is dropped: NIC_DROP_TX_STORM */
	uint32_t moderation_us, moderation_frames; /* instead of the moderation level's numbers; us 0: the level's,
						    * frames 0: as many as the levels have for so long a time */
};

#define NIC_MAX_MODERATION_US 10000u
#define NIC_MAX_MODERATION_FRAMES 32768u

/* Under traffic; a limit that changes begins with a full burst. -ENOENT; -EINVAL with the sentence: a number beyond its
 * range, moderation_frames without moderation_us, or rates for the default VPort, which has no rings. */
int nic_vport_set_tuning(struct nic *n, uint32_t id, const struct nic_vport_tuning *l, struct vmq_err *err);
int nic_vport_tuning(const struct nic *n, uint32_t id, struct nic_vport_tuning *out);

/* ---- several queue pairs: RSS inside a VPort (spec/50-scaling.md §7, §8) ---- */

#define NIC_RSS_KEY 40u
#define NIC_RSS_MAX_ENTRIES 128u

/* Hash types, with the numbers of HashInformation. */
enum nic_rss_types {
	NIC_RSS_IPV4 = 0x100,
	NIC_RSS_TCP_IPV4 = 0x200,
	NIC_RSS_IPV6 = 0x400,
	NIC_RSS_TCP_IPV6 = 0x1000,
	NIC_RSS_UDP_IPV4 = 0x4000,
	NIC_RSS_UDP_IPV6 = 0x8000,
};

struct nic_rss_config {
	uint32_t types;              /* enum nic_rss_types; others are ignored */
	uint8_t key[NIC_RSS_KEY];
	unsigned entries;            /* 1 … NIC_RSS_MAX_ENTRIES, a power of two */
	uint16_t cpu[NIC_RSS_MAX_ENTRIES]; /* the indirection table: CPU of each entry */
	uint16_t default_cpu;        /* of frames that have no hash */
};

/* Spreads the VPort's received frames over its queue pairs: pair k serves the k-th distinct CPU, the default CPU first,
 * and is moved there; pairs beyond them are on the VPort's. NULL: off, all frames to pair 0 on the VPort's CPU. Under
 * traffic; nothing is lost. -EINVAL: more CPUs than queue pairs, a CPU without worker, or a bad number of entries. */
int nic_vport_set_rss(struct nic *n, uint32_t id, const struct nic_rss_config *cfg, struct vmq_err *err);

/* A VPort may be the host's own: frames to and from a port (the TAP of the default VPort) instead of rings. */
int nic_vport_attach_port(struct nic *n, uint32_t id, struct port *p, struct vmq_err *err);
int nic_vport_detach_port(struct nic *n, uint32_t id);

/* What the default VPort takes of the unicast frames that no filter claims: the packet filter of the host's device
 * (spec/40-datapath.md §1). Promiscuous, as at first: all; else those to `mac`. Group frames are not concerned. */
void nic_set_packet_filter(struct nic *n, bool promiscuous, const uint8_t mac[6]);

/* ---- filters (spec/40-datapath.md §2, spec/70 Q21, Q22, Q25) ---- */

enum nic_vlan_test {
	NIC_VLAN_UNTAGGED_OR_ZERO, /* untagged and priority-tagged frames */
	NIC_VLAN_EQUAL,            /* frames tagged with `vlan`; unless the VPort is a trunk the tag is taken off, and put on what the VM sends */
	NIC_VLAN_ANY,              /* all; a tag is taken off (unless the VPort is a trunk) */
};

struct nic_filter {
	uint32_t id;    /* the contract's FilterId, 1 … NIC_MAX_FILTERS */
	uint32_t vport;
	uint8_t mac[6];
	enum nic_vlan_test test;
	uint16_t vlan;  /* 1 … 4094 with NIC_VLAN_EQUAL */
};

/* Takes effect for frames classified after it returns, and may from the moment it begins. -EEXIST: the same unicast
 * address and VLAN test stands already (a group address: on the same VPort), -ENOENT: no such VPort, -ENOSPC. */
int nic_filter_set(struct nic *n, const struct nic_filter *f);
/* When it returns no frame is delivered because of the filter any more. -ENOENT. */
int nic_filter_clear(struct nic *n, uint32_t id);
/* One store: each frame is classified before or after it, none meets neither or both. -ENOENT, -EEXIST. */
int nic_filter_move(struct nic *n, uint32_t id, uint32_t vport);

/* ---- queue pairs: given and taken by the vhost room ---- */

struct nic_ring_config {
	void *desc, *avail, *used; /* host addresses, checked for size and alignment by the caller */
	uint16_t size;             /* 2 … 32768, a power of two for split rings */
	uint16_t last_avail;       /* where to go on (SET_VRING_BASE); packed: position | wrap << 15 */
	struct vq_inflight *inflight; /* the ring's part of an in-flight region, or NULL; where it says something about the
				       * ring, the ring goes on there and not at last_avail (vring/inflight.h) */
	int kick_fd;               /* -1: none, the ring is polled */
	int call_fd;               /* -1: none, no notification */
	int err_fd;                /* -1: none; signalled when the ring is broken */
};

struct nic_queue_config {
	struct nic_ring_config rx, tx; /* the guest's receive and transmit ring; size 0: that one is not there */
	const struct guest_mem *mem;   /* stays valid until the queue is stopped */
	uint64_t features;             /* what was negotiated (virtio 1.2 §6) */
	uint8_t *dirty_log;            /* migration log, a bit a 4 KiB page, or NULL */
	uint64_t dirty_log_size;       /* bytes */
	/* For the log: guest addresses of what is written. Split rings: the used rings; packed ones: the descriptor rings … */
	uint64_t rx_used_gpa, tx_used_gpa;
	uint64_t rx_event_gpa, tx_event_gpa; /* … and the device's event areas; split: not used */
};

/* Queue pair qp of the VPort is served from now on. Rings that were served before get an interrupt each: one may have been
 * due when they were left. The descriptors stay the caller's and must outlive the queue.
 * -ENOENT: no such VPort; -EBUSY: started already; -EINVAL: a ring that cannot be. */
int nic_queue_start(struct nic *n, uint32_t vport, unsigned qp, const struct nic_queue_config *cfg, struct vmq_err *err);
/* Stops it: no ring, no guest memory of this queue is touched after the return, every descriptor taken is given back.
 * The positions to continue from (GET_VRING_BASE) are stored. -ENOENT: not started. */
int nic_queue_stop(struct nic *n, uint32_t vport, unsigned qp, uint16_t *rx_base, uint16_t *tx_base);
/* New kick or call descriptors for a running queue (-1: none); when it returns the old ones are used no more. */
int nic_queue_set_fds(struct nic *n, uint32_t vport, unsigned qp, int rx_kick, int rx_call, int tx_kick, int tx_call);
/* Switches the dirty log of a running queue on, off (NULL) or over; when it returns the old log is used no more. */
int nic_queue_set_log(struct nic *n, uint32_t vport, unsigned qp, uint8_t *log, uint64_t size);

/* A frame of `len` bytes (14 … NIC_INJECT_MAX) as if the VPort's VM had sent it, to be classified like any other: the
 * announcement of a VM that arrived by migration. Sent when it returns. -ENOENT, -EINVAL, -ETIMEDOUT. */
#define NIC_INJECT_MAX 128u
int nic_inject(struct nic *n, uint32_t vport, const void *frame, unsigned len);

/* ---- what can be seen ---- */

/* Upper bounds, in µs, of how long an interrupt waited since the first frame it is for: spec/50-scaling.md §3. */
#define NIC_DELAY_BOUNDS(X) X(0, 1) X(1, 10) X(2, 20) X(3, 50) X(4, 100) X(5, 200) X(6, 500)
#define NIC_DELAY_CLASSES 8u /* the last: longer */

struct nic_queue_counters {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes; /* as nic_vport_counters has them */
};

struct nic_vport_counters {
	uint64_t rx_frames, rx_bytes; /* delivered into the VM's buffers (or the host port) */
	uint64_t rx_batches;          /* receive indications: used-index publications that carried frames */
	uint64_t rx_notifications;    /* interrupts sent for received frames */
	uint64_t rx_spurious_notifications; /* of those, sent while the driver had not moved since the one before; split rings */
	uint64_t tx_frames, tx_bytes; /* taken from the VM's transmit ring */
	uint64_t tx_kicks;            /* notifications from the guest */
	uint64_t tx_spurious_kicks;   /* of those, for a ring that was polled already or had nothing in it */
	uint64_t tx_notifications;    /* interrupts sent for transmit buffers given back */
	uint64_t notify_delay[NIC_DELAY_CLASSES]; /* rx_notifications by how long they were held back */
	uint64_t bypass_frames;       /* came by way of the default queue (nic_vport_set_bypass) */
	uint64_t sw_checksums;        /* checksums computed here because the receiver (here: the wire too) does not */
	uint64_t sw_segmented, sw_segments; /* frames cut here because the receiver does not, and what they became */
	uint64_t drops[NIC_DROP_COUNT];
};

struct nic_queue_info {
	bool started;
	bool broken;
	const char *broken_reason; /* static text, or NULL */
	unsigned cpu;
	uint16_t rx_size, tx_size;
	uint32_t rx_free;          /* receive buffers posted and not used yet, a snapshot */
	bool held;                 /* its transmit ring waits for tokens of the VPort's rate limit */
	struct nic_queue_counters count; /* of the queue pair since the VPort was made */
};

/* Which VPort has the number now: of the adapter's VPorts no two have the same, one after the other neither. 0: none has. */
uint64_t nic_vport_serial(const struct nic *n, uint32_t id);
/* Since the VPort was made; they only grow. -ENOENT. */
int nic_vport_counters(const struct nic *n, uint32_t id, struct nic_vport_counters *out);
/* Counters of the wire: rx = came in, tx = went out. */
void nic_wire_counters(const struct nic *n, struct nic_vport_counters *out);
int nic_queue_info(const struct nic *n, uint32_t vport, unsigned qp, struct nic_queue_info *out);
/* Frames received by each of the VPort's queue pairs since it was made; returns how many pairs there are, 0: no such VPort. */
unsigned nic_vport_rx_by_pair(const struct nic *n, uint32_t vport, uint64_t rx[NIC_MAX_QUEUE_PAIRS]);
/* Frames delivered because of one filter are not counted (one probe, one counter a VPort); filters are enumerated by
 * the contract's keeper. */

/*
 * Captures and traces: frames as they pass a point of the data path, copied (their first `snaplen` bytes) into memory
 * shared with a reader (include/vmq/tap.h has its layout). They cost the workers the copy while they run, and nothing
 * when they don't; the reader can't make a worker wait.
 */
enum nic_tap_point { NIC_TAP_INGRESS, NIC_TAP_DELIVERED, NIC_TAP_DROPPED, NIC_TAP_WIRE, NIC_TAP_POINTS };

struct nic_tap_config {
	bool trace;         /* every step of a frame, instead of points */
	unsigned points;    /* 1 << NIC_TAP_…, without `trace` */
	bool by_vport;      /* only frames of this VPort: at INGRESS its VM sent them, at DELIVERED it got them, else either */
	uint32_t vport;
	bool by_from;       /* traces: only frames that this VPort sent, or the wire, to `vport` */
	bool from_wire;
	uint32_t from;
	bool by_dst, by_src, by_vlan; /* only frames with this address, or VLAN (0: none) */
	uint8_t dst[6], src[6];
	uint16_t vlan;
	uint32_t snaplen;   /* 14 … NIC_TAP_MAX_SNAPLEN, without `trace` */
	uint64_t limit;     /* frames, 0: until it is stopped */
	uint32_t ring_size; /* bytes for each worker, a power of two, NIC_TAP_MIN_RING … NIC_TAP_MAX_RING */
};

#define NIC_TAP_MAX_SNAPLEN 9216u
#define NIC_TAP_MIN_RING 65536u
#define NIC_TAP_MAX_RING (64u << 20)

struct nic_tap;

/* Frames classified after its return are seen. -EBUSY: there are too many, or one trace already; -EINVAL; -ENOMEM. */
int nic_tap_start(struct nic *n, const struct nic_tap_config *cfg, struct nic_tap **out, struct vmq_err *err);
/* The memory, the tap's own; a reader gets it as a copy of the descriptor. */
int nic_tap_fd(const struct nic_tap *t);
/* No worker touches it when it returns; or it stays allocated, -ETIMEDOUT. */
int nic_tap_stop(struct nic_tap *t);

enum nic_fate { NIC_FATE_DELIVER, NIC_FATE_WIRE, NIC_FATE_DROP };

struct nic_explain_in {
	bool from_wire;
	uint32_t vport; /* the sender when not from the wire */
	uint8_t dst[6], src[6];
	bool tagged;
	uint16_t tci; /* priority << 13 | VID when tagged */
	const uint8_t *bytes; /* a whole frame, or its begin, 14 bytes at least, instead of the members above; NULL: none */
	uint32_t captured, len; /* bytes that are there, and of the frame */
};

struct nic_explain_dest {
	enum nic_fate fate;
	bool at_vport;        /* it is for `vport`; DELIVER, and drops there */
	uint32_t vport;
	uint32_t filter;      /* its FilterId, 0: the default VPort's rule */
	unsigned qp, cpu;
	bool tag_stripped, tag_inserted;
	bool bypassed;        /* by way of the default queue */
	enum nic_drop drop;   /* DROP */
};

/* What is looked at on the way of a frame, in that order. */
enum nic_explain_what {
	NIC_STEP_SENDER,       /* is the sending VPort active, and has it a filter? */
	NIC_STEP_VLAN_GIVEN,   /* it gets the VPort's `vlan` */
	NIC_STEP_VLAN_CHECK,   /* of `vlan`, 0: none; `test` ANY: a filter of `vport` for any VLAN lets it send all; OFF: the policy */
	NIC_STEP_SOURCE_CHECK,
	NIC_STEP_FILTER,       /* a look for `test` (and `vlan`): PASS: `filter` of `vport`, or `members` of a group address; OFF: `vport` is not active */
	NIC_STEP_RULE,         /* no filter claims it: from outside PASS: the default VPort takes it; `outside`: to the wire, PASS: and the default VPort */
	NIC_STEP_STORM,        /* `vport` sends group frames within a limit */
	NIC_STEP_HASH,         /* `hash` chooses queue `qp` of `vport`; OFF: it has none, the default queue */
	NIC_STEP_BYPASS,       /* `vport` is bypassed */
	NIC_STEP_RATE,         /* `vport` receives within a limit */
	NIC_STEP_OFFLOAD,      /* PASS: what the sender leaves unfinished `vport` takes so; FAIL: it is finished here */
};

enum nic_explain_result { NIC_STEP_PASS, NIC_STEP_FAIL, NIC_STEP_OFF };

struct nic_explain_step {
	enum nic_explain_what what;
	enum nic_explain_result result;
	uint32_t vport, filter, members, hash;
	enum nic_vlan_test test;
	uint16_t vlan;
	unsigned qp;
	bool all_groups; /* a look for VPorts that take every group frame */
	bool outside;
};

/* The steps to nic_explain's answer for the same frame: fills up to max, returns how many. */
unsigned nic_explain_steps(const struct nic *n, const struct nic_explain_in *in, const struct nic_explain_dest *d, unsigned ndest,
			   struct nic_explain_step *out, unsigned max);

/* What would become of a frame now: fills up to max destinations, returns how many. The same code that classifies. */
unsigned nic_explain(const struct nic *n, const struct nic_explain_in *in, struct nic_explain_dest *out, unsigned max);

#endif
