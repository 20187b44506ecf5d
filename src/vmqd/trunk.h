/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `trunk` of a VPort as people write it: on, off, or on with a list of VLANs. Pure; control thread.
 */
#ifndef VMQ_VMQD_TRUNK_H
#define VMQ_VMQD_TRUNK_H

#include "schema/schema.h"
#include "stack/stack.h"
#include "vmqd/params.h"

/* Takes the member: true, false, a VLAN's number, or text with numbers and ranges of 1 … 4094, `untagged` and `any`, commas
 * between ("untagged,10,100-199"). True when it is there and right: *trunk says whether the VPort is one, *vlans which VLANs
 * its addresses get, and *list whether there is such a list. */
bool trunk_read(struct params *p, const struct schema_member *m, bool *trunk, bool *list, struct stack_vlans *vlans);

#endif
