/* SPDX-License-Identifier: BSD-3-Clause */
#include "exporter/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exporter/assets.h"
#include "exporter/metrics.h"
#include "exporter/state.h"

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define SWEEP_MS     1000 /* how often slow clients are looked for, while there are any clients */

/* A connection, and since when it has owed us the rest of a request, or taken its answer. */
struct peer {
	struct peer *next, **link;
	int fd;
	time_t since; /* monotonic, seconds */
};

/* A text of the last look, kept until there is another one. */
struct text {
	struct MHD_Response *response;
	uint64_t serial; /* of the look */
};

struct http {
	struct MHD_Daemon *daemon;
	struct http_config cfg;
	struct peer *peers;
	struct text metrics, state;
	struct MHD_Response **files; /* one an asset */
};

static time_t now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---- responses ---- */

/* On every answer. Nothing is loaded from elsewhere, nothing inline is run, no other page may frame or read us. */
static const char *const headers[][2] = {
	{ "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
				     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cache-Control", "no-store" },
	{ "Connection", "close" }, /* one request each: an idle client holds nothing */
};

/* Takes over `response`; NULL stays NULL. */
static struct MHD_Response *with_headers(struct MHD_Response *response, const char *type)
{
	if (!response)
		return NULL;
	(void)MHD_add_response_header(response, "Content-Type", type);
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		(void)MHD_add_response_header(response, headers[i][0], headers[i][1]);
	return response;
}

/* A text that is freed with the response. */
static struct MHD_Response *text_response(char *text, size_t len, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);

	if (!r)
		free(text);
	return with_headers(r, type);
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned int status, const char *sentence)
{
	struct MHD_Response *r = with_headers(
	    MHD_create_response_from_buffer(strlen(sentence), (void *)sentence, MHD_RESPMEM_PERSISTENT), "text/plain; charset=utf-8");
	enum MHD_Result ok;

	if (!r)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(r, "Allow", "GET, HEAD");
	ok = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ok;
}

static struct MHD_Response *write_metrics(const json_t *look)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool bad;

	if (!out)
		return NULL;
	metrics_write(out, look);
	bad = ferror(out) != 0;
	if (fclose(out) != 0 || bad) {
		free(text);
		return NULL;
	}
	return text_response(text, len, METRICS_TYPE);
}

static struct MHD_Response *write_state(const json_t *look)
{
	char *text = state_text(look);

	return text ? text_response(text, strlen(text), "application/json") : NULL;
}

/* The same text for all who ask between two looks. */
static enum MHD_Result answer_text(struct http *h, struct MHD_Connection *c, struct text *t,
				   struct MHD_Response *(*write)(const json_t *))
{
	uint64_t serial;
	const json_t *look = source_look(h->cfg.source, &serial);

	if (!t->response || t->serial != serial) {
		if (t->response)
			MHD_destroy_response(t->response);
		t->response = look ? write(look) : NULL;
		t->serial = serial;
	}
	if (!t->response)
		return refuse(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	return MHD_queue_response(c, MHD_HTTP_OK, t->response);
}

static enum MHD_Result route(struct http *h, struct MHD_Connection *c, const char *url)
{
	if (strcmp(url, "/metrics") == 0)
		return answer_text(h, c, &h->metrics, write_metrics);
	if (strcmp(url, "/state.json") == 0)
		return answer_text(h, c, &h->state, write_state);
	for (size_t i = 0; i < assets_count; i++)
		if (strcmp(url, assets[i].url) == 0)
			return MHD_queue_response(c, MHD_HTTP_OK, h->files[i]);
	return refuse(c, MHD_HTTP_NOT_FOUND, "not found; there are /, /metrics and /state.json\n");
}

/* libmicrohttpd calls it when the header of a request is there; it is answered at once, a body is never waited for. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version,
				  const char *upload_data, size_t *upload_data_size, void **request)
{
	struct http *h = ctx;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	(void)version;
	(void)upload_data;
	(void)upload_data_size;
	(void)request;
	if (info && info->socket_context)
		((struct peer *)info->socket_context)->since = now_s();
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (!h->cfg.any_host && !address_host_is_loopback(MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
		return refuse(c, MHD_HTTP_FORBIDDEN, "Host: only localhost, 127.0.0.1 or [::1] without --allow-remote\n");
	return route(h, c, url);
}

/* ---- clients ---- */

static void on_connection(void *ctx, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct http *h = ctx;
	struct peer *p = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		p = calloc(1, sizeof *p);
		if (!p)
			return; /* the server's own timeout, for clients that are silent, is left */
		p->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		p->since = now_s();
		p->next = h->peers;
		p->link = &h->peers;
		if (p->next)
			p->next->link = &p->next;
		h->peers = p;
		*context = p;
	} else if (p) {
		*p->link = p->next;
		if (p->next)
			p->next->link = p->link;
		free(p);
	}
}

