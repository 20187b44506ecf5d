/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this room share: the adapter, its VPorts and their queues, and the workers. Ownership stands at
 * each structure; "control" is the one control thread.
 */
#ifndef VMQ_NIC_NIC_PRIV_H
#define VMQ_NIC_NIC_PRIV_H

#include <pthread.h>
#include <semaphore.h>

#include "nic/filter.h"
#include "nic/inbox.h"
#include "nic/light_sleep.h"
#include "nic/limit.h"
#include "nic/nic.h"
#include "nic/offload.h"
#include "nic/rss.h"
#include "vring/virtqueue.h"

#define WORKER_BURST 128u       /* frames that are read and classified together */
#define WORKER_BATCH 512u       /* frames that are delivered together, of up to four bursts (burst_goes_on) */
#define WORKER_RING_FRAMES 16u  /* a batch does not wait for more frames when a ring has so many of it */
#define WORKER_DELIVERIES 512u  /* deliveries collected before they are carried out */
#define WORKER_SEGS 1024u       /* pieces of all chained frames of a burst */
#define WORKER_REFS 2048u       /* references, each of a frame or a run under way to another worker */
#define RETURNS_SLOTS 4096u     /* of the ring in which they come home: so many frames may be under way */
#define RING_SILENT_US 30u      /* a ring without work this long is armed: it costs nothing until its kick */
#define WORKER_SPIN_US 60u      /* a worker without work this long sleeps */
#define RING_QUANTUM 49152      /* bytes a ring may take a turn while others have work too: 32 full frames */
#define KICK_LOOK_US 30u        /* how often a busy worker looks for kicks of armed rings */
#define SLEEP_FOR_EVER UINT64_MAX /* a time in cycles that never comes */

/* Counters of one VPort (or the wire) by one worker: one writer; the reader sums. */
struct counters {
	uint8_t route[NIC_MAX_QUEUE_PAIRS]; /* 1 + index of the worker this worker sends a pair's frames to; 0: none yet (dispatch.c) */
	struct nic_vport_counters c;
} __attribute__((aligned(64)));

/* Added by the owner with plain arithmetic, read by control with relaxed loads of whole words. */
static inline void count(uint64_t *c, uint64_t n)
{
	__atomic_store_n(c, *c + n, __ATOMIC_RELAXED);
}

enum waitable_kind { WAIT_QUEUE, WAIT_PORT, WAIT_INBOX };

struct waitable { /* what an epoll event leads to */
	enum waitable_kind kind;
};

/* A port as a worker works it. Owned by `worker`; made and freed by control. */
struct port_source {
	struct waitable wait; /* first */
	struct port *port;
	struct nic *nic;
	struct nic_vport *vport; /* the host's VPort, NULL: the wire */
	struct worker *worker;
	struct counters *cnt;    /* this worker's of the VPort or wire */
	bool active;             /* polled; else it waits for its descriptor */
	bool watched;            /* its descriptor is in the worker's epoll set */
	bool adopted;            /* in the worker's list; false while it is under way to its worker */
	bool stopping;           /* nothing more is taken from it */
	bool let_go;             /* taken out of the list, not sent on yet */
	bool unflushed;
	uint32_t inflight;       /* frames held by references */
	uint64_t last_work;
	unsigned ntx;            /* frames gathered for tx_burst */
	unsigned niov;
	struct port_tx_frame tx[PORT_BURST];
	struct tx_note {         /* who is told when the port does not take it */
		struct nic_vport *src;
		const struct frame *f;
		struct virtio_net_hdr vnet;
		uint8_t tag[4];
	} note[PORT_BURST];
	struct iovec iov[PORT_BURST * 5 + VQ_MAX_SEGS];
};

/* When the VM is interrupted for received frames. Owned by the ring's worker; see moderate.h. */
struct moderation {
	uint64_t first;  /* cycles: the oldest frame not interrupted for; valid while frames > 0 */
	uint32_t frames; /* published since the last decision */
	uint64_t window; /* cycles: begin of the window the rate is measured over */
	uint32_t window_frames;
	uint16_t delay_us;   /* what the rate asks for (adaptive) */
	uint16_t declined;   /* times in a row that the driver wanted none, MODERATE_DECLINED at most */
};

