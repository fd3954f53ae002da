/*
 * check - recount everything that is cached
 *
 * Role:       pagealloc_check(): the invariants P1 to P12 of internal.h, from the bits alone.
 * Uses:       pagealloc/internal.h, pagealloc/{runs,scavenge}.h
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "pagealloc/internal.h"
#include "pagealloc/runs.h"
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
			children[k] = tree_value(t, level - 1, i * FANOUT + k);
		want = summary_merge_wide(children, FANOUT, level_log(level - 1));
		/* Within a chain, nothing is kept. */
		sum = tree_single(t, level, i) && t->levels[level].hops[i].up
			      ? tree_value(t, level, i)
			      : tree_get(t, level, i);
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
	if (c->first_free < pa->low || pa->low < pa->search)
		return broken(c,
			      "P12: page %" PRIu64 " is free, search address %" PRIu64
			      ", nothing below %" PRIu64,
			      c->first_free, pa->search, pa->low);
	return true;
}

static bool check_pending(struct check *c)
{
	const struct pagealloc *pa = c->pa;

	for (unsigned i = 0; i < pa->pending.n; i++) {
		const struct range *run = &pa->pending.run[i], *above = run + 1;

		if (run->first < run->limit &&
		    run->limit < (i + 1 < pa->pending.n ? above->first : pa->low) &&
		    all_grown(pa, run->first, run->limit - run->first) &&
		    none_free(pa, run->first, run->limit - run->first))
			continue;
		return broken(c,
			      "P12: pending run %u: [%" PRIu64 ", %" PRIu64
			      "), nothing else free below %" PRIu64,
			      i, run->first, run->limit, pa->low);
	}
	return true;
}

/* What the hop of an entry must say about the chain that it is in. */
static bool check_hop(struct check *c, unsigned level, uint64_t i)
{
	const struct tree *t = &c->pa->tree;
	const struct tree_hop *hop = &t->levels[level].hops[i];
	unsigned up = 0, down = 0;
	uint64_t bottom = i;

	while (level + up < t->top &&
	       tree_single(t, level + up + 1, i >> (PAGEALLOC_FANOUT_LOG * (up + 1))))
		up++;
	for (; tree_single(t, level - down, bottom); down++)
		bottom = tree_child(t, level - down, bottom);
	if (hop->up == up && (!down || (hop->down == down && hop->bottom == bottom)))
		return true;
	return broken(c,
		      "P10: level %u entry %" PRIu64 ": up %u down %u bottom %" PRIu32
		      ", counted %u %u %" PRIu64,
		      level, i, hop->up, hop->down, hop->bottom, up, down, bottom);
}

/* All hops above one range: their children are marked, and their chains are counted. */
static bool check_hops(struct check *c, unsigned level, const struct range *r)
{
	const struct tree *t = &c->pa->tree;

	for (uint64_t i = level_index(level, chunk_of(r->first));
	     i <= level_index(level, chunk_of(r->limit - 1)); i++) {
		const struct tree_hop *above = NULL;

		if (level < t->top)
			above = &t->levels[level + 1].hops[i / FANOUT];
		if (above && above->child != HOP_SEVERAL && above->child != i % FANOUT + 1)
			return broken(c,
				      "P10: level %u entry %" PRIu64
				      " is grown, the one above says child %u",
				      level, i, above->child);
		if (!check_hop(c, level, i))
			return false;
	}
	return true;
}

struct run_check {
	struct runs runs; /* first: visit() finds the rest from here */
	struct check *check;
	uint64_t nruns,
		missing; /* missing: first page of a run that is not in the index, UINT64_MAX */
};

static void visit_run(struct runs *w, uint64_t first, uint64_t limit)
{
	struct run_check *c = CONTAINER_OF(w, struct run_check, runs);

	c->nruns++;
	if (c->missing == UINT64_MAX && !runindex_has(&c->check->pa->runs, first, limit - first))
		c->missing = first;
}

static bool check_runs(struct check *c)
{
	struct pagealloc *pa = c->pa;
	struct run_check rc = {.check = c, .missing = UINT64_MAX};

	if (!pa->runs.nodes)
		return true;
	if (!runindex_check(&pa->runs, c->buf, c->size))
		return false;
	rc.runs = (struct runs){.limit = chunk_page(pa->nchunks),
				.min_npages = 1,
				.budget = pa->nchunks,
				.visit = visit_run};
	if (!runs_walk(pa, &rc.runs) || rc.missing != UINT64_MAX || rc.nruns != pa->runs.nruns)
		return broken(c,
			      "P8: %" PRIu64 " runs, the index has %" PRIu64
			      ", without that at page %" PRId64,
			      rc.nruns, pa->runs.nruns, (int64_t)rc.missing);
	return true;
}

/* The longest place within one chunk, by trying. */
static uint64_t longest_in_chunk(const struct pagealloc *pa, const struct shape *s, uint64_t chunk)
{
	uint64_t n = summary_max(pa->tree.levels[0].sums[chunk]);

	if (s->boundary && n > s->boundary)
		n = s->boundary;
	while (n && shape_in_chunk(s, chunk_free_bits(pa, chunk), chunk_page(chunk), n, false) ==
			    UINT64_MAX)
		n--;
	return n;
}

/*
 * The longest place within an entry, compared with the bound there on the way. Return: UINT64_MAX if a bound is broken.
 */
