/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration file: what is read, and for each kind of mistake the exact sentence. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/napi.h"
#include "schema/yamldoc.h"
#include "vmqd/config.h"
#include "vmqd/tuning.h"

/* CPU 0 is in the affinity of every process that these tests run in. */
#define HEAD "cpus: [0]\nadapters:\n  - name: ext0\n    port: {device: eth1}\n"

static struct config *good(const char *text)
{
	struct vmq_err err = { "" };
	struct config *c = NULL;

	if (config_parse("f.yaml", text, strlen(text), &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void defaults(void **state)
{
	struct config *c = good("adapters:\n- name: ext0\n  port:\n    device: eth1\n");

	(void)state;
	assert_string_equal(c->socket, "/run/vmq/vmqd.sock");
	assert_int_equal(c->socket_mode, 0660);
	assert_int_equal(c->socket_group, 0);
	assert_string_equal(c->run_dir, "/run/vmq");
	assert_int_equal(c->ncpus, 1);
	assert_int_equal(c->policies[0], NIC_POLICY_ADAPTIVE);
	assert_int_equal(c->nadapters, 1);
	assert_string_equal(c->adapters[0].switch_name, "Default Switch");
	assert_string_equal(config_drivers[c->adapters[0].port.driver], "auto");
	assert_string_equal(c->adapters[0].port.device, "eth1");
	assert_int_equal(c->adapters[0].port.cpu, c->cpus[0]);
	assert_string_equal(c->adapters[0].host.device, "vmq0");
	assert_int_equal(c->adapters[0].nvports, 0);
	config_free(c);
}

static void everything(void **state)
{
	struct config *c = good("control: {socket: /run/x/ctl, mode: 0600, group: root}\n"
				"vport_sockets: {mode: 0666}\n"
				"run_dir: /run/x\n"
				"cpus: [{cpu: 0, policy: interrupt}]\n"
				"adapters:\n"
				"  - name: a\n"
				"    port: {driver: pcap, in: /a.pcap, out: /b.pcap, rate: 10, loop: true, cpu: 0}\n"
				"    host: {device: tap7, netns: /run/netns/h, cpu: 0}\n"
				"    switch_name: Große Weiche\n"
				"    vports:\n"
				"      - name: web1\n"
				"        mac: 52:54:00:00:00:01\n"
				"        vlan: 100\n"
				"        cpu: 0\n"
				"        moderation: off\n"
				"        source_check: true\n"
				"        all_multicast: false\n"
				"        max_tx_bytes_per_s: 125000000\n"
				"        tx_burst_bytes: 1000000\n"
				"        max_rx_frames_per_s: 5\n"
				"        max_group_frames_per_s: 0\n"
				"        moderation_us: 70\n"
				"        moderation_frames: 9\n"
				"        filters:\n"
				"          - {mac: 52-54-00-00-00-11, vlan: any, broadcast: false}\n"
				"          - {mac: 52:54:00:00:00:12}\n"
				"      - {name: web2, socket: /s/w2, socket_mode: client}\n"
				"  - name: b\n"
				"    port: {driver: xdp, device: eth2, napi: leave}\n");
	const struct stack_vport_want *w = &c->adapters[0].vports[0].want;

	(void)state;
	assert_int_equal(c->socket_mode, 0600);
	assert_int_equal(c->vport_socket_mode, 0666);
	assert_string_equal(c->adapters[0].port.in, "/a.pcap");
	assert_int_equal(c->adapters[0].port.rate, 10);
	assert_true(c->adapters[0].port.loop);
	assert_string_equal(c->adapters[0].host.netns, "/run/netns/h");
	assert_string_equal(c->adapters[0].switch_name, "Große Weiche");
	assert_int_equal(c->adapters[0].nvports, 2);
	assert_string_equal(w->socket, "/run/x/web1.sock");
	assert_true(w->cpu_given);
	assert_int_equal(w->moderation, 2);
	assert_true(w->policy.source_check && w->policy.vlan_check && !w->policy.all_multicast);
	assert_true(w->tuning.tx_bytes.per_s == 125000000 && w->tuning.tx_bytes.burst == 1000000);
	assert_true(w->tuning.tx_frames.per_s == 0 && w->tuning.rx_frames.per_s == 5 && w->tuning.group_frames.per_s == 0);
	assert_true(w->tuning.moderation_us == 70 && w->tuning.moderation_frames == 9);
	assert_int_equal(c->policies[0], NIC_POLICY_INTERRUPT);
	assert_int_equal(c->adapters[0].vports[1].want.tuning.group_frames.per_s, 10000);
	assert_int_equal(w->nfilters, 3);
	assert_int_equal(w->filters[0].vlan.kind, STACK_VLAN_ID);
	assert_int_equal(w->filters[0].vlan.id, 100);
	assert_true(w->filters[0].broadcast);
	assert_int_equal(w->filters[1].vlan.kind, STACK_VLAN_ANY);
	assert_false(w->filters[1].broadcast);
	assert_int_equal(w->filters[1].mac[5], 0x11);
	assert_int_equal(w->filters[2].vlan.kind, STACK_VLAN_UNTAGGED);
	assert_int_equal(c->adapters[0].vports[1].want.socket_mode, STACK_SOCKET_CLIENT);
	assert_int_equal(c->adapters[0].vports[1].want.nfilters, 0);
	assert_string_equal(c->adapters[1].host.device, "vmq1");
	assert_int_equal(c->adapters[0].port.napi, PORT_NAPI_AUTO);
	assert_int_equal(c->adapters[1].port.napi, PORT_NAPI_LEAVE);
	config_free(c);
}

static void vports_of(char *text, size_t size, unsigned n)
{
	size_t len = (size_t)snprintf(text, size, HEAD "    vports:\n");

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len,
					"      - {name: v%u, mac: \"52:54:00:00:%02x:%02x\", vlan: 7}\n", i, i >> 8,
					i & 255);
}

static void many_vports(void **state)
{
	char *text = malloc(1 << 20);
	struct vmq_err err = { "" };
	struct config *c;

	(void)state;
	vports_of(text, 1 << 20, 1023);
	c = good(text);
	assert_int_equal(c->adapters[0].nvports, 1023);
	assert_string_equal(c->adapters[0].vports[1022].want.name, "v1022");
	config_free(c);
	vports_of(text, 1 << 20, 1024);
	assert_int_equal(config_parse("f", text, strlen(text), &c, &err), -1);
	assert_string_equal(err.text,
			    "f:5: adapters[0].vports: has 1024 VPorts; an adapter has 1023 beside the default one");
	free(text);
}

#define VPORT(text) HEAD "    vports:\n      - " text "\n"

static const struct bad {
	const char *text, *sentence;
} bad[] = {
	/* not a document */
	{ "", "f:1: there is no mapping (key: value) at the top" },
	{ "- a\n", "f:1: there is no mapping (key: value) at the top" },
	{ "adapters: [\n", "f:2: not YAML: did not find expected node content" },
	{ "a: b\n---\nc: d\n", "f:3: a second document begins; there may be one" },
	{ "? [a]\n: b\n", "f:1: a key is no plain word" },
	{ "\"a\\0b\": 1\n", "f:1: a key is no plain word" },
	{ "a23456789b123456789c123456789d123456789e123456789f123456789g1234x: 1\n", "f:1: a key is no plain word" },
	{ HEAD "state: \"/a\\0b\"\n", "f:5: state: holds a zero byte" },
	{ "run_dir: /a\nrun_dir: /b\n", "f:2: run_dir: is given twice" },
	{ "control:\n  mode: 0660\n  mode: 0600\n", "f:3: control.mode: is given twice" },
	{ "a: &x [*x]\n", "f:1: a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: lies too deep" },
	/* the top */
	{ "cpus: [0]\n", "f:1: adapters: is missing" },
	{ HEAD "color: red\n",
	  "f:5: color: is not known here; known are control, vport_sockets, cpus, cpu_auto, adapters, run_dir, "
	  "state, sandbox, user" },
	{ "adapters: []\n", "f:1: adapters: is not a list of 1 to 16 adapters" },
	{ "adapters: 5\n", "f:1: adapters: is not a list of 1 to 16 adapters" },
	{ HEAD "run_dir: here\n", "f:5: run_dir: \"here\" is not an absolute path" },
	{ "cpus: []\nadapters: []\n", "f:1: cpus: is not a list of 1 to 64 CPU numbers" },
	{ "cpus: [0, 0]\nadapters: []\n", "f:1: cpus[1]: 0 is given twice" },
	{ "cpus: [0, 1023]\nadapters: []\n", "f:1: cpus[1]: 1023 is not a CPU this process may run on" },
	{ "cpus:\n  - 0\n  - one\nadapters: []\n", "f:3: cpus[1]: is not a CPU number" },
	{ "cpus:\n  - {cpu: 0, policy: lazy}\nadapters: []\n",
	  "f:2: cpus[0].policy: \"lazy\" is not possible; adaptive, poll or interrupt" },
	{ "cpus: [{policy: poll}]\nadapters: []\n", "f:1: cpus[0].cpu: is missing" },
	{ "cpus: [{cpu: 0, nice: 3}]\nadapters: []\n", "f:1: cpus[0].nice: is not known here; known are cpu, policy, light_sleep" },
	{ "cpus: [{cpu: 0, light_sleep: on}]\nadapters: []\n",
	  "f:1: cpus[0].light_sleep: \"on\" is not possible; auto, always or off" },
	{ "cpus: [0, {cpu: 0}]\nadapters: []\n", "f:1: cpus[1]: 0 is given twice" },
	/* control */
	{ HEAD "control: 7\n", "f:5: control: is not an object of named parameters" },
	{ HEAD "control:\n  mode: 432\n",
	  "f:6: control.mode: 432 is not a file mode; octal digits with a leading 0, from 0000 to 0777" },
	{ HEAD "control:\n  mode: 01777\n",
	  "f:6: control.mode: \"01777\" is not a file mode; octal digits with a leading 0, from 0000 to 0777" },
	{ HEAD "control:\n  group: no-such-group\n",
	  "f:6: control.group: \"no-such-group\" is not a group of this host" },
	{ HEAD "control:\n  sokcet: /x\n", "f:6: control.sokcet: is not known here; known are socket, mode, group" },
	{ HEAD "control:\n  socket: "
	       "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	       "aaaaaaaaaaaaaaaaaaaa\n",
	  "f:6: control.socket: \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" is too long; a path here has at "
	  "most 107 bytes" },
	/* adapters */
	{ "cpus: [0]\nadapters:\n  - port: {device: a}\n", "f:3: adapters[0].name: is missing" },
	{ "cpus: [0]\nadapters:\n  - name: a b\n    port: {device: a}\n",
	  "f:3: adapters[0].name: \"a b\" is not a name; 1 to 64 characters of A-Z a-z 0-9 _ . -" },
	{ "cpus: [0]\nadapters:\n  - name: a\n", "f:3: adapters[0].port: is missing" },
	{ HEAD "  - name: ext0\n    port: {device: eth2}\n",
	  "f:5: adapters[1].name: ext0 is given already at adapters[0].name" },
	{ HEAD "  - name: ext1\n    port: {device: eth1}\n",
	  "f:6: adapters[1].port.device: eth1 is given already at adapters[0].port.device" },
	{ HEAD "    host: {device: eth1}\n",
	  "f:5: adapters[0].host.device: eth1 is given already at adapters[0].port.device" },
	{ HEAD "    host: {cpu: 3}\n", "f:5: adapters[0].host.cpu: 3 is no worker's CPU; cpus lists 0" },
	{ HEAD "    switch_name: [a]\n", "f:5: adapters[0].switch_name: a list is not text" },
	{ HEAD "    ports: 4\n",
	  "f:5: adapters[0].ports: is not known here; known are name, switch_name, keywords, limits, create_switch, port, "
	  "host, vports" },
	/* keywords */
	{ HEAD "    keywords: [1]\n", "f:5: adapters[0].keywords: is not an object of named parameters" },
	{ HEAD "    keywords:\n      *SRIOV: 0\n",
	  "f:6: not YAML: found undefined alias (what begins with * stands in quotes: \"*VMQ\")" },
	{ HEAD "    keywords:\n      SRIOV: 0\n",
	  "f:6: adapters[0].keywords.SRIOV: is no keyword; \"*VMQ\", \"*SRIOV\" and the others are listed in "
	  "vmqd.yaml(5)" },
	{ HEAD "    keywords:\n      \"*VMQ\": 1\n      \"*SRIOV\": 2\n",
	  "f:7: adapters[0].keywords.*SRIOV: 2 is not allowed; 0 to 1 is right" },
	{ HEAD "    keywords: {\"*SRIOV\": off}\n",
	  "f:5: adapters[0].keywords.*SRIOV: is not a number, as all of its values are" },
	{ HEAD "    keywords: {\"*NumVFs\": 65535}\n",
	  "f:5: adapters[0].keywords.*NumVFs: 65535 is not allowed; 0 to 65534 is right" },
	{ HEAD "    keywords: {\"*SwitchType\": 2}\n",
	  "f:5: adapters[0].keywords.*SwitchType: only 1 is possible: the switch is an external one" },
	{ HEAD "    keywords: {\"*RscIPv4\": 1}\n",
	  "f:5: adapters[0].keywords.*RscIPv4: only 0 is possible: this adapter does not join received segments" },
	{ HEAD "    keywords: {\"*RSSProfile\": 1}\n",
	  "f:5: adapters[0].keywords.*RSSProfile: does not belong here: the key cpus lists the workers' CPUs, and each "
	  "VPort has its cpu" },
	{ HEAD "    keywords: {\"*TenGigVmqEnabled\": 1}\n",
	  "f:5: adapters[0].keywords.*TenGigVmqEnabled: does not belong here: an adapter must not read this one, which "
	  "is the host's; *VMQ is the adapter's" },
	/* limits */
	{ HEAD "    limits: 5\n", "f:5: adapters[0].limits: is not an object of named parameters" },
	{ HEAD "    limits: {ports: 5}\n",
	  "f:5: adapters[0].limits.ports: is not known here; known are vports, vfs, vm_queues, queue_pairs, "
	  "queue_pairs_per_vport, filters, mac_addresses, mac_addresses_per_vport, vlans_per_vport, single_vport_pool, "
	  "asymmetric_queue_pairs, switch_without_sriov" },
	{ HEAD "    limits: {vports: 1025}\n", "f:5: adapters[0].limits.vports: 1025 is not a number from 2 to 1024" },
	{ HEAD "    limits:\n      vports: 16\n      vfs: 16\n",
	  "f:7: adapters[0].limits.vfs: is 16; 0 to 15 is right with 16 VPorts (vports), one of them the default" },
	{ HEAD "    limits: {vports: 16, queue_pairs: 15}\n",
	  "f:5: adapters[0].limits.queue_pairs: is 15; at least one for each VPort is right (vports: 16)" },
	{ HEAD "    limits: {queue_pairs_per_vport: 3}\n",
	  "f:5: adapters[0].limits.queue_pairs_per_vport: is 3; a power of 2 up to 16 is right" },
	{ HEAD "    limits: {filters: 100}\n",
	  "f:5: adapters[0].limits.filters: is 100; at least one for each VM queue is right (vm_queues: 1023)" },
	{ HEAD "    limits: {mac_addresses: 100}\n",
	  "f:5: adapters[0].limits.mac_addresses: is 100; at least one for each VPort is right (vports: 1024)" },
	{ HEAD "    limits: {single_vport_pool: 1}\n",
	  "f:5: adapters[0].limits.single_vport_pool: 1 is neither true nor false" },
	/* what they have to do with each other */
	{ HEAD "    keywords: {\"*SRIOV\": 0, \"*VMQ\": 0}\n    create_switch: true\n",
	  "f:6: adapters[0].create_switch: there can be no switch: *SriovPreferred is 1 but *SRIOV is 0, and *VMQ is 0" },
	{ HEAD "    keywords: {\"*SRIOV\": 0}\n    limits: {switch_without_sriov: false}\n    create_switch: true\n",
	  "f:7: adapters[0].create_switch: there can be no switch: *SriovPreferred is 1 but *SRIOV is 0: falls back to "
	  "*VMQ, which is 1, and limits.switch_without_sriov is false" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port:\n      driver: dpdk\n      device: a\n",
	  "f:5: adapters[0].port.driver: \"dpdk\" is not possible; auto, xdp, packet, tap or pcap" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {driver: xdp}\n", "f:4: adapters[0].port.device: is missing" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {device: a/b}\n",
	  "f:4: adapters[0].port.device: \"a/b\" is not a network device's name; at most 15 characters, no / : % or "
	  "space" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {device: abcdefghijklmnop}\n",
	  "f:4: adapters[0].port.device: \"abcdefghijklmnop\" is not a network device's name; at most 15 characters, "
	  "no / : % "
	  "or space" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {device: x, napi: busy}\n",
	  "f:4: adapters[0].port.napi: \"busy\" is not possible; auto, thread or leave" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {driver: pcap, napi: auto}\n",
	  "f:4: adapters[0].port.napi: is not known here; known are driver, cpu, in, out, rate, loop" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {driver: pcap, device: x}\n",
	  "f:4: adapters[0].port.device: is not known here; known are driver, cpu, in, out, rate, loop" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {driver: pcap, rate: -1}\n",
	  "f:4: adapters[0].port.rate: -1 is not a number from 0 to 4294967295" },
	{ "cpus: [0]\nadapters:\n  - name: a\n    port: {driver: pcap, loop: yes}\n",
	  "f:4: adapters[0].port.loop: \"yes\" is neither true nor false" },
	/* VPorts */
	{ HEAD "    vports: {name: a}\n", "f:5: adapters[0].vports: is not a list of VPorts" },
	{ VPORT("web1"), "f:6: adapters[0].vports[0]: is not an object of named parameters" },
	{ VPORT("{mac: \"52:54:00:00:00:01\"}"), "f:6: adapters[0].vports[0].name: is missing" },
	{ VPORT("{name: default}"), "f:6: adapters[0].vports[0].name: \"default\" is the default VPort's name" },
	{ VPORT("{name: wire}"), "f:6: adapters[0].vports[0].name: \"wire\" means the physical port" },
	{ VPORT("{name: web1, adapter: ext0}"),
	  "f:6: adapters[0].vports[0].adapter: is not known here; known are filters, name, cpu, mac, vlan, broadcast, "
	  "socket, "
	  "socket_mode, function, queue_pairs, moderation, source_check, vlan_check, all_multicast, trunk, rss, rss_cpus, rss_hash, rss_key, max_tx_bytes_per_s, tx_burst_bytes, max_tx_frames_per_s, tx_burst_frames, "
	  "max_rx_bytes_per_s, rx_burst_bytes, max_rx_frames_per_s, rx_burst_frames, max_group_frames_per_s, "
	  "group_burst_frames, moderation_us, moderation_frames" },
	{ VPORT("name: web1\n        mac: 52:54:00:00:00:01\n        vlan: 5000"),
	  "f:8: adapters[0].vports[0].vlan: 5000 is not a VLAN id; 1 to 4094, untagged or any" },
	{ VPORT("{name: web1, mac: 52:54:00:00:00:01, vlan: 0}"),
	  "f:6: adapters[0].vports[0].vlan: 0 is not a VLAN id; 1 to 4094, untagged or any" },
	{ VPORT("{name: web1, vlan: 7}"),
	  "f:6: adapters[0].vports[0].vlan: needs mac beside it: a filter is a MAC address and a VLAN test" },
	{ VPORT("{name: web1, mac: 52:54:00:00:00}"),
	  "f:6: adapters[0].vports[0].mac: \"52:54:00:00:00\" is not a MAC address; six pairs of hexadecimal digits, "
	  "52:54:00:00:00:01" },
	{ VPORT("{name: web1, mac: 00:00:00:00:00:00}"),
	  "f:6: adapters[0].vports[0].mac: \"00:00:00:00:00:00\" is no station's address" },
	{ VPORT("{name: web1, cpu: 5}"), "f:6: adapters[0].vports[0].cpu: 5 is no worker's CPU; cpus lists 0" },
	{ VPORT("{name: web1, moderation: none}"),
	  "f:6: adapters[0].vports[0].moderation: \"none\" is not possible; adaptive, off, low, medium, high or undefined" },
	{ VPORT("{name: web1, max_tx_bytes_per_s: -1}"),
	  "f:6: adapters[0].vports[0].max_tx_bytes_per_s: -1 is not a number from 0 to 1000000000000" },
	{ VPORT("{name: web1, rx_burst_frames: 1000000000001}"),
	  "f:6: adapters[0].vports[0].rx_burst_frames: 1000000000001 is not a number from 0 to 1000000000000" },
	{ VPORT("{name: web1, max_group_frames_per_s: none}"),
	  "f:6: adapters[0].vports[0].max_group_frames_per_s: \"none\" is not a number from 0 to 1000000000000" },
	{ VPORT("{name: web1, moderation_us: 10001}"),
	  "f:6: adapters[0].vports[0].moderation_us: 10001 is not a number from 0 to 10000" },
	{ VPORT("{name: web1, moderation_frames: 8}"),
	  "f:6: adapters[0].vports[0].moderation_frames: needs moderation_us beside it, or few frames would wait for ever" },
	{ VPORT("{name: web1, queue_pairs: 17}"),
	  "f:6: adapters[0].vports[0].queue_pairs: 17 is not a number from 1 to 16" },
	{ VPORT("{name: web1, socket_mode: both}"),
	  "f:6: adapters[0].vports[0].socket_mode: \"both\" is not possible; server or client" },
	{ VPORT("{name: web1}\n      - {name: web1}"),
	  "f:7: adapters[0].vports[1].name: web1 is given already at adapters[0].vports[0].name" },
	{ VPORT("{name: vmqd}"), "f:6: adapters[0].vports[0].name: /run/vmq/vmqd.sock is given already at control" },
	{ VPORT("{name: a, socket: /s}\n      - {name: b, socket: /s}"),
	  "f:7: adapters[0].vports[1].socket: /s is given already at adapters[0].vports[0].socket" },
	{ VPORT("{name: a, mac: 52:54:00:00:00:01}\n      - {name: b, mac: 52:54:00:00:00:01}"),
	  "f:7: adapters[0].vports[1].mac: 52:54:00:00:00:01 is given already at adapters[0].vports[0].mac" },
	{ VPORT("name: a\n        mac: 52:54:00:00:00:01\n        filters:\n          - mac: 52:54:00:00:00:01"),
	  "f:9: adapters[0].vports[0].filters[0].mac: 52:54:00:00:00:01 is given already at "
	  "adapters[0].vports[0].mac" },
	/* what is no number any more is text */
	{ VPORT("{name: a, queue_pairs: 999999999999999999}"),
	  "f:6: adapters[0].vports[0].queue_pairs: 999999999999999999 is not a number from 1 to 16" },
	{ VPORT("{name: a, queue_pairs: 1000000000000000001}"),
	  "f:6: adapters[0].vports[0].queue_pairs: \"1000000000000000001\" is not a number from 1 to 16" },
	{ VPORT("{name: a, queue_pairs: 0xfffffffffffffff1}"),
	  "f:6: adapters[0].vports[0].queue_pairs: \"0xfffffffffffffff1\" is not a number from 1 to 16" },
	{ VPORT("{name: a, filters: 3}"), "f:6: adapters[0].vports[0].filters: is not a list of filters" },
	{ VPORT("{name: a, filters: [{vlan: 3}]}"), "f:6: adapters[0].vports[0].filters[0].mac: is missing" },
	{ VPORT("{name: a, filters: [{mac: 52:54:00:00:00:01, prio: 3}]}"),
	  "f:6: adapters[0].vports[0].filters[0].prio: is not known here; known are mac, vlan, broadcast" },
};

static void mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vmq_err err = { "" };
		struct config *c = NULL;

		if (config_parse("f", bad[i].text, strlen(bad[i].text), &c, &err) == 0)
			fail_msg("accepted, but \"%s\" was due", bad[i].sentence);
		assert_null(c);
		assert_string_equal(err.text, bad[i].sentence);
	}
}

