/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Published flaws of vhost-user back-ends that a front-end reaches through its messages, descriptors and memory: each is
 * played against ours and is refused, or does no harm: nothing runs that should not, and no descriptor, no mapping and no
 * memory is left behind. One row a flaw, as in cve_ring_test.c.
 */
#include "vhost_stub.h"

#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>


struct inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
} __attribute__((packed));

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

static struct vhost_status status(void)
{
	struct vhost_status st;

	vhost_endpoint_status(f.ep, &st);
	return st;
}

/* Takes whatever was answered, descriptors too, and throws it away. */
static void swallow(void)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control;
	uint8_t bytes[4096];
	struct iovec iov = { bytes, sizeof bytes };

	for (;;) {
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
		ssize_t n = recvmsg(f.sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n <= 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c))
			for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
				close(fd);
			}
	}
}

/* A session that is there, whatever became of the one before. */
static void session(void)
{
	if (f.sock >= 0 && !front_is_closed(&f))
		return;
	if (f.sock >= 0)
		front_disconnect(&f);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
}

/* With an acknowledgement asked for: refused by it or by the end of the connection. */
static void is_refused(uint32_t request, const void *payload, uint32_t size, const int *fds, unsigned nfds)
{
	uint64_t errors, v = 1;

	session();
	errors = status().errors;
	front_send(&f, request, VHOST_MSG_NEED_REPLY, payload, size, fds, nfds);
	if (!front_is_closed(&f))
		front_recv(&f, request, &v, sizeof v);
	assert_int_not_equal(v, 0);
	assert_int_equal(status().errors, errors + 1);
	assert_non_null(status().last_error);
}

static void open_eventfds(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
}

static void close_all(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

static void ring_size_again_and_again(void)
{
	struct vhost_msg_state s = { .index = 2 };
	size_t before;

	session();
	front_send_state(&f, SET_VRING_NUM, 2, 32768);
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < 5000; i++)
		front_send_state(&f, SET_VRING_NUM, 2, 2u << (i % 15));
	assert_true(status().connected);
	assert_true(mallinfo2().uordblks <= before + 4096);
	for (uint32_t i = 0; i < 64; i++) {
		s.num = 32769 + i * 0x4000000u;
		is_refused(SET_VRING_NUM, &s, sizeof s, NULL, 0);
	}
}

static void descriptors_nobody_asked_for(void)
{
	static const uint32_t requests[] = { GET_FEATURES, SET_FEATURES, SET_OWNER, SET_VRING_NUM, SET_VRING_ADDR, GET_VRING_BASE,
					     SET_PROTOCOL_FEATURES, SET_VRING_ENABLE, SEND_RARP, NET_SET_MTU, SET_STATUS, GET_STATUS,
					     GET_MAX_MEM_SLOTS, SET_VRING_ENDIAN, 999 };
	const uint8_t payload[64] = { 0 };
	unsigned before;
	int fds[8];

	session();
	front_disconnect(&f);
	before = stub_open_fds();
	for (unsigned i = 0; i < 15 * 8; i++) {
		static const uint32_t size[] = { 0, 8, 0, 8, 40, 8, 8, 8, 8, 8, 8, 0, 0, 8, 8 };
		unsigned n = i / 15 + 1;

		session();
		open_eventfds(fds, n);
		front_send(&f, requests[i % 15], VHOST_MSG_NEED_REPLY, payload, size[i % 15], fds, n);
		close_all(fds, n);
		swallow();
		assert_int_equal(status().mem_slots, 0);
		front_disconnect(&f);
		assert_int_equal(stub_open_fds(), before);
	}
}

static void log_size_and_offset_wrap(void)
{
	const struct vhost_msg_log bad[] = { { 0x2000, UINT64_MAX - 0xfff }, { UINT64_MAX, 1 }, { UINT64_MAX - 0xfff, 0x1000 },
					     { 1ull << 63, 1ull << 63 }, { 0x1000, UINT64_MAX }, { 0x2000, STUB_MEM_BYTES - 0x1000 } };
	unsigned maps = stub_mappings();

	for (unsigned i = 0; i < 6; i++)
		is_refused(SET_LOG_BASE, &bad[i], sizeof bad[i], &f.memfd, 1);
	assert_false(status().logging);
	assert_int_equal(stub_mappings(), maps);
}

