/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of an adapter's configuration decides its mode and its size: `keywords:`, the standardized ones (spec/60 §1), and
 * `limits:`. Pure but for the parameters they are taken from; control thread, at start-up only.
 */
#ifndef VMQ_VMQD_CONFIG_MODE_H
#define VMQ_VMQD_CONFIG_MODE_H

#include "miniport/softnic/limits.h"
#include "ndis/ndis_adapter.h"
#include "vmqd/params.h"

struct config_mode {
	struct miniport_keywords keywords;
	struct softnic_limits limits;
	bool create_switch; /* where the mode leaves it open, the NIC switch is made at start */
};

/* Takes keywords, limits and create_switch out of an adapter's parameters; all of them checked, also with each other. */
void config_mode_read(struct params *p, struct config_mode *out);

#endif