/* The server's own timeout begins anew with every byte; ours does not. */
static void end_slow_ones(const struct http *h)
{
	time_t now = now_s();

	for (const struct peer *p = h->peers; p; p = p->next)
		if (now - p->since > (time_t)h->cfg.patience)
			(void)shutdown(p->fd, SHUT_RDWR);
}

/* ---- the server ---- */

static int open_listener(const struct address *a, struct address *bound, const char **what)
{
	const int on = 1;
	int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	*what = "socket";
	if (fd < 0)
		return -errno;
	*what = "listen";
	bound->len = sizeof bound->addr;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    bind(fd, (const struct sockaddr *)&a->addr, a->len) == 0 && listen(fd, HTTP_CONNECTIONS) == 0 &&
	    getsockname(fd, (struct sockaddr *)&bound->addr, &bound->len) == 0)
		return fd;
	rc = -errno;
	(void)close(fd);
	return rc;
}

static bool make_files(struct http *h)
{
	h->files = calloc(assets_count, sizeof(struct MHD_Response *));
	if (!h->files)
		return false;
	for (size_t i = 0; i < assets_count; i++) {
		h->files[i] = with_headers(
		    MHD_create_response_from_buffer(assets[i].len, (void *)assets[i].data, MHD_RESPMEM_PERSISTENT), assets[i].type);
		if (!h->files[i])
			return false;
	}
	return true;
}

int http_new(const struct http_config *cfg, struct http **out, struct address *bound, const char **what)
{
	struct http *h = calloc(1, sizeof *h);
	int fd;

	*what = "out of memory";
	if (!h)
		return -ENOMEM;
	h->cfg = *cfg;
	if (!make_files(h)) {
		http_free(h);
		return -ENOMEM;
	}
	fd = open_listener(&cfg->listen, bound, what);
	if (fd < 0) {
		http_free(h);
		return fd;
	}
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned int)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				     (size_t)HTTP_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, cfg->patience,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
	if (!h->daemon) {
		*what = "libmicrohttpd";
		(void)close(fd);
		http_free(h);
		return -EIO;
	}
	*out = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	if (h->metrics.response)
		MHD_destroy_response(h->metrics.response);
	if (h->state.response)
		MHD_destroy_response(h->state.response);
	for (size_t i = 0; h->files && i < assets_count; i++)
		if (h->files[i])
			MHD_destroy_response(h->files[i]);
	free(h->files);
	free(h);
}

int http_serve(struct http *h, int stop_fd)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = { { .fd = stop_fd, .events = POLLIN }, { .fd = info ? info->epoll_fd : -1, .events = POLLIN } };

	bool busy = false;

	if (!info)
		return -EIO;
	while (!(fds[0].revents & POLLIN)) {
		MHD_UNSIGNED_LONG_LONG due;
		int wait = busy || h->peers ? SWEEP_MS : -1;

		if (MHD_get_timeout(h->daemon, &due) == MHD_YES && (wait < 0 || due < SWEEP_MS))
			wait = due < SWEEP_MS ? (int)due : SWEEP_MS;
		/* Once more after the last has gone: the listener, which was set aside while there were too many, comes back. */
		busy = h->peers != NULL;
		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return -errno;
		if (MHD_run(h->daemon) != MHD_YES)
			return -EIO;
		end_slow_ones(h);
	}
	return 0;
}
