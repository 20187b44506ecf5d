/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each request of a front-end does: one function a request, one table of what a well-formed request looks like.
 * A function gets a message whose payload size and number of descriptors the table has checked; it changes all or
 * nothing, and returns 0 or -errno with the sentence of the refusal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/port.h"
#include "vhost/endpoint.h"

#define MIN_MTU 68u   /* virtio 1.2 §5.1.4.1 */
#define MAX_MTU 9000u /* what fits a port's largest frame beside header and tags */

_Static_assert(MAX_MTU + 14 + 2 * 4 <= PORT_MAX_FRAME, "the MTU fits a port's frame");

/* Larger than any log: a bit a page of all that can be mapped (2^47 bytes). */
#define MAX_LOG_BYTES (UINT64_C(1) << 32)

/* Of all rings that a VPort can have. */
#define MAX_INFLIGHT_BYTES (UINT64_C(2) * NIC_MAX_QUEUE_PAIRS * VQ_INFLIGHT_STRIDE)

static int reply(struct vhost_endpoint *ep, const void *payload, uint32_t size)
{
	return vhost_channel_send(&ep->ch, ep->ch.msg.h.request, payload, size);
}

static int reply_u64(struct vhost_endpoint *ep, uint64_t v)
{
	return reply(ep, &v, sizeof v);
}

/* ---- features ---- */

/* MQ means nothing for one queue pair. */
static uint64_t offered_now(const struct vhost_endpoint *ep)
{
	return ep->npairs > 1 ? ep->offered : ep->offered & ~VHOST_FEATURE(MQ);
}

static int get_features(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(ep, offered_now(ep));
}

static int set_features(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint64_t want = m->p.u64, changed = want ^ ep->features;

	if (want & ~offered_now(ep))
		return vmq_err(err, -EPROTO, "features %#" PRIx64 " were not offered (offered: %#" PRIx64 ")",
			       want & ~offered_now(ep), offered_now(ep));
	for (unsigned qp = 0; qp < ep->npairs; qp++)
		if (ep->pair[qp].started && (changed & ~VHOST_FEATURE(LOG_ALL)))
			return vmq_err(err, -EBUSY, "features %#" PRIx64 " changed while queue pair %u is running",
				       changed & ~VHOST_FEATURE(LOG_ALL), qp);
	ep->features = want;
	ep->has_features = true;
	vhost_pairs_update_log(ep);
	vhost_pairs_start(ep);
	return 0;
}

static int get_protocol_features(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(ep, ep->offered & VHOST_FEATURE(PROTOCOL_FEATURES) ? VHOST_PROTOCOL_OFFERED : 0);
}

static int set_protocol_features(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint64_t offered = ep->offered & VHOST_FEATURE(PROTOCOL_FEATURES) ? VHOST_PROTOCOL_OFFERED : 0;

	if (m->p.u64 & ~offered)
		return vmq_err(err, -EPROTO, "protocol features %#" PRIx64 " were not offered (offered: %#" PRIx64 ")",
			       m->p.u64 & ~offered, offered);
	ep->protocol_features = m->p.u64;
	return 0;
}

static int get_queue_num(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(ep, ep->npairs);
}

/* ---- session and device ---- */

static int set_owner(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	/* Nothing to do: a connection is a session, and it has one owner. */
	(void)ep;
	(void)m;
	(void)err;
	return 0;
}

static void stop_all_rings(struct vhost_endpoint *ep)
{
	for (unsigned i = 0; i < 2 * ep->npairs; i++)
		vhost_vring_stop(ep, i);
}

static int reset_owner(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	(void)m;
	(void)err;
	stop_all_rings(ep);
	return 0;
}

static int set_status(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	if (m->p.u64 > UINT8_MAX)
		return vmq_err(err, -EINVAL, "device status %#" PRIx64 " has more than 8 bits", m->p.u64);
	/* 0 resets the device (virtio 1.2 §2.1.2). The memory stays: it is the front-end's, not the driver's. */
	if (m->p.u64 == 0)
		stop_all_rings(ep);
	ep->device_status = (uint8_t)m->p.u64;
	return 0;
}

static int get_status(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(ep, ep->device_status);
}

