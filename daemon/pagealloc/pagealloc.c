/*
 * pagealloc - find, alloc and free
 *
 * Role:       see pagealloc.h; the algorithm is the reference's, its results are reproduced page for page.
 * Uses:       pagealloc/internal.h, base/mem.h
 */
#include "pagealloc/pagealloc.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "pagealloc/internal.h"

#ifndef PAGEALLOC_TOY
_Static_assert(CHUNK_NPAGES == PAGEALLOC_CHUNK_NPAGES, "the public header states the chunk's size");
#endif

static size_t marks_bytes(const struct pagealloc *pa)
{
	return (pa->nchunks / 64 + 1) * sizeof(*pa->scavindex.marks);
}

static size_t bits_bytes(const struct pagealloc *pa)
{
	return pa->nchunks * CHUNK_NWORDS * sizeof(uint64_t);
}

static int reserve_all(struct pagealloc *pa)
{
	int err = tree_init(&pa->tree, pa->nchunks);

	if (err)
		return err;
	pa->free_bits = mem_reserve(bits_bytes(pa));
	pa->scav_bits = mem_reserve(bits_bytes(pa));
	pa->nscav = mem_reserve(pa->nchunks * sizeof(*pa->nscav));
	pa->scavindex.marks = mem_reserve(marks_bytes(pa));
	if (!pa->free_bits || !pa->scav_bits || !pa->nscav || !pa->scavindex.marks)
		return -ENOMEM;
	if (!pa->config.best_fit)
		return 0;
	pa->bests = mem_zalloc(BESTS_MAX, sizeof(*pa->bests));
	return pa->bests ? runindex_init(&pa->runs, chunk_page(pa->nchunks)) : -ENOMEM;
}

int pagealloc_new(const struct pagealloc_config *config, struct pagealloc **ret_pa)
{
	struct pagealloc *pa;
	int err;

	if (config->limit_npages == 0 || config->limit_npages > PAGEALLOC_LIMIT_NPAGES_MAX ||
	    config->scavenge_min_npages > 64 ||
	    (config->scavenge_min_npages && !bits_is_pow2(config->scavenge_min_npages)) ||
	    (config->huge_npages && !bits_is_pow2(config->huge_npages)))
		return PAGEALLOC_E_RANGE;
	pa = mem_zalloc(1, sizeof(*pa));
	if (!pa)
		return -ENOMEM;
	pa->config = *config;
	if (!pa->config.scavenge_min_npages)
		pa->config.scavenge_min_npages = 1;
	pa->nchunks = chunk_of(config->limit_npages + CHUNK_NPAGES - 1);
	pa->search = PAGEALLOC_PAGE_NONE;
	pa->low = PAGEALLOC_PAGE_NONE;
	pa->scavindex.search = SCAVINDEX_NONE;
	pa->scavindex.min_chunk = UINT64_MAX;
	pa->watched = config->best_fit;
	pa->budget = UINT64_MAX;
	err = reserve_all(pa);
	if (err) {
		pagealloc_destroy(pa);
		return err;
	}
	*ret_pa = pa;
	return 0;
}

void pagealloc_destroy(struct pagealloc *pa)
{
	if (!pa)
		return;
	mem_unreserve(pa->free_bits, bits_bytes(pa));
	mem_unreserve(pa->scav_bits, bits_bytes(pa));
	mem_unreserve(pa->nscav, pa->nchunks * sizeof(*pa->nscav));
	mem_unreserve(pa->scavindex.marks, marks_bytes(pa));
	shapes_forget(pa);
	mem_free(pa->shapes);
	mem_free(pa->bests);
	runindex_deinit(&pa->runs);
	tree_deinit(&pa->tree);
	ranges_deinit(&pa->grown);
	mem_free(pa);
}

/*
 * The summary of a chunk after @n pages from @first were taken out of a free run. What the run was can be seen beside the
 * gap; only where it was the longest must the others be looked at.
 */
