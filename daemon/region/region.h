/*
 * region - one address space: its allocator, its extents and who holds them
 *
 * Role:       turns addresses into pages and requests of owners into changes of the allocator, all of a request or nothing.
 *             Knows owners and limits; nothing of sockets, messages or time. Never logs.
 * Uses:       base/, pagealloc/, backing/
 * Invariants: R1  what is grown are whole chunks, the last one perhaps cut by the limit; grown_npages of them, up to end_npages.
 *             R2  extents lie in what is grown, and in nothing that is reserved. Pages beyond the limit, in its last chunk, are reserved.
 *             R3  a grown page is taken in the allocator exactly where an extent, a reserved or a drained range covers it, or where it
 *                 is busy (Q1, Q2 of pending.h).
 *             R4  every extent belongs to a holding of this region, and every holding's sums are those of its extents (O1, O2).
 *             R5  used_npages, detached_npages and quarantined_npages are the sums over all, over the users' holdings, and over
 *                 those in quarantine.
 *             R6  the allocator and the indexes agree with themselves (P*, E*, B*, X*).
 *             A breach that is noticed closes the region ("faulted"): nothing in it changes any more, other regions go on.
 * Cost:       alloc and free are O(1) in extents and the allocator's O(levels); growing and checking are O(pages).
 */
#ifndef PALLOCD_REGION_REGION_H
#define PALLOCD_REGION_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macros.h"
#include "pagealloc/pagealloc.h"
#include "pagealloc/ranges.h"
#include "region/access.h"
#include "region/changes.h"
#include "region/events.h"
#include "region/extents.h"
#include "region/owner.h"
#include "region/recent.h"
#include "region/region_config.h"

#define REGION_NUMBER_MAX 65535u
#define REGION_FAULT_BYTES 160
#define REGION_RANGES_MAX 1024u /* ranges that may be reserved, and drained, at a time */
#define REGION_IN_USE_MAX 64u   /* extents that a refusal or a drain lists */
#define REGION_LABEL_BYTES_MAX 127u
#define REGION_SHARES_MAX 1024u /* holders of one extent besides its owner */

/*
 * Chunks into which one call may look in vain for a placement, some 100 ns each, before it returns REGION_E_AGAIN: then others have
 * their turn, and the same call, made again, goes on.
 */
#define REGION_SEARCH_NCHUNKS 4096u

struct session;

/* What one user, and one session, may hold in a region; 0: no limit. Shared extents count for each of their holders. */
struct region_quota {
	uint64_t user_npages, session_npages;
	uint64_t user_nextents, session_nextents;
};

/* Since start. */
struct region_counters {
	uint64_t allocs;   /* extents handed out */
	uint64_t frees;    /* ranges given back by request */
	uint64_t reclaims; /* extents given back because their session ended */
	uint64_t grows;
	uint64_t shrinks;
	uint64_t no_space; /* requests refused for want of space */
	uint64_t quota;    /* requests refused by a quota */
	uint64_t
		no_memory; /* requests refused because no memory could be put behind their pages; the layer above counts this and the next one */
	uint64_t cleared;  /* pages */
	uint64_t released; /* pages whose memory was given back */
};

struct region {
	uint32_t id; /* its place among the regions, from 1 */
	uint32_t
		number; /* what others know it by: stays the same from start to start, as long as truth about it lives */
	char name[REGION_NAME_BYTES_MAX + 1];
	uint64_t base_addr;
	unsigned page_shift;
	uint64_t limit_npages;
	uint64_t auto_grow_npages;
	bool best_fit;

	struct pagealloc *pa;
	struct extents extents;
	struct holdings holdings;
	struct ranges reserved, drained; /* pages; see region_reserve(), region_drain() */
	struct ranges
		unsaid; /* of what is reserved, what the region's record did not say: see region_extent_put() */
	uint64_t
		generation; /* from 1: rises where the memory of before is gone, and all extents with it */
	struct changes changes; /* what of all this is not written down */

