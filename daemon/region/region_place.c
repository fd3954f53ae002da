/*
 * region_place - where extents may lie
 *
 * Role:       a placement in addresses becomes a request in pages; what can never be is refused, naming the constraint. What
 *             an alloc would do, without doing it.
 * Uses:       pagealloc/, region/
 */
#include <assert.h>
#include <inttypes.h>

#include "region/region.h"
#include "region/region_private.h"

static bool pow2_or_0(uint64_t x)
{
	return (x & (x - 1)) == 0;
}

/* A count that can't be. */
static int bad_count(struct region_refusal *refusal, const char *field, uint64_t asked,
		     const char *why)
{
	refusal->field = field;
	refusal->why = why;
	refusal->asked = asked;
	return REGION_E_PLACEMENT;
}

/* An address that can't be. */
static int bad_addr(struct region_refusal *refusal, const char *field, uint64_t addr,
		    const char *why)
{
	refusal->field = field;
	refusal->why = why;
	refusal->addr = addr;
	return REGION_E_PLACEMENT;
}

static uint64_t end_addr(const struct region *r)
{
	return region_addr(r, r->limit_npages);
}

/* The first page at or above an address of the region. */
static uint64_t page_at_or_above(const struct region *r, uint64_t addr)
{
	uint64_t bytes = addr - r->base_addr;

	return (bytes >> r->page_shift) + ((bytes & (region_page_size(r) - 1)) != 0);
}

static int bounds_check(const struct region *r, const struct region_placement *p,
			struct pagealloc_request *req, struct region_refusal *refusal)
{
	if (p->lowest_addr) {
		if (p->lowest_addr < r->base_addr || p->lowest_addr >= end_addr(r))
			return bad_addr(refusal, "lowest_addr", p->lowest_addr,
					"lies outside the region");
		req->first = page_at_or_above(r, p->lowest_addr);
	}
	if (p->limit_addr) {
		if (p->limit_addr <= r->base_addr || p->limit_addr > end_addr(r))
			return bad_addr(refusal, "limit_addr", p->limit_addr,
					"lies outside the region");
		req->limit = (p->limit_addr - r->base_addr) >> r->page_shift;
	}
	if (p->limit_addr && req->first >= req->limit)
		return bad_addr(refusal, "limit_addr", p->limit_addr,
				"leaves no page above lowest_addr");
	return 0;
}

/* The address of FIXED and HINT; FIXED must not contradict the other constraints. */
static int addr_check(const struct region *r, const struct region_placement *p,
		      const struct pagealloc_request *req, struct region_refusal *refusal)
{
	uint64_t page;

	refusal->addr = p->addr;
	if (p->addr < r->base_addr || p->addr >= end_addr(r))
		return REGION_E_OUT_OF_REGION;
	if ((p->addr - r->base_addr) & (region_page_size(r) - 1))
		return REGION_E_UNALIGNED;
	page = (p->addr - r->base_addr) >> r->page_shift;
	if (req->npages > r->limit_npages - page) {
		refusal->addr = end_addr(r);
		return REGION_E_OUT_OF_REGION;
	}
	if (p->rule == REGION_FIXED && !pagealloc_fits(r->pa, req, page))
		return bad_addr(refusal, "addr", p->addr,
				"contradicts the alignment, the boundary or the bounds");
	return 0;
}

int placement_request(const struct region *r, const struct region_placement *p, uint64_t npages,
		      struct pagealloc_request *ret_req, struct region_refusal *refusal)
{
	int err;

	*ret_req = (struct pagealloc_request){.npages = npages};
	if (!p)
		return 0;
	if (!pow2_or_0(p->align_npages))
		return bad_count(refusal, "align_npages", p->align_npages, "is no power of two");
	if (!pow2_or_0(p->boundary_npages))
		return bad_count(refusal, "boundary_npages", p->boundary_npages,
				 "is no power of two");
	if (p->boundary_npages && npages > p->boundary_npages)
		return bad_count(refusal, "boundary_npages", npages,
				 "pages are more than lie between two boundaries");
	if (p->strategy == PAGEALLOC_BEST && !r->best_fit)
		return bad_count(refusal, "strategy", 2,
				 "(BEST) can be asked for only in regions with BestFit=yes");
	ret_req->align_npages = p->align_npages;
	ret_req->boundary_npages = p->boundary_npages;
	ret_req->strategy = p->strategy;
	err = bounds_check(r, p, ret_req, refusal);
	if (!err && p->rule != REGION_ANYWHERE)
		err = addr_check(r, p, ret_req, refusal);
	return err;
}

