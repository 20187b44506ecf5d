/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon put together and taken apart (daemon.h). Starting goes down this file, ending goes up it, and ending
 * copes with whatever was not started: a failure anywhere ends what there is.
 */
#include "vmqd/daemon.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "vmqd/endpoint.h"
#include "vmqd/events.h"
#include "vmqd/fdstore.h"
#include "vmqd/lately.h"
#include "vmqd/links.h"
#include "vmqd/listen.h"
#include "vmqd/look.h"
#include "vmqd/methods.h"
#include "vmqd/sleep_files.h"
#include "vmqd/state.h"

#define FAULTS_LOGGED 32u /* of an adapter's driver; the rest is counted */

static const struct stack_ops stack_ops = {
	.open_endpoint = endpoint_open,
	.close_endpoint = endpoint_close,
	.event = events_stack,
	.changed = state_changed,
};

/* ---- workers ---- */

static void engine_events(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	nic_engine_poll_events(d->engine);
}

static void watch_engine(void *arg, uint32_t events)
{
	struct daemon *d = arg;
	struct stack_error e;
	uint64_t ticks;

	(void)events;
	if (read(d->watch_fd, &ticks, sizeof ticks) != sizeof ticks)
		return;
	nic_engine_watch(d->engine);
	if (d->watch_ticks++ % (1000 / NIC_WATCH_MS) == 0)
		look_at_all(d);
	if (d->watchdog_ticks && --d->watchdog_left == 0) {
		d->watchdog_left = d->watchdog_ticks;
		(void)sd_notify(0, "WATCHDOG=1");
	}
	(void)state_commit(d, &e); /* what no request did: moves by automatic placement */
}

/* Looks after the workers every NIC_WATCH_MS. */
static int start_watch(struct daemon *d, struct vmq_err *err)
{
	const struct timespec every = { .tv_nsec = NIC_WATCH_MS * 1000000L };
	uint64_t us = 0;
	int rc;

	if (sd_watchdog_enabled(0, &us) > 0) /* three times in the time it gives us, and in each turn at most */
		d->watchdog_ticks = d->watchdog_left = us / 3000 / NIC_WATCH_MS ? us / 3000 / NIC_WATCH_MS : 1;
	d->watch_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->watch_fd < 0 || timerfd_settime(d->watch_fd, 0, &(struct itimerspec){ every, every }, NULL) < 0)
		return vmq_err(err, -1, "the workers' timer: %s", strerror(errno));
	rc = loop_add(d->loop, d->watch_fd, EPOLLIN, watch_engine, d);
	return rc < 0 ? vmq_err(err, -1, "the workers' timer cannot be watched: %s", strerror(-rc)) : 0;
}

static int start_engine(struct daemon *d, struct vmq_err *err)
{
	struct nic_engine_config cfg = { .ncpus = d->cfg->ncpus };
	char record[STACK_PATH_SIZE + 8];
	int rc;

	memcpy(cfg.cpus, d->cfg->cpus, d->cfg->ncpus * sizeof *cfg.cpus);
	for (unsigned i = 0; i < d->cfg->ncpus; i++) {
		cfg.policy[i] = (enum nic_policy)d->cfg->policies[i];
		cfg.light_sleep[i] = (enum nic_light_sleep)d->cfg->light_sleeps[i];
	}
	sleep_files_record(d->cfg->socket, record, sizeof record);
	d->sleep_files = sleep_files_open("", record, cfg.cpus, cfg.ncpus);
	if (!d->sleep_files)
		return vmq_err(err, -1, "out of memory");
	cfg.sleep_files = sleep_files_all(d->sleep_files);
	if (nic_engine_create(&cfg, &d->engine, err) < 0) {
		config_blame(d->cfg, err, "cpus");
		return -1;
	}
	rc = loop_add(d->loop, nic_engine_event_fd(d->engine), EPOLLIN, engine_events, d);
	if (rc < 0)
		return vmq_err(err, -1, "the workers' events cannot be watched: %s", strerror(-rc));
	d->engine_watched = true;
	return start_watch(d, err);
}

