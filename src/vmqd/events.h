/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens, told to monitors (docs/rpc.md, Events). Who notices it logs it. Control thread.
 */
#ifndef VMQ_VMQD_EVENTS_H
#define VMQ_VMQD_EVENTS_H

#include <vmq/ndis.h>

#include "port/link_watch.h"
#include "stack/stack.h"
#include "vhost/vhost.h"

struct adapter;

/* For struct stack_ops: events of VPorts and filters; the context is the daemon. */
void events_stack(void *ctx, const char *name, struct stack_vport *v, const struct stack_filter_info *f);
/* A VM came or left; `reason` may be NULL. */
void events_vm(struct stack_vport *v, const char *name, const char *reason);
/* The VM came by migration and its address was announced on the network. */
void events_announced(struct stack_vport *v, const uint8_t mac[6]);
/* It is on another CPU now. `cause`: a name of PLACEMENT_CAUSES. */
void events_moved(struct stack_vport *v, unsigned from, unsigned to, const char *cause, const char *reason);
void events_queue(struct stack_vport *v, const char *name, unsigned qp, const char *reason);
/* At the socket of a VF that is not the stack's; announcements are the VM's own there. */
void events_vf_socket(const struct adapter *a, unsigned vf, uint32_t vport, const struct vhost_event *ev);
/* The adapter's driver broke a rule of the contract. */
void events_driver_fault(const struct adapter *a, const char *sentence);
/* The network device below the default VPort, or below the physical port, has changed. */
void events_host(const struct adapter *a, const char *device, const struct link_state *s);
void events_wire(const struct adapter *a, const char *device, const struct link_state *s);
/* For struct ndis_driver_config, with the adapter as context: what the adapter's driver sends up (spec/10 §8). The
 * invalidated configuration blocks count as delivered once a monitor was told. */
void events_indication(void *ctx, NDIS_STATUS code, const void *buf, uint32_t len);
void events_invalidated(void *ctx, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 block_mask);

#endif
