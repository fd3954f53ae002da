/*
 * bag - structs of one kind that replies bring, collected for a list
 *
 * Role:       an array that grows, and the pointers to its entries that a public list has.
 * Uses:       libc
 * Invariants: G1  the entries of a list lie in one array, which begins with the first one; it is there also where the list is empty.
 */
#ifndef PACLIENT_LIB_BAG_H
#define PACLIENT_LIB_BAG_H

#include <stdbool.h>
#include <stddef.h>

#include "client/lib/handle.h"

struct bag {
	size_t item_bytes; /* of one; the caller sets it and leaves the rest 0 */
	unsigned char *items;
	size_t n;
	size_t room;
};

/** bag_room() - room for @more, which bag_add() then finds. Return: false without memory. */
MUST_CHECK bool bag_room(struct bag *b, size_t more);

/** bag_add() - the next entry, not cleared; there is room. */
void *bag_add(struct bag *b);

/** bag_at() - entry @i. */
static inline void *bag_at(const struct bag *b, size_t i)
{
	return b->items + i * b->item_bytes;
}

/**
 * bag_list() - memory for a public list of @nbytes, and behind it the pointers to all entries
 *
 * There is at least one pointer: to the array that bag_room() took, which the list owns from then on.
 * Return: NULL without memory; the bag is still the caller's then.
 */
void *bag_list(const struct bag *b, size_t nbytes);

/** bag_free() - with its entries; empty afterwards. */
void bag_free(struct bag *b);

#endif
