/*
 * region_place - where extents may lie
 *
 * Role:       a placement in addresses becomes a request in pages; what can never be is refused, naming the constraint. What
 *             an alloc would do, without doing it.
 * Uses:       pagealloc/, region/
 */
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
	ret_req->align_npages = p->align_npages;
	ret_req->boundary_npages = p->boundary_npages;
	ret_req->last = p->last;
	err = bounds_check(r, p, ret_req, refusal);
	if (!err && p->rule != REGION_ANYWHERE)
		err = addr_check(r, p, ret_req, refusal);
	return err;
}

/* One past the highest page that is held: above it all that is grown is free. */
static uint64_t used_end(const struct region *r)
{
	uint32_t last = extents_last(&r->extents);
	const struct extent *e = extents_get(&r->extents, last);

	return last == EXTENT_NONE ? 0 : e->first + e->npages;
}

/* The lowest end of grown pages at which @req fits above all that is held. */
static int end_needed(struct region *r, const struct region_placement *p,
		      const struct pagealloc_request *req, uint64_t *ret_end)
{
	struct pagealloc_request lowest = *req;
	uint64_t page;

	if (p && p->rule == REGION_FIXED) {
		page = (p->addr - r->base_addr) >> r->page_shift;
		if (page + req->npages <= r->grown_npages || page < used_end(r))
			return REGION_E_NO_SPACE;
	} else {
		lowest.last = false;
		if (pagealloc_place_within(r->pa, &lowest, used_end(r), r->limit_npages, &page))
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
	/* What lies wholly in grown pages above the last extent would have been found. */
	if (end <= r->grown_npages) {
		region_fault(r, "R3: pages up to page %" PRIu64 " are nobody's, but are not found",
			     end);
		return REGION_E_FAULTED;
	}
	npages = end - r->grown_npages;
	if (npages < r->auto_grow_npages)
		npages = r->auto_grow_npages;
	if (npages > region_growable_npages(r))
		npages = region_growable_npages(r);
	*ret_npages = region_end_after(r, npages) - r->grown_npages;
	return 0;
}

uint64_t first_not_free(const struct region *r, uint64_t page)
{
	uint32_t i = extents_over(&r->extents, page);
	uint64_t first = r->grown_npages;

	if (i != EXTENT_NONE || page >= r->grown_npages)
		return page;
	i = extents_next(&r->extents, page);
	if (i != EXTENT_NONE)
		first = extents_get(&r->extents, i)->first;
	return first;
}

/* FIXED and HINT: can the extent be at their address as things are? */
static bool addr_is_free(const struct region *r, const struct region_placement *p,
			 const struct pagealloc_request *req, uint64_t page)
{
	uint64_t grown, nfree;

	pagealloc_count(r->pa, page, req->npages, &grown, &nfree);
	return pagealloc_fits(r->pa, req, page) && p->rule != REGION_ANYWHERE &&
	       nfree == req->npages;
}

static int find(const struct region *r, const struct region_placement *p,
		const struct pagealloc_request *req, uint64_t *ret_page)
{
	if (p && p->rule != REGION_ANYWHERE) {
		uint64_t page = (p->addr - r->base_addr) >> r->page_shift;

		if (addr_is_free(r, p, req, page)) {
			*ret_page = page;
			return 0;
		}
		if (p->rule == REGION_FIXED)
			return REGION_E_NO_SPACE;
	}
	return pagealloc_place(r->pa, req, ret_page) ? REGION_E_NO_SPACE : 0;
}

/* As find(), once the region has grown to @end. */
static int find_grown(const struct region *r, const struct region_placement *p,
		      const struct pagealloc_request *req, uint64_t end, uint64_t *ret_page)
{
	uint64_t page;

	if (p && p->rule != REGION_ANYWHERE) {
		page = (p->addr - r->base_addr) >> r->page_shift;
		if (p->rule == REGION_FIXED || (pagealloc_fits(r->pa, req, page) &&
						page >= used_end(r) && page + req->npages <= end)) {
			*ret_page = page;
			return 0;
		}
	}
	return pagealloc_place_within(r->pa, req, used_end(r), end, ret_page) ? REGION_E_NO_SPACE
									      : 0;
}

static int ask(const struct region *r, uint64_t npages, const struct region_placement *p,
	       struct pagealloc_request *ret_req, struct region_refusal *refusal)
{
	if (r->faulted)
		return REGION_E_FAULTED;
	refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	if (npages > r->limit_npages) {
		refusal->limit = r->limit_npages;
		return REGION_E_LIMIT;
	}
	return placement_request(r, p, npages, ret_req, refusal);
}

int region_why(struct region *r, uint64_t npages, const struct region_placement *p,
	       struct region_why *ret_why, struct region_refusal *ret_refusal)
{
	struct pagealloc_request req;
	uint64_t page, grow = 0;
	int err = ask(r, npages, p, &req, ret_refusal);

	if (err)
		return err;
	*ret_why = (struct region_why){.placed_npages = pagealloc_largest_placed(r->pa, &req)};
	err = find(r, p, &req, &page);
	if (err == REGION_E_NO_SPACE) {
		err = growth_plan(r, p, &req, &grow);
		if (!err)
			err = find_grown(r, p, &req, r->grown_npages + grow, &page);
		if (err)
			return err == REGION_E_NO_SPACE ? 0 : err;
	}
	ret_why->fits = true;
	ret_why->addr = region_addr(r, page);
	ret_why->grow_npages = grow;
	return 0;
}

int region_fit(struct region *r, uint64_t npages, const struct region_placement *p,
	       uint64_t *ret_nextents, struct region_refusal *ret_refusal)
{
	struct pagealloc_request req;
	int err = ask(r, npages, p, &req, ret_refusal);

	if (err)
		return err;
	*ret_nextents = pagealloc_count_placed(r->pa, &req);
	return 0;
}
