/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC and its clients: answers word for word, framing, bounds, events, the socket's file and who may use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmqd/listen.h"
#include "vmqd/rpc.h"
#include "vmqd/server.h"

static unsigned calls; /* of `count` */

static int count(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	uint32_t by = 1;

	(void)ctx, (void)client, (void)e;
	(void)params_uint(p, "by", false, 1, 10, &by);
	if (params_close(p) < 0)
		return -1;
	calls += by;
	*result = json_pack("{s:i}", "calls", (int)calls);
	return 0;
}

static int refused(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)ctx, (void)client, (void)p, (void)result;
	(void)stack_fail(e, STACK_LIMIT, "name", "there are 1024 VPorts already");
	e->oid = 0x00010241;
	e->status = (int32_t)0xC000009A;
	return -1;
}

/* An answer of `bytes` bytes and a little more. */
static int large(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	uint32_t bytes = 0;
	char *s;

	(void)ctx, (void)client, (void)e;
	(void)params_uint(p, "bytes", true, 1, 64u << 20, &bytes);
	if (params_close(p) < 0)
		return -1;
	s = malloc(bytes + 2); /* as text, with its quotes */
	memset(s, 'x', bytes + 2);
	s[0] = s[bytes + 1] = '"';
	*result = json_stringn(s, bytes + 2);
	free(s);
	return 0;
}

static unsigned texts; /* of `text` */

static int text(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	texts++;
	return large(ctx, client, p, result, e);
}

static int nothing(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)ctx, (void)client, (void)result, (void)e;
	return params_close(p);
}

static int monitor(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)ctx, (void)p, (void)result, (void)e;
	server_subscribe(client);
	return 0;
}

static unsigned ended[3];

static void end_one(void *arg)
{
	ended[(uintptr_t)arg]++;
}

static bool is_second(const void *arg, const void *what)
{
	(void)what;
	return (uintptr_t)arg == 2;
}

/* Two things that end with the client, and a descriptor with the answer. */
static int hold(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	int fd = memfd_create("rpc-test", MFD_CLOEXEC);

	(void)ctx, (void)p, (void)result, (void)e;
	assert_true(server_hold(client, end_one, (void *)1) && server_hold(client, end_one, (void *)2));
	assert_int_equal(server_attach(client, fd), 0);
	assert_int_equal(server_attach(client, fd), -EBUSY);
	(void)close(fd);
	return 0;
}

static int release(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)ctx, (void)p, (void)result, (void)e;
	assert_true(server_release(client, end_one, is_second, NULL));
	assert_false(server_release(client, end_one, is_second, NULL));
	return 0;
}

static const struct rpc_method table[] = {
	{ "hold", hold, false }, { "release", release, false },
	{ "count", count, false }, { "refused", refused, false }, { "large", large, false },
	{ "nothing", nothing, false }, { "monitor", monitor, false }, { "alone", count, true }, { "text", text, false }, { NULL, NULL, false },
};
static const struct rpc rpc = { .methods = table };

/* ---- answers ---- */

#define ERR(id, code, text)                                                                                            \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" text "\"}}\n"

