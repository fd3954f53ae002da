/*
 * place.h - the part of paclient.h about where an alloc may lie, and all else that it may be told; where it would lie, and why it does not fit
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_PLACE_H
#define PACLIENT_PLACE_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What paclient_placement.addr means. */
enum paclient_rule {
	PACLIENT_ANYWHERE = 0, /* nothing */
	PACLIENT_FIXED = 1, /* the extent begins at addr, or there is none; for one extent only */
	PACLIENT_HINT = 2   /* at addr if that can be, else as ANYWHERE; for one extent only */
};

/* Which of the places that fit is taken. */
enum paclient_strategy {
	PACLIENT_FIRST = 0, /* the lowest */
	PACLIENT_LAST = 1,  /* the highest */
	/* The lowest in the shortest run of free pages that fits; where paclient_region.best_fit. */
	PACLIENT_BEST = 2
};

/*
 * Where extents may lie. All that is set must hold for each extent; PACLIENT_PLACEMENT_INIT sets
 * nothing. Alignment and boundary count from address 0, not from the region's base.
 */
struct paclient_placement {
	size_t size;           /* sizeof(struct paclient_placement) */
	uint64_t align_npages; /* it begins at a multiple of so many pages; power of two; 0 = 1 */
	/* No multiple of so many pages lies inside it; power of two; 0 = none. */
	uint64_t boundary_npages;
	uint64_t lowest_addr; /* no page lies below; 0 = the region's base */
	uint64_t limit_addr;  /* no page reaches beyond; 0 = the region's end */
	uint64_t addr;        /* see rule */
	int rule;             /* enum paclient_rule */
	int strategy;         /* enum paclient_strategy */
};

#define PACLIENT_PLACEMENT_INIT                                        \
	{                                                              \
		sizeof(struct paclient_placement), 0, 0, 0, 0, 0, 0, 0 \
	}

/**
 * paclient_alloc_placed() - take extents where a placement allows it: all of them or none
 * @n:         how many, 1 to paclient_batch_max(); 1 with PACLIENT_FIXED and PACLIENT_HINT
 * @npages:    the length of each
 * @flags:     0 or PACLIENT_DETACHED
 * @placement: only read; NULL = paclient_alloc_batch()
 * @ret_addrs: room for @n addresses, in the same order
 *
 * Blocks. If places that the placement allows exist for an extent, one is found, and it is the
 * lowest of them, or the one that the strategy asks for. Late replies are dealt with as for
 * paclient_alloc().
 * Errors as paclient_alloc_batch(), and: INVALID for a placement that nothing can meet, or a
 * strategy that the region does not keep books for (error.field names the field: "align_npages",
 * ...); NO_SPACE (with error.placed_npages, aligned_npages, bounded_npages); NOT_FREE (error.addr),
 * UNALIGNED and OUT_OF_REGION about addr.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_alloc_placed(
	paclient *client, uint32_t region_id, size_t n, const uint64_t *npages, unsigned flags,
	const struct paclient_placement *placement, uint64_t *ret_addrs,
	struct paclient_call *call);

/**
 * paclient_alloc_scattered() - take pages in up to so many extents: all of them or none
 * @npages:       pages in all, from 1
 * @max_extents:  1 to paclient_batch_max()
 * @flags:        0 or PACLIENT_DETACHED
 * @placement:    only read; goes for each extent; NULL = anywhere
 * @ret_ranges:   room for @max_extents; so many as @ret_nranges says are written, npages in all
 * @ret_nranges:  extents taken
 *
 * Blocks. One extent where that fits without growing; otherwise few, the longest runs first. With
 * an alignment every extent but the last is a multiple of it long. Each is an extent of its own from then
 * on. Late replies are dealt with as for paclient_alloc().
 * Errors as paclient_alloc_placed(); NO_SPACE where even @max_extents extents do not suffice.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_alloc_scattered(
	paclient *client, uint32_t region_id, uint64_t npages, size_t max_extents, unsigned flags,
	const struct paclient_placement *placement, struct paclient_range *ret_ranges,
	size_t *ret_nranges, struct paclient_call *call);

/* When memory is put behind the pages of an extent. */
enum paclient_commit {
	PACLIENT_COMMIT_DEFAULT = 0, /* as the region's configuration says */
	/* When they are first touched: where there is none left then, the program gets SIGBUS. */
	PACLIENT_COMMIT_LAZY = 1,
	PACLIENT_COMMIT_NOW = 2 /* before the reply: where there is none, NO_MEMORY */
};

/** paclient_commit_name() - "now"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_commit_name(int commit);

/* What there is to say about the memory of pages that an alloc or a resize got. */
struct paclient_alloced {
	size_t size;               /* sizeof(struct paclient_alloced) */
	uint64_t scavenged_npages; /* of all pages, how many had no memory behind them */
	uint64_t cleared_npages;   /* of all pages, how many had to be cleared */
};

