/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two VMs that write anything into their rings and buffers, on the real sources of src/vring and src/nic. What is
 * looked at: nothing outside the VMs' memory is touched (each slot is an allocation of its own, watched by the sanitizer),
 * every page that was written is in the dirty log, every buffer taken comes home, and each frame is accounted for.
 *
 * The input: a byte of features, a byte of ring sizes, a byte of memory layout (and IN_ORDER), then records, each an
 * operation byte and what belongs to it; the low bits of the byte behind it name one of the four rings.
 *   0  ring, n, place (2), bytes   these bytes into the ring's page, as they are
 *   1  ring, slot, where, len (2), flags, next   a descriptor, as it is
 *   2  ring, n                     the available index goes on by n (split)
 *   3  ring, pieces, {where, len (2), how}...    a buffer as a right driver offers it, with a frame in it on a
 *                                  transmit ring
 *   4  a turn of the workers       5  ring  asks for kicks     6  VM, CPU  its rings move
 *   7  VM                          stop and start again
 *   8  n, bytes                    a frame from the wire
 */
#include <linux/virtio_net.h>
#include <string.h>

#include "engine_stub.h"
#include "nic/nic_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPA	 UINT64_C(0x40000000)
#define PAGE	 4096u
#define RINGS	 4u /* receive and transmit, of two VMs */
#define RING_MEM (RINGS * PAGE)
#define AVAIL_AT 2048u
#define USED_AT	 3072u
#define MEM_SIZE (16u * PAGE) /* the guest's addresses GPA … GPA + MEM_SIZE, one VM's as the other's: its own copy */
#define LOG_SIZE ((GPA + MEM_SIZE) / PAGE / 8 + 1)

struct vm {
	struct guest_mem *mem;
	uint8_t *part[3];
	uint64_t size[3];
	uint8_t before[MEM_SIZE]; /* what the memory was before a turn */
	uint8_t *log;
	bool logging;
};

struct ring { /* the driver's side */
	uint16_t size, avail_idx, next;
	bool wrap;
};

static struct vm vm[2];
static struct ring ring[RINGS];
static struct nic *nic;
static struct stub_port wire, host;
static uint64_t features;

static uint8_t *guest(struct vm *m, uint64_t gpa, uint32_t len)
{
	uint32_t hint = 0, got = len;
	uint8_t *p = guest_mem_at(m->mem, gpa, &got, &hint);

	return got == len ? p : NULL;
}

/* Slots that lie one behind the other for the guest and apart from each other here; `layout` says where they end. */
static void make_memory(struct vm *m, uint8_t layout)
{
	static const uint64_t cut[][3] = { { 16, 0, 0 }, { 8, 8, 0 }, { 5, 4, 7 }, { 4, 1, 10 } };
	struct guest_mem_slot slot[3];
	uint64_t at = GPA;
	uint32_t n = 0;

	for (; n < 3 && cut[layout & 3][n]; n++) {
		m->size[n] = cut[layout & 3][n] * PAGE;
		m->part[n] = aligned_alloc(PAGE, m->size[n]);
		MUST(m->part[n]);
		memset(m->part[n], 0, m->size[n]);
		slot[n] = (struct guest_mem_slot){ at, m->size[n], at, m->part[n] };
		at += m->size[n];
		if (n == 0 && layout & 4) /* a hole, as behind a PC's first gigabytes */
			at += PAGE;
	}
	m->mem = guest_mem_new(slot, n);
	MUST(m->mem);
}

static void free_memory(struct vm *m)
{
	for (unsigned i = 0; i < 3; i++) {
		free(m->part[i]);
		m->part[i] = NULL;
		m->size[i] = 0;
	}
	free(m->mem);
}

static uint8_t *ring_page(unsigned r)
{
	return vm[r / 2].part[0] + r * PAGE;
}

static struct nic_ring_config ring_config(unsigned r, uint16_t base)
{
	uint8_t *page = ring_page(r);

	return (struct nic_ring_config){ .desc = page,
					 .avail = page + AVAIL_AT,
					 .used = page + USED_AT,
					 .size = ring[r].size,
					 .last_avail = base,
					 .kick_fd = -1,
					 .call_fd = -1,
					 .err_fd = -1 };
}

static uint64_t used_gpa(unsigned r)
{
	return GPA + r * PAGE + (features & 1ull << VIRTIO_F_RING_PACKED ? 0 : USED_AT);
}