static const struct exchange {
	const char *line, *answer; /* NULL: none */
} exchanges[] = {
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"nothing\",\"params\":{}}",
	  "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}\n" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"nothing\"}",
	  "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}\n" },
	{ "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}", NULL },
	{ "{\"jsonrpc\":\"2.0\",\"method\":\"no-such\"}", NULL },
	{ "[]", ERR("null", "-32600", "a request is an object") },
	{ "7", ERR("null", "-32600", "a request is an object") },
	{ "[7]",
	  "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"a request is an object\"}}]\n" },
	{ "{\"id\":1,\"method\":\"nothing\"}", ERR("1", "-32600", "jsonrpc: is not \\\"2.0\\\"") },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1}", ERR("1", "-32600", "method: is missing or not text") },
	{ "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"nothing\"}",
	  ERR("null", "-32600", "id: is neither text nor a number") },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"vport.fly\"}",
	  ERR("1", "-32601", "there is no method \\\"vport.fly\\\"") },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\",\"params\":[1]}",
	  ERR("1", "-32602", "params: is not an object; parameters are given by name") },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\",\"params\":{\"x\":1}}",
	  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":\"x: is not known here: there are no "
	  "parameters\","
	  "\"data\":{\"field\":\"x\"}}}\n" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"count\",\"params\":{\"by\":11}}",
	  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":\"by: 11 is not a number from 1 to "
	  "10\","
	  "\"data\":{\"field\":\"by\"}}}\n" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"count\",\"params\":{\"bye\":1}}",
	  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":\"bye: is not known here; known are "
	  "by\","
	  "\"data\":{\"field\":\"bye\"}}}\n" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"refused\"}",
	  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":4,\"message\":\"name: there are 1024 VPorts already\","
	  "\"data\":{\"field\":\"name\",\"status\":\"NDIS_STATUS_RESOURCES\",\"oid\":\"OID_NIC_SWITCH_CREATE_VPORT\"}}}"
	  "\n" },
	{ "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"},{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"},"
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"nothing\"}]",
	  "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}},{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}]\n" },
	{ "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"alone\"},{\"jsonrpc\":\"2.0\",\"method\":\"alone\"}]",
	  "[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,\"message\":\"method: alone has no place in a batch: it is all or "
	  "nothing by itself\"}}]\n" },
	{ "[{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}]", NULL },
};

static void answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
		const struct exchange *x = &exchanges[i];
		size_t len = 0;
		char *a = rpc_answer(&rpc, NULL, x->line, strlen(x->line), &len);

		if (!x->answer) {
			assert_null(a);
		} else {
			assert_non_null(a);
			assert_string_equal(a, x->answer);
			assert_int_equal(len, strlen(a));
		}
		free(a);
	}
	assert_int_equal(calls, 0); /* nothing was done with bad parameters */
}

static unsigned commits;
static bool store_fails;

static int commit(void *ctx, struct stack_error *e)
{
	(void)ctx;
	commits++;
	return store_fails ? stack_fail(e, STACK_FAILED, NULL, "the disk is full") : 0;
}

static int code_of(const char *answer)
{
	json_t *v = json_loads(answer, 0, NULL);
	json_t *one = json_is_array(v) ? json_array_get(v, json_array_size(v) - 1) : v;
	int code = (int)json_integer_value(json_object_get(json_object_get(one, "error"), "code"));

	json_decref(v);
	return code;
}

#define COUNT_AS(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"count\"}"
#define FULL(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":5,\"message\":\"the disk is full\",\"data\":{}}}"

/* A request is kept when it is answered, a batch as a whole. */
static void commit_before_the_answer(void **state)
{
	static const struct rpc keeping = { .methods = table, .commit = commit };
	static const char batch[] = "[" COUNT_AS("1") ",{\"jsonrpc\":\"2.0\",\"method\":\"count\"}," COUNT_AS("\"x\"") "]";
	char long_id[RPC_MAX_ID + 256], *a;
	size_t len;

	(void)state;
	commits = 0;
	a = rpc_answer(&keeping, NULL, COUNT_AS("7"), strlen(COUNT_AS("7")), &len);
	assert_int_equal(code_of(a), 0);
	assert_int_equal(commits, 1);
	free(a);
	a = rpc_answer(&keeping, NULL, batch, strlen(batch), &len);
	assert_int_equal(code_of(a), 0);
	assert_int_equal(commits, 2);
	free(a);
	store_fails = true;
	a = rpc_answer(&keeping, NULL, COUNT_AS("7"), strlen(COUNT_AS("7")), &len);
	assert_string_equal(a, FULL("7") "\n");
	free(a);
	a = rpc_answer(&keeping, NULL, batch, strlen(batch), &len);
	assert_string_equal(a, "[" FULL("1") "," FULL("\"x\"") "]\n");
	assert_int_equal(len, strlen(a));
	free(a);
	/* what is no id is not repeated */
	(void)snprintf(long_id, sizeof long_id, "[" COUNT_AS("[[1]]") "," COUNT_AS("\"%0*d\"") "]", (int)RPC_MAX_ID + 1, 7);
	a = rpc_answer(&keeping, NULL, long_id, strlen(long_id), &len);
	assert_string_equal(a, "[" FULL("null") "," FULL("null") "]\n");
	free(a);
	store_fails = false;
	calls = 0;
}

