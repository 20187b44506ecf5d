/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The look at all counters. Once a second, and only when a worker has had work since, those of every VPort and wire are read
 * once, for all who go by them: what happened lately (lately.h), and who is on which CPU (placement.h). Workers do nothing
 * for it, and an idle switch nothing at all. Control thread.
 */
#ifndef VMQ_VMQD_LOOK_H
#define VMQ_VMQD_LOOK_H

#include "nic/nic.h"

struct adapter;
struct daemon;

/* To be called once a second. */
void look_at_all(struct daemon *d);
/* Because somebody asks. */
void look_at_vport(const struct adapter *a, uint32_t id, struct nic_vport_counters *c);
void look_at_wire(const struct adapter *a, struct nic_vport_counters *c, struct port_counters *p);
/* The time by which lately_time goes. */
uint64_t look_now_s(void);

#endif
