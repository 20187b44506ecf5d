/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite: named cases against the keeper with the test driver below it. A case's name begins with the
 * row of the specification it is about (rows.h); contract_main.c counts which rows have one.
 */
#ifndef VMQ_TESTS_CONTRACT_H
#define VMQ_TESTS_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ndis/ndis_adapter.h"
#include "test_miniport.h"

/* The suite against something else than the keeper in this process (contract_remote.c); NULL: here. */
struct remote_ops {
	NDIS_STATUS (*request)(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buf, uint32_t in, uint32_t out, uint32_t *done,
			       struct vmq_err *err);
	unsigned cpu; /* one that has a worker */
	bool queues;  /* mode VMQ, no switch possible: start_vmq's; else start_sriov's */
};
extern const struct remote_ops *remote;

struct fix {
	struct test_miniport m;
	struct ndis_adapter_config cfg;
	struct ndis_adapter *a;
	struct ndis_driver *d, *other, *user, *ndis, *async; /* `async` has callbacks, and acts for NDIS */
	struct vmq_err err;
	uint32_t done; /* BytesNeeded, -Read or -Written of the last request */
	/* what callbacks heard */
	unsigned completions, indications, invalidations, faults;
	NDIS_STATUS completed_with, indicated;
	NDIS_OID_REQUEST *completed;
	void (*then)(struct fix *f); /* done in the completion, after that is noted */
	char sentence[VMQ_ERR_TEXT], fault[VMQ_ERR_TEXT];
	uint8_t indication[256];
	ULONG64 mask;
	uint8_t buf[70000] __attribute__((aligned(8)));
};

struct contract_case {
	const char *name;
	void (*run)(struct fix *f);
};

extern const struct contract_case filter_cases[], vport_cases[], queue_cases[], vf_cases[], mode_cases[], rss_cases[],
	driver_cases[], limit_cases[], stress_cases[], combine_cases[], answer_cases[];
extern const size_t filter_count, vport_count, queue_count, vf_count, mode_count, rss_count, driver_count,
	limit_count, stress_count, combine_count, answer_count;

/* ---- the checks every request gets (contract_common.c) ---- */

/* One request as a correct requester makes it. */
struct common_row {
	const char *row;           /* "spec10_4.8_set_filter" */
	NDIS_OID oid;
	NDIS_REQUEST_TYPE type;
	unsigned flags;            /* COMMON_… */
	void (*start)(struct fix *f);
	uint32_t (*ready)(struct fix *f); /* makes what it needs, writes the buffer, returns the input length */
	uint32_t out;              /* method, query: bytes of output it needs */
	uint16_t size[3];          /* NDIS_SIZEOF of its revisions; 0 ends; none for queries */
};

enum {
	COMMON_DOWN = 1,    /* goes to the adapter's driver */
	COMMON_RELEASE = 2, /* … who cannot refuse it */
	COMMON_USER = 4,    /* also for user mode */
	COMMON_NDIS = 8,    /* NDIS only */
	COMMON_ANYWHERE = 16, /* answered also when nothing is enabled */
	COMMON_WHOLE = 32, /* more is read than the structure */
	COMMON_SAME = 64, /* the driver sees it as it came */
};

struct common_check {
	const char *suffix;
	bool (*applies)(const struct common_row *r);
	void (*run)(struct fix *f, const struct common_row *r);
};

extern const struct common_row common_rows[];
extern const size_t common_row_count;
extern const struct common_check common_checks[];
extern const size_t common_check_count;

/* ---- set-ups ---- */

void fix_init(struct fix *f);        /* keywords for a switch, generous test driver */
void fix_start(struct fix *f);       /* creates the adapter and the bindings; must succeed */
void start_sriov(struct fix *f);     /* both: mode SR-IOV, with its switch */
void start_vmq(struct fix *f);       /* mode VMQ, no switch possible */
void start_neutral(struct fix *f);   /* mode VMQ, a switch is possible */
void start_off(struct fix *f);       /* mode none */

/* ---- requests; they return the status, f->done and f->err the rest ---- */

NDIS_STATUS query(struct fix *f, struct ndis_driver *d, NDIS_OID oid, uint32_t len);
NDIS_STATUS set(struct fix *f, struct ndis_driver *d, NDIS_OID oid, const void *p, uint32_t len);
NDIS_STATUS method(struct fix *f, struct ndis_driver *d, NDIS_OID oid, uint32_t in, uint32_t out); /* on f->buf */
NDIS_STATUS method_on(struct fix *f, struct ndis_driver *d, NDIS_OID oid, const void *p, uint32_t len); /* copied to f->buf */
/* A query or set about a VPort with the first `len` bytes of f->buf; *req tells the rest. */
NDIS_STATUS request_on_vport(struct fix *f, struct ndis_driver *d, NDIS_OID_REQUEST *req, NDIS_REQUEST_TYPE type, NDIS_OID oid,
			     uint32_t vport, uint32_t len);
/* An asynchronous request by f->async. */
NDIS_STATUS post(struct fix *f, NDIS_OID_REQUEST *req, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *p, uint32_t len);

#define assert_status(f, got, want) assert_status_at((f), (got), (want), __FILE__, __LINE__)
void assert_status_at(const struct fix *f, NDIS_STATUS got, NDIS_STATUS want, const char *file, int line);

/* ---- structures as a correct requester fills them ---- */

NDIS_NIC_SWITCH_VPORT_PARAMETERS vport_params(void);      /* a VPort on the PF, CPU 1, one queue pair */
NDIS_NIC_SWITCH_VF_PARAMETERS vf_params(void);
NDIS_RECEIVE_QUEUE_PARAMETERS queue_params(void);
/* Writes SET_FILTER's buffer; vlan 0: untagged or zero, 0xFFFF: any. Returns its length. */
uint32_t filter_params(void *buf, uint32_t vport, uint32_t queue, const uint8_t mac[6], unsigned vlan);
NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS clear_params(uint32_t queue, uint32_t filter);
NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS move_params(uint32_t filter, uint32_t from, uint32_t to);
NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS delete_params(uint32_t vport);
NDIS_NIC_SWITCH_FREE_VF_PARAMETERS free_vf_params(unsigned vf);
NDIS_RECEIVE_QUEUE_FREE_PARAMETERS free_queue_params(uint32_t queue);

/* ---- steps that must succeed; they return the new identifier ---- */

uint32_t make_vport(struct fix *f);
uint32_t make_vf(struct fix *f);
uint32_t make_vf_vport(struct fix *f, uint32_t vf);
uint32_t make_queue(struct fix *f);
uint32_t make_filter(struct fix *f, uint32_t vport, uint32_t queue, const uint8_t mac[6], unsigned vlan);
void clear_filter(struct fix *f, uint32_t queue, uint32_t filter);
void complete_queue(struct fix *f, uint32_t queue);
/* A MAC address 02:00:00:00:hi:lo. Static storage, four in a ring. */
const uint8_t *mac(unsigned n);

NDIS_NIC_SWITCH_VPORT_INFO vport_info(struct fix *f, uint32_t vport);
NDIS_RECEIVE_QUEUE_INFO queue_info(struct fix *f, uint32_t queue); /* QueueId 0: not listed */
NDIS_NIC_SWITCH_INFO switch_info(struct fix *f);
/* Clears and deletes what the requester may, and leaves the rest. */
void clean_up(struct fix *f);
uint32_t count_filters(struct fix *f, uint32_t vport, uint32_t queue);
struct ndis_adapter_info info(const struct fix *f);

#endif
