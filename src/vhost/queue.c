/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vhost/endpoint.h"

/* Bytes and alignment of a ring's three parts (virtio 1.2 §2.7, §2.8.10); the event fields are always counted in,
 * because the device may touch them as soon as EVENT_IDX is negotiated. */
struct ring_layout {
	uint64_t desc_len, avail_len, used_len;
	unsigned avail_align, used_align;
};

static struct ring_layout ring_layout(bool packed, uint16_t size)
{
	uint64_t n = size;

	if (packed)
		return (struct ring_layout){ 16 * n, 4, 4, 4, 4 };
	return (struct ring_layout){ 16 * n, 6 + 2 * n, 6 + 8 * n, 2, 4 };
}

static bool is_packed(const struct vhost_endpoint *ep)
{
	return ep->features & VHOST_FEATURE(RING_PACKED);
}

void vhost_vring_init(struct vhost_vring *v)
{
	*v = (struct vhost_vring){ .kick_fd = -1, .call_fd = -1, .err_fd = -1 };
}

int vhost_vring_check_addr(const struct vhost_endpoint *ep, const struct vhost_vring *v, const struct vhost_msg_addr *a,
			   struct vmq_err *err)
{
	struct ring_layout l = ring_layout(is_packed(ep), v->size);
	const struct {
		const char *name;
		uint64_t at, len;
		unsigned align;
	} part[] = {
		{ "descriptor", a->desc, l.desc_len, 16 },
		{ "available", a->avail, l.avail_len, l.avail_align },
		{ "used", a->used, l.used_len, l.used_align },
	};

	for (unsigned i = 0; i < 3; i++)
		if (part[i].at % part[i].align)
			return vmq_err(err, -EINVAL, "ring %u: the %s address %#" PRIx64 " is not a multiple of %u",
				       a->index, part[i].name, part[i].at, part[i].align);
	if (!v->size || !ep->mem)
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		const void *at = guest_mem_at_uva(ep->mem->gm, part[i].at, part[i].len);

		if (!at)
			return vmq_err(err, -EINVAL,
				       "ring %u: the %s area (%" PRIu64 " bytes from %#" PRIx64
				       ") does not lie inside one memory region",
				       a->index, part[i].name, part[i].len, part[i].at);
		if ((uintptr_t)at % part[i].align) /* regions may begin anywhere in their files */
			return vmq_err(err, -EINVAL, "ring %u: the place of the %s area in its file is not a multiple of %u",
				       a->index, part[i].name, part[i].align);
	}
	return 0;
}

static bool is_enabled(const struct vhost_endpoint *ep, const struct vhost_vring *v)
{
	if (v->enable == VHOST_VRING_UNTOLD)
		return !(ep->features & VHOST_FEATURE(PROTOCOL_FEATURES));
	return v->enable == VHOST_VRING_ENABLED;
}

/* What the ring lacks to be started: static text, or NULL. */
static const char *ring_lacks(const struct vhost_endpoint *ep, const struct vhost_vring *v)
{
	if (!ep->has_features)
		return "the front-end has not negotiated features yet";
	if (!ep->mem)
		return "the front-end has not shared the VM's memory yet (is its memory backend made with share=on?)";
	if (vhost_mem_lost(ep->mem))
		return VHOST_MEM_LOST;
	if (!v->size)
		return "the guest's driver has not set the ring up yet";
	if (!is_packed(ep) && (v->size & (v->size - 1)))
		return "the ring size is not a power of two";
	if (!v->has_addr)
		return "the front-end has not told the ring's addresses yet";
	if (vhost_vring_check_addr(ep, v, &v->addr, NULL))
		return "the ring does not lie, aligned, inside one memory region";
	if (!v->has_kick)
		return "the front-end has not started the ring yet";
	if (!is_enabled(ep, v))
		return "the front-end has not enabled the ring";
	return NULL;
}

const char *vhost_pair_waits_for(const struct vhost_endpoint *ep, unsigned qp)
{
	const char *why = ep->suspended ? "its function sleeps" : ring_lacks(ep, &ep->vring[2 * qp]);

	return why ? why : ring_lacks(ep, &ep->vring[2 * qp + 1]);
}

