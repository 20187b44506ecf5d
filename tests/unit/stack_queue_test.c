/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack in mode VMQ, over the real keeper and a driver that only takes notes: which requests a wish becomes when the VM
 * gets a VM queue, in which order, what is refused and how, and the neutral adapter's two ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <vmq/ndis_vmq.h>

#include "stack/cpu_move.h"
#include "stack_stub.h"

static struct stub s;

static int start(uint32_t sriov, uint32_t vmq)
{
	struct miniport_keywords kw;

	ndis_keywords_for_switch(&kw);
	kw.sriov = sriov;
	kw.vmq = vmq;
	stub_start_with(&s, &kw);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(0, 1);
}

static int setup_none(void **state)
{
	(void)state;
	return start(0, 0);
}

static int setup_sriov(void **state)
{
	(void)state;
	return start(1, 1);
}

static int teardown(void **state)
{
	(void)state;
	stub_stop(&s);
	return 0;
}

static struct stack_filter_want want_filter(uint8_t last, uint16_t vlan)
{
	return (struct stack_filter_want){ .mac = { 0x52, 0x54, 0, 0, 0, last },
					   .broadcast = true,
					   .vlan = { vlan ? STACK_VLAN_ID : STACK_VLAN_UNTAGGED, vlan } };
}

static struct stack_vport_want want_vport(const char *name)
{
	struct stack_vport_want w = { .queue_pairs = 1, .moderation = 1, .policy = { .vlan_check = true, .all_multicast = true } };

	(void)snprintf(w.name, sizeof w.name, "%s", name);
	(void)snprintf(w.socket, sizeof w.socket, "/run/%s.sock", name);
	return w;
}

static struct stack_vport *add(const char *name, uint8_t last, uint16_t vlan)
{
	struct stack_filter_want f = want_filter(last, vlan);
	struct stack_vport_want w = want_vport(name);
	struct stack_vport *v = NULL;
	struct stack_error e;

