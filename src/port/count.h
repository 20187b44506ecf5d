/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver counts itself. One writer, the worker that owns the port; the control thread reads at any time. A
 * counter is a word of its own meaning, so relaxed loads and stores are enough, and no locked instruction is needed.
 */
#ifndef VMQ_PORT_COUNT_H
#define VMQ_PORT_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/port.h"

struct port_counts {
	_Atomic uint64_t rx_runt, rx_too_long, tx_error, tx_dropped; /* as in struct port_counters */
};

/* Adds n. The worker only. */
static inline void port_count_n(_Atomic uint64_t *c, unsigned n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void port_count(_Atomic uint64_t *c)
{
	port_count_n(c, 1);
}

/* Fills *out from `c`; rx_no_buffer, which the kernel counts, is 0. Any thread. */
static inline void port_counts_read(const struct port_counts *c, struct port_counters *out)
{
	*out = (struct port_counters){
		.rx_runt = atomic_load_explicit(&c->rx_runt, memory_order_relaxed),
		.rx_too_long = atomic_load_explicit(&c->rx_too_long, memory_order_relaxed),
		.tx_error = atomic_load_explicit(&c->tx_error, memory_order_relaxed),
		.tx_dropped = atomic_load_explicit(&c->tx_dropped, memory_order_relaxed),
	};
}

#endif
