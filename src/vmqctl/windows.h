/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon's answers under the names that Windows' Get-NetAdapter… commands give them (docs/windows.md): rows with
 * the columns of one command. Reads only; a value of the wrong type is as good as absent.
 */
#ifndef VMQ_VMQCTL_WINDOWS_H
#define VMQ_VMQCTL_WINDOWS_H

#include <jansson.h>
#include <stdio.h>

/* Each makes a new list of rows: objects whose members are the columns, in their order; null is not known. */
/* Get-NetAdapterVmq: `switches` of switch.show, `workers` of worker.show. */
json_t *windows_vmq(const json_t *switches, const json_t *workers);
/* Get-NetAdapterVmqQueue: `queues` of queue.show. */
json_t *windows_queues(const json_t *queues);
/* Get-NetAdapterVPort: `vports` of vport.show. */
json_t *windows_vports(const json_t *vports);
/* Get-NetAdapterSriov: `switches` of switch.show. */
json_t *windows_sriov(const json_t *switches);

/* A table with the columns of the first row; nothing of an empty list. */
void windows_print(FILE *out, const json_t *rows);

#endif
