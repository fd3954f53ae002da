/*
 * pagealloc - which pages of one address space are free, and where the next extent goes
 *
 * Role:       the whole allocator of one region: free bits in chunks of 512 pages, summaries above them, grown ranges,
 *             scavenged bits. Placement is the reference's: lowest address at which the run fits.
 *             Knows pages only: nothing of addresses in bytes, owners, clients, time or I/O. Never logs.
 * Uses:       base/
 * Threads:    one at a time; there is no lock inside.
 *
 * A page index counts from the region's lowest page. Every function is O(levels) unless it says otherwise, and none blocks.
 */
#ifndef PALLOCD_PAGEALLOC_H
#define PALLOCD_PAGEALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Named outcomes. */
enum pagealloc_outcome {
	PAGEALLOC_E_NO_RUN = 1, /* no run of free pages is long enough; nothing changed */
	PAGEALLOC_E_RANGE, /* the range is empty, beyond the limit, or overlaps what is grown; nothing changed */
	PAGEALLOC_E_NOT_FREE,      /* alloc_range: some page is not free; nothing changed */
	PAGEALLOC_E_NOT_ALLOCATED, /* free: some page is not allocated; nothing changed */
	PAGEALLOC_E_AGAIN, /* the budget is used up; what was found out is kept, the same call goes on from there */
};

/* No page: the search address of an allocator that knows of no free page. */
#define PAGEALLOC_PAGE_NONE UINT64_MAX

/* Largest address space of one allocator, in pages. */
#define PAGEALLOC_LIMIT_NPAGES_MAX (UINT64_C(1) << 36)

/* Pages of a chunk: growth comes in multiples of this. */
#define PAGEALLOC_CHUNK_NPAGES 512u

struct pagealloc;

struct pagealloc_config {
	/* Pages that may ever be grown, 1 to PAGEALLOC_LIMIT_NPAGES_MAX. */
	uint64_t limit_npages;
	/* Page 0 lies so many pages above address 0, from which alignments and boundaries count. */
	uint64_t origin_npages;
	/* Pages that can only be released together: power of two, 1 to 64; 0 means 1. */
	unsigned scavenge_min_npages;
	/* Pages of a huge page that scavenging would rather not break: power of two; 0 = none. */
	unsigned huge_npages;
	/* Keep an index of the free runs by length, for PAGEALLOC_BEST. */
	bool best_fit;
};

/**
 * pagealloc_new() - an allocator with nothing grown
 * @config:  copied
 * @ret_pa:  the allocator; the caller gives it back with pagealloc_destroy(); written only on 0
 *
 * Reserves address space for the whole limit's metadata (about 0.27 bytes a page); memory is used only for what is grown.
 * Return: 0, PAGEALLOC_E_RANGE for a limit or page count out of bounds, -ENOMEM.
 */
MUST_CHECK int pagealloc_new(const struct pagealloc_config *config, struct pagealloc **ret_pa);

/** pagealloc_destroy() - give back all that @pa holds; NULL is allowed. */
void pagealloc_destroy(struct pagealloc *pa);

/**
 * pagealloc_grow() - add pages [@page, @page + @npages), free and scavenged
 *
 * As in the reference, @page is rounded down and the end rounded up to a chunk; what is added may therefore be more than
 * @npages. The range after rounding must not overlap what is grown already nor pass the limit rounded up to a chunk: a
 * limit that is no multiple of a chunk is the caller's to enforce, by pagealloc_alloc_range() on the pages beyond it.
 * O(npages). Source: reference, pageAlloc.grow.
 *
 * Return: 0, PAGEALLOC_E_RANGE, -ENOMEM (nothing changed).
 */
MUST_CHECK int pagealloc_grow(struct pagealloc *pa, uint64_t page, uint64_t npages);

/**
 * pagealloc_raise() - the limit is at least @limit_npages from now on; all that there is stays
 *
 * O(pages grown): the metadata move, and for a moment there are both. Return: 0, PAGEALLOC_E_RANGE (more than there can be), -ENOMEM; nothing changed
 * but on 0.
 */
MUST_CHECK int pagealloc_raise(struct pagealloc *pa, uint64_t limit_npages);

/**
 * pagealloc_shrink() - take pages [@page, @page + @npages) out of what is grown
 *
 * Both must be multiples of a chunk, all pages grown and free. The memory of their bitmaps goes back to the system.
 * O(npages). Return: 0, PAGEALLOC_E_RANGE, PAGEALLOC_E_NOT_FREE, -ENOMEM (nothing changed).
 */
