/*
 * dump_why - where an extent would go in a dumped region, and how many fit
 *
 * Role:       what the daemon does with bitmaps and summaries, done with a list of free runs: slower, and plain.
 * Uses:       dump.h, dump_place.h, source.h
 */
#include "client/cli/dump_place.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/source.h"

/* Address space comes in chunks of so many pages, counted from the base. */
#define CHUNK_NPAGES 512

/* A question about a region. */
struct asking {
	const struct dump_region *r;
	struct dump_wish wish;
	struct dump_items runs;  /* of struct dump_run: what is free */
	struct dump_items holds; /* the same: what is reserved or drained and reaches beyond end */
	uint64_t end;            /* page where the highest grown range ends */
};

static int no_memory(struct paclient_error *e)
{
	*e = (struct paclient_error){.status = PACLIENT_OUT_OF_MEMORY,
				     .message = "no memory for the free runs"};
	return e->status;
}

static void asking_deinit(struct asking *a)
{
	free(a->runs.items);
	free(a->holds.items);
}

/* In order of where they begin; a reserved and a drained one may overlap. Return: false: no memory. */
static bool holds_find(struct asking *a)
{
	const struct dump_items *lists = a->r->ranges;
	const struct paclient_range *x[] = {lists[SOURCE_RESERVED].items,
					    lists[SOURCE_DRAINED].items};
	size_t n[] = {lists[SOURCE_RESERVED].n, lists[SOURCE_DRAINED].n};

	while (n[0] || n[1]) {
		int which = !n[0] || (n[1] && x[1]->addr < x[0]->addr);
		uint64_t first = (x[which]->addr - a->r->info.base_addr) /
				 a->r->info.page_size_bytes;
		uint64_t limit = first + x[which]->npages;
		struct dump_run *hold;

		x[which]++;
		n[which]--;
		if (limit <= a->end)
			continue;
		hold = dump_item_add(&a->holds, sizeof(*hold));
		if (!hold)
			return false;
		*hold = (struct dump_run){first, limit};
	}
	return true;
}

static int asking_init(struct asking *a, const struct dump_region *r, uint64_t npages,
		       const struct paclient_placement *where, struct paclient_error *e)
{
	const struct paclient_error *refused = dump_refused(&r->about, DUMP_EXTENTS);
	const struct paclient_range *grown = r->ranges[SOURCE_GROWN].items;
	size_t ngrown = r->ranges[SOURCE_GROWN].n;
	int status;

	*a = (struct asking){.r = r};
	/* A closed region says so where it is asked for its runs. */
	if (r->info.faulted && dump_refused(&r->about, DUMP_RUNS))
		refused = dump_refused(&r->about, DUMP_RUNS);
	if (refused) {
		*e = *refused;
		return e->status;
	}
	status = dump_wish_make(r, npages, where, &a->wish, e);
	if (status)
		return status;
	if (r->nranges > ngrown) {
		*e = (struct paclient_error){.status = PACLIENT_UNKNOWN_VERB};
		snprintf(e->message, sizeof(e->message),
			 "the dump lists only %zu of the %" PRIu64
			 " grown ranges of region %s: what is free cannot be said",
			 ngrown, r->nranges, r->info.name);
		return e->status;
	}
	if (ngrown)
		a->end = (grown[ngrown - 1].addr - r->info.base_addr) / r->info.page_size_bytes +
			 grown[ngrown - 1].npages;
	if (dump_runs_find(r, &a->runs) && holds_find(a))
		return 0;
	asking_deinit(a);
	return no_memory(e);
}

/* The free run with page @page. NULL: it is not free. */
static const struct dump_run *run_around(const struct asking *a, uint64_t page)
{
	const struct dump_run *run = a->runs.items;

	for (size_t i = 0; i < a->runs.n && run[i].first <= page; i++) {
		if (page < run[i].limit)
			return &run[i];
	}
	return NULL;
}

/* The place that a wish would get, and the length of the run around it. */
struct place {
	bool found;
	uint64_t page, run_npages;
};

