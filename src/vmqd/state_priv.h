/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The records of what was asked at run time, as state.c (while it runs) and state_restore.c (at the start) share them.
 * Owned by the adapter; control thread.
 */
#ifndef VMQ_VMQD_STATE_PRIV_H
#define VMQ_VMQD_STATE_PRIV_H

#include <jansson.h>

#include "vmqd/daemon.h"
#include "vmqd/state.h"

/* A VPort as the store has it. */
struct kept {
	uint32_t id;
	char declared[STACK_NAME_SIZE]; /* in the file; empty: added at run time */
	bool changed;
	bool running; /* it is, or was when it was last looked at, on the adapter; else it could not be made again */
	json_t *doc;  /* NULL: made in this request */
};

struct state {
	struct kept *kept;
	size_t nkept, room;
	json_t *gone;   /* declared names deleted at run time, an object used as a set */
	uint32_t *dirty; /* ids that changed since the last commit */
	size_t ndirty, dirty_room;
	bool restoring;
	uint32_t top_filter; /* filter ids above it were never given out */
};

/* What becomes of one VPort's record. */
struct update {
	uint32_t id;
	json_t *doc; /* as it is now; NULL: it is gone */
	bool changed;
	char declared[STACK_NAME_SIZE];
};

struct kept *kept_find(const struct state *s, uint32_t id);
struct kept *kept_find_declared(const struct state *s, const char *name);
/* NULL: out of memory. It is valid until the next is added or dropped. */
struct kept *kept_add(struct state *s, uint32_t id);
void kept_drop(struct state *s, struct kept *k);

/* What the configuration declares under the name, or NULL. */
const struct wish_vport *state_declaration(const struct adapter *a, const char *name);
/* Into the store, as part of a transaction. */
int state_write(struct daemon *d, const struct adapter *a, const struct update *u, struct vmq_err *err);

#endif
