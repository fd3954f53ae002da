/*
 * place - placement under constraints: alignment, boundary, bounds; the lowest, the highest or the best fitting place
 *
 * Role:       see pagealloc.h. Walks the summary tree from where the bounds begin, and looks only into entries that may hold a
 *             place, as far as summaries and what was learned about the shape can tell.
 * Uses:       base/, pagealloc/internal.h, pagealloc/{best,runindex,runs,shape}.h
 *
 * A free run may go on over the border of entries: the walk carries the run that reaches the entries seen so far (the open run).
 */
#include "base/bits.h"
#include "base/mem.h"
#include "pagealloc/internal.h"
#include "pagealloc/runindex.h"
#include "pagealloc/runs.h"
#include "pagealloc/shape.h"

/* Runs of the index that are tried before the tree is asked whether there is a place at all. */
#ifndef PAGEALLOC_BEST_TRIES
#define PAGEALLOC_BEST_TRIES 64u /* a test build has 1 */
#endif

/* Searches after which a shape whose search was left unfinished makes room like any other: nobody goes on with it. */
#define UNFINISHED_NSEARCHES 1024u

/* How a part of a search has ended. */
enum outcome {
	NOWHERE = 0,
	FOUND,
	TIRED, /* the budget is used up */
};

struct search {
	struct pagealloc *pa;
	const struct pagealloc_request *req;
	struct shape shape;
	struct shape_bounds
		*bounds; /* NULL: every run that is long enough fits, or there was no memory */
	uint64_t first, limit; /* pages that may be used */
	uint64_t npages;
	bool down;
	uint64_t run_npages; /* of the open run, which ends where the walk is */
	uint64_t page;       /* what was found */
};

static bool pow2_or_0(uint64_t x)
{
	return !x || bits_is_pow2(x);
}

/* Can anything meet these constraints? Fills in the search. */
static bool search_init(struct search *s, struct pagealloc *pa, const struct pagealloc_request *req)
{
	const uint64_t all = chunk_page(pa->nchunks);

	*s = (struct search){
		.pa = pa,
		.req = req,
		.shape = {.align = req->align_npages ? req->align_npages : 1,
			  .boundary = req->boundary_npages,
			  .origin = pa->config.origin_npages},
		.first = req->first,
		.limit = req->limit && req->limit < all ? req->limit : all,
		.npages = req->npages,
		.down = req->strategy == PAGEALLOC_LAST,
	};
	/* But for pending ones, no free page is below that. */
	if (s->first < pa->low)
		s->first = pa->low;
	return pow2_or_0(req->align_npages) && pow2_or_0(req->boundary_npages) && req->npages > 0 &&
	       (!req->limit || req->first < req->limit) &&
	       (!req->boundary_npages || req->npages <= req->boundary_npages) &&
	       (req->strategy != PAGEALLOC_BEST || pa->config.best_fit);
}

/* The slot that a new shape gets: a free one, or that used longest ago by a search that is over. NULL: there is none. */
static struct shape_bounds *slot_choose(struct pagealloc *pa)
{
	struct shape_bounds *oldest = NULL;

	for (unsigned i = 0; i < SHAPES_MAX; i++) {
		struct shape_bounds *b = &pa->shapes[i];

		if (b->unfinished && pa->nsearches - b->used < UNFINISHED_NSEARCHES)
			continue;
		if (!oldest || b->used < oldest->used)
			oldest = b;
	}
	return oldest;
}

/*
 * The bounds of the search's shape; made on first use. Without memory for them, or where nothing is asked for that they could tell
 * about, the search goes without. Return: false: all slots are with searches that will go on soon.
 */
static bool bounds_get_ready(struct search *s)
{
	struct pagealloc *pa = s->pa;
	struct shape_bounds *b;

	if (shape_any(&s->shape))
		return true;
	pa->nsearches++;
	if (!pa->shapes)
		pa->shapes = mem_zalloc(SHAPES_MAX, sizeof(*pa->shapes));
	if (!pa->shapes)
		return true;
	for (unsigned i = 0; i < pa->nshapes; i++) {
		b = &pa->shapes[i];
		if (b->level[0] && b->shape.align == s->shape.align &&
		    b->shape.boundary == s->shape.boundary) {
			b->used = pa->nsearches;
			s->bounds = b;
			return true;
		}
	}
	b = slot_choose(pa);
	if (!b)
		return false;
	bounds_deinit(b);
	if (bounds_init(b, &s->shape, &pa->tree) == 0) {
		if (b == &pa->shapes[pa->nshapes])
			pa->nshapes++;
		b->used = pa->nsearches;
		s->bounds = b;
		pa->watched = true;
	}
	return true;
}

