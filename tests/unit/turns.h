/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests share that take the workers' turns by hand (engine_stub.h): VMs that come and go. */
#ifndef VMQ_TESTS_TURNS_H
#define VMQ_TESTS_TURNS_H

#include "vm.h"

/* A VM on a VPort of this number, on that worker, with rings of `size` and the filter 52:54:00:00:00:number, without moderation. */
void turns_attach(struct nic *nic, uint32_t id, uint16_t cpu, struct vm *vm, uint16_t size, uint64_t features);
void turns_detach(struct nic *nic, uint32_t id, struct vm *vm);

#endif
