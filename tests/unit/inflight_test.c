/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process is killed at any instruction between taking buffers and giving them back (a child stepped by
 * ptrace, rings and in-flight region in memory it shares), and another one goes on: every buffer the driver offered is
 * given back exactly once, whatever the instruction was. VMQ_INFLIGHT_EVERY: at how many of them (default: each 7th, which
 * takes seconds; 1: all, a minute).
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vring/virtqueue.h"

/* Sanitizers make many more instructions of the same code. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EVERY 101u
#else
#define EVERY 7u
#endif

#define SIZE	8u
#define GPA	0x10000ull
#define BUFFER	256u
#define BUFFERS 6u /* offered */
#define TAKEN	5u /* of them, by the process that is killed */

struct shared {
	uint8_t ring[4096];
	uint8_t buffer[SIZE * BUFFER];
	struct vq_inflight inflight;
};

static struct shared *m;
static struct guest_mem *mem;

struct kind {
	bool packed, receive, in_order;
};

static struct virtqueue_config config(const struct kind *k)
{
	return (struct virtqueue_config){
		.desc = m->ring,
		.avail = m->ring + 1024,
		.used = m->ring + 2048,
		.size = SIZE,
		.last_avail = k->packed ? PACKED_WRAP : 0,
		.mem = mem,
		.features = 1ull << VIRTIO_F_VERSION_1 | (k->packed ? 1ull << VIRTIO_F_RING_PACKED : 0),
		.kick_fd = -1, .call_fd = -1, .err_fd = -1,
	};
}

/* The driver's side: buffer i has id i; one of them (2) takes two entries of a packed ring. */
static void offer(const struct kind *k)
{
	memset(m, 0, sizeof m->ring);
	memset(&m->inflight, 0, sizeof m->inflight);
	if (k->packed) {
		struct vring_packed_desc *d = (void *)m->ring;
		unsigned at = 0;

		for (uint16_t i = 0; i < BUFFERS; i++) {
			bool two = i == 2 && !k->receive;

			for (unsigned p = 0; p < (two ? 2u : 1u); p++, at++)
				d[at] = (struct vring_packed_desc){
					.addr = GPA + i * BUFFER + p * 64, .len = two ? 64 : BUFFER, .id = i,
					.flags = (uint16_t)(PACKED_AVAIL | (k->receive ? VRING_DESC_F_WRITE : 0) |
							    (two && p == 0 ? VRING_DESC_F_NEXT : 0)),
				};
		}
	} else {
		struct vring_desc *d = (void *)m->ring;
		struct vring_avail *a = (void *)(m->ring + 1024);

		for (uint16_t i = 0; i < BUFFERS; i++) {
			d[i] = (struct vring_desc){ GPA + i * BUFFER, BUFFER, k->receive ? VRING_DESC_F_WRITE : 0, 0 };
			a->ring[i] = i;
		}
		a->idx = BUFFERS;
	}
}

/* Takes up to n buffers of the transmit ring as ingress_queue does; returns their ids. */
static unsigned take(struct virtqueue *vq, unsigned n, uint16_t *id, uint16_t *ndesc)
{
	unsigned total = 0;

	while (total < n) {
		struct vq_seg seg[4];
		struct vq_chain c = { .seg = seg, .max = 4 };

		if (!virtqueue_ready(vq, vq->last_avail) || virtqueue_chain(vq, vq->last_avail, false, &c) <= 0)
			break;
		virtqueue_taken(vq, c.id, c.ndesc);
		id[total] = c.id;
		ndesc[total++] = c.ndesc;
		vq->last_avail = c.next;
	}
	return total;
}

static struct virtqueue begin(const struct kind *k)
{
	struct virtqueue_config cfg = config(k);
	struct virtqueue vq;

	assert_int_equal(virtqueue_init(&vq, &cfg), 0);
	if (k->in_order)
		assert_int_equal(virtqueue_keep_order(&vq), 0);
	(void)virtqueue_keep_inflight(&vq, &m->inflight, k->receive);
	return vq;
}

