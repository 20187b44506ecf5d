/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What would become of a frame: sends it through the very functions that classify real ones, and names the places.
 * Control thread for nic_explain; workers ask for traced frames (tap.c).
 */
#include "nic/classify.h"

struct answer {
	const struct nic *n;
	const struct frame *f;
	struct nic_explain_dest *out;
	unsigned max, count;
};

static struct nic_explain_dest *add(struct answer *a, struct nic_explain_dest d)
{
	a->count++;
	if (a->count > a->max)
		return NULL;
	a->out[a->count - 1] = d;
	return &a->out[a->count - 1];
}

static void add_drop(struct answer *a, enum nic_drop why)
{
	(void)add(a, (struct nic_explain_dest){ .fate = NIC_FATE_DROP, .drop = why });
}

/* The CPU whose worker serves the queue pair, or the host's port. */
static unsigned cpu_of(const struct nic_vport *v, const struct nic_queue *q)
{
	const struct port_source *host = __atomic_load_n(&v->host, __ATOMIC_ACQUIRE);

	if (q)
		return __atomic_load_n(&q->worker, __ATOMIC_ACQUIRE)->cpu;
	return host ? __atomic_load_n(&host->worker, __ATOMIC_ACQUIRE)->cpu : __atomic_load_n(&v->cpu, __ATOMIC_RELAXED);
}

static void add_vport(void *ctx, struct nic_vport *v, uint32_t filter)
{
	struct answer *a = ctx;
	const struct nic_queue *q = bypass_receiver(v, a->f);
	enum tag_seen tag = frame_tag_seen(a->f, is_set(&v->tags_inline));
	struct nic_explain_dest d = {
		.fate = NIC_FATE_DELIVER,
		.at_vport = true,
		.vport = v->id,
		.filter = filter,
		.qp = q ? q->qp : 0,
		.tag_stripped = tag == TAG_SEEN_STRIPPED,
		.tag_inserted = tag == TAG_SEEN_INSERTED,
		.bypassed = is_set(&v->bypass),
	};

	d.cpu = cpu_of(v, q);
	if (!q && !__atomic_load_n(&v->host, __ATOMIC_ACQUIRE)) {
		d.fate = NIC_FATE_DROP;
		d.drop = NIC_DROP_RX_NOT_CONNECTED;
	}
	(void)add(a, d);
}

static void add_wire(struct answer *a)
{
	const struct port_source *s = __atomic_load_n(&a->n->wire, __ATOMIC_ACQUIRE);

	if (!s) {
		add_drop(a, NIC_DROP_TX_NO_WIRE);
		return;
	}
	(void)add(a, (struct nic_explain_dest){ .fate = NIC_FATE_WIRE,
						.cpu = __atomic_load_n(&s->worker, __ATOMIC_ACQUIRE)->cpu,
						.tag_inserted = frame_tag_seen(a->f, true) == TAG_SEEN_INSERTED });
}

static void add_default(struct answer *a)
{
	struct nic_vport *v = vport_of(a->n, 0);

	if (v && a->f->src_vport != 0 && vport_has_receiver(v))
		add_vport(a, v, 0);
}

static void fill_frame(struct frame *f, const struct nic_explain_in *in)
{
	uint32_t have = in->captured < FRAME_HDR ? in->captured : FRAME_HDR;

	*f = (struct frame){ .len = 60, .hdr_len = 60, .tag = in->tagged ? FRAME_TAG_INLINE : FRAME_UNTAGGED, .tci = in->tci };
	f->src_vport = in->from_wire ? FRAME_FROM_WIRE : in->vport;
	if (in->bytes) {
		f->len = in->len;
		f->hdr_len = (uint8_t)have;
		memcpy(f->hdr, in->bytes, have);
		frame_read_tag(f);
	} else {
		memcpy(f->hdr, in->dst, 6);
		memcpy(f->hdr + 6, in->src, 6);
	}
}

unsigned explain_frame(const struct nic *n, const struct nic_vport *src, struct frame *f, struct nic_explain_dest *out, unsigned max)
{
	const struct filter_table *t = __atomic_load_n(&n->filters, __ATOMIC_ACQUIRE);
	struct answer a = { .n = n, .f = f, .out = out, .max = max };
	uint32_t seen[NIC_MAX_VPORTS] = { 0 };
	struct nic_vport *to;
	struct verdict v;
	enum nic_drop why;

	if (f->src_vport != FRAME_FROM_WIRE && (!src || !classify_admit(n, src, f, &why))) {
		add_drop(&a, src ? why : NIC_DROP_TX_VPORT_INACTIVE);
		return a.count;
	}
	f->key = filter_key_of(f->hdr, frame_vid(f));
	v = classify(n, t, f);
	switch (v.kind) {
	case VERDICT_ONE:
		to = vport_of(n, v.vport);
		if (to)
			add_vport(&a, to, v.filter);
		else
			add_drop(&a, NIC_DROP_RX_NOT_CONNECTED);
		break;
	case VERDICT_OUTSIDE:
		add_wire(&a);
		if (classify_host_accepts(n, f))
			add_default(&a);
		break;
	case VERDICT_GROUP:
		classify_group(n, t, f, seen, 1, add_vport, &a);
		add_default(&a);
		if (f->src_vport != FRAME_FROM_WIRE)
			add_wire(&a);
		break;
	case VERDICT_DROP:
		add_drop(&a, v.drop);
		break;
	}
	return a.count;
}

static const struct nic_vport *sender_of(const struct nic *n, const struct nic_explain_in *in)
{
	return in->from_wire ? NULL : vport_of(n, in->vport);
}

unsigned nic_explain(const struct nic *n, const struct nic_explain_in *in, struct nic_explain_dest *out, unsigned max)
{
	struct frame f;
	unsigned count;

	fill_frame(&f, in);
	count = explain_frame(n, sender_of(n, in), &f, out, max);
	return count < max ? count : max;
}

unsigned nic_explain_steps(const struct nic *n, const struct nic_explain_in *in, const struct nic_explain_dest *d, unsigned ndest,
			   struct nic_explain_step *out, unsigned max)
{
	struct frame f;

	fill_frame(&f, in);
	return explain_steps(n, sender_of(n, in), &f, d, ndest, out, max);
}
