/*
 * geometry - how pages, chunks and summary levels divide the address space
 *
 * Role:       the numbers of the radix tree and the conversions between page, chunk and entry. Level 0 holds one summary per
 *             chunk, an entry of level k covers FANOUT entries of level k - 1; there are as many levels as it takes for the top
 *             one to be a single block.
 * Uses:       base/bits.h
 *
 * The two logarithms may be set by the compiler: the tests build the allocator once more with a toy geometry, small enough
 * to visit every state.
 */
#ifndef PALLOCD_PAGEALLOC_GEOMETRY_H
#define PALLOCD_PAGEALLOC_GEOMETRY_H

#include <stdint.h>

#include "base/bits.h"

#ifndef PAGEALLOC_CHUNK_LOG
#define PAGEALLOC_CHUNK_LOG 9 /* the reference's: 512 pages, one cache line of bits */
#endif
#ifndef PAGEALLOC_FANOUT_LOG
#define PAGEALLOC_FANOUT_LOG 3 /* the reference's: a block of summaries is one cache line */
#endif

#define CHUNK_NPAGES (1u << PAGEALLOC_CHUNK_LOG)
#define CHUNK_NWORDS (CHUNK_NPAGES < 64 ? 1u : CHUNK_NPAGES / 64)

/* Pages that the bits of one word stand for; less than 64 only in a toy geometry, whose other bits stay 0 (not free). */
#define WORD_NPAGES (CHUNK_NPAGES < 64 ? CHUNK_NPAGES : 64u)
#define WORD_FREE (~UINT64_C(0) >> (64 - WORD_NPAGES))

#define FANOUT (1u << PAGEALLOC_FANOUT_LOG)

/*
 * Pages that the largest packed summary describes: fields of 21 bits. The levels above, which large regions need and which have
 * few entries, hold their summaries unpacked ("wide").
 */
#define SUMMARY_NPAGES_LOG 21
#ifndef PAGEALLOC_PACKED_LEVELS
#define PAGEALLOC_PACKED_LEVELS \
	((SUMMARY_NPAGES_LOG - PAGEALLOC_CHUNK_LOG) / PAGEALLOC_FANOUT_LOG + 1)
#endif
#define LEVELS_MAX 16

static inline uint64_t chunk_of(uint64_t page)
{
	return page >> PAGEALLOC_CHUNK_LOG;
}

static inline unsigned chunk_offset(uint64_t page)
{
	return (unsigned)(page & (CHUNK_NPAGES - 1));
}

static inline uint64_t chunk_page(uint64_t chunk)
{
	return chunk << PAGEALLOC_CHUNK_LOG;
}

/* log2 of the pages that an entry of @level covers. */
static inline unsigned level_log(unsigned level)
{
	return PAGEALLOC_CHUNK_LOG + PAGEALLOC_FANOUT_LOG * level;
}

/* Index at @level of the entry that covers @chunk. */
static inline uint64_t level_index(unsigned level, uint64_t chunk)
{
	return chunk >> (PAGEALLOC_FANOUT_LOG * level);
}

#endif
