/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user protocol's numbers and layouts (QEMU's docs/interop/vhost-user.rst). Host byte order; every payload
 * is laid out without holes. Constants only: who may send what, and what is done then, is in handlers.c.
 */
#ifndef VMQ_VHOST_PROTOCOL_H
#define VMQ_VHOST_PROTOCOL_H

#include <stdint.h>

#define VHOST_MSG_VERSION      0x1u
#define VHOST_MSG_VERSION_MASK 0x3u
#define VHOST_MSG_REPLY        (1u << 2)
#define VHOST_MSG_NEED_REPLY   (1u << 3)

#define VHOST_MSG_MAX_FDS     8u   /* SET_MEM_TABLE has one a region; no other request has more than one */
#define VHOST_MSG_MAX_PAYLOAD 512u /* bytes; the largest we know has 268 (configuration space) */

#define VHOST_TABLE_MAX_REGIONS 8u /* in SET_MEM_TABLE; ADD_MEM_REG has no such bound */

#define VHOST_VRING_INDEX_MASK 0xffu
#define VHOST_VRING_NOFD       (1u << 8)
#define VHOST_VRING_F_LOG_BIT  (1u << 0) /* in vhost_msg_addr.flags: writes to the used ring are logged */

#define VHOST_LOG_PAGE 4096u /* a bit of the migration log stands for so many bytes */

/* X(bit, name): the protocol features we offer, all of them always. */
#define VHOST_PROTOCOL_FEATURES(X)                                                                                     \
	X(0, MQ)                                                                                                       \
	X(1, LOG_SHMFD)                                                                                                \
	X(2, RARP)                                                                                                     \
	X(3, REPLY_ACK)                                                                                                \
	X(4, NET_MTU)                                                                                                  \
	X(12, INFLIGHT_SHMFD)                                                                                          \
	X(15, CONFIGURE_MEM_SLOTS)                                                                                     \
	X(16, STATUS)

enum vhost_protocol_feature {
#define VHOST_PROTOCOL_ENUM(bit, name) VHOST_PROTOCOL_F_##name = bit,
	VHOST_PROTOCOL_FEATURES(VHOST_PROTOCOL_ENUM)
#undef VHOST_PROTOCOL_ENUM
};

#define VHOST_PROTOCOL_OFFERED_(bit, name) | (UINT64_C(1) << (bit))
#define VHOST_PROTOCOL_OFFERED             (UINT64_C(0) VHOST_PROTOCOL_FEATURES(VHOST_PROTOCOL_OFFERED_))

struct vhost_msg_header {
	uint32_t request, flags, size; /* size: of the payload */
};

struct vhost_msg_state {
	uint32_t index, num;
};

struct vhost_msg_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail; /* in the front-end's address space */
	uint64_t log;               /* guest address by which writes to the used ring are logged */
};

struct vhost_msg_region {
	uint64_t gpa, size, uva, offset;
};

struct vhost_msg_table {
	uint32_t nregions, padding;
	struct vhost_msg_region region[VHOST_TABLE_MAX_REGIONS];
};

struct vhost_msg_slot {
	uint64_t padding;
	struct vhost_msg_region region;
};

struct vhost_msg_log {
	uint64_t size, offset;
};

struct vhost_msg_inflight {
	uint64_t mmap_size, mmap_offset;
	uint16_t num_queues, queue_size;
	uint32_t padding;
};

union vhost_msg_payload {
	uint64_t u64;
	struct vhost_msg_state state;
	struct vhost_msg_addr addr;
	struct vhost_msg_table table;
	struct vhost_msg_slot slot;
	struct vhost_msg_log log;
	struct vhost_msg_inflight inflight;
	uint8_t bytes[VHOST_MSG_MAX_PAYLOAD];
};

_Static_assert(sizeof(struct vhost_msg_header) == 12, "vhost-user header");
_Static_assert(sizeof(struct vhost_msg_addr) == 40, "vring address description");
_Static_assert(sizeof(struct vhost_msg_region) == 32, "memory region description");
_Static_assert(sizeof(struct vhost_msg_table) == 8 + 8 * 32, "memory regions description");
_Static_assert(sizeof(struct vhost_msg_slot) == 40, "single memory region description");

#endif
