/* SPDX-License-Identifier: BSD-3-Clause */
/* Where frames go: filters, VLANs, groups, checks (spec/40-datapath.md §1-3, spec/70 Q21-Q33). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "nic_fixture.h"

struct rule {
	enum nic_vlan_test test;
	uint16_t vlan;
	uint16_t tci;      /* of the frame; 0: untagged; 0xE000: priority 7, VID 0 */
	bool match;
	bool stripped;
};

static void test_vlan_table_of_spec_40_2(void **s)
{
	static const struct rule rules[] = {
		{ NIC_VLAN_UNTAGGED_OR_ZERO, 0, 0, true, false },     { NIC_VLAN_UNTAGGED_OR_ZERO, 0, 0xE000, true, true },
		{ NIC_VLAN_UNTAGGED_OR_ZERO, 0, 100, false, false },  { NIC_VLAN_EQUAL, 100, 0, false, false },
		{ NIC_VLAN_EQUAL, 100, 0xE000, false, false },        { NIC_VLAN_EQUAL, 100, 100, true, true },
		{ NIC_VLAN_EQUAL, 100, 0xE000 | 100, true, true },    { NIC_VLAN_EQUAL, 100, 101, false, false },
		{ NIC_VLAN_ANY, 0, 0, true, false },                  { NIC_VLAN_ANY, 0, 0xE000, true, true },
		{ NIC_VLAN_ANY, 0, 100, true, true },                 { NIC_VLAN_ANY, 0, 4094, true, true },
	};
	struct fake_port *wire, *host;
	struct vmq_err err;
	struct vm b;

	(void)s;
	wire = fake_port_new();
	host = fake_port_new();
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
	assert_int_equal(nic_vport_attach_port(nic, 0, &host->port, &err), 0);
	vport(2, cpu[0]);
	for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		const struct rule *r = &rules[i];
		uint8_t f[100], plain[96], out[2048];

		filter(1, 2, 2, r->test, r->vlan);
		vm_init(&b, 1, 64, V1 | MRG);
		start(2, &b);
		make_frame(f, 2, 9, r->tci, sizeof f);
		for (int beside = 0; beside <= (r->tci != 0); beside++) {
			uint64_t at = vm_post(&b, 256);

			if (beside)
				fake_port_put_tagged(wire, f, sizeof f);
			else
				fake_port_put(wire, f, sizeof f);
			if (!r->match) { /* not that VPort: the default one, unchanged */
				assert_int_equal(fake_port_get(host, out), sizeof f);
				assert_memory_equal(out, f, sizeof f);
			} else if (r->stripped) {
				memcpy(plain, f, 12);
				memcpy(plain + 12, f + 16, sizeof f - 16);
				expect_frame(&b, at, plain, sizeof f - 4);
			} else {
				expect_frame(&b, at, f, sizeof f);
			}
		}
		stop(2);
		vm_fini(&b);
		assert_int_equal(nic_filter_clear(nic, 1), 0);
	}
	assert_int_equal(nic_wire_detach(nic), 0);
	assert_int_equal(nic_vport_detach_port(nic, 0), 0);
	fake_port_free(wire);
	fake_port_free(host);
}

static void test_access_port_inserts_the_tag(void **s)
{
	struct fake_port *wire = fake_port_new();
	struct vmq_err err;
	uint8_t f[100], want[104], out[2048];
	struct vm a;

	(void)s;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
	vport(1, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_EQUAL, 100);
	assert_int_equal(nic_vport_set_policy(nic, 1, &(struct nic_vport_policy){ .vlan_check = true }), 0);
	vm_init(&a, 1, 64, V1 | MRG);
	start(1, &a);
	make_frame(f, 9, 1, 0, sizeof f);
	memcpy(want, f, 12);
	memcpy(want + 12, "\x81\x00\x00\x64", 4);
	memcpy(want + 16, f + 12, sizeof f - 12);
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof want);
	assert_memory_equal(out, want, sizeof want);
	make_frame(f, 9, 1, 0xA000, sizeof f); /* priority 5, VID 0: keeps its priority, gets the VLAN */
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	assert_int_equal(out[14] << 8 | out[15], 0xA000 | 100);
	make_frame(f, 9, 1, 200, sizeof f); /* another VLAN: refused */
	vm_send(&a, f, sizeof f);
	expect_drop(1, NIC_DROP_TX_VLAN, 1);
	stop(1);
	vm_fini(&a);
	assert_int_equal(nic_wire_detach(nic), 0);
	fake_port_free(wire);
}

