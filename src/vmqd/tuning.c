/* SPDX-License-Identifier: BSD-3-Clause */
/* A VPort's rate limits and moderation numbers by name (tuning.h). */
#include "vmqd/tuning.h"

bool tuning_read(struct params *p, struct stack_tuning *t)
{
	uint64_t n = 0;
	bool any = false;

#define X(key, member, highest)                                       \
	if (params_u64(p, key, highest, &n)) {                        \
		t->member = (__typeof__(t->member))n;                 \
		any = true;                                           \
	}
	TUNING_KEYS(X)
#undef X
	if (!t->moderation_us && !params_has(p, "moderation_frames"))
		t->moderation_frames = 0; /* they go with the time */
	if (t->moderation_frames && !t->moderation_us)
		(void)params_fault(p, "moderation_frames", "needs moderation_us beside it, or few frames would wait for ever");
	return any;
}

void tuning_describe(const struct stack_tuning *t, json_t *out)
{
#define X(key, member, highest) (void)json_object_set_new(out, key, json_integer((json_int_t)t->member));
	TUNING_KEYS(X)
#undef X
}
