/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPorts on VFs, by the stack over the real keeper and a driver that only takes notes: which requests a wish becomes and
 * in which order they are taken back, that no VF is left when one of them is refused, what is listed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack_stub.h"

static struct stub s;
static struct stack_error e;

static int setup(void **state)
{
	(void)state;
	stub_start(&s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stub_stop(&s);
	for (unsigned i = 0; i < STUB_MAX_VPORTS; i++)
		if (s.vf[i])
			return -1;
	return 0;
}

static struct stack_filter_want group = { .mac = { 1, 0, 0x5e, 0, 0, 1 } }, own = { .mac = { 0x52, 0x54, 0, 0, 0, 1 } };

static struct stack_vport_want want(const char *name, const struct stack_filter_want *f, size_t n)
{
	struct stack_vport_want w = { .queue_pairs = 1,
				      .moderation = 1,
				      .policy = { .vlan_check = true, .all_multicast = true },
				      .on_vf = true,
				      .cpu_given = true,
				      .cpu = 3,
				      .filters = f,
				      .nfilters = n };

	(void)snprintf(w.name, sizeof w.name, "%s", name);
	(void)snprintf(w.socket, sizeof w.socket, "/run/%s.sock", name);
	return w;
}

static struct stack_vport *add(const char *name, uint8_t last)
{
	struct stack_filter_want f = own;
	struct stack_vport_want w;
	struct stack_vport *v;

	f.mac[5] = last;
	w = want(name, &f, 1);
	if (stack_vport_add(s.adapter, &w, &v, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	return v;
}

/* How many VPorts and VFs there are. */
static void expect(uint32_t vports, uint32_t vfs)
{
	struct stack_switch_info i;

	assert_int_equal(stack_switch_info(s.adapter, &i, &e), 0);
	assert_int_equal(i.num_vports, vports);
	assert_int_equal(i.num_vfs, vfs);
	assert_int_equal(i.max_vfs, STUB_MAX_VFS);
}

static void there_and_back(void **state)
{
	struct stack_filter_want f[] = { group, own };
	struct stack_vport_want w = want("web1", f, 2);
	struct stack_vport_info info;
	struct stack_vport *v;
	char name[256];

	(void)state;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	/* born active: nothing activates it */
	assert_string_equal(s.log, "ALLOCATE_VF(0) CREATE_VPORT(1) POLICY(1) TUNING(1) SET_FILTER(1) SET_FILTER(1) "
			       "VF_CPUS(1)");
	assert_int_equal(s.created.AttachedFunctionId, 0);
	assert_int_equal(s.created.VPortState, NdisNicSwitchVPortStateActivated);
	assert_int_equal(s.created.ProcessorAffinity.Mask, 0);
	/* the address is the first filter's that is no group's */
	assert_memory_equal(s.allocated_vf.CurrentMacAddress, own.mac, 6);
	assert_memory_equal(s.allocated_vf.PermanentMacAddress, own.mac, 6);
	assert_string_equal(ndis_string_get(&s.allocated_vf.VMName, name, sizeof name), "web1");
	assert_int_equal(s.cpus.NumCpus, 1);
	assert_int_equal(s.cpus.Cpu[0], 3);
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_true(info.active && !info.on_pf && info.vf == 0);
	assert_int_equal(info.cpu, 3);
	expect(2, 1);
	s.log[0] = '\0';
	assert_int_equal(stack_vport_del(v, &e), 0);
	assert_string_equal(s.log, "CLEAR_FILTER(1) CLEAR_FILTER(2) DELETE_VPORT(1) RESET_VF(0) FREE_VF(0)");
	expect(1, 0);
}

/* Whichever step is refused: no VF is left, and the same wish succeeds afterwards. */
static void undone(void **state)
{
	struct stack_vport_want w = want("web1", &own, 1);
	struct stack_vport *v;

	(void)state;
	for (unsigned at = 1; at <= 5; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
		assert_int_equal(s.refuse_at, 0);
		assert_non_null(strstr(e.err.text, "the stub says no"));
		assert_string_equal(e.field, ""); /* of no member in particular */
		expect(1, 0);
		assert_string_equal(s.events, "");
	}
	s.refuse_endpoint = true;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	expect(1, 0);
	s.refuse_endpoint = false;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	expect(2, 1);
}

/* Without a filter of its own: an address that nobody else was given, the same each time. */
static void made_address(void **state)
{
	struct stack_vport_want w = want("web1", &group, 1);
	struct stack_vport *v;
	static const uint8_t made[6] = { 0x42, 0x40, 0xea, 0x19, 0xf6, 0x3d }; /* of the next version, too */
	uint8_t first[6];

	(void)state;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	memcpy(first, s.allocated_vf.CurrentMacAddress, 6);
	assert_memory_equal(first, made, 6);
	assert_int_equal(stack_vport_del(v, &e), 0);
	w.nfilters = 0;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_memory_equal(s.allocated_vf.CurrentMacAddress, first, 6);
	w = want("web2", NULL, 0);
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_memory_not_equal(s.allocated_vf.CurrentMacAddress, first, 6);
}

static void as_many_as_there_are(void **state)
{
	struct stack_vport_want w = want("web9", &own, 1);
	struct stack_vport *v;

	(void)state;
	for (unsigned i = 0; i < STUB_MAX_VFS; i++)
		(void)add((const char *[]){ "a", "b", "c", "d" }[i], (uint8_t)(10 + i));
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.code, STACK_LIMIT);
	assert_string_equal(e.field, "function");
	w.on_vf = false;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	expect(STUB_MAX_VFS + 2, STUB_MAX_VFS);
}

/* Its CPU is no parameter of the VPort; all of a change or none. */
static void another_cpu(void **state)
{
	struct stack_vport *v = add("web1", 1);
	struct stack_vport_change c = { .set_cpu = true, .cpu = 70, .set_moderation = true, .moderation = 100 };
	struct stack_vport_info info;

	(void)state;
	s.log[0] = '\0';
	assert_int_equal(stack_vport_set(v, &c, &e), 0);
	assert_string_equal(s.log, "VF_CPUS(1) VPORT_PARAMETERS(1)");
	assert_int_equal(s.cpus.Cpu[0], 70);
	c.cpu = 2;
	c.moderation = 200;
	s.refuse_at = 2;
	assert_int_equal(stack_vport_set(v, &c, &e), -1);
	assert_int_equal(s.cpus.Cpu[0], 70); /* put back */
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_int_equal(info.cpu, 70);
	assert_int_equal(info.moderation, 100);
	s.log[0] = '\0';
	c = (struct stack_vport_change){ .set_moderation = true, .moderation = 200 };
	assert_int_equal(stack_vport_set(v, &c, &e), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1)");
	c = (struct stack_vport_change){ .set_queue_pairs = true, .queue_pairs = 1 };
	assert_int_equal(stack_vport_set(v, &c, &e), -1);
	assert_string_equal(e.field, "queue_pairs");
}

/* A VF that cannot be reset is freed all the same; one that cannot be freed is left behind, and its VPort is gone. */
static void not_given_back(void **state)
{
	struct stack_vport *v = add("web1", 1);

	(void)state;
	s.log[0] = '\0';
	s.refuse_at = 3;
	assert_int_equal(stack_vport_del(v, &e), 0);
	assert_string_equal(s.log, "CLEAR_FILTER(1) DELETE_VPORT(1) refused(9) FREE_VF(0)");
	expect(1, 0);
	v = add("web1", 1);
	s.refuse_at = 4;
	assert_int_equal(stack_vport_del(v, &e), 0);
	expect(1, 1);
	assert_null(stack_vport_find(s.stack, NULL, "web1", &e));
	s.vf[0] = false; /* it goes with the adapter */
}

/* Who goes without a VF takes nobody else's along. */
static void another_ones(void **state)
{
	struct stack_vport_want w = want("pf", NULL, 0);
	struct stack_vport *v;

	(void)state;
	(void)add("web1", 1);
	w.on_vf = false;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	s.log[0] = '\0';
	assert_int_equal(stack_vport_del(v, &e), 0);
	assert_string_equal(s.log, "DELETE_VPORT(2)");
	expect(2, 1);
}

/* What the guest decides itself, or what its VPort is born with, is nothing to ask for. */
static void not_on_a_vf(void **state)
{
	struct stack_vport_want w = want("web1", &own, 1);
	struct stack_vport_change c = { .set_rss = true, .rss.off = true };
	struct stack_vport *v;

	(void)state;
	w.awaits_vm = true; /* active from its birth */
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_false(stack_vport_awaits_vm(v));
	assert_int_equal(stack_vport_set(v, &c, &e), -1);
	assert_string_equal(e.field, "rss");
	assert_int_equal(e.code, STACK_REFUSED);
	w = want("web2", NULL, 0);
	w.rss.off = true;
	s.log[0] = '\0';
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.field, "rss");
	assert_string_equal(s.log, "");
}

/* What is listed of each, whoever allocated it. */
static void listed(void **state)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof p },
					    .MacAddressLength = 6,
					    .PermanentMacAddress = { 2 },
					    .CurrentMacAddress = { 2 },
					    .VFId = 0xFFFF,
					    .RequestorId = 0xFFFFFFFF };
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS gone = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 10 }, .VFId = 1 };
	NDIS_NIC_SWITCH_VPORT_PARAMETERS theirs = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof theirs },
						    .AttachedFunctionId = 1,
						    .NumQueuePairs = 1,
						    .InterruptModeration = NdisNicSwitchVPortInterruptModerationAdaptive,
						    .VPortState = NdisNicSwitchVPortStateActivated };
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS gone_vport = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof gone_vport } };
	struct stack_vport_info *vports;
	struct ndis_driver_config d = { .name = "somebody" };
	struct ndis_driver *other = ndis_driver_open(s.ndis, &d);
	struct stack_vf_info *vf;
	struct stack_vport *v = add("web1", 1);
	size_t n;

	(void)state;
	assert_int_equal(ndis_method(other, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p, sizeof p, NULL, NULL),
			 NDIS_STATUS_SUCCESS);
	(void)add("web2", 2);
	assert_int_equal(stack_filter_del(s.adapter, 2, &e), 0);
	assert_int_equal(stack_vf_list(s.adapter, &vf, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_int_equal(vf[0].state, STACK_VF_CARRYING);
	assert_int_equal(vf[0].vport, stack_vport_id(v));
	assert_int_equal(vf[0].queue_pairs, 1);
	assert_string_equal(vf[0].vm, "web1");
	assert_int_equal(vf[0].rid, NDIS_MAKE_RID(1, 2, 0));
	assert_int_equal(vf[1].state, STACK_VF_ALLOCATED);
	assert_int_equal(vf[1].vport, 0);
	assert_string_equal(vf[1].vm, "");
	assert_int_equal(vf[2].state, STACK_VF_ATTACHED);
	assert_int_equal(vf[2].mac[5], 2);
	free(vf);
	/* a VPort that somebody else made on his VF: its CPU is asked for */
	assert_int_equal(ndis_method(other, OID_NIC_SWITCH_CREATE_VPORT, &theirs, sizeof theirs, sizeof theirs, NULL, NULL),
			 NDIS_STATUS_SUCCESS);
	assert_int_equal(stack_vport_list(s.adapter, &vports, &n, &e), 0);
	assert_int_equal(n, 4);
	assert_true(vports[3].active && !vports[3].on_pf);
	assert_int_equal(vports[3].vf, 1);
	assert_int_equal(vports[3].cpu, 70);
	assert_int_equal(vports[1].cpu, 3);
	free(vports);
	gone_vport.VPortId = theirs.VPortId;
	assert_int_equal(ndis_set(other, OID_NIC_SWITCH_DELETE_VPORT, &gone_vport, sizeof gone_vport, NULL, NULL), NDIS_STATUS_SUCCESS);
	assert_int_equal(ndis_set(other, OID_NIC_SWITCH_FREE_VF, &gone, 10, NULL, NULL), NDIS_STATUS_SUCCESS);
	assert_int_equal(ndis_driver_close(other, NULL), 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(there_and_back), T(undone), T(made_address), T(as_many_as_there_are), T(another_cpu), T(not_given_back), T(another_ones), T(not_on_a_vf), T(listed),
	};

	return cmocka_run_group_tests_name("stack_vf", tests, NULL, NULL);
}
