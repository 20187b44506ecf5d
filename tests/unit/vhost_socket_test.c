/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user back-end's sockets and framing: who may connect, halves of messages, answers nobody reads, front-ends
 * that leave and come back, in both directions.
 */
#include "vhost_stub.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost/socket.h"

static struct front f;

static int setup(void **state)
{
	(void)state;
	stub_loop_open();
	front_open(&f, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	front_close(&f);
	stub_loop_close();
	return 0;
}

/* The stub's loop, which remembers the last watch: what it calls when its descriptor is ready. */
static struct {
	vhost_fd_cb *cb;
	void *arg;
} last_watch;

static int add_watch(void *ctx, int fd, uint32_t events, vhost_fd_cb *cb, void *arg)
{
	last_watch.cb = cb;
	last_watch.arg = arg;
	return stub_loop.add_fd(ctx, fd, events, cb, arg);
}

static struct vhost_loop one_watch;

static struct vhost_status status(void)
{
	struct vhost_status st;

	vhost_endpoint_status(f.ep, &st);
	return st;
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* ---- framing ---- */

/* A message in two halves, cut at each place: nothing happens in between, and the whole is understood. */
static void message_in_two_halves(void **state)
{
	struct {
		struct vhost_msg_header h;
		uint64_t v;
	} __attribute__((packed)) m = { { SET_STATUS, VHOST_MSG_VERSION, 8 }, 0 };

	(void)state;
	front_connect(&f);
	for (size_t cut = 1; cut < sizeof m; cut++) {
		m.v = cut;
		assert_int_equal(send(f.sock, &m, cut, 0), cut);
		stub_loop_turn();
		stub_loop_turn();
		assert_true(status().connected);
		assert_int_equal(send(f.sock, (char *)&m + cut, sizeof m - cut, 0), sizeof m - cut);
		stub_loop_turn();
		assert_int_equal(front_get_u64(&f, GET_STATUS), cut);
	}
}

/* Half a message and silence holds up nobody else; half a message and the end is the end. */
static void half_a_message(void **state)
{
	struct vhost_msg_header h = { SET_MEM_TABLE, VHOST_MSG_VERSION, 40 };
	static struct front other;
	unsigned fds;

	(void)state;
	front_open(&other, 1);
	fds = stub_open_fds();
	front_connect(&f);
	assert_int_equal(send(f.sock, &h, 7, 0), 7);
	stub_loop_turn();
	front_run(&other);
	front_disconnect(&other);
	assert_int_equal(send(f.sock, (char *)&h + 7, sizeof h - 7, 0), sizeof h - 7);
	stub_loop_turn();
	assert_true(status().connected);
	front_disconnect(&f);
	assert_false(status().connected);
	assert_int_equal(status().messages, 0);
	assert_int_equal(stub_open_fds(), fds + 4); /* the other front-end's own kicks and calls */
	front_close(&other);
}

/* A whole message that brings a table of memory; not looked at yet. */
static void queue_table(void)
{
	struct {
		struct vhost_msg_header h;
		uint32_t n, padding;
		struct vhost_msg_region region;
	} __attribute__((packed)) m = { { SET_MEM_TABLE, VHOST_MSG_VERSION, 40 }, 1, 0, front_region() };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { &m, sizeof m };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	*CMSG_FIRSTHDR(&mh) = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), &f.memfd, sizeof f.memfd);
	assert_int_equal(sendmsg(f.sock, &mh, 0), sizeof m);
}

/* A part of a header that promises a payload, and a descriptor with it; not looked at yet. */
static void queue_part(int fd, size_t from, size_t len)
{
	struct vhost_msg_header h = { SET_MEM_TABLE, VHOST_MSG_VERSION, 400 };
	struct iovec iov = { (char *)&h + from, len };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	assert_int_equal(sendmsg(f.sock, &mh, 0), len);
}

static void queue_half(int fd)
{
	queue_part(fd, 0, sizeof(struct vhost_msg_header));
}

