/* SPDX-License-Identifier: BSD-3-Clause */
/* The exporter's texts: what vmqd says as OpenMetrics and as JSON, also when it says nonsense; addresses and hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/address.h"
#include "exporter/metrics.h"
#include "exporter/state.h"

/* ---- metrics ---- */

static char *metrics_of(const char *json)
{
	json_t *look = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(look);
	assert_non_null(out);
	metrics_write(out, look);
	assert_int_equal(fclose(out), 0);
	json_decref(look);
	assert_true(len > 6 && strcmp(text + len - 6, "# EOF\n") == 0);
	return text;
}

static void assert_line(const char *text, const char *line)
{
	for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
		if ((at == text || at[-1] == '\n') && at[strlen(line)] == '\n')
			return;
	fail_msg("no line \"%s\" in:\n%s", line, text);
}

static unsigned samples(const char *text)
{
	unsigned n = 0;

	for (; *text; text = strchr(text, '\n') + 1)
		n += *text != '#';
	return n;
}

static void names_are_escaped(void **state)
{
	char *text = metrics_of("{\"vport.show\": {\"vports\": [{\"adapter\": \"a\\\"b\\\\c\\nd\", \"id\": 3, \"name\": \"x\", \"cpu\": 1}]}}");

	(void)state;
	assert_line(text, "vmq_vport_cpu{adapter=\"a\\\"b\\\\c\\nd\",vport=\"3\",name=\"x\"} 1");
	free(text);
}

static void every_way_of_reading(void **state)
{
	char *text = metrics_of(
	    "{\"exporter\": {\"up\": true, \"look_ns\": 1500000},"
	    "\"switch.show\": {\"switches\": [{\"adapter\": \"e\", \"mode\": \"VMQ\", \"port\": {\"link\": false, \"mtu\": 9000}}]},"
	    "\"cpu.plan.show\": {\"findings\": [{\"check\": \"overlap\"}, {\"check\": \"quota\"}, {\"check\": \"overlap\"}],"
	    "  \"workers\": [{\"cpu\": 2, \"busy_pct\": 12.5}]},"
	    "\"queue.show\": {\"queues\": [{\"adapter\": \"e\", \"vport\": \"q\", \"queue\": 5, \"state\": \"broken: a reason\"}]},"
	    "\"vport.show\": {\"vports\": [{\"adapter\": \"e\", \"id\": 5, \"name\": \"q\", \"state\": \"paused\", \"moderation_us\": 20,"
	    "  \"features\": [\"CSUM\", \"CSUM\", 7, \"MAC\"]}]},"
	    "\"stats.show\": {\"vports\": [{\"adapter\": \"e\", \"id\": 5, \"name\": \"q\", \"drops\": {\"rx_no_buffer\": 4},"
	    "  \"notify_delay\": {\"1\": 2, \"10\": 0, \"more\": 3}}], \"workers\": [{\"cpu\": 2, \"batches\": [1, 0, 6]}]}}");

	(void)state;
	assert_line(text, "vmq_up 1");
	assert_line(text, "vmq_exporter_look_seconds 0.001500000");
	assert_line(text, "vmq_adapter_link{adapter=\"e\"} 0");
	assert_line(text, "vmq_adapter_mtu_bytes{adapter=\"e\"} 9000");
	assert_line(text, "vmq_adapter_info{adapter=\"e\",mode=\"VMQ\",holds=\"\",switch=\"\",driver=\"\",device=\"\",host_device=\"\"} 1");
	assert_line(text, "vmq_cpu_plan_findings{check=\"overlap\"} 2");
	assert_line(text, "vmq_cpu_plan_findings{check=\"quota\"} 1");
	assert_null(strstr(strstr(text, "check=\"overlap\"") + 1, "check=\"overlap\""));
	assert_line(text, "vmq_cpu_busy_ratio{cpu=\"2\"} 0.125");
	/* A VM queue has no VPort's number: its own stands there. */
	assert_line(text, "vmq_queue_state{adapter=\"e\",vport=\"5\",name=\"q\",queue=\"5\",vmq_queue_state=\"broken\"} 1");
	assert_line(text, "vmq_queue_state{adapter=\"e\",vport=\"5\",name=\"q\",queue=\"5\",vmq_queue_state=\"running\"} 0");
	assert_line(text, "vmq_vport_active{adapter=\"e\",vport=\"5\",name=\"q\"} 0");
	assert_line(text, "vmq_vport_moderation_seconds{adapter=\"e\",vport=\"5\",name=\"q\"} 0.000020");
	assert_line(text, "vmq_vport_feature{adapter=\"e\",vport=\"5\",name=\"q\",feature=\"MAC\"} 1");
	assert_ptr_equal(strstr(strstr(text, "feature=\"CSUM\"") + 1, "feature=\"CSUM\""), NULL);
	assert_line(text, "vmq_vport_dropped_frames_total{adapter=\"e\",vport=\"5\",name=\"q\",reason=\"rx_no_buffer\"} 4");
	assert_line(text, "vmq_vport_notify_delay_seconds_bucket{adapter=\"e\",vport=\"5\",name=\"q\",le=\"1e-06\"} 2");
	assert_line(text, "vmq_vport_notify_delay_seconds_bucket{adapter=\"e\",vport=\"5\",name=\"q\",le=\"1e-05\"} 2");
	assert_line(text, "vmq_vport_notify_delay_seconds_bucket{adapter=\"e\",vport=\"5\",name=\"q\",le=\"+Inf\"} 5");
	assert_line(text, "vmq_worker_batch_frames_bucket{cpu=\"2\",le=\"1\"} 1");
	assert_line(text, "vmq_worker_batch_frames_bucket{cpu=\"2\",le=\"3\"} 1");
	assert_line(text, "vmq_worker_batch_frames_bucket{cpu=\"2\",le=\"+Inf\"} 7");
	free(text);
}

