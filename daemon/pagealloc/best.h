/*
 * best - what searches for the best fit have found out: below which run of the index there is no place
 *
 * Role:       remembers for a shape and a window of pages how far the index of runs, shortest first, was gone through in vain, so
 *             that a search can pause and go on, and the next one need not begin anew.
 * Uses:       pagealloc/{runindex,shape}.h
 * Invariants: T1  no request as long as those of a length class, or longer, has a place in the window in a run whose key is below
 *                 the class's; the same for the one length that is remembered exactly.
 * Cost:       nothing where no search went past the first few runs; else each run that comes to be is measured, once for each memory,
 *             if its key is below what that memory has passed.
 */
#ifndef PALLOCD_PAGEALLOC_BEST_H
#define PALLOCD_PAGEALLOC_BEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "pagealloc/shape.h"

struct pagealloc;

/* Memories that an allocator keeps; the one used longest ago makes room. */
#define BESTS_MAX 8u

struct best {
	struct shape shape;           /* align 0: a free slot */
	uint64_t first, limit;        /* pages of the window */
	uint64_t used;                /* when: a number that rises with each search */
	bool unfinished;              /* a search was left that somebody will go on with */
	uint64_t key[SHAPE_NLENGTHS]; /* by length class: ascending */
	uint64_t npages, npages_key;  /* of one length that is none of a class */
};

/** best_key() - runs with lower keys hold no place for @npages. */
uint64_t best_key(const struct best *b, uint64_t npages);

/** best_learn() - runs with keys below @key hold no place for @npages. */
void best_learn(struct best *b, uint64_t npages, uint64_t key);

/** best_hear() - a run [@first, @first + @npages) has come to be. */
void best_hear(struct best *b, uint64_t first, uint64_t npages);

/**
 * best_search() - the lowest place in the shortest run of the index that holds one; to be called where there is one
 * @first, @limit: the window
 *
 * Return: 0, PAGEALLOC_E_AGAIN: the budget is used up.
 */
MUST_CHECK int best_search(struct pagealloc *pa, const struct shape *s, uint64_t first,
			   uint64_t limit, uint64_t npages, uint64_t *ret_page);

/** best_room() - the longest request that has a place in the part of a run that lies in the window. */
uint64_t best_room(const struct best *b, uint64_t first, uint64_t npages);

#endif