	w.filters = &f;
	w.nfilters = last ? 1 : 0;
	if (stack_vport_add(s.adapter, &w, &v, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	return v;
}

/* All filters as "QUEUE:LAST-BYTE/VLAN", companions with a star. */
static const char *filters(void)
{
	static char line[1024];
	struct stack_filter_info *f;
	struct stack_error e;
	size_t n, len = 0;

	assert_int_equal(stack_filter_list(s.adapter, NULL, &f, &n, &e), 0);
	line[0] = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(line + len, sizeof line - len, "%s%u:%02x/%u%s", i ? " " : "", f[i].vport,
					f[i].mac[5], f[i].vlan.id, f[i].companion ? "*" : "");
	free(f);
	return line;
}

/* All queues as "ID NAME CPU FILTERS", running ones with an r. */
static const char *queues(void)
{
	static char line[1024];
	struct stack_vport_info *q;
	struct stack_error e;
	size_t n, len = 0;

	assert_int_equal(stack_vport_list(s.adapter, &q, &n, &e), 0);
	line[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		assert_true(q[i].is_queue);
		assert_int_equal(q[i].queue_pairs, 1);
		len += (size_t)snprintf(line + len, sizeof line - len, "%s%u %s %u %u%s", i ? ", " : "", q[i].id, q[i].name,
					q[i].cpu, q[i].num_filters, q[i].active ? " r" : "");
	}
	free(q);
	return line;
}

static void add_is_these_requests(void **state)
{
	struct stack_filter_want f[] = { want_filter(1, 7), want_filter(2, 0) };
	struct stack_vport_want w = want_vport("web1");
	char name[NDIS_STRING_UTF8_SIZE];
	struct stack_vport_info info;
	struct stack_vport *v;
	struct stack_error e;

	(void)state;
	w.cpu_given = true;
	w.cpu = 70;
	w.filters = f;
	w.nfilters = 2;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_string_equal(s.log, "ALLOCATE_QUEUE(1) POLICY(1) TUNING(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) SET_FILTER(1) "
				   "COMPLETE(1)");
	assert_string_equal(s.events, "vport_added(1) filter_set(1) filter_set(2) filter_set(3) filter_set(4)");
	assert_string_equal(filters(), "1:01/7 1:ff/7* 1:02/0 1:ff/0*");
	assert_string_equal(queues(), "0 default 2 0 r, 1 web1 70 4 r");
	assert_true(stack_vport_is_queue(v));
	assert_int_equal(s.endpoints, 1);
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_string_equal(info.name, "web1");
	assert_true(info.active && info.is_queue);
	assert_int_equal(info.cpu, 70);
	assert_int_equal(s.allocated.QueueType, NdisReceiveQueueTypeVMQueue);
	assert_int_equal(s.allocated.Flags, NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION);
	assert_int_equal(s.allocated.ProcessorAffinity.Group, 1);
	assert_int_equal(s.allocated.ProcessorAffinity.Mask, 1 << 6);
	assert_string_equal(ndis_string_get(&s.allocated.VmName, name, sizeof name), "web1");
}

/* Whichever step is refused, nothing is left; that the batch's element fails, too. */
static void add_undone(void **state)
{
	struct stack_filter_want f = want_filter(1, 7);
	struct stack_vport_want w = want_vport("web1");
	struct stack_vport *v;
	struct stack_error e;

	(void)state;
	w.filters = &f;
	w.nfilters = 1;
	for (unsigned at = 1; at <= 6; at++) {
		s.element_status = at == 6 ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
		s.refuse_at = at == 6 ? 0 : at;
		assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
		assert_int_equal(s.refuse_at, 0);
		assert_int_equal(e.code, at == 6 ? STACK_LIMIT : STACK_REFUSED);
		assert_string_equal(queues(), "0 default 2 0 r");
		assert_string_equal(filters(), "");
		assert_int_equal(s.endpoints, 0);
		assert_string_equal(s.events, "");
	}
	assert_int_equal(e.oid, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE);
	s.element_status = NDIS_STATUS_SUCCESS;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
}

static void what_a_queue_is_not(void **state)
{
	struct stack_vport_change c = { .set_moderation = true, .moderation = 2 };
	struct stack_vport *a = add("a", 1, 7), *b = add("b", 2, 7), *v;
	struct stack_vport_want w = want_vport("c");
	struct stack_filter_info f;
	struct stack_error e;

	(void)state;
	s.log[0] = '\0';
	w.queue_pairs = 2;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.field, "queue_pairs");
	assert_int_equal(e.code, STACK_REFUSED);
	w.queue_pairs = 1;
	w.id = 3; /* as wished */
	w.moderation = NdisNicSwitchVPortInterruptModerationUndefined; /* as adaptive: it is allocated */
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_int_equal(stack_vport_id(v), 3);
	assert_int_equal(stack_vport_del(v, &e), 0);
	s.log[0] = '\0';
	w.moderation = 100;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.field, "moderation");
	assert_int_equal(stack_vport_set(a, &c, &e), -1);
	assert_string_equal(e.field, "moderation");
	assert_int_equal(stack_filter_move(s.adapter, 1, b, &f, &e), -1);
	assert_string_equal(e.field, "id");
	assert_non_null(strstr(e.err.text, "add it to b"));
	assert_int_equal(stack_filter_move(s.adapter, 1, a, &f, &e), 0); /* it is there */
	assert_int_equal(stack_vport_del(stack_vport_by_id(s.adapter, 0), &e), -1);
	assert_string_equal(e.err.text, "the default queue stays as long as its adapter");
	c = (struct stack_vport_change){ .set_queue_pairs = true, .queue_pairs = 2 };
	assert_int_equal(stack_vport_set(a, &c, &e), -1);
	assert_string_equal(e.field, "queue_pairs");
	c.queue_pairs = 1;
	c.moderation = 100; /* not looked at without its flag */
	assert_int_equal(stack_vport_set(a, &c, &e), 0);
	c = (struct stack_vport_change){ .set_rss = true, .rss.off = true };
	assert_int_equal(stack_vport_set(a, &c, &e), -1);
	assert_string_equal(e.field, "rss");
	c = (struct stack_vport_change){ .set_cpu = true, .cpu = 3 };
	assert_int_equal(stack_vport_set(stack_vport_by_id(s.adapter, 0), &c, &e), -1);
	assert_string_equal(e.field, "cpu");
	c.cpu = 2; /* where it is */
	s.events[0] = '\0';
	assert_int_equal(stack_vport_set(stack_vport_by_id(s.adapter, 0), &c, &e), 0);
	assert_string_equal(s.events, "");
	assert_string_equal(s.log, "");
	assert_string_equal(filters(), "1:01/7 1:ff/7* 2:02/7 2:ff/7*");
}