static int start_stack(struct daemon *d, struct vmq_err *err)
{
	struct stack_config cfg = {
		.cpus = d->cfg->cpus, .ncpus = d->cfg->ncpus, .ops = &stack_ops, .ctx = d
	};
	struct stack_error e;

	if (stack_create(&cfg, &d->stack, &e) < 0)
		return vmq_err(err, -1, "%s", e.err.text);
	return 0;
}

/* ---- one adapter ---- */

static void nic_event(void *ctx, const struct nic_event *ev)
{
	struct adapter *a = ctx;
	struct stack_vport *v = a->stack ? stack_vport_by_id(a->stack, ev->vport) : NULL;

	if (v && ev->type == NIC_EVENT_QUEUE_BROKEN)
		endpoint_broken(v, ev->qp, ev->reason);
	else if (ev->type == NIC_EVENT_QUEUE_BROKEN)
		vf_socket_broken(a, ev->vport, ev->qp, ev->reason);
}

static size_t adapter_index(const struct adapter *a)
{
	return (size_t)(a - a->daemon->adapters);
}

/* Which of its members is to blame when a port does not open. */
static const char *port_culprit(const struct config_port *c)
{
	if (c->netns[0] && access(c->netns, R_OK) < 0)
		return "netns";
	if (c->device[0])
		return "device";
	return c->in[0] && access(c->in, R_OK) < 0 ? "in" : "out";
}

/* By the file: a policy set later does not change what a port was opened with. */
static bool worker_polls(const struct config *cfg, unsigned cpu)
{
	for (unsigned i = 0; i < cfg->ncpus; i++)
		if (cfg->cpus[i] == cpu)
			return cfg->policies[i] == NIC_POLICY_POLL;
	return false;
}

static int open_port(const struct adapter *a, const char *key, const struct config_port *c, struct port **out,
		     struct vmq_err *err)
{
	struct port_config cfg = {
		.driver = config_drivers[c->driver],
		.netns = c->netns[0] ? c->netns : NULL,
		.pcap_in = c->in[0] ? c->in : NULL,
		.pcap_out = c->out[0] ? c->out : NULL,
		.pcap_rate = c->rate,
		.pcap_loop = c->loop,
		.napi = (enum port_napi)c->napi,
		.cpus = { .workers = a->daemon->cfg->cpus, .n = a->daemon->cfg->ncpus, .own = c->cpu,
			  .own_polls = worker_polls(a->daemon->cfg, c->cpu) },
		.fds = fdstore_keep(a->daemon->fdstore),
	};

	memcpy(cfg.ifname, c->device, sizeof cfg.ifname);
	if (port_open(&cfg, out, err) == 0)
		return 0;
	config_blame(a->daemon->cfg, err, "adapters[%zu].%s.%s", adapter_index(a), key, port_culprit(c));
	return -1;
}

/* A bug of the adapter's driver; each is counted, and the first ones are logged. */
static void driver_fault(void *ctx, const char *sentence)
{
	struct adapter *a = ctx;

	if (a->faults_logged < FAULTS_LOGGED)
		log_error("adapter %s: %s%s", a->cfg->name, sentence,
			  ++a->faults_logged == FAULTS_LOGGED ? " (further faults are counted only)" : "");
	events_driver_fault(a, sentence);
}

static int make_contract(struct adapter *a, struct vmq_err *err)
{
	struct softnic_config soft;
	struct ndis_adapter_config cfg = {
		.keywords = a->cfg->mode.keywords,
		.switch_name = a->cfg->switch_name,
		.switch_without_iov = a->cfg->mode.create_switch,
		.fault = driver_fault,
		.ctx = a,
	};
	struct ndis_driver_config raw = {
		.name = "control socket", .indicate = events_indication, .invalidated = events_invalidated, .ctx = a
	};

	softnic_config_default(a->daemon->engine, &soft);
	soft.limits = a->cfg->mode.limits;
	soft.default_cpu = a->cfg->host.cpu;
	soft.ops = &vf_socket_ops;
	soft.ctx = a;
	if (softnic_create(a->daemon->engine, a->nic, &soft, &a->soft, err) < 0 ||
	    ndis_adapter_create(&softnic_ops, a->soft, &cfg, &a->ndis, err) < 0) {
		config_blame(a->daemon->cfg, err, "adapters[%zu]", adapter_index(a));
		return -1;
	}
	a->raw = ndis_driver_open(a->ndis, &raw);
	return a->raw ? 0 : vmq_err(err, -1, "out of memory");
}

