/*
 * arena - memory for one message that protobuf-c unpacks
 *
 * Role:       a ProtobufCAllocator that hands out pieces of one block and takes all back at once.
 * Uses:       protobuf-c
 * Limits:     what does not fit comes from the heap: only a reply with thousands of entries does that.
 */
#ifndef PACLIENT_LIB_ARENA_H
#define PACLIENT_LIB_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

/* A map of 4096 cells, the largest reply that is usual, has two arrays of 32 KiB. */
#define ARENA_BYTES ((size_t)72 << 10)

struct arena {
	ProtobufCAllocator allocator; /* valid after arena_reset() */
	bool failed;                  /* the heap had nothing left since arena_reset() */
	size_t used;
	_Alignas(16) unsigned char bytes[ARENA_BYTES];
};

/** arena_reset() - begin anew; what was unpacked before must have been freed. */
void arena_reset(struct arena *a);

#endif