MUST_CHECK int pagealloc_shrink(struct pagealloc *pa, uint64_t page, uint64_t npages);

/**
 * pagealloc_alloc() - take the lowest run of @npages free pages
 * @ret_page:      first page; written only on 0
 * @ret_scavenged: how many of the pages were scavenged; may be NULL; written only on 0
 *
 * Return: 0, PAGEALLOC_E_NO_RUN (also for 0 pages). Source: reference, pageAlloc.alloc.
 */
MUST_CHECK int pagealloc_alloc(struct pagealloc *pa, uint64_t npages, uint64_t *ret_page,
			       uint64_t *ret_scavenged);

/* Which of the places that fit is taken. */
enum pagealloc_strategy {
	PAGEALLOC_FIRST, /* the lowest */
	PAGEALLOC_LAST,  /* the highest */
	PAGEALLOC_BEST, /* the lowest in the shortest free run that fits, of these the lowest; needs config.best_fit */
};

/* Where a run may lie. { .npages = n } asks for the same as pagealloc_alloc(). */
struct pagealloc_request {
	uint64_t npages;
	uint64_t
		align_npages; /* the first page's distance from address 0 is a multiple of it; power of two; 0 = any */
	uint64_t
		boundary_npages; /* the run must not cross a multiple of it, from address 0; power of two; 0 = none */
	uint64_t first, limit; /* the run lies in pages [first, limit); limit 0 = no limit */
	enum pagealloc_strategy strategy;
};

/**
 * pagealloc_set_budget() - so many chunks or summaries may be looked into in vain before a placed search returns PAGEALLOC_E_AGAIN
 *
 * Counted over all calls until it is set anew; UINT64_MAX, as at first, is any number. A search is in vain where runs are long
 * enough, but alignment and boundary rule all of them out; what it finds out is kept, for the eight combinations of these that were used last.
 */
void pagealloc_set_budget(struct pagealloc *pa, uint64_t nchunks);

/**
 * pagealloc_place() - where a run would go, without taking it
 * @ret_page: first page; written only on 0
 *
 * Exact: if there is a place, it is found, and it is the lowest (with last, the highest). Subtrees without a run that is long
 * enough are passed by, and so are those of which an earlier search under the same alignment and boundary has found out that they
 * hold no place, unless something was freed in them since.
 * Return: 0, PAGEALLOC_E_NO_RUN, PAGEALLOC_E_AGAIN, PAGEALLOC_E_RANGE for constraints that nothing can meet: 0 pages, a number that
 * is no power of two, first at or above limit, more pages than lie between two boundaries.
 */
MUST_CHECK int pagealloc_place(struct pagealloc *pa, const struct pagealloc_request *req,
			       uint64_t *ret_page);

/** pagealloc_alloc_placed() - take the run that pagealloc_place() finds. Return: as pagealloc_place(). */
MUST_CHECK int pagealloc_alloc_placed(struct pagealloc *pa, const struct pagealloc_request *req,
				      uint64_t *ret_page, uint64_t *ret_scavenged);

/** pagealloc_fits() - may a run be at @page as far as the constraints go, free or not? */
bool pagealloc_fits(const struct pagealloc *pa, const struct pagealloc_request *req, uint64_t page);

/**
 * pagealloc_largest_placed() - the longest run that could be had under the constraints of @req, whose npages does not count
 * @ret_npages: 0 if there is none; written only on 0
 *
 * Costs up to 36 searches. Return: 0, PAGEALLOC_E_AGAIN, PAGEALLOC_E_RANGE.
 */
MUST_CHECK int pagealloc_largest_placed(struct pagealloc *pa, const struct pagealloc_request *req,
					uint64_t *ret_npages);

/**
 * pagealloc_place_within() - the lowest place (with PAGEALLOC_LAST, the highest) in [@first, @limit) if all of it were free
 * @ret_page: written only on 0
 *
 * For who wants to know how far to grow. O(1). Return: 0, PAGEALLOC_E_NO_RUN, PAGEALLOC_E_RANGE.
 */
MUST_CHECK int pagealloc_place_within(struct pagealloc *pa, const struct pagealloc_request *req,
				      uint64_t first, uint64_t limit, uint64_t *ret_page);

