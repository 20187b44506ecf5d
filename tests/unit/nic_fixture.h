/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the data path share: an engine, an adapter, VMs whose driver's side is the test (vm.h). */
#ifndef VMQ_TESTS_NIC_FIXTURE_H
#define VMQ_TESTS_NIC_FIXTURE_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "fake_port.h"
#include "vm.h"

#define V1 (1ull << VIRTIO_F_VERSION_1)
#define MRG (1ull << VIRTIO_NET_F_MRG_RXBUF)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT (1ull << VIRTIO_RING_F_EVENT_IDX)
#define PACKED (1ull << VIRTIO_F_RING_PACKED)

extern uint64_t ring_kind; /* 0 or PACKED: the tests that use no split ring's insides run with both */
extern struct nic_engine *engine;
extern struct nic *nic;
extern uint16_t cpu[2]; /* the same twice where there is one only */
extern unsigned ncpus;
extern unsigned broken_events; /* since it was set to 0 */
extern struct vm va, vb;       /* of pair() */

/* An engine on up to two CPUs, an adapter with its default VPort; and all gone again. */
int setup(void **state);
int teardown(void **state);
/* A VPort with one queue pair, active, without moderation. */
void vport(uint32_t id, uint16_t on_cpu);
/* For 52:54:00:00:00:last. */
void filter(uint32_t id, uint32_t vp, unsigned last, enum nic_vlan_test test, uint16_t vlan);
/* For ff:ff:ff:ff:ff:ff, or first:11:11:11:11:11. */
void group_filter(uint32_t id, uint32_t vp, uint8_t first, enum nic_vlan_test test, uint16_t vlan);
void start(uint32_t vp, struct vm *vm);
void stop(uint32_t vp);
/* A frame to 52:54:00:00:00:dst with a pattern; tag 0: none, else the TCI. Returns its length. */
uint32_t make_frame(uint8_t *f, unsigned dst, unsigned src, uint16_t tci, uint32_t len);
/* The next used buffer is the one at gpa and holds the frame, its virtio header clean. */
void expect_frame(struct vm *vm, uint64_t gpa, const uint8_t *frame, uint32_t len);
struct nic_vport_counters counters(uint32_t vp);
/* Within ten seconds the reason has been counted n times. */
void expect_drop(uint32_t vp, enum nic_drop why, uint64_t n);
/* VMs va and vb on VPorts 1 and 2 with filters for ...:01 and ...:02, on CPUs c1 and c2. */
void pair(uint64_t features, unsigned slots, uint16_t c1, uint16_t c2);
void unpair(void);
/* Sends a frame in pieces of the given lengths (the virtio header included in the stream). */
void send_pieces(struct vm *vm, const uint8_t *frame, uint32_t len, const uint32_t *piece, unsigned n, bool indirect);
/* The VPort breaks, once, with these words in its reason. */
void expect_broken(uint32_t vp, const char *words);

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
