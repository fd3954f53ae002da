/*
 * region_alloc - taking extents
 *
 * Role:       see region.h.
 * Uses:       base/, pagealloc/, region/
 */
#include <errno.h>
#include <inttypes.h>

#include "region/region.h"
#include "region/region_private.h"

/* What can never be, before anything is tried. */
static int batch_check(const struct region *r, const uint64_t *npages, uint32_t n,
		       uint64_t *ret_total, struct region_refusal *refusal)
{
	uint64_t total = 0;
	int err;

	for (uint32_t i = 0; i < n; i++) {
		refusal->index = i;
		err = npages_check(r, npages[i], refusal);
		if (err)
			return err;
		if (__builtin_add_overflow(total, npages[i], &total))
			return REGION_E_LIMIT;
	}
	*ret_total = total;
	return 0;
}

static int no_space(struct region *r, const struct holding *h, uint32_t index, uint64_t asked,
		    struct region_refusal *refusal)
{
	const char *quota;

	*refusal = (struct region_refusal){
		.index = index,
		.asked = asked,
		.free_npages = region_free_npages(r),
		.largest_npages = region_largest_npages(r),
		.growable_npages = region_growable_npages(r),
		.quota_npages = region_quota_left(r, h->owner, &quota),
	};
	r->counters.no_space++;
	r->wanted = true;
	return REGION_E_NO_SPACE;
}

/* Grow so that @req fits at the upper end, and not at all where it would not help. */
static int make_room(struct region *r, const struct region_placement *p,
		     const struct pagealloc_request *req)
{
	uint64_t npages;
	int err = growth_plan(r, p, req, &npages);

	return err ? err : region_grow_by(r, npages);
}

/* Exactly these pages. What @q has to know of them is looked up before they are taken: then it is forgotten. */
static int range_take(struct region *r, uint64_t page, uint64_t npages, struct region_pending *q,
		      uint64_t *ret_scavenged)
{
	int err;

	if (q) {
		if (pagealloc_run_above(r->pa, page) < npages)
			return PAGEALLOC_E_NOT_FREE;
		err = pending_note(q, page, npages);
		if (err)
			return err;
	}
	return pagealloc_alloc_range(r->pa, page, npages, ret_scavenged);
}

static int place_take(struct region *r, const struct pagealloc_request *req,
		      struct region_pending *q, uint64_t *ret_page, uint64_t *ret_scavenged)
{
	int err = pagealloc_place(r->pa, req, ret_page);

	return err ? err : range_take(r, *ret_page, req->npages, q, ret_scavenged);
}

/* One try: at the address that is wanted, or where there is room. Return: 0, a named outcome of pagealloc, or a negative errno. */
static int pages_take(struct region *r, const struct region_placement *p,
		      const struct pagealloc_request *req, struct region_pending *q,
		      uint64_t *ret_page, uint64_t *ret_scavenged)
{
	if (p && p->rule != REGION_ANYWHERE) {
		uint64_t page = (p->addr - r->base_addr) >> r->page_shift;
		int err = PAGEALLOC_E_NOT_FREE;

		if (pagealloc_fits(r->pa, req, page))
			err = range_take(r, page, req->npages, q, ret_scavenged);
		*ret_page = page;
		if (!err || p->rule == REGION_FIXED)
			return err;
	}
	if (UNLIKELY(q))
		return place_take(r, req, q, ret_page, ret_scavenged);
	return pagealloc_alloc_placed(r->pa, req, ret_page, ret_scavenged);
}

int run_take(struct region *r, const struct region_placement *p,
	     const struct pagealloc_request *req, struct region_pending *q, uint64_t *ret_page,
	     uint64_t *ret_scavenged)
{
	int err;

	err = pages_take(r, p, req, q, ret_page, ret_scavenged);
	if (LIKELY(!err))
		return 0;
	if (err < 0)
		return err;
	if (err == PAGEALLOC_E_AGAIN)
		return REGION_E_AGAIN;
	err = make_room(r, p, req);
	if (err)
		return err;
	err = pages_take(r, p, req, q, ret_page, ret_scavenged);
	if (err == PAGEALLOC_E_AGAIN)
		return REGION_E_AGAIN;
	if (err > 0) {
		region_fault(r, "R3: grown for %" PRIu64 " pages, but they are not found (%d)",
			     req->npages, err);
		return REGION_E_FAULTED;
	}
	return err;
}

void extents_undo(struct region *r, struct holding *h, uint32_t n)
{
	while (n--) {
		const struct extent *e = extents_get(&r->extents, h->head);
		int err = pagealloc_free(r->pa, e->first, e->npages);

		if (err) {
			region_fault(r,
				     "R3: page %" PRIu64 ", just taken, cannot be given back (%d)",
				     e->first, err);
			return;
		}
		region_extent_drop(r, h, h->head);
	}
}