static void set_all_or_nothing(void **state)
{
	struct stack_vport_change c = { .set_cpu = true,
					.cpu = 70,
					.set_name = true,
					.name = "db1",
					.set_active = true,
					.set_source_check = true,
					.policy.source_check = true };
	struct stack_vport *v = add("web1", 1, 0);
	struct stack_policy policy;
	struct stack_error e;

	(void)state;
	for (unsigned at = 1; at <= 2; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_vport_set(v, &c, &e), -1);
		assert_string_equal(queues(), "0 default 2 0 r, 1 web1 3 2 r");
		assert_int_equal(stack_vport_policy(v, &policy, &e), 0);
		assert_false(policy.source_check);
	}
	s.log[0] = s.events[0] = '\0';
	assert_int_equal(stack_vport_set(v, &c, &e), 0);
	assert_string_equal(s.log, "POLICY(1) QUEUE_PARAMETERS(1)");
	assert_string_equal(s.events, "vport_changed(1)");
	assert_string_equal(queues(), "0 default 2 0 r, 1 db1 70 2 r");
}

/* Filters first, then the endpoint, then FREE_QUEUE; refused while the adapter resets, all is there again. */
static void del(void **state)
{
	struct stack_vport *v = add("web1", 1, 7);
	struct stack_error e;

	(void)state;
	for (unsigned at = 1; at <= 3; at++) {
		s.refuse_at = at;
		assert_int_equal(stack_vport_del(v, &e), -1);
		assert_non_null(strstr(filters(), "1:01/7"));
		assert_non_null(strstr(filters(), "1:ff/7*"));
		assert_int_equal(s.endpoints, 1);
	}
	assert_int_equal(e.oid, OID_RECEIVE_FILTER_FREE_QUEUE);
	s.log[0] = '\0';
	assert_int_equal(stack_vport_del(v, &e), 0);
	assert_non_null(strstr(s.log, "CLEAR_FILTER("));
	assert_string_equal(strrchr(s.log, ' '), " FREE_QUEUE(1)");
	assert_string_equal(queues(), "0 default 2 0 r");
	assert_int_equal(s.endpoints, 0);
}

static void filters_of_queues(void **state)
{
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_filter_want f = want_filter(9, 0);
	struct stack_vport *v = add("web1", 0, 0);
	struct stack_vport_info info;
	struct stack_error e;
	unsigned n;

	(void)state;
	assert_string_equal(queues(), "0 default 2 0 r, 1 web1 3 0"); /* paused: no filter */
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_false(info.active);
	assert_int_equal(stack_filter_add(v, &f, made, &n, &e), 0);
	assert_int_equal(made[0].vport, 1);
	assert_string_equal(queues(), "0 default 2 0 r, 1 web1 3 2 r");
	assert_int_equal(stack_filter_add(v, &f, made, &n, &e), -1);
	assert_string_equal(e.err.text, "is taken with this VLAN: filter 1 of the VM queue of web1; delete that one");
	f = want_filter(8, 7);
	assert_int_equal(stack_filter_add(stack_vport_by_id(s.adapter, 0), &f, made, &n, &e), 0);
	assert_string_equal(filters(), "1:09/0 1:ff/0* 0:08/7 0:ff/7*");
	assert_int_equal(stack_filter_del(s.adapter, made[0].id, &e), 0);
	assert_int_equal(stack_filter_del(s.adapter, 1, &e), 0);
	assert_string_equal(filters(), "");
}

