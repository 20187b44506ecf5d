/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * This host as vmqd wants it described (docs/rpc.md, HOST): vmqd is in a sandbox and sees neither hot-plugged CPUs nor
 * its VMs' processes. Reads below --topology DIR, or the host's own files.
 */
#ifndef VMQ_VMQCTL_HOST_JSON_H
#define VMQ_VMQCTL_HOST_JSON_H

#include <jansson.h>
#include <sys/types.h>

/* `pid`: vmqd's, whose cgroup and affinity count. `switches`, `vports`: its answers to switch.show and vport.show, for
 * the devices and the VMs' processes. A new object. */
json_t *host_json(const char *root, pid_t pid, const json_t *switches, const json_t *vports);

#endif
