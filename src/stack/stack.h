/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtualization stack: what a person wants (this VM, this MAC, this VLAN, that CPU) turned into OID requests.
 * It owns policy and names: which VPort is called what, which socket it has, which broadcast filter was brought by
 * which MAC filter. Everything the contract keeps (filters, states, affinity, moderation) is read back through the
 * contract each time it is shown. One stack serves all adapters of the process; VPort names are unique among them.
 *
 * A wish of several requests is all or nothing: what was done is undone when a later step is refused.
 *
 * Thread: the control thread only. The stack never touches sockets, rings or frames: whoever created it gives the
 * callbacks of struct stack_ops for what is not the contract's.
 *
 * Errors: 0 or -1 with a struct stack_error filled.
 */
#ifndef VMQ_STACK_STACK_H
#define VMQ_STACK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/stack_error.h"

#define STACK_NAME_SIZE 65     /* 64 characters and the NUL */
#define STACK_PATH_SIZE 108    /* sockaddr_un.sun_path */
#define STACK_MAX_CPUS 64u
#define STACK_DEFAULT_NAME "default" /* the default VPort's name on each adapter */

struct stack;
struct stack_adapter;
struct stack_vport;
struct ndis_adapter;

/* ---- what is wanted ---- */

enum stack_vlan_kind { STACK_VLAN_UNTAGGED, STACK_VLAN_ID, STACK_VLAN_ANY };

struct stack_vlan {
	enum stack_vlan_kind kind;
	uint16_t id; /* 1 … 4094 with STACK_VLAN_ID, else 0 */
};

#define STACK_VLANS 4096u /* VLAN tests there are: untagged, 1 … 4094, any */

/* A set of VLAN tests. */
struct stack_vlans {
	uint64_t id[4096 / 64];
	bool untagged, any;
};

/* A receive filter; `broadcast`: it brings one for ff:ff:ff:ff:ff:ff with the same VLAN test (never for group MACs). */
struct stack_filter_want {
	uint8_t mac[6];
	bool broadcast;
	struct stack_vlan vlan;
	uint32_t id, broadcast_id; /* the identifiers they shall get if those are free; 0: any */
};

struct stack_policy {
	bool source_check, vlan_check, all_multicast;
	bool trunk; /* the VM sees VLAN tags in its frames, and sends its own */
};

#define STACK_RSS_KEY 40u

/* How what a VPort receives is spread over its queue pairs. All 0: as the stack thinks best. */
struct stack_rss {
	bool off;                      /* all comes by the first pair */
	unsigned ncpus;                /* 0: the VPort's and the workers listed behind it; else */
	uint16_t cpus[STACK_MAX_CPUS]; /* the pairs are on these, ascending, the VPort's own among them */
	uint32_t types;                /* what is hashed, bits of the contract (NDIS_HASH_…); 0: all six */
	bool has_key;                  /* else the customary one */
	uint8_t key[STACK_RSS_KEY];
};

/* A rate a second (0: no limit) and what may pass at once (0: the adapter's choice). */
struct stack_rate {
	uint64_t per_s, burst;
};

/* Rate limits, and numbers for interrupt moderation instead of its level's (0: the level's). */
struct stack_tuning {
	struct stack_rate tx_bytes, tx_frames, rx_bytes, rx_frames, group_frames;
	uint32_t moderation_us, moderation_frames;
};

enum stack_socket_mode { STACK_SOCKET_SERVER, STACK_SOCKET_CLIENT };

struct stack_vport_want {
	char name[STACK_NAME_SIZE];
	uint32_t id;    /* the identifier it shall get if that is free; 0: any */
	bool cpu_given; /* false: the worker with the fewest VPorts */
	bool cpu_by_plan; /* with cpu_given: no person's choice, so that plans may change it */
	unsigned cpu;
	unsigned queue_pairs;
	bool on_vf; /* a VF is allocated for it; its address is the first filter's that is no group's */
	/* Not activated until its VM's rings start: its filters claim nothing, and what is for the VM finds it where it still
	 * is. Means nothing on a VF, whose VPort is active from its birth, and for a VM queue. */
	bool awaits_vm;
	uint32_t moderation; /* NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION */
	struct stack_policy policy;
	struct stack_tuning tuning;
	struct stack_rss rss;
	char socket[STACK_PATH_SIZE]; /* not empty */
	enum stack_socket_mode socket_mode;
	const struct stack_filter_want *filters; /* set in this order */
	size_t nfilters;
};

