/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract's keeper, as the virtualization stack sees it: one struct ndis_adapter for each adapter, and requests
 * against it. It checks every request against spec/10 to spec/70, gives out identifiers, holds the state machines and
 * the copies that answer enumerations, and passes the rest to the adapter's driver (miniport/miniport.h).
 *
 * Plain C: no threads, no sockets, no clock. All calls on one adapter come from one thread, the control thread.
 * Every buffer is taken as hostile: lengths, offsets and counts are checked, and a refused request changes nothing.
 */
#ifndef VMQ_NDIS_NDIS_ADAPTER_H
#define VMQ_NDIS_NDIS_ADAPTER_H

#include <stdbool.h>
#include <stdint.h>

#include <vmq/ndis.h>

#include "base/err.h"
#include "miniport/miniport.h"

#define NDIS_REQUEST_MAX_BYTES (1u << 20) /* the longest input buffer a request may have */

struct ndis_adapter;

/* ---- keywords and mode (spec/60 §1, §2) ---- */

/* The values of absent keywords: an adapter bound to nothing (mode RSS). */
void ndis_keywords_default(struct miniport_keywords *kw);
/* The values for an adapter bound to a virtual switch: *SriovPreferred and *RssOrVmqPreference 1. vmqd starts here. */
void ndis_keywords_for_switch(struct miniport_keywords *kw);
/* Sets one keyword by its name ("*SRIOV"). -ENOENT: no such keyword; -ERANGE: the sentence says what is allowed. */
int ndis_keyword_set(struct miniport_keywords *kw, const char *name, uint32_t value, struct vmq_err *err);
/* Which interface these keywords enable; `reason`, when not NULL, gets a static sentence why. */
enum miniport_mode ndis_mode_choose(const struct miniport_keywords *kw, const char **reason);
/* "SR-IOV", "VMQ", "RSS", "none" */
const char *ndis_mode_name(enum miniport_mode mode);

/* ---- an adapter's life ---- */

struct ndis_adapter_config {
	struct miniport_keywords keywords;
	const char *switch_name;         /* NULL: "Default Switch"; at most 256 UTF-16 units */
	uint32_t num_queue_pairs_default;/* of the default VPort; 0: 1. More than 1 needs RSS on PF VPorts (VMMQ) */
	bool switch_without_iov;         /* mode VMQ on an adapter that can have a switch without SR-IOV: make it at start;
					  * refused (-EINVAL) where there can be none */
	uint32_t vf_serial_number;       /* a VF driver's adapter: what OID_SRIOV_VF_SERIAL_NUMBER answers */
	/* The adapter's driver broke a rule of miniport.h: the sentence says which. Not to be answered with a call on the
	 * adapter. May be NULL: they are counted all the same (ndis_adapter_info). */
	void (*fault)(void *ctx, const char *sentence);
	void *ctx;
};

/*
 * Chooses the mode, runs ops->initialize, checks what it registers and, when there is a switch to make (mode SR-IOV, or
 * switch_without_iov), issues CREATE_SWITCH. `ops` and `ctx` must outlive the adapter.
 * 0; -EINVAL (configuration or registration, the sentence names it), -ENOMEM, -EIO (CREATE_SWITCH failed), or what
 * initialize returned. On failure the driver has been halted if it was initialized.
 */
int ndis_adapter_create(const struct miniport_ops *ops, void *ctx, const struct ndis_adapter_config *cfg,
			struct ndis_adapter **out, struct vmq_err *err);
/* Takes everything down in the documented order: filters, VPorts, queues, VFs, switch, halt. Requests that wait are
 * completed with NDIS_STATUS_ADAPTER_REMOVED, every driver handle is gone. NULL is allowed. */
void ndis_adapter_destroy(struct ndis_adapter *a);

/* The switch of an adapter that starts neutral (NIC_SWITCH_WITHOUT_IOV, mode VMQ), by NDIS's own request. Statuses of
 * OID_NIC_SWITCH_CREATE_SWITCH and …_DELETE_SWITCH; the latter needs every other object gone. */
NDIS_STATUS ndis_switch_create(struct ndis_adapter *a, struct vmq_err *err);
NDIS_STATUS ndis_switch_delete(struct ndis_adapter *a, struct vmq_err *err);

/* Resets the adapter: the pending request is completed (normally with REQUEST_ABORTED), those waiting with
 * REQUEST_ABORTED; objects stay. 0 or the driver's -errno. */
int ndis_adapter_reset(struct ndis_adapter *a, struct vmq_err *err);

/* ---- requesters ---- */

