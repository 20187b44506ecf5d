/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqctl/top_model.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"

#define X(id, word) word,
const char *const top_sort_names[] = { TOP_SORTS(X) NULL };
#undef X

static void forget(struct top_look *l)
{
	json_decref(l->stats);
	json_decref(l->queues);
	*l = (struct top_look){ 0 };
}

static int ask(struct vmq_client *client, const char *method, const char *params, json_t **out, struct vmq_error *err)
{
	char *text;
	int rc = vmq_call(client, method, params, &text, err);

	if (rc)
		return rc;
	*out = json_loads(text, JSON_DECODE_ANY, NULL);
	free(text);
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* By adapter and number: a name may have changed meanwhile. */
static const json_t *same_vport(const json_t *stats, const json_t *like, size_t at)
{
	const json_t *list = json_object_get(stats, "vports"), *v = json_array_get(list, at);
	size_t i;

	/* mostly it stands where it stood */
	if (v && number_of(v, "id") == number_of(like, "id") && strcmp(text_of(v, "adapter"), text_of(like, "adapter")) == 0)
		return v;
	json_array_foreach(list, i, v)
	{
		if (number_of(v, "id") == number_of(like, "id") && strcmp(text_of(v, "adapter"), text_of(like, "adapter")) == 0)
			return v;
	}
	return NULL;
}

double top_rate(const struct top_model *m, const json_t *now, const json_t *before, const char *path, const char *key)
{
	json_int_t a, b;

	if (!before || m->seconds <= 0)
		return 0;
	a = number_of(path ? json_object_get(before, path) : before, key);
	b = number_of(path ? json_object_get(now, path) : now, key);
	return b > a ? (double)(b - a) / m->seconds : 0;
}

const json_t *top_worker_before(const struct top_model *m, size_t i)
{
	return json_array_get(json_object_get(m->before.stats, "workers"), i);
}

static double all_drops(const struct top_model *m, const struct top_row *r)
{
	json_t *n;
	const char *reason;
	double sum = 0;

	json_object_foreach(json_object_get(r->now, "drops"), reason, n) sum += top_rate(m, r->now, r->before, "drops", reason);
	return sum;
}

static void add_queue(struct top_row *r, const json_t *q)
{
	json_int_t ring = number_of(q, "rx_ring"), posted = number_of(q, "rx_free");

	if (r->cpu < 0)
		r->cpu = number_of(q, "cpu");
	r->held |= json_is_true(json_object_get(q, "held"));
	if (ring > 0 && (r->posted < 0 || posted * 100 / ring < r->posted))
		r->posted = (int)(posted * 100 / ring);
}

/* The queues of a VPort follow each other in the order of the VPorts. */
static void add_queues(struct top_row *r, const json_t *queues, size_t *at)
{
	for (const json_t *q; (q = json_array_get(queues, *at)) && strcmp(text_of(q, "vport"), r->name) == 0 &&
			      strcmp(text_of(q, "adapter"), r->adapter) == 0; ++*at)
		add_queue(r, q);
}

static void make_rows(struct top_model *m)
{
	const json_t *list = json_object_get(m->now.stats, "vports"), *queues = json_object_get(m->now.queues, "queues"), *v;
	size_t i, at = 0;

	free(m->rows);
	m->nrows = json_array_size(list);
	m->rows = calloc(m->nrows + 1, sizeof *m->rows);
	if (!m->rows)
		err(1, "out of memory");
	json_array_foreach(list, i, v)
	{
		struct top_row *r = &m->rows[i];

		*r = (struct top_row){
			.name = text_of(v, "name"), .adapter = text_of(v, "adapter"), .id = number_of(v, "id"),
			.cpu = -1, .posted = -1, .now = v, .before = same_vport(m->before.stats, v, i),
		};
		r->rx_frames = top_rate(m, v, r->before, NULL, "rx_frames");
		r->rx_bytes = top_rate(m, v, r->before, NULL, "rx_bytes");
		r->tx_frames = top_rate(m, v, r->before, NULL, "tx_frames");
		r->tx_bytes = top_rate(m, v, r->before, NULL, "tx_bytes");
		r->drops = all_drops(m, r);
		add_queues(r, queues, &at);
	}
}

int top_look(struct top_model *m, struct vmq_client *client, const char *params, struct vmq_error *error)
{
	struct top_look look = { .time = cmd_now() };
	int rc = ask(client, "stats.show", params, &look.stats, error);

	if (rc == 0)
		rc = ask(client, "queue.show", params, &look.queues, error);
	if (rc) {
		forget(&look);
		return rc;
	}
	forget(&m->before);
	m->before = m->now;
	m->now = look;
	m->seconds = m->before.stats ? m->now.time - m->before.time : 0;
	make_rows(m);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->adapter, y->adapter);
}

#define GREATEST_FIRST(name, member)                                                   \
	static int by_##name(const void *a, const void *b)                             \
	{                                                                              \
		const struct top_row *x = a, *y = b;                                   \
                                                                                       \
		return x->member != y->member ? (x->member < y->member) - (x->member > y->member) : by_name(a, b); \
	}
GREATEST_FIRST(rx, rx_frames)
GREATEST_FIRST(tx, tx_frames)
GREATEST_FIRST(drops, drops)
#undef GREATEST_FIRST

void top_sort(struct top_model *m, enum top_sort by)
{
	static int (*const order[])(const void *, const void *) = { by_rx, by_tx, by_drops, by_name };

	qsort(m->rows, m->nrows, sizeof *m->rows, order[by]);
}

void top_free(struct top_model *m)
{
	forget(&m->now);
	forget(&m->before);
	free(m->rows);
	*m = (struct top_model){ 0 };
}
