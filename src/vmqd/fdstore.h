/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors that the service manager keeps for us over a restart (sd_notify's FDSTORE=1), by name: base/keep.h's struct
 * fd_keep. In use when the manager says that it keeps some ($FDSTORE, or $VMQ_FDSTORE=1 in the unit for managers that do
 * not say so). Of a file that several sessions share one descriptor is kept, until the last of them gives it up.
 *
 * Owned by the daemon; control thread.
 */
#ifndef VMQ_VMQD_FDSTORE_H
#define VMQ_VMQD_FDSTORE_H

#include "base/err.h"
#include "base/keep.h"

struct fdstore;

/* Takes what the manager passed on. *out is NULL when there is no manager that keeps descriptors. 0, or -1 with the
 * sentence. */
int fdstore_open(struct fdstore **out, struct vmq_err *err);
/* Closes our copies; the manager keeps its own. NULL is allowed. */
void fdstore_close(struct fdstore *f);
const struct fd_keep *fdstore_keep(struct fdstore *f); /* NULL for NULL */
/* Every port and endpoint is open and has taken what is its own: the manager gives the rest up. */
void fdstore_settle(struct fdstore *f);

#endif