/* What shall change; members without their flag are not looked at. */
struct stack_vport_change {
	bool set_cpu, set_moderation, set_name, set_active, set_queue_pairs;
	bool set_source_check, set_vlan_check, set_all_multicast, set_trunk, set_tuning, set_rss;
	bool set_vlans; /* the addresses of its filters get these VLANs and no others */
	bool by_plan;  /* with set_cpu: no person's choice, so that plans may change it again */
	bool let_plan; /* the CPU stays as it is, and plans may change it from now on */
	unsigned cpu;
	unsigned queue_pairs;
	uint32_t moderation;
	char name[STACK_NAME_SIZE];
	struct stack_policy policy;
	struct stack_tuning tuning; /* all of it */
	struct stack_vlans vlans;
	struct stack_rss rss; /* all of it */
};

/* ---- what there is ---- */

/* What an adapter gives a VM (spec/60 §2). Of a neutral one (NIC_SWITCH_WITHOUT_IOV) it is a VM queue, until somebody
 * makes the switch. */
enum stack_model {
	STACK_MODEL_NONE,   /* nothing: the host alone has the adapter */
	STACK_MODEL_QUEUES, /* a VM queue: one receive queue with its filters (NDIS 6.20) */
	STACK_MODEL_SWITCH, /* a VPort of the NIC switch */
};

struct stack_vport_info {
	uint32_t id; /* VPortId, or QueueId */
	bool is_queue; /* a VM queue; else a VPort */
	char name[STACK_NAME_SIZE];
	bool active; /* moves frames as far as it has filters; a VM queue: it runs */
	bool on_pf; /* else on VF `vf`; means nothing of a VM queue */
	uint16_t vf;
	unsigned cpu;
	unsigned queue_pairs;
	uint32_t moderation;
	uint32_t num_filters;
};

struct stack_filter_info {
	uint32_t id, vport; /* FilterId; VPortId or QueueId */
	uint8_t mac[6];
	struct stack_vlan vlan;
	bool companion; /* brought by a MAC filter of the same VPort, and gone with the last of them */
	bool broadcast; /* a MAC filter that counts on such a companion */
};

struct stack_switch_info {
	enum stack_model model;
	/* with STACK_MODEL_QUEUES, the default queue not included */
	uint32_t num_queues, max_queues;
	uint32_t num_filters, max_filters;
	/* the rest with STACK_MODEL_SWITCH */
	uint32_t id;
	char name[STACK_NAME_SIZE];
	uint32_t num_vports, max_vports; /* the default one included */
	uint32_t queue_pairs, max_queue_pairs;
	uint32_t num_vfs, max_vfs; /* allocated, enabled */
};

/* ---- what is not the contract's: given by whoever creates the stack; `ctx` is stack_create's ---- */

struct stack_ops {
	/* The VPort's socket begins to be served / ends. open: 0 or -1 with the error; close cannot fail and returns
	 * when no ring of the VPort is in use any more. */
	int (*open_endpoint)(void *ctx, struct stack_vport *v, struct stack_error *e);
	void (*close_endpoint)(void *ctx, struct stack_vport *v);
	/* Something is done: "vport_added", "filter_set" …, docs/rpc.md's event names. `f` is NULL for events of a
	 * VPort; "vport_deleted" is said while `v` is still there. */
	void (*event)(void *ctx, const char *name, struct stack_vport *v, const struct stack_filter_info *f);
	/* What is asked of the VPort, its filters included, is other than it was; before the event that says so. Both
	 * VPorts of a move are told. May be NULL. */
	void (*changed)(void *ctx, struct stack_vport *v);
};

