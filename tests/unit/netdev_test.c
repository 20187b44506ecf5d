/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says of a device's NAPIs (port/netdev.h): answers that are made up here, right ones, others' and broken
 * ones, each at the end of the memory there is; and the real kernel, while somebody else writes to the same socket. Compiled
 * with the sanitizers.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "port/netdev.h"

/* <linux/netdev.h>'s, once more. */
enum { NAPI_GET = 11, NAPI_SET = 14 };
enum { A_IFINDEX = 1, A_ID = 2, A_IRQ = 3, A_PID = 4, A_THREADED = 8 };

#define SEQ	7u
#define PORTID	4711u
#define FAMILY	0x1du
#define IFINDEX 3
#define MAX	8u
#define PAGE	4096u

/* A datagram in the making. */
struct made {
	_Alignas(struct nlmsghdr) uint8_t bytes[PAGE];
	size_t len;
	struct nlmsghdr *h; /* of the message that was begun last */
};

static struct made made;
static struct netdev_napi got[MAX];
static struct netdev_answer answer;
static uint8_t *fence; /* nothing may be touched from here on */

static int begin_case(void **state)
{
	(void)state;
	made.len = 0;
	answer = (struct netdev_answer){
		.seq = SEQ, .portid = PORTID, .family = FAMILY, .ifindex = IFINDEX, .of = got, .max = MAX
	};
	memset(got, 0xee, sizeof got);
	return 0;
}

/* ---- making ---- */

static void begin(uint16_t type)
{
	made.h = mnl_nlmsg_put_header(made.bytes + made.len);
	made.h->nlmsg_type = type;
	made.h->nlmsg_flags = NLM_F_MULTI;
	made.h->nlmsg_seq = SEQ;
	made.h->nlmsg_pid = PORTID;
}

static void begin_genl(uint16_t type, uint8_t command)
{
	struct genlmsghdr *g;

	begin(type);
	g = mnl_nlmsg_put_extra_header(made.h, sizeof *g);
	g->cmd = command;
}

static void end(void)
{
	made.len += NLMSG_ALIGN(made.h->nlmsg_len);
	assert_in_range(made.len, 1, PAGE);
}

static void number(uint16_t attr, uint32_t value)
{
	mnl_attr_put_u32(made.h, attr, value);
}

static void napi(int ifindex, uint32_t id, uint32_t pid, uint32_t threaded)
{
	begin_genl(FAMILY, NAPI_GET);
	number(A_ID, id);
	number(A_IFINDEX, (uint32_t)ifindex);
	number(A_IRQ, 99);
	number(A_PID, pid);
	number(A_THREADED, threaded);
	end();
}

static void code(uint16_t type, int value)
{
	int *at;

	begin(type);
	at = mnl_nlmsg_put_extra_header(made.h, type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof *at);
	*at = value;
	end();
}

/* ---- taking ---- */

/* The first `len` bytes of it, with nothing behind them. */
static bool take_begin(size_t len)
{
	uint8_t *at = fence - NLMSG_ALIGN(len);

	memcpy(at, made.bytes, len);
	return netdev_take(&answer, at, len);
}

static bool take(void)
{
	size_t len = made.len;

	made.len = 0;
	return take_begin(len);
}

static void expect(unsigned i, uint32_t id, int pid, int thread)
{
	assert_in_range(i, 0, answer.n - 1);
	assert_int_equal(got[i].id, id);
	assert_int_equal(got[i].pid, pid);
	assert_int_equal(got[i].thread, thread);
}

/* ---- right ones ---- */

static void test_several(void **state)
{
	(void)state;
	napi(IFINDEX, 513, 0, 0);
	napi(IFINDEX, 514, 1234, 1);
	assert_false(take());
	napi(IFINDEX, UINT32_MAX, INT_MAX, 2); /* a thread that polls without end: a thread */
	code(NLMSG_DONE, 0);
	assert_true(take());
	assert_int_equal(answer.rc, 0);
	assert_int_equal(answer.n, 3);
	expect(0, 513, 0, 0);
	expect(1, 514, 1234, 1);
	expect(2, UINT32_MAX, INT_MAX, 1);
}

static void test_none(void **state)
{
	(void)state;
	code(NLMSG_DONE, 0);
	assert_true(take());
	assert_int_equal(answer.rc, 0);
	assert_int_equal(answer.n, 0);
}

static void test_more_than_there_is_room_for(void **state)
{
	(void)state;
	answer.max = 2;
	for (uint32_t id = 1; id <= 5; id++)
		napi(IFINDEX, id, 0, 0);
	code(NLMSG_DONE, 0);
	assert_true(take());
	assert_int_equal(answer.rc, 0);
	assert_int_equal(answer.n, 2);
	assert_int_equal(got[2].id, 0xeeeeeeee);
}

