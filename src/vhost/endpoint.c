/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An endpoint's life: opened, waiting for a front-end (listening or connecting), connected, closed; the callbacks from
 * the daemon's loop, and what can be seen from outside.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vhost/endpoint.h"

#define PAUSE_MIN_MS    100u
#define PAUSE_MAX_MS    2000u
#define ACCEPT_PAUSE_MS 1000u /* when descriptors ran out, or a front-end comes too often */
#define MESSAGES_A_CALL 64u   /* then the loop's other descriptors have their turn */
#define LEFT_OPEN_MOST  16u   /* descriptors that are never closed (message.c) */

static void on_socket(void *arg, uint32_t events);
static void on_listen(void *arg, uint32_t events);
static void on_timer(void *arg, uint32_t events);

const char *vhost_feature_name(unsigned bit)
{
	switch (bit) {
#define FEATURE_NAME(b, name, dflt)                                                                                    \
	case b:                                                                                                        \
		return #name;
		VHOST_FEATURES(FEATURE_NAME)
#undef FEATURE_NAME
	default:
		return NULL;
	}
}

/* ---- telling ---- */

void vhost_tell(struct vhost_endpoint *ep, const struct vhost_event *ev)
{
	if (ep->event)
		ep->event(ep->ctx, ep, ev);
}

bool vhost_may_log(struct vhost_endpoint *ep)
{
	char whom[VHOST_NAME_MAX + 32];

	(void)snprintf(whom, sizeof whom, "vport %s: its front-end", ep->name);
	return rate_may_log(&ep->log_rate, whom);
}

void vhost_fault(struct vhost_endpoint *ep, const char *sentence, const char *consequence)
{
	ep->errors++;
	(void)snprintf(ep->last_error, sizeof ep->last_error, "%s", sentence);
	if (vhost_may_log(ep))
		log_warn("vport %s: front-end: %s; %s", ep->name, sentence, consequence);
}

/* ---- waiting for a front-end ---- */

static void arm_timer(struct vhost_endpoint *ep, unsigned ms)
{
	struct itimerspec t = { .it_value = { ms / 1000, (long)(ms % 1000) * 1000000 } };

	(void)timerfd_settime(ep->timer_fd, 0, &t, NULL);
}

/* The next try to connect, each later than the one before. */
static void connect_later(struct vhost_endpoint *ep)
{
	arm_timer(ep, ep->pause_ms);
	ep->pause_ms = ep->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : ep->pause_ms * 2;
}

/* A connected socket becomes the session's. It is ours or closed afterwards. */
static int begin_session(struct vhost_endpoint *ep, int fd)
{
	struct vhost_event ev = { .type = VHOST_EVENT_CONNECTED };
	int rc = ep->loop->add_fd(ep->loop->ctx, fd, EPOLLIN, on_socket, ep);

	if (rc) {
		log_error("vport %s: its front-end's connection cannot be watched: %s", ep->name, strerror(-rc));
		close(fd);
		return rc;
	}
	vhost_channel_init(&ep->ch, fd);
	ep->connected = true;
	ep->writing = false;
	ep->told_refused = false;
	ep->peer_pid = vhost_socket_peer(fd);
	ep->connections++;
	if (vhost_may_log(ep))
		log_info("vport %s: a front-end (process %d) connected", ep->name, (int)ep->peer_pid);
	vhost_tell(ep, &ev);
	vhost_session_save(ep);
	return 0;
}

void vhost_forget_session(struct vhost_endpoint *ep)
{
	vhost_pairs_reset(ep);
	vhost_mem_put(ep->mem);
	ep->mem = NULL;
	vhost_map_put(ep->log);
	ep->log = NULL;
	ep->log_size = 0;
	vhost_map_put(ep->inflight);
	ep->inflight = NULL;
	ep->inflight_size = 0;
	ep->inflight_queues = 0;
	ep->has_features = false;
	ep->features = 0;
	ep->protocol_features = 0;
	ep->device_status = 0;
	ep->mtu = 0;
}

static void stop_accept(struct vhost_endpoint *ep)
{
	if (ep->listening)
		ep->loop->del_fd(ep->loop->ctx, ep->listen_fd);
	ep->listening = false;
}

/* Nobody is let in for a while; who connects meanwhile waits in the socket's queue. */
static void pause_accept(struct vhost_endpoint *ep)
{
	stop_accept(ep);
	arm_timer(ep, ACCEPT_PAUSE_MS);
}

/* Its front-ends have given us as many descriptors as we are ready to lose: nobody is let in any more. */
static bool is_barred(const struct vhost_endpoint *ep)
{
	return ep->ch.left_open >= LEFT_OPEN_MOST;
}

