/* SPDX-License-Identifier: BSD-3-Clause */
#include "vring/virtqueue.h"

#include <errno.h>
#include <unistd.h>

int virtqueue_init(struct virtqueue *vq, const struct virtqueue_config *cfg)
{
	if (cfg->size == 0 || cfg->size > 32768 || (cfg->size & (cfg->size - 1)))
		return -EINVAL;
	*vq = (struct virtqueue){
		.desc = cfg->desc,
		.avail = cfg->avail,
		.used = cfg->used,
		.mem = cfg->mem,
		.size = cfg->size,
		.mask = (uint16_t)(cfg->size - 1),
		.last_avail = cfg->last_avail,
		.avail_idx = cfg->last_avail,
		.hdr_len = cfg->features & (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF)
				   ? sizeof(struct virtio_net_hdr_v1)
				   : sizeof(struct virtio_net_hdr),
		.event_idx = cfg->features & 1ull << VIRTIO_RING_F_EVENT_IDX,
		.mergeable = cfg->features & 1ull << VIRTIO_NET_F_MRG_RXBUF,
		.indirect = cfg->features & 1ull << VIRTIO_RING_F_INDIRECT_DESC,
		.log = cfg->log,
		.log_size = cfg->log_size,
		.used_gpa = cfg->used_gpa,
		.kick_fd = cfg->kick_fd,
		.call_fd = cfg->call_fd,
		.err_fd = cfg->err_fd,
	};
	vq->used_idx = vq->used_public = vq->call_idx = __atomic_load_n(&vq->used->idx, __ATOMIC_RELAXED);
	return 0;
}

void virtqueue_break(struct virtqueue *vq, const char *reason)
{
	const uint64_t one = 1;

	if (vq->broken)
		return;
	__atomic_store_n(&vq->broken, reason, __ATOMIC_RELEASE); /* control reads it (nic_queue_info) */
	if (vq->err_fd >= 0 && write(vq->err_fd, &one, sizeof one) < 0)
		vq->err_fd = -1; /* nobody listens there; the daemon reports the reason itself */
}

void virtqueue_log(const struct virtqueue *vq, uint64_t gpa, uint64_t len)
{
	if (len == 0)
		return;
	for (uint64_t page = gpa >> 12; page <= (gpa + len - 1) >> 12; page++)
		if (page / 8 < vq->log_size)
			__atomic_fetch_or(&vq->log[page / 8], (uint8_t)(1u << (page % 8)), __ATOMIC_RELAXED);
}

void virtqueue_kicks_off(struct virtqueue *vq)
{
	vq->kicks_on = false;
	if (vq->event_idx)
		return;
	__atomic_store_n(&vq->used->flags, VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
	if (vq->log)
		virtqueue_log(vq, vq->used_gpa, sizeof vq->used->flags);
}

bool virtqueue_kicks_on(struct virtqueue *vq)
{
	if (vq->event_idx) /* avail_event lies behind the used ring (virtio 1.2 §2.7.10) */
		__atomic_store_n((uint16_t *)(void *)&vq->used->ring[vq->size], vq->last_avail, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&vq->used->flags, 0, __ATOMIC_RELAXED);
	if (vq->log)
		virtqueue_log(vq, vq->used_gpa, sizeof(struct vring_used) + vq->size * sizeof(struct vring_used_elem) + 2);
	/* the guest writes its index, then reads our wish; we write our wish, then read its index */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (virtqueue_available_now(vq) > 0) {
		virtqueue_kicks_off(vq);
		return false;
	}
	vq->kicks_on = true;
	return true;
}

/* One descriptor's bytes as pieces; a buffer may cross from one slot into the next. */
static int add_pieces(struct virtqueue *vq, const struct vring_desc *d, struct vq_seg *seg, uint64_t *gpa, unsigned max,
		      int n, uint32_t *total)
{
	uint64_t addr = d->addr;
	uint32_t left = d->len;

	if (left > UINT32_MAX - *total)
		return -E2BIG;
	*total += left;
	while (left) {
		uint32_t len = left;
		void *p = guest_mem_at(vq->mem, addr, &len, &vq->mem_hint);

		if (!p) {
			virtqueue_break(vq, "a descriptor points outside the VM's memory");
			return 0;
		}
		if ((unsigned)n == max)
			return -E2BIG;
		seg[n] = (struct vq_seg){ p, len };
		if (gpa)
			gpa[n] = addr;
		n++;
		addr += len;
		left -= len;
	}
	return n;
}

int virtqueue_chain(struct virtqueue *vq, uint16_t head, bool writable, struct vq_seg *seg, uint64_t *gpa, unsigned max,
		    uint32_t *total)
{
	const struct vring_desc *table = vq->desc;
	struct vring_desc copy[VQ_MAX_SEGS];
	uint32_t entries = vq->size, seen = 0;
	uint16_t i = head;
	bool in_table = false;
	int n = 0;

	*total = 0;
	for (;;) {
		struct vring_desc d;

		if (i >= entries) {
			virtqueue_break(vq, "a descriptor's next field points beyond its table");
			return 0;
		}
		if (++seen > entries) {
			virtqueue_break(vq, "a descriptor chain loops");
			return 0;
		}
		d = virtqueue_desc(&table[i]);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			uint32_t got = 0;

			if (in_table || !vq->indirect || (d.flags & VRING_DESC_F_NEXT)) {
				virtqueue_break(vq, in_table ? "an indirect descriptor inside an indirect table"
						    : vq->indirect ? "an indirect descriptor with a next field"
								   : "an indirect descriptor without the feature");
				return 0;
			}
			if (d.len == 0 || d.len % sizeof d) {
				virtqueue_break(vq, "an indirect table whose length is no multiple of 16");
				return 0;
			}
			entries = d.len / sizeof d;
			if (entries > VQ_MAX_SEGS)
				return -E2BIG;
			while (got < d.len) { /* copied out whole: the guest may change it meanwhile */
				uint32_t len = d.len - got;
				const void *p = guest_mem_at(vq->mem, d.addr + got, &len, &vq->mem_hint);

				if (!p) {
					virtqueue_break(vq, "an indirect table outside the VM's memory");
					return 0;
				}
				memcpy((uint8_t *)copy + got, p, len);
				got += len;
			}
			table = copy;
			in_table = true;
			i = 0;
			seen = 0;
			continue;
		}
		if (!(d.flags & VRING_DESC_F_WRITE) == writable) {
			virtqueue_break(vq, writable ? "a read-only buffer on a receive ring"
						     : "a writable buffer on a transmit ring");
			return 0;
		}
		n = add_pieces(vq, &d, seg, gpa, max, n, total);
		if (n < 0 || vq->broken)
			return vq->broken ? 0 : n;
		if (!(d.flags & VRING_DESC_F_NEXT))
			break;
		i = d.next;
	}
	if (n == 0)
		virtqueue_break(vq, "an empty descriptor chain");
	return n;
}
