/*
 * region_check - recounting a region, and showing it to a person
 *
 * Role:       see region.h.
 * Uses:       pagealloc/, region/
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "region/region.h"
#include "region/region_private.h"

/* A dump goes to the log: the first extents say what is wrong, a million lines say nothing. */
#define DUMP_EXTENTS_MAX 1000u

bool report_broken(const struct report *rep, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(rep->buf, rep->size, fmt, args);
	va_end(args);
	return false;
}

static bool check_grown(const struct region *r, const struct report *rep)
{
	uint64_t first, limit, npages = 0, end = 0;

	for (size_t i = 0; i < pagealloc_nranges(r->pa); i++) {
		pagealloc_range(r->pa, i, &first, &limit);
		if (first >= r->limit_npages)
			return report_broken(rep, "R1: page %" PRIu64 " beyond the limit is grown",
					     first);
		end = limit < r->limit_npages ? limit : r->limit_npages;
		npages += end - first;
	}
	if (npages != r->grown_npages || end != r->end_npages)
		return report_broken(rep,
				     "R1: grown %" PRIu64 " up to page %" PRIu64
				     ", the allocator %" PRIu64 " up to %" PRIu64,
				     r->grown_npages, r->end_npages, npages, end);
	return true;
}

/* Pages of [first, limit) that are grown; *@ret_free: that are free. */
static uint64_t count_grown(const struct region *r, uint64_t first, uint64_t limit,
			    uint64_t *ret_free)
{
	uint64_t grown, scavenged;

	pagealloc_count(r->pa, first, limit - first, &grown, ret_free, &scavenged);
	return grown;
}

/* No page of a reserved or drained range is free; counts those that are grown, each once. */
static bool check_held(const struct region *r, const struct report *rep, uint64_t *ret_npages)
{
	uint64_t first = 0, lo, hi, nfree;

	for (*ret_npages = 0; hold_next(r, first, &lo, &hi); first = hi) {
		*ret_npages += count_grown(r, lo, hi, &nfree);
		if (nfree)
			return report_broken(rep,
					     "R3: %" PRIu64 " pages from %" PRIu64
					     " on are reserved or drained, but free",
					     nfree, lo);
	}
	return true;
}

/* Pages of an extent that lie in drained ranges. None may lie in a reserved one. */
static bool check_extent(const struct region *r, const struct extent *e, const struct report *rep,
			 uint64_t *ret_drained)
{
	uint64_t at = e->first, end = e->first + e->npages, lo, hi, nfree;

	if (count_grown(r, e->first, end, &nfree) != e->npages || nfree)
		return report_broken(rep,
				     "R3: extent at page %" PRIu64 " has %" PRIu64
				     " free pages, or is not wholly grown",
				     e->first, nfree);
	if (ranges_overlap(&r->reserved, e->first, end))
		return report_broken(rep, "R2: extent at page %" PRIu64 " lies in what is reserved",
				     e->first);
	for (*ret_drained = 0; at < end && ranges_next(&r->drained, at, &lo, &hi) && lo < end;
	     at = hi)
		*ret_drained += (hi < end ? hi : end) - lo;
	return true;
}

/* Extents, what is busy, and what is reserved or drained are all that is taken. */
static bool check_extents(const struct region *r, const struct report *rep)
{
	uint64_t used = 0, held, drained = 0, n = 0, taken = 0, first, limit, busy;

	for (uint32_t i = extents_next(&r->extents, 0); i != EXTENT_NONE;) {
		const struct extent *e = extents_get(&r->extents, i);

		if (!check_extent(r, e, rep, &n))
			return false;
		used += e->npages;
		drained += n;
		i = extents_next(&r->extents, e->first + 1);
	}
	if (used != r->used_npages)
		return report_broken(rep, "R5: used_npages %" PRIu64 ", extents have %" PRIu64,
				     r->used_npages, used);
	if (!check_held(r, rep, &held) || !busy_check(r, rep, &n))
		return false;
	drained += n;
	busy = r->busy_npages;
	for (size_t i = 0; i < pagealloc_nranges(r->pa); i++) {
		pagealloc_range(r->pa, i, &first, &limit);
		taken += limit - first;
	}
	taken -= pagealloc_free_npages(r->pa);
	if (taken != used + busy + held - drained)
		return report_broken(rep,
				     "R3: the allocator has %" PRIu64 " pages taken, %" PRIu64
				     " are in extents, busy or held",
				     taken, used + busy + held - drained);
	return true;
}

static bool check_holding(const struct region *r, const struct holding *h, const struct report *rep)
{
	uint64_t npages = 0;
	uint32_t n = 0, prev = EXTENT_NONE;

	for (uint32_t i = h->head; i != EXTENT_NONE; i = extents_get(&r->extents, i)->next) {
		const struct extent *e = extents_get(&r->extents, i);

		if (e->holding != h->index || e->prev != prev || e->npages == 0 ||
		    n > r->extents.nlive)
			return report_broken(rep,
					     "R4: holding %" PRIu32 " lists extent at page %" PRIu64
					     " of holding %" PRIu32,
					     h->index, e->first, e->holding);
		n++;
		npages += e->npages;
		prev = i;
	}
	if (n != h->nextents || npages != h->npages)
		return report_broken(rep,
				     "R4: holding %" PRIu32 " has %" PRIu32 " extents of %" PRIu64
				     " pages, its list %" PRIu32 " of %" PRIu64,
				     h->index, h->nextents, h->npages, n, npages);
	return true;
}

