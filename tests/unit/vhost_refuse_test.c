/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a front-end may get wrong: each case once with an acknowledgement asked for (refused, the connection and all
 * that runs stay as they were) and once without (the connection is closed), on an endpoint whose pair is running.
 */
#include "vhost_stub.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

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

enum fd_kind { NO_FD, EVENT, MEMORY, OTHER_MEMORY, SPARSE, PIPE, READ_ONLY, EPOLL, UNWATCHABLE };

struct refusal {
	const char *name;
	uint32_t request, size;
	union {
		uint64_t u64;
		struct vhost_msg_state state;
		struct vhost_msg_addr addr;
		struct vhost_msg_table table;
		struct vhost_msg_slot slot;
		struct vhost_msg_log log;
		struct vhost_msg_inflight inflight;
		uint8_t raw[300];
	} p;
	enum fd_kind kind;
	unsigned nfds;
	bool fatal;       /* closed even when an acknowledgement was asked for */
	const char *says; /* in the sentence */
};

/* clang-format off */
#define U64(v)       8, { .u64 = (v) }
#define STATE(i, n)  8, { .state = { i, n } }
#define RING2        (STUB_UVA + 0x10000)
#define ADDR(i, d, a, u) 40, { .addr = { .index = i, .desc = RING2 + (d), .avail = RING2 + (a), .used = RING2 + (u) } }
#define SLOT(g, s, u, o) 40, { .slot = { .region = { g, s, u, o } } }
#define FAR UINT64_C(0x80000000)
#define TABLE2(g1, s1, u1)                                                                                             \
	72, { .table = { .nregions = 2,                                                                                \
			 .region = { { STUB_GPA, STUB_MEM_BYTES, STUB_UVA, 0 }, { g1, s1, u1, 0 } } } }

