/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl oid: one request of the NDIS contract, written and read by the names of its structures' members, or as
 * hexadecimal bytes. What is right is the daemon's to say: lengths, headers and members go as they are given.
 */
#include <stdlib.h>
#include <string.h>

#include <vmq/ndis.h>

#include "base/hex.h"
#include "vmqctl/cmd.h"
#include "vmqctl/layout.h"
#include "vmqctl/members.h"
#include "vmqctl/table.h"

#define ROOM	 65536u /* for the output, when --bytes does not say how much; more when it takes more */
#define WHY_SIZE 4096u

/* What the words say. */
struct ask {
	struct vmq_oid_request r;
	const char *oid_name, *type_name;
	const char *structure; /* NULL: one that has no layout here */
	char **words;	       /* member=value */
	size_t nwords;
	const char *hex; /* instead of words; may be NULL */
};

static const struct {
	const char *name;
	uint32_t value;
} types[] = { { "query", VMQ_OID_QUERY },
	      { "set", VMQ_OID_SET },
	      { "method", VMQ_OID_METHOD },
	      { "statistics", VMQ_OID_STATISTICS } };

static int usage(const char *what, const char *word)
{
	(void)fprintf(stderr, "vmqctl: oid: %s%s%s\n", what, word ? ": " : "", word ? word : "");
	return CMD_USAGE;
}

static bool find_type(const char *word, struct ask *a)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i].name, word) != 0)
			continue;
		a->type_name = types[i].name;
		a->r.type = types[i].value;
		return true;
	}
	return false;
}

static int find_oid(const char *word, struct ask *a)
{
	NDIS_OID oid = 0;
	char *end;
	unsigned long long n = strtoull(word, &end, 0);

	if (end != word && !*end && n <= UINT32_MAX)
		oid = (NDIS_OID)n;
	else if (!ndis_oid_by_name(word, &oid))
		return usage("neither the name nor the number of a request (vmqctl oid --list has them)", word);
	a->r.oid = oid;
	a->oid_name = ndis_oid_name(oid) ? ndis_oid_name(oid) : word;
	return 0;
}

/* The request's first type unless one is given, and the structure of it. */
static int find_structure(struct ask *a)
{
	const char *type = a->r.type == VMQ_OID_STATISTICS && a->type_name ? "query" : a->type_name;

	for (const struct layout_request *q = layout_requests; q->name && !a->structure; q++) {
		if (q->oid != a->r.oid || (type && strcmp(q->type, type) != 0))
			continue;
		a->structure = q->structure;
		if (!type)
			(void)find_type(q->type, a);
	}
	return a->type_name ? 0 : usage("say query, set or method of", a->oid_name);
}

/* Members of the NDIS_OID_REQUEST itself. */
static int about(struct ask *a, const char *word)
{
	const struct {
		const char *name;
		uint32_t *value;
	} members[] = { { "Request.VPortId=", &a->r.vport_id },
			{ "Request.SwitchId=", &a->r.switch_id },
			{ "Request.Flags=", &a->r.flags },
			{ "Request.PortNumber=", &a->r.port_number } };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		size_t len = strlen(members[i].name);
		unsigned long long n;
		char *end;

		if (strncmp(word, members[i].name, len) != 0)
			continue;
		n = strtoull(word + len, &end, 0);
		if (end == word + len || *end || n > UINT32_MAX)
			return usage("not a 32-bit number", word);
		*members[i].value = (uint32_t)n;
		return 0;
	}
	return usage("the request has Request.VPortId, Request.SwitchId, Request.Flags and Request.PortNumber", word);
}

static int parse(struct ask *a, char **words, unsigned int num)
{
	bool flags = false, vport = false;
	unsigned int i = 1;
	int rc;

	if (!num)
		return usage("the name of a request is missing (vmqctl oid --list has them)", NULL);
	rc = find_oid(words[0], a);
	if (rc)
		return rc;
	if (num > 1 && find_type(words[1], a))
		i = 2;
	rc = find_structure(a);
	a->words = words + i; /* what stays is moved to the front */
	for (; i < num && !rc; i++) {
		if (strcmp(words[i], "adapter") == 0 && i + 1 < num) {
			a->r.adapter = words[++i];
		} else if (strncmp(words[i], "Request.", 8) == 0) {
			flags |= strncmp(words[i], "Request.Flags=", 14) == 0;
			vport |= strncmp(words[i], "Request.VPortId=", 16) == 0;
			rc = about(a, words[i]);
		} else if (strchr(words[i], '=')) {
			a->words[a->nwords++] = words[i];
		} else if (a->hex) {
			rc = usage("neither member=value nor adapter ADAPTER", words[i]);
		} else {
			a->hex = words[i];
		}
	}
	if (vport && !flags)
		a->r.flags = VMQ_OID_VPORT_ID_VALID;
	if (!rc && a->hex && a->nwords)
		rc = usage("either the buffer as hexadecimal digits or its members", a->hex);
	return rc;
}

