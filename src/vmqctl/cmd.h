/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl's tables: which objects, verbs and keys there are. The parser, the help, the completion and the request are
 * all made from them, so what is in a table works and what is not is refused by name. One file a noun (cmd_vport.c …)
 * defines its object; cmd.c lists the objects. Single-threaded; all tables are constant.
 *
 * Only the syntax is judged here (unknown word, missing value). Whether a value is right is the daemon's to say: a
 * number that is none is sent as text, and the daemon's sentence names the field.
 */
#ifndef VMQ_VMQCTL_CMD_H
#define VMQ_VMQCTL_CMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include <vmq/vmq.h>

enum cmd_exit {
	CMD_DONE = 0,
	CMD_REFUSED = 1, /* the daemon said no, or the output could not be written */
	CMD_USAGE = 2,
	CMD_UNREACHABLE = 3, /* no daemon, or none that answers */
};

/* What `vport show NAME` prints instead of the VPort. */
enum cmd_attach { CMD_ATTACH_NONE, CMD_ATTACH_LIBVIRT, CMD_ATTACH_QEMU };

struct cmd_options {
	const char *socket; /* NULL: as vmq_connect() */
	const char *topology; /* directory below which the host's /sys and /proc are read; "": the host's own */
	bool json;
	bool pretty; /* with json */
	bool statistics;
	bool details;
	enum cmd_attach attach;
	/* of `oid` and, the first one, of `monitor` */
	bool hex;
	bool list;
	long bytes, in_bytes; /* -1: not given */
};

struct cmd_completion;

/* How a value is sent. */
enum cmd_type {
	CMD_TEXT,
	CMD_NUMBER, /* an integer when it is one */
	CMD_SWITCH, /* on, yes, true; off, no, false: a boolean when it is one */
};

/* What the daemon can name for completion; the other candidates are the words of `value` split at "|". */
enum cmd_names { CMD_NAMES_NONE, CMD_NAMES_VPORT, CMD_NAMES_FILTER, CMD_NAMES_ADAPTER };

struct cmd_key {
	const char *name; /* the parameter's name in docs/rpc.md; NULL ends an array */
	enum cmd_type type;
	const char *value; /* what stands for the value in the help: "MAC", "on|off" */
	const char *help;
	bool required;
	enum cmd_names names;
};

/* The key every verb has that works on one adapter's things. */
#define CMD_KEY_ADAPTER                                                                                                \
	{                                                                                                              \
		"adapter", CMD_TEXT, "ADAPTER", "needed where there are several", false, CMD_NAMES_ADAPTER             \
	}
/* Of verbs that show VPorts' addresses. */
#define CMD_KEY_MACS_MAX                                                                                               \
	{                                                                                                              \
		"macs_max", CMD_NUMBER, "N", "no more than so many addresses of each VPort", false, CMD_NAMES_NONE   \
	}
#define CMD_KEY_END                                                                                                    \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

struct cmd_verb {
	const char *name;   /* NULL: the object's only one, and it has no word of its own */
	const char *method; /* docs/rpc.md */
	const char *help;
	const struct cmd_key *subject; /* the word after the verb, or NULL */
	const struct cmd_key *keys;    /* may be NULL */
	bool watch;		       /* has the key `watch SECONDS` */
	/* Text for people. NULL: nothing is printed when all went well. */
	void (*print)(FILE *out, const struct cmd_options *opt, const json_t *result);
	/* Once the call is done and printed, over the same connection: what there is to say about it. May be NULL. */
	void (*after)(struct vmq_client *client, const struct cmd_options *opt, const char *params);
	/* Instead of one call and its print; returns the exit code. */
	int (*run)(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params);
	/* With --libvirt or --qemu, instead of call and print; returns the exit code. NULL: they do not go with it. */
	int (*attach)(struct vmq_client *client, const struct cmd_options *opt, const char *params);
	/* An object whose words are not subject and keys: how they look, what is done with them, which come next. */
	const char *words;
	int (*run_words)(const struct cmd_options *opt, char **words, unsigned int num);
	void (*complete_words)(const struct cmd_completion *c, char **words, unsigned int num);
};

struct cmd_object {
	const char *name;
	const char *help;
	const struct cmd_verb *verbs;
	unsigned int num_verbs;
};