static void not_json(void **state)
{
	static const char *const lines[] = { "{", "nonsense", "{\"a\":1,\"a\":2}", "\"\xff\"", "{\"id\":\"\\u0000\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		size_t len;
		char *a = rpc_answer(&rpc, NULL, lines[i], strlen(lines[i]), &len);

		assert_non_null(a);
		assert_int_equal(code_of(a), -32700);
		free(a);
	}
}

/* As many values as a configuration file may hold; commas in text are none. */
static void values_are_bounded(void **state)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\",\"params\":{\"x\":\"\\\",[[{{\",\"y\":[";
	const unsigned in_head = 7; /* four members, then two, and the list is one of them */
	char *line = malloc(sizeof head + 2 * RPC_MAX_VALUES + 8), *a;
	size_t len;

	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		size_t n = (size_t)sprintf(line, "%s", head);

		for (unsigned i = in_head + 1; i < RPC_MAX_VALUES + more; i++, n += 2)
			memcpy(line + n, "1,", 2);
		n += (size_t)sprintf(line + n, "1]}}");
		a = rpc_answer(&rpc, NULL, line, n, &len);
		assert_int_equal(code_of(a), more ? -32600 : -32602); /* read, and x is no parameter of it */
		free(a);
	}
	free(line);
}

/* What somebody wrote is repeated in sentences, and may be cut in the middle of a character: still an answer. */
static void cut_characters(void **state)
{
	char line[512] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"count\",\"params\":{\"by\":\"x", *a;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		strcat(line, "ü");
	strcat(line, "\"}}");
	a = rpc_answer(&rpc, NULL, line, strlen(line), &len);
	assert_non_null(a);
	assert_int_equal(code_of(a), -32602);
	free(a);
}

static void answers_are_bounded(void **state)
{
	static const char one[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"large\",\"params\":{\"bytes\":40000000}}";
	static const char two[] =
	    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"large\",\"params\":{\"bytes\":20000000}},"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"large\",\"params\":{\"bytes\":20000000}}]";
	size_t len;
	char *a;

	(void)state;
	a = rpc_answer(&rpc, NULL, one, strlen(one), &len);
	assert_int_equal(code_of(a), STACK_LIMIT);
	free(a);
	a = rpc_answer(&rpc, NULL, two, strlen(two), &len);
	assert_in_range(len, 20000000, RPC_MAX_ANSWER);
	assert_int_equal(code_of(a), STACK_LIMIT);
	free(a);
}

/* A batch of n requests `one`; free() it. */
static char *batch_of(const char *one, unsigned n)
{
	char *line = malloc(n * (strlen(one) + 1) + 3), *at = line;

	for (unsigned i = 0; i < n; i++)
		at += sprintf(at, "%c%s", i ? ',' : '[', one);
	(void)sprintf(at, "]");
	return line;
}

/* All of a batch is one turn: one that is too long is refused as a whole, whether or not it wants answers. */
static void batches_are_bounded(void **state)
{
	static const char *const requests[] = { COUNT_AS("1"), "{\"jsonrpc\":\"2.0\",\"method\":\"count\"}" };
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		char *line = batch_of(requests[i], RPC_MAX_BATCH + 1), *a;

		calls = 0;
		a = rpc_answer(&rpc, NULL, line, strlen(line), &len);
		assert_string_equal(a, ERR("null", "-32600", "a batch has more than 4,096 requests: send several"));
		assert_int_equal(calls, 0);
		free(a);
		free(line);
		line = batch_of(requests[i], RPC_MAX_BATCH);
		a = rpc_answer(&rpc, NULL, line, strlen(line), &len);
		assert_true((a == NULL) == (i == 1));
		assert_int_equal(calls, RPC_MAX_BATCH);
		free(a);
		free(line);
	}
	calls = 0;
}

static void ids_are_bounded(void **state)
{
	char line[RPC_MAX_ID + 128], id[RPC_MAX_ID + 4];
	size_t len;

	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		char *a;

		(void)snprintf(id, sizeof id, "\"%0*d\"", (int)(RPC_MAX_ID + more), 7);
		(void)snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"nothing\"}", id);
		a = rpc_answer(&rpc, NULL, line, strlen(line), &len);
		if (more)
			assert_string_equal(a, ERR("null", "-32600", "id: is longer than 128 bytes"));
		else
			assert_non_null(strstr(a, id));
		free(a);
	}
}

