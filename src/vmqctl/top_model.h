/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `top` shows: two looks at the daemon's counters and what happened between them, a second. A model owns both looks;
 * the rows point into them and last until the next look. Single-threaded; nothing here knows of a terminal.
 */
#ifndef VMQ_VMQCTL_TOP_MODEL_H
#define VMQ_VMQCTL_TOP_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <vmq/vmq.h>

/* One row a column to sort by: enum, word. Numbers sort the greatest first. */
#define TOP_SORTS(X)       \
	X(RX, "rx")        \
	X(TX, "tx")        \
	X(DROPS, "drops")  \
	X(NAME, "name")

enum top_sort {
#define X(id, word) TOP_SORT_##id,
	TOP_SORTS(X)
#undef X
	TOP_SORT_COUNT
};

extern const char *const top_sort_names[];

struct top_row { /* a VPort */
	const char *name, *adapter;
	json_int_t id, cpu;
	const json_t *now, *before; /* of stats.show; before NULL: it is new */
	double rx_frames, rx_bytes, tx_frames, tx_bytes, drops; /* a second */
	int posted; /* percent of its receive rings that hold buffers, of the worst; -1: no VM, or packed rings, which do not tell */
	bool held;  /* a transmit ring waits for the rate limit */
};

struct top_look {
	json_t *stats, *queues; /* answers of stats.show and queue.show */
	double time;            /* seconds, monotonic */
};

struct top_model {
	struct top_look now, before; /* before.stats NULL: there was one look only */
	struct top_row *rows;
	size_t nrows;
	double seconds; /* between the looks */
};

/* Looks again; 0, or vmq_call's code with the error. params: of stats.show and queue.show. */
int top_look(struct top_model *m, struct vmq_client *client, const char *params, struct vmq_error *err);
void top_sort(struct top_model *m, enum top_sort by);
void top_free(struct top_model *m);

/* What a counter went up by, a second; 0 when there was no look before. `path` may be NULL, or names an object inside. */
double top_rate(const struct top_model *m, const json_t *now, const json_t *before, const char *path, const char *key);
/* The worker `i` of the look before; NULL: there was none. */
const json_t *top_worker_before(const struct top_model *m, size_t i);

#endif
