/* SPDX-License-Identifier: BSD-3-Clause */
#include "exporter/metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/metrics_table.h"

/* X(enum, as OpenMetrics names it, what its samples' names end in) */
#define METRIC_TYPES(X)                     \
	X(GAUGE, "gauge", "")               \
	X(COUNTER, "counter", "_total")     \
	X(INFO, "info", "_info")            \
	X(STATESET, "stateset", "")         \
	X(HISTOGRAM, "histogram", "_bucket")

enum metric_type {
#define X(id, name, suffix) TYPE_##id,
	METRIC_TYPES(X)
#undef X
};

static const struct {
	const char *name, *suffix;
} types[] = {
#define X(id, name, suffix) { name, suffix },
	METRIC_TYPES(X)
#undef X
};

enum metric_level {
#define X(id, method, list, labels) LEVEL_##id,
	METRIC_LEVELS(X)
#undef X
};

static const struct {
	const char *method, *list, *labels;
} levels[] = {
#define X(id, method, list, labels) { method, list, labels },
	METRIC_LEVELS(X)
#undef X
};

struct metric {
	const char *name, *unit, *member, *help;
	enum metric_level level;
	enum metric_type type;
	enum metric_read read;
};

static const struct metric metrics[] = {
#define X(level, name, type, unit, read, member, help) { name, unit, member, help, LEVEL_##level, TYPE_##type, READ_##read },
	METRICS(X)
#undef X
};

#define NMETRICS (sizeof metrics / sizeof metrics[0])
#define KEY_SIZE 64 /* of a label or a member in the tables */

/* ---- members and words of the tables ---- */

/* The next of the words that `separator` parts; false: there is none. */
static bool next_word(const char **text, char separator, char word[KEY_SIZE])
{
	size_t n = strcspn(*text, (char[]){ separator, '\0' });

	if (!**text || n >= KEY_SIZE)
		return false;
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n + ((*text)[n] != '\0');
	return true;
}

/* A member by its path, "port.mtu"; or the first there is of "vport_id|queue". */
static const json_t *member(const json_t *object, const char *path)
{
	char choice[KEY_SIZE], key[KEY_SIZE];

	while (next_word(&path, '|', choice)) {
		const char *steps = choice;
		const json_t *v = object;

		while (v && next_word(&steps, '.', key))
			v = json_object_get(v, key);
		if (v)
			return v;
	}
	return NULL;
}

/* "label=rest" apart; returns the rest. */
static const char *label_of(const char *text, char label[KEY_SIZE])
{
	(void)next_word(&text, '=', label);
	return text;
}

/* ---- text ---- */

static void escaped(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			(void)fputc('\\', out);
		if (*s == '\n')
			(void)fputs("\\n", out);
		else
			(void)fputc(*s, out);
	}
}