/* However long the ids, and whatever is no request: all that has no room any more is said to have none, within the bound. */
static void answers_of_a_batch_are_bounded(void **state)
{
	char id[2 * RPC_MAX_ID], one[2 * RPC_MAX_ID + 128], last[64], *line, *at, *a;
	const unsigned n = RPC_MAX_BATCH;
	size_t len, large = 0, refusals = 0, i;
	json_t *answers, *v;

	(void)state;
	for (i = 0; i < RPC_MAX_ID / 2; i++) /* which is answered with 6 bytes for 2 */
		memcpy(id + 2 * i, "ü", 2);
	id[RPC_MAX_ID] = '\0';
	(void)snprintf(one, sizeof one, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"large\",\"params\":{\"bytes\":1000000}}", id);
	line = batch_of(one, n);
	/* the last but one is no request, and one wants no answer, and is not done either */
	(void)snprintf(last, sizeof last, ",{\"jsonrpc\":\"2.0\",\"method\":\"count\"},7]");
	at = line + strlen(line) - 1 - 2 * (strlen(one) + 1);
	(void)strcpy(at, last);
	calls = 0;
	a = rpc_answer(&rpc, NULL, line, strlen(line), &len);
	assert_in_range(len, 20000000, RPC_MAX_ANSWER);
	answers = json_loads(a, 0, NULL);
	assert_int_equal(json_array_size(answers), n - 1);
	json_array_foreach(answers, i, v) {
		large += json_object_get(v, "result") != NULL;
		refusals += json_integer_value(json_object_get(json_object_get(v, "error"), "code")) == STACK_LIMIT;
	}
	assert_in_range(large, 20, 33);
	assert_int_equal(large + refusals, n - 1);
	assert_int_equal(calls, 0);
	json_decref(answers);
	free(a);
	free(line);
	/* what is not said takes time, too: it counts */
	line = batch_of("{\"jsonrpc\":\"2.0\",\"method\":\"text\",\"params\":{\"bytes\":1000000}}", n);
	texts = 0;
	assert_null(rpc_answer(&rpc, NULL, line, strlen(line), &len));
	assert_in_range(texts, 20, 33);
	free(line);
}

/* ---- clients ---- */

struct fixture {
	struct loop *loop;
	struct server *server;
	int fd; /* our end */
};

static int connect_one(struct fixture *f)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(server_adopt(f->server, pair[1]), 0);
	return pair[0];
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	calls = 0;
	assert_int_equal(loop_create(&f->loop), 0);
	assert_int_equal(server_create(f->loop, &rpc, &f->server), 0);
	f->fd = connect_one(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	server_destroy(f->server);
	loop_destroy(f->loop);
	(void)close(f->fd);
	free(f);
	return 0;
}

static void settle(struct fixture *f)
{
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void put(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), strlen(s));
}

/* All there is, as a string; "gone" at the end of the connection with nothing before it. */
static const char *take(struct fixture *f, int fd)
{
	static char buf[1 << 16];
	ssize_t n;

	settle(f);
	n = read(fd, buf, sizeof buf - 1);
	if (n == 0)
		return "gone";
	if (n < 0)
		return errno == EAGAIN ? "" : "gone";
	buf[n] = '\0';
	return buf;
}

#define COUNT "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"count\"}\n"
#define COUNTED(n) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"calls\":" #n "}}\n"

static void lines_in_pieces(void **state)
{
	struct fixture *f = *state;
	static const char line[] = COUNT;

	for (size_t i = 0; i + 1 < sizeof line; i++) {
		assert_string_equal(take(f, f->fd), "");
		assert_int_equal(write(f->fd, line + i, 1), 1);
	}
	assert_string_equal(take(f, f->fd), COUNTED(1));
	put(f->fd, COUNT "\n  \r\n" COUNT COUNT);
	assert_string_equal(take(f, f->fd), COUNTED(2) COUNTED(3) COUNTED(4));
	/* others have their turn after so many */
	for (unsigned i = 0; i < 40; i++)
		put(f->fd, COUNT);
	assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(calls, 4 + 16);
	assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(calls, 4 + 32);
}

