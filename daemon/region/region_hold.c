/*
 * region_hold - ranges that nobody may get: reserved for ever, or drained
 *
 * Role:       see region.h. Keeps the allocator in step with them (R3): what is free, grown and in such a range is taken there.
 * Uses:       pagealloc/, region/
 *
 * Reserving asks for a range without extents. Draining lets extents be: their pages are taken here as they become free.
 */
#include <errno.h>
#include <inttypes.h>

#include "region/region.h"
#include "region/region_private.h"

bool hold_next(const struct region *r, uint64_t page, uint64_t *ret_first, uint64_t *ret_limit)
{
	uint64_t first, limit;
	bool any = ranges_next(&r->reserved, page, ret_first, ret_limit);

	if (!ranges_next(&r->drained, page, &first, &limit))
		return any;
	if (!any || first < *ret_first) {
		*ret_first = first;
		*ret_limit = limit;
	}
	return true;
}

/* All of what is free in pages [first, limit) is taken. */
static void take_free(struct region *r, uint64_t first, uint64_t limit)
{
	struct pagealloc_request any = {.npages = 1, .first = first, .limit = limit};
	uint64_t page, n, scavenged;

	while (any.first < limit && pagealloc_place(r->pa, &any, &page) == 0) {
		n = pagealloc_run_above(r->pa, page);
		if (n > limit - page)
			n = limit - page;
		if (pagealloc_alloc_range(r->pa, page, n, &scavenged)) {
			region_fault(r, "R3: page %" PRIu64 " is free, but cannot be taken", page);
			return;
		}
		any.first = page + n;
	}
}

void hold_take(struct region *r, uint64_t first, uint64_t limit)
{
	uint64_t lo, hi;

	for (; first < limit && hold_next(r, first, &lo, &hi) && lo < limit; first = hi)
		take_free(r, lo, hi < limit ? hi : limit);
}

/* What is grown of [first, limit), which nobody holds and nothing keeps, is given back. */
static void give_taken(struct region *r, uint64_t first, uint64_t limit)
{
	uint64_t lo, hi;

	for (; pagealloc_next_grown(r->pa, first, &lo, &hi) && lo < limit; first = hi) {
		if (hi > limit)
			hi = limit;
		if (pagealloc_free(r->pa, lo, hi - lo))
			region_fault(r, "R3: page %" PRIu64 " is nobody's, but not taken", lo);
	}
}

void hold_give(struct region *r, uint64_t first, uint64_t limit)
{
	uint64_t end, lo, hi;

	while (first < limit) {
		uint32_t i = extents_over(&r->extents, first);

		if (i != EXTENT_NONE) {
			first = extent_end(extents_get(&r->extents, i));
			continue;
		}
		end = limit;
		i = extents_next(&r->extents, first);
		if (i != EXTENT_NONE && extents_get(&r->extents, i)->first < end)
			end = extents_get(&r->extents, i)->first;
		if (hold_next(r, first, &lo, &hi) && lo < end) {
			end = lo;
			if (lo == first) {
				first = hi;
				continue;
			}
		}
		if (busy_next(r, first, &lo, &hi) && lo < end) {
			end = lo;
			if (lo == first) {
				first = hi;
				continue;
			}
		}
		give_taken(r, first, end);
		first = end;
	}
}

/* Pages [first, limit) belong to @set, whatever was in it before. Room for one more range was reserved. */
static void set_add(struct ranges *set, uint64_t first, uint64_t limit)
{
	uint64_t lo, hi;

	while (ranges_next(set, first, &lo, &hi) && lo < limit) {
		ranges_remove(set, lo, hi < limit ? hi : limit);
		if (hi > limit)
			break;
	}
	ranges_add(set, first, limit);
}

void hold_set_cut(struct ranges *set, uint64_t first, uint64_t limit)
{
	uint64_t lo, hi;

	for (; first < limit && ranges_next(set, first, &lo, &hi) && lo < limit; first = hi)
		ranges_remove(set, lo, hi < limit ? hi : limit);
}

static bool set_contains(const struct ranges *set, uint64_t first, uint64_t limit)
{
	uint64_t lo, hi;

	return ranges_next(set, first, &lo, &hi) && lo == first && hi >= limit;
}

int hold_set_add(struct ranges *set, uint64_t first, uint64_t limit)
{
	int err = ranges_reserve(set);

	if (!err)
		set_add(set, first, limit);
	return err;
}

int hold_set_remove(struct ranges *set, uint64_t first, uint64_t limit)
{
	int err = ranges_reserve(set);

	if (!err)
		hold_set_cut(set, first, limit);
	return err;
}

int hold_forget_drained(struct region *r, uint64_t first, uint64_t limit)
{
	return hold_set_remove(&r->drained, first, limit);
}

/* Would the change leave one range more than before? */
static bool one_more(const struct ranges *set, uint64_t first, uint64_t limit, bool undo)
{
	uint64_t lo, hi;

	if (undo) /* out of the middle of one */
		return first > 0 && ranges_contains(set, first - 1) && ranges_contains(set, limit);
	/* Touching or meeting one, it becomes part of it. */
	return !(first > 0 && ranges_contains(set, first - 1)) &&
	       !(ranges_next(set, first, &lo, &hi) && lo <= limit);
}

