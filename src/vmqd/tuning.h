/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort's rate limits and moderation numbers by name: one row a number yields the parameter of vport.add and
 * vport.set, the key of the configuration file, and the member of vport.show and of migration documents. Pure; control
 * thread.
 */
#ifndef VMQ_VMQD_TUNING_H
#define VMQ_VMQD_TUNING_H

#include "stack/stack.h"
#include "vmqd/member.h"

/* X(key, member of struct stack_tuning): the rows SCHEMA_ROWS_TUNING of the schema, which have ranges and defaults */
#define TUNING_KEYS(X)                                                                                                 \
	X(max_tx_bytes_per_s, tx_bytes.per_s)                                                                          \
	X(tx_burst_bytes, tx_bytes.burst)                                                                              \
	X(max_tx_frames_per_s, tx_frames.per_s)                                                                        \
	X(tx_burst_frames, tx_frames.burst)                                                                            \
	X(max_rx_bytes_per_s, rx_bytes.per_s)                                                                          \
	X(rx_burst_bytes, rx_bytes.burst)                                                                              \
	X(max_rx_frames_per_s, rx_frames.per_s)                                                                        \
	X(rx_burst_frames, rx_frames.burst)                                                                            \
	X(max_group_frames_per_s, group_frames.per_s)                                                                  \
	X(group_burst_frames, group_frames.burst)                                                                      \
	X(moderation_us, moderation_us)                                                                                \
	X(moderation_frames, moderation_frames)

/* What a VPort has unless somebody says. */
void tuning_default(struct stack_tuning *t);
/* Takes all of them; what is given replaces what `t` has. True: something was given. */
bool tuning_read(struct params *p, struct stack_tuning *t);
/* Those of the default VPort; the others are nothing. */
void tuning_read_host(struct params *p, struct stack_tuning *t);
/* Adds all of them to a description. */
void tuning_describe(const struct stack_tuning *t, json_t *out);

#endif
