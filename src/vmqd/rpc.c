/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC 2.0, without sockets (rpc.h). No state of its own. */
#include "vmqd/rpc.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmq/ndis.h>

enum { BAD_JSON = -32700, BAD_REQUEST = -32600, NO_METHOD = -32601, BAD_PARAMS = -32602 };

static json_t *envelope(const json_t *id, const char *key, json_t *value)
{
	return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id ? (json_t *)id : json_null(), key, value);
}

/* A sentence may repeat what somebody wrote, cut in the middle of a character. */
static json_t *sentence_json(const char *sentence)
{
	json_t *v = json_string(sentence);
	char *plain;

	if (v || (plain = strdup(sentence)) == NULL)
		return v;
	for (char *c = plain; *c; c++) {
		if (!isascii((unsigned char)*c))
			*c = '?';
	}
	v = json_string(plain);
	free(plain);
	return v;
}

static json_t *error_answer(const json_t *id, int code, const char *sentence, json_t *data)
{
	json_t *e = json_pack("{s:i, s:o}", "code", code, "message", sentence_json(sentence));

	if (e && data)
		(void)json_object_set(e, "data", data);
	json_decref(data);
	return envelope(id, "error", e);
}

/* A fault of the stack or of a parameter: the sentence begins with the field's name. */
static json_t *fault_answer(const json_t *id, const struct stack_error *e)
{
	char sentence[sizeof e->field + sizeof e->err.text + 4];
	json_t *data = json_object();

	(void)snprintf(sentence, sizeof sentence, "%s%s%s", e->field, e->field[0] ? ": " : "", e->err.text);
	if (e->field[0])
		(void)json_object_set_new(data, "field", sentence_json(e->field));
	if (e->oid) {
		(void)json_object_set_new(data, "status", json_string(ndis_status_name(e->status)));
		(void)json_object_set_new(data, "oid", json_string(ndis_oid_name(e->oid)));
	}
	return error_answer(id, e->code, sentence, data);
}

/* `commit`: what it changes is to be kept before it is answered; else that is the caller's, a batch's. */
static json_t *call(const struct rpc *rpc, struct rpc_client *client, const char *method, const json_t *args,
		    const json_t *id, bool commit)
{
	struct stack_error e = { .code = STACK_OK }, other;
	const struct rpc_method *m = rpc->methods;
	bool failed;
	json_t *result = NULL;
	char sentence[128];
	struct params p;

	while (m->name && strcmp(m->name, method) != 0)
		m++;
	if (!m->name) {
		(void)snprintf(sentence, sizeof sentence, "there is no method \"%.64s\"", method);
		return error_answer(id, NO_METHOD, sentence, NULL);
	}
	if (m->alone && !commit) {
		(void)snprintf(sentence, sizeof sentence, "method: %s has no place in a batch: it is all or nothing by itself", m->name);
		return error_answer(id, BAD_REQUEST, sentence, NULL);
	}
	if (args && !json_is_object(args))
		return error_answer(id, BAD_PARAMS, "params: is not an object; parameters are given by name", NULL);
	params_open(&p, args, "", &e);
	failed = m->fn(rpc->ctx, client, &p, &result, &e) < 0;
	if (commit && rpc->commit && rpc->commit(rpc->ctx, failed ? &other : &e) < 0)
		failed = true;
	if (failed) {
		json_decref(result);
		return fault_answer(id, &e);
	}
	return envelope(id, "result", result ? result : json_object());
}

_Static_assert(RPC_MAX_ID == 128, "the sentence says so");

/* The answer to one request; *silent when the request wants none: then *unsaid is how long its result is, if that is text. */
static json_t *one(const struct rpc *rpc, struct rpc_client *client, const json_t *req, bool commit, bool *silent, size_t *unsaid)
{
	const json_t *id = json_object_get(req, "id");
	const char *version = json_string_value(json_object_get(req, "jsonrpc"));
	const char *method = json_string_value(json_object_get(req, "method"));
	json_t *answer;

	*silent = false;
	if (!json_is_object(req))
		return error_answer(NULL, BAD_REQUEST, "a request is an object", NULL);
	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return error_answer(NULL, BAD_REQUEST, "id: is neither text nor a number", NULL);
	if (json_string_length(id) > RPC_MAX_ID)
		return error_answer(NULL, BAD_REQUEST, "id: is longer than 128 bytes", NULL);
	if (!version || strcmp(version, "2.0") != 0)
		return error_answer(id, BAD_REQUEST, "jsonrpc: is not \"2.0\"", NULL);
	if (!method)
		return error_answer(id, BAD_REQUEST, "method: is missing or not text", NULL);
	answer = call(rpc, client, method, json_object_get(req, "params"), id, commit);
	if (id)
		return answer;
	*unsaid = json_string_length(json_object_get(answer, "result"));
	json_decref(answer);
	*silent = true;
	return NULL;
}

