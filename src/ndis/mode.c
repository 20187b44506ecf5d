/* SPDX-License-Identifier: BSD-3-Clause */
/* The standardized keywords, and the choice of SR-IOV, VMQ, RSS or none they make (spec/60 §1, §2). No state. */
#include "ndis/ndis_adapter.h"

#include <errno.h>
#include <string.h>

void ndis_keywords_default(struct miniport_keywords *kw)
{
#define SET(member, keyword, dflt, lowest, highest) kw->member = (dflt);
	MINIPORT_KEYWORDS(SET)
#undef SET
}

void ndis_keywords_for_switch(struct miniport_keywords *kw)
{
	ndis_keywords_default(kw);
	kw->sriov_preferred = 1;
	kw->rss_or_vmq_preference = 1;
}

int ndis_keyword_set(struct miniport_keywords *kw, const char *name, uint32_t value, struct vmq_err *err)
{
	static const struct {
		const char *keyword;
		size_t offset;
		int64_t lowest, highest;
	} rows[] = {
#define ROW(member, keyword, dflt, lowest, highest)                                                                    \
	{ keyword, offsetof(struct miniport_keywords, member), lowest, highest },
		MINIPORT_KEYWORDS(ROW)
#undef ROW
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(rows[i].keyword, name) != 0)
			continue;
		if (value < rows[i].lowest || value > rows[i].highest)
			return vmq_err(err, -ERANGE, "%u is not allowed; %lld to %lld is right", value,
				       (long long)rows[i].lowest, (long long)rows[i].highest);
		memcpy((char *)kw + rows[i].offset, &value, sizeof value);
		return 0;
	}
	return vmq_err(err, -ENOENT, "there is no keyword %s", name);
}

enum miniport_mode ndis_mode_choose(const struct miniport_keywords *kw, const char **reason)
{
	const char *why;
	enum miniport_mode mode;

	if (kw->sriov_preferred && kw->sriov) {
		mode = MINIPORT_MODE_SRIOV;
		why = kw->vmq ? "*SriovPreferred is 1 and *SRIOV is 1: VPorts on the PF serve as VM queues"
			      : "*SriovPreferred is 1 and *SRIOV is 1 (*VMQ is 0)";
	} else if (kw->sriov_preferred) {
		mode = kw->vmq ? MINIPORT_MODE_VMQ : MINIPORT_MODE_NONE;
		why = kw->vmq ? "*SriovPreferred is 1 but *SRIOV is 0: falls back to *VMQ, which is 1"
			      : "*SriovPreferred is 1 but *SRIOV is 0, and *VMQ is 0";
	} else if (kw->rss_or_vmq_preference) {
		mode = kw->vmq ? MINIPORT_MODE_VMQ : MINIPORT_MODE_NONE;
		why = kw->vmq ? "*SriovPreferred is 0, *RssOrVmqPreference is 1 and *VMQ is 1"
			      : "*SriovPreferred is 0, *RssOrVmqPreference is 1 but *VMQ is 0";
	} else {
		mode = kw->rss ? MINIPORT_MODE_RSS : MINIPORT_MODE_NONE;
		why = kw->rss ? "*SriovPreferred is 0, *RssOrVmqPreference is 0 and *RSS is 1"
			      : "*SriovPreferred is 0, *RssOrVmqPreference is 0 and *RSS is 0";
	}
	if (reason)
		*reason = why;
	return mode;
}

const char *ndis_mode_name(enum miniport_mode mode)
{
	switch (mode) {
	case MINIPORT_MODE_SRIOV:
		return "SR-IOV";
	case MINIPORT_MODE_VMQ:
		return "VMQ";
	case MINIPORT_MODE_RSS:
		return "RSS";
	case MINIPORT_MODE_NONE:
		break;
	}
	return "none";
}
