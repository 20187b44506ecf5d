/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NDIS contract for VM queues, NIC switches and SR-IOV, for programs on Linux: types, numbers and structures under
 * the names the field knows, with the x86-64 layouts byte for byte (spec/20-structures.md). Nothing here has state or
 * code; any program may include it. A test compares all of it with mingw-w64's ntddndis.h.
 *
 *   ndis_base.h    scalar types, the common header, the request, OIDs and statuses
 *   ndis_filter.h  receive filters and VM queues
 *   ndis_switch.h  NIC switches, VPorts, VFs
 *   ndis_sriov.h   the SR-IOV family
 *   ndis_rss.h     receive-side scaling, as VMMQ uses it
 *   ndis_data.h    what travels beside frames, shared memory, flags of the data path's calls
 *   ndis_names.h   names for OIDs and statuses, UTF-8 for counted strings
 *
 * LLP64 rules on an LP64 system: ULONG is 32 bits, WCHAR is a UTF-16 unit. Multi-byte values are in host order except
 * where a comment says big-endian.
 */
#ifndef VMQ_NDIS_H
#define VMQ_NDIS_H

#include <vmq/ndis_base.h>
#include <vmq/ndis_filter.h>
#include <vmq/ndis_switch.h>
#include <vmq/ndis_sriov.h>
#include <vmq/ndis_rss.h>
#include <vmq/ndis_data.h>
#include <vmq/ndis_names.h>

#endif
