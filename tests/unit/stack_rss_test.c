/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort's frames spread over its queue pairs, by the stack over the real keeper and a driver that takes notes: the contract's
 * parameters that a wish becomes, and in which order with the VPort's others; what is the VPort's for its life.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack/cpu_move.h"
#include "stack_stub.h"

#define ALL                                                                                                            \
	(NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 | NDIS_HASH_UDP_IPV4 | NDIS_HASH_IPV6 | NDIS_HASH_TCP_IPV6 | NDIS_HASH_UDP_IPV6)

static const uint8_t customary[4] = { 0x6d, 0x5a, 0x56, 0xda };

static struct stub s;
static struct stack_error e;

static int setup(void **state)
{
	(void)state;
	stub_start_vmmq(&s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stub_stop(&s);
	return 0;
}

static struct stack_vport *add(const struct stack_rss *rss, unsigned pairs)
{
	struct stack_vport_want w = { .name = "a", .socket = "/run/a.sock", .queue_pairs = pairs, .moderation = 1, .cpu_given = true, .cpu = 2 };
	struct stack_vport *v;

	if (rss)
		w.rss = *rss;
	if (stack_vport_add(s.adapter, &w, &v, &e) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	return v;
}

/* What the driver was told last: RSS on, with these hash types, this key, and CPUs in turn. */
static void expect_on(uint32_t types, const uint8_t *key, size_t n, const unsigned *cpus, unsigned ncpus)
{
	const NDIS_RECEIVE_SCALE_PARAMETERS *p = (const void *)s.rss;
	const PROCESSOR_NUMBER *t = (const void *)(s.rss + p->IndirectionTableOffset);

	assert_int_equal(p->Flags, 0);
	assert_int_equal(p->HashInformation, types | NdisHashFunctionToeplitz);
	assert_int_equal(p->IndirectionTableSize, 64 * 4);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(t[i].Group * 64 + t[i].Number, cpus[i % ncpus]);
	assert_int_equal(p->DefaultProcessorNumber.Group * 64 + p->DefaultProcessorNumber.Number, cpus[0]);
	assert_memory_equal(s.rss + p->HashSecretKeyOffset, key, n);
}

static void expect_off(void)
{
	assert_int_equal(((const NDIS_RECEIVE_SCALE_PARAMETERS *)(const void *)s.rss)->Flags, NDIS_RSS_PARAM_FLAG_DISABLE_RSS);
}

static void by_itself(void **state)
{
	(void)state;
	(void)add(NULL, 2);
	assert_string_equal(s.log, "CREATE_VPORT(1) POLICY(1) TUNING(1) VPORT_PARAMETERS(1) RSS(0)");
	assert_int_equal(s.created.ProcessorAffinity.Mask, 0xC);
	expect_on(ALL, customary, sizeof customary, (const unsigned[]){ 2, 3 }, 2);
}

static void one_pair(void **state)
{
	(void)state;
	(void)add(NULL, 1);
	assert_string_equal(s.log, "CREATE_VPORT(1) POLICY(1) TUNING(1) VPORT_PARAMETERS(1)");
	assert_int_equal(s.created.ProcessorAffinity.Mask, 4);
}

static void as_asked(void **state)
{
	struct stack_rss r = { .types = NDIS_HASH_IPV4, .cpus = { 3, 2 }, .ncpus = 2, .has_key = true };

	(void)state;
	memset(r.key, 0x42, sizeof r.key);
	(void)add(&r, 2);
	expect_on(NDIS_HASH_IPV4, r.key, sizeof r.key, (const unsigned[]){ 2, 3 }, 2);
}

static int set_rss(struct stack_vport *v, const struct stack_rss *r)
{
	struct stack_vport_change c = { .set_rss = true, .rss = *r };

	s.log[0] = 0;
	return stack_vport_set(v, &c, &e);
}

static void off_and_on(void **state)
{
	struct stack_vport *v = add(NULL, 2);
	struct stack_rss off = { .off = true }, on = { 0 }, out;

	(void)state;
	assert_int_equal(set_rss(v, &off), 0);
	expect_off();
	assert_int_equal(set_rss(v, &on), 0);
	expect_on(ALL, customary, sizeof customary, (const unsigned[]){ 2, 3 }, 2);
	/* as it is: nobody is asked for it */
	assert_int_equal(set_rss(v, &on), 0);
	assert_null(strstr(s.log, "RSS"));
	stack_vport_rss(v, &out);
	assert_false(out.off);
}

static void refused(struct stack_vport *v, const struct stack_rss *r, const char *field)
{
	uint8_t before[sizeof s.rss];
	struct stack_rss out;

	memcpy(before, s.rss, sizeof before);
	assert_int_equal(set_rss(v, r), -1);
	assert_string_equal(e.field, field);
	assert_non_null(strstr(e.err.text, "for its life"));
	assert_int_equal(e.oid, OID_GEN_RECEIVE_SCALE_PARAMETERS);
	assert_int_equal(e.status, NDIS_STATUS_INVALID_PARAMETER);
	assert_memory_equal(before, s.rss, sizeof before);
	stack_vport_rss(v, &out);
	assert_true(out.types == 0 && !out.has_key);
}

static void for_life(void **state)
{
	struct stack_rss types = { .types = NDIS_HASH_IPV4 }, key = { .has_key = true, .key = { 1 } };
	struct stack_vport *v = add(NULL, 2);

	(void)state;
	refused(v, &types, "rss_hash");
	refused(v, &key, "rss_key");
	/* the key it has, said */
	key.key[0] = 0;
	memcpy(key.key, s.rss + ((const NDIS_RECEIVE_SCALE_PARAMETERS *)(const void *)s.rss)->HashSecretKeyOffset, sizeof key.key);
	assert_int_equal(set_rss(v, &key), 0);
}

/* Also while it is off, or there is nothing to spread over: or he who has it on again would be refused. */
static void for_life_while_off(void **state)
{
	struct stack_vport *v = add(NULL, 2);
	struct stack_vport_change fewer = { .set_queue_pairs = true, .queue_pairs = 1 }, more = { .set_queue_pairs = true, .queue_pairs = 2 };
	struct stack_rss off = { .off = true }, out;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct stack_rss types = { .off = i == 0, .types = NDIS_HASH_IPV4 }, key = { .off = i == 0, .has_key = true, .key = { 1 } };
		const struct stack_rss *wrong[] = { &types, &key };

		assert_int_equal(i == 0 ? set_rss(v, &off) : stack_vport_set(v, &fewer, &e), 0);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(set_rss(v, wrong[k]), -1);
			assert_int_equal(e.code, STACK_REFUSED);
			assert_string_equal(e.field, k == 0 ? "rss_hash" : "rss_key");
			assert_non_null(strstr(e.err.text, "for its life"));
			assert_string_equal(s.log, "");
			stack_vport_rss(v, &out);
			assert_true(out.off == (i == 0) && out.types == 0 && !out.has_key);
		}
		/* what it has, said */
		types.types = ALL;
		assert_int_equal(set_rss(v, &types), 0);
		types = (struct stack_rss){ 0 };
		assert_int_equal(set_rss(v, &types), 0);
		assert_int_equal(stack_vport_set(v, &more, &e), 0);
		expect_on(ALL, customary, sizeof customary, (const unsigned[]){ 2, 3 }, 2);
	}
}

