/*
 * arena - memory for one request, given back all at once
 *
 * Role:       protobuf-c takes what it unpacks into from here, handlers what they answer with; nothing of it reaches the
 *             process heap, and the next request begins from nothing.
 * Uses:       base/, protobuf-c
 * Cost:       taking is an addition. ARENA_BYTES of address space, as much memory as the hungriest request touched.
 */
#ifndef PALLOCD_RPC_ARENA_H
#define PALLOCD_RPC_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/*
 * The hungriest frame of 64 KiB is one of 32768 two-byte fields that are not known or repeat a message: protobuf-c takes up to
 * 64 bytes for having seen each and some 100 for what it unpacks into. 16 MiB is twice that.
 */
#define ARENA_BYTES (UINT64_C(16) << 20)

struct arena {
	ProtobufCAllocator allocator; /* for protobuf-c; frees nothing */
	uint8_t *data;
	size_t used;
};

/** arena_init() - Return: 0, -ENOMEM. Given back with arena_deinit(). The arena must not move. */
MUST_CHECK int arena_init(struct arena *a);
void arena_deinit(struct arena *a);

/** arena_take() - @size bytes, aligned for anything, not cleared, until the next reset; NULL where there are not so many. */
MUST_CHECK void *arena_take(struct arena *a, size_t size);

static inline void arena_reset(struct arena *a)
{
	a->used = 0;
}

#endif
