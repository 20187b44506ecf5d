/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort's rate limits and moderation numbers by name: one row a number yields the parameter of vport.add and
 * vport.set, the key of the configuration file, and the member of vport.show and of migration documents. Pure; control
 * thread.
 */
#ifndef VMQ_VMQD_TUNING_H
#define VMQ_VMQD_TUNING_H

#include "stack/stack.h"
#include "vmqd/params.h"

#define TUNING_MAX_RATE 1000000000000ull /* nic/limit.h's LIMIT_MAX_PER_S; the adapter may refuse less */
#define TUNING_GROUP_FRAMES 10000u       /* broadcast and multicast frames a second that a VM may send unless somebody says */

/* X(key, member of struct stack_tuning, highest) */
#define TUNING_KEYS(X)                                                                                                 \
	X("max_tx_bytes_per_s", tx_bytes.per_s, TUNING_MAX_RATE)                                                       \
	X("tx_burst_bytes", tx_bytes.burst, TUNING_MAX_RATE)                                                           \
	X("max_tx_frames_per_s", tx_frames.per_s, TUNING_MAX_RATE)                                                     \
	X("tx_burst_frames", tx_frames.burst, TUNING_MAX_RATE)                                                         \
	X("max_rx_bytes_per_s", rx_bytes.per_s, TUNING_MAX_RATE)                                                       \
	X("rx_burst_bytes", rx_bytes.burst, TUNING_MAX_RATE)                                                           \
	X("max_rx_frames_per_s", rx_frames.per_s, TUNING_MAX_RATE)                                                     \
	X("rx_burst_frames", rx_frames.burst, TUNING_MAX_RATE)                                                         \
	X("max_group_frames_per_s", group_frames.per_s, TUNING_MAX_RATE)                                               \
	X("group_burst_frames", group_frames.burst, TUNING_MAX_RATE)                                                   \
	X("moderation_us", moderation_us, 10000)                                                                       \
	X("moderation_frames", moderation_frames, 32768)

/* Takes all of them; what is given replaces what `t` has. True: something was given. */
bool tuning_read(struct params *p, struct stack_tuning *t);
/* Adds all of them to a description. */
void tuning_describe(const struct stack_tuning *t, json_t *out);

#endif
