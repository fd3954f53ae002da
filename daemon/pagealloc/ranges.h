/*
 * ranges - a sorted set of page ranges
 *
 * Role:       remembers which parts of the address space are grown.
 * Uses:       base/mem.h
 * Invariants: A1  ranges are sorted, not empty, disjoint and not adjacent.
 *             A2  npages is the sum of their lengths.
 */
#ifndef PALLOCD_PAGEALLOC_RANGES_H
#define PALLOCD_PAGEALLOC_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct range {
	uint64_t first, limit; /* pages [first, limit) */
};

struct ranges {
	struct range *v;
	size_t n, capacity;
	uint64_t npages;
};

/** ranges_deinit() - give back the memory; the set is empty and usable again. */
void ranges_deinit(struct ranges *r);

/** ranges_reserve() - make sure that the next ranges_add() can't fail. Return: 0, -ENOMEM. */
MUST_CHECK int ranges_reserve(struct ranges *r);

/**
 * ranges_add() - add [@first, @limit), which must not be empty nor overlap; neighbours are joined
 *
 * ranges_reserve() must have succeeded since the last add. Source: reference, addrRanges.add.
 */
void ranges_add(struct ranges *r, uint64_t first, uint64_t limit);

/** ranges_find_above() - index of the first range that begins above @page; n if none. Source: reference, findSucc. */
size_t ranges_find_above(const struct ranges *r, uint64_t page);

/** ranges_contains() - is @page in a range? */
bool ranges_contains(const struct ranges *r, uint64_t page);

/** ranges_overlap() - has any page of [@first, @limit) been added? */
bool ranges_overlap(const struct ranges *r, uint64_t first, uint64_t limit);

/** ranges_at_least() - the smallest page >= @page that is in a range; UINT64_MAX if none. Source: reference, findAddrGreaterEqual. */
uint64_t ranges_at_least(const struct ranges *r, uint64_t page);

/** ranges_next() - the lowest part [*@ret_first, *@ret_limit) of a range at or above @page. Return: false: there is none. */
bool ranges_next(const struct ranges *r, uint64_t page, uint64_t *ret_first, uint64_t *ret_limit);

/** ranges_end_at_most() - the end of the highest part of a range below @limit: no page from there up to @limit is in a range; 0 if none. */
uint64_t ranges_end_at_most(const struct ranges *r, uint64_t limit);

/** ranges_remove() - remove [@first, @limit), which lies in one range; ranges_reserve() must have succeeded since the last add or remove. */
void ranges_remove(struct ranges *r, uint64_t first, uint64_t limit);

/** ranges_cut_above() - remove every page >= @page. Source: reference, removeGreaterEqual. */
void ranges_cut_above(struct ranges *r, uint64_t page);

/** ranges_take_last() - remove and return the last @npages pages of the last range, or all of it if it is no longer. Source: reference, removeLast. */
struct range ranges_take_last(struct ranges *r, uint64_t npages);

#endif
