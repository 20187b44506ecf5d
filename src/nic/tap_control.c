/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures and traces as control sees them: the shared memory is made, the workers are told, and both are taken back.
 * The memory can be neither shrunk nor grown, so that its reader can't take pages from under a worker. Control thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nic/tap.h"

#define PAGE 4096u

_Static_assert(sizeof(struct vmq_tap_header) <= PAGE && sizeof(struct vmq_tap_ring) <= VMQ_TAP_DATA, "layout");
_Static_assert(sizeof(struct vmq_tap_record) % 8 == 0 && NIC_TAP_MAX_SNAPLEN == VMQ_TAP_MAX_SNAPLEN, "layout");

static int check(const struct nic *n, const struct nic_tap_config *c, struct vmq_err *err)
{
	const struct tap_set *now = n->engine->taps;

	if (!c->trace && (c->points == 0 || c->points >> NIC_TAP_POINTS))
		return vmq_err(err, -EINVAL, "point: none, or one that there is not");
	if (!c->trace && (c->snaplen < 14 || c->snaplen > NIC_TAP_MAX_SNAPLEN))
		return vmq_err(err, -EINVAL, "snaplen: %u given; 14 to %u are possible", c->snaplen,
			       NIC_TAP_MAX_SNAPLEN);
	if (c->ring_size < NIC_TAP_MIN_RING || c->ring_size > NIC_TAP_MAX_RING || c->ring_size & (c->ring_size - 1))
		return vmq_err(err, -EINVAL, "ring size: %u given; a power of two from %u to %u is possible",
			       c->ring_size, NIC_TAP_MIN_RING, NIC_TAP_MAX_RING);
	for (unsigned i = 0; now && c->trace && i < now->n; i++)
		if (now->tap[i]->cfg.trace)
			return vmq_err(err, -EBUSY, "another trace is running; there can be one at a time");
	if (now && now->n == TAP_MAX)
		return vmq_err(err, -EBUSY, "there are %u captures and traces already; end one first", TAP_MAX);
	return 0;
}

static int make_memory(struct nic_tap *t, unsigned rings)
{
	size_t stride = VMQ_TAP_DATA + t->cfg.ring_size;
	struct vmq_tap_header *h;

	t->memory_size = PAGE + rings * stride;
	t->fd = memfd_create("vmq-tap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->fd < 0 || ftruncate(t->fd, (off_t)t->memory_size) < 0 ||
	    fcntl(t->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	/* populated: a worker shall not meet a page fault */
	t->memory = mmap(NULL, t->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, t->fd, 0);
	if (t->memory == MAP_FAILED) {
		t->memory = NULL;
		return -errno;
	}
	h = (struct vmq_tap_header *)t->memory;
	*h = (struct vmq_tap_header){
		.magic = VMQ_TAP_MAGIC,
		.rings = rings,
		.snaplen = t->cfg.snaplen,
		.ring_offset = PAGE,
		.ring_stride = stride,
		.ring_size = t->cfg.ring_size,
	};
	for (unsigned i = 0; i < rings; i++) {
		t->writer[i].ring = (struct vmq_tap_ring *)(t->memory + PAGE + i * stride);
		t->writer[i].data = (uint8_t *)t->writer[i].ring + VMQ_TAP_DATA;
	}
	return 0;
}

static void tap_free(struct nic_tap *t)
{
	if (t->memory)
		(void)munmap(t->memory, t->memory_size);
	if (t->fd >= 0)
		(void)close(t->fd);
	free(t);
}

/* The workers look at `set` (NULL: at none) from now on; the one before is freed when none can. */
static void publish(struct nic_engine *e, struct tap_set *set)
{
	for (unsigned i = 0; i < e->nworkers; i++)
		__atomic_store_n(&e->w[i]->taps, set, __ATOMIC_RELEASE);
	nic_retire(e, e->taps);
	e->taps = set;
}

int nic_tap_start(struct nic *n, const struct nic_tap_config *cfg, struct nic_tap **out, struct vmq_err *err)
{
	struct nic_engine *e = n->engine;
	struct tap_set *set;
	struct nic_tap *t;
	int rc = check(n, cfg, err);

	if (rc < 0)
		return rc;
	t = aligned_alloc(64, sizeof *t + e->nworkers * sizeof t->writer[0]);
	set = calloc(1, sizeof *set);
	if (!t || !set) {
		free(t);
		free(set);
		return vmq_err(err, -ENOMEM, "no memory");
	}
	memset(t, 0, sizeof *t + e->nworkers * sizeof t->writer[0]);
	t->cfg = *cfg;
	t->nic = n;
	t->mask = cfg->ring_size - 1;
	t->left = (int64_t)cfg->limit;
	e->tap_number = e->tap_number == UINT16_MAX ? 1 : (uint16_t)(e->tap_number + 1);
	t->watch = (uint64_t)e->tap_number << TAP_WATCH_SHIFT;
	rc = make_memory(t, e->nworkers);
	if (rc < 0) {
		tap_free(t);
		free(set);
		return vmq_err(err, rc, "no memory to share: %s", strerror(-rc));
	}
	if (e->taps)
		*set = *e->taps;
	set->tap[set->n++] = t;
	publish(e, set);
	*out = t;
	return 0;
}

int nic_tap_fd(const struct nic_tap *t)
{
	return t->fd;
}

int nic_tap_stop(struct nic_tap *t)
{
	struct nic_engine *e = t->nic->engine;
	struct tap_set *set = NULL;
	int rc;

	if (e->taps->n > 1) {
		set = calloc(1, sizeof *set);
		if (!set)
			return -ENOMEM;
		for (unsigned i = 0; i < e->taps->n; i++)
			if (e->taps->tap[i] != t)
				set->tap[set->n++] = e->taps->tap[i];
	}
	publish(e, set);
	rc = nic_quiesce(e);
	if (rc < 0)
		return rc; /* a worker may still write there */
	tap_free(t);
	return 0;
}