static void bar(struct vhost_endpoint *ep)
{
	stop_accept(ep);
	log_error("vport %s: its front-end passed %u files that cannot be closed without waiting for whoever serves them; none is let "
		  "in any more until the VPort is made anew", ep->name, ep->ch.left_open);
}

/* Each session that begins and ends costs the control thread, and the workers a mapping that goes: what a front-end that does
 * nothing but break rules can have of it is bounded. One that only comes and goes is not meant. */
static void bound_faults(struct vhost_endpoint *ep)
{
	bool faulty = ep->errors + ep->breaks != ep->faults_seen;

	ep->faults_seen = ep->errors + ep->breaks;
	if (!faulty || !ep->faulty_sessions || !ep->listening || rate_within(&ep->fault_rate, 1, ep->faulty_sessions))
		return;
	if (vhost_may_log(ep))
		log_warn("vport %s: its front-end breaks rules and comes again, %u times in a second; none is let in for %u ms",
			 ep->name, ep->faulty_sessions, ACCEPT_PAUSE_MS);
	pause_accept(ep);
}

/* `fault`: why we end it (logged already), or NULL: the front-end did. */
static void end_session(struct vhost_endpoint *ep, const char *fault)
{
	struct vhost_event ev = { .type = VHOST_EVENT_DISCONNECTED,
				  .reason = fault ? fault : "it closed the connection" };

	ep->loop->del_fd(ep->loop->ctx, ep->ch.fd);
	vhost_channel_close(&ep->ch);
	ep->connected = false;
	ep->peer_pid = 0;
	vhost_forget_session(ep);
	vhost_session_save(ep);
	if (!fault && vhost_may_log(ep))
		log_info("vport %s: its front-end disconnected", ep->name);
	vhost_tell(ep, &ev);
	if (is_barred(ep))
		bar(ep);
	else if (ep->client)
		connect_later(ep);
	else
		bound_faults(ep);
}

static void try_connect(struct vhost_endpoint *ep)
{
	int fd = vhost_socket_connect(ep->path);

	if (fd < 0 || begin_session(ep, fd))
		connect_later(ep);
}

/* A front-end that is gone may still be ours in name: its end has not come up in the loop yet. */
static bool hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void on_listen(void *arg, uint32_t events)
{
	struct vhost_endpoint *ep = arg;
	int fd = accept4(ep->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0) {
		if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
			return;
		if (vhost_may_log(ep))
			log_error("vport %s: a front-end cannot be let in: %s", ep->name, strerror(errno));
		pause_accept(ep);
		return;
	}
	if (ep->connected && hung_up(ep->ch.fd))
		end_session(ep, NULL);
	if (is_barred(ep)) {
		close(fd);
		return;
	}
	if (ep->connected) {
		ep->refused++;
		if (!ep->told_refused && vhost_may_log(ep))
			log_warn("vport %s: a second front-end (process %d) was turned away, process %d is connected",
				 ep->name, (int)vhost_socket_peer(fd), (int)ep->peer_pid);
		ep->told_refused = true;
		close(fd);
		return;
	}
	(void)begin_session(ep, fd);
}

void vhost_endpoint_resume(struct vhost_endpoint *ep)
{
	int fd;

	if (!ep->resuming)
		return;
	ep->resuming = false;
	fd = vhost_session_resume(ep);
	if (fd < 0 || begin_session(ep, fd)) {
		if (fd >= 0)
			vhost_forget_session(ep);
		if (ep->client)
			connect_later(ep);
		return;
	}
	vhost_pairs_start(ep);
	vhost_pairs_tell(ep);
	vhost_session_save(ep);
}

static void on_timer(void *arg, uint32_t events)
{
	struct vhost_endpoint *ep = arg;
	uint64_t n;

	(void)events;
	if (read(ep->timer_fd, &n, sizeof n) < 0 || is_barred(ep))
		return;
	if (ep->client) {
		if (!ep->connected)
			try_connect(ep);
	} else if (!ep->listening) {
		if (ep->loop->add_fd(ep->loop->ctx, ep->listen_fd, EPOLLIN, on_listen, ep) == 0)
			ep->listening = true;
		else
			arm_timer(ep, ACCEPT_PAUSE_MS);
	}
}

/* ---- a session ---- */

/* While answers lie unsent nothing more is received: a front-end that does not read waits for itself. */
static int watch_socket(struct vhost_endpoint *ep)
{
	bool writing = ep->ch.nout > 0;
	int rc = 0;

	if (writing != ep->writing)
		rc = ep->loop->mod_fd(ep->loop->ctx, ep->ch.fd, writing ? EPOLLOUT : EPOLLIN);
	ep->writing = writing;
	return rc;
}

