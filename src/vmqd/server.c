/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket's clients (server.h). A client is read only while nothing waits to be written to it, so that its
 * memory is bounded by one line and one answer. It is freed in its own turn only, never by an event: a method of its
 * own may be under way.
 */
#include "vmqd/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rate.h"
#include "vmqd/listen.h"

#define LINES_A_TURN 16 /* then other clients have their turn; and after a batch */
#define READ_STEP    65536u

struct rpc_client {
	struct server *server;
	int fd;
	bool subscribed;
	bool ended;   /* no more input comes */
	bool closing; /* what is queued is still written, nothing else happens */
	char *in;     /* from in_pos to in_len: lines not answered yet */
	size_t in_pos, in_len, in_room;
	size_t in_scanned; /* no newline lies between in_pos and here */
	bool is_long; /* a longer line than SERVER_LONG_LINE may be in `in` */
	char *out;    /* from out_pos to out_len: to be written */
	size_t out_pos, out_len, out_room;
	size_t event_bytes; /* in out since it was empty */
	int attached; /* goes out with the next bytes; -1: nothing */
	struct {
		void (*end)(void *arg);
		void *arg;
	} hold[SERVER_MAX_HOLDS]; /* end NULL: free */
	TAILQ_ENTRY(rpc_client) link;
};

struct server {
	struct loop *loop;
	struct rpc rpc;
	struct listen_socket listen;
	bool listening;
	int spare; /* a descriptor that can be given up; -1: none */
	struct rate refused; /* lines about who was turned away */
	gid_t group;
	unsigned nclients, nlong;
	TAILQ_HEAD(, rpc_client) clients;
};

static void client_free(struct rpc_client *c)
{
	for (unsigned i = 0; i < SERVER_MAX_HOLDS; i++)
		if (c->hold[i].end)
			c->hold[i].end(c->hold[i].arg);
	loop_remove(c->server->loop, c->fd);
	(void)close(c->fd);
	if (c->attached >= 0)
		(void)close(c->attached);
	TAILQ_REMOVE(&c->server->clients, c, link);
	c->server->nclients--;
	c->server->nlong -= c->is_long;
	free(c->in);
	free(c->out);
	free(c);
}

static bool enqueue(struct rpc_client *c, const char *data, size_t len)
{
	size_t room = c->out_room ? c->out_room : 4096;

	while (room < c->out_len + len)
		room *= 2;
	if (room != c->out_room) {
		char *more = realloc(c->out, room);

		if (!more)
			return false;
		c->out = more;
		c->out_room = room;
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
	return true;
}

/* As send(), with the descriptor that waits for it. */
static ssize_t send_some(struct rpc_client *c)
{
	struct iovec iov = { c->out + c->out_pos, c->out_len - c->out_pos };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (c->attached >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &c->attached, sizeof(int));
	}
	n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
	if (n > 0 && c->attached >= 0) {
		(void)close(c->attached);
		c->attached = -1;
	}
	return n;
}

/* Writes what the socket takes. false: the peer is gone. */
static bool flush(struct rpc_client *c)
{
	while (c->out_pos < c->out_len) {
		ssize_t n = send_some(c);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		c->out_pos += (size_t)n;
	}
	c->out_pos = c->out_len = c->event_bytes = 0;
	if (c->out_room > 4 * READ_STEP) { /* an answer of megabytes is not kept for the next one */
		free(c->out);
		c->out = NULL;
		c->out_room = 0;
	}
	return true;
}

/* Queues a closing word; nothing more is read. */
static void refuse(struct rpc_client *c, int code, const char *sentence)
{
	size_t len;
	char *line = rpc_error_line(code, sentence, &len);

	if (line)
		(void)enqueue(c, line, len);
	free(line);
	c->closing = true;
}

/* What has been answered goes, and room of megabytes with it. */
static void discard_answered(struct rpc_client *c)
{
	if (c->in_pos)
		memmove(c->in, c->in + c->in_pos, c->in_len - c->in_pos);
	c->in_len -= c->in_pos;
	c->in_scanned -= c->in_pos;
	c->in_pos = 0;
	if (c->is_long && c->in_len < SERVER_LONG_LINE) {
		char *less = realloc(c->in, SERVER_LONG_LINE);

		if (!less)
			return;
		c->in = less;
		c->in_room = SERVER_LONG_LINE;
		c->is_long = false;
		c->server->nlong--;
	}
}