/* The place that @req would get in the free pages [first, limit), and what else they have going for them. */
struct place {
	uint64_t page, run_npages;
};

/* Does a place in [first, limit) come before the one in @best, by the strategy? The ranges are tried from below. */
static bool place_better(const struct region *r, const struct pagealloc_request *req,
			 uint64_t first, uint64_t limit, struct place *best)
{
	uint64_t page;

	if (first >= limit ||
	    (req->strategy == PAGEALLOC_BEST && limit - first >= best->run_npages))
		return false;
	if (pagealloc_place_within(r->pa, req, first, limit, &page))
		return false;
	*best = (struct place){page, limit - first};
	return true;
}

/*
 * Where @req would go if the region had grown to @end: between what is reserved and drained, from the beginning of the free run at
 * the upper end on. Below that nothing fits, or it would have been found.
 */
static int place_grown(const struct region *r, const struct pagealloc_request *req, uint64_t end,
		       uint64_t *ret_page)
{
	uint64_t at = r->end_npages - pagealloc_run_below(r->pa, r->end_npages), lo = end, hi = end;
	struct place best = {.run_npages = UINT64_MAX};
	bool found = false;

	for (; at < end; at = hi) {
		/* What is held of the pages that are grown is not free, so it ends below. */
		if (!hold_next(r, at > r->end_npages ? at : r->end_npages, &lo, &hi) || lo >= end)
			lo = hi = end;
		found |= place_better(r, req, at, lo, &best);
		if (found && req->strategy == PAGEALLOC_FIRST)
			break;
	}
	*ret_page = best.page;
	return found ? 0 : REGION_E_NO_SPACE;
}

/* Can the pages from @page on be all free, if the region has grown to @end? */
static bool free_grown(const struct region *r, uint64_t page, uint64_t npages, uint64_t end)
{
	uint64_t above = page > r->end_npages ? page : r->end_npages, lo, hi;

	return page + npages <= end &&
	       page >= r->end_npages - pagealloc_run_below(r->pa, r->end_npages) &&
	       !(hold_next(r, above, &lo, &hi) && lo < page + npages);
}

/* The lowest end of grown pages at which @req fits. */
static int end_needed(struct region *r, const struct region_placement *p,
		      const struct pagealloc_request *req, uint64_t *ret_end)
{
	struct pagealloc_request lowest = *req;
	uint64_t page;

	if (p && p->rule == REGION_FIXED) {
		page = region_page(r, p->addr);
		if (!free_grown(r, page, req->npages, r->limit_npages))
			return REGION_E_NO_SPACE;
	} else {
		lowest.strategy = PAGEALLOC_FIRST;
		if (place_grown(r, &lowest, r->limit_npages, &page))
			return REGION_E_NO_SPACE;
	}
	*ret_end = page + req->npages;
	return 0;
}

int growth_plan(struct region *r, const struct region_placement *p,
		const struct pagealloc_request *req, uint64_t *ret_npages)
{
	uint64_t end, npages;
	int err;

	if (r->auto_grow_npages == 0)
		return REGION_E_NO_SPACE;
	err = end_needed(r, p, req, &end);
	if (err)
		return err;
	/* What lies wholly in grown pages would have been found. */
	if (end <= r->end_npages) {
		region_fault(r, "R3: pages up to page %" PRIu64 " are nobody's, but are not found",
			     end);
		return REGION_E_FAULTED;
	}
	npages = end - r->end_npages;
	if (npages < r->auto_grow_npages)
		npages = r->auto_grow_npages;
	if (npages > region_growable_npages(r))
		npages = region_growable_npages(r);
	*ret_npages = region_end_after(r, npages) - r->end_npages;
	return 0;
}

