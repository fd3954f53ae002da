/*
 * region_free - giving extents back: by request, and when their session has ended
 *
 * Role:       see region.h. Everything is looked at before anything is changed; then nothing can fail.
 * Uses:       base/, pagealloc/, region/
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "base/mem.h"
#include "region/region.h"
#include "region/region_private.h"
#include "region/session.h"

struct batch {
	struct region *r;
	const struct session *s;
	const uint64_t *addr;
	const uint64_t *npages;
	uint32_t n;
	uint32_t ncuts; /* ranges that may leave two extents of one */
	uint64_t npages_total;
};

/* Do all pages lie in extents that the caller may free? Counts the cut, where the range lies inside of one extent. */
static int range_owned(struct batch *b, uint64_t page, uint64_t npages,
		       struct region_refusal *refusal)
{
	const struct region *r = b->r;
	uint64_t end = page + npages, at = page;
	uint32_t i = extents_at(&r->extents, page);
	const struct extent *e;

	if (i == EXTENT_NONE)
		i = extents_over(&r->extents, page);
	for (;; i = extents_at(&r->extents, at)) {
		refusal->addr = region_addr(r, at);
		if (i == EXTENT_NONE)
			return REGION_E_NOT_ALLOCATED;
		e = extents_get(&r->extents, i);
		if (!session_may_free(b->s, holding_by_index(&r->holdings, e->holding)->owner))
			return REGION_E_NOT_OWNER;
		if (e->first < page && extent_end(e) > end)
			b->ncuts++;
		at = extent_end(e);
		if (at >= end)
			return 0;
	}
}

/* Restore the heap of indexes below @root: the highest address is on top. */
static void order_sift(uint32_t *order, const uint64_t *addr, uint32_t root, uint32_t n)
{
	uint32_t child;

	while ((child = 2 * root + 1) < n) {
		uint32_t moved = order[root];

		if (child + 1 < n && addr[order[child + 1]] > addr[order[child]])
			child++;
		if (addr[moved] >= addr[order[child]])
			return;
		order[root] = order[child];
		order[child] = moved;
		root = child;
	}
}

/* Heap sort: qsort(3) may take memory, and a client may choose the worst order. */
static void order_sort(uint32_t *order, const uint64_t *addr, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t root = n / 2; root-- > 0;)
		order_sift(order, addr, root, n);
	for (uint32_t last = n; last-- > 1;) {
		uint32_t top = order[0];

		order[0] = order[last];
		order[last] = top;
		order_sift(order, addr, 0, last);
	}
}

static int order_reserve(struct region *r, uint32_t n)
{
	uint32_t *order;

	if (n <= r->norder)
		return 0;
	order = mem_resize(r->order, n, sizeof(*order));
	if (!order)
		return -ENOMEM;
	r->order = order;
	r->norder = n;
	return 0;
}

static bool ranges_meet(const struct batch *b, uint32_t lower, uint32_t upper)
{
	return region_page(b->r, b->addr[upper]) - region_page(b->r, b->addr[lower]) <
	       b->npages[lower];
}

/* No page twice. Most batches come in order of address, and then nothing needs sorting. */
static int overlap_check(struct batch *b, struct region_refusal *refusal)
{
	bool ascending = true;
	int err;

	for (uint32_t i = 1; i < b->n && ascending; i++)
		ascending = b->addr[i - 1] < b->addr[i] && !ranges_meet(b, i - 1, i);
	if (ascending)
		return 0;
	err = order_reserve(b->r, b->n);
	if (err)
		return err;
	order_sort(b->r->order, b->addr, b->n);
	for (uint32_t k = 1; k < b->n; k++) {
		uint32_t lower = b->r->order[k - 1], upper = b->r->order[k];

		if (!ranges_meet(b, lower, upper))
			continue;
		/* As if done one after the other: the later entry is the one that finds the page gone. */
		refusal->index = lower > upper ? lower : upper;
		refusal->asked = b->npages[refusal->index];
		refusal->addr = b->addr[upper];
		return REGION_E_NOT_ALLOCATED;
	}
	return 0;
}

