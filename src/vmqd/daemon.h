/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon: everything put together. One engine of workers; for each adapter a data path with its wire and host port,
 * the driver of the software adapter, the contract's keeper; one stack above them all; the control socket. All of it
 * belongs to the control thread. Only here do the rooms meet: what one needs of another is passed as a callback.
 */
#ifndef VMQ_VMQD_DAEMON_H
#define VMQ_VMQD_DAEMON_H

#include <time.h>

#include "base/rate.h"
#include "miniport/softnic/softnic.h"
#include "ndis/ndis_adapter.h"
#include "nic/nic.h"
#include "port/link_watch.h"
#include "port/port.h"
#include "stack/stack.h"
#include "vhost/vhost.h"
#include "vmqd/config.h"
#include "vmqd/loop.h"
#include "vmqd/placement.h"
#include "vmqd/server.h"
#include "vmqd/vf_socket.h"

#define VMQD_VERSION "0.1.0"

struct daemon;
struct fdstore;
struct lately;
struct settings;
struct sleep_files;
struct state;
struct store;

struct adapter {
	struct daemon *daemon;
	const struct config_adapter *cfg;
	struct nic *nic;
	struct port *wire, *host;
	bool wire_attached, host_attached;
	struct link_watch *wire_watch, *host_watch; /* the devices below them; NULL: a port without */
	struct link_state wire_state;               /* as last told */
	struct rate link_log;                       /* lines about both */
	struct softnic *soft;
	struct ndis_adapter *ndis;
	struct stack_adapter *stack;
	struct state *state;     /* what of its VPorts is in the store (state.c) */
	struct ndis_driver *raw; /* of oid.request; what it makes is its own */
	bool raw_request;        /* one is under way: a VPort that is made now is not the stack's */
	struct vf_socket_list vf_sockets;
	struct lately *lately;   /* what it lost lately */
	unsigned faults_logged;  /* of its driver */
};

struct daemon {
	const struct config *cfg;
	const struct config *declared; /* what the file says: cfg, or `adopted` */
	struct config *adopted;        /* applied or saved since the start; NULL: none */
	struct config *proposed;       /* see state_propose */
	struct settings *settings;     /* see state_settings; NULL: none were changed */
	struct loop *loop;
	struct vhost_loop vhost_loop;
	bool guard;
	struct nic_engine *engine;
	bool engine_watched;
	bool drained; /* nothing is taken from VMs (the method drain) */
	struct sleep_files *sleep_files; /* of its workers' CPUs */
	int watch_fd; /* timer of nic_engine_watch; -1: none */
	unsigned watch_ticks;
	uint64_t turns; /* of all workers, when their counters were looked at last */
	struct stack *stack;
	struct store *store; /* NULL: none is configured */
	struct fdstore *fdstore; /* NULL: no service manager keeps descriptors */
	bool leaving;            /* another process follows: VMs' sessions are left to it */
	uint64_t watchdog_ticks, watchdog_left; /* the service manager hears from us every so many turns; 0: never */
	struct adapter *adapters;
	size_t nadapters; /* those that exist, also half */
	struct placement *placement;
	struct server *server;
	struct timespec started;
};

/* Starts everything the configuration says, or nothing: on failure all is undone and the sentence says why. `cfg` must
 * outlive the daemon. */
int daemon_start(const struct config *cfg, struct loop *loop, struct daemon **out, struct vmq_err *err);
/* Gives up what running does not need, as the configuration says (confine.c). Nothing can be opened afterwards. 0, or -1
 * with the sentence: then stop the daemon. */
int daemon_confine(struct daemon *d, struct vmq_err *err);
/* The configuration file says this now; `c` is taken over. */
void daemon_declare(struct daemon *d, struct config *c);
/* Goes on with the sessions of VMs that the process before this one left, and then with the ports: what waits in them is
 * for VMs that are there again. Behind daemon_confine. 0, or -1 with the sentence: then stop the daemon. */
int daemon_resume(struct daemon *d, struct vmq_err *err);
/* Ends everything: clients, VMs' connections, VPorts, switches, ports, workers. NULL is allowed. */
void daemon_stop(struct daemon *d);

/* The adapter of a stack object. */
static inline struct adapter *adapter_of(const struct stack_vport *v)
{
	return stack_adapter_user(stack_vport_adapter(v));
}

#endif