/* After a batch others have their turn. */
static void batches_in_turn(void **state)
{
	struct fixture *f = *state;

	put(f->fd, " \t[" COUNT_AS("1") "]\n [" COUNT_AS("2") "]\n" COUNT COUNT);
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(loop_turn(f->loop, 0), 0);
		assert_int_equal(calls, i);
	}
	assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(calls, 4);
	/* a zero byte is no blank */
	assert_int_equal(write(f->fd, "\0\n", 2), 2);
	settle(f);
	assert_non_null(strstr(take(f, f->fd), "not JSON"));
}

#define CALL(name) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" name "\"}\n"

static void what_ends_with_its_client(void **state)
{
	struct fixture *f = *state;
	char buf[256], control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = { buf, sizeof buf };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	int fd;

	memset(ended, 0, sizeof ended);
	put(f->fd, CALL("hold"));
	settle(f);
	assert_true(recvmsg(f->fd, &m, MSG_CMSG_CLOEXEC) > 0);
	assert_non_null(CMSG_FIRSTHDR(&m));
	assert_int_equal(CMSG_FIRSTHDR(&m)->cmsg_len, CMSG_LEN(sizeof fd));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	assert_int_equal(close(fd), 0);
	put(f->fd, CALL("release"));
	(void)take(f, f->fd);
	assert_int_equal(ended[1], 0);
	assert_int_equal(ended[2], 1);
	(void)close(f->fd);
	settle(f);
	assert_int_equal(ended[1], 1);
	assert_int_equal(ended[2], 1);
	f->fd = connect_one(f);
}

/* A script that writes and shuts its side down gets its answers, also for a last line without newline. */
static void half_closed(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 99; i++)
		put(f->fd, "{\"jsonrpc\":\"2.0\",\"method\":\"count\"}\n");
	put(f->fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"count\"}");
	assert_int_equal(shutdown(f->fd, SHUT_WR), 0);
	assert_string_equal(take(f, f->fd), COUNTED(100));
	assert_string_equal(take(f, f->fd), "gone");
}

static void too_long_a_line(void **state)
{
	struct fixture *f = *state;
	static char spaces[65536];
	const char *a;

	memset(spaces, ' ', sizeof spaces);
	for (unsigned i = 0; i < RPC_MAX_REQUEST / sizeof spaces; i++) {
		assert_int_equal(write(f->fd, spaces, sizeof spaces), sizeof spaces);
		settle(f);
	}
	a = take(f, f->fd);
	assert_int_equal(code_of(a), -32600);
	assert_string_equal(take(f, f->fd), "gone");
}

/* The longest line that is allowed. */
static void long_line(void **state)
{
	struct fixture *f = *state;
	size_t len = RPC_MAX_REQUEST, done = 0;
	char *line = malloc(len);

	memset(line, ' ', len);
	memcpy(line, COUNT, strlen(COUNT) - 1);
	line[len - 1] = '\n';
	while (done < len) {
		ssize_t n = write(f->fd, line + done, len - done);

		if (n > 0)
			done += (size_t)n;
		settle(f);
	}
	free(line);
	assert_string_equal(take(f, f->fd), COUNTED(1));
}

/* Spaces and no newline: as many as any client may send, and one more. */
static void begin_long_line(struct fixture *f, int fd)
{
	static char spaces[65536];

	memset(spaces, ' ', sizeof spaces);
	for (unsigned i = 0; i < SERVER_LONG_LINE / sizeof spaces; i++) {
		assert_int_equal(write(fd, spaces, sizeof spaces), sizeof spaces);
		settle(f);
	}
	assert_int_equal(write(fd, spaces, 1), 1);
	settle(f);
}

