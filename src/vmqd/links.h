/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An adapter's network devices, watched: the host's TAP, whose address and promiscuity are the packet filter of the
 * default VPort, and the physical port's. Changes are logged and told to monitors. Control thread.
 */
#ifndef VMQ_VMQD_LINKS_H
#define VMQ_VMQD_LINKS_H

#include "base/err.h"

struct adapter;

/* Both ports are open. From here on the default VPort's packet filter follows the host's device. 0, or -1 with the
 * sentence and nothing half done that links_stop would not end. */
int links_start(struct adapter *a, struct vmq_err *err);
/* Also when links_start failed or was not called. */
void links_stop(struct adapter *a);

#endif
