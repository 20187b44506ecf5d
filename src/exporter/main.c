/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmq-exporter: what vmqd says about itself as OpenMetrics text and as a page, in a process of its own. It only asks
 * (source.h), needs no privilege, and whatever happens to it does not happen to vmqd.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <vmq/vmq.h>

#include "exporter/http.h"
#include "exporter/metrics.h"
#include "exporter/say.h"

#define DEFAULT_LISTEN	 "127.0.0.1:9678"
#define DEFAULT_PATIENCE 20
#define MAX_PATIENCE	 3600

enum { DONE = 0, FAILED = 1, USAGE = 2 };

struct options {
	const char *socket; /* NULL: as vmq_connect */
	const char *listen;
	bool allow_remote;
	unsigned int patience; /* seconds */
};

static void help(FILE *out)
{
	(void)fputs("vmq-exporter [OPTIONS]\n\n"
		    "Serves what vmqd says about itself: /metrics as OpenMetrics text, / as a page. It only asks.\n\n"
		    "    --socket PATH       vmqd's control socket (default: $VMQ_SOCKET, else " VMQ_DEFAULT_SOCKET ")\n"
		    "    --listen ADDR:PORT  where to listen (default: " DEFAULT_LISTEN "); an IPv6 address in brackets\n"
		    "    --allow-remote      listen at an address that others can reach, and answer requests for any host name\n"
		    "    --timeout SECONDS   how long a client may take for a request, and for its answer (default: 20)\n"
		    "    --list-metrics      print the table of all metrics and end\n"
		    "    -h, --help          this\n"
		    "    -V, --version       the version\n\n"
		    "exit codes: 0 ended by SIGTERM or SIGINT, 1 failed, 2 usage\n",
		    out);
}

static bool read_patience(const char *text, unsigned int *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > MAX_PATIENCE) {
		say("--timeout: \"%s\" is not a number of seconds from 1 to %d", text, MAX_PATIENCE);
		return false;
	}
	*out = (unsigned int)n;
	return true;
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 'S' }, { "listen", required_argument, NULL, 'l' },
		{ "allow-remote", no_argument, NULL, 'r' }, { "list-metrics", no_argument, NULL, 'L' }, { "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },	    { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "hV", longs, NULL)) != -1) {
		switch (c) {
		case 'S':
			o->socket = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'r':
			o->allow_remote = true;
			break;
		case 't':
			if (!read_patience(optarg, &o->patience))
				return USAGE;
			break;
		case 'L':
			metrics_list(stdout);
			return DONE;
		case 'h':
			help(stdout);
			return DONE;
		case 'V':
			(void)puts("vmq-exporter " VMQ_VERSION);
			return DONE;
		default: /* getopt has said what is wrong */
			return USAGE;
		}
	}
	if (optind < argc) {
		say("\"%s\" is no option; see --help", argv[optind]);
		return USAGE;
	}
	return -1;
}

/* Reads --listen and judges it; -1: go on. */
static int read_address(const struct options *o, struct address *a)
{
	if (address_parse(o->listen, a) < 0) {
		say("--listen: \"%s\" is not an address and port, like " DEFAULT_LISTEN " or [::1]:9678", o->listen);
		return USAGE;
	}
	if (address_is_loopback(a))
		return -1;
	if (!o->allow_remote) {
		say("--listen: %s can be reached by others; there is no password: say --allow-remote if that is wanted", o->listen);
		return USAGE;
	}
	say("anybody who reaches %s sees all VPorts and their traffic's numbers: there is no password and no encryption", o->listen);
	return -1;
}

/* SIGTERM and SIGINT as something to be read. */
static int stop_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int serve(const struct options *o, const struct address *listen, struct source *source)
{
	const struct http_config cfg = { *listen, o->allow_remote, o->patience, source };
	struct address bound;
	char text[ADDRESS_TEXT];
	const char *what;
	struct http *http;
	int stop = stop_signals(), rc;

	rc = http_new(&cfg, &http, &bound, &what);
	if (rc < 0) {
		say("%s %s: %s", what, o->listen, strerror(-rc));
		return FAILED;
	}
	address_format(&bound, text);
	(void)printf("http://%s/\n", text);
	(void)fflush(stdout);
	rc = http_serve(http, stop);
	http_free(http);
	(void)close(stop);
	if (rc < 0)
		say("%s", strerror(-rc));
	return rc < 0 ? FAILED : DONE;
}

int main(int argc, char **argv)
{
	struct options o = { .listen = DEFAULT_LISTEN, .patience = DEFAULT_PATIENCE };
	struct source *source;
	struct address listen;
	int rc = read_options(argc, argv, &o);

	if (rc < 0)
		rc = read_address(&o, &listen);
	if (rc >= 0)
		return rc;
	if (geteuid() == 0)
		say("runs as root, which it does not need: a user in the group of vmqd's control socket is enough");
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	source = source_new(o.socket);
	if (!source) {
		say("out of memory");
		return FAILED;
	}
	rc = serve(&o, &listen, source);
	source_free(source);
	return rc;
}