static void start(unsigned v, uint16_t rx_base, uint16_t tx_base)
{
	struct nic_queue_config cfg = {
		.rx = ring_config(2 * v, rx_base),
		.tx = ring_config(2 * v + 1, tx_base),
		.mem = vm[v].mem,
		.features = features,
		.dirty_log = vm[v].logging ? vm[v].log : NULL,
		.dirty_log_size = LOG_SIZE,
		.rx_used_gpa = used_gpa(2 * v),
		.tx_used_gpa = used_gpa(2 * v + 1),
		.rx_event_gpa = GPA + 2 * v * PAGE + USED_AT,
		.tx_event_gpa = GPA + (2 * v + 1) * PAGE + USED_AT,
	};
	struct vmq_err err = { "" };

	MUST(nic_queue_start(nic, v + 1, 0, &cfg, &err) == 0);
}

/* ---- the log is exact: each page of the guest that a turn changed is marked ---- */

static uint8_t *slot_before(struct vm *m, unsigned i)
{
	uint64_t at = 0;

	for (unsigned k = 0; k < i; k++)
		at += m->size[k];
	return m->before + at;
}

static void remember(struct vm *m)
{
	for (unsigned i = 0; m->logging && i < m->mem->nslots; i++)
		memcpy(slot_before(m, i), m->part[i], m->size[i]);
}

static bool is_broken(unsigned v)
{
	const struct nic_queue *q = vport_of(nic, v + 1)->started[0];

	return q->rx.broken || q->tx.broken;
}

/* A broken ring is left in the middle of its burst: what lies in it counts for nothing. */
static void check_log(unsigned v)
{
	struct vm *m = &vm[v];
	bool check = m->logging && !is_broken(v);

	for (unsigned i = 0; check && i < m->mem->nslots; i++)
		for (uint64_t at = 0; at < m->size[i]; at += PAGE) {
			uint64_t page = (m->mem->slot[i].gpa + at) / PAGE;

			if (memcmp(slot_before(m, i) + at, m->part[i] + at, PAGE) != 0)
				MUST(m->log[page / 8] & 1u << page % 8);
		}
	if (m->logging)
		memset(m->log + GPA / PAGE / 8, 0, LOG_SIZE - GPA / PAGE / 8);
}

static void turn(void)
{
	remember(&vm[0]);
	remember(&vm[1]);
	stub_settle();
	check_log(0);
	check_log(1);
}

/* ---- what the VMs do ---- */

static uint64_t place(uint8_t where)
{
	static const uint64_t odd[] = { 0,	     GPA - 1, GPA + MEM_SIZE - 1, GPA + MEM_SIZE, ~0ull,
					~0ull - 100, GPA,     GPA + PAGE };

	return where >= 248 ? odd[where - 248] : GPA + RING_MEM + where * 200u;
}

static void write_desc(unsigned r, uint16_t slot, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t *page = ring_page(r);

	if (features & 1ull << VIRTIO_F_RING_PACKED)
		((struct vring_packed_desc *)(void *)page)[slot] = (struct vring_packed_desc){ addr, len, next, flags };
	else
		((struct vring_desc *)(void *)page)[slot] = (struct vring_desc){ addr, len, flags, next };
}

static void raw_desc(struct input *in)
{
	unsigned r = byte(in) % RINGS;
	uint16_t slot = byte(in) % ring[r].size;
	uint64_t addr = place(byte(in));
	uint32_t len = two_bytes(in);
	uint8_t flags = byte(in);

	/* the two bits of a packed ring are the upper ones of the byte */
	write_desc(r, slot, addr, len, (uint16_t)((flags & 15u) | (flags & 0x40u) << 1 | (flags & 0x80u) << 8),
		   byte(in));
}

static void make_available(unsigned r, uint16_t head)
{
	struct vring_avail *a = (struct vring_avail *)(void *)(ring_page(r) + AVAIL_AT);

	a->ring[ring[r].avail_idx % ring[r].size] = head;
	a->idx = ++ring[r].avail_idx;
}

