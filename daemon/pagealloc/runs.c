/*
 * runs - the free runs of a span of pages
 *
 * Role:       see runs.h.
 * Uses:       pagealloc/internal.h
 */
#include "pagealloc/runs.h"

#include "pagealloc/internal.h"

/* A walk, and the run that reaches the entries looked at so far: it may go on in the next one. */
struct walk {
	const struct pagealloc *pa;
	struct runs *runs;
	uint64_t first, limit; /* of the run; empty if equal */
	uint64_t left;         /* of the budget */
};

/* The run has ended. */
static void close_run(struct walk *w)
{
	uint64_t first = w->first, limit = w->limit;

	w->first = w->limit = 0;
	if (limit > first && limit - first >= w->runs->min_npages)
		w->runs->visit(w->runs, first, limit);
}

/* Free pages [first, limit) lie right above the run. */
static void extend_run(struct walk *w, uint64_t first, uint64_t limit)
{
	if (first == limit)
		return;
	if (w->first == w->limit)
		w->first = first;
	w->limit = limit;
}

/* Pages [from, to) of a chunk. Return: false: the walk pauses. */
static bool chunk_walk(struct walk *w, uint64_t chunk, unsigned from, unsigned to)
{
	const uint64_t *bits = chunk_free_bits(w->pa, chunk);
	const uint64_t base = chunk_page(chunk);

	if (w->left == 0) {
		w->runs->next = w->first == w->limit ? base + from : w->first;
		return false;
	}
	w->left--;
	while (from < to) {
		unsigned n = chunk_run_up(bits, from);

		if (n > to - from)
			n = to - from;
		extend_run(w, base + from, base + from + n);
		from += n;
		if (from == to)
			break;
		close_run(w);
		from += chunk_used_up(bits, from);
	}
	return true;
}

static bool entry_walk(struct walk *w, unsigned level, uint64_t i);

/* An entry that may hold a run of its own, or that the span cuts: look at what it is made of. */
static bool entry_open(struct walk *w, unsigned level, uint64_t i, uint64_t base, uint64_t end)
{
	if (level == 0) {
		unsigned from = w->runs->first > base ? (unsigned)(w->runs->first - base) : 0;
		unsigned to = w->runs->limit < end ? (unsigned)(w->runs->limit - base)
						   : CHUNK_NPAGES;

		return chunk_walk(w, i, from, to);
	}
	for (unsigned k = 0; k < FANOUT; k++)
		if (!entry_walk(w, level - 1, i * FANOUT + k))
			return false;
	return true;
}

static bool entry_walk(struct walk *w, unsigned level, uint64_t i)
{
	uint64_t base = i << level_log(level), end = base + (UINT64_C(1) << level_log(level));
	struct summary s;

	if (end <= w->runs->first || base >= w->runs->limit)
		return true;
	s = tree_value(&w->pa->tree, level, i);
	if (s.max == 0) {
		close_run(w);
		return true;
	}
	if (base < w->runs->first || end > w->runs->limit)
		return entry_open(w, level, i, base, end);
	if (s.start == end - base) {
		extend_run(w, base, end);
		return true;
	}
	if (s.max >= w->runs->min_npages)
		return entry_open(w, level, i, base, end);
	/* Nothing in it is long enough but perhaps together with what lies before it, or behind. */
	extend_run(w, base, base + s.start);
	close_run(w);
	extend_run(w, end - s.end, end);
	return true;
}

bool runs_walk(struct pagealloc *pa, struct runs *runs)
{
	/* One more: a run may begin in one chunk and end in another, and a slice must get beyond it. */
	struct walk w = {
		.pa = pa, .runs = runs, .left = runs->budget + (runs->budget < UINT64_MAX)};
	const struct tree *t = &pa->tree;

	settle_pending(pa);
	tree_settle(&pa->tree);
	if (t->first_chunk >= t->limit_chunk || runs->first >= runs->limit)
		return true;
	for (uint64_t i = 0; i < FANOUT; i++)
		if (!entry_walk(&w, t->top, i))
			return false;
	close_run(&w);
	return true;
}