static const struct refusal refusals[] = {
	{ "unknown request", 999, U64(1), NO_FD, 0, false, "unknown request (999)" },
	{ "request 0", 0, U64(1), NO_FD, 0, false, "unknown request (0)" },
	{ "not offered: backend request fd", 21, U64(0), EVENT, 1, false, "SET_BACKEND_REQ_FD" },
	{ "not offered: other byte order", SET_VRING_ENDIAN, STATE(0, 1), NO_FD, 0, false, "SET_VRING_ENDIAN" },
	{ "not offered: configuration space", 24, 12, { 0 }, NO_FD, 0, true, "GET_CONFIG" },
	{ "in-flight region of no rings", 32, 24, { 0 }, MEMORY, 1, false, "SET_INFLIGHT_FD" },
	{ "in-flight region while a pair runs", 32, 24, { .inflight = { 4u << 18, 0, 4, STUB_RING, 0 } }, SPARSE, 1, false,
	  "queue pair 0 is running" },
	{ "features not offered", SET_FEATURES, U64(STUB_FEATURES | 1 << 14), NO_FD, 0, true,
	  "features 0x4000 were not offered" },
	{ "packed ring not offered", SET_FEATURES, U64(STUB_FEATURES | 1ull << 34), NO_FD, 0, true, "0x400000000" },
	{ "protocol features not offered", SET_PROTOCOL_FEATURES, U64(1ull << 5), NO_FD, 0, true,
	  "protocol features 0x20" },
	{ "SET_FEATURES too short", SET_FEATURES, 4, { .u64 = STUB_FEATURES }, NO_FD, 0, true, "payload of 4 bytes" },
	{ "GET_FEATURES with payload", GET_FEATURES, U64(0), NO_FD, 0, true, "payload of 8 bytes" },
	{ "GET_FEATURES with descriptor", GET_FEATURES, 0, { 0 }, EVENT, 1, true, "1 descriptors" },
	{ "SET_OWNER with descriptor", SET_OWNER, 0, { 0 }, EVENT, 1, false, "1 descriptors" },
	{ "ring number of queue", SET_VRING_NUM, STATE(4, 256), NO_FD, 0, false, "ring 4" },
	{ "ring number far out", SET_VRING_NUM, STATE(0x80000001u, 256), NO_FD, 0, false, "ring 2147483649" },
	{ "ring size 0", SET_VRING_NUM, STATE(2, 0), NO_FD, 0, false, "size 0" },
	{ "ring size 1", SET_VRING_NUM, STATE(2, 1), NO_FD, 0, false, "size 1" },
	{ "ring size 3", SET_VRING_NUM, STATE(2, 3), NO_FD, 0, false, "power of two" },
	{ "ring size 65536", SET_VRING_NUM, STATE(2, 65536), NO_FD, 0, false, "size 65536" },
	{ "ring size 2^32 - 1", SET_VRING_NUM, STATE(2, UINT32_MAX), NO_FD, 0, false, "size 4294967295" },
	{ "ring size of a running ring", SET_VRING_NUM, STATE(0, 128), NO_FD, 0, false, "running" },
	{ "SET_VRING_NUM too short", SET_VRING_NUM, 7, { 0 }, NO_FD, 0, false, "payload of 7 bytes" },
	{ "position out of range", SET_VRING_BASE, STATE(2, 65536), NO_FD, 0, false, "position 65536" },
	{ "position of a running ring", SET_VRING_BASE, STATE(0, 5), NO_FD, 0, false, "running" },
	{ "position of no ring", SET_VRING_BASE, STATE(4, 5), NO_FD, 0, false, "ring 4" },
	{ "base of no ring", GET_VRING_BASE, STATE(4, 0), NO_FD, 0, true, "ring 4" },
	{ "address of no ring", SET_VRING_ADDR, ADDR(4, 0, 0x2000, 0x4000), NO_FD, 0, false, "ring 4" },
	{ "address too short", SET_VRING_ADDR, 32, { 0 }, NO_FD, 0, false, "payload of 32 bytes" },
	{ "address flags", SET_VRING_ADDR, 40, { .addr = { .index = 2, .flags = 2 } }, NO_FD, 0, false, "flags 0x2" },
	{ "descriptors not aligned", SET_VRING_ADDR, ADDR(2, 8, 0x2000, 0x4000), NO_FD, 0, false, "multiple of 16" },
	{ "available not aligned", SET_VRING_ADDR, ADDR(2, 0, 0x2001, 0x4000), NO_FD, 0, false, "multiple of 2" },
	{ "used not aligned", SET_VRING_ADDR, ADDR(2, 0, 0x2000, 0x4002), NO_FD, 0, false, "multiple of 4" },
	{ "descriptors past the end", SET_VRING_ADDR, ADDR(2, STUB_MEM_BYTES - 0x10000 - 4080, 0x2000, 0x4000), NO_FD, 0, false,
	  "descriptor area" },
	{ "available past the end by its event field", SET_VRING_ADDR, ADDR(2, 0, STUB_MEM_BYTES - 0x10000 - 516, 0x4000),
	  NO_FD, 0, false, "available area (518 bytes" },
	{ "used past the end by its event field", SET_VRING_ADDR, ADDR(2, 0, 0x2000, STUB_MEM_BYTES - 0x10000 - 2052), NO_FD, 0,
	  false, "used area (2054 bytes" },
	{ "ring before the memory", SET_VRING_ADDR, ADDR(2, -0x10010ull, 0x2000, 0x4000), NO_FD, 0, false,
	  "descriptor area" },
	{ "ring address wraps", SET_VRING_ADDR, 40,
	  { .addr = { .index = 2, .desc = -16ull, .avail = RING2, .used = RING2 } }, NO_FD, 0, false, "descriptor area" },
	{ "enable of no ring", SET_VRING_ENABLE, STATE(4, 1), NO_FD, 0, false, "ring 4" },
	{ "enable 2", SET_VRING_ENABLE, STATE(0, 2), NO_FD, 0, false, "enable 2" },
	{ "kick of no ring", SET_VRING_KICK, U64(4), EVENT, 1, false, "ring 4" },
	{ "kick without descriptor", SET_VRING_KICK, U64(0), NO_FD, 0, false, "0 descriptors" },
	{ "kick with two", SET_VRING_KICK, U64(0), EVENT, 2, false, "2 descriptors" },
	{ "kick that is none with one", SET_VRING_KICK, U64(0x100), EVENT, 1, false, "1 descriptors" },
	{ "kick by a file", SET_VRING_KICK, U64(0), MEMORY, 1, false, "not an eventfd" },
	{ "kick by an epoll set", SET_VRING_KICK, U64(0), EPOLL, 1, false, "not an eventfd" },
	{ "kick by what cannot be waited for", SET_VRING_KICK, U64(0), UNWATCHABLE, 1, false, "not an eventfd" },
	{ "call by an epoll set", SET_VRING_CALL, U64(0), EPOLL, 1, false, "not an eventfd" },
	{ "call of no ring", SET_VRING_CALL, U64(255), EVENT, 1, false, "ring 255" },
	{ "call by a pipe", SET_VRING_CALL, U64(0), PIPE, 1, false, "not an eventfd" },
	{ "error descriptor of no ring", SET_VRING_ERR, U64(4), EVENT, 1, false, "ring 4" },
	{ "error descriptor by a file", SET_VRING_ERR, U64(0), MEMORY, 1, false, "not an eventfd" },
	{ "table without count", SET_MEM_TABLE, 4, { 0 }, NO_FD, 0, false, "payload of 4 bytes" },
	{ "table of 9", SET_MEM_TABLE, 264, { .table = { .nregions = 9 } }, MEMORY, 8, false, "9 memory regions" },
	{ "table of 2^32 - 1", SET_MEM_TABLE, 264, { .table = { .nregions = UINT32_MAX } }, MEMORY, 8, false,
	  "4294967295" },
	{ "table shorter than its count", SET_MEM_TABLE, 40, { .table = { .nregions = 2 } }, MEMORY, 2, false,
	  "40 bytes" },
	{ "table longer than its count", SET_MEM_TABLE, 72, { .table = { .nregions = 1 } }, MEMORY, 1, false,
	  "72 bytes" },
	{ "table without descriptors", SET_MEM_TABLE, TABLE2(FAR, 4096, FAR), NO_FD, 0, false, "0 descriptors for 2" },
	{ "table with one too few", SET_MEM_TABLE, TABLE2(FAR, 4096, FAR), MEMORY, 1, false, "1 descriptors for 2" },
	{ "table with one too many", SET_MEM_TABLE, TABLE2(FAR, 4096, FAR), MEMORY, 3, false, "3 descriptors for 2" },
	{ "region of size 0", SET_MEM_TABLE, TABLE2(FAR, 0, FAR), MEMORY, 2, false, "memory region 1: its size is 0" },
	{ "region longer than its file", SET_MEM_TABLE, TABLE2(FAR, STUB_MEM_BYTES + 1, FAR), MEMORY, 2, false,
	  "need more" },
	{ "region wraps", SET_MEM_TABLE, TABLE2(-4096ull, 8192, FAR), MEMORY, 2, false,
	  "guest address 0xfffffffffffff000" },
	{ "user region wraps", SET_MEM_TABLE, TABLE2(FAR, 8192, -4096ull), MEMORY, 2, false,
	  "user address 0xfffffffffffff000" },
	{ "regions overlap at their end", SET_MEM_TABLE, TABLE2(STUB_GPA + STUB_MEM_BYTES - 1, 4096, FAR), MEMORY, 2, false,
	  "guest addresses" },
	{ "regions overlap at their beginning", SET_MEM_TABLE, TABLE2(STUB_GPA - 4095, 4096, FAR), MEMORY, 2, false,
	  "guest addresses" },
	{ "region inside a region", SET_MEM_TABLE, TABLE2(STUB_GPA + 8192, 4096, FAR), MEMORY, 2, false,
	  "guest addresses" },
	{ "user regions overlap", SET_MEM_TABLE, TABLE2(FAR, 4096, STUB_UVA + 4096), MEMORY, 2, false,
	  "user addresses" },
	{ "region by an eventfd", SET_MEM_TABLE, TABLE2(FAR, 4096, FAR), EVENT, 2, false, "not a file of memory" },
	{ "region by a read-only file", SET_MEM_TABLE, TABLE2(FAR, 4096, FAR), READ_ONLY, 2, false,
	  "mapped shared and writable" },
	{ "slot without descriptor", ADD_MEM_REG, SLOT(FAR, 4096, FAR, 0), NO_FD, 0, false, "0 descriptors" },
	{ "slot with two", ADD_MEM_REG, SLOT(FAR, 4096, FAR, 0), MEMORY, 2, false, "2 descriptors" },
	{ "slot too short", ADD_MEM_REG, 32, { 0 }, MEMORY, 1, false, "payload of 32 bytes" },
	{ "slot of size 0", ADD_MEM_REG, SLOT(FAR, 0, FAR, 0), MEMORY, 1, false, "size is 0" },
	{ "slot there with another size", ADD_MEM_REG, SLOT(STUB_GPA, 4096, STUB_UVA, 0), MEMORY, 1, false, "overlap" },
	{ "slot there of another file", ADD_MEM_REG, SLOT(STUB_GPA, STUB_MEM_BYTES, STUB_UVA, 0), OTHER_MEMORY, 1, false,
	  "overlap" },
	{ "slot past its file by its offset", ADD_MEM_REG, SLOT(FAR, 4096, FAR, STUB_MEM_BYTES - 4095), MEMORY, 1, false,
	  "need more" },
	{ "slot's offset wraps", ADD_MEM_REG, SLOT(FAR, 4096, FAR, -4096ull), MEMORY, 1, false, "wrap" },
	{ "slot too large", ADD_MEM_REG, SLOT(FAR, 1ull << 43, FAR, 0), MEMORY, 1, false, "limit" },
	{ "removal with another size", REM_MEM_REG, SLOT(STUB_GPA, 4096, STUB_UVA, 0), NO_FD, 0, false,
	  "not 0x1000 at" },
	{ "removal of a part", REM_MEM_REG, SLOT(STUB_GPA + 4096, 4096, STUB_UVA + 4096, 0), NO_FD, 0, false,
	  "not 0x1000 at" },
	{ "removal with another user address", REM_MEM_REG, SLOT(STUB_GPA, STUB_MEM_BYTES, FAR, 0), NO_FD, 0, false,
	  "not 0x100000 at" },
	{ "removal with two descriptors", REM_MEM_REG, SLOT(STUB_GPA, STUB_MEM_BYTES, STUB_UVA, 0), MEMORY, 2, false,
	  "2 descriptors" },
	{ "log without descriptor", SET_LOG_BASE, 16, { .log = { 0x10000, 0 } }, NO_FD, 0, false, "0 descriptors" },
	{ "log too short a message", SET_LOG_BASE, U64(0), MEMORY, 1, false, "payload of 8 bytes" },
	{ "log longer than its file", SET_LOG_BASE, 16, { .log = { STUB_MEM_BYTES + 1, 0 } }, MEMORY, 1, false,
	  "log: " },
	{ "log too small for the memory", SET_LOG_BASE, 16, { .log = { 0x8000, 0 } }, MEMORY, 1, false,
	  "end before the page" },
	{ "log's offset wraps", SET_LOG_BASE, 16, { .log = { 0x10000, -0x10000ull } }, MEMORY, 1, false, "wrap" },
	{ "log larger than any", SET_LOG_BASE, 16, { .log = { (1ull << 32) + 1, 0 } }, SPARSE, 1, false, "the limit is" },
	{ "slot larger than any VM", ADD_MEM_REG, SLOT(FAR << 16, (1ull << 42) + 4096, FAR << 16, 0), SPARSE, 1, false, "the limit is" },
	{ "slot that makes the VM too large", ADD_MEM_REG, SLOT(FAR << 16, 1ull << 42, FAR << 16, 0), SPARSE, 1, false,
	  "the VM has more than the limit" },
	{ "log of size 0", SET_LOG_BASE, 16, { .log = { 0, 0 } }, MEMORY, 1, false, "log: " },
	{ "log fd without descriptor", SET_LOG_FD, 0, { 0 }, NO_FD, 0, false, "0 descriptors" },
	{ "status of 9 bits", SET_STATUS, U64(0x100), NO_FD, 0, false, "0x100" },
	{ "MTU 67", NET_SET_MTU, U64(67), NO_FD, 0, false, "MTU 67" },
	{ "MTU 9001", NET_SET_MTU, U64(9001), NO_FD, 0, false, "MTU 9001" },
	{ "announcement of a group", SEND_RARP, U64(0x030201005453), NO_FD, 0, false, "one station" },
	{ "announcement of nothing", SEND_RARP, U64(0), NO_FD, 0, false, "one station" },
};
/* clang-format on */

