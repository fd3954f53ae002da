/*
 * tree - packed summaries of free runs, level by level
 *
 * Role:       finds the lowest run that fits by reading one block per level, and keeps the levels right. Level 0 (one summary
 *             per chunk) is written by the allocator, which knows the bits; the levels above are this file's.
 * Uses:       base/mem.h, pagealloc/summary.h
 * Invariants: T1  an entry above level 0 is the merge of its FANOUT children, or it is noted as stale, or lies within a chain.
 *             T2  nothing above is wrong but through stale entries: settling them makes the tree exact.
 * Cost:       find is O(levels * FANOUT), note is O(1), settle is O(stale entries).
 *
 * Why stale entries: extents are handed out one behind the other, so the same few entries would be merged again after each of
 * them, on every level. They are merged once, when somebody wants to read them.
 */
#ifndef PALLOCD_PAGEALLOC_TREE_H
#define PALLOCD_PAGEALLOC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "pagealloc/geometry.h"
#include "pagealloc/summary.h"

/* Stale entries that a level remembers before it merges one early: bounds what a single find has to catch up. */
#define TREE_NSTALE_LOG 4
#define TREE_NSTALE (1u << TREE_NSTALE_LOG)

/*
 * From this level on it is known which entries have but one child in which anything was ever grown ("single" ones). Where ranges lie
 * far apart there are long chains of them. Only the highest of a chain is kept up to date, straight from what is at its bottom, and a
 * search goes the same way: what lies between would cost a cache line for each level, and all alike in their place in the cache.
 */
#ifndef PAGEALLOC_SINGLE_LEVEL
#define PAGEALLOC_SINGLE_LEVEL 3
#endif

struct tree_hop {
	uint8_t child;   /* 0: nothing was grown; k + 1: in child k alone; HOP_SEVERAL */
	uint8_t up;      /* how many of the entries right above are single, one above the other */
	uint8_t down;    /* single: the bottom is so many levels below */
	uint32_t bottom; /* single: the first entry below it that is not */
};

#define HOP_SEVERAL UINT8_MAX

struct level {
	uint64_t *
		sums; /* reserved for the whole limit, committed where grown; NULL in wide levels */
	struct summary *wide;        /* the same, unpacked; NULL in packed levels */
	uint64_t nentries;           /* of the whole limit, a multiple of FANOUT */
	struct tree_hop *hops;       /* of each entry; NULL below PAGEALLOC_SINGLE_LEVEL - 1 */
	uint32_t stale;              /* bit per slot in use */
	uint32_t index[TREE_NSTALE]; /* slot i holds an entry whose tree_slot() is i */
};

struct tree {
	unsigned top;          /* highest level: one block */
	uint32_t stale_levels; /* bit per level that has stale entries */
	struct level levels[LEVELS_MAX];
	uint64_t first_chunk,
		limit_chunk; /* chunks [first, limit) bound what is grown; first > limit before */
};

/* What a find says. */
struct tree_found {
	uint64_t chunk; /* chunk to look into, UINT64_MAX if page is set */
	uint64_t
		page; /* first page of the run where it begins at an entry's free end or start; UINT64_MAX if chunk is set */
	uint64_t first_free; /* no page below it is free */
	bool exact;          /* with chunk: the first free page lies in it */
};

/** tree_init() - levels for @nchunks chunks; reserves, commits nothing. Return: 0, -ENOMEM (nothing is left behind). */
MUST_CHECK int tree_init(struct tree *t, uint64_t nchunks);
void tree_deinit(struct tree *t);

/** tree_commit() - make the entries for chunks [@first, @limit) usable. Return: 0, -ENOMEM. */
MUST_CHECK int tree_commit(struct tree *t, uint64_t first, uint64_t limit);

/** tree_set_range() - chunks [@first, @last] were summarised: all between the two ends are @free or not free at all. */
void tree_set_range(struct tree *t, uint64_t first, uint64_t last, bool free);

/** tree_note_slow() - entry @index of @level no longer matches its children. */
void tree_note_slow(struct tree *t, unsigned level, uint64_t index);

/** tree_settle() - merge all stale entries. tree_settle_level() - of one level; those below must be settled. */
void tree_settle(struct tree *t);
void tree_settle_stale(struct tree *t, unsigned level);

static inline void tree_settle_level(struct tree *t, unsigned level)
{
	if (t->stale_levels >> level & 1)
		tree_settle_stale(t, level);
}

/** tree_remerge() - merge all entries of @level above chunks [@first, @last], stale or not; the level below must be exact. */
void tree_remerge(struct tree *t, unsigned level, uint64_t first, uint64_t last);

/** tree_bytes() - bytes of summaries that cover chunks [@first, @limit). */
uint64_t tree_bytes(const struct tree *t, uint64_t first, uint64_t limit);

/** tree_largest() - the longest run of free pages; settles. */
uint64_t tree_largest(struct tree *t);