/* What the configuration wants of the adapter: the default VPort's CPU (which a default queue has from its driver), and
 * the VPorts. */
static int make_vports(struct adapter *a, struct vmq_err *err)
{
	struct stack_vport_change cpu = { .set_cpu = true, .cpu = a->cfg->host.cpu, .by_plan = !a->cfg->host.cpu_given };
	struct stack_error e;

	if (stack_adapter_add(a->daemon->stack, a->cfg->name, a->ndis, cpu.cpu, a, &a->stack, &e) < 0 ||
	    stack_vport_set(stack_vport_by_id(a->stack, 0), &cpu, &e) < 0)
		return vmq_err(err, -1, "adapter %s: %s", a->cfg->name, e.err.text);
	return state_restore(a, err);
}

/* Frames flow from here on. */
static int attach_ports(struct adapter *a, struct vmq_err *err)
{
	struct ndis_adapter_info n;

	if (nic_vport_attach_port(a->nic, 0, a->host, err) < 0) {
		config_blame(a->daemon->cfg, err, "adapters[%zu].host", adapter_index(a));
		return -1;
	}
	a->host_attached = true;
	if (nic_wire_attach(a->nic, a->wire, a->cfg->port.cpu, err) < 0) {
		config_blame(a->daemon->cfg, err, "adapters[%zu].port", adapter_index(a));
		return -1;
	}
	a->wire_attached = true;
	ndis_adapter_info(a->ndis, &n);
	log_info("adapter %s: port %s, host device %s, %zu VPorts declared, mode %s: %s", a->cfg->name,
		 a->wire->ops->describe(a->wire), a->cfg->host.device, a->cfg->nvports, ndis_mode_name(n.mode), n.mode_reason);
	return 0;
}

static int start_adapter(struct adapter *a, struct vmq_err *err)
{
	struct nic_config cfg = { .name = a->cfg->name, .event = nic_event, .ctx = a };

	a->lately = lately_create();
	if (!a->lately)
		return vmq_err(err, -1, "out of memory");
	lately_time(a->lately, look_now_s());
	if (nic_create(a->daemon->engine, &cfg, &a->nic, err) < 0 ||
	    open_port(a, "port", &a->cfg->port, &a->wire, err) < 0 ||
	    open_port(a, "host", &a->cfg->host, &a->host, err) < 0 || make_contract(a, err) < 0 ||
	    make_vports(a, err) < 0 || links_start(a, err) < 0)
		return -1;
	return 0;
}

static void close_port(const struct daemon *d, struct port *p)
{
	if (d->leaving)
		port_leave(p);
	else
		port_close(p);
}

static void stop_adapter(struct adapter *a)
{
	links_stop(a);
	if (a->wire_attached)
		(void)nic_wire_detach(a->nic);
	if (a->stack)
		stack_adapter_remove(a->stack);
	a->stack = NULL; /* a VF's VPort that goes now is nobody's but a raw driver's */
	state_forget(a);
	if (a->host_attached)
		(void)nic_vport_detach_port(a->nic, 0);
	ndis_adapter_destroy(a->ndis);
	softnic_destroy(a->soft);
	if (a->nic)
		nic_destroy(a->nic);
	close_port(a->daemon, a->host);
	close_port(a->daemon, a->wire);
	lately_destroy(a->lately);
}

