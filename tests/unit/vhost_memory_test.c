/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM's memory in the vhost-user back-end: slots one by one under a running queue, offsets and odd sizes, and files
 * that are truncated while they are in use.
 */
#include "vhost_stub.h"

#include "vhost/guard.h"
#include "vhost/memory.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FAR_GPA UINT64_C(0x100000000)
#define FAR_UVA UINT64_C(0x7ff000000000)

static struct front f;

static int setup(void **state)
{
	(void)state;
	stub_loop_open();
	front_open(&f, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	front_close(&f);
	stub_loop_close();
	return 0;
}

/* In the test's own function: cmocka puts its own handler in place before each setup and each test. */
static void guard(void)
{
	assert_int_not_equal(signal(SIGBUS, SIG_DFL), SIG_ERR);
	assert_int_equal(vhost_guard_start(&stub_loop, NULL), 0);
}

static int teardown_guard(void **state)
{
	int rc;

	vhost_endpoint_close(f.ep);
	f.ep = NULL;
	vhost_guard_stop();
	rc = teardown(state);
	return rc;
}

static struct vhost_status status(void)
{
	struct vhost_status st;

	vhost_endpoint_status(f.ep, &st);
	return st;
}

/* Slot i beside the rings' own: a page, gaps between, in an order that is neither up nor down. */
static struct vhost_msg_slot nth_slot(unsigned i)
{
	uint64_t at = (uint64_t)(i * 7919 % 509 + 1) << 20;

	return (struct vhost_msg_slot){ .region = { STUB_GPA + at, 4096, STUB_UVA + at, (uint64_t)i * 4096 } };
}

static uint64_t add_to(struct front *x, const struct vhost_msg_slot *s, int fd)
{
	return front_ack(x, ADD_MEM_REG, s, sizeof *s, &fd, 1);
}

static uint64_t add(const struct vhost_msg_slot *s, int fd)
{
	return add_to(&f, s, fd);
}

static uint64_t rem(const struct vhost_msg_slot *s)
{
	return front_ack(&f, REM_MEM_REG, s, sizeof *s, NULL, 0);
}

/* The byte that the data path finds at a guest address. */
static int byte_at(uint64_t gpa)
{
	uint32_t hint = 0, len = 1;
	const uint8_t *b = guest_mem_at(f.nic.q[0].cfg.mem, gpa, &len, &hint);

	return b ? *b : -1;
}

static void many_slots(void **state)
{
	struct vhost_msg_slot own = { .region = front_region() }, s;
	int fd = memfd_create("slots", MFD_CLOEXEC);
	unsigned before = stub_mappings(), fds;

	(void)state;
	assert_int_equal(ftruncate(fd, 509 * 4096), 0);
	for (unsigned i = 0; i < 509; i++)
		assert_int_equal(pwrite(fd, &(uint8_t){ (uint8_t)(i % 251) }, 1, i * 4096 + 99), 1);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	assert_int_equal(front_get_u64(&f, GET_MAX_MEM_SLOTS), 509);
	assert_int_equal(add(&own, f.memfd), 0);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_true(f.nic.q[0].started);
	fds = stub_open_fds();
	for (unsigned i = 0; i < 508; i++) {
		s = nth_slot(i);
		assert_int_equal(add(&s, fd), 0);
		assert_true(f.nic.q[0].started);
	}
	assert_int_equal(status().mem_slots, 509);
	assert_int_equal(status().mem_bytes, STUB_MEM_BYTES + 508 * 4096);
	assert_int_equal(f.nic.q[0].cfg.mem->nslots, 509);
	for (unsigned i = 0; i < 508; i++)
		assert_int_equal(byte_at(nth_slot(i).region.gpa + 99), i % 251);
	assert_int_equal(byte_at(nth_slot(0).region.gpa + 4096), -1);
	assert_int_equal(stub_open_fds(), fds);
	s = nth_slot(508);
	assert_int_not_equal(add(&s, fd), 0);
	assert_non_null(strstr(status().last_error, "509 memory slots"));
	/* Removal of every other one, under the running queue; no pause is told. */
	for (unsigned i = 0; i < 508; i += 2) {
		s = nth_slot(i);
		s.region.offset = 12345; /* is not looked at */
		assert_int_equal(rem(&s), 0);
		assert_int_equal(byte_at(s.region.gpa + 99), -1);
		assert_int_equal(byte_at(nth_slot(i + 1).region.gpa + 99), (i + 1) % 251);
		assert_true(f.nic.q[0].started);
	}
	assert_int_equal(status().mem_slots, 255);
	assert_int_equal(stub_mappings(), before + 255);
	assert_int_equal(stub_count(VHOST_EVENT_RUNNING, 0), 1);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 0);
	/* The rings' own slot: the pair waits for it and goes on where it was. */
	f.nic.q[0].rx_moved = 11;
	assert_int_equal(rem(&own), 0);
	assert_false(f.nic.q[0].started);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 1);
	assert_int_equal(add(&own, f.memfd), 0);
	assert_true(f.nic.q[0].started);
	assert_int_equal(f.nic.q[0].cfg.rx.last_avail, 11);
	/* One descriptor with a removal is what some front-ends send. */
	s = nth_slot(1);
	assert_int_equal(front_ack(&f, REM_MEM_REG, &s, sizeof s, &fd, 1), 0);
	assert_int_equal(stub_open_fds(), fds);
	front_disconnect(&f);
	assert_int_equal(stub_mappings(), before);
	close(fd);
}

