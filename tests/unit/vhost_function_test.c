/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is done to an endpoint from the other side than its front-end's: a virtual function is reset, sleeps and wakes;
 * a VPort gets more or fewer queue pairs.
 */
#include "vhost_stub.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static struct front f;

static int setup_of(unsigned pairs)
{
	stub_loop_open();
	front_open(&f, pairs);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_of(1);
}

static int setup_mq(void **state)
{
	(void)state;
	return setup_of(4);
}

static int teardown(void **state)
{
	(void)state;
	front_close(&f);
	stub_loop_close();
	return 0;
}

static struct vhost_status status(void)
{
	struct vhost_status st;

	vhost_endpoint_status(f.ep, &st);
	return st;
}

static bool signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void set_up(unsigned qp)
{
	front_ring(&f, 2 * qp);
	front_ring(&f, 2 * qp + 1);
	front_enable(&f, 2 * qp, 1);
	front_enable(&f, 2 * qp + 1, 1);
}

/* ---- reset ---- */

static void reset_stops_until_set_up_again(void **state)
{
	int err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t index = 0;

	(void)state;
	front_run(&f);
	front_send(&f, SET_VRING_ERR, 0, &index, sizeof index, &err_fd, 1);
	assert_int_equal(vhost_endpoint_reset(f.ep, "the function was reset"), 0);
	assert_false(f.nic.q[0].started);
	assert_true(signalled(err_fd));
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 1);
	assert_int_equal(stub_count(VHOST_EVENT_BROKEN, 0), 1);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	assert_string_equal(status().queue[0].reason, "the function was reset");
	assert_true(status().connected);
	/* what a driver that has not noticed does brings nothing back: another kick, an enable, the same memory */
	front_send(&f, SET_VRING_KICK, 0, &index, sizeof index, &kick, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	front_memory(&f);
	assert_false(f.nic.q[0].started);
	/* its reset does */
	(void)front_base(&f, 0);
	(void)front_base(&f, 1);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_WAITING);
	set_up(0);
	assert_true(f.nic.q[0].started);
	assert_int_equal(f.nic.q[0].starts, 2);
	close(err_fd);
	close(kick);
}

/* A base alone is no new start: the kick went with the reset. */
static void reset_wants_a_new_kick(void **state)
{
	(void)state;
	front_run(&f);
	assert_int_equal(vhost_endpoint_reset(f.ep, "reset"), 0);
	front_send_state(&f, SET_VRING_BASE, 0, 0);
	front_send_state(&f, SET_VRING_BASE, 1, 0);
	assert_false(f.nic.q[0].started);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_WAITING);
	set_up(0);
	assert_true(f.nic.q[0].started);
}

/* Of an endpoint without a front-end, or before its driver has set anything up, it is nothing. */
static void reset_of_nothing(void **state)
{
	(void)state;
	assert_int_equal(vhost_endpoint_reset(f.ep, "reset"), 0);
	assert_int_equal(stub_events.n, 0);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	assert_int_equal(vhost_endpoint_reset(f.ep, "reset"), 0);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_WAITING);
	set_up(0);
	assert_true(f.nic.q[0].started);
}

/* Every pair, and those that are set up and not running just as well. */
static void reset_is_for_all_pairs(void **state)
{
	(void)state;
	front_run(&f);
	set_up(2);
	front_ring(&f, 2);
	assert_int_equal(vhost_endpoint_reset(f.ep, "reset"), 0);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	assert_int_equal(status().queue[1].state, VHOST_QUEUE_BROKEN);
	assert_int_equal(status().queue[2].state, VHOST_QUEUE_BROKEN);
	assert_int_equal(status().queue[3].state, VHOST_QUEUE_WAITING);
	for (unsigned qp = 0; qp < 4; qp++)
		assert_false(f.nic.q[qp].started);
	front_send_u64(&f, SET_STATUS, 0);
	for (unsigned qp = 0; qp < 4; qp++)
		assert_int_equal(status().queue[qp].state, VHOST_QUEUE_WAITING);
}

static void reset_with_a_stuck_worker(void **state)
{
	(void)state;
	front_run(&f);
	f.nic.stop_rc = -ETIMEDOUT;
	assert_int_equal(vhost_endpoint_reset(f.ep, "reset"), -ETIMEDOUT);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	assert_int_equal(stub_mappings(), 2);
	f.nic.stop_rc = 0;
	front_disconnect(&f);
	front_run(&f);
	assert_true(f.nic.q[0].started);
}