static void test_unknown_unicast_goes_to_wire_and_default(void **s)
{
	struct fake_port *wire = fake_port_new(), *host = fake_port_new();
	struct nic_vport_counters c;
	struct vmq_err err;
	uint8_t f[100], out[2048];

	(void)s;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
	assert_int_equal(nic_vport_attach_port(nic, 0, &host->port, &err), 0);
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	make_frame(f, 9, 1, 0, sizeof f);
	vm_send(&va, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	assert_memory_equal(out, f, sizeof f);
	assert_int_equal(fake_port_get(host, out), sizeof f);
	assert_memory_equal(out, f, sizeof f);
	fake_port_put(host, f, sizeof f); /* from the default VPort: outside only */
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	/* the host's device takes its own address only */
	nic_set_packet_filter(nic, false, (const uint8_t[6]){ 0x52, 0x54, 0, 0, 0, 7 });
	vm_send(&va, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	fake_port_put(wire, f, sizeof f);
	assert_true(fake_port_is_empty(host));
	nic_wire_counters(nic, &c);
	assert_int_equal(c.drops[NIC_DROP_RX_NOT_ACCEPTED], 1);
	make_frame(f, 7, 1, 0, sizeof f);
	fake_port_put(wire, f, sizeof f);
	assert_int_equal(fake_port_get(host, out), sizeof f);
	make_frame(f, 1, 1, 0, sizeof f); /* to itself */
	vm_send(&va, f, sizeof f);
	expect_drop(1, NIC_DROP_TX_HAIRPIN, 1);
	assert_true(fake_port_is_empty(wire));
	assert_true(fake_port_is_empty(host));
	unpair();
	assert_int_equal(nic_wire_detach(nic), 0);
	assert_int_equal(nic_vport_detach_port(nic, 0), 0);
	fake_port_free(wire);
	fake_port_free(host);
}

static void test_groups(void **s)
{
	struct fake_port *wire = fake_port_new(), *host = fake_port_new();
	struct vmq_err err;
	uint8_t f[100], out[2048];
	uint64_t at;

	(void)s;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
	assert_int_equal(nic_vport_attach_port(nic, 0, &host->port, &err), 0);
	pair(V1 | MRG, 1, cpu[0], cpu[1]);
	group_filter(11, 1, 0xff, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	group_filter(12, 2, 0xff, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	make_frame(f, 0, 1, 0, sizeof f);
	memset(f, 0xff, 6);
	at = vm_post(&vb, 256);
	vm_send(&va, f, sizeof f); /* broadcast from VM 1: VM 2, the host, the wire, not VM 1 */
	expect_frame(&vb, at, f, sizeof f);
	assert_int_equal(fake_port_get(host, out), sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	assert_int_equal(counters(1).rx_frames, 0);
	/* a group without a filter: the default VPort only; with policy all_multicast: that VPort too */
	memcpy(f, "\x33\x33\0\0\0\1", 6);
	fake_port_put(wire, f, sizeof f);
	assert_int_equal(fake_port_get(host, out), sizeof f);
	assert_int_equal(counters(2).rx_frames, 1);
	assert_int_equal(nic_vport_set_policy(nic, 2, &(struct nic_vport_policy){ .all_multicast = true }), 0);
	at = vm_post(&vb, 256);
	fake_port_put(wire, f, sizeof f);
	assert_int_equal(fake_port_get(host, out), sizeof f);
	expect_frame(&vb, at, f, sizeof f);
	assert_int_equal(counters(1).rx_frames, 0);
	assert_true(fake_port_is_empty(wire));
	/* moved: the other has it from now on */
	assert_int_equal(nic_filter_move(nic, 12, 1), -EEXIST);
	assert_int_equal(nic_filter_clear(nic, 11), 0);
	assert_int_equal(nic_filter_move(nic, 12, 1), 0);
	at = vm_post(&va, 256);
	memset(f, 0xff, 6);
	fake_port_put(wire, f, sizeof f);
	expect_frame(&va, at, f, sizeof f);
	unpair();
	assert_int_equal(nic_wire_detach(nic), 0);
	assert_int_equal(nic_vport_detach_port(nic, 0), 0);
	fake_port_free(wire);
	fake_port_free(host);
}

/* Does VPort 2 get a group's frames of this VLAN? */
static bool group_reaches(uint16_t vlan)
{
	struct nic_explain_in in = { .from_wire = true, .dst = { 0x33, 0x33, 0, 0, 0, 1 }, .tagged = true, .tci = vlan };
	struct nic_explain_dest d[4];
	unsigned n = (unsigned)nic_explain(nic, &in, d, 4);

	for (unsigned i = 0; i < n && i < 4; i++)
		if (d[i].vport == 2)
			return true;
	return false;
}

/* Policy all_multicast is for the VLANs of the VPort's filters, as long as it has one there, whichever was first. */
static void test_all_groups_follow_the_filters(void **s)
{
	const struct nic_vport_policy on = { .all_multicast = true }, off = { .all_multicast = false };

	(void)s;
	vport(2, cpu[0]);
	vport(3, cpu[0]);
	assert_int_equal(nic_vport_set_policy(nic, 2, &on), 0);
	assert_false(group_reaches(7));
	filter(1, 2, 1, NIC_VLAN_EQUAL, 7);
	assert_true(group_reaches(7) && !group_reaches(8));
	filter(2, 2, 2, NIC_VLAN_EQUAL, 7);
	assert_int_equal(nic_filter_clear(nic, 1), 0);
	assert_true(group_reaches(7));
	filter(3, 2, 3, NIC_VLAN_EQUAL, 8);
	assert_int_equal(nic_vport_set_policy(nic, 2, &off), 0);
	assert_true(!group_reaches(7) && !group_reaches(8));
	assert_int_equal(nic_vport_set_policy(nic, 2, &on), 0);
	assert_true(group_reaches(7) && group_reaches(8));
	assert_int_equal(nic_filter_move(nic, 2, 3), 0);
	assert_true(!group_reaches(7) && group_reaches(8));
	assert_int_equal(nic_filter_move(nic, 2, 2), 0);
	assert_true(group_reaches(7) && group_reaches(8));
	assert_int_equal(nic_filter_clear(nic, 3), 0);
	assert_true(group_reaches(7) && !group_reaches(8));
	assert_int_equal(nic_filter_clear(nic, 2), 0);
	assert_false(group_reaches(7));
	assert_int_equal(nic_vport_delete(nic, 2), 0);
	assert_int_equal(nic_vport_delete(nic, 3), 0);
}

static void test_precedence_and_inactive(void **s)
{
	struct nic_explain_in in = { .from_wire = true, .dst = { 0x52, 0x54, 0, 0, 0, 5 } };
	struct nic_explain_dest d[4];

	(void)s;
	vport(1, cpu[0]);
	vport(2, cpu[0]);
	vport(3, cpu[0]);
	filter(1, 1, 5, NIC_VLAN_EQUAL, 7);
	filter(2, 2, 5, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(3, 3, 5, NIC_VLAN_ANY, 0);
	assert_int_equal(nic_explain(nic, &in, d, 4), 1);
	assert_int_equal(d[0].vport, 2);
	in.tagged = true;
	in.tci = 7;
	assert_int_equal(nic_explain(nic, &in, d, 4), 1);
	assert_int_equal(d[0].vport, 1);
	assert_true(d[0].tag_stripped);
	in.tci = 8;
	assert_int_equal(nic_explain(nic, &in, d, 4), 1);
	assert_int_equal(d[0].vport, 3);
	assert_int_equal(nic_vport_set_active(nic, 3, false), 0);
	assert_int_equal(nic_explain(nic, &in, d, 4), 1);
	assert_int_equal(d[0].vport, 0);
	assert_int_equal(d[0].filter, 0);
}

static void test_filter_refusals(void **s)
{
	struct nic_filter f = { .id = 2, .vport = 1, .mac = { 0x52, 0x54, 0, 0, 0, 1 } };

	(void)s;
	vport(1, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	assert_int_equal(nic_filter_set(nic, &f), -EEXIST);
	f.vport = 7;
	assert_int_equal(nic_filter_set(nic, &f), -ENOENT);
	f.vport = 1;
	f.test = NIC_VLAN_EQUAL;
	f.vlan = 4095;
	assert_int_equal(nic_filter_set(nic, &f), -EINVAL);
	f.vlan = 0;
	assert_int_equal(nic_filter_set(nic, &f), -EINVAL);
	assert_int_equal(nic_filter_clear(nic, 2), -ENOENT);
	assert_int_equal(nic_filter_move(nic, 1, 7), -ENOENT);
	assert_int_equal(nic_vport_delete(nic, 1), -EBUSY);
}

static void test_many_filters(void **s)
{
	struct nic_explain_in in = { .from_wire = true };
	struct nic_explain_dest d;

	(void)s;
	vport(1, cpu[0]);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 20000; i++) {
			struct nic_filter f = { .id = i + 1, .vport = 1, .mac = { 2, (uint8_t)round, 0, (uint8_t)(i >> 8), (uint8_t)i, 9 } };

			assert_int_equal(nic_filter_set(nic, &f), 0);
		}
		for (uint32_t i = 0; i < 20000; i++) {
			in.dst[0] = 2;
			in.dst[1] = (uint8_t)round;
			in.dst[3] = (uint8_t)(i >> 8);
			in.dst[4] = (uint8_t)i;
			in.dst[5] = 9;
			assert_int_equal(nic_explain(nic, &in, &d, 1), 1);
			assert_int_equal(d.filter, i + 1);
		}
		for (uint32_t i = 0; i < 20000; i++)
			assert_int_equal(nic_filter_clear(nic, i + 1), 0);
		assert_int_equal(nic_explain(nic, &in, &d, 1), 1);
		assert_int_equal(d.filter, 0);
	}
}

static void test_source_check(void **s)
{
	uint8_t f[64];
	uint64_t at;

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	assert_int_equal(nic_vport_set_policy(nic, 1, &(struct nic_vport_policy){ .source_check = true }), 0);
	at = vm_post(&vb, 256);
	make_frame(f, 2, 3, 0, 64); /* not its own address */
	vm_send(&va, f, 64);
	expect_drop(1, NIC_DROP_TX_SOURCE_MAC, 1);
	make_frame(f, 2, 1, 0, 64);
	vm_send(&va, f, 64);
	expect_frame(&vb, at, f, 64);
	unpair();
}

static void test_no_filter_no_traffic(void **s)
{
	uint8_t f[64];

	(void)s;
	pair(V1 | MRG, 1, cpu[0], cpu[0]);
	assert_int_equal(nic_filter_clear(nic, 1), 0);
	(void)vm_post(&vb, 256);
	make_frame(f, 2, 1, 0, 64);
	vm_send(&va, f, 64);
	expect_drop(1, NIC_DROP_TX_VPORT_INACTIVE, 1);
	assert_int_equal(counters(2).rx_frames, 0);
	unpair();
}

static void test_vlan_check(void **s)
{
	struct fake_port *wire = fake_port_new();
	struct nic_vport_policy checked = { .vlan_check = true };
	struct vmq_err err;
	uint8_t f[100], out[2048];
	struct vm a;

	(void)s;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[0], &err), 0);
	vport(1, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&a, 1, 64, V1 | MRG);
	start(1, &a);
	/* without the check a tag in the data stays (the contract); with it an untagged VPort enters no VLAN */
	make_frame(f, 9, 1, 200, sizeof f);
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	assert_int_equal(nic_vport_set_policy(nic, 1, &checked), 0);
	vm_send(&a, f, sizeof f);
	expect_drop(1, NIC_DROP_TX_VLAN, 1);
	make_frame(f, 9, 1, 0xE000, sizeof f); /* priority-tagged is no VLAN */
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	/* several VLANs: each of them, and no other */
	filter(2, 1, 1, NIC_VLAN_EQUAL, 200);
	filter(3, 1, 1, NIC_VLAN_EQUAL, 4094);
	make_frame(f, 9, 1, 200, sizeof f);
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	make_frame(f, 9, 1, 4094, sizeof f);
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	make_frame(f, 9, 1, 201, sizeof f);
	vm_send(&a, f, sizeof f);
	expect_drop(1, NIC_DROP_TX_VLAN, 2);
	assert_int_equal(nic_filter_clear(nic, 1), 0);
	make_frame(f, 9, 1, 0, sizeof f); /* no filter holds "no VLAN" any more */
	vm_send(&a, f, sizeof f);
	expect_drop(1, NIC_DROP_TX_VLAN, 3);
	filter(4, 1, 1, NIC_VLAN_ANY, 0);
	make_frame(f, 9, 1, 201, sizeof f);
	vm_send(&a, f, sizeof f);
	assert_int_equal(fake_port_get(wire, out), sizeof f);
	stop(1);
	vm_fini(&a);
	assert_int_equal(nic_wire_detach(nic), 0);
	fake_port_free(wire);
}

static void test_inject(void **s)
{
	struct fake_port *wire = fake_port_new();
	struct vmq_err err;
	uint8_t f[60], want[64], out[2048];

	(void)s;
	assert_int_equal(nic_wire_attach(nic, &wire->port, cpu[1], &err), 0);
	vport(1, cpu[0]);
	filter(1, 1, 1, NIC_VLAN_EQUAL, 100);
	make_frame(f, 0, 1, 0, sizeof f);
	memset(f, 0xff, 6);
	memcpy(want, f, 12);
	memcpy(want + 12, "\x81\x00\x00\x64", 4);
	memcpy(want + 16, f + 12, sizeof f - 12);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(nic_inject(nic, 1, f, sizeof f), 0);
		assert_int_equal(fake_port_get(wire, out), sizeof want);
		assert_memory_equal(out, want, sizeof want);
	}
	assert_int_equal(nic_inject(nic, 1, f, 13), -EINVAL);
	assert_int_equal(nic_inject(nic, 9, f, sizeof f), -ENOENT);
	assert_int_equal(nic_wire_detach(nic), 0);
	fake_port_free(wire);
}

/* Queue pairs of a VPort that is there: none that is in use goes. */
static void queue_pairs_change(void **state)
{
	struct nic_rss_config rss = { .types = NIC_RSS_IPV4,
				      .entries = 2,
				      .cpu = { cpu[0], cpu[1] },
				      .default_cpu = cpu[0] };
	struct nic_queue_info info;

	(void)state;
	vport(1, cpu[0]);
	assert_int_equal(nic_queue_info(nic, 1, 1, &info), -ENOENT);
	assert_int_equal(nic_vport_set_queue_pairs(nic, 1, 2, NULL), 0);
	assert_int_equal(nic_queue_info(nic, 1, 1, &info), 0);
	assert_int_equal(nic_vport_set_queue_pairs(nic, 1, 0, NULL), -EINVAL);
	assert_int_equal(nic_vport_set_queue_pairs(nic, 1, NIC_MAX_QUEUE_PAIRS + 1, NULL), -EINVAL);
	assert_int_equal(nic_vport_set_queue_pairs(nic, 9, 1, NULL), -ENOENT);
	if (ncpus > 1) {
		assert_int_equal(nic_vport_set_rss(nic, 1, &rss, NULL), 0);
		assert_int_equal(nic_vport_set_queue_pairs(nic, 1, 1, NULL), -EBUSY);
		assert_int_equal(nic_vport_set_rss(nic, 1, NULL, NULL), 0);
	}
	assert_int_equal(nic_vport_set_queue_pairs(nic, 1, 1, NULL), 0);
	assert_int_equal(nic_queue_info(nic, 1, 1, &info), -ENOENT);
	assert_int_equal(nic_vport_delete(nic, 1), 0);
}

/* A number is given again; who has it is another. */
static void test_a_vport_is_known_by_its_serial(void **s)
{
	uint64_t first, second;

	(void)s;
	assert_int_equal(nic_vport_serial(nic, 5), 0);
	assert_int_equal(nic_vport_serial(nic, NIC_MAX_VPORTS), 0);
	vport(5, cpu[0]);
	first = nic_vport_serial(nic, 5);
	assert_true(first && first != nic_vport_serial(nic, 0));
	assert_int_equal(nic_vport_set_active(nic, 5, false), 0);
	assert_int_equal(nic_vport_serial(nic, 5), first);
	assert_int_equal(nic_vport_delete(nic, 5), 0);
	assert_int_equal(nic_vport_serial(nic, 5), 0);
	vport(5, cpu[0]);
	second = nic_vport_serial(nic, 5);
	assert_true(second && second != first && second != nic_vport_serial(nic, 0));
	assert_int_equal(nic_vport_delete(nic, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_vport_is_known_by_its_serial),
		T(test_vlan_table_of_spec_40_2),
		T(test_access_port_inserts_the_tag),
		T(test_unknown_unicast_goes_to_wire_and_default),
		T(test_groups),
		T(test_all_groups_follow_the_filters),
		T(test_precedence_and_inactive),
		T(test_filter_refusals),
		T(test_many_filters),
		T(test_source_check),
		T(test_no_filter_no_traffic),
		T(test_vlan_check),
		T(queue_pairs_change),
		T(test_inject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
