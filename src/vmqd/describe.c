/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration as a document (describe.h). */
#include "vmqd/describe.h"

#include <stdio.h>
#include <string.h>

#include "schema/schema.h"
#include "vmqd/document.h"
#include "vmqd/member.h"
#include "vmqd/text.h"

static void add_text(json_t *out, const char *key, const char *s)
{
	if (s && s[0])
		(void)json_object_set_new(out, key, json_string(s));
}

static json_t *mode_json(unsigned mode)
{
	return json_sprintf("%04o", mode);
}

/* ---- parts ---- */

/* The members of `from` that the object has, in its order. */
static json_t *pick(const struct schema_object *o, const json_t *from)
{
	json_t *out = json_object();

	for (size_t i = 0; i < o->n; i++) {
		json_t *v = json_object_get(from, o->members[i].key);

		if (v)
			(void)json_object_set(out, o->members[i].key, v);
	}
	return out;
}

/* A wish as the members of `o`. A group's filter brings none for broadcast, whatever is said. */
static json_t *wish_members(const struct schema_object *o, const struct wish_vport *w)
{
	json_t *doc = document_of(w, true), *out, *filters;

	if (!w->want.cpu_given || w->want.cpu_by_plan)
		(void)json_object_del(doc, "cpu");
	filters = json_object_get(doc, "filters");
	for (size_t i = 0; i < w->want.nfilters; i++) {
		json_t *f = json_array_get(filters, i);

		(void)json_object_del(f, "id");
		(void)json_object_del(f, "broadcast_id");
		if (w->filters[i].mac[0] & 1)
			(void)json_object_set_new(f, "broadcast", json_true());
	}
	out = pick(o, doc);
	json_decref(doc);
	return out;
}

json_t *describe_vport(const struct wish_vport *w)
{
	return wish_members(&schema_VPORT, w);
}

json_t *describe_host(const struct config_port *port, const struct wish_vport *w)
{
	json_t *out = json_object(), *members = wish_members(&schema_HOST, w);

	add_text(out, "device", port->device);
	add_text(out, "netns", port->netns);
	(void)json_object_update(out, members);
	json_decref(members);
	return out;
}

json_t *describe_worker(unsigned cpu, unsigned policy, unsigned light_sleep)
{
	return json_pack("{s:i, s:s, s:s}", "cpu", (int)cpu, "policy", policy_names[policy], "light_sleep",
			 light_sleep_names[light_sleep]);
}

static json_t *describe_port(const struct config_port *w)
{
	const char *driver = config_drivers[w->driver];
	json_t *out = json_pack("{s:s, s:i}", "driver", driver, "cpu", (int)w->cpu);

	add_text(out, "device", w->device);
	add_text(out, "netns", w->netns);
	add_text(out, "in", w->in);
	add_text(out, "out", w->out);
	if (strcmp(driver, "pcap") == 0) {
		(void)json_object_set_new(out, "rate", json_integer(w->rate));
		(void)json_object_set_new(out, "loop", json_boolean(w->loop));
	} else {
		(void)json_object_set_new(out, "napi", member_word_json(SCHEMA(PORT, napi), w->napi));
	}
	return out;
}

static json_t *describe_keywords(const struct miniport_keywords *kw)
{
	json_t *out = json_object();

#define X(member, keyword, dflt, lowest, highest)                                                                      \
	if (kw->member <= (highest))                                                                                   \
		(void)json_object_set_new(out, keyword, json_integer(kw->member));
	MINIPORT_KEYWORDS(X)
#undef X
	return out;
}

static json_t *describe_limits(const struct softnic_limits *l)
{
	json_t *out = json_object();

#define NUMBER(member, lowest, highest) (void)json_object_set_new(out, #member, json_integer(l->member));
	SOFTNIC_LIMITS(NUMBER)
#undef NUMBER
#define FLAG(member) (void)json_object_set_new(out, #member, json_boolean(l->member));
	SOFTNIC_FLAGS(FLAG)
#undef FLAG
	return out;
}