/* As long as nothing was spread there is nothing for life. */
static void before_anything_was_spread(void **state)
{
	struct stack_rss key = { .has_key = true, .key = { 9 } };
	struct stack_vport *v = add(NULL, 1);
	struct stack_vport_change more = { .set_queue_pairs = true, .queue_pairs = 2 };

	(void)state;
	assert_int_equal(set_rss(v, &key), 0);
	assert_null(strstr(s.log, "RSS"));
	assert_int_equal(stack_vport_set(v, &more, &e), 0);
	expect_on(ALL, key.key, sizeof key.key, (const unsigned[]){ 2, 3 }, 2);
}

/* Fewer queue pairs: RSS uses no more of them first (spec/50 §7). */
static void fewer_pairs(void **state)
{
	struct stack_vport *v = add(NULL, 2);
	struct stack_vport_change fewer = { .set_queue_pairs = true, .queue_pairs = 1 };

	(void)state;
	s.log[0] = 0;
	assert_int_equal(stack_vport_set(v, &fewer, &e), 0);
	assert_string_equal(s.log, "RSS(16) VPORT_PARAMETERS(1)");
	expect_off();
}

static void not_here(void **state)
{
	struct stack_rss far = { .cpus = { 2, 70 }, .ncpus = 2 }, none = { .cpus = { 5 }, .ncpus = 1 };
	struct stack_vport *v = add(NULL, 2);

	(void)state;
	assert_int_equal(set_rss(v, &far), -1); /* of different groups of 64 */
	assert_string_equal(e.field, "rss_cpus");
	assert_int_equal(set_rss(v, &none), -1); /* no worker's */
	assert_string_equal(e.field, "rss_cpus");
	assert_string_equal(s.log, "");
}

