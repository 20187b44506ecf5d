/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members as the schema has them (schema/schema.h), read strictly (params.h): name, type, range, words and whether it must
 * be there are the row's. Each returns true when the member is there and right, and only then writes *out. Control thread.
 */
#ifndef VMQ_VMQD_MEMBER_H
#define VMQ_VMQD_MEMBER_H

#include "schema/schema.h"
#include "vmqd/params.h"

bool member_bool(struct params *p, const struct schema_member *m, bool *out);
bool member_uint(struct params *p, const struct schema_member *m, uint32_t *out);
bool member_u64(struct params *p, const struct schema_member *m, uint64_t *out); /* min is 0 */
/* The word's place among the row's. */
bool member_word(struct params *p, const struct schema_member *m, unsigned *out);
/* The word at this place of the row's, as a new string. */
json_t *member_word_json(const struct schema_member *m, unsigned index);
bool member_text(struct params *p, const struct schema_member *m, const char **out);
bool member_name(struct params *p, const struct schema_member *m, char out[STACK_NAME_SIZE]);
/* `out` has room for the row's longest path and its NUL. */
bool member_path(struct params *p, const struct schema_member *m, char *out);
bool member_mode(struct params *p, const struct schema_member *m, unsigned *out);
bool member_mac(struct params *p, const struct schema_member *m, uint8_t out[6]);
bool member_vlan(struct params *p, const struct schema_member *m, struct stack_vlan *out);
/* A list of as many as the row allows; NULL: it is not there, or a fault. */
const json_t *member_list(struct params *p, const struct schema_member *m, const char *of);

#endif
