/*
 * rebuild - make the caches anew from the truth
 *
 * Role:       pagealloc_rebuild(): free bits, scavenged bits and ranges stay, all else is derived from them.
 * Uses:       pagealloc/internal.h, pagealloc/scavenge.h
 */
#include "pagealloc/internal.h"
#include "pagealloc/scavenge.h"

static void rebuild_chunk(struct pagealloc *pa, uint64_t chunk)
{
	const uint64_t *free_bits = chunk_free_bits(pa, chunk),
		       *scav_bits = chunk_scav_bits(pa, chunk);
	unsigned nfree = chunk_count(free_bits, 0, CHUNK_NPAGES);

	pa->nscav[chunk] = (uint16_t)chunk_count(scav_bits, 0, CHUNK_NPAGES);
	pa->free_npages += nfree;
	pa->scav_npages += pa->nscav[chunk];
	if (nfree)
		lower_search(pa, chunk_page(chunk) + chunk_find(free_bits, 1, 0).page);
	scavindex_unmark(&pa->scavindex, chunk);
	if (scavenge_candidate(free_bits, scav_bits, CHUNK_NPAGES - 1,
			       pa->config.scavenge_min_npages, 0, 0)
		    .npages)
		scavindex_mark(&pa->scavindex, chunk_page(chunk), chunk_page(chunk + 1));
	pa->tree.levels[0].sums[chunk] = chunk_summarize(free_bits);
}

void pagealloc_rebuild(struct pagealloc *pa)
{
	pa->free_npages = 0;
	pa->scav_npages = 0;
	pa->search = PAGEALLOC_PAGE_NONE;
	pa->scavindex.search = SCAVINDEX_NONE;
	pa->scavindex.fresh = false;
	for (size_t i = 0; i < pa->grown.n; i++)
		for (uint64_t chunk = chunk_of(pa->grown.v[i].first);
		     chunk < chunk_of(pa->grown.v[i].limit); chunk++)
			rebuild_chunk(pa, chunk);
	for (unsigned level = 1; level <= pa->tree.top; level++)
		for (size_t i = 0; i < pa->grown.n; i++)
			tree_remerge(&pa->tree, level, chunk_of(pa->grown.v[i].first),
				     chunk_of(pa->grown.v[i].limit - 1));
}
