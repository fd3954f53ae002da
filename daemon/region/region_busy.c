/*
 * region_busy - which pages are busy, and what is refused only because of them
 *
 * Role:       see pending.h (Q1, Q2). The index of busy runs is made with the first of them: who has no backing never pays for it.
 * Uses:       pagealloc/, region/
 */
#include <assert.h>
#include <inttypes.h>

#include "region/region_private.h"

/*
 * Runs that one refusal looks at, some 100 ns each: where there are more of them, they count as helpful, and whoever asked asks
 * again when they are gone.
 */
#define BUSY_RUNS_LOOKED_AT 4096u

static bool busy_made(const struct region *r)
{
	return r->busy.slab != NULL;
}

int busy_reserve(struct region *r, uint32_t n)
{
	uint64_t most = region_free_npages(r) + region_growable_npages(r);
	int err = busy_made(r) ? 0 : extents_init(&r->busy, r->limit_npages);

	/* No run is without a page, and a small region's index has no room for more. */
	if (n > most)
		n = (uint32_t)most;
	if (!err)
		err = busy_commit(r, r->end_npages);
	return err ? err : extents_reserve(&r->busy, n);
}

int busy_commit(struct region *r, uint64_t limit)
{
	return busy_made(r) ? extents_commit(&r->busy, limit) : 0;
}

void busy_add(struct region *r, uint64_t first, uint64_t npages)
{
	extents_add(&r->busy, first, npages, 0);
	r->busy_npages += npages;
}

uint64_t busy_drop(struct region *r, uint64_t first)
{
	uint32_t i = extents_at(&r->busy, first);
	uint64_t npages;

	assert(i != EXTENT_NONE);
	npages = extents_get(&r->busy, i)->npages;
	extents_remove(&r->busy, i);
	r->busy_npages -= npages;
	return npages;
}

bool busy_next(const struct region *r, uint64_t page, uint64_t *ret_first, uint64_t *ret_limit)
{
	const struct extent *e;
	uint32_t i;

	if (r->busy_npages == 0)
		return false;
	i = extents_over(&r->busy, page);
	if (i == EXTENT_NONE)
		i = extents_next(&r->busy, page);
	if (i == EXTENT_NONE)
		return false;
	e = extents_get(&r->busy, i);
	*ret_first = e->first > page ? e->first : page;
	*ret_limit = extent_end(e);
	return true;
}

/* Where the pages from @page on that are free or busy, or may yet be grown, end. */
static uint64_t span_end(const struct region *r, uint64_t page, unsigned *budget)
{
	uint64_t lo, hi;

	while (page < r->end_npages) {
		page += pagealloc_run_above(r->pa, page);
		if (*budget == 0 || !busy_next(r, page, &lo, &hi) || lo > page)
			break;
		--*budget;
		page = hi;
	}
	return page == r->end_npages && r->auto_grow_npages ? r->limit_npages : page;
}

/* Is there a place for @req in pages [first, limit), if all of them were free that nothing holds? */
static bool span_fits(const struct region *r, const struct pagealloc_request *req, uint64_t first,
		      uint64_t limit)
{
	uint64_t lo, hi, page;

	for (; first < limit; first = hi) {
		if (!hold_next(r, first, &lo, &hi) || lo > limit)
			lo = hi = limit;
		if (lo > first && !pagealloc_place_within(r->pa, req, first, lo, &page))
			return true;
	}
	return false;
}

bool busy_alone(const struct region *r, uint64_t first, uint64_t limit)
{
	unsigned budget = BUSY_RUNS_LOOKED_AT;
	uint64_t lo, hi;

	if (r->busy_npages == 0 || (hold_next(r, first, &lo, &hi) && lo < limit))
		return false;
	return span_end(r, first, &budget) >= limit || budget == 0;
}

bool busy_helps(const struct region *r, const struct region_placement *p,
		const struct pagealloc_request *req)
{
	unsigned budget = BUSY_RUNS_LOOKED_AT;
	uint64_t lo, hi, page;

	if (LIKELY(r->busy_npages == 0))
		return false;
	if (p && p->rule == REGION_FIXED) {
		page = region_page(r, p->addr);
		return busy_alone(r, page, page + req->npages);
	}
	/* What has no busy page in it has been looked at. */
	for (page = 0; busy_next(r, page, &lo, &hi); page = hi) {
		if (budget == 0)
			return true;
		budget--;
		hi = span_end(r, hi, &budget);
		if (span_fits(r, req, lo - pagealloc_run_below(r->pa, lo), hi))
			return true;
	}
	return false;
}

static bool check_sums(const struct region *r, const struct report *rep)
{
	uint64_t pending = 0, n = 0;

	list_for_each (link, &r->pendings) {
		const struct region_pending *q = list_entry(link, struct region_pending, in_region);

		for (uint32_t i = 0; i < q->n; i++) {
			uint32_t at = extents_at(&r->busy, region_page(r, q->addr[i]));

			if (at == EXTENT_NONE || extents_get(&r->busy, at)->npages != q->npages[i])
				return report_broken(rep, "Q1: pending %#" PRIx64 " is not busy",
						     q->addr[i]);
			n += q->npages[i];
		}
		pending += q->npages_total;
	}
	if (pending != r->pending_npages || n != pending || pending > r->busy_npages)
		return report_broken(rep,
				     "Q1: pending are %" PRIu64 " pages, of %" PRIu64
				     ", the region says %" PRIu64 " of %" PRIu64 " busy ones",
				     n, pending, r->pending_npages, r->busy_npages);
	return true;
}

/* Is the busy run taken, and nobody's? Counts its pages that lie in drained ranges. */
static bool check_run(const struct region *r, const struct extent *e, const struct report *rep,
		      uint64_t *drained)
{
	uint64_t grown, nfree, scavenged, lo, hi, at = e->first, end = extent_end(e);
	uint32_t i = extents_next(&r->extents, e->first);

	pagealloc_count(r->pa, e->first, e->npages, &grown, &nfree, &scavenged);
	if (grown != e->npages || nfree)
		return report_broken(rep,
				     "Q2: busy run at page %" PRIu64 " has %" PRIu64
				     " free pages, or is not wholly grown",
				     e->first, nfree);
	if (extents_over(&r->extents, e->first) != EXTENT_NONE ||
	    (i != EXTENT_NONE && extents_get(&r->extents, i)->first < end) ||
	    ranges_overlap(&r->reserved, e->first, end))
		return report_broken(rep,
				     "Q2: busy run at page %" PRIu64 " meets an extent, or what is "
				     "reserved",
				     e->first);
	for (; at < end && ranges_next(&r->drained, at, &lo, &hi) && lo < end; at = hi)
		*drained += (hi < end ? hi : end) - lo;
	return true;
}

bool busy_check(const struct region *r, const struct report *rep, uint64_t *ret_drained)
{
	uint64_t npages = 0;

	*ret_drained = 0;
	if (!busy_made(r))
		return r->busy_npages == 0 || report_broken(rep, "Q1: busy pages without an index");
	if (!extents_check(&r->busy, rep->buf, rep->size) || !check_sums(r, rep))
		return false;
	for (uint32_t i = extents_next(&r->busy, 0); i != EXTENT_NONE;) {
		const struct extent *e = extents_get(&r->busy, i);

		if (!check_run(r, e, rep, ret_drained))
			return false;
		npages += e->npages;
		i = extents_next(&r->busy, e->first + 1);
	}
	if (npages != r->busy_npages)
		return report_broken(rep, "Q1: busy_npages %" PRIu64 ", the runs have %" PRIu64,
				     r->busy_npages, npages);
	return true;
}