/* Another run, above those before: does it have a place that comes before, by the strategy? */
static void place_try(const struct dump_wish *w, const struct dump_run *run, struct place *best)
{
	uint64_t page, npages = run->limit - run->first;

	if (best->found && (w->strategy == PACLIENT_FIRST ||
			    (w->strategy == PACLIENT_BEST && npages >= best->run_npages)))
		return;
	page = w->strategy == PACLIENT_LAST ? dump_place_highest(w, run, w->npages)
					    : dump_place_lowest(w, run, w->npages);
	if (page != DUMP_NOWHERE)
		*best = (struct place){true, page, npages};
}

static bool find(const struct asking *a, uint64_t *ret_page)
{
	const struct dump_wish *w = &a->wish;
	const struct dump_run *run = a->runs.items;
	struct place best = {false, 0, 0};

	if (w->rule != PACLIENT_ANYWHERE) {
		const struct dump_run *around = run_around(a, w->page);

		*ret_page = w->page;
		if (around && around->limit - w->page >= w->npages && dump_place_is(w, w->page))
			return true;
		if (w->rule == PACLIENT_FIXED)
			return false;
	}
	for (size_t i = 0; i < a->runs.n; i++)
		place_try(w, &run[i], &best);
	*ret_page = best.page;
	return best.found;
}

/* The first of the pages at the upper end that are free now, or would be with what grows there. */
static uint64_t growth_first(const struct asking *a)
{
	const struct dump_run *run = a->runs.items;

	return a->runs.n && run[a->runs.n - 1].limit == a->end ? run[a->runs.n - 1].first : a->end;
}

/* Where @w would go if the region had grown to @end, in the pages from growth_first() on. */
static bool find_above(const struct asking *a, const struct dump_wish *w, uint64_t end,
		       uint64_t *ret_page)
{
	const struct dump_run *hold = a->holds.items;
	struct place best = {false, 0, 0};
	uint64_t at = growth_first(a);

	for (size_t i = 0; i < a->holds.n && hold[i].first < end; i++) {
		if (at < hold[i].first)
			place_try(w, &(struct dump_run){at, hold[i].first}, &best);
		at = at > hold[i].limit ? at : hold[i].limit;
	}
	if (at < end)
		place_try(w, &(struct dump_run){at, end}, &best);
	*ret_page = best.page;
	return best.found;
}

/* Could the wish's own pages all be free, if the region had grown to @end? */
static bool is_free_above(const struct asking *a, uint64_t end)
{
	const struct dump_run *hold = a->holds.items;
	uint64_t page = a->wish.page, limit = page + a->wish.npages;

	for (size_t i = 0; i < a->holds.n; i++) {
		if (hold[i].limit > page && hold[i].first < limit)
			return false;
	}
	return limit <= end && page >= growth_first(a);
}

/* By how much the region would grow for it. 0: it would not. */
static uint64_t growth(const struct asking *a)
{
	const struct paclient_region *info = &a->r->info;
	uint64_t page = a->wish.page, growable = info->limit_npages - a->end, npages, end;
	struct dump_wish lowest = a->wish;

	lowest.strategy = PACLIENT_FIRST;
	if (!info->auto_grow_npages || !growable)
		return 0;
	if (a->wish.rule == PACLIENT_FIXED ? !is_free_above(a, info->limit_npages)
					   : !find_above(a, &lowest, info->limit_npages, &page))
		return 0;
	end = page + a->wish.npages;
	if (end <= a->end)
		return 0;
	npages = end - a->end;
	if (npages < info->auto_grow_npages)
		npages = info->auto_grow_npages;
	if (npages > growable)
		npages = growable;
	end = (a->end + npages + CHUNK_NPAGES - 1) / CHUNK_NPAGES * CHUNK_NPAGES;
	return (end < info->limit_npages ? end : info->limit_npages) - a->end;
}

/* As find(), once the region has grown to @end. */
static bool find_grown(const struct asking *a, uint64_t end, uint64_t *ret_page)
{
	const struct dump_wish *w = &a->wish;

	*ret_page = w->page;
	if (w->rule == PACLIENT_FIXED)
		return true;
	if (w->rule == PACLIENT_HINT && dump_place_is(w, w->page) && is_free_above(a, end))
		return true;
	return find_above(a, w, end, ret_page);
}