static int net_set_mtu(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	if (m->p.u64 < MIN_MTU || m->p.u64 > MAX_MTU)
		return vmq_err(err, -EINVAL, "MTU %" PRIu64 ", %u to %u is right", m->p.u64, MIN_MTU, MAX_MTU);
	ep->mtu = (uint16_t)m->p.u64;
	return 0;
}

static int send_rarp(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	static const uint8_t none[6];
	struct vhost_event ev = { .type = VHOST_EVENT_ANNOUNCE };

	memcpy(ev.mac, m->p.bytes, sizeof ev.mac);
	if ((ev.mac[0] & 1) || memcmp(ev.mac, none, sizeof none) == 0)
		return vmq_err(err, -EINVAL,
			       "%02x:%02x:%02x:%02x:%02x:%02x to announce is not the address of one station", ev.mac[0],
			       ev.mac[1], ev.mac[2], ev.mac[3], ev.mac[4], ev.mac[5]);
	ep->announcements++;
	/* Each would be a broadcast frame: no front-end makes us send as many as it likes. */
	if (!rate_within(&ep->announce_rate, VHOST_ANNOUNCE_SECONDS, VHOST_ANNOUNCE_MOST)) {
		ep->announcements_withheld++;
		return 0;
	}
	if (vhost_may_log(ep))
		log_info("vport %s: its VM came by migration; %02x:%02x:%02x:%02x:%02x:%02x is announced", ep->name,
			 ev.mac[0], ev.mac[1], ev.mac[2], ev.mac[3], ev.mac[4], ev.mac[5]);
	vhost_tell(ep, &ev);
	return 0;
}

/* ---- memory ---- */

/* The queues go on with the new table. It is ours now; the old one is unmapped when the data path has let it go. */
static void use_table(struct vhost_endpoint *ep, struct vhost_mem *mem)
{
	struct vhost_mem *old = ep->mem;

	vhost_pairs_stop(ep);
	ep->mem = mem;
	vhost_pairs_start(ep);
	vhost_mem_put(old);
}

/* Fills *r with the region of a message, mapped; r->map is the caller's reference. */
static int map_region(struct vhost_endpoint *ep, const struct vhost_msg_region *mr, int fd,
		      const struct vhost_region *others, uint32_t n, struct vhost_region *r, struct vmq_err *err)
{
	int rc = vhost_region_check(mr, others, n, err);
	struct vhost_has has = { n, 0 };

	for (uint32_t i = 0; i < n; i++)
		has.bytes += others[i].size;
	if (rc == 0) {
		*r = (struct vhost_region){ mr->gpa, mr->size, mr->uva, NULL };
		r->map = vhost_map_new(fd, mr->offset, mr->size, has, vhost_memory_lost, ep, err);
		if (!r->map)
			rc = -EINVAL;
	}
	if (rc)
		vmq_err_prefix(err, "memory region %u: ", n);
	return rc;
}

static int set_mem_table(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	struct vhost_region r[VHOST_TABLE_MAX_REGIONS] = { 0 };
	struct vhost_mem *mem = NULL;
	uint32_t n = m->p.table.nregions, done;
	int rc = 0;

	if (n > VHOST_TABLE_MAX_REGIONS)
		return vmq_err(err, -EINVAL, "%u memory regions, the limit is %u", n, VHOST_TABLE_MAX_REGIONS);
	if (m->h.size != 8 + n * sizeof m->p.table.region[0])
		return vmq_err(err, -EINVAL, "a payload of %u bytes does not hold %u memory regions", m->h.size, n);
	if (m->nfds != n)
		return vmq_err(err, -EINVAL, "%u descriptors for %u memory regions", m->nfds, n);
	for (done = 0; done < n; done++) {
		rc = map_region(ep, &m->p.table.region[done], m->fds[done], r, done, &r[done], err);
		if (rc)
			break;
	}
	if (rc == 0)
		mem = vhost_mem_new(r, n, err);
	while (done)
		vhost_map_put(r[--done].map);
	if (!mem)
		return rc ? rc : -ENOMEM;
	use_table(ep, mem);
	return 0;
}

static int get_max_mem_slots(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(ep, GUEST_MEM_MAX_SLOTS);
}

