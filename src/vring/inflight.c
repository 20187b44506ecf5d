/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers in hand, and what becomes of them after the process was killed (inflight.h). */
#include "vring/inflight.h"

#include <string.h>

#include "vring/virtqueue.h"

/* The order of stores in the program, which is the order a killed process leaves them in. */
#define in_order() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static uint64_t make_word(uint16_t used, uint16_t next, uint16_t batch)
{
	return used | (uint64_t)next << 16 | (uint64_t)batch << 32;
}

static void set_taken(struct vq_inflight *f, uint16_t id, uint16_t ndesc)
{
	__atomic_store_n(&f->taken[id], ndesc, __ATOMIC_RELAXED);
}

static uint16_t get_taken(const struct vq_inflight *f, uint16_t id)
{
	return __atomic_load_n(&f->taken[id], __ATOMIC_RELAXED);
}

void virtqueue_note_taken(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	set_taken(vq->inflight, id, ndesc);
	in_order();
}

void virtqueue_note_used(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	struct vq_inflight *f = vq->inflight;

	if (vq->nbatch == vq->size) {
		virtqueue_break(vq, "more buffers are given back than the ring has entries");
		return;
	}
	set_taken(f, id, ndesc); /* a receive ring's is taken and used at once */
	__atomic_store_n(&f->batch[vq->nbatch++], id, __ATOMIC_RELAXED);
	in_order();
}

static void forget_batch(struct vq_inflight *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		set_taken(f, __atomic_load_n(&f->batch[i], __ATOMIC_RELAXED), 0);
}

void virtqueue_publish_noted(struct virtqueue *vq)
{
	struct vq_inflight *f = vq->inflight;

	__atomic_store_n(&f->word, make_word(vq->used_public, vq->used_idx, vq->nbatch), __ATOMIC_RELAXED);
	in_order();
	if (vq->packed)
		packed_publish(vq);
	else
		split_publish(vq);
	in_order();
	forget_batch(f, vq->nbatch);
	in_order();
	__atomic_store_n(&f->word, make_word(vq->used_idx, vq->used_idx, 0), __ATOMIC_RELAXED);
	vq->nbatch = 0;
}

/* ---- after the process was killed ---- */

/* Ids that there can be. */
static uint32_t ids(const struct virtqueue *vq)
{
	return vq->packed ? UINT16_MAX + 1u : vq->size;
}

static void begin(struct virtqueue *vq)
{
	struct vq_inflight *f = vq->inflight;

	f->size = 0;
	in_order();
	for (uint32_t id = 0; id < ids(vq); id++)
		if (get_taken(f, (uint16_t)id)) /* pages that nobody wrote stay untouched */
			set_taken(f, (uint16_t)id, 0);
	f->magic = VQ_INFLIGHT_MAGIC;
	f->format = VQ_INFLIGHT_FORMAT;
	f->word = make_word(vq->used_idx, vq->used_idx, 0);
	in_order();
	f->size = vq->size;
	vq->nbatch = 0;
}

void virtqueue_settle(struct virtqueue *vq)
{
	vq->inflight->size = 0;
}

/* Where the ring stands: 1: at the end of the publication that was under way, 0: at its beginning, -1: elsewhere. */
static int was_published(const struct virtqueue *vq, uint16_t used, uint16_t next)
{
	uint16_t flags;

	if (!vq->packed)
		return vq->used_idx == next ? 1 : vq->used_idx == used ? 0 : -1;
	if ((used & 0x7FFFu) >= vq->size || (next & 0x7FFFu) >= vq->size)
		return -1;
	if (used == next)
		return 1;
	flags = __atomic_load_n(&vq->packed_desc[used & 0x7FFFu].flags, __ATOMIC_RELAXED);
	return !(flags & PACKED_USED) == !(used & PACKED_WRAP); /* the used bit is of this lap */
}

/* The ring entries of all buffers in hand, or more than the ring has when they cannot be. */
static uint32_t entries_in_hand(const struct virtqueue *vq, unsigned *buffers)
{
	uint32_t n = 0;

	*buffers = 0;
	for (uint32_t id = 0; id < ids(vq) && n <= vq->size; id++) {
		uint16_t ndesc = get_taken(vq->inflight, (uint16_t)id);

		n += vq->packed ? ndesc : ndesc != 0;
		*buffers += ndesc != 0;
	}
	return n;
}

