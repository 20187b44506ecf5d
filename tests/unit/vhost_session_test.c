/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user back-end seen by a well-behaved front-end: what is negotiated, when a queue pair starts and stops,
 * what the data path is given, what the daemon is told.
 */
#include "vhost_stub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct front f;

static int setup(void **state)
{
	(void)state;
	stub_loop_open();
	front_open(&f, 1);
	return 0;
}

static int setup_mq(void **state)
{
	(void)state;
	stub_loop_open();
	front_open(&f, 4);
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

static bool signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void send_fd(uint32_t request, uint64_t v, int fd)
{
	front_send(&f, request, 0, &v, sizeof v, &fd, fd >= 0 ? 1 : 0);
}

/* A driver with packed rings that all is known of; the first has a size that no split one may have. */
static void packed_session(void)
{
	struct vhost_endpoint_config cfg;

	vhost_endpoint_close(f.ep);
	front_config(&f, &cfg, 1);
	cfg.features = VHOST_FEATURES_SUPPORTED;
	assert_int_equal(vhost_endpoint_open(&cfg, &f.ep, NULL), 0);
	front_connect(&f);
	front_features(&f, STUB_FEATURES | VHOST_FEATURE(RING_PACKED));
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_send_state(&f, SET_VRING_NUM, 0, 100);
}

/* A size that only a packed ring may have, and then a driver that wants another kind: the ring waits. */
static void size_of_another_kind(void **state)
{
	(void)state;
	packed_session();
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_true(status().connected);
	assert_false(f.nic.q[0].started);
	assert_string_equal(status().queue[0].reason, "the ring size is not a power of two");
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(RING_PACKED));
	assert_true(f.nic.q[0].started);
}

/* Its descriptors are not inherited, and do not make a worker wait. */
static void descriptors_are_ours(void **state)
{
	int fd[2];

	(void)state;
	front_run(&f);
	fd[0] = f.nic.q[0].cfg.rx.kick_fd;
	fd[1] = f.nic.q[0].cfg.tx.call_fd;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fd[i], F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(fd[i], F_GETFL) & O_NONBLOCK);
	}
	/* as the front-end has it, it waits */
	fd[0] = eventfd(0, EFD_CLOEXEC);
	send_fd(SET_VRING_CALL, 1, fd[0]);
	assert_true(fcntl(f.nic.q[0].cfg.tx.call_fd, F_GETFL) & O_NONBLOCK);
	close(fd[0]);
}

/* ---- the handshake ---- */

static void check_ring(const struct nic_ring_config *c, uint32_t index)
{
	struct vhost_msg_addr a = front_ring_addr(index);
	const uint64_t one = 1;

	assert_int_equal(c->size, STUB_RING);
	assert_true(front_same_byte(&f, c->desc, a.desc));
	assert_true(front_same_byte(&f, c->avail, a.avail));
	assert_true(front_same_byte(&f, c->used, a.used));
	/* The data path's descriptors are the front-end's eventfds. */
	assert_int_equal(write(c->call_fd, &one, sizeof one), sizeof one);
	assert_true(signalled(f.call[index]));
	assert_int_equal(write(f.kick[index], &one, sizeof one), sizeof one);
	assert_true(signalled(c->kick_fd));
}