static int add_mem_reg(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	struct vhost_region r[GUEST_MEM_MAX_SLOTS];
	struct vhost_mem *mem;
	uint32_t n = ep->mem ? ep->mem->n : 0;
	int rc;

	/* QEMU before 8.1 adds (and removes) each region once a queue pair. What we have already is there. */
	for (uint32_t i = 0; i < n; i++)
		if (vhost_region_same(&ep->mem->region[i], &m->p.slot.region, m->fds[0]))
			return 0;
	if (n == GUEST_MEM_MAX_SLOTS)
		return vmq_err(err, -ENOSPC, "all %u memory slots are in use", GUEST_MEM_MAX_SLOTS);
	if (n)
		memcpy(r, ep->mem->region, n * sizeof r[0]);
	rc = map_region(ep, &m->p.slot.region, m->fds[0], r, n, &r[n], err);
	if (rc)
		return rc;
	mem = vhost_mem_new(r, n + 1, err);
	vhost_map_put(r[n].map);
	if (!mem)
		return -ENOMEM;
	use_table(ep, mem);
	return 0;
}

static int rem_mem_reg(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	const struct vhost_msg_region *gone = &m->p.slot.region;
	struct vhost_region r[GUEST_MEM_MAX_SLOTS];
	struct vhost_mem *mem;
	uint32_t n = 0;

	for (uint32_t i = 0; ep->mem && i < ep->mem->n; i++) {
		const struct vhost_region *o = &ep->mem->region[i];

		if (o->gpa == gone->gpa && o->uva == gone->uva && o->size == gone->size)
			continue;
		if (vhost_region_meets(o, gone))
			return vmq_err(err, -ENOENT,
				       "the memory region at guest address %#" PRIx64 " has %#" PRIx64
				       " bytes at user address %#" PRIx64 ", not %#" PRIx64 " at %#" PRIx64,
				       o->gpa, o->size, o->uva, gone->size, gone->uva);
		r[n++] = *o;
	}
	/* Removed for another queue pair already (add_mem_reg). */
	if (!ep->mem || n == ep->mem->n)
		return 0;
	mem = vhost_mem_new(r, n, err);
	if (!mem)
		return -ENOMEM;
	use_table(ep, mem);
	return 0;
}

/* ---- migration log ---- */

static int set_log_base(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	const struct vhost_msg_log *l = &m->p.log;
	struct vhost_map *log, *old = ep->log;

	if (l->size > MAX_LOG_BYTES)
		return vmq_err(err, -EINVAL, "log: its size is %#" PRIx64 ", the limit is %#" PRIx64, l->size,
			       MAX_LOG_BYTES);
	for (uint32_t i = 0; ep->mem && i < ep->mem->n; i++) {
		uint64_t last = ep->mem->region[i].gpa + ep->mem->region[i].size - 1;

		if (last / VHOST_LOG_PAGE / 8 >= l->size)
			return vmq_err(err, -EINVAL,
				       "log: its %#" PRIx64 " bytes end before the page of guest address %#" PRIx64,
				       l->size, last);
	}
	log = vhost_map_new(m->fds[0], l->offset, l->size, vhost_mem_has(ep->mem), vhost_memory_lost, ep, err);
	if (!log) {
		vmq_err_prefix(err, "log: ");
		return -EINVAL;
	}
	ep->log = log;
	ep->log_size = l->size;
	vhost_pairs_update_log(ep);
	vhost_map_put(old);
	return 0;
}

static int set_log_fd(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	/* Signalling it is optional, and front-ends look at the log when they please: it is closed with the message. */
	(void)ep;
	(void)m;
	(void)err;
	return 0;
}

/* ---- in-flight region ---- */

static int check_inflight(const struct vhost_endpoint *ep, const struct vhost_msg_inflight *m, struct vmq_err *err)
{
	if (m->num_queues < 1 || m->num_queues > 2 * ep->npairs)
		return vmq_err(err, -EINVAL, "in-flight region: %u rings, this VPort has %u", m->num_queues, 2 * ep->npairs);
	for (unsigned qp = 0; qp < ep->npairs; qp++)
		if (ep->pair[qp].started)
			return vmq_err(err, -EBUSY, "in-flight region: it cannot be changed while queue pair %u is running", qp);
	return 0;
}

