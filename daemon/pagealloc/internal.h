/*
 * internal - what the files of the allocator share
 *
 * Role:       the state of one allocator and the steps that its parts are made of. Nobody outside this folder but the tests
 *             includes it.
 * Uses:       all headers of this folder
 *
 * Truth: free bits, pending runs, scavenged bits, grown ranges. Cache: everything else; pagealloc_check() recounts it.
 *
 * Invariants (pagealloc_check() names the broken one):
 *   P1  the summary of a chunk is that of its bits.
 *   P2  a summary above is the merge of those below, or is noted as stale.
 *   P3  no page below the search address is free; it is grown, or PAGEALLOC_PAGE_NONE.
 *   P4  nscav of a chunk is the number of its scavenged bits, and a scavenged page is free.
 *   P5  the counts of free and scavenged pages are those of the bits.
 *   P6  ranges are sorted, disjoint, not adjacent, whole chunks; nothing outside them is free.
 *       A chunk's grown bit is set if it lies in a range.
 *   P7  a chunk with something to scavenge is marked in the scavenge index, not above its search position.
 *   P8  where there is an index of free runs, it holds each of them once, and nothing else.
 *   P9  no place is longer than the bounds of its shape say (H1, H2 of shape.h).
 *   P10 the hops of the tree say which entries are single, and where their chains begin and end.
 *   P11 no run that searches for the best fit pass by holds a place (T1 of best.h).
 *   P12 pending runs are in use as the bits say, all of them below and none up to the page below which nothing is free there.
 *
 * Only alloc, free and placement know of pending runs. All else that looks at free pages begins with settle_pending(), after which there are none.
 */
#ifndef PALLOCD_PAGEALLOC_INTERNAL_H
#define PALLOCD_PAGEALLOC_INTERNAL_H

#include "pagealloc/best.h"
#include "pagealloc/chunk.h"
#include "pagealloc/geometry.h"
#include "pagealloc/pagealloc.h"
#include "pagealloc/pending.h"
#include "pagealloc/ranges.h"
#include "pagealloc/runindex.h"
#include "pagealloc/scavindex.h"
#include "pagealloc/shape.h"
#include "pagealloc/tree.h"

struct pagealloc {
	uint64_t search; /* search address, in pages */
	uint64_t
		low; /* no page below it is free as far as the bits know; at least the search address */
	struct pending pending; /* free pages below it, which the bits take for used */
	uint64_t *free_bits;    /* CHUNK_NWORDS words per chunk */
	uint64_t *scav_bits;
	uint16_t *
		nscav; /* scavenged pages per chunk: lets alloc pass by the bits where there are none, as there mostly are */
	uint64_t free_npages;
	uint64_t scav_npages;
	struct tree tree;
	struct scavindex scavindex;
	struct ranges grown;
	uint64_t nchunks; /* of the whole limit */
	bool watched; /* runs or shapes must hear of what becomes free; runs alone of what is taken */
	struct runindex runs;
	struct best *bests;          /* BESTS_MAX of them where there are runs */
	uint64_t nbests;             /* searches that used one */
	struct shape_bounds *shapes; /* SHAPES_MAX of them once a search had a shape; NULL before */
	unsigned nshapes;            /* those from there on were never used */
	uint64_t nsearches;          /* with a shape */
	uint64_t
		budget; /* chunks that searches may still look into in vain; UINT64_MAX: any number */
	struct pagealloc_config config;
};

static inline uint64_t *chunk_free_bits(const struct pagealloc *pa, uint64_t chunk)
{
	return &pa->free_bits[chunk * CHUNK_NWORDS];
}

static inline uint64_t *chunk_scav_bits(const struct pagealloc *pa, uint64_t chunk)
{
	return &pa->scav_bits[chunk * CHUNK_NWORDS];
}

/**
 * watch_take(), watch_give() - pages of a run are about to be taken, to be given back: the indexes follow
 *
 * For who changes free bits by other ways than take_pages() and give_pages().
 */
void watch_take(struct pagealloc *pa, uint64_t page, uint64_t npages);
void watch_give(struct pagealloc *pa, uint64_t page, uint64_t npages);

/** shapes_forget() - all that was learned about shapes, and by searches for the best fit. */
void shapes_forget(struct pagealloc *pa);

/** take_pages() - mark free pages [@page, @page + @npages) as allocated. Return: how many were scavenged. */
uint64_t take_pages(struct pagealloc *pa, uint64_t page, uint64_t npages);

/** give_pages() - mark pages as free, whatever they were before; neither the search address nor the scavenge index move. */
void give_pages(struct pagealloc *pa, uint64_t page, uint64_t npages);

/** settle_pending() - the bits hear of all that is free. */
void settle_pending_runs(struct pagealloc *pa);

static inline void settle_pending(struct pagealloc *pa)
{
	if (UNLIKELY(pa->pending.n))
		settle_pending_runs(pa);
}

/** take_pending() - mark [@page, @page + @npages), which lies in the @i-th pending run, as allocated. */
void take_pending(struct pagealloc *pa, unsigned i, uint64_t page, uint64_t npages);

/** free_unchecked() - pagealloc_free() for pages that are known to be grown; also for pages that are free, as in the reference. */
void free_unchecked(struct pagealloc *pa, uint64_t page, uint64_t npages);

/** find_run() - the full search of the tree. Return: false if there is none. @ret_search: the search address that it proposes. */
bool find_run(struct pagealloc *pa, uint64_t npages, uint64_t *ret_page, uint64_t *ret_search);

/** all_grown() - are all pages of a range grown? False for empty ranges and overflow, too. */
bool all_grown(const struct pagealloc *pa, uint64_t page, uint64_t npages);

/** all_free(), none_free() - of a range that is grown. */
bool all_free(const struct pagealloc *pa, uint64_t page, uint64_t npages);
bool none_free(const struct pagealloc *pa, uint64_t page, uint64_t npages);

/** chunk_grown() - is this chunk grown? */
static inline bool chunk_grown(const struct pagealloc *pa, uint64_t chunk)
{
	return chunk >= pa->tree.first_chunk && chunk < pa->tree.limit_chunk &&
	       (pa->scavindex.marks[chunk / 64].grown >> (chunk % 64) & 1);
}

/** lower_search() - @page may be free now. */
static inline void lower_search(struct pagealloc *pa, uint64_t page)
{
	if (page < pa->search)
		pa->search = page;
	if (page < pa->low)
		pa->low = page;
}

#endif