static void exhausted(void **state)
{
	struct stack_vport_want w = want_vport("one-more");
	struct stack_vport *v;
	struct stack_error e;
	char name[8];

	(void)state;
	w.id = 3; /* as wished, not as it comes */
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_int_equal(stack_vport_id(v), 3);
	assert_int_equal(stack_vport_del(v, &e), 0);
	for (unsigned i = 1; i <= STUB_MAX_QUEUES; i++) {
		(void)snprintf(name, sizeof name, "q%u", i);
		(void)add(name, 0, 0);
	}
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.code, STACK_LIMIT);
	assert_int_equal(e.oid, OID_RECEIVE_FILTER_ALLOCATE_QUEUE);
	assert_int_equal(e.status, NDIS_STATUS_RESOURCES);
	assert_non_null(strstr(e.err.text, "NumQueues is 3"));
}

/* The first object decides; the other kind is refused until it is gone (spec/30 §2). */
static void neutral(void **state)
{
	struct stack_switch_info i;
	struct stack_vport *v;
	struct stack_error e;

	(void)state;
	assert_int_equal(stack_adapter_model(s.adapter), STACK_MODEL_QUEUES);
	assert_int_equal(stack_switch_del(s.adapter, &e), -1);
	v = add("web1", 1, 0);
	assert_int_equal(stack_switch_add(s.adapter, &e), -1);
	assert_int_equal(e.status, NDIS_STATUS_NOT_SUPPORTED);
	assert_int_equal(e.oid, OID_NIC_SWITCH_CREATE_SWITCH);
	assert_int_equal(e.code, STACK_REFUSED);
	assert_string_equal(e.field, "adapter");
	assert_int_equal(stack_switch_info(s.adapter, &i, &e), 0);
	assert_int_equal(i.num_queues, 1);
	assert_int_equal(i.max_queues, STUB_MAX_QUEUES);
	assert_int_equal(i.num_filters, 2);
	assert_int_equal(stack_vport_del(v, &e), 0);
	/* the default VPort is where the default queue was, or there is no switch */
	s.refuse_at = 1;
	assert_int_equal(stack_switch_add(s.adapter, &e), -1);
	assert_int_equal(stack_adapter_model(s.adapter), STACK_MODEL_QUEUES);
	s.log[0] = '\0';
	assert_int_equal(stack_switch_add(s.adapter, &e), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(0)");
	assert_int_equal(s.set.ProcessorAffinity.Mask, 1 << 2);
	assert_false(stack_vport_cpu_chosen(stack_vport_by_id(s.adapter, 0)));
	assert_int_equal(stack_adapter_model(s.adapter), STACK_MODEL_SWITCH);
	s.log[0] = '\0';
	v = add("web1", 0, 0);
	assert_string_equal(s.log, "CREATE_VPORT(1) POLICY(1) TUNING(1) VPORT_PARAMETERS(1)");
	assert_false(stack_vport_is_queue(v));
	assert_int_equal(stack_switch_del(s.adapter, &e), -1);
	assert_int_equal(stack_vport_del(v, &e), 0);
	assert_int_equal(stack_switch_del(s.adapter, &e), 0);
	assert_int_equal(stack_adapter_model(s.adapter), STACK_MODEL_QUEUES);
	(void)add("web1", 1, 0);
}

static void neither(void **state)
{
	struct stack_filter_want f = want_filter(1, 0);
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_vport_want w = want_vport("web1");
	struct stack_vport *v;
	struct stack_error e;
	unsigned n;

	(void)state;
	assert_int_equal(stack_adapter_model(s.adapter), STACK_MODEL_NONE);
	assert_string_equal(queues(), "0 default 2 0 r");
	assert_string_equal(filters(), "");
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.status, NDIS_STATUS_NOT_SUPPORTED);
	assert_non_null(strstr(e.err.text, "*SRIOV is 0, and *VMQ is 0"));
	assert_int_equal(stack_filter_add(stack_vport_by_id(s.adapter, 0), &f, made, &n, &e), -1);
	assert_int_equal(stack_switch_add(s.adapter, &e), -1);
	assert_non_null(strstr(e.err.text, "*VMQ is 0"));
}

