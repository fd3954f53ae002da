/*
 * shape - alignment and boundary of a request, and what was learned about where they leave no room
 *
 * Role:       says where in a run, or in the bits of a chunk, a request of a shape can lie; remembers for each summary entry an
 *             upper bound of the longest request of that shape that fits into it, so that a search passes by subtrees that
 *             an earlier one has looked through in vain.
 * Uses:       base/mem.h, pagealloc/{chunk,tree}.h
 * Invariants: H1  a known bound is at least the longest placeable run within the entry.
 *             H2  no request as long as those of a length class, or longer, has a place that begins below the class's low page.
 * Cost:       learning is O(FANOUT), raising O(levels). 4.6 bytes per chunk and shape, only where searches were in vain.
 *
 * Why bounds: with summaries alone a search visits every run that is long enough and that only the alignment rules out; of those
 * there may be a quarter of all pages. Taking pages keeps bounds true; giving pages back raises those that the run which they
 * become part of exceeds. So an entry is looked through in vain only if nobody has done so yet, or if a place in it was taken since.
 */
#ifndef PALLOCD_PAGEALLOC_SHAPE_H
#define PALLOCD_PAGEALLOC_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "pagealloc/geometry.h"
#include "pagealloc/tree.h"

/* Shapes whose bounds an allocator keeps; the one used longest ago makes room. */
#define SHAPES_MAX 8u

/* Alignment and boundary, in pages from address 0; page 0 lies origin pages above it. */
struct shape {
	uint64_t align;    /* power of two, 1: any page */
	uint64_t boundary; /* power of two, 0: none */
	uint64_t origin;
};

/* Classes of lengths: one for each up to 16 pages, then one for each power of two. */
#define SHAPE_NEXACT 16u
#define SHAPE_NLENGTHS (SHAPE_NEXACT + 33u)

/** shape_length() - the shortest length of class @c. */
static inline uint64_t shape_length(unsigned c)
{
	return c < SHAPE_NEXACT ? c + 1 : UINT64_C(1) << (c - SHAPE_NEXACT + 5);
}

/** shape_class_below() - the class of the longest length that is at most @npages, from 1. */
unsigned shape_class_below(uint64_t npages);

struct shape_bounds {
	struct shape shape;
	uint64_t used;                /* when: a number that rises with each search */
	bool unfinished;              /* a search was left that somebody will go on with */
	uint64_t low[SHAPE_NLENGTHS]; /* by length class: ascending */
	uint32_t *level
		[LEVELS_MAX]; /* bound + 1 for each entry, 0: not known; NULL in all: a free slot */
	uint64_t nbytes;
};

/** shape_any() - nothing but a length is asked for. */
static inline bool shape_any(const struct shape *s)
{
	return s->align == 1 && !s->boundary;
}

/** shape_lowest(), shape_highest() - where @npages fit into the free pages [@first, @limit); UINT64_MAX: nowhere. */
uint64_t shape_lowest(const struct shape *s, uint64_t first, uint64_t limit, uint64_t npages);
uint64_t shape_highest(const struct shape *s, uint64_t first, uint64_t limit, uint64_t npages);

/** shape_longest() - the longest request that fits into the free pages [@first, @limit). */
uint64_t shape_longest(const struct shape *s, uint64_t first, uint64_t limit);

/**
 * shape_in_chunk() - the lowest (@highest: the highest) place for @npages that lies within one chunk
 * @bits: of the chunk that begins at page @base
 *
 * @npages is from 1 to CHUNK_NPAGES. O(words * log npages), however many runs there are. Return: UINT64_MAX: there is none.
 */
uint64_t shape_in_chunk(const struct shape *s, const uint64_t *bits, uint64_t base, uint64_t npages,
			bool highest);

/** bounds_init() - nothing is known. Return: 0, -ENOMEM. */
MUST_CHECK int bounds_init(struct shape_bounds *b, const struct shape *s, const struct tree *t);
void bounds_deinit(struct shape_bounds *b);

/** bounds_get() - the longest request that may fit into an entry, as far as is known. */
static inline uint64_t bounds_get(const struct shape_bounds *b, unsigned level, uint64_t index)
{
	uint32_t known = b->level[level][index];

	/* Larger ones than the field holds say nothing. */
	return known == 0 || known == UINT32_MAX ? UINT64_MAX : known - 1;
}

/** bounds_low() - no place for @npages begins below it. */
uint64_t bounds_low(const struct shape_bounds *b, uint64_t npages);

/** bounds_learn_low() - no place for @npages begins below @page. */
void bounds_learn_low(struct shape_bounds *b, uint64_t npages, uint64_t page);

/** bounds_learn_chunk() - @npages have no place within this chunk. */
void bounds_learn_chunk(struct shape_bounds *b, const uint64_t *bits, uint64_t chunk,
			uint64_t npages);

/** bounds_learn() - from the children of an entry, which were searched or passed by; the tree must be settled. */
void bounds_learn(struct shape_bounds *b, const struct tree *t, unsigned level, uint64_t index);

/** bounds_raise() - pages [@page, @limit) become free, and with them all of the run [@run_first, @run_limit) is. */
void bounds_raise(struct shape_bounds *b, const struct tree *t, uint64_t page, uint64_t limit,
		  uint64_t run_first, uint64_t run_limit);

#endif
