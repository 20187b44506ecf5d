/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two adapters of one stack, over the real keeper and drivers that only take notes: whose VPort is found, what does not go from one
 * to the other, and what an adapter's end leaves.
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

static struct stub s, other;
static struct stack_error e;

static int setup(void **state)
{
	(void)state;
	stub_start(&s);
	stub_join(&other, &s, "ext1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stub_part(&other);
	stub_stop(&s);
	return 0;
}

static int try(struct stack_adapter *a, const char *name, const char *socket, bool on_vf, struct stack_vport **v)
{
	struct stack_filter_want f = { .mac = { 2 }, .broadcast = true };
	struct stack_vport_want w = { .queue_pairs = 1, .moderation = 1, .filters = &f, .nfilters = 1, .on_vf = on_vf };

	for (size_t i = 0; name[i]; i++)
		f.mac[5] = (uint8_t)(f.mac[5] + name[i]);
	(void)snprintf(w.name, sizeof w.name, "%s", name);
	(void)snprintf(w.socket, sizeof w.socket, "/run/%s.sock", socket);
	return stack_vport_add(a, &w, v, &e);
}

static struct stack_vport *add(struct stack_adapter *a, const char *name)
{
	struct stack_vport *v = NULL;

	if (try(a, name, name, false, &v) < 0)
		fail_msg("%s: %s", e.field, e.err.text);
	return v;
}

static void adapters_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(stack_adapter_find(s.stack, "ext0", &e), s.adapter);
	assert_ptr_equal(stack_adapter_find(s.stack, "ext1", &e), other.adapter);
	assert_ptr_equal(stack_adapter_user(other.adapter), &other);
	assert_string_equal(stack_adapter_name(other.adapter), "ext1");
	assert_null(stack_adapter_find(s.stack, "ext2", &e));
	assert_int_equal(e.code, STACK_NOT_FOUND);
	assert_string_equal(e.err.text, "there is no adapter ext2");
	assert_null(stack_adapter_find(s.stack, NULL, &e));
	assert_int_equal(e.code, STACK_PARAM);
	assert_string_equal(e.field, "adapter");
	stub_part(&other);
	assert_ptr_equal(stack_adapter_find(s.stack, NULL, &e), s.adapter);
	assert_ptr_equal(stack_vport_find(s.stack, NULL, "default", &e), stack_vport_by_id(s.adapter, 0));
	stub_join(&other, &s, "ext1");
}

static void vports_by_name(void **state)
{
	struct stack_vport *a = add(s.adapter, "a"), *b = add(other.adapter, "b"), *none;

	(void)state;
	assert_ptr_equal(stack_vport_find(s.stack, NULL, "a", &e), a);
	assert_ptr_equal(stack_vport_find(s.stack, NULL, "b", &e), b);
	assert_ptr_equal(stack_vport_find(s.stack, other.adapter, "b", &e), b);
	assert_null(stack_vport_find(s.stack, s.adapter, "b", &e));
	assert_string_equal(e.err.text, "there is no VPort b on adapter ext0");
	assert_int_equal(e.code, STACK_NOT_FOUND);
	assert_ptr_equal(stack_vport_find(s.stack, other.adapter, "default", &e), stack_vport_by_id(other.adapter, 0));
	assert_null(stack_vport_find(s.stack, NULL, "default", &e));
	assert_int_equal(e.code, STACK_PARAM);
	assert_string_equal(e.field, "adapter");
	/* names and sockets are unique among all */
	assert_int_equal(try(s.adapter, "b", "c", false, &none), -1);
	assert_string_equal(e.err.text, "there is a VPort b already, on adapter ext1");
	assert_int_equal(try(s.adapter, "c", "b", false, &none), -1);
	assert_string_equal(e.err.text, "/run/b.sock is VPort b's socket");
}

