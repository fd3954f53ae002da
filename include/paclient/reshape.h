/*
 * reshape.h - the part of paclient.h about extents that become longer or shorter, two or one
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_RESHAPE_H
#define PACLIENT_RESHAPE_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Which end of an extent moves. */
enum paclient_edge {
	PACLIENT_UPPER = 0, /* where it ends */
	PACLIENT_LOWER = 1  /* where it begins */
};

/**
 * paclient_resize() - give an extent another length where it is
 * @addr:     where it begins now
 * @npages:   its new length, from 1
 * @edge:     enum paclient_edge: the end that moves; the other one stays
 * @ret_addr: where it begins from now on; may be NULL
 *
 * Blocks. It gets free pages beside it, or gives pages back; what it keeps stays held all the time.
 * At the region's upper end the region grows for it if it does so by itself.
 * Errors of its own: NO_REGION, INVALID (also where no extent begins at @addr: error.addr says
 * where the one around it does), OUT_OF_REGION, UNALIGNED, NOT_ALLOCATED, NOT_OWNER, NOT_FREE
 * (error.addr: the first page, from the edge on, that is in the way), FAULTED. After a failure
 * nothing has changed.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_resize(paclient *client, uint32_t region_id,
						     uint64_t addr, uint64_t npages, int edge,
						     uint64_t *ret_addr,
						     struct paclient_call *call);

/**
 * paclient_resize_with() - paclient_resize() that says what memory the new pages had
 * @ret_alloced: the caller's; its size field says how much of it is written; may be NULL
 *
 * Blocks. Errors as paclient_resize(), and NO_MEMORY.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_resize_with(paclient *client, uint32_t region_id,
							  uint64_t addr, uint64_t npages, int edge,
							  uint64_t *ret_addr,
							  struct paclient_alloced *ret_alloced,
							  struct paclient_call *call);

/**
 * paclient_split() - make two extents of one
 * @addr:      where the upper one shall begin: inside of an extent, not at its beginning
 * @ret_lower: the lower extent; may be NULL
 * @ret_upper: the upper one, which begins at @addr; may be NULL
 *
 * Blocks. No page changes hands. Parts of an extent may be given back without this: it is for
 * those that go to paclient_resize() by themselves.
 * Errors as paclient_resize(), without NOT_FREE.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_split(paclient *client, uint32_t region_id,
						    uint64_t addr, struct paclient_range *ret_lower,
						    struct paclient_range *ret_upper,
						    struct paclient_call *call);

/**
 * paclient_join() - make one extent of those that touch
 * @addr:         where the lowest begins
 * @npages:       up to where the highest ends
 * @ret_nextents: so many have become one; may be NULL
 *
 * Blocks. All must have one owner. Errors as paclient_split(); INVALID where the range begins or
 * ends inside of an extent, NOT_ALLOCATED where it has a gap.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_join(paclient *client, uint32_t region_id,
						   uint64_t addr, uint64_t npages,
						   uint64_t *ret_nextents,
						   struct paclient_call *call);

#ifdef __cplusplus
}
#endif

#endif