/* A few at a time may send more than 1 MiB; another is told so, and has its turn when one of them is done. */
static void few_long_lines_at_a_time(void **state)
{
	struct fixture *f = *state;
	int fd[SERVER_MAX_LONG], other = connect_one(f);

	for (unsigned i = 0; i < SERVER_MAX_LONG; i++) {
		fd[i] = connect_one(f);
		begin_long_line(f, fd[i]);
		assert_string_equal(take(f, fd[i]), "");
	}
	begin_long_line(f, other);
	assert_int_equal(code_of(take(f, other)), STACK_REFUSED);
	assert_string_equal(take(f, other), "gone");
	(void)close(other);
	/* what others send meanwhile is not long, and is answered */
	put(f->fd, COUNT);
	assert_string_equal(take(f, f->fd), COUNTED(1));
	/* one is done, its connection stays; one is gone */
	put(fd[0], COUNT);
	assert_string_equal(take(f, fd[0]), COUNTED(2));
	(void)close(fd[1]);
	settle(f);
	fd[1] = connect_one(f);
	for (unsigned i = 0; i < 2; i++) {
		begin_long_line(f, fd[i]);
		put(fd[i], COUNT);
		assert_int_equal(code_of(take(f, fd[i])), 0);
	}
	for (unsigned i = 0; i < SERVER_MAX_LONG; i++)
		(void)close(fd[i]);
	settle(f);
}

/* Who does not read is asked nothing further: requests wait, and are answered when he reads again. */
static void slow_reader(void **state)
{
	struct fixture *f = *state;
	size_t got = 0;

	put(f->fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"large\",\"params\":{\"bytes\":4000000}}\n" COUNT);
	settle(f);
	assert_int_equal(calls, 0);
	while (got < 4000000) {
		const char *s = take(f, f->fd);

		assert_string_not_equal(s, "gone");
		got += strlen(s);
	}
	settle(f);
	assert_int_equal(calls, 1);
	put(f->fd, COUNT);
	settle(f);
	assert_int_equal(calls, 2);
}

static void send_events(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		server_event(f->server, json_pack("{s:s, s:i}", "event", "vport_added", "n", (int)i));
		(void)loop_turn(f->loop, 0);
	}
}

