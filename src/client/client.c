/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection and its requests (<vmq/vmq.h> has the rules). One client, one owner, no thread and no state beside the
 * client. Whatever the daemon's end sends is bounded (client/line.h) and checked; an answer that doesn't fit the
 * request closes the connection, so that a late line is never taken for the answer to a later request.
 */
#include "client/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Numbers such as 12.3 come out as they came in, not as 12.300000000000001. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))
#define LOAD_FLAGS JSON_REJECT_DUPLICATES

static const char *socket_path(const char *path)
{
	if (!path)
		path = getenv(VMQ_SOCKET_ENV);
	return path && *path ? path : VMQ_DEFAULT_SOCKET;
}

/* connect() to a unix socket waits when the listener's queue is full; the send timeout bounds that wait, 0 does not. */
static int connect_fd(const struct sockaddr_un *addr, unsigned int timeout_ms, int *out)
{
	const struct timeval limit = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
	    connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0) {
		*out = fd;
		return 0;
	}
	rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
	(void)close(fd);
	return rc;
}

static const char *connect_hint(int rc)
{
	switch (rc) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "; is vmqd running?";
	case -EACCES:
		return "; the socket's group may connect (control.group in vmqd.yaml)";
	default:
		return "";
	}
}

int vmq_connect_within(const char *path, unsigned int timeout_ms, struct vmq_client **client, struct vmq_error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct vmq_client *c;
	int fd = -1, rc;

	*client = NULL;
	path = socket_path(path);
	if (strlen(path) >= sizeof addr.sun_path)
		return error_set(err, -ENAMETOOLONG, "the socket's path is longer than %zu bytes: %.80s…",
				 sizeof addr.sun_path - 1, path);
	strcpy(addr.sun_path, path);
	rc = connect_fd(&addr, timeout_ms, &fd);
	if (rc)
		return error_set(err, rc, "cannot connect to %s: %s%s", path, strerror(-rc), connect_hint(rc));
	c = calloc(1, sizeof *c);
	if (!c) {
		(void)close(fd);
		return error_set(err, -ENOMEM, "out of memory");
	}
	c->io.fd = fd;
	c->io.passed = -1;
	c->next_id = 1;
	c->timeout_ms = timeout_ms;
	*client = c;
	error_clear(err);
	return 0;
}

int vmq_connect(const char *path, struct vmq_client **client, struct vmq_error *err)
{
	return vmq_connect_within(path, VMQ_TIMEOUT_MS, client, err);
}

void vmq_disconnect(struct vmq_client *client)
{
	if (!client)
		return;
	line_close(&client->io);
	free(client);
}

void vmq_set_timeout(struct vmq_client *client, unsigned int ms)
{
	client->timeout_ms = ms;
}

int vmq_fd(const struct vmq_client *client)
{
	return client->io.fd;
}

static int broken(struct vmq_client *c, int rc, struct vmq_error *err)
{
	line_close(&c->io);
	switch (rc) {
	case -ETIMEDOUT:
		return error_set(err, rc, "vmqd did not answer within %u ms", c->timeout_ms);
	case -EMSGSIZE:
		return error_set(err, rc, "vmqd sent a line longer than %d bytes", VMQ_ANSWER_MAX);
	case -ECONNRESET:
	case -EPIPE:
		return error_set(err, -ECONNRESET, "vmqd closed the connection");
	default:
		return error_set(err, rc, "the connection to vmqd failed: %s", strerror(-rc));
	}
}

static int bad_line(struct vmq_client *c, struct vmq_error *err, const char *what)
{
	line_close(&c->io);
	return error_set(err, -EPROTO, "vmqd sent %s", what);
}

static char *request_line(json_int_t id, const char *method, json_t *params, size_t *len)
{
	json_t *request =
	    json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", id, "method", method, "params", params);
	char *text = request ? json_dumps(request, DUMP_FLAGS) : NULL;
	char *line = NULL;

	json_decref(request);
	if (text) {
		*len = strlen(text) + 1;
		line = realloc(text, *len + 1);
		if (!line)
			free(text);
		else
			strcpy(line + *len - 1, "\n");
	}
	return line;
}

/* The answer to request `id`; what has no id (an event, which nobody asked for here) is passed over. An error without
 * an id is for this connection as a whole: the daemon says so before it closes. */
static int receive_answer(struct vmq_client *c, json_int_t id, int64_t deadline, json_t **answer, struct vmq_error *err)
{
	for (;;) {
		const json_t *answer_id;
		const char *line;
		size_t len;
		int rc = line_receive(&c->io, &line, &len, deadline);

		if (rc == -EINTR)
			continue;
		if (rc)
			return broken(c, rc, err);
		*answer = json_loadb(line, len, LOAD_FLAGS, NULL);
		if (!json_is_object(*answer)) {
			json_decref(*answer);
			return bad_line(c, err, "a line that is not a JSON object");
		}
		answer_id = json_object_get(*answer, "id");
		if (json_is_integer(answer_id) && json_integer_value(answer_id) == id)
			return 0;
		if (json_is_null(answer_id) && json_object_get(*answer, "error"))
			return 0;
		rc = !answer_id && json_object_get(*answer, "method") ? 0 : -EPROTO;
		json_decref(*answer);
		if (rc)
			return bad_line(c, err, "an answer to another request");
		if (line_expired(deadline))
			return broken(c, -ETIMEDOUT, err);
	}
}