static json_t *describe_adapter(const struct config_adapter *a)
{
	json_t *vports = json_array();

	for (size_t i = 0; i < a->nvports; i++)
		(void)json_array_append_new(vports, describe_vport(&a->vports[i]));
	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:o, s:o, s:o}", "name", a->name, "switch_name", a->switch_name, "keywords",
			 describe_keywords(&a->mode.keywords), "limits", describe_limits(&a->mode.limits),
			 "create_switch", a->mode.create_switch, "port", describe_port(&a->port), "host",
			 describe_host(&a->host, &a->host_wish), "vports", vports);
}

json_t *describe_config(const struct config *c)
{
	json_t *cpus = json_array(), *adapters = json_array(), *out;

	for (unsigned i = 0; i < c->ncpus; i++)
		(void)json_array_append_new(cpus, describe_worker(c->cpus[i], c->policies[i], c->light_sleeps[i]));
	for (size_t i = 0; i < c->nadapters; i++)
		(void)json_array_append_new(adapters, describe_adapter(&c->adapters[i]));
	out = json_pack("{s:{s:s, s:o, s:s}, s:{s:o, s:s}, s:o, s:b, s:s, s:s, s:b}", "control", "socket", c->socket, "mode",
			mode_json(c->socket_mode), "group", c->socket_group_name, "vport_sockets", "mode",
			mode_json(c->vport_socket_mode), "group", c->vport_socket_group_name, "cpus", cpus, "cpu_auto",
			c->cpu_auto, "run_dir", c->run_dir, "state", c->state[0] ? c->state : "none", "sandbox", c->sandbox);
	add_text(out, "user", c->user);
	(void)json_object_set_new(out, "adapters", adapters);
	return out;
}

/* ---- shortened ---- */

static void drop_text(json_t *obj, const char *key, const char *dflt)
{
	const char *s = json_string_value(json_object_get(obj, key));

	if (s && strcmp(s, dflt) == 0)
		(void)json_object_del(obj, key);
}

/* Limits that follow from vports. */
static void shorten_limits(json_t *limits)
{
	struct softnic_limits dflt;

	softnic_limits_default(&dflt, (uint32_t)json_integer_value(json_object_get(limits, "vports")));
#define X(member, lowest, highest)                                                                                     \
	if (strcmp(#member, "vports") != 0 && json_integer_value(json_object_get(limits, #member)) == dflt.member)     \
		(void)json_object_del(limits, #member);
	SOFTNIC_LIMITS(X)
#undef X
}

static json_t *in_order(const struct schema_object *o, json_t *obj)
{
	json_t *out = pick(o, obj);

	json_decref(obj);
	return out;
}

/* A new object in place of `v`, which is taken. */
static json_t *shorten_vport(const struct config *c, json_t *v)
{
	json_t *filters = json_object_get(v, "filters"), *first = json_array_get(filters, 0);
	char socket[STACK_PATH_SIZE + STACK_NAME_SIZE + 8];

	(void)snprintf(socket, sizeof socket, "%s/%s.sock", c->run_dir, json_string_value(json_object_get(v, "name")));
	drop_text(v, "socket", socket);
	if (first) {
		(void)json_object_update(v, first);
		(void)json_array_remove(filters, 0);
	}
	return in_order(&schema_VPORT, v);
}

static void shorten_adapter(const struct config *c, size_t index, json_t *a)
{
	json_t *vports = json_object_get(a, "vports"), *v;
	json_t *port = json_object_get(a, "port");
	char device[32];
	size_t i;

	(void)snprintf(device, sizeof device, "vmq%zu", index);
	drop_text(json_object_get(a, "host"), "device", device);
	if (json_integer_value(json_object_get(port, "cpu")) == c->cpus[0])
		(void)json_object_del(port, "cpu");
	shorten_limits(json_object_get(a, "limits"));
	json_array_foreach(vports, i, v)
		(void)json_array_set_new(vports, i, shorten_vport(c, json_incref(v)));
}

void describe_shorten(const struct config *c, json_t *root)
{
	const char *state = strcmp(c->file, CONFIG_DEFAULT_FILE) == 0 ? CONFIG_DEFAULT_STATE : "none";
	json_t *a;
	size_t i;

	drop_text(root, "state", state);
	json_array_foreach(json_object_get(root, "adapters"), i, a)
		shorten_adapter(c, i, a);
	schema_trim(root);
}
