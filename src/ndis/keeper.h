/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keeper's inside: its objects, a request on its way, and what its files share. One struct ndis_adapter owns all
 * objects; control thread only. Only files of src/ndis include this.
 *
 * A request's way (oid.c, op.c): ndis_oid_request → its row of the table → either answered at once from the keeper's own
 * copies, or a struct ndis_op: prepare() checks it and builds what the adapter's driver shall see, the driver works,
 * done() makes the change (or takes the preparation back) and writes the requester's results. Since prepare() gets all
 * memory that is needed, done() cannot fail on its own.
 */
#ifndef VMQ_NDIS_KEEPER_H
#define VMQ_NDIS_KEEPER_H

#include <string.h>

#include "ndis/ids.h"
#include "ndis/list.h"
#include "ndis/map.h"
#include "ndis/ndis_adapter.h"

/* ---- objects ---- */

struct ndis_driver {
	struct ndis_link link; /* on adapter.drivers */
	struct ndis_adapter *adapter;
	struct ndis_driver_config cfg;
	char *name;
	bool is_ndis; /* the keeper itself: may issue what only NDIS may, on anybody's objects */
	uint32_t filters, vports, queues, vfs; /* it owns */
	uint32_t pending;		       /* requests under way */
};

/* What a filter stands on: a VPort or a VM queue (the default ones included). */
struct ndis_target {
	struct ndis_link filters; /* struct ndis_filter.on_target, in the order they came */
	uint32_t id;		  /* VPortId or QueueId */
	uint32_t num_filters, num_unicast, num_vlan;
};

enum ndis_vlan_kind { NDIS_VLAN_KIND_UNTAGGED_OR_ZERO, NDIS_VLAN_KIND_EQUAL, NDIS_VLAN_KIND_ANY };

struct ndis_filter {
	struct ndis_node by_id, by_key;
	struct ndis_link on_target;
	struct ndis_target *target;
	struct ndis_driver *owner;
	uint32_t id;
	uint8_t mac[6];
	uint16_t vlan; /* with NDIS_VLAN_KIND_EQUAL */
	enum ndis_vlan_kind kind;
};

struct ndis_vport {
	struct ndis_node by_id;
	struct ndis_link link; /* on adapter.vports */
	struct ndis_target target;
	struct ndis_driver *owner; /* NULL: the default VPort */
	struct ndis_vf *vf;	   /* NULL: on the PF */
	struct ndis_rss *rss;	   /* VMMQ parameters, NULL until set */
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p;
};

struct ndis_vf {
	struct ndis_node by_id;
	struct ndis_link link; /* on adapter.vfs */
	struct ndis_driver *owner;
	struct ndis_vport *vport; /* NULL: unattached */
	ULONG64 invalidated;	  /* configuration blocks since they were last read */
	NDIS_NIC_SWITCH_VF_PARAMETERS p;
};

/* spec/30 §1. Allocated, Set, Paused and Running follow from `completed` and the number of filters. */
enum ndis_queue_state {
	NDIS_QUEUE_ALLOCATED,
	NDIS_QUEUE_SET,
	NDIS_QUEUE_PAUSED,
	NDIS_QUEUE_RUNNING,
	NDIS_QUEUE_STOP_DMA,
	NDIS_QUEUE_FREEING,
};

struct ndis_queue {
	struct ndis_node by_id;
	struct ndis_link link; /* on adapter.queues */
	struct ndis_target target;
	struct ndis_driver *owner;
	bool completed; /* QUEUE_ALLOCATION_COMPLETE succeeded */
	bool stop_dma;	/* FREE_QUEUE has begun */
	bool freeing;	/* DmaStopped was indicated */
	bool in_batch;	/* named by the QUEUE_ALLOCATION_COMPLETE being checked */
	NDIS_RECEIVE_QUEUE_PARAMETERS p;
};

struct ndis_adapter {
	const struct miniport_ops *ops;
	void *ctx;
	struct miniport_keywords keywords;
	struct ndis_adapter_config cfg;
	NDIS_NIC_SWITCH_FRIENDLYNAME switch_name; /* the configuration's, as it was last set: the next switch has it */
	enum miniport_mode mode;
	const char *mode_reason;