struct stack_config {
	const uint16_t *cpus; /* the workers' CPUs; copied */
	unsigned ncpus;       /* 1 … STACK_MAX_CPUS */
	const struct stack_ops *ops; /* must outlive the stack */
	void *ctx;
};

int stack_create(const struct stack_config *cfg, struct stack **out, struct stack_error *e);
/* Removes every adapter first. NULL is allowed. */
void stack_destroy(struct stack *s);

/* ---- adapters (stack_switch.c) ---- */

/* Takes an adapter under control; its default VPort or default queue becomes a stack_vport (id 0), on `default_cpu`, the
 * CPU its driver serves it on. `na` stays the caller's and must outlive stack_adapter_remove; `user` is handed back by
 * stack_adapter_user. */
int stack_adapter_add(struct stack *s, const char *name, struct ndis_adapter *na, unsigned default_cpu, void *user,
		      struct stack_adapter **out, struct stack_error *e);
/* Clears every filter, ends every endpoint and deletes every VPort the stack made. What the adapter refuses to give up
 * is logged and left to its own end. */
void stack_adapter_remove(struct stack_adapter *a);
const char *stack_adapter_name(const struct stack_adapter *a);
void *stack_adapter_user(const struct stack_adapter *a);
/* The adapter of that name; with NULL the only one there is. */
struct stack_adapter *stack_adapter_find(const struct stack *s, const char *name, struct stack_error *e);
int stack_switch_info(struct stack_adapter *a, struct stack_switch_info *out, struct stack_error *e);
enum stack_model stack_adapter_model(const struct stack_adapter *a);
/* The NIC switch of an adapter that is neutral, by NDIS's own requests: made, and deleted when nothing else is left on
 * it. Refused where the mode decides (SR-IOV: it is always there). */
int stack_switch_add(struct stack_adapter *a, struct stack_error *e);
int stack_switch_del(struct stack_adapter *a, struct stack_error *e);

/*
 * ---- VPorts (stack_vport.c) ----
 *
 * A stack_vport is the place of one VM on an adapter. The contract's object behind it is a VPort, or with
 * STACK_MODEL_QUEUES a VM queue (stack_queue.c), which has one queue pair and no interrupt moderation of its own, and
 * whose filters do not move; what it lacks is refused in these words.
 */

/* CREATE_VPORT, policy, SET_FILTER for each filter, the endpoint, activation (unless it awaits its VM), RSS; or nothing of it. On a VF: ALLOCATE_VF first,
 * and no activation, since the VPort of a VF is active from its birth. A VM queue: ALLOCATE_QUEUE, policy, SET_FILTER, the
 * endpoint, QUEUE_ALLOCATION_COMPLETE. */
int stack_vport_add(struct stack_adapter *a, const struct stack_vport_want *want, struct stack_vport **out,
		    struct stack_error *e);
/* All changes or none. The default VPort takes cpu, moderation and policy, the default queue policy only; a VPort on a VF
 * keeps its queue pairs. */
int stack_vport_set(struct stack_vport *v, const struct stack_vport_change *c, struct stack_error *e);
/* Its filters are cleared, its endpoint is closed, DELETE_VPORT (on a VF then RESET_VF and FREE_VF) or FREE_QUEUE; `v` is
 * gone then. On failure all is as before. */
int stack_vport_del(struct stack_vport *v, struct stack_error *e);
/* By name, on the adapter or (NULL) on any; "default" needs the adapter when there are several. */
struct stack_vport *stack_vport_find(const struct stack *s, const struct stack_adapter *a, const char *name,
				     struct stack_error *e);
struct stack_vport *stack_vport_by_id(const struct stack_adapter *a, uint32_t id);
/* Read from the contract. */
int stack_vport_info(struct stack_vport *v, struct stack_vport_info *out, struct stack_error *e);
int stack_vport_policy(struct stack_vport *v, struct stack_policy *out, struct stack_error *e);
int stack_vport_tuning(struct stack_vport *v, struct stack_tuning *out, struct stack_error *e);
void stack_vport_rss(const struct stack_vport *v, struct stack_rss *out); /* what was asked for */
/* Hash types and key, which a VPort keeps for its life once its frames were spread. */
bool stack_rss_same_hash(const struct stack_rss *a, const struct stack_rss *b);
/* All of an adapter by one request, ascending ids, those included that somebody else made by requests of his own;
 * free() the array. */