static void handshake_v1(void **state)
{
	struct stub_queue *q = &f.nic.q[0];
	uint32_t hint = 0, len = 100;

	(void)state;
	front_connect(&f);
	assert_true(status().connected);
	assert_int_equal(status().peer_pid, getpid());
	assert_int_equal(stub_count(VHOST_EVENT_CONNECTED, 0), 1);
	assert_int_equal(front_get_u64(&f, GET_FEATURES), VHOST_FEATURES_DEFAULT & ~VHOST_FEATURE(MQ));
	front_features(&f, STUB_FEATURES);
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 1);
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	assert_false(q->started);
	front_enable(&f, 0, 1);
	assert_false(q->started);
	assert_string_equal(status().queue[0].reason, "the front-end has not enabled the ring");
	front_enable(&f, 1, 1);
	assert_true(q->started);
	assert_int_equal(q->cfg.features, STUB_FEATURES & ~VHOST_FEATURE(PROTOCOL_FEATURES));
	check_ring(&q->cfg.rx, 0);
	check_ring(&q->cfg.tx, 1);
	assert_null(q->cfg.dirty_log);
	assert_int_equal(q->cfg.mem->nslots, 1);
	assert_true(front_same_byte(&f, guest_mem_at(q->cfg.mem, STUB_GPA + 0x1234, &len, &hint), STUB_UVA + 0x1234));
	assert_int_equal(stub_count(VHOST_EVENT_RUNNING, 0), 1);
	assert_int_equal(stub_events.ev[stub_events.n - 2].type, VHOST_EVENT_STARTING);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_RUNNING);
	assert_non_null(status().queue[0].reason); /* the guest has posted nothing */
	assert_int_equal(status().mem_slots, 1);
	assert_int_equal(status().mem_bytes, STUB_MEM_BYTES);
	assert_int_equal(status().errors, 0);
	front_disconnect(&f);
	assert_false(q->started);
	assert_false(status().connected);
	assert_int_equal(status().mem_slots, 0);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 1);
	assert_int_equal(stub_count(VHOST_EVENT_DISCONNECTED, 0), 1);
	assert_int_equal(stub_events.ev[stub_events.n - 1].type, VHOST_EVENT_DISCONNECTED);
}

/* A front-end from before protocol features: rings are enabled by themselves; a guest without VERSION_1. */
static void handshake_legacy(void **state)
{
	(void)state;
	front_connect(&f);
	front_features(&f, 0);
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	assert_true(f.nic.q[0].started);
	assert_int_equal(f.nic.q[0].cfg.features, 0);
	/* It may still switch a ring off by name. */
	front_enable(&f, 1, 0);
	assert_false(f.nic.q[0].started);
}

/* Whatever comes last starts the pair, and nothing less than all of it. */
static void any_order(void **state)
{
	enum { MEMORY, NUM0, NUM1, ADDR0, ADDR1, KICK0, KICK1, ENABLE0, ENABLE1, FEATURES, STEPS };

	(void)state;
	for (unsigned last = 0; last < STEPS; last++) {
		int kick[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };

		front_connect(&f);
		for (unsigned i = 0; i <= STEPS; i++) {
			unsigned step = i == STEPS ? last : i;
			struct vhost_msg_addr a = front_ring_addr(step == ADDR1);

			if (i == last)
				continue;
			assert_false(f.nic.q[0].started);
			switch (step) {
			case MEMORY:
				front_memory(&f);
				break;
			case NUM0:
			case NUM1:
				front_send_state(&f, SET_VRING_NUM, step - NUM0, STUB_RING);
				break;
			case ADDR0:
			case ADDR1:
				front_send(&f, SET_VRING_ADDR, 0, &a, sizeof a, NULL, 0);
				break;
			case KICK0:
			case KICK1:
				send_fd(SET_VRING_KICK, step - KICK0, kick[step - KICK0]);
				break;
			case ENABLE0:
			case ENABLE1:
				front_enable(&f, step - ENABLE0, 1);
				break;
			default:
				front_send_u64(&f, SET_FEATURES, STUB_FEATURES);
				break;
			}
		}
		assert_true(f.nic.q[0].started);
		front_disconnect(&f);
		close(kick[0]);
		close(kick[1]);
	}
	assert_int_equal(status().errors, 0);
}

static void polled_ring(void **state)
{
	(void)state;
	front_run(&f);
	send_fd(SET_VRING_KICK, 1 | VHOST_VRING_NOFD, -1);
	send_fd(SET_VRING_CALL, 0 | VHOST_VRING_NOFD, -1);
	assert_true(f.nic.q[0].started);
	assert_int_equal(f.nic.q[0].cfg.tx.kick_fd, -1);
	assert_int_equal(f.nic.q[0].cfg.rx.call_fd, -1);
	assert_true(f.nic.q[0].cfg.rx.kick_fd >= 0);
	assert_int_equal(f.nic.q[0].starts, 1);
}

