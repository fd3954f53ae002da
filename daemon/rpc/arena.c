/*
 * arena - memory for one request, given back all at once
 *
 * Role:       see arena.h.
 * Uses:       base/mem.h
 */
#include "rpc/arena.h"

#include <errno.h>

#include "base/mem.h"

#define ALIGNMENT 16u

static void *allocator_take(void *ctx, size_t size)
{
	return arena_take(ctx, size);
}

static void allocator_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

int arena_init(struct arena *a)
{
	uint8_t *data = mem_alloc(ARENA_BYTES);

	if (!data)
		return -ENOMEM;
	*a = (struct arena){
		.allocator = {.alloc = allocator_take, .free = allocator_free, .allocator_data = a},
		.data = data,
	};
	return 0;
}

void arena_deinit(struct arena *a)
{
	mem_free(a->data);
	*a = (struct arena){0};
}

void *arena_take(struct arena *a, size_t size)
{
	void *p = a->data + a->used;

	if (UNLIKELY(size > ARENA_BYTES - ALIGNMENT - a->used))
		return NULL;
	a->used += (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	return p;
}