/* Room to read into. false: there is none, or the client was refused it. */
static bool make_room(struct rpc_client *c)
{
	size_t room = c->in_room < SERVER_LONG_LINE ? c->in_room + READ_STEP : 2 * c->in_room;
	char *more;

	if (c->in_room < SERVER_LONG_LINE ? c->in_room - c->in_len >= READ_STEP : c->in_len < c->in_room)
		return true;
	if (room > SERVER_LONG_LINE && !c->is_long && c->server->nlong == SERVER_MAX_LONG) {
		refuse(c, STACK_REFUSED, "others are sending lines of more than 1 MiB, as many as may at a time; try again later");
		return false;
	}
	more = realloc(c->in, room);
	if (!more) {
		refuse(c, STACK_FAILED, "out of memory");
		return false;
	}
	c->in = more;
	c->in_room = room;
	c->server->nlong += room > SERVER_LONG_LINE && !c->is_long;
	c->is_long = room > SERVER_LONG_LINE;
	return true;
}

/* Reads once. false: the peer is gone. */
static bool fill(struct rpc_client *c)
{
	ssize_t n;

	if (!make_room(c))
		return true;
	n = recv(c->fd, c->in + c->in_len, c->in_room - c->in_len, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		c->ended = true;
	c->in_len += (size_t)n;
	return true;
}

/* The first character that is not blank; a newline, which no line holds: there is none. */
static char first_of(const char *s, size_t len)
{
	while (len && (*s == ' ' || *s == '\t' || *s == '\r'))
		s++, len--;
	return len ? *s : '\n';
}

/* Answers the first line that is complete; at the end of input also what has no newline. false: there is none. *batch: it
 * has several requests. */
static bool answer_line(struct rpc_client *c, bool *batch)
{
	char *line = c->in + c->in_pos, *nl = NULL, *answer;
	size_t len, n;

	if (c->in_len > c->in_scanned)
		nl = memchr(c->in + c->in_scanned, '\n', c->in_len - c->in_scanned);
	len = nl ? (size_t)(nl - line) : c->in_len - c->in_pos;
	if (!nl && (!c->ended || len == 0)) {
		c->in_scanned = c->in_len;
		if (len >= RPC_MAX_REQUEST)
			refuse(c, -32600, "a line is longer than 16 MiB");
		return false;
	}
	c->in_pos += len + (nl ? 1 : 0);
	c->in_scanned = c->in_pos;
	*batch = first_of(line, len) == '[';
	if (first_of(line, len) == '\n')
		return true;
	answer = rpc_answer(&c->server->rpc, c, line, len, &n);
	if (answer && !enqueue(c, answer, n))
		c->closing = true;
	free(answer);
	return true;
}

/* What the client waits for next; frees it when that is nothing. A subscriber that has said all it wants to say stays
 * until it hangs up. */
static void rearm(struct rpc_client *c, bool more_lines)
{
	bool waiting = c->out_len > 0;

	if (!waiting && (c->closing || (c->ended && !more_lines && !c->subscribed))) {
		client_free(c);
		return;
	}
	if (waiting || more_lines)
		(void)loop_change(c->server->loop, c->fd, EPOLLOUT); /* writable: go on with the lines that are here */
	else
		(void)loop_change(c->server->loop, c->fd, c->ended ? 0 : EPOLLIN);
}

static void client_turn(void *arg, uint32_t events)
{
	struct rpc_client *c = arg;
	bool more = true, batch = false;

	if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)) {
		client_free(c);
		return;
	}
	if (!flush(c) || (c->out_len == 0 && !c->closing && events & EPOLLIN && !fill(c))) {
		client_free(c);
		return;
	}
	for (unsigned i = 0; i < LINES_A_TURN && more && !batch && c->out_len == 0 && !c->closing; i++) {
		more = answer_line(c, &batch);
		if (!flush(c)) {
			client_free(c);
			return;
		}
	}
	discard_answered(c);
	rearm(c, more && !c->closing);
}

int server_adopt(struct server *s, int fd)
{
	struct rpc_client *c = calloc(1, sizeof *c);
	int rc;

	if (!c) {
		(void)close(fd);
		return -ENOMEM;
	}
	*c = (struct rpc_client){ .server = s, .fd = fd, .attached = -1 };
	rc = loop_add(s->loop, fd, EPOLLIN, client_turn, c);
	if (rc < 0) {
		(void)close(fd);
		free(c);
		return rc;
	}
	TAILQ_INSERT_TAIL(&s->clients, c, link);
	s->nclients++;
	return 0;
}

/* A word and the door, to somebody who is not served: what the socket's buffer does not take is lost. */
static void turn_away(int fd, const char *sentence)
{
	size_t len;
	char *line = rpc_error_line(STACK_REFUSED, sentence, &len);

	if (line)
		(void)!send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(line);
	(void)close(fd);
}