static void several_pairs(void **state)
{
	(void)state;
	front_connect(&f);
	assert_true(front_get_u64(&f, GET_FEATURES) & VHOST_FEATURE(MQ));
	assert_int_equal(front_get_u64(&f, GET_QUEUE_NUM), 4);
	front_features(&f, STUB_FEATURES | VHOST_FEATURE(MQ));
	front_memory(&f);
	for (uint32_t i = 0; i < 8; i++)
		front_ring(&f, i);
	/* The guest uses one pair only, and then a second one that is not the next. */
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	for (uint32_t i = 2; i < 8; i++)
		front_enable(&f, i, 0);
	assert_true(f.nic.q[0].started);
	assert_false(f.nic.q[1].started || f.nic.q[2].started || f.nic.q[3].started);
	front_enable(&f, 4, 1);
	front_enable(&f, 5, 1);
	assert_true(f.nic.q[2].started);
	assert_false(f.nic.q[1].started || f.nic.q[3].started);
	front_enable(&f, 0, 0);
	assert_false(f.nic.q[0].started);
	assert_true(f.nic.q[2].started);
	assert_int_equal(stub_count(VHOST_EVENT_RUNNING, 2), 1);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 1);
	/* The front-end negotiates again for each pair it starts: the same features disturb nothing, nor does a size.
	 */
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(MQ));
	front_send_state(&f, SET_VRING_NUM, 4, STUB_RING);
	assert_true(f.nic.q[2].started);
	assert_int_equal(f.nic.q[2].starts, 1);
}

/* ---- stop and go on ---- */

static void base_in_order(void **state)
{
	struct stub_queue *q = &f.nic.q[0];
	unsigned fds;

	(void)state;
	front_run(&f);
	fds = stub_open_fds();
	q->rx_moved = 19;
	q->tx_moved = 65530;
	assert_int_equal(front_base(&f, 0), 19);
	assert_false(q->started);
	assert_int_equal(front_base(&f, 1), 65530);
	assert_int_equal(q->stops, 1);
	assert_int_equal(stub_open_fds(), fds - 2); /* the kicks */
	/* Enabling does not start a stopped ring; a new kick does, both rings. */
	front_enable(&f, 0, 1);
	assert_false(q->started);
	send_fd(SET_VRING_KICK, 0, f.kick[0]);
	assert_false(q->started);
	send_fd(SET_VRING_KICK, 1, f.kick[1]);
	assert_true(q->started);
	assert_int_equal(q->cfg.rx.last_avail, 19);
	assert_int_equal(q->cfg.tx.last_avail, 65530);
	assert_int_equal(q->cfg.tx.last_avail, 65530);
	/* The other order, and asked twice. */
	q->rx_moved = 1;
	q->tx_moved = 10;
	assert_int_equal(front_base(&f, 1), 4);
	assert_int_equal(front_base(&f, 1), 4);
	assert_int_equal(front_base(&f, 0), 20);
}

static void base_never_started(void **state)
{
	(void)state;
	front_connect(&f);
	assert_int_equal(front_base(&f, 1), 0);
	front_send_state(&f, SET_VRING_BASE, 1, 77);
	assert_int_equal(front_base(&f, 1), 77);
}

/* A back-end died with descriptors in hand: the used index in memory says where to go on. */
static void base_after_crash(void **state)
{
	(void)state;
	((uint16_t *)(f.mem + 0x4000))[1] = 40;
	((uint16_t *)(f.mem + 0x8000 + 0x4000))[1] = 90;
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_send_state(&f, SET_VRING_BASE, 0, 44);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_int_equal(f.nic.q[0].cfg.rx.last_avail, 40);
	assert_int_equal(f.nic.q[0].cfg.tx.last_avail, 90);
}

/* A region made here travels to the front-end and back after a reconnect: the rings get the same memory. */
static void inflight_region(void **state)
{
	struct vhost_msg_inflight i = { .num_queues = 2, .queue_size = STUB_RING };
	struct vq_inflight *first;
	int fd;

	(void)state;
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	front_send(&f, GET_INFLIGHT_FD, 0, &i, sizeof i, NULL, 0);
	fd = front_recv_fd(&f, GET_INFLIGHT_FD, &i, sizeof i);
	assert_int_equal(i.mmap_offset, 0);
	assert_int_equal(i.mmap_size, 2 * VQ_INFLIGHT_STRIDE);
	assert_int_equal(i.num_queues, 2);
	assert_int_equal(front_ack(&f, SET_INFLIGHT_FD, &i, sizeof i, &fd, 1), 0);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	first = f.nic.q[0].cfg.rx.inflight;
	assert_non_null(first);
	assert_ptr_equal((uint8_t *)f.nic.q[0].cfg.tx.inflight, (uint8_t *)first + VQ_INFLIGHT_STRIDE);
	f.nic.q[0].cfg.tx.inflight->batch[77] = 4711;
	/* while rings run it stays */
	assert_int_equal(front_ack(&f, SET_INFLIGHT_FD, &i, sizeof i, &fd, 1), 1);
	/* nor can its holder make it shorter under us */
	assert_int_equal(ftruncate(fd, 0), -1);
	front_disconnect(&f);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	assert_int_equal(front_ack(&f, SET_INFLIGHT_FD, &i, sizeof i, &fd, 1), 0);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_int_equal(f.nic.q[0].cfg.tx.inflight->batch[77], 4711);
	close(fd);
}