/* However little of it there is: an alias stands for all that it names. And however little is in it. */
static void too_much(void **state)
{
	static const char bomb[] = "a: &a [0,0,0,0,0,0,0,0,0,0]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
				   "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
				   "f: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
	const size_t size = YAMLDOC_MAX_BYTES + 1;
	struct vmq_err err = { "" };
	struct yamldoc doc;
	char *blank;

	(void)state;
	assert_int_equal(yamldoc_parse(bomb, strlen(bomb), &doc, &err), -E2BIG);
	assert_non_null(strstr(err.text, "there are more than 1,000,000 values"));
	assert_null(doc.root);
	blank = malloc(size);
	memset(blank, '\n', size);
	memcpy(blank, "a: 1", 4);
	assert_int_equal(yamldoc_parse(blank, size, &doc, &err), -E2BIG);
	assert_non_null(strstr(err.text, "1: the file is larger than 16777216 bytes"));
	assert_int_equal(yamldoc_parse(blank, size - 1, &doc, &err), 0);
	yamldoc_free(&doc);
	free(blank);
}

/* Group addresses may stand on several VPorts, equal addresses on different VLANs or adapters. */
static void not_mistakes(void **state)
{
	(void)state;
	config_free(good(VPORT("{name: a, mac: 01:00:5e:00:00:01}\n      - {name: b, mac: 01:00:5e:00:00:01}")));
	config_free(good(VPORT("{name: a, mac: 52:54:00:00:00:01, vlan: 1}\n"
			       "      - {name: b, mac: 52:54:00:00:00:01, vlan: 2}\n"
			       "      - {name: c, mac: 52:54:00:00:00:01}\n"
			       "      - {name: d, mac: 52:54:00:00:00:01, vlan: any}")));
	config_free(good(HEAD "    host: {device: eth1, netns: /run/netns/x}\n"));
}