static bool check_holdings(const struct region *r, const struct report *rep)
{
	uint64_t detached = 0, quarantined = 0, n = 0;

	for (uint32_t i = 0; i < r->holdings.nslots; i++) {
		const struct holding *h = holding_by_index(&r->holdings, i);

		if (!h)
			continue;
		if (h->index != i || h->region != r)
			return report_broken(rep, "R4: holding %" PRIu32 " lies in slot %" PRIu32,
					     h->index, i);
		if (!check_holding(r, h, rep))
			return false;
		n += h->nextents;
		if (h->owner && h->owner->detached)
			detached += h->npages;
		if (h->quarantine_until_usec)
			quarantined += h->npages;
	}
	if (n != r->extents.nlive)
		return report_broken(rep,
				     "R4: holdings have %" PRIu64 " extents, live are %" PRIu32, n,
				     r->extents.nlive);
	if (detached != r->detached_npages)
		return report_broken(rep, "R5: detached_npages %" PRIu64 ", holdings have %" PRIu64,
				     r->detached_npages, detached);
	if (quarantined != r->quarantined_npages)
		return report_broken(rep,
				     "R5: quarantined_npages %" PRIu64 ", holdings have %" PRIu64,
				     r->quarantined_npages, quarantined);
	return true;
}

bool region_check(const struct region *r, char *buf, size_t size)
{
	struct report rep = {buf, size};

	if (size)
		buf[0] = '\0';
	return extents_check(&r->extents, buf, size) && pagealloc_check(r->pa, buf, size) &&
	       check_grown(r, &rep) && check_extents(r, &rep) && check_holdings(r, &rep) &&
	       extras_region_check(r, &rep);
}

struct emitter {
	void (*emit)(void *ctx, const char *line);
	void *ctx;
};

static void say(const struct emitter *em, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(const struct emitter *em, const char *fmt, ...)
{
	char line[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	em->emit(em->ctx, line);
}

static void dump_extent(const struct region *r, uint32_t i, const struct emitter *em)
{
	char who[64] = "lost", holders[32] = "", label[REGION_LABEL_BYTES_MAX + 16] = "";
	char name[REGION_NAME_BYTES_MAX + 16] = "";
	struct region_view v;

	view_fill(r, i, &v);
	if (v.owner)
		snprintf(who, sizeof(who), "%s of uid %" PRIu32,
			 v.owner->detached ? "detached" : "session", v.uid);
	if (v.nholders > 1)
		snprintf(holders, sizeof(holders), ", %" PRIu32 " holders", v.nholders);
	if (*v.name)
		snprintf(name, sizeof(name), ", name \"%s\"", v.name);
	if (*v.label)
		snprintf(label, sizeof(label), ", label \"%s\"", v.label);
	say(em, "  %#" PRIx64 " %" PRIu64 " pages, %s%s%s%s", v.addr, v.npages, who, holders, name,
	    label);
}

void region_dump(const struct region *r, void (*emit)(void *ctx, const char *line), void *ctx)
{
	struct emitter em = {emit, ctx};
	uint32_t n = 0;

	say(&em, "region %" PRIu32 " %s: base %#" PRIx64 ", page %" PRIu64 " bytes%s%s", r->id,
	    r->name, r->base_addr, region_page_size(r), r->faulted ? ", faulted: " : "", r->fault);
	say(&em,
	    " limit %" PRIu64 ", grown %" PRIu64 ", used %" PRIu64 " (detached %" PRIu64
	    "), peak %" PRIu64,
	    r->limit_npages, r->grown_npages, r->used_npages, r->detached_npages, r->peak_npages);
	for (size_t i = 0; i < r->reserved.n; i++)
		say(&em, " reserved [%" PRIu64 ", %" PRIu64 ")", r->reserved.v[i].first,
		    r->reserved.v[i].limit);
	for (size_t i = 0; i < r->drained.n; i++)
		say(&em, " drained [%" PRIu64 ", %" PRIu64 ")", r->drained.v[i].first,
		    r->drained.v[i].limit);
	if (r->busy_npages)
		say(&em, " busy %" PRIu64 ", of these on their way to an owner %" PRIu64,
		    r->busy_npages, r->pending_npages);
	say(&em, " extents %" PRIu32 ", with a name %" PRIu32 ", shares %" PRIu64, r->extents.nlive,
	    region_nnamed(r), r->nshares);
	for (uint32_t i = extents_next(&r->extents, 0); i != EXTENT_NONE && n < DUMP_EXTENTS_MAX;
	     n++) {
		dump_extent(r, i, &em);
		i = extents_next(&r->extents, extents_get(&r->extents, i)->first + 1);
	}
	if (n < r->extents.nlive)
		say(&em, "  and %" PRIu32 " more", r->extents.nlive - n);
	pagealloc_dump(r->pa, emit, ctx);
}
