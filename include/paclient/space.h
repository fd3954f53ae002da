/*
 * space.h - the part of paclient.h about which addresses a region has, and which of them may be handed out
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_SPACE_H
#define PACLIENT_SPACE_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * paclient_grow() - add address space to a region, at its upper end
 * @npages:    at least so many; the daemon rounds up to 512 or to the region's limit
 * @ret_added: lowest new address and pages added; may be NULL
 *
 * Blocks. Errors of its own: NO_REGION, INVALID, LIMIT (error.limit: pages that may be added), FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_grow(paclient *client, uint32_t region_id,
						   uint64_t npages,
						   struct paclient_range *ret_added,
						   struct paclient_call *call);

/**
 * paclient_grow_at() - add address space to a region, from an address on
 * @addr:      a multiple of 512 pages from the base, where nothing is grown; 0 = the upper end
 * @npages:    at least so many; rounded up as for paclient_grow()
 * @ret_added: lowest new address and pages added; may be NULL
 *
 * Blocks. Errors as paclient_grow(), and: INVALID where @addr is no such multiple or some page is
 * grown already, OUT_OF_REGION, UNALIGNED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_grow_at(paclient *client, uint32_t region_id,
						      uint64_t addr, uint64_t npages,
						      struct paclient_range *ret_added,
						      struct paclient_call *call);

/**
 * paclient_shrink() - take unused address space out of a region
 * @addr:        the whole chunks of 512 pages, counted from the base, that lie in the range from
 *               here on; 0 = those among the highest @npages pages
 * @npages:      at most so many
 * @ret_removed: what was taken out; may be NULL
 *
 * Blocks. paclient_grow_at() brings it back. Where the base is 0, the lowest pages can only be
 * taken out from the upper end.
 * Errors of its own: NO_REGION, IN_USE (error.nextents, extents), INVALID (no whole chunk lies
 * there, or some page is not grown), OUT_OF_REGION, UNALIGNED, FAULTED. After a failure nothing has
 * changed.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_shrink(paclient *client, uint32_t region_id,
						     uint64_t addr, uint64_t npages,
						     struct paclient_range *ret_removed,
						     struct paclient_call *call);

/* Extents that a struct paclient_drain lists. */
#define PACLIENT_DRAIN_EXTENTS_MAX 64

/* What still lies in a range that is being drained. */
struct paclient_drain {
	size_t size;       /* sizeof(struct paclient_drain) */
	uint64_t nextents; /* that lie there, in part or in full */
	uint64_t npages;   /* pages of the range that they hold */
	size_t nlisted;    /* of the extents, so many are listed here */
	struct paclient_range extents[PACLIENT_DRAIN_EXTENTS_MAX]; /* the lowest, ascending */
};

/**
 * paclient_drain() - place nothing new in a range from now on
 * @addr:      of the first page
 * @npages:    how many
 * @ret_drain: the caller's; its size field says how much of it is written; may be NULL
 *
 * Blocks, but does not wait for the range to become empty: who holds pages there keeps them. What
 * is freed there stays unused. Asked again it says what is left. For all sessions, until
 * paclient_undrain() or until the range is shrunk away.
 * Errors of its own: NO_REGION, INVALID, OUT_OF_REGION, UNALIGNED, LIMIT (too many such ranges),
 * FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_drain(paclient *client, uint32_t region_id,
						    uint64_t addr, uint64_t npages,
						    struct paclient_drain *ret_drain,
						    struct paclient_call *call);

/**
 * paclient_undrain() - let the pages of a drained range be used again
 *
 * Blocks. Errors as paclient_drain(); INVALID where some page of the range is not drained.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_undrain(paclient *client, uint32_t region_id,
						      uint64_t addr, uint64_t npages,
						      struct paclient_call *call);

/**
 * paclient_reserve() - make a hole: nobody may ever get these pages, grown or not
 * @addr:   of the first page
 * @npages: how many
 *
 * Blocks. Errors as paclient_drain(), and IN_USE (error.nextents, extents).
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_reserve(paclient *client, uint32_t region_id,
						      uint64_t addr, uint64_t npages,
						      struct paclient_call *call);

/**
 * paclient_unreserve() - close a hole again
 *
 * Blocks. Errors as paclient_drain(); INVALID where some page of the range is not reserved.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_unreserve(paclient *client, uint32_t region_id,
							uint64_t addr, uint64_t npages,
							struct paclient_call *call);

#ifdef __cplusplus
}
#endif

#endif