static int start_adapters(struct daemon *d, struct vmq_err *err)
{
	d->adapters = calloc(d->cfg->nadapters, sizeof *d->adapters);
	if (!d->adapters)
		return vmq_err(err, -1, "out of memory");
	for (size_t i = 0; i < d->cfg->nadapters; i++) {
		struct adapter *a = &d->adapters[d->nadapters++];

		a->daemon = d;
		a->cfg = &d->cfg->adapters[i];
		if (start_adapter(a, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- control ---- */

static int make_dir(const char *path, struct vmq_err *err)
{
	struct stat st;

	if (mkdir(path, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return vmq_err(err, -1, "%s cannot be made: %s", path, strerror(errno));
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return vmq_err(err, -1, "%s is there and is not a directory", path);
	return 0;
}

static int make_dirs(const struct config *cfg, struct vmq_err *err)
{
	char copy[STACK_PATH_SIZE];

	(void)snprintf(copy, sizeof copy, "%s", cfg->socket);
	if (make_dir(cfg->run_dir, err) < 0) {
		config_blame(cfg, err, "run_dir");
		return -1;
	}
	if (make_dir(dirname(copy), err) < 0) {
		config_blame(cfg, err, "control.socket");
		return -1;
	}
	return 0;
}

/* Before anything else is touched: where another daemon has the control socket, its sockets and devices are its own.
 * The socket itself is made last: it is there when all the rest is. */
static int check_alone(const struct config *cfg, struct vmq_err *err)
{
	if (listen_make_free(cfg->socket, err) == 0)
		return 0;
	config_blame(cfg, err, "control.socket");
	return -1;
}

static int start_server(struct daemon *d, struct vmq_err *err)
{
	struct rpc rpc = { .methods = methods, .commit = state_commit, .ctx = d };

	if (server_create(d->loop, &rpc, &d->server) < 0)
		return vmq_err(err, -1, "out of memory");
	if (server_listen(d->server, d->cfg->socket, d->cfg->socket_mode, d->cfg->socket_group, err) == 0)
		return 0;
	config_blame(d->cfg, err, "control.socket");
	return -1;
}

int daemon_start(const struct config *cfg, struct loop *loop, struct daemon **out, struct vmq_err *err)
{
	struct daemon *d = calloc(1, sizeof *d);

	if (!d)
		return vmq_err(err, -1, "out of memory");
	d->watch_fd = -1;
	d->cfg = d->declared = cfg;
	d->loop = loop;
	(void)clock_gettime(CLOCK_MONOTONIC, &d->started);
	endpoint_loop(loop, &d->vhost_loop);
	if (make_dirs(cfg, err) < 0 || check_alone(cfg, err) < 0 || start_engine(d, err) < 0)
		goto fail;
	if (vhost_guard_start(&d->vhost_loop, err) < 0)
		goto fail;
	d->guard = true;
	if (fdstore_open(&d->fdstore, err) < 0 || start_stack(d, err) < 0 || state_open(d, err) < 0 || start_adapters(d, err) < 0 ||
	    placement_create(d, &d->placement, err) < 0 || start_server(d, err) < 0)
		goto fail;
	placement_warn(d->placement);
	*out = d;
	return 0;
fail:
	daemon_stop(d);
	return -1;
}

static void resume_sessions(struct daemon *d)
{
	for (size_t i = 0; i < d->nadapters; i++)
		for (uint32_t id = 1; id < NIC_MAX_VPORTS; id++)
			endpoint_resume(stack_vport_by_id(d->adapters[i].stack, id));
}

int daemon_resume(struct daemon *d, struct vmq_err *err)
{
	int rc = 0;

	/* none sends before all can receive */
	if (d->fdstore && nic_engine_hold(d->engine, true) < 0)
		log_warn("VMs may send before all of them are there again");
	if (d->fdstore)
		resume_sessions(d);
	for (size_t i = 0; i < d->nadapters && rc == 0; i++)
		rc = attach_ports(&d->adapters[i], err);
	if (d->fdstore)
		(void)nic_engine_hold(d->engine, false);
	fdstore_settle(d->fdstore);
	return rc;
}

void daemon_declare(struct daemon *d, struct config *c)
{
	config_free(d->adopted);
	d->declared = d->adopted = c;
}

void daemon_stop(struct daemon *d)
{
	if (!d)
		return;
	d->leaving = d->fdstore != NULL;
	server_destroy(d->server);
	d->server = NULL; /* events have nowhere to go now */
	placement_destroy(d->placement);
	while (d->nadapters)
		stop_adapter(&d->adapters[--d->nadapters]);
	free(d->adapters);
	stack_destroy(d->stack);
	state_close(d);
	fdstore_close(d->fdstore);
	if (d->guard)
		vhost_guard_stop();
	if (d->watch_fd >= 0) {
		loop_remove(d->loop, d->watch_fd);
		(void)close(d->watch_fd);
	}
	if (d->engine_watched)
		loop_remove(d->loop, nic_engine_event_fd(d->engine));
	if (d->engine)
		nic_engine_destroy(d->engine);
	sleep_files_close(d->sleep_files);
	config_free(d->adopted);
	free(d);
}