static uint64_t leaf_after_take(const uint64_t *bits, uint64_t old, unsigned first, unsigned n)
{
	unsigned below = chunk_run_down(bits, first);
	unsigned above = chunk_run_up(bits, first + n);
	unsigned lo = first - below, hi = first + n + above; /* the run was [lo, hi) */
	unsigned start = lo == 0 ? below : (unsigned)summary_start(old);
	unsigned end = hi == CHUNK_NPAGES ? above : (unsigned)summary_end(old);
	unsigned max = (unsigned)summary_max(old);
	unsigned rest;

	if (UNLIKELY(max == 0)) /* invisible until now, see pagealloc_grow() */
		return chunk_summarize(bits);
	if (hi - lo >= max) {
		rest = below > above ? below : above;
		/* No run beside [lo, hi) is longer than the room there is; a used page parts them. */
		if (rest + 1 >= lo && rest + 1 >= CHUNK_NPAGES - hi)
			max = rest;
		else
			max = chunk_longest(bits, rest, max);
	}
	return summary_pack(start, max, end);
}

/* The summary of a chunk after @n pages from @first became free: they join the runs beside them. */
static uint64_t leaf_after_give(const uint64_t *bits, uint64_t old, unsigned first, unsigned n)
{
	unsigned lo = first - chunk_run_down(bits, first);
	unsigned hi = first + n + chunk_run_up(bits, first + n);
	unsigned start = lo == 0 ? hi : (unsigned)summary_start(old);
	unsigned end = hi == CHUNK_NPAGES ? hi - lo : (unsigned)summary_end(old);
	unsigned max = (unsigned)summary_max(old);

	if (UNLIKELY(max == 0))
		return chunk_summarize(bits);
	if (hi - lo > max)
		max = hi - lo;
	return summary_pack(start, max, end);
}

/* Clear the scavenged bits of a range. Return: how many there were. */
static unsigned unscavenge(struct pagealloc *pa, uint64_t chunk, unsigned first, unsigned n)
{
	uint64_t *bits = chunk_scav_bits(pa, chunk);
	unsigned count;

	/* The count of all is at hand, that of the chunk may not be. */
	if (pa->scav_npages == 0 || pa->nscav[chunk] == 0)
		return 0;
	count = pa->nscav[chunk] == CHUNK_NPAGES ? n : chunk_count(bits, first, n);
	chunk_clear(bits, first, n);
	pa->nscav[chunk] = (uint16_t)(pa->nscav[chunk] - count);
	return count;
}

static unsigned take_in_chunk(struct pagealloc *pa, uint64_t chunk, unsigned first, unsigned n)
{
	uint64_t *bits = chunk_free_bits(pa, chunk);
	uint64_t old = pa->tree.levels[0].sums[chunk];
	unsigned scavenged = unscavenge(pa, chunk, first, n);

	chunk_clear(bits, first, n);
	tree_set_leaf(&pa->tree, chunk,
		      n == CHUNK_NPAGES ? 0 : leaf_after_take(bits, old, first, n));
	return scavenged;
}

static void give_in_chunk(struct pagealloc *pa, uint64_t chunk, unsigned first, unsigned n)
{
	uint64_t *bits = chunk_free_bits(pa, chunk);
	uint64_t old = pa->tree.levels[0].sums[chunk], sum;

	/* Most often a chunk that is full, of which nothing else need be looked at. */
	if (old == 0 && chunk_full(bits)) {
		chunk_set(bits, first, n);
		sum = summary_pack(first == 0 ? n : 0, n, first + n == CHUNK_NPAGES ? n : 0);
	} else {
		chunk_set(bits, first, n);
		sum = leaf_after_give(bits, old, first, n);
	}
	tree_set_leaf(&pa->tree, chunk, sum);
}

/* The bits of so many pages are more than a first cache holds. */
#define PREFETCH_NPAGES (UINT64_C(1) << 19)
/* Higher ones are so short that they are near at hand. */
#define PREFETCH_LEVELS (PAGEALLOC_PACKED_LEVELS < 3 ? PAGEALLOC_PACKED_LEVELS : 3)
/* Of a longer extent, the processor itself has seen by then where it goes on. */
#define PREFETCH_NCHUNKS 8u

/* The bits of all chunks of an extent. */
static void prefetch_bits(const struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	const uint64_t first = chunk_of(page), last = chunk_of(page + npages - 1);

	__builtin_prefetch(&chunk_free_bits(pa, first)[chunk_offset(page) / 64], 1);
	for (uint64_t c = first + 1; c <= last && c - first < PREFETCH_NCHUNKS; c++)
		__builtin_prefetch(chunk_free_bits(pa, c), 1);
}