/* The input's bytes. A query that is given none has none. */
static int write_input(const struct ask *a, struct layout_buffer *in)
{
	char why[WHY_SIZE];

	*in = (struct layout_buffer){ NULL, 0 };
	if (a->hex) {
		size_t digits = strlen(a->hex);
		ssize_t n;

		in->data = malloc(digits / 2 + 1);
		n = in->data ? hex_decode(a->hex, digits, in->data, digits / 2) : -1;
		if (n < 0) {
			free(in->data);
			return usage("neither member=value nor pairs of hexadecimal digits", a->hex);
		}
		in->len = (size_t)n;
		return 0;
	}
	if (!a->structure)
		return a->nwords ? usage("its structure is not known: give the buffer as hexadecimal digits", a->oid_name) : 0;
	if ((a->r.type == VMQ_OID_QUERY || a->r.type == VMQ_OID_STATISTICS) && !a->nwords)
		return 0;
	return layout_write(a->structure, a->words, a->nwords, in, why, sizeof why) < 0 ? usage(a->oid_name, why) : 0;
}

static int set_lengths(struct ask *a, const struct cmd_options *opt, size_t in)
{
	bool out = a->r.type != VMQ_OID_SET;

	if (opt->in_bytes >= 0)
		in = (size_t)opt->in_bytes;
	else if (!out && opt->bytes >= 0)
		in = (size_t)opt->bytes;
	if (in > VMQ_OID_INPUT_MAX)
		return usage("the input is too long for a request", a->oid_name);
	a->r.input_length = (uint32_t)in;
	a->r.output_length = !out ? 0 : opt->bytes >= 0 ? (uint32_t)opt->bytes : ROOM;
	return 0;
}

/* One try: a buffer with the input at its beginning, zero behind it. */
static int once(struct vmq_client *client, struct ask *a, const struct layout_buffer *in, struct vmq_error *err)
{
	size_t room = a->r.input_length > a->r.output_length ? a->r.input_length : a->r.output_length;

	free(a->r.buffer);
	a->r.buffer = calloc(1, room + 1);
	if (!a->r.buffer)
		abort();
	if (in->len)
		memcpy(a->r.buffer, in->data, in->len < a->r.input_length ? in->len : a->r.input_length);
	return vmq_oid_request(client, &a->r, err);
}

/* ---- the answer ---- */

static json_t *answer_json(const struct ask *a, const struct vmq_error *err)
{
	char *hex = hex_encode(a->r.buffer, a->r.bytes_written);
	json_t *v = json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:i, s:s}", "oid", a->oid_name, "type", a->type_name,
			      "status", (json_int_t)(uint32_t)a->r.status, "status_name", ndis_status_name(a->r.status),
			      "bytes_read", (json_int_t)a->r.bytes_read, "bytes_written", (json_int_t)a->r.bytes_written,
			      "bytes_needed", (json_int_t)a->r.bytes_needed, "supported_revision",
			      a->r.supported_revision, "out", hex ? hex : "");

	free(hex);
	if (err->message[0])
		(void)json_object_set_new(v, "message", json_string(err->message));
	if (a->structure && a->r.bytes_written)
		(void)json_object_set_new(v, "reply", layout_read(a->structure, a->r.buffer, a->r.bytes_written));
	return v;
}

static void print_text(const struct cmd_options *opt, const json_t *answer)
{
	if (opt->hex || !json_object_get(answer, "reply")) {
		const char *out = json_string_value(json_object_get(answer, "out"));

		if (*out)
			(void)puts(out);
		return;
	}
	members_table(stdout, json_object_get(answer, "reply"));
}

static int print(const struct cmd_options *opt, const struct ask *a, struct vmq_error *err)
{
	json_t *answer = answer_json(a, err);

	if (opt->json) {
		char *text = json_dumps(answer, JSON_COMPACT);

		cmd_print_json(stdout, opt, text);
		free(text);
	} else if (a->r.status == NDIS_STATUS_SUCCESS) {
		print_text(opt, answer);
	}
	json_decref(answer);
	if (a->r.status == NDIS_STATUS_SUCCESS)
		return CMD_DONE;
	(void)fprintf(stderr, "vmqctl: %s: %s", a->oid_name, ndis_status_name(a->r.status));
	if (a->r.status == NDIS_STATUS_INVALID_LENGTH)
		(void)fprintf(stderr, ", BytesNeeded %u", a->r.bytes_needed);
	(void)fputs(err->message[0] ? ": " : "", stderr);
	text_print(stderr, err->message);
	(void)fputc('\n', stderr);
	return CMD_REFUSED;
}