/* Regions that its file could hold all of. */
static void inflight_regions_that_are_wrong(void **state)
{
	const struct vhost_msg_inflight good = { .mmap_size = 2 * VQ_INFLIGHT_STRIDE, .num_queues = 2, .queue_size = STUB_RING };
	struct vhost_msg_inflight i;
	int fd = memfd_create("regions", MFD_CLOEXEC);
	unsigned maps;

	(void)state;
	assert_int_equal(ftruncate(fd, 1ll << 46), 0);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	maps = stub_mappings();
#define REFUSED(change, says)                                                                                          \
	do {                                                                                                           \
		i = good;                                                                                              \
		change;                                                                                                \
		assert_int_equal(front_ack(&f, SET_INFLIGHT_FD, &i, sizeof i, &fd, 1), 1);                             \
		assert_non_null(strstr(status().last_error, says));                                                    \
		assert_int_equal(stub_mappings(), maps);                                                               \
	} while (0)
	REFUSED(i.num_queues = 0, "0 rings");
	REFUSED(i.num_queues = 3; i.mmap_size = 3 * VQ_INFLIGHT_STRIDE, "3 rings, this VPort has 2");
	REFUSED(i.mmap_size--, "for each of 2 rings are right");
	REFUSED(i.mmap_offset = 4, "for each of 2 rings are right");
	REFUSED(i.mmap_size = 1ull << 46, "for each of 2 rings are right");
	REFUSED(i.mmap_size = 2 * NIC_MAX_QUEUE_PAIRS * VQ_INFLIGHT_STRIDE + 1, "for each of 2 rings are right");
#undef REFUSED
	i = good;
	i.mmap_size = 2 * NIC_MAX_QUEUE_PAIRS * VQ_INFLIGHT_STRIDE;
	i.mmap_offset = 8;
	assert_int_equal(front_ack(&f, SET_INFLIGHT_FD, &i, sizeof i, &fd, 1), 0);
	close(fd);
}

static void packed_base(void **state)
{
	struct vhost_msg_addr a = front_ring_addr(0);

	(void)state;
	packed_session();
	front_send_state(&f, SET_VRING_BASE, 0, 0x8000);
	front_send_state(&f, SET_VRING_BASE, 1, 0x80058005u);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_true(f.nic.q[0].started);
	assert_int_equal(f.nic.q[0].cfg.rx.size, 100);
	assert_int_equal(f.nic.q[0].cfg.rx.last_avail, 0x8000);
	assert_int_equal(f.nic.q[0].cfg.rx.last_avail, 0x8000);
	assert_int_equal(f.nic.q[0].cfg.tx.last_avail, 0x8005);
	/* The log: the descriptors are what is written, and the event areas, whatever address the front-end tells. */
	assert_int_equal(f.nic.q[0].cfg.rx_used_gpa, STUB_GPA);
	assert_int_equal(f.nic.q[0].cfg.rx_event_gpa, STUB_GPA + 0x4000);
	assert_int_equal(f.nic.q[0].cfg.tx_used_gpa, STUB_GPA + 0x8000);
	assert_int_equal(f.nic.q[0].cfg.tx_event_gpa, STUB_GPA + 0xc000);
	a.flags = VHOST_VRING_F_LOG_BIT;
	a.log = STUB_GPA + 0x4000;
	front_send(&f, SET_VRING_ADDR, 0, &a, sizeof a, NULL, 0);
	assert_int_equal(f.nic.q[0].starts, 1);
	assert_int_equal(front_base(&f, 1), 0x80058005u);
}