static int send_request(struct vmq_client *c, json_int_t id, const char *method, json_t *params, int64_t deadline,
			struct vmq_error *err)
{
	size_t len = 0;
	char *line = request_line(id, method, params, &len);
	int rc;

	if (!line)
		return error_set(err, -EINVAL, "the request cannot be written as JSON: is it UTF-8?");
	if (len > VMQ_REQUEST_MAX) {
		free(line);
		return error_set(err, -EMSGSIZE, "the request is longer than %d bytes", VMQ_REQUEST_MAX);
	}
	rc = line_send(&c->io, line, len, deadline);
	free(line);
	/* A daemon that turns us away writes why and closes at once: that line is still to be read. */
	if (rc && rc != -EPIPE && rc != -ECONNRESET)
		return broken(c, rc, err);
	return 0;
}

int client_call(struct vmq_client *c, const char *method, json_t *params, json_t **result, struct vmq_error *err)
{
	int64_t deadline = c->timeout_ms ? line_deadline(c->timeout_ms) : LINE_NO_DEADLINE;
	json_int_t id = c->next_id++;
	json_t *answer = NULL, *error;
	int rc;

	*result = NULL;
	if (c->monitor || c->io.fd < 0) {
		json_decref(params);
		return c->monitor ? error_set(err, -EBUSY, "this connection is a monitor: calls need another one")
				  : error_set(err, -ENOTCONN, "the connection to vmqd is closed");
	}
	rc = send_request(c, id, method, params, deadline, err);
	if (rc)
		return rc;
	rc = receive_answer(c, id, deadline, &answer, err);
	if (rc)
		return rc;
	error = json_object_get(answer, "error");
	*result = json_incref(json_object_get(answer, "result"));
	if (error) {
		json_decref(*result);
		*result = NULL;
		rc = error_from_json(err, error);
		if (rc == -EPROTO)
			line_close(&c->io);
	} else if (!*result) {
		rc = bad_line(c, err, "an answer that has neither result nor error");
	} else {
		error_clear(err);
	}
	json_decref(answer);
	return rc;
}

static int dump(const json_t *value, char **text, struct vmq_error *err)
{
	*text = json_dumps(value, DUMP_FLAGS);
	return *text ? 0 : error_set(err, -ENOMEM, "out of memory");
}

int vmq_call(struct vmq_client *client, const char *method, const char *params, char **result, struct vmq_error *err)
{
	json_t *in = NULL, *out;
	int rc;

	if (result)
		*result = NULL;
	if (params) {
		json_error_t why;

		in = json_loads(params, LOAD_FLAGS, &why);
		if (!json_is_object(in)) {
			rc = error_set(err, -EINVAL, "params: not a JSON object%s%s", in ? "" : ": ",
				       in ? "" : why.text);
			json_decref(in);
			return rc;
		}
	}
	rc = client_call(client, method, in, &out, err);
	if (!rc && result)
		rc = dump(out, result, err);
	json_decref(out);
	return rc;
}

int vmq_call_fd(struct vmq_client *client, const char *method, const char *params, char **result, int *fd, struct vmq_error *err)
{
	int rc;

	*fd = -1;
	rc = vmq_call(client, method, params, result, err);
	if (!rc)
		*fd = line_take_fd(&client->io);
	return rc;
}

int vmq_monitor(struct vmq_client *client, struct vmq_error *err)
{
	json_t *out;
	int rc = client_call(client, "monitor.start", NULL, &out, err);

	json_decref(out);
	if (!rc)
		client->monitor = true;
	return rc;
}

int vmq_next_event(struct vmq_client *client, int timeout_ms, char **event, struct vmq_error *err)
{
	int64_t deadline = timeout_ms < 0 ? LINE_NO_DEADLINE : line_deadline((unsigned int)timeout_ms);
	const char *line, *method;
	json_t *message;
	size_t len;
	int rc;

	*event = NULL;
	if (!client->monitor)
		return error_set(err, -EINVAL, "not a monitor: vmq_monitor() comes first");
	if (client->io.fd < 0)
		return error_set(err, -ENOTCONN, "the connection to vmqd is closed");
	rc = line_receive(&client->io, &line, &len, deadline);
	if (rc == -ETIMEDOUT)
		return error_set(err, -EAGAIN, "no event within %d ms", timeout_ms);
	if (rc == -EINTR)
		return error_set(err, rc, "interrupted");
	if (rc)
		return broken(client, rc, err);
	message = json_loadb(line, len, LOAD_FLAGS, NULL);
	method = json_string_value(json_object_get(message, "method"));
	if (!method || strcmp(method, "event") != 0 || !json_is_object(json_object_get(message, "params")))
		rc = bad_line(client, err, "something that is not an event");
	else
		rc = dump(json_object_get(message, "params"), event, err);
	json_decref(message);
	if (!rc)
		error_clear(err);
	return rc;
}