/* QEMU 7.2 adds and removes each region once for each of its queue pairs. */
static void slot_for_each_pair(void **state)
{
	struct vhost_msg_slot own = { .region = front_region() }, s = nth_slot(0);
	int fd = memfd_create("slots", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	front_run(&f);
	assert_int_equal(add(&own, f.memfd), 0);
	assert_int_equal(add(&s, fd), 0);
	assert_int_equal(f.nic.q[0].starts, 2);
	assert_int_equal(add(&s, fd), 0);
	assert_int_equal(status().mem_slots, 2);
	assert_int_equal(f.nic.q[0].starts, 2);
	assert_int_equal(rem(&s), 0);
	assert_int_equal(status().mem_slots, 1);
	assert_int_equal(rem(&s), 0);
	assert_int_equal(status().mem_slots, 1);
	assert_int_equal(f.nic.q[0].starts, 3);
	assert_int_equal(status().errors, 0);
	close(fd);
}

/* The region begins and ends in the middle of pages of its file. */
static void odd_offset(void **state)
{
	struct vhost_msg_slot s = { .region = { 0x100000000, 0x1801, 0x7ff000000000, 0x2345 } };
	int fd = memfd_create("odd", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 0x2345 + 0x1801), 0);
	assert_int_equal(pwrite(fd, "\x11", 1, 0x2345), 1);
	assert_int_equal(pwrite(fd, "\x22", 1, 0x2345 + 0x1800), 1);
	front_run(&f);
	assert_int_equal(add(&s, fd), 0);
	assert_int_equal(byte_at(0x100000000), 0x11);
	assert_int_equal(byte_at(0x100001800), 0x22);
	assert_int_equal(byte_at(0x100001801), -1);
	close(fd);
}

/* Guest and user addresses of rings are aligned, their places here are not. */
static void rings_at_odd_places(void **state)
{
	struct vhost_msg_addr a = front_ring_addr(2);
	int fd = memfd_create("odd", MFD_CLOEXEC);
	struct vhost_msg_slot s = { .region = { FAR_GPA, 0x10000, FAR_UVA, 1 } };
	struct vhost_msg_slot odd_uva = { .region = { 2 * FAR_GPA, 0x10000, 2 * FAR_UVA + 2, 0 } };

	(void)state;
	assert_int_equal(ftruncate(fd, 0x20000), 0);
	front_run(&f);
	front_ring(&f, 2);
	assert_int_equal(add(&s, fd), 0);
	assert_int_equal(add(&odd_uva, fd), 0);
	a.desc = FAR_UVA;
	a.avail = FAR_UVA + 0x2000;
	a.used = FAR_UVA + 0x4000;
	assert_int_equal(front_ack(&f, SET_VRING_ADDR, &a, sizeof a, NULL, 0), 1);
	assert_non_null(strstr(status().last_error, "the place of the descriptor area in its file is not a multiple of 16"));
	a = front_ring_addr(2);
	a.used = 2 * FAR_UVA + 0x4000;
	assert_int_equal(front_ack(&f, SET_VRING_ADDR, &a, sizeof a, NULL, 0), 1);
	assert_non_null(strstr(status().last_error, "the place of the used area in its file is not a multiple of 4"));
	close(fd);
}

