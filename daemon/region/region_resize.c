/*
 * region_resize - extents change their shape where they are: resize, split, join
 *
 * Role:       see region.h. Everything is looked at before anything is changed.
 * Uses:       pagealloc/, region/
 */
#include <inttypes.h>

#include "region/region.h"
#include "region/region_private.h"
#include "region/session.h"

static struct holding *holding_of(const struct region *r, uint32_t i)
{
	return holding_by_index(&r->holdings, extents_get(&r->extents, i)->holding);
}

/* The extent that begins at @addr, or, with @inside, in which it lies behind the beginning; the caller must own it. */
static int extent_find(const struct region *r, const struct session *s, uint64_t addr, bool inside,
		       uint32_t *ret_i, struct region_refusal *refusal)
{
	uint64_t page;
	uint32_t i;
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = range_check(r, addr, 1, refusal);
	if (err)
		return err;
	page = region_page(r, addr);
	i = extents_over(&r->extents, page);
	if (i == EXTENT_NONE)
		return REGION_E_NOT_ALLOCATED;
	if (!session_may_free(s, holding_of(r, i)->owner))
		return REGION_E_NOT_OWNER;
	if ((extents_get(&r->extents, i)->first == page) == inside) {
		refusal->addr = region_addr(r, extents_get(&r->extents, i)->first);
		return REGION_E_INSIDE;
	}
	*ret_i = i;
	return 0;
}

/* Grow the region so that an extent that ends in the free run up to its end reaches page @end. */
static int grow_for(struct region *r, uint64_t end)
{
	uint64_t lo, hi, npages;

	if (r->auto_grow_npages == 0 || end > r->limit_npages ||
	    (hold_next(r, r->end_npages, &lo, &hi) && lo < end))
		return REGION_E_NOT_FREE;
	npages = end - r->end_npages;
	if (npages < r->auto_grow_npages)
		npages = r->auto_grow_npages;
	if (npages > region_growable_npages(r))
		npages = region_growable_npages(r);
	return region_grow_by(r, npages);
}

/* Take pages [first, limit), of which @upper says on which side of the extent they lie. */
static int pages_take(struct region *r, uint64_t first, uint64_t limit, bool upper,
		      uint64_t *ret_scavenged, struct region_refusal *refusal)
{
	uint64_t n = upper ? pagealloc_run_above(r->pa, first) : pagealloc_run_below(r->pa, limit);
	int err = 0;

	if (n < limit - first) {
		/* The first page in the way, seen from the extent. */
		refusal->addr = region_addr(r, upper ? first + n : limit - n - 1);
		if (!upper || first + n != r->end_npages)
			return REGION_E_NOT_FREE;
		err = grow_for(r, limit);
		if (err)
			return err;
	}
	err = pagealloc_alloc_range(r->pa, first, limit - first, ret_scavenged);
	if (err > 0) {
		region_fault(r, "R3: pages from %" PRIu64 " are free, but can't be taken (%d)",
			     first, err);
		return REGION_E_FAULTED;
	}
	return err;
}

static int pages_give(struct region *r, uint64_t first, uint64_t limit)
{
	int err = pagealloc_free(r->pa, first, limit - first);

	if (err) {
		region_fault(r, "R3: pages from %" PRIu64 " are held, but can't be given back (%d)",
			     first, err);
		return REGION_E_FAULTED;
	}
	pages_freed(r, first, limit - first);
	return 0;
}

/* The extent becomes [first, limit): one of its edges moves. */
static int edge_move(struct region *r, uint32_t i, uint64_t first, uint64_t limit,
		     uint64_t *ret_scavenged, struct region_refusal *refusal)
{
	struct extent *e = extents_get(&r->extents, i);
	struct holding *h = holding_of(r, i);
	uint64_t old_first = e->first, old_limit = extent_end(e);
	int err = 0;

	if (first < old_first)
		err = pages_take(r, first, old_first, false, ret_scavenged, refusal);
	else if (limit > old_limit)
		err = pages_take(r, old_limit, limit, true, ret_scavenged, refusal);
	if (err)
		return err;
	region_pages_drop(r, h, old_limit - old_first);
	extents_move(&r->extents, i, first, limit - first);
	region_pages_add(r, h, limit - first);
	region_peak(r);
	if (first > old_first)
		err = pages_give(r, old_first, first);
	else if (limit < old_limit)
		err = pages_give(r, limit, old_limit);
	return err;
}

