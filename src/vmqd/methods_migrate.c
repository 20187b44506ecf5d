/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * migrate.export, migrate.import, migrate.check (docs/rpc.md): a VPort as a document that travels with its VM. The
 * document holds what somebody asked for and what the VM relies on, nothing that belongs to this host: no identifiers,
 * no socket, no counters. Where it arrives it is input from outside like any other.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vmqd/document.h"
#include "vmqd/endpoint.h"
#include "vmqd/methods.h"
#include "vmqd/text.h"
#include "vmqd/tuning.h"

#define FORMAT 1 /* of the document */

/* ---- export ---- */

int method_migrate_export(void *ctx, struct rpc_client *client, struct params *p, json_t **result,
			  struct stack_error *e)
{
	struct stack_vport *v = select_vport(ctx, p, "name", e);

	(void)client;
	if (v && stack_vport_id(v) == 0)
		(void)params_fault(p, "name", "%s is the host's own VPort; it stays with its host", stack_vport_name(v));
	if (params_close(p) < 0)
		return -1;
	*result = document_new(v, false, e);
	if (!*result)
		return -1;
	(void)json_object_set_new(*result, "format", json_integer(FORMAT));
	(void)json_object_set_new(*result, "features", endpoint_features(v));
	return 0;
}

/* ---- a document, read ---- */

struct arrival {
	struct adapter *adapter;
	json_t *doc; /* with what the request says otherwise; holds what `features` points to */
	const json_t *features;
	struct wish_vport wish;
};

static void arrival_free(struct arrival *a)
{
	wish_free(&a->wish);
	json_decref(a->doc);
}

static const json_t *list_of(struct params *p, const char *key, const char *what)
{
	const json_t *list = params_any(p, key, true);

	if (list && !json_is_array(list))
		(void)params_fault(p, key, "is not a list of %s", what);
	return list;
}

static int read_document(const struct daemon *d, struct arrival *a, struct stack_error *e)
{
	const json_t *filters;
	uint32_t format;
	struct params p;

	params_open(&p, a->doc, "vport", e);
	(void)params_uint(&p, "format", true, FORMAT, FORMAT, &format);
	filters = list_of(&p, "filters", "filters");
	a->features = list_of(&p, "features", "feature names");
	for (size_t i = 0; i < json_array_size(a->features); i++) {
		if (!json_is_string(json_array_get(a->features, i)))
			(void)params_fault(&p, "features", "has a member that is not a name: the %zu. one", i + 1);
	}
	if (wish_vport_read(&p, d->cfg->run_dir, json_array_size(filters), &a->wish) < 0)
		return -1;
	if (stack_name_taken(a->wish.want.name))
		(void)params_fault(&p, "name", "%s", stack_name_taken(a->wish.want.name));
	document_read_filters(filters, "vport", false, &a->wish, e);
	return params_close(&p);
}

/* Takes `vport`, what may be said otherwise beside it, and `adapter`. On success arrival_free() it. */
static int read_arrival(struct daemon *d, struct params *p, struct arrival *a, struct stack_error *e)
{
	static const char *const otherwise[] = { "name", "cpu", "socket", "socket_mode" };
	const json_t *doc = params_any(p, "vport", true);

	*a = (struct arrival){ 0 };
	if (doc && !json_is_object(doc))
		(void)params_fault(p, "vport", "is not a document of migrate.export");
	a->doc = json_is_object(doc) ? json_copy((json_t *)doc) : json_object();
	for (size_t i = 0; i < sizeof otherwise / sizeof *otherwise; i++) {
		const json_t *value = params_any(p, otherwise[i], false);

		if (value)
			(void)json_object_set(a->doc, otherwise[i], (json_t *)value);
	}
	a->adapter = select_adapter(d, p, e);
	if (params_close(p) == 0 && read_document(d, a, e) == 0)
		return 0;
	arrival_free(a);
	return -1;
}

/* ---- what this side lacks ---- */

