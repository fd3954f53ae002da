/*
 * runindex - the free runs of an allocator in order of length, for best fit
 *
 * Role:       a B+ tree of one 64-bit key for each maximal free run: its length in the upper bits, its first page in the lower
 *             ones. Finds the shortest run of at least n pages, and of these the lowest. Knows keys; that they describe the free
 *             bits is the caller's business.
 * Uses:       base/mem.h
 * Invariants: N1  keys ascend within a node and from leaf to leaf; no key is there twice.
 *             N2  every node but the root is at least half full, and all leaves are equally deep.
 *             N3  nruns is the number of keys.
 * Cost:       O(log runs). 8 bytes a key in leaves that are at least half full: 8 to 17 bytes a run. Address space is taken for
 *             the worst case, which is every second page free; memory only for the nodes that were ever in use.
 *
 * A length of 28 bits is all that fits beside a first page of 36: longer runs have RUNINDEX_LENGTH_MAX in their key, and who
 * looks among them must measure them. There are at most 256 of them.
 */
#ifndef PALLOCD_PAGEALLOC_RUNINDEX_H
#define PALLOCD_PAGEALLOC_RUNINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define RUNINDEX_PAGE_BITS 36
#define RUNINDEX_LENGTH_MAX ((UINT64_C(1) << (64 - RUNINDEX_PAGE_BITS)) - 1)

/* Sizes of a node of 512 bytes: keys of a leaf; children of an inner node. Small ones let a test reach every case. */
#ifndef RUNINDEX_NKEYS
#define RUNINDEX_NKEYS 63u
#endif
#ifndef RUNINDEX_NCHILDREN
#define RUNINDEX_NCHILDREN 42u
#endif

struct runindex_node;

struct runindex {
	struct runindex_node *nodes; /* [0] is never used; NULL: there is no index */
	uint32_t nnodes_max;         /* reserved */
	uint32_t nnodes_usable;      /* committed */
	uint32_t nnodes_touched;     /* ever in use, with [0] */
	uint32_t free;               /* first of the list of free nodes; 0: none */
	uint32_t root;
	unsigned height; /* inner levels above the leaves */
	uint64_t nruns;
};

/* Where a walk stands. */
struct runindex_at {
	uint32_t leaf; /* 0: behind the last */
	uint32_t slot;
};

/** runindex_init() - an empty index for an address space of @limit_npages. Return: 0, -ENOMEM. */
MUST_CHECK int runindex_init(struct runindex *x, uint64_t limit_npages);

/** runindex_deinit() - give all back; a zeroed index is allowed. */
void runindex_deinit(struct runindex *x);

/** runindex_commit() - from now on there may be as many runs as fit into @grown_npages. Return: 0, -ENOMEM (as before). */
MUST_CHECK int runindex_commit(struct runindex *x, uint64_t grown_npages);

/** runindex_add(), runindex_remove() - a run of @npages from @first; it must not be, must be there. */
void runindex_add(struct runindex *x, uint64_t first, uint64_t npages);
void runindex_remove(struct runindex *x, uint64_t first, uint64_t npages);

/** runindex_clear() - forget all runs. */
void runindex_clear(struct runindex *x);

/** runindex_key() - what runs are ordered by: length, then first page. */
static inline uint64_t runindex_key(uint64_t first, uint64_t npages)
{
	if (npages > RUNINDEX_LENGTH_MAX)
		npages = RUNINDEX_LENGTH_MAX;
	return npages << RUNINDEX_PAGE_BITS | first;
}

/** runindex_seek() - the first run whose key is @key or higher; runindex_key(0, n) for the first of n pages or more. */
struct runindex_at runindex_seek(const struct runindex *x, uint64_t key);

/**
 * runindex_get() - the run at @at
 * @ret_npages: RUNINDEX_LENGTH_MAX also stands for more
 *
 * Return: false behind the last.
 */
bool runindex_get(const struct runindex *x, struct runindex_at at, uint64_t *ret_first,
		  uint64_t *ret_npages);

/** runindex_next() - to the next run. */
void runindex_next(const struct runindex *x, struct runindex_at *at);

/** runindex_has() - is there exactly this run? */
bool runindex_has(const struct runindex *x, uint64_t first, uint64_t npages);

/** runindex_bytes() - memory in use. */
uint64_t runindex_bytes(const struct runindex *x);

/** runindex_check() - N1 to N3; @buf receives what is wrong. O(runs). */
MUST_CHECK bool runindex_check(const struct runindex *x, char *buf, size_t size);

#endif
