/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl capture: frames as they pass a point of the switch, to a pcapng file or a line each, until interrupted.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmqctl/cmd.h"
#include "vmqctl/pcapng.h"
#include "vmqctl/table.h"
#include "vmqctl/tap_session.h"

#define MAX_INTERFACES 1025u /* 1,024 VPorts and the wire */

struct capture {
	struct tap_session tap;
	const struct cmd_options *opt;
	const char *adapter;
	FILE *file; /* pcapng; NULL: lines to stdout */
	uint64_t want, got, drops;
	bool ending; /* no more is recorded: what is there is taken, interrupted or not */
	struct {     /* in the file, in the order of their numbers there */
		uint32_t vport;
		uint64_t frames;
	} interface[MAX_INTERFACES];
	uint32_t interfaces;
};

static const char *point_of(const struct vmq_tap_record *r)
{
	switch (r->type) {
	case VMQ_TAP_ENTERED:
		return "ingress";
	case VMQ_TAP_DELIVERED:
		return "delivered";
	case VMQ_TAP_WIRE_IN:
		return "wire in";
	case VMQ_TAP_WIRE_OUT:
		return "wire out";
	default:
		return "dropped";
	}
}

/* "delivered: VPort web1 (1), from wire, filter 2, queue 0, CPU 1" */
static void comment(const struct capture *c, const struct vmq_tap_record *r, char *out, size_t size)
{
	static const char *const tags[] = { "", ", tag stripped", ", tag inserted" };
	char filter[24] = "";

	if (r->filter)
		(void)snprintf(filter, sizeof filter, ", filter %u", r->filter);
	if (r->vport == VMQ_TAP_WIRE)
		(void)snprintf(out, size, "%s: wire", point_of(r));
	else
		(void)snprintf(out, size, "%s: VPort %s (%u)", point_of(r), tap_vport(&c->tap, r->vport), r->vport);
	(void)snprintf(out + strlen(out), size - strlen(out), ", from %s%s, queue %u, CPU %u%s%s%s%s%s",
		       tap_vport(&c->tap, r->source), filter, r->queue, r->cpu, tags[r->tag_done % 3],
		       r->drop ? ", " : "", tap_drop(&c->tap, r->drop), r->drop ? ": " : "",
		       tap_drop_reason(&c->tap, r->drop));
}

static uint32_t interface_of(struct capture *c, uint32_t vport)
{
	char description[160];
	uint32_t i = 0;

	while (i < c->interfaces && c->interface[i].vport != vport)
		i++;
	if (i < c->interfaces || i == MAX_INTERFACES)
		return i < c->interfaces ? i : 0;
	c->interface[c->interfaces++].vport = vport;
	if (vport == VMQ_TAP_WIRE)
		(void)snprintf(description, sizeof description, "physical port of adapter %s", c->adapter);
	else
		(void)snprintf(description, sizeof description, "VPort %u of adapter %s", vport, c->adapter);
	pcapng_interface(c->file, tap_vport(&c->tap, vport), description, c->tap.header.snaplen);
	return i;
}

static void write_frame(struct capture *c, const struct vmq_tap_record *r, const uint8_t *data, const char *words)
{
	bool in = r->type == VMQ_TAP_ENTERED || r->type == VMQ_TAP_WIRE_IN,
	     out = r->type == VMQ_TAP_DELIVERED || r->type == VMQ_TAP_WIRE_OUT;
	struct pcapng_packet p = {
		.interface = interface_of(c, r->vport),
		.time = r->time,
		.data = data,
		.captured = r->captured,
		.len = r->len,
		.direction = in	   ? PCAPNG_IN
			     : out ? PCAPNG_OUT
				   : PCAPNG_UNKNOWN,
		.queue = r->queue,
		.comment = words,
	};

	c->interface[p.interface].frames++;
	pcapng_packet(c->file, &p);
}

static void print_frame(const struct capture *c, const struct vmq_tap_record *r, const uint8_t *data, const char *words)
{
	time_t whole = (time_t)(r->time / 1000000000u);
	char text[160], when[16];
	struct tm tm;

	tap_describe(text, sizeof text, r, data);
	if (c->opt->json) {
		json_t *line = json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:i, s:s}", "time_ns",
					 (json_int_t)r->time, "point", point_of(r), "vport",
					 tap_vport(&c->tap, r->vport), "from", tap_vport(&c->tap, r->source), "cpu",
					 r->cpu, "queue", r->queue, "filter", (int)r->filter, "len", (json_int_t)r->len,
					 "vlan", r->tag == VMQ_TAP_TAGGED ? r->tci & 0xfff : -1, "frame", text);
		char *dump;

		if (r->tag != VMQ_TAP_TAGGED)
			(void)json_object_del(line, "vlan");
		if (r->drop)
			(void)json_object_set_new(line, "drop", json_string(tap_drop(&c->tap, r->drop)));
		dump = json_dumps(line, JSON_COMPACT);
		cmd_print_json(stdout, c->opt, dump ? dump : "{}");
		free(dump);
		json_decref(line);
		return;
	}
	(void)strftime(when, sizeof when, "%T", localtime_r(&whole, &tm));
	(void)printf("%s.%09" PRIu64 " ", when, r->time % 1000000000u);
	text_print(stdout, text);
	(void)fputs("; ", stdout);
	text_print(stdout, words);
	(void)fputc('\n', stdout);
}

