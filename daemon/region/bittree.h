/*
 * bittree - a very long bitmap in which the nearest set bit is found in a few steps
 *
 * Role:       "which is the last set bit at or below i, which the first at or above?" over up to 2^36 bits.
 *             Knows bits; the extents index uses it for the pages at which extents begin.
 * Uses:       base/
 * Invariants: B1  bit i of level k + 1 is set exactly where word i of level k is not 0.
 *             B2  words behind the usable bits are never read.
 * Cost:       everything is O(levels), 6 at the most; set and clear usually touch one level. Memory: 1.02 bits for each
 *             usable bit, address space for all.
 */
#ifndef PALLOCD_REGION_BITTREE_H
#define PALLOCD_REGION_BITTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* 64^6 = 2^36 bits. */
#define BITTREE_LEVELS_MAX 6u
#define BITTREE_NBITS_MAX (UINT64_C(1) << 36)
#define BITTREE_NONE UINT64_MAX

struct bittree {
	uint64_t *levels[BITTREE_LEVELS_MAX]; /* [0] are the bits themselves */
	unsigned nlevels;
	uint64_t nbits;  /* that may ever be usable */
	uint64_t usable; /* that are now */
	void *space;     /* one reservation for all levels */
	size_t space_bytes;
};

enum bittree_outcome { BITTREE_E_RANGE = 1 /* more bits than a tree can have, or none */ };

/**
 * bittree_init() - a tree for @nbits bits, none of them usable yet
 *
 * Return: 0, BITTREE_E_RANGE, -ENOMEM. Given back with bittree_deinit().
 */
MUST_CHECK int bittree_init(struct bittree *bt, uint64_t nbits);

/** bittree_deinit() - give all back; a zeroed tree is allowed. */
void bittree_deinit(struct bittree *bt);

/**
 * bittree_commit() - make bits [0, @usable) usable; fresh ones are 0
 *
 * Return: 0, -ENOMEM (the usable bits stay as they were). @usable must not be above the tree's bits.
 */
MUST_CHECK int bittree_commit(struct bittree *bt, uint64_t usable);

/** bittree_set(), bittree_clear() - bit @i, which must be usable. */
void bittree_set(struct bittree *bt, uint64_t i);
void bittree_clear(struct bittree *bt, uint64_t i);

/** bittree_test() - is bit @i set? A bit that is not usable is not. */
bool bittree_test(const struct bittree *bt, uint64_t i);

/** bittree_prev() - the last set bit at or below @i, or BITTREE_NONE. */
uint64_t bittree_prev(const struct bittree *bt, uint64_t i);

/** bittree_next() - the first set bit at or above @i, or BITTREE_NONE. */
uint64_t bittree_next(const struct bittree *bt, uint64_t i);

/** bittree_bytes() - memory in use. */
uint64_t bittree_bytes(const struct bittree *bt);

/** bittree_check() - recount B1; @buf receives what is wrong. O(usable). */
MUST_CHECK bool bittree_check(const struct bittree *bt, char *buf, size_t size);

#endif