	uint64_t grown_npages; /* usable ones: never above the limit */
	uint64_t end_npages; /* where the highest grown range ends: the region grows from here on */
	uint64_t used_npages;
	uint64_t detached_npages;
	uint64_t peak_npages;
	uint64_t recent_npages; /* most in use since region_scavenge_due() looked last */
	uint64_t busy_npages;   /* in all runs of @busy */
	uint64_t quarantined_npages;
	uint64_t nshares;
	/* Changes whenever pages have become free or grown, or are busy no more: who waits for space may try again. */
	uint64_t room;
	struct region_counters counters;

	struct region_quota quota;
	enum region_death death;
	enum region_durability durability;
	uint64_t quarantine_usec;
	uint64_t low_npages;
	bool low; /* EVENT_SPACE_LOW was the last one */
	/*
	 * Somebody has found no space, or it has become low: the layer above asks those for theirs who lease blocks, clears it, and
	 * keeps here when it did so, and as which of all its recalls.
	 */
	bool wanted;
	uint64_t recall, recall_usec;
	struct access_rule *rules;
	uint32_t nrules;
	struct events *events; /* NULL: nobody watches */
	struct extras *extras; /* names, labels and shares */

	uint32_t *
		order; /* for sorting a batch; kept, so that no request takes memory for it twice */
	uint32_t norder;

	struct backing *backing; /* NULL: nothing is behind the addresses */
	bool commit_now;
	bool sanitize;
	uint32_t retain_percent;
	uint32_t scavenge_cpu_ppm;
	uint64_t scavenge_delay_usec;
	struct list pendings;    /* struct region_pending */
	struct extents busy;     /* the runs of all that is busy; zeroed until something is */
	uint64_t pending_npages; /* of these, on their way to an owner */
	struct region_recent recent;

	bool closed; /* it is no region any more, see region_close() */
	bool faulted;
	bool fault_reported;            /* the layer above has told the administrator */
	char fault[REGION_FAULT_BYTES]; /* what was noticed */
};

enum region_rule {
	REGION_ANYWHERE,
	REGION_FIXED, /* at addr, or not at all */
	REGION_HINT,  /* at addr if that can be */
};

/* Where extents may lie. A zeroed one allows everything. */
struct region_placement {
	uint64_t align_npages;    /* from address 0; power of two; 0 = 1 */
	uint64_t boundary_npages; /* not to be crossed, from address 0; power of two; 0 = none */
	uint64_t lowest_addr;     /* no page below; 0 = the base */
	uint64_t limit_addr;      /* no page reaches beyond; 0 = the end */
	enum region_rule rule;
	uint64_t addr;
	enum pagealloc_strategy strategy;
};

/* Named outcomes of the functions below. */
enum region_outcome {
	REGION_E_CONFIG = 1,    /* the configuration is impossible; the text says what and why */
	REGION_E_NO_SPACE,      /* no run of free pages is long enough, and growing does not help */
	REGION_E_LIMIT,         /* more pages than the region can ever have, or may still grow by */
	REGION_E_EMPTY,         /* 0 pages asked for or named */
	REGION_E_OUT_OF_REGION, /* the range is not in the region's address space */
	REGION_E_UNALIGNED,     /* the address is not the beginning of a page */
	REGION_E_NOT_ALLOCATED, /* some page is not allocated, or is named twice */
	REGION_E_NOT_OWNER,     /* some page is held by another owner */
	REGION_E_NOT_FREE,      /* some page at the fixed address is taken, or not grown */
	REGION_E_PLACEMENT, /* a constraint that nothing can meet; the refusal's field and why say which */
	REGION_E_FAULTED,  /* the region is closed */
	REGION_E_IN_USE,   /* extents are in the way; the list says which */
	REGION_E_INSIDE,   /* an extent lies there, but does not begin (or end) there */
	REGION_E_CHUNKS,   /* the range holds no whole chunk, or does not consist of whole ones */
	REGION_E_GROWN,    /* some page is grown already, or not grown */
	REGION_E_RANGES,   /* there are REGION_RANGES_MAX ranges already */
	REGION_E_NOT_HELD, /* the range is not reserved, or not drained */
	REGION_E_QUOTA, /* a quota does not allow it; the refusal's field, limit, used, asked say which and how far */
	REGION_E_NAME_TAKEN, /* another extent has the name; refusal.addr says which */
	REGION_E_NOT_FOUND,  /* no extent has that name, or none begins at that address */
	REGION_E_SHARED, /* the extent has several holders; refusal.addr, refusal.nextents: how many */
	REGION_E_SHARES, /* it has REGION_SHARES_MAX already */
	REGION_E_HOLDS,  /* who asks to share holds the extent already */
	REGION_E_BUSY, /* there would be room, or nothing in the way, if pages came free that are busy: soon, see pending.h */
	REGION_E_AGAIN, /* the search goes on with the same call; nothing changed yet, see REGION_SEARCH_NCHUNKS */
};