int region_resize(struct region *r, const struct session *s, uint64_t addr, uint64_t npages,
		  enum region_edge edge, uint64_t *ret_addr, uint64_t *ret_scavenged,
		  struct region_refusal *ret_refusal)
{
	uint64_t first, limit, scavenged = 0;
	const struct extent *e;
	uint32_t i;
	int err = extent_find(r, s, addr, false, &i, ret_refusal);

	if (err)
		return err;
	ret_refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	e = extents_get(&r->extents, i);
	first = e->first;
	limit = extent_end(e);
	if (npages > (edge == REGION_UPPER ? r->limit_npages - first : limit)) {
		ret_refusal->addr = edge == REGION_UPPER ? region_addr(r, r->limit_npages)
							 : r->base_addr;
		return REGION_E_OUT_OF_REGION;
	}
	if (edge == REGION_UPPER)
		limit = first + npages;
	else
		first = limit - npages;
	err = edge_move(r, i, first, limit, &scavenged, ret_refusal);
	if (err)
		return err;
	*ret_addr = region_addr(r, first);
	*ret_scavenged = scavenged;
	return 0;
}

int region_split(struct region *r, const struct session *s, uint64_t addr, uint64_t *ret_addr,
		 uint64_t *ret_npages, uint64_t *ret_upper_npages,
		 struct region_refusal *ret_refusal)
{
	uint64_t page, first, limit;
	struct holding *h;
	uint32_t i;
	int err = extent_find(r, s, addr, true, &i, ret_refusal);

	if (err)
		return err;
	err = extents_reserve(&r->extents, 1);
	if (err)
		return err;
	page = region_page(r, addr);
	first = extents_get(&r->extents, i)->first;
	limit = extent_end(extents_get(&r->extents, i));
	h = holding_of(r, i);
	extents_move(&r->extents, i, first, page - first);
	region_pages_drop(r, h, limit - page);
	region_extent_add(r, h, page, limit - page);
	*ret_addr = region_addr(r, first);
	*ret_npages = page - first;
	*ret_upper_npages = limit - page;
	return 0;
}

/* Do extents of one owner make up [first, limit), without anything left over? The first is found already. */
static int join_check(const struct region *r, uint32_t i, uint64_t limit, uint32_t *ret_nextents,
		      struct region_refusal *refusal)
{
	uint32_t holding = extents_get(&r->extents, i)->holding, n = 1;
	uint64_t at = extent_end(extents_get(&r->extents, i));

	for (; at < limit; n++) {
		i = extents_at(&r->extents, at);
		refusal->addr = region_addr(r, at);
		if (i == EXTENT_NONE)
			return REGION_E_NOT_ALLOCATED;
		if (extents_get(&r->extents, i)->holding != holding)
			return REGION_E_NOT_OWNER;
		at = extent_end(extents_get(&r->extents, i));
	}
	if (at > limit) {
		refusal->addr = region_addr(r, extents_get(&r->extents, i)->first);
		return REGION_E_INSIDE;
	}
	*ret_nextents = n;
	return 0;
}

int region_join(struct region *r, const struct session *s, uint64_t addr, uint64_t npages,
		uint32_t *ret_nextents, struct region_refusal *ret_refusal)
{
	uint64_t first, at;
	struct holding *h;
	uint32_t i, n;
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = range_check(r, addr, npages, ret_refusal);
	if (!err)
		err = extent_find(r, s, addr, false, &i, ret_refusal);
	if (!err)
		err = join_check(r, i, region_page(r, addr) + npages, &n, ret_refusal);
	if (err)
		return err;
	h = holding_of(r, i);
	first = extents_get(&r->extents, i)->first;
	for (at = extent_end(extents_get(&r->extents, i)); at < first + npages;) {
		uint32_t next = extents_at(&r->extents, at);

		at = extent_end(extents_get(&r->extents, next));
		region_extent_drop(r, h, next);
	}
	region_pages_add(r, h, npages - extents_get(&r->extents, i)->npages);
	extents_move(&r->extents, i, first, npages);
	*ret_nextents = n;
	return 0;
}
