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

void egress_port(struct worker *w, struct port_source *s, struct frame *f, enum tag_op op, struct nic_vport *src)
{
	unsigned first;
	struct tx_note *note;

	/* a frame takes at most its pieces, two parts of the header, and the tag */
	if (s->ntx == PORT_BURST || s->niov + f->nsegs + 3 > sizeof s->iov / sizeof s->iov[0])
		send_burst(w, s);
	first = s->niov;
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
		add_piece(s, f->rest.ptr, f->rest.len);
	s->tx[s->ntx++] = (struct port_tx_frame){ &s->iov[first], s->niov - first, frame_out_len(f, op) };
}

void egress_flush(struct worker *w, struct port_source *s)
{
	if (s->ntx)
		send_burst(w, s);
	if (s->unflushed) {
		s->port->ops->tx_flush(s->port);
		s->unflushed = false;
	}
}
