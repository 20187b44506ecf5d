/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exporter's HTTP server (libmicrohttpd): / and its files, /metrics, /state.json; GET and HEAD, nothing else. One
 * thread, no lock: http_serve() does all of it.
 *
 * A client is bounded: HTTP_CONNECTIONS at a time, HTTP_MEMORY bytes of request each, and so many seconds as it is told for
 * a whole request and for a whole answer, however slowly it trickles. There is no body that is read, and one request a
 * connection.
 */
#ifndef VMQ_EXPORTER_HTTP_H
#define VMQ_EXPORTER_HTTP_H

#include <stdbool.h>

#include "exporter/address.h"
#include "exporter/source.h"

#define HTTP_CONNECTIONS 64
#define HTTP_MEMORY	 8192

struct http;

struct http_config {
	struct address listen;
	bool any_host;	       /* requests may name any host, not only the loopback's */
	unsigned int patience; /* seconds that a client may take for a request, and for its answer */
	struct source *source; /* the caller's; must outlive the server */
};

/* Listens, and fills `bound` with the address it got. -errno; *what is what failed then. */
int http_new(const struct http_config *cfg, struct http **out, struct address *bound, const char **what);
void http_free(struct http *h);

/* Serves until stop_fd is readable. -errno: the server cannot go on. */
int http_serve(struct http *h, int stop_fd);

#endif