static uint64_t fit_in_run(const struct search *s, uint64_t first, uint64_t limit)
{
	return s->down ? shape_highest(&s->shape, first, limit, s->npages)
		       : shape_lowest(&s->shape, first, limit, s->npages);
}

/* What comes next, from page @at on in the direction of the walk, begins with @near free pages: is there a place now? */
static inline bool reach(struct search *s, uint64_t at, uint64_t near)
{
	if (s->run_npages + near < s->npages)
		return false;
	s->page = s->down ? fit_in_run(s, at - near, at + s->run_npages)
			  : fit_in_run(s, at - s->run_npages, at + near);
	return s->page != UINT64_MAX;
}

/* A chunk that may hold a place in itself, or that the bounds cut. */
static enum outcome chunk_search(struct search *s, uint64_t chunk, bool cut)
{
	const uint64_t base = chunk_page(chunk), end = base + CHUNK_NPAGES;
	const uint64_t *bits = chunk_free_bits(s->pa, chunk);
	struct summary sum = tree_get(&s->pa->tree, 0, chunk);
	uint64_t part[CHUNK_NWORDS] = {0};

	if (cut) {
		uint64_t first = s->first > base ? s->first : base;
		uint64_t limit = s->limit < end ? s->limit : end;

		chunk_set(part, (unsigned)(first - base), (unsigned)(limit - first));
		for (unsigned i = 0; i < CHUNK_NWORDS; i++)
			part[i] &= bits[i];
		bits = part;
		sum.start = chunk_run_up(bits, 0);
		sum.end = chunk_run_down(bits, CHUNK_NPAGES);
	}
	if (reach(s, s->down ? end : base, s->down ? sum.end : sum.start))
		return FOUND;
	if (s->npages <= CHUNK_NPAGES) {
		s->page = shape_in_chunk(&s->shape, bits, base, s->npages, s->down);
		if (s->page != UINT64_MAX)
			return FOUND;
	}
	s->run_npages = s->down ? sum.start : sum.end;
	return NOWHERE;
}

static enum outcome entries_search(struct search *s, unsigned level, uint64_t i, unsigned n);

/* Nothing is free from page @at on: is there a place in the open run? It is over. */
static bool run_ends(struct search *s, uint64_t at)
{
	bool found = reach(s, at, 0);

	s->run_npages = 0;
	return found;
}

/* Where the walk comes to entry @i of @level. */
static uint64_t first_page(const struct search *s, unsigned level, uint64_t i)
{
	return (s->down ? i + 1 : i) << level_log(level);
}

/* The entries that entry @i of @level is made of. */
static enum outcome children_search(struct search *s, unsigned level, uint64_t i)
{
	const struct tree *t = &s->pa->tree;
	const uint64_t first = i * FANOUT + (s->down ? FANOUT - 1 : 0);
	const uint64_t last = i * FANOUT + (s->down ? 0 : FANOUT - 1);
	enum outcome outcome;
	uint64_t single;

	if (LIKELY(!tree_single(t, level, i)))
		return entries_search(s, level - 1, first, FANOUT);
	/* No run goes on into what was never grown. */
	single = tree_child(t, level, i);
	if (single != first && run_ends(s, first_page(s, level - 1, first)))
		return FOUND;
	outcome = entries_search(s, level - 1, single, 1);
	if (outcome == NOWHERE && single != last &&
	    run_ends(s, first_page(s, level - 1, s->down ? single - 1 : single + 1)))
		return FOUND;
	return outcome;
}

/* Entry @i of @level was looked through in vain. Return: TIRED if that was enough for now. */
static enum outcome learn(struct search *s, unsigned level, uint64_t i)
{
	if (!s->bounds)
		return NOWHERE;
	if (level > 0)
		bounds_learn(s->bounds, &s->pa->tree, level, i);
	else
		bounds_learn_chunk(s->bounds, chunk_free_bits(s->pa, i), i, s->npages);
	/* A bound that stays means a place in the open run, which is asked for next. Else there is progress, and it may be enough. */
	if (bounds_get(s->bounds, level, i) >= s->npages || s->pa->budget == UINT64_MAX)
		return NOWHERE;
	return --s->pa->budget ? NOWHERE : TIRED;
}

/* An entry that may hold a place, or that the bounds cut. */
static enum outcome entry_search(struct search *s, unsigned level, uint64_t i, bool cut)
{
	enum outcome outcome = level > 0 ? children_search(s, level, i) : chunk_search(s, i, cut);