static int open_fd(enum fd_kind kind)
{
	const uint64_t rules = 1; /* about one right to files, of no file type as an eventfd is */
	char path[64];
	int p[2];

	switch (kind) {
	case EVENT:
		return eventfd(0, EFD_CLOEXEC);
	case PIPE:
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		close(p[0]);
		return p[1];
	case OTHER_MEMORY:
		p[0] = memfd_create("other", MFD_CLOEXEC);
		assert_int_equal(ftruncate(p[0], STUB_MEM_BYTES), 0);
		return p[0];
	case SPARSE:
		p[0] = memfd_create("sparse", MFD_CLOEXEC);
		assert_int_equal(ftruncate(p[0], 1ll << 46), 0);
		return p[0];
	case UNWATCHABLE: /* where there are no rules for files: the next one */
		p[0] = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
		if (p[0] >= 0)
			return p[0];
		/* fall through */
	case EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	case READ_ONLY:
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", f.memfd);
		return open(path, O_RDONLY | O_CLOEXEC);
	default:
		return fcntl(f.memfd, F_DUPFD_CLOEXEC, 0);
	}
}

static void attempt(const struct refusal *r, uint32_t flags)
{
	int fds[8];

	for (unsigned i = 0; i < r->nfds; i++) {
		fds[i] = open_fd(r->kind);
		assert_true(fds[i] >= 0);
	}
	front_send(&f, r->request, flags, &r->p, r->size, fds, r->nfds);
	for (unsigned i = 0; i < r->nfds; i++)
		close(fds[i]);
}

