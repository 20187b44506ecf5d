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
	r->size = size;
	r->desc = vm_ptr(vm, vm_alloc(vm, size * 16u));
	r->avail = vm_ptr(vm, vm_alloc(vm, size * 2u + 6u));
	r->used_gpa = vm_alloc(vm, size * 8u + 6u);
	r->used = vm_ptr(vm, r->used_gpa);
	r->next_desc = r->seen_used = 0;
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
	return (struct nic_queue_config){
		.rx = { vm->rx.desc, vm->rx.avail, vm->rx.used, vm->rx.size, 0, 0, -1, vm->rx_call, -1 },
		.tx = { vm->tx.desc, vm->tx.avail, vm->tx.used, vm->tx.size, 0, 0, vm->tx_kick, -1, -1 },
		.mem = vm->mem,
		.features = vm->features,
		.rx_used_gpa = vm->rx.used_gpa,
		.tx_used_gpa = vm->tx.used_gpa,
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

bool vm_used(struct vm_ring *r, struct vring_used_elem *e)
{
	if (__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) == r->seen_used)
		return false;
	*e = r->used->ring[r->seen_used++ % r->size];
	return true;
}

bool vm_wait_used(struct vm_ring *r, struct vring_used_elem *e)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < 2000; i++) {
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
	uint64_t gpa = vm_alloc(vm, len);

	vm_avail(&vm->rx, vm_desc(&vm->rx, gpa, len, VRING_DESC_F_WRITE, 0));
	return gpa;
}

void vm_send(struct vm *vm, const void *frame, uint32_t len)
{
	uint64_t gpa = vm_alloc(vm, len + 12);

	memset(vm_ptr(vm, gpa), 0, 12);
	memcpy((uint8_t *)vm_ptr(vm, gpa) + vm_hdr_len(vm), frame, len);
	vm_avail(&vm->tx, vm_desc(&vm->tx, gpa, len + vm_hdr_len(vm), 0, 0));
	vm_kick(vm);
}

void vm_kick(struct vm *vm)
{
	const uint64_t one = 1;

	assert_int_equal(write(vm->tx_kick, &one, sizeof one), sizeof one);
}
