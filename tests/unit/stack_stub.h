/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver for the contract's keeper that moves no frames: it notes the requests it gets, keeps policies and tuning, and refuses
 * the one it is told to refuse. And the stack's callbacks, which count endpoints.
 */
#ifndef VMQ_TEST_STACK_STUB_H
#define VMQ_TEST_STACK_STUB_H

#include <vmq/ndis.h>
#include <vmq/ndis_vmq.h>

#include "ndis/ndis_adapter.h"
#include "stack/stack.h"

#define STUB_MAX_VPORTS  8u
#define STUB_MAX_VFS     4u
#define STUB_MAX_FILTERS 32u
#define STUB_MAX_QUEUES  3u /* mode VMQ */

struct stub {
	struct ndis_adapter *ndis;
	struct stack *stack;
	struct stack_adapter *adapter;
	char log[8192];     /* requests the driver got, a word each: "CREATE_VPORT(1) …" */
	unsigned requests;  /* setting ones so far */
	unsigned refuse_at; /* the refuse_at-th from now is refused; 0: none */
	unsigned refuse_more; /* and then so many behind it */
	bool refuse_endpoint;
	bool refuse_reads;  /* of policies and tuning */
	int endpoints;      /* open ones */
	uint32_t policy[STUB_MAX_VPORTS];
	VMQ_VPORT_TUNING tuning[STUB_MAX_VPORTS];
	bool vf[STUB_MAX_VPORTS]; /* allocated */
	NDIS_NIC_SWITCH_VF_PARAMETERS allocated_vf; /* of the last ALLOCATE_VF */
	VMQ_VF_CPUS cpus;                           /* of the last OID_VMQ_VF_CPUS */
	NDIS_NIC_SWITCH_VPORT_PARAMETERS created; /* of the last CREATE_VPORT */
	NDIS_NIC_SWITCH_VPORT_PARAMETERS set;     /* of the last OID_NIC_SWITCH_VPORT_PARAMETERS */
	NDIS_RECEIVE_QUEUE_PARAMETERS allocated;  /* of the last ALLOCATE_QUEUE */
	uint8_t rss[2048] __attribute__((aligned(8))); /* the last OID_GEN_RECEIVE_SCALE_PARAMETERS */
	bool vmmq;
	NDIS_STATUS element_status;               /* what becomes of a QUEUE_ALLOCATION_COMPLETE's element */
	const struct miniport_up *up;
	struct ndis_adapter *up_adapter;
	char events[4096];
	char changed[4096]; /* VPorts that are said to be other than they were: "changed(1) …" */
};

/* An adapter "ext0" with workers on CPUs 2, 3 and 70. */
void stub_start(struct stub *s);
/* The same over an adapter that spreads: two queue pairs a VPort, and RSS on VPorts. Workers on CPUs 127 and 128, too. */
void stub_start_vmmq(struct stub *s);
/* The same in the mode that these keywords choose. */
void stub_start_with(struct stub *s, const struct miniport_keywords *kw);
/* Another adapter, on CPU 3, of the stack that `with` has: its callbacks are those of `with`. stub_part before `with` stops. */
void stub_join(struct stub *s, struct stub *with, const char *name);
void stub_part(struct stub *s);
void stub_stop(struct stub *s);

#endif