	/* what the driver registered; has_… says which are there */
	NDIS_RECEIVE_FILTER_CAPABILITIES hw_filter, cur_filter;
	NDIS_NIC_SWITCH_CAPABILITIES hw_switch, cur_switch;
	NDIS_SRIOV_CAPABILITIES hw_sriov, cur_sriov;
	NDIS_RECEIVE_SCALE_CAPABILITIES rss;
	bool has_hw_filter, has_cur_filter, has_hw_switch, has_cur_switch, has_hw_sriov, has_cur_sriov, has_rss;
	uint32_t mac_addresses_per_target, vlans_per_target; /* 0: no limit */
	bool virtualization; /* enable_virtualization(…, TRUE) */
	LUID pf_luid;

	/* the switch */
	bool switch_present;
	NDIS_NIC_SWITCH_PARAMETERS switch_p;

	struct ndis_map vport_map, vf_map, queue_map, filter_map, key_map;
	struct ndis_link vports, vfs, queues;
	struct ndis_ids vport_ids, queue_ids, filter_ids;
	uint32_t num_vports;	/* the default one included */
	uint32_t num_pf_vports; /* nondefault, on the PF */
	uint32_t num_vf_vports;
	uint32_t num_vfs, num_queues, num_filters, num_unicast;
	uint32_t num_queue_pairs;	  /* all VPorts */
	const struct ndis_rss *rss_base;  /* RSSv2's own request takes from here what it does not carry; else NULL */
	struct ndis_target default_queue; /* VM queue 0, while there is no switch */

	/* requests */
	struct ndis_driver self; /* the keeper as a requester */
	struct ndis_link drivers;
	struct ndis_op *pending; /* with the driver */
	struct ndis_link waiting;
	struct ndis_link lost; /* given up on, but the driver may still write to their buffers: kept until it is halted */
	bool resetting;

	uint64_t faults;
	char last_fault[VMQ_ERR_TEXT];
};

/* ---- a request on its way ---- */

/* The requester's request, taken apart once. */
struct ndis_call {
	struct ndis_adapter *a;
	struct ndis_driver *d;
	NDIS_OID_REQUEST *req;
	NDIS_REQUEST_TYPE type;
	NDIS_OID oid;
	uint8_t *buf;
	uint32_t in_len, out_len; /* set: in only; query: out only */
	struct vmq_err *err;
};

struct ndis_op;

enum {
	ROW_NDIS_ONLY = 1, /* issuer N */
	ROW_USER = 2,	   /* issuer also U */
	ROW_RELEASE = 4,   /* the driver may not refuse it: deleting, clearing, freeing */
	ROW_VENDOR = 8,	   /* the driver may answer what it likes */
};

/* One (OID, type) of spec/10 §3: answered here, or prepared for and done after the driver. */
struct ndis_row {
	NDIS_OID oid;
	NDIS_REQUEST_TYPE type;
	unsigned flags;
	NDIS_STATUS (*answer)(const struct ndis_call *c);
	NDIS_STATUS (*prepare)(struct ndis_op *op);
	NDIS_STATUS (*done)(struct ndis_op *op, NDIS_STATUS status);
};

struct ndis_op {
	struct ndis_link link; /* on adapter.waiting, or adapter.lost */
	struct ndis_call c;    /* req NULL: the requester is gone, results go nowhere */
	const struct ndis_row *row;
	struct vmq_err err;
	NDIS_OID_REQUEST down; /* what the driver sees */
	void *buf;	       /* its buffer, ours */
	bool sync;	       /* the requester waits in ndis_oid_request */
	bool skip;	       /* nothing for the driver to do: done(SUCCESS) at once */
	bool in_call;	       /* inside ops->oid_request */
	bool lost;	       /* the keeper gave it up, the driver has not given it back */
	bool completed;	       /* up->complete came during in_call, or a sync request is finished */
	NDIS_STATUS result;
	/* prepare's findings for done */
	struct ndis_vport *vport;
	struct ndis_vf *vf;
	struct ndis_queue *queue;
	struct ndis_filter *filter;
	struct ndis_target *target;
	void *extra; /* freed with the op */
	uint32_t count;
	uint32_t at; /* where the requester's data begin or end */
};

/* ---- call.c ---- */

/* Writes the sentence and returns the status: `return refuse(c, NDIS_STATUS_…, "…")`. */
#define refuse(c, status, ...) ((NDIS_STATUS)vmq_err((c)->err, (status), __VA_ARGS__))

