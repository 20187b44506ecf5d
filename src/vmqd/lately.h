/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When frames were lost last, and how many lately: the counters of the data path only grow, and do not say whether what they
 * count goes on or is long over. Of one adapter; it is told what its counters say whenever they are read (look.h).
 */
#ifndef VMQ_VMQD_LATELY_H
#define VMQ_VMQD_LATELY_H

#include <jansson.h>
#include <stdint.h>

#include "nic/nic.h"

#define LATELY_S 30u			 /* "lately" is so many seconds to twice as many */
#define LATELY_WIRE NIC_MAX_VPORTS /* the wire's number among those of VPorts */

struct lately;

struct lately *lately_create(void); /* NULL: no memory; the first call then is lately_time */
void lately_destroy(struct lately *l); /* NULL is allowed */

/* The time now, in seconds of a clock that is not set. What is noted from here on happened now. */
void lately_time(struct lately *l, uint64_t now);
/* What VPort `id`, or the wire, has counted since it was made; `p` of a wire, else NULL. `serial` says which VPort that is, as
 * nic_vport_serial does; with another one all is forgotten. `c` NULL: there is no such VPort. */
void lately_note(struct lately *l, uint32_t id, uint64_t serial, const struct nic_vport_counters *c, const struct port_counters *p);
/* The member "lately" of stats.show (docs/rpc.md), by what was noted; NULL: nothing was. */
json_t *lately_json(const struct lately *l, uint32_t id);

#endif
