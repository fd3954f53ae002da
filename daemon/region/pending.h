/*
 * pending - pages on their way to an owner: taken, but nobody's until their memory has been seen to
 *
 * Role:       an Alloc in two steps, for regions with a backing: take the pages, let somebody see to the memory (on another thread, while
 *             the loop goes on), then make extents of them, or give them back. And the same for memory that is given back: the scavenger's
 *             runs. Pages in between are *busy*: taken in the allocator, no extents, so that nobody can free them, get them or shrink them away.
 * Uses:       base/, pagealloc/, region/
 * Invariants: Q1  busy_npages are the pages of all that is pending, and of the scavenger's runs in progress; the region's index of what is
 *                 busy has each of their runs once, and nothing else.
 *             Q2  a busy page is grown, taken in the allocator, and neither in an extent nor reserved. (A range that is drained meanwhile
 *                 takes the pages when they are given back.)
 */
#ifndef PALLOCD_REGION_PENDING_H
#define PALLOCD_REGION_PENDING_H

#include "region/region.h"

/* A run of pages. */
struct region_run {
	uint64_t page, npages;
};

/*
 * Runs that a scavenge may name, and dirty ones of a pending request besides one for each entry; more of these are merged with what lies
 * between them, all of which is the entry's own.
 */
#define REGION_RUNS_MAX 1024u

struct region_pending {
	struct region *region;
	struct list in_region;
	uint32_t n;
	uint64_t *addr, *npages; /* @n of each */
	uint64_t npages_total;
	uint64_t scavenged_npages; /* of these, how many had no memory behind them */
	struct region_run
		*runs; /* what the extents will be, coalesced and ascending: to be committed */
	uint32_t nruns;
	struct region_run *
		dirty; /* what may hold something else than zeros: to be cleared where that is wanted */
	uint32_t ndirty;
	uint32_t ndirty_max;   /* room in @dirty */
	uint64_t dirty_npages; /* without what was merged in between */
};

/**
 * region_take() - as region_alloc() (@max_extents 0) or region_alloc_scattered() (@n is 1), up to the point where they would be extents
 * @o: whose they will be, for its quotas; not kept
 *
 * Takes memory of its own, in proportion to @n and the runs. Return: as those; REGION_E_BUSY where there would be room if what is busy came free.
 */
MUST_CHECK int region_take(struct region *r, struct owner *o, const uint64_t *npages, uint32_t n,
			   uint32_t max_extents, const struct region_placement *p,
			   struct region_pending **ret_pending, struct region_refusal *ret_refusal);

/** region_take_blocks() - the same of region_lease() */
MUST_CHECK int region_take_blocks(struct region *r, struct owner *o, uint32_t nblocks,
				  struct region_pending **ret_pending,
				  struct region_refusal *ret_refusal);

/**
 * pending_finish() - the pages become extents of @o's, with @name (one extent) and @label ("" for none)
 *
 * Return: 0 (@p is gone), REGION_E_QUOTA, REGION_E_NAME_TAKEN, REGION_E_FAULTED, -ENOMEM: @p is as before, to be given back.
 */
MUST_CHECK int pending_finish(struct region_pending *p, struct owner *o, const char *name,
			      const char *label, struct region_refusal *ret_refusal);

/**
 * region_take_beside() - what region_resize() would add to the extent that begins at @addr, up to the point where it would; no other changes
 *
 * Return: as region_resize(). 0 with *@ret_pending NULL: nothing is to be added, region_resize() does it all.
 */
MUST_CHECK int region_take_beside(struct region *r, const struct session *s, uint64_t addr,
				  uint64_t npages, enum region_edge edge,
				  struct region_pending **ret_pending,
				  struct region_refusal *ret_refusal);

/**
 * pending_finish_beside() - they become part of the extent that begins at @addr, which everything may have happened to since: it is all looked at again
 *
 * Return: 0 (@p is gone), as region_resize(): @p is as before. REGION_E_BUSY: the extent is there, but would no longer grow by just these
 * pages: give them back, and begin again.
 */
MUST_CHECK int pending_finish_beside(struct region_pending *p, const struct session *s,
				     uint64_t addr, uint64_t npages, enum region_edge edge,
				     uint64_t *ret_addr, struct region_refusal *ret_refusal);

/** pending_give_back() - the pages are free again, with memory behind them as far as anybody knows. @p is gone. NULL is allowed. */
void pending_give_back(struct region_pending *p);

/*
 * What free pages may keep: as many as are wanted so that pages in use and these together are retain_percent of the peak, or what was in
 * use at any time within the last delay_usec, whichever is more.
 */
struct region_scavenge_policy {
	uint32_t retain_percent;
	uint64_t delay_usec;
};

enum region_scavenge {
	REGION_SCAVENGE_READY,
	REGION_SCAVENGE_DONE, /* no free page has memory behind it */
	REGION_SCAVENGE_RETAINING,
	REGION_SCAVENGE_DELAYED,
};

/**
 * region_scavenge_due() - is there anything to do, and how much?
 * @ret_npages:   READY: so many pages; else 0
 * @ret_kept:     free pages that keep their memory because of the policy
 * @ret_next_usec: DELAYED: when that may be over; else UINT64_MAX
 *
 * To be called at least every eighth of delay_usec while pages with memory are free: it also notes what is in use.
 */
enum region_scavenge region_scavenge_due(struct region *r, uint64_t now_usec, uint64_t *ret_npages,
					 uint64_t *ret_kept, uint64_t *ret_next_usec);

/**
 * region_scavenge_begin() - up to @max_npages of free pages with memory, in the reference's order; they are busy until region_scavenge_end()
 * @runs: room for REGION_RUNS_MAX; coalesced, not sorted
 *
 * In whole pages of the region, which are whole pages of the backing. Several scavenges may be under way. Whole huge pages may make it a few
 * more. Return: how many runs; 0: there is nothing, or no memory to remember it by.
 */
uint32_t region_scavenge_begin(struct region *r, uint64_t max_npages, struct region_run *runs);

/** region_scavenge_end() - the runs of a region_scavenge_begin() are free again, all or some; @released: without memory, and known to be zeros. */
void region_scavenge_end(struct region *r, const struct region_run *runs, uint32_t n,
			 bool released);

#endif