/* The VPort's own CPU is one of the list, or becomes its first when nobody said which. */
static void own_cpu(void **state)
{
	struct stack_vport_want w = { .name = "a", .socket = "/run/a.sock", .queue_pairs = 2, .moderation = 1, .rss = { .cpus = { 3, 2 }, .ncpus = 2 } };
	struct stack_rss one = { .cpus = { 2 }, .ncpus = 1 }, same = { .cpus = { 2, 3, 70 }, .ncpus = 1 };
	struct stack_vport *v;
	struct stack_rss out;

	(void)state;
	w.cpu_given = true;
	w.cpu = 70;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.field, "cpu");
	assert_string_equal(e.err.text, "70 is not among rss_cpus, where the queue pairs are");
	assert_string_equal(s.log, "");
	w.cpu_given = false;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	expect_on(ALL, customary, sizeof customary, (const unsigned[]){ 3, 2 }, 2);
	stack_vport_rss(v, &out);
	assert_int_equal(out.ncpus, 2);
	/* another list, which its CPU is not in: it moves */
	assert_int_equal(set_rss(v, &one), 0);
	expect_on(ALL, customary, sizeof customary, (const unsigned[]){ 2 }, 1);
	assert_int_equal(s.set.ProcessorAffinity.Mask, 4);
	stack_vport_rss(v, &out);
	assert_int_equal(out.ncpus, 1);
	assert_int_equal(out.cpus[0], 2);
	/* what lies behind the list says nothing */
	assert_int_equal(set_rss(v, &same), 0);
	assert_string_equal(s.log, "");
	/* refused by the adapter, and not because of what is for life */
	s.refuse_at = 1;
	one.cpus[0] = 3;
	assert_int_equal(set_rss(v, &one), -1);
	assert_string_equal(e.field, "");
	assert_string_equal(e.err.text, "the stub says no");
	assert_int_equal(stack_vport_set(v, &(struct stack_vport_change){ .set_cpu = true, .cpu = 3 }, &e), -1);
	assert_string_equal(e.field, "cpu");
}

/* CPUs are numbered in groups of 64. */
static void of_the_second_group(void **state)
{
	struct stack_rss r = { .cpus = { 70, 127 }, .ncpus = 2 };
	struct stack_vport_want w = { .name = "a", .socket = "/run/a.sock", .queue_pairs = 2, .moderation = 1, .rss = r };
	struct stack_vport_info info;
	struct stack_vport *v;

	(void)state;
	w.cpu_given = true;
	w.cpu = 127;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_int_equal(s.created.ProcessorAffinity.Group, 1);
	assert_int_equal(s.created.ProcessorAffinity.Mask, 1 << 6 | 1ull << 63);
	expect_on(ALL, customary, sizeof customary, (const unsigned[]){ 127, 70 }, 2);
	assert_int_equal(stack_vport_info(v, &info, &e), 0);
	assert_int_equal(info.cpu, 127);
	w = (struct stack_vport_want){ .name = "b", .socket = "/run/b.sock", .queue_pairs = 1, .moderation = 1, .cpu_given = true, .cpu = 128 };
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), 0);
	assert_int_equal(s.created.ProcessorAffinity.Group, 2);
	assert_int_equal(s.created.ProcessorAffinity.Mask, 1);
	w = (struct stack_vport_want){ .name = "c", .socket = "/run/c.sock", .queue_pairs = 2, .moderation = 1, .rss = { .cpus = { 127, 128 }, .ncpus = 2 } };
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_string_equal(e.err.text, "CPUs 127 and 128 are of different groups of 64");
}

/* Off, all comes by the first pair: only its CPU is the VPort's. What was hashed once is for life, off or on. */
static void off_from_the_begin(void **state)
{
	struct stack_rss off = { .off = true }, ipv4 = { .types = NDIS_HASH_IPV4 }, key = { .types = NDIS_HASH_IPV4, .has_key = true };
	struct stack_vport *v = add(&off, 2);

	(void)state;
	assert_int_equal(s.created.ProcessorAffinity.Mask, 4);
	assert_null(strstr(s.log, "RSS"));
	assert_int_equal(set_rss(v, &ipv4), 0);
	expect_on(NDIS_HASH_IPV4, customary, sizeof customary, (const unsigned[]){ 2, 3 }, 2);
	off.types = NDIS_HASH_IPV4;
	assert_int_equal(set_rss(v, &off), 0);
	expect_off();
	off.types = 0;
	assert_int_equal(set_rss(v, &off), -1);
	assert_string_equal(e.field, "rss_hash");
	key.off = true;
	assert_int_equal(set_rss(v, &key), -1);
	assert_string_equal(e.field, "rss_key");
}