/* The longest extent that alignment and boundary, and the bounds, leave room for somewhere. */
static uint64_t longest(const struct asking *a, bool shape, bool bounds)
{
	const struct dump_run *run = a->runs.items;
	struct dump_wish w = a->wish;
	uint64_t most = 0, n;

	if (!shape)
		w.align = 1, w.boundary = 0;
	if (!bounds)
		w.first = 0, w.limit = UINT64_MAX;
	for (size_t i = 0; i < a->runs.n; i++) {
		n = dump_place_longest(&w, &run[i]);
		most = n > most ? n : most;
	}
	return most;
}

static uint64_t free_npages(const struct asking *a)
{
	const struct dump_run *run = a->runs.items;
	uint64_t n = 0;

	for (size_t i = 0; i < a->runs.n; i++)
		n += run[i].limit - run[i].first;
	return n;
}

/* The quota that leaves least, of those that count pages; what does not fit for its sake is said there alone. */
static void quotas_say(const struct asking *a, struct paclient_why *w)
{
	static const char *const names[] = {"user_pages", "session_pages"};
	const struct paclient_quota *q = a->r->about.quotas.items;
	uint64_t least = UINT64_MAX;

	for (size_t name = 0; name < ARRAY_SIZE(names); name++) {
		for (size_t i = 0; i < a->r->about.quotas.n; i++) {
			uint64_t left = q[i].limit > q[i].used ? q[i].limit - q[i].used : 0;

			if (strcmp(q[i].name, names[name]) || !q[i].limit || left >= least)
				continue;
			least = left;
			memcpy(w->quota, q[i].name, sizeof(w->quota));
		}
	}
	if (least == UINT64_MAX)
		return;
	w->quota_npages = least;
	if (a->wish.npages <= least)
		return;
	w->quota_short_npages = a->wish.npages - least;
	w->fits = false;
	w->addr = w->grow_npages = 0;
}

int dump_why(const struct dump_region *r, uint64_t npages, const struct paclient_placement *where,
	     struct paclient_why *ret, struct paclient_error *e)
{
	struct paclient_why w = {.size = sizeof(w)};
	struct asking a;
	uint64_t page = 0;
	int status = asking_init(&a, r, npages, where, e);

	if (status)
		return status;
	w.fits = find(&a, &page);
	if (!w.fits) {
		w.grow_npages = growth(&a);
		w.fits = w.grow_npages && find_grown(&a, a.end + w.grow_npages, &page);
	}
	w.addr = w.fits ? r->info.base_addr + page * r->info.page_size_bytes : 0;
	w.grow_npages = w.fits ? w.grow_npages : 0;
	w.free_npages = free_npages(&a);
	w.largest_npages = longest(&a, false, false);
	w.placed_npages = longest(&a, true, true);
	w.aligned_npages = longest(&a, true, false);
	w.bounded_npages = longest(&a, false, true);
	w.growable_npages = r->info.limit_npages - a.end;
	if (!w.fits && npages > w.placed_npages)
		w.short_npages = npages - w.placed_npages;
	quotas_say(&a, &w);
	asking_deinit(&a);
	*ret = w;
	return 0;
}

int dump_fit(const struct dump_region *r, uint64_t npages, const struct paclient_placement *where,
	     uint64_t *ret_nextents, struct paclient_error *e)
{
	struct paclient_placement anywhere;
	const struct dump_run *run;
	struct asking a;
	int status;

	/* How many fit does not depend on where one of them is wanted. */
	if (where) {
		anywhere = *where;
		anywhere.rule = PACLIENT_ANYWHERE;
		anywhere.strategy = PACLIENT_FIRST;
		where = &anywhere;
	}
	status = asking_init(&a, r, npages, where, e);
	if (status)
		return status;
	*ret_nextents = 0;
	run = a.runs.items;
	for (size_t i = 0; i < a.runs.n; i++)
		*ret_nextents += dump_place_count(&a.wish, &run[i]);
	asking_deinit(&a);
	return 0;
}