struct ndis_driver; /* an overlying driver's binding: what it creates is its own */

struct ndis_driver_config {
	const char *name; /* for sentences; copied */
	bool user_mode;   /* may issue only what the column "issuer" of spec/10 §3 marks U */
	bool ndis_role;   /* acts for NDIS (the bus side): may issue what that column marks N, on anybody's objects */
	/* A request that ndis_oid_request answered with NDIS_STATUS_PENDING is done. May be NULL: then requests of this
	 * driver are flushed and never pend. `err` holds the sentence of a failure, else it is empty. */
	void (*complete)(void *ctx, NDIS_OID_REQUEST *req, NDIS_STATUS status, const struct vmq_err *err);
	/* A status indication from the adapter. May be NULL. No request that cannot pend may be made from here. */
	void (*indicate)(void *ctx, NDIS_STATUS code, const void *buf, uint32_t len);
	/* Configuration blocks of a VF were invalidated: all bits collected since they were last read. May be NULL. */
	void (*invalidated)(void *ctx, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 block_mask);
	void *ctx;
};

/* NULL: out of memory. */
struct ndis_driver *ndis_driver_open(struct ndis_adapter *a, const struct ndis_driver_config *cfg);
/* -EBUSY, with what is left named, while it owns filters, VPorts, queues or VFs or has requests under way: a leaving
 * driver frees its objects first (spec/10 §2). */
int ndis_driver_close(struct ndis_driver *d, struct vmq_err *err);

/*
 * One request. Returns its status; NDIS_STATUS_PENDING: config.complete follows, and `req` and its buffer must stay.
 * `err`, when not NULL, gets the sentence of a failure returned here. BytesNeeded is set with INVALID_LENGTH.
 * One request at a time is with the adapter's driver; others wait their turn, and are checked when it comes. What the
 * keeper answers itself (queries, enumerations) never waits.
 */
NDIS_STATUS ndis_oid_request(struct ndis_adapter *a, struct ndis_driver *requester, NDIS_OID_REQUEST *req,
			     struct vmq_err *err);

/* The same with plain buffers, never pending (the adapter's driver is flushed). `done`, when not NULL, gets the bytes
 * read (set) or written (query, method) with SUCCESS, BytesNeeded with INVALID_LENGTH, else 0. */
NDIS_STATUS ndis_query(struct ndis_driver *d, NDIS_OID oid, void *buf, uint32_t len, uint32_t *done, struct vmq_err *err);
NDIS_STATUS ndis_set(struct ndis_driver *d, NDIS_OID oid, const void *buf, uint32_t len, uint32_t *done,
		     struct vmq_err *err);
NDIS_STATUS ndis_method(struct ndis_driver *d, NDIS_OID oid, void *buf, uint32_t in_len, uint32_t out_len, uint32_t *done,
			struct vmq_err *err);

/* ---- what can be seen without a request ---- */

struct ndis_adapter_info {
	enum miniport_mode mode;
	const char *mode_reason;    /* static text */
	const char *now;            /* "switch", "VM queues", "neutral", "RSS", "off": what holds objects now */
	bool switch_present;
	bool switch_possible;       /* current switch capabilities are registered */
	uint32_t num_vports, max_vports;           /* the default one included */
	uint32_t num_queues, max_queues;           /* VM queues, the default one not included */
	uint32_t num_filters, max_filters;
	uint32_t num_unicast_filters, max_unicast_filters; /* MaxNumMacAddresses */
	uint32_t num_queue_pairs, max_queue_pairs;
	uint32_t num_vfs, max_vfs;                 /* allocated; enabled */
	uint64_t faults;                           /* the adapter's driver broke a rule of miniport.h */
	const char *last_fault;                    /* "" or a sentence; valid until the next call on the adapter */
};
void ndis_adapter_info(const struct ndis_adapter *a, struct ndis_adapter_info *out);

/*
 * The identifier that the next object of that kind shall get, if it is free: whoever makes objects again that were there
 * before a restart wants them under their old names. Without effect for an id that cannot be.
 */
enum ndis_id_kind { NDIS_ID_VPORT, NDIS_ID_QUEUE, NDIS_ID_FILTER };
void ndis_adapter_next_id(struct ndis_adapter *a, enum ndis_id_kind kind, uint32_t id);

/* Reads and clears the configuration blocks of a VF that were invalidated; 0 when none or no such VF. */
ULONG64 ndis_vf_take_invalidated(struct ndis_adapter *a, NDIS_SRIOV_FUNCTION_ID vf);

#endif
