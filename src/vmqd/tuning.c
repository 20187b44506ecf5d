/* SPDX-License-Identifier: BSD-3-Clause */
/* A VPort's rate limits and moderation numbers by name (tuning.h). */
#include "vmqd/tuning.h"

#include <stdlib.h>

void tuning_default(struct stack_tuning *t)
{
#define X(key, member) t->member = (__typeof__(t->member))strtoull(SCHEMA(VPORT, key)->fallback, NULL, 10);
	TUNING_KEYS(X)
#undef X
}

/* The frames go with the time. */
static void check_moderation(struct params *p, struct stack_tuning *t)
{
	if (!t->moderation_us && !params_has(p, SCHEMA(VPORT, moderation_frames)->key))
		t->moderation_frames = 0;
	if (t->moderation_frames && !t->moderation_us)
		(void)params_fault(p, "moderation_frames", "needs moderation_us beside it, or few frames would wait for ever");
}

bool tuning_read(struct params *p, struct stack_tuning *t)
{
	uint64_t n = 0;
	bool any = false;

#define X(key, member)                                                \
	if (member_u64(p, SCHEMA(VPORT, key), &n)) {                  \
		t->member = (__typeof__(t->member))n;                 \
		any = true;                                           \
	}
	TUNING_KEYS(X)
#undef X
	check_moderation(p, t);
	return any;
}

void tuning_read_host(struct params *p, struct stack_tuning *t)
{
	*t = (struct stack_tuning){ 0 };
	(void)member_uint(p, SCHEMA(HOST, moderation_us), &t->moderation_us);
	(void)member_uint(p, SCHEMA(HOST, moderation_frames), &t->moderation_frames);
	check_moderation(p, t);
}

void tuning_describe(const struct stack_tuning *t, json_t *out)
{
#define X(key, member) (void)json_object_set_new(out, #key, json_integer((json_int_t)t->member));
	TUNING_KEYS(X)
#undef X
}