/*
 * What a free reads and writes, one after the other: in a large region each is in memory only, and the branches between them depend on what
 * is read, so that the processor does not run ahead to the next.
 */
static void free_prefetch(const struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	const uint64_t chunk = chunk_of(page);
	const struct tree *t = &pa->tree;

	prefetch_bits(pa, page, npages);
	for (unsigned level = 0; level < PREFETCH_LEVELS && level <= t->top; level++)
		__builtin_prefetch(&t->levels[level].sums[level_index(level, chunk)], 1);
}

/* Whole chunks [first, limit) are taken; their leaves are the caller's. */
static uint64_t take_whole_chunks(struct pagealloc *pa, uint64_t first, uint64_t limit)
{
	uint64_t scavenged = 0;

	memset(chunk_free_bits(pa, first), 0, (limit - first) * CHUNK_NWORDS * sizeof(uint64_t));
	for (uint64_t c = first; c < limit; c++) {
		if (pa->nscav[c]) {
			scavenged += pa->nscav[c];
			pa->nscav[c] = 0;
			memset(chunk_scav_bits(pa, c), 0, CHUNK_NWORDS * sizeof(uint64_t));
		}
	}
	return scavenged;
}

uint64_t take_pages(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	uint64_t first = chunk_of(page), last = chunk_of(page + npages - 1);
	uint64_t scavenged;

	if (UNLIKELY(pa->watched))
		watch_take(pa, page, npages);
	pa->free_npages -= npages;
	if (first == last) {
		scavenged = take_in_chunk(pa, first, chunk_offset(page), (unsigned)npages);
	} else {
		if (pa->grown.npages >= PREFETCH_NPAGES)
			prefetch_bits(pa, page, npages);
		scavenged = take_in_chunk(pa, first, chunk_offset(page),
					  CHUNK_NPAGES - chunk_offset(page));
		scavenged += take_whole_chunks(pa, first + 1, last);
		scavenged += take_in_chunk(pa, last, 0, chunk_offset(page + npages - 1) + 1);
		tree_set_range(&pa->tree, first, last, false);
	}
	pa->scav_npages -= scavenged;
	return scavenged;
}

/* give_pages() for pages that are counted already. */
static void give_bits(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	uint64_t first = chunk_of(page), last = chunk_of(page + npages - 1);

	if (UNLIKELY(pa->watched))
		watch_give(pa, page, npages);
	if (first == last) {
		give_in_chunk(pa, first, chunk_offset(page), (unsigned)npages);
		return;
	}
	give_in_chunk(pa, first, chunk_offset(page), CHUNK_NPAGES - chunk_offset(page));
	for (uint64_t i = (first + 1) * CHUNK_NWORDS; i < last * CHUNK_NWORDS; i++)
		pa->free_bits[i] = WORD_FREE;
	give_in_chunk(pa, last, 0, chunk_offset(page + npages - 1) + 1);
	tree_set_range(&pa->tree, first, last, true);
}

void give_pages(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	pa->free_npages += npages;
	give_bits(pa, page, npages);
}

/* The highest pending run is pending no longer. */
static void settle_last(struct pagealloc *pa)
{
	struct range run = pa->pending.run[--pa->pending.n];

	pa->low = run.first;
	give_bits(pa, run.first, run.limit - run.first);
}

/* Pending runs that pages from @page on may join. */
static void settle_from(struct pagealloc *pa, uint64_t page)
{
	while (UNLIKELY(pa->pending.n && pa->pending.run[pa->pending.n - 1].limit >= page))
		settle_last(pa);
}

void settle_pending_runs(struct pagealloc *pa)
{
	while (pa->pending.n)
		settle_last(pa);
}

void take_pending(struct pagealloc *pa, unsigned i, uint64_t page, uint64_t npages)
{
	pa->free_npages -= npages;
	pending_cut(&pa->pending, i, page, page + npages);
	if (pa->pending.n == PAGEALLOC_PENDING_MAX)
		settle_last(pa);
}

