/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack's own structures and the requests it makes. Only for files of src/stack.
 */
#ifndef VMQ_STACK_STACK_PRIV_H
#define VMQ_STACK_STACK_PRIV_H

#include <sys/queue.h>
#include <vmq/ndis.h>
#include <vmq/ndis_vmq.h>

#include "ndis/ndis_adapter.h"
#include "stack/stack.h"

#define STACK_MAX_VPORT_ID  65535u /* ids travel beside frames in 16 bits (spec/70 Q20) */
#define STACK_MAX_FILTER_ID 65536u
#define STACK_BUCKETS	    2048u /* of the tables of names and sockets */

/* The broadcast filter of one VLAN test on one VPort. */
struct stack_broadcast {
	struct stack_vlan vlan;
	uint32_t id;
	uint32_t users;  /* MAC filters that brought it or found it there */
	bool wanted;     /* somebody asked for it by its own address: it stays without users */
	LIST_ENTRY(stack_broadcast) link;
};

struct stack_vport {
	struct stack_adapter *adapter;
	uint32_t id;
	char name[STACK_NAME_SIZE];
	unsigned cpu;
	bool cpu_chosen; /* by a person; else plans may change it */
	bool moved;      /* by plans, from CPU `home` */
	unsigned home;
	bool home_chosen; /* cpu_chosen at that time */
	unsigned queue_pairs;
	struct stack_rss rss;
	bool spread; /* RSS is on */
	bool hashed; /* it was, once: the contract has `hash`, types and key, for the VPort's life */
	struct stack_rss hash;
	bool awaits_vm; /* not activated yet, and RSS not asked for: the contract has it for active VPorts only */
	bool on_vf;
	uint16_t vf;
	char socket[STACK_PATH_SIZE];
	enum stack_socket_mode socket_mode;
	void *endpoint;
	LIST_HEAD(, stack_broadcast) broadcasts;
	TAILQ_ENTRY(stack_vport) link;
	LIST_ENTRY(stack_vport) by_name, by_socket;
};

struct stack_adapter {
	struct stack *stack;
	char name[STACK_NAME_SIZE];
	struct ndis_adapter *ndis;
	struct ndis_driver *driver;
	void *user;
	TAILQ_HEAD(, stack_vport) vports;
	struct stack_vport *by_id[STACK_MAX_VPORT_ID + 1];
	/* By FilterId: this MAC filter counts as a user of its VPort's broadcast filter of the same VLAN test. */
	bool counted[STACK_MAX_FILTER_ID + 1];
	TAILQ_ENTRY(stack_adapter) link;
};

struct stack {
	uint16_t cpus[STACK_MAX_CPUS];
	unsigned load[STACK_MAX_CPUS]; /* VPorts on it */
	unsigned ncpus;
	const struct stack_ops *ops;
	void *ctx;
	TAILQ_HEAD(, stack_adapter) adapters;
	LIST_HEAD(, stack_vport) by_name[STACK_BUCKETS], by_socket[STACK_BUCKETS];
};

/* ---- stack_find.c ---- */

/* Enter and leave the tables; a change of name or socket lies between. */
void stack_index_add(struct stack_vport *v);
void stack_index_remove(struct stack_vport *v);
/* NULL: there is none, or none on adapter `only`. */
struct stack_vport *stack_by_name(const struct stack *s, const struct stack_adapter *only, const char *name);
const struct stack_vport *stack_by_socket(const struct stack *s, const char *path);

/* ---- stack.c ---- */

/* The index of a worker's CPU, or -1. */
int stack_cpu_index(const struct stack *s, unsigned cpu);
unsigned stack_least_loaded(const struct stack *s);
int stack_check_cpu(const struct stack *s, unsigned cpu, struct stack_error *e);
bool stack_vlan_equal(const struct stack_vlan *a, const struct stack_vlan *b);
bool stack_mac_is_broadcast(const uint8_t mac[6]);

/* ---- stack_request.c: one function a request; 0, or -1 with the error filled ---- */

void stack_affinity(unsigned cpu, GROUP_AFFINITY *out);
unsigned stack_affinity_cpu(const GROUP_AFFINITY *a);
/* `function`: NDIS_PF_FUNCTION_ID, or a VF; then the VPort is active, and `cpus` is not looked at. */
int stack_req_create_vport(struct stack_adapter *a, const struct stack_vport_want *want, uint16_t function,
			   const GROUP_AFFINITY *cpus, uint32_t *id, struct stack_error *e);