/* nic_queue.slot while no worker has it in its list */
#define QUEUE_NOT_ADOPTED UINT32_MAX    /* under way to its new worker */
#define QUEUE_LET_GO (UINT32_MAX - 1)   /* taken out of the list, not sent on yet */

/* A started queue pair. Owned by `worker`; published to others as a receiver by nic_vport.queue. */
struct nic_queue {
	struct waitable wait; /* first */
	unsigned qp;
	struct nic_vport *vport;
	struct nic *nic;
	struct worker *worker; /* changes under traffic: others read it with acquire */
	struct counters *cnt;  /* the owner's of the VPort */
	uint32_t rx_frames;    /* delivered in this burst */
	uint16_t rx_planned;   /* deliveries to it in this burst */
	uint16_t rx_place;     /* of the next of them: in the burst (deliver.c), in the ring (scatter.c) */
	uint8_t sends, takes;  /* enum offload: what its driver may leave unfinished, and takes so */
	bool rx_touched;       /* in the worker's list of this burst */
	bool rx_slow;          /* this burst: from here on one by one */
	uint64_t rx_bytes;
	bool tx_noted;         /* in worker.tx_notify */
	unsigned rx_noted;     /* 1 + its place in worker.rx_notify; 0: in none */
	bool told_broken;
	bool traced;           /* a traced frame lies in its receive ring and no interrupt was decided on since */
	/* The rings, and what is above: each begins a line; a burst with many receivers touches them all. */
	struct virtqueue rx __attribute__((aligned(64)));
	struct virtqueue tx __attribute__((aligned(64)));
	struct nic_queue_counters total __attribute__((aligned(64)));
	struct moderation mod; /* of the receive ring's interrupts */
	uint32_t call_seen;    /* the driver's progress when it was interrupted last (notify.c) */
	uint32_t inflight;     /* descriptors of the transmit ring held by references */
	uint32_t unsent;       /* buffers that were in hand at a restart and went back unsent */
	bool active;           /* its transmit ring is in the worker's list of polled sources */
	bool stopping;         /* takes nothing more from the transmit ring */
	unsigned slot;         /* in worker.queues, or one of the above */
	uint64_t last_work;
	int32_t credit;        /* bytes it may still take in this turn when it has company */
	unsigned held;         /* 1 + its place in worker.held: the ring waits for tokens of its rate limit; 0: it does not */
};

/* Made, changed and freed by control; read by workers. */
struct nic_vport {
	uint32_t id;
	bool active;       /* activated; workers read, like all down to bypass */
	bool can_send;     /* active, and has a filter or is the default VPort */
	bool tags_inline;  /* the receiver sees tags in the bytes: trunk or host port */
	bool source_check;
	bool any_vlan;     /* its VM may send what it likes: no VLAN check, or a filter for any VLAN */
	bool no_vlan;      /* its VM may send frames without a VLAN */
	bool tx_limited, rx_limited, group_limited; /* limits are set */
	bool bypass;       /* its rings are in `bypassed` (bypass.c) */
	uint16_t access_vlan; /* put on what its VM sends; 0: nothing */
	enum nic_moderation moderation;
	uint64_t moderation_own; /* frames << 32 | microseconds instead of the level's; 0: the level's */
	struct nic_rss *rss;  /* NULL: off; read with acquire */
	struct nic_queue *queue[NIC_MAX_QUEUE_PAIRS]; /* running; NULL: not. Read with acquire; the first lies in the line of the above */
	struct nic *nic;
	uint64_t *vlan_set;   /* the VLANs of its filters, a bit each, when there are several or it is a trunk; replaced whole */
	uint32_t nfilters;    /* control's, like all below but the pointers */
	struct nic_vport_policy policy;
	struct nic_vport_tuning tuning;
	unsigned cpu;
	unsigned queue_pairs;
	struct vlan_use { /* VLAN tests of its filters, counted; grown by control */
		uint16_t vlan;
		uint32_t count;
	} *vlans;
	uint32_t nvlans;
	struct worker *pair_worker[NIC_MAX_QUEUE_PAIRS]; /* control's: where RSS wants the pair; NULL: on the VPort's CPU */
	struct nic_queue *bypassed[NIC_MAX_QUEUE_PAIRS]; /* workers read with acquire */
	struct worker *home;      /* of its CPU; workers read with acquire */
	struct nic_queue *started[NIC_MAX_QUEUE_PAIRS]; /* control's own view */
	struct port_source *host; /* workers read with acquire */
	struct nic_queue_counters past[NIC_MAX_QUEUE_PAIRS]; /* control's: of the pair's queues that have been stopped */
	uint64_t serial; /* control's */
	struct { /* workers write: in lines of their own */
		struct limit tx, rx, group;
	} limit __attribute__((aligned(64)));
	struct counters cnt[];    /* one a worker */
};