const char *vhost_pair_lacks_driver(const struct vhost_endpoint *ep, unsigned qp)
{
	const struct vhost_vring *v = &ep->vring[2 * qp];
	struct ring_layout l = ring_layout(is_packed(ep), v->size);
	const uint16_t *avail;
	const uint64_t *desc;

	if (!ep->pair[qp].started)
		return NULL;
	avail = guest_mem_at_uva(ep->mem->gm, v->addr.avail, l.avail_len);
	desc = guest_mem_at_uva(ep->mem->gm, v->addr.desc, l.desc_len);
	if (!avail || !desc || __atomic_load_n(&desc[0], __ATOMIC_RELAXED) || __atomic_load_n(&desc[1], __ATOMIC_RELAXED) ||
	    (!is_packed(ep) && __atomic_load_n(&avail[1], __ATOMIC_RELAXED)))
		return NULL;
	return "a first receive buffer (is the interface up in the guest, and its memory backend made with share=on?)";
}

/* The guest's address of the front-end's; `other` when it lies in no region. */
static uint64_t gpa_of(const struct vhost_endpoint *ep, uint64_t uva, uint64_t other)
{
	for (uint32_t i = 0; i < ep->mem->n; i++) {
		const struct vhost_region *r = &ep->mem->region[i];

		if (uva - r->uva < r->size)
			return r->gpa + (uva - r->uva);
	}
	return other;
}

/*
 * The guest address by which writes of used entries are logged. The front-end tells one only while it logs; until then
 * the address the used ring really has stands in, so that logging can begin without a new start. Of a packed ring the
 * front-end tells where the device's event area is (the part in the used ring's place), but used entries are written
 * over the descriptors.
 */
static uint64_t used_gpa(const struct vhost_endpoint *ep, const struct vhost_msg_addr *a)
{
	if (is_packed(ep))
		return gpa_of(ep, a->desc, 0);
	if (a->flags & VHOST_VRING_F_LOG_BIT)
		return a->log;
	return gpa_of(ep, a->used, a->log);
}

bool vhost_vring_moves(const struct vhost_endpoint *ep, const struct vhost_msg_addr *a)
{
	const struct vhost_pair *p = &ep->pair[a->index / 2];
	const struct vhost_msg_addr *is = &ep->vring[a->index].addr;

	if (!p->started)
		return false;
	return a->desc != is->desc || a->avail != is->avail || a->used != is->used ||
	       used_gpa(ep, a) != (a->index & 1 ? p->tx_used_gpa : p->rx_used_gpa);
}

/*
 * Where to go on. Whoever stops a ring in order gives every descriptor back, so the position told is also the used
 * index in memory; when it is not, a back-end died with descriptors in hand, and those are taken again.
 */
static uint16_t start_position(struct vhost_endpoint *ep, struct vhost_vring *v, const void *used)
{
	uint16_t idx;

	if (is_packed(ep))
		return v->base;
	idx = __atomic_load_n((const uint16_t *)used + 1, __ATOMIC_RELAXED);
	if (idx != v->base && vhost_may_log(ep))
		log_info("vport %s: ring %u goes on at its used index %u, not at %u as told", ep->name, v->addr.index,
			 idx, v->base);
	v->base = idx;
	return idx;
}

/* The ring is ready (ring_lacks), so its parts are inside the memory. */
static void ring_config(struct vhost_endpoint *ep, struct vhost_vring *v, struct nic_ring_config *c)
{
	struct ring_layout l = ring_layout(is_packed(ep), v->size);
	const struct guest_mem *gm = ep->mem->gm;

	c->desc = guest_mem_at_uva(gm, v->addr.desc, l.desc_len);
	c->avail = guest_mem_at_uva(gm, v->addr.avail, l.avail_len);
	c->used = guest_mem_at_uva(gm, v->addr.used, l.used_len);
	c->size = v->size;
	c->last_avail = start_position(ep, v, c->used);
	c->inflight = v->addr.index < ep->inflight_queues
			  ? (struct vq_inflight *)(void *)(ep->inflight->at + (size_t)v->addr.index * VQ_INFLIGHT_STRIDE)
			  : NULL;
	c->kick_fd = v->kick_fd;
	c->call_fd = v->call_fd;
	c->err_fd = -1; /* vhost_pair_break signals it, once for both */
}

