/*
 * watch - keeps the indexes of free runs in step with the free bits
 *
 * Role:       what a change of free bits means for the runs by length and for what was learned about shapes; how far a run of
 *             free pages goes.
 * Uses:       pagealloc/internal.h
 */
#include <string.h>

#include "pagealloc/internal.h"

/* As the bits know them. */
static uint64_t run_above(struct pagealloc *pa, uint64_t page)
{
	uint64_t chunk = chunk_of(page);
	unsigned first = chunk_offset(page), n;

	if (!chunk_grown(pa, chunk))
		return 0;
	n = chunk_run_up(chunk_free_bits(pa, chunk), first);
	return first + n < CHUNK_NPAGES ? n : n + tree_run_up(&pa->tree, chunk + 1);
}

static uint64_t run_below(struct pagealloc *pa, uint64_t page)
{
	uint64_t chunk = chunk_of(page - 1);
	unsigned end, n;

	if (page == 0 || !chunk_grown(pa, chunk))
		return 0;
	end = chunk_offset(page - 1) + 1;
	n = chunk_run_down(chunk_free_bits(pa, chunk), end);
	return n < end ? n : n + tree_run_down(&pa->tree, chunk);
}

uint64_t pagealloc_run_above(struct pagealloc *pa, uint64_t page)
{
	settle_pending(pa);
	return run_above(pa, page);
}

uint64_t pagealloc_run_below(struct pagealloc *pa, uint64_t page)
{
	settle_pending(pa);
	return run_below(pa, page);
}

/* A run has come to be. */
static void run_add(struct pagealloc *pa, uint64_t first, uint64_t npages)
{
	runindex_add(&pa->runs, first, npages);
	for (unsigned i = 0; pa->nbests && i < BESTS_MAX; i++)
		if (pa->bests[i].shape.align)
			best_hear(&pa->bests[i], first, npages);
}

void shapes_forget(struct pagealloc *pa)
{
	if (pa->bests)
		memset(pa->bests, 0, BESTS_MAX * sizeof(*pa->bests));
	while (pa->nshapes)
		bounds_deinit(&pa->shapes[--pa->nshapes]);
}

void watch_take(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	uint64_t below, above;

	if (!pa->runs.nodes)
		return;
	below = run_below(pa, page);
	above = run_above(pa, page + npages);
	runindex_remove(&pa->runs, page - below, below + npages + above);
	if (below)
		run_add(pa, page - below, below);
	if (above)
		run_add(pa, page + npages, above);
}

void watch_give(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	uint64_t below = run_below(pa, page);
	uint64_t above = run_above(pa, page + npages);

	for (unsigned i = 0; i < pa->nshapes; i++)
		if (pa->shapes[i].level[0])
			bounds_raise(&pa->shapes[i], &pa->tree, page, page + npages, page - below,
				     page + npages + above);
	if (!pa->runs.nodes)
		return;
	if (below)
		runindex_remove(&pa->runs, page - below, below);
	if (above)
		runindex_remove(&pa->runs, page + npages, above);
	run_add(pa, page - below, below + npages + above);
}