/*
 * The search address that the reference proposes where it finds @npages at @page, and @first is the lowest free page: it comes from the
 * root, and on each level that it reads the first entry with a free page narrows what it knows, as long as its way leads through
 * that entry. On the level where the run begins with an entry, or goes on in the next, it is there.
 */
static uint64_t search_proposed(const struct pagealloc *pa, uint64_t first, uint64_t page,
				uint64_t npages)
{
	const uint64_t last = page + npages - 1;

	for (unsigned level = PAGEALLOC_PACKED_LEVELS; level-- > 0;) {
		const unsigned log = level_log(level);
		const uint64_t entry = first >> log << log;

		if (page >> log << log == page || page >> log != last >> log ||
		    page >> log != first >> log)
			return chunk_grown(pa, chunk_of(entry))
				       ? entry
				       : ranges_at_least(&pa->grown, entry);
	}
	return first;
}

/* The lowest pending run that is long enough, if there is one, is the lowest of all. */
static bool alloc_pending(struct pagealloc *pa, uint64_t npages, uint64_t *ret_page)
{
	const uint64_t first = pa->pending.run[0].first;
	unsigned i = pending_find(&pa->pending, npages);
	uint64_t search;

	if (i == pa->pending.n)
		return false;
	*ret_page = pa->pending.run[i].first;
	search = search_proposed(pa, first, *ret_page, npages);
	if (search > pa->search)
		pa->search = search;
	take_pending(pa, i, *ret_page, npages);
	return true;
}

bool find_run(struct pagealloc *pa, uint64_t npages, uint64_t *ret_page, uint64_t *ret_search)
{
	struct tree_found at;
	struct chunk_found in;

	if (chunk_of(pa->low) >= pa->tree.limit_chunk ||
	    !tree_find(&pa->tree, npages, pa->low, &at))
		return false;
	if (at.chunk == UINT64_MAX) {
		*ret_page = at.page;
	} else {
		in = chunk_find(chunk_free_bits(pa, at.chunk), (unsigned)npages, 0);
		*ret_page = chunk_page(at.chunk) + in.page;
		if (at.exact)
			at.first_free = chunk_page(at.chunk) + in.first_free;
	}
	*ret_search = at.first_free;
	/* What is not exact may begin where nothing is grown; a search address is a grown page. */
	if ((at.chunk == UINT64_MAX || !at.exact) && !chunk_grown(pa, chunk_of(at.first_free)))
		*ret_search = ranges_at_least(&pa->grown, at.first_free);
	return true;
}

/* Nothing is free where not even a page is. */
static int none_found(struct pagealloc *pa, uint64_t npages)
{
	if (npages == 1)
		pa->search = pa->low = PAGEALLOC_PAGE_NONE;
	return PAGEALLOC_E_NO_RUN;
}

/* @npages were taken at @page, where the bits found them, which said that no page below @low is free. */
static void raise_low(struct pagealloc *pa, uint64_t low, uint64_t page, uint64_t npages)
{
	uint64_t search = low;

	if (pa->pending.n)
		search = search_proposed(pa, pa->pending.run[0].first, page, npages);
	if (search > pa->search)
		pa->search = search;
	/* Nor is any that was taken right there; what lies behind the last may not be grown. */
	if (low == page)
		low += npages - 1;
	if (low > pa->low)
		pa->low = low;
}

int pagealloc_alloc(struct pagealloc *pa, uint64_t npages, uint64_t *ret_page,
		    uint64_t *ret_scavenged)
{
	uint64_t chunk = chunk_of(pa->low), page, search, scavenged;
	unsigned from = chunk_offset(pa->low);

	if (npages == 0)
		return PAGEALLOC_E_NO_RUN;
	if (pa->pending.n && alloc_pending(pa, npages, ret_page)) {
		/* What was in use has its memory. */
		if (ret_scavenged)
			*ret_scavenged = 0;
		return 0;
	}
	if (chunk >= pa->tree.limit_chunk)
		return none_found(pa, npages);
	if (CHUNK_NPAGES - from >= npages &&
	    summary_max(pa->tree.levels[0].sums[chunk]) >= npages) {
		/* All free pages of this chunk are at or above that page, and none is below: no need for the tree. */
		struct chunk_found in = chunk_find(chunk_free_bits(pa, chunk), (unsigned)npages,
						   from);

		page = chunk_page(chunk) + in.page;
		search = chunk_page(chunk) + in.first_free;
		if (UNLIKELY(pa->watched))
			watch_take(pa, page, npages);
		pa->free_npages -= npages;
		scavenged = take_in_chunk(pa, chunk, in.page, (unsigned)npages);
		pa->scav_npages -= scavenged;
	} else if (find_run(pa, npages, &page, &search)) {
		scavenged = take_pages(pa, page, npages);
	} else {
		return none_found(pa, npages);
	}
	raise_low(pa, search, page, npages);
	*ret_page = page;
	if (ret_scavenged)
		*ret_scavenged = scavenged;
	return 0;
}

