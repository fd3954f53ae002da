/*
 * region_shrink - taking unused address space out of a region
 *
 * Role:       see region.h. Whole chunks only: that is what the allocator grows and shrinks by.
 * Uses:       pagealloc/, region/
 */
#include <inttypes.h>

#include "region/region.h"
#include "region/region_private.h"

/* The whole chunks of the highest @npages pages, as far as they are grown without a gap. */
static int top_range(const struct region *r, uint64_t npages, uint64_t *ret_first,
		     uint64_t *ret_limit, struct region_refusal *refusal)
{
	size_t n = pagealloc_nranges(r->pa);
	uint64_t first, limit, least;

	refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	if (n == 0)
		return REGION_E_CHUNKS;
	pagealloc_range(r->pa, n - 1, &least, &limit);
	first = npages < r->end_npages ? chunk_round_up(r->end_npages - npages) : 0;
	*ret_first = first > least ? first : least;
	*ret_limit = limit;
	return *ret_first < limit ? 0 : REGION_E_CHUNKS;
}

/* The whole chunks in a range that is named; the region's last one counts as whole. */
static int named_range(const struct region *r, uint64_t addr, uint64_t npages, uint64_t *ret_first,
		       uint64_t *ret_limit, struct region_refusal *refusal)
{
	uint64_t first, limit, lo, hi;
	int err = range_check(r, addr, npages, refusal);

	if (err)
		return err;
	first = chunk_round_up(region_page(r, addr));
	limit = region_page(r, addr) + npages;
	limit = limit == r->limit_npages ? chunk_round_up(limit)
					 : limit / PAGEALLOC_CHUNK_NPAGES * PAGEALLOC_CHUNK_NPAGES;
	if (first >= limit)
		return REGION_E_CHUNKS;
	refusal->addr = region_addr(r, first);
	if (!pagealloc_next_grown(r->pa, first, &lo, &hi) || lo > first)
		return REGION_E_GROWN;
	refusal->addr = region_addr(r, hi);
	if (hi < limit)
		return REGION_E_GROWN;
	*ret_first = first;
	*ret_limit = limit;
	return 0;
}

/* Nobody holds any of [first, limit), nor is any of it busy: what is reserved and drained there is let go, so that all of it is free. */
static void let_go(struct region *r, uint64_t first, uint64_t limit)
{
	while (first < limit) {
		struct pagealloc_request any = {.npages = 1, .first = first, .limit = limit};
		uint64_t page;

		if (pagealloc_place(r->pa, &any, &page))
			page = limit;
		if (page > first && pagealloc_free(r->pa, first, page - first))
			region_fault(r,
				     "R3: page %" PRIu64 " is not free, but cannot be given back",
				     first);
		first = page < limit ? page + pagealloc_run_above(r->pa, page) : limit;
	}
}

static void end_recount(struct region *r)
{
	size_t n = pagealloc_nranges(r->pa);
	uint64_t first, limit = 0;

	if (n)
		pagealloc_range(r->pa, n - 1, &first, &limit);
	r->end_npages = limit < r->limit_npages ? limit : r->limit_npages;
}

int range_drop(struct region *r, uint64_t first, uint64_t limit)
{
	int err;

	let_go(r, first, limit);
	err = pagealloc_shrink(r->pa, first, limit - first);
	if (err > 0) {
		region_fault(r, "R3: pages from %" PRIu64 " are nobody's, but not free (%d)", first,
			     err);
		return REGION_E_FAULTED;
	}
	if (err) {
		hold_take(r, first, limit);
		return err;
	}
	r->grown_npages -= (limit < r->limit_npages ? limit : r->limit_npages) - first;
	end_recount(r);
	return 0;
}

int region_shrink(struct region *r, uint64_t addr, uint64_t npages, uint64_t *ret_addr,
		  uint64_t *ret_npages, struct region_in_use *ret_in_use,
		  struct region_refusal *ret_refusal)
{
	uint64_t first, limit, usable;
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = addr ? named_range(r, addr, npages, &first, &limit, ret_refusal)
		   : top_range(r, npages, &first, &limit, ret_refusal);
	if (err)
		return err;
	in_use_fill(r, first, limit, ret_in_use);
	if (ret_in_use->nextents) {
		ret_refusal->addr = ret_in_use->addr[0];
		ret_refusal->nextents = ret_in_use->nextents;
		return REGION_E_IN_USE;
	}
	if (busy_lies_in(r, first, limit, ret_refusal))
		return REGION_E_BUSY;
	err = hold_forget_drained(r, first, limit);
	if (err)
		return err;
	changes_note_space(&r->changes);
	err = range_drop(r, first, limit);
	if (err)
		return err;
	usable = (limit < r->limit_npages ? limit : r->limit_npages) - first;
	r->counters.shrinks++;
	event_range(r, EVENT_SHRINK, first, usable);
	region_changed(r);
	*ret_addr = region_addr(r, first);
	*ret_npages = usable;
	return 0;
}