/* SET_VRING_NUM for split and packed rings: what virtio allows is taken, all else refused. */
static void ring_sizes(void **state)
{
	static const struct {
		uint32_t size;
		bool split, packed;
	} t[] = {
		{ 0, false, false }, { 1, false, false }, { 2, true, true }, { 3, false, true }, { 100, false, true },
		{ 256, true, true }, { 32767, false, true }, { 32768, true, true }, { 32769, false, false },
		{ 65535, false, false }, { 65536, false, false }, { UINT32_MAX, false, false },
	};

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		front_connect(&f);
		front_features(&f, STUB_FEATURES | (packed ? VHOST_FEATURE(RING_PACKED) : 0));
		for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++) {
			struct vhost_msg_state s = { 0, t[i].size };
			uint64_t refused = front_ack(&f, SET_VRING_NUM, &s, sizeof s, NULL, 0);

			assert_int_equal(refused == 0, packed ? t[i].packed : t[i].split);
		}
		front_disconnect(&f);
	}
}

/* The largest ring there is, in memory that just holds it, and in a byte less. */
static void largest_ring(void **state)
{
	const uint64_t need = 16 * 32768 + (6 + 2 * 32768) + 2 + (6 + 8 * 32768);
	struct vhost_msg_addr a = { .index = 0, .desc = STUB_UVA, .avail = STUB_UVA + 16 * 32768 };
	struct vhost_msg_state s = { 0, 32768 };

	(void)state;
	assert_true(need < STUB_MEM_BYTES);
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	assert_int_equal(front_ack(&f, SET_VRING_NUM, &s, sizeof s, NULL, 0), 0);
	a.used = STUB_UVA + STUB_MEM_BYTES - (6 + 8 * 32768) + 2;
	assert_int_not_equal(front_ack(&f, SET_VRING_ADDR, &a, sizeof a, NULL, 0), 0);
	a.used -= 4; /* its alignment */
	assert_int_equal(front_ack(&f, SET_VRING_ADDR, &a, sizeof a, NULL, 0), 0);
}

static void disable_and_enable(void **state)
{
	struct stub_queue *q = &f.nic.q[0];

	(void)state;
	front_run(&f);
	q->rx_moved = 5;
	front_enable(&f, 1, 0);
	assert_false(q->started);
	front_enable(&f, 1, 1);
	assert_true(q->started);
	assert_int_equal(q->cfg.rx.last_avail, 5);
}

static void device_status(void **state)
{
	(void)state;
	front_run(&f);
	front_send_u64(&f, SET_STATUS, 0xf);
	assert_int_equal(front_get_u64(&f, GET_STATUS), 0xf);
	assert_true(f.nic.q[0].started);
	front_send_u64(&f, SET_STATUS, 0);
	assert_false(f.nic.q[0].started);
	assert_int_equal(front_get_u64(&f, GET_STATUS), 0);
	assert_int_equal(status().mem_slots, 1);
	send_fd(SET_VRING_KICK, 0, f.kick[0]);
	send_fd(SET_VRING_KICK, 1, f.kick[1]);
	assert_true(f.nic.q[0].started);
	front_send(&f, RESET_OWNER, 0, NULL, 0, NULL, 0);
	assert_false(f.nic.q[0].started);
	assert_true(status().connected);
}

/* ---- changes while it runs ---- */

static void new_descriptors(void **state)
{
	struct stub_queue *q = &f.nic.q[0];
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const uint64_t one = 1;
	unsigned fds;

	(void)state;
	front_run(&f);
	fds = stub_open_fds();
	send_fd(SET_VRING_CALL, 0, call);
	send_fd(SET_VRING_KICK, 1, f.kick[1]);
	assert_int_equal(q->starts, 1);
	assert_int_equal(write(q->cfg.rx.call_fd, &one, sizeof one), sizeof one);
	assert_true(signalled(call));
	assert_false(signalled(f.call[0]));
	assert_int_equal(stub_open_fds(), fds);
	/* When the data path cannot exchange them the pair is started anew with them. */
	f.nic.fds_rc = -ETIMEDOUT;
	send_fd(SET_VRING_CALL, 0 | VHOST_VRING_NOFD, -1);
	assert_int_equal(q->starts, 2);
	assert_int_equal(q->cfg.rx.call_fd, -1);
	close(call);
}