bool all_grown(const struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	size_t i;

	if (npages == 0 || npages > UINT64_MAX - page)
		return false;
	if (chunk_of(page) == chunk_of(page + npages - 1))
		return chunk_grown(pa, chunk_of(page));
	i = ranges_find_above(&pa->grown, page);
	return i > 0 && page < pa->grown.v[i - 1].limit &&
	       npages <= pa->grown.v[i - 1].limit - page;
}

bool all_free(const struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	while (npages > 0) {
		unsigned first = chunk_offset(page);
		unsigned n = npages < CHUNK_NPAGES - first ? (unsigned)npages
							   : CHUNK_NPAGES - first;

		if (!chunk_all(chunk_free_bits(pa, chunk_of(page)), first, n))
			return false;
		page += n;
		npages -= n;
	}
	return true;
}

bool none_free(const struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	while (npages > 0) {
		unsigned first = chunk_offset(page);
		unsigned n = npages < CHUNK_NPAGES - first ? (unsigned)npages
							   : CHUNK_NPAGES - first;

		/* A chunk without any free page needs no look at its bits. */
		if (pa->tree.levels[0].sums[chunk_of(page)] &&
		    !chunk_none(chunk_free_bits(pa, chunk_of(page)), first, n))
			return false;
		page += n;
		npages -= n;
	}
	return true;
}

int pagealloc_alloc_range(struct pagealloc *pa, uint64_t page, uint64_t npages,
			  uint64_t *ret_scavenged)
{
	uint64_t scavenged;

	settle_pending(pa);
	if (!all_grown(pa, page, npages))
		return PAGEALLOC_E_RANGE;
	if (!all_free(pa, page, npages))
		return PAGEALLOC_E_NOT_FREE;
	scavenged = take_pages(pa, page, npages);
	if (ret_scavenged)
		*ret_scavenged = scavenged;
	return 0;
}

void free_unchecked(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	settle_from(pa, page);
	lower_search(pa, page);
	scavindex_mark(&pa->scavindex, page, page + npages);
	give_pages(pa, page, npages);
}

/* pagealloc_free() below all that the bits say is free. */
static int free_pending(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	const struct range *last;

	if (!pending_add(&pa->pending, page, page + npages))
		return PAGEALLOC_E_NOT_ALLOCATED;
	pa->free_npages += npages;
	scavindex_mark(&pa->scavindex, page, page + npages);
	if (page < pa->search)
		pa->search = page;
	last = &pa->pending.run[pa->pending.n - 1];
	if (pa->pending.n == PAGEALLOC_PENDING_MAX)
		settle_last(pa);
	else if (pa->pending.n > PAGEALLOC_PENDING_MAX / 2 && pa->grown.npages >= PREFETCH_NPAGES)
		free_prefetch(pa, last->first, last->limit - last->first);
	return 0;
}

int pagealloc_free(struct pagealloc *pa, uint64_t page, uint64_t npages)
{
	if (!all_grown(pa, page, npages))
		return PAGEALLOC_E_RANGE;
	if (page + npages < pa->low && !pa->config.best_fit)
		return free_pending(pa, page, npages);
	if (pa->grown.npages >= PREFETCH_NPAGES)
		free_prefetch(pa, page, npages);
	settle_from(pa, page);
	if (!none_free(pa, page, npages))
		return PAGEALLOC_E_NOT_ALLOCATED;
	free_unchecked(pa, page, npages);
	return 0;
}