static void family(const void *id, size_t size)
{
	answer.family = 0;
	begin_genl(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY);
	mnl_attr_put_strz(made.h, CTRL_ATTR_FAMILY_NAME, "netdev");
	if (id)
		mnl_attr_put(made.h, CTRL_ATTR_FAMILY_ID, size, id);
	number(CTRL_ATTR_VERSION, 1);
	end();
	code(NLMSG_ERROR, 0);
	assert_true(take());
	assert_int_equal(answer.rc, 0);
}

static void test_family(void **state)
{
	const uint32_t id = FAMILY;

	(void)state;
	family(&id, 2);
	assert_int_equal(answer.family, FAMILY);
	family(NULL, 0);
	assert_int_equal(answer.family, 0);
	for (size_t size = 0; size <= 4; size++) {
		if (size == 2)
			continue;
		family(&id, size);
		assert_int_equal(answer.family, 0);
	}
}

/* ---- attributes ---- */

static void test_missing_attributes(void **state)
{
	(void)state;
	begin_genl(FAMILY, NAPI_GET); /* an older kernel */
	number(A_IFINDEX, IFINDEX);
	number(A_ID, 513);
	end();
	begin_genl(FAMILY, NAPI_GET); /* none is known by no number … */
	number(A_IFINDEX, IFINDEX);
	number(A_PID, 1234);
	number(A_THREADED, 1);
	end();
	begin_genl(FAMILY, NAPI_GET); /* … or is somebody's, who knows whose */
	number(A_ID, 514);
	end();
	begin_genl(FAMILY, NAPI_GET);
	end();
	napi(IFINDEX, 0, 1234, 1);
	code(NLMSG_DONE, 0);
	assert_true(take());
	assert_int_equal(answer.rc, 0);
	assert_int_equal(answer.n, 1);
	expect(0, 513, 0, -1);
}

static void test_attributes_of_another_length(void **state)
{
	static const uint8_t one[9] = { 1, 0, 0, 0, 0, 0, 0, 0, 0 };

	(void)state;
	for (unsigned attr = A_IFINDEX; attr <= A_THREADED; attr++)
		for (size_t size = 0; size <= sizeof one; size++) {
			begin_case(NULL);
			answer.ifindex = 1;
			begin_genl(FAMILY, NAPI_GET);
			for (uint16_t a = A_IFINDEX; a <= A_THREADED; a++)
				mnl_attr_put(made.h, a, a == attr ? size : 4, one);
			end();
			code(NLMSG_DONE, 0);
			assert_true(take());
			assert_int_equal(answer.rc, 0);
			if (size != 4 && (attr == A_IFINDEX || attr == A_ID)) {
				assert_int_equal(answer.n, 0);
				continue;
			}
			assert_int_equal(answer.n, 1);
			expect(0, 1, attr == A_PID && size != 4 ? 0 : 1, attr == A_THREADED && size != 4 ? -1 : 1);
		}
}

static void test_no_pid_is_negative(void **state)
{
	(void)state;
	napi(IFINDEX, 1, INT_MAX + 1u, 1);
	napi(IFINDEX, 2, UINT32_MAX, 1);
	assert_false(take());
	expect(0, 1, 0, 1);
	expect(1, 2, 0, 1);
}

/* ---- others' ---- */

static void test_another_device(void **state)
{
	(void)state;
	napi(IFINDEX + 1, 513, 1, 1);
	napi(IFINDEX, 514, 2, 1);
	napi(-IFINDEX, 515, 3, 1);
	napi(0, 516, 4, 1);
	code(NLMSG_DONE, 0);
	assert_true(take());
	assert_int_equal(answer.rc, 0);
	assert_int_equal(answer.n, 1);
	expect(0, 514, 2, 1);
}

/* An earlier question's, another's, another kind of message: neither a NAPI nor an end. */
static void test_no_answer_to_this(void **state)
{
	static const struct {
		uint32_t seq, portid;
	} other[] = { { SEQ - 1, PORTID }, { SEQ + 1, PORTID }, { 0, PORTID }, { SEQ, 0 }, { SEQ, PORTID + 1 } };

	(void)state;
	for (unsigned i = 0; i < sizeof other / sizeof other[0]; i++)
		for (unsigned kind = 0; kind < 3; kind++) {
			if (kind == 0)
				napi(IFINDEX, 600, 1, 1);
			else
				code(kind == 1 ? NLMSG_DONE : NLMSG_ERROR, -EPERM);
			made.h->nlmsg_seq = other[i].seq;
			made.h->nlmsg_pid = other[i].portid;
		}
	begin_genl(FAMILY, NAPI_SET);
	number(A_IFINDEX, IFINDEX);
	number(A_ID, 601);
	end();
	begin_genl(FAMILY + 1, NAPI_GET);
	number(A_IFINDEX, IFINDEX);
	number(A_ID, 602);
	end();
	begin_genl(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY);
	mnl_attr_put_u16(made.h, CTRL_ATTR_FAMILY_ID, FAMILY + 1);
	end();
	begin(NLMSG_NOOP);
	end();
	napi(IFINDEX, 513, 1234, 1);
	assert_false(take());
	assert_int_equal(answer.rc, 0);
	assert_int_equal(answer.family, FAMILY);
	assert_int_equal(answer.n, 1);
	expect(0, 513, 1234, 1);
}

