/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM for tests: guest memory in this process and the driver's side of virtqueues, written from virtio 1.2 §2.7 and
 * §2.8 and independent of the code under test. Addresses are guest physical; memory may lie in several slots.
 */
#ifndef VMQ_TESTS_VM_H
#define VMQ_TESTS_VM_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nic/nic.h"
#include "vring/guest_mem.h"

#define VM_GPA 0x40000000ull
#define VM_SIZE (4u << 20)

struct vm_ring {
	bool packed;
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *pdesc;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device_event;
	};
	uint16_t size, next_desc, seen_used;
	uint16_t offered;           /* buffers offered so far */
	bool avail_wrap, used_wrap; /* packed */
	uint16_t next_id;           /* packed */
	uint16_t ndesc[64];         /* packed: entries of buffer id */
	uint64_t last_gpa[64];      /* where the buffer with this id (split: head) begins */
	uint64_t used_gpa, desc_gpa;
	uint64_t event_gpa;         /* packed: of the device's event area */
};

struct vm_piece {
	uint64_t gpa;
	uint32_t len;
};

struct vm {
	uint8_t *ram; /* VM_SIZE bytes at VM_GPA */
	struct guest_mem *mem;
	uint64_t brk; /* next free byte */
	struct vm_ring rx, tx;
	uint64_t features;
	int rx_call, tx_kick;
};

/* Memory in `slots` equal slots; rings of `size`. */
void vm_init(struct vm *vm, unsigned slots, uint16_t size, uint64_t features);
void vm_fini(struct vm *vm);
/* A guest address of n fresh bytes, aligned to 64. */
uint64_t vm_alloc(struct vm *vm, uint32_t n);
void *vm_ptr(const struct vm *vm, uint64_t gpa);
struct nic_queue_config vm_queue_config(const struct vm *vm);

/* Split rings, for hostile tests: writes a descriptor and returns its index; makes a head available. */
uint16_t vm_desc(struct vm_ring *r, uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next);
void vm_avail(struct vm_ring *r, uint16_t head);
/* Packed rings, for hostile tests: writes a descriptor as it stands. */
void vm_packed_head(struct vring_packed_desc *d, uint64_t addr, uint32_t len, uint16_t flags);
/* Both kinds, for hostile tests: n descriptors as they stand, one behind the other from the next free one, the first made
 * available. `next` is the driver's business in a split ring (from 0: this buffer's own) and means nothing in a packed one. */
void vm_offer_raw(struct vm_ring *r, const struct vring_desc *d, unsigned n);
/* Offers a buffer of n pieces, chained or through an indirect table. */
void vm_offer(struct vm *vm, struct vm_ring *r, const struct vm_piece *p, unsigned n, bool writable, bool indirect);
/* The next used element, false when there is none. */
bool vm_used(struct vm_ring *r, struct vring_used_elem *e);
/* The same, waiting up to ten seconds. */
bool vm_wait_used(struct vm_ring *r, struct vring_used_elem *e);

/* Posts one receive buffer in one piece; returns its guest address. */
uint64_t vm_post(struct vm *vm, uint32_t len);
/* Sends a frame with its header in one piece. */
void vm_send(struct vm *vm, const void *frame, uint32_t len);
unsigned vm_hdr_len(const struct vm *vm);
void vm_kick(struct vm *vm);

#endif