static void close_for(struct vhost_endpoint *ep, struct vmq_err *err)
{
	if (err->text[0])
		vhost_fault(ep, err->text, "its connection is closed");
	end_session(ep, err->text[0] ? err->text : NULL);
}

static void on_socket(void *arg, uint32_t events)
{
	struct vhost_endpoint *ep = arg;
	const struct vhost_mem *mem = ep->mem; /* another table costs as much as many messages: then others have their turn, too */
	struct vmq_err err = { "" };

	(void)events;
	vhost_session_busy(ep);
	if (ep->writing && vhost_channel_flush(&ep->ch)) {
		close_for(ep, &err);
		return;
	}
	for (unsigned i = 0; i < MESSAGES_A_CALL && ep->ch.nout == 0 && ep->mem == mem; i++) {
		int rc = vhost_channel_recv(&ep->ch, &err);
		enum vhost_verdict verdict;

		if (rc == 0)
			break;
		if (rc < 0) {
			close_for(ep, &err);
			return;
		}
		ep->messages++;
		ep->pause_ms = PAUSE_MIN_MS;
		verdict = vhost_handle(ep, &err);
		vhost_channel_next(&ep->ch);
		vhost_pairs_tell(ep);
		if (verdict == VHOST_MSG_CLOSE) {
			close_for(ep, &err);
			return;
		}
	}
	if (watch_socket(ep)) {
		(void)vmq_err(&err, -ENOMEM, "its connection cannot be watched");
		close_for(ep, &err);
		return;
	}
	vhost_session_save(ep);
}

void vhost_memory_lost(void *arg)
{
	struct vhost_endpoint *ep = arg;
	bool log_lost = ep->log && vhost_guard_lost(ep->log->guard);
	const char *reason = log_lost ? "the migration log's file was truncated" : VHOST_MEM_LOST;

	vhost_fault(ep, reason, "its queues are stopped");
	for (unsigned qp = 0; qp < ep->npairs; qp++)
		vhost_pair_break(ep, qp, reason);
	if (log_lost) {
		vhost_map_put(ep->log);
		ep->log = NULL;
	}
	vhost_pairs_tell(ep);
}

void vhost_endpoint_broken(struct vhost_endpoint *ep, unsigned qp, const char *reason)
{
	struct nic_queue_info info;

	if (qp >= ep->npairs)
		return;
	/* The report of a queue that was stopped and started anew since is old. */
	if (nic_queue_info(ep->nic, ep->vport, qp, &info) == 0 && info.started && !info.broken)
		return;
	vhost_pair_break(ep, qp, reason);
	vhost_pairs_tell(ep);
}

int vhost_endpoint_reset(struct vhost_endpoint *ep, const char *reason)
{
	int rc = 0;

	for (unsigned qp = 0; qp < ep->npairs; qp++) {
		bool set_up = ep->vring[2 * qp].has_addr || ep->vring[2 * qp + 1].has_addr;

		vhost_vring_stop(ep, 2 * qp);
		vhost_vring_stop(ep, 2 * qp + 1);
		if (ep->pair[qp].stuck)
			rc = -ETIMEDOUT;
		if (set_up)
			vhost_pair_refuse(ep, qp, reason);
	}
	vhost_pairs_tell(ep);
	return rc;
}

int vhost_endpoint_suspend(struct vhost_endpoint *ep, bool on)
{
	int rc = 0;

	ep->suspended = on;
	if (on)
		vhost_pairs_stop(ep);
	else
		vhost_pairs_start(ep);
	for (unsigned qp = 0; qp < ep->npairs; qp++)
		if (ep->pair[qp].stuck)
			rc = -ETIMEDOUT;
	vhost_pairs_tell(ep);
	return rc;
}

int vhost_endpoint_set_queue_pairs(struct vhost_endpoint *ep, unsigned n, struct vmq_err *err)
{
	if (n < 1 || n > NIC_MAX_QUEUE_PAIRS)
		return vmq_err(err, -EINVAL, "%u queue pairs: 1 to %u is right", n, NIC_MAX_QUEUE_PAIRS);
	if (n < ep->npairs && ep->connected)
		return vmq_err(err, -EBUSY, "a VM is connected, which may have been told of %u queue pairs; fewer are possible while none is",
			       ep->npairs);
	for (unsigned qp = n; qp < ep->npairs; qp++)
		if (ep->pair[qp].stuck)
			return vmq_err(err, -EBUSY, "a worker still holds queue pair %u", qp);
	ep->npairs = n;
	return 0;
}