/* ---- errors ---- */

static void test_errors(void **state)
{
	static const struct {
		int said, rc;
	} rows[] = { { 0, 0 },		     { -EPERM, -EPERM },     { -ENODEV, -ENODEV },  { -4095, -4095 },
		     { -4096, -EBADMSG },    { INT_MIN, -EBADMSG },  { 1, -EBADMSG },	    { EPERM, -EBADMSG },
		     { INT_MAX, -EBADMSG } };

	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (unsigned done = 0; done < 2; done++) {
			begin_case(NULL);
			napi(IFINDEX, 513, 0, 0);
			code(done ? NLMSG_DONE : NLMSG_ERROR, rows[i].said);
			napi(IFINDEX, 514, 0, 0); /* behind the end is nothing */
			assert_true(take());
			assert_int_equal(answer.rc, rows[i].rc);
			assert_int_equal(answer.n, 1);
		}
}

static void test_errors_that_say_nothing(void **state)
{
	(void)state;
	for (unsigned size = 0; size < sizeof(int); size++)
		for (unsigned done = 0; done < 2; done++) {
			begin_case(NULL);
			begin(done ? NLMSG_DONE : NLMSG_ERROR);
			made.h->nlmsg_len += size;
			end();
			made.len -= NLMSG_ALIGN(size) - size;
			assert_true(take());
			assert_int_equal(answer.rc, -EBADMSG);
		}
}

/* What changed while it was told may have been told by halves. The first error counts. */
static void test_interrupted(void **state)
{
	(void)state;
	napi(IFINDEX, 513, 0, 0);
	made.h->nlmsg_flags |= NLM_F_DUMP_INTR;
	napi(IFINDEX, 514, 0, 0);
	assert_false(take());
	code(NLMSG_DONE, -EPERM);
	assert_true(take());
	assert_int_equal(answer.rc, -EINTR);
}

/* ---- short ones, broken ones ---- */

static void test_cut_anywhere(void **state)
{
	size_t one;

	(void)state;
	napi(IFINDEX, 513, 1234, 1);
	one = made.len;
	napi(IFINDEX, 514, 1235, 1);
	code(NLMSG_DONE, 0);
	for (size_t len = 0; len <= made.len; len++) {
		answer.n = 0;
		assert_int_equal(take_begin(len), len == made.len);
		assert_int_equal(answer.n, (len >= one) + (len >= 2 * one));
		assert_int_equal(answer.rc, 0);
	}
}

/* A message that is whole and shorter than what it should begin with, or ends within an attribute. */
static void test_short_messages(void **state)
{
	uint32_t whole;

	(void)state;
	napi(IFINDEX, 513, 1234, 1);
	whole = made.h->nlmsg_len;
	for (uint32_t len = 0; len < whole; len++) {
		answer.n = 0;
		made.h->nlmsg_len = len;
		assert_false(take_begin(NLMSG_ALIGN(len)));
		/* the identifier stands first, then the device's number, then what may be missing */
		assert_int_equal(answer.n, NLMSG_ALIGN(len) >= NLMSG_HDRLEN + GENL_HDRLEN + 16);
		assert_int_equal(answer.rc, 0);
	}
	made.h->nlmsg_len = UINT32_MAX; /* and longer than there is */
	answer.n = 0;
	assert_false(take());
	assert_int_equal(answer.n, 0);
}

static void test_lengths_of_attributes(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 2, 3, 4, 5, 7, 9, 500, UINT16_MAX };

	(void)state;
	for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct nlattr *first;

		begin_case(NULL);
		napi(IFINDEX, 513, 1234, 1);
		first = mnl_nlmsg_get_payload_offset(made.h, GENL_HDRLEN);
		first->nla_len = lengths[i]; /* the identifier's */
		code(NLMSG_DONE, 0);
		assert_true(take());
		assert_int_equal(answer.n, 0);
		assert_int_equal(answer.rc, 0);
	}
}

