/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static unsigned maps_now, maps_most = 32765; /* half of the kernel's usual limit */
static uint64_t bytes_now, bytes_most = VHOST_BYTES_MOST;

static bool keep_fds;

void vhost_maps_keep_fds(void)
{
	keep_fds = true;
}

void vhost_maps_limit(unsigned most, uint64_t bytes)
{
	maps_most = most;
	bytes_most = bytes;
}

/* So many bytes more? */
static int may_map_bytes(uint64_t has, uint64_t len, struct vmq_err *err)
{
	bool sure = len <= bytes_most / VHOST_BYTES_SURE && has <= bytes_most / VHOST_BYTES_SURE - len;
	uint64_t most = sure ? bytes_most : bytes_most / 2;

	if (len <= most && bytes_now <= most - len)
		return 0;
	return vmq_err(err, -ENOSPC,
		       "this VM has %#" PRIx64 " bytes mapped, all together %#" PRIx64 ", and %#" PRIx64 " more are too many; above %#" PRIx64
		       " only a VM's first %#" PRIx64 " are possible",
		       has, bytes_now, len, bytes_most / 2, bytes_most / VHOST_BYTES_SURE);
}

/* One more, of so many bytes? */
static int may_map(struct vhost_has has, uint64_t len, struct vmq_err *err)
{
	unsigned most = has.maps < VHOST_MAPS_SURE ? maps_most : maps_most / 2;

	if (maps_now < most)
		return may_map_bytes(has.bytes, len, err);
	if (has.maps < VHOST_MAPS_SURE)
		return vmq_err(err, -ENOSPC, "all VMs together have %u mappings, all that are possible here", maps_now);
	return vmq_err(err, -ENOSPC, "this VM has %u mappings, all together %u; above %u only a VM's first %u are possible",
		       has.maps, maps_now, most, VHOST_MAPS_SURE);
}

/* What offset and length of a mapping must be multiples of: a file of huge pages maps in those. 0: errno says why not.
 */
static uint64_t map_unit(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return 0;
	return fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Where the mapping begins in the file and how long it is. */
static int map_extent(int fd, uint64_t offset, uint64_t size, struct stat *st, uint64_t *start, uint64_t *len,
		      struct vmq_err *err)
{
	uint64_t unit, end;

	if (size == 0)
		return vmq_err(err, -EINVAL, "its size is 0");
	if (size > (uint64_t)INT64_MAX || offset > (uint64_t)INT64_MAX - size)
		return vmq_err(err, -EINVAL, "its file offset %#" PRIx64 " and size %#" PRIx64 " wrap", offset, size);
	if (fstat(fd, st))
		return vmq_err(err, -errno, "its file: %s", strerror(errno));
	if (!S_ISREG(st->st_mode))
		return vmq_err(err, -EINVAL, "its descriptor is not a file of memory");
	if ((uint64_t)st->st_size < offset + size)
		return vmq_err(err, -EINVAL,
			       "its file has %#" PRIx64 " bytes, offset %#" PRIx64 " and size %#" PRIx64 " need more",
			       (uint64_t)st->st_size, offset, size);
	unit = map_unit(fd);
	if (!unit)
		return vmq_err(err, -errno, "its file: %s", strerror(errno));
	*start = offset / unit * unit;
	end = (offset + size + unit - 1) / unit * unit;
	*len = end - *start;
	return 0;
}

struct vhost_map *vhost_map_new(int fd, uint64_t offset, uint64_t size, struct vhost_has has, void (*lost)(void *arg),
				void *arg, struct vmq_err *err)
{
	struct vhost_map *m;
	struct stat st;
	uint64_t start = 0, len = 0;

	if (map_extent(fd, offset, size, &st, &start, &len, err) || may_map(has, len, err))
		return NULL;
	m = malloc(sizeof *m);
	if (!m) {
		(void)vmq_err(err, -ENOMEM, "no memory here");
		return NULL;
	}
	m->refs = 1;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->offset = offset;
	m->len = len;
	m->addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)start);
	if (m->addr == MAP_FAILED) {
		(void)vmq_err(err, -errno, "it cannot be mapped shared and writable: %s", strerror(errno));
		free(m);
		return NULL;
	}
	m->at = (uint8_t *)m->addr + (offset - start);
	/* A VM's memory has no place in our core dumps. */
	(void)madvise(m->addr, m->len, MADV_DONTDUMP);
	m->guard = vhost_guard_add(m->addr, m->len, lost, arg);
	if (!m->guard) {
		(void)vmq_err(err, -ENOMEM, "no memory here");
		(void)munmap(m->addr, m->len);
		free(m);
		return NULL;
	}
	m->fd = keep_fds ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	maps_now++;
	bytes_now += m->len;
	return m;
}

struct vhost_map *vhost_map_get(struct vhost_map *m)
{
	m->refs++;
	return m;
}