/* ---- sleep ---- */

static void sleep_and_wake(void **state)
{
	(void)state;
	front_run(&f);
	f.nic.q[0].rx_moved = 7;
	assert_int_equal(vhost_endpoint_suspend(f.ep, true), 0);
	assert_int_equal(vhost_endpoint_suspend(f.ep, true), 0);
	assert_false(f.nic.q[0].started);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 1);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_WAITING);
	assert_string_equal(status().queue[0].reason, "its function sleeps");
	/* nothing the front-end does wakes it */
	front_memory(&f);
	front_enable(&f, 0, 1);
	assert_false(f.nic.q[0].started);
	assert_int_equal(vhost_endpoint_suspend(f.ep, false), 0);
	assert_true(f.nic.q[0].started);
	assert_int_equal(f.nic.q[0].cfg.tx.last_avail, 0);
	assert_int_equal(stub_count(VHOST_EVENT_RUNNING, 0), 2);
}

/* A front-end that comes while it sleeps is served when it wakes. */
static void asleep_when_it_comes(void **state)
{
	(void)state;
	assert_int_equal(vhost_endpoint_suspend(f.ep, true), 0);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	set_up(0);
	assert_false(f.nic.q[0].started);
	assert_int_equal(vhost_endpoint_suspend(f.ep, false), 0);
	assert_true(f.nic.q[0].started);
}

static void reset_asleep(void **state)
{
	(void)state;
	front_run(&f);
	assert_int_equal(vhost_endpoint_suspend(f.ep, true), 0);
	assert_int_equal(vhost_endpoint_reset(f.ep, "reset"), 0);
	assert_int_equal(vhost_endpoint_suspend(f.ep, false), 0);
	assert_false(f.nic.q[0].started);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
}

/* ---- queue pairs ---- */

static void more_queue_pairs(void **state)
{
	struct vmq_err err = { "" };

	(void)state;
	front_run(&f);
	assert_int_equal(front_get_u64(&f, GET_FEATURES) & VHOST_FEATURE(MQ), 0);
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 1);
	assert_int_equal(vhost_endpoint_set_queue_pairs(f.ep, 3, &err), 0);
	assert_true(f.nic.q[0].started);
	assert_true(front_get_u64(&f, GET_FEATURES) & VHOST_FEATURE(MQ));
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 3);
	set_up(2);
	assert_true(f.nic.q[2].started);
	assert_int_equal(vhost_endpoint_set_queue_pairs(f.ep, 2, &err), -EBUSY);
	assert_non_null(strstr(err.text, "3 queue pairs"));
	assert_true(f.nic.q[2].started);
	assert_int_equal(status().queue_pairs, 3);
	assert_int_equal(vhost_endpoint_set_queue_pairs(f.ep, 0, &err), -EINVAL);
	assert_int_equal(vhost_endpoint_set_queue_pairs(f.ep, NIC_MAX_QUEUE_PAIRS + 1, &err), -EINVAL);
}

static void fewer_queue_pairs(void **state)
{
	struct vmq_err err = { "" };

	(void)state;
	front_run(&f);
	front_disconnect(&f);
	assert_int_equal(vhost_endpoint_set_queue_pairs(f.ep, 1, &err), 0);
	front_run(&f);
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 1);
	/* a ring beyond them is a fault of the front-end */
	front_send_state(&f, SET_VRING_NUM, 2, 256);
	assert_true(front_is_closed(&f));
}

int main(void)
{
#define T(fn)    cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define T_MQ(fn) cmocka_unit_test_setup_teardown(fn, setup_mq, teardown)
	const struct CMUnitTest tests[] = {
		T(reset_stops_until_set_up_again), T(reset_wants_a_new_kick), T(reset_of_nothing),
		T_MQ(reset_is_for_all_pairs),      T(reset_with_a_stuck_worker), T(sleep_and_wake),
		T(asleep_when_it_comes),           T(reset_asleep),              T(more_queue_pairs),
		T_MQ(fewer_queue_pairs),
	};

	return cmocka_run_group_tests_name("vhost_function", tests, NULL, NULL);
}