struct ndis_layout {
	const char *name;
	uint8_t type;
	uint8_t revisions;
	uint16_t size[3]; /* NDIS_SIZEOF of revision 1, 2, 3 */
};

/* Reads the structure at the start of the input buffer: header checked (spec/70 Q4, Q5), members of the revision
 * given copied, the rest of dst zero. `rev` gets the revision understood. */
NDIS_STATUS ndis_read(const struct ndis_call *c, const struct ndis_layout *l, void *dst, size_t size, uint8_t *rev);
/* Type, Revision and Size of a header, apart from any buffer. */
NDIS_STATUS ndis_check_header(const struct ndis_call *c, const struct ndis_layout *l, const NDIS_OBJECT_HEADER *h);
/* The same of an array's element, with `step` bytes of its own. INVALID_PARAMETER, never INVALID_LENGTH. */
NDIS_STATUS ndis_check_element(const struct ndis_call *c, const struct ndis_layout *l, const NDIS_OBJECT_HEADER *h,
			       uint32_t step);
/* INVALID_LENGTH with BytesNeeded when the output buffer is shorter than `need`. */
NDIS_STATUS ndis_need_out(const struct ndis_call *c, uint32_t need, const char *what);
NDIS_STATUS ndis_need_in(const struct ndis_call *c, uint32_t need, const char *what);
void ndis_set_needed(const struct ndis_call *c, uint32_t need);
void ndis_set_done(const struct ndis_call *c, uint32_t read, uint32_t written);
/* Writes into the requester's buffer, whose length was checked before; nowhere when the requester is gone. */
void ndis_put(const struct ndis_call *c, uint32_t offset, const void *src, uint32_t len);
/* Answers with a structure: needs room for `size`, copies, sets the bytes read and written. */
NDIS_STATUS ndis_answer(const struct ndis_call *c, uint32_t read, const void *src, uint32_t size, const char *what);
/* An array answer: `head` (head_size bytes, its FirstElementOffset etc. set by the caller to *first) plus n elements.
 * Checks the room and returns where the first element goes through *at. */
NDIS_STATUS ndis_array_room(const struct ndis_call *c, uint32_t head_size, uint64_t n, uint32_t element_size,
			    uint32_t *first, uint32_t *total, const char *what);

/* ---- op.c ---- */