/* ---- open and close ---- */

static int check_config(const struct vhost_endpoint_config *cfg, struct vmq_err *err)
{
	uint64_t unknown = cfg->features & ~VHOST_FEATURES_SUPPORTED;

	if (!cfg->path || !cfg->path[0] || strlen(cfg->path) > VHOST_PATH_MAX)
		return vmq_err(err, -EINVAL, "socket path: 1 to %u bytes are right", VHOST_PATH_MAX);
	if (!cfg->name || !cfg->name[0] || strlen(cfg->name) > VHOST_NAME_MAX)
		return vmq_err(err, -EINVAL, "name: 1 to %u bytes are right", VHOST_NAME_MAX);
	if (cfg->queue_pairs < 1 || cfg->queue_pairs > NIC_MAX_QUEUE_PAIRS)
		return vmq_err(err, -EINVAL, "queue_pairs %u: 1 to %u is right", cfg->queue_pairs, NIC_MAX_QUEUE_PAIRS);
	if (cfg->mode & ~(mode_t)0777)
		return vmq_err(err, -EINVAL, "socket mode %#o: at most 0777 is right", cfg->mode);
	if (unknown)
		return vmq_err(err, -EINVAL, "features %#llx are not known here", (unsigned long long)unknown);
	return 0;
}

static struct vhost_endpoint *new_endpoint(const struct vhost_endpoint_config *cfg)
{
	struct vhost_endpoint *ep = calloc(1, sizeof *ep);

	if (!ep)
		return NULL;
	(void)snprintf(ep->name, sizeof ep->name, "%s", cfg->name);
	(void)snprintf(ep->path, sizeof ep->path, "%s", cfg->path);
	ep->client = cfg->client;
	ep->nic = cfg->nic;
	ep->vport = cfg->vport;
	ep->npairs = cfg->queue_pairs;
	ep->offered = cfg->features ? cfg->features : VHOST_FEATURES_DEFAULT;
	ep->loop = cfg->loop;
	ep->event = cfg->event;
	ep->ctx = cfg->ctx;
	ep->keep = cfg->keep;
	ep->faulty_sessions = cfg->faulty_sessions;
	ep->listen_fd = -1;
	ep->timer_fd = -1;
	ep->ch.fd = -1;
	ep->pause_ms = PAUSE_MIN_MS;
	for (unsigned i = 0; i < 2 * NIC_MAX_QUEUE_PAIRS; i++)
		vhost_vring_init(&ep->vring[i]);
	return ep;
}

static void free_endpoint(struct vhost_endpoint *ep, bool leave)
{
	vhost_session_close(ep, leave);
	if (ep->listening)
		ep->loop->del_fd(ep->loop->ctx, ep->listen_fd);
	if (ep->listen_fd >= 0) {
		if (!leave)
			vhost_socket_unlink(ep->path, ep->sock_dev, ep->sock_ino);
		close(ep->listen_fd);
	}
	if (ep->timer_fd >= 0) {
		ep->loop->del_fd(ep->loop->ctx, ep->timer_fd);
		close(ep->timer_fd);
	}
	free(ep);
}

