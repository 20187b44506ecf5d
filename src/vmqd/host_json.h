/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host as a client describes it (docs/rpc.md, HOST): its CPUs and nodes, its devices' nodes, and where its VMs'
 * virtual processors may run. The client sees what vmqd in its sandbox cannot. Every member is checked. Control thread.
 */
#ifndef VMQ_VMQD_HOST_JSON_H
#define VMQ_VMQD_HOST_JSON_H

#include "vmqd/params.h"
#include "vmqd/placement.h"

/* What it says beside the topology; for the items of a plan. */
struct host_json {
	const json_t *devices, *guests; /* checked; belong to the request */
};

/* Takes `host`? into out->host and out->vcpus; a fault is noted in `p`. */
void host_json_read(struct params *p, struct placement_plan *out, struct host_json *rest);
/* Gives the items the nodes of their device and memory. */
void host_json_nodes(const struct host_json *rest, struct placement_plan *pp);

#endif
