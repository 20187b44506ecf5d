/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file (docs/rpc.md): read, checked completely, and only then used. A fault names file, line and key.
 * Owned by the daemon, constant after config_load. Control thread, at start-up only.
 */
#ifndef VMQ_VMQD_CONFIG_H
#define VMQ_VMQD_CONFIG_H

#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "stack/stack.h"
#include "vmqd/config_mode.h"
#include "vmqd/wish.h"
#include "schema/yamldoc.h"

#define CONFIG_DEFAULT_FILE "/etc/vmq/vmqd.yaml"
#define CONFIG_DEFAULT_STATE "/var/lib/vmq/state.db" /* of CONFIG_DEFAULT_FILE; other files have none unless they say so */

struct config_port {
	unsigned driver;        /* index in config_drivers */
	char device[IFNAMSIZ];  /* empty: pcap */
	char netns[PATH_MAX];   /* empty: the daemon's own */
	unsigned cpu;           /* of the workers' */
	unsigned napi;          /* enum port_napi */
	bool cpu_given;         /* else it is the first worker's */
	char in[PATH_MAX], out[PATH_MAX]; /* pcap; empty: none */
	uint32_t rate;
	bool loop;
};

struct config_adapter {
	char name[STACK_NAME_SIZE];
	char switch_name[STACK_NAME_SIZE];
	struct config_mode mode;
	struct config_port port;
	struct config_port host; /* driver: tap */
	struct wish_vport host_wish; /* of the default VPort: all but name, socket, function and queue pairs */
	struct wish_vport *vports;
	size_t nvports;
};

struct config {
	char *file;
	char *path;      /* of it, absolute; NULL: not from a file */
	time_t modified; /* the file, when it was read */
	char *stamp;     /* what tells this state of the file from another (schema/stamp.h); NULL: not known */
	struct yamldoc doc; /* for the lines of what turns out wrong later, when it is used */
	char socket[STACK_PATH_SIZE]; /* the control socket */
	unsigned socket_mode;
	gid_t socket_group;
	const char *socket_group_name; /* in `doc`, or constant */
	char run_dir[STACK_PATH_SIZE];
	unsigned vport_socket_mode; /* of VPorts' sockets that vmqd listens at */
	gid_t vport_socket_group;
	const char *vport_socket_group_name;
	char state[PATH_MAX]; /* the state store; empty: none */
	bool sandbox;
	char *user; /* whose process vmqd is once it is started; NULL: who started it */
	uid_t uid;
	gid_t gid;
	cpu_set_t allowed; /* where the process might run when it was started */
	uint16_t cpus[STACK_MAX_CPUS];
	unsigned policies[STACK_MAX_CPUS]; /* of each CPU's worker: index in policy_names */
	unsigned light_sleeps[STACK_MAX_CPUS]; /* likewise: index in light_sleep_names */
	unsigned ncpus;
	bool cpu_auto; /* automatic placement */
	struct config_adapter *adapters;
	size_t nadapters;
};

/* NULL-terminated names of the port drivers, as port_config wants them. */
extern const char *const config_drivers[];

/* Checks a document that a running vmqd got: as a file, but that nothing is looked up on the host; `running` says which CPUs
 * and groups there are. `root` is kept. 0, or -1 with the error; its field is the member's path. */
int config_read(const struct config *running, json_t *root, struct config **out, struct stack_error *e);
/* Reads and checks a file. 0, or -1 with a sentence "FILE:LINE: KEY: …" (or "FILE: …" when it cannot be read). */
int config_load(const char *file, struct config **out, struct vmq_err *err);
/* The control socket that a file names, which need not be right in anything else; the default where it names none. 0; or with a
 * sentence: 1 when it is not to be found out, and the default is taken; -1 when the file cannot be read. */
int config_load_socket(const char *file, char out[STACK_PATH_SIZE], struct vmq_err *err);
/* The same of text in memory; `file` is for the sentences. */
int config_parse(const char *file, const char *text, size_t size, struct config **out, struct vmq_err *err);
void config_free(struct config *c); /* NULL is allowed */
/* Puts "FILE:LINE: PATH: " before the sentence: a member that was right as text and failed when it was used. */
void config_blame(const struct config *c, struct vmq_err *err, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

#endif
