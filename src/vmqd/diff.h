/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two configurations compared, as describe_config has them: each difference with its place, both values, and what it takes to
 * get from the one to the other. The schema says what is compared how. Pure but for memory; any thread.
 */
#ifndef VMQ_VMQD_DIFF_H
#define VMQ_VMQD_DIFF_H

#include <jansson.h>

/*
 * A list of {"path", "change", "from"?, "to"?, "adapter"?, "vport"?, "member"?}: `path` has objects of lists by their names
 * ("adapters[ext0].vports[web1].cpu"); `change` is "live", "renew" (the VPort is made anew) or "restart"; without `from` it
 * is only in `wanted`, without `to` only in `running`. Empty: they are the same. The order of lists is no difference.
 */
json_t *diff_configs(const json_t *running, const json_t *wanted);

#endif