static void queue_byte(int fd, size_t at)
{
	queue_part(fd, at, 1);
}

static void send_half(int fd)
{
	queue_half(fd);
	stub_loop_turn();
}

/* Descriptors that came with half a message are closed when the rest never comes. */
static void descriptors_of_half_a_message(void **state)
{
	unsigned fds = stub_open_fds();

	(void)state;
	front_connect(&f);
	send_half(f.memfd);
	assert_true(status().connected);
	assert_int_equal(stub_open_fds(), fds + 3); /* both ends of the connection, and the file */
	front_disconnect(&f);
	assert_int_equal(stub_open_fds(), fds);
	/* Its own end of the connection: kept, it would hide that the front-end is gone. */
	front_connect(&f);
	send_half(f.sock);
	assert_true(front_is_closed(&f));
	assert_non_null(strstr(status().last_error, "brings a socket"));
	front_disconnect(&f);
	assert_int_equal(stub_open_fds(), fds);
}

/* A TCP connection whose peer takes nothing, and whose last close waits an hour for it. */
static int lingering_socket(int *peer)
{
	const struct linger hour = { .l_onoff = 1, .l_linger = 3600 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char some[65536];
	socklen_t len = sizeof a;

	assert_true(listener >= 0 && fd >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	*peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (send(fd, some, sizeof some, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour), 0);
	close(listener);
	return fd;
}

/* Descriptors that make whoever closes them wait: this ends, or the runner ends it. */
static void a_socket_that_lingers(void **state)
{
	int peer, fd = lingering_socket(&peer);

	(void)state;
	front_connect(&f);
	queue_half(fd);
	close(fd);
	stub_loop_turn();
	assert_true(front_is_closed(&f));
	assert_non_null(strstr(status().last_error, "brings a socket"));
	front_disconnect(&f);
	close(peer);
}

/* A file that somebody serves (here the kernel, out of no memory) is not even closed; so many, and nobody is let in any more. */
static void files_of_others(void **state)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	unsigned fds = stub_open_fds();

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		front_connect(&f);
		assert_true(status().connected);
		send_half(fd);
		assert_true(front_is_closed(&f));
		assert_non_null(strstr(status().last_error, "neither in memory"));
		front_disconnect(&f);
		assert_int_equal(stub_open_fds(), fds + i + 1);
	}
	front_connect(&f);
	assert_false(status().connected);
	assert_int_equal(status().connections, 16);
	assert_non_null(strstr(status().queue[0].reason, "make the VPort anew"));
	front_disconnect(&f);
	close(fd);
}

/* Descriptors of a message that comes in pieces: as many as there may be, and then more, which are closed at once. */
static void surplus_of_a_message(void **state)
{
	unsigned fds;

	(void)state;
	front_connect(&f);
	fds = stub_open_fds();
	for (unsigned i = 0; i < 8; i++) {
		queue_byte(f.memfd, i);
		stub_loop_turn();
		assert_true(status().connected);
	}
	assert_int_equal(stub_open_fds(), fds + 8);
	queue_byte(f.memfd, 8);
	stub_loop_turn();
	assert_true(front_is_closed(&f));
	assert_non_null(strstr(status().last_error, "more than 8 descriptors"));
	assert_int_equal(stub_open_fds(), fds - 1);
	front_disconnect(&f);
}

/* A front-end that always has more to say: others have their turn after so many messages. */
static void others_have_their_turn(void **state)
{
	static struct {
		struct vhost_msg_header h;
		uint64_t v;
	} __attribute__((packed)) m[300];
	struct vhost_endpoint_config cfg;

	(void)state;
	vhost_endpoint_close(f.ep);
	front_config(&f, &cfg, 1);
	one_watch = stub_loop;
	one_watch.add_fd = add_watch;
	cfg.loop = &one_watch;
	assert_int_equal(vhost_endpoint_open(&cfg, &f.ep, NULL), 0);
	front_connect(&f);
	for (unsigned i = 0; i < 300; i++)
		m[i].h = (struct vhost_msg_header){ SET_STATUS, VHOST_MSG_VERSION, 8 };
	assert_int_equal(send(f.sock, m, sizeof m, 0), sizeof m);
	for (unsigned i = 1; i <= 4; i++) {
		last_watch.cb(last_watch.arg, EPOLLIN);
		assert_int_equal(status().messages, 64 * i);
	}
	/* and after each other table of memory */
	stub_loop_turn();
	assert_int_equal(status().messages, 300);
	for (unsigned i = 0; i < 3; i++)
		queue_table();
	for (unsigned i = 1; i <= 3; i++) {
		last_watch.cb(last_watch.arg, EPOLLIN);
		assert_int_equal(status().messages, 300 + i);
	}
}