/* A label's value; numbers and booleans as text, anything else empty. */
static void label_value(FILE *out, const json_t *v)
{
	if (json_is_string(v))
		escaped(out, json_string_value(v));
	else if (json_is_integer(v))
		(void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		(void)fputs(json_is_true(v) ? "true" : "false", out);
}

struct labels {
	FILE *out;
	bool any;
};

static void label_begin(struct labels *l, const char *name)
{
	(void)fprintf(l->out, "%c%s=\"", l->any ? ',' : '{', name);
	l->any = true;
}

static void label_text(struct labels *l, const char *name, const char *value)
{
	label_begin(l, name);
	escaped(l->out, value);
	(void)fputc('"', l->out);
}

/* The labels of "label=member …". */
static void label_members(struct labels *l, const char *text, const json_t *item)
{
	char pair[2 * KEY_SIZE], name[KEY_SIZE];

	while (*text) {
		size_t n = strcspn(text, " ");
		const char *path;

		(void)snprintf(pair, sizeof pair, "%.*s", (int)n, text);
		path = label_of(pair, name);
		label_begin(l, name);
		label_value(l->out, member(item, path));
		(void)fputc('"', l->out);
		text += n + (text[n] == ' ');
	}
}

/* A sample up to its value: name, the level's labels, and one more label unless it is NULL. */
static struct labels sample(FILE *out, const struct metric *m, const json_t *item)
{
	struct labels l = { out, false };

	(void)fprintf(out, "%s%s", m->name, types[m->type].suffix);
	label_members(&l, levels[m->level].labels, item);
	return l;
}

static void value_begin(const struct labels *l)
{
	(void)fputs(l->any ? "} " : " ", l->out);
}

static void value_integer(const struct labels *l, json_int_t n)
{
	value_begin(l);
	(void)fprintf(l->out, "%" JSON_INTEGER_FORMAT "\n", n);
}

static void labelled(FILE *out, const struct metric *m, const json_t *item, const char *label, const char *value, json_int_t n)
{
	struct labels l = sample(out, m, item);

	label_text(&l, label, value);
	value_integer(&l, n);
}

/* ---- samples, one function a way of reading ---- */

/* No counter and no size is negative: such a number is none. */
static bool is_count(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

/* A whole number of thousandths, millionths … of a second, exactly. */
static void parts_of_second(FILE *out, const struct metric *m, const json_t *item, json_int_t parts, int digits)
{
	const json_t *v = member(item, m->member);
	struct labels l;

	if (!is_count(v))
		return;
	l = sample(out, m, item);
	value_begin(&l);
	(void)fprintf(out, "%" JSON_INTEGER_FORMAT ".%0*" JSON_INTEGER_FORMAT "\n", json_integer_value(v) / parts, digits,
		      json_integer_value(v) % parts);
}

static void number(FILE *out, const struct metric *m, const json_t *item)
{
	const json_t *v = member(item, m->member);
	struct labels l;

	if (m->read == READ_PERCENT ? !json_is_number(v) : !is_count(v))
		return;
	l = sample(out, m, item);
	if (m->read != READ_PERCENT) {
		value_integer(&l, json_integer_value(v));
		return;
	}
	value_begin(&l);
	(void)fprintf(out, "%.6g\n", json_number_value(v) / 100.0);
}

static void boolean(FILE *out, const struct metric *m, const json_t *item)
{
	const json_t *v = member(item, m->member);
	struct labels l;

	if (!json_is_boolean(v))
		return;
	l = sample(out, m, item);
	value_integer(&l, json_is_true(v));
}

/* Is this the member's word? "broken: why" is "broken". */
static bool is_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	return strncmp(text, word, n) == 0 && (text[n] == '\0' || text[n] == ':');
}

static void words(FILE *out, const struct metric *m, const json_t *item)
{
	char key[KEY_SIZE], word[KEY_SIZE];
	const char *choices = label_of(m->member, key);
	const char *text = json_string_value(member(item, key));
	bool any = false;

	if (!text)
		return;
	while (next_word(&choices, '|', word)) {
		any |= is_word(text, word);
		if (m->read == READ_STATES)
			labelled(out, m, item, m->name, word, is_word(text, word));
	}
	if (m->read == READ_IS) {
		struct labels l = sample(out, m, item);

		value_integer(&l, any);
	}
}

static void info(FILE *out, const struct metric *m, const json_t *item)
{
	struct labels l = sample(out, m, item);

	label_members(&l, m->member, item);
	value_integer(&l, 1);
}

static void by_key(FILE *out, const struct metric *m, const json_t *item)
{
	char label[KEY_SIZE];
	const json_t *object = member(item, label_of(m->member, label)), *v;
	const char *key;

	json_object_foreach ((json_t *)object, key, v)
		if (is_count(v))
			labelled(out, m, item, label, key, json_integer_value(v));
}

/* Is there an equal word before the i-th? A sample must not be there twice. */
static bool earlier(const json_t *list, size_t i, const char *key, const char *word)
{
	for (size_t k = 0; k < i; k++) {
		const json_t *v = json_array_get(list, k);
		const char *s = json_string_value(key ? json_object_get(v, key) : v);

		if (s && strcmp(s, word) == 0)
			return true;
	}
	return false;
}

static void each(FILE *out, const struct metric *m, const json_t *item)
{
	char label[KEY_SIZE];
	const json_t *list = member(item, label_of(m->member, label)), *v;
	size_t i;

	json_array_foreach (list, i, v)
		if (json_is_string(v) && !earlier(list, i, NULL, json_string_value(v)))
			labelled(out, m, item, label, json_string_value(v), 1);
}

static void tally(FILE *out, const struct metric *m, const json_t *item)
{
	char label[KEY_SIZE], name[KEY_SIZE];
	const char *key = label_of(m->member, label);
	const json_t *list, *v;
	size_t i;

	(void)next_word(&key, '.', name);
	list = member(item, name);
	json_array_foreach (list, i, v) {
		const char *word = json_string_value(json_object_get(v, key));
		json_int_t n = 0;

		if (!word || earlier(list, i, key, word))
			continue;
		for (size_t k = i; k < json_array_size(list); k++) {
			const char *s = json_string_value(json_object_get(json_array_get(list, k), key));

			n += s && strcmp(s, word) == 0;
		}
		labelled(out, m, item, label, word, n);
	}
}

/* Numbers whose bounds rise, the last without one ("more")? */
static bool are_delays(json_t *object)
{
	unsigned long bound = 0;
	const json_t *v;
	const char *key;
	bool more = false;

	json_object_foreach (object, key, v) {
		unsigned long n = strtoul(key, NULL, 10);

		if (more || !is_count(v))
			return false;
		more = strcmp(key, "more") == 0;
		if (!more && n <= bound)
			return false;
		bound = n;
	}
	return more;
}

/* Sum and count are not told: only the buckets are known. */
static void delays(FILE *out, const struct metric *m, const json_t *item)
{
	json_t *object = (json_t *)member(item, m->member);
	const json_t *v;
	json_int_t n = 0;
	const char *key;
	char le[24];

	if (!are_delays(object))
		return;
	json_object_foreach (object, key, v) {
		n += json_integer_value(v);
		if (strcmp(key, "more") == 0)
			(void)snprintf(le, sizeof le, "+Inf");
		else
			(void)snprintf(le, sizeof le, "%g", (double)strtoul(key, NULL, 10) / 1e6);
		labelled(out, m, item, "le", le, n);
	}
}

static void batches(FILE *out, const struct metric *m, const json_t *item)
{
	const json_t *list = member(item, m->member), *v;
	size_t i, last = json_array_size(list) - 1;
	json_int_t n = 0;
	char le[24];

	if (last >= 16)
		return;
	json_array_foreach (list, i, v) {
		n += json_integer_value(v);
		if (i == last)
			(void)snprintf(le, sizeof le, "+Inf");
		else
			(void)snprintf(le, sizeof le, "%u", (2u << i) - 1);
		labelled(out, m, item, "le", le, n);
	}
}

static void item_samples(FILE *out, const struct metric *m, const json_t *item)
{
	switch (m->read) {
	case READ_NUMBER:
	case READ_PERCENT:
		number(out, m, item);
		break;
	case READ_NS:
		parts_of_second(out, m, item, 1000000000, 9);
		break;
	case READ_US:
		parts_of_second(out, m, item, 1000000, 6);
		break;
	case READ_BOOL:
		boolean(out, m, item);
		break;
	case READ_IS:
	case READ_STATES:
		words(out, m, item);
		break;
	case READ_INFO:
		info(out, m, item);
		break;
	case READ_BY:
		by_key(out, m, item);
		break;
	case READ_EACH:
		each(out, m, item);
		break;
	case READ_TALLY:
		tally(out, m, item);
		break;
	case READ_DELAYS:
		delays(out, m, item);
		break;
	case READ_BATCHES:
		batches(out, m, item);
		break;
	}
}

static void family(FILE *out, const struct metric *m)
{
	(void)fprintf(out, "# TYPE %s %s\n", m->name, types[m->type].name);
	if (*m->unit)
		(void)fprintf(out, "# UNIT %s %s\n", m->name, m->unit);
	(void)fprintf(out, "# HELP %s ", m->name);
	escaped(out, m->help);
	(void)fputc('\n', out);
}

void metrics_write(FILE *out, const json_t *look)
{
	for (size_t i = 0; i < NMETRICS; i++) {
		const struct metric *m = &metrics[i];
		const json_t *answer = json_object_get(look, levels[m->level].method), *item;
		size_t k;

		family(out, m);
		if (!*levels[m->level].list) {
			if (json_is_object(answer))
				item_samples(out, m, answer);
			continue;
		}
		json_array_foreach (json_object_get(answer, levels[m->level].list), k, item)
			if (json_is_object(item))
				item_samples(out, m, item);
	}
	(void)fputs("# EOF\n", out);
}

/* ---- the table ---- */

/* The labels of "label=member …" as `a`, `b`. */
static void list_labels(FILE *out, const char *text, bool *any)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		(void)fprintf(out, "%s`%.*s`", *any ? ", " : "", (int)strcspn(text, "="), text);
		*any = true;
		text += n + (text[n] == ' ');
	}
}

void metrics_list(FILE *out)
{
	(void)fputs("| metric | type | unit | labels | what it is |\n|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < NMETRICS; i++) {
		const struct metric *m = &metrics[i];
		bool any = false;

		(void)fprintf(out, "| `%s%s` | %s | %s | ", m->name, types[m->type].suffix, types[m->type].name, m->unit);
		list_labels(out, levels[m->level].labels, &any);
		if (m->read == READ_INFO || m->read == READ_BY || m->read == READ_EACH || m->read == READ_TALLY)
			list_labels(out, m->member, &any);
		if (m->type == TYPE_HISTOGRAM)
			list_labels(out, "le=", &any);
		if (m->type == TYPE_STATESET)
			list_labels(out, m->name, &any);
		(void)fprintf(out, " | %s |\n", m->help);
	}
}