static void the_switch_of_sriov_stays(void **state)
{
	struct stack_error e;

	(void)state;
	assert_int_equal(stack_switch_del(s.adapter, &e), -1);
	assert_int_equal(e.code, STACK_REFUSED);
	assert_non_null(strstr(e.err.text, "*SRIOV is 1"));
	assert_int_equal(stack_switch_add(s.adapter, &e), -1);
	assert_non_null(strstr(e.err.text, "*SRIOV is 1"));
}

/* There are no VFs where there is no switch, which is no error; asked for one, that is what is missing. */
static void no_vfs(void **state)
{
	struct stack_vport_want w = want_vport("web1");
	struct stack_vf_info *list;
	struct stack_vport *v;
	struct stack_error e;
	size_t n = 1;

	(void)state;
	assert_int_equal(stack_vf_list(s.adapter, &list, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_non_null(list);
	free(list);
	w.on_vf = true;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.field, "function");
	assert_int_equal(e.oid, OID_NIC_SWITCH_ALLOCATE_VF);
}

/* A plan may move a VM queue, and the default one never. */
static void as_items(void **state)
{
	struct stack_vport *v = add("web1", 1, 0);
	struct cpu_item *items = NULL;
	struct stack_error e;
	size_t n = 0;

	(void)state;
	assert_int_equal(cpu_items(s.adapter, &items, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_null(items[0].vport);
	assert_true(items[0].chosen && !items[1].chosen);
	assert_ptr_equal(items[1].vport, v);
	assert_int_equal(items[1].queue_pairs, 1);
	assert_int_equal(items[1].nlist, 0);
	assert_int_equal(items[1].cpu, 3);
	free(items);
}

/* What another driver allocated is shown, and stays its own. */
static void other_drivers_queues(void **state)
{
	struct ndis_driver_config cfg = { .name = "somebody else" };
	struct ndis_driver *d = ndis_driver_open(s.ndis, &cfg);
	NDIS_RECEIVE_QUEUE_PARAMETERS p = {
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2,
			    NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2 },
		.QueueType = NdisReceiveQueueTypeVMQueue,
		.ProcessorAffinity = { .Mask = 8 },
	};

	(void)state;
	assert_int_equal(ndis_method(d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, sizeof p, sizeof p, NULL, NULL),
			 NDIS_STATUS_SUCCESS);
	assert_string_equal(queues(), "0 default 2 0 r, 1  3 0");
	(void)add("web1", 1, 0);
	assert_string_equal(queues(), "0 default 2 0 r, 1  3 0, 2 web1 3 2 r");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(add_is_these_requests),
		T(add_undone),
		T(what_a_queue_is_not),
		T(set_all_or_nothing),
		T(del),
		T(filters_of_queues),
		T(exhausted),
		T(neutral),
		T(other_drivers_queues),
		T(no_vfs),
		T(as_items),
		cmocka_unit_test_setup_teardown(neither, setup_none, teardown),
		cmocka_unit_test_setup_teardown(the_switch_of_sriov_stays, setup_sriov, teardown),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
