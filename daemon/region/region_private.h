/*
 * region_private - what region's files share among themselves
 *
 * Role:       keeps extents, holdings and sums in step (R4, R5): whoever adds, cuts or drops an extent does it here.
 * Uses:       region/region.h
 */
#ifndef PALLOCD_REGION_PRIVATE_H
#define PALLOCD_REGION_PRIVATE_H

#include "region/region.h"

/** region_extent_add() - a new extent for @h; reserved for with extents_reserve(), taken in the allocator. */
static inline void region_extent_add(struct region *r, struct holding *h, uint64_t first,
				     uint64_t npages)
{
	uint32_t i = extents_add(&r->extents, first, npages, h->index);

	extents_get(&r->extents, i)->next = h->head;
	if (h->head != EXTENT_NONE)
		extents_get(&r->extents, h->head)->prev = i;
	h->head = i;
	h->nextents++;
	h->npages += npages;
	r->used_npages += npages;
	if (h->owner && h->owner->detached)
		r->detached_npages += npages;
}

/** region_pages_drop() - @npages of @h's pages are nobody's now. */
static inline void region_pages_drop(struct region *r, struct holding *h, uint64_t npages)
{
	h->npages -= npages;
	r->used_npages -= npages;
	if (h->owner && h->owner->detached)
		r->detached_npages -= npages;
}

/** region_extent_drop() - forget an extent of @h; given back in the allocator. */
static inline void region_extent_drop(struct region *r, struct holding *h, uint32_t i)
{
	struct extent *e = extents_get(&r->extents, i);

	if (e->prev != EXTENT_NONE)
		extents_get(&r->extents, e->prev)->next = e->next;
	else
		h->head = e->next;
	if (e->next != EXTENT_NONE)
		extents_get(&r->extents, e->next)->prev = e->prev;
	h->nextents--;
	region_pages_drop(r, h, e->npages);
	extents_remove(&r->extents, i);
}

/** region_grow_by() - add @npages, which the region may still grow by. Return: as region_grow(). */
MUST_CHECK int region_grow_by(struct region *r, uint64_t npages);

/**
 * placement_request() - a placement in the allocator's terms
 * @p: NULL: anywhere
 *
 * Return: 0, REGION_E_PLACEMENT, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, with the refusal set.
 */
MUST_CHECK int placement_request(const struct region *r, const struct region_placement *p,
				 uint64_t npages, struct pagealloc_request *ret_req,
				 struct region_refusal *refusal);

/**
 * growth_plan() - by how much an alloc of @req grows the region, as it finds no room: by the step, or by what is needed
 *
 * Return: 0, REGION_E_NO_SPACE where growing would not help or is not allowed, REGION_E_FAULTED.
 */
MUST_CHECK int growth_plan(struct region *r, const struct region_placement *p,
			   const struct pagealloc_request *req, uint64_t *ret_npages);

/** first_not_free() - the first page from @page on that is held or not grown. */
uint64_t first_not_free(const struct region *r, uint64_t page);

/** region_end_after() - where what is grown would end after growing by @npages: whole chunks, within the limit. */
uint64_t region_end_after(const struct region *r, uint64_t npages);

#endif
