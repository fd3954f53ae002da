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
	bool down;
};

/* The run has ended. Return: true to stop the walk. */
static bool close_run(struct walk *w)
{
	uint64_t first = w->first, limit = w->limit;

	w->first = w->limit = 0;
	return limit - first >= w->runs->min_npages && limit > first &&
	       w->runs->visit(w->runs, first, limit);
}

/* Free pages [first, limit) lie next to the run, on the side to which the walk goes. */
static void extend_run(struct walk *w, uint64_t first, uint64_t limit)
{
	if (first == limit)
		return;
	if (w->first == w->limit) {
		w->first = first;
		w->limit = limit;
	} else if (w->down) {
		w->first = first;
	} else {
		w->limit = limit;
	}
}

/* Part [from, to) of a chunk, upwards. */
static bool chunk_up(struct walk *w, uint64_t chunk, unsigned from, unsigned to)
{
	const uint64_t *bits = chunk_free_bits(w->pa, chunk);
	const uint64_t base = chunk_page(chunk);

	while (from < to) {
		unsigned n = chunk_run_up(bits, from);

		if (n > to - from)
			n = to - from;
		extend_run(w, base + from, base + from + n);
		from += n;
		if (from == to)
			return false;
		if (close_run(w))
			return true;
		from += chunk_used_up(bits, from);
	}
	return false;
}

/* Part [from, to) of a chunk, downwards. */
static bool chunk_down(struct walk *w, uint64_t chunk, unsigned from, unsigned to)
{
	const uint64_t *bits = chunk_free_bits(w->pa, chunk);
	const uint64_t base = chunk_page(chunk);

	while (to > from) {
		unsigned n = chunk_run_down(bits, to);

		if (n > to - from)
			n = to - from;
		extend_run(w, base + to - n, base + to);
		to -= n;
		if (to == from)
			return false;
		if (close_run(w))
			return true;
		n = chunk_used_down(bits, to);
		to = n < to - from ? to - n : from;
	}
	return false;
}

static bool entry_walk(struct walk *w, unsigned level, uint64_t i);

/* An entry that may hold a run of its own, or that the span cuts: look at what it is made of. */
static bool entry_open(struct walk *w, unsigned level, uint64_t i, uint64_t base, uint64_t end)
{
	if (level == 0) {
		unsigned from = w->runs->first > base ? (unsigned)(w->runs->first - base) : 0;
		unsigned to = w->runs->limit < end ? (unsigned)(w->runs->limit - base)
						   : CHUNK_NPAGES;

		return w->down ? chunk_down(w, i, from, to) : chunk_up(w, i, from, to);
	}
	for (unsigned k = 0; k < FANOUT; k++)
		if (entry_walk(w, level - 1, i * FANOUT + (w->down ? FANOUT - 1 - k : k)))
			return true;
	return false;
}

static bool entry_walk(struct walk *w, unsigned level, uint64_t i)
{
	uint64_t base = i << level_log(level), end = base + (UINT64_C(1) << level_log(level));
	struct summary s;

	if (end <= w->runs->first || base >= w->runs->limit)
		return false;
	s = tree_get(&w->pa->tree, level, i);
	if (s.max == 0)
		return close_run(w);
	if (base < w->runs->first || end > w->runs->limit)
		return entry_open(w, level, i, base, end);
	if (s.start == end - base) {
		extend_run(w, base, end);
		return false;
	}
	if (s.max >= w->runs->min_npages)
		return entry_open(w, level, i, base, end);
	/* Nothing in it is long enough but perhaps together with what lies before it, or behind. */
	extend_run(w, w->down ? end - s.end : base, w->down ? end : base + s.start);
	if (close_run(w))
		return true;
	extend_run(w, w->down ? base : end - s.end, w->down ? base + s.start : end);
	return false;
}

static bool walk(struct pagealloc *pa, struct runs *runs, bool down)
{
	struct walk w = {.pa = pa, .runs = runs, .down = down};
	const struct tree *t = &pa->tree;

	tree_settle(&pa->tree);
	if (t->first_chunk >= t->limit_chunk || runs->first >= runs->limit)
		return false;
	for (uint64_t i = 0; i < FANOUT; i++)
		if (entry_walk(&w, t->top, down ? FANOUT - 1 - i : i))
			return true;
	return close_run(&w);
}

bool runs_up(struct pagealloc *pa, struct runs *w)
{
	return walk(pa, w, false);
}

bool runs_down(struct pagealloc *pa, struct runs *w)
{
	return walk(pa, w, true);
}