/* Whatever comes, there is no fault and no more NAPIs than there is room for. */
static void test_anything(void **state)
{
	struct made right;

	(void)state;
	srand(1);
	for (uint32_t id = 1; id <= 10; id++)
		napi(IFINDEX, id, id, 1);
	code(NLMSG_DONE, 0);
	right = made;
	for (unsigned round = 0; round < 50000; round++) {
		made = right;
		for (int i = rand() % 8; i >= 0; i--)
			made.bytes[(size_t)rand() % made.len] = (uint8_t)(rand() % 4 ? rand() % 12 : rand());
		begin_case(NULL);
		(void)take_begin(round % 2 ? right.len : (size_t)rand() % right.len);
		assert_in_range(answer.n, 0, MAX);
		for (unsigned i = 0; i < answer.n; i++)
			assert_true(got[i].id && got[i].pid >= 0 && got[i].thread >= -1 && got[i].thread <= 1);
	}
}

/* ---- the real kernel ---- */

/* A network namespace of this process's own, and the family there. */
static void open_real(struct netdev *d)
{
	int rc;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	rc = netdev_open(d);
	if (rc == -EOPNOTSUPP)
		skip();
	assert_int_equal(rc, 0);
}

static void test_kernel(void **state)
{
	struct netdev d;

	(void)state;
	open_real(&d);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(netdev_napis(&d, (int)if_nametoindex("lo"), got, MAX), 0);
		assert_int_equal(netdev_napis(&d, 4711, got, MAX), -ENODEV);
		assert_true(netdev_set_thread(&d, 4711, true) < 0);
	}
	netdev_close(&d);
	assert_int_equal(netdev_napis(&d, 1, got, MAX), -EOPNOTSUPP);
	assert_int_equal(netdev_set_thread(&d, 4711, true), -EOPNOTSUPP);
	netdev_close(&d);
}

/* Sends what was made to the socket of d, as if it were the kernel's answer to the next question. False: there is no room. */
static bool forge(const struct mnl_socket *from, const struct netdev *d)
{
	const unsigned portid = mnl_socket_get_portid(d->sock);
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = portid };
	ssize_t sent;
	int left = (int)made.len;

	for (struct nlmsghdr *h = (struct nlmsghdr *)made.bytes; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_type == FAMILY)
			h->nlmsg_type = d->family;
		h->nlmsg_seq = d->seq + 1;
		h->nlmsg_pid = portid;
	}
	sent = sendto(mnl_socket_get_fd(from), made.bytes, made.len, MSG_DONTWAIT, (const void *)&to, sizeof to);
	assert_true(sent == (ssize_t)made.len || errno == EAGAIN);
	return sent >= 0;
}

/* Root of the device's namespace may write to the socket: he is not the kernel. When he fills it a question fails, not the next. */
static void test_forged(void **state)
{
	struct mnl_socket *forger;
	struct netdev d;
	int lo, rc;

	(void)state;
	open_real(&d);
	lo = (int)if_nametoindex("lo");
	forger = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	assert_non_null(forger);
	napi(lo, 513, 1, 1);
	code(NLMSG_DONE, 0);
	assert_true(forge(forger, &d));
	assert_int_equal(netdev_napis(&d, lo, got, MAX), 0);
	while (forge(forger, &d))
		;
	rc = netdev_napis(&d, lo, got, MAX);
	assert_true(rc == 0 || rc == -ENOBUFS);
	assert_int_equal(netdev_napis(&d, lo, got, MAX), 0);
	assert_int_equal(netdev_napis(&d, 4711, got, MAX), -ENODEV);
	(void)mnl_socket_close(forger);
	netdev_close(&d);
}

static int begin_all(void **state)
{
	uint8_t *at = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (at == MAP_FAILED || mprotect(at, PAGE, PROT_READ | PROT_WRITE) < 0)
		return -1;
	fence = at + PAGE;
	return 0;
}

#define CASE(f) cmocka_unit_test_setup(f, begin_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_several),
		CASE(test_none),
		CASE(test_more_than_there_is_room_for),
		CASE(test_family),
		CASE(test_missing_attributes),
		CASE(test_attributes_of_another_length),
		CASE(test_no_pid_is_negative),
		CASE(test_another_device),
		CASE(test_no_answer_to_this),
		CASE(test_errors),
		CASE(test_errors_that_say_nothing),
		CASE(test_interrupted),
		CASE(test_cut_anywhere),
		CASE(test_short_messages),
		CASE(test_lengths_of_attributes),
		CASE(test_anything),
		CASE(test_kernel),
		CASE(test_forged),
	};

	return cmocka_run_group_tests(tests, begin_all, NULL);
}