/* Absent: the keywords of an adapter bound to a virtual switch, and all there is. Each adapter has its own. */
static void keywords_and_limits(void **state)
{
	struct config *c = good(HEAD "    keywords: {\"*SRIOV\": 0, \"*NumVFs\": 0, \"*SwitchId\": 0,\n"
				     "               \"*VMQVlanFiltering\": 0}\n"
				     "    limits: {vports: 16, vlans_per_vport: 2, single_vport_pool: false}\n"
				     "    create_switch: true\n"
				     "  - name: b\n    port: {device: eth2}\n    limits: {vm_queues: 3}\n");
	const struct config_mode *m = &c->adapters[0].mode;
	const char *reason;

	(void)state;
	assert_int_equal(ndis_mode_choose(&m->keywords, &reason), MINIPORT_MODE_VMQ);
	assert_int_equal(m->keywords.num_vfs, 0);
	assert_int_equal(m->keywords.vmq_vlan_filtering, 0);
	assert_true(m->create_switch);
	assert_int_equal(m->limits.vports, 16);
	assert_int_equal(m->limits.vfs, 15);
	assert_int_equal(m->limits.vm_queues, 15);
	assert_int_equal(m->limits.queue_pairs, 256);
	assert_int_equal(m->limits.vlans_per_vport, 2);
	assert_false(m->limits.single_vport_pool);
	assert_true(m->limits.asymmetric_queue_pairs);
	m = &c->adapters[1].mode;
	assert_int_equal(ndis_mode_choose(&m->keywords, &reason), MINIPORT_MODE_SRIOV);
	assert_int_equal(m->keywords.num_vfs, MINIPORT_NUM_VFS_ALL);
	assert_int_equal(m->limits.vm_queues, 3);
	assert_int_equal(m->limits.vports, 1024);
	assert_int_equal(m->limits.vfs, 256);
	assert_false(m->create_switch);
	config_free(c);
}

static void a_file_that_is_not_there(void **state)
{
	struct vmq_err err = { "" };
	struct config *c;

	(void)state;
	assert_int_equal(config_load("/nonexistent/vmqd.yaml", &c, &err), -1);
	assert_string_equal(err.text, "/nonexistent/vmqd.yaml: cannot be opened: No such file or directory");
}

/* The example is right as it stands. */
static void the_example(void **state)
{
	struct vmq_err err = { "" };
	struct config *c = NULL;

	(void)state;
	if (config_load(EXAMPLE, &c, &err) < 0)
		fail_msg("%s", err.text);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(everything), cmocka_unit_test(many_vports),
		cmocka_unit_test(keywords_and_limits), cmocka_unit_test(mistakes), cmocka_unit_test(too_much), cmocka_unit_test(not_mistakes),
		cmocka_unit_test(a_file_that_is_not_there),
		cmocka_unit_test(the_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
