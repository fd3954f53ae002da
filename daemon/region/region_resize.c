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

int extent_find(const struct region *r, const struct session *s, uint64_t addr, bool inside,
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
	if (!session_may_free(s, r, holding_of(r, i)->owner))
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

static uint64_t lower_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t upper_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The extent becomes [first, limit): one of its edges moves, over [lo, hi). */
static int edge_move(struct region *r, uint32_t i, uint64_t first, uint64_t limit,
		     uint64_t *ret_scavenged, struct region_refusal *refusal)
{
	const struct extent *e = extents_get(&r->extents, i);
	struct holding *h = holding_of(r, i);
	bool upper = first == e->first, grows = limit - first > e->npages;
	uint64_t lo = upper ? lower_of(limit, extent_end(e)) : lower_of(first, e->first);
	uint64_t hi = upper ? upper_of(limit, extent_end(e)) : upper_of(first, e->first);
	int err = 0;

	if (lo == hi)
		return 0;
	if (grows) {
		err = region_quota_check(r, h, hi - lo, 0, refusal);
		if (!err)
			err = pages_take(r, lo, hi, upper, ret_scavenged, refusal);
		if (err)
			return err;
	}
	if (grows)
		region_pages_add(r, h, hi - lo);
	else
		region_pages_drop(r, h, hi - lo);
	extents_move(&r->extents, i, first, limit - first);
	region_peak(r);
	event_extent(r, grows ? EVENT_ALLOC : EVENT_FREE, h, lo, hi - lo);
	if (!grows)
		err = pages_give(r, lo, hi);
	region_changed(r);
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
	if (extent_nshares(r, i))
		return shared_refuse(r, i, ret_refusal);
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
	if (extent_nshares(r, i))
		return shared_refuse(r, i, ret_refusal);
	h = holding_of(r, i);
	err = region_quota_check(r, h, 0, 1, ret_refusal);
	if (!err)
		err = extents_reserve(&r->extents, 1);
	if (!err && extra_of(r, i))
		err = extras_reserve(r->extras, 1);
	if (err)
		return err;
	page = region_page(r, addr);
	first = extents_get(&r->extents, i)->first;
	limit = extent_end(extents_get(&r->extents, i));
	extents_move(&r->extents, i, first, page - first);
	region_pages_drop(r, h, limit - page);
	extra_split(r, i, region_extent_add(r, h, page, limit - page));
	*ret_addr = region_addr(r, first);
	*ret_npages = page - first;
	*ret_upper_npages = limit - page;
	return 0;
}

/* May extent @i become a part of the joined one? Nobody shares it, and no other has a name as it has. */
static int join_extra(const struct region *r, uint32_t i, bool *named,
		      struct region_refusal *refusal)
{
	const struct extra *x = extra_of(r, i);

	if (!x)
		return 0;
	if (x->nshares)
		return shared_refuse(r, i, refusal);
	if (x->name && *named) {
		refusal->field = "npages";
		refusal->why = "is the second of these extents that has a name, and one can keep "
			       "its name: take the other name away first";
		return REGION_E_PLACEMENT;
	}
	*named |= x->name != NULL;
	return 0;
}

/* Do extents of one owner make up [first, limit), without anything left over? The first is found already. */
static int join_check(const struct region *r, uint32_t i, uint64_t limit, uint32_t *ret_nextents,
		      struct region_refusal *refusal)
{
	uint32_t holding = extents_get(&r->extents, i)->holding, n = 1;
	uint64_t at = extent_end(extents_get(&r->extents, i));
	bool named = false;
	int err = join_extra(r, i, &named, refusal);

	for (; at < limit && !err; n++) {
		i = extents_at(&r->extents, at);
		refusal->addr = region_addr(r, at);
		if (i == EXTENT_NONE)
			return REGION_E_NOT_ALLOCATED;
		if (extents_get(&r->extents, i)->holding != holding)
			return REGION_E_NOT_OWNER;
		err = join_extra(r, i, &named, refusal);
		at = extent_end(extents_get(&r->extents, i));
	}
	if (err)
		return err;
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
		extra_join(r, i, next);
		region_extent_drop(r, h, next);
	}
	region_pages_add(r, h, npages - extents_get(&r->extents, i)->npages);
	extents_move(&r->extents, i, first, npages);
	*ret_nextents = n;
	return 0;
}