/* Several messages in one send are several messages, each with its own descriptors. */
static void messages_in_a_row(void **state)
{
	struct {
		struct vhost_msg_header h;
		uint64_t v;
	} __attribute__((packed)) m[300];

	(void)state;
	front_connect(&f);
	for (unsigned i = 0; i < 300; i++) {
		m[i].h = (struct vhost_msg_header){ SET_STATUS, VHOST_MSG_VERSION, 8 };
		m[i].v = i % 200 + 1;
	}
	assert_int_equal(send(f.sock, m, sizeof m, 0), sizeof m);
	stub_loop_turn();
	assert_int_equal(status().messages, 300);
	assert_int_equal(status().device_status, 100);
}

/* A front-end that asks and asks and does not read: it waits, the loop does not; no answer is lost. */
static void unread_answers(void **state)
{
	struct vhost_msg_header h = { GET_FEATURES, VHOST_MSG_VERSION, 0 };
	unsigned asked = 0, answered = 0, rounds = 0;
	uint64_t taken = 0;
	uint64_t v;

	(void)state;
	front_connect(&f);
	while (rounds < 3) {
		if (send(f.sock, &h, sizeof h, 0) == sizeof h) {
			asked++;
			continue;
		}
		stub_loop_turn();
		/* As long as the endpoint takes some, there is room again. */
		rounds = status().messages == taken ? rounds + 1 : 0;
		taken = status().messages;
	}
	assert_true(status().connected);
	assert_true(asked > status().messages);
	while (answered < asked) {
		while (recv(f.sock, &h, sizeof h, 0) == sizeof h) {
			assert_int_equal(h.request, GET_FEATURES);
			assert_int_equal(h.flags, VHOST_MSG_VERSION | VHOST_MSG_REPLY);
			assert_int_equal(recv(f.sock, &v, sizeof v, MSG_WAITALL), sizeof v);
			answered++;
		}
		stub_loop_turn();
	}
	assert_true(status().connected);
	assert_int_equal(status().messages, asked);
}

/* ---- listening ---- */

static void second_front_end(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	static struct front g;

	(void)state;
	front_run(&f);
	g = f;
	front_connect(&g);
	assert_true(front_is_closed(&g));
	close(g.sock);
	assert_int_equal(status().refused, 1);
	assert_true(f.nic.q[0].started);
	/* The first one dies, and the loop sees its successor before it sees that. */
	g.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", f.path);
	assert_int_equal(connect(g.sock, (struct sockaddr *)&a, sizeof a), 0);
	close(f.sock);
	stub_loop_turn();
	f.sock = g.sock;
	assert_false(front_is_closed(&f));
	assert_int_equal(status().connections, 2);
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 1);
	assert_false(f.nic.q[0].started);
}

