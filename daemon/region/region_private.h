/*
 * region_private - what region's files share among themselves
 *
 * Role:       keeps extents, holdings and sums in step (R4, R5): whoever adds, cuts or drops an extent does it here.
 * Uses:       region/region.h
 */
#ifndef PALLOCD_REGION_PRIVATE_H
#define PALLOCD_REGION_PRIVATE_H

#include "region/region.h"

/** region_pages_add() - @npages more are @h's. */
static inline void region_pages_add(struct region *r, struct holding *h, uint64_t npages)
{
	h->npages += npages;
	r->used_npages += npages;
	if (h->owner && h->owner->detached)
		r->detached_npages += npages;
}

/** region_peak() - a request that took pages is done. */
static inline void region_peak(struct region *r)
{
	if (r->used_npages > r->peak_npages)
		r->peak_npages = r->used_npages;
}

static inline uint64_t extent_end(const struct extent *e)
{
	return e->first + e->npages;
}

/** region_page() - the page at an address of the region. */
static inline uint64_t region_page(const struct region *r, uint64_t addr)
{
	return (addr - r->base_addr) >> r->page_shift;
}

static inline uint64_t chunk_round_up(uint64_t npages)
{
	return (npages + PAGEALLOC_CHUNK_NPAGES - 1) / PAGEALLOC_CHUNK_NPAGES *
	       PAGEALLOC_CHUNK_NPAGES;
}

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
	region_pages_add(r, h, npages);
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

/**
 * range_check() - is it a range of pages of this region at all?
 *
 * Return: 0, REGION_E_EMPTY, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, with the refusal set.
 */
MUST_CHECK int range_check(const struct region *r, uint64_t addr, uint64_t npages,
			   struct region_refusal *refusal);

/** region_grow_by() - add @npages at the upper end, which the region may still grow by. Return: as region_grow(). */
MUST_CHECK int region_grow_by(struct region *r, uint64_t npages);

/** hold_init() - reserve what the configuration names and what lies beyond the limit. Return: 0, -ENOMEM. */
MUST_CHECK int hold_init(struct region *r, const struct region_config *c);

/**
 * hold_take() - take from the allocator what is free, and reserved or drained, of pages [@first, @limit)
 *
 * To be called where pages there have become free. A failure faults the region.
 */
void hold_take(struct region *r, uint64_t first, uint64_t limit);

/** hold_give() - give back to the allocator what is taken of [@first, @limit) and neither held by anybody, nor reserved, nor drained. */
void hold_give(struct region *r, uint64_t first, uint64_t limit);

/** hold_forget_drained() - pages [@first, @limit) are not drained any more. Return: 0, -ENOMEM (nothing changed). */
MUST_CHECK int hold_forget_drained(struct region *r, uint64_t first, uint64_t limit);

/** hold_next() - the lowest part of a reserved or drained range at or above @page. Return: false: there is none. */
bool hold_next(const struct region *r, uint64_t page, uint64_t *ret_first, uint64_t *ret_limit);

/** in_use_fill() - the extents that lie in pages [@first, @limit), in part or in full. O(extents in the range). */
void in_use_fill(const struct region *r, uint64_t first, uint64_t limit, struct region_in_use *ret);

/** pages_freed() - [@page, @page + @npages) were given back to the allocator: what is drained is taken out of it again. */
static inline void pages_freed(struct region *r, uint64_t page, uint64_t npages)
{
	if (UNLIKELY(r->drained.n))
		hold_take(r, page, page + npages);
}

/**
 * run_take() - take a run for @req, and grow for it where there is none
 *
 * Return: 0, REGION_E_NO_SPACE, REGION_E_AGAIN, REGION_E_FAULTED, -ENOMEM.
 */
MUST_CHECK int run_take(struct region *r, const struct region_placement *p,
			const struct pagealloc_request *req, uint64_t *ret_page,
			uint64_t *ret_scavenged);

/** run_refuse() - what to say where there is no room for @req. Return: REGION_E_NO_SPACE, REGION_E_NOT_FREE, REGION_E_AGAIN. */
int run_refuse(struct region *r, const struct region_placement *p,
	       const struct pagealloc_request *req, uint32_t index, struct region_refusal *refusal);

/** extents_undo() - give back the last @n extents that @h got; a new one is always the first of its list. */
void extents_undo(struct region *r, struct holding *h, uint32_t n);

/** longest_runs() - the longest runs that all, the alignment and boundary, the bounds of @req allow. Return: 0, REGION_E_AGAIN. */
MUST_CHECK int longest_runs(struct region *r, const struct pagealloc_request *req,
			    uint64_t *ret_placed, uint64_t *ret_aligned, uint64_t *ret_bounded);

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

/** region_end_after() - where what is grown would end after growing by @npages: whole chunks, within the limit. */
uint64_t region_end_after(const struct region *r, uint64_t npages);

#endif
