/*
 * query - what the allocator holds, in numbers
 *
 * Role:       see pagealloc.h. Changes nothing that a caller can see.
 * Uses:       pagealloc/internal.h, pagealloc/runs.h
 */
#include "pagealloc/internal.h"
#include "pagealloc/runs.h"

static uint64_t metadata_bytes(const struct pagealloc *pa)
{
	uint64_t bytes = sizeof(*pa) + pa->grown.capacity * sizeof(*pa->grown.v);
	uint64_t nshapes = 0;

	for (unsigned i = 0; i < pa->nshapes; i++)
		nshapes += pa->shapes[i].level[0] != NULL;

	for (size_t i = 0; i < pa->grown.n; i++) {
		uint64_t first = chunk_of(pa->grown.v[i].first),
			 limit = chunk_of(pa->grown.v[i].limit);
		uint64_t n = limit - first;

		bytes += n * (2 * CHUNK_NWORDS * sizeof(uint64_t) + sizeof(*pa->nscav)) + 2 * n / 8;
		/* A bound of a shape is half as large as a packed summary. */
		bytes += tree_bytes(&pa->tree, first, limit) * (2 + nshapes) / 2;
	}
	return bytes + (pa->runs.nodes ? runindex_bytes(&pa->runs) : 0);
}

uint64_t pagealloc_free_npages(const struct pagealloc *pa)
{
	return pa->free_npages;
}

void pagealloc_stat(struct pagealloc *pa, struct pagealloc_stat *ret_stat)
{
	settle_pending(pa);
	*ret_stat = (struct pagealloc_stat){
		.limit_npages = pa->config.limit_npages,
		.grown_npages = pa->grown.npages,
		.free_npages = pa->free_npages,
		.scavenged_npages = pa->scav_npages,
		.largest_npages = tree_largest(&pa->tree),
		.metadata_bytes = metadata_bytes(pa),
	};
}

struct tally {
	struct runs runs; /* first: visit() finds the rest from here */
	struct pagealloc_histogram *histogram;
};

static void visit_tally(struct runs *w, uint64_t first, uint64_t limit)
{
	struct pagealloc_histogram *h = CONTAINER_OF(w, struct tally, runs)->histogram;
	unsigned log = 63 - bits_clz(limit - first);

	h->nruns[log]++;
	h->npages[log] += limit - first;
}

bool pagealloc_count_runs(struct pagealloc *pa, struct pagealloc_walk *w,
			  struct pagealloc_histogram *ret)
{
	struct tally t = {.histogram = ret};
	bool done;

	t.runs = (struct runs){.first = w->next,
			       .limit = chunk_page(pa->nchunks),
			       .min_npages = 1,
			       .budget = w->budget,
			       .visit = visit_tally};
	done = runs_walk(pa, &t.runs);
	w->next = t.runs.next;
	return done;
}

size_t pagealloc_nranges(const struct pagealloc *pa)
{
	return pa->grown.n;
}

void pagealloc_range(const struct pagealloc *pa, size_t i, uint64_t *ret_first, uint64_t *ret_limit)
{
	*ret_first = pa->grown.v[i].first;
	*ret_limit = pa->grown.v[i].limit;
}

bool pagealloc_next_grown(const struct pagealloc *pa, uint64_t page, uint64_t *ret_first,
			  uint64_t *ret_limit)
{
	return ranges_next(&pa->grown, page, ret_first, ret_limit);
}

/* Scavenged pages among [page, limit), all grown. */
static uint64_t count_scavenged(const struct pagealloc *pa, uint64_t page, uint64_t limit)
{
	uint64_t count = 0;

	while (page < limit) {
		uint64_t chunk = chunk_of(page);
		unsigned first = chunk_offset(page);
		unsigned n = limit - page < CHUNK_NPAGES - first ? (unsigned)(limit - page)
								 : CHUNK_NPAGES - first;

		if (pa->nscav[chunk] == CHUNK_NPAGES)
			count += n;
		else if (pa->nscav[chunk])
			count += chunk_count(chunk_scav_bits(pa, chunk), first, n);
		page += n;
	}
	return count;
}

