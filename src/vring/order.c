/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIRTIO_F_IN_ORDER (virtio 1.2 §2.7.9, §2.8.9) for transmit rings: frames for other CPUs are done later than those
 * behind them, so buffers wait here for their turn to be given back. Also what is noted of buffers in hand (inflight.h). Worker only, but for keep_order and fini (control).
 */
#include <errno.h>
#include <stdlib.h>

#include "vring/virtqueue.h"

int virtqueue_keep_order(struct virtqueue *vq)
{
	struct vq_order *o = calloc(1, sizeof *o);

	if (!o)
		return -ENOMEM;
	o->entry = calloc(vq->size, sizeof o->entry[0]);
	o->entry_of = calloc(UINT16_MAX + 1u, sizeof o->entry_of[0]); /* a packed ring's ids may be any */
	vq->order = o;
	vq->tracked = true;
	if (o->entry && o->entry_of)
		return 0;
	virtqueue_fini(vq);
	return -ENOMEM;
}

void virtqueue_fini(struct virtqueue *vq)
{
	if (!vq->order)
		return;
	free(vq->order->entry);
	free(vq->order->entry_of);
	free(vq->order);
	vq->order = NULL;
}

static void taken_in_order(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	struct vq_order *o = vq->order;
	uint16_t at = (uint16_t)((o->head + o->count) % vq->size);

	if (o->count == vq->size) {
		virtqueue_break(vq, "more buffers are offered than the ring has entries");
		return;
	}
	o->entry[at] = (struct vq_order_entry){ id, ndesc, false };
	o->entry_of[id] = at;
	o->count++;
}

/* A packed ring notes it where it is written (packed_used). */
static void give_back(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	if (vq->inflight && !vq->packed)
		virtqueue_note_used(vq, id, ndesc);
	virtqueue_used(vq, id, 0, ndesc);
}

static void done_in_order(struct virtqueue *vq, uint16_t id)
{
	struct vq_order *o = vq->order;

	o->entry[o->entry_of[id]].done = true; /* an id offered twice at a time is the guest's own loss */
	while (o->count && o->entry[o->head].done) {
		struct vq_order_entry *e = &o->entry[o->head];

		give_back(vq, e->id, e->ndesc);
		o->head = (o->head + 1) % vq->size;
		o->count--;
	}
}

void virtqueue_taken_tracked(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	if (vq->inflight)
		virtqueue_note_taken(vq, id, ndesc);
	if (vq->order)
		taken_in_order(vq, id, ndesc);
}

void virtqueue_done_tracked(struct virtqueue *vq, uint16_t id, uint16_t ndesc)
{
	if (vq->order)
		done_in_order(vq, id);
	else
		give_back(vq, id, ndesc);
}
