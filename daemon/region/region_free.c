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
	uint32_t ncuts;   /* ranges that may leave two extents of one */
	uint32_t nlabels; /* of these, extents with a label */
	uint32_t nshared; /* extents that several hold */
	uint64_t npages_total;
	uint64_t npages_shared; /* of these, of extents that others hold on to */
};

static bool shares_as_well(const struct batch *b, const struct extra *x)
{
	const struct holding *h = holding_find(&b->s->owner, b->r);

	return h && share_find(x, h);
}

/*
 * Extent @i, which [@page, @end) meets, has a name, a label or shares. Where several hold it, it goes as a whole; and who shares it, but
 * does not own it, is no stranger whom the others' shares do not concern: that one has to release it, whatever its rights.
 */
static int extra_check(struct batch *b, uint32_t i, uint64_t page, uint64_t end,
		       struct region_refusal *refusal)
{
	const struct extent *e = extents_get(&b->r->extents, i);
	const struct extra *x = extra_of(b->r, i);

	if (x->nshares) {
		b->nshared++;
		if (e->first < page || extent_end(e) > end ||
		    (!owner_is(holding_of(b->r, i)->owner, b->s) && shares_as_well(b, x)))
			return shared_refuse(b->r, i, refusal);
	}
	if (x->label && e->first < page && extent_end(e) > end)
		b->nlabels++;
	return 0;
}

/* Do all pages lie in extents that the caller may free? Counts the cut, where the range lies inside of one extent. */
static int range_owned(struct batch *b, uint64_t page, uint64_t npages,
		       struct region_refusal *refusal)
{
	const struct region *r = b->r;
	uint64_t end = page + npages, at = page;
	uint32_t i = extents_at(&r->extents, page);
	const struct extent *e;
	int err;