	return outcome == NOWHERE && !cut ? learn(s, level, i) : outcome;
}

/* @n entries of @level from the @i-th on, in the direction of the walk; this level and all below are settled. */
static enum outcome entries_search(struct search *s, unsigned level, uint64_t i, unsigned n)
{
	const unsigned log = level_log(level);
	const uint64_t npages = UINT64_C(1) << log, lowest = s->down ? i + 1 - n : i;
	/* Do the bounds cut any of them? */
	const bool cuts = lowest << log < s->first || (lowest + n) << log > s->limit;
	const uint64_t *plain = tree_plain(&s->pa->tree, level);
	const uint32_t *known = s->bounds ? s->bounds->level[level] : NULL;
	/* A bound is known to be less than npages if its field, which holds one more, is not above it. */
	const uint64_t most = s->npages < UINT32_MAX ? s->npages : 0;

	for (; n; n--, i += s->down ? UINT64_MAX : 1) {
		const uint64_t base = i << log, end = base + npages;
		struct summary sum = LIKELY(plain != NULL) ? summary_fields(plain[i])
							   : tree_value(&s->pa->tree, level, i);
		bool cut = UNLIKELY(cuts) && (base < s->first || end > s->limit);
		enum outcome outcome;

		if (UNLIKELY(cut && (end <= s->first || base >= s->limit || sum.max == 0))) {
			if (run_ends(s, s->down ? end : base))
				return FOUND;
		} else if (UNLIKELY(sum.start == npages && !cut)) {
			s->run_npages += npages;
		} else if (LIKELY(!cut && (sum.max < s->npages ||
					   (known && known[i] && known[i] <= most)))) {
			if (reach(s, s->down ? end : base, s->down ? sum.end : sum.start))
				return FOUND;
			s->run_npages = s->down ? sum.start : sum.end;
		} else {
			outcome = entry_search(s, level, i, cut);
			if (outcome != NOWHERE)
				return outcome;
		}
	}
	return NOWHERE;
}

/*
 * All entries from the one at the first grown page within the bounds to the last: those that share a block with it, then, a level
 * higher, those that share one with the entry above, and so on. So what is near is found soon, and no more than a block of
 * each level is read before a subtree that may hold a place.
 */
static enum outcome tree_walk(struct search *s)
{
	struct tree *t = &s->pa->tree;
	enum outcome outcome;
	unsigned level = 0;
	uint64_t i, at;

	/* Only what is grown has summaries. */
	if (!s->down && !chunk_grown(s->pa, chunk_of(s->first)))
		s->first = ranges_at_least(&s->pa->grown, s->first);
	if (s->down && !chunk_grown(s->pa, chunk_of(s->limit - 1)))
		s->limit = ranges_end_at_most(&s->pa->grown, s->limit);
	if (s->first >= s->limit)
		return NOWHERE;
	i = chunk_of(s->down ? s->limit - 1 : s->first);
	for (;;) {
		/* To the end of its block. */
		unsigned n = (unsigned)(s->down ? i % FANOUT + 1 : FANOUT - i % FANOUT);

		outcome = entries_search(s, level, i, n);
		i = i / FANOUT * FANOUT + (s->down ? 0 : FANOUT - 1);
		if (outcome != NOWHERE)
			return outcome;
		while (level < t->top && i % FANOUT == (s->down ? 0 : FANOUT - 1)) {
			i /= FANOUT;
			tree_settle_level(t, ++level);
		}
		if (level == t->top && (s->down ? i == 0 : i == FANOUT - 1)) {
			/* A run up to the very end of the tree. */
			at = s->down ? 0 : t->levels[level].nentries << level_log(level);
			return reach(s, at, 0) ? FOUND : NOWHERE;
		}
		i += s->down ? UINT64_MAX : 1;
	}
}

/* The walk from below begins where an earlier one for the same shape found the lowest place. */
static enum outcome tree_search(struct search *s)
{
	/* What begins here or above reaches beyond the limit. */
	const uint64_t end = s->limit < s->npages ? 0 : s->limit - s->npages + 1;
	enum outcome outcome;
	uint64_t low;
	bool all; /* nothing below what is walked over can hold a place */

	if (s->down || !s->bounds)
		return tree_walk(s);
	low = bounds_low(s->bounds, s->npages);
	all = s->first <= low || s->first <= s->pa->low;
	if (s->first < low)
		s->first = low;
	outcome = s->first < end ? tree_walk(s) : NOWHERE;
	if (all && outcome != TIRED)
		bounds_learn_low(s->bounds, s->npages, outcome == FOUND ? s->page : end);
	return outcome;
}

