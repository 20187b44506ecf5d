/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.add, filter.del, filter.move, filter.show (docs/rpc.md). */
#include <stdlib.h>

#include "vmqd/methods.h"
#include "vmqd/text.h"

static json_t *filter_json(const struct adapter *a, const char *vport, const struct stack_filter_info *f)
{
	const char *target = stack_adapter_model(a->stack) == STACK_MODEL_SWITCH ? "vport_id" : "queue_id";

	return json_pack("{s:i, s:s, s:i, s:s, s:o, s:o, s:b}", "id", (int)f->id, "vport", vport, target,
			 (int)f->vport, "adapter", a->cfg->name, "mac", mac_json(f->mac), "vlan", vlan_json(&f->vlan),
			 "companion", f->companion);
}

int method_filter_add(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct stack_vport *v = select_vport(ctx, p, "vport", e);
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_filter_want want;
	json_t *list;
	unsigned n;

	(void)client;
	wish_filter_read(p, true, &want);
	if (params_close(p) < 0 || stack_filter_add(v, &want, made, &n, e) < 0)
		return -1;
	list = json_array();
	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(list, filter_json(adapter_of(v), stack_vport_name(v), &made[i]));
	*result = json_pack("{s:o}", "filters", list);
	return 0;
}

int method_filter_del(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct adapter *a = select_adapter(ctx, p, e);
	uint32_t id = 0;

	(void)client;
	(void)result;
	(void)params_uint(p, "id", true, 1, NIC_MAX_FILTERS, &id);
	return params_close(p) < 0 ? -1 : stack_filter_del(a->stack, id, e);
}

int method_filter_move(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	struct stack_vport *to = select_vport(ctx, p, "to", e);
	struct stack_filter_info f;
	uint32_t id = 0;

	(void)client;
	(void)params_uint(p, "id", true, 1, NIC_MAX_FILTERS, &id);
	if (params_close(p) < 0 || stack_filter_move(stack_vport_adapter(to), id, to, &f, e) < 0)
		return -1;
	*result = filter_json(adapter_of(to), stack_vport_name(to), &f);
	return 0;
}

struct line {
	const struct stack_filter_info *f;
	size_t at, len; /* of what its VPort's filters have in common */
};

/* Appends what the filters of one VPort have in common: `"vport":…,"vport_id":…,"adapter":…,`. */
static void common_text(const struct adapter *a, uint32_t vport, struct json_text *t)
{
	const char *target = stack_adapter_model(a->stack) == STACK_MODEL_SWITCH ? "vport_id" : "queue_id";

	json_text_open(t, json_pack("{s:s, s:i, s:s}", "vport", vport_name_of(a, vport), target, (int)vport, "adapter",
				    a->cfg->name));
	JSON_TEXT(t, ",");
}

static int by_id(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->f->id < y->f->id ? -1 : x->f->id > y->f->id;
}

static void line_text(const struct line *l, const struct json_text *common, struct json_text *t)
{
	json_text_element(t);
	json_text_add(t, common->s + l->at, l->len);
	mac_vlan_text(t, l->f);
	JSON_TEXT(t, ",\"id\":");
	json_text_number(t, l->f->id);
	if (l->f->companion)
		JSON_TEXT(t, ",\"companion\":true}");
	else
		JSON_TEXT(t, ",\"companion\":false}");
}

/* The snapshot has them VPort by VPort; they are shown by their numbers. */
static int show_filters(struct adapter *a, const struct snapshot *s, struct json_text *t, struct stack_error *e)
{
	struct line *lines = calloc(s->nfilters + 1, sizeof *lines);
	struct json_text common = { 0 };

	if (!lines)
		return stack_fail(e, STACK_FAILED, NULL, "out of memory");
	for (size_t i = 0; i < s->nfilters; i++) {
		lines[i] = (struct line){ &s->filters[i], common.len, 0 };
		if (i && s->filters[i].vport == s->filters[i - 1].vport) {
			lines[i].at = lines[i - 1].at;
			lines[i].len = lines[i - 1].len;
			continue;
		}
		common_text(a, s->filters[i].vport, &common);
		lines[i].len = common.len - lines[i].at;
	}
	qsort(lines, s->nfilters, sizeof *lines, by_id);
	for (size_t i = 0; i < s->nfilters && !common.failed; i++)
		line_text(&lines[i], &common, t);
	t->failed |= common.failed;
	free(common.s);
	free(lines);
	return 0;
}

int method_filter_show(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	(void)client;
	return show_list(ctx, p, "vport", "filters", false, show_filters, result, e);
}