static int get_inflight_fd(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	struct vhost_msg_inflight answer = m->p.inflight;
	struct vhost_map *map;
	int fd, rc = check_inflight(ep, &m->p.inflight, err);

	if (rc)
		return rc;
	map = vhost_inflight_new(ep, answer.num_queues, &fd, err);
	if (!map)
		return -ENOMEM;
	answer.mmap_offset = 0;
	answer.mmap_size = (uint64_t)answer.num_queues * VQ_INFLIGHT_STRIDE;
	rc = vhost_inflight_use(ep, map, answer.mmap_size, answer.num_queues);
	if (rc == 0)
		rc = vhost_channel_send_fd(&ep->ch, m->h.request, &answer, sizeof answer, fd);
	close(fd);
	return rc;
}

/* The one that an earlier process made, or an empty one of the front-end's. */
static int set_inflight_fd(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	const struct vhost_msg_inflight *i = &m->p.inflight;
	struct vhost_map *map;
	int rc = check_inflight(ep, i, err);

	if (rc)
		return rc;
	if (i->mmap_size < (uint64_t)i->num_queues * VQ_INFLIGHT_STRIDE || i->mmap_size > MAX_INFLIGHT_BYTES || i->mmap_offset % 8)
		return vmq_err(err, -EINVAL, "in-flight region: %#" PRIx64 " bytes from %#" PRIx64 ", %#x for each of %u rings are right",
			       i->mmap_size, i->mmap_offset, VQ_INFLIGHT_STRIDE, i->num_queues);
	map = vhost_map_new(m->fds[0], i->mmap_offset, i->mmap_size, vhost_mem_has(ep->mem), vhost_memory_lost, ep, err);
	if (!map) {
		vmq_err_prefix(err, "in-flight region: ");
		return -EINVAL;
	}
	return vhost_inflight_use(ep, map, i->mmap_size, i->num_queues);
}

/* ---- rings ---- */

static int ring_index(const struct vhost_endpoint *ep, uint32_t index, struct vmq_err *err)
{
	if (index >= 2 * ep->npairs)
		return vmq_err(err, -EINVAL, "ring %u, this VPort has rings 0 to %u", index, 2 * ep->npairs - 1);
	return 0;
}

static int ring_not_running(const struct vhost_endpoint *ep, uint32_t index, const char *what, struct vmq_err *err)
{
	if (ep->pair[index / 2].started)
		return vmq_err(err, -EBUSY, "ring %u: its %s cannot be changed while it is running", index, what);
	return 0;
}

static int set_vring_num(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint32_t i = m->p.state.index, num = m->p.state.num;
	int rc = ring_index(ep, i, err);

	if (rc)
		return rc;
	if (num < 2 || num > 32768)
		return vmq_err(err, -EINVAL, "ring %u: size %u, 2 to 32768 is right", i, num);
	if ((num & (num - 1)) && !(ep->features & VHOST_FEATURE(RING_PACKED)))
		return vmq_err(err, -EINVAL, "ring %u: size %u, a power of two is right", i, num);
	if (num == ep->vring[i].size)
		return 0;
	rc = ring_not_running(ep, i, "size", err);
	if (rc)
		return rc;
	ep->vring[i].size = (uint16_t)num;
	vhost_pair_start(ep, i / 2);
	return 0;
}

static int set_vring_base(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint32_t i = m->p.state.index, num = m->p.state.num;
	int rc = ring_index(ep, i, err);

	if (rc)
		return rc;
	/* A packed ring has its available position in the low half and the used one in the high half; they are equal
	 * for a ring that was stopped in order, and some front-ends leave the high one 0. */
	if (num > UINT16_MAX && !(ep->features & VHOST_FEATURE(RING_PACKED)))
		return vmq_err(err, -EINVAL, "ring %u: position %u, 0 to 65535 is right", i, num);
	rc = ring_not_running(ep, i, "position", err);
	if (rc)
		return rc;
	ep->vring[i].base = (uint16_t)num;
	vhost_pair_mend(ep, i / 2);
	vhost_pair_start(ep, i / 2);
	return 0;
}

static int get_vring_base(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	struct vhost_msg_state answer = { .index = m->p.state.index };
	uint16_t base;
	int rc = ring_index(ep, answer.index, err);

	if (rc)
		return rc;
	vhost_vring_stop(ep, answer.index);
	if (ep->pair[answer.index / 2].stuck)
		return vmq_err(err, -ETIMEDOUT, "ring %u did not stop in time, where it stands is not known",
			       answer.index);
	base = ep->vring[answer.index].base;
	answer.num = ep->features & VHOST_FEATURE(RING_PACKED) ? base | (uint32_t)base << 16 : base;
	return reply(ep, &answer, sizeof answer);
}

