/*
 * heap - a binary heap through its members: which key is the lowest?
 *
 * Role:       deadlines. A member can always be added, moved and removed, where room was reserved for it before.
 * Uses:       base/macros.h
 * Invariants: H1  no node's key is below its parent's.
 *             H2  a node in a heap knows its slot; one that is in none has at 0.
 * Cost:       O(log n); the first is O(1).
 */
#ifndef PALLOCD_BASE_HEAP_H
#define PALLOCD_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct heap_node {
	uint64_t key;
	uint32_t at; /* slot + 1; 0: in no heap */
};

/* A zeroed one is empty. */
struct heap {
	struct heap_node **v;
	uint32_t n;
	uint32_t size; /* nodes that there is room for */
};

/** heap_deinit() - give the memory back; the nodes are their owners'. */
void heap_deinit(struct heap *h);

/** heap_reserve() - room for @n nodes in all. Return: 0, -ENOMEM (as before). */
MUST_CHECK int heap_reserve(struct heap *h, uint32_t n);

/** heap_put() - @node, which is in @h already or in none, has @key from now on; there must be room. */
void heap_put(struct heap *h, struct heap_node *node, uint64_t key);

/** heap_remove() - take @node out of @h; nothing happens where it is in none. */
void heap_remove(struct heap *h, struct heap_node *node);

/** heap_first() - the node with the lowest key; NULL: there is none. */
static inline struct heap_node *heap_first(const struct heap *h)
{
	return h->n ? h->v[0] : NULL;
}

/** heap_check() - recount H1 and H2; @buf receives what is wrong. O(n). */
MUST_CHECK bool heap_check(const struct heap *h, char *buf, size_t size);

#endif