/* Listening when none is left. */
static int without_descriptors(struct vmq_err *err)
{
	struct rlimit was, few;
	int top = dup(STDERR_FILENO), rc; /* none is free below it */
	dev_t dev;
	ino_t ino;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = (struct rlimit){ (rlim_t)top + 1, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	rc = vhost_socket_listen(f.path, 0600, (uid_t)-1, (gid_t)-1, &dev, &ino, err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	close(top);
	return rc;
}

static void socket_file(void **state)
{
	struct vhost_endpoint_config cfg;
	struct vhost_endpoint *ep = NULL;
	struct vmq_err err;
	struct stat st;
	int fd;

	(void)state;
	front_config(&f, &cfg, 1);
	assert_int_equal(lstat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(vhost_endpoint_open(&cfg, &ep, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, f.path));
	vhost_endpoint_close(f.ep);
	assert_int_equal(lstat(f.path, &st), -1);
	/* Somebody listens there who lets nobody in at the moment: in use. */
	fd = listen_at(f.path);
	assert_int_equal(listen(fd, 0), 0);
	assert_true(vhost_socket_connect(f.path) >= 0);
	assert_int_equal(vhost_socket_connect(f.path), -EAGAIN);
	assert_int_equal(vhost_endpoint_open(&cfg, &ep, &err), -EADDRINUSE);
	close(fd);
	assert_int_equal(unlink(f.path), 0);
	/* No descriptor for a socket: the sentence names the path. */
	assert_int_equal(without_descriptors(&err), -EMFILE);
	assert_non_null(strstr(err.text, f.path));
	/* Left over by a process that died: replaced. */
	close(listen_at(f.path));
	cfg.mode = 0660;
	(void)umask(0777); /* is not asked */
	assert_int_equal(vhost_endpoint_open(&cfg, &f.ep, &err), 0);
	assert_int_equal(umask(022), 0777);
	assert_int_equal(lstat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* Somebody else's by now: left alone. */
	assert_int_equal(unlink(f.path), 0);
	fd = open(f.path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	vhost_endpoint_close(f.ep);
	f.ep = NULL;
	assert_int_equal(lstat(f.path, &st), 0);
	assert_int_equal(vhost_endpoint_open(&cfg, &f.ep, &err), -EEXIST);
	close(fd);
	assert_int_equal(unlink(f.path), 0);
}

static void bad_configuration(void **state)
{
	struct vhost_endpoint_config good, cfg;
	struct vhost_endpoint *ep = NULL;
	struct vmq_err err;
	char path[200];
	unsigned fds = stub_open_fds();

	(void)state;
	front_config(&f, &good, 1);
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
#define REFUSED(change, rc, word)                                                                                      \
	do {                                                                                                           \
		cfg = good;                                                                                            \
		cfg.path = "/tmp/vmqt-never-made.sock";                                                                \
		change;                                                                                                \
		assert_int_equal(vhost_endpoint_open(&cfg, &ep, &err), rc);                                            \
		assert_non_null(strstr(err.text, word));                                                               \
		assert_int_equal(stub_open_fds(), fds);                                                                \
	} while (0)
	REFUSED(cfg.path = path, -EINVAL, "socket path");
	REFUSED(cfg.path = "", -EINVAL, "socket path");
	REFUSED(cfg.name = path, -EINVAL, "name");
	REFUSED(cfg.queue_pairs = 0, -EINVAL, "queue_pairs");
	REFUSED(cfg.queue_pairs = NIC_MAX_QUEUE_PAIRS + 1, -EINVAL, "queue_pairs");
	REFUSED(cfg.mode = 04755, -EINVAL, "socket mode");
	REFUSED(cfg.features = UINT64_C(1) << 60, -EINVAL, "features");
	REFUSED(cfg.path = "/tmp/vmqt-no-such-dir/x.sock", -ENOENT, "/tmp/vmqt-no-such-dir/x.sock");
}

/* ---- connecting ---- */

static bool has_connected(void *arg)
{
	int listener = *(int *)arg;

	if (f.sock < 0)
		f.sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return f.sock >= 0 && status().connected;
}

static void client_reconnects(void **state)
{
	struct vhost_endpoint_config cfg;
	int listener;

	(void)state;
	vhost_endpoint_close(f.ep);
	front_config(&f, &cfg, 1);
	cfg.client = true;
	assert_int_equal(vhost_endpoint_open(&cfg, &f.ep, NULL), 0);
	stub_loop_turn();
	assert_false(status().connected);
	for (unsigned round = 0; round < 3; round++) {
		listener = listen_at(f.path);
		stub_loop_until(has_connected, &listener);
		assert_true(front_get_u64(&f, GET_FEATURES) & VHOST_FEATURE(VERSION_1));
		assert_int_equal(status().connections, round + 1);
		close(listener);
		assert_int_equal(unlink(f.path), 0);
		front_disconnect(&f);
		assert_false(status().connected);
	}
	/* Also after a fault of the front-end's. */
	listener = listen_at(f.path);
	stub_loop_until(has_connected, &listener);
	front_send_u64(&f, 999, 0);
	assert_true(front_is_closed(&f));
	close(f.sock);
	f.sock = -1;
	stub_loop_until(has_connected, &listener);
	/* A client's end removes nothing. */
	vhost_endpoint_close(f.ep);
	f.ep = NULL;
	close(listener);
	assert_int_equal(unlink(f.path), 0);
}

static void close_while_running(void **state)
{
	(void)state;
	front_run(&f);
	stub_events.n = 0;
	vhost_endpoint_close(f.ep);
	f.ep = NULL;
	assert_false(f.nic.q[0].started);
	assert_int_equal(stub_events.n, 0);
	assert_true(front_is_closed(&f));
	assert_int_equal(stub_mappings(), 1);
	vhost_endpoint_close(NULL);
}

/* ---- nothing is left behind ---- */

static bool let_in_again(void *arg)
{
	return status().connections > *(const uint64_t *)arg;
}

/* Whoever breaks rules, goes and comes again is let in so often a second; who only comes and goes, as often as he likes. */
static void faults_are_bounded(void **state)
{
	struct vhost_endpoint_config cfg;
	struct vmq_err err = { "" };
	uint64_t n;

	(void)state;
	vhost_endpoint_close(f.ep);
	front_config(&f, &cfg, 1);
	cfg.faulty_sessions = 4;
	assert_int_equal(vhost_endpoint_open(&cfg, &f.ep, &err), 0);
	for (unsigned i = 0; i < 100; i++) {
		front_connect(&f);
		front_disconnect(&f);
	}
	assert_int_equal(status().connections, 100);
	for (unsigned i = 0; i < 20; i++) {
		front_connect(&f);
		if (status().connections <= 100 + i)
			break;
		front_send_u64(&f, 999, 0); /* closed by the endpoint */
		front_disconnect(&f);
	}
	n = status().connections;
	assert_true(n >= 105 && n <= 109); /* five, or four and five in two seconds */
	assert_false(status().connected);
	stub_loop_until(let_in_again, &n); /* he who waits, when the pause is over */
	assert_true(status().connected);
	front_disconnect(&f);
}

static void ten_thousand_connections(void **state)
{
	unsigned fds = 0, maps = 0;
	uint64_t ring = 1;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		front_run(&f);
		front_send(&f, SET_VRING_ERR, 0, &ring, sizeof ring, &f.call[0], 1);
		if (i % 3 == 0)
			(void)front_base(&f, 0);
		if (i % 3 == 1)
			front_send_u64(&f, 999, 0); /* closed by the endpoint */
		front_disconnect(&f);
		assert_false(f.nic.q[0].started);
		if (i == 0) {
			fds = stub_open_fds();
			maps = stub_mappings();
		}
	}
	assert_int_equal(stub_open_fds(), fds);
	assert_int_equal(stub_mappings(), maps);
	assert_int_equal(status().connections, 10000);
	assert_int_equal(f.nic.q[0].starts, 10000);
	assert_int_equal(f.nic.q[0].stops, 10000);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(message_in_two_halves), T(half_a_message),       T(descriptors_of_half_a_message),
		T(messages_in_a_row),     T(unread_answers),       T(second_front_end),
		T(a_socket_that_lingers), T(files_of_others), T(surplus_of_a_message), T(others_have_their_turn), T(socket_file), T(bad_configuration),    T(client_reconnects),
		T(close_while_running),   T(faults_are_bounded),   T(ten_thousand_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
