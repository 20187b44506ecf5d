/* SPDX-License-Identifier: BSD-3-Clause */
#include "turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void turns_attach(struct nic *nic, uint32_t id, uint16_t cpu, struct vm *vm, uint16_t size, uint64_t features)
{
	struct nic_vport_config cfg = { .id = id, .cpu = cpu, .queue_pairs = 1, .moderation = NIC_MODERATION_OFF, .active = true };
	struct nic_filter f = { .id = id, .vport = id, .mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)id }, .test = NIC_VLAN_UNTAGGED_OR_ZERO };
	struct nic_queue_config c;
	struct vmq_err err = { "" };

	vm_init(vm, 1, size, features);
	c = vm_queue_config(vm);
	assert_int_equal(nic_vport_create(nic, &cfg, &err), 0);
	assert_int_equal(nic_filter_set(nic, &f), 0);
	assert_int_equal(nic_queue_start(nic, id, 0, &c, &err), 0);
}

void turns_detach(struct nic *nic, uint32_t id, struct vm *vm)
{
	uint16_t rx, tx;

	assert_int_equal(nic_queue_stop(nic, id, 0, &rx, &tx), 0);
	assert_int_equal(nic_filter_clear(nic, id), 0);
	assert_int_equal(nic_vport_delete(nic, id), 0);
	vm_fini(vm);
}