static int batch_check(struct batch *b, struct region_refusal *refusal)
{
	int err;

	for (uint32_t i = 0; i < b->n; i++) {
		refusal->index = i;
		err = range_check(b->r, b->addr[i], b->npages[i], refusal);
		if (err)
			return err;
		err = range_owned(b, region_page(b->r, b->addr[i]), b->npages[i], refusal);
		if (err)
			return err;
		/* No overflow: a range lies in extents, all of them together in 2^36 pages, and no batch has 2^28 entries. */
		b->npages_total += b->npages[i];
	}
	if (b->n > 1) {
		err = overlap_check(b, refusal);
		if (err)
			return err;
	}
	return b->ncuts ? extents_reserve(&b->r->extents, b->ncuts) : 0;
}

/* Take [@page, @end) out of extent @i, which it meets: it goes, is cut at one end, or becomes two. */
static void extent_cut(struct region *r, uint32_t i, uint64_t page, uint64_t end)
{
	struct extent *e = extents_get(&r->extents, i);
	struct holding *h = holding_by_index(&r->holdings, e->holding);
	uint64_t e_first = e->first, e_end = extent_end(e);

	if (page <= e_first && end >= e_end) {
		region_extent_drop(r, h, i);
	} else if (page <= e_first) {
		extents_move(&r->extents, i, end, e_end - end);
		region_pages_drop(r, h, end - e_first);
	} else {
		extents_move(&r->extents, i, e_first, page - e_first);
		region_pages_drop(r, h, e_end - page);
		if (end < e_end)
			region_extent_add(r, h, end, e_end - end);
	}
}

static void range_give_back(struct region *r, uint64_t page, uint64_t npages)
{
	uint64_t at = page, end = page + npages;
	uint32_t i = extents_at(&r->extents, page);

	if (i == EXTENT_NONE)
		i = extents_over(&r->extents, page);
	for (; at < end; i = extents_at(&r->extents, at)) {
		assert(i != EXTENT_NONE);
		at = extent_end(extents_get(&r->extents, i));
		extent_cut(r, i, page, end);
		if (at >= end)
			return;
	}
}

int region_free(struct region *r, const struct session *s, const uint64_t *addr,
		const uint64_t *npages, uint32_t n, uint64_t *ret_npages,
		struct region_refusal *ret_refusal)
{
	struct batch b = {.r = r, .s = s, .addr = addr, .npages = npages, .n = n};
	int err;

	if (UNLIKELY(r->faulted))
		return REGION_E_FAULTED;
	err = batch_check(&b, ret_refusal);
	if (err)
		return err;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t page = region_page(r, addr[i]);

		err = pagealloc_free(r->pa, page, npages[i]);
		if (err) {
			region_fault(r,
				     "R3: pages from %" PRIu64
				     " are held, but cannot be given back (%d)",
				     page, err);
			return REGION_E_FAULTED;
		}
		range_give_back(r, page, npages[i]);
		pages_freed(r, page, npages[i]);
	}
	r->counters.frees += n;
	*ret_npages = b.npages_total;
	return 0;
}

/*
 * The longest run that the next extents of the list make together: who allocates one after the other holds neighbours, and
 * one free of them all is cheaper than many.
 */
static uint32_t run_gather(const struct holding *h, uint32_t max, uint64_t *ret_first,
			   uint64_t *ret_end)
{
	const struct extents *ex = &h->region->extents;
	const struct extent *e = extents_get(ex, h->head);
	uint64_t first = e->first, end = extent_end(e);
	uint32_t n = 1;

	while (n < max && e->next != EXTENT_NONE) {
		e = extents_get(ex, e->next);
		if (extent_end(e) == first)
			first = e->first;
		else if (e->first == end)
			end = extent_end(e);
		else
			break;
		n++;
	}
	*ret_first = first;
	*ret_end = end;
	return n;
}

bool region_reclaim(struct holding *h, uint32_t *budget)
{
	struct region *r = h->region;
	uint64_t first, end;
	uint32_t n;
	int err;

	while (h->head != EXTENT_NONE) {
		if (r->faulted) {
			holding_lose(h);
			return true;
		}
		if (*budget == 0)
			return false;
		n = run_gather(h, *budget, &first, &end);
		err = pagealloc_free(r->pa, first, end - first);
		if (err) {
			region_fault(r,
				     "R3: pages from %" PRIu64
				     " are held, but cannot be given back (%d)",
				     first, err);
			continue;
		}
		*budget -= n;
		r->counters.reclaims += n;
		while (n--)
			region_extent_drop(r, h, h->head);
		pages_freed(r, first, end - first);
	}
	holding_free(&r->holdings, h);
	return true;
}
