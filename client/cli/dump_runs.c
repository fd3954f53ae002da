/*
 * dump_runs - which pages of a dumped region are free
 *
 * Role:       what is grown, without extents, reserved and drained pages.
 * Uses:       dump.h, source.h
 * Cost:       O(ranges + extents)
 */
#include <stdlib.h>

#include "client/cli/dump.h"
#include "client/cli/source.h"

/* Pages that are not free, in order. */
struct taken {
	const struct dump_region *r;
	size_t extent, reserved, drained; /* that come next */
};

static uint64_t page_of(const struct dump_region *r, uint64_t addr)
{
	return (addr - r->info.base_addr) / r->info.page_size_bytes;
}

/* What lies from @addr on, if that is below @next. */
static bool is_next(const struct dump_region *r, struct dump_run *next, uint64_t addr,
		    uint64_t npages)
{
	uint64_t first = page_of(r, addr);

	if (next->first <= first)
		return false;
	*next = (struct dump_run){first, first + npages};
	return true;
}

/* The same with the range of @which that comes next, if there is one. */
static bool is_next_range(const struct dump_region *r, struct dump_run *next,
			  enum source_ranges which, size_t at)
{
	const struct paclient_range *x = r->ranges[which].items;

	return at < r->ranges[which].n && is_next(r, next, x[at].addr, x[at].npages);
}

/* Return: false: nothing more is taken. */
static bool taken_next(struct taken *t, struct dump_run *ret)
{
	const struct dump_region *r = t->r;
	const struct dump_extent *x = r->extents.items;
	struct dump_run next = {UINT64_MAX, UINT64_MAX};
	size_t *whose = NULL;

	if (t->extent < r->extents.n && is_next(r, &next, x[t->extent].addr, x[t->extent].npages))
		whose = &t->extent;
	if (is_next_range(r, &next, SOURCE_RESERVED, t->reserved))
		whose = &t->reserved;
	if (is_next_range(r, &next, SOURCE_DRAINED, t->drained))
		whose = &t->drained;
	if (!whose)
		return false;
	++*whose;
	*ret = next;
	return true;
}

/* Two that touch are one. */
static bool run_add(struct dump_items *to, uint64_t first, uint64_t limit)
{
	struct dump_run *run = to->items;

	if (first >= limit)
		return true;
	if (to->n && run[to->n - 1].limit == first) {
		run[to->n - 1].limit = limit;
		return true;
	}
	run = dump_item_add(to, sizeof(*run));
	if (run)
		*run = (struct dump_run){first, limit};
	return run != NULL;
}

bool dump_runs_find(const struct dump_region *r, struct dump_items *ret)
{
	const struct paclient_range *grown = r->ranges[SOURCE_GROWN].items;
	struct taken t = {.r = r};
	struct dump_run taken;
	bool any = taken_next(&t, &taken), ok = true;

	*ret = (struct dump_items){0};
	for (size_t i = 0; ok && i < r->ranges[SOURCE_GROWN].n; i++) {
		uint64_t at = page_of(r, grown[i].addr), limit = at + grown[i].npages;

		/* What reaches beyond the range goes for the next one, too. */
		while (ok && any && taken.first < limit) {
			if (taken.limit > at) {
				ok = run_add(ret, at, taken.first);
				at = taken.limit;
			}
			if (taken.limit > limit)
				break;
			any = taken_next(&t, &taken);
		}
		ok = ok && run_add(ret, at, limit);
	}
	if (ok)
		return true;
	free(ret->items);
	*ret = (struct dump_items){0};
	return false;
}