int stack_req_delete_vport(struct stack_adapter *a, uint32_t id, struct stack_error *e);
/* RSS on the VPort: its frames are spread over n CPUs of its affinity, cpus[0] for what has no hash. n 0: RSS off. */
int stack_req_spread(struct stack_adapter *a, uint32_t id, const struct stack_rss *r, const uint16_t *cpus, unsigned n,
		     struct stack_error *e);
/* `p` holds VPortId, the CHANGED flags and the members they name; the rest is filled in. */
int stack_req_set_vport(struct stack_adapter *a, NDIS_NIC_SWITCH_VPORT_PARAMETERS *p, struct stack_error *e);
int stack_req_get_vport(struct stack_adapter *a, uint32_t id, NDIS_NIC_SWITCH_VPORT_PARAMETERS *p,
			struct stack_error *e);
/* The whole answer: header and elements; free() it. */
int stack_req_enum_vports(struct stack_adapter *a, NDIS_NIC_SWITCH_VPORT_INFO_ARRAY **out, struct stack_error *e);
int stack_req_set_policy(struct stack_adapter *a, uint32_t id, const struct stack_policy *p, struct stack_error *e);
int stack_req_get_policy(struct stack_adapter *a, uint32_t id, struct stack_policy *p, struct stack_error *e);
int stack_req_set_tuning(struct stack_adapter *a, uint32_t id, const struct stack_tuning *t, struct stack_error *e);
int stack_req_get_tuning(struct stack_adapter *a, uint32_t id, struct stack_tuning *t, struct stack_error *e);
int stack_req_set_filter(struct stack_adapter *a, uint32_t vport, const uint8_t mac[6], const struct stack_vlan *vlan,
			 uint32_t *id, struct stack_error *e);
int stack_req_clear_filter(struct stack_adapter *a, uint32_t id, struct stack_error *e);
int stack_req_move_filter(struct stack_adapter *a, uint32_t id, uint32_t from, uint32_t to, struct stack_error *e);
int stack_req_get_filter(struct stack_adapter *a, uint32_t id, struct stack_filter_info *out, struct stack_error *e);
/* Of one VPort or VM queue, or (`all`, and only with a switch) of all VPorts; free() it. */
int stack_req_enum_filters(struct stack_adapter *a, bool all, uint32_t vport, NDIS_RECEIVE_FILTER_INFO_ARRAY **out,
			   struct stack_error *e);
/* VM queues (spec/10 §4.3 to §4.7). */
int stack_req_allocate_queue(struct stack_adapter *a, const char *name, const GROUP_AFFINITY *cpus, uint32_t *id,
			     struct stack_error *e);
/* A batch of one. */
int stack_req_complete_queue(struct stack_adapter *a, uint32_t id, struct stack_error *e);
/* `p` holds QueueId, the CHANGED flags and the members they name; the rest is filled in. */
int stack_req_set_queue(struct stack_adapter *a, NDIS_RECEIVE_QUEUE_PARAMETERS *p, struct stack_error *e);
int stack_req_get_queue(struct stack_adapter *a, uint32_t id, NDIS_RECEIVE_QUEUE_PARAMETERS *p, struct stack_error *e);
int stack_req_free_queue(struct stack_adapter *a, uint32_t id, struct stack_error *e);
/* All of the adapter, whoever allocated them; the whole answer: header and elements; free() it. */
int stack_req_enum_queues(struct stack_adapter *a, NDIS_RECEIVE_QUEUE_INFO_ARRAY **out, struct stack_error *e);
int stack_req_switch(struct stack_adapter *a, NDIS_NIC_SWITCH_INFO *out, struct stack_error *e);

/* A VF for the VM called `name`. */
int stack_req_allocate_vf(struct stack_adapter *a, const char *name, const uint8_t mac[6], uint16_t *vf,
			  struct stack_error *e);
int stack_req_reset_vf(struct stack_adapter *a, uint16_t vf, struct stack_error *e);
int stack_req_free_vf(struct stack_adapter *a, uint16_t vf, struct stack_error *e);
int stack_req_enum_vfs(struct stack_adapter *a, NDIS_NIC_SWITCH_VF_INFO_ARRAY **out, struct stack_error *e);
/* The CPUs of a VPort on a VF, the first pair's first. */
int stack_req_set_vf_cpus(struct stack_adapter *a, uint32_t vport, const uint16_t *cpus, unsigned n,
			  struct stack_error *e);
int stack_req_get_vf_cpu(struct stack_adapter *a, uint32_t vport, unsigned *cpu, struct stack_error *e);

/* ---- stack_vf.c ---- */

/* The VF of a VPort that shall be; v->vf gets its number. */
int stack_vf_allocate(struct stack_vport *v, const struct stack_vport_want *want, struct stack_error *e);
/* Its VPort is gone: RESET_VF, FREE_VF. What cannot be freed is logged. */
void stack_vf_release(struct stack_vport *v);

