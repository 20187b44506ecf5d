/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture or trace from its start to its end, as vmqctl sees it: the request, the shared memory (<vmq/tap.h>), the
 * records in the order of their time as far as they have come, the words for their numbers, the losses. One thread.
 */
#ifndef VMQ_VMQCTL_TAP_SESSION_H
#define VMQ_VMQCTL_TAP_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <vmq/tap.h>

#include "vmqctl/cmd.h"

struct tap_session {
	struct vmq_client *client;
	json_t *words; /* the answer to the start: adapter, vports, drops */
	uint8_t *memory;
	size_t memory_size;
	struct vmq_tap_header header; /* as it was checked: vmqd may write there still */
	uint64_t lost; /* records */
	bool gone;     /* vmqd closed the connection: nothing more will come */
};

/* Starts it. An exit code, CMD_DONE or with the sentence said; then nothing is to be ended. */
int tap_start(struct tap_session *s, const struct cmd_options *opt, const char *method, const char *params);
/* The same without a word when vmqd refuses. */
int tap_try(struct tap_session *s, const struct cmd_options *opt, const char *method, const char *params);
/* Calls `each` for every record that is there, until it returns false or there is none; `data` has r->captured bytes.
 * Both are valid during the call only. */
void tap_drain(struct tap_session *s, bool (*each)(void *arg, const struct vmq_tap_record *r, const uint8_t *data),
	       void *arg);
/* A short while, less when interrupted or vmqd is gone. */
void tap_wait(struct tap_session *s);
/* No more is recorded after it; what is there can still be drained. */
void tap_stop(struct tap_session *s);
/* Frees all. */
void tap_end(struct tap_session *s);

/* A VPort's name, "wire", or "VPort 7" for one that came later. Valid until the next call but one. */
const char *tap_vport(const struct tap_session *s, uint32_t id);
/* The name and the sentence of record.drop; "" when it is none. */
const char *tap_drop(const struct tap_session *s, unsigned drop);
const char *tap_drop_reason(const struct tap_session *s, unsigned drop);
/* "52:54:00:00:00:01 > 52:54:00:00:00:02, VLAN 100, type 0x0800, 98 bytes" of a frame whose first `n` bytes are there.
 */
void tap_describe(char *out, size_t size, const struct vmq_tap_record *r, const uint8_t *data);

#endif
