/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames to a port: gathered from the header copy and the sender's memory, given to the driver in bursts. Worker only.
 */
#include "nic/tap.h"

static void not_taken(struct worker *w, struct port_source *s, const struct tx_note *note)
{
	if (s->vport)
		drop_frame(w, s->nic, s->vport, note->f, NIC_DROP_RX_PORT_FULL);
	else
		drop_frame(w, s->nic, note->src, note->f, NIC_DROP_TX_WIRE_FULL);
}

static void send_burst(struct worker *w, struct port_source *s)
{
	unsigned n = s->port->ops->tx_burst(s->port, s->tx, s->ntx);
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += s->tx[i].len;
	if (tapped(w))
		tap_sent(w, s, n);
	for (unsigned i = n; i < s->ntx; i++)
		not_taken(w, s, &s->note[i]);
	if (s->vport) { /* towards the host: delivered */
		count(&s->cnt->c.rx_frames, n);
		count(&s->cnt->c.rx_bytes, bytes);
		count(&s->cnt->c.rx_batches, n > 0);
	} else {
		count(&s->cnt->c.tx_frames, n);
		count(&s->cnt->c.tx_bytes, bytes);
	}
	s->ntx = 0;
	s->niov = 0;
	s->unflushed = true;
}

static void add_piece(struct port_source *s, const void *p, uint32_t len)
{
	if (len)
		s->iov[s->niov++] = (struct iovec){ (void *)(uintptr_t)p, len };
}

static void put_frame(struct worker *w, struct port_source *s, struct frame *f, enum tag_op op, struct nic_vport *src)
{
	struct port_tx_frame *tx;
	struct tx_note *note;
	unsigned first;

	/* a frame takes at most its pieces, two parts of the header, the tag, and the entry that is the driver's */
	if (s->ntx == PORT_BURST || s->niov + f->nsegs + 4 > sizeof s->iov / sizeof s->iov[0])
		send_burst(w, s);
	first = s->niov++;
	note = &s->note[s->ntx];
	note->src = src;
	note->f = f;
	if (op == TAG_INSERT) {
		note->tag[0] = 0x81;
		note->tag[1] = 0x00;
		note->tag[2] = (uint8_t)(f->tci >> 8);
		note->tag[3] = (uint8_t)f->tci;
		add_piece(s, f->hdr, 12);
		add_piece(s, note->tag, 4);
		add_piece(s, f->hdr + 12, f->hdr_len - 12u);
	} else {
		add_piece(s, f->hdr, f->hdr_len);
	}
	if (f->segs)
		for (unsigned i = 0; i < f->nsegs; i++)
			add_piece(s, f->segs[i].ptr, f->segs[i].len);
	else
		add_piece(s, f->rest, frame_rest(f).len);
	tx = &s->tx[s->ntx++];
	*tx = (struct port_tx_frame){ &s->iov[first], s->niov - first - 1, frame_out_len(f, op), NULL };
	if (__builtin_expect(f->offload & OFFLOAD_NEEDS, 0)) {
		note->vnet = offload_header(f, op, s->port->offloads);
		tx->vnet = &note->vnet;
	}
}

void egress_port(struct worker *w, struct port_source *s, struct frame *f, enum tag_op op, struct nic_vport *src)
{
	struct finisher finisher;
	struct frame *part;

	if (__builtin_expect(!(f->offload & OFFLOAD_NEEDS & ~s->port->offloads), 1)) {
		put_frame(w, s, f, op, src);
		return;
	}
	if (!finish_begin(&finisher, f, s->port->offloads)) {
		dispatch_drop(w, s->nic, f, NIC_DROP_TX_BAD_OFFLOAD);
		return;
	}
	finish_count(s->cnt, &finisher);
	while ((part = finish_next(w, &finisher)))
		put_frame(w, s, part, op, src);
}

void egress_flush(struct worker *w, struct port_source *s)
{
	if (s->ntx)
		send_burst(w, s);
	if (s->unflushed) {
		s->port->ops->tx_flush(s->port);
		s->unflushed = false;
		if (s->port->tells_sent) { /* polled, so that it need not be watched (worker.c) */
			s->active = true;
			s->last_work = cycles(); /* the kernel may have taken long */
		}
	}
}