static void features_while_running(void **state)
{
	uint64_t other = STUB_FEATURES & ~VHOST_FEATURE(MRG_RXBUF);

	(void)state;
	front_run(&f);
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES);
	assert_true(f.nic.q[0].started);
	front_send_u64(&f, SET_FEATURES, other);
	assert_true(front_is_closed(&f));
	assert_false(f.nic.q[0].started);
}

static void memory_while_running(void **state)
{
	struct stub_queue *q = &f.nic.q[0];
	struct vhost_msg_table t = { .nregions = 2, .region = { front_region(), front_region() } };
	int fds[2] = { f.memfd, memfd_create("more", MFD_CLOEXEC) };

	(void)state;
	front_run(&f);
	assert_int_equal(ftruncate(fds[1], 0x10000), 0);
	t.region[1] = (struct vhost_msg_region){ STUB_GPA + 0x10000000, 0x10000, STUB_UVA + 0x10000000, 0 };
	q->rx_moved = 3;
	front_send(&f, SET_MEM_TABLE, 0, &t, 8 + 2 * 32, fds, 2);
	assert_true(q->started);
	assert_int_equal(q->starts, 2);
	assert_int_equal(q->cfg.mem->nslots, 2);
	assert_int_equal(q->cfg.rx.last_avail, 3);
	assert_true(front_same_byte(&f, q->cfg.rx.desc, front_ring_addr(0).desc));
	/* 1 is the test's own mapping; the old one is gone. */
	assert_int_equal(stub_mappings(), 3);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 0);
	assert_int_equal(stub_count(VHOST_EVENT_RUNNING, 0), 1);
	/* A table in which the ring is not: the pair waits. */
	t.nregions = 1;
	t.region[0].uva += 0x20000000;
	front_send(&f, SET_MEM_TABLE, 0, &t, 8 + 32, fds, 1);
	assert_false(q->started);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 1);
	assert_string_equal(status().queue[0].reason, "the ring does not lie, aligned, inside one memory region");
	front_memory(&f);
	assert_true(q->started);
	close(fds[1]);
}

/* ---- migration ---- */

static void migration_log(void **state)
{
	struct stub_queue *q = &f.nic.q[0];
	struct vhost_msg_log l = { .size = 0x10000, .offset = 0x1000 };
	struct vhost_msg_addr a = front_ring_addr(0);
	int fd = memfd_create("log", MFD_CLOEXEC);
	uint8_t *log;
	uint64_t v = 1;

	(void)state;
	assert_int_equal(ftruncate(fd, 0x11000), 0);
	log = mmap(NULL, 0x11000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	front_run(&f);
	assert_int_equal(q->cfg.rx_used_gpa, STUB_GPA + 0x4000);
	assert_int_equal(q->cfg.tx_used_gpa, STUB_GPA + 0xc000);
	front_send(&f, SET_LOG_BASE, 0, &l, sizeof l, &fd, 1);
	front_recv(&f, SET_LOG_BASE, &v, sizeof v);
	assert_int_equal(v, 0);
	assert_null(q->cfg.dirty_log);
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES | VHOST_FEATURE(LOG_ALL));
	assert_non_null(q->cfg.dirty_log);
	assert_int_equal(q->cfg.dirty_log_size, 0x10000);
	q->cfg.dirty_log[7] = 0x5a;
	assert_int_equal(log[0x1007], 0x5a);
	assert_true(status().logging);
	/* The ring's own log flag: the same place, so nothing stops. */
	a.flags = VHOST_VRING_F_LOG_BIT;
	a.log = STUB_GPA + 0x4000;
	front_send(&f, SET_VRING_ADDR, 0, &a, sizeof a, NULL, 0);
	assert_int_equal(q->starts, 1);
	assert_int_equal(q->stops, 0);
	/* Another place: started anew, with the log. */
	a.log = STUB_GPA + 0x9000;
	front_send(&f, SET_VRING_ADDR, 0, &a, sizeof a, NULL, 0);
	assert_int_equal(q->starts, 2);
	assert_int_equal(q->cfg.rx_used_gpa, STUB_GPA + 0x9000);
	assert_non_null(q->cfg.dirty_log);
	/* A larger log takes its place under the running queue. */
	l.offset = 0;
	front_send(&f, SET_LOG_BASE, 0, &l, sizeof l, &fd, 1);
	front_recv(&f, SET_LOG_BASE, &v, sizeof v);
	q->cfg.dirty_log[9] = 0x77;
	assert_int_equal(log[9], 0x77);
	assert_int_equal(q->starts, 2);
	front_send(&f, SET_LOG_FD, 0, NULL, 0, &f.kick[0], 1);
	front_send_u64(&f, SET_FEATURES, STUB_FEATURES);
	assert_null(q->cfg.dirty_log);
	assert_false(status().logging);
	assert_int_equal(q->starts, 2);
	assert_int_equal(status().errors, 0);
	munmap(log, 0x11000);
	close(fd);
}

