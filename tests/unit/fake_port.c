/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_port.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLOTS 64

struct fake_port_state {
	pthread_mutex_t lock;
	int fd;
	struct slot {
		uint8_t data[OFFLOAD_MAX_FRAME];
		uint32_t len;
		bool beside, has_vnet;
		struct virtio_net_hdr vnet;
		uint16_t tci;
	} in[SLOTS], out[SLOTS];
	unsigned in_head, in_tail, out_head, out_tail;
	uint64_t asked;
};

static struct fake_port_state *state(const struct port *p)
{
	return ((const struct fake_port *)p)->s;
}

static int rx_fd(const struct port *p)
{
	return state(p)->fd;
}

static unsigned rx_burst(struct port *p, struct port_frame *f, unsigned n)
{
	struct fake_port_state *s = state(p);
	unsigned got = 0;
	uint64_t v;

	pthread_mutex_lock(&s->lock);
	s->asked++;
	for (; got < n && s->in_head != s->in_tail; got++, s->in_head++) {
		struct slot *x = &s->in[s->in_head % SLOTS];

		f[got] = (struct port_frame){ x->data, x->len, x->tci, x->beside ? PORT_FRAME_VLAN : 0, 0, x->has_vnet ? &x->vnet : NULL };
	}
	if (s->in_head == s->in_tail && read(s->fd, &v, sizeof v) < 0)
		v = 0;
	pthread_mutex_unlock(&s->lock);
	return got;
}

static void rx_release(struct port *p, const struct port_frame *f, unsigned n)
{
	(void)p;
	(void)f;
	(void)n;
}

static unsigned tx_burst(struct port *p, const struct port_tx_frame *f, unsigned n)
{
	struct fake_port_state *s = state(p);
	unsigned i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < n && s->out_tail - s->out_head < SLOTS; i++, s->out_tail++) {
		struct slot *x = &s->out[s->out_tail % SLOTS];

		x->len = 0;
		x->vnet = f[i].vnet ? *f[i].vnet : (struct virtio_net_hdr){ 0 };
		for (unsigned k = 1; k <= f[i].iovcnt; k++) {
			memcpy(x->data + x->len, f[i].iov[k].iov_base, f[i].iov[k].iov_len);
			x->len += (uint32_t)f[i].iov[k].iov_len;
		}
		if (x->len != f[i].len)
			abort();
	}
	pthread_mutex_unlock(&s->lock);
	return i;
}

static void tx_flush(struct port *p)
{
	(void)p;
}

static const struct port_ops fake_ops = {
	.name = "fake",
	.rx_fd = rx_fd,
	.rx_burst = rx_burst,
	.rx_release = rx_release,
	.tx_burst = tx_burst,
	.tx_flush = tx_flush,
};

struct fake_port *fake_port_new(void)
{
	struct fake_port *p = calloc(1, sizeof *p);

	p->port.ops = &fake_ops;
	p->s = calloc(1, sizeof *p->s);
	pthread_mutex_init(&p->s->lock, NULL);
	p->s->fd = eventfd(0, EFD_NONBLOCK);
	return p;
}

void fake_port_free(struct fake_port *p)
{
	close(p->s->fd);
	free(p->s);
	free(p);
}

uint64_t fake_port_asked(const struct fake_port *p)
{
	uint64_t n;

	pthread_mutex_lock(&p->s->lock);
	n = p->s->asked;
	pthread_mutex_unlock(&p->s->lock);
	return n;
}

static void put(struct fake_port *p, const void *frame, uint32_t len, bool beside, const struct virtio_net_hdr *vnet)
{
	const uint64_t one = 1;
	const uint8_t *b = frame;
	struct slot *x;

	pthread_mutex_lock(&p->s->lock);
	x = &p->s->in[p->s->in_tail++ % SLOTS];
	x->beside = beside;
	x->has_vnet = vnet != NULL;
	if (vnet)
		x->vnet = *vnet;
	if (beside) {
		memcpy(x->data, b, 12);
		memcpy(x->data + 12, b + 16, len - 16);
		x->tci = (uint16_t)(b[14] << 8 | b[15]);
		x->len = len - 4;
	} else {
		memcpy(x->data, b, len);
		x->len = len;
	}
	if (write(p->s->fd, &one, sizeof one) < 0)
		abort();
	pthread_mutex_unlock(&p->s->lock);
}

void fake_port_put(struct fake_port *p, const void *frame, uint32_t len)
{
	put(p, frame, len, false, NULL);
}

void fake_port_put_tagged(struct fake_port *p, const void *frame, uint32_t len)
{
	put(p, frame, len, true, NULL);
}

void fake_port_put_vnet(struct fake_port *p, const void *frame, uint32_t len, const struct virtio_net_hdr *vnet)
{
	put(p, frame, len, false, vnet);
}

const struct virtio_net_hdr *fake_port_vnet(const struct fake_port *p)
{
	return &p->s->out[(p->s->out_head - 1) % SLOTS].vnet;
}

uint32_t fake_port_get(struct fake_port *p, uint8_t *out)
{
	for (int i = 0; i < 10000; i++) {
		uint32_t len = 0;

		pthread_mutex_lock(&p->s->lock);
		if (p->s->out_head != p->s->out_tail) {
			const struct slot *x = &p->s->out[p->s->out_head++ % SLOTS];

			len = x->len;
			memcpy(out, x->data, len);
		}
		pthread_mutex_unlock(&p->s->lock);
		if (len)
			return len;
		usleep(1000);
	}
	return 0;
}

bool fake_port_is_empty(struct fake_port *p)
{
	bool empty;

	usleep(30000);
	pthread_mutex_lock(&p->s->lock);
	empty = p->s->out_head == p->s->out_tail;
	pthread_mutex_unlock(&p->s->lock);
	return empty;
}
