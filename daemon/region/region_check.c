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

/* A dump goes to the log: the first extents say what is wrong, a million lines say nothing. */
#define DUMP_EXTENTS_MAX 1000u

struct report {
	char *buf;
	size_t size;
};

static bool broken(const struct report *rep, const char *fmt, ...) PRINTF_LIKE(2, 3);

static bool broken(const struct report *rep, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(rep->buf, rep->size, fmt, args);
	va_end(args);
	return false;
}

static bool check_grown(const struct region *r, const struct report *rep)
{
	uint64_t end = (r->grown_npages + PAGEALLOC_CHUNK_NPAGES - 1) / PAGEALLOC_CHUNK_NPAGES *
		       PAGEALLOC_CHUNK_NPAGES;
	uint64_t first = 0, limit = 0;
	size_t n = pagealloc_nranges(r->pa);

	if (n)
		pagealloc_range(r->pa, 0, &first, &limit);
	if (n > 1 || first != 0 || limit != end || r->grown_npages > r->limit_npages)
		return broken(rep,
			      "R1: grown %" PRIu64
			      ", the allocator has %zu ranges, the first to %" PRIu64,
			      r->grown_npages, n, limit);
	return true;
}

/* Every extent is taken in full; together with the tail beyond the limit (R2) they are all that is taken. */
static bool check_extents(const struct region *r, const struct report *rep)
{
	uint64_t grown, nfree, used = 0;
	struct pagealloc_stat stat;

	for (uint32_t i = extents_next(&r->extents, 0); i != EXTENT_NONE;) {
		const struct extent *e = extents_get(&r->extents, i);

		if (e->first + e->npages > r->grown_npages)
			return broken(rep, "R2: extent at page %" PRIu64 " passes what is grown",
				      e->first);
		pagealloc_count(r->pa, e->first, e->npages, &grown, &nfree);
		if (grown != e->npages || nfree)
			return broken(rep,
				      "R3: extent at page %" PRIu64 " has %" PRIu64 " free pages",
				      e->first, nfree);
		used += e->npages;
		i = extents_next(&r->extents, e->first + 1);
	}
	if (used != r->used_npages)
		return broken(rep, "R5: used_npages %" PRIu64 ", extents have %" PRIu64,
			      r->used_npages, used);
	pagealloc_stat(r->pa, &stat);
	if (stat.free_npages != r->grown_npages - used)
		return broken(rep,
			      "R3: the allocator has %" PRIu64 " free pages, %" PRIu64
			      " are nobody's",
			      stat.free_npages, r->grown_npages - used);
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
			return broken(rep,
				      "R4: holding %" PRIu32 " lists extent at page %" PRIu64
				      " of holding %" PRIu32,
				      h->index, e->first, e->holding);
		n++;
		npages += e->npages;
		prev = i;
	}
	if (n != h->nextents || npages != h->npages)
		return broken(rep,
			      "R4: holding %" PRIu32 " has %" PRIu32 " extents of %" PRIu64
			      " pages, its list %" PRIu32 " of %" PRIu64,
			      h->index, h->nextents, h->npages, n, npages);
	return true;
}

static bool check_holdings(const struct region *r, const struct report *rep)
{
	uint64_t detached = 0, n = 0;

	for (uint32_t i = 0; i < r->holdings.nslots; i++) {
		const struct holding *h = holding_by_index(&r->holdings, i);

		if (!h)
			continue;
		if (h->index != i || h->region != r)
			return broken(rep, "R4: holding %" PRIu32 " lies in slot %" PRIu32,
				      h->index, i);
		if (!check_holding(r, h, rep))
			return false;
		n += h->nextents;
		if (h->owner && h->owner->detached)
			detached += h->npages;
	}
	if (n != r->extents.nlive)
		return broken(rep, "R4: holdings have %" PRIu64 " extents, live are %" PRIu32, n,
			      r->extents.nlive);
	if (detached != r->detached_npages)
		return broken(rep, "R5: detached_npages %" PRIu64 ", holdings have %" PRIu64,
			      r->detached_npages, detached);
	return true;
}

bool region_check(const struct region *r, char *buf, size_t size)
{
	struct report rep = {buf, size};

	if (size)
		buf[0] = '\0';
	return extents_check(&r->extents, buf, size) && pagealloc_check(r->pa, buf, size) &&
	       check_grown(r, &rep) && check_extents(r, &rep) && check_holdings(r, &rep);
}

struct emitter {
	void (*emit)(void *ctx, const char *line);
	void *ctx;
};

static void say(const struct emitter *em, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(const struct emitter *em, const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	em->emit(em->ctx, line);
}

static void dump_extent(const struct region *r, const struct extent *e, const struct emitter *em)
{
	const struct holding *h = holding_by_index(&r->holdings, e->holding);

	if (!h || !h->owner)
		say(em, "  %#" PRIx64 " %" PRIu64 " pages, lost", region_addr(r, e->first),
		    e->npages);
	else
		say(em, "  %#" PRIx64 " %" PRIu64 " pages, %s of uid %u", region_addr(r, e->first),
		    e->npages, h->owner->detached ? "detached" : "session",
		    (unsigned)h->owner->uid);
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
	say(&em, " extents %" PRIu32, r->extents.nlive);
	for (uint32_t i = extents_next(&r->extents, 0); i != EXTENT_NONE && n < DUMP_EXTENTS_MAX;
	     n++) {
		const struct extent *e = extents_get(&r->extents, i);

		dump_extent(r, e, &em);
		i = extents_next(&r->extents, e->first + 1);
	}
	if (n < r->extents.nlive)
		say(&em, "  and %" PRIu32 " more", r->extents.nlive - n);
	pagealloc_dump(r->pa, emit, ctx);
}