void vhost_map_put(struct vhost_map *m)
{
	if (!m || --m->refs)
		return;
	vhost_guard_remove(m->guard);
	(void)munmap(m->addr, m->len);
	if (m->fd >= 0)
		close(m->fd);
	maps_now--;
	bytes_now -= m->len;
	free(m);
}

static bool ranges_meet(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a - b < blen || b - a < alen;
}

bool vhost_region_same(const struct vhost_region *have, const struct vhost_msg_region *r, int fd)
{
	struct stat st;

	return have->gpa == r->gpa && have->size == r->size && have->uva == r->uva && have->map->offset == r->offset &&
	       fstat(fd, &st) == 0 && have->map->dev == st.st_dev && have->map->ino == st.st_ino;
}

bool vhost_region_meets(const struct vhost_region *have, const struct vhost_msg_region *r)
{
	return ranges_meet(have->gpa, have->size, r->gpa, r->size);
}

int vhost_region_check(const struct vhost_msg_region *r, const struct vhost_region *others, uint32_t n,
		       struct vmq_err *err)
{
	uint64_t total = r->size;

	if (r->size == 0)
		return vmq_err(err, -EINVAL, "its size is 0");
	if (r->gpa + r->size < r->gpa)
		return vmq_err(err, -EINVAL, "its guest address %#" PRIx64 " and size %#" PRIx64 " wrap", r->gpa,
			       r->size);
	if (r->uva + r->size < r->uva)
		return vmq_err(err, -EINVAL, "its user address %#" PRIx64 " and size %#" PRIx64 " wrap", r->uva,
			       r->size);
	if (r->size > VHOST_MEM_MAX_BYTES)
		return vmq_err(err, -EINVAL, "its size is %#" PRIx64 ", the limit is %#" PRIx64, r->size,
			       VHOST_MEM_MAX_BYTES);
	for (uint32_t i = 0; i < n; i++) {
		const struct vhost_region *o = &others[i];

		total += o->size;
		if (total > VHOST_MEM_MAX_BYTES)
			return vmq_err(err, -EINVAL,
				       "with its %#" PRIx64 " bytes the VM has more than the limit, %#" PRIx64, r->size,
				       VHOST_MEM_MAX_BYTES);

		if (ranges_meet(r->gpa, r->size, o->gpa, o->size))
			return vmq_err(err, -EINVAL,
				       "its guest addresses from %#" PRIx64 " (%#" PRIx64
				       " bytes) overlap the region at %#" PRIx64,
				       r->gpa, r->size, o->gpa);
		if (ranges_meet(r->uva, r->size, o->uva, o->size))
			return vmq_err(err, -EINVAL,
				       "its user addresses from %#" PRIx64 " (%#" PRIx64
				       " bytes) overlap the region at %#" PRIx64,
				       r->uva, r->size, o->uva);
	}
	return 0;
}

struct vhost_mem *vhost_mem_new(const struct vhost_region *r, uint32_t n, struct vmq_err *err)
{
	struct guest_mem_slot slot[GUEST_MEM_MAX_SLOTS] = { 0 };
	struct vhost_mem *m;

	if (n > GUEST_MEM_MAX_SLOTS) {
		(void)vmq_err(err, -E2BIG, "%u memory slots, the limit is %u", n, GUEST_MEM_MAX_SLOTS);
		return NULL;
	}
	m = malloc(sizeof *m + n * sizeof m->region[0]);
	if (!m)
		goto no_memory;
	m->refs = 1;
	m->n = n;
	m->bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		m->region[i] = r[i];
		m->bytes += r[i].size;
		slot[i] = (struct guest_mem_slot){ r[i].gpa, r[i].size, r[i].uva, r[i].map->at };
	}
	m->gm = guest_mem_new(slot, n);
	if (!m->gm) {
		free(m);
		goto no_memory;
	}
	for (uint32_t i = 0; i < n; i++)
		(void)vhost_map_get(m->region[i].map);
	return m;
no_memory:
	(void)vmq_err(err, -ENOMEM, "no memory here for %u slots", n);
	return NULL;
}

struct vhost_has vhost_mem_has(const struct vhost_mem *m)
{
	return m ? (struct vhost_has){ m->n, m->bytes } : (struct vhost_has){ 0, 0 };
}

struct vhost_mem *vhost_mem_get(struct vhost_mem *m)
{
	m->refs++;
	return m;
}

void vhost_mem_put(struct vhost_mem *m)
{
	if (!m || --m->refs)
		return;
	for (uint32_t i = 0; i < m->n; i++)
		vhost_map_put(m->region[i].map);
	free(m->gm);
	free(m);
}

bool vhost_mem_lost(const struct vhost_mem *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (vhost_guard_lost(m->region[i].map->guard))
			return true;
	return false;
}

void vhost_mem_orphan(struct vhost_mem *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		vhost_guard_orphan(m->region[i].map->guard);
}
