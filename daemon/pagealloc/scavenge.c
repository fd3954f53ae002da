/*
 * scavenge - give the memory behind free pages back, highest pages first
 *
 * Role:       see pagealloc.h and scavenge.h. Decides which pages; releasing them is the caller's.
 * Uses:       pagealloc/internal.h
 */
#include "pagealloc/scavenge.h"

#include "pagealloc/internal.h"

/* The highest run of ones in @bits at or below the word @word: [*ret_end - result, *ret_end). */
static unsigned highest_run(const uint64_t *bits, unsigned word, unsigned *ret_end)
{
	while (!bits[word]) {
		if (word == 0)
			return 0;
		word--;
	}
	*ret_end = word * 64 + 64 - bits_clz(bits[word]);
	return chunk_run_down(bits, *ret_end);
}

struct candidate scavenge_candidate(const uint64_t *free_bits, const uint64_t *scav_bits,
				    unsigned from, unsigned min, uint64_t max, unsigned huge_npages)
{
	uint64_t idle[CHUNK_NWORDS]; /* free, not scavenged, in whole groups of min pages */
	unsigned run, end, start, npages;

	for (unsigned i = 0; i < CHUNK_NWORDS; i++)
		idle[i] = ~bits_fill_aligned(~free_bits[i] | scav_bits[i], min);
	run = highest_run(idle, from / 64, &end);
	if (run == 0)
		return (struct candidate){0, 0};
	if (max == 0)
		max = min;
	else if (max < run)
		max = (max + min - 1) / min * min;
	npages = run < max ? run : (unsigned)max;
	start = end - npages;
	if (huge_npages > 1 && huge_npages <= CHUNK_NPAGES) {
		/* Where a huge page ends in the run, take all of the one that the run begins in, if it is all idle. */
		unsigned above = (start + huge_npages - 1) / huge_npages * huge_npages;
		unsigned below = start / huge_npages * huge_npages;

		if (above <= end && below >= end - run) {
			npages += start - below;
			start = below;
		}
	}
	return (struct candidate){start, npages};
}

int pagealloc_scavenge_begin(struct pagealloc *pa, uint64_t max_npages, uint64_t *ret_page,
			     uint64_t *ret_npages)
{
	const unsigned min = pa->config.scavenge_min_npages;

	settle_pending(pa);
	for (;;) {
		struct candidate c = {0, 0};
		unsigned unused;
		uint64_t chunk = scavindex_find(&pa->scavindex, &unused);

		if (chunk == UINT64_MAX)
			return PAGEALLOC_E_NO_RUN;
		if (summary_max(pa->tree.levels[0].sums[chunk]) >= min)
			c = scavenge_candidate(chunk_free_bits(pa, chunk),
					       chunk_scav_bits(pa, chunk), CHUNK_NPAGES - 1, min,
					       max_npages, pa->config.huge_npages);
		if (c.npages == 0) {
			scavindex_unmark(&pa->scavindex, chunk);
			continue;
		}
		*ret_page = chunk_page(chunk) + c.page;
		*ret_npages = c.npages;
		take_pages(pa, *ret_page, c.npages);
		return 0;
	}
}

void pagealloc_scavenge_end(struct pagealloc *pa, uint64_t page, uint64_t npages, bool released)
{
	uint64_t chunk = chunk_of(page);

	settle_pending(pa);
	lower_search(pa, page);
	give_pages(pa, page, npages);
	if (!released) {
		scavindex_mark(&pa->scavindex, page, page + npages);
		return;
	}
	chunk_set(chunk_scav_bits(pa, chunk), chunk_offset(page), (unsigned)npages);
	pa->nscav[chunk] = (uint16_t)(pa->nscav[chunk] + npages);
	pa->scav_npages += npages;
}

int pagealloc_scavenge(struct pagealloc *pa, uint64_t npages,
		       int (*release)(void *ctx, uint64_t page, uint64_t npages), void *ctx,
		       uint64_t *ret_released)
{
	uint64_t released = 0, page, n;
	int err = 0;

	while (!err && released < npages &&
	       pagealloc_scavenge_begin(pa, npages - released, &page, &n) == 0) {
		err = release(ctx, page, n);
		pagealloc_scavenge_end(pa, page, n, !err);
		if (!err)
			released += n;
	}
	*ret_released = released;
	return err;
}
