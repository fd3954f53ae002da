/*
 * extents - the index of a region's extents: from a page to the extent that it begins or lies in
 *
 * Role:       records of runs of pages, found by first page (hash) or by any page of theirs (bit tree of first pages), and
 *             walked in order of address. Knows pages; who holds an extent is a number to it.
 * Uses:       base/, region/bittree.h
 * Invariants: E1  heads has a bit set exactly at the first page of every live record.
 *             E2  the hash holds every live record once, and nothing else; a lookup by first page finds it.
 *             E3  live records do not overlap and none is empty.
 * Cost:       O(1) by first page, O(levels of the tree) by any page. Memory for a live extent: 32 bytes of record and 10.7 to
 *             21.4 bytes of hash; a bit for each page of the region. Adding may double the hash: O(live).
 */
#ifndef PALLOCD_REGION_EXTENTS_H
#define PALLOCD_REGION_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "region/bittree.h"

/* Index of no record. */
#define EXTENT_NONE 0u

/* Live extents of one region: what the 32-bit indexes and the hash can hold. */
#define EXTENTS_MAX (UINT32_C(1) << 30)

struct extent {
	uint64_t first;
	uint64_t npages;  /* 0: the record is free */
	uint32_t holding; /* whose it is */
	uint32_t prev;    /* in the holding's list */
	uint32_t next;    /* in the holding's list; in the list of free records */
	uint32_t extra;   /* its name, label and shares; EXTRA_NONE: none */
};

/* A place in the hash. The tag says where an entry belongs and, almost always, that it is not the one, so that no record is read for that. */
struct extents_slot {
	uint32_t tag;
	uint32_t i; /* record, or EXTENT_NONE */
};

struct extents {
	struct extent *slab; /* [0] is never used */
	uint32_t nslab_max;
	uint32_t nslab_usable;
	uint32_t nslab_touched; /* records that were ever in use, with [0] */
	uint32_t nfree;         /* records in the free list */
	uint32_t free;
	uint32_t nlive;
	struct extents_slot *table;
	unsigned table_bits;
	struct bittree heads;
};

/** extents_init() - an empty index for pages [0, @limit_npages). Return: 0, -ENOMEM, -ERANGE. */
MUST_CHECK int extents_init(struct extents *ex, uint64_t limit_npages);

/** extents_raise() - an index for more pages, with all that is in it. O(extents). Return: 0, -ENOMEM (as before). */
MUST_CHECK int extents_raise(struct extents *ex, uint64_t limit_npages);

/** extents_deinit() - give all back; a zeroed index is allowed. */
void extents_deinit(struct extents *ex);

/** extents_commit() - extents may lie in [0, @npages) from now on. Return: 0, -ENOMEM (as before). */
MUST_CHECK int extents_commit(struct extents *ex, uint64_t npages);

/** extents_reserve() - the next @n extents_add() will not fail. Return: 0, -ENOMEM (as before). */
MUST_CHECK int extents_reserve(struct extents *ex, uint32_t n);

/** extents_add() - a record for [@first, @first + @npages), which overlaps no other; reserved for before. */
uint32_t extents_add(struct extents *ex, uint64_t first, uint64_t npages, uint32_t holding);

/** extents_remove() - forget record @i. */
void extents_remove(struct extents *ex, uint32_t i);

/** extents_move() - record @i becomes [@first, @first + @npages), which overlaps no other. */
void extents_move(struct extents *ex, uint32_t i, uint64_t first, uint64_t npages);

/** extents_at() - the extent that begins at @page, or EXTENT_NONE. */
uint32_t extents_at(const struct extents *ex, uint64_t page);

/** extents_over() - the extent that @page lies in, or EXTENT_NONE. */
uint32_t extents_over(const struct extents *ex, uint64_t page);

/** extents_next() - the first extent that begins at or above @page, or EXTENT_NONE. */
uint32_t extents_next(const struct extents *ex, uint64_t page);

/** extents_last() - the extent with the highest address, or EXTENT_NONE. */
uint32_t extents_last(const struct extents *ex);

static inline struct extent *extents_get(const struct extents *ex, uint32_t i)
{
	return &ex->slab[i];
}

/** extents_foresee_add() - the next extents_add() is near: have its record, and that at the head of the list, at hand by then. */
static inline void extents_foresee_add(const struct extents *ex, uint32_t head)
{
	__builtin_prefetch(&ex->slab[ex->free], 1);
	__builtin_prefetch(&ex->slab[head], 1);
}

/** extents_foresee_remove() - @e will leave its list soon: have those beside it at hand by then. */
static inline void extents_foresee_remove(const struct extents *ex, const struct extent *e)
{
	__builtin_prefetch(&ex->slab[e->prev], 1);
	__builtin_prefetch(&ex->slab[e->next], 1);
}

/** extents_bytes() - memory in use. */
uint64_t extents_bytes(const struct extents *ex);

/** extents_check() - recount E1 to E3; @buf receives what is wrong. O(pages / 64 + live). */
MUST_CHECK bool extents_check(const struct extents *ex, char *buf, size_t size);

#endif
