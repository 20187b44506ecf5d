/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl monitor: the daemon's events as they happen, a line each, until interrupted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "vmqctl/cmd.h"
#include "vmqctl/layout.h"
#include "vmqctl/members.h"
#include "vmqctl/table.h"

/* Seconds since 1970 as the local time; text as it is. */
static void print_time(FILE *out, const json_t *time)
{
	double seconds = json_number_value(time);
	time_t whole = (time_t)seconds;
	struct tm tm;
	char text[32];

	if (json_is_string(time)) {
		text_print(out, json_string_value(time));
	} else if (json_is_number(time) && seconds >= 0 && seconds < 1e11 && localtime_r(&whole, &tm)) {
		(void)strftime(text, sizeof text, "%F %T", &tm);
		(void)fprintf(out, "%s.%03d", text, (int)((seconds - (double)whole) * 1000));
	} else {
		(void)fputc('-', out);
	}
}

/* What an indication's buffer says, or NULL: the event has none. */
static json_t *read_indication(const json_t *event)
{
	const json_t *status = json_object_get(event, "status"), *buffer = json_object_get(event, "buffer");
	const char *structure = "NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO";
	uint8_t bytes[VMQ_INDICATION_MAX];
	ssize_t len;

	if (!json_is_string(buffer))
		return NULL;
	if (json_is_integer(status))
		structure = layout_of_indication((uint32_t)json_integer_value(status));
	len = hex_decode(json_string_value(buffer), json_string_length(buffer), bytes, sizeof bytes);
	return structure && len >= 0 ? layout_read(structure, bytes, (size_t)len) : NULL;
}

/* Of indications the name and the members stand for the numbers. */
static bool is_told_otherwise(const char *key)
{
	return strcmp(key, "status") == 0 || strcmp(key, "buffer") == 0 || strcmp(key, "block_mask") == 0 ||
	       strcmp(key, "oid") == 0;
}

static void print_event(FILE *out, json_t *event, bool hex)
{
	json_t *members = hex ? NULL : read_indication(event);
	const char *key, *name = json_string_value(json_object_get(event, "event"));
	json_t *value;

	print_time(out, json_object_get(event, "time"));
	(void)fputc(' ', out);
	text_print(out, name ? name : "-");
	json_object_foreach(event, key, value) if (strcmp(key, "time") != 0 && strcmp(key, "event") != 0 &&
						    !(members && is_told_otherwise(key)))
	    text_pair(out, " ", key, event, key);
	members_line(out, members);
	(void)fputc('\n', out);
	json_decref(members);
}

/* As it came, with the members of an indication beside its bytes. */
static void print_json(const struct cmd_options *opt, const char *text)
{
	json_t *event = json_loads(text, 0, NULL), *members = read_indication(event);
	char *more = NULL;

	if (members) {
		(void)json_object_set_new(event, "members", members);
		more = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(15));
	}
	cmd_print_json(stdout, opt, more ? more : text);
	free(more);
	json_decref(event);
}

static int monitor(struct vmq_client *client, const struct cmd_options *opt)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	int rc = vmq_monitor(client, &err);

	while (!rc && !cmd_interrupted()) {
		char *event;

		rc = vmq_next_event(client, -1, &event, &err);
		if (rc)
			break;
		if (opt->json) {
			print_json(opt, event);
		} else {
			json_t *value = json_loads(event, 0, NULL);

			print_event(stdout, value, opt->hex);
			json_decref(value);
		}
		free(event);
		if (cmd_flush() != CMD_DONE)
			return CMD_REFUSED;
	}
	return rc && rc != -EINTR ? cmd_failed(opt, rc, &err) : CMD_DONE;
}

static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	int rc;

	(void)verb;
	(void)params; /* the monitor has no keys */
	cmd_catch_interrupt();
	rc = vmq_connect(opt->socket, &client, &err);
	rc = rc ? cmd_failed(opt, rc, &err) : monitor(client, opt);
	vmq_disconnect(client);
	return rc;
}

static const struct cmd_verb verbs[] = {
	{ NULL, "monitor.start", "print events until interrupted, a line each", .run = run },
};

const struct cmd_object cmd_monitor = { "monitor", "events as they happen", verbs, sizeof verbs / sizeof *verbs };