static int set_vring_addr(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	const struct vhost_msg_addr *a = &m->p.addr;
	struct vhost_vring *v;
	int rc = ring_index(ep, a->index, err);

	if (rc)
		return rc;
	if (a->flags & ~VHOST_VRING_F_LOG_BIT)
		return vmq_err(err, -EINVAL, "ring %u: address flags %#x, only bit 0 is known", a->index, a->flags);
	v = &ep->vring[a->index];
	rc = vhost_vring_check_addr(ep, v, a, err);
	if (rc)
		return rc;
	/* Front-ends send it again for a running ring to switch its log on or off: no reason to stop it. */
	if (vhost_vring_moves(ep, a))
		vhost_pair_stop(ep, a->index / 2);
	v->addr = *a;
	v->has_addr = true;
	vhost_pair_start(ep, a->index / 2);
	return 0;
}

/* Can a worker wait for it at the price of one descriptor? Some of the kernel's objects cannot be waited for, and of an epoll set
 * each wait looks at all that is in it. */
static bool can_wait_for(int fd)
{
	struct epoll_event nothing = { .events = 0 };
	int set = epoll_create1(EPOLL_CLOEXEC);
	bool can;

	if (set < 0)
		return false;
	can = epoll_ctl(set, EPOLL_CTL_ADD, fd, &nothing) == 0;
	if (epoll_ctl(fd, EPOLL_CTL_DEL, set, NULL) == 0 || errno != EINVAL) /* EINVAL: fd is no epoll set */
		can = false;
	close(set);
	return can;
}

/* A kick, call or error descriptor. -1 in *fd: the front-end says that there is none. */
static int ring_fd(struct vhost_endpoint *ep, struct vhost_msg *m, uint32_t *index, int *fd, struct vmq_err *err)
{
	unsigned want = m->p.u64 & VHOST_VRING_NOFD ? 0 : 1;
	struct stat st;
	int rc, flags;

	*index = m->p.u64 & VHOST_VRING_INDEX_MASK;
	rc = ring_index(ep, *index, err);
	if (rc)
		return rc;
	if (m->nfds != want)
		return vmq_err(err, -EINVAL, "ring %u: %u descriptors came, %u is right", *index, m->nfds, want);
	*fd = -1;
	if (!want)
		return 0;
	/* A write must neither block nor raise SIGPIPE, whatever the front-end gives us: files and pipes are not for
	 * that. An eventfd is of no file type. */
	if (fstat(m->fds[0], &st) || (st.st_mode & S_IFMT) || !can_wait_for(m->fds[0]))
		return vmq_err(err, -EINVAL, "ring %u: the descriptor is not an eventfd", *index);
	flags = fcntl(m->fds[0], F_GETFL);
	if (flags < 0 || fcntl(m->fds[0], F_SETFL, flags | O_NONBLOCK))
		return vmq_err(err, -errno, "ring %u: the descriptor: %s", *index, strerror(errno));
	*fd = vhost_msg_take_fd(m, 0);
	return 0;
}

static int set_vring_kick(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint32_t i;
	int fd, rc = ring_fd(ep, m, &i, &fd, err);

	if (rc)
		return rc;
	vhost_vring_set_fd(ep, i, &ep->vring[i].kick_fd, fd);
	ep->vring[i].has_kick = true;
	vhost_pair_start(ep, i / 2);
	return 0;
}

static int set_vring_call(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint32_t i;
	int fd, rc = ring_fd(ep, m, &i, &fd, err);

	if (rc == 0)
		vhost_vring_set_fd(ep, i, &ep->vring[i].call_fd, fd);
	return rc;
}

static int set_vring_err(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint32_t i;
	int fd, rc = ring_fd(ep, m, &i, &fd, err);

	if (rc == 0)
		vhost_vring_set_fd(ep, i, &ep->vring[i].err_fd, fd);
	return rc;
}

