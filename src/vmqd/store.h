/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state store: a small SQLite database of documents, one a VPort. Every transaction is on the disk, or undone, when
 * its commit returns, whatever ends the process or the machine. All its files are open from store_open on (the journal
 * is kept, the lock is held), so that nothing has to be opened later, when the sandbox forbids it.
 *
 * It knows nothing of what it keeps. Owned by the daemon's state (state.c); control thread.
 */
#ifndef VMQ_VMQD_STORE_H
#define VMQ_VMQD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Of the tables and documents. A store of a later version is refused and left alone; an earlier one is read. */
#define STORE_VERSION 1

struct store;

struct store_row {
	const char *adapter;
	uint32_t id;
	const char *declared; /* its name in the configuration file, NULL: not from there */
	bool changed;	      /* since it was declared */
	const char *doc;      /* JSON */
};

/* Opens or makes the file; its directory is made if only that is missing. 0 or -1 with the sentence. */
int store_open(const char *path, struct store **out, struct vmq_err *err);
void store_close(struct store *s); /* NULL is allowed */

/* Calls fn for each row of the adapter in ascending ids, or with each name of a deleted declaration. The strings live
 * during the call. 0 or -1 with the sentence. */
int store_each(struct store *s, const char *adapter, void (*fn)(void *ctx, const struct store_row *row), void *ctx,
	       struct vmq_err *err);
int store_each_gone(struct store *s, const char *adapter, void (*fn)(void *ctx, const char *declared), void *ctx,
		    struct vmq_err *err);

/* A transaction: begin, any of the changes, commit. 0, or -1 with the sentence: then call store_rollback, and the file
 * holds what it held before store_begin. */
int store_begin(struct store *s, struct vmq_err *err);
int store_put(struct store *s, const struct store_row *row, struct vmq_err *err);
int store_del(struct store *s, const char *adapter, uint32_t id, struct vmq_err *err);
/* A declared VPort was deleted at run time, or is there again. */
int store_set_gone(struct store *s, const char *adapter, const char *declared, bool gone, struct vmq_err *err);
int store_commit(struct store *s, struct vmq_err *err);
void store_rollback(struct store *s);

#endif