/* The socket that an earlier process listened at, or a new one. */
static int listen_on(struct vhost_endpoint *ep, const struct vhost_endpoint_config *cfg, int kept, struct vmq_err *err)
{
	const mode_t mode = cfg->mode ? cfg->mode : 0600;
	struct stat st;
	int rc;

	if (kept >= 0 && lstat(ep->path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		vhost_socket_own(ep->path, &st, mode, cfg->uid, cfg->gid);
		ep->listen_fd = kept;
		ep->sock_dev = st.st_dev;
		ep->sock_ino = st.st_ino;
		return 0;
	}
	if (kept >= 0) {
		close(kept);
		vhost_session_relisten(ep, -1);
	}
	rc = vhost_socket_listen(ep->path, mode, cfg->uid, cfg->gid, &ep->sock_dev, &ep->sock_ino, err);
	if (rc < 0)
		return rc;
	ep->listen_fd = rc;
	vhost_session_relisten(ep, rc);
	return 0;
}

int vhost_endpoint_open(const struct vhost_endpoint_config *cfg, struct vhost_endpoint **out, struct vmq_err *err)
{
	struct vhost_endpoint *ep;
	int fd, kept, rc = check_config(cfg, err);

	if (rc)
		return rc;
	ep = new_endpoint(cfg);
	if (!ep)
		return vmq_err(err, -ENOMEM, "no memory");
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0) {
		rc = vmq_err(err, -errno, "no timer: %s", strerror(errno));
		goto fail;
	}
	rc = ep->loop->add_fd(ep->loop->ctx, fd, EPOLLIN, on_timer, ep);
	if (rc) {
		close(fd);
		(void)vmq_err(err, rc, "the timer cannot be watched: %s", strerror(-rc));
		goto fail;
	}
	ep->timer_fd = fd;
	if (ep->keep)
		vhost_maps_keep_fds();
	ep->resuming = vhost_session_open(ep, &kept);
	/* From the loop: no event before the caller has the endpoint. */
	if (ep->client) {
		if (!ep->resuming)
			arm_timer(ep, 1);
		if (kept >= 0)
			close(kept);
		*out = ep;
		return 0;
	}
	rc = listen_on(ep, cfg, kept, err);
	if (rc < 0)
		goto fail;
	rc = ep->loop->add_fd(ep->loop->ctx, ep->listen_fd, EPOLLIN, on_listen, ep);
	if (rc) {
		(void)vmq_err(err, rc, "socket %s cannot be watched: %s", ep->path, strerror(-rc));
		goto fail;
	}
	ep->listening = true;
	*out = ep;
	return 0;
fail:
	free_endpoint(ep, false);
	return rc;
}

/* A worker that does not answer may touch a stuck pair's memory for ever: that memory is given up, not unmapped. */
static void abandon(struct vhost_pair *p)
{
	if (p->mem)
		vhost_mem_orphan(p->mem);
	if (p->log)
		vhost_guard_orphan(p->log->guard);
}

static void end(struct vhost_endpoint *ep, bool leave)
{
	if (!ep)
		return;
	ep->event = NULL;
	if (leave && ep->connected) { /* where the rings stand is written down before all is forgotten */
		vhost_pairs_stop(ep);
		vhost_session_save(ep);
	}
	if (ep->connected) {
		ep->loop->del_fd(ep->loop->ctx, ep->ch.fd);
		vhost_channel_close(&ep->ch);
	}
	vhost_forget_session(ep);
	for (unsigned qp = 0; qp < ep->npairs; qp++) {
		vhost_pair_stop(ep, qp);
		if (ep->pair[qp].stuck)
			abandon(&ep->pair[qp]);
	}
	free_endpoint(ep, leave);
}

void vhost_endpoint_close(struct vhost_endpoint *ep)
{
	end(ep, false);
}

void vhost_endpoint_leave(struct vhost_endpoint *ep)
{
	end(ep, ep && ep->session);
}

/* ---- what can be seen ---- */

static void queue_status(const struct vhost_endpoint *ep, unsigned qp, struct vhost_queue_status *q)
{
	const struct vhost_pair *p = &ep->pair[qp];

	q->rx_size = ep->vring[2 * qp].size;
	q->tx_size = ep->vring[2 * qp + 1].size;
	if (p->started) {
		q->state = VHOST_QUEUE_RUNNING;
		q->reason = vhost_pair_lacks_driver(ep, qp);
	} else if (p->broken) {
		q->state = VHOST_QUEUE_BROKEN;
		q->reason = p->reason;
	} else {
		q->state = VHOST_QUEUE_WAITING;
		q->reason = ep->connected   ? vhost_pair_waits_for(ep, qp)
			    : is_barred(ep) ? "its front-ends passed files that only they can close: make the VPort anew"
					    : "no front-end is connected";
	}
}

void vhost_endpoint_status(const struct vhost_endpoint *ep, struct vhost_status *st)
{
	*st = (struct vhost_status){
		.connected = ep->connected,
		.peer_pid = ep->peer_pid,
		.features = ep->features,
		.protocol_features = ep->protocol_features,
		.device_status = ep->device_status,
		.mtu = ep->mtu,
		.mem_slots = ep->mem ? ep->mem->n : 0,
		.mem_bytes = ep->mem ? ep->mem->bytes : 0,
		.logging = ep->log && (ep->features & VHOST_FEATURE(LOG_ALL)),
		.connections = ep->connections,
		.refused = ep->refused,
		.messages = ep->messages,
		.errors = ep->errors,
		.breaks = ep->breaks,
		.announcements = ep->announcements,
		.announcements_withheld = ep->announcements_withheld,
		.last_error = ep->last_error[0] ? ep->last_error : NULL,
		.queue_pairs = ep->npairs,
	};
	for (unsigned qp = 0; qp < ep->npairs; qp++)
		queue_status(ep, qp, &st->queue[qp]);
}