static bool take(void *arg, const struct vmq_tap_record *r, const uint8_t *data)
{
	struct capture *c = arg;
	char words[512];

	if (c->want && c->got == c->want)
		return true; /* of another CPU, in the same moment */
	c->got++;
	c->drops += r->type == VMQ_TAP_DROPPED;
	comment(c, r, words, sizeof words);
	if (c->file)
		write_frame(c, r, data, words);
	else
		print_frame(c, r, data, words);
	return c->ending || !cmd_interrupted();
}

static FILE *open_file(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* what VMs say is nobody else's to read */
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static bool bad_output(const struct capture *c)
{
	return ferror(c->file ? c->file : stdout);
}

static void record(struct capture *c)
{
	do {
		tap_drain(&c->tap, take, c);
		(void)fflush(c->file ? c->file : stdout); /* whoever reads the other end of a pipe sees them now */
		if (!c->want || c->got + c->tap.lost < c->want)
			tap_wait(&c->tap);
	} while (!cmd_interrupted() && !c->tap.gone && !bad_output(c) && (!c->want || c->got + c->tap.lost < c->want));
	tap_stop(&c->tap);
	c->ending = true;
	if (!bad_output(c))
		tap_drain(&c->tap, take, c);
}

static int finish(struct capture *c, const char *path)
{
	struct timespec now;
	bool failed;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	for (uint32_t i = 0; c->file && i < c->interfaces; i++)
		pcapng_statistics(c->file, i, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
				  c->interface[i].frames, c->tap.lost);
	failed = fflush(c->file ? c->file : stdout) != 0 || bad_output(c);
	if (failed)
		(void)fprintf(stderr, "vmqctl: cannot write %s: %s\n",
			      path && strcmp(path, "-") != 0 ? path : "the output", strerror(errno));
	if (c->file && c->file != stdout)
		failed |= fclose(c->file) != 0;
	(void)fprintf(stderr,
		      "%" PRIu64 " frames captured, %" PRIu64 " of them dropped by the switch; %" PRIu64
		      " not captured for want of room%s\n",
		      c->got, c->drops, c->tap.lost, c->tap.gone ? "; vmqd has ended" : "");
	return failed ? CMD_REFUSED : CMD_DONE;
}

/* The parameters of the request; what is ours alone is taken out of them. */
static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	json_t *request = json_loads(params, 0, NULL), *write = json_incref(json_object_get(request, "write"));
	const char *path = json_string_value(write);
	struct capture *c = calloc(1, sizeof *c);
	char *text = NULL;
	int rc = CMD_REFUSED;

	if (c && request) {
		(void)json_object_del(request, "write");
		c->opt = opt;
		c->want = (uint64_t)json_integer_value(json_object_get(request, "count"));
		text = json_dumps(request, JSON_COMPACT);
	}
	if (path && strcmp(path, "-") == 0 && isatty(STDOUT_FILENO)) {
		(void)fputs("vmqctl: write - is for a pipe: a pcapng file says nothing on a terminal\n", stderr);
		rc = CMD_USAGE;
		goto out;
	}
	if (!text) {
		(void)fputs("vmqctl: out of memory\n", stderr);
		goto out;
	}
	cmd_catch_interrupt();
	rc = tap_start(&c->tap, opt, verb->method, text);
	if (rc)
		goto out;
	c->adapter = json_string_value(json_object_get(c->tap.words, "adapter"));
	if (path) {
		c->file = open_file(path);
		if (!c->file) {
			(void)fprintf(stderr, "vmqctl: cannot write %s: %s\n", path, strerror(errno));
			tap_end(&c->tap);
			rc = CMD_REFUSED;
			goto out;
		}
		pcapng_section(c->file, "vmqctl " VMQ_VERSION);
	}
	record(c);
	rc = finish(c, path);
	tap_end(&c->tap);
out:
	free(text);
	free(c);
	json_decref(write);
	json_decref(request);
	return rc;
}

static const struct cmd_key subject = {
	"vport", CMD_TEXT, "VPORT", "only frames of this VPort", false, CMD_NAMES_VPORT
};

static const struct cmd_key keys[] = {
	{ "point", CMD_TEXT, "ingress|delivered|dropped|wire", "where to look, several with commas between", false,
	  CMD_NAMES_NONE },
	{ "write", CMD_TEXT, "FILE", "to a pcapng file, - for standard output; -w FILE is the same", false,
	  CMD_NAMES_NONE },
	{ "count", CMD_NUMBER, "N", "end after N frames; -c N is the same", false, CMD_NAMES_NONE },
	{ "snaplen", CMD_NUMBER, "BYTES", "how much of a frame is kept (default 262)", false, CMD_NAMES_NONE },
	{ "dst", CMD_TEXT, "MAC", "only frames to this address", false, CMD_NAMES_NONE },
	{ "src", CMD_TEXT, "MAC", "only frames from this address", false, CMD_NAMES_NONE },
	{ "vlan", CMD_NUMBER, "VLAN", "only frames of this VLAN; 0 or untagged: without one", false, CMD_NAMES_NONE },
	{ "buffer_kib", CMD_NUMBER, "KIB", "memory between each CPU and vmqctl, a power of two (default 1024)", false,
	  CMD_NAMES_NONE },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ .method = "capture.start",
	  .help = "Copies frames where they pass, until interrupted",
	  .subject = &subject,
	  .keys = keys,
	  .run = run },
};

const struct cmd_object cmd_capture = { "capture", "frames as they pass, to a file for Wireshark", verbs, 1 };
