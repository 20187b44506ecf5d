/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sockets of virtual functions: what the software adapter's driver asks when a VF gets a VPort, is reset or sleeps. A
 * VPort that the stack made has its endpoint from the stack; one that somebody made by raw requests gets one here, at
 * RUN_DIR/ADAPTER-vfN.sock. Control thread.
 */
#ifndef VMQ_VMQD_VF_SOCKET_H
#define VMQ_VMQD_VF_SOCKET_H

#include <jansson.h>
#include <sys/queue.h>

#include "miniport/softnic/softnic.h"
#include "vhost/vhost.h"

struct adapter;

/* The socket of a VF whose VPort is nobody's but a raw driver's. */
struct vf_socket {
	struct adapter *adapter;
	unsigned vf;
	uint32_t vport;
	char path[108];
	struct vhost_endpoint *ep;
	LIST_ENTRY(vf_socket) link;
};
LIST_HEAD(vf_socket_list, vf_socket);

/* For struct softnic_config; the context is the adapter. */
extern const struct softnic_ops vf_socket_ops;

/* The endpoint of a VPort, the stack's or a VF's; NULL: there is none. */
struct vhost_endpoint *vf_socket_endpoint(const struct adapter *a, uint32_t vport);
/* The data path broke a queue pair of a VPort that is not the stack's. */
void vf_socket_broken(const struct adapter *a, uint32_t vport, unsigned qp, const char *reason);
/* Adds socket and what its VM is doing to a VF's description. */
void vf_socket_describe(const struct adapter *a, uint32_t vport, json_t *out);

#endif
