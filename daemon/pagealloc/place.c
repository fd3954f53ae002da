/*
 * place - placement under constraints: alignment, bounds, boundary, from below or from above
 *
 * Role:       see pagealloc.h. Asks the walk over free runs for runs that are long enough and fits the request into each.
 * Uses:       pagealloc/internal.h, pagealloc/runs.h
 *
 * Alignment and boundary refer to address 0; page p lies origin_npages + p above it ("absolute"). Within a run of free pages
 * the lowest place is its first aligned page, or, where the run would cross a boundary from there, the next boundary: both are
 * powers of two, so the larger of them is a multiple of the smaller, and no third place has to be tried.
 */
#include "base/bits.h"
#include "pagealloc/internal.h"
#include "pagealloc/runs.h"

struct search {
	struct runs runs; /* first: visit() finds the rest from here */
	const struct pagealloc_request *req;
	uint64_t origin;
	uint64_t align, boundary; /* 1 and 0 where there is none */
	uint64_t page;            /* what was found */
	uint64_t n;               /* what was counted, or the longest */
};

static struct search *search_of(struct runs *w)
{
	return CONTAINER_OF(w, struct search, runs);
}

static uint64_t align_up(uint64_t x, uint64_t to)
{
	return (x + to - 1) & ~(to - 1);
}

static uint64_t align_down(uint64_t x, uint64_t to)
{
	return x & ~(to - 1);
}

/* Would @npages from absolute page @at cross a boundary? */
static bool crosses(const struct search *s, uint64_t at, uint64_t npages)
{
	return s->boundary &&
	       align_down(at, s->boundary) != align_down(at + npages - 1, s->boundary);
}

/* The lowest place for @npages in the free pages [first, limit), UINT64_MAX if there is none. */
static uint64_t lowest_in(const struct search *s, uint64_t first, uint64_t limit, uint64_t npages)
{
	uint64_t at = align_up(first + s->origin, s->align);

	if (crosses(s, at, npages))
		at = align_up(align_up(at, s->boundary), s->align);
	if (at - s->origin >= limit || npages > limit - (at - s->origin))
		return UINT64_MAX;
	return at - s->origin;
}

/* The highest place for @npages in the free pages [first, limit). */
static uint64_t highest_in(const struct search *s, uint64_t first, uint64_t limit, uint64_t npages)
{
	uint64_t at;

	if (npages > limit - first)
		return UINT64_MAX;
	at = align_down(limit + s->origin - npages, s->align);
	if (crosses(s, at, npages)) {
		uint64_t border = align_down(at + npages - 1, s->boundary);

		if (border < npages)
			return UINT64_MAX;
		at = align_down(border - npages, s->align);
	}
	return at >= first + s->origin ? at - s->origin : UINT64_MAX;
}

static bool visit_lowest(struct runs *w, uint64_t first, uint64_t limit)
{
	struct search *s = search_of(w);

	s->page = lowest_in(s, first, limit, s->req->npages);
	return s->page != UINT64_MAX;
}

static bool visit_highest(struct runs *w, uint64_t first, uint64_t limit)
{
	struct search *s = search_of(w);

	s->page = highest_in(s, first, limit, s->req->npages);
	return s->page != UINT64_MAX;
}

static bool pow2_or_0(uint64_t x)
{
	return !x || bits_is_pow2(x);
}

/* Can anything meet these constraints? Fills in the search. */
static bool search_init(struct search *s, struct pagealloc *pa, const struct pagealloc_request *req)
{
	const uint64_t all = chunk_page(pa->nchunks);

	*s = (struct search){
		.req = req,
		.origin = pa->config.origin_npages,
		.align = req->align_npages ? req->align_npages : 1,
		.boundary = req->boundary_npages,
		.page = UINT64_MAX,
	};
	s->runs.first = req->first;
	s->runs.limit = req->limit && req->limit < all ? req->limit : all;
	s->runs.min_npages = req->npages;
	/* No free page is below the search address. */
	if (s->runs.first < pa->search)
		s->runs.first = pa->search;
	return pow2_or_0(req->align_npages) && pow2_or_0(req->boundary_npages) && req->npages > 0 &&
	       (!req->limit || req->first < req->limit) &&
	       (!req->boundary_npages || req->npages <= req->boundary_npages);
}