/* What to say about an outcome. Only what fits the outcome is set. */
struct region_refusal {
	uint32_t index; /* entry of the batch */
	uint64_t asked;
	uint64_t limit;
	uint64_t free_npages;
	uint64_t largest_npages;
	uint64_t growable_npages;
	uint64_t addr;           /* first address at fault */
	uint64_t placed_npages;  /* longest run that the placement allows, where there is one */
	uint64_t aligned_npages; /* longest run that alignment and boundary alone allow */
	uint64_t bounded_npages; /* longest run that the bounds alone allow */
	uint64_t nextents;       /* IN_USE, SHARED */
	uint64_t used;           /* QUOTA */
	uint64_t
		quota_npages; /* NO_SPACE: pages that the quotas leave to the owner; UINT64_MAX: no quota */
	const char *
		field; /* PLACEMENT: the constraint; QUOTA: its name, "user_pages"; static strings both */
	const char *why;
};

/**
 * region_new() - a region with its initial pages grown
 * @c:   copied; must have passed region_config_check()
 * @id:  not 0
 *
 * Return: 0, REGION_E_CONFIG, -ENOMEM. Given back with region_destroy().
 */
MUST_CHECK int region_new(const struct region_config *c, uint32_t id, struct region **ret_region);

/** region_destroy() - with all its extents and holdings; their owners lose them. NULL is allowed. */
void region_destroy(struct region *r);

/**
 * region_alloc() - take one extent for each entry of @npages, all or none
 * @o:             whose they will be
 * @p:             where they may lie; NULL: anywhere, as low as possible
 * @ret_addr:      @n addresses in the order of @npages; written on failure too, without meaning
 * @ret_scavenged: how many of the pages had no memory behind them
 * @ret_refusal:   written where the outcome is positive
 *
 * A region with auto-grow grows by its step, or by as much as the entry needs, before it refuses; what has grown stays.
 * Return: 0, REGION_E_NO_SPACE, REGION_E_BUSY, REGION_E_LIMIT, REGION_E_EMPTY, REGION_E_QUOTA, REGION_E_FAULTED, -ENOMEM; with a placement
 * also REGION_E_PLACEMENT, REGION_E_NOT_FREE, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_AGAIN. Nothing is taken but on 0.
 */
MUST_CHECK int region_alloc(struct region *r, struct owner *o, const uint64_t *npages, uint32_t n,
			    const struct region_placement *p, uint64_t *ret_addr,
			    uint64_t *ret_scavenged, struct region_refusal *ret_refusal);

/* What region_why() finds out. */
struct region_why {
	bool fits;
	uint64_t addr;           /* where it would go */
	uint64_t grow_npages;    /* by so much the region would grow first */
	uint64_t placed_npages;  /* longest run that the placement allows now */
	uint64_t aligned_npages; /* longest run that alignment and boundary alone allow */
	uint64_t bounded_npages; /* longest run that the bounds alone allow */
};

/**
 * region_why() - where an extent of @npages would go, or that it does not fit; changes nothing
 *
 * Return: 0 (see @ret_why), or as region_alloc() for what can never be.
 */
MUST_CHECK int region_why(struct region *r, uint64_t npages, const struct region_placement *p,
			  struct region_why *ret_why, struct region_refusal *ret_refusal);

/**
 * region_fit() - how many extents of @npages fit now, from the lowest place up; in slices
 * @w:            { .budget = n } at first; see struct pagealloc_walk
 * @ret_nextents: what this slice has found is added
 * @ret_done:     false: to be called again
 *
 * Return: as region_why().
 */
