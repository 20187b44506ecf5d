/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqd: options, signals, and the control thread's loop. Everything that can fail for a reason of the user's is said in
 * one sentence, and the exit code tells which kind: 0 done, 1 refused or failed, 2 usage.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "vmqd/config.h"
#include "vmqd/daemon.h"
#include "vmqd/listen.h"
#include "vmqd/loop.h"
#include "vmqd/sleep_files.h"

enum { DONE = 0, FAILED = 1, USAGE = 2 };

struct options {
	const char *config;
	bool check, release_cpus;
	enum vmq_log_level level;
};

static const char help[] =
	"vmqd: a NIC switch for virtual machines\n"
	"\n"
	"usage: vmqd [--config FILE] [--check | --release-cpus] [--log-level LEVEL]\n"
	"\n"
	"  -c, --config FILE      the configuration (default: " CONFIG_DEFAULT_FILE ")\n"
	"      --check            check the configuration, start nothing\n"
	"      --release-cpus     let CPUs that a killed vmqd left in light sleep sleep as they like, start nothing\n"
	"  -l, --log-level LEVEL  error, warning, info (default) or debug\n"
	"  -V, --version          print the version\n"
	"  -h, --help             print this\n"
	"\n"
	"It stays in the foreground, logs to stderr or the journal, and ends on SIGTERM or SIGINT.\n";

static int usage(const char *sentence, const char *what)
{
	(void)fprintf(stderr, "vmqd: %s%s; see vmqd --help\n", sentence, what);
	return USAGE;
}

static bool parse_level(const char *s, enum vmq_log_level *out)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(s, names[i]) == 0) {
			*out = (enum vmq_log_level)i;
			return true;
		}
	}
	return false;
}

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
	enum { CHECK = 256, RELEASE_CPUS };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, CHECK },
		{ "release-cpus", no_argument, NULL, RELEASE_CPUS },
		{ "log-level", required_argument, NULL, 'l' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	*o = (struct options){ .config = CONFIG_DEFAULT_FILE, .level = VMQ_LOG_INFO };
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:l:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case CHECK:
			o->check = true;
			break;
		case RELEASE_CPUS:
			o->release_cpus = true;
			break;
		case 'l':
			if (!parse_level(optarg, &o->level))
				return usage("--log-level is error, warning, info or debug, not ", optarg);
			break;
		case 'V':
			(void)printf("vmqd %s\n", VMQD_VERSION);
			return DONE;
		case 'h':
			(void)fputs(help, stdout);
			return DONE;
		case ':':
			return usage("a value is missing behind ", argv[optind - 1]);
		default:
			return usage("there is no option ", argv[optind - 1]);
		}
	}
	if (o->check && o->release_cpus)
		return usage("--check does not go with ", "--release-cpus");
	return optind < argc ? usage("what is this: ", argv[optind]) : -1;
}

/* Every VM takes some descriptors: socket, kicks, calls, memory. */
static void raise_limits(void)
{
	struct rlimit want = { 1u << 20, 1u << 20 }, now;

	if (setrlimit(RLIMIT_NOFILE, &want) == 0 || getrlimit(RLIMIT_NOFILE, &now) < 0)
		return;
	now.rlim_cur = now.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &now);
}

/* Those that end the daemon are read from a descriptor. Blocked before the workers are made, who inherit it. */
static int take_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

struct running {
	struct loop *loop;
	int sigfd;
	bool terminal; /* who closes it wants vmqd to end */
};

static void on_signal(void *arg, uint32_t events)
{
	struct running *r = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(r->sigfd, &si, sizeof si) != sizeof si)
		return;
	if (si.ssi_signo == SIGHUP && !r->terminal) { /* the sandbox lets us open no file */
		log_warn("signal %u: the configuration cannot be read again from here; vmqctl config apply does it", si.ssi_signo);
		return;
	}
	log_info("signal %u: ending", si.ssi_signo);
	loop_stop(r->loop);
}

static int run(const struct config *cfg)
{
	struct running r = { .sigfd = take_signals(), .terminal = isatty(STDIN_FILENO) || isatty(STDERR_FILENO) };
	struct vmq_err err = { "" };
	struct daemon *d = NULL;
	int rc = FAILED;

	if (r.sigfd < 0 || loop_create(&r.loop) < 0) {
		log_error("no event loop: %s", strerror(errno));
		return FAILED;
	}
	if (loop_add(r.loop, r.sigfd, EPOLLIN, on_signal, &r) < 0) {
		log_error("signals cannot be watched");
	} else if (daemon_start(cfg, r.loop, &d, &err) < 0) {
		log_error("%s", err.text);
	} else if (daemon_confine(d, &err) < 0 || daemon_resume(d, &err) < 0) {
		log_error("%s", err.text);
		daemon_stop(d);
	} else {
		log_info("ready: control socket %s", cfg->socket);
		(void)sd_notify(0, "READY=1");
		rc = loop_run(r.loop) < 0 ? FAILED : DONE;
		(void)sd_notify(0, "STOPPING=1");
		daemon_stop(d);
	}
	loop_remove(r.loop, r.sigfd);
	loop_destroy(r.loop);
	(void)close(r.sigfd);
	return rc;
}

/* Not while a vmqd runs: the record is its own. A file that is wrong in whatever may be why none runs. */
static int release_cpus(const char *file)
{
	char socket[STACK_PATH_SIZE], record[STACK_PATH_SIZE + 8];
	struct vmq_err err = { "" };
	int rc = config_load_socket(file, socket, &err);

	if (rc > 0)
		log_warn("%s; its control socket is taken for %s", err.text, socket);
	if (rc < 0 || listen_make_free(socket, &err) < 0) {
		(void)fprintf(stderr, "vmqd: %s\n", err.text);
		return FAILED;
	}
	sleep_files_record(socket, record, sizeof record);
	return sleep_files_put_back("", record) < 0 ? FAILED : DONE;
}

int main(int argc, char **argv)
{
	struct vmq_err err = { "" };
	struct options o;
	struct config *cfg;
	int rc = parse_options(argc, argv, &o);

	if (rc >= 0)
		return rc;
	vmq_log_init(o.level);
	if (o.release_cpus)
		return release_cpus(o.config);
	if (config_load(o.config, &cfg, &err) < 0) {
		(void)fprintf(stderr, "vmqd: %s\n", err.text);
		return FAILED;
	}
	if (o.check) {
		(void)printf("%s: right\n", o.config);
		config_free(cfg);
		return DONE;
	}
	raise_limits();
	rc = run(cfg);
	config_free(cfg);
	return rc;
}
