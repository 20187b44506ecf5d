/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM's memory: files mapped here, and the tables of slots made of them. A mapping and a table are counted objects,
 * because the data path goes on using the old table until its queues are stopped, and a table shares the mappings it
 * has in common with the one before. Control thread only; workers see the struct guest_mem inside, which never changes.
 */
#ifndef VMQ_VHOST_MEMORY_H
#define VMQ_VHOST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "vhost/guard.h"
#include "vhost/protocol.h"
#include "vring/guest_mem.h"

/*
 * The kernel lets a process have so many mappings (vm.max_map_count) and so many addresses (2^47), and all VMs share them:
 * so many and so many bytes are for VMs altogether, set once before the first is mapped. A connection that has more than
 * VHOST_MAPS_SURE, or more than a VHOST_BYTES_SURE of the bytes, leaves half of them to the others, so that no few VMs with
 * hundreds of memory slots, or with files of terabytes, keep the rest out.
 */
void vhost_maps_limit(unsigned most, uint64_t bytes);
#define VHOST_MAPS_SURE 16u
#define VHOST_BYTES_MOST (UINT64_C(1) << 46)
#define VHOST_BYTES_SURE 1024u

/* What a connection has mapped already. */
struct vhost_has {
	unsigned maps;
	uint64_t bytes;
};

/* From now on mappings keep a copy of their descriptor, so that it can be passed on (session.h). */
void vhost_maps_keep_fds(void);

/* The most one front-end may have mapped. */
#define VHOST_MEM_MAX_BYTES (UINT64_C(1) << 42)

struct vhost_map {
	unsigned refs;
	dev_t dev; /* the file, and where in it `at` lies */
	ino_t ino;
	uint64_t offset;
	uint8_t *at; /* the first byte that was asked for */
	void *addr;  /* the mapping around it, in whole (huge) pages */
	size_t len;
	struct vhost_guard_range *guard;
	int fd; /* a copy of the file's descriptor, -1: none is kept */
};

/*
 * Maps `size` bytes of the file from `offset`, shared and writable. The file must be a regular one and hold them all.
 * The fd stays the caller's and is not needed afterwards. `has`: what its connection has already.
 * `lost(arg)` is called on the control thread when the file was truncated under the mapping. One reference. NULL: the
 * sentence is in err.
 */
struct vhost_map *vhost_map_new(int fd, uint64_t offset, uint64_t size, struct vhost_has has, void (*lost)(void *arg),
				void *arg, struct vmq_err *err);
struct vhost_map *vhost_map_get(struct vhost_map *m);
void vhost_map_put(struct vhost_map *m); /* NULL is allowed */

struct vhost_region {
	uint64_t gpa, size, uva;
	struct vhost_map *map;
};

struct vhost_mem {
	unsigned refs;
	struct guest_mem *gm; /* what the data path is given */
	uint64_t bytes;
	uint32_t n;
	struct vhost_region region[]; /* in the order they came */
};

/* May `r` stand beside the n others? Not empty, no wrapped or shared addresses (guest's or front-end's), not too much
 * in all. 0, or -EINVAL with a sentence. */
int vhost_region_check(const struct vhost_msg_region *r, const struct vhost_region *others, uint32_t n,
		       struct vmq_err *err);

/* Is `r` of the file `fd` a region that we have: same addresses, size, file and place in it? */
bool vhost_region_same(const struct vhost_region *have, const struct vhost_msg_region *r, int fd);
/* Do guest addresses of both meet? */
bool vhost_region_meets(const struct vhost_region *have, const struct vhost_msg_region *r);

/* A table of checked regions; takes references of its own on their mappings. One reference. NULL: sentence in err. */
struct vhost_mem *vhost_mem_new(const struct vhost_region *r, uint32_t n, struct vmq_err *err);
/* What it takes; NULL: nothing. */
struct vhost_has vhost_mem_has(const struct vhost_mem *m);
struct vhost_mem *vhost_mem_get(struct vhost_mem *m);
void vhost_mem_put(struct vhost_mem *m); /* NULL is allowed */
/* Some of it cannot be had, so it is not the VM's memory any more; what is said of it then. A page of a file that is as long as it
 * should be is missing when its file system has none left, which is so of huge pages that nobody has reserved. */
#define VHOST_MEM_LOST "a page of the VM's memory is missing: its file was truncated, or no (huge) page was left for it"

bool vhost_mem_lost(const struct vhost_mem *m);
/* Forgets whom to tell about truncation: the table outlives its endpoint. */
void vhost_mem_orphan(struct vhost_mem *m);

#endif