static int set_vring_enable(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	uint32_t i = m->p.state.index;
	int rc = ring_index(ep, i, err);

	if (rc)
		return rc;
	if (m->p.state.num > 1)
		return vmq_err(err, -EINVAL, "ring %u: enable %u, 0 or 1 is right", i, m->p.state.num);
	ep->vring[i].enable = m->p.state.num ? VHOST_VRING_ENABLED : VHOST_VRING_DISABLED;
	if (m->p.state.num)
		vhost_pair_start(ep, i / 2);
	else
		vhost_pair_stop(ep, i / 2);
	return 0;
}

static int unsupported(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err)
{
	(void)ep;
	(void)m;
	return vmq_err(err, -EOPNOTSUPP, "it belongs to a protocol feature that was not offered");
}

/* ---- the table ---- */

enum row_flags {
	ANSWERS = 1,   /* has an answer of its own: a refusal cannot be told but by closing */
	ACK_SHMFD = 2, /* is acknowledged whenever LOG_SHMFD is negotiated */
	FATAL = 4,     /* a refusal always ends the connection */
	ANY = 8,       /* payload and descriptors are not looked at */
};

struct row {
	const char *name;
	uint16_t min_size, max_size; /* of the payload, bytes */
	uint8_t min_fds, max_fds;
	uint8_t flags;
	int (*fn)(struct vhost_endpoint *ep, struct vhost_msg *m, struct vmq_err *err);
};

/* X(number, name, payload bytes least and most, descriptors least and most, flags, function) */
#define REQUESTS(X)                                                                                                    \
	X(1, GET_FEATURES, 0, 0, 0, 0, ANSWERS, get_features)                                                          \
	X(2, SET_FEATURES, 8, 8, 0, 0, FATAL, set_features)                                                            \
	X(3, SET_OWNER, 0, 0, 0, 0, 0, set_owner)                                                                      \
	X(4, RESET_OWNER, 0, 0, 0, 0, 0, reset_owner)                                                                  \
	X(5, SET_MEM_TABLE, 8, sizeof(struct vhost_msg_table), 0, VHOST_MSG_MAX_FDS, 0, set_mem_table)                 \
	X(6, SET_LOG_BASE, 16, 16, 1, 1, ACK_SHMFD, set_log_base)                                                      \
	X(7, SET_LOG_FD, 0, 8, 1, 1, 0, set_log_fd)                                                                    \
	X(8, SET_VRING_NUM, 8, 8, 0, 0, 0, set_vring_num)                                                              \
	X(9, SET_VRING_ADDR, 40, 40, 0, 0, 0, set_vring_addr)                                                          \
	X(10, SET_VRING_BASE, 8, 8, 0, 0, 0, set_vring_base)                                                           \
	X(11, GET_VRING_BASE, 8, 8, 0, 0, ANSWERS, get_vring_base)                                                     \
	X(12, SET_VRING_KICK, 8, 8, 0, 1, 0, set_vring_kick)                                                           \
	X(13, SET_VRING_CALL, 8, 8, 0, 1, 0, set_vring_call)                                                           \
	X(14, SET_VRING_ERR, 8, 8, 0, 1, 0, set_vring_err)                                                             \
	X(15, GET_PROTOCOL_FEATURES, 0, 0, 0, 0, ANSWERS, get_protocol_features)                                       \
	X(16, SET_PROTOCOL_FEATURES, 8, 8, 0, 0, FATAL, set_protocol_features)                                         \
	X(17, GET_QUEUE_NUM, 0, 0, 0, 0, ANSWERS, get_queue_num)                                                       \
	X(18, SET_VRING_ENABLE, 8, 8, 0, 0, 0, set_vring_enable)                                                       \
	X(19, SEND_RARP, 8, 8, 0, 0, 0, send_rarp)                                                                     \
	X(20, NET_SET_MTU, 8, 8, 0, 0, 0, net_set_mtu)                                                                 \
	X(21, SET_BACKEND_REQ_FD, 0, 0, 0, 0, ANY, unsupported)                                                        \
	X(22, IOTLB_MSG, 0, 0, 0, 0, ANY, unsupported)                                                                 \
	X(23, SET_VRING_ENDIAN, 0, 0, 0, 0, ANY, unsupported)                                                          \
	X(24, GET_CONFIG, 0, 0, 0, 0, ANY | ANSWERS, unsupported)                                                      \
	X(25, SET_CONFIG, 0, 0, 0, 0, ANY, unsupported)                                                                \
	X(26, CREATE_CRYPTO_SESSION, 0, 0, 0, 0, ANY | ANSWERS, unsupported)                                           \
	X(27, CLOSE_CRYPTO_SESSION, 0, 0, 0, 0, ANY, unsupported)                                                      \
	X(28, POSTCOPY_ADVISE, 0, 0, 0, 0, ANY | ANSWERS, unsupported)                                                 \
	X(29, POSTCOPY_LISTEN, 0, 0, 0, 0, ANY, unsupported)                                                           \
	X(30, POSTCOPY_END, 0, 0, 0, 0, ANY | ANSWERS, unsupported)                                                    \
	X(31, GET_INFLIGHT_FD, 20, 24, 0, 0, ANSWERS, get_inflight_fd)                                                 \
	X(32, SET_INFLIGHT_FD, 20, 24, 1, 1, 0, set_inflight_fd)                                                       \
	X(33, GPU_SET_SOCKET, 0, 0, 0, 0, ANY, unsupported)                                                            \
	X(34, RESET_DEVICE, 0, 0, 0, 0, ANY, unsupported)                                                              \
	X(35, VRING_KICK, 0, 0, 0, 0, ANY, unsupported)                                                                \
	X(36, GET_MAX_MEM_SLOTS, 0, 0, 0, 0, ANSWERS, get_max_mem_slots)                                               \
	X(37, ADD_MEM_REG, 40, 40, 1, 1, 0, add_mem_reg)                                                               \
	X(38, REM_MEM_REG, 40, 40, 0, 1, 0, rem_mem_reg)                                                               \
	X(39, SET_STATUS, 8, 8, 0, 0, 0, set_status)                                                                   \
	X(40, GET_STATUS, 0, 0, 0, 0, ANSWERS, get_status)

