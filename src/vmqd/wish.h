/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPorts and filters as they are asked for, by a request or by the configuration file: the same members, the same
 * checks, the same sentences. Pure but for memory; control thread.
 */
#ifndef VMQ_VMQD_WISH_H
#define VMQ_VMQD_WISH_H

#include "stack/stack.h"
#include "vmqd/params.h"

struct wish_vport {
	struct stack_vport_want want; /* want.filters is `filters` */
	struct stack_filter_want *filters;
};

/* Takes vport.add's members but `adapter` out of `p`. `run_dir` is where a socket lies that is not named. The filter of
 * `mac` comes first (with `trunk` and a list of VLANs one for each), `more` others have room behind it. On success wish_free() it. */
int wish_vport_read(struct params *p, const char *run_dir, size_t more, struct wish_vport *out);
/* The default VPort's: takes what it may have of a VPort's members (schema HOST) but cpu. It is called so; there is no socket.
 * There is room for `filters` filters. On success wish_free() it. */
int wish_host_read(struct params *p, size_t filters, struct wish_vport *out);
/* Can the one become the other only by being made anew? A VF is born with its queue pairs and its address; what spreads frames
 * over queue pairs is a VPort's for its life. */
bool wish_needs_renewal(const struct wish_vport *now, const struct wish_vport *want);
void wish_free(struct wish_vport *w);

/* Takes mac, vlan, broadcast. */
void wish_filter_read(struct params *p, bool required, struct stack_filter_want *out);

#endif
