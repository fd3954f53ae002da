/*
 * arena - memory for one message
 *
 * Role:       see arena.h.
 * Uses:       libc
 */
#include "client/lib/arena.h"

#include <stdint.h>
#include <stdlib.h>

static void *arena_alloc(void *data, size_t size)
{
	struct arena *a = data;
	void *p;

	if (size <= ARENA_BYTES - a->used) {
		p = a->bytes + a->used;
		/* Never beyond the end: both are multiples of 16. */
		a->used += (size + 15) & ~(size_t)15;
		return p;
	}
	p = malloc(size);
	a->failed |= !p;
	return p;
}

static void arena_free(void *data, void *p)
{
	struct arena *a = data;
	uintptr_t at = (uintptr_t)p, begin = (uintptr_t)a->bytes;

	if (at < begin || at >= begin + ARENA_BYTES)
		free(p);
}

void arena_reset(struct arena *a)
{
	a->allocator = (ProtobufCAllocator){arena_alloc, arena_free, a};
	a->failed = false;
	a->used = 0;
}
