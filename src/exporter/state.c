/* SPDX-License-Identifier: BSD-3-Clause */
#include "exporter/state.h"

#include <string.h>

/* X(member of the text, method, list, members that are taken) */
#define STATE_PARTS(X)                                                                                                \
	X("switches", "switch.show", "switches",                                                                      \
	  "adapter mode holds name port host_device host num_vports max_vports num_queues max_queues num_filters max_filters") \
	X("vports", "vport.show", "vports",                                                                           \
	  "adapter id name object function state status waits_for cpu cpu_auto queue_pairs moderation features filters macs " \
	  "host_device trunk bypass source_check vlan_check all_multicast max_tx_bytes_per_s max_tx_frames_per_s "          \
	  "max_rx_bytes_per_s max_rx_frames_per_s max_group_frames_per_s")                                            \
	X("reasons", "daemon.show", "drops", "drop reason")                                                           \
	X("queues", "queue.show", "queues", "adapter vport queue cpu state rx_ring rx_free held")                     \
	X("traffic", "stats.show", "vports",                                                                          \
	  "adapter id name rx_frames rx_bytes tx_frames tx_bytes rx_notifications notify_delay drops")                \
	X("wires", "stats.show", "wires", "adapter rx_frames rx_bytes tx_frames tx_bytes drops port")                 \
	X("workers", "stats.show", "workers", "cpu policy state frames busy_ns poll_ns sleep_ns rings rings_armed rings_held") \
	X("cpus", "cpu.plan.show", "workers", "cpu node core isolated nohz_full busy_pct")                            \
	X("places", "cpu.plan.show", "places", "kind name adapter cpu cpus cpu_auto load_pct")                        \
	X("findings", "cpu.plan.show", "findings", "check verdict text adapter vport cpu")

static const struct {
	const char *part, *method, *list, *members;
} parts[] = {
#define X(part, method, list, members) { part, method, list, members },
	STATE_PARTS(X)
#undef X
};

/* Most reasons never occur. */
static json_t *without_zeros(json_t *drops)
{
	json_t *out = json_object(), *v;
	const char *key;

	json_object_foreach (drops, key, v)
		if (json_integer_value(v) != 0)
			(void)json_object_set(out, key, v);
	return out;
}

static void take(json_t *out, const char *key, json_t *v)
{
	if (!v)
		return;
	if (strcmp(key, "drops") == 0)
		(void)json_object_set_new(out, key, without_zeros(v));
	else
		(void)json_object_set(out, key, v);
}

static json_t *pick(const json_t *item, const char *members)
{
	json_t *out = json_object();
	char key[32];

	while (*members) {
		size_t n = strcspn(members, " ");

		if (n < sizeof key) {
			memcpy(key, members, n);
			key[n] = '\0';
			take(out, key, json_object_get(item, key));
		}
		members += n + (members[n] == ' ');
	}
	return out;
}

char *state_text(const json_t *look)
{
	json_t *state = json_object(), *item, *plan = json_object_get(look, "cpu.plan.show");
	char *text;
	size_t k;

	(void)json_object_set(state, "exporter", json_object_get(look, "exporter"));
	(void)json_object_set_new(state, "daemon", pick(json_object_get(look, "version"), "version uptime_s"));
	(void)json_object_set_new(state, "plan", pick(plan, "auto"));
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		json_t *list = json_array();

		json_array_foreach (json_object_get(json_object_get(look, parts[i].method), parts[i].list), k, item)
			(void)json_array_append_new(list, pick(item, parts[i].members));
		(void)json_object_set_new(state, parts[i].part, list);
	}
	text = json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(state);
	return text;
}
