/* SPDX-License-Identifier: BSD-3-Clause */
/* VPorts by name and by socket: hash tables, because every request of the control socket names one. Control thread. */
#include <string.h>

#include "stack/stack_priv.h"

static unsigned bucket(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return (h ^ h >> 16) % STACK_BUCKETS;
}

void stack_index_add(struct stack_vport *v)
{
	struct stack *s = v->adapter->stack;

	LIST_INSERT_HEAD(&s->by_name[bucket(v->name)], v, by_name);
	LIST_INSERT_HEAD(&s->by_socket[bucket(v->socket)], v, by_socket);
}

void stack_index_remove(struct stack_vport *v)
{
	LIST_REMOVE(v, by_name);
	LIST_REMOVE(v, by_socket);
}

struct stack_vport *stack_by_name(const struct stack *s, const struct stack_adapter *only, const char *name)
{
	struct stack_vport *v;

	LIST_FOREACH (v, &s->by_name[bucket(name)], by_name) {
		if ((!only || v->adapter == only) && strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

const struct stack_vport *stack_by_socket(const struct stack *s, const char *path)
{
	const struct stack_vport *v;

	LIST_FOREACH (v, &s->by_socket[bucket(path)], by_socket) {
		if (strcmp(v->socket, path) == 0)
			return v;
	}
	return NULL;
}

struct stack_vport *stack_vport_find(const struct stack *s, const struct stack_adapter *a, const char *name,
				     struct stack_error *e)
{
	struct stack_adapter *first = TAILQ_FIRST(&s->adapters);
	struct stack_vport *v;

	if (!a && strcmp(name, STACK_DEFAULT_NAME) == 0 && first && TAILQ_NEXT(first, link)) {
		(void)stack_fail(e, STACK_PARAM, "adapter", "is missing: each adapter has a default VPort");
		return NULL;
	}
	v = stack_by_name(s, a, name);
	if (!v && a)
		(void)stack_fail(e, STACK_NOT_FOUND, "name", "there is no VPort %.64s on adapter %s", name, a->name);
	else if (!v)
		(void)stack_fail(e, STACK_NOT_FOUND, "name", "there is no VPort %.64s", name);
	return v;
}
