/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nic_fixture.h"

uint64_t ring_kind;
struct nic_engine *engine;
struct nic *nic;
uint16_t cpu[2];
unsigned ncpus;
unsigned broken_events;
struct vm va, vb;

static char broken_reason[128];

static void on_event(void *ctx, const struct nic_event *ev)
{
	(void)ctx;
	broken_events++;
	snprintf(broken_reason, sizeof broken_reason, "%s", ev->reason);
}

int setup(void **state)
{
	struct nic_engine_config ec = { 0 };
	struct nic_config nc = { .name = "t0", .event = on_event };
	struct vmq_err err = { "" };
	cpu_set_t set;

	(void)state;
	sched_getaffinity(0, sizeof set, &set);
	for (unsigned c = 0; c < CPU_SETSIZE && ec.ncpus < 2; c++)
		if (CPU_ISSET(c, &set))
			ec.cpus[ec.ncpus++] = (uint16_t)c;
	ncpus = ec.ncpus;
	cpu[0] = ec.cpus[0];
	cpu[1] = ec.cpus[ncpus - 1];
	broken_events = 0;
	assert_int_equal(nic_engine_create(&ec, &engine, &err), 0);
	assert_int_equal(nic_create(engine, &nc, &nic, &err), 0);
	assert_int_equal(nic_vport_create(nic, &(struct nic_vport_config){ 0, cpu[0], 1, NIC_MODERATION_OFF, true }, &err), 0);
	return 0;
}

int teardown(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 64; i++)
		(void)nic_filter_clear(nic, i);
	for (uint32_t i = 0; i < 16; i++) {
		(void)nic_vport_detach_port(nic, i);
		(void)nic_vport_delete(nic, i);
	}
	nic_destroy(nic);
	nic_engine_destroy(engine);
	return 0;
}

void vport(uint32_t id, uint16_t on_cpu)
{
	struct vmq_err err = { "" };

	assert_int_equal(nic_vport_create(nic, &(struct nic_vport_config){ id, on_cpu, 1, NIC_MODERATION_OFF, true }, &err), 0);
}

void filter(uint32_t id, uint32_t vp, unsigned last, enum nic_vlan_test test, uint16_t vlan)
{
	struct nic_filter f = { .id = id, .vport = vp, .mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)last }, .test = test, .vlan = vlan };

	assert_int_equal(nic_filter_set(nic, &f), 0);
}

void group_filter(uint32_t id, uint32_t vp, uint8_t first, enum nic_vlan_test test, uint16_t vlan)
{
	struct nic_filter f = { .id = id, .vport = vp, .test = test, .vlan = vlan };

	memset(f.mac, first == 0xff ? 0xff : 0x11, 6);
	f.mac[0] = first;
	assert_int_equal(nic_filter_set(nic, &f), 0);
}

void start(uint32_t vp, struct vm *vm)
{
	struct nic_queue_config c = vm_queue_config(vm);
	struct vmq_err err = { "" };

	assert_int_equal(nic_queue_start(nic, vp, 0, &c, &err), 0);
}

void stop(uint32_t vp)
{
	uint16_t rx, tx;

	assert_int_equal(nic_queue_stop(nic, vp, 0, &rx, &tx), 0);
}

uint32_t make_frame(uint8_t *f, unsigned dst, unsigned src, uint16_t tci, uint32_t len)
{
	const uint8_t head[12] = { 0x52, 0x54, 0, 0, 0, (uint8_t)dst, 0x52, 0x54, 0, 0, 0, (uint8_t)src };
	uint32_t n = 12;

	memcpy(f, head, 12);
	if (tci) {
		f[n++] = 0x81;
		f[n++] = 0;
		f[n++] = (uint8_t)(tci >> 8);
		f[n++] = (uint8_t)tci;
	}
	f[n++] = 0x88;
	f[n++] = 0xb5;
	for (; n < len; n++)
		f[n] = (uint8_t)(n * 7 + dst);
	return len;
}

void expect_frame(struct vm *vm, uint64_t gpa, const uint8_t *frame, uint32_t len)
{
	struct vring_used_elem e;
	const uint8_t *got = vm_ptr(vm, gpa);

	assert_true(vm_wait_used(&vm->rx, &e));
	assert_int_equal(e.len, len + vm_hdr_len(vm));
	assert_memory_equal(got + vm_hdr_len(vm), frame, len);
	if (vm_hdr_len(vm) == 12)
		assert_int_equal(got[10] | got[11] << 8, 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(got[i], 0);
}

struct nic_vport_counters counters(uint32_t vp)
{
	struct nic_vport_counters c;

	assert_int_equal(nic_vport_counters(nic, vp, &c), 0);
	return c;
}

void expect_drop(uint32_t vp, enum nic_drop why, uint64_t n)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < 10000 && counters(vp).drops[why] < n; i++)
		nanosleep(&ms, NULL);
	assert_int_equal(counters(vp).drops[why], n);
}

void pair(uint64_t features, unsigned slots, uint16_t c1, uint16_t c2)
{
	vport(1, c1);
	vport(2, c2);
	filter(1, 1, 1, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	filter(2, 2, 2, NIC_VLAN_UNTAGGED_OR_ZERO, 0);
	vm_init(&va, slots, 64, features | ring_kind);
	vm_init(&vb, slots, 64, features | ring_kind);
	start(1, &va);
	start(2, &vb);
}

void unpair(void)
{
	stop(1);
	stop(2);
	vm_fini(&va);
	vm_fini(&vb);
}

void send_pieces(struct vm *vm, const uint8_t *frame, uint32_t len, const uint32_t *piece, unsigned n, bool indirect)
{
	uint32_t hdr = vm_hdr_len(vm), total = hdr + len, at = 0;
	uint8_t stream[16000] = { 0 };
	struct vm_piece p[64];

	memcpy(stream + hdr, frame, len);
	for (unsigned i = 0; i < n; i++) {
		uint32_t part = i == n - 1 ? total - at : piece[i];

		p[i] = (struct vm_piece){ vm_alloc(vm, part), part };
		memcpy(vm_ptr(vm, p[i].gpa), stream + at, part);
		at += part;
	}
	vm_offer(vm, &vm->tx, p, n, false, indirect);
	vm_kick(vm);
}

void expect_broken(uint32_t vp, const char *words)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct nic_queue_info info;

	for (int i = 0; i < 10000; i++) {
		assert_int_equal(nic_queue_info(nic, vp, 0, &info), 0);
		nic_engine_poll_events(engine);
		if (info.broken && broken_events)
			break;
		nanosleep(&ms, NULL);
	}
	assert_true(info.broken);
	assert_non_null(strstr(info.broken_reason, words));
	assert_int_equal(broken_events, 1);
	assert_string_equal(broken_reason, info.broken_reason);
}
