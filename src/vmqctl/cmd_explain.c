/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl explain: what would become of a frame, asked of the code that classifies frames. The frame is given by its
 * fields, or is one of a capture file, which libpcap reads.
 */
#include <pcap/pcap.h>
#include <stdlib.h>

#include "base/hex.h"
#include "vmqctl/cmd.h"
#include "vmqctl/table.h"

static void print_destinations(FILE *out, const json_t *destinations)
{
	struct table *t = table_new();
	const json_t *d;
	size_t i;

	table_column(t, "FATE", TABLE_LEFT);
	table_column(t, "VPORT", TABLE_LEFT);
	table_column(t, "FILTER", TABLE_RIGHT);
	table_column(t, "QUEUE", TABLE_RIGHT);
	table_column(t, "CPU", TABLE_RIGHT);
	table_column(t, "TAG", TABLE_LEFT);
	table_column(t, "DROP", TABLE_LEFT);
	json_array_foreach(destinations, i, d)
	{
		table_row(t);
		table_member(t, d, "fate");
		table_member(t, d, "vport");
		table_member(t, d, "filter");
		table_member(t, d, "queue");
		table_member(t, d, "cpu");
		table_member(t, d, "tag");
		table_member(t, d, "drop");
	}
	table_print(t, out);
}

static void print_steps(FILE *out, const json_t *steps)
{
	const json_t *step;
	size_t i;

	json_array_foreach(steps, i, step)
	{
		text_pair(out, "", "   ", step, "text");
		(void)fputc('\n', out);
	}
}

static void print_explanation(FILE *out, const struct cmd_options *opt, const json_t *result)
{
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(result, "text"), i, line)
	{
		if (json_is_string(line))
			text_print(out, json_string_value(line));
		(void)fputc('\n', out);
		if (i == 0)
			print_steps(out, json_object_get(result, "steps"));
	}
	if (opt->details)
		print_destinations(out, json_object_get(result, "destinations"));
}

static const struct cmd_key keys[] = {
	{ "from", CMD_TEXT, "wire|VPORT", "where the frame enters", true, CMD_NAMES_VPORT },
	{ "dst", CMD_TEXT, "MAC", .help = "its destination address" },
	{ "src", CMD_TEXT, "MAC", .help = "its source address (default: the sender's first filter's)" },
	{ "vlan", CMD_NUMBER, "VLAN", .help = "0 to 4094 (default: no tag)" },
	{ "priority", CMD_NUMBER, "PRIORITY", .help = "0 to 7, in the tag" },
	{ "frame", CMD_TEXT, "HEX", .help = "all of it, or its begin, instead of these" },
	{ "len", CMD_NUMBER, "BYTES", .help = "how long the frame is, when HEX is its begin" },
	{ "pcap", CMD_TEXT, "FILE", .help = "a frame of a pcap or pcapng file, instead of these" },
	{ "number", CMD_NUMBER, "K", .help = "which one of the file (default 1); -n K is the same" },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

#define FRAME_MAX 65535u

/* Frame `number` of a capture file, as the request's frame and len. An exit code. */
static int read_frame(const char *file, json_int_t number, json_t *request)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(file, why);
	struct pcap_pkthdr *h = NULL;
	const u_char *data;
	char *hex = NULL;
	int rc = 1;

	if (!p) {
		(void)fprintf(stderr, "vmqctl: ");
		text_print(stderr, why);
		(void)fputc('\n', stderr);
		return CMD_REFUSED;
	}
	if (pcap_datalink(p) != DLT_EN10MB) {
		(void)fprintf(stderr, "vmqctl: %s: its frames are not Ethernet\n", file);
		pcap_close(p);
		return CMD_REFUSED;
	}
	for (json_int_t i = 0; i < number && rc == 1; i++)
		rc = pcap_next_ex(p, &h, &data);
	if (rc == 1 && number > 0)
		hex = hex_encode(data, h->caplen < FRAME_MAX ? h->caplen : FRAME_MAX);
	if (hex) {
		(void)json_object_set_new(request, "frame", json_string(hex));
		(void)json_object_set_new(request, "len", json_integer(h->len < FRAME_MAX ? h->len : FRAME_MAX));
	} else {
		(void)fprintf(stderr, "vmqctl: %s has no frame %" JSON_INTEGER_FORMAT "%s%s\n", file, number, rc == -1 ? ": " : "",
			      rc == -1 ? pcap_geterr(p) : "");
	}
	free(hex);
	pcap_close(p);
	return hex ? CMD_DONE : CMD_REFUSED;
}

static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	json_t *request = json_loads(params, 0, NULL), *file = json_object_get(request, "pcap"), *number = json_object_get(request, "number");
	struct cmd_verb call = *verb;
	struct cmd_args args = { .params = request };
	int rc = CMD_DONE;

	if (number && (!file || !json_is_integer(number))) {
		(void)fputs("vmqctl explain: number says which frame of a pcap file: a number, with pcap beside it\n", stderr);
		rc = CMD_USAGE;
	} else if (file) {
		rc = read_frame(json_string_value(file), number ? json_integer_value(number) : 1, request);
	}
	if (!file && !json_object_get(request, "dst") && !json_object_get(request, "frame")) {
		(void)fputs("vmqctl: explain: dst is missing, or a frame, or a pcap file\nusage: ", stderr);
		cmd_help_usage(stderr, &cmd_explain, verb);
		rc = CMD_USAGE;
	}
	(void)json_object_del(request, "pcap");
	(void)json_object_del(request, "number");
	call.run = NULL;
	if (rc == CMD_DONE)
		rc = cmd_run(opt, &call, &args);
	json_decref(request);
	return rc;
}

static const struct cmd_verb verbs[] = {
	{ .method = "explain", .help = "which filter, VPort, queue and CPU a frame would meet, or why it would be dropped", .keys = keys,
	  .print = print_explanation, .run = run },
};

const struct cmd_object cmd_explain = { "explain", "what would become of a frame", verbs,
					sizeof verbs / sizeof *verbs };