static void empty_table(void **state)
{
	uint64_t none = 0;

	(void)state;
	front_run(&f);
	assert_int_equal(front_ack(&f, SET_MEM_TABLE, &none, sizeof none, NULL, 0), 0);
	assert_false(f.nic.q[0].started);
	assert_int_equal(status().mem_slots, 0);
	assert_int_equal(stub_mappings(), 1);
}

/* ---- truncated files ---- */

static void *touch(void *arg)
{
	volatile uint8_t *p = arg;

	for (unsigned i = 0; i < STUB_MEM_BYTES; i += 4096)
		p[i] = (uint8_t)(p[i] + 1);
	return NULL;
}

static void truncated_under_a_worker(void **state)
{
	struct stub_queue *q = &f.nic.q[0];
	int err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), good = memfd_create("good", MFD_CLOEXEC);
	struct vhost_msg_table t = { .nregions = 1, .region = { front_region() } };
	uint64_t ring = 0, n;
	pthread_t worker;
	uint8_t *guest;

	(void)state;
	guard();
	front_run(&f);
	front_send(&f, SET_VRING_ERR, 0, &ring, sizeof ring, &err_fd, 1);
	guest = q->cfg.mem->slot[0].host;
	assert_int_equal(ftruncate(f.memfd, 4096), 0);
	/* Two workers and this thread touch it at once; all go on, and find zeroes. */
	assert_int_equal(pthread_create(&worker, NULL, touch, guest), 0);
	touch(guest);
	assert_int_equal(pthread_join(worker, NULL), 0);
	assert_true(q->started);
	stub_loop_turn();
	assert_false(q->started);
	assert_true(status().connected);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	assert_string_equal(status().queue[0].reason, VHOST_MEM_LOST);
	assert_int_equal(stub_count(VHOST_EVENT_BROKEN, 0), 1);
	assert_int_equal(read(err_fd, &n, sizeof n), sizeof n);
	/* A new set-up of the ring does not make that memory the VM's again; a new table does. */
	(void)front_base(&f, 0);
	(void)front_base(&f, 1);
	front_ring(&f, 0);
	front_ring(&f, 1);
	assert_false(q->started);
	assert_string_equal(status().queue[0].reason, VHOST_MEM_LOST);
	assert_int_equal(ftruncate(good, STUB_MEM_BYTES), 0);
	front_send(&f, SET_MEM_TABLE, 0, &t, 8 + 32, &good, 1);
	assert_true(q->started);
	/* Many more of them, so that the table of ranges is used again and again. */
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(ftruncate(good, 0), 0);
		((volatile uint8_t *)q->cfg.mem->slot[0].host)[8192] = 1;
		stub_loop_turn();
		assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
		front_disconnect(&f);
		assert_int_equal(ftruncate(good, STUB_MEM_BYTES), 0);
		assert_int_equal(ftruncate(f.memfd, STUB_MEM_BYTES), 0);
		front_run(&f);
		front_send(&f, SET_MEM_TABLE, 0, &t, 8 + 32, &good, 1);
		assert_true(q->started);
	}
	assert_int_equal(ftruncate(f.memfd, STUB_MEM_BYTES), 0);
	close(good);
	close(err_fd);
}

/* The control thread itself reads the ring's index at start. */
static void truncated_before_the_start(void **state)
{
	(void)state;
	guard();
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	assert_int_equal(ftruncate(f.memfd, 0), 0);
	front_enable(&f, 1, 1);
	stub_loop_turn();
	assert_false(f.nic.q[0].started);
	assert_string_equal(status().queue[0].reason, VHOST_MEM_LOST);
	assert_int_equal(ftruncate(f.memfd, STUB_MEM_BYTES), 0);
}

