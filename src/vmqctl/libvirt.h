/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where libvirt puts VMs' virtual processors, from its files: of running domains (/run/libvirt/qemu) and, after them,
 * of defined ones (/etc/libvirt/qemu), so that a VM counts before it is started. Only root may read them; without them,
 * or without libvirt, nothing is found. Reads only, starts nothing.
 */
#ifndef VMQ_VMQCTL_LIBVIRT_H
#define VMQ_VMQCTL_LIBVIRT_H

#include "host/host.h"

/* A domain has a vhost-user interface at this socket, and these are its pinned virtual processors and its memory's
 * node. Valid during the call. */
typedef void libvirt_guest_fn(void *ctx, const char *socket, const struct host_guest *g);

/* Calls `fn` for each such interface, running domains first. `root`: the directory below which the files lie. */
void libvirt_guests(const char *root, libvirt_guest_fn *fn, void *ctx);

#endif