/* FIXED and HINT: can the extent be at their address as things are? */
static bool addr_is_free(const struct region *r, const struct pagealloc_request *req, uint64_t page)
{
	return pagealloc_fits(r->pa, req, page) && pagealloc_run_above(r->pa, page) >= req->npages;
}

static int find(const struct region *r, const struct region_placement *p,
		const struct pagealloc_request *req, uint64_t *ret_page)
{
	int err;

	if (p && p->rule != REGION_ANYWHERE) {
		uint64_t page = region_page(r, p->addr);

		if (addr_is_free(r, req, page)) {
			*ret_page = page;
			return 0;
		}
		if (p->rule == REGION_FIXED)
			return REGION_E_NO_SPACE;
	}
	err = pagealloc_place(r->pa, req, ret_page);
	if (err == PAGEALLOC_E_AGAIN)
		return REGION_E_AGAIN;
	return err ? REGION_E_NO_SPACE : 0;
}

/* As find(), once the region has grown to @end. */
static int find_grown(const struct region *r, const struct region_placement *p,
		      const struct pagealloc_request *req, uint64_t end, uint64_t *ret_page)
{
	if (p && p->rule != REGION_ANYWHERE) {
		uint64_t page = region_page(r, p->addr);

		if (p->rule == REGION_FIXED ||
		    (pagealloc_fits(r->pa, req, page) && free_grown(r, page, req->npages, end))) {
			*ret_page = page;
			return 0;
		}
	}
	return place_grown(r, req, end, ret_page);
}

int longest_runs(struct region *r, const struct pagealloc_request *req, uint64_t *ret_placed,
		 uint64_t *ret_aligned, uint64_t *ret_bounded)
{
	struct pagealloc_request aligned = {.align_npages = req->align_npages,
					    .boundary_npages = req->boundary_npages};
	struct pagealloc_request bounded = {.first = req->first, .limit = req->limit};
	int err = pagealloc_largest_placed(r->pa, req, ret_placed);

	if (!err)
		err = pagealloc_largest_placed(r->pa, &aligned, ret_aligned);
	if (!err)
		err = pagealloc_largest_placed(r->pa, &bounded, ret_bounded);
	/* What can't be met is refused before anybody asks. */
	assert(!err || err == PAGEALLOC_E_AGAIN);
	return err ? REGION_E_AGAIN : 0;
}

static int ask(const struct region *r, uint64_t npages, const struct region_placement *p,
	       struct pagealloc_request *ret_req, struct region_refusal *refusal)
{
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = npages_check(r, npages, refusal);
	return err ? err : placement_request(r, p, npages, ret_req, refusal);
}

int region_why(struct region *r, uint64_t npages, const struct region_placement *p,
	       struct region_why *ret_why, struct region_refusal *ret_refusal)
{
	struct pagealloc_request req;
	uint64_t page, grow = 0;
	int err = ask(r, npages, p, &req, ret_refusal);

	if (err)
		return err;
	*ret_why = (struct region_why){0};
	pagealloc_set_budget(r->pa, REGION_SEARCH_NCHUNKS);
	err = longest_runs(r, &req, &ret_why->placed_npages, &ret_why->aligned_npages,
			   &ret_why->bounded_npages);
	if (err)
		return err;
	err = find(r, p, &req, &page);
	if (err == REGION_E_NO_SPACE) {
		err = growth_plan(r, p, &req, &grow);
		if (!err)
			err = find_grown(r, p, &req, r->end_npages + grow, &page);
		if (err)
			return err == REGION_E_NO_SPACE ? 0 : err;
	}
	ret_why->fits = true;
	ret_why->addr = region_addr(r, page);
	ret_why->grow_npages = grow;
	return 0;
}

int region_fit(struct region *r, uint64_t npages, const struct region_placement *p,
	       struct pagealloc_walk *w, uint64_t *ret_nextents, bool *ret_done,
	       struct region_refusal *ret_refusal)
{
	struct pagealloc_request req;
	int err = ask(r, npages, p, &req, ret_refusal);

	if (err)
		return err;
	*ret_done = pagealloc_count_placed(r->pa, &req, w, ret_nextents);
	return 0;
}