static int make(struct ask *a, const struct cmd_options *opt, const struct layout_buffer *in)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	int rc = vmq_connect(opt->socket, &client, &err);

	if (!rc)
		rc = once(client, a, in, &err);
	/* a request that was refused for its length has done nothing */
	if (!rc && opt->bytes < 0 && a->r.status == NDIS_STATUS_INVALID_LENGTH && a->r.type != VMQ_OID_SET &&
	    a->r.bytes_needed > a->r.output_length && a->r.bytes_needed <= VMQ_OID_OUTPUT_MAX) {
		a->r.output_length = a->r.bytes_needed;
		rc = once(client, a, in, &err);
	}
	rc = rc ? cmd_failed(opt, rc, &err) : print(opt, a, &err);
	vmq_disconnect(client);
	return rc;
}

static void print_list(const struct cmd_options *opt)
{
	struct table *t = table_new();
	json_t *list = json_array();

	table_column(t, "REQUEST", TABLE_LEFT);
	table_column(t, "NUMBER", TABLE_RIGHT);
	table_column(t, "TYPE", TABLE_LEFT);
	table_column(t, "STRUCTURE", TABLE_LEFT);
	for (const struct layout_request *q = layout_requests; q->name; q++) {
		table_row(t);
		table_cell(t, "%s", q->name);
		table_cell(t, "0x%08X", q->oid);
		table_cell(t, "%s", q->type);
		table_cell(t, "%s", q->structure);
		(void)json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s}", "oid", q->name, "number",
							    (json_int_t)q->oid, "type", q->type, "structure",
							    q->structure));
	}
	if (opt->json) {
		char *text = json_dumps(list, JSON_COMPACT);

		cmd_print_json(stdout, opt, text);
		free(text);
		table_free(t);
	} else {
		table_print(t, stdout);
	}
	json_decref(list);
}

static int run(const struct cmd_options *opt, char **words, unsigned int num)
{
	struct ask a = { .r.size = sizeof a.r };
	struct layout_buffer in;
	int rc;

	if (opt->list) {
		if (num)
			return usage("--list takes no words", words[0]);
		print_list(opt);
		return CMD_DONE;
	}
	rc = parse(&a, words, num);
	if (!rc)
		rc = write_input(&a, &in);
	if (rc)
		return rc;
	rc = set_lengths(&a, opt, in.len);
	if (!rc)
		rc = make(&a, opt, &in);
	free(a.r.buffer);
	free(in.data);
	return rc;
}

/* ---- completion ---- */

static void offer_members(const struct cmd_completion *c, const char *structure, const char *before)
{
	size_t n;
	const struct layout_member *m = layout_members(structure, &n);
	char path[160];

	for (; n; n--, m++) {
		(void)snprintf(path, sizeof path, "%s%s", before, m->name);
		if (layout_sub(m->kind)) {
			(void)snprintf(path, sizeof path, "%s%s.", before, m->name);
			offer_members(c, layout_sub(m->kind), path);
			continue;
		}
		(void)snprintf(path, sizeof path, "%s%s=", before, m->name);
		cmd_offer(c, path);
	}
}

static void complete(const struct cmd_completion *c, char **words, unsigned int num)
{
	struct ask a = { .r.size = sizeof a.r };
	NDIS_OID oid;

	if (num == 0) {
		for (const struct layout_request *q = layout_requests; q->name; q++)
			if (q == layout_requests || strcmp(q->name, q[-1].name) != 0)
				cmd_offer(c, q->name);
		return;
	}
	if (num == 1)
		for (size_t i = 0; i < sizeof types / sizeof *types; i++)
			cmd_offer(c, types[i].name);
	if (!ndis_oid_by_name(words[0], &oid))
		return;
	a.r.oid = oid;
	a.type_name = num > 1 && find_type(words[1], &a) ? a.type_name : NULL;
	for (const struct layout_request *q = layout_requests; q->name && !a.structure; q++)
		if (q->oid == oid && (!a.type_name || strcmp(q->type, a.type_name) == 0))
			a.structure = q->structure;
	if (a.structure)
		offer_members(c, a.structure, "");
}

static const struct cmd_verb verbs[] = {
	{ NULL, "oid.request", "make a request of the NDIS contract and read its answer by name",
	  .words = "REQUEST [query|set|method|statistics] [member=value…|HEX] [adapter ADAPTER]", .run_words = run,
	  .complete_words = complete },
};

const struct cmd_object cmd_oid = { "oid", "requests of the NDIS contract", verbs, sizeof verbs / sizeof *verbs };