static void give_back(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	virtqueue_note_used(vq, id, ndesc);
	if (vq->packed)
		packed_write_used(vq, id, 0, ndesc);
	else
		split_used(vq, id, 0);
}

/* The buffer that a packed ring has at `pos`, by its last entry, which holds the id; 0: none that is in hand. */
static uint16_t packed_in_hand(const struct virtqueue *vq, uint16_t pos, uint16_t *id)
{
	for (uint16_t n = 1; n <= vq->size; n++) {
		*id = __atomic_load_n(&vq->packed_desc[packed_step(vq, pos, (uint16_t)(n - 1)) & 0x7FFFu].id, __ATOMIC_RELAXED);
		if (get_taken(vq->inflight, *id) == n)
			return n;
	}
	return 0;
}

/* With VIRTIO_F_IN_ORDER what is in hand is what lies behind the used position, and goes back in that order. */
static void give_back_in_order(struct virtqueue *vq, unsigned buffers)
{
	uint16_t pos = vq->used_idx, id, ndesc;

	while (buffers-- && !vq->broken) {
		if (vq->packed) {
			ndesc = packed_in_hand(vq, pos, &id);
			pos = packed_step(vq, pos, ndesc);
		} else {
			id = __atomic_load_n(&vq->avail->ring[pos++ & vq->mask], __ATOMIC_RELAXED);
			ndesc = id < vq->size ? get_taken(vq->inflight, id) : 0;
		}
		if (ndesc)
			give_back(vq, id, ndesc);
		else
			virtqueue_break(vq, "the ring does not hold the buffers that were in hand at a restart");
	}
}

unsigned virtqueue_keep_inflight(struct virtqueue *vq, struct vq_inflight *region, bool receive)
{
	if (receive && !vq->packed)
		return 0;
	vq->inflight = region;
	vq->tracked = true;
	return virtqueue_recover(vq);
}

unsigned virtqueue_recover(struct virtqueue *vq)
{
	struct vq_inflight *f = vq->inflight;
	uint64_t word = __atomic_load_n(&f->word, __ATOMIC_RELAXED);
	uint16_t used = (uint16_t)word, next = (uint16_t)(word >> 16), nbatch = (uint16_t)(word >> 32);
	unsigned buffers;
	uint32_t entries;
	int published;

	if (f->magic != VQ_INFLIGHT_MAGIC || f->format != VQ_INFLIGHT_FORMAT || f->size != vq->size || nbatch > vq->size) {
		begin(vq);
		return 0;
	}
	published = was_published(vq, used, next);
	if (published < 0) { /* another ring than the one that was left: the guest began anew */
		begin(vq);
		return 0;
	}
	if (published)
		forget_batch(f, nbatch);
	vq->used_idx = vq->used_public = vq->call_idx = published ? next : used;
	__atomic_store_n(&f->word, make_word(vq->used_idx, vq->used_idx, 0), __ATOMIC_RELAXED);
	vq->nbatch = 0;
	entries = entries_in_hand(vq, &buffers);
	if (entries > vq->size) {
		virtqueue_break(vq, "more buffers were in hand at a restart than the ring has");
		return 0;
	}
	vq->last_avail = vq->packed ? packed_step(vq, vq->used_idx, (uint16_t)entries) : (uint16_t)(vq->used_idx + entries);
	vq->avail_idx = vq->last_avail;
	if (vq->order) {
		give_back_in_order(vq, buffers);
	} else {
		for (uint32_t id = 0; id < ids(vq) && entries && !vq->broken; id++) {
			uint16_t ndesc = get_taken(f, (uint16_t)id);

			if (!ndesc)
				continue;
			if (vq->packed && ndesc > entries) { /* it was less when it was counted */
				virtqueue_break(vq, "the in-flight region changes while it is read");
				break;
			}
			give_back(vq, (uint16_t)id, ndesc);
			entries -= vq->packed ? ndesc : 1;
		}
	}
	if (!vq->broken)
		virtqueue_publish(vq);
	return buffers;
}