/* A walk over free runs that is done in slices, so that no slice takes long; others may change the allocator in between. */
struct pagealloc_walk {
	uint64_t next;   /* where the next slice begins; 0 at first */
	uint64_t budget; /* chunks whose bits one slice may look into, at least 1 */
};

/**
 * pagealloc_count_placed() - how many runs of @req could be taken one after the other, lowest first
 * @w:     { .budget = n } before the first slice
 * @ret_n: what this slice has found is added
 *
 * Return: true when the walk is through, false if it is to be called again. 0 are found for constraints that nothing can meet.
 */
MUST_CHECK bool pagealloc_count_placed(struct pagealloc *pa, const struct pagealloc_request *req,
				       struct pagealloc_walk *w, uint64_t *ret_n);

/* Free runs by length: entry k is for runs of 2^k up to 2^(k + 1) - 1 pages. */
#define PAGEALLOC_NLENGTHS 37

struct pagealloc_histogram {
	uint64_t nruns[PAGEALLOC_NLENGTHS];
	uint64_t npages[PAGEALLOC_NLENGTHS];
};

/** pagealloc_count_runs() - the histogram of all free runs, in slices; as pagealloc_count_placed(). */
MUST_CHECK bool pagealloc_count_runs(struct pagealloc *pa, struct pagealloc_walk *w,
				     struct pagealloc_histogram *ret);

/** pagealloc_run_below() - free pages in a row right below @page; pagealloc_run_above() - from @page upwards. */
uint64_t pagealloc_run_below(struct pagealloc *pa, uint64_t page);
uint64_t pagealloc_run_above(struct pagealloc *pa, uint64_t page);

/**
 * pagealloc_alloc_range() - take exactly the pages [@page, @page + @npages)
 *
 * Return: 0, PAGEALLOC_E_RANGE, PAGEALLOC_E_NOT_FREE. O(npages / 64). Source: reference, pageAlloc.allocRange.
 */
MUST_CHECK int pagealloc_alloc_range(struct pagealloc *pa, uint64_t page, uint64_t npages,
				     uint64_t *ret_scavenged);

/**
 * pagealloc_free() - give back the pages [@page, @page + @npages), all of which must be allocated
 *
 * Return: 0, PAGEALLOC_E_RANGE, PAGEALLOC_E_NOT_ALLOCATED. Source: reference, pageAlloc.free.
 */
MUST_CHECK int pagealloc_free(struct pagealloc *pa, uint64_t page, uint64_t npages);

/*
 * A page-cache block: up to 64 pages that were taken at once and are handed out without looking at the allocator.
 * { 0 } is an empty one.
 */
struct pagealloc_cache {
	uint64_t page;      /* first page of the block, a multiple of 64 */
	uint64_t free_bits; /* bit i: page + i belongs to the block and was not handed out */
	uint64_t scav_bits; /* bit i: page + i is scavenged; only of free ones */
};

/**
 * pagealloc_cache_fill() - take all free pages of the 64-page block that holds the lowest free page
 * @cache: must be empty (no free bits); written only on 0
 *
 * Return: 0, PAGEALLOC_E_NO_RUN. Source: reference, pageAlloc.allocToCache.
 */
MUST_CHECK int pagealloc_cache_fill(struct pagealloc *pa, struct pagealloc_cache *cache);

/**
 * pagealloc_cache_take() - hand out @npages neighbouring pages of the block; they go back one by one by pagealloc_free()
 *
 * Return: 0, PAGEALLOC_E_NO_RUN. Source: reference, pageCache.alloc.
 */
MUST_CHECK int pagealloc_cache_take(struct pagealloc_cache *cache, uint64_t npages,
				    uint64_t *ret_page, uint64_t *ret_scavenged);

/**
 * pagealloc_cache_flush() - give back what the block still has; it is empty afterwards
 *
 * Unlike the reference's, it tells the scavenge index, so that no page is lost to the scavenger.
 */
void pagealloc_cache_flush(struct pagealloc *pa, struct pagealloc_cache *cache);

/**
 * pagealloc_scavenge_begin() - take the next run of free pages that have memory behind them, highest first
 * @max_npages: take no more, but for rounding to scavenge_min_npages and whole huge pages; 0 is taken as 1
 *
 * The pages are allocated until pagealloc_scavenge_end(), so that nobody gets them while their memory goes.
 * Return: 0, PAGEALLOC_E_NO_RUN if there is nothing to scavenge. Source: reference, pageAlloc.scavengeOne.
 */
