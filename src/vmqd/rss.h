/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a VPort spreads over its queue pairs what it receives, as people write it: the members rss, rss_cpus, rss_hash and
 * rss_key. Pure; control thread.
 */
#ifndef VMQ_VMQD_RSS_H
#define VMQ_VMQD_RSS_H

#include "stack/stack.h"
#include "vmqd/params.h"

/* X(name, bit of the contract) */
#define RSS_HASHES(X)                                                                                                  \
	X("ipv4", NDIS_HASH_IPV4)                                                                                      \
	X("tcp4", NDIS_HASH_TCP_IPV4)                                                                                  \
	X("udp4", NDIS_HASH_UDP_IPV4)                                                                                  \
	X("ipv6", NDIS_HASH_IPV6)                                                                                      \
	X("tcp6", NDIS_HASH_TCP_IPV6)                                                                                  \
	X("udp6", NDIS_HASH_UDP_IPV6)

/* Takes all of them; what is given replaces what `r` has. True: something was given. */
bool rss_read(struct params *p, struct stack_rss *r);
/* Adds them to a description. `cpus`: also rss_cpus, which belongs to this host. */
void rss_describe(const struct stack_rss *r, bool cpus, json_t *out);

#endif