/* What the process does that is killed. */
static void work(struct virtqueue *vq, const struct kind *k)
{
	uint16_t id[TAKEN], n[TAKEN];

	if (k->receive) {
		struct vq_buf b[3];

		for (unsigned burst = 0; burst < 2; burst++) {
			unsigned got = virtqueue_take(vq, b, burst ? 2 : 3);

			for (unsigned i = 0; i < got; i++) {
				b[i].id = vq->packed ? (uint16_t)(burst * 3 + i) : b[i].id;
				b[i].len = 100;
			}
			virtqueue_used_row(vq, b, got);
			virtqueue_publish(vq);
		}
		return;
	}
	(void)take(vq, TAKEN, id, n);
	virtqueue_done(vq, id[3], n[3]);
	virtqueue_done(vq, id[2], n[2]);
	virtqueue_publish(vq);
	virtqueue_done(vq, id[0], n[0]);
	virtqueue_publish(vq);
	virtqueue_done(vq, id[4], n[4]);
}

/* Steps a child that works for so many instructions and kills it; true: it had done all before. */
static bool killed_after(const struct kind *k, unsigned steps)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct virtqueue vq = begin(k);

		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		work(&vq, k);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	for (unsigned i = 0; i < steps; i++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			break;
	}
	(void)kill(child, SIGKILL);
	if (!WIFEXITED(status))
		(void)waitpid(child, NULL, 0);
	return steps && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
}

/* The driver's look at what came back: how often each id. Returns how many entries the ring has published. */
static void collect(const struct kind *k, unsigned seen[BUFFERS])
{
	memset(seen, 0, BUFFERS * sizeof *seen);
	if (!k->packed) {
		const struct vring_used *u = (const void *)(m->ring + 2048);

		assert_true(u->idx <= BUFFERS);
		for (unsigned i = 0; i < u->idx; i++) {
			assert_true(u->ring[i].id < BUFFERS);
			seen[u->ring[i].id]++;
		}
		return;
	}
	for (unsigned at = 0; at < SIZE;) {
		const struct vring_packed_desc *d = (const struct vring_packed_desc *)(const void *)m->ring + at;

		if ((d->flags & (PACKED_AVAIL | PACKED_USED)) != (PACKED_AVAIL | PACKED_USED))
			break;
		assert_true(d->id < BUFFERS);
		seen[d->id]++;
		at += d->id == 2 && !k->receive ? 2 : 1;
	}
}

static void go_on(const struct kind *k, unsigned step)
{
	uint16_t id[BUFFERS], n[BUFFERS];
	unsigned before[BUFFERS], seen[BUFFERS], got;
	struct virtqueue vq;

	collect(k, before);
	vq = begin(k);
	if (vq.broken)
		fail_msg("step %u: %s", step, vq.broken);
	collect(k, seen);
	for (unsigned i = 0; i < BUFFERS; i++)
		if (seen[i] > 1 || seen[i] < before[i])
			fail_msg("step %u: buffer %u came back %u times, %u before", step, i, seen[i], before[i]);
	if (k->receive) {
		struct vq_buf b[BUFFERS];
		uint16_t first = 0;

		while (first < BUFFERS && seen[first])
			first++;
		got = virtqueue_take(&vq, b, BUFFERS - first);
		assert_int_equal(got, BUFFERS - first);
		for (unsigned i = 0; i < got; i++) {
			b[i].id = (uint16_t)(first + i);
			b[i].len = 100;
		}
		virtqueue_used_row(&vq, b, got);
	} else {
		got = take(&vq, BUFFERS, id, n);
		for (unsigned i = got; i-- > 0;)
			virtqueue_done(&vq, id[i], n[i]);
	}
	virtqueue_publish(&vq);
	collect(k, seen);
	for (unsigned i = 0; i < BUFFERS; i++)
		if (seen[i] != 1)
			fail_msg("step %u: buffer %u came back %u times in the end", step, i, seen[i]);
	virtqueue_fini(&vq);
}

