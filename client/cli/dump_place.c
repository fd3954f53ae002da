/*
 * dump_place - places in a run of free pages
 *
 * Role:       see dump_place.h.
 * Uses:       dump_place.h
 *
 * Alignment and boundary are powers of two, so that what is a multiple of the larger one is a multiple of both: where a place would
 * cross a boundary the next one that can be begins at a multiple of both.
 */
#include "client/cli/dump_place.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Pages counted from address 0, of a run within the bounds. */
struct window {
	uint64_t lo, hi;
};

static bool window_make(const struct dump_wish *w, const struct dump_run *run, struct window *ret)
{
	uint64_t first = run->first > w->first ? run->first : w->first;
	uint64_t limit = run->limit < w->limit ? run->limit : w->limit;

	*ret = (struct window){w->origin + first, w->origin + limit};
	return first < limit;
}

/* DUMP_NOWHERE: beyond the last one. */
static uint64_t round_up(uint64_t page, uint64_t multiple)
{
	return page > UINT64_MAX - (multiple - 1) ? DUMP_NOWHERE
						  : (page + multiple - 1) & -multiple;
}

/* How far an extent that begins at @page may reach at most: to the next boundary. */
static uint64_t reach(const struct dump_wish *w, uint64_t page)
{
	return w->boundary ? w->boundary - (page & (w->boundary - 1)) : UINT64_MAX;
}

static uint64_t lowest_in(const struct dump_wish *w, uint64_t lo, uint64_t hi, uint64_t npages)
{
	uint64_t at = round_up(lo, w->align);

	if (reach(w, at) < npages)
		at = round_up(round_up(at, w->boundary), w->align);
	return at < hi && hi - at >= npages ? at : DUMP_NOWHERE;
}

uint64_t dump_place_lowest(const struct dump_wish *w, const struct dump_run *run, uint64_t npages)
{
	struct window x;
	uint64_t at = window_make(w, run, &x) ? lowest_in(w, x.lo, x.hi, npages) : DUMP_NOWHERE;

	return at == DUMP_NOWHERE ? at : at - w->origin;
}

uint64_t dump_place_highest(const struct dump_wish *w, const struct dump_run *run, uint64_t npages)
{
	struct window x;
	uint64_t at, border;

	if (!window_make(w, run, &x) || x.hi - x.lo < npages)
		return DUMP_NOWHERE;
	at = (x.hi - npages) & -w->align;
	if (reach(w, at) < npages) {
		/* The border is no lower than the boundary is wide, and that is no less than the extent. */
		border = (at + npages - 1) & -w->boundary;
		at = (border - npages) & -w->align;
	}
	return at >= x.lo ? at - w->origin : DUMP_NOWHERE;
}

bool dump_place_is(const struct dump_wish *w, uint64_t page)
{
	const struct dump_run run = {page, page + w->npages};

	return w->npages <= UINT64_MAX - page && dump_place_lowest(w, &run, w->npages) == page;
}

uint64_t dump_place_longest(const struct dump_wish *w, const struct dump_run *run)
{
	uint64_t most = 0, at, n;
	struct window x;

	if (!window_make(w, run, &x))
		return 0;
	/* From the lowest place, or from the lowest that begins at a boundary. */
	at = round_up(x.lo, w->align);
	for (int i = 0; i < 2 && at < x.hi; i++) {
		n = x.hi - at < reach(w, at) ? x.hi - at : reach(w, at);
		most = n > most ? n : most;
		if (!w->boundary)
			break;
		at = round_up(round_up(at + 1, w->boundary), w->align);
	}
	return most;
}

/* Those that begin in [@lo, @hi), where none can cross a boundary. */
static uint64_t count_in(const struct dump_wish *w, uint64_t lo, uint64_t hi)
{
	uint64_t at = round_up(lo, w->align), stride = round_up(w->npages, w->align);

	return at < hi && hi - at >= w->npages ? 1 + (hi - at - w->npages) / stride : 0;
}

uint64_t dump_place_count(const struct dump_wish *w, const struct dump_run *run)
{
	uint64_t lo, hi, b = w->boundary;
	struct window x;

	if (!window_make(w, run, &x))
		return 0;
	if (!b || w->align >= b)
		return count_in(w, x.lo, x.hi);
	/* Up to the first boundary, between each and the next, and behind the last. */
	lo = round_up(x.lo, b);
	hi = x.hi & -b;
	if (lo > hi)
		return count_in(w, x.lo, x.hi);
	return count_in(w, x.lo, lo) + (hi - lo) / b * count_in(w, lo, lo + b) +
	       count_in(w, hi, x.hi);
}

PRINTF_LIKE(4, 5)
static int refuse(struct paclient_error *e, int status, const char *field, const char *fmt, ...)
{
	va_list args;

	e->status = status;
	snprintf(e->field, sizeof(e->field), "%s", field);
	va_start(args, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, args);
	va_end(args);
	return status;
}

/* What is asked for in pages. */
static int refuse_count(struct paclient_error *e, const char *field, uint64_t asked,
			const char *why)
{
	e->asked = asked;
	return refuse(e, PACLIENT_INVALID, field, "%s: %" PRIu64 " %s", field, asked, why);
}

