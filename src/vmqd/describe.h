/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A configuration as the document it was read from, or could have been: with every member that has a value, so that two of
 * them can be compared member by member (diff.h); and shortened, so that people can read it. Reading either again gives
 * the same configuration. Pure but for memory; control thread.
 */
#ifndef VMQ_VMQD_DESCRIBE_H
#define VMQ_VMQD_DESCRIBE_H

#include <jansson.h>

#include "vmqd/config.h"

/* New objects; NULL: out of memory. */
json_t *describe_config(const struct config *c);
json_t *describe_vport(const struct wish_vport *w);
json_t *describe_host(const struct config_port *port, const struct wish_vport *w);
json_t *describe_worker(unsigned cpu, unsigned policy, unsigned light_sleep);

/* Takes out of describe_config's answer what goes without saying in that configuration, and makes a VPort's first filter its
 * `mac`. `c` says which file, run_dir and CPUs the defaults follow from. */
void describe_shorten(const struct config *c, json_t *root);

#endif
