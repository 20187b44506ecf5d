/* SPDX-License-Identifier: BSD-3-Clause */
#include "vm.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

uint64_t vm_alloc(struct vm *vm, uint32_t n)
{
	uint64_t at = vm->brk;

	vm->brk += (n + 63u) & ~63u;
	assert_true(vm->brk <= VM_GPA + VM_SIZE);
	return at;
}

void *vm_ptr(const struct vm *vm, uint64_t gpa)
{
	return vm->ram + (gpa - VM_GPA);
}

static void ring_init(struct vm *vm, struct vm_ring *r, uint16_t size)
{
	memset(r, 0, sizeof *r);
	assert_true(size <= 64);
	r->packed = vm->features & 1ull << VIRTIO_F_RING_PACKED;
	r->size = size;
	r->avail_wrap = r->used_wrap = true;
	r->desc_gpa = vm_alloc(vm, size * 16u);
	r->desc = vm_ptr(vm, r->desc_gpa);
	r->avail = vm_ptr(vm, vm_alloc(vm, size * 2u + 6u));
	r->used_gpa = vm_alloc(vm, size * 8u + 6u);
	r->used = vm_ptr(vm, r->used_gpa);
	r->event_gpa = r->used_gpa;
	if (r->packed)
		r->used_gpa = r->desc_gpa; /* what the device writes */
}

void vm_init(struct vm *vm, unsigned slots, uint16_t size, uint64_t features)
{
	struct guest_mem_slot s[64];

	memset(vm, 0, sizeof *vm);
	vm->ram = aligned_alloc(4096, VM_SIZE);
	assert_non_null(vm->ram);
	memset(vm->ram, 0, VM_SIZE);
	for (unsigned i = 0; i < slots; i++) {
		uint64_t part = VM_SIZE / slots;

		s[i] = (struct guest_mem_slot){ VM_GPA + i * part, part, 0x7000000000ull + i * part, vm->ram + i * part };
	}
	vm->mem = guest_mem_new(s, slots);
	assert_non_null(vm->mem);
	vm->brk = VM_GPA;
	vm->features = features;
	vm->rx_call = eventfd(0, EFD_NONBLOCK);
	vm->tx_kick = eventfd(0, EFD_NONBLOCK);
	ring_init(vm, &vm->rx, size);
	ring_init(vm, &vm->tx, size);
}

void vm_fini(struct vm *vm)
{
	close(vm->rx_call);
	close(vm->tx_kick);
	free(vm->mem);
	free(vm->ram);
}

struct nic_queue_config vm_queue_config(const struct vm *vm)
{
	const uint16_t base = vm->rx.packed ? 0x8000 : 0; /* first position, wrap counter 1 */

	return (struct nic_queue_config){
		.rx = { vm->rx.desc, vm->rx.avail, vm->rx.used, vm->rx.size, base, NULL, -1, vm->rx_call, -1 },
		.tx = { vm->tx.desc, vm->tx.avail, vm->tx.used, vm->tx.size, base, NULL, vm->tx_kick, -1, -1 },
		.mem = vm->mem,
		.features = vm->features,
		.rx_used_gpa = vm->rx.used_gpa,
		.tx_used_gpa = vm->tx.used_gpa,
		.rx_event_gpa = vm->rx.event_gpa,
		.tx_event_gpa = vm->tx.event_gpa,
	};
}

uint16_t vm_desc(struct vm_ring *r, uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next)
{
	uint16_t i = r->next_desc++ % r->size;

	r->desc[i] = (struct vring_desc){ gpa, len, flags, next };
	return i;
}

void vm_avail(struct vm_ring *r, uint16_t head)
{
	r->avail->ring[r->avail->idx % r->size] = head;
	__atomic_store_n(&r->avail->idx, (uint16_t)(r->avail->idx + 1), __ATOMIC_RELEASE);
}

static bool packed_used(struct vm_ring *r, struct vring_used_elem *e)
{
	struct vring_packed_desc *d = &r->pdesc[r->seen_used];
	uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
	bool avail = flags & 1 << VRING_PACKED_DESC_F_AVAIL, used = flags & 1 << VRING_PACKED_DESC_F_USED;

	if (avail != used || used != r->used_wrap)
		return false;
	*e = (struct vring_used_elem){ d->id, d->len };
	assert_true(d->id < 64 && r->ndesc[d->id] > 0);
	r->seen_used = (uint16_t)(r->seen_used + r->ndesc[d->id]);
	r->ndesc[d->id] = 0;
	if (r->seen_used >= r->size) {
		r->seen_used = (uint16_t)(r->seen_used - r->size);
		r->used_wrap = !r->used_wrap;
	}
	return true;
}

bool vm_used(struct vm_ring *r, struct vring_used_elem *e)
{
	if (r->packed)
		return packed_used(r, e);
	if (__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) == r->seen_used)
		return false;
	*e = r->used->ring[r->seen_used++ % r->size];
	return true;
}

/* Length, id and flags in one store, as the device may look at the entry at any time. */
static void write_half(struct vring_packed_desc *d, uint32_t len, uint16_t id, uint16_t flags, int order)
{
	union {
		uint64_t w;
		struct {
			uint32_t len;
			uint16_t id, flags;
		} f;
	} v = { .f = { len, id, flags } };
	uint64_t *at = (uint64_t *)(void *)&d->len;

	if (order == __ATOMIC_RELEASE)
		__atomic_store_n(at, v.w, __ATOMIC_RELEASE);
	else
		__atomic_store_n(at, v.w, __ATOMIC_RELAXED);
}

void vm_packed_head(struct vring_packed_desc *d, uint64_t addr, uint32_t len, uint16_t flags)
{
	__atomic_store_n(&d->addr, addr, __ATOMIC_RELAXED);
	write_half(d, len, 0, flags, __ATOMIC_RELEASE);
}