/* ---- stack_vport.c ---- */

/* The record of the default VPort; NULL: out of memory. */
struct stack_vport *stack_vport_default_new(struct stack_adapter *a, unsigned cpu);
/* DELETE_VPORT or FREE_QUEUE. */
int stack_vport_release(struct stack_vport *v, struct stack_error *e);
/* Frees the record and what hangs on it; no request is made. */
void stack_vport_forget(struct stack_vport *v);

/* ---- stack_queue.c: what stands behind a stack_vport that is a VM queue ---- */

int stack_queue_allocate(struct stack_adapter *a, const struct stack_vport_want *want, const GROUP_AFFINITY *cpus,
			 uint32_t *id, struct stack_error *e);
/* The contract's part of stack_vport_set. *asked: something was changed. */
int stack_queue_set(const struct stack_vport *v, const struct stack_vport_change *c, bool *asked, struct stack_error *e);
int stack_queue_info(const struct stack_vport *v, struct stack_vport_info *out, struct stack_error *e);
/* The default queue first; free() the array. */
int stack_queue_list(struct stack_adapter *a, struct stack_vport_info **out, size_t *n, struct stack_error *e);

/* ---- stack_rss.c ---- */

/* The CPUs of so many queue pairs of a VPort on `cpu`, that one first, each once; how many. */
unsigned stack_rss_cpus(const struct stack *s, const struct stack_rss *r, unsigned cpu, unsigned queue_pairs,
			uint16_t out[STACK_MAX_CPUS]);
void stack_rss_affinity(const struct stack *s, const struct stack_rss *r, unsigned cpu, unsigned queue_pairs, GROUP_AFFINITY *out);
/* Nobody asked for anything. */
bool stack_rss_default(const struct stack_rss *r);
/* What they are, said or not: bits of the contract, and STACK_RSS_KEY bytes. */
uint32_t stack_rss_types(const struct stack_rss *r);
const uint8_t *stack_rss_key(const struct stack_rss *r);
/* The refusal of other ones than the VPort's: the member's name, and why. */
int stack_rss_for_life(const struct stack_vport *v, const struct stack_rss *r, enum stack_code code, struct stack_error *e);
/* Are they the VPort's, as far as it has any? */
bool stack_rss_keeps_hash(const struct stack_vport *v, const struct stack_rss *r);
/* By what they say; what they do not use is nobody's. */
bool stack_rss_same(const struct stack_rss *a, const struct stack_rss *b);
/* Is it possible on this adapter, and are the CPUs workers'? */
int stack_rss_check(const struct stack_adapter *a, bool on_vf, const struct stack_rss *r, struct stack_error *e);
/* The VPort's own CPU must be one of the list: 0: it is; 1: *cpu was not `given` and is the list's first now; -1: it is not. */
int stack_rss_cpu(const struct stack_rss *r, bool given, unsigned *cpu, struct stack_error *e);
/* Makes it so, by the contract's RSS or the VF's. */
int stack_rss_apply(struct stack_vport *v, const struct stack_rss *r, unsigned cpu, unsigned queue_pairs, struct stack_error *e);
/* The VPort's own wish; where it cannot be, that is logged. */
void stack_rss_try(struct stack_vport *v);

/* ---- stack_trunk.c ---- */

/* The addresses of the VPort's filters get filters for these VLANs and no others. On failure all is as before. `before` gets
 * what stack_trunk_undo() goes back to; free() it. */
int stack_trunk_set(struct stack_vport *v, const struct stack_vlans *vlans, struct stack_filter_info **before, size_t *n,
		    struct stack_error *e);
void stack_trunk_undo(struct stack_vport *v, struct stack_filter_info *before, size_t n);

/* ---- stack_filter.c ---- */

/* stack_filter_add without the event. */
int stack_filter_make(struct stack_vport *v, const struct stack_filter_want *want,
		      struct stack_filter_info made[STACK_FILTERS_MADE], unsigned *nmade, struct stack_error *e);
/* Clears every filter of the VPort; on failure those cleared are set again. `kept` gets what was there, for
 * stack_filters_restore; free() it. */
int stack_filters_clear_all(struct stack_vport *v, struct stack_filter_info **kept, size_t *n, struct stack_error *e);
void stack_filters_restore(struct stack_vport *v, const struct stack_filter_info *list, size_t n);
/* Frees the VPort's records. */
void stack_filters_forget(struct stack_vport *v);
/* What is asked of the VPort is other than it was; stack_event says so, too. */
void stack_changed(struct stack_vport *v);
void stack_event(struct stack_vport *v, const char *name, const struct stack_filter_info *f);

#endif