static void truncated_log(void **state)
{
	struct vhost_msg_log l = { .size = 0x10000 };
	int fd = memfd_create("log", MFD_CLOEXEC);
	uint64_t v;

	(void)state;
	guard();
	assert_int_equal(ftruncate(fd, 0x10000), 0);
	front_run(&f);
	front_send(&f, SET_LOG_BASE, 0, &l, sizeof l, &fd, 1);
	front_recv(&f, SET_LOG_BASE, &v, sizeof v);
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(LOG_ALL));
	assert_int_equal(ftruncate(fd, 0), 0);
	((volatile uint8_t *)f.nic.q[0].cfg.dirty_log)[0x8000] = 1;
	stub_loop_turn();
	assert_false(f.nic.q[0].started);
	assert_string_equal(status().queue[0].reason, "the migration log's file was truncated");
	assert_false(status().logging);
	assert_int_equal(stub_mappings(), 2);
	close(fd);
}

/* One VM's lost memory is no other VM's business. */
static void truncated_of_two(void **state)
{
	static struct front other;
	struct vhost_status st;

	(void)state;
	guard();
	front_open(&other, 1);
	front_run(&other);
	front_run(&f);
	assert_int_equal(ftruncate(f.memfd, 0), 0);
	*(volatile uint8_t *)f.nic.q[0].cfg.rx.desc = 1;
	stub_loop_turn();
	assert_false(f.nic.q[0].started);
	assert_true(other.nic.q[0].started);
	vhost_endpoint_status(other.ep, &st);
	assert_int_equal(st.queue[0].state, VHOST_QUEUE_RUNNING);
	assert_true(front_same_byte(&other, other.nic.q[0].cfg.rx.desc, front_ring_addr(0).desc));
	front_close(&other);
	assert_int_equal(ftruncate(f.memfd, STUB_MEM_BYTES), 0);
}

/* Two ranges side by side: what happens to one does not happen to the other. */
static void truncated_neighbour(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("two", MFD_CLOEXEC);
	struct vhost_guard_range *r[3];
	uint8_t *at;

	(void)state;
	guard();
	assert_int_equal(ftruncate(fd, (off_t)(3 * page)), 0);
	at = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(at, 7, 3 * page);
	for (unsigned i = 0; i < 3; i++)
		r[i] = vhost_guard_add(at + i * page, page, NULL, NULL);
	assert_int_equal(ftruncate(fd, (off_t)page), 0);
	at[page + 1] = 1;
	assert_int_equal(at[page], 0);
	assert_true(vhost_guard_lost(r[1]));
	assert_false(vhost_guard_lost(r[0]) || vhost_guard_lost(r[2]));
	assert_int_equal(at[0], 7);
	assert_int_equal(at[2 * page], 0);
	assert_true(vhost_guard_lost(r[2]));
	assert_int_equal(at[page + 1], 1);
	stub_loop_turn();
	for (unsigned i = 0; i < 3; i++)
		vhost_guard_remove(r[i]);
	munmap(at, 3 * page);
	close(fd);
}

/* A SIGBUS that is none of ours ends the process as ever, be it a fault or sent. */
static void other_sigbus_still_kills(void **state)
{
	(void)state;
	guard();
	for (unsigned sent = 0; sent < 2; sent++) {
		int fd, st;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			volatile uint8_t *p;

			(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
			fd = memfd_create("own", MFD_CLOEXEC);
			p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			if (sent)
				(void)raise(SIGBUS);
			else
				*p = 1;
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &st, 0), pid);
		assert_true(WIFSIGNALED(st));
		assert_int_equal(WTERMSIG(st), SIGBUS);
	}
}

/* Adds slots of its own until one is refused; returns how many there are, its reason in last_error. */
static unsigned add_all(struct front *x, int fd)
{
	struct vhost_status st;

	for (unsigned i = 0; i < 508; i++) {
		struct vhost_msg_slot s = nth_slot(i);

		if (front_ack(x, ADD_MEM_REG, &s, sizeof s, &fd, 1))
			break;
	}
	vhost_endpoint_status(x->ep, &st);
	return st.mem_slots;
}

static const char *last_error(const struct front *x)
{
	struct vhost_status st;

	vhost_endpoint_status(x->ep, &st);
	return st.last_error;
}