static void at_every_instruction(const struct kind *k)
{
	const char *e = getenv("VMQ_INFLIGHT_EVERY");
	unsigned step, every = e ? (unsigned)atoi(e) : EVERY;
	bool done = false;

	if (every == 0)
		every = 1;
	for (step = 0; !done; step += every) {
		offer(k);
		done = killed_after(k, step);
		go_on(k, step);
	}
	assert_true(step > 100);
	print_message("%u instructions, killed at each %u.\n", step, every);
}

static void split_transmit(void **state)
{
	(void)state;
	at_every_instruction(&(struct kind){ .packed = false });
}

static void split_in_order(void **state)
{
	(void)state;
	at_every_instruction(&(struct kind){ .in_order = true });
}

static void packed_transmit(void **state)
{
	(void)state;
	at_every_instruction(&(struct kind){ .packed = true });
}

static void packed_in_order(void **state)
{
	(void)state;
	at_every_instruction(&(struct kind){ .packed = true, .in_order = true });
}

static void packed_receive(void **state)
{
	(void)state;
	at_every_instruction(&(struct kind){ .packed = true, .receive = true });
}

/* Whatever the region says, nothing outside the ring is touched, and the ring works or is broken. */
static void hostile_region(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 2000; i++) {
		struct kind k = { .packed = i & 1, .in_order = i & 2 };
		uint8_t *p = (uint8_t *)&m->inflight;
		struct virtqueue vq;

		offer(&k);
		vq = begin(&k);
		virtqueue_fini(&vq);
		for (unsigned n = 0; n < 8; n++)
			p[rand() % (n < 4 ? 32 : 64)] = (uint8_t)rand();
		m->inflight.magic = VQ_INFLIGHT_MAGIC;
		m->inflight.format = VQ_INFLIGHT_FORMAT;
		m->inflight.size = SIZE;
		if (i & 4)
			m->inflight.taken[rand() % 65536] = (uint16_t)rand();
		vq = begin(&k);
		if (!vq.broken) {
			uint16_t id[SIZE], n[SIZE];
			unsigned got = take(&vq, SIZE, id, n);

			for (unsigned j = 0; j < got; j++)
				virtqueue_done(&vq, id[j], n[j]);
			virtqueue_publish(&vq);
		}
		virtqueue_fini(&vq);
	}
}

/* A buffer's size in the region, to and fro, until it is told to end. */
static void *change_region(void *arg)
{
	const bool *end = arg;

	while (!__atomic_load_n(end, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < 40; i++)
			__atomic_store_n(&m->inflight.taken[3], 1, __ATOMIC_RELAXED);
		for (unsigned i = 0; i < 10; i++)
			__atomic_store_n(&m->inflight.taken[3], 30000, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The front-end changes it between what is counted and what is given back: the ring goes on inside its bounds, or is broken. */
static void region_changes(void **state)
{
	const struct kind k = { .packed = true };
	bool end = false;
	pthread_t other;

	(void)state;
	assert_int_equal(pthread_create(&other, NULL, change_region, &end), 0);
	for (unsigned i = 0; i < 300000; i++) {
		struct virtqueue vq;

		memset(m, 0, sizeof m->ring);
		m->inflight.magic = VQ_INFLIGHT_MAGIC;
		m->inflight.format = VQ_INFLIGHT_FORMAT;
		m->inflight.size = SIZE;
		m->inflight.word = PACKED_WRAP | (uint64_t)PACKED_WRAP << 16;
		vq = begin(&k);
		if ((vq.used_idx & 0x7FFFu) >= SIZE)
			fail_msg("round %u: used position %u of a ring of %u", i, vq.used_idx & 0x7FFFu, SIZE);
		virtqueue_fini(&vq);
	}
	__atomic_store_n(&end, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(other, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_transmit), cmocka_unit_test(split_in_order), cmocka_unit_test(packed_transmit),
		cmocka_unit_test(packed_in_order), cmocka_unit_test(packed_receive), cmocka_unit_test(hostile_region),
		cmocka_unit_test(region_changes),
	};
	struct guest_mem_slot slot;

	m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return 1;
	slot = (struct guest_mem_slot){ GPA, sizeof m->buffer, 0x7000000, m->buffer };
	mem = guest_mem_new(&slot, 1);
	return mem ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