int vhost_inflight_use(struct vhost_endpoint *ep, struct vhost_map *map, uint64_t size, uint16_t queues)
{
	if (!map || queues > 2 * ep->npairs || size < (uint64_t)queues * VQ_INFLIGHT_STRIDE) {
		vhost_map_put(map);
		return -EINVAL;
	}
	vhost_map_put(ep->inflight);
	ep->inflight = map;
	ep->inflight_size = size;
	ep->inflight_queues = queues;
	return 0;
}

struct vhost_map *vhost_inflight_new(struct vhost_endpoint *ep, uint16_t queues, int *fd, struct vmq_err *err)
{
	uint64_t size = (uint64_t)queues * VQ_INFLIGHT_STRIDE;
	struct vhost_map *map = NULL;

	*fd = memfd_create("vmq-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, (off_t)size) || fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		(void)vmq_err(err, -errno, "no memory for the in-flight region: %s", strerror(errno));
	else
		map = vhost_map_new(*fd, 0, size, vhost_mem_has(ep->mem), vhost_memory_lost, ep, err);
	if (!map && *fd >= 0)
		close(*fd);
	return map;
}

/* A session that may be gone on with by another process always has one, also when the front-end knows nothing of it. */
static void need_inflight(struct vhost_endpoint *ep)
{
	struct vmq_err err = { "" };
	struct vhost_map *map;
	int fd;

	if (!ep->session || ep->inflight)
		return;
	map = vhost_inflight_new(ep, (uint16_t)(2 * ep->npairs), &fd, &err);
	if (map) {
		close(fd);
		(void)vhost_inflight_use(ep, map, 2ull * ep->npairs * VQ_INFLIGHT_STRIDE, (uint16_t)(2 * ep->npairs));
	} else if (vhost_may_log(ep)) {
		log_warn("vport %s: %s", ep->name, err.text);
	}
}

static struct vhost_map *log_in_use(const struct vhost_endpoint *ep)
{
	return ep->features & VHOST_FEATURE(LOG_ALL) ? ep->log : NULL;
}

/* Its event is sent with the next vhost_pairs_tell. */
static void mark_broken(struct vhost_endpoint *ep, unsigned qp, const char *reason)
{
	struct vhost_pair *p = &ep->pair[qp];
	const uint64_t one = 1;

	p->broken = true;
	p->told_broken = false;
	ep->breaks++;
	(void)snprintf(p->reason, sizeof p->reason, "%s", reason);
	if (vhost_may_log(ep))
		log_warn("vport %s: queue pair %u is broken: %s", ep->name, qp, p->reason);
	for (unsigned i = 2 * qp; i <= 2 * qp + 1; i++) {
		int fd = ep->vring[i].err_fd;

		if (fd >= 0 && write(fd, &one, sizeof one) < 0 && errno != EAGAIN)
			log_debug("vport %s: the error descriptor of ring %u: %s", ep->name, i, strerror(errno));
	}
}

/* The four descriptors that the data path has of a running pair. */
static void pair_fds(struct vhost_endpoint *ep, unsigned qp, int *fd[4])
{
	struct vhost_vring *rx = &ep->vring[2 * qp], *tx = rx + 1;

	fd[0] = &rx->kick_fd;
	fd[1] = &rx->call_fd;
	fd[2] = &tx->kick_fd;
	fd[3] = &tx->call_fd;
}

/* A worker may still use what it was given: that is kept aside, and the rings go on with copies of the descriptors. */
static void set_aside(struct vhost_endpoint *ep, unsigned qp)
{
	struct vhost_pair *p = &ep->pair[qp];
	int *fd[4];

	pair_fds(ep, qp, fd);
	for (unsigned i = 0; i < 4; i++) {
		p->held_fd[i] = *fd[i];
		if (*fd[i] >= 0)
			*fd[i] = fcntl(*fd[i], F_DUPFD_CLOEXEC, 0);
	}
	p->started = false;
	p->stuck = true;
}

void vhost_pair_start(struct vhost_endpoint *ep, unsigned qp)
{
	struct vhost_pair *p = &ep->pair[qp];
	struct vhost_vring *rx = &ep->vring[2 * qp], *tx = rx + 1;
	struct vhost_map *log = log_in_use(ep);
	struct nic_queue_config c = { .features =
					  ep->features & ~(VHOST_FEATURE(LOG_ALL) | VHOST_FEATURE(PROTOCOL_FEATURES)) };
	struct vmq_err err = { "" };
	int rc;

	if (p->started || p->broken || vhost_pair_waits_for(ep, qp))
		return;
	if (p->stuck)
		vhost_pair_stop(ep, qp);
	if (p->stuck) {
		mark_broken(ep, qp, "a worker still holds the queue of the last session");
		return;
	}
	need_inflight(ep);
	ring_config(ep, rx, &c.rx);
	ring_config(ep, tx, &c.tx);
	c.mem = ep->mem->gm;
	c.dirty_log = log ? log->at : NULL;
	c.dirty_log_size = log ? ep->log_size : 0;
	c.rx_used_gpa = used_gpa(ep, &rx->addr);
	c.tx_used_gpa = used_gpa(ep, &tx->addr);
	c.rx_event_gpa = gpa_of(ep, rx->addr.used, 0);
	c.tx_event_gpa = gpa_of(ep, tx->addr.used, 0);
	if (!p->told) /* else it goes on after a change */
		vhost_tell(ep, &(struct vhost_event){ .type = VHOST_EVENT_STARTING, .qp = qp });
	rc = nic_queue_start(ep->nic, ep->vport, qp, &c, &err);
	if (rc && rc != -ETIMEDOUT) {
		mark_broken(ep, qp, err.text[0] ? err.text : strerror(-rc));
		return;
	}
	p->started = true;
	p->mem = vhost_mem_get(ep->mem);
	p->log = log ? vhost_map_get(log) : NULL;
	p->rx_used_gpa = c.rx_used_gpa;
	p->tx_used_gpa = c.tx_used_gpa;
	if (rc) {
		/* The worker may still come to it. */
		set_aside(ep, qp);
		mark_broken(ep, qp, err.text[0] ? err.text : strerror(-rc));
	}
}

static void release(struct vhost_pair *p)
{
	for (unsigned i = 0; p->stuck && i < 4; i++)
		if (p->held_fd[i] >= 0)
			close(p->held_fd[i]);
	p->started = false;
	p->stuck = false;
	vhost_mem_put(p->mem);
	p->mem = NULL;
	vhost_map_put(p->log);
	p->log = NULL;
}

void vhost_pair_stop(struct vhost_endpoint *ep, unsigned qp)
{
	struct vhost_pair *p = &ep->pair[qp];
	uint16_t rx = 0, tx = 0;
	int rc;

	if (!p->started && !p->stuck)
		return;
	rc = nic_queue_stop(ep->nic, ep->vport, qp, &rx, &tx);
	if (rc == -ETIMEDOUT) {
		if (p->started) {
			log_error("vport %s: queue pair %u was not given back in time; its VM's memory stays mapped",
				  ep->name, qp);
			set_aside(ep, qp);
		}
		return;
	}
	if (rc == 0 && p->started) {
		ep->vring[2 * qp].base = rx;
		ep->vring[2 * qp + 1].base = tx;
	}
	release(p);
}

void vhost_pair_break(struct vhost_endpoint *ep, unsigned qp, const char *reason)
{
	if (!ep->pair[qp].started)
		return;
	vhost_pair_stop(ep, qp);
	mark_broken(ep, qp, reason);
}

void vhost_pair_refuse(struct vhost_endpoint *ep, unsigned qp, const char *reason)
{
	if (!ep->pair[qp].started)
		mark_broken(ep, qp, reason);
}

void vhost_pair_mend(struct vhost_endpoint *ep, unsigned qp)
{
	ep->pair[qp].broken = false;
}

void vhost_pairs_start(struct vhost_endpoint *ep)
{
	for (unsigned qp = 0; qp < ep->npairs; qp++)
		vhost_pair_start(ep, qp);
}

void vhost_pairs_stop(struct vhost_endpoint *ep)
{
	for (unsigned qp = 0; qp < ep->npairs; qp++)
		if (ep->pair[qp].started)
			vhost_pair_stop(ep, qp);
}

void vhost_vring_stop(struct vhost_endpoint *ep, unsigned index)
{
	struct vhost_vring *v = &ep->vring[index];

	vhost_pair_stop(ep, index / 2);
	vhost_pair_mend(ep, index / 2);
	vhost_vring_set_fd(ep, index, &v->kick_fd, -1);
	v->has_kick = false;
}

void vhost_vring_set_fd(struct vhost_endpoint *ep, unsigned index, int *slot, int fd)
{
	unsigned qp = index / 2;
	struct vhost_vring *rx = &ep->vring[2 * qp], *tx = rx + 1;
	int old = *slot;

	ep->vring[index].fresh[slot == &ep->vring[index].kick_fd ? 0 : slot == &ep->vring[index].call_fd ? 1 : 2] = true;
	*slot = fd;
	if (ep->pair[qp].started && slot != &ep->vring[index].err_fd &&
	    nic_queue_set_fds(ep->nic, ep->vport, qp, rx->kick_fd, rx->call_fd, tx->kick_fd, tx->call_fd)) {
		vhost_pair_stop(ep, qp);
		/* The worker answers neither: it may have the old one or the new one. */
		if (ep->pair[qp].stuck)
			return;
		vhost_pair_start(ep, qp);
	}
	if (old >= 0)
		close(old);
}

void vhost_pairs_update_log(struct vhost_endpoint *ep)
{
	struct vhost_map *log = log_in_use(ep);

	for (unsigned qp = 0; qp < ep->npairs; qp++) {
		struct vhost_pair *p = &ep->pair[qp];

		if (!p->started || p->log == log)
			continue;
		if (nic_queue_set_log(ep->nic, ep->vport, qp, log ? log->at : NULL, log ? ep->log_size : 0)) {
			vhost_pair_stop(ep, qp);
			vhost_pair_start(ep, qp);
			continue;
		}
		vhost_map_put(p->log);
		p->log = log ? vhost_map_get(log) : NULL;
	}
}

void vhost_pairs_tell(struct vhost_endpoint *ep)
{
	for (unsigned qp = 0; qp < ep->npairs; qp++) {
		struct vhost_pair *p = &ep->pair[qp];
		struct vhost_event ev = { .qp = qp };

		if (p->started != p->told) {
			p->told = p->started;
			ev.type = p->told ? VHOST_EVENT_RUNNING : VHOST_EVENT_STOPPED;
			vhost_tell(ep, &ev);
		}
		if (p->broken && !p->told_broken) {
			p->told_broken = true;
			ev.type = VHOST_EVENT_BROKEN;
			ev.reason = p->reason;
			vhost_tell(ep, &ev);
		}
	}
}

void vhost_pairs_reset(struct vhost_endpoint *ep)
{
	vhost_pairs_stop(ep);
	for (unsigned i = 0; i < 2 * ep->npairs; i++) {
		struct vhost_vring *v = &ep->vring[i];

		vhost_vring_set_fd(ep, i, &v->kick_fd, -1);
		vhost_vring_set_fd(ep, i, &v->call_fd, -1);
		vhost_vring_set_fd(ep, i, &v->err_fd, -1);
		vhost_vring_init(v);
		memset(v->fresh, true, sizeof v->fresh);
		vhost_pair_mend(ep, i / 2);
	}
	vhost_pairs_tell(ep);
}