/* A frame's beginning, behind the virtio header: to one of the VMs, everybody, or nobody here. */
static void put_frame(struct vm *m, uint64_t gpa, uint32_t len, uint8_t how, struct input *in)
{
	uint8_t *p = guest(m, gpa, len);
	uint32_t hdr = features & (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10;

	if (!p || len < hdr + 20)
		return;
	if (features & 1ull << VIRTIO_NET_F_CSUM && len >= hdr + 60) { /* something left to others, in TCP over IPv4 */
		struct virtio_net_hdr h = { .flags = byte(in), .gso_type = byte(in), .gso_size = two_bytes(in) };

		h.csum_start = byte(in);
		h.csum_offset = byte(in);
		memcpy(p, &h, sizeof h);
		memset(p + hdr + 20, 0, 40);
		p[hdr + 23] = 6;
		p[hdr + 46] = 0x50;
	}
	p += hdr;
	memcpy(p, "\x52\x54\0\0\0\0\x52\x54\0\0\0\x01\x08\0\x45\0\0\0\0\0", 20);
	p[5] = how & 3;
	if ((how & 12) == 12)
		memset(p, 0xFF, 6);
	if (how & 16) {
		p[12] = 0x81;
		p[15] = how >> 5;
	}
}

static void offer(struct input *in)
{
	unsigned r = byte(in) % RINGS, n = byte(in) % 4 + 1;
	bool packed = features & 1ull << VIRTIO_F_RING_PACKED, writable = r % 2 == 0;
	uint16_t head = ring[r].next;

	for (unsigned i = 0; i < n; i++) {
		uint64_t addr = place(byte(in));
		uint32_t len = two_bytes(in);
		uint16_t flags = (uint16_t)((writable ? VRING_DESC_F_WRITE : 0) | (i + 1 < n ? VRING_DESC_F_NEXT : 0));
		uint16_t slot = ring[r].next, after = (uint16_t)((slot + 1) % ring[r].size);

		if (!writable && i == 0)
			put_frame(&vm[r / 2], addr, len, byte(in), in);
		if (packed)
			flags |= ring[r].wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED;
		write_desc(r, slot, addr, len, flags, packed ? slot : after);
		ring[r].next = after;
		if (after == 0)
			ring[r].wrap = !ring[r].wrap;
	}
	if (!packed)
		make_available(r, head);
}

static void raw_bytes(struct input *in)
{
	unsigned r = byte(in) % RINGS, n = byte(in);
	uint16_t at = two_bytes(in);

	for (unsigned i = 0; i < n && in->left; i++)
		ring_page(r)[(at + i) % PAGE] = byte(in);
}

static void restart(unsigned v)
{
	uint16_t rx, tx;

	MUST(nic_queue_stop(nic, v + 1, 0, &rx, &tx) == 0);
	start(v, rx, tx);
}

static void from_wire(struct input *in)
{
	uint32_t n = byte(in);

	if (n > in->left)
		n = (uint32_t)in->left;
	if (n < 14)
		return;
	wire.in = in->at;
	wire.in_len = n;
	in->at += n;
	in->left -= n;
	turn();
	wire.in = NULL;
}

static void ask_for_kicks(unsigned r)
{
	struct nic_vport *v = vport_of(nic, r / 2 + 1);
	struct virtqueue *vq = &v->started[0]->tx;

	remember(&vm[r / 2]);
	if (!vq->broken)
		(void)virtqueue_kicks_on(vq);
	check_log(r / 2);
}

static void record(struct input *in)
{
	unsigned v, r;

	switch (byte(in) % 9) {
	case 0:
		raw_bytes(in);
		break;
	case 1:
		raw_desc(in);
		break;
	case 2:
		r = byte(in) % RINGS;
		ring[r].avail_idx = (uint16_t)(ring[r].avail_idx + byte(in));
		((struct vring_avail *)(void *)(ring_page(r) + AVAIL_AT))->idx = ring[r].avail_idx;
		break;
	case 3:
		offer(in);
		break;
	case 4:
		turn();
		break;
	case 5:
		ask_for_kicks(byte(in) % RINGS);
		break;
	case 6:
		v = byte(in) % 2;
		MUST(nic_vport_set_cpu(nic, v + 1, byte(in) % STUB_WORKERS, &(struct vmq_err){ "" }) == 0);
		break;
	case 7:
		restart(byte(in) % 2);
		break;
	default:
		from_wire(in);
		break;
	}
}

/* ---- begin and end ---- */

static void vport(uint32_t id, unsigned cpu)
{
	struct nic_vport_config cfg = { id, cpu, 1, NIC_MODERATION_OFF, true };
	struct nic_filter f = {
		.id = id, .vport = id, .mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)id }, .test = NIC_VLAN_ANY
	};
	struct vmq_err err = { "" };

	MUST(nic_vport_create(nic, &cfg, &err) == 0);
	if (id)
		MUST(nic_filter_set(nic, &f) == 0);
}

