/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver below the keeper that does nothing but what a test tells it: answer, pend, fail, misbehave. It remembers
 * the last request it saw. One thread.
 */
#ifndef VMQ_TESTS_TEST_MINIPORT_H
#define VMQ_TESTS_TEST_MINIPORT_H

#include "miniport/miniport.h"

struct test_miniport {
	/* set before ndis_adapter_create */
	NDIS_RECEIVE_FILTER_CAPABILITIES filter;
	NDIS_NIC_SWITCH_CAPABILITIES nic_switch;
	NDIS_SRIOV_CAPABILITIES sriov;
	NDIS_RECEIVE_SCALE_CAPABILITIES rss;
	uint32_t mac_addresses_per_target, vlans_per_target;
	bool no_filter, no_switch, no_rss; /* nothing registered, not even hardware */
	unsigned no_hardware;              /* bits: filters 1, switch 2, SR-IOV 4 are registered as current alone */
	bool sriov_on;                     /* current SR-IOV whatever the mode */
	bool sriov_alone;                  /* with no_switch: SR-IOV is registered all the same */
	bool switch_off;                   /* current switch NULL (mode VMQ without NIC_SWITCH_WITHOUT_IOV) */
	int initialize_rc;

	/* how the next request is treated */
	NDIS_STATUS answer;         /* SUCCESS: do it */
	NDIS_OID answer_oid;        /* the request that `answer` waits for; 0: the next */
	NDIS_STATUS element_status; /* QUEUE_ALLOCATION_COMPLETE: each element's */
	bool pend;                  /* answer PENDING and keep it */
	bool complete_inside;       /* complete it before returning PENDING */
	bool complete_and_answer;   /* complete it and return SUCCESS too */
	bool no_dma_stop;           /* FREE_QUEUE without the indication */
	bool same_vf;               /* ALLOCATE_VF answers the last VFId again */
	bool cannot_flush;
	bool keeps_it;              /* reset and halt do not give back what it pends; halt writes to it */
	bool indicates_early;       /* from initialize, before it has registered anything */
	ULONG says_read, says_written; /* added to the lengths of a vendor request */
	ULONG says_needed;             /* BytesNeeded of one that is not done */
	bool completes_pending;        /* QUEUE_ALLOCATION_COMPLETE: elements are left PENDING */
	ULONG failing_queue;           /* … this one's gets RESOURCES */
	int reset_rc;

	/* what happened */
	const struct miniport_up *up;
	struct ndis_adapter *adapter;
	enum miniport_mode mode;
	NDIS_OID_REQUEST *pending;
	unsigned initialized, halted, resets, requests;
	NDIS_OID oid;
	NDIS_REQUEST_TYPE type;
	ULONG vport, request_flags; /* beside the buffer */
	uint8_t last[8192] __attribute__((aligned(8))); /* the buffer as it came */
	uint32_t last_len;
	int filters, vports, queues, vfs, switches; /* that exist, by the requests it succeeded */
	uint16_t next_vf;
};

/* Generous capabilities: 64 VPorts, 16 VFs, 128 queue pairs of at most 4, 256 filters, 8 VM queues, single pool. */
void test_miniport_init(struct test_miniport *m);
/* Completes what it pends; `status` SUCCESS does it first. */
void test_miniport_finish(struct test_miniport *m, NDIS_STATUS status, const char *sentence);

extern const struct miniport_ops test_miniport_ops;
/* The same, without flush and reset. */
extern const struct miniport_ops test_miniport_plain_ops;

#endif
