/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hot path alone, in one thread: a VM's transmit ring is filled by hand, a worker makes a turn, the receiver's ring
 * is emptied by hand, again and again. Nothing is timed here: bench/instructions counts what stub_turn takes.
 *
 *   hotpath CASE BURSTS
 */
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/eventfd.h>

#include "engine_stub.h"
#include "process.h"
#include "vring/virtqueue.h"

#define RING 256u
#define BURST 32u
#define STEP 4096u          /* from buffer to buffer */
#define VM_SIZE (4u << 20)
#define HDR 12u
#define RECEIVERS 64u

static const struct bench_case {
	const char *name;
	uint32_t size;  /* of the frames */
	uint16_t vlan;  /* both VPorts are in this VLAN, 0: untagged */
	bool packed;
	bool unfinished; /* the sender leaves the checksum, the receiver does not take that */
	bool fan;        /* each frame to any of RECEIVERS VMs */
	bool across;     /* the receiver is another worker's */
} cases[] = {
	{ .name = "64", .size = 60 },
	{ .name = "1518", .size = 1514 },
	{ .name = "packed-64", .size = 60, .packed = true },
	{ .name = "vlan-64", .size = 60, .vlan = 100 },
	{ .name = "checksum-1518", .size = 1514, .unfinished = true },
	{ .name = "fanout-64", .size = 60, .fan = true },
	{ .name = "handover-64", .size = 60, .across = true },
};

struct vm {
	uint8_t *ram;
	struct guest_mem *mem;
	struct nic_queue_config cfg;
	uint16_t at[2]; /* positions of the driver: receive, transmit; for a packed ring with the wrap counter */
};

static uint8_t *buffer(const struct vm *m, unsigned ring, unsigned i)
{
	return m->ram + (1u << 16) + (ring * RING + i) * STEP;
}

static struct vring_packed_desc *packed(const struct vm *m, unsigned ring)
{
	return ring ? m->cfg.tx.desc : m->cfg.rx.desc;
}

/* Offers the next n buffers of a ring, each as the driver offered it the first time. */
static void offer(struct vm *m, unsigned ring, unsigned n, uint32_t len, bool is_packed)
{
	struct nic_ring_config *c = ring ? &m->cfg.tx : &m->cfg.rx;
	const uint16_t write = ring ? 0 : VRING_DESC_F_WRITE;

	for (unsigned k = 0; k < n; k++) {
		unsigned i = (m->at[ring] & 0x7FFFu) % RING;
		uint64_t gpa = (uint64_t)(buffer(m, ring, i) - m->ram);

		if (is_packed) {
			uint16_t wrap = m->at[ring] & 0x8000u;
			uint16_t flags = (uint16_t)(write | (wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED));

			packed(m, ring)[i] = (struct vring_packed_desc){ gpa, len, (uint16_t)i, flags };
			m->at[ring] = i + 1 < RING ? (uint16_t)((i + 1) | wrap) : (uint16_t)(wrap ^ 0x8000u);
		} else {
			struct vring_avail *avail = c->avail;

			((struct vring_desc *)c->desc)[i] = (struct vring_desc){ gpa, len, write, 0 };
			avail->ring[m->at[ring] % RING] = (uint16_t)i;
			avail->idx = ++m->at[ring];
		}
	}
}

static void make_vm(struct vm *m, const struct bench_case *c, uint64_t features)
{
	struct guest_mem_slot slot = { .size = VM_SIZE };
	struct nic_ring_config *rings[] = { &m->cfg.rx, &m->cfg.tx };

	m->ram = aligned_alloc(4096, VM_SIZE);
	MUST(m->ram);
	memset(m->ram, 0, VM_SIZE);
	slot.host = m->ram;
	m->mem = guest_mem_new(&slot, 1);
	m->cfg.mem = m->mem;
	m->cfg.features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF | features |
			  (c->packed ? 1ull << VIRTIO_F_RING_PACKED : 0);
	for (unsigned r = 0; r < 2; r++) {
		uint8_t *at = m->ram + r * 16384;

		*rings[r] = (struct nic_ring_config){ .desc = at, .avail = at + 4096, .used = at + 8192, .size = RING,
						      .kick_fd = eventfd(0, EFD_NONBLOCK), .call_fd = -1, .err_fd = -1 };
		m->at[r] = c->packed ? 0x8000u : 0;
		rings[r]->last_avail = m->at[r];
		if (!c->packed) /* the driver polls */
			((struct vring_avail *)rings[r]->avail)->flags = VRING_AVAIL_F_NO_INTERRUPT;
		else
			((struct vring_packed_desc_event *)rings[r]->avail)->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	}
}