	if (i == EXTENT_NONE)
		i = extents_over(&r->extents, page);
	for (;; i = extents_at(&r->extents, at)) {
		refusal->addr = region_addr(r, at);
		if (i == EXTENT_NONE)
			return REGION_E_NOT_ALLOCATED;
		e = extents_get(&r->extents, i);
		extents_foresee_remove(&r->extents, e);
		if (!session_may_free(b->s, r, holding_by_index(&r->holdings, e->holding)->owner))
			return REGION_E_NOT_OWNER;
		if (e->first < page && extent_end(e) > end)
			b->ncuts++;
		if (UNLIKELY(e->extra)) {
			err = extra_check(b, i, page, end, refusal);
			if (err)
				return err;
		}
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
	err = b->ncuts ? extents_reserve(&b->r->extents, b->ncuts) : 0;
	if (!err && UNLIKELY(b->nlabels))
		err = extras_reserve(b->r->extras, b->nlabels);
	return err;
}

/* Take [@page, @end) out of extent @i, which it meets: it goes, is cut at one end, or becomes two. */
static void extent_cut(struct region *r, uint32_t i, uint64_t page, uint64_t end)
{
	struct extent *e = extents_get(&r->extents, i);
	struct holding *h = holding_by_index(&r->holdings, e->holding);
	uint64_t e_first = e->first, e_end = extent_end(e);

	if (events_watched(r->events)) {
		uint64_t lo = page > e_first ? page : e_first;

		event_extent_put(r, EVENT_FREE, h, lo, (end < e_end ? end : e_end) - lo);
	}
	if (page <= e_first && end >= e_end) {
		region_extent_drop(r, h, i);
	} else if (page <= e_first) {
		region_extent_move(r, i, end, e_end - end);
		region_pages_drop(r, h, end - e_first);
	} else {
		region_extent_move(r, i, e_first, page - e_first);
		region_pages_drop(r, h, e_end - page);
		if (end < e_end)
			extra_split(r, i, region_extent_add(r, h, end, e_end - end));
	}
}

static void extents_give_back(struct region *r, uint64_t page, uint64_t end)
{
	uint64_t at = page;
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

int pages_give_back(struct region *r, uint64_t page, uint64_t end)
{
	int err;

	if (page == end)
		return 0;
	err = pagealloc_free(r->pa, page, end - page);
	if (err) {
		region_fault(r,
			     "R3: pages from %" PRIu64 " are held, but cannot be given back (%d)",
			     page, err);
		return REGION_E_FAULTED;
	}
	extents_give_back(r, page, end);
	pages_freed(r, page, end - page);
	return 0;
}

/* Extent @i is the caller's, and others hold on to it. */
static bool kept_by_others(struct batch *b, uint32_t i)
{
	return extent_nshares(b->r, i) && owner_is(holding_of(b->r, i)->owner, b->s) &&
	       extent_pass_on(b->r, i);
}

/* Give back [@page, @end), but for extents that others hold on to: these are theirs now. */
static int range_give_back(struct batch *b, uint64_t page, uint64_t end)
{
	struct extents *ex = &b->r->extents;
	uint64_t from = page, at = page, next;
	int err;

	/* The first may begin below: then it is nobody else's. */
	for (; b->nshared && at < end; at = next) {
		uint32_t i = extents_over(ex, at);

		next = extent_end(extents_get(ex, i));
		if (!kept_by_others(b, i))
			continue;
		b->npages_shared += next - at;
		err = pages_give_back(b->r, from, at);
		if (err)
			return err;
		from = next;
	}
	return from < end ? pages_give_back(b->r, from, end) : 0;
}

int region_free(struct region *r, const struct session *s, const uint64_t *addr,
		const uint64_t *npages, uint32_t n, uint64_t *ret_npages, uint64_t *ret_shared,
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

		err = range_give_back(&b, page, page + npages[i]);
		if (err)
			return err;
	}
	r->counters.frees += n;
	region_changed(r);
	*ret_npages = b.npages_total;
	*ret_shared = b.npages_shared;
	return 0;
}

/*
 * The longest run that the next extents of the list make together: who allocates one after the other holds neighbours, and
 * one free of them all is cheaper than many. The first is shared by nobody; the run ends before one that is.
 */
static uint32_t run_gather(const struct holding *h, uint32_t max, uint64_t *ret_first,
			   uint64_t *ret_end)
{
	const struct extents *ex = &h->region->extents;
	const struct extent *e = extents_get(ex, h->head);
	uint64_t first = e->first, end = extent_end(e);
	uint32_t n = 1;

	while (n < max && e->next != EXTENT_NONE) {
		if (extent_nshares(h->region, e->next))
			break;
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

/* The next run of @h's goes back. Return: false: the region is faulted now. */
static bool run_reclaim(struct region *r, struct holding *h, uint32_t *budget)
{
	uint64_t first, end;
	uint32_t n = run_gather(h, *budget, &first, &end);
	int err = pagealloc_free(r->pa, first, end - first);

	if (err) {
		region_fault(r,
			     "R3: pages from %" PRIu64 " are held, but cannot be given back (%d)",
			     first, err);
		return false;
	}
	*budget -= n;
	r->counters.reclaims += n;
	while (n--)
		region_extent_drop(r, h, h->head);
	event_extent(r, EVENT_RECLAIM, h, first, end - first);
	pages_freed(r, first, end - first);
	return true;
}

/* Would passing on all extents of @h to @to at once, instead of one after the other, leave anybody without word of them? */
static bool adoptable(const struct region *r, const struct holding *h, const struct holding *to)
{
	return !to->nextents && !events_watched(r->events) && !r->changes.kept &&
	       !h->quarantine_until_usec;
}

/* The next extent of session's holding @h becomes its user's; all of them where the user has none, and nobody wants to hear of each. */
static void extent_keep(struct region *r, struct holding *h, uint32_t *budget)
{
	struct holding *to = holding_find(&h->owner->user->owner, r);

	/* holding_get() made it, with the session's. */
	assert(to);
	if (adoptable(r, h, to)) {
		r->detached_npages += h->npages;
		holding_adopt(&r->holdings, to, h);
	} else {
		extent_hand(r, h->head, to);
	}
	--*budget;
}

/* The next extent of @h's is shared: its oldest sharer owns it now, or, where all of them have ended too, nobody shares it any more. */
static void shared_reclaim(struct region *r, const struct holding *h, uint32_t *budget)
{
	uint32_t n = extent_pass_on(r, h->head) ? 1 : shares_end(r, h->head);

	*budget -= n < *budget ? n : *budget;
}

static void share_reclaim(struct holding *h, uint32_t *budget)
{
	share_end(h->region, list_entry(h->shares.next, struct share, in_holding));
	--*budget;
}

bool region_unshare(struct holding *h, uint32_t *budget)
{
	while (h->nshares && !h->region->faulted) {
		if (*budget == 0)
			return false;
		share_reclaim(h, budget);
	}
	return true;
}

/* @h, a session's, goes: if it was in quarantine, the session has one less. */
static void quarantine_changed(const struct holding *h)
{
	if (h->quarantine_until_usec)
		session_changed(CONTAINER_OF(h->owner, struct session, owner));
}

bool region_reclaim(struct holding *h, uint32_t *budget)
{
	struct region *r = h->region;

	while (h->head != EXTENT_NONE || h->nshares) {
		if (r->faulted) {
			quarantine_changed(h);
			holding_lose(h);
			return true;
		}
		if (*budget == 0)
			return false;
		if (h->nshares)
			share_reclaim(h, budget);
		else if (r->death == REGION_DEATH_KEEP)
			extent_keep(r, h, budget);
		else if (extent_nshares(r, h->head))
			shared_reclaim(r, h, budget);
		else if (run_reclaim(r, h, budget))
			region_changed(r);
	}
	quarantine_changed(h);
	holding_free(&r->holdings, h);
	return true;
}
