/*
 * cache - page-cache blocks: fill, take, flush
 *
 * Role:       see pagealloc.h.
 * Uses:       pagealloc/internal.h
 */
#include "pagealloc/cache.h"

#include "pagealloc/internal.h"

/* The word of @bits that holds @page. */
static uint64_t *word_of(uint64_t *bits, uint64_t page)
{
	return &bits[chunk_of(page) * CHUNK_NWORDS + chunk_offset(page) / 64];
}

/* A word's bits changed in ways that only a recount tells. */
static void resummarize(struct pagealloc *pa, uint64_t page)
{
	uint64_t chunk = chunk_of(page);

	tree_set_leaf(&pa->tree, chunk, chunk_summarize(chunk_free_bits(pa, chunk)));
}

/* The lowest free page. */
static bool find_page(struct pagealloc *pa, uint64_t *ret_page)
{
	uint64_t chunk = chunk_of(pa->low), search;

	if (!pa->tree.levels[0].sums[chunk])
		return find_run(pa, 1, ret_page, &search);
	*ret_page = chunk_page(chunk) +
		    chunk_find(chunk_free_bits(pa, chunk), 1, chunk_offset(pa->low)).page;
	return true;
}

/* The lowest run of set bits; cleared in *@bits. */
static uint64_t run_pop(uint64_t *bits, unsigned *ret_at)
{
	unsigned at = bits_ctz(*bits), n = bits_ctz(~(*bits >> at));

	*ret_at = at;
	*bits &= ~bits_mask(at, n);
	return n;
}

/* The indexes hear of the free pages of a block one run at a time; none of them touches another. */
static void watch_fill(struct pagealloc *pa, uint64_t page, uint64_t free_bits)
{
	unsigned at;

	while (free_bits) {
		uint64_t n = run_pop(&free_bits, &at);

		watch_take(pa, page + at, n);
	}
}

/* And of those that come back; a page between two of them may have become free meanwhile, so each is given before the next. */
static void watch_flush(struct pagealloc *pa, const struct pagealloc_cache *cache)
{
	uint64_t left = cache->free_bits;
	unsigned at;

	while (left) {
		uint64_t n = run_pop(&left, &at);

		watch_give(pa, cache->page + at, n);
		*word_of(pa->free_bits, cache->page) |= bits_mask(at, (unsigned)n);
		resummarize(pa, cache->page);
	}
}

int pagealloc_cache_fill(struct pagealloc *pa, struct pagealloc_cache *cache)
{
	uint64_t page, *free_word, *scav_word;
	unsigned nscav;

	settle_pending(pa);
	if (chunk_of(pa->low) >= pa->tree.limit_chunk || !find_page(pa, &page)) {
		pa->search = pa->low = PAGEALLOC_PAGE_NONE;
		return PAGEALLOC_E_NO_RUN;
	}
	page -= page % WORD_NPAGES;
	free_word = word_of(pa->free_bits, page);
	scav_word = word_of(pa->scav_bits, page);
	*cache = (struct pagealloc_cache){page, *free_word, *scav_word};
	nscav = bits_count(cache->scav_bits);
	if (UNLIKELY(pa->watched))
		watch_fill(pa, page, cache->free_bits);
	pa->free_npages -= bits_count(cache->free_bits);
	pa->scav_npages -= nscav;
	pa->nscav[chunk_of(page)] = (uint16_t)(pa->nscav[chunk_of(page)] - nscav);
	*free_word = 0;
	*scav_word = 0;
	resummarize(pa, page);
	/* A page in use, as a search address must be: the block's last. */
	pa->search = pa->low = page + WORD_NPAGES - 1;
	return 0;
}

int pagealloc_cache_take(struct pagealloc_cache *cache, uint64_t npages, uint64_t *ret_page,
			 uint64_t *ret_scavenged)
{
	uint64_t mask;
	unsigned at;

	if (npages == 0 || npages > 64 || cache->free_bits == 0)
		return PAGEALLOC_E_NO_RUN;
	at = bits_find_run(cache->free_bits, (unsigned)npages);
	if (at >= 64)
		return PAGEALLOC_E_NO_RUN;
	mask = bits_mask(at, (unsigned)npages);
	*ret_page = cache->page + at;
	if (ret_scavenged)
		*ret_scavenged = cache->scav_bits & mask ? bits_count(cache->scav_bits & mask) : 0;
	cache->free_bits &= ~mask;
	cache->scav_bits &= ~mask;
	return 0;
}

void cache_flush_unmarked(struct pagealloc *pa, struct pagealloc_cache *cache)
{
	unsigned nscav = bits_count(cache->scav_bits);

	if (cache->free_bits == 0)
		return;
	settle_pending(pa);
	if (UNLIKELY(pa->watched))
		watch_flush(pa, cache);
	*word_of(pa->free_bits, cache->page) |= cache->free_bits;
	*word_of(pa->scav_bits, cache->page) |= cache->scav_bits;
	pa->free_npages += bits_count(cache->free_bits);
	pa->scav_npages += nscav;
	pa->nscav[chunk_of(cache->page)] = (uint16_t)(pa->nscav[chunk_of(cache->page)] + nscav);
	lower_search(pa, cache->page);
	resummarize(pa, cache->page);
	*cache = (struct pagealloc_cache){0};
}

void pagealloc_cache_flush(struct pagealloc *pa, struct pagealloc_cache *cache)
{
	uint64_t page = cache->page;
	bool any = cache->free_bits & ~cache->scav_bits;

	cache_flush_unmarked(pa, cache);
	if (any)
		scavindex_mark(&pa->scavindex, page, page + WORD_NPAGES);
}