static void start(struct nic *nic, uint32_t id, uint16_t cpu, struct vm *m, uint16_t vlan)
{
	struct nic_vport_config cfg = { .id = id, .cpu = cpu, .queue_pairs = 1, .moderation = NIC_MODERATION_OFF, .active = true };
	struct nic_filter f = { .id = id, .vport = id, .mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)id }, .vlan = vlan,
				.test = vlan ? NIC_VLAN_EQUAL : NIC_VLAN_UNTAGGED_OR_ZERO };
	struct nic_vport_policy policy = { .vlan_check = true };
	struct vmq_err err = { "" };

	MUST(nic_vport_create(nic, &cfg, &err) == 0 && nic_filter_set(nic, &f) == 0);
	MUST(nic_vport_set_policy(nic, id, &policy) == 0 && nic_queue_start(nic, id, 0, &m->cfg, &err) == 0);
}

/* The frame in the sender's next buffer goes to the receiver with this number. */
static void address(struct vm *m, unsigned number)
{
	buffer(m, 1, (m->at[1] & 0x7FFFu) % RING)[HDR + 5] = (uint8_t)(2 + number);
}

/* Every transmit buffer of the sender holds the same frame. */
static void fill(struct vm *m, const struct bench_case *c)
{
	for (unsigned i = 0; i < RING; i++) {
		struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
		uint8_t *b = buffer(m, 1, i);

		if (c->unfinished)
			memcpy(b, &h, sizeof h);
		memcpy(b + HDR, "\x52\x54\0\0\0\2\x52\x54\0\0\0\1\x08\0\x45", 15);
	}
}

int main(int argc, char **argv)
{
	const struct bench_case *c = NULL;
	struct nic_config nc = { .name = "bench" };
	struct vm sender = { .ram = NULL }, receiver[RECEIVERS] = { { .ram = NULL } };
	struct vmq_err err = { "" };
	unsigned bursts = 0, receivers;
	uint64_t frames = 0;
	uint32_t random = 1;
	struct nic *nic;

	for (unsigned i = 0; argc == 3 && i < sizeof cases / sizeof cases[0]; i++)
		if (strcmp(cases[i].name, argv[1]) == 0)
			c = &cases[i];
	if (!c) {
		(void)fprintf(stderr, "hotpath CASE BURSTS; cases:");
		for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
			(void)fprintf(stderr, " %s", cases[i].name);
		(void)fprintf(stderr, "\n");
		return 2;
	}
	bursts = integer(argv[2], 1, 1000000, "the number of bursts");
	receivers = c->fan ? RECEIVERS : 1;
	MUST(nic_create(stub_engine(), &nc, &nic, &err) == 0);
	make_vm(&sender, c, c->unfinished ? 1ull << VIRTIO_NET_F_CSUM : 0);
	start(nic, 1, 0, &sender, c->vlan);
	fill(&sender, c);
	for (unsigned r = 0; r < receivers; r++) {
		make_vm(&receiver[r], c, 0);
		start(nic, 2 + r, c->across, &receiver[r], c->vlan);
		offer(&receiver[r], 0, RING, STEP, c->packed);
	}
	for (unsigned i = 0; i < bursts; i++) {
		unsigned to[BURST];

		for (unsigned k = 0; k < BURST; k++) {
			random = random * 1664525u + 1013904223u;
			to[k] = (random >> 16) % receivers;
			address(&sender, to[k]);
			offer(&sender, 1, 1, HDR + c->size, c->packed);
		}
		stub_turn();
		for (unsigned k = 0; k < BURST; k++)
			offer(&receiver[to[k]], 0, 1, STEP, c->packed);
	}
	for (unsigned r = 0; r < receivers; r++) {
		struct nic_vport_counters got;

		MUST(nic_vport_counters(nic, 2 + r, &got) == 0);
		frames += got.rx_frames;
	}
	MUST(frames == (uint64_t)bursts * BURST);
	(void)printf("%llu\n", (unsigned long long)frames);
	return 0;
}
