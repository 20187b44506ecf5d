/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session that another process goes on with, and what was kept of it and does not fit: the front-end's connection is closed
 * then, nothing of it stays, and a new one is served. The keeper is played by an array.
 */
#include "vhost_stub.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/keep.h"
#include "vring/guest_mem.h"

static struct front f;

static struct kept {
	char name[FD_KEEP_NAME];
	int fd;
	unsigned users;
} kept[64];
static unsigned nkept;

static struct kept *find(const char *name)
{
	for (unsigned i = 0; i < nkept; i++)
		if (strcmp(kept[i].name, name) == 0)
			return &kept[i];
	return NULL;
}

static void store(void *ctx, const char *name, int fd)
{
	struct kept *k = find(name);

	(void)ctx;
	if (k) {
		k->users++;
		return;
	}
	assert_true(nkept < 64);
	k = &kept[nkept++];
	*k = (struct kept){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .users = 1 };
	(void)snprintf(k->name, sizeof k->name, "%s", name);
}

static void give_up(void *ctx, const char *name)
{
	struct kept *k = find(name);

	(void)ctx;
	assert_non_null(k);
	if (--k->users)
		return;
	close(k->fd);
	*k = kept[--nkept];
}

static const char *lost; /* a kind that the keeper has no more */

static int take(void *ctx, const char *name)
{
	struct kept *k = find(name);

	(void)ctx;
	return k && !(lost && strncmp(name, lost, strlen(lost)) == 0) ? fcntl(k->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

static const struct fd_keep keeper = { store, give_up, take, NULL };

/* The first that is kept of a kind. */
static struct kept *of_kind(const char *kind)
{
	size_t len = strlen(kind);

	for (unsigned i = 0; i < nkept; i++)
		if (strncmp(kept[i].name, kind, len) == 0 && kept[i].name[len] == ' ')
			return &kept[i];
	fail_msg("no %s is kept", kind);
	return NULL;
}

static uint64_t features; /* that are offered; 0: the usual ones */
static mode_t mode;	  /* of the socket; 0: 0600 */

static void begin(unsigned pairs)
{
	struct vhost_endpoint_config cfg;

	front_config(&f, &cfg, pairs);
	cfg.keep = &keeper;
	cfg.features = features;
	cfg.mode = mode;
	assert_int_equal(vhost_endpoint_open(&cfg, &f.ep, NULL), 0);
}

/* The process ends; the next one finds what was kept. */
static void leave(void)
{
	vhost_endpoint_leave(f.ep);
	f.ep = NULL;
	memset(f.nic.q, 0, sizeof f.nic.q);
}

static void go_on(unsigned pairs)
{
	begin(pairs);
	vhost_endpoint_resume(f.ep);
	stub_loop_turn();
}

static int setup(void **state)
{
	(void)state;
	features = 0;
	mode = 0;
	stub_loop_open();
	front_open(&f, 1);
	vhost_endpoint_close(f.ep);
	begin(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	front_close(&f);
	while (nkept) {
		kept[0].users = 1;
		give_up(NULL, kept[0].name);
	}
	stub_loop_close();
	return 0;
}

static bool connected(void)
{
	struct vhost_status st;

	vhost_endpoint_status(f.ep, &st);
	return st.connected;
}

static void check_goes_on(void)
{
	assert_true(connected());
	assert_true(f.nic.q[0].started);
	assert_true(front_same_byte(&f, f.nic.q[0].cfg.rx.desc, front_ring_addr(0).desc));
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 1);
}

static void goes_on(void **state)
{
	(void)state;
	front_run(&f);
	f.nic.q[0].rx_moved = 7;
	leave();
	((uint16_t *)(void *)(f.mem + (front_ring_addr(0).used - STUB_UVA)))[1] = 7;
	go_on(1);
	check_goes_on();
	assert_int_equal(f.nic.q[0].cfg.rx.last_avail, 7);
	leave();
	go_on(1); /* and again */
	check_goes_on();
}

/* The socket that is listened at is the same; who may connect is said anew. */
static void the_sockets_mode(void **state)
{
	static const mode_t modes[] = { 0666, 0660, 0600, 0620 };
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		leave();
		mode = modes[i];
		go_on(1);
		assert_int_equal(lstat(f.path, &st), 0);
		assert_int_equal(st.st_mode & 07777, mode);
		front_run(&f);
		assert_true(connected());
		front_disconnect(&f);
	}
}

/* It got another queue pair while it was there. */
static void more_queue_pairs(void **state)
{
	(void)state;
	front_run(&f);
	assert_int_equal(vhost_endpoint_set_queue_pairs(f.ep, 2, NULL), 0);
	leave();
	go_on(2);
	assert_true(connected());
	assert_true(f.nic.q[0].started);
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 2);
}

/* ---- what does not fit ---- */

