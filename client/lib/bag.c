/*
 * bag - an array that grows
 *
 * Role:       see bag.h.
 * Uses:       libc
 * Cost:       O(1) an entry on average: the room doubles.
 */
#include "client/lib/bag.h"

#include <stdlib.h>

bool bag_room(struct bag *b, size_t more)
{
	size_t room = 2 * b->room;
	unsigned char *bigger;

	if (b->items && more <= b->room - b->n)
		return true;
	if (room < b->n + more)
		room = b->n + more;
	/* One more than needed, so that an empty array is there too. */
	bigger = reallocarray(b->items, room + 1, b->item_bytes);
	if (!bigger)
		return false;
	b->items = bigger;
	b->room = room;
	return true;
}

void *bag_add(struct bag *b)
{
	return bag_at(b, b->n++);
}

void *bag_list(const struct bag *b, size_t nbytes)
{
	unsigned char *list = malloc(nbytes + (b->n + 1) * sizeof(void *));
	void **pointers;

	if (!list)
		return NULL;
	pointers = (void **)(void *)(list + nbytes);
	pointers[0] = b->items;
	for (size_t i = 1; i < b->n; i++)
		pointers[i] = bag_at(b, i);
	return list;
}

void bag_free(struct bag *b)
{
	free(b->items);
	b->items = NULL;
	b->n = b->room = 0;
}
