/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "vhost/memory.h"
#include "vhost/vhost.h"

#define RANGES_A_BLOCK 512u

struct vhost_guard_range {
	/* Odd while the control thread changes `addr` and `len`. Pairs with the two loads in range_holds: the handler
	 * takes no entry that changes under it. The entry of the mapping it faulted in never does: that one is in use.
	 */
	atomic_uint version;
	_Atomic uintptr_t addr;
	_Atomic size_t len; /* 0: the entry is free */
	atomic_bool lost;   /* set by the handler, read by the control thread after the eventfd told it */
	/* the control thread's alone */
	bool told;
	void (*fn)(void *arg);
	void *arg;
};

struct block {
	struct block *_Atomic next; /* stored with release when the block is ready; pairs with the handler's acquire */
	struct vhost_guard_range range[RANGES_A_BLOCK];
};

static struct block first;
static atomic_int event_fd = -1;
static struct sigaction former;
static const struct vhost_loop *guard_loop;

static bool range_holds(struct vhost_guard_range *r, uintptr_t at, uintptr_t *addr, size_t *len)
{
	unsigned v = atomic_load_explicit(&r->version, memory_order_acquire);

	if (v & 1)
		return false;
	*addr = atomic_load_explicit(&r->addr, memory_order_relaxed);
	*len = atomic_load_explicit(&r->len, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&r->version, memory_order_relaxed) == v && at - *addr < *len;
}

static struct vhost_guard_range *find(uintptr_t at, uintptr_t *addr, size_t *len)
{
	for (struct block *b = &first; b; b = atomic_load_explicit(&b->next, memory_order_acquire))
		for (unsigned i = 0; i < RANGES_A_BLOCK; i++)
			if (range_holds(&b->range[i], at, addr, len))
				return &b->range[i];
	return NULL;
}

/* In any thread, at any instruction that touches guest memory: async-signal-safe calls and system calls only. */
static void on_sigbus(int sig, siginfo_t *si, void *uc)
{
	const uint64_t one = 1;
	int saved = errno;
	struct vhost_guard_range *r = NULL;
	uintptr_t addr;
	size_t len;
	ssize_t n;

	(void)sig;
	(void)uc;
	if (si->si_code > 0)
		r = find((uintptr_t)si->si_addr, &addr, &len);
	if (!r || mmap((void *)addr, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
		/* Not ours: what would have happened without us. A fault repeats itself on return, a sent signal does
		 * not. */
		(void)sigaction(SIGBUS, &former, NULL);
		if (si->si_code <= 0)
			(void)raise(SIGBUS);
		errno = saved;
		return;
	}
	atomic_store_explicit(&r->lost, true, memory_order_release);
	n = write(atomic_load(&event_fd), &one, sizeof one);
	(void)n; /* it fails only when the counter is full, and then the descriptor is readable anyhow */
	errno = saved;
}

static void tell(void *arg, uint32_t events)
{
	uint64_t n;

	(void)arg;
	(void)events;
	if (read(atomic_load(&event_fd), &n, sizeof n) < 0)
		return;
	for (struct block *b = &first; b; b = atomic_load(&b->next))
		for (unsigned i = 0; i < RANGES_A_BLOCK; i++) {
			struct vhost_guard_range *r = &b->range[i];

			if (!atomic_load_explicit(&r->lost, memory_order_acquire) || r->told)
				continue;
			r->told = true;
			if (r->fn)
				r->fn(r->arg);
		}
}

/* How many mappings the kernel lets us have; half of them are for VMs, the rest is plenty for all else. */
static unsigned max_map_count(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned n = 0;

	if (!f || fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f)
		(void)fclose(f);
	return n ? n : 65530; /* the kernel's default */
}

int vhost_guard_start(const struct vhost_loop *loop, struct vmq_err *err)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int fd, rc;

	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return vmq_err(err, -errno, "no eventfd for lost guest memory: %s", strerror(errno));
	atomic_store(&event_fd, fd);
	rc = loop->add_fd(loop->ctx, fd, EPOLLIN, tell, NULL);
	if (rc) {
		atomic_store(&event_fd, -1);
		close(fd);
		return vmq_err(err, rc, "the eventfd for lost guest memory cannot be watched: %s", strerror(-rc));
	}
	guard_loop = loop;
	vhost_maps_limit(max_map_count() / 2, VHOST_BYTES_MOST);
	sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGBUS, &sa, &former);
	return 0;
}

void vhost_guard_stop(void)
{
	int fd = atomic_load(&event_fd);

	if (fd < 0)
		return;
	(void)sigaction(SIGBUS, &former, NULL);
	guard_loop->del_fd(guard_loop->ctx, fd);
	atomic_store(&event_fd, -1);
	close(fd);
}

static struct vhost_guard_range *free_entry(void)
{
	struct block *b = &first;

	for (;;) {
		struct block *next;

		for (unsigned i = 0; i < RANGES_A_BLOCK; i++)
			if (atomic_load_explicit(&b->range[i].len, memory_order_relaxed) == 0)
				return &b->range[i];
		next = atomic_load(&b->next);
		if (!next) {
			next = calloc(1, sizeof *next);
			if (!next)
				return NULL;
			atomic_store_explicit(&b->next, next, memory_order_release);
		}
		b = next;
	}
}

/* The write side of range_holds. */
static void set_range(struct vhost_guard_range *r, uintptr_t addr, size_t len)
{
	unsigned v = atomic_load_explicit(&r->version, memory_order_relaxed);

	atomic_store_explicit(&r->version, v + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&r->addr, addr, memory_order_relaxed);
	atomic_store_explicit(&r->len, len, memory_order_relaxed);
	atomic_store_explicit(&r->version, v + 2, memory_order_release);
}

struct vhost_guard_range *vhost_guard_add(void *addr, size_t len, void (*lost)(void *arg), void *arg)
{
	struct vhost_guard_range *r = free_entry();

	if (!r)
		return NULL;
	atomic_store(&r->lost, false);
	r->told = false;
	r->fn = lost;
	r->arg = arg;
	set_range(r, (uintptr_t)addr, len);
	return r;
}

void vhost_guard_remove(struct vhost_guard_range *r)
{
	r->fn = NULL;
	set_range(r, 0, 0);
}

void vhost_guard_orphan(struct vhost_guard_range *r)
{
	r->fn = NULL;
}

bool vhost_guard_lost(const struct vhost_guard_range *r)
{
	return atomic_load_explicit(&r->lost, memory_order_acquire);
}