struct nic {
	struct nic_engine *engine;
	char name[64];
	void (*event)(void *ctx, const struct nic_event *ev);
	void *ctx;
	struct filter_table *filters;             /* workers read with acquire */
	struct nic_vport *vport[NIC_MAX_VPORTS];  /* workers read with acquire; NULL: none */
	struct port_source *wire;                 /* workers read with acquire */
	uint64_t host_mac;                        /* what the default VPort takes unasked, 0: all; workers read */
	struct nic_filter **by_id;                /* control's: FilterId → filter, NULL: none; NIC_MAX_FILTERS + 1 */
	struct counters *wire_cnt; /* one a worker */
	uint64_t serials; /* control's: given to VPorts so far */
};

struct command { /* from control to a worker */
	/* Runs in the worker, once a turn, until it returns true. */
	bool (*run)(struct worker *w, struct command *c);
	void *arg;
	void *arg2;
	union { /* copied: the command may run after its wait was given up */
		int fd[4]; /* receive kick and call, transmit kick and call */
		struct {
			uint8_t *log;
			uint64_t size;
		} log;
		enum nic_policy policy;
		enum nic_light_sleep light_sleep;
	} data;
	bool finished; /* the worker's release store pairs with control's acquire load */
	sem_t done;
};

/* One delivery: a frame to a ring of this worker. */
struct delivery {
	struct frame *f;
	uint32_t len;     /* bytes of it that the receiver gets */
	uint8_t op;       /* enum tag_op */
	bool plain;       /* it is known that copy_plain does: it goes as it came, and frame_is_read */
	uint16_t buffers; /* receive buffers it took; 0: it was dropped */
};

/* Deliveries to one ring that came in a run; when they are carried out ring by ring, all of them (deliver.c). */
struct row {
	struct nic_queue *q;
	uint16_t first, n; /* in worker.deliver and worker.rx_buf */
	uint16_t pos;      /* of the receive ring's buffer for the first */
	uint16_t fast;     /* of them, from the first on: into one piece of memory each */
};

struct worker {
	struct nic_engine *engine;
	unsigned index;
	uint16_t cpu;
	pthread_t thread;
	int epfd, wakefd;
	struct waitable wake_wait;
	uint64_t turn;   /* odd or even, it only has to change: the quiescent point others wait for */
	bool asleep;     /* pairs with the fences in worker_wake and nic_quiesce */
	bool stop;
	struct nic_queue **queues; /* the rings it owns; the first nactive are polled */
	unsigned nqueues, nactive, queue_cap;
	struct held_queue { /* not polled although there may be frames: they wait for tokens */
		struct nic_queue *q;
		uint64_t due; /* cycles */
	} *held;          /* queue_cap of them */
	unsigned nheld;
	uint64_t held_due; /* the earliest, SLEEP_FOR_EVER: none */
	enum nic_policy policy;
	uint64_t spin, silent; /* cycles: what the policy makes of WORKER_SPIN_US and RING_SILENT_US */
	struct port_source *ports[2 * NIC_MAX_WORKERS];
	unsigned nports;
	struct command *pending[16]; /* commands that wait for something */
	unsigned npending;
	uint64_t now;       /* cycles, read once a turn */
	uint64_t next_look; /* for kicks of armed rings */