/**
 * tree_run_up() - free pages in a row from the beginning of @chunk upwards; tree_run_down() - right below it
 *
 * The chunk, for tree_run_down() the one below it, must be grown or share a block with one that is. Settles what it reads.
 */
uint64_t tree_run_up(struct tree *t, uint64_t chunk);
uint64_t tree_run_down(struct tree *t, uint64_t chunk);

/**
 * tree_find() - where the lowest run of @npages free pages is; settles the levels that it reads
 * @search: no page below it is free
 *
 * Return: true, or false if there is none. Source: reference, pageAlloc.find.
 */
bool tree_find(struct tree *t, uint64_t npages, uint64_t search, struct tree_found *ret);

/** tree_get() - the summary of an entry, packed or wide; exact after tree_settle(), but within chains of single ones. */
static inline struct summary tree_get(const struct tree *t, unsigned level, uint64_t index)
{
	return LIKELY(level < PAGEALLOC_PACKED_LEVELS)
		       ? summary_unpack(t->levels[level].sums[index])
		       : t->levels[level].wide[index];
}

/** tree_plain() - the entries of @level, of which none is wide, within a chain, or SUMMARY_WHOLE; NULL where one may be. */
static inline const uint64_t *tree_plain(const struct tree *t, unsigned level)
{
	return level < PAGEALLOC_SINGLE_LEVEL && level < PAGEALLOC_PACKED_LEVELS &&
			       level_log(level) < SUMMARY_NPAGES_LOG
		       ? t->levels[level].sums
		       : NULL;
}

/** tree_single() - has entry @index of @level one child with all there is in it? */
static inline bool tree_single(const struct tree *t, unsigned level, uint64_t index)
{
	return level >= PAGEALLOC_SINGLE_LEVEL &&
	       (uint8_t)(t->levels[level].hops[index].child - 1) < FANOUT;
}

/** tree_child() - that child of a single entry, as an index in the level below. */
static inline uint64_t tree_child(const struct tree *t, unsigned level, uint64_t index)
{
	return index * FANOUT + t->levels[level].hops[index].child - 1;
}

/** tree_chain_value() - what a single entry is, from what is at the bottom of its chain. */
struct summary tree_chain_value(const struct tree *t, unsigned level, uint64_t index);

/** tree_value() - tree_get() for any entry, also for those within a chain. */
static inline struct summary tree_value(const struct tree *t, unsigned level, uint64_t index)
{
	return LIKELY(!tree_single(t, level, index)) ? tree_get(t, level, index)
						     : tree_chain_value(t, level, index);
}

/* Fibonacci hashing: neighbours get slots of their own, and so do entries that lie apart by any power of two. */
static inline unsigned tree_slot(uint64_t index)
{
	return (uint32_t)index * UINT32_C(0x9e3779b1) >> (32 - TREE_NSTALE_LOG);
}

/** tree_ends_chain() - is the entry above it single? */
static inline bool tree_ends_chain(const struct tree *t, unsigned level, uint64_t index)
{
	return level + 1 >= PAGEALLOC_SINGLE_LEVEL && t->levels[level].hops[index].up;
}

/** tree_chain_changed() - what is at the bottom of a chain has changed: its highest entry follows at once. */
void tree_chain_changed(struct tree *t, unsigned level, uint64_t index);

/** tree_note() - tree_note_slow(), but cheap where the entry is noted already. */
static inline void tree_note(struct tree *t, unsigned level, uint64_t index)
{
	struct level *l = &t->levels[level];
	unsigned slot = tree_slot(index);

	if (LIKELY(l->stale >> slot & 1 && l->index[slot] == index))
		return;
	tree_note_slow(t, level, index);
}

/*
 * Entry @index of level @child changed from @old to @sum. The entry above it can only change with one of the ends, or
 * through the longest run: if the longest run shrank it must have been the longest above, if it grew it must exceed it.
 */
static inline void tree_changed(struct tree *t, unsigned child, uint64_t index, uint64_t old,
				uint64_t sum)
{
	const uint64_t ends = ~(SUMMARY_FIELD << SUMMARY_NPAGES_LOG);
	uint64_t up = index >> PAGEALLOC_FANOUT_LOG;
	uint64_t max_old = summary_max(old), max = summary_max(sum), max_up;

	if (child == t->top)
		return;
	if (tree_ends_chain(t, child, index)) {
		tree_chain_changed(t, child, index);
		return;
	}
	if (((old ^ sum) & ends) == 0) {
		max_up = tree_get(t, child + 1, up).max;
		if (max > max_old ? max <= max_up : max_old < max_up)
			return;
	}
	tree_note(t, child + 1, up);
}

/** tree_set_leaf() - the summary of @chunk is @sum now. */
static inline void tree_set_leaf(struct tree *t, uint64_t chunk, uint64_t sum)
{
	uint64_t old = t->levels[0].sums[chunk];

	if (old == sum)
		return;
	t->levels[0].sums[chunk] = sum;
	tree_changed(t, 0, chunk, old, sum);
}

#endif