static const struct row rows[] = {
#define REQUEST_ROW(number, name, smin, smax, fmin, fmax, flags, fn)                                                   \
	[number] = { #name, smin, smax, fmin, fmax, flags, fn },
	REQUESTS(REQUEST_ROW)
#undef REQUEST_ROW
};

static int check_form(const struct row *row, const struct vhost_msg *m, struct vmq_err *err)
{
	if (row->flags & ANY)
		return 0;
	if (m->h.size < row->min_size || m->h.size > row->max_size)
		return vmq_err(err, -EINVAL, "a payload of %u bytes came, %u%s is right", m->h.size, row->min_size,
			       row->max_size > row->min_size ? " or more" : "");
	if (m->nfds < row->min_fds || m->nfds > row->max_fds)
		return vmq_err(err, -EINVAL, "%u descriptors came, %u%s is right", m->nfds, row->min_fds,
			       row->max_fds > row->min_fds ? " or more" : "");
	return 0;
}

enum vhost_verdict vhost_handle(struct vhost_endpoint *ep, struct vmq_err *err)
{
	static const struct row unknown = { "unknown request", 0, 0, 0, 0, ANY, unsupported };
	struct vhost_msg *m = &ep->ch.msg;
	const struct row *row = &unknown;
	bool ack =
	    (m->h.flags & VHOST_MSG_NEED_REPLY) && (ep->protocol_features & UINT64_C(1) << VHOST_PROTOCOL_F_REPLY_ACK);
	bool shmfd = ep->protocol_features & UINT64_C(1) << VHOST_PROTOCOL_F_LOG_SHMFD;
	int rc;

	if (m->h.request < sizeof rows / sizeof rows[0] && rows[m->h.request].fn)
		row = &rows[m->h.request];
	rc = check_form(row, m, err);
	if (rc == 0)
		rc = row->fn(ep, m, err);
	if (rc == 0) {
		if (!(row->flags & ANSWERS) && (ack || ((row->flags & ACK_SHMFD) && shmfd)))
			rc = reply_u64(ep, 0);
	} else {
		vmq_err_prefix(err, "%s (%u): ", row->name, m->h.request);
		if (ack && !(row->flags & (ANSWERS | FATAL))) {
			vhost_fault(ep, err->text, "refused");
			rc = reply_u64(ep, 1);
			err->text[0] = '\0';
		}
	}
	if (rc == -ENOBUFS)
		(void)vmq_err(err, rc, "%s (%u): the front-end does not read its answers", row->name, m->h.request);
	return rc ? VHOST_MSG_CLOSE : VHOST_MSG_OK;
}