/* What both verbs have in common: may @set change there? */
static int change_check(struct region *r, struct ranges *set, uint64_t addr, uint64_t npages,
			bool undo, struct region_refusal *refusal)
{
	uint64_t first;
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = range_check(r, addr, npages, refusal);
	if (err)
		return err;
	first = region_page(r, addr);
	if (undo && !set_contains(set, first, first + npages))
		return REGION_E_NOT_HELD;
	if (set->n >= REGION_RANGES_MAX && one_more(set, first, first + npages, undo)) {
		refusal->limit = REGION_RANGES_MAX;
		return REGION_E_RANGES;
	}
	return ranges_reserve(set);
}

static int change(struct region *r, struct ranges *set, uint64_t first, uint64_t limit, bool undo)
{
	changes_note_space(&r->changes);
	if (undo) {
		hold_set_cut(set, first, limit);
		hold_give(r, first, limit);
		r->room++;
	} else {
		set_add(set, first, limit);
		hold_take(r, first, limit);
	}
	region_changed(r);
	return r->faulted ? REGION_E_FAULTED : 0;
}

void in_use_fill(const struct region *r, uint64_t first, uint64_t limit, struct region_in_use *ret)
{
	uint32_t i = extents_over(&r->extents, first);

	*ret = (struct region_in_use){0};
	if (i == EXTENT_NONE)
		i = extents_next(&r->extents, first);
	while (i != EXTENT_NONE && extents_get(&r->extents, i)->first < limit) {
		const struct extent *e = extents_get(&r->extents, i);
		uint64_t lo = e->first > first ? e->first : first;
		uint64_t hi = extent_end(e) < limit ? extent_end(e) : limit;

		if (ret->n < REGION_IN_USE_MAX) {
			ret->addr[ret->n] = region_addr(r, e->first);
			ret->extent_npages[ret->n++] = e->npages;
		}
		ret->nextents++;
		ret->npages += hi - lo;
		i = extents_next(&r->extents, e->first + 1);
	}
}

int region_drain(struct region *r, uint64_t addr, uint64_t npages, bool undo,
		 struct region_in_use *ret_in_use, struct region_refusal *ret_refusal)
{
	uint64_t first;
	int err = change_check(r, &r->drained, addr, npages, undo, ret_refusal);

	if (err)
		return err;
	first = region_page(r, addr);
	err = change(r, &r->drained, first, first + npages, undo);
	if (!err)
		in_use_fill(r, first, first + npages, ret_in_use);
	return err;
}

int region_reserve(struct region *r, uint64_t addr, uint64_t npages, bool undo,
		   struct region_in_use *ret_in_use, struct region_refusal *ret_refusal)
{
	uint64_t first;
	int err = change_check(r, &r->reserved, addr, npages, undo, ret_refusal);

	if (err)
		return err;
	first = region_page(r, addr);
	in_use_fill(r, first, first + npages, ret_in_use);
	if (!undo && ret_in_use->nextents) {
		ret_refusal->nextents = ret_in_use->nextents;
		return REGION_E_IN_USE;
	}
	if (!undo && busy_lies_in(r, first, first + npages, ret_refusal))
		return REGION_E_BUSY;
	return change(r, &r->reserved, first, first + npages, undo);
}

int hold_init(struct region *r, const struct region_config *c)
{
	uint64_t end = chunk_round_up(r->limit_npages);
	int err = 0;

	for (uint32_t i = 0; !err && i < c->nholes; i++) {
		uint64_t first = region_page(r, c->holes[i].addr);

		err = hold_set_add(&r->reserved, first,
				   first + (c->holes[i].bytes >> r->page_shift));
	}
	/* R2: the last chunk may reach beyond the limit. */
	if (!err && end > r->limit_npages)
		err = hold_set_add(&r->reserved, r->limit_npages, end);
	return err;
}

/* The part of the @i-th range within the limit, as an address. */
static void range_get(const struct region *r, const struct ranges *set, size_t i,
		      uint64_t *ret_addr, uint64_t *ret_npages)
{
	uint64_t limit = set->v[i].limit < r->limit_npages ? set->v[i].limit : r->limit_npages;

	*ret_addr = region_addr(r, set->v[i].first);
	*ret_npages = limit - set->v[i].first;
}

size_t region_nreserved(const struct region *r)
{
	size_t n = r->reserved.n;

	return n && r->reserved.v[n - 1].first >= r->limit_npages ? n - 1 : n;
}

void region_reserved(const struct region *r, size_t i, uint64_t *ret_addr, uint64_t *ret_npages)
{
	range_get(r, &r->reserved, i, ret_addr, ret_npages);
}

size_t region_ndrained(const struct region *r)
{
	return r->drained.n;
}

void region_drained(const struct region *r, size_t i, uint64_t *ret_addr, uint64_t *ret_npages)
{
	range_get(r, &r->drained, i, ret_addr, ret_npages);
}

uint64_t region_held_npages(const struct region *r)
{
	return r->grown_npages - r->used_npages - r->busy_npages - region_free_npages(r);
}
