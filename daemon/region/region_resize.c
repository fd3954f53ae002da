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

int resize_take(struct region *r, const struct resize *z, struct region_pending *q,
		uint64_t *ret_scavenged, struct region_refusal *refusal)
{
	uint64_t first = z->lo, limit = z->hi;
	uint64_t n = z->upper ? pagealloc_run_above(r->pa, first)
			      : pagealloc_run_below(r->pa, limit);
	int err = 0;

	if (n < limit - first) {
		/* The first page in the way, seen from the extent. */
		refusal->addr = region_addr(r, z->upper ? first + n : limit - n - 1);
		if (busy_alone(r, first, limit))
			return REGION_E_BUSY;
		if (!z->upper || first + n != r->end_npages)
			return REGION_E_NOT_FREE;
		err = grow_for(r, limit);
		if (err)
			return err;
	}
	if (q)
		err = pending_note(q, first, limit - first);
	if (err)
		return err;
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

void resize_grown(struct region *r, const struct resize *z)
{
	struct holding *h = holding_of(r, z->i);

	region_pages_add(r, h, z->hi - z->lo);
	region_extent_move(r, z->i, z->first, z->limit - z->first);
	region_peak(r);
	event_extent(r, EVENT_ALLOC, h, z->lo, z->hi - z->lo);
}

static int edge_shrink(struct region *r, const struct resize *z)
{
	struct holding *h = holding_of(r, z->i);

	region_pages_drop(r, h, z->hi - z->lo);
	region_extent_move(r, z->i, z->first, z->limit - z->first);
	event_extent(r, EVENT_FREE, h, z->lo, z->hi - z->lo);
	return pages_give(r, z->lo, z->hi);
}

static int edge_grow(struct region *r, const struct resize *z, uint64_t *ret_scavenged,
		     struct region_refusal *refusal)
{
	int err = region_quota_check(r, holding_of(r, z->i), z->hi - z->lo, 0, refusal);

	if (!err)
		err = resize_take(r, z, NULL, ret_scavenged, refusal);
	if (!err)
		resize_grown(r, z);
	return err;
}

int resize_plan(const struct region *r, const struct session *s, uint64_t addr, uint64_t npages,
		enum region_edge edge, struct resize *ret_z, struct region_refusal *refusal)
{
	struct resize z = {.upper = edge == REGION_UPPER};
	uint64_t first, limit;
	int err = extent_find(r, s, addr, false, &z.i, refusal);

	if (err)
		return err;
	if (extent_nshares(r, z.i))
		return shared_refuse(r, z.i, refusal);
	refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	first = extents_get(&r->extents, z.i)->first;
	limit = extent_end(extents_get(&r->extents, z.i));
	if (npages > (z.upper ? r->limit_npages - first : limit)) {
		refusal->addr = z.upper ? region_addr(r, r->limit_npages) : r->base_addr;
		return REGION_E_OUT_OF_REGION;
	}
	z.first = z.upper ? first : limit - npages;
	z.limit = z.upper ? first + npages : limit;
	z.grows = npages > limit - first;
	z.lo = z.upper ? lower_of(z.limit, limit) : lower_of(z.first, first);
	z.hi = z.upper ? upper_of(z.limit, limit) : upper_of(z.first, first);
	*ret_z = z;
	return 0;
}

int region_resize(struct region *r, const struct session *s, uint64_t addr, uint64_t npages,
		  enum region_edge edge, uint64_t *ret_addr, uint64_t *ret_scavenged,
		  struct region_refusal *ret_refusal)
{
	uint64_t scavenged = 0;
	struct resize z;
	int err = resize_plan(r, s, addr, npages, edge, &z, ret_refusal);

	if (!err && z.lo != z.hi) {
		err = z.grows ? edge_grow(r, &z, &scavenged, ret_refusal) : edge_shrink(r, &z);
		region_changed(r);
	}
	if (err)
		return err;
	*ret_addr = region_addr(r, z.first);
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
	region_extent_move(r, i, first, page - first);
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
	region_extent_move(r, i, first, npages);
	*ret_nextents = n;
	return 0;
}
