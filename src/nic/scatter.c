/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A batch for many rings: frame by frame, as it came, each into the next buffer of its ring. To put it together by ring first would
 * cost more than it saves, since a ring gets a few frames of a batch, and a loop over a few has an end that no
 * processor foretells. For split rings with plain buffers and enough of them. All is checked before anything is written, so that a
 * batch in which one frame needs more than that can go ring by ring (deliver.c), from the beginning. Worker only.
 */
#include "nic/copy.h"

#define RINGS_AHEAD 12u   /* rings whose entries of the available ring are on the way while one is looked at */
#define BUFFERS_AHEAD 24u /* buffers whose first lines are on the way while one is written; those of a whole batch would not stay */

/* Is each ring of the batch of this kind, with a buffer for each of its frames as far as its index says? */
static bool scatter_ready(struct worker *w)
{
	for (unsigned i = 0; i < w->ntouched && i < RINGS_AHEAD; i++)
		virtqueue_prefetch(&w->touched[i]->rx);
	for (unsigned i = 0; i < w->ntouched; i++) {
		struct nic_queue *q = w->touched[i];
		struct virtqueue *vq = &q->rx;

		if (i + RINGS_AHEAD < w->ntouched)
			virtqueue_prefetch(&w->touched[i + RINGS_AHEAD]->rx);
		if (vq->packed || vq->broken || vq->log || is_set(&q->vport->rx_limited) ||
		    split_available(vq, vq->last_avail, q->rx_planned) < q->rx_planned)
			return false;
		split_prefetch_used(vq, q->rx_planned);
		q->rx_place = vq->last_avail;
	}
	return true;
}

/* The buffer of each frame; false: a ring names one that it does not have. */
static bool scatter_heads(struct worker *w)
{
	const unsigned n = w->ndeliver; /* the stores below might change it, for all that the compiler knows */

	for (unsigned k = 0; k < n; k++) {
		struct nic_queue *q = w->ring[k];

		if (__builtin_expect(!split_peek(&q->rx, q->rx_place++, &w->rx_buf[k]), 0))
			return false;
	}
	return true;
}

/* The memory of each; false: one is not a single writable piece, or too small. */
static bool scatter_memory(struct worker *w)
{
	const unsigned n = w->ndeliver;

	for (unsigned k = 0; k < n; k++)
		if (__builtin_expect(!virtqueue_slot(&w->ring[k]->rx, &w->rx_buf[k]), 0))
			return false;
	return true;
}

static void scatter_copy(struct worker *w)
{
	const unsigned n = w->ndeliver;

	for (unsigned k = 0; k < n && k < BUFFERS_AHEAD; k++)
		virtqueue_prefetch_slot(&w->rx_buf[k]);
	for (unsigned k = 0; k < n; k++) {
		const struct vq_buf *b = &w->rx_buf[k];
		struct delivery *d = &w->deliver[k];
		struct nic_queue *q = w->ring[k];

		if (k + BUFFERS_AHEAD < n)
			virtqueue_prefetch_slot(b + BUFFERS_AHEAD);
		if (__builtin_expect(d->plain, 1)) {
			write_virtio_header(b->ptr, &q->rx, 1);
			copy_plain(b->ptr + q->rx.hdr_len, d->f, d->len);
		} else {
			write_header(b->ptr, q, d->f, d->op, 1);
			copy_frame(b->ptr + q->rx.hdr_len, d->f, d->op);
		}
		q->rx_bytes += d->len;
		d->buffers = 1;
		split_used(&q->rx, b->id, b->len);
	}
	for (unsigned i = 0; i < w->ntouched; i++) {
		struct nic_queue *q = w->touched[i];

		q->rx.last_avail = q->rx_place;
		q->rx_frames = q->rx_planned;
	}
}

bool scatter(struct worker *w)
{
	if (!scatter_ready(w) || !scatter_heads(w) || !scatter_memory(w))
		return false;
	scatter_copy(w);
	return true;
}