	/* the batch, and of it the burst: the frames that are not classified yet */
	const struct tap_set *taps; /* who looks on, NULL: nobody; control stores it (tap_control.c) */
	unsigned nframes, nclassified, nsegs, ndeliver, ntouched;
	unsigned nrows, nrowed; /* nrowed: so many deliveries, from the first on, are in rows */
	bool mixed;            /* the last deliveries went to their rings in turn, not in a run for each */
	uint16_t ring_planned; /* the bits of all rx_planned that the batch has seen: no ring has more than this */
	struct frame frame[WORKER_BATCH];
	struct delivery deliver[WORKER_DELIVERIES], regrouped[WORKER_DELIVERIES];
	struct vq_buf rx_buf[WORKER_DELIVERIES]; /* where they go; len: with the virtio header */
	struct row row[WORKER_DELIVERIES];
	struct nic_queue *touched[WORKER_DELIVERIES];
	struct nic_queue *ring[WORKER_DELIVERIES]; /* of each delivery; not of those in rows, until it is asked for (deliver.c) */
	struct vq_seg segs[WORKER_SEGS];
	unsigned nfinished, nfinish_segs;
	struct finished finished[FINISH_PARTS]; /* parts of frames that were finished here */
	struct vq_seg finish_segs[FINISH_SEGS];
	struct nic_queue **tx_notify; /* rings with buffers given back in this turn; queue_cap of them */
	struct rx_notify {            /* rings with frames that their VMs were not interrupted for yet; queue_cap of them */
		struct nic_queue *q;
		uint64_t due; /* cycles */
	} *rx_notify;
	unsigned ntx_notify, nrx_notify;
	uint64_t rx_due;              /* the earliest, SLEEP_FOR_EVER: none */
	uint32_t seen[NIC_MAX_VPORTS]; /* group delivery: round in which the VPort got the frame */
	uint32_t seen_round;
	uint64_t wake_mask;         /* workers whose inbox got something this turn */
	bool hold;                  /* take nothing from VMs (nic_engine_hold) */
	bool drain;                 /* take nothing from sources until all references are home (dispatch.c) */

	/* references to frames at other workers */
	struct frame_ref *refs, **free_refs;
	unsigned nfree_refs, under_way; /* under_way: frames, counted for each worker that they went to */
	struct frame_ref *copies; /* of bypassed frames of this burst that stay on this CPU (bypass.c) */
	struct inbox inbox[NIC_MAX_WORKERS];    /* from each worker */
	struct spsc returns[NIC_MAX_WORKERS];   /* our references, come back (inbox_homing) */
	struct spsc commands;                   /* from control */

	/* statistics: written by the worker, read by control */
	uint64_t turns, polls, sleeps, frames, busy_cycles, poll_cycles, sleep_cycles;
	uint64_t watched_turn; /* control's: `turn` at the last nic_engine_watch */
	uint64_t sleep_begin; /* cycles; of the sleep under way while `asleep` */
	uint64_t timed_sleeps; /* of the sleeps, those that a timer ended */
	uint64_t batch[NIC_BATCH_SIZES];
	uint32_t rings, rings_armed, rings_held;

	struct light_sleep light;

	/* events for control */
	struct spsc events;
} __attribute__((aligned(64)));

struct nic_engine {
	unsigned nworkers;
	uint64_t cycles_per_us;
	int event_fd;
	struct tap_set *taps;  /* control's: what the workers have */
	uint16_t tap_number;   /* of the last one started */
	void **retired; /* to be freed after the next quiescent point */
	unsigned nretired, retired_cap;
	struct worker *w[NIC_MAX_WORKERS];
};

