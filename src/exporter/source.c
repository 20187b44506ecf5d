/* SPDX-License-Identifier: BSD-3-Clause */
#include "exporter/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vmq/vmq.h>

#include "exporter/say.h"

#define AGE_PER_COST 10

struct source {
	const char *path;
	struct vmq_client *client; /* NULL: not connected */
	json_t *look;		   /* the last; NULL: none yet */
	int64_t due_ns;		   /* when the next may be taken */
	uint64_t looks, failed;
	bool said_up, said_down; /* so that a change is said once */
};

static const struct {
	const char *name, *params;
} methods[] = {
#define X(name, params) { name, params },
	SOURCE_METHODS(X)
#undef X
};

#define NMETHODS (sizeof methods / sizeof methods[0])

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct source *source_new(const char *path)
{
	struct source *s = calloc(1, sizeof *s);

	if (s)
		s->path = path;
	return s;
}

static void disconnect(struct source *s)
{
	vmq_disconnect(s->client);
	s->client = NULL;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	disconnect(s);
	json_decref(s->look);
	free(s);
}

/* One method's answer into `look`. A method that is refused is left out. */
static int ask(struct source *s, size_t method, int64_t deadline, json_t *look, struct vmq_error *err)
{
	int64_t left = (deadline - now_ns()) / 1000000;
	char *text;
	json_t *answer;
	int rc;

	vmq_set_timeout(s->client, left > 1 ? (unsigned int)left : 1);
	rc = vmq_call(s->client, methods[method].name, methods[method].params, &text, err);
	if (rc == VMQ_REFUSED && err->code == VMQ_ERROR_PARAMETERS) /* an older vmqd, which shows all of it */
		rc = vmq_call(s->client, methods[method].name, NULL, &text, err);
	if (rc)
		return rc;
	answer = json_loads(text, 0, NULL);
	free(text);
	return json_object_set_new(look, methods[method].name, answer) < 0 ? -ENOMEM : 0;
}

static int ask_all(struct source *s, int64_t deadline, json_t *look, struct vmq_error *err)
{
	for (size_t i = 0; i < NMETHODS; i++) {
		int rc = ask(s, i, deadline, look, err);

		if (rc < 0 || (rc == VMQ_REFUSED && i == 0))
			return rc;
	}
	return 0;
}

/* A connection that was left from an earlier look may be to a vmqd that has ended: then once more, with a new one. */
static int take(struct source *s, json_t *look, struct vmq_error *err)
{
	int64_t deadline = now_ns() + (int64_t)SOURCE_TIMEOUT_MS * 1000000;
	bool old = s->client != NULL;
	int rc = old ? ask_all(s, deadline, look, err) : -ENOTCONN;

	if (rc && rc != -ETIMEDOUT) {
		disconnect(s);
		(void)json_object_clear(look);
		rc = vmq_connect_within(s->path, SOURCE_CONNECT_MS, &s->client, err);
		if (!rc)
			rc = ask_all(s, deadline, look, err);
	}
	if (rc) {
		disconnect(s);
		(void)json_object_clear(look);
	}
	return rc;
}

static void say_change(struct source *s, bool up, const struct vmq_error *err)
{
	if (up && !s->said_up)
		say("vmqd answers");
	else if (!up && !s->said_down)
		say("%s; trying again when asked", err->message);
	s->said_up = up;
	s->said_down = !up;
}

static json_t *describe(const struct source *s, bool up, const struct vmq_error *err, int64_t begin, int64_t end)
{
	json_t *own = json_pack("{s:b, s:s, s:I, s:I, s:I, s:I}", "up", up, "version", VMQ_VERSION, "time_ms",
				(json_int_t)(end / 1000000), "looks", (json_int_t)s->looks, "failed_looks",
				(json_int_t)s->failed, "look_ns", (json_int_t)(end - begin));

	if (own && !up && json_object_set_new(own, "error", json_string(err->message)) < 0) {
		json_decref(own);
		return NULL;
	}
	return own;
}

const json_t *source_look(struct source *s, uint64_t *serial)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	int64_t begin = now_ns(), end, keep;
	json_t *look;
	bool up;

	if (!s->look || begin >= s->due_ns) {
		look = json_object();
		up = look && take(s, look, &err) == 0;
		end = now_ns();
		s->looks++;
		s->failed += !up;
		say_change(s, up, &err);
		keep = (end - begin) * AGE_PER_COST;
		if (keep < (int64_t)SOURCE_AGE_MS * 1000000)
			keep = (int64_t)SOURCE_AGE_MS * 1000000;
		s->due_ns = end + keep;
		if (json_object_set_new(look, "exporter", describe(s, up, &err, begin, end)) < 0) {
			json_decref(look);
			look = NULL;
		}
		json_decref(s->look);
		s->look = look;
	}
	if (serial)
		*serial = s->looks;
	return s->look;
}