/* A key is another one when a byte of it is; what there is of a key without one is nobody's. */
static void same_key(void **state)
{
	struct stack_rss none = { 0 }, unused = { .key = { 5 } }, key = { .has_key = true, .key = { [39] = 1 } };
	struct stack_vport *v = add(NULL, 1);

	(void)state;
	assert_int_equal(set_rss(v, &none), 0);
	assert_string_equal(s.log, "");
	assert_int_equal(set_rss(v, &unused), 0);
	assert_string_equal(s.log, "");
	assert_int_equal(set_rss(v, &key), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1)");
	assert_int_equal(set_rss(v, &key), 0);
	assert_string_equal(s.log, "");
	key.key[39] = 2;
	assert_int_equal(set_rss(v, &key), 0);
	assert_string_equal(s.log, "VPORT_PARAMETERS(1)");
}

/* What a plan is told of a VPort with several pairs. */
static void as_items(void **state)
{
	struct stack_rss list = { .cpus = { 3, 2 }, .ncpus = 2 }, off = { .off = true };
	struct stack_vport *v = add(NULL, 2);
	struct cpu_item *items = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(stack_vport_set(v, &(struct stack_vport_change){ .let_plan = true }, &e), 0);
	assert_int_equal(cpu_items(s.adapter, &items, &n, &e), 0);
	assert_int_equal(set_rss(v, &list), 0);
	assert_int_equal(cpu_items(s.adapter, &items, &n, &e), 0); /* appended */
	assert_int_equal(set_rss(v, &off), 0);
	assert_int_equal(cpu_items(s.adapter, &items, &n, &e), 0);
	assert_int_equal(n, 6);
	for (size_t i = 1; i < n; i += 2) {
		assert_int_equal(items[i].queue_pairs, i == 5 ? 1 : 2);
		assert_int_equal(items[i].nlist, i == 3 ? 2 : 0);
		assert_int_equal(items[i].chosen, i == 3); /* a list is a choice */
		assert_ptr_equal(items[i].vport, v);
		assert_int_equal(items[i].cpu, 2);
		assert_int_equal(items[i].to, 2);
		assert_int_equal(items[i].id, 1);
		assert_string_equal(items[i].name, "a");
		assert_string_equal(items[i].adapter, "ext0");
		assert_int_equal(items[i].device_node, -1);
		assert_int_equal(items[i].memory_node, -1);
	}
	assert_non_null(items[3].list);
	free(items);
}

/* By itself it may fail, and the VPort is there without; asked for it may not. */
static void adapter_refuses(void **state)
{
	struct stack_vport_want w = { .name = "a", .socket = "/run/a.sock", .queue_pairs = 2, .moderation = 1, .cpu_given = true, .cpu = 2,
				      .rss.types = NDIS_HASH_IPV4 };
	struct stack_vport_change one = { .set_queue_pairs = true, .queue_pairs = 1 };
	struct stack_vport *v;

	(void)state;
	s.refuse_at = 5;
	assert_int_equal(stack_vport_add(s.adapter, &w, &v, &e), -1);
	assert_int_equal(e.oid, OID_GEN_RECEIVE_SCALE_PARAMETERS);
	assert_null(stack_vport_find(s.stack, NULL, "a", &e));
	s.refuse_at = 5;
	v = add(NULL, 2);
	s.log[0] = 0;
	assert_int_equal(stack_vport_set(v, &one, &e), 0); /* nothing was spread: nobody is asked to end it */
	assert_string_equal(s.log, "VPORT_PARAMETERS(2)");
	one.queue_pairs = 2;
	assert_int_equal(stack_vport_set(v, &one, &e), 0);
	expect_on(ALL, customary, sizeof customary, (const unsigned[]){ 2, 3 }, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(one_pair, setup, teardown),
		cmocka_unit_test_setup_teardown(as_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(off_and_on, setup, teardown),
		cmocka_unit_test_setup_teardown(for_life, setup, teardown),
		cmocka_unit_test_setup_teardown(for_life_while_off, setup, teardown),
		cmocka_unit_test_setup_teardown(before_anything_was_spread, setup, teardown),
		cmocka_unit_test_setup_teardown(fewer_pairs, setup, teardown),
		cmocka_unit_test_setup_teardown(not_here, setup, teardown),
		cmocka_unit_test_setup_teardown(own_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(of_the_second_group, setup, teardown),
		cmocka_unit_test_setup_teardown(off_from_the_begin, setup, teardown),
		cmocka_unit_test_setup_teardown(same_key, setup, teardown),
		cmocka_unit_test_setup_teardown(as_items, setup, teardown),
		cmocka_unit_test_setup_teardown(adapter_refuses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
