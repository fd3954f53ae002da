/*
 * runs - the free runs of a span of pages, one after the other
 *
 * Role:       walks every maximal run of free pages that is long enough, upwards, and passes by whole subtrees whose summaries say
 *             that there is none; in slices, so that a walk over a large region does not take long at once.
 * Uses:       pagealloc/internal.h
 * Cost:       O(levels * FANOUT) for each chunk that is looked into, and once more for the walk.
 */
#ifndef PALLOCD_PAGEALLOC_RUNS_H
#define PALLOCD_PAGEALLOC_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

struct pagealloc;

struct runs {
	uint64_t first, limit; /* look at pages [first, limit) only: runs are cut there */
	uint64_t min_npages;   /* pass by shorter runs, at least 1 */
	uint64_t budget;       /* chunks to look into before the walk pauses, at least 1 */
	uint64_t next; /* where a paused walk goes on: the beginning of a run, or of a chunk */
	void (*visit)(struct runs *w, uint64_t first, uint64_t limit); /* with each run */
};

/** runs_walk() - by ascending address. Return: true if it is through, false if it has paused. */
MUST_CHECK bool runs_walk(struct pagealloc *pa, struct runs *w);

#endif