static void announce_and_mtu(void **state)
{
	const uint8_t mac[8] = { 0x52, 0x54, 0, 1, 2, 3 };
	uint64_t mtu = 1400;

	(void)state;
	front_run(&f);
	front_send(&f, SEND_RARP, 0, mac, sizeof mac, NULL, 0);
	assert_int_equal(stub_count(VHOST_EVENT_ANNOUNCE, 0), 1);
	assert_memory_equal(stub_events.ev[stub_events.n - 1].mac, mac, 6);
	assert_int_equal(status().announcements, 1);
	assert_int_equal(front_ack(&f, NET_SET_MTU, &mtu, sizeof mtu, NULL, 0), 0);
	assert_int_equal(status().mtu, 1400);
}

/* ---- broken pairs ---- */

/* No front-end makes us send broadcast frames as often as it likes, and no new connection gives it more. */
static void announcements_are_bounded(void **state)
{
	const uint8_t mac[8] = { 0x52, 0x54, 0, 0, 0, 1 };
	unsigned told = 0;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		front_connect(&f);
		front_features(&f, STUB_FEATURES);
		for (unsigned i = 0; i < 500; i++) {
			stub_events.n = 0;
			front_send(&f, SEND_RARP, 0, mac, sizeof mac, NULL, 0);
			told += stub_count(VHOST_EVENT_ANNOUNCE, 0);
		}
		assert_true(status().connected);
		front_disconnect(&f);
	}
	assert_int_equal(status().announcements, 1000);
	assert_int_equal(status().announcements_withheld, 1000 - told);
	assert_in_range(told, 32, 3 * 32); /* one stretch of time, or two or three on a slow machine */
}

/* A front-end that does nothing but what is logged: twenty lines in ten seconds, and that it is silent then. */
static void log_lines_are_bounded(void **state)
{
	int out = memfd_create("stderr", MFD_CLOEXEC), was = dup(STDERR_FILENO);
	unsigned lines = 0;
	char c;

	(void)state;
	assert_true(dup2(out, STDERR_FILENO) >= 0);
	for (unsigned i = 0; i < 500; i++) {
		front_connect(&f);
		front_send_u64(&f, 999, i);
		front_disconnect(&f);
	}
	assert_true(dup2(was, STDERR_FILENO) >= 0);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	while (read(out, &c, 1) == 1)
		lines += c == '\n';
	assert_int_equal(status().errors, 500);
	assert_in_range(lines, 10, 3 * (20 + 1)); /* one stretch of time, or two or three on a slow machine */
	close(out);
	close(was);
}

static void breaks(const char *reason)
{
	f.nic.q[0].broken = true;
	vhost_endpoint_broken(f.ep, 0, reason);
}

static void broken_and_mended(void **state)
{
	int err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	front_run(&f);
	send_fd(SET_VRING_ERR, 1, err_fd);
	vhost_endpoint_broken(f.ep, 9, "no such pair");
	vhost_endpoint_broken(f.ep, 0, "an old report");
	assert_true(f.nic.q[0].started);
	breaks("a descriptor chain loops");
	assert_false(f.nic.q[0].started);
	assert_true(signalled(err_fd));
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 1);
	assert_int_equal(stub_count(VHOST_EVENT_BROKEN, 0), 1);
	assert_string_equal(stub_events.reason[stub_events.n - 1], "a descriptor chain loops");
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	assert_string_equal(status().queue[0].reason, "a descriptor chain loops");
	assert_int_equal(status().breaks, 1);
	assert_true(status().connected);
	/* Neither an enable nor a new memory table brings it back; a reset of the ring does. */
	front_enable(&f, 0, 1);
	front_memory(&f);
	assert_false(f.nic.q[0].started);
	(void)front_base(&f, 0);
	(void)front_base(&f, 1);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_WAITING);
	front_ring(&f, 0);
	front_ring(&f, 1);
	assert_true(f.nic.q[0].started);
	/* So does a device reset, or a front-end that sets the ring up again without having asked where it stood. */
	breaks("again");
	front_send_u64(&f, SET_STATUS, 0);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_WAITING);
	front_ring(&f, 0);
	front_ring(&f, 1);
	breaks("again");
	front_send_state(&f, SET_VRING_BASE, 0, 0);
	assert_true(f.nic.q[0].started);
	/* And a new connection. */
	breaks("again");
	front_disconnect(&f);
	front_run(&f);
	assert_int_equal(stub_count(VHOST_EVENT_BROKEN, 0), 4);
	close(err_fd);
}

