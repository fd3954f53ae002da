/*
 * runs - the free runs of a span of pages, one after the other
 *
 * Role:       walks every maximal run of free pages that is long enough, upwards or downwards, and passes by whole subtrees
 *             whose summaries say that there is none. All searches that the plain one can't do are built on it.
 * Uses:       pagealloc/internal.h
 * Cost:       O(levels * FANOUT) for each run that is visited, and once more for the walk.
 */
#ifndef PALLOCD_PAGEALLOC_RUNS_H
#define PALLOCD_PAGEALLOC_RUNS_H

#include <stdbool.h>
#include <stdint.h>

struct pagealloc;

struct runs {
	uint64_t first, limit; /* look at pages [first, limit) only: runs are cut there */
	uint64_t
		min_npages; /* pass by shorter runs, at least 1; visit() may raise it during the walk */
	/* Called with each run [first, limit). Return: true to stop. */
	bool (*visit)(struct runs *w, uint64_t first, uint64_t limit);
};

/** runs_up(), runs_down() - walk by ascending or descending address. Return: true if visit() stopped it. */
bool runs_up(struct pagealloc *pa, struct runs *w);
bool runs_down(struct pagealloc *pa, struct runs *w);

#endif
