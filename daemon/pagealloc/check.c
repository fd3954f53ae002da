/*
 * check - recount everything that is cached
 *
 * Role:       pagealloc_check(): the invariants P1 to P7 of internal.h, from the bits alone.
 * Uses:       pagealloc/internal.h, pagealloc/scavenge.h
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "pagealloc/internal.h"
#include "pagealloc/scavenge.h"

struct check {
	struct pagealloc *pa;
	char *buf;
	size_t size;
	uint64_t free_npages, scav_npages;
	uint64_t first_free; /* lowest free page seen */
};

/* Name what is broken. Return: false, for the caller to pass on. */
PRINTF_LIKE(2, 3) static bool broken(struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->size) {
		va_start(ap, fmt);
		vsnprintf(c->buf, c->size, fmt, ap);
		va_end(ap);
	}
	return false;
}

static bool check_chunk_scavenged(struct check *c, uint64_t chunk, unsigned nscav)
{
	struct pagealloc *pa = c->pa;
	const uint64_t *free_bits = chunk_free_bits(pa, chunk),
		       *scav_bits = chunk_scav_bits(pa, chunk);

	if (pa->nscav[chunk] != nscav)
		return broken(c, "P4: chunk %" PRIu64 ": nscav %u, bits %u", chunk,
			      pa->nscav[chunk], nscav);
	for (unsigned i = 0; i < CHUNK_NWORDS; i++)
		if (scav_bits[i] & ~free_bits[i])
			return broken(c,
				      "P4: chunk %" PRIu64 ": word %u has a scavenged page in use",
				      chunk, i);
	if (!scavenge_candidate(free_bits, scav_bits, CHUNK_NPAGES - 1,
				pa->config.scavenge_min_npages, 0, 0)
		     .npages)
		return true;
	if (!scavindex_marked(&pa->scavindex, chunk))
		return broken(c, "P7: chunk %" PRIu64 " has pages to scavenge and no mark", chunk);
	if (pa->scavindex.search == SCAVINDEX_NONE || chunk_of(pa->scavindex.search) < chunk)
		return broken(c, "P7: chunk %" PRIu64 " is marked above the search position",
			      chunk);
	return true;
}

static bool check_chunk(struct check *c, uint64_t chunk)
{
	const uint64_t *bits = chunk_free_bits(c->pa, chunk);
	uint64_t sum = c->pa->tree.levels[0].sums[chunk], want = chunk_summarize(bits);
	unsigned nscav = 0, nfree = 0;

	if (!chunk_grown(c->pa, chunk))
		return broken(c, "P6: chunk %" PRIu64 " is in a range, its grown bit is not set",
			      chunk);
	if (sum != want)
		return broken(c,
			      "P1: chunk %" PRIu64 ": summary (%" PRIu64 " %" PRIu64 " %" PRIu64
			      "), bits (%" PRIu64 " %" PRIu64 " %" PRIu64 ")",
			      chunk, summary_start(sum), summary_max(sum), summary_end(sum),
			      summary_start(want), summary_max(want), summary_end(want));
	for (unsigned i = 0; i < CHUNK_NWORDS; i++) {
		nfree += bits_count(bits[i]);
		nscav += bits_count(chunk_scav_bits(c->pa, chunk)[i]);
	}
	if (nfree && c->first_free == UINT64_MAX)
		c->first_free = chunk_page(chunk) + chunk_find(bits, 1, 0).page;
	c->free_npages += nfree;
	c->scav_npages += nscav;
	return check_chunk_scavenged(c, chunk, nscav);
}

static bool check_ranges(struct check *c)
{
	const struct ranges *r = &c->pa->grown;
	uint64_t npages = 0, ngrown = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].first >= r->v[i].limit || chunk_offset(r->v[i].first) ||
		    chunk_offset(r->v[i].limit) || (i > 0 && r->v[i - 1].limit >= r->v[i].first))
			return broken(c, "P6: range %zu: [%" PRIu64 ", %" PRIu64 ")", i,
				      r->v[i].first, r->v[i].limit);
		npages += r->v[i].limit - r->v[i].first;
		for (uint64_t chunk = chunk_of(r->v[i].first); chunk < chunk_of(r->v[i].limit);
		     chunk++)
			if (!check_chunk(c, chunk))
				return false;
		ngrown += chunk_of(r->v[i].limit - r->v[i].first);
	}
	for (uint64_t chunk = c->pa->tree.first_chunk; r->n && chunk < c->pa->tree.limit_chunk;
	     chunk++)
		ngrown -= chunk_grown(c->pa, chunk);
	if (ngrown != 0)
		return broken(c, "P6: %" PRId64 " chunks in ranges more than grown bits",
			      (int64_t)ngrown);
	if (npages != r->npages)
		return broken(c, "P6: npages %" PRIu64 ", ranges %" PRIu64, r->npages, npages);
	return true;
}

/* The entries above the chunks of one range. */
static bool check_level(struct check *c, unsigned level, const struct range *r)
{
	const struct tree *t = &c->pa->tree;
	struct summary children[FANOUT], want, sum;

	for (uint64_t i = level_index(level, chunk_of(r->first));
	     i <= level_index(level, chunk_of(r->limit - 1)); i++) {
		for (unsigned k = 0; k < FANOUT; k++)
			children[k] = tree_get(t, level - 1, i * FANOUT + k);
		want = summary_merge_wide(children, FANOUT, level_log(level - 1));
		sum = tree_get(t, level, i);
		if (sum.start != want.start || sum.max != want.max || sum.end != want.end)
			return broken(c,
				      "P2: level %u entry %" PRIu64 ": (%" PRIu64 " %" PRIu64
				      " %" PRIu64 "), children (%" PRIu64 " %" PRIu64 " %" PRIu64
				      ")",
				      level, i, sum.start, sum.max, sum.end, want.start, want.max,
				      want.end);
	}
	return true;
}

static bool check_search(struct check *c)
{
	struct pagealloc *pa = c->pa;

	if (pa->search != PAGEALLOC_PAGE_NONE && !ranges_contains(&pa->grown, pa->search))
		return broken(c, "P3: search address %" PRIu64 " is not grown", pa->search);
	if (c->first_free < pa->search)
		return broken(c, "P3: page %" PRIu64 " below search address %" PRIu64 " is free",
			      c->first_free, pa->search);
	return true;
}

bool pagealloc_check(struct pagealloc *pa, char *buf, size_t size)
{
	struct check c = {.pa = pa, .buf = buf, .size = size, .first_free = UINT64_MAX};

	if (size)
		buf[0] = '\0';
	if (!check_ranges(&c))
		return false;
	tree_settle(&pa->tree);
	for (unsigned level = 1; level <= pa->tree.top; level++)
		for (size_t i = 0; i < pa->grown.n; i++)
			if (!check_level(&c, level, &pa->grown.v[i]))
				return false;
	if (c.free_npages != pa->free_npages || c.scav_npages != pa->scav_npages)
		return broken(&c,
			      "P5: free %" PRIu64 ", scavenged %" PRIu64 "; bits %" PRIu64
			      ", %" PRIu64,
			      pa->free_npages, pa->scav_npages, c.free_npages, c.scav_npages);
	return check_search(&c);
}