/* Of two that the tables of names and of sockets have in one place each is found, and no third. */
static void same_bucket(void **state)
{
	struct stack_vport *v[2], *none;

	(void)state;
	v[0] = add(s.adapter, "web94");
	v[1] = add(s.adapter, "web302");
	assert_ptr_equal(stack_vport_find(s.stack, NULL, "web94", &e), v[0]);
	assert_ptr_equal(stack_vport_find(s.stack, NULL, "web302", &e), v[1]);
	assert_null(stack_vport_find(s.stack, NULL, "web330", &e));
	assert_int_equal(try(s.adapter, "c", "vm3", false, &none), 0);
	assert_int_equal(try(s.adapter, "d", "vm20", false, &none), 0);
	assert_int_equal(try(s.adapter, "x", "vm20", false, &none), -1);
	assert_string_equal(e.err.text, "/run/vm20.sock is VPort d's socket");
	assert_int_equal(try(s.adapter, "x", "vm3", false, &none), -1);
	assert_string_equal(e.err.text, "/run/vm3.sock is VPort c's socket");
}

static void filters_stay_on_their_adapter(void **state)
{
	struct stack_filter_info f;
	struct stack_vport *b = add(other.adapter, "b");

	(void)state;
	(void)add(s.adapter, "a");
	s.log[0] = other.log[0] = '\0';
	assert_int_equal(stack_filter_move(s.adapter, 1, b, &f, &e), -1);
	assert_int_equal(e.code, STACK_PARAM);
	assert_string_equal(e.field, "to");
	assert_string_equal(e.err.text, "b is on adapter ext1; filters stay on theirs, ext0");
	assert_string_equal(s.log, "");
	assert_string_equal(other.log, "");
}

/* Each VPort's filters, then its socket, then the VPort, then its VF; the default one only loses its filters. */
static void an_adapters_end(void **state)
{
	struct stack_filter_want f = { .mac = { 2, 9 }, .broadcast = true };
	struct stack_filter_info made[STACK_FILTERS_MADE];
	struct stack_vport *a = add(s.adapter, "a"), *v;
	unsigned n;

	(void)state;
	assert_int_equal(try(other.adapter, "b", "b", true, &v), 0);
	assert_int_equal(stack_filter_add(stack_vport_by_id(other.adapter, 0), &f, made, &n, &e), 0);
	assert_int_equal(s.endpoints, 2);
	other.log[0] = '\0';
	stack_adapter_remove(other.adapter);
	assert_string_equal(other.log, "CLEAR_FILTER(3) CLEAR_FILTER(4) CLEAR_FILTER(1) CLEAR_FILTER(2) DELETE_VPORT(1) RESET_VF(0) FREE_VF(0)");
	assert_int_equal(s.endpoints, 1);
	assert_null(stack_vport_find(s.stack, NULL, "b", &e));
	assert_ptr_equal(stack_vport_find(s.stack, NULL, "a", &e), a);
	ndis_adapter_destroy(other.ndis);
	stub_join(&other, &s, "ext1");
}

static void refused(void **state)
{
	static const uint16_t cpus[STACK_MAX_CPUS + 1] = { 1 };
	struct stack_config cfg = { .cpus = cpus, .ncpus = 0 };
	struct stack_adapter *a;
	struct stack *none;

	(void)state;
	assert_int_equal(stack_create(&cfg, &none, &e), -1);
	assert_string_equal(e.field, "cpus");
	cfg.ncpus = STACK_MAX_CPUS + 1;
	assert_int_equal(stack_create(&cfg, &none, &e), -1);
	assert_int_equal(e.code, STACK_PARAM);
	cfg.ncpus = STACK_MAX_CPUS;
	assert_int_equal(stack_create(&cfg, &none, &e), 0);
	stack_destroy(none);
	stack_destroy(NULL);
	assert_int_equal(stack_adapter_add(s.stack, "ext2", other.ndis, 5, NULL, &a, &e), -1);
	assert_string_equal(e.field, "cpu");
	assert_null(stack_adapter_find(s.stack, "ext2", &e));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(adapters_by_name), T(vports_by_name), T(same_bucket), T(filters_stay_on_their_adapter), T(an_adapters_end), T(refused),
	};
#undef T

	return cmocka_run_group_tests_name("stack_adapters", tests, NULL, NULL);
}
