/* SPDX-License-Identifier: BSD-3-Clause */
/* Members as the schema has them (member.h). No state. */
#include "vmqd/member.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 16

bool member_bool(struct params *p, const struct schema_member *m, bool *out)
{
	return params_bool(p, m->key, out);
}

bool member_uint(struct params *p, const struct schema_member *m, uint32_t *out)
{
	return params_uint(p, m->key, m->required, (uint32_t)m->min, (uint32_t)m->max, out);
}

bool member_u64(struct params *p, const struct schema_member *m, uint64_t *out)
{
	return params_u64(p, m->key, m->max, out);
}

bool member_word(struct params *p, const struct schema_member *m, unsigned *out)
{
	const char *names[WORDS_MAX + 1] = { NULL };
	char words[128], *rest = words;

	(void)snprintf(words, sizeof words, "%s", m->words);
	for (unsigned i = 0; i < WORDS_MAX && rest; i++)
		names[i] = strsep(&rest, "|");
	return params_choice(p, m->key, names, out);
}

json_t *member_word_json(const struct schema_member *m, unsigned index)
{
	const char *w = m->words;

	for (; index && w; index--) {
		w = strchr(w, '|');
		w = w ? w + 1 : NULL;
	}
	return w ? json_stringn(w, strcspn(w, "|")) : NULL;
}

bool member_text(struct params *p, const struct schema_member *m, const char **out)
{
	const char *s;

	if (!params_str(p, m->key, m->required, &s))
		return false;
	if (strlen(s) > m->max)
		return params_fault(p, m->key, "is longer than %llu bytes", (unsigned long long)m->max) == 0;
	*out = s;
	return true;
}

bool member_name(struct params *p, const struct schema_member *m, char out[STACK_NAME_SIZE])
{
	return params_name(p, m->key, m->required, out);
}

bool member_path(struct params *p, const struct schema_member *m, char *out)
{
	return params_path(p, m->key, m->required, out, m->max + 1);
}

bool member_mode(struct params *p, const struct schema_member *m, unsigned *out)
{
	return params_mode(p, m->key, out);
}

bool member_mac(struct params *p, const struct schema_member *m, uint8_t out[6])
{
	return params_mac(p, m->key, m->required, out);
}

bool member_vlan(struct params *p, const struct schema_member *m, struct stack_vlan *out)
{
	return params_vlan(p, m->key, out);
}

const json_t *member_list(struct params *p, const struct schema_member *m, const char *of)
{
	const json_t *list = params_any(p, m->key, m->required);

	if (!list)
		return NULL;
	if (!json_is_array(list))
		(void)params_fault(p, m->key, "is not a list of %s", of);
	else if (json_array_size(list) > m->max)
		(void)params_fault(p, m->key, "has %zu %s; at most %llu are possible", json_array_size(list), of,
				   (unsigned long long)m->max);
	return params_ok(p) ? list : NULL;
}