/* What is not of its type has no sample; nothing of it gets into the text. */
static void nonsense_has_no_samples(void **state)
{
	static const char *const looks[] = {
		"{}",
		"{\"exporter\": 1, \"version\": [], \"switch.show\": {\"switches\": {}}, \"stats.show\": {\"vports\": [1, null, \"x\", []]}}",
		"{\"stats.show\": {\"vports\": 7, \"wires\": \"x\", \"workers\": [[]]}, \"vport.show\": null, \"queue.show\": {\"queues\": [0]}}",
		"{\"exporter\": []}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		char *text = metrics_of(looks[i]);

		assert_int_equal(samples(text), 0);
		free(text);
	}
}

static void nonsense_members_have_no_samples(void **state)
{
	char *text = metrics_of("{\"stats.show\": {\"vports\": [{\"adapter\": [], \"id\": {}, \"name\": null, \"rx_frames\": \"1\","
				"\"rx_bytes\": -1, \"tx_frames\": 1.5, \"tx_bytes\": null, \"drops\": {\"a\": \"b\", \"c\": -2}, "
				"\"notify_delay\": {\"10\": 1, \"1\": 2, \"more\": 3}, \"faults\": [1]},"
				"{\"notify_delay\": {\"1\": 1, \"10\": 1}}, {\"notify_delay\": {\"1\": \"x\", \"more\": 1}},"
				"{\"notify_delay\": [1, 2]}]}}");

	(void)state;
	assert_int_equal(samples(text), 0);
	free(text);
}

static void the_list_has_a_row_each(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	metrics_list(out);
	assert_int_equal(fclose(out), 0);
	assert_line(text, "| `vmq_up` | gauge |  |  | 1 while vmqd answers, else 0 and nothing of vmqd is told |");
	assert_non_null(strstr(text, "\n| `vmq_vport_dropped_frames_total` | counter | frames | `adapter`, `vport`, `name`, `reason` | "));
	free(text);
}

/* ---- the page's state ---- */

static void the_page_gets_what_it_shows(void **state)
{
	json_t *look = json_loads("{\"exporter\": {\"up\": true}, \"vport.show\": {\"vports\": [{\"name\": \"w\", \"socket\": \"/run/x\", \"peer_pid\": 7,"
				  "\"macs\": [1, 2, 3]}]}, \"stats.show\": {\"vports\": [{\"drops\": {\"a\": 0, \"b\": 2}}]}}",
				  0, NULL);
	char *text = state_text(look);
	json_t *out = json_loads(text, 0, NULL), *vport = json_array_get(json_object_get(out, "vports"), 0), *drops;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(vport, "name")), "w");
	assert_int_equal(json_array_size(json_object_get(vport, "macs")), 3);
	assert_null(json_object_get(vport, "socket"));
	assert_null(json_object_get(vport, "peer_pid"));
	drops = json_object_get(json_array_get(json_object_get(out, "traffic"), 0), "drops");
	assert_int_equal(json_object_size(drops), 1);
	assert_int_equal(json_integer_value(json_object_get(drops, "b")), 2);
	assert_int_equal(json_array_size(json_object_get(out, "queues")), 0);
	json_decref(out);
	free(text);
	json_decref(look);
}

/* ---- addresses ---- */

static void addresses(void **state)
{
	static const struct {
		const char *text;
		bool ok, loopback;
	} rows[] = {
		{ "127.0.0.1:9678", true, true }, { "127.8.9.10:0", true, true }, { "[::1]:80", true, true },
		{ "0.0.0.0:9678", true, false },  { "[::]:9678", true, false },	  { "192.0.2.1:1", true, false },
		{ "127.0.0.1", false, false },	  { ":9678", false, false },	  { "127.0.0.1:", false, false },
		{ "127.0.0.1:65536", false, false }, { "127.0.0.1:-1", false, false }, { "127.0.0.1:80x", false, false },
		{ "localhost:80", false, false }, { "::1:80", false, false },	  { "[::1:80", false, false },
		{ "[::1]80", false, false },	  { "", false, false },		  { "[]:1", false, false },
		{ "127.0.0.1:99999999999999999999", false, false },
		{ "1111111111111111111111111111111111111111111111111111:1", false, false },
	};
	struct address a;
	char text[ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int rc = address_parse(rows[i].text, &a);

		if (rc != (rows[i].ok ? 0 : -EINVAL))
			fail_msg("%s: %d", rows[i].text, rc);
		if (!rows[i].ok)
			continue;
		assert_int_equal(address_is_loopback(&a), rows[i].loopback);
		address_format(&a, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void hosts(void **state)
{
	static const char *const here[] = { NULL, "localhost", "LOCALHOST:9678", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:9678" };
	static const char *const others[] = { "", "evil.example", "evil.example:9678", "localhost.evil.example", "127.0.0.1.evil.example",
					      "127.0.0.1:80@evil.example", "10.0.0.1", "[::2]", "::1", "[::1", "localhost:x",
					      "1270.0.0.1", "127.0.0.1:123456" };

	(void)state;
	for (size_t i = 0; i < sizeof here / sizeof here[0]; i++)
		if (!address_host_is_loopback(here[i]))
			fail_msg("%s is refused", here[i] ? here[i] : "no Host");
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (address_host_is_loopback(others[i]))
			fail_msg("%s is taken", others[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(every_way_of_reading),
		cmocka_unit_test(nonsense_has_no_samples),
		cmocka_unit_test(nonsense_members_have_no_samples),
		cmocka_unit_test(the_list_has_a_row_each),
		cmocka_unit_test(the_page_gets_what_it_shows),
		cmocka_unit_test(addresses),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