/* ---- time ---- */
#ifdef __x86_64__
#include <x86intrin.h>
static inline uint64_t cycles(void)
{
	return __rdtsc();
}
static inline void cpu_relax(void)
{
	_mm_pause();
}
#else
#include <time.h>
static inline uint64_t cycles(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline void cpu_relax(void)
{
}
#endif

/* Words of a VPort that control stores while workers read. */
static inline bool is_set(const bool *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}
static inline uint16_t access_vlan_of(const struct nic_vport *v)
{
	return __atomic_load_n(&v->access_vlan, __ATOMIC_RELAXED);
}

static inline struct nic_vport *vport_of(const struct nic *n, uint32_t id)
{
	return id < NIC_MAX_VPORTS ? __atomic_load_n(&n->vport[id], __ATOMIC_ACQUIRE) : NULL;
}

static inline struct counters *vport_counters(struct nic_vport *v, const struct worker *w)
{
	return &v->cnt[w->index];
}

/* The queue that gets this frame of the VPort; NULL: no VM. A pair that the guest has not enabled is served by pair 0. */
static inline struct nic_queue *receiver(const struct nic_vport *v, const struct frame *f)
{
	const struct nic_rss *rss = __atomic_load_n(&v->rss, __ATOMIC_ACQUIRE);
	struct nic_queue *q = NULL;

	if (__builtin_expect(rss != NULL, 0))
		q = __atomic_load_n(&v->queue[rss_queue(rss, f)], __ATOMIC_ACQUIRE);
	return q ? q : __atomic_load_n(&v->queue[0], __ATOMIC_ACQUIRE);
}

/* The queue that gets all frames of the VPort, NULL: no table chooses among several and there is one. v may be NULL. */
static inline struct nic_queue *only_queue(const struct nic_vport *v)
{
	return v && !__atomic_load_n(&v->rss, __ATOMIC_ACQUIRE) ? __atomic_load_n(&v->queue[0], __ATOMIC_ACQUIRE) : NULL;
}

static inline const struct nic *frame_nic(const struct frame *f)
{
	return f->queue ? f->queue->nic : f->port->nic;
}

/* The key of a frame of a source's burst, whose place in a table that is no longer near is on the way here from now on. *last: the key of the
 * frame before it, 0: there is none. */
static inline void frame_find_key(struct frame *f, const struct filter_table *t, uint64_t *last)
{
	f->key = filter_key_of(f->hdr, frame_vid(f));
	f->follows = f->key == *last;
	if (!f->follows && t->mask >= FILTER_TABLE_NEAR)
		__builtin_prefetch(filter_bucket(t, f->key));
	*last = f->key;
}

/* Does somebody take what is sent to the VPort without its being asked: a VM at its first pair, or the host? */
static inline bool vport_has_receiver(const struct nic_vport *v)
{
	return __atomic_load_n(&v->queue[0], __ATOMIC_ACQUIRE) || __atomic_load_n(&v->host, __ATOMIC_ACQUIRE);
}

/* rss.c: the table of the VPort's RSS, when it is on, is dealt out to the pairs that run, all but `without` (NIC_NO_PAIR: all). */
#define NIC_NO_PAIR NIC_MAX_QUEUE_PAIRS
void vport_deal(struct nic_vport *v, unsigned without);
/* The pairs beyond the first of each CPU of the table go where the first is; without RSS none has a place of its own. */
void vport_pair_workers(struct nic_vport *v);

static inline void count_drop(struct counters *cnt, enum nic_drop why)
{
	count(&cnt->c.drops[why], 1);
}

/* ---- engine.c: control ---- */
struct worker *engine_worker(const struct nic_engine *e, unsigned cpu); /* NULL: no worker has that CPU */
/* Runs `c` (copied) in the worker and waits for it; -ETIMEDOUT after NIC_WAIT_MS: it may still run later. */
int engine_command(struct worker *w, const struct command *c);
/* Waits until every worker has passed a quiescent point, then frees what was retired. 0 or -ETIMEDOUT. */
int nic_quiesce(struct nic_engine *e);
/* Frees p after the next quiescent point (without waiting for it). */
void nic_retire(struct nic_engine *e, void *p);
/* From a worker: tells control that the queue broke. */
void engine_report_broken(struct worker *w, struct nic_queue *q);

/* ---- worker.c ---- */
void *worker_main(void *arg);
/* From another thread, after pushing into one of its rings. */
void worker_wake(struct worker *w);
void worker_add_queue(struct worker *w, struct nic_queue *q);
void worker_remove_queue(struct worker *w, struct nic_queue *q);
void worker_activate_queue(struct worker *w, struct nic_queue *q);
/* It is not polled until `due` (cycles): its VPort's rate limit has nothing left. */
void worker_hold_queue(struct worker *w, struct nic_queue *q, uint64_t due);
/* It is polled again now, if it was held. */
void worker_release_queue(struct worker *w, struct nic_queue *q);
void worker_set_policy(struct worker *w, enum nic_policy policy);
void worker_add_port(struct worker *w, struct port_source *s);
void worker_remove_port(struct worker *w, struct port_source *s);

/* ---- ingress.c: worker ---- */
/* Frames from the transmit ring into the burst; returns how many entries were taken. With company a ring takes no more
 * bytes than its credit, which grows by RING_QUANTUM a turn: long frames don't starve short ones. */
unsigned ingress_queue(struct worker *w, struct nic_queue *q);
unsigned ingress_port(struct worker *w, struct port_source *s);
/* One frame that lies in `data` until the burst is finished, from a source that receives nothing by itself. */
void ingress_inject(struct worker *w, struct port_source *s, uint8_t *data, uint32_t len);
/* Classifies the burst and delivers and completes the batch. */
void burst_finish(struct worker *w);
/* Before the burst is finished: may the batch have another one? Only where a receiver gets a few frames of a burst, in turn with
 * others, and no byte of them is with their sender any more. Then they are classified, their buffers are given back, so that the
 * sender can fill them meanwhile, and they wait for those of the next burst. False: it is time for burst_finish. */
bool burst_goes_on(struct worker *w);
/* So many frames more can be taken. */
static inline unsigned burst_room(const struct worker *w)
{
	return w->nclassified + WORKER_BURST - w->nframes;
}
/* There is room for a frame at least. */
static inline void burst_make_room(struct worker *w)
{
	if (burst_room(w) == 0 && !burst_goes_on(w))
		burst_finish(w);
}

/* ---- classify.c: worker, and control for explain ---- */
/* The parts of classify_admit: does a filter of the VPort hold this VLAN (0: none), is the source address one of its
 * filters'; and an access VPort's VM sends into its VLAN: untagged frames get the tag, priority-tagged keep theirs. */
bool classify_may_send(const struct nic_vport *src, unsigned vid);
bool classify_source_is_own(const struct nic *n, const struct nic_vport *src, const struct frame *f);
void classify_give_vlan(struct frame *f, uint16_t access);
/* Does the host's device take this unicast frame that no filter claims? */
bool classify_host_accepts(const struct nic *n, const struct frame *f);
struct verdict {
	enum { VERDICT_ONE, VERDICT_OUTSIDE, VERDICT_GROUP, VERDICT_DROP } kind;
	uint32_t vport;  /* ONE */
	uint32_t filter; /* ONE: FilterId, 0: the default rule */
	enum nic_drop drop;
};
/* Checks what the sender may send, and gives the frame its VLAN. False: dropped, *why. */
bool classify_admit(const struct nic *n, const struct nic_vport *src, struct frame *f, enum nic_drop *why);
/* The VPorts of a group frame by filter and policy, each once, without sender and default VPort. Calls `to` for each. */
void classify_group(const struct nic *n, const struct filter_table *t, const struct frame *f, uint32_t *seen, uint32_t round,
		    void (*to)(void *ctx, struct nic_vport *v, uint32_t filter), void *ctx);

/* ---- explain.c: worker, and control ---- */
/* What would become of f, whose sender is src (NULL with FRAME_FROM_WIRE). f gets the VLAN that classify_admit gives it.
 * Fills up to max destinations, returns how many there are. */
unsigned explain_frame(const struct nic *n, const struct nic_vport *src, struct frame *f, struct nic_explain_dest *out, unsigned max);
/* ---- explain_steps.c: control ---- */
/* What is looked at on the way of f as it came, whose destinations explain_frame has said; returns how many steps. */
unsigned explain_steps(const struct nic *n, const struct nic_vport *src, struct frame *f, const struct nic_explain_dest *d, unsigned ndest,
		       struct nic_explain_step *out, unsigned max);

/* ---- deliver.c: worker ---- */
void deliver_rings(struct worker *w);
/* ---- scatter.c: worker ---- */
/* All deliveries of the burst, w->ring says to where, but for the publication; false: they need more than this way, nothing is
 * done yet. */
bool scatter(struct worker *w);
/* ---- egress.c: worker ---- */
void egress_port(struct worker *w, struct port_source *s, struct frame *f, enum tag_op op, struct nic_vport *src);
void egress_flush(struct worker *w, struct port_source *s);
/* ---- handover.c: worker ---- */
/* The frame, as it is, to a VPort (or FRAME_TO_WIRE) that another worker has; false: dropped, *why. */
bool handover_frame(struct worker *w, struct worker *to, struct frame *f, uint16_t dst, enum nic_drop *why);
/* n frames of one source, 1 or more, likewise, all to the ring of queue pair qp. Returns how many went; those behind them have
 * to be dropped, *why. */
unsigned handover_run(struct worker *w, struct worker *to, struct frame *f, unsigned n, uint16_t dst, unsigned qp, enum nic_drop *why);
/* What came here is sent on: a frame of a run, a reference. False: the inbox is full. */
bool handover_ticket(struct worker *w, struct worker *to, const struct inbox_item *run, const struct ticket *t);
bool handover_ref(struct worker *w, struct worker *to, struct frame_ref *r);
/* What was put into others' inboxes and returns in this turn is seen by them from now on (worker_wake comes after it). */
void handover_publish(struct worker *w);
/* The queue itself: `to` polls its transmit ring from now on. False: the inbox is full, try again. */
bool handover_queue(struct worker *w, struct worker *to, struct nic_queue *q);
bool handover_port(struct worker *w, struct worker *to, struct port_source *s);
/* What has come home; returns how many references. */
unsigned handover_returns(struct worker *w);
/* The frame to a bypassed VPort by way of `to`, the default queue's worker (maybe this one): its bytes are copied, so that
 * its sender gets the buffer back at the end of the burst. False: dropped, *why. */
bool handover_copy(struct worker *w, struct worker *to, const struct frame *f, uint16_t dst, enum nic_drop *why);
/* A copy that this worker made is not needed any more. */
void handover_copy_done(struct worker *w, struct frame_ref *r);
/* ---- arrive.c: worker ---- */
/* What others have put into the inboxes; returns how much that was. No burst is under way. */
unsigned arrive_inboxes(struct worker *w);
/* A copy that this worker made passes the default queue here. True: it is delivered when the burst is carried out; false: it was
 * sent on. */
bool arrive_copy(struct worker *w, struct frame_ref *r);
/* ---- bypass.c: worker ---- */
/* As receiver(), bypassed or not. */
struct nic_queue *bypass_receiver(const struct nic_vport *v, const struct frame *f);
/* The worker of the default queue. */
struct worker *bypass_worker(const struct nic *n, struct worker *otherwise);
/* The software switch on the default queue's CPU: looks the frame up again. */
void bypass_passes(struct worker *w, struct frame_ref *r);
/* Behind the deliveries of a burst. */
void bypass_release(struct worker *w);
/* Control: queue pair qp runs (NULL: no more), which workers learn. */
void bypass_publish(struct nic_vport *v, unsigned qp, struct nic_queue *q);
/* ---- dispatch.c: worker ---- */
/* A frame of this worker's sources to a VPort: its ring or port here, or the worker that has it. */
void dispatch_vport(struct worker *w, struct frame *f, struct nic_vport *v);
void dispatch_wire(struct worker *w, const struct nic *n, struct frame *f);
/* A frame that arrived from another worker, to a ring or port that is here now; v NULL: the wire. */
void dispatch_arrived(struct worker *w, const struct nic *n, struct frame *f, struct nic_vport *v);
/* Frames that arrived from another worker, to a ring of this one. */
void dispatch_arrived_row(struct worker *w, struct frame *f, unsigned n, struct nic_queue *q);
/* Carries out what the lists of rings and ports hold; afterwards no frame's bytes are needed any more. */
void dispatch_carry_out(struct worker *w);
/* A frame goes nowhere, which is counted at its sender. */
void dispatch_drop(struct worker *w, const struct nic *n, const struct frame *f, enum nic_drop why);
/* ---- notify.c: worker ---- */
/* Buffers were given back to the transmit ring. */
void notify_tx(struct worker *w, struct nic_queue *q);
/* Frames were published in the receive ring; the VM is to be interrupted for them at `due` (cycles, moderate.h). */
void notify_rx(struct worker *w, struct nic_queue *q, uint64_t due);
/* Interrupts for what is due; with `all` also for what moderation would hold back. */
void notify_flush(struct worker *w, bool all);

/* ---- queue.c, nic.c: control ---- */
/* To another worker, under traffic; 0 or -ETIMEDOUT. */
int queue_move(struct nic_queue *q, struct worker *to);
int port_source_move(struct port_source *s, struct worker *to);
void counters_add(struct nic_vport_counters *sum, const struct counters *c);

/* ---- vport.c: control ---- */
void vport_refresh(struct nic_vport *v); /* recomputes what workers read from state and filters */

#endif