static void ring_number_is_cut_short(void)
{
	const uint32_t index[] = { 4, 254, 255, 256, 0x10000, 0x7fffffff, 0x80000000u, 0xffffff00u, 0xffffffffu };

	for (unsigned i = 0; i < sizeof index / sizeof index[0]; i++) {
		struct vhost_msg_state s = { index[i], 1 };
		struct vhost_msg_addr a = front_ring_addr(0);

		a.index = index[i];
		is_refused(SET_VRING_NUM, &s, sizeof s, NULL, 0);
		is_refused(SET_VRING_BASE, &s, sizeof s, NULL, 0);
		is_refused(SET_VRING_ENABLE, &s, sizeof s, NULL, 0);
		is_refused(SET_VRING_ADDR, &a, sizeof a, NULL, 0);
		session();
		front_send(&f, GET_VRING_BASE, 0, &s, sizeof s, NULL, 0);
		assert_true(front_is_closed(&f)); /* it has an answer of its own: no other way to say no */
	}
	for (uint64_t i = 4; i < 256; i += 21) {
		int fd = eventfd(0, EFD_CLOEXEC);

		is_refused(SET_VRING_KICK, &i, sizeof i, &fd, 1);
		is_refused(SET_VRING_CALL, &i, sizeof i, &fd, 1);
		close(fd);
	}
}

static void inflight_region_again_and_again(void)
{
	struct inflight in = { .queues = 4, .queue_size = 256 };
	unsigned fds = stub_open_fds(), maps = stub_mappings();

	session();
	for (unsigned i = 0; i < 500; i++) {
		front_send(&f, GET_INFLIGHT_FD, 0, &in, sizeof in, NULL, 0);
		swallow();
		session();
	}
	assert_true(stub_open_fds() <= fds + 3 && stub_mappings() <= maps + 1); /* both ends of the connection, and one region */
	front_disconnect(&f);
	assert_int_equal(stub_open_fds(), fds);
	assert_int_equal(stub_mappings(), maps);
}

static void inflight_of_many_queues(void)
{
	const struct inflight bad[] = { { 4096, 0, UINT16_MAX, UINT16_MAX }, { 4096, 0, UINT16_MAX, 256 }, { 4096, 0, 33, 32768 },
					{ 4096, 0, 4, UINT16_MAX }, { UINT64_MAX, 4096, 4, 256 }, { 4096, UINT64_MAX, 4, 256 },
					{ 64, 0, 4, 32768 } };
	unsigned maps = stub_mappings();

	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		is_refused(SET_INFLIGHT_FD, &bad[i], sizeof bad[i], &f.memfd, 1);
	assert_int_equal(stub_mappings(), maps);
}

static void inflight_with_descriptors(void)
{
	struct inflight in = { .size = 4096, .queues = 4, .queue_size = 16 };
	unsigned before;
	int fds[8];

	session();
	front_disconnect(&f);
	before = stub_open_fds();
	for (unsigned i = 0; i < 64; i++) {
		unsigned n = i % 8 + 1;

		session();
		open_eventfds(fds, n);
		front_send(&f, i & 8 ? GET_INFLIGHT_FD : SET_INFLIGHT_FD, VHOST_MSG_NEED_REPLY, &in, sizeof in, fds, n);
		close_all(fds, n);
		swallow();
		front_disconnect(&f);
		assert_int_equal(stub_open_fds(), before);
	}
}

/* Whoever keeps account of a ring's buffers in a region for small rings must not serve a larger one with it. */
static void ring_larger_than_its_inflight_region(void)
{
	struct inflight in = { .size = 64 + 2 * 16, .queues = 1, .queue_size = 2 };
	uint64_t v = 1;

	session();
	front_send(&f, SET_INFLIGHT_FD, VHOST_MSG_NEED_REPLY, &in, sizeof in, &f.memfd, 1);
	if (!front_is_closed(&f))
		front_recv(&f, SET_INFLIGHT_FD, &v, sizeof v);
	session();
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_true(v != 0 || !f.nic.q[0].started);
}

