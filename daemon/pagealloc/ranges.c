/*
 * ranges - a sorted set of page ranges
 *
 * Role:       see ranges.h.
 * Uses:       base/mem.h
 */
#include "pagealloc/ranges.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

void ranges_deinit(struct ranges *r)
{
	mem_free(r->v);
	*r = (struct ranges){0};
}

int ranges_reserve(struct ranges *r)
{
	size_t capacity = r->capacity ? 2 * r->capacity : 16;
	struct range *v;

	if (r->n < r->capacity)
		return 0;
	v = mem_resize(r->v, capacity, sizeof(*v));
	if (!v)
		return -ENOMEM;
	r->v = v;
	r->capacity = capacity;
	return 0;
}

size_t ranges_find_above(const struct ranges *r, uint64_t page)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].first > page)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

void ranges_add(struct ranges *r, uint64_t first, uint64_t limit)
{
	size_t i = ranges_find_above(r, first);
	bool joins_below = i > 0 && r->v[i - 1].limit == first;
	bool joins_above = i < r->n && r->v[i].first == limit;

	r->npages += limit - first;
	if (joins_below && joins_above) {
		r->v[i - 1].limit = r->v[i].limit;
		memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof(*r->v));
		r->n--;
	} else if (joins_below) {
		r->v[i - 1].limit = limit;
	} else if (joins_above) {
		r->v[i].first = first;
	} else {
		memmove(&r->v[i + 1], &r->v[i], (r->n - i) * sizeof(*r->v));
		r->v[i] = (struct range){first, limit};
		r->n++;
	}
}

bool ranges_contains(const struct ranges *r, uint64_t page)
{
	size_t i = ranges_find_above(r, page);

	return i > 0 && page < r->v[i - 1].limit;
}

bool ranges_overlap(const struct ranges *r, uint64_t first, uint64_t limit)
{
	size_t i = ranges_find_above(r, first);

	return (i > 0 && first < r->v[i - 1].limit) || (i < r->n && r->v[i].first < limit);
}

uint64_t ranges_at_least(const struct ranges *r, uint64_t page)
{
	size_t i = ranges_find_above(r, page);

	if (i > 0 && page < r->v[i - 1].limit)
		return page;
	return i < r->n ? r->v[i].first : UINT64_MAX;
}

bool ranges_next(const struct ranges *r, uint64_t page, uint64_t *ret_first, uint64_t *ret_limit)
{
	size_t i = ranges_find_above(r, page);

	if (i > 0 && page < r->v[i - 1].limit) {
		*ret_first = page;
		*ret_limit = r->v[i - 1].limit;
		return true;
	}
	if (i == r->n)
		return false;
	*ret_first = r->v[i].first;
	*ret_limit = r->v[i].limit;
	return true;
}

uint64_t ranges_end_at_most(const struct ranges *r, uint64_t limit)
{
	size_t i = limit ? ranges_find_above(r, limit - 1) : 0;

	if (i == 0)
		return 0;
	return r->v[i - 1].limit < limit ? r->v[i - 1].limit : limit;
}

void ranges_remove(struct ranges *r, uint64_t first, uint64_t limit)
{
	size_t i = ranges_find_above(r, first) - 1;
	struct range old = r->v[i];

	r->npages -= limit - first;
	if (old.first == first && old.limit == limit) {
		memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof(*r->v));
		r->n--;
	} else if (old.first == first) {
		r->v[i].first = limit;
	} else {
		r->v[i].limit = first;
		if (old.limit == limit)
			return;
		memmove(&r->v[i + 2], &r->v[i + 1], (r->n - i - 1) * sizeof(*r->v));
		r->v[i + 1] = (struct range){limit, old.limit};
		r->n++;
	}
}

void ranges_cut_above(struct ranges *r, uint64_t page)
{
	while (r->n > 0 && r->v[r->n - 1].limit > page) {
		struct range *last = &r->v[r->n - 1];

		if (last->first < page) {
			r->npages -= last->limit - page;
			last->limit = page;
			return;
		}
		r->npages -= last->limit - last->first;
		r->n--;
	}
}

struct range ranges_take_last(struct ranges *r, uint64_t npages)
{
	struct range *last, taken;

	if (r->n == 0)
		return (struct range){0, 0};
	last = &r->v[r->n - 1];
	taken = *last;
	if (last->limit - last->first > npages) {
		taken.first = last->limit - npages;
		last->limit = taken.first;
	} else {
		r->n--;
	}
	r->npages -= taken.limit - taken.first;
	return taken;
}