/* The session's file, and where a member of it lies: found by its value, which is looked for in the file. */
static uint8_t *map_session(size_t *size)
{
	struct stat st;
	void *at;

	assert_int_equal(fstat(of_kind("session")->fd, &st), 0);
	*size = (size_t)st.st_size;
	at = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, of_kind("session")->fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

/* Replaces the first 8 bytes in the file that are `was`. */
static void change(uint64_t was, uint64_t now)
{
	size_t size, at = 0;
	uint8_t *file = map_session(&size);

	while (at + 8 <= size && memcmp(file + at, &was, 8))
		at += 4;
	assert_true(at + 8 <= size);
	memcpy(file + at, &now, 8);
	(void)munmap(file, size);
}

static void other_queue_pairs(void)
{
	begin(2);
}

static void fewer_features(void)
{
	features = VHOST_FEATURES_DEFAULT & ~VHOST_FEATURE(EVENT_IDX);
	begin(1);
}

static void region_that_wraps(void)
{
	change(STUB_GPA, UINT64_MAX - 4095);
	begin(1);
}

static void region_longer_than_its_file(void)
{
	change(STUB_MEM_BYTES, 2 * STUB_MEM_BYTES);
	begin(1);
}

static void regions_without_end(void)
{
	const uint64_t gpa = STUB_GPA;
	size_t size, at = 0;
	uint8_t *file = map_session(&size);
	uint32_t *number;

	while (memcmp(file + at, &gpa, 8))
		at += 4;
	number = (uint32_t *)(void *)(file + at) - 2; /* stands before them */
	assert_int_equal(*number, 1);
	*number = GUEST_MEM_MAX_SLOTS + 1;
	(void)munmap(file, size);
	begin(1);
}

static void another_file(void)
{
	int fd = memfd_create("other", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, STUB_MEM_BYTES), 0);
	for (unsigned i = 0; i < nkept; i++)
		if (strncmp(kept[i].name, "mem ", 4) == 0)
			assert_true(dup2(fd, kept[i].fd) >= 0);
	close(fd);
	begin(1);
}

static void no_connection(void)
{
	lost = "conn";
	begin(1);
}

static void no_kick(void)
{
	lost = "kick0";
	begin(1);
}

static const struct {
	const char *name;
	void (*spoil)(void); /* and begins the next process */
} unfit[] = {
	{ "other queue pairs", other_queue_pairs },
	{ "fewer features", fewer_features },
	{ "a region that wraps", region_that_wraps },
	{ "a region longer than its file", region_longer_than_its_file },
	{ "regions without end", regions_without_end },
	{ "another file of memory", another_file },
	{ "no connection", no_connection },
	{ "no kick", no_kick },
};

static void cannot_be_gone_on_with(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
		front_run(&f);
		leave();
		unfit[i].spoil();
		vhost_endpoint_resume(f.ep);
		stub_loop_turn();
		if (connected() || f.nic.q[0].started || !front_is_closed(&f))
			fail_msg("%s: gone on with", unfit[i].name);
		front_disconnect(&f);
		vhost_endpoint_close(f.ep);
		features = 0;
		lost = NULL;
		begin(1);
	}
}

/* A message was half there, or worked on, when the process ended. */
static void in_the_middle_of_a_message(void **state)
{
	struct vhost_msg_header h = { SET_STATUS, VHOST_MSG_VERSION, 8 };

	(void)state;
	front_run(&f);
	assert_int_equal(send(f.sock, &h, sizeof h, 0), sizeof h);
	stub_loop_turn();
	leave();
	go_on(1);
	assert_false(connected());
	assert_true(front_is_closed(&f));
}

/* A session's file that is none of ours: begun anew. */
static void check_begun_anew(void)
{
	go_on(1);
	assert_false(connected());
	assert_false(f.nic.q[0].started);
}

static void session_of_another_kind(void **state)
{
	size_t size;
	uint8_t *file;

	(void)state;
	front_run(&f);
	leave();
	file = map_session(&size);
	file[0] ^= 1;
	(void)munmap(file, size);
	check_begun_anew();
}

static void session_of_another_path(void **state)
{
	size_t size, at = 0;
	uint8_t *file;

	(void)state;
	front_run(&f);
	leave();
	file = map_session(&size);
	while (memcmp(file + at, f.path, strlen(f.path)))
		at++;
	file[at + 1] ^= 1;
	(void)munmap(file, size);
	check_begun_anew();
}

static void session_that_is_short(void **state)
{
	(void)state;
	front_run(&f);
	leave();
	assert_int_equal(ftruncate(of_kind("session")->fd, 4096), 0);
	check_begun_anew();
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(goes_on),
		T(the_sockets_mode),
		T(more_queue_pairs),
		T(cannot_be_gone_on_with),
		T(in_the_middle_of_a_message),
		T(session_of_another_kind),
		T(session_of_another_path),
		T(session_that_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