static void events(void **state)
{
	struct fixture *f = *state;
	int other = connect_one(f);

	assert_false(server_has_subscribers(f->server));
	send_events(f, 1);
	put(f->fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"monitor\"}\n");
	assert_string_equal(take(f, f->fd), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
	assert_true(server_has_subscribers(f->server));
	send_events(f, 1);
	assert_string_equal(take(f, f->fd), "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":"
					    "{\"event\":\"vport_added\",\"n\":0}}\n");
	assert_string_equal(take(f, other), "");
	put(f->fd, COUNT); /* a monitor may still ask */
	assert_string_equal(take(f, f->fd), COUNTED(1));
	(void)close(other);
}

/* A monitor that shut its own side down still listens. */
static void half_closed_monitor(void **state)
{
	struct fixture *f = *state;

	put(f->fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"monitor\"}\n");
	assert_int_equal(shutdown(f->fd, SHUT_WR), 0);
	(void)take(f, f->fd);
	send_events(f, 1);
	assert_string_not_equal(take(f, f->fd), "gone");
	(void)close(f->fd);
	settle(f);
	assert_false(server_has_subscribers(f->server));
	f->fd = -1;
}

static void monitor_that_sleeps(void **state)
{
	struct fixture *f = *state;

	put(f->fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"monitor\"}\n");
	settle(f);
	send_events(f, SERVER_MAX_EVENTS / 60); /* each of more than 60 bytes; some lie in the socket */
	send_events(f, 20000);
	settle(f);
	assert_false(server_has_subscribers(f->server));
}

/* ---- the socket's file ---- */

static char dir[] = "/tmp/vmq-rpc-XXXXXX";

static int path_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int path_teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int try_connect(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void socket_file(void **state)
{
	struct listen_socket a, b;
	struct vmq_err err = { "" };
	char path[108], expect[160];
	struct stat st;
	uid_t who;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/s", dir);
	assert_int_equal(listen_open(path, 0640, getegid(), &a, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* in use: left alone */
	assert_int_equal(listen_open(path, 0640, getegid(), &b, &err), -EADDRINUSE);
	(void)snprintf(expect, sizeof expect, "another process listens at %s", path);
	assert_string_equal(err.text, expect);
	fd = try_connect(path);
	assert_true(fd >= 0);
	assert_true(listen_peer_allowed(fd, 12345, &who));
	assert_int_equal(who, geteuid());
	(void)close(fd);
	/* left over: replaced */
	(void)close(a.fd);
	assert_int_equal(listen_open(path, 0600, getegid(), &b, &err), 0);
	listen_close(&b);
	assert_int_equal(access(path, F_OK), -1);
	/* no socket: left alone */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)close(fd);
	assert_int_equal(listen_open(path, 0640, getegid(), &b, &err), -EEXIST);
	assert_int_equal(unlink(path), 0);
}

/* Somebody else's file at our path is not unlinked. */
static void socket_file_replaced(void **state)
{
	struct listen_socket a;
	struct vmq_err err = { "" };
	char path[108];
	int fd;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/s", dir);
	assert_int_equal(listen_open(path, 0640, getegid(), &a, &err), 0);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)close(fd);
	listen_close(&a);
	assert_int_equal(unlink(path), 0);
}

static void too_many_clients(void **state)
{
	struct vmq_err err = { "" };
	struct loop *loop;
	struct server *s;
	int fd[SERVER_MAX_CLIENTS + 1];
	char path[108], buf[256];
	ssize_t n;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/s", dir);
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(server_create(loop, &rpc, &s), 0);
	assert_int_equal(server_listen(s, path, 0600, getegid(), &err), 0);
	for (unsigned i = 0; i <= SERVER_MAX_CLIENTS; i++) {
		fd[i] = try_connect(path);
		assert_true(fd[i] >= 0);
		assert_int_equal(loop_turn(loop, 0), 0);
	}
	n = read(fd[SERVER_MAX_CLIENTS], buf, sizeof buf - 1);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf, ERR("null", "1", "there are 64 clients already; try again later"));
	assert_int_equal(read(fd[SERVER_MAX_CLIENTS], buf, sizeof buf), 0);
	for (unsigned i = 0; i <= SERVER_MAX_CLIENTS; i++)
		(void)close(fd[i]);
	server_destroy(s);
	loop_destroy(loop);
	assert_int_equal(access(path, F_OK), -1);
}

/* A client for whom there is no descriptor is closed, and does not keep the loop awake. */
static void no_descriptor_left(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct rlimit was, few;
	struct server *s;
	struct loop *loop;
	struct vmq_err err = { "" };
	int fd[3], top;
	char c;

	(void)state;
	(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/s", dir);
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(server_create(loop, &rpc, &s), 0);
	assert_int_equal(server_listen(s, sa.sun_path, 0600, getegid(), &err), 0);
	for (unsigned i = 0; i < 3; i++)
		fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	top = dup(fd[0]); /* none is free below it */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = (struct rlimit){ (rlim_t)top + 1, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(connect(fd[i], (struct sockaddr *)&sa, sizeof sa), 0);
		assert_int_equal(loop_turn(loop, 0), 0);
		assert_int_equal(recv(fd[i], &c, 1, MSG_DONTWAIT), 0);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(connect(fd[2], (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(recv(fd[2], &c, 1, MSG_DONTWAIT), -1); /* he is let in */
	for (unsigned i = 0; i < 3; i++)
		(void)close(fd[i]);
	(void)close(top);
	server_destroy(s);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(not_json),
		cmocka_unit_test(values_are_bounded),
		cmocka_unit_test(cut_characters),
		cmocka_unit_test(answers_are_bounded),
		cmocka_unit_test(batches_are_bounded),
		cmocka_unit_test(ids_are_bounded),
		cmocka_unit_test(answers_of_a_batch_are_bounded),
		cmocka_unit_test(commit_before_the_answer),
		cmocka_unit_test_setup_teardown(lines_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(what_ends_with_its_client, setup, teardown),
		cmocka_unit_test_setup_teardown(half_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(too_long_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(few_long_lines_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(events, setup, teardown),
		cmocka_unit_test_setup_teardown(half_closed_monitor, setup, teardown),
		cmocka_unit_test_setup_teardown(monitor_that_sleeps, setup, teardown),
		cmocka_unit_test(socket_file),
		cmocka_unit_test(socket_file_replaced),
		cmocka_unit_test(too_many_clients),
		cmocka_unit_test(no_descriptor_left),
	};

	return cmocka_run_group_tests(tests, path_setup, path_teardown);
}
