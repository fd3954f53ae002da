/*
 * region_list - which extents there are, in order of address, in slices
 *
 * Role:       see region.h. Walks over all extents, or, where that is less, over what one owner holds and shares.
 * Uses:       region/
 */
#include <fnmatch.h>

#include "region/region.h"
#include "region/region_private.h"

struct list_walk {
	const struct region *r;
	const struct region_filter *f;
	const struct holding *h; /* of the filter's owner */
	uint64_t first, limit;   /* pages where extents may begin */
	struct region_view *v;
	uint32_t n, max;
	bool more; /* some match, but have no room */
};

static bool name_matches(const struct extra *x, const char *pattern)
{
	return x && x->name && fnmatch(pattern, x->name, 0) == 0;
}

/* The owner apart. The pattern comes last: it is what takes time. */
static bool matches(const struct list_walk *w, uint32_t i)
{
	const struct extent *e = extents_get(&w->r->extents, i);
	const struct region_filter *f = w->f;
	const struct owner *o = holding_of(w->r, i)->owner;

	if (e->npages < f->min_npages || (f->max_npages && e->npages > f->max_npages))
		return false;
	if (f->by_uid && (!o || o->uid != f->uid))
		return false;
	return !f->pattern || name_matches(extra_of(w->r, i), f->pattern);
}

/* Does the filter's owner hold or share extent @i? Shares that are looked at count against @budget as extents do. */
static bool is_held(const struct list_walk *w, uint32_t i, uint32_t *budget)
{
	const struct extra *x = extra_of(w->r, i);

	if (!w->f->owner || holding_of(w->r, i) == w->h)
		return true;
	if (!x || !w->h->nshares)
		return false;
	*budget -= x->nshares < *budget ? x->nshares : *budget;
	return share_find(x, w->h);
}

/* Swap up or down: the views are a heap while they are gathered out of order, the highest address is on top. */
static void view_swap(struct region_view *a, struct region_view *b)
{
	struct region_view view = *a;

	*a = *b;
	*b = view;
}

static void heap_down(struct region_view *v, uint32_t n)
{
	for (uint32_t at = 0, child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && v[child + 1].addr > v[child].addr)
			child++;
		if (v[at].addr >= v[child].addr)
			return;
		view_swap(&v[at], &v[child]);
	}
}

static void heap_up(struct region_view *v, uint32_t at)
{
	for (; at && v[(at - 1) / 2].addr < v[at].addr; at = (at - 1) / 2)
		view_swap(&v[(at - 1) / 2], &v[at]);
}

static void heap_sort(struct region_view *v, uint32_t n)
{
	while (n > 1) {
		view_swap(&v[0], &v[--n]);
		heap_down(v, n);
	}
}

/* Keep the lowest that match. */
static void gather(struct list_walk *w, uint32_t i)
{
	uint64_t page = extents_get(&w->r->extents, i)->first;

	if (page < w->first || page >= w->limit || !matches(w, i))
		return;
	if (w->n < w->max) {
		view_fill(w->r, i, &w->v[w->n]);
		heap_up(w->v, w->n++);
		return;
	}
	w->more = true;
	if (region_addr(w->r, page) < w->v[0].addr) {
		view_fill(w->r, i, &w->v[0]);
		heap_down(w->v, w->n);
	}
}

/* All that one owner holds and shares. Return: the page from which on there may be more, w->limit: there is none. */
static uint64_t list_holding(struct list_walk *w)
{
	for (uint32_t i = w->h->head; i != EXTENT_NONE; i = extents_get(&w->r->extents, i)->next)
		gather(w, i);
	list_for_each (link, &w->h->shares)
		gather(w, list_entry(link, struct share, in_holding)->extra->extent);
	heap_sort(w->v, w->n);
	return w->more ? region_page(w->r, w->v[w->n - 1].addr) + 1 : w->limit;
}

/* All extents, one after the other. Return: as above. */
static uint64_t list_all(struct list_walk *w, uint32_t budget)
{
	const struct extents *ex = &w->r->extents;
	uint32_t i = extents_next(ex, w->first);

	for (; i != EXTENT_NONE; i = extents_next(ex, extents_get(ex, i)->first + 1)) {
		uint64_t page = extents_get(ex, i)->first;

		if (page >= w->limit)
			break;
		if (w->n == w->max || budget == 0)
			return page;
		budget--;
		if (is_held(w, i, &budget) && matches(w, i))
			view_fill(w->r, i, &w->v[w->n++]);
	}
	return w->limit;
}

/* The first page that begins at or above @addr. */
static uint64_t page_above(const struct region *r, uint64_t addr)
{
	uint64_t page;

	if (addr <= r->base_addr)
		return 0;
	page = (addr - r->base_addr - 1) >> r->page_shift;
	return page < r->limit_npages ? page + 1 : r->limit_npages;
}

uint32_t region_list(const struct region *r, const struct region_filter *f, uint64_t *addr,
		     uint32_t budget, struct region_view *ret, uint32_t max, bool *ret_done)
{
	struct list_walk w = {.r = r, .f = f, .first = page_above(r, *addr), .v = ret, .max = max};
	uint64_t next;

	w.limit = f->limit_addr ? page_above(r, f->limit_addr) : r->limit_npages;
	w.h = f->owner ? holding_find(f->owner, r) : NULL;
	if (max == 0)
		next = w.first;
	else if (w.first >= w.limit || (f->owner && !w.h))
		next = w.limit;
	else if (w.h && (uint64_t)w.h->nextents + w.h->nshares <= budget)
		next = list_holding(&w);
	else
		next = list_all(&w, budget);
	*ret_done = next >= w.limit;
	*addr = region_addr(r, next);
	return w.n;
}