/* All that can be seen of the pair that runs. */
static void check_untouched(const struct refusal *r, const struct stub_queue *before)
{
	const struct stub_queue *q = &f.nic.q[0];
	const struct vhost_status st = status();

	if (!q->started || q->starts != before->starts || q->fds_set != before->fds_set ||
	    memcmp(&q->cfg, &before->cfg, sizeof q->cfg) || st.features != STUB_FEATURES || st.mem_slots != 1 ||
	    st.device_status || st.mtu || st.queue[1].rx_size != STUB_RING || stub_mappings() != 2)
		fail_msg("%s: something changed", r->name);
}

/* The second pair is set up, not enabled: its rings are what the cases try to spoil. */
static void prepare(void)
{
	front_run(&f);
	front_ring(&f, 2);
	front_ring(&f, 3);
	assert_int_equal(status().errors, 0);
}

static void refused_and_untouched(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const struct refusal *r = &refusals[i];
		struct stub_queue before;
		uint64_t answer = 0, errors;
		unsigned fds;

		if (r->fatal)
			continue;
		if (f.sock < 0)
			prepare();
		before = f.nic.q[0];
		errors = status().errors;
		fds = stub_open_fds();
		attempt(r, VHOST_MSG_NEED_REPLY);
		if (!status().connected)
			fail_msg("%s: closed: %s", r->name, status().last_error);
		front_recv(&f, r->request, &answer, sizeof answer);
		if (answer == 0)
			fail_msg("%s: acknowledged as good", r->name);
		if (!status().last_error || !strstr(status().last_error, r->says))
			fail_msg("%s: \"%s\" does not say \"%s\"", r->name, status().last_error, r->says);
		assert_int_equal(status().errors, errors + 1);
		check_untouched(r, &before);
		if (stub_open_fds() != fds)
			fail_msg("%s: descriptors left open", r->name);
	}
	/* And what is right is right still. */
	front_enable(&f, 2, 1);
	front_enable(&f, 3, 1);
	assert_true(f.nic.q[1].started);
}

