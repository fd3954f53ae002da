/*
 * grow - address space comes and goes
 *
 * Role:       pagealloc_grow() and pagealloc_shrink(), see pagealloc.h.
 * Uses:       pagealloc/internal.h, base/mem.h
 */
#include <string.h>

#include "base/mem.h"
#include "pagealloc/internal.h"

/* Make everything that describes chunks [first, limit) usable. */
static int commit_chunks(struct pagealloc *pa, uint64_t first, uint64_t limit)
{
	const uint64_t n = limit - first;
	uint64_t lo = first, hi = limit, bytes;
	int err;

	err = mem_commit(chunk_free_bits(pa, first), n * CHUNK_NWORDS * sizeof(uint64_t));
	if (!err)
		err = mem_commit(chunk_scav_bits(pa, first), n * CHUNK_NWORDS * sizeof(uint64_t));
	if (!err)
		err = mem_commit(&pa->nscav[first], n * sizeof(*pa->nscav));
	if (!err)
		err = tree_commit(&pa->tree, first, limit);
	if (err)
		return err;
	/* These are read anywhere between the lowest chunk and the highest. */
	if (pa->tree.first_chunk < lo)
		lo = pa->tree.first_chunk;
	if (pa->tree.limit_chunk > hi)
		hi = pa->tree.limit_chunk;
	bytes = ((hi - 1) / 64 - lo / 64 + 1) * sizeof(*pa->scavindex.marks);
	return mem_commit(&pa->scavindex.marks[lo / 64], bytes);
}

/* Fresh chunks: free and scavenged. */
static void fill_chunks(struct pagealloc *pa, uint64_t first, uint64_t limit)
{
	for (uint64_t i = first * CHUNK_NWORDS; i < limit * CHUNK_NWORDS; i++) {
		pa->free_bits[i] = WORD_FREE;
		pa->scav_bits[i] = WORD_FREE;
	}
	for (uint64_t c = first; c < limit; c++) {
		pa->nscav[c] = CHUNK_NPAGES;
		pa->scavindex.marks[c / 64].grown |= UINT64_C(1) << (c % 64);
	}
	pa->free_npages += chunk_page(limit - first);
	pa->scav_npages += chunk_page(limit - first);
}

/* The leaves of @npages from the first chunk on are all free; where the reference looks no further, neither do we. */
static void summarize_grown(struct pagealloc *pa, uint64_t first, uint64_t npages)
{
	const uint64_t free_sum = summary_free(PAGEALLOC_CHUNK_LOG);
	uint64_t last = chunk_of(chunk_page(first) + npages - 1);

	tree_set_leaf(&pa->tree, first, free_sum);
	if (last > first) {
		tree_set_leaf(&pa->tree, last, free_sum);
		tree_set_range(&pa->tree, first, last, true);
	}
}

int pagealloc_grow(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	uint64_t first = chunk_of(page), limit;
	int err;

	if (npages == 0 || page > chunk_page(pa->nchunks) ||
	    npages > chunk_page(pa->nchunks) - page)
		return PAGEALLOC_E_RANGE;
	limit = chunk_of(page + npages + CHUNK_NPAGES - 1);
	if (ranges_overlap(&pa->grown, chunk_page(first), chunk_page(limit)))
		return PAGEALLOC_E_RANGE;
	err = ranges_reserve(&pa->grown);
	if (!err)
		err = commit_chunks(pa, first, limit);
	if (!err && pa->config.best_fit)
		err = runindex_commit(&pa->runs, pa->grown.npages + chunk_page(limit - first));
	if (err)
		return err;
	settle_pending(pa);
	if (first < pa->tree.first_chunk)
		pa->tree.first_chunk = first;
	if (limit > pa->tree.limit_chunk)
		pa->tree.limit_chunk = limit;
	pa->scavindex.min_chunk = pa->tree.first_chunk;
	ranges_add(&pa->grown, chunk_page(first), chunk_page(limit));
	lower_search(pa, chunk_page(first));
	if (UNLIKELY(pa->watched))
		watch_give(pa, chunk_page(first), chunk_page(limit - first));
	fill_chunks(pa, first, limit);
	summarize_grown(pa, first, npages);
	/* Growing touches what is fresh, so that no alloc pays for its page faults. */
	tree_settle(&pa->tree);
	return 0;
}

/* The truth about chunks [first, limit), none of whose pages is free, is all zeros: that is what memory never touched says, too. */
static void discard_chunks(struct pagealloc *pa, uint64_t first, uint64_t limit)
{
	const uint64_t n = limit - first;

	for (uint64_t chunk = first; chunk < limit; chunk++) {
		scavindex_unmark(&pa->scavindex, chunk);
		pa->scavindex.marks[chunk / 64].grown &= ~(UINT64_C(1) << (chunk % 64));
	}
	mem_discard(chunk_free_bits(pa, first), n * CHUNK_NWORDS * sizeof(uint64_t));
	mem_discard(chunk_scav_bits(pa, first), n * CHUNK_NWORDS * sizeof(uint64_t));
	mem_discard(&pa->nscav[first], n * sizeof(*pa->nscav));
	mem_discard(&pa->tree.levels[0].sums[first], n * sizeof(*pa->tree.levels[0].sums));
}

int pagealloc_shrink(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	int err;

	settle_pending(pa);
	if (chunk_offset(page) || chunk_offset(npages) || !all_grown(pa, page, npages))
		return PAGEALLOC_E_RANGE;
	if (!all_free(pa, page, npages))
		return PAGEALLOC_E_NOT_FREE;
	err = ranges_reserve(&pa->grown);
	if (err)
		return err;
	take_pages(pa, page, npages);
	/* Nobody comes by the summaries of what is not grown: pagealloc_rebuild() does not, either. */
	tree_settle(&pa->tree);
	ranges_remove(&pa->grown, page, page + npages);
	discard_chunks(pa, chunk_of(page), chunk_of(page + npages));
	/* A search address is a grown page, or none. */
	if (pa->search != PAGEALLOC_PAGE_NONE)
		pa->search = ranges_at_least(&pa->grown, pa->search);
	if (pa->low != PAGEALLOC_PAGE_NONE)
		pa->low = ranges_at_least(&pa->grown, pa->low);
	return 0;
}