/* The process has a number of mappings, for all VMs: some take many, and still each new one gets its first. */
static void mappings_have_a_bound(void **state)
{
	int fd = memfd_create("slots", MFD_CLOEXEC);
	struct front g, h;

	(void)state;
	assert_int_equal(ftruncate(fd, 509 * 4096), 0);
	front_open(&g, 1);
	front_open(&h, 1);
	vhost_maps_limit(60, VHOST_BYTES_MOST);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	assert_int_equal(add_all(&f, fd), 30);
	assert_non_null(strstr(last_error(&f), "this VM has 30 mappings, all together 30"));
	front_connect(&g);
	front_features(&g, STUB_FEATURES);
	assert_int_equal(add_all(&g, fd), 16);
	front_connect(&h);
	front_features(&h, STUB_FEATURES);
	assert_int_equal(add_all(&h, fd), 14);
	assert_non_null(strstr(last_error(&h), "all VMs together have 60 mappings"));
	assert_int_equal(stub_mappings(), 3 + 60);
	front_disconnect(&f); /* what it had is there for others again */
	assert_int_equal(add_all(&h, fd), 16);
	front_close(&h);
	front_close(&g);
	vhost_maps_limit(32765, VHOST_BYTES_MOST);
	close(fd);
}

/* Addresses are finite, too: few VMs with huge files leave half of them to the others. */
static void bytes_have_a_bound(void **state)
{
	struct vhost_msg_slot s = { .region = { FAR_GPA, 48 << 20, FAR_UVA, 0 } };
	int fd = memfd_create("huge", MFD_CLOEXEC);
	struct front g;

	(void)state;
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	front_open(&g, 1);
	vhost_maps_limit(60, 128 << 20); /* of which 128 KiB are sure */
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	assert_int_equal(add_to(&f, &s, fd), 0);
	s.region.gpa = s.region.uva = 2 * FAR_GPA;
	s.region.size = 16 << 20;
	assert_int_equal(add_to(&f, &s, fd), 0);
	/* half is gone */
	front_connect(&g);
	front_features(&g, STUB_FEATURES);
	assert_int_equal(add_to(&g, &s, fd), 1);
	assert_non_null(strstr(last_error(&g), "all together 0x4000000, and 0x1000000 more are too many"));
	s.region.size = 64 << 10;
	assert_int_equal(add_to(&g, &s, fd), 0);
	s.region.gpa = s.region.uva = FAR_GPA;
	assert_int_equal(add_to(&g, &s, fd), 0);
	s.region.gpa = s.region.uva = 3 * FAR_GPA;
	assert_int_equal(add_to(&g, &s, fd), 1);
	assert_non_null(strstr(last_error(&g), "only a VM's first 0x20000 are possible"));
	assert_int_equal(add_to(&f, &s, fd), 1);
	front_disconnect(&f); /* what it had is there for others again */
	assert_int_equal(add_to(&g, &s, fd), 0);
	front_close(&g);
	vhost_maps_limit(32765, VHOST_BYTES_MOST);
	close(fd);
}

/* A front-end whose memory is its own (share=off): it never comes to rings, or its rings stay blank. */
static void memory_that_is_not_shared(void **state)
{
	(void)state;
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	assert_non_null(strstr(status().queue[0].reason, "share=on"));
	front_disconnect(&f);
	front_run(&f);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_RUNNING);
	assert_non_null(strstr(status().queue[0].reason, "share=on"));
	f.mem[8] = 1; /* a descriptor's length */
	assert_null(status().queue[0].reason);
	f.mem[8] = 0;
	((uint16_t *)(f.mem + 0x2000))[1] = 1; /* the available index */
	assert_null(status().queue[0].reason);
	((uint16_t *)(f.mem + 0x2000))[1] = 0;
}

int main(void)
{
#define T(fn)       cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define T_GUARD(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown_guard)
	const struct CMUnitTest tests[] = {
		T(many_slots),
		T(slot_for_each_pair),
		T(odd_offset),
		T(rings_at_odd_places),
		T(empty_table),
		T(mappings_have_a_bound),
		T(bytes_have_a_bound),
		T(memory_that_is_not_shared),
		T_GUARD(truncated_under_a_worker),
		T_GUARD(truncated_before_the_start),
		T_GUARD(truncated_log),
		T_GUARD(truncated_of_two),
		T_GUARD(truncated_neighbour),
		T_GUARD(other_sigbus_still_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