MUST_CHECK int region_fit(struct region *r, uint64_t npages, const struct region_placement *p,
			  struct pagealloc_walk *w, uint64_t *ret_nextents, bool *ret_done,
			  struct region_refusal *ret_refusal);

/**
 * region_alloc_scattered() - take @npages in up to @max_extents extents, all or none
 * @ret_addr, @ret_npages: room for @max_extents
 * @ret_n:                 how many there are
 *
 * In one extent where that fits without growing; otherwise the longest runs that the placement allows come first, so that there
 * are few, and the rest lies where the strategy says. With an alignment every extent but the last is a multiple of it. Grows
 * as region_alloc() where even that is not enough. Of quotas those extents count that it takes, not those that it may take.
 * Return: as region_alloc().
 */
MUST_CHECK int region_alloc_scattered(struct region *r, struct owner *o, uint64_t npages,
				      uint32_t max_extents, const struct region_placement *p,
				      uint64_t *ret_addr, uint64_t *ret_npages, uint32_t *ret_n,
				      uint64_t *ret_scavenged, struct region_refusal *ret_refusal);

#define REGION_BLOCK_NPAGES 64u
#define REGION_BLOCK_EXTENTS_MAX (REGION_BLOCK_NPAGES / 2)

/**
 * region_lease() - take up to @nblocks page-cache blocks, at least one: of each all pages that are free
 * @ret_addr, @ret_npages: room for @nblocks * REGION_BLOCK_EXTENTS_MAX
 * @ret_n:                 how many extents there are: the runs of free pages, ascending; those that touch are one
 *
 * A block is 64 pages, counted from the base; the next one is always that of the lowest free page (reference, pageAlloc.allocToCache).
 * Ends before a block for which there is no quota. Grows by the step, or by one page, where no page is free at all.
 * Return: as region_alloc() for one page.
 */
MUST_CHECK int region_lease(struct region *r, struct owner *o, uint32_t nblocks, uint64_t *ret_addr,
			    uint64_t *ret_npages, uint32_t *ret_n, uint64_t *ret_scavenged,
			    struct region_refusal *ret_refusal);

/**
 * region_quota_left() - pages that the quotas leave to @o in this region; UINT64_MAX: none does
 * @ret_name: the quota that leaves least, "user_pages" or "session_pages"; "" for none
 */
uint64_t region_quota_left(const struct region *r, const struct owner *o, const char **ret_name);

/* An extent as others may see it. Strings live until the region changes. */
struct region_view {
	uint64_t addr, npages;
	const struct owner *owner; /* NULL: lost; detached ones are users' */
	uint64_t session;          /* 0: a user's */
	uint32_t uid;
	const char *name, *label; /* "" for none */
	uint32_t nholders;
	bool quarantined;
};

/**
 * region_alloc_named() - as region_alloc() with one entry; the extent gets @name and @label ("" for none) in the same step
 *
 * Return: as region_alloc(), REGION_E_NAME_TAKEN. The strings are copied; their lengths have been checked.
 */
MUST_CHECK int region_alloc_named(struct region *r, struct owner *o, uint64_t npages,
				  const char *name, const char *label,
				  const struct region_placement *p, uint64_t *ret_addr,
				  uint64_t *ret_scavenged, struct region_refusal *ret_refusal);

/**
 * region_annotate() - give the extent that begins at @addr another name or label; NULL leaves it, "" removes it
 *
 * Return: 0, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_NOT_ALLOCATED, REGION_E_INSIDE, REGION_E_NOT_OWNER,
 * REGION_E_NAME_TAKEN, REGION_E_FAULTED, -ENOMEM. Nothing changed but on 0.
 */
MUST_CHECK int region_annotate(struct region *r, const struct session *s, uint64_t addr,
			       const char *name, const char *label,
			       struct region_refusal *ret_refusal);

/** region_lookup() - the extent of that name. Return: 0, REGION_E_NOT_FOUND. */
MUST_CHECK int region_lookup(const struct region *r, const char *name, struct region_view *ret);

/** region_view() - the extent that begins at @addr. Return: 0, REGION_E_NOT_FOUND (also for addresses that can be none). */
MUST_CHECK int region_view(const struct region *r, uint64_t addr, struct region_view *ret);

/** region_nnamed() - extents with a name. */
uint32_t region_nnamed(const struct region *r);