static void region_larger_than_its_file(void)
{
	const struct vhost_msg_region bad[] = {
		{ STUB_GPA, 0, STUB_UVA, 0 }, { STUB_GPA, STUB_MEM_BYTES + 1, STUB_UVA, 0 }, { STUB_GPA, STUB_MEM_BYTES, STUB_UVA, 1 },
		{ STUB_GPA, UINT64_MAX, STUB_UVA, 0 }, { STUB_GPA, 4096, STUB_UVA, UINT64_MAX - 4095 },
		{ STUB_GPA, 1ull << 47, STUB_UVA, 0 }, { STUB_GPA, UINT64_MAX - STUB_GPA + 1, STUB_UVA, 0 },
	};
	unsigned maps = stub_mappings();

	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const struct vhost_msg_table t = { .nregions = 1, .region = { bad[i] } };
		const struct vhost_msg_slot s = { .region = bad[i] };

		is_refused(SET_MEM_TABLE, &t, 8 + sizeof t.region[0], &f.memfd, 1);
		is_refused(ADD_MEM_REG, &s, sizeof s, &f.memfd, 1);
	}
	assert_int_equal(stub_mappings(), maps);
	assert_int_equal(status().mem_slots, 0);
}

static void regions_without_end(void)
{
	unsigned maps = stub_mappings(), taken = 1;

	front_run(&f);
	for (unsigned i = 0; i < 2 * GUEST_MEM_MAX_SLOTS; i++) {
		const uint64_t at = STUB_MEM_BYTES + i * 4096ull;
		const struct vhost_msg_slot s = { .region = { STUB_GPA + at, 4096, STUB_UVA + at, 0 } };

		taken += front_ack(&f, ADD_MEM_REG, &s, sizeof s, &f.memfd, 1) == 0;
	}
	assert_int_equal(taken, GUEST_MEM_MAX_SLOTS);
	assert_int_equal(stub_mappings(), maps + taken);
	assert_int_equal(status().mem_slots, taken);
}

static void log_begins_at_its_offset(void)
{
	const struct vhost_msg_log l = { .size = 0x10000, .offset = 0x3000 };
	struct stub_queue *q = &f.nic.q[0];
	uint64_t v = 1;

	front_run(&f);
	front_send(&f, SET_LOG_BASE, 0, &l, sizeof l, &f.memfd, 1);
	front_recv(&f, SET_LOG_BASE, &v, sizeof v);
	assert_int_equal(v, 0);
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(LOG_ALL));
	assert_int_equal(q->cfg.dirty_log_size, 0x10000);
	memset(f.mem, 0, STUB_MEM_BYTES);
	q->cfg.dirty_log[0] = 1;
	q->cfg.dirty_log[0xffff] = 2;
	for (unsigned i = 0; i < STUB_MEM_BYTES; i++)
		assert_int_equal(f.mem[i], i == 0x3000 ? 1 : i == 0x12fff ? 2 : 0);
}

/* The log goes while the ring writes to it: not before the ring was told. */
static void log_goes_while_in_use(void)
{
	const struct vhost_msg_log l = { .size = 0x10000 };
	struct stub_queue *q = &f.nic.q[0];
	unsigned maps;
	uint64_t v = 1;

	front_run(&f);
	front_send(&f, SET_LOG_BASE, 0, &l, sizeof l, &f.memfd, 1);
	front_recv(&f, SET_LOG_BASE, &v, sizeof v);
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(LOG_ALL));
	maps = stub_mappings();
	for (unsigned i = 0; i < 50; i++) {
		uint8_t *old = q->cfg.dirty_log;

		assert_non_null(old);
		old[5]++; /* it is there still */
		front_send(&f, SET_LOG_BASE, 0, &l, sizeof l, &f.memfd, 1);
		front_recv(&f, SET_LOG_BASE, &v, sizeof v);
		front_send_u64(&f, SET_FEATURES, STUB_FEATURES);
		assert_null(q->cfg.dirty_log);
		front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(LOG_ALL));
	}
	assert_int_equal(f.mem[5], 50);
	assert_int_equal(stub_mappings(), maps);
	assert_int_equal(q->starts, 1);
}

static void log_descriptor_again_and_again(void)
{
	unsigned before;
	int fd;

	session();
	before = stub_open_fds();
	for (unsigned i = 0; i < 500; i++) {
		fd = eventfd(0, EFD_CLOEXEC);
		front_send(&f, SET_LOG_FD, 0, NULL, 0, &fd, 1);
		close(fd);
	}
	assert_true(status().connected);
	assert_true(stub_open_fds() <= before + 1);
}