static void set_up(struct input *in)
{
	static const uint64_t bits[] = { 1ull << VIRTIO_F_RING_PACKED, 1ull << VIRTIO_RING_F_INDIRECT_DESC,
					 1ull << VIRTIO_RING_F_EVENT_IDX, 1ull << VIRTIO_NET_F_MRG_RXBUF,
					 1ull << VIRTIO_F_VERSION_1 };
	static const uint16_t sizes[2][4] = { { 2, 4, 16, 64 }, { 2, 3, 17, 64 } }; /* packed: any */
	struct nic_config cfg = { .name = "fuzz" };
	uint8_t f = byte(in), s = byte(in), layout = byte(in);
	struct vmq_err err = { "" };

	features = 0;
	for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++)
		features |= f & 1u << i ? bits[i] : 0;
	features |= layout & 8 ? 1ull << VIRTIO_F_IN_ORDER : 0;
	if (layout & 16)
		features |= 1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_HOST_TSO6 |
			    1ull << VIRTIO_NET_F_HOST_ECN | 1ull << OFFLOAD_F_HOST_USO;
	if (layout & 32)
		features |= 1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GUEST_TSO4;
	MUST(nic_create(stub_engine(), &cfg, &nic, &err) == 0);
	vport(0, 0);
	for (unsigned v = 0; v < 2; v++) {
		make_memory(&vm[v], layout);
		vm[v].logging = f & 0x20;
		for (unsigned r = 2 * v; r < 2 * v + 2; r++)
			ring[r] = (struct ring){ .size = sizes[f & 1][s >> 2 * r & 3], .wrap = true };
		vport(v + 1, f & 0x40 ? v : 0);
		start(v, f & 1 ? 0x8000 : 0, f & 1 ? 0x8000 : 0);
	}
	if (f & 0x80)
		MUST(nic_filter_set(nic, &(struct nic_filter){ .id = 9,
							       .vport = 1,
							       .mac = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF },
							       .test = NIC_VLAN_ANY }) == 0);
	MUST(nic_vport_attach_port(nic, 0, &host.port, &err) == 0 && nic_wire_attach(nic, &wire.port, 0, &err) == 0);
}

static void check_counts(void)
{
	struct nic_vport_counters c[2], w;
	uint64_t in, out = 0;

	nic_wire_counters(nic, &w);
	in = w.rx_frames;
	for (unsigned v = 0; v < 2; v++) {
		MUST(nic_vport_counters(nic, v + 1, &c[v]) == 0);
		in += c[v].tx_frames;
		out += c[v].rx_frames;
		for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
			out += c[v].drops[i];
	}
	MUST(nic_vport_counters(nic, 0, &c[0]) == 0);
	out += c[0].rx_frames;
	for (unsigned i = 0; i < NIC_DROP_COUNT; i++)
		out += c[0].drops[i] + w.drops[i];
	/* each frame went at least to one place or into one count */
	MUST(out + w.tx_frames >= in);
}

static void tear_down(void)
{
	uint16_t rx, tx;

	stub_settle();
	check_counts();
	for (unsigned v = 0; v < 2; v++)
		MUST(nic_queue_stop(nic, v + 1, 0, &rx, &tx) == 0);
	MUST(nic_wire_detach(nic) == 0 && nic_vport_detach_port(nic, 0) == 0 && wire.held == 0);
	for (uint32_t id = 1; id <= 2; id++)
		MUST(nic_filter_clear(nic, id) == 0);
	(void)nic_filter_clear(nic, 9);
	for (uint32_t id = 0; id <= 2; id++)
		MUST(nic_vport_delete(nic, id) == 0);
	nic_destroy(nic);
	for (unsigned v = 0; v < 2; v++)
		free_memory(&vm[v]);
	stub_check_empty();
}

static void once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	stub_port_init(&wire);
	stub_port_init(&host);
	for (unsigned v = 0; v < 2; v++) {
		vm[v].log = calloc(1, LOG_SIZE);
		MUST(vm[v].log);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	once();
	set_up(&in);
	while (in.left)
		record(&in);
	tear_down();
	return 0;
}