int run_refuse(struct region *r, const struct holding *h, const struct region_placement *p,
	       const struct pagealloc_request *req, uint32_t index, struct region_refusal *refusal)
{
	uint64_t placed = 0, aligned = 0, bounded = 0;

	if (p && p->rule == REGION_FIXED) {
		uint64_t page = region_page(r, p->addr);

		refusal->addr = region_addr(r, page + pagealloc_run_above(r->pa, page));
		refusal->asked = req->npages;
		r->wanted = true;
		return REGION_E_NOT_FREE;
	}
	if (p && longest_runs(r, req, &placed, &aligned, &bounded))
		return REGION_E_AGAIN;
	no_space(r, h, index, req->npages, refusal);
	refusal->placed_npages = placed;
	refusal->aligned_npages = aligned;
	refusal->bounded_npages = bounded;
	return REGION_E_NO_SPACE;
}

static inline void taken(struct region *r, const struct holding *h, const uint64_t *addr,
			 const uint64_t *npages, uint32_t n, bool first_fit)
{
	r->counters.allocs += n;
	region_peak(r);
	region_changed(r);
	if (LIKELY(!events_watched(r->events)))
		return;
	for (uint32_t i = 0; i < n; i++)
		event_taken_put(r, h, addr[i], npages[i], first_fit);
}

void extents_taken(struct region *r, const struct holding *h, const uint64_t *addr,
		   const uint64_t *npages, uint32_t n)
{
	taken(r, h, addr, npages, n, false);
}

/* The @n entries that came before the one that failed go back. */
static void batch_undo(struct region *r, struct holding *h, struct region_pending *q, uint32_t n)
{
	if (q)
		pending_undo(q);
	else
		extents_undo(r, h, n);
}

/* This and what follows is made twice, so that where nothing is pending nothing of it is asked. */
static inline __attribute__((always_inline)) int batch_take(
	struct region *r, struct holding *h, const uint64_t *npages, uint32_t n,
	const struct region_placement *p, struct region_pending *q, uint64_t *ret_addr,
	uint64_t *ret_scavenged, struct region_refusal *refusal)
{
	uint64_t page, scavenged, total = 0;
	struct pagealloc_request req;
	int err;

	for (uint32_t i = 0; i < n; i++) {
		extents_foresee_add(&r->extents, h->head);
		err = placement_request(r, p, npages[i], &req, refusal);
		if (LIKELY(!err))
			err = run_take(r, p, &req, q, &page, &scavenged);
		if (UNLIKELY(err)) {
			bool busy = err == REGION_E_NO_SPACE && busy_helps(r, p, &req);

			batch_undo(r, h, q, i);
			refusal->index = i;
			if (busy)
				return REGION_E_BUSY;
			return err == REGION_E_NO_SPACE ? run_refuse(r, h, p, &req, i, refusal)
							: err;
		}
		if (UNLIKELY(q)) {
			pending_put(q, page, npages[i], scavenged);
			continue;
		}
		region_extent_add(r, h, page, npages[i]);
		ret_addr[i] = region_addr(r, page);
		total += scavenged;
	}
	*ret_scavenged = total;
	return 0;
}

static inline __attribute__((always_inline)) int alloc(struct region *r, struct owner *o,
						       const uint64_t *npages, uint32_t n,
						       const struct region_placement *p,
						       struct region_pending *q, uint64_t *ret_addr,
						       uint64_t *ret_scavenged,
						       struct region_refusal *ret_refusal)
{
	struct holding *h;
	uint64_t total;
	int err;

	if (UNLIKELY(r->faulted))
		return REGION_E_FAULTED;
	err = batch_check(r, npages, n, &total, ret_refusal);
	if (err)
		return err;
	if (p && p->rule != REGION_ANYWHERE && n > 1) {
		ret_refusal->field = "addr";
		ret_refusal->why = "extents are too many for one address";
		ret_refusal->asked = n;
		return REGION_E_PLACEMENT;
	}
	err = holding_get(&r->holdings, r, o, &h);
	if (err)
		return err;
	err = region_quota_check(r, h, total, n, ret_refusal);
	if (err)
		return err;
	if (!p && total > region_free_npages(r) + r->busy_npages +
				  (r->auto_grow_npages ? region_growable_npages(r) : 0))
		return no_space(r, h, 0, total, ret_refusal);
	err = q ? busy_reserve(r, n) : extents_reserve(&r->extents, n);
	if (err)
		return err;
	if (p)
		pagealloc_set_budget(r->pa, REGION_SEARCH_NCHUNKS);
	err = batch_take(r, h, npages, n, p, q, ret_addr, ret_scavenged, ret_refusal);
	if (err || q)
		return err;
	taken(r, h, ret_addr, npages, n, !p);
	return 0;
}

int region_alloc(struct region *r, struct owner *o, const uint64_t *npages, uint32_t n,
		 const struct region_placement *p, uint64_t *ret_addr, uint64_t *ret_scavenged,
		 struct region_refusal *ret_refusal)
{
	return alloc(r, o, npages, n, p, NULL, ret_addr, ret_scavenged, ret_refusal);
}

int batch_take_pending(struct region *r, struct owner *o, const uint64_t *npages, uint32_t n,
		       const struct region_placement *p, struct region_pending *q,
		       struct region_refusal *refusal)
{
	uint64_t scavenged;

	return alloc(r, o, npages, n, p, q, NULL, &scavenged, refusal);
}