static void packed_offer(struct vm_ring *r, const struct vm_piece *p, unsigned n, uint16_t flags)
{
	struct vring_packed_desc *first = &r->pdesc[r->next_desc];
	uint16_t id = r->next_id, head = 0;

	while (r->ndesc[id]) /* ids under way are not given again */
		id = (uint16_t)((id + 1) % 64);
	r->next_id = (uint16_t)((id + 1) % 64);
	r->ndesc[id] = (uint16_t)n;
	r->last_gpa[id] = p[0].gpa;
	for (unsigned i = 0; i < n; i++) {
		struct vring_packed_desc *d = &r->pdesc[r->next_desc];
		uint16_t f = flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0);

		f |= (uint16_t)(r->avail_wrap << VRING_PACKED_DESC_F_AVAIL | !r->avail_wrap << VRING_PACKED_DESC_F_USED);
		__atomic_store_n(&d->addr, p[i].gpa, __ATOMIC_RELAXED);
		if (i == 0)
			head = f;
		else
			write_half(d, p[i].len, id, f, __ATOMIC_RELAXED);
		if (++r->next_desc == r->size) {
			r->next_desc = 0;
			r->avail_wrap = !r->avail_wrap;
		}
	}
	write_half(first, p[0].len, id, head, __ATOMIC_RELEASE); /* the driver's order: the head makes it available */
}

static void split_offer(struct vm_ring *r, const struct vm_piece *p, unsigned n, uint16_t flags)
{
	uint16_t head = (uint16_t)(r->next_desc % r->size);

	r->last_gpa[head] = p[0].gpa;
	for (unsigned i = 0; i < n; i++)
		(void)vm_desc(r, p[i].gpa, p[i].len, (uint16_t)(flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
			      (uint16_t)((head + i + 1) % r->size));
	vm_avail(r, head);
}

void vm_offer_raw(struct vm_ring *r, const struct vring_desc *d, unsigned n)
{
	uint16_t head = (uint16_t)(r->next_desc % r->size), first = 0, id = r->next_id;
	struct vring_packed_desc *at = &r->pdesc[r->next_desc % r->size];

	r->offered++;
	if (!r->packed) {
		r->last_gpa[head] = d[0].addr;
		for (unsigned i = 0; i < n; i++)
			(void)vm_desc(r, d[i].addr, d[i].len, d[i].flags, (uint16_t)(d[i].next >= 0x100 ? d[i].next : (head + d[i].next) % r->size));
		vm_avail(r, head);
		return;
	}
	r->next_id = (uint16_t)((id + 1) % 64);
	r->ndesc[id] = (uint16_t)n;
	r->last_gpa[id] = d[0].addr;
	for (unsigned i = 0; i < n; i++) {
		struct vring_packed_desc *p = &r->pdesc[r->next_desc];
		uint16_t f = (uint16_t)(d[i].flags | r->avail_wrap << VRING_PACKED_DESC_F_AVAIL | !r->avail_wrap << VRING_PACKED_DESC_F_USED);

		__atomic_store_n(&p->addr, d[i].addr, __ATOMIC_RELAXED);
		if (i == 0)
			first = f;
		else
			write_half(p, d[i].len, id, f, __ATOMIC_RELAXED);
		if (++r->next_desc == r->size) {
			r->next_desc = 0;
			r->avail_wrap = !r->avail_wrap;
		}
	}
	write_half(at, d[0].len, id, first, __ATOMIC_RELEASE);
}

void vm_offer(struct vm *vm, struct vm_ring *r, const struct vm_piece *p, unsigned n, bool writable, bool indirect)
{
	uint16_t flags = writable ? VRING_DESC_F_WRITE : 0;
	struct vm_piece table;

	r->offered++;
	if (indirect) {
		table = (struct vm_piece){ vm_alloc(vm, n * 16), n * 16 };
		for (unsigned i = 0; i < n; i++) {
			struct vring_desc *t = (struct vring_desc *)vm_ptr(vm, table.gpa) + i;
			struct vring_packed_desc *pt = (struct vring_packed_desc *)vm_ptr(vm, table.gpa) + i;

			if (r->packed)
				*pt = (struct vring_packed_desc){ p[i].gpa, p[i].len, 0, flags };
			else
				*t = (struct vring_desc){ p[i].gpa, p[i].len, flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0), (uint16_t)(i + 1) };
		}
		p = &table;
		n = 1;
		flags = VRING_DESC_F_INDIRECT;
	}
	if (r->packed)
		packed_offer(r, p, n, flags);
	else
		split_offer(r, p, n, flags);
}

bool vm_wait_used(struct vm_ring *r, struct vring_used_elem *e)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < 10000; i++) {
		if (vm_used(r, e))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

unsigned vm_hdr_len(const struct vm *vm)
{
	return vm->features & (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10;
}

uint64_t vm_post(struct vm *vm, uint32_t len)
{
	struct vm_piece p = { vm_alloc(vm, len), len };

	vm_offer(vm, &vm->rx, &p, 1, true, false);
	return p.gpa;
}

void vm_send(struct vm *vm, const void *frame, uint32_t len)
{
	struct vm_piece p = { vm_alloc(vm, len + 12), len + vm_hdr_len(vm) };

	memset(vm_ptr(vm, p.gpa), 0, 12);
	memcpy((uint8_t *)vm_ptr(vm, p.gpa) + vm_hdr_len(vm), frame, len);
	vm_offer(vm, &vm->tx, &p, 1, false, false);
	vm_kick(vm);
}

void vm_kick(struct vm *vm)
{
	const uint64_t one = 1;

	assert_int_equal(write(vm->tx_kick, &one, sizeof one), sizeof one);
}
