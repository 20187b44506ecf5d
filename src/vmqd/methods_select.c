/* SPDX-License-Identifier: BSD-3-Clause */
/* Which adapters and VPorts a request is about, and their state read once (methods.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"
#include "vmqd/methods.h"

/* Takes `adapter` by name; NULL: not given, or a fault. */
static struct stack_adapter *named_adapter(struct daemon *d, struct params *p, struct stack_error *e)
{
	const char *name;

	return params_str(p, "adapter", false, &name) ? stack_adapter_find(d->stack, name, e) : NULL;
}

struct adapter *select_adapter(struct daemon *d, struct params *p, struct stack_error *e)
{
	struct stack_adapter *a = named_adapter(d, p, e);

	if (!a && params_ok(p))
		a = stack_adapter_find(d->stack, NULL, e);
	return a && params_ok(p) ? stack_adapter_user(a) : NULL;
}

struct stack_vport *select_vport(struct daemon *d, struct params *p, const char *key, struct stack_error *e)
{
	const struct stack_adapter *a = named_adapter(d, p, e);
	struct stack_vport *v;
	const char *name;

	if (!params_str(p, key, true, &name) || !params_ok(p))
		return NULL;
	v = stack_vport_find(d->stack, a, name, e);
	if (!v && strcmp(e->field, "name") == 0)
		(void)snprintf(e->field, sizeof e->field, "%s", key);
	return v;
}

int select_shown(struct daemon *d, struct params *p, const char *key, struct selection *out, struct stack_error *e)
{
	struct stack_adapter *a;

	*out = (struct selection){ 0 };
	if (key && params_has(p, key)) {
		struct stack_vport *v = select_vport(d, p, key, e);

		if (v)
			*out = (struct selection){ adapter_of(v), true, stack_vport_id(v) };
		return params_close(p);
	}
	if (key)
		(void)params_any(p, key, false); /* so that a sentence about what is known names it */
	a = named_adapter(d, p, e);
	out->adapter = a ? stack_adapter_user(a) : NULL;
	return params_close(p);
}

bool selection_has(const struct selection *s, const struct adapter *a)
{
	return !s->adapter || s->adapter == a;
}

static int by_vport(const void *a, const void *b)
{
	const struct stack_filter_info *x = a, *y = b;

	if (x->vport != y->vport)
		return x->vport < y->vport ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

int snapshot_take(struct adapter *a, const struct selection *s, struct snapshot *out, struct stack_error *e)
{
	struct stack_vport *v = s->one ? stack_vport_by_id(a->stack, s->id) : NULL;

	*out = (struct snapshot){ .macs_max = UINT32_MAX };
	if (v) {
		out->vports = calloc(1, sizeof *out->vports);
		out->nvports = 1;
		if (!out->vports)
			return stack_fail(e, STACK_FAILED, NULL, "out of memory");
		if (stack_vport_info(v, out->vports, e) < 0)
			goto fail;
	} else if (stack_vport_list(a->stack, &out->vports, &out->nvports, e) < 0) {
		return -1;
	}
	if (stack_filter_list(a->stack, v, &out->filters, &out->nfilters, e) < 0)
		goto fail;
	qsort(out->filters, out->nfilters, sizeof *out->filters, by_vport);
	return 0;
fail:
	snapshot_free(out);
	return -1;
}

void snapshot_free(struct snapshot *s)
{
	free(s->vports);
	free(s->filters);
	*s = (struct snapshot){ 0 };
}

const struct stack_filter_info *snapshot_filters(const struct snapshot *s, uint32_t id, size_t *n)
{
	size_t lo = 0, hi = s->nfilters, first;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->filters[mid].vport < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	first = lo;
	while (lo < s->nfilters && s->filters[lo].vport == id)
		lo++;
	*n = lo - first;
	return s->filters + first;
}

void json_text_element(struct json_text *t)
{
	if (t->len && t->s[t->len - 1] != '[')
		JSON_TEXT(t, ",");
}

int show_list(struct daemon *d, struct params *p, const char *key, const char *list, bool macs, show_fn *show,
	      json_t **result, struct stack_error *e)
{
	uint32_t macs_max = UINT32_MAX;
	struct json_text t = { 0 };
	struct selection sel;

	if (macs)
		(void)params_uint(p, "macs_max", false, 0, SCHEMA_MAX_FILTERS, &macs_max);
	if (select_shown(d, p, key, &sel, e) < 0)
		return -1;
	JSON_TEXT(&t, "{\"");
	json_text_add(&t, list, strlen(list));
	JSON_TEXT(&t, "\":[");
	for (size_t i = 0; i < d->nadapters; i++) {
		struct adapter *a = &d->adapters[i];
		struct snapshot s;
		int rc;

		if (!selection_has(&sel, a))
			continue;
		if (snapshot_take(a, &sel, &s, e) < 0) {
			free(t.s);
			return -1;
		}
		s.macs_max = macs_max;
		rc = show(a, &s, &t, e);
		snapshot_free(&s);
		if (rc < 0) {
			free(t.s);
			return -1;
		}
	}
	JSON_TEXT(&t, "]}");
	*result = json_text_result(&t);
	return *result ? 0 : stack_fail(e, STACK_FAILED, NULL, "out of memory");
}

const char *vport_name_of(const struct adapter *a, uint32_t id)
{
	const struct stack_vport *v = stack_vport_by_id(a->stack, id);

	return v ? stack_vport_name(v) : "";
}