/* Free pages among [page, limit), all grown. */
static uint64_t count_free(const struct pagealloc *pa, uint64_t page, uint64_t limit)
{
	const uint64_t free_sum = summary_free(PAGEALLOC_CHUNK_LOG);
	uint64_t count = 0;

	while (page < limit) {
		uint64_t chunk = chunk_of(page), sum = pa->tree.levels[0].sums[chunk];
		unsigned first = chunk_offset(page);
		unsigned n = limit - page < CHUNK_NPAGES - first ? (unsigned)(limit - page)
								 : CHUNK_NPAGES - first;

		/* Full and empty chunks are known without looking at their bits. */
		if (sum == free_sum)
			count += n;
		else if (sum)
			count += chunk_count(chunk_free_bits(pa, chunk), first, n);
		page += n;
	}
	return count;
}

void pagealloc_count(struct pagealloc *pa, uint64_t page, uint64_t npages, uint64_t *ret_grown,
		     uint64_t *ret_free, uint64_t *ret_scavenged)
{
	uint64_t limit = npages > UINT64_MAX - page ? UINT64_MAX : page + npages;
	uint64_t grown = 0, count = 0, scavenged = 0;
	size_t i = ranges_find_above(&pa->grown, page);

	settle_pending(pa);
	for (i = i ? i - 1 : 0; i < pa->grown.n && pa->grown.v[i].first < limit; i++) {
		uint64_t lo = pa->grown.v[i].first > page ? pa->grown.v[i].first : page;
		uint64_t hi = pa->grown.v[i].limit < limit ? pa->grown.v[i].limit : limit;

		if (lo < hi) {
			grown += hi - lo;
			count += count_free(pa, lo, hi);
			scavenged += count_scavenged(pa, lo, hi);
		}
	}
	*ret_grown = grown;
	*ret_free = count;
	*ret_scavenged = scavenged;
}

/* Where the scavenged pages in a row from @page on end, in its chunk or at its end. */
static uint64_t scavenged_end(const struct pagealloc *pa, uint64_t page)
{
	uint64_t chunk = chunk_of(page);

	/* Mostly all of a chunk is scavenged, or nothing: then its bits need not be looked at. */
	if (pa->nscav[chunk] == 0)
		return page;
	if (pa->nscav[chunk] == CHUNK_NPAGES)
		return chunk_page(chunk + 1);
	return page + chunk_run_up(chunk_scav_bits(pa, chunk), chunk_offset(page));
}

/* Where the pages that are not, in a row from @page on, end. */
static uint64_t dirty_run_end(const struct pagealloc *pa, uint64_t page)
{
	uint64_t chunk = chunk_of(page);

	if (pa->nscav[chunk] == 0)
		return chunk_page(chunk + 1);
	return page + chunk_used_up(chunk_scav_bits(pa, chunk), chunk_offset(page));
}

bool pagealloc_next_dirty(const struct pagealloc *pa, uint64_t page, uint64_t limit,
			  uint64_t *ret_first, uint64_t *ret_limit)
{
	uint64_t end;

	for (; page < limit; page = end) {
		end = scavenged_end(pa, page);
		if (end == page)
			break;
	}
	if (page >= limit)
		return false;
	*ret_first = page;
	for (; page < limit; page = end) {
		end = dirty_run_end(pa, page);
		if (end == page)
			break;
	}
	*ret_limit = page < limit ? page : limit;
	return true;
}

uint64_t pagealloc_dirty_end(const struct pagealloc *pa, uint64_t first, uint64_t limit)
{
	while (limit > first) {
		uint64_t chunk = chunk_of(limit - 1);
		unsigned end = chunk_offset(limit - 1) + 1, n;

		n = pa->nscav[chunk] ? chunk_run_down(chunk_scav_bits(pa, chunk), end) : 0;
		if (n == 0)
			return limit;
		limit = n < limit - first ? limit - n : first;
	}
	return first;
}