/* Which extents region_list() shows; a zeroed one: all. */
struct region_filter {
	const struct owner *owner; /* holds it or shares it */
	bool by_uid;
	uint32_t uid;
	const char *pattern;             /* of fnmatch(3), for the name; NULL: any, and none */
	uint64_t limit_addr;             /* begins below; 0: the end */
	uint64_t min_npages, max_npages; /* max 0: any */
};

/**
 * region_list() - extents in order of address, in slices
 * @addr:   from here on; moved to where the next slice begins
 * @budget: extents, and shares of theirs, to look at; not 0, and no more than by one extent's shares is it exceeded
 * @ret, @max: where they are written, and how many
 * @ret_done: nothing is left behind
 *
 * Return: how many were written. O(budget), and with a filter for one owner who holds few, O(those) where that is less.
 */
uint32_t region_list(const struct region *r, const struct region_filter *f, uint64_t *addr,
		     uint32_t budget, struct region_view *ret, uint32_t max, bool *ret_done);

/**
 * region_share() - session @s becomes one more holder of the extent that begins at @addr
 *
 * Its pages and the extent count against the quotas of @s and its user too. The caller has seen to the right.
 * Return: 0, REGION_E_NOT_FOUND, REGION_E_HOLDS, REGION_E_SHARES, REGION_E_QUOTA, REGION_E_FAULTED, -ENOMEM.
 */
MUST_CHECK int region_share(struct region *r, struct session *s, uint64_t addr,
			    struct region_view *ret, struct region_refusal *ret_refusal);

/**
 * region_release() - session @s is no longer a holder of the extent that begins at @addr; where it (or, where it is no holder itself,
 * its user) owned it, the oldest of those who share it does now
 * @ret_nholders: that are left; 0: the pages are free
 *
 * Return: 0, REGION_E_NOT_FOUND, REGION_E_NOT_OWNER, REGION_E_FAULTED.
 */
MUST_CHECK int region_release(struct region *r, struct session *s, uint64_t addr,
			      uint64_t *ret_npages, uint32_t *ret_nholders,
			      struct region_refusal *ret_refusal);

/**
 * region_handover() - the extent that begins at @addr, which @s may free, becomes @to's, with name, label and shares
 *
 * The caller has seen to it that @to may be given things. Where @to shares it already, that share ends.
 * Return: 0, REGION_E_NOT_FOUND, REGION_E_NOT_OWNER, REGION_E_QUOTA, REGION_E_FAULTED, -ENOMEM.
 */
MUST_CHECK int region_handover(struct region *r, const struct session *s, uint64_t addr,
			       struct owner *to, uint64_t *ret_npages,
			       struct region_refusal *ret_refusal);

enum region_edge { REGION_UPPER, REGION_LOWER };

/**
 * region_resize() - the extent that begins at @addr gets @npages pages; @edge moves, the other one stays
 * @s:        who asks: must own it, as for region_free()
 * @ret_addr: where it begins now
 *
 * Grows the region where the extent reaches the upper end and auto-grow allows it.
 * Return: 0, REGION_E_EMPTY, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_NOT_ALLOCATED, REGION_E_INSIDE (refusal.addr:
 * where the extent begins that lies there), REGION_E_NOT_OWNER, REGION_E_NOT_FREE (refusal.addr: the first page, from the
 * edge on, that is in the way), REGION_E_BUSY (refusal.addr as before: nothing but busy pages is), REGION_E_QUOTA (of the extent's owner), REGION_E_SHARED, REGION_E_FAULTED, -ENOMEM. Nothing changed
 * but on 0.
 */
MUST_CHECK int region_resize(struct region *r, const struct session *s, uint64_t addr,
			     uint64_t npages, enum region_edge edge, uint64_t *ret_addr,
			     uint64_t *ret_scavenged, struct region_refusal *ret_refusal);

/**
 * region_split() - the extent around @addr becomes two, the upper one begins at @addr
 * @ret_addr: where the lower one begins
 *
 * The lower one keeps the name, both have the label.
 * Return: 0, as region_resize(); REGION_E_INSIDE where an extent begins at @addr already.
 */