static void refused_and_closed(void **state)
{
	unsigned fds;

	(void)state;
	prepare();
	front_disconnect(&f);
	fds = stub_open_fds();
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const struct refusal *r = &refusals[i];

		for (unsigned ask = 0; ask <= r->fatal; ask++) {
			front_connect(&f);
			front_features(&f, STUB_FEATURES);
			front_memory(&f);
			for (uint32_t v = 0; v < 4; v++)
				front_ring(&f, v);
			front_enable(&f, 0, 1);
			front_enable(&f, 1, 1);
			assert_true(f.nic.q[0].started);
			attempt(r, ask ? VHOST_MSG_NEED_REPLY : 0);
			if (!front_is_closed(&f))
				fail_msg("%s: not closed", r->name);
			if (!strstr(status().last_error, r->says))
				fail_msg("%s: \"%s\" does not say \"%s\"", r->name, status().last_error, r->says);
			assert_false(f.nic.q[0].started);
			front_disconnect(&f);
			if (stub_open_fds() != fds || stub_mappings() != 1)
				fail_msg("%s: something left behind", r->name);
		}
	}
}

/* What is no message at all ends the connection, acknowledgement or not. */
static void bad_frames(void **state)
{
	static const struct {
		struct vhost_msg_header h;
		const char *says;
	} bad[] = {
		{ { SET_STATUS, 0, 8 }, "version 0" },
		{ { SET_STATUS, 2, 8 }, "version 2" },
		{ { SET_STATUS, VHOST_MSG_VERSION | VHOST_MSG_REPLY, 8 }, "marked as a reply" },
		{ { SET_STATUS, VHOST_MSG_VERSION | VHOST_MSG_NEED_REPLY, 513 }, "513 bytes" },
		{ { SET_STATUS, VHOST_MSG_VERSION, UINT32_MAX }, "4294967295 bytes" },
	};
	int fds[9];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		front_connect(&f);
		front_features(&f, STUB_FEATURES);
		assert_int_equal(send(f.sock, &bad[i].h, sizeof bad[i].h, 0), sizeof bad[i].h);
		stub_loop_turn();
		assert_true(front_is_closed(&f));
		assert_non_null(strstr(status().last_error, bad[i].says));
		front_disconnect(&f);
	}
	/* More descriptors than any message has. */
	for (unsigned i = 0; i < 9; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	front_connect(&f);
	{
		unsigned before = stub_open_fds();

		front_send(&f, SET_OWNER, 0, NULL, 0, fds, 9);
		assert_true(front_is_closed(&f));
		assert_non_null(strstr(status().last_error, "more than 8 descriptors"));
		assert_int_equal(stub_open_fds(), before - 1); /* the connection's */
	}
	for (unsigned i = 0; i < 9; i++)
		close(fds[i]);
}