/* An answer whose result is there as text. */
static char *dump_text(const json_t *answer, const json_t *result, size_t *len)
{
	char *id = json_dumps(json_object_get(answer, "id"), JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	char *line = id ? malloc(json_string_length(result) + strlen(id) + 64) : NULL;

	if (line) {
		*len = (size_t)sprintf(line, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":", id);
		memcpy(line + *len, json_string_value(result), json_string_length(result));
		*len += json_string_length(result);
		memcpy(line + *len, "}\n", 3);
		*len += 2;
	}
	free(id);
	return line;
}

/* With its newline; takes the reference. */
static char *dump(json_t *v, size_t *len)
{
	const json_t *result = json_object_get(v, "result");
	char *line, *s;

	if (json_is_string(result)) {
		line = dump_text(v, result, len);
		json_decref(v);
		return line;
	}
	s = v ? json_dumps(v, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(v);
	if (!s)
		return NULL;
	*len = strlen(s);
	line = realloc(s, *len + 2);
	if (!line) {
		free(s);
		return NULL;
	}
	memcpy(line + (*len)++, "\n", 2);
	return line;
}

#define TOO_LONG_MAX 1024u /* bytes of this answer, its id with 6 for each byte */
_Static_assert(RPC_MAX_ID * 6 + 200 < TOO_LONG_MAX && RPC_MAX_BATCH * TOO_LONG_MAX < RPC_MAX_ANSWER / 2, "an answer of them alone fits");
_Static_assert(RPC_MAX_BATCH == 4096 && RPC_MAX_ANSWER == 32u << 20, "the sentences say so");

static char *too_long(const json_t *id, size_t *len)
{
	return dump(error_answer(id, STACK_LIMIT, "the answer is longer than 32 MiB; ask for less at a time", NULL),
		    len);
}

/* The request's id, if it is one: what an answer that is not the request's own repeats. */
static const json_t *id_of(const json_t *req)
{
	const json_t *id = json_object_get(req, "id");

	return json_is_number(id) || (json_is_string(id) && json_string_length(id) <= RPC_MAX_ID) ? id : NULL;
}

/* One fault for all of a batch's requests that want an answer. */
static char *batch_refused(const json_t *list, const struct stack_error *e, size_t *len)
{
	json_t *answers = json_array();

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *req = json_array_get(list, i);

		if (json_object_get(req, "id"))
			(void)json_array_append_new(answers, fault_answer(id_of(req), e));
	}
	return dump(answers, len);
}

/* Answers are put together as text, because one of them may be of megabytes. What the requests of a batch changed is kept
 * as one, or none of it. */
static char *batch(const struct rpc *rpc, struct rpc_client *client, const json_t *list, size_t *out_len)
{
	struct stack_error e = { .code = STACK_OK };
	char *out = NULL, *line;
	size_t len = 0, have = 0, unsaid = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *req = json_array_get(list, i);
		/* that of all the rest can be said that it has none */
		const size_t room = RPC_MAX_ANSWER - (json_array_size(list) - i) * TOO_LONG_MAX;
		size_t n = 0, its = 0;
		char *a, *more;
		bool silent;

		if (len + unsaid + RPC_MAX_ANSWER / 32 > room) {
			silent = json_is_object(req) && !json_object_get(req, "id");
			a = silent ? NULL : too_long(id_of(req), &n);
		} else {
			a = dump(one(rpc, client, req, false, &silent, &its), &n);
			unsaid += its;
		}
		if (a && len + n > room) {
			free(a);
			a = too_long(id_of(req), &n);
		}
		if (silent)
			continue;
		if (a && len + n + 3 > have) {
			have = 2 * have > len + n + 3 ? 2 * have : len + n + 3;
			more = realloc(out, have);
			out = more ? more : out;
			have = more ? have : 0;
		}
		if (!a || have == 0) {
			free(a);
			free(out);
			(void)(rpc->commit && rpc->commit(rpc->ctx, &e));
			return NULL;
		}
		out[len] = len ? ',' : '[';
		memcpy(out + len + 1, a, n - 1); /* without its newline */
		len += n;
		free(a);
	}
	if (rpc->commit && rpc->commit(rpc->ctx, &e) < 0) {
		line = out ? batch_refused(list, &e, out_len) : NULL;
		free(out);
		return line;
	}
	if (!out)
		return NULL;
	memcpy(out + len, "]\n", 3);
	*out_len = len + 2;
	return out;
}

/* How many values there are at most, if it is JSON: each is the first in an object or list, or behind a comma. */
static size_t count_values(const char *line, size_t len)
{
	bool text = false;
	size_t n = 1;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '"')
			text = !text;
		else if (text)
			i += line[i] == '\\';
		else
			n += line[i] == ',' || line[i] == '[' || line[i] == '{';
	}
	return n;
}

char *rpc_answer(const struct rpc *rpc, struct rpc_client *client, const char *line, size_t len, size_t *out_len)
{
	json_error_t bad;
	json_t *req;
	size_t unsaid;
	char *out;
	bool silent;

	if (count_values(line, len) > RPC_MAX_VALUES)
		return rpc_error_line(BAD_REQUEST, "there are more than 1,000,000 values in a line", out_len);
	req = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &bad);
	if (!req) {
		char sentence[JSON_ERROR_TEXT_LENGTH + 64];

		(void)snprintf(sentence, sizeof sentence, "not JSON: %s at byte %d", bad.text, bad.position);
		return rpc_error_line(BAD_JSON, sentence, out_len);
	}
	if (json_array_size(req) > RPC_MAX_BATCH) {
		out = rpc_error_line(BAD_REQUEST, "a batch has more than 4,096 requests: send several", out_len);
	} else if (json_array_size(req) > 0) {
		out = batch(rpc, client, req, out_len);
	} else {
		out = dump(one(rpc, client, req, true, &silent, &unsaid), out_len);
		if (out && *out_len > RPC_MAX_ANSWER) {
			free(out);
			out = too_long(id_of(req), out_len);
		}
	}
	json_decref(req);
	return out;
}

char *rpc_error_line(int code, const char *sentence, size_t *out_len)
{
	return dump(error_answer(NULL, code, sentence, NULL), out_len);
}

char *rpc_event_line(json_t *params, size_t *out_len)
{
	return dump(json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", "event", "params", params), out_len);
}
