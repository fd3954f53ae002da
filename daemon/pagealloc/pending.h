/*
 * pending - the lowest free runs, of which the free bits do not know yet
 *
 * Role:       a few free runs, all below any other, sorted by address. What is given back there and asked for again soon, as the
 *             lowest place always is, never touches the bits and the summaries. Knows runs, nothing of bits.
 * Uses:       pagealloc/ranges.h
 * Invariants: E1  runs are sorted, not empty, disjoint and not adjacent.
 * Cost:       O(PAGEALLOC_PENDING_MAX).
 */
#ifndef PALLOCD_PAGEALLOC_PENDING_H
#define PALLOCD_PAGEALLOC_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "pagealloc/ranges.h"

/* More find what fits more often, and are gone through for longer. */
#ifndef PAGEALLOC_PENDING_MAX
#define PAGEALLOC_PENDING_MAX 8u /* test builds have 2 and 3 */
#endif

/* { 0 } is empty. */
struct pending {
	unsigned n;
	struct range run[PAGEALLOC_PENDING_MAX];
};

/** pending_add() - pages [@first, @limit) are free; there must be room. Return: false: some of them are here already, nothing changed. */
MUST_CHECK bool pending_add(struct pending *p, uint64_t first, uint64_t limit);

/** pending_find() - the lowest run that has room for @npages; p->n: there is none. */
static inline unsigned pending_find(const struct pending *p, uint64_t npages)
{
	unsigned i = 0;

	while (i < p->n && p->run[i].limit - p->run[i].first < npages)
		i++;
	return i;
}

/** pending_cut() - pages [@first, @limit) of the @i-th run are taken; there must be room for one run more. */
void pending_cut(struct pending *p, unsigned i, uint64_t first, uint64_t limit);

#endif