/* Requests before anything else: each has its answer, none does harm. */
static void out_of_order(void **state)
{
	struct vhost_msg_addr a = front_ring_addr(0);
	struct vhost_msg_slot slot = { .region = front_region() };
	struct vhost_msg_log log = { 4096, 0 };
	uint64_t v;

	(void)state;
	front_connect(&f);
	front_enable(&f, 0, 1);
	front_enable(&f, 3, 0);
	front_send(&f, SET_VRING_ADDR, 0, &a, sizeof a, NULL, 0);
	v = VHOST_VRING_NOFD;
	front_send_u64(&f, SET_VRING_KICK, v);
	front_send_u64(&f, SET_VRING_CALL, v);
	front_send_u64(&f, SET_VRING_ERR, v);
	front_send(&f, RESET_OWNER, 0, NULL, 0, NULL, 0);
	front_send_u64(&f, SET_STATUS, 0);
	assert_int_equal(front_base(&f, 3), 0);
	front_send(&f, SET_LOG_BASE, 0, &log, sizeof log, &f.memfd, 1);
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(LOG_ALL));
	front_send(&f, ADD_MEM_REG, 0, &slot, sizeof slot, &f.memfd, 1);
	assert_true(status().connected);
	assert_int_equal(status().errors, 0);
	assert_false(f.nic.q[0].started);
	front_send(&f, REM_MEM_REG, 0, &slot, sizeof slot, NULL, 0);
	assert_true(status().connected);
	/* Nothing was negotiated: need_reply is not heard, and a fault closes. */
	front_send(&f, SET_VRING_NUM, VHOST_MSG_NEED_REPLY, &v, sizeof v, NULL, 0);
	assert_true(front_is_closed(&f));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(refused_and_untouched),
		T(refused_and_closed),
		T(bad_frames),
		T(out_of_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