int stack_vport_list(struct stack_adapter *a, struct stack_vport_info **out, size_t *n, struct stack_error *e);

/* What is the stack's own. */
uint32_t stack_vport_id(const struct stack_vport *v);
const char *stack_vport_name(const struct stack_vport *v);
struct stack_adapter *stack_vport_adapter(const struct stack_vport *v);
/* The contract's object behind it is a VM queue, and its id a QueueId. */
bool stack_vport_is_queue(const struct stack_vport *v);
const char *stack_vport_socket(const struct stack_vport *v); /* empty: the default VPort */
enum stack_socket_mode stack_vport_socket_mode(const struct stack_vport *v);
bool stack_vport_cpu_chosen(const struct stack_vport *v); /* a person said which CPU; else plans may change it */
bool stack_vport_awaits_vm(const struct stack_vport *v);  /* not activated; stack_vport_set with set_active does it */
/* What open_endpoint wants to find again; NULL at first. */
void stack_vport_set_endpoint(struct stack_vport *v, void *endpoint);
void *stack_vport_endpoint(const struct stack_vport *v);

/* ---- VFs (stack_vf.c) ---- */

enum stack_vf_state { STACK_VF_ALLOCATED, STACK_VF_ATTACHED, STACK_VF_CARRYING }; /* spec/30 §4 */

struct stack_vf_info {
	uint16_t id;
	uint32_t rid; /* segment << 16 | bus << 8 | function */
	enum stack_vf_state state;
	char vm[STACK_NAME_SIZE]; /* who it was allocated for, by name */
	uint8_t mac[6];
	uint32_t vport;       /* 0: none */
	unsigned queue_pairs; /* its VPort's */
};

/* All VFs of an adapter, ascending ids, those included that somebody else allocated; free() the array. */
int stack_vf_list(struct stack_adapter *a, struct stack_vf_info **out, size_t *n, struct stack_error *e);

/* ---- filters (stack_filter.c) ---- */

#define STACK_FILTERS_MADE 2u /* the filter and the broadcast filter it brings */

int stack_filter_add(struct stack_vport *v, const struct stack_filter_want *want,
		     struct stack_filter_info made[STACK_FILTERS_MADE], unsigned *nmade, struct stack_error *e);
/* With the last MAC filter of a VLAN test the broadcast filter goes that they brought. */
int stack_filter_del(struct stack_adapter *a, uint32_t id, struct stack_error *e);
/* MOVE_FILTER: no frame is lost, none arrives twice. The broadcast filter follows as far as it is needed. Refused with
 * VM queues, which have nothing of that kind. */
int stack_filter_move(struct stack_adapter *a, uint32_t id, struct stack_vport *to, struct stack_filter_info *out,
		      struct stack_error *e);
/* The filter brings a broadcast filter from now on, or no more; a group's filter never does, and nothing happens. The filter
 * itself stays as it is. */
int stack_filter_set_broadcast(struct stack_adapter *a, uint32_t id, bool on, struct stack_error *e);
/* Filters of one VPort, or of all (NULL), ascending ids; read from the contract; free() the array. */
int stack_filter_list(struct stack_adapter *a, const struct stack_vport *v, struct stack_filter_info **out, size_t *n,
		      struct stack_error *e);

/* ---- checks of single values, for whoever reads them from text ---- */

/* Adds a test to the set. */
void stack_vlans_put(struct stack_vlans *s, const struct stack_vlan *v);
/* The tests of the set in ascending order into `out` (NULL: only counted), which has room for STACK_VLANS. How many. */
size_t stack_vlans_list(const struct stack_vlans *s, struct stack_vlan *out);

/* 1 … 64 of A-Za-z0-9_.- and not "." or "..". */
bool stack_name_ok(const char *name);
/* Why no VPort may be called so although it is a name (a static sentence), or NULL. */
const char *stack_name_taken(const char *name);

#endif