static uint64_t check_bounds(struct check *c, const struct shape_bounds *b, unsigned level,
			     uint64_t i)
{
	const struct shape *s = &b->shape;
	const struct tree *t = &c->pa->tree;
	uint64_t longest = 0, first = 0, limit = 0;

	if (tree_value(t, level, i).max == 0)
		return 0;
	if (level == 0)
		longest = longest_in_chunk(c->pa, s, i);
	for (uint64_t k = i * FANOUT; level > 0 && k < (i + 1) * FANOUT; k++) {
		const uint64_t whole = UINT64_C(1) << level_log(level - 1);
		struct summary sum = tree_value(t, level - 1, k);
		uint64_t n = check_bounds(c, b, level - 1, k);

		if (n == UINT64_MAX)
			return n;
		longest = n > longest ? n : longest;
		first = first == limit ? k * whole : first;
		limit = k * whole + sum.start;
		n = shape_longest(s, first, limit);
		longest = n > longest ? n : longest;
		if (sum.start < whole) {
			first = (k + 1) * whole - sum.end;
			limit = (k + 1) * whole;
		}
	}
	if (longest <= bounds_get(b, level, i))
		return longest;
	broken(c,
	       "P9: align %" PRIu64 " boundary %" PRIu64 " level %u entry %" PRIu64
	       ": bound %" PRIu64 ", longest %" PRIu64,
	       s->align, s->boundary, level, i, bounds_get(b, level, i), longest);
	return UINT64_MAX;
}

struct low_check {
	struct runs runs; /* first: visit() finds the rest from here */
	const struct shape_bounds *b;
	unsigned wrong; /* a class with a place below its low page; SHAPE_NLENGTHS: none */
};

static void visit_low(struct runs *w, uint64_t first, uint64_t limit)
{
	struct low_check *c = CONTAINER_OF(w, struct low_check, runs);

	for (unsigned i = 0; i < SHAPE_NLENGTHS; i++) {
		uint64_t n = shape_length(i);

		if (n <= limit - first && (!c->b->shape.boundary || n <= c->b->shape.boundary) &&
		    shape_lowest(&c->b->shape, first, limit, n) < c->b->low[i])
			c->wrong = i;
	}
}

static bool check_low(struct check *c, const struct shape_bounds *b)
{
	struct low_check lc = {.b = b, .wrong = SHAPE_NLENGTHS};

	lc.runs = (struct runs){.limit = chunk_page(c->pa->nchunks),
				.min_npages = 1,
				.budget = c->pa->nchunks,
				.visit = visit_low};
	if (runs_walk(c->pa, &lc.runs) && lc.wrong == SHAPE_NLENGTHS)
		return true;
	return broken(c,
		      "P9: align %" PRIu64 " boundary %" PRIu64 ": a place for %" PRIu64
		      " pages lies below page %" PRIu64,
		      b->shape.align, b->shape.boundary, shape_length(lc.wrong % SHAPE_NLENGTHS),
		      b->low[lc.wrong % SHAPE_NLENGTHS]);
}

static bool check_shapes(struct check *c)
{
	const struct tree *t = &c->pa->tree;

	if (t->first_chunk >= t->limit_chunk)
		return true;
	for (unsigned k = 0; k < c->pa->nshapes; k++) {
		const struct shape_bounds *b = &c->pa->shapes[k];

		if (b->level[0] && !check_low(c, b))
			return false;
		for (uint64_t i = 0; b->level[0] && i < t->levels[t->top].nentries; i++)
			if (check_bounds(c, b, t->top, i) == UINT64_MAX)
				return false;
	}
	return true;
}

/* A run with key @key and room for @room pages must not have been passed by. */
static bool best_true(const struct best *b, uint64_t key, uint64_t room)
{
	for (unsigned k = 0; k < SHAPE_NLENGTHS && shape_length(k) <= room; k++)
		if (b->key[k] > key)
			return false;
	return b->npages > room || b->npages_key <= key;
}

static bool check_bests(struct check *c)
{
	const struct runindex *x = &c->pa->runs;
	struct runindex_at at = runindex_seek(x, 0);
	uint64_t first, npages;

	for (; runindex_get(x, at, &first, &npages); runindex_next(x, &at))
		for (unsigned i = 0; i < BESTS_MAX && npages < RUNINDEX_LENGTH_MAX; i++) {
			const struct best *b = &c->pa->bests[i];
			uint64_t room = b->shape.align ? best_room(b, first, npages) : 0;

			if (room && !best_true(b, runindex_key(first, npages), room))
				return broken(c,
					      "P11: align %" PRIu64 " boundary %" PRIu64
					      ": the run of %" PRIu64 " pages at %" PRIu64
					      " was passed by, and has room for %" PRIu64,
					      b->shape.align, b->shape.boundary, npages, first,
					      room);
		}
	return true;
}

bool pagealloc_check(struct pagealloc *pa, char *buf, size_t size)
{
	struct check c = {.pa = pa, .buf = buf, .size = size, .first_free = UINT64_MAX};

	if (size)
		buf[0] = '\0';
	if (!check_pending(&c))
		return false;
	settle_pending(pa);
	if (!check_ranges(&c))
		return false;
	for (unsigned level = PAGEALLOC_SINGLE_LEVEL - 1; level <= pa->tree.top; level++)
		for (size_t i = 0; i < pa->grown.n; i++)
			if (!check_hops(&c, level, &pa->grown.v[i]))
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
	if (!check_search(&c) || !check_runs(&c) || !check_shapes(&c))
		return false;
	return !pa->runs.nodes || check_bests(&c);
}