static int refuse_addr(struct paclient_error *e, const char *field, uint64_t addr, const char *why)
{
	/* An address that is 0 is none to the daemon. */
	if (!addr)
		return refuse_count(e, field, e->asked, why);
	e->addr = addr;
	return refuse(e, PACLIENT_INVALID, field, "%s: %#" PRIx64 " %s", field, addr, why);
}

static uint64_t end_addr(const struct dump_region *r)
{
	return r->info.base_addr + r->info.limit_npages * r->info.page_size_bytes;
}

static int shape_make(const struct dump_region *r, const struct paclient_placement *p,
		      struct dump_wish *w, struct paclient_error *e)
{
	if (p->align_npages & (p->align_npages - 1))
		return refuse_count(e, "align_npages", p->align_npages, "is no power of two");
	if (p->boundary_npages & (p->boundary_npages - 1))
		return refuse_count(e, "boundary_npages", p->boundary_npages, "is no power of two");
	if (p->boundary_npages && w->npages > p->boundary_npages)
		return refuse_count(e, "boundary_npages", w->npages,
				    "pages are more than lie between two boundaries");
	if (p->strategy == PACLIENT_BEST && !r->info.best_fit)
		return refuse_count(e, "strategy", PACLIENT_BEST,
				    "(BEST) can be asked for only in regions with BestFit=yes");
	w->align = p->align_npages ? p->align_npages : 1;
	w->boundary = p->boundary_npages;
	w->strategy = p->strategy;
	w->rule = p->rule;
	return 0;
}

static int bounds_make(const struct dump_region *r, const struct paclient_placement *p,
		       struct dump_wish *w, struct paclient_error *e)
{
	uint64_t base = r->info.base_addr, page = r->info.page_size_bytes, bytes;

	if (p->lowest_addr) {
		if (p->lowest_addr < base || p->lowest_addr >= end_addr(r))
			return refuse_addr(e, "lowest_addr", p->lowest_addr,
					   "lies outside the region");
		bytes = p->lowest_addr - base;
		w->first = bytes / page + (bytes % page != 0);
	}
	if (!p->limit_addr)
		return 0;
	if (p->limit_addr <= base || p->limit_addr > end_addr(r))
		return refuse_addr(e, "limit_addr", p->limit_addr, "lies outside the region");
	w->limit = (p->limit_addr - base) / page;
	return w->first < w->limit ? 0
				   : refuse_addr(e, "limit_addr", p->limit_addr,
						 "leaves no page above lowest_addr");
}

static int refuse_outside(const struct dump_region *r, uint64_t addr, struct paclient_error *e)
{
	e->addr = addr;
	return refuse(e, PACLIENT_OUT_OF_REGION, "addr",
		      "address %#" PRIx64 " is not in region %s, which goes from %#" PRIx64
		      " up to %#" PRIx64,
		      addr, r->info.name, r->info.base_addr, end_addr(r));
}

static int rule_make(const struct dump_region *r, const struct paclient_placement *p,
		     struct dump_wish *w, struct paclient_error *e)
{
	const struct paclient_region *info = &r->info;

	if (p->rule == PACLIENT_ANYWHERE)
		return 0;
	if (p->addr < info->base_addr || p->addr >= end_addr(r))
		return refuse_outside(r, p->addr, e);
	if (p->addr % info->page_size_bytes) {
		e->addr = p->addr;
		return refuse(e, PACLIENT_UNALIGNED, "addr",
			      "address %#" PRIx64 " is not the beginning of a page of %" PRIu64
			      " bytes",
			      p->addr, info->page_size_bytes);
	}
	w->page = (p->addr - info->base_addr) / info->page_size_bytes;
	if (w->npages > info->limit_npages - w->page)
		return refuse_outside(r, end_addr(r), e);
	return p->rule != PACLIENT_FIXED || dump_place_is(w, w->page)
		       ? 0
		       : refuse_addr(e, "addr", p->addr,
				     "contradicts the alignment, the boundary or the bounds");
}

int dump_wish_make(const struct dump_region *r, uint64_t npages,
		   const struct paclient_placement *where, struct dump_wish *ret,
		   struct paclient_error *e)
{
	int status = 0;

	*e = (struct paclient_error){.asked = npages};
	*ret = (struct dump_wish){.npages = npages,
				  .origin = r->info.base_addr / r->info.page_size_bytes,
				  .align = 1,
				  .limit = UINT64_MAX};
	if (!npages)
		return refuse(e, PACLIENT_INVALID, "npages", "0 pages: at least 1 must be named");
	if (npages > r->info.limit_npages) {
		e->limit = r->info.limit_npages;
		return refuse(e, PACLIENT_LIMIT, "npages",
			      "%" PRIu64 " pages are more than the %" PRIu64
			      " that region %s allows",
			      npages, r->info.limit_npages, r->info.name);
	}
	if (where)
		status = shape_make(r, where, ret, e);
	if (where && !status)
		status = bounds_make(r, where, ret, e);
	return where && !status ? rule_make(r, where, ret, e) : status;
}