/* Checks a request and hands it to the driver; PENDING: the driver has it. */
NDIS_STATUS ndis_op_start(struct ndis_op *op);
/* Starts what waits, as long as the driver pends nothing. A requester's callback may come back here. */
void ndis_op_drain(struct ndis_adapter *a);
void ndis_op_free(struct ndis_op *op);
/* Makes the driver's copy of a request: a zeroed buffer of `size`. NULL with RESOURCES said: out of memory. */
void *ndis_op_down(struct ndis_op *op, uint32_t size);
NDIS_STATUS ndis_op_no_memory(struct ndis_op *op);
/* Completes what the driver pends, as far as it does. */
void ndis_flush(struct ndis_adapter *a);
/* What is answered at once and still changes something waits its turn, too: the driver has nothing, or FAILURE. */
NDIS_STATUS ndis_settle(const struct ndis_call *c);
void ndis_fault(struct ndis_adapter *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Completes everything that waits (and, when `pending_too`, what the driver still has) with `status`. */
void ndis_abort_requests(struct ndis_adapter *a, NDIS_STATUS status, bool pending_too);
/* Frees what the driver never gave back; it is halted. */
void ndis_forget_lost(struct ndis_adapter *a);
void ndis_up_complete(struct ndis_adapter *a, NDIS_OID_REQUEST *req, NDIS_STATUS status, const char *sentence);

/* ---- oid.c ---- */

/* A request by the keeper itself; never pends. */
NDIS_STATUS ndis_self_request(struct ndis_adapter *a, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buf, uint32_t len,
			      struct vmq_err *err);
/* The same as a set, with the VPort named beside the buffer. */
NDIS_STATUS ndis_self_request_on(struct ndis_adapter *a, uint32_t vport, NDIS_OID oid, void *buf, uint32_t len,
				 struct vmq_err *err);

/* ---- vendor.c ---- */

NDIS_STATUS vendor_prepare(struct ndis_op *op);
NDIS_STATUS vendor_done(struct ndis_op *op, NDIS_STATUS status);

/* ---- for all ---- */

static inline void ndis_header(NDIS_OBJECT_HEADER *h, uint8_t type, uint8_t revision, size_t size)
{
	h->Type = type;
	h->Revision = revision;
	h->Size = (USHORT)size;
}

/* true: `d` may not change what `owner` made. NULL owns what is nobody's. */
static inline bool ndis_foreign(const struct ndis_driver *d, const struct ndis_driver *owner)
{
	return owner && d != owner && !d->is_ndis;
}

/* A counted string that names nothing beyond itself: even length, at most NDIS_IF_MAX_STRING_SIZE units. */
static inline bool ndis_string_ok(const NDIS_IF_COUNTED_STRING *s)
{
	return s->Length % 2 == 0 && s->Length <= NDIS_IF_MAX_STRING_SIZE * 2;
}

/* ---- caps.c ---- */

int ndis_register(struct ndis_adapter *a, const struct miniport_attributes *at, struct vmq_err *err);
bool ndis_filter_caps_ok(const struct ndis_adapter *a, const NDIS_RECEIVE_FILTER_CAPABILITIES *c, bool current,
			 struct vmq_err *err);
bool ndis_switch_caps_ok(const NDIS_NIC_SWITCH_CAPABILITIES *c, struct vmq_err *err);
/* Copies a registered structure, members beyond its revision zero. */
void ndis_copy_revision(void *dst, size_t size, const void *src);
/* NOT_SUPPORTED with the reason when there is no switch to speak of. */
NDIS_STATUS ndis_need_switch_caps(const struct ndis_call *c);
/* The same, and INVALID_PARAMETER when the switch does not exist now or switch_id is not 0. */
NDIS_STATUS ndis_need_switch(const struct ndis_call *c, uint32_t switch_id);
/* VPorts (true) or VM queues (false) are what filters name now. */
static inline bool ndis_switch_model(const struct ndis_adapter *a)
{
	return a->switch_present || a->mode == MINIPORT_MODE_SRIOV;
}

/* VMMQ is on: the adapter has it, and *RssOnHostVPorts (spec/50 §7). */
static inline bool ndis_vmmq(const struct ndis_adapter *a)
{
	return a->keywords.rss_on_host_vports && a->has_cur_switch &&
	       (a->cur_switch.NicSwitchCapabilities & NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED);
}

NDIS_STATUS caps_filter_hardware(const struct ndis_call *c);
NDIS_STATUS caps_filter_current(const struct ndis_call *c);
NDIS_STATUS caps_filter_global(const struct ndis_call *c);
NDIS_STATUS caps_switch_hardware(const struct ndis_call *c);
NDIS_STATUS caps_switch_current(const struct ndis_call *c);
NDIS_STATUS caps_sriov_hardware(const struct ndis_call *c);
NDIS_STATUS caps_sriov_current(const struct ndis_call *c);

/* ---- switch.c ---- */

NDIS_STATUS switch_create_prepare(struct ndis_op *op);
NDIS_STATUS switch_create_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS switch_parameters(const struct ndis_call *c);
NDIS_STATUS switch_set_prepare(struct ndis_op *op);
NDIS_STATUS switch_set_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS switch_delete_prepare(struct ndis_op *op);
NDIS_STATUS switch_delete_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS switch_enum(const struct ndis_call *c);

/* ---- vport.c ---- */

struct ndis_vport *vport_find(const struct ndis_adapter *a, uint32_t id);
struct ndis_vport *vport_new(void);
/* Puts a VPort whose p is complete into the tables; takes it out and frees it. */
void vport_insert(struct ndis_adapter *a, struct ndis_vport *v);
void vport_remove(struct ndis_adapter *a, struct ndis_vport *v);
NDIS_STATUS vport_create_prepare(struct ndis_op *op);
NDIS_STATUS vport_create_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS vport_parameters(const struct ndis_call *c);
NDIS_STATUS vport_set_prepare(struct ndis_op *op);
NDIS_STATUS vport_set_done(struct ndis_op *op, NDIS_STATUS status);
/* Changes NumQueuePairs as VPORT_PARAMETERS does, now. `v` may be gone then. */
NDIS_STATUS vport_set_queue_pairs(const struct ndis_call *c, const struct ndis_vport *v, uint32_t n);
NDIS_STATUS vport_enum(const struct ndis_call *c);
NDIS_STATUS vport_delete_prepare(struct ndis_op *op);
NDIS_STATUS vport_delete_done(struct ndis_op *op, NDIS_STATUS status);

/* ---- filter.c ---- */

void target_init(struct ndis_target *t, uint32_t id);
void filter_remove(struct ndis_adapter *a, struct ndis_filter *f);
NDIS_STATUS filter_set_prepare(struct ndis_op *op);
NDIS_STATUS filter_set_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS filter_clear_prepare(struct ndis_op *op);
NDIS_STATUS filter_clear_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS filter_move_prepare(struct ndis_op *op);
NDIS_STATUS filter_move_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS filter_enum(const struct ndis_call *c);
NDIS_STATUS filter_parameters(const struct ndis_call *c);

/* ---- queue.c ---- */

struct ndis_queue *queue_find(const struct ndis_adapter *a, uint32_t id);
enum ndis_queue_state queue_state(const struct ndis_queue *q);
void queue_remove(struct ndis_adapter *a, struct ndis_queue *q);
NDIS_STATUS queue_allocate_prepare(struct ndis_op *op);
NDIS_STATUS queue_allocate_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS queue_complete_prepare(struct ndis_op *op);
NDIS_STATUS queue_complete_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS queue_free_prepare(struct ndis_op *op);
NDIS_STATUS queue_free_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS queue_parameters(const struct ndis_call *c);
NDIS_STATUS queue_set_prepare(struct ndis_op *op);
NDIS_STATUS queue_set_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS queue_enum(const struct ndis_call *c);

/* ---- vf.c ---- */

struct ndis_vf *vf_find(const struct ndis_adapter *a, uint32_t id);
void vf_remove(struct ndis_adapter *a, struct ndis_vf *vf);
NDIS_STATUS vf_allocate_prepare(struct ndis_op *op);
NDIS_STATUS vf_allocate_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS vf_free_prepare(struct ndis_op *op);
NDIS_STATUS vf_free_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS vf_parameters(const struct ndis_call *c);
NDIS_STATUS vf_enum(const struct ndis_call *c);

/* ---- sriov.c ---- */

NDIS_STATUS sriov_config_read_prepare(struct ndis_op *op);
NDIS_STATUS sriov_config_read_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS sriov_config_write_prepare(struct ndis_op *op);
NDIS_STATUS sriov_config_write_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS sriov_reset_prepare(struct ndis_op *op);
NDIS_STATUS sriov_power_prepare(struct ndis_op *op);
NDIS_STATUS sriov_set_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS sriov_vendor_prepare(struct ndis_op *op);
NDIS_STATUS sriov_vendor_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS sriov_probed_bars_prepare(struct ndis_op *op);
NDIS_STATUS sriov_probed_bars_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS sriov_bar_prepare(struct ndis_op *op);
NDIS_STATUS sriov_bar_done(struct ndis_op *op, NDIS_STATUS status);
NDIS_STATUS sriov_pf_luid(const struct ndis_call *c);
NDIS_STATUS sriov_serial_number(const struct ndis_call *c);
NDIS_STATUS sriov_invalidate_prepare(struct ndis_op *op);

/* ---- rss.c ---- */

NDIS_STATUS rss_capabilities(const struct ndis_call *c);
NDIS_STATUS rss_parameters(const struct ndis_call *c);
NDIS_STATUS rss_set_prepare(struct ndis_op *op);
NDIS_STATUS rss_set_done(struct ndis_op *op, NDIS_STATUS status);

/* ---- rss_v2.c ---- */

NDIS_STATUS rss_v2_set(const struct ndis_call *c);
NDIS_STATUS rss_v2_query(const struct ndis_call *c);
NDIS_STATUS rss_v2_entries(const struct ndis_call *c);

/* ---- indicate.c ---- */

void ndis_up_indicate(struct ndis_adapter *a, NDIS_STATUS code, const void *buf, uint32_t len);
NDIS_STATUS ndis_up_invalidate(struct ndis_adapter *a, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask);
NDIS_STATUS ndis_up_virtualization(struct ndis_adapter *a, USHORT num_vfs, BOOLEAN vf_migration,
				   BOOLEAN migration_interrupt, BOOLEAN enable);
/* Hands an indication to every driver that listens. */
void ndis_broadcast(struct ndis_adapter *a, NDIS_STATUS code, const void *buf, uint32_t len);

#endif