static void lack(json_t *list, const char *what, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void lack(json_t *list, const char *what, const char *fmt, ...)
{
	char text[VMQ_ERR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)json_array_append_new(list, json_pack("{s:s, s:s}", "what", what, "text", text));
}

static void lack_cpu(const struct arrival *a, json_t *list)
{
	const struct daemon *d = a->adapter->daemon;
	char cpus[160] = "";
	size_t len = 0;

	if (!a->wish.want.cpu_given || nic_engine_has_cpu(d->engine, a->wish.want.cpu))
		return;
	for (unsigned i = 0; i < d->cfg->ncpus && len < sizeof cpus; i++)
		len += (size_t)snprintf(cpus + len, sizeof cpus - len, "%s%u", i ? ", " : "", d->cfg->cpus[i]);
	lack(list, "cpu", "CPU %u has no worker here; workers run on %s", a->wish.want.cpu, cpus);
}

static void lack_features(const struct arrival *a, json_t *list)
{
	uint64_t offered = endpoint_offered(a->wish.want.queue_pairs);

	for (size_t i = 0; i < json_array_size(a->features); i++) {
		const char *name = json_string_value(json_array_get(a->features, i));
		unsigned bit = 0;

		while (bit < 64 && !(offered >> bit & 1 && strcmp(vhost_feature_name(bit), name) == 0))
			bit++;
		if (bit == 64)
			lack(list, "feature", "the VM uses the feature %.64s, which is not offered here", name);
	}
}

/* A unicast address and its VLAN test in one number; VLAN tests apart from ids stand at 0 and 4095, which are none. */
static uint64_t filter_key(const uint8_t mac[6], const struct stack_vlan *vlan)
{
	uint64_t key = 0;

	for (unsigned i = 0; i < 6; i++)
		key = key << 8 | mac[i];
	return key << 12 | (vlan->kind == STACK_VLAN_ID ? vlan->id : vlan->kind == STACK_VLAN_ANY ? 4095u : 0u);
}

static int by_key(const void *a, const void *b)
{
	const struct stack_filter_info *x = a, *y = b;
	uint64_t kx = filter_key(x->mac, &x->vlan), ky = filter_key(y->mac, &y->vlan);

	return kx < ky ? -1 : kx > ky;
}

/* `there`: the adapter's filters, which are put in order. */
static void lack_filters(const struct arrival *a, struct stack_filter_info *there, size_t n, json_t *list)
{
	qsort(there, n, sizeof *there, by_key);
	for (size_t i = 0; i < a->wish.want.nfilters; i++) {
		const struct stack_filter_want *f = &a->wish.filters[i];
		struct stack_filter_info like = { .vlan = f->vlan };
		const struct stack_filter_info *taken;
		char mac[MAC_TEXT_SIZE];
		json_t *vlan;
		char *text;

		memcpy(like.mac, f->mac, sizeof like.mac);
		taken = f->mac[0] & 1 ? NULL : bsearch(&like, there, n, sizeof *there, by_key);
		if (!taken)
			continue;
		mac_format(f->mac, mac);
		vlan = vlan_json(&f->vlan);
		text = json_dumps(vlan, JSON_ENCODE_ANY);
		lack(list, "filter", "%s with vlan %s is taken: filter %u of VPort %s", mac, text ? text : "", taken->id,
		     vport_name_of(a->adapter, taken->vport));
		free(text);
		json_decref(vlan);
	}
}

/* How many filters there will be more: those asked for, and a broadcast filter for each VLAN test that wants one. */
static size_t filters_needed(const struct stack_vport_want *w)
{
	bool brought[4096] = { false };
	size_t n = w->nfilters;

	for (size_t i = 0; i < w->nfilters; i++) {
		bool *b = &brought[filter_key((const uint8_t[6]){ 0 }, &w->filters[i].vlan)];

		if (w->filters[i].broadcast && !(w->filters[i].mac[0] & 1) && !*b) {
			*b = true;
			n++;
		}
	}
	return n;
}

static void lack_room(json_t *list, const char *what, size_t used, size_t more, size_t max)
{
	if (used + more > max)
		lack(list, what, "%zu of %zu %s are in use here; %zu more are needed", used, max, what, more);
}

/* What a VM queue is not, or that there are none. */
static void lack_queue(const struct arrival *a, const struct stack_switch_info *s, json_t *list)
{
	const struct stack_vport_want *w = &a->wish.want;
	struct ndis_adapter_info n;

	ndis_adapter_info(a->adapter->ndis, &n);
	if (s->model == STACK_MODEL_NONE) {
		lack(list, "mode", "adapter %s has neither VPorts nor VM queues: %s", a->adapter->cfg->name, n.mode_reason);
		return;
	}
	lack_room(list, "VM queues", s->num_queues, 1, s->max_queues);
	if (w->queue_pairs != 1)
		lack(list, "queue pairs", "%u queue pairs; a VM queue, which adapter %s gives, has one", w->queue_pairs,
		     a->adapter->cfg->name);
	if (w->moderation != moderation_values[0] && w->moderation != NdisNicSwitchVPortInterruptModerationUndefined)
		lack(list, "moderation", "moderation is %s; a VM queue, which adapter %s gives, has %s",
		     moderation_name(w->moderation), a->adapter->cfg->name, moderation_name(moderation_values[0]));
}

static void lack_names(struct daemon *d, const struct arrival *a, json_t *list)
{
	const struct stack_vport_want *w = &a->wish.want;
	struct stack_error none = { 0 };

	if (stack_vport_find(d->stack, NULL, w->name, &none))
		lack(list, "name", "there is a VPort %s already", w->name);
	for (size_t i = 0; i < d->nadapters; i++) {
		for (uint32_t id = 1; id < NIC_MAX_VPORTS; id++) {
			const struct stack_vport *v = stack_vport_by_id(d->adapters[i].stack, id);

			if (v && strcmp(stack_vport_socket(v), w->socket) == 0)
				lack(list, "socket", "%s is VPort %s's socket", w->socket, stack_vport_name(v));
		}
	}
}

/* A list of {"what", "text"}; NULL with the error filled. */
static json_t *lacks(struct daemon *d, const struct arrival *a, struct stack_error *e)
{
	struct stack_filter_info *there;
	struct stack_switch_info s;
	json_t *list;
	size_t n;

	if (stack_switch_info(a->adapter->stack, &s, e) < 0 ||
	    stack_filter_list(a->adapter->stack, NULL, &there, &n, e) < 0)
		return NULL;
	list = json_array();
	lack_names(d, a, list);
	lack_cpu(a, list);
	lack_features(a, list);
	lack_filters(a, there, n, list);
	if (s.model == STACK_MODEL_SWITCH) {
		lack_room(list, "VPorts", s.num_vports, 1, s.max_vports);
		lack_room(list, "queue pairs", s.queue_pairs, a->wish.want.queue_pairs, s.max_queue_pairs);
	} else {
		lack_queue(a, &s, list);
	}
	lack_room(list, "filters", s.num_filters, filters_needed(&a->wish.want), s.max_filters);
	if (a->wish.want.on_vf)
		lack_room(list, "VFs", s.num_vfs, 1, s.max_vfs);
	free(there);
	return list;
}

int method_migrate_check(void *ctx, struct rpc_client *client, struct params *p, json_t **result,
			 struct stack_error *e)
{
	struct arrival a;
	json_t *list;

	(void)client;
	if (read_arrival(ctx, p, &a, e) < 0)
		return -1;
	list = lacks(ctx, &a, e);
	arrival_free(&a);
	if (!list)
		return -1;
	*result = json_pack("{s:b, s:o}", "fits", json_array_size(list) == 0, "lacks", list);
	return 0;
}

static int refuse(const json_t *list, struct stack_error *e)
{
	const char *first = json_string_value(json_object_get(json_array_get(list, 0), "text"));
	size_t n = json_array_size(list);

	if (n == 1)
		return stack_fail(e, STACK_REFUSED, "vport", "%s", first);
	return stack_fail(e, STACK_REFUSED, "vport", "%s (and %zu more; vmqctl migrate check says all)", first, n - 1);
}

int method_migrate_import(void *ctx, struct rpc_client *client, struct params *p, json_t **result,
			  struct stack_error *e)
{
	struct stack_vport *v;
	struct arrival a;
	json_t *list;
	int rc = -1;

	(void)client;
	if (read_arrival(ctx, p, &a, e) < 0)
		return -1;
	a.wish.want.awaits_vm = true; /* until then others reach the VM where it is */
	list = lacks(ctx, &a, e);
	if (list && json_array_size(list) > 0)
		rc = refuse(list, e);
	else if (list)
		rc = stack_vport_add(a.adapter->stack, &a.wish.want, &v, e);
	json_decref(list);
	arrival_free(&a);
	return rc < 0 ? -1 : vport_answer(v, result, e);
}