MUST_CHECK int region_split(struct region *r, const struct session *s, uint64_t addr,
			    uint64_t *ret_addr, uint64_t *ret_npages, uint64_t *ret_upper_npages,
			    struct region_refusal *ret_refusal);

/**
 * region_join() - the extents that make up [@addr, @addr + @npages) become one; all must be of one owner
 *
 * It has the name that one of them had, and the label of the lowest that had one.
 * Return: 0, as region_resize(); REGION_E_INSIDE where the range begins or ends inside of an extent; REGION_E_NOT_OWNER also where
 * the owners differ; REGION_E_PLACEMENT where two have names (refusal.addr: the second of them).
 */
MUST_CHECK int region_join(struct region *r, const struct session *s, uint64_t addr,
			   uint64_t npages, uint32_t *ret_nextents,
			   struct region_refusal *ret_refusal);

/* Extents in a range: how many, how many pages of the range they hold, and the lowest of them. */
struct region_in_use {
	uint64_t nextents, npages;
	uint32_t n; /* listed */
	uint64_t addr[REGION_IN_USE_MAX], extent_npages[REGION_IN_USE_MAX];
};

/**
 * region_shrink() - take whole chunks out of the region: those in [@addr, @addr + @npages), or, where @addr is 0, those among the
 * highest @npages pages
 * @ret_addr, @ret_npages: what was taken out; usable pages, as for region_grow()
 * @ret_in_use:            written with REGION_E_IN_USE
 *
 * Drained ranges end where they are taken out, reserved ones stay.
 * Return: 0, REGION_E_EMPTY, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_CHUNKS, REGION_E_GROWN (some page is not grown),
 * REGION_E_IN_USE, REGION_E_BUSY (no extent lies there, but refusal.addr is busy), REGION_E_FAULTED, -ENOMEM. Nothing changed but on 0.
 */
MUST_CHECK int region_shrink(struct region *r, uint64_t addr, uint64_t npages, uint64_t *ret_addr,
			     uint64_t *ret_npages, struct region_in_use *ret_in_use,
			     struct region_refusal *ret_refusal);

/**
 * region_drain() - nothing new is placed in [@addr, @addr + @npages) from now on; with @undo, again
 * @ret_in_use: what still lies there
 *
 * Busy pages are let be until they are busy no more; those that become an extent lie there then.
 * Return: 0, REGION_E_EMPTY, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_RANGES, REGION_E_NOT_HELD (undo: some page is
 * not drained), REGION_E_FAULTED, -ENOMEM.
 */
MUST_CHECK int region_drain(struct region *r, uint64_t addr, uint64_t npages, bool undo,
			    struct region_in_use *ret_in_use, struct region_refusal *ret_refusal);

/**
 * region_reserve() - nobody may ever get [@addr, @addr + @npages), grown or not; with @undo, no longer
 * @ret_in_use: written with REGION_E_IN_USE
 *
 * Return: as region_drain(), REGION_E_IN_USE, REGION_E_BUSY (no extent lies there, but refusal.addr is busy).
 */
MUST_CHECK int region_reserve(struct region *r, uint64_t addr, uint64_t npages, bool undo,
			      struct region_in_use *ret_in_use, struct region_refusal *ret_refusal);

/** region_nreserved(), region_reserved(), region_ndrained(), region_drained() - the ranges, ascending, as addresses. */
size_t region_nreserved(const struct region *r);
void region_reserved(const struct region *r, size_t i, uint64_t *ret_addr, uint64_t *ret_npages);
size_t region_ndrained(const struct region *r);
void region_drained(const struct region *r, size_t i, uint64_t *ret_addr, uint64_t *ret_npages);

/** region_held_npages() - grown pages that nobody holds and nobody may get; busy ones are not among them. */
uint64_t region_held_npages(const struct region *r);

/** region_fragmentation_ppm() - millionths of the free pages that lie outside of the longest run: (free - longest) / free; 0 where none is free. */
uint32_t region_fragmentation_ppm(const struct region *r);

