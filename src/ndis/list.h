/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intrusive doubly linked lists for the keeper's objects: an object is on a list by a member of type struct ndis_link.
 * Control thread only. Nothing here allocates, so nothing fails.
 */
#ifndef VMQ_NDIS_LIST_H
#define VMQ_NDIS_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ndis_link {
	struct ndis_link *next, *prev;
};

#define ndis_container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ndis_list_each(pos, head) for (struct ndis_link *pos = (head)->next; pos != (head); pos = pos->next)

/* The same when the body may take `pos` off the list. */
#define ndis_list_each_safe(pos, head)                                                                        \
	for (struct ndis_link *pos = (head)->next, *pos##_next = pos->next; pos != (head);                    \
	     pos = pos##_next, pos##_next = pos->next)

static inline void ndis_list_init(struct ndis_link *head)
{
	head->next = head->prev = head;
}

static inline bool ndis_list_empty(const struct ndis_link *head)
{
	return head->next == head;
}

static inline void ndis_list_append(struct ndis_link *head, struct ndis_link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void ndis_list_remove(struct ndis_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = l;
}

#endif
