/*
 * best - what searches for the best fit have found out
 *
 * Role:       see best.h.
 * Uses:       pagealloc/{runindex,shape}.h
 */
#include "pagealloc/best.h"

#include <assert.h>

#include "pagealloc/internal.h"

/* Runs of the index that cost as much to try as a chunk does to look into. */
#define TRIES_A_CHUNK 8u

/* Searches after which a memory whose search was left unfinished makes room like any other: nobody goes on with it. */
#define UNFINISHED_NSEARCHES 1024u

uint64_t best_key(const struct best *b, uint64_t npages)
{
	uint64_t key = b->key[shape_class_below(npages)];

	return b->npages <= npages && b->npages_key > key ? b->npages_key : key;
}

void best_learn(struct best *b, uint64_t npages, uint64_t key)
{
	unsigned c = shape_class_below(npages);

	if (shape_length(c) < npages) {
		b->npages = npages;
		b->npages_key = key;
		c++;
	}
	/* Ascending: the first that is as far ends it. */
	for (; c < SHAPE_NLENGTHS && b->key[c] < key; c++)
		b->key[c] = key;
}

uint64_t best_room(const struct best *b, uint64_t first, uint64_t npages)
{
	uint64_t limit = first + npages < b->limit ? first + npages : b->limit;

	if (first < b->first)
		first = b->first;
	return first < limit ? shape_longest(&b->shape, first, limit) : 0;
}

void best_hear(struct best *b, uint64_t first, uint64_t npages)
{
	uint64_t key = runindex_key(first, npages), room;

	if (key >= b->key[SHAPE_NLENGTHS - 1] && key >= b->npages_key)
		return;
	room = best_room(b, first, npages);
	if (room == 0)
		return;
	for (unsigned c = shape_class_below(room) + 1; c-- > 0;)
		if (b->key[c] > key)
			b->key[c] = key;
	if (b->npages <= room && b->npages_key > key)
		b->npages_key = key;
}

/* The memory of a shape and window, made where there is none yet. NULL: all are with searches that will go on soon. */
static struct best *best_get_ready(struct pagealloc *pa, const struct shape *s, uint64_t first,
				   uint64_t limit)
{
	struct best *oldest = NULL;

	pa->nbests++;
	for (unsigned i = 0; i < BESTS_MAX; i++) {
		struct best *b = &pa->bests[i];

		if (b->shape.align == s->align && b->shape.boundary == s->boundary &&
		    b->first == first && b->limit == limit) {
			b->used = pa->nbests;
			return b;
		}
		if (b->unfinished && pa->nbests - b->used < UNFINISHED_NSEARCHES)
			continue;
		if (!oldest || b->used < oldest->used)
			oldest = b;
	}
	if (oldest)
		*oldest = (struct best){
			.shape = *s, .first = first, .limit = limit, .used = pa->nbests};
	return oldest;
}

static uint64_t place_in(const struct best *b, uint64_t first, uint64_t npages, uint64_t wanted)
{
	uint64_t limit = first + npages < b->limit ? first + npages : b->limit;

	if (first < b->first)
		first = b->first;
	return first < limit ? shape_lowest(&b->shape, first, limit, wanted) : UINT64_MAX;
}

/* Of those too long for their key the shortest must be found by measuring. */
static uint64_t place_in_long(struct pagealloc *pa, const struct best *b, struct runindex_at at,
			      uint64_t wanted)
{
	uint64_t first, npages, shortest = UINT64_MAX, page = UINT64_MAX, place;

	for (; runindex_get(&pa->runs, at, &first, &npages); runindex_next(&pa->runs, &at)) {
		npages = pagealloc_run_above(pa, first);
		if (npages >= shortest)
			continue;
		place = place_in(b, first, npages, wanted);
		if (place == UINT64_MAX)
			continue;
		shortest = npages;
		page = place;
	}
	return page;
}

int best_search(struct pagealloc *pa, const struct shape *s, uint64_t first, uint64_t limit,
		uint64_t npages, uint64_t *ret_page)
{
	struct best *b = best_get_ready(pa, s, first, limit);
	uint64_t key = runindex_key(0, npages), run, run_npages, page;
	struct runindex_at at;

	if (!b)
		return PAGEALLOC_E_AGAIN;
	if (key < best_key(b, npages))
		key = best_key(b, npages);
	at = runindex_seek(&pa->runs, key);
	for (unsigned n = 1;
	     runindex_get(&pa->runs, at, &run, &run_npages) && run_npages < RUNINDEX_LENGTH_MAX;
	     runindex_next(&pa->runs, &at), n++) {
		page = place_in(b, run, run_npages, npages);
		b->unfinished = page == UINT64_MAX && n % TRIES_A_CHUNK == 0 &&
				pa->budget != UINT64_MAX && --pa->budget == 0;
		if (page == UINT64_MAX && !b->unfinished)
			continue;
		best_learn(b, npages, runindex_key(run, run_npages) + b->unfinished);
		*ret_page = page;
		return b->unfinished ? PAGEALLOC_E_AGAIN : 0;
	}
	best_learn(b, npages, runindex_key(0, RUNINDEX_LENGTH_MAX));
	*ret_page = place_in_long(pa, b, at, npages);
	assert(*ret_page != UINT64_MAX);
	return 0;
}
