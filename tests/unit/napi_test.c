/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads of a device's NAPIs, asked for of a kernel that takes notes and refuses some: all of them, or none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "port/napi.h"

#define NAPIS 4u

static bool threads[NAPIS];
static unsigned refused; /* this one's thread; NAPIS: none's */

int netdev_open(struct netdev *d)
{
	d->sock = (struct mnl_socket *)threads;
	return 0;
}

void netdev_close(struct netdev *d)
{
	d->sock = NULL;
}

int netdev_napis(struct netdev *d, int ifindex, struct netdev_napi *of, unsigned max)
{
	(void)d;
	assert_int_equal(ifindex, 7);
	assert_true(max >= NAPIS);
	for (unsigned i = 0; i < NAPIS; i++)
		of[i] = (struct netdev_napi){ .id = 100 + i, .thread = threads[i] };
	return NAPIS;
}

int netdev_set_thread(struct netdev *d, uint32_t napi, bool thread)
{
	(void)d;
	assert_in_range(napi, 100, 100 + NAPIS - 1);
	if (thread && napi - 100 == refused)
		return -ENOMEM;
	threads[napi - 100] = thread;
	return 0;
}

bool device_napi_thread(const struct device *d)
{
	(void)d;
	return false;
}

void device_driver(const struct device *d, char driver[32], char bus[32])
{
	(void)d;
	(void)strcpy(driver, "veth");
	bus[0] = '\0';
}

static void all_or_none(void **state)
{
	static const struct device dev = { .ctl = -1, .index = 7, .name = "dev0" };
	static const struct napi_cpus none;
	struct port_kept kept = { .keep = NULL };
	struct napi n;

	(void)state;
	for (refused = 0; refused <= NAPIS; refused++) {
		bool made = refused == NAPIS;

		napi_open(&n, &dev, PORT_NAPI_AUTO, &none, &kept);
		assert_true(n.made == made && n.thread == made);
		assert_string_equal(n.why, made ? "" : "Cannot allocate memory");
		for (unsigned i = 0; i < NAPIS; i++)
			assert_true(threads[i] == made);
		napi_close(&n, &dev, false);
		for (unsigned i = 0; i < NAPIS; i++)
			assert_false(threads[i]);
	}
}

/* Somebody else's stay, whatever becomes of ours. */
static void of_somebody_else(void **state)
{
	static const struct device dev = { .ctl = -1, .index = 7, .name = "dev0" };
	static const struct napi_cpus none;
	struct port_kept kept = { .keep = NULL };
	struct napi n;

	(void)state;
	threads[1] = true;
	napi_open(&n, &dev, PORT_NAPI_THREAD, &none, &kept);
	assert_true(n.thread && !n.made);
	napi_close(&n, &dev, false);
	assert_true(threads[1] && !threads[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_or_none), cmocka_unit_test(of_somebody_else) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
