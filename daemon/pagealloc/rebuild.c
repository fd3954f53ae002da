/*
 * rebuild - make the caches anew from the truth
 *
 * Role:       pagealloc_rebuild(): free bits, scavenged bits and ranges stay, all else is derived from them.
 * Uses:       pagealloc/internal.h, pagealloc/{runs,scavenge}.h
 */
#include <stdlib.h>

#include "pagealloc/internal.h"
#include "pagealloc/runs.h"
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

struct indexing {
	struct runs runs; /* first: visit() finds the rest from here */
	struct runindex *index;
};

static void visit_add(struct runs *w, uint64_t first, uint64_t limit)
{
	runindex_add(CONTAINER_OF(w, struct indexing, runs)->index, first, limit - first);
}

static void rebuild_runs(struct pagealloc *pa)
{
	struct indexing x = {.index = &pa->runs};

	x.runs = (struct runs){.limit = chunk_page(pa->nchunks),
			       .min_npages = 1,
			       .budget = pa->nchunks,
			       .visit = visit_add};
	runindex_clear(&pa->runs);
	/* With a budget for all chunks it does not pause. */
	if (!runs_walk(pa, &x.runs))
		abort();
}

void pagealloc_rebuild(struct pagealloc *pa)
{
	settle_pending(pa);
	pa->free_npages = 0;
	pa->scav_npages = 0;
	pa->search = pa->low = PAGEALLOC_PAGE_NONE;
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
	shapes_forget(pa);
	if (pa->runs.nodes)
		rebuild_runs(pa);
}