/*
 * The index of runs: the shortest that fits first. A run that bounds cut counts with its full length. Mostly one of the first few
 * holds a place; else the tree says whether there is one at all, before the search goes on.
 */
static enum outcome best_place(struct search *s)
{
	const struct runindex *x = &s->pa->runs;
	struct runindex_at at = runindex_seek(x, runindex_key(0, s->npages));
	const uint64_t lowest = s->first;
	uint64_t first, npages, limit;
	enum outcome outcome;

	for (unsigned n = 0; n < PAGEALLOC_BEST_TRIES && runindex_get(x, at, &first, &npages) &&
			     npages < RUNINDEX_LENGTH_MAX;
	     runindex_next(x, &at), n++) {
		limit = first + npages < s->limit ? first + npages : s->limit;
		first = first > lowest ? first : lowest;
		if (first >= limit)
			continue;
		s->page = shape_lowest(&s->shape, first, limit, s->npages);
		if (s->page != UINT64_MAX)
			return FOUND;
	}
	outcome = tree_search(s);
	if (outcome != FOUND)
		return outcome;
	if (best_search(s->pa, &s->shape, s->req->first, s->limit, s->npages, &s->page))
		return TIRED;
	return FOUND;
}

/* A pending run in which there is a place, in the direction of the search; pending.n: there is none. */
static unsigned pending_place(struct search *s)
{
	const struct pending *p = &s->pa->pending;

	for (unsigned k = 0; k < p->n; k++) {
		const struct range *run = &p->run[s->down ? p->n - 1 - k : k];
		uint64_t first = run->first > s->req->first ? run->first : s->req->first;
		uint64_t limit = run->limit < s->limit ? run->limit : s->limit;

		if (first >= limit || limit - first < s->npages)
			continue;
		s->page = fit_in_run(s, first, limit);
		if (s->page != UINT64_MAX)
			return (unsigned)(run - p->run);
	}
	return p->n;
}

static enum outcome place_search(struct search *s)
{
	enum outcome outcome;

	if (s->npages > chunk_page(s->pa->nchunks))
		return NOWHERE;
	if (!bounds_get_ready(s))
		return TIRED;
	outcome = s->req->strategy == PAGEALLOC_BEST ? best_place(s) : tree_search(s);
	if (s->bounds)
		s->bounds->unfinished = outcome == TIRED;
	return outcome;
}

void pagealloc_set_budget(struct pagealloc *pa, uint64_t nchunks)
{
	pa->budget = nchunks;
}

/*
 * pagealloc_place(), whose result is in the search. What is pending lies below all else.
 * @ret_pending: the pending run that the place is in; pending.n: it is in none
 */
static int place(struct search *s, struct pagealloc *pa, const struct pagealloc_request *req,
		 unsigned *ret_pending)
{
	enum outcome outcome = NOWHERE;

	if (!search_init(s, pa, req))
		return PAGEALLOC_E_RANGE;
	*ret_pending = s->down ? pa->pending.n : pending_place(s);
	if (*ret_pending == pa->pending.n)
		outcome = place_search(s);
	if (outcome == NOWHERE && s->down)
		*ret_pending = pending_place(s);
	if (outcome == FOUND || *ret_pending < pa->pending.n)
		return 0;
	return outcome == TIRED ? PAGEALLOC_E_AGAIN : PAGEALLOC_E_NO_RUN;
}

int pagealloc_place(struct pagealloc *pa, const struct pagealloc_request *req, uint64_t *ret_page)
{
	struct search s;
	unsigned pending;
	int err = place(&s, pa, req, &pending);

	if (!err)
		*ret_page = s.page;
	return err;
}

int pagealloc_place_within(struct pagealloc *pa, const struct pagealloc_request *req,
			   uint64_t first, uint64_t limit, uint64_t *ret_page)
{
	struct search s;

	if (!search_init(&s, pa, req))
		return PAGEALLOC_E_RANGE;
	if (first < req->first)
		first = req->first;
	if (req->limit && limit > req->limit)
		limit = req->limit;
	if (first >= limit)
		return PAGEALLOC_E_NO_RUN;
	s.page = fit_in_run(&s, first, limit);
	if (s.page == UINT64_MAX)
		return PAGEALLOC_E_NO_RUN;
	*ret_page = s.page;
	return 0;
}

/* Nothing but a length is asked for. */
static bool is_plain(const struct pagealloc_request *req)
{
	return req->strategy == PAGEALLOC_FIRST && req->align_npages <= 1 &&
	       !req->boundary_npages && !req->first && !req->limit;
}