extern const struct cmd_object cmd_vport, cmd_vf, cmd_filter, cmd_queue, cmd_switch, cmd_stats, cmd_worker, cmd_top,
    cmd_perf, cmd_explain, cmd_capture, cmd_trace, cmd_compare, cmd_migrate, cmd_cpu, cmd_config, cmd_doctor, cmd_monitor, cmd_oid, cmd_drain,
    cmd_vmq, cmd_version;

/* Before the tables are looked at: makes the keys that vport has from the configuration's schema (cmd_vport.c). */
void cmd_vport_init(void);

/* All objects in the order of the help; NULL ends it. */
extern const struct cmd_object *const cmd_objects[];

const struct cmd_object *cmd_find_object(const char *name);
const struct cmd_verb *cmd_find_verb(const struct cmd_object *object, const char *name);
/* The verb that is meant when none is named: `show`, or the only one; NULL: one must be named. */
const struct cmd_verb *cmd_default_verb(const struct cmd_object *object);
const struct cmd_key *cmd_find_key(const struct cmd_verb *verb, const char *name);

/* The seconds of `watch SECONDS` lie in this range. */
#define CMD_WATCH_MIN 0.1
#define CMD_WATCH_MAX 3600.0

struct cmd_args {
	json_t *params; /* an object */
	double watch;	/* seconds; 0: once */
};

/* Reads [SUBJECT] [key value]…. On a mistake writes the sentence to stderr and returns CMD_USAGE; args is then empty.
 */
int cmd_parse(const struct cmd_object *object, const struct cmd_verb *verb, char **words, unsigned int num,
	      struct cmd_args *args);

/* The key `interval` of params, seconds in the range of `watch`; 1 when it is not there. 0; CMD_USAGE, and the sentence is said. */
int cmd_interval(const json_t *params, double *seconds);

/* Connects, calls, prints, once or again and again. Returns the exit code. */
int cmd_run(const struct cmd_options *opt, const struct cmd_verb *verb, const struct cmd_args *args);

/* `attach` of a VPort: libvirt's XML or QEMU's arguments of the one that `params` name (vport_attach.c). */
int cmd_vport_attach(struct vmq_client *client, const struct cmd_options *opt, const char *params);

/* Does this text begin like the MAC address of a group: is its first byte odd? */
bool cmd_mac_is_group(const char *mac);

/* For `after` of what places a VPort: what is wrong with the CPU that `params` name, as warnings on stderr (cmd_cpu.c). */
void cmd_cpu_warn(struct vmq_client *client, const struct cmd_options *opt, const char *params);

/* Says on stderr what went wrong (with -j also on stdout, as JSON) and returns the exit code that belongs to rc. */
int cmd_failed(const struct cmd_options *opt, int rc, const struct vmq_error *err);
/* Writes JSON text as the options say. */
void cmd_print_json(FILE *out, const struct cmd_options *opt, const char *json);
/* CMD_DONE when everything written to stdout has arrived there, else CMD_REFUSED with a sentence. */
int cmd_flush(void);

/* After it, SIGINT and SIGTERM only make cmd_interrupted() true (and end a sleep or a wait). */
void cmd_catch_interrupt(void);
bool cmd_interrupted(void);
/* Seconds of a clock that nobody sets. */
double cmd_now(void);
/* How long ago, roughly: "5 s", "3 min", "7 h", "12 d". */
#define CMD_AGE_SIZE 24
const char *cmd_age(char out[CMD_AGE_SIZE], long long seconds);
/* Sleeps so many seconds, or until it is interrupted. */
void cmd_wait(double seconds);

void cmd_help(FILE *out);
void cmd_help_object(FILE *out, const struct cmd_object *object);
/* "vmqctl vport add NAME [key value]…" */
void cmd_help_usage(FILE *out, const struct cmd_object *object, const struct cmd_verb *verb);

/* For the shell: the candidates for the last of the words, one a line. Never fails, never says anything else. */
void cmd_complete(const struct cmd_options *opt, char **words, unsigned int num);
/* From complete_words: a candidate, when it begins like the word at the prompt. */
void cmd_offer(const struct cmd_completion *c, const char *word);

#endif