static void data_path_refuses(void **state)
{
	(void)state;
	f.nic.start_rc = -EINVAL;
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_true(status().connected);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	assert_string_equal(status().queue[0].reason, "the stub refuses");
	assert_int_equal(stub_count(VHOST_EVENT_BROKEN, 0), 1);
	assert_int_equal(stub_count(VHOST_EVENT_STOPPED, 0), 0);
}

/* A worker did not answer at the start: it may still come to the queue, so what it was given stays. */
static void stuck_at_the_start(void **state)
{
	unsigned fds;

	(void)state;
	f.nic.start_rc = f.nic.stop_rc = -ETIMEDOUT;
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	front_disconnect(&f);
	assert_int_equal(stub_mappings(), 2);
	fds = stub_open_fds();
	f.nic.start_rc = f.nic.stop_rc = 0;
	front_run(&f);
	front_disconnect(&f);
	assert_int_equal(stub_mappings(), 1);
	assert_int_equal(stub_open_fds(), fds - 4);
}

/* A worker does not let go: its memory and descriptors outlive the session, and are given back when it does. */
static void stuck_worker(void **state)
{
	struct stub_queue *q = &f.nic.q[0];
	const uint64_t one = 1;
	uint8_t *byte;
	unsigned fds;

	(void)state;
	front_run(&f);
	byte = q->cfg.rx.desc;
	f.nic.stop_rc = -ETIMEDOUT;
	front_disconnect(&f);
	fds = stub_open_fds();
	assert_int_equal(stub_mappings(), 2);
	assert_true(front_same_byte(&f, byte, front_ring_addr(0).desc));
	assert_int_equal(write(q->cfg.rx.call_fd, &one, sizeof one), sizeof one);
	/* Its ring cannot be started again meanwhile, nor its position told. */
	front_connect(&f);
	front_features(&f, STUB_FEATURES);
	front_memory(&f);
	front_ring(&f, 0);
	front_ring(&f, 1);
	front_enable(&f, 0, 1);
	front_enable(&f, 1, 1);
	assert_int_equal(status().queue[0].state, VHOST_QUEUE_BROKEN);
	front_send_state(&f, GET_VRING_BASE, 0, 0);
	assert_true(front_is_closed(&f));
	front_disconnect(&f);
	assert_int_equal(stub_open_fds(), fds);
	f.nic.stop_rc = 0;
	front_run(&f);
	assert_int_equal(q->starts, 2);
	assert_int_equal(stub_mappings(), 2);
	front_disconnect(&f);
	assert_int_equal(stub_open_fds(), fds - 4);
}

int main(void)
{
#define T(fn)    cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define T_MQ(fn) cmocka_unit_test_setup_teardown(fn, setup_mq, teardown)
	const struct CMUnitTest tests[] = {
		T(handshake_v1),
		T(handshake_legacy),
		T(any_order),
		T(polled_ring),
		T_MQ(several_pairs),
		T(base_in_order),
		T(base_never_started),
		T(base_after_crash), T(inflight_region), T(inflight_regions_that_are_wrong),
		T(packed_base), T(size_of_another_kind), T(descriptors_are_ours),
		T(ring_sizes),
		T(largest_ring),
		T(disable_and_enable),
		T(device_status),
		T(new_descriptors),
		T(features_while_running),
		T(memory_while_running),
		T(migration_log),
		T(announce_and_mtu),
		T(announcements_are_bounded),
		T(log_lines_are_bounded),
		T(broken_and_mended),
		T(data_path_refuses),
		T(stuck_at_the_start),
		T(stuck_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