int pagealloc_place(struct pagealloc *pa, const struct pagealloc_request *req, uint64_t *ret_page)
{
	struct search s;
	bool found;

	if (!search_init(&s, pa, req))
		return PAGEALLOC_E_RANGE;
	s.runs.visit = req->last ? visit_highest : visit_lowest;
	found = req->last ? runs_down(pa, &s.runs) : runs_up(pa, &s.runs);
	if (!found)
		return PAGEALLOC_E_NO_RUN;
	*ret_page = s.page;
	return 0;
}

int pagealloc_place_within(struct pagealloc *pa, const struct pagealloc_request *req,
			   uint64_t first, uint64_t limit, uint64_t *ret_page)
{
	struct search s;
	uint64_t page;

	if (!search_init(&s, pa, req))
		return PAGEALLOC_E_RANGE;
	if (first < req->first)
		first = req->first;
	if (req->limit && limit > req->limit)
		limit = req->limit;
	if (first >= limit)
		return PAGEALLOC_E_NO_RUN;
	page = req->last ? highest_in(&s, first, limit, req->npages)
			 : lowest_in(&s, first, limit, req->npages);
	if (page == UINT64_MAX)
		return PAGEALLOC_E_NO_RUN;
	*ret_page = page;
	return 0;
}

/* Nothing but a length is asked for. */
static bool is_plain(const struct pagealloc_request *req)
{
	return !req->last && req->align_npages <= 1 && !req->boundary_npages && !req->first &&
	       !req->limit;
}

int pagealloc_alloc_placed(struct pagealloc *pa, const struct pagealloc_request *req,
			   uint64_t *ret_page, uint64_t *ret_scavenged)
{
	uint64_t page, scavenged;
	int err;

	if (is_plain(req) && req->npages)
		return pagealloc_alloc(pa, req->npages, ret_page, ret_scavenged);
	err = pagealloc_place(pa, req, &page);
	if (err)
		return err;
	scavenged = take_pages(pa, page, req->npages);
	*ret_page = page;
	if (ret_scavenged)
		*ret_scavenged = scavenged;
	return 0;
}

bool pagealloc_fits(const struct pagealloc *pa, const struct pagealloc_request *req, uint64_t page)
{
	struct search s = {.boundary = req->boundary_npages};
	uint64_t at = page + pa->config.origin_npages;

	if (req->align_npages > 1 && at & (req->align_npages - 1))
		return false;
	return page >= req->first &&
	       (!req->limit || (page < req->limit && req->npages <= req->limit - page)) &&
	       !crosses(&s, at, req->npages);
}

/* The longest that fits anywhere into this run; nothing shorter is of interest from now on. */
static bool visit_longest(struct runs *w, uint64_t first, uint64_t limit)
{
	struct search *s = search_of(w);
	uint64_t lo = first + s->origin, end = limit + s->origin, at = align_up(lo, s->align), n;

	/* From the first aligned page, or from the first boundary in the run, up to the end or the next boundary. */
	for (int i = 0; i < 2 && at >= lo && at < end; i++) {
		n = end - at;
		if (s->boundary && n > s->boundary - (at & (s->boundary - 1)))
			n = s->boundary - (at & (s->boundary - 1));
		if (n > s->n)
			s->n = n;
		if (!s->boundary)
			break;
		at = align_up(align_down(at, s->boundary) + s->boundary, s->align);
	}
	w->min_npages = s->n + 1;
	return false;
}

uint64_t pagealloc_largest_placed(struct pagealloc *pa, const struct pagealloc_request *req)
{
	struct pagealloc_request any = *req;
	struct search s;

	any.npages = 1;
	if (!search_init(&s, pa, &any))
		return 0;
	s.runs.visit = visit_longest;
	runs_up(pa, &s.runs);
	return s.n;
}

static bool visit_count(struct runs *w, uint64_t first, uint64_t limit)
{
	struct search *s = search_of(w);
	uint64_t npages = s->req->npages, at;

	while ((at = lowest_in(s, first, limit, npages)) != UINT64_MAX) {
		s->n++;
		if (!s->boundary) {
			/* All that follow lie a stride apart. */
			s->n += (limit - at - npages) / align_up(npages, s->align);
			break;
		}
		first = at + npages;
	}
	return false;
}

uint64_t pagealloc_count_placed(struct pagealloc *pa, const struct pagealloc_request *req)
{
	struct search s;

	if (!search_init(&s, pa, req))
		return 0;
	s.runs.visit = visit_count;
	runs_up(pa, &s.runs);
	return s.n;
}