MUST_CHECK int pagealloc_scavenge_begin(struct pagealloc *pa, uint64_t max_npages,
					uint64_t *ret_page, uint64_t *ret_npages);

/** pagealloc_scavenge_end() - free the run again; @released: its memory is gone, otherwise it is to be found again. */
void pagealloc_scavenge_end(struct pagealloc *pa, uint64_t page, uint64_t npages, bool released);

/**
 * pagealloc_scavenge() - release the memory behind at least @npages free pages, or of all there are
 * @release: releases the pages, returns 0 or a negative errno; it may take its time and must not call back into @pa
 * @ret_released: pages released, also where an error ended it
 *
 * Return: 0, or the error of @release. Source: reference, pageAlloc.scavenge.
 */
MUST_CHECK int pagealloc_scavenge(struct pagealloc *pa, uint64_t npages,
				  int (*release)(void *ctx, uint64_t page, uint64_t npages),
				  void *ctx, uint64_t *ret_released);

/* What an allocator holds. */
struct pagealloc_stat {
	uint64_t limit_npages;
	uint64_t grown_npages;
	uint64_t free_npages;
	uint64_t scavenged_npages; /* of the free ones, those without memory behind them */
	uint64_t largest_npages;   /* longest run of free pages */
	uint64_t metadata_bytes;   /* memory for bitmaps, summaries and indexes of what is grown */
};

/** pagealloc_free_npages() - pages that are free. O(1). */
uint64_t pagealloc_free_npages(const struct pagealloc *pa);

/** pagealloc_stat() - fill @ret_stat; O(grown / 2^21) at the most. */
void pagealloc_stat(struct pagealloc *pa, struct pagealloc_stat *ret_stat);

/** pagealloc_nranges() - how many grown ranges there are, coalesced. */
size_t pagealloc_nranges(const struct pagealloc *pa);

/** pagealloc_range() - the @i-th grown range, ascending: pages [*@ret_first, *@ret_limit). @i must be below pagealloc_nranges(). */
void pagealloc_range(const struct pagealloc *pa, size_t i, uint64_t *ret_first,
		     uint64_t *ret_limit);

/** pagealloc_next_grown() - the lowest part of a grown range at or above @page. Return: false: there is none. */
bool pagealloc_next_grown(const struct pagealloc *pa, uint64_t page, uint64_t *ret_first,
			  uint64_t *ret_limit);

/** pagealloc_count() - pages of [@page, @page + @npages) that are grown, that are free, and of these that are scavenged. O(npages / 64) over what is grown. */
void pagealloc_count(struct pagealloc *pa, uint64_t page, uint64_t npages, uint64_t *ret_grown,
		     uint64_t *ret_free, uint64_t *ret_scavenged);

/**
 * pagealloc_next_dirty() - the lowest run of pages in [@page, @limit), all of which are free, that have memory behind them as far as is known
 *
 * Return: false: all are scavenged. O(pages looked at / 64).
 */
MUST_CHECK bool pagealloc_next_dirty(const struct pagealloc *pa, uint64_t page, uint64_t limit,
				     uint64_t *ret_first, uint64_t *ret_limit);

/** pagealloc_dirty_end() - where the highest such run ends; @first: there is none. */
uint64_t pagealloc_dirty_end(const struct pagealloc *pa, uint64_t first, uint64_t limit);

/**
 * pagealloc_check() - recount everything that is cached and compare
 * @buf: receives a line that names the first broken invariant, "P3: …"; always terminated where @size is not 0
 *
 * Return: true if all is well. O(grown).
 */
MUST_CHECK bool pagealloc_check(struct pagealloc *pa, char *buf, size_t size);

/**
 * pagealloc_rebuild() - throw away everything that is cached and make it anew from the bits
 *
 * Summaries, counts and the scavenge index come out as they were or tighter; the search address becomes the lowest free page.
 * O(grown).
 */
void pagealloc_rebuild(struct pagealloc *pa);

/**
 * pagealloc_dump() - a chunk map that a person can read, a line at a time
 * @emit: called with each line, without newline; must not call back into @pa
 */
void pagealloc_dump(struct pagealloc *pa, void (*emit)(void *ctx, const char *line), void *ctx);

#endif