/**
 * region_free() - give back the ranges (@addr[i], @npages[i]), all or none
 * @s:          who asks: must own every page, as a session or by its user (see session_may_free())
 * @ret_npages: pages given back in all; written only on 0
 * @ret_shared: of these, pages that others hold on to
 *
 * A range may be part of an extent or span several; no page may be named twice. Ranges count as if they were given back one after the
 * other: the lowest part that is left of an extent keeps its name, all parts its label. Quotas never refuse a free, though it may leave
 * one extent more. An extent that several hold must lie in the range as a whole; its oldest sharer owns it then, except where the caller
 * frees what is somebody else's: then it is free for all, and who shares it without owning it gets REGION_E_SHARED, whatever its rights.
 * Return: 0, REGION_E_SHARED, REGION_E_EMPTY, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_NOT_ALLOCATED, REGION_E_NOT_OWNER,
 * REGION_E_FAULTED, -ENOMEM. Nothing is given back but on 0.
 */
MUST_CHECK int region_free(struct region *r, const struct session *s, const uint64_t *addr,
			   const uint64_t *npages, uint32_t n, uint64_t *ret_npages,
			   uint64_t *ret_shared, struct region_refusal *ret_refusal);

/**
 * region_grow() - add at least @npages at the upper end; rounded up to a chunk or to the limit
 * @addr: not 0: from there on, which must be the beginning of a chunk and not be grown
 *
 * Return: 0, REGION_E_EMPTY, REGION_E_LIMIT, REGION_E_OUT_OF_REGION, REGION_E_UNALIGNED, REGION_E_CHUNKS, REGION_E_GROWN,
 * REGION_E_FAULTED, -ENOMEM (nothing changed).
 */
MUST_CHECK int region_grow(struct region *r, uint64_t addr, uint64_t npages, uint64_t *ret_addr,
			   uint64_t *ret_npages, struct region_refusal *ret_refusal);

/**
 * region_reclaim() - give back extents and shares of @h, an ended session's, until it is empty or @budget is used up
 * @budget: extents that may still be given back in this slice; counted down
 *
 * In a region that keeps them (REGION_DEATH_KEEP) extents become the user's instead. Takes no memory: it cannot fail.
 * Return: true if the holding is empty (or lost to a faulted region) and gone.
 */
bool region_reclaim(struct holding *h, uint32_t *budget);

/**
 * region_unshare() - end the shares that @h, an ended session's, has in others' extents, until there are none or @budget is used up
 *
 * Return: true if there are none (or the region is faulted).
 */
MUST_CHECK bool region_unshare(struct holding *h, uint32_t *budget);

/** region_fault() - close the region because of @why. The first reason stays. */
void region_fault(struct region *r, const char *why, ...) PRINTF_LIKE(2, 3);

/** region_free_npages(), region_growable_npages() - free now; by so many the region may still grow at its upper end. */
static inline uint64_t region_free_npages(const struct region *r)
{
	return pagealloc_free_npages(r->pa);
}

static inline uint64_t region_growable_npages(const struct region *r)
{
	return r->limit_npages - r->end_npages;
}

/** region_addr() - address of a page. */
static inline uint64_t region_addr(const struct region *r, uint64_t page)
{
	return r->base_addr + (page << r->page_shift);
}

static inline uint64_t region_page_size(const struct region *r)
{
	return UINT64_C(1) << r->page_shift;
}

/** region_largest_npages() - longest run of free pages. */
uint64_t region_largest_npages(const struct region *r);

/** region_count() - of pages [@page, @page + @npages): how many are grown, how many of them are not free, and how many free ones are scavenged. O(grown ones / 64). */
void region_count(const struct region *r, uint64_t page, uint64_t npages, uint64_t *ret_grown,
		  uint64_t *ret_used, uint64_t *ret_scavenged);

/** region_nranges(), region_range() - grown ranges as addresses, within the limit. */
size_t region_nranges(const struct region *r);
void region_range(const struct region *r, size_t i, uint64_t *ret_addr, uint64_t *ret_npages);

/** region_check() - recount R1 to R6; @buf receives the first broken one, "R3: …". O(pages). */
MUST_CHECK bool region_check(const struct region *r, char *buf, size_t size);

/** region_dump() - the region for a person: numbers, extents (the first thousand), the allocator's map. */
void region_dump(const struct region *r, void (*emit)(void *ctx, const char *line), void *ctx);

#endif
