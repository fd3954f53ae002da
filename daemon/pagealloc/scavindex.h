/*
 * scavindex - which chunks may hold free pages that were not scavenged yet
 *
 * Role:       a mark per chunk and a search position that walks downwards. A mark may be stale (nothing left in the chunk);
 *             a missing mark hides pages from the scavenger.
 * Uses:       base/
 * Invariants: I1  no marked chunk lies above the search position's chunk.
 * Cost:       mark is O(chunks), find is O(chunks / 64) between two marks.
 *
 * Source: reference, scavengeIndex. The "fresh" flag is the reference's "marked" sign: the position was raised by a mark and not
 * visited since.
 */
#ifndef PALLOCD_PAGEALLOC_SCAVINDEX_H
#define PALLOCD_PAGEALLOC_SCAVINDEX_H

#include <stdbool.h>
#include <stdint.h>

#define SCAVINDEX_NONE UINT64_MAX

/* A bit for each of 64 chunks. Both are asked for in every free, and so lie side by side. */
struct chunk_marks {
	uint64_t scavenge; /* there may be something to scavenge */
	uint64_t grown;    /* the allocator's: it lies in a grown range */
};

struct scavindex {
	struct chunk_marks *marks; /* owned by the allocator's reservation */
	uint64_t min_chunk;        /* lowest chunk ever grown, UINT64_MAX before */
	uint64_t search;           /* page, SCAVINDEX_NONE if nothing is marked */
	bool fresh;
};

/** scavindex_mark() - the pages [@first, @limit) were freed. */
void scavindex_mark(struct scavindex *x, uint64_t first, uint64_t limit);

/** scavindex_unmark() - nothing is left in @chunk. */
void scavindex_unmark(struct scavindex *x, uint64_t chunk);

/** scavindex_find() - the highest marked chunk, UINT64_MAX if none; the position moves there. @ret_page: page within the chunk. */
uint64_t scavindex_find(struct scavindex *x, unsigned *ret_page);

/** scavindex_marked() - is @chunk marked? */
static inline bool scavindex_marked(const struct scavindex *x, uint64_t chunk)
{
	return x->marks[chunk / 64].scavenge >> (chunk % 64) & 1;
}

#endif
