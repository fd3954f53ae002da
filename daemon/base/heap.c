/*
 * heap - a binary heap through its members
 *
 * Role:       see heap.h.
 * Uses:       base/mem.h
 */
#include "base/heap.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

#define SIZE_MIN 16u

void heap_deinit(struct heap *h)
{
	mem_free(h->v);
	*h = (struct heap){0};
}

int heap_reserve(struct heap *h, uint32_t n)
{
	uint32_t size = h->size ? h->size : SIZE_MIN;
	struct heap_node **v;

	if (n <= h->size)
		return 0;
	while (size < n)
		size = size > UINT32_MAX / 2 ? n : 2 * size;
	v = mem_resize(h->v, size, sizeof(struct heap_node *));
	if (!v)
		return -ENOMEM;
	h->v = v;
	h->size = size;
	return 0;
}

static void slot_set(struct heap *h, uint32_t slot, struct heap_node *node)
{
	h->v[slot] = node;
	node->at = slot + 1;
}

/* The place of @node at or above @slot, which is free: later ones on the way move down. */
static void sift_up(struct heap *h, uint32_t slot, struct heap_node *node)
{
	while (slot > 0 && h->v[(slot - 1) / 2]->key > node->key) {
		slot_set(h, slot, h->v[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	slot_set(h, slot, node);
}

/* The same below @slot: earlier ones on the way move up. */
static void sift_down(struct heap *h, uint32_t slot, struct heap_node *node)
{
	uint64_t child;

	while ((child = 2 * (uint64_t)slot + 1) < h->n) {
		if (child + 1 < h->n && h->v[child + 1]->key < h->v[child]->key)
			child++;
		if (h->v[child]->key >= node->key)
			break;
		slot_set(h, slot, h->v[child]);
		slot = (uint32_t)child;
	}
	slot_set(h, slot, node);
}

/* @node goes where its key says, @slot being free. */
static void place(struct heap *h, uint32_t slot, struct heap_node *node)
{
	if (slot > 0 && h->v[(slot - 1) / 2]->key > node->key)
		sift_up(h, slot, node);
	else
		sift_down(h, slot, node);
}

void heap_put(struct heap *h, struct heap_node *node, uint64_t key)
{
	uint32_t slot;

	node->key = key;
	if (node->at) {
		slot = node->at - 1;
	} else {
		assert(h->n < h->size);
		slot = h->n++;
	}
	place(h, slot, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	uint32_t slot = node->at;
	struct heap_node *last;

	if (slot == 0)
		return;
	node->at = 0;
	last = h->v[--h->n];
	if (last != node)
		place(h, slot - 1, last);
}

bool heap_check(const struct heap *h, char *buf, size_t size)
{
	for (uint32_t slot = 0; slot < h->n; slot++) {
		const struct heap_node *node = h->v[slot];

		if (node->at != slot + 1) {
			snprintf(buf, size,
				 "H2: the node in slot %" PRIu32 " says that it is in %" PRIu32,
				 slot, node->at - 1);
			return false;
		}
		if (slot && h->v[(slot - 1) / 2]->key > node->key) {
			snprintf(buf, size,
				 "H1: key %" PRIu64 " in slot %" PRIu32 " is below its parent's",
				 node->key, slot);
			return false;
		}
	}
	return true;
}
