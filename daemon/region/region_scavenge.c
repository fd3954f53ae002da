/*
 * region_scavenge - how much memory free pages may keep, and taking the rest from them
 *
 * Role:       see pending.h. Which pages go first is the allocator's; when, and on which thread, the caller's.
 * Uses:       backing/, pagealloc/, region/
 */
#include <inttypes.h>

#include "backing/backing.h"
#include "region/region_private.h"

static bool releases(const struct region *r)
{
	return r->backing && backing_info(r->backing)->releases;
}

/* Pages in use, or about to be. */
static uint64_t in_use(const struct region *r)
{
	return r->used_npages + r->pending_npages;
}

/* One of the parts that the delay is divided into. What is remembered spans one part more, so that it is never less than the delay. */
static uint64_t turn_usec(const struct region *r)
{
	return r->scavenge_delay_usec / (REGION_RECENT - 1) + 1;
}

/* Note what was in use since the last look, in each turn since then. */
static void recent_note(struct region *r, uint64_t now_usec)
{
	struct region_recent *x = &r->recent;
	uint64_t turn = now_usec / turn_usec(r), most = r->recent_npages;

	if (in_use(r) > most)
		most = in_use(r);
	if (!x->looked || turn < x->turn)
		x->turn = turn;
	if (turn - x->turn > REGION_RECENT)
		x->turn = turn - REGION_RECENT;
	if (most > x->most[x->turn % REGION_RECENT])
		x->most[x->turn % REGION_RECENT] = most;
	while (x->turn < turn)
		x->most[++x->turn % REGION_RECENT] = most;
	x->looked = true;
	r->recent_npages = r->used_npages;
}

/* The most in use within the delay; @ret_until_usec: as long as at least @npages count. */
static uint64_t recent_most(const struct region *r, uint64_t npages, uint64_t *ret_until_usec)
{
	const struct region_recent *x = &r->recent;
	uint64_t most = 0;

	*ret_until_usec = UINT64_MAX;
	for (uint64_t back = 0; back < REGION_RECENT && back <= x->turn; back++) {
		uint64_t n = x->most[(x->turn - back) % REGION_RECENT];

		if (n > most)
			most = n;
		if (n >= npages && *ret_until_usec == UINT64_MAX)
			*ret_until_usec = (x->turn - back + REGION_RECENT) * turn_usec(r);
	}
	return most;
}

/* By so much @a is above @b. */
static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The share of the peak: at most 2^36 pages, so that their product with a percentage fits. */
static uint64_t retain_npages(const struct region *r)
{
	return r->peak_npages * r->retain_percent / 100;
}

enum region_scavenge region_scavenge_due(struct region *r, uint64_t now_usec, uint64_t *ret_npages,
					 uint64_t *ret_kept, uint64_t *ret_next_usec)
{
	uint64_t recent = 0, until = UINT64_MAX, idle, retain, keep;
	struct pagealloc_stat stat;

	*ret_npages = 0;
	*ret_kept = 0;
	*ret_next_usec = UINT64_MAX;
	if (!releases(r) || r->faulted)
		return REGION_SCAVENGE_DONE;
	pagealloc_stat(r->pa, &stat);
	idle = stat.free_npages - stat.scavenged_npages;
	recent_note(r, now_usec);
	if (r->scavenge_delay_usec)
		recent = recent_most(r, in_use(r) + idle, &until);
	if (idle == 0)
		return REGION_SCAVENGE_DONE;
	retain = above(retain_npages(r), in_use(r));
	keep = above(recent, in_use(r));
	if (keep < retain)
		keep = retain;
	*ret_kept = keep < idle ? keep : idle;
	*ret_npages = idle - *ret_kept;
	if (*ret_npages)
		return REGION_SCAVENGE_READY;
	if (retain >= idle)
		return REGION_SCAVENGE_RETAINING;
	*ret_next_usec = until;
	return REGION_SCAVENGE_DELAYED;
}

uint32_t region_scavenge_begin(struct region *r, uint64_t max_npages, struct region_run *runs)
{
	uint64_t page, npages, taken = 0;
	uint32_t n = 0;

	if (!releases(r) || r->faulted || busy_reserve(r, REGION_RUNS_MAX))
		return 0;
	while (taken < max_npages &&
	       pagealloc_scavenge_begin(r->pa, max_npages - taken, &page, &npages) == 0) {
		taken += npages;
		if (n && page + npages == runs[n - 1].page) {
			runs[n - 1].page = page;
			runs[n - 1].npages += npages;
		} else {
			runs[n++] = (struct region_run){page, npages};
		}
		if (n == REGION_RUNS_MAX)
			break;
	}
	for (uint32_t i = 0; i < n; i++)
		busy_add(r, runs[i].page, runs[i].npages);
	region_changed(r);
	return n;
}

/* The allocator knows them by its chunks. */
static void run_end(struct region *r, uint64_t page, uint64_t limit, bool released)
{
	uint64_t end;

	for (; page < limit; page = end) {
		end = page / PAGEALLOC_CHUNK_NPAGES * PAGEALLOC_CHUNK_NPAGES +
		      PAGEALLOC_CHUNK_NPAGES;
		if (end > limit)
			end = limit;
		pagealloc_scavenge_end(r->pa, page, end - page, released);
	}
}

void region_scavenge_end(struct region *r, const struct region_run *runs, uint32_t n, bool released)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t page = runs[i].page, npages = busy_drop(r, page);

		/* In a region that is closed nothing changes any more. */
		if (r->faulted)
			continue;
		run_end(r, page, page + npages, released);
		pages_freed(r, page, npages);
		if (released)
			r->counters.released += npages;
	}
	r->room++;
	region_changed(r);
}

/*
 * Parts of the backing that growing asks about: a seek takes about a microsecond. What lies behind that many counts as dirty, which costs
 * clearing that may be needless, and no more.
 */
#define DATA_RUNS_MAX 4096u

static void pages_dirty(struct region *r, uint64_t first, uint64_t limit)
{
	/* Who takes pages makes the allocator forget that they were scavenged. */
	if (pagealloc_alloc_range(r->pa, first, limit - first, NULL) ||
	    pagealloc_free(r->pa, first, limit - first))
		region_fault(r, "R1: pages from %" PRIu64 " are grown, but not free", first);
}

void grown_dirty(struct region *r, uint64_t first, uint64_t limit)
{
	uint64_t offset, bytes, lo, hi, end;

	if (!r->backing)
		return;
	for (unsigned i = 0; first < limit; i++, first = hi) {
		if (!backing_next_data(r->backing, first << r->page_shift, &offset, &bytes))
			return;
		lo = offset >> r->page_shift;
		if (lo >= limit)
			return;
		if (lo < first)
			lo = first;
		hi = limit;
		if (i < DATA_RUNS_MAX && !__builtin_add_overflow(offset, bytes, &end) &&
		    end <= (limit << r->page_shift))
			hi = pages_for(end, r->page_shift);
		if (hi <= lo)
			hi = lo + 1;
		pages_dirty(r, lo, hi);
	}
}
