/*
 * list - a doubly linked ring through its members
 *
 * Role:       membership without memory of its own: a member can always be added and always be removed.
 * Uses:       base/macros.h
 * Invariants: L1  a link that is in no list points to itself.
 * Cost:       everything is O(1) but list_for_each().
 */
#ifndef PALLOCD_BASE_LIST_H
#define PALLOCD_BASE_LIST_H

#include <stdbool.h>

#include "base/macros.h"

struct list {
	struct list *prev;
	struct list *next;
};

/** list_init() - an empty list, or a link that is in no list. */
static inline void list_init(struct list *l)
{
	l->prev = l;
	l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/** list_push() - put @link, which is in no list, at the front. */
static inline void list_push(struct list *l, struct list *link)
{
	link->prev = l;
	link->next = l->next;
	l->next->prev = link;
	l->next = link;
}

/** list_append() - put @link, which is in no list, at the end. */
static inline void list_append(struct list *l, struct list *link)
{
	list_push(l->prev, link);
}

/** list_remove() - take @link out of its list; nothing happens where it is in none. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#define list_entry(link, type, member) CONTAINER_OF(link, type, member)

/** list_for_each() - @link over the links of @l; the body may remove @link, as the next one is read before. */
#define list_for_each(link, l)                                                      \
	for (struct list *link = (l)->next, *link##_next = link->next; link != (l); \
	     link = link##_next, link##_next = link->next)

#endif