/* No descriptor is left: who waits would keep the socket readable for as long as that lasts. */
static void accept_and_close(struct server *s)
{
	if (s->spare >= 0)
		(void)close(s->spare);
	(void)close(accept4(s->listen.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
	s->spare = fcntl(s->listen.fd, F_DUPFD_CLOEXEC, 0);
	if (rate_may_log(&s->refused, "control socket"))
		log_error("control socket: a client was closed: too many descriptors are open");
}

static void accept_one(void *arg, uint32_t events)
{
	struct server *s = arg;
	int fd = accept4(s->listen.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char sentence[128];
	uid_t who;

	(void)events;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			accept_and_close(s);
		return;
	}
	if (!listen_peer_allowed(fd, s->group, &who)) {
		if (rate_may_log(&s->refused, "control socket"))
			log_warn("control socket: user %u was turned away", who);
		turn_away(fd, "you may not use this socket: root, the daemon's user and members of its group may");
	} else if (s->nclients >= SERVER_MAX_CLIENTS) {
		(void)snprintf(sentence, sizeof sentence, "there are %u clients already; try again later",
			       SERVER_MAX_CLIENTS);
		turn_away(fd, sentence);
	} else {
		(void)server_adopt(s, fd);
	}
}

int server_create(struct loop *loop, const struct rpc *rpc, struct server **out)
{
	struct server *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->rpc = *rpc;
	s->spare = -1;
	TAILQ_INIT(&s->clients);
	*out = s;
	return 0;
}

int server_listen(struct server *s, const char *path, unsigned mode, gid_t group, struct vmq_err *err)
{
	int rc = listen_open(path, mode, group, &s->listen, err);

	if (rc < 0)
		return rc;
	rc = loop_add(s->loop, s->listen.fd, EPOLLIN, accept_one, s);
	if (rc < 0) {
		listen_close(&s->listen);
		return vmq_err(err, rc, "%s cannot be watched: %s", path, strerror(-rc));
	}
	s->group = group;
	s->listening = true;
	s->spare = fcntl(s->listen.fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}

void server_destroy(struct server *s)
{
	struct rpc_client *c;

	if (!s)
		return;
	while ((c = TAILQ_FIRST(&s->clients)) != NULL)
		client_free(c);
	if (s->listening) {
		loop_remove(s->loop, s->listen.fd);
		listen_close(&s->listen);
		if (s->spare >= 0)
			(void)close(s->spare);
	}
	free(s);
}

void server_subscribe(struct rpc_client *c)
{
	c->subscribed = true;
}

bool server_hold(struct rpc_client *c, void (*end)(void *arg), void *arg)
{
	for (unsigned i = 0; i < SERVER_MAX_HOLDS; i++) {
		if (c->hold[i].end)
			continue;
		c->hold[i].end = end;
		c->hold[i].arg = arg;
		return true;
	}
	return false;
}

bool server_release(struct rpc_client *c, void (*end)(void *arg), bool (*is)(const void *arg, const void *what), const void *what)
{
	for (unsigned i = 0; i < SERVER_MAX_HOLDS; i++) {
		if (c->hold[i].end != end || (is && !is(c->hold[i].arg, what)))
			continue;
		c->hold[i].end = NULL;
		end(c->hold[i].arg);
		return true;
	}
	return false;
}

int server_attach(struct rpc_client *c, int fd)
{
	if (c->attached >= 0)
		return -EBUSY;
	c->attached = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return c->attached < 0 ? -errno : 0;
}

bool server_has_subscribers(const struct server *s)
{
	const struct rpc_client *c;

	TAILQ_FOREACH (c, &s->clients, link) {
		if (c->subscribed)
			return true;
	}
	return false;
}

void server_event(struct server *s, json_t *params)
{
	size_t len = 0;
	char *line = rpc_event_line(params, &len);
	struct rpc_client *c;

	TAILQ_FOREACH (c, &s->clients, link) {
		if (!line || !c->subscribed || c->closing)
			continue;
		c->event_bytes += len;
		if (c->event_bytes > SERVER_MAX_EVENTS || !enqueue(c, line, len)) {
			log_warn("control socket: a monitor does not read its events and is closed");
			c->closing = true;
			(void)shutdown(c->fd, SHUT_RDWR); /* its own turn comes by the hang-up, and frees it */
		}
		/* Written by its own turn: this may be another client's method, or its own. */
		(void)loop_change(s->loop, c->fd, EPOLLOUT);
	}
	free(line);
}