int pagealloc_alloc_placed(struct pagealloc *pa, const struct pagealloc_request *req,
			   uint64_t *ret_page, uint64_t *ret_scavenged)
{
	uint64_t scavenged = 0;
	struct search s;
	unsigned pending;
	int err;

	if (is_plain(req) && req->npages)
		return pagealloc_alloc(pa, req->npages, ret_page, ret_scavenged);
	err = place(&s, pa, req, &pending);
	if (err)
		return err;
	if (pending < pa->pending.n)
		take_pending(pa, pending, s.page, req->npages);
	else
		scavenged = take_pages(pa, s.page, req->npages);
	*ret_page = s.page;
	if (ret_scavenged)
		*ret_scavenged = scavenged;
	return 0;
}

bool pagealloc_fits(const struct pagealloc *pa, const struct pagealloc_request *req, uint64_t page)
{
	const struct shape shape = {.align = req->align_npages ? req->align_npages : 1,
				    .boundary = req->boundary_npages,
				    .origin = pa->config.origin_npages};

	return page >= req->first && req->npages <= UINT64_MAX - page &&
	       (!req->limit || page + req->npages <= req->limit) &&
	       shape_lowest(&shape, page, page + req->npages, req->npages) == page;
}

/* By halving: whoever has room for n pages has room for fewer. */
int pagealloc_largest_placed(struct pagealloc *pa, const struct pagealloc_request *req,
			     uint64_t *ret_npages)
{
	struct pagealloc_request any = *req;
	uint64_t most, least = 0, page;
	int err;

	settle_pending(pa);
	most = tree_largest(&pa->tree);
	any.strategy = PAGEALLOC_FIRST;
	if (any.boundary_npages && any.boundary_npages < most)
		most = any.boundary_npages;
	/* There is room for least pages, and none for more than most. Whole is what is most often asked about. */
	for (any.npages = most; least < most; any.npages = least + (most - least + 1) / 2) {
		err = pagealloc_place(pa, &any, &page);
		if (!err)
			least = any.npages;
		else if (err == PAGEALLOC_E_NO_RUN)
			most = any.npages - 1;
		else
			return err;
	}
	*ret_npages = least;
	return 0;
}

struct counting {
	struct runs runs; /* first: visit() finds the rest from here */
	const struct search *search;
	uint64_t n;
};

/* How many are side by side in [first, limit) if nothing is to be crossed. */
static uint64_t count_uncrossed(const struct search *s, uint64_t first, uint64_t limit)
{
	const uint64_t stride = (s->npages + s->shape.align - 1) & ~(s->shape.align - 1);
	const struct shape aligned = {.align = s->shape.align, .origin = s->shape.origin};
	uint64_t at = shape_lowest(&aligned, first, limit, s->npages);

	return at == UINT64_MAX ? 0 : 1 + (limit - at - s->npages) / stride;
}

/* How many fit into a run: up to its first boundary, between all the others, and behind the last. */
static uint64_t count_in_run(const struct search *s, uint64_t first, uint64_t limit)
{
	const uint64_t b = s->shape.boundary, origin = s->shape.origin;
	uint64_t lo, hi;

	/* What begins at multiples of a boundary crosses none. */
	if (!b || s->shape.align >= b)
		return count_uncrossed(s, first, limit);
	lo = ((first + origin + b - 1) & ~(b - 1)) - origin;
	hi = ((limit + origin) & ~(b - 1)) - origin;
	if (lo >= limit || lo > hi)
		return count_uncrossed(s, first, limit);
	return (lo > first ? count_uncrossed(s, first, lo) : 0) +
	       (hi - lo) / b * (hi > lo ? count_uncrossed(s, lo, lo + b) : 0) +
	       (limit > hi ? count_uncrossed(s, hi, limit) : 0);
}

static void visit_count(struct runs *w, uint64_t first, uint64_t limit)
{
	struct counting *c = CONTAINER_OF(w, struct counting, runs);

	c->n += count_in_run(c->search, first, limit);
}

bool pagealloc_count_placed(struct pagealloc *pa, const struct pagealloc_request *req,
			    struct pagealloc_walk *w, uint64_t *ret_n)
{
	struct search s;
	struct counting c = {.search = &s};
	bool done;

	settle_pending(pa);
	if (!search_init(&s, pa, req))
		return true;
	c.runs = (struct runs){.first = s.first > w->next ? s.first : w->next,
			       .limit = s.limit,
			       .min_npages = s.npages,
			       .budget = w->budget,
			       .visit = visit_count};
	done = runs_walk(pa, &c.runs);
	w->next = c.runs.next;
	*ret_n += c.n;
	return done;
}