/* All that an alloc may be told. PACLIENT_ALLOC_OPTIONS_INIT sets nothing. */
struct paclient_alloc_options {
	size_t size;                                /* sizeof(struct paclient_alloc_options) */
	const struct paclient_placement *placement; /* goes for each extent; NULL = anywhere */
	const char
		*name; /* of the one extent, unique in the region, 63 bytes at most; NULL = none */
	const char *label; /* of all extents, for people, 127 bytes at most; NULL = none */
	unsigned flags;    /* 0 or PACLIENT_DETACHED */
	int wait_ms;       /* where there is no space, wait for it so long; 0 = not at all */
	int commit;        /* enum paclient_commit: when memory is put behind the pages */
	bool zero;         /* the pages read as zeros; those without memory do so anyway */
	/* Written on success, its size field says how much; NULL = nobody wants to know. */
	struct paclient_alloced *ret_alloced;
};

#define PACLIENT_ALLOC_OPTIONS_INIT                                                           \
	{                                                                                     \
		sizeof(struct paclient_alloc_options), NULL, NULL, NULL, 0, 0, 0, false, NULL \
	}

/**
 * paclient_alloc_with() - take extents with all that there is to say about them: all or none
 * @n:         how many, 1 to paclient_batch_max(); 1 with a name
 * @npages:    the length of each
 * @options:   only read; NULL = the defaults
 * @ret_addrs: room for @n addresses, in the same order
 *
 * Blocks. With options.wait_ms those who wait for space in a region get it first come, first served,
 * and the deadline is the handle's timeout later by as much; a timeout of the call's own stays what
 * it is, and the daemon waits no longer than that. Meanwhile the handle's other requests wait behind
 * this one: a program with several threads better waits on a handle of its own. Whoever has waited in
 * vain gets NO_SPACE or QUOTA. Late replies are dealt with as for paclient_alloc().
 * Errors as paclient_alloc_placed(), and NAME_TAKEN, INVALID for a name that cannot be one,
 * NO_MEMORY where there is none to put behind the pages, UNKNOWN_VERB where the daemon is too old for
 * what is set.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_alloc_with(
	paclient *client, uint32_t region_id, size_t n, const uint64_t *npages,
	const struct paclient_alloc_options *options, uint64_t *ret_addrs,
	struct paclient_call *call);

/**
 * paclient_alloc_scattered_with() - paclient_alloc_scattered() with all that there is to say
 * @options: only read; NULL = the defaults; a name is for one extent and not for this
 *
 * Blocks. Errors and deadline as for both.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_alloc_scattered_with(
	paclient *client, uint32_t region_id, uint64_t npages, size_t max_extents,
	const struct paclient_alloc_options *options, struct paclient_range *ret_ranges,
	size_t *ret_nranges, struct paclient_call *call);

/* What would become of an alloc. */
struct paclient_why {
	size_t size;                 /* sizeof(struct paclient_why) */
	bool fits;                   /* as things stand now */
	uint64_t addr;               /* fits: where it would go */
	uint64_t grow_npages;        /* fits: so many pages the region would grow by first */
	uint64_t free_npages;        /* pages free in the region */
	uint64_t largest_npages;     /* longest run of free pages */
	uint64_t placed_npages;      /* longest run that the placement allows */
	uint64_t growable_npages;    /* pages that the region may still grow by */
	uint64_t short_npages;       /* does not fit: so much is missing to placed_npages */
	uint64_t aligned_npages;     /* longest run that alignment and boundary alone allow */
	uint64_t bounded_npages;     /* longest run that the bounds alone allow */
	uint64_t quota_npages;       /* pages that the quotas leave to the caller in this region */
	uint64_t quota_short_npages; /* does not fit: so many pages a quota is too small */
	char quota[PACLIENT_QUOTA_BYTES]; /* the quota that leaves least; "" = none */
};

/**
 * paclient_why() - where one extent would go now, or why it does not fit; nothing changes
 * @npages:    its length, from 1
 * @placement: only read; NULL = anywhere, as low as possible
 * @ret_why:   the caller's; its size field says how much of it is written
 *
 * Blocks. That it does not fit is a result, not a failure. Whether it still fits when it is asked
 * for depends on what others do meanwhile.
 * Errors as paclient_alloc_placed(), without NO_SPACE and NOT_FREE.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_why(paclient *client, uint32_t region_id,
						  uint64_t npages,
						  const struct paclient_placement *placement,
						  struct paclient_why *ret_why,
						  struct paclient_call *call);

/**
 * paclient_fit() - how many extents of one length fit now, side by side; nothing changes
 * @npages:       the length of each, from 1
 * @placement:    only read; rule, addr and strategy mean nothing here; NULL = anywhere
 * @ret_nextents: counted from the lowest place up, in the pages that there are: growth not included
 *
 * Blocks. Errors as paclient_why().
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_fit(paclient *client, uint32_t region_id,
						  uint64_t npages,
						  const struct paclient_placement *placement,
						  uint64_t *ret_nextents,
						  struct paclient_call *call);

#ifdef __cplusplus
}
#endif

#endif