static void ring_of_no_size_anywhere(void)
{
	struct vhost_msg_state s = { 0, 0 };
	const struct vhost_msg_addr a = { .index = 0 };

	session();
	front_memory(&f);
	is_refused(SET_VRING_NUM, &s, sizeof s, NULL, 0);
	s.num = 1;
	is_refused(SET_VRING_NUM, &s, sizeof s, NULL, 0);
	s.num = 256;
	session();
	assert_int_equal(front_ack(&f, SET_VRING_NUM, &s, sizeof s, NULL, 0), 0);
	is_refused(SET_VRING_ADDR, &a, sizeof a, NULL, 0);
	assert_false(f.nic.q[0].started);
}

static void feature_with_a_longer_header(void)
{
	const uint64_t hash_report = STUB_FEATURES | 1ull << 57;

	session();
	front_send(&f, SET_FEATURES, VHOST_MSG_NEED_REPLY, &hash_report, sizeof hash_report, NULL, 0);
	assert_true(front_is_closed(&f));
	assert_non_null(strstr(status().last_error, "not offered"));
	for (unsigned bit = 0; bit < 64; bit++) {
		const uint64_t v = 1ull << bit;

		session();
		if (front_get_u64(&f, GET_FEATURES) & v)
			continue;
		front_send_u64(&f, SET_FEATURES, v);
		assert_true(front_is_closed(&f));
	}
}

/* The rings' own memory goes: they are not touched any more when it does. */
static void rings_on_memory_that_goes(void)
{
	const struct vhost_msg_slot s = { .region = front_region() };
	struct stub_queue *q = &f.nic.q[0];
	unsigned maps = stub_mappings();

	front_run(&f);
	assert_int_equal(stub_mappings(), maps + 1);
	assert_int_equal(front_ack(&f, REM_MEM_REG, &s, sizeof s, NULL, 0), 0);
	assert_false(q->started);
	assert_int_equal(stub_mappings(), maps);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_WAITING);
	assert_int_equal(front_ack(&f, ADD_MEM_REG, &s, sizeof s, &f.memfd, 1), 0);
	assert_true(q->started);
	assert_ptr_equal(q->cfg.rx.desc, guest_mem_at_uva(q->cfg.mem, STUB_UVA, 16));
}

struct flaw {
	const char *id, *what;
	void (*play)(void);
};

static const struct flaw flaws[] = {
	{ "CVE-2015-6252", "log descriptors given again and again", log_descriptor_again_and_again },
	{ "CVE-2017-17381", "a ring without size or place", ring_of_no_size_anywhere },
	{ "CVE-2019-14818", "ring sizes again and again", ring_size_again_and_again },
	{ "CVE-2019-14818", "descriptors with requests that have none", descriptors_nobody_asked_for },
	{ "CVE-2020-10722", "the log's size and offset wrap", log_size_and_offset_wrap },
	{ "CVE-2020-10723", "a ring's number is cut short before it is checked", ring_number_is_cut_short },
	{ "CVE-2020-10726", "in-flight regions asked for again and again", inflight_region_again_and_again },
	{ "CVE-2021-3839", "an in-flight region for more queues than there are", inflight_of_many_queues },
	{ "CVE-2022-0669", "descriptors with in-flight requests", inflight_with_descriptors },
	{ "CVE-2023-6693", "a feature that makes the header longer", feature_with_a_longer_header },
	{ "CVE-2025-38074", "the log goes while rings write to it", log_goes_while_in_use },
	{ "CVE-2026-74713", "mappings without end", regions_without_end },
	{ "CVE-2026-86561", "a memory region that its file does not hold", region_larger_than_its_file },
	{ "CVE-2026-86563", "the log's offset is counted twice", log_begins_at_its_offset },
	{ "CVE-2026-86565", "a ring larger than its in-flight region", ring_larger_than_its_inflight_region },
	{ "CVE-2026-86567", "the rings' memory goes", rings_on_memory_that_goes },
};

#define FLAWS (sizeof flaws / sizeof flaws[0])

static void play(void **state)
{
	((const struct flaw *)*state)->play();
}

int main(void)
{
	static struct CMUnitTest tests[FLAWS];
	static char name[FLAWS][128];

	for (unsigned i = 0; i < FLAWS; i++) {
		(void)snprintf(name[i], sizeof name[i], "%s: %s", flaws[i].id, flaws[i].what);
		tests[i] = (struct CMUnitTest){ name[i], play, setup, teardown, (void *)&flaws[i] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
